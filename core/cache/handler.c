/* handler.c - the filtering handler: an update is judged by what keep says of the old and of the new object. */
#include <tarn/handler.h>

static int filter_add(void *ctx, const struct tarn_object *obj, bool is_in_initial_list)
{
    struct tarn_event_filter *f = ctx;

    return f->keep(f->ctx, obj) ? tarn_event_handler_add(&f->handler, obj, is_in_initial_list) : 0;
}

static int filter_update(void *ctx, const struct tarn_object *old, const struct tarn_object *obj)
{
    struct tarn_event_filter *f = ctx;
    bool was = f->keep(f->ctx, old), is = f->keep(f->ctx, obj);

    if (was && is)
        return tarn_event_handler_update(&f->handler, old, obj);
    if (is)
        return tarn_event_handler_add(&f->handler, obj, false);
    return was ? tarn_event_handler_delete(&f->handler, old) : 0;
}

static int filter_delete(void *ctx, const struct tarn_object *obj)
{
    struct tarn_event_filter *f = ctx;

    return f->keep(f->ctx, obj) ? tarn_event_handler_delete(&f->handler, obj) : 0;
}

struct tarn_event_handler tarn_event_filter_handler(struct tarn_event_filter *f)
{
    return (struct tarn_event_handler){.on_add = filter_add, .on_update = filter_update, .on_delete = filter_delete, .ctx = f};
}
