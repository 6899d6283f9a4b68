/* delta_apply.h - private: puts popped deltas into an informer's store and tells what changed.
 *
 * client-go's processDeltas and processDeltasInBatch (rows I-2 ... I-11). The store holds the change before the sink hears of
 * it; old and new are exactly before and after that change. One thread at a time.
 */
#ifndef TARN_DELTA_APPLY_H
#define TARN_DELTA_APPLY_H

#include <tarn/indexer.h>
#include <tarn/queue.h>

/* Objects are borrowed during the call. */
struct tarn_delta_sink {
    /* Before the store is touched: so many calls may follow. An error leaves all as it is. NULL: none is needed. */
    int (*reserve)(void *ctx, size_t n);
    void (*on_add)(void *ctx, const struct tarn_object *obj, bool is_in_initial_list);
    /* resync: told again by a resync, not because anything happened. */
    void (*on_update)(void *ctx, const struct tarn_object *old, const struct tarn_object *obj, bool resync);
    /* old: what the store had; NULL only with raw. obj: as the source told it, or a tombstone. */
    void (*on_delete)(void *ctx, const struct tarn_object *old, const struct tarn_object *obj);
    void *ctx;
};

struct tarn_delta_apply {
    struct tarn_indexer *store; /* from tarn_cache_new, with the key function of K-4 */
    struct tarn_delta_sink sink;
    /* The original tells of deletes of objects that were never told of (I-3); ours does not. */
    bool raw;
};

/* Apply deltas in order. The first that the store refuses ends it with the store's error: its event is lost (I-9). */
int tarn_delta_apply(struct tarn_delta_apply *a, const struct tarn_deltas *deltas, bool in_initial_list,
                     struct tarn_error *err);

/*
 * Apply a run of deltas of different keys, none of REPLACED_ALL, SYNC_ALL, BOOKMARK, as one transaction (I-10): those the store
 * refuses are passed over and the first such error is returned; the others are told in order.
 */
int tarn_delta_apply_batch(struct tarn_delta_apply *a, const struct tarn_deltas *deltas, bool in_initial_list,
                           struct tarn_error *err);

/* Same uid and resourceVersion: nothing happened to the object. */
bool tarn_object_is_unchanged(const struct tarn_object *old, const struct tarn_object *obj);

#endif
