/* sim_generate.c - workloads and what belongs to them.
 *
 * Texts below are templates: the byte \1 and a letter stand for a value of the object (a: 0, b: 1 ...). The first two
 * are always the resourceVersion and the time of the write.
 */
#include "sim_generate.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { SLICE_MAX = 100 };

enum pod_value { P_NAME = 2, P_UID, P_NODE, P_HOST_IP, P_IP, P_READY, P_READY_BOOL, P_CREATED, P_CID, P_RESTARTS, P_WAVE, P_VALUES };

struct pod {
    struct sim_object *obj; /* held */
    uint32_t workload, at;  /* its position in the workload's list */
};

struct workload {
    char ns[32], name[40], hash[12], rs_uid[37];
    uint32_t service; /* its number + 1; 0: none */
    uint32_t number, slices;
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

/* text with \1x as holes */
static void template_text(struct sim_builder *b, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\1");

        sim_put(&b->text, text, n);
        text += n;
        if (*text) {
            sim_builder_hole(b, (unsigned)(text[1] - 'a'));
            text += 2;
        }
    }
}

static void template_format(struct sim_builder *b, const char *fmt, ...) TARN_PRINTF(2, 3);
static void template_format(struct sim_builder *b, const char *fmt, ...)
{
    char text[4096];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    template_text(b, text);
}

/* n letters as Kubernetes' own random names have them (no vowels, no 0 1 3). */
static void random_letters(struct sim_random *r, char *ret, unsigned n)
{
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";

    for (unsigned i = 0; i < n; i++)
        ret[i] = letters[sim_random_below(r, sizeof letters - 1)];
    ret[n] = 0;
}

static void random_hex(struct sim_random *r, char *ret, unsigned n)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t v = 0;

    for (unsigned i = 0; i < n; i++, v >>= 4) {
        if (i % 16 == 0)
            v = sim_random_next(r);
        ret[i] = digits[v & 15];
    }
    ret[n] = 0;
}

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

#define WRITTEN "\"tarn.dev/written-at-ns\":\"\1b\""
#define PATH_META "\"metadata\":{\"name\":\"\1c\""

/* ---- the text of a pod ----------------------------------------------------------------------------- */

static const char *const apps[] = {"web", "api", "billing", "gateway", "search", "cart", "mailer", "worker", "cache",
                                   "auth", "ledger", "indexer", "cron", "router", "media", "report"};

struct env {
    char name[32];
    unsigned kind;
    char text[28];
};

struct container {
    char name[16], image[48], image_hash[65];
    unsigned port, nenv;
    struct env env[12];
};

static void container_make(struct sim_random *r, struct container *c, const char *name, unsigned port, unsigned nenv)
{
    (void)snprintf(c->name, sizeof c->name, "%s", name);
    (void)snprintf(c->image, sizeof c->image, "images.example.com/%s/%s:v1.%u.%u", name, name, sim_random_below(r, 40),
                   sim_random_below(r, 10));
    random_hex(r, c->image_hash, 64);
    c->port = port;
    c->nenv = nenv;
    for (unsigned i = 0; i < nenv; i++) {
        char letters[32];

        random_letters(r, letters, 24);
        c->env[i].kind = sim_random_below(r, 3);
        (void)snprintf(c->env[i].name, sizeof c->env[i].name, "SETTING_%c%c%u", toupper(letters[0]), toupper(letters[1]), i);
        (void)snprintf(c->env[i].text, sizeof c->env[i].text, "%.*s", 4 + (int)sim_random_below(r, 20), letters + 2);
    }
}

static const char *const env_sources[] = {"\"f:value\":{}", "\"f:valueFrom\":{\".\":{},\"f:configMapKeyRef\":{}}",
                                          "\"f:valueFrom\":{\".\":{},\"f:fieldRef\":{}}"};

static void put_container_fields(struct sim_builder *b, const struct container *c)
{
    template_format(b, "\"k:{\\\"name\\\":\\\"%s\\\"}\":{\".\":{},\"f:env\":{\".\":{}", c->name);
    for (unsigned i = 0; i < c->nenv; i++)
        template_format(b, ",\"k:{\\\"name\\\":\\\"%s\\\"}\":{\".\":{},\"f:name\":{},%s}", c->env[i].name,
                        env_sources[c->env[i].kind]);
    template_format(b,
                    "},\"f:image\":{},\"f:imagePullPolicy\":{},\"f:livenessProbe\":{\".\":{},\"f:failureThreshold\":{},"
                    "\"f:periodSeconds\":{},\"f:successThreshold\":{},\"f:tcpSocket\":{\".\":{},\"f:port\":{}},"
                    "\"f:timeoutSeconds\":{}},\"f:name\":{},\"f:ports\":{\".\":{},"
                    "\"k:{\\\"containerPort\\\":%u,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},\"f:containerPort\":{},"
                    "\"f:name\":{},\"f:protocol\":{}}},\"f:resources\":{\".\":{},\"f:limits\":{\".\":{},\"f:memory\":{}},"
                    "\"f:requests\":{\".\":{},\"f:cpu\":{},\"f:memory\":{}}},\"f:terminationMessagePath\":{},"
                    "\"f:terminationMessagePolicy\":{}}",
                    c->port);
}

