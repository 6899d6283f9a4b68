/* content.c - entries, their arrays and their indexes; see content.h. */
#include "content.h"

#include <stdlib.h>

#include "blob.h"
#include "pages.h"

#define ENTRIES_MAX (UINT32_C(1) << 30) /* entry numbers are 32 bits, and the map is at most 3/4 full */

/* The key of a stored object, which is on the heap and does not change: what tarn_object_key does without its care for that. */
static inline struct tarn_bytes own_key(const struct tarn_object *obj)
{
    if (sizeof *obj + obj->klen >= obj->size)
        return (struct tarn_bytes){0};
    return (struct tarn_bytes){.data = (const char *)(obj + 1), .len = obj->klen};
}

static inline struct tarn_bytes slot_key(const void *ctx, const struct tarn_map_slot *s)
{
    const struct tarn_content *c = ctx;

    if (__builtin_expect(c->keys && c->keys[s->id].data, 0))
        return c->keys[s->id];
    __builtin_prefetch((const char *)s->p - 16, 1); /* its count, which who finds it will change; often another line than the key */
    return own_key(s->p);
}

static inline struct tarn_map_keys by_key(const struct tarn_content *c)
{
    return (struct tarn_map_keys){.key_of = slot_key, .ctx = c};
}

static inline struct tarn_map_slot *find(const struct tarn_content *c, uint32_t hash, struct tarn_bytes key)
{
    return tarn_map_find(&c->map, hash, key, by_key(c));
}

struct tarn_map_slot *tarn_content_find(const struct tarn_content *c, struct tarn_bytes key)
{
    return find(c, tarn_map_hash(&c->map, key), key);
}

/* What a change of entry id will touch, asked for before it is needed: the misses overlap instead of adding up. */
static void prefetch_entry(const struct tarn_content *c, uint32_t id)
{
    __builtin_prefetch(&c->objs[id], 1);
    for (size_t i = 0; i < c->index_count; i++)
        __builtin_prefetch(&c->indexes[i].links[id], 1);
}

struct tarn_bytes tarn_content_key(const struct tarn_content *c, uint32_t id)
{
    const struct tarn_map_slot s = {.p = c->objs[id], .id = id};

    return slot_key(c, &s);
}

static void keys_free(struct tarn_bytes *keys, size_t n)
{
    if (keys)
        for (size_t i = 0; i < n; i++)
            free((char *)(uintptr_t)keys[i].data);
    free(keys);
}

struct tarn_objects tarn_content_take_objects(struct tarn_content *c)
{
    struct tarn_objects objs = {.v = c->objs, .n = c->n, .cap = c->cap};

    for (size_t i = 0; i < c->index_count; i++)
        tarn_index_release(&c->indexes[i], c->n);
    free(c->indexes);
    keys_free(c->keys, c->n);
    free(c->hashes);
    tarn_map_release(&c->map);
    tarn_index_values_release(&c->values);
    *c = (struct tarn_content){0};
    return objs;
}

void tarn_content_release(struct tarn_content *c)
{
    struct tarn_objects objs = tarn_content_take_objects(c);

    tarn_objects_release(&objs);
}

/* ---- room -------------------------------------------------------------------------------------- */

static int array_grow(void **p, size_t cap, size_t size)
{
    void *q = realloc(*p, cap * size);

    if (!q)
        return TARN_E_NOMEM;
    tarn_pages_hint(q, cap * size);
    *p = q;
    return 0;
}

static int arrays_reserve(struct tarn_content *c, size_t n)
{
    size_t cap = c->cap ? c->cap : 16;
    void *objs = c->objs, *hashes = c->hashes, *keys = c->keys;
    int err;

    if (n <= c->cap)
        return 0;
    while (cap < n)
        cap *= 2;
    err = array_grow(&objs, cap, sizeof *c->objs);
    if (!err)
        err = array_grow(&hashes, cap, sizeof *c->hashes);
    if (!err && c->keys)
        err = array_grow(&keys, cap, sizeof *c->keys);
    c->objs = objs; /* those that grew stay grown */
    c->hashes = hashes;
    c->keys = keys;
    if (!err)
        c->cap = cap;
    return err;
}

/* Room for one more entry everywhere. */
static int reserve(struct tarn_content *c)
{
    int err = c->n + 1 > ENTRIES_MAX ? TARN_E_LIMIT : tarn_map_reserve(&c->map, c->n + 1);

    if (!err)
        err = arrays_reserve(c, c->n + 1);
    for (size_t i = 0; !err && i < c->index_count; i++)
        err = tarn_index_reserve(&c->indexes[i], c->cap);
    return err;
}

