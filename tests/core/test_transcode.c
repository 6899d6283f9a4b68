/* test_transcode.c - lists and watches as objects, cut anywhere, projected, refused.
 *
 * Built twice: as it is, and with TARN_PORTABLE (no SSE2) by tests/fuzz. A run is written down as text - an event,
 * its key, its fields - so that two runs are compared by their text.
 */
#include <tarn/transcode.h>

#include <stdio.h>
#include <stdlib.h>

#include "fault.h"
#include "tarn_test.h"

/* ---- runs, written down --------------------------------------------------------------------- */

struct run {
    struct tarn_buf log;
    unsigned nslots;
    int stop_at; /* the n-th object is answered with 77; 0: none */
    int seen;
};

static int log_object(void *ctx, struct tarn_bytes type, const struct tarn_object *obj)
{
    struct run *r = ctx;
    struct tarn_value v;
    int err = tarn_buf_addf(&r->log, "%.*s|%.*s|%llu|%.*s|%s", TARN_BYTES_ARG(type), TARN_BYTES_ARG(tarn_object_key(obj)),
                            (unsigned long long)tarn_object_resource_version(obj), TARN_BYTES_ARG(tarn_object_uid(obj)),
                            tarn_object_flags(obj) & TARN_OBJECT_NO_META ? "no meta|" : "");

    for (unsigned i = 0; i < r->nslots && !err; i++) {
        err = tarn_buf_addf(&r->log, "slot %u=", i);
        if (!err && !tarn_object_slot(obj, i, &v))
            err = tarn_value_to_json(&v, 0, &r->log);
        err = err ? err : tarn_buf_adds(&r->log, "|");
    }
    err = err ? err : tarn_object_to_json(obj, &r->log);
    err = err ? err : tarn_buf_adds(&r->log, "\n");
    return ++r->seen == r->stop_at ? 77 : err;
}

static int log_end(void *ctx, const struct tarn_list_meta *m)
{
    struct run *r = ctx;

    return tarn_buf_addf(&r->log, "end %.*s %.*s rv=%.*s continue=%.*s left=%lld\n", TARN_BYTES_ARG(m->api_version),
                         TARN_BYTES_ARG(m->kind), TARN_BYTES_ARG(m->resource_version), TARN_BYTES_ARG(m->cont),
                         (long long)m->remaining_item_count);
}

static int log_skipped(void *ctx, int code, struct tarn_bytes key)
{
    struct run *r = ctx;

    int err = tarn_buf_addf(&r->log, "skipped %s ", tarn_error_name(code));

    err = err ? err : tarn_buf_add(&r->log, key.data, key.len); /* it may hold a NUL */
    return err ? err : tarn_buf_adds(&r->log, "\n");
}

/* Where to cut the input: every `step` bytes, beginning behind `first`; each piece in a block of its exact size. */
struct cut {
    size_t first, step;
};

static int feed_cut(struct tarn_transcoder *t, struct tarn_bytes text, struct cut cut, struct tarn_error *err)
{
    size_t at = 0, n = cut.first && cut.first < text.len ? cut.first : text.len;
    int code = 0;

    if (!cut.first)
        n = cut.step < text.len ? cut.step : text.len;
    while (at < text.len && !code) {
        char *piece = malloc(n);

        memcpy(piece, text.data + at, n);
        code = tarn_transcoder_feed(t, piece, n, err);
        free(piece);
        at += n;
        n = text.len - at < cut.step ? text.len - at : cut.step;
    }
    return code ? code : tarn_transcoder_end(t, err);
}

/* Feed text with these options; its log into r, an error as the log's last line too. */
static int run_cut(struct run *r, const struct tarn_transcode_options *o, struct tarn_bytes text, struct cut cut)
{
    struct tarn_transcode_sink sink = {.on_object = log_object, .on_list_end = log_end, .on_skipped = log_skipped, .ctx = r};
    struct tarn_error err = {0};
    struct tarn_transcoder *t;
    int code = tarn_transcoder_new(o, &sink, &t, &err);

    r->nslots = o->projection.nslots;
    if (code)
        return code;
    code = feed_cut(t, text, cut, &err);
    tarn_transcoder_free(t);
    if (code && tarn_buf_addf(&r->log, "error %s\n", tarn_error_name(code)))
        return TARN_E_NOMEM;
    return code;
}

static void expect_with(const struct tarn_transcode_options *o, const char *text, const char *expected)
{
    struct run r = {0};

    (void)run_cut(&r, o, tarn_bytes_of(text), (struct cut){0, SIZE_MAX});
    if (!tarn_bytes_equal(tarn_buf_bytes(&r.log), tarn_bytes_of(expected))) {
        fprintf(stderr, "--- in\n%s\n--- got\n%.*s--- expected\n%s", text, TARN_BYTES_ARG(tarn_buf_bytes(&r.log)), expected);
        CU_FAIL("another result was expected");
    }
    tarn_buf_release(&r.log);
}

static void expect(enum tarn_transcode_mode mode, const char *text, const char *expected)
{
    expect_with(&(struct tarn_transcode_options){.mode = mode}, text, expected);
}

/* The same text cut at every place once, and into pieces of every size up to 40, gives the same log. */
static void same_however_cut(const struct tarn_transcode_options *o, struct tarn_bytes text)
{
    struct run whole = {0};
    int code = run_cut(&whole, o, text, (struct cut){0, SIZE_MAX});

    for (size_t i = 0; i < text.len + 40; i++) {
        struct cut cut = i < text.len ? (struct cut){i, SIZE_MAX} : (struct cut){0, 1 + i - text.len};
        struct run r = {0};

        if (run_cut(&r, o, text, cut) != code || !tarn_bytes_equal(tarn_buf_bytes(&whole.log), tarn_buf_bytes(&r.log))) {
            fprintf(stderr, "cut at %zu step %zu:\n%.*s--- whole:\n%.*s", cut.first, cut.step,
                    TARN_BYTES_ARG(tarn_buf_bytes(&r.log)), TARN_BYTES_ARG(tarn_buf_bytes(&whole.log)));
            CU_FAIL("a cut changes the result");
            i = text.len + 40;
        }
        tarn_buf_release(&r.log);
    }
    tarn_buf_release(&whole.log);
}

/* ---- the three modes ---------------------------------------------------------------------------- */

static void a_list_gives_its_items_and_then_its_meta(void)
{
    expect(TARN_TRANSCODE_LIST,
           "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"9\",\"continue\":\"tok\","
           "\"remainingItemCount\":7,\"selfLink\":\"x\"},\"items\":[{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"5\","
           "\"uid\":\"u\"}},{\"metadata\":{\"name\":\"b\",\"namespace\":\"n\"}}]}\n",
           "|a|5|u|{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"5\",\"uid\":\"u\"}}\n"
           "|n/b|0||{\"metadata\":{\"name\":\"b\",\"namespace\":\"n\"}}\n"
           "end v1 PodList rv=9 continue=tok left=7\n");
}