static void put_env(struct sim_builder *b, const struct env *e, const char *app)
{
    template_format(b, "{\"name\":\"%s\",", e->name);
    if (e->kind == 0)
        template_format(b, "\"value\":\"value-%s\"}", e->text);
    else if (e->kind == 1)
        template_format(b, "\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"%s-config\",\"key\":\"%.4s\"}}}", app, e->text);
    else
        template_format(b, "\"valueFrom\":{\"fieldRef\":{\"apiVersion\":\"v1\",\"fieldPath\":\"metadata.name\"}}}");
}

static void put_container(struct sim_builder *b, const struct container *c, const char *app)
{
    template_format(b,
                    "{\"name\":\"%s\",\"image\":\"%s\",\"args\":[\"--listen=:%u\",\"--if=a\\u003cb\\u0026\\u0026c\"],"
                    "\"ports\":[{\"name\":\"http\",\"containerPort\":%u,\"protocol\":\"TCP\"}],\"env\":[",
                    c->name, c->image, c->port, c->port);
    for (unsigned i = 0; i < c->nenv; i++) {
        template_text(b, i ? "," : "");
        put_env(b, &c->env[i], app);
    }
    template_format(b,
                    "],\"resources\":{\"limits\":{\"memory\":\"1Gi\"},\"requests\":{\"cpu\":\"%um\",\"memory\":\"640Mi\"}},"
                    "\"volumeMounts\":[{\"name\":\"kube-api-access\",\"readOnly\":true,\"mountPath\":"
                    "\"/var/run/secrets/kubernetes.io/serviceaccount\"}],\"livenessProbe\":{\"tcpSocket\":{\"port\":%u},"
                    "\"timeoutSeconds\":1,\"periodSeconds\":20,\"successThreshold\":1,\"failureThreshold\":3},"
                    "\"terminationMessagePath\":\"/dev/termination-log\",\"terminationMessagePolicy\":\"File\","
                    "\"imagePullPolicy\":\"IfNotPresent\"}",
                    100 + c->port % 900, c->port);
}

static void put_container_status(struct sim_builder *b, const struct container *c, const char *suffix)
{
    template_format(b,
                    "{\"name\":\"%s\",\"state\":{\"running\":{\"startedAt\":\"\1j\"}},\"lastState\":{},\"ready\":\1i,"
                    "\"restartCount\":\1l,\"image\":\"%s\",\"imageID\":\"images.example.com/%s@sha256:%s\","
                    "\"containerID\":\"containerd://\1k%s\",\"started\":true}",
                    c->name, c->image, c->name, c->image_hash, suffix);
}

static void put_pod_metadata(struct sim_builder *b, const struct workload *w, const char *app)
{
    template_format(b,
                    "{" PATH_META ",\"generateName\":\"%s-%s-\",\"namespace\":\"%s\",\"uid\":\"\1d\",\"resourceVersion\":"
                    "\"\1a\",\"generation\":1,\"creationTimestamp\":\"\1j\",\"labels\":{\"app\":\"%s\","
                    "\"app.kubernetes.io/name\":\"%s\",\"app.kubernetes.io/part-of\":\"shop\",\"pod-template-hash\":\"%s\","
                    "\"tarn.dev/wave\":\"\1m\",\"tier\":\"%s\"},\"annotations\":{\"cni.example.com/podIP\":\"\1g/32\","
                    WRITTEN "},\"ownerReferences\":[{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"name\":\"%s-%s\","
                    "\"uid\":\"%s\",\"controller\":true,\"blockOwnerDeletion\":true}],",
                    w->name, w->hash, w->ns, w->name, app, w->hash, w->number % 3 ? "backend" : "frontend", w->name, w->hash,
                    w->rs_uid);
}

static void put_condition_fields(struct sim_builder *b)
{
    static const char *const types[] = {"ContainersReady", "Initialized", "PodReadyToStartContainers", "PodScheduled",
                                        "Ready"};

    template_text(b, "\"f:conditions\":{\".\":{}");
    for (unsigned i = 0; i < 5; i++)
        template_format(b, ",\"k:{\\\"type\\\":\\\"%s\\\"}\":{\".\":{},\"f:lastProbeTime\":{},\"f:lastTransitionTime\":{},"
                           "\"f:status\":{},\"f:type\":{}}", types[i]);
    template_text(b, "}");
}

