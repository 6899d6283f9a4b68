/* Attaching, snapshots, generations, and what happens when something is not as usual. */
#include "api_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "tarn_test.h"

static void put(struct api_world *w, unsigned n, uint64_t rv)
{
    world_put(w, &(struct world_pod){.ns = n % 2, .n = n, .rv = rv});
    world_commit(w, rv);
}

static unsigned objects(const struct api_snapshot *s)
{
    struct tarn_resource_info info;

    CU_ASSERT_EQUAL_FATAL(tarn_reader_resource(&s->r, TARN_BYTES("pods"), &info), 0);
    return (unsigned)info.objects;
}

static void a_realm_is_attached_like_a_client(void)
{
    struct realm_facts facts;
    struct api_world w;

    world_open(&w, &(struct api_world_options){0});
    CU_ASSERT_FALSE(api_realm_is_attached(w.api));
    CU_ASSERT_PTR_NULL(api_realm_snapshot(w.api));
    CU_ASSERT_FALSE(api_realm_has(w.api, TARN_BYTES(""), TARN_BYTES("pods")));
    world_attach(&w);
    realm_facts(w.realm, &facts);
    CU_ASSERT_EQUAL(facts.clients, 1);
    CU_ASSERT_STRING_EQUAL(api_realm_name(w.api), "cluster");
    CU_ASSERT_TRUE(api_realm_has(w.api, TARN_BYTES(""), TARN_BYTES("pods")));
    CU_ASSERT_FALSE(api_realm_has(w.api, TARN_BYTES("apps"), TARN_BYTES("pods")));
    CU_ASSERT_FALSE(api_realm_has(w.api, TARN_BYTES(""), TARN_BYTES("pods/deleted")));
    world_close(&w);
}

static void who_is_refused_asks_again(void)
{
    struct api_world w;

    world_open(&w, &(struct api_world_options){0});
    w.refuse = true;
    while (!w.attaches)
        (void)uv_run(&w.loop, UV_RUN_ONCE);
    CU_ASSERT_FALSE(api_realm_is_attached(w.api));
    w.refuse = false;
    world_attach(&w);
    CU_ASSERT_EQUAL(w.attaches, 2);
    w.attaches--; /* that was none */
    world_close(&w);
}

static void who_asks_at_the_same_commit_shares_a_snapshot(void)
{
    struct api_snapshot *a, *b, *c;
    struct api_world w;

    world_open(&w, &(struct api_world_options){0});
    world_attach(&w);
    put(&w, 1, 5);
    a = api_realm_snapshot(w.api);
    b = api_realm_snapshot(w.api);
    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    CU_ASSERT_PTR_EQUAL(a, b);
    put(&w, 2, 6);
    c = api_realm_snapshot(w.api);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    CU_ASSERT_PTR_NOT_EQUAL(a, c);
    CU_ASSERT_EQUAL(objects(a), 1);
    CU_ASSERT_EQUAL(objects(c), 2);
    api_snapshot_unref(a);
    CU_ASSERT_EQUAL(objects(b), 1);
    api_snapshot_unref(b);
    api_snapshot_unref(c);
    world_close(&w);
}

/* As many as there are pins; then none, and later again. */
static void snapshots_are_bounded_by_pins(void)
{
    enum { MOST = 1100 };
    struct api_snapshot **v = calloc(MOST, sizeof *v);
    struct api_world w;
    unsigned n = 0;

    world_open(&w, &(struct api_world_options){0});
    world_attach(&w);
    while (n < MOST && (v[n] = api_realm_snapshot(w.api))) {
        n++;
        put(&w, 1, 10 + n);
    }
    CU_ASSERT_TRUE(n > 1000 && n < MOST);
    api_snapshot_unref(v[--n]);
    CU_ASSERT_PTR_NOT_NULL(v[n] = api_realm_snapshot(w.api));
    for (unsigned i = 0; i <= n; i++)
        api_snapshot_unref(v[i]);
    free(v);
    world_run(&w);
    world_close(&w);
}

#define PODS_FROM(rv) "/api/v1/pods?watch=1&resourceVersion=" rv

