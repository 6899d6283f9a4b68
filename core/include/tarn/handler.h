/* tarn/handler.h - who is told of changes: the handler of every informer, here and in the client library.
 *
 * Objects are borrowed for the length of the call: keep one with tarn_object_ref. They are shared and never
 * modified. Sources: client-go ResourceEventHandlerDetailedFuncs, FilteringResourceEventHandler. Rows I-15, I-41, I-42.
 */
#ifndef TARN_HANDLER_H
#define TARN_HANDLER_H

#include <stdbool.h>

#include <tarn/object.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A NULL member is skipped. Calls for one handler come one at a time, in order, on the thread that the informer's
 * header names. A handler returns 0; anything else is counted as a handler error and delivery goes on.
 */
struct tarn_event_handler {
    /* obj is new. is_in_initial_list: it was there when this handler began to listen. */
    int (*on_add)(void *ctx, const struct tarn_object *obj, bool is_in_initial_list);
    /* old became obj. Both have the same resourceVersion in a resync; their uids differ if the object was
     * deleted and made again between two lists. */
    int (*on_update)(void *ctx, const struct tarn_object *old, const struct tarn_object *obj);
    /* obj is gone: its last state, or a tombstone (tarn_object_final_state) when the delete itself was missed. */
    int (*on_delete)(void *ctx, const struct tarn_object *obj);
    void *ctx;
};

/* Call on_add, if there is one. Its return, else 0. */
static inline int tarn_event_handler_add(const struct tarn_event_handler *h, const struct tarn_object *obj,
                                         bool is_in_initial_list)
{
    return h->on_add ? h->on_add(h->ctx, obj, is_in_initial_list) : 0;
}
/* Call on_update, if there is one. Its return, else 0. */
static inline int tarn_event_handler_update(const struct tarn_event_handler *h, const struct tarn_object *old,
                                            const struct tarn_object *obj)
{
    return h->on_update ? h->on_update(h->ctx, old, obj) : 0;
}
/* Call on_delete, if there is one. Its return, else 0. */
static inline int tarn_event_handler_delete(const struct tarn_event_handler *h, const struct tarn_object *obj)
{
    return h->on_delete ? h->on_delete(h->ctx, obj) : 0;
}

/*
 * Only what keep says yes to reaches handler. An update that turns the answer is an add (never of the initial list)
 * or a delete of the old state. keep also sees the tombstones of deletes.
 */
struct tarn_event_filter {
    bool (*keep)(void *ctx, const struct tarn_object *obj);
    void *ctx;
    struct tarn_event_handler handler;
};

/* The handler that filters; f must live as long as it is registered. */
TARN_API struct tarn_event_handler tarn_event_filter_handler(struct tarn_event_filter *f);

#ifdef __cplusplus
}
#endif
#endif
