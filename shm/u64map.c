/* u64map.c - linear probing, at most half full, removal by shifting back: no tombstones, so it never needs a sweep. */
#include "u64map.h"

#include <stdlib.h>

static size_t home(const struct tarn_u64map *m, uint64_t key)
{
    key ^= key >> 32;
    return (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (m->cap - 1);
}

void tarn_u64map_release(struct tarn_u64map *m)
{
    free(m->slots);
    *m = (struct tarn_u64map){0};
}

int tarn_u64map_reserve(struct tarn_u64map *m, size_t more)
{
    struct tarn_u64map bigger = {.cap = m->cap ? m->cap : 64};

    if ((m->n + more) * 2 <= m->cap)
        return 0;
    while ((m->n + more) * 2 > bigger.cap)
        bigger.cap *= 2;
    bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
    if (!bigger.slots)
        return TARN_E_NOMEM;
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].key)
            tarn_u64map_put(&bigger, m->slots[i].key, m->slots[i].value);
    free(m->slots);
    *m = bigger;
    return 0;
}

uint64_t *tarn_u64map_get(const struct tarn_u64map *m, uint64_t key)
{
    if (!m->n)
        return NULL;
    for (size_t i = home(m, key); m->slots[i].key; i = (i + 1) & (m->cap - 1))
        if (m->slots[i].key == key)
            return &m->slots[i].value;
    return NULL;
}

void tarn_u64map_put(struct tarn_u64map *m, uint64_t key, uint64_t value)
{
    size_t i = home(m, key);

    while (m->slots[i].key && m->slots[i].key != key)
        i = (i + 1) & (m->cap - 1);
    m->n += !m->slots[i].key;
    m->slots[i] = (struct tarn_u64map_slot){.key = key, .value = value};
}

/* Close the hole at i: move back what would no longer be found across it. */
static void close_hole(struct tarn_u64map *m, size_t i)
{
    size_t mask = m->cap - 1, j = i;

    for (;;) {
        m->slots[i].key = 0;
        do {
            j = (j + 1) & mask;
            if (!m->slots[j].key)
                return;
        } while (((j - home(m, m->slots[j].key)) & mask) < ((j - i) & mask));
        m->slots[i] = m->slots[j];
        i = j;
    }
}

bool tarn_u64map_remove(struct tarn_u64map *m, uint64_t key)
{
    uint64_t *v = tarn_u64map_get(m, key);

    if (!v)
        return false;
    m->n--;
    close_hole(m, (size_t)((struct tarn_u64map_slot *)(void *)((char *)v - offsetof(struct tarn_u64map_slot, value)) - m->slots));
    return true;
}
