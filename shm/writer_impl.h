/* writer_impl.h - the writer's private state, shared by the files that make it up.
 *
 *     writer.c    life, commit and abort                  version.c  put, delete, undo: the links of one object
 *     resources.c descriptions and states of resources    clients.c  who is attached
 *     table.c     the primary hash                        nodes.c    index values, postings, memberships
 *     collect.c   pins, horizon, reuse, sweeping          ladder.c   the pressure ladder
 *     region_store.c  the Store on top                    grace.c    what is deleted and still readable
 *
 * Words: N is the open transaction, commit_seq + 1. A tag is the commit from which on something is unreachable.
 * Everything here is used by one thread. Private memory needed by a step is reserved before its first link, so that a
 * step is done whole or not at all.
 *
 * Model steps (tests/model): W1 fill, W2 link slot and head, W3 postings, W4 log, W5 commit, W6 doorbell; C1 fence, C2 scan,
 * C3 horizon, C4 reuse; G1 copy into a new generation, G2 its commit, G3 the old one superseded; R1..R4 begin of a reader, R5 walk, R6 horizon test, R7 end; D1, D2 arming.
 */
#ifndef TARN_SHM_WRITER_IMPL_H
#define TARN_SHM_WRITER_IMPL_H

#include <tarn/writer.h>

#include "alloc.h"
#include "bytes_shm.h"
#include "mutant.h"
#include "u64map.h"

/* A growing queue of things with a commit: ever-growing positions, a power of two of room. */
struct tarn_tagged {
    uint64_t tag;
    uint32_t a, b;
};
struct tarn_ring {
    struct tarn_tagged *v;
    size_t head, tail, cap;
};
TARN_MUST_CHECK int tarn_ring_reserve(struct tarn_ring *r, size_t more);
static inline struct tarn_tagged *tarn_ring_at(const struct tarn_ring *r, size_t pos)
{
    return &r->v[pos & (r->cap - 1)];
}
static inline void tarn_ring_push(struct tarn_ring *r, uint64_t tag, uint32_t a, uint32_t b)
{
    *tarn_ring_at(r, r->tail++) = (struct tarn_tagged){.tag = tag, .a = a, .b = b};
}

/* A growing array of u32. */
struct tarn_u32s {
    uint32_t *v;
    size_t n, cap;
};
TARN_MUST_CHECK int tarn_u32s_reserve(struct tarn_u32s *a, size_t more);

struct tarn_index {
    char *name;
    struct tarn_index_func func;
    uint32_t directory;  /* node: the index's values; 0: none yet */
    uint32_t incomplete; /* node: objects whose values did not fit; 0: none yet */
    uint32_t empty;      /* values without a posting, to be swept when they are many */
};

struct tarn_resource {
    uint16_t store;
    bool removed, dirty; /* dirty: its record must be written at the commit */
    unsigned replacing;  /* Replaces that are staged: values must not be swept */
    unsigned attached;   /* region stores there are */
    struct tarn_grace *grace; /* what is deleted of it is kept; NULL: it is not */
    bool is_list_of_deleted;
    bool namespaced;
    uint32_t incarnation;
    char *name, *api_version, *kind, *singular, *source;
    struct tarn_index *indexes;
    unsigned nindex;
    char **slots, **short_names;
    unsigned nslot, nshort;
    uint32_t members; /* node; 0: none yet */
    struct tarn_resource_state state;
    struct tarn_buf resource_version, last_error, resume; /* what state points to */
    uint64_t objects, bytes, incomplete;
};

/* What the agent remembers about a pin line, to know its age. */
struct tarn_pin_seen {
    uint64_t pin, since_ms;
    bool revoked; /* the horizon has left this very pin behind */
    bool late;    /* it came to name a commit that was past already at the scan before */
};
struct tarn_client_entry {
    uint32_t id;
    int socket_fd;
    struct tarn_pin_page *page;
    struct tarn_pin_seen *seen;
    uint32_t nseen;
    uint64_t late_since_ms; /* each scan since then has met a late pin; 0: the last one met none */
    struct tarn_writer_client facts;
};

/* One link change of the open transaction: what to retire at commit, or to put back at abort. */
struct tarn_change {
    uint32_t oid, old; /* old: ref of the version before, 0: none */
};

struct tarn_writer {
    struct tarn_runtime *rt;
    struct tarn_writer_options o;
    char *base;
    uint64_t size;
    int fd;
    struct tarn_region_header *h;
    struct tarn_region_view view;
    struct tarn_alloc alloc;

