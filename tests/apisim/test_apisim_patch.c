/* test_apisim_patch.c - JSON merge patch by the table of RFC 7386, JSON patch by RFC 6902, strategic merge by cases. */
#include <stdio.h>

#include "sim_patch.h"
#include "tarn_test.h"

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

static void strategic_patches_merge_lists_by_their_key(void)
{
    static const char *const rows[][3] = {
        {"{\"containers\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\"}]}", "{\"containers\":[{\"name\":\"a\",\"image\":\"2\"}]}",
         "{\"containers\":[{\"name\":\"a\",\"image\":\"2\"},{\"name\":\"b\"}]}"},
        {"{\"containers\":[{\"name\":\"a\"}]}", "{\"containers\":[{\"name\":\"c\"}]}", "{\"containers\":[{\"name\":\"a\"},{\"name\":\"c\"}]}"},
        {"{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]}", "{\"containers\":[{\"name\":\"a\",\"$patch\":\"delete\"}]}",
         "{\"containers\":[{\"name\":\"b\"}]}"},
        {"{\"env\":[{\"name\":\"a\"}]}", "{\"env\":[{\"$patch\":\"replace\"},{\"name\":\"z\"}]}", "{\"env\":[{\"name\":\"z\"}]}"},
        {"{\"ports\":[{\"port\":80,\"name\":\"x\"}]}", "{\"ports\":[{\"port\":80,\"name\":\"y\"},{\"port\":81}]}",
         "{\"ports\":[{\"port\":80,\"name\":\"y\"},{\"port\":81}]}"},
        {"{\"ports\":[{\"containerPort\":80}]}", "{\"ports\":[{\"containerPort\":80,\"name\":\"h\"}]}",
         "{\"ports\":[{\"containerPort\":80,\"name\":\"h\"}]}"},
        {"{\"args\":[\"a\",\"b\"]}", "{\"args\":[\"c\"]}", "{\"args\":[\"c\"]}"},
        {"{\"finalizers\":[\"a\"]}", "{\"finalizers\":[\"b\"]}", "{\"finalizers\":[\"a\",\"b\"]}"},
        {"{\"finalizers\":[\"a\",\"b\"]}", "{\"$deleteFromPrimitiveList/finalizers\":[\"a\"]}", "{\"finalizers\":[\"b\"]}"},
        {"{\"strategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"x\":1}}}",
         "{\"strategy\":{\"$retainKeys\":[\"type\"],\"type\":\"Recreate\"}}", "{\"strategy\":{\"type\":\"Recreate\"}}"},
        {"{\"labels\":{\"a\":\"1\",\"b\":\"2\"}}", "{\"labels\":{\"a\":null,\"c\":\"3\"}}", "{\"labels\":{\"b\":\"2\",\"c\":\"3\"}}"},
        {"{\"spec\":{\"a\":1,\"b\":2}}", "{\"spec\":{\"$patch\":\"replace\",\"c\":3}}", "{\"spec\":{\"c\":3}}"},
        {"{\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\"}]}",
         "{\"$setElementOrder/conditions\":[{\"type\":\"Ready\"}],\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}",
         "{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *patch = parse(rows[i][1]);

        check(sim_patch_strategic(parse(rows[i][0]), patch), rows[i][2]);
        json_decref(patch);
    }
}

TARN_TEST_MAIN("apisim_patch", TARN_TEST(merge_patches_are_those_of_rfc_7386), TARN_TEST(json_patches_are_those_of_rfc_6902),
               TARN_TEST(strategic_patches_merge_lists_by_their_key))
