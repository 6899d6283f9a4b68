/* region_tarn.c - our own side of the region's benchmark: the peer, and what only it has: indexes, batches, selectors, snapshots, commits. */
#include "region.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tarn/reader.h>
#include <tarn/region_store.h>
#include <tarn/selector.h>
#include <tarn/writer.h>

#include "bench.h"

#define ROUNDS 5u
#define UPDATES 50000u

struct ours {
    const struct region_case *c;
    struct tarn_writer *w;
    struct tarn_store *s;
    uint16_t store;
    struct tarn_region_view view; /* as a client maps it */
    struct tarn_pin_page *page;
    struct tarn_pin_page *clients[REGION_READERS_MAX];
    struct tarn_pin_line *line;
    struct tarn_reader r;
    bool reading;
};

/* Object number i: built from JSON of about that size. */
const struct tarn_object *region_object(const struct region_case *c, uint64_t i, unsigned version)
{
    char json[8192], key[40] = {0};
    const struct tarn_object *obj;
    int n;

    region_key(key, i);
    n = snprintf(json, sizeof json,
                 "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"%.6s\",\"uid\":\"%020llu\",\"resourceVersion\":\"%u\",\"labels\":{\"app\":\"app-%llu\"}},"
                 "\"spec\":{\"nodeName\":\"node-%llu\",\"v\":%u,\"pad\":\"%0*llu\"}}",
                 key + 7, key, (unsigned long long)i, version + 1, (unsigned long long)i % 1000, (unsigned long long)i % 500, version, (int)c->object_bytes - 480, (unsigned long long)i);
    return tarn_object_from_json((struct tarn_bytes){json, (size_t)n}, &obj, NULL) ? NULL : obj;
}

static int ours_get(void *ctx, const char *key, const unsigned char **ret, size_t *ret_len)
{
    struct ours *o = ctx;
    const struct tarn_object *obj;

    if (!o->reading)
        tarn_reader_begin(&o->r, &o->view, o->line);
    o->reading = true;
    if (tarn_reader_get(&o->r, o->store, (struct tarn_bytes){key, REGION_KEY_BYTES}, &obj))
        return -1;
    *ret = (const unsigned char *)obj;
    *ret_len = tarn_object_size(obj);
    return 0;
}

static int ours_put(void *ctx, const char *key, const void *value, size_t len)
{
    struct ours *o = ctx;

    (void)key;
    (void)len;
    return tarn_store_add(o->s, value, NULL);
}

static int ours_commit(void *ctx)
{
    struct ours *o = ctx;
    int rc = tarn_writer_commit(o->w, NULL);

    (void)tarn_writer_collect(o->w);
    return rc;
}

static uint64_t ours_list(void *ctx)
{
    struct ours *o = ctx;
    const struct tarn_object *obj;
    struct tarn_reader_iter it;
    uint64_t n = 0;

    if (tarn_reader_list(&o->r, o->store, &it))
        return 0;
    while (tarn_reader_next(&it, &obj) == 1)
        n++;
    return n;
}

/* In a forked child: a mapping and a control page of its own, as a client has them. */
static int ours_enter(void *ctx, unsigned me)
{
    struct ours *o = ctx;

    o->reading = false;
    return tarn_pin_claim(o->clients[me], &o->line) || tarn_region_view_map(tarn_writer_fd(o->w), &o->view, NULL);
}

/* A pin that stays would hold what the writer replaces. */
static void ours_leave(void *ctx)
{
    struct ours *o = ctx;

    if (o->reading)
        tarn_reader_end(&o->r);
}

/* Pages of the reader processes to come: they see their own stores, and so does the writer. */
static int open_clients(struct ours *o)
{
    int rc = 0, fd;
    uint32_t id;

    for (unsigned i = 0; !rc && i < REGION_READERS_MAX; i++) {
        rc = tarn_pin_page_new(0, &o->clients[i], &fd, NULL);
        if (!rc)
            rc = close(fd) || tarn_writer_client_add(o->w, o->clients[i], -1, &id);
    }
    return rc;
}

static void ours_close(void *ctx)
{
    struct ours *o = ctx;

    tarn_reader_end(&o->r);
    tarn_region_view_unmap(&o->view);
    tarn_store_free(o->s);
    tarn_writer_free(o->w);
    free(o);
}

