/* alloc.c - see alloc.h. Slots of a class are found by bitmap: 1 bit of private memory per slot, nothing in the region. */
#include "alloc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"

#define CHUNK TARN_REGION_CHUNK_BYTES
#define NONE UINT32_MAX

enum { USE_FREE, USE_CLASS, USE_RUN, USE_RUN_TAIL };

/* 16 32 48 64, then steps of 64 to 1024, then eight classes per doubling to 1 MiB. */
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

/* Chunk 0 begins behind the header page. */
static uint32_t chunk_start(uint32_t c)
{
    return c ? 0 : TARN_REGION_HEADER_BYTES;
}

int tarn_alloc_init(struct tarn_alloc *a, char *base, uint64_t size, bool huge)
{
    uint32_t n = (uint32_t)(size / CHUNK);

    *a = (struct tarn_alloc){.base = base, .size = size, .nchunks = n, .free_chunks = n, .huge = huge, .highest_free = n - 1};
    a->reserve = n >= 128 ? n / 64 : n >= 6;
    memset(a->partial, 0xff, sizeof a->partial);
    a->private_bytes = n * sizeof *a->chunks;
    a->chunks = calloc(n, sizeof *a->chunks);
    return a->chunks ? 0 : TARN_E_NOMEM;
}

void tarn_alloc_release(struct tarn_alloc *a)
{
    for (uint32_t c = 0; a->chunks && c < a->nchunks; c++)
        free(a->chunks[c].bits);
    free(a->chunks);
    *a = (struct tarn_alloc){0};
}

/* ---- taking chunks from the kernel ------------------------------------------------------------ */

static bool populate(struct tarn_alloc *a, uint32_t c)
{
    char *p = a->base + (uint64_t)c * CHUNK;

    if (a->chunks[c].populated)
        return true;
    if (a->fault_at && ++a->populations == a->fault_at) {
        a->failed++;
        return false;
    }
    if (a->huge && !madvise(p, CHUNK, MADV_COLLAPSE)) {
        a->collapsed++;
    } else if (!madvise(p, CHUNK, MADV_POPULATE_WRITE)) {
        a->populated++;
    } else if (errno == EINVAL) { /* before Linux 5.14: first touch may then raise SIGBUS when memory is out */
        a->populated++;
    } else {
        a->failed++;
        return false;
    }
    a->chunks[c].populated = true;
    return true;
}

/* The reserve is kept back unless urgent. */
static bool may_take(const struct tarn_alloc *a, uint32_t n, bool urgent)
{
    return a->free_chunks >= n + (urgent ? 0 : a->reserve);
}

static uint32_t take_lowest(struct tarn_alloc *a, bool urgent)
{
    if (!may_take(a, 1, urgent))
        return NONE;
    for (uint32_t c = a->lowest_free; c < a->nchunks; c++) {
        if (a->chunks[c].use != USE_FREE)
            continue;
        a->lowest_free = c;
        if (!populate(a, c))
            return NONE;
        a->free_chunks--;
        return c;
    }
    return NONE;
}

static bool run_populate(struct tarn_alloc *a, uint32_t first, uint32_t n)
{
    for (uint32_t c = first; c < first + n; c++)
        if (!populate(a, c))
            return false;
    return true;
}

static void run_mark(struct tarn_alloc *a, uint32_t first, uint32_t n)
{
    for (uint32_t c = first; c < first + n; c++)
        a->chunks[c].use = USE_RUN_TAIL;
    a->chunks[first].use = USE_RUN;
    a->chunks[first].run = n;
    a->free_chunks -= n;
}

/* The highest run of n free chunks; chunk 0 holds the header and is never part of one. */
static int run_get(struct tarn_alloc *a, uint64_t bytes, bool urgent, uint32_t *ret_ref)
{
    uint32_t n = (uint32_t)((bytes + CHUNK - 1) / CHUNK), have = 0, c;

    if (!may_take(a, n, urgent))
        return TARN_E_FULL;
    while (a->highest_free && a->chunks[a->highest_free].use != USE_FREE)
        a->highest_free--;
    for (c = a->highest_free; c > 0; c--) {
        have = a->chunks[c].use == USE_FREE ? have + 1 : 0;
        if (have == n)
            break;
    }
    if (have < n || !run_populate(a, c, n))
        return TARN_E_FULL;
    run_mark(a, c, n);
    a->used_bytes += (uint64_t)n * CHUNK;
    *ret_ref = (uint32_t)((uint64_t)c * CHUNK >> TARN_REGION_UNIT_SHIFT);
    return 0;
}

static void chunk_free(struct tarn_alloc *a, uint32_t c)
{
    a->chunks[c].use = USE_FREE;
    a->free_chunks++;
    if (c < a->lowest_free)
        a->lowest_free = c;
    if (c > a->highest_free)
        a->highest_free = c;
}

/* ---- classes --------------------------------------------------------------------------------- */

static void list_add(struct tarn_alloc *a, uint32_t c)
{
    struct tarn_alloc_chunk *k = &a->chunks[c];

    k->prev = NONE;
    k->next = a->partial[k->class];
    if (k->next != NONE)
        a->chunks[k->next].prev = c;
    a->partial[k->class] = c;
}

