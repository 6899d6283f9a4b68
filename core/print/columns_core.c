/* The columns of pods, nodes, services and the other resources of the core group. Source: k8s.io/kubernetes pkg/printers/internalversion. */
#include <ctype.h>
#include <inttypes.h>

#include "cells.h"
#include "field.h"
#include "pod_status.h"
#include "when.h"

/* ---- pods ----------------------------------------------------------------------------------- */

/* It takes a walk over all containers: once for three cells. */
static const struct pod_status *status_of(struct row *r)
{
    if (!r->pod_read)
        pod_status_read(r->obj, &r->pod);
    r->pod_read = true;
    return &r->pod;
}

static CELL(cell_pod_ready)
{
    const struct pod_status *s = status_of(r);

    (void)c;
    print_addf(out, "%u/%u", s->ready, s->containers);
    return CELL_TEXT;
}

static CELL(cell_pod_status)
{
    (void)c;
    print_adds(out, status_of(r)->word);
    return CELL_TEXT;
}

static CELL(cell_pod_restarts)
{
    const struct pod_status *s = status_of(r);

    (void)c;
    print_addf(out, "%" PRId64, s->restarts);
    if (s->restarts && s->last_restart_s >= 0) {
        print_adds(out, " (");
        when_span(r->now_s - s->last_restart_s, out);
        print_adds(out, " ago)");
    }
    return CELL_TEXT;
}

static CELL(cell_pod_gates)
{
    struct tarn_value it = object_at(r->obj, "spec.readinessGates"), gate;
    unsigned n = 0, ready = 0;

    (void)c;
    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &gate) == 1) {
        n++;
        ready += cells_condition(r->obj, field_string(&gate, "conditionType"));
    }
    if (n)
        print_addf(out, "%u/%u", ready, n);
    else
        print_adds(out, "<none>");
    return CELL_TEXT;
}

static const struct column pods[] = {
    COLUMN_NAME,
    COLUMN("Ready", cell_pod_ready, NULL, "containers that are ready, of all"),
    COLUMN("Status", cell_pod_status, NULL, "what the containers and the pod say of themselves, in a word"),
    COLUMN("Restarts", cell_pod_restarts, NULL, "restarts of the containers, and when the last was"),
    COLUMN_AGE,
    COLUMN_WIDE("IP", cell_field, "status.podIP", "the pod's first address"),
    COLUMN_WIDE("Node", cell_field, "spec.nodeName", "node that the pod is bound to"),
    COLUMN_WIDE("Nominated Node", cell_field, "status.nominatedNodeName", "node where the pod waits for others to make room"),
    COLUMN_WIDE("Readiness Gates", cell_pod_gates, NULL, "conditions beyond its containers that hold, of those the pod asks for"),
    COLUMNS_END,
};

static const struct column podtemplates[] = {
    COLUMN_NAME,
    COLUMN("Containers", cell_container_names, "template.spec.containers", "names of the containers in the template"),
    COLUMN("Images", cell_container_images, "template.spec.containers", "images of the containers in the template"),
    COLUMN("Pod Labels", cell_labels, "template.metadata.labels", "labels of the template"),
    COLUMNS_END,
};

/* ---- nodes ---------------------------------------------------------------------------------- */

static CELL(cell_node_status)
{
    struct tarn_value it = object_at(r->obj, "status.conditions"), condition;
    const char *status = "Unknown";

    (void)c;
    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &condition) == 1)
        if (tarn_bytes_equal(field_string(&condition, "type"), TARN_BYTES("Ready")))
            status = tarn_bytes_equal(field_string(&condition, "status"), TARN_BYTES("True")) ? "Ready" : "NotReady";
    print_adds(out, status);
    print_adds(out, object_true(r->obj, "spec.unschedulable") ? ",SchedulingDisabled" : "");
    return CELL_TEXT;
}

