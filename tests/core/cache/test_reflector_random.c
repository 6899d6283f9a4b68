/* Random server behaviour, faults of every kind, against a server with history; what must hold says chaos.h.
 * TEST_LONG=1 runs many more seeds. */
#include "chaos.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/cache.h>

#include "fault.h"
#include "tarn_test.h"

/* First pages and watches. In a minute after quiet the backoff allows 6 waits (0.8 + 1.6 ... 25.6 s) and 2 answers at once;
 * behind each stand at most a streaming list, again with "", a LIST, again with "", a full list and a watch. */
#define REQUESTS_PER_MINUTE 48

static struct tarn_store *new_cache(void)
{
    struct tarn_indexer *cache = NULL;

    if (tarn_cache_new(NULL, &cache, NULL) < 0)
        abort();
    return &cache->store;
}

static unsigned run_seed(uint64_t seed, unsigned per_mille, unsigned *faults)
{
    struct chaos *c = chaos_new(seed, chaos_options(seed), seed % 4 ? new_cache() : NULL);
    unsigned most;

    c->source.streaming = true;
    c->source.fault_per_mille = per_mille;
    fake_source_put(&c->source, "ns/first");
    tarn_reflector_start(c->r);
    chaos_live_through(c, 300);
    chaos_converge(c);
    most = c->most;
    for (unsigned i = 0; i < FAULTS; i++)
        faults[i] += c->source.faults[i];
    chaos_free(c);
    return most;
}

static void any_server_behaviour_is_survived(void)
{
    uint64_t seeds = getenv("TEST_LONG") ? 2000 : 60;
    unsigned faults[FAULTS] = {0}, most = 0;

    for (uint64_t seed = 1; seed <= seeds; seed++) {
        unsigned failures = CU_get_number_of_failures(), n;

        n = run_seed(seed, seed % 3 == 0 ? 900 : seed % 3 == 1 ? 300 : 60, faults);
        most = n > most ? n : most;
        if (CU_get_number_of_failures() != failures) {
            fprintf(stderr, "seed %llu\n", (unsigned long long)seed);
            break;
        }
    }
    for (unsigned i = 0; i < FAULTS; i++)
        CU_ASSERT(faults[i] > 0); /* each kind did happen */
    CU_ASSERT(most <= REQUESTS_PER_MINUTE);
}

/* (a) against a server that answers everything at once with one and the same fault, for an hour */
static void requests_are_bounded_whatever_the_server_does(void)
{
    for (unsigned fault = 0; fault < 8; fault++) {
        for (unsigned streaming = 0; streaming < 2; streaming++) {
            struct chaos *c = chaos_new(fault, (struct tarn_reflector_options){.streaming_list = streaming}, NULL);
            uint64_t end = c->rt.now_ms + 3600 * 1000;

            c->source.streaming = true;
            fake_source_put(&c->source, "ns/a");
            tarn_reflector_start(c->r);
            while (c->rt.now_ms < end) {
                /* 0: closes each watch at once; 1: forgets all at once; 2 ...: refuses nearly everything */
                if (fault == 0 && c->source.sink && c->source.q.kind == FAKE_WATCH && c->source.open)
                    fake_source_reset_watch(&c->source);
                if (fault == 1) {
                    fake_source_put(&c->source, "ns/a");
                    c->source.floor = c->source.rv + 1;
                }
                if (fault >= 2)
                    c->source.fault_per_mille = 900 + 100 * (fault - 2);
                chaos_pass(c, 500);
            }
            CU_ASSERT(c->most <= REQUESTS_PER_MINUTE);
            CU_ASSERT(c->requests > 10); /* it never gave up */
            chaos_free(c);
        }
    }
}

/* T-9, TestSharedInformerWatchDisruption: a delete nobody was told of is found by the list after a reset */
static void a_missed_delete_is_found_after_a_reset(void)
{
    struct chaos *c = chaos_new(1, (struct tarn_reflector_options){0}, NULL);

    fake_source_put(&c->source, "ns/a");
    fake_source_put(&c->source, "ns/b");
    tarn_reflector_start(c->r);
    chaos_pass(c, 1000);
    CU_ASSERT_STRING_EQUAL(fake_store_text(&c->store), "ns/a@1 ns/b@2");
    chaos_stray(c);
    fake_source_delete_drop_watch(&c->source, "ns/a");
    chaos_pass(c, 1000);
    CU_ASSERT_STRING_EQUAL(fake_store_text(&c->store), "ns/a@1 ns/b@2");
    fake_source_reset_watch(&c->source);
    chaos_pass(c, 5000);
    CU_ASSERT_STRING_EQUAL(fake_store_text(&c->store), "ns/b@2");
    CU_ASSERT_EQUAL(chaos_status(c).counters.expired, 1);
    chaos_free(c);
}

