/* version.c - one object's change: make a record, link it as the newest version, or take all links of N back.
 *
 * Making allocates and fills and may fail; linking first reserves everything, then only stores. So a failure leaves
 * the object as it was, whatever failed.
 */
#include "writer_impl.h"

#include <stdlib.h>

#include "crc32c.h"
#include "grace.h"

/* ---- index values --------------------------------------------------------------------------------- */

static bool has_vid(const uint32_t *vids, unsigned n, uint32_t vid)
{
    for (unsigned i = 0; i < n; i++)
        if (vids[i] == vid)
            return true;
    return false;
}

static int compute_values(struct tarn_writer *w, const struct tarn_index *ix, const struct tarn_resource *res,
                          const struct tarn_object *obj, struct tarn_error *err)
{
    int rc;

    tarn_index_values_clear(&w->values);
    rc = ix->func.fn(ix->func.ctx, obj, &w->values);
    if (!rc || rc == TARN_E_NOMEM)
        return rc;
    w->st.refused_index++;
    return tarn_error_set(err, TARN_E_INDEX, "%s '%.*s': index function '%s' failed: %s; the object keeps its old state",
                          res->name, TARN_BYTES_ARG(tarn_object_key(obj)), ix->name, tarn_strerror(rc));
}

/* More values than fit: the object goes on the list that every query of the index looks at too. */
static int add_incomplete(struct tarn_writer *w, struct tarn_resource *res, unsigned index, unsigned *n)
{
    struct tarn_index *ix = &res->indexes[index];
    int rc = ix->incomplete ? 0 : tarn_nodes_special(w, res, TARN_NODE_INCOMPLETE, index, &ix->incomplete);

    if (!rc)
        w->vids[(*n)++] = ix->incomplete;
    return rc;
}

/* The values of one index, behind *n vids that are there; `room`: how many vids there may be then. */
static int add_values(struct tarn_writer *w, struct tarn_resource *res, unsigned index, unsigned room, unsigned *n, bool *incomplete)
{
    unsigned first = *n;

    for (size_t i = 0; i < w->values.n; i++) {
        uint32_t vid;
        int rc;

        if (*n >= room) {
            *n = first;
            *incomplete = true;
            return add_incomplete(w, res, index, n);
        }
        rc = tarn_nodes_value(w, res, index, w->values.v[i], &vid);
        if (rc)
            return rc;
        if (!has_vid(w->vids + first, *n - first, vid))
            w->vids[(*n)++] = vid;
    }
    return 0;
}

int tarn_version_vids(struct tarn_writer *w, struct tarn_resource *res, const struct tarn_object *obj, unsigned *ret_n,
                      bool *ret_incomplete, struct tarn_error *err)
{
    unsigned n = 0;
    bool incomplete = false;

    for (unsigned i = 0; i < res->nindex; i++) {
        int rc = compute_values(w, &res->indexes[i], res, obj, err);

        if (!rc)
            rc = add_values(w, res, i, TARN_REGION_VIDS_MAX - (res->nindex - i), &n, &incomplete);
        if (rc)
            return rc;
    }
    *ret_n = n;
    *ret_incomplete = incomplete;
    return 0;
}

/* ---- records --------------------------------------------------------------------------------------- */

/* What differs from the object outside: it is not on the heap, and it names its resource. */
static void patch_blob(struct tarn_link *l, uint16_t store, enum tarn_record_kind kind)
{
    struct tarn_blob_head *b = (struct tarn_blob_head *)(l + 1);

    if (kind == TARN_RECORD_NODE || kind == TARN_RECORD_RESOURCE)
        return;
    __atomic_store_n(&b->flags, b->flags & (uint8_t)~TARN_OBJECT_HEAP, __ATOMIC_RELAXED);
    __atomic_store_n((uint16_t *)((char *)b + TARN_BLOB_STORE_OFF(b->klen)), store, __ATOMIC_RELAXED);
}

