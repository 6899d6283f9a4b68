/* tarn/writer.h - the one writer of a region; private to the agent's process, never in libtarn.
 *
 * Owns the memfd, its only writable mapping, all allocation state, and the table of clients. Every change belongs to
 * the open transaction; tarn_writer_commit publishes it as one numbered state. What a change makes unreachable is
 * kept until no snapshot can reach it.
 *
 * One thread: all functions are for the thread that ingests (the agent's writer lock). Nothing here waits for a reader.
 * Objects come in through the stores of region_store.h.
 */
#ifndef TARN_WRITER_H
#define TARN_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include <tarn/error.h>
#include <tarn/pin.h>
#include <tarn/region.h>
#include <tarn/resource.h>
#include <tarn/runtime.h>
#include <tarn/store.h>

struct tarn_writer;

enum tarn_huge_pages {
    TARN_HUGE_PAGES_AUTO = 0, /* collapse each chunk when it is taken, populate it when that fails */
    TARN_HUGE_PAGES_OFF,
};

struct tarn_writer_options {
    const char *realm;            /* name of the realm, up to 23 bytes; NULL: "cluster" */
    uint64_t budget_bytes;        /* hard size of the region, rounded down to 2 MiB; at least 4 MiB, at most 64 GiB */
    enum tarn_huge_pages huge_pages;
    struct tarn_runtime *rt;      /* borrowed, outlives the writer; NULL: tarn_runtime_posix() */
    uint32_t log_entries;         /* of the change log, rounded up to a power of two; 0: by budget */
    uint32_t max_object_bytes;    /* larger ones are refused with TARN_E_SIZE; 0: 2 MiB */
    uint32_t quarantine_ms;       /* freed memory rests so long before reuse; 0: 10 */
    uint32_t revoke_quarantine_ms;/* ... when a pin was revoked for it; 0: 1000 */
    uint32_t lease_ms;            /* an active pin may be revoked when it is older; 0: 30000 */
    bool auto_commit;             /* every single change commits by itself: for plain users, not the agent */
    uint64_t generation;          /* 0: 1 */
    const uint8_t *instance;      /* 16 bytes; NULL: random */
    bool populate_ahead;          /* a region that grows fast gets a thread that takes memory from the kernel before it is needed */
    bool generations;             /* a second generation is allowed: the ladder may ask for a hand-over */
    /* tests only: fail the n-th taking of memory from the kernel (population), 0: never */
    uint32_t fault_populate_at;
};

/*
 * Create, seal and map a region. *ret is to be freed with tarn_writer_free.
 * TARN_E_INVAL (err says which option), TARN_E_FULL (the system gives no memory), TARN_E_IO, TARN_E_NOMEM.
 */
TARN_MUST_CHECK int tarn_writer_new(const struct tarn_writer_options *o, struct tarn_writer **ret,
                                    struct tarn_error *err);
/* Mark the region stopped and release it. Clients keep what they mapped; the agent's side of the pages of
 * clients not yet removed is freed. NULL is allowed. */
void tarn_writer_free(struct tarn_writer *w);
/* The O_RDONLY descriptor to hand out; stays the writer's. */
int tarn_writer_fd(const struct tarn_writer *w);
/* The writer's own view, for readers inside its process; valid until free. */
const struct tarn_region_view *tarn_writer_view(const struct tarn_writer *w);

/* ---- resources --------------------------------------------------------------------------- */

/* How long and how much of what is deleted stays readable (tarn/deleted.h). {0}: nothing. */
struct tarn_keep_deleted {
    uint32_t keep_ms;
    uint64_t objects_max, bytes_max; /* the oldest goes first; bytes are those of the objects' blobs */
};

