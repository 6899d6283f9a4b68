/* The indexes of a cache: X-1 ... X-17. */
#include <tarn/cache.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache_fixture.h"
#include "fake_objects.h"
#include "fault.h"
#include "tarn_test.h"

#define FUNCS_MAX 8

/* A cache with built-in indexes of these names (up to a NULL); ended by indexed_free. */
struct indexed {
    struct tarn_indexer *x;
    struct tarn_store *s;
    struct tarn_index_func funcs[FUNCS_MAX];
    size_t n;
};

static struct indexed indexed(const char *const *names)
{
    struct indexed i = {0};

    for (; names[i.n]; i.n++)
        CU_ASSERT_EQUAL_FATAL(tarn_index_func_builtin(names[i.n], &i.funcs[i.n], NULL), 0);
    CU_ASSERT_EQUAL_FATAL(
        tarn_cache_new(&(struct tarn_cache_options){.indexers = i.funcs, .indexer_count = i.n}, &i.x, NULL), 0);
    i.s = &i.x->store;
    return i;
}

static void indexed_free(struct indexed *i)
{
    tarn_store_free(i->s);
    for (size_t k = 0; k < i->n; k++)
        tarn_index_func_release(&i->funcs[k]);
}

static int by_words(void *ctx, const struct tarn_object *obj, struct tarn_index_values *out)
{
    struct tarn_value words, w;
    int err = 0;

    (void)ctx;
    if (tarn_object_get(obj, "spec.words", &words) || words.type != TARN_ARRAY)
        return TARN_E_TYPE; /* also for what has no spec */
    while (!err && tarn_value_next(&words, NULL, &w) == 1)
        err = tarn_index_values_add(out, w.string);
    return err;
}

static const struct tarn_index_func words = {.name = "words", .fn = by_words};

static struct tarn_indexer *by_words_cache(bool lenient)
{
    struct tarn_indexer *x = NULL;

    CU_ASSERT_EQUAL_FATAL(tarn_cache_new(&(struct tarn_cache_options){.indexers = &words,
                                                                      .indexer_count = 1,
                                                                      .lenient_index = lenient},
                                         &x, NULL),
                          0);
    return x;
}

/* TestIndex, X-1, X-2, X-14 */
static void objects_that_share_a_value_are_found_by_an_object_that_need_not_be_stored(void)
{
    struct indexed i = indexed((const char *const[]){"namespace", NULL});

    CU_ASSERT_EQUAL(replace(i.s, "n1/a@1 n1/b@1 n2/c@1 d@1"), 0);
    CU_ASSERT_STRING_EQUAL(index_of(i.x, "namespace", "n1/any"), "n1/a@1 n1/b@1");
    CU_ASSERT_STRING_EQUAL(index_of(i.x, "namespace", "n9/any"), "");
    CU_ASSERT_STRING_EQUAL(by_index(i.x, "namespace", ""), "d@1"); /* */
    CU_ASSERT_STRING_EQUAL(index_of(i.x, "nobody", "n1/a"), "error TARN_E_INDEX_MISSING");
    CU_ASSERT_EQUAL(replace(i.s, "n2/c@1"), 0); /* no value of before is left */
    CU_ASSERT_STRING_EQUAL(index_values(i.x, "namespace"), "n2");
    indexed_free(&i);
}

static void an_unknown_index_says_which(void)
{
    struct indexed i = indexed((const char *const[]){NULL});
    struct tarn_objects l = {0};
    struct tarn_error err = {0};

    CU_ASSERT_EQUAL(tarn_indexer_by_index(i.x, "color", TARN_BYTES("red"), &l, &err), TARN_E_INDEX_MISSING);
    CU_ASSERT_STRING_EQUAL(err.message, "Index with name color does not exist");
    indexed_free(&i);
}

