/* collect.c - when memory may be used again.
 *
 * What commit N made unreachable waits in `retired` with tag N, in order. The horizon is moved to the smallest snapshot
 * that is still protected; what has a tag up to it is reachable by none of them. It rests in quarantine for a while (a notice period
 * for holders of expired snapshots, not needed for correctness: whoever reads recycled bytes finds the horizon beyond its snapshot), then goes
 * back to the allocator. The argument in full: region.md of the design, sections 4 and 6; tests/model explores it.
 */
#include <sys/socket.h>
#include <time.h>

#include "grace.h"

#define FREE_LIMIT 65536u  /* per call: about 2 ms */
#define SWEEP_LIMIT 16384u

static uint64_t now_ms(const struct tarn_writer *w)
{
    return tarn_now_ms(w->rt);
}

static uint64_t monotonic_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- taking and retiring ---------------------------------------------------------------------------- */

int tarn_writer_take(struct tarn_writer *w, uint64_t bytes, enum tarn_alloc_rank rank, uint32_t *ret_ref)
{
    int rc = tarn_alloc_get(&w->alloc, bytes, rank, ret_ref);

    if (rc != TARN_E_FULL)
        return rc;
    tarn_writer_reclaim(w, true);
    return tarn_alloc_get(&w->alloc, bytes, rank, ret_ref);
}

void tarn_writer_retire(struct tarn_writer *w, uint32_t ref)
{
    w->retired_bytes += tarn_alloc_bytes(&w->alloc, ref);
    tarn_ring_push(&w->retired, tarn_writer_n(w), ref, 0);
}

/* ---- commit ------------------------------------------------------------------------------------------- */

static void publish_counters(struct tarn_writer *w)
{
    struct tarn_region_counters *c = &w->h->counters;
    uint64_t held = w->retired_bytes + w->staged_bytes;

    /* information only: relaxed, no partner */
    atomic_store_explicit(&c->live_bytes, w->alloc.used_bytes - held, memory_order_relaxed);
    atomic_store_explicit(&c->retired_bytes, w->retired_bytes, memory_order_relaxed);
    atomic_store_explicit(&c->free_bytes, w->size - w->alloc.used_bytes, memory_order_relaxed);
    atomic_store_explicit(&c->objects, w->st.objects, memory_order_relaxed);
    atomic_store_explicit(&c->collections, w->st.collections, memory_order_relaxed);
    atomic_store_explicit(&c->revocations, w->st.revoked_parked + w->st.revoked_lease, memory_order_relaxed);
    atomic_store_explicit(&c->refused, w->st.refused_full, memory_order_relaxed);
    atomic_store_explicit(&c->pressure, w->st.pressure, memory_order_relaxed);
}

void tarn_writer_publish(struct tarn_writer *w)
{
    for (size_t i = 0; i < w->nchanges; i++) /* room was reserved with each change */
        if (w->changes[i].old) {
            w->retired_bytes += tarn_alloc_bytes(&w->alloc, w->changes[i].old);
            tarn_ring_push(&w->retired, tarn_writer_n(w), w->changes[i].old, 0);
        }
    w->nchanges = 0;
    publish_counters(w);
    /* release: pairs with the acquire of log_head in log.c; W4: entries before the head. */
    atomic_store_explicit(&w->h->log_head, w->log_pos, memory_order_release);
    atomic_store_explicit(&w->h->commit_ns, monotonic_ns(), memory_order_relaxed);
    w->commit++;
    /* release: W5: everything of N before N is named. Pairs with the acquire loads of commit_seq in reader.c (R4). */
    atomic_store_explicit(&w->h->commit_seq, w->commit, memory_order_release);
    w->dirty = w->swept = false;
    w->st.commits++;
    if (w->revived.n)
        tarn_u64map_release(&w->revived);
}

