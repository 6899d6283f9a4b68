/* transcode_machine.c - the hot path of the transcoder, and the loop over its states.
 *
 * What is inlined into run() works on a copy of t->at in registers; what is called works on t->at itself.
 */
#include <stdlib.h>

#include "number.h"
#include "transcode_impl.h"

/* Run a state that works on t->at. */
HOT enum state call(enum state (*fn)(struct tarn_transcoder *), struct tarn_transcoder *t, struct run *r)
{
    enum state st;

    t->at = *r;
    st = fn(t);
    *r = t->at;
    r->f = top(t);
    return st;
}

/* ---- strings, numbers and literals ------------------------------------------------------------- */

/*
 * A string of at most 63 plain bytes, whole in the input: nearly all of them. Behind the opening quote. The special
 * bytes of 64 are found at once and serve the strings that follow too.
 */
HOT bool short_string(struct run *r)
{
    uint64_t specials;
    unsigned n;

    if (RARE(r->end - r->p < 64))
        return false;
    specials = specials_ahead(r);
    if (RARE(!specials))
        return false;
    n = (unsigned)__builtin_ctzll(specials);
    if (RARE(r->p[n] != '"'))
        return false;
    if (n < 32) {
        *r->o = (uint8_t)(0xa0 | n);
        tarn_copy16(r->o + 1, r->p);
        tarn_copy16(r->o + 17, r->p + 16);
        r->o += n + 1;
    } else {
        r->o[0] = 0xd9;
        r->o[1] = (uint8_t)n;
        tarn_copy64(r->o + 2, r->p);
        r->o += n + 2;
    }
    r->p += n + 1;
    return true;
}

/* Write the number n that the len characters at s are; they are taken already. */
static enum state number_done(struct tarn_transcoder *t, const struct tarn_number *n, const char *s, size_t len)
{
    int bytes = tarn_number_write(n, s, len, t->c_locale, t->at.o);

    if (bytes == TARN_E_NOMEM)
        return tarn_transcode_fail(t, bytes, "out of memory");
    if (bytes < 0)
        return tarn_transcode_refuse(t, bytes, "a number too large or too long", false);
    t->at.o += bytes;
    return ST_AFTER;
}

/* Go on with a number that the end of the input had cut, or that breaks the grammar: by its characters. */
static enum state number_resume(struct tarn_transcoder *t)
{
    const uint8_t *s = t->at.p;
    struct tarn_number n = {0};
    const char *end;

    while (t->at.p < t->at.end && tarn_number_char(*t->at.p))
        t->at.p++;
    if (t->number.len <= TARN_NUMBER_CHARS_MAX && tarn_buf_add(&t->number, s, (size_t)(t->at.p - s)))
        return tarn_transcode_fail(t, TARN_E_NOMEM, "out of memory");
    if (t->at.p == t->at.end)
        return wait(t, ST_NUMBER);
    end = t->number.data + t->number.len;
    if (t->number.len <= TARN_NUMBER_CHARS_MAX && tarn_number_parse(t->number.data, end, &n) != end)
        return tarn_transcode_fail(t, TARN_E_SYNTAX, "malformed number");
    return number_done(t, &n, t->number.data, t->number.len);
}

COLD enum state number_token(struct tarn_transcoder *t)
{
    const char *s = (const char *)t->at.p, *end = (const char *)t->at.end, *stop;
    struct tarn_number n;

    stop = tarn_number_parse(s, end, &n);
    if (!stop || stop == end || tarn_number_char((uint8_t)*stop)) {
        tarn_buf_clear(&t->number);
        return number_resume(t);
    }
    t->at.p = (const uint8_t *)stop;
    return number_done(t, &n, s, (size_t)(stop - s));
}

