/* sync.c - the slow halves of the locks: where a thread really sleeps. */
#include "sync.h"

#include <time.h>

void tarn_cond_init(struct tarn_cond *c)
{
    pthread_condattr_t a;

    (void)pthread_condattr_init(&a);
    (void)pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&c->c, &a);
    (void)pthread_condattr_destroy(&a);
}

int tarn_cond_wait_for(struct tarn_cond *c, struct tarn_mutex *m, uint64_t timeout_ms)
{
    const uint64_t year_ms = UINT64_C(365) * 24 * 3600 * 1000;
    struct timespec t;

    if (timeout_ms > year_ms) /* keeps tv_sec in range for "no timeout" */
        timeout_ms = year_ms;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)(timeout_ms / 1000);
    t.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    return pthread_cond_timedwait(&c->c, &m->m, &t) ? TARN_E_TIMEOUT : 0;
}

void tarn_baton_init(struct tarn_baton *b)
{
    tarn_mutex_init(&b->lock);
    tarn_cond_init(&b->given);
    b->taken = false;
}

void tarn_baton_release(struct tarn_baton *b)
{
    tarn_mutex_release(&b->lock);
    tarn_cond_release(&b->given);
}

void tarn_baton_take(struct tarn_baton *b)
{
    tarn_mutex_lock(&b->lock);
    while (b->taken)
        tarn_cond_wait(&b->given, &b->lock);
    b->taken = true;
    tarn_mutex_unlock(&b->lock);
}

void tarn_baton_give(struct tarn_baton *b)
{
    tarn_mutex_lock(&b->lock);
    b->taken = false;
    tarn_cond_signal(&b->given);
    tarn_mutex_unlock(&b->lock);
}

void tarn_rwlock_init(struct tarn_rwlock *l)
{
    *l = (struct tarn_rwlock){.leaving = 0};
    tarn_mutex_init(&l->writer);
    tarn_mutex_init(&l->gate);
    tarn_cond_init(&l->changed);
}

void tarn_rwlock_release(struct tarn_rwlock *l)
{
    tarn_mutex_release(&l->writer);
    tarn_mutex_release(&l->gate);
    tarn_cond_release(&l->changed);
}

/*
 * The reader has counted itself in behind a writer and waits for one of the passes that the writer leaves. Passes carry no
 * name: a later reader may take one and this one then waits for the next writer's, which counts it still.
 */
void tarn_rwlock_read_wait(struct tarn_rwlock *l)
{
    tarn_mutex_lock(&l->gate);
    while (l->admitted == 0)
        tarn_cond_wait(&l->changed, &l->gate);
    l->admitted--;
    tarn_mutex_unlock(&l->gate);
}

/* The reader was in when a writer came: the last such one lets the writer in. */
void tarn_rwlock_read_leave(struct tarn_rwlock *l)
{
    tarn_mutex_lock(&l->gate);
    if (--l->leaving == 0)
        tarn_cond_broadcast(&l->changed);
    tarn_mutex_unlock(&l->gate);
}

void tarn_rwlock_write_lock(struct tarn_rwlock *l)
{
    int32_t readers;

    tarn_mutex_lock(&l->writer);
    /* acquire: pairs with the release in tarn_rwlock_read_unlock; the reads of those that have left are over. */
    readers = atomic_fetch_add_explicit(&l->state, TARN_RWLOCK_WRITER, memory_order_acquire);
    if (readers == 0)
        return;
    tarn_mutex_lock(&l->gate); /* readers that leave from now on come through here: their reads happen before us */
    l->leaving += readers;
    while (l->leaving > 0)
        tarn_cond_wait(&l->changed, &l->gate);
    tarn_mutex_unlock(&l->gate);
}

void tarn_rwlock_write_unlock(struct tarn_rwlock *l)
{
    /* release: pairs with the acquire in tarn_rwlock_read_lock; readers held back get it through the gate. */
    int32_t held_back =
        atomic_fetch_sub_explicit(&l->state, TARN_RWLOCK_WRITER, memory_order_release) - TARN_RWLOCK_WRITER;

    if (held_back > 0) {
        tarn_mutex_lock(&l->gate);
        l->admitted += held_back;
        tarn_cond_broadcast(&l->changed);
        tarn_mutex_unlock(&l->gate);
    }
    tarn_mutex_unlock(&l->writer);
}
