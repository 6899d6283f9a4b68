/* table.c - the writer's half of the primary hash: insert, replace, clear, rebuild.
 *
 * Indexed by the tag's top bits, so a rebuild reads the old slots in order and never touches a record. Readers go on
 * in the old table: it is retired, not changed.
 */
#include "writer_impl.h"

#define PROBE_REBUILD 1024u

static struct tarn_table *current(const struct tarn_writer *w)
{
    return tarn_writer_at(w, tarn_load_u32(&w->h->table));
}

static bool node_matches(const struct tarn_link *l, const struct tarn_name *n)
{
    const struct tarn_blob_head *b = tarn_link_blob(l);
    const char *behind = tarn_link_key(l) + tarn_key_bytes(b->klen);
    uint32_t len;

    if (tarn_load_u32(&l->oid) != n->code || !(b->flags & TARN_NODE_HASHED) != !n->value.data)
        return false;
    if (!n->value.data)
        return true;
    memcpy(&len, behind, 4);
    return len == n->value.len && !memcmp(behind + TARN_NODE_VALUE_OFF, n->value.data, len);
}

static bool matches(const struct tarn_link *l, const struct tarn_name *n)
{
    const struct tarn_blob_head *b = tarn_link_blob(l);
    bool node = tarn_link_kind_of(l) == TARN_RECORD_NODE;

    if (node != n->node || tarn_load_u16(&l->store) != n->store || b->klen != n->key.len ||
        (b->klen && memcmp(tarn_link_key(l), n->key.data, b->klen)))
        return false;
    return !node || node_matches(l, n);
}

static uint32_t name_tag(const struct tarn_writer *w, const struct tarn_name *n)
{
    uint64_t space = n->node ? tarn_space_node(n->store, n->code) : tarn_space_objects(n->store);

    return tarn_hash_tag(tarn_hash(w->view.hash_key, space, n->key.data, n->key.len));
}

void tarn_table_find(const struct tarn_writer *w, const struct tarn_name *name, struct tarn_place *ret)
{
    const struct tarn_table *t = current(w);
    uint32_t log2 = tarn_load_u32(&t->log2), mask = (1u << log2) - 1, tag = name_tag(w, name);
    uint32_t reuse = UINT32_MAX, i = tag >> (32 - log2);

    *ret = (struct tarn_place){.tag = tag};
    for (;; i = (i + 1) & mask, ret->probes++) {
        uint64_t s = tarn_load_u64(&t->slot[i]);

        if (!s)
            break;
        if ((uint32_t)s == TARN_REF_DELETED) {
            if (reuse == UINT32_MAX)
                reuse = i;
        } else if (s >> 32 == tag && matches(tarn_writer_link(w, (uint32_t)s), name)) {
            ret->slot = i;
            ret->ref = (uint32_t)s;
            return;
        }
    }
    ret->slot = reuse != UINT32_MAX ? reuse : i;
}

static void copy_slots(const struct tarn_table *from, struct tarn_table *to, uint32_t log2)
{
    uint32_t mask = (1u << log2) - 1;

    for (uint32_t i = 0; i < 1u << tarn_load_u32(&from->log2); i++) {
        uint64_t s = tarn_load_u64(&from->slot[i]);
        uint32_t j = (uint32_t)(s >> 32) >> (32 - log2);

        if ((uint32_t)s <= TARN_REF_DELETED)
            continue;
        while (tarn_load_u64(&to->slot[j]))
            j = (j + 1) & mask;
        atomic_store_explicit(&to->slot[j], s, memory_order_relaxed);
    }
}

