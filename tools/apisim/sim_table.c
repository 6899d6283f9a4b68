/* sim_table.c - the printers of the kinds people look at. Source: the columns of kubectl's server-side printers
 * (k8s.io/kubernetes pkg/printers/internalversion), as seen in the answers of a v1.34 server. */
#include "sim_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sim_json.h"

struct column {
    const char *name, *type; /* "count": a number in a column of strings, as the real server has it */
    int priority;
    void (*cell)(const json_t *v, struct tarn_buf *out); /* appends the text, not quoted */
};

/* ---- pieces of text ---------------------------------------------------------------------- */

/* How long ago, as people say it. Source: apimachinery duration.HumanDuration. */
static void put_duration(int64_t s, struct tarn_buf *out)
{
    int64_t m = s / 60, h = s / 3600, d = s / 86400;

    if (s < 120)
        sim_putf(out, "%" PRId64 "s", s < 0 ? 0 : s);
    else if (m < 10)
        sim_putf(out, s % 60 ? "%" PRId64 "m%" PRId64 "s" : "%" PRId64 "m", m, s % 60);
    else if (m < 180)
        sim_putf(out, "%" PRId64 "m", m);
    else if (h < 8)
        sim_putf(out, m % 60 ? "%" PRId64 "h%" PRId64 "m" : "%" PRId64 "h", h, m % 60);
    else if (h < 48)
        sim_putf(out, "%" PRId64 "h", h);
    else if (d < 8)
        sim_putf(out, h % 24 ? "%" PRId64 "d%" PRId64 "h" : "%" PRId64 "d", d, h % 24);
    else
        sim_putf(out, "%" PRId64 "d", d);
}

static void put_since(const char *rfc3339, struct tarn_buf *out)
{
    struct tm tm = {0};

    if (!*rfc3339 || !strptime(rfc3339, "%Y-%m-%dT%H:%M:%SZ", &tm))
        sim_puts(out, "<unknown>");
    else
        put_duration((int64_t)(sim_wall_ns() / 1000000000u) - (int64_t)timegm(&tm), out);
}

static void put_or(const char *text, const char *otherwise, struct tarn_buf *out)
{
    sim_puts(out, *text ? text : otherwise);
}

static int64_t number_at(const json_t *v, const char *path)
{
    return json_integer_value(sim_json_at(v, path));
}

static void cell_age(const json_t *v, struct tarn_buf *out)
{
    put_since(sim_json_text(v, "metadata.creationTimestamp"), out);
}

static void cell_name(const json_t *v, struct tarn_buf *out)
{
    sim_puts(out, sim_json_text(v, "metadata.name"));
}

static void cell_none(const json_t *v, struct tarn_buf *out)
{
    (void)v;
    sim_puts(out, "<none>");
}

static void put_count(const json_t *v, const char *path, struct tarn_buf *out)
{
    const json_t *x = sim_json_at(v, path);

    sim_putf(out, "%zu", json_is_object(x) ? json_object_size(x) : json_array_size(x));
}

static void cell_data(const json_t *v, struct tarn_buf *out)
{
    sim_putf(out, "%zu", json_object_size(json_object_get(v, "data")) + json_object_size(json_object_get(v, "binaryData")));
}

/* ---- pods ----------------------------------------------------------------------------------- */

static void cell_pod_ready(const json_t *v, struct tarn_buf *out)
{
    json_t *status;
    size_t i, ready = 0;

    json_array_foreach(sim_json_at(v, "status.containerStatuses"), i, status)
        ready += json_is_true(json_object_get(status, "ready"));
    sim_putf(out, "%zu/%zu", ready, json_array_size(sim_json_at(v, "spec.containers")));
}

