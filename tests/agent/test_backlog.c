/* The backlog: what a full region cannot take waits and comes in later; deletes pass; a list that does not fit still deletes; lists are
 * applied in slices as one commit. Against a real region. */
#include "backlog.h"
#include "region_fixture.h"

struct heard {
    unsigned pauses, skipped, lost, listed;
    bool paused, whole;
    uint64_t left_out;
};

static void on_pause(void *ctx, bool paused)
{
    struct heard *h = ctx;

    h->pauses++;
    h->paused = paused;
}

static void on_skipped(void *ctx, struct tarn_bytes key, const struct tarn_error *error)
{
    (void)key, (void)error;
    ((struct heard *)ctx)->skipped++;
}

static void on_lost(void *ctx, const struct tarn_error *error)
{
    CU_ASSERT_EQUAL(error->code, TARN_E_FULL);
    ((struct heard *)ctx)->lost++;
}

static void on_listed(void *ctx, uint64_t left_out)
{
    struct heard *h = ctx;

    h->listed++;
    h->left_out = left_out;
}

static void state(void *ctx, struct tarn_bytes rv, bool whole, struct tarn_resource_state *ret)
{
    ((struct heard *)ctx)->whole = whole;
    *ret = (struct tarn_resource_state){.synced = whole, .resource_version = rv};
}

struct fix {
    struct fixture f;
    struct heard heard;
    struct tarn_backlog *b;
    struct tarn_store *s;
};

static void open_fix(struct fix *x, uint64_t budget)
{
    struct tarn_backlog_sink sink = {on_pause, on_skipped, on_lost, on_listed, state, &x->heard};

    memset(x, 0, sizeof *x);
    fixture_open(&x->f, budget);
    CU_ASSERT_EQUAL_FATAL(tarn_backlog_new(x->f.store, &sink, &x->b), 0);
    x->s = tarn_backlog_store(x->b);
}

static void close_fix(struct fix *x)
{
    tarn_backlog_free(x->b);
    fixture_close(&x->f);
}

/* What a loop does between turns. */
static void turn(struct fix *x)
{
    CU_ASSERT_EQUAL(tarn_writer_commit(x->f.w, NULL), 0);
    x->f.rt.now_ms += 20;
    (void)tarn_writer_collect(x->f.w);
    x->f.rt.now_ms += 20;
    (void)tarn_writer_collect(x->f.w);
}

static int put(struct fix *x, unsigned k, unsigned v, unsigned pad)
{
    const struct tarn_object *obj = fixture_make(&(struct fixture_object){.k = k, .v = v, .pad = pad});
    int rc = tarn_store_add(x->s, obj, NULL);

    tarn_object_unref(obj);
    return rc;
}

static int stage(struct fix *x, unsigned k, unsigned v, unsigned pad)
{
    const struct tarn_object *obj = fixture_make(&(struct fixture_object){.k = k, .v = v, .pad = pad});
    int rc = x->s->ops->replace_add(x->s, obj, NULL);

    tarn_object_unref(obj);
    return rc;
}

static int del(struct fix *x, unsigned k)
{
    char buf[64];
    const struct tarn_object *obj;
    int rc = tarn_object_new_explicit_key(fixture_key_bytes(buf, k), &obj);

    if (!rc)
        rc = tarn_store_delete(x->s, obj, NULL);
    tarn_object_unref(obj);
    return rc;
}

/* The version of object k that the region has; 0: none. */
static unsigned version(struct fix *x, unsigned k)
{
    char buf[64];
    const struct tarn_object *obj;
    unsigned v;

    if (x->f.store->ops->get_by_key(x->f.store, fixture_key_bytes(buf, k), &obj, NULL))
        return 0;
    v = fixture_uint(obj, "spec.v");
    tarn_object_unref(obj);
    return v;
}

static struct tarn_backlog_facts facts(struct fix *x)
{
    struct tarn_backlog_facts f;

    tarn_backlog_facts(x->b, &f);
    return f;
}

/* Fill with objects of 100 KB until one waits: its number. */
static unsigned fill(struct fix *x)
{
    unsigned k = 1;

    for (; !tarn_backlog_waits(x->b) && k < 1000; k++) {
        CU_ASSERT_EQUAL_FATAL(put(x, k, 1, 100000), 0);
        turn(x);
    }
    CU_ASSERT_TRUE_FATAL(k < 1000);
    return k - 1;
}

