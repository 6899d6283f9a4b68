/* processor.h - private: the handlers of a shared informer, and who of them hears what.
 *
 * client-go's sharedProcessor. Each handler has a listener (listener.h) and a resync period of its own; an update of the kind
 * *resync* goes only to those that are syncing, which each resync check decides anew (I-14, I-45).
 */
#ifndef TARN_PROCESSOR_H
#define TARN_PROCESSOR_H

#include "listener.h"
#include "sync.h"

struct tarn_processor_member {
    struct tarn_listener *listener;   /* one reference */
    bool unchanged;                   /* wants updates of a relist that change nothing */
    bool syncing;                     /* hears resync updates */
    uint64_t requested_ms, resync_ms; /* as asked for, and as the check period allows; 0: none */
    uint64_t next_ms;                 /* when the next resync is due */
};

struct tarn_processor {
    struct tarn_mutex lock; /* protects members; taken before a listener's */
    struct tarn_processor_member *members;
    size_t n, cap;
    bool raw; /* the original's rule for what is a resync */
};

void tarn_processor_init(struct tarn_processor *p, bool raw);
/* Unrefs all listeners. */
void tarn_processor_release(struct tarn_processor *p);

/* Take in m, whose requested_ms is already at least the minimum; adopts the reference. 0 or TARN_E_NOMEM. */
TARN_MUST_CHECK int tarn_processor_add(struct tarn_processor *p, const struct tarn_processor_member *m, uint64_t check_ms,
                                       uint64_t now_ms);
/* Unref and forget; false: it is not there. */
bool tarn_processor_remove(struct tarn_processor *p, const struct tarn_listener *l);
/* Call fn for each listener. */
void tarn_processor_each(struct tarn_processor *p, void (*fn)(void *ctx, struct tarn_listener *l), void *ctx);

/* Room for n notifications to each listener. 0 or TARN_E_NOMEM. */
TARN_MUST_CHECK int tarn_processor_reserve(struct tarn_processor *p, size_t n);
/* Tell all that want to hear it; room was reserved. */
void tarn_processor_on_add(struct tarn_processor *p, const struct tarn_object *obj, bool is_in_initial_list);
void tarn_processor_on_update(struct tarn_processor *p, const struct tarn_object *old, const struct tarn_object *obj, bool resync);
void tarn_processor_on_delete(struct tarn_processor *p, const struct tarn_object *old, const struct tarn_object *obj);

/* The informer now looks every check_ms: each member's period follows. */
void tarn_processor_check_period(struct tarn_processor *p, uint64_t check_ms);
/* A resync check: who is due is syncing from now on, who is not is not. True if anybody is. */
bool tarn_processor_should_resync(struct tarn_processor *p, uint64_t now_ms);

#endif
