/* test_apisim_apply.c - server-side apply and managedFields, by cases; tests/interop/conform compares them with a real server's. */
#include <stdio.h>

#include "sim_apply.h"
#include "tarn_test.h"
#include "type_of.h"

static json_t *parse(const char *text)
{
    json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(v);
    return v;
}

/* Is v, less the times in managedFields, what text says? */
static void check_object(const json_t *v, const char *text)
{
    json_t *got = json_deep_copy(v), *want = parse(text), *entry;
    char *dump;
    size_t i;

    json_array_foreach(sim_json_at(got, "metadata.managedFields"), i, entry)
        (void)json_object_del(entry, "time");
    CU_ASSERT(json_equal(got, want));
    if (!json_equal(got, want)) {
        dump = json_dumps(got, JSON_COMPACT);
        printf("\n  got  %s\n  want %s\n", dump ? dump : "nothing", text);
        free(dump);
    }
    json_decref(got);
    json_decref(want);
}

static json_t *apply_as(const char *kind, const char *manager, json_t *live, const char *config, bool force, json_t **ret_conflicts)
{
    struct sim_manager who = {.name = manager, .api_version = "v1", .subresource = ""};
    json_t *c = parse(config), *v;

    *ret_conflicts = NULL;
    v = sim_apply(type_of(kind), live, c, &who, force, ret_conflicts);
    json_decref(c);
    return v;
}

/* live (taken) becomes what comes out; it must go through. */
static json_t *applied(const char *kind, const char *manager, json_t *live, const char *config)
{
    json_t *conflicts, *v = apply_as(kind, manager, live, config, false, &conflicts);

    CU_ASSERT_PTR_NOT_NULL_FATAL(v);
    CU_ASSERT_PTR_NULL(conflicts);
    json_decref(live);
    return v;
}

#define ENTRY(manager, operation, fields)                                                                                        \
    "{\"manager\":\"" manager "\",\"operation\":\"" operation "\",\"apiVersion\":\"v1\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{" fields "}}"
#define CM(data) "{\"metadata\":{\"name\":\"c\"},\"data\":{" data "}}"

static void what_is_applied_is_owned(void)
{
    json_t *v = applied("ConfigMap", "m", NULL, CM("\"a\":\"1\",\"b\":\"2\""));

    check_object(v, "{\"metadata\":{\"name\":\"c\",\"managedFields\":[" ENTRY("m", "Apply", "\"f:data\":{\"f:a\":{},\"f:b\":{}}") "]},"
                    "\"data\":{\"a\":\"1\",\"b\":\"2\"}}");
    /* b is not wanted any more; c is new */
    v = applied("ConfigMap", "m", v, CM("\"a\":\"1\",\"c\":\"3\""));
    check_object(v, "{\"metadata\":{\"name\":\"c\",\"managedFields\":[" ENTRY("m", "Apply", "\"f:data\":{\"f:a\":{},\"f:c\":{}}") "]},"
                    "\"data\":{\"a\":\"1\",\"c\":\"3\"}}");
    json_decref(v);
}

static void another_manager_meets_a_conflict(void)
{
    json_t *v = applied("ConfigMap", "m", NULL, CM("\"a\":\"1\",\"b\":\"2\"")), *conflicts, *causes, *forced;
    struct tarn_buf message = {0};

    CU_ASSERT_PTR_NULL(apply_as("ConfigMap", "n", v, CM("\"a\":\"9\""), false, &conflicts));
    CU_ASSERT_EQUAL(json_array_size(conflicts), 1);
    causes = sim_apply_causes(conflicts, &message);
    sim_put(&message, "", 1);
    CU_ASSERT_STRING_EQUAL(message.data, "Apply failed with 1 conflict: conflict with \"m\": .data.a");
    CU_ASSERT_STRING_EQUAL(sim_json_text(json_array_get(causes, 0), "field"), ".data.a");
    CU_ASSERT_STRING_EQUAL(sim_json_text(json_array_get(causes, 0), "reason"), "FieldManagerConflict");
    json_decref(causes);
    json_decref(conflicts);
    tarn_buf_release(&message);

    forced = apply_as("ConfigMap", "n", v, CM("\"a\":\"9\""), true, &conflicts);
    check_object(forced, "{\"metadata\":{\"name\":\"c\",\"managedFields\":[" ENTRY("m", "Apply", "\"f:data\":{\"f:b\":{}}") ","
                         ENTRY("n", "Apply", "\"f:data\":{\"f:a\":{}}") "]},\"data\":{\"a\":\"9\",\"b\":\"2\"}}");
    json_decref(forced);
    json_decref(v);
}

