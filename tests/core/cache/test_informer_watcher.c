/* An informer as a watch, and waiting with it: rows T-4, T-5. tarn-test: threads */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <tarn/informer_watcher.h>

#include "cache_fixture.h"
#include "fake_objects.h"
#include "fake_runtime.h"
#include "tarn_test.h"
#include "threaded_source.h"

/* ---- T-5 --------------------------------------------------------------------------------------------------- */

struct seen {
    char text[2000];
};

static void note(void *ctx, enum tarn_watch_event_type type, const struct tarn_object *obj)
{
    static const char *const names[] = {[TARN_WATCH_ADDED] = "+", [TARN_WATCH_MODIFIED] = "~", [TARN_WATCH_DELETED] = "-"};
    struct seen *s = ctx;
    size_t n = strlen(s->text);
    bool key_only = tarn_object_flags(obj) & TARN_OBJECT_EXPLICIT_KEY;

    (void)snprintf(s->text + n, sizeof s->text - n, "%s%s%.*s@%llu", n ? " " : "", names[type], TARN_BYTES_ARG(tarn_object_key(obj)),
                   key_only ? 0ull : (unsigned long long)tarn_object_resource_version(obj));
}

static struct tarn_informer_watcher *watcher(struct fake_runtime *rt, struct seen *s)
{
    struct tarn_informer_watcher *w = NULL;
    struct tarn_shared_informer_options o = {.reflector.rt = &rt->rt};

