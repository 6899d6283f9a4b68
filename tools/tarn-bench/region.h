/* region.h - what the region's benchmark and its peers share: one way to ask any of them for a key. */
#ifndef TARN_BENCH_REGION_H
#define TARN_BENCH_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tarn_object;

#define REGION_KEY_BYTES 28u
#define REGION_PEERS_MAX 8

/* What is measured: n objects of about object_bytes, the part's name in the report, the floors of the ratios to LMDB (0: none). */
struct region_case {
    const char *part;
    uint64_t n;
    unsigned object_bytes;
    double lmdb_mean, lmdb_p50, lmdb_p99;
};

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
    /* In a forked child, before its first get: what a reader process of its own has of its own. NULL: nothing. */
    int (*enter)(void *ctx);
    void (*close)(void *ctx);
};

/* Start a peer that can hold the case's objects; 0, or -1 when it is not here (why is noted). */
int region_tarn_open(struct region_peer *p, const struct region_case *c);
int region_lmdb_open(struct region_peer *p, const struct region_case *c);
int region_redis_open(struct region_peer *p, const struct region_case *c);
int region_memcached_open(struct region_peer *p, const struct region_case *c);
/* The floor: an array of slots and the values, no versions, no checks. */
int region_probe_open(struct region_peer *p, const struct region_case *c);
/* The same table in shared memory under a lock that all processes take: flock on a file, a pthread rwlock; values are copied out. */
int region_flock_open(struct region_peer *p, const struct region_case *c);
int region_rwlock_open(struct region_peer *p, const struct region_case *c);

/* What only tarn has: indexes, batches, selectors, snapshots, commits. Returns the failures. */
int region_tarn_measure(const struct region_peer *tarn);
/* Throughput of 1 to N reader processes at each peer, and of waking one after a commit. Returns the failures. */
int region_measure_processes(const struct region_case *c, struct region_peer *peers, unsigned npeers);
int region_measure_wake(void);

/* Key number i: "ns-123/workload-0a1b2c-4567d", 28 bytes. Object number i under it, owned by the caller. */
void region_key(char *buf, uint64_t i);
const struct tarn_object *region_object(const struct region_case *c, uint64_t i, unsigned version);
/* A hash that all home-made tables here may use. */
uint64_t region_hash(const char *key);

#endif