/* Watches go on, and the old generation is left when its last snapshot is given back. */
static void a_hand_over_is_not_noticed(void)
{
    struct api_snapshot *held;
    struct realm_facts facts;
    struct world_watch c;
    struct api_world w;

    world_open(&w, &(struct api_world_options){0});
    put(&w, 1, 5);
    world_attach(&w);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS_FROM("5")), 0);
    held = api_realm_snapshot(w.api);
    world_put(&w, &(struct world_pod){.ns = 0, .n = 2, .rv = 6}); /* the end of the old one's log */
    world_commit(&w, 6);
    world_delete(&w, &(struct world_pod){.ns = 1, .n = 1, .rv = 7});
    world_commit(&w, 7);
    world_hand_over(&w, true);
    put(&w, 3, 8);
    world_run(&w);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ADDED pod-2@6 · DELETED pod-1@7 · ADDED pod-3@8");
    CU_ASSERT_EQUAL(objects(held), 1);
    realm_facts(w.realm, &facts);
    CU_ASSERT_EQUAL(facts.old_generations, 1);
    api_snapshot_unref(held);
    world_run(&w);
    realm_facts(w.realm, &facts);
    CU_ASSERT_EQUAL(facts.old_generations, 0);
    CU_ASSERT_EQUAL(facts.clients, 1);
    world_watch_free(&c);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS_FROM("5")), 0); /* history goes on, too */
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ADDED pod-2@6 · DELETED pod-1@7 · ADDED pod-3@8");
    world_watch_free(&c);
    CU_ASSERT_EQUAL(api_realm_counters(w.api)->resets, 0);
    world_close(&w);
}

/* The same name, another resource. */
static void a_new_resource_ends_watches_of_the_old(void)
{
    struct world_watch c;
    struct api_world w;

    world_open(&w, &(struct api_world_options){0});
    put(&w, 1, 5);
    world_attach(&w);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS_FROM("5")), 0);
    world_hand_over(&w, false);
    world_run(&w);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ERROR 410 · (end)");
    world_watch_free(&c);
    put(&w, 2, 9);
    world_run(&w);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, "/api/v1/pods?watch=1"), 0);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ADDED pod-2@9");
    world_watch_free(&c);
    world_close(&w);
}

/* The log was overrun between two turns: what was missed is not known any more. */
static void an_overrun_log_begins_anew(void)
{
    struct world_watch c;
    struct api_world w;
    struct tarn_writer_stats stats;
    uint64_t rv = 5, head;
    char last[64];

    world_open(&w, &(struct api_world_options){.budget = 32u << 20});
    put(&w, 1, rv);
    world_attach(&w);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS_FROM("5")), 0);
    tarn_writer_stats(w.realm->writer, &stats);
    head = stats.log_head;
    while (stats.log_floor <= head) {
        for (unsigned n = 0; n < 8; n++)
            put(&w, n, ++rv);
        tarn_writer_stats(w.realm->writer, &stats);
    }
    world_run(&w);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ERROR 410 · (end)");
    CU_ASSERT_EQUAL(api_realm_counters(w.api)->resets, 1);
    world_watch_free(&c);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, "/api/v1/pods?watch=1&fieldSelector=metadata.name%3Dpod-7"), 0);
    (void)snprintf(last, sizeof last, "ADDED pod-7@%llu", (unsigned long long)rv);
    CU_ASSERT_STRING_EQUAL(world_events(&c), last);
    world_watch_free(&c);
    world_close(&w);
}

struct waiter {
    struct api_commit_waiter base;
    struct api_realm *r;
    unsigned called;
    bool once;
};

static void on_commit(struct api_commit_waiter *base)
{
    struct waiter *w = (struct waiter *)base;

    w->called++;
    if (w->once)
        api_realm_wait_end(base);
}

static void waiters_are_called_at_each_new_state(void)
{
    struct waiter once = {.base.fn = on_commit, .once = true}, always = {.base.fn = on_commit};
    struct api_world w;

    world_open(&w, &(struct api_world_options){0});
    world_attach(&w);
    api_realm_wait(w.api, &once.base);
    api_realm_wait(w.api, &always.base);
    world_run(&w);
    CU_ASSERT_EQUAL(always.called, 0);
    put(&w, 1, 5);
    while (!always.called) /* the doorbell rings, no tick is waited for */
        (void)uv_run(&w.loop, UV_RUN_ONCE);
    put(&w, 2, 6);
    world_run(&w);
    CU_ASSERT_EQUAL(once.called, 1);
    CU_ASSERT_EQUAL(always.called, 2);
    api_realm_wait_end(&always.base);
    api_realm_wait_end(&once.base);
    put(&w, 3, 7);
    world_run(&w);
    CU_ASSERT_EQUAL(always.called, 2);
    world_close(&w);
}

