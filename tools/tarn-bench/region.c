/* region.c - the shared memory beside its peers: the same keys and the same bytes, in one run, alternating.
 *
 * A get finds the object of a key and reads its head; "get to the end" reads its last byte instead, which is one more cache miss that
 * depends on the length found. Keys are random and built in batches of 64 before they are asked for, as a program has them: a lookup
 * in the very bytes just stored one by one would measure the store buffer. Single gets have a clock around each, without the building; the
 * mean of a loop is of CPU time with the building inside.
 *
 * Beside it stand: region_writes.c (the same while a writer works), region_processes.c (1 to N processes), region_newcomer.c (a process
 * that has just come), region_tarn.c (what only tarn has), region_peers.c, region_servers.c and region_locked.c (the peers).
 */
#include "region.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/object.h>

#include "bench.h"

#define ROUNDS 3
#define SAMPLES REGION_SAMPLES

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

/* ---- filling ------------------------------------------------------------------------------------------------ */

/* All peers hold the blobs of the same objects. Returns the failures. */
static int fill(const struct region_case *c, struct region_peer *peers, unsigned npeers)
{
    int bad = 0;

    for (uint64_t i = 0; i < c->n; i++) {
        const struct tarn_object *obj = region_object(c, i * 7919 % c->n, 0); /* in an order that is not the keys' */
        char key[40];

        region_key(key, i * 7919 % c->n);
        for (unsigned p = 0; p < npeers; p++) {
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

int region_sample_gets(struct region_peer *p, uint64_t n, enum region_reads reads, uint64_t *seed, uint64_t *ns, unsigned samples)
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
            sink += reads == REGION_HEAD ? v[0] : v[len - 1];
        ns[i] = bench_now_ns() - begin;
    }
    return bad;
}

void region_warm(struct region_peer *p, uint64_t n)
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

/* A server is asked less often: its answer takes as long as fifty of the others. */
static unsigned samples_of(const struct region_peer *p)
{
    return p->local ? SAMPLES : SAMPLES / 10;
}

static int measure_gets(const struct region_case *c, struct region_peer *peers, unsigned npeers, const char *what, enum region_reads reads)
{
    static uint64_t ns[REGION_PEERS_MAX][ROUNDS * SAMPLES];
    uint64_t seed = 42;
    int bad = 0;

    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned p = 0; p < npeers; p++) {
            region_warm(&peers[p], c->n);
            bad += region_sample_gets(&peers[p], c->n, reads, &seed, ns[p] + round * samples_of(&peers[p]), samples_of(&peers[p]));
        }
    for (unsigned p = 0; p < npeers; p++)
        bench_report_percentiles(c->part, peers[p].name, what, c->n, ns[p], ROUNDS * samples_of(&peers[p]), 1, "ns");
    return bad;
}

/*
 * A server whose client is on the same core: no other core has to be woken, which costs more than the answer where an idle core sleeps
 * deeply. As the scheduler places the two is "get".
 */
static int measure_one_core(const struct region_case *c, struct region_peer *p)
{
    static uint64_t ns[SAMPLES / 10];
    uint64_t seed = 44;
    int bad;

    if (!p->one_core)
        return 0;
    bad = p->one_core(p->ctx, true) || region_sample_gets(p, c->n, REGION_HEAD, &seed, ns, samples_of(p));
    bad |= p->one_core(p->ctx, false);
    bench_report_percentiles(c->part, p->name, "get on one core", c->n, ns, samples_of(p), 1, "ns");
    return bad;
}

/* This thread's CPU, so that other programs of the machine do not count; a server's answer takes time that is not ours. */
static uint64_t clock_of(const struct region_peer *p)
{
    return p->local ? bench_cpu_ns() : bench_now_ns();
}

/* Gets in a loop, as a program makes them, without a clock between two of them: nanoseconds of all. */
static uint64_t loop_gets(struct region_peer *p, uint64_t n, uint64_t *seed, unsigned samples, int *bad)
{
    struct keys keys = {0};
    unsigned sum = 0;
    uint64_t begin;

    region_warm(p, n);
    begin = clock_of(p);
    for (unsigned i = 0; i < samples; i++) {
        const unsigned char *v = NULL;
        size_t len = 0;

        if (p->get(p->ctx, next_key(&keys, n, seed), &v, &len) || !len)
            ++*bad;
        else
            sum += v[0];
    }
    sink += sum;
    return clock_of(p) - begin;
}

static int measure_loops(const struct region_case *c, struct region_peer *peers, unsigned npeers)
{
    static uint64_t ns[REGION_PEERS_MAX][ROUNDS];
    uint64_t seed = 99;
    int bad = 0;

    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned p = 0; p < npeers; p++)
            ns[p][round] = loop_gets(&peers[p], c->n, &seed, samples_of(&peers[p]), &bad);
    for (unsigned p = 0; p < npeers; p++)
        bench_report(c->part, peers[p].name, "get, mean of a loop", c->n, (double)bench_percentile(ns[p], ROUNDS, 0.5) / samples_of(&peers[p]), "ns");
    return bad;
}

/* What the clock costs by itself: inside every single get. */
static void measure_overhead(const struct region_case *c)
{
    static uint64_t ns[SAMPLES];

    for (unsigned i = 0; i < SAMPLES; i++) {
        uint64_t begin = bench_now_ns();

        ns[i] = bench_now_ns() - begin;
    }
    bench_report(c->part, "(the clock)", "get p50", c->n, (double)bench_percentile(ns, SAMPLES, 0.5), "ns");
}

/* ---- walks -------------------------------------------------------------------------------------------------------- */

