/* delta_fifo.c - DeltaFIFO: which deltas an operation queues, over the items of delta_items.h.
 *
 * What changes several keys at once (Replace, Resync) is first planned as a whole, so it happens or it does not.
 */
#include <tarn/delta_fifo.h>

#include <tarn/key.h>

#include "delta_items.h"
#include "queue_state.h"

struct tarn_delta_fifo {
    struct tarn_queue base; /* first */
    struct tarn_queue_state state;
    struct tarn_key_func key;
    struct tarn_known_objects known;
    struct tarn_transform transform;
    bool emit_replaced;
    struct tarn_delta_items items; /* under state.lock */
    struct tarn_keys staged_keys; /* of the one who is replacing: keys[i] is that of objs[i] */
    struct tarn_objects staged;
};

static struct tarn_delta_fifo *of(struct tarn_store *s)
{
    return (struct tarn_delta_fifo *)s;
}

static struct tarn_delta_fifo *of_queue(struct tarn_queue *q)
{
    return (struct tarn_delta_fifo *)q;
}

/* ---- keys and transforms ----------------------------------------------------------------------------- */

int tarn_delta_fifo_key_of(struct tarn_delta_fifo *f, const struct tarn_object *obj, struct tarn_buf *scratch,
                           struct tarn_bytes *ret, struct tarn_error *err)
{
    if (!tarn_delta_is_tombstone(obj))
        return tarn_key_of(&f->key, obj, scratch, ret, err);
    *ret = tarn_object_key(obj);
    return 0;
}

int tarn_delta_fifo_key_of_deltas(struct tarn_delta_fifo *f, const struct tarn_deltas *deltas, struct tarn_buf *scratch,
                                  struct tarn_bytes *ret, struct tarn_error *err)
{
    const struct tarn_delta *newest = tarn_deltas_newest(deltas);

    if (!newest)
        return tarn_error_set(err, TARN_E_KEY, "couldn't create key for object: 0 length Deltas object; can't get key");
    if (!newest->obj)
        return tarn_error_set(err, TARN_E_NOT_DELTAS, "a %s delta has no object and no key",
                              tarn_delta_type_name(newest->type));
    return tarn_delta_fifo_key_of(f, newest->obj, scratch, ret, err);
}

static int nomem(struct tarn_error *err)
{
    return tarn_error_set(err, TARN_E_NOMEM, "no memory to queue an object; the queue is as before");
}

/* What is queued for obj: an owned reference (D-10). */
static int transformed(const struct tarn_transform *t, const struct tarn_object *obj, const struct tarn_object **ret,
                       struct tarn_error *err)
{
    struct tarn_error why;
    int code = 0;

    why.code = 0; /* not all of it: this runs for every object */
    if (t->fn && !tarn_delta_is_tombstone(obj))
        code = t->fn(t->ctx, obj, ret, &why);
    else if (!(*ret = tarn_object_ref(obj)))
        return nomem(err);
    if (code)
        return tarn_error_set(err, TARN_E_TRANSFORM, "couldn't enqueue object: %.400s",
                              why.code ? why.message : tarn_strerror(code));
    return 0;
}

/* ---- one delta ------------------------------------------------------------------------------------------ */

/* The lock is held. Add and Update count as populating even if they fail (D-3). */
static int put_locked(struct tarn_delta_fifo *f, enum tarn_delta_type type, const struct tarn_object *obj,
                      struct tarn_error *err)
{
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    const struct tarn_object *own = NULL;
    int code;

    tarn_queue_state_populate(&f->state, 0);
    tarn_queue_state_tell(&f->state);
    code = tarn_delta_fifo_key_of(f, obj, &scratch, &key, err);
    if (!code)
        code = transformed(&f->transform, obj, &own, err);
    if (!code && (code = tarn_delta_items_add(&f->items, key, (struct tarn_delta){.type = type, .obj = own}))) {
        tarn_object_unref(own);
        nomem(err);
    }
    if (!code)
        tarn_cond_signal(&f->state.filled);
    tarn_buf_release(&scratch);
    return code;
}

