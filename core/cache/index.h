/* index.h - one index: indexed value → the numbers of the entries that have it.
 *
 * Owns: the postings, one per value that has an entry, each a dense array of entry numbers; and for each entry a link back: which
 * postings it stands in, and where. So taking an entry out is O(1) per value, an update can see without calling the index
 * function on the old object whether its values changed, and an update that does not change them touches no posting.
 *
 * A change has two halves, so that it is all or nothing: tarn_index_prepare computes the new values and takes all memory, and
 * may fail; tarn_index_apply cannot. Between the two nothing else may touch the index. Not thread-safe: the store's lock.
 */
#ifndef TARN_INDEX_H
#define TARN_INDEX_H

#include <tarn/store.h>

#include "map.h"

struct tarn_posting {
    struct tarn_bytes value; /* points behind ids_inline, in the same allocation */
    uint32_t *ids;           /* ids_inline or on the heap */
    uint32_t n, cap;
    uint32_t hash;
    uint32_t ids_inline[3];
};

/* Where an entry stands in one posting. */
struct tarn_index_place {
    struct tarn_posting *posting;
    uint32_t pos;
};

/* The postings of an entry that has several values. */
struct tarn_index_places {
    size_t n;
    struct tarn_index_place v[];
};

/* An entry's link: none (both NULL), one place, or many. */
struct tarn_index_link {
    struct tarn_index_place one;
    struct tarn_index_places *many; /* owned */
};

struct tarn_index {
    struct tarn_index_func func; /* name and ctx are borrowed */
    struct tarn_map values;      /* value → posting */
    struct tarn_index_link *links; /* by entry number */
    size_t cap;
    struct tarn_index_link next; /* what tarn_index_prepare made for tarn_index_apply */
    bool changes;                /* whether next differs from what the entry has */
};

void tarn_index_init(struct tarn_index *x, const struct tarn_index_func *func);
void tarn_index_release(struct tarn_index *x, size_t entries);

/* Room for links of entries 0 … n - 1. 0 or TARN_E_NOMEM. */
TARN_MUST_CHECK int tarn_index_reserve(struct tarn_index *x, size_t n);

/*
 * Prepare entry id to have `values` instead of what it has (existing) or as a new one. 0 or TARN_E_NOMEM; then
 * tarn_index_apply or tarn_index_cancel must follow.
 */
TARN_MUST_CHECK int tarn_index_prepare(struct tarn_index *x, uint32_t id, bool existing, const struct tarn_index_values *values);
void tarn_index_apply(struct tarn_index *x, uint32_t id, bool existing);
void tarn_index_cancel(struct tarn_index *x);

/* Take entry id out; then entry `last` takes its number (last == id: none does). */
void tarn_index_remove(struct tarn_index *x, uint32_t id, uint32_t last);

/* The posting of value, or NULL; valid until the index changes. */
const struct tarn_posting *tarn_index_find(const struct tarn_index *x, struct tarn_bytes value);

#endif