struct tarn_writer_resource {
    const char *name;        /* "pods", "deployments.apps": unique in the realm */
    const char *api_version; /* "v1", "apps/v1"; NULL: "" */
    const char *kind;        /* "Pod"; NULL: "" */
    const char *singular;    /* NULL: "" */
    bool namespaced;
    const struct tarn_index_func *indexes; /* copied; ctx is borrowed until the writer is freed. Index 0 is the first */
    unsigned nindex;
    const char *const *slots; /* paths, copied */
    unsigned nslot;
    const char *const *short_names; /* "po"; copied */
    unsigned nshort;
    const char *source; /* see tarn_resource_source; copied; NULL: "" */
    struct tarn_keep_deleted keep_deleted;
};
/*
 * Add a resource; part of the open transaction. An index named "namespace" is added as the last one unless named
 * already or the resource is not namespaced. *ret_store is its number (1 ...). TARN_E_EXISTS, TARN_E_LIMIT, TARN_E_INVAL, TARN_E_FULL, TARN_E_NOMEM.
 */
TARN_MUST_CHECK int tarn_writer_add_resource(struct tarn_writer *w, const struct tarn_writer_resource *res,
                                             uint16_t *ret_store, struct tarn_error *err);
/* Delete all its objects and its description; its store must have been freed. Part of the open transaction. */
TARN_MUST_CHECK int tarn_writer_remove_resource(struct tarn_writer *w, uint16_t store, struct tarn_error *err);
/*
 * Keep what is deleted of a resource, in other measures, or not any more ({0}): part of the open transaction. While memory is short less
 * is kept. TARN_E_INVAL, TARN_E_LIMIT, TARN_E_FULL, TARN_E_NOMEM.
 */
TARN_MUST_CHECK int tarn_writer_keep_deleted(struct tarn_writer *w, uint16_t store, const struct tarn_keep_deleted *o, struct tarn_error *err);
struct tarn_kept_facts {
    uint64_t objects, bytes;  /* kept now */
    uint64_t kept;            /* since the writer began: put on the list */
    uint64_t expired, evicted; /* left it in time, and before: too many, too large, memory short */
    uint64_t refused;         /* could not be put on it */
};
void tarn_writer_kept_deleted(const struct tarn_writer *w, uint16_t store, struct tarn_keep_deleted *ret_options, struct tarn_kept_facts *ret_facts);
/* Set the state told to readers; part of the open transaction, written at its commit. Cheap when nothing differs. */
TARN_MUST_CHECK int tarn_writer_set_resource_state(struct tarn_writer *w, uint16_t store,
                                                   const struct tarn_resource_state *state, struct tarn_error *err);
/*
 * The description of a resource, as tarn_writer_add_resource takes it. indexes: room for TARN_REGION_INDEXES_MAX; the
 * automatic one is among them. Everything is borrowed until the resource or the writer goes. False: there is no such resource.
 */
bool tarn_writer_describe(const struct tarn_writer *w, uint16_t store, struct tarn_writer_resource *ret, struct tarn_index_func *indexes);
/* Another source (tarn_resource_source; copied); part of the open transaction. */
TARN_MUST_CHECK int tarn_writer_set_resource_source(struct tarn_writer *w, uint16_t store, const char *source, struct tarn_error *err);
/* Live objects of a resource, the open transaction included. */
uint64_t tarn_writer_count(const struct tarn_writer *w, uint16_t store);

/* ---- transactions ---------------------------------------------------------------------------- */

/*
 * Publish all changes since the last commit as one state and ring the doorbells of armed clients. No changes: nothing
 * happens. TARN_E_FULL when the resources' records did not fit: the transaction stays open, call again after a
 * collection. TARN_E_AGAIN while a Replace is being applied in slices.
 */
TARN_MUST_CHECK int tarn_writer_commit(struct tarn_writer *w, struct tarn_error *err);
/* Undo all changes since the last commit. */
void tarn_writer_abort(struct tarn_writer *w);
/* Is a Replace being applied in slices? No other change and no commit is possible until it is done. */
bool tarn_writer_applying(const struct tarn_writer *w);
/* Is anything uncommitted? */
bool tarn_writer_dirty(const struct tarn_writer *w);
/* The newest commit. */
uint64_t tarn_writer_commit_seq(const struct tarn_writer *w);

