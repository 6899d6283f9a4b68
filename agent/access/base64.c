/* base64.c - see base64.h. */
#include "base64.h"

static int digit_of(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

long tarn_base64_decode(const char *text, char *out)
{
    uint32_t bits = 0;
    int have = 0, padding = 0;
    long n = 0;

    for (; *text; text++) {
        int d = digit_of((unsigned char)*text);

        if (strchr(" \t\r\n", *text))
            continue;
        if (*text == '=' && ++padding <= 2)
            continue;
        if (d < 0 || padding)
            return -1;
        bits = bits << 6 | (uint32_t)d;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (char)(bits >> have & 0xff);
        }
    }
    return have < 6 ? n : -1;
}

int tarn_base64_encode(struct tarn_buf *out, struct tarn_bytes b)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = (const unsigned char *)b.data;
    int rc = 0;

    for (size_t i = 0; !rc && i < b.len; i += 3) {
        size_t have = b.len - i;
        uint32_t bits = (uint32_t)in[i] << 16 | (have > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (have > 2 ? in[i + 2] : 0u);
        const char four[] = {digits[bits >> 18], digits[bits >> 12 & 63], have > 1 ? digits[bits >> 6 & 63] : '=', have > 2 ? digits[bits & 63] : '='};

        rc = tarn_buf_add(out, four, sizeof four);
    }
    return rc;
}
