/* informer.h: nothing lost, nothing twice - through bursts, overruns, expiry and dead agents. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/informer.h>
#include <tarn/tarn.h>

#include "agent_stub.h"
#include "tarn_test.h"

/* ---- a consumer that replays what it is told --------------------------------------------------------------- */

enum { OBJECTS_MAX = 4096 };

struct mirrored {
    char key[64], uid[64];
    uint64_t rv;
};

struct consumer {
    struct mirrored objects[OBJECTS_MAX];
    size_t n;
    unsigned adds, initial, updates, deletes, tombstones, final_states, bare_olds, gaps;
    unsigned wrong;      /* calls that do not fit the state they come to */
    char order[8192];    /* of the calls: +key ~key -key */
    struct tarn_informer *informer;
    unsigned unwatch_at_add; /* id to unwatch at the first add; 0: none */
};

static struct mirrored *find(struct consumer *c, struct tarn_bytes key)
{
    for (size_t i = 0; i < c->n; i++)
        if (tarn_bytes_equal(tarn_bytes_of(c->objects[i].key), key))
            return &c->objects[i];
    return NULL;
}

static void note(struct consumer *c, char what, struct tarn_bytes key)
{
    size_t len = strlen(c->order);

    snprintf(c->order + len, sizeof c->order - len, "%c%.*s ", what, TARN_BYTES_ARG(key));
}

static void keep(struct mirrored *m, const struct tarn_object *obj)
{
    snprintf(m->key, sizeof m->key, "%.*s", TARN_BYTES_ARG(tarn_object_key(obj)));
    snprintf(m->uid, sizeof m->uid, "%.*s", TARN_BYTES_ARG(tarn_object_uid(obj)));
    m->rv = tarn_object_resource_version(obj);
}

static int on_add(void *ctx, const struct tarn_object *obj, bool initial)
{
    struct consumer *c = ctx;

    note(c, '+', tarn_object_key(obj));
    c->adds++;
    c->initial += initial;
    c->wrong += find(c, tarn_object_key(obj)) != NULL;
    if (c->n < OBJECTS_MAX)
        keep(&c->objects[c->n++], obj);
    if (c->unwatch_at_add)
        tarn_informer_unwatch(c->informer, c->unwatch_at_add);
    return 0;
}

static int on_update(void *ctx, const struct tarn_object *old, const struct tarn_object *obj)
{
    struct consumer *c = ctx;
    struct mirrored *m = find(c, tarn_object_key(obj));
    bool bare = tarn_object_flags(old) & TARN_OBJECT_EXPLICIT_KEY;

    note(c, '~', tarn_object_key(obj));
    c->updates++;
    c->bare_olds += bare;
    if (!m || (!bare && tarn_object_resource_version(old) != m->rv) || !tarn_bytes_equal(tarn_bytes_of(m->uid), tarn_object_uid(obj)))
        c->wrong++;
    else
        keep(m, obj);
    return 0;
}

static int on_delete(void *ctx, const struct tarn_object *obj)
{
    struct consumer *c = ctx;
    struct mirrored *m = find(c, tarn_object_key(obj));
    const struct tarn_object *last = obj;

    note(c, '-', tarn_object_key(obj));
    c->deletes++;
    if (tarn_object_flags(obj) & TARN_OBJECT_TOMBSTONE) {
        c->tombstones++;
        last = tarn_object_final_state(obj);
        c->final_states += last != NULL;
    }
    if (!m || (last && tarn_object_resource_version(last) != m->rv)) {
        c->wrong++;
        return 0;
    }
    *m = c->objects[--c->n];
    return 0;
}

static void on_gap(void *ctx)
{
    ((struct consumer *)ctx)->gaps++;
}

static struct tarn_informer_watch watch_of(struct consumer *c)
{
    return (struct tarn_informer_watch){
        .resource = "pods",
        .handler = {.on_add = on_add, .on_update = on_update, .on_delete = on_delete, .ctx = c},
        .on_gap = on_gap,
    };
}

