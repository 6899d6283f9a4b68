/* tarn/store.h - the Store interface: the newest object under each key.
 *
 * An interface in the manner of client-go's cache.Store: a struct that begins with a pointer to
 * its operations. The cache (cache.h), the queues (fifo.h, delta_fifo.h, the_real_fifo.h), the
 * UndeltaStore, the expiration cache and the region store of shm/ implement it, so a reflector does
 * not know what it fills. Thread-safety is each implementation's, and said there.
 *
 * Objects are immutable. A store takes its own reference (tarn_object_ref, which copies scratch
 * and region objects to the heap); the caller keeps the one it has.
 */
#ifndef TARN_STORE_H
#define TARN_STORE_H

#include <tarn/object.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_store;

/*
 * A key function (client-go KeyFunc): the key of obj into *ret, borrowed from obj or from scratch,
 * which the caller owns and may reuse afterwards. Deterministic, from immutable fields only.
 * Returns 0 or a negative error (TARN_E_NO_META ...); stores report it as TARN_E_KEY.
 */
struct tarn_key_func {
    int (*fn)(void *ctx, const struct tarn_object *obj, struct tarn_buf *scratch, struct tarn_bytes *ret);
    void *ctx;
};

/* A list of keys: copies, owned by the list. {0} is empty. */
struct tarn_keys {
    struct tarn_bytes *v;
    size_t n, cap;
    struct tarn_buf text; /* where the bytes of the keys stand */
};

/*
 * What changes objects on their way into a store or a queue (client-go TransformFunc): *ret is an owned reference, to a new
 * object or to obj itself (tarn_object_ref). Must be idempotent: an object may pass twice (D-10). Never called for
 * tombstones. Returns 0 or a negative error; the operation then fails with TARN_E_TRANSFORM.
 */
struct tarn_transform {
    int (*fn)(void *ctx, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err);
    void *ctx; /* borrowed for as long as the store lives */
};

struct tarn_store_ops {
    int (*add)(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err);
    int (*update)(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err);
    int (*del)(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err);
    /* *ret: an owned reference, or TARN_E_NOTFOUND. */
    int (*get)(struct tarn_store *s, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err);
    int (*get_by_key)(struct tarn_store *s, struct tarn_bytes key, const struct tarn_object **ret, struct tarn_error *err);
    int (*list)(struct tarn_store *s, struct tarn_objects *ret);
    int (*list_keys)(struct tarn_store *s, struct tarn_keys *ret);
    /* Replace as a stream: begin, add each object, then commit (which may fail and then aborts) or
     * abort. Nothing is visible before the commit. Keys, transforms and index values are computed at
     * replace_add, so one bad object is that object's error. One replace at a time per store. */
    int (*replace_begin)(struct tarn_store *s, struct tarn_error *err);
    int (*replace_add)(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err);
    int (*replace_commit)(struct tarn_store *s, struct tarn_bytes resource_version, struct tarn_error *err);
    void (*replace_abort)(struct tarn_store *s);
    int (*resync)(struct tarn_store *s, struct tarn_error *err);
    /* Optional (NULL): a bookmark moved the resourceVersion. */
    int (*bookmark)(struct tarn_store *s, struct tarn_bytes resource_version);
    /* Optional (NULL): take an object given to replace_add out of the replace again; an unknown key is no error.
     * (A streaming list may tell of deletions before its end.) */
    int (*replace_remove)(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err);
    /* Optional (NULL): append the last resourceVersion the store was told (S-12). */
    int (*last_resource_version)(struct tarn_store *s, struct tarn_buf *ret);
    void (*free)(struct tarn_store *s);
};

struct tarn_store {
    const struct tarn_store_ops *ops;
};

/* Thin calls through ops; more of each above and in the implementation's header. */

/*
 * Put obj under its key, in the place of what was there. The store takes a reference of its own. 0 or the error of key, transform, index or
 * memory, and the store is as before.
 */
static inline TARN_MUST_CHECK int tarn_store_add(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    return s->ops->add(s, obj, err);
}
/* client-go's Update: as add in a store; in a queue it is another kind of change. */
static inline TARN_MUST_CHECK int tarn_store_update(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    return s->ops->update(s, obj, err);
}
/* Remove what is under obj's key. What an unknown key means is the implementation's: no error in a store. */
static inline TARN_MUST_CHECK int tarn_store_delete(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    return s->ops->del(s, obj, err);
}
/* What is stored under obj's key. *ret: an owned reference, or TARN_E_NOTFOUND; TARN_E_KEY. */
static inline TARN_MUST_CHECK int tarn_store_get(struct tarn_store *s, const struct tarn_object *obj,
                                                 const struct tarn_object **ret, struct tarn_error *err)
{
    return s->ops->get(s, obj, ret, err);
}
/* What is stored under key. *ret: an owned reference, or TARN_E_NOTFOUND. */
static inline TARN_MUST_CHECK int tarn_store_get_by_key(struct tarn_store *s, struct tarn_bytes key,
                                                        const struct tarn_object **ret, struct tarn_error *err)
{
    return s->ops->get_by_key(s, key, ret, err);
}
/* Append all objects, in no order, for tarn_objects_release. 0 or TARN_E_NOMEM. */
static inline TARN_MUST_CHECK int tarn_store_list(struct tarn_store *s, struct tarn_objects *ret)
{
    return s->ops->list(s, ret);
}
/* Append copies of all keys, in no order, for tarn_keys_release. 0 or TARN_E_NOMEM. */
static inline TARN_MUST_CHECK int tarn_store_list_keys(struct tarn_store *s, struct tarn_keys *ret)
{
    return s->ops->list_keys(s, ret);
}
/* client-go's Resync: a queue sends what it knows once more; a plain store does nothing. */
static inline TARN_MUST_CHECK int tarn_store_resync(struct tarn_store *s, struct tarn_error *err)
{
    return s->ops->resync(s, err);
}
/* Free the store and its references. NULL is allowed. */
static inline void tarn_store_free(struct tarn_store *s)
{
    if (s)
        s->ops->free(s);
}

