/* feeds_impl.h - what feeds.c (sources) and feeds_full.c (when the region cannot take what comes) share. */
#ifndef TARN_AGENT_FEEDS_IMPL_H
#define TARN_AGENT_FEEDS_IMPL_H

#include <stdio.h>
#include <stdlib.h>

#include "backlog.h"
#include "feeds.h"
#include "list_watch_http.h"

struct feed {
    struct tarn_feeds *all;
    const char *ns; /* "": all of them. The configuration's */
    struct tarn_store *store;     /* the region's */
    struct tarn_backlog *backlog; /* before it; what the reflector fills */
    struct tarn_list_watch *lw;
    struct tarn_reflector *reflector;
    /* what the region shows: behind the reflector while something waits */
    struct tarn_rv applied_version;
    bool applied_synced;
    /* the region is full */
    struct tarn_error full; /* code 0: it is not in our way */
    uint64_t full_since_ms, retry_ms;
    bool lost;    /* a Replace was aborted: rest */
    bool resting; /* a list was given up; it begins again at rest_until_ms */
    uint64_t rest_until_ms, given_up, skipped_late;
    uint32_t rests; /* in a row */
};

struct tarn_feeds {
    struct tarn_feeds_options o;
    unsigned n;
    struct feed v[];
};

extern const struct tarn_backlog_sink feed_backlog_sink; /* ctx is the feed */
/* Of the reflector, as far as the region shows it. */
void feed_status(struct feed *f, struct tarn_reflector_status *ret);
/* Not while it rests; a rest that is over ends here. */
bool feed_may_run(struct feed *f);

#endif
