/* The columns of resources: what kube-apiserver's own printers make of the same object, and columns that a definition describes. */
#include "columns.h"
#include "fault.h"
#include "tarn_test.h"

enum { NOW = 1767225600 }; /* 2026-01-01T00:00:00Z */

static const struct tarn_object *object(const char *json)
{
    const struct tarn_object *obj = NULL;

    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_bytes_of(json), &obj, NULL), 0);
    return obj;
}

/* "NAME|cell|cell": JSON cells stand in (), null as (null). */
static int render(const struct columns *c, const struct tarn_object *obj, struct tarn_buf *out)
{
    struct row r = {.obj = obj, .now_s = NOW};
    struct print_text text = {out, 0};

    tarn_buf_clear(out);
    for (size_t i = 0; i < c->n; i++) {
        struct tarn_buf cell = {0};
        struct print_text t = {&cell, 0};
        enum cell_form form = c->v[i].cell(&r, &c->v[i], &t);

        print_addf(&text, "%s%s%.*s%s", i ? "|" : "", form == CELL_TEXT ? "" : "(", TARN_BYTES_ARG(tarn_buf_bytes(&cell)),
                   form == CELL_TEXT ? "" : form == CELL_JSON ? ")" : "null)");
        tarn_buf_release(&cell);
        text.err = text.err ? text.err : t.err;
    }
    print_add(&text, (struct tarn_bytes){"", 1});
    return text.err;
}

#define META(more) "\"metadata\":{\"name\":\"x\",\"creationTimestamp\":\"2025-12-31T23:00:00Z\"" more "}"

