/* thread_safe_store.c - one readers-writer lock around a content, its leases and its resourceVersion.
 *
 * A read holds the lock for one look at the content. A write prepares what may fail (content.h, lease.h), applies it, and lets go of
 * what it replaced after the lock is free. A Replace fills a content of its own outside the lock.
 */
#include <tarn/thread_safe_store.h>

#include <stdlib.h>

#include "content.h"
#include "lease.h"
#include "sync.h"

struct resource_version {
    uint64_t number;      /* the last one, where it is a number; else 0 and `text` */
    struct tarn_buf text; /* room for a number is there from the start */
    bool is_text;
};

struct tarn_thread_safe_store {
    struct tarn_rwlock lock; /* protects content, rv, counters */
    struct tarn_content content;
    struct tarn_leases *leases;
    struct resource_version rv;
    bool monotonic_rv;
    uint64_t rv_rewinds;
    struct tarn_baton replacing; /* its holder owns `staged`; taken before `lock` */
    struct tarn_content staged;
};

/* ---- life ------------------------------------------------------------------------------------ */

int tarn_thread_safe_store_new(const struct tarn_thread_safe_store_options *o, struct tarn_thread_safe_store **ret,
                               struct tarn_error *err)
{
    static const struct tarn_thread_safe_store_options defaults;
    struct tarn_thread_safe_store *s = calloc(1, sizeof *s);
    int code;

    if (!s)
        return tarn_error_set(err, TARN_E_NOMEM, "no memory for a store");
    o = o ? o : &defaults;
    s->content.lenient = o->lenient_index;
    s->monotonic_rv = o->monotonic_rv;
    code = tarn_content_add_indexes(&s->content, o->indexers, o->indexer_count, err);
    if (!code)
        code = tarn_leases_new(&s->leases);
    if (code) {
        tarn_content_release(&s->content);
        free(s);
        return code;
    }
    tarn_rwlock_init(&s->lock);
    tarn_baton_init(&s->replacing);
    *ret = s;
    return 0;
}

void tarn_thread_safe_store_free(struct tarn_thread_safe_store *s)
{
    struct tarn_objects left;

    if (!s)
        return;
    left = tarn_content_take_objects(&s->content);
    tarn_leases_close(s->leases, left.v, left.n);
    tarn_content_release(&s->staged);
    tarn_buf_release(&s->rv.text);
    tarn_rwlock_release(&s->lock);
    tarn_baton_release(&s->replacing);
    free(s);
}

/* ---- resourceVersion (S-12, S-13) ------------------------------------------------------------- */

static uint64_t decimal(struct tarn_bytes text)
{
    uint64_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || n > (UINT64_MAX - 9) / 10)
            return 0;
        n = n * 10 + (uint64_t)(text.data[i] - '0');
    }
    return n;
}

/* False if the resourceVersion must stay: the monotonic mode counts the rewind instead. */
static bool rv_may_become(struct tarn_thread_safe_store *s, uint64_t number)
{
    if (!s->monotonic_rv || number >= s->rv.number)
        return true;
    s->rv_rewinds++;
    return false;
}

static int rv_reserve(struct tarn_thread_safe_store *s, struct tarn_bytes text)
{
    tarn_buf_clear(&s->rv.text);
    return tarn_buf_reserve(&s->rv.text, text.len);
}

/* Room for text must have been reserved. */
static void rv_set_text(struct tarn_thread_safe_store *s, struct tarn_bytes text)
{
    uint64_t number = decimal(text);

    if (!rv_may_become(s, number))
        return;
    if (text.len)
        memcpy(s->rv.text.data, text.data, text.len);
    s->rv.text.len = text.len;
    s->rv.is_text = true;
    s->rv.number = number;
}

/* An object without metadata leaves it as it is. */
static bool has_rv(const struct tarn_object *obj)
{
    return !(tarn_object_flags(obj) & (TARN_OBJECT_NO_META | TARN_OBJECT_TOMBSTONE | TARN_OBJECT_EXPLICIT_KEY));
}

/* Take the memory that rv_set_object needs, before anything changes. */
static int rv_reserve_object(struct tarn_thread_safe_store *s, const struct tarn_object *obj)
{
    if (!obj || !has_rv(obj) || tarn_object_resource_version(obj))
        return 0;
    return tarn_buf_reserve(&s->rv.text, tarn_object_resource_version_text(obj).len);
}

