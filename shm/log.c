/* log.c - reading the change log: an entry is loaded, then the floor tells whether it was still there. */
#include <tarn/log.h>

#include <stdlib.h>
#include <string.h>

#include "reader_impl.h"

/* A ring whose extent was checked. */
struct ring {
    const struct tarn_log_entry *entry;
    uint64_t mask;
};

static int open_ring(const struct tarn_region_view *v, struct ring *ret)
{
    const struct tarn_log_ring *l = tarn_view_at(v, tarn_load_u32(&tarn_view_header(v)->log), sizeof *l);
    uint32_t log2;

    if (!l)
        return TARN_E_CORRUPT;
    log2 = tarn_load_u32(&l->log2);
    if (log2 < TARN_LOG_LOG2_MIN || log2 > TARN_LOG_LOG2_MAX || (sizeof *l->entry << log2) > tarn_view_rest(v, l->entry))
        return TARN_E_CORRUPT;
    *ret = (struct ring){.entry = l->entry, .mask = (UINT64_C(1) << log2) - 1};
    return 0;
}

static uint64_t head(const struct tarn_region_view *v)
{
    /* acquire: pairs with W4 in tarn_writer_publish(): the entries before it are visible. Loaded after the snapshot's
     * R4, so it is at least the head of that commit. */
    return atomic_load_explicit(&tarn_view_header(v)->log_head, memory_order_acquire);
}

/* Load entry p. TARN_E_GONE: it may have been overwritten meanwhile. */
static int load(const struct tarn_region_view *v, const struct ring *ring, uint64_t p, struct tarn_log_change *ret)
{
    const struct tarn_log_entry *e = &ring->entry[p & ring->mask];

    *ret = (struct tarn_log_change){.seq = tarn_load_u64(&e->seq), .oid = tarn_load_u32(&e->oid), .store = (uint16_t)tarn_load_u32(&e->store)};
    /* The entry before the floor. Pairs with the release fence in log_append() (W4): if we loaded a byte of the entry
     * that overwrote p, the floor is seen above p. */
    atomic_thread_fence(memory_order_acquire);
    return tarn_load_u64(&tarn_view_header(v)->log_floor) > p ? TARN_E_GONE : 0;
}

/* First position in [low, high) whose entry is newer than seq; what is gone is older. */
static uint64_t first_newer(const struct tarn_region_view *v, const struct ring *ring, uint64_t low, uint64_t high, uint64_t seq)
{
    while (low < high) {
        uint64_t mid = low + (high - low) / 2;
        struct tarn_log_change c;

        if (load(v, ring, mid, &c) || c.seq <= seq)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

int tarn_log_cursor_at(const struct tarn_reader *r, struct tarn_log_cursor *ret)
{
    uint64_t high = head(r->view), low = tarn_load_u64(&tarn_view_header(r->view)->log_floor), p;
    struct ring ring;
    int rc = open_ring(r->view, &ring);

    if (!rc && high > low && high - low > ring.mask + 1)
        rc = TARN_E_CORRUPT;
    p = rc ? 0 : first_newer(r->view, &ring, low, high, r->seq);
    rc = tarn_reader_verdict(r, rc);
    if (!rc)
        ret->position = p;
    return rc;
}

int tarn_log_next(const struct tarn_reader *r, struct tarn_log_cursor *c, struct tarn_log_change *ret)
{
    struct tarn_log_change change;
    struct ring ring;
    int rc = open_ring(r->view, &ring);

    if (!rc && c->position >= head(r->view))
        return tarn_reader_verdict(r, 0);
    if (!rc)
        rc = load(r->view, &ring, c->position, &change);
    rc = tarn_reader_verdict(r, rc);
    if (rc || change.seq > r->seq)
        return rc;
    c->position++;
    *ret = change;
    return 1;
}

/* ---- what was read ---------------------------------------------------------------------------------- */

int tarn_log_changes_add(struct tarn_log_changes *l, const struct tarn_log_change *c)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        struct tarn_log_change *v = realloc(l->v, cap * sizeof *v);

        if (!v)
            return TARN_E_NOMEM;
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = *c;
    return 0;
}

/* One pass from the end with a set of the object numbers seen. */
int tarn_log_changes_coalesce(struct tarn_log_changes *l)
{
    size_t cap = 64, kept = l->n;
    uint64_t *set;

    if (!l->n)
        return 0;
    while (cap < l->n * 2)
        cap *= 2;
    set = calloc(cap, sizeof *set);
    if (!set)
        return TARN_E_NOMEM;
    for (size_t i = l->n; i-- > 0;) {
        uint64_t oid = (uint64_t)l->v[i].oid + 1;
        size_t at = (oid * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (cap - 1);

        while (set[at] && set[at] != oid)
            at = (at + 1) & (cap - 1);
        if (set[at])
            continue;
        set[at] = oid;
        l->v[--kept] = l->v[i];
    }
    free(set);
    memmove(l->v, l->v + kept, (l->n - kept) * sizeof *l->v);
    l->n -= kept;
    return 0;
}
