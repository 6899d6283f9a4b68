/* sync_hub.c - where threads wait for an informer or a handler to have synced, without polling.
 *
 * The question is asked with no lock held, since the answer may need the queue's; so between question and sleep something
 * may change. Every notify moves a generation, and who sleeps does so only in the generation in which it asked.
 */
#include "sync_hub.h"

#include <stdlib.h>

#include "sync.h"

struct tarn_sync_hub {
    struct tarn_runtime *rt; /* not used once stopped */
    _Atomic unsigned refs;
    struct tarn_mutex queue_lock; /* protects queue and synced_at_end; taken before the queue's lock */
    struct tarn_queue *queue;     /* NULL: none yet, or the informer is gone */
    bool synced_at_end;
    struct tarn_mutex lock; /* protects what follows; innermost of all */
    struct tarn_cond changed;
    uint64_t generation;
    bool stopped;
};

int tarn_sync_hub_new(struct tarn_runtime *rt, struct tarn_sync_hub **ret)
{
    struct tarn_sync_hub *h = calloc(1, sizeof *h);

    if (!h)
        return TARN_E_NOMEM;
    h->rt = rt;
    h->refs = 1;
    tarn_mutex_init(&h->queue_lock);
    tarn_mutex_init(&h->lock);
    tarn_cond_init(&h->changed);
    *ret = h;
    return 0;
}

void tarn_sync_hub_ref(struct tarn_sync_hub *h)
{
    (void)atomic_fetch_add_explicit(&h->refs, 1, memory_order_relaxed); /* the caller has one: it cannot be zero */
}

void tarn_sync_hub_unref(struct tarn_sync_hub *h)
{
    /* acq_rel: the last one sees all that the others did before they left. */
    if (!h || atomic_fetch_sub_explicit(&h->refs, 1, memory_order_acq_rel) != 1)
        return;
    tarn_cond_release(&h->changed);
    tarn_mutex_release(&h->lock);
    tarn_mutex_release(&h->queue_lock);
    free(h);
}

void tarn_sync_hub_attach(struct tarn_sync_hub *h, struct tarn_queue *q)
{
    tarn_mutex_lock(&h->queue_lock);
    h->queue = q;
    tarn_mutex_unlock(&h->queue_lock);
}

void tarn_sync_hub_detach(struct tarn_sync_hub *h)
{
    tarn_mutex_lock(&h->queue_lock);
    h->synced_at_end = h->queue && tarn_queue_has_synced(h->queue);
    h->queue = NULL;
    tarn_mutex_unlock(&h->queue_lock);
}

bool tarn_sync_hub_has_synced(void *hub)
{
    struct tarn_sync_hub *h = hub;
    bool synced;

    tarn_mutex_lock(&h->queue_lock);
    synced = h->queue ? tarn_queue_has_synced(h->queue) : h->synced_at_end;
    tarn_mutex_unlock(&h->queue_lock);
    return synced;
}

static void move_on(struct tarn_sync_hub *h, bool stop)
{
    tarn_mutex_lock(&h->lock);
    h->generation++;
    h->stopped |= stop;
    tarn_cond_broadcast(&h->changed);
    tarn_mutex_unlock(&h->lock);
}

void tarn_sync_hub_notify(void *hub)
{
    move_on(hub, false);
}

void tarn_sync_hub_stop(struct tarn_sync_hub *h)
{
    move_on(h, true);
}

/* Sleep until the generation is another, or the time is up; may wake early. */
static void sleep_through(struct tarn_sync_hub *h, uint64_t generation, uint64_t timeout_ms)
{
    tarn_mutex_lock(&h->lock);
    if (h->generation == generation && !h->stopped && timeout_ms == UINT64_MAX)
        tarn_cond_wait(&h->changed, &h->lock);
    else if (h->generation == generation && !h->stopped)
        (void)tarn_cond_wait_for(&h->changed, &h->lock, timeout_ms);
    tarn_mutex_unlock(&h->lock);
}

static uint64_t generation_of(struct tarn_sync_hub *h, bool *ret_stopped)
{
    uint64_t generation;

    tarn_mutex_lock(&h->lock);
    generation = h->generation;
    *ret_stopped = h->stopped;
    tarn_mutex_unlock(&h->lock);
    return generation;
}

bool tarn_sync_hub_wait(struct tarn_sync_hub *h, bool (*done)(void *ctx), void *ctx, uint64_t timeout_ms)
{
    uint64_t began = 0, passed = 0;

    for (;;) {
        bool stopped;
        uint64_t generation = generation_of(h, &stopped); /* before the question: a later change moves it */

        if (done(ctx))
            return true;
        if (stopped)
            return false;
        began = began ? began : tarn_now_ms(h->rt);
        passed = tarn_now_ms(h->rt) - began;
        if (timeout_ms != UINT64_MAX && passed >= timeout_ms)
            return false;
        sleep_through(h, generation, timeout_ms == UINT64_MAX ? UINT64_MAX : timeout_ms - passed);
    }
}
