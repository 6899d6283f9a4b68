/* sync_hub.h - private: where threads wait for an informer, or one of its handlers, to have synced.
 *
 * Shared by the informer and its registrations, so that these may outlive it. What is waited for is asked without a lock of the
 * hub; a generation that moves with every notify makes sure that no change is slept through.
 */
#ifndef TARN_SYNC_HUB_H
#define TARN_SYNC_HUB_H

#include <tarn/queue.h>

struct tarn_sync_hub;

TARN_MUST_CHECK int tarn_sync_hub_new(struct tarn_runtime *rt, struct tarn_sync_hub **ret);
void tarn_sync_hub_ref(struct tarn_sync_hub *h);
void tarn_sync_hub_unref(struct tarn_sync_hub *h);

/* The queue whose HasSynced counts; borrowed until _detach, which keeps its last answer. */
void tarn_sync_hub_attach(struct tarn_sync_hub *h, struct tarn_queue *q);
void tarn_sync_hub_detach(struct tarn_sync_hub *h);
/* Has the queue handed over the initial list? ctx is the hub: fits tarn_synctrack_upstream. Takes the queue's lock. */
bool tarn_sync_hub_has_synced(void *hub);

/* Something may have become true. Takes only the hub's innermost lock: may be called under any other. */
void tarn_sync_hub_notify(void *hub);
/* Nothing more will become true: end all waits. */
void tarn_sync_hub_stop(struct tarn_sync_hub *h);
/* Wait until done(ctx), at most timeout_ms (UINT64_MAX: no limit). False: timed out, or stopped and not done. */
bool tarn_sync_hub_wait(struct tarn_sync_hub *h, bool (*done)(void *ctx), void *ctx, uint64_t timeout_ms);

#endif
