/* sim_discovery.c - discovery (plain and aggregated), version, health. Bodies as kube-apiserver v1.34 writes
 * them (recorded exchanges disc-*). */
#include "sim_discovery.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#include "sim_fault.h"
#include "sim_form.h"
#include "sim_openapi.h"
#include "sim_status.h"

static const char builtin_verbs[] =
    "[\"create\",\"delete\",\"deletecollection\",\"get\",\"list\",\"patch\",\"update\",\"watch\"]";
static const char custom_verbs[] =
    "[\"delete\",\"deletecollection\",\"get\",\"list\",\"patch\",\"create\",\"update\",\"watch\"]";

static const char namespace_verbs[] = "[\"create\",\"delete\",\"get\",\"list\",\"patch\",\"update\",\"watch\"]";
static const char unwatched_verbs[] = "[\"create\",\"delete\",\"deletecollection\",\"get\",\"list\",\"patch\",\"update\"]";

static const char *verbs(const struct sim_api *api, const struct sim_resource *r)
{
    if (sim_faults_hit(api->faults, SIM_FAULT_NO_WATCH, r->name, ""))
        return unwatched_verbs;
    if (!*r->kind.group && strcmp(r->kind.plural, "namespaces") == 0)
        return namespace_verbs;
    return r->kind.custom ? custom_verbs : builtin_verbs;
}

static void put_singular(const struct sim_kind *k, struct tarn_buf *out)
{
    char name[128];
    size_t i = 0;

    if (k->singular) {
        sim_puts(out, k->singular);
        return;
    }
    for (; k->kind[i] && i < sizeof name - 1; i++)
        name[i] = (char)tolower((unsigned char)k->kind[i]);
    sim_put(out, name, i);
}

static void put_names(const char *key, const char *const *names, struct tarn_buf *out)
{
    if (!names[0])
        return;
    sim_putf(out, ",\"%s\":[", key);
    for (unsigned i = 0; i < SIM_KIND_LIST_MAX && names[i]; i++)
        sim_putf(out, "%s\"%s\"", i ? "," : "", names[i]);
    sim_puts(out, "]");
}

/* ---- plain -------------------------------------------------------------------------------- */

static void put_resource(const struct sim_api *api, const struct sim_resource *r, struct tarn_buf *out)
{
    const struct sim_kind *k = &r->kind;
    const char *namespaced = k->namespaced ? "true" : "false";

    sim_putf(out, "{\"name\":\"%s\",\"singularName\":\"", k->plural);
    put_singular(k, out);
    sim_putf(out, "\",\"namespaced\":%s,\"kind\":\"%s\",\"verbs\":%s", namespaced, k->kind, verbs(api, r));
    put_names("shortNames", k->short_names, out);
    put_names("categories", k->categories, out);
    sim_puts(out, "}");
    if (k->has_scale)
        sim_putf(out,
                 ",{\"name\":\"%s/scale\",\"singularName\":\"\",\"namespaced\":%s,\"group\":\"autoscaling\",\"version\":"
                 "\"v1\",\"kind\":\"Scale\",\"verbs\":[\"get\",\"patch\",\"update\"]}",
                 k->plural, namespaced);
    if (k->has_status)
        sim_putf(out, ",{\"name\":\"%s/status\",\"singularName\":\"\",\"namespaced\":%s,\"kind\":\"%s\",\"verbs\":"
                      "[\"get\",\"patch\",\"update\"]}", k->plural, namespaced, k->kind);
}

/* /api/v1 and /apis/GROUP/VERSION. False: there is no such version. */
static bool put_resource_list(const struct sim_api *api, const char *group, const char *version, struct tarn_buf *out)
{
    bool any = false;

    sim_putf(out, "{\"kind\":\"APIResourceList\",%s\"groupVersion\":\"%s%s%s\",\"resources\":[",
             *group ? "\"apiVersion\":\"v1\"," : "", group, *group ? "/" : "", version);
    for (const struct sim_resource *r = api->world->resources; r; r = r->next) {
        if (r->gone || strcmp(r->kind.group, group) != 0 || strcmp(r->kind.version, version) != 0)
            continue;
        sim_puts(out, any ? "," : "");
        put_resource(api, r, out);
        any = true;
    }
    sim_puts(out, "]}\n");
    return any;
}

/* Is r the first resource of its group (of its group and version)? So that each is named once. */
static bool first_of(const struct sim_api *api, const struct sim_resource *r, bool by_version)
{
    for (const struct sim_resource *o = api->world->resources; o != r; o = o->next)
        if (!o->gone && strcmp(o->kind.group, r->kind.group) == 0 &&
            (!by_version || strcmp(o->kind.version, r->kind.version) == 0))
            return false;
    return true;
}

