/* expiration_cache.c - ExpirationCache: entries with the time they came, found out to be old when somebody looks.
 *
 * One mutex: a look may remove what it finds expired (E-2), so there is no reading in parallel.
 */
#include <tarn/expiration_cache.h>

#include <stdlib.h>

#include <tarn/key.h>

#include "map.h"
#include "sync.h"

struct entry {
    const struct tarn_object *obj; /* owned */
    uint64_t since_ms;
    size_t klen;
    uint32_t hash;
    char key[];
};

struct expiration {
    struct tarn_store base; /* first */
    struct tarn_key_func key;
    struct tarn_runtime *rt;
    int64_t ttl_ms;
    struct tarn_expiration_policy policy;
    struct tarn_mutex lock; /* protects map */
    struct tarn_map map;    /* key → entry */
    struct tarn_baton replacing; /* its holder owns `staged` */
    struct tarn_map staged;
};

static struct expiration *of(struct tarn_store *s)
{
    return (struct expiration *)s;
}

/* ---- entries -------------------------------------------------------------------------------------- */

static struct tarn_bytes entry_key(const struct entry *e)
{
    return (struct tarn_bytes){e->key, e->klen};
}

static struct tarn_bytes slot_key(const void *ctx, const struct tarn_map_slot *s)
{
    (void)ctx;
    return entry_key(s->p);
}

static struct tarn_map_slot *find(const struct tarn_map *m, struct tarn_bytes key)
{
    return tarn_map_find(m, tarn_map_hash(m, key), key, (struct tarn_map_keys){.key_of = slot_key});
}

static struct entry *entry_of(const struct tarn_map_slot *s)
{
    return s ? (struct entry *)(uintptr_t)s->p : NULL;
}

static void entry_free(struct entry *e)
{
    tarn_object_unref(e->obj);
    free(e);
}

static void entry_remove(struct tarn_map *m, struct tarn_map_slot *s)
{
    struct entry *e = entry_of(s);

    tarn_map_remove(m, s);
    entry_free(e);
}

static void map_clear(struct tarn_map *m)
{
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].p)
            entry_free(entry_of(&m->slots[i]));
    tarn_map_release(m);
}

static int put(struct tarn_map *m, struct tarn_bytes key, const struct tarn_object *obj, uint64_t now_ms)
{
    const struct tarn_object *own = tarn_object_ref(obj);
    struct entry *e;

    if (!own)
        return TARN_E_NOMEM;
    e = entry_of(find(m, key));
    if (e) {
        tarn_object_unref(e->obj);
        e->obj = own;
        e->since_ms = now_ms;
        return 0;
    }
    e = tarn_map_reserve(m, m->n + 1) ? NULL : malloc(sizeof *e + key.len);
    if (!e) {
        tarn_object_unref(own);
        return TARN_E_NOMEM;
    }
    *e = (struct entry){.obj = own, .since_ms = now_ms, .klen = key.len, .hash = tarn_map_hash(m, key)};
    if (key.len)
        memcpy(e->key, key.data, key.len);
    tarn_map_put(m, e->hash, e, 0);
    return 0;
}

static bool is_expired(struct expiration *x, const struct entry *e, uint64_t now_ms)
{
    uint64_t age = now_ms - e->since_ms;

    if (x->policy.is_expired)
        return x->policy.is_expired(x->policy.ctx, e->obj, age);
    return x->ttl_ms > 0 && age > (uint64_t)x->ttl_ms;
}

/* Remove all that has expired. A removal moves later entries back, so a place is looked at until it is in order. */
static size_t purge(struct expiration *x)
{
    uint64_t now_ms = tarn_now_ms(x->rt);
    size_t n = 0;

    for (size_t i = 0; i < x->map.cap;) {
        struct entry *e = entry_of(&x->map.slots[i]);

        if (e && is_expired(x, e, now_ms)) {
            entry_remove(&x->map, &x->map.slots[i]);
            n++;
        } else {
            i++;
        }
    }
    return n;
}

/* ---- the store ------------------------------------------------------------------------------------- */

static int nomem(struct tarn_error *err)
{
    return tarn_error_set(err, TARN_E_NOMEM, "no memory to store an object; the cache is as before");
}

static int expiration_add(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    struct expiration *x = of(s);
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    int code = tarn_key_of(&x->key, obj, &scratch, &key, err);

    if (!code) {
        tarn_mutex_lock(&x->lock);
        code = put(&x->map, key, obj, tarn_now_ms(x->rt));
        tarn_mutex_unlock(&x->lock);
        if (code)
            nomem(err);
    }
    tarn_buf_release(&scratch);
    return code;
}

static int expiration_del(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    struct expiration *x = of(s);
    struct tarn_buf scratch = {0};
    struct tarn_map_slot *slot;
    struct tarn_bytes key;
    int code = tarn_key_of(&x->key, obj, &scratch, &key, err);

    if (!code) {
        tarn_mutex_lock(&x->lock);
        slot = find(&x->map, key);
        if (slot)
            entry_remove(&x->map, slot);
        tarn_mutex_unlock(&x->lock);
    }
    tarn_buf_release(&scratch);
    return code;
}

static int expiration_get_by_key(struct tarn_store *s, struct tarn_bytes key, const struct tarn_object **ret,
                                 struct tarn_error *err)
{
    struct expiration *x = of(s);
    const struct tarn_object *obj = NULL;
    struct tarn_map_slot *slot;

