/* Controllers, and informers of one handler. Rows I-30, I-31.  tarn-test: threads */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <tarn/controller.h>
#include <tarn/fifo.h>

#include "cache_fixture.h"
#include "fake_list_watch.h"
#include "fake_objects.h"
#include "fake_runtime.h"
#include "fault.h"
#include "heard.h"
#include "tarn_test.h"

/* ---- informers --------------------------------------------------------------------------------------------- */

struct fixture {
    struct fake_runtime rt;
    struct fake_list_watch lw;
    struct tarn_controller *c;
    struct tarn_indexer *store;
    struct heard h;
};

static struct fixture *informer(const struct tarn_controller_informer_options *options, bool fed)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct tarn_controller_informer_options o = *options;

    f->rt = fake_runtime_init();
    fake_list_watch_init(&f->lw, &f->rt.rt);
    o.reflector.rt = &f->rt.rt;
    o.reflector.list_watch = fed ? &f->lw.lw : NULL;
    o.handler = heard_handler(&f->h);
    CU_ASSERT_EQUAL_FATAL(tarn_controller_new_informer(&o, &f->c, &f->store, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_controller_start(f->c, NULL), 0);
    return f;
}

static void fixture_free(struct fixture *f)
{
    CU_ASSERT_EQUAL(f->h.contradictions, 0);
    tarn_controller_free(f->c);
    heard_release(&f->h);
    free(f);
}

static void turn(struct fixture *f)
{
    while (tarn_reflector_deadline_ms(tarn_controller_reflector(f->c)) <= f->rt.now_ms)
        tarn_reflector_on_timer(tarn_controller_reflector(f->c));
    (void)tarn_controller_step(f->c);
}

/* I-30. Upstream: ExampleNewInformer, TestUpdate: the handler is called on the processing thread, the store is a step ahead. */
static void i30_the_handler_is_told_on_the_processing_thread(void)
{
    static const enum tarn_informer_queue queues[] = {TARN_INFORMER_QUEUE_ATOMIC, TARN_INFORMER_QUEUE_IN_ORDER,
                                                      TARN_INFORMER_QUEUE_COMPRESSED};

    for (int i = 0; i < 3; i++) {
        struct fixture *f = informer(&(struct tarn_controller_informer_options){.store.queue = queues[i]}, false);
        struct tarn_store *q = &tarn_controller_queue(f->c)->store;

        CU_ASSERT(!tarn_controller_has_synced(f->c));
        replace(q, "a@1 b@2");
        HEARD(&f->h, "");
        CU_ASSERT(tarn_controller_step(f->c) > 0);
        CU_ASSERT_EQUAL(tarn_controller_step(f->c), 0);
        CU_ASSERT(tarn_controller_has_synced(f->c));
        CU_ASSERT_EQUAL(f->h.initial_adds, 2);
        (void)heard_text(&f->h);
        update(q, "a@3");
        del(q, "b@4");
        (void)tarn_controller_step(f->c);
        HEARD(&f->h, "update a@1→3 · delete b@4");
        replace(q, "a@3"); /* nothing changed: nothing is told */
        (void)tarn_controller_step(f->c);
        HEARD(&f->h, "");
        CU_ASSERT_STRING_EQUAL_PRINTED(list_of(&f->store->store), "a@3");
        fixture_free(f);
    }
}

/* I-30. I-5, I-14: with `unchanged` a relist that changes nothing is told. I-15: what the handler returns is counted. */
static void i15_i30_unchanged_objects_and_errors_of_the_handler(void)
{
    struct fixture *f = informer(&(struct tarn_controller_informer_options){.unchanged = true}, false);
    struct tarn_store *q = &tarn_controller_queue(f->c)->store;

    replace(q, "a@1");
    (void)tarn_controller_step(f->c);
    (void)heard_text(&f->h);
    f->h.answer = -1;
    replace(q, "a@1");
    (void)tarn_controller_step(f->c);
    HEARD(&f->h, "update a@1→1");
    CU_ASSERT_EQUAL(tarn_controller_process_errors(f->c), 1);
    fixture_free(f);
}

/* I-31. Upstream: TestHammerController's shape, step by step: source to store. */
static void i31_a_controller_reflects_its_source(void)
{
    struct fixture *f = informer(&(struct tarn_controller_informer_options){.reflector.name = "pods"}, true);
    struct tarn_rv rv;

    tarn_controller_last_resource_version(f->c, &rv);
    CU_ASSERT_EQUAL(rv.len, 0);
    turn(f);
    CU_ASSERT_STRING_EQUAL(fake_last_text(&f->lw), "LIST rv=0 limit=500");
    fake_item(&f->lw, fake_pod("n1/a", "u1", 1));
    fake_page_end(&f->lw, "5", "");
    turn(f);
    HEARD(&f->h, "add(initial) n1/a@1");
    CU_ASSERT(tarn_controller_has_synced(f->c));
    fake_open(&f->lw);
    fake_event(&f->lw, TARN_WATCH_ADDED, fake_pod("n1/b", "u2", 6));
    turn(f);
    HEARD(&f->h, "add n1/b@6");
    tarn_controller_last_resource_version(f->c, &rv);
    CU_ASSERT_STRING_EQUAL(rv.text, "6");
    fixture_free(f);
}

