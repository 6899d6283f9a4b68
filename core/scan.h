/* scan.h - looks at 16 or 64 bytes of JSON at once. SSE2 where there is, else the same in 64-bit words.
 *
 * The only place that knows the machine: what is built on it (strings, structural skip) is written once.
 * TARN_PORTABLE chooses the words by hand; the tests build both.
 */
#ifndef TARN_CORE_SCAN_H
#define TARN_CORE_SCAN_H

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__) && !defined(TARN_PORTABLE)
#define TARN_SCAN_SSE2 1
#include <emmintrin.h>
#endif

/* One bit per byte, the first byte lowest: what matters to structure. */
struct tarn_block {
    uint64_t quote, backslash, open, close;
};

#ifdef TARN_SCAN_SSE2

/* Copy 16 bytes from p to o; the bits of those that are not plain string bytes: '"', '\\', < 0x20, >= 0x80. */
static inline unsigned tarn_scan16(const uint8_t *p, uint8_t *o)
{
    __m128i c = _mm_loadu_si128((const __m128i *)p), special;

    _mm_storeu_si128((__m128i *)o, c);
    special = _mm_or_si128(_mm_cmpeq_epi8(c, _mm_set1_epi8('"')), _mm_cmpeq_epi8(c, _mm_set1_epi8('\\')));
    special = _mm_or_si128(special, _mm_cmplt_epi8(c, _mm_set1_epi8(0x20))); /* signed: catches >= 0x80 too */
    return (unsigned)_mm_movemask_epi8(special);
}

/* The same for 64 bytes, without the copy. */
static inline uint64_t tarn_special64(const uint8_t *p)
{
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(0x20);
    uint64_t bits = 0;

#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        __m128i c = _mm_loadu_si128((const __m128i *)(p + 16 * i));
        __m128i special = _mm_or_si128(_mm_cmpeq_epi8(c, quote), _mm_cmpeq_epi8(c, backslash));

        special = _mm_or_si128(special, _mm_cmplt_epi8(c, space));
        bits |= (uint64_t)(unsigned)_mm_movemask_epi8(special) << 16 * i;
    }
    return bits;
}

static inline uint64_t tarn_eq16(__m128i c, char x)
{
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(c, _mm_set1_epi8(x)));
}

static inline struct tarn_block tarn_scan64(const uint8_t *p)
{
    struct tarn_block b = {0};

#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        __m128i c = _mm_loadu_si128((const __m128i *)(p + 16 * i));
        __m128i folded = _mm_or_si128(c, _mm_set1_epi8(0x20)); /* '[' becomes '{', ']' becomes '}' */

        b.quote |= tarn_eq16(c, '"') << 16 * i;
        b.backslash |= tarn_eq16(c, '\\') << 16 * i;
        b.open |= tarn_eq16(folded, '{') << 16 * i;
        b.close |= tarn_eq16(folded, '}') << 16 * i;
    }
    return b;
}

#else

#define TARN_LOW7 0x7f7f7f7f7f7f7f7fu
#define TARN_HIGH 0x8080808080808080u
#define TARN_ONES 0x0101010101010101u

/* The high bit of each byte that is zero, exactly (no carry from byte to byte). */
static inline uint64_t tarn_zero_bytes(uint64_t w)
{
    return ~(((w & TARN_LOW7) + TARN_LOW7) | w | TARN_LOW7);
}
static inline uint64_t tarn_eq_bytes(uint64_t w, uint8_t x)
{
    return tarn_zero_bytes(w ^ (TARN_ONES * x));
}
/* The 8 high bits as 8 adjacent bits. */
static inline uint64_t tarn_gather(uint64_t high)
{
    return (high >> 7) * 0x0102040810204080u >> 56;
}
static inline uint64_t tarn_load8(const uint8_t *p)
{
    uint64_t w;

    memcpy(&w, p, sizeof w);
    return w;
}

static inline uint64_t tarn_special8(uint64_t w)
{
    uint64_t control = ~((w & TARN_LOW7) + TARN_ONES * 0x60) & ~w & TARN_HIGH; /* below 0x20 */

    return tarn_gather(control | (w & TARN_HIGH) | tarn_eq_bytes(w, '"') | tarn_eq_bytes(w, '\\'));
}

/* Copy 16 bytes from p to o; the bits of those that are not plain string bytes: '"', '\\', < 0x20, >= 0x80. */
static inline unsigned tarn_scan16(const uint8_t *p, uint8_t *o)
{
    uint64_t a = tarn_load8(p), b = tarn_load8(p + 8);

    memcpy(o, &a, 8);
    memcpy(o + 8, &b, 8);
    return (unsigned)(tarn_special8(a) | tarn_special8(b) << 8);
}

/* The same for 64 bytes, without the copy. */
static inline uint64_t tarn_special64(const uint8_t *p)
{
    uint64_t bits = 0;

    for (int i = 0; i < 8; i++)
        bits |= tarn_special8(tarn_load8(p + 8 * i)) << 8 * i;
    return bits;
}

static inline struct tarn_block tarn_scan64(const uint8_t *p)
{
    struct tarn_block b = {0};

    for (int i = 0; i < 8; i++) {
        uint64_t w = tarn_load8(p + 8 * i), folded = w | TARN_ONES * 0x20; /* '[' becomes '{', ']' becomes '}' */

        b.quote |= tarn_gather(tarn_eq_bytes(w, '"')) << 8 * i;
        b.backslash |= tarn_gather(tarn_eq_bytes(w, '\\')) << 8 * i;
        b.open |= tarn_gather(tarn_eq_bytes(folded, '{')) << 8 * i;
        b.close |= tarn_gather(tarn_eq_bytes(folded, '}')) << 8 * i;
    }
    return b;
}

#endif

static inline void tarn_copy16(uint8_t *o, const uint8_t *p)
{
    memcpy(o, p, 16);
}

static inline void tarn_copy64(uint8_t *o, const uint8_t *p)
{
    memcpy(o, p, 64);
}

#endif
