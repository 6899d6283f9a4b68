/* fifo.c - FIFO: a map of keys to their newest objects, and a ring of the places where they wait.
 *
 * A key has a node while it has an object or stands anywhere in the ring. Deleting takes the object and leaves the place; a pop that
 * finds a node without object passes it over. A key deleted and added again stands twice, and the first place serves it (F-3).
 * A node that has neither is idle and stays, for its key will likely come again; the idle ones go when the map is full of them.
 */
#include <tarn/fifo.h>

#include <tarn/key.h>

#include "map.h"
#include "queue_state.h"
#include "ring.h"

struct node {
    const struct tarn_object *obj; /* owned; NULL: only places are left */
    uint32_t places;               /* in the ring */
    uint32_t klen;
    char key[];
};

struct items {
    struct tarn_map map;   /* key → node */
    struct tarn_ring ring; /* of struct node * */
    size_t n;              /* nodes with an object */
    size_t idle;           /* nodes with neither object nor place */
};

struct tarn_fifo {
    struct tarn_queue base; /* first */
    struct tarn_queue_state state;
    struct tarn_key_func key;
    struct items items;  /* under state.lock */
    struct items staged; /* of the one who is replacing */
};

static struct tarn_fifo *of(struct tarn_store *s)
{
    return (struct tarn_fifo *)s;
}

static struct tarn_fifo *of_queue(struct tarn_queue *q)
{
    return (struct tarn_fifo *)q;
}

/* ---- nodes ------------------------------------------------------------------------------------- */

static struct tarn_bytes node_key(const void *ctx, const struct tarn_map_slot *s)
{
    const struct node *n = s->p;

    (void)ctx;
    return (struct tarn_bytes){n->key, n->klen};
}

static const struct tarn_map_keys by_key = {.key_of = node_key};

static struct node *node_find(const struct items *items, struct tarn_bytes key)
{
    struct tarn_map_slot *s = tarn_map_find(&items->map, tarn_map_hash(&items->map, key), key, by_key);

    return s ? (struct node *)(uintptr_t)s->p : NULL;
}

static bool is_unused(const struct node *n)
{
    return !n->obj && !n->places;
}

static void sweep_idle(struct items *items)
{
    struct tarn_map *m = &items->map;

    for (size_t i = 0; i < m->cap;) {
        struct node *n = (struct node *)(uintptr_t)m->slots[i].p;

        if (n && is_unused(n)) {
            tarn_map_remove(m, &m->slots[i]); /* a follower may come here: look at i again */
            free(n);
        } else {
            i++;
        }
    }
    items->idle = 0;
}

/* Room for a node. A full map sweeps where that gives it half its room back, so both sweeping and growing are rare. */
static int map_room(struct items *items)
{
    if (items->map.n >= items->map.cap / 4 * 3 && items->idle > items->map.n / 2)
        sweep_idle(items);
    return tarn_map_reserve(&items->map, items->map.n + 1);
}

static struct node *node_new(struct items *items, struct tarn_bytes key)
{
    struct node *n;

    if (key.len > UINT32_MAX || map_room(items))
        return NULL;
    n = malloc(sizeof *n + key.len);
    if (!n)
        return NULL;
    *n = (struct node){.klen = (uint32_t)key.len};
    if (key.len)
        memcpy(n->key, key.data, key.len);
    tarn_map_put(&items->map, tarn_map_hash(&items->map, key), n, 0);
    return n;
}

/* n has lost its object or a place. */
static void node_rest_if_unused(struct items *items, const struct node *n)
{
    items->idle += is_unused(n);
}

/* Give n an object (owned) and, if it had none, a place at the end; room in the ring is there. */
static void node_fill(struct items *items, struct node *n, const struct tarn_object *obj)
{
    if (!n->obj) {
        tarn_ring_push(&items->ring, &n);
        n->places++;
        items->n++;
    }
    n->obj = obj;
}

static void items_release(struct items *items)
{
    for (size_t i = 0; i < items->map.cap; i++) {
        struct node *n = (struct node *)(uintptr_t)items->map.slots[i].p;

        if (n)
            tarn_object_unref(n->obj);
        free(n);
    }
    tarn_map_release(&items->map);
    tarn_ring_release(&items->ring);
    items->n = items->idle = 0;
}

