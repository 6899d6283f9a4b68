/* region.c - the shared memory beside its peers: the same keys and the same bytes, in one run, alternating.
 *
 * A get finds the object of a key and reads its first and last byte. Keys are random and built in batches of 64 before they
 * are asked for, as a program has them: a lookup in the very bytes just stored one by one would measure the store buffer.
 * Building is inside the mean of a loop and outside the single gets, which a clock surrounds. The writer, where there is one, applies
 * 10,000 updates a second in bursts of ten a millisecond, one commit a burst.
 */
#include "region.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tarn/reader.h>
#include <tarn/region_store.h>
#include <tarn/writer.h>

#include "bench.h"

#define ROUNDS 3
#define SAMPLES 100000u
#define PEERS_MAX 5

/* What is measured now: the objects' size, the part's name in the report, the floors of the ratios to LMDB (0: none). */
static struct region_case {
    const char *part;
    uint64_t n;
    unsigned object_bytes;
    double lmdb_mean, lmdb_p50, lmdb_p99;
} now;

/* By hand: a formatted print would cost as much as what is measured. */
void region_key(char *buf, uint64_t i)
{
    static const char hex[] = "0123456789abcdef";
    uint64_t h = (i + 1) * 0xff51afd7ed558ccdull;
    unsigned ns;

    h ^= h >> 33;
    ns = (unsigned)(h % 1000);
    memcpy(buf, "ns-000/workload-000000-00000", REGION_KEY_BYTES);
    buf[3] = (char)('0' + ns / 100);
    buf[4] = (char)('0' + ns / 10 % 10);
    buf[5] = (char)('0' + ns % 10);
    for (unsigned d = 0; d < 6; d++)
        buf[16 + d] = hex[i >> (20 - 4 * d) & 15];
    for (unsigned d = 0; d < 5; d++)
        buf[23 + d] = hex[h >> (40 + 4 * d) & 15];
}

/* ---- ours ------------------------------------------------------------------------------------------------ */

struct ours {
    struct tarn_writer *w;
    struct tarn_store *s;
    uint16_t store;
    struct tarn_region_view view; /* as a client maps it */
    struct tarn_pin_page *page;
    struct tarn_pin_line *line;
    struct tarn_reader r;
    bool reading;
};

