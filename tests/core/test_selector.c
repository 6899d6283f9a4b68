/* Label and field selectors: grammar, meaning, printed form. Rows Z-1 ... Z-9. */
#include <stdio.h>
#include <stdlib.h>

#include <tarn/selector.h>

#include "fault.h"
#include "tarn_test.h"

static const struct tarn_object *object(const char *json)
{
    const struct tarn_object *obj = NULL;

    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_bytes_of(json), &obj, NULL), 0);
    return obj;
}

/* An object with these labels (JSON of a map). */
static const struct tarn_object *labelled(const char *labels)
{
    char json[1024];

    (void)snprintf(json, sizeof json, "{\"metadata\":{\"name\":\"x\",\"labels\":%s}}", labels);
    return object(json);
}

static void printed_is(const struct tarn_selector *s, const char *want)
{
    struct tarn_buf text = {0};

    CU_ASSERT_EQUAL(tarn_selector_print(s, &text), 0);
    if (!tarn_bytes_equal(tarn_buf_bytes(&text), tarn_bytes_of(want)))
        printf("\nprinted '%.*s', want '%s'\n", TARN_BYTES_ARG(tarn_buf_bytes(&text)), want);
    CU_ASSERT(tarn_bytes_equal(tarn_buf_bytes(&text), tarn_bytes_of(want)));
    tarn_buf_release(&text);
}

