/* tarn/delta_fifo.h - DeltaFIFO: a queue of keys, each with all its pending deltas.
 *
 * client-go's cache.DeltaFIFO (rows D-1 … D-17, with AddIfNotPresent and ErrRequeue up to 1.32): the compressed queue. A
 * key waits once; its deltas are popped together, oldest first. Only two Deleted in a row are merged. Any thread.
 *
 * As a store: list, get and get_by_key give the newest object of a key's deltas; list_keys is in queue order.
 */
#ifndef TARN_DELTA_FIFO_H
#define TARN_DELTA_FIFO_H

#include <tarn/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_delta_fifo;

struct tarn_delta_fifo_options {
    struct tarn_key_func key;         /* fn NULL: tarn_key_func_meta_namespace(); a tombstone's own key is always taken (D-9) */
    struct tarn_known_objects known;  /* list_keys NULL: none */
    struct tarn_transform transform;  /* D-10 */
    bool emit_replaced;               /* a relist's deltas are Replaced, else Sync */
    struct tarn_queue_watch watch;
};

/* o may be NULL. TARN_E_NOMEM. Free with tarn_store_free(&tarn_delta_fifo_queue(f)->store). */
TARN_API TARN_MUST_CHECK int tarn_delta_fifo_new(const struct tarn_delta_fifo_options *o, struct tarn_delta_fifo **ret,
                                                 struct tarn_error *err);
/*
 * f as a queue and a store. Errors: TARN_E_KEY, TARN_E_TRANSFORM, TARN_E_NOMEM. As in the original a Replace that meets an
 * object without key or a transformer's error leaves queued what came before it in the list, and makes no deletions (D-6).
 */
TARN_API struct tarn_queue *tarn_delta_fifo_queue(struct tarn_delta_fifo *f);

/* A copy of deltas; release with tarn_delta_list_release. {0} is empty. */
struct tarn_delta_list {
    struct tarn_delta *v; /* each obj is an owned reference */
    size_t n;
};
/* Give the references back, free the list, and make it empty. {0} is allowed. */
TARN_API void tarn_delta_list_release(struct tarn_delta_list *l);

/* The pending deltas of obj's key (a tombstone's own) or of key (D-13). TARN_E_NOTFOUND, TARN_E_KEY, TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_delta_fifo_get(struct tarn_delta_fifo *f, const struct tarn_object *obj,
                                                 struct tarn_delta_list *ret, struct tarn_error *err);
/* The pending deltas of key (D-13): copies for tarn_delta_list_release. TARN_E_NOTFOUND, TARN_E_NOMEM. Any thread. */
TARN_API TARN_MUST_CHECK int tarn_delta_fifo_get_by_key(struct tarn_delta_fifo *f, struct tarn_bytes key,
                                                        struct tarn_delta_list *ret);
/*
 * Put deltas back unless their key waits already (D-14). The key is that of the newest; no deltas: TARN_E_KEY. A delta
 * without object: TARN_E_NOT_DELTAS. The deltas are not transformed and their objects are referenced.
 */
TARN_API TARN_MUST_CHECK int tarn_delta_fifo_add_if_not_present(struct tarn_delta_fifo *f, const struct tarn_deltas *deltas,
                                                                struct tarn_error *err);
/* KeyOf (D-9): a tombstone's key, else the key function's. *ret is borrowed from obj or scratch. */
TARN_API TARN_MUST_CHECK int tarn_delta_fifo_key_of(struct tarn_delta_fifo *f, const struct tarn_object *obj,
                                                    struct tarn_buf *scratch, struct tarn_bytes *ret, struct tarn_error *err);
/* KeyOf of deltas: the key of the newest; none: TARN_E_KEY ("0 length Deltas object; can't get key"). */
TARN_API TARN_MUST_CHECK int tarn_delta_fifo_key_of_deltas(struct tarn_delta_fifo *f, const struct tarn_deltas *deltas,
                                                           struct tarn_buf *scratch, struct tarn_bytes *ret,
                                                           struct tarn_error *err);

#ifdef __cplusplus
}
#endif
#endif