    *rt = fake_runtime_init();
    CU_ASSERT_EQUAL_FATAL(tarn_informer_watcher_new(&o, &(struct tarn_event_sink){note, s}, &w, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_shared_informer_start(tarn_informer_watcher_informer(w), NULL), 0);
    return w;
}

/* Upstream: TestNewInformerWatcher, TestEventProcessorOrdersEvents. */
static void t5_lists_and_changes_are_events_in_order(void)
{
    struct fake_runtime rt;
    struct seen s = {""};
    struct tarn_informer_watcher *w = watcher(&rt, &s);
    struct tarn_shared_informer *informer = tarn_informer_watcher_informer(w);
    struct tarn_store *q = &tarn_shared_informer_queue(informer)->store;
    const struct tarn_object *list[] = {fake_pod("a/x", "u", 1), fake_pod("a/y", "v", 2)};
    const struct tarn_object *newer = fake_pod("a/x", "u", 3), *other = fake_pod("a/z", "w", 4);
    struct tarn_controller_metrics m;

    CU_ASSERT_EQUAL(tarn_store_replace(q, list, 2, TARN_BYTES("2"), NULL), 0);
    CU_ASSERT_EQUAL(tarn_store_update(q, newer, NULL), 0);
    CU_ASSERT_EQUAL(tarn_store_add(q, other, NULL), 0);
    CU_ASSERT_EQUAL(tarn_store_delete(q, list[1], NULL), 0);
    tarn_shared_informer_step(informer);
    CU_ASSERT_STRING_EQUAL(s.text, "+a/x@1 +a/y@2 ~a/x@3 +a/z@4 -a/y@2");
    tarn_shared_informer_metrics(informer, &m);
    CU_ASSERT(m.processed > 0);
    CU_ASSERT_EQUAL(m.queued, 0);
    tarn_object_unref(list[0]);
    tarn_object_unref(list[1]);
    tarn_object_unref(newer);
    tarn_object_unref(other);
    tarn_informer_watcher_free(w);
    tarn_informer_watcher_free(NULL);
}

/* Upstream: TestInformerWatcherDeletedFinalStateUnknown: the delete that a relist finds has the last object. */
static void t5_a_missed_delete_has_the_last_object(void)
{
    struct fake_runtime rt;
    struct seen s = {""};
    struct tarn_informer_watcher *w = watcher(&rt, &s);
    struct tarn_shared_informer *informer = tarn_informer_watcher_informer(w);
    struct tarn_store *q = &tarn_shared_informer_queue(informer)->store;
    const struct tarn_object *pod = fake_pod("a/x", "u", 1);

    CU_ASSERT_EQUAL(tarn_store_replace(q, &pod, 1, TARN_BYTES("1"), NULL), 0);
    tarn_shared_informer_step(informer);
    CU_ASSERT_EQUAL(tarn_store_replace(q, NULL, 0, TARN_BYTES("5"), NULL), 0);
    tarn_shared_informer_step(informer);
    CU_ASSERT_STRING_EQUAL(s.text, "+a/x@1 -a/x@1");
    tarn_object_unref(pod);
    tarn_informer_watcher_free(w);
}

/* ---- T-4 --------------------------------------------------------------------------------------------------------- */

static int is_pod(void *ctx, enum tarn_watch_event_type type, const struct tarn_object *obj)
{
    char wanted[64];
    struct tarn_bytes key = tarn_object_key(obj);

    (void)snprintf(wanted, sizeof wanted, "%d %.*s", (int)type, TARN_BYTES_ARG(key));
    return strcmp(wanted, ctx) == 0;
}

static int refuse(void *ctx, enum tarn_watch_event_type type, const struct tarn_object *obj)
{
    (void)ctx;
    (void)type;
    (void)obj;
    return TARN_E_PROCESS;
}

static int answer(void *ctx, struct tarn_indexer *store)
{
    struct tarn_keys keys = {0};

    CU_ASSERT_EQUAL(tarn_store_list_keys(&store->store, &keys), 0);
    CU_ASSERT_EQUAL(keys.n, 10); /* the whole list is there */
    tarn_keys_release(&keys);
    return *(int *)ctx;
}

struct until {
    struct threaded_source source;
    struct tarn_shared_informer_options o;
    struct tarn_error err;
};

static void until_begin(struct until *t)
{
    threaded_source_start(&t->source, true);
    t->o = (struct tarn_shared_informer_options){.reflector = {.list_watch = &t->source.lw, .rt = tarn_runtime_posix(), .name = "pods"}};
    t->err = (struct tarn_error){0};
}

static int until(struct until *t, const struct tarn_precondition *pre, struct tarn_until *u, uint64_t timeout_ms)
{
    return tarn_until_with_sync(&t->o, pre, u, timeout_ms, &t->err);
}

/* Upstream: TestUntilWithSync: conditions see what was listed and what comes, in turn. */
static void t4_conditions_come_true_in_turn_from_the_list_on(void)
{
    char listed[32], changed[32];
    const struct tarn_condition conditions[] = {{is_pod, listed}, {is_pod, changed}};
    struct tarn_until u = tarn_until_init(conditions, 2);
    int no = 0;
    struct until t;

    (void)snprintf(listed, sizeof listed, "%d ns/pod-7", TARN_WATCH_ADDED);
    (void)snprintf(changed, sizeof changed, "%d ns/pod-3", TARN_WATCH_MODIFIED);
    until_begin(&t);
    CU_ASSERT_EQUAL(until(&t, &(struct tarn_precondition){answer, &no}, &u, UINT64_MAX), 0);
    CU_ASSERT_EQUAL(u.last_type, TARN_WATCH_MODIFIED);
    CU_ASSERT_PTR_NOT_NULL_FATAL(u.last);
    CU_ASSERT(tarn_bytes_equal(tarn_object_key(u.last), TARN_BYTES("ns/pod-3")));
    tarn_until_release(&u);
    threaded_source_end(&t.source);
}

/* Upstream: TestUntilWithSync, "precondition can stop the loop": no event. */
static void t4_a_precondition_may_be_enough(void)
{
    const struct tarn_condition never = {refuse, NULL};
    struct tarn_until u = tarn_until_init(&never, 1);
    int yes = 1, broken = TARN_E_IO;
    struct until t;

    until_begin(&t);
    CU_ASSERT_EQUAL(until(&t, &(struct tarn_precondition){answer, &yes}, &u, UINT64_MAX), 0);
    CU_ASSERT_PTR_NULL(u.last);
    CU_ASSERT_EQUAL(until(&t, &(struct tarn_precondition){answer, &broken}, &u, UINT64_MAX), TARN_E_IO);
    CU_ASSERT_PTR_NULL(u.last);
    tarn_until_release(&u);
    threaded_source_end(&t.source);
}

static void t4_a_condition_may_give_up_and_none_is_fulfilled_at_once(void)
{
    const struct tarn_condition condition = {refuse, NULL};
    struct tarn_until u = tarn_until_init(&condition, 1), none = tarn_until_init(NULL, 0);
    struct until t;

    until_begin(&t);
    CU_ASSERT_EQUAL(until(&t, NULL, &u, UINT64_MAX), TARN_E_PROCESS);
    CU_ASSERT_EQUAL(until(&t, NULL, &none, UINT64_MAX), 0);
    tarn_until_release(&u);
    tarn_until_release(&none);
    threaded_source_end(&t.source);
}

static int never_list(void *ctx, const struct tarn_list_options *o, struct tarn_list_watch_sink *sink)
{
    (void)ctx;
    (void)o;
    (void)sink;
    return 0;
}
static int never_watch(void *ctx, const struct tarn_watch_options *o, struct tarn_list_watch_sink *sink)
{
    (void)ctx;
    (void)o;
    (void)sink;
    return 0;
}
static void never_cancel(void *ctx)
{
    (void)ctx;
}

/* Upstream: TestUntilWithSync, "times out". */
static void t4_a_time_limit_says_what_was_missing(void)
{
    struct tarn_func_list_watch silent = tarn_func_list_watch_init(&(struct tarn_list_watch_funcs){never_list, never_watch, never_cancel, false, NULL});
    char nobody[] = "nobody";
    const struct tarn_condition condition = {is_pod, nobody};
    struct tarn_until u = tarn_until_init(&condition, 1);
    struct until t;

    until_begin(&t);
    CU_ASSERT_EQUAL(until(&t, NULL, &u, 300), TARN_E_TIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(t.err.message, "timed out"));
    t.o.reflector.list_watch = &silent.lw;
    CU_ASSERT_EQUAL(until(&t, NULL, &u, 20), TARN_E_TIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(t.err.message, "first list"));
    tarn_until_release(&u);
    threaded_source_end(&t.source);
}

TARN_TEST_MAIN("informer_watcher", TARN_TEST(t5_lists_and_changes_are_events_in_order), TARN_TEST(t5_a_missed_delete_has_the_last_object),
               TARN_TEST(t4_conditions_come_true_in_turn_from_the_list_on), TARN_TEST(t4_a_precondition_may_be_enough),
               TARN_TEST(t4_a_condition_may_give_up_and_none_is_fulfilled_at_once), TARN_TEST(t4_a_time_limit_says_what_was_missing))
