/* sim_write.c - the rules of writing: names, versions, generations, finalizers, graceful deletion.
 *
 * There is no kubelet here: a pod on a node that is deleted with a grace period shows its deletionTimestamp first and is
 * removed a moment later, which is what a watcher of a real cluster sees.
 */
#include "sim_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "sim_crd.h"
#include "sim_encode.h"
#include "sim_list.h"
#include "sim_patch.h"
#include "sim_select.h"
#include "sim_status.h"
#include "sim_yaml.h"

enum { KUBELET_MS = 300 };

/* ---- answers ------------------------------------------------------------------------------- */

static void refuse_conflict(struct sim_call *c, const char *why)
{
    char message[1024];

    (void)snprintf(message, sizeof message, "Operation cannot be fulfilled on %s \"%s\": %s", c->resource->name, c->name, why);
    sim_status_reply(c->req, &(struct sim_status){.code = 409, .reason = "Conflict", .message = message, .name = c->name,
                                                  .group = c->resource->kind.group, .kind = c->resource->kind.plural});
}

static void refuse_exists(struct sim_call *c, const char *name)
{
    char message[512];

    (void)snprintf(message, sizeof message, "%s \"%s\" already exists", c->resource->name, name);
    sim_status_reply(c->req, &(struct sim_status){.code = 409, .reason = "AlreadyExists", .message = message, .name = name,
                                                  .group = c->resource->kind.group, .kind = c->resource->kind.plural});
}

static void refuse_media_type(struct sim_call *c, const char *accepted)
{
    char message[512];

    (void)snprintf(message, sizeof message,
                   "the body of the request was in an unknown format - accepted media types include: %s", accepted);
    sim_status_reply(c->req, &(struct sim_status){.code = 415, .reason = "UnsupportedMediaType", .message = message});
}

/* ---- names ------------------------------------------------------------------------------------- */

static const char subdomain_rule[] =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

static bool alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* RFC 1123 subdomain: labels of [a-z0-9-] that begin and end alphanumeric, joined by dots. */
static bool valid_name(const char *name)
{
    size_t n = strlen(name);

    if (n == 0 || n > 253)
        return false;
    for (size_t i = 0; i < n; i++) {
        bool edge = i == 0 || i == n - 1 || name[i - 1] == '.' || name[i + 1] == '.';

        if (!alphanumeric(name[i]) && (edge || (name[i] != '-' && name[i] != '.')))
            return false;
    }
    return true;
}

static void refuse_name(struct sim_call *c, const char *name)
{
    char detail[2048];

    if (*name)
        (void)snprintf(detail, sizeof detail, "Invalid value: \"%.256s\": %s", name, subdomain_rule);
    else
        (void)snprintf(detail, sizeof detail, "Required value: name or generateName is required");
    sim_reply_invalid(c->req, &(struct sim_invalid){
                                  .group = c->resource->kind.group, .kind = c->resource->kind.kind, .name = name,
                                  .cause_reason = *name ? "FieldValueInvalid" : "FieldValueRequired",
                                  .field = "metadata.name", .detail = detail});
}

static void make_key(const struct sim_call *c, const char *name, char *ret, size_t n)
{
    (void)snprintf(ret, n, "%.255s%s%.255s", c->resource->kind.namespaced ? c->ns : "", c->resource->kind.namespaced ? "/" : "", name);
}

static struct sim_object *find(const struct sim_call *c, const char *name)
{
    char key[600];

    make_key(c, name, key, sizeof key);
    return sim_tree_get(&c->resource->tree, tarn_bytes_of(key));
}

/* ---- the body ------------------------------------------------------------------------------------ */

static bool content_type_is(const struct sim_call *c, const char *type)
{
    const char *t = sim_request_header(c->req, "Content-Type");
    size_t n = strlen(type);

    return t && strncasecmp(t, type, n) == 0 && (t[n] == 0 || t[n] == ';' || t[n] == ' ');
}

static void refuse_syntax(struct sim_call *c, const struct tarn_error *err)
{
    struct tarn_bytes b = sim_request_body(c->req);

    sim_reply_bad_request(c->req,
                          "the object provided is unrecognized (must be of type %s): couldn't get version/kind; json parse "
                          "error: %s (%.*s%s)", c->resource->kind.kind, err->message, (int)(b.len > 100 ? 100 : b.len),
                          b.data ? b.data : "", b.len > 100 ? " ..." : "");
}