static void rv_set_object(struct tarn_thread_safe_store *s, const struct tarn_object *obj)
{
    uint64_t number;

    if (!obj || !has_rv(obj))
        return;
    number = tarn_object_resource_version(obj);
    if (!number) {
        s->rv.text.len = 0;
        rv_set_text(s, tarn_object_resource_version_text(obj));
    } else if (rv_may_become(s, number)) {
        s->rv.number = number;
        s->rv.is_text = false;
    }
}

int tarn_thread_safe_store_bookmark(struct tarn_thread_safe_store *s, struct tarn_bytes resource_version)
{
    int err;

    tarn_rwlock_write_lock(&s->lock);
    err = rv_reserve(s, resource_version);
    if (!err)
        rv_set_text(s, resource_version);
    tarn_rwlock_write_unlock(&s->lock);
    return err;
}

int tarn_thread_safe_store_last_resource_version(struct tarn_thread_safe_store *s, struct tarn_buf *ret)
{
    int err;

    tarn_rwlock_read_lock(&s->lock);
    if (s->rv.is_text || !s->rv.number)
        err = tarn_buf_add(ret, s->rv.text.data, s->rv.is_text ? s->rv.text.len : 0);
    else
        err = tarn_buf_addf(ret, "%llu", (unsigned long long)s->rv.number);
    tarn_rwlock_read_unlock(&s->lock);
    return err;
}

void tarn_thread_safe_store_counters(struct tarn_thread_safe_store *s, struct tarn_cache_counters *ret)
{
    tarn_rwlock_read_lock(&s->lock);
    *ret = (struct tarn_cache_counters){.index_errors = s->content.index_errors, .rv_rewinds = s->rv_rewinds};
    tarn_rwlock_read_unlock(&s->lock);
}

/* ---- one change -------------------------------------------------------------------------------- */

static int key_check(struct tarn_bytes key, struct tarn_error *err)
{
    if (key.len && memchr(key.data, 0, key.len))
        return tarn_error_set(err, TARN_E_KEY, "the key has a NUL in it");
    return 0;
}

/* Under the write lock; own is a reference that is taken over on success. *ret_old: what the caller lets go of. */
static int set_locked(struct tarn_thread_safe_store *s, struct tarn_bytes key, const struct tarn_object *own,
                      const struct tarn_object **ret_old, struct tarn_error *err)
{
    const struct tarn_object *old;
    int code = tarn_leases_reserve(s->leases, 1);

    if (!code)
        code = rv_reserve_object(s, own);
    if (code)
        return tarn_error_set(err, code, "no memory to store an object");
    code = tarn_content_set(&s->content, key, own, &old, err);
    if (code)
        return code;
    rv_set_object(s, own);
    *ret_old = old && tarn_leases_retire(s->leases, old) ? NULL : old;
    return 0;
}

static int delete_locked(struct tarn_thread_safe_store *s, struct tarn_bytes key, const struct tarn_object *obj,
                         const struct tarn_object **ret_old)
{
    struct tarn_map_slot *slot;
    const struct tarn_object *old = NULL;
    int code = tarn_leases_reserve(s->leases, 1);

    if (!code)
        code = rv_reserve_object(s, obj);
    if (code)
        return code;
    slot = tarn_content_find(&s->content, key);
    if (slot)
        old = tarn_content_remove(&s->content, slot);
    rv_set_object(s, obj);
    *ret_old = old && tarn_leases_retire(s->leases, old) ? NULL : old;
    return 0;
}

int tarn_thread_safe_store_add(struct tarn_thread_safe_store *s, struct tarn_bytes key, const struct tarn_object *obj,
                               struct tarn_error *err)
{
    const struct tarn_object *own, *old = NULL;
    int code = key_check(key, err);

    if (code)
        return code;
    own = tarn_object_ref(obj);
    if (!own)
        return tarn_error_set(err, TARN_E_NOMEM, "no memory for a copy of the object");
    tarn_rwlock_write_lock(&s->lock);
    code = set_locked(s, key, own, &old, err);
    tarn_rwlock_write_unlock(&s->lock);
    tarn_object_unref(code ? own : old);
    return code;
}

int tarn_thread_safe_store_delete(struct tarn_thread_safe_store *s, struct tarn_bytes key, const struct tarn_object *obj)
{
    const struct tarn_object *old = NULL;
    int code;

    tarn_rwlock_write_lock(&s->lock);
    code = delete_locked(s, key, obj, &old);
    tarn_rwlock_write_unlock(&s->lock);
    tarn_object_unref(old);
    return code;
}

