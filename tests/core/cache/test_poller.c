/* The poller: rows P-1 ... P-9; after TestPoller_sync and TestPoller_Run of the first versions of the package. */
/* tarn-test: threads */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <tarn/poller.h>

#include "fake_objects.h"
#include "fake_runtime.h"
#include "fake_store.h"
#include "fault.h"
#include "tarn_test.h"

struct fixture {
    struct fake_runtime rt;
    struct fake_store store;
    struct tarn_poller *p;
    unsigned errors;
    struct tarn_error last;
};

static void on_error(void *ctx, const struct tarn_error *err)
{
    struct fixture *f = ctx;

    f->errors++;
    f->last = *err;
}

static void make(struct fixture *f, struct tarn_poller_options o)
{
    memset(f, 0, sizeof *f);
    f->rt = fake_runtime_init();
    fake_store_init(&f->store, false);
    o.store = &f->store.store;
    o.rt = &f->rt.rt;
    o.on_error = on_error;
    o.ctx = f;
    CU_ASSERT_EQUAL_FATAL(tarn_poller_new(&o, &f->p, NULL), 0);
}

static void unmake(struct fixture *f)
{
    tarn_poller_free(f->p);
    CU_ASSERT_EQUAL(f->store.misuses, 0);
    tarn_store_free(&f->store.store);
}

/* One poll that brings the pods "a/x@1 ..." given as keys; each at version rv. */
static void poll_brings(struct fixture *f, const char *const *keys, size_t n, unsigned long rv)
{
    const struct tarn_object *v[8] = {NULL};
    struct tarn_array_enumerator e = tarn_array_enumerator_init(v, n);

    for (size_t i = 0; i < n; i++)
        v[i] = fake_pod(keys[i], "u", rv);
    CU_ASSERT(tarn_poller_on_timer(f->p));
    tarn_poller_on_result(f->p, &e.e);
    for (size_t i = 0; i < n; i++)
        tarn_object_unref(v[i]);
}

static struct tarn_poller_status status(struct tarn_poller *p)
{
    struct tarn_poller_status s;

    tarn_poller_status(p, &s);
    return s;
}

/* P-1, P-7, TestPoller_sync: after each poll the store holds what it brought, whatever it held before */
static void the_store_holds_what_the_newest_poll_brought(void)
{
    static const struct {
        const char *keys[3];
        size_t n;
        const char *expected;
    } steps[] = {{{"foo"}, 1, "foo@1"},
                 {{"foo", "bar"}, 2, "bar@2 foo@2"},
                 {{"bar"}, 1, "bar@3"},
                 {{NULL}, 0, ""},
                 {{"a/x", "a/y", "a/z"}, 3, "a/x@5 a/y@5 a/z@5"}};
    struct fixture f;

    make(&f, (struct tarn_poller_options){.period_ms = 1000});
    for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++) {
        poll_brings(&f, steps[i].keys, steps[i].n, i + 1);
        CU_ASSERT_STRING_EQUAL(fake_store_text(&f.store), steps[i].expected);
        f.rt.now_ms += 1000;
    }
    CU_ASSERT_EQUAL(status(f.p).polls, 5);
    unmake(&f);
}

/* P-7 as a stream: objects one by one, nothing visible before the end; a failure half-way leaves the store as it was */
static void a_poll_may_bring_its_objects_one_by_one(void)
{
    struct fixture f;
    const char *keys[] = {"a/x", "a/y"};

    make(&f, (struct tarn_poller_options){.period_ms = 1000});
    for (unsigned round = 1; round <= 3; round++) {
        bool fails = round == 2;

        CU_ASSERT(tarn_poller_on_timer(f.p));
        for (size_t i = 0; i < 2; i++) {
            const struct tarn_object *obj = fake_pod(keys[i], "u", round);

            CU_ASSERT_EQUAL(tarn_poller_on_object(f.p, obj, NULL), 0);
            tarn_object_unref(obj);
        }
        CU_ASSERT_STRING_EQUAL(fake_store_text(&f.store), round == 1 ? "" : "a/x@1 a/y@1");
        if (fails)
            tarn_poller_on_failed(f.p, &(struct tarn_error){.code = TARN_E_IO});
        else
            tarn_poller_on_end(f.p, TARN_BYTES("7"));
        CU_ASSERT_STRING_EQUAL(fake_store_text(&f.store), round == 3 ? "a/x@3 a/y@3" : "a/x@1 a/y@1");
        tarn_poller_hasten(f.p);
    }
    CU_ASSERT(tarn_poller_on_timer(f.p));
    tarn_poller_hasten(f.p); /* one is under way: nothing */
    CU_ASSERT_EQUAL(tarn_poller_deadline_ms(f.p), UINT64_MAX);
    tarn_poller_on_end(f.p, TARN_BYTES("8")); /* an empty list */
    CU_ASSERT_STRING_EQUAL(fake_store_text(&f.store), "");
    CU_ASSERT(status(f.p).polls == 4 && status(f.p).failures == 1);
    unmake(&f);
}

