/* number.c - one JSON number: grammar, exact integers, correctly rounded doubles. */
#include "number.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include <tarn/error.h>

/* A token taken apart: mantissa x 10^exp10, if exact says that all of its digits fitted. */
struct parts {
    bool negative, integer, exact;
    uint64_t mantissa;
    int64_t exp10;
};

static bool digit(const char *s, const char *end)
{
    return s < end && *s >= '0' && *s <= '9';
}

/* One run of digits into the mantissa. Behind it, or NULL if there is none. */
static const char *digits(const char *s, const char *end, struct parts *n)
{
    const char *first = s;

    for (; digit(s, end); s++) {
        unsigned d = (unsigned)(*s - '0');

        if (n->mantissa > (UINT64_MAX - d) / 10)
            n->exact = false;
        else if (n->exact)
            n->mantissa = n->mantissa * 10 + d;
    }
    return s > first ? s : NULL;
}

/* The exponent's value is capped where it decides anything only together with absurdly long mantissas. */
static const char *exponent(const char *s, const char *end, struct parts *n)
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

static bool take_apart(const char *s, const char *end, struct parts *n)
{
    *n = (struct parts){.integer = true, .exact = true, .negative = s < end && *s == '-'};
    s += n->negative;
    if (digit(s, end) && *s == '0' && digit(s + 1, end))
        return false;
    s = digits(s, end, n);
    if (s && s < end && *s == '.') {
        const char *fraction = s + 1;

        n->integer = false;
        s = digits(fraction, end, n);
        n->exp10 = s ? fraction - s : 0;
    }
    if (s && s < end && (*s == 'e' || *s == 'E')) {
        n->integer = false;
        s = exponent(s + 1, end, n);
    }
    return s == end;
}

/* Clinger: both factors are exact doubles, so one operation rounds once. */
static bool clinger(const struct parts *n, double *ret)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

    if (!n->exact || n->mantissa > (uint64_t)1 << 53 || n->exp10 < -22 || n->exp10 > 22)
        return false;
    *ret = n->exp10 < 0 ? (double)n->mantissa / powers[-n->exp10] : (double)n->mantissa * powers[n->exp10];
    *ret = n->negative ? -*ret : *ret;
    return true;
}

static int round_correctly(const char *s, size_t n, locale_t c_locale, double *ret)
{
    char small[128], *text = n < sizeof small ? small : malloc(n + 1);

    if (!text)
        return TARN_E_NOMEM;
    memcpy(text, s, n);
    text[n] = 0;
    *ret = strtod_l(text, NULL, c_locale);
    if (text != small)
        free(text);
    return isfinite(*ret) ? 0 : TARN_E_SIZE;
}

int tarn_number_pack(const char *s, size_t n, locale_t c_locale, uint8_t *o)
{
    struct parts parts;
    uint64_t bits;
    double d;
    int err;

    if (n > TARN_NUMBER_CHARS_MAX)
        return TARN_E_SIZE;
    if (!take_apart(s, s + n, &parts))
        return TARN_E_SYNTAX;
    if (parts.integer && parts.exact && !parts.negative)
        return (int)(tarn_pack_uint(o, parts.mantissa) - o);
    if (parts.integer && parts.exact && parts.mantissa <= (uint64_t)1 << 63)
        return (int)((parts.mantissa ? tarn_pack_negative(o, (int64_t)-parts.mantissa) : tarn_pack_uint(o, 0)) - o);
    if (!clinger(&parts, &d)) {
        err = round_correctly(s, n, c_locale, &d);
        if (err)
            return err;
    }
    memcpy(&bits, &d, sizeof bits);
    return (int)(tarn_pack_typed(o, 0xcb, bits, 8) - o);
}
