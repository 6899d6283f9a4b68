/* alloc.c - see alloc.h. Slots of a class are found by bitmap: 1 bit of private memory per slot, nothing in the region. */
#include "alloc.h"

#include <stdlib.h>
#include <string.h>

#define UNIT TARN_ALLOC_UNIT_BYTES
#define CHUNK TARN_REGION_CHUNK_BYTES
#define NONE UINT32_MAX

enum { USE_FREE, USE_CLASS, USE_RUN };

/* 16 32 48 64, then steps of 64 to 1024, then eight classes per doubling to 64 KiB. */
unsigned tarn_alloc_class(uint64_t bytes)
{
    unsigned e;

    if (bytes <= 64)
        return bytes ? (unsigned)((bytes - 1) / 16) : 0;
    if (bytes <= 1024)
        return 3 + (unsigned)((bytes - 1) / 64);
    e = 63u - (unsigned)__builtin_clzll(bytes - 1);
    return 19 + (e - 10) * 8 + (unsigned)((bytes - 1) >> (e - 3)) - 8;
}

uint32_t tarn_alloc_class_bytes(unsigned class)
{
    unsigned e, step;

    if (class < 4)
        return (class + 1) * 16;
    if (class < 19)
        return (class - 2) * 64;
    e = 10 + (class - 19) / 8;
    step = (class - 19) % 8 + 9;
    return step << (e - 3);
}

/* Units of a group: as few as waste no more than an eighth, so that many classes fit a small region. */
static uint32_t group_units(unsigned class)
{
    uint32_t bytes = tarn_alloc_class_bytes(class), n = 1;

    while (n < 8 && n * UNIT % bytes > n * UNIT / 8)
        n *= 2;
    return n;
}

/* Unit 0 begins behind the header page. */
static uint32_t unit_start(uint32_t u)
{
    return u ? 0 : TARN_REGION_HEADER_BYTES;
}

int tarn_alloc_init(struct tarn_alloc *a, char *base, uint64_t size, bool huge)
{
    uint32_t n = (uint32_t)(size / UNIT);

    *a = (struct tarn_alloc){.base = base, .size = size, .nunits = n, .free_units = n, .highest_free = n - 1};
    a->reserve[TARN_ALLOC_NORMAL] = n / 32;
    a->reserve[TARN_ALLOC_URGENT] = n / 32 / 4;
    memset(a->partial, 0xff, sizeof a->partial);
    a->private_bytes = n * sizeof *a->units + size / CHUNK;
    a->units = calloc(n, sizeof *a->units);
    return a->units ? tarn_populate_init(&a->populate, base, size, huge) : TARN_E_NOMEM;
}

void tarn_alloc_release(struct tarn_alloc *a)
{
    for (uint32_t u = 0; a->units && u < a->nunits; u++)
        free(a->units[u].bits);
    free(a->units);
    tarn_populate_release(&a->populate);
    *a = (struct tarn_alloc){0};
}

static bool populate(struct tarn_alloc *a, uint32_t first, uint32_t n, bool growing)
{
    return tarn_populate_take(&a->populate, (uint64_t)first * UNIT / CHUNK, ((uint64_t)(first + n) * UNIT - 1) / CHUNK, growing);
}

/* ---- units ---------------------------------------------------------------------------------------------- */

static bool may_take(const struct tarn_alloc *a, uint32_t n, enum tarn_alloc_rank rank)
{
    return a->free_units >= n + a->reserve[rank];
}

/* The lowest n free units, aligned to n, so that groups of one size leave no odd holes. Unit 0 is short. */
static uint32_t find_lowest(struct tarn_alloc *a, uint32_t n, bool whole)
{
    uint32_t from;

    while (a->lowest_free < a->nunits && a->units[a->lowest_free].use != USE_FREE)
        a->lowest_free++;
    from = whole && !a->lowest_free ? 1 : a->lowest_free;
    for (uint32_t u = (from + n - 1) / n * n; u + n <= a->nunits; u += n) {
        uint32_t have = 0;

        while (have < n && a->units[u + have].use == USE_FREE)
            have++;
        if (have == n)
            return u;
    }
    return NONE;
}

