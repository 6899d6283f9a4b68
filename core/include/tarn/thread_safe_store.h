/* tarn/thread_safe_store.h - objects under keys the caller gives, with indexes, under one lock.
 *
 * client-go's ThreadSafeStore (tools/cache/thread_safe_store.go, rows S-20 … S-23): what cache.h stands on. Keys need not be
 * those of the objects. Owns one reference to each object. Any thread may call anything; each call sees one state.
 * Errors leave it as before.
 */
#ifndef TARN_THREAD_SAFE_STORE_H
#define TARN_THREAD_SAFE_STORE_H

#include <stdbool.h>

#include <tarn/cache.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_thread_safe_store;

struct tarn_thread_safe_store_options {
    const struct tarn_index_func *indexers; /* borrowed for the life of the store */
    size_t indexer_count;
    bool lenient_index, monotonic_rv; /* as in struct tarn_cache_options */
};

/* o may be NULL. TARN_E_NOMEM, TARN_E_INDEX_CONFLICT. */
TARN_API TARN_MUST_CHECK int tarn_thread_safe_store_new(const struct tarn_thread_safe_store_options *o,
                                                        struct tarn_thread_safe_store **ret, struct tarn_error *err);
/* NULL is ignored. Lists taken before stay valid until they are released. */
TARN_API void tarn_thread_safe_store_free(struct tarn_thread_safe_store *s);

/* Insert or overwrite; Add and Update are one act here (S-1, S-2). TARN_E_INDEX, TARN_E_KEY (a NUL in key), TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_thread_safe_store_add(struct tarn_thread_safe_store *s, struct tarn_bytes key,
                                                        const struct tarn_object *obj, struct tarn_error *err);
/* Remove; an unknown key is no error. obj (may be NULL): its resourceVersion becomes the store's (S-21). TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_thread_safe_store_delete(struct tarn_thread_safe_store *s, struct tarn_bytes key,
                                                           const struct tarn_object *obj);
/* *ret: an owned reference, or TARN_E_NOTFOUND. */
TARN_API TARN_MUST_CHECK int tarn_thread_safe_store_get(struct tarn_thread_safe_store *s, struct tarn_bytes key,
                                                        const struct tarn_object **ret);
/* Append all objects, in no order, for tarn_objects_release: a list with a lease, no object is touched. 0 or TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_thread_safe_store_list(struct tarn_thread_safe_store *s, struct tarn_objects *ret);
/* Append copies of all keys, in no order, for tarn_keys_release. 0 or TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_thread_safe_store_list_keys(struct tarn_thread_safe_store *s, struct tarn_keys *ret);
/* The number of objects now. */
TARN_API size_t tarn_thread_safe_store_count(struct tarn_thread_safe_store *s);

/*
 * Replace as a stream: what is added is staged, with its index values, outside the lock; commit swaps it in. begin waits while
 * another replace is under way. commit and abort end it. Commit may fail (TARN_E_INDEX, TARN_E_NOMEM) and has then aborted.
 */
TARN_API TARN_MUST_CHECK int tarn_thread_safe_store_replace_begin(struct tarn_thread_safe_store *s, struct tarn_error *err);
/* Stage obj under key; a key given twice is the later one. TARN_E_INDEX, TARN_E_KEY, TARN_E_NOMEM: this object is left out. */
TARN_API TARN_MUST_CHECK int tarn_thread_safe_store_replace_add(struct tarn_thread_safe_store *s, struct tarn_bytes key,
                                                                const struct tarn_object *obj, struct tarn_error *err);
/* Take an object that was added to this replace out of it again; a key that is not there is none. */
TARN_API void tarn_thread_safe_store_replace_remove(struct tarn_thread_safe_store *s, struct tarn_bytes key);
/*
 * Swap in what was staged: it is the whole content now, at resource_version. 0, or TARN_E_INDEX, TARN_E_NOMEM: aborted, content as
 * before.
 */
TARN_API TARN_MUST_CHECK int tarn_thread_safe_store_replace_commit(struct tarn_thread_safe_store *s,
                                                                   struct tarn_bytes resource_version, struct tarn_error *err);
/* Forget what was staged. */
TARN_API void tarn_thread_safe_store_replace_abort(struct tarn_thread_safe_store *s);

/* One keyed change of a transaction; obj is not needed for a TARN_TXN_DELETE. */
struct tarn_keyed_txn {
    enum tarn_txn_type type;
    struct tarn_bytes key;
    const struct tarn_object *obj;
    int code; /* in: not 0: skip it; out: 0 or why it was skipped */
};
/* Apply all under one lock; those that fail are skipped and have their code set. Returns how many failed. */
TARN_API size_t tarn_thread_safe_store_transaction(struct tarn_thread_safe_store *s, struct tarn_keyed_txn *txns, size_t n);

/* The queries of indexer.h. */
TARN_API TARN_MUST_CHECK int tarn_thread_safe_store_index(struct tarn_thread_safe_store *s, const char *name,
                                                          const struct tarn_object *obj, struct tarn_objects *ret,
                                                          struct tarn_error *err);
/* Keys of the objects that have value (tarn_indexer_index_keys). */
TARN_API TARN_MUST_CHECK int tarn_thread_safe_store_index_keys(struct tarn_thread_safe_store *s, const char *name,
                                                               struct tarn_bytes value, struct tarn_keys *ret,
                                                               struct tarn_error *err);
/* The objects that have value (tarn_indexer_by_index). */
TARN_API TARN_MUST_CHECK int tarn_thread_safe_store_by_index(struct tarn_thread_safe_store *s, const char *name,
                                                             struct tarn_bytes value, struct tarn_objects *ret,
                                                             struct tarn_error *err);
/* The values that index `name` has now (tarn_indexer_list_index_values). */
TARN_API TARN_MUST_CHECK int tarn_thread_safe_store_list_index_values(struct tarn_thread_safe_store *s, const char *name,
                                                                      struct tarn_keys *ret);
/* The names of the indexes (tarn_indexer_indexers). */
TARN_API TARN_MUST_CHECK int tarn_thread_safe_store_indexers(struct tarn_thread_safe_store *s, struct tarn_keys *ret);
/* More indexes, over what is stored already (tarn_indexer_add_indexers). */
TARN_API TARN_MUST_CHECK int tarn_thread_safe_store_add_indexers(struct tarn_thread_safe_store *s,
                                                                 const struct tarn_index_func *funcs, size_t n,
                                                                 struct tarn_error *err);

/* A bookmark: resource_version becomes the store's (S-12, S-21). TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_thread_safe_store_bookmark(struct tarn_thread_safe_store *s,
                                                             struct tarn_bytes resource_version);
/* Append the resourceVersion the store was last told (LastStoreSyncResourceVersion). TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_thread_safe_store_last_resource_version(struct tarn_thread_safe_store *s,
                                                                          struct tarn_buf *ret);
/* What happened since it was made. Any thread. */
TARN_API void tarn_thread_safe_store_counters(struct tarn_thread_safe_store *s, struct tarn_cache_counters *ret);

#ifdef __cplusplus
}
#endif
#endif
