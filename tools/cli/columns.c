/* The columns of `tarn get`: one table per resource, one small function per kind of cell.
 * Source: k8s.io/kubernetes pkg/printers/internalversion (what an API server prints for kubectl). */
#include "columns.h"

#include <stdio.h>

#include "cli.h"
#include "field.h"
#include "pod_status.h"
#include "when.h"

/* ---- cells of any resource --------------------------------------------------------------- */

static void or_none(struct tarn_buf *out, size_t before, const char *none)
{
    if (out->len == before)
        cli_addf(out, "%s", none);
}

/* The field at path arg. */
static void cell_field(const struct row *r, const char *arg, struct tarn_buf *out)
{
    struct tarn_value v = field_at(&r->root, arg);
    size_t before = out->len;

    field_text(&v, out);
    or_none(out, before, "<none>");
}

/* The number at path arg; absent is 0. */
static void cell_number(const struct row *r, const char *arg, struct tarn_buf *out)
{
    cli_addf(out, "%lld", (long long)field_int(&r->root, arg));
}

/* How many elements stand at path arg. */
static void cell_count(const struct row *r, const char *arg, struct tarn_buf *out)
{
    cli_addf(out, "%u", field_count(&r->root, arg));
}

static void cell_bool(const struct row *r, const char *arg, struct tarn_buf *out)
{
    cli_addf(out, "%s", field_true(&r->root, arg) ? "True" : "False");
}

static void cell_age(const struct row *r, const char *arg, struct tarn_buf *out)
{
    when_age(field_string(&r->root, arg), r->now_s, out);
}

/* k=v,k=v of the map at path. */
static void add_map(const struct tarn_value *root, const char *path, struct tarn_buf *out)
{
    struct tarn_value it = field_at(root, path), v;
    struct tarn_bytes k;
    const char *sep = "";
    size_t before = out->len;

    while (it.type == TARN_MAP && tarn_value_next(&it, &k, &v) == 1) {
        cli_addf(out, "%s", sep);
        cli_add(out, k);
        cli_addf(out, "=");
        field_text(&v, out);
        sep = ",";
    }
    or_none(out, before, "<none>");
}

static void cell_map(const struct row *r, const char *arg, struct tarn_buf *out)
{
    add_map(&r->root, arg, out);
}

void cell_labels(const struct row *r, const char *arg, struct tarn_buf *out)
{
    (void)arg;
    add_map(&r->root, "metadata.labels", out);
}

/* "3/5": arg is two paths, separated by a blank. */
static void cell_ratio(const struct row *r, const char *arg, struct tarn_buf *out)
{
    char first[128];
    const char *second = strchr(arg, ' ') + 1;

    snprintf(first, sizeof first, "%.*s", (int)(second - arg - 1), arg);
    cli_addf(out, "%lld/%lld", (long long)field_int(&r->root, first), (long long)field_int(&r->root, second));
}

/* The `member` of each element of the array at `path`, joined by commas; a NULL member: the elements themselves. */
static void add_joined(const struct tarn_value *root, const char *path, const char *member, struct tarn_buf *out)
{
    struct tarn_value it = field_at(root, path), v;
    const char *sep = "";
    size_t before = out->len;

    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &v) == 1) {
        struct tarn_value m = member ? field_at(&v, member) : v;

        cli_addf(out, "%s", sep);
        field_text(&m, out);
        sep = ",";
    }
    or_none(out, before, "<none>");
}

static void cell_container_names(const struct row *r, const char *arg, struct tarn_buf *out)
{
    add_joined(&r->root, arg, "name", out);
}

static void cell_container_images(const struct row *r, const char *arg, struct tarn_buf *out)
{
    add_joined(&r->root, arg, "image", out);
}

/* A LabelSelector's matchLabels at path arg. matchExpressions are named, not spelled out. */
static void cell_selector(const struct row *r, const char *arg, struct tarn_buf *out)
{
    struct tarn_value s = field_at(&r->root, arg);

    add_map(&s, "matchLabels", out);
    if (field_count(&s, "matchExpressions"))
        cli_addf(out, ",...");
}

