/* crc32c.c - crc32c by instruction or by table; the only function of tarn that is dispatched at run time. */
#include "crc32c.h"

#include <string.h>

/* table[0][b]: crc of byte b; table[k][b]: of byte b followed by k zero bytes. Filled once before main. */
static uint32_t table[8][256];

__attribute__((constructor)) static void fill_table(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t c = b;

        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? c >> 1 ^ 0x82f63b78u : c >> 1;
        table[0][b] = c;
    }
    for (int k = 1; k < 8; k++)
        for (int b = 0; b < 256; b++)
            table[k][b] = table[k - 1][b] >> 8 ^ table[0][table[k - 1][b] & 255];
}

uint32_t tarn_crc32c_table(const void *data, size_t n)
{
    const unsigned char *p = data;
    uint32_t c = ~0u;

    for (; n >= 8; n -= 8, p += 8) {
        uint64_t w;

        memcpy(&w, p, 8);
        w ^= c;
        c = 0;
        for (int i = 0; i < 8; i++)
            c ^= table[7 - i][w >> (8 * i) & 255];
    }
    for (; n; n--)
        c = c >> 8 ^ table[0][(c ^ *p++) & 255];
    return ~c;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(const void *data, size_t n)
{
    const unsigned char *p = data;
    uint64_t c = ~0u;

    for (; n >= 8; n -= 8, p += 8) {
        uint64_t w;

        memcpy(&w, p, 8);
        c = _mm_crc32_u64(c, w);
    }
    for (; n; n--)
        c = _mm_crc32_u8((uint32_t)c, *p++);
    return ~(uint32_t)c;
}

uint32_t tarn_crc32c(const void *data, size_t n)
{
    return __builtin_cpu_supports("sse4.2") ? crc32c_sse42(data, n) : tarn_crc32c_table(data, n);
}
#else
uint32_t tarn_crc32c(const void *data, size_t n)
{
    return tarn_crc32c_table(data, n);
}
#endif
