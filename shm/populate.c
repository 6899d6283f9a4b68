/* populate.c - see populate.h.
 *
 * A chunk is NOT taken, UNDER WAY (the helper is in it) or TAKEN. A writer that comes to one under way does not wait for the
 * helper, which may not be running: it takes the chunk as well, which the kernel allows, and what the second of them does is
 * cheap or nothing.
 */
#include "populate.h"

#include <errno.h>
#include <stdlib.h>

#include <tarn/layout.h>

#include "kernel.h"

#define CHUNK TARN_REGION_CHUNK_BYTES
#define AHEAD 8u /* chunks: what the helper stays ahead, and what the writer has used before it begins */

enum { NOT, UNDER_WAY, TAKEN };

/* A large page for the chunk, cheaper than 512 small ones. The kernel collapses only a range that has a page. */
static bool collapse(char *at)
{
    return !madvise(at, 4096, MADV_POPULATE_WRITE) && !madvise(at, CHUNK, MADV_COLLAPSE);
}

/* Which counter the chunk belongs to, or NULL: the system gives no memory. */
static _Atomic uint64_t *take_chunk(struct tarn_populate *p, uint64_t c)
{
    char *at = p->base + c * CHUNK;

    if (p->huge && collapse(at))
        return &p->collapsed;
    /* EINVAL: before Linux 5.14 the first touch may raise SIGBUS when memory is out */
    return !madvise(at, CHUNK, MADV_POPULATE_WRITE) || errno == EINVAL ? &p->faulted : NULL;
}

/* The chunk is there; whoever says so first counts it. */
static void note_taken(struct tarn_populate *p, uint64_t c, _Atomic uint64_t *counter)
{
    /* relaxed: the state only keeps two threads from the same work. What makes memory usable is the kernel's doing, and the
     * writer's stores need no order after another thread's system call. */
    if (atomic_exchange_explicit(&p->states[c], TAKEN, memory_order_relaxed) != TAKEN)
        atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* ---- the helper -------------------------------------------------------------------------------------- */

/* Wait until chunk `next` is wanted; false: the end. */
static bool wait_for_want(struct tarn_populate *p, uint64_t next)
{
    bool go;

    (void)pthread_mutex_lock(&p->lock);
    while (!p->stop && next >= p->want)
        (void)pthread_cond_wait(&p->wake, &p->lock);
    go = !p->stop;
    (void)pthread_mutex_unlock(&p->lock);
    return go;
}

/* No memory: the writer will see for itself, and tell. */
static void help_with(struct tarn_populate *p, uint64_t c)
{
    uint8_t state = NOT;
    _Atomic uint64_t *counter;

    if (!atomic_compare_exchange_strong_explicit(&p->states[c], &state, UNDER_WAY, memory_order_relaxed, memory_order_relaxed))
        return;
    counter = take_chunk(p, c);
    if (counter) {
        note_taken(p, c, counter);
        return;
    }
    state = UNDER_WAY;
    (void)atomic_compare_exchange_strong_explicit(&p->states[c], &state, NOT, memory_order_relaxed, memory_order_relaxed);
}

static void help(void *arg)
{
    struct tarn_populate *p = arg;

    for (uint64_t next = AHEAD; wait_for_want(p, next); next++)
        help_with(p, next);
}

static void want(struct tarn_populate *p, uint64_t last)
{
    uint64_t upto = last + 1 + AHEAD;

    upto = upto < p->nchunks ? upto : p->nchunks;
    if (!p->thread || last < AHEAD || upto <= p->want)
        return;
    (void)pthread_mutex_lock(&p->lock);
    p->want = upto;
    (void)pthread_cond_signal(&p->wake);
    (void)pthread_mutex_unlock(&p->lock);
}

/* ---- the writer ----------------------------------------------------------------------------------------- */

/* relaxed: see note_taken. A stale NOT or UNDER_WAY costs a system call, never more; TAKEN stays. */
static bool have_chunk(struct tarn_populate *p, uint64_t c)
{
    _Atomic uint64_t *counter = NULL;

    if (atomic_load_explicit(&p->states[c], memory_order_relaxed) == TAKEN)
        return true;
    if (!p->fault_at || ++p->populations != p->fault_at)
        counter = take_chunk(p, c);
    if (!counter) {
        atomic_fetch_add_explicit(&p->failed, 1, memory_order_relaxed);
        return false;
    }
    note_taken(p, c, counter);
    return true;
}

bool tarn_populate_take(struct tarn_populate *p, uint64_t first, uint64_t last, bool growing)
{
    for (uint64_t c = first; c <= last; c++)
        if (!have_chunk(p, c))
            return false;
    if (growing)
        want(p, last);
    return true;
}

uint64_t tarn_populate_count(const struct tarn_populate *p)
{
    return atomic_load_explicit(&p->collapsed, memory_order_relaxed) + atomic_load_explicit(&p->faulted, memory_order_relaxed);
}

/* ---- life -------------------------------------------------------------------------------------------------- */

int tarn_populate_init(struct tarn_populate *p, char *base, uint64_t bytes, bool huge)
{
    *p = (struct tarn_populate){.base = base, .nchunks = bytes / CHUNK, .huge = huge};
    p->states = calloc(p->nchunks ? p->nchunks : 1, sizeof *p->states);
    return p->states ? 0 : TARN_E_NOMEM;
}

void tarn_populate_ahead(struct tarn_populate *p, struct tarn_runtime *rt)
{
    if (p->nchunks <= AHEAD + 1 || !rt->ops->thread_start)
        return;
    p->rt = rt;
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->wake, NULL);
    if (rt->ops->thread_start(rt, help, p, &p->thread) == 0)
        return;
    p->thread = NULL;
    (void)pthread_cond_destroy(&p->wake);
    (void)pthread_mutex_destroy(&p->lock);
}

void tarn_populate_release(struct tarn_populate *p)
{
    if (p->thread) {
        (void)pthread_mutex_lock(&p->lock);
        p->stop = true;
        (void)pthread_cond_signal(&p->wake);
        (void)pthread_mutex_unlock(&p->lock);
        p->rt->ops->thread_join(p->rt, p->thread);
        (void)pthread_cond_destroy(&p->wake);
        (void)pthread_mutex_destroy(&p->lock);
    }
    free(p->states);
    *p = (struct tarn_populate){0};
}
