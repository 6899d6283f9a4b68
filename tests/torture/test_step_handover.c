/* A hand-over stopped at every instruction: the writer commits, hands over to a new generation, commits, hands over again, in a child under
 * ptrace. At each stop the parent does what clients do: it goes from region to region as their headers say, reads everything at the
 * newest commit, and follows the change log across. What it reads and what it replays must be what was committed,
 * each change once. That equals a kill -9 at each instruction of the take-over.
 *
 * TEST_LONG=1: every instruction is looked at. With a fault (the old region superseded first, or written on) the same test must find something.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tarn/takeover.h>

#include "region_fixture.h"

#define KEYS 8u
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) /* many more instructions */
#define GENERATIONS 2u
#define BATCHES 1u /* in each */
#else
#define GENERATIONS 3u
#define BATCHES 3u
#endif
#define COMMITS_MAX 64u

static const struct tarn_index_func indexes[] = {{"label:app", fixture_app, NULL}, {"spec.tags[*]", fixture_tags, NULL}};
static const char *const slots[] = {"spec.v"};
static const struct tarn_writer_resource widgets = {.name = "widgets", .api_version = "test/v1", .kind = "Widget", .namespaced = true,
                                                    .indexes = indexes, .nindex = 2, .slots = slots, .nslot = 1};

/* What the child tells before each step that may publish. */
struct shared {
    unsigned v[COMMITS_MAX][KEYS];    /* the objects at a commit; 0: absent */
    unsigned changes[COMMITS_MAX];    /* entries of the change log up to it */
    _Atomic int fd[GENERATIONS];      /* of a region, once it may be handed out; -1: not yet */
    _Atomic unsigned failed, done;
};
static struct shared *shared;

/* What the child does wrong, so that the test is tested. */
static enum { RIGHT, SUPERSEDED_FIRST, OLD_WRITTEN_ON } fault;

/* ---- the child ---------------------------------------------------------------------------------------------- */

static void tell(const struct fixture *f, const unsigned *v, unsigned changes)
{
    uint64_t next = tarn_writer_commit_seq(f->w) + 1;

    memcpy(shared->v[next], v, sizeof shared->v[next]);
    shared->changes[next] = changes;
}

static void batch(struct fixture *f, uint64_t *seed, unsigned *v, unsigned *changes)
{
    static unsigned version;

    unsigned first = (unsigned)(fixture_rand(seed) >> 9);

    for (unsigned n = 0; n < 3; n++) {
        unsigned k = (first + n) % KEYS; /* several changes of one key in one commit are one event */
        bool gone = v[k] && fixture_rand(seed) % 3 == 0;

        v[k] = gone ? 0 : ++version;
        ++*changes;
        if (gone ? fixture_delete(f, k) : fixture_put(f, &(struct fixture_object){.k = k, .v = v[k], .app = 1 + k % 4, .tags = v[k] % 16}))
            atomic_store(&shared->failed, 1);
    }
    tell(f, v, *changes);
    if (tarn_writer_commit(f->w, NULL))
        atomic_store(&shared->failed, 2);
}

static void hand_over(struct fixture *f, uint64_t *seed, unsigned *v, unsigned *count, unsigned g)
{
    unsigned changes = *count;
    const struct tarn_takeover t = {.from = tarn_writer_view(f->w), .resources = &widgets, .n = 1, .same_run = true};
    struct tarn_writer *w, *old = f->w;

    if (fault == SUPERSEDED_FIRST)
        tarn_writer_supersede(old, tarn_writer_view(old)->generation + 1);
    tell(f, v, changes);
    if (tarn_writer_takeover(&(struct tarn_writer_options){.budget_bytes = 4u << 20, .huge_pages = TARN_HUGE_PAGES_OFF, .log_entries = 64, .rt = &f->rt.base},
                             &t, &f->id, &w, NULL)) {
        atomic_store(&shared->failed, 3);
        return;
    }
    if (fault == OLD_WRITTEN_ON)
        batch(f, seed, v, count);
    if (tarn_region_store_move(f->store, w, f->id, NULL)) {
        atomic_store(&shared->failed, 3);
        return;
    }
    atomic_store(&shared->fd[g], tarn_writer_fd(w)); /* who attaches from here gets it */
    f->w = w;
    tarn_writer_supersede(old, tarn_writer_view(w)->generation); /* never freed: its readers read on */
}

