/* tarn/query.h - ask a snapshot: get, list, by index, selectors, key order, cursors.
 *
 * Every answer points into the shared mapping: no copy, no allocation, no system call per lookup (where a
 * call allocates, it says so). A pointer is good until its snapshot is closed. When memory pressure
 * ended the snapshot first, the next call says TARN_E_EXPIRED, and so do tarn_snapshot_check and
 * tarn_snapshot_close: use, then check, then act. The bytes behind a pointer are race-free until then only;
 * after it they may be another object's, never unmapped. Whoever cannot work so takes the copying
 * twins (..._copy), or opens the client with `copy` ($TARN_COPY=1), where every getter answers with
 * validated copies that the snapshot owns.
 *
 * Resources are named as the API does: "pods", "deployments.apps". `resource` also takes the kind in lower case ("pod") and
 * kubectl's short names ("po"). Errors that every call here may return: TARN_E_RESOURCE (not mirrored; err lists what is),
 * TARN_E_EXPIRED, TARN_E_CORRUPT (the region breaks its format: report it), TARN_E_FORKED.
 *
 * Threads: those of the snapshot: one at a time, for its iterators too.
 */
#ifndef TARN_QUERY_H
#define TARN_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include <tarn/client.h>
#include <tarn/object.h>
#include <tarn/store.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_selector;
struct tarn_field_selector;
struct tarn_indexer;

/* ---- resources ------------------------------------------------------------------------ */

/* One mirrored resource and its state at the snapshot. Strings are borrowed from the snapshot. */
struct tarn_resource {
    struct tarn_bytes name;        /* "pods", "deployments.apps" */
    struct tarn_bytes api_version; /* "v1", "apps/v1" */
    struct tarn_bytes kind;
    bool namespaced;
    uint64_t objects, bytes;       /* live objects, and the bytes of their blobs */
    unsigned nindexes;
    bool synced;                   /* a whole list was taken in, once: stays true */
    bool live;                     /* the watch is up; of what is polled: the last list went well */
    bool relisting;                /* a list is being fetched or applied */
    struct tarn_bytes resource_version;
    uint64_t last_event_age_ms, last_list_age_ms, last_error_age_ms; /* UINT64_MAX: never */
    /*
     * How far this may be behind the server, at most: 0 while the watch is up and the agent lives (a change is on its way for
     * milliseconds), else the time since the last event, bookmark or list; of what is polled, since its last list. UINT64_MAX: never synced.
     */
    uint64_t lag_ms;
    struct tarn_bytes last_error;  /* empty: none since it last became live */
    uint64_t lists, watches, events, relists, errors, skipped; /* since the agent started */
    uint64_t rv_rewinds; /* resourceVersions that went back: the server was restored from a backup */
};

/* The n-th resource, in the order of the agent's configuration. TARN_E_NOTFOUND behind the last. */
TARN_API int tarn_resource_at(struct tarn_snapshot *s, unsigned n, struct tarn_resource *ret);
/* The resource of a name (see above). err lists the mirrored ones when there is none. */
TARN_API TARN_MUST_CHECK int tarn_resource_find(struct tarn_snapshot *s, const char *resource, struct tarn_resource *ret,
                                                struct tarn_error *err);
/* The name of the n-th index of a resource, borrowed from the snapshot. TARN_E_NOTFOUND behind the last. */
TARN_API int tarn_resource_index_at(struct tarn_snapshot *s, const char *resource, unsigned n, struct tarn_bytes *ret);

/* ---- one object ------------------------------------------------------------------------- */

/*
 * The object under key ("namespace/name", or "name" where the resource has no namespaces).
 * Returns 0, TARN_E_NOTFOUND, TARN_E_KEY_FORMAT (the key has another shape than this resource's) or see above. O(1).
 * Source: client-go Store.GetByKey.
 */
TARN_API int tarn_get(struct tarn_snapshot *s, const char *resource, const char *key, const struct tarn_object **ret);

/*
 * n keys at once, with the memory accesses of neighbours overlapped (about three times as fast as n gets). ret[i] is the
 * object of keys[i], NULL where there is none. Returns 0 or see above.
 */
TARN_API TARN_MUST_CHECK int tarn_get_many(struct tarn_snapshot *s, const char *resource, const struct tarn_bytes *keys,
                                           size_t n, const struct tarn_object **ret);

/* ---- many objects ------------------------------------------------------------------------ */

/* What to list; zero is everything. All conditions must hold. */
struct tarn_query {
    const char *ns;                           /* this namespace only; NULL or "": all */
    const char *index, *value;                /* objects with this indexed value (see tarn_by_index) */
    const struct tarn_selector *labels;       /* NULL: all */
    const struct tarn_field_selector *fields; /* NULL: all */
    struct tarn_bytes prefix;                 /* keys that begin so; in key order */
    struct tarn_bytes after;                  /* keys behind this one; in key order */
    size_t limit;                             /* at most so many, in key order; 0: no limit */
    bool sorted;                              /* in key order (bytewise) */
};

