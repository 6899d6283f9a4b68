/* Discovery of the read API over its socket: the documents of what is mirrored, plain and aggregated, in the server's shape. */
/* tarn-test: threads */
#include "tarn_test.h"

#include <stdio.h>
#include <string.h>

#include "api_service.h"

static void add_resource(struct api_service *s, const struct tarn_writer_resource *r)
{
    struct tarn_error err;
    uint16_t id;

    CU_ASSERT_EQUAL_FATAL(tarn_writer_add_resource(s->w.realm->writer, r, &id, &err), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_writer_set_resource_state(s->w.realm->writer, id, &(struct tarn_resource_state){.synced = true, .resource_version = TARN_BYTES("5")}, &err), 0);
}

/* pods (v1), deployments.apps, two groups' custom resources. */
static void open_with_resources(struct api_service *s)
{
    static const char *const shorts[] = {"deploy", "dp"};

    service_open(s, &(struct api_world_options){0});
    add_resource(s, &(struct tarn_writer_resource){.name = "deployments.apps", .api_version = "apps/v1", .kind = "Deployment", .singular = "deployment", .namespaced = true,
                                                   .short_names = shorts, .nshort = 2});
    add_resource(s, &(struct tarn_writer_resource){.name = "nodes", .api_version = "v1", .kind = "Node", .singular = "node"});
    add_resource(s, &(struct tarn_writer_resource){.name = "widgets.lab.example.com", .api_version = "lab.example.com/v1", .kind = "Widget", .singular = "widget", .namespaced = true});
    add_resource(s, &(struct tarn_writer_resource){.name = "gadgets.lab.example.com", .api_version = "lab.example.com/v2", .kind = "Gadget", .singular = "gadget"});
    world_commit(&s->w, 5);
}

static void expect(struct api_service *s, const char *target, const char *body)
{
    struct service_reply r;

    service_get(s, target, &r);
    CU_ASSERT_EQUAL(r.http.status, 200);
    if (!tarn_bytes_equal(r.http.body, tarn_bytes_of(body)))
        (void)fprintf(stderr, "%s:\n%.*s\n%s\n", target, TARN_BYTES_ARG(r.http.body), body);
    CU_ASSERT(tarn_bytes_equal(r.http.body, tarn_bytes_of(body)));
    service_reply_release(&r);
}

#define VERBS "\"verbs\":[\"get\",\"list\",\"watch\"]"

static void plain_documents_are_the_servers(void)
{
    struct api_service s;

    open_with_resources(&s);
    expect(&s, "/api", "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"],\"serverAddressByClientCIDRs\":[{\"clientCIDR\":\"0.0.0.0/0\",\"serverAddress\":\"localhost\"}]}\n");
    expect(&s, "/api/v1",
           "{\"kind\":\"APIResourceList\",\"groupVersion\":\"v1\",\"resources\":[{\"name\":\"nodes\",\"singularName\":\"node\",\"namespaced\":false,\"kind\":\"Node\"," VERBS "},"
           "{\"name\":\"pods\",\"singularName\":\"pod\",\"namespaced\":true,\"kind\":\"Pod\"," VERBS ",\"categories\":[\"all\"]}]}\n");
    expect(&s, "/apis/apps/v1",
           "{\"kind\":\"APIResourceList\",\"apiVersion\":\"v1\",\"groupVersion\":\"apps/v1\",\"resources\":[{\"name\":\"deployments\",\"singularName\":\"deployment\",\"namespaced\":"
           "true,\"kind\":\"Deployment\"," VERBS ",\"shortNames\":[\"deploy\",\"dp\"],\"categories\":[\"all\"]}]}\n");
    expect(&s, "/apis",
           "{\"kind\":\"APIGroupList\",\"apiVersion\":\"v1\",\"groups\":[{\"name\":\"apps\",\"versions\":[{\"groupVersion\":\"apps/v1\",\"version\":\"v1\"}],\"preferredVersion\":"
           "{\"groupVersion\":\"apps/v1\",\"version\":\"v1\"}},{\"name\":\"lab.example.com\",\"versions\":[{\"groupVersion\":\"lab.example.com/v1\",\"version\":\"v1\"},"
           "{\"groupVersion\":\"lab.example.com/v2\",\"version\":\"v2\"}],\"preferredVersion\":{\"groupVersion\":\"lab.example.com/v1\",\"version\":\"v1\"}}]}\n");
    expect(&s, "/apis/apps",
           "{\"kind\":\"APIGroup\",\"apiVersion\":\"v1\",\"name\":\"apps\",\"versions\":[{\"groupVersion\":\"apps/v1\",\"version\":\"v1\"}],\"preferredVersion\":{\"groupVersion\":"
           "\"apps/v1\",\"version\":\"v1\"}}\n");
    expect(&s, "/", "{\"paths\":[\"/api\",\"/api/v1\",\"/apis\",\"/apis/apps\",\"/apis/apps/v1\",\"/apis/lab.example.com\",\"/apis/lab.example.com/v1\",\"/apis/lab.example.com/v2\","
                    "\"/healthz\",\"/livez\",\"/readyz\",\"/version\"]}\n");
    service_close(&s);
}