static void the_keys_of_a_list_come_in_any_order(void)
{
    static const char item[] = "|a|0||{\"metadata\":{\"name\":\"a\"}}\n";
    static const char *const parts[] = {"\"kind\":\"WidgetList\"", "\"apiVersion\":\"x/v1\"",
                                        "\"metadata\":{\"continue\":\"\",\"resourceVersion\":\"9\"}",
                                        "\"items\":[{\"metadata\":{\"name\":\"a\"}}]", "\"other\":{\"items\":[{\"metadata\":{}}]}"};
    char expected[256];

    (void)snprintf(expected, sizeof expected, "%send x/v1 WidgetList rv=9 continue= left=-1\n", item);
    for (int first = 0; first < 5; first++)
        for (int step = 1; step < 5; step++) {
            char text[512] = "{";

            for (int k = 0; k < 5; k++) {
                strcat(text, k ? "," : "");
                strcat(text, parts[(first + k * step) % 5]);
            }
            strcat(text, "}");
            expect(TARN_TRANSCODE_LIST, text, expected);
        }
}

static void an_empty_list_has_an_end_and_no_items(void)
{
    static const char *const texts[] = {"{\"kind\":\"L\",\"items\":[]}", "{\"kind\":\"L\",\"items\":null}", "{\"kind\":\"L\"}",
                                        " { \"kind\" : \"L\" , \"items\" : [ ] } "};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect(TARN_TRANSCODE_LIST, texts[i], "end  L rv= continue= left=-1\n");
}

static void malformed_lists_are_errors(void)
{
    static const char *const texts[] = {"",     "[]",           "5",          "null",         "{\"items\":{}}", "{\"items\":5}",
                                        "{} {}", "{\"items\":[}", "{\"items\":[{]", "{\"items\":\"x\"}", "{", "{\"items\":[],}",
                                        "{\"items\":nil}"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct run r = {0};

        CU_ASSERT_EQUAL(run_cut(&r, &(struct tarn_transcode_options){.mode = TARN_TRANSCODE_LIST}, tarn_bytes_of(texts[i]),
                                (struct cut){0, SIZE_MAX}),
                        TARN_E_SYNTAX);
        tarn_buf_release(&r.log);
    }
}

static void items_seen_before_a_syntax_error_were_handed_out(void)
{
    expect(TARN_TRANSCODE_LIST, "{\"items\":[{\"metadata\":{\"name\":\"a\"}},{\"metadata\":x",
           "|a|0||{\"metadata\":{\"name\":\"a\"}}\nerror TARN_E_SYNTAX\n");
}

static void watch_events_come_out_when_they_close(void)
{
    expect(TARN_TRANSCODE_WATCH,
           "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}\n"
           "{\"object\":{\"metadata\":{\"name\":\"b\"}},\"type\":\"DELETED\"}{\"x\":[1,{\"type\":\"no\"}],\"type\":\"BOOKMARK\",\"object\":{"
           "\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":\"12\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}\r\n\n",
           "ADDED|a|0||{\"metadata\":{\"name\":\"a\"}}\n"
           "DELETED|b|0||{\"metadata\":{\"name\":\"b\"}}\n"
           "BOOKMARK||12||{\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":\"12\",\"annotations\":{"
           "\"k8s.io/initial-events-end\":\"true\"}}}\n");
}

static void an_error_event_carries_its_status(void)
{
    expect(TARN_TRANSCODE_WATCH,
           "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
           "\"reason\":\"Expired\",\"code\":410}}\n",
           "ERROR||0||{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"reason\":\"Expired\","
           "\"code\":410}\n");
    expect(TARN_TRANSCODE_WATCH, "{\"type\":\"ERROR\",\"object\":{\"code\":500}}", "ERROR||0||no meta|{\"code\":500}\n");
}

static void an_empty_watch_is_no_error(void)
{
    expect(TARN_TRANSCODE_WATCH, "", "");
    expect(TARN_TRANSCODE_WATCH, " \n\n", "");
}

static void malformed_watches_are_errors(void)
{
    static const char *const texts[] = {"{\"type\":\"ADDED\"}", "{\"object\":{}}", "[]", "{\"type\":\"ADDED\",\"object\":{}",
                                        "{\"type\":5,\"object\":{}}", "404 page not found", "{\"type\":\"ADDED\",\"object\":{}},"};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct run r = {0};

        CU_ASSERT_EQUAL(run_cut(&r, &(struct tarn_transcode_options){.mode = TARN_TRANSCODE_WATCH}, tarn_bytes_of(texts[i]),
                                (struct cut){0, SIZE_MAX}),
                        TARN_E_SYNTAX);
        tarn_buf_release(&r.log);
    }
}

static void of_two_objects_in_an_event_the_first_counts(void)
{
    expect(TARN_TRANSCODE_WATCH, "{\"type\":\"A\",\"object\":{\"metadata\":{\"name\":\"a\"}},\"object\":{\"metadata\":{\"name\":\"b\"}},\"type\":\"B\"}",
           "A|a|0||{\"metadata\":{\"name\":\"a\"}}\n");
}

static void errors_name_the_byte(void)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"{\"a\" 1}", "byte 5: expected ':' behind a key, found '1'"},
        {"[1 2]", "byte 3: expected ',' or ']', found '2'"},
        {"{\"a\":1 \"b\"}", "byte 7: expected ',' or '}', found '\"'"},
        {"{a", "byte 1: expected a key in double quotes, found 'a'"},
        {"[?", "byte 1: expected a value, found '?'"},
        {"[1] x", "byte 4: expected the end behind the document, found 'x'"},
        {"\"\\q\"", "byte 2: expected one of \"\\/bfnrtu behind a backslash, found 'q'"},
        {"\"\\u12G4\"", "byte 5: expected four hexadecimal digits behind \\u, found 'G'"},
        {"\"a\x01\"", "byte 2: a control character in a string; it must be escaped"},
        {"[\x01", "byte 1: expected a value, found byte 0x01"},
        {"[12", "byte 3: the input ended inside a document"},
        {"[01]", "byte 3: malformed number"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t step = 1; step < 20; step += 3) {
            struct tarn_transcode_options o = {.mode = TARN_TRANSCODE_OBJECT};
            struct run r = {0};
            struct tarn_transcode_sink sink = {.on_object = log_object, .ctx = &r};
            struct tarn_transcoder *t;
            struct tarn_error err = {0};

            CU_ASSERT_EQUAL_FATAL(tarn_transcoder_new(&o, &sink, &t, &err), 0);
            CU_ASSERT_NOT_EQUAL(feed_cut(t, tarn_bytes_of(rows[i].text), (struct cut){0, step}, &err), 0);
            CU_ASSERT_STRING_EQUAL(err.message, rows[i].message);
            CU_ASSERT_EQUAL(tarn_transcoder_feed(t, "1", 1, &err), TARN_E_INVAL); /* only reset and free are left */
            CU_ASSERT_EQUAL(tarn_transcoder_end(t, &err), TARN_E_INVAL);
            tarn_transcoder_reset(t);
            r.seen = 0;
            CU_ASSERT_EQUAL(feed_cut(t, TARN_BYTES("{\"a\":[1]}"), (struct cut){0, step}, &err), 0);
            CU_ASSERT_EQUAL(r.seen, 1);
            tarn_transcoder_free(t);
            tarn_buf_release(&r.log);
        }
}

