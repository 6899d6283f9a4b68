/* Shared informers on real threads: run, join and leave, stop in the middle. tarn-test: threads
 *
 * No time is asserted: each test waits for what must happen, and would hang if it did not. */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/shared_informer.h>

#include "cache_fixture.h"
#include "fake_source.h"
#include "heard.h"
#include "tarn_test.h"

static struct tarn_runtime *rt;

struct thread {
    struct tarn_shared_informer *s;
    void *handle;
    int code;
};

static void run(void *arg)
{
    struct thread *t = arg;

    t->code = tarn_shared_informer_run(t->s, NULL);
}

static struct thread *run_start(struct tarn_shared_informer *s)
{
    struct thread *t = calloc(1, sizeof *t);

    t->s = s;
    CU_ASSERT_EQUAL_FATAL(rt->ops->thread_start(rt, run, t, &t->handle), 0);
    return t;
}

static int run_join(struct thread *t)
{
    int code;

    rt->ops->thread_join(rt, t->handle);
    code = t->code;
    free(t);
    return code;
}

static struct tarn_shared_informer *informer(const struct tarn_shared_informer_options *options)
{
    struct tarn_shared_informer_options o = {0};
    struct tarn_shared_informer *s = NULL;

    rt = tarn_runtime_posix();
    if (options)
        o = *options;
    o.reflector.rt = rt;
    CU_ASSERT_EQUAL_FATAL(tarn_shared_informer_new(&o, &s, NULL), 0);
    return s;
}

static struct tarn_registration *join(struct tarn_shared_informer *s, struct heard *h, size_t buffer)
{
    struct tarn_event_handler handler = heard_handler(h);
    struct tarn_registration *r = NULL;

    CU_ASSERT_EQUAL(tarn_shared_informer_add_handler(s, &handler, &(struct tarn_registration_options){.buffer = buffer}, &r, NULL), 0);
    return r;
}

/* A handler that stops at a gate: says that it is there and waits to be let through. */
struct gate {
    sem_t arrived, open;
    _Atomic unsigned passed;
};

static void pass(struct heard *h)
{
    struct gate *g = h->ctx;

    sem_post(&g->arrived);
    sem_wait(&g->open);
    (void)atomic_fetch_add(&g->passed, 1);
}

static void gate_init(struct gate *g, struct heard *h)
{
    sem_init(&g->arrived, 0, 0);
    sem_init(&g->open, 0, 0);
    g->passed = 0;
    h->meanwhile = pass;
    h->ctx = g;
}

/* A handler that posts once it has heard of the object named "end". */
static void post_at_end(struct heard *h)
{
    struct tarn_bytes end = TARN_BYTES("end");

    if (fake_table_find(&h->view, end))
        sem_post(h->ctx);
}

/* ---- run and wait ---------------------------------------------------------------------------------------------- */

/* I-32, I-38, I-39. Upstream: TestSharedInformerInitializationRace; waiting without polling. */
static void i38_i39_waiting_threads_are_woken_when_it_has_synced(void)
{
    struct tarn_shared_informer *s = informer(NULL);
    struct tarn_store *q = &tarn_shared_informer_queue(s)->store;
    struct heard h = {0};
    struct tarn_registration *r = join(s, &h, 0);
    struct thread *t = run_start(s);

    CU_ASSERT(!tarn_shared_informer_wait_synced(s, 1));
    CU_ASSERT(!tarn_registration_wait_synced(r, 1));
    CU_ASSERT_EQUAL(replace(q, "a@1 b@2"), 0);
    CU_ASSERT(tarn_registration_wait_synced(r, UINT64_MAX));
    CU_ASSERT(tarn_shared_informer_wait_synced(s, UINT64_MAX));
    CU_ASSERT_EQUAL(h.initial_adds, 2); /* and all that the handler did is seen here */
    tarn_shared_informer_stop(s);
    CU_ASSERT_EQUAL(run_join(t), 0);
    tarn_shared_informer_free(s);
    tarn_registration_unref(r);
    heard_release(&h);
}

static void wait_for_sync(void *arg)
{
    struct thread *t = arg;

    t->code = tarn_shared_informer_wait_synced(t->s, UINT64_MAX);
}

