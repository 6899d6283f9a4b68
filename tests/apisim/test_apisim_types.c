/* test_apisim_types.c - what the simulator knows of its kinds' types, as a client meets it: validation, defaults, server-side
 * apply, both OpenAPI documents. kubectl (kubectl.sh) and tests/interop are the wider proof; here each error has its row. */
#include <stdio.h>
#include <stdlib.h>

#include "client.h"
#include "tarn_test.h"

#define NS "/api/v1/namespaces/proto"
#define APPS "/apis/apps/v1/namespaces/proto/deployments"
#define APPLY "Content-Type: application/apply-patch+yaml"
#define JSON "Content-Type: application/json"

static const char deployment[] =
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"d\"},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},"
    "\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i:1\"}]}}}}";

/* ---- validation ------------------------------------------------------------------------------------------ */

static void fields_and_types_are_checked(void)
{
    static const struct {
        const char *path, *body;
        long code;
        const char *says;
    } rows[] = {
        {NS "/configmaps?fieldValidation=Strict", "{\"metadata\":{\"name\":\"x\",\"colour\":1},\"bar\":2}", 400,
         "strict decoding error: unknown field \\\"metadata.colour\\\", unknown field \\\"bar\\\""},
        {NS "/configmaps", "{\"metadata\":{\"name\":\"x\"},\"data\":{\"a\":1}}", 400, "cannot unmarshal number into Go struct field ConfigMap.data of type string"},
        {APPS, "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"replicas\":\"two\"}}", 400, "cannot unmarshal string into Go struct field Deployment.spec.replicas of type int32"},
        {APPS "?fieldValidation=Strict", "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"imag\":\"x\"}]}}}}", 400,
         "unknown field \\\"spec.template.spec.containers[0].imag\\\""},
        {NS "/services", "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"ports\":[{\"port\":80,\"targetPort\":\"http\"}]}}", 201, "\"targetPort\":\"http\""},
    };
    struct sim_answer a = {0};
    struct sim_server s;

    server_start_small(&s);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ask(&s, &(struct sim_ask){.method = "POST", .path = rows[i].path, .body = rows[i].body, .headers = {JSON}}, &a);
        CU_ASSERT_EQUAL(a.code, rows[i].code);
        CU_ASSERT_PTR_NOT_NULL(strstr(a.body.data, rows[i].says));
        if (a.code != rows[i].code || !strstr(a.body.data, rows[i].says))
            printf("\n  row %zu: %ld %s\n", i, a.code, a.body.data);
    }
    answer_release(&a);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void unknown_fields_are_dropped_and_defaults_filled_in(void)
{
    struct sim_server s;
    json_t *v, *c;

    server_start_small(&s);
    CU_ASSERT_EQUAL(post(&s, NS "/pods", "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"colour\":1,\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}"), 201);
    v = get_json(&s, NS "/pods/p");
    CU_ASSERT_PTR_NULL(json_object_get(json_object_get(v, "spec"), "colour"));
    CU_ASSERT_STRING_EQUAL(text_at(v, "spec.restartPolicy"), "Always");
    CU_ASSERT_STRING_EQUAL(text_at(v, "status.phase"), "Pending");
    c = json_array_get(json_object_get(json_object_get(v, "spec"), "containers"), 0);
    CU_ASSERT_STRING_EQUAL(text_at(c, "imagePullPolicy"), "Always");
    CU_ASSERT(json_is_object(json_object_get(c, "resources")));
    json_decref(v);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

/* ---- server-side apply over HTTP ----------------------------------------------------------------------------- */

static long apply(const struct sim_server *s, const char *path, const char *body, struct sim_answer *a)
{
    ask(s, &(struct sim_ask){.method = "PATCH", .path = path, .body = body, .headers = {APPLY}}, a);
    return a->code;
}

static void what_is_applied_is_created_changed_or_in_conflict(void)
{
    static const char first[] = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: n}\ndata: {a: \"1\"}\n";
    static const char second[] = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: n}\ndata: {a: \"2\"}\n";
    struct sim_answer a = {0};
    struct sim_server s;
    json_t *v;

    server_start_small(&s);
    CU_ASSERT_EQUAL(apply(&s, NS "/configmaps/n?fieldManager=m", first, &a), 201);
    CU_ASSERT_EQUAL(apply(&s, NS "/configmaps/n?fieldManager=m", first, &a), 200);
    CU_ASSERT_EQUAL(apply(&s, NS "/configmaps/n?fieldManager=o", second, &a), 409);
    CU_ASSERT_PTR_NOT_NULL(strstr(a.body.data, "\"causes\":[{\"reason\":\"FieldManagerConflict\",\"message\":\"conflict with \\\"m\\\"\",\"field\":\".data.a\"}]"));
    CU_ASSERT_EQUAL(apply(&s, NS "/configmaps/n?fieldManager=o&dryRun=All&force=true", second, &a), 200);
    v = get_json(&s, NS "/configmaps/n");
    CU_ASSERT_STRING_EQUAL(text_at(v, "data.a"), "1"); /* that was dry */
    json_decref(v);
    CU_ASSERT_EQUAL(apply(&s, NS "/configmaps/n?fieldManager=o&force=true", second, &a), 200);
    v = get_json(&s, NS "/configmaps/n");
    CU_ASSERT_STRING_EQUAL(text_at(v, "data.a"), "2");
    CU_ASSERT_EQUAL(json_array_size(json_object_get(json_object_get(v, "metadata"), "managedFields")), 1);
    json_decref(v);
    answer_release(&a);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void an_apply_that_cannot_be_says_why(void)
{
    static const struct {
        const char *path, *body;
        long code;
        const char *says;
    } rows[] = {
        {NS "/configmaps/n", "{}", 422, "fieldManager: Required value: is required for apply patch"},
        {NS "/configmaps/n?fieldManager=m", "a: [", 400, "error decoding YAML"},
        {NS "/configmaps/n?fieldManager=m", "metadata: {}\n", 400, "invalid object type: /, Kind="},
        {NS "/configmaps/n?fieldManager=m", "{apiVersion: v1, kind: Secret, metadata: {name: n}}", 400, "does not match the expected API version"},
        {NS "/configmaps/n?fieldManager=m", "{apiVersion: v1, kind: ConfigMap, metadata: {managedFields: [{}]}}", 400, "metadata.managedFields must be nil"},
        {NS "/configmaps/n?fieldManager=m", "{apiVersion: v1, kind: ConfigMap, foo: 1}", 500, ".foo: field not declared in schema"},
        {"/api/v1/namespaces/nowhere/configmaps/n?fieldManager=m", "{apiVersion: v1, kind: ConfigMap}", 404, "namespaces \\\"nowhere\\\" not found"},
    };
    struct sim_answer a = {0};
    struct sim_server s;

    server_start_small(&s);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CU_ASSERT_EQUAL(apply(&s, rows[i].path, rows[i].body, &a), rows[i].code);
        CU_ASSERT_PTR_NOT_NULL(strstr(a.body.data, rows[i].says));
        if (!strstr(a.body.data, rows[i].says))
            printf("\n  row %zu: %ld %s\n", i, a.code, a.body.data);
    }
    answer_release(&a);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void a_definition_says_how_the_lists_of_its_resources_merge(void)
{
#define AXLES "/apis/t.example/v1/namespaces/proto/axles/a"
    static const char definition[] =
        "{\"metadata\":{\"name\":\"axles.t.example\"},\"spec\":{\"group\":\"t.example\",\"scope\":\"Namespaced\",\"names\":{\"kind\":\"Axle\",\"plural\":\"axles\"},"
        "\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\","
        "\"properties\":{\"wheels\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-list-map-keys\":[\"side\"],\"items\":{\"type\":\"object\","
        "\"properties\":{\"side\":{\"type\":\"string\"},\"size\":{\"type\":\"integer\"}}}},\"marks\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}}}}}}]}}";
    struct sim_answer a = {0};
    struct sim_server s;
    json_t *v;

    server_start_small(&s);
    CU_ASSERT_EQUAL(post(&s, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition), 201);
    CU_ASSERT_EQUAL(apply(&s, AXLES "?fieldManager=m", "{apiVersion: t.example/v1, kind: Axle, spec: {wheels: [{side: l, size: 1}], marks: [x]}}", &a), 201);
    CU_ASSERT_EQUAL(apply(&s, AXLES "?fieldManager=n", "{apiVersion: t.example/v1, kind: Axle, spec: {wheels: [{side: r, size: 2}]}}", &a), 200);
    CU_ASSERT_EQUAL(apply(&s, AXLES "?fieldManager=n", "{apiVersion: t.example/v1, kind: Axle, spec: {marks: [y]}}", &a), 409);
    CU_ASSERT_PTR_NOT_NULL(strstr(a.body.data, "\"field\":\".spec.marks\""));
    v = get_json(&s, AXLES);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(json_object_get(v, "spec"), "wheels")), 2);
    json_decref(v);
    answer_release(&a);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void status_and_spec_have_managers_of_their_own(void)
{
    struct sim_answer a = {0};
    struct sim_server s;
    json_t *v, *entries, *e;
    bool status = false;
    size_t i;

    server_start_small(&s);
    CU_ASSERT_EQUAL(apply(&s, APPS "/d?fieldManager=m", deployment, &a), 201);
    ask(&s, &(struct sim_ask){.method = "PATCH", .path = APPS "/d/status?fieldManager=kubelet", .body = "{\"status\":{\"replicas\":1}}",
                              .headers = {"Content-Type: application/merge-patch+json"}}, &a);
    CU_ASSERT_EQUAL(a.code, 200);
    v = get_json(&s, APPS "/d");
    entries = json_object_get(json_object_get(v, "metadata"), "managedFields");
    CU_ASSERT_EQUAL(json_array_size(entries), 2);
    json_array_foreach(entries, i, e)
        if (strcmp(text_at(e, "subresource"), "status") == 0 && strcmp(text_at(e, "manager"), "kubelet") == 0)
            status = json_object_get(json_object_get(e, "fieldsV1"), "f:status") && json_object_size(json_object_get(e, "fieldsV1")) == 1;
    CU_ASSERT(status);
    json_decref(v);
    answer_release(&a);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

/* ---- OpenAPI --------------------------------------------------------------------------------------------------- */

static void version_3_has_a_document_for_each_group(void)
{
    struct sim_server s;
    json_t *index, *path, *doc, *type;
    const char *key;
    size_t documents = 0;

    server_start_small(&s);
    index = get_json(&s, "/openapi/v3");
    json_object_foreach(json_object_get(index, "paths"), key, path) {
        doc = get_json(&s, text_at(path, "serverRelativeURL"));
        CU_ASSERT_STRING_EQUAL(text_at(doc, "openapi"), "3.0.0");
        CU_ASSERT(json_object_size(json_object_get(doc, "paths")) > 0);
        json_decref(doc);
        documents++;
    }
    CU_ASSERT(documents >= 6);
    json_decref(index);
    doc = get_json(&s, "/openapi/v3/apis/apps/v1");
    type = json_object_get(json_object_get(json_object_get(doc, "components"), "schemas"), "io.k8s.api.apps.v1.Deployment");
    CU_ASSERT_STRING_EQUAL(text_at(json_array_get(json_object_get(type, "x-kubernetes-group-version-kind"), 0), "kind"), "Deployment");
    CU_ASSERT_PTR_NOT_NULL(json_object_get(json_object_get(type, "properties"), "spec"));
    CU_ASSERT_PTR_NOT_NULL(json_object_get(json_object_get(doc, "paths"), "/apis/apps/v1/namespaces/{namespace}/deployments/{name}"));
    json_decref(doc);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

/* One protobuf field at *at of data: its number; *ret_value is what it holds (length-delimited ones only). 0: no more. */
static unsigned next_field(struct tarn_bytes data, size_t *at, struct tarn_bytes *ret_value)
{
    uint64_t numbers[2] = {0};

    for (int i = 0; i < 2; i++)
        for (unsigned shift = 0; *at < data.len; shift += 7) {
            uint8_t byte = (uint8_t)data.data[(*at)++];

            numbers[i] |= (uint64_t)(byte & 127) << shift;
            if (!(byte & 128))
                break;
        }
    if (numbers[0] == 0 || (numbers[0] & 7) != 2 || numbers[1] > data.len - *at)
        return 0;
    *ret_value = (struct tarn_bytes){data.data + *at, (size_t)numbers[1]};
    *at += numbers[1];
    return (unsigned)(numbers[0] >> 3);
}

/* The first field of this number. */
static struct tarn_bytes field_of(struct tarn_bytes data, unsigned number)
{
    struct tarn_bytes value;
    size_t at = 0;

    for (unsigned f; (f = next_field(data, &at, &value)) != 0;)
        if (f == number)
            return value;
    return (struct tarn_bytes){0};
}

/* Both forms of version 2 have the same definitions, with the same properties. */
static void version_2_is_the_same_in_json_and_protobuf(void)
{
    struct sim_answer a = {0};
    struct tarn_bytes definitions, named;
    struct sim_server s;
    json_t *doc, *types;
    size_t at = 0, n = 0;

    server_start_small(&s);
    doc = get_json(&s, "/openapi/v2");
    types = json_object_get(doc, "definitions");
    ask(&s, &(struct sim_ask){.path = "/openapi/v2", .headers = {"Accept: application/com.github.proto-openapi.spec.v2@v1.0+protobuf"}}, &a);
    CU_ASSERT_EQUAL(a.code, 200);
    definitions = field_of(tarn_buf_bytes(&a.body), 9);
    while (next_field(definitions, &at, &named) == 1) {
        struct tarn_bytes name = field_of(named, 1), properties = field_of(field_of(named, 2), 25), property;
        char text[300];
        size_t p = 0, count = 0;
        json_t *type;

        snprintf(text, sizeof text, "%.*s", TARN_BYTES_ARG(name));
        type = json_object_get(types, text);
        CU_ASSERT_PTR_NOT_NULL(type);
        while (next_field(properties, &p, &property) == 1)
            count++;
        CU_ASSERT_EQUAL(count, json_object_size(json_object_get(type, "properties")));
        n++;
    }
    CU_ASSERT(n > 200);
    CU_ASSERT_EQUAL(n, json_object_size(types));
    json_decref(doc);
    answer_release(&a);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

TARN_TEST_MAIN("apisim_types", TARN_TEST(fields_and_types_are_checked), TARN_TEST(unknown_fields_are_dropped_and_defaults_filled_in),
               TARN_TEST(what_is_applied_is_created_changed_or_in_conflict), TARN_TEST(an_apply_that_cannot_be_says_why),
               TARN_TEST(a_definition_says_how_the_lists_of_its_resources_merge),
               TARN_TEST(status_and_spec_have_managers_of_their_own), TARN_TEST(version_3_has_a_document_for_each_group),
               TARN_TEST(version_2_is_the_same_in_json_and_protobuf))
