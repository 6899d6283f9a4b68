/* json.c - MessagePack as JSON text: same keys and order, integers exact, doubles shortest that read back equal.
 *
 * Walks with a stack of its own, so depth costs memory and never the C stack. A double always carries a point or
 * an exponent: read again, it is a double again. Bytes that are no UTF-8 (only a damaged region has them) come
 * out as U+FFFD, so the text is valid JSON whatever the body holds.
 *
 * It is what a LIST of the read API costs, so: the text is written through a pointer, with room asked for once an element; a
 * comma follows each element at once and is taken back where a container ends; strings are copied 16 bytes at a time, past
 * their end into bytes that come next anyway.
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

/* ---- writing through a pointer --------------------------------------------------------------- */

#define ELEMENT_ROOM 64u /* an element's separators, brackets and integers; strings ask for more */
#define LEVELS_NEAR 32u

struct level {
    uint32_t left; /* elements or pairs still to come */
    bool map;
};

struct writer {
    struct tarn_buf *out;
    uint8_t *limit; /* behind the room there is */
    const uint8_t *end; /* of the MessagePack: readable up to here */
    int indent;
    size_t depth; /* levels below the innermost */
    struct level near[LEVELS_NEAR];
    struct tarn_buf far; /* of struct level: those that are deeper */
};

/* o, or where it is after the buffer has grown for n bytes more; NULL: no memory. */
static uint8_t *grow(struct writer *w, uint8_t *o, size_t n)
{
    struct tarn_buf *out = w->out;

    if (o)
        out->len = (size_t)(o - (uint8_t *)out->data);
    if (tarn_buf_reserve(out, n))
        return NULL;
    w->limit = (uint8_t *)out->data + out->cap;
    return (uint8_t *)out->data + out->len;
}

static inline uint8_t *room(struct writer *w, uint8_t *o, size_t n)
{
    return (size_t)(w->limit - o) >= n ? o : grow(w, o, n);
}

/* Has room. */
static uint8_t *integer_put(uint64_t v, bool negative, uint8_t *o)
{
    uint8_t text[24], *p = text + sizeof text;
    size_t n;

    do
        *--p = (uint8_t)('0' + v % 10);
    while (v /= 10);
    if (negative)
        *--p = '-';
    n = (size_t)(text + sizeof text - p);
    memcpy(o, p, n);
    return o + n;
}

static uint8_t *double_put(struct writer *w, double v, uint8_t *o)
{
    w->out->len = (size_t)(o - (uint8_t *)w->out->data);
    return double_write(v, w->out) ? NULL : grow(w, NULL, ELEMENT_ROOM);
}

/* ---- strings ------------------------------------------------------------------------------ */

/* Has room for 6. */
static uint8_t *escape_put(uint8_t c, uint8_t *o)
{
    static const char short_forms[] = "\"\"\\\\\bb\ff\nn\rr\tt", digits[] = "0123456789abcdef";

    *o++ = '\\';
    for (const char *s = short_forms; *s; s += 2)
        if ((uint8_t)*s == c) {
            *o++ = (uint8_t)s[1];
            return o;
        }
    memcpy(o, "u00", 3);
    o[3] = (uint8_t)digits[c >> 4];
    o[4] = (uint8_t)digits[c & 15];
    return o + 5;
}

/* Copy the bytes before `stop` that stand for themselves in a JSON string to o, which has room for them and 16 more; returns how many. */
static size_t plain_copy(const uint8_t *p, const uint8_t *stop, const uint8_t *end, uint8_t *o)
{
    const uint8_t *s = p;

    while (s < stop && end - s >= 16) {
        size_t left = (size_t)(stop - s), n = left < 16 ? left : 16;
        unsigned special = tarn_scan16(s, o) & ((2u << (n - 1)) - 1);

        if (special)
            return (size_t)(s - p) + (unsigned)__builtin_ctz(special);
        s += n;
        o += n;
    }
    while (s < stop && *s >= 0x20 && *s < 0x80 && *s != '"' && *s != '\\')
        *o++ = *s++;
    return (size_t)(s - p);
}

