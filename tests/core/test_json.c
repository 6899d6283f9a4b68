/* test_json.c - which texts are JSON (RFC 8259), what they become, and the way back. */
#include <tarn/object.h>

#include <stdio.h>
#include <stdlib.h>

#include "fault.h"
#include "tarn_test.h"

/* ---- accepted and refused ---------------------------------------------------------------- */

struct text {
    const char *text;
    size_t len; /* 0: strlen */
};
#define T(s) {(s), sizeof(s) - 1}

/* Must be accepted: y_ in the usual naming. */
static const struct text good[] = {
    T("[]"), T("{}"), T("[[]   ]"), T("[\"\"]"), T("[false]"), T("[null, 1, \"1\", {}]"), T("[null]"), T("[1\n]"),
    T(" [1]"), T("[1,null,null,null,2]"), T("[2] "), T("[123e65]"), T("[0e+1]"), T("[0e1]"), T("[ 4]"),
    T("[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]"), T("[20e1]"), T("[-0]"),
    T("[-123]"), T("[-1]"), T("[123]"), T("[1E22]"), T("[1E-2]"), T("[1E+2]"), T("[123e45]"), T("[123.456e78]"),
    T("[1e-2]"), T("[1e+2]"), T("[123.456789]"), T("{\"asd\":\"sdf\"}"), T("{\"a\":\"b\",\"a\":\"c\"}"), T("{\"\":0}"),
    T("{\"foo\\u0000bar\": 42}"), T("{\"min\": -1.0e+28, \"max\": 1.0e+28}"), T("{\"a\":[]}"), T("{\n\"a\": \"b\"\n}"),
    T("[\"\\u0060\\u012a\\u12AB\"]"), T("[\"\\uD801\\udc37\"]"), T("[\"\\ud83d\\ude39\\ud83d\\udc8d\"]"),
    T("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"), T("[\"\\\\u0000\"]"), T("[\"\\\"\"]"), T("[\"a/*b*/c/*d//e\"]"), T("[\"\\\\a\"]"),
    T("[\"\\\\n\"]"), T("[\"\\u0012\"]"), T("[\"\\uFFFF\"]"), T("[\"asd\"]"), T("[ \"asd\"]"), T("[\"\\uDBFF\\uDFFF\"]"),
    T("[\"new\\u00A0line\"]"), T("[\"\xf4\x8f\xbf\xbf\"]"), T("[\"\xef\xbf\xbf\"]"), T("[\"\\u0000\"]"), T("[\"\\u002c\"]"),
    T("[\"\xcf\x80\"]"), T("[\"\xf0\x9b\xbf\xbf\"]"), T("\" \""), T("[\"\\uD834\\uDd1e\"]"), T("[\"\\u0821\"]"),
    T("[\"\xe2\x80\xa8\"]"), T("[\"\xe2\x80\xa9\"]"), T("[\"\\u0061\\u30af\\u30EA\\u30b9\"]"), T("[\"new\\u000Aline\"]"),
    T("[\"\x7f\"]"), T("[\"\\uA66D\"]"), T("[\"\xe2\x8d\x82\xe3\x88\xb4\xe2\x8d\x82\"]"), T("\"\""), T("false"), T("42"),
    T("-0.1"), T("null"), T("\"asd\""), T("true"), T("[\"a\"]\n"), T("[true]"), T(" [] "), T("\t{\"a\"\r:\n1 }\t"),
    T("18446744073709551615"), T("18446744073709551616"), T("-9223372036854775808"), T("-9223372036854775809"),
    T("5e-324"), T("1.7976931348623157e308"), T("1e-400"),
};