/* A small integer, whole in the input; all else is number_token's. */
HOT enum state number(struct tarn_transcoder *t, struct run *r)
{
    const uint8_t *s = r->p;
    bool negative = *s == '-';
    uint64_t v = 0;
    unsigned n;

    if (RARE(r->end - s < 24))
        return call(number_token, t, r);
    s += negative;
    for (n = 0; n < 10 && (unsigned)s[n] - '0' <= 9; n++)
        v = v * 10 + (s[n] - '0');
    if (RARE(!n || tarn_number_char(s[n]) || (*s == '0' && n > 1)))
        return call(number_token, t, r);
    r->p = s + n;
    r->o = negative && v ? tarn_pack_negative(r->o, -(int64_t)v) : tarn_pack_uint(r->o, v);
    return ST_AFTER;
}

/* Go on with true, false or null; t->literal is what is left of it. */
static enum state literal(struct tarn_transcoder *t)
{
    while (*t->literal && t->at.p < t->at.end) {
        if (*t->at.p != (uint8_t)*t->literal)
            return tarn_transcode_fail_found(t, "true, false or null");
        t->literal++;
        t->at.p++;
    }
    return *t->literal ? wait(t, ST_LITERAL) : ST_AFTER;
}

COLD enum state literal_begin(struct tarn_transcoder *t)
{
    switch (*t->at.p) {
    case 't':
        *t->at.o++ = 0xc3;
        t->literal = "true";
        return literal(t);
    case 'f':
        *t->at.o++ = 0xc2;
        t->literal = "false";
        return literal(t);
    case 'n':
        *t->at.o++ = 0xc0;
        t->literal = "null";
        return literal(t);
    default:
        return tarn_transcode_fail_found(t, "a value");
    }
}

/* ---- containers ------------------------------------------------------------------------------------ */

/* More frames, or the end of what is allowed. */
COLD enum state deeper(struct tarn_transcoder *t)
{
    struct frame *frames;

    if (t->depth - t->base >= TARN_VALUE_DEPTH_MAX)
        return tarn_transcode_refuse(t, TARN_E_DEPTH, "nested deeper than 10000 levels", false);
    frames = realloc(t->frames, sizeof *frames * 2 * t->frames_cap);
    if (!frames)
        return tarn_transcode_fail(t, TARN_E_NOMEM, "out of memory");
    t->frames = frames;
    t->frames_cap *= 2;
    tarn_transcode_depth_stop_set(t);
    return ST_GO;
}

/* Do the keys of a container with this many open around it, the object's own included, go into the table? */
HOT uint8_t table_level(const struct tarn_transcoder *t, uint32_t around)
{
    if (around == 0)
        return TABLE_ROOT;
    return around == 1 && t->frames[t->base].flags & FRAME_MAP ? TABLE_CHILD : TABLE_NONE;
}

HOT enum state container_open(struct tarn_transcoder *t, struct run *r, bool map)
{
    struct frame *f;
    uint32_t around = t->depth - t->base;

    if (RARE(t->depth >= t->depth_stop)) {
        enum state st = call(deeper, t, r);

        if (st != ST_GO)
            return st;
    }
    if (r->end - r->p > 1 && r->p[1] == (map ? '}' : ']')) { /* empty, as most maps of managedFields are */
        *r->o++ = map ? 0x80 : 0x90;
        r->p += 2;
        return ST_AFTER;
    }
    f = &t->frames[t->depth++];
    f->node = t->node;
    f->start = (uint32_t)(r->o - t->out);
    f->count = f->index = 0;
    f->keys = (uint16_t)t->nkeys;
    f->table = map && t->in_object ? table_level(t, around) : TABLE_NONE;
    f->flags = (uint8_t)((map ? FRAME_MAP : 0) | (f->node || f->table ? FRAME_WATCHED : 0) |
                         (f->node && t->filter ? FRAME_FILTER : 0) | (t->in_object ? 0 : FRAME_ENVELOPE));
    r->f = f;
    r->o++;
    r->p++;
    return map ? ST_MEMBER_FIRST : ST_ELEMENT_FIRST;
}

/* What stands behind start moved by n. */
static void places_move(struct tarn_transcoder *t, const struct frame *f, uint32_t n)
{
    for (unsigned i = 0; i < TARN_SLOTS_MAX; i++)
        if (t->slots[i] > f->start)
            t->slots[i] += n;
    for (uint32_t i = f->keys; i < t->nkeys; i++)
        t->offs[i] += n;
}