/* Does the consumer's state equal what the region has (of ns, if given)? */
static bool equals_region(struct consumer *c, const char *ns)
{
    struct tarn_client *client = tarn_informer_client(c->informer);
    const struct tarn_object *obj;
    struct tarn_snapshot *s;
    struct tarn_iter it;
    size_t n = 0;
    bool same = true;

    if (tarn_snapshot_open(client, &s, NULL) != 0 || tarn_list(s, "pods", &(struct tarn_query){.ns = ns}, &it, NULL) != 0)
        return false;
    for (; (obj = tarn_iter_next(&it)); n++) {
        struct mirrored *m = find(c, tarn_object_key(obj));

        same = same && m && m->rv == tarn_object_resource_version(obj) && tarn_bytes_equal(tarn_bytes_of(m->uid), tarn_object_uid(obj));
    }
    return tarn_snapshot_close(s) == 0 && same && n == c->n;
}

/* Process until nothing is left that the descriptor tells of within ms. */
static void settle(struct consumer *c, int ms)
{
    struct pollfd p = {.fd = tarn_informer_fd(c->informer), .events = POLLIN};

    do {
        CU_ASSERT(tarn_informer_process(c->informer, NULL) >= 0);
    } while (poll(&p, 1, ms) == 1);
}

/* Process as often as the descriptor asks for it, `turns` times: for an agent that is away, when it asks without end. */
static void follow(struct consumer *c, int turns)
{
    struct pollfd p = {.fd = tarn_informer_fd(c->informer), .events = POLLIN};

    while (turns-- > 0) {
        CU_ASSERT(tarn_informer_process(c->informer, NULL) >= 0);
        (void)poll(&p, 1, 20);
    }
}

/* ... until it is attached to generation n. */
static void follow_to(struct consumer *c, uint64_t generation)
{
    struct tarn_client_info i = {0};

    for (int k = 0; k < 500 && i.generation != generation; k++) {
        follow(c, 1);
        CU_ASSERT(tarn_client_info(tarn_informer_client(c->informer), &i) == 0);
    }
    CU_ASSERT_EQUAL(i.generation, generation);
}

struct fixture {
    struct agent a;
    struct consumer *c;
    unsigned id;
};

static void begin(struct fixture *f, const struct agent_options *o, const struct tarn_informer_watch *w)
{
    struct tarn_informer_watch all;

    memset(f, 0, sizeof *f);
    agent_start(&f->a, o);
    f->c = w ? w->handler.ctx : calloc(1, sizeof *f->c);
    CU_ASSERT_EQUAL_FATAL(tarn_informer_new(&(struct tarn_client_options){.socket = f->a.socket}, &f->c->informer, NULL), 0);
    all = watch_of(f->c);
    CU_ASSERT_EQUAL(tarn_informer_watch(f->c->informer, w ? w : &all, &f->id, NULL), 0);
}

static void end(struct fixture *f)
{
    CU_ASSERT_EQUAL(f->c->wrong, 0);
    tarn_informer_free(f->c->informer);
    agent_stop(&f->a);
    free(f->c);
}

static struct tarn_informer_counters counters(const struct fixture *f)
{
    struct tarn_informer_counters n = {0};

    CU_ASSERT_EQUAL(tarn_informer_counters(f->c->informer, f->id, &n), 0);
    return n;
}

/* ---- the ordinary course ------------------------------------------------------------------------------------- */

