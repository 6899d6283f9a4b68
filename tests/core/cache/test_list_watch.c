/* Sources from functions and with selectors: rows L-1 ... L-6; after NewFilteredListWatchFromClient. */
#include <tarn/list_watch.h>
#include <tarn/pager.h>

#include "reflector_fixture.h"
#include "tarn_test.h"

/* ---- L-2: functions ------------------------------------------------------------------------------- */

struct calls {
    unsigned lists, watches, cancels;
    uint32_t limit, timeout_s;
    struct tarn_list_watch_sink *sink;
};

static int list(void *ctx, const struct tarn_list_options *o, struct tarn_list_watch_sink *sink)
{
    struct calls *c = ctx;

    c->lists++;
    c->limit = o->limit;
    c->sink = sink;
    return 0;
}

static int watch(void *ctx, const struct tarn_watch_options *o, struct tarn_list_watch_sink *sink)
{
    struct calls *c = ctx;

    c->watches++;
    c->timeout_s = o->timeout_s;
    c->sink = sink;
    return TARN_E_LIMIT;
}

static void cancel(void *ctx)
{
    ((struct calls *)ctx)->cancels++;
}

/* L-1, L-2: two independent calls, and the function's answer is the source's */
static void functions_make_a_source(void)
{
    struct calls c = {0};
    struct tarn_list_watch_sink sink = {0};

    for (int streaming = 0; streaming < 2; streaming++) {
        struct tarn_func_list_watch f = tarn_func_list_watch_init(&(struct tarn_list_watch_funcs){
            .list = list, .watch = watch, .cancel = cancel, .streaming_list = streaming, .ctx = &c});

        CU_ASSERT_EQUAL(f.lw.ops->list(&f.lw, &(struct tarn_list_options){.limit = 7}, &sink), 0);
        CU_ASSERT_EQUAL(f.lw.ops->watch(&f.lw, &(struct tarn_watch_options){.timeout_s = 9}, &sink), TARN_E_LIMIT);
        f.lw.ops->cancel(&f.lw);
        CU_ASSERT_EQUAL(f.lw.ops->supports_streaming_list(&f.lw), streaming);
    }
    CU_ASSERT(c.lists == 2 && c.watches == 2 && c.cancels == 2 && c.limit == 7 && c.timeout_s == 9 && c.sink == &sink);
}

/* A source that answers at once, from inside list and watch, is legal: a blocking function makes such a one. */
static int list_at_once(void *ctx, const struct tarn_list_options *o, struct tarn_list_watch_sink *sink)
{
    const struct tarn_object *pod = fake_pod("a/x", "u", 3);
    const char *cont = o->cont.len ? "" : "next";
    int rc = sink->on_item(sink, pod);

    (void)ctx;
    tarn_object_unref(pod);
    if (rc == 0)
        sink->on_page(sink, &(struct tarn_list_meta){.resource_version = TARN_BYTES("5"), .cont = tarn_bytes_of(cont)});
    return 0;
}

static int watch_at_once(void *ctx, const struct tarn_watch_options *o, struct tarn_list_watch_sink *sink)
{
    const struct tarn_object *pod = fake_pod("a/y", "u", 8);

    (void)ctx;
    (void)o;
    if (sink->on_event(sink, TARN_WATCH_ADDED, pod) == 0)
        sink->on_watch_end(sink, true, &(struct tarn_end){.reason = TARN_END_NORMAL});
    tarn_object_unref(pod);
    return 0;
}

static void a_source_may_answer_from_inside_the_request(void)
{
    struct calls c = {0};
    struct tarn_func_list_watch f = tarn_func_list_watch_init(
        &(struct tarn_list_watch_funcs){.list = list_at_once, .watch = watch_at_once, .cancel = cancel, .ctx = &c});
    struct fx *x = fx_new(NULL);
    struct tarn_reflector_options o = x->o;

    tarn_reflector_free(x->r);
    o.list_watch = &f.lw;
    CU_ASSERT_EQUAL_FATAL(tarn_reflector_new(&o, &x->r, NULL), 0);
    tarn_reflector_start(x->r);
    fx_go(x);
    FX_STORE(x, "a/x@3 a/y@8");
    CU_ASSERT_STRING_EQUAL(fx_rv(x), "8");
    CU_ASSERT_EQUAL(fx_wait(x), 800);
    fx_free(x);
}

/* ---- L-3, L-4: selectors and the modifier ------------------------------------------------------------ */

