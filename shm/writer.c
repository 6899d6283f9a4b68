/* writer.c - life of the writer, resources, and the transaction: what belongs to N, and when N is told. */
#include "writer_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "region_map.h"
#include "resource_record.h"

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
    w->alloc.fault_at = w->o.fault_populate_at;
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

static void strings_free(char **v, unsigned n)
{
    for (unsigned i = 0; v && i < n; i++)
        free(v[i]);
    free(v);
}

static void resource_free(struct tarn_resource *r)
{
    if (!r)
        return;
    for (unsigned i = 0; r->indexes && i < r->nindex; i++)
        free(r->indexes[i].name);
    free(r->indexes);
    strings_free(r->slots, r->nslot);
    strings_free(r->short_names, r->nshort);
    free(r->name);
    free(r->api_version);
    free(r->kind);
    free(r->singular);
    tarn_buf_release(&r->resource_version);
    tarn_buf_release(&r->last_error);
    free(r);
}

static void free_private(struct tarn_writer *w)
{
    for (unsigned i = 0; i < w->nresources; i++)
        resource_free(w->resources[i]);
    free(w->resources);
    for (unsigned i = 0; i < w->nclients; i++)
        free(w->clients[i].seen);
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

/* ---- resources ----------------------------------------------------------------------------------------- */

static char *copy_or_empty(const char *s)
{
    return strdup(s ? s : "");
}

static char **copy_strings(const char *const *v, unsigned n)
{
    char **c = calloc(n + 1, sizeof *c);

    for (unsigned i = 0; c && i < n; i++) {
        c[i] = strdup(v[i]);
        if (!c[i]) {
            strings_free(c, i);
            return NULL;
        }
    }
    return c;
}

static int namespace_values(void *ctx, const struct tarn_object *obj, struct tarn_index_values *out)
{
    (void)ctx;
    return tarn_index_values_add(out, tarn_object_namespace(obj));
}

static bool has_namespace_index(const struct tarn_writer_resource *spec)
{
    for (unsigned i = 0; i < spec->nindex; i++)
        if (!strcmp(spec->indexes[i].name, "namespace"))
            return true;
    return false;
}

static int copy_indexes(struct tarn_resource *r, const struct tarn_writer_resource *spec)
{
    r->indexes = calloc(spec->nindex + 1, sizeof *r->indexes);
    if (!r->indexes)
        return TARN_E_NOMEM;
    for (unsigned i = 0; i < spec->nindex; i++)
        r->indexes[r->nindex++] = (struct tarn_index){.func = spec->indexes[i]};
    if (spec->namespaced && !has_namespace_index(spec))
        r->indexes[r->nindex++].func = (struct tarn_index_func){.name = "namespace", .fn = namespace_values};
    for (unsigned i = 0; i < r->nindex; i++) {
        r->indexes[i].name = strdup(r->indexes[i].func.name);
        if (!r->indexes[i].name)
            return TARN_E_NOMEM;
    }
    return 0;
}

static int copy_resource(struct tarn_resource *r, const struct tarn_writer_resource *spec)
{
    r->namespaced = spec->namespaced;
    r->name = strdup(spec->name);
    r->api_version = copy_or_empty(spec->api_version);
    r->kind = copy_or_empty(spec->kind);
    r->singular = copy_or_empty(spec->singular);
    r->slots = copy_strings(spec->slots, spec->nslot);
    r->nslot = r->slots ? spec->nslot : 0;
    r->short_names = copy_strings(spec->short_names, spec->nshort);
    r->nshort = r->short_names ? spec->nshort : 0;
    if (!r->name || !r->api_version || !r->kind || !r->singular || !r->slots || !r->short_names)
        return TARN_E_NOMEM;
    return copy_indexes(r, spec);
}

static int check_resource(const struct tarn_writer *w, const struct tarn_writer_resource *spec, struct tarn_error *err)
{
    size_t len = spec->name ? strlen(spec->name) : 0;

    if (!len || len > TARN_REGION_NAME_MAX)
        return tarn_error_set(err, TARN_E_INVAL, "resource name '%s': 1 to %u bytes", len ? spec->name : "", TARN_REGION_NAME_MAX);
    for (unsigned i = 1; i < w->nresources; i++)
        if (!w->resources[i]->removed && !strcmp(w->resources[i]->name, spec->name))
            return tarn_error_set(err, TARN_E_EXISTS, "resource '%s' is in the region already", spec->name);
    if (w->nresources > TARN_REGION_RESOURCES_MAX)
        return tarn_error_set(err, TARN_E_LIMIT, "resource '%s': a realm has at most %u", spec->name, TARN_REGION_RESOURCES_MAX);
    if (spec->nindex >= TARN_REGION_INDEXES_MAX || spec->nslot > TARN_REGION_SLOTS_MAX)
        return tarn_error_set(err, TARN_E_LIMIT, "resource '%s': %u indexes, %u slots: at most %u and %u", spec->name,
                              spec->nindex, spec->nslot, TARN_REGION_INDEXES_MAX - 1, TARN_REGION_SLOTS_MAX);
    return 0;
}

static int append_resource(struct tarn_writer *w, struct tarn_resource *r)
{
    struct tarn_resource **v = realloc(w->resources, (w->nresources + 1) * sizeof(struct tarn_resource *));

    if (!v)
        return TARN_E_NOMEM;
    w->resources = v;
    r->store = (uint16_t)w->nresources;
    r->dirty = true;
    w->resources[w->nresources++] = r;
    w->st.resources++;
    w->dirty = true;
    return 0;
}

int tarn_writer_add_resource(struct tarn_writer *w, const struct tarn_writer_resource *spec, uint16_t *ret_store, struct tarn_error *err)
{
    struct tarn_resource *r;
    int rc = tarn_writer_may_change(w, 0, err);

    if (!rc)
        rc = check_resource(w, spec, err);
    if (rc)
        return rc;
    r = calloc(1, sizeof *r);
    rc = r ? copy_resource(r, spec) : TARN_E_NOMEM;
    if (!rc)
        rc = append_resource(w, r);
    if (rc) {
        resource_free(r);
        return tarn_error_set(err, rc, "resource '%s': %s", spec->name, tarn_strerror(rc));
    }
    *ret_store = r->store;
    return w->o.auto_commit ? tarn_writer_commit(w, err) : 0;
}

static struct tarn_resource *resource_at(const struct tarn_writer *w, uint16_t store)
{
    return store && store < w->nresources && !w->resources[store]->removed ? w->resources[store] : NULL;
}

/* Delete every object of a resource, last posting entry first. */
static int delete_all(struct tarn_writer *w, struct tarn_resource *r, struct tarn_error *err)
{
    const struct tarn_array *heads;
    int rc = 0;

    for (uint32_t oid = 0; !rc && r->objects && oid < tarn_load_u32(&tarn_writer_heads(w)->n); oid++) {
        const struct tarn_blob_head *b;
        const struct tarn_link *l;
        uint32_t ref;

        heads = tarn_writer_heads(w);
        ref = tarn_load_u32(&heads->v[oid]);
        l = ref ? tarn_writer_link(w, ref) : NULL;
        if (!l || tarn_load_u16(&l->store) != r->store || tarn_link_kind_of(l) != TARN_RECORD_OBJECT)
            continue;
        b = tarn_link_blob(l);
        rc = tarn_writer_delete(w, r->store, (struct tarn_bytes){.data = tarn_link_key(l), .len = b->klen}, err);
    }
    return rc;
}

int tarn_writer_remove_resource(struct tarn_writer *w, uint16_t store, struct tarn_error *err)
{
    struct tarn_resource *r = resource_at(w, store);
    uint32_t ref;
    int rc;

    if (!r || r->attached)
        return tarn_error_set(err, TARN_E_INVAL, "resource number %u: %s", store, r ? "its store is still in use" : "unknown");
    rc = delete_all(w, r, err);
    if (rc)
        return rc;
    if (tarn_version_find(w, 0, tarn_bytes_of(r->name))) {
        rc = tarn_version_make_tombstone(w, 0, tarn_bytes_of(r->name), &ref);
        if (!rc) {
            rc = tarn_version_link(w, w->resources[0], ref);
            if (rc)
                tarn_version_drop(w, ref);
        }
    }
    if (rc)
        return tarn_writer_refuse(w, rc, r, tarn_bytes_of(r->name), err);
    r->removed = true;
    r->dirty = false;
    w->st.resources--;
    return w->o.auto_commit ? tarn_writer_commit(w, err) : 0;
}

static int keep_text(struct tarn_buf *b, struct tarn_bytes *t)
{
    int rc;

    tarn_buf_clear(b);
    rc = tarn_buf_add(b, t->data, t->len);
    *t = tarn_buf_bytes(b);
    return rc;
}

static bool same_state(const struct tarn_resource_state *a, const struct tarn_resource_state *b)
{
    return a->synced == b->synced && a->live == b->live && a->relisting == b->relisting &&
           tarn_bytes_equal(a->resource_version, b->resource_version) && tarn_bytes_equal(a->last_error, b->last_error) &&
           a->last_event_ms == b->last_event_ms && a->last_list_ms == b->last_list_ms && a->last_error_ms == b->last_error_ms &&
           a->lists == b->lists && a->watches == b->watches && a->events == b->events && a->relists == b->relists &&
           a->errors == b->errors && a->rv_rewinds == b->rv_rewinds && a->skipped == b->skipped;
}

int tarn_writer_set_resource_state(struct tarn_writer *w, uint16_t store, const struct tarn_resource_state *state, struct tarn_error *err)
{
    struct tarn_resource *r = resource_at(w, store);
    struct tarn_resource_state s = *state;

    if (!r)
        return tarn_error_set(err, TARN_E_INVAL, "resource number %u: unknown", store);
    if (same_state(&r->state, state))
        return 0;
    if (keep_text(&r->resource_version, &s.resource_version) || keep_text(&r->last_error, &s.last_error))
        return tarn_error_set(err, TARN_E_NOMEM, "state of '%s': out of memory", r->name);
    r->state = s;
    r->dirty = w->dirty = true;
    return w->o.auto_commit && !w->applying ? tarn_writer_commit(w, err) : 0;
}

uint64_t tarn_writer_count(const struct tarn_writer *w, uint16_t store)
{
    return store < w->nresources ? w->resources[store]->objects : 0;
}

static int encode(struct tarn_writer *w, const struct tarn_resource *r, struct tarn_bytes *texts)
{
    unsigned n = 0;
    struct tarn_resource_info i = {
        .store = r->store, .namespaced = r->namespaced, .name = tarn_bytes_of(r->name),
        .api_version = tarn_bytes_of(r->api_version), .kind = tarn_bytes_of(r->kind), .singular = tarn_bytes_of(r->singular),
        .nindex = (uint16_t)r->nindex, .nslot = (uint16_t)r->nslot, .nshort = (uint16_t)r->nshort,
        .state = r->state, .objects = r->objects, .bytes = r->bytes, .incomplete = r->incomplete,
    };

    for (unsigned k = 0; k < r->nindex; k++)
        texts[n++] = tarn_bytes_of(r->indexes[k].name);
    for (unsigned k = 0; k < r->nslot; k++)
        texts[n++] = tarn_bytes_of(r->slots[k]);
    for (unsigned k = 0; k < r->nshort; k++)
        texts[n++] = tarn_bytes_of(r->short_names[k]);
    return tarn_resource_blob(&i, texts, n, &w->scratch);
}

int tarn_resource_encode(struct tarn_writer *w, const struct tarn_resource *r)
{
    struct tarn_bytes few[32], *texts = few;
    unsigned n = r->nindex + r->nslot + r->nshort;
    int rc;

    if (n > sizeof few / sizeof *few) {
        texts = calloc(n, sizeof *texts);
        if (!texts)
            return TARN_E_NOMEM;
    }
    rc = encode(w, r, texts);
    if (texts != few)
        free(texts);
    return rc;
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

int tarn_version_of_object(struct tarn_writer *w, struct tarn_resource *res, const struct tarn_object *obj, uint32_t *ret, struct tarn_error *err)
{
    unsigned nvid;
    bool incomplete;
    int rc = tarn_version_vids(w, res, obj, &nvid, &incomplete, err);

    if (!rc)
        rc = tarn_version_make(w, res->store, TARN_RECORD_OBJECT, obj, nvid, ret);
    return rc;
}

static int link_or_drop(struct tarn_writer *w, struct tarn_resource *res, uint32_t ref)
{
    int rc = tarn_version_link(w, res, ref);

    if (rc)
        tarn_version_drop(w, ref);
    return rc;
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
        rc = link_or_drop(w, res, ref);
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

int tarn_writer_delete(struct tarn_writer *w, uint16_t store, struct tarn_bytes key, struct tarn_error *err)
{
    struct tarn_resource *res = w->resources[store];
    uint32_t ref;
    int rc;

    if (!tarn_version_find(w, store, key))
        return 0;
    rc = tarn_version_make_tombstone(w, store, key, &ref);
    if (!rc)
        rc = link_or_drop(w, res, ref);
    if (rc)
        return tarn_writer_refuse(w, rc, res, key, err);
    w->st.deletes++;
    return auto_commit(w, err);
}

/* ---- transactions ------------------------------------------------------------------------------------------- */

static int write_resource(struct tarn_writer *w, struct tarn_resource *r)
{
    uint32_t ref;
    int rc = tarn_resource_encode(w, r);

    if (!rc)
        rc = tarn_version_make(w, 0, TARN_RECORD_RESOURCE, (const struct tarn_object *)w->scratch.data, 0, &ref);
    if (!rc)
        rc = link_or_drop(w, w->resources[0], ref);
    if (!rc)
        r->dirty = false;
    return rc;
}

/* Publish N; a Replace calls it when everything is linked. */
int tarn_writer_commit_now(struct tarn_writer *w, struct tarn_error *err)
{
    for (unsigned i = 1; i < w->nresources; i++) {
        int rc = w->resources[i]->dirty && !w->resources[i]->removed ? write_resource(w, w->resources[i]) : 0;

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
    w->st.aborts++;
}

bool tarn_writer_dirty(const struct tarn_writer *w)
{
    return w->dirty;
}

uint64_t tarn_writer_commit_seq(const struct tarn_writer *w)
{
    return w->commit;
}

/* ---- clients ---------------------------------------------------------------------------------------------------- */

int tarn_writer_client_add(struct tarn_writer *w, struct tarn_pin_page *page, int socket_fd, uint32_t *ret_id)
{
    struct tarn_client_entry *v = realloc(w->clients, (w->nclients + 1) * sizeof *v);

    if (!v)
        return TARN_E_NOMEM;
    w->clients = v;
    *ret_id = ++w->next_client;
    v[w->nclients++] = (struct tarn_client_entry){.id = *ret_id, .socket_fd = socket_fd, .page = page, .facts.id = *ret_id};
    return 0;
}

void tarn_writer_client_remove(struct tarn_writer *w, uint32_t id)
{
    for (unsigned i = 0; i < w->nclients; i++)
        if (w->clients[i].id == id) {
            free(w->clients[i].seen);
            tarn_pin_page_free(w->clients[i].page);
            w->clients[i] = w->clients[--w->nclients];
            return;
        }
}

bool tarn_writer_client_at(const struct tarn_writer *w, unsigned n, struct tarn_writer_client *ret)
{
    if (n >= w->nclients)
        return false;
    *ret = w->clients[n].facts;
    return true;
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
    return (w->alloc.collapsed + w->alloc.faulted) * TARN_REGION_CHUNK_BYTES;
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
    ret->chunks_collapsed = w->alloc.collapsed;
    ret->chunks_populated = w->alloc.faulted;
    ret->chunks_failed = w->alloc.failed;
    ret->clients = w->nclients;
    ret->horizon = w->horizon;
    ret->commit_seq = w->commit;
    ret->log_head = w->log_pos;
    ret->log_floor = tarn_load_u64(&w->h->log_floor);
}