/* I-2, I-34, I-38 */
static void the_initial_list_is_flagged_and_what_follows_is_not(void)
{
    struct fixture f;

    begin(&f, NULL, NULL);
    CU_ASSERT(agent_fill(&f.a, "a", 10, 1, 0));
    CU_ASSERT(!tarn_informer_has_synced(f.c->informer, f.id));
    settle(f.c, 20);
    CU_ASSERT(tarn_informer_has_synced(f.c->informer, f.id));
    CU_ASSERT_EQUAL(f.c->initial, 10);
    f.c->order[0] = 0;
    CU_ASSERT(agent_put(&f.a, "pods", pod_json("ns-0", "web", 5, "n1", "x", NULL)));
    settle(f.c, 20);
    CU_ASSERT(agent_put(&f.a, "pods", pod_json("ns-0", "web", 6, "n1", "x", NULL)));
    settle(f.c, 20);
    CU_ASSERT(agent_delete(&f.a, "pods", "ns-0/web"));
    settle(f.c, 20);
    CU_ASSERT_STRING_EQUAL(f.c->order, "+ns-0/web ~ns-0/web -ns-0/web ");
    CU_ASSERT_EQUAL(f.c->initial, 10);
    CU_ASSERT_EQUAL(f.c->tombstones, 0); /* the delete was seen: its last state itself */
    CU_ASSERT_EQUAL(counters(&f).differences, 0);
    CU_ASSERT(equals_region(f.c, NULL));
    end(&f);
}

static void a_resource_is_not_listed_before_it_has_synced(void)
{
    struct fixture f;

    begin(&f, &(struct agent_options){.unsynced = true}, NULL);
    CU_ASSERT(agent_fill(&f.a, "a", 3, 1, 0));
    settle(f.c, 20);
    CU_ASSERT_EQUAL(f.c->adds, 0);
    CU_ASSERT(agent_state(&f.a, "pods", true, "9", ""));
    settle(f.c, 20);
    CU_ASSERT_EQUAL(f.c->initial, 3);
    end(&f);
}

static void a_wake_up_delivers_each_key_once_in_the_order_of_its_last_change(void)
{
    struct fixture f;

    begin(&f, NULL, NULL);
    settle(f.c, 20);
    CU_ASSERT(agent_put(&f.a, "pods", pod_json("d", "a", 1, "n", "x", NULL)));
    CU_ASSERT(agent_put(&f.a, "pods", pod_json("d", "b", 2, "n", "x", NULL)));
    CU_ASSERT(agent_put(&f.a, "pods", pod_json("d", "gone", 3, "n", "x", NULL)));
    CU_ASSERT(agent_put(&f.a, "pods", pod_json("d", "a", 4, "n", "x", NULL)));
    CU_ASSERT(agent_delete(&f.a, "pods", "d/gone"));
    settle(f.c, 20);
    CU_ASSERT_STRING_EQUAL(f.c->order, "+d/b +d/a ");
    end(&f);
}

static void every_change_delivers_each_version(void)
{
    struct consumer *c = calloc(1, sizeof *c);
    struct tarn_informer_watch w = watch_of(c);
    struct fixture f;

    w.every_change = true;
    begin(&f, NULL, &w);
    settle(f.c, 20);
    CU_ASSERT(agent_put(&f.a, "pods", pod_json("d", "a", 1, "n", "x", NULL)));
    CU_ASSERT(agent_put(&f.a, "pods", pod_json("d", "a", 2, "n", "x", NULL)));
    CU_ASSERT(agent_put(&f.a, "pods", pod_json("d", "b", 3, "n", "x", NULL)));
    CU_ASSERT(agent_put(&f.a, "pods", pod_json("d", "a", 4, "n", "x", NULL)));
    CU_ASSERT(agent_delete(&f.a, "pods", "d/a"));
    CU_ASSERT(agent_put(&f.a, "pods", pod_json("d", "a", 6, "n", "x", "other")));
    settle(f.c, 20);
    CU_ASSERT_STRING_EQUAL(f.c->order, "+d/a ~d/a +d/b ~d/a -d/a +d/a ");
    CU_ASSERT_EQUAL(f.c->gaps, 0);
    end(&f);
}

/* I-6: ours is split */
static void an_object_made_again_is_a_delete_and_an_add(void)
{
    struct fixture f;

    begin(&f, NULL, NULL);
    CU_ASSERT(agent_put(&f.a, "pods", pod_json("d", "a", 1, "n", "x", "first")));
    settle(f.c, 20);
    CU_ASSERT(agent_delete(&f.a, "pods", "d/a"));
    CU_ASSERT(agent_put(&f.a, "pods", pod_json("d", "a", 3, "n", "x", "second")));
    settle(f.c, 20);
    CU_ASSERT_STRING_EQUAL(f.c->order, "+d/a -d/a +d/a ");
    CU_ASSERT_EQUAL(f.c->initial, 1);
    end(&f);
}

