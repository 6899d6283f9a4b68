/* tarn/shared_informer.h - one reflector, one store, many handlers.
 *
 *     list_watch ─▶ reflector ─▶ queue ─▶ processing loop ─▶ indexer
 *                                              └──▶ one buffer for each handler ─▶ handler
 *
 * Nothing happens until it is run. Two ways:
 *   - tarn_shared_informer_run on a thread of the caller's. The reflector and each handler get a thread of their own from the runtime.
 *   - an event loop: tarn_shared_informer_start, the reflector's timer (tarn_shared_informer_reflector) and
 *     tarn_shared_informer_step, which processes and calls the handlers on this thread; no thread is started.
 *
 * When a handler runs the store already has the change it is told of (or a later one). Handlers know nothing of each other: a slow one
 * delays only itself. What waits for it is bounded: past the limit it is told one change per key, from what it saw last to
 * what is true now. Objects given out are shared and never change.
 *
 * Handlers come and go at any time, also while it runs: a new one first hears of every object there is, as an add of the initial list, then
 * of everything that follows: no gap, nothing twice.
 *
 * Every function may be called from any thread, also from handlers, unless it says otherwise.
 * Source: client-go tools/cache/shared_informer.go. Rows I-1 ... I-16, I-32 ... I-48.
 */
#ifndef TARN_SHARED_INFORMER_H
#define TARN_SHARED_INFORMER_H

#include <tarn/controller.h>
#include <tarn/handler.h>
#include <tarn/synctrack.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_shared_informer;

/* Notifications that may wait for one handler before they are folded, where nothing else is said. */
#define TARN_HANDLER_BUFFER 16384

struct tarn_shared_informer_options {
    /* As in tarn_controller_options. resync_period_ms is the default of handlers and how often the informer looks who is due;
     * should_resync is the informer's own and must be NULL. on_report is client-go's watch error handler (I-43); it must not
     * call the informer: the reflector's lock is held. */
    struct tarn_reflector_options reflector;
    struct tarn_informer_store_options store;
    /* An object deleted and made again between two lists (other uid, same key) is told as a delete (tombstone) and an add,
     * not as one update (I-6). */
    bool split_recreated;
};

/* Everything o points to is borrowed until free. 0, TARN_E_INVAL, TARN_E_INDEX_CONFLICT or TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_shared_informer_new(const struct tarn_shared_informer_options *o,
                                                      struct tarn_shared_informer **ret, struct tarn_error *err);
/* Stop and free; NULL is allowed. Not while run is in progress, not from a handler. Registrations stay valid until unref. */
TARN_API void tarn_shared_informer_free(struct tarn_shared_informer *s);

/*
 * Reflect, process and deliver until tarn_shared_informer_stop. Then the reflector stops, the queue is closed and what it holds is
 * dropped, and the handlers finish what waits for them (I-48); all threads have ended when this returns.
 * 0, TARN_E_EXISTS (a second call has no effect, I-33), TARN_E_STOPPED (not restartable), or the error of starting a thread.
 */
TARN_API TARN_MUST_CHECK int tarn_shared_informer_run(struct tarn_shared_informer *s, struct tarn_error *err);
/* End run soon. Not restartable. */
TARN_API void tarn_shared_informer_stop(struct tarn_shared_informer *s);
/* Was it stopped (or its run ended)? Any thread. */
TARN_API bool tarn_shared_informer_is_stopped(struct tarn_shared_informer *s);

/* Begin the event-loop use. Errors as run. */
TARN_API TARN_MUST_CHECK int tarn_shared_informer_start(struct tarn_shared_informer *s, struct tarn_error *err);
/* Process what is queued and deliver all that waits, on this thread, until nothing is left. One thread at a time, not from a handler. */
TARN_API void tarn_shared_informer_step(struct tarn_shared_informer *s);
/* Its two halves, for loops that ration their turns: process what is queued now; deliver what waits for the handlers. How much that was. */
TARN_API size_t tarn_shared_informer_process(struct tarn_shared_informer *s);
/* The second half: deliver what waits for the handlers now. How many notifications that was. */
TARN_API size_t tarn_shared_informer_deliver(struct tarn_shared_informer *s);
/* The reflector, once started; NULL before, and without a list_watch. */
TARN_API struct tarn_reflector *tarn_shared_informer_reflector(struct tarn_shared_informer *s);