/* ---- cut anywhere -------------------------------------------------------------------------------- */

static const char EVERYTHING[] =
    "{\"kind\":\"L\",\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[ {\"metadata\":{\"name\":\"\\u0061\",\"namespace\":\"n\","
    "\"managedFields\":[{\"f\":{\"k:{\\\"a\\\":1}\":{}}},\"]}\\\\\",5],\"labels\":{}},\"spec\":{\"empty\":[],\"eo\":{},\"t\":true,\"f\":false,"
    "\"z\":null,\"n\":[0,-1,12345678901234567890,1.5e-3,-0.25,1e300,18446744073709551616,123456789012345678,-128],\"s\":[\"\","
    "\"plain\",\"0123456789012345678901234567890\",\"01234567890123456789012345678901\",\"\\n\\t\\\"\\\\\\/\",\"\\u00e9\\u20ac\","
    "\"\\ud83d\\ude00\",\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 and more text behind it, longer than thirty-two bytes\"],"
    "\"many\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,[[[[]]]]]},\"nodeName\" : \"x\"} , [ 1 ] , {\"metadata\":{\"name\":\"b\"}}]}";

static void a_list_is_the_same_however_it_is_cut(void)
{
    static const char *const drop[] = {"metadata.managedFields"}, *const slots[] = {"spec.many", "nodeName", "spec.s[1]"};
    static const char *const keep[] = {"spec.s", "metadata.labels", "nodeName"};
    struct tarn_transcode_options o = {.mode = TARN_TRANSCODE_LIST};

    same_however_cut(&o, tarn_bytes_of(EVERYTHING));
    o.projection = (struct tarn_projection){.drop = drop, .ndrop = 1, .slots = slots, .nslots = 3};
    same_however_cut(&o, tarn_bytes_of(EVERYTHING));
    o.projection.keep = keep;
    o.projection.nkeep = 3;
    same_however_cut(&o, tarn_bytes_of(EVERYTHING));
    o.max_object_bytes = 256; /* the first item is too large */
    same_however_cut(&o, tarn_bytes_of(EVERYTHING));
}

static void a_watch_is_the_same_however_it_is_cut(void)
{
    static const char text[] = "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\"},\"s\":[1.25,\"\\ud83d\\ude00x\"]}}\n"
                               "{\"object\":{\"metadata\":{\"name\":\"b\\u0000\"}},\"type\":\"DELETED\"}\n{\"type\":\"ERROR\",\"object\":{\"code\":410}}\n";

    same_however_cut(&(struct tarn_transcode_options){.mode = TARN_TRANSCODE_WATCH}, tarn_bytes_of(text));
}

