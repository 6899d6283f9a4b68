/* value.c - a cursor over MessagePack: (pointer, checked length), no copy, no recursion, no limit of depth.
 *
 * Only the types that JSON has are accepted. The bytes may change or lie under the reader: each header is
 * loaded once and checked against the end before it is used.
 */
#include "value.h"

#include "blob.h"

/* What a first byte announces: its type, bytes of length or payload behind it, and a small length in itself. */
enum shape { BAD, NIL, BOOL, UINT_N, INT_N, FLOAT32, FLOAT64, STR, ARRAY, MAP, FIX_UINT, FIX_INT };

struct header {
    enum shape shape;
    uint8_t width; /* bytes of number or length behind the first byte */
    uint32_t fixed;
};

static inline __attribute__((always_inline)) struct header header_of(uint8_t b)
{
    static const struct header rows[32] = {
        [0x00] = {NIL, 0, 0},     [0x02] = {BOOL, 0, 0},    [0x03] = {BOOL, 0, 1},   [0x0a] = {FLOAT32, 4, 0},
        [0x0b] = {FLOAT64, 8, 0}, [0x0c] = {UINT_N, 1, 0},  [0x0d] = {UINT_N, 2, 0}, [0x0e] = {UINT_N, 4, 0},
        [0x0f] = {UINT_N, 8, 0},  [0x10] = {INT_N, 1, 0},   [0x11] = {INT_N, 2, 0},  [0x12] = {INT_N, 4, 0},
        [0x13] = {INT_N, 8, 0},   [0x19] = {STR, 1, 0},     [0x1a] = {STR, 2, 0},    [0x1b] = {STR, 4, 0},
        [0x1c] = {ARRAY, 2, 0},   [0x1d] = {ARRAY, 4, 0},   [0x1e] = {MAP, 2, 0},    [0x1f] = {MAP, 4, 0},
    };

    if (b < 0x80)
        return (struct header){FIX_UINT, 0, b};
    if (b < 0x90)
        return (struct header){MAP, 0, b & 0x0f};
    if (b < 0xa0)
        return (struct header){ARRAY, 0, b & 0x0f};
    if (b < 0xc0)
        return (struct header){STR, 0, b & 0x1f};
    return b < 0xe0 ? rows[b & 0x1f] : (struct header){FIX_INT, 0, b};
}

/* The big-endian number of width bytes at p. */
static uint64_t number_at(const uint8_t *p, uint8_t width)
{
    switch (width) {
    case 1:
        return tarn_once8(*p);
    case 2:
        return __builtin_bswap16(tarn_once16(p));
    case 4:
        return __builtin_bswap32(tarn_once32(p));
    default:
        return __builtin_bswap64(tarn_once64(p));
    }
}

static void set_unsigned(struct tarn_value *v, uint64_t u)
{
    v->type = u > INT64_MAX ? TARN_UINT : TARN_INT;
    v->u = u;
}

static void set_signed(struct tarn_value *v, uint64_t bits, uint8_t width)
{
    unsigned unused = 64 - 8 * width;

    v->type = TARN_INT;
    v->i = (int64_t)(bits << unused) >> unused;
}

static double double_of(uint64_t bits, uint8_t width)
{
    uint32_t half = (uint32_t)bits;
    float f;
    double d;

    if (width == 4) {
        memcpy(&f, &half, sizeof f);
        return (double)f;
    }
    memcpy(&d, &bits, sizeof d);
    return d;
}

static bool set_scalar(struct tarn_value *v, struct header h, uint64_t n)
{
    switch (h.shape) {
    case NIL:
        v->type = TARN_NIL;
        return true;
    case BOOL:
        v->type = TARN_BOOL;
        v->boolean = h.fixed;
        return true;
    case FIX_UINT:
    case UINT_N:
        set_unsigned(v, n);
        return true;
    case FIX_INT:
    case INT_N:
        set_signed(v, n, h.width ? h.width : 1);
        return true;
    case FLOAT32:
    case FLOAT64:
        v->type = TARN_DOUBLE;
        v->d = double_of(n, h.width);
        return true;
    default:
        return false;
    }
}

