/* The cache as a Store: S-1 ... S-15, S-20 ... S-22, K-7, K-12. Its indexes: test_index.c. */
#include <tarn/cache.h>

#include <stdio.h>
#include <string.h>

#include <tarn/key.h>
#include <tarn/thread_safe_store.h>

#include "cache_fixture.h"
#include "fake_objects.h"
#include "fault.h"
#include "tarn_test.h"

static struct tarn_store *cache(const struct tarn_cache_options *o)
{
    struct tarn_indexer *x = NULL;

    CU_ASSERT_EQUAL_FATAL(tarn_cache_new(o, &x, NULL), 0);
    return &x->store;
}

static struct tarn_indexer *indexer_of(struct tarn_store *s)
{
    return (struct tarn_indexer *)s; /* an indexer begins with its store */
}

/* TestCache, S-1, S-3, S-5, S-6, S-7 */
static void an_object_is_found_under_its_key_until_it_is_deleted(void)
{
    struct tarn_store *s = cache(NULL);

    CU_ASSERT_EQUAL(add(s, "n1/a@1"), 0);
    CU_ASSERT_EQUAL(add(s, "b@2"), 0);
    CU_ASSERT_STRING_EQUAL(got(s, "n1/a"), "n1/a@1");
    CU_ASSERT_STRING_EQUAL(got(s, "b"), "b@2");
    CU_ASSERT_STRING_EQUAL(got(s, "n1/b"), "none");
    CU_ASSERT_STRING_EQUAL(list_of(s), "b@2 n1/a@1");
    CU_ASSERT_STRING_EQUAL(keys_of(s), "b n1/a");
    CU_ASSERT_EQUAL(add(s, "n1/a@3"), 0); /* S-1: overwrites */
    CU_ASSERT_STRING_EQUAL(got(s, "n1/a"), "n1/a@3");
    CU_ASSERT_EQUAL(del(s, "n1/a@9"), 0); /* S-3: only the key counts */
    CU_ASSERT_STRING_EQUAL(list_of(s), "b@2");
    CU_ASSERT_EQUAL(del(s, "n1/a"), 0); /* S-3: unknown: no error */
    CU_ASSERT_EQUAL(tarn_cache_count(indexer_of(s)), 1);
    tarn_store_free(s);
}

/* TestCache, S-2 */
static void an_update_inserts_and_an_older_version_overwrites_a_newer(void)
{
    struct tarn_store *s = cache(NULL);

    CU_ASSERT_EQUAL(update(s, "a@7"), 0);
    CU_ASSERT_EQUAL(update(s, "a@5"), 0);
    CU_ASSERT_STRING_EQUAL(got(s, "a"), "a@5");
    tarn_store_free(s);
}

/* TestCache, S-4: a stub with only names is enough to ask */
static void get_asks_by_the_key_of_the_object_given(void)
{
    struct tarn_store *s = cache(NULL);
    const struct tarn_object *stub = thing("n1/a"), *keyless = thing_without_meta(), *found = NULL;

    CU_ASSERT_EQUAL(add(s, "n1/a@1"), 0);
    CU_ASSERT_EQUAL(tarn_store_get(s, stub, &found, NULL), 0);
    CU_ASSERT_STRING_EQUAL(word_of(found), "n1/a@1");
    tarn_object_unref(found);
    found = NULL;
    CU_ASSERT_EQUAL(tarn_store_get(s, keyless, &found, NULL), TARN_E_KEY); /* K-12 */
    CU_ASSERT_PTR_NULL(found);
    tarn_object_unref(stub);
    tarn_object_unref(keyless);
    tarn_store_free(s);
}

/* TestCache, S-8 */
static void replace_swaps_the_content_and_the_last_of_equal_keys_wins(void)
{
    struct tarn_store *s = cache(NULL);

    CU_ASSERT_EQUAL(replace(s, "a@1 b@1 c@1"), 0);
    CU_ASSERT_STRING_EQUAL(list_of(s), "a@1 b@1 c@1");
    CU_ASSERT_EQUAL(replace(s, "b@2 d@1 b@3"), 0);
    CU_ASSERT_STRING_EQUAL(list_of(s), "b@3 d@1");
    CU_ASSERT_EQUAL(replace(s, ""), 0);
    CU_ASSERT_STRING_EQUAL(list_of(s), "");
    tarn_store_free(s);
}

