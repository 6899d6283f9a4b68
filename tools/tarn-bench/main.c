/* tarn-bench - how fast tarn is, beside its peers, in one run.
 *
 *     tarn-bench [--quick] [--floors] [--json FILE] [--anchors DIR] [PART...]
 *
 * One table of parts; a part reports figures through bench.h.
 */
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
    const char *name;
    int (*run)(const struct bench_options *o);
    const char *help;
} parts[] = {
    {"ingest", bench_ingest, "JSON to objects, beside simdjson; reading fields"},
    {"core", bench_core, "the stores and queues, beside client-go where Go is there"},
    {"region", bench_region, "the shared memory, beside LMDB, Redis and memcached"},
    {"agent", bench_agent, "tarnd beside tarn-apisim: LIST, WATCH, memory"},
};
#define PARTS (sizeof parts / sizeof *parts)

struct figure {
    char part[16], who[24], what[48], unit[16];
    uint64_t n;
    double value;
};
static struct figure *figures;
static size_t nfigures, capfigures;
static int missed;

uint64_t bench_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t bench_cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t bench_random(uint64_t *state)
{
    uint64_t x = *state;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

uint64_t bench_percentile(uint64_t *v, size_t n, double q)
{
    size_t i = (size_t)((double)(n - 1) * q);

    qsort(v, n, sizeof *v, by_value);
    return v[i];
}

void bench_report(const char *part, const char *who, const char *what, uint64_t n, double value, const char *unit)
{
    struct figure *f;

    if (nfigures == capfigures) {
        size_t cap = capfigures ? capfigures * 2 : 256;
        struct figure *grown = realloc(figures, cap * sizeof *figures);

        if (!grown)
            return;
        figures = grown;
        capfigures = cap;
    }
    f = &figures[nfigures++];
    snprintf(f->part, sizeof f->part, "%s", part);
    snprintf(f->who, sizeof f->who, "%s", who);
    snprintf(f->what, sizeof f->what, "%s", what);
    snprintf(f->unit, sizeof f->unit, "%s", unit);
    f->n = n;
    f->value = value;
    printf("%-8s %-14s %-36s %10llu  %14.2f %s\n", part, who, what, (unsigned long long)n, value, unit);
    fflush(stdout);
}

static const struct figure *find(const char *part, const char *who, const char *what, uint64_t n)
{
    for (size_t i = nfigures; i-- > 0;)
        if (figures[i].n == n && !strcmp(figures[i].part, part) && !strcmp(figures[i].who, who) &&
            !strcmp(figures[i].what, what))
            return &figures[i];
    return NULL;
}

/* Figures in "/s" are better when more, all others (ns, bytes) when less: the ratio is how many times better a is. */
static double times_better(const struct figure *a, const struct figure *b)
{
    bool more = strstr(a->unit, "/s") != NULL;
    double above = more ? a->value : b->value, below = more ? b->value : a->value;

    return below > 0 ? above / below : 0;
}

void bench_ratio(const char *part, const char *what, uint64_t n, const char *a, const char *b, double floor)
{
    const struct figure *x = find(part, a, what, n), *y = find(part, b, what, n);
    double ratio;
    bool miss;

    if (!x || !y)
        return;
    ratio = times_better(x, y);
    miss = floor > 0 && ratio < floor;
    missed += miss;
    printf("%-8s %-14s %-36s %10llu  %14.2f times as good as %s", part, a, what, (unsigned long long)n, ratio, b);
    if (floor > 0)
        printf(" (floor %.2f%s)", floor, miss ? ": MISSED" : "");
    putchar('\n');
    fflush(stdout); /* a part may fork */
}

void bench_note(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
}

/* A run takes minutes: that its result cannot be written is told before. */
static bool can_write(const char *path)
{
    FILE *f = fopen(path, "a");

    if (!f)
        fprintf(stderr, "tarn-bench: cannot write %s: %s\n", path, strerror(errno));
    return f && fclose(f) == 0;
}

static int write_json(const char *path)
{
    FILE *f = fopen(path, "w");

    if (!f) {
        fprintf(stderr, "tarn-bench: cannot write %s: %s\n", path, strerror(errno));
        return 1;
    }
    fprintf(f, "[");
    for (size_t i = 0; i < nfigures; i++)
        fprintf(f, "%s\n {\"part\":\"%s\",\"who\":\"%s\",\"what\":\"%s\",\"n\":%llu,\"value\":%.4f,\"unit\":\"%s\"}",
                i ? "," : "", figures[i].part, figures[i].who, figures[i].what, (unsigned long long)figures[i].n,
                figures[i].value, figures[i].unit);
    fprintf(f, "\n]\n");
    return fclose(f) != 0;
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
    int c, bad = 0;

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
    if (json && !can_write(json))
        return 1;
    for (size_t i = 0; i < PARTS; i++)
        if (chosen(parts[i].name, argc, argv, optind))
            bad += parts[i].run(&o);
    if (json)
        bad += write_json(json);
    free(figures);
    return bad ? 1 : floors && missed ? 3 : 0;
}
