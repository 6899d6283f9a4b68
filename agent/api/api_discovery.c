/* api_discovery.c - what is served: /api, /apis and below, plain and aggregated, and /version; of the realms that the caller may read.
 *
 * The documents are made anew for each request from the regions' descriptions, so they follow every reload. They tell what can be read here:
 * get, list, watch. Bodies as kube-apiserver v1.34 writes them (recorded exchanges disc-*).
 */
#include <stdio.h>
#include <stdlib.h>

#include "api_fields.h"
#include "api_impl.h"
#include "api_indent.h"

#define VERBS "[\"get\",\"list\",\"watch\"]"

/* A resource that can be read. Texts are of the snapshots that are held meanwhile. */
struct found {
    struct tarn_bytes group, version, plural;
    struct tarn_resource_info info;
    const struct tarn_object *definition; /* of a custom resource, where definitions are mirrored beside it; else NULL */
};

struct finds {
    struct found *v;
    size_t n, cap;
    struct api_snapshot **snapshots; /* references */
    unsigned nsnapshots;
    bool missing; /* a realm that the caller may read is not there yet */
};

/* ---- what there is ----------------------------------------------------------------------------------------- */

static bool is_known(const struct finds *f, const struct tarn_resource_info *info)
{
    for (size_t i = 0; i < f->n; i++)
        if (tarn_bytes_equal(f->v[i].info.name, info->name))
            return true; /* an earlier realm has it, and answers for it */
    return false;
}

static struct tarn_bytes cut(struct tarn_bytes *text, char c)
{
    const char *at = text->len ? memchr(text->data, c, text->len) : NULL;
    struct tarn_bytes head = {text->data, at ? (size_t)(at - text->data) : text->len};

    text->data += head.len + (at != NULL);
    text->len -= head.len + (at != NULL);
    return head;
}

static int found_add(struct finds *f, const struct tarn_reader *r, const struct tarn_resource_info *info)
{
    struct tarn_bytes rest = info->api_version, name = info->name, first = cut(&rest, '/');
    bool grouped = memchr(info->api_version.data, '/', info->api_version.len) != NULL;
    const struct tarn_object *definition = NULL;
    int rc = grouped && !api_group_is_built_in(first) ? api_definition_find(r, info->name, &definition) : 0;

    if (rc)
        return rc;
    if (f->n == f->cap) {
        size_t cap = f->cap ? f->cap * 2 : 64;
        struct found *v = realloc(f->v, cap * sizeof *v);

        if (!v)
            return TARN_E_NOMEM;
        f->v = v;
        f->cap = cap;
    }
    f->v[f->n++] = (struct found){.group = grouped ? first : (struct tarn_bytes){0}, .version = grouped ? rest : first, .plural = cut(&name, '.'), .info = *info, .definition = definition};
    return 0;
}

/* A resource of the API: not a list of deleted ones, and described. */
static bool is_served(const struct tarn_resource_info *info)
{
    return info->kind.len && info->api_version.len && !memchr(info->name.data, '/', info->name.len);
}

static int realm_add(struct finds *f, struct api_realm *realm)
{
    struct api_snapshot *s = api_realm_snapshot(realm);
    struct tarn_resource_info info;
    struct tarn_reader_iter it;
    int rc;

    f->missing |= !s;
    if (!s)
        return 0;
    f->snapshots[f->nsnapshots++] = s;
    tarn_reader_unpark(&s->r);
    rc = tarn_reader_resources(&s->r, &it);
    while (rc == 0 && (rc = tarn_reader_next_resource(&it, &info)) == 1)
        rc = is_served(&info) && !is_known(f, &info) ? found_add(f, &s->r, &info) : 0;
    return rc;
}

static int compare_found(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    int c = tarn_bytes_compare(x->group, y->group);

    if (!c)
        c = tarn_bytes_compare(x->version, y->version);
    return c ? c : tarn_bytes_compare(x->plural, y->plural);
}