static void put_managed_fields(struct sim_builder *b, const struct workload *w, const struct container *c, unsigned n)
{
    template_format(b,
                    "\"managedFields\":[{\"manager\":\"kube-controller-manager\",\"operation\":\"Update\",\"apiVersion\":"
                    "\"v1\",\"time\":\"\1j\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:metadata\":{\"f:annotations\":{"
                    "\".\":{}},\"f:generateName\":{},\"f:labels\":{\".\":{},\"f:app\":{},"
                    "\"f:app.kubernetes.io/name\":{},\"f:app.kubernetes.io/part-of\":{},\"f:pod-template-hash\":{},"
                    "\"f:tier\":{}},\"f:ownerReferences\":{\".\":{},\"k:{\\\"uid\\\":\\\"%s\\\"}\":{}}},\"f:spec\":{"
                    "\"f:containers\":{",
                    w->rs_uid);
    for (unsigned i = 0; i < n; i++) {
        template_text(b, i ? "," : "");
        put_container_fields(b, &c[i]);
    }
    template_text(b, "},\"f:dnsPolicy\":{},\"f:enableServiceLinks\":{},\"f:restartPolicy\":{},\"f:schedulerName\":{},"
                     "\"f:securityContext\":{\".\":{},\"f:fsGroup\":{},\"f:runAsNonRoot\":{}},\"f:serviceAccount\":{},"
                     "\"f:serviceAccountName\":{},\"f:terminationGracePeriodSeconds\":{},\"f:tolerations\":{}}}},"
                     "{\"manager\":\"cni-agent\",\"operation\":\"Update\",\"apiVersion\":\"v1\",\"time\":\"\1j\","
                     "\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:metadata\":{\"f:annotations\":{\"f:cni.example.com/podIP\":{}}}}},"
                     "{\"manager\":\"tarn-apisim\",\"operation\":\"Update\",\"apiVersion\":\"v1\",\"time\":\"\1j\","
                     "\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:metadata\":{\"f:annotations\":{\"f:tarn.dev/written-at-ns\":{}},"
                     "\"f:labels\":{\"f:tarn.dev/wave\":{}}}}},"
                     "{\"manager\":\"kubelet\",\"operation\":\"Update\",\"apiVersion\":\"v1\",\"time\":\"\1j\","
                     "\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:status\":{");
    put_condition_fields(b);
    template_text(b, ",\"f:containerStatuses\":{},\"f:hostIP\":{},\"f:hostIPs\":{},\"f:phase\":{},\"f:podIP\":{},"
                     "\"f:podIPs\":{\".\":{},\"k:{\\\"ip\\\":\\\"\1g\\\"}\":{\".\":{},\"f:ip\":{}}},\"f:startTime\":{}}},"
                     "\"subresource\":\"status\"}]},");
}

static void put_pod_spec(struct sim_builder *b, const struct container *c, unsigned n, const char *app)
{
    template_text(b, "\"spec\":{\"volumes\":[{\"name\":\"kube-api-access\",\"projected\":{\"sources\":[{"
                     "\"serviceAccountToken\":{\"expirationSeconds\":3607,\"path\":\"token\"}},{\"configMap\":{\"name\":"
                     "\"kube-root-ca.crt\",\"items\":[{\"key\":\"ca.crt\",\"path\":\"ca.crt\"}]}}],\"defaultMode\":420}}],"
                     "\"containers\":[");
    for (unsigned i = 0; i < n; i++) {
        template_text(b, i ? "," : "");
        put_container(b, &c[i], app);
    }
    template_format(b,
                    "],\"restartPolicy\":\"Always\",\"terminationGracePeriodSeconds\":30,\"dnsPolicy\":\"ClusterFirst\","
                    "\"serviceAccountName\":\"%s\",\"serviceAccount\":\"%s\",\"nodeName\":\"\1e\",\"securityContext\":{"
                    "\"runAsNonRoot\":true,\"fsGroup\":2000},\"schedulerName\":\"default-scheduler\",\"tolerations\":[{"
                    "\"key\":\"node.kubernetes.io/not-ready\",\"operator\":\"Exists\",\"effect\":\"NoExecute\","
                    "\"tolerationSeconds\":300}],\"priority\":0,\"enableServiceLinks\":true,"
                    "\"preemptionPolicy\":\"PreemptLowerPriority\"},",
                    app, app);
}

