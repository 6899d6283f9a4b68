/* nodes.c - index values and their postings: who may have a value. Candidates only: each record's vid list decides.
 *
 * A posting is an append-only array of object numbers. An object that loses a value stays in it: it is *stale*, from the commit that
 * took the value away. If it gets the value back it is already there. When no snapshot can see it with the value, it is dropped by
 * copying the rest, once these are a quarter of the posting. The membership of each object is known from its newest record and from
 * the private map of stale entries alone, so private memory is bounded by what is stale, not by what is indexed.
 *
 * The same serves "all objects of a resource" (MEMBERS). A DIRECTORY lists the value nodes of an index; a value without
 * any object stays in it until such values are a quarter.
 */
#include "writer_impl.h"

#define COUNTED (UINT64_C(1) << 63) /* in a stale tag: already in purgeable */
#define SWEEP_EMPTY_MIN 16u

static uint64_t stale_key(uint32_t node, uint32_t entry)
{
    return (uint64_t)node << 32 | entry;
}

static struct tarn_array *posting_of(const struct tarn_writer *w, uint32_t node)
{
    uint32_t ref = tarn_load_u32(&tarn_writer_link(w, node)->prev);

    return ref ? tarn_writer_at(w, ref) : NULL;
}

/* The index a VALUE node belongs to, else NULL. */
static struct tarn_index *index_of(const struct tarn_writer *w, uint32_t node)
{
    const struct tarn_link *l = tarn_writer_link(w, node);
    uint32_t code = tarn_load_u32(&l->oid);
    struct tarn_resource *res = w->resources[tarn_load_u16(&l->store)];

    if (code >> 16 != TARN_NODE_VALUE || code >= res->nindex)
        return NULL;
    return &res->indexes[code];
}

/* ---- postings ------------------------------------------------------------------------------------ */

/* A new array with room for at least `cap` entries. */
static int array_make(struct tarn_writer *w, uint32_t cap, enum tarn_alloc_rank rank, uint32_t *ret)
{
    uint64_t bytes;
    struct tarn_array *a;
    int rc = tarn_writer_take(w, sizeof(struct tarn_array) + 4ull * cap, rank, ret);

    if (rc)
        return rc;
    bytes = tarn_alloc_bytes(&w->alloc, *ret);
    a = tarn_writer_at(w, *ret);
    atomic_store_explicit(&a->cap, (uint32_t)((bytes - sizeof *a) / 4), memory_order_relaxed);
    atomic_store_explicit(&a->n, 0, memory_order_relaxed);
    return 0;
}

/* relaxed: until the array is linked nobody looks; afterwards n (release) tells that the entry is there. */
static void array_push(struct tarn_array *a, uint32_t entry)
{
    uint32_t n = tarn_load_u32(&a->n);

    atomic_store_explicit(&a->v[n], entry, memory_order_relaxed);
    /* release: pairs with the acquire of n in open_array() of reader.c; W3: the entry before the count. */
    atomic_store_explicit(&a->n, n + 1, memory_order_release);
}

/* Make `ref` the posting of node and retire the one before. Room in retired was reserved. */
static void posting_replace(struct tarn_writer *w, uint32_t node, uint32_t ref)
{
    struct tarn_link *l = tarn_writer_link(w, node);
    uint32_t old = tarn_load_u32(&l->prev);

    /* release: pairs with the acquire of the posting in reader.c; W3: the array's content before the way to it. */
    atomic_store_explicit(&l->prev, ref, memory_order_release);
    if (old)
        tarn_writer_retire(w, old);
}