/* I-40: a stop ends every wait. */
static void i40_a_stop_ends_the_waits(void)
{
    struct tarn_shared_informer *s = informer(NULL);
    struct thread waiting = {.s = s, .code = -1}, *t = run_start(s);

    CU_ASSERT_EQUAL_FATAL(rt->ops->thread_start(rt, wait_for_sync, &waiting, &waiting.handle), 0);
    tarn_shared_informer_stop(s);
    rt->ops->thread_join(rt, waiting.handle);
    CU_ASSERT_EQUAL(waiting.code, 0);
    (void)run_join(t); /* 0, or TARN_E_STOPPED if the stop came first */
    tarn_shared_informer_free(s);
}

/* I-33. Upstream: TestSharedInformerStartRace: of many that run it, one does. */
static void i33_of_many_runs_one_runs(void)
{
    for (int round = 0; round < 50; round++) {
        struct tarn_shared_informer *s = informer(NULL);
        struct thread *t[4];
        struct heard h = {0};
        struct tarn_registration *r;
        int ran = 0;

        for (int i = 0; i < 4; i++)
            t[i] = run_start(s);
        r = join(s, &h, 0);
        CU_ASSERT_EQUAL(replace(&tarn_shared_informer_queue(s)->store, "a@1"), 0);
        CU_ASSERT(tarn_registration_wait_synced(r, UINT64_MAX));
        tarn_shared_informer_stop(s);
        for (int i = 0; i < 4; i++)
            ran += run_join(t[i]) == 0;
        CU_ASSERT_EQUAL(ran, 1);
        CU_ASSERT_EQUAL(h.adds, 1);
        tarn_shared_informer_free(s);
        tarn_registration_unref(r);
        heard_release(&h);
    }
}

/* ---- handlers ------------------------------------------------------------------------------------------------------ */

/* I-12, I-13. Upstream: TestSharedInformerHandlerAbuse, BenchmarkAddWithSlowHandlers: one that hangs holds nobody up. */
static void i12_i13_a_handler_that_hangs_delays_only_itself(void)
{
    struct tarn_shared_informer *s = informer(NULL);
    struct tarn_store *q = &tarn_shared_informer_queue(s)->store;
    struct heard slow = {0}, fast = {0};
    struct tarn_registration *r_slow = join(s, &slow, 8), *r_fast = join(s, &fast, 0);
    struct tarn_registration_counters c;
    struct thread *t;
    struct gate g;
    sem_t end;
    char word[32];

    gate_init(&g, &slow);
    sem_init(&end, 0, 0);
    fast.meanwhile = post_at_end;
    fast.ctx = &end;
    t = run_start(s);
    CU_ASSERT_EQUAL(replace(q, "a@1"), 0);
    sem_wait(&g.arrived); /* slow hangs in its first call */
    for (unsigned i = 2; i < 2000; i++) {
        (void)snprintf(word, sizeof word, "k%u@%u", i % 20, i);
        CU_ASSERT_EQUAL(update(q, word), 0);
    }
    CU_ASSERT_EQUAL(add(q, "end@9999"), 0);
    sem_wait(&end); /* fast has heard of everything */
    CU_ASSERT_EQUAL(atomic_load(&g.passed), 0);
    tarn_registration_counters(r_slow, &c);
    CU_ASSERT(c.waiting <= 22); /* bounded by the keys, not by the changes */
    CU_ASSERT_EQUAL(c.folds, 1);
    for (int i = 0; i < 3000; i++)
        sem_post(&g.open);
    tarn_shared_informer_stop(s);
    CU_ASSERT_EQUAL(run_join(t), 0); /* I-48: what waits is delivered before it ends */
    CU_ASSERT(heard_agrees(&slow, &tarn_shared_informer_indexer(s)->store));
    CU_ASSERT_EQUAL(slow.contradictions + fast.contradictions, 0);
    CU_ASSERT(slow.updates + slow.adds < 60);
    tarn_shared_informer_free(s);
    tarn_registration_unref(r_slow);
    tarn_registration_unref(r_fast);
    heard_release(&slow);
    heard_release(&fast);
}

struct shut_down {
    struct tarn_shared_informer *s;
    struct tarn_registration *r;
    struct gate *g;
    unsigned passed_when_back;
};

static void shut_down(void *arg)
{
    struct shut_down *d = arg;

    tarn_shared_informer_shut_down_handler(d->s, d->r);
    d->passed_when_back = atomic_load(&d->g->passed);
}

