/* Values as text, as a Go program prints them: what kubectl shows behind a path. See jsonpath.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jsonpath.h"
#include "members.h"

/* The fewest digits that read back as d: "d.ddde±xx". */
static void shortest(double d, char *ret, size_t size)
{
    for (int digits = 0; digits < 17; digits++) {
        snprintf(ret, size, "%.*e", digits, d);
        if (strtod(ret, NULL) == d)
            return;
    }
}

/* A float in positional notation, unless its exponent is below least or above 20. */
static void add_double(double d, int least, struct print_text *out)
{
    char text[40], digits[24];
    size_t n = 0;
    int exponent;

    shortest(d, text, sizeof text);
    exponent = atoi(strchr(text, 'e') + 1);
    if (d != 0 && (exponent < least || exponent > 20)) {
        print_addf(out, "%s", text);
        return;
    }
    for (const char *c = text; *c != 'e'; c++)
        if (*c >= '0' && *c <= '9')
            digits[n++] = *c;
    print_addf(out, "%s%s", text[0] == '-' ? "-" : "", exponent < 0 ? "0." : "");
    for (int i = exponent + 1; i < 0; i++)
        print_addf(out, "0");
    for (int i = 0; i < (int)n || i <= exponent; i++)
        print_addf(out, "%s%c", i == exponent + 1 && exponent >= 0 ? "." : "", i < (int)n ? digits[i] : '0');
}

static void add_scalar(const struct tarn_value *v, int least, const char *null, struct print_text *out)
{
    switch (v->type) {
    case TARN_STRING:
        print_add(out, v->string);
        return;
    case TARN_BOOL:
        print_addf(out, "%s", v->boolean ? "true" : "false");
        return;
    case TARN_INT:
        print_addf(out, "%" PRId64, v->i);
        return;
    case TARN_UINT: /* Go's decoder has no such integers */
        add_double((double)v->u, least, out);
        return;
    case TARN_DOUBLE:
        add_double(v->d, least, out);
        return;
    default:
        print_addf(out, "%s", null);
    }
}

/* How a container is written: what stands around and between. */
struct brackets {
    const char *map, *map_end, *array, *array_end, *colon, *comma;
    void (*key)(struct tarn_bytes key, struct print_text *out);
    void (*value)(const struct tarn_value *v, struct print_text *out);
};

/* A map's members in the order of their names. */
static void add_map(const struct tarn_value *v, const struct brackets *b, struct print_text *out)
{
    struct member *members = NULL;
    size_t n = 0;

    if (!out->err)
        out->err = members_sorted(v, &members, &n);
    print_adds(out, b->map);
    for (size_t i = 0; i < n; i++) {
        print_adds(out, i ? b->comma : "");
        b->key(members[i].key, out);
        print_adds(out, b->colon);
        b->value(&members[i].value, out);
    }
    print_adds(out, b->map_end);
    free(members);
}

static void add_array(const struct tarn_value *v, const struct brackets *b, struct print_text *out)
{
    struct tarn_value it = *v, element;
    const char *before = b->array;

    while (tarn_value_next(&it, NULL, &element) == 1) {
        print_adds(out, before);
        b->value(&element, out);
        before = b->comma;
    }
    print_adds(out, before == b->array ? before : "");
    print_adds(out, b->array_end);
}

/* ---- JSON ------------------------------------------------------------------------------------------ */

static void json_string(struct tarn_bytes s, struct print_text *out)
{
    print_adds(out, "\"");
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        static const char plain[] = "\"\\\n\r\t\b\f", escaped[] = "\"\\nrtbf";
        const char *at = c ? strchr(plain, c) : NULL;

        if (at)
            print_addf(out, "\\%c", escaped[at - plain]);
        else if (c < 0x20 || c == '<' || c == '>' || c == '&')
            print_addf(out, "\\u%04x", c);
        else
            print_add(out, (struct tarn_bytes){s.data + i, 1});
    }
    print_adds(out, "\"");
}

static void json_value(const struct tarn_value *v, struct print_text *out)
{
    static const struct brackets json = {"{", "}", "[", "]", ":", ",", json_string, json_value};

    if (v->type == TARN_MAP)
        add_map(v, &json, out);
    else if (v->type == TARN_ARRAY)
        add_array(v, &json, out);
    else if (v->type == TARN_STRING)
        json_string(v->string, out);
    else
        add_scalar(v, -6, "null", out);
}

void jsonpath_text(const struct tarn_value *v, struct print_text *out)
{
    if (v->type == TARN_MAP || v->type == TARN_ARRAY)
        json_value(v, out);
    else
        add_scalar(v, -4, "<nil>", out);
}

/* ---- Go's %v ------------------------------------------------------------------------------------------- */

static void plain_key(struct tarn_bytes key, struct print_text *out)
{
    print_add(out, key);
}

void jsonpath_plain(const struct tarn_value *v, struct print_text *out)
{
    static const struct brackets go = {"map[", "]", "[", "]", ":", " ", plain_key, jsonpath_plain};

    if (v->type == TARN_MAP)
        add_map(v, &go, out);
    else if (v->type == TARN_ARRAY)
        add_array(v, &go, out);
    else
        add_scalar(v, -4, "<nil>", out);
}
