/* rings.c - the growing queue and the growing array of the writer's private state. */
#include <stdlib.h>

#include "writer_impl.h"

int tarn_ring_reserve(struct tarn_ring *r, size_t more)
{
    size_t n = r->tail - r->head, cap = r->cap ? r->cap : 64;
    struct tarn_tagged *v;

    if (n + more <= r->cap)
        return 0;
    while (cap < n + more)
        cap *= 2;
    v = malloc(cap * sizeof *v);
    if (!v)
        return TARN_E_NOMEM;
    for (size_t i = r->head; i < r->tail; i++)
        v[i & (cap - 1)] = *tarn_ring_at(r, i);
    free(r->v);
    r->v = v;
    r->cap = cap;
    return 0;
}

int tarn_u32s_reserve(struct tarn_u32s *a, size_t more)
{
    size_t cap = a->cap ? a->cap : 64;
    uint32_t *v;

    if (a->n + more <= a->cap)
        return 0;
    while (cap < a->n + more)
        cap *= 2;
    v = realloc(a->v, cap * sizeof *v);
    if (!v)
        return TARN_E_NOMEM;
    a->v = v;
    a->cap = cap;
    return 0;
}
