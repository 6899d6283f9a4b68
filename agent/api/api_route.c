/* api_route.c - where a request to the read API goes; see api_call.h.
 *
 * What is not ours (writes, logs and other subresources, upgrades, what is not mirrored) goes to api_pass.h, which passes it on or refuses it,
 * without a question about access: the API server asks it itself. All else is decided first, and only then is it told what is wrong with it.
 */
#include "api_impl.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void pass(struct api_call *c)
{
    struct tarn_http_exchange *x = c->x;
    struct api *a = c->api;

    api_count(&a->o.counters->passed, 1);
    api_call_end(c);
    api_pass_serve(a->pass, x);
}

/* ---- what serves it -------------------------------------------------------------------------------------------- */

static bool holds(struct api_realm *r, const struct api_request *q)
{
    return api_realm_has(r, q->group, q->resource);
}

/* The first realm that holds it and may be read by the caller. */
static struct api_realm *realm_for(const struct api_call *c)
{
    for (unsigned i = 0; i < c->api->nrealms; i++) {
        struct api_realm *r = c->api->realms[i].realm;

        if (holds(r, &c->request) && api_call_may_read(c, r))
            return r;
    }
    return NULL;
}

static void serve_resource(struct api_call *c)
{
    struct api_counters *n = c->api->o.counters;
    struct api_answer answer = {0};

    c->realm = realm_for(c);
    if (!c->realm) { /* it went while access was decided */
        api_answer_no_resource(&answer);
        api_call_answer(c, &answer);
    } else if (c->request.verb == API_WATCH) {
        api_count(&n->watches, 1);
        api_watch_serve(c);
    } else {
        api_count(c->request.verb == API_LIST ? &n->lists : &n->gets, 1);
        api_list_serve(c);
    }
}

static void serve(struct api_call *c)
{
    struct api_answer answer = {0};

    if (c->request.refusal.code) {
        answer = c->request.refusal;
        c->request.refusal = (struct api_answer){0};
        api_call_answer(c, &answer);
    } else if (c->request.place == API_AT_RESOURCE) {
        serve_resource(c);
    } else if (c->request.place == API_AT_ELSEWHERE || c->request.place == API_AT_OPENAPI) {
        api_answer_no_path(&answer);
        api_call_answer(c, &answer);
    } else {
        api_count(&c->api->o.counters->discoveries, 1);
        api_discovery_serve(c);
    }
}

/* ---- may they? ------------------------------------------------------------------------------------------------------ */

static void count_refusal(struct api_counters *n, unsigned code)
{
    api_count(code == 401 ? &n->unauthorized : code == 403 ? &n->forbidden : &n->unavailable, 1);
}

static void on_decided(void *ctx, const struct tarn_status *refusal)
{
    struct api_call *c = ctx;
    struct api_answer answer = {0};

    c->decision = NULL;
    if (!refusal) {
        serve(c);
        return;
    }
    api_answer_of_status(refusal, &answer);
    count_refusal(c->api->o.counters, answer.code);
    api_call_answer(c, &answer);
}

static void decide(struct api_call *c, const struct tarn_config_realm *const *realms, unsigned n)
{
    const struct api_request *q = &c->request;
    struct api_attributes what = {.verb = api_verb_text(q->verb), .realms = realms, .nrealms = n};
    struct api_decision *d;

    if (q->place == API_AT_RESOURCE) {
        what.group = q->group;
        what.version = q->version;
        what.resource = q->resource;
        what.ns = api_request_access_namespace(q);
        what.name = q->name;
    } else {
        what.path = q->path;
    }
    d = api_access_decide(c->api->access, &c->caller, &what, on_decided, c);
    if (d) /* else c has gone its way */
        c->decision = d;
}

/* No realm holds it: is that because one has not come yet? */
static void no_realm(struct api_call *c)
{
    struct api_answer answer = {0};

    for (unsigned i = 0; i < c->api->nrealms; i++) {
        if (!api_realm_is_attached(c->api->realms[i].realm)) {
            api_answer_initializing(&answer);
            count_refusal(c->api->o.counters, answer.code);
            api_call_answer(c, &answer);
            return;
        }
    }
    pass(c);
}

