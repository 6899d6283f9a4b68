/* writer.c - life of the writer and the transaction: what belongs to N, and when N is told. */
#include "grace.h"

#include <stdlib.h>
#include <time.h>

#include "region_map.h"

#define OBJECT_BYTES_DEFAULT (2u << 20)

/* ---- life ------------------------------------------------------------------------------------------- */

static int check_options(struct tarn_writer_options *o, struct tarn_error *err)
{
    o->realm = o->realm ? o->realm : "cluster";
    o->rt = o->rt ? o->rt : tarn_runtime_posix();
    o->max_object_bytes = o->max_object_bytes ? o->max_object_bytes : OBJECT_BYTES_DEFAULT;
    o->quarantine_ms = o->quarantine_ms ? o->quarantine_ms : 10;
    o->revoke_quarantine_ms = o->revoke_quarantine_ms ? o->revoke_quarantine_ms : 1000;
    o->lease_ms = o->lease_ms ? o->lease_ms : 30000;
    o->generation = o->generation ? o->generation : 1;
    o->budget_bytes &= ~(uint64_t)(TARN_REGION_CHUNK_BYTES - 1);
    if (strlen(o->realm) > sizeof((struct tarn_region_header *)0)->realm - 1 || !*o->realm)
        return tarn_error_set(err, TARN_E_INVAL, "realm name '%s': 1 to 23 bytes", o->realm);
    if (o->budget_bytes < TARN_REGION_BYTES_MIN || o->budget_bytes > TARN_REGION_BYTES_MAX)
        return tarn_error_set(err, TARN_E_INVAL, "budget of realm '%s': %llu bytes, must be 4 MiB to 64 GiB", o->realm,
                              (unsigned long long)o->budget_bytes);
    if (o->max_object_bytes > TARN_OBJECT_BYTES_MAX)
        return tarn_error_set(err, TARN_E_INVAL, "object limit of %u bytes: at most %u", o->max_object_bytes, TARN_OBJECT_BYTES_MAX);
    return 0;
}

static int make_region(struct tarn_writer *w, struct tarn_error *err)
{
    struct timespec t;
    struct tarn_region_spec spec = {.realm = w->o.realm, .size = w->o.budget_bytes, .generation = w->o.generation};
    uint64_t instance[2] = {tarn_random(w->rt), tarn_random(w->rt)};
    int rc;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    spec.created_ns = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    spec.hash_key[0] = tarn_random(w->rt);
    spec.hash_key[1] = tarn_random(w->rt) | 1;
    memcpy(spec.instance, w->o.instance ? (const void *)w->o.instance : instance, sizeof instance);
    w->o.instance = NULL; /* borrowed during the call */
    rc = tarn_region_make(&spec, &w->base, &w->fd, err);
    if (rc)
        return rc;
    w->size = spec.size;
    w->h = (struct tarn_region_header *)w->base;
    rc = tarn_alloc_init(&w->alloc, w->base, w->size, w->o.huge_pages == TARN_HUGE_PAGES_AUTO);
    w->alloc.populate.fault_at = w->o.fault_populate_at;
    if (!rc && w->o.populate_ahead)
        tarn_populate_ahead(&w->alloc.populate, w->rt);
    return rc ? rc : tarn_region_view_of(w->base, w->size, &w->view, err);
}

/* Entries of the log: what was asked, or a 64th of the region. */
static uint32_t log_log2(const struct tarn_writer *w)
{
    uint64_t want = w->o.log_entries ? w->o.log_entries : w->size / 64 / sizeof(struct tarn_log_entry);
    uint32_t log2 = TARN_LOG_LOG2_MIN, max = w->o.log_entries ? TARN_LOG_LOG2_MAX : 20;

    while (log2 < max && (UINT64_C(1) << log2) < want)
        log2++;
    return log2;
}

static int make_table(struct tarn_writer *w)
{
    uint64_t bytes = sizeof(struct tarn_table) + (sizeof(uint64_t) << TARN_TABLE_LOG2_MIN);
    uint32_t ref;
    int rc = tarn_alloc_get(&w->alloc, bytes, TARN_ALLOC_LAST, &ref);

    if (rc)
        return rc;
    tarn_fill_zero(tarn_writer_at(w, ref), bytes);
    atomic_store_explicit(&((struct tarn_table *)tarn_writer_at(w, ref))->log2, TARN_TABLE_LOG2_MIN, memory_order_relaxed);
    atomic_store_explicit(&w->h->table, ref, memory_order_relaxed);
    return 0;
}