static void aggregated_documents_say_all_at_once(void)
{
    static const char accept[] = "Accept: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json\r\n";
    struct service_reply r;
    struct api_service s;
    char with[300];
    const char *etag;

    open_with_resources(&s);
    service_ask(&s, "GET", "/apis", accept, &r);
    CU_ASSERT_EQUAL(r.http.status, 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.http.headers, "Content-Type: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList\r\n"));
    CU_ASSERT(tarn_bytes_equal(
        r.http.body,
        TARN_BYTES("{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/v2\",\"metadata\":{},\"items\":[{\"metadata\":{\"name\":\"apps\"},\"versions\":[{"
                   "\"version\":\"v1\",\"resources\":[{\"resource\":\"deployments\",\"responseKind\":{\"group\":\"\",\"version\":\"\",\"kind\":\"Deployment\"},\"scope\":\"Namespaced\","
                   "\"singularResource\":\"deployment\"," VERBS ",\"shortNames\":[\"deploy\",\"dp\"],\"categories\":[\"all\"]}],\"freshness\":\"Current\"}]},{\"metadata\":{\"name\":"
                   "\"lab.example.com\"},\"versions\":[{\"version\":\"v1\",\"resources\":[{\"resource\":\"widgets\",\"responseKind\":{\"group\":\"lab.example.com\",\"version\":\"v1\","
                   "\"kind\":\"Widget\"},\"scope\":\"Namespaced\",\"singularResource\":\"widget\"," VERBS "}],\"freshness\":\"Current\"},{\"version\":\"v2\",\"resources\":[{\"resource\":"
                   "\"gadgets\",\"responseKind\":{\"group\":\"lab.example.com\",\"version\":\"v2\",\"kind\":\"Gadget\"},\"scope\":\"Cluster\",\"singularResource\":\"gadget\"," VERBS
                   "}],\"freshness\":\"Current\"}]}]}\n")));
    etag = strstr(r.http.headers, "Etag: ");
    CU_ASSERT_PTR_NOT_NULL_FATAL(etag);
    (void)snprintf(with, sizeof with, "%sIf-None-Match: %.*s\r\n", accept, (int)strcspn(etag + 6, "\r"), etag + 6);
    service_reply_release(&r);
    service_ask(&s, "GET", "/apis", with, &r);
    CU_ASSERT_EQUAL(r.http.status, 304);
    CU_ASSERT_EQUAL(r.http.body.len, 0);
    service_reply_release(&r);
    add_resource(&s, &(struct tarn_writer_resource){.name = "leases.coordination.k8s.io", .api_version = "coordination.k8s.io/v1", .kind = "Lease", .singular = "lease", .namespaced = true});
    world_commit(&s.w, 6);
    service_ask(&s, "GET", "/apis", with, &r);
    CU_ASSERT_EQUAL(r.http.status, 200); /* another document, another tag */
    service_reply_release(&r);
    service_ask(&s, "GET", "/api", accept, &r);
    CU_ASSERT_STRING_EQUAL(service_text(&r, "items[0].versions[0].resources[1].resource"), "pods");
    service_reply_release(&r);
    service_close(&s);
}

