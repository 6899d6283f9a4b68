/* tls.c - the agent over TLS, beside a server that is faster than it is (tarn-pages): LIST, WATCH, 100 streams at once.
 *
 * CPU is that of the agent's busiest thread, the ingest loop; the server has the other core. Rates are bytes of JSON, or events, per second of that
 * CPU. A loop turn is told by the clock, in which other programs of the machine are, and by its CPU.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"
#include "pair.h"

#define PART "tls"
#define STREAMS_MAX 100
#define WATCH_MS 4000

struct run {
    struct pair pair;
    unsigned streams;
    bool plain;
    char budget[24];
};

static int make_certificate(const struct pair *p)
{
    char command[4 * PATH_BYTES];

    (void)snprintf(command, sizeof command,
                   "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout '%s/key' -out '%s/cert' -subj /CN=bench "
                   "-addext subjectAltName=IP:127.0.0.1 >'%s/openssl' 2>&1",
                   p->dir, p->dir, p->dir);
    return system(command) ? -1 : 0;
}

static int start_server(struct run *r, uint64_t objects, bool events)
{
    struct pair *p = &r->pair;
    char port_file[PATH_BYTES], cert[PATH_BYTES], key[PATH_BYTES], objects_text[24], streams[24];
    char *argv[16] = {"tarn-pages", "--pods", TARN_TEST_DATA "/protocol/pods.json", "--port-file", port_file, "--objects", objects_text, "--resources", streams};
    int n = 9;

    (void)snprintf(port_file, sizeof port_file, "%s/port", p->dir);
    (void)snprintf(cert, sizeof cert, "%s/cert", p->dir);
    (void)snprintf(key, sizeof key, "%s/key", p->dir);
    (void)snprintf(objects_text, sizeof objects_text, "%llu", (unsigned long long)objects);
    (void)snprintf(streams, sizeof streams, "%u", r->streams);
    if (events)
        argv[n++] = "--events";
    if (!r->plain) {
        argv[n++] = "--tls-cert";
        argv[n++] = cert;
        argv[n++] = "--tls-key";
        argv[n++] = key;
    }
    p->server = pair_start_program(p, "tarn-pages", argv);
    return pair_read_url(p, r->plain ? "http" : "https");
}

/* No streaming lists: pages are what is measured. Names with a version ask for one document only. */
static int start_agent(struct run *r)
{
    struct pair *p = &r->pair;
    static char names[STREAMS_MAX][24];
    char ca[PATH_BYTES];
    char *argv[16 + 2 * STREAMS_MAX] = {"tarnd", "--server", p->url, "--socket", p->socket, "--runtime-dir", p->dir, "--streaming-lists=false", "--budget", r->budget};
    int n = 10;

    (void)snprintf(ca, sizeof ca, "%s/cert", p->dir);
    if (!r->plain) {
        argv[n++] = "--ca-file";
        argv[n++] = ca;
    }
    for (unsigned i = 0; i < r->streams; i++) {
        (void)snprintf(names[i], sizeof names[i], i ? "pods%u.v1" : "pods.v1", i);
        argv[n++] = "--resource";
        argv[n++] = names[i];
    }
    p->agent = pair_start_program(p, "tarnd", argv);
    return p->agent > 0 ? 0 : -1;
}

static int run_start(struct run *r, uint64_t objects, unsigned streams, bool plain, bool events)
{
    struct pair *p = &r->pair;

    *r = (struct run){.streams = streams, .plain = plain, .pair = {.dir = "/tmp/tarn-bench-XXXXXX"}};
    (void)snprintf(r->budget, sizeof r->budget, "%lluMiB", 1024 + (unsigned long long)objects / 100); /* 10 KB a pod */
    if (pair_find_programs(p) || !mkdtemp(p->dir))
        return -1;
    (void)snprintf(p->socket, sizeof p->socket, "%s/sock", p->dir);
    if (!plain && make_certificate(p)) {
        bench_note("tls: openssl makes no certificate");
        return -1;
    }
    return start_server(r, objects, events) || start_agent(r) ? -1 : 0;
}