static void cell_pod_status(const json_t *v, struct tarn_buf *out)
{
    const char *reason = sim_json_text(v, "status.reason");
    json_t *status;
    size_t i;

    if (!*reason)
        reason = sim_json_text(v, "status.phase");
    json_array_foreach(sim_json_at(v, "status.containerStatuses"), i, status) {
        const char *waiting = sim_json_text(status, "state.waiting.reason");
        const char *terminated = sim_json_text(status, "state.terminated.reason");

        if (*waiting)
            reason = waiting;
        else if (*terminated)
            reason = terminated;
    }
    if (sim_json_at(v, "metadata.deletionTimestamp"))
        reason = "Terminating";
    sim_puts(out, reason);
}

static void cell_pod_restarts(const json_t *v, struct tarn_buf *out)
{
    json_t *status;
    int64_t n = 0;
    size_t i;

    json_array_foreach(sim_json_at(v, "status.containerStatuses"), i, status)
        n += number_at(status, "restartCount");
    sim_putf(out, "%" PRId64, n);
}

static void cell_pod_ip(const json_t *v, struct tarn_buf *out)
{
    put_or(sim_json_text(v, "status.podIP"), "<none>", out);
}

static void cell_pod_node(const json_t *v, struct tarn_buf *out)
{
    put_or(sim_json_text(v, "spec.nodeName"), "<none>", out);
}

/* ---- nodes ------------------------------------------------------------------------------------ */

static const json_t *condition(const json_t *v, const char *type)
{
    json_t *c;
    size_t i;

    json_array_foreach(sim_json_at(v, "status.conditions"), i, c)
        if (strcmp(sim_json_text(c, "type"), type) == 0)
            return c;
    return NULL;
}

static void cell_node_status(const json_t *v, struct tarn_buf *out)
{
    const json_t *ready = condition(v, "Ready");

    sim_puts(out, !ready ? "Unknown" : strcmp(sim_json_text(ready, "status"), "True") == 0 ? "Ready" : "NotReady");
    if (json_is_true(sim_json_at(v, "spec.unschedulable")))
        sim_puts(out, ",SchedulingDisabled");
}

static void cell_node_roles(const json_t *v, struct tarn_buf *out)
{
    static const char prefix[] = "node-role.kubernetes.io/";
    const char *key;
    json_t *value;
    bool any = false;

    json_object_foreach(sim_json_at(v, "metadata.labels"), key, value) {
        if (strncmp(key, prefix, sizeof prefix - 1) != 0)
            continue;
        sim_putf(out, "%s%s", any ? "," : "", key + sizeof prefix - 1);
        any = true;
    }
    sim_puts(out, any ? "" : "<none>");
}

static void cell_node_version(const json_t *v, struct tarn_buf *out)
{
    sim_puts(out, sim_json_text(v, "status.nodeInfo.kubeletVersion"));
}

static void put_node_address(const json_t *v, const char *type, struct tarn_buf *out)
{
    json_t *a;
    size_t i;

    json_array_foreach(sim_json_at(v, "status.addresses"), i, a)
        if (strcmp(sim_json_text(a, "type"), type) == 0) {
            sim_puts(out, sim_json_text(a, "address"));
            return;
        }
    sim_puts(out, "<none>");
}

static void cell_node_internal(const json_t *v, struct tarn_buf *out)
{
    put_node_address(v, "InternalIP", out);
}

static void cell_node_external(const json_t *v, struct tarn_buf *out)
{
    put_node_address(v, "ExternalIP", out);
}

static void cell_node_os(const json_t *v, struct tarn_buf *out)
{
    put_or(sim_json_text(v, "status.nodeInfo.osImage"), "<unknown>", out);
}

static void cell_node_kernel(const json_t *v, struct tarn_buf *out)
{
    put_or(sim_json_text(v, "status.nodeInfo.kernelVersion"), "<unknown>", out);
}

static void cell_node_runtime(const json_t *v, struct tarn_buf *out)
{
    put_or(sim_json_text(v, "status.nodeInfo.containerRuntimeVersion"), "<unknown>", out);
}

/* ---- services and endpoints ------------------------------------------------------------------ */

