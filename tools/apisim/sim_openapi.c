/* sim_openapi.c - types and paths as OpenAPI says them, in version 2 and 3, which differ in small ways. */
#include "sim_openapi.h"

#include <inttypes.h>
#include <stdio.h>

#include "sim_encode.h"
#include "sim_openapi_proto.h"
#include "sim_schema.h"
#include "sim_status.h"

#define PREFIX "io.k8s."

/* ---- types ---------------------------------------------------------------------------------------------- */

static json_t *position(const struct sim_schema *s, bool v3);

static void put_list_attributes(json_t *o, const struct sim_schema *s)
{
    json_t *keys = json_array();

    for (unsigned i = 0; i < SIM_SCHEMA_KEYS && s->keys[i]; i++)
        (void)json_array_append_new(keys, json_string(s->keys[i]));
    if (s->keys[0]) {
        (void)json_object_set(o, "x-kubernetes-list-map-keys", keys);
        (void)json_object_set_new(o, "x-kubernetes-list-type", json_string("map"));
    } else if (s->shape == SIM_OF_LIST && (s->set || s->atomic)) {
        (void)json_object_set_new(o, "x-kubernetes-list-type", json_string(s->set ? "set" : "atomic"));
    }
    json_decref(keys);
    if (s->merge_key)
        (void)json_object_set_new(o, "x-kubernetes-patch-merge-key", json_string(s->merge_key));
    if (s->merges || s->retain_keys)
        (void)json_object_set_new(o, "x-kubernetes-patch-strategy",
                                  json_string(s->merges && s->retain_keys ? "merge,retainKeys" : s->merges ? "merge" : "retainKeys"));
}

/* A reference to a named type. */
static void put_reference(json_t *o, const struct sim_schema *s, bool v3)
{
    char text[300];

    (void)snprintf(text, sizeof text, "#/%s/" PREFIX "%s", v3 ? "components/schemas" : "definitions", s->type->name);
    if (v3)
        (void)json_object_set_new(o, "allOf", json_pack("[{s:s}]", "$ref", text));
    else
        (void)json_object_set_new(o, "$ref", json_string(text));
}

static void put_primitive(json_t *o, const struct sim_schema *s, bool v3)
{
    bool quantity = s->format && strcmp(s->format, "quantity") == 0, either = s->format && strcmp(s->format, "int-or-string") == 0;

    if (v3 && (quantity || either)) {
        (void)json_object_set_new(o, "oneOf", json_pack("[{s:s},{s:s}]", "type", either ? "integer" : "string", "type",
                                                        either ? "string" : "number"));
    } else if (s->primitive) {
        (void)json_object_set_new(o, "type", json_string(s->primitive));
    }
    if (s->format && !quantity)
        (void)json_object_set_new(o, "format", json_string(s->format));
}

static json_t *position(const struct sim_schema *s, bool v3)
{
    json_t *o = json_object();

    if (s->type) {
        put_reference(o, s, v3);
    } else if (s->shape == SIM_OF_LIST || s->shape == SIM_OF_MAP) {
        (void)json_object_set_new(o, "type", json_string(s->shape == SIM_OF_LIST ? "array" : "object"));
        (void)json_object_set_new(o, s->shape == SIM_OF_LIST ? "items" : "additionalProperties", position(s->element, v3));
    } else {
        put_primitive(o, s, v3);
    }
    if (v3 && s->default_text)
        (void)json_object_set_new(o, "default", sim_schema_default(s));
    put_list_attributes(o, s);
    return o;
}

static json_t *definition(const struct sim_type *t, bool v3)
{
    json_t *o, *properties, *required;

    if (t->alias)
        return position(t->alias, v3);
    properties = json_object();
    required = json_array();
    for (unsigned i = 0; i < t->n; i++) {
        (void)json_object_set_new(properties, t->fields[i].name, position(&t->fields[i], v3));
        if (t->fields[i].required)
            (void)json_array_append_new(required, json_string(t->fields[i].name));
    }
    o = json_pack("{s:s,s:o}", "type", "object", "properties", properties);
    if (json_array_size(required))
        (void)json_object_set(o, "required", required);
    json_decref(required);
    if (t->atomic)
        (void)json_object_set_new(o, "x-kubernetes-map-type", json_string("atomic"));
    return o;
}

/* ---- kinds ----------------------------------------------------------------------------------------------- */