int region_tarn_open(struct region_peer *p, const struct region_case *c)
{
    static struct tarn_index_func indexes[2];
    struct ours *o = calloc(1, sizeof *o);
    struct tarn_error err = {0};
    uint32_t id;

    o->c = c;
    if (tarn_index_func_builtin("label:app", &indexes[0], &err) || tarn_index_func_builtin("spec.nodeName", &indexes[1], &err) ||
        tarn_writer_new(&(struct tarn_writer_options){.budget_bytes = c->n * (c->object_bytes * 2 + 400) + (256u << 20)}, &o->w, &err) ||
        tarn_writer_add_resource(o->w, &(struct tarn_writer_resource){.name = "pods", .namespaced = true, .indexes = indexes, .nindex = 2}, &o->store, &err) ||
        tarn_region_store_new(o->w, o->store, &o->s, &err) || tarn_pin_page_new_private(0, &o->page) ||
        tarn_writer_client_add(o->w, o->page, -1, &id) || tarn_pin_claim(o->page, &o->line) || open_clients(o) || tarn_writer_commit(o->w, &err) ||
        tarn_region_view_map(tarn_writer_fd(o->w), &o->view, &err)) {
        bench_note("region: %s", err.message);
        return -1;
    }
    *p = (struct region_peer){.name = "tarn", .local = true, .takes_writes = true, .ctx = o, .get = ours_get, .put = ours_put, .commit = ours_commit, .list = ours_list, .enter = ours_enter, .leave = ours_leave, .close = ours_close};
    return 0;
}

/* A row of ours: what, when ("" or " under writes"), and of what. */
static void report(const struct ours *o, const char *what, const char *when, const char *of, double ns)
{
    char text[48];

    (void)snprintf(text, sizeof text, "%s%s%s", what, when, of);
    bench_report(o->c->part, "tarn", text, o->c->n, ns, "ns");
}

/* ---- in detail ---------------------------------------------------------------------------------------------------- */

/* Objects of all 500 values of an index; -1: wrong. */
static int64_t walk_index(struct ours *o, const struct tarn_resource_info *info, unsigned index)
{
    int64_t got = 0;

    for (unsigned node = 0; node < 500; node++) {
        const struct tarn_object *obj;
        struct tarn_reader_iter it;
        char value[32];

        (void)snprintf(value, sizeof value, "node-%u", node);
        if (tarn_reader_by_index(&o->r, info, index, tarn_bytes_of(value), &it))
            return -1;
        while (tarn_reader_next(&it, &obj) == 1)
            got++;
    }
    return got;
}

static int measure_index(struct ours *o, uint64_t n, const char *when)
{
    struct tarn_resource_info info;
    uint64_t best = UINT64_MAX;
    int index, bad = 0;

    if (tarn_reader_resource(&o->r, TARN_BYTES("pods"), &info))
        return 1;
    index = tarn_resource_index(&info, TARN_BYTES("spec.nodeName"));
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t begin = bench_cpu_ns(), took;

        bad += walk_index(o, &info, (unsigned)index) != (int64_t)n;
        took = bench_cpu_ns() - begin;
        best = took < best ? took : best;
    }
    report(o, "by_index", when, ", per object", (double)best / (double)n);
    return bad;
}

/* All objects that visit says yes to, per object of the resource; the best of some rounds. */
static int measure_scan(struct ours *o, const char *what, const char *when, bool (*visit)(const struct tarn_object *obj, const void *ctx), const void *ctx)
{
    uint64_t best = UINT64_MAX, n = o->c->n;
    int bad = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t begin = bench_cpu_ns(), took, all = 0, kept = 0;
        const struct tarn_object *obj;
        struct tarn_reader_iter it;

        if (tarn_reader_list(&o->r, o->store, &it))
            return 1;
        tarn_reader_expect(&it, 512);
        for (; tarn_reader_next(&it, &obj) == 1; all++)
            kept += visit(obj, ctx);
        took = bench_cpu_ns() - begin;
        best = took < best ? took : best;
        bad += all != n || !kept;
    }
    report(o, what, when, ", per object", (double)best / (double)n);
    return bad;
}

static bool selected(const struct tarn_object *obj, const void *ctx)
{
    return tarn_selector_matches(ctx, obj);
}

static bool has_node(const struct tarn_object *obj, const void *ctx)
{
    struct tarn_bytes node;

    return !tarn_object_get_string(obj, ctx, &node) && node.len;
}