static void put_pod_status(struct sim_builder *b, const struct container *c, unsigned n)
{
    static const char *const types[] = {"PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady",
                                        "PodScheduled"};

    template_text(b, "\"status\":{\"observedGeneration\":1,\"phase\":\"Running\",\"conditions\":[");
    for (unsigned i = 0; i < 5; i++)
        template_format(b, "%s{\"type\":\"%s\",\"status\":\"%s\",\"lastProbeTime\":null,\"lastTransitionTime\":\"\1j\"}",
                        i ? "," : "", types[i], i == 2 || i == 3 ? "\1h" : "True");
    template_text(b, "],\"hostIP\":\"\1f\",\"hostIPs\":[{\"ip\":\"\1f\"}],\"podIP\":\"\1g\",\"podIPs\":[{\"ip\":\"\1g\"}],"
                     "\"startTime\":\"\1j\",\"containerStatuses\":[");
    for (unsigned i = 0; i < n; i++) {
        template_text(b, i ? "," : "");
        put_container_status(b, &c[i], i ? "5df1d549ca920a9b" : "8060311e72a76a10");
    }
    template_text(b, "],\"qosClass\":\"Burstable\"}}");
}

static struct sim_template *pod_template(struct sim_generator *g, const struct workload *w)
{
    struct sim_random *r = &g->random;
    const char *app = apps[w->number % (sizeof apps / sizeof *apps)];
    struct container c[2];
    unsigned n = 1 + (sim_random_below(r, 3) == 0);
    struct sim_builder b = {0};

    container_make(r, &c[0], app, 8080, n == 1 ? 1 + sim_random_below(r, 9) : 1 + sim_random_below(r, 3));
    container_make(r, &c[1], "mesh-proxy", 15090, 1 + sim_random_below(r, 2));
    put_pod_metadata(&b, w, app);
    put_managed_fields(&b, w, c, n);
    put_pod_spec(&b, c, n, app);
    put_pod_status(&b, c, n);
    return sim_template_share(sim_builder_finish(&b));
}

/* ---- endpoint slices ----------------------------------------------------------------------------- */

static void slice_name(const struct sim_generator *g, const struct workload *w, uint32_t i, char *ret, size_t n)
{
    struct sim_random r = {.state = g->o.seed ^ ((uint64_t)w->number << 20 | i)};
    char letters[8];

    random_letters(&r, letters, 5);
    (void)snprintf(ret, n, "%s-%s", w->name, letters);
}

static void put_endpoint(struct sim_builder *b, const struct workload *w, const struct sim_object *pod)
{
    struct tarn_bytes v[SIM_VALUES_MAX];

    (void)sim_object_values(pod, v);
    template_format(b,
                    "{\"addresses\":[\"%.*s\"],\"conditions\":{\"ready\":%.*s,\"serving\":%.*s,\"terminating\":false},"
                    "\"targetRef\":{\"kind\":\"Pod\",\"namespace\":\"%s\",\"name\":\"%.*s\",\"uid\":\"%.*s\"},\"nodeName\":"
                    "\"%.*s\"}",
                    TARN_BYTES_ARG(v[P_IP]), TARN_BYTES_ARG(v[P_READY_BOOL]), TARN_BYTES_ARG(v[P_READY_BOOL]), w->ns,
                    TARN_BYTES_ARG(v[P_NAME]), TARN_BYTES_ARG(v[P_UID]), TARN_BYTES_ARG(v[P_NODE]));
}

static struct sim_template *slice_template(struct sim_generator *g, const struct workload *w, uint32_t i)
{
    uint32_t from = i * SLICE_MAX, to = w->npods < from + SLICE_MAX ? w->npods : from + SLICE_MAX;
    struct sim_builder b = {0};

    template_format(&b,
                    "{" PATH_META ",\"generateName\":\"%s-\",\"namespace\":\"%s\",\"uid\":\"\1d\",\"resourceVersion\":\"\1a\","
                    "\"generation\":1,\"creationTimestamp\":\"\1e\",\"labels\":{\"endpointslice.kubernetes.io/managed-by\":"
                    "\"endpointslice-controller.k8s.io\",\"kubernetes.io/service-name\":\"%s\"},\"annotations\":{" WRITTEN "}},"
                    "\"addressType\":\"IPv4\",\"endpoints\":[",
                    w->name, w->ns, w->name);
    for (uint32_t k = from; k < to; k++) {
        template_text(&b, k > from ? "," : "");
        put_endpoint(&b, w, g->pods[w->pods[k]].obj);
    }
    template_text(&b, "],\"ports\":[{\"name\":\"http\",\"protocol\":\"TCP\",\"port\":8080}]}");
    return sim_builder_finish(&b);
}