/* S-8: any failure leaves the store untouched; TestKeyError */
static void a_replace_with_one_bad_object_changes_nothing(void)
{
    struct tarn_store *s = cache(NULL);

    CU_ASSERT_EQUAL(replace(s, "a@1"), 0);
    CU_ASSERT_EQUAL(replace(s, "b@2 keyless c@2"), TARN_E_KEY);
    CU_ASSERT_STRING_EQUAL(list_of(s), "a@1");
    CU_ASSERT_STRING_EQUAL(rv_of(s), "1");
    CU_ASSERT_EQUAL(replace(s, "b@3"), 0); /* and another may follow */
    CU_ASSERT_STRING_EQUAL(list_of(s), "b@3");
    tarn_store_free(s);
}

static void nothing_of_a_replace_is_seen_before_its_commit_and_a_part_can_be_taken_out(void)
{
    struct tarn_store *s = cache(NULL);

    CU_ASSERT_EQUAL(add(s, "a@1"), 0);
    CU_ASSERT_EQUAL(s->ops->replace_begin(s, NULL), 0);
    CU_ASSERT_EQUAL(with(s, s->ops->replace_add, thing("b@2")), 0);
    CU_ASSERT_EQUAL(with(s, s->ops->replace_add, thing("c@2")), 0);
    CU_ASSERT_EQUAL(with(s, s->ops->replace_remove, thing("b@3")), 0);
    CU_ASSERT_EQUAL(with(s, s->ops->replace_remove, thing("z@3")), 0);
    CU_ASSERT_STRING_EQUAL(list_of(s), "a@1");
    CU_ASSERT_EQUAL(s->ops->replace_commit(s, TARN_BYTES("9"), NULL), 0);
    CU_ASSERT_STRING_EQUAL(list_of(s), "c@2");
    CU_ASSERT_EQUAL(s->ops->replace_begin(s, NULL), 0);
    CU_ASSERT_EQUAL(with(s, s->ops->replace_add, thing("d@3")), 0);
    s->ops->replace_abort(s);
    CU_ASSERT_STRING_EQUAL(list_of(s), "c@2");
    tarn_store_free(s);
}

/* S-9 */
static void resync_does_nothing(void)
{
    struct tarn_store *s = cache(NULL);

    CU_ASSERT_EQUAL(add(s, "a@1"), 0);
    CU_ASSERT_EQUAL(tarn_store_resync(s, NULL), 0);
    CU_ASSERT_STRING_EQUAL(list_of(s), "a@1");
    tarn_store_free(s);
}

/* Renames what it gets; refuses the version 666. */
static int rename_it(void *ctx, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err)
{
    ++*(int *)ctx;
    if (tarn_object_resource_version(obj) == 666)
        return tarn_error_set(err, TARN_E_INVAL, "the number of the beast");
    *ret = fake_object("{\"metadata\":{\"name\":\"renamed\",\"resourceVersion\":\"%llu\"}}",
                       (unsigned long long)tarn_object_resource_version(obj));
    return 0;
}

/* TestCacheWithTransformer, S-10; TestStoreResourceVersionWithNonMetaTransform, S-12 */
static void the_transformer_runs_after_the_key_was_made_and_not_for_deletes(void)
{
    int calls = 0;
    struct tarn_store *s = cache(&(struct tarn_cache_options){.transform = {.fn = rename_it, .ctx = &calls}});
    const struct tarn_object *bad = thing("b@666");
    struct tarn_error err = {0};

    CU_ASSERT_EQUAL(add(s, "a@1"), 0);
    CU_ASSERT_STRING_EQUAL(keys_of(s), "a");
    CU_ASSERT_STRING_EQUAL(got(s, "a"), "renamed@1");
    CU_ASSERT_EQUAL(tarn_store_add(s, bad, &err), TARN_E_TRANSFORM);
    CU_ASSERT_STRING_EQUAL(err.message, "transforming: the number of the beast");
    CU_ASSERT_EQUAL(replace(s, "c@2 b@666"), TARN_E_TRANSFORM);
    CU_ASSERT_STRING_EQUAL(keys_of(s), "a");
    CU_ASSERT_EQUAL(replace(s, "c@2"), 0);
    CU_ASSERT_STRING_EQUAL(got(s, "c"), "renamed@2");
    CU_ASSERT_EQUAL(calls, 5);
    CU_ASSERT_EQUAL(del(s, "c@666"), 0);
    CU_ASSERT_EQUAL(calls, 5);
    CU_ASSERT_STRING_EQUAL(keys_of(s), "");
    tarn_object_unref(bad);
    tarn_store_free(s);
}