/* ---- foreign keys ----------------------------------------------------------------------------- */

/*
 * The copy of key that an entry must own, or nothing if key is obj's own. Makes the array of keys at the first foreign one.
 */
static int foreign_key(struct tarn_content *c, struct tarn_bytes key, const struct tarn_object *obj, struct tarn_bytes *ret)
{
    struct tarn_bytes own = own_key(obj);
    char *copy;

    *ret = (struct tarn_bytes){0};
    if ((key.data == own.data && key.len == own.len) || tarn_bytes_equal(key, own))
        return 0;
    if (!c->keys && !(c->keys = calloc(c->cap, sizeof *c->keys)))
        return TARN_E_NOMEM;
    copy = malloc(key.len + 1);
    if (!copy)
        return TARN_E_NOMEM;
    if (key.len)
        memcpy(copy, key.data, key.len);
    copy[key.len] = 0;
    *ret = (struct tarn_bytes){.data = copy, .len = key.len};
    return 0;
}

/* ---- changes ------------------------------------------------------------------------------------ */

static void cancel(struct tarn_content *c, size_t prepared)
{
    for (size_t i = 0; i < prepared; i++)
        tarn_index_cancel(&c->indexes[i]);
}

static int values_of(struct tarn_content *c, const struct tarn_index *x, const struct tarn_object *obj,
                     struct tarn_error *err)
{
    int code;

    tarn_index_values_clear(&c->values);
    code = x->func.fn(x->func.ctx, obj, &c->values);
    if (!code || code == TARN_E_NOMEM)
        return code;
    if (!c->lenient)
        return tarn_error_set(err, TARN_E_INDEX, "index %s: %s", x->func.name, tarn_strerror(code));
    c->index_errors++;
    tarn_index_values_clear(&c->values);
    return 0;
}

static int indexes_prepare(struct tarn_content *c, uint32_t id, bool existing, const struct tarn_object *obj,
                           struct tarn_error *err)
{
    for (size_t i = 0; i < c->index_count; i++) {
        int code = values_of(c, &c->indexes[i], obj, err);

        if (!code)
            code = tarn_index_prepare(&c->indexes[i], id, existing, &c->values);
        if (code) {
            cancel(c, i);
            return code;
        }
    }
    return 0;
}

static void indexes_apply(struct tarn_content *c, uint32_t id, bool existing)
{
    for (size_t i = 0; i < c->index_count; i++)
        tarn_index_apply(&c->indexes[i], id, existing);
}

static void key_set(struct tarn_content *c, uint32_t id, bool existing, struct tarn_bytes key)
{
    if (!c->keys)
        return;
    if (existing)
        free((char *)(uintptr_t)c->keys[id].data);
    c->keys[id] = key;
}

static int insert(struct tarn_content *c, uint32_t hash, struct tarn_bytes key, const struct tarn_object *obj,
                  struct tarn_error *err)
{
    uint32_t id = (uint32_t)c->n;
    struct tarn_bytes own = {0};
    int code = reserve(c);

    if (!code)
        code = foreign_key(c, key, obj, &own);
    if (!code)
        code = indexes_prepare(c, id, false, obj, err);
    if (code) {
        free((char *)(uintptr_t)own.data);
        return code;
    }
    indexes_apply(c, id, false);
    key_set(c, id, false, own);
    c->objs[id] = obj;
    c->hashes[id] = hash;
    tarn_map_put(&c->map, hash, obj, id);
    c->n++;
    return 0;
}

static int overwrite(struct tarn_content *c, struct tarn_map_slot *slot, struct tarn_bytes key,
                     const struct tarn_object *obj, struct tarn_error *err)
{
    struct tarn_bytes own;
    int code = foreign_key(c, key, obj, &own);

    if (!code)
        code = indexes_prepare(c, slot->id, true, obj, err);
    if (code) {
        free((char *)(uintptr_t)own.data);
        return code;
    }
    indexes_apply(c, slot->id, true);
    key_set(c, slot->id, true, own);
    c->objs[slot->id] = obj;
    slot->p = obj;
    return 0;
}

static int with_message(int code, struct tarn_error *err)
{
    if (code && code != TARN_E_INDEX) /* that one has its own */
        tarn_error_set(err, code, "%s", tarn_strerror(code));
    return code;
}

