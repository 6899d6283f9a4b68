/* The queues under many producers and many poppers, with the close in the middle. */
/* tarn-test: threads */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <tarn/cache.h>
#include <tarn/delta_fifo.h>
#include <tarn/fifo.h>
#include <tarn/heap.h>
#include <tarn/key.h>
#include <tarn/the_real_fifo.h>

#include "cache_fixture.h"
#include "fake_runtime.h"
#include "fault.h"
#include "tarn_test.h"

#define PRODUCERS 4
#define POPPERS 4
#define KEYS 64
#define OPS_EACH 1500

/* What all threads of one test share. */
struct arena {
    struct tarn_queue *q;
    struct tarn_store *s;
    struct tarn_fifo *fifo; /* for add_if_not_present; or NULL */
    struct tarn_store *known;
    const struct tarn_object *objs[KEYS][2]; /* two versions of each key */
    _Atomic size_t popped_deltas, overlaps;
    _Atomic int inside; /* process functions running now: at most one, they run under the lock */
};

struct worker {
    struct arena *a;
    pthread_t thread;
    uint64_t seed;
    bool close_in_the_middle;
};

static int process(void *ctx, const struct tarn_deltas *d, bool initial, struct tarn_error *err)
{
    struct arena *a = ctx;
    int requeue = 0;

    (void)initial;
    (void)err;
    if (atomic_fetch_add(&a->inside, 1) != 0)
        atomic_fetch_add(&a->overlaps, 1);
    for (size_t i = 0; i < d->n; i++) {
        if (d->v[i].obj && tarn_object_key(d->v[i].obj).len == 0)
            atomic_fetch_add(&a->overlaps, 1); /* an object that is none: as bad */
        atomic_fetch_add(&a->popped_deltas, 1);
    }
    if (a->known && d->v[0].obj && d->v[0].type != TARN_DELTA_DELETED)
        requeue = tarn_store_add(a->known, d->v[0].obj, NULL);
    atomic_fetch_sub(&a->inside, 1);
    return requeue;
}

static void *popper(void *arg)
{
    struct worker *w = arg;
    const struct tarn_process p = {.fn = process, .ctx = w->a};

    for (;;) {
        int code = fake_random(&w->seed) % 4 ? tarn_queue_pop(w->a->q, &p, NULL) : tarn_queue_pop_batch(w->a->q, &p, &p, NULL);

        if (code == TARN_E_CLOSED)
            return NULL;
    }
}

static int replace_some(struct worker *w)
{
    const struct tarn_object *list[16];

    for (size_t i = 0; i < 16; i++)
        list[i] = w->a->objs[fake_random(&w->seed) % KEYS][1];
    return tarn_store_replace(w->a->s, list, 16, TARN_BYTES("9"), NULL);
}

static int produce_one(struct worker *w)
{
    const struct tarn_object *obj = w->a->objs[fake_random(&w->seed) % KEYS][fake_random(&w->seed) % 2];
    uint64_t what = fake_random(&w->seed) % 100;

    if (what < 40)
        return tarn_store_add(w->a->s, obj, NULL);
    if (what < 70)
        return tarn_store_update(w->a->s, obj, NULL);
    if (what < 90)
        return tarn_store_delete(w->a->s, obj, NULL);
    if (what < 94)
        return tarn_store_resync(w->a->s, NULL);
    if (what < 97 && w->a->fifo)
        return tarn_fifo_add_if_not_present(w->a->fifo, obj, NULL);
    return replace_some(w);
}

static void *producer(void *arg)
{
    struct worker *w = arg;

    for (int i = 0; i < OPS_EACH; i++) {
        if (w->close_in_the_middle && i == OPS_EACH / 2)
            tarn_queue_close(w->a->q);
        if (produce_one(w))
            atomic_fetch_add(&w->a->overlaps, 1);
        (void)tarn_queue_has_synced(w->a->q);
        (void)tarn_queue_is_closed(w->a->q);
    }
    return NULL;
}

