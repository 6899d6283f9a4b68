/* tarn/layout.h - every byte that agent and clients share: the one place that knows the region's format.
 *
 * A region is one sealed memfd of a fixed size (the budget). Page 0 is the header; everything else is found from it by
 * 32-bit references in units of 16 bytes, so 64 GiB are addressable. Only the agent can write it.
 *
 *     header ── table ──▶ slots {tag, ref} ─▶ newest version of a key ─prev─▶ older ─prev─▶ ...
 *            ── heads ──▶ ref by object number (oid) ─▶ the same newest version
 *            ── log   ──▶ ring of {seq, oid, store}
 *     index node (a record of kind NODE, found through the table) ── posting ──▶ oids (candidates; the record decides)
 *
 * Little endian. Multi-byte fields are aligned to their size. What a reader finds here is data, never truth: each
 * reference and length is checked against the size the reader mapped itself. docs/region-format.md tells the same to
 * other languages; change both together.
 */
#ifndef TARN_LAYOUT_H
#define TARN_LAYOUT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define TARN_REGION_MAGIC UINT64_C(0x6e6f69676572746e) /* "ntregion" in memory order */
#define TARN_REGION_ABI_MAJOR 1                        /* a reader refuses any other */
#define TARN_REGION_ABI_MINOR 2                        /* a reader accepts newer ones. 1: resources name their source and where to resume; 2: tombstones say at which
                                                        * resourceVersion */
#define TARN_REGION_HEADER_BYTES 4096u
#define TARN_REGION_BYTE_ORDER UINT32_C(0x01020304)
#define TARN_REGION_UNIT_SHIFT 4 /* a reference counts units of 16 bytes */
#define TARN_REGION_CHUNK_BYTES (2u << 20)
#define TARN_REGION_BYTES_MIN (2 * (uint64_t)TARN_REGION_CHUNK_BYTES)
#define TARN_REGION_BYTES_MAX (UINT64_C(1) << 36)

/* What honest data never exceeds; a reader that meets more answers TARN_E_CORRUPT instead of walking on. */
#define TARN_REGION_PROBE_MAX 4096u        /* slots of one probe; the writer rebuilds at 1024 */
#define TARN_REGION_VERSIONS_MAX 65536u    /* versions behind a head */
#define TARN_REGION_KEY_MAX 1024u          /* bytes of a key */
#define TARN_REGION_VIDS_MAX 1024u         /* index values of one object */
#define TARN_REGION_VALUE_INLINE_MAX 512u  /* an indexed value longer than this is keyed by its hash */
#define TARN_REGION_INDEXES_MAX 64u        /* indexes of one resource */
#define TARN_REGION_SLOTS_MAX 64u          /* slot paths of one resource */
#define TARN_REGION_RESOURCES_MAX 4096u    /* resources of one realm */
#define TARN_REGION_NAME_MAX 253u          /* bytes of a resource's, index's or slot's name */

/* A reference: offset >> TARN_REGION_UNIT_SHIFT. */
#define TARN_REF_NONE 0u
#define TARN_REF_DELETED 1u /* only in table slots: once used, now free; a probe goes on behind it */

/* A resource whose name ends so is the list of what was deleted of the resource before it: tombstones with final state and time,
 * under "KEY/UID", with the resource's indexes (of the final state) and these two. */
#define TARN_DELETED_SUFFIX "/deleted"
#define TARN_DELETED_BY_KEY "key"
#define TARN_DELETED_BY_UID "uid"

enum tarn_agent_state {
    TARN_AGENT_STARTING = 1,
    TARN_AGENT_LIVE = 2,
    TARN_AGENT_STOPPED = 3, /* a clean exit; nothing changes any more */
};

/* Counters the writer keeps in the header for whoever looks; information, never used for decisions. */
struct tarn_region_counters {
    _Atomic uint64_t live_bytes;    /* in records, nodes, postings, tables: reachable at the last commit */
    _Atomic uint64_t retired_bytes; /* kept for snapshots or in quarantine */
    _Atomic uint64_t free_bytes;    /* what the allocator could still hand out */
    _Atomic uint64_t objects;       /* live objects at the last commit */
    _Atomic uint64_t collections;   /* runs of the collector */
    _Atomic uint64_t revocations;   /* pins left out of the horizon although held */
    _Atomic uint64_t refused;       /* writes refused because the region was full */
    _Atomic uint64_t over_budget;   /* 1 while the region serves older data because a write was refused */
    _Atomic uint64_t pressure;      /* last step of the pressure ladder taken, enum tarn_pressure */
};

