/* Values as text, as a Go program prints them: what kubectl shows behind a path. See jsonpath.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
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
static void add_double(double d, int least, struct tarn_buf *out)
{
    char text[40], digits[24];
    size_t n = 0;
    int exponent;

    shortest(d, text, sizeof text);
    exponent = atoi(strchr(text, 'e') + 1);
    if (d != 0 && (exponent < least || exponent > 20)) {
        cli_addf(out, "%s", text);
        return;
    }
    for (const char *c = text; *c != 'e'; c++)
        if (*c >= '0' && *c <= '9')
            digits[n++] = *c;
    cli_addf(out, "%s%s", text[0] == '-' ? "-" : "", exponent < 0 ? "0." : "");
    for (int i = exponent + 1; i < 0; i++)
        cli_addf(out, "0");
    for (int i = 0; i < (int)n || i <= exponent; i++)
        cli_addf(out, "%s%c", i == exponent + 1 && exponent >= 0 ? "." : "", i < (int)n ? digits[i] : '0');
}

static void add_scalar(const struct tarn_value *v, int least, const char *null, struct tarn_buf *out)
{
    switch (v->type) {
    case TARN_STRING:
        cli_add(out, v->string);
        return;
    case TARN_BOOL:
        cli_addf(out, "%s", v->boolean ? "true" : "false");
        return;
    case TARN_INT:
        cli_addf(out, "%" PRId64, v->i);
        return;
    case TARN_UINT: /* Go's decoder has no such integers */
        add_double((double)v->u, least, out);
        return;
    case TARN_DOUBLE:
        add_double(v->d, least, out);
        return;
    default:
        cli_addf(out, "%s", null);
    }
}

/* How a container is written: what stands around and between. */
struct brackets {
    const char *map, *map_end, *array, *array_end, *colon, *comma;
    void (*key)(struct tarn_bytes key, struct tarn_buf *out);
    void (*value)(const struct tarn_value *v, struct tarn_buf *out);
};

/* A map's members in the order of their names. */
static void add_map(const struct tarn_value *v, const struct brackets *b, struct tarn_buf *out)
{
    struct member *members;
    size_t n = members_sorted(v, &members);

    cli_addf(out, "%s", b->map);
    for (size_t i = 0; i < n; i++) {
        cli_addf(out, "%s", i ? b->comma : "");
        b->key(members[i].key, out);
        cli_addf(out, "%s", b->colon);
        b->value(&members[i].value, out);
    }
    cli_addf(out, "%s", b->map_end);
    free(members);
}

static void add_array(const struct tarn_value *v, const struct brackets *b, struct tarn_buf *out)
{
    struct tarn_value it = *v, element;
    const char *before = b->array;

    while (tarn_value_next(&it, NULL, &element) == 1) {
        cli_addf(out, "%s", before);
        b->value(&element, out);
        before = b->comma;
    }
    cli_addf(out, "%s%s", before == b->array ? before : "", b->array_end);
}

/* ---- JSON ------------------------------------------------------------------------------------------ */

static void json_string(struct tarn_bytes s, struct tarn_buf *out)
{
    cli_add(out, TARN_BYTES("\""));
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        static const char plain[] = "\"\\\n\r\t\b\f", escaped[] = "\"\\nrtbf";
        const char *at = c ? strchr(plain, c) : NULL;

        if (at)
            cli_addf(out, "\\%c", escaped[at - plain]);
        else if (c < 0x20 || c == '<' || c == '>' || c == '&')
            cli_addf(out, "\\u%04x", c);
        else
            cli_add(out, (struct tarn_bytes){s.data + i, 1});
    }
    cli_add(out, TARN_BYTES("\""));
}

static void json_value(const struct tarn_value *v, struct tarn_buf *out)
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

void jsonpath_text(const struct tarn_value *v, struct tarn_buf *out)
{
    if (v->type == TARN_MAP || v->type == TARN_ARRAY)
        json_value(v, out);
    else
        add_scalar(v, -4, "<nil>", out);
}

/* ---- Go's %v ------------------------------------------------------------------------------------------- */

static void plain_key(struct tarn_bytes key, struct tarn_buf *out)
{
    cli_add(out, key);
}

void jsonpath_plain(const struct tarn_value *v, struct tarn_buf *out)
{
    static const struct brackets go = {"map[", "]", "[", "]", ":", " ", plain_key, jsonpath_plain};

    if (v->type == TARN_MAP)
        add_map(v, &go, out);
    else if (v->type == TARN_ARRAY)
        add_array(v, &go, out);
    else
        add_scalar(v, -4, "<nil>", out);
}
