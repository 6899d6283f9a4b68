/* mutation_cache.c - MutationCache: the least-recently-used entries of what we wrote, over a store.
 *
 * An entry is an object we wrote, or the tombstone of one that an informer saw deleted: the object as it was, marked. Entries stand in
 * an array sorted by use, oldest first; at 100 entries a search through it costs less than it would to keep a map in step.
 */
#include <tarn/mutation_cache.h>

#include <stdlib.h>

#include <tarn/key.h>

#include "sync.h"

struct entry {
    const struct tarn_object *obj; /* owned */
    bool deleted;
    uint64_t until_ms;
};

struct tarn_mutation_cache {
    struct tarn_mutation_cache_options o;
    struct tarn_mutex lock; /* protects v and n; before the backing store's lock */
    struct entry v[TARN_MUTATION_CACHE_ENTRIES];
    size_t n;
};

/* ---- entries ------------------------------------------------------------------------------------- */

static struct tarn_bytes entry_key(const struct entry *e)
{
    return tarn_object_key(e->obj);
}

static void entry_remove(struct tarn_mutation_cache *m, struct entry *e)
{
    tarn_object_unref(e->obj);
    memmove(e, e + 1, (size_t)(m->v + m->n - e - 1) * sizeof *e);
    m->n--;
}

/* The entry of key, now the most recently used, or NULL. An entry past its time goes. */
static struct entry *entry_find(struct tarn_mutation_cache *m, struct tarn_bytes key)
{
    struct entry found;
    size_t i = m->n;

    while (i > 0 && !tarn_bytes_equal(entry_key(&m->v[i - 1]), key))
        i--;
    if (i == 0)
        return NULL;
    if (tarn_now_ms(m->o.rt) > m->v[i - 1].until_ms) {
        entry_remove(m, &m->v[i - 1]);
        return NULL;
    }
    found = m->v[i - 1];
    memmove(&m->v[i - 1], &m->v[i], (m->n - i) * sizeof found);
    m->v[m->n - 1] = found;
    return &m->v[m->n - 1];
}

/* Remember obj in the place of what is there; the least recently used makes room. */
static int entry_put(struct tarn_mutation_cache *m, const struct tarn_object *obj, bool deleted)
{
    const struct tarn_object *own = tarn_object_ref(obj);
    struct entry *old;

    if (!own)
        return TARN_E_NOMEM;
    old = entry_find(m, tarn_object_key(own));
    if (old)
        entry_remove(m, old);
    else if (m->n == TARN_MUTATION_CACHE_ENTRIES)
        entry_remove(m, &m->v[0]);
    m->v[m->n++] = (struct entry){.obj = own, .deleted = deleted, .until_ms = tarn_now_ms(m->o.rt) + m->o.ttl_ms};
    return 0;
}

/* ---- versions -------------------------------------------------------------------------------------- */

/* M-6: the empty text counts as 0; what is no number cannot be compared. */
static bool version_of(const struct tarn_object *obj, uint64_t *ret)
{
    struct tarn_bytes text;

    *ret = tarn_object_resource_version(obj);
    if (*ret)
        return true;
    text = tarn_object_resource_version_text(obj);
    return text.len == 0 || tarn_bytes_equal(text, TARN_BYTES("0"));
}

/* Whether a is older than b. False where they cannot be compared: the store's object wins then. */
static bool is_older(const struct tarn_object *a, const struct tarn_object *b)
{
    uint64_t x, y;

    return version_of(a, &x) && version_of(b, &y) && x < y;
}

static bool same_version(const struct tarn_object *a, const struct tarn_object *b)
{
    return tarn_bytes_equal(tarn_object_resource_version_text(a), tarn_object_resource_version_text(b));
}

static bool same_uid(const struct tarn_object *a, const struct tarn_object *b)
{
    return tarn_bytes_equal(tarn_object_uid(a), tarn_object_uid(b));
}

