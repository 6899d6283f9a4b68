/* tarn/deleted.h - objects that were deleted and are kept for a while, for those who must still name them: log and flow agents.
 *
 * Where the agent keeps them (`keepDeleted` of a resource), each deleted object goes to a list beside its resource, with the
 * state it had last and the time. Ordinary gets, lists, indexes and informers do not see it. The list is in the region like
 * everything else: answers point into shared memory, belong to the snapshot, and a snapshot shows an object alive or deleted, never both.
 *
 *     tarn_list_deleted(s, "pods", &(struct tarn_query){.index = "containerID", .value = id}, &it, &err);
 *     while (tarn_deleted_next(&it, &gone))
 *         use(tarn_object_name(gone.object), gone.deleted_ms);
 *
 * Errors are those of query.h; TARN_E_RESOURCE also where the resource is mirrored but its deleted objects are not kept.
 */
#ifndef TARN_DELETED_H
#define TARN_DELETED_H

#include <tarn/query.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_deleted {
    const struct tarn_object *object; /* the last state the agent was told; borrowed until the snapshot is closed */
    uint64_t deleted_ms;              /* Unix time in ms when the agent learned of the deletion */
};

/*
 * The deleted object of that key ("namespace/name", or "name"); of several of one name (made anew and deleted again) the one deleted
 * last. 0, TARN_E_NOTFOUND (none is kept; it may live), or see above. O(their number).
 */
TARN_API TARN_MUST_CHECK int tarn_get_deleted(struct tarn_snapshot *s, const char *resource, const char *key, struct tarn_deleted *ret,
                                              struct tarn_error *err);

/*
 * Start a walk over the deleted objects that match query (NULL: all), as tarn_list does over the living. The indexes are those of the
 * resource and "key" and "uid"; selectors look at the last state. In key order those of one name stand together. Walk with
 * tarn_deleted_next; tarn_iter_error and tarn_iter_continue serve as ever.
 */
TARN_API TARN_MUST_CHECK int tarn_list_deleted(struct tarn_snapshot *s, const char *resource, const struct tarn_query *query,
                                               struct tarn_iter *ret, struct tarn_error *err);
/* The next one; false at the end or at an error (tarn_iter_error). */
TARN_API bool tarn_deleted_next(struct tarn_iter *it, struct tarn_deleted *ret);

#ifdef __cplusplus
}
#endif
#endif
