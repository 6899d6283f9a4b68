/* A reflector that fills a region: the random runs of tests/support/chaos.h, with the region store beside the fake one and a
 * commit at the end of each turn, as the agent does it. Rows S-8, R-12, R-17, R-20, W-3, W-4 across core and shm. */
#include <stdlib.h>

#include <tarn/check.h>
#include <tarn/reader.h>
#include <tarn/region_store.h>
#include <tarn/writer.h>

#include "chaos.h"
#include "tarn_test.h"

struct region {
    struct fake_runtime rt;
    struct tarn_writer *w;
    struct tarn_store *store;
    unsigned failures;
};

static void make(struct region *g)
{
    uint16_t id;

    g->failures = 0;
    g->rt = fake_runtime_init();
    g->rt.seeded = true;
    CU_ASSERT_EQUAL_FATAL(tarn_writer_new(&(struct tarn_writer_options){.budget_bytes = 8u << 20, .rt = &g->rt.rt}, &g->w, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_writer_add_resource(g->w, &(struct tarn_writer_resource){.name = "pods", .api_version = "v1", .kind = "Pod", .namespaced = true}, &id, NULL),
                          0);
    CU_ASSERT_EQUAL_FATAL(tarn_region_store_new(g->w, id, &g->store, NULL), 0);
}

/* A turn of the agent's loop: commit, collect. */
static void turn(void *ctx)
{
    struct region *g = ctx;

    g->rt.now_ms += 50;
    g->failures += tarn_writer_commit(g->w, NULL) < 0;
    (void)tarn_writer_collect(g->w);
}

/* Every rule of the region's format holds for its newest state. */
static void check_region(struct region *g)
{
    struct tarn_reader r;
    struct tarn_error err = {0};

    CU_ASSERT_EQUAL(tarn_writer_commit(g->w, NULL), 0);
    tarn_reader_begin(&r, tarn_writer_view(g->w), NULL);
    CU_ASSERT_EQUAL(tarn_check_region(&r, true, NULL, &err), 0);
    CU_ASSERT_STRING_EQUAL(err.message, "");
    tarn_reader_end(&r);
}

static void a_region_follows_any_server(void)
{
    uint64_t seeds = getenv("TEST_LONG") ? 300 : 12;

    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct region g;
        struct chaos *c;

        make(&g);
        c = chaos_new(seed, chaos_options(seed), g.store);
        c->after_turn = turn;
        c->turn_ctx = &g;
        c->source.streaming = true;
        c->source.fault_per_mille = seed % 2 ? 300 : 60;
        fake_source_put(&c->source, "ns/first");
        tarn_reflector_start(c->r);
        chaos_live_through(c, 200);
        chaos_converge(c);
        CU_ASSERT(tee_store_agrees(&c->tee));
        CU_ASSERT_EQUAL(g.failures, 0);
        check_region(&g);
        chaos_free(c); /* and the region's store with it */
        tarn_writer_free(g.w);
    }
}

TARN_TEST_MAIN("reflector_region", TARN_TEST(a_region_follows_any_server))