/* Room for one more entry in node's posting. */
static int posting_room(struct tarn_writer *w, uint32_t node)
{
    struct tarn_array *a = posting_of(w, node);
    uint32_t n = a ? tarn_load_u32(&a->n) : 0, ref;
    struct tarn_index *ix;
    int rc;

    if (a && n < tarn_load_u32(&a->cap))
        return 0;
    rc = tarn_writer_retire_reserve(w, 1);
    if (!rc)
        rc = array_make(w, n ? n * 2 : 2, TARN_ALLOC_NORMAL, &ref);
    if (rc)
        return rc;
    for (uint32_t i = 0; i < n; i++)
        array_push(tarn_writer_at(w, ref), tarn_load_u32(&a->v[i]));
    ix = a ? NULL : index_of(w, node);
    if (ix && ix->empty)
        ix->empty--;
    posting_replace(w, node, ref);
    return 0;
}

/* Take an entry that N appended out again. All behind it were appended by N too: no snapshot sees what shifts. */
static void posting_remove_late(struct tarn_array *a, uint32_t entry)
{
    uint32_t n = tarn_load_u32(&a->n), i = n;

    while (i-- && tarn_load_u32(&a->v[i]) != entry)
        ;
    for (; i + 1 < n; i++)
        atomic_store_explicit(&a->v[i], tarn_load_u32(&a->v[i + 1]), memory_order_relaxed);
    atomic_store_explicit(&a->n, n - 1, memory_order_release);
}

int tarn_nodes_prepare(struct tarn_writer *w, uint32_t node, uint32_t entry)
{
    if (tarn_u64map_get(&w->stale, stale_key(node, entry)))
        return 0;
    return posting_room(w, node);
}

void tarn_nodes_join(struct tarn_writer *w, uint32_t node, uint32_t entry)
{
    uint64_t *tag = tarn_u64map_get(&w->stale, stale_key(node, entry));

    if (!tag) {
        array_push(posting_of(w, node), entry);
        return;
    }
    if (*tag & COUNTED)
        --*tarn_u64map_get(&w->purgeable, node);
    tarn_u64map_put(&w->revived, stale_key(node, entry), 1);
    (void)tarn_u64map_remove(&w->stale, stale_key(node, entry));
}

void tarn_nodes_leave(struct tarn_writer *w, uint32_t node, uint32_t entry)
{
    if (TARN_MUTANT(DROP_EARLY))
        posting_remove_late(posting_of(w, node), entry);
    tarn_u64map_put(&w->stale, stale_key(node, entry), tarn_writer_n(w));
    tarn_ring_push(&w->stale_queue, tarn_writer_n(w), node, entry);
}

void tarn_nodes_unjoin(struct tarn_writer *w, uint32_t node, uint32_t entry)
{
    if (tarn_u64map_get(&w->revived, stale_key(node, entry)))
        tarn_nodes_leave(w, node, entry);
    else
        posting_remove_late(posting_of(w, node), entry);
}

void tarn_nodes_unleave(struct tarn_writer *w, uint32_t node, uint32_t entry)
{
    (void)tarn_u64map_remove(&w->stale, stale_key(node, entry));
}

int tarn_nodes_reserve(struct tarn_writer *w, size_t joins, size_t leaves)
{
    size_t undo = w->revived.n + joins; /* what an abort may make stale */
    int rc = tarn_u64map_reserve(&w->revived, joins);

    if (!rc)
        rc = tarn_u64map_reserve(&w->stale, leaves + undo);
    return rc ? rc : tarn_ring_reserve(&w->stale_queue, leaves + undo);
}

/* ---- nodes --------------------------------------------------------------------------------------- */

static struct tarn_name node_name(const struct tarn_writer *w, uint16_t store, uint32_t code, struct tarn_bytes value, char hash[16])
{
    struct tarn_name n = {.store = store, .node = true, .code = code, .key = {.data = value.len ? value.data : "", .len = value.len}};

    if (value.len > TARN_REGION_VALUE_INLINE_MAX) {
        tarn_hash_value(w->view.hash_key, value.data, value.len, hash);
        n.key = (struct tarn_bytes){.data = hash, .len = 16};
        n.value = value;
    }
    return n;
}