/* ---- plain controllers ------------------------------------------------------------------------------------------ */

struct popped {
    unsigned n;
    unsigned fail_with; /* a positive TARN_E_ */
    _Atomic unsigned seen;
};

static int count_pops(void *ctx, const struct tarn_deltas *deltas, bool in_initial_list, struct tarn_error *err)
{
    struct popped *p = ctx;

    (void)deltas;
    (void)in_initial_list;
    p->n++;
    (void)atomic_fetch_add(&p->seen, 1);
    return p->fail_with ? tarn_error_set(err, -(int)p->fail_with, "cannot") : 0;
}

/* I-31: any queue, any process function; what it fails with is counted and the loop goes on. */
static void i31_any_queue_and_process_function_will_do(void)
{
    struct fake_runtime rt = fake_runtime_init();
    struct tarn_fifo *fifo = NULL;
    struct popped p = {0};
    struct tarn_controller_options o = {.reflector.rt = &rt.rt, .process = {count_pops, &p}};
    struct tarn_controller *c = NULL;

    CU_ASSERT_EQUAL_FATAL(tarn_fifo_new(NULL, &fifo, NULL), 0);
    o.queue = tarn_fifo_queue(fifo);
    CU_ASSERT_EQUAL_FATAL(tarn_controller_new(&o, &c, NULL), 0);
    CU_ASSERT_EQUAL(tarn_controller_start(c, NULL), 0);
    CU_ASSERT_PTR_NULL(tarn_controller_reflector(c));
    add(&o.queue->store, "a@1");
    add(&o.queue->store, "b@2");
    del(&o.queue->store, "a@1"); /* its place is left behind: passed over, not waited for */
    CU_ASSERT_EQUAL(tarn_controller_step(c), 1);
    CU_ASSERT_EQUAL(p.n, 1);
    p.fail_with = -TARN_E_PROCESS;
    add(&o.queue->store, "c@3");
    add(&o.queue->store, "d@4");
    CU_ASSERT_EQUAL(tarn_controller_step(c), 2);
    CU_ASSERT_EQUAL(tarn_controller_process_errors(c), 2);
    tarn_controller_free(c);
    tarn_store_free(&o.queue->store);
}

static int take_time(void *ctx, const struct tarn_deltas *deltas, bool in_initial_list, struct tarn_error *err)
{
    struct fake_runtime *rt = ctx;

    (void)deltas;
    (void)in_initial_list;
    (void)err;
    rt->now_ms += 30;
    return 0;
}

/* Y-2: what waits, how long processing takes, and the store's version, with 15 digits. */
static void y2_queue_and_store_are_measured(void)
{
    struct fixture *f = informer(&(struct tarn_controller_informer_options){.reflector.name = "pods"}, true);
    struct fake_runtime rt = fake_runtime_init();
    struct tarn_controller_metrics m;
    struct tarn_controller *c = NULL;
    struct tarn_fifo *fifo = NULL;
    struct tarn_controller_options o = {.reflector.rt = &rt.rt, .process = {take_time, &rt}};

    turn(f);
    fake_item(&f->lw, fake_pod("n1/a", "u1", 1));
    fake_page_end(&f->lw, "18446744073709551615", "");
    turn(f);
    tarn_controller_metrics(f->c, &m);
    CU_ASSERT_EQUAL(m.store_resource_version, 744073709551615);
    CU_ASSERT(m.processed > 0);
    CU_ASSERT_EQUAL(m.process_le[0], m.processed); /* the fake clock stands still */
    fixture_free(f);

    CU_ASSERT_EQUAL_FATAL(tarn_fifo_new(NULL, &fifo, NULL), 0);
    o.queue = tarn_fifo_queue(fifo);
    CU_ASSERT_EQUAL_FATAL(tarn_controller_new(&o, &c, NULL), 0);
    CU_ASSERT_EQUAL(tarn_controller_start(c, NULL), 0);
    add(&o.queue->store, "a@1");
    add(&o.queue->store, "b@2");
    tarn_controller_metrics(c, &m);
    CU_ASSERT_EQUAL(m.queued, 2);
    CU_ASSERT_EQUAL(m.processed, 0);
    CU_ASSERT_EQUAL(m.store_resource_version, 0);
    CU_ASSERT_EQUAL(tarn_controller_step(c), 2);
    tarn_controller_metrics(c, &m);
    CU_ASSERT_EQUAL(m.queued, 0);
    CU_ASSERT_EQUAL(m.processed, 2);
    CU_ASSERT_EQUAL(m.process_ms, 60);
    CU_ASSERT_EQUAL(m.process_le[2], 0); /* none within 25 ms */
    CU_ASSERT_EQUAL(m.process_le[3], 2); /* all within 100 */
    CU_ASSERT_EQUAL(m.process_le[5], 2);
    tarn_controller_free(c);
    tarn_store_free(&o.queue->store);
}

