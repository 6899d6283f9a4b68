/* sim_default.c - the defaults of the API's types (schema.txt) and, by hand, those that its kinds' code fills in. */
#include "sim_default.h"

#include <stdio.h>

#include "sim_schema.h"

static void set_missing(json_t *object, const char *key, json_t *value)
{
    if (json_object_get(object, key))
        json_decref(value);
    else
        (void)json_object_set_new(object, key, value);
}

/* The object under key, made if it is not there. Borrowed. */
static json_t *child(json_t *object, const char *key)
{
    set_missing(object, key, json_object());
    return json_object_get(object, key);
}

/* Values for an object where it has none, from a JSON text. */
static void set_missing_of(json_t *object, const char *values)
{
    json_t *all = json_loads(values, 0, NULL), *v;
    const char *key;

    json_object_foreach(all, key, v)
        if (json_is_object(object) && !json_object_get(object, key))
            (void)json_object_set(object, key, v);
    json_decref(all);
}

/* ---- declared by types --------------------------------------------------------------------------- */

static void fill(const struct sim_schema *s, json_t *v);

/* Structs that Go has no way to leave out, and plain values that are always written. */
static void fill_struct(const struct sim_schema *s, json_t *v)
{
    unsigned n;
    const struct sim_schema *fields = sim_schema_fields(s, &n);

    for (unsigned i = 0; i < n; i++) {
        const struct sim_schema *f = &fields[i];
        bool always = f->default_text && (f->shape == SIM_OF_STRUCT || (f->required && f->shape == SIM_OF_SCALAR));

        if (always)
            set_missing(v, f->name, sim_schema_default(f));
        if (json_object_get(v, f->name))
            fill(f, json_object_get(v, f->name));
    }
}

static void fill(const struct sim_schema *s, json_t *v)
{
    json_t *item;
    size_t i;

    if (s->shape == SIM_OF_STRUCT && json_is_object(v))
        fill_struct(s, v);
    else if (s->shape == SIM_OF_LIST)
        json_array_foreach(v, i, item)
            fill(s->element, item);
}

/* ---- declared by kinds ---------------------------------------------------------------------------- */

static void declare_container(json_t *c)
{
    const char *image = sim_json_text(c, "image"), *tag = strrchr(image, ':');
    bool latest = !tag || strchr(tag, '/') || strcmp(tag, ":latest") == 0;
    static const char *const probes[] = {"livenessProbe", "readinessProbe", "startupProbe"};
    json_t *port;
    size_t i;

    set_missing_of(c, "{\"resources\":{},\"terminationMessagePath\":\"/dev/termination-log\",\"terminationMessagePolicy\":\"File\"}");
    set_missing(c, "imagePullPolicy", json_string(latest ? "Always" : "IfNotPresent"));
    json_array_foreach(json_object_get(c, "ports"), i, port)
        set_missing_of(port, "{\"protocol\":\"TCP\"}");
    for (i = 0; i < sizeof probes / sizeof *probes; i++)
        set_missing_of(json_object_get(c, probes[i]),
                       "{\"timeoutSeconds\":1,\"periodSeconds\":10,\"successThreshold\":1,\"failureThreshold\":3}");
}

static void declare_pod_spec(json_t *spec)
{
    static const char *const lists[] = {"initContainers", "containers"};
    json_t *c;
    size_t i;

    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++)
        json_array_foreach(json_object_get(spec, lists[l]), i, c)
            declare_container(c);
    set_missing_of(spec, "{\"restartPolicy\":\"Always\",\"terminationGracePeriodSeconds\":30,\"dnsPolicy\":\"ClusterFirst\","
                         "\"securityContext\":{},\"schedulerName\":\"default-scheduler\"}");
}

static void declare_pod(json_t *v)
{
    json_t *condition;
    size_t i;

    json_array_foreach(sim_json_at(v, "status.conditions"), i, condition)
        set_missing_of(condition, "{\"lastProbeTime\":null,\"lastTransitionTime\":null}");
    declare_pod_spec(child(v, "spec"));
    set_missing_of(child(v, "spec"), "{\"enableServiceLinks\":true}");
}

