/* One watch from its first event to its end: what the recorded exchanges watch-* and expire-watch show, row by row. */
#include "api_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "tarn_test.h"

#define PODS "/api/v1/pods?watch=1"

static void put(struct api_world *w, unsigned n, uint64_t rv, const char *app)
{
    world_put(w, &(struct world_pod){.ns = n % 2, .n = n, .rv = rv, .app = app});
    world_commit(w, rv);
}

static void drop(struct api_world *w, unsigned n, uint64_t rv)
{
    world_delete(w, &(struct world_pod){.ns = n % 2, .n = n, .rv = rv});
    world_commit(w, rv);
}

/* Three pods at versions 11 to 13. */
static void open_three(struct api_world *w, const struct api_world_options *o)
{
    world_open(w, o);
    for (unsigned n = 1; n <= 3; n++)
        put(w, n, 10 + n, n == 2 ? "web" : "db");
    world_attach(w);
}

static void changes_come_as_they_are(void)
{
    struct world_watch c;
    struct api_world w;

    open_three(&w, &(struct api_world_options){0});
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS "&resourceVersion=13"), 0);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "");
    CU_ASSERT_EQUAL(c.woken, 0);
    put(&w, 4, 14, NULL);
    world_run(&w);
    CU_ASSERT_EQUAL(c.woken, 1);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ADDED pod-4@14");
    put(&w, 4, 15, "web");
    world_run(&w);
    drop(&w, 4, 17);
    world_run(&w);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "MODIFIED pod-4@15 · DELETED pod-4@17");
    put(&w, 5, 18, NULL); /* all of one turn */
    put(&w, 6, 19, NULL);
    put(&w, 1, 20, NULL);
    put(&w, 5, 21, NULL);
    put(&w, 7, 22, NULL);
    drop(&w, 7, 23);
    world_run(&w);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ADDED pod-5@18 · ADDED pod-6@19 · MODIFIED pod-1@20 · MODIFIED pod-5@21 · ADDED pod-7@22 · DELETED pod-7@23");
    world_watch_free(&c);
    world_close(&w);
}

static void a_watch_without_a_version_begins_with_the_state(void)
{
    static const char *const targets[] = {PODS, PODS "&resourceVersion=0", PODS "&resourceVersion="};
    struct api_world w;

    open_three(&w, &(struct api_world_options){0});
    for (unsigned i = 0; i < 3; i++) {
        struct world_watch c, one, ns;

        CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, targets[i]), 0);
        CU_ASSERT_STRING_EQUAL(world_events(&c), "ADDED pod-1@11 · ADDED pod-2@12 · ADDED pod-3@13");
        CU_ASSERT_EQUAL_FATAL(world_watch(&w, &ns, "/api/v1/namespaces/ns1/pods?watch=1"), 0);
        CU_ASSERT_STRING_EQUAL(world_events(&ns), "ADDED pod-1@11 · ADDED pod-3@13");
        CU_ASSERT_EQUAL_FATAL(world_watch(&w, &one, "/api/v1/namespaces/ns0/pods?watch=1&fieldSelector=metadata.name%3Dpod-2"), 0);
        CU_ASSERT_STRING_EQUAL(world_events(&one), "ADDED pod-2@12");
        world_watch_free(&c);
        world_watch_free(&ns);
        world_watch_free(&one);
    }
    world_close(&w);
}

/* What happens while the state is still being read comes behind it. */
static void what_happens_meanwhile_is_queued(void)
{
    struct world_event e;
    struct world_watch c;
    struct api_world w;

    open_three(&w, &(struct api_world_options){0});
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS), 0);
    CU_ASSERT_TRUE(world_next(&c, &e, 20));
    tarn_object_unref(e.whole);
    put(&w, 3, 14, NULL);
    drop(&w, 2, 15);
    world_run(&w);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ADDED pod-2@12 · ADDED pod-3@13 · MODIFIED pod-3@14 · DELETED pod-2@15");
    world_watch_free(&c);
    world_close(&w);
}