static void workload(struct fixture *f)
{
    unsigned v[KEYS] = {0}, changes = 0;
    uint64_t seed = 5;

    for (unsigned g = 0; g < GENERATIONS; g++) {
        if (g)
            hand_over(f, &seed, v, &changes, g);
        for (unsigned b = 0; b < BATCHES; b++)
            batch(f, &seed, v, &changes);
    }
    atomic_store(&shared->done, 1);
}

/* ---- the parent: a client -------------------------------------------------------------------------------------- */

struct client {
    pid_t writer;
    struct tarn_region_view v[GENERATIONS];
    unsigned at; /* generation it reads */
    /* follower */
    unsigned follows; /* generation of the cursor */
    struct tarn_log_cursor cursor;
    unsigned state[KEYS], heard;
    uint64_t seq;
    uint64_t stops, lookups, handovers, wrong;
    char first[300];
};

static void complain(struct client *c, const char *what, uint64_t seq, unsigned k)
{
    if (!c->wrong++)
        (void)snprintf(c->first, sizeof c->first, "stop %llu, generation %u, commit %llu, key %u: %s", (unsigned long long)c->stops, c->at,
                       (unsigned long long)seq, k, what);
}

/* Attach: the descriptor that the agent would send, of a process that stands still. */
static bool attach(struct client *c, unsigned g)
{
    char path[64];
    int fd;

    if (c->v[g].base)
        return true;
    if (g >= GENERATIONS || atomic_load(&shared->fd[g]) < 0)
        return false;
    (void)snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)c->writer, atomic_load(&shared->fd[g]));
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || tarn_region_view_map(fd, &c->v[g], NULL))
        complain(c, "the new region cannot be mapped", 0, 0);
    if (fd >= 0)
        (void)close(fd);
    return c->v[g].base != NULL;
}

static void pass_over(struct client *c)
{
    struct tarn_region_facts f;

    tarn_region_view_facts(&c->v[c->at], &f);
    if (!f.superseded)
        return;
    if (!attach(c, c->at + 1)) {
        complain(c, "superseded by a region that is not there", f.commit_seq, 0);
        return;
    }
    if (f.superseded != c->v[c->at + 1].generation || memcmp(f.instance, c->v[c->at + 1].instance, sizeof f.instance) != 0)
        complain(c, "superseded by another generation than this", f.commit_seq, 0);
    c->at++;
    c->handovers++;
}

static unsigned value_at(struct client *c, const struct tarn_reader *r, uint16_t store, unsigned k)
{
    const struct tarn_object *obj;
    char key[64];
    int rc = tarn_reader_get(r, store, fixture_key_bytes(key, k), &obj);

    c->lookups++;
    return rc == TARN_E_NOTFOUND ? 0 : rc ? 0xffffffffu : fixture_uint(obj, "spec.v");
}

/* Which object is it? Its last state tells, in the region where it was heard of. */
static unsigned key_of(const struct tarn_reader *r, uint32_t oid, const struct tarn_object **ret)
{
    struct tarn_reader before = *r;

    *ret = NULL;
    if (tarn_reader_by_oid(r, oid, ret))
        *ret = NULL;
    for (const struct tarn_object *obj; before.seq; before.seq--)
        if (tarn_reader_by_oid(&before, oid, &obj) == 0)
            return (unsigned)strtoul(strstr(tarn_object_name(obj).data, "obj-") + 4, NULL, 10);
    return KEYS;
}

static void hear(struct client *c, const struct tarn_reader *until)
{
    struct tarn_log_change change;
    int rc;

    while ((rc = tarn_log_next(until, &c->cursor, &change)) == 1) {
        const struct tarn_object *obj;
        struct tarn_reader then = *until;
        unsigned k;

        then.seq = change.seq;
        k = key_of(&then, change.oid, &obj);
        if (k >= KEYS) {
            complain(c, "an event of an object that never was", change.seq, k);
            continue;
        }
        c->state[k] = obj ? fixture_uint(obj, "spec.v") : 0;
        c->heard++;
    }
    if (rc < 0)
        complain(c, tarn_strerror(rc), until->seq, 0);
}

