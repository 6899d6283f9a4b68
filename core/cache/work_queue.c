/* work_queue.c - see tarn/work_queue.h.
 *
 * One entry a key, in one map, as long as the key waits, is delayed, is in work, or has failures to remember. It is in up to two orders: the list of
 * those that wait (first in, first out) and the heap of the delayed (earliest first).
 */
#include <tarn/work_queue.h>

#include <stdlib.h>

#include <tarn/rate.h>

#include "map.h"
#include "sync.h"

#define BASE_MS 5
#define MAX_MS 1000000
#define PER_SECOND 10
#define BURST 100
#define NOT_DELAYED SIZE_MAX

struct entry {
    struct entry *next; /* of those that wait */
    uint64_t due_ms;
    size_t at; /* in the heap, or NOT_DELAYED */
    uint32_t failures;
    bool dirty;   /* to be worked on: it waits, or will when it is done */
    bool in_work;
    uint32_t len;
    char key[];
};

struct tarn_work_queue {
    struct tarn_work_queue_options o;
    struct tarn_mutex lock; /* protects all below; a leaf of its own: nothing else is taken under it */
    struct tarn_cond changed; /* something waits, or is delayed less long, or the end has come: for those who get */
    struct tarn_cond idle;    /* nothing is in work: for those who drain */
    struct tarn_map entries;
    struct entry *first, **last;
    struct entry **heap;
    size_t nheap, heap_cap;
    size_t waiting, in_work;
    struct tarn_rate rate;
    bool shut_down, draining;
};

/* ---- entries ------------------------------------------------------------------------------------------- */

static struct tarn_bytes key_of(const void *ctx, const struct tarn_map_slot *s)
{
    const struct entry *e = s->p;

    (void)ctx;
    return (struct tarn_bytes){.data = e->key, .len = e->len};
}

static struct tarn_map_slot *slot_of(const struct tarn_work_queue *q, struct tarn_bytes key)
{
    return tarn_map_find(&q->entries, tarn_map_hash(&q->entries, key), key, (struct tarn_map_keys){.key_of = key_of});
}

static struct entry *find(const struct tarn_work_queue *q, struct tarn_bytes key)
{
    struct tarn_map_slot *s = slot_of(q, key);

    return s ? (struct entry *)(uintptr_t)s->p : NULL;
}

/* The entry of key, made if there is none; NULL: no memory. */
static struct entry *obtain(struct tarn_work_queue *q, struct tarn_bytes key)
{
    struct entry *e = find(q, key);

    if (e || key.len > UINT32_MAX || tarn_map_reserve(&q->entries, q->entries.n + 1))
        return e;
    e = calloc(1, sizeof *e + key.len + 1);
    if (!e)
        return NULL;
    e->at = NOT_DELAYED;
    e->len = (uint32_t)key.len;
    if (key.len)
        memcpy(e->key, key.data, key.len);
    tarn_map_put(&q->entries, tarn_map_hash(&q->entries, key), e, 0);
    return e;
}

/* Let go of what there is nothing to remember of. */
static void settle(struct tarn_work_queue *q, struct entry *e)
{
    if (e->dirty || e->in_work || e->failures || e->at != NOT_DELAYED)
        return;
    tarn_map_remove(&q->entries, slot_of(q, (struct tarn_bytes){.data = e->key, .len = e->len}));
    free(e);
}

/* ---- the delayed: a binary heap ---------------------------------------------------------------------------- */

static void place(struct tarn_work_queue *q, struct entry *e, size_t at)
{
    q->heap[at] = e;
    e->at = at;
}

static void rise(struct tarn_work_queue *q, struct entry *e, size_t at)
{
    for (; at && q->heap[(at - 1) / 2]->due_ms > e->due_ms; at = (at - 1) / 2)
        place(q, q->heap[(at - 1) / 2], at);
    place(q, e, at);
}

static void sink(struct tarn_work_queue *q, struct entry *e, size_t at)
{
    size_t child;

    while ((child = 2 * at + 1) < q->nheap) {
        if (child + 1 < q->nheap && q->heap[child + 1]->due_ms < q->heap[child]->due_ms)
            child++;
        if (q->heap[child]->due_ms >= e->due_ms)
            break;
        place(q, q->heap[child], at);
        at = child;
    }
    place(q, e, at);
}

static int delay(struct tarn_work_queue *q, struct entry *e, uint64_t due_ms)
{
    if (e->at != NOT_DELAYED) {
        if (due_ms < e->due_ms) {
            e->due_ms = due_ms;
            rise(q, e, e->at);
        }
        return 0;
    }
    if (q->nheap == q->heap_cap) {
        size_t cap = q->heap_cap ? q->heap_cap * 2 : 16;
        struct entry **heap = realloc(q->heap, cap * sizeof(struct entry *));

        if (!heap)
            return TARN_E_NOMEM;
        q->heap = heap;
        q->heap_cap = cap;
    }
    e->due_ms = due_ms;
    rise(q, e, q->nheap++);
    return 0;
}