static int make_heads(struct tarn_writer *w)
{
    struct tarn_array *a;
    uint32_t ref;
    int rc = tarn_alloc_get(&w->alloc, 64, TARN_ALLOC_LAST, &ref);

    if (rc)
        return rc;
    a = tarn_writer_at(w, ref);
    atomic_store_explicit(&a->cap, (64 - sizeof *a) / 4, memory_order_relaxed);
    atomic_store_explicit(&a->n, 0, memory_order_relaxed);
    atomic_store_explicit(&w->h->heads, ref, memory_order_relaxed);
    return 0;
}

static int make_log(struct tarn_writer *w)
{
    uint32_t log2 = log_log2(w), ref;
    int rc = tarn_alloc_get(&w->alloc, sizeof(struct tarn_log_ring) + (sizeof(struct tarn_log_entry) << log2), TARN_ALLOC_LAST, &ref);

    if (rc)
        return rc;
    atomic_store_explicit(&((struct tarn_log_ring *)tarn_writer_at(w, ref))->log2, log2, memory_order_relaxed);
    atomic_store_explicit(&w->h->log, ref, memory_order_relaxed);
    return 0;
}

/* The state of commit 1: nothing but the resources' own (empty) store. */
static int make_structures(struct tarn_writer *w)
{
    int rc = make_table(w);

    if (!rc)
        rc = make_heads(w);
    if (!rc)
        rc = make_log(w);
    if (rc)
        return rc;
    w->resources = calloc(1, sizeof(struct tarn_resource *));
    if (w->resources)
        w->resources[0] = calloc(1, sizeof *w->resources[0]);
    if (!w->resources || !w->resources[0])
        return TARN_E_NOMEM;
    w->nresources = 1;
    w->resources[0]->name = strdup("resources");
    w->commit = 1;
    atomic_store_explicit(&w->h->agent_state, TARN_AGENT_STARTING, memory_order_relaxed);
    tarn_writer_heartbeat(w);
    /* release: as in tarn_writer_publish; the descriptor is handed out later still. */
    atomic_store_explicit(&w->h->commit_seq, 1, memory_order_release);
    return w->resources[0]->name ? 0 : TARN_E_NOMEM;
}

int tarn_writer_new(const struct tarn_writer_options *o, struct tarn_writer **ret, struct tarn_error *err)
{
    struct tarn_writer *w = calloc(1, sizeof *w);
    int rc;

    if (!w)
        return tarn_error_set(err, TARN_E_NOMEM, "writer: out of memory");
    w->fd = -1;
    w->o = *o;
    rc = check_options(&w->o, err);
    w->rt = w->o.rt;
    if (!rc)
        rc = make_region(w, err);
    if (!rc) {
        rc = make_structures(w);
        if (rc)
            (void)tarn_error_set(err, rc, "region of %llu bytes for realm '%s': the change log and tables do not fit: %s",
                                 (unsigned long long)w->size, w->o.realm, tarn_strerror(rc));
    }
    if (rc) {
        tarn_writer_free(w);
        return rc;
    }
    *ret = w;
    return 0;
}

static void free_private(struct tarn_writer *w)
{
    for (unsigned i = 0; i < w->nresources; i++)
        tarn_resource_free(w->resources[i]);
    free(w->resources);
    for (unsigned i = 0; i < w->nclients; i++) {
        free(w->clients[i].seen);
        tarn_pin_page_free(w->clients[i].page);
    }
    free(w->clients);
    free(w->changes);
    free(w->free_oids.v);
    free(w->retired.v);
    free(w->batches.v);
    free(w->batch_ends.v);
    free(w->dead.v);
    free(w->stale_queue.v);
    tarn_u64map_release(&w->stale);
    tarn_u64map_release(&w->purgeable);
    tarn_u64map_release(&w->revived);
    tarn_index_values_release(&w->values);
    tarn_buf_release(&w->scratch);
    tarn_alloc_release(&w->alloc);
}

void tarn_writer_free(struct tarn_writer *w)
{
    if (!w)
        return;
    tarn_populate_release(&w->alloc.populate); /* its helper works on the mapping */
    if (w->h) {
        tarn_writer_set_agent_state(w, TARN_AGENT_STOPPED);
        tarn_region_unmake(w->base, w->size, w->fd);
    }
    free_private(w);
    free(w);
}