static void ring_one(struct tarn_writer *w, struct tarn_client_entry *c)
{
    static const char bell = 0;

    if (!tarn_load_u32(&c->page->page->armed))
        return;
    /* exchange: of several commits only one rings. */
    if (!atomic_exchange_explicit(&c->page->page->armed, 0, memory_order_seq_cst) || c->socket_fd < 0)
        return;
    if (send(c->socket_fd, &bell, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1) {
        w->st.doorbells++;
        c->facts.doorbells++;
    } else {
        w->st.doorbells_full++;
        c->facts.doorbells_full++;
    }
}

void tarn_writer_ring_doorbells(struct tarn_writer *w)
{
    /* W6: our commit before our look at armed. Pairs with the fence in tarn_pin_arm() (D2). */
    atomic_thread_fence(memory_order_seq_cst);
    for (unsigned i = 0; i < w->nclients; i++)
        ring_one(w, &w->clients[i]);
}

/* ---- horizon ------------------------------------------------------------------------------------------ */

static void note_pins(struct tarn_writer *w, const struct tarn_pins *p, uint64_t now)
{
    w->st.pins = p->pins;
    w->st.oldest_pin_seq = p->all == UINT64_MAX ? 0 : p->all;
    w->st.oldest_pin_age_ms = p->all == UINT64_MAX ? 0 : now - p->oldest_ms;
}

static void horizon_set(struct tarn_writer *w, uint64_t m)
{
    w->horizon = m;
    atomic_store_explicit(&w->h->horizon, m, memory_order_relaxed);
    /* C3: the horizon before any reuse. Pairs with the acquire fence in covered() of reader.c (R6): whoever loaded a
     * byte of the reuse sees this horizon. */
    atomic_thread_fence(memory_order_release);
}

/* Everything with a tag up to m rests from now on for rest_ms. */
static void quarantine(struct tarn_writer *w, uint64_t m, uint64_t release_ms, bool revoked)
{
    size_t end = w->quarantined;

    while (end < w->retired.tail && (tarn_ring_at(&w->retired, end)->tag <= m || TARN_MUTANT(FREE_AT_ONCE)))
        end++;
    if (end == w->quarantined || tarn_ring_reserve(&w->batches, 1) || tarn_ring_reserve(&w->batch_ends, 1))
        return;
    tarn_ring_push(&w->batches, release_ms, revoked, 0);
    tarn_ring_push(&w->batch_ends, end, 0, 0);
    w->quarantined = end;
}

static void free_until(struct tarn_writer *w, size_t end, size_t *limit)
{
    for (; w->retired.head < end && *limit; w->retired.head++, --*limit) {
        uint32_t ref = tarn_ring_at(&w->retired, w->retired.head)->a;

        w->retired_bytes -= tarn_alloc_bytes(&w->alloc, ref);
        tarn_alloc_put(&w->alloc, ref);
        w->st.reclaimed++;
    }
}

/* C4: give back what has rested. In an emergency rest is cut short, but never where a pin was revoked for it. */
static void release_batches(struct tarn_writer *w, uint64_t now, bool emergency)
{
    size_t limit = emergency ? SIZE_MAX : FREE_LIMIT;

    while (w->batches.head < w->batches.tail && limit) {
        const struct tarn_tagged *b = tarn_ring_at(&w->batches, w->batches.head);
        size_t end = (size_t)tarn_ring_at(&w->batch_ends, w->batch_ends.head)->tag;

        if (b->tag > now && (!emergency || b->a))
            return;
        free_until(w, end, &limit);
        if (w->retired.head < end)
            return;
        w->batches.head++;
        w->batch_ends.head++;
    }
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void tarn_writer_reclaim(struct tarn_writer *w, bool emergency)
{
    uint64_t now = now_ms(w), m;
    struct tarn_pins p;

    /* C1: our commit before our look at the pins. Pairs with the fence in tarn_reader_begin() (R3): either we see the
     * pin, or its reader sees our commit. */
    atomic_thread_fence(memory_order_seq_cst);
    tarn_ladder_scan(w, now, &p);
    note_pins(w, &p, now);
    m = smaller(w->commit, p.honoured);
    if (m > w->horizon || TARN_MUTANT(FREE_AT_ONCE)) {
        if (p.all < m)
            tarn_ladder_count_revoked(w, m);
        horizon_set(w, m);
        quarantine(w, smaller(m, p.all), now + w->o.quarantine_ms, false);
        quarantine(w, m, now + w->o.revoke_quarantine_ms, true);
    }
    release_batches(w, now, emergency);
}

/* ---- sweeping --------------------------------------------------------------------------------------------- */

/* A deleted object that no snapshot sees: its slot and its number become free. */
static void unlink_dead(struct tarn_writer *w, uint32_t oid, uint32_t ref)
{
    struct tarn_name name = tarn_table_name_of(tarn_writer_link(w, ref));
    struct tarn_place place;

    tarn_table_find(w, &name, &place);
    tarn_table_clear(w, &place);
    /* relaxed: takes away what no protected snapshot needs. */
    atomic_store_explicit(&tarn_writer_heads(w)->v[oid], TARN_REF_NONE, memory_order_relaxed);
    w->free_oids.v[w->free_oids.n++] = oid;
    tarn_writer_retire(w, ref);
    w->st.swept_oids++;
    w->swept = true;
}

/* Only between transactions: an abort could bring a tombstone back. */
static bool sweep_dead(struct tarn_writer *w, size_t limit)
{
    struct tarn_ring *q = &w->dead;

    for (; limit && q->head < q->tail && tarn_ring_at(q, q->head)->tag <= w->horizon; limit--) {
        struct tarn_tagged e = *tarn_ring_at(q, q->head);
        uint32_t ref = tarn_writer_head(w, e.a);
        const struct tarn_link *l = ref ? tarn_writer_link(w, ref) : NULL;

        if (tarn_writer_retire_reserve(w, 1) || tarn_u32s_reserve(&w->free_oids, 1))
            return false;
        q->head++;
        if (l && tarn_link_kind_of(l) == TARN_RECORD_TOMBSTONE && tarn_load_u64(&l->seq) == e.tag)
            unlink_dead(w, e.a, ref);
    }
    return !limit;
}

void tarn_writer_heartbeat(struct tarn_writer *w)
{
    /* relaxed: a time by itself */
    atomic_store_explicit(&w->h->heartbeat_ns, monotonic_ns(), memory_order_relaxed);
}

bool tarn_writer_collect(struct tarn_writer *w)
{
    bool more = false;

    w->st.collections++;
    tarn_ladder_step(w, now_ms(w));
    tarn_writer_reclaim(w, false);
    if (!w->applying) {
        tarn_grace_tick(w);
        more = tarn_nodes_sweep(w, SWEEP_LIMIT);
    }
    if (!w->dirty) {
        more = sweep_dead(w, SWEEP_LIMIT) || more;
        if (w->swept)
            tarn_writer_publish(w);
    }
    publish_counters(w);
    tarn_writer_heartbeat(w);
    return more || (w->batches.head < w->batches.tail && tarn_ring_at(&w->batches, w->batches.head)->tag <= now_ms(w));
}
