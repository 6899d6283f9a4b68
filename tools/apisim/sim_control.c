/* sim_control.c - /sim/stats and friends. */
#include "sim_control.h"

#include <inttypes.h>
#include <stdlib.h>

#include "sim_churn.h"
#include "sim_fault.h"
#include "sim_json.h"
#include "sim_status.h"
#include "sim_watch.h"

static void stats(struct sim_api *api, struct sim_request *req)
{
    const struct sim_counters *c = &api->counters;
    struct tarn_buf body = {0};
    bool first = true;

    sim_putf(&body, "{\"resourceVersion\":\"%" PRIu64 "\",\"changes\":%" PRIu64 ",\"requests\":%" PRIu64, api->world->rv,
             api->world->changes, c->requests);
    sim_putf(&body, ",\"lists\":%" PRIu64 ",\"gets\":%" PRIu64 ",\"writes\":%" PRIu64 ",\"watches\":%" PRIu64, c->lists,
             c->gets, c->writes, c->watches);
    sim_putf(&body, ",\"openWatches\":%u,\"watchEvents\":%" PRIu64 ",\"faults\":%" PRIu64 ",\"sentBytes\":%" PRIu64,
             c->open_watches, c->watch_events, sim_faults_total(api->faults), sim_http_sent_bytes(api->http));
    sim_putf(&body, ",\"churn\":{\"perSecond\":%u,\"done\":%" PRIu64 "},\"objects\":{", sim_churn_rate(api->churn),
             sim_churn_done(api->churn));
    for (struct sim_resource *r = api->world->resources; r; r = r->next) {
        if (r->gone)
            continue;
        sim_putf(&body, "%s\"%s\":%u", first ? "" : ",", r->name, sim_tree_count(&r->tree));
        first = false;
    }
    sim_puts(&body, "}}\n");
    sim_reply(req, &(struct sim_reply_head){.code = 200}, &body);
}

/* ---- what a POST may say: JSON, or the query ------------------------------------------------------ */

struct parameters {
    json_t *json; /* NULL: no body */
    struct sim_request *req;
};

static const char *text_of(const struct parameters *p, const char *key)
{
    const char *s = json_string_value(json_object_get(p->json, key));

    return s ? s : sim_request_query(p->req, key);
}

static uint64_t number_of(const struct parameters *p, const char *key, uint64_t otherwise)
{
    const json_t *v = json_object_get(p->json, key);
    const char *s = sim_request_query(p->req, key);

    return json_is_integer(v) ? (uint64_t)json_integer_value(v) : s ? strtoull(s, NULL, 10) : otherwise;
}

static void reply_done(struct sim_api *api, struct sim_request *req, const char *key, uint64_t value)
{
    struct tarn_buf body = {0};

    sim_putf(&body, "{\"resourceVersion\":\"%" PRIu64 "\"", api->world->rv);
    if (key)
        sim_putf(&body, ",\"%s\":%" PRIu64, key, value);
    sim_puts(&body, "}\n");
    sim_reply(req, &(struct sim_reply_head){.code = 200}, &body);
}

/* The resource a parameter names. False: there is none of that name; answered. *ret NULL: none named, so all. */
static bool resource_of(struct sim_api *api, const struct parameters *p, struct sim_resource **ret)
{
    const char *name = text_of(p, "resource");

    *ret = name && *name ? sim_world_find_name(api->world, name) : NULL;
    if (name && *name && !*ret) {
        sim_reply_bad_request(p->req, "no resource '%s'", name);
        return false;
    }
    return true;
}

/* ---- faults ----------------------------------------------------------------------------------------- */

static void list_faults(struct sim_api *api, struct sim_request *req)
{
    struct tarn_buf body = {0};

    sim_faults_print(api->faults, &body);
    sim_puts(&body, "\n");
    sim_reply(req, &(struct sim_reply_head){.code = 200}, &body);
}

/* {"kind": "status", "code": 429} as kind=status,code=429 */
static void put_spec(const json_t *v, struct tarn_buf *out)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)v, key, value) {
        sim_putf(out, "%s%s=", out->len ? "," : "", key);
        if (json_is_string(value))
            sim_puts(out, json_string_value(value));
        else
            sim_json_dump(value, false, out);
    }
    sim_put(out, "", 1);
}

