/* list_watch.c - a list_watch from functions, and one that changes the requests of another. */
#include <tarn/list_watch.h>

/* ---- from functions ------------------------------------------------------------------------- */

static const struct tarn_list_watch_funcs *funcs_of(struct tarn_list_watch *lw)
{
    return &((struct tarn_func_list_watch *)lw)->funcs;
}

static int func_list(struct tarn_list_watch *lw, const struct tarn_list_options *o, struct tarn_list_watch_sink *sink)
{
    return funcs_of(lw)->list(funcs_of(lw)->ctx, o, sink);
}

static int func_watch(struct tarn_list_watch *lw, const struct tarn_watch_options *o, struct tarn_list_watch_sink *sink)
{
    return funcs_of(lw)->watch(funcs_of(lw)->ctx, o, sink);
}

static void func_cancel(struct tarn_list_watch *lw)
{
    funcs_of(lw)->cancel(funcs_of(lw)->ctx);
}

static bool func_streams(struct tarn_list_watch *lw)
{
    return funcs_of(lw)->streaming_list;
}

struct tarn_func_list_watch tarn_func_list_watch_init(const struct tarn_list_watch_funcs *funcs)
{
    static const struct tarn_list_watch_ops ops = {
        .list = func_list, .watch = func_watch, .cancel = func_cancel, .supports_streaming_list = func_streams};

    return (struct tarn_func_list_watch){.lw.ops = &ops, .funcs = *funcs};
}

/* ---- with selectors and a modifier ------------------------------------------------------------ */

static struct tarn_filtered_list_watch *filter_of(struct tarn_list_watch *lw)
{
    return (struct tarn_filtered_list_watch *)lw;
}

static void select_by(struct tarn_bytes *selector, struct tarn_bytes ours)
{
    if (ours.len)
        *selector = ours;
}

static int filtered_list(struct tarn_list_watch *lw, const struct tarn_list_options *o, struct tarn_list_watch_sink *sink)
{
    struct tarn_filtered_list_watch *f = filter_of(lw);
    struct tarn_list_options changed = *o;

    select_by(&changed.label_selector, f->label_selector);
    select_by(&changed.field_selector, f->field_selector);
    if (f->modify)
        f->modify(f->ctx, &changed, NULL);
    return f->inner->ops->list(f->inner, &changed, sink);
}

static int filtered_watch(struct tarn_list_watch *lw, const struct tarn_watch_options *o, struct tarn_list_watch_sink *sink)
{
    struct tarn_filtered_list_watch *f = filter_of(lw);
    struct tarn_watch_options changed = *o;

    select_by(&changed.label_selector, f->label_selector);
    select_by(&changed.field_selector, f->field_selector);
    if (f->modify)
        f->modify(f->ctx, NULL, &changed);
    return f->inner->ops->watch(f->inner, &changed, sink);
}

static void filtered_cancel(struct tarn_list_watch *lw)
{
    filter_of(lw)->inner->ops->cancel(filter_of(lw)->inner);
}

static bool filtered_streams(struct tarn_list_watch *lw)
{
    struct tarn_list_watch *inner = filter_of(lw)->inner;

    return inner->ops->supports_streaming_list && inner->ops->supports_streaming_list(inner);
}

struct tarn_filtered_list_watch tarn_filtered_list_watch_init(struct tarn_list_watch *inner)
{
    static const struct tarn_list_watch_ops ops = {.list = filtered_list,
                                                   .watch = filtered_watch,
                                                   .cancel = filtered_cancel,
                                                   .supports_streaming_list = filtered_streams};

    return (struct tarn_filtered_list_watch){.lw.ops = &ops, .inner = inner};
}
