/* transcode_text.c - strings: long ones, escapes, other than ASCII, cut by the end of the input.
 *
 * A string is decoded behind a header of the likely size, which is put right when it closes.
 */
#include "transcode_impl.h"
#include "utf8.h"

/* What a character behind a backslash stands for; 0: none of the simple escapes. */
static const uint8_t simple_escape[256] = {
    ['"'] = '"', ['\\'] = '\\', ['/'] = '/', ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t',
};

/*
 * Copy plain bytes and simple escapes, 16 at a time. Within a block its mask is used up before the next is loaded:
 * text dense with escapes runs as fast as its plain bytes. Returns the byte (not taken) that needs more, or -1
 * when fewer than 32 bytes are left.
 */
static int text_blocks(struct run *r)
{
    const uint8_t *p = r->p;
    uint8_t *o = r->o;
    int special = -1;

    while (special < 0 && r->end - p >= 32) {
        unsigned mask = tarn_scan16(p, o), used = 0;

        while (mask) {
            unsigned n = (unsigned)__builtin_ctz(mask);
            uint8_t c;

            p += n - used;
            o += n - used;
            used = n;
            c = *p == '\\' ? simple_escape[p[1]] : 0;
            if (!c) {
                special = *p;
                break;
            }
            *o++ = c;
            p += 2;
            used += 2;
            if (used >= 16)
                break;
            mask &= ~0u << used;
            tarn_copy16(o, p);
        }
        if (special < 0 && used < 16) {
            p += 16 - used;
            o += 16 - used;
        }
    }
    r->p = p;
    r->o = o;
    return special;
}

static bool plain(uint8_t c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* As text_blocks, to the end of the input. */
static int text_plain(struct run *r)
{
    int c = text_blocks(r);

    if (c >= 0)
        return c;
    while (r->p < r->end && plain(*r->p))
        *r->o++ = *r->p++;
    return r->p < r->end ? *r->p : -1;
}

HOT uint32_t string_header_bytes(uint32_t len)
{
    return len < 32 ? 1 : len <= UINT8_MAX ? 2 : len <= UINT16_MAX ? 3 : 5;
}

static void string_header_write(uint8_t *o, uint32_t len)
{
    switch (string_header_bytes(len)) {
    case 1:
        *o = (uint8_t)(0xa0 | len);
        break;
    case 2:
        o[0] = 0xd9;
        o[1] = (uint8_t)len;
        break;
    case 3:
        o[0] = 0xda;
        o[1] = (uint8_t)(len >> 8);
        o[2] = (uint8_t)len;
        break;
    default:
        len = __builtin_bswap32(len);
        o[0] = 0xdb;
        memcpy(o + 1, &len, 4);
    }
}

static uint32_t text_len(const struct tarn_transcoder *t)
{
    return out_off(t) - t->text.off - t->text.header;
}

/* Give the string the header that its length needs. */
static void text_fit(struct tarn_transcoder *t)
{
    uint32_t len = text_len(t), need = string_header_bytes(len);
    uint8_t *header = t->out + t->text.off;

    if (need != t->text.header)
        memmove(header + need, header + t->text.header, len);
    t->at.o = header + need + len;
    t->text.header = (uint8_t)need;
}

static enum state text_close(struct tarn_transcoder *t)
{
    t->at.p++;
    text_fit(t);
    string_header_write(t->out + t->text.off, text_len(t));
    return t->text.key ? ST_KEY_DONE : ST_AFTER;
}

/* A sequence that is no UTF-8, or half a surrogate pair: n times U+FFFD, as in Go, or an error. */
static bool text_replace(struct tarn_transcoder *t, unsigned n)
{
    if (!t->lenient) {
        (void)tarn_transcode_fail(t, TARN_E_UTF8, "invalid UTF-8, or half of a surrogate pair, in a string");
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        memcpy(t->at.o, TARN_UTF8_REPLACEMENT, 3);
        t->at.o += 3;
    }
    return true;
}

/* Bytes >= 0x80, as many sequences as there are and the string may hold. false: failed. */
static bool text_utf8(struct tarn_transcoder *t)
{
    struct run *r = &t->at;

    while (r->p < r->end && *r->p >= 0x80 && text_len(t) <= t->max_object_bytes) {
        size_t left = (size_t)(r->end - r->p);
        int len = tarn_utf8_check(r->p, left);

        if (!len) { /* cut by the end of the input */
            memcpy(t->text.sequence, r->p, left);
            t->text.sequence_len = (uint8_t)left;
            t->text.part = TEXT_UTF8;
            r->p = r->end;
        } else if (len < 0) {
            if (!text_replace(t, 1))
                return false;
            r->p++;
        } else {
            memcpy(r->o, r->p, (size_t)len);
            r->o += len;
            r->p += len;
        }
    }
    return true;
}

/* One more byte of a sequence that the end of the input had cut. */
static bool text_utf8_byte(struct tarn_transcoder *t)
{
    struct text *x = &t->text;
    int len;

    x->sequence[x->sequence_len++] = *t->at.p;
    len = tarn_utf8_check(x->sequence, x->sequence_len);
    if (len < 0) { /* the new byte begins something else: it is looked at again */
        x->part = TEXT_PLAIN;
        return text_replace(t, x->sequence_len - 1u);
    }
    t->at.p++;
    if (len) {
        memcpy(t->at.o, x->sequence, (size_t)len);
        t->at.o += len;
        x->part = TEXT_PLAIN;
    }
    return true;
}

/* A first half that no second half follows. */
static bool text_lone_high(struct tarn_transcoder *t)
{
    bool had = t->text.high;

    t->text.high = 0;
    return !had || text_replace(t, 1);
}

static bool text_escape(struct tarn_transcoder *t)
{
    uint8_t c = *t->at.p;

    if (c == 'u') {
        t->at.p++;
        t->text.hex = t->text.hex_digits = 0;
        t->text.part = TEXT_HEX;
        return true;
    }
    if (!simple_escape[c]) {
        (void)tarn_transcode_fail_found(t, "one of \"\\/bfnrtu behind a backslash");
        return false;
    }
    if (!text_lone_high(t))
        return false;
    t->at.p++;
    *t->at.o++ = simple_escape[c];
    t->text.part = TEXT_PLAIN;
    return true;
}

/* The code unit of a \u is complete. */
static bool text_unit(struct tarn_transcoder *t)
{
    struct text *x = &t->text;
    uint32_t unit = x->hex, high = x->high;
    bool low = unit >= 0xdc00 && unit <= 0xdfff;

    x->part = TEXT_PLAIN;
    if (high && low) {
        x->high = 0;
        t->at.o += tarn_utf8_encode(0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00), t->at.o);
        return true;
    }
    if (!text_lone_high(t))
        return false;
    if (low)
        return text_replace(t, 1);
    if (unit >= 0xd800 && unit <= 0xdbff) {
        x->high = (uint16_t)unit;
        x->part = TEXT_HIGH;
    } else {
        t->at.o += tarn_utf8_encode(unit, t->at.o);
    }
    return true;
}

