/* tarn/lazy.h - a value made of a cache's content when somebody asks, and made anew only after the content changed.
 *
 * Whoever changes the content calls tarn_lazy_notify, which is cheap; whoever asks gets the value of the newest content. It is computed at
 * most once for each notification, however many ask at once: they wait for the one that computes. Errors are not kept: the next who asks tries
 * again. Any thread may call anything, but evaluate must not ask for its own value.
 *
 * Source: client-go tools/cache/synctrack (Lazy). Row T-10.
 */
#ifndef TARN_LAZY_H
#define TARN_LAZY_H

#include <tarn/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_lazy;

struct tarn_lazy_options {
    /* Compute the value. 0 or an error with err filled in. One at a time for one notification; a later notification's may overlap. */
    int (*evaluate)(void *ctx, void **ret, struct tarn_error *err);
    void (*release)(void *ctx, void *value); /* nobody uses value any more; NULL: nothing to do */
    void *ctx;
};

/* A value somebody uses. Counted: give it back with tarn_lazy_put. */
struct tarn_lazy_value;

/* 0 or TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_lazy_new(const struct tarn_lazy_options *o, struct tarn_lazy **ret);
/* NULL is allowed. Values in use stay until they are given back; nobody may be in a call on l. */
TARN_API void tarn_lazy_free(struct tarn_lazy *l);
/* The content has changed: what is computed from now on must be new. */
TARN_API void tarn_lazy_notify(struct tarn_lazy *l);
/*
 * The value of content at least as new as the last notification before this call. *ret is a reference. 0, what evaluate returned, or
 * TARN_E_NOMEM.
 */
TARN_API TARN_MUST_CHECK int tarn_lazy_get(struct tarn_lazy *l, struct tarn_lazy_value **ret, struct tarn_error *err);
/* What evaluate made; good until v is given back. */
TARN_API void *tarn_lazy_value(const struct tarn_lazy_value *v);
/* NULL is allowed. */
TARN_API void tarn_lazy_put(struct tarn_lazy_value *v);

#ifdef __cplusplus
}
#endif
#endif
