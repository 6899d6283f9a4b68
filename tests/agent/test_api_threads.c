/* The ingest thread and the read API's thread beside each other, as in the agent: what ThreadSanitizer is to see of realms, hubs and watches.
 *
 * The writer's thread changes objects as fast as it can, hands the realm over now and then, and lets the collector work; watches here keep caches.
 */
/* tarn-test: threads */
#include "api_fixture.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "region_fixture.h"
#include "tarn_test.h"

#define PODS 64u
#define WATCHES 12u
#define TURNS 400u /* of the writer */

struct pod {
    uint64_t rv; /* 0: not there */
    const char *app;
};

struct writer {
    struct api_world *w;
    uv_thread_t thread;
    uv_loop_t loop;
    uv_idle_t idle;
    uv_async_t stop;
    struct pod pods[PODS];
    uint64_t seed, rv;
    unsigned turns;
    _Atomic bool done; /* release after the last change; acquire by who compares */
};

static unsigned pick(uint64_t *seed, unsigned n)
{
    return (unsigned)(fixture_rand(seed) >> 11) % n;
}

static void change(struct writer *x)
{
    unsigned n = pick(&x->seed, PODS);
    struct pod *p = &x->pods[n];

    x->rv += 2;
    if (p->rv && !pick(&x->seed, 4)) {
        p->rv = 0;
        world_delete(x->w, &(struct world_pod){.ns = n % 2, .n = n, .rv = x->rv});
        return;
    }
    p->rv = x->rv;
    p->app = pick(&x->seed, 2) ? "web" : "db";
    world_put(x->w, &(struct world_pod){.ns = n % 2, .n = n, .rv = x->rv, .app = p->app, .pad = 100});
}

static void on_idle(uv_idle_t *idle)
{
    struct writer *x = idle->data;
    struct tarn_error err;

    for (unsigned i = pick(&x->seed, 30); i > 0; i--)
        change(x);
    world_commit(x->w, x->rv);
    x->w->rt.now_ms++;
    (void)tarn_writer_collect(x->w->realm->writer);
    if (x->turns % 100 == 50 && realm_may_hand_over(x->w->realm, &err))
        world_hand_over(x->w, true);
    if (++x->turns < TURNS)
        return;
    (void)uv_idle_stop(idle);
    atomic_store_explicit(&x->done, true, memory_order_release);
}

static void on_stop(uv_async_t *stop)
{
    struct writer *x = stop->data;

    tarn_handoff_close(&x->w->ingest, NULL);
    uv_close((uv_handle_t *)&x->idle, NULL);
    uv_close((uv_handle_t *)&x->stop, NULL);
}

static void write_on(void *arg)
{
    (void)uv_run(&((struct writer *)arg)->loop, UV_RUN_DEFAULT);
}

struct cache {
    struct world_watch c;
    const char *app;
    uint64_t rv[PODS], last;
    unsigned events, lost;
};

static void begin(struct api_world *w, struct cache *c)
{
    int rc;

    memset(c->rv, 0, sizeof c->rv);
    do {
        rc = world_watch(w, &c->c, c->app ? "/api/v1/pods?watch=1&labelSelector=app%3Dweb" : "/api/v1/pods?watch=1");
        (void)uv_run(&w->loop, UV_RUN_NOWAIT);
    } while (rc);
}

static void read_all(struct api_world *w, struct cache *c)
{
    struct world_event e;

    while (world_next(&c->c, &e, 0)) {
        unsigned n = e.name[0] ? (unsigned)strtoul(strrchr(e.name, '-') + 1, NULL, 10) : 0;

        tarn_object_unref(e.whole);
        c->events++;
        if (strcmp(e.type, "ERROR") == 0) {
            c->lost++;
            world_watch_free(&c->c);
            begin(w, c);
            continue;
        }
        c->rv[n] = strcmp(e.type, "DELETED") == 0 ? 0 : e.rv;
        c->last = e.rv;
    }
}

static bool is_right(const struct cache *c, const struct writer *x)
{
    for (unsigned n = 0; n < PODS; n++) {
        const struct pod *p = &x->pods[n];

        if (c->rv[n] != (p->rv && (!c->app || strcmp(p->app, c->app) == 0) ? p->rv : 0))
            return false;
    }
    return true;
}

/* Until the writer has ended and all have read what it did. */
static void follow(struct api_world *w, const struct writer *x, struct cache *caches)
{
    unsigned right = 0;

    while (right < WATCHES) {
        bool done = atomic_load_explicit(&x->done, memory_order_acquire);

        (void)uv_run(&w->loop, done ? UV_RUN_ONCE : UV_RUN_NOWAIT);
        right = 0;
        for (unsigned i = 0; i < WATCHES; i++) {
            read_all(w, &caches[i]);
            right += done && is_right(&caches[i], x);
        }
    }
}

static void caches_follow_a_writer_on_another_thread(void)
{
    static struct cache caches[WATCHES];
    struct writer *x = calloc(1, sizeof *x);
    unsigned events = 0;
    struct api_world w;

    *x = (struct writer){.w = &w, .seed = 99, .rv = 10};
    (void)uv_loop_init(&x->loop);
    world_open_on(&w, &(struct api_world_options){.budget = 64u << 20}, &x->loop);
    (void)uv_idle_init(&x->loop, &x->idle);
    (void)uv_async_init(&x->loop, &x->stop, on_stop);
    x->idle.data = x->stop.data = x;
    (void)uv_idle_start(&x->idle, on_idle);
    CU_ASSERT_EQUAL_FATAL(uv_thread_create(&x->thread, write_on, x), 0);
    for (unsigned i = 0; i < WATCHES; i++) {
        caches[i] = (struct cache){.app = i % 2 ? "web" : NULL};
        begin(&w, &caches[i]);
    }
    follow(&w, x, caches);
    for (unsigned i = 0; i < WATCHES; i++) {
        events += caches[i].events;
        world_watch_free(&caches[i].c);
    }
    CU_ASSERT_TRUE(events > 1000);
    world_begin_close(&w);
    while (!w.closed)
        (void)uv_run(&w.loop, UV_RUN_ONCE);
    (void)uv_async_send(&x->stop);
    (void)uv_thread_join(&x->thread);
    CU_ASSERT_EQUAL(uv_loop_close(&x->loop), 0);
    world_close(&w);
    free(x);
}

TARN_TEST_MAIN("api_threads", TARN_TEST(caches_follow_a_writer_on_another_thread))
