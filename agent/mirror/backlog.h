/* backlog.h - a store in front of a region's: what the region cannot take now waits here instead of failing.
 *
 * Two things make a region refuse for a while: it is full (TARN_E_FULL), or the Replace of another resource is being applied
 * (TARN_E_AGAIN). A reflector would answer either by a backoff and another LIST. So the change is kept (a heap copy of the
 * object) and success is told. The owner calls tarn_backlog_run until nothing waits.
 *
 * Behind a list, or while another one is being applied, everything waits in order, and the owner is told to pause the stream: what waits
 * is bounded by what one read of it held. While the region is full only the objects that do not fit wait, the newest state of
 * each: what others did goes on, deletes above all, for they make room. More than TARN_BACKLOG_BYTES_MAX are not
 * kept: they are dropped, and the owner must list again when there is room.
 *
 * A Replace is committed by tarn_backlog_run in slices, so that no turn of the loop is long: replace_commit only notes it.
 * Reading back (get, list) shows what the region has. One thread.
 */
#ifndef TARN_AGENT_BACKLOG_H
#define TARN_AGENT_BACKLOG_H

#include <tarn/region_store.h>

#define TARN_BACKLOG_BYTES_MAX (8u << 20)

struct tarn_backlog;

struct tarn_backlog_sink {
    /* Take no more from the stream, or go on. Not from inside tarn_backlog_run, but at its end. */
    void (*on_pause)(void *ctx, bool paused);
    /* An object that had waited could not be taken for its own sake; the caller of add was told that it was. */
    void (*on_skipped)(void *ctx, struct tarn_bytes key, const struct tarn_error *error);
    /* What waited, or a Replace whose commit had been told to succeed, is lost: the state before it stays. */
    void (*on_lost)(void *ctx, const struct tarn_error *error);
    /* A Replace is in the region, but for `left_out` objects that did not fit (tarn_backlog_leave_out). */
    void (*on_listed)(void *ctx, uint64_t left_out);
    /* The state of the resource that is to appear in the same commit as a Replace of this version; whole: nothing was left out.
     * Borrowed until the next call. */
    void (*state)(void *ctx, struct tarn_bytes resource_version, bool whole, struct tarn_resource_state *ret);
    void *ctx;
};

struct tarn_backlog_facts {
    uint64_t waiting, bytes; /* changes now */
    uint64_t held;    /* times that waiting began */
    uint64_t full;    /* of them: because the region was full */
    uint64_t applied; /* changes that had waited and were applied */
    bool applying;    /* a Replace is being applied in slices */
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
/* Objects of the list that is being staged, that do not fit, are left out from now on, so that it comes to its end: its deletes make room. */
void tarn_backlog_leave_out(struct tarn_backlog *b);
bool tarn_backlog_waits(const struct tarn_backlog *b);
/* Does the stream have to wait too? */
bool tarn_backlog_paused(const struct tarn_backlog *b);
/* Replace each object that waits by what fn makes of it (borrowed until the next call): another projection. 0 or fn's error. */
int tarn_backlog_convert(struct tarn_backlog *b, int (*fn)(void *ctx, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err),
                         void *ctx, struct tarn_error *err);
void tarn_backlog_facts(const struct tarn_backlog *b, struct tarn_backlog_facts *ret);

#endif