const uint8_t *tarn_value_read_other(const uint8_t *p, const uint8_t *end, uint8_t b, struct tarn_value *ret)
{
    struct header h = header_of(b);
    uint64_t n;

    if ((size_t)(end - p) < h.width)
        return NULL;
    n = h.width ? number_at(p, h.width) : h.fixed;
    p += h.width;
    if (h.shape == STR) {
        if (n > (size_t)(end - p))
            return NULL;
        ret->type = TARN_STRING;
        ret->string = (struct tarn_bytes){.data = (const char *)p, .len = (size_t)n};
    } else if (h.shape == ARRAY || h.shape == MAP) {
        ret->type = h.shape == MAP ? TARN_MAP : TARN_ARRAY;
        ret->count = (uint32_t)n;
    } else if (!set_scalar(ret, h, n)) {
        return NULL;
    }
    ret->raw = (struct tarn_bytes){.data = (const char *)p, .len = (size_t)(end - p)};
    return h.shape == STR ? p + n : p;
}

/* The bytes of the value at p without its elements, which are added to *left; 0 if it is none. For first bytes from 0xc0. */
static size_t skip_wide(const uint8_t *p, const uint8_t *end, uint8_t b, uint64_t *left)
{
    struct header h = header_of(b);
    uint64_t n;

    if (h.shape == BAD || (size_t)(end - p) <= h.width)
        return 0;
    n = h.width ? number_at(p + 1, h.width) : 0;
    if (h.shape == ARRAY || h.shape == MAP)
        *left += h.shape == MAP ? 2 * n : n;
    return 1u + h.width + (h.shape == STR ? (size_t)n : 0);
}

const uint8_t *tarn_value_skip(const uint8_t *p, const uint8_t *end)
{
    uint64_t left = 1;

    do {
        size_t rest = (size_t)(end - p), n = 1;
        uint8_t b;

        if (left > rest) /* each takes a byte at least */
            return NULL;
        b = tarn_once8(*p);
        left--;
        if (tarn_is_short_string(b))
            n = 1u + (b & 0x1f);
        else if (b >= 0xc0)
            n = skip_wide(p, end, b, &left);
        else if (b >= 0x80)
            left += (unsigned)(b & 0x0f) << (b < 0x90); /* a map has two per pair */
        if (!n || n > rest)
            return NULL;
        p += n;
    } while (left);
    return p;
}

/* The value at p. */
static int read_at(const uint8_t *p, const uint8_t *end, struct tarn_value *ret)
{
    return p && tarn_value_read(p, end, ret) ? 0 : TARN_E_CORRUPT;
}

int tarn_value_parse(struct tarn_bytes msgpack, struct tarn_value *ret)
{
    const uint8_t *p = (const uint8_t *)msgpack.data;

    return msgpack.len ? read_at(p, p + msgpack.len, ret) : TARN_E_CORRUPT;
}

/* No bytes may stand nowhere, and nothing may be added to nowhere. */
static const uint8_t *raw_end(struct tarn_bytes raw)
{
    return raw.len ? (const uint8_t *)raw.data + raw.len : (const uint8_t *)raw.data;
}

int tarn_value_next(struct tarn_value *it, struct tarn_bytes *ret_key, struct tarn_value *ret)
{
    const uint8_t *p = (const uint8_t *)it->raw.data, *end = raw_end(it->raw), *after;
    struct tarn_value key, v;

    if ((it->type != TARN_ARRAY && it->type != TARN_MAP) || !it->count)
        return 0;
    if (it->type == TARN_MAP) {
        p = tarn_value_read(p, end, &key);
        if (!p || key.type != TARN_STRING)
            return TARN_E_CORRUPT;
    }
    after = tarn_value_read(p, end, &v);
    if (after && (v.type == TARN_ARRAY || v.type == TARN_MAP))
        after = tarn_value_skip(p, end);
    if (!after)
        return TARN_E_CORRUPT;
    it->count--;
    it->raw = (struct tarn_bytes){.data = (const char *)after, .len = (size_t)(end - after)};
    if (it->type == TARN_MAP && ret_key)
        *ret_key = key.string;
    *ret = v;
    return 1;
}

