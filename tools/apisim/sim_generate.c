/* sim_generate.c - workloads and what belongs to them: which objects there are, and how they change together. */
#include "sim_generate.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim_text.h"

enum { SLICE_MAX = 100 };

struct pod {
    struct sim_object *obj; /* held */
    uint32_t workload, at;  /* its position in the workload's list */
};

struct workload {
    struct sim_text_workload id;
    uint32_t slices; /* how many; 0: it has no service, or services have no slices */
    struct sim_template *pod_template;
    uint32_t *pods, npods, pods_cap;
};

struct node {
    struct sim_object *obj; /* held */
};

struct sim_generator {
    struct sim_world *w;
    struct sim_generate_options o;
    struct sim_random random;
    struct sim_resource *pods_r, *nodes_r, *services_r, *slices_r, *deployments_r, *replicasets_r, *configmaps_r, *namespaces_r;
    struct workload *workloads;
    uint32_t nworkloads;
    struct pod *pods;
    uint32_t npods, pods_cap, next_ip;
    struct node *nodes;
    uint32_t changes_made;
};

/* ---- small things ------------------------------------------------------------------------------ */

static void format_ip(char *ret, uint32_t base, uint32_t i)
{
    uint32_t ip = base + i;

    (void)snprintf(ret, 16, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
}

/* Store an object made of t; values[SIM_WRITTEN] is filled in here. The new object is borrowed until it changes. */
static struct sim_object *commit(struct sim_generator *g, struct sim_resource *r, struct sim_template *t, const char *ns,
                                 const char *name, struct tarn_bytes *values)
{
    char written[24];
    struct sim_object *o;

    values[SIM_WRITTEN].data = written;
    values[SIM_WRITTEN].len = (size_t)snprintf(written, sizeof written, "%llu", (unsigned long long)sim_wall_ns());
    o = sim_object_new(t, tarn_bytes_of(ns), tarn_bytes_of(name), sim_world_next_rv(g->w), values);
    sim_world_store(g->w, r, o);
    g->changes_made++;
    sim_object_unref(o);
    return o;
}

/* ---- endpoint slices ----------------------------------------------------------------------------- */

static void slice_name(const struct sim_generator *g, const struct workload *w, uint32_t i, char *ret, size_t n)
{
    struct sim_random r = {.state = g->o.seed ^ ((uint64_t)w->id.number << 20 | i)};
    char letters[8];

    sim_text_letters(&r, letters, 5);
    (void)snprintf(ret, n, "%s-%s", w->id.name, letters);
}

static void put_endpoint(struct sim_builder *b, const struct workload *w, const struct sim_object *pod)
{
    struct tarn_bytes v[SIM_VALUES_MAX];

    (void)sim_object_values(pod, v);
    sim_text_addf(b,
                    "{\"addresses\":[\"%.*s\"],\"conditions\":{\"ready\":%.*s,\"serving\":%.*s,\"terminating\":false},"
                    "\"targetRef\":{\"kind\":\"Pod\",\"namespace\":\"%s\",\"name\":\"%.*s\",\"uid\":\"%.*s\"},\"nodeName\":"
                    "\"%.*s\"}",
                    TARN_BYTES_ARG(v[SIM_POD_IP]), TARN_BYTES_ARG(v[SIM_POD_READY_BOOL]), TARN_BYTES_ARG(v[SIM_POD_READY_BOOL]), w->id.ns,
                    TARN_BYTES_ARG(v[SIM_POD_NAME]), TARN_BYTES_ARG(v[SIM_POD_UID]), TARN_BYTES_ARG(v[SIM_POD_NODE]));
}

static struct sim_template *slice_template(struct sim_generator *g, const struct workload *w, uint32_t i)
{
    uint32_t from = i * SLICE_MAX, to = w->npods < from + SLICE_MAX ? w->npods : from + SLICE_MAX;
    struct sim_builder b = {0};

    sim_text_addf(&b,
                    "{" SIM_TEXT_NAME ",\"generateName\":\"%s-\",\"namespace\":\"%s\",\"uid\":\"\1d\",\"resourceVersion\":\"\1a\","
                    "\"generation\":1,\"creationTimestamp\":\"\1e\",\"labels\":{\"endpointslice.kubernetes.io/managed-by\":"
                    "\"endpointslice-controller.k8s.io\",\"kubernetes.io/service-name\":\"%s\"},\"annotations\":{" SIM_TEXT_WRITTEN "}},"
                    "\"addressType\":\"IPv4\",\"endpoints\":[",
                    w->id.name, w->id.ns, w->id.name);
    for (uint32_t k = from; k < to; k++) {
        sim_text_add(&b, k > from ? "," : "");
        put_endpoint(&b, w, g->pods[w->pods[k]].obj);
    }
    sim_text_add(&b, "],\"ports\":[{\"name\":\"http\",\"protocol\":\"TCP\",\"port\":8080}]}");
    return sim_builder_finish(&b);
}

static void slice_commit(struct sim_generator *g, const struct workload *w, uint32_t i)
{
    struct sim_template *t = slice_template(g, w, i);
    struct tarn_bytes v[SIM_VALUES_MAX] = {0}, old[SIM_VALUES_MAX];
    char name[64], key[100], uid[37], created[32];
    struct sim_object *before;

    slice_name(g, w, i, name, sizeof name);
    (void)snprintf(key, sizeof key, "%s/%s", w->id.ns, name);
    before = sim_tree_get(&g->slices_r->tree, tarn_bytes_of(key));
    sim_random_uuid(&g->random, uid);
    sim_rfc3339(sim_wall_ns(), created);
    v[2] = tarn_bytes_of(name);
    v[3] = tarn_bytes_of(uid);
    v[4] = tarn_bytes_of(created);
    if (before && sim_object_values(before, old) == 5) {
        v[3] = old[3];
        v[4] = old[4];
        (void)sim_object_ref(before); /* its bytes are borrowed below */
    } else {
        before = NULL;
    }
    (void)commit(g, g->slices_r, t, w->id.ns, name, v);
    sim_object_unref(before);
    sim_template_unref(t);
}

/* Bring slice i of w up to date, and the number of slices. */
static void slices_update(struct sim_generator *g, struct workload *w, uint32_t i)
{
    uint32_t want = w->npods ? (w->npods + SLICE_MAX - 1) / SLICE_MAX : 1;
    char name[64], key[100];

    if (!w->slices)
        return;
    if (i < want)
        slice_commit(g, w, i);
    for (; w->slices < want; w->slices++)
        if (w->slices != i)
            slice_commit(g, w, w->slices);
    for (; w->slices > want; w->slices--) {
        slice_name(g, w, w->slices - 1, name, sizeof name);
        (void)snprintf(key, sizeof key, "%s/%s", w->id.ns, name);
        g->changes_made += sim_world_delete(g->w, g->slices_r, tarn_bytes_of(key));
    }
}

/* ---- pods -------------------------------------------------------------------------------------------- */

static void workload_add_pod(struct workload *w, uint32_t pod, uint32_t *ret_at)
{
    if (w->npods == w->pods_cap) {
        w->pods_cap = w->pods_cap ? w->pods_cap * 2 : 8;
        w->pods = sim_realloc(w->pods, w->pods_cap * sizeof *w->pods);
    }
    *ret_at = w->npods;
    w->pods[w->npods++] = pod;
}

static void unused_name(struct sim_generator *g, const struct workload *w, char *ret, size_t n)
{
    char letters[8], key[128];

    do {
        sim_text_letters(&g->random, letters, 5);
        (void)snprintf(ret, n, "%s-%s-%s", w->id.name, w->id.hash, letters);
        (void)snprintf(key, sizeof key, "%s/%s", w->id.ns, ret);
    } while (sim_tree_get(&g->pods_r->tree, tarn_bytes_of(key)));
}

static void pod_create(struct sim_generator *g, uint32_t workload)
{
    struct workload *w = &g->workloads[workload];
    uint32_t node = g->o.nodes ? sim_random_below(&g->random, g->o.nodes) : 0;
    char name[80], uid[37], node_name[24], host[16], ip[16], created[32], cid[49], wave[4];
    struct tarn_bytes v[SIM_VALUES_MAX] = {0};
    struct pod *p;

    unused_name(g, w, name, sizeof name);
    sim_random_uuid(&g->random, uid);
    sim_text_hex(&g->random, cid, 48);
    (void)snprintf(node_name, sizeof node_name, "node-%04u", node);
    format_ip(host, 0x0a000000u, node + 1);
    format_ip(ip, 0x0a800000u, g->next_ip++ & 0x7fffffu);
    sim_rfc3339(sim_wall_ns(), created);
    (void)snprintf(wave, sizeof wave, "%u", sim_random_below(&g->random, 10));
    v[SIM_POD_NAME] = tarn_bytes_of(name);
    v[SIM_POD_UID] = tarn_bytes_of(uid);
    v[SIM_POD_NODE] = tarn_bytes_of(node_name);
    v[SIM_POD_HOST_IP] = tarn_bytes_of(host);
    v[SIM_POD_IP] = tarn_bytes_of(ip);
    v[SIM_POD_READY] = TARN_BYTES("True");
    v[SIM_POD_READY_BOOL] = TARN_BYTES("true");
    v[SIM_POD_CREATED] = tarn_bytes_of(created);
    v[SIM_POD_CID] = tarn_bytes_of(cid);
    v[SIM_POD_RESTARTS] = TARN_BYTES("0");
    v[SIM_POD_WAVE] = tarn_bytes_of(wave);
    if (g->npods == g->pods_cap) {
        g->pods_cap = g->pods_cap ? g->pods_cap * 2 : 64;
        g->pods = sim_realloc(g->pods, g->pods_cap * sizeof *g->pods);
    }
    p = &g->pods[g->npods];
    p->workload = workload;
    workload_add_pod(w, g->npods, &p->at);
    p->obj = sim_object_ref(commit(g, g->pods_r, w->pod_template, w->id.ns, name, v));
    g->npods++;
}

/* Forget pod i: the last pods of the lists take its places. */
static void pod_forget(struct sim_generator *g, uint32_t i)
{
    struct pod *p = &g->pods[i];
    struct workload *w = &g->workloads[p->workload];
    uint32_t at = p->at, last = --w->npods;

    sim_object_unref(p->obj);
    if (at != last) {
        w->pods[at] = w->pods[last];
        g->pods[w->pods[at]].at = at;
    }
    if (i != --g->npods) {
        g->pods[i] = g->pods[g->npods];
        g->workloads[g->pods[i].workload].pods[g->pods[i].at] = i;
    }
    slices_update(g, w, at / SLICE_MAX);
    if (last / SLICE_MAX != at / SLICE_MAX && last % SLICE_MAX)
        slices_update(g, w, last / SLICE_MAX);
}

static void pod_delete(struct sim_generator *g, uint32_t i)
{
    g->changes_made += sim_world_delete(g->w, g->pods_r, sim_object_key(g->pods[i].obj));
    pod_forget(g, i);
}

/* Is what the generator remembers still what is there? Somebody may have deleted or changed it through the API. */
static bool pod_current(struct sim_generator *g, uint32_t i)
{
    struct pod *p = &g->pods[i];
    struct sim_object *now = sim_tree_get(&g->pods_r->tree, sim_object_key(p->obj));

    if (!now) {
        pod_forget(g, i);
        return false;
    }
    if (now != p->obj) {
        sim_object_unref(p->obj);
        p->obj = sim_object_ref(now);
    }
    return now->tmpl == g->workloads[p->workload].pod_template;
}

static void pod_update(struct sim_generator *g, uint32_t i, unsigned what)
{
    struct pod *p = &g->pods[i];
    struct workload *w = &g->workloads[p->workload];
    struct tarn_bytes v[SIM_VALUES_MAX];
    struct sim_object *old = p->obj;
    char text[16], name[80];

    (void)sim_object_values(old, v);
    (void)snprintf(name, sizeof name, "%.*s", TARN_BYTES_ARG(v[SIM_POD_NAME]));
    if (what == SIM_POD_RESTARTS) {
        (void)snprintf(text, sizeof text, "%u", (unsigned)strtoul(v[SIM_POD_RESTARTS].data, NULL, 10) % 1000 + 1);
        v[SIM_POD_RESTARTS] = tarn_bytes_of(text);
    } else if (what == SIM_POD_WAVE) {
        (void)snprintf(text, sizeof text, "%u", sim_random_below(&g->random, 10));
        v[SIM_POD_WAVE] = tarn_bytes_of(text);
    } else if (what == SIM_POD_READY) {
        bool ready = v[SIM_POD_READY].data[0] == 'F';

        v[SIM_POD_READY] = tarn_bytes_of(ready ? "True" : "False");
        v[SIM_POD_READY_BOOL] = tarn_bytes_of(ready ? "true" : "false");
    }
    p->obj = sim_object_ref(commit(g, g->pods_r, w->pod_template, w->id.ns, name, v));
    sim_object_unref(old);
    if (what == SIM_POD_READY)
        slices_update(g, w, p->at / SLICE_MAX);
}

/* ---- the rest of the cluster --------------------------------------------------------------------- */

static void node_create(struct sim_generator *g, struct sim_template *t, uint32_t i)
{
    char name[24], uid[37], ip[16], cidr[24], now[32], machine[33];
    struct tarn_bytes v[SIM_VALUES_MAX] = {0};

    (void)snprintf(name, sizeof name, "node-%04u", i);
    sim_random_uuid(&g->random, uid);
    format_ip(ip, 0x0a000000u, i + 1);
    (void)snprintf(cidr, sizeof cidr, "10.%u.%u.0/24", 128 + (i >> 8 & 127), i & 255);
    sim_rfc3339(sim_wall_ns(), now);
    sim_text_hex(&g->random, machine, 32);
    v[2] = tarn_bytes_of(name);
    v[3] = tarn_bytes_of(uid);
    v[4] = tarn_bytes_of(ip);
    v[5] = tarn_bytes_of(cidr);
    v[6] = v[7] = tarn_bytes_of(now);
    v[8] = tarn_bytes_of(machine);
    g->nodes[i].obj = sim_object_ref(commit(g, g->nodes_r, t, "", name, v));
}

static void make_nodes(struct sim_generator *g)
{
    struct sim_template *zones[3];

    g->nodes = sim_alloc(g->o.nodes * sizeof *g->nodes);
    for (unsigned z = 0; z < 3; z++)
        zones[z] = sim_text_node(&g->random, z);
    for (uint32_t i = 0; i < g->o.nodes; i++)
        node_create(g, zones[i % 3], i);
    for (unsigned z = 0; z < 3; z++)
        sim_template_unref(zones[z]);
}

/* What the simple texts above share. */
struct simple {
    struct sim_template *t;
    struct tarn_bytes v[SIM_VALUES_MAX];
    char uid[37], created[32];
};

static void simple_begin(struct sim_generator *g, struct simple *s, const char *ns, const char *name)
{
    memset(s->v, 0, sizeof s->v);
    sim_random_uuid(&g->random, s->uid);
    sim_rfc3339(sim_wall_ns(), s->created);
    s->v[2] = tarn_bytes_of(name);
    s->v[3] = tarn_bytes_of(s->uid);
    s->v[4] = tarn_bytes_of(ns);
    s->v[5] = tarn_bytes_of(s->created);
}

static void make_namespaces(struct sim_generator *g)
{
    struct simple s = {.t = sim_text_simple(SIM_TEXT_NAMESPACE)};
    char name[32];

    for (uint32_t i = 0; i < g->o.namespaces; i++) {
        (void)snprintf(name, sizeof name, "team-%03u", i);
        simple_begin(g, &s, "", name);
        (void)commit(g, g->namespaces_r, s.t, "", name, s.v);
    }
    sim_template_unref(s.t);
}

static void make_services(struct sim_generator *g)
{
    struct simple s = {.t = sim_text_simple(SIM_TEXT_SERVICE)};
    char ip[16];

    for (uint32_t i = 0; i < g->o.services; i++) {
        struct workload *w = &g->workloads[i];

        simple_begin(g, &s, w->id.ns, w->id.name);
        format_ip(ip, 0x0a600000u, i + 10);
        s.v[7] = tarn_bytes_of(ip);
        (void)commit(g, g->services_r, s.t, w->id.ns, w->id.name, s.v);
    }
    sim_template_unref(s.t);
}

static void controller_values(struct simple *s, const struct workload *w, char *replicas)
{
    (void)snprintf(replicas, 12, "%u", w->npods);
    s->v[6] = tarn_bytes_of(sim_text_apps[w->id.number % (SIM_TEXT_APPS)]);
    s->v[7] = tarn_bytes_of(w->id.name);
    s->v[8] = tarn_bytes_of(replicas);
    s->v[9] = tarn_bytes_of(w->id.hash);
}

static void make_controllers(struct sim_generator *g)
{
    struct simple d = {.t = sim_text_simple(SIM_TEXT_DEPLOYMENT)}, s = {.t = sim_text_simple(SIM_TEXT_REPLICASET)};
    char name[64], replicas[12];

    for (uint32_t i = 0; i < g->nworkloads; i++) {
        struct workload *w = &g->workloads[i];

        simple_begin(g, &d, w->id.ns, w->id.name);
        controller_values(&d, w, replicas);
        if (i < g->o.deployments)
            (void)commit(g, g->deployments_r, d.t, w->id.ns, w->id.name, d.v);
        (void)snprintf(name, sizeof name, "%s-%s", w->id.name, w->id.hash);
        simple_begin(g, &s, w->id.ns, name);
        controller_values(&s, w, replicas);
        s.v[3] = tarn_bytes_of(w->id.rs_uid);
        s.v[10] = tarn_bytes_of(d.uid);
        if (i < g->o.replicasets)
            (void)commit(g, g->replicasets_r, s.t, w->id.ns, name, s.v);
    }
    sim_template_unref(d.t);
    sim_template_unref(s.t);
}

static void make_configmaps(struct sim_generator *g)
{
    struct simple s = {.t = sim_text_simple(SIM_TEXT_CONFIGMAP)};
    char name[64], text[40];

    for (uint32_t i = 0; i < g->o.configmaps; i++) {
        const char *ns = g->nworkloads ? g->workloads[i % g->nworkloads].id.ns : "default";

        (void)snprintf(name, sizeof name, "config-%05u", i);
        simple_begin(g, &s, ns, name);
        sim_text_letters(&g->random, text, 24);
        s.v[6] = tarn_bytes_of(text);
        (void)commit(g, g->configmaps_r, s.t, ns, name, s.v);
    }
    sim_template_unref(s.t);
}

static void make_workloads(struct sim_generator *g)
{
    g->workloads = sim_alloc(g->nworkloads * sizeof *g->workloads);
    for (uint32_t i = 0; i < g->nworkloads; i++) {
        struct workload *w = &g->workloads[i];

        *w = (struct workload){.id.number = i};
        (void)snprintf(w->id.ns, sizeof w->id.ns, "team-%03u", sim_random_below(&g->random, g->o.namespaces));
        (void)snprintf(w->id.name, sizeof w->id.name, "%s-%05u", sim_text_apps[i % (SIM_TEXT_APPS)], i);
        sim_text_letters(&g->random, w->id.hash, 9);
        sim_random_uuid(&g->random, w->id.rs_uid);
        w->pod_template = sim_text_pod(&g->random, &w->id);
    }
}

static void make_slices(struct sim_generator *g)
{
    for (uint32_t i = 0; i < g->o.services && g->o.endpointslices; i++) {
        g->workloads[i].slices = 1;
        slices_update(g, &g->workloads[i], 0);
    }
}

/* ---- options -------------------------------------------------------------------------------------- */

int sim_generate_parse(const char *spec, struct sim_generate_options *ret, struct tarn_error *err)
{
    struct sim_generate_options o = {.endpointslices = SIM_AUTO, .deployments = SIM_AUTO, .replicasets = SIM_AUTO,
                                     .namespaces = SIM_AUTO, .seed = ret->seed};
    const struct {
        const char *name;
        uint32_t *at;
    } keys[] = {{"pods", &o.pods}, {"nodes", &o.nodes}, {"services", &o.services}, {"endpointslices", &o.endpointslices},
                {"deployments", &o.deployments}, {"replicasets", &o.replicasets}, {"configmaps", &o.configmaps},
                {"namespaces", &o.namespaces}};
    char text[512], *save = NULL;

    if (strlen(spec) >= sizeof text)
        return tarn_error_set(err, TARN_E_CONFIG, "--generate: too long");
    strcpy(text, spec);
    for (char *item = strtok_r(text, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
        char *value = strchr(item, '='), *end;
        unsigned long n;
        size_t k = 0;

        if (value)
            *value++ = 0;
        while (k < sizeof keys / sizeof *keys && strcmp(keys[k].name, item) != 0)
            k++;
        if (!value || k == sizeof keys / sizeof *keys)
            return tarn_error_set(err, TARN_E_CONFIG, "--generate: '%s' is no KIND=COUNT; kinds are pods, nodes, services, "
                                  "endpointslices, deployments, replicasets, configmaps, namespaces", item);
        n = strcmp(value, "auto") == 0 ? SIM_AUTO : strtoul(value, &end, 10);
        if (n != SIM_AUTO && (*value == 0 || *end || n > 10000000))
            return tarn_error_set(err, TARN_E_CONFIG, "--generate: '%s=%s': give a number up to 10000000, or auto", item,
                                  value);
        *keys[k].at = (uint32_t)n;
    }
    *ret = o;
    return 0;
}

static uint32_t or_auto(uint32_t given, uint32_t fitting)
{
    return given == SIM_AUTO ? fitting : given;
}

static void resolve(struct sim_generator *g)
{
    struct sim_generate_options *o = &g->o;

    o->pods = or_auto(o->pods, 1000);
    o->nodes = or_auto(o->nodes, o->pods / 30 + 1);
    o->services = or_auto(o->services, o->pods / 10 + 1);
    o->configmaps = or_auto(o->configmaps, o->pods / 20 + 1);
    g->nworkloads = o->pods / 20 + (o->pods > 0);
    if (g->nworkloads < o->services)
        g->nworkloads = o->services;
    o->deployments = or_auto(o->deployments, g->nworkloads);
    o->replicasets = or_auto(o->replicasets, g->nworkloads);
    o->endpointslices = or_auto(o->endpointslices, 1);
    o->namespaces = or_auto(o->namespaces, g->nworkloads / 20 + 3);
    if (o->namespaces == 0)
        o->namespaces = 1;
}

/* Most workloads are of about one size, a few are large. */
static uint32_t some_workload(struct sim_generator *g)
{
    uint32_t n = g->nworkloads;

    if (sim_random_below(&g->random, 10) == 0)
        n = n / 20 + 1;
    return sim_random_below(&g->random, n);
}

static void find_resources(struct sim_generator *g)
{
    g->pods_r = sim_world_find_name(g->w, "pods");
    g->nodes_r = sim_world_find_name(g->w, "nodes");
    g->services_r = sim_world_find_name(g->w, "services");
    g->slices_r = sim_world_find_name(g->w, "endpointslices.discovery.k8s.io");
    g->deployments_r = sim_world_find_name(g->w, "deployments.apps");
    g->replicasets_r = sim_world_find_name(g->w, "replicasets.apps");
    g->configmaps_r = sim_world_find_name(g->w, "configmaps");
    g->namespaces_r = sim_world_find_name(g->w, "namespaces");
}

struct sim_generator *sim_generator_new(struct sim_world *w, const struct sim_generate_options *options)
{
    struct sim_generator *g = sim_alloc(sizeof *g);

    *g = (struct sim_generator){.w = w, .o = *options, .random = {.state = options->seed}};
    find_resources(g);
    resolve(g);
    make_namespaces(g);
    make_nodes(g);
    make_workloads(g);
    for (uint32_t i = 0; i < g->o.pods; i++)
        pod_create(g, i < g->nworkloads ? i : some_workload(g));
    make_services(g);
    make_slices(g);
    make_controllers(g);
    make_configmaps(g);
    return g;
}

void sim_generator_free(struct sim_generator *g)
{
    if (!g)
        return;
    for (uint32_t i = 0; i < g->npods; i++)
        sim_object_unref(g->pods[i].obj);
    for (uint32_t i = 0; i < g->o.nodes; i++)
        sim_object_unref(g->nodes[i].obj);
    for (uint32_t i = 0; i < g->nworkloads; i++) {
        sim_template_unref(g->workloads[i].pod_template);
        free(g->workloads[i].pods);
    }
    free(g->workloads);
    free(g->nodes);
    free(g->pods);
    free(g);
}

/* ---- changes ------------------------------------------------------------------------------------------ */

/* Write an object again with a new time; its other values stay. Value `now` (if any) becomes the present time. */
static void touch(struct sim_generator *g, struct sim_resource *r, struct sim_object *o, unsigned now_value)
{
    struct tarn_bytes v[SIM_VALUES_MAX];
    char now[32], ns[256], name[256];

    (void)sim_object_ref(o);
    if (sim_object_values(o, v) > SIM_WRITTEN + 1) {
        sim_rfc3339(sim_wall_ns(), now);
        if (now_value)
            v[now_value] = tarn_bytes_of(now);
        (void)snprintf(ns, sizeof ns, "%.*s", TARN_BYTES_ARG(sim_object_ns(o)));
        (void)snprintf(name, sizeof name, "%.*s", TARN_BYTES_ARG(sim_object_name(o)));
        (void)commit(g, r, o->tmpl, ns, name, v);
    }
    sim_object_unref(o);
}

static void touch_some(struct sim_generator *g, struct sim_resource *r, unsigned now_value)
{
    uint32_t n = sim_tree_count(&r->tree);

    if (n)
        touch(g, r, sim_tree_at(&r->tree, sim_random_below(&g->random, n)), now_value);
}

static void change_some_pod(struct sim_generator *g, unsigned what)
{
    for (unsigned tries = 0; tries < 8 && g->npods; tries++) {
        uint32_t i = sim_random_below(&g->random, g->npods);

        if (pod_current(g, i)) {
            pod_update(g, i, what);
            return;
        }
    }
}

/* A pod comes or goes, so that their number stays about what it was. */
static void come_or_go(struct sim_generator *g)
{
    if (g->npods && (g->npods > g->o.pods || (g->npods == g->o.pods && sim_random_below(&g->random, 2)))) {
        pod_delete(g, sim_random_below(&g->random, g->npods));
    } else if (g->nworkloads) {
        uint32_t w = some_workload(g);

        pod_create(g, w);
        slices_update(g, &g->workloads[w], (g->workloads[w].npods - 1) / SLICE_MAX);
    }
}

uint32_t sim_generator_change(struct sim_generator *g)
{
    uint32_t dice = sim_random_below(&g->random, 100);

    g->changes_made = 0;
    if (dice < 8)
        touch_some(g, g->nodes_r, 7);
    else if (dice < 11)
        touch_some(g, g->services_r, 0);
    else if (dice < 13)
        touch_some(g, g->deployments_r, 0);
    else if (dice < 14)
        touch_some(g, g->configmaps_r, 0);
    else if (dice < 18)
        come_or_go(g);
    else if (dice < 23)
        change_some_pod(g, SIM_POD_READY);
    else if (dice < 30)
        change_some_pod(g, SIM_POD_WAVE);
    else if (dice < 40)
        change_some_pod(g, SIM_POD_RESTARTS);
    if (!g->changes_made)
        change_some_pod(g, SIM_WRITTEN);
    if (!g->changes_made)
        touch_some(g, g->nodes_r, 7);
    if (!g->changes_made)
        touch_some(g, g->services_r, 0);
    if (!g->changes_made)
        touch_some(g, g->configmaps_r, 0);
    return g->changes_made;
}

void sim_generate_basics(struct sim_world *w)
{
    static const char *const names[] = {"default", "kube-node-lease", "kube-public", "kube-system"};
    struct sim_generator g = {.w = w, .random = {.state = 1}};
    struct simple s = {.t = sim_text_simple(SIM_TEXT_NAMESPACE)};

    find_resources(&g);
    for (unsigned i = 0; i < 4; i++) {
        simple_begin(&g, &s, "", names[i]);
        (void)commit(&g, g.namespaces_r, s.t, "", names[i], s.v);
    }
    sim_template_unref(s.t);
}
