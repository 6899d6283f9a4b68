/* The columns of configuration, storage, networking, permissions and the cluster's own resources.
 * Source: k8s.io/kubernetes pkg/printers/internalversion; rest.DefaultTableConvertor. */
#include <inttypes.h>

#include "cells.h"
#include "field.h"
#include "when.h"

/* ---- configuration ------------------------------------------------------------------------------ */

static CELL(cell_config_data)
{
    (void)c;
    print_addf(out, "%u", object_count(r->obj, "data") + object_count(r->obj, "binaryData"));
    return CELL_JSON;
}

static const struct column configmaps[] = {
    COLUMN_NAME, COLUMN("Data", cell_config_data, NULL, "how many entries it has"), COLUMN_AGE, COLUMNS_END};

static const struct column secrets[] = {
    COLUMN_NAME,
    COLUMN("Type", cell_plain, "type", "what it is for"),
    COLUMN("Data", cell_count, "data", "how many entries it has"),
    COLUMN_AGE,
    COLUMNS_END,
};

static const struct column namespaces[] = {
    COLUMN_NAME, COLUMN("Status", cell_plain, "status.phase", "Active or Terminating"), COLUMN_AGE, COLUMNS_END};

static const struct column serviceaccounts[] = {
    COLUMN_NAME, COLUMN("Secrets", cell_count, "secrets", "how many secrets it names"), COLUMN_AGE, COLUMNS_END};

/* "requests.cpu: 1/2, pods: 3/10": used and allowed, of limits (arg "limits") or of the rest. */
static CELL(cell_quota)
{
    struct tarn_value it = object_at(r->obj, "status.hard"), hard;
    bool limits = c->arg != NULL;
    struct tarn_bytes name;
    size_t before = out->out->len;

    while (it.type == TARN_MAP && tarn_value_next(&it, &name, &hard) == 1) {
        struct tarn_value used_of = object_at(r->obj, "status.used"), used;
        struct tarn_bytes other;

        if ((name.len > 7 && memcmp(name.data, "limits.", 7) == 0) != limits)
            continue;
        print_addf(out, "%s%.*s: ", out->out->len > before ? ", " : "", TARN_BYTES_ARG(name));
        while (used_of.type == TARN_MAP && tarn_value_next(&used_of, &other, &used) == 1)
            if (tarn_bytes_equal(name, other))
                break;
        if (used_of.type == TARN_MAP && tarn_bytes_equal(name, other))
            field_text(&used, out);
        else
            print_adds(out, "0");
        print_adds(out, "/");
        field_text(&hard, out);
    }
    return CELL_TEXT;
}

static const struct column resourcequotas[] = {
    COLUMN_NAME,
    COLUMN("Request", cell_quota, NULL, "what is used and what may be, but for limits"),
    COLUMN("Limit", cell_quota, "limits", "limits that are used and that may be"),
    COLUMN_AGE,
    COLUMNS_END,
};

static const struct column priorityclasses[] = {
    COLUMN_NAME,
    COLUMN_OF("integer", "Value", cell_number, "value", "the priority"),
    COLUMN_OF("boolean", "Global-Default", cell_bool, "globalDefault", "whether pods without a class have this one"),
    COLUMN_AGE,
    COLUMN("PreemptionPolicy", cell_plain, "preemptionPolicy", "whether its pods may take others' places"),
    COLUMNS_END,
};

static const struct column runtimeclasses[] = {
    COLUMN_NAME, COLUMN("Handler", cell_plain, "handler", "the runtime's own name of it"), COLUMN_AGE, COLUMNS_END};

static const struct column leases[] = {
    COLUMN_NAME, COLUMN("Holder", cell_plain, "spec.holderIdentity", "who holds it"), COLUMN_AGE, COLUMNS_END};

/* ---- networking ------------------------------------------------------------------------------------ */

