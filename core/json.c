/* json.c - MessagePack as JSON text: same keys and order, integers exact, doubles shortest that read back equal.
 *
 * Walks with a stack of its own, so depth costs memory and never the C stack. A double always carries a point or
 * an exponent: read again, it is a double again. Bytes that are no UTF-8 (only a damaged region has them) come
 * out as U+FFFD, so the text is valid JSON whatever the body holds.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "utf8.h"
#include "value.h"

/* ---- numbers ------------------------------------------------------------------------------ */

#define DOUBLE_CHARS 48

/* A finite double as 0.d1d2d3... is written in science: d1.d2d3... x 10^exp. */
struct decimal {
    bool negative;
    char digits[18];
    int n, exp;
};

/* Takes digits only, so that it does not matter which decimal point the process's locale prints. */
static void decimal_scan(const char *text, struct decimal *ret)
{
    *ret = (struct decimal){.negative = *text == '-'};
    for (; *text && *text != 'e'; text++)
        if (*text >= '0' && *text <= '9' && ret->n < 17)
            ret->digits[ret->n++] = *text;
    ret->exp = *text ? atoi(text + 1) : 0;
    while (ret->n > 1 && ret->digits[ret->n - 1] == '0')
        ret->n--;
}

/* 15 digits always survive in a normal double (fewer may in others); 17 always tell it from its neighbours. */
static void decimal_of(double d, struct decimal *ret)
{
    char text[DOUBLE_CHARS];

    for (int digits = isnormal(d) ? 15 : 1; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*e", digits - 1, d);
        if (strtod(text, NULL) == d)
            break;
    }
    decimal_scan(text, ret);
}

/* Fixed notation within Go's bounds, 1e-6 <= |d| < 1e21. */
static int fixed_write(const struct decimal *d, struct tarn_buf *out)
{
    const char *zeros = "00000000000000000000";

    if (d->exp < 0)
        return tarn_buf_addf(out, "0.%.*s%.*s", -d->exp - 1, zeros, d->n, d->digits);
    if (d->exp >= d->n - 1)
        return tarn_buf_addf(out, "%.*s%.*s.0", d->n, d->digits, d->exp - d->n + 1, zeros);
    return tarn_buf_addf(out, "%.*s.%.*s", d->exp + 1, d->digits, d->n - d->exp - 1, d->digits + d->exp + 1);
}

static int double_write(double v, struct tarn_buf *out)
{
    struct decimal d;
    int err;

    if (!isfinite(v))
        return tarn_buf_adds(out, "null"); /* no JSON text ever made it */
    decimal_of(v, &d);
    err = d.negative ? tarn_buf_adds(out, "-") : 0;
    if (err)
        return err;
    if (d.exp >= -6 && d.exp < 21)
        return fixed_write(&d, out);
    return tarn_buf_addf(out, "%c%s%.*se%+d", d.digits[0], d.n > 1 ? "." : "", d.n - 1, d.digits + 1, d.exp);
}

/* ---- strings ------------------------------------------------------------------------------ */

static int escape_write(uint8_t c, struct tarn_buf *out)
{
    static const char short_forms[] = "\"\"\\\\\bb\ff\nn\rr\tt";

    for (const char *s = short_forms; *s; s += 2)
        if ((uint8_t)*s == c)
            return tarn_buf_add(out, (char[]){'\\', s[1]}, 2);
    return tarn_buf_addf(out, "\\u%04x", c);
}

/* Bytes from p on that stand for themselves in a JSON string. */
static size_t plain_run(const uint8_t *p, const uint8_t *end)
{
    const uint8_t *s = p;

    while (s < end && *s >= 0x20 && *s != '"' && *s != '\\') {
        int len = *s < 0x80 ? 1 : tarn_utf8_check(s, (size_t)(end - s));

        if (len <= 0)
            break;
        s += len;
    }
    return (size_t)(s - p);
}

static int string_write(struct tarn_bytes text, struct tarn_buf *out)
{
    const uint8_t *p = (const uint8_t *)text.data, *end = p + text.len;
    int err = tarn_buf_add(out, "\"", 1);

    while (!err && p < end) {
        size_t n = plain_run(p, end);

        err = tarn_buf_add(out, p, n);
        p += n;
        if (err || p == end)
            break;
        err = *p < 0x80 ? escape_write(*p, out) : tarn_buf_adds(out, TARN_UTF8_REPLACEMENT);
        p++;
    }
    return err ? err : tarn_buf_add(out, "\"", 1);
}

