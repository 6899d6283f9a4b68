/* registration.h - private: a handler of a shared informer, as its owner holds it. */
#ifndef TARN_REGISTRATION_H
#define TARN_REGISTRATION_H

#include <stdatomic.h>

#include <tarn/shared_informer.h>

#include "listener.h"
#include "sync_hub.h"

struct tarn_registration {
    _Atomic unsigned refs; /* the caller's, and the informer's until its thread has been joined */
    struct tarn_listener *listener;
    struct tarn_sync_hub *hub;
    void *thread;       /* NULL: none; the informer's, under its lock */
    bool removed;       /* the informer's, under its lock */
    _Atomic bool ended; /* the thread makes no more calls: release, pairs with acquire in tarn_registration_has_ended */
};

TARN_MUST_CHECK int tarn_registration_new(const struct tarn_event_handler *h, size_t buffer, struct tarn_sync_hub *hub,
                                          struct tarn_registration **ret);
void tarn_registration_ref(struct tarn_registration *r);
/* What its thread runs; arg is the registration. */
void tarn_registration_deliver(void *arg);
/* No thread delivers to it (any more). ctx: the registration. */
bool tarn_registration_has_ended(void *r);

#endif