static int put(struct tarn_delta_fifo *f, enum tarn_delta_type type, const struct tarn_object *obj, struct tarn_error *err)
{
    int code;

    tarn_mutex_lock(&f->state.lock);
    code = put_locked(f, type, obj, err);
    tarn_mutex_unlock(&f->state.lock);
    return code;
}

static int delta_add(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    return put(of(s), TARN_DELTA_ADDED, obj, err);
}

static int delta_update(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    return put(of(s), TARN_DELTA_UPDATED, obj, err);
}

/* D-5: whether a Deleted for key would tell anybody anything. A failing lookup counts as known. */
static bool worth_deleting(struct tarn_delta_fifo *f, struct tarn_bytes key)
{
    const struct tarn_object *known;
    int err;

    if (tarn_delta_items_find(&f->items, key))
        return true;
    if (!f->known.get_by_key)
        return false;
    err = f->known.get_by_key(f->known.ctx, key, &known);
    if (!err)
        tarn_object_unref(known);
    return err != TARN_E_NOTFOUND;
}

static int delta_del(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    struct tarn_delta_fifo *f = of(s);
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    int code = tarn_delta_fifo_key_of(f, obj, &scratch, &key, err);

    if (!code) {
        tarn_mutex_lock(&f->state.lock);
        if (worth_deleting(f, key))
            code = put_locked(f, TARN_DELTA_DELETED, obj, err);
        tarn_queue_state_populate(&f->state, 0);
        tarn_queue_state_tell(&f->state);
        tarn_mutex_unlock(&f->state.lock);
    }
    tarn_buf_release(&scratch);
    return code;
}

/* ---- Replace (D-6) ------------------------------------------------------------------------------------------- */

static int delta_replace_begin(struct tarn_store *s, struct tarn_error *err)
{
    (void)err;
    tarn_baton_take(&of(s)->state.replacing);
    return 0;
}

static void staged_clear(struct tarn_delta_fifo *f)
{
    tarn_objects_release(&f->staged);
    tarn_keys_release(&f->staged_keys);
}

static void delta_replace_abort(struct tarn_store *s)
{
    staged_clear(of(s));
    tarn_baton_give(&of(s)->state.replacing);
}

static int apply(struct tarn_delta_fifo *f, struct tarn_delta_plan *p)
{
    int err = tarn_delta_plan_apply(&f->items, p);

    if (!err)
        tarn_cond_broadcast(&f->state.filled);
    return err;
}

/* (1) What is in the list. */
static int plan_staged(struct tarn_delta_fifo *f, struct tarn_delta_plan *p)
{
    enum tarn_delta_type type = f->emit_replaced ? TARN_DELTA_REPLACED : TARN_DELTA_SYNC;
    int err = 0;

    for (size_t i = 0; !err && i < f->staged.n; i++) {
        err = tarn_delta_plan_put(&f->items, p, f->staged_keys.v[i],
                       (struct tarn_delta){.type = type, .obj = tarn_object_ref(f->staged.v[i])});
        if (err)
            tarn_object_unref(f->staged.v[i]);
    }
    return err;
}

/* (2) What is queued and not in the list. A tombstone's last state is unwrapped, not nested. */
static int plan_queued_deletions(struct tarn_delta_fifo *f, struct tarn_delta_plan *p)
{
    int err = 0;

    for (size_t i = 0; !err && i < f->items.ring.n; i++) {
        struct tarn_delta_node *n = tarn_delta_items_at(&f->items, i);
        const struct tarn_object *state = n->v[n->n - 1].obj;

        if (n->planned == 0)
            err = tarn_delta_plan_tombstone(&f->items, p, tarn_delta_node_key(n), tarn_delta_is_tombstone(state) ? tarn_object_final_state(state) : state);
    }
    return err;
}

