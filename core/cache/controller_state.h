/* controller_state.h - private: a controller's body, so that an informer can begin with one. */
#ifndef TARN_CONTROLLER_STATE_H
#define TARN_CONTROLLER_STATE_H

#include <stdatomic.h>

#include <tarn/controller.h>

#include "sync.h"

struct tarn_controller {
    struct tarn_runtime *rt;
    struct tarn_queue *queue;
    struct tarn_process process, process_batch;
    struct tarn_reflector *reflector;                /* NULL: the queue is filled by hand */
    void (*release)(struct tarn_controller *c);      /* instead of free, where c is the beginning of something larger */
    int reflect_code;                                /* written by the reflector's thread, read after its end */
    struct tarn_mutex lock;                          /* protects started; taken before all others */
    bool started;
    _Atomic bool stopped;                            /* relaxed: only asks the loop to end; the closed queue wakes it */
    /* Relaxed: counts for people. */
    _Atomic uint64_t process_errors, processed, process_ms, process_le[TARN_PROCESS_BUCKETS];
};

/* Fill c in place (release is kept). */
TARN_MUST_CHECK int tarn_controller_init(struct tarn_controller *c, const struct tarn_controller_options *o,
                                         struct tarn_error *err);
/* Undo it. */
void tarn_controller_release(struct tarn_controller *c);

#endif