/* The object in the body, owned; NULL: answered. */
static json_t *read_body(struct sim_call *c)
{
    bool yaml = content_type_is(c, "application/yaml");
    struct tarn_error err = {0};
    json_t *v;

    if (sim_request_body_too_large(c->req)) {
        sim_status_reply(c->req, &(struct sim_status){.code = 413, .reason = "RequestEntityTooLarge",
                                                      .message = "Request entity too large: limit is 3145728"});
        return NULL;
    }
    if (sim_request_header(c->req, "Content-Type") && !yaml && !content_type_is(c, "application/json") &&
        c->verb != SIM_PATCH) {
        refuse_media_type(c, "application/json, application/yaml");
        return NULL;
    }
    v = yaml ? sim_yaml_parse(sim_request_body(c->req), &err) : sim_json_parse(sim_request_body(c->req), &err);
    if (!v)
        refuse_syntax(c, &err);
    return v;
}

/* Does v say the kind and version of the resource it was sent to? False: answered. */
static bool kind_fits(struct sim_call *c, const json_t *v)
{
    const struct sim_kind *k = &c->resource->kind;
    const char *kind = sim_json_text(v, "kind"), *api_version = sim_json_text(v, "apiVersion");
    char wanted[160];

    (void)snprintf(wanted, sizeof wanted, "%s%s%s", k->group, *k->group ? "/" : "", k->version);
    if ((!*kind || strcmp(kind, k->kind) == 0) && (!*api_version || strcmp(api_version, wanted) == 0) && json_is_object(v))
        return true;
    sim_reply_bad_request(c->req, "the API version in the data (%s, Kind=%s) does not match the expected API version (%s, "
                          "Kind=%s)", api_version, kind, wanted, k->kind);
    return false;
}

static json_t *metadata_of(json_t *v)
{
    json_t *m = json_object_get(v, "metadata");

    if (!json_is_object(m)) {
        (void)json_object_set_new(v, "metadata", json_object());
        m = json_object_get(v, "metadata");
    }
    return m;
}

/* Put the namespace of the path into v; one that says another is refused. False: answered. */
static bool namespace_fits(struct sim_call *c, json_t *v)
{
    json_t *m = metadata_of(v);
    const char *ns = sim_json_text(v, "metadata.namespace");

    if (!c->resource->kind.namespaced) {
        (void)json_object_del(m, "namespace");
        return true;
    }
    if (*ns && strcmp(ns, c->ns) != 0) {
        sim_reply_bad_request(c->req, "the namespace of the provided object does not match the namespace sent on the request");
        return false;
    }
    (void)json_object_set_new(m, "namespace", json_string(c->ns));
    return true;
}

static bool dry_run(const struct sim_call *c)
{
    const char *v = sim_request_query(c->req, "dryRun");

    return v && strcmp(v, "All") == 0;
}

static void reply_object(struct sim_call *c, int code, struct sim_object *o)
{
    sim_object_reply(c, code, o);
    sim_object_unref(o);
}

/* ---- create --------------------------------------------------------------------------------------- */

static bool namespace_exists(struct sim_call *c)
{
    struct sim_resource *namespaces = sim_world_find_name(c->api->world, "namespaces");

    if (!c->resource->kind.namespaced || sim_tree_get(&namespaces->tree, tarn_bytes_of(c->ns)))
        return true;
    sim_reply_not_found(c->req, &namespaces->kind, c->ns);
    return false;
}

/* metadata.name from generateName, if need be. */
static void generate_name(struct sim_call *c, json_t *v)
{
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
    const char *prefix = sim_json_text(v, "metadata.generateName");
    char name[300];

    if (*sim_json_text(v, "metadata.name") || !*prefix)
        return;
    do {
        size_t n = (size_t)snprintf(name, sizeof name - 6, "%.240s", prefix);

        for (int i = 0; i < 5; i++)
            name[n++] = letters[sim_random_below(&c->api->world->random, sizeof letters - 1)];
        name[n] = 0;
    } while (find(c, name));
    (void)json_object_set_new(metadata_of(v), "name", json_string(name));
}

