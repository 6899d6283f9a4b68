/* JSONPath templates and custom columns: what kubectl prints for the same, and where errors are. */
#include "cli.h"
#include "custom_columns.h"
#include "jsonpath.h"
#include "table.h"
#include "tarn_test.h"

void cli_help(const char *verb) /* main.c's; no test asks for help */
{
    (void)verb;
}

static const char document[] =
    "{\"kind\":\"List\",\"items\":["
    "{\"kind\":\"None\",\"metadata\":{\"name\":\"127.0.0.1\",\"labels\":{\"kubernetes.io/hostname\":\"127.0.0.1\",\"a\":\"<b>\"}},"
    "\"status\":{\"capacity\":{\"cpu\":\"4\"},\"ready\":true,\"n\":3,\"f\":2.5,\"big\":1e21,\"small\":0.000001,\"none\":null,"
    "\"addresses\":[{\"type\":\"LegacyHostIP\",\"address\":\"127.0.0.1\"},{\"type\":\"another\",\"address\":\"127.0.0.2\"}]}},"
    "{\"kind\":\"None\",\"metadata\":{\"name\":\"127.0.0.2\"},\"status\":{\"capacity\":{\"cpu\":\"8\"},\"ready\":false,\"n\":-1,"
    "\"addresses\":[]}}],\"empty\":{}}";

static struct tarn_value root(const struct tarn_object **ret)
{
    struct tarn_value v = {.type = TARN_NIL};

    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_bytes_of(document), ret, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_value_parse(tarn_object_body(*ret), &v), 0);
    return v;
}

/* What a template prints, or "error: " and the message. */
static void run(const char *template, const struct tarn_value *v, struct tarn_buf *out)
{
    struct tarn_error err = {0};
    struct jsonpath *j = NULL;
    int r = jsonpath_parse(template, &j, &err);

    tarn_buf_clear(out);
    if (r == 0)
        r = jsonpath_print(j, v, out, &err);
    if (r != 0) {
        CU_ASSERT_EQUAL(r, TARN_E_INVAL);
        tarn_buf_clear(out);
        cli_addf(out, "error: %s", err.message);
    }
    cli_add(out, (struct tarn_bytes){"", 1});
    jsonpath_free(j);
}

static void templates_print_what_kubectl_prints(void)
{
    static const struct {
        const char *template, *printed;
    } rows[] = {
        {"", ""},
        {"hello", "hello"},
        {"{.kind}", "List"},
        {"{.items[*].metadata.name}", "127.0.0.1 127.0.0.2"},
        {"{.items[0].metadata.labels}", "{\"a\":\"\\u003cb\\u003e\",\"kubernetes.io/hostname\":\"127.0.0.1\"}"},
        {"{.items[0].metadata.labels.kubernetes\\.io/hostname}", "127.0.0.1"},
        {"{.items[0].metadata.labels['kubernetes\\.io/hostname']}", "127.0.0.1"},
        {"{.items[*]['metadata.name', 'status.capacity']}", "127.0.0.1 127.0.0.2 {\"cpu\":\"4\"} {\"cpu\":\"8\"}"},
        {"{.items[?(@.status.capacity.cpu==\"8\")].metadata.name}", "127.0.0.2"},
        {"{.items[?(@.status.n>0)].metadata.name}{.items[?(@.status.n<=-1)].metadata.name}", "127.0.0.1127.0.0.2"},
        {"{.items[?(@.status.ready==true)].metadata.name}", "127.0.0.1"},
        {"{.items[?(@.status.ready!=true)].metadata.name}", "127.0.0.2"},
        {"{.items[?(@.status.f>=2.5)].metadata.name}", "127.0.0.1"},
        {"{.items[?(@.metadata.labels)].metadata.name}", "127.0.0.1"},
        {"{.items[*].status.addresses[?(@.type==\"another\")].address}", "127.0.0.2"},
        {"{range .items[*]}[{.metadata.name}, {.status.capacity}] {end}", "[127.0.0.1, {\"cpu\":\"4\"}] [127.0.0.2, {\"cpu\":\"8\"}] "},
        {"{range .items[*]}{range .status.addresses[*]}{.address};{end}|{end}", "127.0.0.1;127.0.0.2;||"},
        {"{..cpu}", "4 8"},
        {"{.items[0].status.n} {.items[0].status.f} {.items[0].status.big} {.items[0].status.small}", "3 2.5 1e+21 1e-06"},
        {"{.items[0].status.none}", "<nil>"},
        {"{.items[0].status['big','small']}", "1e+21 1e-06"},
        {"{.empty}{.items[1].status.addresses}", "{}[]"},
        {"{.items[-1].metadata.name} {.items[-2].metadata.name} {.items[::2].metadata.name}", "127.0.0.2 127.0.0.1 127.0.0.1"},
        {"{.items[:1].kind}{.items[1:].kind}{.items[2:2].kind}", "NoneNone"},
        {"{'a\\'b'}{\"\\t\\x41\\u00e9\\101\\\"\"}", "a'b\tA\xc3\xa9" "A\""},
        {"{.items[5].kind}", "error: jsonpath, column 9: array index out of bounds: index 5, length 2"},
        {"{.items[0:2:0].kind}", "error: jsonpath, column 9: step must be > 0"},
        {"{.kind[0]}", "error: jsonpath, column 8: a string is no array"},
        {"{.kind[?(@.a)]}", "error: jsonpath, column 7: a string is no array and cannot be filtered"},
        {"{.items[?(@.kind==1)]}", "error: jsonpath, column 8: this filter compares a string with an integer"},
        {"{.items[?(@.status.addresses[*].type==\"x\")]}", "error: jsonpath, column 8: a filter can only compare one element at a time"},
        {"x{.kind", "error: jsonpath, column 8: unclosed action: '{' has no '}': (the end)"},
        {"{.items[0}", "error: jsonpath, column 8: unterminated array: '[' has no ']': [0}"},
        {"{....kind}", "error: jsonpath, column 4: two recursive descents in a row: ..kind}"},
        {"{\"x}", "error: jsonpath, column 2: this quoted text has no end: \"x}"},
        {"{\"\\q\"}", "error: jsonpath, column 2: an escape in this quoted text is none of \\n \\t \\\\ \\\" \\' \\xHH \\uHHHH: \"\\q\"}"},
        {"{end}", "error: jsonpath, column 1: not in range, nothing to end: {end}"},
        {"{range .items[*]}", "error: jsonpath, column 1: this range has no {end}: {range .items[*]}"},
        {"{.items[?(@.a]}", "error: jsonpath, column 14: unrecognized character in an action: ]}"},
        {"{.items[?()]}", "error: jsonpath, column 8: a side of this filter is empty: [?()]}"},
    };
    const struct tarn_object *obj;
    struct tarn_value v = root(&obj);
    struct tarn_buf out = {0};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        run(rows[i].template, &v, &out);
        if (strcmp(out.data, rows[i].printed) != 0)
            printf("%s: '%s' instead of '%s'\n", rows[i].template, out.data, rows[i].printed);
        CU_ASSERT_STRING_EQUAL(out.data, rows[i].printed);
    }
    tarn_buf_release(&out);
    tarn_object_unref(obj);
}

