/* tarn/indexer.h - the Indexer interface: a Store that also answers by indexed value.
 *
 * client-go's cache.Indexer. An *index* has a name and an index function (store.h) and maps each
 * indexed value to the objects that have it. tarn_cache_new (cache.h) makes a writable one on the
 * heap; a snapshot of a region is a read-only one: its store operations that write answer
 * TARN_E_UNSUPPORTED. So listers and all code that only asks run on both.
 *
 * Results are filled from empty: *ret is released first by the caller, or {0}. Each query is one
 * consistent state; between two queries of a heap store nothing is promised, in a snapshot all
 * queries see the same state. Thread-safety is that of the implementation.
 */
#ifndef TARN_INDEXER_H
#define TARN_INDEXER_H

#include <tarn/store.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_indexer;

struct tarn_indexer_ops {
    /* See the inline functions below. */
    int (*index)(struct tarn_indexer *x, const char *name, const struct tarn_object *obj, struct tarn_objects *ret,
                 struct tarn_error *err);
    int (*index_keys)(struct tarn_indexer *x, const char *name, struct tarn_bytes value, struct tarn_keys *ret,
                      struct tarn_error *err);
    int (*by_index)(struct tarn_indexer *x, const char *name, struct tarn_bytes value, struct tarn_objects *ret,
                    struct tarn_error *err);
    int (*list_index_values)(struct tarn_indexer *x, const char *name, struct tarn_keys *ret);
    int (*indexers)(struct tarn_indexer *x, struct tarn_keys *ret);
    int (*add_indexers)(struct tarn_indexer *x, const struct tarn_index_func *funcs, size_t n, struct tarn_error *err);
};

struct tarn_indexer {
    struct tarn_store store; /* first: an indexer is a store */
    const struct tarn_indexer_ops *ops;
};

/*
 * The objects that share at least one value of index `name` with obj, each once. obj need not be
 * stored. TARN_E_INDEX_MISSING, the index function's own error, TARN_E_NOMEM.
 */
static inline TARN_MUST_CHECK int tarn_indexer_index(struct tarn_indexer *x, const char *name, const struct tarn_object *obj,
                                                     struct tarn_objects *ret, struct tarn_error *err)
{
    return x->ops->index(x, name, obj, ret, err);
}

/* The keys under `value`, sorted bytewise; none is no error. TARN_E_INDEX_MISSING, TARN_E_NOMEM. */
static inline TARN_MUST_CHECK int tarn_indexer_index_keys(struct tarn_indexer *x, const char *name, struct tarn_bytes value,
                                                          struct tarn_keys *ret, struct tarn_error *err)
{
    return x->ops->index_keys(x, name, value, ret, err);
}

/* The objects under `value`, in no order. TARN_E_INDEX_MISSING, TARN_E_NOMEM. */
static inline TARN_MUST_CHECK int tarn_indexer_by_index(struct tarn_indexer *x, const char *name, struct tarn_bytes value,
                                                        struct tarn_objects *ret, struct tarn_error *err)
{
    return x->ops->by_index(x, name, value, ret, err);
}

/* All values that have at least one object now, in no order; none for an index that is not there. TARN_E_NOMEM. */
static inline TARN_MUST_CHECK int tarn_indexer_list_index_values(struct tarn_indexer *x, const char *name,
                                                                 struct tarn_keys *ret)
{
    return x->ops->list_index_values(x, name, ret);
}

/* The names of the indexes: copies, in no order. TARN_E_NOMEM. */
static inline TARN_MUST_CHECK int tarn_indexer_indexers(struct tarn_indexer *x, struct tarn_keys *ret)
{
    return x->ops->indexers(x, ret);
}

/*
 * Add indexes; what is stored is indexed in the same critical section. All or nothing:
 * TARN_E_INDEX_CONFLICT if a name is taken (or given twice), TARN_E_INDEX if a function fails on a stored object,
 * TARN_E_NOMEM, TARN_E_UNSUPPORTED where the indexer is read-only. The functions (name and ctx) are borrowed for as
 * long as the indexer lives.
 */
static inline TARN_MUST_CHECK int tarn_indexer_add_indexers(struct tarn_indexer *x, const struct tarn_index_func *funcs,
                                                            size_t n, struct tarn_error *err)
{
    return x->ops->add_indexers(x, funcs, n, err);
}

#ifdef __cplusplus
}
#endif
#endif
