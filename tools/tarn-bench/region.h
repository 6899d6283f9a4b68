/* region.h - what the region's benchmark and its peers share: one way to ask any of them for a key. */
#ifndef TARN_BENCH_REGION_H
#define TARN_BENCH_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGION_KEY_BYTES 28u

/* One system under test. Each function returns 0 or -1. */
struct region_peer {
    const char *name;
    bool local; /* in this process: its objects can be in the caches */
    void *ctx;
    /* The value under key: where it stands and its length, good until the next call. */
    int (*get)(void *ctx, const char *key, const unsigned char **ret, size_t *ret_len);
    int (*put)(void *ctx, const char *key, const void *value, size_t len);
    /* Called between batches of puts; NULL: nothing. */
    int (*commit)(void *ctx);
    /* Visit all values, return how many; NULL: cannot. */
    uint64_t (*list)(void *ctx);
    void (*close)(void *ctx);
};

/* Start a peer that can hold n values of len bytes; 0, or -1 when it is not here (why is noted). */
int region_lmdb_open(struct region_peer *p, uint64_t n, size_t len);
int region_redis_open(struct region_peer *p);
int region_memcached_open(struct region_peer *p, uint64_t n, size_t len);
/* The floor: an array of slots and the values, no versions, no checks. */
int region_probe_open(struct region_peer *p, uint64_t n, size_t len);

/* Key number i: "ns-123/workload-0a1b2c-4567d", 28 bytes. */
void region_key(char *buf, uint64_t i);
/* A hash that all home-made tables here may use. */
uint64_t region_hash(const char *key);

#endif
