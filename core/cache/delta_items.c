/* delta_items.c - see delta_items.h. */
#include "delta_items.h"

/* ---- nodes --------------------------------------------------------------------------------------- */

static struct tarn_bytes slot_key(const void *ctx, const struct tarn_map_slot *s)
{
    (void)ctx;
    return tarn_delta_node_key(s->p);
}

static const struct tarn_map_keys by_key = {.key_of = slot_key};

struct tarn_delta_node *tarn_delta_items_find(const struct tarn_delta_items *d, struct tarn_bytes key)
{
    struct tarn_map_slot *s = tarn_map_find(&d->map, tarn_map_hash(&d->map, key), key, by_key);

    return s ? (struct tarn_delta_node *)(uintptr_t)s->p : NULL;
}

static struct tarn_delta_node *node_new(struct tarn_delta_items *d, struct tarn_bytes key)
{
    struct tarn_delta_node *n;

    if (tarn_map_reserve(&d->map, d->map.n + 1))
        return NULL;
    n = malloc(sizeof *n + key.len);
    if (!n)
        return NULL;
    *n = (struct tarn_delta_node){.cap = 2, .hash = tarn_map_hash(&d->map, key), .klen = key.len};
    n->v = n->v_inline;
    if (key.len)
        memcpy(n->key, key.data, key.len);
    tarn_map_put(&d->map, n->hash, n, 0);
    return n;
}

void tarn_delta_node_free(struct tarn_delta_node *n)
{
    for (uint32_t i = 0; i < n->n; i++)
        tarn_object_unref(n->v[i].obj);
    if (n->v != n->v_inline)
        free(n->v);
    free(n);
}

static void node_unlink(struct tarn_delta_items *d, struct tarn_delta_node *n)
{
    tarn_map_remove(&d->map, tarn_map_slot_of(&d->map, n->hash, n));
}

static int node_reserve(struct tarn_delta_node *n, uint32_t want)
{
    uint32_t cap = n->cap;
    struct tarn_delta *v;

    if (want <= cap)
        return 0;
    while (cap < want)
        cap *= 2;
    v = realloc(n->v == n->v_inline ? NULL : n->v, cap * sizeof *v);
    if (!v)
        return TARN_E_NOMEM;
    if (n->v == n->v_inline)
        memcpy(v, n->v_inline, n->n * sizeof *v);
    n->v = v;
    n->cap = cap;
    return 0;
}

/* D-4: of two Deleted in a row one stays: the older, unless that is a tombstone. */
static void node_dedup(struct tarn_delta_node *n)
{
    struct tarn_delta *a, *b, gone;

    if (n->n < 2)
        return;
    a = &n->v[n->n - 2];
    b = &n->v[n->n - 1];
    if (a->type != TARN_DELTA_DELETED || b->type != TARN_DELTA_DELETED)
        return;
    gone = tarn_delta_is_tombstone(a->obj) ? *a : *b;
    if (tarn_delta_is_tombstone(a->obj))
        *a = *b;
    n->n--;
    tarn_object_unref(gone.obj);
}

/* Append a delta as it is; its object is owned, and the room in the node and in the ring is there. */
static void node_append(struct tarn_delta_items *d, struct tarn_delta_node *n, struct tarn_delta delta)
{
    if (n->n == 0)
        tarn_ring_push(&d->ring, &n);
    n->v[n->n++] = delta;
}

int tarn_delta_items_add(struct tarn_delta_items *d, struct tarn_bytes key, struct tarn_delta delta)
{
    struct tarn_delta_node *n;
    int err = tarn_ring_reserve(&d->ring, 1);

    if (err)
        return err;
    n = tarn_delta_items_find(d, key);
    if (!n)
        n = node_new(d, key);
    if (!n)
        return TARN_E_NOMEM;
    err = node_reserve(n, n->n + 1); /* a new node has room: none is left behind empty */
    if (err)
        return err;
    node_append(d, n, delta);
    node_dedup(n);
    return 0;
}

/* ---- plans ------------------------------------------------------------------------------------------------- */