/* ---- pods ----------------------------------------------------------------------------------- */

static void cell_pod_ready(const struct row *r, const char *arg, struct tarn_buf *out)
{
    struct pod_status s;

    (void)arg;
    pod_status_read(&r->root, &s);
    cli_addf(out, "%u/%u", s.ready, s.containers);
}

static void cell_pod_status(const struct row *r, const char *arg, struct tarn_buf *out)
{
    struct pod_status s;

    (void)arg;
    pod_status_read(&r->root, &s);
    cli_addf(out, "%s", s.word);
}

static void cell_pod_restarts(const struct row *r, const char *arg, struct tarn_buf *out)
{
    struct pod_status s;

    (void)arg;
    pod_status_read(&r->root, &s);
    cli_addf(out, "%lld", (long long)s.restarts);
    if (s.restarts && s.last_restart_s >= 0) {
        cli_addf(out, " (");
        when_span(r->now_s - s.last_restart_s, out);
        cli_addf(out, " ago)");
    }
}

static void cell_pod_gates(const struct row *r, const char *arg, struct tarn_buf *out)
{
    struct tarn_value it = field_at(&r->root, "spec.readinessGates"), gate, conditions, c;
    unsigned n = 0, ready = 0;

    (void)arg;
    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &gate) == 1) {
        n++;
        conditions = field_at(&r->root, "status.conditions");
        while (conditions.type == TARN_ARRAY && tarn_value_next(&conditions, NULL, &c) == 1)
            ready += tarn_bytes_equal(field_string(&c, "type"), field_string(&gate, "conditionType")) &&
                     tarn_bytes_equal(field_string(&c, "status"), TARN_BYTES("True"));
    }
    if (n)
        cli_addf(out, "%u/%u", ready, n);
    else
        cli_addf(out, "<none>");
}

static const struct column pods[] = {
    {"READY", cell_pod_ready, NULL, false},
    {"STATUS", cell_pod_status, NULL, false},
    {"RESTARTS", cell_pod_restarts, NULL, false},
    {"AGE", cell_age, "metadata.creationTimestamp", false},
    {"IP", cell_field, "status.podIP", true},
    {"NODE", cell_field, "spec.nodeName", true},
    {"NOMINATED NODE", cell_field, "status.nominatedNodeName", true},
    {"READINESS GATES", cell_pod_gates, NULL, true},
    {0},
};

/* ---- nodes ---------------------------------------------------------------------------------- */

static void cell_node_status(const struct row *r, const char *arg, struct tarn_buf *out)
{
    struct tarn_value it = field_at(&r->root, "status.conditions"), c;
    const char *status = "Unknown";

    (void)arg;
    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &c) == 1)
        if (tarn_bytes_equal(field_string(&c, "type"), TARN_BYTES("Ready")))
            status = tarn_bytes_equal(field_string(&c, "status"), TARN_BYTES("True")) ? "Ready" : "NotReady";
    cli_addf(out, "%s%s", status, field_true(&r->root, "spec.unschedulable") ? ",SchedulingDisabled" : "");
}

/* Roles are labels node-role.kubernetes.io/ROLE, and kubernetes.io/role=ROLE. */
static void cell_node_roles(const struct row *r, const char *arg, struct tarn_buf *out)
{
    static const struct tarn_bytes prefix = {"node-role.kubernetes.io/", 24};
    struct tarn_value it = field_at(&r->root, "metadata.labels"), v;
    struct tarn_bytes k, role = {0};
    size_t before = out->len;

    (void)arg;
    while (it.type == TARN_MAP && tarn_value_next(&it, &k, &v) == 1) {
        if (k.len > prefix.len && memcmp(k.data, prefix.data, prefix.len) == 0)
            role = (struct tarn_bytes){k.data + prefix.len, k.len - prefix.len};
        else if (tarn_bytes_equal(k, TARN_BYTES("kubernetes.io/role")) && v.type == TARN_STRING)
            role = v.string;
        else
            continue;
        if (out->len > before)
            cli_addf(out, ",");
        cli_add(out, role);
    }
    or_none(out, before, "<none>");
}

