/* test_object.c - objects: made, counted, read by path, and read when their bytes lie. */
#include <tarn/object.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "fault.h"
#include "tarn_test.h"

static const char POD[] =
    "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"web-1\",\"namespace\":\"default\",\"uid\":\"u-1\","
    "\"resourceVersion\":\"4711\",\"labels\":{\"app\":\"web\",\"app.kubernetes.io/name\":\"shop\",\"n\":\"\"}},"
    "\"spec\":{\"nodeName\":\"node-7\",\"containers\":[{\"name\":\"a\",\"image\":\"i1\"},{\"name\":\"b\",\"ports\":"
    "[{\"containerPort\":80},{\"containerPort\":443}]}],\"priority\":-3,\"big\":18446744073709551615,\"hostNetwork\":true,"
    "\"nothing\":null,\"share\":0.25,\"pad\":\"%0*d\"},\"status\":{\"phase\":\"Running\"}}";

/* The pod above with this much padding: over 512 bytes it has a table, below none. */
static const struct tarn_object *pod(int pad)
{
    struct tarn_buf text = {0};
    const struct tarn_object *o = NULL;
    struct tarn_error err = {0};

    CU_ASSERT_EQUAL_FATAL(tarn_buf_addf(&text, POD, pad, 0), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_buf_bytes(&text), &o, &err), 0);
    tarn_buf_release(&text);
    return o;
}

static const struct tarn_object *from(const char *json)
{
    const struct tarn_object *o = NULL;

    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_bytes_of(json), &o, NULL), 0);
    return o;
}

static bool is(struct tarn_bytes a, const char *b)
{
    return tarn_bytes_equal(a, tarn_bytes_of(b));
}

/* A value as JSON text, in a static buffer. */
static const char *show(const struct tarn_value *v)
{
    static char text[256];
    struct tarn_buf out = {0};

    CU_ASSERT_EQUAL(tarn_value_to_json(v, 0, &out), 0);
    (void)snprintf(text, sizeof text, "%.*s", TARN_BYTES_ARG(tarn_buf_bytes(&out)));
    tarn_buf_release(&out);
    return text;
}

static void identity_is_read_from_the_header(void)
{
    const struct tarn_object *o = pod(1);

    CU_ASSERT_TRUE(is(tarn_object_key(o), "default/web-1"));
    CU_ASSERT_TRUE(is(tarn_object_namespace(o), "default"));
    CU_ASSERT_TRUE(is(tarn_object_name(o), "web-1"));
    CU_ASSERT_TRUE(is(tarn_object_uid(o), "u-1"));
    CU_ASSERT_EQUAL(tarn_object_resource_version(o), 4711);
    CU_ASSERT_TRUE(is(tarn_object_resource_version_text(o), "4711"));
    CU_ASSERT_EQUAL(tarn_object_flags(o), TARN_OBJECT_HEAP);
    CU_ASSERT_EQUAL(tarn_object_size(o) % 8, 0);
    tarn_object_unref(o);
}