/* (3) What is known, and neither queued nor in the list: now every key that is has a node. */
static int plan_known_deletions(struct tarn_delta_fifo *f, struct tarn_delta_plan *p)
{
    struct tarn_keys keys = {0};
    int err = f->known.list_keys ? f->known.list_keys(f->known.ctx, &keys) : 0;

    for (size_t i = 0; !err && i < keys.n; i++) {
        const struct tarn_object *state = NULL;

        if (tarn_delta_items_find(&f->items, keys.v[i]))
            continue;
        if (f->known.get_by_key(f->known.ctx, keys.v[i], &state))
            state = NULL; /* a tombstone without a state */
        err = tarn_delta_plan_tombstone(&f->items, p, keys.v[i], state);
        tarn_object_unref(state);
    }
    tarn_keys_release(&keys);
    return err;
}

static int replace_locked(struct tarn_delta_fifo *f)
{
    struct tarn_delta_plan p = {0};
    int err = plan_staged(f, &p);

    if (!err)
        err = plan_queued_deletions(f, &p);
    if (!err)
        err = plan_known_deletions(f, &p);
    if (err) {
        tarn_delta_plan_cancel(&f->items, &p);
        return err;
    }
    err = apply(f, &p);
    if (!err) {
        tarn_queue_state_populate(&f->state, p.keys); /* (4) */
        tarn_queue_state_tell(&f->state);
    }
    return err;
}

static int delta_replace_commit(struct tarn_store *s, struct tarn_bytes resource_version, struct tarn_error *err)
{
    struct tarn_delta_fifo *f = of(s);
    int code;

    (void)resource_version;
    tarn_mutex_lock(&f->state.lock);
    code = replace_locked(f);
    tarn_mutex_unlock(&f->state.lock);
    delta_replace_abort(s);
    return code ? tarn_error_set(err, code, "cannot replace the queue's content: %s; it is as before", tarn_strerror(code))
                : 0;
}

static int stage(struct tarn_delta_fifo *f, struct tarn_bytes key, const struct tarn_object *obj, struct tarn_error *err)
{
    const struct tarn_object *own;
    int code = transformed(&f->transform, obj, &own, err);

    if (code)
        return code;
    code = tarn_keys_add(&f->staged_keys, key);
    if (!code && (code = tarn_objects_add(&f->staged, own)))
        f->staged_keys.n--;
    if (!code)
        return 0;
    tarn_object_unref(own);
    return nomem(err);
}

/* An object that fails midway: what came before it is queued, and that is all (D-6). */
static void queue_staged(struct tarn_delta_fifo *f)
{
    struct tarn_delta_plan p = {0};

    tarn_mutex_lock(&f->state.lock);
    if (plan_staged(f, &p))
        tarn_delta_plan_cancel(&f->items, &p);
    else
        (void)apply(f, &p); /* without memory nothing is queued: the caller has its error in any case */
    tarn_mutex_unlock(&f->state.lock);
    staged_clear(f);
}

static int delta_replace_add(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    struct tarn_delta_fifo *f = of(s);
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    int code = tarn_delta_fifo_key_of(f, obj, &scratch, &key, err);

    if (!code)
        code = stage(f, key, obj, err);
    if (code == TARN_E_KEY || code == TARN_E_TRANSFORM)
        queue_staged(f);
    tarn_buf_release(&scratch);
    return code;
}

/* ---- Resync (D-8) ------------------------------------------------------------------------------------------------ */

static int plan_sync(struct tarn_delta_fifo *f, struct tarn_delta_plan *p, struct tarn_bytes key)
{
    const struct tarn_object *obj;
    int err;

    if (tarn_delta_items_find(&f->items, key) || f->known.get_by_key(f->known.ctx, key, &obj))
        return 0; /* something is pending, or it is known no longer */
    err = tarn_delta_plan_put(&f->items, p, key, (struct tarn_delta){.type = TARN_DELTA_SYNC, .obj = obj});
    if (err)
        tarn_object_unref(obj);
    return err;
}

