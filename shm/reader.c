/* reader.c - a snapshot: the pin, and the lookup of one key at one commit.
 *
 * A lookup is two dependent cache misses: the slot, and the record, whose first line holds link, header and key. Every
 * reference and length is loaded once, checked against the mapping, and only the checked copy is used. At its end each call tests the horizon:
 * if that has passed the snapshot, whatever was found is void.
 */
#include <tarn/reader.h>

#include "crc32c.h"
#include "reader_impl.h"

/* ---- begin and end ------------------------------------------------------------------------------------ */

void tarn_reader_begin(struct tarn_reader *r, const struct tarn_region_view *view, struct tarn_pin_line *line)
{
    const _Atomic uint64_t *commit = &tarn_view_header(view)->commit_seq;

    *r = (struct tarn_reader){.view = view, .line = line};
    if (line) {
        /* R1: relaxed; an older value is only too careful: it costs memory, never truth. */
        uint64_t lower = atomic_load_explicit(commit, memory_order_relaxed);

        /* R2, release: as the end of the reader before on this line. */
        atomic_store_explicit(&line->pin, lower, memory_order_release);
        /* R3: our pin before our second look at commit_seq. Pairs with C1 in tarn_writer_reclaim(): either it sees the
         * pin, or we see its commit, whose horizon cannot be above our snapshot. */
        atomic_thread_fence(memory_order_seq_cst);
    }
    /* R4, acquire: pairs with W5 in tarn_writer_publish(): everything of this commit is visible. */
    r->seq = atomic_load_explicit(commit, memory_order_acquire);
}

void tarn_reader_end(struct tarn_reader *r)
{
    /* R7, release: all reads come before the pin goes. Pairs with C2, the acquire scan in ladder.c. */
    if (r->line)
        atomic_store_explicit(&r->line->pin, 0, memory_order_release);
    *r = (struct tarn_reader){0};
}

/* Is what was read since begin covered? */
static inline bool covered(const struct tarn_reader *r)
{
    /* R6: all reads before the look at the horizon. Pairs with C3 in horizon_set(): if a byte came from a reuse, the
     * horizon that allowed it is seen here. */
    atomic_thread_fence(memory_order_acquire);
    return tarn_load_u64(&tarn_view_header(r->view)->horizon) <= r->seq;
}

int tarn_reader_verdict(const struct tarn_reader *r, int rc)
{
    return covered(r) ? rc : TARN_E_EXPIRED;
}

int tarn_reader_check(const struct tarn_reader *r)
{
    return covered(r) ? 0 : TARN_E_EXPIRED;
}

/* The pin in a line keeps its number; only the holder writes the line. */
void tarn_reader_park(struct tarn_reader *r)
{
    if (r->line)
        atomic_store_explicit(&r->line->pin, tarn_load_u64(&r->line->pin) | TARN_PIN_PARKED, memory_order_release);
}

void tarn_reader_unpark(struct tarn_reader *r)
{
    if (r->line)
        atomic_store_explicit(&r->line->pin, tarn_load_u64(&r->line->pin) & ~TARN_PIN_PARKED, memory_order_release);
}

/* ---- the table ------------------------------------------------------------------------------------------- */

static int open_table(const struct tarn_region_view *v, struct table *ret)
{
    /* acquire: pairs with rebuild() in table.c: the slots of the table are visible. */
    uint32_t ref = atomic_load_explicit(&tarn_view_header(v)->table, memory_order_acquire);
    const struct tarn_table *t = tarn_view_at(v, ref, sizeof *t);

    if (!t)
        return TARN_E_CORRUPT;
    ret->log2 = tarn_load_u32(&t->log2);
    ret->slot = t->slot;
    if (ret->log2 < TARN_TABLE_LOG2_MIN || ret->log2 > TARN_TABLE_LOG2_MAX ||
        (sizeof(uint64_t) << ret->log2) > tarn_view_rest(v, t->slot))
        return TARN_E_CORRUPT;
    return 0;
}

static bool same_value(const struct tarn_region_view *v, const struct tarn_link *l, const struct tarn_name_ref *n, struct tarn_blob_head b)
{
    const char *behind = tarn_link_key(l) + tarn_key_bytes(b.klen);
    uint64_t need = (uint64_t)(behind - (const char *)l) + TARN_NODE_VALUE_OFF + ((n->value.len + 7) & ~(uint64_t)7);

    if (!(b.flags & TARN_NODE_HASHED))
        return !n->value.data;
    return n->value.data && need <= tarn_view_rest(v, l) &&
           __atomic_load_n((const uint32_t *)(const void *)behind, __ATOMIC_RELAXED) == n->value.len &&
           tarn_same_bytes(behind + TARN_NODE_VALUE_OFF, n->value.data, n->value.len);
}

