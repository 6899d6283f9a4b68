/* tarn/key.h - keys of objects: "namespace/name", made and split.
 *
 * Source: client-go tools/cache/store.go and object-names.go (rows K-1 … K-12). All functions are pure; any thread.
 * Keys are borrowed from the object, so nothing is copied. A key may have any length; it never holds a NUL.
 */
#ifndef TARN_KEY_H
#define TARN_KEY_H

#include <tarn/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * client-go MetaNamespaceKeyFunc (K-3): "namespace/name", or "name" where the namespace is empty; an explicit key is
 * itself. A tombstone or a value without metadata: TARN_E_NO_META. ctx and scratch are not used.
 */
TARN_API int tarn_meta_namespace_key(void *ctx, const struct tarn_object *obj, struct tarn_buf *scratch,
                                     struct tarn_bytes *ret);
/* client-go DeletionHandlingMetaNamespaceKeyFunc (K-4): also takes a tombstone's key. */
TARN_API int tarn_deletion_handling_key(void *ctx, const struct tarn_object *obj, struct tarn_buf *scratch,
                                        struct tarn_bytes *ret);

/* The two as a struct tarn_key_func. */
static inline struct tarn_key_func tarn_key_func_meta_namespace(void)
{
    return (struct tarn_key_func){.fn = tarn_meta_namespace_key};
}
/* tarn_deletion_handling_key as a struct tarn_key_func. */
static inline struct tarn_key_func tarn_key_func_deletion_handling(void)
{
    return (struct tarn_key_func){.fn = tarn_deletion_handling_key};
}

/*
 * client-go IndexFuncToKeyFuncAdapter (K-8): the one value of f is the key. No value: TARN_E_NO_INDEX_KEYS; several:
 * TARN_E_TOO_MANY_KEYS; f's own errors as they are. f is borrowed for as long as the key function is used.
 */
TARN_API struct tarn_key_func tarn_key_func_from_index(const struct tarn_index_func *f);

/*
 * The key of obj by f, as stores call it: on failure returns TARN_E_KEY and says in err "couldn't create key for object
 * …: " and the inner reason (client-go KeyError, K-7; *ret_inner, may be NULL, is the inner code). *ret is borrowed
 * from obj or scratch.
 */
TARN_API TARN_MUST_CHECK int tarn_key_of(const struct tarn_key_func *f, const struct tarn_object *obj,
                                         struct tarn_buf *scratch, struct tarn_bytes *ret, struct tarn_error *err);

/* client-go ObjectName (K-6): both parts borrowed. */
struct tarn_object_name {
    struct tarn_bytes namespace_, name;
};

/*
 * Split "namespace/name" or "name" (K-5, K-6: SplitMetaNamespaceKey, ParseObjectName). Parts may be empty. More than one
 * slash: TARN_E_KEY_FORMAT `unexpected key format: "a/b/c"`. *ret is borrowed from key.
 */
TARN_API TARN_MUST_CHECK int tarn_key_split(struct tarn_bytes key, struct tarn_object_name *ret, struct tarn_error *err);

/* Append the key of a name: ObjectName.String. 0 or TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_key_join(const struct tarn_object_name *n, struct tarn_buf *out);

/* client-go ObjectToName: the parts of obj's own names; TARN_E_NO_META as tarn_meta_namespace_key. Borrowed from obj. */
TARN_API TARN_MUST_CHECK int tarn_object_to_name(const struct tarn_object *obj, struct tarn_object_name *ret,
                                                 struct tarn_error *err);
/*
 * client-go DeletionHandlingObjectToName: also a tombstone's key, split; TARN_E_KEY_FORMAT where that cannot be split.
 * With tarn_object_final_state this is the typed view of a delete (DeletedObject, K-10): name, key, last known state.
 */
TARN_API TARN_MUST_CHECK int tarn_deletion_handling_object_to_name(const struct tarn_object *obj,
                                                                   struct tarn_object_name *ret, struct tarn_error *err);

#ifdef __cplusplus
}
#endif
#endif