/* Object number i as JSON with about now.object_bytes bytes of blob. */
static const struct tarn_object *make_object(uint64_t i, unsigned version)
{
    char json[8192], key[40] = {0};
    const struct tarn_object *obj;
    int n;

    region_key(key, i);
    n = snprintf(json, sizeof json,
                 "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"%.6s\",\"uid\":\"%020llu\",\"resourceVersion\":\"%u\",\"labels\":{\"app\":\"app-%llu\"}},"
                 "\"spec\":{\"nodeName\":\"node-%llu\",\"v\":%u,\"pad\":\"%0*llu\"}}",
                 key + 7, key, (unsigned long long)i, version + 1, (unsigned long long)i % 1000, (unsigned long long)i % 500, version, (int)now.object_bytes - 480, (unsigned long long)i);
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

static void ours_close(void *ctx)
{
    struct ours *o = ctx;

    tarn_reader_end(&o->r);
    tarn_region_view_unmap(&o->view);
    tarn_store_free(o->s);
    tarn_writer_free(o->w);
    free(o);
}

static int ours_open(struct region_peer *p, uint64_t n)
{
    static struct tarn_index_func indexes[2];
    struct ours *o = calloc(1, sizeof *o);
    struct tarn_error err = {0};
    uint32_t id;

    if (tarn_index_func_builtin("label:app", &indexes[0], &err) || tarn_index_func_builtin("spec.nodeName", &indexes[1], &err) ||
        tarn_writer_new(&(struct tarn_writer_options){.budget_bytes = n * (now.object_bytes * 2 + 400) + (256u << 20)}, &o->w, &err) ||
        tarn_writer_add_resource(o->w, &(struct tarn_writer_resource){.name = "pods", .namespaced = true, .indexes = indexes, .nindex = 2}, &o->store, &err) ||
        tarn_region_store_new(o->w, o->store, &o->s, &err) || tarn_pin_page_new_private(0, &o->page) ||
        tarn_writer_client_add(o->w, o->page, -1, &id) || tarn_pin_claim(o->page, &o->line) || tarn_writer_commit(o->w, &err) ||
        tarn_region_view_map(tarn_writer_fd(o->w), &o->view, &err)) {
        bench_note("region: %s", err.message);
        return -1;
    }
    *p = (struct region_peer){.name = "tarn", .local = true, .ctx = o, .get = ours_get, .put = ours_put, .commit = ours_commit, .list = ours_list, .close = ours_close};
    return 0;
}

/* ---- filling ------------------------------------------------------------------------------------------------ */

/* All peers hold the blobs of the same objects. Returns the failures. */
static int fill(struct region_peer *peers, unsigned npeers, uint64_t n)
{
    int bad = 0;

    for (uint64_t i = 0; i < n; i++) {
        const struct tarn_object *obj = make_object(i * 7919 % n, 0); /* in an order that is not the keys' */

        for (unsigned p = 0; p < npeers; p++) {
            char key[40];

            region_key(key, i * 7919 % n);
            bad += peers[p].put(peers[p].ctx, key, obj, tarn_object_size(obj)) != 0;
            if (i % 1000 == 999 && peers[p].commit)
                bad += peers[p].commit(peers[p].ctx) != 0;
        }
        tarn_object_unref(obj);
    }
    for (unsigned p = 0; p < npeers; p++)
        bad += peers[p].commit && peers[p].commit(peers[p].ctx);
    return bad;
}

/* ---- get ------------------------------------------------------------------------------------------------------- */

static volatile uint64_t sink;

#define KEYS 64u

struct keys {
    char text[KEYS][40];
    unsigned at;
};

static const char *next_key(struct keys *k, uint64_t n, uint64_t *seed)
{
    if (k->at % KEYS == 0)
        for (unsigned i = 0; i < KEYS; i++)
            region_key(k->text[i], bench_random(seed) % n);
    return k->text[k->at++ % KEYS];
}

static int sample_gets(struct region_peer *p, uint64_t n, uint64_t *seed, uint64_t *ns, unsigned samples)
{
    struct keys keys = {0};
    int bad = 0;

    for (unsigned i = 0; i < samples; i++) {
        const unsigned char *v = NULL;
        size_t len = 0;
        const char *key = next_key(&keys, n, seed);
        uint64_t begin = bench_now_ns();

        if (p->get(p->ctx, key, &v, &len) || !len)
            bad++;
        else
            sink += v[0] + v[len - 1];
        ns[i] = bench_now_ns() - begin;
    }
    return bad;
}

static void report_percentiles(const char *who, const char *what, uint64_t n, uint64_t *ns, size_t count)
{
    static const struct {
        double q;
        const char *name;
    } rows[] = {{0.5, "p50"}, {0.99, "p99"}, {0.999, "p99.9"}};
    char text[48];

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        (void)snprintf(text, sizeof text, "%s %s", what, rows[i].name);
        bench_report(now.part, who, text, n, (double)bench_percentile(ns, count, rows[i].q), "ns");
    }
}

/* A program uses one store, not five in turn: before a peer is measured, its objects take the caches back. */
static void warm(struct region_peer *p, uint64_t n)
{
    const unsigned char *v;
    size_t len;
    char key[40];

    if (!p->local)
        return;
    for (uint64_t i = 0; i < n; i++) {
        region_key(key, i);
        if (!p->get(p->ctx, key, &v, &len))
            sink += v[0] + v[len - 1];
    }
}

static int measure_gets(struct region_peer *peers, unsigned npeers, uint64_t n, const char *what)
{
    static uint64_t ns[PEERS_MAX][ROUNDS * SAMPLES];
    uint64_t seed = 42;
    int bad = 0;

    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned p = 0; p < npeers; p++) {
            warm(&peers[p], n);
            bad += sample_gets(&peers[p], n, &seed, ns[p] + round * SAMPLES, SAMPLES);
        }
    for (unsigned p = 0; p < npeers; p++)
        report_percentiles(peers[p].name, what, n, ns[p], ROUNDS * SAMPLES);
    return bad;
}