static void the_key_is_made_as_by_client_go(void)
{
    static const struct {
        const char *json, *key, *ns, *name;
        int flags;
    } rows[] = {
        {"{\"metadata\":{\"name\":\"n\"}}", "n", "", "n", 0},
        {"{\"metadata\":{\"name\":\"n\",\"namespace\":\"\"}}", "n", "", "n", 0},
        {"{\"metadata\":{\"name\":\"n\",\"namespace\":null}}", "n", "", "n", 0},
        {"{\"metadata\":{\"namespace\":\"ns\",\"name\":\"n\"}}", "ns/n", "ns", "n", 0},
        {"{\"metadata\":{\"namespace\":\"ns\"}}", "ns/", "ns", "", 0},
        {"{\"metadata\":{}}", "", "", "", 0},
        {"{\"metadata\":null}", "", "", "", TARN_OBJECT_NO_META},
        {"{\"metadata\":[]}", "", "", "", TARN_OBJECT_NO_META},
        {"{\"spec\":{\"name\":\"x\"}}", "", "", "", TARN_OBJECT_NO_META},
        {"7", "", "", "", TARN_OBJECT_NO_META},
        {"{\"metadata\":{\"name\":\"a\",\"name\":\"b\"}}", "a", "", "a", 0}, /* of duplicates the first */
        {"{\"spec\":{\"metadata\":{\"name\":\"no\"}},\"metadata\":{\"name\":\"yes\"}}", "yes", "", "yes", 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct tarn_object *o = from(rows[i].json);

        CU_ASSERT_TRUE(is(tarn_object_key(o), rows[i].key));
        CU_ASSERT_TRUE(is(tarn_object_namespace(o), rows[i].ns));
        CU_ASSERT_TRUE(is(tarn_object_name(o), rows[i].name));
        CU_ASSERT_EQUAL(tarn_object_flags(o) & ~TARN_OBJECT_HEAP, rows[i].flags);
        tarn_object_unref(o);
    }
}

static void a_key_that_cannot_be_made_is_an_error(void)
{
    static const char *const rows[] = {
        "{\"metadata\":{\"name\":\"a\\u0000b\"}}",
        "{\"metadata\":{\"namespace\":\"\\u0000\",\"name\":\"a\"}}",
        "{\"metadata\":{\"name\":5}}",
        "{\"metadata\":{\"name\":{}}}",
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct tarn_object *o = NULL;
        struct tarn_error err = {0};

        CU_ASSERT_EQUAL(tarn_object_from_json(tarn_bytes_of(rows[i]), &o, &err), TARN_E_KEY);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "metadata.name"));
    }
}

static void a_long_key_is_legal_up_to_the_formats_limit(void)
{
    for (int len = 65530; len <= 65536; len += 5) { /* with "n/": 65532, 65537 */
        struct tarn_buf text = {0};
        const struct tarn_object *o = NULL;
        int err = tarn_buf_addf(&text, "{\"spec\":{\"x\":1},\"metadata\":{\"namespace\":\"n\",\"uid\":\"%0600d\",\"name\":\"%0*d\"}}",
                                5, len, 1);

        CU_ASSERT_EQUAL_FATAL(err, 0);
        err = tarn_object_from_json(tarn_buf_bytes(&text), &o, NULL);
        CU_ASSERT_EQUAL(err, len + 2 <= 65535 ? 0 : TARN_E_KEY);
        if (!err) {
            CU_ASSERT_EQUAL(tarn_object_key(o).len, (size_t)len + 2);
            CU_ASSERT_EQUAL(tarn_object_uid(o).len, 600);
            CU_ASSERT_TRUE(is(tarn_object_namespace(o), "n"));
        }
        tarn_object_unref(o);
        tarn_buf_release(&text);
    }
}