static void what_does_not_fit_waits_and_deletes_pass(void)
{
    struct tarn_error err = {0};
    struct fix x;
    unsigned last;

    open_fix(&x, 8u << 20);
    last = fill(&x);
    CU_ASSERT_TRUE(last > 10);
    CU_ASSERT_FALSE(x.heard.paused); /* the stream goes on: deletes make room */
    CU_ASSERT_EQUAL(version(&x, last), 0);
    CU_ASSERT_EQUAL(version(&x, 1), 1);
    CU_ASSERT_EQUAL(tarn_backlog_run(x.b, 1000, &err), TARN_E_FULL);
    CU_ASSERT_TRUE(strstr(err.message, "does not fit") != NULL);
    CU_ASSERT_EQUAL(put(&x, last, 2, 100000), 0); /* the newest state of a key waits, once */
    CU_ASSERT_EQUAL(facts(&x).waiting, 1);
    CU_ASSERT_EQUAL(put(&x, last + 1, 1, 100000), 0);
    CU_ASSERT_EQUAL(facts(&x).waiting, 2);
    CU_ASSERT_EQUAL(del(&x, last + 1), 0); /* it never came to be */
    CU_ASSERT_EQUAL(facts(&x).waiting, 1);
    CU_ASSERT_EQUAL(del(&x, 1), 0);
    CU_ASSERT_EQUAL(version(&x, 1), 0);
    CU_ASSERT_EQUAL(del(&x, 2), 0);
    turn(&x);
    turn(&x);
    CU_ASSERT_EQUAL(tarn_backlog_run(x.b, 100000, &err), 0);
    CU_ASSERT_EQUAL(version(&x, last), 2);
    CU_ASSERT_FALSE(tarn_backlog_waits(x.b));
    CU_ASSERT_EQUAL(facts(&x).held, 1);
    CU_ASSERT_EQUAL(facts(&x).full, 1);
    CU_ASSERT_EQUAL(facts(&x).bytes, 0);
    CU_ASSERT_EQUAL(x.heard.lost + x.heard.skipped + x.heard.pauses, 0);
    close_fix(&x);
}

static void more_than_is_kept_is_lost_and_said_so(void)
{
    struct fix x;
    unsigned last;

    open_fix(&x, 8u << 20);
    last = fill(&x);
    for (unsigned i = 1; i < 90 && !x.heard.lost; i++)
        CU_ASSERT_EQUAL(put(&x, last + i, 1, 100000), 0);
    CU_ASSERT_EQUAL(x.heard.lost, 1);
    CU_ASSERT_FALSE(tarn_backlog_waits(x.b));
    CU_ASSERT_EQUAL(facts(&x).bytes, 0);
    CU_ASSERT_EQUAL(version(&x, 1), 1);
    close_fix(&x);
}

static void a_list_that_does_not_fit_still_deletes(void)
{
    struct tarn_error err = {0};
    struct fix x;
    unsigned last;

    open_fix(&x, 8u << 20);
    last = fill(&x);
    /* the server has the second half, changed, and as many new ones */
    CU_ASSERT_EQUAL(x.s->ops->replace_begin(x.s, &err), 0);
    CU_ASSERT_EQUAL(x.heard.lost, 1); /* what waited comes with the list */
    for (unsigned k = last / 2; k < last + last / 2; k++)
        CU_ASSERT_EQUAL(stage(&x, k, 2, 100000), 0);
    CU_ASSERT_TRUE(x.heard.paused);
    CU_ASSERT_EQUAL(tarn_backlog_run(x.b, 1000, &err), TARN_E_FULL);
    CU_ASSERT_EQUAL(x.s->ops->replace_commit(x.s, TARN_BYTES("9"), &err), 0);
    tarn_backlog_leave_out(x.b);
    while (tarn_backlog_run(x.b, 1000, &err) == 1)
        ;
    CU_ASSERT_EQUAL(x.heard.listed, 1);
    CU_ASSERT_TRUE(x.heard.left_out > 0);
    CU_ASSERT_FALSE(x.heard.whole);
    CU_ASSERT_FALSE(x.heard.paused);
    CU_ASSERT_EQUAL(version(&x, 1), 0);                       /* the server no longer has it */
    CU_ASSERT_TRUE(version(&x, last / 2) >= 1);               /* this it has: the older state at least */
    turn(&x);
    turn(&x);
    /* the next list has the room of the first half */
    x.heard.listed = 0;
    CU_ASSERT_EQUAL(x.s->ops->replace_begin(x.s, &err), 0);
    for (unsigned k = last / 2; k < last - 2; k++)
        CU_ASSERT_EQUAL(stage(&x, k, 3, 1000), 0);
    CU_ASSERT_EQUAL(x.s->ops->replace_commit(x.s, TARN_BYTES("10"), &err), 0);
    while (tarn_backlog_run(x.b, 1000, &err) == 1)
        ;
    CU_ASSERT_EQUAL(x.heard.listed, 1);
    CU_ASSERT_EQUAL(x.heard.left_out, 0);
    CU_ASSERT_TRUE(x.heard.whole);
    CU_ASSERT_EQUAL(version(&x, last / 2), 3);
    CU_ASSERT_EQUAL(tarn_writer_count(x.f.w, x.f.id), last - 2 - last / 2);
    close_fix(&x);
}