static void cells_are_those_of_the_api_server(void)
{
    static const struct {
        const char *resource, *json, *row;
    } rows[] = {
        {"configmaps", "{" META("") ",\"data\":{\"a\":\"1\"},\"binaryData\":{\"b\":\"\",\"c\":\"\"}}", "x|(3)|60m"},
        {"services",
         "{" META("") ",\"spec\":{\"type\":\"LoadBalancer\",\"clusterIP\":\"10.0.0.1\",\"externalIPs\":[\"1.1.1.1\"],\"selector\":{\"a\":\"b\",\"c\":\"d\"},"
                      "\"ports\":[{\"port\":80,\"nodePort\":30080,\"protocol\":\"TCP\"},{\"port\":53,\"protocol\":\"UDP\"}]},"
                      "\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"9.9.9.9\"},{\"hostname\":\"lb\"},{\"ip\":\"9.9.9.9\"}]}}}",
         "x|LoadBalancer|10.0.0.1|9.9.9.9,lb,1.1.1.1|80:30080/TCP,53/UDP|60m|a=b,c=d"},
        {"services", "{" META("") ",\"spec\":{\"type\":\"LoadBalancer\"}}", "x|LoadBalancer|<none>|<pending>|<none>|60m|<none>"},
        {"endpoints",
         "{" META("") ",\"subsets\":[{\"addresses\":[{\"ip\":\"10.0.0.1\"},{\"ip\":\"fd00::1\"}],\"ports\":[{\"port\":80},{\"port\":443}]}]}",
         "x|10.0.0.1:80,[fd00::1]:80,10.0.0.1:443 + 1 more...|60m"},
        {"endpointslices.discovery.k8s.io",
         "{" META("") ",\"addressType\":\"IPv4\",\"endpoints\":[{\"addresses\":[\"10.0.0.1\"]}],\"ports\":[{\"port\":80},{\"name\":\"all\"},{}]}",
         "x|IPv4|80,all,*|10.0.0.1|60m"},
        {"deployments.apps",
         "{" META("") ",\"spec\":{\"replicas\":3,\"selector\":{\"matchLabels\":{\"b\":\"2\"},\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\","
                      "\"values\":[\"y\",\"x\"]}]},\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"},{\"name\":\"d\",\"image\":\"j\"}]}}},"
                      "\"status\":{\"readyReplicas\":2,\"updatedReplicas\":3}}",
         "x|2/3|(3)|(0)|60m|c,d|i,j|a in (x,y),b=2"},
        {"jobs.batch",
         "{" META("") ",\"spec\":{\"completions\":2},\"status\":{\"succeeded\":1,\"startTime\":\"2025-12-31T23:59:00Z\",\"conditions\":["
                      "{\"type\":\"Suspended\",\"status\":\"True\"}]}}",
         "x|Suspended|1/2|60s|60m|||<none>"},
        {"cronjobs.batch", "{" META("") ",\"spec\":{\"schedule\":\"* * * * *\",\"suspend\":false},\"status\":{\"active\":[{},{}]}}",
         "x|* * * * *|<none>|False|(2)|<none>|60m|||<none>"},
        {"horizontalpodautoscalers.autoscaling",
         "{" META("") ",\"spec\":{\"scaleTargetRef\":{\"kind\":\"Deployment\",\"name\":\"web\"},\"maxReplicas\":5,\"metrics\":["
                      "{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\",\"target\":{\"averageUtilization\":80}}},"
                      "{\"type\":\"External\",\"external\":{\"target\":{\"averageValue\":\"10\"}}},{\"type\":\"Pods\"}]},"
                      "\"status\":{\"currentReplicas\":2,\"currentMetrics\":[{\"resource\":{\"current\":{\"averageUtilization\":41}}}]}}",
         "x|Deployment/web|cpu: 41%/80%, <unknown>/10 (avg) + 1 more...|<unset>|(5)|(2)|60m"},
        {"persistentvolumeclaims",
         "{" META(",\"deletionTimestamp\":\"2025-12-31T23:00:00Z\"") ",\"spec\":{\"volumeMode\":\"Filesystem\",\"accessModes\":[\"ReadWriteOnce\"]},"
                                                                     "\"status\":{\"phase\":\"Pending\"}}",
         "x|Terminating|||||<unset>|60m|Filesystem"},
        {"persistentvolumes",
         "{" META("") ",\"spec\":{\"capacity\":{\"storage\":\"1Gi\"},\"accessModes\":[\"ReadWriteMany\",\"ReadWriteOnce\",\"ReadWriteOnce\"],"
                      "\"claimRef\":{\"namespace\":\"n\",\"name\":\"c\"}},\"status\":{\"phase\":\"Bound\"}}",
         "x|1Gi|RWO,RWX||Bound|n/c||<unset>||60m|<unset>"},
        {"storageclasses.storage.k8s.io",
         "{" META(",\"annotations\":{\"storageclass.kubernetes.io/is-default-class\":\"true\"}") ",\"provisioner\":\"p\",\"allowVolumeExpansion\":true}",
         "x (default)|p|Delete|Immediate|(true)|60m"},
        {"events",
         "{" META("") ",\"type\":\"Warning\",\"reason\":\"Failed\",\"message\":\" no \\n\",\"involvedObject\":{\"kind\":\"Pod\",\"name\":\"p\",\"fieldPath\":\"f\"},"
                      "\"source\":{\"component\":\"kubelet\",\"host\":\"n\"},\"firstTimestamp\":\"2025-12-31T23:58:00Z\",\"lastTimestamp\":\"2025-12-31T23:59:59Z\","
                      "\"count\":7}",
         "1s|Warning|Failed|pod/p|f|kubelet, n|no|2m|(7)|x"},
        {"resourcequotas",
         "{" META("") ",\"status\":{\"hard\":{\"limits.cpu\":\"2\",\"pods\":\"10\",\"requests.cpu\":\"1\"},\"used\":{\"limits.cpu\":\"1\",\"pods\":\"3\"}}}",
         "x|pods: 3/10, requests.cpu: 0/1|limits.cpu: 1/2|60m"},
        {"rolebindings.rbac.authorization.k8s.io",
         "{" META("") ",\"roleRef\":{\"kind\":\"Role\",\"name\":\"r\"},\"subjects\":[{\"kind\":\"ServiceAccount\",\"namespace\":\"n\",\"name\":\"s\"},"
                      "{\"kind\":\"User\",\"name\":\"u\"},{\"kind\":\"User\",\"name\":\"v\"}]}",
         "x|Role/r|60m|u, v||n/s"},
        {"clusterroles.rbac.authorization.k8s.io", "{" META("") "}", "x|2025-12-31T23:00:00Z"},
        {"nobody.knows.it", "{" META("") "}", "x|60m"},
    };
    struct tarn_buf out = {0};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct tarn_object *obj = object(rows[i].json);
        struct columns c;

        CU_ASSERT_EQUAL_FATAL(columns_open(tarn_bytes_of(rows[i].resource), TARN_BYTES("v1"), NULL, &c), 0);
        CU_ASSERT_EQUAL(render(&c, obj, &out), 0);
        CU_ASSERT_STRING_EQUAL(out.data, rows[i].row);
        columns_release(&c);
        tarn_object_unref(obj);
    }
    tarn_buf_release(&out);
}