/* TestMultiIndexKeys, X-2, X-3, X-4, X-8, X-9, X-10 */
static void an_object_with_several_values_is_found_under_each_and_partial_changes_come_out_right(void)
{
    struct tarn_indexer *x = by_words_cache(false);
    struct tarn_store *s = &x->store;

    CU_ASSERT_EQUAL(add(s, "one@1[ernie bert]"), 0);
    CU_ASSERT_EQUAL(add(s, "two@1[bert oscar]"), 0);
    CU_ASSERT_EQUAL(add(s, "tre@1[ernie elmo elmo]"), 0); /* twice is once */
    CU_ASSERT_STRING_EQUAL(by_index(x, "words", "ernie"), "one@1 tre@1");
    CU_ASSERT_STRING_EQUAL(by_index(x, "words", "bert"), "one@1 two@1");
    CU_ASSERT_STRING_EQUAL(index_keys(x, "words", "elmo"), "tre");
    CU_ASSERT_STRING_EQUAL(index_of(x, "words", "q[ernie bert]"), "one@1 tre@1 two@1"); /* each once */
    CU_ASSERT_EQUAL(del(s, "tre"), 0);
    CU_ASSERT_STRING_EQUAL(by_index(x, "words", "elmo"), "");
    CU_ASSERT_EQUAL(update(s, "one@2[ernie elmo]"), 0); /* bert goes, elmo comes, ernie stays */
    CU_ASSERT_STRING_EQUAL(by_index(x, "words", "bert"), "two@1");
    CU_ASSERT_STRING_EQUAL(by_index(x, "words", "ernie"), "one@2");
    CU_ASSERT_STRING_EQUAL(by_index(x, "words", "elmo"), "one@2");
    CU_ASSERT_EQUAL(update(s, "one@3[elmo ernie]"), 0); /* only the order changed */
    CU_ASSERT_STRING_EQUAL(by_index(x, "words", "ernie"), "one@3");
    CU_ASSERT_EQUAL(update(s, "one@4"), 0); /* no value: in no bucket */
    CU_ASSERT_STRING_EQUAL(index_values(x, "words"), "bert oscar");
    tarn_store_free(s);
}

/* TestThreadSafeStoreIndexingFunctionsWithMultipleValues, S-22: a table of changes of one object's values */
static void every_change_of_a_set_of_values_leaves_the_new_set(void)
{
    static const char *const sets[] = {"[]",      "[foo]",     "[bar]",         "[foo bar]",     "[bar baz]",
                                       "[bar foo]", "[foo foo]", "[foo bar baz]", "[baz bar foo]", "[foo foo bar]"};
    size_t n = sizeof sets / sizeof *sets;

    for (size_t i = 0; i < n * n; i++) {
        struct tarn_indexer *x = by_words_cache(false);
        char from[64], to[64], fresh[256];

        snprintf(from, sizeof from, "k@1%s", sets[i / n]);
        snprintf(to, sizeof to, "k@2%s", sets[i % n]);
        CU_ASSERT_EQUAL(replace(&x->store, ""), 0);
        CU_ASSERT_EQUAL(add(&x->store, to), 0);
        snprintf(fresh, sizeof fresh, "%s", index_values(x, "words"));
        CU_ASSERT_EQUAL(add(&x->store, from), 0);
        CU_ASSERT_EQUAL(add(&x->store, to), 0);
        CU_ASSERT_STRING_EQUAL(index_values(x, "words"), fresh);
        CU_ASSERT_EQUAL(del(&x->store, "k"), 0);
        CU_ASSERT_STRING_EQUAL(index_values(x, "words"), "");
        tarn_store_free(&x->store);
    }
}

/* TestGetIndexFuncValues, X-3, X-5 */
static void keys_under_a_value_are_sorted_and_values_are_those_in_use(void)
{
    struct indexed i = indexed((const char *const[]){"label:app", NULL});

    CU_ASSERT_EQUAL(replace(i.s, "n2/z@1{app=web} n1/m@1{app=web} a@1{app=web} b@1{app=db} c@1 d@1{app=}"), 0);
    CU_ASSERT_STRING_EQUAL(index_keys(i.x, "label:app", "web"), "a n1/m n2/z");
    CU_ASSERT_STRING_EQUAL(index_keys(i.x, "label:app", ""), "d"); /* "" is a value */
    CU_ASSERT_STRING_EQUAL(index_keys(i.x, "label:app", "none"), "");
    CU_ASSERT_STRING_EQUAL(index_values(i.x, "label:app"), "'' db web");
    CU_ASSERT_STRING_EQUAL(index_values(i.x, "unknown"), ""); /* no error */
    CU_ASSERT_STRING_EQUAL(index_keys(i.x, "unknown", "web"), "error TARN_E_INDEX_MISSING");
    indexed_free(&i);
}