/* I-37. Upstream: TestShutDownEventHandler_Lifecycles, TestRemoveEventHandler_SynchronousShutdown. */
static void i37_shutting_down_waits_for_the_call_under_way(void)
{
    struct tarn_shared_informer *s = informer(NULL);
    struct heard h = {0};
    struct tarn_registration *r;
    struct thread *t;
    struct gate g;
    struct shut_down d[2];
    void *threads[2];

    gate_init(&g, &h);
    r = join(s, &h, 0);
    t = run_start(s);
    CU_ASSERT_EQUAL(replace(&tarn_shared_informer_queue(s)->store, "a@1 b@2 c@3"), 0);
    sem_wait(&g.arrived); /* in its first call */
    for (int i = 0; i < 2; i++) { /* two at once: both wait */
        d[i] = (struct shut_down){.s = s, .r = r, .g = &g};
        CU_ASSERT_EQUAL_FATAL(rt->ops->thread_start(rt, shut_down, &d[i], &threads[i]), 0);
    }
    sem_post(&g.open);
    sem_post(&g.open); /* should a second call come before the removal, it passes too */
    sem_post(&g.open);
    for (int i = 0; i < 2; i++)
        rt->ops->thread_join(rt, threads[i]);
    CU_ASSERT(d[0].passed_when_back >= 1 && d[1].passed_when_back >= 1);
    CU_ASSERT_EQUAL(d[0].passed_when_back, h.adds); /* no call was under way */
    tarn_shared_informer_shut_down_handler(s, r);  /* again: returns at once */
    tarn_shared_informer_stop(s);
    CU_ASSERT_EQUAL(run_join(t), 0);
    tarn_shared_informer_shut_down_handler(s, r); /* after the end too */
    tarn_shared_informer_free(s);
    tarn_registration_unref(r);
    heard_release(&h);
}

/* From inside a handler: remove itself, and stop the informer. */
static void remove_and_stop(struct heard *h)
{
    struct thread *t = h->ctx;

    if (h->adds == 2)
        tarn_shared_informer_stop(t->s);
}

/* I-33. */
static void i33_a_handler_may_stop_its_informer(void)
{
    struct tarn_shared_informer *s = informer(NULL);
    struct thread whose = {.s = s}, *t;
    struct heard h = {.meanwhile = remove_and_stop, .ctx = &whose};
    struct tarn_registration *r = join(s, &h, 0);

    t = run_start(s);
    CU_ASSERT_EQUAL(replace(&tarn_shared_informer_queue(s)->store, "a@1 b@2 c@3"), 0);
    CU_ASSERT_EQUAL(run_join(t), 0);
    CU_ASSERT_EQUAL(h.adds, 3); /* what was processed is delivered */
    tarn_shared_informer_free(s);
    tarn_registration_unref(r);
    heard_release(&h);
}

/* ---- stress --------------------------------------------------------------------------------------------------------- */

struct stress {
    struct tarn_shared_informer *s;
    _Atomic bool over;
    _Atomic unsigned contradictions, refused;
    uint64_t seed;
};

static void produce(void *arg)
{
    struct stress *x = arg;
    struct tarn_store *q = &tarn_shared_informer_queue(x->s)->store;
    uint64_t seed = x->seed;

    for (unsigned i = 0; i < 4000 && !atomic_load(&x->over); i++) {
        const struct tarn_object *pod;
        char key[16];

        (void)snprintf(key, sizeof key, "n/k%u", (unsigned)(fake_random(&seed) % 30));
        pod = fake_pod(key, "u", i + 1);
        (void)!(fake_random(&seed) % 3 ? tarn_store_update(q, pod, NULL) : tarn_store_delete(q, pod, NULL));
        tarn_object_unref(pod);
    }
}

static void come_and_go(void *arg)
{
    struct stress *x = arg;
    uint64_t seed = x->seed * 77;

    for (unsigned i = 0; i < 300 && !atomic_load(&x->over); i++) {
        struct heard h = {0};
        struct tarn_event_handler handler = heard_handler(&h);
        struct tarn_registration_options o = {.buffer = 1 + fake_random(&seed) % 8};
        struct tarn_registration *r = NULL;

        if (tarn_shared_informer_add_handler(x->s, &handler, &o, &r, NULL)) {
            (void)atomic_fetch_add(&x->refused, 1); /* stopped */
            continue;
        }
        if (fake_random(&seed) % 2)
            (void)tarn_registration_wait_synced(r, 2);
        if (fake_random(&seed) % 2)
            tarn_shared_informer_remove_handler(x->s, r);
        tarn_shared_informer_shut_down_handler(x->s, r); /* h is not touched any more */
        (void)atomic_fetch_add(&x->contradictions, h.contradictions);
        tarn_registration_unref(r);
        heard_release(&h);
    }
}