static void put_group(const struct sim_api *api, const char *group, const char *extra, struct tarn_buf *out)
{
    const char *preferred = NULL;

    sim_putf(out, "{%s\"name\":\"%s\",\"versions\":[", extra, group);
    for (const struct sim_resource *r = api->world->resources; r; r = r->next) {
        if (r->gone || strcmp(r->kind.group, group) != 0 || !first_of(api, r, true))
            continue;
        sim_putf(out, "%s{\"groupVersion\":\"%s/%s\",\"version\":\"%s\"}", preferred ? "," : "", group, r->kind.version,
                 r->kind.version);
        preferred = preferred ? preferred : r->kind.version;
    }
    sim_putf(out, "],\"preferredVersion\":{\"groupVersion\":\"%s/%s\",\"version\":\"%s\"}}", group, preferred, preferred);
}

static void put_groups(const struct sim_api *api, struct tarn_buf *out)
{
    bool any = false;

    sim_puts(out, "{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[");
    for (const struct sim_resource *r = api->world->resources; r; r = r->next) {
        if (r->gone || !*r->kind.group || !first_of(api, r, false))
            continue;
        sim_puts(out, any ? "," : "");
        put_group(api, r->kind.group, "", out);
        any = true;
    }
    sim_puts(out, "]}\n");
}

/* ---- aggregated ---------------------------------------------------------------------------- */

static void put_discovered(const struct sim_api *api, const struct sim_resource *r, struct tarn_buf *out)
{
    const struct sim_kind *k = &r->kind;
    const char *group = k->custom ? k->group : "", *version = k->custom ? k->version : "";

    sim_putf(out, "{\"resource\":\"%s\",\"responseKind\":{\"group\":\"%s\",\"version\":\"%s\",\"kind\":\"%s\"},\"scope\":"
                  "\"%s\",\"singularResource\":\"", k->plural, group, version, k->kind,
             k->namespaced ? "Namespaced" : "Cluster");
    put_singular(k, out);
    sim_putf(out, "\",\"verbs\":%s", verbs(api, r));
    put_names("shortNames", k->short_names, out);
    put_names("categories", k->categories, out);
    if (k->has_status || k->has_scale)
        sim_puts(out, ",\"subresources\":[");
    if (k->has_scale)
        sim_puts(out, "{\"subresource\":\"scale\",\"responseKind\":{\"group\":\"autoscaling\",\"version\":\"v1\",\"kind\":"
                      "\"Scale\"},\"verbs\":[\"get\",\"patch\",\"update\"]},");
    if (k->has_status)
        sim_putf(out, "{\"subresource\":\"status\",\"responseKind\":{\"group\":\"%s\",\"version\":\"%s\",\"kind\":\"%s\"},"
                      "\"verbs\":[\"get\",\"patch\",\"update\"]}]", group, version, k->kind);
    sim_puts(out, "}");
}

static void put_discovered_version(const struct sim_api *api, const struct sim_resource *first, struct tarn_buf *out)
{
    bool any = false;

    sim_putf(out, "{\"version\":\"%s\",\"resources\":[", first->kind.version);
    for (const struct sim_resource *r = first; r; r = r->next) {
        if (r->gone || strcmp(r->kind.group, first->kind.group) != 0 || strcmp(r->kind.version, first->kind.version) != 0)
            continue;
        sim_puts(out, any ? "," : "");
        put_discovered(api, r, out);
        any = true;
    }
    sim_puts(out, "],\"freshness\":\"Current\"}");
}

static void put_discovered_group(const struct sim_api *api, const struct sim_resource *first, struct tarn_buf *out)
{
    bool any = false;

    if (*first->kind.group)
        sim_putf(out, "{\"metadata\":{\"name\":\"%s\"},\"versions\":[", first->kind.group);
    else
        sim_puts(out, "{\"metadata\":{},\"versions\":[");
    for (const struct sim_resource *r = first; r; r = r->next) {
        if (r->gone || strcmp(r->kind.group, first->kind.group) != 0 || !first_of(api, r, true))
            continue;
        sim_puts(out, any ? "," : "");
        put_discovered_version(api, r, out);
        any = true;
    }
    sim_puts(out, "]}");
}

static void put_aggregated(const struct sim_api *api, bool core, const char *version, struct tarn_buf *out)
{
    bool any = false;

    sim_putf(out, "{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/%s\",\"metadata\":{},\"items\":[",
             version);
    for (const struct sim_resource *r = api->world->resources; r; r = r->next) {
        if (r->gone || core != (*r->kind.group == 0) || !first_of(api, r, false))
            continue;
        sim_puts(out, any ? "," : "");
        put_discovered_group(api, r, out);
        any = true;
    }
    sim_puts(out, "]}\n");
}

static void aggregated_reply(struct sim_api *api, struct sim_request *req, const struct sim_form *form, bool core)
{
    const char *match = sim_request_header(req, "If-None-Match");
    char etag[64], type[96];
    struct sim_reply_head head = {.code = 200, .content_type = type,
                                  .header = {{"Cache-Control", "public"}, {"Etag", etag}, {"Vary", "Accept"}}};
    struct tarn_buf body = {0};

    (void)snprintf(etag, sizeof etag, "\"%s%s%016" PRIX64 "\"", core ? "C" : "G", form->version,
                   api->world->discovery_generation);
    (void)snprintf(type, sizeof type, "application/json;g=apidiscovery.k8s.io;v=%s;as=APIGroupDiscoveryList",
                   form->version);
    if (match && strcmp(match, etag) == 0) {
        head.code = 304;
        sim_reply(req, &head, &body);
        return;
    }
    put_aggregated(api, core, form->version, &body);
    sim_form_reply(req, form, &head, &body);
}