/* TestThreadSafeStoreDeleteRemovesEmptySetsFromIndex, TestThreadSafeStoreAddKeepsNonEmptySetPostDeleteFromIndex, X-11 */
static void a_value_goes_with_its_last_object_and_not_before(void)
{
    struct indexed i = indexed((const char *const[]){"label:app", NULL});

    CU_ASSERT_EQUAL(add(i.s, "a@1{app=web}"), 0);
    CU_ASSERT_EQUAL(add(i.s, "b@1{app=web}"), 0);
    CU_ASSERT_EQUAL(del(i.s, "a"), 0);
    CU_ASSERT_STRING_EQUAL(index_values(i.x, "label:app"), "web");
    CU_ASSERT_STRING_EQUAL(by_index(i.x, "label:app", "web"), "b@1");
    CU_ASSERT_EQUAL(del(i.s, "b"), 0);
    CU_ASSERT_STRING_EQUAL(index_values(i.x, "label:app"), "");
    indexed_free(&i);
}

/* TestIndexer, X-6, X-7, I-44 */
static void indexes_can_be_added_to_a_filled_store_and_a_taken_name_adds_none(void)
{
    struct indexed i = indexed((const char *const[]){"namespace", NULL});
    struct tarn_index_func more[2];
    struct tarn_keys names = {0};
    struct tarn_error err = {0};

    CU_ASSERT_EQUAL_FATAL(tarn_index_func_builtin("label:app", &more[0], NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_index_func_builtin("namespace", &more[1], NULL), 0);
    CU_ASSERT_EQUAL(replace(i.s, "n1/a@1{app=web} n1/b@1{app=db}"), 0);
    CU_ASSERT_EQUAL(tarn_indexer_add_indexers(i.x, more, 2, &err), TARN_E_INDEX_CONFLICT);
    CU_ASSERT_STRING_EQUAL(err.message, "indexer conflict: namespace");
    CU_ASSERT_STRING_EQUAL(by_index(i.x, "label:app", "web"), "error TARN_E_INDEX_MISSING");
    CU_ASSERT_EQUAL(tarn_indexer_add_indexers(i.x, more, 1, NULL), 0);
    CU_ASSERT_STRING_EQUAL(by_index(i.x, "label:app", "web"), "n1/a@1");
    CU_ASSERT_EQUAL(add(i.s, "n1/c@1{app=web}"), 0);
    CU_ASSERT_STRING_EQUAL(by_index(i.x, "label:app", "web"), "n1/a@1 n1/c@1");
    CU_ASSERT_EQUAL(tarn_indexer_indexers(i.x, &names), 0);
    CU_ASSERT_EQUAL(names.n, 2);
    tarn_keys_release(&names);
    CU_ASSERT_EQUAL(tarn_indexer_add_indexers(i.x, NULL, 0, NULL), 0);
    indexed_free(&i);
    tarn_index_func_release(&more[0]);
    tarn_index_func_release(&more[1]);
}

static void a_name_given_twice_is_a_conflict(void)
{
    const struct tarn_index_func twice[] = {words, words};
    struct tarn_indexer *x = NULL;

    CU_ASSERT_EQUAL(tarn_cache_new(&(struct tarn_cache_options){.indexers = twice, .indexer_count = 2}, &x, NULL),
                    TARN_E_INDEX_CONFLICT);
    CU_ASSERT_PTR_NULL(x);
}

/* an index added while a replace is under way covers what the replace brings */
static void an_index_added_during_a_replace_is_in_what_the_replace_brings(void)
{
    struct indexed i = indexed((const char *const[]){"namespace", NULL});
    struct tarn_index_func app;

    CU_ASSERT_EQUAL_FATAL(tarn_index_func_builtin("label:app", &app, NULL), 0);
    CU_ASSERT_EQUAL(i.s->ops->replace_begin(i.s, NULL), 0);
    CU_ASSERT_EQUAL(with(i.s, i.s->ops->replace_add, thing("n1/a@1{app=web}")), 0);
    CU_ASSERT_EQUAL(tarn_indexer_add_indexers(i.x, &app, 1, NULL), 0);
    CU_ASSERT_EQUAL(i.s->ops->replace_commit(i.s, TARN_BYTES("2"), NULL), 0);
    CU_ASSERT_STRING_EQUAL(by_index(i.x, "label:app", "web"), "n1/a@1");
    indexed_free(&i);
    tarn_index_func_release(&app);
}

/* the write is refused; upstream panics under the lock and poisons the key */
static void a_failing_index_function_refuses_the_write_and_the_store_stays(void)
{
    struct tarn_indexer *x = by_words_cache(false);
    struct tarn_store *s = &x->store;
    const struct tarn_object *bad = fake_object("{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"2\"}}");
    const struct tarn_object *both[2];
    struct tarn_objects l = {0};
    struct tarn_error err = {0};

    CU_ASSERT_EQUAL(add(s, "a@1[x]"), 0);
    CU_ASSERT_EQUAL(tarn_store_add(s, bad, &err), TARN_E_INDEX);
    CU_ASSERT_STRING_EQUAL(err.message, "index words: value has another type");
    CU_ASSERT_STRING_EQUAL(by_index(x, "words", "x"), "a@1");
    CU_ASSERT_STRING_EQUAL(rv_of(s), "1");
    both[0] = thing("b@3[y]");
    both[1] = bad;
    CU_ASSERT_EQUAL(tarn_store_replace(s, both, 2, TARN_BYTES("9"), NULL), TARN_E_INDEX);
    CU_ASSERT_STRING_EQUAL(list_of(s), "a@1");
    CU_ASSERT_EQUAL(tarn_indexer_index(x, "words", bad, &l, NULL), TARN_E_TYPE); /* as it is */
    CU_ASSERT_EQUAL(del(s, "a"), 0);                                            /* no poisoned key */
    CU_ASSERT_STRING_EQUAL(index_values(x, "words"), "");
    tarn_object_unref(bad);
    tarn_object_unref(both[0]);
    tarn_store_free(s);
}

/* X-12, the lenient option */
static void in_lenient_mode_the_object_is_stored_outside_the_failing_index_and_counted(void)
{
    struct tarn_indexer *x = by_words_cache(true);
    struct tarn_store *s = &x->store;
    struct tarn_cache_counters c;

    CU_ASSERT_EQUAL(add(s, "a@1[x]"), 0);
    CU_ASSERT_EQUAL(with(s, s->ops->add, fake_object("{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"2\"}}")), 0);
    CU_ASSERT_STRING_EQUAL(list_of(s), "a@2");
    CU_ASSERT_STRING_EQUAL(index_values(x, "words"), "");
    tarn_cache_counters(x, &c);
    CU_ASSERT_EQUAL(c.index_errors, 1);
    CU_ASSERT_EQUAL(add(s, "a@3[y]"), 0);
    CU_ASSERT_STRING_EQUAL(by_index(x, "words", "y"), "a@3");
    tarn_store_free(s);
}

/* adding an index whose function fails on a stored object adds none */
static void an_index_whose_function_fails_on_a_stored_object_is_not_added(void)
{
    struct indexed i = indexed((const char *const[]){"namespace", NULL});

    CU_ASSERT_EQUAL(add(i.s, "a@1[x]"), 0);
    CU_ASSERT_EQUAL(with(i.s, i.s->ops->add, fake_object("{\"metadata\":{\"name\":\"b\"}}")), 0);
    CU_ASSERT_EQUAL(tarn_indexer_add_indexers(i.x, &words, 1, NULL), TARN_E_INDEX);
    CU_ASSERT_STRING_EQUAL(by_index(i.x, "words", "x"), "error TARN_E_INDEX_MISSING");
    indexed_free(&i);
}

/* MetaNamespaceIndexFunc of what has no metadata */
static void built_in_functions_fail_on_what_has_no_metadata(void)
{
    static const char *const names[] = {"namespace", "labels", "label:app", "owner", "node", "podIP", "containerID", "spec.nodeName", "spec.words[*]"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct tarn_object *objs[] = {thing_without_meta(), thing_key("a"), thing_tombstone("a", "a@1")};
        struct tarn_index_values values = {0};
        struct tarn_index_func f;

        CU_ASSERT_EQUAL_FATAL(tarn_index_func_builtin(names[i], &f, NULL), 0);
        for (size_t k = 0; k < 3; k++) {
            CU_ASSERT_EQUAL(f.fn(f.ctx, objs[k], &values), TARN_E_NO_META);
            tarn_object_unref(objs[k]);
        }
        CU_ASSERT_EQUAL(values.n, 0);
        tarn_index_values_release(&values);
        tarn_index_func_release(&f);
    }
}

/* what each built-in function gives */
static void built_in_functions_give_labels_owners_and_fields(void)
{
    static const char json[] =
        "{\"metadata\":{\"name\":\"a\",\"namespace\":\"n1\",\"labels\":{\"app\":\"web\",\"k/x\":\"\"},"
        "\"ownerReferences\":[{\"uid\":\"u1\"},{\"uid\":\"u2\"}]},"
        "\"spec\":{\"nodeName\":\"node-7\",\"n\":-5,\"big\":18446744073709551615,\"d\":1.5,\"on\":true,\"nil\":null,"
        "\"c\":[{\"image\":\"i1\"},{\"image\":\"i2\"},{}],\"m\":{\"a.b\":\"dot\"},\"arr\":[\"p\",7,false,null,[1]]},"
        "\"status\":{\"podIP\":\"10.0.0.7\",\"podIPs\":[{\"ip\":\"10.0.0.7\"},{\"ip\":\"fd00::7\"}],"
        "\"containerStatuses\":[{\"containerID\":\"containerd://0a1b\"},{\"containerID\":\"\"},{\"containerID\":\"docker://\"}],"
        "\"initContainerStatuses\":[{\"containerID\":\"cri-o://2c\"},{\"name\":\"waits\"}],"
        "\"ephemeralContainerStatuses\":[{\"containerID\":\"bare\"}]}";
    static const struct {
        const char *name, *values;
    } rows[] = {
        {"namespace", "n1"},
        {"label:app", "web"},
        {"label:k/x", ""},
        {"label:none", "-"},
        {"labels", "app=web|k/x="},
        {"owner", "u1|u2"},
        {"spec.nodeName", "node-7"},
        {"spec.n", "-5"},
        {"spec.big", "18446744073709551615"},
        {"spec.d", "1.5"},
        {"spec.on", "true"},
        {"spec.nil", "-"},
        {"spec.m", "-"},
        {"spec.none", "-"},
        {"spec.none.deeper", "-"},
        {"none.nodeName", "-"},
        {"spec.nodeName.x", "-"},
        {"metadata.name", "a"},
        {"metadata.labels", "-"},
        {"flat", "-"},
        {"flat.x", "-"},
        {"spec.c[0].image", "i1"},
        {"spec.c[*].image", "i1|i2"},
        {"spec.m['a.b']", "dot"},
        {"spec.arr[*]", "p|7|false"},
        {"node", "node-7"},
        {"podIP", "10.0.0.7|fd00::7|10.0.0.7"}, /* an equal value counts once in an index */
        {"containerID", "containerd://0a1b|0a1b|docker://|cri-o://2c|2c|bare"},
    };
    /* As it is, and with much behind what is asked for. */
    const struct tarn_object *objs[] = {fake_object("%s,\"flat\":[]}", json), fake_object("%s,\"flat\":[],\"pad\":\"%0600d\"}", json, 0)};

    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        const struct tarn_object *obj = objs[i % 2];
        struct tarn_index_values values = {0};
        struct tarn_index_func f;
        char text[256] = "-";

        CU_ASSERT_EQUAL_FATAL(tarn_index_func_builtin(rows[i / 2].name, &f, NULL), 0);
        CU_ASSERT_STRING_EQUAL(f.name, rows[i / 2].name);
        CU_ASSERT_EQUAL(f.fn(f.ctx, obj, &values), 0);
        for (size_t k = 0, n = 0; k < values.n; k++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%.*s", k ? "|" : "", TARN_BYTES_ARG(values.v[k]));
        CU_ASSERT_STRING_EQUAL(text, rows[i / 2].values);
        tarn_index_values_release(&values);
        tarn_index_func_release(&f);
    }
    tarn_object_unref(objs[0]);
    tarn_object_unref(objs[1]);
}

static void a_name_that_is_no_index_is_refused_with_what_would_be_one(void)
{
    static const char *const names[] = {"", "label:", "spec..x", "spec.[", "spec.c[x]", ".spec"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct tarn_index_func f = {0};
        struct tarn_error err = {0};

        CU_ASSERT_EQUAL(tarn_index_func_builtin(names[i], &f, &err), TARN_E_INVAL);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "label:KEY"));
        CU_ASSERT_PTR_NULL(f.fn);
    }
}

