/* content.h - what a store holds: entries by key, their dense arrays, and the indexes over them.
 *
 * An entry is a number: its place in `objs`, the array a list is copied from. The map leads from a key to (object, number). When an
 * entry goes, the last one takes its number, so the arrays stay dense. Keys are those of the objects themselves; only where the
 * caller's key differs does an entry own a copy of it.
 *
 * A Replace fills a second content beside the one that is read and swaps them. Not thread-safe: the store's lock.
 */
#ifndef TARN_CONTENT_H
#define TARN_CONTENT_H

#include "index.h"

struct tarn_content {
    struct tarn_map map;
    const struct tarn_object **objs; /* [n], owned references */
    uint32_t *hashes;                /* [n] */
    struct tarn_bytes *keys;         /* [n], NULL while no entry has a foreign key; data NULL: the object's own key */
    size_t n, cap;
    struct tarn_index *indexes;
    size_t index_count;
    bool lenient;          /* an index function's failure is counted and the entry is in no posting of that index */
    uint64_t index_errors;
    struct tarn_index_values values; /* scratch */
};

/* {.lenient = …} is an empty content. Drops the references to what is left. */
void tarn_content_release(struct tarn_content *c);
/* As release, but hands over the array of objects, owned references and all. */
struct tarn_objects tarn_content_take_objects(struct tarn_content *c);

struct tarn_map_slot *tarn_content_find(const struct tarn_content *c, struct tarn_bytes key);
struct tarn_bytes tarn_content_key(const struct tarn_content *c, uint32_t id);

/*
 * Put obj under key. The content takes over one reference of obj's on success; *ret_old (NULL if the key was not there) is the one it
 * gives back. All or nothing: TARN_E_INDEX, TARN_E_NOMEM, TARN_E_LIMIT (2^30 entries).
 */
TARN_MUST_CHECK int tarn_content_set(struct tarn_content *c, struct tarn_bytes key, const struct tarn_object *obj,
                                     const struct tarn_object **ret_old, struct tarn_error *err);
/* Take out the entry of a slot; its reference is the caller's now. */
const struct tarn_object *tarn_content_remove(struct tarn_content *c, struct tarn_map_slot *slot);

struct tarn_index *tarn_content_index(const struct tarn_content *c, const char *name);
/* Add indexes over what is there: all or nothing. TARN_E_INDEX_CONFLICT, TARN_E_INDEX, TARN_E_NOMEM. */
TARN_MUST_CHECK int tarn_content_add_indexes(struct tarn_content *c, const struct tarn_index_func *funcs, size_t n,
                                             struct tarn_error *err);

#endif