/* The first address of type arg. */
static void cell_node_address(const struct row *r, const char *arg, struct tarn_buf *out)
{
    struct tarn_value it = field_at(&r->root, "status.addresses"), a;

    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &a) == 1)
        if (tarn_bytes_equal(field_string(&a, "type"), tarn_bytes_of(arg))) {
            cli_add(out, field_string(&a, "address"));
            return;
        }
    cli_addf(out, "<none>");
}

static const struct column nodes[] = {
    {"STATUS", cell_node_status, NULL, false},
    {"ROLES", cell_node_roles, NULL, false},
    {"AGE", cell_age, "metadata.creationTimestamp", false},
    {"VERSION", cell_field, "status.nodeInfo.kubeletVersion", false},
    {"INTERNAL-IP", cell_node_address, "InternalIP", true},
    {"EXTERNAL-IP", cell_node_address, "ExternalIP", true},
    {"OS-IMAGE", cell_field, "status.nodeInfo.osImage", true},
    {"KERNEL-VERSION", cell_field, "status.nodeInfo.kernelVersion", true},
    {"CONTAINER-RUNTIME", cell_field, "status.nodeInfo.containerRuntimeVersion", true},
    {0},
};

/* ---- services, endpoints --------------------------------------------------------------------- */

/* "80:30080/TCP,443/TCP" */
static void cell_service_ports(const struct row *r, const char *arg, struct tarn_buf *out)
{
    struct tarn_value it = field_at(&r->root, "spec.ports"), p;
    size_t before = out->len;

    (void)arg;
    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &p) == 1) {
        int64_t node = field_int(&p, "nodePort");
        struct tarn_bytes protocol = field_string(&p, "protocol");

        cli_addf(out, "%s%lld", out->len > before ? "," : "", (long long)field_int(&p, "port"));
        if (node)
            cli_addf(out, ":%lld", (long long)node);
        cli_addf(out, "/%.*s", TARN_BYTES_ARG(protocol.len ? protocol : TARN_BYTES("TCP")));
    }
    or_none(out, before, "<none>");
}

static void cell_service_external(const struct row *r, const char *arg, struct tarn_buf *out)
{
    struct tarn_bytes type = field_string(&r->root, "spec.type");
    bool balancer = tarn_bytes_equal(type, TARN_BYTES("LoadBalancer"));
    struct tarn_value ingress = field_at(&r->root, "status.loadBalancer.ingress[0]");

    (void)arg;
    if (tarn_bytes_equal(type, TARN_BYTES("ExternalName")))
        cli_add(out, field_string(&r->root, "spec.externalName"));
    else if (field_count(&r->root, "spec.externalIPs"))
        add_joined(&r->root, "spec.externalIPs", NULL, out);
    else if (balancer && ingress.type == TARN_MAP)
        add_joined(&r->root, "status.loadBalancer.ingress", field_exists(&ingress, "ip") ? "ip" : "hostname", out);
    else
        cli_addf(out, balancer ? "<pending>" : "<none>");
}

static const struct column services[] = {
    {"TYPE", cell_field, "spec.type", false},
    {"CLUSTER-IP", cell_field, "spec.clusterIP", false},
    {"EXTERNAL-IP", cell_service_external, NULL, false},
    {"PORT(S)", cell_service_ports, NULL, false},
    {"AGE", cell_age, "metadata.creationTimestamp", false},
    {"SELECTOR", cell_map, "spec.selector", true},
    {0},
};

enum { SHOWN_MAX = 3 };

