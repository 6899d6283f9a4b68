/* ring.h - a growing ring of equal elements: what the queues keep their order in.
 *
 * Elements are moved when it grows. Not thread-safe: the queue's lock. {.size = sizeof(element)} is an empty one.
 */
#ifndef TARN_RING_H
#define TARN_RING_H

#include <stdlib.h>
#include <string.h>

#include <tarn/error.h>

struct tarn_ring {
    char *v;
    size_t size;   /* of an element */
    size_t cap;    /* 0 or a power of two */
    size_t head, n;
};

/* The i-th element from the head; valid until the ring changes. */
static inline void *tarn_ring_at(const struct tarn_ring *r, size_t i)
{
    return r->v + ((r->head + i) & (r->cap - 1)) * r->size;
}

/* Room for n more. 0 or TARN_E_NOMEM: as before. */
static inline int tarn_ring_reserve(struct tarn_ring *r, size_t n)
{
    size_t cap = r->cap ? r->cap : 16, first;
    char *v;

    if (n <= r->cap - r->n)
        return 0;
    while (cap < r->n + n)
        cap *= 2;
    v = malloc(cap * r->size);
    if (!v)
        return TARN_E_NOMEM;
    first = r->cap - r->head < r->n ? r->cap - r->head : r->n;
    if (r->n) {
        memcpy(v, r->v + r->head * r->size, first * r->size);
        memcpy(v + first * r->size, r->v, (r->n - first) * r->size);
    }
    free(r->v);
    r->v = v;
    r->cap = cap;
    r->head = 0;
    return 0;
}

/* Append; room must have been reserved. */
static inline void tarn_ring_push(struct tarn_ring *r, const void *element)
{
    memcpy(tarn_ring_at(r, r->n), element, r->size);
    r->n++;
}

/* Drop n elements at the head. */
static inline void tarn_ring_drop(struct tarn_ring *r, size_t n)
{
    r->head = (r->head + n) & (r->cap - 1);
    r->n -= n;
}

static inline void tarn_ring_release(struct tarn_ring *r)
{
    free(r->v);
    *r = (struct tarn_ring){.size = r->size};
}

#endif
