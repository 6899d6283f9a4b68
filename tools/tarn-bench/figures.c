/* figures.c - clocks, random numbers, and the one list of what was measured: printed at once, kept for JSON. */
#include "bench.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOTES_MAX 64

struct figure {
    char part[16], who[24], what[48], unit[16];
    uint64_t n;
    double value;
};

/* A target: a's figure against b's (`less` empty), or against a limit. */
struct target {
    char part[16], who[24], what[48], rival[48];
    uint64_t n;
    double seen, asked; /* asked 0: told, not asked for */
    bool limit, missed;
};

static struct figure *figures;
static size_t nfigures, capfigures;
static struct target *targets;
static size_t ntargets, captargets;
static char notes[NOTES_MAX][256];
static size_t nnotes;

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

void bench_pause_ms(unsigned ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    (void)nanosleep(&t, NULL);
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

/* ---- figures --------------------------------------------------------------------------------- */

/* Room for one more element of *array; false: no memory, the row is lost. */
static bool room(void *array, size_t n, size_t *cap, size_t size)
{
    void **p = array, *grown;

    if (n < *cap)
        return true;
    grown = realloc(*p, (*cap ? *cap * 2 : 256) * size);
    if (!grown)
        return false;
    *p = grown;
    *cap = *cap ? *cap * 2 : 256;
    return true;
}

void bench_report(const char *part, const char *who, const char *what, uint64_t n, double value, const char *unit)
{
    struct figure *f;

    printf("%-8s %-15s %-38s %10llu  %14.2f %s\n", part, who, what, (unsigned long long)n, value, unit);
    fflush(stdout); /* a part may fork */
    if (!room(&figures, nfigures, &capfigures, sizeof *figures))
        return;
    f = &figures[nfigures++];
    *f = (struct figure){.n = n, .value = value};
    (void)snprintf(f->part, sizeof f->part, "%s", part);
    (void)snprintf(f->who, sizeof f->who, "%s", who);
    (void)snprintf(f->what, sizeof f->what, "%s", what);
    (void)snprintf(f->unit, sizeof f->unit, "%s", unit);
}

static struct figure *find(const char *part, const char *who, const char *what, uint64_t n)
{
    for (size_t i = nfigures; i-- > 0;)
        if (figures[i].n == n && !strcmp(figures[i].part, part) && !strcmp(figures[i].who, who) &&
            !strcmp(figures[i].what, what))
            return &figures[i];
    return NULL;
}

/* Figures in "/s" are better when more, all others (ns, bytes) when less. */
static bool more_is_better(const struct figure *f)
{
    return strstr(f->unit, "/s") != NULL;
}

void bench_report_best(const char *part, const char *who, const char *what, uint64_t n, double value, const char *unit)
{
    struct figure *f = find(part, who, what, n);

    if (!f)
        bench_report(part, who, what, n, value, unit);
    else if (more_is_better(f) ? value > f->value : value < f->value)
        f->value = value;
}

void bench_report_percentiles(const char *part, const char *who, const char *what, uint64_t n, uint64_t *v, size_t count, double scale,
                              const char *unit)
{
    static const struct {
        double q;
        const char *name;
    } rows[] = {{0.5, "p50"}, {0.99, "p99"}, {0.999, "p99.9"}, {1, "max"}};
    char text[48];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        (void)snprintf(text, sizeof text, "%s %s", what, rows[i].name);
        bench_report(part, who, text, n, (double)bench_percentile(v, count, rows[i].q) * scale, unit);
    }
}

/* How many times as good a is. */
static double times_better(const struct figure *a, const struct figure *b)
{
    bool more = more_is_better(a);
    double above = more ? a->value : b->value, below = more ? b->value : a->value;

    return below > 0 ? above / below : 0;
}

static void target_keep(const struct figure *x, const char *rival, double seen, double asked, bool limit, bool missed)
{
    struct target *t;

    if (!room(&targets, ntargets, &captargets, sizeof *targets))
        return;
    t = &targets[ntargets++];
    *t = (struct target){.n = x->n, .seen = seen, .asked = asked, .limit = limit, .missed = missed};
    memcpy(t->part, x->part, sizeof t->part);
    memcpy(t->who, x->who, sizeof t->who);
    memcpy(t->what, x->what, sizeof t->what);
    (void)snprintf(t->rival, sizeof t->rival, "%s", rival);
}