static json_t *gvk(const struct sim_kind *k)
{
    return json_pack("{s:s,s:s,s:s}", "group", k->group, "version", k->version, "kind", k->kind);
}

/* The schema that a definition gives for this version of its resource. Owned; NULL: none. */
static json_t *custom_schema(const struct sim_api *api, const struct sim_resource *r)
{
    struct sim_resource *definitions = sim_world_find_name(api->world, "customresourcedefinitions.apiextensions.k8s.io");
    struct sim_object *o = sim_tree_get(&definitions->tree, tarn_bytes_of(r->name));
    json_t *v = o ? sim_decode(definitions, o) : NULL, *version, *found = NULL;
    size_t i;

    json_array_foreach(sim_json_at(v, "spec.versions"), i, version)
        if (strcmp(sim_json_text(version, "name"), r->kind.version) == 0)
            found = json_deep_copy(sim_json_at(version, "schema.openAPIV3Schema"));
    json_decref(v);
    return found;
}

static json_t *custom_definition(const struct sim_api *api, const struct sim_resource *r, bool v3)
{
    json_t *o = custom_schema(api, r), *properties;
    unsigned n;
    const struct sim_schema *fields = sim_schema_fields(sim_schema_custom(), &n);

    if (!json_is_object(o)) {
        json_decref(o);
        o = json_pack("{s:s}", "type", "object");
    }
    properties = json_object_get(o, "properties");
    if (!properties && !v3)
        return o; /* anything may come: a client of version 2 must not think that these fields are all */
    if (!properties) {
        properties = json_object();
        (void)json_object_set_new(o, "properties", properties);
    }
    for (unsigned i = 0; i < n; i++)
        (void)json_object_set_new(properties, fields[i].name, position(&fields[i], v3));
    return o;
}

/* "com.example.test.v1.Gear": the group backwards. */
static void custom_name(const struct sim_kind *k, char *ret, size_t n)
{
    char group[256], *dot;

    (void)snprintf(group, sizeof group, "%s", k->group);
    *ret = 0;
    while ((dot = strrchr(group, '.')) != NULL) {
        (void)snprintf(ret + strlen(ret), n - strlen(ret), "%s.", dot + 1);
        *dot = 0;
    }
    (void)snprintf(ret + strlen(ret), n - strlen(ret), "%s.%s.%s", group, k->version, k->kind);
}

/* The definition of a kind into all, with what makes it known as one. */
static void put_kind(const struct sim_api *api, const struct sim_resource *r, bool v3, json_t *all)
{
    const struct sim_schema *s = sim_schema_of(&r->kind);
    char name[600];
    json_t *o;

    if (r->kind.custom)
        custom_name(&r->kind, name, sizeof name);
    else
        (void)snprintf(name, sizeof name, PREFIX "%s", s->type->name);
    o = r->kind.custom ? custom_definition(api, r, v3) : definition(s->type, v3);
    (void)json_object_set_new(o, "x-kubernetes-group-version-kind", json_pack("[o]", gvk(&r->kind)));
    (void)json_object_set_new(all, name, o);
}

/* ---- paths ------------------------------------------------------------------------------------------------ */

static json_t *query_parameter(const char *name, const char *type, bool v3)
{
    if (v3)
        return json_pack("{s:s,s:s,s:{s:s}}", "name", name, "in", "query", "schema", "type", type);
    return json_pack("{s:s,s:s,s:s}", "name", name, "in", "query", "type", type);
}

static json_t *operation(const struct sim_kind *k, const char *action, bool v3)
{
    json_t *parameters = json_array();

    if (strcmp(action, "get") != 0) {
        (void)json_array_append_new(parameters, query_parameter("dryRun", "string", v3));
        (void)json_array_append_new(parameters, query_parameter("fieldManager", "string", v3));
        (void)json_array_append_new(parameters, query_parameter("fieldValidation", "string", v3));
    }
    return json_pack("{s:o,s:s,s:o,s:{s:{s:s}}}", "parameters", parameters, "x-kubernetes-action", action,
                     "x-kubernetes-group-version-kind", gvk(k), "responses", "200", "description", "OK");
}