/* watch-selector: the change that leaves the selector is a DELETED with the last state that fitted, at the version of the change. */
static void a_selector_sees_objects_come_and_go(void)
{
    struct world_event e;
    struct world_watch c, fields;
    struct api_world w;

    open_three(&w, &(struct api_world_options){0});
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS "&resourceVersion=13&labelSelector=app%3Dweb"), 0);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &fields, PODS "&resourceVersion=13&fieldSelector=status.phase%3DPending"), 0);
    put(&w, 1, 14, "web");
    world_run(&w);
    put(&w, 1, 15, "web");
    world_run(&w);
    put(&w, 2, 16, "db");
    world_run(&w);
    CU_ASSERT_TRUE_FATAL(world_next(&c, &e, 0));
    tarn_object_unref(e.whole);
    CU_ASSERT_TRUE_FATAL(world_next(&c, &e, 0));
    CU_ASSERT_STRING_EQUAL(e.type, "MODIFIED");
    tarn_object_unref(e.whole);
    CU_ASSERT_TRUE_FATAL(world_next(&c, &e, 0));
    CU_ASSERT_STRING_EQUAL(e.type, "DELETED");
    CU_ASSERT_STRING_EQUAL(e.app, "web");
    CU_ASSERT_EQUAL(e.rv, 16);
    tarn_object_unref(e.whole);
    put(&w, 2, 17, "db");
    drop(&w, 1, 18);
    world_put(&w, &(struct world_pod){.n = 8, .rv = 19, .phase = "Pending"});
    world_commit(&w, 19);
    world_run(&w);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "DELETED pod-1@18");
    CU_ASSERT_STRING_EQUAL(world_events(&fields), "ADDED pod-8@19");
    put(&w, 8, 20, NULL);
    world_run(&w);
    CU_ASSERT_STRING_EQUAL(world_events(&fields), "DELETED pod-8@20");
    world_watch_free(&c);
    world_watch_free(&fields);
    world_close(&w);
}

/* From an older version: what became of each object since, with exact types, also for selectors. */
static void a_watch_catches_up(void)
{
    struct world_watch c;
    struct api_world w;

    open_three(&w, &(struct api_world_options){0});
    put(&w, 1, 14, "web");  /* db -> web */
    put(&w, 2, 15, "web");
    world_run(&w);
    put(&w, 2, 16, "db");   /* web -> db */
    put(&w, 4, 17, "web");
    world_run(&w);
    put(&w, 5, 18, "web");
    world_run(&w);
    drop(&w, 5, 19);        /* came and went */
    drop(&w, 3, 20);
    world_run(&w);
    world_put(&w, &(struct world_pod){.ns = 1, .n = 3, .rv = 22, .app = "db", .uid = "second"});
    world_commit(&w, 22);
    world_run(&w);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS "&resourceVersion=13"), 0);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "MODIFIED pod-1@14 · MODIFIED pod-2@16 · ADDED pod-4@17 · DELETED pod-3@20 · ADDED pod-3@22");
    world_watch_free(&c);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS "&resourceVersion=13&labelSelector=app%3Dweb"), 0);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ADDED pod-1@14 · DELETED pod-2@16 · ADDED pod-4@17");
    world_watch_free(&c);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS "&resourceVersion=17"), 0);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "DELETED pod-3@20 · ADDED pod-3@22");
    put(&w, 4, 23, NULL);
    world_run(&w);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "MODIFIED pod-4@23");
    world_watch_free(&c);
    world_close(&w);
}

/* Made again under the same name within one turn, and even within one list. */
static void a_name_that_comes_again_is_another_object(void)
{
    struct world_watch c;
    struct api_world w;

    open_three(&w, &(struct api_world_options){0});
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS "&resourceVersion=13"), 0);
    drop(&w, 1, 14);
    world_put(&w, &(struct world_pod){.ns = 1, .n = 1, .rv = 16, .uid = "again"});
    world_commit(&w, 16);
    world_run(&w);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "DELETED pod-1@14 · ADDED pod-1@16");
    world_replace(&w,
                  (struct world_pod[]){{.ns = 1, .n = 1, .rv = 30, .uid = "third"}, {.ns = 0, .n = 2, .rv = 12, .app = "web"}, {.ns = 0, .n = 4, .rv = 25}},
                  3, 31);
    world_run(&w);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ADDED pod-4@25 · DELETED pod-1@29 · ADDED pod-1@30 · DELETED pod-3@31");
    world_watch_free(&c);
    world_close(&w);
}

