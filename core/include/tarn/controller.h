/* tarn/controller.h - the loop between a source and a process function; and the informer of one handler.
 *
 * A controller is a reflector that fills a queue and a loop that pops it into a process function. Run it on a thread
 * (tarn_controller_run; the reflector gets a thread of its own), or drive it in an event loop: tarn_controller_start, the
 * reflector's timer (tarn_controller_reflector), and tarn_controller_step whenever something may be queued.
 *
 * tarn_controller_new_informer makes one whose process function keeps a store and tells one handler, directly on the processing
 * thread. Where several handlers share a store, use a shared informer (shared_informer.h).
 *
 * Sources: client-go tools/cache/controller.go (Config, New, NewInformer, NewIndexerInformer, NewTransformingInformer).
 * Rows I-1 ... I-11, I-30, I-31.
 */
#ifndef TARN_CONTROLLER_H
#define TARN_CONTROLLER_H

#include <tarn/handler.h>
#include <tarn/indexer.h>
#include <tarn/queue.h>
#include <tarn/reflector.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_controller;

struct tarn_controller_options {
    /* How to list and watch, resync and report. `store` is ignored (the queue takes its place). `rt` is required;
     * list_watch may be NULL: there is no reflector, and the caller fills the queue. */
    struct tarn_reflector_options reflector;
    struct tarn_queue *queue; /* borrowed; closed by stop */
    struct tarn_process process;
    struct tarn_process process_batch; /* fn NULL: pop one element at a time */
};

/* Returns 0, TARN_E_INVAL (a required pointer is missing) or TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_controller_new(const struct tarn_controller_options *o, struct tarn_controller **ret,
                                                 struct tarn_error *err);
/* Stop and free; NULL is allowed. Not while run is in progress. */
TARN_API void tarn_controller_free(struct tarn_controller *c);

/*
 * Reflect and process until tarn_controller_stop, on this thread and one that rt starts. What is queued at stop is not
 * processed any more (I-48). Errors of the process function are counted; the loop goes on. Where memory was out the
 * source is listed again, so that nothing stays lost.
 * Returns 0, TARN_E_EXISTS (it runs or has run), TARN_E_STOPPED (stop came first), or the error of starting the thread.
 */
TARN_API TARN_MUST_CHECK int tarn_controller_run(struct tarn_controller *c, struct tarn_error *err);
/*
 * End run soon, or the event-loop use at once; not restartable. Any thread, but not from inside the process function (nor the handler
 * of tarn_controller_new_informer): these may run under the queue's lock.
 */
TARN_API void tarn_controller_stop(struct tarn_controller *c);

/* The event-loop use: begin, without threads. TARN_E_EXISTS or TARN_E_STOPPED as run. */
TARN_API TARN_MUST_CHECK int tarn_controller_start(struct tarn_controller *c, struct tarn_error *err);
/* Process what is queued, on this thread, without waiting. How many elements were popped. */
TARN_API size_t tarn_controller_step(struct tarn_controller *c);
/* The reflector, for its timer and its status; NULL without a list_watch. */
TARN_API struct tarn_reflector *tarn_controller_reflector(struct tarn_controller *c);

/* The queue has handed over the whole initial list (I-38): once true, always true. Any thread. */
TARN_API bool tarn_controller_has_synced(struct tarn_controller *c);
/* The resourceVersion of the reflector; none before the first list. Any thread. */
TARN_API void tarn_controller_last_resource_version(struct tarn_controller *c, struct tarn_rv *ret);
/* Elements whose processing failed, and calls of an informer's handler that returned an error, so far. Any thread. */
TARN_API uint64_t tarn_controller_process_errors(struct tarn_controller *c);

#define TARN_PROCESS_BUCKETS 6
/* What client-go exports of a named informer's queue and store since 1.36 (row Y-2), for whatever exports metrics here. */
struct tarn_controller_metrics {
    uint64_t queued;     /* elements that wait in the queue now */
    uint64_t processed;  /* calls of the process function, failed ones too */
    uint64_t process_ms; /* how long they took together */
    uint64_t process_le[TARN_PROCESS_BUCKETS]; /* of them, those that took at most 1, 5, 25, 100, 500 and 2500 ms */
    uint64_t store_resource_version; /* the last 15 digits, which a double holds exactly; 0: none, or not a number */
};
/* Any thread; the numbers are each of a moment of their own. */
TARN_API void tarn_controller_metrics(struct tarn_controller *c, struct tarn_controller_metrics *ret);

/* ---- informers ---------------------------------------------------------------------------------------- */

/* The queue between source and store. */
enum tarn_informer_queue {
    TARN_INFORMER_QUEUE_ATOMIC,     /* in order, a relist is one element: the default */
    TARN_INFORMER_QUEUE_IN_ORDER,   /* in order, a relist is an element for each object */
    TARN_INFORMER_QUEUE_COMPRESSED, /* DeltaFIFO: all changes of a key together */
};

/* What every informer can be told. */
struct tarn_informer_store_options {
    const struct tarn_index_func *indexers; /* borrowed (names and ctx) for the informer's life */
    size_t indexer_count;
    struct tarn_transform transform; /* before the store; tombstones excepted; must be idempotent (I-16) */
    enum tarn_informer_queue queue;
    /* Behave as the original where ours differs: deletes of unknown objects are told (I-3), a relist's unchanged objects are
     * told as updates (I-14), a slow handler's buffer grows without limit (I-12). For replaying its traces. */
    bool raw;
};

struct tarn_controller_informer_options {
    struct tarn_reflector_options reflector; /* as in tarn_controller_options */
    struct tarn_informer_store_options store;
    struct tarn_event_handler handler;
    bool unchanged; /* tell of updates that change nothing after a relist (always so with raw) */
};

/*
 * An informer of one handler. *ret_store (may be NULL) is for reading, and lives as long as the controller. The handler runs on
 * the processing thread: while it is busy the source waits. Source: NewInformer, NewIndexerInformer,
 * NewTransformingInformer, NewInformerWithOptions (I-30).
 */
TARN_API TARN_MUST_CHECK int tarn_controller_new_informer(const struct tarn_controller_informer_options *o,
                                                          struct tarn_controller **ret, struct tarn_indexer **ret_store,
                                                          struct tarn_error *err);
/* The queue, to put changes in by hand where there is no list_watch. */
TARN_API struct tarn_queue *tarn_controller_queue(struct tarn_controller *c);

#ifdef __cplusplus
}
#endif
#endif