/* Z-1, Z-2, Z-3, Z-4, Z-5, Z-7. Upstream: labels TestSelectorParse, TestRequirementSelectorMatching, TestParserLookahead (apimachinery). */
static void z1_to_z7_selectors_print_their_canonical_form(void)
{
    static const struct {
        const char *text, *printed;
    } rows[] = {
        {"", ""},
        {"  \t\r\n", ""},
        {"x=a,y=b,z=c", "x=a,y=b,z=c"},
        {"z=c,x=a,y=b", "x=a,y=b,z=c"},
        {"x!=a,y=b", "x!=a,y=b"},
        {"x=", "x="},
        {"x= ", "x="},
        {"x=,z= ", "x=,z="},
        {"x= ,z= ", "x=,z="},
        {"x==a", "x==a"},
        {" x = a ", "x=a"},
        {"x", "x"},
        {"!x", "!x"},
        {"! x", "!x"},
        {"x in (c,b,a)", "x in (a,b,c)"},
        {"x in (a)", "x in (a)"},
        {"x notin (b, a ,b)", "x notin (a,b)"},
        {"x in ()", "x in ()"},
        {"x in (,a)", "x in (,a)"},
        {"x in (a,)", "x in (,a)"},
        {"x in (a,,b)", "x in (,a,b)"},
        {"x in (a,,,b)", "x in (,a,b)"},
        {"x in (,)", "x in ()"},
        {"x in (,,a)", "x in (,a)"},
        {"x in (,,,)", "x in ()"},
        {"x>1", "x>1"},
        {"x<007", "x<007"},
        {"x>1,x<5", "x>1,x<5"},
        {"x<5,x>1", "x<5,x>1"},
        {"in in (in,notin)", "in in (in,notin)"},
        {"notin", "notin"},
        {"in=notin", "in=notin"},
        {"!in", "!in"},
        {"example.com/a-b_c.d=V.1-x_y", "example.com/a-b_c.d=V.1-x_y"},
        {"a,!a,a=1,a in (1)", "a,!a,a=1,a in (1)"},
        {"x in(a)", "x in (a)"},
        {"a=b,a=a", "a=b,a=a"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct tarn_selector *s = NULL, *again = NULL;
        struct tarn_error err = {0};

        CU_ASSERT_EQUAL(tarn_selector_parse(tarn_bytes_of(rows[i].text), &s, &err), 0);
        if (err.code)
            printf("\n'%s': %s\n", rows[i].text, err.message);
        printed_is(s, rows[i].printed);
        CU_ASSERT_EQUAL(tarn_selector_parse(tarn_bytes_of(rows[i].printed), &again, NULL), 0);
        printed_is(again, rows[i].printed);
        tarn_selector_free(s);
        tarn_selector_free(again);
    }
}

static const char *repeated(char c, int n)
{
    static char text[300];

    memset(text, c, (size_t)n);
    text[n] = '\0';
    return text;
}

/* Z-8. Upstream: TestSelectorParse (bad strings), TestRequirementConstructor, TestToString. */
static void z8_what_is_not_valid_is_an_error_with_its_position(void)
{
    static const struct {
        const char *text, *message; /* message: a part of it */
    } rows[] = {
        {"x=a||y=b", "at byte 2 ('a||y'): the value must be"},
        {"x==a==b", "at byte 4 ('=='): expected ',' or the end"},
        {"!x=a", "at byte 2 ('='): expected ',' or the end"},
        {"x<a", "at byte 0 ('x'): for '>', '<' operators, the value must be an integer"},
        {"x>", "must be an integer"},
        {"x>9223372036854775808", "must be an integer"},
        {"x>-1", "the value must be of letters"},
        {",", "at byte 0 (','): expected a key"},
        {"x,", "at byte 2 (''): expected a key"},
        {"x,,y", "at byte 2 (','): expected a key"},
        {"!", "at byte 1 (''): expected a key"},
        {"!!x", "at byte 1 ('!'): expected a key"},
        {"x y", "at byte 2 ('y'): expected one of ="},
        {"x in", "at byte 4 (''): expected '('"},
        {"x in a", "at byte 5 ('a'): expected '('"},
        {"x in (", "expected ',' or a value"},
        {"x in (a", "at byte 7 (''): expected ',' or ')'"},
        {"x in (a b)", "at byte 8 ('b'): expected ',' or ')'"},
        {"x in (=)", "at byte 6 ('='): expected ',' or a value"},
        {"x in (a,=)", "expected ',' or a value"},
        {"x in (a,,)", "expected ',' or a value"},
        {"x in (,,)", "expected ',' or a value"},
        {"x in (a))", "at byte 8 (')'): expected ',' or the end"},
        {"!x in (a)", "at byte 3 ('in'): expected ',' or the end"},
        {"=a", "expected a key"},
        {"x=(", "at byte 2 ('('): expected a value"},
        {"/x", "the key's prefix before '/' is empty"},
        {"a/", "the key's name is empty"},
        {"a/b/c", "more than one '/'"},
        {"A/b", "the key's prefix must be a lower case DNS name"},
        {"a..b/c", "the key's prefix must be a lower case DNS name"},
        {"-a.b/c", "the key's prefix must be a lower case DNS name"},
        {"a-.b/c", "the key's prefix must be a lower case DNS name"},
        {"a./c", "the key's prefix must be a lower case DNS name"},
        {"_x", "the key's name must be of letters"},
        {"x.", "the key's name must be of letters"},
        {"x=-a", "the value must be of letters"},
        {"x=a_", "the value must be of letters"},
        {"x=\xc3\xa4", "the value must be of letters"},
        {"x in (a,b$)", "at byte 8 ('b$'): the value must be of letters"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct tarn_selector *untouched = tarn_selector_nothing(), *s = untouched;
        struct tarn_error err = {0};

        CU_ASSERT_EQUAL(tarn_selector_parse(tarn_bytes_of(rows[i].text), &s, &err), TARN_E_SELECTOR);
        CU_ASSERT_PTR_EQUAL(s, untouched);
        if (!strstr(err.message, rows[i].message))
            printf("\n'%s': %s\n  want: %s\n", rows[i].text, err.message, rows[i].message);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, rows[i].message));
    }
}

static int parse_code(const char *text, size_t len)
{
    const struct tarn_selector *s = NULL;
    int code = tarn_selector_parse((struct tarn_bytes){.data = text, .len = len}, &s, NULL);

    tarn_selector_free(s);
    return code;
}

/* Z-8. */
static void z8_lengths_are_limited_and_nul_is_no_label(void)
{
    char text[700];

    CU_ASSERT_EQUAL(parse_code(repeated('a', 63), 63), 0);
    CU_ASSERT_EQUAL(parse_code(repeated('a', 64), 64), TARN_E_SELECTOR);
    (void)snprintf(text, sizeof text, "k=%s", repeated('v', 63));
    CU_ASSERT_EQUAL(parse_code(text, strlen(text)), 0);
    (void)snprintf(text, sizeof text, "k=%s", repeated('v', 64));
    CU_ASSERT_EQUAL(parse_code(text, strlen(text)), TARN_E_SELECTOR);
    (void)snprintf(text, sizeof text, "%s/k", repeated('p', 253));
    CU_ASSERT_EQUAL(parse_code(text, strlen(text)), 0);
    (void)snprintf(text, sizeof text, "%s/k", repeated('p', 254));
    CU_ASSERT_EQUAL(parse_code(text, strlen(text)), TARN_E_SELECTOR);
    CU_ASSERT_EQUAL(parse_code("a\0b", 3), TARN_E_SELECTOR);
    CU_ASSERT_EQUAL(parse_code("a=\0", 3), TARN_E_SELECTOR);
    CU_ASSERT_EQUAL(parse_code(NULL, 0), 0);
}