static void what_fell_out_of_history_is_too_old(void)
{
    struct world_watch c;
    struct api_world w;

    open_three(&w, &(struct api_world_options){.history_entries = 4});
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS "&resourceVersion=12"), 0); /* from before we were there */
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ERROR 410 · (end)");
    world_watch_free(&c);
    for (unsigned i = 0; i < 6; i++) {
        put(&w, 4, 14 + i, NULL);
        world_run(&w);
    }
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS "&resourceVersion=14"), 0);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ERROR 410 · (end)");
    world_watch_free(&c);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS "&resourceVersion=15"), 0);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "MODIFIED pod-4@19");
    world_watch_free(&c);
    world_close(&w);
}

/* The exact words of expire-watch. */
static void a_410_says_what_the_server_says(void)
{
    struct world_watch c;
    struct world_event e;
    struct api_world w;
    struct tarn_bytes text;

    open_three(&w, &(struct api_world_options){0});
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS "&resourceVersion=5"), 0);
    CU_ASSERT_TRUE_FATAL(world_next(&c, &e, 0));
    CU_ASSERT_EQUAL(tarn_object_get_string(e.whole, "object.message", &text), 0);
    CU_ASSERT_TRUE(tarn_bytes_equal(text, TARN_BYTES("too old resource version: 5 (13)")));
    CU_ASSERT_EQUAL(tarn_object_get_string(e.whole, "object.reason", &text), 0);
    CU_ASSERT_TRUE(tarn_bytes_equal(text, TARN_BYTES("Expired")));
    tarn_object_unref(e.whole);
    world_watch_free(&c);
    world_close(&w);
}

static void a_deleted_object_goes_out_of_history_with_its_copy(void)
{
    struct world_watch c;
    struct api_world w;

    open_three(&w, &(struct api_world_options){.history_bytes = 10000});
    for (unsigned n = 10; n < 14; n++) {
        world_put(&w, &(struct world_pod){.ns = n % 2, .n = n, .rv = 2 * n, .pad = 4000});
        world_commit(&w, 2 * n);
        world_run(&w);
    }
    for (unsigned n = 10; n < 14; n++) {
        drop(&w, n, 90 + n);
        world_run(&w);
    }
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS "&resourceVersion=100"), 0); /* two of them fit */
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ERROR 410 · (end)");
    world_watch_free(&c);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS "&resourceVersion=101"), 0);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "DELETED pod-12@102 · DELETED pod-13@103");
    world_watch_free(&c);
    world_close(&w);
}

/* Silence until it comes; what the caller has seen elsewhere is not told again. */
static void a_version_of_the_future_is_waited_for(void)
{
    struct world_watch c;
    struct api_world w;

    open_three(&w, &(struct api_world_options){0});
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS "&resourceVersion=20"), 0);
    put(&w, 4, 19, NULL);
    put(&w, 1, 20, NULL);
    world_run(&w);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "");
    put(&w, 4, 21, NULL);
    world_run(&w);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "MODIFIED pod-4@21");
    world_watch_free(&c);
    world_close(&w);
}

#define STREAM PODS "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"

static struct api_hub *hub(struct api_world *w)
{
    struct api_hub *h = NULL;

    CU_ASSERT_EQUAL_FATAL(api_realm_hub(w->api, TARN_BYTES("pods"), &h), 0);
    return h;
}

static void a_streaming_list_ends_its_state_with_a_mark(void)
{
    struct world_watch c;
    struct api_world w;

    open_three(&w, &(struct api_world_options){0});
    world_commit(&w, 15); /* a bookmark of the server: nothing changed */
    world_run(&w);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, STREAM), 0);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ADDED pod-1@11 · ADDED pod-2@12 · ADDED pod-3@13 · BOOKMARK@15 end");
    put(&w, 4, 16, NULL);
    world_run(&w);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ADDED pod-4@16");
    world_watch_free(&c);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, STREAM "&labelSelector=none%3Dsuch"), 0);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "BOOKMARK@16 end");
    world_watch_free(&c);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"), 0); /* no bookmarks: no mark */
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ADDED pod-1@11 · ADDED pod-2@12 · ADDED pod-3@13 · ADDED pod-4@16");
    world_watch_free(&c);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, STREAM "&resourceVersion=2"), 0); /* an old version is no error here */
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ADDED pod-1@11 · ADDED pod-2@12 · ADDED pod-3@13 · ADDED pod-4@16 · BOOKMARK@16 end");
    world_watch_free(&c);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS "&sendInitialEvents=false&resourceVersionMatch=NotOlderThan"), 0);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "");
    world_watch_free(&c);
    world_close(&w);
}

