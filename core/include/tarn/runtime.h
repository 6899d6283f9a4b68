/* tarn/runtime.h - time, chance and threads come in through this interface.
 *
 * core/ reads no clock, draws no random number and starts no thread by itself: it asks a
 * `struct tarn_runtime`. tarn_runtime_posix() is the real one; tests bring a fake whose time
 * moves by hand, so every state machine runs without a sleep.
 */
#ifndef TARN_RUNTIME_H
#define TARN_RUNTIME_H

#include <stdint.h>

#include <tarn/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_runtime;

struct tarn_runtime_ops {
    /* Monotonic milliseconds; never goes back. Any thread. */
    uint64_t (*now_ms)(struct tarn_runtime *rt);
    /* 64 uniform random bits. Any thread. Not for secrets. */
    uint64_t (*random)(struct tarn_runtime *rt);
    /* Start a thread that runs fn(arg). 0 or a negative error; *ret_thread is for join. */
    int (*thread_start)(struct tarn_runtime *rt, void (*fn)(void *arg), void *arg, void **ret_thread);
    /* Wait until the thread ended and free its handle. Not from the thread itself. */
    void (*thread_join)(struct tarn_runtime *rt, void *thread);
};

struct tarn_runtime {
    const struct tarn_runtime_ops *ops;
};

/* Monotonic milliseconds of rt's clock; never goes back. Any thread. */
static inline uint64_t tarn_now_ms(struct tarn_runtime *rt)
{
    return rt->ops->now_ms(rt);
}
/* 64 uniform random bits from rt. Any thread. Not for secrets. */
static inline uint64_t tarn_random(struct tarn_runtime *rt)
{
    return rt->ops->random(rt);
}

/* The real clock (CLOCK_MONOTONIC), getrandom and pthreads. Static; any thread. */
TARN_API struct tarn_runtime *tarn_runtime_posix(void);

#ifdef __cplusplus
}
#endif
#endif
