/* value.h - the MessagePack cursor's inner functions, for object.c and json.c. */
#ifndef TARN_CORE_VALUE_H
#define TARN_CORE_VALUE_H

#include <tarn/object.h>

#include "path.h"

#define TARN_VALUE_DEPTH_MAX 10000u

/*
 * Read the value at p: *ret, and where the next byte to read is: behind a scalar, or at the first element of
 * a container. NULL if it is none (cut short, or a type JSON does not have).
 */
const uint8_t *tarn_value_read(const uint8_t *p, const uint8_t *end, struct tarn_value *ret);
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