static void a_streaming_list_waits_for_its_version_a_while(void)
{
    struct world_watch c, late;
    struct api_world w;

    open_three(&w, &(struct api_world_options){0});
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, STREAM "&resourceVersion=14"), 0);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &late, STREAM "&resourceVersion=1000"), 0);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "");
    put(&w, 1, 14, NULL);
    world_run(&w);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ADDED pod-1@14 · ADDED pod-2@12 · ADDED pod-3@13 · BOOKMARK@14 end");
    CU_ASSERT_EQUAL(late.woken, 0);
    api_hub_tick(hub(&w), uv_now(&w.loop) + 2000);
    CU_ASSERT_STRING_EQUAL(world_events(&late), "");
    api_hub_tick(hub(&w), uv_now(&w.loop) + 4000);
    CU_ASSERT_EQUAL(late.woken, 1);
    CU_ASSERT_STRING_EQUAL(world_events(&late), "ERROR 504 · (end)");
    world_watch_free(&c);
    world_watch_free(&late);
    world_close(&w);
}

/* Every minute, and shortly before the end; only when there is something newer. */
static void bookmarks_tell_what_was_reached(void)
{
    struct world_watch c, without;
    struct api_world w;
    uint64_t now;

    open_three(&w, &(struct api_world_options){0});
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS "&resourceVersion=13&allowWatchBookmarks=true&timeoutSeconds=300"), 0);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &without, PODS "&resourceVersion=13&timeoutSeconds=300"), 0);
    now = uv_now(&w.loop);
    api_hub_tick(hub(&w), now + 61000);
    CU_ASSERT_STRING_EQUAL(world_events(&c), ""); /* 13 it knows */
    world_commit(&w, 20);
    world_run(&w);
    api_hub_tick(hub(&w), now + 62000);
    CU_ASSERT_STRING_EQUAL(world_events(&c), ""); /* a minute later again */
    api_hub_tick(hub(&w), now + 122000);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "BOOKMARK@20");
    put(&w, 4, 21, NULL);
    world_run(&w);
    world_commit(&w, 22);
    world_run(&w);
    api_hub_tick(hub(&w), now + 150000);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ADDED pod-4@21");
    api_hub_tick(hub(&w), now + 299000);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "BOOKMARK@22");
    CU_ASSERT_STRING_EQUAL(world_events(&without), "ADDED pod-4@21");
    api_hub_tick(hub(&w), now + 301000);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "(end)");
    CU_ASSERT_STRING_EQUAL(world_events(&without), "(end)");
    world_watch_free(&c);
    world_watch_free(&without);
    world_close(&w);
}

/* What is queued when the time is over is still read. */
static void a_timeout_ends_cleanly(void)
{
    struct world_watch c;
    struct api_world w;

    open_three(&w, &(struct api_world_options){0});
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS "&resourceVersion=13&timeoutSeconds=1"), 0);
    CU_ASSERT_STRING_EQUAL(world_events(&c), ""); /* it is live now */
    put(&w, 4, 14, NULL);
    world_run(&w);
    api_hub_tick(hub(&w), uv_now(&w.loop) + 1500);
    put(&w, 4, 15, NULL);
    world_run(&w);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ADDED pod-4@14 · (end)");
    world_watch_free(&c);
    world_close(&w);
}

/* A reader that is too slow gets what it has half, then 410; its memory is bounded, and others do not notice. */
static void a_slow_reader_is_cut(void)
{
    struct world_watch slow, quick;
    struct api_hub_facts facts;
    struct world_event e;
    struct api_world w;
    char half[40];

    open_three(&w, &(struct api_world_options){.queue_bytes = 4000});
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &slow, PODS "&resourceVersion=13"), 0);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &quick, PODS "&resourceVersion=13"), 0);
    CU_ASSERT_EQUAL(api_watch_read(slow.w, half, sizeof half), 0);
    put(&w, 4, 14, NULL);
    world_run(&w);
    CU_ASSERT_EQUAL(api_watch_read(slow.w, half, sizeof half), sizeof half);
    CU_ASSERT_EQUAL(tarn_buf_add(&slow.text, half, sizeof half), 0);
    for (unsigned i = 0; i < 20; i++) {
        put(&w, 4, 15 + i, NULL);
        world_run(&w);
        CU_ASSERT_TRUE_FATAL(world_next(&quick, &e, 0));
        tarn_object_unref(e.whole);
        if (!i) {
            CU_ASSERT_TRUE_FATAL(world_next(&quick, &e, 0));
            tarn_object_unref(e.whole);
        }
    }
    CU_ASSERT_STRING_EQUAL(world_events(&slow), "ADDED pod-4@14 · ERROR 410 · (end)");
    CU_ASSERT_STRING_EQUAL(world_events(&quick), "");
    api_hub_facts(hub(&w), &facts);
    CU_ASSERT_EQUAL(facts.cut, 1);
    CU_ASSERT_EQUAL(facts.lines, 21); /* once for both */
    CU_ASSERT_EQUAL(facts.watches, 2);
    world_watch_free(&slow);
    world_watch_free(&quick);
    world_close(&w);
}