/* Put obj (owned, taken over on success) under key. *ret_old: what it replaces, now the caller's. 0 or TARN_E_NOMEM. */
static int items_put(struct items *items, struct tarn_bytes key, const struct tarn_object *obj,
                     const struct tarn_object **ret_old)
{
    struct node *n;

    if (tarn_ring_reserve(&items->ring, 1))
        return TARN_E_NOMEM;
    n = node_find(items, key);
    if (n)
        items->idle -= is_unused(n);
    else
        n = node_new(items, key);
    if (!n)
        return TARN_E_NOMEM;
    *ret_old = n->obj;
    node_fill(items, n, obj);
    return 0;
}

/* ---- putting in ---------------------------------------------------------------------------------- */

static int nomem(struct tarn_error *err)
{
    return tarn_error_set(err, TARN_E_NOMEM, "no memory to queue an object; the queue is as before");
}

static int put(struct tarn_fifo *f, const struct tarn_object *obj, bool only_if_absent, struct tarn_error *err)
{
    const struct tarn_object *own = tarn_object_ref(obj), *old = NULL;
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    int code = own ? tarn_key_of(&f->key, own, &scratch, &key, err) : nomem(err);

    if (!code) {
        const struct node *n;

        tarn_mutex_lock(&f->state.lock);
        n = only_if_absent ? node_find(&f->items, key) : NULL;
        if (n && n->obj)
            old = own;
        else
            code = items_put(&f->items, key, own, &old);
        if (!code) {
            tarn_queue_state_populate(&f->state, 0);
            tarn_cond_signal(&f->state.filled);
            tarn_queue_state_tell(&f->state);
        }
        tarn_mutex_unlock(&f->state.lock);
        if (code)
            nomem(err);
    }
    tarn_object_unref(code ? own : old);
    tarn_buf_release(&scratch);
    return code;
}

static int fifo_add(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    return put(of(s), obj, false, err);
}

int tarn_fifo_add_if_not_present(struct tarn_fifo *f, const struct tarn_object *obj, struct tarn_error *err)
{
    return put(f, obj, true, err);
}

static int fifo_del(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    struct tarn_fifo *f = of(s);
    const struct tarn_object *old = NULL;
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    int code = tarn_key_of(&f->key, obj, &scratch, &key, err);

    if (!code) {
        struct node *n;

        tarn_mutex_lock(&f->state.lock);
        n = node_find(&f->items, key);
        if (n && n->obj) {
            old = n->obj;
            n->obj = NULL; /* its place stays (F-2) */
            f->items.n--;
        }
        tarn_queue_state_populate(&f->state, 0);
        tarn_queue_state_tell(&f->state);
        tarn_mutex_unlock(&f->state.lock);
    }
    tarn_object_unref(old);
    tarn_buf_release(&scratch);
    return code;
}

static int fifo_replace_begin(struct tarn_store *s, struct tarn_error *err)
{
    (void)err;
    tarn_baton_take(&of(s)->state.replacing);
    return 0;
}

static int fifo_replace_add(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    const struct tarn_object *own = tarn_object_ref(obj), *old = NULL;
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    int code = own ? tarn_key_of(&of(s)->key, own, &scratch, &key, err) : nomem(err);

    if (!code && (code = items_put(&of(s)->staged, key, own, &old)))
        nomem(err);
    tarn_object_unref(code ? own : old);
    tarn_buf_release(&scratch);
    return code;
}

static void fifo_replace_abort(struct tarn_store *s)
{
    items_release(&of(s)->staged);
    tarn_baton_give(&of(s)->state.replacing);
}

static int fifo_replace_commit(struct tarn_store *s, struct tarn_bytes resource_version, struct tarn_error *err)
{
    struct tarn_fifo *f = of(s);
    struct items old;

    (void)resource_version;
    (void)err;
    tarn_mutex_lock(&f->state.lock);
    old = f->items;
    f->items = f->staged;
    f->staged = old;
    tarn_queue_state_populate(&f->state, f->items.n);
    tarn_cond_broadcast(&f->state.filled);
    tarn_queue_state_tell(&f->state);
    tarn_mutex_unlock(&f->state.lock);
    fifo_replace_abort(s); /* what is staged now is what was there before */
    return 0;
}

static int fifo_resync(struct tarn_store *s, struct tarn_error *err)
{
    (void)s;
    (void)err;
    return 0; /* F-14 queues what has an object and no place: here there is none such */
}

