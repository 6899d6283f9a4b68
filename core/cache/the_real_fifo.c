/* the_real_fifo.c - RealFIFO: a ring of deltas in the order they came.
 *
 * The ring knows no keys; what needs them (Replace and Resync without atomic mode, batches) makes a set of keys for its own length.
 * Whatever is to be queued together is made first and then appended, which cannot fail.
 */
#include <tarn/the_real_fifo.h>

#include <tarn/key.h>

#include "keyset.h"
#include "queue_state.h"
#include "ring.h"

struct tarn_real_fifo {
    struct tarn_queue base; /* first */
    struct tarn_queue_state state;
    struct tarn_key_func key;
    struct tarn_known_objects known;
    struct tarn_transform transform;
    bool atomic, emit_bookmark, unlock_while_processing, original_replace;
    struct tarn_ring ring;    /* of struct tarn_delta, under state.lock; owns obj and all */
    size_t pending_sync_all;  /* in the ring */
    struct tarn_keys staged_keys; /* of the one who is replacing: keys[i] is that of staged.v[i] */
    struct tarn_objects staged;
};

static struct tarn_real_fifo *of(struct tarn_store *s)
{
    return (struct tarn_real_fifo *)s;
}

static struct tarn_real_fifo *of_queue(struct tarn_queue *q)
{
    return (struct tarn_real_fifo *)q;
}

static int nomem(struct tarn_error *err)
{
    return tarn_error_set(err, TARN_E_NOMEM, "no memory to queue an object; the queue is as before");
}

/* ---- deltas ---------------------------------------------------------------------------------------- */

/* What a REPLACED_ALL or a BOOKMARK owns; the text of the resourceVersion follows. */
struct all {
    struct tarn_delta_all shown; /* first */
    struct tarn_objects objs;
    char resource_version[];
};

/* Takes over the objects on success. */
static const struct tarn_delta_all *all_new(struct tarn_bytes resource_version, struct tarn_objects *objs)
{
    struct all *a = malloc(sizeof *a + resource_version.len);

    if (!a)
        return NULL;
    a->objs = *objs;
    *objs = (struct tarn_objects){0};
    if (resource_version.len)
        memcpy(a->resource_version, resource_version.data, resource_version.len);
    a->shown = (struct tarn_delta_all){
        .resource_version = {a->resource_version, resource_version.len}, .objs = a->objs.v, .n = a->objs.n};
    return &a->shown;
}

static void delta_release(struct tarn_delta *d)
{
    struct all *a = (struct all *)(uintptr_t)d->all;

    tarn_object_unref(d->obj);
    if (a)
        tarn_objects_release(&a->objs);
    free(a);
}

static bool is_tombstone(const struct tarn_object *obj)
{
    return tarn_object_flags(obj) & TARN_OBJECT_TOMBSTONE;
}

static int key_of(struct tarn_real_fifo *f, const struct tarn_object *obj, struct tarn_buf *scratch, struct tarn_bytes *ret,
                  struct tarn_error *err)
{
    if (!is_tombstone(obj))
        return tarn_key_of(&f->key, obj, scratch, ret, err);
    *ret = tarn_object_key(obj);
    return 0;
}

/* What is queued for obj: an owned reference. */
static int transformed(struct tarn_real_fifo *f, const struct tarn_object *obj, const struct tarn_object **ret,
                       struct tarn_error *err)
{
    struct tarn_error why;
    int code = 0;

    why.code = 0; /* not all of it: this runs for every object */
    if (f->transform.fn && !is_tombstone(obj))
        code = f->transform.fn(f->transform.ctx, obj, ret, &why);
    else if (!(*ret = tarn_object_ref(obj)))
        return nomem(err);
    if (code)
        return tarn_error_set(err, TARN_E_TRANSFORM, "couldn't enqueue object: %.400s",
                              why.code ? why.message : tarn_strerror(code));
    return 0;
}

/* ---- sets of keys ------------------------------------------------------------------------------------ */

/* The keys that wait in the queue. */
static int keyset_of_queue(struct tarn_real_fifo *f, struct tarn_keyset *k)
{
    struct tarn_buf scratch = {0};
    int err = tarn_keyset_init(k, f->ring.n);

    for (size_t i = 0; !err && i < f->ring.n; i++) {
        const struct tarn_delta *d = tarn_ring_at(&f->ring, i);
        struct tarn_bytes key;
        bool seen;

        if (!d->obj)
            continue;
        err = key_of(f, d->obj, &scratch, &key, NULL);
        if (!err)
            err = tarn_keyset_add(k, key, d, &seen);
    }
    tarn_buf_release(&scratch);
    if (err)
        tarn_keyset_release(k);
    return err;
}