static int fails_on_bad(void *ctx, const struct tarn_object *obj, struct tarn_index_values *out)
{
    struct tarn_bytes v;

    (void)ctx;
    if (tarn_object_label(obj, TARN_BYTES("bad"), &v) == 0)
        return TARN_E_TYPE;
    return tarn_index_values_add(out, tarn_object_name(obj));
}

/* TestCacheTransactionShouldIndexErrors, S-11, X-12 */
static void a_transaction_applies_what_can_be_applied_and_says_what_failed(void)
{
    struct tarn_index_func f = {.name = "f", .fn = fails_on_bad};
    struct tarn_store *s = cache(&(struct tarn_cache_options){.indexers = &f, .indexer_count = 1});
    struct tarn_txn txns[] = {
        {TARN_TXN_ADD, thing("a@2")},           {TARN_TXN_ADD, thing_without_meta()}, {TARN_TXN_UPDATE, thing("b@3")},
        {TARN_TXN_DELETE, thing("z@4")},        {TARN_TXN_ADD, thing("c@5{bad=1}")},  {TARN_TXN_DELETE, thing("x")},
        {TARN_TXN_DELETE, thing_without_meta()}, {TARN_TXN_UPDATE, thing("d@6")},
    };
    const int expected[] = {0, TARN_E_KEY, 0, 0, TARN_E_INDEX, 0, TARN_E_KEY, 0};
    size_t n = sizeof txns / sizeof *txns;
    int codes[8];
    struct tarn_error err = {0};

    CU_ASSERT_EQUAL(add(s, "z@1"), 0);
    CU_ASSERT_EQUAL(tarn_cache_transaction(indexer_of(s), txns, n, codes, &err), TARN_E_KEY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "3 of 8 changes failed"));
    CU_ASSERT_EQUAL(memcmp(codes, expected, sizeof expected), 0);
    CU_ASSERT_STRING_EQUAL(list_of(s), "a@2 b@3 d@6");
    CU_ASSERT_STRING_EQUAL(rv_of(s), "6"); /* S-12: that of the last change */
    CU_ASSERT_EQUAL(tarn_cache_transaction(indexer_of(s), txns, 1, NULL, NULL), 0);
    CU_ASSERT_EQUAL(tarn_cache_transaction(indexer_of(s), NULL, 0, NULL, NULL), 0);
    for (size_t i = 0; i < n; i++)
        tarn_object_unref(txns[i].obj);
    tarn_store_free(s);
}