/* postings that grow and shrink; the entry that takes a deleted one's number keeps its places */
static void many_objects_under_one_value_stay_right_through_deletions(void)
{
    struct indexed i = indexed((const char *const[]){"label:app", "labels", NULL});
    char word[64], value[16];
    size_t left = 0;

    for (int k = 0; k < 1000; k++) {
        snprintf(word, sizeof word, "o%d@1{app=v%d,all=x}", k, k % 7);
        CU_ASSERT_EQUAL(add(i.s, word), 0);
    }
    for (int k = 0; k < 1000; k++) {
        snprintf(word, sizeof word, "o%d", k);
        if (k % 3)
            CU_ASSERT_EQUAL(del(i.s, word), 0);
    }
    for (int v = 0; v < 7; v++) {
        struct tarn_objects l = {0};

        snprintf(value, sizeof value, "v%d", v);
        CU_ASSERT_EQUAL(tarn_indexer_by_index(i.x, "label:app", tarn_bytes_of(value), &l, NULL), 0);
        for (size_t k = 0; k < l.n; k++) {
            int n = atoi(tarn_object_name(l.v[k]).data + 1);

            CU_ASSERT(n % 3 == 0 && n % 7 == v);
        }
        left += l.n;
        tarn_objects_release(&l);
    }
    CU_ASSERT_EQUAL(left, 334);
    CU_ASSERT_EQUAL(tarn_cache_count(i.x), 334);
    indexed_free(&i);
}