/* *ret_old as in set_locked. */
static int txn_apply(struct tarn_thread_safe_store *s, const struct tarn_keyed_txn *t, const struct tarn_object **ret_old)
{
    const struct tarn_object *own;
    int code = key_check(t->key, NULL);

    if (code || t->type == TARN_TXN_DELETE)
        return code ? code : delete_locked(s, t->key, t->obj, ret_old);
    own = tarn_object_ref(t->obj);
    if (!own)
        return TARN_E_NOMEM;
    code = set_locked(s, t->key, own, ret_old, NULL);
    if (code)
        tarn_object_unref(own);
    return code;
}

size_t tarn_thread_safe_store_transaction(struct tarn_thread_safe_store *s, struct tarn_keyed_txn *txns, size_t n)
{
    size_t failed = 0;

    tarn_rwlock_write_lock(&s->lock);
    for (size_t i = 0; i < n; i++) {
        const struct tarn_object *old = NULL;

        if (!txns[i].code)
            txns[i].code = txn_apply(s, &txns[i], &old);
        tarn_object_unref(old);
        failed += txns[i].code != 0;
    }
    tarn_rwlock_write_unlock(&s->lock);
    return failed;
}

/* ---- Replace ------------------------------------------------------------------------------------ */

/* The indexes that a staged content needs are those of the store now. */
static int staged_index(struct tarn_thread_safe_store *s, struct tarn_error *err)
{
    const struct tarn_content *c = &s->content;
    int code = 0;

    for (size_t i = s->staged.index_count; !code && i < c->index_count; i++)
        code = tarn_content_add_indexes(&s->staged, &c->indexes[i].func, 1, err);
    return code;
}

int tarn_thread_safe_store_replace_begin(struct tarn_thread_safe_store *s, struct tarn_error *err)
{
    int code;

    tarn_baton_take(&s->replacing);
    tarn_rwlock_read_lock(&s->lock);
    s->staged = (struct tarn_content){.lenient = s->content.lenient};
    code = staged_index(s, err);
    tarn_rwlock_read_unlock(&s->lock);
    if (code)
        tarn_thread_safe_store_replace_abort(s);
    return code;
}

int tarn_thread_safe_store_replace_add(struct tarn_thread_safe_store *s, struct tarn_bytes key,
                                       const struct tarn_object *obj, struct tarn_error *err)
{
    const struct tarn_object *own, *old = NULL;
    int code = key_check(key, err);

    if (code)
        return code;
    own = tarn_object_ref(obj);
    if (!own)
        return tarn_error_set(err, TARN_E_NOMEM, "no memory for a copy of the object");
    code = tarn_content_set(&s->staged, key, own, &old, err);
    tarn_object_unref(code ? own : old);
    return code;
}

void tarn_thread_safe_store_replace_remove(struct tarn_thread_safe_store *s, struct tarn_bytes key)
{
    struct tarn_map_slot *slot = tarn_content_find(&s->staged, key);

    if (slot)
        tarn_object_unref(tarn_content_remove(&s->staged, slot));
}

void tarn_thread_safe_store_replace_abort(struct tarn_thread_safe_store *s)
{
    tarn_content_release(&s->staged);
    tarn_baton_give(&s->replacing);
}

/* Under the write lock: swap, and keep the old objects for the lists that hold them. */
static int swap_locked(struct tarn_thread_safe_store *s, struct tarn_bytes resource_version, struct tarn_objects *ret_old,
                       struct tarn_error *err)
{
    struct tarn_content old;
    int code = staged_index(s, err);

    if (!code)
        code = tarn_leases_reserve(s->leases, s->content.n);
    if (!code)
        code = tarn_buf_reserve(&s->rv.text, resource_version.len);
    if (code)
        return code;
    old = s->content;
    s->staged.index_errors += old.index_errors;
    s->content = s->staged;
    s->staged = (struct tarn_content){0};
    rv_set_text(s, resource_version);
    *ret_old = tarn_content_take_objects(&old);
    for (size_t i = 0; i < ret_old->n; i++)
        if (tarn_leases_retire(s->leases, ret_old->v[i]))
            ret_old->v[i] = NULL;
    return 0;
}

int tarn_thread_safe_store_replace_commit(struct tarn_thread_safe_store *s, struct tarn_bytes resource_version,
                                          struct tarn_error *err)
{
    struct tarn_objects old = {0};
    int code;