static void broken_text_is_the_same_error_however_it_is_cut(void)
{
    static const struct {
        const char *text;
        bool lenient;
    } rows[] = {
        {"{\"a\":[1,2,{\"b\":tru3}]}", false},
        {"{\"a\":\"\\ud83d\\u0041\"}", false},
        {"{\"a\":\"\\ud83d\\u0041 \\udc00 \\ud800\\ud83d\\ude00 \\ud800\\n \\ud800\xe2\x82 \xe2\x28\xa1 \xf0\x9f\x98 \xff\xff\"}", true},
        {"{\"a\":\"\xe2\x82\"}", false},
        {"{\"a\":1.}", false},
        {"{\"a\":-}", false},
        {"[1e400]", false},
        {"{\"metadata\":{\"name\":\"x\\u0000\"}}", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        same_however_cut(&(struct tarn_transcode_options){.mode = TARN_TRANSCODE_OBJECT, .lenient_utf8 = rows[i].lenient},
                         tarn_bytes_of(rows[i].text));
}

/* The four faults of the first prototype (ingest notes): each a place where a cut lost part of the state. */
static void a_resumed_comma_counts_its_element_once(void)
{
    struct tarn_transcode_options o = {.mode = TARN_TRANSCODE_OBJECT};

    same_however_cut(&o, TARN_BYTES("[1,\"a\",[2],{\"k\":3},true,[],{}]"));
    same_however_cut(&o, TARN_BYTES("{\"a\":1 , \"b\" : [ 1 , 2 ] , \"c\":{\"d\":4}}"));
}

static void an_opening_bracket_at_the_end_of_a_piece_may_still_close(void)
{
    struct tarn_transcode_options o = {.mode = TARN_TRANSCODE_OBJECT};

    same_however_cut(&o, TARN_BYTES("[[],{},[ ],{ },[[]]]"));
    same_however_cut(&o, TARN_BYTES("[1,]"));
    same_however_cut(&o, TARN_BYTES("{\"a\":1,}"));
}

static void a_drop_that_begins_at_the_end_of_a_piece_still_drops(void)
{
    static const char *const drop[] = {"d", "a[1]", "s"};
    struct tarn_transcode_options o = {.mode = TARN_TRANSCODE_OBJECT, .projection = {.drop = drop, .ndrop = 3}};

    same_however_cut(&o, TARN_BYTES("{\"d\" : {\"x\":[1,\"}\"]} , \"a\":[0,{\"y\":2},3],\"s\":\"text \\\" more\",\"e\":5}"));
    same_however_cut(&o, TARN_BYTES("{\"d\":-12.5,\"a\":[0,true],\"s\":null,\"e\":5}"));
}

static void backslashes_are_skipped_alike_in_pieces_of_any_size(void)
{
    static const char *const drop[] = {"d"};
    struct tarn_transcode_options o = {.mode = TARN_TRANSCODE_OBJECT, .projection = {.drop = drop, .ndrop = 1}};
    struct tarn_buf text = {0};
    int err = tarn_buf_adds(&text, "{\"d\":{");

    for (int i = 0; i < 70 && !err; i++) /* runs of backslashes over every border of a block */
        err = tarn_buf_addf(&text, "%s\"%.*s\":\"%.*s\\\\\\\"}]\"", i ? "," : "", i % 7 * 2, "\\\\\\\\\\\\\\\\\\\\\\\\\\\\", i % 5 * 2,
                            "\\\"\\\"\\\"\\\"\\\"");
    err = err ? err : tarn_buf_adds(&text, "},\"e\":[1]}");
    CU_ASSERT_EQUAL_FATAL(err, 0);
    same_however_cut(&o, tarn_buf_bytes(&text));
    /* what is no JSON is skipped alike too */
    same_however_cut(&o, TARN_BYTES("{\"d\":[\\\"}\\],\"e\":1]}],\"e\":2,\"pad\":\"01234567890123456789012345678901234567890123456789\"}"));
    tarn_buf_release(&text);
}

/* ---- projections ------------------------------------------------------------------------------------ */

static void dropped_paths_are_gone_and_the_rest_is_whole(void)
{
    static const char *const drop[] = {"metadata.managedFields", "status", "spec.containers[*].env", "a[1]",
                                       "metadata.annotations['kubectl.kubernetes.io/last-applied-configuration']"};

    expect_with(&(struct tarn_transcode_options){.mode = TARN_TRANSCODE_OBJECT, .projection = {.drop = drop, .ndrop = 5}},
                "{\"metadata\":{\"name\":\"a\",\"managedFields\":[{\"x\":\"]\"}],\"annotations\":{\"k\":\"v\",\"kubectl.kubernetes.io/"
                "last-applied-configuration\":\"{\\\"a\\\":1}\"},\"generation\":1},\"status\":null,\"spec\":{\"containers\":[{\"name\":\"c\","
                "\"env\":[1]},{\"env\":7}],\"status\":\"kept\"},\"a\":[1,2,3],\"status\":{}}",
                "|a|0||{\"metadata\":{\"name\":\"a\",\"annotations\":{\"k\":\"v\"},\"generation\":1},\"spec\":{\"containers\":[{\"name\":"
                "\"c\"},{}],\"status\":\"kept\"},\"a\":[1,3]}\n");
}

/* A streaming list's end is told by an annotation, a watch's end by a Status: neither is an object of the resource. */
static void a_projection_leaves_bookmarks_and_errors_whole(void)
{
    static const char *const drop[] = {"metadata.annotations", "message", "status"}, *const keep[] = {"spec"};
    struct tarn_transcode_options o = {.mode = TARN_TRANSCODE_WATCH, .projection = {.drop = drop, .ndrop = 3}};

#define BOOKMARK "{\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":\"7\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}},\"spec\":{}}"
#define STATUS "{\"kind\":\"Status\",\"metadata\":{},\"status\":\"Failure\",\"message\":\"too old\",\"reason\":\"Expired\",\"code\":410}"
#define POD "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\",\"annotations\":{\"x\":\"y\"}},\"spec\":{\"n\":1},\"status\":{}}"
    for (int i = 0; i < 2; i++) {
        expect_with(&o, "{\"type\":\"BOOKMARK\",\"object\":" BOOKMARK "}{\"type\":\"ERROR\",\"object\":" STATUS "}{\"type\":\"ADDED\",\"object\":" POD "}",
                    "BOOKMARK||7||" BOOKMARK "\nERROR||0||" STATUS "\nADDED|a|0||{\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\"},\"spec\":{\"n\":1}}\n");
        o.projection = (struct tarn_projection){.keep = keep, .nkeep = 1};
    }
    same_however_cut(&o, TARN_BYTES("{\"type\":\"BOOKMARK\",\"object\":" BOOKMARK "}\n{\"type\":\"ADDED\",\"object\":" POD "}\n{\"type\":\"ERROR\",\"object\":" STATUS "}"));
}

static void a_keep_only_projection_keeps_identity_and_what_is_named(void)
{
    static const char *const keep[] = {"metadata.labels", "spec.nodeName", "spec.containers[*].image", "list[1]"};
    static const char *const drop[] = {"metadata.labels.secret"};

    expect_with(&(struct tarn_transcode_options){.mode = TARN_TRANSCODE_OBJECT,
                                                 .projection = {.keep = keep, .nkeep = 4, .drop = drop, .ndrop = 1}},
                "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\",\"namespace\":\"n\",\"uid\":\"u\",\"resourceVersion\":"
                "\"3\",\"labels\":{\"a\":\"b\",\"secret\":\"x\",\"deep\":{\"all\":[1]}},\"annotations\":{}},\"spec\":{\"nodeName\":\"x\","
                "\"containers\":[{\"name\":\"c\",\"image\":\"i\"},5,\"s\",{\"image\":{\"y\":1}}],\"volumes\":[]},\"status\":{\"p\":1},"
                "\"list\":[1,2,3]}",
                "|n/a|3|u|{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\",\"namespace\":\"n\",\"uid\":\"u\","
                "\"resourceVersion\":\"3\",\"labels\":{\"a\":\"b\",\"deep\":{\"all\":[1]}}},\"spec\":{\"nodeName\":\"x\",\"containers\":["
                "{\"image\":\"i\"},{\"image\":{\"y\":1}}]},\"list\":[2]}\n");
}

static void slots_note_the_first_value_at_their_path(void)
{
    static const char *const slots[] = {"spec.nodeName", "metadata.name", "spec.c[*].image", "spec.c[1].image", "none", "spec"};

    expect_with(&(struct tarn_transcode_options){.mode = TARN_TRANSCODE_OBJECT, .projection = {.slots = slots, .nslots = 6}},
                "{\"spec\":{\"c\":[{\"x\":1},{\"image\":\"i1\"},{\"image\":\"i2\"}],\"nodeName\":\"n7\"},\"metadata\":{\"name\":\"a\"}}",
                "|a|0||slot 0=\"n7\"|slot 1=\"a\"|slot 2=\"i1\"|slot 3=\"i1\"|slot 4=|slot 5={\"c\":[{\"x\":1},{\"image\":\"i1\"},"
                "{\"image\":\"i2\"}],\"nodeName\":\"n7\"}|{\"spec\":{\"c\":[{\"x\":1},{\"image\":\"i1\"},{\"image\":\"i2\"}],\"nodeName\":"
                "\"n7\"},\"metadata\":{\"name\":\"a\"}}\n");
}

static void slots_follow_when_a_long_container_gets_its_header(void)
{
    static const char *const slots[] = {"m.k20", "m.k3[17]", "z"};
    struct tarn_buf text = {0}, expected = {0};
    int err = tarn_buf_adds(&text, "{\"m\":{");

    for (int i = 0; i < 30 && !err; i++) {
        err = tarn_buf_addf(&text, "%s\"k%d\":[", i ? "," : "", i);
        for (int k = 0; k < 20 && !err; k++)
            err = tarn_buf_addf(&text, "%s%d", k ? "," : "", 1000 * i + k);
        err = err ? err : tarn_buf_adds(&text, "]");
    }
    err = err ? err : tarn_buf_adds(&text, "},\"z\":\"last\"}");
    err = err ? err : tarn_buf_adds(&expected, "||0||no meta|slot 0=[");
    for (int k = 0; k < 20 && !err; k++)
        err = tarn_buf_addf(&expected, "%s%d", k ? "," : "", 20000 + k);
    err = err ? err : tarn_buf_addf(&expected, "]|slot 1=3017|slot 2=\"last\"|%.*s\n", TARN_BYTES_ARG(tarn_buf_bytes(&text)));
    err = err ? err : tarn_buf_add(&text, "", 1);
    err = err ? err : tarn_buf_add(&expected, "", 1);
    CU_ASSERT_EQUAL_FATAL(err, 0);
    expect_with(&(struct tarn_transcode_options){.mode = TARN_TRANSCODE_OBJECT, .projection = {.slots = slots, .nslots = 3}},
                text.data, expected.data);
    tarn_buf_release(&text);
    tarn_buf_release(&expected);
}

static void an_element_follows_its_index_and_the_star_alike(void)
{
    static const char *const slots[] = {"a[0].x", "a[*].y", "a[1].y", "a[*].x"};

    expect_with(&(struct tarn_transcode_options){.mode = TARN_TRANSCODE_OBJECT, .projection = {.slots = slots, .nslots = 4}},
                "{\"a\":[{\"x\":1,\"y\":2},{\"x\":3,\"y\":4}]}",
                "||0||no meta|slot 0=1|slot 1=2|slot 2=4|slot 3=1|{\"a\":[{\"x\":1,\"y\":2},{\"x\":3,\"y\":4}]}\n");
}

static void options_that_cannot_be_are_refused_with_a_reason(void)
{
    static const char *const bad_path[] = {"a..b"}, *const name[] = {"metadata.name"}, *const meta[] = {"metadata"};
    static const char *many[60];
    const struct {
        struct tarn_transcode_options o;
        const char *says;
    } rows[] = {
        {{.projection = {.drop = bad_path, .ndrop = 1}}, "a..b"},
        {{.projection = {.keep = bad_path, .nkeep = 1}}, "a..b"},
        {{.projection = {.slots = bad_path, .nslots = 1}}, "a..b"},
        {{.projection = {.drop = name, .ndrop = 1}}, "cannot be dropped"},
        {{.projection = {.drop = meta, .ndrop = 1}}, "cannot be dropped"},
        {{.projection = {.slots = many, .nslots = 60}}, "60 slots"},
        {{.max_object_bytes = 100}, "max_object_bytes is 100"},
        {{.max_object_bytes = UINT32_MAX}, "max_object_bytes"},
        {{.mode = (enum tarn_transcode_mode)9}, "mode 9"},
    };

    for (size_t i = 0; i < 60; i++)
        many[i] = "a";
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tarn_transcode_sink sink = {.on_object = log_object};
        struct tarn_transcoder *t = NULL;
        struct tarn_error err = {0};

        CU_ASSERT_EQUAL(tarn_transcoder_new(&rows[i].o, &sink, &t, &err), TARN_E_INVAL);
        CU_ASSERT_PTR_NULL(t);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, rows[i].says));
    }
}

