/* region_writes.c - the region's measures while a writer applies 10,000 updates a second: bursts of ten a millisecond, one commit a burst. */
#include "region.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include <tarn/object.h>

#include "bench.h"

#define BURST 10u
#define BURST_NS 1000000u

struct churn {
    const struct region_case *c;
    struct region_peer *peer;
    pthread_t thread;
    _Atomic bool stop;
    uint64_t begin, writes;
};

static void burst(struct churn *c, uint64_t *seed, unsigned *version)
{
    for (unsigned i = 0; i < BURST; i++) {
        const struct tarn_object *obj = region_object(c->c, bench_random(seed) % c->c->n, (*version)++);

        c->peer->put(c->peer->ctx, tarn_object_key(obj).data, obj, tarn_object_size(obj));
        tarn_object_unref(obj);
        c->writes++;
    }
    if (c->peer->commit)
        c->peer->commit(c->peer->ctx);
}

static void *churn_run(void *arg)
{
    struct churn *c = arg;
    uint64_t seed = 77, next = bench_now_ns();
    unsigned version = 1;

    while (!atomic_load(&c->stop)) {
        uint64_t now = bench_now_ns();

        burst(c, &seed, &version);
        next += BURST_NS;
        if (next < now)
            next = now;
        while ((now = bench_now_ns()) < next) {
            struct timespec t = {.tv_nsec = (long)(next - now)};

            (void)nanosleep(&t, NULL);
        }
    }
    return NULL;
}

static int churn_begin(struct churn *c)
{
    c->begin = bench_now_ns();
    return pthread_create(&c->thread, NULL, churn_run, c);
}

static void churn_end(struct churn *c)
{
    atomic_store(&c->stop, true);
    pthread_join(c->thread, NULL);
    bench_report(c->c->part, c->peer->name, "writes meanwhile", c->c->n, (double)c->writes * 1e9 / (double)(bench_now_ns() - c->begin), "/s");
}

static int measure_gets(const struct region_case *c, struct region_peer *p)
{
    static uint64_t ns[REGION_SAMPLES];
    uint64_t seed = 5, begin = bench_now_ns();
    int bad;

    region_warm(p, c->n);
    do
        bad = region_sample_gets(p, c->n, REGION_HEAD, &seed, ns, REGION_SAMPLES);
    while (!bad && bench_now_ns() - begin < 300000000ull);
    bench_report_percentiles(c->part, p->name, "get under writes", c->n, ns, REGION_SAMPLES, 1, "ns");
    return bad;
}

int region_measure_under_writes(const struct region_case *c, struct region_peer *p)
{
    struct churn churn = {.c = c, .peer = p};
    int bad;

    if (churn_begin(&churn))
        return 1;
    bad = measure_gets(c, p);
    if (!strcmp(p->name, "tarn"))
        bad += region_tarn_measure_under_writes(p);
    if (c->processes)
        bad += region_measure_processes(c, p, 1, ", 10,000 writes/s");
    churn_end(&churn);
    return bad;
}
