/* ingest_facts.c - the agent's facts, collected on the ingest thread; rendering them is the asker's own work. */
#include "ingest_impl.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"

static const char *keep(struct tarn_facts *f, const char *s)
{
    return tarn_arena_copy(&f->arena, tarn_bytes_of(s ? s : ""));
}

static void add_api(struct api_counters *n, struct tarn_facts *f)
{
#define READ(from) atomic_load_explicit(&n->from, memory_order_relaxed)
    f->api_connections = READ(http.connections);
    f->api_requests_get = READ(gets);
    f->api_requests_list = READ(lists);
    f->api_requests_watch = READ(watches);
    f->api_requests_discovery = READ(discoveries);
    f->api_requests_passed = READ(passed);
    f->api_refused_http = READ(http.refused);
    f->api_refused_unauthorized = READ(unauthorized);
    f->api_refused_forbidden = READ(forbidden);
    f->api_refused_unavailable = READ(unavailable);
    f->api_expired = READ(expired);
    f->api_watches = READ(watches_now);
    f->api_events = READ(events);
    f->api_slow = READ(slow);
    f->api_lists_held = READ(lists_held);
    f->api_bytes_sent = READ(http.bytes_sent);
#undef READ
}

static int add_agent(struct tarn_ingest *in, struct tarn_facts *f)
{
    struct tarn_http_stats h;

    tarn_http_stats(in->http, &h);
    f->version = TARN_VERSION;
    f->server = keep(f, in->server->url);
    f->server_from = keep(f, in->server->source);
    f->pid = (uint64_t)getpid();
    f->uptime_ms = tarn_now_ms(in->rt) - in->started_ms;
    f->uptime_s = f->uptime_ms / 1000;
    f->longest_turn_us = in->longest_turn_us;
    f->longest_turn_cpu_us = in->longest_turn_cpu_us;
    f->turns = in->turns;
    f->requests = h.requests;
    f->request_failures = h.failures;
    f->bytes_received = h.bytes;
    f->pauses = h.pauses;
    f->transfers = h.active;
    f->transfers_waiting = h.waiting;
    f->turn_time = in->turn_time;
    f->event_lag = in->event_lag;
    f->refused_limit = atomic_load_explicit(&in->refusals.limit, memory_order_relaxed);
    f->refused_permission = atomic_load_explicit(&in->refusals.permission, memory_order_relaxed);
    f->refused_other = atomic_load_explicit(&in->refusals.other, memory_order_relaxed);
    f->corrupt_reports = atomic_load_explicit(&in->refusals.corrupt, memory_order_relaxed);
    add_api(&in->api, f);
    f->reloads_applied = in->reload.applied;
    f->reloads_refused = in->reload.refused;
    f->reload_age_ms = in->reload.at_ms ? tarn_now_ms(in->rt) - in->reload.at_ms : 0;
    f->reload_state = !in->reload.at_ms ? "none" : !in->reload.error.code ? "applied" : in->reload.waiting ? "waiting" : "refused";
    f->reload_error = keep(f, in->reload.error.code ? in->reload.error.message : "");
    return f->server && f->server_from && f->reload_error ? 0 : TARN_E_NOMEM;
}

/* May the asker be told of realm r and of what is in it? */
static bool may_tell(const struct tarn_peer *reader, const struct realm *r)
{
    return !reader || tarn_peer_may_read(reader, r->entry);
}

/* ---- realms -------------------------------------------------------------------------------------- */

static void fill_memory(const struct tarn_writer_stats *s, struct tarn_facts_realm *r)
{
    r->budget_bytes = s->budget_bytes;
    r->taken_bytes = s->taken_bytes;
    r->live_bytes = s->live_bytes;
    r->retired_bytes = s->retired_bytes;
    r->staged_bytes = s->staged_bytes;
    r->free_bytes = s->free_bytes;
    r->private_bytes = s->private_bytes;
    r->pressure = s->pressure;
    r->refused_full = s->refused_full;
    r->refused_size = s->refused_size;
    r->refused_index = s->refused_index;
    r->refused_collision = s->refused_collision;
    r->revoked_parked = s->revoked_parked;
    r->revoked_lease = s->revoked_lease;
    r->generation_requests = s->generation_requests;
    r->chunks_collapsed = s->chunks_collapsed;
    r->chunks_populated = s->chunks_populated;
}