/* Roles are labels node-role.kubernetes.io/ROLE, and kubernetes.io/role=ROLE. */
static CELL(cell_node_roles)
{
    static const struct tarn_bytes prefix = {"node-role.kubernetes.io/", 24};
    struct tarn_value it = object_at(r->obj, "metadata.labels"), v;
    struct cell_words roles = {.n = 0};
    struct tarn_bytes k;
    size_t before = out->out->len;

    (void)c;
    while (it.type == TARN_MAP && tarn_value_next(&it, &k, &v) == 1) {
        if (k.len > prefix.len && memcmp(k.data, prefix.data, prefix.len) == 0)
            cell_words_add(&roles, (struct tarn_bytes){k.data + prefix.len, k.len - prefix.len});
        else if (tarn_bytes_equal(k, TARN_BYTES("kubernetes.io/role")) && v.type == TARN_STRING)
            cell_words_add(&roles, v.string);
    }
    cell_words_print(&roles, out);
    print_or(out, before, "<none>");
    return CELL_TEXT;
}

/* The first address of type arg. */
static CELL(cell_node_address)
{
    struct tarn_value it = object_at(r->obj, "status.addresses"), a;

    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &a) == 1)
        if (tarn_bytes_equal(field_string(&a, "type"), tarn_bytes_of(c->arg))) {
            print_add(out, field_string(&a, "address"));
            return CELL_TEXT;
        }
    print_adds(out, "<none>");
    return CELL_TEXT;
}

static const struct column nodes[] = {
    COLUMN_NAME,
    COLUMN("Status", cell_node_status, NULL, "whether the node is ready, and whether pods may be put there"),
    COLUMN("Roles", cell_node_roles, NULL, "the node's roles"),
    COLUMN_AGE,
    COLUMN("Version", cell_plain, "status.nodeInfo.kubeletVersion", "version of the kubelet"),
    COLUMN_WIDE("Internal-IP", cell_node_address, "InternalIP", "first internal address"),
    COLUMN_WIDE("External-IP", cell_node_address, "ExternalIP", "first external address"),
    COLUMN_WIDE("OS-Image", cell_unknown, "status.nodeInfo.osImage", "operating system"),
    COLUMN_WIDE("Kernel-Version", cell_unknown, "status.nodeInfo.kernelVersion", "kernel"),
    COLUMN_WIDE("Container-Runtime", cell_unknown, "status.nodeInfo.containerRuntimeVersion", "container runtime and its version"),
    COLUMNS_END,
};

/* ---- services, endpoints --------------------------------------------------------------------- */

/* "80:30080/TCP,443/TCP" */
static CELL(cell_service_ports)
{
    struct tarn_value it = object_at(r->obj, "spec.ports"), p;
    size_t before = out->out->len;

    (void)c;
    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &p) == 1) {
        int64_t node = field_int(&p, "nodePort");
        struct tarn_bytes protocol = field_string(&p, "protocol");

        print_addf(out, "%s%" PRId64, out->out->len > before ? "," : "", field_int(&p, "port"));
        if (node)
            print_addf(out, ":%" PRId64, node);
        print_addf(out, "/%.*s", TARN_BYTES_ARG(protocol.len ? protocol : TARN_BYTES("TCP")));
    }
    print_or(out, before, "<none>");
    return CELL_TEXT;
}

static CELL(cell_service_external)
{
    struct tarn_bytes type = object_string(r->obj, "spec.type");
    bool balancer = tarn_bytes_equal(type, TARN_BYTES("LoadBalancer"));
    struct cell_words addresses = {.n = 0};
    size_t before = out->out->len;

    (void)c;
    if (tarn_bytes_equal(type, TARN_BYTES("ExternalName"))) {
        print_add(out, object_string(r->obj, "spec.externalName"));
        return CELL_TEXT;
    }
    if (balancer)
        cells_balancer(r->obj, &addresses);
    cell_words_print(&addresses, out);
    print_adds(out, addresses.n && object_count(r->obj, "spec.externalIPs") ? "," : "");
    cells_join(r->obj, "spec.externalIPs", NULL, ",", out);
    print_or(out, before, balancer ? "<pending>" : "<none>");
    return CELL_TEXT;
}

static const struct column services[] = {
    COLUMN_NAME,
    COLUMN("Type", cell_plain, "spec.type", "how the service is reached"),
    COLUMN("Cluster-IP", cell_field, "spec.clusterIP", "address inside the cluster"),
    COLUMN("External-IP", cell_service_external, NULL, "addresses from outside: of the load balancer, and those set by hand"),
    COLUMN("Port(s)", cell_service_ports, NULL, "ports, with the node's own behind a colon"),
    COLUMN_AGE,
    COLUMN_WIDE("Selector", cell_labels, "spec.selector", "labels of the pods behind it"),
    COLUMNS_END,
};

