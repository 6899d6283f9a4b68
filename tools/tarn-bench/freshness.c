/* freshness.c - how old a change is when a reader has it: the server stamps each object it changes with the time.
 *
 * Two readers of the same stream: one sleeps until its informer's descriptor is readable (woken), one asks without pause (polling), so
 * that it tells when the change could be seen. Both from the server's write, through HTTP, the agent and the region.
 */
#include "bench.h"

#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <tarn/informer.h>
#include <tarn/tarn.h>

#include "pair.h"

#define PART "agent"
#define WRITTEN_AT "metadata.annotations['tarn.dev/written-at-ns']"
#define DELAYS_MAX 100000u

struct delays {
    uint64_t ns[DELAYS_MAX];
    size_t n;
};

static int on_update(void *ctx, const struct tarn_object *old, const struct tarn_object *obj)
{
    struct delays *d = ctx;
    struct tarn_bytes text;
    struct timespec t;
    uint64_t written = 0, now;

    (void)old;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    now = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    if (tarn_object_get_string(obj, WRITTEN_AT, &text))
        return 0;
    for (size_t i = 0; i < text.len && text.data[i] >= '0' && text.data[i] <= '9'; i++)
        written = written * 10 + (uint64_t)(text.data[i] - '0');
    if (written && written <= now && d->n < DELAYS_MAX)
        d->ns[d->n++] = now - written;
    return 0;
}

static void follow(struct tarn_informer *inf, bool polling, uint64_t end)
{
    struct pollfd p = {.fd = tarn_informer_fd(inf), .events = POLLIN};

    while (bench_now_ns() < end) {
        if (polling)
            (void)sched_yield(); /* the server and the agent may share this core */
        else
            (void)poll(&p, 1, 50);
        (void)tarn_informer_process(inf, NULL);
    }
}

static int measure(const struct pair *p, bool polling, uint64_t rate, unsigned ms)
{
    const char *what = polling ? "server's write to visible" : "server's write to woken reader";
    static struct delays d;
    struct tarn_informer *inf;
    int bad;

    d.n = 0;
    if (tarn_informer_new(&(struct tarn_client_options){.socket = p->socket}, &inf, NULL))
        return 1;
    bad = tarn_informer_watch(inf, &(struct tarn_informer_watch){.resource = "pods", .handler = {.ctx = &d, .on_update = on_update}}, NULL, NULL) != 0;
    follow(inf, polling, bench_now_ns() + ms * UINT64_C(1000000));
    if (d.n)
        bench_report_percentiles(PART, "tarn", what, rate, d.ns, d.n, 1e-3, "us");
    tarn_informer_free(inf);
    return bad || !d.n;
}

int bench_freshness(const struct bench_options *o)
{
    static const char *const rates[] = {"100", "1000", "10000"};
    int bad = 0;

    for (size_t i = 0; i < (o->quick ? 1 : sizeof rates / sizeof *rates); i++) {
        struct pair p;
        int err = pair_start(&p, "pods=10000,nodes=500", rates[i], true) || pair_wait_synced(&p);

        for (int polling = 0; !err && polling < 2; polling++)
            bad += measure(&p, polling, strtoull(rates[i], NULL, 10), o->quick ? 2000 : 4000);
        bad += err;
        pair_stop(&p);
    }
    if (bad)
        bench_note("agent: freshness could not be measured");
    return bad;
}