/* I-42 */
static void filters_turn_updates_into_adds_and_deletes(void)
{
    struct consumer *c = calloc(1, sizeof *c);
    struct tarn_informer_watch w = watch_of(c);
    const struct tarn_selector *labels;
    struct fixture f;

    CU_ASSERT_EQUAL(tarn_selector_parse(TARN_BYTES("app=web"), &labels, NULL), 0);
    w.labels = labels;
    w.ns = "d";
    begin(&f, NULL, &w);
    CU_ASSERT(agent_put(&f.a, "pods", pod_json("d", "a", 1, "n", "db", NULL)));
    CU_ASSERT(agent_put(&f.a, "pods", pod_json("e", "b", 2, "n", "web", NULL)));
    settle(f.c, 20);
    CU_ASSERT_STRING_EQUAL(f.c->order, "");
    CU_ASSERT(agent_put(&f.a, "pods", pod_json("d", "a", 3, "n", "web", NULL)));
    settle(f.c, 20);
    CU_ASSERT(agent_put(&f.a, "pods", pod_json("d", "a", 4, "n", "web", NULL)));
    settle(f.c, 20);
    CU_ASSERT(agent_put(&f.a, "pods", pod_json("d", "a", 5, "n", "db", NULL)));
    settle(f.c, 20);
    CU_ASSERT(agent_delete(&f.a, "pods", "d/a"));
    settle(f.c, 20);
    CU_ASSERT_STRING_EQUAL(f.c->order, "+d/a ~d/a -d/a ");
    CU_ASSERT_EQUAL(f.c->tombstones, 0);
    end(&f);
    tarn_selector_free(labels);
}

/* I-8, I-45 */
static void a_resync_updates_every_object_with_itself(void)
{
    struct consumer *c = calloc(1, sizeof *c);
    struct tarn_informer_watch w = watch_of(c);
    struct fixture f;

    w.resync_ms = 1; /* raised to a second */
    begin(&f, NULL, &w);
    CU_ASSERT(agent_fill(&f.a, "a", 5, 1, 0));
    settle(f.c, 20);
    CU_ASSERT_EQUAL(f.c->updates, 0);
    for (int i = 0; i < 100 && counters(&f).resyncs == 0; i++) {
        struct pollfd p = {.fd = tarn_informer_fd(f.c->informer), .events = POLLIN};

        (void)poll(&p, 1, 100);
        CU_ASSERT(tarn_informer_process(f.c->informer, NULL) >= 0);
    }
    CU_ASSERT_EQUAL(counters(&f).resyncs, 5);
    CU_ASSERT_EQUAL(f.c->updates, 5);
    end(&f);
}

/* I-36 */
static void a_watch_ended_from_its_own_handler_gets_no_further_call(void)
{
    struct fixture f;
    struct tarn_informer_counters n;

    begin(&f, NULL, NULL);
    CU_ASSERT(agent_fill(&f.a, "a", 5, 1, 0));
    f.c->unwatch_at_add = f.id;
    settle(f.c, 20);
    CU_ASSERT_EQUAL(f.c->adds, 1);
    CU_ASSERT_EQUAL(tarn_informer_counters(f.c->informer, f.id, &n), TARN_E_NOTFOUND);
    end(&f);
}

static int fail_always(void *ctx, const struct tarn_object *obj, bool initial)
{
    (void)ctx, (void)obj, (void)initial;
    return 1;
}

/* I-15 */
static void a_handlers_error_is_counted_and_delivery_goes_on(void)
{
    struct consumer *c = calloc(1, sizeof *c);
    struct tarn_informer_watch w = watch_of(c);
    struct fixture f;

    w.handler.on_add = fail_always;
    begin(&f, NULL, &w);
    CU_ASSERT(agent_fill(&f.a, "a", 5, 1, 0));
    settle(f.c, 20);
    CU_ASSERT_EQUAL(counters(&f).adds, 5);
    CU_ASSERT_EQUAL(counters(&f).handler_errors, 5);
    end(&f);
}

