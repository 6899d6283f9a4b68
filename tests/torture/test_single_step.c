/* The writer is stopped at every instruction, and each time a second process reads everything.
 *
 * A child runs a small workload (puts, deletes, index changes, a Replace, collections; the table, the heads and postings grow)
 * under ptrace, one instruction at a time. At each stop the parent, through its own read-only mapping, compares every key, the list
 * and an index with a replay: at the newest commit, and at a snapshot that it pinned some commits ago. That equals a kill -9 at
 * each instruction. With a fault compiled in (mutant.h) the same test must find something wrong.
 *
 * TEST_LONG=1: a workload ten times as long.
 */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../shm/mutant.h"
#include "region_fixture.h"

enum tarn_mutant tarn_mutant;

#define KEYS 12u
#define BATCHES_MAX 160u
#define COMMITS_MAX 4096u

struct batch {
    const struct tarn_object *put[KEYS]; /* NULL: nothing */
    const struct tarn_object *del[KEYS];
    bool replace;
    struct fixture_object state[KEYS]; /* after it; v 0: absent */
};
static struct batch batches[BATCHES_MAX];
static unsigned nbatches;

/* Told by the child before each step that may publish: the batch that a commit shows. */
struct shared {
    _Atomic unsigned batch_of[COMMITS_MAX];
    _Atomic unsigned failed;
};
static struct shared *shared;

static void plan(uint64_t seed, unsigned n)
{
    unsigned version = 0;

    nbatches = n;
    for (unsigned b = 1; b < n; b++) {
        struct batch *x = &batches[b];

        memcpy(x->state, batches[b - 1].state, sizeof x->state);
        x->replace = b % 9 == 3;
        for (unsigned k = 0; k < KEYS; k++) {
            unsigned what = (unsigned)(fixture_rand(&seed) >> 9) % 10;
            struct fixture_object o = {.k = k, .v = ++version, .app = 1 + what % 4, .tags = (unsigned)(fixture_rand(&seed) >> 9) % 16, .pad = what * 7};

            if (what < (x->replace ? 5u : 4u)) {
                x->put[k] = fixture_make(&o);
                x->state[k] = o;
            } else if (x->replace && x->state[k].v && what < 8) {
                x->put[k] = fixture_make(&x->state[k]); /* unchanged */
            } else if (x->replace || what == 9) {
                char key[64];

                CU_ASSERT_EQUAL(tarn_object_new_explicit_key(fixture_key_bytes(key, k), &x->del[k]), 0);
                x->state[k].v = 0;
            }
        }
    }
}

static void plan_free(void)
{
    for (unsigned b = 0; b < nbatches; b++)
        for (unsigned k = 0; k < KEYS; k++) {
            tarn_object_unref(batches[b].put[k]);
            tarn_object_unref(batches[b].del[k]);
        }
    memset(batches, 0, sizeof batches);
}

/* ---- the child ------------------------------------------------------------------------------------------- */

static int run_replace(struct fixture *f, const struct batch *x)
{
    int rc = f->store->ops->replace_begin(f->store, NULL);

    for (unsigned k = 0; !rc && k < KEYS; k++)
        if (x->put[k])
            rc = f->store->ops->replace_add(f->store, x->put[k], NULL);
    return rc ? rc : f->store->ops->replace_commit(f->store, TARN_BYTES("1"), NULL);
}

static int run_changes(struct fixture *f, const struct batch *x)
{
    int rc = 0;

    for (unsigned k = 0; !rc && k < KEYS; k++)
        if (x->put[k])
            rc = tarn_store_add(f->store, x->put[k], NULL);
        else if (x->del[k])
            rc = tarn_store_delete(f->store, x->del[k], NULL);
    return rc ? rc : tarn_writer_commit(f->w, NULL);
}

static void tell(struct fixture *f, unsigned b)
{
    atomic_store(&shared->batch_of[tarn_writer_commit_seq(f->w) + 1], b);
}

