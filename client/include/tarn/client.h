/* tarn/client.h - attach to the agent of this host, and open snapshots of its region.
 *
 *     struct tarn_client *c;
 *     struct tarn_snapshot *s;
 *     tarn_client_open(NULL, &c, &err);            default socket, or $TARN_SOCKET
 *     tarn_snapshot_open(c, &s, &err);             a consistent moment of every resource
 *     ... tarn_get, tarn_list, tarn_by_index (query.h) ...
 *     if (tarn_snapshot_close(s) == 0) act on it;  use, then check, then act
 *     tarn_client_close(c);
 *
 * What the library never does: print, exit, abort on input, start a thread, install a signal
 * handler, write to the region (the mapping is read-only and sealed).
 *
 * Threads: a client is shared freely between threads. A snapshot belongs to one thread at a time.
 * Fork: a child gets TARN_E_FORKED from every call on the parent's handles (closing them is
 * allowed and leaves the parent alone) and opens its own client.
 * Agent restart: a client keeps reading the last state it is attached to, with its age, and
 * attaches to the new agent by itself from tarn_snapshot_open, tarn_client_info and the waits.
 * Snapshots that are open go on reading their own memory, undisturbed.
 */
#ifndef TARN_CLIENT_H
#define TARN_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include <tarn/bytes.h>
#include <tarn/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_client;
struct tarn_snapshot;

#define TARN_CLIENT_SOCKET_DEFAULT "/run/tarn/tarn.sock"
#define TARN_CLIENT_REALM_DEFAULT "cluster"

/* Zero is the default of every field. */
struct tarn_client_options {
    const char *socket;  /* NULL: $TARN_SOCKET, else TARN_CLIENT_SOCKET_DEFAULT */
    const char *realm;   /* NULL: $TARN_REALM, else TARN_CLIENT_REALM_DEFAULT */
    uint32_t timeout_ms; /* how long open waits for the agent's answer; 0: 5000 */
    bool copy;           /* getters give copies that were validated, owned by the snapshot; also by $TARN_COPY=1 */
};

/*
 * Attach to the agent. options may be NULL; its strings are copied.
 *
 * Returns 0, TARN_E_NOAGENT (nothing listens at the socket), TARN_E_PERM (the socket or the
 * agent refuses us), TARN_E_NOTFOUND (the agent has no such realm), TARN_E_LIMIT (its limit of clients),
 * TARN_E_ABI, TARN_E_CORRUPT (what it handed out breaks its format), TARN_E_TIMEOUT, TARN_E_NOMEM;
 * err says which path was tried and what to do. Any thread. One connection, two mappings; no
 * descriptor but the socket stays open.
 */
TARN_API TARN_MUST_CHECK int tarn_client_open(const struct tarn_client_options *options, struct tarn_client **ret,
                                              struct tarn_error *err);

/*
 * Detach. No other call on the client may be under way. Snapshots still open stay good until they are closed.
 * NULL is allowed, and so is a child's copy of the parent's handle.
 */
TARN_API void tarn_client_close(struct tarn_client *c);

/* What the agent said of itself, and how old what we read is. Ages are UINT64_MAX where unknown. */
struct tarn_client_info {
    char socket[108];
    char realm[64];
    char agent[64];            /* the agent's version */
    bool agent_alive;          /* the attach socket is up: the agent process lives */
    bool agent_stopped;        /* it said good-bye (a clean exit) */
    bool superseded;           /* a newer generation exists and could not be attached yet */
    bool over_budget;          /* a write was refused: the region serves older data */
    uint64_t heartbeat_age_ms; /* since the agent last said it lives, in the region */
    uint64_t commit_age_ms;    /* since the last commit */
    uint64_t commit;           /* number of the last commit */
    uint64_t horizon;          /* snapshots of older commits are no longer protected */
    uint64_t generation;
    uint64_t created_ns;       /* the region, CLOCK_REALTIME */
    uint8_t instance[16];      /* of the agent's run */
    uint64_t region_bytes, live_bytes, free_bytes, retired_bytes;
    uint64_t objects;
    uint64_t log_head, log_floor; /* change log: positions of the next entry and of the oldest */
    uint64_t revocations, refused_writes;
    uint16_t abi_major, abi_minor; /* of the region's format */
    uint32_t attachments;      /* how often this handle attached: 1 is the first */
    int last_error;            /* of the last attempt to attach again; TARN_E_AGAIN: a new agent has not caught up; 0: none failed since */
    char last_error_message[256];
};

/* Fill *ret. Probes the socket and tries to attach again if the agent is gone (bounded, never waits).
 * 0 or TARN_E_FORKED. Any thread. */
TARN_API int tarn_client_info(struct tarn_client *c, struct tarn_client_info *ret);

