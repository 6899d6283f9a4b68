/* utf8.h - one question about bytes >= 0x80: is this the start of a well-formed UTF-8 sequence (RFC 3629)? */
#ifndef TARN_CORE_UTF8_H
#define TARN_CORE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define TARN_UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/*
 * Look at the n >= 1 bytes at p, whose first is >= 0x80. The sequence's length (2..4) if it is complete and
 * well-formed, 0 if it may become so with more bytes, -1 if no byte could make it so.
 */
static inline int tarn_utf8_check(const uint8_t *p, size_t n)
{
    uint8_t lead = p[0], lo = 0x80, hi = 0xbf;
    int len = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

    if (lead < 0xc2 || lead > 0xf4)
        return -1;
    if (lead == 0xe0)
        lo = 0xa0; /* shorter forms exist */
    if (lead == 0xed)
        hi = 0x9f; /* surrogates */
    if (lead == 0xf0)
        lo = 0x90;
    if (lead == 0xf4)
        hi = 0x8f; /* beyond U+10FFFF */
    for (int i = 1; i < len; i++) {
        if ((size_t)i >= n)
            return 0;
        if (p[i] < lo || p[i] > hi)
            return -1;
        lo = 0x80;
        hi = 0xbf;
    }
    return len;
}

/* Write the code point cp (not a surrogate, at most 0x10ffff) at o; returns the bytes written. */
static inline size_t tarn_utf8_encode(uint32_t cp, uint8_t *o)
{
    if (cp < 0x80) {
        o[0] = (uint8_t)cp;
        return 1;
    }
    if (cp < 0x800) {
        o[0] = (uint8_t)(0xc0 | cp >> 6);
        o[1] = (uint8_t)(0x80 | (cp & 0x3f));
        return 2;
    }
    if (cp < 0x10000) {
        o[0] = (uint8_t)(0xe0 | cp >> 12);
        o[1] = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
        o[2] = (uint8_t)(0x80 | (cp & 0x3f));
        return 3;
    }
    o[0] = (uint8_t)(0xf0 | cp >> 18);
    o[1] = (uint8_t)(0x80 | (cp >> 12 & 0x3f));
    o[2] = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
    o[3] = (uint8_t)(0x80 | (cp & 0x3f));
    return 4;
}

#endif