static void a_start_may_be_put_off_by_chance(void)
{
    for (uint64_t i = 0; i < 20; i++) {
        struct fixture f;
        uint64_t due;

        make(&f, (struct tarn_poller_options){.period_ms = 1000, .start_delay_ms = 5000});
        due = tarn_poller_deadline_ms(f.p);
        CU_ASSERT(due >= f.rt.now_ms && due < f.rt.now_ms + 5000);
        unmake(&f);
    }
}

/* P-4: the first poll at once, then the period after the end of each; they never overlap */
static void polls_begin_at_once_and_never_overlap(void)
{
    struct fixture f;
    const char *keys[] = {"a/x"};

    make(&f, (struct tarn_poller_options){.period_ms = 1000});
    CU_ASSERT_EQUAL(tarn_poller_deadline_ms(f.p), 0);
    CU_ASSERT(tarn_poller_on_timer(f.p));
    f.rt.now_ms += 30000; /* a slow one */
    CU_ASSERT_FALSE(tarn_poller_on_timer(f.p));
    CU_ASSERT_EQUAL(tarn_poller_deadline_ms(f.p), UINT64_MAX);
    tarn_poller_on_failed(f.p, &(struct tarn_error){.code = TARN_E_IO});
    CU_ASSERT_EQUAL(tarn_poller_deadline_ms(f.p), f.rt.now_ms + 1000);
    f.rt.now_ms += 999;
    CU_ASSERT_FALSE(tarn_poller_on_timer(f.p));
    f.rt.now_ms += 1;
    poll_brings(&f, keys, 1, 1);
    CU_ASSERT_EQUAL(tarn_poller_deadline_ms(f.p), f.rt.now_ms + 1000);
    unmake(&f);
}

/* P-6: an error of the poll is told; the round is skipped, the store untouched */
static void a_failed_poll_leaves_the_store_untouched(void)
{
    struct fixture f;
    const char *keys[] = {"a/x"};

    make(&f, (struct tarn_poller_options){.period_ms = 1000});
    poll_brings(&f, keys, 1, 1);
    f.rt.now_ms += 1000;
    CU_ASSERT(tarn_poller_on_timer(f.p));
    tarn_poller_on_failed(f.p, &(struct tarn_error){.code = TARN_E_IO, .message = "no route"});
    CU_ASSERT_STRING_EQUAL(fake_store_text(&f.store), "a/x@1");
    CU_ASSERT_EQUAL(f.errors, 1);
    CU_ASSERT_STRING_EQUAL(f.last.message, "no route");
    CU_ASSERT_EQUAL(status(f.p).last_error.code, TARN_E_IO);
    CU_ASSERT(status(f.p).has_synced);
    f.rt.now_ms += 1000;
    poll_brings(&f, keys, 1, 2);
    CU_ASSERT_EQUAL(status(f.p).last_error.code, 0);
    CU_ASSERT_EQUAL(status(f.p).failures, 1);
    CU_ASSERT_EQUAL(status(f.p).last_ms, f.rt.now_ms);
    unmake(&f);
}

/* P-8: an error of the store likewise, at each of its steps */
static void a_store_that_refuses_keeps_what_it_had(void)
{
    static const enum fake_store_call calls[] = {FAKE_STORE_BEGIN, FAKE_STORE_STAGE, FAKE_STORE_COMMIT};
    const char *keys[] = {"a/x", "a/y"};

    for (unsigned i = 0; i < 3; i++) {
        struct fixture f;

        make(&f, (struct tarn_poller_options){.period_ms = 1000});
        poll_brings(&f, keys, 1, 1);
        f.rt.now_ms += 1000;
        f.store.refuse[calls[i]] = TARN_E_KEY;
        poll_brings(&f, keys, 2, 2);
        CU_ASSERT_STRING_EQUAL(fake_store_text(&f.store), "a/x@1");
        CU_ASSERT_EQUAL(f.last.code, TARN_E_KEY);
        CU_ASSERT_FALSE(f.store.staged);
        unmake(&f);
    }
}

/* P-9: jitter on the period, and the reflector's backoff after errors; neither by default */
static void jitter_and_backoff_are_options(void)
{
    static const uint64_t waits[] = {1000, 1600, 3200, 6400};
    struct fixture f;

    make(&f, (struct tarn_poller_options){.period_ms = 1000, .backoff = true});
    for (unsigned i = 0; i < 4; i++) {
        CU_ASSERT(tarn_poller_on_timer(f.p));
        tarn_poller_on_failed(f.p, &(struct tarn_error){.code = TARN_E_IO});
        CU_ASSERT_EQUAL(tarn_poller_deadline_ms(f.p) - f.rt.now_ms, waits[i]);
        f.rt.now_ms += waits[i];
    }
    unmake(&f);
    make(&f, (struct tarn_poller_options){.period_ms = 1000, .jitter_ms = 500});
    f.rt.fixed = UINT64_MAX;
    poll_brings(&f, NULL, 0, 1);
    CU_ASSERT_EQUAL(tarn_poller_deadline_ms(f.p) - f.rt.now_ms, 1499);
    unmake(&f);
}

