/* The work queue: rows T-6 ... T-8, on a clock moved by hand and on real threads. tarn-test: threads */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/work_queue.h>

#include "fake_runtime.h"
#include "fault.h"
#include "tarn_test.h"

static struct fake_runtime clock_;

static struct tarn_work_queue *queue(void)
{
    struct tarn_work_queue *q = NULL;

    clock_ = fake_runtime_init();
    CU_ASSERT_EQUAL_FATAL(tarn_work_queue_new(&(struct tarn_work_queue_options){.rt = &clock_.rt}, &q), 0);
    return q;
}

static void add(struct tarn_work_queue *q, const char *key)
{
    CU_ASSERT_EQUAL(tarn_work_queue_add(q, tarn_bytes_of(key)), 0);
}

static void add_after(struct tarn_work_queue *q, const char *key, uint64_t ms)
{
    CU_ASSERT_EQUAL(tarn_work_queue_add_after(q, tarn_bytes_of(key), ms), 0);
}

static void add_limited(struct tarn_work_queue *q, const char *key)
{
    CU_ASSERT_EQUAL(tarn_work_queue_add_rate_limited(q, tarn_bytes_of(key)), 0);
}

/* The next key, or the name of the error; static buffer. */
static const char *next(struct tarn_work_queue *q)
{
    static char text[64];
    struct tarn_buf key = {0};
    int rc = tarn_work_queue_try_get(q, &key);

    if (rc)
        return tarn_error_name(rc);
    (void)snprintf(text, sizeof text, "%.*s", (int)key.len, key.data);
    tarn_buf_release(&key);
    return text;
}

#define NEXT(q, text) CU_ASSERT_STRING_EQUAL(next(q), text)

static void done(struct tarn_work_queue *q, const char *key)
{
    tarn_work_queue_done(q, tarn_bytes_of(key));
}

/* ---- T-6 ------------------------------------------------------------------------------------------------------ */

/* Upstream: TestBasic, TestCollapse, TestLen. */
static void t6_a_key_that_waits_is_not_added_twice(void)
{
    struct tarn_work_queue *q = queue();

    NEXT(q, "TARN_E_AGAIN");
    add(q, "a");
    add(q, "b");
    add(q, "a");
    CU_ASSERT_EQUAL(tarn_work_queue_len(q), 2);
    CU_ASSERT_EQUAL(tarn_work_queue_deadline_ms(q), 0);
    NEXT(q, "a");
    NEXT(q, "b");
    NEXT(q, "TARN_E_AGAIN");
    CU_ASSERT_EQUAL(tarn_work_queue_deadline_ms(q), UINT64_MAX);
    done(q, "a");
    done(q, "b");
    NEXT(q, "TARN_E_AGAIN");
    tarn_work_queue_free(q);
}

/* Upstream: TestAddWhileProcessing, TestCollapseWhileProcessing, TestReinsert. */
static void t6_a_key_added_in_work_waits_again_when_it_is_done(void)
{
    struct tarn_work_queue *q = queue();

    add(q, "a");
    NEXT(q, "a");
    add(q, "a");
    add(q, "a");
    CU_ASSERT_EQUAL(tarn_work_queue_len(q), 0);
    NEXT(q, "TARN_E_AGAIN"); /* never two workers on one key */
    done(q, "a");
    CU_ASSERT_EQUAL(tarn_work_queue_len(q), 1);
    NEXT(q, "a");
    done(q, "a");
    NEXT(q, "TARN_E_AGAIN");
    add(q, "a");
    NEXT(q, "a");
    tarn_work_queue_free(q);
}

static void t6_what_is_not_in_work_cannot_be_done(void)
{
    struct tarn_work_queue *q = queue();

    done(q, "nothing");
    add(q, "a");
    done(q, "a");
    NEXT(q, "a");
    done(q, "a");
    done(q, "a");
    tarn_work_queue_free(q);
    tarn_work_queue_free(NULL);
}

/* Upstream: TestBasic (Get drains, then says shutdown). */
static void t6_after_a_shut_down_what_waits_is_taken_and_nothing_is_added(void)
{
    struct tarn_work_queue *q = queue();

    add(q, "a");
    add(q, "b");
    add_after(q, "later", 10);
    CU_ASSERT(!tarn_work_queue_is_shut_down(q));
    tarn_work_queue_shut_down(q);
    CU_ASSERT(tarn_work_queue_is_shut_down(q));
    CU_ASSERT_EQUAL(tarn_work_queue_add(q, TARN_BYTES("c")), TARN_E_CLOSED);
    CU_ASSERT_EQUAL(tarn_work_queue_add_after(q, TARN_BYTES("c"), 5), TARN_E_CLOSED);
    NEXT(q, "a");
    NEXT(q, "b");
    NEXT(q, "TARN_E_CLOSED");
    clock_.now_ms += 100;
    NEXT(q, "TARN_E_CLOSED"); /* the delayed one was dropped */
    tarn_work_queue_free(q);
}