static int stop_at_add(void *ctx, const struct tarn_object *obj, bool initial)
{
    (void)obj, (void)initial;
    tarn_informer_stop(((struct consumer *)ctx)->informer);
    return 0;
}

static void run_ends_when_it_is_told_to(void)
{
    struct consumer *c = calloc(1, sizeof *c);
    struct tarn_informer_watch w = watch_of(c);
    struct fixture f;

    w.handler.on_add = stop_at_add;
    begin(&f, NULL, &w);
    CU_ASSERT(agent_fill(&f.a, "a", 1, 1, 0));
    CU_ASSERT_EQUAL(tarn_informer_run(f.c->informer, NULL), 0);
    tarn_informer_stop(f.c->informer);
    CU_ASSERT_EQUAL(tarn_informer_run(f.c->informer, NULL), 0);
    end(&f);
}

/* ---- when things go wrong ----------------------------------------------------------------------------------------- */

/* I-7 */
static void an_overrun_log_is_made_good_by_difference(void)
{
    struct fixture f;

    begin(&f, &(struct agent_options){.log_entries = 64}, NULL);
    CU_ASSERT(agent_fill(&f.a, "a", 50, 1, 0));
    settle(f.c, 20);
    CU_ASSERT(agent_delete(&f.a, "pods", "ns-1/a-7"));
    CU_ASSERT(agent_fill(&f.a, "b", 300, 2, 0));
    CU_ASSERT(agent_fill(&f.a, "a", 5, 3, 0));
    settle(f.c, 20);
    CU_ASSERT_EQUAL(counters(&f).differences, 1);
    CU_ASSERT_EQUAL(f.c->updates, 5);
    CU_ASSERT_EQUAL(f.c->bare_olds, 0); /* the older snapshot still stood */
    CU_ASSERT_EQUAL(f.c->deletes, 1);
    CU_ASSERT_EQUAL(f.c->tombstones, 1);
    CU_ASSERT_EQUAL(f.c->final_states, 1);
    CU_ASSERT(equals_region(f.c, NULL));
    end(&f);
}

static void every_change_tells_of_the_gap_an_overrun_makes(void)
{
    struct consumer *c = calloc(1, sizeof *c);
    struct tarn_informer_watch w = watch_of(c);
    struct fixture f;

    w.every_change = true;
    begin(&f, &(struct agent_options){.log_entries = 64}, &w);
    settle(f.c, 20);
    CU_ASSERT(agent_fill(&f.a, "b", 300, 2, 0));
    settle(f.c, 20);
    CU_ASSERT_EQUAL(f.c->gaps, 1);
    CU_ASSERT(equals_region(f.c, NULL));
    end(&f);
}

/* The parked snapshot is taken back under pressure: updates then have a bare key as old, deletes a tombstone without state. */
static void an_expired_base_is_made_good_against_the_keys_delivered(void)
{
    struct fixture f;
    unsigned rv = 1;

    begin(&f, &(struct agent_options){.budget_bytes = 16u << 20}, NULL);
    CU_ASSERT(agent_fill(&f.a, "big", 100, rv, 20000));
    CU_ASSERT(agent_put(&f.a, "pods", pod_json("d", "doomed", 1, "n", "x", NULL)));
    settle(f.c, 20);
    CU_ASSERT(agent_delete(&f.a, "pods", "d/doomed"));
    while (rv < 40)
        CU_ASSERT(agent_fill(&f.a, "big", 100, ++rv, 20000));
    settle(f.c, 20);
    CU_ASSERT(equals_region(f.c, NULL));
    CU_ASSERT_EQUAL(counters(&f).differences, 1);
    CU_ASSERT_EQUAL(f.c->updates, 100);
    CU_ASSERT_EQUAL(f.c->bare_olds, 100);
    CU_ASSERT_EQUAL(f.c->tombstones, 1);
    CU_ASSERT_EQUAL(f.c->final_states, 0);
    end(&f);
}