static int keyset_of_staged(struct tarn_real_fifo *f, struct tarn_keyset *k)
{
    int err = tarn_keyset_init(k, f->staged_keys.n);
    bool seen;

    for (size_t i = 0; !err && i < f->staged_keys.n; i++)
        err = tarn_keyset_add(k, f->staged_keys.v[i], NULL, &seen);
    if (err)
        tarn_keyset_release(k);
    return err;
}

/* ---- putting in --------------------------------------------------------------------------------------- */

/* Append a delta; what it owns is taken over on success. The lock is held. */
static int append(struct tarn_real_fifo *f, struct tarn_delta d)
{
    int err = tarn_ring_reserve(&f->ring, 1);

    if (err)
        return err;
    tarn_ring_push(&f->ring, &d);
    tarn_cond_signal(&f->state.filled);
    return 0;
}

/* Counts as populating even if it fails. */
static int put(struct tarn_real_fifo *f, enum tarn_delta_type type, const struct tarn_object *obj, struct tarn_error *err)
{
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    const struct tarn_object *own = NULL;
    int code;

    tarn_mutex_lock(&f->state.lock);
    tarn_queue_state_populate(&f->state, 0);
    tarn_queue_state_tell(&f->state);
    code = key_of(f, obj, &scratch, &key, err);
    if (!code)
        code = transformed(f, obj, &own, err);
    if (!code && (code = append(f, (struct tarn_delta){.type = type, .obj = own}))) {
        tarn_object_unref(own);
        nomem(err);
    }
    tarn_mutex_unlock(&f->state.lock);
    tarn_buf_release(&scratch);
    return code;
}

static int real_add(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    return put(of(s), TARN_DELTA_ADDED, obj, err);
}

static int real_update(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    return put(of(s), TARN_DELTA_UPDATED, obj, err);
}

static int real_del(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    return put(of(s), TARN_DELTA_DELETED, obj, err);
}

static int real_bookmark(struct tarn_store *s, struct tarn_bytes resource_version)
{
    struct tarn_real_fifo *f = of(s);
    struct tarn_delta d = {.type = TARN_DELTA_BOOKMARK};
    struct tarn_objects none = {0};
    int err;

    if (!f->emit_bookmark)
        return 0;
    d.all = all_new(resource_version, &none);
    if (!d.all)
        return TARN_E_NOMEM;
    tarn_mutex_lock(&f->state.lock);
    err = append(f, d);
    tarn_mutex_unlock(&f->state.lock);
    if (err)
        delta_release(&d);
    return err;
}

/* ---- several deltas at once ------------------------------------------------------------------------------ */

/* Deltas made and not yet queued; owns what they own. */
struct batch {
    struct tarn_delta *v;
    size_t n, cap;
};

static void batch_release(struct batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        delta_release(&b->v[i]);
    free(b->v);
}

/* obj is owned and always taken over. */
static int batch_add(struct batch *b, enum tarn_delta_type type, const struct tarn_object *obj)
{
    size_t cap = b->cap ? b->cap * 2 : 16;
    struct tarn_delta *v = b->v;

    if (b->n == b->cap)
        v = realloc(b->v, cap * sizeof *v);
    if (!v) {
        tarn_object_unref(obj);
        return TARN_E_NOMEM;
    }
    if (b->n == b->cap)
        b->cap = cap;
    b->v = v;
    b->v[b->n++] = (struct tarn_delta){.type = type, .obj = obj};
    return 0;
}

static int batch_add_tombstone(struct batch *b, struct tarn_bytes key, const struct tarn_object *state)
{
    const struct tarn_object *tombstone;
    int err = tarn_object_new_tombstone(key, state, &tombstone);

    return err ? err : batch_add(b, TARN_DELTA_DELETED, tombstone);
}

/* Queue all of b and empty it. 0 or TARN_E_NOMEM: none is queued. */
static int batch_queue(struct tarn_real_fifo *f, struct batch *b)
{
    int err = tarn_ring_reserve(&f->ring, b->n);

    if (err)
        return err;
    for (size_t i = 0; i < b->n; i++)
        tarn_ring_push(&f->ring, &b->v[i]);
    if (b->n)
        tarn_cond_broadcast(&f->state.filled);
    b->n = 0;
    return 0;
}