static void slice_commit(struct sim_generator *g, const struct workload *w, uint32_t i)
{
    struct sim_template *t = slice_template(g, w, i);
    struct tarn_bytes v[SIM_VALUES_MAX] = {0}, old[SIM_VALUES_MAX];
    char name[64], key[100], uid[37], created[32];
    struct sim_object *before;

    slice_name(g, w, i, name, sizeof name);
    (void)snprintf(key, sizeof key, "%s/%s", w->ns, name);
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
    (void)commit(g, g->slices_r, t, w->ns, name, v);
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
        (void)snprintf(key, sizeof key, "%s/%s", w->ns, name);
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
        random_letters(&g->random, letters, 5);
        (void)snprintf(ret, n, "%s-%s-%s", w->name, w->hash, letters);
        (void)snprintf(key, sizeof key, "%s/%s", w->ns, ret);
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
    random_hex(&g->random, cid, 48);
    (void)snprintf(node_name, sizeof node_name, "node-%04u", node);
    format_ip(host, 0x0a000000u, node + 1);
    format_ip(ip, 0x0a800000u, g->next_ip++ & 0x7fffffu);
    sim_rfc3339(sim_wall_ns(), created);
    (void)snprintf(wave, sizeof wave, "%u", sim_random_below(&g->random, 10));
    v[P_NAME] = tarn_bytes_of(name);
    v[P_UID] = tarn_bytes_of(uid);
    v[P_NODE] = tarn_bytes_of(node_name);
    v[P_HOST_IP] = tarn_bytes_of(host);
    v[P_IP] = tarn_bytes_of(ip);
    v[P_READY] = TARN_BYTES("True");
    v[P_READY_BOOL] = TARN_BYTES("true");
    v[P_CREATED] = tarn_bytes_of(created);
    v[P_CID] = tarn_bytes_of(cid);
    v[P_RESTARTS] = TARN_BYTES("0");
    v[P_WAVE] = tarn_bytes_of(wave);
    if (g->npods == g->pods_cap) {
        g->pods_cap = g->pods_cap ? g->pods_cap * 2 : 64;
        g->pods = sim_realloc(g->pods, g->pods_cap * sizeof *g->pods);
    }
    p = &g->pods[g->npods];
    p->workload = workload;
    workload_add_pod(w, g->npods, &p->at);
    p->obj = sim_object_ref(commit(g, g->pods_r, w->pod_template, w->ns, name, v));
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
    (void)snprintf(name, sizeof name, "%.*s", TARN_BYTES_ARG(v[P_NAME]));
    if (what == P_RESTARTS) {
        (void)snprintf(text, sizeof text, "%u", (unsigned)strtoul(v[P_RESTARTS].data, NULL, 10) % 1000 + 1);
        v[P_RESTARTS] = tarn_bytes_of(text);
    } else if (what == P_WAVE) {
        (void)snprintf(text, sizeof text, "%u", sim_random_below(&g->random, 10));
        v[P_WAVE] = tarn_bytes_of(text);
    } else if (what == P_READY) {
        bool ready = v[P_READY].data[0] == 'F';

        v[P_READY] = tarn_bytes_of(ready ? "True" : "False");
        v[P_READY_BOOL] = tarn_bytes_of(ready ? "true" : "false");
    }
    p->obj = sim_object_ref(commit(g, g->pods_r, w->pod_template, w->ns, name, v));
    sim_object_unref(old);
    if (what == P_READY)
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
    random_hex(&g->random, machine, 32);
    v[2] = tarn_bytes_of(name);
    v[3] = tarn_bytes_of(uid);
    v[4] = tarn_bytes_of(ip);
    v[5] = tarn_bytes_of(cidr);
    v[6] = v[7] = tarn_bytes_of(now);
    v[8] = tarn_bytes_of(machine);
    g->nodes[i].obj = sim_object_ref(commit(g, g->nodes_r, t, "", name, v));
}

static void put_node_conditions(struct sim_builder *b)
{
    static const char *const rows[][4] = {
        {"MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"},
        {"DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"},
        {"PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"},
        {"Ready", "True", "KubeletReady", "kubelet is posting ready status"},
    };

    for (unsigned i = 0; i < 4; i++)
        template_format(b, "%s{\"type\":\"%s\",\"status\":\"%s\",\"lastHeartbeatTime\":\"\1h\",\"lastTransitionTime\":"
                           "\"\1g\",\"reason\":\"%s\",\"message\":\"%s\"}",
                        i ? "," : "", rows[i][0], rows[i][1], rows[i][2], rows[i][3]);
}

static void put_node_images(struct sim_generator *g, struct sim_builder *b)
{
    char hash[65];

    for (unsigned i = 0; i < 16; i++) {
        random_hex(&g->random, hash, 64);
        template_format(b, "%s{\"names\":[\"images.example.com/%s@sha256:%s\",\"images.example.com/%s:v1.%u.0\"],"
                           "\"sizeBytes\":%u}", i ? "," : "", apps[i], hash, apps[i], i, 100000000 + sim_random_below(&g->random, 900000000));
    }
}