static void fill_handovers(const struct realm_counters *c, struct tarn_facts_realm *r)
{
    r->handovers_reload = c->handovers[REALM_RELOAD];
    r->handovers_readers = c->handovers[REALM_READERS];
    r->handovers_stuck = c->handovers[REALM_STUCK];
    r->handovers_compact = c->handovers[REALM_COMPACT];
    r->handovers_failed = c->handovers_failed;
    r->handovers_at_bound = c->handovers_at_bound;
    r->generations_freed = c->generations_freed;
    r->last_handover_us = c->last_handover_us;
    r->longest_handover_us = c->longest_handover_us;
}

/* The generations that clients keep beside the current one, and what they cost. */
static int add_old(struct tarn_facts *f, const struct realm *realm, struct tarn_facts_realm *r)
{
    const struct realm_generation *g = realm->old;
    struct realm_facts facts;

    realm_facts(realm, &facts);
    fill_handovers(&facts.counters, r);
    r->clients = facts.clients;
    r->old_generations_max = facts.old_generations_max;
    r->old_generations = facts.old_generations;
    r->old_bytes = facts.old_bytes;
    r->old_clients = facts.old_clients;
    r->full_ms = facts.full ? tarn_now_ms(realm->rt) - facts.full_since_ms : 0;
    r->handover_error = keep(f, realm->last_error.code ? realm->last_error.message : "");
    r->old = realm->nold ? tarn_arena_alloc(&f->arena, realm->nold * sizeof *r->old) : NULL;
    for (; r->old && g; g = g->older) {
        struct tarn_writer_stats s;

        tarn_writer_stats(g->writer, &s);
        r->old[r->nold++] = (struct tarn_facts_generation){
            .generation = tarn_writer_view(g->writer)->generation,
            .bytes = s.taken_bytes,
            .clients = realm_clients_of(realm, g->writer),
            .superseded_ms = tarn_now_ms(realm->rt) - g->superseded_ms,
        };
    }
    return r->handover_error && (r->old || !realm->nold) ? 0 : TARN_E_NOMEM;
}

static int add_checkpoint(struct tarn_facts *f, const struct tarn_ingest *in, struct tarn_facts_realm *r)
{
    struct tarn_saver_facts s = {.error = ""};

    if (tarn_saver_facts(in->saver, r->name, &s)) {
        r->checkpoints = s.saves;
        r->checkpoints_failed = s.failures;
        r->checkpoint_age_ms = s.saved_ms ? uv_now(&in->loop) - s.saved_ms : 0;
        r->checkpoint_bytes = s.file_bytes;
        r->checkpoint_ms = s.took_ms;
    }
    r->checkpoint_error = keep(f, s.error);
    return r->checkpoint_error ? 0 : TARN_E_NOMEM;
}

static int copy_ids(struct tarn_facts *f, const struct tarn_ids *from, struct tarn_ids *to)
{
    to->v = tarn_arena_alloc(&f->arena, (from->n + 1) * sizeof *to->v);
    to->n = to->v ? from->n : 0;
    if (from->n && to->v)
        memcpy(to->v, from->v, from->n * sizeof *to->v);
    return to->v ? 0 : TARN_E_NOMEM;
}

/* The configuration may be another one when the facts are looked at. */
static const struct tarn_config_realm *copy_readers(struct tarn_facts *f, const struct tarn_config_realm *entry)
{
    struct tarn_config_realm *r = tarn_arena_alloc(&f->arena, sizeof *r);

    return r && copy_ids(f, &entry->uids, &r->uids) == 0 && copy_ids(f, &entry->gids, &r->gids) == 0 ? r : NULL;
}

static int add_realm(struct tarn_facts *f, const struct tarn_ingest *in, const struct realm *realm, struct tarn_facts_realm *r)
{
    struct tarn_writer_stats s;

    tarn_writer_stats(realm->writer, &s);
    fill_memory(&s, r);
    r->name = keep(f, realm->entry->name);
    r->readers = copy_readers(f, realm->entry);
    r->generation = realm_generation_number(realm);
    r->commit = s.commit_seq;
    r->commits = s.commits;
    r->horizon = s.horizon;
    r->objects = s.objects;
    r->puts = s.puts;
    r->deletes = s.deletes;
    r->unchanged = s.unchanged;
    r->replaces = s.replaces;
    r->apply_slices = s.apply_slices;
    r->apply_slice_max_us = s.apply_slice_max_us;
    r->collections = s.collections;
    r->reclaimed = s.reclaimed;
    r->pins = s.pins;
    r->oldest_pin_age_ms = s.oldest_pin_age_ms;
    r->doorbells = s.doorbells;
    r->doorbells_full = s.doorbells_full;
    r->commit_time = realm->commit_time;
    if (!r->name || !r->readers || add_checkpoint(f, in, r))
        return TARN_E_NOMEM;
    return add_old(f, realm, r);
}

