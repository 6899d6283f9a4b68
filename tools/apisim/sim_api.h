/* sim_api.h - the API server itself: which request means what.
 *
 * sim_api_handle reads the path into a call (verb, resource, namespace, name, subresource) and hands it to the part
 * that serves it: sim_list.h, sim_watch.h, sim_write.h, sim_discovery.h, sim_control.h.
 */
#ifndef SIM_API_H
#define SIM_API_H

#include "sim_access.h"
#include "sim_http.h"
#include "sim_world.h"

struct sim_faults;
struct sim_generator;
struct sim_churn;
struct sim_dying;

struct sim_counters {
    uint64_t requests, lists, watches, gets, writes, watch_events;
    unsigned open_watches;
};

struct sim_api {
    struct sim_world *world;
    struct sim_faults *faults;
    struct sim_generator *generator;
    struct sim_churn *churn;
    struct sim_http *http;
    struct sim_access access;
    struct sim_counters counters;
    struct sim_dying *dying; /* pods in their grace period, the next one first */
};

enum sim_verb {
    SIM_GET,
    SIM_LIST,
    SIM_WATCH,
    SIM_CREATE,
    SIM_UPDATE,
    SIM_PATCH,
    SIM_DELETE,
    SIM_DELETECOLLECTION,
};

/* One request about a resource. Strings live as long as the request. */
struct sim_call {
    struct sim_api *api;
    struct sim_request *req;
    enum sim_verb verb;
    struct sim_resource *resource;
    char ns[256], name[256], subresource[64]; /* "": none */
    char manager[129], api_version[160];       /* who writes, and in which version (sim_write_internal.h) */
    char warnings[4][256]; /* of fields that there are not; the first that is empty ends them */
    bool expire_continue; /* a fault: its continue token is too old */
};

/* "list", "watch", ...: as in a 403's text. */
const char *sim_verb_text(enum sim_verb verb);
/* ctx: the struct sim_api. */
void sim_api_handle(void *ctx, struct sim_request *req);
/* The same for a request that a fault had put off. */
void sim_api_handle_delayed(struct sim_api *api, struct sim_request *req);

#endif
