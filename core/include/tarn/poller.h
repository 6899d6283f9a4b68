/* tarn/poller.h - keeps a store equal to what a function lists, by listing again and again.
 *
 * For sources without a WATCH. A state machine without threads or I/O (deadline, on_timer, on_result, on_failed), and
 * tarn_poller_run, which drives it on the caller's thread with a function that may block.
 * Source: the first versions of client-go's tools/cache/poller.go (NewPoller, Enumerator, GetFunc, Run, RunUntil).
 */
#ifndef TARN_POLLER_H
#define TARN_POLLER_H

#include <tarn/backoff.h>
#include <tarn/runtime.h>
#include <tarn/store.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_poller;
struct tarn_enumerator;

/* What one poll brought: a list by position. */
struct tarn_enumerator_ops {
    size_t (*len)(struct tarn_enumerator *e);
    const struct tarn_object *(*get)(struct tarn_enumerator *e, size_t i); /* borrowed until the next get or free */
    void (*free)(struct tarn_enumerator *e);                             /* NULL: nothing to free */
};

struct tarn_enumerator {
    const struct tarn_enumerator_ops *ops;
};

/* An enumerator over an array of the caller's, in the caller's memory, used as &x.e; everything is borrowed. */
struct tarn_array_enumerator {
    struct tarn_enumerator e; /* first */
    const struct tarn_object *const *v;
    size_t n;
};

/* One over the n objects of v, all borrowed as long as it is used. */
TARN_API struct tarn_array_enumerator tarn_array_enumerator_init(const struct tarn_object *const *v, size_t n);

struct tarn_poller_options {
    /* One poll (GetFunc); may block. *ret is freed by the poller. 0 or a negative error. Needed by tarn_poller_run only. */
    int (*get)(void *ctx, struct tarn_enumerator **ret, struct tarn_error *err);
    uint32_t period_ms;        /* from the end of one poll to the begin of the next */
    uint32_t jitter_ms;        /* each wait is longer by up to this; the original has none */
    uint32_t start_delay_ms;   /* the first poll waits uniform in [0, this); the original has none */
    bool backoff;              /* after failures wait as a reflector does, if that is longer than the period; the original has none */
    struct tarn_store *store;  /* borrowed until free */
    struct tarn_runtime *rt;   /* borrowed until free */
    /* A poll or the store's replace failed; that round is skipped and the store untouched. NULL: nobody listens. */
    void (*on_error)(void *ctx, const struct tarn_error *err);
    void *ctx;
};

struct tarn_poller_status {
    uint64_t polls, failures;     /* since new */
    bool has_synced;              /* a poll was stored; once true, always true */
    uint64_t last_ms;             /* runtime's clock: last stored poll, 0: none */
    struct tarn_error last_error; /* of the newest round; code 0 if it went well */
};

/* TARN_E_INVAL (no store or runtime), TARN_E_NOMEM. The first poll is due at once, or after the start delay. */
TARN_API TARN_MUST_CHECK int tarn_poller_new(const struct tarn_poller_options *options, struct tarn_poller **ret,
                                             struct tarn_error *err);
/* NULL is allowed. Not while tarn_poller_run is in progress. */
TARN_API void tarn_poller_free(struct tarn_poller *p);

/* ---- as a state machine; one thread -------------------------------------------------------------- */

/* When on_timer is wanted, on the runtime's clock; UINT64_MAX while a poll is under way. */
TARN_API uint64_t tarn_poller_deadline_ms(struct tarn_poller *p);
/* True: begin a poll now, and give its outcome to one of those below. Polls never overlap. */
TARN_API bool tarn_poller_on_timer(struct tarn_poller *p);
/* The poll brought e; its objects replace the store's content, or nothing changes. The caller keeps e. */
TARN_API void tarn_poller_on_result(struct tarn_poller *p, struct tarn_enumerator *e);
/* It failed, also after it brought objects: the store is as before it. */
TARN_API void tarn_poller_on_failed(struct tarn_poller *p, const struct tarn_error *err);
/* A poll now instead of when it is due; not while one is under way. */
TARN_API void tarn_poller_hasten(struct tarn_poller *p);

/*
 * A poll whose objects come one by one, as the pages of a LIST do: nothing is held here. on_object for each, then on_end with the
 * list's version (may be empty), or on_failed. on_object returns the store's refusal (the object is not taken, the poll may go on) or
 * what beginning the replace met (only on_failed makes sense then).
 */
TARN_API TARN_MUST_CHECK int tarn_poller_on_object(struct tarn_poller *p, const struct tarn_object *obj, struct tarn_error *err);
/* All came: they are the content of the store now, at resource_version, or nothing changes. */
TARN_API void tarn_poller_on_end(struct tarn_poller *p, struct tarn_bytes resource_version);

/* Any thread. */
TARN_API void tarn_poller_status(struct tarn_poller *p, struct tarn_poller_status *ret);

/* ---- on a thread of the caller's -------------------------------------------------------------------- */

/*
 * Poll until tarn_poller_stop; a poll under way is finished first. Returns 0, TARN_E_INVAL (no get function) or
 * TARN_E_EXISTS (another thread runs it). A stop that came before ends it at once.
 */
TARN_API TARN_MUST_CHECK int tarn_poller_run(struct tarn_poller *p);
/* Ask run to end. Any thread. */
TARN_API void tarn_poller_stop(struct tarn_poller *p);

#ifdef __cplusplus
}
#endif
#endif
