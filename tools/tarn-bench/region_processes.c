/* region_processes.c - reader processes: how throughput grows with their number, and how soon a sleeping one reads a new commit. */
#include "region.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <tarn/reader.h>
#include <tarn/region_store.h>
#include <tarn/writer.h>

#include "bench.h"

#define RUN_MS 250u
#define ROUNDS 3u
#define WAKES 2000u

/* Between parent and children. */
struct shared {
    _Atomic unsigned ready;
    _Atomic bool go, stop;
    _Atomic uint64_t gets[REGION_READERS_MAX];
    uint64_t wakes[WAKES];
    _Atomic unsigned nwakes;
};

static volatile uint64_t sink;

static struct shared *shared_new(void)
{
    struct shared *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return s == MAP_FAILED ? NULL : s;
}

/* ---- throughput ------------------------------------------------------------------------------------------ */

static void reader(const struct region_case *c, struct region_peer *p, struct shared *s, unsigned me)
{
    uint64_t seed = 1000 + me, n = 0;
    char key[64][40];
    int bad = p->enter ? p->enter(p->ctx, me) : 0;

    atomic_fetch_add(&s->ready, 1);
    while (!atomic_load(&s->go) && !bad)
        bench_pause_ms(1);
    while (!bad && !atomic_load_explicit(&s->stop, memory_order_relaxed)) {
        for (unsigned i = 0; i < 64; i++)
            region_key(key[i], bench_random(&seed) % c->n);
        for (unsigned i = 0; i < 64; i++) {
            const unsigned char *v = NULL;
            size_t len = 0;

            if (p->get(p->ctx, key[i], &v, &len) || !len)
                bad = 1;
            else
                sink += v[0];
        }
        n += 64;
    }
    atomic_store(&s->gets[me], bad ? 0 : n);
    if (p->leave)
        p->leave(p->ctx);
    _exit(bad);
}

/* Gets a second of n processes together; 0 if one of them failed. */
static double together(const struct region_case *c, struct region_peer *p, unsigned n)
{
    struct shared *s = shared_new();
    pid_t pid[REGION_READERS_MAX];
    uint64_t begin, sum = 0;
    bool bad = !s;

    for (unsigned i = 0; s && i < n; i++) {
        pid[i] = fork();
        if (!pid[i])
            reader(c, p, s, i);
    }
    while (s && atomic_load(&s->ready) < n)
        bench_pause_ms(1);
    begin = bench_now_ns();
    if (s)
        atomic_store(&s->go, true);
    bench_pause_ms(RUN_MS);
    if (s)
        atomic_store(&s->stop, true);
    begin = bench_now_ns() - begin;
    for (unsigned i = 0; s && i < n; i++) {
        (void)waitpid(pid[i], NULL, 0);
        sum += atomic_load(&s->gets[i]);
        bad |= !atomic_load(&s->gets[i]);
    }
    if (s)
        (void)munmap(s, sizeof *s);
    return bad ? 0 : (double)sum * 1e9 / (double)begin;
}

int region_measure_processes(const struct region_case *c, struct region_peer *peers, unsigned npeers, const char *when)
{
    unsigned cores = (unsigned)sysconf(_SC_NPROCESSORS_ONLN), most = cores < 2 ? 2 : cores > REGION_READERS_MAX ? REGION_READERS_MAX : cores;
    static double best[REGION_PEERS_MAX][REGION_READERS_MAX + 1];
    char what[48];
    int bad = 0;

    memset(best, 0, sizeof best);
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned p = 0; p < npeers; p++)
            for (unsigned n = 1; n <= most; n *= 2) {
                double rate = together(c, &peers[p], n);

                best[p][n] = rate > best[p][n] ? rate : best[p][n];
            }
    for (unsigned p = 0; p < npeers; p++)
        for (unsigned n = 1; n <= most; n *= 2) {
            bad += best[p][n] == 0;
            (void)snprintf(what, sizeof what, "gets of %u process%s%s", n, n > 1 ? "es" : "", when);
            bench_report(c->part, peers[p].name, what, c->n, best[p][n], "/s");
        }
    if (cores > 1 && !*when)
        bench_ratio_between(c->part, "tarn", "gets of 2 processes", c->n, c->part, "tarn", "gets of 1 process", c->n >= 100000 ? 1.9 : 0);
    return bad;
}

/* ---- waking ------------------------------------------------------------------------------------------------- */

