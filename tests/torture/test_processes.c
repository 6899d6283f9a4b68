/* Readers as processes of their own: under churn, stopped, killed, hostile; and the agent killed under them. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "region_fixture.h"

#define KEYS 300u
#define READERS_MAX 4

/* What readers report, in memory shared by all. */
struct report {
    _Atomic uint64_t snapshots, objects, wrong, expired;
    _Atomic int ready, go;
};

struct world {
    struct fixture f;
    struct report *report;
    uint64_t seed;
    unsigned version;
};

static void world_open(struct world *x, uint64_t budget)
{
    memset(x, 0, sizeof *x);
    fixture_open(&x->f, budget);
    x->report = mmap(NULL, sizeof *x->report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    x->seed = 41;
}

static void world_close(struct world *x)
{
    (void)munmap(x->report, sizeof *x->report);
    fixture_close(&x->f);
}

static void pause_ms(unsigned ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    (void)nanosleep(&t, NULL);
}

/* ---- a reader process ------------------------------------------------------------------------------------------ */

struct client {
    struct tarn_region_view v;
    struct tarn_pin_page *page;
    struct tarn_pin_line *line;
    struct tarn_reader r;
};

/* As an attach would do it: two descriptors, mapped and closed. */
static uint32_t attach(struct world *x, int *ret_control)
{
    struct tarn_pin_page *page;
    uint32_t id = 0;

    CU_ASSERT_EQUAL_FATAL(tarn_pin_page_new(4096, &page, ret_control, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_writer_client_add(x->f.w, page, -1, &id), 0);
    return id;
}

static void client_open(struct client *c, const struct world *x, int control)
{
    if (tarn_region_view_map(tarn_writer_fd(x->f.w), &c->v, NULL) || tarn_pin_page_map(control, 4096, &c->page, NULL) ||
        tarn_pin_claim(c->page, &c->line))
        _exit(3);
}

/* Everything in one snapshot must fit: the list, each index, the count, each object's two counters. */
static void read_all(struct client *c, struct report *report)
{
    struct tarn_resource_info info;
    const struct tarn_object *obj;
    struct tarn_reader_iter it;
    uint64_t listed = 0, by_ns = 0, wrong = 0;
    char value[16];
    int rc;

    tarn_reader_begin(&c->r, &c->v, c->line);
    rc = tarn_reader_resource(&c->r, TARN_BYTES("widgets"), &info);
    if (!rc)
        rc = tarn_reader_list(&c->r, info.store, &it);
    while (!rc && (rc = tarn_reader_next(&it, &obj)) == 1) {
        rc = 0;
        listed++;
        wrong += fixture_uint(obj, "spec.v") != fixture_uint(obj, "spec.check");
    }
    for (unsigned n = 0; !rc && n < FIXTURE_NAMESPACES; n++) {
        (void)snprintf(value, sizeof value, "ns%u", n);
        rc = tarn_reader_by_index(&c->r, &info, FIXTURE_INDEX_NAMESPACE, tarn_bytes_of(value), &it);
        while (!rc && (rc = tarn_reader_next(&it, &obj)) == 1) {
            rc = 0;
            by_ns++;
        }
    }
    if (!rc)
        rc = tarn_reader_check(&c->r);
    tarn_reader_end(&c->r);
    if (!rc)
        wrong += listed != by_ns || listed != info.objects;
    atomic_fetch_add(&report->snapshots, 1);
    atomic_fetch_add(&report->objects, listed);
    atomic_fetch_add(&report->wrong, rc == TARN_E_EXPIRED ? 0 : wrong + (rc != 0));
    atomic_fetch_add(&report->expired, rc == TARN_E_EXPIRED);
}

static pid_t start_reader(struct world *x, uint32_t *ret_id)
{
    int control;
    pid_t pid;

    *ret_id = attach(x, &control);
    pid = fork();
    if (!pid) {
        struct client c = {0};

        client_open(&c, x, control);
        atomic_fetch_add(&x->report->ready, 1);
        for (;;)
            read_all(&c, x->report);
    }
    (void)close(control);
    return pid;
}

static void stop_reader(struct world *x, pid_t pid, uint32_t id)
{
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    tarn_writer_client_remove(x->f.w, id); /* the agent sees the socket close */
}

/* ---- the writer's side ---------------------------------------------------------------------------------------------- */

static void churn(struct world *x, unsigned ops)
{
    for (unsigned i = 0; i < ops; i++) {
        unsigned k = (unsigned)(fixture_rand(&x->seed) >> 9) % KEYS;

        if (fixture_rand(&x->seed) % 6 == 0)
            (void)fixture_delete(&x->f, k);
        else
            (void)fixture_put(&x->f, &(struct fixture_object){.k = k, .v = ++x->version, .app = k % 5, .tags = x->version % 16, .pad = x->version % 900});
        if (i % 7 == 0)
            (void)!tarn_writer_commit(x->f.w, NULL);
        if (i % 20 == 0) {
            x->f.rt.now_ms += 11;
            (void)tarn_writer_collect(x->f.w);
        }
    }
    (void)!tarn_writer_commit(x->f.w, NULL);
}

static struct tarn_writer_stats stats(const struct world *x)
{
    struct tarn_writer_stats s;

    tarn_writer_stats(x->f.w, &s);
    return s;
}

static void several_readers_agree_with_themselves_under_churn(void)
{
    unsigned rounds = getenv("TEST_LONG") ? 2000 : 40;
    struct world x;
    pid_t pid[READERS_MAX];
    uint32_t id[READERS_MAX];

    world_open(&x, 16u << 20);
    churn(&x, 500);
    for (int i = 0; i < READERS_MAX; i++)
        pid[i] = start_reader(&x, &id[i]);
    while (atomic_load(&x.report->ready) < READERS_MAX)
        pause_ms(1);
    for (unsigned round = 0; round < rounds || atomic_load(&x.report->snapshots) < 200; round++) {
        churn(&x, 1000);
        if (round % 5 == 4) { /* one dies at any moment, another comes */
            stop_reader(&x, pid[round % READERS_MAX], id[round % READERS_MAX]);
            pid[round % READERS_MAX] = start_reader(&x, &id[round % READERS_MAX]);
        }
    }
    for (int i = 0; i < READERS_MAX; i++)
        stop_reader(&x, pid[i], id[i]);
    CU_ASSERT_TRUE(atomic_load(&x.report->objects) > 10000);
    CU_ASSERT_EQUAL(atomic_load(&x.report->wrong), 0);
    CU_ASSERT_EQUAL(atomic_load(&x.report->expired), 0); /* memory was never short */
    fixture_settle(&x.f);
    CU_ASSERT_EQUAL(stats(&x).pins, 0);
    CU_ASSERT_TRUE(stats(&x).retired_bytes < 200000);
    world_close(&x);
}

static void a_stopped_reader_expires_and_the_writer_goes_on(void)
{
    struct world x;
    uint32_t id;
    uint64_t refused, commits;
    int control, st;
    pid_t pid;

    world_open(&x, 8u << 20);
    churn(&x, 500);
    id = attach(&x, &control);
    pid = fork();
    if (!pid) {
        const struct tarn_object *obj;
        struct client c = {0};
        char key[64];
        int rc;

        client_open(&c, &x, control);
        tarn_reader_begin(&c.r, &c.v, c.line);
        atomic_store(&x.report->ready, 1);
        (void)raise(SIGSTOP); /* with the pin held */
        rc = tarn_reader_get(&c.r, x.f.id, fixture_key_bytes(key, 1), &obj);
        if (rc != TARN_E_EXPIRED || tarn_reader_check(&c.r) != TARN_E_EXPIRED)
            _exit(1);
        tarn_reader_begin(&c.r, &c.v, c.line); /* and a new snapshot is good at once */
        rc = tarn_reader_get(&c.r, x.f.id, fixture_key_bytes(key, 1), &obj);
        _exit(rc == 0 || rc == TARN_E_NOTFOUND ? 0 : 2);
    }
    CU_ASSERT_EQUAL(waitpid(pid, &st, WUNTRACED), pid);
    CU_ASSERT_TRUE(WIFSTOPPED(st));
    for (int i = 0; i < 400; i++) { /* 3 x the budget and the lease passes */
        churn(&x, 200);
        x.f.rt.now_ms += 200;
        (void)tarn_writer_collect(x.f.w);
    }
    CU_ASSERT_TRUE(stats(&x).revoked_lease >= 1);
    refused = stats(&x).refused_full;
    commits = stats(&x).commits;
    churn(&x, 2000);
    CU_ASSERT_EQUAL(stats(&x).refused_full, refused); /* memory is there again */
    CU_ASSERT_TRUE(stats(&x).commits > commits);
    (void)kill(pid, SIGCONT);
    CU_ASSERT_EQUAL(waitpid(pid, &st, 0), pid);
    CU_ASSERT_TRUE(WIFEXITED(st) && WEXITSTATUS(st) == 0);
    tarn_writer_client_remove(x.f.w, id);
    (void)close(control);
    world_close(&x);
}

/* Garbage, holes and attempts to write, from a process that has what every client has. */
static void a_rogue_client_cannot_touch_the_others(void)
{
    struct world x;
    pid_t reader, rogue;
    uint32_t id, rogue_id;
    int control, st;

    world_open(&x, 16u << 20);
    churn(&x, 500);
    reader = start_reader(&x, &id);
    rogue_id = attach(&x, &control);
    rogue = fork();
    if (!rogue) {
        uint64_t *words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, control, 0), seed = 5;
        void *region = mmap(NULL, 4u << 20, PROT_READ, MAP_SHARED, tarn_writer_fd(x.f.w), 0);

        if (words == MAP_FAILED || region == MAP_FAILED)
            _exit(1);
        if (!mprotect(region, 4096, PROT_READ | PROT_WRITE) || !ftruncate(tarn_writer_fd(x.f.w), 0) || !ftruncate(control, 0))
            _exit(2);
        for (;;) {
            for (int i = 0; i < 512; i++)
                ((volatile uint64_t *)words)[i] = fixture_rand(&seed) >> fixture_rand(&seed) % 64;
            (void)fallocate(control, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096);
        }
    }
    while (!atomic_load(&x.report->ready))
        pause_ms(1);
    for (int i = 0; i < 30 || atomic_load(&x.report->snapshots) < 50; i++)
        churn(&x, 500);
    CU_ASSERT_EQUAL(waitpid(rogue, &st, WNOHANG), 0); /* nothing it tried was possible */
    stop_reader(&x, rogue, rogue_id);
    stop_reader(&x, reader, id);
    CU_ASSERT_EQUAL(atomic_load(&x.report->wrong), 0);
    CU_ASSERT_EQUAL(stats(&x).refused_full, 0);
    (void)close(control);
    world_close(&x);
}

/* A writer killed at any moment leaves its last commit, whole, to whoever has the region mapped. */
static void a_killed_writer_leaves_its_last_commit(void)
{
    for (unsigned round = 0; round < 12; round++) {
        struct world x;
        struct tarn_check_report report;
        struct tarn_error err = {0};
        struct tarn_region_view v;
        struct tarn_reader r;
        uint64_t before;
        pid_t pid;

        world_open(&x, 8u << 20);
        CU_ASSERT_EQUAL_FATAL(tarn_region_view_map(tarn_writer_fd(x.f.w), &v, &err), 0);
        before = tarn_region_view_commit(&v);
        pid = fork();
        if (!pid)
            for (x.seed += round;;)
                churn(&x, 100);
        while (tarn_region_view_commit(&v) < before + 20 + round * 13)
            pause_ms(1);
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        tarn_reader_begin(&r, &v, NULL);
        CU_ASSERT_EQUAL(tarn_check_region(&r, false, &report, &err), 0);
        if (err.code)
            fprintf(stderr, "%s\n", err.message);
        CU_ASSERT_TRUE(report.objects > 0);
        tarn_region_view_unmap(&v);
        world_close(&x);
    }
}

TARN_TEST_MAIN("processes", TARN_TEST(several_readers_agree_with_themselves_under_churn), TARN_TEST(a_stopped_reader_expires_and_the_writer_goes_on),
               TARN_TEST(a_rogue_client_cannot_touch_the_others), TARN_TEST(a_killed_writer_leaves_its_last_commit))