static int measure_scans(struct ours *o, const char *when)
{
    const struct tarn_selector *s;
    int bad = tarn_selector_parse(TARN_BYTES("app=app-7"), &s, NULL);

    if (bad)
        return 1;
    bad = measure_scan(o, "label selector", when, selected, s);
    tarn_selector_free(s);
    return bad + measure_scan(o, "field by path", when, has_node, "spec.nodeName");
}

/* What attaching maps: the region and the first look into it. */
static int measure_map(struct ours *o)
{
    uint64_t ns[101];

    for (size_t i = 0; i < sizeof ns / sizeof *ns; i++) {
        uint64_t begin = bench_now_ns();
        const struct tarn_object *obj;
        struct tarn_reader_iter it;
        struct tarn_region_view v;
        struct tarn_reader r;

        if (tarn_region_view_map(tarn_writer_fd(o->w), &v, NULL))
            return 1;
        tarn_reader_begin(&r, &v, NULL);
        if (tarn_reader_list(&r, o->store, &it) || tarn_reader_next(&it, &obj) != 1)
            return 1;
        ns[i] = bench_now_ns() - begin;
        tarn_reader_end(&r);
        tarn_region_view_unmap(&v);
    }
    bench_report(o->c->part, "tarn", "map and first read p50", o->c->n, (double)bench_percentile(ns, sizeof ns / sizeof *ns, 0.5) / 1e3, "us");
    return 0;
}

#define MANY 64u
#define MANY_GROUPS 500u

/* Keys made, then asked for, MANY at a time, together or in a row: nanoseconds of all, by the cheap
 * clock, since there are many pieces. *ret_bad counts wrong answers. */
static uint64_t ask_many(struct ours *o, uint64_t n, bool together, uint64_t *seed, int *ret_bad)
{
    const struct tarn_object *objs[MANY];
    struct tarn_bytes keys[MANY];
    char text[MANY][40];
    uint64_t spent = 0, begin;

    for (unsigned group = 0; group < MANY_GROUPS; group++) {
        for (unsigned i = 0; i < MANY; i++) {
            region_key(text[i], bench_random(seed) % n);
            keys[i] = (struct tarn_bytes){text[i], REGION_KEY_BYTES};
        }
        begin = bench_now_ns();
        if (together)
            *ret_bad += tarn_reader_get_many(&o->r, o->store, keys, MANY, objs) != MANY;
        for (unsigned i = 0; !together && i < MANY; i++)
            *ret_bad += tarn_reader_get(&o->r, o->store, keys[i], &objs[i]) != 0;
        spent += bench_now_ns() - begin;
    }
    return spent;
}

/* In turn, the best round of each. */
static int measure_many(struct ours *o, uint64_t n, const char *when)
{
    uint64_t seed = 3, best[2] = {UINT64_MAX, UINT64_MAX};
    int bad = 0;

    for (unsigned round = 0; round < 2 * ROUNDS; round++) {
        uint64_t spent = ask_many(o, n, round % 2, &seed, &bad);

        best[round % 2] = spent < best[round % 2] ? spent : best[round % 2];
    }
    report(o, "get_many", when, ", per object", (double)best[1] / (MANY * MANY_GROUPS));
    report(o, "get in a row", when, ", per object", (double)best[0] / (MANY * MANY_GROUPS));
    return bad;
}

static void measure_snapshots(struct ours *o, uint64_t n)
{
    struct tarn_pin_line *line;
    struct tarn_reader r;
    uint64_t begin;

    if (tarn_pin_claim(o->page, &line))
        return;
    begin = bench_cpu_ns();
    for (unsigned i = 0; i < 1000000; i++) {
        tarn_reader_begin(&r, &o->view, line);
        tarn_reader_end(&r);
    }
    bench_report(o->c->part, "tarn", "snapshot, begin and end", n, (double)(bench_cpu_ns() - begin) / 1e6, "ns");
    tarn_pin_release(o->page, line);
}

