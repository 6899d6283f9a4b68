/* tarn/queue.h - the Queue interface: a Store whose objects are taken out again in order.
 *
 * client-go's cache.Queue. What a pop hands over is a run of *deltas*: (type, object), oldest first.
 * The in-order queue (the_real_fifo.h) gives one delta, the compressed one (delta_fifo.h) all pending
 * deltas of a key, the plain FIFO (fifo.h) one TARN_DELTA_SYNC with the key's newest object.
 *
 * Every queue is safe for any number of producers and poppers. A pop blocks on the caller's thread
 * until there is something or the queue is closed (F-7, F-13).
 */
#ifndef TARN_QUEUE_H
#define TARN_QUEUE_H

#include <stdbool.h>

#include <tarn/runtime.h>
#include <tarn/store.h>

#ifdef __cplusplus
extern "C" {
#endif

enum tarn_delta_type {
    TARN_DELTA_ADDED,
    TARN_DELTA_UPDATED,
    TARN_DELTA_DELETED,      /* obj: the last state, or a tombstone */
    TARN_DELTA_REPLACED,     /* found by a relist */
    TARN_DELTA_SYNC,         /* told again by a resync (or a relist, where REPLACED is not wanted) */
    TARN_DELTA_REPLACED_ALL, /* a whole relist: `all` */
    TARN_DELTA_SYNC_ALL,     /* a whole resync; no object */
    TARN_DELTA_BOOKMARK,     /* only a resourceVersion: all->resource_version */
};

/* What a REPLACED_ALL or a BOOKMARK carries. */
struct tarn_delta_all {
    struct tarn_bytes resource_version;
    const struct tarn_object *const *objs; /* none for a BOOKMARK */
    size_t n;
};

struct tarn_delta {
    enum tarn_delta_type type;
    const struct tarn_object *obj;    /* NULL for REPLACED_ALL, SYNC_ALL, BOOKMARK */
    const struct tarn_delta_all *all; /* for REPLACED_ALL and BOOKMARK, else NULL */
};

/* Deltas, oldest first. A popped run is borrowed: valid until the process function returns; tarn_object_ref what is to stay. */
struct tarn_deltas {
    const struct tarn_delta *v;
    size_t n;
};

/* "Added", "Updated" … as client-go prints them; static storage. */
TARN_API const char *tarn_delta_type_name(enum tarn_delta_type type);

/* Deltas.Oldest and Deltas.Newest: NULL when empty (D-17). Borrowed from d. */
static inline const struct tarn_delta *tarn_deltas_oldest(const struct tarn_deltas *d)
{
    return d->n ? &d->v[0] : NULL;
}
/* Deltas.Newest: the last of them, NULL when empty (D-17). Borrowed from d. */
static inline const struct tarn_delta *tarn_deltas_newest(const struct tarn_deltas *d)
{
    return d->n ? &d->v[d->n - 1] : NULL;
}

/*
 * What a pop runs (client-go PopProcessFunc). Runs under the queue's lock (but for
 * tarn_real_fifo_options.unlock_while_processing): it must not call the queue. in_initial_list: HasSynced was false
 * just before this pop (F-10). What it returns is what the pop returns; the element is gone in any case, except:
 * TARN_E_REQUEUE (FIFO and DeltaFIFO, client-go's ErrRequeue up to 1.32) puts it back unless a newer one came (F-8).
 * The pop then returns the inner error: the code the function put into *err, or 0 if it left it alone. err is never NULL.
 */
struct tarn_process {
    int (*fn)(void *ctx, const struct tarn_deltas *deltas, bool in_initial_list, struct tarn_error *err);
    void *ctx;
};

struct tarn_queue;

struct tarn_queue_ops {
    int (*pop)(struct tarn_queue *q, const struct tarn_process *process, struct tarn_error *err);
    int (*pop_batch)(struct tarn_queue *q, const struct tarn_process *batch, const struct tarn_process *single,
                     struct tarn_error *err);
    bool (*has_synced)(struct tarn_queue *q);
    void (*close)(struct tarn_queue *q);
    bool (*is_closed)(struct tarn_queue *q);
    size_t (*count)(struct tarn_queue *q);
};

struct tarn_queue {
    struct tarn_store store; /* first: a queue is a store; free it with tarn_store_free after the last pop has returned */
    const struct tarn_queue_ops *ops;
};

/*
 * Take the head and give it to process; blocks while the queue is empty and open. Returns what process returned (see
 * there), or TARN_E_CLOSED when the queue is closed and drained. process may be NULL: the element is dropped.
 */
static inline int tarn_queue_pop(struct tarn_queue *q, const struct tarn_process *process, struct tarn_error *err)
{
    return q->ops->pop(q, process, err);
}

/*
 * As tarn_queue_pop, but a run of deltas of different keys goes to `batch` in one call; a head that cannot be
 * batched goes to `single`. Queues other than the in-order one pop one element into `single`.
 */
static inline int tarn_queue_pop_batch(struct tarn_queue *q, const struct tarn_process *batch,
                                       const struct tarn_process *single, struct tarn_error *err)
{
    return q->ops->pop_batch(q, batch, single, err);
}

/* True once the first Replace has been popped as a whole, or at the first other change (F-11). Any thread. */
static inline bool tarn_queue_has_synced(struct tarn_queue *q)
{
    return q->ops->has_synced(q);
}

/* Wake all that wait in a pop; pops drain what is queued, then answer TARN_E_CLOSED. Adding is still accepted (F-13). */
static inline void tarn_queue_close(struct tarn_queue *q)
{
    q->ops->close(q);
}
/* Has tarn_queue_close been called? Any thread. */
static inline bool tarn_queue_is_closed(struct tarn_queue *q)
{
    return q->ops->is_closed(q);
}

/* How many pops would find something without waiting. Any thread. */
static inline size_t tarn_queue_count(struct tarn_queue *q)
{
    return q->ops->count(q);
}

/*
 * What a queue compares a relist or a resync with (client-go KeyListerGetter), normally the informer's store. Called
 * under the queue's lock: must not call the queue. get_by_key: an owned reference, or TARN_E_NOTFOUND.
 */
struct tarn_known_objects {
    int (*list_keys)(void *ctx, struct tarn_keys *ret);
    int (*get_by_key)(void *ctx, struct tarn_bytes key, const struct tarn_object **ret);
    void *ctx;
};

/* A store as known objects; borrowed, must outlive the queue. */
TARN_API struct tarn_known_objects tarn_known_objects_of(struct tarn_store *s);

/*
 * What all queues can be told. A callback whose fn is NULL is not called; each runs under the queue's lock.
 */
struct tarn_queue_watch {
    /* A pop took longer than 100 ms (a batch: 100 ms each, at most 1 s) while more than 10 elements still waited (D-11): depth of them. Needs rt. */
    void (*slow_pop)(void *ctx, struct tarn_bytes key, size_t depth, uint64_t took_ms);
    /* HasSynced became true (F-16): once, after the process call that made it so (DeltaFIFO: before it). */
    void (*synced)(void *ctx);
    void *ctx;
    struct tarn_runtime *rt; /* the clock for slow_pop */
};

#ifdef __cplusplus
}
#endif
#endif