static void list_remove(struct tarn_alloc *a, uint32_t c)
{
    struct tarn_alloc_chunk *k = &a->chunks[c];

    if (k->prev != NONE)
        a->chunks[k->prev].next = k->next;
    else
        a->partial[k->class] = k->next;
    if (k->next != NONE)
        a->chunks[k->next].prev = k->prev;
}

static size_t bitmap_bytes(uint32_t nslots)
{
    return (nslots + 63) / 64 * sizeof(uint64_t);
}

/* A fresh chunk for the class, put on its list. */
static int chunk_new(struct tarn_alloc *a, unsigned class, bool urgent)
{
    uint32_t c, nslots;
    struct tarn_alloc_chunk *k;
    uint64_t *bits;

    c = take_lowest(a, urgent);
    if (c == NONE)
        return TARN_E_FULL;
    nslots = (CHUNK - chunk_start(c)) / tarn_alloc_class_bytes(class);
    bits = calloc(1, bitmap_bytes(nslots));
    if (!bits) {
        chunk_free(a, c);
        return TARN_E_NOMEM;
    }
    if (nslots % 64) /* bits behind the last slot are never free */
        bits[nslots / 64] = ~UINT64_C(0) << nslots % 64;
    k = &a->chunks[c];
    *k = (struct tarn_alloc_chunk){.bits = bits, .free = nslots, .nslots = nslots, .class = (uint8_t)class, .use = USE_CLASS, .populated = true};
    a->private_bytes += bitmap_bytes(nslots);
    list_add(a, c);
    return 0;
}

static uint32_t slot_take(struct tarn_alloc *a, uint32_t c)
{
    struct tarn_alloc_chunk *k = &a->chunks[c];
    uint32_t words = (k->nslots + 63) / 64, w = k->hint, slot;

    while (k->bits[w] == ~UINT64_C(0))
        w = w + 1 == words ? 0 : w + 1;
    k->hint = w;
    slot = w * 64 + (uint32_t)__builtin_ctzll(~k->bits[w]);
    k->bits[w] |= UINT64_C(1) << slot % 64;
    if (!--k->free)
        list_remove(a, c);
    a->used_bytes += tarn_alloc_class_bytes(k->class);
    return (uint32_t)(((uint64_t)c * CHUNK + chunk_start(c) + (uint64_t)slot * tarn_alloc_class_bytes(k->class)) >>
                      TARN_REGION_UNIT_SHIFT);
}

/* When chunks are out: the smallest larger class with a free slot. */
static uint32_t larger_partial(const struct tarn_alloc *a, unsigned class)
{
    for (unsigned k = class + 1; k < TARN_ALLOC_CLASSES; k++)
        if (a->partial[k] != NONE)
            return a->partial[k];
    return NONE;
}

int tarn_alloc_get(struct tarn_alloc *a, uint64_t bytes, bool urgent, uint32_t *ret_ref)
{
    unsigned class;
    uint32_t c;

    if (bytes > TARN_ALLOC_CLASS_MAX)
        return run_get(a, bytes, urgent, ret_ref);
    class = tarn_alloc_class(bytes);
    if (a->partial[class] == NONE) {
        int rc = chunk_new(a, class, urgent);

        if (rc == TARN_E_NOMEM)
            return rc;
    }
    c = a->partial[class] != NONE ? a->partial[class] : larger_partial(a, class);
    if (c == NONE)
        return TARN_E_FULL;
    *ret_ref = slot_take(a, c);
    return 0;
}

static uint32_t chunk_of(uint32_t ref)
{
    return (uint32_t)(((uint64_t)ref << TARN_REGION_UNIT_SHIFT) / CHUNK);
}

uint64_t tarn_alloc_bytes(const struct tarn_alloc *a, uint32_t ref)
{
    const struct tarn_alloc_chunk *k = &a->chunks[chunk_of(ref)];

    return k->use == USE_RUN ? (uint64_t)k->run * CHUNK : tarn_alloc_class_bytes(k->class);
}

static void run_put(struct tarn_alloc *a, uint32_t first)
{
    uint32_t n = a->chunks[first].run;

    a->used_bytes -= (uint64_t)n * CHUNK;
    a->chunks[first].run = 0;
    for (uint32_t c = first; c < first + n; c++)
        chunk_free(a, c);
}

void tarn_alloc_put(struct tarn_alloc *a, uint32_t ref)
{
    uint32_t c = chunk_of(ref), slot, size;
    struct tarn_alloc_chunk *k = &a->chunks[c];

    if (k->use == USE_RUN) {
        run_put(a, c);
        return;
    }
    size = tarn_alloc_class_bytes(k->class);
    slot = (uint32_t)((((uint64_t)ref << TARN_REGION_UNIT_SHIFT) - (uint64_t)c * CHUNK - chunk_start(c)) / size);
    k->bits[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    a->used_bytes -= size;
    if (!k->free++)
        list_add(a, c);
    if (k->free == k->nslots) {
        list_remove(a, c);
        a->private_bytes -= bitmap_bytes(k->nslots);
        free(k->bits);
        k->bits = NULL;
        chunk_free(a, c);
    }
}