/* 1: the record is what is looked for; 0: it is not; negative: it breaks the format. */
__attribute__((always_inline)) static inline int record_matches(const struct tarn_region_view *v, const struct tarn_link *l, const struct tarn_name_ref *n)
{
    bool node = tarn_link_kind(tarn_load_u16(&l->kind_nvid)) == TARN_RECORD_NODE;
    struct tarn_blob_head b = tarn_blob_load(tarn_link_blob(l));

    if (b.klen != n->key.len || tarn_load_u16(&l->store) != n->store || node != n->node)
        return 0;
    if (RECORD_HEAD_BYTES + tarn_key_bytes(b.klen) > tarn_view_rest(v, l))
        return TARN_E_CORRUPT;
    if (!tarn_same_bytes(tarn_link_key(l), n->key.data, b.klen))
        return 0;
    return !node || (tarn_load_u32(&l->oid) == n->code && same_value(v, l, n, b));
}

/* Inlined where it is called, so that the look-up of an object carries nothing of what only nodes need. */
__attribute__((always_inline)) static inline int find(const struct tarn_region_view *v, const struct table *t, uint32_t tag, const struct tarn_name_ref *n, const struct tarn_link **ret)
{
    uint32_t mask = (1u << t->log2) - 1, i = tag >> (32 - t->log2);

    for (unsigned probes = 0; probes < TARN_REGION_PROBE_MAX && probes <= mask; probes++, i = (i + 1) & mask) {
        /* acquire: pairs with W2 in tarn_table_set(): the record's bytes are visible. */
        uint64_t s = atomic_load_explicit(&t->slot[i], memory_order_acquire);
        const struct tarn_link *l;
        int rc;

        if (!s)
            return TARN_E_NOTFOUND;
        if (s >> 32 != tag || (uint32_t)s <= TARN_REF_DELETED)
            continue;
        l = tarn_view_at(v, (uint32_t)s, RECORD_HEAD_BYTES);
        rc = l ? record_matches(v, l, n) : TARN_E_CORRUPT;
        if (rc < 0)
            return rc;
        if (rc) {
            *ret = l;
            return 0;
        }
    }
    return TARN_E_CORRUPT;
}

int tarn_reader_find(const struct tarn_region_view *v, const struct table *t, uint32_t tag, const struct tarn_name_ref *n, const struct tarn_link **ret)
{
    return find(v, t, tag, n, ret);
}

static inline uint32_t name_tag(const struct tarn_region_view *v, const struct tarn_name_ref *n)
{
    uint64_t space = n->node ? tarn_space_node(n->store, n->code) : tarn_space_objects(n->store);

    return tarn_hash_tag(tarn_hash(v->hash_key, space, n->key.data, n->key.len));
}

int tarn_reader_lookup(const struct tarn_region_view *v, const struct tarn_name_ref *n, const struct tarn_link **ret)
{
    struct table t;
    int rc = open_table(v, &t);

    return rc ? rc : find(v, &t, name_tag(v, n), n, ret);
}

/* ---- versions ----------------------------------------------------------------------------------------------- */

/* Behind l: the version that a snapshot at seq sees. TARN_E_NOTFOUND: there was none yet. */
static int older_version(const struct tarn_region_view *v, uint64_t seq, const struct tarn_link *l, const struct tarn_link **ret)
{
    uint64_t s = tarn_load_u64(&l->seq);

    for (unsigned hops = 0; s > seq; hops++) {
        uint32_t prev = tarn_load_u32(&l->prev);
        uint64_t older;

        if (!prev)
            return TARN_E_NOTFOUND;
        l = tarn_view_at(v, prev, RECORD_HEAD_BYTES);
        if (!l || hops > TARN_REGION_VERSIONS_MAX)
            return TARN_E_CORRUPT;
        older = tarn_load_u64(&l->seq);
        if (older >= s)
            return TARN_E_CORRUPT;
        s = older;
    }
    *ret = l;
    return 0;
}

/* The blob of a live record, its extent checked. */
static inline int live_blob(const struct tarn_region_view *v, const struct tarn_link *l, const struct tarn_object **ret)
{
    unsigned kind = tarn_link_kind(tarn_load_u16(&l->kind_nvid));
    uint32_t size = tarn_blob_load(tarn_link_blob(l)).size;

    if (kind == TARN_RECORD_TOMBSTONE)
        return TARN_E_NOTFOUND;
    if (kind != TARN_RECORD_OBJECT && kind != TARN_RECORD_RESOURCE)
        return TARN_E_CORRUPT;
    if (size < sizeof(struct tarn_blob_head) || size > TARN_OBJECT_BYTES_MAX || size > tarn_view_rest(v, l) - sizeof *l)
        return TARN_E_CORRUPT;
    *ret = (const struct tarn_object *)tarn_link_blob(l);
    return 0;
}

int tarn_reader_version(const struct tarn_reader *r, const struct tarn_link *head, const struct tarn_link **ret)
{
    if (tarn_load_u64(&head->seq) <= r->seq) {
        *ret = head;
        return 0;
    }
    return older_version(r->view, r->seq, head, ret);
}

int tarn_reader_object(const struct tarn_reader *r, const struct tarn_link *head, const struct tarn_link **ret_link, const struct tarn_object **ret)
{
    int rc = tarn_reader_version(r, head, ret_link);

    return rc ? rc : live_blob(r->view, *ret_link, ret);
}