static void cell_service_type(const json_t *v, struct tarn_buf *out)
{
    sim_puts(out, sim_json_text(v, "spec.type"));
}

static void cell_service_ip(const json_t *v, struct tarn_buf *out)
{
    put_or(sim_json_text(v, "spec.clusterIP"), "<none>", out);
}

static void cell_service_ports(const json_t *v, struct tarn_buf *out)
{
    const json_t *ports = sim_json_at(v, "spec.ports");
    json_t *p;
    size_t i;

    json_array_foreach(ports, i, p) {
        sim_putf(out, "%s%" PRId64, i ? "," : "", number_at(p, "port"));
        if (number_at(p, "nodePort"))
            sim_putf(out, ":%" PRId64, number_at(p, "nodePort"));
        sim_putf(out, "/%s", *sim_json_text(p, "protocol") ? sim_json_text(p, "protocol") : "TCP");
    }
    if (!json_array_size(ports))
        sim_puts(out, "<none>");
}

static void put_map(const json_t *map, struct tarn_buf *out)
{
    const char *key;
    json_t *value;
    bool any = false;

    json_object_foreach((json_t *)(uintptr_t)map, key, value) {
        sim_putf(out, "%s%s=%s", any ? "," : "", key, json_string_value(value) ? json_string_value(value) : "");
        any = true;
    }
    sim_puts(out, any ? "" : "<none>");
}

static void cell_service_selector(const json_t *v, struct tarn_buf *out)
{
    put_map(sim_json_at(v, "spec.selector"), out);
}

static void cell_selector(const json_t *v, struct tarn_buf *out)
{
    put_map(sim_json_at(v, "spec.selector.matchLabels"), out);
}

static void cell_slice_type(const json_t *v, struct tarn_buf *out)
{
    sim_puts(out, sim_json_text(v, "addressType"));
}

static void cell_slice_ports(const json_t *v, struct tarn_buf *out)
{
    json_t *p;
    size_t i;

    json_array_foreach(json_object_get(v, "ports"), i, p)
        sim_putf(out, "%s%" PRId64, i ? "," : "", number_at(p, "port"));
    if (!json_array_size(json_object_get(v, "ports")))
        sim_puts(out, "<unset>");
}

static void cell_slice_endpoints(const json_t *v, struct tarn_buf *out)
{
    size_t i, n = json_array_size(json_object_get(v, "endpoints"));
    json_t *e;

    json_array_foreach(json_object_get(v, "endpoints"), i, e)
        if (i < 3)
            sim_putf(out, "%s%s", i ? "," : "", json_string_value(json_array_get(json_object_get(e, "addresses"), 0))
                                                    ? json_string_value(json_array_get(json_object_get(e, "addresses"), 0))
                                                    : "");
    if (n > 3)
        sim_putf(out, " + %zu more...", n - 3);
    if (n == 0)
        sim_puts(out, "<unset>");
}

static void cell_endpoints(const json_t *v, struct tarn_buf *out)
{
    json_t *subset, *address;
    size_t i, k;
    bool any = false;

    json_array_foreach(json_object_get(v, "subsets"), i, subset)
        json_array_foreach(json_object_get(subset, "addresses"), k, address) {
            sim_putf(out, "%s%s:%" PRId64, any ? "," : "", sim_json_text(address, "ip"),
                     number_at(json_array_get(json_object_get(subset, "ports"), 0), "port"));
            any = true;
        }
    sim_puts(out, any ? "" : "<none>");
}

/* ---- controllers ----------------------------------------------------------------------------------- */

#define NUMBER_CELL(name, path)                                  \
    static void name(const json_t *v, struct tarn_buf *out)      \
    {                                                            \
        sim_putf(out, "%" PRId64, number_at(v, path));           \
    }

