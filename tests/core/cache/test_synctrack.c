/* Trackers and waiting. Rows I-39, I-40.  tarn-test: threads */
#include <stdio.h>
#include <stdlib.h>

#include <tarn/runtime.h>
#include <tarn/synctrack.h>

#include "fake_runtime.h"
#include "fault.h"
#include "tarn_test.h"

static bool is_set(void *ctx)
{
    return atomic_load((_Atomic bool *)ctx);
}

/* I-39. Upstream: synctrack TestBasicLogic (single file). */
static void i39_a_single_file_tracker_waits_for_upstream_and_work(void)
{
    _Atomic bool upstream = false;
    struct tarn_single_file_tracker t = {.upstream = {is_set, &upstream}};

    CU_ASSERT(!tarn_single_file_tracker_has_synced(&t));
    tarn_single_file_tracker_start(&t);
    tarn_single_file_tracker_start(&t);
    CU_ASSERT(!tarn_single_file_tracker_finish(&t));
    upstream = true;
    CU_ASSERT(!tarn_single_file_tracker_has_synced(&t));
    CU_ASSERT(tarn_single_file_tracker_finish(&t)); /* the last one */
    CU_ASSERT(tarn_single_file_tracker_has_synced(&t));
    upstream = false;
    CU_ASSERT(!tarn_single_file_tracker_has_synced(&t));
}

/* I-39. Upstream: TestBasicLogic (async). */
static void i39_an_async_tracker_waits_for_each_item(void)
{
    _Atomic bool upstream = true;
    struct tarn_synctrack_upstream up = {is_set, &upstream};
    struct tarn_async_tracker *t = NULL;
    int a, b;

    CU_ASSERT_EQUAL_FATAL(tarn_async_tracker_new(&up, &t), 0);
    CU_ASSERT(tarn_async_tracker_has_synced(t));
    CU_ASSERT_EQUAL(tarn_async_tracker_start(t, &a), 0);
    CU_ASSERT_EQUAL(tarn_async_tracker_start(t, &b), 0);
    CU_ASSERT_EQUAL(tarn_async_tracker_start(t, &a), 0); /* twice is once */
    CU_ASSERT(!tarn_async_tracker_has_synced(t));
    tarn_async_tracker_finish(t, &a);
    CU_ASSERT(!tarn_async_tracker_has_synced(t));
    tarn_async_tracker_finish(t, &a); /* not under way: no error */
    tarn_async_tracker_finish(t, &b);
    CU_ASSERT(tarn_async_tracker_has_synced(t));
    upstream = false;
    CU_ASSERT(!tarn_async_tracker_has_synced(t));
    tarn_async_tracker_free(t);
    tarn_async_tracker_free(NULL);
}

static void an_async_tracker_holds_many(void)
{
    _Atomic bool upstream = true;
    struct tarn_synctrack_upstream up = {is_set, &upstream};
    struct tarn_async_tracker *t = NULL;
    static char items[5000];

    CU_ASSERT_EQUAL_FATAL(tarn_async_tracker_new(&up, &t), 0);
    for (size_t i = 0; i < sizeof items; i++)
        CU_ASSERT_EQUAL_FATAL(tarn_async_tracker_start(t, &items[i]), 0);
    for (size_t i = 0; i < sizeof items; i++) {
        CU_ASSERT_FATAL(!tarn_async_tracker_has_synced(t));
        tarn_async_tracker_finish(t, &items[(i * 7) % sizeof items]);
    }
    CU_ASSERT(tarn_async_tracker_has_synced(t));
    tarn_async_tracker_free(t);
}

/* Upstream asks the tracker itself: TestAsyncLocking, TestSingleFile: no deadlock, since no lock is held while it asks. */
struct nested {
    struct tarn_async_tracker *t;
    int item;
};

static bool finishes_meanwhile(void *ctx)
{
    struct nested *n = ctx;

    tarn_async_tracker_finish(n->t, &n->item);
    return true;
}

/* I-39. */
static void i39_the_upstream_is_asked_first_and_without_a_lock(void)
{
    struct nested n = {0};
    struct tarn_synctrack_upstream up = {finishes_meanwhile, &n};

    CU_ASSERT_EQUAL_FATAL(tarn_async_tracker_new(&up, &n.t), 0);
    CU_ASSERT_EQUAL(tarn_async_tracker_start(n.t, &n.item), 0);
    CU_ASSERT(tarn_async_tracker_has_synced(n.t)); /* what ended while the upstream was asked counts as ended */
    tarn_async_tracker_free(n.t);
}

static void a_tracker_survives_any_failed_allocation(void)
{
    _Atomic bool upstream = true;
    struct tarn_synctrack_upstream up = {is_set, &upstream};
    bool failed = true;

    for (long n = 0; failed; n++) {
        struct tarn_async_tracker *t = NULL;
        int rc;

        tarn_fault_arm(n);
        rc = tarn_async_tracker_new(&up, &t);
        if (!rc)
            rc = tarn_async_tracker_start(t, &up);
        failed = tarn_fault_disarm();
        CU_ASSERT_EQUAL(rc, failed ? TARN_E_NOMEM : 0);
        if (t)
            CU_ASSERT_EQUAL(tarn_async_tracker_has_synced(t), failed); /* what was not noted is not waited for */
        tarn_async_tracker_free(t);
    }
}