/* Two producers, two threads whose handlers come and go, one that stays; stopped at the end, or in the middle. */
static void stress(uint64_t seed, bool stop_early)
{
    struct stress x[4];
    struct heard stays = {0};
    struct tarn_registration *r;
    struct tarn_shared_informer *s = informer(&(struct tarn_shared_informer_options){
        .store.queue = seed % 3 == 0 ? TARN_INFORMER_QUEUE_COMPRESSED
                                     : seed % 3 == 1 ? TARN_INFORMER_QUEUE_IN_ORDER : TARN_INFORMER_QUEUE_ATOMIC});
    void *threads[4];
    struct thread *t;
    sem_t end;

    sem_init(&end, 0, 0);
    stays.meanwhile = post_at_end;
    stays.ctx = &end;
    r = join(s, &stays, 16);
    t = run_start(s);
    CU_ASSERT_EQUAL(replace(&tarn_shared_informer_queue(s)->store, "n/k1@1 n/k2@1"), 0);
    for (int i = 0; i < 4; i++) {
        x[i] = (struct stress){.s = s, .seed = seed + (uint64_t)i};
        CU_ASSERT_EQUAL_FATAL(rt->ops->thread_start(rt, i < 2 ? produce : come_and_go, &x[i], &threads[i]), 0);
    }
    if (stop_early) {
        (void)tarn_registration_wait_synced(r, UINT64_MAX);
        tarn_shared_informer_stop(s);
        for (int i = 0; i < 4; i++)
            atomic_store(&x[i].over, true);
    }
    for (int i = 0; i < 4; i++) {
        rt->ops->thread_join(rt, threads[i]);
        CU_ASSERT_EQUAL(x[i].contradictions, 0);
    }
    if (!stop_early) {
        CU_ASSERT_EQUAL(add(&tarn_shared_informer_queue(s)->store, "end@1"), 0);
        sem_wait(&end);
        tarn_shared_informer_stop(s);
    }
    CU_ASSERT_EQUAL(run_join(t), 0);
    CU_ASSERT_EQUAL(stays.contradictions, 0);
    CU_ASSERT(heard_agrees(&stays, &tarn_shared_informer_indexer(s)->store));
    tarn_shared_informer_free(s);
    tarn_registration_unref(r);
    heard_release(&stays);
}

/* I-34, I-36. Upstream: TestAddWhileActive, TestRemoveWhileActive, TestHammerController under threads. */
static void i34_i36_handlers_come_and_go_under_load(void)
{
    unsigned rounds = getenv("TEST_LONG") ? 200 : 6;

    for (unsigned i = 0; i < rounds; i++)
        stress(i + 1, false);
}

/* I-48. Upstream: TestShutdown: whenever the stop comes, the handler that stays has heard of exactly what the store took. */
static void i48_a_stop_in_the_middle_loses_nothing_that_was_processed(void)
{
    unsigned rounds = getenv("TEST_LONG") ? 400 : 20;

    for (unsigned i = 0; i < rounds; i++)
        stress(i + 1, true);
}

/* ---- from a source --------------------------------------------------------------------------------------------------- */

/* The fake source behind a lock, answered by a thread of its own. */
struct served {
    struct tarn_list_watch lw; /* first */
    pthread_mutex_t lock;      /* recursive: cancel may come from inside an answer */
    struct fake_source source;
    _Atomic bool over;
};

static int served_list(struct tarn_list_watch *lw, const struct tarn_list_options *o, struct tarn_list_watch_sink *sink)
{
    struct served *s = (struct served *)lw;
    int rc;

    pthread_mutex_lock(&s->lock);
    rc = s->source.lw.ops->list(&s->source.lw, o, sink);
    pthread_mutex_unlock(&s->lock);
    return rc;
}

static int served_watch(struct tarn_list_watch *lw, const struct tarn_watch_options *o, struct tarn_list_watch_sink *sink)
{
    struct served *s = (struct served *)lw;
    int rc;

    pthread_mutex_lock(&s->lock);
    rc = s->source.lw.ops->watch(&s->source.lw, o, sink);
    pthread_mutex_unlock(&s->lock);
    return rc;
}