    uint64_t commit;     /* commit_seq; N is commit + 1 */
    uint64_t horizon;
    uint32_t table_used; /* slots used or deleted */
    uint32_t table_live;
    struct tarn_u32s free_oids;

    /* the open transaction */
    struct tarn_change *changes;
    size_t nchanges, changes_cap;
    struct tarn_u64map revived; /* stale entries that came back in N: an abort makes them stale again */
    uint64_t log_pos; /* of the next entry; log_head is told at the commit */
    bool dirty;
    bool copying;      /* from an older generation: nothing of it is an event */
    uint16_t applying; /* store whose Replace is being applied; 0: none */

    struct tarn_resource **resources; /* [store], [0]: the resources themselves */
    unsigned nresources;

    struct tarn_ring retired;     /* a: ref */
    size_t quarantined;           /* position in retired: before it, tag <= horizon */
    struct tarn_ring batches;     /* tag: release time in ms; a: 1 when a pin was revoked for it; the end is in ends */
    struct tarn_ring batch_ends;  /* tag: position in retired */
    struct tarn_ring dead;        /* a: oid, deleted by commit tag */
    struct tarn_ring stale_queue; /* a: node, b: entry that left it with commit tag */
    struct tarn_u64map stale;     /* node << 32 | entry -> tag; still in the posting though no newest version says so */
    struct tarn_u64map purgeable; /* node -> number of its stale entries that no snapshot sees */

    struct tarn_client_entry *clients;
    unsigned nclients;
    uint64_t scanned_commit; /* the newest commit when the pins were scanned last */
    uint32_t next_client;

    uint64_t retired_bytes, staged_bytes;
    uint64_t refused_seen; /* refusals the ladder has reacted to */
    uint64_t level_since_ms;
    bool swept; /* something of N was retired by sweeping only: commit it without a doorbell */

    struct tarn_index_values values; /* scratch of one object */
    uint32_t vids[TARN_REGION_VIDS_MAX];
    struct tarn_buf scratch;
    struct tarn_writer_stats st;
};

static inline uint64_t tarn_writer_n(const struct tarn_writer *w)
{
    return w->commit + 1;
}
/* The writer's own references need no check. */
static inline void *tarn_writer_at(const struct tarn_writer *w, uint32_t ref)
{
    return w->base + ((uint64_t)ref << TARN_REGION_UNIT_SHIFT);
}
static inline struct tarn_link *tarn_writer_link(const struct tarn_writer *w, uint32_t ref)
{
    return tarn_writer_at(w, ref);
}
static inline struct tarn_array *tarn_writer_heads(const struct tarn_writer *w)
{
    return tarn_writer_at(w, tarn_load_u32(&w->h->heads));
}
static inline uint32_t tarn_writer_head(const struct tarn_writer *w, uint32_t oid)
{
    return tarn_load_u32(&tarn_writer_heads(w)->v[oid]);
}
static inline unsigned tarn_link_kind_of(const struct tarn_link *l)
{
    return tarn_link_kind(tarn_load_u16(&l->kind_nvid));
}
static inline unsigned tarn_link_nvid_of(const struct tarn_link *l)
{
    return tarn_link_nvid(tarn_load_u16(&l->kind_nvid));
}
static inline _Atomic uint32_t *tarn_link_vids(const struct tarn_link *l)
{
    return (_Atomic uint32_t *)((uintptr_t)(l + 1) + tarn_link_blob(l)->size);
}
static inline uint64_t tarn_link_bytes(const struct tarn_link *l)
{
    return sizeof *l + tarn_link_blob(l)->size + 4u * tarn_link_nvid_of(l);
}

/* ---- collect.c ------------------------------------------------------------------------------ */

/* Region memory; when it is out, collects at once and tries again. TARN_E_FULL, TARN_E_NOMEM. */
TARN_MUST_CHECK int tarn_writer_take(struct tarn_writer *w, uint64_t bytes, enum tarn_alloc_rank rank, uint32_t *ret_ref);
/* Room for `more` calls of tarn_writer_retire beside what commit or abort of N will retire. 0 or TARN_E_NOMEM. */
static inline TARN_MUST_CHECK int tarn_writer_retire_reserve(struct tarn_writer *w, size_t more)
{
    return tarn_ring_reserve(&w->retired, more + w->nchanges + 1);
}
/* ref is unreachable from N on. Room must have been reserved. */
void tarn_writer_retire(struct tarn_writer *w, uint32_t ref);
/* Publish N: W4, W5. */
void tarn_writer_publish(struct tarn_writer *w);
void tarn_writer_ring_doorbells(struct tarn_writer *w);
/* Move the horizon and give memory back; the part of collecting that is allowed inside a transaction. now: emergency. */
void tarn_writer_reclaim(struct tarn_writer *w, bool emergency);