/*
 * A walk over objects, in the caller's memory; nothing to release. The query's strings and selectors must
 * outlive it. It ends with its snapshot.
 */
struct tarn_iter {
    union {
        void *align;
        unsigned char opaque[320];
    } u;
};

/*
 * Start a walk over the objects that match query (NULL: all). Order is unspecified unless the query
 * asks for key order: then the keys of the resource are sorted once per snapshot and resource, in this
 * process's memory (8 bytes an object, twice that while sorting; well below 1 us an object), freed with the snapshot.
 *
 * Returns 0, TARN_E_INDEX_MISSING (err lists the indexes there are), TARN_E_INVAL (a value without an index), TARN_E_NOMEM (key order
 * only) or see above. A namespace uses the index "namespace". Source: client-go Lister.List, Store.List.
 */
TARN_API TARN_MUST_CHECK int tarn_list(struct tarn_snapshot *s, const char *resource, const struct tarn_query *query,
                                       struct tarn_iter *ret, struct tarn_error *err);

/*
 * Start a walk over the objects whose index has value: `tarn_by_index(s, "pods", "spec.nodeName", "node-7", &it, &err)`.
 * The same as tarn_list with .index and .value. Source: client-go Indexer.ByIndex.
 */
TARN_API TARN_MUST_CHECK int tarn_by_index(struct tarn_snapshot *s, const char *resource, const char *index, const char *value,
                                           struct tarn_iter *ret, struct tarn_error *err);

/* The next object, NULL at the end or on an error. 20-45 ns an object. */
TARN_API const struct tarn_object *tarn_iter_next(struct tarn_iter *it);
/* Why it ended: 0 (all was seen), or the error. */
TARN_API int tarn_iter_error(const struct tarn_iter *it);
/*
 * Where a walk that met its limit goes on: give it as `after` in the next query on the same snapshot.
 * Empty when nothing is left. Borrowed from the snapshot. This is LIST's limit and continue, over a moment that is held.
 */
TARN_API struct tarn_bytes tarn_iter_continue(const struct tarn_iter *it);

/* ---- indexes as such ---------------------------------------------------------------------- */

/*
 * The keys of the objects whose index has value, and the values an index has: copies, in key order and in
 * byte order. Allocates. 0, TARN_E_INDEX_MISSING, TARN_E_NOMEM or see above. Source: Indexer.IndexKeys,
 * Indexer.ListIndexFuncValues.
 */
TARN_API TARN_MUST_CHECK int tarn_index_keys(struct tarn_snapshot *s, const char *resource, const char *index,
                                             const char *value, struct tarn_keys *ret, struct tarn_error *err);
/*
 * Each value that at least one object has in the index, once: copies, in byte order. Allocates. Errors and source as
 * tarn_index_keys.
 */
TARN_API TARN_MUST_CHECK int tarn_list_index_values(struct tarn_snapshot *s, const char *resource, const char *index,
                                                    struct tarn_keys *ret, struct tarn_error *err);

/* ---- copying twins: owned heap objects, validated (checksum and horizon) after the copy ---- */

/* As tarn_get; *ret is an owned reference that outlives the snapshot: give it to tarn_object_unref. One allocation. */
TARN_API TARN_MUST_CHECK int tarn_get_copy(struct tarn_snapshot *s, const char *resource, const char *key,
                                           const struct tarn_object **ret);
/* As tarn_get_many; every non-NULL ret[i] is owned. On an error none is. */
TARN_API TARN_MUST_CHECK int tarn_get_many_copy(struct tarn_snapshot *s, const char *resource, const struct tarn_bytes *keys,
                                                size_t n, const struct tarn_object **ret);
/* As tarn_list, all at once: owned references appended to ret (tarn_objects_release). On an error ret is as before. */
TARN_API TARN_MUST_CHECK int tarn_list_copy(struct tarn_snapshot *s, const char *resource, const struct tarn_query *query,
                                            struct tarn_objects *ret, struct tarn_error *err);

/* ---- the snapshot as an indexer -------------------------------------------------------------- */

/*
 * A read-only tarn_indexer (indexer.h) over one resource of s, for code written against core/: listers, stores.
 * get, list, by_index ... answer from the region; add, update, delete and replace answer TARN_E_UNSUPPORTED.
 * References it hands out are owned copies, as an indexer's are. Free it before the snapshot is closed.
 */
TARN_API TARN_MUST_CHECK int tarn_snapshot_indexer(struct tarn_snapshot *s, const char *resource, struct tarn_indexer **ret,
                                                   struct tarn_error *err);

#ifdef __cplusplus
}
#endif
#endif