/* `kubectl get all` knows a custom resource by what its definition says. */
static void categories_of_custom_resources_are_their_definitions(void)
{
    static const char definition[] = "{\"metadata\":{\"name\":\"widgets.lab.example.com\",\"resourceVersion\":\"6\"},\"spec\":{\"names\":{\"categories\":[\"all\",\"lab\"]}}}";
    const struct tarn_object *obj;
    struct service_reply r;
    struct api_service s;
    struct tarn_store *store;
    struct tarn_error err;
    uint16_t id;

    open_with_resources(&s);
    CU_ASSERT_EQUAL_FATAL(tarn_writer_add_resource(s.w.realm->writer,
                                                   &(struct tarn_writer_resource){.name = "customresourcedefinitions.apiextensions.k8s.io", .api_version = "apiextensions.k8s.io/v1",
                                                                                  .kind = "CustomResourceDefinition", .singular = "customresourcedefinition"},
                                                   &id, &err), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_region_store_new(s.w.realm->writer, id, &store, &err), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(TARN_BYTES(definition), &obj, &err), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_store_add(store, obj, &err), 0);
    tarn_object_unref(obj);
    world_commit(&s.w, 6);
    service_get(&s, "/apis/lab.example.com/v1", &r);
    CU_ASSERT_STRING_EQUAL(service_text(&r, "resources[0].categories[0]"), "all");
    CU_ASSERT_STRING_EQUAL(service_text(&r, "resources[0].categories[1]"), "lab");
    service_reply_release(&r);
    service_get(&s, "/apis/lab.example.com/v2", &r);
    CU_ASSERT_STRING_EQUAL(service_text(&r, "resources[0].name"), "gadgets");
    CU_ASSERT_STRING_EQUAL(service_text(&r, "resources[0].categories[0]"), "");
    service_reply_release(&r);
    tarn_store_free(store);
    service_close(&s);
}

static void what_is_not_there_is_404_in_text(void)
{
    static const char *const targets[] = {"/apis/no.such.group", "/apis/no.such.group/v1", "/apis/apps/v2", "/api/v2"};
    struct service_reply r;
    struct api_service s;

    open_with_resources(&s);
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        service_get(&s, targets[i], &r);
        CU_ASSERT_EQUAL(r.http.status, 404);
        CU_ASSERT(tarn_bytes_equal(r.http.body, TARN_BYTES("404 page not found\n")));
        service_reply_release(&r);
    }
    service_close(&s);
}

static void the_version_is_one_that_clients_read(void)
{
    struct service_reply r;
    struct api_service s;

    open_with_resources(&s);
    service_get(&s, "/version", &r);
    CU_ASSERT_STRING_EQUAL(service_text(&r, "major"), "1");
    CU_ASSERT(strncmp(service_text(&r, "gitVersion"), "v1.34.0+tarn-", 13) == 0);
    CU_ASSERT(r.http.body.len > 4 && memcmp(r.http.body.data, "{\n  ", 4) == 0);
    service_reply_release(&r);
    service_ask(&s, "GET", "/api/v1", "Accept: application/vnd.kubernetes.protobuf\r\n", &r);
    CU_ASSERT_EQUAL(r.http.status, 406);
    service_reply_release(&r);
    service_ask(&s, "GET", "/api/v1?pretty=true", "", &r);
    CU_ASSERT(r.http.body.len > 4 && memcmp(r.http.body.data, "{\n  ", 4) == 0);
    service_reply_release(&r);
    service_close(&s);
}

TARN_TEST_MAIN("api_discovery", TARN_TEST(plain_documents_are_the_servers),
               TARN_TEST(aggregated_documents_say_all_at_once),
               TARN_TEST(categories_of_custom_resources_are_their_definitions),
               TARN_TEST(what_is_not_there_is_404_in_text),
               TARN_TEST(the_version_is_one_that_clients_read))
