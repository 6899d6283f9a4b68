/* sim_write.c - the rules of writing: names, versions, generations, who manages what. */
#include "sim_write_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim_body.h"
#include "sim_crd.h"
#include "sim_default.h"
#include "sim_delete.h"
#include "sim_encode.h"
#include "sim_name.h"
#include "sim_status.h"
#include "sim_target.h"

/* ---- answers ------------------------------------------------------------------------------- */

static void refuse_exists(struct sim_call *c, const char *name)
{
    char message[512];

    (void)snprintf(message, sizeof message, "%s \"%s\" already exists", c->resource->name, name);
    sim_status_reply(c->req, &(struct sim_status){.code = 409, .reason = "AlreadyExists", .message = message, .name = name,
                                                  .group = c->resource->kind.group, .kind = c->resource->kind.plural});
}

struct sim_manager sim_write_manager(struct sim_call *c)
{
    const char *field_manager = sim_request_query(c->req, "fieldManager"), *agent = sim_request_header(c->req, "User-Agent");
    const struct sim_kind *k = &c->resource->kind;
    char *name = c->manager;

    if (field_manager && *field_manager)
        (void)snprintf(name, sizeof c->manager, "%s", field_manager);
    else
        (void)snprintf(name, sizeof c->manager, "%.*s", (int)strcspn(agent ? agent : "", "/"), agent ? agent : "");
    (void)snprintf(c->api_version, sizeof c->api_version, "%s%s%s", k->group, *k->group ? "/" : "", k->version);
    return (struct sim_manager){.name = name, .api_version = c->api_version, .subresource = c->subresource};
}

/* ---- create ------------------------------------------------------------------------------------------- */

bool sim_write_place(struct sim_call *c, json_t *v)
{
    json_t *m = sim_target_metadata(v);
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
    } while (sim_target_find(c, name));
    (void)json_object_set_new(sim_target_metadata(v), "name", json_string(name));
}

/* Store v as it now is and hand back the object (owned); with dryRun it is only made. */
static struct sim_object *store(struct sim_call *c, json_t *v)
{
    bool dry = sim_target_dry_run(c);
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

    if (!sim_write_place(c, v) || !namespace_exists(c))
        return false;
    if (*sim_json_text(v, "metadata.resourceVersion")) {
        sim_status_reply(c->req, &(struct sim_status){.code = 500, .message = "resourceVersion should not be set on objects to be created"});
        return false;
    }
    generate_name(c, v);
    name = sim_json_text(v, "metadata.name");
    if (!sim_name_is_valid(name)) {
        sim_name_refuse(c, name);
        return false;
    }
    if (sim_target_find(c, name)) {
        refuse_exists(c, name);
        return false;
    }
    return true;
}

void sim_write_create(struct sim_call *c, json_t *v, bool managed)
{
    struct sim_manager who = sim_write_manager(c);

    if (creatable(c, v)) {
        (void)json_object_del(sim_target_metadata(v), "uid");
        (void)json_object_del(sim_target_metadata(v), "creationTimestamp");
        (void)json_object_del(sim_target_metadata(v), "deletionTimestamp");
        sim_default_declared(c->resource, v);
        if (!managed)
            sim_apply_track(sim_schema_of(&c->resource->kind), NULL, v, &who);
        sim_default_assigned(c->api->world, c->resource, v);
        sim_target_reply(c, 201, store(c, v));
    }
    json_decref(v);
}

static void create(struct sim_call *c)
{
    json_t *v;

    if (*c->name) { /* bindings, evictions and their like */
        sim_reply_no_resource(c->req);
        return;
    }
    v = sim_body_read(c);
    if (v && sim_body_fits(c, v) && sim_body_known(c, v))
        sim_write_create(c, v, false);
    else
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
    sim_default_assigned(w, r, copy);
    o = sim_encode(r, copy, sim_world_next_rv(w));
    sim_world_store(w, r, o);
    sim_object_unref(o);
    sim_crd_changed(w, r, copy);
    json_decref(copy);
    return 0;
}

/* ---- update --------------------------------------------------------------------------------------- */

/* Is a what b is, but for the version? */
static bool same_content(const json_t *a, const json_t *b)
{
    static const char *const ignored[] = {"resourceVersion", "generation"};
    json_t *x = json_deep_copy(a), *y = json_deep_copy(b);
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
    m = sim_target_metadata(v);
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

/* Does the client know the state that it changes? False: answered. */
static bool is_current(struct sim_call *c, const json_t *v, const json_t *before, uint64_t rv)
{
    const char *given = sim_json_text(v, "metadata.resourceVersion"), *uid = sim_json_text(v, "metadata.uid");
    char current[24];

    (void)snprintf(current, sizeof current, "%" PRIu64, rv);
    if (*given && strcmp(given, current) != 0) {
        sim_target_refuse_conflict(c, "the object has been modified; please apply your changes to the latest version and try again");
        return false;
    }
    if (*uid && strcmp(uid, sim_json_text(before, "metadata.uid")) != 0) {
        sim_target_refuse_conflict(c, "Precondition failed: UID in precondition and UID in object meta differ");
        return false;
    }
    return true;
}

static void store_and_reply(struct sim_call *c, json_t *v, struct sim_object *old)
{
    bool released = sim_target_is_released(v) && !sim_target_dry_run(c);
    struct sim_object *o = released ? sim_encode(c->resource, v, old->rv) : store(c, v);

    if (released) /* the last finalizer goes: nothing is stored any more */
        (void)sim_world_delete(c->api->world, c->resource, sim_object_key(o));
    sim_target_reply(c, 200, o);
}

void sim_write_replace(struct sim_call *c, json_t *v, struct sim_object *old, bool managed)
{
    json_t *before = sim_decode(c->resource, old);
    struct sim_manager who = sim_write_manager(c);

    if (is_current(c, v, before, old->rv)) {
        v = merge_rules(c, v, before);
        sim_default_declared(c->resource, v);
        if (!managed)
            sim_apply_track(sim_schema_of(&c->resource->kind), before, v, &who);
        if (same_content(v, before))
            sim_target_reply(c, 200, sim_object_ref(old));
        else
            store_and_reply(c, v, old);
    }
    json_decref(before);
    json_decref(v);
}

bool sim_write_known_subresource(struct sim_call *c)
{
    if (!*c->subresource || (strcmp(c->subresource, "status") == 0 && c->resource->kind.has_status))
        return true;
    sim_reply_no_resource(c->req);
    return false;
}

static void update(struct sim_call *c)
{
    json_t *v = sim_write_known_subresource(c) ? sim_body_read(c) : NULL;
    struct sim_object *old;

    if (!v)
        return;
    if (!sim_body_fits(c, v) || !sim_body_known(c, v) || !sim_write_place(c, v)) {
        json_decref(v);
        return;
    }
    if (strcmp(sim_json_text(v, "metadata.name"), c->name) != 0) {
        sim_reply_bad_request(c->req, "the name of the object (%s) does not match the name on the URL (%s)",
                              sim_json_text(v, "metadata.name"), c->name);
        json_decref(v);
        return;
    }
    old = sim_target_existing(c);
    if (old)
        sim_write_replace(c, v, old, false);
    else
        json_decref(v);
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
        sim_write_patch(c);
        break;
    case SIM_DELETE:
        sim_delete_serve(c);
        break;
    default:
        sim_delete_collection_serve(c);
        break;
    }
}
