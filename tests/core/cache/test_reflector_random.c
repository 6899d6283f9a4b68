/* Random server behaviour, faults of every kind, against a server with history. Whatever happens, the reflector
 *   (a) never loops hot: a bounded number of requests in any minute,
 *   (b) comes to the server's state once the faults are over,
 *   (c) never loses or invents an object: the store is the server's state at the version the reflector names,
 *   (d) never takes has_synced back,
 *   (e) tells by on_change when the time it wants the timer comes earlier, or its status changes.
 * TARN_LONG=1 runs many more seeds. */
#include "fake_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/cache.h>
#include <tarn/reflector.h>

#include "fault.h"
#include "tarn_test.h"
#include "tee_store.h"

/* First pages and watches. In a minute after quiet the backoff allows 6 waits (0.8 + 1.6 ... 25.6 s) and 2 answers at once;
 * behind each stand at most a streaming list, again with "", a LIST, again with "", a full list and a watch. */
#define REQUESTS_PER_MINUTE 48

struct run {
    struct fake_runtime rt;
    struct fake_source source;
    struct fake_store store;
    struct tee_store tee; /* of the store above and a real cache, which must always agree */
    struct tarn_reflector *r;
    uint64_t seed;
    uint64_t times[1 << 16]; /* of requests but next pages */
    unsigned requests, most; /* in a minute */
    uint64_t told_ms;                     /* deadline and status when on_change was last called, */
    struct tarn_reflector_status told;    /* or the driver looked by itself */
    bool synced, strayed;    /* strayed: restored behind the store's version, which nobody has noticed yet */
    unsigned commits, rewinds;
};

static uint64_t below(struct run *run, uint64_t n)
{
    return fake_random(&run->seed) % n;
}

static struct tarn_reflector_status status(struct run *run)
{
    struct tarn_reflector_status s;

    tarn_reflector_status(run->r, &s);
    return s;
}

/* The driver looks. */
static void look(struct run *run)
{
    run->told_ms = tarn_reflector_deadline_ms(run->r);
    run->told = status(run);
}

static void on_change(void *ctx, struct tarn_reflector *r)
{
    (void)r;
    look(ctx);
}

static struct run *run_new(uint64_t seed, struct tarn_reflector_options o)
{
    struct run *run = calloc(1, sizeof *run);

    if (!run)
        abort();
    run->seed = seed;
    run->rt = fake_runtime_init();
    run->rt.seeded = true;
    run->rt.seed = seed + 1;
    fake_source_init(&run->source, &run->rt.rt, seed + 2);
    fake_store_init(&run->store, below(run, 4) == 0);
    o.list_watch = &run->source.lw;
    o.store = &run->store.store;
    if (!run->store.no_remove) {
        struct tarn_indexer *cache = NULL;

        if (tarn_cache_new(NULL, &cache, NULL) < 0)
            abort();
        run->tee = tee_store_init(&run->store, &cache->store);
        o.store = &run->tee.store;
    }
    o.rt = &run->rt.rt;
    o.name = "pods";
    o.on_change = on_change;
    o.ctx = run;
    if (tarn_reflector_new(&o, &run->r, NULL) < 0)
        abort();
    return run;
}

static void run_free(struct run *run)
{
    tarn_reflector_free(run->r);
    CU_ASSERT_EQUAL(run->store.misuses, 0);
    CU_ASSERT_EQUAL(run->source.overlaps, 0);
    CU_ASSERT_EQUAL(run->tee.disagreements, 0);
    tarn_store_free(run->tee.real);
    tarn_store_free(&run->store.store);
    fake_source_release(&run->source);
    free(run);
}

/* (a) */
static void note_requests(struct run *run)
{
    uint64_t now = run->rt.now_ms;
    unsigned n = 0;

    while (run->requests < run->source.first_pages && run->requests < sizeof run->times / sizeof *run->times)
        run->times[run->requests++] = now;
    for (unsigned i = run->requests; i-- > 0 && run->times[i] + 60000 > now;)
        n++;
    if (n > run->most)
        run->most = n;
}