static void t6_keys_are_any_bytes(void)
{
    struct tarn_work_queue *q = queue();
    struct tarn_buf key = {0};

    CU_ASSERT_EQUAL(tarn_work_queue_add(q, (struct tarn_bytes){.data = "a\0b", .len = 3}), 0);
    CU_ASSERT_EQUAL(tarn_work_queue_add(q, (struct tarn_bytes){.data = "a\0c", .len = 3}), 0);
    CU_ASSERT_EQUAL(tarn_work_queue_add(q, (struct tarn_bytes){0}), 0);
    CU_ASSERT_EQUAL(tarn_work_queue_try_get(q, &key), 0);
    CU_ASSERT(key.len == 3 && memcmp(key.data, "a\0b", 3) == 0);
    CU_ASSERT_EQUAL(tarn_work_queue_try_get(q, &key), 0);
    CU_ASSERT(key.len == 3 && memcmp(key.data, "a\0c", 3) == 0);
    CU_ASSERT_EQUAL(tarn_work_queue_try_get(q, &key), 0);
    CU_ASSERT_EQUAL(key.len, 0);
    tarn_buf_release(&key);
    tarn_work_queue_free(q);
}

/* ---- T-7 ----------------------------------------------------------------------------------------------------------- */

/* Upstream: TestSimpleQueue, TestAddTwoFireEarly. */
static void t7_a_delayed_key_waits_when_it_is_due(void)
{
    struct tarn_work_queue *q = queue();

    add_after(q, "second", 200);
    add_after(q, "first", 50);
    CU_ASSERT_EQUAL(tarn_work_queue_deadline_ms(q), clock_.now_ms + 50);
    NEXT(q, "TARN_E_AGAIN");
    clock_.now_ms += 49;
    NEXT(q, "TARN_E_AGAIN");
    clock_.now_ms += 1;
    NEXT(q, "first");
    NEXT(q, "TARN_E_AGAIN");
    clock_.now_ms += 150;
    CU_ASSERT_EQUAL(tarn_work_queue_len(q), 1);
    NEXT(q, "second");
    add_after(q, "now", 0);
    NEXT(q, "now");
    tarn_work_queue_free(q);
}

/* Upstream: TestDeduping. */
static void t7_of_two_delays_of_a_key_the_earlier_holds(void)
{
    struct tarn_work_queue *q = queue();

    add_after(q, "a", 50);
    add_after(q, "a", 70);
    clock_.now_ms += 60;
    NEXT(q, "a");
    done(q, "a");
    clock_.now_ms += 20;
    NEXT(q, "TARN_E_AGAIN");
    add_after(q, "a", 50);
    add_after(q, "a", 30);
    clock_.now_ms += 40;
    NEXT(q, "a");
    done(q, "a");
    clock_.now_ms += 20;
    NEXT(q, "TARN_E_AGAIN");
    tarn_work_queue_free(q);
}

static void t7_a_key_due_in_work_waits_until_it_is_done(void)
{
    struct tarn_work_queue *q = queue();

    add(q, "a");
    NEXT(q, "a");
    add_after(q, "a", 10);
    clock_.now_ms += 20;
    NEXT(q, "TARN_E_AGAIN");
    done(q, "a");
    NEXT(q, "a");
    tarn_work_queue_free(q);
}

/* Against a sorted list: every key comes at its time, earliest first. */
static void t7_many_delays_in_any_order(void)
{
    struct tarn_work_queue *q = queue();
    uint64_t seed = 7, due[500], begin = clock_.now_ms, last = 0;
    char key[16];

    for (unsigned i = 0; i < 500; i++) {
        due[i] = 1 + fake_random(&seed) % 1000;
        (void)snprintf(key, sizeof key, "%u", i);
        add_after(q, key, due[i]);
        if (i % 3 == 0) {
            uint64_t other = 1 + fake_random(&seed) % 1000;

            add_after(q, key, other);
            due[i] = other < due[i] ? other : due[i];
        }
    }
    for (unsigned n = 0; n < 500; n++) {
        const char *got;
        unsigned long i;

        clock_.now_ms = tarn_work_queue_deadline_ms(q) > clock_.now_ms ? tarn_work_queue_deadline_ms(q) : clock_.now_ms;
        got = next(q);
        i = strtoul(got, NULL, 10);
        CU_ASSERT_FATAL(i < 500);
        CU_ASSERT_EQUAL(begin + due[i], clock_.now_ms);
        CU_ASSERT(due[i] >= last);
        last = due[i];
        done(q, got);
    }
    NEXT(q, "TARN_E_AGAIN");
    tarn_work_queue_free(q);
}