/* ---- Replace ----------------------------------------------------------------------------------------------- */

static int real_replace_begin(struct tarn_store *s, struct tarn_error *err)
{
    (void)err;
    tarn_baton_take(&of(s)->state.replacing);
    return 0;
}

static void real_replace_abort(struct tarn_store *s)
{
    tarn_objects_release(&of(s)->staged);
    tarn_keys_release(&of(s)->staged_keys);
    tarn_baton_give(&of(s)->state.replacing);
}

static int stage(struct tarn_real_fifo *f, struct tarn_bytes key, const struct tarn_object *own, struct tarn_error *err)
{
    int code = tarn_keys_add(&f->staged_keys, key);

    if (code)
        return nomem(err);
    code = tarn_objects_add(&f->staged, own);
    if (!code)
        return 0;
    f->staged_keys.n--;
    return nomem(err);
}

static int real_replace_add(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    struct tarn_real_fifo *f = of(s);
    const struct tarn_object *own = NULL;
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    int code = key_of(f, obj, &scratch, &key, err);

    if (!code && !f->original_replace)
        code = transformed(f, obj, &own, err);
    else if (!code && !(own = tarn_object_ref(obj)))
        code = nomem(err);
    if (!code && (code = stage(f, key, own, err)))
        tarn_object_unref(own);
    tarn_buf_release(&scratch);
    return code;
}

/* O(staged): the order of the list is to stay. */
static int real_replace_remove(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    struct tarn_real_fifo *f = of(s);
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    size_t kept = 0;
    int code = key_of(f, obj, &scratch, &key, err);

    for (size_t i = 0; !code && i < f->staged.n; i++) {
        if (tarn_bytes_equal(f->staged_keys.v[i], key)) {
            tarn_object_unref(f->staged.v[i]);
            continue;
        }
        f->staged_keys.v[kept] = f->staged_keys.v[i];
        f->staged.v[kept++] = f->staged.v[i];
    }
    if (!code)
        f->staged.n = f->staged_keys.n = kept;
    tarn_buf_release(&scratch);
    return code;
}

/* Q-2 (1), first half: what waits with a last delta other than Deleted and is not in the list. */
static int queued_deletions(const struct tarn_keyset *queued, const struct tarn_keyset *listed, struct batch *b)
{
    int err = 0;

    for (size_t i = 0; !err && i < queued->keys.n; i++)
        if (queued->last[i]->type != TARN_DELTA_DELETED && !tarn_keyset_has(listed, queued->keys.v[i]))
            err = batch_add_tombstone(b, queued->keys.v[i], queued->last[i]->obj);
    return err;
}

/* Second half: what is known, does not wait and is not in the list. */
static int known_deletions(struct tarn_real_fifo *f, const struct tarn_keyset *queued, const struct tarn_keyset *listed,
                           struct batch *b)
{
    struct tarn_keys keys = {0};
    int err = f->known.list_keys(f->known.ctx, &keys);

    for (size_t i = 0; !err && i < keys.n; i++) {
        const struct tarn_object *state = NULL;

        if (tarn_keyset_has(listed, keys.v[i]) || tarn_keyset_has(queued, keys.v[i]))
            continue;
        if (f->known.get_by_key(f->known.ctx, keys.v[i], &state))
            state = NULL; /* a tombstone without a state */
        err = batch_add_tombstone(b, keys.v[i], state);
        tarn_object_unref(state);
    }
    tarn_keys_release(&keys);
    return err;
}

/* Q-2 (2). With original_replace the objects are transformed only here, and an error stops midway. */
static int listed_objects(struct tarn_real_fifo *f, struct batch *b, struct tarn_error *err)
{
    int code = 0;

    for (size_t i = 0; !code && i < f->staged.n; i++) {
        const struct tarn_object *own = NULL;

        if (f->original_replace)
            code = transformed(f, f->staged.v[i], &own, err);
        else
            own = tarn_object_ref(f->staged.v[i]);
        if (!code)
            code = batch_add(b, TARN_DELTA_REPLACED, own);
    }
    return code;
}

