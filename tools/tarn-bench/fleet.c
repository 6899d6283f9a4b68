/* fleet.c - N consumers on one host: on tarn, and as N informers of client-go. What they cost the host and the API server.
 *
 * A consumer on tarn is a process that attached, opened a snapshot and has read every pod once. An informer is
 * tests/interop/informerbench, which tools/bench builds beside tarn-bench; without it only tarn's own side is told. Memory is the
 * sum of PSS (shared pages count once), tarn's with the agent inside. The server's CPU counts from its idle state, first until all
 * are synced, then for a while with changes.
 */
#include "bench.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tarn/tarn.h>

#include "pair.h"

#define PART "fleet"
#define FLEET_MAX 50
#define CHURN_MS 3000u

/* Processes that say a line when they are ready and stay until their input ends. */
struct fleet {
    unsigned n;
    pid_t pid[FLEET_MAX];
    int hold[FLEET_MAX];   /* their input: closed to end them */
    FILE *told[FLEET_MAX]; /* their output */
};

struct cost {
    int64_t requests, sent;
    double cpu;
};

static volatile uint64_t sink;

/* ---- consumers on tarn ------------------------------------------------------------------------------ */

static int read_all(struct tarn_snapshot *s)
{
    const struct tarn_object *obj;
    struct tarn_iter it;
    struct tarn_bytes node;
    int rc = tarn_list(s, "pods", NULL, &it, NULL);

    while (!rc && (obj = tarn_iter_next(&it)))
        if (!tarn_object_get_string(obj, "spec.nodeName", &node))
            sink += node.len;
    return rc ? rc : tarn_iter_error(&it);
}

int bench_consumer(const char *socket)
{
    struct tarn_snapshot *s;
    struct tarn_client *c;
    char byte;
    int rc = tarn_client_open(&(struct tarn_client_options){.socket = socket}, &c, NULL);

    if (!rc)
        rc = tarn_snapshot_open(c, &s, NULL);
    if (!rc)
        rc = read_all(s) || tarn_snapshot_close(s);
    puts(rc ? "failed" : "ready");
    (void)fflush(stdout);
    return read(0, &byte, 1) < 0 || rc;
}

/* ---- a fleet ------------------------------------------------------------------------------------------- */