/* The highest n free units. */
static uint32_t find_highest(struct tarn_alloc *a, uint32_t n)
{
    uint32_t have = 0;

    while (a->highest_free && a->units[a->highest_free].use != USE_FREE)
        a->highest_free--;
    for (uint32_t u = a->highest_free; u > 0; u--) { /* unit 0 holds the header */
        have = a->units[u].use == USE_FREE ? have + 1 : 0;
        if (have == n)
            return u;
    }
    return NONE;
}

static void units_mark(struct tarn_alloc *a, uint32_t first, uint32_t n, uint8_t use)
{
    for (uint32_t u = first; u < first + n; u++) {
        a->units[u].use = use;
        a->units[u].first = first;
    }
    a->units[first].n = n;
    a->free_units -= n;
}

static void units_free(struct tarn_alloc *a, uint32_t first)
{
    uint32_t n = a->units[first].n;

    for (uint32_t u = first; u < first + n; u++)
        a->units[u].use = USE_FREE;
    a->free_units += n;
    if (first < a->lowest_free)
        a->lowest_free = first;
    if (first + n - 1 > a->highest_free)
        a->highest_free = first + n - 1;
}

static int run_get(struct tarn_alloc *a, uint64_t bytes, enum tarn_alloc_rank rank, uint32_t *ret_ref)
{
    uint32_t n = (uint32_t)((bytes + UNIT - 1) / UNIT), first;

    first = may_take(a, n, rank) ? find_highest(a, n) : NONE;
    if (first == NONE || !populate(a, first, n, false))
        return TARN_E_FULL;
    units_mark(a, first, n, USE_RUN);
    a->used_bytes += (uint64_t)n * UNIT;
    *ret_ref = (uint32_t)((uint64_t)first * UNIT >> TARN_REGION_UNIT_SHIFT);
    return 0;
}

/* ---- classes --------------------------------------------------------------------------------------------- */

static void list_add(struct tarn_alloc *a, uint32_t g)
{
    struct tarn_alloc_unit *k = &a->units[g];

    k->prev = NONE;
    k->next = a->partial[k->class];
    if (k->next != NONE)
        a->units[k->next].prev = g;
    a->partial[k->class] = g;
}

static void list_remove(struct tarn_alloc *a, uint32_t g)
{
    struct tarn_alloc_unit *k = &a->units[g];

    if (k->prev != NONE)
        a->units[k->prev].next = k->next;
    else
        a->partial[k->class] = k->next;
    if (k->next != NONE)
        a->units[k->next].prev = k->prev;
}

static size_t bitmap_bytes(uint32_t nslots)
{
    return (nslots + 63) / 64 * sizeof(uint64_t);
}

/* A fresh group for the class, put on its list. */
static int group_new(struct tarn_alloc *a, unsigned class, enum tarn_alloc_rank rank)
{
    uint32_t n = group_units(class), first, nslots;
    struct tarn_alloc_unit *k;
    uint64_t *bits;

    first = may_take(a, n, rank) ? find_lowest(a, n, tarn_alloc_class_bytes(class) > 8192) : NONE;
    if (first == NONE || !populate(a, first, n, true))
        return TARN_E_FULL;
    nslots = (n * UNIT - unit_start(first)) / tarn_alloc_class_bytes(class);
    bits = calloc(1, bitmap_bytes(nslots));
    if (!bits)
        return TARN_E_NOMEM;
    if (nslots % 64) /* bits behind the last slot are never free */
        bits[nslots / 64] = ~UINT64_C(0) << nslots % 64;
    units_mark(a, first, n, USE_CLASS);
    k = &a->units[first];
    k->bits = bits;
    k->free = k->nslots = nslots;
    k->hint = 0;
    k->class = (uint8_t)class;
    a->private_bytes += bitmap_bytes(nslots);
    list_add(a, first);
    return 0;
}