/* (c), (d), (e) */
static void check(struct run *run)
{
    struct tarn_reflector_status s = status(run);

    CU_ASSERT_FATAL(tarn_reflector_deadline_ms(run->r) >= run->told_ms);
    CU_ASSERT_FATAL(s.phase == run->told.phase && s.live == run->told.live && s.has_synced == run->told.has_synced);
    CU_ASSERT_FATAL(s.behind == run->told.behind && s.last_error.code == run->told.last_error.code);
    CU_ASSERT(s.has_synced || !run->synced);
    run->synced = s.has_synced;
    if (run->strayed && (s.counters.lists_ok != run->commits || s.counters.rv_rewinds != run->rewinds))
        run->strayed = s.counters.lists_ok == run->commits; /* a rewind is noticed first, healed by the list */
    if (run->tee.real)
        CU_ASSERT_FATAL(tee_store_agrees(&run->tee));
    if (!s.has_synced || run->strayed)
        return;
    CU_ASSERT_FATAL(s.resource_version.number <= run->source.rv);
    if (!fake_table_equal(&run->store.now, fake_source_state(&run->source, s.resource_version.number))) {
        fprintf(stderr, "at %llu the store is %s\nlog %s\n", (unsigned long long)s.resource_version.number, fake_store_text(&run->store), run->store.log);
        CU_FAIL_FATAL("the store is not the server's state at the reflector's version");
    }
}

/* Let ms pass; the server answers at once unless it is silent. */
static void pass(struct run *run, uint64_t ms)
{
    uint64_t end = run->rt.now_ms + ms;
    unsigned spins = 0;

    for (;;) {
        uint64_t at = tarn_reflector_deadline_ms(run->r);

        if (at > run->rt.now_ms && !fake_source_pump(&run->source)) {
            uint64_t next = run->rt.now_ms + 5000; /* so that a silent server gets its turn */

            if (run->rt.now_ms >= end)
                return;
            next = at < next ? at : next;
            run->rt.now_ms = next < end ? next : end;
            spins = 0;
        }
        if (at <= run->rt.now_ms) {
            tarn_reflector_on_timer(run->r);
            run->told_ms = tarn_reflector_deadline_ms(run->r); /* a driver looks at it after each on_timer */
        }
        note_requests(run);
        check(run);
        if (++spins > 10000) {
            CU_FAIL_FATAL("a hot loop");
        }
    }
}

/* Any key of twelve. Static buffer. */
static const char *some_key(struct run *run)
{
    static char key[16];

    (void)snprintf(key, sizeof key, "ns/pod-%02u", (unsigned)below(run, 12));
    return key;
}

/* From here until the next list the store is not what its version says. */
static void stray(struct run *run)
{
    struct tarn_reflector_status s = status(run);

    run->strayed = true;
    run->commits = (unsigned)s.counters.lists_ok;
    run->rewinds = (unsigned)s.counters.rv_rewinds;
}

static void restore(struct run *run)
{
    struct tarn_reflector_status s = status(run);
    unsigned long rv = run->source.rv - below(run, run->source.rv / 2 + 1);

    if (rv == run->source.rv || rv == 0)
        return;
    if (s.has_synced && s.resource_version.number > rv)
        stray(run);
    fake_source_restore(&run->source, rv);
}

static void change_something(struct run *run)
{
    if (run->strayed) /* changes on a new branch that overtakes ours before anyone lists are beyond finding out */
        return;
    switch (below(run, 40)) {
    case 0:
        fake_source_reset_watch(&run->source);
        break;
    case 1:
        restore(run);
        break;
    case 2 ... 13:
        fake_source_delete(&run->source, some_key(run));
        break;
    default:
        fake_source_put(&run->source, some_key(run));
    }
}

static void let_the_store_refuse(struct run *run)
{
    static const int codes[] = {TARN_E_FULL, TARN_E_NOMEM};
    enum fake_store_call call = (enum fake_store_call)below(run, FAKE_STORE_CALLS);

    run->store.refuse[call] = codes[below(run, 2)];
    run->store.refusals[call] = 1 + (int)below(run, 2);
}

static void live_through(struct run *run, unsigned steps)
{
    for (unsigned i = 0; i < steps; i++) {
        for (uint64_t n = below(run, 4); n > 0; n--)
            change_something(run);
        if (below(run, 30) == 0)
            let_the_store_refuse(run);
        if (below(run, 100) == 0)
            tarn_reflector_relist(run->r);
        pass(run, below(run, 10) ? below(run, 4000) : below(run, 200000));
        if (below(run, 200) == 0) {
            tarn_reflector_stop(run->r);
            check(run);
            tarn_reflector_start(run->r);
        }
    }
}

/* (b) */
static void converge(struct run *run)
{
    struct tarn_reflector_status s;

    run->source.fault_per_mille = 0;
    memset(run->store.refuse, 0, sizeof run->store.refuse);
    pass(run, 1200 * 1000);
    s = status(run);
    CU_ASSERT(s.has_synced && s.live && !s.behind);
    CU_ASSERT_EQUAL(s.last_error.code, 0);
    CU_ASSERT_FALSE(run->strayed);
    CU_ASSERT(fake_table_equal(&run->store.now, &run->source.state));
    fake_source_put(&run->source, "ns/last");
    pass(run, 1000);
    CU_ASSERT(fake_table_equal(&run->store.now, &run->source.state));
}

