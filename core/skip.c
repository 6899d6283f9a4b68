/* skip.c - structural skip, 64 bytes at a time.
 *
 * A block's quotes (but escaped ones) turned into a running xor tell which of its bytes lie in strings; the
 * brackets outside are counted. Only in a block that may hold the end are they walked one by one.
 */
#include "skip.h"

#include "scan.h"

/* The bits of bytes that a backslash escapes; *carry: does one reach into the next block? */
static uint64_t escaped_bits(uint64_t backslash, bool *carry)
{
    uint64_t escaped = *carry ? 1 : 0;

    backslash &= ~escaped;
    *carry = false;
    while (backslash) {
        int i = __builtin_ctzll(backslash);

        if (i == 63) {
            *carry = true;
            break;
        }
        escaped |= (uint64_t)2 << i;
        backslash &= ~((uint64_t)3 << i);
    }
    return escaped;
}

/* Bit i: the xor of bits 0..i. */
static uint64_t running_xor(uint64_t x)
{
    for (int n = 1; n < 64; n *= 2)
        x ^= x << n;
    return x;
}

static unsigned bits(uint64_t x)
{
    x = x - ((x >> 1) & 0x5555555555555555u);
    x = (x & 0x3333333333333333u) + ((x >> 2) & 0x3333333333333333u);
    return (unsigned)(((x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu) * 0x0101010101010101u >> 56);
}

/* The place in the block of the bracket that brings the depth to 0; 64 if none does. */
static int closing_bit(uint64_t depth, uint64_t open, uint64_t close)
{
    for (uint64_t both = open | close; both; both &= both - 1) {
        uint64_t bit = both & -both;

        if (bit & open)
            depth++;
        else if (!--depth)
            return __builtin_ctzll(bit);
    }
    return 64;
}

/* One block. Its length, or the number of bytes up to and with the end. */
static int skip_block(struct tarn_skip *s, const uint8_t *p, bool *done)
{
    struct tarn_block b = tarn_scan64(p);
    uint64_t in_string = s->in_string ? ~(uint64_t)0 : 0;
    int last = 64;

    if (b.backslash || s->escaped) {
        uint64_t escaped = escaped_bits(b.backslash, &s->escaped);

        b.quote &= ~escaped;
        b.open &= ~escaped; /* as in skip_byte; only text that is no JSON has these */
        b.close &= ~escaped;
    }
    if (!s->depth) { /* a lone string: its first quote ends it */
        last = b.quote ? __builtin_ctzll(b.quote) : 64;
    } else {
        in_string ^= running_xor(b.quote);
        b.open &= ~in_string;
        b.close &= ~in_string;
        if (bits(b.close) >= s->depth)
            last = closing_bit(s->depth, b.open, b.close);
        s->depth += bits(b.open);
        s->depth -= bits(b.close);
        s->in_string = in_string >> 63;
    }
    *done = last < 64;
    return *done ? last + 1 : 64;
}

/* One byte; true if it was the last. */
static bool skip_byte(struct tarn_skip *s, uint8_t c)
{
    if (s->escaped) {
        s->escaped = false;
    } else if (c == '\\') {
        s->escaped = true; /* outside a string too, as in skip_block: such text is no JSON anyway */
    } else if (c == '"') {
        s->in_string = !s->in_string;
        return !s->depth;
    } else if (!s->in_string && (c | 0x20) == '{') {
        s->depth++;
    } else if (!s->in_string && (c | 0x20) == '}') {
        return !--s->depth;
    }
    return false;
}

const uint8_t *tarn_skip_run(struct tarn_skip *s, const uint8_t *p, const uint8_t *end, bool *ret_done)
{
    bool done = false;

    while (!done && end - p >= 64)
        p += skip_block(s, p, &done);
    while (!done && p < end)
        done = skip_byte(s, *p++);
    *ret_done = done;
    return p;
}
