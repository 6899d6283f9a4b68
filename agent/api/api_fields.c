/* api_fields.c - one table of field labels. */
#include "api_fields.h"

struct label {
    const char *group, *resource, *label;
    const char *path; /* NULL: the label is the path */
    const char *zero; /* the value that an absent field stands for; NULL: "" */
};

/* Besides metadata.name and, for all but those that have it here by itself, metadata.namespace. */
static const struct label labels[] = {
    {"", "pods", "spec.nodeName", NULL, NULL},
    {"", "pods", "spec.host", "spec.nodeName", NULL},
    {"", "pods", "spec.restartPolicy", NULL, NULL},
    {"", "pods", "spec.schedulerName", NULL, NULL},
    {"", "pods", "spec.serviceAccountName", NULL, NULL},
    {"", "pods", "spec.hostNetwork", NULL, "false"},
    {"", "pods", "status.phase", NULL, NULL},
    {"", "pods", "status.podIP", NULL, NULL},
    {"", "pods", "status.podIPs", NULL, NULL},
    {"", "pods", "status.nominatedNodeName", NULL, NULL},
    {"", "nodes", "spec.unschedulable", NULL, "false"},
    {"", "namespaces", "status.phase", NULL, NULL},
    {"", "namespaces", "name", "metadata.name", NULL},
    {"", "secrets", "type", NULL, NULL},
    {"", "services", "spec.clusterIP", NULL, NULL},
    {"", "services", "spec.type", NULL, NULL},
    {"", "replicationcontrollers", "status.replicas", NULL, NULL},
    {"", "events", "involvedObject.kind", NULL, NULL},
    {"", "events", "involvedObject.namespace", NULL, NULL},
    {"", "events", "involvedObject.name", NULL, NULL},
    {"", "events", "involvedObject.uid", NULL, NULL},
    {"", "events", "involvedObject.apiVersion", NULL, NULL},
    {"", "events", "involvedObject.resourceVersion", NULL, NULL},
    {"", "events", "involvedObject.fieldPath", NULL, NULL},
    {"", "events", "reason", NULL, NULL},
    {"", "events", "reportingComponent", NULL, NULL},
    {"", "events", "source", "source.component", NULL},
    {"", "events", "type", NULL, NULL},
    {"events.k8s.io", "events", "regarding.kind", NULL, NULL},
    {"events.k8s.io", "events", "regarding.namespace", NULL, NULL},
    {"events.k8s.io", "events", "regarding.name", NULL, NULL},
    {"events.k8s.io", "events", "regarding.uid", NULL, NULL},
    {"events.k8s.io", "events", "regarding.apiVersion", NULL, NULL},
    {"events.k8s.io", "events", "regarding.resourceVersion", NULL, NULL},
    {"events.k8s.io", "events", "regarding.fieldPath", NULL, NULL},
    {"events.k8s.io", "events", "reason", NULL, NULL},
    {"events.k8s.io", "events", "reportingController", NULL, NULL},
    {"events.k8s.io", "events", "type", NULL, NULL},
    {"apps", "replicasets", "status.replicas", NULL, NULL},
    {"batch", "jobs", "status.successful", "status.succeeded", "0"},
    {"certificates.k8s.io", "certificatesigningrequests", "spec.signerName", NULL, NULL},
    {"certificates.k8s.io", "clustertrustbundles", "spec.signerName", NULL, NULL},
    {"resource.k8s.io", "resourceslices", "spec.nodeName", NULL, NULL},
    {"resource.k8s.io", "resourceslices", "spec.driver", NULL, NULL},
};

static bool is(struct tarn_bytes b, const char *s)
{
    return tarn_bytes_equal(b, tarn_bytes_of(s));
}

bool api_group_is_built_in(struct tarn_bytes group)
{
    static const char *const groups[] = {
        "",
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "autoscaling",
        "batch",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "extensions",
        "flowcontrol.apiserver.k8s.io",
        "internal.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
        "storagemigration.k8s.io",
    };

    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (is(group, groups[i]))
            return true;
    return false;
}

