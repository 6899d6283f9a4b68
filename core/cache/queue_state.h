/* queue_state.h - what the three queues share: lock, waiting, closing, HasSynced, the slow-pop trace, one Replace at a time.
 *
 * Synced is reckoned as client-go does (F-11): populated by the first operation; if that is a Replace, `initial` counts what it
 * brought, and each pop takes one off.
 */
#ifndef TARN_QUEUE_STATE_H
#define TARN_QUEUE_STATE_H

#include <tarn/queue.h>

#include "sync.h"

struct tarn_queue_state {
    struct tarn_mutex lock; /* protects the whole queue but the staged Replace */
    struct tarn_cond filled;
    bool closed;
    bool populated;
    size_t initial; /* what is left of the first Replace */
    bool told;      /* watch.synced was called */
    struct tarn_queue_watch watch;
    struct tarn_baton replacing; /* its holder owns the staged Replace */
};

void tarn_queue_state_init(struct tarn_queue_state *q, const struct tarn_queue_watch *watch);
void tarn_queue_state_release(struct tarn_queue_state *q);

static inline bool tarn_queue_state_synced(const struct tarn_queue_state *q)
{
    return q->populated && q->initial == 0;
}
/* Call watch.synced when that has become true. The lock is held. */
void tarn_queue_state_tell(struct tarn_queue_state *q);

/* The first operation fixes how HasSynced is reckoned: with `count` elements of a Replace, or 0. The lock is held. */
static inline void tarn_queue_state_populate(struct tarn_queue_state *q, size_t count)
{
    if (!q->populated)
        q->initial = count;
    q->populated = true;
}
/* n of the first Replace's elements are through. The lock is held. */
static inline void tarn_queue_state_passed(struct tarn_queue_state *q, size_t n)
{
    q->initial -= n < q->initial ? n : q->initial;
}

/*
 * Run process on deltas and give its result, where TARN_E_REQUEUE becomes *ret_requeue and the inner error (F-8). depth: what still
 * waits; batch: how many elements the call stands for.
 */
int tarn_queue_state_run(struct tarn_queue_state *q, const struct tarn_process *process, const struct tarn_deltas *deltas,
                         bool in_initial_list, size_t depth, bool *ret_requeue, struct tarn_error *err);

/* How far ahead of the head a pop asks for what later pops will touch: their misses overlap with the work of this one. */
#define TARN_QUEUE_AHEAD 8

/* Have an object come that will be given back: its count and its header. */
static inline void tarn_queue_prefetch_object(const struct tarn_object *obj)
{
    __builtin_prefetch((const char *)obj - 16, 1);
    __builtin_prefetch(obj);
}

bool tarn_queue_state_has_synced(struct tarn_queue_state *q);
void tarn_queue_state_close(struct tarn_queue_state *q);
bool tarn_queue_state_is_closed(struct tarn_queue_state *q);

#endif