/*
 * A container whose number of elements needs more than the byte kept for it. Long containers in long containers
 * cost their depth times their size; what no sane object comes near is refused before it stops the world.
 */
COLD enum state close_large(struct tarn_transcoder *t)
{
    struct frame *f = &t->frames[t->depth];
    uint32_t more = f->count <= UINT16_MAX ? 2 : 4, count = __builtin_bswap32(f->count);
    uint8_t *o = t->out + f->start, type = (uint8_t)((f->flags & FRAME_MAP ? 0xde : 0xdc) + (more == 4));
    size_t content = (size_t)(t->at.o - o - 1);

    t->moved += content;
    if (RARE(t->moved > MOVED_BYTES_MAX))
        return tarn_transcode_refuse(t, TARN_E_DEPTH, "long arrays or maps nested too deep in each other", false);
    memmove(o + 1 + more, o + 1, content);
    *o = type;
    memcpy(o + 1, (const uint8_t *)&count + 4 - more, more);
    t->at.o += more;
    places_move(t, f, more);
    return ST_AFTER;
}

HOT enum state container_close(struct tarn_transcoder *t, struct run *r)
{
    struct frame *f = r->f;

    t->depth--;
    r->f = f - 1;
    if (RARE(f->count > 15))
        return call(close_large, t, r);
    t->out[f->start] = (uint8_t)((f->flags & FRAME_MAP ? 0x80 : 0x90) | f->count);
    return ST_AFTER;
}

/* ---- the machine ----------------------------------------------------------------------------------- */

/* The next byte that is no white space (not taken), or -1. */
HOT int next_char(struct run *r)
{
    while (r->p < r->end) {
        uint8_t c = *r->p;

        if (c > ' ' || (c != ' ' && c != '\n' && c != '\r' && c != '\t'))
            return c;
        r->p++;
    }
    return -1;
}

COLD enum state fail_key(struct tarn_transcoder *t)
{
    return tarn_transcode_fail_found(t, "a key in double quotes");
}

COLD enum state fail_colon(struct tarn_transcoder *t)
{
    return tarn_transcode_fail_found(t, "':' behind a key");
}

COLD enum state fail_next(struct tarn_transcoder *t)
{
    return tarn_transcode_fail_found(t, top(t)->flags & FRAME_MAP ? "',' or '}'" : "',' or ']'");
}

COLD enum state fail_done(struct tarn_transcoder *t)
{
    return tarn_transcode_fail_found(t, "the end behind the document");
}

HOT enum state colon(struct tarn_transcoder *t, struct run *r)
{
    int c = next_char(r);

    if (RARE(c < 0))
        return wait(t, ST_COLON);
    if (RARE(c != ':'))
        return call(fail_colon, t, r);
    r->p++;
    return ST_VALUE;
}

HOT enum state key_done(struct tarn_transcoder *t, struct run *r)
{
    if (r->f->flags & FRAME_WATCHED) {
        if (r->f->node) {
            t->at.o = r->o;
            tarn_transcode_watched_key(t);
        } else {
            t->node = NULL;
            table_add(t, r->f);
        }
    }
    return colon(t, r);
}

HOT enum state member(struct tarn_transcoder *t, struct run *r, bool first)
{
    int c = next_char(r);

    if (c == '"') {
        r->p++;
        t->key_off = (uint32_t)(r->o - t->out);
        return short_string(r) ? key_done(t, r) : call(tarn_transcode_key_string, t, r);
    }
    if (c < 0)
        return wait(t, first ? ST_MEMBER_FIRST : ST_MEMBER);
    if (c != '}' || !first)
        return call(fail_key, t, r);
    r->p++;
    return ST_CLOSE;
}