/*
 * Ask the agent for its own status: a JSON document appended to ret (agent, memory, clients, per-resource
 * counters). Waits at most the client's timeout. 0, TARN_E_NOAGENT, TARN_E_TIMEOUT, TARN_E_UNSUPPORTED, TARN_E_NOMEM, TARN_E_FORKED.
 * Any thread; one such call at a time.
 */
TARN_API TARN_MUST_CHECK int tarn_client_status_json(struct tarn_client *c, struct tarn_buf *ret, struct tarn_error *err);

/* ---- snapshots ---------------------------------------------------------------------- */

/*
 * Open a snapshot: a consistent moment across all resources and indexes of the realm. O(1), wait-free,
 * no system call in the ordinary case; memory is pooled in the client.
 *
 * Returns 0, TARN_E_LIMIT (no pin line is free: close snapshots), TARN_E_FORKED, TARN_E_NOMEM.
 * If the agent is gone the snapshot shows the last state; tarn_client_info tells its age. A new agent's region takes
 * over once it has synced what the old one had; or 60 s after it was attached if any of its resources has synced, for
 * what the server no longer serves never will.
 */
TARN_API TARN_MUST_CHECK int tarn_snapshot_open(struct tarn_client *c, struct tarn_snapshot **ret, struct tarn_error *err);

/*
 * Was everything read from s so far covered? 0, or TARN_E_EXPIRED when memory pressure made the agent
 * take the snapshot's memory back: then nothing read from it counts. TARN_E_FORKED. A few nanoseconds.
 */
TARN_API int tarn_snapshot_check(const struct tarn_snapshot *s);

/*
 * End s; pointers from it are void. Returns what tarn_snapshot_check would have: act on what was read only if it is 0.
 * NULL: 0. No system call.
 */
TARN_API int tarn_snapshot_close(struct tarn_snapshot *s);

/*
 * Let the agent take the snapshot's memory back before it refuses writes (parked true), or hold it firmly
 * again. A parked snapshot that was taken back answers TARN_E_EXPIRED, as any. 0, TARN_E_EXPIRED, TARN_E_FORKED.
 */
TARN_API int tarn_snapshot_park(struct tarn_snapshot *s, bool parked);

/* The number of the commit it shows, and the generation it belongs to. Numbers of different generations do not compare. */
TARN_API uint64_t tarn_snapshot_commit(const struct tarn_snapshot *s);
/* The generation that commit belongs to: it changes when the agent makes a new region. As tarn_snapshot_commit. */
TARN_API uint64_t tarn_snapshot_generation(const struct tarn_snapshot *s);

/* What a walk of the whole region met. */
struct tarn_verify_report {
    uint64_t records, objects, tombstones, nodes, resources, postings, log_entries;
    uint64_t bytes; /* of the records */
};

/*
 * Walk everything that s can see and test every rule of the format, checksums included. 0; TARN_E_CORRUPT: err names the rule,
 * where, and what was found; TARN_E_EXPIRED; TARN_E_NOMEM; TARN_E_FORKED. Seconds for millions of objects.
 */
TARN_API TARN_MUST_CHECK int tarn_snapshot_verify(struct tarn_snapshot *s, struct tarn_verify_report *ret,
                                                  struct tarn_error *err);

/* ---- waiting: these may sleep, on the caller's thread -------------------------------- */

#define TARN_WAIT_FOREVER UINT32_MAX

/* Until a commit newer than `commit`, or another generation, can be seen. 0, TARN_E_TIMEOUT, TARN_E_FORKED. */
TARN_API TARN_MUST_CHECK int tarn_wait_commit(struct tarn_client *c, uint64_t commit, uint32_t timeout_ms);

/*
 * Until the resource (NULL: every one) has synced.
 *
 * Returns 0; TARN_E_STATUS when the API server refuses (401, 403, 404, 405) - err holds its Status' message with resource
 * and reason - instead of hanging; TARN_E_RESOURCE (the agent does not mirror it); TARN_E_TIMEOUT with
 * the last error the agent saw; TARN_E_FORKED. Source: client-go WaitForCacheSync, which can only say false.
 */
TARN_API TARN_MUST_CHECK int tarn_wait_synced(struct tarn_client *c, const char *resource, uint32_t timeout_ms,
                                              struct tarn_error *err);

/*
 * Until the mirror of the resource is at least as new as resource_version (read your own writes).
 * Returns 0, TARN_E_INVAL (not a number), TARN_E_RESOURCE, TARN_E_TIMEOUT, TARN_E_FORKED.
 */
TARN_API TARN_MUST_CHECK int tarn_wait_rv(struct tarn_client *c, const char *resource, const char *resource_version,
                                          uint32_t timeout_ms, struct tarn_error *err);

#ifdef __cplusplus
}
#endif
#endif
