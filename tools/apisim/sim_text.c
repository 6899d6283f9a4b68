/* sim_text.c - what generated objects look like. */
#include "sim_text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *const sim_text_apps[SIM_TEXT_APPS] = {"web", "api", "billing", "gateway", "search", "cart", "mailer", "worker", "cache",
                                   "auth", "ledger", "indexer", "cron", "router", "media", "report"};

/* text with \1x as holes */
void sim_text_add(struct sim_builder *b, const char *text)
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

void sim_text_addf(struct sim_builder *b, const char *fmt, ...)
{
    char text[4096];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    sim_text_add(b, text);
}

/* n letters as Kubernetes' own random names have them (no vowels, no 0 1 3). */
void sim_text_letters(struct sim_random *r, char *ret, unsigned n)
{
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";

    for (unsigned i = 0; i < n; i++)
        ret[i] = letters[sim_random_below(r, sizeof letters - 1)];
    ret[n] = 0;
}

void sim_text_hex(struct sim_random *r, char *ret, unsigned n)
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

/* ---- the text of a pod ----------------------------------------------------------------------------- */

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
    sim_text_hex(r, c->image_hash, 64);
    c->port = port;
    c->nenv = nenv;
    for (unsigned i = 0; i < nenv; i++) {
        char letters[32];

        sim_text_letters(r, letters, 24);
        c->env[i].kind = sim_random_below(r, 3);
        (void)snprintf(c->env[i].name, sizeof c->env[i].name, "SETTING_%c%c%u", toupper(letters[0]), toupper(letters[1]), i);
        (void)snprintf(c->env[i].text, sizeof c->env[i].text, "%.*s", 4 + (int)sim_random_below(r, 20), letters + 2);
    }
}

static const char *const env_sources[] = {"\"f:value\":{}", "\"f:valueFrom\":{\".\":{},\"f:configMapKeyRef\":{}}",
                                          "\"f:valueFrom\":{\".\":{},\"f:fieldRef\":{}}"};

