/* api_realm_impl.h - private to api_realm.c and api_follow.c: what a realm holds. */
#ifndef TARN_AGENT_API_REALM_IMPL_H
#define TARN_AGENT_API_REALM_IMPL_H

#include <tarn/log.h>

#include "api_hub_impl.h"
#include "ingest.h"

enum api_generation_state { API_ASKED, API_CURRENT, API_OLD, API_LEAVING };

/* One attachment to one generation: the mapping, the control page, the socket pair. */
struct api_generation {
    struct tarn_ask ask; /* first: an ask is its generation */
    LIST_ENTRY(api_generation) link;
    struct api_realm *realm;
    enum api_generation_state state;
    struct tarn_region_view view;
    struct tarn_pin_page *page; /* our mapping of it; the writer has its own */
    int fd;                     /* our end; the other is the ask's */
    uv_poll_t poll;
    bool polling;
    bool superseded; /* the writer said so */
    unsigned snapshots;
};

struct api_realm {
    struct api_realm_options o;
    char name[TARN_REALM_MAX + 1];
    struct tarn_handoff answers;
    uv_timer_t tick;
    uv_idle_t again; /* a commit came during a turn */
    LIST_HEAD(, api_generation) generations;
    struct api_generation *current; /* NULL: not attached yet */
    bool asking;                    /* an ATTACH is under way */
    bool failing;                   /* as last logged */
    struct api_snapshot *newest;    /* the youngest that somebody holds, to be shared; no reference */
    /* what the hubs have been told */
    struct api_snapshot *base; /* NULL: nothing yet */
    struct tarn_log_cursor cursor;
    struct api_hub **hubs;
    size_t nhubs, hubs_cap;
    struct api_hub **by_store; /* of base's generation; NULL: nobody's */
    size_t nstores;
    struct tarn_log_changes changes; /* of a turn, that concern a hub */
    LIST_HEAD(, api_commit_waiter) waiters;
    struct api_realm_counters counters;
    bool turning;
    /* closing */
    bool closing;
    unsigned handles, watches;
    void (*closed)(void *ctx);
    void *ctx;
};

/* Somebody waits for changes: ring at the next commit. */
void api_follow_arm(struct api_realm *r);
void api_follow_again(uv_idle_t *again);
/* The realm closes: every watch ends, and no turn is taken any more. */
void api_follow_end(struct api_realm *r);
/* After the last watch. */
void api_follow_free(struct api_realm *r);
/* Bookmarks and timeouts. */
void api_follow_tick(struct api_realm *r, uint64_t now_ms);

#endif