/* The first addresses of a list of {arg: [...]} or of {ip} at path, and how many more there are. */
static void add_addresses(const struct tarn_value *root, const char *list, const char *inner, struct tarn_buf *out)
{
    struct tarn_value it = field_at(root, list), e, addresses, a;
    size_t before = out->len;
    unsigned n = 0;

    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &e) == 1) {
        addresses = field_at(&e, inner);
        while (addresses.type == TARN_ARRAY && tarn_value_next(&addresses, NULL, &a) == 1) {
            struct tarn_value text = a.type == TARN_MAP ? field_at(&a, "ip") : a;

            if (n++ >= SHOWN_MAX)
                continue;
            if (n > 1)
                cli_addf(out, ",");
            field_text(&text, out);
        }
    }
    if (n > SHOWN_MAX)
        cli_addf(out, " + %u more...", n - SHOWN_MAX);
    or_none(out, before, "<unset>");
}

static void cell_slice_endpoints(const struct row *r, const char *arg, struct tarn_buf *out)
{
    (void)arg;
    add_addresses(&r->root, "endpoints", "addresses", out);
}

static void cell_endpoints(const struct row *r, const char *arg, struct tarn_buf *out)
{
    (void)arg;
    add_addresses(&r->root, "subsets", "addresses", out);
}

static void cell_slice_ports(const struct row *r, const char *arg, struct tarn_buf *out)
{
    (void)arg;
    if (field_count(&r->root, "ports"))
        add_joined(&r->root, "ports", "port", out);
    else
        cli_addf(out, "<unset>");
}

static const struct column endpointslices[] = {
    {"ADDRESSTYPE", cell_field, "addressType", false},
    {"PORTS", cell_slice_ports, NULL, false},
    {"ENDPOINTS", cell_slice_endpoints, NULL, false},
    {"AGE", cell_age, "metadata.creationTimestamp", false},
    {0},
};

static const struct column endpoints[] = {
    {"ENDPOINTS", cell_endpoints, NULL, false},
    {"AGE", cell_age, "metadata.creationTimestamp", false},
    {0},
};

/* ---- workloads -------------------------------------------------------------------------------- */

#define TEMPLATE_COLUMNS                                                       \
    {"CONTAINERS", cell_container_names, "spec.template.spec.containers", true}, \
        {"IMAGES", cell_container_images, "spec.template.spec.containers", true}

static const struct column deployments[] = {
    {"READY", cell_ratio, "status.readyReplicas spec.replicas", false},
    {"UP-TO-DATE", cell_number, "status.updatedReplicas", false},
    {"AVAILABLE", cell_number, "status.availableReplicas", false},
    {"AGE", cell_age, "metadata.creationTimestamp", false},
    TEMPLATE_COLUMNS,
    {"SELECTOR", cell_selector, "spec.selector", true},
    {0},
};

static const struct column replicasets[] = {
    {"DESIRED", cell_number, "spec.replicas", false},
    {"CURRENT", cell_number, "status.replicas", false},
    {"READY", cell_number, "status.readyReplicas", false},
    {"AGE", cell_age, "metadata.creationTimestamp", false},
    TEMPLATE_COLUMNS,
    {"SELECTOR", cell_selector, "spec.selector", true},
    {0},
};

static const struct column statefulsets[] = {
    {"READY", cell_ratio, "status.readyReplicas spec.replicas", false},
    {"AGE", cell_age, "metadata.creationTimestamp", false},
    TEMPLATE_COLUMNS,
    {0},
};

static const struct column daemonsets[] = {
    {"DESIRED", cell_number, "status.desiredNumberScheduled", false},
    {"CURRENT", cell_number, "status.currentNumberScheduled", false},
    {"READY", cell_number, "status.numberReady", false},
    {"UP-TO-DATE", cell_number, "status.updatedNumberScheduled", false},
    {"AVAILABLE", cell_number, "status.numberAvailable", false},
    {"NODE SELECTOR", cell_map, "spec.template.spec.nodeSelector", false},
    {"AGE", cell_age, "metadata.creationTimestamp", false},
    TEMPLATE_COLUMNS,
    {"SELECTOR", cell_selector, "spec.selector", true},
    {0},
};