/* The store, for reading. Lives as long as s. */
TARN_API struct tarn_indexer *tarn_shared_informer_indexer(struct tarn_shared_informer *s);
/* The queue, to put changes in by hand where there is no list_watch. Not from a handler in the event-loop use. */
TARN_API struct tarn_queue *tarn_shared_informer_queue(struct tarn_shared_informer *s);
/* Before or while it runs (I-44). The errors of tarn_indexer_add_indexers, and TARN_E_STOPPED after. */
TARN_API TARN_MUST_CHECK int tarn_shared_informer_add_indexers(struct tarn_shared_informer *s, const struct tarn_index_func *funcs,
                                                               size_t n, struct tarn_error *err);

/* The whole initial list is in the store. Once true, true for ever (I-38): for liveness ask the reflector's status. */
TARN_API bool tarn_shared_informer_has_synced(struct tarn_shared_informer *s);
/* Wait for that, at most timeout_ms (UINT64_MAX: no limit). False: timed out, or stopped before. Not from the event loop's thread. */
TARN_API bool tarn_shared_informer_wait_synced(struct tarn_shared_informer *s, uint64_t timeout_ms);
/* For tarn_wait_for; named as the reflector's resource. Valid as long as s. */
TARN_API struct tarn_done_checker tarn_shared_informer_done_checker(struct tarn_shared_informer *s);
/* As tarn_controller_last_resource_version; none before it is started. */
TARN_API void tarn_shared_informer_last_resource_version(struct tarn_shared_informer *s, struct tarn_rv *ret);
/* As tarn_controller_metrics; all 0 before it is started. */
TARN_API void tarn_shared_informer_metrics(struct tarn_shared_informer *s, struct tarn_controller_metrics *ret);

/* ---- handlers -------------------------------------------------------------------------------------------- */

/* A handler that was added. Counted: it outlives the informer until tarn_registration_unref. */
struct tarn_registration;

struct tarn_registration_options {
    /* How often this handler is told of every object again, as an update to itself (I-45). 0: as the informer's default;
     * TARN_RESYNC_NEVER: never. At least 1 s. Before the start a shorter one makes the informer look more often, after it it is
     * raised to the informer's. Where the informer's period is 0 nobody is resynced. */
    uint64_t resync_period_ms;
    size_t buffer; /* notifications that may wait before they are folded; 0: TARN_HANDLER_BUFFER */
    bool unchanged; /* tell also of updates by which a relist changed nothing */
};
#define TARN_RESYNC_NEVER UINT64_MAX

/*
 * Add a handler; h is copied, what its ctx points to must live until tarn_shared_informer_shut_down_handler or the informer's end.
 * o may be NULL. The same handler twice is two registrations (I-35). *ret (ret may be NULL) is an owned reference.
 * 0, TARN_E_STOPPED, TARN_E_NOMEM, or the error of starting its thread.
 */
TARN_API TARN_MUST_CHECK int tarn_shared_informer_add_handler(struct tarn_shared_informer *s, const struct tarn_event_handler *h,
                                                              const struct tarn_registration_options *o,
                                                              struct tarn_registration **ret, struct tarn_error *err);
/* No notification is queued for it any more and what waits is dropped; a call that is under way goes on. No effect if it is not (or no
 * more) a handler of s. */
TARN_API void tarn_shared_informer_remove_handler(struct tarn_shared_informer *s, struct tarn_registration *r);
/* Remove it and wait until its last call has returned. Not from a handler: from its own it would wait for itself (I-37). */
TARN_API void tarn_shared_informer_shut_down_handler(struct tarn_shared_informer *s, struct tarn_registration *r);

/* The informer has synced and this handler has returned from all its adds of the initial list (I-39). */
TARN_API bool tarn_registration_has_synced(struct tarn_registration *r);
/* Wait for that; false: timed out, or the informer stopped. The informer must not have been freed. */
TARN_API bool tarn_registration_wait_synced(struct tarn_registration *r, uint64_t timeout_ms);
/* For tarn_wait_for. */
TARN_API struct tarn_done_checker tarn_registration_done_checker(struct tarn_registration *r);

struct tarn_registration_counters {
    uint64_t delivered;      /* notifications, or folded changes, worked off */
    uint64_t handler_errors; /* calls that returned an error */
    uint64_t folds;          /* times the buffer was full and was folded */
    size_t waiting;          /* now */
};
/* What this handler was told so far, and what waits. Any thread. */
TARN_API void tarn_registration_counters(struct tarn_registration *r, struct tarn_registration_counters *ret);
TARN_API void tarn_registration_unref(struct tarn_registration *r); /* NULL is allowed */

#ifdef __cplusplus
}
#endif
#endif
