/* test_apisim_json.c - JSON and YAML in, JSON out as a Go server writes it (numbers and strings of the recorded
 * exchange cr-numbers among them). */
#include <stdio.h>
#include <stdlib.h>

#include "sim_json.h"
#include "sim_yaml.h"
#include "tarn_test.h"

static void check_text(json_t *v, bool sorted, const char *want)
{
    struct tarn_buf out = {0};

    CU_ASSERT_PTR_NOT_NULL_FATAL(v);
    sim_json_dump(v, sorted, &out);
    sim_put(&out, "", 1);
    CU_ASSERT_STRING_EQUAL(out.data, want);
    if (strcmp(out.data, want) != 0)
        printf("\n  got %s want %s\n", out.data, want);
    tarn_buf_release(&out);
    json_decref(v);
}

static void numbers_come_out_as_go_prints_them(void)
{
    static const char *const rows[][2] = {
        {"9223372036854775807", "9223372036854775807"}, {"-9223372036854775808", "-9223372036854775808"},
        {"18446744073709551615", "18446744073709552000"}, {"9223372036854775808", "9223372036854776000"},
        {"1.0", "1"}, {"-0.0", "0"}, {"1e21", "1e+21"}, {"1e20", "100000000000000000000"}, {"5e-324", "5e-324"},
        {"0.3333333333333333", "0.3333333333333333"}, {"1e300", "1e+300"}, {"1e-7", "1e-7"}, {"0.000001", "0.000001"},
        {"123456.75", "123456.75"}, {"-2.5", "-2.5"}, {"1.7976931348623157e308", "1.7976931348623157e+308"}, {"100", "100"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char in[64], want[64];

        snprintf(in, sizeof in, "[%s]", rows[i][0]);
        snprintf(want, sizeof want, "[%s]", rows[i][1]);
        check_text(sim_json_parse(tarn_bytes_of(in), NULL), false, want);
    }
}

static void strings_are_escaped_as_go_escapes_them(void)
{
    static const char *const rows[][2] = {
        {"[\"<a href=\\\"x\\\">&</a>\"]", "[\"\\u003ca href=\\\"x\\\"\\u003e\\u0026\\u003c/a\\u003e\"]"},
        {"[\"\\u2028\\u2029\"]", "[\"\\u2028\\u2029\"]"},
        {"[\"\\u0000\\u0001\\u001f\\b\\f\\n\\r\\t\\/\"]", "[\"\\u0000\\u0001\\u001f\\b\\f\\n\\r\\t/\"]"},
        {"[\"\xf0\x9f\x98\x80 \xc3\xa9 \xe2\x82\xac\"]", "[\"\xf0\x9f\x98\x80 \xc3\xa9 \xe2\x82\xac\"]"},
        {"[\"\\ud83d\\ude00\"]", "[\"\xf0\x9f\x98\x80\"]"},
        {"[\"a\\\\b\\\"c\x7f\"]", "[\"a\\\\b\\\"c\x7f\"]"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_text(sim_json_parse(tarn_bytes_of(rows[i][0]), NULL), false, rows[i][1]);
}

static void sorting_is_by_bytes_and_goes_all_the_way_down(void)
{
    check_text(sim_json_parse(TARN_BYTES("{\"b\":1,\"a\":{\"z\":1,\"Z\":[{\"y\":1,\"x\":2}]}}"), NULL), true,
               "{\"a\":{\"Z\":[{\"x\":2,\"y\":1}],\"z\":1},\"b\":1}");
    check_text(sim_json_parse(TARN_BYTES("{\"b\":1,\"a\":2}"), NULL), false, "{\"b\":1,\"a\":2}");
}

static void yaml_becomes_the_json_it_means(void)
{
    static const char *const rows[][2] = {
        {"a: 1\nb: [x, 'y', \"z\"]\nc: {d: true, e: ~}", "{\"a\":1,\"b\":[\"x\",\"y\",\"z\"],\"c\":{\"d\":true,\"e\":null}}"},
        {"a: '1'\nb: 1.5\nc: v1.2\nd: 10Mi\ne: 1e3", "{\"a\":\"1\",\"b\":1.5,\"c\":\"v1.2\",\"d\":\"10Mi\",\"e\":1000}"},
        {"- a: |\n    two\n    lines\n- b: >-\n    one\n    line", "[{\"a\":\"two\\nlines\\n\"},{\"b\":\"one line\"}]"},
        {"a:\n- b:\n  - c", "{\"a\":[{\"b\":[\"c\"]}]}"},
        {"{}", "{}"},
        {"a: -x\nb: +1\nc: .5", "{\"a\":\"-x\",\"b\":1,\"c\":0.5}"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check_text(sim_yaml_parse(tarn_bytes_of(rows[i][0]), NULL), false, rows[i][1]);
    check_text(sim_yaml_parse_all(TARN_BYTES("a: 1\n---\nb: 2\n"), NULL), false, "[{\"a\":1},{\"b\":2}]");
}

static void broken_text_is_refused_with_its_line(void)
{
    struct tarn_error err = {0};

    CU_ASSERT_PTR_NULL(sim_yaml_parse(TARN_BYTES("a: 1\nb: [1\nc: 2"), &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "line"));
    CU_ASSERT_PTR_NULL(sim_yaml_parse(TARN_BYTES("a: &x 1\nb: *x"), &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "line 2: aliases"));
    CU_ASSERT_PTR_NULL(sim_json_parse(TARN_BYTES("{\"a\":\n oops}"), &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "line 2"));
}

TARN_TEST_MAIN("apisim_json", TARN_TEST(numbers_come_out_as_go_prints_them), TARN_TEST(strings_are_escaped_as_go_escapes_them),
               TARN_TEST(sorting_is_by_bytes_and_goes_all_the_way_down), TARN_TEST(yaml_becomes_the_json_it_means),
               TARN_TEST(broken_text_is_refused_with_its_line))
