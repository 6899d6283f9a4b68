/* runtime_posix.c - the real clock, chance and threads: the only file of core that knows them.
 *
 * Threads it starts take no signals, so that a program's handlers run where the program wants them.
 */
#include <tarn/runtime.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static uint64_t posix_now_ms(struct tarn_runtime *rt)
{
    struct timespec t;

    (void)rt;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail: the clock exists and t is ours */
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Where getrandom is forbidden (a seccomp filter): the clock, mixed (splitmix64). Good enough for jitter. */
static uint64_t random_from_clock(void)
{
    struct timespec t;
    uint64_t x;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    x = ((uint64_t)t.tv_sec << 32) ^ (uint64_t)t.tv_nsec ^ (uint64_t)(uintptr_t)&t;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

static uint64_t posix_random(struct tarn_runtime *rt)
{
    uint64_t bits;

    (void)rt;
    if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits)
        return random_from_clock();
    return bits;
}

struct thread {
    pthread_t id;
    void (*fn)(void *arg);
    void *arg;
};

static void *thread_main(void *arg)
{
    struct thread *t = arg;

    t->fn(t->arg);
    return NULL;
}

static int posix_thread_start(struct tarn_runtime *rt, void (*fn)(void *arg), void *arg, void **ret_thread)
{
    struct thread *t = malloc(sizeof *t);
    sigset_t all, before;
    int failed;

    (void)rt;
    if (!t)
        return TARN_E_NOMEM;
    *t = (struct thread){.fn = fn, .arg = arg};
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* the new thread inherits it */
    failed = pthread_create(&t->id, NULL, thread_main, t);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        free(t);
        return TARN_E_LIMIT; /* EAGAIN: the system's limit of threads or memory */
    }
    *ret_thread = t;
    return 0;
}

static void posix_thread_join(struct tarn_runtime *rt, void *thread)
{
    struct thread *t = thread;

    (void)rt;
    (void)pthread_join(t->id, NULL);
    free(t);
}

static const struct tarn_runtime_ops posix_ops = {
    .now_ms = posix_now_ms,
    .random = posix_random,
    .thread_start = posix_thread_start,
    .thread_join = posix_thread_join,
};

struct tarn_runtime *tarn_runtime_posix(void)
{
    static struct tarn_runtime posix = {.ops = &posix_ops};

    return &posix;
}