int tarn_version_make(struct tarn_writer *w, uint16_t store, enum tarn_record_kind kind, const struct tarn_object *obj,
                      unsigned nvid, uint32_t *ret)
{
    uint32_t size = ((const struct tarn_blob_head *)obj)->size;
    uint64_t bytes = sizeof(struct tarn_link) + size + 4 * nvid;
    enum tarn_alloc_rank rank = kind == TARN_RECORD_RESOURCE ? TARN_ALLOC_LAST : kind == TARN_RECORD_TOMBSTONE ? TARN_ALLOC_URGENT : TARN_ALLOC_NORMAL;
    struct tarn_link *l;
    _Atomic uint32_t *vids;
    int rc = tarn_writer_take(w, bytes, rank, ret);

    if (rc)
        return rc;
    /* W1: plain or relaxed stores; the release of the slot or the head (W2) puts them before the way to them. */
    l = tarn_writer_link(w, *ret);
    tarn_fill(l + 1, obj, size);
    patch_blob(l, store, kind);
    atomic_store_explicit(&l->prev, TARN_REF_NONE, memory_order_relaxed);
    atomic_store_explicit(&l->crc, tarn_crc32c(l + 1, size), memory_order_relaxed);
    atomic_store_explicit(&l->store, store, memory_order_relaxed);
    atomic_store_explicit(&l->kind_nvid, (uint16_t)(kind << 12 | nvid), memory_order_relaxed);
    vids = tarn_link_vids(l);
    for (unsigned i = 0; i < nvid; i++)
        atomic_store_explicit(&vids[i], w->vids[i], memory_order_relaxed);
    return 0;
}

int tarn_version_of_object(struct tarn_writer *w, struct tarn_resource *res, const struct tarn_object *obj, uint32_t *ret, struct tarn_error *err)
{
    unsigned nvid;
    bool incomplete;
    int rc = tarn_version_vids(w, res, obj, &nvid, &incomplete, err);

    if (!rc)
        rc = tarn_version_make(w, res->store, TARN_RECORD_OBJECT, obj, nvid, ret);
    return rc;
}

int tarn_version_make_tombstone(struct tarn_writer *w, uint16_t store, struct tarn_bytes key, uint64_t version, uint32_t *ret)
{
    uint32_t kbytes = tarn_key_bytes((uint32_t)key.len);
    struct tarn_blob_head head = {.size = (uint32_t)sizeof head + kbytes + TARN_BLOB_META_BYTES,
                                  .klen = (uint16_t)key.len,
                                  .format = TARN_OBJECT_FORMAT_MSGPACK,
                                  .flags = TARN_OBJECT_EXPLICIT_KEY};
    const char *slash = memchr(key.data, '/', key.len);
    uint16_t nslen = slash ? (uint16_t)(slash - key.data) : 0;

    tarn_buf_clear(&w->scratch);
    if (tarn_buf_reserve(&w->scratch, head.size))
        return TARN_E_NOMEM;
    memset(w->scratch.data, 0, head.size);
    memcpy(w->scratch.data, &head, sizeof head);
    memcpy(w->scratch.data + sizeof head, key.data, key.len);
    memcpy(w->scratch.data + TARN_BLOB_VERSION_OFF(key.len), &version, 8);
    memcpy(w->scratch.data + TARN_BLOB_STORE_OFF(key.len) + 2, &nslen, 2);
    return tarn_version_make(w, store, TARN_RECORD_TOMBSTONE, (const struct tarn_object *)w->scratch.data, 0, ret);
}

void tarn_version_drop(struct tarn_writer *w, uint32_t ref)
{
    tarn_alloc_put(&w->alloc, ref);
}

uint32_t tarn_version_find(const struct tarn_writer *w, uint16_t store, struct tarn_bytes key)
{
    struct tarn_name name = {.store = store, .key = key};
    struct tarn_place place;

    tarn_table_find(w, &name, &place);
    if (!place.ref || tarn_link_kind_of(tarn_writer_link(w, place.ref)) == TARN_RECORD_TOMBSTONE)
        return 0;
    return place.ref;
}

bool tarn_version_is_open(const struct tarn_writer *w, uint16_t store, struct tarn_bytes key)
{
    struct tarn_name name = {.store = store, .key = key};
    struct tarn_place place;

    tarn_table_find(w, &name, &place);
    return place.ref && tarn_load_u64(&tarn_writer_link(w, place.ref)->seq) == tarn_writer_n(w);
}

bool tarn_version_same(const struct tarn_writer *w, uint32_t ref, const struct tarn_object *obj)
{
    const struct tarn_blob_head *a = tarn_link_blob(tarn_writer_link(w, ref)), *b = (const struct tarn_blob_head *)obj;
    const char *p = (const char *)a, *q = (const char *)b;
    size_t store = TARN_BLOB_STORE_OFF(a->klen);

    return a->size == b->size && a->klen == b->klen && a->format == b->format &&
           a->flags == (b->flags & (uint8_t)~TARN_OBJECT_HEAP) && !memcmp(p + 8, q + 8, store - 8) &&
           !memcmp(p + store + 2, q + store + 2, a->size - store - 2);
}