static struct sim_template *node_template(struct sim_generator *g, unsigned zone)
{
    struct sim_builder b = {0};

    template_format(&b,
                    "{" PATH_META ",\"uid\":\"\1d\",\"resourceVersion\":\"\1a\",\"creationTimestamp\":\"\1g\",\"labels\":{"
                    "\"beta.kubernetes.io/arch\":\"amd64\",\"beta.kubernetes.io/os\":\"linux\",\"kubernetes.io/arch\":"
                    "\"amd64\",\"kubernetes.io/hostname\":\"\1c\",\"kubernetes.io/os\":\"linux\","
                    "\"node.kubernetes.io/instance-type\":\"lab.2xlarge\",\"topology.kubernetes.io/region\":\"lab\","
                    "\"topology.kubernetes.io/zone\":\"zone-%c\"},\"annotations\":{\"node.alpha.kubernetes.io/ttl\":\"0\","
                    WRITTEN ",\"volumes.kubernetes.io/controller-managed-attach-detach\":\"true\"},\"managedFields\":[{"
                    "\"manager\":\"kubelet\",\"operation\":\"Update\",\"apiVersion\":\"v1\",\"time\":\"\1h\",\"fieldsType\":"
                    "\"FieldsV1\",\"fieldsV1\":{\"f:status\":{\"f:conditions\":{\"k:{\\\"type\\\":\\\"Ready\\\"}\":{"
                    "\"f:lastHeartbeatTime\":{}}},\"f:images\":{}}},\"subresource\":\"status\"}]},\"spec\":{\"podCIDR\":"
                    "\"\1f\",\"podCIDRs\":[\"\1f\"],\"providerID\":\"lab:///zone-%c/\1c\"},\"status\":{\"capacity\":{\"cpu\":"
                    "\"8\",\"ephemeral-storage\":\"101430960Ki\",\"memory\":\"32617044Ki\",\"pods\":\"110\"},\"allocatable\":{"
                    "\"cpu\":\"7910m\",\"ephemeral-storage\":\"93478772582\",\"memory\":\"29873748Ki\",\"pods\":\"110\"},"
                    "\"conditions\":[",
                    'a' + (int)zone, 'a' + (int)zone);
    put_node_conditions(&b);
    template_text(&b, "],\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"\1e\"},{\"type\":\"Hostname\",\"address\":"
                      "\"\1c\"}],\"daemonEndpoints\":{\"kubeletEndpoint\":{\"Port\":10250}},\"nodeInfo\":{\"machineID\":"
                      "\"\1i\",\"systemUUID\":\"\1d\",\"bootID\":\"\1d\",\"kernelVersion\":\"6.1.0-lab\",\"osImage\":"
                      "\"Lab Linux 12\",\"containerRuntimeVersion\":\"containerd://1.7.20\",\"kubeletVersion\":\"v1.34.3\","
                      "\"kubeProxyVersion\":\"\",\"operatingSystem\":\"linux\",\"architecture\":\"amd64\"},\"images\":[");
    put_node_images(g, &b);
    template_text(&b, "]}}");
    return sim_template_share(sim_builder_finish(&b));
}

static void make_nodes(struct sim_generator *g)
{
    struct sim_template *zones[3];

    g->nodes = sim_alloc(g->o.nodes * sizeof *g->nodes);
    for (unsigned z = 0; z < 3; z++)
        zones[z] = node_template(g, z);
    for (uint32_t i = 0; i < g->o.nodes; i++)
        node_create(g, zones[i % 3], i);
    for (unsigned z = 0; z < 3; z++)
        sim_template_unref(zones[z]);
}

static struct sim_template *text_template(const char *text)
{
    struct sim_builder b = {0};

    template_text(&b, text);
    return sim_template_share(sim_builder_finish(&b));
}

/* c name, d uid, e namespace, f created, g app, h cluster IP */
#define SERVICE_TEXT                                                                                                    \
    "{" PATH_META ",\"namespace\":\"\1e\",\"uid\":\"\1d\",\"resourceVersion\":\"\1a\",\"creationTimestamp\":\"\1f\","    \
    "\"labels\":{\"app\":\"\1c\",\"app.kubernetes.io/part-of\":\"shop\"},\"annotations\":{" WRITTEN "},"                 \
    "\"managedFields\":[{\"manager\":\"kubectl-client-side-apply\",\"operation\":\"Update\",\"apiVersion\":\"v1\","      \
    "\"time\":\"\1f\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:metadata\":{\"f:labels\":{\".\":{},\"f:app\":{}}},"  \
    "\"f:spec\":{\"f:internalTrafficPolicy\":{},\"f:ports\":{\".\":{},\"k:{\\\"port\\\":80,\\\"protocol\\\":"            \
    "\\\"TCP\\\"}\":{\".\":{},\"f:name\":{},\"f:port\":{},\"f:protocol\":{},\"f:targetPort\":{}}},\"f:selector\":{},"    \
    "\"f:sessionAffinity\":{},\"f:type\":{}}}}]},\"spec\":{\"ports\":[{\"name\":\"http\",\"protocol\":\"TCP\","          \
    "\"port\":80,\"targetPort\":\"http\"}],\"selector\":{\"app\":\"\1c\"},\"clusterIP\":\"\1h\",\"clusterIPs\":["        \
    "\"\1h\"],\"type\":\"ClusterIP\",\"sessionAffinity\":\"None\",\"ipFamilies\":[\"IPv4\"],\"ipFamilyPolicy\":"         \
    "\"SingleStack\",\"internalTrafficPolicy\":\"Cluster\"},\"status\":{\"loadBalancer\":{}}}"