/* The blob of a node, into w->scratch. */
static int node_blob(struct tarn_writer *w, const struct tarn_name *n)
{
    uint32_t kbytes = tarn_key_bytes((uint32_t)n->key.len), len = (uint32_t)n->value.len;
    uint32_t size = (uint32_t)sizeof(struct tarn_blob_head) + kbytes + (n->value.data ? TARN_NODE_VALUE_OFF + ((len + 7) & ~7u) : 0);
    struct tarn_blob_head head = {.size = size, .klen = (uint16_t)n->key.len, .format = TARN_BLOB_NODE, .flags = n->value.data ? TARN_NODE_HASHED : 0};
    char *p;

    tarn_buf_clear(&w->scratch);
    if (tarn_buf_reserve(&w->scratch, size))
        return TARN_E_NOMEM;
    p = w->scratch.data;
    memset(p, 0, size);
    memcpy(p, &head, sizeof head);
    memcpy(p + sizeof head, n->key.data, n->key.len);
    if (n->value.data) {
        memcpy(p + sizeof head + kbytes, &len, 4);
        memcpy(p + sizeof head + kbytes + TARN_NODE_VALUE_OFF, n->value.data, len);
    }
    w->scratch.len = size;
    return 0;
}

static int node_make(struct tarn_writer *w, const struct tarn_name *name, uint32_t *ret)
{
    struct tarn_place place;
    int rc = tarn_table_place(w, name, &place);

    if (!rc)
        rc = node_blob(w, name);
    if (!rc)
        rc = tarn_version_make(w, name->store, TARN_RECORD_NODE, (const struct tarn_object *)w->scratch.data, 0, ret);
    if (rc)
        return rc;
    atomic_store_explicit(&tarn_writer_link(w, *ret)->oid, name->code, memory_order_relaxed);
    atomic_store_explicit(&tarn_writer_link(w, *ret)->seq, tarn_writer_n(w), memory_order_relaxed);
    /* Making the record may have collected, never moved or cleared a slot: the place is still good. */
    tarn_table_set(w, &place, *ret);
    w->st.nodes++;
    return 0;
}

int tarn_nodes_special(struct tarn_writer *w, struct tarn_resource *res, enum tarn_node_class c, unsigned index, uint32_t *ret)
{
    char hash[16];
    struct tarn_name name = node_name(w, res->store, TARN_NODE_CODE(c, index), (struct tarn_bytes){0}, hash);

    return node_make(w, &name, ret);
}

static int directory_add(struct tarn_writer *w, struct tarn_resource *res, unsigned index, uint32_t node)
{
    struct tarn_index *ix = &res->indexes[index];
    int rc = posting_room(w, ix->directory);

    if (rc)
        return rc;
    array_push(posting_of(w, ix->directory), node);
    ix->empty++;
    return 0;
}

int tarn_nodes_value(struct tarn_writer *w, struct tarn_resource *res, unsigned index, struct tarn_bytes value, uint32_t *ret)
{
    char hash[16];
    struct tarn_name name = node_name(w, res->store, TARN_NODE_CODE(TARN_NODE_VALUE, index), value, hash);
    struct tarn_place place;
    int rc = 0;

    tarn_table_find(w, &name, &place);
    if (place.ref) {
        *ret = place.ref;
        return 0;
    }
    if (!res->indexes[index].directory)
        rc = tarn_nodes_special(w, res, TARN_NODE_DIRECTORY, index, &res->indexes[index].directory);
    if (!rc)
        rc = posting_room(w, res->indexes[index].directory);
    if (!rc)
        rc = node_make(w, &name, ret);
    return rc ? rc : directory_add(w, res, index, *ret);
}

/* ---- sweeping -------------------------------------------------------------------------------------- */

static void node_drop(struct tarn_writer *w, uint32_t node)
{
    struct tarn_name name = tarn_table_name_of(tarn_writer_link(w, node));
    uint32_t posting = tarn_load_u32(&tarn_writer_link(w, node)->prev);
    struct tarn_place place;

    tarn_table_find(w, &name, &place);
    tarn_table_clear(w, &place);
    if (posting)
        tarn_writer_retire(w, posting);
    tarn_writer_retire(w, node);
    w->st.nodes--;
    w->st.swept_nodes++;
}

