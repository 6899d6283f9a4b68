/* heap.c - Heap: a binary heap of nodes, and a map from each key to its node, which knows its place in the heap. */
#include <tarn/heap.h>

#include <stdlib.h>

#include <tarn/key.h>

#include "map.h"
#include "sync.h"

struct node {
    const struct tarn_object *obj; /* owned */
    size_t at;                     /* in the heap's array */
    size_t klen;
    uint32_t hash;
    char key[];
};

struct tarn_heap {
    struct tarn_mutex lock; /* protects all that follows */
    struct tarn_cond filled;
    bool closed;
    struct tarn_key_func key;
    struct tarn_less_func less;
    struct tarn_map map; /* key → node */
    struct node **v;     /* v[0] is the least; v[i] is not after v[2i+1] and v[2i+2] */
    size_t n, cap;
};

/* ---- nodes ------------------------------------------------------------------------------------ */

static struct tarn_bytes slot_key(const void *ctx, const struct tarn_map_slot *s)
{
    const struct node *n = s->p;

    (void)ctx;
    return (struct tarn_bytes){n->key, n->klen};
}

static struct tarn_map_slot *find(const struct tarn_heap *h, struct tarn_bytes key)
{
    return tarn_map_find(&h->map, tarn_map_hash(&h->map, key), key, (struct tarn_map_keys){.key_of = slot_key});
}

static void place(struct tarn_heap *h, struct node *n, size_t at)
{
    h->v[at] = n;
    n->at = at;
}

static bool before(const struct tarn_heap *h, const struct node *a, const struct node *b)
{
    return h->less.fn(h->less.ctx, a->obj, b->obj);
}

static void sift_up(struct tarn_heap *h, struct node *n)
{
    size_t at = n->at;

    while (at > 0 && before(h, n, h->v[(at - 1) / 2])) {
        place(h, h->v[(at - 1) / 2], at);
        at = (at - 1) / 2;
    }
    place(h, n, at);
}

static void sift_down(struct tarn_heap *h, struct node *n)
{
    size_t at = n->at, child;

    while ((child = 2 * at + 1) < h->n) {
        if (child + 1 < h->n && before(h, h->v[child + 1], h->v[child]))
            child++;
        if (!before(h, h->v[child], n))
            break;
        place(h, h->v[child], at);
        at = child;
    }
    place(h, n, at);
}

/* n's object changed, or n came here from elsewhere. */
static void fix(struct tarn_heap *h, struct node *n)
{
    sift_up(h, n);
    sift_down(h, n);
}

static int reserve(struct tarn_heap *h)
{
    size_t cap = h->cap ? h->cap * 2 : 16;
    struct node **v;

    if (h->n < h->cap)
        return 0;
    v = realloc(h->v, cap * sizeof *v);
    if (!v)
        return TARN_E_NOMEM;
    h->v = v;
    h->cap = cap;
    return 0;
}

static int insert(struct tarn_heap *h, struct tarn_bytes key, const struct tarn_object *obj)
{
    struct node *n;

    if (reserve(h) || tarn_map_reserve(&h->map, h->map.n + 1))
        return TARN_E_NOMEM;
    n = malloc(sizeof *n + key.len);
    if (!n)
        return TARN_E_NOMEM;
    *n = (struct node){.obj = obj, .klen = key.len, .hash = tarn_map_hash(&h->map, key)};
    if (key.len)
        memcpy(n->key, key.data, key.len);
    tarn_map_put(&h->map, n->hash, n, 0);
    place(h, n, h->n++);
    sift_up(h, n);
    return 0;
}

/* Take n out; its object is the caller's. */
static const struct tarn_object *take(struct tarn_heap *h, struct node *n)
{
    const struct tarn_object *obj = n->obj;
    struct node *last = h->v[--h->n];

    tarn_map_remove(&h->map, tarn_map_slot_of(&h->map, n->hash, n));
    if (last != n) {
        place(h, last, n->at);
        fix(h, last);
    }
    free(n);
    return obj;
}

/* ---- putting in -------------------------------------------------------------------------------- */

static int closed(struct tarn_error *err)
{
    return tarn_error_set(err, TARN_E_CLOSED, "heap is closed");
}

/* The lock is held. */
static int put(struct tarn_heap *h, const struct tarn_object *obj, bool only_if_absent, struct tarn_error *err)
{
    const struct tarn_object *own = tarn_object_ref(obj), *old = own;
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    struct tarn_map_slot *s;
    int code = own ? tarn_key_of(&h->key, own, &scratch, &key, err) : tarn_error_set(err, TARN_E_NOMEM, "no memory");

    if (!code && h->closed) /* a bad object is told first, as in the original */
        code = closed(err);
    if (!code) {
        s = find(h, key);
        if (!s) {
            code = insert(h, key, own);
            old = code ? own : NULL;
        } else if (!only_if_absent) {
            struct node *n = (struct node *)(uintptr_t)s->p;

            old = n->obj;
            n->obj = own;
            fix(h, n);
        }
        if (code)
            tarn_error_set(err, code, "no memory for a heap's node; the heap is as before");
    }
    tarn_object_unref(old);
    tarn_buf_release(&scratch);
    return code;
}

static int put_one(struct tarn_heap *h, const struct tarn_object *obj, bool only_if_absent, struct tarn_error *err)
{
    int code;

    tarn_mutex_lock(&h->lock);
    code = put(h, obj, only_if_absent, err);
    if (!code)
        tarn_cond_signal(&h->filled);
    tarn_mutex_unlock(&h->lock);
    return code;
}

