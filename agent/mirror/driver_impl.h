/* driver_impl.h - what driver.c (looking, running, telling) and driver_change.c (another configuration or generation) share. */
#ifndef TARN_AGENT_DRIVER_IMPL_H
#define TARN_AGENT_DRIVER_IMPL_H

#include <stdio.h>
#include <stdlib.h>

#include "driver.h"
#include "reproject.h"
#include "source.h"

#define DRIVER_TEXT_BYTES (TARN_ERROR_MESSAGE_BYTES + 64)

/* Index functions; owned. */
struct driver_indexes {
    struct tarn_index_func *v;
    unsigned n;
};

/* What a changed configuration makes of the driver. */
struct driver_next {
    const struct tarn_config *config;
    const struct tarn_config_resource *resource; /* NULL: no change is under way */
    struct driver_indexes indexes;
    struct tarn_reprojector *reprojector; /* NULL: objects stay as they are */
    bool other_indexes;                   /* `indexes` are to be used */
    bool other_projection;
    bool restart; /* other requests, which go on where these are */
    bool list;    /* ... and list again: what is wanted was not asked for before */
    struct tarn_buf source; /* see source.h */
};

struct tarn_driver {
    struct tarn_driver_options o;
    uv_timer_t timer;
    struct tarn_lookup *lookup; /* under way */
    uint32_t lookups_failed;    /* in a row */
    struct tarn_error error;    /* why it is not found yet */
    uint64_t error_at_ms;
    uint64_t looked_anew_ms;    /* see look_anew_if_gone */
    /* in the region */
    uint16_t store_id;
    bool in_region;
    struct driver_indexes indexes;
    struct tarn_buf source; /* its line, see source.h */
    struct tarn_buf resume; /* scratch: what the state borrows */
    /* from an earlier agent */
    const char *adopted;    /* from where; NULL: nothing */
    bool was_up;            /* the watch has been up since */
    uint64_t adopted_age_ms, adopted_event_ms, adopted_list_ms;
    /* once found */
    struct tarn_feeds *feeds;
    char *name, *api_version, *kind; /* of the region's entry */
    char *plural;
    bool namespaced;
    struct tarn_reflector_counters before; /* of the sources before these */
    bool changed;                    /* the state is to be written */
    unsigned lookups_gone;           /* since it ran: answers in a row that the server has no such resource */
    uint64_t doubted_ms;             /* when a resource that is not live was looked at last */
    uint64_t written_ms;             /* when it was written last, while something waited for room */
    bool stopped;
    struct driver_next next; /* a change under way, between tarn_driver_prepare and tarn_driver_settle */
    char state_text[DRIVER_TEXT_BYTES]; /* what the state of a list's commit borrows */
    bool was_live, was_synced;       /* as last logged */
    char last_logged[TARN_ERROR_MESSAGE_BYTES];
    struct tarn_histogram list_time;
    uint64_t lists_noted, list_ms_noted; /* what of the feeds' counters is in it */
};

/* What the configuration says of deleted objects. */
struct tarn_keep_deleted driver_keep_deleted(const struct tarn_config_resource *r);
int driver_make_indexes(const char *name, const struct tarn_config_resource *r, struct driver_indexes *ret, struct tarn_error *err);
void driver_release_indexes(struct driver_indexes *i);
bool driver_set_string(char **at, const char *s);
/* old NULL: begin with a LIST. */
int driver_make_feeds(struct tarn_driver *d, const struct tarn_discovered *f, const struct tarn_resource_info *old, struct tarn_error *err);

/* ---- driver_adopt.c: what an earlier agent left in the region ------------------------------------------------- */

/* Become what the region's entry says. 0, TARN_E_NOMEM, or it is not there: nothing is adopted. */
int driver_adopt(struct tarn_driver *d, struct tarn_driver_adopt *a, struct tarn_error *err);
/* Fill in what only the earlier agent knew; `text` has room for size bytes. */
void driver_adopted_state(const struct tarn_driver *d, struct tarn_resource_state *state, char *text, size_t size);

#endif
