/* Keys of objects: K-1 ... K-12. */
#include <tarn/key.h>

#include <string.h>

#include "cache_fixture.h"
#include "tarn_test.h"

static bool is(struct tarn_bytes b, const char *text)
{
    return tarn_bytes_equal(b, tarn_bytes_of(text));
}

/* TestObjectNames, K-5, K-6: SplitMetaNamespaceKey and ParseObjectName check nothing but the number of slashes. */
static void a_key_splits_at_its_one_slash(void)
{
    static const struct {
        const char *key, *ns, *name;
        int code;
    } rows[] = {
        {"default/web-0", "default", "web-0", 0},
        {"node-7", "", "node-7", 0},
        {"", "", "", 0},
        {"x/", "x", "", 0},
        {"/x", "", "x", 0},
        {"/", "", "", 0},
        {"a/b/c", NULL, NULL, TARN_E_KEY_FORMAT},
        {"//", NULL, NULL, TARN_E_KEY_FORMAT},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tarn_object_name n = {0};

        CU_ASSERT_EQUAL(tarn_key_split(tarn_bytes_of(rows[i].key), &n, NULL), rows[i].code);
        if (rows[i].code == 0)
            CU_ASSERT(is(n.namespace_, rows[i].ns) && is(n.name, rows[i].name));
    }
}

static void a_key_with_two_slashes_says_which(void)
{
    struct tarn_object_name n;
    struct tarn_error err = {0};

    CU_ASSERT_EQUAL(tarn_key_split(TARN_BYTES("a/b/c"), &n, &err), TARN_E_KEY_FORMAT);
    CU_ASSERT_STRING_EQUAL(err.message, "unexpected key format: \"a/b/c\"");
}

/* TestObjectNames, K-6 */
static void a_name_joins_to_the_key_it_was_split_from(void)
{
    static const char *const keys[] = {"default/web-0", "node-7", ""};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct tarn_object_name n;
        struct tarn_buf text = {0};

        CU_ASSERT_EQUAL(tarn_key_split(tarn_bytes_of(keys[i]), &n, NULL), 0);
        CU_ASSERT_EQUAL(tarn_key_join(&n, &text), 0);
        CU_ASSERT(is(tarn_buf_bytes(&text), keys[i]));
        tarn_buf_release(&text);
    }
}