#define POD_TEMPLATE_TEXT                                                                                               \
    "\"template\":{\"metadata\":{\"labels\":{\"app\":\"\1h\",\"app.kubernetes.io/name\":\"\1g\"}},\"spec\":{"             \
    "\"containers\":[{\"name\":\"\1g\",\"image\":\"images.example.com/\1g/\1g:v1.0.0\",\"ports\":[{\"name\":\"http\","    \
    "\"containerPort\":8080,\"protocol\":\"TCP\"}],\"resources\":{\"limits\":{\"memory\":\"1Gi\"},\"requests\":{"         \
    "\"cpu\":\"100m\",\"memory\":\"640Mi\"}},\"terminationMessagePath\":\"/dev/termination-log\","                       \
    "\"terminationMessagePolicy\":\"File\",\"imagePullPolicy\":\"IfNotPresent\"}],\"restartPolicy\":\"Always\","         \
    "\"terminationGracePeriodSeconds\":30,\"dnsPolicy\":\"ClusterFirst\",\"serviceAccountName\":\"\1g\","                \
    "\"securityContext\":{},\"schedulerName\":\"default-scheduler\"}}"

/* c name, d uid, e namespace, f created, g app, h workload, i replicas, j hash, k owner's uid */
#define DEPLOYMENT_TEXT                                                                                                 \
    "{" PATH_META ",\"namespace\":\"\1e\",\"uid\":\"\1d\",\"resourceVersion\":\"\1a\",\"generation\":1,"                 \
    "\"creationTimestamp\":\"\1f\",\"labels\":{\"app\":\"\1h\",\"app.kubernetes.io/name\":\"\1g\"},\"annotations\":{"     \
    "\"deployment.kubernetes.io/revision\":\"1\"," WRITTEN "}},\"spec\":{\"replicas\":\1i,\"selector\":{\"matchLabels\":" \
    "{\"app\":\"\1h\"}}," POD_TEMPLATE_TEXT ",\"strategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{"               \
    "\"maxUnavailable\":\"25%\",\"maxSurge\":\"25%\"}},\"revisionHistoryLimit\":10,\"progressDeadlineSeconds\":600},"    \
    "\"status\":{\"observedGeneration\":1,\"replicas\":\1i,\"updatedReplicas\":\1i,\"readyReplicas\":\1i,"                \
    "\"availableReplicas\":\1i,\"conditions\":[{\"type\":\"Available\",\"status\":\"True\",\"lastUpdateTime\":\"\1f\","   \
    "\"lastTransitionTime\":\"\1f\",\"reason\":\"MinimumReplicasAvailable\",\"message\":"                                \
    "\"Deployment has minimum availability.\"}]}}"

#define REPLICASET_TEXT                                                                                                 \
    "{" PATH_META ",\"namespace\":\"\1e\",\"uid\":\"\1d\",\"resourceVersion\":\"\1a\",\"generation\":1,"                 \
    "\"creationTimestamp\":\"\1f\",\"labels\":{\"app\":\"\1h\",\"app.kubernetes.io/name\":\"\1g\",\"pod-template-hash\":" \
    "\"\1j\"},\"annotations\":{\"deployment.kubernetes.io/desired-replicas\":\"\1i\"," WRITTEN "},\"ownerReferences\":["  \
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"name\":\"\1h\",\"uid\":\"\1k\",\"controller\":true,"           \
    "\"blockOwnerDeletion\":true}]},\"spec\":{\"replicas\":\1i,\"selector\":{\"matchLabels\":{\"app\":\"\1h\","           \
    "\"pod-template-hash\":\"\1j\"}}," POD_TEMPLATE_TEXT "},\"status\":{\"replicas\":\1i,\"fullyLabeledReplicas\":\1i,"   \
    "\"readyReplicas\":\1i,\"availableReplicas\":\1i,\"observedGeneration\":1}}"