/* ---- objects that cannot be taken ---------------------------------------------------------------------- */

static void an_object_too_large_is_named_and_skipped(void)
{
    struct tarn_transcode_options o = {.mode = TARN_TRANSCODE_LIST, .max_object_bytes = 512};
    struct tarn_buf text = {0};
    int err = tarn_buf_addf(&text,
                            "{\"items\":[{\"metadata\":{\"name\":\"a\"}},{\"metadata\":{\"name\":\"big\",\"namespace\":\"n\"},\"s\":[{\"x\":\"%0600d\"},"
                            "\"]}\\\"\"],\"t\":{}},{\"metadata\":{\"name\":\"c\"}},{\"s\":\"%0700d\",\"metadata\":{\"name\":\"late\"}},{\"%0900d\":1},"
                            "{\"metadata\":{\"name\":\"%0520d\"}},{\"metadata\":{\"name\":\"d\"}}],\"metadata\":{\"resourceVersion\":\"5\"}}",
                            1, 2, 3, 4);

    err = err ? err : tarn_buf_add(&text, "", 1);
    CU_ASSERT_EQUAL_FATAL(err, 0);
    expect_with(&o, text.data,
                "|a|0||{\"metadata\":{\"name\":\"a\"}}\nskipped TARN_E_SIZE n/big\n|c|0||{\"metadata\":{\"name\":\"c\"}}\n"
                "skipped TARN_E_SIZE \nskipped TARN_E_SIZE \nskipped TARN_E_SIZE \n|d|0||{\"metadata\":{\"name\":\"d\"}}\n"
                "end   rv=5 continue= left=-1\n");
    text.len--;
    same_however_cut(&o, tarn_buf_bytes(&text));
    tarn_buf_release(&text);
}

static void the_cap_counts_the_whole_object_not_its_text(void)
{
    for (int pad = 150; pad < 260; pad++) {
        struct tarn_transcode_options o = {.mode = TARN_TRANSCODE_LIST, .max_object_bytes = 256};
        struct tarn_buf text = {0};
        const struct tarn_object *obj = NULL;
        struct run r = {0};
        int err = tarn_buf_addf(&text, "{\"metadata\":{\"name\":\"a\"},\"p\":\"%0*d\"}", pad, 1);

        CU_ASSERT_EQUAL_FATAL(err, 0);
        CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_buf_bytes(&text), &obj, NULL), 0);
        tarn_buf_clear(&text);
        err = tarn_buf_addf(&text, "{\"items\":[{\"metadata\":{\"name\":\"a\"},\"p\":\"%0*d\"}]}", pad, 1);
        CU_ASSERT_EQUAL_FATAL(err, 0);
        CU_ASSERT_EQUAL(run_cut(&r, &o, tarn_buf_bytes(&text), (struct cut){0, SIZE_MAX}), 0);
        CU_ASSERT_EQUAL(r.seen, tarn_object_size(obj) <= 256);
        tarn_object_unref(obj);
        tarn_buf_release(&text);
        tarn_buf_release(&r.log);
    }
}

static void an_object_too_deep_is_named_and_skipped(void)
{
    struct tarn_transcode_options o = {.mode = TARN_TRANSCODE_WATCH};
    struct run r = {0};
    struct tarn_buf text = {0};
    int err = tarn_buf_adds(&text, "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"deep\"},\"x\":");

    for (int i = 0; i < 12000 && !err; i++)
        err = tarn_buf_adds(&text, "[");
    for (int i = 0; i < 12000 && !err; i++)
        err = tarn_buf_adds(&text, "]");
    err = err ? err : tarn_buf_adds(&text, "}}{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"next\"}}}");
    CU_ASSERT_EQUAL_FATAL(err, 0);
    for (size_t step = 1000; step < 100000; step += 49000) {
        tarn_buf_clear(&r.log);
        CU_ASSERT_EQUAL(run_cut(&r, &o, tarn_buf_bytes(&text), (struct cut){0, step}), 0);
        CU_ASSERT_TRUE(tarn_bytes_equal(tarn_buf_bytes(&r.log),
                                        TARN_BYTES("skipped TARN_E_DEPTH deep\nADDED|next|0||{\"metadata\":{\"name\":\"next\"}}\n")));
    }
    tarn_buf_release(&r.log);
    tarn_buf_release(&text);
}

/* Each level is moved behind its header when it closes: 9000 levels would move gigabytes. */
static void long_arrays_nested_very_deep_cost_bounded_time(void)
{
    struct tarn_transcode_options o = {.mode = TARN_TRANSCODE_LIST};
    struct tarn_buf text = {0};
    struct run r = {0};
    int err = tarn_buf_adds(&text, "{\"items\":[{\"metadata\":{\"name\":\"costly\"},\"x\":");

    for (int i = 0; i < 9000 && !err; i++)
        err = tarn_buf_adds(&text, "[1,2,3,4,5,6,7,8,9,\"0123456789\",\"0123456789\",\"0123456789\",\"0123456789\",14,15,16,");
    err = err ? err : tarn_buf_adds(&text, "0");
    for (int i = 0; i < 9000 && !err; i++)
        err = tarn_buf_adds(&text, "]");
    err = err ? err : tarn_buf_adds(&text, "},{\"metadata\":{\"name\":\"b\"}}]}");
    CU_ASSERT_EQUAL_FATAL(err, 0);
    CU_ASSERT_EQUAL(run_cut(&r, &o, tarn_buf_bytes(&text), (struct cut){0, 16384}), 0);
    CU_ASSERT_TRUE(tarn_bytes_equal(tarn_buf_bytes(&r.log),
                                    TARN_BYTES("skipped TARN_E_DEPTH costly\n|b|0||{\"metadata\":{\"name\":\"b\"}}\n"
                                               "end   rv= continue= left=-1\n")));
    tarn_buf_release(&r.log);
    tarn_buf_release(&text);
}

