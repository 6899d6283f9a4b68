/* tarn/undelta_store.h - UndeltaStore: a store that sends its complete state on each change.
 *
 * client-go's cache.UndeltaStore (rows U-1 … U-4): add, update, delete and replace change the store and then call push
 * with the full list; an operation that fails pushes nothing; reads never push. Pushes come one at a time and each is at
 * least as new as the one before (U-3), so the last push is the newest state. Any thread; push must not change this store.
 */
#ifndef TARN_UNDELTA_STORE_H
#define TARN_UNDELTA_STORE_H

#include <tarn/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* objs is borrowed until fn returns. */
struct tarn_push_func {
    void (*fn)(void *ctx, const struct tarn_objects *objs);
    void *ctx;
};

/*
 * NewUndeltaStore. key.fn NULL: tarn_key_func_meta_namespace(). Free with tarn_store_free. TARN_E_NOMEM; a change whose list cannot
 * be made for lack of memory stays done, is not pushed and answers TARN_E_NOMEM.
 */
TARN_API TARN_MUST_CHECK int tarn_undelta_store_new(struct tarn_push_func push, struct tarn_key_func key,
                                                    struct tarn_store **ret, struct tarn_error *err);

#ifdef __cplusplus
}
#endif
#endif
