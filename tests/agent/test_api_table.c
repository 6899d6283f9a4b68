/* Tables of the read API, beside what kube-apiserver 1.34 answered for the same objects. */
#include <stdio.h>

#include "api_table.h"
#include "fault.h"
#include "tarn_test.h"

enum { NOW = 1763785861 }; /* 2025-11-22T04:31:01Z */

static const char pod[] = "{\"metadata\":{\"name\":\"web-0\",\"namespace\":\"proto\",\"creationTimestamp\":\"2025-11-22T04:30:52Z\"},\"spec\":{\"nodeName\":"
                          "\"node-0000\",\"containers\":[{\"name\":\"c\"}]},\"status\":{\"phase\":\"%s\",\"podIP\":\"10.128.0.9\"}}";

static const struct tarn_object *pod_in(const char *phase)
{
    const struct tarn_object *obj = NULL;
    char json[512];

    snprintf(json, sizeof json, pod, phase);
    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_bytes_of(json), &obj, NULL), 0);
    return obj;
}

static bool has(const struct tarn_buf *out, const char *text)
{
    return memmem(out->data, out->len, text, strlen(text)) != NULL;
}

/* Names, types, formats and priorities as the server declares them; descriptions are our own. */
static void pods_have_the_columns_of_the_api_server(void)
{
    static const struct {
        const char *head, *priority;
    } columns[] = {
        {"{\"name\":\"Name\",\"type\":\"string\",\"format\":\"name\",", "\"priority\":0}"},
        {"{\"name\":\"Ready\",\"type\":\"string\",\"format\":\"\",", "\"priority\":0}"},
        {"{\"name\":\"Status\",\"type\":\"string\",\"format\":\"\",", "\"priority\":0}"},
        {"{\"name\":\"Restarts\",\"type\":\"string\",\"format\":\"\",", "\"priority\":0}"},
        {"{\"name\":\"Age\",\"type\":\"string\",\"format\":\"\",", "\"priority\":0}"},
        {"{\"name\":\"IP\",\"type\":\"string\",\"format\":\"\",", "\"priority\":1}"},
        {"{\"name\":\"Node\",\"type\":\"string\",\"format\":\"\",", "\"priority\":1}"},
        {"{\"name\":\"Nominated Node\",\"type\":\"string\",\"format\":\"\",", "\"priority\":1}"},
        {"{\"name\":\"Readiness Gates\",\"type\":\"string\",\"format\":\"\",", "\"priority\":1}"},
    };
    struct tarn_buf out = {0};
    struct api_table *t;
    const char *at;

    CU_ASSERT_EQUAL_FATAL(api_table_new(TARN_BYTES("pods"), TARN_BYTES("v1"), NULL, &t), 0);
    CU_ASSERT_EQUAL_FATAL(api_table_columns(t, &out), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_buf_add(&out, "", 1), 0);
    at = out.data;
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        at = strstr(at, columns[i].head);
        CU_ASSERT_PTR_NOT_NULL_FATAL(at);
        at = strstr(at, "\"priority\":");
        CU_ASSERT(strncmp(at, columns[i].priority, strlen(columns[i].priority)) == 0);
    }
    CU_ASSERT_STRING_EQUAL(at, "\"priority\":1}]");
    tarn_buf_release(&out);
    api_table_free(t);
}