/* ---- linking ---------------------------------------------------------------------------------------- */

/* One side of a change: the version before, or the one after. */
struct side {
    const struct tarn_link *link; /* NULL: none */
    bool live;                    /* an object or a resource, not a tombstone */
    unsigned nvid;
    uint32_t vids[TARN_REGION_VIDS_MAX];
};

static void side_of(const struct tarn_writer *w, uint32_t ref, struct side *s)
{
    const _Atomic uint32_t *vids;

    s->link = ref ? tarn_writer_link(w, ref) : NULL;
    s->live = ref && tarn_link_kind_of(s->link) != TARN_RECORD_TOMBSTONE;
    s->nvid = s->live ? tarn_link_nvid_of(s->link) : 0;
    vids = s->nvid ? tarn_link_vids(s->link) : NULL;
    for (unsigned i = 0; i < s->nvid; i++)
        s->vids[i] = tarn_load_u32(&vids[i]);
}

static bool same_vids(const struct side *a, const struct side *b)
{
    return a->nvid == b->nvid && !memcmp(a->vids, b->vids, a->nvid * sizeof a->vids[0]);
}

static void account(struct tarn_writer *w, struct tarn_resource *res, const struct side *s, int sign)
{
    uint64_t one = (uint64_t)(int64_t)sign;

    if (!s->live)
        return;
    res->objects += one;
    res->bytes += one * tarn_link_blob(s->link)->size;
    if (res->store)
        w->st.objects += one;
    for (unsigned i = 0; i < res->nindex; i++)
        if (res->indexes[i].incomplete && has_vid(s->vids, s->nvid, res->indexes[i].incomplete)) {
            res->incomplete += one;
            w->st.incomplete += one;
            break;
        }
    res->dirty = res->dirty || res->store;
}

/* Room for all that linking `to` in place of `from` needs in postings and private memory. */
static int prepare_memberships(struct tarn_writer *w, struct tarn_resource *res, const struct side *from,
                               const struct side *to, uint32_t oid)
{
    int rc = tarn_nodes_reserve(w, to->nvid + 1, from->nvid + 1);

    if (!rc && to->live && !from->live)
        rc = tarn_nodes_prepare(w, res->members, oid);
    if (same_vids(from, to))
        return rc;
    for (unsigned i = 0; !rc && i < to->nvid; i++)
        if (!has_vid(from->vids, from->nvid, to->vids[i]))
            rc = tarn_nodes_prepare(w, to->vids[i], oid);
    return rc;
}

typedef void membership_fn(struct tarn_writer *w, uint32_t node, uint32_t entry);

/* Call fn for each node that a has and b has not. */
static void each_missing(struct tarn_writer *w, const struct tarn_resource *res, const struct side *a,
                         const struct side *b, uint32_t oid, membership_fn *fn)
{
    if (a->live && !b->live)
        fn(w, res->members, oid);
    if (same_vids(a, b))
        return;
    for (unsigned i = 0; i < a->nvid; i++)
        if (!has_vid(b->vids, b->nvid, a->vids[i]))
            fn(w, a->vids[i], oid);
}

static int heads_grow(struct tarn_writer *w)
{
    struct tarn_array *old = tarn_writer_heads(w), *a;
    uint32_t n = tarn_load_u32(&old->n), ref, old_ref = tarn_load_u32(&w->h->heads);
    int rc = tarn_writer_retire_reserve(w, 1);

    if (!rc)
        rc = tarn_writer_take(w, sizeof *a + 8ull * n, TARN_ALLOC_NORMAL, &ref);
    if (rc)
        return rc;
    a = tarn_writer_at(w, ref);
    atomic_store_explicit(&a->cap, (uint32_t)((tarn_alloc_bytes(&w->alloc, ref) - sizeof *a) / 4), memory_order_relaxed);
    atomic_store_explicit(&a->n, n, memory_order_relaxed);
    for (uint32_t i = 0; i < n; i++)
        atomic_store_explicit(&a->v[i], tarn_load_u32(&old->v[i]), memory_order_relaxed);
    /* release: W2 for the array: its content before the way to it. Pairs with the acquire of heads in reader.c. */
    atomic_store_explicit(&w->h->heads, ref, memory_order_release);
    tarn_writer_retire(w, old_ref);
    w->st.heads_growths++;
    return 0;
}