/* Gets in a loop, as a program makes them: the mean, without a clock between two of them. */
static int measure_loops(struct region_peer *peers, unsigned npeers, uint64_t n)
{
    static uint64_t ns[PEERS_MAX][ROUNDS];
    uint64_t seed = 99;
    int bad = 0;

    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned p = 0; p < npeers; p++) {
            struct keys keys = {0};
            unsigned sum = 0;
            uint64_t begin;

            warm(&peers[p], n);
            begin = bench_now_ns();
            for (unsigned i = 0; i < SAMPLES; i++) {
                const unsigned char *v = NULL;
                size_t len = 0;

                if (peers[p].get(peers[p].ctx, next_key(&keys, n, &seed), &v, &len) || !len)
                    bad++;
                else
                    sum += v[0] + v[len - 1];
            }
            sink += sum;
            ns[p][round] = bench_now_ns() - begin;
        }
    for (unsigned p = 0; p < npeers; p++)
        bench_report(now.part, peers[p].name, "get, mean of a loop", n, (double)bench_percentile(ns[p], ROUNDS, 0.5) / SAMPLES, "ns");
    return bad;
}

/* What the clock costs by itself: inside every single get. */
static void measure_overhead(uint64_t n)
{
    static uint64_t ns[SAMPLES];

    for (unsigned i = 0; i < SAMPLES; i++) {
        uint64_t begin = bench_now_ns();

        ns[i] = bench_now_ns() - begin;
    }
    bench_report(now.part, "(the clock)", "get p50", n, (double)bench_percentile(ns, SAMPLES, 0.5), "ns");
}

/* ---- a writer at 10,000 updates a second ------------------------------------------------------------------------- */

struct churn {
    struct region_peer *peer;
    uint64_t n;
    _Atomic bool stop;
    uint64_t writes, late_us;
};

static void *churn_run(void *arg)
{
    struct churn *c = arg;
    uint64_t seed = 77, next = bench_now_ns();
    unsigned version = 1;

    while (!atomic_load(&c->stop)) {
        uint64_t now = bench_now_ns();

        for (unsigned i = 0; i < 10; i++) {
            const struct tarn_object *obj = make_object(bench_random(&seed) % c->n, version++);

            c->peer->put(c->peer->ctx, tarn_object_key(obj).data, obj, tarn_object_size(obj));
            tarn_object_unref(obj);
            c->writes++;
        }
        if (c->peer->commit)
            c->peer->commit(c->peer->ctx);
        next += 1000000;
        if (next < now)
            next = now;
        while ((now = bench_now_ns()) < next) {
            struct timespec t = {.tv_nsec = (long)(next - now)};

            (void)nanosleep(&t, NULL);
        }
    }
    return NULL;
}

static int measure_under_writes(struct region_peer *p, uint64_t n)
{
    static uint64_t ns[SAMPLES];
    struct churn c = {.peer = p, .n = n};
    uint64_t seed = 5, begin = bench_now_ns();
    pthread_t t;
    int bad;

    if (pthread_create(&t, NULL, churn_run, &c))
        return 1;
    warm(p, n);
    bad = sample_gets(p, n, &seed, ns, SAMPLES);
    while (bench_now_ns() - begin < 300000000ull)
        bad += sample_gets(p, n, &seed, ns, SAMPLES);
    atomic_store(&c.stop, true);
    pthread_join(t, NULL);
    report_percentiles(p->name, "get under writes", n, ns, SAMPLES);
    bench_report(now.part, p->name, "writes meanwhile", n, (double)c.writes * 1e9 / (double)(bench_now_ns() - begin), "/s");
    return bad;
}

/* ---- walks, batches, snapshots, writes: ours in detail ------------------------------------------------------------- */

static int measure_lists(struct region_peer *peers, unsigned npeers, uint64_t n)
{
    int bad = 0;

    for (unsigned p = 0; p < npeers; p++) {
        uint64_t best = UINT64_MAX;

        for (unsigned round = 0; peers[p].list && round < ROUNDS; round++) {
            uint64_t begin = bench_now_ns(), got = peers[p].list(peers[p].ctx), took = bench_now_ns() - begin;

            bad += got != n;
            best = took < best ? took : best;
        }
        if (peers[p].list)
            bench_report(now.part, peers[p].name, "list, per object", n, (double)best / (double)n, "ns");
    }
    return bad;
}