static void make_objects(struct arena *a)
{
    char word[32];

    for (int k = 0; k < KEYS; k++)
        for (int v = 0; v < 2; v++) {
            snprintf(word, sizeof word, "n%d/o%d@%d", k % 3, k, v + 1);
            a->objs[k][v] = thing(word);
        }
}

/* Run producers and poppers on a's queue until all have ended, with the close by one of the producers. */
static void storm(struct arena *a)
{
    struct worker producers[PRODUCERS], poppers[POPPERS];

    make_objects(a);
    for (int i = 0; i < POPPERS; i++) {
        poppers[i] = (struct worker){.a = a, .seed = 100u + (uint64_t)i};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&poppers[i].thread, NULL, popper, &poppers[i]), 0);
    }
    for (int i = 0; i < PRODUCERS; i++) {
        producers[i] = (struct worker){.a = a, .seed = 1u + (uint64_t)i, .close_in_the_middle = i == 0};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&producers[i].thread, NULL, producer, &producers[i]), 0);
    }
    for (int i = 0; i < PRODUCERS; i++)
        CU_ASSERT_EQUAL(pthread_join(producers[i].thread, NULL), 0);
    for (int i = 0; i < POPPERS; i++)
        CU_ASSERT_EQUAL(pthread_join(poppers[i].thread, NULL), 0);
    CU_ASSERT_EQUAL(a->overlaps, 0);
    CU_ASSERT(a->popped_deltas > 0);
    while (tarn_queue_pop(a->q, &(struct tarn_process){.fn = process, .ctx = a}, NULL) != TARN_E_CLOSED)
        ; /* what was added after the last popper had gone */
    CU_ASSERT_TRUE(tarn_queue_has_synced(a->q));
    tarn_store_free(a->s);
    tarn_store_free(a->known);
    for (int k = 0; k < KEYS; k++)
        for (int v = 0; v < 2; v++)
            tarn_object_unref(a->objs[k][v]);
}

static struct tarn_store *known_store(void)
{
    struct tarn_indexer *x = NULL;

    CU_ASSERT_EQUAL_FATAL(tarn_cache_new(&(struct tarn_cache_options){.key = tarn_key_func_deletion_handling()}, &x, NULL), 0);
    return &x->store;
}

/* F-7, F-13, S-15 */
static void a_fifo_survives_a_storm_and_a_close(void)
{
    struct arena a = {0};

    CU_ASSERT_EQUAL_FATAL(tarn_fifo_new(NULL, &a.fifo, NULL), 0);
    a.q = tarn_fifo_queue(a.fifo);
    a.s = &a.q->store;
    storm(&a);
}

/* D-11, D-15 */
static void a_delta_fifo_survives_a_storm_and_a_close(void)
{
    struct arena a = {.known = known_store()};
    struct tarn_delta_fifo *f = NULL;

    CU_ASSERT_EQUAL_FATAL(
        tarn_delta_fifo_new(&(struct tarn_delta_fifo_options){.known = tarn_known_objects_of(a.known)}, &f, NULL), 0);
    a.q = tarn_delta_fifo_queue(f);
    a.s = &a.q->store;
    storm(&a);
}

/* */
static void a_real_fifo_survives_a_storm_and_a_close(void)
{
    struct arena a = {.known = known_store()};
    struct tarn_real_fifo *f = NULL;

    CU_ASSERT_EQUAL_FATAL(
        tarn_real_fifo_new(&(struct tarn_real_fifo_options){.known = tarn_known_objects_of(a.known)}, &f, NULL), 0);
    a.q = tarn_real_fifo_queue(f);
    a.s = &a.q->store;
    storm(&a);
}

/* atomic */
static void an_atomic_real_fifo_survives_a_storm_and_a_close(void)
{
    struct arena a = {0};
    struct tarn_real_fifo *f = NULL;

    CU_ASSERT_EQUAL_FATAL(tarn_real_fifo_new(&(struct tarn_real_fifo_options){.atomic = true}, &f, NULL), 0);
    a.q = tarn_real_fifo_queue(f);
    a.s = &a.q->store;
    storm(&a);
}

/* ---- waiting pops ---------------------------------------------------------------------------------- */

static void *wait_for_close(void *arg)
{
    return (void *)(intptr_t)tarn_queue_pop(arg, NULL, NULL);
}

