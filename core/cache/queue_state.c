/* queue_state.c - see queue_state.h; and the small parts of <tarn/queue.h>. */
#include "queue_state.h"

#define SLOW_DEPTH 10  /* D-11, Q-11: client-go's figures */
#define SLOW_MS 100
#define SLOW_BATCH_MS 1000

void tarn_queue_state_init(struct tarn_queue_state *q, const struct tarn_queue_watch *watch)
{
    *q = (struct tarn_queue_state){.watch = *watch};
    tarn_mutex_init(&q->lock);
    tarn_cond_init(&q->filled);
    tarn_baton_init(&q->replacing);
}

void tarn_queue_state_release(struct tarn_queue_state *q)
{
    tarn_mutex_release(&q->lock);
    tarn_cond_release(&q->filled);
    tarn_baton_release(&q->replacing);
}

void tarn_queue_state_tell(struct tarn_queue_state *q)
{
    if (q->told || !tarn_queue_state_synced(q))
        return;
    q->told = true;
    if (q->watch.synced)
        q->watch.synced(q->watch.ctx);
}

static uint64_t slow_after_ms(size_t elements)
{
    return elements * SLOW_MS < SLOW_BATCH_MS ? elements * SLOW_MS : SLOW_BATCH_MS;
}

/* The key that a trace names the pop by. */
static struct tarn_bytes key_of(const struct tarn_deltas *deltas)
{
    const struct tarn_delta *d = tarn_deltas_oldest(deltas);

    return d && d->obj ? tarn_object_key(d->obj) : (struct tarn_bytes){0};
}

static int run_watched(struct tarn_queue_state *q, const struct tarn_process *process, const struct tarn_deltas *deltas,
                       bool in_initial_list, size_t depth, struct tarn_error *err)
{
    uint64_t started = tarn_now_ms(q->watch.rt), took;
    int code = process->fn(process->ctx, deltas, in_initial_list, err);

    took = tarn_now_ms(q->watch.rt) - started;
    if (took > slow_after_ms(deltas->n))
        q->watch.slow_pop(q->watch.ctx, key_of(deltas), depth, took);
    return code;
}

int tarn_queue_state_run(struct tarn_queue_state *q, const struct tarn_process *process, const struct tarn_deltas *deltas,
                         bool in_initial_list, size_t depth, bool *ret_requeue, struct tarn_error *err)
{
    struct tarn_error own;
    int code;

    *ret_requeue = false;
    if (!process || !process->fn)
        return 0;
    err = err ? err : &own;
    err->code = 0;
    err->message[0] = 0;
    if (q->watch.slow_pop && q->watch.rt && depth > SLOW_DEPTH)
        code = run_watched(q, process, deltas, in_initial_list, depth, err);
    else
        code = process->fn(process->ctx, deltas, in_initial_list, err);
    *ret_requeue = code == TARN_E_REQUEUE;
    return *ret_requeue ? err->code : code;
}

bool tarn_queue_state_has_synced(struct tarn_queue_state *q)
{
    bool synced;

    tarn_mutex_lock(&q->lock);
    synced = tarn_queue_state_synced(q);
    tarn_mutex_unlock(&q->lock);
    return synced;
}

void tarn_queue_state_close(struct tarn_queue_state *q)
{
    tarn_mutex_lock(&q->lock);
    q->closed = true;
    tarn_cond_broadcast(&q->filled);
    tarn_mutex_unlock(&q->lock);
}

bool tarn_queue_state_is_closed(struct tarn_queue_state *q)
{
    bool closed;

    tarn_mutex_lock(&q->lock);
    closed = q->closed;
    tarn_mutex_unlock(&q->lock);
    return closed;
}

/* ---- <tarn/queue.h> ------------------------------------------------------------------------- */

const char *tarn_delta_type_name(enum tarn_delta_type type)
{
    static const char *const names[] = {"Added", "Updated",     "Deleted", "Replaced",
                                        "Sync",  "ReplacedAll", "SyncAll", "Bookmark"};

    return (size_t)type < sizeof names / sizeof *names ? names[type] : "?";
}

static int store_list_keys(void *ctx, struct tarn_keys *ret)
{
    return tarn_store_list_keys(ctx, ret);
}

static int store_get_by_key(void *ctx, struct tarn_bytes key, const struct tarn_object **ret)
{
    return tarn_store_get_by_key(ctx, key, ret, NULL);
}

struct tarn_known_objects tarn_known_objects_of(struct tarn_store *s)
{
    return (struct tarn_known_objects){.list_keys = store_list_keys, .get_by_key = store_get_by_key, .ctx = s};
}
