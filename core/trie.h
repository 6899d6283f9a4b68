/* trie.h - the paths a transcoder looks out for, as a tree it walks along with the document.
 *
 * A node says what happens to the value it stands for: dropped, kept, noted in slots, taken as the object. Where
 * there is no node nothing is looked out for, and the transcoder need not look at keys at all.
 */
#ifndef TARN_CORE_TRIE_H
#define TARN_CORE_TRIE_H

#include <tarn/transcode.h>

#include "path.h"

/* Slots the transcoder fills for itself; the caller's follow from TARN_SLOT_USER on. */
enum {
    TARN_SLOT_TYPE = 0, /* of a watch event */
    TARN_SLOT_API_VERSION = 0, /* of a list */
    TARN_SLOT_KIND,
    TARN_SLOT_LIST_RV,
    TARN_SLOT_CONTINUE,
    TARN_SLOT_REMAINING,
    TARN_SLOT_METADATA, /* of an object, from here on */
    TARN_SLOT_NAMESPACE,
    TARN_SLOT_NAME,
    TARN_SLOT_UID,
    TARN_SLOT_RV,
    TARN_SLOT_USER,
    TARN_SLOTS_MAX = 64, /* bits of tarn_node.slots */
};

struct tarn_node {
    struct tarn_node *child, *sibling;
    struct tarn_step step; /* how its parent leads to it; key.data is owned */
    uint64_t key_head;     /* of a key: tarn_key_head */
    uint64_t slots;        /* a bit for each slot that notes where this value stands */
    bool drop;
    bool keep;      /* under a keep-only projection: kept with all that is below it */
    bool has_keep;  /* keep is set here or below */
    bool object;    /* this value is an object to hand out */
    char must_be;   /* '{' or '[': any other value is an error ('[': null is let pass); 0: anything */
};

struct tarn_trie {
    struct tarn_node document; /* the root of what is fed */
    struct tarn_node object;   /* the root of each object */
    struct tarn_node whole;    /* ... of what a watch says in an object's place (BOOKMARK, ERROR): no projection */
    bool filter;               /* a keep-only projection */
    unsigned nslots;           /* the caller's */
    bool grown;                /* building: a node was made */
};

/* Build for these options. TARN_E_INVAL with the path that does not parse or cannot be, TARN_E_NOMEM. */
int tarn_trie_init(struct tarn_trie *t, const struct tarn_transcode_options *options, struct tarn_error *err);
void tarn_trie_release(struct tarn_trie *t);

/* The first 8 bytes of a key, shorter ones filled with zeros; 8 bytes must be readable. */
static inline uint64_t tarn_key_head(struct tarn_bytes key)
{
    uint64_t head;

    memcpy(&head, key.data, sizeof head);
    return key.len >= 8 ? head : head & (((uint64_t)1 << 8 * key.len) - 1);
}

/* The node for key below n, or NULL. 8 bytes of key must be readable. */
static inline struct tarn_node *tarn_node_key(const struct tarn_node *n, struct tarn_bytes key)
{
    uint64_t head = tarn_key_head(key);
    struct tarn_node *c = n->child;

    while (c && !(c->key_head == head && c->step.kind == TARN_STEP_KEY && tarn_bytes_equal(c->step.key, key)))
        c = c->sibling;
    return c;
}

/* The node for the element index below n: its own, else that of [*], else NULL. */
static inline struct tarn_node *tarn_node_index(const struct tarn_node *n, uint32_t index)
{
    struct tarn_node *every = NULL;

    for (struct tarn_node *c = n->child; c; c = c->sibling) {
        if (c->step.kind == TARN_STEP_INDEX && c->step.index == index)
            return c;
        if (c->step.kind == TARN_STEP_EVERY)
            every = c;
    }
    return every;
}

#endif
