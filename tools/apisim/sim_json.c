/* sim_json.c - printing as encoding/json does, parsing by jansson. */
#include "sim_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- printing ------------------------------------------------------------------------------ */

static bool plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' && c != 0xe2 && c != 0x7f;
}

/* Append the escape of the character at s[0]; returns how many bytes it took. */
static size_t put_escape(struct tarn_buf *out, const char *s, size_t n)
{
    unsigned char c = (unsigned char)s[0];
    const char *names = "\"\"\\\\\bb\ff\nn\rr\tt", *p;

    if (c == 0xe2 && n >= 3 && (unsigned char)s[1] == 0x80 && ((unsigned char)s[2] & 0xfe) == 0xa8) {
        sim_putf(out, "\\u20%02x", (unsigned)((unsigned char)s[2] & 1) + 0x28);
        return 3;
    }
    if (c >= 0x7f) {
        sim_put(out, s, 1);
        return 1;
    }
    for (p = names; *p; p += 2)
        if ((unsigned char)*p == c) {
            sim_putf(out, "\\%c", p[1]);
            return 1;
        }
    sim_putf(out, "\\u%04x", c);
    return 1;
}

void sim_json_put_string(struct tarn_buf *out, struct tarn_bytes s)
{
    size_t i = 0;

    sim_put(out, "\"", 1);
    while (i < s.len) {
        size_t from = i;

        while (i < s.len && plain((unsigned char)s.data[i]))
            i++;
        sim_put(out, s.data + from, i - from);
        if (i < s.len)
            i += put_escape(out, s.data + i, s.len - i);
    }
    sim_put(out, "\"", 1);
}

/* The shortest digits that read back the same, in the form of encoding/json: exponents below 1e-6 and from 1e21 on. */
static void put_real(struct tarn_buf *out, double d)
{
    char text[40], *e;
    int precision;

    for (precision = 1; precision < 17; precision++) {
        (void)snprintf(text, sizeof text, "%.*e", precision - 1, d);
        if (strtod(text, NULL) == d)
            break;
    }
    if (d == 0) {
        sim_puts(out, "0");
        return;
    }
    if (fabs(d) >= 1e-6 && fabs(d) < 1e21) {
        int exponent;

        (void)snprintf(text, sizeof text, "%.*e", precision - 1, d);
        exponent = atoi(strchr(text, 'e') + 1);
        (void)snprintf(text, sizeof text, "%.*f", precision - 1 > exponent ? precision - 1 - exponent : 0, d);
        if (exponent >= precision - 1) { /* the digits behind the shortest ones are zeros in Go's print */
            (void)snprintf(text, sizeof text, "%.*e", precision - 1, d);
            e = strchr(text, 'e');
            *e = 0;
            for (char *p = text; *p; p++)
                if (*p != '.')
                    sim_put(out, p, 1);
            for (int i = precision - 1; i < exponent; i++)
                sim_put(out, "0", 1);
            return;
        }
        sim_puts(out, text);
        return;
    }
    (void)snprintf(text, sizeof text, "%.*e", precision - 1, d);
    e = strchr(text, 'e');
    sim_put(out, text, (size_t)(e - text));
    sim_putf(out, "e%c%d", e[1], atoi(e + 2));
}

static int by_key(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void put_member(struct tarn_buf *out, const char *key, const json_t *v, bool sorted)
{
    sim_json_put_string(out, tarn_bytes_of(key));
    sim_put(out, ":", 1);
    sim_json_dump(v, sorted, out);
}

const char **sim_json_keys(const json_t *v, size_t *ret_n)
{
    const char **keys = sim_alloc((json_object_size(v) + 1) * sizeof *keys), *key;
    json_t *member;

    *ret_n = 0;
    json_object_foreach((json_t *)(uintptr_t)v, key, member)
        keys[(*ret_n)++] = key;
    qsort(keys, *ret_n, sizeof *keys, by_key);
    return keys;
}

static void put_sorted(const json_t *v, struct tarn_buf *out)
{
    size_t n;
    const char **keys = sim_json_keys(v, &n);

    for (size_t i = 0; i < n; i++) {
        sim_puts(out, i ? "," : "");
        put_member(out, keys[i], json_object_get(v, keys[i]), true);
    }
    free(keys);
}

static void put_object(const json_t *v, bool sorted, struct tarn_buf *out)
{
    const char *key;
    json_t *member;
    bool first = true;

    sim_put(out, "{", 1);
    if (sorted) {
        put_sorted(v, out);
    } else {
        json_object_foreach((json_t *)(uintptr_t)v, key, member) {
            sim_puts(out, first ? "" : ",");
            put_member(out, key, member, false);
            first = false;
        }
    }
    sim_put(out, "}", 1);
}

static void put_array(const json_t *v, bool sorted, struct tarn_buf *out)
{
    sim_put(out, "[", 1);
    for (size_t i = 0; i < json_array_size(v); i++) {
        sim_puts(out, i ? "," : "");
        sim_json_dump(json_array_get(v, i), sorted, out);
    }
    sim_put(out, "]", 1);
}

void sim_json_dump(const json_t *v, bool sorted, struct tarn_buf *out)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        put_object(v, sorted, out);
        break;
    case JSON_ARRAY:
        put_array(v, sorted, out);
        break;
    case JSON_STRING:
        sim_json_put_string(out, (struct tarn_bytes){json_string_value(v), json_string_length(v)});
        break;
    case JSON_INTEGER:
        sim_putf(out, "%lld", (long long)json_integer_value(v));
        break;
    case JSON_REAL:
        put_real(out, json_real_value(v));
        break;
    case JSON_TRUE:
        sim_puts(out, "true");
        break;
    case JSON_FALSE:
        sim_puts(out, "false");
        break;
    case JSON_NULL:
        sim_puts(out, "null");
        break;
    }
}

/* ---- parsing ------------------------------------------------------------------------------- */

json_t *sim_json_parse(struct tarn_bytes text, struct tarn_error *err)
{
    json_error_t e;
    json_t *v = json_loadb(text.data ? text.data : "", text.len, JSON_ALLOW_NUL, &e);

    /* An integer beyond int64 is a float to an API server; jansson reads it only if every number is one. */
    if (!v && json_error_code(&e) == json_error_numeric_overflow)
        v = json_loadb(text.data, text.len, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &e);
    if (!v)
        (void)tarn_error_set(err, TARN_E_SYNTAX, "line %d column %d: %s", e.line, e.column, e.text);
    return v;
}

json_t *sim_json_of_object(const struct sim_object *o)
{
    struct tarn_buf text = {0};
    json_t *v;

    sim_object_render(o, &text);
    v = sim_json_parse(tarn_buf_bytes(&text), NULL);
    tarn_buf_release(&text);
    return v ? v : json_object();
}

json_t *sim_json_at(const json_t *v, const char *path)
{
    while (v && *path) {
        size_t n = strcspn(path, ".");
        char key[128];

        if (n >= sizeof key)
            return NULL;
        memcpy(key, path, n);
        key[n] = 0;
        v = json_object_get(v, key);
        path += n + (path[n] == '.');
    }
    return (json_t *)(uintptr_t)v;
}

const char *sim_json_text(const json_t *v, const char *path)
{
    const char *s = json_string_value(sim_json_at(v, path));

    return s ? s : "";
}
