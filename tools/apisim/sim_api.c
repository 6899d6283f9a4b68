/* sim_api.c - from a request's path to the part that serves it. */
#include "sim_api.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim_control.h"
#include "sim_discovery.h"
#include "sim_fault.h"
#include "sim_get.h"
#include "sim_list.h"
#include "sim_log.h"
#include "sim_review.h"
#include "sim_status.h"
#include "sim_watch.h"
#include "sim_write.h"

const char *sim_verb_text(enum sim_verb verb)
{
    static const char *const texts[] = {"get", "list", "watch", "create", "update", "patch", "delete",
                                        "deletecollection"};

    return texts[verb];
}

/* The segments of a path, in place. */
struct segments {
    char text[1024];
    const char *v[12];
    unsigned n;
};

static bool split(const char *path, struct segments *ret)
{
    char *p = ret->text;

    ret->n = 0;
    if (strlen(path) >= sizeof ret->text)
        return false;
    strcpy(p, path);
    for (char *save = NULL, *s = strtok_r(p, "/", &save); s; s = strtok_r(NULL, "/", &save)) {
        if (ret->n == sizeof ret->v / sizeof *ret->v)
            return false;
        ret->v[ret->n++] = s;
    }
    return true;
}

static bool copy(char *ret, size_t n, const char *s)
{
    return snprintf(ret, n, "%s", s) < (int)n;
}

/* What stands behind the version: [watch/] [namespaces/NS/] RESOURCE [/NAME [/SUBRESOURCE]]. */
static bool parse_target(struct sim_call *c, const char *group, const char *version, const char *const *v, unsigned n,
                         bool *old_watch)
{
    *old_watch = n && strcmp(v[0], "watch") == 0;
    if (*old_watch)
        v++, n--;
    if (n >= 3 && strcmp(v[0], "namespaces") == 0 &&
        (c->resource = sim_world_find(c->api->world, group, version, v[2])) != NULL) {
        if (!copy(c->ns, sizeof c->ns, v[1]))
            return false;
        v += 2, n -= 2;
    } else if (n >= 1) {
        c->resource = sim_world_find(c->api->world, group, version, v[0]);
    }
    if (n < 1 || n > 3)
        return false;
    return copy(c->name, sizeof c->name, n > 1 ? v[1] : "") &&
           copy(c->subresource, sizeof c->subresource, n > 2 ? v[2] : "");
}

static bool query_true(const struct sim_request *req, const char *name)
{
    const char *v = sim_request_query(req, name);

    return v && (strcmp(v, "1") == 0 || strcmp(v, "true") == 0 || strcmp(v, "True") == 0 || *v == 0);
}

/* The verb by method and target; false: the method is not allowed there. */
static bool parse_verb(struct sim_call *c, bool old_watch)
{
    const char *m = sim_request_method(c->req);
    bool one = *c->name != 0, watch = old_watch || (!one && query_true(c->req, "watch"));
    bool placed = !c->resource->kind.namespaced || *c->ns;

    if (strcmp(m, "GET") == 0)
        c->verb = watch ? SIM_WATCH : one ? SIM_GET : SIM_LIST;
    else if (strcmp(m, "POST") == 0 && (!one || *c->subresource))
        c->verb = SIM_CREATE;
    else if (strcmp(m, "PUT") == 0 && one)
        c->verb = SIM_UPDATE;
    else if (strcmp(m, "PATCH") == 0 && one)
        c->verb = SIM_PATCH;
    else if (strcmp(m, "DELETE") == 0)
        c->verb = one ? SIM_DELETE : SIM_DELETECOLLECTION;
    else
        return false;
    return placed || c->verb == SIM_LIST || c->verb == SIM_WATCH;
}

static bool is_log(const struct sim_call *c)
{
    return c->verb == SIM_GET && strcmp(c->subresource, "log") == 0 && strcmp(c->resource->name, "pods") == 0;
}

static void serve(struct sim_call *c)
{
    if (is_log(c)) {
        sim_log_serve(c);
        return;
    }
    switch (c->verb) {
    case SIM_LIST:
        c->api->counters.lists++;
        sim_list_serve(c);
        break;
    case SIM_WATCH:
        c->api->counters.watches++;
        sim_watch_serve(c);
        break;
    case SIM_GET:
        c->api->counters.gets++;
        sim_get_serve(c);
        break;
    default:
        sim_write_serve(c);
        break;
    }
}

static bool may_call(const struct sim_call *c, const struct sim_user *u)
{
    const struct sim_kind *k = &c->resource->kind;
    const struct sim_attempt what = {.verb = sim_verb_text(c->verb), .group = k->group, .resource = k->plural, .subresource = c->subresource,
                                     .name = c->name, .ns = c->ns};

    if (sim_access_allows(&c->api->access, u, &what))
        return true;
    sim_reply_forbidden(c->req, u->name, &what);
    return false;
}

static bool may_see(const struct sim_api *api, struct sim_request *req, const struct sim_user *u)
{
    const struct sim_attempt what = {.verb = "get", .path = sim_request_path(req)};

    if (sim_access_allows(&api->access, u, &what))
        return true;
    sim_reply_forbidden(req, u->name, &what);
    return false;
}

/* What is known about a request before it is served. */
struct visit {
    struct sim_user user;
    bool delayed;
};

static void resource_request(struct sim_api *api, struct sim_request *req, const struct segments *s,
                             const struct visit *visit)
{
    bool core = strcmp(s->v[0], "api") == 0, custom = false, old_watch;
    const char *group = core ? "" : s->v[1], *version = core ? s->v[1] : s->v[2];
    struct sim_call c = {.api = api, .req = req};

    if (!parse_target(&c, group, version, s->v + (core ? 2 : 3), s->n - (core ? 2 : 3), &old_watch) || !c.resource) {
        if (!sim_world_known_group(api->world, group, &custom) || custom)
            sim_reply_no_path(req);
        else
            sim_reply_no_resource(req);
        return;
    }
    if (!parse_verb(&c, old_watch)) {
        sim_reply_method_not_allowed(req);
        return;
    }
    if (may_call(&c, &visit->user) && !sim_fault_request(&c, visit->delayed))
        serve(&c);
}

static void handle(struct sim_api *api, struct sim_request *req, bool delayed)
{
    struct visit visit = {.delayed = delayed};
    struct segments s;

    if (!split(sim_request_path(req), &s)) {
        sim_reply_no_path(req);
        return;
    }
    if (s.n && strcmp(s.v[0], "sim") == 0) {
        sim_control_serve(api, req, s.n > 1 ? s.v[1] : "");
        return;
    }
    api->counters.requests++;
    if (!sim_access_caller(&api->access, sim_request_header(req, "Authorization"), &visit.user)) {
        sim_status_reply(req, &(struct sim_status){.code = 401, .reason = "Unauthorized", .message = "Unauthorized"});
        return;
    }
    if (sim_review_serve(api, req, &visit.user, s.v, s.n))
        return;
    if ((s.n > 2 && strcmp(s.v[0], "api") == 0) || (s.n > 3 && strcmp(s.v[0], "apis") == 0))
        resource_request(api, req, &s, &visit);
    else if (may_see(api, req, &visit.user))
        sim_discovery_serve(api, req, s.v, s.n);
}

void sim_api_handle(void *ctx, struct sim_request *req)
{
    handle(ctx, req, false);
}

void sim_api_handle_delayed(struct sim_api *api, struct sim_request *req)
{
    handle(api, req, true);
}