/* I-31. */
static void i31_a_controller_runs_once_and_needs_its_parts(void)
{
    struct fake_runtime rt = fake_runtime_init();
    struct tarn_fifo *fifo = NULL;
    struct popped p = {0};
    struct tarn_controller_options o = {.reflector.rt = &rt.rt, .process = {count_pops, &p}};
    struct tarn_controller *c = NULL;

    CU_ASSERT_EQUAL(tarn_controller_new(&o, &c, NULL), TARN_E_INVAL); /* no queue */
    CU_ASSERT_EQUAL_FATAL(tarn_fifo_new(NULL, &fifo, NULL), 0);
    o.queue = tarn_fifo_queue(fifo);
    o.process.fn = NULL;
    CU_ASSERT_EQUAL(tarn_controller_new(&o, &c, NULL), TARN_E_INVAL);
    o.process.fn = count_pops;
    CU_ASSERT_EQUAL_FATAL(tarn_controller_new(&o, &c, NULL), 0);
    CU_ASSERT_EQUAL(tarn_controller_start(c, NULL), 0);
    CU_ASSERT_EQUAL(tarn_controller_start(c, NULL), TARN_E_EXISTS);
    CU_ASSERT_EQUAL(tarn_controller_run(c, NULL), TARN_E_EXISTS);
    tarn_controller_stop(c);
    CU_ASSERT_EQUAL(tarn_controller_run(c, NULL), TARN_E_STOPPED);
    add(&o.queue->store, "a@1");
    CU_ASSERT_EQUAL(tarn_controller_step(c), 0); /* I-48: nothing more is processed */
    tarn_controller_free(c);
    tarn_controller_free(NULL);
    tarn_store_free(&o.queue->store);
}

struct running {
    struct tarn_controller *c;
    int code;
};

static void run(void *arg)
{
    struct running *r = arg;

    r->code = tarn_controller_run(r->c, NULL);
}

/* I-31: Run blocks until the stop, then the queue is closed. */
static void i31_run_processes_until_it_is_stopped(void)
{
    struct tarn_runtime *rt = tarn_runtime_posix();
    struct tarn_fifo *fifo = NULL;
    struct popped p = {0};
    struct tarn_controller_options o = {.reflector.rt = rt, .process = {count_pops, &p}};
    struct running r = {.code = -1};
    void *thread;

    CU_ASSERT_EQUAL_FATAL(tarn_fifo_new(NULL, &fifo, NULL), 0);
    o.queue = tarn_fifo_queue(fifo);
    CU_ASSERT_EQUAL_FATAL(tarn_controller_new(&o, &r.c, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(rt->ops->thread_start(rt, run, &r, &thread), 0);
    add(&o.queue->store, "a@1");
    add(&o.queue->store, "b@1");
    while (atomic_load(&p.seen) < 2)
        ;
    tarn_controller_stop(r.c);
    rt->ops->thread_join(rt, thread);
    CU_ASSERT_EQUAL(r.code, 0);
    CU_ASSERT_EQUAL(p.n, 2);
    CU_ASSERT(tarn_queue_is_closed(o.queue));
    tarn_controller_free(r.c);
    tarn_store_free(&o.queue->store);
}

static void making_an_informer_survives_any_failed_allocation(void)
{
    struct fake_runtime rt = fake_runtime_init();
    static struct fake_list_watch lw;
    long before;
    bool failed = true;

    fake_list_watch_init(&lw, &rt.rt);
    before = tarn_fault_blocks();
    for (long n = 0; failed; n++) {
        struct tarn_controller *c = NULL;
        int rc;

        tarn_fault_arm(n);
        rc = tarn_controller_new_informer(
            &(struct tarn_controller_informer_options){.reflector = {.rt = &rt.rt, .list_watch = &lw.lw}}, &c, NULL, NULL);
        failed = tarn_fault_disarm();
        CU_ASSERT_EQUAL(rc, failed ? TARN_E_NOMEM : 0);
        tarn_controller_free(c);
        CU_ASSERT_EQUAL_FATAL(tarn_fault_blocks(), before);
    }
}

TARN_TEST_MAIN("controller", TARN_TEST(i30_the_handler_is_told_on_the_processing_thread),
               TARN_TEST(i15_i30_unchanged_objects_and_errors_of_the_handler), TARN_TEST(i31_a_controller_reflects_its_source),
               TARN_TEST(i31_any_queue_and_process_function_will_do), TARN_TEST(y2_queue_and_store_are_measured),
               TARN_TEST(i31_a_controller_runs_once_and_needs_its_parts),
               TARN_TEST(i31_run_processes_until_it_is_stopped), TARN_TEST(making_an_informer_survives_any_failed_allocation))