static uint32_t slot_take(struct tarn_alloc *a, uint32_t g)
{
    struct tarn_alloc_unit *k = &a->units[g];
    uint32_t words = (k->nslots + 63) / 64, w = k->hint, slot, bytes = tarn_alloc_class_bytes(k->class);

    while (k->bits[w] == ~UINT64_C(0))
        w = w + 1 == words ? 0 : w + 1;
    k->hint = w;
    slot = w * 64 + (uint32_t)__builtin_ctzll(~k->bits[w]);
    k->bits[w] |= UINT64_C(1) << slot % 64;
    if (!--k->free)
        list_remove(a, g);
    a->used_bytes += bytes;
    return (uint32_t)(((uint64_t)g * UNIT + unit_start(g) + (uint64_t)slot * bytes) >> TARN_REGION_UNIT_SHIFT);
}

/* When units are out: the smallest larger class with a free slot. */
static uint32_t larger_partial(const struct tarn_alloc *a, unsigned class)
{
    for (unsigned k = class + 1; k < TARN_ALLOC_CLASSES; k++)
        if (a->partial[k] != NONE)
            return a->partial[k];
    return NONE;
}

int tarn_alloc_get(struct tarn_alloc *a, uint64_t bytes, enum tarn_alloc_rank rank, uint32_t *ret_ref)
{
    unsigned class;
    uint32_t g;

    if (bytes > TARN_ALLOC_CLASS_MAX)
        return run_get(a, bytes, rank, ret_ref);
    class = tarn_alloc_class(bytes);
    if (a->partial[class] == NONE && group_new(a, class, rank) == TARN_E_NOMEM)
        return TARN_E_NOMEM;
    g = a->partial[class] != NONE ? a->partial[class] : larger_partial(a, class);
    if (g == NONE && group_units(class) > 1) /* no room for a group: the slot alone, as a run */
        return run_get(a, bytes, rank, ret_ref);
    if (g == NONE)
        return TARN_E_FULL;
    *ret_ref = slot_take(a, g);
    return 0;
}

static struct tarn_alloc_unit *owner_of(const struct tarn_alloc *a, uint32_t ref)
{
    return &a->units[a->units[((uint64_t)ref << TARN_REGION_UNIT_SHIFT) / UNIT].first];
}

uint64_t tarn_alloc_bytes(const struct tarn_alloc *a, uint32_t ref)
{
    const struct tarn_alloc_unit *k = owner_of(a, ref);

    return k->use == USE_RUN ? (uint64_t)k->n * UNIT : tarn_alloc_class_bytes(k->class);
}

static void group_put(struct tarn_alloc *a, uint32_t g)
{
    struct tarn_alloc_unit *k = &a->units[g];

    list_remove(a, g);
    a->private_bytes -= bitmap_bytes(k->nslots);
    free(k->bits);
    k->bits = NULL;
    units_free(a, g);
}

void tarn_alloc_put(struct tarn_alloc *a, uint32_t ref)
{
    struct tarn_alloc_unit *k = owner_of(a, ref);
    uint32_t g = (uint32_t)(k - a->units), slot, bytes;

    a->used_bytes -= tarn_alloc_bytes(a, ref);
    if (k->use == USE_RUN) {
        units_free(a, g);
        return;
    }
    bytes = tarn_alloc_class_bytes(k->class);
    slot = (uint32_t)((((uint64_t)ref << TARN_REGION_UNIT_SHIFT) - (uint64_t)g * UNIT - unit_start(g)) / bytes);
    k->bits[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    if (!k->free++)
        list_add(a, g);
    if (k->free == k->nslots)
        group_put(a, g);
}