static void equal_values_are_shared(void)
{
    json_t *v = applied("ConfigMap", "m", NULL, CM("\"a\":\"1\""));

    v = applied("ConfigMap", "n", v, CM("\"a\":\"1\""));
    /* m lets go; n still wants it */
    v = applied("ConfigMap", "m", v, CM("\"z\":\"0\""));
    check_object(v, "{\"metadata\":{\"name\":\"c\",\"managedFields\":[" ENTRY("m", "Apply", "\"f:data\":{\"f:z\":{}}") ","
                    ENTRY("n", "Apply", "\"f:data\":{\"f:a\":{}}") "]},\"data\":{\"a\":\"1\",\"z\":\"0\"}}");
    json_decref(v);
}

static void items_of_a_list_are_owned_by_their_keys(void)
{
#define PORTS(list) "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"ports\":[" list "]}}"
    json_t *v = applied("Service", "m", NULL, PORTS("{\"port\":80},{\"port\":81,\"name\":\"x\"}")), *ports;

    v = applied("Service", "n", v, PORTS("{\"port\":82,\"protocol\":\"UDP\"}"));
    ports = sim_json_at(v, "spec.ports");
    CU_ASSERT_EQUAL(json_array_size(ports), 3);
    v = applied("Service", "m", v, PORTS("{\"port\":81,\"name\":\"y\"}"));
    check_object(v, "{\"metadata\":{\"name\":\"s\",\"managedFields\":["
                    ENTRY("m", "Apply", "\"f:spec\":{\"f:ports\":{\"k:{\\\"port\\\":81,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},\"f:name\":{},\"f:port\":{}}}}") ","
                    ENTRY("n", "Apply", "\"f:spec\":{\"f:ports\":{\"k:{\\\"port\\\":82,\\\"protocol\\\":\\\"UDP\\\"}\":{\".\":{},\"f:port\":{},\"f:protocol\":{}}}}")
                    "]},\"spec\":{\"ports\":[{\"port\":81,\"name\":\"y\"},{\"port\":82,\"protocol\":\"UDP\"}]}}");
    json_decref(v);
}

static void an_update_takes_fields_over(void)
{
    struct sim_manager who = {.name = "u", .api_version = "v1", .subresource = ""};
    json_t *before = applied("ConfigMap", "m", NULL, CM("\"a\":\"1\",\"b\":\"2\"")), *after = json_deep_copy(before);

    (void)json_object_set_new(json_object_get(after, "data"), "a", json_string("7"));
    (void)json_object_del(json_object_get(after, "data"), "b");
    sim_apply_track(type_of("ConfigMap"), before, after, &who);
    check_object(after, "{\"metadata\":{\"name\":\"c\",\"managedFields\":[" ENTRY("u", "Update", "\"f:data\":{\"f:a\":{}}") "]},\"data\":{\"a\":\"7\"}}");
    json_decref(before);
    json_decref(after);
}

static void a_created_object_is_managed_by_its_creator(void)
{
    struct sim_manager who = {.name = "u", .api_version = "v1", .subresource = ""};
    json_t *v = parse("{\"metadata\":{\"name\":\"p\",\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"resources\":{}}]}}");

    sim_apply_track(type_of("Pod"), NULL, v, &who);
    check_object(json_array_get(sim_json_at(v, "metadata.managedFields"), 0) ? v : NULL,
                 "{\"metadata\":{\"name\":\"p\",\"labels\":{\"a\":\"b\"},\"managedFields\":["
                 ENTRY("u", "Update", "\"f:metadata\":{\"f:labels\":{\".\":{},\"f:a\":{}}},\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"c\\\"}\":"
                       "{\".\":{},\"f:image\":{},\"f:name\":{},\"f:resources\":{}}}}")
                 "]},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"resources\":{}}]}}");
    json_decref(v);
}

TARN_TEST_MAIN("apisim_apply", TARN_TEST(what_is_applied_is_owned), TARN_TEST(another_manager_meets_a_conflict),
               TARN_TEST(equal_values_are_shared), TARN_TEST(items_of_a_list_are_owned_by_their_keys),
               TARN_TEST(an_update_takes_fields_over), TARN_TEST(a_created_object_is_managed_by_its_creator))
