/* tarn/heap.h - Heap: a keyed priority queue.
 *
 * client-go's cache.Heap (rows H-1 … H-7). Owns one reference to each object. Any thread.
 */
#ifndef TARN_HEAP_H
#define TARN_HEAP_H

#include <stdbool.h>

#include <tarn/store.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_heap;

/* True if a goes before b. Runs under the heap's lock: must not call the heap. */
struct tarn_less_func {
    bool (*fn)(void *ctx, const struct tarn_object *a, const struct tarn_object *b);
    void *ctx;
};

/* key.fn NULL: tarn_key_func_meta_namespace(). TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_heap_new(struct tarn_key_func key, struct tarn_less_func less, struct tarn_heap **ret,
                                           struct tarn_error *err);
/* NULL is ignored. No pop may be waiting. */
TARN_API void tarn_heap_free(struct tarn_heap *h);

/* Add or update: put obj in, or in the place of the one with its key (H-1). TARN_E_KEY, TARN_E_CLOSED (H-6), TARN_E_NOMEM: unchanged. O(log n). */
TARN_API TARN_MUST_CHECK int tarn_heap_add(struct tarn_heap *h, const struct tarn_object *obj, struct tarn_error *err);
/* Add several under one lock (H-2): stops at the first error; those before it stay in. */
TARN_API TARN_MUST_CHECK int tarn_heap_bulk_add(struct tarn_heap *h, const struct tarn_object *const *objs, size_t n,
                                                struct tarn_error *err);
/* Add unless the key is there (H-3). */
TARN_API TARN_MUST_CHECK int tarn_heap_add_if_not_present(struct tarn_heap *h, const struct tarn_object *obj,
                                                          struct tarn_error *err);
/* Remove. TARN_E_NOTFOUND for a key that is not there (H-4), TARN_E_KEY. */
TARN_API TARN_MUST_CHECK int tarn_heap_delete(struct tarn_heap *h, const struct tarn_object *obj, struct tarn_error *err);
/* Take the least; blocks while empty and open; TARN_E_CLOSED ("heap is closed") when closed and drained (H-5). *ret: owned. */
TARN_API TARN_MUST_CHECK int tarn_heap_pop(struct tarn_heap *h, const struct tarn_object **ret, struct tarn_error *err);
/* *ret: owned, or TARN_E_NOTFOUND. */
TARN_API TARN_MUST_CHECK int tarn_heap_get(struct tarn_heap *h, const struct tarn_object *obj, const struct tarn_object **ret,
                                           struct tarn_error *err);
/* The object under key. *ret: owned, or TARN_E_NOTFOUND. Any thread. O(1). */
TARN_API TARN_MUST_CHECK int tarn_heap_get_by_key(struct tarn_heap *h, struct tarn_bytes key, const struct tarn_object **ret);
/* Append owned references to all that is in, in no order (tarn_objects_release). 0 or TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_heap_list(struct tarn_heap *h, struct tarn_objects *ret);
/* Append copies of all keys, in no order (tarn_keys_release). 0 or TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_heap_list_keys(struct tarn_heap *h, struct tarn_keys *ret);
/* Wake all that wait; what is in can still be popped, nothing more goes in. */
TARN_API void tarn_heap_close(struct tarn_heap *h);
/* Has tarn_heap_close been called? Any thread. */
TARN_API bool tarn_heap_is_closed(struct tarn_heap *h);

#ifdef __cplusplus
}
#endif
#endif
