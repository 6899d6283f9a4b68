/* cache.c - the Indexer on the heap: a key function and a transformer in front of a thread-safe store. */
#include <tarn/cache.h>

#include <stdlib.h>

#include <tarn/key.h>
#include <tarn/thread_safe_store.h>

#include "blob.h"

#define PREFETCH_BYTES 768u /* of an object that goes in: where index functions mostly look */
#define PREFETCH_KEY_BYTES 64u

struct cache {
    struct tarn_indexer base; /* first */
    struct tarn_thread_safe_store *items;
    struct tarn_key_func key;
    struct tarn_transform transform;
};

static struct cache *of_store(struct tarn_store *s)
{
    return (struct cache *)s;
}

static struct cache *of_indexer(struct tarn_indexer *x)
{
    return (struct cache *)x;
}

/* ---- what goes in --------------------------------------------------------------------------------- */

/* A key and the object to store under it. */
struct keyed {
    struct tarn_buf scratch;
    struct tarn_bytes key;
    const struct tarn_object *obj; /* owned, if `made` */
    bool made;
};

/* Most keys are the object's own: then there is nothing to free, and no call to find that out. */
static inline void scratch_release(struct tarn_buf *scratch)
{
    if (scratch->data)
        tarn_buf_release(scratch);
}

static void keyed_release(struct keyed *k)
{
    scratch_release(&k->scratch);
    if (k->made)
        tarn_object_unref(k->obj);
}

/* S-10: the key first, then the transform. What it leaves in *k is to be released in any case. */
static int keyed_make(struct cache *c, const struct tarn_object *obj, struct keyed *k, struct tarn_error *err)
{
    struct tarn_error why;
    int code;

    tarn_blob_prefetch(obj, PREFETCH_BYTES);
    code = tarn_key_of(&c->key, obj, &k->scratch, &k->key, err);

    why.code = 0; /* not all of it: this runs for every object */
    k->obj = obj;
    if (code || !c->transform.fn || (tarn_object_flags(obj) & TARN_OBJECT_TOMBSTONE))
        return code;
    code = c->transform.fn(c->transform.ctx, obj, &k->obj, &why);
    k->made = !code;
    if (code)
        return tarn_error_set(err, TARN_E_TRANSFORM, "transforming: %.400s", why.code ? why.message : tarn_strerror(code));
    return 0;
}

static int cache_add(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    struct keyed k = {0};
    int code = keyed_make(of_store(s), obj, &k, err);

    if (!code)
        code = tarn_thread_safe_store_add(of_store(s)->items, k.key, k.obj, err);
    keyed_release(&k);
    return code;
}

static int cache_del(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    int code = tarn_key_of(&of_store(s)->key, obj, &scratch, &key, err);

    if (!code)
        code = tarn_thread_safe_store_delete(of_store(s)->items, key, obj);
    scratch_release(&scratch);
    return code;
}

static int cache_replace_begin(struct tarn_store *s, struct tarn_error *err)
{
    return tarn_thread_safe_store_replace_begin(of_store(s)->items, err);
}

static int cache_replace_add(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    struct keyed k = {0};
    int code = keyed_make(of_store(s), obj, &k, err);

    if (!code)
        code = tarn_thread_safe_store_replace_add(of_store(s)->items, k.key, k.obj, err);
    keyed_release(&k);
    return code;
}

static int cache_replace_commit(struct tarn_store *s, struct tarn_bytes resource_version, struct tarn_error *err)
{
    return tarn_thread_safe_store_replace_commit(of_store(s)->items, resource_version, err);
}

static void cache_replace_abort(struct tarn_store *s)
{
    tarn_thread_safe_store_replace_abort(of_store(s)->items);
}

static int cache_replace_remove(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    int code = tarn_key_of(&of_store(s)->key, obj, &scratch, &key, err);

    if (!code)
        tarn_thread_safe_store_replace_remove(of_store(s)->items, key);
    scratch_release(&scratch);
    return code;
}

static int cache_resync(struct tarn_store *s, struct tarn_error *err)
{
    (void)s;
    (void)err;
    return 0; /* S-9 */
}

static int cache_bookmark(struct tarn_store *s, struct tarn_bytes resource_version)
{
    return tarn_thread_safe_store_bookmark(of_store(s)->items, resource_version);
}

static int cache_last_resource_version(struct tarn_store *s, struct tarn_buf *ret)
{
    return tarn_thread_safe_store_last_resource_version(of_store(s)->items, ret);
}

/* The keys and objects that the changes of a transaction come to; a failure is that change's code. */
static void txns_make(struct cache *c, const struct tarn_txn *txns, size_t n, struct keyed *keyed,
                      struct tarn_keyed_txn *ret)
{
    for (size_t i = 0; i < n; i++) {
        int code = txns[i].type == TARN_TXN_DELETE
                       ? tarn_key_of(&c->key, txns[i].obj, &keyed[i].scratch, &keyed[i].key, NULL)
                       : keyed_make(c, txns[i].obj, &keyed[i], NULL);

        ret[i] = (struct tarn_keyed_txn){
            .type = txns[i].type,
            .key = keyed[i].key,
            .obj = txns[i].type == TARN_TXN_DELETE ? txns[i].obj : keyed[i].obj,
            .code = code,
        };
    }
}

int tarn_cache_transaction(struct tarn_indexer *x, const struct tarn_txn *txns, size_t n, int *ret_codes,
                           struct tarn_error *err)
{
    struct cache *c = of_indexer(x);
    struct keyed *keyed = calloc(n + 1, sizeof *keyed);
    struct tarn_keyed_txn *made = calloc(n + 1, sizeof *made);
    size_t failed;
    int first = 0;

