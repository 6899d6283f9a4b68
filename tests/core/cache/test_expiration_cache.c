/* ExpirationCache: E-1 ... E-5, on a clock moved by hand. */
#include <tarn/expiration_cache.h>

#include "cache_fixture.h"
#include "fake_runtime.h"
#include "fault.h"
#include "tarn_test.h"

static struct tarn_store *cache(struct fake_runtime *rt, int64_t ttl_ms)
{
    struct tarn_store *s = NULL;

    CU_ASSERT_EQUAL_FATAL(
        tarn_expiration_cache_new(&(struct tarn_expiration_cache_options){.rt = &rt->rt, .ttl_ms = ttl_ms}, &s, NULL), 0);
    return s;
}

/* TestTTLPolicy, E-1: equal is alive; 0 and below is for ever */
static void an_entry_expires_when_it_is_older_than_its_time(void)
{
    static const struct {
        int64_t ttl_ms;
        uint64_t age_ms;
        bool alive;
    } rows[] = {{30000, 0, true}, {30000, 29999, true}, {30000, 30000, true}, {30000, 30001, false},
                {0, 1u << 30, true}, {-1, 1u << 30, true}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fake_runtime rt = fake_runtime_init();
        struct tarn_store *s = cache(&rt, rows[i].ttl_ms);

        CU_ASSERT_EQUAL(add(s, "a@1"), 0);
        rt.now_ms += rows[i].age_ms;
        CU_ASSERT_STRING_EQUAL(got(s, "a"), rows[i].alive ? "a@1" : "none");
        tarn_store_free(s);
    }
}

/* TestTTLExpirationBasic, TestTTLList, E-2: found out when somebody looks */
static void what_is_expired_goes_when_it_is_looked_at_and_keys_are_not_looked_at(void)
{
    struct fake_runtime rt = fake_runtime_init();
    struct tarn_store *s = cache(&rt, 100);
    const struct tarn_object *stub = thing("a"), *found = NULL;

    CU_ASSERT_EQUAL(replace(s, "a@1 b@1 c@1"), 0);
    rt.now_ms += 60;
    CU_ASSERT_EQUAL(update(s, "c@2"), 0);
    rt.now_ms += 60;
    CU_ASSERT_STRING_EQUAL(keys_of(s), "a b c");
    CU_ASSERT_EQUAL(tarn_store_get(s, stub, &found, NULL), TARN_E_NOTFOUND);
    CU_ASSERT_STRING_EQUAL(keys_of(s), "b c");
    CU_ASSERT_STRING_EQUAL(list_of(s), "c@2");
    CU_ASSERT_STRING_EQUAL(keys_of(s), "c");
    tarn_object_unref(stub);
    tarn_store_free(s);
}

/* TestReAddExpiredItem, E-3 */
static void an_expired_key_added_again_lives_again(void)
{
    struct fake_runtime rt = fake_runtime_init();
    struct tarn_store *s = cache(&rt, 100);

    CU_ASSERT_EQUAL(add(s, "a@1"), 0);
    rt.now_ms += 101;
    CU_ASSERT_EQUAL(add(s, "a@2"), 0);
    rt.now_ms += 100;
    CU_ASSERT_STRING_EQUAL(got(s, "a"), "a@2");
    rt.now_ms += 1;
    CU_ASSERT_STRING_EQUAL(got(s, "a"), "none");
    tarn_store_free(s);
}

/* E-4, K-7 */
static void the_rest_is_as_in_a_store(void)
{
    struct fake_runtime rt = fake_runtime_init();
    struct tarn_store *s = cache(&rt, 100);

    CU_ASSERT_EQUAL(add(s, "a@1"), 0);
    CU_ASSERT_EQUAL(del(s, "a"), 0);
    CU_ASSERT_EQUAL(del(s, "a"), 0);
    CU_ASSERT_EQUAL(tarn_store_resync(s, NULL), 0);
    CU_ASSERT_EQUAL(replace(s, "a@1 a@2"), 0); /* S-8 */
    CU_ASSERT_EQUAL(replace(s, "b@1 keyless"), TARN_E_KEY);
    CU_ASSERT_STRING_EQUAL(list_of(s), "a@2");
    CU_ASSERT_EQUAL(with(s, s->ops->add, thing_without_meta()), TARN_E_KEY);
    CU_ASSERT_EQUAL(s->ops->replace_begin(s, NULL), 0);
    CU_ASSERT_EQUAL(with(s, s->ops->replace_add, thing("x@1")), 0);
    CU_ASSERT_EQUAL(with(s, s->ops->replace_remove, thing("x")), 0);
    CU_ASSERT_EQUAL(s->ops->replace_commit(s, TARN_BYTES("1"), NULL), 0);
    CU_ASSERT_STRING_EQUAL(keys_of(s), "");
    tarn_store_free(s);
}