/* Page 0. The first 128 bytes are constant once the region is sealed; then one line per group that changes together. */
struct tarn_region_header {
    uint64_t magic;
    uint16_t abi_major, abi_minor;
    uint32_t header_bytes;
    uint32_t byte_order;
    uint32_t unit_shift;
    uint64_t size;           /* of the region, a multiple of TARN_REGION_CHUNK_BYTES */
    uint8_t instance[16];    /* random per agent run */
    uint64_t generation;     /* counts up at each hand-over of a realm */
    uint64_t created_ns;     /* CLOCK_REALTIME */
    uint64_t hash_key[2];    /* random per region */
    uint64_t incompatible;   /* feature bits: a reader refuses unknown ones */
    uint64_t compatible;     /* feature bits: a reader may ignore them */
    char realm[24];          /* NUL-padded */
    uint32_t reserved;
    uint32_t crc;            /* crc32c of the 124 bytes before it */

    _Alignas(64) _Atomic uint64_t commit_seq; /* the newest complete state; starts at 1 */
    _Atomic uint64_t commit_ns;               /* CLOCK_MONOTONIC of it */
    _Alignas(64) _Atomic uint64_t horizon;    /* snapshots below it are no longer protected */
    _Alignas(64) _Atomic uint32_t table;      /* refs */
    _Atomic uint32_t heads;
    _Atomic uint32_t log;
    _Alignas(64) _Atomic uint64_t log_head;   /* positions: the next entry, and the oldest still there */
    _Atomic uint64_t log_floor;
    _Alignas(64) _Atomic uint64_t heartbeat_ns; /* CLOCK_MONOTONIC, at least once a second while the agent lives */
    _Atomic uint32_t agent_state;               /* enum tarn_agent_state */
    _Alignas(64) _Atomic uint64_t superseded;   /* by this generation; 0: this one is current */
    _Alignas(64) struct tarn_region_counters counters;
};

enum tarn_record_kind {
    TARN_RECORD_OBJECT = 1,
    TARN_RECORD_TOMBSTONE = 2, /* the key does not exist from this version on; the blob is a bare key with the resourceVersion of the deletion */
    TARN_RECORD_RESOURCE = 3,  /* store 0: description and state of one resource, see resource.h */
    TARN_RECORD_NODE = 4,      /* an index value; link.prev is its posting, link.oid its tarn_node_code */
};

/*
 * The link before each blob. Immutable once linked, except prev of a NODE. The record is 64-aligned when larger than
 * 64 bytes, so link, blob header and a key of up to 31 bytes share one cache line.
 * Behind the blob stand nvid references of the nodes (value ids) the object is indexed under.
 */
struct tarn_link {
    _Atomic uint64_t seq;   /* commit that made this version */
    _Atomic uint32_t prev;  /* the version before, with a smaller seq; TARN_REF_NONE: none. NODE: the posting */
    _Atomic uint32_t oid;   /* object number, index into heads. NODE: tarn_node_code */
    _Atomic uint32_t crc;   /* crc32c of the blob */
    _Atomic uint16_t store; /* resource; 0: the resources themselves */
    _Atomic uint16_t kind_nvid; /* kind << 12 | nvid */
};

/* Begin of each blob (object.h); here because lookups read it. */
struct tarn_blob_head {
    uint32_t size; /* of the whole blob, a multiple of 8 */
    uint16_t klen;
    uint8_t format; /* object.h, or one of: */
    uint8_t flags;
};
#define TARN_BLOB_RESOURCE 0x80 /* resource.h */
#define TARN_BLOB_NODE 0x81     /* key: the value, or its 16-byte hash with TARN_NODE_HASHED, then u32 length, u32 0, the value */
#define TARN_NODE_HASHED 1      /* flag of a NODE's blob */

#define TARN_LINK_NVID_MASK 0x0fffu
/* The kind of a link: its upper four bits. */
static inline unsigned tarn_link_kind(uint16_t kind_nvid)
{
    return kind_nvid >> 12;
}
/* The number of value ids behind a link's header: its lower twelve bits. */
static inline unsigned tarn_link_nvid(uint16_t kind_nvid)
{
    return kind_nvid & TARN_LINK_NVID_MASK;
}

/* What a node stands for: class << 16 | index number of the resource. */
enum tarn_node_class {
    TARN_NODE_VALUE = 0,      /* posting: oids that have, or had, this value */
    TARN_NODE_MEMBERS = 1,    /* posting: oids of the resource */
    TARN_NODE_DIRECTORY = 2,  /* posting: refs of the VALUE nodes of an index */
    TARN_NODE_INCOMPLETE = 3, /* posting: oids with more values than fit, so a query looks at them too */
};
#define TARN_NODE_CODE(node_class, index) ((uint32_t)(node_class) << 16 | (uint32_t)(index))

/* Primary hash. First slot of a key = tag >> (32 - log2), then linear. Slot = tag << 32 | ref; 0: empty. */
struct tarn_table {
    _Atomic uint32_t log2;
    uint32_t pad[15];
    _Atomic uint64_t slot[];
};
#define TARN_TABLE_LOG2_MIN 4u
#define TARN_TABLE_LOG2_MAX 30u