/* Sorted by group, version, name. Release *ret in every case. */
static int find_all(const struct api_call *c, struct finds *ret)
{
    struct api_realm *realm;
    unsigned n = 0;
    int rc = 0;

    *ret = (struct finds){.v = NULL};
    while (api_realm_at(c->api, n))
        n++;
    ret->snapshots = calloc(n + 1, sizeof *ret->snapshots);
    if (!ret->snapshots)
        return TARN_E_NOMEM;
    for (n = 0; rc == 0 && (realm = api_realm_at(c->api, n)) != NULL; n++)
        if (api_call_may_read(c, realm))
            rc = realm_add(ret, realm);
    if (rc == 0 && ret->n)
        qsort(ret->v, ret->n, sizeof *ret->v, compare_found);
    return rc;
}

/* Was all that was read of the snapshots still honoured? */
static int finds_check(const struct finds *f)
{
    for (unsigned i = 0; i < f->nsnapshots; i++)
        if (tarn_reader_check(&f->snapshots[i]->r))
            return TARN_E_EXPIRED;
    return 0;
}

static void finds_release(struct finds *f)
{
    for (unsigned i = 0; i < f->nsnapshots; i++)
        api_snapshot_unref(f->snapshots[i]);
    free(f->snapshots);
    free(f->v);
}

static bool same_group(const struct found *a, const struct found *b)
{
    return tarn_bytes_equal(a->group, b->group);
}

static bool same_version(const struct found *a, const struct found *b)
{
    return same_group(a, b) && tarn_bytes_equal(a->version, b->version);
}

/* Is v[i] the first of its group, of its group and version? */
static bool begins_group(const struct finds *f, size_t i)
{
    return i == 0 || !same_group(&f->v[i - 1], &f->v[i]);
}

static bool begins_version(const struct finds *f, size_t i)
{
    return i == 0 || !same_version(&f->v[i - 1], &f->v[i]);
}

/* ---- plain --------------------------------------------------------------------------------------------------- */

/* What `kubectl get all` means, as the built-in kinds say it themselves. */
static bool is_of_all(const struct found *r)
{
    static const char *const all[] = {"pods", "services", "replicationcontrollers", "daemonsets.apps", "deployments.apps", "replicasets.apps", "statefulsets.apps",
                                      "horizontalpodautoscalers.autoscaling", "cronjobs.batch", "jobs.batch"};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (tarn_bytes_equal(r->info.name, tarn_bytes_of(all[i])))
            return true;
    return false;
}

/* Append ,"categories":[...] as a definition tells them. */
static int categories_add(const struct tarn_object *definition, struct tarn_buf *out)
{
    struct tarn_value list, name;
    bool any = false;
    int rc = 0;

    if (tarn_object_get(definition, "spec.names.categories", &list) || list.type != TARN_ARRAY)
        return 0;
    while (rc == 0 && tarn_value_next(&list, NULL, &name) == 1) {
        rc = tarn_buf_adds(out, any ? "," : ",\"categories\":[");
        any = true;
        if (rc == 0)
            rc = tarn_value_to_json(&name, 0, out);
    }
    return rc || !any ? rc : tarn_buf_adds(out, "]");
}

static int names_add(const struct found *r, struct tarn_buf *out)
{
    int rc = 0;

    for (unsigned i = 0; rc == 0 && i < r->info.nshort; i++)
        rc = tarn_buf_addf(out, "%s\"%.*s\"", i ? "," : ",\"shortNames\":[", TARN_BYTES_ARG(tarn_resource_short_name(&r->info, i)));
    if (rc == 0 && r->info.nshort)
        rc = tarn_buf_adds(out, "]");
    if (rc == 0 && r->definition)
        return categories_add(r->definition, out);
    return rc || !is_of_all(r) ? rc : tarn_buf_adds(out, ",\"categories\":[\"all\"]");
}

