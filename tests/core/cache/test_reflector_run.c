/* tarn_reflector_run: a thread of the caller's, answers from another thread, a stop from a third. The real clock;
 * nothing here asserts a time. Runs under ThreadSanitizer. */
/* tarn-test: threads */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <tarn/cache.h>
#include <tarn/reflector.h>

#include "threaded_source.h"
#include "tarn_test.h"

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
    struct threaded_source source;
    struct tarn_store *store;
    struct tarn_reflector *r;
};

static void parts_make(struct parts *p, bool hold)
{
    struct tarn_backoff_options backoff = {.base_ms = 1, .cap_ms = 1};
    struct tarn_indexer *cache = NULL;

    threaded_source_start(&p->source, hold);
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
    threaded_source_end(&p->source);
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