enum { SHOWN_MAX = 3 };

/* What is printed of a list that may be long: its first SHOWN_MAX members, and how many there are in all. */
static void add_shown(unsigned *n, struct tarn_bytes text, int64_t port, struct print_text *out)
{
    bool v6 = port >= 0 && text.len && memchr(text.data, ':', text.len);

    if ((*n)++ >= SHOWN_MAX)
        return;
    print_addf(out, "%s%s%.*s%s", *n > 1 ? "," : "", v6 ? "[" : "", TARN_BYTES_ARG(text), v6 ? "]" : "");
    if (port >= 0)
        print_addf(out, ":%" PRId64, port);
}

static void end_shown(unsigned n, const char *none, struct print_text *out)
{
    if (n > SHOWN_MAX)
        print_addf(out, " + %u more...", n - SHOWN_MAX);
    else if (n == 0)
        print_adds(out, none);
}

static CELL(cell_slice_endpoints)
{
    struct tarn_value it = object_at(r->obj, "endpoints"), e, addresses, a;
    unsigned n = 0;

    (void)c;
    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &e) == 1) {
        addresses = field_at(&e, "addresses");
        while (addresses.type == TARN_ARRAY && tarn_value_next(&addresses, NULL, &a) == 1)
            add_shown(&n, a.type == TARN_STRING ? a.string : TARN_BYTES(""), -1, out);
    }
    end_shown(n, "<unset>", out);
    return CELL_TEXT;
}

static CELL(cell_slice_ports)
{
    struct tarn_value it = object_at(r->obj, "ports"), p;
    unsigned n = 0;

    (void)c;
    for (; it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &p) == 1; n++) {
        if (n >= SHOWN_MAX)
            continue;
        print_adds(out, n ? "," : "");
        if (field_exists(&p, "port"))
            print_addf(out, "%" PRId64, field_int(&p, "port"));
        else if (field_exists(&p, "name"))
            print_add(out, field_string(&p, "name"));
        else
            print_adds(out, "*");
    }
    end_shown(n, "<unset>", out);
    return CELL_TEXT;
}

static void add_subset(const struct tarn_value *subset, int64_t port, unsigned *n, struct print_text *out)
{
    struct tarn_value it = field_at(subset, "addresses"), a;

    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &a) == 1)
        add_shown(n, field_string(&a, "ip"), port, out);
}

/* Every address with every port of its subset. */
static CELL(cell_endpoints)
{
    struct tarn_value it = object_at(r->obj, "subsets"), subset, ports, p;
    unsigned n = 0;

    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &subset) == 1) {
        ports = field_at(&subset, "ports");
        if (ports.type != TARN_ARRAY || ports.count == 0)
            add_subset(&subset, -1, &n, out);
        while (ports.type == TARN_ARRAY && tarn_value_next(&ports, NULL, &p) == 1)
            add_subset(&subset, field_int(&p, "port"), &n, out);
    }
    end_shown(n, object_count(r->obj, "subsets") ? "" : "<none>", out);
    (void)c;
    return CELL_TEXT;
}

static const struct column endpointslices[] = {
    COLUMN_NAME,
    COLUMN("AddressType", cell_plain, "addressType", "kind of its addresses"),
    COLUMN("Ports", cell_slice_ports, NULL, "ports of every endpoint"),
    COLUMN("Endpoints", cell_slice_endpoints, NULL, "addresses of the endpoints"),
    COLUMN_AGE,
    COLUMNS_END,
};

static const struct column endpoints[] = {
    COLUMN_NAME, COLUMN("Endpoints", cell_endpoints, NULL, "addresses and ports behind the service"), COLUMN_AGE, COLUMNS_END};

/* ---- events ------------------------------------------------------------------------------------ */

/* The first of three fields that says something: what events.k8s.io calls otherwise stands behind v1's name. */
static struct tarn_bytes first_of(const struct tarn_object *obj, const char *a, const char *b, const char *c)
{
    struct tarn_bytes text = object_string(obj, a);

    if (!text.len)
        text = object_string(obj, b);
    return text.len || !c ? text : object_string(obj, c);
}