/*
 * Collect what no snapshot needs; call it once per loop turn or every few milliseconds. Moves the horizon, takes the
 * next steps of the pressure ladder if memory is short, sweeps what became unreachable, writes the heartbeat. Bounded
 * work per call (about 2 ms). Returns true if more is to do at once.
 */
bool tarn_writer_collect(struct tarn_writer *w);
/* Write the heartbeat only. */
void tarn_writer_heartbeat(struct tarn_writer *w);
/* Tell clients that the agent is live (enum tarn_agent_state). */
void tarn_writer_set_agent_state(struct tarn_writer *w, enum tarn_agent_state state);

/* The pressure ladder: what the collector may leave out of the horizon, each step only after the one before. */
enum tarn_pressure {
    TARN_PRESSURE_NONE = 0,
    TARN_PRESSURE_PARKED = 1,     /* parked pins */
    TARN_PRESSURE_GENERATION = 2, /* asks for a hand-over, if a second generation is allowed */
    TARN_PRESSURE_LEASE = 3,      /* active pins older than the lease */
    TARN_PRESSURE_REFUSE = 4,     /* writes are refused, older data is served */
};

/* May the ladder ask for a hand-over from now on? (Not so while the memory for old generations is used up.) */
void tarn_writer_allow_generation(struct tarn_writer *w, bool allowed);

/* ---- clients ------------------------------------------------------------------------------ */

/*
 * A client attached: its page (adopted: freed at remove) and the socket for its doorbell (borrowed, -1: none; it must
 * stay open until remove). *ret_id names it. TARN_E_NOMEM.
 */
TARN_MUST_CHECK int tarn_writer_client_add(struct tarn_writer *w, struct tarn_pin_page *page, int socket_fd,
                                           uint32_t *ret_id);
/* It is gone (socket closed or pidfd readable): its pins vanish. */
void tarn_writer_client_remove(struct tarn_writer *w, uint32_t id);

struct tarn_writer_client {
    uint32_t id;
    uint32_t pins, parked;  /* held now */
    uint64_t oldest_seq;    /* 0: none */
    uint64_t oldest_age_ms; /* since the agent first saw it */
    uint64_t doorbells, doorbells_full; /* sent, and not sent because its socket was full */
    uint64_t revoked;       /* pins left out of the horizon */
};
/* Facts of the n-th client; false when there is none. For status. */
bool tarn_writer_client_at(const struct tarn_writer *w, unsigned n, struct tarn_writer_client *ret);

/* ---- counters ---------------------------------------------------------------------------------- */

struct tarn_writer_stats {
    uint64_t budget_bytes;
    uint64_t taken_bytes;     /* chunks ever taken from the kernel */
    uint64_t live_bytes;      /* allocated and reachable */
    uint64_t retired_bytes;   /* waiting for snapshots or quarantine */
    uint64_t staged_bytes;    /* of Replaces being staged */
    uint64_t free_bytes;      /* budget - allocated, by size classes: an upper bound of what fits */
    uint64_t private_bytes;   /* heap of the writer itself */
    uint64_t objects, nodes, resources;
    uint64_t commits, puts, deletes, unchanged, replaces, aborts;
    uint64_t collections, reclaimed, swept_oids, swept_nodes, posting_compactions;
    uint64_t table_rebuilds, heads_growths, probe_max;
    uint64_t refused_full, refused_size, refused_index, refused_collision;
    uint64_t incomplete;      /* objects whose index values did not all fit, now */
    uint64_t revoked_parked, revoked_lease, generation_requests;
    uint64_t doorbells, doorbells_full;
    uint64_t chunks_collapsed, chunks_populated, chunks_failed;
    uint64_t clients, pins;
    uint64_t horizon, commit_seq, oldest_pin_seq, oldest_pin_age_ms;
    uint64_t log_head, log_floor;
    uint64_t apply_slices, apply_slice_max_us;
    enum tarn_pressure pressure;
};
/* Its figures now. The writer's thread only. */
void tarn_writer_stats(const struct tarn_writer *w, struct tarn_writer_stats *ret);

#endif