int tarn_writer_fd(const struct tarn_writer *w)
{
    return w->fd;
}

const struct tarn_region_view *tarn_writer_view(const struct tarn_writer *w)
{
    return &w->view;
}

void tarn_writer_set_agent_state(struct tarn_writer *w, enum tarn_agent_state state)
{
    /* relaxed: information by itself */
    atomic_store_explicit(&w->h->agent_state, state, memory_order_relaxed);
}
/* ---- one object ------------------------------------------------------------------------------------------ */

int tarn_writer_may_change(const struct tarn_writer *w, uint16_t store, struct tarn_error *err)
{
    if (w->applying && w->applying != store)
        return tarn_error_set(err, TARN_E_AGAIN, "a Replace of '%s' is being applied; try again when it is committed",
                              w->resources[w->applying]->name);
    return 0;
}

int tarn_writer_refuse(struct tarn_writer *w, int rc, const struct tarn_resource *res, struct tarn_bytes key, struct tarn_error *err)
{
    if (rc == TARN_E_FULL) {
        w->st.refused_full++;
        atomic_store_explicit(&w->h->counters.over_budget, 1, memory_order_relaxed);
        return tarn_error_set(err, rc, "%s '%.*s' does not fit: the region of realm '%s' (%llu MiB) is full, %llu MiB wait for readers; "
                              "the older state stays. Raise its budget or end old snapshots", res->name, TARN_BYTES_ARG(key), w->o.realm,
                              (unsigned long long)w->size >> 20, (unsigned long long)w->retired_bytes >> 20);
    }
    if (rc == TARN_E_LIMIT)
        return tarn_error_set(err, rc, "%s '%.*s': too many keys of one hash", res->name, TARN_BYTES_ARG(key));
    if (rc == TARN_E_NOMEM)
        return tarn_error_set(err, rc, "%s '%.*s': out of memory", res->name, TARN_BYTES_ARG(key));
    return rc; /* err was filled where it happened */
}

static int check_object(struct tarn_writer *w, const struct tarn_resource *res, const struct tarn_object *obj, struct tarn_error *err)
{
    struct tarn_bytes key = tarn_object_key(obj);

    if (tarn_object_flags(obj) & (TARN_OBJECT_NO_META | TARN_OBJECT_TOMBSTONE | TARN_OBJECT_EXPLICIT_KEY) || !key.len)
        return tarn_error_set(err, TARN_E_KEY, "%s: an object without a key cannot be stored", res->name);
    if (key.len <= TARN_REGION_KEY_MAX && tarn_object_size(obj) <= w->o.max_object_bytes)
        return 0;
    w->st.refused_size++;
    return tarn_error_set(err, TARN_E_SIZE, "%s '%.*s': %u bytes with a key of %zu; the limits are %u and %u", res->name,
                          (int)(key.len < 128 ? key.len : 128), key.data, tarn_object_size(obj), key.len,
                          w->o.max_object_bytes, TARN_REGION_KEY_MAX);
}

static int put(struct tarn_writer *w, struct tarn_resource *res, const struct tarn_object *obj, struct tarn_error *err)
{
    struct tarn_bytes key = tarn_object_key(obj);
    uint32_t old = tarn_version_find(w, res->store, key), ref;
    int rc;

    if (old && tarn_version_same(w, old, obj)) {
        w->st.unchanged++;
        return 0;
    }
    rc = tarn_version_of_object(w, res, obj, &ref, err);
    if (!rc)
        rc = tarn_version_link_or_drop(w, res, ref);
    if (rc)
        return tarn_writer_refuse(w, rc, res, key, err);
    w->st.puts++;
    return 0;
}

static int auto_commit(struct tarn_writer *w, struct tarn_error *err)
{
    return w->o.auto_commit && !w->applying ? tarn_writer_commit(w, err) : 0;
}

int tarn_writer_check(struct tarn_writer *w, uint16_t store, const struct tarn_object *obj, struct tarn_error *err)
{
    return check_object(w, w->resources[store], obj, err);
}

int tarn_writer_put(struct tarn_writer *w, uint16_t store, const struct tarn_object *obj, struct tarn_error *err)
{
    struct tarn_resource *res = w->resources[store];
    int rc = check_object(w, res, obj, err);

    if (!rc)
        rc = put(w, res, obj, err);
    return rc ? rc : auto_commit(w, err);
}

