/* number.h - JSON numbers to MessagePack, and MessagePack's small writers.
 *
 * Integers are exact in int64 and uint64; a larger one becomes the nearest double, as the API machinery does; a
 * number beyond the doubles is refused. All forms are the shortest.
 */
#ifndef TARN_CORE_NUMBER_H
#define TARN_CORE_NUMBER_H

#include <locale.h>
#include <stdint.h>
#include <string.h>

#define TARN_NUMBER_BYTES_MAX 9       /* what tarn_number_pack writes at most */
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

/*
 * Write the number that the n characters at s are (RFC 8259, section 6) at o, which has room for
 * TARN_NUMBER_BYTES_MAX and 8 more. c_locale: the "C" locale. Returns the bytes written, TARN_E_SYNTAX,
 * TARN_E_SIZE (beyond the doubles, or longer than TARN_NUMBER_CHARS_MAX) or TARN_E_NOMEM.
 */
int tarn_number_pack(const char *s, size_t n, locale_t c_locale, uint8_t *o);

#endif
