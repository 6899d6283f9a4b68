/* tarn/mutation_cache.h - MutationCache: our own writes, until the watch shows them.
 *
 * client-go's NewIntegerResourceVersionMutationCache (rows M-1 … M-6): an overlay over a store that answers with the newer
 * of what the store has and what `mutation` was told. At most 100 entries (the least recently used goes), each for ttl_ms.
 * Any thread; lock order: the overlay's lock, then the backing store's.
 */
#ifndef TARN_MUTATION_CACHE_H
#define TARN_MUTATION_CACHE_H

#include <stdbool.h>

#include <tarn/indexer.h>
#include <tarn/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TARN_MUTATION_CACHE_ENTRIES 100
#define TARN_MUTATION_CACHE_TTL_MS 300000

struct tarn_mutation_cache;

struct tarn_mutation_cache_options {
    struct tarn_store *backing;            /* required, borrowed; keys are namespace/name */
    struct tarn_indexer *indexer;          /* for by_index; may be NULL; borrowed */
    const struct tarn_index_func *indexers; /* the functions by which overlay entries are found with include_adds; borrowed */
    size_t indexer_count;
    struct tarn_runtime *rt;               /* the clock; required */
    uint64_t ttl_ms;                       /* 0: TARN_MUTATION_CACHE_TTL_MS */
    bool include_adds;                     /* also answer with objects that the backing store does not have yet */
};

/*
 * Make an empty one. o is copied, what it points to is borrowed until tarn_mutation_cache_free. 0, TARN_E_INVAL (no backing store
 * or runtime) or TARN_E_NOMEM.
 */
TARN_API TARN_MUST_CHECK int tarn_mutation_cache_new(const struct tarn_mutation_cache_options *o,
                                                     struct tarn_mutation_cache **ret, struct tarn_error *err);
/* Free it and its references. NULL is allowed. No other call may be under way. */
TARN_API void tarn_mutation_cache_free(struct tarn_mutation_cache *m);

/* Remember the result of a write (M-4). TARN_E_KEY, TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_mutation_cache_mutation(struct tarn_mutation_cache *m, const struct tarn_object *obj,
                                                          struct tarn_error *err);
/* The newer of both (M-2); *ret owned, or TARN_E_NOTFOUND. Where a resourceVersion is no number the backing store wins (M-6). */
TARN_API TARN_MUST_CHECK int tarn_mutation_cache_get_by_key(struct tarn_mutation_cache *m, struct tarn_bytes key,
                                                            const struct tarn_object **ret, struct tarn_error *err);
/* As tarn_indexer_by_index, each object passed through the overlay (M-3). TARN_E_UNSUPPORTED without an indexer. */
TARN_API TARN_MUST_CHECK int tarn_mutation_cache_by_index(struct tarn_mutation_cache *m, const char *name,
                                                          struct tarn_bytes value, struct tarn_objects *ret,
                                                          struct tarn_error *err);
/* An informer's events (M-5): the overlay drops what is not newer; a delete leaves a tombstone for ttl_ms. */
TARN_API TARN_MUST_CHECK int tarn_mutation_cache_on_add_or_update(struct tarn_mutation_cache *m, const struct tarn_object *obj);
/*
 * An informer's delete (M-5): leaves a tombstone for ttl_ms, so that an older add does not bring the object back. TARN_E_KEY,
 * TARN_E_NOMEM.
 */
TARN_API TARN_MUST_CHECK int tarn_mutation_cache_on_delete(struct tarn_mutation_cache *m, const struct tarn_object *obj);

#ifdef __cplusplus
}
#endif
#endif