/* Store v as it now is and hand back the object (owned); with dryRun it is only made. */
static struct sim_object *store(struct sim_call *c, json_t *v)
{
    bool dry = dry_run(c);
    struct sim_object *o = sim_encode(c->resource, v, dry ? c->api->world->rv : sim_world_next_rv(c->api->world));

    if (!dry) {
        c->api->counters.writes++;
        sim_world_store(c->api->world, c->resource, o);
        sim_crd_changed(c->api->world, c->resource, v);
    }
    return o;
}

static bool creatable(struct sim_call *c, json_t *v)
{
    const char *name;

    if (!kind_fits(c, v) || !namespace_fits(c, v) || !namespace_exists(c))
        return false;
    if (*sim_json_text(v, "metadata.resourceVersion")) {
        sim_reply_bad_request(c->req, "resourceVersion should not be set on objects to be created");
        return false;
    }
    generate_name(c, v);
    name = sim_json_text(v, "metadata.name");
    if (!valid_name(name)) {
        refuse_name(c, name);
        return false;
    }
    if (find(c, name)) {
        refuse_exists(c, name);
        return false;
    }
    return true;
}

static void create(struct sim_call *c)
{
    json_t *v;

    if (*c->name) { /* bindings, evictions and their like */
        sim_reply_no_resource(c->req);
        return;
    }
    v = read_body(c);
    if (!v)
        return;
    if (creatable(c, v)) {
        (void)json_object_del(metadata_of(v), "uid");
        (void)json_object_del(metadata_of(v), "creationTimestamp");
        (void)json_object_del(metadata_of(v), "deletionTimestamp");
        sim_encode_defaults(c->api->world, c->resource, v);
        reply_object(c, 201, store(c, v));
    }
    json_decref(v);
}

int sim_write_load(struct sim_world *w, const json_t *v, struct tarn_error *err)
{
    const char *name = sim_json_text(v, "metadata.name");
    struct sim_resource *r = sim_world_find_kind(w, sim_json_text(v, "apiVersion"), sim_json_text(v, "kind"));
    struct sim_object *o;
    json_t *copy;

    if (!r)
        return tarn_error_set(err, TARN_E_INVAL, "kind '%s' of apiVersion '%s' is not served; load its "
                              "CustomResourceDefinition first", sim_json_text(v, "kind"), sim_json_text(v, "apiVersion"));
    if (!*name || strlen(name) > 253 || strlen(sim_json_text(v, "metadata.namespace")) > 253)
        return tarn_error_set(err, TARN_E_INVAL, "a %s without a usable metadata.name", r->kind.kind);
    copy = json_deep_copy(v);
    if (r->kind.namespaced && !*sim_json_text(v, "metadata.namespace"))
        (void)json_object_set_new(json_object_get(copy, "metadata"), "namespace", json_string("default"));
    sim_encode_defaults(w, r, copy);
    o = sim_encode(r, copy, sim_world_next_rv(w));
    sim_world_store(w, r, o);
    sim_object_unref(o);
    sim_crd_changed(w, r, copy);
    json_decref(copy);
    return 0;
}

/* ---- update --------------------------------------------------------------------------------------- */

/* Is a what b is, but for the version and who manages which field? */
static bool same_content(const json_t *a, const json_t *b)
{
    json_t *x = json_deep_copy(a), *y = json_deep_copy(b);
    static const char *const ignored[] = {"resourceVersion", "managedFields", "generation"};
    bool same;

    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) {
        (void)json_object_del(json_object_get(x, "metadata"), ignored[i]);
        (void)json_object_del(json_object_get(y, "metadata"), ignored[i]);
    }
    same = json_equal(x, y);
    json_decref(x);
    json_decref(y);
    return same;
}

static void keep(json_t *v, const json_t *old, const char *key)
{
    json_t *value = json_object_get(old, key);

    if (value)
        (void)json_object_set(v, key, value);
    else
        (void)json_object_del(v, key);
}