/* ---- taking out ------------------------------------------------------------------------------------ */

static void prefetch_ahead(const struct items *items)
{
    const struct node *n;

    if (items->ring.n > 2 * TARN_QUEUE_AHEAD)
        __builtin_prefetch(*(struct node **)tarn_ring_at(&items->ring, 2 * TARN_QUEUE_AHEAD), 1);
    if (items->ring.n <= TARN_QUEUE_AHEAD)
        return;
    n = *(struct node **)tarn_ring_at(&items->ring, TARN_QUEUE_AHEAD);
    if (n->obj)
        tarn_queue_prefetch_object(n->obj);
}

/* The next node that has an object, with that object taken (owned by the caller); waits. NULL: closed and drained. */
static struct node *take(struct tarn_fifo *f, const struct tarn_object **ret_obj, bool *ret_initial)
{
    struct items *items = &f->items;

    for (;;) {
        struct node *n;

        while (items->ring.n == 0) {
            if (f->state.closed)
                return NULL;
            tarn_cond_wait(&f->state.filled, &f->state.lock);
        }
        *ret_initial = !tarn_queue_state_synced(&f->state);
        prefetch_ahead(items);
        n = *(struct node **)tarn_ring_at(&items->ring, 0);
        tarn_ring_drop(&items->ring, 1);
        n->places--;
        tarn_queue_state_passed(&f->state, 1); /* a place passed over counts too (F-7) */
        if (n->obj) {
            *ret_obj = n->obj;
            n->obj = NULL;
            items->n--;
            return n;
        }
        node_rest_if_unused(items, n);
        tarn_queue_state_tell(&f->state);
    }
}

static int closed(struct tarn_error *err)
{
    return tarn_error_set(err, TARN_E_CLOSED, "%s", tarn_strerror(TARN_E_CLOSED));
}

static int fifo_queue_pop(struct tarn_queue *q, const struct tarn_process *process, struct tarn_error *err)
{
    struct tarn_fifo *f = of_queue(q);
    const struct tarn_object *obj = NULL;
    struct node *n;
    bool initial, requeue;
    int code;

    tarn_mutex_lock(&f->state.lock);
    n = take(f, &obj, &initial);
    if (!n) {
        tarn_mutex_unlock(&f->state.lock);
        return closed(err);
    }
    code = tarn_queue_state_run(&f->state, process,
                                &(struct tarn_deltas){.v = &(struct tarn_delta){.type = TARN_DELTA_SYNC, .obj = obj}, .n = 1},
                                initial, f->items.ring.n, &requeue, err);
    if (requeue) {
        tarn_queue_state_populate(&f->state, 0);
        node_fill(&f->items, n, obj); /* the place just taken is free: there is room */
        tarn_cond_signal(&f->state.filled);
        obj = NULL;
    } else {
        node_rest_if_unused(&f->items, n);
    }
    tarn_queue_state_tell(&f->state);
    tarn_mutex_unlock(&f->state.lock);
    tarn_object_unref(obj);
    return code;
}

static int fifo_pop_batch(struct tarn_queue *q, const struct tarn_process *batch, const struct tarn_process *single,
                          struct tarn_error *err)
{
    (void)batch;
    return fifo_queue_pop(q, single, err);
}

int tarn_fifo_pop(struct tarn_fifo *f, const struct tarn_object **ret, struct tarn_error *err)
{
    const struct tarn_object *obj = NULL;
    struct node *n;
    bool initial;

    tarn_mutex_lock(&f->state.lock);
    n = take(f, &obj, &initial);
    if (n) {
        node_rest_if_unused(&f->items, n);
        tarn_queue_state_tell(&f->state);
    }
    tarn_mutex_unlock(&f->state.lock);
    if (!n)
        return closed(err);
    *ret = obj;
    return 0;
}

static bool fifo_has_synced(struct tarn_queue *q)
{
    return tarn_queue_state_has_synced(&of_queue(q)->state);
}

static void fifo_close(struct tarn_queue *q)
{
    tarn_queue_state_close(&of_queue(q)->state);
}

static bool fifo_is_closed(struct tarn_queue *q)
{
    return tarn_queue_state_is_closed(&of_queue(q)->state);
}

