/* realm.c - see realm.h. */
#include "realm.h"

#include <stdio.h>
#include <stdlib.h>

#define COMPACT_AFTER_MS 200   /* something has waited for room so long */
#define TRY_AGAIN_MS 5000      /* after a hand-over for room that did not happen */
#define COMPACT_LEAST_MS 30000 /* between two compactions that did not make the room that is wanted, doubled each time ... */
#define COMPACT_MOST_MS 600000

const char *const realm_reason_names[REALM_REASONS] = {"reload", "readers", "stuck_readers", "compaction"};

/* ---- life ---------------------------------------------------------------------------------------------------- */

struct tarn_writer_options realm_writer_options(struct tarn_runtime *rt, const struct tarn_config *config, const struct tarn_config_realm *entry)
{
    return (struct tarn_writer_options){
        .realm = entry->name,
        .budget_bytes = entry->budget_bytes,
        .huge_pages = config->huge_pages ? TARN_HUGE_PAGES_AUTO : TARN_HUGE_PAGES_OFF,
        .rt = rt,
        .max_object_bytes = config->max_object_bytes,
        .lease_ms = TARN_LEASE_MS,
        .populate_ahead = true,
    };
}

static uint64_t now_ms(const struct realm *r)
{
    return tarn_now_ms(r->rt);
}

/* The ladder may ask while a hand-over would not be refused. */
static void allow(struct realm *r)
{
    tarn_writer_allow_generation(r->writer, r->nold < r->config->old_generations);
}

int realm_new(const struct realm_options *o, struct realm **ret, struct tarn_error *err)
{
    struct realm *r = calloc(1, sizeof *r);
    struct tarn_writer_options w;
    int rc;

    if (!r) {
        tarn_writer_free(o->seed);
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    }
    r->rt = o->rt;
    r->writer_goes = o->writer_goes;
    r->ctx = o->ctx;
    r->writer = o->seed;
    realm_configure(r, o->config, o->entry);
    w = realm_writer_options(r->rt, o->config, o->entry);
    w.generation = o->generation;
    rc = r->writer ? 0 : tarn_writer_new(&w, &r->writer, err);
    if (rc) {
        free(r);
        return rc;
    }
    allow(r);
    *ret = r;
    return 0;
}

void realm_configure(struct realm *r, const struct tarn_config *config, const struct tarn_config_realm *entry)
{
    r->config = config;
    r->entry = entry;
    if (r->writer)
        allow(r);
}

static void free_writer(struct realm *r, struct tarn_writer *w)
{
    if (w && r->writer_goes)
        r->writer_goes(r->ctx, w);
    tarn_writer_free(w);
}

static void free_notes(struct realm *r)
{
    while (r->clients) {
        struct client_note *n = r->clients;

        r->clients = n->next;
        free(n);
    }
}

void realm_free(struct realm *r)
{
    if (!r)
        return;
    while (r->old) {
        struct realm_generation *g = r->old;

        r->old = g->older;
        free_writer(r, g->writer);
        free(g);
    }
    realm_discard(r);
    free_writer(r, r->writer);
    free_notes(r);
    free(r);
}

uint64_t realm_generation_number(const struct realm *r)
{
    return tarn_writer_view(r->writer)->generation;
}

/* ---- clients ----------------------------------------------------------------------------------------------------- */

int realm_attach(struct realm *r, struct tarn_ask *a, uint64_t now)
{
    const struct tarn_region_view *view = tarn_writer_view(r->writer);
    struct client_note *n = calloc(1, sizeof *n);
    int rc = n ? tarn_writer_client_add(r->writer, a->page, a->socket_fd, &a->client_id) : TARN_E_NOMEM;

    if (rc) {
        free(n);
        return tarn_error_set(&a->error, rc, "the agent has no memory for another client");
    }
    a->region_fd = tarn_writer_fd(r->writer);
    a->region_bytes = view->size;
    a->generation = view->generation;
    memcpy(a->instance, view->instance, sizeof a->instance);
    *n = (struct client_note){
        .next = r->clients, .writer = r->writer, .id = a->client_id, .uid = a->uid, .pid = a->pid, .since_ms = now};
    memcpy(n->program, a->program, sizeof n->program);
    r->clients = n;
    return 0;
}