static struct tarn_reflector_options some_options(uint64_t seed)
{
    return (struct tarn_reflector_options){.page_size = seed % 3 ? 2 : 0,
                                           .streaming_list = seed % 2,
                                           .resync_period_ms = seed % 5 ? 0 : 30000,
                                           .relist_period_ms = seed % 7 ? 0 : 400000,
                                           .internal_error_retry_ms = seed % 4 ? 0 : 5000,
                                           .start_delay_ms = seed % 6 ? 0 : 3000};
}

static unsigned run_seed(uint64_t seed, unsigned per_mille, unsigned *faults)
{
    struct run *run = run_new(seed, some_options(seed));
    unsigned most;

    run->source.streaming = true;
    run->source.fault_per_mille = per_mille;
    fake_source_put(&run->source, "ns/first");
    tarn_reflector_start(run->r);
    live_through(run, 300);
    converge(run);
    most = run->most;
    for (unsigned i = 0; i < FAULTS; i++)
        faults[i] += run->source.faults[i];
    run_free(run);
    return most;
}

static void any_server_behaviour_is_survived(void)
{
    uint64_t seeds = getenv("TARN_LONG") ? 2000 : 60;
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
            struct run *run = run_new(fault, (struct tarn_reflector_options){.streaming_list = streaming});
            uint64_t end = run->rt.now_ms + 3600 * 1000;

            run->source.streaming = true;
            fake_source_put(&run->source, "ns/a");
            tarn_reflector_start(run->r);
            while (run->rt.now_ms < end) {
                /* 0: closes each watch at once; 1: forgets all at once; 2 ...: refuses nearly everything */
                if (fault == 0 && run->source.sink && run->source.q.kind == FAKE_WATCH && run->source.open)
                    fake_source_reset_watch(&run->source);
                if (fault == 1) {
                    fake_source_put(&run->source, "ns/a");
                    run->source.floor = run->source.rv + 1;
                }
                if (fault >= 2)
                    run->source.fault_per_mille = 900 + 100 * (fault - 2);
                pass(run, 500);
            }
            CU_ASSERT(run->most <= REQUESTS_PER_MINUTE);
            CU_ASSERT(run->requests > 10); /* it never gave up */
            run_free(run);
        }
    }
}

/* T-9, TestSharedInformerWatchDisruption: a delete nobody was told of is found by the list after a reset */
static void a_missed_delete_is_found_after_a_reset(void)
{
    struct run *run = run_new(1, (struct tarn_reflector_options){0});

    fake_source_put(&run->source, "ns/a");
    fake_source_put(&run->source, "ns/b");
    tarn_reflector_start(run->r);
    pass(run, 1000);
    CU_ASSERT_STRING_EQUAL(fake_store_text(&run->store), "ns/a@1 ns/b@2");
    stray(run);
    fake_source_delete_drop_watch(&run->source, "ns/a");
    pass(run, 1000);
    CU_ASSERT_STRING_EQUAL(fake_store_text(&run->store), "ns/a@1 ns/b@2");
    fake_source_reset_watch(&run->source);
    pass(run, 5000);
    CU_ASSERT_STRING_EQUAL(fake_store_text(&run->store), "ns/b@2");
    CU_ASSERT_EQUAL(status(run).counters.expired, 1);
    run_free(run);
}

/* T-9: the relist period heals what nobody was told of */
static void a_missed_delete_is_found_by_the_relist_period(void)
{
    struct run *run = run_new(1, (struct tarn_reflector_options){.relist_period_ms = 60000});

    fake_source_put(&run->source, "ns/a");
    fake_source_put(&run->source, "ns/b");
    tarn_reflector_start(run->r);
    pass(run, 1000);
    stray(run);
    fake_source_delete_drop_watch(&run->source, "ns/a");
    pass(run, 130000);
    CU_ASSERT_STRING_EQUAL(fake_store_text(&run->store), "ns/b@2");
    run_free(run);
}

/* kubernetes#107457: an etcd restored from a backup: every watch is silent, and still it is noticed */
static void a_restored_server_is_noticed_though_its_watches_are_silent(void)
{
    struct run *run = run_new(1, (struct tarn_reflector_options){0});

    for (int i = 0; i < 20; i++)
        fake_source_put(&run->source, some_key(run));
    tarn_reflector_start(run->r);
    pass(run, 200 * 1000);
    stray(run);
    fake_source_restore(&run->source, 5);
    pass(run, 120 * 1000);
    CU_ASSERT(fake_table_equal(&run->store.now, &run->source.state));
    CU_ASSERT(status(run).counters.rv_rewinds >= 1);
    CU_ASSERT_EQUAL(status(run).resource_version.number, 5);
    run_free(run);
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