static int resync_locked(struct tarn_delta_fifo *f)
{
    struct tarn_keys keys = {0};
    struct tarn_delta_plan p = {0};
    int err = f->known.list_keys(f->known.ctx, &keys);

    for (size_t i = 0; !err && i < keys.n; i++)
        err = plan_sync(f, &p, keys.v[i]);
    tarn_keys_release(&keys);
    if (err)
        tarn_delta_plan_cancel(&f->items, &p);
    else
        err = apply(f, &p);
    return err;
}

static int delta_resync(struct tarn_store *s, struct tarn_error *err)
{
    struct tarn_delta_fifo *f = of(s);
    int code;

    if (!f->known.list_keys)
        return 0;
    tarn_mutex_lock(&f->state.lock);
    code = resync_locked(f);
    tarn_mutex_unlock(&f->state.lock);
    return code ? tarn_error_set(err, code, "cannot resync: %s; the queue is as before", tarn_strerror(code)) : 0;
}

/* ---- AddIfNotPresent (D-14) ----------------------------------------------------------------------------------------- */

static int put_back(struct tarn_delta_fifo *f, struct tarn_bytes key, const struct tarn_deltas *deltas)
{
    struct tarn_delta_plan p = {.verbatim = true};
    int err = 0;

    if (tarn_delta_items_find(&f->items, key))
        return 0;
    for (size_t i = 0; !err && i < deltas->n; i++) {
        struct tarn_delta d = {.type = deltas->v[i].type, .obj = tarn_object_ref(deltas->v[i].obj)};

        err = d.obj ? tarn_delta_plan_put(&f->items, &p, key, d) : TARN_E_NOMEM;
        if (err)
            tarn_object_unref(d.obj);
    }
    if (err)
        tarn_delta_plan_cancel(&f->items, &p);
    else
        err = apply(f, &p);
    return err;
}

int tarn_delta_fifo_add_if_not_present(struct tarn_delta_fifo *f, const struct tarn_deltas *deltas, struct tarn_error *err)
{
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    int code = 0;

    for (size_t i = 0; i < deltas->n; i++)
        if (!deltas->v[i].obj)
            return tarn_error_set(err, TARN_E_NOT_DELTAS, "a %s delta has no object", tarn_delta_type_name(deltas->v[i].type));
    code = tarn_delta_fifo_key_of_deltas(f, deltas, &scratch, &key, err);
    if (!code) {
        tarn_mutex_lock(&f->state.lock);
        code = put_back(f, key, deltas);
        if (!code) {
            tarn_queue_state_populate(&f->state, 0);
            tarn_queue_state_tell(&f->state);
        }
        tarn_mutex_unlock(&f->state.lock);
        if (code)
            nomem(err);
    }
    tarn_buf_release(&scratch);
    return code;
}

/* ---- taking out ------------------------------------------------------------------------------------------------------ */

static void prefetch_ahead(const struct tarn_delta_fifo *f)
{
    const struct tarn_delta_node *n;

    if (f->items.ring.n > 2 * TARN_QUEUE_AHEAD)
        __builtin_prefetch(tarn_delta_items_at(&f->items, 2 * TARN_QUEUE_AHEAD), 1);
    if (f->items.ring.n <= TARN_QUEUE_AHEAD)
        return;
    n = tarn_delta_items_at(&f->items, TARN_QUEUE_AHEAD);
    tarn_map_prefetch(&f->items.map, n->hash);
    tarn_queue_prefetch_object(n->v[0].obj);
}

/* The head, out of map and ring, so that nothing that is planned meets it; waits. NULL: closed and drained. */
static struct tarn_delta_node *take(struct tarn_delta_fifo *f)
{
    while (f->items.ring.n == 0) {
        if (f->state.closed)
            return NULL;
        tarn_cond_wait(&f->state.filled, &f->state.lock);
    }
    prefetch_ahead(f);
    return tarn_delta_items_take(&f->items);
}