/* An object number for a new key; taken for good by oid_use. */
static int oid_peek(struct tarn_writer *w, uint32_t *ret)
{
    struct tarn_array *heads = tarn_writer_heads(w);
    int rc = 0;

    if (w->free_oids.n) {
        *ret = w->free_oids.v[w->free_oids.n - 1];
        return 0;
    }
    if (tarn_load_u32(&heads->n) == tarn_load_u32(&heads->cap))
        rc = heads_grow(w);
    *ret = tarn_load_u32(&tarn_writer_heads(w)->n);
    return rc;
}

static void head_set(struct tarn_writer *w, uint32_t oid, uint32_t ref)
{
    struct tarn_array *heads = tarn_writer_heads(w);

    /* release: pairs with the acquire of the head in reader.c; W2: the record's bytes before the way to it. */
    atomic_store_explicit(&heads->v[oid], ref, memory_order_release);
    if (oid < tarn_load_u32(&heads->n))
        return;
    /* release: W2: the entry before the count. */
    atomic_store_explicit(&heads->n, oid + 1, memory_order_release);
}

static void oid_use(struct tarn_writer *w, uint32_t oid)
{
    if (w->free_oids.n && w->free_oids.v[w->free_oids.n - 1] == oid)
        w->free_oids.n--;
}

int tarn_version_skip_oid(struct tarn_writer *w, uint32_t *ret)
{
    int rc = oid_peek(w, ret);

    if (!rc)
        head_set(w, *ret, TARN_REF_NONE);
    return rc;
}

static void log_append(struct tarn_writer *w, uint16_t store, uint32_t oid)
{
    struct tarn_log_ring *ring = tarn_writer_at(w, tarn_load_u32(&w->h->log));
    uint64_t cap = UINT64_C(1) << tarn_load_u32(&ring->log2);
    struct tarn_log_entry *e = &ring->entry[w->log_pos & (cap - 1)];

    if (w->log_pos - tarn_load_u64(&w->h->log_floor) >= cap) {
        atomic_store_explicit(&w->h->log_floor, w->log_pos - cap + 1, memory_order_relaxed);
        /* W4: the floor before the entry it gives up. Pairs with the acquire fence in tarn_log_next(). */
        atomic_thread_fence(memory_order_release);
    }
    atomic_store_explicit(&e->seq, tarn_writer_n(w), memory_order_relaxed);
    atomic_store_explicit(&e->oid, oid, memory_order_relaxed);
    atomic_store_explicit(&e->store, store, memory_order_relaxed);
    w->log_pos++;
}

static int changes_reserve(struct tarn_writer *w)
{
    size_t cap = w->changes_cap ? w->changes_cap * 2 : 64;
    struct tarn_change *v;

    if (w->nchanges < w->changes_cap)
        return 0;
    v = realloc(w->changes, cap * sizeof *v);
    if (!v)
        return TARN_E_NOMEM;
    w->changes = v;
    w->changes_cap = cap;
    return 0;
}

static int reserve_private(struct tarn_writer *w)
{
    int rc = changes_reserve(w);

    if (!rc)
        rc = tarn_writer_retire_reserve(w, 2);
    return rc ? rc : tarn_ring_reserve(&w->dead, 1);
}

/* The version before in N's sense: a second change in N hangs on what the first one hung on. */
static uint32_t note_change(struct tarn_writer *w, struct tarn_resource *res, uint32_t oid, uint32_t old)
{
    const struct tarn_link *o = old ? tarn_writer_link(w, old) : NULL;

    if (o && tarn_load_u64(&o->seq) == tarn_writer_n(w)) {
        tarn_writer_retire(w, old);
        return tarn_load_u32(&o->prev);
    }
    w->changes[w->nchanges++] = (struct tarn_change){.oid = oid, .old = old};
    if (res->store && !w->copying)
        log_append(w, res->store, oid);
    return old;
}

