/* backlog.h - a store in front of a region's: what the region cannot take now waits here, in order, instead of failing.
 *
 * Two things make a region refuse for a while: it is full (TARN_E_FULL), or the Replace of another resource is being applied
 * (TARN_E_AGAIN). A reflector would answer either by a backoff and another LIST. So the change is kept (a heap copy of the
 * object) and success is told; everything after it waits behind it. The owner is told by on_held, pauses the stream, and
 * calls tarn_backlog_run until nothing waits. What waits is bounded by what one read of the paused stream held.
 *
 * A Replace is committed by tarn_backlog_run in slices, so that no turn of the loop is long: replace_commit only notes it.
 * Reading back (get, list) shows what the region has. One thread.
 */
#ifndef TARN_AGENT_BACKLOG_H
#define TARN_AGENT_BACKLOG_H

#include <tarn/region_store.h>

struct tarn_backlog;

struct tarn_backlog_sink {
    /* Something waits now (true), or nothing any more (false). Not from inside tarn_backlog_run. */
    void (*on_held)(void *ctx, bool held);
    /* An object that had waited could not be taken for its own sake; the caller of add was told that it was. */
    void (*on_skipped)(void *ctx, struct tarn_bytes key, const struct tarn_error *error);
    /* A Replace, whose commit had been told to succeed, was aborted: the state before it stays. */
    void (*on_lost)(void *ctx, const struct tarn_error *error);
    /* The state of the resource that is to appear in the same commit as a Replace of this version; borrowed until the next call. */
    void (*state)(void *ctx, struct tarn_bytes resource_version, struct tarn_resource_state *ret);
    void *ctx;
};

struct tarn_backlog_facts {
    uint64_t waiting;   /* changes now */
    uint64_t held;      /* times that waiting began */
    uint64_t full;      /* of them: because the region was full */
    uint64_t applied;   /* changes that had waited and were applied */
    bool applying;      /* a Replace is being applied in slices */
    int reason;         /* why the first one waits: TARN_E_FULL, TARN_E_AGAIN; 0: nothing waits */
};

/* target is a region store, borrowed. 0 or TARN_E_NOMEM. */
int tarn_backlog_new(struct tarn_store *target, const struct tarn_backlog_sink *sink, struct tarn_backlog **ret);
/* What waits is dropped. NULL is allowed. */
void tarn_backlog_free(struct tarn_backlog *b);
/* The store to give to a reflector; lives as long as b. */
struct tarn_store *tarn_backlog_store(struct tarn_backlog *b);
/*
 * Apply what waits, for about slice_us. 0: nothing waits any more; 1: call again at once; TARN_E_FULL, TARN_E_AGAIN, TARN_E_NOMEM:
 * the region cannot take the next one now (err tells it; only a few microseconds were spent), call again later.
 */
int tarn_backlog_run(struct tarn_backlog *b, uint32_t slice_us, struct tarn_error *err);
/* Give up what waits, and a Replace that is not being applied yet. */
void tarn_backlog_drop(struct tarn_backlog *b);
bool tarn_backlog_waits(const struct tarn_backlog *b);
/* Replace each object that waits by what fn makes of it (borrowed until the next call): another projection. 0 or fn's error. */
int tarn_backlog_convert(struct tarn_backlog *b, int (*fn)(void *ctx, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err),
                         void *ctx, struct tarn_error *err);
void tarn_backlog_facts(const struct tarn_backlog *b, struct tarn_backlog_facts *ret);

#endif
