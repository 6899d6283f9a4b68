/* delta_apply.c - deltas into the store, changes out to the sink. */
#include "delta_apply.h"

#include <stdlib.h>

#include <tarn/cache.h>

#include "map.h"

bool tarn_object_is_unchanged(const struct tarn_object *old, const struct tarn_object *obj)
{
    return old == obj || (tarn_bytes_equal(tarn_object_resource_version_text(old), tarn_object_resource_version_text(obj)) &&
                          tarn_bytes_equal(tarn_object_uid(old), tarn_object_uid(obj)));
}

/* The stored object of obj's key, owned, or NULL. */
static const struct tarn_object *stored(struct tarn_delta_apply *a, const struct tarn_object *obj)
{
    const struct tarn_object *old;

    return tarn_store_get(&a->store->store, obj, &old, NULL) ? NULL : old;
}

/* What the store now holds of obj's key, told as what it is. */
static void tell_present(struct tarn_delta_apply *a, const struct tarn_object *old, const struct tarn_object *obj,
                         enum tarn_delta_type type, bool in_initial_list)
{
    if (old)
        a->sink.on_update(a->sink.ctx, old, obj, type == TARN_DELTA_SYNC || type == TARN_DELTA_SYNC_ALL);
    else
        a->sink.on_add(a->sink.ctx, obj, in_initial_list);
}

static void tell_deleted(struct tarn_delta_apply *a, const struct tarn_object *old, const struct tarn_object *obj)
{
    if (old || a->raw)
        a->sink.on_delete(a->sink.ctx, old, obj);
}

static int reserve(struct tarn_delta_apply *a, size_t n)
{
    return a->sink.reserve ? a->sink.reserve(a->sink.ctx, n) : 0;
}

/* ---- one delta ------------------------------------------------------------------------------------- */

static int apply_one(struct tarn_delta_apply *a, const struct tarn_delta *d, bool in_initial_list, struct tarn_error *err)
{
    struct tarn_store *s = &a->store->store;
    const struct tarn_object *old = stored(a, d->obj);
    int rc = reserve(a, 1);

    if (rc)
        (void)tarn_error_set(err, rc, "no memory to tell of a change; it was not made");
    else if (d->type == TARN_DELTA_DELETED)
        rc = tarn_store_delete(s, d->obj, err);
    else
        rc = old ? tarn_store_update(s, d->obj, err) : tarn_store_add(s, d->obj, err);
    if (!rc && d->type == TARN_DELTA_DELETED)
        tell_deleted(a, old, d->obj);
    else if (!rc)
        tell_present(a, old, d->obj, d->type, in_initial_list);
    tarn_object_unref(old);
    return rc;
}

/* I-8. */
static int apply_sync_all(struct tarn_delta_apply *a)
{
    struct tarn_objects all = {0};
    int rc = tarn_store_list(&a->store->store, &all);

    if (!rc)
        rc = reserve(a, all.n);
    for (size_t i = 0; !rc && i < all.n; i++)
        tell_present(a, all.v[i], all.v[i], TARN_DELTA_SYNC_ALL, false);
    tarn_objects_release(&all);
    return rc;
}

static int apply_bookmark(struct tarn_delta_apply *a, const struct tarn_delta_all *all)
{
    struct tarn_store *s = &a->store->store;

    return s->ops->bookmark ? s->ops->bookmark(s, all->resource_version) : 0;
}

/* ---- a relist (I-4) ----------------------------------------------------------------------------------- */

/* What a relist changes, worked out before the store is touched. */
struct difference {
    struct tarn_map listed;        /* the keys of the list */
    const struct tarn_object **old; /* [i]: what is stored of the list's i-th key, owned, or NULL */
    struct tarn_objects deleted;   /* what is stored and not listed: each object and behind it its tombstone */
};

static struct tarn_bytes listed_key(const void *ctx, const struct tarn_map_slot *s)
{
    (void)ctx;
    return tarn_object_key(s->p);
}

static bool is_listed(const struct difference *d, struct tarn_bytes key)
{
    return tarn_map_find(&d->listed, tarn_map_hash(&d->listed, key), key, (struct tarn_map_keys){.key_of = listed_key});
}

static void difference_release(struct difference *d, size_t n)
{
    for (size_t i = 0; d->old && i < n; i++)
        tarn_object_unref(d->old[i]);
    free(d->old);
    tarn_map_release(&d->listed);
    tarn_objects_release(&d->deleted);
}

static int note_listed(struct tarn_delta_apply *a, const struct tarn_delta_all *all, struct difference *d)
{
    d->old = calloc(all->n + 1, sizeof *d->old);
    if (!d->old || tarn_map_reserve(&d->listed, all->n + 1))
        return TARN_E_NOMEM;
    for (size_t i = 0; i < all->n; i++) {
        struct tarn_bytes key = tarn_object_key(all->objs[i]);

        d->old[i] = stored(a, all->objs[i]);
        if (!is_listed(d, key))
            tarn_map_put(&d->listed, tarn_map_hash(&d->listed, key), all->objs[i], 0);
    }
    return 0;
}