/* The process function asks for its deltas again; the places they had in map and ring are free. */
static void requeue(struct tarn_delta_fifo *f, struct tarn_delta_node *n)
{
    tarn_delta_items_put_back(&f->items, n);
    tarn_queue_state_populate(&f->state, 0);
    tarn_cond_signal(&f->state.filled);
}

static int delta_pop(struct tarn_queue *q, const struct tarn_process *process, struct tarn_error *err)
{
    struct tarn_delta_fifo *f = of_queue(q);
    bool initial, again;
    struct tarn_delta_node *n;
    int code;

    tarn_mutex_lock(&f->state.lock);
    n = take(f);
    if (!n) {
        tarn_mutex_unlock(&f->state.lock);
        return tarn_error_set(err, TARN_E_CLOSED, "%s", tarn_strerror(TARN_E_CLOSED));
    }
    initial = !tarn_queue_state_synced(&f->state);
    tarn_queue_state_passed(&f->state, 1);
    tarn_queue_state_tell(&f->state); /* F-16: here before the process call */
    code = tarn_queue_state_run(&f->state, process, &(struct tarn_deltas){.v = n->v, .n = n->n}, initial, f->items.ring.n, &again,
                                err);
    if (again)
        requeue(f, n);
    tarn_mutex_unlock(&f->state.lock);
    if (!again)
        tarn_delta_node_free(n);
    return code;
}

static int delta_pop_batch(struct tarn_queue *q, const struct tarn_process *batch, const struct tarn_process *single,
                           struct tarn_error *err)
{
    (void)batch;
    return delta_pop(q, single, err);
}

static bool delta_has_synced(struct tarn_queue *q)
{
    return tarn_queue_state_has_synced(&of_queue(q)->state);
}

static void delta_close(struct tarn_queue *q)
{
    tarn_queue_state_close(&of_queue(q)->state);
}

static bool delta_is_closed(struct tarn_queue *q)
{
    return tarn_queue_state_is_closed(&of_queue(q)->state);
}

/* ---- looking ------------------------------------------------------------------------------------------------------------ */

void tarn_delta_list_release(struct tarn_delta_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        tarn_object_unref(l->v[i].obj);
    free(l->v);
    *l = (struct tarn_delta_list){0};
}

static int deltas_copy(const struct tarn_delta_node *n, struct tarn_delta_list *ret)
{
    struct tarn_delta *v = malloc(n->n * sizeof *v);

    if (!v)
        return TARN_E_NOMEM;
    for (uint32_t i = 0; i < n->n; i++)
        v[i] = (struct tarn_delta){.type = n->v[i].type, .obj = tarn_object_ref(n->v[i].obj)};
    *ret = (struct tarn_delta_list){.v = v, .n = n->n};
    return 0;
}

int tarn_delta_fifo_get_by_key(struct tarn_delta_fifo *f, struct tarn_bytes key, struct tarn_delta_list *ret)
{
    const struct tarn_delta_node *n;
    int err;

    tarn_mutex_lock(&f->state.lock);
    n = tarn_delta_items_find(&f->items, key);
    err = n ? deltas_copy(n, ret) : TARN_E_NOTFOUND;
    tarn_mutex_unlock(&f->state.lock);
    return err;
}

int tarn_delta_fifo_get(struct tarn_delta_fifo *f, const struct tarn_object *obj, struct tarn_delta_list *ret,
                        struct tarn_error *err)
{
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    int code = tarn_delta_fifo_key_of(f, obj, &scratch, &key, err);

    if (!code)
        code = tarn_delta_fifo_get_by_key(f, key, ret);
    tarn_buf_release(&scratch);
    return code;
}

static int newest(struct tarn_store *s, struct tarn_bytes key, const struct tarn_object **ret, struct tarn_error *err)
{
    struct tarn_delta_list l = {0};
    int code = tarn_delta_fifo_get_by_key(of(s), key, &l);

    (void)err;
    if (code)
        return code;
    *ret = tarn_object_ref(l.v[l.n - 1].obj);
    tarn_delta_list_release(&l);
    return 0;
}

