/* Escapes: \n \t \\ \' \" \xHH \uHHHH \UHHHHHHHH \OOO. See unquote.h. */
#include "unquote.h"

#include <ctype.h>
#include <stdlib.h>

#include "print_text.h"

static void add_utf8(uint32_t c, struct print_text *out)
{
    char b[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = n; i-- > 1; c >>= 6)
        b[i] = (char)(0x80 | (c & 0x3f));
    b[0] = (char)(lead[n] | c);
    print_add(out, (struct tarn_bytes){b, n});
}

/* `digits` digits of a base at text[i]. */
static bool number_at(struct tarn_bytes text, size_t i, unsigned digits, int base, uint32_t *ret)
{
    char number[9] = {0};
    char *end;

    if (i + digits > text.len)
        return false;
    memcpy(number, text.data + i, digits);
    *ret = (uint32_t)strtoul(number, &end, base);
    return end == number + digits && isxdigit((unsigned char)number[0]);
}

/* \xHH and \OOO are bytes, \u and \U characters. Returns how many characters behind the backslash it took, 0: it is none. */
static size_t numeric_escape(struct tarn_bytes text, size_t i, struct print_text *out)
{
    char c = text.data[i];
    bool octal = c >= '0' && c <= '7';
    unsigned digits = octal ? 3 : c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    uint32_t v;

    if (!digits || !number_at(text, octal ? i : i + 1, digits, octal ? 8 : 16, &v))
        return 0;
    if (octal || c == 'x') {
        if (v > 255)
            return 0;
        print_add(out, (struct tarn_bytes){(char[]){(char)v}, 1});
    } else if (v > 0x10ffff || (v >= 0xd800 && v < 0xe000)) {
        return 0;
    } else {
        add_utf8(v, out);
    }
    return octal ? digits : digits + 1;
}

bool unquote(struct tarn_bytes text, char quote, struct print_text *out)
{
    static const char names[] = "abfnrtv\\", meanings[] = "\a\b\f\n\r\t\v\\";

    for (size_t i = 0; i < text.len; i++) {
        const char *named;
        size_t n;

        if (text.data[i] != '\\') {
            print_add(out, (struct tarn_bytes){text.data + i, 1});
            continue;
        }
        if (++i == text.len)
            return false;
        named = text.data[i] ? strchr(names, text.data[i]) : NULL;
        if (named || text.data[i] == quote) {
            print_add(out, (struct tarn_bytes){named ? meanings + (named - names) : &quote, 1});
            continue;
        }
        n = numeric_escape(text, i, out);
        if (n == 0)
            return false;
        i += n - 1;
    }
    return true;
}