int tarn_content_set(struct tarn_content *c, struct tarn_bytes key, const struct tarn_object *obj,
                     const struct tarn_object **ret_old, struct tarn_error *err)
{
    const struct tarn_object *old;
    struct tarn_map_slot *slot;
    uint32_t hash;
    int code = c->map.cap ? 0 : tarn_map_reserve(&c->map, 1); /* an empty map has no seed to hash with */

    if (code)
        return with_message(code, err);
    hash = tarn_map_hash(&c->map, key);
    slot = find(c, hash, key);
    if (slot)
        prefetch_entry(c, slot->id);
    old = slot ? slot->p : NULL;
    code = slot ? overwrite(c, slot, key, obj, err) : insert(c, hash, key, obj, err);
    if (!code)
        *ret_old = old;
    return with_message(code, err);
}

/* The slot of the last entry: found by its number, so that its key is not read. */
static struct tarn_map_slot *slot_of_last(const struct tarn_content *c)
{
    size_t mask = c->map.cap - 1, i = c->hashes[c->n - 1] & mask;

    while (c->map.slots[i].id != c->n - 1 || !c->map.slots[i].p)
        i = (i + 1) & mask;
    return &c->map.slots[i];
}

const struct tarn_object *tarn_content_remove(struct tarn_content *c, struct tarn_map_slot *slot)
{
    const struct tarn_object *obj = slot->p;
    uint32_t id = slot->id, last = (uint32_t)c->n - 1;

    for (size_t i = 0; i < c->index_count; i++)
        tarn_index_remove(&c->indexes[i], id, last);
    slot_of_last(c)->id = id; /* before the removal, which may move it; if it is the same slot, it goes */
    tarn_map_remove(&c->map, slot);
    key_set(c, id, true, (struct tarn_bytes){0});
    if (c->keys) {
        c->keys[id] = c->keys[last];
        if (id != last)
            c->keys[last] = (struct tarn_bytes){0};
    }
    c->objs[id] = c->objs[last];
    c->hashes[id] = c->hashes[last];
    c->n--;
    return obj;
}

/* ---- indexes -------------------------------------------------------------------------------- */

struct tarn_index *tarn_content_index(const struct tarn_content *c, const char *name)
{
    for (size_t i = 0; i < c->index_count; i++)
        if (strcmp(c->indexes[i].func.name, name) == 0)
            return &c->indexes[i];
    return NULL;
}

static int names_check(const struct tarn_content *c, const struct tarn_index_func *funcs, size_t n, struct tarn_error *err)
{
    for (size_t i = 0; i < n; i++) {
        bool taken = tarn_content_index(c, funcs[i].name);

        for (size_t j = 0; j < i; j++)
            taken |= strcmp(funcs[i].name, funcs[j].name) == 0;
        if (taken)
            return tarn_error_set(err, TARN_E_INDEX_CONFLICT, "indexer conflict: %s", funcs[i].name);
    }
    return 0;
}

static int index_fill(struct tarn_content *c, struct tarn_index *x, struct tarn_error *err)
{
    int code = tarn_index_reserve(x, c->cap);

    for (uint32_t id = 0; !code && id < c->n; id++) {
        code = values_of(c, x, c->objs[id], err);
        if (!code)
            code = tarn_index_prepare(x, id, false, &c->values);
        if (code)
            tarn_index_release(x, id); /* entries from id on have no link yet */
        else
            tarn_index_apply(x, id, false);
    }
    return code;
}

int tarn_content_add_indexes(struct tarn_content *c, const struct tarn_index_func *funcs, size_t n, struct tarn_error *err)
{
    void *indexes = c->indexes;
    size_t made = 0;
    int code = names_check(c, funcs, n, err);

    if (code || n == 0)
        return code;
    code = array_grow(&indexes, c->index_count + n, sizeof *c->indexes);
    c->indexes = indexes;
    for (; !code && made < n; made++) {
        tarn_index_init(&c->indexes[c->index_count + made], &funcs[made]);
        code = index_fill(c, &c->indexes[c->index_count + made], err);
    }
    if (!code) {
        c->index_count += n;
        return 0;
    }
    for (size_t i = 0; i + 1 < made; i++) /* the one that failed has released itself */
        tarn_index_release(&c->indexes[c->index_count + i], c->n);
    return with_message(code, err);
}
