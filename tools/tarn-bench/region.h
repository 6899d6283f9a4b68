/* region.h - what the region's benchmark and its peers share: one way to ask any of them for a key. */
#ifndef TARN_BENCH_REGION_H
#define TARN_BENCH_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tarn_object;

#define REGION_KEY_BYTES 28u
#define REGION_PEERS_MAX 8
#define REGION_SAMPLES 100000u
#define REGION_READERS_MAX 8u

/* What is measured: n objects of about object_bytes, the part's name in the report, the floors of the ratios to LMDB (0: none): of a loop, and of a new process's gets. */
struct region_case {
    const char *part;
    uint64_t n;
    unsigned object_bytes;
    double lmdb_mean, lmdb_p50, lmdb_p99;
    bool processes; /* measure the throughput of 1 to N of them */
};

/* One system under test. Each function returns 0 or -1. */
struct region_peer {
    const char *name;
    bool local;        /* in this process: its objects can be in the caches */
    bool takes_writes; /* put and commit from another thread, beside gets */
    void *ctx;
    /* The value under key: where it stands and its length, good until the next call. */
    int (*get)(void *ctx, const char *key, const unsigned char **ret, size_t *ret_len);
    int (*put)(void *ctx, const char *key, const void *value, size_t len);
    /* Called between batches of puts; NULL: nothing. */
    int (*commit)(void *ctx);
    /* Visit all values, return how many; NULL: cannot. */
    uint64_t (*list)(void *ctx);
    /* In forked child number me (below REGION_READERS_MAX), before its first get: what a reader process of its own has of its own; and
     * after its last, what must not stay. NULL: nothing. */
    int (*enter)(void *ctx, unsigned me);
    void (*leave)(void *ctx);
    /* A server: it and the caller on one core, or both wherever the scheduler wants them again. NULL: none. */
    int (*one_core)(void *ctx, bool on);
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

/* What a get reads of the object: its head, or its last byte, whose place follows from the length found. */
enum region_reads { REGION_HEAD, REGION_END };

/* Gets of random keys, each with a clock around it, into ns[samples]. Returns the failures. */
int region_sample_gets(struct region_peer *p, uint64_t n, enum region_reads reads, uint64_t *seed, uint64_t *ns, unsigned samples);
/* A program uses one store, not five in turn: before a peer is measured, its objects take the caches back. */
void region_warm(struct region_peer *p, uint64_t n);

/* What only tarn has: indexes, batches, selectors, snapshots, commits; and its walks, for while a writer works. Returns the failures. */
int region_tarn_measure(const struct region_peer *tarn);
int region_tarn_measure_under_writes(const struct region_peer *tarn);
/* All that is measured of a peer while it takes 10,000 updates a second. Returns the failures. */
int region_measure_under_writes(const struct region_case *c, struct region_peer *p);
/* Throughput of 1 to N reader processes at each peer; when: "" or ", 10,000 writes/s". Returns the failures. */
int region_measure_processes(const struct region_case *c, struct region_peer *peers, unsigned npeers, const char *when);
/* Gets of a process that has just mapped its store. Returns the failures. */
int region_measure_newcomers(const struct region_case *c, struct region_peer *peers, unsigned npeers);
/* How soon a sleeping reader has a commit. Returns the failures. */
int region_measure_wake(void);

/* Key number i: "ns-123/workload-0a1b2c-4567d", 28 bytes. Object number i under it, owned by the caller. */
void region_key(char *buf, uint64_t i);
const struct tarn_object *region_object(const struct region_case *c, uint64_t i, unsigned version);
/* A hash that all home-made tables here may use. */
uint64_t region_hash(const char *key);

#endif
