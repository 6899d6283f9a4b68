/* informer_store.h - private: what every informer consists of behind its reflector: a queue, a store, and the way from one to the
 * other. */
#ifndef TARN_INFORMER_STORE_H
#define TARN_INFORMER_STORE_H

#include <tarn/controller.h>

#include "delta_apply.h"

struct tarn_informer_store {
    struct tarn_indexer *indexer;
    struct tarn_queue *queue;
    struct tarn_delta_apply apply;
};

/* watch may be NULL. The structure must not move afterwards. On error nothing is left. */
TARN_MUST_CHECK int tarn_informer_store_init(struct tarn_informer_store *s, const struct tarn_informer_store_options *o,
                                             const struct tarn_delta_sink *sink, const struct tarn_queue_watch *watch,
                                             struct tarn_error *err);
void tarn_informer_store_release(struct tarn_informer_store *s);

#endif
