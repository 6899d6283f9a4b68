/* Lazy values: row T-10. tarn-test: threads */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include <tarn/lazy.h>

#include "fault.h"
#include "tarn_test.h"

struct source {
    _Atomic unsigned content, evaluated, released;
    _Atomic int fails; /* how many evaluations fail */
    sem_t *began, *go; /* NULL: evaluate at once */
};

static int evaluate(void *ctx, void **ret, struct tarn_error *err)
{
    struct source *s = ctx;
    unsigned content = atomic_load(&s->content);

    atomic_fetch_add(&s->evaluated, 1);
    if (s->began) {
        sem_post(s->began);
        sem_wait(s->go);
    }
    if (atomic_fetch_sub(&s->fails, 1) > 0)
        return tarn_error_set(err, TARN_E_IO, "no luck");
    *ret = (void *)(uintptr_t)content;
    return 0;
}

static void release(void *ctx, void *value)
{
    struct source *s = ctx;

    (void)value;
    atomic_fetch_add(&s->released, 1);
}

static struct tarn_lazy *lazy(struct source *s)
{
    struct tarn_lazy *l = NULL;

    CU_ASSERT_EQUAL_FATAL(tarn_lazy_new(&(struct tarn_lazy_options){evaluate, release, s}, &l), 0);
    return l;
}

static uintptr_t get(struct tarn_lazy *l)
{
    struct tarn_lazy_value *v = NULL;
    uintptr_t value;

    CU_ASSERT_EQUAL_FATAL(tarn_lazy_get(l, &v, NULL), 0);
    value = (uintptr_t)tarn_lazy_value(v);
    tarn_lazy_put(v);
    return value;
}