/* Updates of random objects, `batch` a commit: the writer's CPU for all of it, and how long each commit takes. */
static int measure_updates(struct ours *o, uint64_t n, unsigned batch)
{
    static const struct tarn_object *objs[UPDATES];
    static uint64_t commits[UPDATES];
    uint64_t seed = 13, begin, ncommits = 0;
    char what[48];
    int bad = 0;

    for (unsigned i = 0; i < UPDATES; i++)
        objs[i] = region_object(o->c, bench_random(&seed) % n, 1000000 * batch + i);
    begin = bench_cpu_ns();
    for (unsigned i = 0; i < UPDATES; i++) {
        bad += tarn_store_add(o->s, objs[i], NULL) != 0;
        if (i % batch == batch - 1) {
            uint64_t at = bench_now_ns();

            bad += tarn_writer_commit(o->w, NULL) != 0;
            commits[ncommits++] = bench_now_ns() - at;
        }
        if (i % 1000 == 999)
            (void)tarn_writer_collect(o->w);
    }
    (void)snprintf(what, sizeof what, "updates, 3 indexes, %u a commit", batch);
    bench_report(o->c->part, "tarn", what, n, (double)UPDATES * 1e9 / (double)(bench_cpu_ns() - begin), "/s");
    (void)snprintf(what, sizeof what, "commit of %u", batch);
    bench_report_percentiles(o->c->part, "tarn", what, n, commits, ncommits, 1, "ns");
    for (unsigned i = 0; i < UPDATES; i++)
        tarn_object_unref(objs[i]);
    return bad;
}

int region_tarn_measure_under_writes(const struct region_peer *p)
{
    static const char when[] = " under writes";
    struct ours *o = p->ctx;
    uint64_t n = o->c->n, best = UINT64_MAX;
    int bad = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t begin, took;

        tarn_reader_end(&o->r); /* a snapshot of its own for each walk, as a program has */
        tarn_reader_begin(&o->r, &o->view, o->line);
        o->reading = true;
        begin = bench_cpu_ns();
        bad += ours_list(o) != n;
        took = bench_cpu_ns() - begin;
        best = took < best ? took : best;
    }
    report(o, "list", when, ", per object", (double)best / (double)n);
    bad += measure_index(o, n, when) + measure_scans(o, when) + measure_many(o, n, when);
    tarn_reader_end(&o->r);
    o->reading = false;
    return bad;
}

static void report_memory(const struct ours *o, uint64_t n)
{
    struct tarn_writer_stats s;
    struct tarn_resource_info info;

    tarn_writer_stats(o->w, &s);
    if (tarn_reader_resource(&o->r, TARN_BYTES("pods"), &info))
        return;
    bench_report(o->c->part, "tarn", "region bytes per object byte", n, (double)s.live_bytes / (double)info.bytes, "");
    bench_report(o->c->part, "tarn", "private memory of the writer", n, (double)s.private_bytes / 1e6, "MB");
    bench_report(o->c->part, "tarn", "region on 2 MiB pages", n, 100 * (double)s.chunks_collapsed / (double)(s.chunks_collapsed + s.chunks_populated), "%");
}

static void report_targets(const struct region_case *c)
{
    bench_limit(c->part, "tarn", "snapshot, begin and end", c->n, 40);
    bench_limit(c->part, "tarn", "commit of 1 p50", c->n, 3000);
    bench_ratio_between(c->part, "tarn", "get_many, per object", c->n, c->part, "tarn", "get in a row, per object", c->n >= 100000 ? 2 : 0);
    if (c->n < 100000)
        return;
    bench_limit(c->part, "tarn", "list, per object", c->n, 45);
    bench_limit(c->part, "tarn", "by_index, per object", c->n, 45);
    bench_limit(c->part, "tarn", "label selector, per object", c->n, 100);
    bench_limit(c->part, "tarn", "map and first read p50", c->n, 1000);
    bench_limit(c->part, "tarn", "updates, 3 indexes, 100 a commit", c->n, 300000);
    bench_limit(c->part, "tarn", "region bytes per object byte", c->n, 1.3);
}

int region_tarn_measure(const struct region_peer *p)
{
    struct ours *o = p->ctx;
    uint64_t n = o->c->n;
    int bad;

    tarn_reader_end(&o->r);
    tarn_reader_begin(&o->r, &o->view, o->line);
    o->reading = true;
    bad = measure_index(o, n, "") + measure_scans(o, "") + measure_many(o, n, "") + measure_map(o);
    measure_snapshots(o, n);
    report_memory(o, n);
    tarn_reader_end(&o->r); /* else its pin would hold every version */
    o->reading = false;
    bad += measure_updates(o, n, 1) + measure_updates(o, n, 100);
    report_targets(o->c);
    return bad;
}