/* c name, d uid, e namespace, f created, g: some text */
#define CONFIGMAP_TEXT                                                                                                  \
    "{" PATH_META ",\"namespace\":\"\1e\",\"uid\":\"\1d\",\"resourceVersion\":\"\1a\",\"creationTimestamp\":\"\1f\","    \
    "\"labels\":{\"app.kubernetes.io/part-of\":\"shop\"},\"annotations\":{" WRITTEN "}},\"data\":{\"config.yaml\":"       \
    "\"listen: 8080\\nlimits:\\n  requests: 100\\n  secret: \1g\\nfeatures:\\n- search\\n- cart\\n\"}}"

#define NAMESPACE_TEXT                                                                                                  \
    "{" PATH_META ",\"uid\":\"\1d\",\"resourceVersion\":\"\1a\",\"creationTimestamp\":\"\1f\",\"labels\":{"              \
    "\"kubernetes.io/metadata.name\":\"\1c\"}},\"spec\":{\"finalizers\":[\"kubernetes\"]},\"status\":{\"phase\":"        \
    "\"Active\"}}"

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
    struct simple s = {.t = text_template(NAMESPACE_TEXT)};
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
    struct simple s = {.t = text_template(SERVICE_TEXT)};
    char ip[16];

    for (uint32_t i = 0; i < g->o.services; i++) {
        struct workload *w = &g->workloads[i];

        simple_begin(g, &s, w->ns, w->name);
        format_ip(ip, 0x0a600000u, i + 10);
        s.v[7] = tarn_bytes_of(ip);
        w->service = i + 1;
        (void)commit(g, g->services_r, s.t, w->ns, w->name, s.v);
    }
    sim_template_unref(s.t);
}

static void controller_values(struct simple *s, const struct workload *w, char *replicas)
{
    (void)snprintf(replicas, 12, "%u", w->npods);
    s->v[6] = tarn_bytes_of(apps[w->number % (sizeof apps / sizeof *apps)]);
    s->v[7] = tarn_bytes_of(w->name);
    s->v[8] = tarn_bytes_of(replicas);
    s->v[9] = tarn_bytes_of(w->hash);
}

static void make_controllers(struct sim_generator *g)
{
    struct simple d = {.t = text_template(DEPLOYMENT_TEXT)}, s = {.t = text_template(REPLICASET_TEXT)};
    char name[64], replicas[12];

    for (uint32_t i = 0; i < g->nworkloads; i++) {
        struct workload *w = &g->workloads[i];

        simple_begin(g, &d, w->ns, w->name);
        controller_values(&d, w, replicas);
        if (i < g->o.deployments)
            (void)commit(g, g->deployments_r, d.t, w->ns, w->name, d.v);
        (void)snprintf(name, sizeof name, "%s-%s", w->name, w->hash);
        simple_begin(g, &s, w->ns, name);
        controller_values(&s, w, replicas);
        s.v[3] = tarn_bytes_of(w->rs_uid);
        s.v[10] = tarn_bytes_of(d.uid);
        if (i < g->o.replicasets)
            (void)commit(g, g->replicasets_r, s.t, w->ns, name, s.v);
    }
    sim_template_unref(d.t);
    sim_template_unref(s.t);
}

static void make_configmaps(struct sim_generator *g)
{
    struct simple s = {.t = text_template(CONFIGMAP_TEXT)};
    char name[64], text[40];

    for (uint32_t i = 0; i < g->o.configmaps; i++) {
        const char *ns = g->nworkloads ? g->workloads[i % g->nworkloads].ns : "default";

        (void)snprintf(name, sizeof name, "config-%05u", i);
        simple_begin(g, &s, ns, name);
        random_letters(&g->random, text, 24);
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

        *w = (struct workload){.number = i};
        (void)snprintf(w->ns, sizeof w->ns, "team-%03u", sim_random_below(&g->random, g->o.namespaces));
        (void)snprintf(w->name, sizeof w->name, "%s-%05u", apps[i % (sizeof apps / sizeof *apps)], i);
        random_letters(&g->random, w->hash, 9);
        sim_random_uuid(&g->random, w->rs_uid);
        w->pod_template = pod_template(g, w);
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
        change_some_pod(g, P_READY);
    else if (dice < 30)
        change_some_pod(g, P_WAVE);
    else if (dice < 40)
        change_some_pod(g, P_RESTARTS);
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
    struct simple s = {.t = text_template(NAMESPACE_TEXT)};

    find_resources(&g);
    for (unsigned i = 0; i < 4; i++) {
        simple_begin(&g, &s, "", names[i]);
        (void)commit(&g, g.namespaces_r, s.t, "", names[i], s.v);
    }
    sim_template_unref(s.t);
}
