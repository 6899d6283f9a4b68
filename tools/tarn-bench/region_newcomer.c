/* region_newcomer.c - gets of a process that has just come: its tables of pages are empty, so the first look at each page is a fault.
 *
 * So the anchors of the project's goals measured LMDB and the prototype: a process maps the store, makes a tenth of its gets without
 * counting them, and then counts. Small pages cost a fault for every few objects; a region on 2 MiB pages one for two thousand.
 */
#include "region.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define ROUNDS 3u
#define GETS 300000u
#define UNCOUNTED (GETS / 10)

/* In the new process. Its exit code. */
static int newcomer(const struct region_case *c, struct region_peer *p, uint64_t *ns, unsigned round)
{
    uint64_t seed = 4242 + round;
    int bad = p->enter(p->ctx, 0);

    if (!bad)
        bad = region_sample_gets(p, c->n, REGION_HEAD, &seed, ns, UNCOUNTED) || region_sample_gets(p, c->n, REGION_HEAD, &seed, ns, GETS);
    if (p->leave)
        p->leave(p->ctx);
    return bad;
}

/* Only stores that a process maps: a server's client has nothing to fault in. */
static bool can_come(const struct region_peer *p)
{
    return p->local && p->enter;
}

int region_measure_newcomers(const struct region_case *c, struct region_peer *peers, unsigned npeers)
{
    size_t bytes = sizeof(uint64_t) * GETS * ROUNDS * npeers;
    uint64_t *ns = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int bad = 0;

    if (ns == MAP_FAILED)
        return 1;
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned p = 0; p < npeers; p++) {
            int status = 1;
            pid_t pid = can_come(&peers[p]) ? fork() : 0;

            if (!can_come(&peers[p]))
                continue;
            if (!pid)
                _exit(newcomer(c, &peers[p], ns + (p * ROUNDS + round) * GETS, round));
            bad += pid < 0 || waitpid(pid, &status, 0) < 0 || status;
        }
    for (unsigned p = 0; p < npeers; p++)
        if (can_come(&peers[p]))
            bench_report_percentiles(c->part, peers[p].name, "get in a new process", c->n, ns + p * ROUNDS * GETS, ROUNDS * GETS, 1, "ns");
    (void)munmap(ns, bytes);
    return bad;
}