static struct entry *take_earliest(struct tarn_work_queue *q)
{
    struct entry *e = q->heap[0];

    q->nheap--;
    if (q->nheap)
        sink(q, q->heap[q->nheap], 0);
    e->at = NOT_DELAYED;
    return e;
}

/* ---- those that wait ----------------------------------------------------------------------------------------- */

static void append(struct tarn_work_queue *q, struct entry *e)
{
    e->next = NULL;
    *q->last = e;
    q->last = &e->next;
    q->waiting++;
    tarn_cond_signal(&q->changed);
}

static struct entry *take_first(struct tarn_work_queue *q)
{
    struct entry *e = q->first;

    q->first = e->next;
    if (!q->first)
        q->last = &q->first;
    q->waiting--;
    return e;
}

static void make_dirty(struct tarn_work_queue *q, struct entry *e)
{
    if (e->dirty)
        return;
    e->dirty = true;
    if (!e->in_work)
        append(q, e);
}

static uint64_t now(const struct tarn_work_queue *q)
{
    return tarn_now_ms(q->o.rt);
}

/* What was delayed and is due waits from now on. */
static void collect_due(struct tarn_work_queue *q)
{
    uint64_t at = now(q);

    while (q->nheap && q->heap[0]->due_ms <= at)
        make_dirty(q, take_earliest(q));
}

/* ---- adding ---------------------------------------------------------------------------------------------------- */

/* Under the lock. */
static int add_after(struct tarn_work_queue *q, struct tarn_bytes key, uint64_t delay_ms)
{
    struct entry *e;
    int rc = 0;

    if (q->shut_down)
        return TARN_E_CLOSED;
    e = obtain(q, key);
    if (!e)
        return TARN_E_NOMEM;
    if (delay_ms)
        rc = delay(q, e, now(q) + delay_ms);
    else
        make_dirty(q, e);
    if (rc)
        settle(q, e);
    else if (delay_ms && q->heap[0] == e)
        tarn_cond_broadcast(&q->changed); /* whoever sleeps until the one that was earliest */
    return rc;
}

int tarn_work_queue_add_after(struct tarn_work_queue *q, struct tarn_bytes key, uint64_t delay_ms)
{
    int rc;

    tarn_mutex_lock(&q->lock);
    rc = add_after(q, key, delay_ms);
    tarn_mutex_unlock(&q->lock);
    return rc;
}

int tarn_work_queue_add(struct tarn_work_queue *q, struct tarn_bytes key)
{
    return tarn_work_queue_add_after(q, key, 0);
}

static uint64_t backoff(const struct tarn_work_queue *q, uint32_t failures)
{
    /* base * 2^failures > max, asked without overflow */
    if (failures >= 63 || q->o.base_ms > q->o.max_ms >> failures)
        return q->o.max_ms;
    return q->o.base_ms << failures;
}

int tarn_work_queue_add_rate_limited(struct tarn_work_queue *q, struct tarn_bytes key)
{
    uint64_t wait = 0, of_key;
    struct entry *e;
    int rc;

    tarn_mutex_lock(&q->lock);
    e = obtain(q, key);
    if (!e) {
        tarn_mutex_unlock(&q->lock);
        return TARN_E_NOMEM;
    }
    of_key = backoff(q, e->failures);
    if (e->failures < UINT32_MAX)
        e->failures++;
    wait = tarn_rate_reserve(&q->rate, now(q));
    rc = add_after(q, key, of_key > wait ? of_key : wait);
    tarn_mutex_unlock(&q->lock);
    return rc;
}

void tarn_work_queue_forget(struct tarn_work_queue *q, struct tarn_bytes key)
{
    struct entry *e;

    tarn_mutex_lock(&q->lock);
    e = find(q, key);
    if (e) {
        e->failures = 0;
        settle(q, e);
    }
    tarn_mutex_unlock(&q->lock);
}

uint32_t tarn_work_queue_failures(struct tarn_work_queue *q, struct tarn_bytes key)
{
    const struct entry *e;
    uint32_t n;

    tarn_mutex_lock(&q->lock);
    e = find(q, key);
    n = e ? e->failures : 0;
    tarn_mutex_unlock(&q->lock);
    return n;
}

/* ---- working ----------------------------------------------------------------------------------------------------- */

/* Under the lock: 0, TARN_E_AGAIN, TARN_E_CLOSED or TARN_E_NOMEM. */
static int take(struct tarn_work_queue *q, struct tarn_buf *ret)
{
    struct entry *e;
    int rc;

    collect_due(q);
    if (!q->waiting)
        return q->shut_down ? TARN_E_CLOSED : TARN_E_AGAIN;
    tarn_buf_clear(ret);
    rc = tarn_buf_add(ret, q->first->key, q->first->len);
    if (rc)
        return rc;
    e = take_first(q);
    e->dirty = false;
    e->in_work = true;
    q->in_work++;
    return 0;
}