NUMBER_CELL(cell_spec_replicas, "spec.replicas")
NUMBER_CELL(cell_replicas, "status.replicas")
NUMBER_CELL(cell_ready_replicas, "status.readyReplicas")
NUMBER_CELL(cell_updated_replicas, "status.updatedReplicas")
NUMBER_CELL(cell_available_replicas, "status.availableReplicas")
NUMBER_CELL(cell_desired, "status.desiredNumberScheduled")
NUMBER_CELL(cell_current, "status.currentNumberScheduled")
NUMBER_CELL(cell_number_ready, "status.numberReady")
NUMBER_CELL(cell_up_to_date, "status.updatedNumberScheduled")
NUMBER_CELL(cell_number_available, "status.numberAvailable")

static void cell_ready_of_replicas(const json_t *v, struct tarn_buf *out)
{
    sim_putf(out, "%" PRId64 "/%" PRId64, number_at(v, "status.readyReplicas"), number_at(v, "spec.replicas"));
}

static void put_containers(const json_t *v, const char *field, struct tarn_buf *out)
{
    json_t *c;
    size_t i;

    json_array_foreach(sim_json_at(v, "spec.template.spec.containers"), i, c)
        sim_putf(out, "%s%s", i ? "," : "", sim_json_text(c, field));
}

static void cell_containers(const json_t *v, struct tarn_buf *out)
{
    put_containers(v, "name", out);
}

static void cell_images(const json_t *v, struct tarn_buf *out)
{
    put_containers(v, "image", out);
}

static void cell_job_completions(const json_t *v, struct tarn_buf *out)
{
    sim_putf(out, "%" PRId64 "/%" PRId64, number_at(v, "status.succeeded"),
             sim_json_at(v, "spec.completions") ? number_at(v, "spec.completions") : 1);
}

/* ---- others ------------------------------------------------------------------------------------------- */

static void cell_phase(const json_t *v, struct tarn_buf *out)
{
    sim_puts(out, sim_json_text(v, "status.phase"));
}

static void cell_type(const json_t *v, struct tarn_buf *out)
{
    sim_puts(out, sim_json_text(v, "type"));
}

static void cell_secrets(const json_t *v, struct tarn_buf *out)
{
    put_count(v, "secrets", out);
}

static void cell_holder(const json_t *v, struct tarn_buf *out)
{
    sim_puts(out, sim_json_text(v, "spec.holderIdentity"));
}

static void cell_created(const json_t *v, struct tarn_buf *out)
{
    sim_puts(out, sim_json_text(v, "metadata.creationTimestamp"));
}

static void cell_event_age(const json_t *v, struct tarn_buf *out)
{
    put_since(sim_json_text(v, "lastTimestamp"), out);
}

static void cell_reason(const json_t *v, struct tarn_buf *out)
{
    sim_puts(out, sim_json_text(v, "reason"));
}

static void cell_message(const json_t *v, struct tarn_buf *out)
{
    sim_puts(out, sim_json_text(v, "message"));
}

static void cell_event_object(const json_t *v, struct tarn_buf *out)
{
    for (const char *k = sim_json_text(v, "involvedObject.kind"); *k; k++) {
        char c = *k >= 'A' && *k <= 'Z' ? (char)(*k | 32) : *k;

        sim_put(out, &c, 1);
    }
    sim_putf(out, "/%s", sim_json_text(v, "involvedObject.name"));
}