/* A byte that does not stand for itself, or a sequence >= 0x80; *p moves behind it. Has room for 6. */
static uint8_t *special_put(const uint8_t **p, const uint8_t *stop, uint8_t *o)
{
    const uint8_t *s = *p;
    int len = *s < 0x80 ? 1 : tarn_utf8_check(s, (size_t)(stop - s));

    *p += len > 0 ? len : 1;
    if (*s < 0x80)
        return escape_put(*s, o);
    memcpy(o, len > 0 ? (const char *)s : TARN_UTF8_REPLACEMENT, len > 0 ? (size_t)len : sizeof TARN_UTF8_REPLACEMENT - 1);
    return o + (len > 0 ? (size_t)len : sizeof TARN_UTF8_REPLACEMENT - 1);
}

/* Any string of n bytes at p. Leaves room for an element. */
static uint8_t *long_string_put(struct writer *w, const uint8_t *p, size_t n, uint8_t *o)
{
    const uint8_t *stop = p + n;

    o = room(w, o, n + ELEMENT_ROOM + 16);
    if (!o)
        return NULL;
    *o++ = '"';
    while (p < stop) {
        size_t plain = plain_copy(p, stop, w->end, o);

        p += plain;
        o += plain;
        if (p == stop)
            break;
        o = special_put(&p, stop, o);
        o = room(w, o, (size_t)(stop - p) + ELEMENT_ROOM + 16);
        if (!o)
            return NULL;
    }
    *o++ = '"';
    return o;
}

/* The same; most are short and plain. */
static inline uint8_t *string_put(struct writer *w, const uint8_t *p, size_t n, uint8_t *o)
{
    if (n <= 16 && w->end - p >= 16 && (size_t)(w->limit - o) >= 2 * ELEMENT_ROOM && !(tarn_scan16(p, o + 1) & ((1u << n) - 1))) {
        *o = '"';
        o[n + 1] = '"';
        return o + n + 2;
    }
    return long_string_put(w, p, n, o);
}

/* ---- the walk ------------------------------------------------------------------------------ */

static int level_push(struct writer *w, struct level l)
{
    if (w->depth >= TARN_VALUE_DEPTH_MAX)
        return TARN_E_CORRUPT; /* the transcoder makes none so deep */
    if (w->depth < LEVELS_NEAR)
        w->near[w->depth] = l;
    else if (tarn_buf_add(&w->far, &l, sizeof l))
        return TARN_E_NOMEM;
    w->depth++;
    return 0;
}

static struct level level_pop(struct writer *w)
{
    if (--w->depth < LEVELS_NEAR)
        return w->near[w->depth];
    w->far.len -= sizeof(struct level);
    return *(struct level *)(void *)(w->far.data + w->far.len);
}

/* depth: of what stands on the new line. Leaves room for an element. */
static uint8_t *new_line(struct writer *w, size_t depth, uint8_t *o)
{
    size_t n = depth * (size_t)w->indent;

    o = room(w, o, n + 1 + ELEMENT_ROOM);
    if (!o)
        return NULL;
    *o++ = '\n';
    memset(o, ' ', n);
    return o + n;
}

/* The end of a container, in place of the comma behind its last element; a comma behind it. */
static uint8_t *close_put(struct writer *w, bool map, uint8_t *o)
{
    o--;
    if (w->indent && !(o = new_line(w, w->depth - 1, o)))
        return NULL;
    o = room(w, o, ELEMENT_ROOM);
    if (!o)
        return NULL;
    *o++ = map ? '}' : ']';
    *o++ = ',';
    return o;
}

/* A scalar or an empty container; has room for an element, and leaves it. */
static uint8_t *scalar_put(struct writer *w, const struct tarn_value *v, uint8_t *o)
{
    switch (v->type) {
    case TARN_NIL:
        memcpy(o, "null", 4);
        return o + 4;
    case TARN_BOOL:
        memcpy(o, v->boolean ? "true" : "false", 5);
        return o + (v->boolean ? 4 : 5);
    case TARN_INT:
        return integer_put(v->i < 0 ? -(uint64_t)v->i : v->u, v->i < 0, o);
    case TARN_UINT:
        return integer_put(v->u, false, o);
    case TARN_DOUBLE:
        return double_put(w, v->d, o);
    case TARN_STRING:
        return string_put(w, (const uint8_t *)v->string.data, v->string.len, o);
    default:
        memcpy(o, v->type == TARN_MAP ? "{}" : "[]", 2);
        return o + 2;
    }
}

