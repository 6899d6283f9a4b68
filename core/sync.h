/* sync.h - locks and conditions: the only door to pthread in core.
 *
 * Lock order, outermost first. A thread that holds one may take only those below it:
 *
 *     1  an informer factory's lock, then informer and controller state
 *     2  a queue's lock (fifo, delta_fifo, the_real_fifo, heap); process functions and known objects run under it
 *     3  a shared informer's deltas lock, then its processor's, then a listener's
 *     4  undelta_store's push lock, mutation_cache's and expiration_cache's lock
 *     5  a thread_safe_store's readers-writer lock
 *     6  a store's lease lock (thread_safe_store's lists); a sync_hub's lock
 *
 * The readers-writer lock is our own because pthread's costs twice as much for readers (measured: 21 against 12 ns), and a get is
 * little more than its lock. Not recursive: a reader that waits behind a writer while it already reads would wait for itself.
 */
#ifndef TARN_SYNC_H
#define TARN_SYNC_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tarn/error.h>

struct tarn_mutex {
    pthread_mutex_t m;
};

struct tarn_cond {
    pthread_cond_t c; /* on CLOCK_MONOTONIC */
};

static inline void tarn_mutex_init(struct tarn_mutex *m)
{
    (void)pthread_mutex_init(&m->m, NULL); /* cannot fail for a default mutex */
}
static inline void tarn_mutex_release(struct tarn_mutex *m)
{
    (void)pthread_mutex_destroy(&m->m);
}
static inline void tarn_mutex_lock(struct tarn_mutex *m)
{
    (void)pthread_mutex_lock(&m->m);
}
static inline void tarn_mutex_unlock(struct tarn_mutex *m)
{
    (void)pthread_mutex_unlock(&m->m);
}

void tarn_cond_init(struct tarn_cond *c);
static inline void tarn_cond_release(struct tarn_cond *c)
{
    (void)pthread_cond_destroy(&c->c);
}
/* Wait for a signal; m is held before and after. May wake without one: test the condition in a loop. */
static inline void tarn_cond_wait(struct tarn_cond *c, struct tarn_mutex *m)
{
    (void)pthread_cond_wait(&c->c, &m->m);
}
/* As tarn_cond_wait, for at most timeout_ms. Returns 0 or TARN_E_TIMEOUT. */
int tarn_cond_wait_for(struct tarn_cond *c, struct tarn_mutex *m, uint64_t timeout_ms);
static inline void tarn_cond_signal(struct tarn_cond *c)
{
    (void)pthread_cond_signal(&c->c);
}
static inline void tarn_cond_broadcast(struct tarn_cond *c)
{
    (void)pthread_cond_broadcast(&c->c);
}

/*
 * A baton: one holder at a time, over any number of calls and threads (a mutex must be unlocked by the thread that locked it). Whoever
 * takes it waits until it is given back.
 */
struct tarn_baton {
    struct tarn_mutex lock; /* protects taken; innermost */
    struct tarn_cond given;
    bool taken;
};

void tarn_baton_init(struct tarn_baton *b);
void tarn_baton_release(struct tarn_baton *b);
void tarn_baton_take(struct tarn_baton *b);
void tarn_baton_give(struct tarn_baton *b);

/*
 * Many readers or one writer. A waiting writer holds new readers back, so it does not starve; when it leaves, all it held
 * back are let in before the next writer.
 *
 * state counts the readers; a writer adds WRITER, which makes it negative. Without the other side in the way a lock is one
 * atomic step for a reader, and a mutex and one step for a writer.
 */
#define TARN_RWLOCK_WRITER (-(INT32_C(1) << 30))

struct tarn_rwlock {
    _Atomic int32_t state;
    struct tarn_mutex writer; /* held by the writer from lock to unlock: one at a time */
    struct tarn_mutex gate;   /* protects what follows; innermost */
    struct tarn_cond changed;
    int32_t leaving;  /* readers the writer waits for; below 0 while some left before the writer had counted them */
    int32_t admitted; /* readers held back that may go in now */
};

void tarn_rwlock_init(struct tarn_rwlock *l);
void tarn_rwlock_release(struct tarn_rwlock *l);
void tarn_rwlock_read_wait(struct tarn_rwlock *l); /* slow halves, private */
void tarn_rwlock_read_leave(struct tarn_rwlock *l);

static inline void tarn_rwlock_read_lock(struct tarn_rwlock *l)
{
    /* acquire: pairs with the writer's release in tarn_rwlock_write_unlock; all it wrote is visible. */
    if (atomic_fetch_add_explicit(&l->state, 1, memory_order_acquire) < 0)
        tarn_rwlock_read_wait(l);
}
static inline void tarn_rwlock_read_unlock(struct tarn_rwlock *l)
{
    /* release: pairs with the writer's acquire in tarn_rwlock_write_lock; our reads are done before it writes. */
    if (atomic_fetch_sub_explicit(&l->state, 1, memory_order_release) < 0)
        tarn_rwlock_read_leave(l);
}
void tarn_rwlock_write_lock(struct tarn_rwlock *l);
void tarn_rwlock_write_unlock(struct tarn_rwlock *l);

#endif