/* TestThreadSafeStoreRV, TestStoreResourceVersion, S-12 */
static void the_resource_version_is_the_last_one_told_not_the_largest(void)
{
    struct tarn_store *s = cache(NULL);

    CU_ASSERT_STRING_EQUAL(rv_of(s), "");
    CU_ASSERT_EQUAL(add(s, "a@20"), 0);
    CU_ASSERT_EQUAL(add(s, "b@10"), 0);
    CU_ASSERT_STRING_EQUAL(rv_of(s), "10");
    CU_ASSERT_EQUAL(update(s, "b@15"), 0);
    CU_ASSERT_STRING_EQUAL(rv_of(s), "15");
    CU_ASSERT_EQUAL(del(s, "unknown@17"), 0); /* also of an unknown key */
    CU_ASSERT_STRING_EQUAL(rv_of(s), "17");
    CU_ASSERT_EQUAL(add(s, "c"), 0); /* without one: "" */
    CU_ASSERT_STRING_EQUAL(rv_of(s), "");
    CU_ASSERT_EQUAL(s->ops->bookmark(s, TARN_BYTES("12")), 0);
    CU_ASSERT_STRING_EQUAL(rv_of(s), "12");
    CU_ASSERT_EQUAL(s->ops->bookmark(s, TARN_BYTES("not-a-number")), 0);
    CU_ASSERT_STRING_EQUAL(rv_of(s), "not-a-number");
    CU_ASSERT_EQUAL(replace(s, "x@99"), 0);
    CU_ASSERT_STRING_EQUAL(rv_of(s), "1");
    CU_ASSERT_EQUAL(with(s, s->ops->add, thing_key("bare")), 0); /* no metadata: stays */
    CU_ASSERT_STRING_EQUAL(rv_of(s), "1");
    tarn_store_free(s);
}

/* S-12: a version that is no number is kept as it is */
static void a_resource_version_that_is_no_number_is_told_as_text(void)
{
    struct tarn_store *s = cache(NULL);

    CU_ASSERT_EQUAL(with(s, s->ops->add, fake_object("{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"v1-x\"}}")), 0);
    CU_ASSERT_STRING_EQUAL(rv_of(s), "v1-x");
    CU_ASSERT_EQUAL(with(s, s->ops->add, fake_object("{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"007\"}}")), 0);
    CU_ASSERT_STRING_EQUAL(rv_of(s), "007");
    tarn_store_free(s);
}

/* S-13 */
static void in_monotonic_mode_a_rewind_is_counted_and_the_largest_kept(void)
{
    struct tarn_store *s = cache(&(struct tarn_cache_options){.monotonic_rv = true});
    struct tarn_cache_counters c;

    CU_ASSERT_EQUAL(add(s, "a@20"), 0);
    CU_ASSERT_EQUAL(add(s, "b@10"), 0);
    CU_ASSERT_EQUAL(add(s, "b@21"), 0);
    CU_ASSERT_STRING_EQUAL(rv_of(s), "21");
    CU_ASSERT_EQUAL(replace(s, "a@1"), 0);
    CU_ASSERT_STRING_EQUAL(rv_of(s), "21");
    tarn_cache_counters(indexer_of(s), &c);
    CU_ASSERT_EQUAL(c.rv_rewinds, 2);
    tarn_store_free(s);
}

static int by_uid(void *ctx, const struct tarn_object *obj, struct tarn_buf *scratch, struct tarn_bytes *ret)
{
    (void)ctx;
    (void)scratch;
    *ret = tarn_object_uid(obj);
    return 0;
}

/* K-11, K-1 */
static void a_store_takes_any_key_function(void)
{
    struct tarn_store *s = cache(&(struct tarn_cache_options){.key = {.fn = by_uid}});

    for (int i = 0; i < 100; i++)
        CU_ASSERT_EQUAL(with(s, s->ops->add, fake_pod("n1/same", i % 2 ? "odd" : "even", (unsigned long)i)), 0);
    CU_ASSERT_STRING_EQUAL(keys_of(s), "even odd");
    CU_ASSERT_STRING_EQUAL(got(s, "odd"), "n1/same@99");
    CU_ASSERT_EQUAL(with(s, s->ops->del, fake_pod("n1/same", "odd", 0)), 0);
    CU_ASSERT_STRING_EQUAL(keys_of(s), "even");
    tarn_store_free(s);
}

/* C-level addition below K-12 */
static void a_key_may_be_longer_than_kubernetes_makes_them(void)
{
    struct tarn_store *s = cache(NULL);
    char key[2000];

    memset(key, 'k', sizeof key - 1);
    key[sizeof key - 1] = 0;
    CU_ASSERT_EQUAL(with(s, s->ops->add, thing_key(key)), 0);
    CU_ASSERT_STRING_EQUAL(keys_of(s), key);
    tarn_store_free(s);
}