static void put_container_fields(struct sim_builder *b, const struct container *c)
{
    sim_text_addf(b, "\"k:{\\\"name\\\":\\\"%s\\\"}\":{\".\":{},\"f:env\":{\".\":{}", c->name);
    for (unsigned i = 0; i < c->nenv; i++)
        sim_text_addf(b, ",\"k:{\\\"name\\\":\\\"%s\\\"}\":{\".\":{},\"f:name\":{},%s}", c->env[i].name,
                        env_sources[c->env[i].kind]);
    sim_text_addf(b,
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
    sim_text_addf(b, "{\"name\":\"%s\",", e->name);
    if (e->kind == 0)
        sim_text_addf(b, "\"value\":\"value-%s\"}", e->text);
    else if (e->kind == 1)
        sim_text_addf(b, "\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"%s-config\",\"key\":\"%.4s\"}}}", app, e->text);
    else
        sim_text_addf(b, "\"valueFrom\":{\"fieldRef\":{\"apiVersion\":\"v1\",\"fieldPath\":\"metadata.name\"}}}");
}

static void put_container(struct sim_builder *b, const struct container *c, const char *app)
{
    sim_text_addf(b,
                    "{\"name\":\"%s\",\"image\":\"%s\",\"args\":[\"--listen=:%u\",\"--if=a\\u003cb\\u0026\\u0026c\"],"
                    "\"ports\":[{\"name\":\"http\",\"containerPort\":%u,\"protocol\":\"TCP\"}],\"env\":[",
                    c->name, c->image, c->port, c->port);
    for (unsigned i = 0; i < c->nenv; i++) {
        sim_text_add(b, i ? "," : "");
        put_env(b, &c->env[i], app);
    }
    sim_text_addf(b,
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
    sim_text_addf(b,
                    "{\"name\":\"%s\",\"state\":{\"running\":{\"startedAt\":\"\1j\"}},\"lastState\":{},\"ready\":\1i,"
                    "\"restartCount\":\1l,\"image\":\"%s\",\"imageID\":\"images.example.com/%s@sha256:%s\","
                    "\"containerID\":\"containerd://\1k%s\",\"started\":true}",
                    c->name, c->image, c->name, c->image_hash, suffix);
}

static void put_pod_metadata(struct sim_builder *b, const struct sim_text_workload *w, const char *app)
{
    sim_text_addf(b,
                    "{" SIM_TEXT_NAME ",\"generateName\":\"%s-%s-\",\"namespace\":\"%s\",\"uid\":\"\1d\",\"resourceVersion\":"
                    "\"\1a\",\"generation\":1,\"creationTimestamp\":\"\1j\",\"labels\":{\"app\":\"%s\","
                    "\"app.kubernetes.io/name\":\"%s\",\"app.kubernetes.io/part-of\":\"shop\",\"pod-template-hash\":\"%s\","
                    "\"tarn.dev/wave\":\"\1m\",\"tier\":\"%s\"},\"annotations\":{\"cni.example.com/podIP\":\"\1g/32\","
                    SIM_TEXT_WRITTEN "},\"ownerReferences\":[{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"name\":\"%s-%s\","
                    "\"uid\":\"%s\",\"controller\":true,\"blockOwnerDeletion\":true}],",
                    w->name, w->hash, w->ns, w->name, app, w->hash, w->number % 3 ? "backend" : "frontend", w->name, w->hash,
                    w->rs_uid);
}

static void put_condition_fields(struct sim_builder *b)
{
    static const char *const types[] = {"ContainersReady", "Initialized", "PodReadyToStartContainers", "PodScheduled",
                                        "Ready"};

    sim_text_add(b, "\"f:conditions\":{\".\":{}");
    for (unsigned i = 0; i < 5; i++)
        sim_text_addf(b, ",\"k:{\\\"type\\\":\\\"%s\\\"}\":{\".\":{},\"f:lastProbeTime\":{},\"f:lastTransitionTime\":{},"
                           "\"f:status\":{},\"f:type\":{}}", types[i]);
    sim_text_add(b, "}");
}

static void put_managed_fields(struct sim_builder *b, const struct sim_text_workload *w, const struct container *c, unsigned n)
{
    sim_text_addf(b,
                    "\"managedFields\":[{\"manager\":\"kube-controller-manager\",\"operation\":\"Update\",\"apiVersion\":"
                    "\"v1\",\"time\":\"\1j\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:metadata\":{\"f:annotations\":{"
                    "\".\":{}},\"f:generateName\":{},\"f:labels\":{\".\":{},\"f:app\":{},"
                    "\"f:app.kubernetes.io/name\":{},\"f:app.kubernetes.io/part-of\":{},\"f:pod-template-hash\":{},"
                    "\"f:tier\":{}},\"f:ownerReferences\":{\".\":{},\"k:{\\\"uid\\\":\\\"%s\\\"}\":{}}},\"f:spec\":{"
                    "\"f:containers\":{",
                    w->rs_uid);
    for (unsigned i = 0; i < n; i++) {
        sim_text_add(b, i ? "," : "");
        put_container_fields(b, &c[i]);
    }
    sim_text_add(b, "},\"f:dnsPolicy\":{},\"f:enableServiceLinks\":{},\"f:restartPolicy\":{},\"f:schedulerName\":{},"
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
    sim_text_add(b, ",\"f:containerStatuses\":{},\"f:hostIP\":{},\"f:hostIPs\":{},\"f:phase\":{},\"f:podIP\":{},"
                     "\"f:podIPs\":{\".\":{},\"k:{\\\"ip\\\":\\\"\1g\\\"}\":{\".\":{},\"f:ip\":{}}},\"f:startTime\":{}}},"
                     "\"subresource\":\"status\"}]},");
}

static void put_pod_spec(struct sim_builder *b, const struct container *c, unsigned n, const char *app)
{
    sim_text_add(b, "\"spec\":{\"volumes\":[{\"name\":\"kube-api-access\",\"projected\":{\"sources\":[{"
                     "\"serviceAccountToken\":{\"expirationSeconds\":3607,\"path\":\"token\"}},{\"configMap\":{\"name\":"
                     "\"kube-root-ca.crt\",\"items\":[{\"key\":\"ca.crt\",\"path\":\"ca.crt\"}]}}],\"defaultMode\":420}}],"
                     "\"containers\":[");
    for (unsigned i = 0; i < n; i++) {
        sim_text_add(b, i ? "," : "");
        put_container(b, &c[i], app);
    }
    sim_text_addf(b,
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

    sim_text_add(b, "\"status\":{\"observedGeneration\":1,\"phase\":\"Running\",\"conditions\":[");
    for (unsigned i = 0; i < 5; i++)
        sim_text_addf(b, "%s{\"type\":\"%s\",\"status\":\"%s\",\"lastProbeTime\":null,\"lastTransitionTime\":\"\1j\"}",
                        i ? "," : "", types[i], i == 2 || i == 3 ? "\1h" : "True");
    sim_text_add(b, "],\"hostIP\":\"\1f\",\"hostIPs\":[{\"ip\":\"\1f\"}],\"podIP\":\"\1g\",\"podIPs\":[{\"ip\":\"\1g\"}],"
                     "\"startTime\":\"\1j\",\"containerStatuses\":[");
    for (unsigned i = 0; i < n; i++) {
        sim_text_add(b, i ? "," : "");
        put_container_status(b, &c[i], i ? "5df1d549ca920a9b" : "8060311e72a76a10");
    }
    sim_text_add(b, "],\"qosClass\":\"Burstable\"}}");
}

struct sim_template *sim_text_pod(struct sim_random *r, const struct sim_text_workload *w)
{
    const char *app = sim_text_apps[w->number % (SIM_TEXT_APPS)];
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

/* ---- nodes ------------------------------------------------------------------------------------ */

static void put_node_conditions(struct sim_builder *b)
{
    static const char *const rows[][4] = {
        {"MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"},
        {"DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"},
        {"PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"},
        {"Ready", "True", "KubeletReady", "kubelet is posting ready status"},
    };

    for (unsigned i = 0; i < 4; i++)
        sim_text_addf(b, "%s{\"type\":\"%s\",\"status\":\"%s\",\"lastHeartbeatTime\":\"\1h\",\"lastTransitionTime\":"
                           "\"\1g\",\"reason\":\"%s\",\"message\":\"%s\"}",
                        i ? "," : "", rows[i][0], rows[i][1], rows[i][2], rows[i][3]);
}

static void put_node_images(struct sim_random *r, struct sim_builder *b)
{
    char hash[65];

    for (unsigned i = 0; i < 16; i++) {
        sim_text_hex(r, hash, 64);
        sim_text_addf(b, "%s{\"names\":[\"images.example.com/%s@sha256:%s\",\"images.example.com/%s:v1.%u.0\"],"
                           "\"sizeBytes\":%u}", i ? "," : "", sim_text_apps[i], hash, sim_text_apps[i], i, 100000000 + sim_random_below(r, 900000000));
    }
}

struct sim_template *sim_text_node(struct sim_random *r, unsigned zone)
{
    struct sim_builder b = {0};

    sim_text_addf(&b,
                    "{" SIM_TEXT_NAME ",\"uid\":\"\1d\",\"resourceVersion\":\"\1a\",\"creationTimestamp\":\"\1g\",\"labels\":{"
                    "\"beta.kubernetes.io/arch\":\"amd64\",\"beta.kubernetes.io/os\":\"linux\",\"kubernetes.io/arch\":"
                    "\"amd64\",\"kubernetes.io/hostname\":\"\1c\",\"kubernetes.io/os\":\"linux\","
                    "\"node.kubernetes.io/instance-type\":\"lab.2xlarge\",\"topology.kubernetes.io/region\":\"lab\","
                    "\"topology.kubernetes.io/zone\":\"zone-%c\"},\"annotations\":{\"node.alpha.kubernetes.io/ttl\":\"0\","
                    SIM_TEXT_WRITTEN ",\"volumes.kubernetes.io/controller-managed-attach-detach\":\"true\"},\"managedFields\":[{"
                    "\"manager\":\"kubelet\",\"operation\":\"Update\",\"apiVersion\":\"v1\",\"time\":\"\1h\",\"fieldsType\":"
                    "\"FieldsV1\",\"fieldsV1\":{\"f:status\":{\"f:conditions\":{\"k:{\\\"type\\\":\\\"Ready\\\"}\":{"
                    "\"f:lastHeartbeatTime\":{}}},\"f:images\":{}}},\"subresource\":\"status\"}]},\"spec\":{\"podCIDR\":"
                    "\"\1f\",\"podCIDRs\":[\"\1f\"],\"providerID\":\"lab:///zone-%c/\1c\"},\"status\":{\"capacity\":{\"cpu\":"
                    "\"8\",\"ephemeral-storage\":\"101430960Ki\",\"memory\":\"32617044Ki\",\"pods\":\"110\"},\"allocatable\":{"
                    "\"cpu\":\"7910m\",\"ephemeral-storage\":\"93478772582\",\"memory\":\"29873748Ki\",\"pods\":\"110\"},"
                    "\"conditions\":[",
                    'a' + (int)zone, 'a' + (int)zone);
    put_node_conditions(&b);
    sim_text_add(&b, "],\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"\1e\"},{\"type\":\"Hostname\",\"address\":"
                      "\"\1c\"}],\"daemonEndpoints\":{\"kubeletEndpoint\":{\"Port\":10250}},\"nodeInfo\":{\"machineID\":"
                      "\"\1i\",\"systemUUID\":\"\1d\",\"bootID\":\"\1d\",\"kernelVersion\":\"6.1.0-lab\",\"osImage\":"
                      "\"Lab Linux 12\",\"containerRuntimeVersion\":\"containerd://1.7.20\",\"kubeletVersion\":\"v1.34.3\","
                      "\"kubeProxyVersion\":\"\",\"operatingSystem\":\"linux\",\"architecture\":\"amd64\"},\"images\":[");
    put_node_images(r, &b);
    sim_text_add(&b, "]}}");
    return sim_template_share(sim_builder_finish(&b));
}

/* ---- kinds whose objects differ only in values ------------------------------------------------- */

/* c name, d uid, e namespace, f created, g app, h cluster IP */
#define SERVICE_TEXT                                                                                                    \
    "{" SIM_TEXT_NAME ",\"namespace\":\"\1e\",\"uid\":\"\1d\",\"resourceVersion\":\"\1a\",\"creationTimestamp\":\"\1f\","    \
    "\"labels\":{\"app\":\"\1c\",\"app.kubernetes.io/part-of\":\"shop\"},\"annotations\":{" SIM_TEXT_WRITTEN "},"                 \
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
    "{" SIM_TEXT_NAME ",\"namespace\":\"\1e\",\"uid\":\"\1d\",\"resourceVersion\":\"\1a\",\"generation\":1,"                 \
    "\"creationTimestamp\":\"\1f\",\"labels\":{\"app\":\"\1h\",\"app.kubernetes.io/name\":\"\1g\"},\"annotations\":{"     \
    "\"deployment.kubernetes.io/revision\":\"1\"," SIM_TEXT_WRITTEN "}},\"spec\":{\"replicas\":\1i,\"selector\":{\"matchLabels\":" \
    "{\"app\":\"\1h\"}}," POD_TEMPLATE_TEXT ",\"strategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{"               \
    "\"maxUnavailable\":\"25%\",\"maxSurge\":\"25%\"}},\"revisionHistoryLimit\":10,\"progressDeadlineSeconds\":600},"    \
    "\"status\":{\"observedGeneration\":1,\"replicas\":\1i,\"updatedReplicas\":\1i,\"readyReplicas\":\1i,"                \
    "\"availableReplicas\":\1i,\"conditions\":[{\"type\":\"Available\",\"status\":\"True\",\"lastUpdateTime\":\"\1f\","   \
    "\"lastTransitionTime\":\"\1f\",\"reason\":\"MinimumReplicasAvailable\",\"message\":"                                \
    "\"Deployment has minimum availability.\"}]}}"

#define REPLICASET_TEXT                                                                                                 \
    "{" SIM_TEXT_NAME ",\"namespace\":\"\1e\",\"uid\":\"\1d\",\"resourceVersion\":\"\1a\",\"generation\":1,"                 \
    "\"creationTimestamp\":\"\1f\",\"labels\":{\"app\":\"\1h\",\"app.kubernetes.io/name\":\"\1g\",\"pod-template-hash\":" \
    "\"\1j\"},\"annotations\":{\"deployment.kubernetes.io/desired-replicas\":\"\1i\"," SIM_TEXT_WRITTEN "},\"ownerReferences\":["  \
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"name\":\"\1h\",\"uid\":\"\1k\",\"controller\":true,"           \
    "\"blockOwnerDeletion\":true}]},\"spec\":{\"replicas\":\1i,\"selector\":{\"matchLabels\":{\"app\":\"\1h\","           \
    "\"pod-template-hash\":\"\1j\"}}," POD_TEMPLATE_TEXT "},\"status\":{\"replicas\":\1i,\"fullyLabeledReplicas\":\1i,"   \
    "\"readyReplicas\":\1i,\"availableReplicas\":\1i,\"observedGeneration\":1}}"

/* c name, d uid, e namespace, f created, g: some text */
#define CONFIGMAP_TEXT                                                                                                  \
    "{" SIM_TEXT_NAME ",\"namespace\":\"\1e\",\"uid\":\"\1d\",\"resourceVersion\":\"\1a\",\"creationTimestamp\":\"\1f\","    \
    "\"labels\":{\"app.kubernetes.io/part-of\":\"shop\"},\"annotations\":{" SIM_TEXT_WRITTEN "}},\"data\":{\"config.yaml\":"       \
    "\"listen: 8080\\nlimits:\\n  requests: 100\\n  secret: \1g\\nfeatures:\\n- search\\n- cart\\n\"}}"

#define NAMESPACE_TEXT                                                                                                  \
    "{" SIM_TEXT_NAME ",\"uid\":\"\1d\",\"resourceVersion\":\"\1a\",\"creationTimestamp\":\"\1f\",\"labels\":{"              \
    "\"kubernetes.io/metadata.name\":\"\1c\"}},\"spec\":{\"finalizers\":[\"kubernetes\"]},\"status\":{\"phase\":"        \
    "\"Active\"}}"

struct sim_template *sim_text_simple(enum sim_text_kind kind)
{
    static const char *const texts[] = {[SIM_TEXT_SERVICE] = SERVICE_TEXT, [SIM_TEXT_DEPLOYMENT] = DEPLOYMENT_TEXT,
                                        [SIM_TEXT_REPLICASET] = REPLICASET_TEXT, [SIM_TEXT_CONFIGMAP] = CONFIGMAP_TEXT,
                                        [SIM_TEXT_NAMESPACE] = NAMESPACE_TEXT};
    struct sim_builder b = {0};

    sim_text_add(&b, texts[kind]);
    return sim_template_share(sim_builder_finish(&b));
}
