/* One watch of an informer: from the state it delivered last to a newer snapshot, by the change log or by difference. */
#ifndef TARN_CLIENT_FEED_H
#define TARN_CLIENT_FEED_H

#include <tarn/informer.h>
#include <tarn/log.h>

#include "internal.h"
#include "known.h"

struct feed {
    struct feed *next;
    unsigned id;
    bool removed; /* no call any more; freed after the turn */
    struct tarn_informer_watch watch; /* resource and ns are owned */
    struct known known;

    struct tarn_snapshot *base; /* the state delivered last, parked; NULL: nothing was delivered yet */
    uint64_t base_session;      /* id of its session */
    bool base_broken;           /* a batch ended half-way: only a difference brings it right */
    bool synced;
    uint16_t store;
    struct tarn_log_cursor cursor; /* behind base */
    uint64_t next_resync_ms;       /* 0: none */
    struct tarn_informer_counters counters;
};

int feed_new(const struct tarn_informer_watch *w, unsigned id, struct feed **ret);
void feed_free(struct feed *f);

/*
 * Bring f to a snapshot of c opened now, and resync if that is due. 0 (also when there is nothing to do, or the resource
 * is not there or not synced yet) or an error after which the next turn makes it right.
 */
int feed_turn(struct feed *f, struct tarn_client *c);

#endif