static void ask_for_access(struct api_call *c)
{
    const struct api *a = c->api;
    const struct tarn_config_realm **v = calloc(a->nrealms + 1, sizeof *v);
    struct api_answer answer = {0};
    unsigned n = 0;

    for (unsigned i = 0; v && i < a->nrealms; i++)
        if (c->request.place != API_AT_RESOURCE || holds(a->realms[i].realm, &c->request))
            v[n++] = a->realms[i].entry;
    if (!v) {
        api_answer_failure(TARN_REASON_SERVICE_UNAVAILABLE, &answer, "out of memory");
        api_call_answer(c, &answer);
    } else if (!n) {
        no_realm(c);
    } else if (tarn_http_exchange_is_local(c->x) && !c->caller.peer) {
        api_answer_failure(TARN_REASON_FORBIDDEN, &answer, "the kernel does not say who you are");
        api_call_answer(c, &answer);
    } else {
        decide(c, v, n);
    }
    free(v);
}

/* ---- what is it? ------------------------------------------------------------------------------------------------------ */

static int is_impersonation(void *ctx, const char *name, const char *value)
{
    (void)ctx, (void)value;
    return strncasecmp(name, "Impersonate-", 12) == 0;
}

/* What the caller takes; where it matters and nothing fits, that is one more thing wrong with the request. */
static void negotiate(struct api_call *c)
{
    struct api_request *q = &c->request;
    struct api_answer unacceptable = {0};
    struct api_accept accept = {
        .accept = tarn_bytes_of(tarn_http_exchange_header(c->x, "Accept")),
        .user_agent = tarn_bytes_of(tarn_http_exchange_header(c->x, "User-Agent")),
        .pretty = q->pretty,
        .include = q->include,
        .discovery = q->place == API_AT_CORE || q->place == API_AT_GROUPS,
        .watch = q->place == API_AT_RESOURCE && q->verb == API_WATCH,
    };
    bool matters = q->place == API_AT_RESOURCE || q->place == API_AT_CORE || q->place == API_AT_GROUPS || q->place == API_AT_GROUP ||
                   q->place == API_AT_GROUP_VERSION;

    if (!api_form_negotiate(&accept, &c->form, &unacceptable))
        return;
    if (matters && !q->refusal.code)
        q->refusal = unacceptable;
    else
        api_answer_release(&unacceptable);
}

static struct api_call *call_new(struct api *a, struct tarn_http_exchange *x)
{
    struct api_call *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->api = a;
    c->x = x;
    LIST_INSERT_HEAD(&a->calls, c, link);
    if (api_request_parse(tarn_bytes_of(tarn_http_exchange_method(x)), tarn_bytes_of(tarn_http_exchange_target(x)), &c->request)) {
        api_call_end(c);
        return NULL;
    }
    c->caller = (struct api_caller){
        .peer = tarn_http_exchange_peer(x),
        .authorization = tarn_http_exchange_header(x, "Authorization"),
        .impersonates = tarn_http_exchange_each_header(x, is_impersonation, NULL) != 0,
    };
    negotiate(c);
    return c;
}

/* Is it nothing that this API serves? */
static bool is_for_others(const struct api_call *c)
{
    const struct api_request *q = &c->request;

    if (!api_request_reads(q) || q->subresource.len || tarn_http_exchange_header(c->x, "Upgrade"))
        return true;
    if (!api_pass_is_on(c->api->pass))
        return false;
    /* whoever can be served by the server must be able to find what it has: its discovery, not the mirror's */
    if (q->place != API_AT_RESOURCE && q->place != API_AT_HEALTH && c->caller.authorization)
        return true;
    return c->caller.impersonates || q->place == API_AT_ELSEWHERE || q->place == API_AT_OPENAPI;
}

void api_route(void *ctx, struct tarn_http_exchange *x)
{
    struct api_call *c = call_new(ctx, x);
    struct tarn_buf body = {0};

    if (!c)
        tarn_http_exchange_reply(x, 503, "application/json", &body);
    else if (is_for_others(c))
        pass(c);
    else if (c->request.place == API_AT_HEALTH) /* as the API server, to everyone */
        api_call_reply(c, 200, "text/plain; charset=utf-8", tarn_buf_adds(&body, "ok") ? &(struct tarn_buf){0} : &body);
    else
        ask_for_access(c);
}

void api_route_stop(struct api *a)
{
    struct api_answer answer = {0};
    struct api_call *c, *next;

    for (c = LIST_FIRST(&a->calls); c; c = next) {
        next = LIST_NEXT(c, link);
        if (!c->decision)
            continue;
        api_access_cancel(c->decision);
        api_answer_failure(TARN_REASON_SERVICE_UNAVAILABLE, &answer, "the agent is stopping");
        api_call_answer(c, &answer);
    }
}