/* The value whose first byte is c. */
HOT enum state value_begin(struct tarn_transcoder *t, struct run *r, int c)
{
    if (RARE(t->node != NULL)) {
        enum state st = call(tarn_transcode_special, t, r);

        if (st != ST_GO)
            return st;
    }
    if (c == '"') {
        r->p++;
        return short_string(r) ? ST_AFTER : call(tarn_transcode_value_string, t, r);
    }
    if (c == '{' || c == '[')
        return container_open(t, r, c == '{');
    if (c == '-' || (c >= '0' && c <= '9'))
        return number(t, r);
    return call(literal_begin, t, r);
}

HOT enum state value(struct tarn_transcoder *t, struct run *r)
{
    int c = next_char(r);

    return RARE(c < 0) ? wait(t, ST_VALUE) : value_begin(t, r, c);
}

HOT enum state element(struct tarn_transcoder *t, struct run *r, bool first)
{
    int c = next_char(r);

    if (RARE(c < 0))
        return wait(t, first ? ST_ELEMENT_FIRST : ST_ELEMENT);
    if (first && c == ']') {
        r->p++;
        return ST_CLOSE;
    }
    if (r->f->flags & FRAME_WATCHED) {
        t->at.o = r->o;
        tarn_transcode_watched_element(t);
    }
    return value_begin(t, r, c);
}

HOT enum state next(struct tarn_transcoder *t, struct run *r)
{
    int c = next_char(r);
    bool map = r->f->flags & FRAME_MAP;

    if (RARE(c < 0))
        return wait(t, ST_NEXT);
    if (c == ',') {
        r->p++;
        return map ? ST_MEMBER : ST_ELEMENT;
    }
    if (RARE(c != (map ? '}' : ']')))
        return call(fail_next, t, r);
    r->p++;
    return ST_CLOSE;
}

HOT enum state after(struct tarn_transcoder *t, struct run *r)
{
    if (RARE(r->o > t->limit))
        return call(tarn_transcode_after_special, t, r);
    if (RARE(r->f->flags & FRAME_ENVELOPE))
        return call(tarn_transcode_envelope_value_done, t, r);
    r->f->count++;
    return next(t, r);
}

HOT enum state done(struct tarn_transcoder *t, struct run *r)
{
    return next_char(r) < 0 ? wait(t, ST_DONE) : call(fail_done, t, r);
}

/* The states that are called and not inlined. */
static enum state run_other(struct tarn_transcoder *t, enum state st)
{
    switch (st) {
    case ST_STRING:
        return tarn_transcode_string(t);
    case ST_NUMBER:
        return number_resume(t);
    case ST_LITERAL:
        return literal(t);
    case ST_SKIP:
        return tarn_transcode_skip(t);
    default:
        return st;
    }
}

/* One step from any state. */
HOT enum state step(struct tarn_transcoder *t, struct run *r, enum state st)
{
    switch (st) {
    case ST_VALUE:
        return value(t, r);
    case ST_ELEMENT_FIRST:
        return element(t, r, true);
    case ST_ELEMENT:
        return element(t, r, false);
    case ST_MEMBER_FIRST:
        return member(t, r, true);
    case ST_KEY_DONE:
        return key_done(t, r);
    case ST_COLON:
        return colon(t, r);
    case ST_AFTER:
        return after(t, r);
    case ST_NEXT:
        return next(t, r);
    case ST_CLOSE:
        return container_close(t, r);
    case ST_DONE:
        return done(t, r);
    default:
        t->at = *r;
        st = run_other(t, st);
        *r = t->at;
        r->f = top(t);
        return st;
    }
}

enum state tarn_transcode_run(struct tarn_transcoder *t)
{
    struct run r = t->at;
    enum state st = t->state;

    r.f = top(t);
    while (st != ST_WAIT && st != ST_FAIL) {
        while (st == ST_MEMBER) { /* the round of nearly all tokens; any other state leaves it */
            st = member(t, &r, false);
            if (st == ST_VALUE)
                st = value(t, &r);
            if (st == ST_AFTER)
                st = after(t, &r);
        }
        st = step(t, &r, st);
    }
    t->at = r;
    return st;
}
