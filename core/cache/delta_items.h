/* delta_items.h - keys with their pending deltas, in the order of the keys; and plans, which change several at once or not at all.
 *
 * A key has a node while it has deltas, and stands in the ring once (D-2). A *plan* gathers changes: it takes all nodes and room while
 * nothing of it is to be seen, and is then applied as a whole, which cannot fail but for the ring's last room, or cancelled. Between a
 * plan's first change and its end nothing else may touch the items. Not thread-safe: the queue's lock.
 */
#ifndef TARN_DELTA_ITEMS_H
#define TARN_DELTA_ITEMS_H

#include <tarn/queue.h>

#include "map.h"
#include "ring.h"

struct tarn_delta_node {
    struct tarn_delta *v; /* oldest first; each obj an owned reference; v is v_inline or on the heap */
    struct tarn_delta v_inline[2];
    uint32_t n, cap;
    uint32_t planned; /* deltas that a plan will add; no plan: 0 */
    uint32_t hash;
    size_t klen;
    char key[];
};

struct tarn_delta_items {
    struct tarn_map map;   /* key → node */
    struct tarn_ring ring; /* of struct tarn_delta_node * */
};

void tarn_delta_items_init(struct tarn_delta_items *d);
void tarn_delta_items_release(struct tarn_delta_items *d);

static inline bool tarn_delta_is_tombstone(const struct tarn_object *obj)
{
    return tarn_object_flags(obj) & TARN_OBJECT_TOMBSTONE;
}

static inline struct tarn_bytes tarn_delta_node_key(const struct tarn_delta_node *n)
{
    return (struct tarn_bytes){n->key, n->klen};
}
/* The i-th node from the head. */
static inline struct tarn_delta_node *tarn_delta_items_at(const struct tarn_delta_items *d, size_t i)
{
    return *(struct tarn_delta_node **)tarn_ring_at(&d->ring, i);
}
struct tarn_delta_node *tarn_delta_items_find(const struct tarn_delta_items *d, struct tarn_bytes key);

/* Queue one delta, merged as D-4 says; delta.obj is owned and taken over on success. 0 or TARN_E_NOMEM: as before. */
TARN_MUST_CHECK int tarn_delta_items_add(struct tarn_delta_items *d, struct tarn_bytes key, struct tarn_delta delta);
/* Take the head out; it is the caller's, to put back or to free. There is one. */
struct tarn_delta_node *tarn_delta_items_take(struct tarn_delta_items *d);
/* Put the node that was taken last back, at the end: the places it had are free. Cannot fail. */
void tarn_delta_items_put_back(struct tarn_delta_items *d, struct tarn_delta_node *n);
void tarn_delta_node_free(struct tarn_delta_node *n);

struct tarn_delta_change {
    struct tarn_delta_node *node;
    struct tarn_delta delta; /* its obj is owned */
};

/* {0} is an empty one; ended by apply or cancel. */
struct tarn_delta_plan {
    struct tarn_delta_change *v;
    size_t n, cap;
    size_t keys;   /* different keys so far */
    bool verbatim; /* deltas that are put back are not merged */
};

/* Plan a delta under key; delta.obj is taken over on success. 0 or TARN_E_NOMEM. */
TARN_MUST_CHECK int tarn_delta_plan_put(struct tarn_delta_items *d, struct tarn_delta_plan *p, struct tarn_bytes key,
                                        struct tarn_delta delta);
/* Plan the deletion of key, whose last known state is `state` (may be NULL). */
TARN_MUST_CHECK int tarn_delta_plan_tombstone(struct tarn_delta_items *d, struct tarn_delta_plan *p, struct tarn_bytes key,
                                              const struct tarn_object *state);
void tarn_delta_plan_cancel(struct tarn_delta_items *d, struct tarn_delta_plan *p);
/* Apply all, or cancel for lack of the last room: TARN_E_NOMEM. p->keys stays. */
TARN_MUST_CHECK int tarn_delta_plan_apply(struct tarn_delta_items *d, struct tarn_delta_plan *p);

#endif