/* Must be refused: n_. */
static const struct text bad[] = {
    T(""), T(" "), T("[1 true]"), T("[a\xe5]"), T("[\"\": 1]"), T("[\"\"],"), T("[,1]"), T("[1,,2]"), T("[\"x\",,]"), T("[\"x\"]]"),
    T("[\"\",]"), T("[\"x\""), T("[x"), T("[3[4]]"), T("[\xff]"), T("[1:2]"), T("[,]"), T("[-]"), T("[   , \"\"]"),
    T("[\"a\",\n4\n,1,"), T("[1,]"), T("[1,,]"), T("[\"\x0b\x61\"\\f]"), T("[*]"), T("[\"\""), T("[1,\n1\n,1"), T("[{}"), T("[fals]"),
    T("[nul]"), T("[tru]"), T("123\0"), T("[++1234]"), T("[+1]"), T("[+Inf]"), T("[-01]"), T("[-1.0.]"), T("[-2.]"),
    T("[-NaN]"), T("[.-1]"), T("[.2e-3]"), T("[0.1.2]"), T("[0.3e+]"), T("[0.3e]"), T("[0.e1]"), T("[0E+]"), T("[0E]"),
    T("[0e+]"), T("[0e]"), T("[1.0e+]"), T("[1.0e-]"), T("[1.0e]"), T("[1 000.0]"), T("[1eE2]"), T("[2.e+3]"), T("[2.e-3]"),
    T("[2.e3]"), T("[9.e+]"), T("[Inf]"), T("[NaN]"), T("[\xef\xbc\x91]"), T("[1+2]"), T("[0x1]"), T("[0x42]"), T("[Infinity]"),
    T("[0e+-1]"), T("[-123.123foo]"), T("[123\xe5]"), T("[1e1\xe5]"), T("[0\xe5]"), T("[-Infinity]"), T("[-foo]"), T("[- 1]"),
    T("[-012]"), T("[-.123]"), T("[-1x]"), T("[1ea]"), T("[1e\xe5]"), T("[1.]"), T("[.123]"), T("[1.2a-3]"), T("[1.8011670033376514H-308]"),
    T("[012]"), T("[\"x\", truth]"), T("{[: \"x\"}\n"), T("{\"x\", null}"), T("{\"x\"::\"b\"}"), T("{\xf0\x9f\x87\xa8\xf0\x9f\x87\xad}"),
    T("{\"a\":\"a\" 123}"), T("{key: 'value'}"), T("{\"\xb9\":\"0\",}"), T("{\"a\" b}"), T("{:\"b\"}"), T("{\"a\" \"b\"}"), T("{\"a\":"),
    T("{\"a\""), T("{1:1}"), T("{9999E9999:1}"), T("{null:null,null:null}"), T("{\"id\":0,,,,,}"), T("{'a':0}"), T("{\"id\":0,}"),
    T("{\"a\":\"b\"}/**/"), T("{\"a\":\"b\"}/**//"), T("{\"a\":\"b\"}//"), T("{\"a\":\"b\"}/"), T("{\"a\":\"b\",,\"c\":\"d\"}"), T("{a: \"b\"}"),
    T("{\"a\":\"a"), T("{ \"foo\" : \"bar\", \"a\" }"), T("{\"a\":\"b\"}#"), T("[\"\\uD800\\\"]"), T("[\"\\uD800\\u\"]"), T("[\"\\uD800\\u1\"]"),
    T("[\"\\uD800\\u1x\"]"), T("[\xc3\xa9]"), T("[\"\\\0\"]"), T("[\"\\x00\"]"), T("[\"\\\\\\\"]"), T("[\"\\\t\"]"),
    T("[\"\\\xf0\x9f\x8c\x80\"]"), T("[\"\\\"]"), T("[\"\\u00A\"]"), T("[\"\\uD834\\uDd\"]"), T("[\"\\uD800\\uD800\\x\"]"),
    T("[\"\\u\xe5\"]"), T("[\"\\a\"]"), T("[\"\\uqqqq\"]"), T("[\"\\\xe5\"]"), T("[\\u0020\"asd\"]"), T("[\\n]"), T("\""), T("['single quote']"),
    T("abc"), T("[\"\\"), T("[\"a\0a\"]"), T("[\"new\nline\"]"), T("[\"\t\"]"), T("\"\\UA66D\""), T("\"\"x"), T("<.>"), T("[<null>]"), T("[1]x"),
    T("[1]]"), T("[\"asd]"), T("a\xc3\xa5"), T("[True]"), T("1]"), T("{\"x\": true,"), T("[][]"), T("]"), T("\xef\xbb\xbf{}"), T("\xe5"), T("["),
    T("2@"), T("{}}"), T("{\"\":"), T("{\"a\":/*comment*/\"b\"}"), T("{\"a\": true} \"x\""), T("['"), T("[,"), T("[{"), T("[\"a"), T("[\"a\""), T("{"),
    T("{]"), T("{,"), T("{["), T("{\"a"), T("{'a'"), T("[\"\\{[\"\\{"), T("*"), T("{\"a\":\"b\"}#{}"), T("[\xe2\x81\xa0]"), T("[\\u000A\"\"]"), T("[1"),
    T("[ false, nul"), T("[ true, fals"), T("[ false, tru"), T("{\"asd\":\"asd\""), T("\xc3\xa5"), T("[\x0c]"), T("nulll"), T("-"), T("01"), T("--1"),
    T("[1}"), T("{\"a\":1]"), T("\0"), T("{\"a\" 1}"),
};