/* M-2: the newer of the store's object (an owned reference, taken over) and the entry under its key. Owned. */
static const struct tarn_object *newer(struct tarn_mutation_cache *m, struct tarn_bytes key, const struct tarn_object *backing)
{
    struct entry *e = entry_find(m, key);
    const struct tarn_object *obj;

    if (!e)
        return backing;
    if (!is_older(backing, e->obj)) {
        entry_remove(m, e);
        return backing;
    }
    if (e->deleted) /* an older state that the store still shows */
        return backing;
    obj = tarn_object_ref(e->obj);
    tarn_object_unref(backing);
    return obj;
}

/* ---- writes and events -------------------------------------------------------------------------------- */

/* M-4: whether the entry e says that obj is out of date. */
static bool outdated_by(const struct tarn_object *obj, const struct entry *e)
{
    if (is_older(obj, e->obj))
        return true;
    return e->deleted && (same_version(obj, e->obj) || same_uid(obj, e->obj));
}

int tarn_mutation_cache_mutation(struct tarn_mutation_cache *m, const struct tarn_object *obj, struct tarn_error *err)
{
    struct tarn_object_name name;
    const struct entry *e;
    int code = tarn_object_to_name(obj, &name, err);

    if (code)
        return TARN_E_KEY;
    tarn_mutex_lock(&m->lock);
    e = entry_find(m, tarn_object_key(obj));
    if (!e || !outdated_by(obj, e))
        code = entry_put(m, obj, false);
    tarn_mutex_unlock(&m->lock);
    return code ? tarn_error_set(err, code, "no memory to remember an object") : 0;
}

int tarn_mutation_cache_on_add_or_update(struct tarn_mutation_cache *m, const struct tarn_object *obj)
{
    struct entry *e;

    tarn_mutex_lock(&m->lock);
    e = entry_find(m, tarn_object_key(obj));
    if (e && !is_older(obj, e->obj))
        entry_remove(m, e);
    tarn_mutex_unlock(&m->lock);
    return 0;
}

int tarn_mutation_cache_on_delete(struct tarn_mutation_cache *m, const struct tarn_object *obj)
{
    const struct tarn_object *last = obj;
    const struct entry *e;
    int err = 0;

    if (tarn_object_flags(obj) & TARN_OBJECT_TOMBSTONE)
        last = tarn_object_final_state(obj);
    if (!last)
        return 0; /* no version and no uid to remember */
    tarn_mutex_lock(&m->lock);
    e = entry_find(m, tarn_object_key(last));
    if (!e || !is_older(last, e->obj) || same_uid(last, e->obj)) /* else what we wrote may be a later object */
        err = entry_put(m, last, true);
    tarn_mutex_unlock(&m->lock);
    return err;
}

/* ---- questions -------------------------------------------------------------------------------------------- */

static int get_locked(struct tarn_mutation_cache *m, struct tarn_bytes key, const struct tarn_object **ret,
                      struct tarn_error *err)
{
    const struct tarn_object *backing;
    const struct entry *e;
    int code = tarn_store_get_by_key(m->o.backing, key, &backing, err);

    if (!code) {
        *ret = newer(m, key, backing);
        return 0;
    }
    if (code != TARN_E_NOTFOUND || !m->o.include_adds)
        return code;
    e = entry_find(m, key);
    if (!e || e->deleted)
        return TARN_E_NOTFOUND;
    *ret = tarn_object_ref(e->obj);
    return 0;
}

int tarn_mutation_cache_get_by_key(struct tarn_mutation_cache *m, struct tarn_bytes key, const struct tarn_object **ret,
                                   struct tarn_error *err)
{
    int code;

    tarn_mutex_lock(&m->lock);
    code = get_locked(m, key, ret, err);
    tarn_mutex_unlock(&m->lock);
    return code;
}