    tarn_rwlock_write_lock(&s->lock);
    code = swap_locked(s, resource_version, &old, err);
    tarn_rwlock_write_unlock(&s->lock);
    tarn_objects_release(&old);
    if (code)
        tarn_thread_safe_store_replace_abort(s);
    else
        tarn_baton_give(&s->replacing);
    return code;
}

/* ---- reading ------------------------------------------------------------------------------------ */

int tarn_thread_safe_store_get(struct tarn_thread_safe_store *s, struct tarn_bytes key, const struct tarn_object **ret)
{
    const struct tarn_map_slot *slot;
    const struct tarn_object *obj = NULL;

    tarn_rwlock_read_lock(&s->lock);
    slot = tarn_content_find(&s->content, key);
    if (slot)
        obj = tarn_object_ref(slot->p); /* on the heap: only counts, cannot fail */
    tarn_rwlock_read_unlock(&s->lock);
    if (!obj)
        return TARN_E_NOTFOUND;
    *ret = obj;
    return 0;
}

size_t tarn_thread_safe_store_count(struct tarn_thread_safe_store *s)
{
    size_t n;

    tarn_rwlock_read_lock(&s->lock);
    n = s->content.n;
    tarn_rwlock_read_unlock(&s->lock);
    return n;
}

/* Room for n borrowed objects and the lease that keeps them; the store's lock is held. n is not 0. */
static int list_start(struct tarn_thread_safe_store *s, size_t n, struct tarn_objects *ret)
{
    const struct tarn_object **v = malloc(n * sizeof *v);

    if (!v)
        return TARN_E_NOMEM;
    *ret = (struct tarn_objects){.v = v, .cap = n, .lease = tarn_leases_take(s->leases)};
    return 0;
}

int tarn_thread_safe_store_list(struct tarn_thread_safe_store *s, struct tarn_objects *ret)
{
    int err = 0;

    tarn_rwlock_read_lock(&s->lock);
    if (s->content.n)
        err = list_start(s, s->content.n, ret);
    if (!err && s->content.n) {
        memcpy(ret->v, s->content.objs, s->content.n * sizeof *ret->v);
        ret->n = s->content.n;
    }
    tarn_rwlock_read_unlock(&s->lock);
    return err;
}

static int keys_of_all(const struct tarn_content *c, struct tarn_keys *ret)
{
    int err = tarn_keys_reserve(ret, c->n, 0);

    for (uint32_t id = 0; !err && id < c->n; id++)
        err = tarn_keys_add(ret, tarn_content_key(c, id));
    return err;
}

/* A list of keys that could not be finished is emptied. */
static int keys_finish(int err, struct tarn_keys *ret)
{
    if (err)
        tarn_keys_release(ret);
    return err;
}

int tarn_thread_safe_store_list_keys(struct tarn_thread_safe_store *s, struct tarn_keys *ret)
{
    int err;

    tarn_rwlock_read_lock(&s->lock);
    err = keys_of_all(&s->content, ret);
    tarn_rwlock_read_unlock(&s->lock);
    return keys_finish(err, ret);
}

/* ---- queries by index ------------------------------------------------------------------------- */

static int missing(const char *name, struct tarn_error *err)
{
    return tarn_error_set(err, TARN_E_INDEX_MISSING, "Index with name %s does not exist", name);
}

/* The objects of n entries. */
static int list_entries(struct tarn_thread_safe_store *s, const uint32_t *ids, size_t n, struct tarn_objects *ret)
{
    int err = n ? list_start(s, n, ret) : 0;

    if (err || n == 0)
        return err;
    for (size_t i = 0; i < n; i++)
        ret->v[i] = s->content.objs[ids[i]];
    ret->n = n;
    return 0;
}

int tarn_thread_safe_store_by_index(struct tarn_thread_safe_store *s, const char *name, struct tarn_bytes value,
                                    struct tarn_objects *ret, struct tarn_error *err)
{
    const struct tarn_index *x;
    const struct tarn_posting *p;
    int code = 0;

    tarn_rwlock_read_lock(&s->lock);
    x = tarn_content_index(&s->content, name);
    p = x ? tarn_index_find(x, value) : NULL;
    if (p)
        code = list_entries(s, p->ids, p->n, ret);
    tarn_rwlock_read_unlock(&s->lock);
    return x ? code : missing(name, err);
}

