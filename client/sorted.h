/* Objects of a walk in key order, sorted once per snapshot. */
#ifndef TARN_CLIENT_SORTED_H
#define TARN_CLIENT_SORTED_H

#include "internal.h"

/* What was walked: a resource, or one value of one of its indexes (index >= 0). */
struct sorted_key {
    uint16_t store;
    int index;
    struct tarn_bytes value;
};

/* The sorted objects of key: found, or made by walking drive to its end. Lives until the snapshot is closed. */
int tarn_sorted_find(struct tarn_snapshot *s, const struct sorted_key *key, struct tarn_reader_iter *drive,
                     const struct snapshot_sorted **ret);
/* The first position whose key is not below `from` (or, behind true, is above it). O(log n). */
size_t tarn_sorted_from(const struct snapshot_sorted *o, struct tarn_bytes from, bool behind);
void tarn_sorted_free_all(struct tarn_snapshot *s);

#endif
