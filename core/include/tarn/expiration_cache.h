/* tarn/expiration_cache.h - ExpirationCache: a store whose objects grow old.
 *
 * client-go's ExpirationCache with TTLPolicy (rows E-1 … E-5). Entries are stamped by add, update and replace; get, get_by_key and
 * list remove what they find expired, so they are exclusive; list_keys does not look at ages. Any thread.
 */
#ifndef TARN_EXPIRATION_CACHE_H
#define TARN_EXPIRATION_CACHE_H

#include <stdbool.h>

#include <tarn/runtime.h>
#include <tarn/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* True if an entry of this age is to go. Runs under the cache's lock. */
struct tarn_expiration_policy {
    bool (*is_expired)(void *ctx, const struct tarn_object *obj, uint64_t age_ms);
    void *ctx;
};

struct tarn_expiration_cache_options {
    struct tarn_key_func key;             /* fn NULL: tarn_key_func_meta_namespace() */
    struct tarn_runtime *rt;              /* the clock; required */
    int64_t ttl_ms;                       /* NewTTLStore: expired when older than this; <= 0: never. Not used with a policy */
    struct tarn_expiration_policy policy; /* NewExpirationStore; is_expired NULL: by ttl_ms */
};

/* Free with tarn_store_free. TARN_E_INVAL without rt, TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_expiration_cache_new(const struct tarn_expiration_cache_options *o, struct tarn_store **ret,
                                                       struct tarn_error *err);
/* Remove all that has expired, read or not (E-5); returns how many. s must come from tarn_expiration_cache_new. */
TARN_API size_t tarn_expiration_cache_purge(struct tarn_store *s);

#ifdef __cplusplus
}
#endif
#endif