/* Z-1, Z-2, Z-3, Z-4, Z-5, Z-7. Upstream: TestSelectorMatches, TestRequirementSelectorMatching, TestSetMatches. */
static void z1_to_z7_selectors_match_what_they_say(void)
{
    static const struct {
        const char *selector, *labels;
        bool want;
    } rows[] = {
        {"", "{\"x\":\"y\"}", true},
        {"", "{}", true},
        {"x=y", "{\"x\":\"y\"}", true},
        {"x==y", "{\"x\":\"y\"}", true},
        {"x=y", "{\"x\":\"z\"}", false},
        {"x=y", "{}", false},
        {"x=", "{\"x\":\"\"}", true},
        {"x=", "{}", false},
        {"x=y,z=w", "{\"x\":\"y\",\"z\":\"w\"}", true},
        {"x=y,z=w", "{\"x\":\"y\",\"z\":\"v\"}", false},
        {"x!=y,z!=w", "{\"x\":\"z\",\"z\":\"a\"}", true},
        {"x!=y", "{}", true},
        {"x!=y", "{\"x\":\"y\"}", false},
        {"x in (a,b)", "{\"x\":\"b\"}", true},
        {"x in (a,b)", "{\"x\":\"c\"}", false},
        {"x in (a,b)", "{}", false},
        {"x in (,a)", "{\"x\":\"\"}", true},
        {"x in ()", "{\"x\":\"\"}", true},
        {"x in ()", "{\"x\":\"a\"}", false},
        {"x notin (a,b)", "{\"x\":\"c\"}", true},
        {"x notin (a,b)", "{\"x\":\"a\"}", false},
        {"x notin (a,b)", "{}", true},
        {"x notin ()", "{\"x\":\"\"}", false},
        {"x", "{\"x\":\"\"}", true},
        {"x", "{\"y\":\"\"}", false},
        {"!x", "{\"y\":\"\"}", true},
        {"!x", "{\"x\":\"y\"}", false},
        {"x>5", "{\"x\":\"6\"}", true},
        {"x>5", "{\"x\":\"5\"}", false},
        {"x>5", "{\"x\":\"six\"}", false},
        {"x>5", "{\"x\":\"\"}", false},
        {"x>5", "{\"x\":\"6 \"}", false},
        {"x>5", "{\"x\":\"+6\"}", true},
        {"x>5", "{\"x\":\"00000000000000000000000000006\"}", true},
        {"x>5", "{\"x\":\"9223372036854775807\"}", true},
        {"x>5", "{\"x\":\"9223372036854775808\"}", false},
        {"x>5", "{}", false},
        {"x<5", "{\"x\":\"4\"}", true},
        {"x<5", "{\"x\":\"-9223372036854775808\"}", true},
        {"x<5", "{\"x\":\"-9223372036854775809\"}", false},
        {"x<5", "{\"x\":\"-\"}", false},
        {"x<5", "{\"x\":\"5\"}", false},
        {"x>1,x<5", "{\"x\":\"3\"}", true},
        {"x>1,x<5", "{\"x\":\"5\"}", false},
        {"x in (a,b,c,d,e,f,g,h,i)", "{\"x\":\"i\"}", true},
        {"x in (a,b,c,d,e,f,g,h,i)", "{\"x\":\"A\"}", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct tarn_object *obj = labelled(rows[i].labels);
        const struct tarn_selector *s = NULL;
        struct tarn_value labels;

        CU_ASSERT_EQUAL_FATAL(tarn_selector_parse(tarn_bytes_of(rows[i].selector), &s, NULL), 0);
        CU_ASSERT_EQUAL_FATAL(tarn_object_get(obj, "metadata.labels", &labels), 0);
        if (tarn_selector_matches(s, obj) != rows[i].want)
            printf("\n'%s' on %s\n", rows[i].selector, rows[i].labels);
        CU_ASSERT_EQUAL(tarn_selector_matches(s, obj), rows[i].want);
        CU_ASSERT_EQUAL(tarn_selector_matches_labels(s, &labels), rows[i].want);
        tarn_selector_free(s);
        tarn_object_unref(obj);
    }
}

static void objects_without_labels_have_none(void)
{
    static const char *const jsons[] = {"{\"metadata\":{\"name\":\"x\"}}", "{\"metadata\":{\"name\":\"x\",\"labels\":null}}",
                                        "{\"metadata\":{\"name\":\"x\",\"labels\":[\"x\"]}}", "{\"keyless\":true}"};
    const struct tarn_selector *has = NULL, *has_not = NULL;

    CU_ASSERT_EQUAL_FATAL(tarn_selector_parse(TARN_BYTES("x"), &has, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_selector_parse(TARN_BYTES("!x"), &has_not, NULL), 0);
    for (size_t i = 0; i < sizeof jsons / sizeof *jsons; i++) {
        const struct tarn_object *obj = object(jsons[i]);

        CU_ASSERT(!tarn_selector_matches(has, obj));
        CU_ASSERT(tarn_selector_matches(has_not, obj));
        tarn_object_unref(obj);
    }
    CU_ASSERT(!tarn_selector_matches_labels(has, NULL));
    CU_ASSERT(tarn_selector_matches_labels(has_not, NULL));
    tarn_selector_free(has);
    tarn_selector_free(has_not);
}

/* Z-6. Upstream: TestEverything, TestNothing. */
static void z6_everything_and_nothing_are_told_apart(void)
{
    const struct tarn_object *obj = labelled("{\"x\":\"y\"}");
    const struct tarn_selector *empty = NULL;

    CU_ASSERT_EQUAL(tarn_selector_parse(TARN_BYTES(""), &empty, NULL), 0);
    CU_ASSERT(tarn_selector_is_everything(empty));
    CU_ASSERT(tarn_selector_is_everything(tarn_selector_everything()));
    CU_ASSERT(tarn_selector_is_everything(NULL));
    CU_ASSERT(!tarn_selector_is_everything(tarn_selector_nothing()));
    CU_ASSERT(tarn_selector_is_nothing(tarn_selector_nothing()));
    CU_ASSERT(!tarn_selector_is_nothing(empty));
    CU_ASSERT(!tarn_selector_is_nothing(NULL));
    CU_ASSERT(tarn_selector_matches(tarn_selector_everything(), obj));
    CU_ASSERT(tarn_selector_matches(NULL, obj));
    CU_ASSERT(!tarn_selector_matches(tarn_selector_nothing(), obj));
    printed_is(tarn_selector_everything(), "");
    printed_is(tarn_selector_nothing(), "");
    tarn_selector_free(empty);
    tarn_selector_free(tarn_selector_everything());
    tarn_selector_free(tarn_selector_nothing());
    tarn_selector_free(NULL);
    tarn_object_unref(obj);
}

/* Z-6. Upstream: metav1 TestLabelSelectorAsSelector. */
static void z6_label_selectors_of_the_api_are_read(void)
{
    static const struct {
        const char *json; /* of spec.selector */
        int code;
        const char *printed; /* NULL: nothing; or a part of the message */
    } rows[] = {
        {"null", 0, NULL},
        {"{}", 0, ""},
        {"{\"matchLabels\":{}}", 0, ""},
        {"{\"matchLabels\":null,\"matchExpressions\":null}", 0, ""},
        {"{\"matchLabels\":{\"foo\":\"bar\"}}", 0, "foo=bar"},
        {"{\"matchLabels\":{\"b\":\"1\",\"a\":\"\"}}", 0, "a=,b=1"},
        {"{\"matchExpressions\":[{\"key\":\"baz\",\"operator\":\"In\",\"values\":[\"qux\",\"norf\"]}]}", 0,
         "baz in (norf,qux)"},
        {"{\"matchLabels\":{\"foo\":\"bar\"},\"matchExpressions\":[{\"key\":\"baz\",\"operator\":\"NotIn\",\"values\":"
         "[\"qux\"]},{\"key\":\"d\",\"operator\":\"Exists\"},{\"key\":\"e\",\"operator\":\"DoesNotExist\",\"values\":[]}]}",
         0, "baz notin (qux),d,!e,foo=bar"},
        {"{\"matchExpressions\":[{\"key\":\"baz\",\"operator\":\"Within\",\"values\":[\"a\"]}]}", TARN_E_SELECTOR,
         "matchExpressions, key 'baz': the operator must be In"},
        {"{\"matchExpressions\":[{\"key\":\"baz\",\"operator\":\"In\",\"values\":[]}]}", TARN_E_SELECTOR,
         "values set can't be empty"},
        {"{\"matchExpressions\":[{\"key\":\"baz\",\"operator\":\"Exists\",\"values\":[\"a\"]}]}", TARN_E_SELECTOR,
         "values set must be empty"},
        {"{\"matchExpressions\":[{\"key\":\"baz\",\"operator\":\"In\",\"values\":[1]}]}", TARN_E_SELECTOR,
         "must be a string"},
        {"{\"matchLabels\":{\"foo\":1}}", TARN_E_SELECTOR, "must be a string"},
        {"{\"matchLabels\":{\"-foo\":\"x\"}}", TARN_E_SELECTOR, "key '-foo'"},
        {"{\"matchLabels\":[]}", TARN_E_SELECTOR, "must be a map"},
        {"{\"matchExpressions\":{}}", TARN_E_SELECTOR, "must be a list"},
        {"[]", TARN_E_SELECTOR, "must be a map"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct tarn_selector *s = NULL;
        const struct tarn_object *obj;
        struct tarn_error err = {0};
        struct tarn_value v;
        char json[600];

        (void)snprintf(json, sizeof json, "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"selector\":%s}}", rows[i].json);
        obj = object(json);
        CU_ASSERT_EQUAL_FATAL(tarn_object_get(obj, "spec.selector", &v), 0);
        CU_ASSERT_EQUAL(tarn_selector_from_label_selector(&v, &s, &err), rows[i].code);
        if (rows[i].code)
            CU_ASSERT_PTR_NOT_NULL(strstr(err.message, rows[i].printed));
        if (!rows[i].code && !rows[i].printed)
            CU_ASSERT(tarn_selector_is_nothing(s));
        if (!rows[i].code && rows[i].printed)
            printed_is(s, rows[i].printed);
        tarn_selector_free(s);
        tarn_object_unref(obj);
    }
}

static void a_missing_label_selector_selects_nothing(void)
{
    const struct tarn_selector *s = NULL;

    CU_ASSERT_EQUAL(tarn_selector_from_label_selector(NULL, &s, NULL), 0);
    CU_ASSERT(tarn_selector_is_nothing(s));
}

/* ---- against a model: random selectors are printed, parsed again and matched ----------------- */

static unsigned random_state = 12345;

static unsigned pick(unsigned n)
{
    random_state = random_state * 1103515245u + 12345u;
    return (random_state >> 16) % n;
}

/* What a random requirement means, in the plainest words. */
struct model {
    unsigned key, op, values; /* values: a set of bits over the four values */
};

static const char *const model_values[] = {"", "1", "2", "b"};

static void model_print(const struct model *m, char *out)
{
    static const char *const first[] = {"%s in (", "%s notin ("};
    const char *comma = "";
    char key[2] = {(char)('k' + m->key), '\0'};

    if (m->op >= 2) {
        (void)sprintf(out, m->op == 2 ? "%s" : "!%s", key);
        return;
    }
    out += sprintf(out, first[m->op], key);
    for (unsigned v = 0; v < 4; v++)
        if (m->values & 1u << v) {
            out += sprintf(out, "%s%s", comma, model_values[v]);
            comma = ",";
        }
    (void)strcpy(out, ")");
}

/* label: 0 not there, else 1 + the value's number. */
static bool model_holds(const struct model *m, unsigned label)
{
    bool in = label && (m->values & 1u << (label - 1));

    switch (m->op) {
    case 0:
        return in;
    case 1:
        return !in;
    case 2:
        return label != 0;
    default:
        return label == 0;
    }
}

static void random_selectors_agree_with_a_model(void)
{
    for (int round = 0; round < 20000; round++) {
        struct model m[3];
        unsigned n = 1 + pick(3), labels[2] = {pick(5), pick(5)};
        char text[200] = "", json[200], *at = text;
        const struct tarn_selector *s = NULL;
        const struct tarn_object *obj;
        bool want = true;

        for (unsigned i = 0; i < n; i++) {
            m[i] = (struct model){.key = pick(2), .op = pick(4), .values = 1 + pick(15)};
            at += sprintf(at, "%s", i ? "," : "");
            model_print(&m[i], at);
            at += strlen(at);
            want = want && model_holds(&m[i], labels[m[i].key]);
        }
        at = json + sprintf(json, "{");
        for (unsigned k = 0; k < 2; k++)
            if (labels[k])
                at += sprintf(at, "%s\"%c\":\"%s\"", at[-1] == '{' ? "" : ",", (int)('k' + k), model_values[labels[k] - 1]);
        (void)strcpy(at, "}");
        obj = labelled(json);
        CU_ASSERT_EQUAL_FATAL(tarn_selector_parse(tarn_bytes_of(text), &s, NULL), 0);
        if (tarn_selector_matches(s, obj) != want)
            printf("\n%s on %s\n", text, json);
        CU_ASSERT_EQUAL_FATAL(tarn_selector_matches(s, obj), want);
        tarn_selector_free(s);
        tarn_object_unref(obj);
    }
}

/* No text makes it read outside or crash; what it accepts prints and parses to the same again. */
static void random_text_is_refused_or_reads_back(void)
{
    static const char alphabet[] = "kab1.-_/ =!<>(),in notin\t\\";

    for (int round = 0; round < 50000; round++) {
        size_t len = pick(14);
        char *text = malloc(len ? len : 1); /* its own block, so that a sanitizer sees its end */
        const struct tarn_selector *s = NULL;
        struct tarn_buf printed = {0};

        for (size_t i = 0; i < len; i++)
            text[i] = alphabet[pick(sizeof alphabet)];
        if (tarn_selector_parse((struct tarn_bytes){.data = text, .len = len}, &s, NULL) == 0) {
            const struct tarn_selector *again = NULL;

            CU_ASSERT_EQUAL(tarn_selector_print(s, &printed), 0);
            CU_ASSERT_EQUAL(tarn_selector_parse(tarn_buf_bytes(&printed), &again, NULL), 0);
            tarn_buf_release(&printed);
            tarn_selector_free(again);
        }
        tarn_selector_free(s);
        free(text);
    }
}

/* ---- field selectors ------------------------------------------------------------------------ */

/* Z-9. */
static void z9_field_selectors_match_over_any_path(void)
{
    const struct tarn_object *obj =
        object("{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"n1\",\"labels\":{\"a.b/c\":\"x,y=z\\\\\"}},"
               "\"spec\":{\"nodeName\":\"node-7\",\"replicas\":3,\"big\":18446744073709551615,\"ratio\":0.25,\"paused\":false,"
               "\"ports\":[{\"port\":80},{\"port\":443}]},\"status\":{\"phase\":\"Running\",\"reason\":\"\",\"gone\":null}}");
    static const struct {
        const char *text;
        bool want;
    } rows[] = {
        {"", true},
        {",", true},
        {"metadata.name=web-1", true},
        {"metadata.name==web-1", true},
        {"metadata.name!=web-1", false},
        {"metadata.name=web-1,metadata.namespace=n1,status.phase!=Pending", true},
        {"metadata.name=web-1,metadata.namespace=n2", false},
        {"spec.nodeName=", false},
        {"spec.missing=", true},
        {"spec.missing!=", false},
        {"spec.missing!=x", true},
        {"status.gone=", true},
        {"status.reason=", true},
        {"spec.replicas=3", true},
        {"spec.replicas!=3", false},
        {"spec.big=18446744073709551615", true},
        {"spec.ratio=0.25", true},
        {"spec.paused=false", true},
        {"spec.ports=", true},
        {"spec.ports[1].port=443", true},
        {"metadata.labels['a.b/c']=x\\,y\\=z\\\\", true},
        {"metadata.labels['a.b/c']=x", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct tarn_field_selector *s = NULL;
        struct tarn_error err = {0};

        CU_ASSERT_EQUAL(tarn_field_selector_parse(tarn_bytes_of(rows[i].text), &s, &err), 0);
        if (tarn_field_selector_matches(s, obj) != rows[i].want)
            printf("\n'%s' %s\n", rows[i].text, err.message);
        CU_ASSERT_EQUAL(tarn_field_selector_matches(s, obj), rows[i].want);
        tarn_field_selector_free(s);
    }
    CU_ASSERT(tarn_field_selector_matches(NULL, obj));
    CU_ASSERT(tarn_field_selector_is_everything(NULL));
    tarn_field_selector_free(NULL);
    tarn_object_unref(obj);
}

/* Z-9. Upstream: fields TestParseSelector, TestSplitTerms, TestEscapeValue, TestUnescapeValue. */
static void z9_field_selectors_print_and_refuse_as_the_original(void)
{
    static const struct {
        const char *text, *printed;
    } good[] = {
        {"x=a,y=b,z=c", "x=a,y=b,z=c"},
        {"z==c,,x=a", "x=a,z=c"},
        {"x!=a", "x!=a"},
        {"x=a\\,b\\=c\\\\", "x=a\\,b\\=c\\\\"},
        {"x=", "x="},
        {"x=a b", "x=a b"},
        {"", ""},
    };
    static const char *const bad[] = {"x", "x=a||y=b", "x==a==b", "x=a,b", "x<a", "x=\\a", "x=a\\", "=a", "x[=a", "a!b"};

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const struct tarn_field_selector *s = NULL;
        struct tarn_buf out = {0};

        CU_ASSERT_EQUAL_FATAL(tarn_field_selector_parse(tarn_bytes_of(good[i].text), &s, NULL), 0);
        CU_ASSERT_EQUAL(tarn_field_selector_print(s, &out), 0);
        CU_ASSERT(tarn_bytes_equal(tarn_buf_bytes(&out), tarn_bytes_of(good[i].printed)));
        tarn_buf_release(&out);
        tarn_field_selector_free(s);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct tarn_field_selector *s = NULL;
        struct tarn_error err = {0};

        if (tarn_field_selector_parse(tarn_bytes_of(bad[i]), &s, &err) != TARN_E_SELECTOR)
            printf("\n'%s' was not refused\n", bad[i]);
        CU_ASSERT_EQUAL(err.code, TARN_E_SELECTOR);
        CU_ASSERT_PTR_NULL(s);
    }
}

/* ---- memory ------------------------------------------------------------------------------------ */

/* Run each maker with the n-th allocation failing, until none is left to fail. */
static void selectors_survive_any_failed_allocation(void)
{
    const struct tarn_object *obj = object("{\"metadata\":{\"name\":\"x\"},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"1\"},"
                                           "\"matchExpressions\":[{\"key\":\"b\",\"operator\":\"In\",\"values\":[\"1\",\"2\"]}]}}}");
    long before = tarn_fault_blocks();
    struct tarn_value v;

    CU_ASSERT_EQUAL_FATAL(tarn_object_get(obj, "spec.selector", &v), 0);
    for (int kind = 0; kind < 3; kind++) {
        bool failed = true;

        for (long n = 0; failed; n++) {
            const struct tarn_selector *s = NULL;
            const struct tarn_field_selector *f = NULL;
            struct tarn_error err = {0};
            int rc;

            tarn_fault_arm(n);
            if (kind == 0)
                rc = tarn_selector_parse(TARN_BYTES("a in (1,2,3,4,5),b,c,d,e=1,f>4"), &s, &err);
            else if (kind == 1)
                rc = tarn_selector_from_label_selector(&v, &s, &err);
            else
                rc = tarn_field_selector_parse(TARN_BYTES("a=b,c!=d"), &f, &err);
            failed = tarn_fault_disarm();
            CU_ASSERT_EQUAL(rc, failed ? TARN_E_NOMEM : 0);
            CU_ASSERT_EQUAL(err.code, rc);
            tarn_selector_free(s);
            tarn_field_selector_free(f);
            CU_ASSERT_EQUAL_FATAL(tarn_fault_blocks(), before);
        }
    }
    tarn_object_unref(obj);
}

TARN_TEST_MAIN("selector", TARN_TEST(z1_to_z7_selectors_print_their_canonical_form),
               TARN_TEST(z8_what_is_not_valid_is_an_error_with_its_position),
               TARN_TEST(z8_lengths_are_limited_and_nul_is_no_label), TARN_TEST(z1_to_z7_selectors_match_what_they_say),
               TARN_TEST(objects_without_labels_have_none), TARN_TEST(z6_everything_and_nothing_are_told_apart),
               TARN_TEST(z6_label_selectors_of_the_api_are_read), TARN_TEST(a_missing_label_selector_selects_nothing),
               TARN_TEST(random_selectors_agree_with_a_model), TARN_TEST(random_text_is_refused_or_reads_back),
               TARN_TEST(z9_field_selectors_match_over_any_path),
               TARN_TEST(z9_field_selectors_print_and_refuse_as_the_original),
               TARN_TEST(selectors_survive_any_failed_allocation))