static int resource_add(const struct found *r, struct tarn_buf *out)
{
    int rc = tarn_buf_addf(out, "{\"name\":\"%.*s\",\"singularName\":\"%.*s\",\"namespaced\":%s,\"kind\":\"%.*s\",\"verbs\":" VERBS, TARN_BYTES_ARG(r->plural),
                           TARN_BYTES_ARG(r->info.singular), r->info.namespaced ? "true" : "false", TARN_BYTES_ARG(r->info.kind));

    if (rc == 0)
        rc = names_add(r, out);
    return rc ? rc : tarn_buf_adds(out, "}");
}

/* /api/V, /apis/G/V. TARN_E_NOTFOUND: there is no such version. */
static int resources_add(const struct finds *f, struct tarn_bytes group, struct tarn_bytes version, struct tarn_buf *out)
{
    bool any = false;
    int rc = tarn_buf_addf(out, "{\"kind\":\"APIResourceList\",%s\"groupVersion\":\"%.*s%s%.*s\",\"resources\":[", group.len ? "\"apiVersion\":\"v1\"," : "",
                           TARN_BYTES_ARG(group), group.len ? "/" : "", TARN_BYTES_ARG(version));

    for (size_t i = 0; rc == 0 && i < f->n; i++) {
        if (!tarn_bytes_equal(f->v[i].group, group) || !tarn_bytes_equal(f->v[i].version, version))
            continue;
        if (any)
            rc = tarn_buf_adds(out, ",");
        any = true;
        if (rc == 0)
            rc = resource_add(&f->v[i], out);
    }
    if (rc == 0 && !any && group.len)
        return TARN_E_NOTFOUND;
    return rc ? rc : tarn_buf_adds(out, "]}\n");
}

/* A group with its versions, from v[i] on; extra: what stands in front of its name. */
static int group_add(const struct finds *f, size_t i, const char *extra, struct tarn_buf *out)
{
    const struct found *first = &f->v[i];
    int rc = tarn_buf_addf(out, "{%s\"name\":\"%.*s\",\"versions\":[", extra, TARN_BYTES_ARG(first->group));

    for (size_t k = i; rc == 0 && k < f->n && same_group(&f->v[k], first); k++)
        if (begins_version(f, k))
            rc = tarn_buf_addf(out, "%s{\"groupVersion\":\"%.*s\",\"version\":\"%.*s\"}", k > i ? "," : "", TARN_BYTES_ARG(f->v[k].info.api_version),
                               TARN_BYTES_ARG(f->v[k].version));
    return rc ? rc
              : tarn_buf_addf(out, "],\"preferredVersion\":{\"groupVersion\":\"%.*s\",\"version\":\"%.*s\"}}", TARN_BYTES_ARG(first->info.api_version),
                              TARN_BYTES_ARG(first->version));
}

static int groups_add(const struct finds *f, struct tarn_buf *out)
{
    bool any = false;
    int rc = tarn_buf_adds(out, "{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[");

    for (size_t i = 0; rc == 0 && i < f->n; i++) {
        if (!f->v[i].group.len || !begins_group(f, i))
            continue;
        if (any)
            rc = tarn_buf_adds(out, ",");
        any = true;
        if (rc == 0)
            rc = group_add(f, i, "", out);
    }
    return rc ? rc : tarn_buf_adds(out, "]}\n");
}

static int one_group_add(const struct finds *f, struct tarn_bytes group, struct tarn_buf *out)
{
    for (size_t i = 0; i < f->n; i++)
        if (tarn_bytes_equal(f->v[i].group, group)) {
            int rc = group_add(f, i, "\"kind\":\"APIGroup\",\"apiVersion\":\"v1\",", out);

            return rc ? rc : tarn_buf_adds(out, "\n");
        }
    return TARN_E_NOTFOUND;
}

/* The Host header's value, if it is one that can stand in a JSON string as it is. */
static const char *host_of(const struct api_call *c)
{
    const char *host = tarn_http_exchange_header(c->x, "Host");

    return host && strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]") == strlen(host) ? host : "";
}

