/* api_hash.c - see api_hash.h. */
#include "api_hash.h"

#include <endian.h>
#include <sys/random.h>

struct state {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static void rounds(struct state *s, int n)
{
    while (n-- > 0) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = rotate(s->v1, 13) ^ s->v0;
        s->v3 = rotate(s->v3, 16) ^ s->v2;
        s->v0 = rotate(s->v0, 32) + s->v3;
        s->v2 += s->v1;
        s->v3 = rotate(s->v3, 21) ^ s->v0;
        s->v1 = rotate(s->v1, 17) ^ s->v2;
        s->v2 = rotate(s->v2, 32);
    }
}

static uint64_t word(const void *p, size_t n)
{
    uint64_t w = 0;

    memcpy(&w, p, n);
    return le64toh(w);
}

static void absorb(struct state *s, uint64_t w)
{
    s->v3 ^= w;
    rounds(s, 2);
    s->v0 ^= w;
}

static uint64_t squeeze(struct state *s)
{
    rounds(s, 4);
    return htole64(s->v0 ^ s->v1 ^ s->v2 ^ s->v3);
}

struct api_hash api_hash(const struct api_hash_key *k, struct tarn_bytes text)
{
    uint64_t k0 = word(k->v, 8), k1 = word(k->v + 8, 8), out[2];
    /* the constants spell "somepseudorandomlygeneratedbytes"; 0xee is of the 128-bit form */
    struct state s = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du ^ 0xee, k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u};
    struct api_hash ret;
    size_t i = 0;

    for (; i + 8 <= text.len; i += 8)
        absorb(&s, word(text.data + i, 8));
    absorb(&s, (text.len > i ? word(text.data + i, text.len - i) : 0) | (uint64_t)text.len << 56);
    s.v2 ^= 0xee;
    out[0] = squeeze(&s);
    s.v1 ^= 0xdd;
    out[1] = squeeze(&s);
    memcpy(ret.v, out, sizeof ret.v);
    explicit_bzero(&s, sizeof s);
    return ret;
}

int api_hash_key_make(struct api_hash_key *ret)
{
    return getrandom(ret->v, sizeof ret->v, 0) == (ssize_t)sizeof ret->v ? 0 : TARN_E_IO;
}