static void link_stores(struct tarn_writer *w, struct tarn_resource *res, const struct tarn_place *place, uint32_t oid, uint32_t ref)
{
    struct tarn_link *l = tarn_writer_link(w, ref);

    if (TARN_MUTANT(LINK_FIRST))
        head_set(w, oid, ref), tarn_table_set(w, place, ref);
    if (TARN_MUTANT(PUBLISH_EARLY))
        atomic_store_explicit(&w->h->commit_seq, tarn_writer_n(w), memory_order_release);
    atomic_store_explicit(&l->prev, note_change(w, res, oid, place->ref), memory_order_relaxed);
    atomic_store_explicit(&l->seq, tarn_writer_n(w), memory_order_relaxed);
    atomic_store_explicit(&l->oid, oid, memory_order_relaxed);
    tarn_table_set(w, place, ref);
    head_set(w, oid, ref);
    w->dirty = true;
}

static int find_room(struct tarn_writer *w, struct tarn_resource *res, const struct tarn_link *l, struct tarn_place *place, uint32_t *oid)
{
    struct tarn_name name = tarn_table_name_of(l);
    int rc = res->members ? 0 : tarn_nodes_special(w, res, TARN_NODE_MEMBERS, 0, &res->members);

    if (!rc)
        rc = reserve_private(w);
    if (rc)
        return rc;
    tarn_table_find(w, &name, place);
    if (place->ref) {
        *oid = tarn_load_u32(&tarn_writer_link(w, place->ref)->oid);
        return 0;
    }
    rc = oid_peek(w, oid);
    return rc ? rc : tarn_table_place(w, &name, place);
}

int tarn_version_link(struct tarn_writer *w, struct tarn_resource *res, uint32_t ref)
{
    struct tarn_place place;
    struct side from, to;
    uint32_t oid;
    int rc;

    if (res->grace && !w->copying)
        tarn_grace_before(w, res, ref);
    rc = find_room(w, res, tarn_writer_link(w, ref), &place, &oid);
    if (rc)
        return rc;
    side_of(w, place.ref, &from);
    side_of(w, ref, &to);
    rc = prepare_memberships(w, res, &from, &to, oid);
    if (rc)
        return rc;
    if (!place.ref)
        oid_use(w, oid);
    if (!TARN_MUTANT(LATE_POSTING) || !from.live)
        each_missing(w, res, &to, &from, oid, tarn_nodes_join);
    account(w, res, &from, -1);
    account(w, res, &to, 1);
    link_stores(w, res, &place, oid, ref);
    each_missing(w, res, &from, &to, oid, tarn_nodes_leave);
    if (!to.live)
        tarn_ring_push(&w->dead, tarn_writer_n(w), oid, 0);
    return 0;
}

int tarn_version_link_or_drop(struct tarn_writer *w, struct tarn_resource *res, uint32_t ref)
{
    int rc = tarn_version_link(w, res, ref);

    if (rc)
        tarn_version_drop(w, ref);
    return rc;
}

/* ---- undo --------------------------------------------------------------------------------------------- */

static void undo_links(struct tarn_writer *w, const struct tarn_change *c, uint32_t ref)
{
    struct tarn_name name = tarn_table_name_of(tarn_writer_link(w, ref));
    struct tarn_place place;

    tarn_table_find(w, &name, &place);
    head_set(w, c->oid, c->old);
    if (c->old) {
        tarn_table_set(w, &place, c->old);
        return;
    }
    tarn_table_clear(w, &place);
    if (!tarn_u32s_reserve(&w->free_oids, 1)) /* else the number is lost until the next generation */
        w->free_oids.v[w->free_oids.n++] = c->oid;
}

static void undo_one(struct tarn_writer *w, const struct tarn_change *c)
{
    uint32_t ref = tarn_writer_head(w, c->oid);
    struct tarn_resource *res = w->resources[tarn_load_u16(&tarn_writer_link(w, ref)->store)];
    struct side now, before;

    side_of(w, ref, &now);
    side_of(w, c->old, &before);
    each_missing(w, res, &now, &before, c->oid, tarn_nodes_unjoin);
    each_missing(w, res, &before, &now, c->oid, tarn_nodes_unleave);
    account(w, res, &now, -1);
    account(w, res, &before, 1);
    undo_links(w, c, ref);
    tarn_writer_retire(w, ref);
}

void tarn_version_undo(struct tarn_writer *w)
{
    while (w->nchanges) {
        struct tarn_change c = w->changes[w->nchanges - 1];

        /* The room it had in `retired` for this change is used now. */
        w->nchanges--;
        undo_one(w, &c);
    }
}