static int core_add(const struct api_call *c, struct tarn_buf *out)
{
    return tarn_buf_addf(out,
                         "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"],\"serverAddressByClientCIDRs\":[{\"clientCIDR\":\"0.0.0.0/0\",\"serverAddress\":\"%s\"}]}\n",
                         host_of(c));
}

static int root_add(const struct finds *f, struct tarn_buf *out)
{
    int rc = tarn_buf_adds(out, "{\"paths\":[\"/api\",\"/api/v1\",\"/apis\"");

    for (size_t i = 0; rc == 0 && i < f->n; i++) {
        if (f->v[i].group.len && begins_group(f, i))
            rc = tarn_buf_addf(out, ",\"/apis/%.*s\"", TARN_BYTES_ARG(f->v[i].group));
        if (rc == 0 && f->v[i].group.len && begins_version(f, i))
            rc = tarn_buf_addf(out, ",\"/apis/%.*s\"", TARN_BYTES_ARG(f->v[i].info.api_version));
    }
    return rc ? rc : tarn_buf_adds(out, ",\"/healthz\",\"/livez\",\"/readyz\",\"/version\"]}\n");
}

/* ---- aggregated ------------------------------------------------------------------------------------------------- */

static int discovered_add(const struct found *r, struct tarn_buf *out)
{
    bool custom = !api_group_is_built_in(r->group);
    struct tarn_bytes none = {0};
    int rc = tarn_buf_addf(out,
                           "{\"resource\":\"%.*s\",\"responseKind\":{\"group\":\"%.*s\",\"version\":\"%.*s\",\"kind\":\"%.*s\"},\"scope\":\"%s\",\"singularResource\":"
                           "\"%.*s\",\"verbs\":" VERBS,
                           TARN_BYTES_ARG(r->plural), TARN_BYTES_ARG(custom ? r->group : none), TARN_BYTES_ARG(custom ? r->version : none),
                           TARN_BYTES_ARG(r->info.kind), r->info.namespaced ? "Namespaced" : "Cluster", TARN_BYTES_ARG(r->info.singular));

    if (rc == 0)
        rc = names_add(r, out);
    return rc ? rc : tarn_buf_adds(out, "}");
}

/* A resource, and before it what begins there: a group, a version. */
static int aggregated_at(const struct finds *f, size_t i, bool any, struct tarn_buf *out)
{
    const struct found *r = &f->v[i];
    bool group = !any || begins_group(f, i), version = group || begins_version(f, i);
    int rc = 0;

    if (any && version)
        rc = tarn_buf_adds(out, group ? "],\"freshness\":\"Current\"}]}," : "],\"freshness\":\"Current\"},");
    else if (any)
        rc = tarn_buf_adds(out, ",");
    if (rc == 0 && group && r->group.len)
        rc = tarn_buf_addf(out, "{\"metadata\":{\"name\":\"%.*s\"},\"versions\":[", TARN_BYTES_ARG(r->group));
    else if (rc == 0 && group)
        rc = tarn_buf_adds(out, "{\"metadata\":{},\"versions\":[");
    if (rc == 0 && version)
        rc = tarn_buf_addf(out, "{\"version\":\"%.*s\",\"resources\":[", TARN_BYTES_ARG(r->version));
    return rc ? rc : discovered_add(r, out);
}

static int aggregated_add(const struct finds *f, bool core, bool beta, struct tarn_buf *out)
{
    bool any = false;
    int rc = tarn_buf_addf(out, "{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/%s\",\"metadata\":{},\"items\":[", beta ? "v2beta1" : "v2");

    for (size_t i = 0; rc == 0 && i < f->n; i++) {
        if (core != (f->v[i].group.len == 0))
            continue;
        rc = aggregated_at(f, i, any, out);
        any = true;
    }
    return rc ? rc : tarn_buf_adds(out, any ? "],\"freshness\":\"Current\"}]}]}\n" : "]}\n");
}

/* Of the content: 64 bits of FNV-1a tell one document from the next. */
static uint64_t hash(struct tarn_bytes text)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < text.len; i++)
        h = (h ^ (uint8_t)text.data[i]) * 0x100000001b3u;
    return h;
}