/* Whatever bytes come: an answer or an error, no crash. The rows above, cut and changed everywhere. */
static void any_template_is_answered(void)
{
    static const char sample[] = "a{range .items[?(@.status['n','f'][-1:2:3]>=\"\\x41\")]}{..name}{.b\\.c}{1.5}{true}{end}";
    static const char bytes[] = "{}[]()?.@$*'\"\\,:-=<! \n0x";
    const struct tarn_object *obj;
    struct tarn_value v = root(&obj);
    struct tarn_buf out = {0};
    char text[sizeof sample];

    for (size_t i = 0; i < sizeof sample - 1; i++)
        for (const char *b = bytes; *b; b++) {
            memcpy(text, sample, sizeof sample);
            text[i] = *b;
            run(text, &v, &out);
            text[i] = 0;
            run(text, &v, &out);
        }
    CU_ASSERT(out.len > 0);
    tarn_buf_release(&out);
    tarn_object_unref(obj);
}

static void custom_columns_read_as_kubectl_s(void)
{
    const struct tarn_object *obj;
    struct tarn_value v = root(&obj);
    struct tarn_error err = {0};
    struct custom_columns *c = NULL;
    struct table t = {0};
    struct tarn_buf out = {0};

    CU_ASSERT_EQUAL_FATAL(custom_columns_parse("K:.kind,N:.items[*].metadata.name,M:items[0].metadata.labels,A:{.items[*].status.addresses},X:.x", &c, &err), 0);
    t.ncolumns = (unsigned)c->n;
    CU_ASSERT_EQUAL(custom_columns_row(c, &v, &t, &err), 0);
    table_print(&t, &out);
    CU_ASSERT(tarn_bytes_equal(tarn_buf_bytes(&out), TARN_BYTES("List   127.0.0.1,127.0.0.2   map[a:<b> kubernetes.io/hostname:127.0.0.1]   "
                                                                 "[map[address:127.0.0.1 type:LegacyHostIP] map[address:127.0.0.2 type:another]],[]   <none>\n")));
    custom_columns_free(c);
    table_release(&t);
    tarn_buf_release(&out);
    CU_ASSERT_EQUAL(custom_columns_parse("K", &c, &err), TARN_E_INVAL);
    CU_ASSERT_STRING_EQUAL(err.message, "custom-columns, column 1: 'K' is not HEADER:PATH, as in NAME:.metadata.name");
    tarn_object_unref(obj);
}

/* On a terminal of 42 characters: names whole, the widest others cut, colours around the words and none in the widths. */
static void tables_fit_and_have_colours(void)
{
    struct table t = {.ncolumns = 3, .fit = 42, .colour = true, .whole = 1, .states = 2};
    struct tarn_buf out = {0};

    table_headers(&t, (const char *const[]){"NAME", "STATUS", "LABELS"}, 3);
    table_cell(&t, TARN_BYTES("a-name-of-twenty-chr"));
    table_cell(&t, TARN_BYTES("Running"));
    table_cell(&t, TARN_BYTES("tier=b\xc3\xbchne,app=web"));
    table_print(&t, &out);
    CU_ASSERT(tarn_bytes_equal(tarn_buf_bytes(&out), TARN_BYTES("\033[1mNAME\033[0m                   \033[1mSTATUS\033[0m    \033[1mLABELS\033[0m\n"
                                                                 "a-name-of-twenty-chr   \033[32mRunning\033[0m   tier=b\xc3\xbch…\n")));
    table_release(&t);
    tarn_buf_release(&out);
}

TARN_TEST_MAIN("jsonpath", TARN_TEST(templates_print_what_kubectl_prints), TARN_TEST(any_template_is_answered), TARN_TEST(custom_columns_read_as_kubectl_s),
               TARN_TEST(tables_fit_and_have_colours))
