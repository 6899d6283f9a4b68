/* feeds.h - what fills one resource: one reflector for each namespace that is configured, or one over all of them.
 *
 * Each has its own LIST and WATCH, its own resourceVersion and its own part of the resource's store (region_store.h), so that a
 * list of one namespace replaces the objects of that namespace only. To readers it is one resource: it has synced when all have, it
 * is live while all are, and its resourceVersion is the oldest of theirs.
 *
 * Everything on the ingest thread.
 */
#ifndef TARN_AGENT_FEEDS_H
#define TARN_AGENT_FEEDS_H

#include <tarn/reflector.h>
#include <tarn/writer.h>

#include "config.h"
#include "discovery.h"
#include "reproject.h"

struct tarn_feeds;

struct tarn_feeds_options {
    struct tarn_http *http;
    struct tarn_writer *writer;
    struct tarn_runtime *rt;
    const struct tarn_config *config;
    const struct tarn_config_resource *resource; /* one of config's */
    const struct tarn_discovered *found;         /* what the server calls it; only read by tarn_feeds_new */
    const char *name;                            /* canonical, for messages; borrowed as long as the feeds live */
    uint16_t store_id;                           /* its number in the region */
    /* What the region holds of it from an earlier agent: where each feed resumes (tarn_resource_resume_at). NULL: all begin with a
     * LIST. Only read by tarn_feeds_new. */
    const struct tarn_resource_info *old;
    /* Something a person may want to read, of the feed of namespace ns ("": all). Borrowed. */
    void (*on_report)(void *ctx, const char *ns, const struct tarn_reflector_report *report);
    /* The status or the deadline may have changed. Any call but free is allowed from here. */
    void (*on_change)(void *ctx);
    /* The state of the resource as tarn_feeds_status has it now, for the commit of a list; borrowed until the next call. */
    void (*state)(void *ctx, struct tarn_resource_state *ret);
    void *ctx;
};

/* At rest. Pointers are borrowed and outlive it. TARN_E_INVAL (a path does not parse), TARN_E_NOMEM. */
int tarn_feeds_new(const struct tarn_feeds_options *o, struct tarn_feeds **ret, struct tarn_error *err);
/* Drops what is under way. Not from inside on_report or on_change. NULL is allowed. */
void tarn_feeds_free(struct tarn_feeds *f);

void tarn_feeds_start(struct tarn_feeds *f);
/* No request and no call of the store after this. */
void tarn_feeds_stop(struct tarn_feeds *f);

/* When on_timer is wanted, on the runtime's clock; UINT64_MAX: not at all. */
uint64_t tarn_feeds_deadline_ms(struct tarn_feeds *f);
void tarn_feeds_on_timer(struct tarn_feeds *f);
/* List all of it again now. */
void tarn_feeds_relist(struct tarn_feeds *f);
/* ... from another server: versions of the one before mean nothing, and the same version may be another object. */
void tarn_feeds_relist_afresh(struct tarn_feeds *f);

enum tarn_feeds_wait {
    TARN_FEEDS_IDLE,  /* everything that came is in the region */
    TARN_FEEDS_WAITS, /* for a list of another resource or namespace that is being applied */
    TARN_FEEDS_BUSY,  /* a list is being applied: call again in the next turn, without a wait */
    TARN_FEEDS_FULL,  /* the region has no room: call again in some 20 ms; a hand-over may help */
};
/* Once a turn: apply what the region could not take at once, for at most about 8 ms. The worst of its feeds is told. */
enum tarn_feeds_wait tarn_feeds_turn(struct tarn_feeds *f);
/* The region may have room now: try at once. */
void tarn_feeds_relieved(struct tarn_feeds *f);
/* What waits because the region is full or busy: sums over the feeds. error.code 0: the region is not full. */
struct tarn_feeds_held {
    uint64_t waiting, bytes, held, full; /* backlog.h */
    uint64_t skipped;  /* objects that waited and could not be taken */
    uint64_t left_out; /* objects of the last list that are missing because they did not fit */
    bool incomplete;   /* something is missing; it is listed again */
    struct tarn_error error;
    uint64_t since_ms; /* of the error; runtime's clock */
};
void tarn_feeds_held(const struct tarn_feeds *f, struct tarn_feeds_held *ret);

/* Put the stores on the resource `store` of w, which took the old region over. A list that does not fit there begins again. */
void tarn_feeds_move(struct tarn_feeds *f, struct tarn_writer *w, uint16_t store);
/*
 * Go on with another configuration of the same resource, for the same namespaces: new requests, which begin where these are. convert
 * (NULL: none) makes what waits fit the new projection. On error nothing has changed.
 */
int tarn_feeds_restart(struct tarn_feeds *f, const struct tarn_config *config, const struct tarn_config_resource *resource,
                       const struct tarn_discovered *found, struct tarn_reprojector *convert, struct tarn_error *err);
/* Another configuration that asks for the same: nothing happens. */
void tarn_feeds_configure(struct tarn_feeds *f, const struct tarn_config *config, const struct tarn_config_resource *resource);
/* The bytes of objects differ from now on without a new resourceVersion: the next list compares them. */
void tarn_feeds_distrust(struct tarn_feeds *f);

/* How often it is listed because it is not watched, in ms; 0: it is watched. */
uint32_t tarn_feeds_poll_ms(const struct tarn_feeds *f);

/* Have objects or parts of them come since the last call? */
bool tarn_feeds_take_touched(struct tarn_feeds *f);
/* Bytes of heap held now by transcoders and buffers. */
size_t tarn_feeds_memory(const struct tarn_feeds *f);

/* Of the resource as a whole, as far as the region shows it: counters are sums, ages those of the oldest, the error is the newest that stands. */
void tarn_feeds_status(struct tarn_feeds *f, struct tarn_reflector_status *ret);
/* Of the n-th feed and its namespace ("": all), in the order of the configuration. False behind the last. */
bool tarn_feeds_status_at(struct tarn_feeds *f, unsigned n, const char **ret_ns, struct tarn_reflector_status *ret);

/*
 * Append where a later agent may resume (tarn_resource_resume): nothing when one of them would miss changes: not synced, or behind.
 * 0 or TARN_E_NOMEM.
 */
int tarn_feeds_resume(struct tarn_feeds *f, struct tarn_buf *out);
/* Add each counter of c to that of `to`. */
void tarn_reflector_counters_add(struct tarn_reflector_counters *to, const struct tarn_reflector_counters *c);

/* The store of the n-th feed, NULL behind the last: for who moves it to another region. */
struct tarn_store *tarn_feeds_store_at(struct tarn_feeds *f, unsigned n);

#endif