static int replace_each(struct tarn_real_fifo *f, struct tarn_error *err)
{
    struct tarn_keyset queued = {0}, listed = {0};
    struct batch b = {0};
    int code = keyset_of_queue(f, &queued);

    if (!code)
        code = keyset_of_staged(f, &listed);
    if (!code)
        code = queued_deletions(&queued, &listed, &b);
    if (!code)
        code = known_deletions(f, &queued, &listed, &b);
    if (!code)
        code = listed_objects(f, &b, err);
    if (!code || code == TARN_E_TRANSFORM) { /* the latter only with original_replace: what came before stays */
        int queue_code = batch_queue(f, &b);

        code = code ? code : queue_code;
    }
    if (code && code != TARN_E_TRANSFORM)
        tarn_error_set(err, code, "cannot replace the queue's content: %s; it is as before", tarn_strerror(code));
    batch_release(&b);
    tarn_keyset_release(&queued);
    tarn_keyset_release(&listed);
    return code;
}

/* the whole list as one delta. */
static int replace_all(struct tarn_real_fifo *f, struct tarn_bytes resource_version, struct tarn_error *err)
{
    struct tarn_delta d = {.type = TARN_DELTA_REPLACED_ALL};

    d.all = all_new(resource_version, &f->staged);
    if (!d.all)
        return nomem(err);
    if (!append(f, d))
        return 0;
    delta_release(&d);
    return nomem(err);
}

static int real_replace_commit(struct tarn_store *s, struct tarn_bytes resource_version, struct tarn_error *err)
{
    struct tarn_real_fifo *f = of(s);
    int code;

    tarn_mutex_lock(&f->state.lock);
    code = f->atomic ? replace_all(f, resource_version, err) : replace_each(f, err);
    if (!code) {
        tarn_queue_state_populate(&f->state, f->ring.n);
        tarn_queue_state_tell(&f->state);
    }
    tarn_mutex_unlock(&f->state.lock);
    real_replace_abort(s);
    return code;
}

/* ---- Resync (Q-4) ----------------------------------------------------------------------------------------------- */

static int sync_each(struct tarn_real_fifo *f)
{
    struct tarn_keyset queued;
    struct tarn_keys keys = {0};
    struct batch b = {0};
    int err = keyset_of_queue(f, &queued);

    if (err)
        return err;
    err = f->known.list_keys(f->known.ctx, &keys);
    for (size_t i = 0; !err && i < keys.n; i++) {
        const struct tarn_object *obj;

        if (!tarn_keyset_has(&queued, keys.v[i]) && !f->known.get_by_key(f->known.ctx, keys.v[i], &obj))
            err = batch_add(&b, TARN_DELTA_SYNC, obj);
    }
    if (!err)
        err = batch_queue(f, &b);
    batch_release(&b);
    tarn_keys_release(&keys);
    tarn_keyset_release(&queued);
    return err;
}

static int sync_all(struct tarn_real_fifo *f)
{
    int err;

    if (f->pending_sync_all)
        return 0;
    err = append(f, (struct tarn_delta){.type = TARN_DELTA_SYNC_ALL});
    f->pending_sync_all += !err;
    return err;
}

static int real_resync(struct tarn_store *s, struct tarn_error *err)
{
    struct tarn_real_fifo *f = of(s);
    int code;

    tarn_mutex_lock(&f->state.lock);
    code = f->atomic ? sync_all(f) : sync_each(f);
    tarn_mutex_unlock(&f->state.lock);
    return code ? tarn_error_set(err, code, "cannot resync: %s; the queue is as before", tarn_strerror(code)) : 0;
}

/* ---- taking out --------------------------------------------------------------------------------------------------- */

/* Wait until there is something. False: closed and drained. */
static bool wait_filled(struct tarn_real_fifo *f)
{
    while (f->ring.n == 0) {
        if (f->state.closed)
            return false;
        tarn_cond_wait(&f->state.filled, &f->state.lock);
    }
    return true;
}

/* Move the first n deltas to v. */
static void take(struct tarn_real_fifo *f, struct tarn_delta *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        v[i] = *(struct tarn_delta *)tarn_ring_at(&f->ring, i);
        f->pending_sync_all -= v[i].type == TARN_DELTA_SYNC_ALL;
    }
    tarn_ring_drop(&f->ring, n);
    if (f->ring.n > TARN_QUEUE_AHEAD && (v = tarn_ring_at(&f->ring, TARN_QUEUE_AHEAD))->obj)
        tarn_queue_prefetch_object(v->obj);
}

