/* tarn/informer_factory.h - one shared informer for each resource, made when first asked for.
 *
 * So that the parts of a program that need pods share one reflector and one store without knowing of each other. Any thread may call
 * anything but free. Source: client-go informers.SharedInformerFactory (row I-47); its options (namespace, tweaked list options, resync by
 * type, transform) are what the caller's configure does.
 */
#ifndef TARN_INFORMER_FACTORY_H
#define TARN_INFORMER_FACTORY_H

#include <tarn/shared_informer.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_informer_factory;

struct tarn_informer_factory_options {
    struct tarn_runtime *rt;
    /*
     * Say how the informer of resource ("pods", "deployments.apps") is made: fill in list_watch, expected kind, resync period, indexers,
     * transform ... rt and name are filled in already. What *o points to must live as long as the factory. Called once for each resource, with
     * the factory's lock held. A negative error is what the asker gets.
     */
    int (*configure)(void *ctx, const char *resource, struct tarn_shared_informer_options *o, struct tarn_error *err);
    void *ctx;
};

/*
 * Make a factory that has no informer yet. o is copied, what it points to is borrowed as long as the factory lives. 0, TARN_E_INVAL (no runtime or no
 * configure) or TARN_E_NOMEM.
 */
TARN_API TARN_MUST_CHECK int tarn_informer_factory_new(const struct tarn_informer_factory_options *o,
                                                       struct tarn_informer_factory **ret, struct tarn_error *err);
/* Shut down and free all informers. NULL is allowed. */
TARN_API void tarn_informer_factory_free(struct tarn_informer_factory *f);

/* The informer of resource, made if it is the first time; the factory's, as long as it lives. Errors of configure and of making it. */
TARN_API TARN_MUST_CHECK int tarn_informer_factory_informer(struct tarn_informer_factory *f, const char *resource,
                                                            struct tarn_shared_informer **ret, struct tarn_error *err);
/* Run, on threads of rt, those that do not run yet. May be called again after more were made. TARN_E_STOPPED after a shut-down. */
TARN_API TARN_MUST_CHECK int tarn_informer_factory_start(struct tarn_informer_factory *f, struct tarn_error *err);
/*
 * Wait until all that run have synced, at most timeout_ms. 0, or TARN_E_TIMEOUT with the names of those that have not; ask each
 * (tarn_shared_informer_has_synced) for the original's map of answers. Source: WaitForCacheSync.
 */
TARN_API TARN_MUST_CHECK int tarn_informer_factory_wait_synced(struct tarn_informer_factory *f, uint64_t timeout_ms,
                                                               struct tarn_error *err);
/* Stop all and wait until their threads have ended; none is started any more. One thread at a time, not from a handler. */
TARN_API void tarn_informer_factory_shut_down(struct tarn_informer_factory *f);

#ifdef __cplusplus
}
#endif
#endif
