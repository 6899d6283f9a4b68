/* map.c - the hash map's growth and deletion; lookups are inline in map.h. */
#include "map.h"

#include <stdlib.h>

#include "pages.h"

#define CAP_MIN 8

void tarn_map_release(struct tarn_map *m)
{
    free(m->slots);
    *m = (struct tarn_map){0};
}

static size_t cap_for(size_t n)
{
    size_t cap = CAP_MIN;

    while (cap / 4 * 3 < n)
        cap *= 2;
    return cap;
}

static void place(struct tarn_map_slot *slots, size_t mask, struct tarn_map_slot s)
{
    size_t i = s.hash & mask;

    while (slots[i].p)
        i = (i + 1) & mask;
    slots[i] = s;
}

int tarn_map_reserve(struct tarn_map *m, size_t n)
{
    struct tarn_map_slot *slots;
    size_t cap;

    if (n <= m->cap / 4 * 3)
        return 0;
    if (n > UINT32_MAX / 4)
        return TARN_E_NOMEM;
    cap = cap_for(n);
    slots = calloc(cap, sizeof *slots);
    if (!slots)
        return TARN_E_NOMEM;
    tarn_pages_hint(slots, cap * sizeof *slots);
    if (!m->seed) /* where the heap put the table is the chance we have: core draws none of its own */
        m->seed = tarn_map_mix((uint64_t)(uintptr_t)slots | 1, UINT64_C(0x9e3779b97f4a7c15)) | 1;
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].p)
            place(slots, cap - 1, m->slots[i]);
    free(m->slots);
    m->slots = slots;
    m->cap = cap;
    return 0;
}

void tarn_map_put(struct tarn_map *m, uint32_t hash, const void *p, uint32_t id)
{
    place(m->slots, m->cap - 1, (struct tarn_map_slot){.p = p, .hash = hash, .id = id});
    m->n++;
}

/* Move back each follower that may stand at the hole: one whose home is not between the hole and itself. */
void tarn_map_remove(struct tarn_map *m, struct tarn_map_slot *s)
{
    size_t mask = m->cap - 1, hole = (size_t)(s - m->slots);

    for (size_t i = (hole + 1) & mask; m->slots[i].p; i = (i + 1) & mask) {
        size_t home = m->slots[i].hash & mask;

        if (((i - home) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct tarn_map_slot){0};
    m->n--;
}