static bool node_empty(const struct tarn_writer *w, uint32_t node)
{
    const struct tarn_array *a = posting_of(w, node);

    return !a || !tarn_load_u32(&a->n);
}

/* Drop the values without objects from an index, when they are many. */
static void directory_sweep(struct tarn_writer *w, struct tarn_resource *res, struct tarn_index *ix)
{
    struct tarn_array *a = ix->directory ? posting_of(w, ix->directory) : NULL;
    uint32_t n = a ? tarn_load_u32(&a->n) : 0, left = 0, ref = 0;

    if (res->replacing || ix->empty < SWEEP_EMPTY_MIN || ix->empty * 4 < n)
        return;
    for (uint32_t i = 0; i < n; i++)
        left += !node_empty(w, tarn_load_u32(&a->v[i]));
    if (tarn_writer_retire_reserve(w, 1 + 2 * (size_t)(n - left)) || (left && array_make(w, left + left / 4, TARN_ALLOC_URGENT, &ref)))
        return;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t node = tarn_load_u32(&a->v[i]);

        if (node_empty(w, node))
            node_drop(w, node);
        else
            array_push(tarn_writer_at(w, ref), node);
    }
    posting_replace(w, ix->directory, ref);
    ix->empty = 0;
    w->swept = true;
}

/* Copy what is not purgeable. On a failure nothing changes; it is tried again when the next entry gets stale. */
static void posting_compact(struct tarn_writer *w, uint32_t node, uint64_t *count)
{
    struct tarn_array *a = posting_of(w, node);
    uint32_t n = tarn_load_u32(&a->n), left = n - (uint32_t)*count, ref = 0;
    struct tarn_index *ix = index_of(w, node);

    if (tarn_writer_retire_reserve(w, 1) || (left && array_make(w, left + left / 4, TARN_ALLOC_URGENT, &ref)))
        return;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t entry = tarn_load_u32(&a->v[i]);
        const uint64_t *tag = tarn_u64map_get(&w->stale, stale_key(node, entry));

        if (tag && *tag & COUNTED)
            (void)tarn_u64map_remove(&w->stale, stale_key(node, entry));
        else
            array_push(tarn_writer_at(w, ref), entry);
    }
    (void)tarn_u64map_remove(&w->purgeable, node);
    posting_replace(w, node, ref);
    w->st.posting_compactions++;
    w->swept = true;
    if (ix && !left) {
        ix->empty++;
        directory_sweep(w, w->resources[tarn_load_u16(&tarn_writer_link(w, node)->store)], ix);
    }
}

/* An entry that left its posting and that no snapshot sees there any more. */
static void sweep_entry(struct tarn_writer *w, const struct tarn_tagged *e)
{
    uint64_t *tag = tarn_u64map_get(&w->stale, stale_key(e->a, e->b)), *count;

    if (!tag || *tag != e->tag) /* it came back meanwhile, or left again later */
        return;
    *tag |= COUNTED;
    count = tarn_u64map_get(&w->purgeable, e->a);
    if (!count) {
        tarn_u64map_put(&w->purgeable, e->a, 0);
        count = tarn_u64map_get(&w->purgeable, e->a);
    }
    ++*count;
    if (*count * 4 >= tarn_load_u32(&posting_of(w, e->a)->n))
        posting_compact(w, e->a, count);
}

bool tarn_nodes_sweep(struct tarn_writer *w, size_t limit)
{
    struct tarn_ring *q = &w->stale_queue;

    for (; limit && q->head < q->tail && tarn_ring_at(q, q->head)->tag <= w->horizon; limit--) {
        struct tarn_tagged e = *tarn_ring_at(q, q->head);

        if (tarn_u64map_reserve(&w->purgeable, 1))
            return false;
        q->head++;
        sweep_entry(w, &e);
    }
    return !limit;
}