    if (!keyed || !made) {
        free(keyed);
        free(made);
        return tarn_error_set(err, TARN_E_NOMEM, "no memory for a transaction; nothing changed");
    }
    txns_make(c, txns, n, keyed, made);
    failed = tarn_thread_safe_store_transaction(c->items, made, n);
    for (size_t i = 0; i < n; i++) {
        first = first ? first : made[i].code;
        if (ret_codes)
            ret_codes[i] = made[i].code;
        keyed_release(&keyed[i]);
    }
    free(keyed);
    free(made);
    return first ? tarn_error_set(err, first, "%zu of %zu changes failed, the first with: %s", failed, n,
                                  tarn_strerror(first))
                 : 0;
}

/* ---- what comes out ------------------------------------------------------------------------------- */

static int cache_get(struct tarn_store *s, const struct tarn_object *obj, const struct tarn_object **ret,
                     struct tarn_error *err)
{
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    int code;

    tarn_blob_prefetch(obj, PREFETCH_KEY_BYTES);
    code = tarn_key_of(&of_store(s)->key, obj, &scratch, &key, err);
    if (!code)
        code = tarn_thread_safe_store_get(of_store(s)->items, key, ret);
    scratch_release(&scratch);
    return code;
}

static int cache_get_by_key(struct tarn_store *s, struct tarn_bytes key, const struct tarn_object **ret,
                            struct tarn_error *err)
{
    (void)err;
    return tarn_thread_safe_store_get(of_store(s)->items, key, ret);
}

static int cache_list(struct tarn_store *s, struct tarn_objects *ret)
{
    return tarn_thread_safe_store_list(of_store(s)->items, ret);
}

static int cache_list_keys(struct tarn_store *s, struct tarn_keys *ret)
{
    return tarn_thread_safe_store_list_keys(of_store(s)->items, ret);
}

static int cache_index(struct tarn_indexer *x, const char *name, const struct tarn_object *obj, struct tarn_objects *ret,
                       struct tarn_error *err)
{
    return tarn_thread_safe_store_index(of_indexer(x)->items, name, obj, ret, err);
}

static int cache_index_keys(struct tarn_indexer *x, const char *name, struct tarn_bytes value, struct tarn_keys *ret,
                            struct tarn_error *err)
{
    return tarn_thread_safe_store_index_keys(of_indexer(x)->items, name, value, ret, err);
}

static int cache_by_index(struct tarn_indexer *x, const char *name, struct tarn_bytes value, struct tarn_objects *ret,
                          struct tarn_error *err)
{
    return tarn_thread_safe_store_by_index(of_indexer(x)->items, name, value, ret, err);
}

static int cache_list_index_values(struct tarn_indexer *x, const char *name, struct tarn_keys *ret)
{
    return tarn_thread_safe_store_list_index_values(of_indexer(x)->items, name, ret);
}

static int cache_indexers(struct tarn_indexer *x, struct tarn_keys *ret)
{
    return tarn_thread_safe_store_indexers(of_indexer(x)->items, ret);
}

static int cache_add_indexers(struct tarn_indexer *x, const struct tarn_index_func *funcs, size_t n,
                              struct tarn_error *err)
{
    return tarn_thread_safe_store_add_indexers(of_indexer(x)->items, funcs, n, err);
}

size_t tarn_cache_count(struct tarn_indexer *x)
{
    return tarn_thread_safe_store_count(of_indexer(x)->items);
}

void tarn_cache_counters(struct tarn_indexer *x, struct tarn_cache_counters *ret)
{
    tarn_thread_safe_store_counters(of_indexer(x)->items, ret);
}

/* ---- life ------------------------------------------------------------------------------------------- */

static void cache_free(struct tarn_store *s)
{
    tarn_thread_safe_store_free(of_store(s)->items);
    free(of_store(s));
}

static const struct tarn_store_ops store_ops = {
    .add = cache_add,
    .update = cache_add, /* S-1: one act */
    .del = cache_del,
    .get = cache_get,
    .get_by_key = cache_get_by_key,
    .list = cache_list,
    .list_keys = cache_list_keys,
    .replace_begin = cache_replace_begin,
    .replace_add = cache_replace_add,
    .replace_commit = cache_replace_commit,
    .replace_abort = cache_replace_abort,
    .replace_remove = cache_replace_remove,
    .resync = cache_resync,
    .bookmark = cache_bookmark,
    .last_resource_version = cache_last_resource_version,
    .free = cache_free,
};

static const struct tarn_indexer_ops indexer_ops = {
    .index = cache_index,
    .index_keys = cache_index_keys,
    .by_index = cache_by_index,
    .list_index_values = cache_list_index_values,
    .indexers = cache_indexers,
    .add_indexers = cache_add_indexers,
};

int tarn_cache_new(const struct tarn_cache_options *o, struct tarn_indexer **ret, struct tarn_error *err)
{
    static const struct tarn_cache_options defaults;
    struct cache *c = calloc(1, sizeof *c);
    int code;

    if (!c)
        return tarn_error_set(err, TARN_E_NOMEM, "no memory for a cache");
    o = o ? o : &defaults;
    c->base = (struct tarn_indexer){.store = {.ops = &store_ops}, .ops = &indexer_ops};
    c->key = o->key.fn ? o->key : tarn_key_func_meta_namespace();
    c->transform = o->transform;
    code = tarn_thread_safe_store_new(
        &(struct tarn_thread_safe_store_options){.indexers = o->indexers,
                                                 .indexer_count = o->indexer_count,
                                                 .lenient_index = o->lenient_index,
                                                 .monotonic_rv = o->monotonic_rv},
        &c->items, err);
    if (code) {
        free(c);
        return code;
    }
    *ret = &c->base;
    return 0;
}
