/* sim_tree.c - a persistent treap. */
#include "sim_tree.h"

#include <stdlib.h>

struct sim_node {
    uint32_t refs, count; /* count: nodes below and including this one */
    uint64_t priority;
    struct sim_object *obj;
    struct sim_node *left, *right;
};

static uint64_t priority_of(uint64_t salt, struct tarn_bytes key)
{
    struct sim_random r = {.state = salt};

    for (size_t i = 0; i < key.len; i++)
        r.state = (r.state ^ (unsigned char)key.data[i]) * 0x100000001b3u;
    return sim_random_next(&r);
}

static uint32_t count_of(const struct sim_node *n)
{
    return n ? n->count : 0;
}

static void node_unref(struct sim_node *n)
{
    while (n && --n->refs == 0) {
        struct sim_node *right = n->right;

        node_unref(n->left); /* depth O(log n): priorities are salted */
        sim_object_unref(n->obj);
        free(n);
        n = right;
    }
}

static struct sim_node *node_ref(struct sim_node *n)
{
    if (n)
        n->refs++;
    return n;
}

/* A node with the content of n that only the caller holds; n's reference goes into it. */
static struct sim_node *node_own(struct sim_node *n)
{
    struct sim_node *c;

    if (n->refs == 1)
        return n;
    c = sim_alloc(sizeof *c);
    *c = *n;
    c->refs = 1;
    (void)sim_object_ref(c->obj);
    (void)node_ref(c->left);
    (void)node_ref(c->right);
    n->refs--;
    return c;
}

static void node_recount(struct sim_node *n)
{
    n->count = 1 + count_of(n->left) + count_of(n->right);
}

/* n (owned) with its left or right child lifted above it if the child has the higher priority. */
static struct sim_node *rotate(struct sim_node *n)
{
    struct sim_node *l = n->left, *r = n->right;

    if (l && l->priority > n->priority) {
        n->left = l->right;
        l->right = n;
        node_recount(n);
        node_recount(l);
        return l;
    }
    if (r && r->priority > n->priority) {
        n->right = r->left;
        r->left = n;
        node_recount(n);
        node_recount(r);
        return r;
    }
    node_recount(n);
    return n;
}

static struct sim_node *node_set(struct sim_node *n, struct sim_object *o, uint64_t priority)
{
    int c;

    if (!n) {
        n = sim_alloc(sizeof *n);
        *n = (struct sim_node){.refs = 1, .count = 1, .priority = priority, .obj = sim_object_ref(o)};
        return n;
    }
    n = node_own(n);
    c = tarn_bytes_compare(sim_object_key(o), sim_object_key(n->obj));
    if (c == 0) {
        (void)sim_object_ref(o);
        sim_object_unref(n->obj);
        n->obj = o;
        return n;
    }
    if (c < 0)
        n->left = node_set(n->left, o, priority);
    else
        n->right = node_set(n->right, o, priority);
    return rotate(n);
}

/* Every key of a is less than every key of b; both references go into the result. */
static struct sim_node *merge(struct sim_node *a, struct sim_node *b)
{
    if (!a || !b)
        return a ? a : b;
    if (a->priority > b->priority) {
        a = node_own(a);
        a->right = merge(a->right, b);
        node_recount(a);
        return a;
    }
    b = node_own(b);
    b->left = merge(a, b->left);
    node_recount(b);
    return b;
}

/* The caller knows that key is there. */
static struct sim_node *node_remove(struct sim_node *n, struct tarn_bytes key)
{
    int c = tarn_bytes_compare(key, sim_object_key(n->obj));

    if (c == 0) {
        struct sim_node *m = merge(node_ref(n->left), node_ref(n->right));

        node_unref(n);
        return m;
    }
    n = node_own(n);
    if (c < 0)
        n->left = node_remove(n->left, key);
    else
        n->right = node_remove(n->right, key);
    node_recount(n);
    return n;
}

void sim_tree_release(struct sim_tree *t)
{
    node_unref(t->root);
    t->root = NULL;
}

struct sim_tree sim_tree_snapshot(const struct sim_tree *t)
{
    return (struct sim_tree){.root = node_ref(t->root), .salt = t->salt};
}

uint32_t sim_tree_count(const struct sim_tree *t)
{
    return count_of(t->root);
}

struct sim_object *sim_tree_get(const struct sim_tree *t, struct tarn_bytes key)
{
    for (struct sim_node *n = t->root; n;) {
        int c = tarn_bytes_compare(key, sim_object_key(n->obj));

        if (c == 0)
            return n->obj;
        n = c < 0 ? n->left : n->right;
    }
    return NULL;
}

void sim_tree_set(struct sim_tree *t, struct sim_object *o)
{
    t->root = node_set(t->root, o, priority_of(t->salt, sim_object_key(o)));
}

void sim_tree_remove(struct sim_tree *t, struct tarn_bytes key)
{
    if (sim_tree_get(t, key))
        t->root = node_remove(t->root, key);
}

uint32_t sim_tree_rank(const struct sim_tree *t, struct tarn_bytes key)
{
    uint32_t rank = 0;

    for (struct sim_node *n = t->root; n;) {
        if (tarn_bytes_compare(key, sim_object_key(n->obj)) <= 0) {
            n = n->left;
        } else {
            rank += 1 + count_of(n->left);
            n = n->right;
        }
    }
    return rank;
}

struct sim_object *sim_tree_at(const struct sim_tree *t, uint32_t i)
{
    struct sim_node *n = t->root;

    while (n) {
        uint32_t left = count_of(n->left);

        if (i == left)
            return n->obj;
        if (i < left) {
            n = n->left;
        } else {
            i -= left + 1;
            n = n->right;
        }
    }
    return NULL;
}

static void walk_push(struct sim_walk *w, struct sim_node *n)
{
    if (w->depth == sizeof w->path / sizeof *w->path)
        abort(); /* our own arithmetic is wrong: see the comment at path */
    w->path[w->depth++] = n;
}

void sim_walk_begin(struct sim_walk *w, const struct sim_tree *t, struct tarn_bytes from)
{
    w->depth = 0;
    for (struct sim_node *n = t->root; n;) {
        if (tarn_bytes_compare(from, sim_object_key(n->obj)) <= 0) {
            walk_push(w, n);
            n = n->left;
        } else {
            n = n->right;
        }
    }
}

struct sim_object *sim_walk_next(struct sim_walk *w)
{
    struct sim_node *n;

    if (!w->depth)
        return NULL;
    n = w->path[--w->depth];
    for (struct sim_node *m = n->right; m; m = m->left)
        walk_push(w, m);
    return n->obj;
}
