/* tarn/synctrack.h - "has everything been handled yet?": trackers that answer it for one more stage behind a source.
 *
 * A source (an informer, another tracker) says when it has handed over its whole initial list; a tracker adds that all
 * of these have also been worked on. Any thread may call anything. Source: client-go tools/cache/synctrack; row I-39.
 */
#ifndef TARN_SYNCTRACK_H
#define TARN_SYNCTRACK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tarn/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The stage before. */
struct tarn_synctrack_upstream {
    bool (*has_synced)(void *ctx);
    void *ctx;
};

/*
 * For work done in the order it was started, or counted only: a number of items that are under way.
 * Each item of the initial list is started before the upstream says that it has synced. Plain memory: set upstream.
 */
struct tarn_single_file_tracker {
    struct tarn_synctrack_upstream upstream;
    /* release in finish pairs with acquire in has_synced: what the work did is visible to who sees it done. */
    _Atomic int64_t under_way;
};

/* One more item is under way. Start it before the upstream can say that it has synced. */
static inline void tarn_single_file_tracker_start(struct tarn_single_file_tracker *t)
{
    /* relaxed: the upstream's own lock orders a start before its has_synced. */
    (void)atomic_fetch_add_explicit(&t->under_way, 1, memory_order_relaxed);
}
/* One item (of those started) is done. True if it was the last one under way. More than were started is a mistake of the caller. */
static inline bool tarn_single_file_tracker_finish(struct tarn_single_file_tracker *t)
{
    return atomic_fetch_sub_explicit(&t->under_way, 1, memory_order_acq_rel) == 1;
}
static inline bool tarn_single_file_tracker_has_synced(struct tarn_single_file_tracker *t)
{
    /* The upstream first: its lock may take long, and the count must not be older than its answer. */
    return t->upstream.has_synced(t->upstream.ctx) && atomic_load_explicit(&t->under_way, memory_order_acquire) <= 0;
}

/* For work done in any order: the set of items under way, by address. */
struct tarn_async_tracker;

/* Make one with nothing under way. upstream is copied, its ctx borrowed. 0 or TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_async_tracker_new(const struct tarn_synctrack_upstream *upstream,
                                                    struct tarn_async_tracker **ret);
/* Free it; items still under way are forgotten. NULL is allowed. */
TARN_API void tarn_async_tracker_free(struct tarn_async_tracker *t);
/* item (not NULL, never looked into) is under way; twice is once. 0 or TARN_E_NOMEM: not noted. */
TARN_API TARN_MUST_CHECK int tarn_async_tracker_start(struct tarn_async_tracker *t, const void *item);
/* item is done; one that was never started is no error. */
TARN_API void tarn_async_tracker_finish(struct tarn_async_tracker *t, const void *item);
/* Has the upstream synced, and is nothing under way? Any thread. */
TARN_API bool tarn_async_tracker_has_synced(struct tarn_async_tracker *t);

/*
 * Something to wait for, by name (client-go DoneChecker). wait blocks until it is done or timeout_ms have passed; both
 * return whether it is done.
 */
struct tarn_done_checker {
    const char *name;
    bool (*done)(void *ctx);
    bool (*wait)(void *ctx, uint64_t timeout_ms);
    void *ctx;
};

struct tarn_runtime;

/*
 * Wait until all are done, for at most timeout_ms altogether (UINT64_MAX: no limit). 0, or TARN_E_TIMEOUT with `what` and
 * the names of those that are not done. No polling. Source: cache.WaitFor (I-40).
 */
TARN_API TARN_MUST_CHECK int tarn_wait_for(struct tarn_runtime *rt, const char *what, const struct tarn_done_checker *checkers,
                                           size_t n, uint64_t timeout_ms, struct tarn_error *err);

#ifdef __cplusplus
}
#endif
#endif
