/* sim_delete.c - the rules of deleting: preconditions, finalizers, grace periods, what goes along.
 *
 * There is no kubelet here: a pod on a node that is deleted with a grace period shows its deletionTimestamp first and is
 * removed a moment later, which is what a watcher of a real cluster sees.
 */
#include "sim_delete.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim_crd.h"
#include "sim_encode.h"
#include "sim_select.h"
#include "sim_status.h"
#include "sim_target.h"

enum { KUBELET_MS = 300 };

/* ---- delete ------------------------------------------------------------------------------------------ */

static void refuse_precondition(struct sim_call *c, const char *what, const char *given, const char *recorded, const char *how)
{
    char message[1024];

    (void)snprintf(message, sizeof message, "Operation cannot be fulfilled on %s \"%s\": the %s in the precondition (%s) does not match the %s "
                   "in record (%s). The object might have been %s", c->resource->kind.kind, c->name, what, given, what, recorded, how);
    sim_status_reply(c->req, &(struct sim_status){.code = 409, .reason = "Conflict", .message = message, .name = c->name,
                                                  .group = c->resource->kind.group, .kind = c->resource->kind.kind});
}

/* DeleteOptions: preconditions. False: answered with a conflict. */
static bool preconditions_hold(struct sim_call *c, const json_t *options, const json_t *v)
{
    const char *uid = sim_json_text(options, "preconditions.uid"), *rv = sim_json_text(options, "preconditions.resourceVersion");

    if (*uid && strcmp(uid, sim_json_text(v, "metadata.uid")) != 0) {
        refuse_precondition(c, "UID", uid, sim_json_text(v, "metadata.uid"), "deleted and then recreated");
        return false;
    }
    if (*rv && strcmp(rv, sim_json_text(v, "metadata.resourceVersion")) != 0) {
        refuse_precondition(c, "ResourceVersion", rv, sim_json_text(v, "metadata.resourceVersion"), "modified");
        return false;
    }
    return true;
}

/* Seconds between the wish and the end; 0: at once. */
static int64_t grace_of(const struct sim_call *c, const json_t *options, const json_t *v)
{
    const json_t *given = json_object_get(options, "gracePeriodSeconds"), *own = sim_json_at(v, "spec.terminationGracePeriodSeconds");
    const char *query = sim_request_query(c->req, "gracePeriodSeconds");

    if (strcmp(c->resource->name, "pods") != 0 || !*sim_json_text(v, "spec.nodeName"))
        return 0;
    if (json_is_integer(given))
        return json_integer_value(given);
    if (query)
        return strtoll(query, NULL, 10);
    return json_is_integer(own) ? json_integer_value(own) : 30;
}

/* Mark old as being deleted; returns the marked object (owned). */
static struct sim_object *mark_deleted(struct sim_api *api, struct sim_resource *r, json_t *v, int64_t grace)
{
    json_t *m = sim_target_metadata(v);
    struct sim_object *o;
    char text[32];

    sim_rfc3339(sim_wall_ns() + (uint64_t)grace * 1000000000u, text);
    (void)json_object_set_new(m, "deletionTimestamp", json_string(text));
    (void)json_object_set_new(m, "deletionGracePeriodSeconds", json_integer(grace));
    o = sim_encode(r, v, sim_world_next_rv(api->world));
    sim_world_store(api->world, r, o);
    api->counters.writes++;
    return o;
}

/* A pod whose kubelet will finish the deletion. */
struct sim_dying {
    struct sim_dying *next;
    struct sim_resource *resource;
    uint64_t due_ms;
    char uid[64];
    char key[600];
};

static void let_die(struct sim_call *c, const struct sim_object *o, const char *uid)
{
    struct sim_dying *d = sim_alloc(sizeof *d), **at = &c->api->dying;

    *d = (struct sim_dying){.resource = c->resource, .due_ms = sim_request_now_ms(c->req) + KUBELET_MS};
    (void)snprintf(d->key, sizeof d->key, "%.*s", TARN_BYTES_ARG(sim_object_key(o)));
    (void)snprintf(d->uid, sizeof d->uid, "%s", uid);
    while (*at)
        at = &(*at)->next;
    *at = d;
}

static void die(struct sim_api *api, const struct sim_dying *d)
{
    struct sim_object *o = sim_tree_get(&d->resource->tree, tarn_bytes_of(d->key));
    json_t *v = o ? sim_decode(d->resource, o) : NULL;

    if (v && strcmp(sim_json_text(v, "metadata.uid"), d->uid) == 0 && sim_target_is_released(v))
        (void)sim_world_delete(api->world, d->resource, tarn_bytes_of(d->key));
    json_decref(v);
}

void sim_delete_reap(struct sim_api *api)
{
    uint64_t now = sim_http_now_ms(api->http);

    while (api->dying && api->dying->due_ms <= now) {
        struct sim_dying *d = api->dying;

        api->dying = d->next;
        die(api, d);
        free(d);
    }
}

