/* attach.c - what a new process waits before it reads: attach, open a snapshot, read an object. */
#include <tarn/tarn.h>

#include "bench.h"
#include "pair.h"

#define ATTACHES 200u

int pair_attach_once(const struct pair *p, uint64_t *ret_ns)
{
    uint64_t begin = bench_now_ns();
    const struct tarn_object *obj;
    struct tarn_snapshot *s;
    struct tarn_client *c;
    struct tarn_iter it;
    int rc = tarn_client_open(&(struct tarn_client_options){.socket = p->socket}, &c, NULL);

    if (rc)
        return rc;
    rc = tarn_snapshot_open(c, &s, NULL);
    if (!rc) {
        rc = tarn_list(s, "pods", NULL, &it, NULL);
        obj = rc ? NULL : tarn_iter_next(&it);
        *ret_ns = bench_now_ns() - begin;
        rc = rc || !obj || tarn_snapshot_close(s);
    }
    tarn_client_close(c);
    return rc;
}

int pair_measure_attach(const struct pair *p, const char *part, uint64_t n)
{
    static uint64_t ns[ATTACHES];
    int bad = 0;

    for (unsigned i = 0; i < ATTACHES; i++)
        bad += pair_attach_once(p, &ns[i]) != 0;
    if (bad)
        return bad;
    bench_report_percentiles(part, "tarn", "attach and first read", n, ns, ATTACHES, 1e-3, "us");
    bench_limit(part, "tarn", "attach and first read p50", n, 1000);
    return 0;
}