static int measure_lists(const struct region_case *c, struct region_peer *peers, unsigned npeers)
{
    int bad = 0;

    for (unsigned p = 0; p < npeers; p++) {
        uint64_t best = UINT64_MAX;

        for (unsigned round = 0; peers[p].list && round < ROUNDS; round++) {
            uint64_t begin = bench_cpu_ns(), got = peers[p].list(peers[p].ctx), took = bench_cpu_ns() - begin;

            bad += got != c->n;
            best = took < best ? took : best;
        }
        if (peers[p].list)
            bench_report(c->part, peers[p].name, "list, per object", c->n, (double)best / (double)c->n, "ns");
    }
    return bad;
}

static void report_ratios(const struct region_case *c)
{
    bool large = c->n >= 100000;

    bench_ratio(c->part, "get, mean of a loop", c->n, "tarn", "bare probe", 0);
    bench_ratio(c->part, "get, mean of a loop", c->n, "tarn", "lmdb", c->lmdb_mean);
    bench_ratio(c->part, "get p50", c->n, "tarn", "bare probe", large ? 0.8 : 0);
    bench_ratio(c->part, "get p99", c->n, "tarn", "bare probe", large ? 0.8 : 0);
    bench_ratio(c->part, "get p50", c->n, "bare probe", "lmdb", 0);
    bench_ratio(c->part, "get p50", c->n, "tarn", "lmdb", 0);
    bench_ratio(c->part, "get p99", c->n, "tarn", "lmdb", 0);
    bench_ratio(c->part, "get p50", c->n, "tarn", "redis", large ? 35 : 0);
    bench_ratio(c->part, "get p50", c->n, "tarn", "memcached", large ? 35 : 0);
    bench_ratio_between(c->part, "tarn", "get p50", c->n, c->part, "redis", "get on one core p50", 0);
    bench_ratio_between(c->part, "tarn", "get p50", c->n, c->part, "memcached", "get on one core p50", 0);
    bench_ratio(c->part, "get in a new process p50", c->n, "tarn", "lmdb", c->lmdb_p50);
    bench_ratio(c->part, "get in a new process p99", c->n, "tarn", "lmdb", c->lmdb_p99);
    bench_ratio(c->part, "get p50", c->n, "tarn", "flock table", 0);
    bench_ratio(c->part, "get p50", c->n, "tarn", "rwlock table", 0);
    bench_ratio(c->part, "get to the end p50", c->n, "tarn", "lmdb", 0);
    bench_ratio(c->part, "list, per object", c->n, "tarn", "lmdb", large ? 4 : 0);
    bench_ratio(c->part, "get under writes p50", c->n, "tarn", "lmdb", 0);
    bench_ratio_between(c->part, "tarn", "get under writes p50", c->n, c->part, "tarn", "get p50", large ? 1 / 1.2 : 0);
}

/* ---- a case ------------------------------------------------------------------------------------------------------- */

static unsigned open_peers(const struct region_case *c, struct region_peer *peers)
{
    int (*const opens[])(struct region_peer *, const struct region_case *) = {region_tarn_open,  region_probe_open, region_lmdb_open,
                                                                              region_rwlock_open, region_flock_open, region_redis_open,
                                                                              region_memcached_open};
    unsigned n = 0;

    for (size_t i = 0; i < sizeof opens / sizeof *opens; i++)
        n += !opens[i](&peers[n], c);
    return n;
}

static int measure_case(const struct region_case *c)
{
    struct region_peer peers[REGION_PEERS_MAX];
    unsigned npeers;
    int bad;

    bench_note("%s: %llu objects of %u bytes", c->part, (unsigned long long)c->n, c->object_bytes);
    npeers = open_peers(c, peers);
    if (!npeers || strcmp(peers[0].name, "tarn"))
        return 1;
    bad = fill(c, peers, npeers);
    measure_overhead(c);
    bad += measure_loops(c, peers, npeers);
    bad += measure_gets(c, peers, npeers, "get", REGION_HEAD);
    bad += measure_gets(c, peers, npeers < 3 ? npeers : 3, "get to the end", REGION_END);
    bad += measure_lists(c, peers, npeers);
    for (unsigned p = 0; p < npeers; p++)
        bad += measure_one_core(c, &peers[p]);
    if (c->processes)
        bad += region_measure_processes(c, peers, npeers, "");
    bad += region_measure_newcomers(c, peers, npeers);
    bad += region_tarn_measure(&peers[0]);
    for (unsigned p = 0; p < npeers; p++)
        if (peers[p].takes_writes)
            bad += region_measure_under_writes(c, &peers[p]);
    report_ratios(c);
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
    static const struct region_case cases[] = {
        /* A pod of the agent's default projection (no managedFields) has about 4 KB. */
        {.part = "pods", .n = 100000, .object_bytes = 4000, .lmdb_mean = 3},
        {.part = "region", .n = 1000, .object_bytes = 1000},
        {.part = "region", .n = 10000, .object_bytes = 1000},
        {.part = "region", .n = 100000, .object_bytes = 1000, .lmdb_mean = 3},
        {.part = "region", .n = 1000000, .object_bytes = 1000, .lmdb_mean = 4, .lmdb_p50 = 4, .lmdb_p99 = 10},
    };
    size_t first = o->quick ? 1 : 0, last = sizeof cases / sizeof *cases - (o->quick ? 1 : 0);
    int bad = 0;

    for (size_t i = first; i < last; i++) {
        struct region_case c = cases[i];

        c.processes = !o->quick || i == last - 1;
        bad += measure_case(&c);
    }
    bad += region_measure_wake();
    if (o->anchors)
        run_anchors(o->anchors);
    if (bad)
        bench_note("region: %d wrong answers or refused writes", bad);
    return bad;
}