/* client-go's Replace(list, rv) on top of the streamed form: all or nothing where the store says so. */
TARN_API TARN_MUST_CHECK int tarn_store_replace(struct tarn_store *s, const struct tarn_object *const *objs, size_t n,
                                                struct tarn_bytes resource_version, struct tarn_error *err);

/*
 * The lease of a list (struct tarn_objects.lease points to one, or is NULL): the store that made the list keeps alive what
 * the list holds until release is called, so that listing touches no object. Elements of a leased list are borrowed
 * from the list: tarn_object_ref what is to outlive it. The store itself may go before the list.
 */
struct tarn_lease {
    void (*release)(struct tarn_lease *l);
};

/* Release what a list holds and make it empty. Any thread. */
TARN_API void tarn_objects_release(struct tarn_objects *l);
/* Append obj to a list without lease, which takes over the caller's reference. 0 or TARN_E_NOMEM (the reference stays the caller's). */
TARN_API TARN_MUST_CHECK int tarn_objects_add(struct tarn_objects *l, const struct tarn_object *obj);

/* Free the keys and make the list empty. {0} is allowed. */
TARN_API void tarn_keys_release(struct tarn_keys *l);
/* Make room for n more keys with bytes of text together. 0 or TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_keys_reserve(struct tarn_keys *l, size_t n, size_t bytes);
/* Append a copy of key. 0 or TARN_E_NOMEM; on error l is as before. Amortised O(len). */
TARN_API TARN_MUST_CHECK int tarn_keys_add(struct tarn_keys *l, struct tarn_bytes key);
/* Sort bytewise. */
TARN_API void tarn_keys_sort(struct tarn_keys *l);
/* Position of key in a sorted list, or l->n. */
TARN_API size_t tarn_keys_find(const struct tarn_keys *l, struct tarn_bytes key);

/* ---- index functions: shared by the indexers of core/ and the region's indexes ------------ */

/* The indexed values of one object, filled by an index function. Borrowed values stay the caller's. */
struct tarn_index_values {
    struct tarn_bytes *v;
    size_t n, cap;
    struct tarn_buf text; /* where copied values stand; offsets are fixed up by the helpers */
};

/*
 * An index function (client-go IndexFunc): append each value of obj to out. Pure. No value: the object
 * is in no bucket. "" is a value; duplicates count once. Returns 0 or a negative error.
 */
struct tarn_index_func {
    const char *name; /* the index's name, e.g. "namespace", "label:app", "spec.nodeName" */
    int (*fn)(void *ctx, const struct tarn_object *obj, struct tarn_index_values *out);
    void *ctx;
};

/* Append a value that lives at least as long as out is used (e.g. inside obj). 0 or TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_index_values_add(struct tarn_index_values *out, struct tarn_bytes value);
/* Append a copy of a concatenated with sep (may be empty) and b. */
TARN_API TARN_MUST_CHECK int tarn_index_values_add_joined(struct tarn_index_values *out, struct tarn_bytes a,
                                                          const char *sep, struct tarn_bytes b);
/* Empty it, keep its memory. */
static inline void tarn_index_values_clear(struct tarn_index_values *out)
{
    out->n = 0;
    tarn_buf_clear(&out->text);
}
/* Free its memory and make it empty. {0} is allowed. */
TARN_API void tarn_index_values_release(struct tarn_index_values *out);

/*
 * The built-in index functions by name: "namespace" (client-go MetaNamespaceIndexFunc), "label:KEY", "labels"
 * (each "KEY=VALUE"), "owner" (uid of each ownerReference), of pods "node" (spec.nodeName), "podIP" (each address) and "containerID"
 * (each container's, init and ephemeral ones too; both as the status has it, "containerd://ID", and "ID"), or any field path such
 * as "spec.nodeName" (each string, number or boolean there; `[*]` steps into arrays). *ret owns what its ctx points to; give it to
 * tarn_index_func_release. TARN_E_INVAL with the reason for a name that is none of these.
 */
TARN_API TARN_MUST_CHECK int tarn_index_func_builtin(const char *name, struct tarn_index_func *ret, struct tarn_error *err);
/* Free what a built-in index function owns. {0} is allowed. */
TARN_API void tarn_index_func_release(struct tarn_index_func *f);

#ifdef __cplusplus
}
#endif
#endif