static CELL(cell_ingress_hosts)
{
    enum { HOSTS_SHOWN = 3 };
    struct tarn_value it = object_at(r->obj, "spec.rules"), rule;
    unsigned shown = 0, seen = 0;
    bool more = false;

    (void)c;
    for (; it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &rule) == 1; seen++) {
        struct tarn_bytes host = field_string(&rule, "host");

        more |= shown == HOSTS_SHOWN;
        if (!more && host.len)
            print_addf(out, "%s%.*s", shown++ ? "," : "", TARN_BYTES_ARG(host));
    }
    if (more)
        print_addf(out, " + %u more...", seen - HOSTS_SHOWN);
    print_adds(out, shown ? "" : "*");
    return CELL_TEXT;
}

static CELL(cell_ingress_address)
{
    struct cell_words addresses;

    (void)c;
    cells_balancer(r->obj, &addresses);
    cell_words_print(&addresses, out);
    return CELL_TEXT;
}

static CELL(cell_ingress_ports)
{
    (void)c;
    print_adds(out, object_count(r->obj, "spec.tls") ? "80, 443" : "80");
    return CELL_TEXT;
}

static const struct column ingresses[] = {
    COLUMN_NAME,
    COLUMN("Class", cell_field, "spec.ingressClassName", "class that serves it"),
    COLUMN("Hosts", cell_ingress_hosts, NULL, "host names that it answers to"),
    COLUMN("Address", cell_ingress_address, NULL, "addresses of the load balancer"),
    COLUMN("Ports", cell_ingress_ports, NULL, "ports that it opens"),
    COLUMN_AGE,
    COLUMNS_END,
};

static CELL(cell_class_parameters)
{
    struct tarn_value p = object_at(r->obj, "spec.parameters");
    struct tarn_bytes group = field_string(&p, "apiGroup");

    (void)c;
    if (p.type != TARN_MAP)
        print_adds(out, "<none>");
    else
        print_addf(out, "%.*s%s%.*s/%.*s", TARN_BYTES_ARG(field_string(&p, "kind")), group.len ? "." : "", TARN_BYTES_ARG(group),
                   TARN_BYTES_ARG(field_string(&p, "name")));
    return CELL_TEXT;
}

static const struct column ingressclasses[] = {
    COLUMN_NAME,
    COLUMN("Controller", cell_plain, "spec.controller", "who serves the class"),
    COLUMN("Parameters", cell_class_parameters, NULL, "object with more settings"),
    COLUMN_AGE,
    COLUMNS_END,
};

static const struct column networkpolicies[] = {
    COLUMN_NAME, COLUMN("Pod-Selector", cell_selector, "spec.podSelector", "labels of the pods that it is for"), COLUMN_AGE, COLUMNS_END};

/* ---- storage ------------------------------------------------------------------------------------------ */

/* RWO, ROX, RWX, RWOP: the modes' initials, each once. */
static CELL(cell_access_modes)
{
    static const char *const names[][2] = {
        {"ReadWriteOnce", "RWO"}, {"ReadOnlyMany", "ROX"}, {"ReadWriteMany", "RWX"}, {"ReadWriteOncePod", "RWOP"}};
    size_t before = out->out->len;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct tarn_value it = object_at(r->obj, c->arg), mode;
        bool there = false;

        while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &mode) == 1)
            there |= mode.type == TARN_STRING && tarn_bytes_equal(mode.string, tarn_bytes_of(names[i][0]));
        if (there)
            print_addf(out, "%s%s", out->out->len > before ? "," : "", names[i][1]);
    }
    return CELL_TEXT;
}

/* The phase, unless it is on its way out. */
static CELL(cell_volume_status)
{
    if (object_exists(r->obj, "metadata.deletionTimestamp"))
        print_adds(out, "Terminating");
    else
        print_add(out, object_string(r->obj, c->arg));
    return CELL_TEXT;
}

/* The class in the old annotation, or the field at arg. */
static CELL(cell_storage_class)
{
    struct tarn_bytes old = object_string(r->obj, "metadata.annotations['volume.beta.kubernetes.io/storage-class']");

    print_add(out, old.len ? old : object_string(r->obj, c->arg));
    return CELL_TEXT;
}

/* What a claim without a volume does not have yet. */
static CELL(cell_claim_capacity)
{
    return object_string(r->obj, "spec.volumeName").len ? cell_plain(r, c, out) : CELL_TEXT;
}

static CELL(cell_claim_modes)
{
    return object_string(r->obj, "spec.volumeName").len ? cell_access_modes(r, c, out) : CELL_TEXT;
}