static void adding_an_index_survives_any_failed_allocation(void)
{
    bool failed = true;
    long blocks = tarn_fault_blocks();

    for (long n = 0; failed; n++) {
        struct indexed i = indexed((const char *const[]){"namespace", NULL});
        int code;

        CU_ASSERT_EQUAL(add(i.s, "n1/a@1[x y]"), 0);
        CU_ASSERT_EQUAL(add(i.s, "n1/b@1[y z]"), 0);
        tarn_fault_arm(n);
        code = tarn_indexer_add_indexers(i.x, &words, 1, NULL);
        failed = tarn_fault_disarm();
        CU_ASSERT_EQUAL(code, failed ? TARN_E_NOMEM : 0);
        CU_ASSERT_STRING_EQUAL(by_index(i.x, "words", "y"), failed ? "error TARN_E_INDEX_MISSING" : "n1/a@1 n1/b@1");
        indexed_free(&i);
    }
    CU_ASSERT_EQUAL(tarn_fault_blocks(), blocks);
}

TARN_TEST_MAIN("index", TARN_TEST(objects_that_share_a_value_are_found_by_an_object_that_need_not_be_stored),
               TARN_TEST(an_unknown_index_says_which),
               TARN_TEST(an_object_with_several_values_is_found_under_each_and_partial_changes_come_out_right),
               TARN_TEST(every_change_of_a_set_of_values_leaves_the_new_set),
               TARN_TEST(keys_under_a_value_are_sorted_and_values_are_those_in_use),
               TARN_TEST(a_value_goes_with_its_last_object_and_not_before),
               TARN_TEST(indexes_can_be_added_to_a_filled_store_and_a_taken_name_adds_none),
               TARN_TEST(a_name_given_twice_is_a_conflict),
               TARN_TEST(an_index_added_during_a_replace_is_in_what_the_replace_brings),
               TARN_TEST(a_failing_index_function_refuses_the_write_and_the_store_stays),
               TARN_TEST(in_lenient_mode_the_object_is_stored_outside_the_failing_index_and_counted),
               TARN_TEST(an_index_whose_function_fails_on_a_stored_object_is_not_added),
               TARN_TEST(built_in_functions_fail_on_what_has_no_metadata),
               TARN_TEST(built_in_functions_give_labels_owners_and_fields),
               TARN_TEST(a_name_that_is_no_index_is_refused_with_what_would_be_one),
               TARN_TEST(many_objects_under_one_value_stay_right_through_deletions),
               TARN_TEST(adding_an_index_survives_any_failed_allocation))