static int wait_all_synced(struct run *r)
{
    char path[40];

    for (unsigned i = 0, tries = 0; i < r->streams; tries++) {
        (void)snprintf(path, sizeof path, "resources[%u].synced", i);
        if (pair_status(&r->pair, path) == 1)
            i++;
        else if (tries > 30000 || kill(r->pair.agent, 0))
            return -1;
        else
            bench_pause_ms(10);
    }
    return 0;
}

static int measure_list(uint64_t n, bool plain)
{
    struct run r;
    const char *who = plain ? "tarnd, plain" : "tarnd";
    uint64_t begin = bench_now_ns();
    int bad = run_start(&r, n, 1, plain, false) || wait_all_synced(&r);

    if (!bad) {
        double s = (double)(bench_now_ns() - begin) / 1e9, cpu = pair_cpu_of_busiest(r.pair.agent);

        bench_report(PART, who, "LIST, JSON", n, (double)pair_status(&r.pair, "agent.agent.bytes_received") / cpu / 1e6, "MB/s");
        bench_report(PART, who, "LIST, objects", n, (double)n / cpu, "objects/s");
        bench_report(PART, who, "start of all to synced", n, s, "s");
        bench_report(PART, who, "LIST, longest loop turn, of CPU", n, (double)pair_status(&r.pair, "agent.agent.longest_turn_cpu_us") / 1000, "ms");
        bad = pair_measure_attach(&r.pair, PART, n);
    }
    pair_stop(&r.pair);
    return bad != 0;
}

static int measure_watch(unsigned streams)
{
    struct run r;
    int bad = run_start(&r, 500, streams, false, true) || wait_all_synced(&r);

    if (!bad) {
        double cpu = pair_cpu_of_busiest(r.pair.agent);
        int64_t bytes = pair_status(&r.pair, "agent.agent.bytes_received"), events = pair_status(&r.pair, "agent.resources[0].events");

        bench_pause_ms(WATCH_MS);
        events = pair_status(&r.pair, "agent.resources[0].events") - events;
        bytes = pair_status(&r.pair, "agent.agent.bytes_received") - bytes;
        cpu = pair_cpu_of_busiest(r.pair.agent) - cpu;
        bench_report(PART, "tarnd", "WATCH, JSON", streams, (double)bytes / cpu / 1e6, "MB/s");
        if (streams == 1)
            bench_report(PART, "tarnd", "WATCH, events", streams, (double)events / cpu, "events/s");
        bench_report(PART, "tarnd", "longest loop turn", streams, (double)pair_status(&r.pair, "agent.agent.longest_turn_us") / 1000, "ms");
        bench_report(PART, "tarnd", "longest loop turn, of CPU", streams, (double)pair_status(&r.pair, "agent.agent.longest_turn_cpu_us") / 1000, "ms");
    }
    pair_stop(&r.pair);
    return bad != 0;
}

int bench_tls(const struct bench_options *o)
{
    uint64_t n = o->quick ? 20000 : 100000;
    int bad = measure_list(n, true);

    if (!o->quick)
        bad += measure_list(1000000, true); /* 9 GB of JSON: what a region of a million costs its readers */
    if (system("command -v openssl >/dev/null")) {
        bench_note("tls: SKIPPED TLS: openssl is not here, which makes the certificate");
        return bad;
    }
    bad += measure_list(n, false) + measure_watch(1) + measure_watch(STREAMS_MAX);
    bench_limit(PART, "tarnd", "LIST, JSON", n, 350);
    bench_limit(PART, "tarnd", "WATCH, events", 1, 25000);
    bench_limit(PART, "tarnd", "longest loop turn, of CPU", STREAMS_MAX, 50);
    return bad;
}
