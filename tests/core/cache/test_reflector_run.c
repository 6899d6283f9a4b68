/* tarn_reflector_run: a thread of the caller's, answers from another thread, a stop from a third. The real clock;
 * nothing here asserts a time. Runs under ThreadSanitizer. */
/* tarn-test: threads */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <tarn/cache.h>
#include <tarn/reflector.h>

#include "fake_objects.h"
#include "tarn_test.h"

/* A source with a thread of its own: it answers each list with ten pods and each watch with one event, then an end. */
struct threaded {
    struct tarn_list_watch lw; /* first */
    pthread_t thread;
    pthread_mutex_t lock; /* protects what follows */
    pthread_cond_t wake;
    pthread_cond_t idle;
    struct tarn_list_watch_sink *sink;
    bool watch, busy, quit, hold; /* hold: a watch stays open after its event */
    unsigned long rv;
    unsigned lists, watches, cancels;
};

static struct threaded *of(struct tarn_list_watch *lw)
{
    return (struct threaded *)lw;
}

static int begin(struct threaded *t, bool watch, struct tarn_list_watch_sink *sink)
{
    pthread_mutex_lock(&t->lock);
    t->sink = sink;
    t->watch = watch;
    t->lists += !watch;
    t->watches += watch;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    return 0;
}

static int list(struct tarn_list_watch *lw, const struct tarn_list_options *o, struct tarn_list_watch_sink *sink)
{
    (void)o;
    return begin(of(lw), false, sink);
}

static int watch(struct tarn_list_watch *lw, const struct tarn_watch_options *o, struct tarn_list_watch_sink *sink)
{
    (void)o;
    return begin(of(lw), true, sink);
}

/* Waits for the call that is under way, as a source with a thread must. */
static void cancel(struct tarn_list_watch *lw)
{
    struct threaded *t = of(lw);

    pthread_mutex_lock(&t->lock);
    t->sink = NULL;
    t->cancels++;
    while (t->busy)
        pthread_cond_wait(&t->idle, &t->lock);
    pthread_mutex_unlock(&t->lock);
}

static void answer_list(struct tarn_list_watch_sink *sink, unsigned long rv)
{
    char text[32], key[32];

    for (int i = 0; i < 10; i++) {
        const struct tarn_object *pod;
        int rc;

        (void)snprintf(key, sizeof key, "ns/pod-%d", i);
        pod = fake_pod(key, key, rv);
        rc = sink->on_item(sink, pod);
        tarn_object_unref(pod);
        if (rc)
            return;
    }
    (void)snprintf(text, sizeof text, "%lu", rv);
    sink->on_page(sink, &(struct tarn_list_meta){.resource_version = tarn_bytes_of(text), .remaining_item_count = -1});
}

static void answer_watch(struct tarn_list_watch_sink *sink, unsigned long rv, bool hold)
{
    const struct tarn_object *pod = fake_pod("ns/pod-3", "ns/pod-3", rv);
    int rc;

    sink->on_watch_open(sink);
    rc = sink->on_event(sink, TARN_WATCH_MODIFIED, pod);
    tarn_object_unref(pod);
    if (rc == 0 && !hold)
        sink->on_watch_end(sink, true, &(struct tarn_end){.reason = TARN_END_NORMAL});
}