static void resource_versions_are_numbers_only_in_their_canonical_form(void)
{
    static const struct {
        const char *text;
        uint64_t rv;
    } rows[] = {
        {"1", 1}, {"18446744073709551615", UINT64_MAX}, {"18446744073709551616", 0}, {"99999999999999999999", 0},
        {"0", 0}, {"01", 0}, {"", 0}, {"-1", 0}, {"12a", 0}, {" 1", 0}, {"123456789012345678901234567890", 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char json[128];
        const struct tarn_object *o;

        (void)snprintf(json, sizeof json, "{\"metadata\":{\"name\":\"n\",\"resourceVersion\":\"%s\"}}", rows[i].text);
        o = from(json);
        CU_ASSERT_EQUAL(tarn_object_resource_version(o), rows[i].rv);
        CU_ASSERT_TRUE(is(tarn_object_resource_version_text(o), rows[i].text));
        tarn_object_unref(o);
    }
}

static void paths_lead_to_values_with_the_table_and_without(void)
{
    static const struct {
        const char *path;
        int err;
        const char *json;
    } rows[] = {
        {"kind", 0, "\"Pod\""},
        {"metadata.name", 0, "\"web-1\""},
        {"metadata.labels.app", 0, "\"web\""},
        {"metadata.labels['app.kubernetes.io/name']", 0, "\"shop\""},
        {"metadata['labels'][\"app\"]", 0, "\"web\""},
        {"['metadata'].name", 0, "\"web-1\""},
        {"spec.nodeName", 0, "\"node-7\""},
        {"spec.containers[0].image", 0, "\"i1\""},
        {"spec.containers[1].ports[1].containerPort", 0, "443"},
        {"spec.containers[1].ports", 0, "[{\"containerPort\":80},{\"containerPort\":443}]"},
        {"spec.priority", 0, "-3"},
        {"spec.big", 0, "18446744073709551615"},
        {"spec.hostNetwork", 0, "true"},
        {"spec.nothing", 0, "null"},
        {"spec.share", 0, "0.25"},
        {"status", 0, "{\"phase\":\"Running\"}"},
        {"status.phase", 0, "\"Running\""},
        {"name", TARN_E_NOTFOUND, NULL},        /* only metadata has it */
        {"spec.name", TARN_E_NOTFOUND, NULL},
        {"spec.phase", TARN_E_NOTFOUND, NULL},  /* only status has it */
        {"nodeName", TARN_E_NOTFOUND, NULL},
        {"spec.nodeName.x", TARN_E_NOTFOUND, NULL},
        {"spec.containers[2]", TARN_E_NOTFOUND, NULL},
        {"spec.containers.name", TARN_E_NOTFOUND, NULL},
        {"spec[0]", TARN_E_NOTFOUND, NULL},
        {"kind.x.y", TARN_E_NOTFOUND, NULL},
        {"", TARN_E_INVAL, NULL},
        {".", TARN_E_INVAL, NULL},
        {"a.", TARN_E_INVAL, NULL},
        {"spec..x", TARN_E_INVAL, NULL},
        {"missing..x", TARN_E_INVAL, NULL},
        {"spec.missing[", TARN_E_INVAL, NULL},
        {"spec.containers[x]", TARN_E_INVAL, NULL},
        {"spec.containers[-1]", TARN_E_INVAL, NULL},
        {"spec.containers[4294967296]", TARN_E_INVAL, NULL},
        {"spec.containers[0", TARN_E_INVAL, NULL},
        {"spec.containers[*].name", TARN_E_INVAL, NULL},
        {"missing[*]", TARN_E_INVAL, NULL},
        {"metadata['labels", TARN_E_INVAL, NULL},
        {"metadata['labels'", TARN_E_INVAL, NULL},
        {"a]b", TARN_E_INVAL, NULL},
    };
    const struct tarn_object *objects[] = {pod(1), pod(600)};

    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            struct tarn_value v, root;
            int err = tarn_object_get(objects[k], rows[i].path, &v);

            if (err != rows[i].err)
                fprintf(stderr, "%s: %d\n", rows[i].path, err);
            CU_ASSERT_EQUAL(err, rows[i].err);
            if (!err)
                CU_ASSERT_STRING_EQUAL(show(&v), rows[i].json);
            CU_ASSERT_EQUAL(tarn_value_parse(tarn_object_body(objects[k]), &root), 0);
            CU_ASSERT_EQUAL(tarn_value_get(&root, rows[i].path, &v), rows[i].err); /* by scanning alone */
            if (!err)
                CU_ASSERT_STRING_EQUAL(show(&v), rows[i].json);
        }
    tarn_object_unref(objects[0]);
    tarn_object_unref(objects[1]);
}

static void typed_getters_say_what_is_wrong(void)
{
    const struct tarn_object *o = pod(1);
    struct tarn_bytes s = TARN_BYTES("untouched");

    CU_ASSERT_EQUAL(tarn_object_get_string(o, "spec.nodeName", &s), 0);
    CU_ASSERT_TRUE(is(s, "node-7"));
    CU_ASSERT_EQUAL(tarn_object_get_string(o, "spec.priority", &s), TARN_E_TYPE);
    CU_ASSERT_EQUAL(tarn_object_get_string(o, "spec.none", &s), TARN_E_NOTFOUND);
    CU_ASSERT_TRUE(is(s, "node-7"));
    CU_ASSERT_EQUAL(tarn_object_label(o, TARN_BYTES("app.kubernetes.io/name"), &s), 0);
    CU_ASSERT_TRUE(is(s, "shop"));
    CU_ASSERT_EQUAL(tarn_object_label(o, TARN_BYTES("n"), &s), 0);
    CU_ASSERT_EQUAL(s.len, 0);
    CU_ASSERT_EQUAL(tarn_object_label(o, TARN_BYTES("none"), &s), TARN_E_NOTFOUND);
    tarn_object_unref(o);
}