/* Takes body. */
static void aggregated_reply(struct api_call *c, struct tarn_buf *body)
{
    const char *match = tarn_http_exchange_header(c->x, "If-None-Match");
    char etag[24];

    (void)snprintf(etag, sizeof etag, "\"%016llX\"", (unsigned long long)hash(tarn_buf_bytes(body)));
    (void)!tarn_http_exchange_add_header(c->x, "Cache-Control", "public");
    (void)!tarn_http_exchange_add_header(c->x, "Etag", etag);
    (void)!tarn_http_exchange_add_header(c->x, "Vary", "Accept");
    if (match && strcmp(match, etag) == 0)
        tarn_buf_release(body);
    api_call_reply(c, body->len ? 200 : 304,
                   c->form.beta ? "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
                                : "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
                   body);
}

/* ---- serving -------------------------------------------------------------------------------------------------------- */

/* The API that is spoken here, and who speaks it. Always for people, as the server's. */
static int version_add(struct tarn_buf *out)
{
    return tarn_buf_adds(out, "{\"major\":\"1\",\"minor\":\"34\",\"gitVersion\":\"v1.34.0+tarn-" TARN_VERSION "\",\"gitCommit\":\"\",\"gitTreeState\":\"\",\"buildDate\":"
                              "\"1970-01-01T00:00:00Z\",\"goVersion\":\"\",\"compiler\":\"\",\"platform\":\"linux/amd64\"}");
}

static int document_add(const struct api_call *c, const struct finds *f, struct tarn_buf *out)
{
    const struct api_request *q = &c->request;

    if (c->form.as == API_AS_DISCOVERY)
        return aggregated_add(f, q->place == API_AT_CORE, c->form.beta, out);
    switch (q->place) {
    case API_AT_ROOT:
        return root_add(f, out);
    case API_AT_CORE:
        return core_add(c, out);
    case API_AT_GROUPS:
        return groups_add(f, out);
    case API_AT_GROUP:
        return one_group_add(f, q->group, out);
    case API_AT_GROUP_VERSION:
        return q->group.len || tarn_bytes_equal(q->version, TARN_BYTES("v1")) ? resources_add(f, q->group, q->version, out) : TARN_E_NOTFOUND;
    case API_AT_VERSION:
        return version_add(out);
    default:
        return TARN_E_NOTFOUND;
    }
}

/* 0, or an error: then *ret is empty. TARN_E_AGAIN: a realm is not there yet. */
static int document_make(const struct api_call *c, struct tarn_buf *ret)
{
    struct finds f;
    int rc = find_all(c, &f);

    if (rc == 0 && f.missing && c->request.place != API_AT_VERSION)
        rc = TARN_E_AGAIN;
    if (rc == 0)
        rc = document_add(c, &f, ret);
    if (rc == 0)
        rc = finds_check(&f);
    finds_release(&f);
    if (rc == 0 && (c->form.pretty || c->request.place == API_AT_VERSION))
        rc = api_indent_whole(ret);
    if (rc)
        tarn_buf_release(ret);
    return rc;
}

void api_discovery_serve(struct api_call *c)
{
    struct tarn_buf body = {0};
    struct api_answer a = {0};
    int rc = document_make(c, &body);

    if (rc == 0 && c->form.as == API_AS_DISCOVERY) {
        aggregated_reply(c, &body);
        return;
    }
    if (rc == 0) {
        api_call_reply(c, 200, "application/json", &body);
        return;
    }
    if (rc == TARN_E_NOTFOUND)
        api_answer_no_path(&a);
    else if (rc == TARN_E_AGAIN || rc == TARN_E_EXPIRED)
        api_answer_initializing(&a);
    else
        api_answer_failure(TARN_REASON_SERVICE_UNAVAILABLE, &a, "cannot tell what is served: %s", tarn_strerror(rc));
    api_call_answer(c, &a);
}
