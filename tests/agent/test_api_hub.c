/* Many watches with random selectors and start versions over random changes, against the simplest model of kube-apiserver's watch cache.
 *
 * Each caller keeps what it was told as a cache would. An event is right if it is exactly the one that such a cache needs: ADDED of what it has not,
 * MODIFIED and DELETED of what it has; and when all was read, the cache is what the model selects. Callers go away at any point of a
 * stream and come back with the last version they saw, as client-go does; at a 410 they begin anew. Of history only last states are told, so
 * who comes back with a version out of it may be told MODIFIED or DELETED of what it has not, and at a list's version its deletions once more: a
 * cache does not mind.
 */
#include "api_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "fault.h"
#include "region_fixture.h"
#include "tarn_test.h"

#define PODS 60u
#define CALLERS 40u
#define APPS 4u

static const char *const app_names[APPS] = {NULL, "web", "db", "log"}, *const phases[3] = {"Running", "Pending", "Failed"};

struct pod {
    bool there;
    unsigned app, phase, life; /* life: which object of the name */
    uint64_t rv;
};

/* What a caller selects; 0: anything. */
struct selection {
    unsigned ns, app, phase, name; /* each plus 1 */
    bool not_app;
};

struct caller {
    bool watching, streaming, marked;
    bool exact;   /* has read all there was each time it went away, and was told of history once at most */
    bool history; /* it was told of history */
    struct world_watch c;
    struct selection s;
    struct pod seen[PODS];
    uint64_t last, from; /* versions: the newest seen, and that this watch began at */
    unsigned too_old;
};

struct arena {
    struct api_world w;
    struct pod model[PODS];
    struct caller callers[CALLERS];
    uint64_t seed, rv;
    unsigned wrong, events, lost, deletions, handovers;
    bool exact; /* history keeps all it needs to know */
};

static unsigned pick(struct arena *a, unsigned n)
{
    return (unsigned)(fixture_rand(&a->seed) >> 11) % n;
}

static void wrong(struct arena *a, const char *what, const struct world_event *e)
{
    if (a->wrong++ < 10)
        fprintf(stderr, "wrong: %s: %s %s@%llu\n", what, e ? e->type : "", e ? e->name : "", e ? (unsigned long long)e->rv : 0);
}

static bool selects(const struct selection *s, unsigned n, const struct pod *p)
{
    if (!p->there || (s->ns && s->ns - 1 != n % 2) || (s->name && s->name - 1 != n) || (s->phase && s->phase - 1 != p->phase))
        return false;
    return !s->app || (s->app - 1 == p->app) != s->not_app;
}

/* ---- the server's side ------------------------------------------------------------------------------------------------ */

static void write_pod(struct arena *a, unsigned n)
{
    static char uid[16];
    struct pod *p = &a->model[n];

    (void)snprintf(uid, sizeof uid, "life-%u", p->life);
    world_put(&a->w, &(struct world_pod){.ns = n % 2, .n = n, .rv = p->rv, .app = app_names[p->app], .phase = phases[p->phase], .uid = uid,
                                      .pad = pick(a, 200)});
}

static void change_pod(struct arena *a)
{
    unsigned n = pick(a, PODS);
    struct pod *p = &a->model[n];

    a->rv += 2 + pick(a, 2); /* so that the version before is nobody's */
    if (p->there && !pick(a, 4)) {
        p->there = false;
        a->deletions++;
        world_delete(&a->w, &(struct world_pod){.ns = n % 2, .n = n, .rv = a->rv});
        return;
    }
    p->life += !p->there;
    p->app = pick(a, 3) && p->there ? p->app : pick(a, APPS);
    p->phase = pick(a, 3) && p->there ? p->phase : pick(a, 3);
    p->there = true;
    p->rv = a->rv;
    write_pod(a, n);
}

