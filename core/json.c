/* json.c - MessagePack as JSON text: same keys and order, integers exact, doubles shortest that read back equal.
 *
 * Walks with a stack of its own, so depth costs memory and never the C stack. A double always carries a point or
 * an exponent: read again, it is a double again. Bytes that are no UTF-8 (only a damaged region has them) come
 * out as U+FFFD, so the text is valid JSON whatever the body holds.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "scan.h"
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

static int integer_write(uint64_t v, bool negative, struct tarn_buf *out)
{
    char text[24], *p = text + sizeof text;

    do
        *--p = (char)('0' + v % 10);
    while (v /= 10);
    if (negative)
        *--p = '-';
    return tarn_buf_add(out, p, (size_t)(text + sizeof text - p));
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

/* Copy the bytes that stand for themselves in a JSON string to o; returns how many. */
static size_t plain_copy(const uint8_t *p, const uint8_t *end, uint8_t *o)
{
    const uint8_t *s = p;

    while (end - s >= 16) {
        unsigned special = tarn_scan16(s, o);
        unsigned n = special ? (unsigned)__builtin_ctz(special) : 16;

        s += n;
        o += n;
        if (special)
            return (size_t)(s - p);
    }
    while (s < end && *s >= 0x20 && *s < 0x80 && *s != '"' && *s != '\\')
        *o++ = *s++;
    return (size_t)(s - p);
}

/* A byte that does not stand for itself, or a sequence >= 0x80; *p moves behind it. */
static int special_write(const uint8_t **p, const uint8_t *end, struct tarn_buf *out)
{
    const uint8_t *s = *p;
    int len = *s < 0x80 ? 1 : tarn_utf8_check(s, (size_t)(end - s));

    *p += len > 0 ? len : 1;
    if (*s < 0x80)
        return escape_write(*s, out);
    return len > 0 ? tarn_buf_add(out, s, (size_t)len) : tarn_buf_adds(out, TARN_UTF8_REPLACEMENT);
}

static int string_write(struct tarn_bytes text, struct tarn_buf *out)
{
    const uint8_t *p = (const uint8_t *)text.data, *end = p + text.len;
    int err = tarn_buf_add(out, "\"", 1);

    while (!err && p < end) {
        size_t n;

        err = tarn_buf_reserve(out, (size_t)(end - p) + 16);
        if (err)
            break;
        n = plain_copy(p, end, (uint8_t *)out->data + out->len);
        out->len += n;
        p += n;
        if (p < end)
            err = special_write(&p, end, out);
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
    int err;

    if (!w->indent)
        return 0;
    err = tarn_buf_adds(w->out, "\n");
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
        return integer_write(v->i < 0 ? -(uint64_t)v->i : v->u, v->i < 0, w->out);
    case TARN_UINT:
        return integer_write(v->u, false, w->out);
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
    struct tarn_bytes body = tarn_object_body(obj);
    struct tarn_value root;

    if (!body.len)
        return TARN_E_NOTFOUND;
    return tarn_value_parse(body, &root) ? TARN_E_CORRUPT : tarn_value_to_json(&root, 0, out);
}