/* ---- resources --------------------------------------------------------------------------------------- */

static void fill_counters(const struct tarn_reflector_counters *c, struct tarn_facts_resource *r)
{
    r->lists = c->lists;
    r->lists_ok = c->lists_ok;
    r->streaming_lists = c->streaming_lists;
    r->streaming_fallbacks = c->streaming_fallbacks;
    r->relists = c->relists;
    r->probes = c->probes;
    r->list_pages = c->list_pages;
    r->last_list_items = c->last_list_items;
    r->last_list_ms = c->last_list_ms;
    r->watches = c->watches;
    r->added = c->added;
    r->modified = c->modified;
    r->deleted = c->deleted;
    r->bookmarks = c->bookmarks;
    r->events = c->added + c->modified + c->deleted;
    r->list_errors = c->list_errors;
    r->watch_errors = c->watch_errors;
    r->expired = c->expired;
    r->too_large = c->too_large;
    r->skipped = c->skipped;
    r->store_errors = c->store_errors;
    r->rv_rewinds = c->rv_rewinds;
    r->mismatches = c->mismatches;
    r->unknown_events = c->unknown_events;
}

/* What each namespace's feed says, where there are several. */
static int add_namespaces(struct tarn_facts *f, struct tarn_feeds *feeds, struct tarn_facts_resource *r)
{
    struct tarn_reflector_status s;
    const char *ns = "";
    unsigned n = 0;

    while (feeds && tarn_feeds_status_at(feeds, n, &ns, &s) && *ns)
        n++;
    r->namespaces = tarn_arena_alloc(&f->arena, (n + 1) * sizeof *r->namespaces);
    if (!r->namespaces)
        return TARN_E_NOMEM;
    for (; r->nnamespaces < n && tarn_feeds_status_at(feeds, r->nnamespaces, &ns, &s); r->nnamespaces++) {
        struct tarn_facts_feed *to = &r->namespaces[r->nnamespaces];

        *to = (struct tarn_facts_feed){.ns = keep(f, ns), .synced = s.has_synced, .live = s.live, .resource_version = keep(f, s.resource_version.text),
                                       .last_error = keep(f, s.last_error.code ? s.last_error.message : "")};
        if (!to->ns || !to->resource_version || !to->last_error)
            return TARN_E_NOMEM;
    }
    return 0;
}

static int add_resource(struct tarn_ingest *in, struct tarn_facts *f, const struct tarn_driver_facts *d)
{
    struct tarn_facts_resource *r = &f->resources[f->nresources++];

    fill_counters(&d->status.counters, r);
    r->name = keep(f, d->name);
    r->wanted = keep(f, d->wanted);
    r->realm = keep(f, d->realm);
    r->api_version = keep(f, d->api_version);
    r->kind = keep(f, d->kind);
    r->resource_version = keep(f, d->status.resource_version.text);
    r->last_error = keep(f, d->status.last_error.code ? d->status.last_error.message : "");
    r->found = d->found;
    r->synced = d->status.has_synced;
    r->live = d->status.live;
    r->behind = d->status.behind;
    r->objects = d->objects;
    r->heap_bytes = d->heap_bytes;
    r->failures = d->status.failures;
    r->http_code = d->status.last_http_code;
    r->event_age_ms = d->status.last_event_ms ? tarn_now_ms(in->rt) - d->status.last_event_ms : 0;
    r->list_time = d->list_time;
    r->full = d->held.error.code != 0;
    r->incomplete = d->held.incomplete;
    r->waiting = d->held.waiting;
    r->times_held = d->held.held;
    r->times_full = d->held.full;
    r->waiting_bytes = d->held.bytes;
    r->left_out = d->held.left_out;
    r->poll_ms = d->poll_ms;
    r->deleted_kept = d->deleted.objects;
    r->deleted_kept_bytes = d->deleted.bytes;
    r->deleted_expired = d->deleted.expired;
    r->deleted_evicted = d->deleted.evicted;
    r->deleted_refused = d->deleted.refused;
    if (add_namespaces(f, d->feeds, r))
        return TARN_E_NOMEM;
    return r->name && r->wanted && r->realm && r->api_version && r->kind && r->resource_version && r->last_error ? 0 : TARN_E_NOMEM;
}

