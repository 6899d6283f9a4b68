/* facts.h - what an agent knows of itself at one moment: a copy made on the ingest thread, read on any other.
 *
 * Each number is a row of a table in facts.c, which says its name in the status JSON, its metric and what it means. So `tarn
 * status`, the status page and /metrics cannot disagree, and docs/metrics.md is checked against the tables. A new number is a member,
 * a line in ingest_facts.c, a row and, if it is a metric, a line in docs/metrics.md.
 */
#ifndef TARN_AGENT_FACTS_H
#define TARN_AGENT_FACTS_H

#include <stdbool.h>

#include "arena.h"
#include "histogram.h"

struct tarn_config_realm;

/* One namespace of a resource that is mirrored by namespaces. */
struct tarn_facts_feed {
    const char *ns, *resource_version, *last_error;
    bool synced, live;
};

struct tarn_facts_resource {
    const char *name, *wanted, *realm, *api_version, *kind, *resource_version;
    const char *last_error; /* "": none */
    bool found, synced, live, behind;
    bool full, incomplete; /* something waits because the region is full; something is missing for that and is listed again later */
    uint64_t waiting, waiting_bytes, times_held, times_full, left_out;
    uint64_t objects, heap_bytes, failures, http_code;
    uint64_t lists, lists_ok, streaming_lists, streaming_fallbacks, relists, list_pages, last_list_items, last_list_ms;
    uint64_t watches, added, modified, deleted, bookmarks, events;
    uint64_t list_errors, watch_errors, expired, too_large, skipped, store_errors, rv_rewinds, mismatches, unknown_events;
    uint64_t poll_ms;      /* listed so often because it is not watched; 0: watched */
    uint64_t probes;
    uint64_t deleted_kept, deleted_kept_bytes, deleted_expired, deleted_evicted, deleted_refused; /* keepDeleted */
    struct tarn_facts_feed *namespaces; /* nnamespaces 0: all, by one list and watch */
    unsigned nnamespaces;
    uint64_t event_age_ms; /* since the last event, bookmark or list */
    struct tarn_histogram list_time;
};

/* A generation that was superseded and that clients still read. */
struct tarn_facts_generation {
    uint64_t generation, bytes, clients, superseded_ms;
};

struct tarn_facts_realm {
    const char *name;
    const struct tarn_config_realm *readers; /* a copy of who may read it, and nothing else of the entry */
    const char *handover_error; /* why the newest one that was wanted did not happen; "": it did */
    uint64_t old_generations, old_generations_max, old_bytes, old_clients, full_ms;
    uint64_t handovers_reload, handovers_readers, handovers_stuck, handovers_compact, handovers_failed, handovers_at_bound;
    uint64_t generations_freed, last_handover_us, longest_handover_us, apply_slices, apply_slice_max_us;
    const char *checkpoint_error; /* why the newest one was not saved; "": it was, or none is wanted */
    uint64_t checkpoints, checkpoints_failed, checkpoint_age_ms, checkpoint_bytes, checkpoint_ms; /* age 0: none by this agent yet */
    struct tarn_facts_generation *old;
    unsigned nold;
    uint64_t generation, commit, commits, horizon, objects, puts, deletes, unchanged, replaces;
    uint64_t collections, reclaimed, clients, pins, oldest_pin_age_ms, doorbells, doorbells_full;
    /* memory */
    uint64_t budget_bytes, taken_bytes, live_bytes, retired_bytes, staged_bytes, free_bytes, private_bytes;
    uint64_t pressure; /* enum tarn_pressure */
    uint64_t refused_full, refused_size, refused_index, refused_collision;
    uint64_t revoked_parked, revoked_lease, generation_requests, chunks_collapsed, chunks_populated;
    struct tarn_histogram commit_time;
};

struct tarn_facts_client {
    const char *program, *realm;
    int64_t pid;
    uint64_t uid, generation, attached_s, pins, parked, oldest_pin_age_ms, doorbells, doorbells_full, revoked;
};

struct tarn_facts {
    const char *version, *server, *server_from;
    const char *reload_state, *reload_error; /* of the newest SIGHUP: none, applied, waiting, refused */
    uint64_t refused_limit, refused_permission, refused_other, corrupt_reports; /* clients turned away */
    /* the read API */
    uint64_t api_connections, api_requests_get, api_requests_list, api_requests_watch, api_requests_discovery, api_requests_passed;
    uint64_t api_refused_http, api_refused_unauthorized, api_refused_forbidden, api_refused_unavailable;
    uint64_t api_expired, api_watches, api_events, api_slow, api_lists_held, api_bytes_sent;
    uint64_t reloads_applied, reloads_refused, reload_age_ms;
    uint64_t pid, uptime_s, uptime_ms, longest_turn_us, longest_turn_cpu_us, turns, requests, request_failures, bytes_received, pauses, transfers, transfers_waiting;
    struct tarn_histogram turn_time, event_lag;
    struct tarn_facts_realm *realms;
    struct tarn_facts_resource *resources;
    struct tarn_facts_client *clients;
    unsigned nrealms, nresources, nclients;
    struct tarn_arena arena; /* all of it lives here, but the struct itself */
};

/* Free all, and f itself. NULL is allowed. */
void tarn_facts_free(struct tarn_facts *f);

/* ---- the tables --------------------------------------------------------------------------------- */

enum tarn_fact_type { TARN_FACT_JSON_ONLY, TARN_FACT_COUNTER, TARN_FACT_GAUGE, TARN_FACT_HISTOGRAM };

struct tarn_fact {
    const char *name;   /* in the status JSON; NULL: not there (histograms) */
    const char *metric; /* NULL: only in the JSON. Rows of one metric stand together */
    enum tarn_fact_type type;
    const char *label, *value; /* one more label, e.g. reason="list"; NULL: none */
    bool ms;                   /* the number is in ms, the metric in seconds */
    size_t offset;             /* of the uint64_t or the histogram */
    const char *help;          /* of the metric; only at its first row */
};

struct tarn_fact_table {
    const struct tarn_fact *rows;
    size_t n;
};

extern const struct tarn_fact_table tarn_facts_of_agent, tarn_facts_of_realm, tarn_facts_of_memory, tarn_facts_of_resource, tarn_facts_of_client,
    tarn_facts_of_generation;

/* ---- what is made of them ----------------------------------------------------------------------- */

/* Append the status as one JSON object and a newline. 0 or TARN_E_NOMEM. */
int tarn_facts_json(const struct tarn_facts *f, struct tarn_buf *out);
/* Append /metrics in Prometheus' text format 0.0.4. 0 or TARN_E_NOMEM. */
int tarn_facts_metrics(const struct tarn_facts *f, struct tarn_buf *out);

#endif