/* "1/3"; "2/1 of 4" where completions are left open and it works in parallel. */
static void cell_job_completions(const struct row *r, const char *arg, struct tarn_buf *out)
{
    long long succeeded = (long long)field_int(&r->root, "status.succeeded");
    long long parallel = (long long)field_int(&r->root, "spec.parallelism");

    (void)arg;
    if (field_exists(&r->root, "spec.completions"))
        cli_addf(out, "%lld/%lld", succeeded, (long long)field_int(&r->root, "spec.completions"));
    else if (parallel > 1)
        cli_addf(out, "%lld/1 of %lld", succeeded, parallel);
    else
        cli_addf(out, "%lld/1", succeeded);
}

static void cell_job_duration(const struct row *r, const char *arg, struct tarn_buf *out)
{
    int64_t start = when_parse(field_string(&r->root, "status.startTime"));
    int64_t end = when_parse(field_string(&r->root, "status.completionTime"));

    (void)arg;
    if (start >= 0)
        when_span((end >= 0 ? end : r->now_s) - start, out);
}

static const struct column jobs[] = {
    {"COMPLETIONS", cell_job_completions, NULL, false},
    {"DURATION", cell_job_duration, NULL, false},
    {"AGE", cell_age, "metadata.creationTimestamp", false},
    TEMPLATE_COLUMNS,
    {"SELECTOR", cell_selector, "spec.selector", true},
    {0},
};

static const struct column cronjobs[] = {
    {"SCHEDULE", cell_field, "spec.schedule", false},
    {"SUSPEND", cell_bool, "spec.suspend", false},
    {"ACTIVE", cell_count, "status.active", false},
    {"LAST SCHEDULE", cell_age, "status.lastScheduleTime", false},
    {"AGE", cell_age, "metadata.creationTimestamp", false},
    {0},
};

/* ---- configuration, storage, the rest ----------------------------------------------------------- */

static void cell_config_data(const struct row *r, const char *arg, struct tarn_buf *out)
{
    (void)arg;
    cli_addf(out, "%u", field_count(&r->root, "data") + field_count(&r->root, "binaryData"));
}

static const struct column configmaps[] = {
    {"DATA", cell_config_data, NULL, false},
    {"AGE", cell_age, "metadata.creationTimestamp", false},
    {0},
};

static const struct column secrets[] = {
    {"TYPE", cell_field, "type", false},
    {"DATA", cell_config_data, NULL, false},
    {"AGE", cell_age, "metadata.creationTimestamp", false},
    {0},
};

static const struct column namespaces[] = {
    {"STATUS", cell_field, "status.phase", false},
    {"AGE", cell_age, "metadata.creationTimestamp", false},
    {0},
};

static const struct column serviceaccounts[] = {
    {"SECRETS", cell_count, "secrets", false},
    {"AGE", cell_age, "metadata.creationTimestamp", false},
    {0},
};

static void cell_ingress_hosts(const struct row *r, const char *arg, struct tarn_buf *out)
{
    struct tarn_value it = field_at(&r->root, "spec.rules"), rule;
    size_t before = out->len;

    (void)arg;
    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &rule) == 1) {
        struct tarn_bytes host = field_string(&rule, "host");

        if (!host.len)
            continue;
        if (out->len > before)
            cli_addf(out, ",");
        cli_add(out, host);
    }
    or_none(out, before, "*");
}

static void cell_ingress_address(const struct row *r, const char *arg, struct tarn_buf *out)
{
    struct tarn_value ingress = field_at(&r->root, "status.loadBalancer.ingress[0]");

    (void)arg;
    if (ingress.type == TARN_MAP)
        add_joined(&r->root, "status.loadBalancer.ingress", field_exists(&ingress, "ip") ? "ip" : "hostname", out);
}

static void cell_ingress_ports(const struct row *r, const char *arg, struct tarn_buf *out)
{
    (void)arg;
    cli_addf(out, "%s", field_count(&r->root, "spec.tls") ? "80, 443" : "80");
}

