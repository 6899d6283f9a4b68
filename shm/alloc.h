/* alloc.h - the region's memory: size classes in groups of 64 KiB units from the bottom up, runs of units from the top down.
 *
 * All state is private to the agent; the region holds none of it. A group has one size class and a bitmap; an empty
 * group gives its units back. When no group is left for a class, a slot of a larger class serves. Memory is populated
 * a 2 MiB chunk at a time, when its first unit is taken, so that using it later cannot raise a signal.
 */
#ifndef TARN_SHM_ALLOC_H
#define TARN_SHM_ALLOC_H

#include <stdbool.h>
#include <stdint.h>

#include <tarn/error.h>
#include <tarn/layout.h>

#include "populate.h"

#define TARN_ALLOC_UNIT_BYTES 65536u
#define TARN_ALLOC_CLASSES 67u
#define TARN_ALLOC_CLASS_MAX TARN_ALLOC_UNIT_BYTES /* larger ones are runs of units */

/* Who asks: the last units are kept for deletes, and the very last for what a commit itself needs. */
enum tarn_alloc_rank { TARN_ALLOC_NORMAL, TARN_ALLOC_URGENT, TARN_ALLOC_LAST };

struct tarn_alloc_unit {
    uint64_t *bits; /* at a group's first unit; 1: slot in use */
    uint32_t free, nslots, hint;
    uint32_t prev, next; /* list of groups of the class with a free slot */
    uint32_t first;      /* of the group or run this unit belongs to */
    uint32_t n;          /* units of it, at its first */
    uint8_t class;
    uint8_t use; /* enum in alloc.c */
};

struct tarn_alloc {
    char *base;
    uint64_t size;
    uint32_t nunits, free_units;
    uint32_t reserve[3]; /* units kept back from each rank */
    struct tarn_alloc_unit *units;
    struct tarn_populate populate;        /* per 2 MiB chunk: taken from the kernel once, kept for ever */
    uint32_t partial[TARN_ALLOC_CLASSES]; /* first unit, 0xffffffff: none */
    uint32_t lowest_free, highest_free;   /* hints */
    uint64_t used_bytes, private_bytes;
};

TARN_MUST_CHECK int tarn_alloc_init(struct tarn_alloc *a, char *base, uint64_t size, bool huge);
void tarn_alloc_release(struct tarn_alloc *a);
/*
 * bytes of region memory, 64-aligned when over 64. Returns 0, TARN_E_FULL or TARN_E_NOMEM.
 * What stands there is old content.
 */
TARN_MUST_CHECK int tarn_alloc_get(struct tarn_alloc *a, uint64_t bytes, enum tarn_alloc_rank rank, uint32_t *ret_ref);
void tarn_alloc_put(struct tarn_alloc *a, uint32_t ref);
/* Bytes that ref really holds. */
uint64_t tarn_alloc_bytes(const struct tarn_alloc *a, uint32_t ref);
/* The class of a size, and the size of a class. */
unsigned tarn_alloc_class(uint64_t bytes);
uint32_t tarn_alloc_class_bytes(unsigned class);

#endif