/* Refused by choice: i_. No UTF-8, half surrogate pairs (strict mode), numbers beyond the doubles. */
static const struct {
    struct text text;
    int err;
} refused[] = {
    {T("[1e9999]"), TARN_E_SIZE},
    {T("[-1e400]"), TARN_E_SIZE},
    {T("[\"\\uDADA\"]"), TARN_E_UTF8},
    {T("[\"\\uD888\\u1234\"]"), TARN_E_UTF8},
    {T("[\"\\uD800\\n\"]"), TARN_E_UTF8},
    {T("[\"\\uDd1ea\"]"), TARN_E_UTF8},
    {T("[\"\\uD800\\uD800\\n\"]"), TARN_E_UTF8},
    {T("[\"\\ud800\"]"), TARN_E_UTF8},
    {T("[\"\\ud800abc\"]"), TARN_E_UTF8},
    {T("[\"\\uDFAA\"]"), TARN_E_UTF8},
    {T("[\"\xff\"]"), TARN_E_UTF8},
    {T("[\"\xc0\xaf\"]"), TARN_E_UTF8},
    {T("[\"\xe0\x80\x80\"]"), TARN_E_UTF8},
    {T("[\"\xed\xa0\x80\"]"), TARN_E_UTF8},
    {T("[\"\xf4\x90\x80\x80\"]"), TARN_E_UTF8},
    {T("[\"\xe6\x97\xa5\xd1\x88\xfa\"]"), TARN_E_UTF8},
    {T("[\"\x81\"]"), TARN_E_UTF8},
    {T("[\"\xe9\"]"), TARN_E_UTF8},
    {T("[\"\xf8\x88\x80\x80\x80\"]"), TARN_E_UTF8},
    {T("{\"\xb9\":0}"), TARN_E_UTF8},
    {T("\xff\xfe[\0]\0"), TARN_E_SYNTAX},
};

static int parse(struct text t, const struct tarn_object **ret)
{
    /* exact-size heap block: AddressSanitizer sees a read behind the end */
    size_t len = t.len ? t.len : strlen(t.text);
    char *copy = malloc(len ? len : 1);
    struct tarn_error err = {0};
    int code;

    memcpy(copy, t.text, len);
    code = tarn_object_from_json((struct tarn_bytes){copy, len}, ret, &err);
    CU_ASSERT_EQUAL(err.code, code);
    if (code && strncmp(err.message, "byte ", 5) != 0)
        CU_FAIL("the message does not begin with the place");
    free(copy);
    return code;
}

static void json_texts_are_accepted(void)
{
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const struct tarn_object *o = NULL;
        int err = parse(good[i], &o);

        if (err) {
            fprintf(stderr, "refused: %s\n", good[i].text);
            CU_FAIL("a JSON text is refused");
        }
        tarn_object_unref(o);
    }
}

static void other_texts_are_refused(void)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct tarn_object *o = NULL;
        int err = parse(bad[i], &o);

        if (err != TARN_E_SYNTAX && err != TARN_E_UTF8) {
            fprintf(stderr, "accepted (%d): %s\n", err, bad[i].text);
            CU_FAIL("a text that is no JSON is accepted");
        }
        tarn_object_unref(o);
    }
}

static void what_json_leaves_open_is_refused_with_its_reason(void)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        const struct tarn_object *o = NULL;

        CU_ASSERT_EQUAL(parse(refused[i].text, &o), refused[i].err);
        CU_ASSERT_PTR_NULL(o);
    }
}

/* ---- what comes out --------------------------------------------------------------------------- */

/* As JSON text again; NULL if text is refused. The caller frees. */
static char *again(struct tarn_bytes text)
{
    const struct tarn_object *o;
    struct tarn_buf out = {0};

    if (tarn_object_from_json(text, &o, NULL))
        return NULL;
    if (tarn_object_to_json(o, &out) || tarn_buf_add(&out, "", 1))
        CU_FAIL("an object cannot be written");
    tarn_object_unref(o);
    return out.data;
}