void bench_ratio_between(const char *part, const char *a, const char *what, uint64_t n, const char *part_b, const char *b, const char *what_b, double floor)
{
    const struct figure *x = find(part, a, what, n), *y = find(part_b, b, what_b, n);
    double ratio;
    bool miss;

    if (!x || !y)
        return;
    ratio = times_better(x, y);
    miss = floor > 0 && ratio < floor;
    printf("%-8s %-15s %-38s %10llu  %14.2f times as good as %s%s%s", part, a, what, (unsigned long long)n, ratio, b,
           strcmp(what, what_b) ? ", " : "", strcmp(what, what_b) ? what_b : "");
    if (floor > 0)
        printf(" (floor %.2f%s)", floor, miss ? ": MISSED" : "");
    putchar('\n');
    fflush(stdout);
    target_keep(x, strcmp(a, b) ? b : what_b, ratio, floor, false, miss);
}

void bench_ratio(const char *part, const char *what, uint64_t n, const char *a, const char *b, double floor)
{
    bench_ratio_between(part, a, what, n, part, b, what, floor);
}

void bench_limit(const char *part, const char *who, const char *what, uint64_t n, double limit)
{
    const struct figure *x = find(part, who, what, n);
    bool more, miss;

    if (!x)
        return;
    more = more_is_better(x);
    miss = more ? x->value < limit : x->value > limit;
    printf("%-8s %-15s %-38s %10llu  asked: %s %g %s%s\n", part, who, what, (unsigned long long)n, more ? ">=" : "<=", limit, x->unit,
           miss ? ": MISSED" : "");
    fflush(stdout);
    target_keep(x, x->unit, x->value, limit, true, miss);
}

void bench_note(const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    puts(text);
    fflush(stdout);
    if (nnotes < NOTES_MAX)
        memcpy(notes[nnotes++], text, sizeof text);
}

/* ---- JSON -------------------------------------------------------------------------------------- */

bool bench_can_write(const char *path)
{
    FILE *f = fopen(path, "a");

    if (!f)
        fprintf(stderr, "tarn-bench: cannot write %s: %s\n", path, strerror(errno));
    return f && fclose(f) == 0;
}

/* A note may hold a compiler's or a server's words. */
static void write_string(FILE *f, const char *s)
{
    fputc('"', f);
    for (; *s; s++)
        fprintf(f, *s == '"' || *s == '\\' ? "\\%c" : (unsigned char)*s < ' ' ? "\\u%04x" : "%c", *s);
    fputc('"', f);
}

static void write_rows(FILE *f)
{
    fprintf(f, "{\"figures\":[");
    for (size_t i = 0; i < nfigures; i++)
        fprintf(f, "%s\n {\"part\":\"%s\",\"who\":\"%s\",\"what\":\"%s\",\"n\":%llu,\"value\":%.4f,\"unit\":\"%s\"}", i ? "," : "",
                figures[i].part, figures[i].who, figures[i].what, (unsigned long long)figures[i].n, figures[i].value, figures[i].unit);
    fprintf(f, "\n],\"targets\":[");
    for (size_t i = 0; i < ntargets; i++)
        fprintf(f, "%s\n {\"part\":\"%s\",\"who\":\"%s\",\"what\":\"%s\",\"n\":%llu,\"%s\":\"%s\",\"seen\":%.4f,\"asked\":%.4f,\"missed\":%s}",
                i ? "," : "", targets[i].part, targets[i].who, targets[i].what, (unsigned long long)targets[i].n,
                targets[i].limit ? "unit" : "rival", targets[i].rival, targets[i].seen, targets[i].asked, targets[i].missed ? "true" : "false");
    fprintf(f, "\n],\"notes\":[");
    for (size_t i = 0; i < nnotes; i++) {
        fputs(i ? ",\n " : "\n ", f);
        write_string(f, notes[i]);
    }
    fprintf(f, "\n]}\n");
}

int bench_write_json(const char *path)
{
    FILE *f = fopen(path, "w");

    if (!f) {
        fprintf(stderr, "tarn-bench: cannot write %s: %s\n", path, strerror(errno));
        return 1;
    }
    write_rows(f);
    return fclose(f) != 0;
}

unsigned bench_figures_end(void)
{
    unsigned missed = 0;

    for (size_t i = 0; i < ntargets; i++)
        missed += targets[i].missed;
    free(figures);
    free(targets);
    return missed;
}