/* Sleep until the doorbell, then tell how old the commit is. */
static void sleeper(int region_fd, struct tarn_pin_page *page, int socket, struct shared *s)
{
    struct tarn_region_view view;
    struct pollfd p = {.fd = socket, .events = POLLIN};
    char byte;

    if (tarn_region_view_map(region_fd, &view, NULL))
        _exit(1);
    while (!atomic_load(&s->stop)) {
        struct tarn_region_facts facts;
        unsigned n = atomic_load(&s->nwakes);

        (void)tarn_pin_arm(page, &((const struct tarn_region_header *)(const void *)view.base)->commit_seq);
        atomic_store(&s->go, true); /* asleep in a moment */
        if (poll(&p, 1, 100) <= 0 || recv(socket, &byte, 1, 0) != 1)
            continue;
        tarn_region_view_facts(&view, &facts);
        if (n < WAKES)
            s->wakes[n] = bench_now_ns() - facts.commit_ns;
        atomic_store(&s->nwakes, n + 1);
    }
    _exit(0);
}

/* Commits, each when the reader sleeps, until it was woken WAKES times. */
static int ring(struct tarn_writer *w, struct tarn_store *store, const struct region_case *c, struct shared *s)
{
    uint64_t end = bench_now_ns() + 20000000000ull;
    int bad = 0;

    for (unsigned i = 0; i < WAKES && !bad && bench_now_ns() < end; i++) {
        const struct tarn_object *obj = region_object(c, i % c->n, i);
        unsigned before = atomic_load(&s->nwakes);
        const struct timespec pause = {.tv_nsec = 200000}, soon = {.tv_nsec = 20000};

        while (!atomic_load(&s->go) && bench_now_ns() < end)
            (void)nanosleep(&soon, NULL);
        atomic_store(&s->go, false);
        (void)nanosleep(&pause, NULL);
        bad = tarn_store_add(store, obj, NULL) || tarn_writer_commit(w, NULL);
        (void)tarn_writer_collect(w);
        tarn_object_unref(obj);
        while (!bad && atomic_load(&s->nwakes) == before && bench_now_ns() < end)
            (void)nanosleep(&soon, NULL);
    }
    return bad;
}

/* A writer, its store, and a client page whose doorbell is pair[0]. */
static int wake_open(struct tarn_writer **w, struct tarn_store **store, struct tarn_pin_page **mine, int *page_fd, int pair[2])
{
    uint16_t number;
    uint32_t id;

    return tarn_writer_new(&(struct tarn_writer_options){.budget_bytes = 256u << 20}, w, NULL) ||
           tarn_writer_add_resource(*w, &(struct tarn_writer_resource){.name = "pods", .namespaced = true}, &number, NULL) ||
           tarn_region_store_new(*w, number, store, NULL) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) ||
           tarn_pin_page_new(0, mine, page_fd, NULL) || tarn_writer_client_add(*w, *mine, pair[0], &id) || tarn_writer_commit(*w, NULL);
}

int region_measure_wake(void)
{
    const struct region_case c = {.part = "region", .n = 1000, .object_bytes = 1000};
    struct shared *s = shared_new();
    struct tarn_pin_page *page, *mine;
    struct tarn_store *store = NULL;
    struct tarn_writer *w = NULL;
    int pair[2], page_fd, bad = !s || wake_open(&w, &store, &page, &page_fd, pair);
    pid_t pid = bad ? 0 : fork();

    if (bad)
        return 1;
    if (!pid)
        _exit(tarn_pin_page_map(page_fd, TARN_CONTROL_BYTES_DEFAULT, &mine, NULL) ? 1 : (sleeper(tarn_writer_fd(w), mine, pair[1], s), 0));
    bad = ring(w, store, &c, s);
    atomic_store(&s->stop, true);
    (void)waitpid(pid, NULL, 0);
    bad += atomic_load(&s->nwakes) < WAKES / 2;
    if (!bad) {
        unsigned n = atomic_load(&s->nwakes);

        bench_report_percentiles("region", "tarn", "commit to woken reader", 1, s->wakes, n < WAKES ? n : WAKES, 1e-3, "us");
        bench_limit("region", "tarn", "commit to woken reader p50", 1, 30);
    }
    tarn_store_free(store);
    tarn_writer_free(w);
    (void)munmap(s, sizeof *s);
    return bad;
}
