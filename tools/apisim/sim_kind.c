/* sim_kind.c - the table of the built-in kinds. Sources: the discovery of kube-apiserver v1.34 (names), its
 * registry strategies (selectable fields). */
#include "sim_kind.h"

#include <stdio.h>

static const struct sim_kind builtin[] = {
    {.version = "v1", .kind = "ConfigMap", .plural = "configmaps", .short_names = {"cm"}, .namespaced = true},
    {.version = "v1", .kind = "Endpoints", .plural = "endpoints", .singular = "endpoints", .short_names = {"ep"}, .namespaced = true},
    {.version = "v1", .kind = "Event", .plural = "events", .short_names = {"ev"}, .namespaced = true,
     .fields = {"involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
                "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
                "reportingComponent", "source", "type"}},
    {.version = "v1", .kind = "Namespace", .plural = "namespaces", .short_names = {"ns"}, .has_status = true,
     .fields = {"status.phase"}},
    {.version = "v1", .kind = "Node", .plural = "nodes", .short_names = {"no"}, .has_status = true,
     .fields = {"spec.unschedulable"}},
    {.version = "v1", .kind = "Pod", .plural = "pods", .short_names = {"po"}, .categories = {"all"}, .namespaced = true,
     .has_status = true, .generation = true,
     .fields = {"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
                "spec.hostNetwork", "status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName"}},
    {.version = "v1", .kind = "Secret", .plural = "secrets", .namespaced = true, .fields = {"type"}},
    {.version = "v1", .kind = "ServiceAccount", .plural = "serviceaccounts", .short_names = {"sa"}, .namespaced = true},
    {.version = "v1", .kind = "Service", .plural = "services", .short_names = {"svc"}, .categories = {"all"},
     .namespaced = true, .has_status = true, .fields = {"spec.clusterIP", "spec.type"}},
    {.group = "apiextensions.k8s.io", .version = "v1", .kind = "CustomResourceDefinition",
     .plural = "customresourcedefinitions", .short_names = {"crd", "crds"}, .categories = {"api-extensions"},
     .has_status = true, .generation = true},
    {.group = "apps", .version = "v1", .kind = "DaemonSet", .plural = "daemonsets", .short_names = {"ds"},
     .categories = {"all"}, .namespaced = true, .has_status = true, .generation = true},
    {.group = "apps", .version = "v1", .kind = "Deployment", .plural = "deployments", .short_names = {"deploy"},
     .categories = {"all"}, .namespaced = true, .has_status = true, .has_scale = true, .generation = true},
    {.group = "apps", .version = "v1", .kind = "ReplicaSet", .plural = "replicasets", .short_names = {"rs"},
     .categories = {"all"}, .namespaced = true, .has_status = true, .has_scale = true, .generation = true,
     .fields = {"status.replicas"}},
    {.group = "apps", .version = "v1", .kind = "StatefulSet", .plural = "statefulsets", .short_names = {"sts"},
     .categories = {"all"}, .namespaced = true, .has_status = true, .has_scale = true, .generation = true},
    {.group = "batch", .version = "v1", .kind = "Job", .plural = "jobs", .categories = {"all"}, .namespaced = true,
     .has_status = true, .generation = true, .fields = {"status.successful"}},
    {.group = "coordination.k8s.io", .version = "v1", .kind = "Lease", .plural = "leases", .namespaced = true},
    {.group = "discovery.k8s.io", .version = "v1", .kind = "EndpointSlice", .plural = "endpointslices",
     .namespaced = true, .generation = true},
};

const struct sim_kind *sim_kind_builtin(unsigned *ret_n)
{
    *ret_n = sizeof builtin / sizeof *builtin;
    return builtin;
}

bool sim_kind_selectable(const struct sim_kind *kind, const char *path)
{
    if (strcmp(path, "metadata.name") == 0 || (strcmp(path, "metadata.namespace") == 0 && kind->namespaced))
        return true;
    for (unsigned i = 0; i < sizeof kind->fields / sizeof *kind->fields && kind->fields[i]; i++)
        if (strcmp(path, kind->fields[i]) == 0)
            return true;
    return false;
}

void sim_kind_resource_name(const struct sim_kind *kind, char *ret, size_t n)
{
    if (kind->group && *kind->group)
        (void)snprintf(ret, n, "%s.%s", kind->plural, kind->group);
    else
        (void)snprintf(ret, n, "%s", kind->plural);
}