static void *serve(void *arg)
{
    struct threaded *t = arg;

    pthread_mutex_lock(&t->lock);
    while (!t->quit) {
        struct tarn_list_watch_sink *sink = t->sink;
        bool watch = t->watch, hold = t->hold;
        unsigned long rv = ++t->rv;

        if (!sink) {
            pthread_cond_wait(&t->wake, &t->lock);
            continue;
        }
        t->sink = NULL;
        t->busy = true;
        pthread_mutex_unlock(&t->lock);
        if (watch)
            answer_watch(sink, rv, hold);
        else
            answer_list(sink, rv);
        pthread_mutex_lock(&t->lock);
        t->busy = false;
        pthread_cond_broadcast(&t->idle);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

static void threaded_start(struct threaded *t, bool hold)
{
    static const struct tarn_list_watch_ops ops = {.list = list, .watch = watch, .cancel = cancel};

    *t = (struct threaded){.lw.ops = &ops, .rv = 100, .hold = hold};
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->wake, NULL);
    pthread_cond_init(&t->idle, NULL);
    if (pthread_create(&t->thread, NULL, serve, t))
        abort();
}

static void threaded_end(struct threaded *t)
{
    pthread_mutex_lock(&t->lock);
    t->quit = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    pthread_cond_destroy(&t->idle);
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
}

static void *run(void *arg)
{
    static const int failed = 1;

    return tarn_reflector_run(arg) == 0 ? NULL : (void *)&failed;
}

static struct tarn_reflector_status status(struct tarn_reflector *r)
{
    struct tarn_reflector_status s;

    tarn_reflector_status(r, &s);
    return s;
}

struct parts {
    struct threaded source;
    struct tarn_store *store;
    struct tarn_reflector *r;
};

static void parts_make(struct parts *p, bool hold)
{
    struct tarn_backoff_options backoff = {.base_ms = 1, .cap_ms = 1};
    struct tarn_indexer *cache = NULL;

    threaded_start(&p->source, hold);
    CU_ASSERT_EQUAL_FATAL(tarn_cache_new(NULL, &cache, NULL), 0);
    p->store = &cache->store;
    CU_ASSERT_EQUAL_FATAL(tarn_reflector_new(&(struct tarn_reflector_options){.list_watch = &p->source.lw,
                                                                             .store = p->store,
                                                                             .rt = tarn_runtime_posix(),
                                                                             .name = "pods",
                                                                             .resync_period_ms = 5,
                                                                             .backoff = backoff},
                                             &p->r, NULL),
                          0);
}

static void parts_free(struct parts *p)
{
    tarn_reflector_free(p->r);
    threaded_end(&p->source);
    tarn_store_free(p->store);
}

/* TestRunUntil: run goes on over many watches until the stop, and may be run again */
static void run_follows_the_source_until_it_is_stopped(void)
{
    struct parts p;
    pthread_t thread;
    void *failed;

    parts_make(&p, false);
    for (int round = 0; round < 2; round++) {
        uint64_t events = status(p.r).counters.modified;

        CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, run, p.r), 0);
        while (status(p.r).counters.modified < events + 20)
            usleep(200);
        tarn_reflector_relist(p.r);
        while (status(p.r).counters.lists_ok < (uint64_t)round * 2 + 2)
            usleep(200);
        CU_ASSERT_EQUAL(tarn_reflector_run(p.r), TARN_E_EXISTS);
        tarn_reflector_stop(p.r);
        pthread_join(thread, &failed);
        CU_ASSERT_PTR_NULL(failed);
        CU_ASSERT_EQUAL(status(p.r).phase, TARN_REFLECTOR_STOPPED);
        CU_ASSERT(status(p.r).has_synced);
    }
    parts_free(&p);
}

/* A stop while a watch is open and nothing else is due */
static void run_stops_while_it_waits(void)
{
    struct parts p;
    pthread_t thread;

    parts_make(&p, true);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, run, p.r), 0);
    while (!status(p.r).live)
        usleep(200);
    tarn_reflector_stop(p.r);
    pthread_join(thread, NULL);
    CU_ASSERT(p.source.cancels >= 1);
    parts_free(&p);
}

/* A stop that overtakes the thread's start must not be lost */
static void a_stop_before_run_ends_it_at_once(void)
{
    struct parts p;

    parts_make(&p, false);
    tarn_reflector_stop(p.r);
    CU_ASSERT_EQUAL(tarn_reflector_run(p.r), 0);
    CU_ASSERT_EQUAL(status(p.r).counters.lists, 0);
    parts_free(&p);
}

TARN_TEST_MAIN("reflector_run", TARN_TEST(run_follows_the_source_until_it_is_stopped), TARN_TEST(run_stops_while_it_waits),
               TARN_TEST(a_stop_before_run_ends_it_at_once))