void sim_delete_release(struct sim_api *api)
{
    while (api->dying) {
        struct sim_dying *d = api->dying;

        api->dying = d->next;
        free(d);
    }
}

static void reply_deleted(struct sim_call *c, const json_t *v)
{
    const struct sim_kind *k = &c->resource->kind;
    struct tarn_buf body = {0};

    sim_puts(&body, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Success\",\"details\":{\"name\":");
    sim_json_put_string(&body, tarn_bytes_of(c->name));
    if (*k->group)
        sim_putf(&body, ",\"group\":\"%s\"", k->group);
    sim_putf(&body, ",\"kind\":\"%s\",\"uid\":\"%s\"}}\n", k->plural, sim_json_text(v, "metadata.uid"));
    sim_reply(c->req, &(struct sim_reply_head){.code = 200}, &body);
}

/* Everything in a namespace goes with it. */
static void delete_content(struct sim_world *w, const char *ns)
{
    char from[260];

    (void)snprintf(from, sizeof from, "%s/", ns);
    for (struct sim_resource *r = w->resources; r; r = r->next) {
        while (r->kind.namespaced) {
            struct sim_object *o = sim_tree_at(&r->tree, sim_tree_rank(&r->tree, tarn_bytes_of(from)));

            if (!o || !tarn_bytes_equal(sim_object_ns(o), tarn_bytes_of(ns)))
                break;
            (void)sim_world_delete(w, r, sim_object_key(o));
        }
    }
}

static void delete_now(struct sim_call *c, struct sim_object *o, const json_t *v)
{
    struct sim_world *w = c->api->world;

    c->api->counters.writes++;
    if (strcmp(c->resource->name, "namespaces") == 0)
        delete_content(w, sim_json_text(v, "metadata.name"));
    sim_crd_deleted(w, c->resource, v);
    (void)sim_world_delete(w, c->resource, sim_object_key(o));
}

static json_t *read_options(struct sim_call *c)
{
    struct tarn_bytes b = sim_request_body(c->req);
    json_t *v = b.len ? sim_json_parse(b, NULL) : NULL;

    return v ? v : json_object();
}

void sim_delete_serve(struct sim_call *c)
{
    struct sim_object *o = sim_target_existing(c);
    json_t *options, *v;
    int64_t grace;

    if (!o)
        return;
    options = read_options(c);
    v = sim_decode(c->resource, o);
    grace = grace_of(c, options, v);
    if (!preconditions_hold(c, options, v)) {
        /* answered */
    } else if (sim_target_dry_run(c)) {
        sim_target_reply(c, 200, sim_object_ref(o));
    } else if (sim_json_at(v, "metadata.deletionTimestamp") && grace > 0) {
        sim_target_reply(c, 200, sim_object_ref(o)); /* it is on its way already */
    } else if (grace > 0 || json_array_size(sim_json_at(v, "metadata.finalizers")) > 0) {
        struct sim_object *marked = mark_deleted(c->api, c->resource, v, grace);

        if (grace > 0)
            let_die(c, marked, sim_json_text(v, "metadata.uid"));
        sim_target_reply(c, 200, marked);
    } else {
        delete_now(c, o, v);
        reply_deleted(c, v);
    }
    json_decref(options);
    json_decref(v);
}

/* What was deleted, as a list. */
static void begin_list(const struct sim_call *c, struct tarn_buf *out)
{
    const struct sim_kind *k = &c->resource->kind;

    sim_putf(out, "{\"kind\":\"%sList\",\"apiVersion\":\"%s%s%s\",\"metadata\":{\"resourceVersion\":\"%llu\"},\"items\":[", k->kind, k->group,
             *k->group ? "/" : "", k->version, (unsigned long long)c->api->world->rv);
}

void sim_delete_collection_serve(struct sim_call *c)
{
    struct tarn_buf body = {0};
    struct sim_tree snapshot;
    struct sim_selection s;
    struct sim_walk walk;
    struct sim_object *o;
    const char *comma = "";

    if (!sim_selection_parse(c, &s))
        return;
    snapshot = sim_tree_snapshot(&c->resource->tree);
    sim_walk_begin(&walk, &snapshot, (struct tarn_bytes){0});
    begin_list(c, &body);
    while ((o = sim_walk_next(&walk)) != NULL) {
        json_t *v;

        if (!sim_selection_matches(&s, o))
            continue;
        sim_puts(&body, comma);
        sim_object_render(o, &body);
        comma = ",";
        v = sim_decode(c->resource, o);
        delete_now(c, o, v);
        json_decref(v);
    }
    sim_tree_release(&snapshot);
    sim_selection_release(&s);
    sim_puts(&body, "]}\n");
    sim_reply(c->req, &(struct sim_reply_head){.code = 200}, &body);
}
