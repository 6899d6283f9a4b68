/* informer_store.c - makes the queue and the store of an informer fit each other. */
#include "informer_store.h"

#include <tarn/cache.h>
#include <tarn/delta_fifo.h>
#include <tarn/key.h>
#include <tarn/the_real_fifo.h>

/* The store's keys sorted, so that the deletes a relist implies come in the same order every time. */
static int known_keys(void *ctx, struct tarn_keys *ret)
{
    struct tarn_informer_store *s = ctx;
    int rc = tarn_store_list_keys(&s->indexer->store, ret);

    if (!rc)
        tarn_keys_sort(ret);
    return rc;
}

static int known_get(void *ctx, struct tarn_bytes key, const struct tarn_object **ret)
{
    struct tarn_informer_store *s = ctx;

    return tarn_store_get_by_key(&s->indexer->store, key, ret, NULL);
}

static int real_fifo_new(struct tarn_informer_store *s, const struct tarn_informer_store_options *o,
                         const struct tarn_queue_watch *watch, struct tarn_error *err)
{
    bool atomic = o->queue == TARN_INFORMER_QUEUE_ATOMIC;
    struct tarn_real_fifo_options options = {
        .key = tarn_key_func_deletion_handling(),
        .transform = o->transform,
        .atomic = atomic,
        .emit_bookmark = atomic,
        .unlock_while_processing = atomic,
        .original_replace = o->raw && !atomic,
        .watch = *watch,
    };
    struct tarn_real_fifo *f;
    int rc;

    if (!atomic)
        options.known = (struct tarn_known_objects){.list_keys = known_keys, .get_by_key = known_get, .ctx = s};
    rc = tarn_real_fifo_new(&options, &f, err);
    if (!rc)
        s->queue = tarn_real_fifo_queue(f);
    return rc;
}

static int delta_fifo_new(struct tarn_informer_store *s, const struct tarn_informer_store_options *o,
                          const struct tarn_queue_watch *watch, struct tarn_error *err)
{
    struct tarn_delta_fifo_options options = {
        .key = tarn_key_func_deletion_handling(),
        .known = {.list_keys = known_keys, .get_by_key = known_get, .ctx = s},
        .transform = o->transform,
        .emit_replaced = true,
        .watch = *watch,
    };
    struct tarn_delta_fifo *f;
    int rc = tarn_delta_fifo_new(&options, &f, err);

    if (!rc)
        s->queue = tarn_delta_fifo_queue(f);
    return rc;
}

int tarn_informer_store_init(struct tarn_informer_store *s, const struct tarn_informer_store_options *o,
                             const struct tarn_delta_sink *sink, const struct tarn_queue_watch *watch, struct tarn_error *err)
{
    struct tarn_cache_options cache = {
        .key = tarn_key_func_deletion_handling(), .indexers = o->indexers, .indexer_count = o->indexer_count};
    struct tarn_queue_watch nobody = {0};
    int rc;

    *s = (struct tarn_informer_store){0};
    if ((rc = tarn_cache_new(&cache, &s->indexer, err)))
        return rc;
    watch = watch ? watch : &nobody;
    rc = o->queue == TARN_INFORMER_QUEUE_COMPRESSED ? delta_fifo_new(s, o, watch, err) : real_fifo_new(s, o, watch, err);
    if (rc)
        tarn_informer_store_release(s);
    else
        s->apply = (struct tarn_delta_apply){.store = s->indexer, .sink = *sink, .raw = o->raw};
    return rc;
}

void tarn_informer_store_release(struct tarn_informer_store *s)
{
    if (s->queue)
        tarn_store_free(&s->queue->store);
    if (s->indexer)
        tarn_store_free(&s->indexer->store);
    *s = (struct tarn_informer_store){0};
}