/* As tarn_value_skip, at once over what most values of a map are. */
static inline const uint8_t *skip_one(const uint8_t *p, const uint8_t *end)
{
    uint8_t b = p < end ? tarn_once8(*p) : 0;

    if (!tarn_is_short_string(b))
        return tarn_value_skip(p, end);
    b &= 0x1f;
    return b < (size_t)(end - p) ? p + 1 + b : NULL;
}

static int map_find(const struct tarn_value *map, struct tarn_bytes name, struct tarn_value *ret)
{
    const uint8_t *p = (const uint8_t *)map->raw.data, *end = raw_end(map->raw);
    struct tarn_value key;

    for (uint32_t i = 0; i < map->count; i++) {
        p = tarn_value_read(p, end, &key);
        if (!p || key.type != TARN_STRING)
            return TARN_E_CORRUPT;
        if (tarn_bytes_equal(key.string, name))
            return read_at(p, end, ret);
        p = skip_one(p, end);
        if (!p)
            return TARN_E_CORRUPT;
    }
    return TARN_E_NOTFOUND;
}

static int array_at(const struct tarn_value *array, uint32_t index, struct tarn_value *ret)
{
    const uint8_t *p = (const uint8_t *)array->raw.data, *end = raw_end(array->raw);

    if (index >= array->count)
        return TARN_E_NOTFOUND;
    for (uint32_t i = 0; i < index && p; i++)
        p = tarn_value_skip(p, end);
    return read_at(p, end, ret);
}

int tarn_value_step(const struct tarn_value *v, const struct tarn_step *step, struct tarn_value *ret)
{
    if (step->kind == TARN_STEP_KEY)
        return v->type == TARN_MAP ? map_find(v, step->key, ret) : TARN_E_NOTFOUND;
    if (step->kind == TARN_STEP_INDEX)
        return v->type == TARN_ARRAY ? array_at(v, step->index, ret) : TARN_E_NOTFOUND;
    return TARN_E_INVAL;
}

int tarn_path_verdict(struct tarn_path p, int err)
{
    struct tarn_step step;

    do {
        if (tarn_path_next(&p, &step) || step.kind == TARN_STEP_EVERY)
            return TARN_E_INVAL;
    } while (step.kind != TARN_STEP_END);
    return err;
}

int tarn_value_follow(const struct tarn_value *v, struct tarn_path p, struct tarn_value *ret)
{
    struct tarn_value at = *v;
    struct tarn_step step;
    int err;

    for (;;) {
        err = tarn_path_next(&p, &step);
        if (err)
            return err;
        if (step.kind == TARN_STEP_END)
            break;
        err = tarn_value_step(&at, &step, &at);
        if (err)
            return err == TARN_E_NOTFOUND ? tarn_path_verdict(p, err) : err;
    }
    *ret = at;
    return 0;
}

int tarn_value_get(const struct tarn_value *v, const char *path, struct tarn_value *ret)
{
    return tarn_value_follow(v, tarn_path_start(path), ret);
}

static int each_element(const struct tarn_value *v, struct tarn_path rest, struct tarn_value_visitor visitor)
{
    struct tarn_value it = *v, element;
    int more, err;

    if (v->type != TARN_ARRAY)
        return 0;
    while ((more = tarn_value_next(&it, NULL, &element)) > 0) {
        err = tarn_value_each_from(&element, rest, visitor);
        if (err)
            return err;
    }
    return more;
}

/* Recurs once per [*] of the path, never by the depth of the data. */
int tarn_value_each_from(const struct tarn_value *v, struct tarn_path p, struct tarn_value_visitor visitor)
{
    struct tarn_value at = *v;
    struct tarn_step step;
    int err;

    for (;;) {
        err = tarn_path_next(&p, &step);
        if (err)
            return err;
        if (step.kind == TARN_STEP_END)
            return visitor.fn(visitor.ctx, &at);
        if (step.kind == TARN_STEP_EVERY)
            return each_element(&at, p, visitor);
        err = tarn_value_step(&at, &step, &at);
        if (err)
            return err == TARN_E_NOTFOUND ? 0 : err;
    }
}
