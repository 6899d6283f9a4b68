/* tarn/reader.h - a snapshot of a region: what a client reads, at one commit, across all resources.
 *
 * Wait-free: beginning costs two loads, a store and a fence; a lookup makes no system call, takes no lock and
 * allocates nothing. Objects are pointers into the mapping.
 *
 * USE, THEN CHECK, THEN ACT. While the reader's pin is honoured, everything it found stays byte for byte. Under memory
 * pressure the agent may stop honouring it (parked pins first, then those older than the lease): every call here then
 * answers TARN_E_EXPIRED, and tarn_reader_check tells whether all that was read so far was covered. A holder that
 * ignores both cannot crash (the memory stays mapped) but may see recycled bytes. The copying twin tarn_reader_copy
 * validates what it copies. Zero-copy pointers are free of data races until expiry only.
 *
 * Results: 0 (or 1 with an object, 0 at the end, for iterators), TARN_E_NOTFOUND, TARN_E_EXPIRED, TARN_E_CORRUPT (the
 * region breaks its format: report, detach, attach again), TARN_E_INDEX_MISSING, TARN_E_INVAL.
 *
 * A reader is the caller's memory and belongs to one thread at a time. Any number may be open on one view.
 * Source of the protocol: pins as in LMDB's reader table and epoch-based reclamation, made wait-free; proof in docs.
 */
#ifndef TARN_READER_H
#define TARN_READER_H

#include <stdbool.h>

#include <tarn/bytes.h>
#include <tarn/error.h>
#include <tarn/object.h>
#include <tarn/pin.h>
#include <tarn/region.h>
#include <tarn/resource.h>

/* One snapshot. Fields are read-only for callers. */
struct tarn_reader {
    const struct tarn_region_view *view;
    struct tarn_pin_line *line; /* NULL: unpinned, sound but quickly expired */
    uint64_t seq;               /* the snapshot: the commit it reads; 0: closed */
};

/*
 * Begin a snapshot at the newest commit. line is claimed by the caller (tarn_pin_claim) and used by no other reader;
 * NULL: no pin: reads are still never wrong, but expire with the next collections. Wait-free, 11-15 ns.
 */
void tarn_reader_begin(struct tarn_reader *r, const struct tarn_region_view *view, struct tarn_pin_line *line);
/* End it: the pin goes. Pointers from it are void. */
void tarn_reader_end(struct tarn_reader *r);
/* 0 if everything read since begin was covered, else TARN_E_EXPIRED. */
TARN_MUST_CHECK int tarn_reader_check(const struct tarn_reader *r);
/* Agree that the pin may go under pressure (park), or no longer. */
void tarn_reader_park(struct tarn_reader *r);
/* Hold the pin firmly again. One that was taken meanwhile stays taken: tarn_reader_check says so. */
void tarn_reader_unpark(struct tarn_reader *r);

/* ---- objects ---------------------------------------------------------------------------- */

/* The object under key in the resource `store`. Two cache misses. */
TARN_MUST_CHECK int tarn_reader_get(const struct tarn_reader *r, uint16_t store, struct tarn_bytes key,
                                    const struct tarn_object **ret);
/*
 * n keys at once, memory latency overlapped: ret[i] is the object or NULL. Returns the number found, or an error (then
 * ret is undefined).
 */
TARN_MUST_CHECK int tarn_reader_get_many(const struct tarn_reader *r, uint16_t store, const struct tarn_bytes *keys,
                                         unsigned n, const struct tarn_object **ret);
/* The commit that made this version; obj from this reader. */
uint64_t tarn_reader_object_seq(const struct tarn_object *obj);
/* The resource (store id) of obj; obj from this reader. */
uint16_t tarn_reader_object_store(const struct tarn_object *obj);

/*
 * Copy obj (from this reader) to the heap: bytes are loaded race-free, the record's checksum and the horizon are
 * tested afterwards. *ret is an owned reference. TARN_E_EXPIRED, TARN_E_CORRUPT, TARN_E_NOMEM.
 */
TARN_MUST_CHECK int tarn_reader_copy(const struct tarn_reader *r, const struct tarn_object *obj,
                                     const struct tarn_object **ret);

/* ---- walks -------------------------------------------------------------------------------- */

/* A walk over a resource or an index value; the caller's memory, nothing to release. */
struct tarn_reader_iter {
    const struct tarn_reader *r;
    const struct tarn_array *posting, *heads;
    uint32_t i, n, nheads;
    uint32_t vid;   /* the value each object must carry; 0: every object of the store */
    uint16_t store;
    uint16_t index;
    bool incomplete; /* second half of by_index: objects with more values than fit */
    uint8_t lines;   /* of each object, that the caller said it will look at (tarn_reader_expect); 0: its head */
    const struct tarn_resource_info *info;
    struct tarn_bytes value;
};