static size_t fifo_count(struct tarn_queue *q)
{
    struct tarn_fifo *f = of_queue(q);
    size_t n;

    tarn_mutex_lock(&f->state.lock);
    n = f->items.n;
    tarn_mutex_unlock(&f->state.lock);
    return n;
}

/* ---- looking ------------------------------------------------------------------------------------------ */

static int fifo_get_by_key(struct tarn_store *s, struct tarn_bytes key, const struct tarn_object **ret,
                           struct tarn_error *err)
{
    struct tarn_fifo *f = of(s);
    const struct tarn_object *obj;
    const struct node *n;

    (void)err;
    tarn_mutex_lock(&f->state.lock);
    n = node_find(&f->items, key);
    obj = n ? tarn_object_ref(n->obj) : NULL;
    tarn_mutex_unlock(&f->state.lock);
    if (!obj)
        return TARN_E_NOTFOUND;
    *ret = obj;
    return 0;
}

static int fifo_get(struct tarn_store *s, const struct tarn_object *obj, const struct tarn_object **ret,
                    struct tarn_error *err)
{
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    int code = tarn_key_of(&of(s)->key, obj, &scratch, &key, err);

    if (!code)
        code = fifo_get_by_key(s, key, ret, err);
    tarn_buf_release(&scratch);
    return code;
}

static int fifo_list(struct tarn_store *s, struct tarn_objects *ret)
{
    struct tarn_fifo *f = of(s);
    int err = 0;

    tarn_mutex_lock(&f->state.lock);
    for (size_t i = 0; !err && i < f->items.map.cap; i++) {
        const struct node *n = f->items.map.slots[i].p;

        if (n && n->obj && (err = tarn_objects_add(ret, tarn_object_ref(n->obj))))
            tarn_object_unref(n->obj);
    }
    tarn_mutex_unlock(&f->state.lock);
    if (err)
        tarn_objects_release(ret);
    return err;
}

static int fifo_list_keys(struct tarn_store *s, struct tarn_keys *ret)
{
    struct tarn_fifo *f = of(s);
    int err = 0;

    tarn_mutex_lock(&f->state.lock);
    for (size_t i = 0; !err && i < f->items.map.cap; i++) {
        const struct node *n = f->items.map.slots[i].p;

        if (n && n->obj)
            err = tarn_keys_add(ret, (struct tarn_bytes){n->key, n->klen});
    }
    tarn_mutex_unlock(&f->state.lock);
    if (err)
        tarn_keys_release(ret);
    return err;
}

/* ---- life ------------------------------------------------------------------------------------------------ */

static void fifo_free(struct tarn_store *s)
{
    struct tarn_fifo *f = of(s);

    items_release(&f->items);
    items_release(&f->staged);
    tarn_queue_state_release(&f->state);
    free(f);
}

static const struct tarn_store_ops store_ops = {
    .add = fifo_add,
    .update = fifo_add,
    .del = fifo_del,
    .get = fifo_get,
    .get_by_key = fifo_get_by_key,
    .list = fifo_list,
    .list_keys = fifo_list_keys,
    .replace_begin = fifo_replace_begin,
    .replace_add = fifo_replace_add,
    .replace_commit = fifo_replace_commit,
    .replace_abort = fifo_replace_abort,
    .resync = fifo_resync,
    .free = fifo_free,
};

static const struct tarn_queue_ops queue_ops = {
    .pop = fifo_queue_pop,
    .pop_batch = fifo_pop_batch,
    .has_synced = fifo_has_synced,
    .close = fifo_close,
    .is_closed = fifo_is_closed,
    .count = fifo_count,
};

int tarn_fifo_new(const struct tarn_fifo_options *o, struct tarn_fifo **ret, struct tarn_error *err)
{
    static const struct tarn_fifo_options defaults;
    struct tarn_fifo *f = calloc(1, sizeof *f);

    if (!f)
        return tarn_error_set(err, TARN_E_NOMEM, "no memory for a queue");
    o = o ? o : &defaults;
    f->base = (struct tarn_queue){.store = {.ops = &store_ops}, .ops = &queue_ops};
    f->key = o->key.fn ? o->key : tarn_key_func_meta_namespace();
    f->items.ring.size = f->staged.ring.size = sizeof(struct node *);
    tarn_queue_state_init(&f->state, &o->watch);
    *ret = f;
    return 0;
}

struct tarn_queue *tarn_fifo_queue(struct tarn_fifo *f)
{
    return &f->base;
}