/* ---- version, health, the root --------------------------------------------------------------- */

static void version(struct sim_request *req)
{
    static const char text[] = "{\"major\":\"1\",\"minor\":\"34\",\"emulationMajor\":\"1\",\"emulationMinor\":\"34\","
                               "\"minCompatibilityMajor\":\"1\",\"minCompatibilityMinor\":\"33\",\"gitVersion\":\"v1.34.3\","
                               "\"gitCommit\":\"tarn-apisim\",\"gitTreeState\":\"clean\",\"buildDate\":"
                               "\"1970-01-01T00:00:00Z\",\"goVersion\":\"none\",\"compiler\":\"gcc\",\"platform\":"
                               "\"linux/amd64\"}";
    struct tarn_buf body = {0};

    sim_puts(&body, text);
    sim_form_reply(req, &(struct sim_form){.pretty = true}, &(struct sim_reply_head){.code = 200}, &body);
}

static void health(struct sim_request *req, const char *what)
{
    struct tarn_buf body = {0};

    if (sim_request_query(req, "verbose"))
        sim_putf(&body, "[+]ping ok\n[+]log ok\n[+]etcd ok\n[+]informer-sync ok\n%s check passed\n", what);
    else
        sim_puts(&body, "ok");
    sim_reply(req, &(struct sim_reply_head){.code = 200, .content_type = "text/plain; charset=utf-8"}, &body);
}

static void put_root(const struct sim_api *api, struct tarn_buf *out)
{
    sim_puts(out, "{\"paths\":[\"/api\",\"/api/v1\",\"/apis\"");
    for (const struct sim_resource *r = api->world->resources; r; r = r->next)
        if (!r->gone && *r->kind.group && first_of(api, r, true))
            sim_putf(out, ",\"/apis/%s/%s\"", r->kind.group, r->kind.version);
    sim_puts(out, ",\"/healthz\",\"/livez\",\"/openapi/v2\",\"/openapi/v3\",\"/readyz\",\"/version\"]}\n");
}

/* ---- serving ------------------------------------------------------------------------------------- */

static bool put_document(struct sim_api *api, struct sim_request *req, const char *const *v, unsigned n, struct tarn_buf *out)
{
    const char *host = sim_request_header(req, "Host");
    bool custom;

    if (n == 0)
        put_root(api, out);
    else if (strcmp(v[0], "api") == 0 && n == 1)
        sim_putf(out, "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"],\"serverAddressByClientCIDRs\":[{\"clientCIDR\":"
                      "\"0.0.0.0/0\",\"serverAddress\":\"%s\"}]}\n", host ? host : "");
    else if (strcmp(v[0], "api") == 0 && n == 2)
        return put_resource_list(api, "", v[1], out);
    else if (strcmp(v[0], "apis") == 0 && n == 1)
        put_groups(api, out);
    else if (strcmp(v[0], "apis") == 0 && n == 2 && sim_world_known_group(api->world, v[1], &custom)) {
        put_group(api, v[1], "\"kind\":\"APIGroup\",\"apiVersion\":\"v1\",", out);
        sim_puts(out, "\n");
    } else if (strcmp(v[0], "apis") == 0 && n == 3)
        return put_resource_list(api, v[1], v[2], out);
    else
        return false;
    return true;
}

void sim_discovery_serve(struct sim_api *api, struct sim_request *req, const char *const *v, unsigned n)
{
    bool aggregates = n == 1 && (strcmp(v[0], "api") == 0 || strcmp(v[0], "apis") == 0);
    struct tarn_buf body = {0};
    struct sim_form form;

    if (n && strcmp(v[0], "openapi") == 0) {
        sim_openapi_serve(api, req, v, n);
        return;
    }
    if (n == 1 && (strcmp(v[0], "readyz") == 0 || strcmp(v[0], "livez") == 0 || strcmp(v[0], "healthz") == 0)) {
        health(req, v[0]);
        return;
    }
    if (n == 1 && strcmp(v[0], "version") == 0) {
        version(req);
        return;
    }
    if (!sim_form_parse(req, aggregates ? 1u << SIM_AS_DISCOVERY : 0, &form))
        return;
    if (form.as == SIM_AS_DISCOVERY) {
        aggregated_reply(api, req, &form, strcmp(v[0], "api") == 0);
        return;
    }
    if (put_document(api, req, v, n, &body)) {
        sim_form_reply(req, &form, &(struct sim_reply_head){.code = 200}, &body);
        return;
    }
    tarn_buf_release(&body);
    sim_reply_no_path(req);
}