static int append(void *ctx, const struct tarn_value *v)
{
    return tarn_buf_addf(ctx, "%s;", show(v));
}

static int stop_at_once(void *ctx, const struct tarn_value *v)
{
    (void)ctx;
    (void)v;
    return 77;
}

static void a_path_with_a_star_visits_every_branch(void)
{
    static const struct {
        const char *path;
        int err;
        const char *seen;
    } rows[] = {
        {"spec.containers[*].name", 0, "\"a\";\"b\";"},
        {"spec.containers[*].ports[*].containerPort", 0, "80;443;"},
        {"spec.containers[1].ports[*]", 0, "{\"containerPort\":80};{\"containerPort\":443};"},
        {"spec.nodeName", 0, "\"node-7\";"},
        {"spec.none[*].x", 0, ""},
        {"spec.nodeName[*]", 0, ""},
        {"spec[", TARN_E_INVAL, ""},
    };
    const struct tarn_object *o = pod(600);
    struct tarn_buf seen = {0};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tarn_buf_clear(&seen);
        CU_ASSERT_EQUAL(tarn_object_each(o, rows[i].path, append, &seen), rows[i].err);
        CU_ASSERT_TRUE(tarn_bytes_equal(tarn_buf_bytes(&seen), tarn_bytes_of(rows[i].seen)));
    }
    CU_ASSERT_EQUAL(tarn_object_each(o, "spec.containers[*]", stop_at_once, NULL), 77);
    tarn_buf_release(&seen);
    tarn_object_unref(o);
}

static void walking_a_map_gives_each_pair_once(void)
{
    const struct tarn_object *o = from("{\"a\":1,\"b\":[1,[2,{\"x\":3}]],\"c\":{\"d\":{}}}");
    struct tarn_value it, v;
    struct tarn_bytes key;
    struct tarn_buf seen = {0};
    int more;

    CU_ASSERT_EQUAL(tarn_value_parse(tarn_object_body(o), &it), 0);
    while ((more = tarn_value_next(&it, &key, &v)) == 1)
        CU_ASSERT_EQUAL(tarn_buf_addf(&seen, "%.*s=%s ", TARN_BYTES_ARG(key), show(&v)), 0);
    CU_ASSERT_EQUAL(more, 0);
    CU_ASSERT_EQUAL(tarn_value_next(&it, &key, &v), 0);
    CU_ASSERT_TRUE(is(tarn_buf_bytes(&seen), "a=1 b=[1,[2,{\"x\":3}]] c={\"d\":{}} "));
    tarn_buf_release(&seen);
    tarn_object_unref(o);
}

static void references_are_counted_and_others_memory_is_copied(void)
{
    const struct tarn_object *o = pod(600), *again = tarn_object_ref(o), *copy;
    long before;
    char *region = calloc(1, 16 + tarn_object_size(o)), *mapped = region + 16;

    CU_ASSERT_PTR_EQUAL(o, again);
    tarn_object_unref(again);
    memcpy(mapped, o, tarn_object_size(o)); /* as a region would hold it, and with the flag left on: a lie */
    before = tarn_fault_blocks();
    copy = tarn_object_ref((const struct tarn_object *)mapped);
    CU_ASSERT_PTR_NOT_EQUAL(copy, (const struct tarn_object *)mapped);
    CU_ASSERT_EQUAL(tarn_fault_blocks(), before + 1);
    tarn_object_unref((const struct tarn_object *)mapped); /* the lie frees nothing */
    CU_ASSERT_EQUAL(tarn_fault_blocks(), before + 1);
    CU_ASSERT_EQUAL(memcmp(copy, o, tarn_object_size(o)), 0);
    tarn_object_unref(copy);
    CU_ASSERT_EQUAL(tarn_fault_blocks(), before);
    tarn_fault_arm(0);
    CU_ASSERT_PTR_NULL(tarn_object_ref((const struct tarn_object *)mapped));
    (void)tarn_fault_disarm();
    CU_ASSERT_PTR_NULL(tarn_object_ref(NULL));
    tarn_object_unref(NULL);
    free(region);
    tarn_object_unref(o);
}