/* The paths of the resource and of one object of it. */
static void put_paths(const struct sim_resource *r, bool v3, json_t *paths)
{
    const struct sim_kind *k = &r->kind;
    char path[700];

    (void)snprintf(path, sizeof path, "/%s%s/%s/%s%s", *k->group ? "apis/" : "api", k->group, k->version,
                   k->namespaced ? "namespaces/{namespace}/" : "", k->plural);
    (void)json_object_set_new(paths, path, json_pack("{s:o,s:o}", "get", operation(k, "get", v3), "post", operation(k, "post", v3)));
    (void)snprintf(path + strlen(path), sizeof path - strlen(path), "/{name}");
    (void)json_object_set_new(paths, path, json_pack("{s:o,s:o,s:o}", "get", operation(k, "get", v3), "put", operation(k, "put", v3),
                                                     "patch", operation(k, "patch", v3)));
}

/* ---- documents --------------------------------------------------------------------------------------------- */

/* Everything (v2), or what belongs to one version of a group (v3). NULL: nothing does. */
static json_t *document(const struct sim_api *api, const char *group, const char *version)
{
    bool v3 = group != NULL, any = false;
    json_t *paths = json_object(), *types = json_object(), *info;
    unsigned n;
    const struct sim_type *named = sim_schema_types(&n);

    for (unsigned i = 0; i < n; i++) {
        char name[300];

        (void)snprintf(name, sizeof name, PREFIX "%s", named[i].name);
        (void)json_object_set_new(types, name, definition(&named[i], v3));
    }
    for (const struct sim_resource *r = api->world->resources; r; r = r->next) {
        if (r->gone || (v3 && (strcmp(r->kind.group, group) != 0 || strcmp(r->kind.version, version) != 0)))
            continue;
        put_paths(r, v3, paths);
        put_kind(api, r, v3, types);
        any = true;
    }
    info = json_pack("{s:s,s:s}", "title", "Kubernetes", "version", "v1.34.3");
    if (any && v3)
        return json_pack("{s:s,s:o,s:o,s:{s:o}}", "openapi", "3.0.0", "info", info, "paths", paths, "components", "schemas", types);
    if (any)
        return json_pack("{s:s,s:o,s:o,s:o}", "swagger", "2.0", "info", info, "paths", paths, "definitions", types);
    json_decref(paths);
    json_decref(types);
    json_decref(info);
    return NULL;
}

/* /openapi/v3: which documents there are. */
static void put_index(const struct sim_api *api, struct tarn_buf *out)
{
    json_t *paths = json_object(), *all = json_pack("{s:O}", "paths", paths);

    for (const struct sim_resource *r = api->world->resources; r; r = r->next) {
        char path[300], url[400];

        (void)snprintf(path, sizeof path, "%s%s/%s", *r->kind.group ? "apis/" : "api", r->kind.group, r->kind.version);
        (void)snprintf(url, sizeof url, "/openapi/v3/%s?hash=%" PRIX64, path, api->world->discovery_generation);
        if (!r->gone)
            (void)json_object_set_new(paths, path, json_pack("{s:s}", "serverRelativeURL", url));
    }
    sim_json_dump(all, true, out);
    json_decref(paths);
    json_decref(all);
}

static void serve_v2(struct sim_api *api, struct sim_request *req)
{
    const char *accept = sim_request_header(req, "Accept");
    struct sim_reply_head head = {.code = 200};
    json_t *all = document(api, NULL, NULL);
    struct tarn_buf body = {0};

    if (accept && strstr(accept, "proto")) {
        head.content_type = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
        sim_openapi_proto_put(all, &body);
    } else {
        sim_json_dump(all, false, &body);
    }
    json_decref(all);
    sim_reply(req, &head, &body);
}

void sim_openapi_serve(struct sim_api *api, struct sim_request *req, const char *const *v, unsigned n)
{
    bool core = n > 2 && strcmp(v[2], "api") == 0, index = n == 2 && strcmp(v[1], "v3") == 0;
    struct tarn_buf body = {0};
    json_t *all = NULL;

    if (n == 2 && strcmp(v[1], "v2") == 0) {
        serve_v2(api, req);
        return;
    }
    if (index)
        put_index(api, &body);
    else if (n == (core ? 4 : 5))
        all = document(api, core ? "" : v[3], core ? v[3] : v[4]);
    if (all)
        sim_json_dump(all, false, &body);
    if (index || all)
        sim_reply(req, &(struct sim_reply_head){.code = 200}, &body);
    else
        sim_reply_no_path(req);
    json_decref(all);
}