/* TestFIFO_PopShouldUnblockWhenClosed, TestDeltaFIFO_PopShouldUnblockWhenClosed, TestRealFIFO_PopShouldUnblockWhenClosed, F-13 */
static void a_close_wakes_all_that_wait(void)
{
    struct tarn_fifo *f = NULL;
    struct tarn_delta_fifo *d = NULL;
    struct tarn_real_fifo *r = NULL;
    struct tarn_queue *queues[3];

    CU_ASSERT_EQUAL_FATAL(tarn_fifo_new(NULL, &f, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_delta_fifo_new(NULL, &d, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_real_fifo_new(&(struct tarn_real_fifo_options){.atomic = true}, &r, NULL), 0);
    queues[0] = tarn_fifo_queue(f);
    queues[1] = tarn_delta_fifo_queue(d);
    queues[2] = tarn_real_fifo_queue(r);
    for (size_t i = 0; i < 3; i++) {
        pthread_t threads[POPPERS];
        void *code;

        for (int k = 0; k < POPPERS; k++)
            CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[k], NULL, wait_for_close, queues[i]), 0);
        tarn_queue_close(queues[i]);
        for (int k = 0; k < POPPERS; k++) {
            CU_ASSERT_EQUAL(pthread_join(threads[k], &code), 0);
            CU_ASSERT_EQUAL((int)(intptr_t)code, TARN_E_CLOSED);
        }
        tarn_store_free(&queues[i]->store);
    }
}

/* ---- the heap ---------------------------------------------------------------------------------------- */

static bool by_version(void *ctx, const struct tarn_object *a, const struct tarn_object *b)
{
    (void)ctx;
    return tarn_object_resource_version(a) < tarn_object_resource_version(b);
}

static void *heap_popper(void *arg)
{
    const struct tarn_object *obj = NULL;
    size_t n = 0;

    while (tarn_heap_pop(arg, &obj, NULL) == 0) {
        tarn_object_unref(obj);
        n++;
    }
    return (void *)(uintptr_t)n;
}

static void *heap_producer(void *arg)
{
    char word[32];

    for (int i = 0; i < OPS_EACH; i++) {
        const struct tarn_object *obj;

        snprintf(word, sizeof word, "o%d@%d", i, i % 17 + 1);
        obj = thing(word);
        if (tarn_heap_add(arg, obj, NULL))
            i = OPS_EACH; /* would show as a wrong count */
        tarn_object_unref(obj);
    }
    return NULL;
}

/* TestHeapEmptyPop, H-5: each object comes out once, whoever waits */
static void every_object_of_a_heap_is_popped_once(void)
{
    struct tarn_heap *h = NULL;
    pthread_t poppers[POPPERS], producer_thread;
    size_t popped = 0;
    void *n;

    CU_ASSERT_EQUAL_FATAL(tarn_heap_new((struct tarn_key_func){0}, (struct tarn_less_func){.fn = by_version}, &h, NULL), 0);
    for (int k = 0; k < POPPERS; k++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&poppers[k], NULL, heap_popper, h), 0);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&producer_thread, NULL, heap_producer, h), 0);
    CU_ASSERT_EQUAL(pthread_join(producer_thread, NULL), 0);
    tarn_heap_close(h);
    for (int k = 0; k < POPPERS; k++) {
        CU_ASSERT_EQUAL(pthread_join(poppers[k], &n), 0);
        popped += (size_t)(uintptr_t)n;
    }
    CU_ASSERT_EQUAL(popped, OPS_EACH);
    tarn_heap_free(h);
}

TARN_TEST_MAIN("queue_threads", TARN_TEST(a_fifo_survives_a_storm_and_a_close),
               TARN_TEST(a_delta_fifo_survives_a_storm_and_a_close), TARN_TEST(a_real_fifo_survives_a_storm_and_a_close),
               TARN_TEST(an_atomic_real_fifo_survives_a_storm_and_a_close), TARN_TEST(a_close_wakes_all_that_wait),
               TARN_TEST(every_object_of_a_heap_is_popped_once))
