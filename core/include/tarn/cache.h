/* tarn/cache.h - the cache: a thread-safe store with a key function and indexes, on the heap.
 *
 * client-go's NewStore and NewIndexer (tools/cache/store.go). Owns one reference to each stored object.
 * Locking: one readers-writer lock; any thread may call anything; each call sees one state (S-15).
 * Costs: get O(1); list is a copy of a dense array of pointers that touches no object; an update whose indexed values
 * stay the same touches no index.
 */
#ifndef TARN_CACHE_H
#define TARN_CACHE_H

#include <stdbool.h>

#include <tarn/indexer.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_cache_options {
    struct tarn_key_func key;               /* fn NULL: tarn_key_func_meta_namespace() */
    const struct tarn_index_func *indexers; /* borrowed (names and ctx) for the life of the cache */
    size_t indexer_count;
    struct tarn_transform transform; /* S-10: applied by add, update and replace after the key was made */
    bool lenient_index;              /* an index function's failure leaves the object out of that index and is counted */
    bool monotonic_rv;               /* S-13: keep the largest resourceVersion; a smaller one is counted as a rewind */
};

/*
 * Make a cache. o may be NULL: all defaults. As a store it is &(*ret)->store; free it with tarn_store_free.
 * TARN_E_NOMEM, TARN_E_INDEX_CONFLICT (a name twice).
 *
 * Its errors: TARN_E_KEY, TARN_E_TRANSFORM ("transforming: ..."), TARN_E_INDEX (an index function failed, X-12), TARN_E_NOMEM:
 * the store is as before. replace_begin waits while another replace is under way.
 */
TARN_API TARN_MUST_CHECK int tarn_cache_new(const struct tarn_cache_options *o, struct tarn_indexer **ret,
                                            struct tarn_error *err);

enum tarn_txn_type {
    TARN_TXN_ADD,
    TARN_TXN_UPDATE,
    TARN_TXN_DELETE,
};

struct tarn_txn {
    enum tarn_txn_type type;
    const struct tarn_object *obj;
};

/*
 * Apply n changes under one lock (S-11). One that fails (key, transform, index, memory) is skipped, the others are applied.
 * ret_codes[i] (n of them; may be NULL) is 0 or the error of txns[i]. Returns 0 if all are good, else the first error, and err
 * says how many failed. c must come from tarn_cache_new.
 */
TARN_API TARN_MUST_CHECK int tarn_cache_transaction(struct tarn_indexer *c, const struct tarn_txn *txns, size_t n,
                                                    int *ret_codes, struct tarn_error *err);

/* The number of objects now. c must come from tarn_cache_new. */
TARN_API size_t tarn_cache_count(struct tarn_indexer *c);

struct tarn_cache_counters {
    uint64_t index_errors; /* lenient_index: values that could not be computed */
    uint64_t rv_rewinds;   /* monotonic_rv: resourceVersions that went back */
};
/* What happened since it was made. c must come from tarn_cache_new. Any thread. */
TARN_API void tarn_cache_counters(struct tarn_indexer *c, struct tarn_cache_counters *ret);

#ifdef __cplusplus
}
#endif
#endif
