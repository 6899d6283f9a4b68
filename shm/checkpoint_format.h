/* checkpoint_format.h - every byte of a checkpoint; docs/checkpoint.md says the same in words: change both together.
 *
 *     header | RESOURCE block, one each | OBJECTS blocks, each of one resource | END block
 *
 * Little endian. A block is a head and `stored` bytes behind it; heads carry the header's checksum, so that blocks of another file
 * are not taken for this one's, and a running number, so that none is lost, repeated or moved.
 */
#ifndef TARN_SHM_CHECKPOINT_FORMAT_H
#define TARN_SHM_CHECKPOINT_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include <tarn/object.h>

#define CKPT_MAGIC UINT64_C(0x74706b636e726174) /* "tarnckpt" in memory order */
#define CKPT_MAJOR 1                             /* a reader refuses any other */
#define CKPT_MINOR 1                             /* a reader accepts newer ones */
#define CKPT_BYTE_ORDER UINT32_C(0x01020304)
#define CKPT_HAS_DELETED UINT64_C(1)             /* a feature: lists of deleted objects, whose blobs are tombstones with the final state (object.h) */
#define CKPT_FEATURES CKPT_HAS_DELETED           /* that a reader of this code knows */

struct ckpt_header {
    uint64_t magic;
    uint16_t major, minor;
    uint32_t header_bytes;
    uint32_t byte_order;
    uint32_t resources;    /* RESOURCE blocks that follow */
    uint64_t incompatible; /* feature bits: a reader refuses unknown ones */
    uint64_t real_ns, monotonic_ms;
    uint8_t boot[16];
    uint8_t instance[16];
    uint64_t generation, commit;
    char realm[24];
    uint32_t reserved;
    uint32_t crc; /* crc32c of the bytes before it */
};
_Static_assert(sizeof(struct ckpt_header) == 128 && offsetof(struct ckpt_header, crc) == 124, "part of the format");

enum ckpt_type {
    CKPT_RESOURCE = 1, /* payload: the blob of the resource's record (region-format.md) */
    CKPT_OBJECTS = 2,  /* payload: `count` blobs of objects of resource `store`, one behind the other */
    CKPT_END = 3,      /* payload: struct ckpt_end; nothing follows */
};
enum ckpt_codec { CKPT_PLAIN = 0, CKPT_ZSTD = 1 };

struct ckpt_block {
    uint16_t type, codec;
    uint32_t file;   /* the header's crc */
    uint32_t number; /* 0, 1, 2 ... */
    uint32_t stored; /* bytes of the payload in the file */
    uint32_t raw;    /* ... and unpacked */
    uint32_t count;
    uint16_t store, reserved;
    uint32_t payload_crc; /* crc32c of the stored bytes */
    uint32_t reserved2;
    uint32_t crc; /* crc32c of the bytes before it */
};
_Static_assert(sizeof(struct ckpt_block) == 40 && offsetof(struct ckpt_block, crc) == 36, "part of the format");

struct ckpt_end {
    uint64_t objects, raw_bytes; /* of all OBJECTS blocks */
};
_Static_assert(sizeof(struct ckpt_end) == 16, "part of the format");

#define CKPT_BLOCK_BYTES (512u << 10) /* an OBJECTS block is closed when it has so many raw bytes */
#define CKPT_RAW_MAX (TARN_OBJECT_BYTES_MAX + CKPT_BLOCK_BYTES)
#define CKPT_STORED_MAX (CKPT_RAW_MAX + CKPT_RAW_MAX / 128 + 1024)

#endif