/* ---- the walk ------------------------------------------------------------------------------ */

struct level {
    uint32_t left; /* elements or pairs still to come */
    bool map, begun;
};

struct writer {
    struct tarn_buf *out;
    struct tarn_buf stack; /* of struct level */
    int indent;
};

static size_t depth(const struct writer *w)
{
    return w->stack.len / sizeof(struct level);
}

static struct level *top(const struct writer *w)
{
    return (struct level *)(w->stack.data + w->stack.len) - 1;
}

static int new_line(struct writer *w)
{
    static const char spaces[] = "                                ";
    size_t left = depth(w) * (size_t)w->indent;
    int err = w->indent ? tarn_buf_adds(w->out, "\n") : 0;

    while (!err && left) {
        size_t n = left < sizeof spaces - 1 ? left : sizeof spaces - 1;

        err = tarn_buf_add(w->out, spaces, n);
        left -= n;
    }
    return err;
}

static int container_open(struct writer *w, const struct tarn_value *v)
{
    struct level l = {.left = v->count, .map = v->type == TARN_MAP};

    if (!l.left)
        return tarn_buf_adds(w->out, l.map ? "{}" : "[]");
    if (depth(w) >= TARN_VALUE_DEPTH_MAX)
        return TARN_E_CORRUPT; /* the transcoder makes none so deep */
    if (tarn_buf_adds(w->out, l.map ? "{" : "["))
        return TARN_E_NOMEM;
    return tarn_buf_add(&w->stack, &l, sizeof l);
}

static int value_write(struct writer *w, const struct tarn_value *v)
{
    switch (v->type) {
    case TARN_NIL:
        return tarn_buf_adds(w->out, "null");
    case TARN_BOOL:
        return tarn_buf_adds(w->out, v->boolean ? "true" : "false");
    case TARN_INT:
        return tarn_buf_addf(w->out, "%" PRId64, v->i);
    case TARN_UINT:
        return tarn_buf_addf(w->out, "%" PRIu64, v->u);
    case TARN_DOUBLE:
        return double_write(v->d, w->out);
    case TARN_STRING:
        return string_write(v->string, w->out);
    default:
        return container_open(w, v);
    }
}

static int key_write(struct writer *w, const uint8_t **p, const uint8_t *end)
{
    struct tarn_value key;
    int err;

    *p = tarn_value_read(*p, end, &key);
    if (!*p || key.type != TARN_STRING)
        return TARN_E_CORRUPT;
    err = string_write(key.string, w->out);
    return err ? err : tarn_buf_adds(w->out, w->indent ? ": " : ":");
}

/* Close every container that has nothing left. */
static int containers_close(struct writer *w)
{
    int err = 0;

    while (!err && w->stack.len && !top(w)->left) {
        bool map = top(w)->map;

        w->stack.len -= sizeof(struct level);
        err = new_line(w);
        if (!err)
            err = tarn_buf_adds(w->out, map ? "}" : "]");
    }
    return err;
}

/* One element of the innermost container: comma, line, key, value. */
static int element_write(struct writer *w, const uint8_t **p, const uint8_t *end)
{
    struct level *l = top(w);
    struct tarn_value v;
    int err = l->begun ? tarn_buf_adds(w->out, ",") : 0;

    l->begun = true;
    l->left--;
    if (!err)
        err = new_line(w);
    if (!err && l->map)
        err = key_write(w, p, end);
    if (err)
        return err;
    *p = tarn_value_read(*p, end, &v);
    return *p ? value_write(w, &v) : TARN_E_CORRUPT;
}

int tarn_value_to_json(const struct tarn_value *v, int indent, struct tarn_buf *out)
{
    struct writer w = {.out = out, .indent = indent};
    const uint8_t *p = (const uint8_t *)v->raw.data, *end = v->raw.len ? p + v->raw.len : p;
    size_t before = out->len;
    int err = value_write(&w, v);

    while (!err && w.stack.len) {
        err = element_write(&w, &p, end);
        if (!err)
            err = containers_close(&w);
    }
    tarn_buf_release(&w.stack);
    if (err)
        out->len = before;
    return err;
}

int tarn_object_to_json(const struct tarn_object *obj, struct tarn_buf *out)
{
    struct tarn_value root;
    int err = tarn_value_parse(tarn_object_body(obj), &root);

    return err ? err : tarn_value_to_json(&root, 0, out);
}
