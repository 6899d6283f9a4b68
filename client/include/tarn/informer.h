/* tarn/informer.h - be told of every change of mirrored resources: handlers fed by the region's change log.
 *
 *     struct tarn_informer *inf;
 *     tarn_informer_new(NULL, &inf, &err);
 *     tarn_informer_watch(inf, &(struct tarn_informer_watch){.resource = "pods", .handler = h}, &id, &err);
 *     tarn_informer_run(inf, &err);              blocks; or poll tarn_informer_fd and call tarn_informer_process
 *
 * What is promised: the state that a handler can replay from its calls equals, after each batch, a snapshot newer than
 * the one before. No delete is lost, nothing is added twice, whatever happens between: a burst that overruns the
 * log, memory pressure that takes the older snapshot away, an agent that restarts.
 *
 *   - Each wake-up delivers every key that changed once, in the order of its last change; old is the state delivered last.
 *     With `every_change` each version is delivered, as long as the log and the older snapshot reach back; where they
 *     do not, on_gap says so and the difference follows.
 *   - Objects that were deleted and made again in between (another uid) are a delete and an add.
 *   - When the delete itself was missed (overrun, expiry, restart) obj is a tombstone; its final state is the state delivered
 *     last if that is still readable, else unknown. An update then has a bare key (TARN_OBJECT_EXPLICIT_KEY) as old.
 *   - A resource is listed first (is_in_initial_list) when it has synced, never before.
 *   - A generation that has not synced a resource yet changes nothing: its objects are not reported as deleted.
 *
 * An informer is one attachment of its own (a socket, two mappings). It remembers the keys it delivered (about 80 bytes
 * each): that is what a difference is made against. Objects are in shared memory and borrowed for the call; a handler that may
 * take longer than the agent's lease (30 s) opens the informer with `copy`.
 *
 * Threads: all calls of one informer on one thread, and handlers run on it; tarn_informer_stop from anywhere, signal handlers too.
 * Sources: client-go SharedInformer (rows I-2, I-6 to I-8, I-34, I-36, I-38, I-41, I-42, I-45).
 */
#ifndef TARN_INFORMER_H
#define TARN_INFORMER_H

#include <tarn/client.h>
#include <tarn/handler.h>
#include <tarn/selector.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_informer;

/* What to be told of. */
struct tarn_informer_watch {
    const char *resource;                     /* copied */
    const char *ns;                           /* this namespace only; NULL or "": all. Copied */
    const struct tarn_selector *labels;       /* borrowed until removed; NULL: all. An object that stops matching is deleted, */
    const struct tarn_field_selector *fields; /* one that begins to match is added (I-42) */
    struct tarn_event_handler handler;
    uint32_t resync_ms;                       /* every so often an update (o, o) of each object; 0: never; at least 1000 */
    bool every_change;
    void (*on_gap)(void *ctx);                /* every_change: versions were missed; ctx is the handler's. May be NULL */
};

/* Attach. options as tarn_client_open, and its errors. */
TARN_API TARN_MUST_CHECK int tarn_informer_new(const struct tarn_client_options *options, struct tarn_informer **ret,
                                               struct tarn_error *err);
/* Detach and free; not from a handler. NULL is allowed. */
TARN_API void tarn_informer_free(struct tarn_informer *inf);

/*
 * Begin to be told; also while others run, also from a handler. The first calls come from the next process or run. *ret_id
 * (may be NULL) names the watch. A resource that is not mirrored (yet) is waited for. TARN_E_INVAL, TARN_E_NOMEM.
 */
TARN_API TARN_MUST_CHECK int tarn_informer_watch(struct tarn_informer *inf, const struct tarn_informer_watch *watch,
                                                 unsigned *ret_id, struct tarn_error *err);
/* End it: no call comes any more. From a handler too. An unknown id is ignored. */
TARN_API void tarn_informer_unwatch(struct tarn_informer *inf, unsigned id);

/*
 * A descriptor for poll, epoll or an event loop: readable when tarn_informer_process has something to do. It stays the same
 * over agent restarts. Owned by the informer.
 */
TARN_API int tarn_informer_fd(const struct tarn_informer *inf);
/*
 * Deliver what is there, and attach again if that is due; never waits. Returns the number of handler calls, or
 * TARN_E_NOMEM, TARN_E_CORRUPT, TARN_E_FORKED (err may be NULL). Call it once before the first poll.
 */
TARN_API int tarn_informer_process(struct tarn_informer *inf, struct tarn_error *err);
/* Process until tarn_informer_stop. 0 or an error of process. */
TARN_API TARN_MUST_CHECK int tarn_informer_run(struct tarn_informer *inf, struct tarn_error *err);
/* Make run return. Any thread, signal handlers; before run: run returns at once. */
TARN_API void tarn_informer_stop(struct tarn_informer *inf);

/* Has the whole initial list been delivered? Once true, true (I-38). */
TARN_API bool tarn_informer_has_synced(const struct tarn_informer *inf, unsigned id);

/* Counters of one watch since it began. */
struct tarn_informer_counters {
    uint64_t objects; /* delivered and not deleted: what the consumer has now */
    uint64_t adds, updates, deletes, resyncs;
    uint64_t batches;     /* wake-ups that read the log */
    uint64_t differences; /* ... that had to compare instead: overrun, expiry, restart */
    uint64_t gaps;        /* every_change: how often versions were missed */
    uint64_t handler_errors;
};
/* 0 or TARN_E_NOTFOUND. */
TARN_API int tarn_informer_counters(const struct tarn_informer *inf, unsigned id, struct tarn_informer_counters *ret);

/* The client it is attached with: for tarn_client_info, and snapshots on the informer's thread. Owned by the informer; its doorbell is too, so
 * do not wait (tarn_wait_*) on it. */
TARN_API struct tarn_client *tarn_informer_client(struct tarn_informer *inf);

#ifdef __cplusplus
}
#endif
#endif