static int add_resources(struct tarn_ingest *in, const struct tarn_peer *reader, struct tarn_facts *f)
{
    int rc = 0;

    for (unsigned i = 0; !rc && i < in->ndrivers; i++) {
        struct tarn_driver_facts d;
        const struct realm *r;

        tarn_driver_facts(in->drivers[i], &d);
        r = ingest_realm(in, d.realm);
        if (r && may_tell(reader, r))
            rc = add_resource(in, f, &d);
    }
    return rc;
}

/* ---- clients ------------------------------------------------------------------------------------------- */

/* What the writer of its generation knows about it. */
static struct tarn_writer_client pins_of(const struct client_note *n)
{
    struct tarn_writer_client c;

    for (unsigned i = 0; tarn_writer_client_at(n->writer, i, &c); i++)
        if (c.id == n->id)
            return c;
    return (struct tarn_writer_client){0};
}

static int add_client(struct tarn_ingest *in, struct tarn_facts *f, const struct realm *r, const struct client_note *n)
{
    struct tarn_writer_client c = pins_of(n);
    struct tarn_facts_client *to = &f->clients[f->nclients++];

    *to = (struct tarn_facts_client){
        .program = keep(f, n->program),
        .realm = keep(f, r->entry->name),
        .pid = n->pid,
        .uid = n->uid,
        .generation = tarn_writer_view(n->writer)->generation,
        .attached_s = (uv_now(&in->loop) - n->since_ms) / 1000,
        .pins = c.pins,
        .parked = c.parked,
        .oldest_pin_age_ms = c.oldest_age_ms,
        .doorbells = c.doorbells,
        .doorbells_full = c.doorbells_full,
        .revoked = c.revoked,
    };
    return to->program && to->realm ? 0 : TARN_E_NOMEM;
}

static int add_clients(struct tarn_ingest *in, const struct tarn_peer *reader, struct tarn_facts *f)
{
    unsigned n = 0;
    int rc = 0;

    for (unsigned r = 0; r < in->nrealms; r++)
        for (const struct client_note *c = in->realms[r]->clients; c; c = c->next)
            n++;
    f->clients = n ? tarn_arena_alloc(&f->arena, n * sizeof *f->clients) : NULL;
    if (n && !f->clients)
        return TARN_E_NOMEM;
    for (unsigned r = 0; r < in->nrealms; r++)
        for (const struct client_note *c = in->realms[r]->clients; !rc && c && may_tell(reader, in->realms[r]); c = c->next)
            rc = add_client(in, f, in->realms[r], c);
    return rc;
}

/* ---- all --------------------------------------------------------------------------------------------------- */

static int allocate(const struct tarn_ingest *in, struct tarn_facts *f)
{
    f->realms = tarn_arena_alloc(&f->arena, (in->nrealms + 1) * sizeof *f->realms);
    f->resources = tarn_arena_alloc(&f->arena, (in->ndrivers + 1) * sizeof *f->resources);
    return f->realms && f->resources ? 0 : TARN_E_NOMEM;
}

struct tarn_facts *ingest_facts(struct tarn_ingest *in, const struct tarn_peer *reader)
{
    struct tarn_facts *f = calloc(1, sizeof *f);
    int rc = f ? allocate(in, f) : TARN_E_NOMEM;

    if (!rc)
        rc = add_agent(in, f);
    for (unsigned i = 0; !rc && i < in->nrealms; i++)
        if (may_tell(reader, in->realms[i]))
            rc = add_realm(f, in, in->realms[i], &f->realms[f->nrealms++]);
    if (!rc)
        rc = add_resources(in, reader, f);
    if (!rc)
        rc = add_clients(in, reader, f);
    if (!rc)
        return f;
    tarn_facts_free(f);
    return NULL;
}
