/* agent.c - the agent as a whole: tarn-apisim serves, tarnd mirrors, both as they are installed.
 *
 * What counts is the agent's CPU time: on a small machine the server takes the other core. Figures: a LIST from its bytes
 * to indexed objects in the region, the memory beside the region, what a new process waits until it reads, and the CPU of a stream of
 * watch events.
 */
#include "bench.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <tarn/tarn.h>

#include "pair.h"

#define GETS 20000u

/* A get as a program writes it, by the library and the names, over keys in random order: the mean of the best of some loops. */
static int loop_gets(struct tarn_snapshot *s, uint64_t n)
{
    const struct tarn_object *obj, **objs = calloc(n, sizeof *objs);
    uint64_t seed = 11, best = UINT64_MAX, all = 0;
    struct tarn_iter it;
    int bad = !objs || tarn_list(s, "pods", NULL, &it, NULL);

    while (!bad && all < n && (obj = tarn_iter_next(&it)))
        objs[all++] = obj;
    for (unsigned pass = 0; !bad && pass < 10; pass++) {
        uint64_t begin = bench_now_ns(), took;

        for (unsigned i = 0; !bad && i < GETS; i++)
            bad = all != n || tarn_get(s, "pods", tarn_object_key(objs[bench_random(&seed) % n]).data, &obj);
        took = bench_now_ns() - begin;
        best = took < best ? took : best;
    }
    if (!bad)
        bench_report("agent", "tarn", "tarn_get of a listed key", n, (double)best / GETS, "ns");
    free(objs);
    return bad;
}

static int measure_gets(const struct pair *p, uint64_t n)
{
    struct tarn_snapshot *s;
    struct tarn_client *c;
    int bad;

    if (tarn_client_open(&(struct tarn_client_options){.socket = p->socket}, &c, NULL))
        return 1;
    bad = tarn_snapshot_open(c, &s, NULL);
    if (!bad)
        bad = loop_gets(s, n) | tarn_snapshot_close(s);
    tarn_client_close(c);
    return bad != 0;
}

/* The agent ends and starts again: until a process can read the last state, and until the watch goes on. */
static int measure_restart(struct pair *p, uint64_t n)
{
    int64_t sent = pair_server(p, "/sim/stats", NULL, "sentBytes");
    uint64_t begin, read_ns = 0, unused;

    pair_stop_agent(p);
    begin = bench_now_ns();
    if (pair_mirror(p))
        return 1;
    while (bench_now_ns() - begin < 60000000000ull && (!read_ns || pair_status(p, "resources[0].live") != 1)) {
        if (!read_ns && !pair_attach_once(p, &unused))
            read_ns = bench_now_ns() - begin;
        bench_pause_ms(1);
    }
    if (!read_ns)
        return 1;
    bench_report("agent", "tarnd", "restart to readable", n, (double)read_ns / 1e6, "ms");
    bench_report("agent", "tarnd", "restart to live", n, (double)(bench_now_ns() - begin) / 1e6, "ms");
    bench_report("agent", "tarnd", "bytes from the server at a restart", n, (double)(pair_server(p, "/sim/stats", NULL, "sentBytes") - sent) / 1e6, "MB");
    return 0;
}

static int measure_list(uint64_t n)
{
    uint64_t started;
    char generate[64];
    struct pair p;
    double mb = 0;
    int bad;

    (void)snprintf(generate, sizeof generate, "pods=%llu,nodes=500", (unsigned long long)n);
    bad = pair_start(&p, generate, "0", true);
    started = bench_now_ns();
    for (unsigned tries = 0; !bad; tries++) {
        int64_t synced = pair_status(&p, "resources[0].synced");
        double now = synced < 0 ? 0 : pair_private_mb(p.agent); /* once it answers: before, it may still be our fork */

        mb = now > mb ? now : mb;
        if (synced == 1)
            break;
        if (tries > 6000 || kill(p.agent, 0))
            bad = 1;
        bench_pause_ms(20);
    }
    if (!bad) {
        double cpu = pair_cpu_of(p.agent), ms = (double)(bench_now_ns() - started) / 1e6;
        int64_t bytes = pair_status(&p, "agent.agent.bytes_received");

        bench_report("agent", "tarnd", "LIST to indexed objects", n, (double)n / cpu, "objects/s");
        bench_report("agent", "tarnd", "LIST to indexed objects, JSON", n, (double)bytes / cpu / 1e6, "MB/s");
        bench_report("agent", "tarnd", "LIST, wall time", n, (double)pair_status(&p, "agent.resources[0].last_list_ms"), "ms");
        bench_report("agent", "tarnd", "cold start to synced", n, ms, "ms");
        bench_report("agent", "tarnd", "memory beside the region, largest", n, mb, "MiB");
        bench_report("agent", "tarnd", "longest loop turn", n, (double)pair_status(&p, "agent.agent.longest_turn_us") / 1000, "ms");
        bench_report("agent", "tarnd", "longest loop turn, of CPU", n, (double)pair_status(&p, "agent.agent.longest_turn_cpu_us") / 1000, "ms");
        bench_limit("agent", "tarnd", "memory beside the region, largest", n, 64);
        if (n >= 100000)
            bench_limit("agent", "tarnd", "LIST to indexed objects", n, 50000);
        bad = pair_measure_attach(&p, "agent", n) + measure_gets(&p, n) + measure_restart(&p, n);
    }
    pair_stop(&p);
    return bad != 0;
}

static int measure_watch(const char *churn)
{
    struct pair p;
    int bad = pair_start(&p, "pods=10000,nodes=500", churn, true);
    int64_t events;
    double cpu;

    bad = bad || pair_wait_synced(&p);
    if (!bad) {
        events = pair_status(&p, "agent.resources[0].events");
        cpu = pair_cpu_of(p.agent);
        bench_pause_ms(4000);
        events = pair_status(&p, "agent.resources[0].events") - events;
        cpu = pair_cpu_of(p.agent) - cpu;
        bench_report("agent", "tarnd", "watch events seen", strtoull(churn, NULL, 10), (double)events / 4, "/s");
        bench_report("agent", "tarnd", "watch events, of agent CPU", strtoull(churn, NULL, 10), (double)events / (cpu > 0 ? cpu : 0.01), "events/s");
        bench_report("agent", "tarnd", "agent CPU for a million events", strtoull(churn, NULL, 10), cpu * 1e6 / (double)(events ? events : 1), "s");
        bench_report("agent", "tarnd", "agent CPU, share of a core", strtoull(churn, NULL, 10), 100 * cpu / 4, "%");
    }
    pair_stop(&p);
    return bad != 0;
}

int bench_agent(const struct bench_options *o)
{
    int bad = measure_list(1000) + measure_list(10000);

    if (!o->quick)
        bad += measure_list(100000);
    bad += measure_watch("1000");
    if (!o->quick)
        bad += measure_watch("10000");
    return bad + bench_freshness(o);
}