static void a_dead_agents_successor_changes_nothing_until_it_has_synced(void)
{
    struct fixture f;

    begin(&f, NULL, NULL);
    CU_ASSERT(agent_fill(&f.a, "a", 20, 1, 0));
    settle(f.c, 20);
    f.c->order[0] = 0;
    agent_kill(&f.a);
    follow(f.c, 5);
    agent_start(&f.a, &(struct agent_options){.generation = 2, .unsynced = true});
    settle(f.c, 20);
    follow_to(f.c, 1);
    CU_ASSERT_STRING_EQUAL(f.c->order, ""); /* an empty region of an agent that has not listed yet: no deletes */
    CU_ASSERT(agent_fill(&f.a, "a", 19, 1, 0));
    CU_ASSERT(agent_fill(&f.a, "a", 3, 2, 0));
    CU_ASSERT(agent_state(&f.a, "pods", true, "9", ""));
    CU_ASSERT(agent_state(&f.a, "nodes", true, "9", ""));
    follow_to(f.c, 2);
    for (int i = 0; i < 100 && f.c->deletes == 0; i++)
        settle(f.c, 20);
    CU_ASSERT(equals_region(f.c, NULL));
    CU_ASSERT_EQUAL(f.c->adds, 20); /* no second add */
    CU_ASSERT_EQUAL(f.c->updates, 3);
    CU_ASSERT_EQUAL(f.c->bare_olds, 0); /* the dead agent's memory still stands */
    CU_ASSERT_EQUAL(f.c->deletes, 1);
    CU_ASSERT_EQUAL(f.c->final_states, 1);
    CU_ASSERT(agent_put(&f.a, "pods", pod_json("d", "new", 30, "n", "x", NULL)));
    settle(f.c, 60);
    CU_ASSERT_EQUAL(f.c->adds, 21);
    CU_ASSERT(equals_region(f.c, NULL));
    end(&f);
}

/* late: the informer looks again only when its client has passed over, so that both regions' changes are one batch; the number of
 * ns-0/a-0 is d/y's by then. */
static void planned_hand_over(bool every_change, bool late)
{
    struct tarn_client_info i = {0};
    struct consumer *c = calloc(1, sizeof *c);
    struct tarn_informer_watch w = watch_of(c);
    struct fixture f;

    w.every_change = every_change;
    begin(&f, NULL, &w);
    CU_ASSERT(agent_fill(&f.a, "a", 20, 1, 0));
    settle(f.c, 20);
    f.c->order[0] = 0;
    CU_ASSERT(agent_put(&f.a, "pods", pod_json("d", "x", 30, "n", "x", NULL))); /* not seen before the hand-over */
    CU_ASSERT(agent_delete(&f.a, "pods", "ns-0/a-0"));
    CU_ASSERT(agent_hand_over(&f.a));
    CU_ASSERT(agent_put(&f.a, "pods", pod_json("d", "y", 31, "n", "x", NULL))); /* in the new region */
    for (int k = 0; late && k < 500 && i.generation != 2; k++) {
        (void)poll(NULL, 0, 10);
        CU_ASSERT(tarn_client_info(tarn_informer_client(f.c->informer), &i) == 0);
    }
    follow_to(f.c, 2);
    settle(f.c, 20);
    CU_ASSERT(agent_put(&f.a, "pods", pod_json("d", "x", 32, "n", "x", NULL)));
    settle(f.c, 20);
    CU_ASSERT_STRING_EQUAL(f.c->order, "+d/x -ns-0/a-0 +d/y ~d/x ");
    CU_ASSERT_EQUAL(f.c->tombstones, 0);
    CU_ASSERT_EQUAL(counters(&f).differences, 0);
    CU_ASSERT_EQUAL(f.c->gaps, 0);
    CU_ASSERT(equals_region(f.c, NULL));
    end(&f);
}

