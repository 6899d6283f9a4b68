/* bytes_shm.h - what both sides do with shared bytes: hash a key, follow a reference, fill and load without a race. */
#ifndef TARN_SHM_BYTES_H
#define TARN_SHM_BYTES_H

#include <stdbool.h>
#include <string.h>

#include <tarn/layout.h>
#include <tarn/region.h>

/* ---- hash ---------------------------------------------------------------------------------- */

/* 64x64 -> 128 bits, folded: the mixing step (as in wyhash and umash). */
static inline uint64_t tarn_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 m = (unsigned __int128)a * b;

    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint64_t tarn_load64(const void *p)
{
    uint64_t w;

    memcpy(&w, p, 8);
    return w;
}

/* Up to 15 bytes as two words, each byte in at least one of them. */
static inline void tarn_load_short(const char *p, size_t n, uint64_t *a, uint64_t *b)
{
    if (n >= 8) {
        *a = tarn_load64(p);
        *b = tarn_load64(p + n - 8);
    } else if (n >= 4) {
        uint32_t lo, hi;

        memcpy(&lo, p, 4);
        memcpy(&hi, p + n - 4, 4);
        *a = lo;
        *b = hi;
    } else if (n) {
        *a = (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[n / 2] << 8 | (unsigned char)p[n - 1];
        *b = 0;
    } else {
        *a = *b = 0;
    }
}

/*
 * The seeded hash of a key in a space (a resource, or an index of it). Part of the format: docs/region-format.md gives
 * it in words, tests/shm/test_alloc.c has vectors.
 */
static inline uint64_t tarn_hash(const uint64_t seed[2], uint64_t space, const char *p, size_t n)
{
    uint64_t h = tarn_mix(seed[0] ^ space, seed[1] ^ (n + UINT64_C(0x9e3779b97f4a7c15))), a, b;

    for (size_t i = 0; n - i > 16 && i < n; i += 16)
        h = tarn_mix(tarn_load64(p + i) ^ seed[1], tarn_load64(p + i + 8) ^ h);
    if (n >= 16) {
        a = tarn_load64(p + n - 16);
        b = tarn_load64(p + n - 8);
    } else {
        tarn_load_short(p, n, &a, &b);
    }
    h = tarn_mix(a ^ seed[1], b ^ h);
    return tarn_mix(h ^ seed[0], UINT64_C(0xe7037ed1a0b428db));
}
/* The 128-bit hash that stands for an indexed value longer than TARN_REGION_VALUE_INLINE_MAX. */
static inline void tarn_hash_value(const uint64_t seed[2], const char *p, size_t n, char ret[16])
{
    uint64_t h[2] = {tarn_hash(seed, UINT64_C(3) << 62, p, n), tarn_hash(seed, UINT64_C(7) << 61, p, n)};

    memcpy(ret, h, 16);
}
static inline uint32_t tarn_hash_tag(uint64_t hash)
{
    return (uint32_t)(hash >> 32);
}
/* The space of the objects of a resource, and of the nodes of its indexes. */
static inline uint64_t tarn_space_objects(uint16_t store)
{
    return store;
}
static inline uint64_t tarn_space_node(uint16_t store, uint32_t code)
{
    return UINT64_C(1) << 63 | (uint64_t)code << 16 | store;
}

/* ---- references --------------------------------------------------------------------------- */

/* The address of ref if `need` bytes (at most 4096) stand there inside the region, else NULL. */
static inline const void *tarn_view_at(const struct tarn_region_view *v, uint32_t ref, uint64_t need)
{
    uint64_t off = (uint64_t)ref << TARN_REGION_UNIT_SHIFT;

    if (off < TARN_REGION_HEADER_BYTES || off > v->size - need)
        return NULL;
    return v->base + off;
}
/* Bytes from p to the region's end. */
static inline uint64_t tarn_view_rest(const struct tarn_region_view *v, const void *p)
{
    return v->size - (uint64_t)((const char *)p - v->base);
}
static inline const struct tarn_region_header *tarn_view_header(const struct tarn_region_view *v)
{
    return (const struct tarn_region_header *)v->base;
}

/* A record: link, blob, vids. Addresses inside it, from a link whose extent was checked. */
static inline const struct tarn_blob_head *tarn_link_blob(const struct tarn_link *l)
{
    return (const struct tarn_blob_head *)(l + 1);
}
static inline const char *tarn_link_key(const struct tarn_link *l)
{
    return (const char *)(l + 1) + sizeof(struct tarn_blob_head);
}
/* The head of a blob, loaded once and without a race. */
static inline struct tarn_blob_head tarn_blob_load(const struct tarn_blob_head *b)
{
    uint64_t w = __atomic_load_n((const uint64_t *)(const void *)b, __ATOMIC_RELAXED);
    struct tarn_blob_head h;

    memcpy(&h, &w, sizeof h);
    return h;
}
/* Bytes the key takes in a blob, its NUL and padding included; and where the fields behind it begin. */
static inline uint32_t tarn_key_bytes(uint32_t klen)
{
    return (klen + 8) & ~7u;
}
#define TARN_BLOB_VERSION_OFF(klen) (sizeof(struct tarn_blob_head) + tarn_key_bytes(klen)) /* u64 resourceVersion, object.h */
#define TARN_BLOB_STORE_OFF(klen) (sizeof(struct tarn_blob_head) + tarn_key_bytes(klen) + 8) /* u16 store, object.h */
#define TARN_BLOB_META_BYTES 32u /* what stands between key and contents, object.h */

/* Where a hashed node keeps its value: behind the key, u32 length, u32 0, bytes padded to 8. */
#define TARN_NODE_VALUE_OFF 8u

static inline uint64_t tarn_load_u64(const _Atomic uint64_t *p)
{
    return atomic_load_explicit(p, memory_order_relaxed);
}
static inline uint32_t tarn_load_u32(const _Atomic uint32_t *p)
{
    return atomic_load_explicit(p, memory_order_relaxed);
}
static inline uint16_t tarn_load_u16(const _Atomic uint16_t *p)
{
    return atomic_load_explicit(p, memory_order_relaxed);
}

/* ---- filling and loading ---------------------------------------------------------------------- */

/*
 * Fill n bytes (a multiple of 8) of region memory. Relaxed 8-byte stores: a reader whose snapshot expired, or that has none, may still
 * be loading there; it will throw away what it got, but the program must not have a data race. On x86 these are plain stores.
 */
static inline void tarn_fill(void *dst, const void *src, size_t n)
{
    uint64_t *d = dst;
    const char *s = src;

    for (size_t i = 0; i < n / 8; i++)
        __atomic_store_n(&d[i], tarn_load64(s + 8 * i), __ATOMIC_RELAXED);
}
static inline void tarn_fill_zero(void *dst, size_t n)
{
    uint64_t *d = dst;

    for (size_t i = 0; i < n / 8; i++)
        __atomic_store_n(&d[i], 0, __ATOMIC_RELAXED);
}
/* The reading half: copy n bytes (a multiple of 8) out of region memory. */
static inline void tarn_load(void *dst, const void *src, size_t n)
{
    char *d = dst;
    const uint64_t *s = src;

    for (size_t i = 0; i < n / 8; i++) {
        uint64_t w = __atomic_load_n(&s[i], __ATOMIC_RELAXED);

        memcpy(d + 8 * i, &w, 8);
    }
}

/* The last n % 8 (not 0) of n bytes at q, in the low bytes of a word; above them anything. No call and no byte loop: this is in every look-up. */
static inline uint64_t tarn_load_tail(const char *q, size_t n)
{
    uint32_t lo, hi;

    if (n >= 8)
        return tarn_load64(q + n - 8) >> (64 - 8 * (n % 8));
    if (n < 4)
        return (uint64_t)(unsigned char)q[0] | (uint64_t)(unsigned char)q[n / 2] << 8 * (n / 2) | (uint64_t)(unsigned char)q[n - 1] << 8 * (n - 1);
    memcpy(&lo, q, 4);
    memcpy(&hi, q + n - 4, 4);
    return lo | (uint64_t)hi << 8 * (n - 4);
}

/*
 * Are the n bytes at p, in region memory at an 8-aligned address and padded to 8, those at q? Loaded without a race; up to 7 bytes
 * behind p + n are loaded too, never used.
 */
static inline bool tarn_same_bytes(const char *p, const char *q, size_t n)
{
    const uint64_t *w = (const uint64_t *)(const void *)p;
    size_t whole = n / 8;

    for (size_t i = 0; i < whole; i++)
        if (__atomic_load_n(&w[i], __ATOMIC_RELAXED) != tarn_load64(q + 8 * i))
            return false;
    if (n % 8 == 0)
        return true;
    return (__atomic_load_n(&w[whole], __ATOMIC_RELAXED) ^ tarn_load_tail(q, n)) << (64 - 8 * (n % 8)) == 0;
}

#endif