static void a_list_is_one_commit_with_its_state_however_many_slices(void)
{
    struct tarn_error err = {0};
    struct tarn_resource_info info;
    struct tarn_reader r;
    struct fix x;
    unsigned slices = 0;
    uint64_t before;
    int rc;

    open_fix(&x, 32u << 20);
    CU_ASSERT_EQUAL(x.s->ops->replace_begin(x.s, &err), 0);
    for (unsigned k = 0; k < 5000; k++)
        CU_ASSERT_EQUAL(stage(&x, k, 1, 0), 0);
    before = tarn_writer_commit_seq(x.f.w);
    CU_ASSERT_EQUAL(x.s->ops->replace_commit(x.s, TARN_BYTES("77"), &err), 0);
    CU_ASSERT_TRUE(x.heard.paused);
    CU_ASSERT_EQUAL(put(&x, 3, 2, 0), 0); /* an event right behind it waits its turn */
    while ((rc = tarn_backlog_run(x.b, 1, &err)) == 1) {
        tarn_reader_begin(&r, tarn_writer_view(x.f.w), NULL);
        CU_ASSERT_EQUAL(tarn_reader_resource(&r, TARN_BYTES("widgets"), &info), 0);
        CU_ASSERT_TRUE(info.objects == 0 ? !info.state.synced : info.objects == 5000 && info.state.synced);
        slices++;
    }
    CU_ASSERT_EQUAL(rc, 0);
    CU_ASSERT_TRUE(slices > 3);
    CU_ASSERT_EQUAL(tarn_writer_commit_seq(x.f.w), before + 1);
    CU_ASSERT_EQUAL(version(&x, 3), 2);
    tarn_reader_begin(&r, tarn_writer_view(x.f.w), NULL);
    CU_ASSERT_EQUAL(tarn_reader_resource(&r, TARN_BYTES("widgets"), &info), 0);
    CU_ASSERT_TRUE(tarn_bytes_equal(info.state.resource_version, TARN_BYTES("77")));
    CU_ASSERT_EQUAL(info.objects, 5000);
    close_fix(&x);
}

static void others_wait_in_order_while_a_list_is_applied(void)
{
    struct tarn_error err = {0};
    struct tarn_store *other;
    uint16_t id;
    struct fix x;

    open_fix(&x, 32u << 20);
    fixture_add_resource(&x.f, "gadgets", &id, &other);
    CU_ASSERT_EQUAL(other->ops->replace_begin(other, &err), 0);
    for (unsigned k = 0; k < 1000; k++) {
        const struct tarn_object *obj = fixture_make(&(struct fixture_object){.k = k, .v = 1});

        CU_ASSERT_EQUAL(other->ops->replace_add(other, obj, &err), 0);
        tarn_object_unref(obj);
    }
    CU_ASSERT_EQUAL(tarn_region_store_replace_apply(other, TARN_BYTES("1"), NULL, 1, &err), 1);
    CU_ASSERT_EQUAL(put(&x, 1, 1, 0), 0);
    CU_ASSERT_EQUAL(put(&x, 1, 2, 0), 0);
    CU_ASSERT_EQUAL(del(&x, 1), 0);
    CU_ASSERT_EQUAL(put(&x, 2, 1, 0), 0);
    CU_ASSERT_TRUE(x.heard.paused);
    CU_ASSERT_EQUAL(facts(&x).waiting, 4); /* nothing is joined: order counts */
    CU_ASSERT_EQUAL(tarn_backlog_run(x.b, 1000, &err), TARN_E_AGAIN);
    while (tarn_region_store_replace_apply(other, TARN_BYTES("1"), NULL, 1000, &err) == 1)
        ;
    CU_ASSERT_EQUAL(tarn_backlog_run(x.b, 100000, &err), 0);
    CU_ASSERT_FALSE(x.heard.paused);
    CU_ASSERT_EQUAL(version(&x, 1), 0);
    CU_ASSERT_EQUAL(version(&x, 2), 1);
    tarn_store_free(other);
    close_fix(&x);
}