static bool odd_versions_expire(void *ctx, const struct tarn_object *obj, uint64_t age_ms)
{
    (void)ctx;
    return age_ms > 10 && tarn_object_resource_version(obj) % 2;
}

/* NewExpirationStore with a policy, E-1; E-5: all that is old at once */
static void a_policy_of_ones_own_decides_and_a_purge_needs_no_reader(void)
{
    struct fake_runtime rt = fake_runtime_init();
    struct tarn_store *s = NULL;

    CU_ASSERT_EQUAL_FATAL(tarn_expiration_cache_new(&(struct tarn_expiration_cache_options){.rt = &rt.rt,
                                                                                            .policy = {.is_expired =
                                                                                                           odd_versions_expire}},
                                                    &s, NULL),
                          0);
    CU_ASSERT_EQUAL(replace(s, "a@1 b@2 c@3 d@4 e@5"), 0);
    CU_ASSERT_EQUAL(tarn_expiration_cache_purge(s), 0);
    rt.now_ms += 11;
    CU_ASSERT_EQUAL(tarn_expiration_cache_purge(s), 3);
    CU_ASSERT_STRING_EQUAL(keys_of(s), "b d");
    tarn_store_free(s);
}

static void without_a_clock_there_is_no_cache(void)
{
    struct tarn_store *s = NULL;
    struct tarn_error err = {0};

    CU_ASSERT_EQUAL(tarn_expiration_cache_new(&(struct tarn_expiration_cache_options){.ttl_ms = 1}, &s, &err), TARN_E_INVAL);
    CU_ASSERT_STRING_EQUAL(err.message, "an expiration cache needs a clock: set rt");
}

static void changes_survive_any_failed_allocation(void)
{
    long blocks = tarn_fault_blocks();

    for (int kind = 0; kind < 2; kind++) {
        bool failed = true;

        for (long n = 0; failed; n++) {
            struct fake_runtime rt = fake_runtime_init();
            struct tarn_store *s = cache(&rt, 100);
            const struct tarn_object *obj = thing("new@1");
            int code;

            CU_ASSERT_EQUAL(replace(s, "a@1 b@1 c@1 d@1 e@1 f@1"), 0);
            tarn_fault_arm(n);
            code = kind ? tarn_store_replace(s, &obj, 1, TARN_BYTES("1"), NULL) : tarn_store_add(s, obj, NULL);
            failed = tarn_fault_disarm();
            CU_ASSERT_EQUAL(code, failed ? TARN_E_NOMEM : 0);
            if (failed)
                CU_ASSERT_STRING_EQUAL(list_of(s), "a@1 b@1 c@1 d@1 e@1 f@1");
            tarn_object_unref(obj);
            tarn_store_free(s);
        }
    }
    CU_ASSERT_EQUAL(tarn_fault_blocks(), blocks);
}

TARN_TEST_MAIN("expiration_cache", TARN_TEST(an_entry_expires_when_it_is_older_than_its_time),
               TARN_TEST(what_is_expired_goes_when_it_is_looked_at_and_keys_are_not_looked_at),
               TARN_TEST(an_expired_key_added_again_lives_again), TARN_TEST(the_rest_is_as_in_a_store),
               TARN_TEST(a_policy_of_ones_own_decides_and_a_purge_needs_no_reader),
               TARN_TEST(without_a_clock_there_is_no_cache), TARN_TEST(changes_survive_any_failed_allocation))