static int measure_index(struct ours *o, uint64_t n)
{
    struct tarn_resource_info info;
    uint64_t got = 0, begin;
    int index;

    if (tarn_reader_resource(&o->r, TARN_BYTES("pods"), &info))
        return 1;
    index = tarn_resource_index(&info, TARN_BYTES("spec.nodeName"));
    begin = bench_now_ns();
    for (unsigned node = 0; node < 500; node++) {
        const struct tarn_object *obj;
        struct tarn_reader_iter it;
        char value[32];

        (void)snprintf(value, sizeof value, "node-%u", node);
        if (tarn_reader_by_index(&o->r, &info, (unsigned)index, tarn_bytes_of(value), &it))
            return 1;
        while (tarn_reader_next(&it, &obj) == 1)
            got++;
    }
    bench_report(now.part, "tarn", "by_index, per object", n, (double)(bench_now_ns() - begin) / (double)n, "ns");
    return got != n;
}

static int measure_many(struct ours *o, uint64_t n)
{
    const struct tarn_object *objs[64];
    struct tarn_bytes keys[64];
    uint64_t seed = 3, spent = 0, single = 0;
    char text[64][40];
    int bad = 0;

    for (unsigned round = 0; round < 2000; round++) {
        uint64_t begin;

        for (unsigned i = 0; i < 64; i++) {
            region_key(text[i], bench_random(&seed) % n);
            keys[i] = (struct tarn_bytes){text[i], REGION_KEY_BYTES};
        }
        begin = bench_now_ns();
        if (round % 2) {
            bad += tarn_reader_get_many(&o->r, o->store, keys, 64, objs) != 64;
            spent += bench_now_ns() - begin;
        } else {
            for (unsigned i = 0; i < 64; i++)
                bad += tarn_reader_get(&o->r, o->store, keys[i], &objs[i]) != 0;
            single += bench_now_ns() - begin;
        }
    }
    bench_report(now.part, "tarn", "get_many, per object", n, (double)spent / 64000, "ns");
    bench_report(now.part, "tarn", "get in a row, per object", n, (double)single / 64000, "ns");
    return bad;
}

static void measure_snapshots(struct ours *o, uint64_t n)
{
    struct tarn_pin_line *line;
    struct tarn_reader r;
    uint64_t begin;

    if (tarn_pin_claim(o->page, &line))
        return;
    begin = bench_now_ns();
    for (unsigned i = 0; i < 1000000; i++) {
        tarn_reader_begin(&r, &o->view, line);
        tarn_reader_end(&r);
    }
    bench_report(now.part, "tarn", "snapshot, begin and end", n, (double)(bench_now_ns() - begin) / 1e6, "ns");
    tarn_pin_release(o->page, line);
}

static int measure_updates(struct ours *o, uint64_t n, unsigned batch)
{
    unsigned count = 50000;
    const struct tarn_object **objs = malloc(count * sizeof *objs);
    uint64_t seed = 13, begin, commits = 0;
    char what[48];
    int bad = 0;

    for (unsigned i = 0; i < count; i++)
        objs[i] = make_object(bench_random(&seed) % n, 1000000 * batch + i);
    begin = bench_now_ns();
    for (unsigned i = 0; i < count; i++) {
        bad += tarn_store_add(o->s, objs[i], NULL) != 0;
        if (i % batch == batch - 1) {
            uint64_t at = bench_now_ns();

            bad += tarn_writer_commit(o->w, NULL) != 0;
            commits += bench_now_ns() - at;
        }
        if (i % 1000 == 999)
            (void)tarn_writer_collect(o->w);
    }
    (void)snprintf(what, sizeof what, "updates, 3 indexes, %u a commit", batch);
    bench_report(now.part, "tarn", what, n, (double)count * 1e9 / (double)(bench_now_ns() - begin), "/s");
    (void)snprintf(what, sizeof what, "commit of %u", batch);
    bench_report(now.part, "tarn", what, n, (double)commits * batch / count, "ns");
    for (unsigned i = 0; i < count; i++)
        tarn_object_unref(objs[i]);
    free(objs);
    return bad;
}