/* ---- ladder.c -------------------------------------------------------------------------------- */

/* What the clients' pins demand. */
struct tarn_pins {
    uint64_t honoured;  /* the smallest pin that is not revoked; UINT64_MAX: none */
    uint64_t all;       /* the smallest pin */
    uint64_t oldest_ms; /* when the smallest pin was first seen */
    uint32_t pins, parked;
};
/* Read all control pages. Call behind the fence C1. */
void tarn_ladder_scan(struct tarn_writer *w, uint64_t now_ms, struct tarn_pins *ret);
/* Count the pins that the horizon m leaves behind; before it is set. */
void tarn_ladder_count_revoked(struct tarn_writer *w, uint64_t m);
/* Go up or down the ladder by at most one step. */
void tarn_ladder_step(struct tarn_writer *w, uint64_t now_ms);

/* ---- table.c -------------------------------------------------------------------------------- */

/* What is looked for: an object, or a node. */
struct tarn_name {
    uint16_t store;
    bool node;
    uint32_t code;           /* of a node */
    struct tarn_bytes key;   /* of a hashed node: the 16 bytes */
    struct tarn_bytes value; /* of a hashed node: the value itself */
};
struct tarn_place {
    uint32_t slot; /* where it stands, or where it may be inserted */
    uint32_t tag;
    uint32_t ref; /* 0: not there */
    uint32_t probes;
};
void tarn_table_find(const struct tarn_writer *w, const struct tarn_name *name, struct tarn_place *ret);
/* The place of name, ready for an insertion. TARN_E_FULL, TARN_E_LIMIT (too many collisions), TARN_E_NOMEM. */
TARN_MUST_CHECK int tarn_table_place(struct tarn_writer *w, const struct tarn_name *name, struct tarn_place *ret);
void tarn_table_set(struct tarn_writer *w, const struct tarn_place *p, uint32_t ref);
void tarn_table_clear(struct tarn_writer *w, const struct tarn_place *p);
/* The name under which a record stands in the table. */
struct tarn_name tarn_table_name_of(const struct tarn_link *l);

/* ---- nodes.c ----------------------------------------------------------------------------------- */

/* The node of a value of an index, made if need be. An unused one is harmless and swept later. */
TARN_MUST_CHECK int tarn_nodes_value(struct tarn_writer *w, struct tarn_resource *res, unsigned index,
                                     struct tarn_bytes value, uint32_t *ret);
/* The node of class c (MEMBERS, DIRECTORY, INCOMPLETE) of res. */
TARN_MUST_CHECK int tarn_nodes_special(struct tarn_writer *w, struct tarn_resource *res, enum tarn_node_class c,
                                       unsigned index, uint32_t *ret);
/* Room so that tarn_nodes_join(node, entry) and tarn_nodes_leave cannot fail. */
TARN_MUST_CHECK int tarn_nodes_prepare(struct tarn_writer *w, uint32_t node, uint32_t entry);
void tarn_nodes_join(struct tarn_writer *w, uint32_t node, uint32_t entry);
void tarn_nodes_leave(struct tarn_writer *w, uint32_t node, uint32_t entry);
/* Undo a join, or a leave, of N. */
void tarn_nodes_unjoin(struct tarn_writer *w, uint32_t node, uint32_t entry);
void tarn_nodes_unleave(struct tarn_writer *w, uint32_t node, uint32_t entry);
/* Room for `joins` and `leaves` in the private maps. */
TARN_MUST_CHECK int tarn_nodes_reserve(struct tarn_writer *w, size_t joins, size_t leaves);
/* Drop entries that no snapshot sees any more, at most about `limit` of work. true: more to do. */
bool tarn_nodes_sweep(struct tarn_writer *w, size_t limit);

/* ---- version.c ------------------------------------------------------------------------------------ */

/* The index values of obj as nodes in w->vids. *ret_incomplete: not all fitted. */
TARN_MUST_CHECK int tarn_version_vids(struct tarn_writer *w, struct tarn_resource *res, const struct tarn_object *obj,
                                      unsigned *ret_n, bool *ret_incomplete, struct tarn_error *err);
