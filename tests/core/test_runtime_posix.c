/* The real clock, chance and threads.  tarn-test: threads */
#include <signal.h>
#include <stdlib.h>

#include <tarn/runtime.h>

#include "tarn_test.h"

static void the_clock_never_goes_back(void)
{
    struct tarn_runtime *rt = tarn_runtime_posix();
    uint64_t before = tarn_now_ms(rt);

    CU_ASSERT(before > 0);
    for (int i = 0; i < 10000; i++) {
        uint64_t now = tarn_now_ms(rt);

        CU_ASSERT_FATAL(now >= before);
        before = now;
    }
}

static void random_numbers_use_all_bits_and_differ(void)
{
    struct tarn_runtime *rt = tarn_runtime_posix();
    uint64_t ones = 0, zeros = 0, last = tarn_random(rt);

    for (int i = 0; i < 200; i++) {
        uint64_t r = tarn_random(rt);

        CU_ASSERT(r != last); /* 2^-64 each */
        ones |= r;
        zeros |= ~r;
        last = r;
    }
    CU_ASSERT(ones == UINT64_MAX);
    CU_ASSERT(zeros == UINT64_MAX);
}

struct work {
    int done;
    sigset_t blocked;
};

static void work(void *arg)
{
    struct work *w = arg;

    (void)pthread_sigmask(SIG_SETMASK, NULL, &w->blocked);
    w->done = 1;
}

static void a_thread_runs_takes_no_signals_and_is_joined(void)
{
    struct tarn_runtime *rt = tarn_runtime_posix();
    struct work works[8] = {0};
    void *threads[8];
    sigset_t mine;

    for (int i = 0; i < 8; i++)
        CU_ASSERT_EQUAL_FATAL(rt->ops->thread_start(rt, work, &works[i], &threads[i]), 0);
    for (int i = 0; i < 8; i++) {
        rt->ops->thread_join(rt, threads[i]);
        CU_ASSERT(works[i].done);
        CU_ASSERT(sigismember(&works[i].blocked, SIGTERM));
    }
    (void)pthread_sigmask(SIG_SETMASK, NULL, &mine);
    CU_ASSERT(!sigismember(&mine, SIGTERM));
}

TARN_TEST_MAIN("runtime_posix", TARN_TEST(the_clock_never_goes_back), TARN_TEST(random_numbers_use_all_bits_and_differ),
               TARN_TEST(a_thread_runs_takes_no_signals_and_is_joined))