static const struct column ingresses[] = {
    {"CLASS", cell_field, "spec.ingressClassName", false},
    {"HOSTS", cell_ingress_hosts, NULL, false},
    {"ADDRESS", cell_ingress_address, NULL, false},
    {"PORTS", cell_ingress_ports, NULL, false},
    {"AGE", cell_age, "metadata.creationTimestamp", false},
    {0},
};

/* RWO, ROX, RWX, RWOP: the modes' initials. */
static void cell_access_modes(const struct row *r, const char *arg, struct tarn_buf *out)
{
    static const char *const names[][2] = {
        {"ReadWriteOnce", "RWO"}, {"ReadOnlyMany", "ROX"}, {"ReadWriteMany", "RWX"}, {"ReadWriteOncePod", "RWOP"}};
    struct tarn_value it = field_at(&r->root, arg), mode;
    size_t before = out->len;

    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &mode) == 1)
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (mode.type == TARN_STRING && tarn_bytes_equal(mode.string, tarn_bytes_of(names[i][0])))
                cli_addf(out, "%s%s", out->len > before ? "," : "", names[i][1]);
}

static const struct column volume_claims[] = {
    {"STATUS", cell_field, "status.phase", false},
    {"VOLUME", cell_field, "spec.volumeName", false},
    {"CAPACITY", cell_field, "status.capacity.storage", false},
    {"ACCESS MODES", cell_access_modes, "status.accessModes", false},
    {"STORAGECLASS", cell_field, "spec.storageClassName", false},
    {"AGE", cell_age, "metadata.creationTimestamp", false},
    {0},
};

static void cell_claim(const struct row *r, const char *arg, struct tarn_buf *out)
{
    struct tarn_value claim = field_at(&r->root, arg);

    if (claim.type == TARN_MAP)
        cli_addf(out, "%.*s/%.*s", TARN_BYTES_ARG(field_string(&claim, "namespace")),
                 TARN_BYTES_ARG(field_string(&claim, "name")));
}

static const struct column volumes[] = {
    {"CAPACITY", cell_field, "spec.capacity.storage", false},
    {"ACCESS MODES", cell_access_modes, "spec.accessModes", false},
    {"RECLAIM POLICY", cell_field, "spec.persistentVolumeReclaimPolicy", false},
    {"STATUS", cell_field, "status.phase", false},
    {"CLAIM", cell_claim, "spec.claimRef", false},
    {"STORAGECLASS", cell_field, "spec.storageClassName", false},
    {"AGE", cell_age, "metadata.creationTimestamp", false},
    {0},
};

static const struct column leases[] = {
    {"HOLDER", cell_field, "spec.holderIdentity", false},
    {"AGE", cell_age, "metadata.creationTimestamp", false},
    {0},
};

static const struct column anything[] = {
    {"AGE", cell_age, "metadata.creationTimestamp", false},
    {0},
};

static const struct {
    const char *resource;
    const struct column *columns;
} tables[] = {
    {"pods", pods},
    {"nodes", nodes},
    {"services", services},
    {"endpointslices.discovery.k8s.io", endpointslices},
    {"endpoints", endpoints},
    {"deployments.apps", deployments},
    {"replicasets.apps", replicasets},
    {"statefulsets.apps", statefulsets},
    {"daemonsets.apps", daemonsets},
    {"jobs.batch", jobs},
    {"cronjobs.batch", cronjobs},
    {"configmaps", configmaps},
    {"secrets", secrets},
    {"namespaces", namespaces},
    {"serviceaccounts", serviceaccounts},
    {"ingresses.networking.k8s.io", ingresses},
    {"persistentvolumeclaims", volume_claims},
    {"persistentvolumes", volumes},
    {"leases.coordination.k8s.io", leases},
};

const struct column *columns_of(struct tarn_bytes resource)
{
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (tarn_bytes_equal(resource, tarn_bytes_of(tables[i].resource)))
            return tables[i].columns;
    return anything;
}
