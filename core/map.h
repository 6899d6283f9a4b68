/* map.h - the one hash map: bytes to pointer, open addressing, the hash kept beside the pointer.
 *
 * A slot is (pointer, 32 bits of hash, a number for the user); the key stands with whatever the pointer leads to, and a small
 * function says where. So a lookup that hits touches two lines, the slot and the key, and growing touches no key at all.
 * Linear probing, at most 3/4 full; deletion shifts back, so there are no tombstones to sweep. The hash is a folded multiply
 * over 8-byte words (the construction of Wang Yi's wyhash) under a seed per map, so that keys from outside do not
 * choose their slots.
 *
 * Not thread-safe; the owner's lock covers it. Iterate over slots[0 … cap) and skip those with p == NULL.
 */
#ifndef TARN_MAP_H
#define TARN_MAP_H

#include <tarn/bytes.h>

struct tarn_map_slot {
    const void *p; /* NULL: empty */
    uint32_t hash;
    uint32_t id; /* the user's */
};

/* The key of a slot's content; ctx as given to the map's functions. */
struct tarn_map_keys {
    struct tarn_bytes (*key_of)(const void *ctx, const struct tarn_map_slot *s);
    const void *ctx;
};

struct tarn_map {
    struct tarn_map_slot *slots;
    size_t cap; /* 0 or a power of two */
    size_t n;
    uint64_t seed; /* fixed when the first slot is made */
};

/* {0} is an empty map. The pointers in it are the user's. */
void tarn_map_release(struct tarn_map *m);

/* Room for n entries in all. 0 or TARN_E_NOMEM: as before. After it tarn_map_put of so many cannot fail. Pointers to slots end. */
TARN_MUST_CHECK int tarn_map_reserve(struct tarn_map *m, size_t n);

/* Add an entry whose key is not there; room must have been reserved. Cannot fail. Pointers to slots end. */
void tarn_map_put(struct tarn_map *m, uint32_t hash, const void *p, uint32_t id);
/* Remove. Pointers to slots end. */
void tarn_map_remove(struct tarn_map *m, struct tarn_map_slot *s);

static inline uint64_t tarn_map_mix(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 p = (unsigned __int128)a * b;

    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static inline uint64_t tarn_map_word(const char *p, size_t n)
{
    uint64_t w = 0;

    memcpy(&w, p, n);
    return w;
}

/* The hash of key in m; the map must have had room once (else 0: nothing can be found). */
static inline uint32_t tarn_map_hash(const struct tarn_map *m, struct tarn_bytes key)
{
    const uint64_t k1 = UINT64_C(0xa0761d6478bd642f), k2 = UINT64_C(0xe7037ed1a0b428db);
    const char *p = key.data;
    uint64_t h = m->seed ^ k1;
    size_t n = key.len;

    for (; n > 16; p += 16, n -= 16)
        h = tarn_map_mix(tarn_map_word(p, 8) ^ k1, tarn_map_word(p + 8, 8) ^ h);
    if (n >= 8) /* 8 … 16: two words that may overlap */
        h = tarn_map_mix(tarn_map_word(p, 8) ^ k1, tarn_map_word(p + n - 8, 8) ^ h);
    else if (n >= 4)
        h = tarn_map_mix(tarn_map_word(p, 4) << 32 ^ tarn_map_word(p + n - 4, 4) ^ k1, h);
    else if (n > 0)
        h = tarn_map_mix(((uint64_t)(uint8_t)p[0] << 16 | (uint64_t)(uint8_t)p[n / 2] << 8 | (uint8_t)p[n - 1]) ^ k1, h);
    h = tarn_map_mix(h ^ k2, key.len ^ k2);
    return (uint32_t)(h ^ h >> 32);
}

/*
 * The slot whose key is `key`, or NULL; valid until the map changes. Inline, with keys known at compile time, the call of
 * key_of disappears.
 */
static inline struct tarn_map_slot *tarn_map_find(const struct tarn_map *m, uint32_t hash, struct tarn_bytes key,
                                                  struct tarn_map_keys keys)
{
    size_t mask = m->cap - 1;

    if (m->cap == 0)
        return NULL;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct tarn_map_slot *s = &m->slots[i];

        if (!s->p)
            return NULL;
        if (s->hash == hash && tarn_bytes_equal(keys.key_of(keys.ctx, s), key))
            return s;
    }
}

/* The slot that holds p, which is in m under this hash: found without reading any key. Valid until the map changes. */
static inline struct tarn_map_slot *tarn_map_slot_of(const struct tarn_map *m, uint32_t hash, const void *p)
{
    size_t i = hash & (m->cap - 1);

    while (m->slots[i].p != p)
        i = (i + 1) & (m->cap - 1);
    return &m->slots[i];
}

/* Have the place where a look-up of hash begins come into the cache; m is not empty. */
static inline void tarn_map_prefetch(const struct tarn_map *m, uint32_t hash)
{
    __builtin_prefetch(&m->slots[hash & (m->cap - 1)], 1);
}

#endif