static void a_poller_without_its_parts_is_refused(void)
{
    struct fixture f;
    struct tarn_poller *p = NULL;
    struct tarn_error err;

    make(&f, (struct tarn_poller_options){0});
    CU_ASSERT_EQUAL(tarn_poller_new(&(struct tarn_poller_options){.rt = &f.rt.rt}, &p, &err), TARN_E_INVAL);
    CU_ASSERT_EQUAL(tarn_poller_new(&(struct tarn_poller_options){.store = &f.store.store}, &p, &err), TARN_E_INVAL);
    CU_ASSERT_EQUAL(tarn_poller_run(f.p), TARN_E_INVAL); /* no get */
    tarn_fault_arm(0);
    CU_ASSERT_EQUAL(tarn_poller_new(&(struct tarn_poller_options){.store = &f.store.store, .rt = &f.rt.rt}, &p, &err), TARN_E_NOMEM);
    CU_ASSERT(tarn_fault_disarm());
    tarn_poller_free(NULL);
    unmake(&f);
}

/* ---- P-2, P-3, P-5: run, with the real clock; nothing here asserts a time ------------------------------- */

struct get {
    struct tarn_array_enumerator e;
    const struct tarn_object *pod;
    _Atomic unsigned polls, frees; /* counted by the polling thread, read by the test's: no other data hangs on them */
};

static void free_enumerator(struct tarn_enumerator *e)
{
    ((struct get *)e)->frees++;
}

static size_t one(struct tarn_enumerator *e)
{
    (void)e;
    return 1;
}

static const struct tarn_object *the_pod(struct tarn_enumerator *e, size_t i)
{
    (void)i;
    return ((struct get *)e)->pod;
}

static int get(void *ctx, struct tarn_enumerator **ret, struct tarn_error *err)
{
    static const struct tarn_enumerator_ops ops = {.len = one, .get = the_pod, .free = free_enumerator};
    struct get *g = ctx;

    if (++g->polls % 3 == 0)
        return tarn_error_set(err, TARN_E_IO, "every third fails");
    g->e.e.ops = &ops;
    *ret = &g->e.e;
    return 0;
}

static void *run(void *arg)
{
    return tarn_poller_run(arg) == 0 ? arg : NULL;
}

/* P-2, P-3, P-5, TestPoller_Run: polls on the caller's thread until the stop */
static void run_polls_until_it_is_stopped(void)
{
    struct get g = {.pod = fake_pod("a/x", "u", 1)};
    struct fake_store store;
    struct tarn_poller *p;
    pthread_t thread;
    void *ended = NULL;

    fake_store_init(&store, false);
    CU_ASSERT_EQUAL_FATAL(tarn_poller_new(&(struct tarn_poller_options){.get = get,
                                                                       .ctx = &g,
                                                                       .period_ms = 1,
                                                                       .store = &store.store,
                                                                       .rt = tarn_runtime_posix()},
                                          &p, NULL),
                          0);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, run, p), 0);
    while (g.polls < 10)
        usleep(200);
    CU_ASSERT(status(p).has_synced);
    CU_ASSERT_EQUAL(tarn_poller_run(p), TARN_E_EXISTS);
    tarn_poller_stop(p);
    pthread_join(thread, &ended);
    CU_ASSERT_PTR_EQUAL(ended, p);
    CU_ASSERT_STRING_EQUAL(fake_store_text(&store), "a/x@1");
    CU_ASSERT_EQUAL(g.frees, g.polls - g.polls / 3);
    CU_ASSERT_EQUAL(status(p).failures, g.polls / 3);
    tarn_poller_stop(p); /* before run: ends it at once */
    CU_ASSERT_EQUAL(tarn_poller_run(p), 0);
    tarn_poller_free(p);
    tarn_store_free(&store.store);
    tarn_object_unref(g.pod);
}

TARN_TEST_MAIN("poller", TARN_TEST(the_store_holds_what_the_newest_poll_brought), TARN_TEST(a_poll_may_bring_its_objects_one_by_one), TARN_TEST(a_start_may_be_put_off_by_chance), TARN_TEST(polls_begin_at_once_and_never_overlap),
               TARN_TEST(a_failed_poll_leaves_the_store_untouched), TARN_TEST(a_store_that_refuses_keeps_what_it_had),
               TARN_TEST(jitter_and_backoff_are_options), TARN_TEST(a_poller_without_its_parts_is_refused),
               TARN_TEST(run_polls_until_it_is_stopped))