/* One more, of the program argv[0]. */
static int launch(struct fleet *f, char *const argv[])
{
    int in[2], out[2];
    unsigned i = f->n;

    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
        return -1;
    f->pid[i] = fork();
    if (!f->pid[i]) {
        (void)dup2(in[0], 0);
        (void)dup2(out[1], 1);
        (void)close(in[1]);
        for (unsigned k = 0; k < i; k++)
            (void)close(f->hold[k]);
        (void)execv(argv[0], argv);
        _exit(127);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    f->hold[i] = in[1];
    f->told[i] = fdopen(out[0], "r");
    f->n++;
    return f->pid[i] > 0 ? 0 : -1;
}

/* Until each said its last line (the word `last` is in it). */
static int wait_ready(struct fleet *f, const char *last)
{
    char line[256];
    int bad = 0;

    for (unsigned i = 0; i < f->n; i++) {
        bool ready = false;

        while (!ready && fgets(line, sizeof line, f->told[i]))
            ready = strstr(line, last) != NULL;
        bad += !ready;
    }
    return bad;
}

static void fleet_end(struct fleet *f)
{
    for (unsigned i = 0; i < f->n; i++) {
        (void)close(f->hold[i]);
        (void)fclose(f->told[i]);
        (void)waitpid(f->pid[i], NULL, 0);
    }
    f->n = 0;
}

static double fleet_pss_mb(const struct fleet *f)
{
    double mb = 0;

    for (unsigned i = 0; i < f->n; i++)
        mb += pair_pss_mb(f->pid[i]);
    return mb;
}

/* ---- what it costs ------------------------------------------------------------------------------------- */

static struct cost server_cost(const struct pair *p)
{
    return (struct cost){.requests = pair_server(p, "/sim/stats", NULL, "requests"),
                         .sent = pair_server(p, "/sim/stats", NULL, "sentBytes"),
                         .cpu = pair_cpu_of(p->server)};
}

static void tell(const struct pair *p, const struct fleet *f, const char *who, unsigned n, struct cost before, double agent_mb)
{
    struct cost now = server_cost(p);
    double cpu;

    bench_report(PART, who, "memory of all", n, fleet_pss_mb(f) + agent_mb, "MiB");
    bench_report(PART, who, "requests at the server", n, (double)(now.requests - before.requests), "");
    bench_report(PART, who, "open watches", n, (double)pair_server(p, "/sim/stats", NULL, "openWatches"), "");
    bench_report(PART, who, "bytes sent by the server", n, (double)(now.sent - before.sent) / 1e6, "MB");
    bench_report(PART, who, "server's CPU until synced", n, (now.cpu - before.cpu) * 1e3, "ms");
    (void)pair_server(p, "/sim/churn", "{\"perSecond\":500}", "perSecond");
    cpu = pair_cpu_of(p->server);
    bench_pause_ms(CHURN_MS);
    bench_report(PART, who, "server's CPU at 500 changes/s", n, (pair_cpu_of(p->server) - cpu) * 1e5 / CHURN_MS, "%");
    (void)pair_server(p, "/sim/churn", "{\"perSecond\":0}", "perSecond");
}

static int on_tarn(const char *generate, unsigned n)
{
    struct fleet f = {0};
    char program[PATH_BYTES];
    struct cost before;
    struct pair p;
    int bad = pair_start(&p, generate, "0", false);

    (void)snprintf(program, sizeof program, "%s/tarn-bench", p.bin);
    if (!bad) {
        before = server_cost(&p);
        bad = pair_mirror(&p) || pair_wait_synced(&p);
    }
    for (unsigned i = 0; !bad && i < n; i++)
        bad = launch(&f, (char *[]){program, BENCH_CONSUMER, p.socket, NULL}); /* a new program: none of this one's memory */
    bad = bad || wait_ready(&f, "ready");
    if (!bad)
        tell(&p, &f, "tarn", n, before, pair_pss_mb(p.agent));
    fleet_end(&f);
    pair_stop(&p);
    return bad != 0;
}

/* What more consumers add to a region that is worth sharing. */
static int consumers_of_many(void)
{
    static const unsigned sizes[] = {1, 50};
    const uint64_t pods = 100000;
    double mb[2] = {0};
    int bad = 0;

    for (unsigned i = 0; i < 2 && !bad; i++) {
        struct fleet f = {0};
        char program[PATH_BYTES];
        struct pair p;

        bad = pair_start(&p, "pods=100000,nodes=500", "0", true) || pair_wait_synced(&p);
        (void)snprintf(program, sizeof program, "%s/tarn-bench", p.bin);
        for (unsigned k = 0; !bad && k < sizes[i]; k++)
            bad = launch(&f, (char *[]){program, BENCH_CONSUMER, p.socket, NULL});
        bad = bad || wait_ready(&f, "ready");
        mb[i] = fleet_pss_mb(&f) + pair_pss_mb(p.agent);
        bench_report(PART, "tarn", "memory of all, 100,000 pods", sizes[i], mb[i], "MiB");
        fleet_end(&f);
        pair_stop(&p);
    }
    if (!bad) {
        bench_report(PART, "tarn", "50 consumers over one", pods, 100 * (mb[1] - mb[0]) / mb[0], "%");
        bench_limit(PART, "tarn", "50 consumers over one", pods, 5);
    }
    return bad;
}

static int as_informers(const char *generate, unsigned n)
{
    struct fleet f = {0};
    char program[PATH_BYTES];
    struct cost before;
    struct pair p;
    int bad = pair_start(&p, generate, "0", false);

    (void)snprintf(program, sizeof program, "%s/informerbench", p.bin);
    if (!bad && access(program, X_OK)) {
        bench_note("fleet: SKIPPED client-go's informers: %s is not there (tools/bench builds it where Go is)", program);
        pair_stop(&p);
        return 0;
    }
    before = server_cost(&p);
    for (unsigned i = 0; !bad && i < n; i++)
        bad = launch(&f, (char *[]){program, "informer", "-server", p.url, NULL});
    bad = bad || wait_ready(&f, "resident memory");
    if (!bad)
        tell(&p, &f, "client-go typed", n, before, 0);
    fleet_end(&f);
    pair_stop(&p);
    return bad != 0;
}

int bench_fleet(const struct bench_options *o)
{
    static const unsigned sizes[] = {1, 10, 50};
    const char *generate = o->quick ? "pods=1000,nodes=50" : "pods=2000,nodes=50";
    int bad = 0;

    bench_note("fleet: %s", generate);
    for (size_t i = 0; i < (o->quick ? 2 : sizeof sizes / sizeof *sizes); i++) {
        bad += on_tarn(generate, sizes[i]) + as_informers(generate, sizes[i]);
        bench_ratio(PART, "memory of all", sizes[i], "tarn", "client-go typed", 0);
        bench_ratio(PART, "server's CPU until synced", sizes[i], "tarn", "client-go typed", 0);
    }
    if (!o->quick)
        bad += consumers_of_many();
    if (bad)
        bench_note("fleet: %d fleets did not come up", bad);
    return bad;
}
