/* api_hub_impl.h - private to api_hub.c and api_watch.c: how a hub tells its watches. */
#ifndef TARN_AGENT_API_HUB_IMPL_H
#define TARN_AGENT_API_HUB_IMPL_H

#include <sys/queue.h>

#include "api_form.h"
#include "api_hub.h"
#include "api_lines.h"

/* One object's change in a turn. */
struct api_change {
    struct api_entry entry;
    uint64_t seq; /* of its commit */
    size_t n;     /* as it came */
    const struct tarn_object *obj; /* as it is; DELETED: as it was at last */
    const struct tarn_object *old; /* as it was; ADDED: NULL */
};

/* A form that watches of the hub have, and the texts of the change that is being told now. */
struct api_hub_form {
    struct api_form form;
    unsigned watches;
    struct api_writer *writer;
    struct api_line *line[3][2]; /* by enum api_change_type, and whether it is a watch's first */
};

struct api_hub {
    struct api_hub_options o;
    struct tarn_buf name;
    struct tarn_bytes resource, group; /* parts of it */
    uint16_t store;                    /* 0: the resource is not there */
    uint32_t incarnation;
    uint64_t since; /* the commit that it began with */
    struct api_history history;
    uint64_t told;    /* what the region says: all up to it is there */
    uint64_t reached; /* by events; of several namespaces it may be ahead of `told` */
    struct api_change *changes;
    size_t nchanges, cap;
    struct api_hub_form *forms;
    unsigned nforms;
    LIST_HEAD(, api_watch) watches;
    unsigned nwatches, nwaiting; /* those that wait for a version */
    struct api_hub_facts facts;
};

static inline uint64_t api_hub_version(const struct api_hub *h)
{
    return h->told > h->reached ? h->told : h->reached;
}

/* What the region says now of the versions. */
void api_hub_see(struct api_hub *h, const struct tarn_resource_info *info);
/* The place of a form, counted up; negative: TARN_E_NOMEM or as api_writer_new. */
int api_hub_take_form(struct api_hub *h, const struct api_form *form, const struct api_snapshot *s, const struct tarn_resource_info *info);
void api_hub_give_form(struct api_hub *h, unsigned form);
/* The text of c as an event of this type; borrowed, made once. NULL: out of memory, or the region is broken. */
struct api_line *api_hub_line(struct api_hub *h, unsigned form, const struct api_change *c, enum api_change_type type, bool first);
/* The resourceVersion of a DELETED event with an older state. buf: 24 bytes. */
struct tarn_bytes api_version_text(uint64_t version, char *buf);
int64_t api_wall_s(void);

/* ---- api_watch.c ------------------------------------------------------------------------------------------------ */

/* A change. 0 or TARN_E_NOMEM. */
int api_watch_tell(struct api_watch *w, const struct api_change *c);
/* The turn is over: wake its reader if it was told something; it may have waited for this version. */
void api_watch_turned(struct api_watch *w);
/* End it by 410: what it would have to be told is lost. */
void api_watch_lose(struct api_watch *w);
void api_watch_tick(struct api_watch *w, uint64_t now_ms);
struct api_watch *api_watch_next(struct api_watch *w);
/* Of realm r: the state that hubs have been told. NULL: none. Borrowed. */
struct api_snapshot *api_realm_base(struct api_realm *r);
uv_loop_t *api_realm_loop(const struct api_realm *r);

#endif