static int rebuild(struct tarn_writer *w, uint32_t log2)
{
    uint32_t old = tarn_load_u32(&w->h->table), ref;
    uint64_t bytes = sizeof(struct tarn_table) + (sizeof(uint64_t) << log2);
    struct tarn_table *t;
    int rc = log2 > TARN_TABLE_LOG2_MAX ? TARN_E_LIMIT : tarn_writer_retire_reserve(w, 1);

    if (!rc)
        rc = tarn_writer_take(w, bytes, TARN_ALLOC_NORMAL, &ref);
    if (rc)
        return rc;
    t = tarn_writer_at(w, ref);
    tarn_fill_zero(t, bytes);
    atomic_store_explicit(&t->log2, log2, memory_order_relaxed);
    copy_slots(tarn_writer_at(w, old), t, log2);
    /* release: pairs with the readers' acquire of table; W2 for the table itself: slots before the way to them. */
    atomic_store_explicit(&w->h->table, ref, memory_order_release);
    w->table_used = w->table_live;
    w->st.table_rebuilds++;
    tarn_writer_retire(w, old);
    return 0;
}

/* Enough slots that `live` of them fill it by half at most. */
static uint32_t log2_for(uint32_t live)
{
    uint32_t log2 = TARN_TABLE_LOG2_MIN;

    while ((UINT64_C(1) << log2) < 2 * (uint64_t)live + 2)
        log2++;
    return log2;
}

int tarn_table_place(struct tarn_writer *w, const struct tarn_name *name, struct tarn_place *ret)
{
    uint32_t log2 = tarn_load_u32(&current(w)->log2);
    int rc = 0;

    if ((w->table_used + 1) * UINT64_C(10) > (UINT64_C(7) << log2))
        rc = rebuild(w, log2_for(w->table_live + 1));
    if (rc)
        return rc;
    tarn_table_find(w, name, ret);
    if (ret->probes > PROBE_REBUILD) {
        rc = rebuild(w, tarn_load_u32(&current(w)->log2) + 1);
        if (rc)
            return rc;
        tarn_table_find(w, name, ret);
        if (ret->probes > PROBE_REBUILD) {
            w->st.refused_collision++;
            return TARN_E_LIMIT;
        }
    }
    if (ret->probes > w->st.probe_max)
        w->st.probe_max = ret->probes;
    return 0;
}

void tarn_table_set(struct tarn_writer *w, const struct tarn_place *p, uint32_t ref)
{
    _Atomic uint64_t *slot = &current(w)->slot[p->slot];
    uint64_t old = tarn_load_u64(slot);

    w->table_used += !old;
    w->table_live += (uint32_t)old <= TARN_REF_DELETED;
    /* release: pairs with the acquire of slot in find() of reader.c; W2: the record's bytes before the way to it. */
    atomic_store_explicit(slot, (uint64_t)p->tag << 32 | ref, memory_order_release);
}

void tarn_table_clear(struct tarn_writer *w, const struct tarn_place *p)
{
    struct tarn_table *t = current(w);
    uint32_t mask = (1u << tarn_load_u32(&t->log2)) - 1, i = p->slot;

    w->table_live--;
    /* relaxed: what is taken away is needed by no snapshot that is protected; others void their reads at the horizon. */
    atomic_store_explicit(&t->slot[i], TARN_REF_DELETED, memory_order_relaxed);
    if (tarn_load_u64(&t->slot[(i + 1) & mask]))
        return;
    /* Nothing stands behind a slot that is followed by an empty one, so deleted slots before it may be empty again. */
    for (; (uint32_t)tarn_load_u64(&t->slot[i]) == TARN_REF_DELETED; i = (i - 1) & mask) {
        atomic_store_explicit(&t->slot[i], 0, memory_order_relaxed);
        w->table_used--;
    }
}

struct tarn_name tarn_table_name_of(const struct tarn_link *l)
{
    const struct tarn_blob_head *b = tarn_link_blob(l);
    struct tarn_name n = {.store = tarn_load_u16(&l->store), .key = {.data = tarn_link_key(l), .len = b->klen}};

    n.node = tarn_link_kind_of(l) == TARN_RECORD_NODE;
    if (n.node) {
        n.code = tarn_load_u32(&l->oid);
        if (b->flags & TARN_NODE_HASHED) {
            uint32_t len;

            memcpy(&len, n.key.data + tarn_key_bytes(b->klen), 4);
            n.value = (struct tarn_bytes){.data = n.key.data + tarn_key_bytes(b->klen) + TARN_NODE_VALUE_OFF, .len = len};
        }
    }
    return n;
}
