/* feeds_impl.h - what feeds.c (all of them), feeds_source.c (whence) and feeds_full.c (when the region cannot take what comes) share. */
#ifndef TARN_AGENT_FEEDS_IMPL_H
#define TARN_AGENT_FEEDS_IMPL_H

#include <stdio.h>
#include <stdlib.h>

#include "backlog.h"
#include "feeds.h"
#include "list_watch_http.h"

struct source; /* feeds_source.c */

struct feed {
    struct tarn_feeds *all;
    const char *ns; /* "": all of them. The configuration's */
    struct tarn_store *store;     /* the region's */
    struct tarn_backlog *backlog; /* before it; what the source fills */
    struct source *source;
    /* what the region shows: behind the source while something waits */
    struct tarn_rv applied_version;
    bool applied_synced;
    bool must_list;         /* was asked to list again and has not: no later agent may resume what is here */
    uint64_t lists_ok_then; /* when it was asked */
    /* the region is full */
    struct tarn_error full; /* code 0: it is not in our way */
    uint64_t full_since_ms, retry_ms;
    bool incomplete; /* objects are missing that did not fit: it is listed again at relist_ms, or when there is room */
    uint64_t relist_ms, left_out, skipped_late;
    uint32_t tries; /* in a row */
};

struct tarn_feeds {
    struct tarn_feeds_options o;
    unsigned n;
    struct feed v[];
};

extern const struct tarn_backlog_sink feed_backlog_sink; /* ctx is the feed */
/* A reflector's or a polling's list_watch and itself, at rest; resume: as tarn_reflector_options has it. */
int feed_source_new(struct feed *f, const struct tarn_discovered *found, struct tarn_bytes resume, struct source **ret, struct tarn_error *err);
void feed_source_free(struct source *s); /* NULL is allowed */
/* As the functions of reflector.h and polling.h are. */
void feed_source_start(struct source *s);
void feed_source_stop(struct source *s);
void feed_source_on_timer(struct source *s);
void feed_source_relist(struct source *s);
void feed_source_relist_afresh(struct source *s);
uint64_t feed_source_deadline_ms(struct source *s);
void feed_source_status(struct source *s, struct tarn_reflector_status *ret);
struct tarn_list_watch *feed_source_list_watch(const struct source *s);
uint32_t feed_source_poll_ms(const struct source *s); /* 0: watched */
/* Of the source, as far as the region shows it. */
void feed_status(struct feed *f, struct tarn_reflector_status *ret);
/* When feed_on_timer is wanted for what is missing; UINT64_MAX: not. */
uint64_t feed_deadline_ms(const struct feed *f);
/* List again what is missing, if it is time. */
void feed_on_timer(struct feed *f);

#endif
