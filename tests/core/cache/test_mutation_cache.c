/* MutationCache: M-1 ... M-6. */
#include <tarn/mutation_cache.h>

#include <stdio.h>

#include <tarn/cache.h>

#include "cache_fixture.h"
#include "fake_objects.h"
#include "fake_runtime.h"
#include "tarn_test.h"

struct overlay {
    struct fake_runtime rt;
    struct tarn_index_func app;
    struct tarn_indexer *x;
    struct tarn_mutation_cache *m;
};

static void overlay_open(struct overlay *o, bool include_adds, uint64_t ttl_ms)
{
    struct tarn_mutation_cache_options mo = {.include_adds = include_adds, .ttl_ms = ttl_ms};

    *o = (struct overlay){.rt = fake_runtime_init()};
    CU_ASSERT_EQUAL_FATAL(tarn_index_func_builtin("label:app", &o->app, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(
        tarn_cache_new(&(struct tarn_cache_options){.indexers = &o->app, .indexer_count = 1}, &o->x, NULL), 0);
    mo.backing = &o->x->store;
    mo.indexer = o->x;
    mo.indexers = &o->app;
    mo.indexer_count = 1;
    mo.rt = &o->rt.rt;
    CU_ASSERT_EQUAL_FATAL(tarn_mutation_cache_new(&mo, &o->m, NULL), 0);
}

static void overlay_close(struct overlay *o)
{
    tarn_mutation_cache_free(o->m);
    tarn_store_free(&o->x->store);
    tarn_index_func_release(&o->app);
}

static int wrote(struct overlay *o, const struct tarn_object *obj)
{
    int code = tarn_mutation_cache_mutation(o->m, obj, NULL);

    tarn_object_unref(obj);
    return code;
}

static void seen(struct overlay *o, const struct tarn_object *obj)
{
    CU_ASSERT_EQUAL(tarn_mutation_cache_on_add_or_update(o->m, obj), 0);
    tarn_object_unref(obj);
}

static void deleted(struct overlay *o, const struct tarn_object *obj)
{
    CU_ASSERT_EQUAL(tarn_mutation_cache_on_delete(o->m, obj), 0);
    tarn_object_unref(obj);
}

static const char *get(struct overlay *o, const char *key)
{
    const struct tarn_object *obj = NULL;
    const char *word;
    int code = tarn_mutation_cache_get_by_key(o->m, tarn_bytes_of(key), &obj, NULL);

    if (code == TARN_E_NOTFOUND)
        return "none";
    CU_ASSERT_EQUAL_FATAL(code, 0);
    word = word_of(obj);
    tarn_object_unref(obj);
    return word;
}

static const char *find(struct overlay *o, const char *value)
{
    struct tarn_objects l = {0};
    int code = tarn_mutation_cache_by_index(o->m, "label:app", tarn_bytes_of(value), &l, NULL);

    return code ? tarn_error_name(code) : words_of(&l);
}

/* TestMutationCache, M-1, M-2 */
static void the_newer_of_what_we_wrote_and_what_the_store_has_is_given(void)
{
    struct overlay o;

    overlay_open(&o, false, 0);
    CU_ASSERT_EQUAL(add(&o.x->store, "a@1"), 0);
    CU_ASSERT_EQUAL(wrote(&o, thing("a@5")), 0);
    CU_ASSERT_STRING_EQUAL(get(&o, "a"), "a@5");
    CU_ASSERT_EQUAL(add(&o.x->store, "a@3"), 0); /* an older event on its way */
    CU_ASSERT_STRING_EQUAL(get(&o, "a"), "a@5");
    CU_ASSERT_EQUAL(add(&o.x->store, "a@5"), 0); /* as new: the overlay's is dropped */
    CU_ASSERT_STRING_EQUAL(get(&o, "a"), "a@5");
    CU_ASSERT_EQUAL(add(&o.x->store, "a@2"), 0);
    CU_ASSERT_STRING_EQUAL(get(&o, "a"), "a@2");
    overlay_close(&o);
}

/* TestMutationCacheUpdateConcurrentDelete, M-2 */
static void what_the_store_lacks_is_given_only_with_include_adds(void)
{
    struct overlay o;

    overlay_open(&o, false, 0);
    CU_ASSERT_EQUAL(wrote(&o, thing("a@5")), 0);
    CU_ASSERT_STRING_EQUAL(get(&o, "a"), "none");
    overlay_close(&o);
    overlay_open(&o, true, 0);
    CU_ASSERT_EQUAL(wrote(&o, thing("a@5")), 0);
    CU_ASSERT_STRING_EQUAL(get(&o, "a"), "a@5");
    deleted(&o, thing("a@6"));
    CU_ASSERT_STRING_EQUAL(get(&o, "a"), "none"); /* never a tombstone */
    overlay_close(&o);
}

/* M-3 */
static void by_index_gives_the_newer_objects_and_with_include_adds_our_own(void)
{
    struct overlay o;

    overlay_open(&o, true, 0);
    CU_ASSERT_EQUAL(replace(&o.x->store, "a@1{app=web} b@1{app=web} c@1{app=db}"), 0);
    CU_ASSERT_EQUAL(wrote(&o, thing("a@5{app=web}")), 0);
    CU_ASSERT_EQUAL(wrote(&o, thing("n@6{app=web}")), 0);
    CU_ASSERT_EQUAL(wrote(&o, thing("m@6{app=db}")), 0);
    CU_ASSERT_STRING_EQUAL(find(&o, "web"), "a@5 b@1 n@6");
    CU_ASSERT_STRING_EQUAL(find(&o, "none"), "");
    deleted(&o, thing("n@7{app=web}"));
    CU_ASSERT_STRING_EQUAL(find(&o, "web"), "a@5 b@1");
    overlay_close(&o);
}

static void without_an_indexer_there_is_no_by_index(void)
{
    struct overlay o;
    struct tarn_mutation_cache *m = NULL;
    struct tarn_objects l = {0};
    struct tarn_error err = {0};

    overlay_open(&o, false, 0);
    CU_ASSERT_EQUAL_FATAL(tarn_mutation_cache_new(
                              &(struct tarn_mutation_cache_options){.backing = &o.x->store, .rt = &o.rt.rt}, &m, NULL),
                          0);
    CU_ASSERT_EQUAL(tarn_mutation_cache_by_index(m, "label:app", TARN_BYTES("web"), &l, &err), TARN_E_UNSUPPORTED);
    CU_ASSERT_STRING_EQUAL(err.message, "no indexer has been provided to the mutation cache");
    tarn_mutation_cache_free(m);
    CU_ASSERT_EQUAL(tarn_mutation_cache_by_index(o.m, "color", TARN_BYTES("web"), &l, NULL), TARN_E_INDEX_MISSING);
    CU_ASSERT_EQUAL(tarn_mutation_cache_new(&(struct tarn_mutation_cache_options){.rt = &o.rt.rt}, &m, NULL), TARN_E_INVAL);
    overlay_close(&o);
}

/* TestMutationCacheUpdateConcurrentRecreate, M-4 */
static void a_write_that_is_known_to_be_out_of_date_is_not_remembered(void)
{
    struct overlay o;

    overlay_open(&o, true, 0);
    CU_ASSERT_EQUAL(wrote(&o, thing("a@5")), 0);
    CU_ASSERT_EQUAL(wrote(&o, thing("a@4")), 0); /* older than the overlay's */
    CU_ASSERT_STRING_EQUAL(get(&o, "a"), "a@5");
    deleted(&o, fake_pod("p", "uid-1", 10));
    CU_ASSERT_EQUAL(wrote(&o, fake_pod("p", "uid-1", 12)), 0); /* the same object: it is gone */
    CU_ASSERT_STRING_EQUAL(get(&o, "p"), "none");
    CU_ASSERT_EQUAL(wrote(&o, fake_pod("p", "uid-2", 10)), 0); /* the same version */
    CU_ASSERT_STRING_EQUAL(get(&o, "p"), "none");
    CU_ASSERT_EQUAL(wrote(&o, fake_pod("p", "uid-2", 13)), 0); /* made again */
    CU_ASSERT_STRING_EQUAL(get(&o, "p"), "p@13");
    CU_ASSERT_EQUAL(wrote(&o, thing_without_meta()), TARN_E_KEY);
    overlay_close(&o);
}

/* TestMutationCacheOnAddOrUpdate, M-5 */
static void an_event_drops_what_is_not_newer(void)
{
    struct overlay o;

    overlay_open(&o, true, 0);
    CU_ASSERT_EQUAL(wrote(&o, thing("a@5")), 0);
    seen(&o, thing("a@4"));
    CU_ASSERT_STRING_EQUAL(get(&o, "a"), "a@5");
    seen(&o, thing("a@5"));
    CU_ASSERT_STRING_EQUAL(get(&o, "a"), "none");
    overlay_close(&o);
}

/* TestMutationCacheOnDelete, TestMutationCacheOnDeleteClearsStaleMutation, M-5 */
static void a_delete_clears_our_write_and_leaves_a_tombstone_for_a_time(void)
{
    struct overlay o;

    overlay_open(&o, true, 1000);
    CU_ASSERT_EQUAL(wrote(&o, fake_pod("p", "uid-1", 5)), 0);
    deleted(&o, fake_pod("p", "uid-1", 4)); /* older, but the same object */
    CU_ASSERT_STRING_EQUAL(get(&o, "p"), "none");
    CU_ASSERT_EQUAL(wrote(&o, fake_pod("p", "uid-1", 6)), 0);
    CU_ASSERT_STRING_EQUAL(get(&o, "p"), "none");
    o.rt.now_ms += 1001;
    CU_ASSERT_EQUAL(wrote(&o, fake_pod("p", "uid-1", 6)), 0); /* the tombstone has gone */
    CU_ASSERT_STRING_EQUAL(get(&o, "p"), "p@6");
    deleted(&o, fake_pod("p", "uid-0", 2)); /* an earlier object of the name: our write may be the later one */
    CU_ASSERT_STRING_EQUAL(get(&o, "p"), "p@6");
    deleted(&o, thing_tombstone("p", "p@9"));
    CU_ASSERT_STRING_EQUAL(get(&o, "p"), "none");
    deleted(&o, thing_tombstone("p", NULL)); /* nothing to remember */
    overlay_close(&o);
}

/* M-1: 100 entries, least recently used first; TTL */
static void the_least_recently_used_of_a_hundred_makes_room_and_entries_age(void)
{
    struct overlay o;
    char word[16], key[16];

    overlay_open(&o, true, 0);
    for (int i = 0; i < 100; i++) {
        snprintf(word, sizeof word, "o%d@1", i);
        CU_ASSERT_EQUAL(wrote(&o, thing(word)), 0);
    }
    CU_ASSERT_STRING_EQUAL(get(&o, "o0"), "o0@1"); /* used: now the youngest */
    CU_ASSERT_EQUAL(wrote(&o, thing("one-more@1")), 0);
    CU_ASSERT_STRING_EQUAL(get(&o, "o1"), "none");
    CU_ASSERT_STRING_EQUAL(get(&o, "o0"), "o0@1");
    o.rt.now_ms += TARN_MUTATION_CACHE_TTL_MS;
    CU_ASSERT_STRING_EQUAL(get(&o, "o0"), "o0@1");
    o.rt.now_ms += 1;
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "o%d", i);
        CU_ASSERT_STRING_EQUAL(get(&o, key), "none");
    }
    overlay_close(&o);
}