/* A tombstone with its time and a key of its own. */
static void what_was_deleted_tells_when_and_what_it_was(void)
{
    static const char *const jsons[] = {
        "{\"metadata\":{\"name\":\"web-1\",\"namespace\":\"default\",\"uid\":\"u-1\",\"resourceVersion\":\"77\"},\"spec\":{\"nodeName\":\"n\"}}",
        "{\"metadata\":{\"name\":\"node-1\",\"uid\":\"u-2\"}}",
        "{\"metadata\":{\"name\":\"anon\",\"namespace\":\"d\"}}",
    };
    static const char *const keys[] = {"default/web-1/u-1", "node-1/u-2", "d/anon"}, *const spaces[] = {"default", "", "d"};

    for (size_t i = 0; i < 3; i++) {
        const struct tarn_object *obj, *gone, *copy, *tombstone;

        CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_bytes_of(jsons[i]), &obj, NULL), 0);
        CU_ASSERT_EQUAL_FATAL(tarn_object_new_deleted(obj, 1700000000123u, &gone), 0);
        CU_ASSERT(tarn_object_flags(gone) & TARN_OBJECT_TOMBSTONE);
        CU_ASSERT(tarn_bytes_equal(tarn_object_key(gone), tarn_bytes_of(keys[i])));
        CU_ASSERT(tarn_bytes_equal(tarn_object_namespace(gone), tarn_bytes_of(spaces[i])));
        CU_ASSERT(tarn_bytes_equal(tarn_object_uid(gone), tarn_object_uid(obj)));
        CU_ASSERT_EQUAL(tarn_object_resource_version(gone), tarn_object_resource_version(obj));
        CU_ASSERT_EQUAL(tarn_object_deleted_ms(gone), 1700000000123u);
        CU_ASSERT(tarn_object_size(gone) % 8 == 0 && tarn_object_body(gone).len == 0);
        copy = tarn_object_ref(tarn_object_final_state(gone)); /* of its own: not a part of gone any more */
        tarn_object_unref(gone);
        CU_ASSERT(tarn_bytes_equal(tarn_object_key(copy), tarn_object_key(obj)));
        CU_ASSERT(tarn_bytes_equal(tarn_object_body(copy), tarn_object_body(obj)));
        CU_ASSERT_EQUAL(tarn_object_deleted_ms(obj), 0);
        CU_ASSERT_EQUAL_FATAL(tarn_object_new_tombstone(TARN_BYTES("a/b"), obj, &tombstone), 0);
        CU_ASSERT_EQUAL(tarn_object_deleted_ms(tombstone), 0); /* one without a time */
        tarn_object_unref(tombstone);
        tarn_object_unref(copy);
        tarn_object_unref(obj);
    }
}