static void add_faults(struct sim_api *api, struct sim_request *req, const json_t *v)
{
    const json_t *one = json_is_array(v) ? json_array_get(v, 0) : v;
    struct tarn_error err = {0};
    unsigned id = 0;

    for (size_t i = 0; one; one = json_is_array(v) ? json_array_get(v, ++i) : NULL) {
        struct tarn_buf spec = {0};
        int rc;

        put_spec(one, &spec);
        rc = sim_faults_add(api->faults, spec.data, &id, &err);
        tarn_buf_release(&spec);
        if (rc) {
            sim_reply_bad_request(req, "%s", err.message);
            return;
        }
    }
    if (id)
        reply_done(api, req, "id", id);
    else
        sim_reply_bad_request(req, "send a fault as JSON, such as {\"kind\":\"status\",\"code\":429}");
}

static void fault(struct sim_api *api, struct parameters *p)
{
    struct sim_request *req = p->req;
    const char *method = sim_request_method(req);

    if (strcmp(method, "GET") == 0) {
        list_faults(api, req);
    } else if (strcmp(method, "DELETE") == 0) {
        sim_faults_remove(api->faults, (unsigned)number_of(p, "id", 0));
        reply_done(api, req, NULL, 0);
    } else {
        add_faults(api, req, p->json);
    }
}

/* ---- acts: done once, at once ------------------------------------------------------------------------- */

static void act_churn(struct sim_api *api, struct parameters *p)
{
    sim_churn_set_rate(api->churn, (uint32_t)number_of(p, "perSecond", 0));
    reply_done(api, p->req, "perSecond", sim_churn_rate(api->churn));
}

static void act_quiesce(struct sim_api *api, struct parameters *p)
{
    sim_churn_pause(api->churn);
    reply_done(api, p->req, NULL, 0);
}

static void act_resume(struct sim_api *api, struct parameters *p)
{
    sim_churn_resume(api->churn);
    reply_done(api, p->req, "perSecond", sim_churn_rate(api->churn));
}

static void act_change(struct sim_api *api, struct parameters *p)
{
    uint64_t n = number_of(p, "count", 1), made = 0;

    while (api->generator && made < n) {
        uint32_t m = sim_generator_change(api->generator);

        if (!m)
            break;
        made += m;
    }
    reply_done(api, p->req, "changes", made);
}

static void act_drop(struct sim_api *api, struct parameters *p)
{
    struct sim_resource *r;
    const char *how = text_of(p, "how");

    if (resource_of(api, p, &r))
        reply_done(api, p->req, "watches",
                   sim_watch_drop(api->world, r, how && strcmp(how, "cut") == 0));
}

static void act_compact(struct sim_api *api, struct parameters *p)
{
    struct sim_resource *r;

    if (!resource_of(api, p, &r))
        return;
    sim_world_compact(api->world, r);
    reply_done(api, p->req, NULL, 0);
}

static void act_rewind(struct sim_api *api, struct parameters *p)
{
    uint64_t by = number_of(p, "by", 0), to = number_of(p, "to", api->world->rv > by ? api->world->rv - by : 0);
    struct sim_request *req = p->req;

    if (to > api->world->rv || !sim_world_rewind(api->world, to)) {
        sim_reply_bad_request(req, "cannot go back to %" PRIu64 ": the history does not reach back that far", to);
        return;
    }
    (void)sim_watch_drop(api->world, NULL, true);
    reply_done(api, req, NULL, 0);
}

static void act_access(struct sim_api *api, struct parameters *p)
{
    struct tarn_error err = {0};

    if (sim_access_set(&api->access, p->json, &err))
        sim_reply_bad_request(p->req, "%s", err.message);
    else
        reply_done(api, p->req, NULL, 0);
}

static const struct {
    const char *name;
    void (*act)(struct sim_api *api, struct parameters *p);
    bool post; /* GET is refused: it changes something */
} acts[] = {
    {"fault", fault, false},        {"churn", act_churn, true},     {"quiesce", act_quiesce, true},
    {"resume", act_resume, true},   {"change", act_change, true},   {"drop-watches", act_drop, true},
    {"compact", act_compact, true}, {"rewind", act_rewind, true},   {"access", act_access, true},
};

void sim_control_serve(struct sim_api *api, struct sim_request *req, const char *what)
{
    struct parameters p = {.req = req};
    struct tarn_bytes body = sim_request_body(req);
    struct tarn_error err;

    if (strcmp(what, "stats") == 0) {
        stats(api, req);
        return;
    }
    if (body.len && !(p.json = sim_json_parse(body, &err))) {
        sim_reply_bad_request(req, "the body is no JSON: %s", err.message);
        return;
    }
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        if (strcmp(what, acts[i].name) != 0)
            continue;
        if (acts[i].post && strcmp(sim_request_method(req), "POST") != 0)
            sim_reply_method_not_allowed(req);
        else
            acts[i].act(api, &p);
        json_decref(p.json);
        return;
    }
    json_decref(p.json);
    sim_reply_no_path(req);
}
