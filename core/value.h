/* value.h - the MessagePack cursor's inner functions, for object.c and json.c. */
#ifndef TARN_CORE_VALUE_H
#define TARN_CORE_VALUE_H

#include <tarn/object.h>

#include "blob.h"
#include "path.h"

#define TARN_VALUE_DEPTH_MAX 10000u

/* A string of at most 31 bytes, by its first byte. */
static inline bool tarn_is_short_string(uint8_t b)
{
    return (b & 0xe0) == 0xa0;
}

/* tarn_value_read for all else; p is behind the first byte b. */
const uint8_t *tarn_value_read_other(const uint8_t *p, const uint8_t *end, uint8_t b, struct tarn_value *ret);

/*
 * Read the value at p: *ret, and where the next byte to read is: behind a scalar, or at the first element of
 * a container. NULL, and *ret untouched, if it is none (cut short, or a type JSON does not have).
 */
static inline const uint8_t *tarn_value_read(const uint8_t *p, const uint8_t *end, struct tarn_value *ret)
{
    size_t left = (size_t)(end - p), len;
    uint8_t b;

    if (!left)
        return NULL;
    b = tarn_once8(*p++);
    len = b & 0x1f;
    if (!tarn_is_short_string(b))
        return tarn_value_read_other(p, end, b, ret);
    if (len >= left)
        return NULL;
    ret->type = TARN_STRING;
    ret->string = (struct tarn_bytes){.data = (const char *)p, .len = len};
    ret->raw = (struct tarn_bytes){.data = (const char *)p, .len = left - 1};
    return p + len;
}

/* Behind the value at p, however deep; NULL if it is cut short. */
const uint8_t *tarn_value_skip(const uint8_t *p, const uint8_t *end);
/* One step of a path from v into *ret (which may be v). As tarn_object_get; TARN_E_INVAL for [*]. */
int tarn_value_step(const struct tarn_value *v, const struct tarn_step *step, struct tarn_value *ret);
/* The steps of p that are left, from v. */
int tarn_value_follow(const struct tarn_value *v, struct tarn_path p, struct tarn_value *ret);
/* err, or TARN_E_INVAL if what is left of p does not parse or holds a [*]: a wrong path is never "not found". */
int tarn_path_verdict(struct tarn_path p, int err);

/* Called for each value a path with [*] leads to; a non-zero return ends the walk with it. */
struct tarn_value_visitor {
    int (*fn)(void *ctx, const struct tarn_value *v);
    void *ctx;
};
/* The steps of p that are left, from v, along every branch. */
int tarn_value_each_from(const struct tarn_value *v, struct tarn_path p, struct tarn_value_visitor visitor);

#endif
