/* tarn/the_real_fifo.h - RealFIFO: every delta in the order it came, none merged.
 *
 * client-go's cache.RealFIFO (rows Q-1 … Q-14), the informers' default queue. A pop gives one delta, or with pop_batch a run of
 * deltas of different keys. In atomic mode a relist is one REPLACED_ALL, a resync one SYNC_ALL (a pending one is not
 * doubled), and the consumer computes the difference (I-4); otherwise the queue computes it against the known objects.
 * Any thread. As a store it takes but does not give: get, list and list_keys answer TARN_E_UNSUPPORTED.
 */
#ifndef TARN_THE_REAL_FIFO_H
#define TARN_THE_REAL_FIFO_H

#include <tarn/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TARN_REAL_FIFO_BATCH_MAX 1000

struct tarn_real_fifo;

struct tarn_real_fifo_options {
    struct tarn_key_func key;        /* fn NULL: tarn_key_func_meta_namespace(); a tombstone's own key is always taken */
    struct tarn_known_objects known; /* required unless atomic, and must be absent if atomic */
    struct tarn_transform transform; /* */
    bool atomic;                     /* REPLACED_ALL and SYNC_ALL */
    bool emit_bookmark;              /* with atomic: a bookmark is a delta; else bookmarks are ignored */
    bool unlock_while_processing;    /* the lock is released around process while the queue is shorter than 2 batches: one popper */
    bool original_replace;           /* without atomic: as the original, a Replace transforms while it queues, so that a transformer's
                                        error leaves queued what came before it; default: all or nothing */
    struct tarn_queue_watch watch;
};

/* TARN_E_INVAL where `known` and `atomic` do not fit; TARN_E_NOMEM. Free with tarn_store_free(&tarn_real_fifo_queue(f)->store). */
TARN_API TARN_MUST_CHECK int tarn_real_fifo_new(const struct tarn_real_fifo_options *o, struct tarn_real_fifo **ret,
                                                struct tarn_error *err);
/*
 * f as a queue and a store. Errors: TARN_E_KEY, TARN_E_TRANSFORM, TARN_E_NOMEM, known objects' own errors; the queue is then as
 * before. Keys are computed when an object is queued, never later.
 */
TARN_API struct tarn_queue *tarn_real_fifo_queue(struct tarn_real_fifo *f);
/* The deltas that wait. */
TARN_API size_t tarn_real_fifo_count(struct tarn_real_fifo *f);

#ifdef __cplusplus
}
#endif
#endif