/* It waits for what is still held; watches are told. */
static void closing_waits_for_what_is_held(void)
{
    struct api_snapshot *held;
    struct world_watch c;
    struct api_world w;

    world_open(&w, &(struct api_world_options){0});
    put(&w, 1, 5);
    world_attach(&w);
    held = api_realm_snapshot(w.api);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS_FROM("5")), 0);
    world_begin_close(&w);
    for (int i = 0; i < 10; i++)
        (void)uv_run(&w.loop, UV_RUN_NOWAIT);
    CU_ASSERT_EQUAL(c.woken, 1);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ERROR 410 · (end)");
    CU_ASSERT_PTR_NULL(api_realm_snapshot(w.api));
    CU_ASSERT_EQUAL(objects(held), 1);
    CU_ASSERT_EQUAL(w.detaches, 0);
    api_snapshot_unref(held);
    for (int i = 0; i < 10; i++)
        (void)uv_run(&w.loop, UV_RUN_NOWAIT);
    CU_ASSERT_EQUAL(w.detaches, 1);
    CU_ASSERT_FALSE(w.closed);
    world_watch_free(&c);
    world_close(&w);
}

/* Change the same objects until the region is full, and let the time of the lease pass. */
static void fill(struct api_world *w, uint64_t rv)
{
    for (unsigned i = 0; i < 4000; i++) {
        (void)world_try_put(w, &(struct world_pod){.n = i % 100, .rv = ++rv, .pad = 10000});
        world_commit(w, rv);
        w->rt.now_ms += 20;
        (void)tarn_writer_collect(w->realm->writer);
        if (i % 8 == 0)
            world_run(w);
    }
}

/* The state that a watch begins with is held by a pin like any client's: it can be taken back, and the watch says so. */
static void a_state_that_is_taken_back_ends_its_watch(void)
{
    struct tarn_writer_stats stats;
    struct world_watch c;
    struct world_event e;
    struct api_world w;
    unsigned n = 0;

    world_open(&w, &(struct api_world_options){.budget = 8u << 20});
    w.config.old_generations = 0;
    for (unsigned i = 0; i < 100; i++)
        world_put(&w, &(struct world_pod){.n = i, .rv = 10 + i, .pad = 10000});
    world_commit(&w, 110);
    world_attach(&w);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, "/api/v1/pods?watch=1&fieldSelector=status.phase%3DRunning"), 0);
    CU_ASSERT_TRUE_FATAL(world_next(&c, &e, 300));
    tarn_object_unref(e.whole);
    fill(&w, 110);
    tarn_writer_stats(w.realm->writer, &stats);
    CU_ASSERT_TRUE(stats.revoked_lease > 0);
    while (world_next(&c, &e, 300)) {
        n += strcmp(e.type, "ADDED") == 0;
        CU_ASSERT_TRUE(strcmp(e.type, "ADDED") == 0 || e.code == 410);
        tarn_object_unref(e.whole);
    }
    CU_ASSERT_TRUE(c.ended);
    CU_ASSERT_TRUE(n < 3); /* what had been written when it was taken */
    world_watch_free(&c);
    world_close(&w);
}

/* The state that was delivered last is taken back too when no turn comes for long: all begin anew, and nothing wrong is told. */
static void a_base_that_is_taken_back_begins_anew(void)
{
    struct tarn_writer_stats stats;
    struct world_watch c;
    struct api_world w;
    uint64_t rv = 110;

    world_open(&w, &(struct api_world_options){.budget = 8u << 20});
    w.config.old_generations = 0;
    for (unsigned i = 0; i < 100; i++)
        world_put(&w, &(struct world_pod){.n = i, .rv = 10 + i, .pad = 10000});
    world_commit(&w, rv);
    world_attach(&w);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS_FROM("110")), 0);
    for (unsigned i = 0; i < 4000; i++) {
        (void)world_try_put(&w, &(struct world_pod){.n = i % 100, .rv = ++rv, .pad = 10000});
        world_commit(&w, rv);
        w.rt.now_ms += 20;
        (void)tarn_writer_collect(w.realm->writer);
    }
    tarn_writer_stats(w.realm->writer, &stats);
    CU_ASSERT_TRUE(stats.revoked_lease > 0);
    world_run(&w);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ERROR 410 · (end)");
    CU_ASSERT_EQUAL(api_realm_counters(w.api)->resets, 1);
    world_watch_free(&c);
    world_close(&w);
}

TARN_TEST_MAIN("api_realm", TARN_TEST(a_realm_is_attached_like_a_client), TARN_TEST(who_is_refused_asks_again),
               TARN_TEST(who_asks_at_the_same_commit_shares_a_snapshot),
               TARN_TEST(snapshots_are_bounded_by_pins), TARN_TEST(a_hand_over_is_not_noticed), TARN_TEST(a_new_resource_ends_watches_of_the_old),
               TARN_TEST(an_overrun_log_begins_anew), TARN_TEST(waiters_are_called_at_each_new_state), TARN_TEST(closing_waits_for_what_is_held),
               TARN_TEST(a_state_that_is_taken_back_ends_its_watch), TARN_TEST(a_base_that_is_taken_back_begins_anew))