static int delta_get(struct tarn_store *s, const struct tarn_object *obj, const struct tarn_object **ret,
                     struct tarn_error *err)
{
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    int code = tarn_delta_fifo_key_of(of(s), obj, &scratch, &key, err);

    if (!code)
        code = newest(s, key, ret, err);
    tarn_buf_release(&scratch);
    return code;
}

static int delta_list(struct tarn_store *s, struct tarn_objects *ret)
{
    struct tarn_delta_fifo *f = of(s);
    int err = 0;

    tarn_mutex_lock(&f->state.lock);
    for (size_t i = 0; !err && i < f->items.ring.n; i++) {
        const struct tarn_delta_node *n = tarn_delta_items_at(&f->items, i);
        const struct tarn_object *obj = tarn_object_ref(n->v[n->n - 1].obj);

        err = tarn_objects_add(ret, obj);
        if (err)
            tarn_object_unref(obj);
    }
    tarn_mutex_unlock(&f->state.lock);
    if (err)
        tarn_objects_release(ret);
    return err;
}

static int delta_list_keys(struct tarn_store *s, struct tarn_keys *ret)
{
    struct tarn_delta_fifo *f = of(s);
    int err = 0;

    tarn_mutex_lock(&f->state.lock);
    for (size_t i = 0; !err && i < f->items.ring.n; i++)
        err = tarn_keys_add(ret, tarn_delta_node_key(tarn_delta_items_at(&f->items, i)));
    tarn_mutex_unlock(&f->state.lock);
    if (err)
        tarn_keys_release(ret);
    return err;
}

static size_t delta_count(struct tarn_queue *q)
{
    struct tarn_delta_fifo *f = of_queue(q);
    size_t n;

    tarn_mutex_lock(&f->state.lock);
    n = f->items.ring.n;
    tarn_mutex_unlock(&f->state.lock);
    return n;
}

/* ---- life --------------------------------------------------------------------------------------------------------------- */

static void delta_free(struct tarn_store *s)
{
    struct tarn_delta_fifo *f = of(s);

    tarn_delta_items_release(&f->items);
    staged_clear(f);
    tarn_queue_state_release(&f->state);
    free(f);
}

static const struct tarn_store_ops store_ops = {
    .add = delta_add,
    .update = delta_update,
    .del = delta_del,
    .get = delta_get,
    .get_by_key = newest,
    .list = delta_list,
    .list_keys = delta_list_keys,
    .replace_begin = delta_replace_begin,
    .replace_add = delta_replace_add,
    .replace_commit = delta_replace_commit,
    .replace_abort = delta_replace_abort,
    .resync = delta_resync,
    .free = delta_free,
};

static const struct tarn_queue_ops queue_ops = {
    .pop = delta_pop,
    .pop_batch = delta_pop_batch,
    .has_synced = delta_has_synced,
    .close = delta_close,
    .is_closed = delta_is_closed,
    .count = delta_count,
};

int tarn_delta_fifo_new(const struct tarn_delta_fifo_options *o, struct tarn_delta_fifo **ret, struct tarn_error *err)
{
    static const struct tarn_delta_fifo_options defaults;
    struct tarn_delta_fifo *f = calloc(1, sizeof *f);

    if (!f)
        return tarn_error_set(err, TARN_E_NOMEM, "no memory for a queue");
    o = o ? o : &defaults;
    f->base = (struct tarn_queue){.store = {.ops = &store_ops}, .ops = &queue_ops};
    f->key = o->key.fn ? o->key : tarn_key_func_meta_namespace();
    f->known = o->known;
    f->transform = o->transform;
    f->emit_replaced = o->emit_replaced;
    tarn_delta_items_init(&f->items);
    tarn_queue_state_init(&f->state, &o->watch);
    *ret = f;
    return 0;
}

struct tarn_queue *tarn_delta_fifo_queue(struct tarn_delta_fifo *f)
{
    return &f->base;
}