/* ---- T-8 -------------------------------------------------------------------------------------------------------------- */

static uint64_t wait_of(struct tarn_work_queue *q, const char *key)
{
    uint64_t wait;

    add_limited(q, key);
    wait = tarn_work_queue_deadline_ms(q) - clock_.now_ms;
    clock_.now_ms += wait;
    NEXT(q, key);
    done(q, key);
    return wait;
}

/* Upstream: TestItemExponentialFailureRateLimiter, TestRateLimitingQueue. */
static void t8_each_failure_waits_twice_as_long_until_it_is_forgotten(void)
{
    struct tarn_work_queue *q = queue();

    for (uint64_t i = 0, wait = 5; i < 17; i++, wait *= 2) {
        CU_ASSERT_EQUAL(tarn_work_queue_failures(q, TARN_BYTES("a")), i);
        CU_ASSERT_EQUAL(wait_of(q, "a"), wait);
    }
    CU_ASSERT_EQUAL(wait_of(q, "a"), 655360);
    for (unsigned i = 0; i < 100; i++)
        CU_ASSERT_EQUAL(wait_of(q, "a"), 1000000); /* never longer */
    CU_ASSERT_EQUAL(wait_of(q, "b"), 5);
    tarn_work_queue_forget(q, TARN_BYTES("a"));
    tarn_work_queue_forget(q, TARN_BYTES("nothing"));
    CU_ASSERT_EQUAL(tarn_work_queue_failures(q, TARN_BYTES("a")), 0);
    CU_ASSERT_EQUAL(wait_of(q, "a"), 5);
    tarn_work_queue_free(q);
}

/* Upstream: TestMaxOfRateLimiter, TestBucketRateLimiter: a hundred at once, then ten a second, whatever the keys. */
static void t8_all_keys_share_a_bucket(void)
{
    struct tarn_work_queue *q = queue();
    char key[16];

    for (unsigned i = 0; i < 100; i++) {
        (void)snprintf(key, sizeof key, "%u", i);
        add_limited(q, key);
    }
    clock_.now_ms += 5;
    CU_ASSERT_EQUAL(tarn_work_queue_len(q), 100);
    for (unsigned i = 100; i < 110; i++) {
        (void)snprintf(key, sizeof key, "%u", i);
        add_limited(q, key);
    }
    clock_.now_ms += 100;
    CU_ASSERT_EQUAL(tarn_work_queue_len(q), 101);
    clock_.now_ms += 1000;
    CU_ASSERT_EQUAL(tarn_work_queue_len(q), 110);
    tarn_work_queue_free(q);
}

/* ---- memory ---------------------------------------------------------------------------------------------------------------- */

static void an_add_without_memory_changes_nothing(void)
{
    int (*const adds[])(struct tarn_work_queue *, struct tarn_bytes) = {tarn_work_queue_add, tarn_work_queue_add_rate_limited};

    for (unsigned i = 0; i < 2; i++) {
        for (long n = 0;; n++) {
            struct tarn_work_queue *q = queue();
            int rc;

            tarn_fault_arm(n);
            rc = adds[i](q, TARN_BYTES("a"));
            if (!tarn_fault_disarm()) {
                CU_ASSERT_EQUAL(rc, 0);
                tarn_work_queue_free(q);
                break;
            }
            CU_ASSERT_EQUAL(rc, TARN_E_NOMEM);
            NEXT(q, "TARN_E_AGAIN");
            tarn_work_queue_free(q);
        }
    }
}

static void nothing_is_kept_of_keys_that_are_over(void)
{
    struct tarn_work_queue *q = queue();
    long before;
    char key[16];

    add(q, "warm");
    NEXT(q, "warm");
    done(q, "warm");
    before = tarn_fault_blocks();
    for (unsigned i = 0; i < 1000; i++) {
        (void)snprintf(key, sizeof key, "%u", i);
        add_after(q, key, i % 2);
        clock_.now_ms += 2;
        NEXT(q, key);
        done(q, key);
    }
    CU_ASSERT(tarn_fault_blocks() <= before + 2); /* the heap's array */
    tarn_work_queue_free(q);
}

/* ---- threads ------------------------------------------------------------------------------------------------------------------ */

enum { KEYS = 50, WORKERS = 4, ADDS = 20000 };

struct shop {
    struct tarn_work_queue *q;
    /* What they prove is checked after the joins. */
    _Atomic unsigned in_work[KEYS], overlaps, refused, worked[KEYS];
    _Atomic unsigned version[KEYS], seen[KEYS]; /* the adder's newest, the newest a worker began with */
};