/* A relist: what happened meanwhile was not seen one by one. */
static void relist(struct arena *a)
{
    static struct world_pod pods[PODS];
    static char uids[PODS][16];
    unsigned count = 0;

    for (unsigned i = pick(a, 20); i > 0; i--) {
        struct pod *p = &a->model[pick(a, PODS)];

        a->rv += 2;
        p->there = pick(a, 3) != 0;
        p->life += pick(a, 2); /* perhaps another object of that name */
        p->app = pick(a, APPS);
        p->rv = a->rv;
    }
    a->rv++;
    for (unsigned n = 0; n < PODS; n++) {
        const struct pod *p = &a->model[n];

        if (!p->there)
            continue;
        (void)snprintf(uids[n], sizeof uids[n], "life-%u", p->life);
        pods[count++] = (struct world_pod){.ns = n % 2, .n = n, .rv = p->rv, .app = app_names[p->app], .phase = phases[p->phase], .uid = uids[n]};
    }
    world_replace(&a->w, pods, count, a->rv);
}

/* ---- callers ------------------------------------------------------------------------------------------------------------ */

static void stop(struct caller *c)
{
    if (c->watching)
        world_watch_free(&c->c);
    c->watching = false;
}

static int target_of(const struct caller *c, char *to, size_t size, const char *more)
{
    const struct selection *s = &c->s;
    int n = snprintf(to, size, s->ns ? "/api/v1/namespaces/ns%u/pods?watch=1%s" : "/api/v1/pods?watch=1%.0u%s", s->ns ? s->ns - 1 : 0, more);

    if (s->app && s->app - 1)
        n += snprintf(to + n, size - (size_t)n, s->not_app ? "&labelSelector=app%%21%%3D%s" : "&labelSelector=app%%3D%s", app_names[s->app - 1]);
    else if (s->app)
        n += snprintf(to + n, size - (size_t)n, s->not_app ? "&labelSelector=app" : "&labelSelector=%%21app");
    if (s->phase || s->name) {
        n += snprintf(to + n, size - (size_t)n, "&fieldSelector=");
        if (s->phase)
            n += snprintf(to + n, size - (size_t)n, "status.phase%%3D%s", phases[s->phase - 1]);
        if (s->name)
            n += snprintf(to + n, size - (size_t)n, "%smetadata.name%%3Dpod-%u", s->phase ? "," : "", s->name - 1);
    }
    return n;
}

/* A LIST by the caller itself, out of a snapshot. */
static void list(struct arena *a, struct caller *c)
{
    struct api_hub *h;
    struct api_hub_facts facts;

    CU_ASSERT_EQUAL_FATAL(api_realm_hub(a->w.api, TARN_BYTES("pods"), &h), 0);
    api_hub_facts(h, &facts);
    for (unsigned n = 0; n < PODS; n++)
        c->seen[n] = selects(&c->s, n, &a->model[n]) ? a->model[n] : (struct pod){0};
    c->last = a->rv;
}

