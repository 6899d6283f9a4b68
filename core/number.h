/* number.h - JSON numbers to MessagePack, and MessagePack's small writers.
 *
 * Integers are exact in int64 and uint64; a larger one becomes the nearest double, as the API machinery does; a
 * number beyond the doubles is refused. All forms are the shortest.
 */
#ifndef TARN_CORE_NUMBER_H
#define TARN_CORE_NUMBER_H

#include <locale.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define TARN_NUMBER_BYTES_MAX 9       /* what tarn_number_write writes at most */
#define TARN_NUMBER_CHARS_MAX 65536u  /* longer tokens are refused */

/* Big-endian n-byte number behind the type byte; returns the next place. */
static inline uint8_t *tarn_pack_typed(uint8_t *o, uint8_t type, uint64_t v, unsigned n)
{
    uint64_t be = __builtin_bswap64(v << (64 - 8 * n));

    *o = type;
    memcpy(o + 1, &be, 8); /* the caller has room; only n bytes count */
    return o + 1 + n;
}

static inline uint8_t *tarn_pack_uint(uint8_t *o, uint64_t v)
{
    if (v < 0x80) {
        *o = (uint8_t)v;
        return o + 1;
    }
    if (v <= UINT8_MAX)
        return tarn_pack_typed(o, 0xcc, v, 1);
    if (v <= UINT16_MAX)
        return tarn_pack_typed(o, 0xcd, v, 2);
    return v <= UINT32_MAX ? tarn_pack_typed(o, 0xce, v, 4) : tarn_pack_typed(o, 0xcf, v, 8);
}

/* v < 0 */
static inline uint8_t *tarn_pack_negative(uint8_t *o, int64_t v)
{
    if (v >= -32) {
        *o = (uint8_t)v;
        return o + 1;
    }
    if (v >= INT8_MIN)
        return tarn_pack_typed(o, 0xd0, (uint64_t)v, 1);
    if (v >= INT16_MIN)
        return tarn_pack_typed(o, 0xd1, (uint64_t)v, 2);
    return v >= INT32_MIN ? tarn_pack_typed(o, 0xd2, (uint64_t)v, 4) : tarn_pack_typed(o, 0xd3, (uint64_t)v, 8);
}

/* A number taken apart: sign, mantissa x 10^exp10; the mantissa holds only if its digits are at most 19. */
struct tarn_number {
    bool negative, integer;
    unsigned digits; /* that went into the mantissa, leading zeros too */
    uint64_t mantissa;
    int64_t exp10;
};

static inline bool tarn_number_char(uint8_t c)
{
    return (uint8_t)(c - '0') <= 9 || c == '-' || c == '+' || c == '.' || (c | 0x20) == 'e';
}

/* Take the number at s apart (RFC 8259, section 6). Where it ends, or NULL if it breaks the grammar before end. */
const char *tarn_number_parse(const char *s, const char *end, struct tarn_number *ret);
/*
 * Write the number parsed from the len characters at s to o, which has room for TARN_NUMBER_BYTES_MAX and 8 more.
 * c_locale: the "C" locale. Returns the bytes written, TARN_E_SIZE (beyond the doubles, or longer than
 * TARN_NUMBER_CHARS_MAX) or TARN_E_NOMEM.
 */
int tarn_number_write(const struct tarn_number *n, const char *s, size_t len, locale_t c_locale, uint8_t *o);

#endif
