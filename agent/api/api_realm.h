/* api_realm.h - one realm as the read API reads it: attached like any client, snapshots of it, and the change log followed for its hubs.
 *
 * It asks the ingest thread to be taken in (TARN_ASK_ATTACH) with a control page and one end of a socket pair, maps both sides read-only as
 * a client does, and from then on only reads. Memory that is short takes its pins back as it takes a client's; a new generation is attached
 * to when the old one says that it was superseded, and the old one is left when the last snapshot of it is given back.
 *
 * A turn goes from the state that was delivered last (`base`, pinned) to the newest commit: what changed between the two, commit by commit, goes to
 * the hub of its resource. A turn is taken when the doorbell rings, which it does only while somebody waits for changes, and else twice a
 * second, so that histories are kept. All changes since the last turn are one turn: the busier the realm, the larger the turns.
 * Whatever is irregular (base taken back, log overrun, another region that does not go on where the old one stood) resets the hubs.
 *
 * Everything on the loop's thread.
 */
#ifndef TARN_AGENT_API_REALM_H
#define TARN_AGENT_API_REALM_H

#include <sys/queue.h>
#include <uv.h>

#include <tarn/reader.h>

#include "handoff.h"

struct api_hub;
struct api_realm;
struct api_generation;

/* ---- snapshots ------------------------------------------------------------------------------------------------ */

/* A moment of a realm, shared by all who ask for it before the next commit. Read r with tarn_reader_*; it is ended by the last unref. */
struct api_snapshot {
    struct tarn_reader r;
    /* private */
    struct api_generation *g; /* whose mapping it reads: stays as long as it does */
    unsigned refs;
};

/* The newest commit's, one reference for the caller. NULL: not attached (yet), or memory is out, or as many snapshots are held as there are pins. */
struct api_snapshot *api_realm_snapshot(struct api_realm *r);
struct api_snapshot *api_snapshot_ref(struct api_snapshot *s);
/* NULL is allowed. */
void api_snapshot_unref(struct api_snapshot *s);

/* ---- life ------------------------------------------------------------------------------------------------------- */

struct api_realm_options {
    uv_loop_t *loop;
    struct tarn_handoff *ingest; /* where the questions go */
    const char *name;            /* copied */
    size_t history_bytes;        /* of deleted objects that one hub keeps; 0: 8 MiB */
    unsigned history_entries;    /* changes that one hub remembers; 0: 65536 */
    size_t queue_bytes;          /* events that one watcher may be behind; 0: 16 MiB */
};

/* Attaching begins at once and is tried again until it succeeds. Pointers are borrowed until closed. 0, TARN_E_NOMEM, TARN_E_IO. */
int api_realm_new(const struct api_realm_options *o, struct api_realm **ret, struct tarn_error *err);
/*
 * Ends every watch (410), takes no turn any more, and calls closed (may be NULL) when the last snapshot and watch was given back and the ingest thread has
 * forgotten us; r is freed then. No watch can be begun and no snapshot taken meanwhile.
 */
void api_realm_close(struct api_realm *r, void (*closed)(void *ctx), void *ctx);
const char *api_realm_name(const struct api_realm *r);

/*
 * Does the newest snapshot describe this resource ("apps", "deployments")? Also when it has not synced. False before the realm is attached:
 * see api_realm_is_attached.
 */
bool api_realm_has(struct api_realm *r, struct tarn_bytes group, struct tarn_bytes resource);
bool api_realm_is_attached(const struct api_realm *r);
/* The name that a resource has in regions: "pods", "deployments.apps". buf: TARN_REGION_NAME_MAX + 1. Empty: it would be longer. */
struct tarn_bytes api_resource_name(struct tarn_bytes group, struct tarn_bytes resource, char *buf);

/* ---- waiting for a commit --------------------------------------------------------------------------------------- */

/* The caller's memory. fn is called after each turn that found something new; it may end this waiter or others. */
struct api_commit_waiter {
    LIST_ENTRY(api_commit_waiter) link;
    void (*fn)(struct api_commit_waiter *w);
    bool waiting; /* private */
};
void api_realm_wait(struct api_realm *r, struct api_commit_waiter *w);
/* Also when it does not wait. */
void api_realm_wait_end(struct api_commit_waiter *w);

/* ---- hubs -------------------------------------------------------------------------------------------------------- */

/*
 * The hub of a resource by its name in regions, brought to the newest commit; made if there is none yet. From then on it keeps a history, so ask for it
 * when a resource is first listed, too. TARN_E_AGAIN: not attached, or not synced yet; TARN_E_RESOURCE: no such resource; TARN_E_NOMEM.
 * Borrowed: it lives until the realm closes.
 */
int api_realm_hub(struct api_realm *r, struct tarn_bytes name, struct api_hub **ret);
/* Take a turn now. */
void api_realm_turn(struct api_realm *r);

struct api_realm_counters {
    uint64_t turns, changes; /* that had something; objects that changed */
    uint64_t resets;         /* of all hubs at once */
    uint64_t attached;       /* generations */
};
const struct api_realm_counters *api_realm_counters(const struct api_realm *r);

#endif
