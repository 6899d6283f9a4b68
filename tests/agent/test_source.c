/* The line that tells whether an earlier agent's objects may be gone on with. */
#include "source.h"

#include <stdlib.h>

#include "tarn_test.h"

static const char *const a_b[] = {"a", "b"}, *const b_a[] = {"b", "a"};
#define LIST(l) ((struct tarn_string_list){.v = (const char **)(uintptr_t)(l), .n = 2})

static void the_line_changes_with_everything_that_changes_the_objects(void)
{
    static const struct {
        const char *url;
        struct tarn_config_resource r;
        const char *differs;
    } rows[] = {
        {"https://a", {.name = "po"}, "resource"},
        {"https://a", {.name = "pods", .api_version = "v1"}, "apiVersion"},
        {"https://a", {.name = "pods", .metadata_only = true}, "metadataOnly"},
        {"https://a", {.name = "pods", .indexes = {.v = (const char **)(uintptr_t)a_b, .n = 2}}, ""}, /* indexes are computed anew */
        {"https://b", {.name = "pods"}, "server"},
        {"https://a", {.name = "pods", .label_selector = "x=y"}, "labels"},
        {"https://a", {.name = "pods", .field_selector = "spec.nodeName=n"}, "fields"},
        {"https://a", {.name = "pods", .namespaces = {.v = (const char **)(uintptr_t)a_b, .n = 2}}, "namespaces"},
        {"https://a", {.name = "pods", .drop = {.v = (const char **)(uintptr_t)a_b, .n = 1}}, "drop"},
        {"https://a", {.name = "pods", .keep = {.v = (const char **)(uintptr_t)a_b, .n = 1}, .label_selector = "z"}, "labels, keep"},
        {"https://a", {.name = "pods", .slots = {.v = (const char **)(uintptr_t)a_b, .n = 1}}, "slots"},
    };
    const struct tarn_config_resource plain = {.name = "pods"};
    struct tarn_buf base = {0}, line = {0};
    char text[256];

    CU_ASSERT_EQUAL(tarn_source_line(&plain, "https://a", &base), 0);
    CU_ASSERT_EQUAL(strlen(base.data), base.len);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CU_ASSERT_EQUAL(tarn_source_line(&rows[i].r, rows[i].url, &line), 0);
        CU_ASSERT_STRING_EQUAL(tarn_source_difference(tarn_buf_bytes(&base), tarn_buf_bytes(&line), text, sizeof text), rows[i].differs);
        CU_ASSERT_EQUAL(tarn_bytes_equal(tarn_buf_bytes(&base), tarn_buf_bytes(&line)), !rows[i].differs[0]);
    }
    CU_ASSERT_STRING_EQUAL(tarn_source_difference(tarn_buf_bytes(&base), TARN_BYTES(""), text, sizeof text),
                           "server, resource, apiVersion, metadataOnly, namespaces, labels, fields, drop, keep, slots");
    tarn_buf_release(&base);
    tarn_buf_release(&line);
}

static void only_slots_have_an_order(void)
{
    const struct tarn_config_resource x = {.drop = LIST(a_b), .namespaces = LIST(a_b)}, y = {.drop = LIST(b_a), .namespaces = LIST(b_a)};
    const struct tarn_config_resource s = {.slots = LIST(a_b)}, t = {.slots = LIST(b_a)};
    struct tarn_buf a = {0}, b = {0};

    CU_ASSERT(tarn_source_line(&x, "u", &a) == 0 && tarn_source_line(&y, "u", &b) == 0);
    CU_ASSERT_TRUE(tarn_bytes_equal(tarn_buf_bytes(&a), tarn_buf_bytes(&b)));
    CU_ASSERT(tarn_source_line(&s, "u", &a) == 0 && tarn_source_line(&t, "u", &b) == 0);
    CU_ASSERT_FALSE(tarn_bytes_equal(tarn_buf_bytes(&a), tarn_buf_bytes(&b)));
    tarn_buf_release(&a);
    tarn_buf_release(&b);
}

TARN_TEST_MAIN("source", TARN_TEST(the_line_changes_with_everything_that_changes_the_objects), TARN_TEST(only_slots_have_an_order))
