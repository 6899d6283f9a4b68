/* registration.c - one handler's handle: its listener, its thread's end, and waiting for it. */
#include "registration.h"

#include <stdlib.h>

int tarn_registration_new(const struct tarn_event_handler *h, size_t buffer, struct tarn_sync_hub *hub,
                          struct tarn_registration **ret)
{
    struct tarn_listener_options o = {.handler = *h,
                                      .limit = buffer,
                                      .upstream = {.has_synced = tarn_sync_hub_has_synced, .ctx = hub},
                                      .idle = tarn_sync_hub_notify,
                                      .ctx = hub};
    struct tarn_registration *r = calloc(1, sizeof *r);
    int err = r ? tarn_listener_new(&o, &r->listener) : TARN_E_NOMEM;

    if (err) {
        free(r);
        return err;
    }
    r->refs = 1;
    r->ended = true; /* until a thread is started for it */
    r->hub = hub;
    tarn_sync_hub_ref(hub);
    *ret = r;
    return 0;
}

void tarn_registration_ref(struct tarn_registration *r)
{
    (void)atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed); /* the caller has one: it cannot be zero */
}

void tarn_registration_unref(struct tarn_registration *r)
{
    /* acq_rel: the last one sees all that the others did before they left. */
    if (!r || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
        return;
    tarn_listener_unref(r->listener);
    tarn_sync_hub_unref(r->hub);
    free(r);
}

void tarn_registration_deliver(void *arg)
{
    struct tarn_registration *r = arg;

    tarn_listener_run(r->listener);
    /* release: pairs with tarn_registration_has_ended; who sees it sees all that the handler did. */
    atomic_store_explicit(&r->ended, true, memory_order_release);
    tarn_sync_hub_notify(r->hub);
}

bool tarn_registration_has_ended(void *ctx)
{
    struct tarn_registration *r = ctx;

    /* acquire: pairs with the release in tarn_registration_deliver. */
    return atomic_load_explicit(&r->ended, memory_order_acquire);
}

bool tarn_registration_has_synced(struct tarn_registration *r)
{
    return tarn_listener_has_synced(r->listener);
}

static bool has_synced(void *ctx)
{
    return tarn_registration_has_synced(ctx);
}

bool tarn_registration_wait_synced(struct tarn_registration *r, uint64_t timeout_ms)
{
    return tarn_sync_hub_wait(r->hub, has_synced, r, timeout_ms);
}

static bool wait_synced(void *ctx, uint64_t timeout_ms)
{
    return tarn_registration_wait_synced(ctx, timeout_ms);
}

struct tarn_done_checker tarn_registration_done_checker(struct tarn_registration *r)
{
    return (struct tarn_done_checker){.name = "handler", .done = has_synced, .wait = wait_synced, .ctx = r};
}

void tarn_registration_counters(struct tarn_registration *r, struct tarn_registration_counters *ret)
{
    struct tarn_listener_counters c;

    tarn_listener_counters(r->listener, &c);
    *ret = (struct tarn_registration_counters){.delivered = c.delivered,
                                               .handler_errors = c.handler_errors,
                                               .folds = c.folds,
                                               .waiting = c.waiting};
}