static const struct table {
    const char *resource;
    struct column columns[12];
} tables[] = {
    {"pods", {{"Ready", "string", 0, cell_pod_ready}, {"Status", "string", 0, cell_pod_status},
              {"Restarts", "string", 0, cell_pod_restarts}, {"Age", "string", 0, cell_age},
              {"IP", "string", 1, cell_pod_ip}, {"Node", "string", 1, cell_pod_node},
              {"Nominated Node", "string", 1, cell_none}, {"Readiness Gates", "string", 1, cell_none}}},
    {"nodes", {{"Status", "string", 0, cell_node_status}, {"Roles", "string", 0, cell_node_roles},
               {"Age", "string", 0, cell_age}, {"Version", "string", 0, cell_node_version},
               {"Internal-IP", "string", 1, cell_node_internal}, {"External-IP", "string", 1, cell_node_external},
               {"OS-Image", "string", 1, cell_node_os}, {"Kernel-Version", "string", 1, cell_node_kernel},
               {"Container-Runtime", "string", 1, cell_node_runtime}}},
    {"services", {{"Type", "string", 0, cell_service_type}, {"Cluster-IP", "string", 0, cell_service_ip},
                  {"External-IP", "string", 0, cell_none}, {"Port(s)", "string", 0, cell_service_ports},
                  {"Age", "string", 0, cell_age}, {"Selector", "string", 1, cell_service_selector}}},
    {"endpoints", {{"Endpoints", "string", 0, cell_endpoints}, {"Age", "string", 0, cell_age}}},
    {"endpointslices.discovery.k8s.io",
     {{"AddressType", "string", 0, cell_slice_type}, {"Ports", "string", 0, cell_slice_ports},
      {"Endpoints", "string", 0, cell_slice_endpoints}, {"Age", "string", 0, cell_age}}},
    {"deployments.apps",
     {{"Ready", "string", 0, cell_ready_of_replicas}, {"Up-to-date", "integer", 0, cell_updated_replicas},
      {"Available", "integer", 0, cell_available_replicas}, {"Age", "string", 0, cell_age},
      {"Containers", "string", 1, cell_containers}, {"Images", "string", 1, cell_images},
      {"Selector", "string", 1, cell_selector}}},
    {"replicasets.apps",
     {{"Desired", "integer", 0, cell_spec_replicas}, {"Current", "integer", 0, cell_replicas},
      {"Ready", "integer", 0, cell_ready_replicas}, {"Age", "string", 0, cell_age},
      {"Containers", "string", 1, cell_containers}, {"Images", "string", 1, cell_images},
      {"Selector", "string", 1, cell_selector}}},
    {"statefulsets.apps",
     {{"Ready", "string", 0, cell_ready_of_replicas}, {"Age", "string", 0, cell_age},
      {"Containers", "string", 1, cell_containers}, {"Images", "string", 1, cell_images}}},
    {"daemonsets.apps",
     {{"Desired", "integer", 0, cell_desired}, {"Current", "integer", 0, cell_current},
      {"Ready", "integer", 0, cell_number_ready}, {"Up-to-date", "integer", 0, cell_up_to_date},
      {"Available", "integer", 0, cell_number_available}, {"Age", "string", 0, cell_age}}},
    {"jobs.batch", {{"Completions", "string", 0, cell_job_completions}, {"Age", "string", 0, cell_age}}},
    {"configmaps", {{"Data", "count", 0, cell_data}, {"Age", "string", 0, cell_age}}},
    {"secrets", {{"Type", "string", 0, cell_type}, {"Data", "count", 0, cell_data}, {"Age", "string", 0, cell_age}}},
    {"namespaces", {{"Status", "string", 0, cell_phase}, {"Age", "string", 0, cell_age}}},
    {"serviceaccounts", {{"Secrets", "integer", 0, cell_secrets}, {"Age", "string", 0, cell_age}}},
    {"leases.coordination.k8s.io", {{"Holder", "string", 0, cell_holder}, {"Age", "string", 0, cell_age}}},
    {"customresourcedefinitions.apiextensions.k8s.io", {{"Created At", "date", 0, cell_created}}},
    {"events", {{"Last Seen", "string", 0, cell_event_age}, {"Type", "string", 0, cell_type},
                {"Reason", "string", 0, cell_reason}, {"Object", "string", 0, cell_event_object},
                {"Message", "string", 0, cell_message}}},
    {"", {{"Age", "string", 0, cell_age}}}, /* any other */
};

static const struct table *table_of(const struct sim_resource *r)
{
    const struct table *t = tables;

    while (*t->resource && strcmp(t->resource, r->name) != 0)
        t++;
    return t;
}