/*
 * Run process on deltas that have been taken, release them, and count them as passed only then. The lock is held at the start
 * and free at the end; with unlock_while_processing it is free meanwhile if the queue is short, so that producers do not wait.
 */
static int run_and_unlock(struct tarn_real_fifo *f, const struct tarn_process *process, struct tarn_delta *v, size_t n,
                          struct tarn_error *err)
{
    bool initial = !tarn_queue_state_synced(&f->state), requeue;
    bool unlock = f->unlock_while_processing && f->ring.n < 2 * TARN_REAL_FIFO_BATCH_MAX;
    size_t depth = f->ring.n;
    int code;

    if (unlock)
        tarn_mutex_unlock(&f->state.lock);
    code = tarn_queue_state_run(&f->state, process, &(struct tarn_deltas){.v = v, .n = n}, initial, depth, &requeue, err);
    if (unlock)
        tarn_mutex_lock(&f->state.lock);
    tarn_queue_state_passed(&f->state, n);
    tarn_queue_state_tell(&f->state);
    tarn_mutex_unlock(&f->state.lock);
    for (size_t i = 0; i < n; i++)
        delta_release(&v[i]);
    return requeue && !code ? TARN_E_REQUEUE : code; /* nothing is put back here: the caller must not think so */
}

static int closed(struct tarn_error *err)
{
    return tarn_error_set(err, TARN_E_CLOSED, "%s", tarn_strerror(TARN_E_CLOSED));
}

static int real_pop(struct tarn_queue *q, const struct tarn_process *process, struct tarn_error *err)
{
    struct tarn_real_fifo *f = of_queue(q);
    struct tarn_delta d;

    tarn_mutex_lock(&f->state.lock);
    if (!wait_filled(f)) {
        tarn_mutex_unlock(&f->state.lock);
        return closed(err);
    }
    take(f, &d, 1);
    return run_and_unlock(f, process, &d, 1, err);
}

/* how many deltas from the head make one batch; at least 1. Less where memory is short. */
static size_t batch_size(struct tarn_real_fifo *f)
{
    size_t max = f->ring.n < TARN_REAL_FIFO_BATCH_MAX ? f->ring.n : TARN_REAL_FIFO_BATCH_MAX, n = 0;
    struct tarn_buf scratch = {0};
    struct tarn_keyset keys;
    bool seen = false;

    if (f->state.initial > 0 && f->state.initial < max) /* never across the end of the initial list */
        max = f->state.initial;
    if (max < 2 || tarn_keyset_init(&keys, max))
        return 1;
    for (; n < max; n++) {
        const struct tarn_delta *d = tarn_ring_at(&f->ring, n);
        struct tarn_bytes key;

        if (!d->obj)
            break;
        if (key_of(f, d->obj, &scratch, &key, NULL)) { /* goes along, and ends the batch */
            n++;
            break;
        }
        if (tarn_keyset_add(&keys, key, d, &seen) || seen)
            break;
    }
    tarn_keyset_release(&keys);
    tarn_buf_release(&scratch);
    return n ? n : 1;
}

static int real_pop_batch(struct tarn_queue *q, const struct tarn_process *batch, const struct tarn_process *single,
                          struct tarn_error *err)
{
    struct tarn_real_fifo *f = of_queue(q);
    struct tarn_delta one, *v = NULL;
    size_t n;
    int code;

    tarn_mutex_lock(&f->state.lock);
    if (!wait_filled(f)) {
        tarn_mutex_unlock(&f->state.lock);
        return closed(err);
    }
    n = batch_size(f);
    if (n > 1)
        v = malloc(n * sizeof *v);
    if (!v)
        n = 1;
    take(f, v ? v : &one, n);
    code = run_and_unlock(f, n > 1 ? batch : single, v ? v : &one, n, err);
    free(v);
    return code;
}

static bool real_has_synced(struct tarn_queue *q)
{
    return tarn_queue_state_has_synced(&of_queue(q)->state);
}

static void real_close(struct tarn_queue *q)
{
    tarn_queue_state_close(&of_queue(q)->state);
}

static bool real_is_closed(struct tarn_queue *q)
{
    return tarn_queue_state_is_closed(&of_queue(q)->state);
}