static void a_bad_key_or_number_skips_that_object_alone(void)
{
    static const char expected[] = "skipped TARN_E_KEY n/a\0b\nskipped TARN_E_SIZE c\nskipped TARN_E_KEY \nskipped TARN_E_SIZE \n"
                                   "|d|0||{\"metadata\":{\"name\":\"d\"}}\nend   rv= continue= left=-1\n";
    static const char text[] =
           "{\"items\":[{\"metadata\":{\"name\":\"a\\u0000b\",\"namespace\":\"n\"}},{\"metadata\":{\"name\":\"c\"},\"x\":[1e999,{}]},"
           "{\"metadata\":{\"name\":[]}},1e999,{\"metadata\":{\"name\":\"d\"}}]}";
    struct tarn_transcode_options o = {.mode = TARN_TRANSCODE_LIST};
    struct run r = {0};

    CU_ASSERT_EQUAL(run_cut(&r, &o, tarn_bytes_of(text), (struct cut){0, SIZE_MAX}), 0);
    CU_ASSERT_TRUE(tarn_bytes_equal(tarn_buf_bytes(&r.log), TARN_BYTES(expected)));
    same_however_cut(&o, tarn_bytes_of(text));
    tarn_buf_release(&r.log);
}

static void a_receiver_can_end_the_feed(void)
{
    struct tarn_transcode_options o = {.mode = TARN_TRANSCODE_LIST};
    struct run r = {.stop_at = 2};

    CU_ASSERT_EQUAL(run_cut(&r, &o, TARN_BYTES("{\"items\":[1,2,3]}"), (struct cut){0, SIZE_MAX}), 77);
    CU_ASSERT_EQUAL(r.seen, 2);
    tarn_buf_release(&r.log);
}

/* ---- UTF-8 ------------------------------------------------------------------------------------------- */

static void invalid_utf8_becomes_what_go_makes_of_it(void)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"\"\xff\"", "\"\xef\xbf\xbd\""},
        {"\"\xe2\x82\"", "\"\xef\xbf\xbd\xef\xbf\xbd\""}, /* one for each byte, as utf8.DecodeRune */
        {"\"\xe2\x82x\"", "\"\xef\xbf\xbd\xef\xbf\xbdx\""},
        {"\"\xf0\x9f\x98\"", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\"\xe2\x82\xe2\x82\xac\"", "\"\xef\xbf\xbd\xef\xbf\xbd\xe2\x82\xac\""},
        {"\"\xed\xa0\x80\"", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\"\xc0\x80\"", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\"\\ud800\"", "\"\xef\xbf\xbd\""},
        {"\"\\udc00\"", "\"\xef\xbf\xbd\""},
        {"\"\\ud800\\ud800\\udc00\"", "\"\xef\xbf\xbd\xf0\x90\x80\x80\""},
        {"\"\\ud800\\u0041\"", "\"\xef\xbf\xbd" "A\""},
        {"\"\\ud800\\n\"", "\"\xef\xbf\xbd\\n\""},
        {"\"\\ud800x\"", "\"\xef\xbf\xbdx\""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tarn_transcode_options o = {.mode = TARN_TRANSCODE_OBJECT, .lenient_utf8 = true};
        char expected[64];
        struct run r = {0};

        (void)snprintf(expected, sizeof expected, "||0||no meta|%s\n", rows[i].out);
        expect_with(&o, rows[i].in, expected);
        same_however_cut(&o, tarn_bytes_of(rows[i].in));
        o.lenient_utf8 = false;
        CU_ASSERT_EQUAL(run_cut(&r, &o, tarn_bytes_of(rows[i].in), (struct cut){0, SIZE_MAX}), TARN_E_UTF8);
        tarn_buf_release(&r.log);
    }
}

static void strings_of_every_length_keep_their_bytes(void)
{
    struct tarn_buf text = {0};

    for (size_t len = 0; len < 70000; len += len < 300 ? 1 : 13103) {
        const struct tarn_object *o;
        struct tarn_value v;

        tarn_buf_clear(&text);
        CU_ASSERT_EQUAL_FATAL(tarn_buf_reserve(&text, len + 2), 0);
        text.data[0] = text.data[len + 1] = '"';
        for (size_t i = 0; i < len; i++)
            text.data[1 + i] = (char)('a' + i % 23);
        text.len = len + 2;
        CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_buf_bytes(&text), &o, NULL), 0);
        CU_ASSERT_EQUAL(tarn_value_parse(tarn_object_body(o), &v), 0);
        CU_ASSERT_EQUAL(v.type, TARN_STRING);
        if (!tarn_bytes_equal(v.string, (struct tarn_bytes){text.data + 1, len}))
            CU_FAIL("a string lost its bytes");
        CU_ASSERT_EQUAL(tarn_object_body(o).len, len + (len < 32 ? 1 : len < 256 ? 2 : len < 65536 ? 3 : 5)); /* minimal */
        tarn_object_unref(o);
    }
    tarn_buf_release(&text);
}

/* ---- recorded lists, memory, failing memory ------------------------------------------------------------- */

static struct tarn_buf read_data(const char *file)
{
    struct tarn_buf b = {0};
    char path[512];
    FILE *f;
    size_t n = 1;

    (void)snprintf(path, sizeof path, "%s/protocol/%s", TARN_TEST_DATA, file);
    f = fopen(path, "rb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    while (n) {
        CU_ASSERT_EQUAL_FATAL(tarn_buf_reserve(&b, 65536), 0);
        n = fread(b.data + b.len, 1, 65536, f);
        b.len += n;
    }
    (void)fclose(f);
    return b;
}

static void recorded_lists_are_the_same_in_pieces_of_any_size(void)
{
    static const char *const files[] = {"pods.json", "nodes.json", "widgets.json", "configmaps.json", "secrets.json", "services.json"};
    static const char *const drop[] = {"metadata.managedFields"};

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct tarn_buf text = read_data(files[i]);
        struct tarn_transcode_options o = {.mode = TARN_TRANSCODE_LIST, .projection = {.drop = drop, .ndrop = i % 2}};
        struct run whole = {0};

        CU_ASSERT_EQUAL(run_cut(&whole, &o, tarn_buf_bytes(&text), (struct cut){0, SIZE_MAX}), 0);
        CU_ASSERT(whole.seen > 0);
        for (size_t step = 1; step < 40000; step = step * 3 + 2) {
            struct run r = {0};

            CU_ASSERT_EQUAL(run_cut(&r, &o, tarn_buf_bytes(&text), (struct cut){0, step}), 0);
            CU_ASSERT_TRUE(tarn_bytes_equal(tarn_buf_bytes(&whole.log), tarn_buf_bytes(&r.log)));
            tarn_buf_release(&r.log);
        }
        tarn_buf_release(&whole.log);
        tarn_buf_release(&text);
    }
}