/* ---- lookups --------------------------------------------------------------------------------------------------- */

__attribute__((always_inline)) static inline int get(const struct tarn_reader *r, const struct table *t, uint32_t tag, const struct tarn_name_ref *n, const struct tarn_object **ret)
{
    const struct tarn_link *l;
    int rc = find(r->view, t, tag, n, &l);

    return rc ? rc : tarn_reader_object(r, l, &l, ret);
}

int tarn_reader_get(const struct tarn_reader *r, uint16_t store, struct tarn_bytes key, const struct tarn_object **ret)
{
    const struct tarn_name_ref n = {.store = store, .key = key};
    const struct tarn_object *obj = NULL;
    struct table t;
    int rc;

    if (!key.len || key.len > TARN_REGION_KEY_MAX)
        return TARN_E_NOTFOUND;
    rc = open_table(r->view, &t);
    if (!rc)
        rc = get(r, &t, name_tag(r->view, &n), &n, &obj);
    rc = tarn_reader_verdict(r, rc);
    if (!rc)
        *ret = obj;
    return rc;
}

#define BATCH 16u

/* Up to BATCH keys: all slots first, then all records, then the lookups, which find both in the cache. */
static int get_batch(const struct tarn_reader *r, const struct table *t, uint16_t store, const struct tarn_bytes *keys, unsigned n, const struct tarn_object **ret)
{
    uint32_t tags[BATCH];
    int found = 0;

    for (unsigned i = 0; i < n; i++) {
        struct tarn_name_ref name = {.store = store, .key = keys[i]};

        tags[i] = name_tag(r->view, &name);
        __builtin_prefetch((const void *)&t->slot[tags[i] >> (32 - t->log2)]);
    }
    for (unsigned i = 0; i < n; i++) {
        uint32_t ref = (uint32_t)tarn_load_u64(&t->slot[tags[i] >> (32 - t->log2)]);

        __builtin_prefetch(r->view->base + ((uint64_t)ref << TARN_REGION_UNIT_SHIFT));
    }
    for (unsigned i = 0; i < n; i++) {
        struct tarn_name_ref name = {.store = store, .key = keys[i]};
        int rc = keys[i].len && keys[i].len <= TARN_REGION_KEY_MAX ? get(r, t, tags[i], &name, &ret[i]) : TARN_E_NOTFOUND;

        if (rc && rc != TARN_E_NOTFOUND)
            return rc;
        if (rc)
            ret[i] = NULL;
        found += !rc;
    }
    return found;
}

int tarn_reader_get_many(const struct tarn_reader *r, uint16_t store, const struct tarn_bytes *keys, unsigned n, const struct tarn_object **ret)
{
    struct table t;
    int rc = open_table(r->view, &t), found = 0;

    for (unsigned i = 0; rc >= 0 && i < n; i += BATCH) {
        rc = get_batch(r, &t, store, keys + i, n - i < BATCH ? n - i : BATCH, ret + i);
        found += rc;
    }
    return tarn_reader_verdict(r, rc < 0 ? rc : found);
}

static const struct tarn_link *link_of(const struct tarn_object *obj)
{
    return (const struct tarn_link *)obj - 1;
}

uint64_t tarn_reader_object_seq(const struct tarn_object *obj)
{
    return tarn_load_u64(&link_of(obj)->seq);
}

uint16_t tarn_reader_object_store(const struct tarn_object *obj)
{
    return tarn_load_u16(&link_of(obj)->store);
}

/* ---- copying ------------------------------------------------------------------------------------------------------- */

int tarn_reader_copy(const struct tarn_reader *r, const struct tarn_object *obj, const struct tarn_object **ret)
{
    const struct tarn_link *l = link_of(obj);
    const struct tarn_object *copy;
    struct tarn_buf b = {0};
    uint32_t size, crc;
    int rc;

    if ((const char *)l < r->view->base + TARN_REGION_HEADER_BYTES || (const char *)obj > r->view->base + r->view->size - sizeof(struct tarn_blob_head))
        return TARN_E_INVAL;
    size = tarn_blob_load(tarn_link_blob(l)).size;
    if (size < sizeof(struct tarn_blob_head) || size % 8 || size > TARN_OBJECT_BYTES_MAX || size > tarn_view_rest(r->view, obj))
        return tarn_reader_verdict(r, TARN_E_CORRUPT);
    if (tarn_buf_reserve(&b, size))
        return TARN_E_NOMEM;
    tarn_load(b.data, obj, size);
    crc = tarn_load_u32(&l->crc);
    rc = tarn_reader_verdict(r, tarn_crc32c(b.data, size) == crc && tarn_load64(b.data) << 32 >> 32 == size ? 0 : TARN_E_CORRUPT);
    copy = rc ? NULL : tarn_object_ref((const struct tarn_object *)b.data);
    if (!rc && !copy)
        rc = TARN_E_NOMEM;
    if (!rc)
        *ret = copy;
    tarn_buf_release(&b);
    return rc;
}