/* M-6 */
static void where_a_version_is_no_number_the_store_wins(void)
{
    struct overlay o;

    overlay_open(&o, false, 0);
    CU_ASSERT_EQUAL(add(&o.x->store, "a@1"), 0);
    CU_ASSERT_EQUAL(wrote(&o, fake_object("{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"x9\"}}")), 0);
    CU_ASSERT_STRING_EQUAL(get(&o, "a"), "a@1");
    CU_ASSERT_EQUAL(add(&o.x->store, "b"), 0); /* the empty text counts as 0 */
    CU_ASSERT_EQUAL(wrote(&o, thing("b@1")), 0);
    CU_ASSERT_STRING_EQUAL(get(&o, "b"), "b@1");
    overlay_close(&o);
}

TARN_TEST_MAIN("mutation_cache", TARN_TEST(the_newer_of_what_we_wrote_and_what_the_store_has_is_given),
               TARN_TEST(what_the_store_lacks_is_given_only_with_include_adds),
               TARN_TEST(by_index_gives_the_newer_objects_and_with_include_adds_our_own),
               TARN_TEST(without_an_indexer_there_is_no_by_index),
               TARN_TEST(a_write_that_is_known_to_be_out_of_date_is_not_remembered),
               TARN_TEST(an_event_drops_what_is_not_newer),
               TARN_TEST(a_delete_clears_our_write_and_leaves_a_tombstone_for_a_time),
               TARN_TEST(the_least_recently_used_of_a_hundred_makes_room_and_entries_age),
               TARN_TEST(where_a_version_is_no_number_the_store_wins))