/* Object numbers to newest versions, and postings: both append only, replaced by a copy when full. */
struct tarn_array {
    _Atomic uint32_t cap;
    _Atomic uint32_t n;
    _Atomic uint32_t v[];
};

struct tarn_log_entry {
    _Atomic uint64_t seq;
    _Atomic uint32_t oid;
    _Atomic uint32_t store; /* of the object that changed */
};

/* The change log: position p stands in entry[p & (2^log2 - 1)]. */
struct tarn_log_ring {
    _Atomic uint32_t log2;
    uint32_t pad[15];
    struct tarn_log_entry entry[];
};
#define TARN_LOG_LOG2_MIN 6u
#define TARN_LOG_LOG2_MAX 24u

/*
 * A client's control page: made by the agent, written by that client, believed by nobody. Line 0, then one line per
 * pin. A pin is the snapshot it protects, 0: none; the top bit says that the holder agrees to lose it.
 */
struct tarn_pin_line {
    _Alignas(64) _Atomic uint64_t pin;
};
struct tarn_control_page {
    _Alignas(64) _Atomic uint32_t armed; /* client: wake me after the next commit; agent: exchanged to 0 */
    _Atomic uint32_t high;               /* client: lines 0 .. high-1 may hold pins */
    struct tarn_pin_line line[];
};
#define TARN_PIN_PARKED (UINT64_C(1) << 63)
#define TARN_CONTROL_BYTES_DEFAULT 65536u /* 1023 pins */
#define TARN_CONTROL_BYTES_MAX (1u << 20)
#define TARN_CONTROL_LINES(bytes) ((uint32_t)((bytes) / 64 - 1))

#define TARN_AT(type, field, offset) \
    _Static_assert(offsetof(struct type, field) == (offset), "part of the format: " #type "." #field)
TARN_AT(tarn_region_header, magic, 0);
TARN_AT(tarn_region_header, abi_major, 8);
TARN_AT(tarn_region_header, abi_minor, 10);
TARN_AT(tarn_region_header, header_bytes, 12);
TARN_AT(tarn_region_header, byte_order, 16);
TARN_AT(tarn_region_header, unit_shift, 20);
TARN_AT(tarn_region_header, size, 24);
TARN_AT(tarn_region_header, instance, 32);
TARN_AT(tarn_region_header, generation, 48);
TARN_AT(tarn_region_header, created_ns, 56);
TARN_AT(tarn_region_header, hash_key, 64);
TARN_AT(tarn_region_header, incompatible, 80);
TARN_AT(tarn_region_header, compatible, 88);
TARN_AT(tarn_region_header, realm, 96);
TARN_AT(tarn_region_header, crc, 124);
TARN_AT(tarn_region_header, commit_seq, 128);
TARN_AT(tarn_region_header, commit_ns, 136);
TARN_AT(tarn_region_header, horizon, 192);
TARN_AT(tarn_region_header, table, 256);
TARN_AT(tarn_region_header, heads, 260);
TARN_AT(tarn_region_header, log, 264);
TARN_AT(tarn_region_header, log_head, 320);
TARN_AT(tarn_region_header, log_floor, 328);
TARN_AT(tarn_region_header, heartbeat_ns, 384);
TARN_AT(tarn_region_header, agent_state, 392);
TARN_AT(tarn_region_header, superseded, 448);
TARN_AT(tarn_region_header, counters, 512);
_Static_assert(sizeof(struct tarn_region_header) <= TARN_REGION_HEADER_BYTES, "the header is one page");
TARN_AT(tarn_link, prev, 8);
TARN_AT(tarn_link, oid, 12);
TARN_AT(tarn_link, crc, 16);
TARN_AT(tarn_link, store, 20);
TARN_AT(tarn_link, kind_nvid, 22);
_Static_assert(sizeof(struct tarn_link) == 24, "part of the format");
TARN_AT(tarn_blob_head, klen, 4);
TARN_AT(tarn_blob_head, format, 6);
TARN_AT(tarn_blob_head, flags, 7);
_Static_assert(sizeof(struct tarn_blob_head) == 8, "part of the format");
TARN_AT(tarn_table, slot, 64);
TARN_AT(tarn_array, v, 8);
TARN_AT(tarn_log_entry, oid, 8);
TARN_AT(tarn_log_entry, store, 12);
_Static_assert(sizeof(struct tarn_log_entry) == 16, "part of the format");
TARN_AT(tarn_log_ring, entry, 64);
TARN_AT(tarn_control_page, high, 4);
TARN_AT(tarn_control_page, line, 64);
_Static_assert(sizeof(struct tarn_pin_line) == 64, "one cache line");
_Static_assert(sizeof(struct tarn_region_counters) == 72, "part of the format");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "shared atomics need no lock");

#endif