static const struct column volume_claims[] = {
    COLUMN_NAME,
    COLUMN("Status", cell_volume_status, "status.phase", "Pending, Bound, Lost or Terminating"),
    COLUMN("Volume", cell_plain, "spec.volumeName", "volume that it is bound to"),
    COLUMN("Capacity", cell_claim_capacity, "status.capacity.storage", "size of the volume"),
    COLUMN("Access Modes", cell_claim_modes, "status.accessModes", "how it may be mounted"),
    COLUMN("StorageClass", cell_storage_class, "spec.storageClassName", "its storage class"),
    COLUMN("VolumeAttributesClass", cell_unset, "spec.volumeAttributesClassName", "its class of volume attributes"),
    COLUMN_AGE,
    COLUMN_WIDE("VolumeMode", cell_unset, "spec.volumeMode", "Filesystem or Block"),
    COLUMNS_END,
};

static CELL(cell_claim)
{
    struct tarn_value claim = object_at(r->obj, c->arg);

    if (claim.type == TARN_MAP)
        print_addf(out, "%.*s/%.*s", TARN_BYTES_ARG(field_string(&claim, "namespace")), TARN_BYTES_ARG(field_string(&claim, "name")));
    return CELL_TEXT;
}

static const struct column volumes[] = {
    COLUMN_NAME,
    COLUMN("Capacity", cell_plain, "spec.capacity.storage", "its size"),
    COLUMN("Access Modes", cell_access_modes, "spec.accessModes", "how it may be mounted"),
    COLUMN("Reclaim Policy", cell_plain, "spec.persistentVolumeReclaimPolicy", "what becomes of it without its claim"),
    COLUMN("Status", cell_volume_status, "status.phase", "Available, Bound, Released, Failed or Terminating"),
    COLUMN("Claim", cell_claim, "spec.claimRef", "claim that it is bound to"),
    COLUMN("StorageClass", cell_storage_class, "spec.storageClassName", "its storage class"),
    COLUMN("VolumeAttributesClass", cell_unset, "spec.volumeAttributesClassName", "its class of volume attributes"),
    COLUMN("Reason", cell_plain, "status.reason", "why it is as it is, in a word"),
    COLUMN_AGE,
    COLUMN_WIDE("VolumeMode", cell_unset, "spec.volumeMode", "Filesystem or Block"),
    COLUMNS_END,
};

static CELL(cell_class_name)
{
    static const char *const marks[] = {"metadata.annotations['storageclass.kubernetes.io/is-default-class']",
                                        "metadata.annotations['storageclass.beta.kubernetes.io/is-default-class']"};

    (void)cell_name(r, c, out);
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (tarn_bytes_equal(object_string(r->obj, marks[i]), TARN_BYTES("true"))) {
            print_adds(out, " (default)");
            break;
        }
    return CELL_TEXT;
}

static CELL(cell_class_policy)
{
    struct tarn_bytes policy = object_string(r->obj, c->arg);

    print_add(out, policy.len ? policy : strcmp(c->arg, "reclaimPolicy") == 0 ? TARN_BYTES("Delete") : TARN_BYTES("Immediate"));
    return CELL_TEXT;
}

static const struct column storageclasses[] = {
    {"Name", cell_class_name, NULL, "name of the class", "string", "name", 0, NULL},
    COLUMN("Provisioner", cell_plain, "provisioner", "who makes its volumes"),
    COLUMN("ReclaimPolicy", cell_class_policy, "reclaimPolicy", "what becomes of a volume without its claim"),
    COLUMN("VolumeBindingMode", cell_class_policy, "volumeBindingMode", "when a claim gets its volume"),
    COLUMN("AllowVolumeExpansion", cell_bool, "allowVolumeExpansion", "whether volumes may grow"),
    COLUMN_AGE,
    COLUMNS_END,
};

static const struct column volumeattachments[] = {
    COLUMN_NAME,
    {"Attacher", cell_plain, "spec.attacher", "driver that attaches it", "string", "name", 0, NULL},
    COLUMN("PV", cell_plain, "spec.source.persistentVolumeName", "the volume"),
    COLUMN("Node", cell_plain, "spec.nodeName", "the node"),
    COLUMN_OF("boolean", "Attached", cell_bool, "status.attached", "whether it is"),
    COLUMN_AGE,
    COLUMNS_END,
};