static int plan_reserve(struct tarn_delta_plan *p)
{
    size_t cap = p->cap ? p->cap * 2 : 16;
    struct tarn_delta_change *v;

    if (p->n < p->cap)
        return 0;
    v = realloc(p->v, cap * sizeof *v);
    if (!v)
        return TARN_E_NOMEM;
    p->v = v;
    p->cap = cap;
    return 0;
}

/* The node of key, made if need be: a node without deltas is not pending, and only a plan may leave one until its end. */
static struct tarn_delta_node *plan_node(struct tarn_delta_items *d, struct tarn_bytes key)
{
    struct tarn_delta_node *n = tarn_delta_items_find(d, key);

    return n ? n : node_new(d, key);
}

/* Plan a delta; its object is taken over on success. */
static int plan_add(struct tarn_delta_plan *p, struct tarn_delta_node *n, struct tarn_delta delta)
{
    int err = plan_reserve(p);

    if (!err)
        err = node_reserve(n, n->n + n->planned + 1);
    if (err)
        return err;
    if (n->planned++ == 0)
        p->keys++;
    p->v[p->n++] = (struct tarn_delta_change){.node = n, .delta = delta};
    return 0;
}

static void plan_drop_node(struct tarn_delta_items *d, struct tarn_delta_node *n)
{
    if (n->n || n->planned)
        return;
    node_unlink(d, n);
    tarn_delta_node_free(n);
}

void tarn_delta_plan_cancel(struct tarn_delta_items *d, struct tarn_delta_plan *p)
{
    for (size_t i = 0; i < p->n; i++) {
        tarn_object_unref(p->v[i].delta.obj);
        p->v[i].node->planned--;
        plan_drop_node(d, p->v[i].node);
    }
    free(p->v);
}

int tarn_delta_plan_apply(struct tarn_delta_items *d, struct tarn_delta_plan *p)
{
    int err = tarn_ring_reserve(&d->ring, p->keys);

    if (err) {
        tarn_delta_plan_cancel(d, p);
        return err;
    }
    for (size_t i = 0; i < p->n; i++) {
        p->v[i].node->planned--;
        node_append(d, p->v[i].node, p->v[i].delta);
        if (!p->verbatim)
            node_dedup(p->v[i].node);
    }
    free(p->v);
    return 0;
}

int tarn_delta_plan_put(struct tarn_delta_items *d, struct tarn_delta_plan *p, struct tarn_bytes key, struct tarn_delta delta)
{
    struct tarn_delta_node *n = plan_node(d, key);
    int err = n ? plan_add(p, n, delta) : TARN_E_NOMEM;

    if (err && n)
        plan_drop_node(d, n);
    return err;
}

int tarn_delta_plan_tombstone(struct tarn_delta_items *d, struct tarn_delta_plan *p, struct tarn_bytes key, const struct tarn_object *state)
{
    const struct tarn_object *tombstone;
    int err = tarn_object_new_tombstone(key, state, &tombstone);

    if (err)
        return err;
    err = tarn_delta_plan_put(d, p, key, (struct tarn_delta){.type = TARN_DELTA_DELETED, .obj = tombstone});
    if (err)
        tarn_object_unref(tombstone);
    return err;
}

/* ---- the head and the whole ------------------------------------------------------------------------------- */

struct tarn_delta_node *tarn_delta_items_take(struct tarn_delta_items *d)
{
    struct tarn_delta_node *n = tarn_delta_items_at(d, 0);

    tarn_ring_drop(&d->ring, 1);
    node_unlink(d, n);
    return n;
}

void tarn_delta_items_put_back(struct tarn_delta_items *d, struct tarn_delta_node *n)
{
    tarn_map_put(&d->map, n->hash, n, 0);
    tarn_ring_push(&d->ring, &n);
}

void tarn_delta_items_init(struct tarn_delta_items *d)
{
    *d = (struct tarn_delta_items){.ring = {.size = sizeof(struct tarn_delta_node *)}};
}

void tarn_delta_items_release(struct tarn_delta_items *d)
{
    for (size_t i = 0; i < d->ring.n; i++)
        tarn_delta_node_free(tarn_delta_items_at(d, i));
    tarn_ring_release(&d->ring);
    tarn_map_release(&d->map);
}
