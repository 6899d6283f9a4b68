/* populate.h - the region's memory is taken from the kernel in chunks of 2 MiB, before it is written, so that no write can raise a signal.
 *
 * Taking a chunk costs as much as filling it (0.5 to 1.5 ms a MiB in a virtual machine). A region that grows fast may therefore have
 * a helper: a thread that takes the chunks which come next, while the writer fills those it has. It begins when the writer has
 * used 16 MiB, stays 16 MiB ahead, and never frees anything.
 *
 * The writer's thread, but for the helper itself. Not installed: private to the agent's half.
 */
#ifndef TARN_SHM_POPULATE_H
#define TARN_SHM_POPULATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <tarn/runtime.h>

struct tarn_populate {
    char *base;
    uint64_t nchunks;
    bool huge;                      /* large pages, where the kernel has them */
    uint32_t fault_at, populations; /* tests: fail the fault_at-th population of the writer's own */
    _Atomic uint8_t *states;        /* per chunk, see populate.c */
    _Atomic uint64_t collapsed, faulted, failed; /* counts; relaxed: they order nothing */
    /* the helper */
    struct tarn_runtime *rt;
    void *thread; /* NULL: none */
    pthread_mutex_t lock; /* protects want (written by the writer only, under it) and stop; innermost */
    pthread_cond_t wake;
    uint64_t want; /* the helper takes the chunks below */
    bool stop;
};

/* base is chunk-aligned and outlives p. 0 or TARN_E_NOMEM. */
TARN_MUST_CHECK int tarn_populate_init(struct tarn_populate *p, char *base, uint64_t bytes, bool huge);
/* From now on a helper works ahead, unless the region is too small for it or no thread can be had. Once, before the first take. */
void tarn_populate_ahead(struct tarn_populate *p, struct tarn_runtime *rt);
/* The helper ends before this returns: call it before base goes. Then free the memory. */
void tarn_populate_release(struct tarn_populate *p);

/* Have chunks first..last; growing: more above them will be wanted soon. False: the system gives no memory. */
bool tarn_populate_take(struct tarn_populate *p, uint64_t first, uint64_t last, bool growing);

/* Chunks taken by now, of either kind. Any thread. */
uint64_t tarn_populate_count(const struct tarn_populate *p);

#endif