int tarn_heap_add(struct tarn_heap *h, const struct tarn_object *obj, struct tarn_error *err)
{
    return put_one(h, obj, false, err);
}

int tarn_heap_add_if_not_present(struct tarn_heap *h, const struct tarn_object *obj, struct tarn_error *err)
{
    return put_one(h, obj, true, err);
}

int tarn_heap_bulk_add(struct tarn_heap *h, const struct tarn_object *const *objs, size_t n, struct tarn_error *err)
{
    int code;

    tarn_mutex_lock(&h->lock);
    code = h->closed ? closed(err) : 0;
    for (size_t i = 0; !code && i < n; i++)
        code = put(h, objs[i], false, err);
    tarn_cond_broadcast(&h->filled); /* also midway: what is in can be popped */
    tarn_mutex_unlock(&h->lock);
    return code;
}

/* ---- taking out --------------------------------------------------------------------------------- */

int tarn_heap_delete(struct tarn_heap *h, const struct tarn_object *obj, struct tarn_error *err)
{
    const struct tarn_object *old = NULL;
    struct tarn_buf scratch = {0};
    struct tarn_map_slot *s;
    struct tarn_bytes key;
    int code = tarn_key_of(&h->key, obj, &scratch, &key, err);

    if (!code) {
        tarn_mutex_lock(&h->lock);
        s = find(h, key);
        if (s)
            old = take(h, (struct node *)(uintptr_t)s->p);
        tarn_mutex_unlock(&h->lock);
        if (!old)
            code = tarn_error_set(err, TARN_E_NOTFOUND, "object not found");
    }
    tarn_object_unref(old);
    tarn_buf_release(&scratch);
    return code;
}

int tarn_heap_pop(struct tarn_heap *h, const struct tarn_object **ret, struct tarn_error *err)
{
    int code = 0;

    tarn_mutex_lock(&h->lock);
    while (h->n == 0 && !h->closed)
        tarn_cond_wait(&h->filled, &h->lock);
    if (h->n)
        *ret = take(h, h->v[0]);
    else
        code = closed(err);
    tarn_mutex_unlock(&h->lock);
    return code;
}

/* ---- looking -------------------------------------------------------------------------------------- */

int tarn_heap_get_by_key(struct tarn_heap *h, struct tarn_bytes key, const struct tarn_object **ret)
{
    const struct tarn_object *obj = NULL;
    struct tarn_map_slot *s;

    tarn_mutex_lock(&h->lock);
    s = find(h, key);
    if (s)
        obj = tarn_object_ref(((const struct node *)s->p)->obj);
    tarn_mutex_unlock(&h->lock);
    if (!obj)
        return TARN_E_NOTFOUND;
    *ret = obj;
    return 0;
}

int tarn_heap_get(struct tarn_heap *h, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err)
{
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    int code = tarn_key_of(&h->key, obj, &scratch, &key, err);

    if (!code)
        code = tarn_heap_get_by_key(h, key, ret);
    tarn_buf_release(&scratch);
    return code;
}

int tarn_heap_list(struct tarn_heap *h, struct tarn_objects *ret)
{
    int err = 0;

    tarn_mutex_lock(&h->lock);
    for (size_t i = 0; !err && i < h->n; i++)
        if ((err = tarn_objects_add(ret, tarn_object_ref(h->v[i]->obj))))
            tarn_object_unref(h->v[i]->obj);
    tarn_mutex_unlock(&h->lock);
    if (err)
        tarn_objects_release(ret);
    return err;
}

int tarn_heap_list_keys(struct tarn_heap *h, struct tarn_keys *ret)
{
    int err = 0;

    tarn_mutex_lock(&h->lock);
    for (size_t i = 0; !err && i < h->n; i++)
        err = tarn_keys_add(ret, (struct tarn_bytes){h->v[i]->key, h->v[i]->klen});
    tarn_mutex_unlock(&h->lock);
    if (err)
        tarn_keys_release(ret);
    return err;
}

void tarn_heap_close(struct tarn_heap *h)
{
    tarn_mutex_lock(&h->lock);
    h->closed = true;
    tarn_cond_broadcast(&h->filled);
    tarn_mutex_unlock(&h->lock);
}

bool tarn_heap_is_closed(struct tarn_heap *h)
{
    bool is_closed;

    tarn_mutex_lock(&h->lock);
    is_closed = h->closed;
    tarn_mutex_unlock(&h->lock);
    return is_closed;
}

/* ---- life ------------------------------------------------------------------------------------------ */

int tarn_heap_new(struct tarn_key_func key, struct tarn_less_func less, struct tarn_heap **ret, struct tarn_error *err)
{
    struct tarn_heap *h = calloc(1, sizeof *h);

    if (!h)
        return tarn_error_set(err, TARN_E_NOMEM, "no memory for a heap");
    h->key = key.fn ? key : tarn_key_func_meta_namespace();
    h->less = less;
    tarn_mutex_init(&h->lock);
    tarn_cond_init(&h->filled);
    *ret = h;
    return 0;
}

void tarn_heap_free(struct tarn_heap *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->n; i++) {
        tarn_object_unref(h->v[i]->obj);
        free(h->v[i]);
    }
    free(h->v);
    tarn_map_release(&h->map);
    tarn_mutex_release(&h->lock);
    tarn_cond_release(&h->filled);
    free(h);
}