/* S-14: a list holds what it listed, whatever becomes of the store */
static void a_list_keeps_its_objects_while_the_store_goes_on_and_ends(void)
{
    struct tarn_store *s = cache(NULL);
    struct tarn_objects first = {0}, second = {0}, third = {0};

    CU_ASSERT_EQUAL(replace(s, "a@1 b@1 c@1"), 0);
    CU_ASSERT_EQUAL(tarn_store_list(s, &first), 0);
    CU_ASSERT_EQUAL(add(s, "a@2"), 0);
    CU_ASSERT_EQUAL(del(s, "b"), 0);
    CU_ASSERT_EQUAL(tarn_store_list(s, &second), 0);
    CU_ASSERT_EQUAL(replace(s, "a@3"), 0);
    CU_ASSERT_EQUAL(tarn_store_list(s, &third), 0);
    tarn_store_free(s);
    CU_ASSERT_STRING_EQUAL(words_of(&second), "a@2 c@1"); /* released out of order */
    CU_ASSERT_STRING_EQUAL(words_of(&first), "a@1 b@1 c@1");
    CU_ASSERT_STRING_EQUAL(words_of(&third), "a@3");
}

static void an_empty_store_lists_nothing_and_nothing_is_to_be_released(void)
{
    struct tarn_store *s = cache(NULL);
    struct tarn_objects l = {0};

    CU_ASSERT_EQUAL(tarn_store_list(s, &l), 0);
    CU_ASSERT(l.n == 0 && !l.v && !l.lease);
    CU_ASSERT_STRING_EQUAL(got(s, ""), "none");
    tarn_store_free(s);
}

/* ---- ThreadSafeStore ------------------------------------------------------------------------- */

static struct tarn_thread_safe_store *keyed(void)
{
    struct tarn_thread_safe_store *s = NULL;

    CU_ASSERT_EQUAL_FATAL(tarn_thread_safe_store_new(NULL, &s, NULL), 0);
    return s;
}

static int put(struct tarn_thread_safe_store *s, const char *key, const char *word)
{
    const struct tarn_object *obj = thing(word);
    int code = tarn_thread_safe_store_add(s, tarn_bytes_of(key), obj, NULL);

    tarn_object_unref(obj);
    return code;
}

static const char *keyed_rv(struct tarn_thread_safe_store *s)
{
    static char text[64];
    struct tarn_buf b = {0};

    CU_ASSERT_EQUAL(tarn_thread_safe_store_last_resource_version(s, &b), 0);
    memcpy(text, b.len ? b.data : "", b.len);
    text[b.len] = 0;
    tarn_buf_release(&b);
    return text;
}

/* S-20, S-22 */
static void keys_of_a_thread_safe_store_need_not_be_those_of_the_objects(void)
{
    struct tarn_thread_safe_store *s = keyed();
    struct tarn_objects l = {0};
    struct tarn_keys keys = {0};

    CU_ASSERT_EQUAL(put(s, "a", "a@1"), 0);
    CU_ASSERT_EQUAL(put(s, "b", "a@2"), 0); /* the first foreign key comes second */
    CU_ASSERT_EQUAL(put(s, "", "a@3"), 0);
    CU_ASSERT_EQUAL(put(s, "b", "b@4"), 0); /* and becomes the object's own again */
    CU_ASSERT_EQUAL(tarn_thread_safe_store_list_keys(s, &keys), 0);
    tarn_keys_sort(&keys);
    CU_ASSERT(keys.n == 3 && keys.v[0].len == 0 && keys.v[1].data[0] == 'a' && keys.v[2].data[0] == 'b');
    tarn_keys_release(&keys);
    CU_ASSERT_EQUAL(tarn_thread_safe_store_delete(s, TARN_BYTES("a"), NULL), 0); /* the last takes its number */
    CU_ASSERT_EQUAL(tarn_thread_safe_store_list(s, &l), 0);
    CU_ASSERT_STRING_EQUAL(words_of(&l), "a@3 b@4");
    CU_ASSERT_EQUAL(tarn_thread_safe_store_add(s, (struct tarn_bytes){"a\0", 2}, NULL, NULL), TARN_E_KEY);
    tarn_thread_safe_store_free(s);
}