static void report_memory(const struct ours *o, uint64_t n)
{
    struct tarn_writer_stats s;
    struct tarn_resource_info info;

    tarn_writer_stats(o->w, &s);
    if (tarn_reader_resource(&o->r, TARN_BYTES("pods"), &info))
        return;
    bench_report(now.part, "tarn", "region bytes per object byte", n, (double)s.live_bytes / (double)info.bytes, "");
    bench_report(now.part, "tarn", "private memory of the writer", n, (double)s.private_bytes / 1e6, "MB");
}

static int measure_ours(struct ours *o, uint64_t n)
{
    int bad;

    tarn_reader_end(&o->r);
    tarn_reader_begin(&o->r, &o->view, o->line);
    o->reading = true;
    bad = measure_index(o, n) + measure_many(o, n);
    measure_snapshots(o, n);
    report_memory(o, n);
    tarn_reader_end(&o->r); /* else its pin would hold every version */
    o->reading = false;
    return bad + measure_updates(o, n, 1) + measure_updates(o, n, 100);
}

static void report_ratios(uint64_t n)
{
    bench_ratio(now.part, "get, mean of a loop", n, "tarn", "bare probe", 0);
    bench_ratio(now.part, "get, mean of a loop", n, "tarn", "lmdb", now.lmdb_mean);
    bench_ratio(now.part, "get p50", n, "tarn", "bare probe", 0);
    bench_ratio(now.part, "get p50", n, "tarn", "lmdb", now.lmdb_p50);
    bench_ratio(now.part, "get p99", n, "tarn", "lmdb", now.lmdb_p99);
    bench_ratio(now.part, "get p50", n, "tarn", "redis", 10);
    bench_ratio(now.part, "get p50", n, "tarn", "memcached", 10);
    bench_ratio(now.part, "list, per object", n, "tarn", "lmdb", 4);
    bench_ratio(now.part, "get under writes p50", n, "tarn", "lmdb", 0);
}

static int measure_case(struct region_case c)
{
    struct region_peer peers[PEERS_MAX];
    unsigned npeers = 0;
    uint64_t n = c.n;
    int bad;

    now = c;
    bench_note("%s: %llu objects of %u bytes", c.part, (unsigned long long)n, c.object_bytes);

    if (ours_open(&peers[npeers++], n))
        return 1;
    npeers += !region_probe_open(&peers[npeers], n, now.object_bytes);
    npeers += !region_lmdb_open(&peers[npeers], n, now.object_bytes);
    npeers += !region_redis_open(&peers[npeers]);
    npeers += !region_memcached_open(&peers[npeers], n, now.object_bytes);
    bad = fill(peers, npeers, n);
    measure_overhead(n);
    bad += measure_loops(peers, npeers, n);
    bad += measure_gets(peers, npeers, n, "get");
    bad += measure_lists(peers, npeers, n);
    bad += measure_ours(peers[0].ctx, n);
    for (unsigned p = 0; p < npeers; p++)
        if (!strcmp(peers[p].name, "tarn") || !strcmp(peers[p].name, "lmdb"))
            bad += measure_under_writes(&peers[p], n);
    report_ratios(n);
    for (unsigned p = 0; p < npeers; p++)
        peers[p].close(peers[p].ctx);
    return bad;
}

/* An external program DIR/run.sh prints its own figures: they are passed on as they are. */
static void run_anchors(const char *dir)
{
    char command[512];

    (void)snprintf(command, sizeof command, "cd '%s' && ./run.sh", dir);
    bench_note("region: anchors in %s", dir);
    if (system(command))
        bench_note("region: %s/run.sh failed", dir);
}

int bench_region(const struct bench_options *o)
{
    /* A pod of the agent's default projection (no managedFields) has about 4 KB. */
    int bad = measure_case((struct region_case){.part = "pods", .n = 100000, .object_bytes = 4000, .lmdb_mean = 3});

    bad += measure_case((struct region_case){.part = "region", .n = 100000, .object_bytes = 1000, .lmdb_mean = 3});
    if (!o->quick)
        bad += measure_case((struct region_case){.part = "region", .n = 1000000, .object_bytes = 1000, .lmdb_mean = 4, .lmdb_p50 = 4, .lmdb_p99 = 10});
    if (o->anchors)
        run_anchors(o->anchors);
    if (bad)
        bench_note("region: %d wrong answers or refused writes", bad);
    return bad;
}