/* "TYPE key rv" of each. */
static int brief_object(void *ctx, struct tarn_bytes type, const struct tarn_object *obj)
{
    return tarn_buf_addf(ctx, "%.*s%s%.*s %llu\n", TARN_BYTES_ARG(type), type.len ? " " : "",
                         TARN_BYTES_ARG(tarn_object_key(obj)), (unsigned long long)tarn_object_resource_version(obj));
}

static int brief_end(void *ctx, const struct tarn_list_meta *m)
{
    return tarn_buf_addf(ctx, "end %.*s rv=%.*s %s left=%lld\n", TARN_BYTES_ARG(m->kind), TARN_BYTES_ARG(m->resource_version),
                         m->cont.len ? "more" : "last", (long long)m->remaining_item_count);
}

static void recorded_answers_give_what_the_server_meant(void)
{
    static const struct {
        const char *file, *brief;
        enum tarn_transcode_mode mode;
    } rows[] = {
        {"watch-changes.ndjson", "ADDED proto/brief 294\nMODIFIED proto/brief 295\nMODIFIED proto/brief 296\nMODIFIED proto/brief 297\nDELETED proto/brief 298\n",
         TARN_TRANSCODE_WATCH},
        {"watch-bookmarks.ndjson", "BOOKMARK  315\n", TARN_TRANSCODE_WATCH},
        {"expire-watch.ndjson", "ERROR  0\n", TARN_TRANSCODE_WATCH},
        {"oldetcd-watch-rv0.ndjson", "ERROR  0\n", TARN_TRANSCODE_WATCH},
        {"list-empty.json", "end PodList rv=214 last left=-1\n", TARN_TRANSCODE_LIST},
        {"list-page-1.json", "proto/web-0 201\nproto/web-1 203\nend PodList rv=213 more left=3\n", TARN_TRANSCODE_LIST},
        {"list-pretty.json", "proto/cm-0 210\nend ConfigMapList rv=214 more left=3\n", TARN_TRANSCODE_LIST},
        {"form-protobuf-fallback.json", "proto/w0 293\nend WidgetList rv=293 last left=-1\n", TARN_TRANSCODE_LIST},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tarn_buf text = read_data(rows[i].file), brief = {0};
        struct tarn_transcode_options o = {.mode = rows[i].mode};
        struct tarn_transcode_sink sink = {.on_object = brief_object, .on_list_end = brief_end, .ctx = &brief};
        struct tarn_transcoder *t;

        CU_ASSERT_EQUAL_FATAL(tarn_transcoder_new(&o, &sink, &t, NULL), 0);
        CU_ASSERT_EQUAL(feed_cut(t, tarn_buf_bytes(&text), (struct cut){0, 700}, NULL), 0);
        if (!tarn_bytes_equal(tarn_buf_bytes(&brief), tarn_bytes_of(rows[i].brief))) {
            fprintf(stderr, "%s:\n%.*s", rows[i].file, TARN_BYTES_ARG(tarn_buf_bytes(&brief)));
            CU_FAIL("a recorded answer gives something else");
        }
        tarn_transcoder_free(t);
        tarn_buf_release(&text);
        tarn_buf_release(&brief);
    }
}

/* 18446744073709551615 comes back from a real server as 18446744073709552000, which fits no 64-bit integer. */
static void the_numbers_of_a_real_server_keep_their_values(void)
{
    static const char expected[] =
        "{\"color\":\"red\",\"extra\":{\"astral\":\"\xf0\x9f\x98\x80\",\"big\":1e+300,\"empty\":{},"
        "\"exp\":1e+21,\"html\":\"<a href=\\\"x\\\">&</a>\",\"list\":[],\"lone\":\"\xef\xbf\xbd\","
        "\"ls\":\"\xe2\x80\xa8\",\"max\":9223372036854775807,\"min\":-9223372036854775808,\"negzero\":0,"
        "\"nul\":\"\\u0000\",\"null\":null,\"one\":1,\"over\":9223372036854776000,\"slash\":\"/\","
        "\"third\":0.3333333333333333,\"tiny\":5e-324,\"u64\":18446744073709552000.0},\"port\":\"http\","
        "\"ratio\":1,\"size\":9223372036854775807}";
    struct tarn_buf text = read_data("cr-numbers.json");
    const struct tarn_object *o;
    struct tarn_buf spec = {0};
    struct tarn_value v;

    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_buf_bytes(&text), &o, NULL), 0);
    CU_ASSERT_EQUAL(tarn_object_get(o, "spec", &v), 0);
    CU_ASSERT_EQUAL(tarn_value_to_json(&v, 0, &spec), 0);
    if (!tarn_bytes_equal(tarn_buf_bytes(&spec), tarn_bytes_of(expected))) {
        fprintf(stderr, "%.*s\n", TARN_BYTES_ARG(tarn_buf_bytes(&spec)));
        CU_FAIL("a number changed");
    }
    tarn_buf_release(&spec);
    tarn_buf_release(&text);
    tarn_object_unref(o);
}

/* Escapes and other than ASCII at every place of a block and of what is looked at ahead. */
static void strings_are_the_same_wherever_their_special_bytes_stand(void)
{
    static const struct {
        const char *json, *text;
        size_t len;
    } specials[] = {{"\\n", "\n", 1}, {"\\u20ac", "\xe2\x82\xac", 3}, {"\xe2\x82\xac", "\xe2\x82\xac", 3}, {"\\\\", "\\", 1},
                    {"\\ud83d\\ude00", "\xf0\x9f\x98\x80", 4}};
    struct tarn_buf json = {0}, expected = {0};
    int err = 0;

    for (size_t at = 0; at < 140; at++)
        for (size_t k = 0; k < sizeof specials / sizeof *specials; k++)
            for (size_t after = 0; after < 70 && !err; after += 1 + after / 3) {
                const struct tarn_object *o = NULL;
                struct tarn_value v = {0};
                char *exact;

                tarn_buf_clear(&json);
                tarn_buf_clear(&expected);
                err = tarn_buf_addf(&json, "\"%0*d%s%0*d\"", (int)at + 1, 0, specials[k].json, (int)after + 1, 0);
                err = err ? err : tarn_buf_addf(&expected, "%0*d%s%0*d", (int)at + 1, 0, specials[k].text, (int)after + 1, 0);
                exact = malloc(json.len); /* AddressSanitizer sees a read behind it */
                memcpy(exact, json.data, json.len);
                err = err ? err : tarn_object_from_json((struct tarn_bytes){exact, json.len}, &o, NULL);
                err = err ? err : tarn_value_parse(tarn_object_body(o), &v);
                if (!err && !tarn_bytes_equal(v.string, tarn_buf_bytes(&expected)))
                    CU_FAIL("a string is not what was written");
                tarn_object_unref(o);
                free(exact);
            }
    CU_ASSERT_EQUAL(err, 0);
    tarn_buf_release(&json);
    tarn_buf_release(&expected);
}

