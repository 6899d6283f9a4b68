/* json.c - objects to JSON, which is what a LIST through the read API costs, beside a copy of the same bytes.
 *
 * The pods are recorded from a real API server; each round writes all of them into one buffer that has the room. Thread CPU time, the
 * median of the rounds, the first dropped.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/transcode.h>

#define PART "json"
#define ROUNDS_MAX 101

struct objects {
    const struct tarn_object **v;
    size_t n, cap;
};

static int collect(void *ctx, struct tarn_bytes type, const struct tarn_object *obj)
{
    struct objects *all = ctx;

    (void)type;
    if (all->n == all->cap)
        return 0;
    all->v[all->n] = tarn_object_ref(obj);
    return all->v[all->n++] ? 0 : TARN_E_NOMEM;
}

static int feed_file(struct tarn_transcoder *t, const char *path)
{
    char piece[65536];
    FILE *f = fopen(path, "rb");
    int err = f ? 0 : TARN_E_IO;
    size_t n;

    while (!err && (n = fread(piece, 1, sizeof piece, f)) > 0)
        err = tarn_transcoder_feed(t, piece, n, NULL);
    if (f)
        (void)fclose(f);
    return err;
}

static int load(const char *file, bool managed_fields, struct objects *ret)
{
    static const char *const drop[] = {"metadata.managedFields"};
    struct tarn_transcode_options options = {.mode = TARN_TRANSCODE_LIST, .projection = {.drop = drop, .ndrop = managed_fields ? 0 : 1}};
    struct tarn_transcode_sink sink = {.on_object = collect, .ctx = ret};
    struct tarn_transcoder *t = NULL;
    char path[512];
    int err = tarn_transcoder_new(&options, &sink, &t, NULL);

    (void)snprintf(path, sizeof path, "%s/%s", TARN_TEST_DATA, file);
    if (!err)
        err = feed_file(t, path);
    tarn_transcoder_free(t);
    return err;
}

static int write_all(const struct objects *all, struct tarn_buf *out)
{
    int err = 0;

    tarn_buf_clear(out);
    for (size_t i = 0; !err && i < all->n; i++)
        err = tarn_object_to_json(all->v[i], out);
    return err;
}

static int measure(const char *what, const struct objects *all, int rounds, int times)
{
    uint64_t ns[ROUNDS_MAX], copy_ns[ROUNDS_MAX];
    struct tarn_buf out = {0}, copy = {0};
    int err = write_all(all, &out);

    if (!err)
        err = tarn_buf_reserve(&copy, out.len);
    for (int r = 0; !err && r < rounds; r++) {
        uint64_t before = bench_cpu_ns();

        for (int i = 0; !err && i < times; i++)
            err = write_all(all, &out);
        ns[r] = bench_cpu_ns() - before;
        before = bench_cpu_ns();
        for (int i = 0; i < times; i++) {
            memcpy(copy.data, out.data, out.len);
            __asm__ volatile("" ::"r"(copy.data) : "memory");
        }
        copy_ns[r] = bench_cpu_ns() - before;
    }
    if (!err) {
        bench_report(PART, "tarn", what, out.len, (double)out.len * times / (double)bench_percentile(ns, (size_t)rounds, 0.5) * 1e3, "MB/s");
        bench_report(PART, "memcpy", what, out.len, (double)out.len * times / (double)bench_percentile(copy_ns, (size_t)rounds, 0.5) * 1e3, "MB/s");
    }
    tarn_buf_release(&out);
    tarn_buf_release(&copy);
    return err;
}

int bench_json(const struct bench_options *o)
{
    static const struct {
        const char *what, *file;
        bool managed_fields;
    } rows[] = {
        {"pods", "protocol/pods.json", true},
        {"pods without managedFields", "protocol/pods.json", false},
        {"nodes", "protocol/nodes.json", true},
        {"endpointslices", "protocol/endpointslices.json", true},
    };
    int err = 0;

    for (size_t i = 0; !err && i < sizeof rows / sizeof *rows; i++) {
        struct objects all = {.cap = 1000, .v = calloc(1000, sizeof *all.v)};

        err = all.v ? load(rows[i].file, rows[i].managed_fields, &all) : TARN_E_NOMEM;
        if (!err)
            err = measure(rows[i].what, &all, o->quick ? 7 : 31, 20);
        while (all.n)
            tarn_object_unref(all.v[--all.n]);
        free(all.v);
    }
    if (err)
        bench_note("json: cannot run: %s (data in %s)", tarn_strerror(err), TARN_TEST_DATA);
    return err ? 1 : 0;
}