/* Add one reference to l, or give it back. */
static int keep(struct tarn_objects *l, const struct tarn_object *owned)
{
    int rc = owned ? tarn_objects_add(l, owned) : TARN_E_NOMEM;

    if (rc)
        tarn_object_unref(owned);
    return rc;
}

static int note_deleted(struct tarn_delta_apply *a, struct difference *d)
{
    struct tarn_objects before = {0};
    int rc = tarn_store_list(&a->store->store, &before);

    for (size_t i = 0; !rc && i < before.n; i++) {
        struct tarn_bytes key = tarn_object_key(before.v[i]);
        const struct tarn_object *tombstone;

        if (is_listed(d, key))
            continue;
        if (!(rc = keep(&d->deleted, tarn_object_ref(before.v[i]))) &&
            !(rc = tarn_object_new_tombstone(key, before.v[i], &tombstone)))
            rc = keep(&d->deleted, tombstone);
    }
    tarn_objects_release(&before);
    return rc;
}

/* The store first, as a whole; then all deletes, then adds and updates in the list's order. */
static int apply_replaced_all(struct tarn_delta_apply *a, const struct tarn_delta_all *all, bool in_initial_list,
                              struct tarn_error *err)
{
    struct difference d = {0};
    int rc = note_listed(a, all, &d);

    if (!rc)
        rc = note_deleted(a, &d);
    if (!rc)
        rc = reserve(a, d.deleted.n / 2 + all->n);
    if (rc)
        (void)tarn_error_set(err, rc, "cannot compare a list of %zu objects with the store: %s", all->n, tarn_strerror(rc));
    else
        rc = tarn_store_replace(&a->store->store, all->objs, all->n, all->resource_version, err);
    for (size_t i = 0; !rc && i < d.deleted.n; i += 2)
        a->sink.on_delete(a->sink.ctx, d.deleted.v[i], d.deleted.v[i + 1]);
    for (size_t i = 0; !rc && i < all->n; i++)
        tell_present(a, d.old[i], all->objs[i], TARN_DELTA_REPLACED_ALL, in_initial_list);
    difference_release(&d, all->n);
    return rc;
}

int tarn_delta_apply(struct tarn_delta_apply *a, const struct tarn_deltas *deltas, bool in_initial_list, struct tarn_error *err)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < deltas->n; i++) {
        const struct tarn_delta *d = &deltas->v[i];

        switch (d->type) {
        case TARN_DELTA_REPLACED_ALL:
            rc = apply_replaced_all(a, d->all, in_initial_list, err);
            break;
        case TARN_DELTA_SYNC_ALL:
            rc = apply_sync_all(a);
            break;
        case TARN_DELTA_BOOKMARK:
            rc = apply_bookmark(a, d->all);
            break;
        case TARN_DELTA_ADDED:
        case TARN_DELTA_UPDATED:
        case TARN_DELTA_DELETED:
        case TARN_DELTA_REPLACED:
        case TARN_DELTA_SYNC:
            rc = apply_one(a, d, in_initial_list, err);
            break;
        }
    }
    return rc;
}

/* ---- a batch (I-10) ------------------------------------------------------------------------------------- */

static enum tarn_txn_type txn_type(const struct tarn_delta *d, const struct tarn_object *old)
{
    if (d->type == TARN_DELTA_DELETED)
        return TARN_TXN_DELETE;
    return old ? TARN_TXN_UPDATE : TARN_TXN_ADD;
}

int tarn_delta_apply_batch(struct tarn_delta_apply *a, const struct tarn_deltas *deltas, bool in_initial_list,
                           struct tarn_error *err)
{
    size_t n = deltas->n;
    const struct tarn_object **old = calloc(n + 1, sizeof *old);
    struct tarn_txn *txns = calloc(n + 1, sizeof *txns);
    int *codes = calloc(n + 1, sizeof *codes);
    int rc = old && txns && codes ? reserve(a, n) : TARN_E_NOMEM;

    if (rc) {
        (void)tarn_error_set(err, rc, "no memory for a batch of %zu changes; none was made", n);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        old[i] = stored(a, deltas->v[i].obj);
        txns[i] = (struct tarn_txn){.type = txn_type(&deltas->v[i], old[i]), .obj = deltas->v[i].obj};
        codes[i] = TARN_E_NOMEM; /* stays where the transaction was not even tried */
    }
    rc = tarn_cache_transaction(a->store, txns, n, codes, err);
    for (size_t i = 0; i < n; i++) {
        if (!codes[i] && txns[i].type == TARN_TXN_DELETE)
            tell_deleted(a, old[i], deltas->v[i].obj);
        else if (!codes[i])
            tell_present(a, old[i], deltas->v[i].obj, deltas->v[i].type, in_initial_list);
        tarn_object_unref(old[i]);
    }
out:
    free(old);
    free(txns);
    free(codes);
    return rc;
}