/* As an informer does: the old region's log to its end, then the new one's. */
static void follow(struct client *c, const struct tarn_reader *now)
{
    for (; c->follows < c->at; c->follows++) {
        struct tarn_reader end;

        tarn_reader_begin(&end, &c->v[c->follows], NULL);
        hear(c, &end);
    }
    hear(c, now);
    for (unsigned k = 0; k < KEYS; k++)
        if (c->state[k] != shared->v[now->seq][k])
            complain(c, "the follower has another state than was committed", now->seq, k);
    if (c->heard != shared->changes[now->seq])
        complain(c, "events were lost or came twice", now->seq, c->heard);
}

static void look(struct client *c)
{
    struct tarn_resource_info info;
    struct tarn_reader now;

    c->stops++;
    pass_over(c);
    tarn_reader_begin(&now, &c->v[c->at], NULL);
    if (now.seq <= 2 && !c->at) /* the resource itself */
        return;
    if (tarn_reader_resource(&now, TARN_BYTES("widgets"), &info)) {
        complain(c, "the resource is missing", now.seq, 0);
        return;
    }
    for (unsigned k = 0; k < KEYS; k++)
        if (value_at(c, &now, info.store, k) != shared->v[now.seq][k])
            complain(c, "another object than was committed", now.seq, k);
    if (now.seq != c->seq)
        follow(c, &now);
    c->seq = now.seq;
}

static void step_through(struct client *c, unsigned every)
{
    uint64_t steps = 0;
    int st;

    while (waitpid(c->writer, &st, 0) == c->writer && WIFSTOPPED(st)) {
        if (++steps % every == 0)
            look(c);
        if (atomic_load(&shared->done)) {
            look(c); /* to the last event */
            break;
        }
        if (c->wrong || ptrace(PTRACE_SINGLESTEP, c->writer, NULL, NULL))
            break;
    }
    (void)kill(c->writer, SIGKILL);
    (void)waitpid(c->writer, &st, 0);
}

static void torture(struct client *c, unsigned every)
{
    struct tarn_reader r;
    struct fixture f;

    memset(c, 0, sizeof *c);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (unsigned g = 0; g < GENERATIONS; g++)
        atomic_store(&shared->fd[g], -1);
    fixture_open_options(&f, &(struct tarn_writer_options){.budget_bytes = 4u << 20, .huge_pages = TARN_HUGE_PAGES_OFF, .log_entries = 64});
    CU_ASSERT_EQUAL_FATAL(tarn_region_view_map(tarn_writer_fd(f.w), &c->v[0], NULL), 0);
    tarn_reader_begin(&r, &c->v[0], NULL);
    CU_ASSERT_EQUAL_FATAL(tarn_log_cursor_at(&r, &c->cursor), 0);
    c->writer = fork();
    if (!c->writer) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
            _exit(9);
        (void)raise(SIGSTOP);
        workload(&f);
        _exit(0);
    }
    step_through(c, every);
    CU_ASSERT_EQUAL(atomic_load(&shared->failed), 0);
    for (unsigned g = 0; g < GENERATIONS; g++)
        tarn_region_view_unmap(&c->v[g]);
    fixture_close(&f);
    (void)munmap(shared, sizeof *shared);
    printf("%llu stops, %llu lookups, %llu hand-overs, %u events, %llu wrong %s\n", (unsigned long long)c->stops, (unsigned long long)c->lookups,
           (unsigned long long)c->handovers, c->heard, (unsigned long long)c->wrong, c->first);
}

static void every_instruction_of_a_hand_over_is_safe_to_stop_at(void)
{
    struct client c;

    torture(&c, getenv("TEST_LONG") ? 1 : 5);
    CU_ASSERT_EQUAL(c.wrong, 0);
    CU_ASSERT_EQUAL(c.handovers, GENERATIONS - 1);
    CU_ASSERT_EQUAL(c.heard, GENERATIONS * BATCHES * 3);
}

static void every_fault_is_caught(void)
{
    struct client c;

    for (fault = SUPERSEDED_FIRST; fault <= OLD_WRITTEN_ON; fault++) {
        torture(&c, 50);
        CU_ASSERT_TRUE(c.wrong > 0);
    }
    fault = RIGHT;
}

TARN_TEST_MAIN("step_handover", TARN_TEST(every_instruction_of_a_hand_over_is_safe_to_stop_at), TARN_TEST(every_fault_is_caught))