static void workload(struct fixture *f)
{
    for (unsigned b = 1; b < nbatches; b++) {
        const struct batch *x = &batches[b];

        tell(f, b);
        if (x->replace ? run_replace(f, x) : run_changes(f, x))
            atomic_store(&shared->failed, b);
        tell(f, b); /* a sweep may publish: the same content */
        f->rt.now_ms += 11;
        (void)tarn_writer_collect(f->w);
        tell(f, b);
        (void)tarn_writer_collect(f->w);
    }
}

/* ---- the parent --------------------------------------------------------------------------------------------- */

struct watcher {
    struct tarn_region_view v;
    struct tarn_pin_page *page;
    struct tarn_pin_line *line;
    struct tarn_reader held;
    uint16_t store;
    uint64_t stops, lookups, wrong, holds;
    char first[800];
};

static void complain(struct watcher *w, const struct tarn_reader *r, const char *what, unsigned k)
{
    if (!w->wrong++)
        (void)snprintf(w->first, sizeof w->first, "stop %llu, snapshot %llu: %s, key %u", (unsigned long long)w->stops,
                       (unsigned long long)r->seq, what, k);
}

static bool object_is(const struct tarn_object *obj, const struct fixture_object *o)
{
    return fixture_uint(obj, "spec.v") == o->v && fixture_uint(obj, "spec.check") == o->v;
}

static void check_keys(struct watcher *w, const struct tarn_reader *r, const struct batch *x)
{
    char key[64];

    for (unsigned k = 0; k < KEYS; k++) {
        const struct tarn_object *obj;
        int rc = tarn_reader_get(r, w->store, fixture_key_bytes(key, k), &obj);

        w->lookups++;
        if (rc != (x->state[k].v ? 0 : TARN_E_NOTFOUND) || (!rc && !object_is(obj, &x->state[k])))
            complain(w, r, "get", k);
    }
}

/* The walk's members, as bits; a bit above: something wrong. */
static unsigned walk(struct watcher *w, struct tarn_reader_iter *it, const struct batch *x)
{
    const struct tarn_object *obj;
    unsigned seen = 0;
    int rc;

    while ((rc = tarn_reader_next(it, &obj)) == 1) {
        unsigned k = (unsigned)strtoul(strrchr(tarn_object_key(obj).data, '-') + 1, NULL, 10);

        w->lookups++;
        if (k >= KEYS || seen >> k & 1 || !object_is(obj, &x->state[k]))
            return 1u << 31;
        seen |= 1u << k;
    }
    return rc ? 1u << 31 : seen;
}

static void check_walks(struct watcher *w, const struct tarn_reader *r, const struct batch *x)
{
    struct tarn_resource_info info;
    struct tarn_reader_iter it;
    unsigned all = 0, app[5] = {0};
    char value[16];

    for (unsigned k = 0; k < KEYS; k++)
        if (x->state[k].v) {
            all |= 1u << k;
            app[x->state[k].app] |= 1u << k;
        }
    if (tarn_reader_resource(r, TARN_BYTES("widgets"), &info) || info.objects != (unsigned)__builtin_popcount(all))
        complain(w, r, "count", 0);
    if (tarn_reader_list(r, w->store, &it) || walk(w, &it, x) != all)
        complain(w, r, "list", 0);
    for (unsigned a = 1; a < 5; a++) {
        (void)snprintf(value, sizeof value, "app-%u", a);
        if (tarn_reader_by_index(r, &info, FIXTURE_INDEX_APP, tarn_bytes_of(value), &it) || walk(w, &it, x) != app[a])
            complain(w, r, "by_index", a);
    }
}

static void check_snapshot(struct watcher *w, const struct tarn_reader *r)
{
    const struct batch *x = &batches[atomic_load(&shared->batch_of[r->seq])];

    check_keys(w, r, x);
    check_walks(w, r, x);
    if (tarn_reader_check(r))
        complain(w, r, "expired although pinned or newest", 0);
}

static void look(struct watcher *w)
{
    struct tarn_reader now;
    struct tarn_error err = {0};

    w->stops++;
    tarn_reader_begin(&now, &w->v, NULL); /* the writer stands still: nothing can expire */
    check_snapshot(w, &now);
    if (w->held.seq)
        check_snapshot(w, &w->held);
    if (w->stops % 20011 == 0 && tarn_check_region(&now, false, NULL, &err))
        complain(w, &now, err.message, 0);
    if (w->held.seq && now.seq > w->held.seq + 7)
        tarn_reader_end(&w->held);
    if (!w->held.seq && now.seq > 2) {
        tarn_reader_begin(&w->held, &w->v, w->line);
        w->holds++;
    }
}