unsigned realm_clients_of(const struct realm *r, const struct tarn_writer *w)
{
    unsigned n = 0;

    for (const struct client_note *c = r->clients; c; c = c->next)
        n += c->writer == w;
    return n;
}

/* Old generations that nobody reads any more. */
static void free_unread(struct realm *r)
{
    for (struct realm_generation **at = &r->old, *g; (g = *at);) {
        if (realm_clients_of(r, g->writer)) {
            at = &g->older;
            continue;
        }
        *at = g->older;
        r->nold--;
        r->counters.generations_freed++;
        tarn_log(TARN_LOG_INFO, "generation freed", "realm", r->entry->name, "generation", TARN_LOG_U64(tarn_writer_view(g->writer)->generation),
                 "after_ms", TARN_LOG_U64(now_ms(r) - g->superseded_ms), NULL);
        free_writer(r, g->writer);
        free(g);
    }
    allow(r);
}

void realm_detach(struct realm *r, uint64_t generation, uint32_t client_id)
{
    for (struct client_note **at = &r->clients, *n; (n = *at); at = &n->next)
        if (n->id == client_id && tarn_writer_view(n->writer)->generation == generation) {
            *at = n->next;
            tarn_writer_client_remove(n->writer, client_id);
            free(n);
            break;
        }
    free_unread(r);
}

/* ---- hand-over ------------------------------------------------------------------------------------------------------ */

static const struct client_note *holder(const struct realm *r)
{
    for (const struct client_note *n = r->clients; n; n = n->next)
        if (n->writer != r->writer)
            return n;
    return r->clients;
}

bool realm_may_hand_over(const struct realm *r, struct tarn_error *err)
{
    const struct client_note *n = holder(r);

    if (r->nold < r->config->old_generations || !realm_clients_of(r, r->writer))
        return true;
    (void)tarn_error_set(err, TARN_E_AGAIN,
                         "realm '%s' has %u old generations, as many as `oldGenerations` allows; it waits until a client leaves one, e.g. %s (pid %d)",
                         r->entry->name, r->nold, n && *n->program ? n->program : "?", n ? n->pid : -1);
    return false;
}

static uint64_t now_us(void)
{
    return uv_hrtime() / 1000;
}

int realm_prepare(struct realm *r, const struct tarn_config *config, const struct tarn_config_realm *entry, const struct tarn_takeover *t,
                  uint16_t *ret_stores, struct tarn_error *err)
{
    struct tarn_writer_options o = realm_writer_options(r->rt, config, entry);
    struct tarn_takeover mine = *t;
    int rc;

    if (tarn_writer_applying(r->writer))
        return tarn_error_set(err, TARN_E_AGAIN, "a list is being applied in realm '%s'", entry->name);
    if (!realm_may_hand_over(r, err)) {
        r->counters.handovers_at_bound++;
        return TARN_E_AGAIN;
    }
    r->next_began_us = now_us();
    if (tarn_writer_commit(r->writer, NULL))
        tarn_writer_commit_last(r->writer);
    mine.from = tarn_writer_view(r->writer);
    mine.same_run = true;
    r->place = calloc(1, sizeof *r->place);
    rc = r->place ? tarn_writer_takeover(&o, &mine, ret_stores, &r->next, err) : tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    if (rc)
        realm_discard(r);
    r->counters.handovers_failed += rc != 0;
    return rc;
}

static void note_handover(struct realm *r, enum realm_reason why)
{
    struct realm_counters *c = &r->counters;

    c->handovers[why]++;
    c->last_handover_us = now_us() - r->next_began_us;
    c->last_handover_ms = now_ms(r);
    if (c->last_handover_us > c->longest_handover_us)
        c->longest_handover_us = c->last_handover_us;
    tarn_log(TARN_LOG_INFO, "new generation", "realm", r->entry->name, "generation", TARN_LOG_U64(realm_generation_number(r)), "why",
             realm_reason_names[why], "ms", TARN_LOG_U64(c->last_handover_us / 1000), "old_generations", TARN_LOG_U64(r->nold), NULL);
}