static void values_come_back_as_they_were(void)
{
    static const struct {
        const char *in, *out; /* out NULL: as in */
    } rows[] = {
        {"[0,1,127,128,255,256,65535,65536,4294967295,4294967296]", NULL},
        {"[-1,-32,-33,-128,-129,-32768,-32769,-2147483648,-2147483649]", NULL},
        {"[9223372036854775807,9223372036854775808,18446744073709551615,-9223372036854775808]", NULL},
        {"18446744073709552000", "18446744073709552000.0"},
        {"18446744073709551616", "18446744073709552000.0"},
        {"-9223372036854775809", "-9223372036854776000.0"},
        {"9223372036854776000", NULL},
        {"-0", "0"},
        {"-0.0", NULL},
        {"1.0", NULL},
        {"100", NULL},
        {"1e2", "100.0"},
        {"1e21", "1e+21"},
        {"123456789012345680000.0", NULL},
        {"1e-7", NULL},
        {"0.000001", NULL},
        {"5e-324", NULL},
        {"2.2250738585072011e-308", "2.225073858507201e-308"},
        {"1.7976931348623157e308", "1.7976931348623157e+308"},
        {"0.1", NULL},
        {"0.3333333333333333", NULL},
        {"9007199254740993.0", "9007199254740992.0"},
        {"1.00000000000000011102230246251565404236316680908203125", "1.0"},
        {"1.00000000000000011102230246251565404236316680908203126", "1.0000000000000002"},
        {"\"\\u003c\\u003e\\u0026\\u2028\"", "\"<>&\xe2\x80\xa8\""},
        {"\"\\u0000\\u001f\\b\\f\\n\\r\\t\\\"\\\\\\/\"", "\"\\u0000\\u001f\\b\\f\\n\\r\\t\\\"\\\\/\""},
        {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""},
        {"\"\x7f\"", NULL},
        {"{\"b\":1,\"a\":{},\"b\":[]}", NULL}, /* order and duplicates kept */
        {" [ true , false , null ] ", "[true,false,null]"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = again(tarn_bytes_of(rows[i].in));

        CU_ASSERT_STRING_EQUAL(text ? text : "refused", rows[i].out ? rows[i].out : rows[i].in);
        free(text);
    }
}

static void indented_text_reads_back_as_the_same_object(void)
{
    struct tarn_bytes text = TARN_BYTES("{\"a\":{\"b\":[1,{\"c\":null},[]]},\"d\":{}}");
    static const char expected[] = "{\n  \"a\": {\n    \"b\": [\n      1,\n      {\n        \"c\": null\n      },\n"
                                   "      []\n    ]\n  },\n  \"d\": {}\n}";
    const struct tarn_object *o, *p;
    struct tarn_value v;
    struct tarn_buf out = {0};

    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(text, &o, NULL), 0);
    CU_ASSERT_EQUAL(tarn_value_parse(tarn_object_body(o), &v), 0);
    CU_ASSERT_EQUAL(tarn_value_to_json(&v, 2, &out), 0);
    CU_ASSERT_TRUE(tarn_bytes_equal(tarn_buf_bytes(&out), tarn_bytes_of(expected)));
    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_buf_bytes(&out), &p, NULL), 0);
    CU_ASSERT_TRUE(tarn_bytes_equal(tarn_object_body(o), tarn_object_body(p)));
    tarn_object_unref(o);
    tarn_object_unref(p);
    tarn_buf_release(&out);
}

static void doubles_are_written_so_that_they_read_back_equal(void)
{
    uint64_t state = 88172645463325252u;

    for (int i = 0; i < 20000; i++) {
        uint8_t body[9] = {0xcb};
        struct tarn_value v, w;
        struct tarn_buf out = {0};
        const struct tarn_object *o;

        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        for (int k = 0; k < 8; k++)
            body[1 + k] = (uint8_t)(state >> (8 * k));
        if ((body[1] & 0x7f) == 0x7f && body[2] >= 0xf0)
            continue; /* infinite or not a number */
        CU_ASSERT_EQUAL(tarn_value_parse((struct tarn_bytes){(char *)body, 9}, &v), 0);
        CU_ASSERT_EQUAL(tarn_value_to_json(&v, 0, &out), 0);
        CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_buf_bytes(&out), &o, NULL), 0);
        CU_ASSERT_EQUAL(tarn_value_parse(tarn_object_body(o), &w), 0);
        if (w.type != TARN_DOUBLE || memcmp(&v.d, &w.d, sizeof v.d) != 0)
            CU_FAIL("a double does not read back as itself");
        tarn_object_unref(o);
        tarn_buf_release(&out);
    }
}