int tarn_writer_delete(struct tarn_writer *w, uint16_t store, struct tarn_bytes key, uint64_t version, struct tarn_error *err)
{
    struct tarn_resource *res = w->resources[store];
    uint32_t ref;
    int rc;

    if (!tarn_version_find(w, store, key))
        return 0;
    rc = tarn_version_make_tombstone(w, store, key, version, &ref);
    if (!rc)
        rc = tarn_version_link_or_drop(w, res, ref);
    if (rc)
        return tarn_writer_refuse(w, rc, res, key, err);
    w->st.deletes++;
    return auto_commit(w, err);
}

/* ---- transactions ------------------------------------------------------------------------------------------- */

/* Publish N; a Replace calls it when everything is linked. */
int tarn_writer_commit_now(struct tarn_writer *w, struct tarn_error *err)
{
    for (unsigned i = 1; i < w->nresources; i++) {
        int rc = w->resources[i]->dirty && !w->resources[i]->removed ? tarn_resource_write(w, w->resources[i]) : 0;

        if (rc)
            return tarn_writer_refuse(w, rc, w->resources[i], tarn_bytes_of(w->resources[i]->name), err);
    }
    tarn_writer_publish(w);
    tarn_writer_ring_doorbells(w);
    return 0;
}

int tarn_writer_commit(struct tarn_writer *w, struct tarn_error *err)
{
    int rc = tarn_writer_may_change(w, 0, err);

    if (rc || !w->dirty)
        return rc;
    return tarn_writer_commit_now(w, err);
}

void tarn_writer_abort(struct tarn_writer *w)
{
    if (w->applying)
        return; /* that transaction is the Replace's own */
    tarn_writer_undo(w);
}

void tarn_writer_undo(struct tarn_writer *w)
{
    tarn_version_undo(w);
    tarn_u64map_release(&w->revived);
    w->log_pos = tarn_load_u64(&w->h->log_head);
    w->dirty = false;
    for (unsigned i = 1; i < w->nresources; i++)
        w->dirty = w->dirty || w->resources[i]->dirty;
    tarn_grace_undone(w);
    w->st.aborts++;
}

bool tarn_writer_applying(const struct tarn_writer *w)
{
    return w->applying != 0;
}

bool tarn_writer_dirty(const struct tarn_writer *w)
{
    return w->dirty;
}

uint64_t tarn_writer_commit_seq(const struct tarn_writer *w)
{
    return w->commit;
}

/* ---- counters ------------------------------------------------------------------------------------------------------ */

static uint64_t private_bytes(const struct tarn_writer *w)
{
    const struct tarn_ring *rings[] = {&w->retired, &w->batches, &w->batch_ends, &w->dead, &w->stale_queue};
    const struct tarn_u64map *maps[] = {&w->stale, &w->purgeable, &w->revived};
    uint64_t n = sizeof *w + w->alloc.private_bytes + w->changes_cap * sizeof *w->changes + w->free_oids.cap * 4 + w->scratch.cap;

    for (size_t i = 0; i < sizeof rings / sizeof *rings; i++)
        n += rings[i]->cap * sizeof(struct tarn_tagged);
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
        n += maps[i]->cap * 16;
    return n;
}

static uint64_t taken_bytes(const struct tarn_writer *w)
{
    return tarn_populate_count(&w->alloc.populate) * TARN_REGION_CHUNK_BYTES;
}

void tarn_writer_stats(const struct tarn_writer *w, struct tarn_writer_stats *ret)
{
    *ret = w->st;
    ret->budget_bytes = w->size;
    ret->taken_bytes = taken_bytes(w);
    ret->retired_bytes = w->retired_bytes;
    ret->staged_bytes = w->staged_bytes;
    ret->live_bytes = w->alloc.used_bytes - w->retired_bytes - w->staged_bytes;
    ret->free_bytes = w->size - w->alloc.used_bytes;
    ret->private_bytes = private_bytes(w);
    ret->chunks_collapsed = atomic_load_explicit(&w->alloc.populate.collapsed, memory_order_relaxed); /* a count by itself */
    ret->chunks_populated = atomic_load_explicit(&w->alloc.populate.faulted, memory_order_relaxed); /* a count by itself */
    ret->chunks_failed = atomic_load_explicit(&w->alloc.populate.failed, memory_order_relaxed); /* a count by itself */
    ret->clients = w->nclients;
    ret->horizon = w->horizon;
    ret->commit_seq = w->commit;
    ret->log_head = w->log_pos;
    ret->log_floor = tarn_load_u64(&w->h->log_floor);
}
