/* informer.c - the informer of one handler: a controller whose process function keeps a store and tells the handler. */
#include <stdlib.h>

#include "controller_state.h"
#include "informer_store.h"

struct informer {
    struct tarn_controller controller; /* first */
    struct tarn_informer_store store;
    struct tarn_event_handler handler;
    bool unchanged;
};

static void count_error(struct informer *i, int handler_code)
{
    if (handler_code)
        (void)atomic_fetch_add_explicit(&i->controller.process_errors, 1, memory_order_relaxed); /* a count for people */
}

static void tell_add(void *ctx, const struct tarn_object *obj, bool is_in_initial_list)
{
    struct informer *i = ctx;

    count_error(i, tarn_event_handler_add(&i->handler, obj, is_in_initial_list));
}

static void tell_update(void *ctx, const struct tarn_object *old, const struct tarn_object *obj, bool resync)
{
    struct informer *i = ctx;

    if (resync || i->unchanged || !tarn_object_is_unchanged(old, obj))
        count_error(i, tarn_event_handler_update(&i->handler, old, obj));
}

static void tell_delete(void *ctx, const struct tarn_object *old, const struct tarn_object *obj)
{
    struct informer *i = ctx;

    (void)old;
    count_error(i, tarn_event_handler_delete(&i->handler, obj));
}

static int process(void *ctx, const struct tarn_deltas *deltas, bool in_initial_list, struct tarn_error *err)
{
    struct informer *i = ctx;

    return tarn_delta_apply(&i->store.apply, deltas, in_initial_list, err);
}

static int process_batch(void *ctx, const struct tarn_deltas *deltas, bool in_initial_list, struct tarn_error *err)
{
    struct informer *i = ctx;

    return tarn_delta_apply_batch(&i->store.apply, deltas, in_initial_list, err);
}

static void informer_release(struct tarn_controller *c)
{
    struct informer *i = (struct informer *)c;

    tarn_controller_release(c);
    tarn_informer_store_release(&i->store);
    free(i);
}

int tarn_controller_new_informer(const struct tarn_controller_informer_options *o, struct tarn_controller **ret,
                                 struct tarn_indexer **ret_store, struct tarn_error *err)
{
    struct informer *i = calloc(1, sizeof *i);
    struct tarn_delta_sink sink = {.on_add = tell_add, .on_update = tell_update, .on_delete = tell_delete, .ctx = i};
    struct tarn_controller_options controller = {.reflector = o->reflector, .process = {process, i}};
    int rc;

    if (!i)
        return tarn_error_set(err, TARN_E_NOMEM, "no memory for an informer");
    i->handler = o->handler;
    i->unchanged = o->unchanged || o->store.raw;
    i->controller.release = informer_release;
    if (o->store.queue != TARN_INFORMER_QUEUE_COMPRESSED)
        controller.process_batch = (struct tarn_process){process_batch, i};
    if ((rc = tarn_informer_store_init(&i->store, &o->store, &sink, NULL, err)))
        goto out;
    controller.queue = i->store.queue;
    if ((rc = tarn_controller_init(&i->controller, &controller, err)))
        goto out;
    *ret = &i->controller;
    if (ret_store)
        *ret_store = i->store.indexer;
    i = NULL; /* the caller's from here */
out:
    if (i)
        tarn_informer_store_release(&i->store);
    free(i);
    return rc;
}