static void bytes_that_are_no_text_still_make_valid_json(void)
{
    static const struct {
        const char *body;
        size_t len;
        const char *json; /* NULL: TARN_E_CORRUPT */
    } rows[] = {
        {"\xa3\x61\xff\x62", 4, "\"a\xef\xbf\xbd" "b\""},
        {"\xa2\xe2\x82", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xcb\x7f\xf0\0\0\0\0\0\0", 9, "null"},
        {"\x81\x01\x01", 3, NULL}, /* a key that is no string */
        {"\x92\x01", 2, NULL},     /* cut short */
        {"\x91\xc1", 2, NULL},     /* never used by MessagePack */
        {"\x91\xc4\x01\x01", 4, NULL}, /* binary is no JSON type */
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tarn_buf out = {0};
        struct tarn_value v;
        int err = tarn_value_parse((struct tarn_bytes){rows[i].body, rows[i].len}, &v);

        err = err ? err : tarn_value_to_json(&v, 0, &out);
        CU_ASSERT_EQUAL(err, rows[i].json ? 0 : TARN_E_CORRUPT);
        if (rows[i].json)
            CU_ASSERT_TRUE(tarn_bytes_equal(tarn_buf_bytes(&out), tarn_bytes_of(rows[i].json)));
        if (err)
            CU_ASSERT_EQUAL(out.len, 0); /* nothing half done */
        tarn_buf_release(&out);
    }
}

static void nesting_goes_to_ten_thousand_and_no_further(void)
{
    for (int depth = 9999; depth <= 10001; depth++) {
        struct tarn_buf text = {0}, back = {0};
        const struct tarn_object *o = NULL;
        int err = 0;

        for (int i = 0; i < depth && !err; i++)
            err = tarn_buf_adds(&text, i % 2 ? "{\"a\":" : "[");
        err = err ? err : tarn_buf_adds(&text, "1");
        for (int i = depth; i-- > 0 && !err;)
            err = tarn_buf_adds(&text, i % 2 ? "}" : "]");
        CU_ASSERT_EQUAL_FATAL(err, 0);
        err = tarn_object_from_json(tarn_buf_bytes(&text), &o, NULL);
        CU_ASSERT_EQUAL(err, depth <= 10000 ? 0 : TARN_E_DEPTH);
        if (!err) {
            CU_ASSERT_EQUAL(tarn_object_to_json(o, &back), 0);
            CU_ASSERT_TRUE(tarn_bytes_equal(tarn_buf_bytes(&text), tarn_buf_bytes(&back)));
        }
        tarn_object_unref(o);
        tarn_buf_release(&text);
        tarn_buf_release(&back);
    }
}

static void writing_json_survives_any_failed_allocation(void)
{
    const struct tarn_object *o;
    long n;

    CU_ASSERT_EQUAL_FATAL(
        tarn_object_from_json(TARN_BYTES("{\"a\":[1.5,-2,\"x\\u0001y\",{\"b\":[[[[null]]]]}],\"long\":\"0123456789"
                                         "0123456789012345678901234567890123456789012345678901234567890123\"}"),
                              &o, NULL),
        0);
    for (n = 0; n < 100; n++) {
        struct tarn_buf out = {0};
        int err;

        tarn_fault_arm(n);
        err = tarn_object_to_json(o, &out);
        if (!tarn_fault_disarm()) {
            CU_ASSERT_EQUAL(err, 0);
            tarn_buf_release(&out);
            break;
        }
        CU_ASSERT_EQUAL(err, TARN_E_NOMEM);
        CU_ASSERT_EQUAL(out.len, 0);
        tarn_buf_release(&out);
    }
    CU_ASSERT(n > 2 && n < 100);
    tarn_object_unref(o);
}

TARN_TEST_MAIN("json", TARN_TEST(json_texts_are_accepted), TARN_TEST(other_texts_are_refused),
               TARN_TEST(what_json_leaves_open_is_refused_with_its_reason), TARN_TEST(values_come_back_as_they_were),
               TARN_TEST(indented_text_reads_back_as_the_same_object),
               TARN_TEST(doubles_are_written_so_that_they_read_back_equal),
               TARN_TEST(bytes_that_are_no_text_still_make_valid_json),
               TARN_TEST(nesting_goes_to_ten_thousand_and_no_further),
               TARN_TEST(writing_json_survives_any_failed_allocation))