/* Allocate and fill a record with w->vids; not linked. */
TARN_MUST_CHECK int tarn_version_make(struct tarn_writer *w, uint16_t store, enum tarn_record_kind kind,
                                      const struct tarn_object *obj, unsigned nvid, uint32_t *ret);
/* A bare-key record that says "deleted", and at which resourceVersion (0: not known). */
TARN_MUST_CHECK int tarn_version_make_tombstone(struct tarn_writer *w, uint16_t store, struct tarn_bytes key, uint64_t version, uint32_t *ret);
/* Link a made record as the newest version in N. On error it is not linked and stays the caller's. */
TARN_MUST_CHECK int tarn_version_link(struct tarn_writer *w, struct tarn_resource *res, uint32_t ref);
/* ... or give it back when it cannot be linked. */
TARN_MUST_CHECK int tarn_version_link_or_drop(struct tarn_writer *w, struct tarn_resource *res, uint32_t ref);
/* Leave the next object number without an object: *ret. */
TARN_MUST_CHECK int tarn_version_skip_oid(struct tarn_writer *w, uint32_t *ret);
/* Put the old versions of N back, newest change first. */
void tarn_version_undo(struct tarn_writer *w);
/* The newest version under key if it is a live object, else 0. */
uint32_t tarn_version_find(const struct tarn_writer *w, uint16_t store, struct tarn_bytes key);
/* Was the newest version under key, a deletion too, made in the open transaction? */
bool tarn_version_is_open(const struct tarn_writer *w, uint16_t store, struct tarn_bytes key);
/* Are the bytes of obj those of the live record ref? */
bool tarn_version_same(const struct tarn_writer *w, uint32_t ref, const struct tarn_object *obj);
/* Give back a record that was never linked. */
void tarn_version_drop(struct tarn_writer *w, uint32_t ref);

/* ---- writer.c ----------------------------------------------------------------------------------------- */

/* Put, delete: one object in the open transaction. version: resourceVersion of the deletion, 0: not known. */
TARN_MUST_CHECK int tarn_writer_put(struct tarn_writer *w, uint16_t store, const struct tarn_object *obj,
                                    struct tarn_error *err);
TARN_MUST_CHECK int tarn_writer_delete(struct tarn_writer *w, uint16_t store, struct tarn_bytes key, uint64_t version,
                                       struct tarn_error *err);
/* Make the record of an object, index values and all; not linked. */
TARN_MUST_CHECK int tarn_version_of_object(struct tarn_writer *w, struct tarn_resource *res,
                                           const struct tarn_object *obj, uint32_t *ret, struct tarn_error *err);
/* May obj be stored at all? TARN_E_KEY, TARN_E_SIZE. */
TARN_MUST_CHECK int tarn_writer_check(struct tarn_writer *w, uint16_t store, const struct tarn_object *obj,
                                      struct tarn_error *err);
/* Write the resources' records, publish N, ring. */
TARN_MUST_CHECK int tarn_writer_commit_now(struct tarn_writer *w, struct tarn_error *err);
/* Undo N, whoever made it. */
void tarn_writer_undo(struct tarn_writer *w);
/* TARN_E_AGAIN with a sentence when a Replace of another store is being applied. */
TARN_MUST_CHECK int tarn_writer_may_change(const struct tarn_writer *w, uint16_t store, struct tarn_error *err);
/* Refuse with the words for rc (FULL, SIZE, LIMIT, NOMEM). */
int tarn_writer_refuse(struct tarn_writer *w, int rc, const struct tarn_resource *res, struct tarn_bytes key,
                       struct tarn_error *err);

/* ---- takeover.c -------------------------------------------------------------------------------------- */

/* May `new` go on with the objects of `old`? The slots must be the same and, in another run of the agent, the source. */
bool tarn_resource_goes_on(const struct tarn_resource_info *old, const struct tarn_writer_resource *new, bool same_run);
/* Give resource number `store` the state of old, whose watch is not up. */
TARN_MUST_CHECK int tarn_resource_go_on(struct tarn_writer *w, uint16_t store, const struct tarn_resource_info *old, struct tarn_error *err);

/* ---- resources.c ------------------------------------------------------------------------------------ */

/* Write the record of a resource as part of N. */
TARN_MUST_CHECK int tarn_resource_write(struct tarn_writer *w, struct tarn_resource *res);
void tarn_resource_free(struct tarn_resource *res);

#endif
