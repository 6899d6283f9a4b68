/* test_apisim_patch.c - JSON merge patch by the table of RFC 7386, JSON patch by RFC 6902, strategic merge by cases. */
#include <stdio.h>

#include "sim_patch.h"
#include "tarn_test.h"
#include "type_of.h"

static json_t *parse(const char *text)
{
    return json_loads(text, JSON_DECODE_ANY, NULL);
}

static void check(json_t *got, const char *want)
{
    json_t *w = parse(want);

    CU_ASSERT(got && w && json_equal(got, w));
    if (!(got && w && json_equal(got, w))) {
        char *text = got ? json_dumps(got, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

        printf("\n  got %s, want %s\n", text ? text : "(nothing)", want);
        free(text);
    }
    json_decref(w);
    json_decref(got);
}

static void merge_patches_are_those_of_rfc_7386(void)
{
    static const char *const rows[][3] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
        {"{\"a\":\"foo\"}", "null", "null"},
        {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *patch = parse(rows[i][1]);

        check(sim_patch_merge(parse(rows[i][0]), patch), rows[i][2]);
        json_decref(patch);
    }
}

static void json_patches_are_those_of_rfc_6902(void)
{
    static const char *const rows[][3] = {
        {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\"}]", "{\"foo\":\"bar\",\"baz\":\"qux\"}"},
        {"{\"foo\":[\"bar\",\"baz\"]}", "[{\"op\":\"add\",\"path\":\"/foo/1\",\"value\":\"qux\"}]", "{\"foo\":[\"bar\",\"qux\",\"baz\"]}"},
        {"{\"baz\":\"qux\",\"foo\":\"bar\"}", "[{\"op\":\"remove\",\"path\":\"/baz\"}]", "{\"foo\":\"bar\"}"},
        {"{\"foo\":[\"bar\",\"qux\",\"baz\"]}", "[{\"op\":\"remove\",\"path\":\"/foo/1\"}]", "{\"foo\":[\"bar\",\"baz\"]}"},
        {"{\"baz\":\"qux\"}", "[{\"op\":\"replace\",\"path\":\"/baz\",\"value\":\"boo\"}]", "{\"baz\":\"boo\"}"},
        {"{\"foo\":{\"bar\":\"baz\",\"waldo\":\"fred\"},\"qux\":{\"corge\":\"grault\"}}",
         "[{\"op\":\"move\",\"from\":\"/foo/waldo\",\"path\":\"/qux/thud\"}]",
         "{\"foo\":{\"bar\":\"baz\"},\"qux\":{\"corge\":\"grault\",\"thud\":\"fred\"}}"},
        {"{\"foo\":[\"all\",\"grass\",\"cows\",\"eat\"]}", "[{\"op\":\"move\",\"from\":\"/foo/1\",\"path\":\"/foo/3\"}]",
         "{\"foo\":[\"all\",\"cows\",\"eat\",\"grass\"]}"},
        {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"/a\",\"value\":1},{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/b\"}]", "{\"a\":1,\"b\":1}"},
        {"{\"foo\":[\"bar\"]}", "[{\"op\":\"add\",\"path\":\"/foo/-\",\"value\":[\"abc\"]}]", "{\"foo\":[\"bar\",[\"abc\"]]}"},
        {"{\"a/b\":1,\"m~n\":2}", "[{\"op\":\"remove\",\"path\":\"/a~1b\"},{\"op\":\"replace\",\"path\":\"/m~0n\",\"value\":3}]", "{\"m~n\":3}"},
        /* refused: nothing of the patch counts */
        {"{\"foo\":\"bar\"}", "[{\"op\":\"test\",\"path\":\"/foo\",\"value\":\"x\"}]", NULL},
        {"{\"foo\":\"bar\"}", "[{\"op\":\"remove\",\"path\":\"/nope\"}]", NULL},
        {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/x/y\",\"value\":1}]", NULL},
        {"{\"foo\":[1]}", "[{\"op\":\"add\",\"path\":\"/foo/7\",\"value\":1}]", NULL},
        {"{\"foo\":[1]}", "[{\"op\":\"dance\",\"path\":\"/foo\"}]", NULL},
        {"{\"foo\":[1]}", "{\"foo\":2}", NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *patch = parse(rows[i][1]), *got;
        struct tarn_error err = {0};

        got = sim_patch_json(parse(rows[i][0]), patch, &err);
        if (rows[i][2]) {
            check(got, rows[i][2]);
        } else {
            CU_ASSERT_PTR_NULL(got);
            CU_ASSERT(err.message[0] != 0);
        }
        json_decref(patch);
    }
}

/* A pod's, a service's and a deployment's own merge keys: {kind, object, patch, result; NULL: refused}. */
static void strategic_patches_merge_lists_by_their_key(void)
{
#define CONTAINERS(list) "{\"spec\":{\"containers\":[" list "]}}"
    static const char *const rows[][4] = {
        {"Pod", CONTAINERS("{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\"}"), CONTAINERS("{\"name\":\"a\",\"image\":\"2\"}"),
         CONTAINERS("{\"name\":\"a\",\"image\":\"2\"},{\"name\":\"b\"}")},
        {"Pod", CONTAINERS("{\"name\":\"a\"}"), CONTAINERS("{\"name\":\"c\"}"), CONTAINERS("{\"name\":\"c\"},{\"name\":\"a\"}")},
        {"Pod", CONTAINERS("{\"name\":\"a\"},{\"name\":\"b\"}"), CONTAINERS("{\"name\":\"a\",\"$patch\":\"delete\"}"), CONTAINERS("{\"name\":\"b\"}")},
        {"Pod", CONTAINERS("{\"name\":\"a\",\"env\":[{\"name\":\"x\"}]}"),
         CONTAINERS("{\"name\":\"a\",\"env\":[{\"$patch\":\"replace\"},{\"name\":\"z\"}]}"), CONTAINERS("{\"name\":\"a\",\"env\":[{\"name\":\"z\"}]}")},
        {"Pod", CONTAINERS("{\"name\":\"a\",\"ports\":[{\"containerPort\":80}]}"),
         CONTAINERS("{\"name\":\"a\",\"ports\":[{\"containerPort\":80,\"name\":\"h\"}]}"), CONTAINERS("{\"name\":\"a\",\"ports\":[{\"containerPort\":80,\"name\":\"h\"}]}")},
        {"Pod", CONTAINERS("{\"name\":\"a\",\"args\":[\"a\",\"b\"]}"), CONTAINERS("{\"name\":\"a\",\"args\":[\"c\"]}"), CONTAINERS("{\"name\":\"a\",\"args\":[\"c\"]}")},
        {"Pod", CONTAINERS("{\"name\":\"a\"}"), CONTAINERS("{\"image\":\"no name\"}"), NULL},
        {"Pod", CONTAINERS("{\"name\":\"a\"}"), "{\"spec\":{\"$patch\":\"turn\"}}", NULL},
        {"Pod", CONTAINERS("{\"name\":\"a\"},{\"name\":\"s\"},{\"name\":\"b\"}"),
         "{\"spec\":{\"$setElementOrder/containers\":[{\"name\":\"b\"},{\"name\":\"n\"},{\"name\":\"a\"}],\"containers\":[{\"name\":\"n\"}]}}",
         CONTAINERS("{\"name\":\"s\"},{\"name\":\"b\"},{\"name\":\"n\"},{\"name\":\"a\"}")},
        {"Pod", CONTAINERS("{\"name\":\"a\"},{\"name\":\"b\"}"),
         "{\"spec\":{\"$setElementOrder/containers\":[{\"name\":\"a\"},{\"name\":\"b\"}],\"containers\":[{\"name\":\"b\"},{\"name\":\"a\"}]}}", NULL},
        {"Pod", "{\"spec\":{\"tolerations\":[{\"key\":\"a\"}]}}", "{\"spec\":{\"tolerations\":[{\"key\":\"b\"}]}}", "{\"spec\":{\"tolerations\":[{\"key\":\"b\"}]}}"},
        {"Pod", "{\"spec\":{\"volumes\":[{\"name\":\"v\",\"emptyDir\":{}}]}}",
         "{\"spec\":{\"volumes\":[{\"$retainKeys\":[\"name\",\"hostPath\"],\"name\":\"v\",\"hostPath\":{\"path\":\"/\"}}]}}",
         "{\"spec\":{\"volumes\":[{\"name\":\"v\",\"hostPath\":{\"path\":\"/\"}}]}}"},
        {"Pod", "{\"metadata\":{\"finalizers\":[\"a\"]}}", "{\"metadata\":{\"finalizers\":[\"b\"]}}", "{\"metadata\":{\"finalizers\":[\"b\",\"a\"]}}"},
        {"Pod", "{\"metadata\":{\"finalizers\":[\"a\",\"b\"]}}", "{\"metadata\":{\"$deleteFromPrimitiveList/finalizers\":[\"a\"]}}",
         "{\"metadata\":{\"finalizers\":[\"b\"]}}"},
        {"Pod", "{\"metadata\":{\"labels\":{\"a\":\"1\",\"b\":\"2\"}}}", "{\"metadata\":{\"labels\":{\"a\":null,\"c\":\"3\"}}}",
         "{\"metadata\":{\"labels\":{\"b\":\"2\",\"c\":\"3\"}}}"},
        {"Pod", "{\"spec\":{\"nodeName\":\"1\",\"hostname\":\"2\"}}", "{\"spec\":{\"$patch\":\"replace\",\"subdomain\":\"3\"}}", "{\"spec\":{\"subdomain\":\"3\"}}"},
        {"Service", "{\"spec\":{\"ports\":[{\"port\":80,\"name\":\"x\"}]}}", "{\"spec\":{\"ports\":[{\"port\":80,\"name\":\"y\"},{\"port\":81}]}}",
         "{\"spec\":{\"ports\":[{\"port\":80,\"name\":\"y\"},{\"port\":81}]}}"},
        {"Deployment", "{\"spec\":{\"strategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"maxSurge\":1}}}}",
         "{\"spec\":{\"strategy\":{\"$retainKeys\":[\"type\"],\"type\":\"Recreate\"}}}", "{\"spec\":{\"strategy\":{\"type\":\"Recreate\"}}}"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *patch = parse(rows[i][2]), *got;
        struct tarn_error err = {0};

        got = sim_patch_strategic(type_of(rows[i][0]), parse(rows[i][1]), patch, &err);
        if (rows[i][3])
            check(got, rows[i][3]);
        else
            CU_ASSERT(!got && err.code == TARN_E_INVAL);
        json_decref(patch);
    }
}

TARN_TEST_MAIN("apisim_patch", TARN_TEST(merge_patches_are_those_of_rfc_7386), TARN_TEST(json_patches_are_those_of_rfc_6902),
               TARN_TEST(strategic_patches_merge_lists_by_their_key))