/* T-9: the relist period heals what nobody was told of */
static void a_missed_delete_is_found_by_the_relist_period(void)
{
    struct chaos *c = chaos_new(1, (struct tarn_reflector_options){.relist_period_ms = 60000}, NULL);

    fake_source_put(&c->source, "ns/a");
    fake_source_put(&c->source, "ns/b");
    tarn_reflector_start(c->r);
    chaos_pass(c, 1000);
    chaos_stray(c);
    fake_source_delete_drop_watch(&c->source, "ns/a");
    chaos_pass(c, 130000);
    CU_ASSERT_STRING_EQUAL(fake_store_text(&c->store), "ns/b@2");
    chaos_free(c);
}

/* kubernetes#107457: an etcd restored from a backup: every watch is silent, and still it is noticed */
static void a_restored_server_is_noticed_though_its_watches_are_silent(void)
{
    struct chaos *c = chaos_new(1, (struct tarn_reflector_options){0}, NULL);

    for (int i = 0; i < 20; i++)
        fake_source_put(&c->source, chaos_key(c));
    tarn_reflector_start(c->r);
    chaos_pass(c, 200 * 1000);
    chaos_stray(c);
    fake_source_restore(&c->source, 5);
    chaos_pass(c, 120 * 1000);
    CU_ASSERT(fake_table_equal(&c->store.now, &c->source.state));
    CU_ASSERT(chaos_status(c).counters.rv_rewinds >= 1);
    CU_ASSERT_EQUAL(chaos_status(c).resource_version.number, 5);
    chaos_free(c);
}

/* The n-th allocation fails, for every n: nothing is lost, nothing leaks, and it comes right in the end. The test's own allocations
 * must not fail, so only the reflector's steps run armed. */
static void any_failed_allocation_is_survived(void)
{
    long before = tarn_fault_blocks();

    for (long n = 0;; n++) {
        struct fake_runtime rt = fake_runtime_init();
        struct fake_list_watch *lw = malloc(sizeof *lw);
        struct fake_store store;
        struct tarn_reflector *r = NULL;
        struct tarn_reflector_options o = {.name = "pods", .expected_kind = "Pod", .page_size = 1};
        bool struck;
        int rc;

        fake_list_watch_init(lw, &rt.rt);
        fake_store_init(&store, false);
        o.list_watch = &lw->lw;
        o.store = &store.store;
        o.rt = &rt.rt;
        tarn_fault_arm(n);
        rc = tarn_reflector_new(&o, &r, NULL);
        if (rc == 0) {
            tarn_reflector_start(r);
            tarn_reflector_on_timer(r);
            fake_page_end(lw, "10", "a-token-for-the-next-page");
        }
        struck = tarn_fault_disarm();
        if (rc < 0) {
            CU_ASSERT_EQUAL(rc, TARN_E_NOMEM);
            CU_ASSERT(struck);
        } else {
            struct tarn_reflector_status s;

            tarn_reflector_status(r, &s);
            CU_ASSERT_EQUAL(s.last_error.code, struck ? TARN_E_NOMEM : 0);
            CU_ASSERT_EQUAL(s.phase, TARN_REFLECTOR_WAITING);
        }
        tarn_reflector_free(r);
        tarn_store_free(&store.store);
        free(lw);
        if (!struck)
            break;
        CU_ASSERT_FATAL(n < 100);
    }
    CU_ASSERT_EQUAL(tarn_fault_blocks(), before);
}

TARN_TEST_MAIN("reflector_random", TARN_TEST(any_server_behaviour_is_survived),
               TARN_TEST(requests_are_bounded_whatever_the_server_does), TARN_TEST(a_missed_delete_is_found_after_a_reset),
               TARN_TEST(a_missed_delete_is_found_by_the_relist_period),
               TARN_TEST(a_restored_server_is_noticed_though_its_watches_are_silent),
               TARN_TEST(any_failed_allocation_is_survived))