/* L-3: every list and watch carries the field selector */
static void every_request_carries_the_selectors(void)
{
    struct fx *x = fx_new(NULL);
    struct tarn_filtered_list_watch f = tarn_filtered_list_watch_init(&x->lw.lw);
    struct tarn_reflector_options o = x->o;

    f.field_selector = TARN_BYTES("spec.nodeName=node-1");
    f.label_selector = TARN_BYTES("app=web");
    tarn_reflector_free(x->r);
    o.list_watch = &f.lw;
    CU_ASSERT_EQUAL_FATAL(tarn_reflector_new(&o, &x->r, NULL), 0);
    fx_watch(x, "a/x@3", "10");
    CU_ASSERT_EQUAL(x->lw.n, 2);
    for (size_t i = 0; i < 2; i++) {
        CU_ASSERT_STRING_EQUAL(x->lw.requests[i].field_selector, "spec.nodeName=node-1");
        CU_ASSERT_STRING_EQUAL(x->lw.requests[i].label_selector, "app=web");
    }
    FX_STORE(x, "a/x@3");
    fx_free(x);
}

static void modify(void *ctx, struct tarn_list_options *l, struct tarn_watch_options *w)
{
    unsigned *calls = ctx;

    ++*calls;
    if (l) {
        l->limit = 3;
        l->label_selector = TARN_BYTES("tier=db");
    }
    if (w) {
        w->timeout_s = 17;
        w->allow_bookmarks = false;
    }
}

/* L-4: the modifier sees and may change all options of every request, and has the last word */
static void the_modifier_may_change_every_request(void)
{
    struct fx *x = fx_new(NULL);
    struct tarn_filtered_list_watch f = tarn_filtered_list_watch_init(&x->lw.lw);
    unsigned calls = 0;

    f.label_selector = TARN_BYTES("app=web");
    f.modify = modify;
    f.ctx = &calls;
    CU_ASSERT_EQUAL(f.lw.ops->list(&f.lw, &(struct tarn_list_options){.limit = 500, .resource_version = TARN_BYTES("7")}, NULL), 0);
    FX_LAST(x, "LIST rv=7 limit=3");
    CU_ASSERT_STRING_EQUAL(fake_last(&x->lw)->label_selector, "tier=db");
    CU_ASSERT_EQUAL(f.lw.ops->watch(&f.lw, &(struct tarn_watch_options){.timeout_s = 300, .allow_bookmarks = true}, NULL), 0);
    CU_ASSERT_EQUAL(fake_last(&x->lw)->timeout_s, 17);
    CU_ASSERT_FALSE(fake_last(&x->lw)->bookmarks);
    CU_ASSERT_STRING_EQUAL(fake_last(&x->lw)->label_selector, "app=web");
    CU_ASSERT_EQUAL(calls, 2);
    fx_free(x);
}

/* L-3, W-2: what is not changed passes: streaming, errors, cancel; L-5: a stop twice is one */
static void the_rest_passes_through(void)
{
    struct fx *x = fx_new(NULL);
    struct tarn_filtered_list_watch f = tarn_filtered_list_watch_init(&x->lw.lw);
    struct tarn_list_watch_ops bare = *x->lw.lw.ops;

    CU_ASSERT(f.lw.ops->supports_streaming_list(&f.lw));
    x->lw.streaming = false;
    CU_ASSERT_FALSE(f.lw.ops->supports_streaming_list(&f.lw));
    x->lw.refuse = TARN_E_IO;
    CU_ASSERT_EQUAL(f.lw.ops->list(&f.lw, &(struct tarn_list_options){0}, NULL), TARN_E_IO);
    f.lw.ops->cancel(&f.lw);
    f.lw.ops->cancel(&f.lw);
    CU_ASSERT_EQUAL(x->lw.cancels, 2);
    bare.supports_streaming_list = NULL;
    x->lw.lw.ops = &bare;
    CU_ASSERT_FALSE(f.lw.ops->supports_streaming_list(&f.lw));
    fx_free(x);
}

/* L-5: the stream's end is told once, and a cancelled stream tells nothing any more */
static void a_stopped_stream_tells_nothing_more(void)
{
    struct fx *x = fx_new(NULL);

    fx_watch(x, "", "10");
    tarn_reflector_stop(x->r);
    CU_ASSERT_PTR_NULL(x->lw.sink);
    tarn_reflector_stop(x->r);
    CU_ASSERT_EQUAL(x->lw.cancels, 1);
    fx_free(x);
}

TARN_TEST_MAIN("list_watch", TARN_TEST(functions_make_a_source), TARN_TEST(a_source_may_answer_from_inside_the_request),
               TARN_TEST(every_request_carries_the_selectors), TARN_TEST(the_modifier_may_change_every_request),
               TARN_TEST(the_rest_passes_through), TARN_TEST(a_stopped_stream_tells_nothing_more))