/* TestThreadSafeStoreRV, S-21 */
static void delete_with_an_object_tells_its_version_and_delete_by_key_does_not(void)
{
    struct tarn_thread_safe_store *s = keyed();
    const struct tarn_object *gone = thing("a@9");

    CU_ASSERT_EQUAL(put(s, "a", "a@5"), 0);
    CU_ASSERT_EQUAL(put(s, "b", "b@6"), 0);
    CU_ASSERT_EQUAL(tarn_thread_safe_store_delete(s, TARN_BYTES("b"), NULL), 0);
    CU_ASSERT_STRING_EQUAL(keyed_rv(s), "6");
    CU_ASSERT_EQUAL(tarn_thread_safe_store_delete(s, TARN_BYTES("a"), gone), 0);
    CU_ASSERT_STRING_EQUAL(keyed_rv(s), "9");
    CU_ASSERT_EQUAL(tarn_thread_safe_store_bookmark(s, TARN_BYTES("11")), 0);
    CU_ASSERT_STRING_EQUAL(keyed_rv(s), "11");
    CU_ASSERT_EQUAL(tarn_thread_safe_store_count(s), 0);
    tarn_object_unref(gone);
    tarn_thread_safe_store_free(s);
}

/* ---- memory that runs out ------------------------------------------------------------------------ */

static struct tarn_index_func memory_funcs[3];

static struct tarn_store *filled_cache(void)
{
    struct tarn_store *s = cache(&(struct tarn_cache_options){.indexers = memory_funcs, .indexer_count = 3});

    CU_ASSERT_EQUAL(replace(s, "n1/a@1{app=web,tier=fe} n1/b@1{app=db} n2/c@1"), 0);
    return s;
}

static const char *state_of(struct tarn_store *s)
{
    static char text[4096];
    static const char *const values[] = {"app=web", "app=db", "tier=fe", "x=y", "z=z"};
    size_t n = (size_t)snprintf(text, sizeof text, "%s|%s", list_of(s), "");

    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s|", by_index(indexer_of(s), "labels", values[i]));
    n += (size_t)snprintf(text + n, sizeof text - n, "%s|", index_values(indexer_of(s), "labels"));
    n += (size_t)snprintf(text + n, sizeof text - n, "%s|", by_index(indexer_of(s), "namespace", "n1"));
    snprintf(text + n, sizeof text - n, "%s", index_values(indexer_of(s), "namespace"));
    return text;
}

/* One change of each kind, under the n-th allocation's failure: all or nothing, and nothing leaks. */
static int change(struct tarn_store *s, int kind, const struct tarn_object *obj)
{
    const struct tarn_object *two[2] = {obj, obj};

    switch (kind) {
    case 0:
    case 1:
        return tarn_store_add(s, obj, NULL);
    case 2:
        return tarn_store_delete(s, obj, NULL);
    default:
        return tarn_store_replace(s, two, 2, TARN_BYTES("5"), NULL);
    }
}

static void one_change_under_failures(int kind, const char *word)
{
    bool failed = true;

    for (long n = 0; failed; n++) {
        struct tarn_store *s = filled_cache();
        const struct tarn_object *obj = thing(word);
        struct tarn_objects held = {0};
        char before[4096], after[4096];
        int code;

        snprintf(before, sizeof before, "%s", state_of(s));
        CU_ASSERT_EQUAL(tarn_store_list(s, &held), 0); /* so that the leases take part */
        tarn_fault_arm(n);
        code = change(s, kind, obj);
        failed = tarn_fault_disarm();
        snprintf(after, sizeof after, "%s", state_of(s));
        CU_ASSERT_EQUAL(code, failed ? TARN_E_NOMEM : 0);
        if (failed)
            CU_ASSERT_STRING_EQUAL(after, before);
        if (!failed)
            CU_ASSERT_STRING_NOT_EQUAL(after, before);
        tarn_objects_release(&held);
        CU_ASSERT_EQUAL(change(s, kind, obj), 0); /* and it goes on */
        tarn_object_unref(obj);
        tarn_store_free(s);
    }
}

