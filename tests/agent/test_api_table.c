/* Tables of the read API, beside what kube-apiserver 1.34 answered for the same objects (tests/data/tables/record). */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

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

/* ---- recorded tables ------------------------------------------------------------------------------ */

static const struct tarn_object *read_json(const char *path)
{
    const struct tarn_object *obj = NULL;
    struct tarn_buf text = {0};
    FILE *f = fopen(path, "r");
    char part[4096];
    size_t n;

    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        CU_ASSERT_EQUAL_FATAL(tarn_buf_add(&text, part, n), 0);
    fclose(f);
    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_buf_bytes(&text), &obj, NULL), 0);
    tarn_buf_release(&text);
    return obj;
}

/* The JSON text of the value at path, with its NUL. */
static const char *text_at(const struct tarn_object *obj, const char *path, struct tarn_buf *out)
{
    struct tarn_value v = {.type = TARN_NIL};

    (void)tarn_object_get(obj, path, &v);
    tarn_buf_clear(out);
    CU_ASSERT_EQUAL_FATAL(tarn_value_to_json(&v, 0, out), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_buf_add(out, "", 1), 0);
    return out->data;
}

/* {"columns":...,"row":...} of ours, as an object to look into. */
static const struct tarn_object *ours(const struct api_table *t, const struct tarn_object *obj, int64_t now_s)
{
    const struct tarn_object *ret = NULL;
    struct tarn_buf out = {0};

    CU_ASSERT_EQUAL_FATAL(tarn_buf_adds(&out, "{\"columns\":"), 0);
    CU_ASSERT_EQUAL_FATAL(api_table_columns(t, &out), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_buf_adds(&out, ",\"row\":"), 0);
    CU_ASSERT_EQUAL_FATAL(api_table_row(t, obj, now_s, &out), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_buf_adds(&out, "null}}"), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_buf_bytes(&out), &ret, NULL), 0);
    tarn_buf_release(&out);
    return ret;
}

static void same_at(const char *what, const struct tarn_object *a, const char *path_a, const struct tarn_object *b, const char *path_b)
{
    struct tarn_buf text_a = {0}, text_b = {0};
    const char *is = text_at(a, path_a, &text_a), *should = text_at(b, path_b, &text_b);

    if (strcmp(is, should) != 0)
        printf("%s, %s: %s, the server said %s\n", what, path_a, is, should);
    CU_ASSERT_STRING_EQUAL(is, should);
    tarn_buf_release(&text_a);
    tarn_buf_release(&text_b);
}

/* All but the descriptions, which are our own words. */
static void same_columns(const char *what, const struct tarn_object *table, const struct tarn_object *recorded)
{
    static const char *const members[] = {"name", "type", "format", "priority"};
    struct tarn_value is, should;
    char path_a[48], path_b[48];

    CU_ASSERT_EQUAL_FATAL(tarn_object_get(table, "columns", &is), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_object_get(recorded, "columns", &should), 0);
    CU_ASSERT_EQUAL(is.count, should.count);
    for (unsigned i = 0; i < should.count; i++)
        for (size_t m = 0; m < sizeof members / sizeof *members; m++) {
            snprintf(path_a, sizeof path_a, "columns[%u].%s", i, members[m]);
            snprintf(path_b, sizeof path_b, "columns[%u].%s", i, members[m]);
            same_at(what, table, path_a, recorded, path_b);
        }
}

static void same_row(const char *what, const struct api_table *t, const struct tarn_object *recorded, unsigned i, int64_t now_s)
{
    const struct tarn_object *obj = NULL, *table;
    struct tarn_buf text = {0};
    char path[48];

    snprintf(path, sizeof path, "rows[%u].object", i);
    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_bytes_of(text_at(recorded, path, &text)), &obj, NULL), 0);
    table = ours(t, obj, now_s);
    if (i == 0)
        same_columns(what, table, recorded);
    snprintf(path, sizeof path, "rows[%u].cells", i);
    same_at(what, table, "row.cells", recorded, path);
    snprintf(path, sizeof path, "rows[%u].ended[0]", i);
    same_at(what, table, "row.conditions[0].reason", recorded, path);
    tarn_object_unref(table);
    tarn_object_unref(obj);
    tarn_buf_release(&text);
}

static void tables_are_those_of_the_api_server(void)
{
    const struct tarn_object *crds = read_json(TARN_TEST_DATA "/tables/customresourcedefinitions.apiextensions.k8s.io.json"), *crd = NULL;
    struct tarn_buf text = {0};
    glob_t files;

    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_bytes_of(text_at(crds, "rows[0].object", &text)), &crd, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(glob(TARN_TEST_DATA "/tables/*.json", 0, NULL, &files), 0);
    CU_ASSERT(files.gl_pathc > 40);
    for (size_t f = 0; f < files.gl_pathc; f++) {
        const struct tarn_object *recorded = read_json(files.gl_pathv[f]);
        struct tarn_bytes resource;
        struct tarn_value now, rows;
        struct api_table *t;

        CU_ASSERT_EQUAL_FATAL(tarn_object_get_string(recorded, "resource", &resource), 0);
        CU_ASSERT_EQUAL_FATAL(tarn_object_get(recorded, "now", &now), 0);
        CU_ASSERT_EQUAL_FATAL(tarn_object_get(recorded, "rows", &rows), 0);
        CU_ASSERT(rows.count > 0);
        CU_ASSERT_EQUAL_FATAL(api_table_new(resource, TARN_BYTES("v1"), memchr(resource.data, '.', resource.len) ? crd : NULL, &t), 0);
        for (unsigned i = 0; i < rows.count; i++)
            same_row(files.gl_pathv[f] + strlen(TARN_TEST_DATA), t, recorded, i, now.i);
        api_table_free(t);
        tarn_object_unref(recorded);
    }
    globfree(&files);
    tarn_buf_release(&text);
    tarn_object_unref(crd);
    tarn_object_unref(crds);
}

/* ---- rows -------------------------------------------------------------------------------------------- */

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

TARN_TEST_MAIN("api_table", TARN_TEST(tables_are_those_of_the_api_server), TARN_TEST(a_row_has_the_cells_of_the_api_server),
               TARN_TEST(cells_are_typed_and_escaped), TARN_TEST(rows_survive_any_failed_allocation))