const char *api_fields_path(struct tarn_bytes group, struct tarn_bytes resource, unsigned n)
{
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        if (is(resource, labels[i].resource) && is(group, labels[i].group) && n-- == 0)
            return labels[i].path ? labels[i].path : labels[i].label;
    return NULL;
}

/* The label's row; one for every kind; NULL: there is none. */
static const struct label *find(struct tarn_bytes group, struct tarn_bytes resource, struct tarn_bytes label)
{
    static const struct label everywhere = {NULL, NULL, NULL, NULL, NULL};
    bool cluster = group.len == 0 && (is(resource, "nodes") || is(resource, "namespaces"));

    if (is(label, "metadata.name") || (is(label, "metadata.namespace") && !cluster) || !api_group_is_built_in(group))
        return &everywhere;
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        if (is(label, labels[i].label) && is(resource, labels[i].resource) && is(group, labels[i].group))
            return &labels[i];
    return NULL;
}

/* A value as it stands in a selector's text. */
static int add_escaped(struct tarn_bytes v, struct tarn_buf *out)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < v.len; i++) {
        if (v.data[i] == '\\' || v.data[i] == ',' || v.data[i] == '=')
            rc = tarn_buf_adds(out, "\\");
        if (rc == 0)
            rc = tarn_buf_add(out, v.data + i, 1);
    }
    return rc;
}

static int add_term(const struct label *l, const struct tarn_field_term *t, struct tarn_buf *out)
{
    struct tarn_bytes path = l->path ? tarn_bytes_of(l->path) : t->path;
    int rc = tarn_buf_addf(out, "%s%.*s%s", out->len ? "," : "", TARN_BYTES_ARG(path), t->negated ? "!=" : "=");

    if (rc || (l->zero && is(t->value, l->zero))) /* as if the field were absent: so it compares with "" */
        return rc;
    return add_escaped(t->value, out);
}

/* The terms of s by the paths of the JSON. */
static int rewrite(struct tarn_bytes group, struct tarn_bytes resource, const struct tarn_field_selector *s, struct tarn_buf *out, struct api_answer *ret_answer)
{
    struct tarn_field_term t;
    int rc = 0;

    for (size_t i = 0; rc == 0 && tarn_field_selector_term(s, i, &t); i++) {
        const struct label *l = find(group, resource, t.path);

        if (!l) {
            api_answer_bad_request(ret_answer, "field label not supported: %.*s", (int)(t.path.len > 512 ? 512 : t.path.len), t.path.data);
            return TARN_E_SELECTOR;
        }
        rc = add_term(l, &t, out);
    }
    return rc;
}

static int parse(struct tarn_bytes text, const struct tarn_field_selector **ret, struct api_answer *ret_answer)
{
    struct tarn_error err;
    int rc = tarn_field_selector_parse(text, ret, &err);

    if (rc == TARN_E_SELECTOR)
        api_answer_bad_request(ret_answer, "%s", err.message);
    return rc;
}

int api_fields_compile(struct tarn_bytes group, struct tarn_bytes resource, struct tarn_bytes text, const struct tarn_field_selector **ret,
                       struct api_answer *ret_answer)
{
    const struct tarn_field_selector *asked, *s = NULL;
    struct tarn_buf paths = {0};
    int rc = parse(text, &asked, ret_answer);

    if (rc)
        return rc;
    rc = rewrite(group, resource, asked, &paths, ret_answer);
    if (rc == 0)
        rc = parse(tarn_buf_bytes(&paths), &s, ret_answer);
    if (rc == 0)
        *ret = tarn_field_selector_is_everything(s) ? NULL : s;
    tarn_buf_release(&paths);
    tarn_field_selector_free(asked);
    return rc;
}

bool api_fields_demand(const struct tarn_field_selector *s, const char *path, struct tarn_bytes *ret)
{
    struct tarn_field_term t;

    for (size_t i = 0; s && tarn_field_selector_term(s, i, &t); i++)
        if (!t.negated && t.value.len && is(t.path, path)) {
            *ret = t.value;
            return true;
        }
    return false;
}