/* Upstream: TestLazy. */
static void t10_a_value_is_computed_once_for_each_notification(void)
{
    struct source s = {.content = 1};
    struct tarn_lazy *l = lazy(&s);

    CU_ASSERT_EQUAL(s.evaluated, 0);
    for (unsigned i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(get(l), 1);
    s.content = 2;
    CU_ASSERT_EQUAL(get(l), 1); /* nobody has said so */
    CU_ASSERT_EQUAL(s.evaluated, 1);
    tarn_lazy_notify(l);
    tarn_lazy_notify(l);
    CU_ASSERT_EQUAL(s.evaluated, 1);
    CU_ASSERT_EQUAL(get(l), 2);
    CU_ASSERT_EQUAL(get(l), 2);
    CU_ASSERT_EQUAL(s.evaluated, 2);
    CU_ASSERT_EQUAL(s.released, 1);
    tarn_lazy_free(l);
    tarn_lazy_free(NULL);
    tarn_lazy_put(NULL);
    CU_ASSERT_EQUAL(s.released, 2);
}

/* Upstream: TestLazyError. */
static void t10_errors_are_not_kept(void)
{
    struct source s = {.content = 7, .fails = 2};
    struct tarn_lazy *l = lazy(&s);
    struct tarn_lazy_value *v = NULL;
    struct tarn_error err = {0};

    CU_ASSERT_EQUAL(tarn_lazy_get(l, &v, &err), TARN_E_IO);
    CU_ASSERT_STRING_EQUAL(err.message, "no luck");
    CU_ASSERT_EQUAL(tarn_lazy_get(l, &v, NULL), TARN_E_IO);
    CU_ASSERT_PTR_NULL(v);
    CU_ASSERT_EQUAL(get(l), 7);
    CU_ASSERT_EQUAL(s.evaluated, 3);
    tarn_lazy_free(l);
    CU_ASSERT_EQUAL(s.released, 1);
}

static void a_value_in_use_outlives_notification_and_lazy(void)
{
    struct source s = {.content = 1};
    struct tarn_lazy *l = lazy(&s);
    struct tarn_lazy_value *v = NULL;

    CU_ASSERT_EQUAL_FATAL(tarn_lazy_get(l, &v, NULL), 0);
    s.content = 2;
    tarn_lazy_notify(l);
    CU_ASSERT_EQUAL(get(l), 2);
    tarn_lazy_free(l);
    CU_ASSERT_EQUAL(s.released, 1);
    CU_ASSERT_EQUAL((uintptr_t)tarn_lazy_value(v), 1);
    tarn_lazy_put(v);
    CU_ASSERT_EQUAL(s.released, 2);
}

static void memory_may_run_out(void)
{
    struct source s = {.content = 1};
    struct tarn_lazy *l = lazy(&s);
    struct tarn_lazy_value *v = NULL;

    tarn_fault_arm(0);
    CU_ASSERT_EQUAL(tarn_lazy_get(l, &v, NULL), TARN_E_NOMEM);
    CU_ASSERT(tarn_fault_disarm());
    CU_ASSERT_EQUAL(get(l), 1);
    tarn_lazy_free(l);
}

/* ---- threads -------------------------------------------------------------------------------------------- */

struct asking {
    struct tarn_lazy *l;
    uintptr_t got;
    unsigned failed, went_back;
};

/* As get, for a thread: assertions are the main thread's. */
static void ask_once(struct asking *a)
{
    struct tarn_lazy_value *v = NULL;
    uintptr_t got;

    if (tarn_lazy_get(a->l, &v, NULL)) {
        a->failed++;
        return;
    }
    got = (uintptr_t)tarn_lazy_value(v);
    a->went_back += got < a->got;
    a->got = got;
    tarn_lazy_put(v);
}

static void *ask(void *arg)
{
    ask_once(arg);
    return NULL;
}

/* Upstream: TestLazyOnlyOnce: who asks while it is computed shares it; a notification meanwhile is not lost. */
static void t10_those_who_ask_together_share_one_computation(void)
{
    sem_t began, go;
    struct source s = {.content = 1, .began = &began, .go = &go};
    struct tarn_lazy *l = lazy(&s);
    struct asking a[8];
    pthread_t threads[8];

    sem_init(&began, 0, 0);
    sem_init(&go, 0, 0);
    for (unsigned i = 0; i < 8; i++) {
        a[i] = (struct asking){.l = l};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, ask, &a[i]), 0);
    }
    sem_wait(&began);
    s.content = 2;
    tarn_lazy_notify(l); /* whoever asked before may still get 1; who asks from here must not */
    for (unsigned i = 0; i < 100; i++)
        sem_post(&go);
    CU_ASSERT_EQUAL(get(l), 2);
    for (unsigned i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT(a[i].got == 1 || a[i].got == 2);
    }
    CU_ASSERT_EQUAL(s.evaluated, 2); /* one for each content */
    tarn_lazy_free(l);
    CU_ASSERT_EQUAL(s.released, 2);
    sem_destroy(&began);
    sem_destroy(&go);
}

static void *ask_often(void *arg)
{
    for (unsigned i = 0; i < 20000; i++)
        ask_once(arg);
    return NULL;
}

static void values_never_go_back_under_notifications(void)
{
    struct source s = {.content = 1};
    struct tarn_lazy *l = lazy(&s);
    struct asking a[3];
    pthread_t threads[3];

    for (unsigned i = 0; i < 3; i++) {
        a[i] = (struct asking){.l = l};
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, ask_often, &a[i]), 0);
    }
    for (unsigned i = 0; i < 5000; i++) {
        atomic_fetch_add(&s.content, 1);
        tarn_lazy_notify(l);
    }
    for (unsigned i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        CU_ASSERT_EQUAL(a[i].failed, 0);
        CU_ASSERT_EQUAL(a[i].went_back, 0); /* contents only grow */
    }
    CU_ASSERT_EQUAL(get(l), 5001);
    tarn_lazy_free(l);
    CU_ASSERT_EQUAL(s.released, s.evaluated);
}

TARN_TEST_MAIN("lazy", TARN_TEST(t10_a_value_is_computed_once_for_each_notification), TARN_TEST(t10_errors_are_not_kept),
               TARN_TEST(a_value_in_use_outlives_notification_and_lazy), TARN_TEST(memory_may_run_out),
               TARN_TEST(t10_those_who_ask_together_share_one_computation), TARN_TEST(values_never_go_back_under_notifications))