static void declare_deployment(json_t *v)
{
    json_t *spec = child(v, "spec"), *strategy = child(spec, "strategy");

    declare_pod_spec(sim_json_at(spec, "template.spec"));
    set_missing_of(spec, "{\"replicas\":1,\"revisionHistoryLimit\":10,\"progressDeadlineSeconds\":600}");
    set_missing_of(strategy, "{\"type\":\"RollingUpdate\"}");
    if (strcmp(sim_json_text(strategy, "type"), "RollingUpdate") == 0)
        set_missing_of(child(strategy, "rollingUpdate"), "{\"maxUnavailable\":\"25%\",\"maxSurge\":\"25%\"}");
}

static void declare_replicaset(json_t *v)
{
    declare_pod_spec(sim_json_at(v, "spec.template.spec"));
    set_missing_of(child(v, "spec"), "{\"replicas\":1}");
}

static void declare_service(json_t *v)
{
    json_t *spec = child(v, "spec"), *port;
    size_t i;

    set_missing_of(spec, "{\"type\":\"ClusterIP\",\"sessionAffinity\":\"None\"}");
    if (strcmp(sim_json_text(spec, "type"), "ExternalName") != 0)
        set_missing_of(spec, "{\"internalTrafficPolicy\":\"Cluster\"}");
    json_array_foreach(json_object_get(spec, "ports"), i, port) {
        set_missing_of(port, "{\"protocol\":\"TCP\"}");
        if (json_is_integer(json_object_get(port, "port")))
            set_missing(port, "targetPort", json_incref(json_object_get(port, "port")));
    }
}

static void declare_namespace(json_t *v)
{
    (void)json_object_set_new(child(child(v, "metadata"), "labels"), "kubernetes.io/metadata.name",
                              json_string(sim_json_text(v, "metadata.name")));
}

static void declare_secret(json_t *v)
{
    set_missing_of(v, "{\"type\":\"Opaque\"}");
}

void sim_default_declared(const struct sim_resource *r, json_t *v)
{
    static const struct {
        const char *resource;
        void (*declare)(json_t *v);
    } kinds[] = {
        {"pods", declare_pod}, {"services", declare_service}, {"namespaces", declare_namespace}, {"secrets", declare_secret},
        {"deployments.apps", declare_deployment}, {"replicasets.apps", declare_replicaset},
    };

    if (r->kind.custom)
        return;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].resource, r->name) == 0)
            kinds[i].declare(v);
    fill(sim_schema_of(&r->kind), v);
}

/* ---- assigned by the server ------------------------------------------------------------------------ */

static void assign_service(struct sim_world *w, json_t *v)
{
    json_t *spec = child(v, "spec");
    char ip[24];

    (void)snprintf(ip, sizeof ip, "10.97.%u.%u", sim_random_below(&w->random, 256), sim_random_below(&w->random, 254) + 1);
    if (strcmp(sim_json_text(v, "spec.type"), "ExternalName") != 0) {
        set_missing(spec, "clusterIP", json_string(ip));
        set_missing(spec, "clusterIPs", json_pack("[s]", sim_json_text(spec, "clusterIP")));
        set_missing_of(spec, "{\"ipFamilies\":[\"IPv4\"],\"ipFamilyPolicy\":\"SingleStack\"}");
    }
    set_missing(child(v, "status"), "loadBalancer", json_object());
}

static void assign_namespace(struct sim_world *w, json_t *v)
{
    (void)w;
    set_missing(child(v, "spec"), "finalizers", json_pack("[s]", "kubernetes"));
    set_missing(child(v, "status"), "phase", json_string("Active"));
}

static void assign_pod(struct sim_world *w, json_t *v)
{
    (void)w;
    set_missing(child(v, "status"), "phase", json_string("Pending"));
}

void sim_default_assigned(struct sim_world *w, const struct sim_resource *r, json_t *v)
{
    static const struct {
        const char *resource;
        void (*assign)(struct sim_world *w, json_t *v);
    } kinds[] = {{"pods", assign_pod}, {"services", assign_service}, {"namespaces", assign_namespace}};
    json_t *metadata = child(v, "metadata");
    char text[40];

    sim_random_uuid(&w->random, text);
    set_missing(metadata, "uid", json_string(text));
    sim_rfc3339(sim_wall_ns(), text);
    set_missing(metadata, "creationTimestamp", json_string(text));
    if (json_is_null(json_object_get(metadata, "creationTimestamp")))
        (void)json_object_set_new(metadata, "creationTimestamp", json_string(text));
    if (r->kind.generation || r->kind.custom)
        set_missing(metadata, "generation", json_integer(1));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].resource, r->name) == 0)
            kinds[i].assign(w, v);
}