static int ignore_object(void *ctx, struct tarn_bytes type, const struct tarn_object *obj)
{
    (void)ctx;
    (void)type;
    (void)obj;
    return 0;
}

static void memory_is_bounded_by_the_largest_object(void)
{
    struct tarn_transcode_options o = {.mode = TARN_TRANSCODE_LIST};
    struct tarn_transcode_sink sink = {.on_object = ignore_object};
    struct tarn_transcoder *t;
    struct tarn_buf text = read_data("pods.json");
    struct tarn_bytes items = {strstr(text.data, "\"items\":[") + 9, 0};
    int err;

    items.len = (size_t)(text.data + text.len - items.data) - 2;
    while (items.data[items.len - 1] != '}' || items.data[items.len] != ']')
        items.len--;
    CU_ASSERT_EQUAL_FATAL(tarn_transcoder_new(&o, &sink, &t, NULL), 0);
    err = tarn_transcoder_feed(t, "{\"items\":[", 10, NULL);
    for (int i = 0; i < 30 && !err; i++) { /* 13 MB */
        err = i ? tarn_transcoder_feed(t, ",", 1, NULL) : 0;
        err = err ? err : tarn_transcoder_feed(t, items.data, items.len, NULL);
    }
    err = err ? err : tarn_transcoder_feed(t, "]}", 2, NULL);
    CU_ASSERT_EQUAL(err, 0);
    CU_ASSERT_EQUAL(tarn_transcoder_end(t, NULL), 0);
    CU_ASSERT(tarn_transcoder_memory(t) < 300000);
    tarn_transcoder_free(t);
    tarn_buf_release(&text);
}

static void transcoding_survives_any_failed_allocation(void)
{
    static const char *const drop[] = {"metadata.managedFields", "a[*].b"}, *const slots[] = {"spec.x"};
    struct tarn_transcode_options o = {.mode = TARN_TRANSCODE_LIST, .max_object_bytes = 1 << 20,
                                       .projection = {.drop = drop, .ndrop = 2, .slots = slots, .nslots = 1}};
    struct tarn_transcode_sink sink = {.on_object = ignore_object};
    struct tarn_buf text = {0};
    long n, blocks;
    int err = tarn_buf_adds(&text, "{\"items\":[{\"metadata\":{\"name\":\"\\u0000\"},\"x\":");

    for (int i = 0; i < 500 && !err; i++)
        err = tarn_buf_adds(&text, "[");
    err = err ? err : tarn_buf_adds(&text, "1234567890123456789012345678901234567890.5");
    for (int i = 0; i < 500 && !err; i++)
        err = tarn_buf_adds(&text, "]");
    err = err ? err : tarn_buf_addf(&text, ",\"n\":%0200d1},{\"big\":\"%0300000d\"},{\"metadata\":{\"name\":\"%03000d\"}}]}", 3, 1, 2);
    text.data[text.len - 1] = '}';
    CU_ASSERT_EQUAL_FATAL(err, 0);
    text.data[strstr(text.data, "\"n\":") - text.data + 4] = '1';
    blocks = tarn_fault_blocks();
    for (n = 0; n < 200; n++) {
        struct tarn_transcoder *t = NULL;

        tarn_fault_arm(n);
        err = tarn_transcoder_new(&o, &sink, &t, NULL);
        for (size_t at = 0; at < text.len && !err; at += 1000)
            err = tarn_transcoder_feed(t, text.data + at, text.len - at < 1000 ? text.len - at : 1000, NULL);
        err = err ? err : tarn_transcoder_end(t, NULL);
        tarn_transcoder_free(t);
        CU_ASSERT_EQUAL(err, tarn_fault_disarm() ? TARN_E_NOMEM : 0);
        CU_ASSERT_EQUAL(tarn_fault_blocks(), blocks);
        if (!err)
            break;
    }
    CU_ASSERT(n > 20 && n < 200);
    tarn_buf_release(&text);
}

TARN_TEST_MAIN("transcode", TARN_TEST(a_list_gives_its_items_and_then_its_meta), TARN_TEST(the_keys_of_a_list_come_in_any_order),
               TARN_TEST(an_empty_list_has_an_end_and_no_items), TARN_TEST(malformed_lists_are_errors),
               TARN_TEST(items_seen_before_a_syntax_error_were_handed_out), TARN_TEST(watch_events_come_out_when_they_close),
               TARN_TEST(an_error_event_carries_its_status), TARN_TEST(an_empty_watch_is_no_error),
               TARN_TEST(malformed_watches_are_errors), TARN_TEST(of_two_objects_in_an_event_the_first_counts),
               TARN_TEST(errors_name_the_byte), TARN_TEST(a_list_is_the_same_however_it_is_cut),
               TARN_TEST(a_watch_is_the_same_however_it_is_cut), TARN_TEST(broken_text_is_the_same_error_however_it_is_cut),
               TARN_TEST(a_resumed_comma_counts_its_element_once),
               TARN_TEST(an_opening_bracket_at_the_end_of_a_piece_may_still_close),
               TARN_TEST(a_drop_that_begins_at_the_end_of_a_piece_still_drops),
               TARN_TEST(backslashes_are_skipped_alike_in_pieces_of_any_size),
               TARN_TEST(dropped_paths_are_gone_and_the_rest_is_whole),
               TARN_TEST(a_projection_leaves_bookmarks_and_errors_whole), TARN_TEST(a_keep_only_projection_keeps_identity_and_what_is_named),
               TARN_TEST(slots_note_the_first_value_at_their_path), TARN_TEST(slots_follow_when_a_long_container_gets_its_header),
               TARN_TEST(an_element_follows_its_index_and_the_star_alike),
               TARN_TEST(options_that_cannot_be_are_refused_with_a_reason), TARN_TEST(an_object_too_large_is_named_and_skipped),
               TARN_TEST(the_cap_counts_the_whole_object_not_its_text), TARN_TEST(an_object_too_deep_is_named_and_skipped),
               TARN_TEST(long_arrays_nested_very_deep_cost_bounded_time),
               TARN_TEST(a_bad_key_or_number_skips_that_object_alone), TARN_TEST(a_receiver_can_end_the_feed),
               TARN_TEST(invalid_utf8_becomes_what_go_makes_of_it), TARN_TEST(strings_of_every_length_keep_their_bytes),
               TARN_TEST(recorded_lists_are_the_same_in_pieces_of_any_size), TARN_TEST(recorded_answers_give_what_the_server_meant),
               TARN_TEST(the_numbers_of_a_real_server_keep_their_values),
               TARN_TEST(strings_are_the_same_wherever_their_special_bytes_stand),
               TARN_TEST(memory_is_bounded_by_the_largest_object),
               TARN_TEST(transcoding_survives_any_failed_allocation))
