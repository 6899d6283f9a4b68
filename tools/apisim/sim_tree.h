/* sim_tree.h - the objects of one resource in key order, with free snapshots.
 *
 * A treap whose nodes are shared between versions (path copying): a snapshot is a reference to a root, a change
 * copies only what a snapshot still holds. This is what lets a LIST of any length stream from the state it began with
 * while writes go on. Keys order as bytes, as in etcd. One thread.
 * Source: Seidel, Aragon: Randomized search trees (1996); Driscoll et al.: Making data structures persistent (1989).
 */
#ifndef SIM_TREE_H
#define SIM_TREE_H

#include <stdbool.h>

#include "sim_object.h"

struct sim_node;

struct sim_tree {
    struct sim_node *root;
    uint64_t salt; /* priorities hash the key with it, so that no client can choose keys that unbalance the tree */
};

void sim_tree_release(struct sim_tree *t);
/* The same content, unchanged by whatever happens to t afterwards. O(1). */
struct sim_tree sim_tree_snapshot(const struct sim_tree *t);
uint32_t sim_tree_count(const struct sim_tree *t);
/* The object under key, borrowed until t changes; NULL if none. */
struct sim_object *sim_tree_get(const struct sim_tree *t, struct tarn_bytes key);
/* Store o (a reference is taken) under its key. */
void sim_tree_set(struct sim_tree *t, struct sim_object *o);
/* Remove key if there. */
void sim_tree_remove(struct sim_tree *t, struct tarn_bytes key);
/* How many keys are less than key. O(log n). */
uint32_t sim_tree_rank(const struct sim_tree *t, struct tarn_bytes key);
/* The object at position i of the order, borrowed; NULL behind the end. O(log n). */
struct sim_object *sim_tree_at(const struct sim_tree *t, uint32_t i);

/* A walk in key order over a tree that does not change meanwhile (a snapshot). */
struct sim_walk {
    unsigned depth;
    struct sim_node *path[128]; /* nodes still to be visited; a treap of 10^9 keys is not this deep */
};
/* Begin at the first key not less than from. */
void sim_walk_begin(struct sim_walk *w, const struct sim_tree *t, struct tarn_bytes from);
/* The next object, borrowed; NULL at the end. */
struct sim_object *sim_walk_next(struct sim_walk *w);

#endif