/* What an update may not touch comes from old: identity, and status or everything but status. Takes v. */
static json_t *merge_rules(const struct sim_call *c, json_t *v, const json_t *old)
{
    static const char *const fixed[] = {"uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
                                        "generation", "selfLink"};
    bool status = strcmp(c->subresource, "status") == 0;
    json_t *m, *old_m = json_object_get(old, "metadata");

    if (status) {
        json_t *whole = json_deep_copy(old);

        keep(whole, v, "status");
        json_decref(v);
        v = whole;
    } else if (c->resource->kind.has_status) {
        keep(v, old, "status");
    }
    m = metadata_of(v);
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        keep(m, old_m, fixed[i]);
    (void)json_object_set(v, "kind", json_object_get(old, "kind"));
    (void)json_object_set(v, "apiVersion", json_object_get(old, "apiVersion"));
    if ((c->resource->kind.generation || c->resource->kind.custom) && !status &&
        !json_equal(json_object_get(v, "spec"), json_object_get(old, "spec")))
        (void)json_object_set_new(m, "generation",
                                  json_integer(json_integer_value(json_object_get(old_m, "generation")) + 1));
    return v;
}

/* An object that waits only for its last finalizer to go. */
static bool is_released(const json_t *v)
{
    return sim_json_at(v, "metadata.deletionTimestamp") && json_array_size(sim_json_at(v, "metadata.finalizers")) == 0;
}

/* Make v (taken) the state of the existing object old. given_rv: the version the client believes in; "" any. */
static void replace(struct sim_call *c, json_t *v, struct sim_object *old)
{
    json_t *before = sim_decode(c->resource, old);
    const char *rv = sim_json_text(v, "metadata.resourceVersion"), *uid = sim_json_text(v, "metadata.uid");
    char current[24];

    (void)snprintf(current, sizeof current, "%" PRIu64, old->rv);
    if (*rv && strcmp(rv, current) != 0) {
        refuse_conflict(c, "the object has been modified; please apply your changes to the latest version and try again");
    } else if (*uid && strcmp(uid, sim_json_text(before, "metadata.uid")) != 0) {
        refuse_conflict(c, "Precondition failed: UID in precondition and UID in object meta differ");
    } else {
        v = merge_rules(c, v, before);
        if (same_content(v, before)) {
            reply_object(c, 200, sim_object_ref(old));
        } else {
            struct sim_object *o = store(c, v);

            if (is_released(v) && !dry_run(c))
                (void)sim_world_delete(c->api->world, c->resource, sim_object_key(o));
            reply_object(c, 200, o);
        }
    }
    json_decref(before);
    json_decref(v);
}

static struct sim_object *existing(struct sim_call *c)
{
    struct sim_object *o = find(c, c->name);

    if (!o)
        sim_reply_not_found(c->req, &c->resource->kind, c->name);
    return o;
}

static bool known_subresource(struct sim_call *c)
{
    if (!*c->subresource || (strcmp(c->subresource, "status") == 0 && c->resource->kind.has_status))
        return true;
    sim_reply_no_resource(c->req);
    return false;
}

static void update(struct sim_call *c)
{
    json_t *v = known_subresource(c) ? read_body(c) : NULL;
    struct sim_object *old;

    if (!v)
        return;
    if (!kind_fits(c, v) || !namespace_fits(c, v)) {
        json_decref(v);
        return;
    }
    if (strcmp(sim_json_text(v, "metadata.name"), c->name) != 0) {
        sim_reply_bad_request(c->req, "the name of the object (%s) does not match the name on the URL (%s)",
                              sim_json_text(v, "metadata.name"), c->name);
        json_decref(v);
        return;
    }
    old = existing(c);
    if (old)
        replace(c, v, old);
    else
        json_decref(v);
}

/* ---- patch ------------------------------------------------------------------------------------------ */

static void patch(struct sim_call *c)
{
    bool merge = content_type_is(c, "application/merge-patch+json"), json = content_type_is(c, "application/json-patch+json");
    bool strategic = content_type_is(c, "application/strategic-merge-patch+json") && !c->resource->kind.custom;
    struct tarn_error err = {0};
    struct sim_object *old;
    json_t *p, *v;

    if (!merge && !json && !strategic) {
        refuse_media_type(c, c->resource->kind.custom
                                 ? "application/json-patch+json, application/merge-patch+json"
                                 : "application/json-patch+json, application/merge-patch+json, "
                                   "application/strategic-merge-patch+json");
        return;
    }
    if (!known_subresource(c) || !(p = read_body(c)))
        return;
    old = existing(c);
    if (old) {
        v = sim_decode(c->resource, old);
        v = json ? sim_patch_json(v, p, &err) : merge ? sim_patch_merge(v, p) : sim_patch_strategic(v, p);
        if (v)
            replace(c, v, old);
        else
            sim_status_reply(c->req, &(struct sim_status){.code = 422, .reason = "Invalid", .message = err.message});
    }
    json_decref(p);
}