static void *work(void *arg)
{
    struct shop *s = arg;
    struct tarn_buf key = {0};

    while (tarn_work_queue_get(s->q, &key) == 0) {
        char text[16] = "";
        unsigned i;

        memcpy(text, key.data, key.len);
        i = (unsigned)strtoul(text, NULL, 10);
        if (atomic_fetch_add(&s->in_work[i], 1))
            atomic_fetch_add(&s->overlaps, 1);
        atomic_store(&s->seen[i], atomic_load(&s->version[i]));
        atomic_fetch_add(&s->worked[i], 1);
        if (i % 7 == 0)
            (void)sched_yield();
        atomic_fetch_sub(&s->in_work[i], 1);
        tarn_work_queue_done(s->q, tarn_buf_bytes(&key));
    }
    tarn_buf_release(&key);
    return NULL;
}

static void *produce(void *arg)
{
    struct shop *s = arg;
    uint64_t seed = (uint64_t)(uintptr_t)&seed;
    char key[16];

    for (unsigned n = 0; n < ADDS; n++) {
        unsigned i = (unsigned)(fake_random(&seed) % KEYS);

        (void)snprintf(key, sizeof key, "%u", i);
        atomic_fetch_add(&s->version[i], 1);
        if (tarn_work_queue_add_after(s->q, tarn_bytes_of(key), n % 5 == 0 ? 1 : 0))
            atomic_fetch_add(&s->refused, 1);
    }
    return NULL;
}

/* T-6 for many workers and producers: no key in two hands, and the last add of each is worked on. */
static void no_key_is_in_two_hands_and_no_add_is_lost(void)
{
    struct shop *s = calloc(1, sizeof *s);
    pthread_t workers[WORKERS], producers[2];

    CU_ASSERT_EQUAL_FATAL(tarn_work_queue_new(NULL, &s->q), 0);
    for (unsigned i = 0; i < WORKERS; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&workers[i], NULL, work, s), 0);
    for (unsigned i = 0; i < 2; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&producers[i], NULL, produce, s), 0);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(producers[i], NULL);
    while (tarn_work_queue_deadline_ms(s->q) != UINT64_MAX) /* the delayed are due within a millisecond */
        (void)sched_yield();
    tarn_work_queue_shut_down_with_drain(s->q);
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(workers[i], NULL);
    CU_ASSERT_EQUAL(s->overlaps, 0);
    CU_ASSERT_EQUAL(s->refused, 0);
    for (unsigned i = 0; i < KEYS; i++) {
        CU_ASSERT(s->worked[i] > 0);
        CU_ASSERT_EQUAL(s->seen[i], s->version[i]);
    }
    tarn_work_queue_free(s->q);
    free(s);
}

static void *drain(void *arg)
{
    tarn_work_queue_shut_down_with_drain(arg);
    return NULL;
}

/* Upstream: TestQueueDrainageUsingShutDownWithDrain, TestForceQueueShutdownUsingShutDown. */
static void t6_a_drain_waits_for_what_is_in_work_or_for_a_shut_down(void)
{
    for (unsigned forced = 0; forced < 2; forced++) {
        struct tarn_work_queue *q = queue();
        pthread_t thread;

        add(q, "a");
        NEXT(q, "a");
        CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, drain, q), 0);
        while (!tarn_work_queue_is_shut_down(q))
            (void)sched_yield();
        if (forced)
            tarn_work_queue_shut_down(q);
        else
            done(q, "a");
        pthread_join(thread, NULL); /* hangs if the drain does not end */
        NEXT(q, "TARN_E_CLOSED");
        tarn_work_queue_free(q);
    }
}

TARN_TEST_MAIN("work_queue", TARN_TEST(t6_a_key_that_waits_is_not_added_twice),
               TARN_TEST(t6_a_key_added_in_work_waits_again_when_it_is_done), TARN_TEST(t6_what_is_not_in_work_cannot_be_done),
               TARN_TEST(t6_after_a_shut_down_what_waits_is_taken_and_nothing_is_added), TARN_TEST(t6_keys_are_any_bytes),
               TARN_TEST(t7_a_delayed_key_waits_when_it_is_due), TARN_TEST(t7_of_two_delays_of_a_key_the_earlier_holds),
               TARN_TEST(t7_a_key_due_in_work_waits_until_it_is_done), TARN_TEST(t7_many_delays_in_any_order),
               TARN_TEST(t8_each_failure_waits_twice_as_long_until_it_is_forgotten), TARN_TEST(t8_all_keys_share_a_bucket),
               TARN_TEST(an_add_without_memory_changes_nothing), TARN_TEST(nothing_is_kept_of_keys_that_are_over),
               TARN_TEST(no_key_is_in_two_hands_and_no_add_is_lost),
               TARN_TEST(t6_a_drain_waits_for_what_is_in_work_or_for_a_shut_down))