static void what_has_not_synced_is_to_be_asked_again(void)
{
    struct world_watch c;
    struct api_world w;

    world_open(&w, &(struct api_world_options){.unsynced = true});
    CU_ASSERT_EQUAL(world_watch(&w, &c, PODS), TARN_E_AGAIN); /* not attached */
    world_attach(&w);
    CU_ASSERT_EQUAL(world_watch(&w, &c, PODS), TARN_E_AGAIN);
    CU_ASSERT_EQUAL(world_watch(&w, &c, "/api/v1/services?watch=1"), TARN_E_RESOURCE);
    put(&w, 1, 11, NULL);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS), 0);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ADDED pod-1@11");
    world_watch_free(&c);
    world_close(&w);
}

/* The server's history was exchanged for an older one. */
static void versions_that_go_back_end_every_watch(void)
{
    struct world_watch c;
    struct api_world w;

    open_three(&w, &(struct api_world_options){0});
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS "&resourceVersion=13"), 0);
    world_replace(&w, (struct world_pod[]){{.ns = 1, .n = 1, .rv = 4}}, 1, 5);
    world_run(&w);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ERROR 410 · (end)");
    world_watch_free(&c);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS), 0);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ADDED pod-1@4");
    world_commit(&w, 3); /* once more, and nothing else is changed by it */
    world_run(&w);
    api_hub_tick(hub(&w), uv_now(&w.loop));
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ERROR 410 · (end)");
    world_watch_free(&c);
    world_close(&w);
}

/* An object that had no room when its event came: its version is not new any more, and who starts there is told of it. */
static void a_late_object_is_told_to_who_starts_there(void)
{
    struct world_watch live, c;
    struct api_world w;

    open_three(&w, &(struct api_world_options){0});
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &live, PODS "&resourceVersion=13"), 0);
    put(&w, 4, 20, NULL);
    world_run(&w);
    world_put(&w, &(struct world_pod){.n = 9, .rv = 15});
    world_commit(&w, 20);
    world_run(&w);
    CU_ASSERT_STRING_EQUAL(world_events(&live), "ADDED pod-4@20 · ADDED pod-9@15");
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS "&resourceVersion=20"), 0);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "ADDED pod-9@15");
    world_watch_free(&c);
    put(&w, 4, 21, NULL);
    world_run(&w);
    CU_ASSERT_EQUAL_FATAL(world_watch(&w, &c, PODS "&resourceVersion=21"), 0);
    CU_ASSERT_STRING_EQUAL(world_events(&c), "");
    world_watch_free(&c);
    world_watch_free(&live);
    world_close(&w);
}

TARN_TEST_MAIN("api_watch", TARN_TEST(changes_come_as_they_are), TARN_TEST(a_watch_without_a_version_begins_with_the_state),
               TARN_TEST(what_happens_meanwhile_is_queued),
               TARN_TEST(a_selector_sees_objects_come_and_go), TARN_TEST(a_watch_catches_up), TARN_TEST(a_name_that_comes_again_is_another_object),
               TARN_TEST(what_fell_out_of_history_is_too_old), TARN_TEST(a_410_says_what_the_server_says),
               TARN_TEST(a_deleted_object_goes_out_of_history_with_its_copy), TARN_TEST(a_version_of_the_future_is_waited_for),
               TARN_TEST(a_streaming_list_ends_its_state_with_a_mark), TARN_TEST(a_streaming_list_waits_for_its_version_a_while),
               TARN_TEST(bookmarks_tell_what_was_reached), TARN_TEST(a_timeout_ends_cleanly), TARN_TEST(a_slow_reader_is_cut),
               TARN_TEST(what_has_not_synced_is_to_be_asked_again), TARN_TEST(versions_that_go_back_end_every_watch),
               TARN_TEST(a_late_object_is_told_to_who_starts_there))
