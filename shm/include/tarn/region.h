/* tarn/region.h - a client's read-only mapping of a region, and what its header says.
 *
 * Before the first byte is believed, the descriptor is checked: sealed against shrinking, growing and writing, of the
 * size its header names, of a format this build knows. After that no access can raise a signal: references are
 * checked against the size taken here.
 *
 * Owns: the mapping, 2 MiB aligned so that large pages made by the agent serve this process, followed by
 * TARN_OBJECT_BYTES_MAX readable zero bytes, so that accessors of objects that lie about their size stay inside.
 * Any thread may use a view; unmap it when nobody does.
 * Not here: pins (pin.h), lookups (reader.h).
 */
#ifndef TARN_REGION_H
#define TARN_REGION_H

#include <tarn/bytes.h>
#include <tarn/error.h>
#include <tarn/layout.h>

struct tarn_region_view {
    const char *base; /* of the mapping; the header is at its begin */
    uint64_t size;    /* bytes of the region, from fstat, equal to the header's */
    uint64_t hash_key[2];
    uint64_t generation;
    uint8_t instance[16];
    uint64_t inode; /* of the memfd, for diagnostics */
};

/*
 * Map the region behind fd read-only. The view does not keep fd: close it afterwards.
 * Returns 0; TARN_E_CORRUPT (seals missing, size, checksum: err names which); TARN_E_ABI (another major or unknown
 * incompatible features: err says both versions); TARN_E_IO, TARN_E_NOMEM.
 */
TARN_MUST_CHECK int tarn_region_view_map(int fd, struct tarn_region_view *ret, struct tarn_error *err);
/*
 * The same checks on size bytes already in memory (a test, a checkpoint, the agent's own mapping), without seals. The
 * memory stays the caller's and must outlive the view; what follows it should be readable as said above. Never unmap such a view.
 */
TARN_MUST_CHECK int tarn_region_view_of(const void *base, uint64_t size, struct tarn_region_view *ret,
                                        struct tarn_error *err);
/* Unmap; {0} is allowed. No reader may be open on it, no object of it in use. */
void tarn_region_view_unmap(struct tarn_region_view *v);

/* What the header says now: each value by itself, no snapshot. */
struct tarn_region_facts {
    uint64_t commit_seq, commit_ns; /* CLOCK_MONOTONIC */
    uint64_t horizon;
    uint64_t heartbeat_ns; /* CLOCK_MONOTONIC */
    uint32_t agent_state;  /* enum tarn_agent_state */
    uint64_t superseded;   /* 0: this generation is the current one */
    uint64_t generation;
    uint64_t created_ns; /* CLOCK_REALTIME */
    uint8_t instance[16];
    char realm[25];
    uint64_t size;
    uint16_t abi_major, abi_minor;
    uint64_t log_head, log_floor;
    uint64_t live_bytes, retired_bytes, free_bytes, objects;
    uint64_t collections, revocations, refused, over_budget, pressure;
};
/* What the region's header says now: each field for itself, not one moment of all. */
void tarn_region_view_facts(const struct tarn_region_view *v, struct tarn_region_facts *ret);

/* The newest commit (acquire: everything of it is visible to the caller). */
uint64_t tarn_region_view_commit(const struct tarn_region_view *v);

#endif