static void put_column(const char *name, const char *type, const char *format, int priority, struct tarn_buf *out)
{
    sim_putf(out, "{\"name\":\"%s\",\"type\":\"%s\",\"format\":\"%s\",\"description\":\"\",\"priority\":%d}", name, type,
             format, priority);
}

void sim_table_columns(const struct sim_resource *r, struct tarn_buf *out)
{
    const struct table *t = table_of(r);

    sim_puts(out, "\"columnDefinitions\":[");
    put_column("Name", "string", "name", 0, out);
    for (const struct column *c = t->columns; c->name; c++) {
        sim_puts(out, ",");
        put_column(c->name, strcmp(c->type, "count") == 0 ? "string" : c->type, "", c->priority, out);
    }
    sim_puts(out, "]");
}

static void put_cell(const struct column *c, const json_t *v, struct tarn_buf *out)
{
    struct tarn_buf text = {0};

    c->cell(v, &text);
    if (strcmp(c->type, "integer") == 0 || strcmp(c->type, "count") == 0)
        sim_put(out, text.data, text.len);
    else
        sim_json_put_string(out, tarn_buf_bytes(&text));
    tarn_buf_release(&text);
}

void sim_table_row(const struct sim_resource *r, const struct sim_object *o, enum sim_include include, struct tarn_buf *out)
{
    static const struct column name = {"Name", "string", 0, cell_name};
    json_t *v = sim_json_of_object(o);

    sim_puts(out, "{\"cells\":[");
    put_cell(&name, v, out);
    for (const struct column *c = table_of(r)->columns; c->name; c++) {
        sim_puts(out, ",");
        put_cell(c, v, out);
    }
    sim_puts(out, "],\"object\":");
    if (include == SIM_INCLUDE_NONE)
        sim_puts(out, "null");
    else if (include == SIM_INCLUDE_OBJECT)
        sim_object_render_single(o, r, out);
    else
        sim_partial_render(o, out);
    sim_puts(out, "}");
    json_decref(v);
}

/* ---- metadata only ------------------------------------------------------------------------------------- */

/* The end of the JSON object that begins at text[0]; the text is our own, so it is well formed. */
static size_t object_end(struct tarn_bytes text)
{
    unsigned depth = 0;
    bool in_string = false;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{') {
            depth++;
        } else if (c == '}' && --depth == 0) {
            return i + 1;
        }
    }
    return text.len;
}

void sim_partial_render(const struct sim_object *o, struct tarn_buf *out)
{
    static const char key[] = "\"metadata\":";
    struct tarn_buf text = {0};
    const char *at;

    sim_object_render(o, &text);
    sim_puts(out, "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":");
    at = memmem(text.data, text.len, key, sizeof key - 1); /* the first one is it: only kind and apiVersion may precede it */
    if (at) {
        at += sizeof key - 1;
        sim_put(out, at, object_end((struct tarn_bytes){at, text.len - (size_t)(at - text.data)}));
    } else {
        sim_puts(out, "{}");
    }
    sim_puts(out, "}");
    tarn_buf_release(&text);
}

void sim_object_render_as(const struct sim_resource *r, const struct sim_shape *shape, const struct sim_object *o,
                          struct tarn_buf *out)
{
    if (shape->as == SIM_AS_PARTIAL) {
        sim_partial_render(o, out);
    } else if (shape->as == SIM_AS_TABLE) {
        sim_putf(out, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{\"resourceVersion\":\"%" PRIu64
                      "\"},", o->rv);
        if (shape->continued)
            sim_puts(out, "\"columnDefinitions\":null");
        else
            sim_table_columns(r, out);
        sim_puts(out, ",\"rows\":[");
        sim_table_row(r, o, shape->include, out);
        sim_puts(out, "]}");
    } else {
        sim_object_render_single(o, r, out);
    }
}