    (void)err;
    tarn_mutex_lock(&x->lock);
    slot = find(&x->map, key);
    if (slot && is_expired(x, entry_of(slot), tarn_now_ms(x->rt)))
        entry_remove(&x->map, slot);
    else if (slot)
        obj = tarn_object_ref(entry_of(slot)->obj);
    tarn_mutex_unlock(&x->lock);
    if (!obj)
        return TARN_E_NOTFOUND;
    *ret = obj;
    return 0;
}

static int expiration_get(struct tarn_store *s, const struct tarn_object *obj, const struct tarn_object **ret,
                          struct tarn_error *err)
{
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    int code = tarn_key_of(&of(s)->key, obj, &scratch, &key, err);

    if (!code)
        code = expiration_get_by_key(s, key, ret, err);
    tarn_buf_release(&scratch);
    return code;
}

static int expiration_list(struct tarn_store *s, struct tarn_objects *ret)
{
    struct expiration *x = of(s);
    int err = 0;

    tarn_mutex_lock(&x->lock);
    (void)purge(x);
    for (size_t i = 0; !err && i < x->map.cap; i++) {
        const struct entry *e = entry_of(&x->map.slots[i]);

        if (e && (err = tarn_objects_add(ret, tarn_object_ref(e->obj))))
            tarn_object_unref(e->obj);
    }
    tarn_mutex_unlock(&x->lock);
    if (err)
        tarn_objects_release(ret);
    return err;
}

static int expiration_list_keys(struct tarn_store *s, struct tarn_keys *ret)
{
    struct expiration *x = of(s);
    int err = 0;

    tarn_mutex_lock(&x->lock);
    for (size_t i = 0; !err && i < x->map.cap; i++)
        if (x->map.slots[i].p)
            err = tarn_keys_add(ret, entry_key(x->map.slots[i].p));
    tarn_mutex_unlock(&x->lock);
    if (err)
        tarn_keys_release(ret);
    return err;
}

static int expiration_replace_begin(struct tarn_store *s, struct tarn_error *err)
{
    (void)err;
    tarn_baton_take(&of(s)->replacing);
    return 0;
}

static int expiration_replace_add(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    int code = tarn_key_of(&of(s)->key, obj, &scratch, &key, err);

    if (!code && (code = put(&of(s)->staged, key, obj, 0)))
        nomem(err);
    tarn_buf_release(&scratch);
    return code;
}

static int expiration_replace_remove(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    struct tarn_buf scratch = {0};
    struct tarn_map_slot *slot;
    struct tarn_bytes key;
    int code = tarn_key_of(&of(s)->key, obj, &scratch, &key, err);

    slot = code ? NULL : find(&of(s)->staged, key);
    if (slot)
        entry_remove(&of(s)->staged, slot);
    tarn_buf_release(&scratch);
    return code;
}

static void expiration_replace_abort(struct tarn_store *s)
{
    map_clear(&of(s)->staged);
    tarn_baton_give(&of(s)->replacing);
}

static int expiration_replace_commit(struct tarn_store *s, struct tarn_bytes resource_version, struct tarn_error *err)
{
    struct expiration *x = of(s);
    uint64_t now_ms = tarn_now_ms(x->rt); /* one stamp for all (E-1) */
    struct tarn_map old;

    (void)resource_version;
    (void)err;
    for (size_t i = 0; i < x->staged.cap; i++)
        if (x->staged.slots[i].p)
            entry_of(&x->staged.slots[i])->since_ms = now_ms;
    tarn_mutex_lock(&x->lock);
    old = x->map;
    x->map = x->staged;
    x->staged = old;
    tarn_mutex_unlock(&x->lock);
    expiration_replace_abort(s); /* what is staged now is what was there before */
    return 0;
}

static int expiration_resync(struct tarn_store *s, struct tarn_error *err)
{
    (void)s;
    (void)err;
    return 0; /* E-4 */
}

size_t tarn_expiration_cache_purge(struct tarn_store *s)
{
    size_t n;

    tarn_mutex_lock(&of(s)->lock);
    n = purge(of(s));
    tarn_mutex_unlock(&of(s)->lock);
    return n;
}

/* ---- life ------------------------------------------------------------------------------------------- */

static void expiration_free(struct tarn_store *s)
{
    struct expiration *x = of(s);

    map_clear(&x->map);
    map_clear(&x->staged);
    tarn_mutex_release(&x->lock);
    tarn_baton_release(&x->replacing);
    free(x);
}

static const struct tarn_store_ops store_ops = {
    .add = expiration_add,
    .update = expiration_add,
    .del = expiration_del,
    .get = expiration_get,
    .get_by_key = expiration_get_by_key,
    .list = expiration_list,
    .list_keys = expiration_list_keys,
    .replace_begin = expiration_replace_begin,
    .replace_add = expiration_replace_add,
    .replace_commit = expiration_replace_commit,
    .replace_abort = expiration_replace_abort,
    .replace_remove = expiration_replace_remove,
    .resync = expiration_resync,
    .free = expiration_free,
};

int tarn_expiration_cache_new(const struct tarn_expiration_cache_options *o, struct tarn_store **ret, struct tarn_error *err)
{
    struct expiration *x;

    if (!o->rt)
        return tarn_error_set(err, TARN_E_INVAL, "an expiration cache needs a clock: set rt");
    x = calloc(1, sizeof *x);
    if (!x)
        return tarn_error_set(err, TARN_E_NOMEM, "no memory for a cache");
    x->base.ops = &store_ops;
    x->key = o->key.fn ? o->key : tarn_key_func_meta_namespace();
    x->rt = o->rt;
    x->ttl_ms = o->ttl_ms;
    x->policy = o->policy;
    tarn_mutex_init(&x->lock);
    tarn_baton_init(&x->replacing);
    *ret = &x->base;
    return 0;
}
