/* u64map.h - a small private hash map from u64 to u64 for the writer; keys are never 0. */
#ifndef TARN_SHM_U64MAP_H
#define TARN_SHM_U64MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tarn/error.h>

struct tarn_u64map {
    struct tarn_u64map_slot {
        uint64_t key, value;
    } *slots;
    size_t n, cap; /* cap: a power of two, or 0 */
};

void tarn_u64map_release(struct tarn_u64map *m);
/* Room for `more` further keys, so that the next puts cannot fail. 0 or TARN_E_NOMEM. */
TARN_MUST_CHECK int tarn_u64map_reserve(struct tarn_u64map *m, size_t more);
/* The value's place, or NULL; valid until the map changes. */
uint64_t *tarn_u64map_get(const struct tarn_u64map *m, uint64_t key);
/* Insert or overwrite; room must have been reserved. */
void tarn_u64map_put(struct tarn_u64map *m, uint64_t key, uint64_t value);
/* true if it was there. */
bool tarn_u64map_remove(struct tarn_u64map *m, uint64_t key);

#endif