static struct tarn_bytes first_seen(const struct row *r)
{
    return first_of(r->obj, "firstTimestamp", "deprecatedFirstTimestamp", "eventTime");
}

static CELL(cell_event_first)
{
    (void)c;
    when_age(first_seen(r), r->now_s, out);
    return CELL_TEXT;
}

static CELL(cell_event_last)
{
    struct tarn_bytes last = first_of(r->obj, "lastTimestamp", "deprecatedLastTimestamp", NULL);

    (void)c;
    if (object_at(r->obj, "series").type == TARN_MAP)
        last = object_string(r->obj, "series.lastObservedTime");
    when_age(last.len ? last : first_seen(r), r->now_s, out);
    return CELL_TEXT;
}

/* The object that it is about: involvedObject in the core group, regarding in events.k8s.io. */
static struct tarn_value event_subject(const struct row *r)
{
    struct tarn_value v = object_at(r->obj, "involvedObject");

    return v.type == TARN_MAP ? v : object_at(r->obj, "regarding");
}

static CELL(cell_event_object)
{
    struct tarn_value subject = event_subject(r);
    struct tarn_bytes kind = field_string(&subject, "kind"), name = field_string(&subject, "name");

    (void)c;
    for (size_t i = 0; i < kind.len; i++)
        print_addf(out, "%c", tolower((unsigned char)kind.data[i]));
    print_addf(out, "%s%.*s", name.len ? "/" : "", TARN_BYTES_ARG(name));
    return CELL_TEXT;
}

static CELL(cell_event_part)
{
    struct tarn_value subject = event_subject(r);

    (void)c;
    print_add(out, field_string(&subject, "fieldPath"));
    return CELL_TEXT;
}

static CELL(cell_event_source)
{
    struct tarn_bytes component = first_of(r->obj, "source.component", "deprecatedSource.component", "reportingController");
    struct tarn_bytes host = first_of(r->obj, "source.host", "deprecatedSource.host", "reportingInstance");

    (void)c;
    if (!component.len)
        component = object_string(r->obj, "reportingComponent"); /* v1's name of it */
    print_addf(out, "%.*s%s%.*s", TARN_BYTES_ARG(component), host.len ? ", " : "", TARN_BYTES_ARG(host));
    return CELL_TEXT;
}

static CELL(cell_event_count)
{
    bool series = object_at(r->obj, "series").type == TARN_MAP;
    int64_t n = object_int(r->obj, series ? "series.count" : object_exists(r->obj, "count") ? "count" : "deprecatedCount");

    (void)c;
    print_addf(out, "%" PRId64, n ? n : 1);
    return CELL_JSON;
}

static CELL(cell_event_message)
{
    struct tarn_bytes text = first_of(r->obj, "message", "note", NULL);

    (void)c;
    while (text.len && isspace((unsigned char)*text.data))
        text = (struct tarn_bytes){text.data + 1, text.len - 1};
    while (text.len && isspace((unsigned char)text.data[text.len - 1]))
        text.len--;
    print_add(out, text);
    return CELL_TEXT;
}

static const struct column events[] = {
    COLUMN("Last Seen", cell_event_last, NULL, "when it was seen last"),
    COLUMN("Type", cell_plain, "type", "Normal or Warning"),
    COLUMN("Reason", cell_plain, "reason", "why, in a word"),
    COLUMN("Object", cell_event_object, NULL, "what it is about"),
    COLUMN_WIDE("Subobject", cell_event_part, NULL, "the part of the object that it is about"),
    COLUMN_WIDE("Source", cell_event_source, NULL, "who reported it"),
    COLUMN("Message", cell_event_message, NULL, "what happened"),
    COLUMN_WIDE("First Seen", cell_event_first, NULL, "when it was seen first"),
    COLUMN_WIDE("Count", cell_event_count, NULL, "how often it was seen"),
    {"Name", cell_name, NULL, "name of the event", "string", "name", 1, NULL},
    COLUMNS_END,
};

const struct table_of columns_core[] = {
    {"pods", pods},
    {"nodes", nodes},
    {"services", services},
    {"endpointslices.discovery.k8s.io", endpointslices},
    {"endpoints", endpoints},
    {"events", events},
    {"events.events.k8s.io", events},
    {"podtemplates", podtemplates},
    {0},
};
