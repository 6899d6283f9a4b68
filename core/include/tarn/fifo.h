/* tarn/fifo.h - FIFO: a queue of keys, each with its newest object.
 *
 * client-go's cache.FIFO (rows F-1 … F-16, with AddIfNotPresent and ErrRequeue of the seeds). Adding a key that waits
 * replaces its object in place; deleting it leaves its place in the queue, which a pop then passes over. A pop gives
 * one delta: TARN_DELTA_SYNC with the object. Any thread. Keys that went keep their place in memory, without an object, for their next
 * time; later keys take it over.
 */
#ifndef TARN_FIFO_H
#define TARN_FIFO_H

#include <tarn/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_fifo;

struct tarn_fifo_options {
    struct tarn_key_func key; /* fn NULL: tarn_key_func_meta_namespace() */
    struct tarn_queue_watch watch;
};

/* o may be NULL. TARN_E_NOMEM. Free with tarn_store_free(&tarn_fifo_queue(f)->store). */
TARN_API TARN_MUST_CHECK int tarn_fifo_new(const struct tarn_fifo_options *o, struct tarn_fifo **ret, struct tarn_error *err);
/* f as a queue and a store. Its errors: TARN_E_KEY, TARN_E_NOMEM; the queue is then as before. */
TARN_API struct tarn_queue *tarn_fifo_queue(struct tarn_fifo *f);
/* Add unless the key waits already (F-4). TARN_E_KEY, TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_fifo_add_if_not_present(struct tarn_fifo *f, const struct tarn_object *obj,
                                                          struct tarn_error *err);
/* The simple pop (F-9, F-15): *ret is an owned reference. Blocks; TARN_E_CLOSED. */
TARN_API TARN_MUST_CHECK int tarn_fifo_pop(struct tarn_fifo *f, const struct tarn_object **ret, struct tarn_error *err);

#ifdef __cplusplus
}
#endif
#endif