static void a_change_survives_any_failed_allocation_whole_or_not_at_all(void)
{
    static const struct {
        int kind;
        const char *word;
    } rows[] = {{0, "n3/new@2{x=y,z=z,app=web}"}, {1, "n1/a@2{x=y,tier=fe}"}, {2, "n1/a@2"}, {3, "n1/q@2{x=y,z=z}"}};
    long blocks;

    CU_ASSERT_EQUAL_FATAL(tarn_index_func_builtin("namespace", &memory_funcs[0], NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_index_func_builtin("labels", &memory_funcs[1], NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_index_func_builtin("label:app", &memory_funcs[2], NULL), 0);
    blocks = tarn_fault_blocks();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        one_change_under_failures(rows[i].kind, rows[i].word);
    CU_ASSERT_EQUAL(tarn_fault_blocks(), blocks);
    for (size_t i = 0; i < 3; i++)
        tarn_index_func_release(&memory_funcs[i]);
}

static void making_and_asking_survive_any_failed_allocation(void)
{
    long blocks = tarn_fault_blocks();
    bool failed = true;

    for (long n = 0; failed; n++) {
        struct tarn_indexer *x = NULL;
        struct tarn_objects l = {0};
        struct tarn_keys keys = {0};
        int code;

        tarn_fault_arm(n);
        code = tarn_cache_new(NULL, &x, NULL);
        if (!code)
            code = x->store.ops->bookmark(&x->store, TARN_BYTES("7"));
        failed = tarn_fault_disarm();
        CU_ASSERT_EQUAL(code, failed ? TARN_E_NOMEM : 0);
        if (!x)
            continue;
        CU_ASSERT_EQUAL(replace(&x->store, "a@1 b@1"), 0);
        tarn_fault_arm(0);
        CU_ASSERT_EQUAL(tarn_store_list(&x->store, &l), TARN_E_NOMEM);
        CU_ASSERT(tarn_fault_disarm());
        tarn_fault_arm(0);
        CU_ASSERT_EQUAL(tarn_store_list_keys(&x->store, &keys), TARN_E_NOMEM);
        CU_ASSERT(tarn_fault_disarm());
        CU_ASSERT(l.n == 0 && keys.n == 0);
        tarn_store_free(&x->store);
    }
    CU_ASSERT_EQUAL(tarn_fault_blocks(), blocks);
}

TARN_TEST_MAIN("cache", TARN_TEST(an_object_is_found_under_its_key_until_it_is_deleted),
               TARN_TEST(an_update_inserts_and_an_older_version_overwrites_a_newer),
               TARN_TEST(get_asks_by_the_key_of_the_object_given),
               TARN_TEST(replace_swaps_the_content_and_the_last_of_equal_keys_wins),
               TARN_TEST(a_replace_with_one_bad_object_changes_nothing),
               TARN_TEST(nothing_of_a_replace_is_seen_before_its_commit_and_a_part_can_be_taken_out),
               TARN_TEST(resync_does_nothing), TARN_TEST(the_transformer_runs_after_the_key_was_made_and_not_for_deletes),
               TARN_TEST(a_transaction_applies_what_can_be_applied_and_says_what_failed),
               TARN_TEST(the_resource_version_is_the_last_one_told_not_the_largest),
               TARN_TEST(a_resource_version_that_is_no_number_is_told_as_text),
               TARN_TEST(in_monotonic_mode_a_rewind_is_counted_and_the_largest_kept),
               TARN_TEST(a_store_takes_any_key_function), TARN_TEST(a_key_may_be_longer_than_kubernetes_makes_them),
               TARN_TEST(a_list_keeps_its_objects_while_the_store_goes_on_and_ends),
               TARN_TEST(an_empty_store_lists_nothing_and_nothing_is_to_be_released),
               TARN_TEST(keys_of_a_thread_safe_store_need_not_be_those_of_the_objects),
               TARN_TEST(delete_with_an_object_tells_its_version_and_delete_by_key_does_not),
               TARN_TEST(a_change_survives_any_failed_allocation_whole_or_not_at_all),
               TARN_TEST(making_and_asking_survive_any_failed_allocation))