static void a_row_has_the_cells_of_the_api_server(void)
{
    struct tarn_buf out = {0};
    struct api_table *t;
    const struct tarn_object *running = pod_in("Running"), *ended = pod_in("Succeeded"), *failed = pod_in("Failed");

    CU_ASSERT_EQUAL_FATAL(api_table_new(TARN_BYTES("pods"), TARN_BYTES("v1"), NULL, &t), 0);
    CU_ASSERT_EQUAL(api_table_row(t, running, NOW, &out), 0);
    CU_ASSERT(tarn_bytes_equal(tarn_buf_bytes(&out), TARN_BYTES("{\"cells\":[\"web-0\",\"0/1\",\"Running\",\"0\",\"9s\",\"10.128.0.9\",\"node-0000\","
                                                               "\"<none>\",\"<none>\"],\"object\":")));
    CU_ASSERT_EQUAL(api_table_row(t, ended, NOW, &out), 0);
    CU_ASSERT(has(&out, ",\"conditions\":[{\"type\":\"Completed\",\"status\":\"True\",\"reason\":\"Succeeded\","));
    CU_ASSERT_EQUAL(api_table_row(t, failed, NOW, &out), 0);
    CU_ASSERT(has(&out, "\"reason\":\"Failed\","));
    tarn_object_unref(running);
    tarn_object_unref(ended);
    tarn_object_unref(failed);
    tarn_buf_release(&out);
    api_table_free(t);
}

/* Numbers and booleans are JSON's own, what is missing is null, and no byte of an object breaks the text. */
static void cells_are_typed_and_escaped(void)
{
    static const char definition[] =
        "{\"metadata\":{\"name\":\"ws.x\"},\"spec\":{\"versions\":[{\"name\":\"v1\",\"additionalPrinterColumns\":[{\"name\":\"N\\\"\",\"type\":\"integer\","
        "\"jsonPath\":\".n\"},{\"name\":\"S\",\"type\":\"string\",\"jsonPath\":\".s\"},{\"name\":\"B\",\"type\":\"boolean\",\"jsonPath\":\".b\"}]}]}}";
    const struct tarn_object *d, *obj;
    struct tarn_buf out = {0};
    struct api_table *t;

    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_bytes_of(definition), &d, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(TARN_BYTES("{\"metadata\":{\"name\":\"a\"},\"n\":-4,\"s\":\"q\\\"\\n\"}"), &obj, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(api_table_new(TARN_BYTES("ws.x"), TARN_BYTES("v1"), d, &t), 0);
    CU_ASSERT_EQUAL(api_table_row(t, obj, NOW, &out), 0);
    CU_ASSERT(tarn_bytes_equal(tarn_buf_bytes(&out), TARN_BYTES("{\"cells\":[\"a\",-4,\"q\\\"\\n\",null],\"object\":")));
    CU_ASSERT_EQUAL(api_table_columns(t, &out), 0);
    CU_ASSERT(has(&out, "{\"name\":\"N\\\"\",\"type\":\"integer\""));
    tarn_object_unref(d);
    tarn_object_unref(obj);
    tarn_buf_release(&out);
    api_table_free(t);
}

static void rows_survive_any_failed_allocation(void)
{
    const struct tarn_object *obj = pod_in("Running");
    long blocks = tarn_fault_blocks();
    bool failed = true;

    for (long n = 0; failed; n++) {
        struct tarn_buf out = {0};
        struct api_table *t = NULL;
        int err;

        tarn_fault_arm(n);
        err = api_table_new(TARN_BYTES("pods"), TARN_BYTES("v1"), NULL, &t);
        if (!err)
            err = api_table_columns(t, &out);
        if (!err) {
            size_t before = out.len;

            err = api_table_row(t, obj, NOW, &out);
            CU_ASSERT(!err || out.len == before);
        }
        failed = tarn_fault_disarm();
        CU_ASSERT_EQUAL(err, failed ? TARN_E_NOMEM : 0);
        api_table_free(t);
        tarn_buf_release(&out);
        CU_ASSERT_EQUAL(tarn_fault_blocks(), blocks);
    }
    tarn_object_unref(obj);
}

TARN_TEST_MAIN("api_table", TARN_TEST(pods_have_the_columns_of_the_api_server), TARN_TEST(a_row_has_the_cells_of_the_api_server),
               TARN_TEST(cells_are_typed_and_escaped), TARN_TEST(rows_survive_any_failed_allocation))
