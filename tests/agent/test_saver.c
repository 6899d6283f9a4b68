/* Saves beside a loop that goes on, at intervals, at once, at the end; failures that pass; a writer that goes meanwhile. */
#include "saver.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tarn/checkpoint.h>
#include <tarn/region_store.h>

#include "logger.h"
#include "tarn_test.h"

struct world {
    uv_loop_t loop;
    uv_timer_t limit, poll;
    struct tarn_saver *saver;
    struct tarn_writer *w;
    struct tarn_store *store;
    uint16_t id;
    char dir[64], path[96];
    bool (*until)(struct world *x);
    bool late, done;
};

static void fill(struct world *x, struct tarn_writer **w, struct tarn_store **store, const char *name, unsigned objects)
{
    const struct tarn_resource_state state = {.synced = true, .resource_version = TARN_BYTES("5"), .resume = TARN_BYTES("=5")};

    CU_ASSERT_EQUAL_FATAL(tarn_writer_new(&(struct tarn_writer_options){.budget_bytes = 8u << 20, .huge_pages = TARN_HUGE_PAGES_OFF}, w, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_writer_add_resource(*w, &(struct tarn_writer_resource){.name = name, .namespaced = true}, &x->id, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_region_store_new(*w, x->id, store, NULL), 0);
    for (unsigned i = 0; i < objects; i++) {
        const struct tarn_object *obj;
        char json[96];
        int n = snprintf(json, sizeof json, "{\"metadata\":{\"namespace\":\"a\",\"name\":\"o%u\"}}", i);

        CU_ASSERT_EQUAL_FATAL(tarn_object_from_json((struct tarn_bytes){.data = json, .len = (size_t)n}, &obj, NULL), 0);
        CU_ASSERT_EQUAL_FATAL(tarn_store_add(*store, obj, NULL), 0);
        tarn_object_unref(obj);
    }
    CU_ASSERT_EQUAL_FATAL(tarn_writer_set_resource_state(*w, x->id, &state, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_writer_commit(*w, NULL), 0);
}

static void touch(struct world *x, const char *rv)
{
    const struct tarn_resource_state state = {.synced = true, .resource_version = tarn_bytes_of(rv)};

    CU_ASSERT_EQUAL(tarn_writer_set_resource_state(x->w, x->id, &state, NULL), 0);
    CU_ASSERT_EQUAL(tarn_writer_commit(x->w, NULL), 0);
}

static void begin(struct world *x, const char *resource, uint64_t interval_ms)
{
    memset(x, 0, sizeof *x);
    tarn_logger_init(TARN_LOG_TEXT, TARN_LOG_ERROR + 1, STDERR_FILENO, ""); /* the failures here are wanted */
    strcpy(x->dir, "/tmp/tarn-saver-XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(x->dir));
    (void)snprintf(x->path, sizeof x->path, "%s/cluster.ckpt", x->dir);
    CU_ASSERT_EQUAL_FATAL(uv_loop_init(&x->loop), 0);
    fill(x, &x->w, &x->store, resource, 50);
    CU_ASSERT_EQUAL_FATAL(tarn_saver_new(&(struct tarn_saver_options){.loop = &x->loop, .dir = x->dir, .interval_ms = interval_ms}, &x->saver, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_saver_realm(x->saver, "cluster", x->w), 0);
    (void)uv_timer_init(&x->loop, &x->limit);
    (void)uv_timer_init(&x->loop, &x->poll);
    x->limit.data = x->poll.data = x;
}

static void on_limit(uv_timer_t *t)
{
    ((struct world *)t->data)->late = true;
    uv_stop(t->loop);
}
static void on_poll(uv_timer_t *t)
{
    struct world *x = t->data;

    if (x->until(x))
        uv_stop(t->loop);
}

/* Run the loop until the condition holds; false: it did not within a minute. */
static bool run_until(struct world *x, bool (*until)(struct world *x))
{
    x->until = until;
    x->late = false;
    (void)uv_timer_start(&x->limit, on_limit, 60000, 0);
    (void)uv_timer_start(&x->poll, on_poll, 0, 5);
    (void)uv_run(&x->loop, UV_RUN_DEFAULT);
    (void)uv_timer_stop(&x->limit);
    (void)uv_timer_stop(&x->poll);
    return !x->late;
}

static void on_done(void *ctx)
{
    ((struct world *)ctx)->done = true;
}
static bool is_done(struct world *x)
{
    return x->done;
}

static void end(struct world *x)
{
    if (!x->done) {
        tarn_saver_finish(x->saver, 30000, on_done, x);
        CU_ASSERT_TRUE(run_until(x, is_done));
    }
    tarn_saver_close(x->saver);
    uv_close((uv_handle_t *)&x->limit, NULL);
    uv_close((uv_handle_t *)&x->poll, NULL);
    (void)uv_run(&x->loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(uv_loop_close(&x->loop), 0);
    tarn_store_free(x->store);
    tarn_writer_free(x->w);
    (void)unlink(x->path);
    CU_ASSERT_EQUAL(rmdir(x->dir), 0);
}

static struct tarn_saver_facts facts(struct world *x)
{
    struct tarn_saver_facts f = {0};

    CU_ASSERT_TRUE(tarn_saver_facts(x->saver, "cluster", &f));
    return f;
}
static bool saved_once(struct world *x)
{
    return facts(x).saves == 1;
}
static bool saved_twice(struct world *x)
{
    return facts(x).saves == 2;
}
static bool failed_once(struct world *x)
{
    return facts(x).failures >= 1;
}

/* The commit that the file holds. */
static uint64_t commit_in_file(struct world *x)
{
    struct tarn_checkpoint_facts f = {0};
    struct tarn_checkpoint *c;

    if (tarn_checkpoint_open(x->path, NULL, &c, NULL))
        return 0;
    tarn_checkpoint_facts(c, &f);
    tarn_checkpoint_close(c);
    return f.commit;
}

static void a_realm_is_saved_when_it_has_changed(void)
{
    struct tarn_writer_stats st;
    struct world x;

    begin(&x, "pods", 20);
    CU_ASSERT_TRUE(run_until(&x, saved_once));
    CU_ASSERT_EQUAL(commit_in_file(&x), tarn_writer_commit_seq(x.w));
    CU_ASSERT_EQUAL(facts(&x).objects, 50);
    tarn_writer_stats(x.w, &st);
    CU_ASSERT_EQUAL(st.clients, 0); /* its pin is gone with it */
    touch(&x, "6");
    CU_ASSERT_TRUE(run_until(&x, saved_twice));
    CU_ASSERT_EQUAL(commit_in_file(&x), tarn_writer_commit_seq(x.w));
    tarn_saver_finish(x.saver, 30000, on_done, &x); /* nothing has changed: at once */
    CU_ASSERT_TRUE(x.done);
    CU_ASSERT_EQUAL(facts(&x).saves, 2);
    end(&x);
}

static void asked_for_it_is_saved_at_once_and_at_the_end_once_more(void)
{
    struct world x;

    begin(&x, "pods", 3600000);
    tarn_saver_save_now(x.saver);
    CU_ASSERT_TRUE(run_until(&x, saved_once));
    touch(&x, "6");
    tarn_saver_save_now(x.saver); /* a save is under way when the end comes */
    touch(&x, "7");
    tarn_saver_finish(x.saver, 30000, on_done, &x);
    CU_ASSERT_FALSE(x.done);
    CU_ASSERT_TRUE(run_until(&x, is_done));
    CU_ASSERT_EQUAL(commit_in_file(&x), tarn_writer_commit_seq(x.w));
    CU_ASSERT_TRUE(facts(&x).saves >= 2); /* the one under way may have begun behind the last change */
    end(&x);
}

static void out_of_patience_the_file_before_stays(void)
{
    uint64_t before;
    struct world x;

    begin(&x, "pods", 3600000);
    tarn_saver_save_now(x.saver);
    CU_ASSERT_TRUE(run_until(&x, saved_once));
    before = commit_in_file(&x);
    touch(&x, "6");
    tarn_saver_finish(x.saver, 0, on_done, &x);
    if (!x.done)
        CU_ASSERT_TRUE(run_until(&x, is_done));
    CU_ASSERT_EQUAL(commit_in_file(&x), before);
    end(&x);
}

static void a_failure_is_told_and_passes(void)
{
    struct world x;

    begin(&x, "pods", 20);
    CU_ASSERT_EQUAL(mkdir(x.path, 0700), 0); /* a folder stands in the file's place */
    CU_ASSERT_TRUE(run_until(&x, failed_once));
    CU_ASSERT_PTR_NOT_NULL(strstr(facts(&x).error, x.path));
    CU_ASSERT_EQUAL(facts(&x).saves, 0);
    CU_ASSERT_EQUAL(rmdir(x.path), 0);
    CU_ASSERT_TRUE(run_until(&x, saved_once));
    CU_ASSERT_STRING_EQUAL(facts(&x).error, "");
    end(&x);
}

static bool secret_seen(struct world *x)
{
    return facts(x).secret;
}

static void secrets_are_never_saved(void)
{
    struct world x;

    begin(&x, "secrets", 10);
    CU_ASSERT_TRUE(run_until(&x, secret_seen));
    tarn_saver_save_now(x.saver);
    tarn_saver_finish(x.saver, 30000, on_done, &x);
    CU_ASSERT_TRUE(x.done);
    CU_ASSERT_EQUAL(access(x.path, F_OK), -1);
    end(&x);
}

static void a_writer_may_go_while_it_is_saved(void)
{
    for (unsigned i = 0; i < 20; i++) {
        struct tarn_writer *next;
        struct tarn_store *store;
        struct world x;

        begin(&x, "pods", 3600000);
        tarn_saver_save_now(x.saver);
        fill(&x, &next, &store, "pods", 70);
        CU_ASSERT_EQUAL(tarn_saver_realm(x.saver, "cluster", next), 0);
        tarn_saver_forget(x.saver, x.w);
        tarn_store_free(x.store);
        tarn_writer_free(x.w);
        x.w = next;
        x.store = store;
        CU_ASSERT_TRUE(run_until(&x, saved_once));
        CU_ASSERT_EQUAL(facts(&x).objects, 50);
        tarn_saver_finish(x.saver, 30000, on_done, &x); /* the new one has not been saved yet */
        CU_ASSERT_TRUE(run_until(&x, is_done));
        end(&x);
    }
}

TARN_TEST_MAIN("saver", TARN_TEST(a_realm_is_saved_when_it_has_changed), TARN_TEST(asked_for_it_is_saved_at_once_and_at_the_end_once_more),
               TARN_TEST(out_of_patience_the_file_before_stays), TARN_TEST(a_failure_is_told_and_passes), TARN_TEST(secrets_are_never_saved),
               TARN_TEST(a_writer_may_go_while_it_is_saved))