static void begin(struct arena *a, struct caller *c)
{
    char target[512], more[160];

    c->exact = !c->last || (c->exact && !c->history);
    c->history = c->last && c->last < a->rv;
    c->streaming = !c->last && pick(a, 2);
    c->marked = false;
    if (c->streaming) {
        memset(c->seen, 0, sizeof c->seen);
        (void)snprintf(more, sizeof more, "&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
    } else {
        if (!c->last)
            list(a, c);
        (void)snprintf(more, sizeof more, "&allowWatchBookmarks=true&resourceVersion=%llu", (unsigned long long)c->last);
    }
    (void)target_of(c, target, sizeof target, more);
    CU_ASSERT_EQUAL_FATAL(world_watch(&a->w, &c->c, target), 0);
    c->watching = true;
    c->from = c->last;
}

static void choose(struct arena *a, struct caller *c)
{
    c->s = (struct selection){0};
    if (pick(a, 3) == 0)
        c->s.ns = 1 + pick(a, 2);
    if (pick(a, 2)) {
        c->s.app = 1 + pick(a, APPS);
        c->s.not_app = pick(a, 2);
    }
    if (pick(a, 3) == 0)
        c->s.phase = 1 + pick(a, 3);
    if (c->s.ns && pick(a, 4) == 0)
        c->s.name = 1 + (pick(a, PODS / 2) * 2 + (c->s.ns - 1));
}

/* One event on the cache. */
static void apply(struct arena *a, struct caller *c, const struct world_event *e)
{
    unsigned n = (unsigned)strtoul(e->name[0] ? strrchr(e->name, '-') + 1 : "0", NULL, 10);
    struct pod *p = &c->seen[n];
    bool initial = c->streaming && !c->marked, deleted = strcmp(e->type, "DELETED") == 0, added = strcmp(e->type, "ADDED") == 0;

    a->events++;
    if (strcmp(e->type, "BOOKMARK") == 0) {
        c->marked |= e->end_mark;
        if (e->rv < c->last)
            wrong(a, "a bookmark went back", e);
    } else {
        if (a->exact && c->exact && e->rv != c->from && (added ? p->there : !p->there))
            wrong(a, "not the event that a cache needs", e);
        if (!initial && e->rv < c->last)
            wrong(a, "versions went back", e);
        if (initial && !added)
            wrong(a, "in the initial state", e);
        if (p->there && !deleted && e->rv <= p->rv)
            wrong(a, "no newer version", e);
        *p = (struct pod){.there = !deleted, .rv = e->rv};
        for (unsigned i = 1; i < APPS; i++)
            p->app = strcmp(e->app, app_names[i]) == 0 ? i : p->app;
        for (unsigned i = 0; i < 3; i++)
            p->phase = strcmp(e->phase, phases[i]) == 0 ? i : p->phase;
    }
    if (!initial || c->marked)
        c->last = e->rv;
}

/* Read up to `most` events. */
static void read_events(struct arena *a, struct caller *c, unsigned most)
{
    struct world_event e;

    while (c->watching && most-- && world_next(&c->c, &e, pick(a, 2) ? 0 : 1 + pick(a, 300))) {
        if (strcmp(e.type, "ERROR") == 0) {
            a->lost += e.code == 410;
            if (e.code != 410)
                wrong(a, "an error", &e);
            c->last = 0;
            stop(c);
        } else {
            apply(a, c, &e);
        }
        tarn_object_unref(e.whole);
    }
}

static void disturb(struct arena *a, struct caller *c)
{
    unsigned what = pick(a, 10);

    if (what == 0) {
        if (pick(a, 2))
            read_events(a, c, UINT32_MAX);
        else
            c->exact = false;
        if (c->streaming && !c->marked)
            c->last = 0; /* half a state is none */
        stop(c);
    } else if (what == 1) {
        stop(c);
        choose(a, c);
        c->last = 0;
    }
    if (!c->watching && (what == 1 || pick(a, 2)))
        begin(a, c);
    read_events(a, c, pick(a, 30));
}

static void check(struct arena *a, struct caller *c)
{
    if (!c->watching)
        begin(a, c);
    read_events(a, c, UINT32_MAX);
    if (!c->watching) { /* it was told 410 */
        begin(a, c);
        read_events(a, c, UINT32_MAX);
    }
    for (unsigned n = 0; n < PODS; n++) {
        const struct pod *p = &a->model[n];
        bool there = selects(&c->s, n, p);

        if (there != c->seen[n].there || (there && (p->rv != c->seen[n].rv || p->app != c->seen[n].app || p->phase != c->seen[n].phase)))
            wrong(a, "the cache is not what the server has", NULL);
    }
}

static void step(struct arena *a)
{
    unsigned what = pick(a, 100);

    for (unsigned i = what < 70 ? 1 : pick(a, 40); i > 0; i--) {
        change_pod(a);
        if (pick(a, 3) == 0)
            world_commit(&a->w, a->rv);
    }
    world_commit(&a->w, a->rv);
    if (what >= 97)
        relist(a);
    if (what == 50) {
        world_hand_over(&a->w, true);
        a->handovers++;
        if (pick(a, 2)) /* before the read API has noticed */
            change_pod(a), world_commit(&a->w, a->rv);
    }
    (void)tarn_writer_collect(a->w.realm->writer);
    world_run(&a->w);
}

static void run(struct arena *a, unsigned steps)
{
    world_attach(&a->w);
    for (unsigned i = 0; i < CALLERS; i++)
        choose(a, &a->callers[i]);
    for (unsigned i = 0; i < steps && a->wrong < 10; i++) {
        step(a);
        for (unsigned k = 0; k < CALLERS; k++)
            if (pick(a, 3) == 0)
                disturb(a, &a->callers[k]);
        if (i % 16 == 0)
            for (unsigned k = 0; k < CALLERS; k++)
                check(a, &a->callers[k]);
    }
    for (unsigned k = 0; k < CALLERS; k++) {
        check(a, &a->callers[k]);
        stop(&a->callers[k]);
    }
}

static void finish(struct arena *a)
{
    world_run(&a->w);
    world_close(&a->w);
    CU_ASSERT_EQUAL(a->wrong, 0);
    free(a);
}

static struct arena *arena_new(uint64_t seed, const struct api_world_options *o)
{
    struct arena *a = calloc(1, sizeof *a);

    a->seed = seed * 0x9e3779b97f4a7c15u + 1;
    a->rv = 1;
    world_open(&a->w, o);
    return a;
}

static void every_cache_becomes_what_the_server_has(void)
{
    for (unsigned seed = 1; seed <= 6; seed++) {
        struct arena *a = arena_new(seed, &(struct api_world_options){0});

        a->exact = true;
        run(a, 300);
        CU_ASSERT_TRUE(a->events > 5000);
        CU_ASSERT_TRUE(a->deletions > 50);
        CU_ASSERT_TRUE(a->handovers > 0);
        CU_ASSERT_EQUAL(a->lost, 0);
        finish(a);
    }
}

/* With little history, some are told 410 and begin anew, and whether a selector fitted is not always known. */
static void with_little_history_too(void)
{
    for (unsigned seed = 11; seed <= 14; seed++) {
        struct arena *a = arena_new(seed, &(struct api_world_options){.history_entries = 64, .history_bytes = 20000, .queue_bytes = 20000});

        run(a, 300);
        CU_ASSERT_TRUE(a->lost > 10);
        finish(a);
    }
}

/* What a watch says of a turn in which the allocation behind the next n fails, and one that begins there: all, or a 410. True: none failed. */
static bool turn_with_fault(struct api_world *w, long n, uint64_t *rv)
{
    struct world_watch live, late = {0};
    char target[128], all[128];
    const char *text;
    uint64_t from = *rv;
    bool failed;
    int rc;

    (void)snprintf(target, sizeof target, "/api/v1/pods?watch=1&resourceVersion=%llu", (unsigned long long)from);
    CU_ASSERT_EQUAL_FATAL(world_watch(w, &live, target), 0);
    CU_ASSERT_STRING_EQUAL(world_events(&live), "");
    world_put(w, &(struct world_pod){.n = 1, .rv = from + 1, .app = *rv % 2 ? "web" : "db"});
    world_put(w, &(struct world_pod){.n = 2, .rv = from + 2});
    world_commit(w, from + 2);
    *rv = from + 2;
    tarn_fault_arm(n);
    api_realm_turn(w->api);
    rc = world_watch(w, &late, target);
    failed = tarn_fault_disarm();
    world_run(w);
    (void)snprintf(all, sizeof all, "MODIFIED pod-1@%llu · MODIFIED pod-2@%llu", (unsigned long long)from + 1, (unsigned long long)from + 2);
    text = world_events(&live);
    CU_ASSERT_TRUE(strcmp(text, all) == 0 || (failed && (strcmp(text, "ERROR 410 · (end)") == 0 || strcmp(text, "(end)") == 0)));
    world_watch_free(&live);
    CU_ASSERT_TRUE(rc == 0 || (failed && (rc == TARN_E_NOMEM || rc == TARN_E_AGAIN)));
    if (rc == 0) {
        text = world_events(&late);
        CU_ASSERT_TRUE(strcmp(text, all) == 0 || (failed && (strcmp(text, "ERROR 410 · (end)") == 0 || strcmp(text, "(end)") == 0)));
        world_watch_free(&late);
    }
    return !failed;
}

static void memory_may_run_out_at_any_place(void)
{
    struct api_world w;
    uint64_t rv = 10;
    long n = 0;

    world_open(&w, &(struct api_world_options){0});
    world_put(&w, &(struct world_pod){.n = 1, .rv = 9});
    world_put(&w, &(struct world_pod){.n = 2, .rv = 10});
    world_commit(&w, 10);
    world_attach(&w);
    while (!turn_with_fault(&w, n, &rv))
        n++;
    CU_ASSERT_TRUE(n > 8);
    world_close(&w);
}

TARN_TEST_MAIN("api_hub", TARN_TEST(every_cache_becomes_what_the_server_has), TARN_TEST(with_little_history_too), TARN_TEST(memory_may_run_out_at_any_place))