/* K-2: an explicit key is returned verbatim. K-9: a tombstone has a key and perhaps the last state. */
static void k2_k9_keys_and_tombstones_are_objects(void)
{
    static const struct {
        const char *key, *ns, *name;
    } rows[] = {{"a/b", "a", "b"}, {"b", "", "b"}, {"a/b/c", "", "a/b/c"}, {"", "", ""}, {"/x", "", "/x"}, {"a/", "a", ""}};
    const struct tarn_object *o, *t, *inner = pod(600), *kept;
    struct tarn_buf json = {0};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        CU_ASSERT_EQUAL_FATAL(tarn_object_new_explicit_key(tarn_bytes_of(rows[i].key), &o), 0);
        CU_ASSERT_TRUE(is(tarn_object_key(o), rows[i].key));
        CU_ASSERT_TRUE(is(tarn_object_namespace(o), rows[i].ns));
        CU_ASSERT_TRUE(is(tarn_object_name(o), rows[i].name));
        CU_ASSERT_EQUAL(tarn_object_flags(o), TARN_OBJECT_EXPLICIT_KEY | TARN_OBJECT_HEAP);
        CU_ASSERT_EQUAL(tarn_object_body(o).len, 0);
        CU_ASSERT_PTR_NULL(tarn_object_final_state(o));
        CU_ASSERT_EQUAL(tarn_object_get(o, "metadata.name", &(struct tarn_value){0}), TARN_E_NOTFOUND);
        tarn_object_unref(o);
    }
    CU_ASSERT_EQUAL_FATAL(tarn_object_new_tombstone(TARN_BYTES("default/web-1"), inner, &t), 0);
    CU_ASSERT_TRUE(is(tarn_object_key(t), "default/web-1"));
    CU_ASSERT_EQUAL(tarn_object_body(t).len, 0);
    CU_ASSERT_EQUAL(tarn_object_to_json(t, &json), TARN_E_NOTFOUND);
    CU_ASSERT_EQUAL(tarn_object_get(t, "metadata.name", &(struct tarn_value){0}), TARN_E_NOTFOUND);
    CU_ASSERT_EQUAL(tarn_object_flags(tarn_object_final_state(t)), 0);
    kept = tarn_object_ref(tarn_object_final_state(t));
    tarn_object_unref(t);
    CU_ASSERT_TRUE(tarn_bytes_equal(tarn_object_body(kept), tarn_object_body(inner)));
    tarn_object_unref(kept);
    tarn_object_unref(inner);
    CU_ASSERT_EQUAL_FATAL(tarn_object_new_tombstone(TARN_BYTES("k"), NULL, &t), 0);
    CU_ASSERT_PTR_NULL(tarn_object_final_state(t));
    tarn_object_unref(t);
    CU_ASSERT_EQUAL(tarn_object_new_explicit_key((struct tarn_bytes){"a\0b", 3}, &o), TARN_E_KEY);
}

static void objects_with_equal_content_have_equal_bytes(void)
{
    const struct tarn_object *a = pod(600), *noise = pod(37), *b = pod(600);

    CU_ASSERT_EQUAL(tarn_object_size(a), tarn_object_size(b));
    CU_ASSERT_EQUAL(memcmp(a, b, tarn_object_size(a)), 0);
    tarn_object_unref(a);
    tarn_object_unref(noise);
    tarn_object_unref(b);
}

static void duplicate_keys_are_found_alike_with_the_table_and_without(void)
{
    struct tarn_buf text = {0};
    const struct tarn_object *o;
    struct tarn_value v;

    CU_ASSERT_EQUAL_FATAL(tarn_buf_addf(&text, "{\"a\":{\"x\":1},\"a\":{\"x\":2,\"y\":3},\"b\":{\"x\":4,\"x\":5},\"pad\":\"%0600d\"}", 0), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_buf_bytes(&text), &o, NULL), 0);
    CU_ASSERT_EQUAL(tarn_object_get(o, "a.x", &v), 0);
    CU_ASSERT_EQUAL(v.i, 1);
    CU_ASSERT_EQUAL(tarn_object_get(o, "a.y", &v), TARN_E_NOTFOUND); /* the first "a" has none */
    CU_ASSERT_EQUAL(tarn_object_get(o, "b.x", &v), 0);
    CU_ASSERT_EQUAL(v.i, 4);
    tarn_object_unref(o);
    tarn_buf_release(&text);
}

static void many_keys_are_found_whether_they_fit_the_table_or_not(void)
{
    for (int n = 100; n <= 300; n += 40) {
        struct tarn_buf text = {0};
        const struct tarn_object *o;
        int err = tarn_buf_adds(&text, "{\"metadata\":{\"name\":\"n\"},\"d\":{");

        for (int i = 0; i < n && !err; i++)
            err = tarn_buf_addf(&text, "%s\"key-number-%d\":%d", i ? "," : "", i, i);
        err = err ? err : tarn_buf_adds(&text, "}}");
        CU_ASSERT_EQUAL_FATAL(err, 0);
        CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_buf_bytes(&text), &o, NULL), 0);
        for (int i = 0; i < n; i++) {
            struct tarn_value v = {0};
            char path[64];

            (void)snprintf(path, sizeof path, "d.key-number-%d", i);
            if (tarn_object_get(o, path, &v) || v.i != i)
                CU_FAIL("a key is not found");
        }
        CU_ASSERT_EQUAL(tarn_object_get(o, "d.key-number-1000", &(struct tarn_value){0}), TARN_E_NOTFOUND);
        CU_ASSERT_EQUAL(tarn_object_get(o, "e", &(struct tarn_value){0}), TARN_E_NOTFOUND);
        tarn_object_unref(o);
        tarn_buf_release(&text);
    }
}