void realm_switch(struct realm *r, enum realm_reason why)
{
    struct realm_generation *g = r->place;

    *g = (struct realm_generation){.older = r->old, .writer = r->writer, .superseded_ms = now_ms(r)};
    r->old = g;
    r->nold++;
    r->writer = r->next;
    r->next = NULL;
    r->place = NULL;
    tarn_writer_set_agent_state(r->writer, TARN_AGENT_LIVE);
    tarn_writer_supersede(g->writer, realm_generation_number(r));
    r->last_error.code = 0;
    r->more = false;
    free_unread(r);
    note_handover(r, why);
}

void realm_discard(struct realm *r)
{
    free_writer(r, r->next);
    free(r->place);
    r->next = NULL;
    r->place = NULL;
}

/* ---- turns ---------------------------------------------------------------------------------------------------------- */

bool realm_commit(struct realm *r)
{
    struct tarn_error err = {0};
    uint64_t seq = tarn_writer_commit_seq(r->writer), began = uv_hrtime();
    int rc = tarn_writer_commit(r->writer, &err);
    bool new = tarn_writer_commit_seq(r->writer) != seq;

    if (new)
        tarn_histogram_add(&r->commit_time, uv_hrtime() - began, 1);
    if (rc && rc != TARN_E_AGAIN && !r->commit_failing)
        tarn_log(TARN_LOG_ERROR, err.code ? err.message : tarn_strerror(rc), "realm", r->entry->name, "code", tarn_error_name(rc), NULL);
    r->commit_failing = rc && rc != TARN_E_AGAIN;
    return new;
}

bool realm_collect(struct realm *r)
{
    return r->more = tarn_writer_collect(r->writer);
}

void realm_heartbeat(struct realm *r)
{
    tarn_writer_heartbeat(r->writer);
    for (struct realm_generation *g = r->old; g; g = g->older)
        tarn_writer_heartbeat(g->writer);
}

bool realm_is_relieved(struct realm *r, const struct tarn_writer_stats *s)
{
    bool was = r->pressed;

    r->pressed = s->pressure != TARN_PRESSURE_NONE;
    return was && !r->pressed && r->full;
}

/* Would the living objects leave a new region of this budget with an eighth of it free, and is more lost than that now? */
static bool worth_compacting(const struct tarn_writer_stats *s)
{
    uint64_t gained = s->budget_bytes - s->live_bytes - s->staged_bytes;

    return s->live_bytes + s->staged_bytes < s->budget_bytes && gained >= s->budget_bytes / 8;
}

bool realm_wants_handover(struct realm *r, const struct tarn_writer_stats *s, enum realm_reason *ret)
{
    uint64_t now = now_ms(r);

    if (!r->full) {
        r->full_since_ms = now;
        r->compact_again_ms = COMPACT_LEAST_MS;
    }
    if (now < r->next_try_ms || tarn_writer_applying(r->writer) || !worth_compacting(s))
        return false;
    if (s->pressure == TARN_PRESSURE_GENERATION)
        *ret = REALM_STUCK;
    else if (r->full && now - r->full_since_ms >= COMPACT_AFTER_MS)
        *ret = s->retired_bytes > s->free_bytes ? REALM_STUCK : REALM_COMPACT;
    else
        return false;
    r->next_try_ms = now + (*ret == REALM_COMPACT ? r->compact_again_ms : TRY_AGAIN_MS);
    if (*ret == REALM_COMPACT)
        r->compact_again_ms = r->compact_again_ms < COMPACT_MOST_MS / 2 ? r->compact_again_ms * 2 : COMPACT_MOST_MS;
    return true;
}

/* ---- facts -------------------------------------------------------------------------------------------------------------- */

void realm_facts(const struct realm *r, struct realm_facts *ret)
{
    *ret = (struct realm_facts){
        .old_generations = r->nold,
        .old_generations_max = r->config->old_generations,
        .full = r->full,
        .full_since_ms = r->full_since_ms,
        .counters = r->counters,
    };
    for (const struct realm_generation *g = r->old; g; g = g->older) {
        struct tarn_writer_stats s;

        tarn_writer_stats(g->writer, &s);
        ret->old_bytes += s.taken_bytes;
        ret->old_clients += realm_clients_of(r, g->writer);
    }
    ret->clients = ret->old_clients + realm_clients_of(r, r->writer);
}
