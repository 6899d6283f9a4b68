/* What the files of libtarn share: the client, its pool of snapshots, and the rule for forks. */
#ifndef TARN_CLIENT_INTERNAL_H
#define TARN_CLIENT_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <tarn/client.h>
#include <tarn/object.h>
#include <tarn/query.h>
#include <tarn/reader.h>

#include "session.h"

/* ---- forks (fork.c) ------------------------------------------------------------------------- */

/* How often this process is the child of a fork since the library was loaded. A handle remembers it. */
extern _Atomic uint32_t tarn_fork_count;
/* Install the counter; once per process, any thread. */
void tarn_fork_watch(void);

/* ---- snapshots -------------------------------------------------------------------------------- */

enum snapshot_state {
    SNAPSHOT_FREE, /* in the pool, bound to nothing */
    SNAPSHOT_IDLE, /* bound to a session and a pin line; a thread may have it at hand */
    SNAPSHOT_OPEN,
};

/* A resource as a snapshot sees it, found once. */
struct snapshot_resource {
    struct snapshot_resource *next;
    char *alias;      /* the name it was asked by */
    uint64_t seq;     /* the info is of this commit; 0: of none */
    struct tarn_resource_info info;
};

/* Objects of one walk in key order: made on first use, kept until the snapshot is closed. */
struct snapshot_sorted {
    struct snapshot_sorted *next;
    uint16_t store;
    int index;    /* -1: the whole resource */
    char *value;  /* of the index */
    size_t value_len;
    const struct tarn_object **v;
    size_t n;
};

struct tarn_snapshot {
    struct tarn_reader r;
    struct tarn_client *client;
    struct tarn_session *session; /* one reference while bound */
    struct tarn_pin_line *line;   /* claimed while bound */
    uint32_t fork_count;          /* tarn_fork_count when the client was opened */
    bool copy;
    /* IDLE -> OPEN by exchange: whoever wins owns the snapshot (the thread that has it at hand, or the client's
     * sweep). acquire on success, release when it becomes IDLE: the last use comes before the next. */
    _Atomic int state;
    struct tarn_snapshot *next; /* all snapshots of the client; set once */
    struct tarn_snapshot *next_free; /* under the client's lock */
    struct snapshot_resource *resources;
    struct snapshot_sorted *sorted;
    struct tarn_objects copies; /* what getters gave out in copying mode */
};

static inline bool snapshot_forked(const struct tarn_snapshot *s)
{
    /* relaxed: changes only in a child, before any other thread of it exists. */
    return s->fork_count != atomic_load_explicit(&tarn_fork_count, memory_order_relaxed);
}

/* What stands before every query: the fork rule. */
#define SNAPSHOT_ENTER(s)           \
    do {                            \
        if (snapshot_forked(s))     \
            return TARN_E_FORKED;   \
    } while (0)

/* The resource of a name, found once per snapshot. TARN_E_RESOURCE ... (resource.c) */
int tarn_snapshot_resource(struct tarn_snapshot *s, const char *name, const struct tarn_resource_info **ret,
                           struct tarn_error *err);
/* Replace *obj by a validated copy that the snapshot owns, in copying mode; else nothing. (query.c) */
int tarn_snapshot_deliver(struct tarn_snapshot *s, const struct tarn_object **obj);
/* Append a validated copy of obj, owned by the list. (query.c) */
int tarn_snapshot_copy_into(struct tarn_snapshot *s, const struct tarn_object *obj, struct tarn_objects *ret);
/* Append the keys of what query lists, sorted. (index.c) */
int tarn_query_keys(struct tarn_snapshot *s, const char *resource, const struct tarn_query *query, struct tarn_keys *ret,
                    struct tarn_error *err);
/* Note a broken format: the client will attach again. Returns code. */
int tarn_snapshot_note(struct tarn_snapshot *s, int code);
/* Drop what was derived from the moment it showed. (query.c) */
void tarn_snapshot_forget(struct tarn_snapshot *s);
/* Free its memory; it is bound to nothing. (snapshot.c) */
void tarn_snapshot_free(struct tarn_snapshot *s);

/* ---- the client --------------------------------------------------------------------------------- */

struct tarn_client {
    uint64_t id; /* unique in the process: a thread's stale pointer is noticed */
    uint32_t fork_count;
    char *path, *realm;
    uint32_t timeout_ms;
    bool copy;

    /* The lock protects everything below that is not atomic. Order: it is the only lock of the library. */
    pthread_mutex_t lock;
    pthread_cond_t woken; /* CLOCK_MONOTONIC */
    /* Written under the lock; read without it only to be compared with a snapshot's own (which holds a reference). */
    struct tarn_session *_Atomic session;
    /* Next time a snapshot's opening looks after the agent (ms, coarse clock). Relaxed: early or late does not matter. */
    _Atomic uint64_t next_look_ms;
    struct tarn_handshake handshake;
    struct tarn_session *successor; /* attached, waits until it has caught up with session; or NULL */
    uint64_t successor_since_ms;
    uint64_t next_attempt_ms;
    uint32_t backoff_ms;
    uint32_t attachments;
    struct tarn_error last_error;
    bool leading; /* a thread waits at the socket for all */
    bool closed;  /* only open snapshots keep it */

    struct tarn_snapshot *snapshots; /* all ever made, newest first */
    struct tarn_snapshot *free;
    unsigned nsnapshots, nbound;
};

static inline bool client_forked(const struct tarn_client *c)
{
    return c->fork_count != atomic_load_explicit(&tarn_fork_count, memory_order_relaxed);
}

/* Look after the agent: read the socket, and take one step towards a new attachment if it is due. Never waits. Lock held. (client.c) */
void tarn_client_look(struct tarn_client *c);
/* Has fresh, attached waited_ms ago, what old had, or is it to be taken as it is? Loads only. (successor.c) */
bool tarn_successor_is_due(struct tarn_session *old, struct tarn_session *fresh, uint64_t waited_ms);
/* Free c if it is closed and nothing is bound any more. Lock held by the caller, gone afterwards. */
void tarn_client_unlock_last(struct tarn_client *c);
/* Take back what no thread uses: snapshots that are IDLE on another session than the current, or all. Lock held. (snapshot.c) */
void tarn_client_sweep(struct tarn_client *c, bool all);

/*
 * Sleep until the socket of c has something, or deadline_ms. Lock held, and given up meanwhile. One thread leads and reads the
 * socket for all. seen: the commit that the caller knows; if a newer one is there it does not sleep. (wait.c)
 */
void tarn_client_sleep(struct tarn_client *c, uint64_t seen, uint64_t deadline_ms);

uint64_t tarn_clock_ms(void);        /* CLOCK_MONOTONIC */
uint64_t tarn_clock_coarse_ms(void); /* the same, cheaper, a few ms old */

#endif