/* K-2, K-3, K-4, K-9; TestDeltaFIFO_KeyOf, TestDeletedObjectGetKey (K-10) */
static void each_kind_of_object_has_the_key_its_key_function_says(void)
{
    const struct {
        const struct tarn_object *obj;
        int meta, deletion;
        const char *key;
    } rows[] = {
        {thing("n1/a@1"), 0, 0, "n1/a"},
        {thing("a@1"), 0, 0, "a"},
        {thing("n1/@1"), 0, 0, "n1/"},
        {thing_key("a/b/c"), 0, 0, "a/b/c"},
        {thing_key(""), 0, 0, ""},
        {thing_tombstone("n1/a", "n1/a@1"), TARN_E_NO_META, 0, "n1/a"},
        {thing_tombstone("n1/a", NULL), TARN_E_NO_META, 0, "n1/a"},
        {thing_without_meta(), TARN_E_NO_META, TARN_E_NO_META, NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tarn_buf scratch = {0};
        struct tarn_bytes key;

        CU_ASSERT_EQUAL(tarn_meta_namespace_key(NULL, rows[i].obj, &scratch, &key), rows[i].meta);
        CU_ASSERT_EQUAL(tarn_deletion_handling_key(NULL, rows[i].obj, &scratch, &key), rows[i].deletion);
        if (rows[i].deletion == 0)
            CU_ASSERT(is(key, rows[i].key));
        tarn_buf_release(&scratch);
        tarn_object_unref(rows[i].obj);
    }
}

/* TestDeletionHandlingObjectToName, TestDeletedObjectGetObjectName, K-6, K-10 */
static void names_of_objects_and_of_deleted_ones(void)
{
    const struct {
        const struct tarn_object *obj;
        int code, deletion;
        const char *ns, *name;
    } rows[] = {
        {thing("n1/a@1"), 0, 0, "n1", "a"},
        {thing("a"), 0, 0, "", "a"},
        {thing_tombstone("n1/a", "n1/b@1"), TARN_E_NO_META, 0, "n1", "a"},
        {thing_tombstone("a/b/c", NULL), TARN_E_NO_META, TARN_E_KEY_FORMAT, NULL, NULL},
        {thing_key("n1/a"), TARN_E_NO_META, TARN_E_NO_META, NULL, NULL},
        {thing_without_meta(), TARN_E_NO_META, TARN_E_NO_META, NULL, NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tarn_object_name n;

        CU_ASSERT_EQUAL(tarn_object_to_name(rows[i].obj, &n, NULL), rows[i].code);
        CU_ASSERT_EQUAL(tarn_deletion_handling_object_to_name(rows[i].obj, &n, NULL), rows[i].deletion);
        if (rows[i].deletion == 0)
            CU_ASSERT(is(n.namespace_, rows[i].ns) && is(n.name, rows[i].name));
        tarn_object_unref(rows[i].obj);
    }
}

/* TestKeyError, K-7 */
static void a_key_error_names_the_object_and_the_reason(void)
{
    const struct tarn_object *obj = thing_tombstone("n1/a", NULL);
    struct tarn_key_func f = tarn_key_func_meta_namespace();
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    struct tarn_error err = {0};

    CU_ASSERT_EQUAL(tarn_key_of(&f, obj, &scratch, &key, &err), TARN_E_KEY);
    CU_ASSERT_EQUAL(err.code, TARN_E_KEY);
    CU_ASSERT_STRING_EQUAL(err.message, "couldn't create key for object n1/a: object has no meta");
    tarn_buf_release(&scratch);
    tarn_object_unref(obj);
}

/* K-8, IndexFuncToKeyFuncAdapter */
static void an_index_function_serves_as_key_function_when_it_gives_one_value(void)
{
    static const struct {
        const char *word, *key;
        int code;
    } rows[] = {
        {"n1/a@1{app=web}", "app=web", 0},
        {"n1/a@1{app=web,tier=fe}", NULL, TARN_E_TOO_MANY_KEYS},
        {"n1/a@1", NULL, TARN_E_NO_INDEX_KEYS},
    };
    struct tarn_index_func labels;
    struct tarn_key_func f;

    CU_ASSERT_EQUAL_FATAL(tarn_index_func_builtin("labels", &labels, NULL), 0);
    f = tarn_key_func_from_index(&labels);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct tarn_object *obj = thing(rows[i].word);
        struct tarn_buf scratch = {0};
        struct tarn_bytes key;

        CU_ASSERT_EQUAL(f.fn(f.ctx, obj, &scratch, &key), rows[i].code);
        if (rows[i].code == 0)
            CU_ASSERT(is(key, rows[i].key));
        tarn_buf_release(&scratch);
        tarn_object_unref(obj);
    }
    tarn_index_func_release(&labels);
}

static int nul_key(void *ctx, const struct tarn_object *obj, struct tarn_buf *scratch, struct tarn_bytes *ret)
{
    (void)ctx;
    (void)obj;
    (void)scratch;
    *ret = (struct tarn_bytes){"a\0b", 3};
    return 0;
}

/* K-11 and the C addition below K-12: own key functions are free, but for NULs */
static void a_nul_in_a_key_is_a_key_error(void)
{
    const struct tarn_object *obj = thing("n1/a@1");
    struct tarn_key_func f = {.fn = nul_key};
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;

    CU_ASSERT_EQUAL(tarn_key_of(&f, obj, &scratch, &key, NULL), TARN_E_KEY);
    tarn_buf_release(&scratch);
    tarn_object_unref(obj);
}

TARN_TEST_MAIN("key", TARN_TEST(a_key_splits_at_its_one_slash), TARN_TEST(a_key_with_two_slashes_says_which),
               TARN_TEST(a_name_joins_to_the_key_it_was_split_from),
               TARN_TEST(each_kind_of_object_has_the_key_its_key_function_says),
               TARN_TEST(names_of_objects_and_of_deleted_ones), TARN_TEST(a_key_error_names_the_object_and_the_reason),
               TARN_TEST(an_index_function_serves_as_key_function_when_it_gives_one_value),
               TARN_TEST(a_nul_in_a_key_is_a_key_error))