static const struct column csinodes[] = {
    COLUMN_NAME, COLUMN_OF("integer", "Drivers", cell_count, "spec.drivers", "how many drivers the node has"), COLUMN_AGE, COLUMNS_END};

/* ---- permissions, admission ------------------------------------------------------------------------------ */

static CELL(cell_role)
{
    (void)c;
    print_addf(out, "%.*s/%.*s", TARN_BYTES_ARG(object_string(r->obj, "roleRef.kind")), TARN_BYTES_ARG(object_string(r->obj, "roleRef.name")));
    return CELL_TEXT;
}

/* The subjects of kind arg; a ServiceAccount with its namespace. */
static CELL(cell_subjects)
{
    struct tarn_value it = object_at(r->obj, "subjects"), s;
    size_t before = out->out->len;

    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &s) == 1) {
        bool account = strcmp(c->arg, "ServiceAccount") == 0;

        if (!tarn_bytes_equal(field_string(&s, "kind"), tarn_bytes_of(c->arg)))
            continue;
        print_adds(out, out->out->len > before ? ", " : "");
        print_addf(out, "%.*s%s%.*s", TARN_BYTES_ARG(account ? field_string(&s, "namespace") : TARN_BYTES("")), account ? "/" : "",
                   TARN_BYTES_ARG(field_string(&s, "name")));
    }
    return CELL_TEXT;
}

static const struct column rolebindings[] = {
    COLUMN_NAME,
    COLUMN("Role", cell_role, NULL, "role that it gives"),
    COLUMN_AGE,
    COLUMN_WIDE("Users", cell_subjects, "User", "users that it is given to"),
    COLUMN_WIDE("Groups", cell_subjects, "Group", "groups that it is given to"),
    COLUMN_WIDE("ServiceAccounts", cell_subjects, "ServiceAccount", "service accounts that it is given to"),
    COLUMNS_END,
};

static const struct column webhooks[] = {
    COLUMN_NAME, COLUMN_OF("integer", "Webhooks", cell_count, "webhooks", "how many webhooks it names"), COLUMN_AGE, COLUMNS_END};

static CELL(cell_created)
{
    print_add(out, object_string(r->obj, c->arg));
    return CELL_TEXT;
}

/* Those that the API server has no printer of its own for. */
static const struct column created[] = {
    COLUMN_NAME, COLUMN_OF("date", "Created At", cell_created, "metadata.creationTimestamp", "when the object was created"), COLUMNS_END};

const struct table_of columns_cluster[] = {
    {"configmaps", configmaps},
    {"secrets", secrets},
    {"namespaces", namespaces},
    {"serviceaccounts", serviceaccounts},
    {"resourcequotas", resourcequotas},
    {"priorityclasses.scheduling.k8s.io", priorityclasses},
    {"runtimeclasses.node.k8s.io", runtimeclasses},
    {"leases.coordination.k8s.io", leases},
    {"ingresses.networking.k8s.io", ingresses},
    {"ingressclasses.networking.k8s.io", ingressclasses},
    {"networkpolicies.networking.k8s.io", networkpolicies},
    {"persistentvolumeclaims", volume_claims},
    {"persistentvolumes", volumes},
    {"storageclasses.storage.k8s.io", storageclasses},
    {"volumeattachments.storage.k8s.io", volumeattachments},
    {"csinodes.storage.k8s.io", csinodes},
    {"rolebindings.rbac.authorization.k8s.io", rolebindings},
    {"clusterrolebindings.rbac.authorization.k8s.io", rolebindings},
    {"mutatingwebhookconfigurations.admissionregistration.k8s.io", webhooks},
    {"validatingwebhookconfigurations.admissionregistration.k8s.io", webhooks},
    {"roles.rbac.authorization.k8s.io", created},
    {"clusterroles.rbac.authorization.k8s.io", created},
    {"limitranges", created},
    {"customresourcedefinitions.apiextensions.k8s.io", created},
    {0},
};