static size_t real_count(struct tarn_queue *q)
{
    struct tarn_real_fifo *f = of_queue(q);
    size_t n;

    tarn_mutex_lock(&f->state.lock);
    n = f->ring.n;
    tarn_mutex_unlock(&f->state.lock);
    return n;
}

size_t tarn_real_fifo_count(struct tarn_real_fifo *f)
{
    return real_count(&f->base);
}

/* ---- what it does not have ------------------------------------------------------------------------------------------- */

static int real_get(struct tarn_store *s, const struct tarn_object *obj, const struct tarn_object **ret,
                    struct tarn_error *err)
{
    (void)s;
    (void)obj;
    (void)ret;
    return tarn_error_set(err, TARN_E_UNSUPPORTED, "an in-order queue cannot be asked for an object");
}

static int real_get_by_key(struct tarn_store *s, struct tarn_bytes key, const struct tarn_object **ret,
                           struct tarn_error *err)
{
    (void)key;
    return real_get(s, NULL, ret, err);
}

static int real_list(struct tarn_store *s, struct tarn_objects *ret)
{
    (void)s;
    (void)ret;
    return TARN_E_UNSUPPORTED;
}

static int real_list_keys(struct tarn_store *s, struct tarn_keys *ret)
{
    (void)s;
    (void)ret;
    return TARN_E_UNSUPPORTED;
}

/* ---- life --------------------------------------------------------------------------------------------------------------- */

static void real_free(struct tarn_store *s)
{
    struct tarn_real_fifo *f = of(s);

    for (size_t i = 0; i < f->ring.n; i++)
        delta_release(tarn_ring_at(&f->ring, i));
    tarn_ring_release(&f->ring);
    tarn_objects_release(&f->staged);
    tarn_keys_release(&f->staged_keys);
    tarn_queue_state_release(&f->state);
    free(f);
}

static const struct tarn_store_ops store_ops = {
    .add = real_add,
    .update = real_update,
    .del = real_del,
    .get = real_get,
    .get_by_key = real_get_by_key,
    .list = real_list,
    .list_keys = real_list_keys,
    .replace_begin = real_replace_begin,
    .replace_add = real_replace_add,
    .replace_commit = real_replace_commit,
    .replace_abort = real_replace_abort,
    .replace_remove = real_replace_remove,
    .resync = real_resync,
    .bookmark = real_bookmark,
    .free = real_free,
};

static const struct tarn_queue_ops queue_ops = {
    .pop = real_pop,
    .pop_batch = real_pop_batch,
    .has_synced = real_has_synced,
    .close = real_close,
    .is_closed = real_is_closed,
    .count = real_count,
};

static int options_check(const struct tarn_real_fifo_options *o, struct tarn_error *err)
{
    bool known = o->known.list_keys && o->known.get_by_key;

    if (o->atomic && (o->known.list_keys || o->known.get_by_key))
        return tarn_error_set(err, TARN_E_INVAL, "an atomic queue compares with nothing: leave `known` out");
    if (!o->atomic && !known)
        return tarn_error_set(err, TARN_E_INVAL, "a queue that is not atomic needs the known objects to compare with");
    if (!o->atomic && (o->emit_bookmark || o->unlock_while_processing))
        return tarn_error_set(err, TARN_E_INVAL, "emit_bookmark and unlock_while_processing need `atomic`");
    return 0;
}

int tarn_real_fifo_new(const struct tarn_real_fifo_options *o, struct tarn_real_fifo **ret, struct tarn_error *err)
{
    struct tarn_real_fifo *f;
    int code = options_check(o, err);

    if (code)
        return code;
    f = calloc(1, sizeof *f);
    if (!f)
        return tarn_error_set(err, TARN_E_NOMEM, "no memory for a queue");
    f->base = (struct tarn_queue){.store = {.ops = &store_ops}, .ops = &queue_ops};
    f->key = o->key.fn ? o->key : tarn_key_func_meta_namespace();
    f->known = o->known;
    f->transform = o->transform;
    f->atomic = o->atomic;
    f->emit_bookmark = o->emit_bookmark;
    f->unlock_while_processing = o->unlock_while_processing;
    f->original_replace = o->original_replace;
    f->ring.size = sizeof(struct tarn_delta);
    tarn_queue_state_init(&f->state, &o->watch);
    *ret = f;
    return 0;
}

struct tarn_queue *tarn_real_fifo_queue(struct tarn_real_fifo *f)
{
    return &f->base;
}