/* All objects of a resource, in no order. 20-30 ns an object. */
TARN_MUST_CHECK int tarn_reader_list(const struct tarn_reader *r, uint16_t store, struct tarn_reader_iter *ret);
/*
 * All objects with this value in index number `index` of the resource (tarn_resource_index). info and value must stay
 * until the walk ends.
 */
TARN_MUST_CHECK int tarn_reader_by_index(const struct tarn_reader *r, const struct tarn_resource_info *info,
                                         unsigned index, struct tarn_bytes value, struct tarn_reader_iter *ret);
/* 1 and the next object; 0 at the end; or an error. */
TARN_MUST_CHECK int tarn_reader_next(struct tarn_reader_iter *it, const struct tarn_object **ret);

/*
 * Before the first next: the caller will read the first `bytes` of each object, not only its key (a selector does). They are fetched
 * ahead of the walk, so that it waits for memory's throughput and not for each miss.
 */
void tarn_reader_expect(struct tarn_reader_iter *it, uint32_t bytes);

/*
 * All that `it` gives from here on of keys that begin with prefix (empty: all), in key order (bytewise): *ret is the caller's (free), of *ret_n borrowed objects. TARN_E_NOMEM, or as
 * tarn_reader_next; a snapshot that expired meanwhile is TARN_E_EXPIRED, never a wrong order. 8 bytes an object, twice that while sorting.
 */
TARN_MUST_CHECK int tarn_reader_sorted(struct tarn_reader_iter *it, struct tarn_bytes prefix, const struct tarn_object ***ret, size_t *ret_n);
/* The first of v[n], so sorted, whose key is not below `from` (or, behind true, is above it). O(log n). */
size_t tarn_reader_sorted_from(const struct tarn_object *const *v, size_t n, struct tarn_bytes from, bool behind);

/* A walk over the values of an index. */
struct tarn_reader_values {
    const struct tarn_reader *r;
    const struct tarn_resource_info *info;
    const struct tarn_array *directory;
    uint32_t i, n;
    unsigned index;
    struct tarn_reader_iter rest; /* objects with more values than fit */
    struct tarn_index_values *extra; /* their values: heap, only when there are such objects */
    size_t extra_i;
    const struct tarn_object *rest_object; /* whose values extra holds */
    bool resting;
};
/*
 * The values of an index that at least one object has at this snapshot (client-go ListIndexFuncValues), each once, in
 * no order. Release with tarn_reader_values_release.
 */
TARN_MUST_CHECK int tarn_reader_index_values(const struct tarn_reader *r, const struct tarn_resource_info *info,
                                             unsigned index, struct tarn_reader_values *ret);
/* 1 and the next value (valid until the next call), 0 at the end, or an error. */
TARN_MUST_CHECK int tarn_reader_values_next(struct tarn_reader_values *it, struct tarn_bytes *ret);
/* Free what the walk allocated; at any point of it. */
void tarn_reader_values_release(struct tarn_reader_values *it);

/* ---- object numbers: what the change log speaks of (log.h) ------------------------------------ */

/* Object numbers that ever were: oids are below it. */
TARN_MUST_CHECK int tarn_reader_oids(const struct tarn_reader *r, uint32_t *ret);
/*
 * The version of object number oid at this snapshot: TARN_E_NOTFOUND when there was none (not yet, or deleted).
 */
TARN_MUST_CHECK int tarn_reader_by_oid(const struct tarn_reader *r, uint32_t oid, const struct tarn_object **ret);
/*
 * The resourceVersion at which object number oid was deleted, if this snapshot still sees its tombstone: else TARN_E_NOTFOUND. 0: not known (the
 * region is of format 1.1, or it went with its resource). Not carried over into a new generation.
 */
TARN_MUST_CHECK int tarn_reader_deleted_version(const struct tarn_reader *r, uint32_t oid, uint64_t *ret);
/*
 * Has object number oid changed after commit `since` and at or before this snapshot? 1 or 0, or an error. With it, a
 * scan over all oids finds what an overrun log has lost. *ret_store is its resource.
 */
TARN_MUST_CHECK int tarn_reader_changed(const struct tarn_reader *r, uint32_t oid, uint64_t since, uint16_t *ret_store);

/* ---- resources ------------------------------------------------------------------------------- */

/* What is mirrored under name ("pods", "deployments.apps"); borrowed parts of *ret live as long as the snapshot. */
TARN_MUST_CHECK int tarn_reader_resource(const struct tarn_reader *r, struct tarn_bytes name,
                                         struct tarn_resource_info *ret);
/* A walk over all resources, with tarn_reader_next_resource. */
TARN_MUST_CHECK int tarn_reader_resources(const struct tarn_reader *r, struct tarn_reader_iter *ret);
/* 1 and the next resource, 0 at the end, or an error. */
TARN_MUST_CHECK int tarn_reader_next_resource(struct tarn_reader_iter *it, struct tarn_resource_info *ret);

#endif
