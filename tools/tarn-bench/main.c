/* tarn-bench - how fast tarn is, beside its peers, in one run.
 *
 *     tarn-bench [--quick] [--floors] [--json FILE] [--anchors DIR] [PART...]
 *
 * One table of parts; a part reports figures through bench.h.
 */
#include "bench.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(const struct bench_options *o);
    const char *help;
} parts[] = {
    {"ingest", bench_ingest, "JSON to objects, beside simdjson; reading fields"},
    {"json", bench_json, "objects to JSON, as the read API's answers are written"},
    {"core", bench_core, "the stores and queues, beside client-go where Go is there"},
    {"region", bench_region, "the shared memory, beside LMDB, Redis, memcached and locked tables"},
    {"agent", bench_agent, "tarnd beside tarn-apisim: LIST, WATCH, memory, attach, freshness"},
    {"tls", bench_tls, "tarnd over TLS beside a server of pre-encoded pods: LIST, WATCH, 100 streams"},
    {"informers", bench_informers, "client-go's informers: decoding, get, memory, attach (tests/interop/informerbench)"},
    {"fleet", bench_fleet, "N consumers on tarn, beside N informers of client-go: memory, server's cost"},
    {"restart", bench_restart, "checkpoints saved and restored, a kept region taken over"},
    {"api", bench_api, "the read API: LIST beside kube-apiserver (tests/interop/apiserver), 500 watchers"},
    {"floors", bench_floors, "what the machine allows: latency of memory, copying, a walk of MessagePack"},
};
#define PARTS (sizeof parts / sizeof *parts)

/* One part, and how long it took. */
static int run_part(size_t i, const struct bench_options *o)
{
    uint64_t begin = bench_now_ns();
    int bad = parts[i].run(o);

    bench_report("run", parts[i].name, "time", 1, (double)(bench_now_ns() - begin) / 1e9, "s");
    return bad;
}

static int usage(FILE *to, int code)
{
    fprintf(to, "usage: tarn-bench [--quick] [--floors] [--json FILE] [--anchors DIR] [PART...]\n"
                "  --quick        fewer sizes and repetitions\n"
                "  --floors       exit 3 if a ratio is below its floor\n"
                "  --json FILE    write the figures as JSON too\n"
                "  --anchors DIR  run external programs found there beside ours\nparts (default: all):\n");
    for (size_t i = 0; i < PARTS; i++)
        fprintf(to, "  %-8s %s\n", parts[i].name, parts[i].help);
    fputs("Exit codes: 0 done; 1 a part failed or FILE cannot be written; 2 usage; 3 below a floor (--floors).\n", to);
    return code;
}

static bool chosen(const char *name, int argc, char **argv, int first)
{
    for (int i = first; i < argc; i++)
        if (!strcmp(argv[i], name))
            return true;
    return first == argc;
}

static bool known(const char *name)
{
    for (size_t i = 0; i < PARTS; i++)
        if (!strcmp(parts[i].name, name))
            return true;
    return false;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {{"quick", no_argument, NULL, 'q'},
                                          {"floors", no_argument, NULL, 'f'},
                                          {"json", required_argument, NULL, 'j'},
                                          {"anchors", required_argument, NULL, 'a'},
                                          {"help", no_argument, NULL, 'h'},
                                          {0}};
    struct bench_options o = {0};
    const char *json = NULL;
    bool floors = false;
    unsigned missed;
    int c, bad = 0;

    if (argc == 3 && !strcmp(argv[1], BENCH_CONSUMER)) /* one of our own, see fleet.c */
        return bench_consumer(argv[2]);
    while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        switch (c) {
        case 'q': o.quick = true; break;
        case 'f': floors = true; break;
        case 'j': json = optarg; break;
        case 'a': o.anchors = optarg; break;
        case 'h': return usage(stdout, 0);
        default: return usage(stderr, 2);
        }
    }
    for (int i = optind; i < argc; i++)
        if (!known(argv[i])) {
            fprintf(stderr, "tarn-bench: no part is called '%s'\n", argv[i]);
            return usage(stderr, 2);
        }
    if (json && !bench_can_write(json))
        return 1;
    for (size_t i = 0; i < PARTS; i++)
        if (chosen(parts[i].name, argc, argv, optind))
            bad += run_part(i, &o);
    if (json)
        bad += bench_write_json(json);
    missed = bench_figures_end();
    return bad ? 1 : floors && missed ? 3 : 0;
}