/* ---- threads ------------------------------------------------------------------------------------------ */

struct counted {
    struct tarn_single_file_tracker tracker;
    struct tarn_async_tracker *async;
    _Atomic unsigned lasts, early;
    char items[4][1000];
    _Atomic unsigned next;
};

static void worker(void *arg)
{
    struct counted *c = arg;
    unsigned me = atomic_fetch_add(&c->next, 1);

    for (unsigned i = 0; i < 1000; i++) {
        if (tarn_single_file_tracker_has_synced(&c->tracker) || tarn_async_tracker_has_synced(c->async))
            (void)atomic_fetch_add(&c->early, 1);
        tarn_async_tracker_finish(c->async, &c->items[me][i]);
        if (tarn_single_file_tracker_finish(&c->tracker))
            (void)atomic_fetch_add(&c->lasts, 1);
    }
}

/* I-39. Upstream: TestSingleFileCounting. Nobody sees it synced before the last of all has finished, who alone is told so. */
static void i39_counting_is_exact_under_threads(void)
{
    struct tarn_runtime *rt = tarn_runtime_posix();
    _Atomic bool upstream = true;
    struct tarn_synctrack_upstream up = {is_set, &upstream};
    static struct counted c;
    void *threads[4];

    c = (struct counted){.tracker.upstream = up};
    CU_ASSERT_EQUAL_FATAL(tarn_async_tracker_new(&up, &c.async), 0);
    for (int i = 0; i < 4 * 1000; i++) {
        tarn_single_file_tracker_start(&c.tracker);
        CU_ASSERT_EQUAL_FATAL(tarn_async_tracker_start(c.async, &c.items[i / 1000][i % 1000]), 0);
    }
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(rt->ops->thread_start(rt, worker, &c, &threads[i]), 0);
    for (int i = 0; i < 4; i++)
        rt->ops->thread_join(rt, threads[i]);
    CU_ASSERT_EQUAL(c.early, 0);
    CU_ASSERT_EQUAL(c.lasts, 1);
    CU_ASSERT(tarn_single_file_tracker_has_synced(&c.tracker));
    CU_ASSERT(tarn_async_tracker_has_synced(c.async));
    tarn_async_tracker_free(c.async);
}

/* ---- waiting ---------------------------------------------------------------------------------------------- */

struct stage {
    struct fake_runtime *rt;
    uint64_t done_at_ms, waited_ms;
};

static bool stage_done(void *ctx)
{
    struct stage *s = ctx;

    return s->rt->now_ms >= s->done_at_ms;
}

/* Waiting moves the fake clock, as time would pass. */
static bool stage_wait(void *ctx, uint64_t timeout_ms)
{
    struct stage *s = ctx;
    uint64_t left = stage_done(s) ? 0 : s->done_at_ms - s->rt->now_ms;

    s->waited_ms = left < timeout_ms ? left : timeout_ms;
    s->rt->now_ms += s->waited_ms;
    return stage_done(s);
}

/* I-40. Upstream: TestWaitFor, TestSyncResult. */
static void i40_all_are_waited_for_within_one_limit(void)
{
    static const struct {
        uint64_t a_ms, b_ms, limit_ms;
        const char *laggards; /* NULL: all done */
    } rows[] = {
        {10, 20, 100, NULL},        {20, 10, 100, NULL},          {0, 0, 0, NULL},         {10, 200, 100, "not done: b"},
        {200, 10, 100, "not done: a"}, {200, 300, 100, "not done: a, b"}, {10, 20, UINT64_MAX, NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fake_runtime rt = fake_runtime_init();
        struct stage a = {.rt = &rt, .done_at_ms = rt.now_ms + rows[i].a_ms}, b = {.rt = &rt, .done_at_ms = rt.now_ms + rows[i].b_ms};
        struct tarn_done_checker checkers[] = {{"a", stage_done, stage_wait, &a}, {"b", stage_done, stage_wait, &b}};
        uint64_t began = rt.now_ms;
        struct tarn_error err = {0};
        int rc = tarn_wait_for(&rt.rt, "caches", checkers, 2, rows[i].limit_ms, &err);

        CU_ASSERT_EQUAL(rc, rows[i].laggards ? TARN_E_TIMEOUT : 0);
        if (rows[i].laggards) {
            CU_ASSERT_PTR_NOT_NULL(strstr(err.message, rows[i].laggards));
            CU_ASSERT_EQUAL(rt.now_ms - began, rows[i].limit_ms);
        }
    }
}

TARN_TEST_MAIN("synctrack", TARN_TEST(i39_a_single_file_tracker_waits_for_upstream_and_work),
               TARN_TEST(i39_an_async_tracker_waits_for_each_item), TARN_TEST(an_async_tracker_holds_many),
               TARN_TEST(i39_the_upstream_is_asked_first_and_without_a_lock),
               TARN_TEST(a_tracker_survives_any_failed_allocation), TARN_TEST(i39_counting_is_exact_under_threads),
               TARN_TEST(i40_all_are_waited_for_within_one_limit))
