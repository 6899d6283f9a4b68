/* blob.h - the bytes of an object, for the files of core that write or read them.
 *
 * Owns: the layout that <tarn/object.h> documents, as a struct for writing and as a checked view for
 * reading. One idea: a reader loads each size, length and offset once, through tarn_once*, checks the
 * loaded copy and uses only that, so that bytes another process changes meanwhile cannot lead it outside.
 */
#ifndef TARN_CORE_BLOB_H
#define TARN_CORE_BLOB_H

#include <tarn/object.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the object format is little endian and read in place: a big-endian host needs swapping loads here"
#endif

struct tarn_object {
    uint32_t size;
    uint16_t klen;
    uint8_t format;
    uint8_t flags;
};

/* Behind the key, at the next multiple of 8. */
struct tarn_blob_meta {
    uint64_t resource_version;
    uint16_t store, nslen;
    uint32_t uid_off, body_off, slots_off, table_off, body_len;
};

_Static_assert(sizeof(struct tarn_object) == 8, "part of the format");
_Static_assert(sizeof(struct tarn_blob_meta) == 32, "part of the format");

#define TARN_BLOB_TABLE_BODY_MIN 512u /* smaller bodies are scanned as fast as looked up */
#define TARN_BLOB_TABLE_KEYS_MAX 192u
#define TARN_BLOB_CHILD 0x80000000u /* in a table's off: the key belongs to the map of the last key without it */
#define TARN_BLOB_KEY_MAX 65535u
#define TARN_BLOB_UID_MAX 65535u

/* A value the compiler may not load from memory a second time. */
static inline uint8_t tarn_once8(uint8_t x)
{
    __asm__("" : "+r"(x));
    return x;
}
static inline uint16_t tarn_once16(const void *p)
{
    uint16_t x;

    memcpy(&x, p, sizeof x);
    __asm__("" : "+r"(x));
    return x;
}
static inline uint32_t tarn_once32(const void *p)
{
    uint32_t x;

    memcpy(&x, p, sizeof x);
    __asm__("" : "+r"(x));
    return x;
}
static inline uint64_t tarn_once64(const void *p)
{
    uint64_t x;

    memcpy(&x, p, sizeof x);
    __asm__("" : "+r"(x));
    return x;
}

static inline uint32_t tarn_align8(uint32_t n)
{
    return (n + 7) & ~7u;
}
static inline uint32_t tarn_align4(uint32_t n)
{
    return (n + 3) & ~3u;
}

/* Where the meta of a blob with this key length begins. */
static inline uint32_t tarn_blob_meta_off(uint32_t klen)
{
    return tarn_align8((uint32_t)sizeof(struct tarn_object) + klen + 1);
}

/* The u16 tag of a key in the depth-2 table: a hash of its length, first and last bytes; part of the format. */
static inline uint16_t tarn_blob_tag(const char *key, size_t len)
{
    uint64_t a = 0, b = 0;

    if (len >= 8) {
        memcpy(&a, key, 8);
        memcpy(&b, key + len - 8, 8);
    } else if (len >= 4) {
        memcpy(&a, key, 4);
        memcpy(&b, key + len - 4, 4);
    } else if (len) {
        a = (uint8_t)key[0] | (uint64_t)(uint8_t)key[len / 2] << 8 | (uint64_t)(uint8_t)key[len - 1] << 16;
    }
    a = (a ^ len) * 0x9e3779b97f4a7c15u;
    b = (b ^ (a >> 32)) * 0xc2b2ae3d27d4eb4fu;
    return (uint16_t)((a ^ b) >> 48);
}

/*
 * Ask for the first lines of an object whose key and fields are about to be read, before anything waits for one of them: behind the
 * first miss stands an atomic step (a count, a lock), which no later load passes.
 */
static inline void tarn_blob_prefetch(const struct tarn_object *obj, size_t bytes)
{
    __builtin_prefetch((const char *)obj - 16, 1); /* the count of one on the heap */
    for (size_t at = 48; at < bytes; at += 64)
        __builtin_prefetch((const char *)obj + at);
}

/* What stands before a body. Everything is borrowed; the table's and slots' offsets count from the body. */
struct tarn_blob_head {
    struct tarn_bytes ns, name; /* the key is ns/name, or name */
    struct tarn_bytes uid;
    uint64_t resource_version;
    uint16_t store;
    uint8_t flags;
    const uint32_t *slots;
    uint32_t nslots;
    const uint16_t *tags;
    const uint32_t *offs;
    uint32_t nkeys; /* 0: no table */
};

/* Bytes from the blob's start to the end of the head; the body may follow at once. At most 64 KiB + 64 KiB + a few. */
uint32_t tarn_blob_head_size(const struct tarn_blob_head *h);
/*
 * Write h at blob (8-aligned), for a body of body_len bytes that stands or will stand at blob + body_off, where
 * body_off >= tarn_blob_head_size(h); the bytes between and those from the body's end to the blob's end are
 * zeroed, so equal objects have equal bytes. Returns the blob's size.
 */
uint32_t tarn_blob_head_write(const struct tarn_blob_head *h, void *blob, uint32_t body_off, uint32_t body_len);

#endif