static void a_planned_hand_over_loses_and_repeats_no_event(void)
{
    planned_hand_over(false, false);
    planned_hand_over(false, true);
    planned_hand_over(true, false);
    planned_hand_over(true, true);
}

/* ---- random --------------------------------------------------------------------------------------------------------- */

static uint32_t seed = 1;

static uint32_t chance(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

static void random_act(struct agent *a, unsigned *rv)
{
    char name[16], key[40];

    snprintf(name, sizeof name, "p-%u", chance(60));
    snprintf(key, sizeof key, "ns-0/%s", name);
    switch (chance(8)) {
    case 0:
    case 1:
        (void)agent_delete(a, "pods", key);
        return;
    case 2:
        if (chance(6) == 0)
            CU_ASSERT(agent_replace(a, "r", chance(80), ++*rv));
        return;
    case 3:
        if (chance(10) == 0)
            CU_ASSERT(agent_fill(a, "f", chance(200), ++*rv, 0));
        return;
    default: {
        char uid[32];

        snprintf(uid, sizeof uid, "%s-%u", name, chance(3));
        CU_ASSERT(agent_put(a, "pods", pod_json("ns-0", name, ++*rv, "n", "x", uid)));
    }
    }
}

static void random_churn(bool every_change, uint32_t log_entries)
{
    struct consumer *c = calloc(1, sizeof *c);
    struct tarn_informer_watch w = watch_of(c);
    struct fixture f;
    unsigned rv = 1, rounds = getenv("TEST_LONG") ? 2000 : 150;

    w.every_change = every_change;
    begin(&f, &(struct agent_options){.log_entries = log_entries}, &w);
    for (unsigned i = 0; i < rounds; i++) {
        for (unsigned k = chance(12); k > 0; k--)
            random_act(&f.a, &rv);
        settle(f.c, 0);
        f.c->order[0] = 0;
        CU_ASSERT(equals_region(f.c, NULL));
        if (chance(30) == 0) {
            CU_ASSERT(agent_hand_over(&f.a));
        } else if (chance(40) == 0) {
            agent_kill(&f.a);
            follow(f.c, 1);
            agent_start(&f.a, &(struct agent_options){.generation = 100 * (i + 1), .log_entries = log_entries});
            follow_to(f.c, 100 * (i + 1));
        }
    }
    settle(f.c, 20);
    CU_ASSERT(equals_region(f.c, NULL));
    end(&f);
}

static void the_consumers_state_equals_the_region_after_each_batch_of_random_changes(void)
{
    random_churn(false, 0);
    random_churn(false, 64);
}

static void and_so_it_does_when_every_change_is_delivered(void)
{
    random_churn(true, 0);
    random_churn(true, 64);
}

TARN_TEST_MAIN("informer", TARN_TEST(the_initial_list_is_flagged_and_what_follows_is_not),
               TARN_TEST(a_resource_is_not_listed_before_it_has_synced),
               TARN_TEST(a_wake_up_delivers_each_key_once_in_the_order_of_its_last_change),
               TARN_TEST(every_change_delivers_each_version), TARN_TEST(an_object_made_again_is_a_delete_and_an_add),
               TARN_TEST(filters_turn_updates_into_adds_and_deletes), TARN_TEST(a_resync_updates_every_object_with_itself),
               TARN_TEST(a_watch_ended_from_its_own_handler_gets_no_further_call),
               TARN_TEST(a_handlers_error_is_counted_and_delivery_goes_on), TARN_TEST(run_ends_when_it_is_told_to),
               TARN_TEST(an_overrun_log_is_made_good_by_difference),
               TARN_TEST(every_change_tells_of_the_gap_an_overrun_makes),
               TARN_TEST(an_expired_base_is_made_good_against_the_keys_delivered),
               TARN_TEST(a_planned_hand_over_loses_and_repeats_no_event),
               TARN_TEST(a_dead_agents_successor_changes_nothing_until_it_has_synced),
               TARN_TEST(the_consumers_state_equals_the_region_after_each_batch_of_random_changes),
               TARN_TEST(and_so_it_does_when_every_change_is_delivered))
