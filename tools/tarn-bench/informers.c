/* informers.c - what a program has without tarn: client-go's informers, decoders and store, on the same pods and the same server.
 *
 * The Go side is tests/interop/informerbench; tools/bench builds it beside tarn-bench. It prints rows, which are passed on. Without it
 * this part is SKIPPED.
 */
#include "bench.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tarn/tarn.h>
#include <tarn/transcode.h>

#include "pair.h"

#define PART "informers"
#define PODS_FILE TARN_TEST_DATA "/protocol/pods.json"
#define TYPED "client-go typed"
#define UNSTRUCTURED "client-go unstr."
#define PROTOBUF "client-go proto"
#define DECODE "LIST decoded, CPU a pod"

/* Run informerbench and report its rows; 0, or 1 if it failed. */
static int run(const char *program, const char *arguments)
{
    char command[2 * PATH_BYTES], line[256], who[24], what[48], unit[16];
    unsigned long long n;
    double value;
    FILE *out;

    (void)snprintf(command, sizeof command, "'%s' %s </dev/null", program, arguments);
    out = popen(command, "r");
    while (out && fgets(line, sizeof line, out))
        if (sscanf(line, "%23[^\t]\t%47[^\t]\t%llu\t%lf\t%15s", who, what, &n, &value, unit) == 5)
            bench_report(PART, who, what, n, value, unit);
    return !out || pclose(out) != 0;
}

/* ---- decoding -------------------------------------------------------------------------------------- */

static int count(void *ctx, struct tarn_bytes type, const struct tarn_object *obj)
{
    (void)type;
    (void)obj;
    ++*(size_t *)ctx;
    return 0;
}

/* Our way of the same list: JSON bytes to objects, nothing dropped. */
static int decode_ours(uint64_t n)
{
    static char text[4u << 20];
    struct tarn_transcode_options options = {.mode = TARN_TRANSCODE_LIST};
    FILE *f = fopen(PODS_FILE, "r");
    size_t len = f ? fread(text, 1, sizeof text, f) : 0, pods = 0;
    struct tarn_transcode_sink sink = {.on_object = count, .ctx = &pods};
    uint64_t begin = bench_cpu_ns();
    int bad = !len;

    if (f)
        (void)fclose(f);
    while (!bad && pods < n) {
        struct tarn_transcoder *t;

        bad = tarn_transcoder_new(&options, &sink, &t, NULL) || tarn_transcoder_feed(t, text, len, NULL);
        tarn_transcoder_free(t);
    }
    if (!bad)
        bench_report(PART, "tarn", DECODE, n, (double)(bench_cpu_ns() - begin) / (double)pods, "ns");
    return bad;
}

static int measure_decoding(const char *program, uint64_t n)
{
    char arguments[PATH_BYTES];
    int bad = decode_ours(n);

    (void)snprintf(arguments, sizeof arguments, "decode -list '%s' -pods %llu", PODS_FILE, (unsigned long long)n);
    bad += run(program, arguments);
    bench_ratio(PART, DECODE, n, "tarn", TYPED, 25);
    bench_ratio(PART, DECODE, n, "tarn", UNSTRUCTURED, 25);
    bench_ratio(PART, DECODE, n, "tarn", PROTOBUF, 2);
    return bad;
}

/* ---- the store ---------------------------------------------------------------------------------------- */

static int measure_store(const char *program, uint64_t n)
{
    char arguments[PATH_BYTES];
    int bad;

    (void)snprintf(arguments, sizeof arguments, "store -list '%s' -pods %llu", PODS_FILE, (unsigned long long)n);
    bad = run(program, arguments);
    bench_ratio_between("region", "tarn", "get in a row, per object", n, PART, TYPED, "get in a row, per object", n <= 1000 ? 1 : n >= 100000 ? 1.5 : 0);
    bench_ratio_between("region", "tarn", "get p50", n, PART, TYPED, "get p50", 0);
    bench_ratio_between("region", "tarn", "label selector, per object", n, PART, TYPED, "label selector, per object", 0);
    return bad;
}

/* ---- informers ------------------------------------------------------------------------------------------ */

/* What the region holds for a pod. */
static int memory_ours(const struct pair *p, uint64_t n)
{
    struct tarn_client_info info;
    struct tarn_client *c;

    if (tarn_client_open(&(struct tarn_client_options){.socket = p->socket}, &c, NULL))
        return 1;
    if (!tarn_client_info(c, &info))
        bench_report(PART, "tarn", "memory a pod", n, (double)info.live_bytes / (double)n, "bytes");
    tarn_client_close(c);
    return 0;
}

/* From nothing, no agent either, to a process that has read a pod of the whole list. */
static int start_ours(struct pair *p, uint64_t n)
{
    uint64_t begin = bench_now_ns(), unused;
    int bad = pair_mirror(p) || pair_wait_synced(p) || pair_attach_once(p, &unused);

    bench_report(PART, "tarn", "start to synced", n, (double)(bench_now_ns() - begin) / 1e3, "us");
    bench_report(PART, "tarn", "CPU to be synced", n, pair_cpu_of(p->agent) * 1e3, "ms");
    return bad;
}

static int measure_informers(const char *program, uint64_t n)
{
    char generate[64], arguments[PATH_BYTES];
    struct pair p;
    int bad;

    (void)snprintf(generate, sizeof generate, "pods=%llu,nodes=50", (unsigned long long)n);
    bad = pair_start(&p, generate, "0", false) || start_ours(&p, n) || memory_ours(&p, n);
    for (unsigned typed = n <= 10000 ? 0 : 1; !bad && typed < 2; typed++) {
        (void)snprintf(arguments, sizeof arguments, "informer -server %s -kind %s", p.url, typed ? "typed" : "unstructured");
        bad = run(program, arguments);
    }
    pair_stop(&p);
    bench_ratio(PART, "memory a pod", n, "tarn", TYPED, n >= 100000 ? 3 : 0); /* below, the change log of 16 MB is most of it */
    bench_ratio(PART, "memory a pod", n, "tarn", UNSTRUCTURED, n >= 10000 ? 3 : 0);
    bench_ratio_between(PART, "tarn", "start to synced", n, PART, TYPED, "attach", 0);
    bench_ratio_between(PART, "tarn", "CPU to be synced", n, PART, TYPED, "CPU to be synced", 0);
    bench_ratio_between("agent", "tarn", "attach and first read p50", n, PART, TYPED, "attach", 0);
    return bad;
}

int bench_informers(const struct bench_options *o)
{
    struct pair here;
    char program[PATH_BYTES];
    int bad = 0;

    if (pair_find_programs(&here))
        return 1;
    (void)snprintf(program, sizeof program, "%s/informerbench", here.bin);
    if (access(program, X_OK)) {
        bench_note("informers: SKIPPED: %s is not there; tools/bench builds it where Go is", program);
        return 0;
    }
    bad = measure_decoding(program, o->quick ? 1000 : 5000);
    bad += measure_store(program, 1000) + measure_store(program, 10000);
    if (!o->quick)
        bad += measure_store(program, 100000);
    bad += measure_informers(program, 1000);
    if (!o->quick)
        bad += measure_informers(program, 10000) + measure_informers(program, 100000);
    if (bad)
        bench_note("informers: %d runs failed", bad);
    return bad;
}
