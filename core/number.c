/* number.c - one JSON number: grammar, exact integers, correctly rounded doubles. */
#include "number.h"

#include <math.h>
#include <stdlib.h>

#include <tarn/error.h>

#define EXACT_DIGITS 19u /* any number of so many digits fits 64 bits */

static bool digit(const char *s, const char *end)
{
    return s < end && (uint8_t)(*s - '0') <= 9;
}

/* Are the 8 characters in w (the first lowest) all digits? */
static bool eight_digits(uint64_t w)
{
    return ((w & 0xf0f0f0f0f0f0f0f0u) | ((w + 0x0606060606060606u) & 0xf0f0f0f0f0f0f0f0u) >> 4) == 0x3333333333333333u;
}

/* Their value: neighbours joined to pairs, pairs to fours, fours to eight. */
static uint64_t eight_value(uint64_t w)
{
    w -= 0x3030303030303030u;
    w = (w * 10 + (w >> 8)) & 0x00ff00ff00ff00ffu;
    w = (w * 100 + (w >> 16)) & 0x0000ffff0000ffffu;
    return (w * 10000 + (w >> 32)) & 0xffffffffu;
}

/* One run of digits into the mantissa. Behind it, or NULL if there is none. */
static inline const char *digits(const char *s, const char *end, struct tarn_number *n)
{
    const char *first = s;
    uint64_t m = n->mantissa, w;

    for (; end - s >= 8; s += 8) {
        memcpy(&w, s, sizeof w); /* little endian, as blob.h asks */
        if (!eight_digits(w))
            break;
        m = m * 100000000 + eight_value(w);
    }
    for (; digit(s, end); s++)
        m = m * 10 + (unsigned)(*s - '0');
    n->mantissa = m;
    n->digits += (unsigned)(s - first);
    return s > first ? s : NULL;
}

/* The exponent's value is capped where it decides anything only together with absurdly long mantissas. */
static const char *exponent(const char *s, const char *end, struct tarn_number *n)
{
    bool negative = s < end && *s == '-';
    const char *first;
    int64_t e = 0;

    s += s < end && (*s == '-' || *s == '+');
    for (first = s; digit(s, end); s++)
        e = e < 1000000 ? e * 10 + (*s - '0') : e;
    n->exp10 += negative ? -e : e;
    return s > first ? s : NULL;
}

const char *tarn_number_parse(const char *s, const char *end, struct tarn_number *ret)
{
    struct tarn_number n = {.integer = true, .negative = s < end && *s == '-'};

    s += n.negative;
    if (digit(s, end) && *s == '0' && digit(s + 1, end))
        return NULL;
    s = digits(s, end, &n);
    if (s && s < end && *s == '.') {
        const char *fraction = s + 1;

        n.integer = false;
        s = digits(fraction, end, &n);
        n.exp10 = s ? fraction - s : 0;
    }
    if (s && s < end && (*s | 0x20) == 'e') {
        n.integer = false;
        s = exponent(s + 1, end, &n);
    }
    *ret = n;
    return s;
}

/* Clinger: both factors are exact doubles, so one operation rounds once. */
static bool clinger(const struct tarn_number *n, double *ret)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

    if (n->digits > EXACT_DIGITS || n->mantissa > (uint64_t)1 << 53 || n->exp10 < -22 || n->exp10 > 22)
        return false;
    *ret = n->exp10 < 0 ? (double)n->mantissa / powers[-n->exp10] : (double)n->mantissa * powers[n->exp10];
    *ret = n->negative ? -*ret : *ret;
    return true;
}

static int round_correctly(const char *s, size_t len, locale_t c_locale, double *ret)
{
    char small[128], *text = len < sizeof small ? small : malloc(len + 1);

    if (!text)
        return TARN_E_NOMEM;
    memcpy(text, s, len);
    text[len] = 0;
    *ret = strtod_l(text, NULL, c_locale);
    if (text != small)
        free(text);
    return isfinite(*ret) ? 0 : TARN_E_SIZE;
}

/* The value of an integer of up to 20 digits; false: it does not fit 64 bits. s: its digits. */
static bool exact_integer(const struct tarn_number *n, const char *s, uint64_t *ret)
{
    unsigned last;

    *ret = n->mantissa;
    if (n->digits <= EXACT_DIGITS)
        return true;
    if (n->digits > EXACT_DIGITS + 1)
        return false;
    *ret = 0;
    for (unsigned i = 0; i < EXACT_DIGITS; i++)
        *ret = *ret * 10 + (unsigned)(*s++ - '0');
    last = (unsigned)(*s - '0');
    if (*ret > (UINT64_MAX - last) / 10)
        return false;
    *ret = *ret * 10 + last;
    return true;
}

int tarn_number_write(const struct tarn_number *n, const char *s, size_t len, locale_t c_locale, uint8_t *o)
{
    uint64_t u;
    double d;
    int err;

    if (len > TARN_NUMBER_CHARS_MAX)
        return TARN_E_SIZE;
    if (n->integer && exact_integer(n, s + n->negative, &u)) {
        if (!n->negative || !u)
            return (int)(tarn_pack_uint(o, u) - o);
        if (u <= (uint64_t)1 << 63)
            return (int)(tarn_pack_negative(o, (int64_t)-u) - o);
    }
    if (!clinger(n, &d)) {
        err = round_correctly(s, len, c_locale, &d);
        if (err)
            return err;
    }
    memcpy(&u, &d, sizeof u);
    return (int)(tarn_pack_typed(o, 0xcb, u, 8) - o);
}