/* ---- hostile bytes --------------------------------------------------------------------------- */

/* A mapping of TARN_OBJECT_BYTES_MAX bytes and the 16 before an object, between pages that must not be touched. */
struct guarded {
    char *all, *blob;
    size_t bytes;
};

static struct guarded guarded_new(void)
{
    struct guarded g = {.bytes = TARN_OBJECT_BYTES_MAX + 3 * 4096};

    g.all = mmap(NULL, g.bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CU_ASSERT_PTR_NOT_EQUAL_FATAL(g.all, MAP_FAILED);
    g.blob = g.all + 2 * 4096;
    CU_ASSERT_EQUAL_FATAL(mprotect(g.blob - 4096, 4096 + TARN_OBJECT_BYTES_MAX, PROT_READ | PROT_WRITE), 0);
    return g;
}

/* Touch the ends of what a getter gave: it must be inside the mapping. */
static unsigned touch(struct tarn_bytes b)
{
    return b.len ? (unsigned)b.data[0] + (unsigned)b.data[b.len - 1] : 0;
}

static unsigned read_everything(const struct tarn_object *o)
{
    static const char *const paths[] = {"metadata.name", "metadata.labels.app", "spec.containers[1].ports[1].containerPort",
                                        "spec.nodeName", "status.phase", "kind", "none.at.all"};
    struct tarn_bytes label = {0};
    struct tarn_value v = {0};
    struct tarn_buf out = {0};
    unsigned sum = touch(tarn_object_key(o)) + touch(tarn_object_namespace(o)) + touch(tarn_object_name(o)) +
                   touch(tarn_object_uid(o)) + touch(tarn_object_body(o)) + tarn_object_size(o);

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (!tarn_object_get(o, paths[i], &v) && v.type == TARN_STRING)
            sum += touch(v.string);
    for (unsigned i = 0; i < 4; i++)
        if (!tarn_object_slot(o, i, &v) && v.type == TARN_STRING)
            sum += touch(v.string);
    if (!tarn_object_label(o, TARN_BYTES("app"), &label))
        sum += touch(label);
    if (tarn_object_final_state(o))
        sum += tarn_object_size(tarn_object_final_state(o)) + touch(tarn_object_key(tarn_object_final_state(o)));
    if (!tarn_object_to_json(o, &out))
        sum += (unsigned)out.len;
    tarn_buf_release(&out);
    return sum;
}

static void lying_bytes_never_lead_outside(void)
{
    struct guarded g = guarded_new();
    const struct tarn_object *o = pod(600);
    uint32_t size = tarn_object_size(o), x = 12345;
    unsigned sum = 0;

    for (int round = 0; round < 30000; round++) {
        char *blob = g.blob + (round % 2 ? TARN_OBJECT_BYTES_MAX - size : 0); /* at either end */
        const struct tarn_object *copy;

        memcpy(blob, o, size);
        for (int k = 0; k < 1 + round % 4; k++) {
            x = x * 1664525 + 1013904223;
            blob[(x >> 8) % (round % 3 ? 96 : size)] = (char)(round % 5 ? x >> 24 : 0xff);
        }
        if (blob != g.blob && tarn_object_size((struct tarn_object *)blob) > size)
            continue; /* a mapping keeps TARN_OBJECT_BYTES_MAX readable behind its objects; here it does not */
        sum += read_everything((const struct tarn_object *)blob);
        copy = tarn_object_ref((const struct tarn_object *)blob);
        sum += read_everything(copy);
        tarn_object_unref(copy);
    }
    CU_ASSERT(sum != 0);
    (void)munmap(g.all, g.bytes);
    tarn_object_unref(o);
}

static void a_cut_body_is_corrupt_and_not_read_behind_its_end(void)
{
    const struct tarn_object *o = pod(1);
    struct tarn_bytes body = tarn_object_body(o);
    struct tarn_value root, v;

    for (size_t n = 0; n < body.len; n++) {
        char *cut = malloc(n ? n : 1); /* exact size: AddressSanitizer watches */
        struct tarn_buf out = {0};

        memcpy(cut, body.data, n);
        if (!tarn_value_parse((struct tarn_bytes){cut, n}, &root)) {
            CU_ASSERT_EQUAL(tarn_value_get(&root, "status.phase", &v), TARN_E_CORRUPT);
            CU_ASSERT_EQUAL(tarn_value_to_json(&root, 0, &out), TARN_E_CORRUPT);
        } else {
            CU_ASSERT_EQUAL(n, 0);
        }
        tarn_buf_release(&out);
        free(cut);
    }
    tarn_object_unref(o);
}

static void a_body_that_claims_to_be_endlessly_deep_is_refused(void)
{
    size_t n = 1u << 20;
    char *body = malloc(n);
    struct tarn_value root;
    struct tarn_buf out = {0};

    memset(body, 0x91, n); /* an array of an array of ... */
    CU_ASSERT_EQUAL(tarn_value_parse((struct tarn_bytes){body, n}, &root), 0);
    CU_ASSERT_EQUAL(tarn_value_to_json(&root, 0, &out), TARN_E_CORRUPT);
    CU_ASSERT_EQUAL(tarn_value_next(&root, NULL, &root), TARN_E_CORRUPT);
    tarn_buf_release(&out);
    free(body);
}

static void making_objects_survives_any_failed_allocation(void)
{
    long blocks = tarn_fault_blocks(), n;

    for (n = 0; n < 100; n++) {
        const struct tarn_object *o = NULL, *t = NULL;
        int err;

        tarn_fault_arm(n);
        err = tarn_object_from_json(TARN_BYTES("{\"metadata\":{\"name\":\"n\"},\"spec\":[[[[1e-300]]]]}"), &o, NULL);
        err = err ? err : tarn_object_new_tombstone(TARN_BYTES("n"), o, &t);
        CU_ASSERT_EQUAL(err, tarn_fault_disarm() ? TARN_E_NOMEM : 0);
        tarn_object_unref(o);
        tarn_object_unref(t);
        CU_ASSERT_EQUAL(tarn_fault_blocks(), blocks);
        if (!err)
            break;
    }
    CU_ASSERT(n > 10 && n < 100);
}

TARN_TEST_MAIN("object", TARN_TEST(identity_is_read_from_the_header), TARN_TEST(the_key_is_made_as_by_client_go),
               TARN_TEST(a_key_that_cannot_be_made_is_an_error), TARN_TEST(a_long_key_is_legal_up_to_the_formats_limit),
               TARN_TEST(resource_versions_are_numbers_only_in_their_canonical_form),
               TARN_TEST(paths_lead_to_values_with_the_table_and_without), TARN_TEST(typed_getters_say_what_is_wrong),
               TARN_TEST(a_path_with_a_star_visits_every_branch), TARN_TEST(walking_a_map_gives_each_pair_once),
               TARN_TEST(references_are_counted_and_others_memory_is_copied),
               TARN_TEST(k2_k9_keys_and_tombstones_are_objects), TARN_TEST(what_was_deleted_tells_when_and_what_it_was), TARN_TEST(objects_with_equal_content_have_equal_bytes),
               TARN_TEST(duplicate_keys_are_found_alike_with_the_table_and_without),
               TARN_TEST(many_keys_are_found_whether_they_fit_the_table_or_not), TARN_TEST(lying_bytes_never_lead_outside),
               TARN_TEST(a_cut_body_is_corrupt_and_not_read_behind_its_end),
               TARN_TEST(a_body_that_claims_to_be_endlessly_deep_is_refused),
               TARN_TEST(making_objects_survives_any_failed_allocation))