/* ---- delete ------------------------------------------------------------------------------------------ */

/* DeleteOptions: preconditions. False: answered with a conflict. */
static bool preconditions_hold(struct sim_call *c, const json_t *options, const json_t *v)
{
    const char *uid = sim_json_text(options, "preconditions.uid"), *rv = sim_json_text(options, "preconditions.resourceVersion");

    if (*uid && strcmp(uid, sim_json_text(v, "metadata.uid")) != 0) {
        refuse_conflict(c, "the UID in the precondition does not match the UID in record. The object might have been deleted and then recreated");
        return false;
    }
    if (*rv && strcmp(rv, sim_json_text(v, "metadata.resourceVersion")) != 0) {
        refuse_conflict(c, "the ResourceVersion in the precondition does not match the ResourceVersion in record. The object might have been modified");
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
    json_t *m = metadata_of(v);
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

    if (v && strcmp(sim_json_text(v, "metadata.uid"), d->uid) == 0 && is_released(v))
        (void)sim_world_delete(api->world, d->resource, tarn_bytes_of(d->key));
    json_decref(v);
}

void sim_write_reap(struct sim_api *api)
{
    uint64_t now = sim_http_now_ms(api->http);

    while (api->dying && api->dying->due_ms <= now) {
        struct sim_dying *d = api->dying;

        api->dying = d->next;
        die(api, d);
        free(d);
    }
}

void sim_write_release(struct sim_api *api)
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

static void delete_one(struct sim_call *c)
{
    struct sim_object *o = existing(c);
    json_t *options, *v;
    int64_t grace;

    if (!o)
        return;
    options = read_options(c);
    v = sim_decode(c->resource, o);
    grace = grace_of(c, options, v);
    if (!preconditions_hold(c, options, v)) {
        /* answered */
    } else if (dry_run(c)) {
        reply_object(c, 200, sim_object_ref(o));
    } else if (sim_json_at(v, "metadata.deletionTimestamp") && grace > 0) {
        reply_object(c, 200, sim_object_ref(o)); /* it is on its way already */
    } else if (grace > 0 || json_array_size(sim_json_at(v, "metadata.finalizers")) > 0) {
        struct sim_object *marked = mark_deleted(c->api, c->resource, v, grace);

        if (grace > 0)
            let_die(c, marked, sim_json_text(v, "metadata.uid"));
        reply_object(c, 200, marked);
    } else {
        delete_now(c, o, v);
        reply_deleted(c, v);
    }
    json_decref(options);
    json_decref(v);
}

static void delete_collection(struct sim_call *c)
{
    struct sim_tree snapshot;
    struct sim_selection s;
    struct sim_walk walk;
    struct sim_object *o;

    if (!sim_selection_parse(c, &s))
        return;
    snapshot = sim_tree_snapshot(&c->resource->tree);
    sim_walk_begin(&walk, &snapshot, (struct tarn_bytes){0});
    while ((o = sim_walk_next(&walk)) != NULL) {
        json_t *v;

        if (!sim_selection_matches(&s, o))
            continue;
        v = sim_decode(c->resource, o);
        delete_now(c, o, v);
        json_decref(v);
    }
    sim_tree_release(&snapshot);
    sim_selection_release(&s);
    sim_status_reply(c->req, &(struct sim_status){.code = 200, .details = true, .kind = c->resource->kind.plural});
}

void sim_write_serve(struct sim_call *c)
{
    switch (c->verb) {
    case SIM_CREATE:
        create(c);
        break;
    case SIM_UPDATE:
        update(c);
        break;
    case SIM_PATCH:
        patch(c);
        break;
    case SIM_DELETE:
        delete_one(c);
        break;
    default:
        delete_collection(c);
        break;
    }
}