/* Single-step the child; look at every `every`-th instruction; stop at the first wrong answer if told so. */
static void step_through(pid_t child, struct watcher *w, unsigned every, bool until_wrong)
{
    uint64_t steps = 0;
    int st;

    while (waitpid(child, &st, 0) == child && WIFSTOPPED(st)) {
        if (++steps % every == 0)
            look(w);
        if (until_wrong && w->wrong)
            break;
        if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL))
            break;
    }
    (void)kill(child, SIGKILL);
    (void)waitpid(child, &st, 0);
}

static pid_t start_child(struct fixture *f)
{
    pid_t child = fork();

    if (child)
        return child;
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
        _exit(9);
    (void)raise(SIGSTOP);
    workload(f);
    _exit(0);
}

static bool watcher_open(struct watcher *w, struct fixture *f)
{
    struct tarn_pin_page *agent;
    uint32_t id;
    int fd;

    memset(w, 0, sizeof *w);
    if (tarn_pin_page_new(4096, &agent, &fd, NULL) || tarn_writer_client_add(f->w, agent, -1, &id) ||
        tarn_pin_page_map(fd, 4096, &w->page, NULL) || tarn_pin_claim(w->page, &w->line) ||
        tarn_region_view_map(tarn_writer_fd(f->w), &w->v, NULL))
        return false;
    (void)close(fd);
    w->store = f->id;
    return true;
}

static void torture(struct watcher *w, enum tarn_mutant mutant, unsigned batches_n, unsigned every)
{
    struct fixture f;
    pid_t child;

    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    plan(99, batches_n);
    fixture_open(&f, 4u << 20);
    CU_ASSERT_TRUE_FATAL(watcher_open(w, &f));
    tarn_mutant = mutant;
    child = start_child(&f);
    step_through(child, w, every, mutant != TARN_MUTANT_NONE);
    tarn_mutant = TARN_MUTANT_NONE;
    CU_ASSERT_EQUAL(atomic_load(&shared->failed), 0);
    tarn_region_view_unmap(&w->v);
    tarn_pin_page_free(w->page);
    fixture_close(&f);
    plan_free();
    (void)munmap(shared, sizeof *shared);
}

static void every_instruction_leaves_complete_states(void)
{
    bool full = getenv("TEST_LONG") != NULL;
    struct watcher w;

    torture(&w, TARN_MUTANT_NONE, full ? 150 : 6, full ? 1 : 4);
    printf("%llu stops, %llu lookups, %llu snapshots held, %llu wrong %s\n", (unsigned long long)w.stops,
           (unsigned long long)w.lookups, (unsigned long long)w.holds, (unsigned long long)w.wrong, w.first);
    CU_ASSERT_TRUE(w.stops > 10000);
    CU_ASSERT_TRUE(w.holds > 0);
    CU_ASSERT_EQUAL(w.wrong, 0);
}

static void every_mutant_is_caught(void)
{
    static const struct {
        enum tarn_mutant mutant;
        const char *name;
    } rows[] = {
        {TARN_MUTANT_PUBLISH_EARLY, "publish early"}, {TARN_MUTANT_LINK_FIRST, "link first"},     {TARN_MUTANT_IGNORE_PINS, "ignore pins"},
        {TARN_MUTANT_FREE_AT_ONCE, "free at once"},   {TARN_MUTANT_DROP_EARLY, "drop early"},     {TARN_MUTANT_LATE_POSTING, "late posting"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct watcher w;

        torture(&w, rows[i].mutant, 12, 9);
        printf("%-14s caught after %llu stops: %s\n", rows[i].name, (unsigned long long)w.stops, w.first);
        CU_ASSERT_TRUE(w.wrong > 0);
    }
}

TARN_TEST_MAIN("single_step", TARN_TEST(every_instruction_leaves_complete_states), TARN_TEST(every_mutant_is_caught))