int tarn_work_queue_try_get(struct tarn_work_queue *q, struct tarn_buf *ret)
{
    int rc;

    tarn_mutex_lock(&q->lock);
    rc = take(q, ret);
    tarn_mutex_unlock(&q->lock);
    return rc;
}

int tarn_work_queue_get(struct tarn_work_queue *q, struct tarn_buf *ret)
{
    int rc;

    tarn_mutex_lock(&q->lock);
    while ((rc = take(q, ret)) == TARN_E_AGAIN) {
        uint64_t at = now(q);

        if (!q->nheap)
            tarn_cond_wait(&q->changed, &q->lock);
        else if (q->heap[0]->due_ms > at)
            (void)tarn_cond_wait_for(&q->changed, &q->lock, q->heap[0]->due_ms - at);
    }
    if (!rc && q->waiting) /* several became due at once: the next one's signal may have come to us */
        tarn_cond_signal(&q->changed);
    tarn_mutex_unlock(&q->lock);
    return rc;
}

uint64_t tarn_work_queue_deadline_ms(struct tarn_work_queue *q)
{
    uint64_t at;

    tarn_mutex_lock(&q->lock);
    at = q->waiting ? 0 : q->nheap ? q->heap[0]->due_ms : UINT64_MAX;
    tarn_mutex_unlock(&q->lock);
    return at;
}

void tarn_work_queue_done(struct tarn_work_queue *q, struct tarn_bytes key)
{
    struct entry *e;

    tarn_mutex_lock(&q->lock);
    e = find(q, key);
    if (e && e->in_work) {
        e->in_work = false;
        q->in_work--;
        if (e->dirty)
            append(q, e);
        else
            settle(q, e);
        if (!q->in_work)
            tarn_cond_broadcast(&q->idle);
    }
    tarn_mutex_unlock(&q->lock);
}

size_t tarn_work_queue_len(struct tarn_work_queue *q)
{
    size_t n;

    tarn_mutex_lock(&q->lock);
    collect_due(q);
    n = q->waiting;
    tarn_mutex_unlock(&q->lock);
    return n;
}

/* ---- the end ------------------------------------------------------------------------------------------------------- */

static void shut_down(struct tarn_work_queue *q, bool drain)
{
    tarn_mutex_lock(&q->lock);
    q->shut_down = true;
    q->draining = drain;
    while (q->nheap)
        settle(q, take_earliest(q));
    tarn_cond_broadcast(&q->changed);
    tarn_cond_broadcast(&q->idle); /* another drain that this call may end */
    while (q->draining && q->in_work)
        tarn_cond_wait(&q->idle, &q->lock);
    tarn_mutex_unlock(&q->lock);
}

void tarn_work_queue_shut_down(struct tarn_work_queue *q)
{
    shut_down(q, false);
}

void tarn_work_queue_shut_down_with_drain(struct tarn_work_queue *q)
{
    shut_down(q, true);
}

bool tarn_work_queue_is_shut_down(struct tarn_work_queue *q)
{
    bool is;

    tarn_mutex_lock(&q->lock);
    is = q->shut_down;
    tarn_mutex_unlock(&q->lock);
    return is;
}

/* ---- life ------------------------------------------------------------------------------------------------------------ */

int tarn_work_queue_new(const struct tarn_work_queue_options *o, struct tarn_work_queue **ret)
{
    struct tarn_work_queue *q = calloc(1, sizeof *q);

    if (!q)
        return TARN_E_NOMEM;
    if (o)
        q->o = *o;
    q->o.rt = q->o.rt ? q->o.rt : tarn_runtime_posix();
    q->o.base_ms = q->o.base_ms ? q->o.base_ms : BASE_MS;
    q->o.max_ms = q->o.max_ms ? q->o.max_ms : MAX_MS;
    q->rate.per_second = q->o.per_second ? q->o.per_second : PER_SECOND;
    q->rate.burst = q->o.burst ? q->o.burst : BURST;
    q->last = &q->first;
    tarn_mutex_init(&q->lock);
    tarn_cond_init(&q->changed);
    tarn_cond_init(&q->idle);
    *ret = q;
    return 0;
}

void tarn_work_queue_free(struct tarn_work_queue *q)
{
    if (!q)
        return;
    for (size_t i = 0; i < q->entries.cap; i++)
        free((void *)(uintptr_t)q->entries.slots[i].p);
    tarn_map_release(&q->entries);
    free(q->heap);
    tarn_cond_release(&q->changed);
    tarn_cond_release(&q->idle);
    tarn_mutex_release(&q->lock);
    free(q);
}