/* The objects that the indexer has under these keys; those that have gone meanwhile lose their key (M-3). */
static int stored_ones(struct tarn_mutation_cache *m, struct tarn_keys *keys, struct tarn_objects *ret, struct tarn_error *err)
{
    size_t kept = 0;

    for (size_t i = 0; i < keys->n; i++) {
        const struct tarn_object *obj;
        int code = tarn_store_get_by_key(&m->o.indexer->store, keys->v[i], &obj, err);

        if (code == TARN_E_NOTFOUND)
            continue;
        if (!code) {
            obj = newer(m, keys->v[i], obj);
            code = tarn_objects_add(ret, obj);
            if (code)
                tarn_object_unref(obj);
        }
        if (code)
            return code;
        keys->v[kept++] = keys->v[i];
    }
    keys->n = kept;
    return 0;
}

static const struct tarn_index_func *index_func(const struct tarn_mutation_cache *m, const char *name)
{
    for (size_t i = 0; i < m->o.indexer_count; i++)
        if (strcmp(m->o.indexers[i].name, name) == 0)
            return &m->o.indexers[i];
    return NULL;
}

static bool has_value(const struct tarn_index_func *f, const struct tarn_object *obj, struct tarn_bytes value)
{
    struct tarn_index_values values = {0};
    bool has = false;

    if (f->fn(f->ctx, obj, &values) == 0)
        for (size_t i = 0; !has && i < values.n; i++)
            has = tarn_bytes_equal(values.v[i], value);
    tarn_index_values_release(&values);
    return has;
}

/* include_adds: what the indexer does not have under this value (keys are those it has). */
static int added_ones(struct tarn_mutation_cache *m, const char *name, struct tarn_bytes value, const struct tarn_keys *keys,
                      struct tarn_objects *ret)
{
    const struct tarn_index_func *f = index_func(m, name);
    uint64_t now_ms = tarn_now_ms(m->o.rt);
    int err = 0;

    for (size_t i = 0; f && !err && i < m->n; i++) {
        const struct entry *e = &m->v[i];

        if (e->deleted || now_ms > e->until_ms || tarn_keys_find(keys, entry_key(e)) < keys->n || !has_value(f, e->obj, value))
            continue;
        err = tarn_objects_add(ret, tarn_object_ref(e->obj));
        if (err)
            tarn_object_unref(e->obj);
    }
    return err;
}

int tarn_mutation_cache_by_index(struct tarn_mutation_cache *m, const char *name, struct tarn_bytes value,
                                 struct tarn_objects *ret, struct tarn_error *err)
{
    struct tarn_keys keys = {0};
    int code;

    if (!m->o.indexer)
        return tarn_error_set(err, TARN_E_UNSUPPORTED, "no indexer has been provided to the mutation cache");
    tarn_mutex_lock(&m->lock);
    code = tarn_indexer_index_keys(m->o.indexer, name, value, &keys, err);
    if (!code)
        code = stored_ones(m, &keys, ret, err);
    if (!code && m->o.include_adds)
        code = added_ones(m, name, value, &keys, ret);
    tarn_mutex_unlock(&m->lock);
    tarn_keys_release(&keys);
    if (code)
        tarn_objects_release(ret);
    return code;
}

/* ---- life ----------------------------------------------------------------------------------------------------- */

int tarn_mutation_cache_new(const struct tarn_mutation_cache_options *o, struct tarn_mutation_cache **ret,
                            struct tarn_error *err)
{
    struct tarn_mutation_cache *m;

    if (!o->rt || !o->backing)
        return tarn_error_set(err, TARN_E_INVAL, "a mutation cache needs a clock and a backing store: set rt and backing");
    m = calloc(1, sizeof *m);
    if (!m)
        return tarn_error_set(err, TARN_E_NOMEM, "no memory for a mutation cache");
    m->o = *o;
    if (!m->o.ttl_ms)
        m->o.ttl_ms = TARN_MUTATION_CACHE_TTL_MS;
    tarn_mutex_init(&m->lock);
    *ret = m;
    return 0;
}

void tarn_mutation_cache_free(struct tarn_mutation_cache *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n; i++)
        tarn_object_unref(m->v[i].obj);
    tarn_mutex_release(&m->lock);
    free(m);
}