/* The string at *p, which moves behind it. False: it is none. */
static inline bool string_read(const uint8_t **p, const uint8_t *end, const uint8_t **ret, size_t *ret_n)
{
    struct tarn_value v;
    uint8_t b = *p < end ? tarn_once8(**p) : 0;
    const uint8_t *behind;

    if (tarn_is_short_string(b)) {
        *ret = *p + 1;
        *ret_n = b & 0x1f;
        *p += 1 + *ret_n;
        return *ret_n <= (size_t)(end - *ret);
    }
    behind = tarn_value_read(*p, end, &v);
    if (!behind || v.type != TARN_STRING)
        return false;
    *ret = (const uint8_t *)v.string.data;
    *ret_n = v.string.len;
    *p = behind;
    return true;
}

/* A key and its colon. */
static inline int key_put(struct writer *w, const uint8_t **p, uint8_t **o)
{
    const uint8_t *s;
    size_t n;

    if (!string_read(p, w->end, &s, &n))
        return TARN_E_CORRUPT;
    *o = string_put(w, s, n, *o);
    if (!*o)
        return TARN_E_NOMEM;
    *(*o)++ = ':';
    if (w->indent)
        *(*o)++ = ' ';
    return 0;
}

/* A value that is no string, and its comma; or the beginning of a container, of which *now tells then. */
static int other_put(struct writer *w, const uint8_t **p, struct level *now, uint8_t **o)
{
    struct tarn_value v;
    int err;

    *p = tarn_value_read(*p, w->end, &v);
    if (!*p)
        return TARN_E_CORRUPT;
    if ((v.type == TARN_MAP || v.type == TARN_ARRAY) && v.count) {
        err = level_push(w, *now);
        if (err)
            return err;
        *now = (struct level){.left = v.count, .map = v.type == TARN_MAP};
        *(*o)++ = now->map ? '{' : '[';
        return 0;
    }
    *o = scalar_put(w, &v, *o);
    if (!*o)
        return TARN_E_NOMEM;
    *(*o)++ = ',';
    return 0;
}

/* One element of the innermost container, with a comma behind it. */
static inline int element_put(struct writer *w, const uint8_t **p, struct level *now, uint8_t **o)
{
    const uint8_t *s;
    size_t n;
    int err;

    *o = w->indent ? new_line(w, w->depth, *o) : room(w, *o, ELEMENT_ROOM);
    if (!*o)
        return TARN_E_NOMEM;
    now->left--;
    if (now->map && (err = key_put(w, p, o)))
        return err;
    if (*p >= w->end || !tarn_is_short_string(tarn_once8(**p)))
        return other_put(w, p, now, o);
    if (!string_read(p, w->end, &s, &n))
        return TARN_E_CORRUPT;
    *o = string_put(w, s, n, *o);
    if (!*o)
        return TARN_E_NOMEM;
    *(*o)++ = ',';
    return 0;
}

/* All of a container that is not empty; *o stands behind a comma then. */
static int container_put(struct writer *w, const struct tarn_value *v, uint8_t **o)
{
    const uint8_t *p = (const uint8_t *)v->raw.data;
    struct level now = {.left = v->count, .map = v->type == TARN_MAP};
    int err = level_push(w, (struct level){0});

    *(*o)++ = now.map ? '{' : '[';
    while (!err) {
        while (!now.left) {
            *o = close_put(w, now.map, *o);
            if (!*o)
                return TARN_E_NOMEM;
            now = level_pop(w);
            if (!w->depth)
                return 0;
        }
        err = element_put(w, &p, &now, o);
    }
    return err;
}

int tarn_value_to_json(const struct tarn_value *v, int indent, struct tarn_buf *out)
{
    bool container = (v->type == TARN_MAP || v->type == TARN_ARRAY) && v->count;
    struct tarn_bytes readable = container ? v->raw : v->type == TARN_STRING ? v->string : (struct tarn_bytes){0};
    /* An empty one has its end, too: a container may claim elements and have none. */
    struct writer w = {.out = out, .indent = indent, .end = readable.data ? (const uint8_t *)readable.data + readable.len : NULL};
    size_t before = out->len;
    uint8_t *o = grow(&w, NULL, ELEMENT_ROOM);
    int err = o ? 0 : TARN_E_NOMEM;

    if (!err && container)
        err = container_put(&w, v, &o);
    else if (!err && !(o = scalar_put(&w, v, o)))
        err = TARN_E_NOMEM;
    tarn_buf_release(&w.far);
    out->len = err ? before : (size_t)(o - (uint8_t *)out->data) - container;
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