int tarn_thread_safe_store_index_keys(struct tarn_thread_safe_store *s, const char *name, struct tarn_bytes value,
                                      struct tarn_keys *ret, struct tarn_error *err)
{
    const struct tarn_index *x;
    const struct tarn_posting *p;
    int code = 0;

    tarn_rwlock_read_lock(&s->lock);
    x = tarn_content_index(&s->content, name);
    p = x ? tarn_index_find(x, value) : NULL;
    for (uint32_t i = 0; p && !code && i < p->n; i++)
        code = tarn_keys_add(ret, tarn_content_key(&s->content, p->ids[i]));
    tarn_rwlock_read_unlock(&s->lock);
    tarn_keys_sort(ret);
    return x ? keys_finish(code, ret) : missing(name, err);
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* The entries under any of the values, each once, in an array from malloc. */
static int union_of(const struct tarn_index *x, const struct tarn_index_values *values, uint32_t **ret, size_t *ret_n)
{
    size_t room = 0, n = 0, kept = 0;
    uint32_t *ids;

    for (size_t i = 0; i < values->n; i++) {
        const struct tarn_posting *p = tarn_index_find(x, values->v[i]);

        room += p ? p->n : 0;
    }
    ids = malloc((room + 1) * sizeof *ids);
    if (!ids)
        return TARN_E_NOMEM;
    for (size_t i = 0; i < values->n; i++) {
        const struct tarn_posting *p = tarn_index_find(x, values->v[i]);

        if (p)
            memcpy(ids + n, p->ids, p->n * sizeof *ids);
        n += p ? p->n : 0;
    }
    if (values->n > 1)
        qsort(ids, n, sizeof *ids, compare_ids);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || ids[kept - 1] != ids[i] || values->n == 1)
            ids[kept++] = ids[i];
    *ret = ids;
    *ret_n = kept;
    return 0;
}

static int index_locked(struct tarn_thread_safe_store *s, const struct tarn_index *x, const struct tarn_object *obj,
                        struct tarn_objects *ret, struct tarn_error *err)
{
    struct tarn_index_values values = {0};
    uint32_t *ids = NULL;
    size_t n = 0;
    int code = x->func.fn(x->func.ctx, obj, &values);

    if (code)
        tarn_error_set(err, code, "index %s: %s", x->func.name, tarn_strerror(code));
    else
        code = union_of(x, &values, &ids, &n);
    if (!code)
        code = list_entries(s, ids, n, ret);
    free(ids);
    tarn_index_values_release(&values);
    return code;
}

int tarn_thread_safe_store_index(struct tarn_thread_safe_store *s, const char *name, const struct tarn_object *obj,
                                 struct tarn_objects *ret, struct tarn_error *err)
{
    const struct tarn_index *x;
    int code = 0;

    tarn_rwlock_read_lock(&s->lock);
    x = tarn_content_index(&s->content, name);
    if (x)
        code = index_locked(s, x, obj, ret, err);
    tarn_rwlock_read_unlock(&s->lock);
    return x ? code : missing(name, err);
}

int tarn_thread_safe_store_list_index_values(struct tarn_thread_safe_store *s, const char *name, struct tarn_keys *ret)
{
    const struct tarn_index *x;
    int err = 0;

    tarn_rwlock_read_lock(&s->lock);
    x = tarn_content_index(&s->content, name);
    for (size_t i = 0; x && !err && i < x->values.cap; i++)
        if (x->values.slots[i].p)
            err = tarn_keys_add(ret, ((const struct tarn_posting *)x->values.slots[i].p)->value);
    tarn_rwlock_read_unlock(&s->lock);
    return keys_finish(err, ret);
}

int tarn_thread_safe_store_indexers(struct tarn_thread_safe_store *s, struct tarn_keys *ret)
{
    int err = 0;

    tarn_rwlock_read_lock(&s->lock);
    for (size_t i = 0; !err && i < s->content.index_count; i++)
        err = tarn_keys_add(ret, tarn_bytes_of(s->content.indexes[i].func.name));
    tarn_rwlock_read_unlock(&s->lock);
    return keys_finish(err, ret);
}

int tarn_thread_safe_store_add_indexers(struct tarn_thread_safe_store *s, const struct tarn_index_func *funcs, size_t n,
                                        struct tarn_error *err)
{
    int code;

    tarn_rwlock_write_lock(&s->lock);
    code = tarn_content_add_indexes(&s->content, funcs, n, err);
    tarn_rwlock_write_unlock(&s->lock);
    return code;
}