static bool text_hex(struct tarn_transcoder *t)
{
    uint8_t c = *t->at.p, letter = c | 0x20;
    struct text *x = &t->text;

    if (c >= '0' && c <= '9') {
        x->hex = (uint16_t)(x->hex << 4 | (c - '0'));
    } else if (letter >= 'a' && letter <= 'f') {
        x->hex = (uint16_t)(x->hex << 4 | (letter - 'a' + 10));
    } else {
        (void)tarn_transcode_fail_found(t, "four hexadecimal digits behind \\u");
        return false;
    }
    t->at.p++;
    return ++x->hex_digits < 4 || text_unit(t);
}

/* Behind a first half: only an escape can continue it. */
static bool text_high(struct tarn_transcoder *t)
{
    if (*t->at.p != '\\') {
        t->text.part = TEXT_PLAIN;
        return text_lone_high(t);
    }
    t->at.p++;
    t->text.part = TEXT_ESCAPE;
    return true;
}

/* The string's special byte c at t->at, in plain text. */
static bool text_special(struct tarn_transcoder *t, int c)
{
    if (c >= 0x80)
        return text_utf8(t);
    if (c == '\\') {
        t->at.p++;
        t->text.part = TEXT_ESCAPE;
        return true;
    }
    (void)tarn_transcode_fail(t, TARN_E_SYNTAX, "a control character in a string; it must be escaped");
    return false;
}

/*
 * The general state of strings: long ones, escapes, other than ASCII, cut ones. Behind each run of plain text it is
 * asked whether that is too much, so that the answer does not depend on where the input was cut.
 */
enum state tarn_transcode_string(struct tarn_transcoder *t)
{
    static bool (*const parts[])(struct tarn_transcoder *) = {
        [TEXT_ESCAPE] = text_escape, [TEXT_HEX] = text_hex, [TEXT_HIGH] = text_high, [TEXT_UTF8] = text_utf8_byte};
    bool good = true;

    while (good && t->at.p < t->at.end) {
        if (t->text.part == TEXT_PLAIN) {
            int c = text_plain(&t->at);

            if (RARE(text_len(t) > t->max_object_bytes))
                return tarn_transcode_refuse(t, TARN_E_SIZE, "a string is larger than an object may be", true);
            if (c == '"')
                return text_close(t);
            good = c < 0 || text_special(t, c);
        } else {
            good = parts[t->text.part](t);
        }
    }
    return good ? wait(t, ST_STRING) : ST_FAIL;
}

/* Any string, behind the opening quote. 32 plain bytes ahead tell that one byte will not do for the header. */
static inline enum state string_begin(struct tarn_transcoder *t, bool key)
{
    struct run *r = &t->at;
    bool longer = r->end - r->p >= 64 && !(specials_ahead(r) & UINT32_MAX);

    t->text.off = out_off(t);
    t->text.header = longer ? 2 : 1;
    t->text.key = key;
    t->text.part = TEXT_PLAIN;
    t->text.high = 0;
    r->o += t->text.header;
    return tarn_transcode_string(t);
}

enum state tarn_transcode_key_string(struct tarn_transcoder *t)
{
    return string_begin(t, true);
}

enum state tarn_transcode_value_string(struct tarn_transcoder *t)
{
    return string_begin(t, false);
}