static void served_cancel(struct tarn_list_watch *lw)
{
    struct served *s = (struct served *)lw;

    pthread_mutex_lock(&s->lock);
    s->source.lw.ops->cancel(&s->source.lw);
    pthread_mutex_unlock(&s->lock);
}

static void serve(void *arg)
{
    struct served *s = arg;

    while (!atomic_load(&s->over)) {
        pthread_mutex_lock(&s->lock);
        (void)fake_source_pump(&s->source);
        pthread_mutex_unlock(&s->lock);
        sched_yield();
    }
}

static struct served *served_new(void)
{
    static const struct tarn_list_watch_ops ops = {.list = served_list, .watch = served_watch, .cancel = served_cancel};
    struct served *s = calloc(1, sizeof *s);
    pthread_mutexattr_t recursive;

    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&s->lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
    fake_source_init(&s->source, tarn_runtime_posix(), 1);
    s->lw.ops = &ops;
    return s;
}

static void served_free(struct served *s)
{
    fake_source_release(&s->source);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* I-1, I-7. Upstream: TestHammerController, TestSharedInformerWatchDisruption: changes while it watches, a delete that the watch
 * is not told of and a forgotten history; in the end the handler believes what the source has, and the missed delete came
 * as a tombstone. */
static void i1_i7_a_disrupted_watch_is_made_good(void)
{
    struct served *source = served_new();
    struct tarn_shared_informer *s =
        informer(&(struct tarn_shared_informer_options){.reflector = {.list_watch = &source->lw, .name = "pods"}});
    struct heard h = {0};
    struct tarn_registration *r = join(s, &h, 0);
    void *server;
    struct thread *t;
    sem_t end;

    sem_init(&end, 0, 0);
    h.meanwhile = post_at_end;
    h.ctx = &end;
    fake_source_put(&source->source, "n/a");
    fake_source_put(&source->source, "n/lost");
    CU_ASSERT_EQUAL_FATAL(rt->ops->thread_start(rt, serve, source, &server), 0);
    t = run_start(s);
    CU_ASSERT(tarn_registration_wait_synced(r, UINT64_MAX));
    CU_ASSERT_EQUAL(h.initial_adds, 2);
    for (int i = 0; i < 200; i++) {
        char key[16];

        (void)snprintf(key, sizeof key, "n/k%d", i % 17);
        pthread_mutex_lock(&source->lock);
        if (i % 5 == 4)
            fake_source_delete(&source->source, key);
        else
            fake_source_put(&source->source, key);
        pthread_mutex_unlock(&source->lock);
    }
    pthread_mutex_lock(&source->lock);
    fake_source_delete_drop_watch(&source->source, "n/lost");
    fake_source_reset_watch(&source->source);
    fake_source_put(&source->source, "end");
    pthread_mutex_unlock(&source->lock);
    sem_wait(&end);
    tarn_shared_informer_stop(s);
    CU_ASSERT_EQUAL(run_join(t), 0);
    atomic_store(&source->over, true);
    rt->ops->thread_join(rt, server);
    CU_ASSERT_EQUAL(h.contradictions, 0);
    CU_ASSERT(fake_table_equal(&h.view, fake_source_state(&source->source, source->source.rv)));
    CU_ASSERT_PTR_NOT_NULL(strstr(heard_text(&h), "delete tombstone:n/lost:n/lost@2"));
    tarn_shared_informer_free(s);
    tarn_registration_unref(r);
    heard_release(&h);
    served_free(source);
}

TARN_TEST_MAIN("shared_informer_threads", TARN_TEST(i38_i39_waiting_threads_are_woken_when_it_has_synced),
               TARN_TEST(i40_a_stop_ends_the_waits), TARN_TEST(i33_of_many_runs_one_runs),
               TARN_TEST(i12_i13_a_handler_that_hangs_delays_only_itself),
               TARN_TEST(i37_shutting_down_waits_for_the_call_under_way), TARN_TEST(i33_a_handler_may_stop_its_informer),
               TARN_TEST(i34_i36_handlers_come_and_go_under_load),
               TARN_TEST(i48_a_stop_in_the_middle_loses_nothing_that_was_processed), TARN_TEST(i1_i7_a_disrupted_watch_is_made_good))