static void an_abort_takes_back_only_what_was_not_committed(void)
{
    struct tarn_error err = {0};
    struct fix x;

    open_fix(&x, 32u << 20);
    CU_ASSERT_EQUAL(x.s->ops->replace_begin(x.s, &err), 0);
    CU_ASSERT_EQUAL(stage(&x, 1, 1, 0), 0);
    CU_ASSERT_EQUAL(x.s->ops->replace_commit(x.s, TARN_BYTES("1"), &err), 0);
    CU_ASSERT_EQUAL(x.s->ops->replace_begin(x.s, &err), 0); /* behind the first: waits */
    CU_ASSERT_EQUAL(stage(&x, 2, 1, 0), 0);
    x.s->ops->replace_abort(x.s);
    CU_ASSERT_EQUAL(facts(&x).waiting, 1);
    while (tarn_backlog_run(x.b, 1000, &err) == 1)
        ;
    CU_ASSERT_EQUAL(version(&x, 1), 1);
    CU_ASSERT_EQUAL(version(&x, 2), 0);
    CU_ASSERT_EQUAL(x.s->ops->replace_begin(x.s, &err), 0);
    CU_ASSERT_EQUAL(stage(&x, 3, 1, 0), 0);
    x.s->ops->replace_abort(x.s);
    CU_ASSERT_FALSE(tarn_region_store_replacing(x.f.store));
    CU_ASSERT_EQUAL(put(&x, 4, 1, 0), 0);
    CU_ASSERT_EQUAL(version(&x, 4), 1);
    close_fix(&x);
}

/* What readers are told of one object between two moments is what the log names: one entry a change that could be seen. */
static void what_happens_to_a_key_twice_is_two_commits(void)
{
    struct fix x;
    uint64_t begin;

    open_fix(&x, 32u << 20);
    begin = tarn_writer_commit_seq(x.f.w);
    CU_ASSERT_EQUAL(put(&x, 1, 1, 0), 0);
    CU_ASSERT_EQUAL(put(&x, 2, 1, 0), 0);
    CU_ASSERT_EQUAL(tarn_writer_commit_seq(x.f.w), begin); /* what came together is seen together */
    CU_ASSERT_EQUAL(put(&x, 1, 2, 0), 0);
    CU_ASSERT_EQUAL(tarn_writer_commit_seq(x.f.w), begin + 1);
    CU_ASSERT_EQUAL(del(&x, 1), 0); /* came and went */
    CU_ASSERT_EQUAL(tarn_writer_commit_seq(x.f.w), begin + 2);
    CU_ASSERT_EQUAL(put(&x, 1, 3, 0), 0); /* and came again */
    CU_ASSERT_EQUAL(tarn_writer_commit_seq(x.f.w), begin + 3);
    CU_ASSERT_EQUAL(put(&x, 2, 2, 0), 0);
    CU_ASSERT_EQUAL(tarn_writer_commit_seq(x.f.w), begin + 3);
    turn(&x);
    CU_ASSERT_EQUAL(tarn_writer_commit_seq(x.f.w), begin + 4);
    CU_ASSERT_EQUAL(version(&x, 1), 3);
    close_fix(&x);
}

TARN_TEST_MAIN("backlog", TARN_TEST(what_happens_to_a_key_twice_is_two_commits), TARN_TEST(what_does_not_fit_waits_and_deletes_pass), TARN_TEST(more_than_is_kept_is_lost_and_said_so), TARN_TEST(a_list_that_does_not_fit_still_deletes),
               TARN_TEST(a_list_is_one_commit_with_its_state_however_many_slices), TARN_TEST(others_wait_in_order_while_a_list_is_applied),
               TARN_TEST(an_abort_takes_back_only_what_was_not_committed))
