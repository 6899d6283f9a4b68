/* keyset.h - a set of keys in the order they were first seen, each with the last delta seen for it.
 *
 * What a queue needs to compare itself with a list. Owns copies of the keys; the deltas are the caller's. Not thread-safe.
 */
#ifndef TARN_KEYSET_H
#define TARN_KEYSET_H

#include <tarn/queue.h>

#include "map.h"

struct tarn_keyset {
    struct tarn_map map; /* key → its number */
    struct tarn_keys keys;
    const struct tarn_delta **last; /* by number */
};

/* Room for n different keys. 0 or TARN_E_NOMEM. */
TARN_MUST_CHECK int tarn_keyset_init(struct tarn_keyset *k, size_t n);
void tarn_keyset_release(struct tarn_keyset *k);
/* Note key, for which there is room; *ret_seen: it was there before. 0 or TARN_E_NOMEM. */
TARN_MUST_CHECK int tarn_keyset_add(struct tarn_keyset *k, struct tarn_bytes key, const struct tarn_delta *d, bool *ret_seen);
bool tarn_keyset_has(const struct tarn_keyset *k, struct tarn_bytes key);

#endif