static const char definition[] =
    "{\"metadata\":{\"name\":\"widgets.lab.dev\"},\"spec\":{\"versions\":[{\"name\":\"v1\"},{\"name\":\"v2\",\"additionalPrinterColumns\":["
    "{\"name\":\"Size\",\"type\":\"integer\",\"jsonPath\":\".spec.size\"},"
    "{\"name\":\"Load\",\"type\":\"number\",\"jsonPath\":\".status.load\",\"format\":\"double\",\"priority\":1,\"description\":\"how busy\"},"
    "{\"name\":\"Ready\",\"type\":\"string\",\"jsonPath\":\".status.conditions[?(@.type==\\\"Ready\\\")].status\"},"
    "{\"name\":\"On\",\"type\":\"boolean\",\"jsonPath\":\".spec.on\"},"
    "{\"name\":\"Age\",\"type\":\"date\",\"jsonPath\":\".metadata.creationTimestamp\"},"
    "{\"name\":\"Bad\",\"type\":\"string\",\"jsonPath\":\".spec[\"},"
    "{\"name\":\"Parts\",\"type\":\"string\",\"jsonPath\":\".spec.parts\"}]}]}}";

static void a_definition_describes_columns(void)
{
    static const struct {
        const char *json, *row;
    } rows[] = {
        {"{" META("") ",\"spec\":{\"size\":3,\"on\":true,\"parts\":[1,\"b\"]},\"status\":{\"load\":0.5,\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}",
         "x|(3)|(0.5)|True|(true)|60m|(null)|[1,\"b\"]"},
        {"{" META("") ",\"spec\":{\"size\":\"big\",\"on\":1},\"status\":{\"load\":2}}", "x|(null)|(2)|(null)|(null)|60m|(null)|(null)"},
        {"{\"metadata\":{\"name\":\"x\",\"creationTimestamp\":\"then\"},\"spec\":{\"size\":3.9}}", "x|(3)|(null)|(null)|(null)|<invalid>|(null)|(null)"},
    };
    const struct tarn_object *d = object(definition);
    struct tarn_buf out = {0};
    struct columns c;

    CU_ASSERT_EQUAL_FATAL(columns_open(TARN_BYTES("widgets.lab.dev"), TARN_BYTES("v2"), d, &c), 0);
    tarn_object_unref(d); /* nothing is borrowed of it */
    CU_ASSERT_EQUAL_FATAL(c.n, 8);
    CU_ASSERT_STRING_EQUAL(c.v[2].name, "Load");
    CU_ASSERT_STRING_EQUAL(c.v[2].format, "double");
    CU_ASSERT_STRING_EQUAL(c.v[2].description, "how busy");
    CU_ASSERT_EQUAL(c.v[2].priority, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct tarn_object *obj = object(rows[i].json);

        CU_ASSERT_EQUAL(render(&c, obj, &out), 0);
        CU_ASSERT_STRING_EQUAL(out.data, rows[i].row);
        tarn_object_unref(obj);
    }
    columns_release(&c);
    tarn_buf_release(&out);
}

/* A version without columns of its own, and a definition that is none, have Name and Age. */
static void without_a_description_there_are_name_and_age(void)
{
    static const char *const definitions[] = {definition, "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"versions\":7}}"};

    for (size_t i = 0; i < 2; i++) {
        const struct tarn_object *d = object(definitions[i]);
        struct columns c;

        CU_ASSERT_EQUAL_FATAL(columns_open(TARN_BYTES("widgets.lab.dev"), TARN_BYTES("v1"), d, &c), 0);
        CU_ASSERT_EQUAL(c.n, 2);
        CU_ASSERT_STRING_EQUAL(c.v[1].name, "Age");
        columns_release(&c);
        tarn_object_unref(d);
    }
}

static void columns_survive_any_failed_allocation(void)
{
    const struct tarn_object *d = object(definition), *obj = object("{" META(",\"labels\":{\"a\":\"b\"}") ",\"spec\":{\"size\":1,\"parts\":{\"b\":1,\"a\":2}}}");
    long blocks = tarn_fault_blocks();
    bool failed = true;

    for (long n = 0; failed; n++) {
        struct columns c = {0};
        struct tarn_buf out = {0};
        int err;

        tarn_fault_arm(n);
        err = columns_open(TARN_BYTES("widgets.lab.dev"), TARN_BYTES("v2"), d, &c);
        if (!err)
            err = render(&c, obj, &out);
        failed = tarn_fault_disarm();
        CU_ASSERT_EQUAL(err, failed ? TARN_E_NOMEM : 0);
        columns_release(&c);
        tarn_buf_release(&out);
        CU_ASSERT_EQUAL(tarn_fault_blocks(), blocks);
    }
    tarn_object_unref(d);
    tarn_object_unref(obj);
}

TARN_TEST_MAIN("columns", TARN_TEST(cells_are_those_of_the_api_server), TARN_TEST(a_definition_describes_columns),
               TARN_TEST(without_a_description_there_are_name_and_age), TARN_TEST(columns_survive_any_failed_allocation))
