/* transcode.c - JSON to objects in one pass: a state machine that may stop and go on between any two bytes.
 *
 * Output grows in one buffer, `out`: first what is noted of the envelope (a list's or an event's own fields), then
 * the object under way, with a gap before its body where its head is written once it closes. A string is decoded
 * behind a header of the likely size, a container behind one byte; both are put right when they close. Every
 * position is kept as an offset into out, so the few that stand behind a header that grew can be moved along.
 * transcode_impl.h tells which part does what; here is the interface and what the parts share.
 */
#include <stdio.h>
#include <stdlib.h>

#include "transcode_impl.h"

/* ---- what the parts share ------------------------------------------------------------------------- */

enum state tarn_transcode_fail(struct tarn_transcoder *t, int code, const char *what)
{
    unsigned long long at = t->fed + (uint64_t)(t->at.p - t->slice);

    t->code = tarn_error_set(&t->error, code, "byte %llu: %s", at, what);
    return ST_FAIL;
}

enum state tarn_transcode_fail_found(struct tarn_transcoder *t, const char *expected)
{
    uint8_t c = *t->at.p;
    char text[160];

    (void)snprintf(text, sizeof text, c > ' ' && c < 0x7f ? "expected %s, found '%c'" : "expected %s, found byte 0x%02x",
                   expected, c);
    return tarn_transcode_fail(t, TARN_E_SYNTAX, text);
}

void tarn_transcode_limit_set(struct tarn_transcoder *t, size_t off)
{
    t->limit_off = off;
    t->limit = t->rewinding ? t->out : t->out + off;
}

int tarn_transcode_reserve(struct tarn_transcoder *t, size_t n)
{
    size_t cap = t->cap ? t->cap : 2 * GAP_BYTES;
    uint8_t *out;

    if (t->cap - t->len >= n)
        return 0;
    while (cap - t->len < n)
        cap *= 2;
    out = realloc(t->out, cap);
    if (!out)
        return TARN_E_NOMEM;
    t->out = out;
    t->cap = cap;
    tarn_transcode_limit_set(t, t->limit_off);
    return 0;
}

void tarn_transcode_document_begin(struct tarn_transcoder *t)
{
    t->depth = 1;
    t->frames[0] = (struct frame){.flags = FRAME_ENVELOPE};
    t->node = &t->trie.document;
    t->filter = !t->trie.document.keep; /* of a list or an event only what is noted is kept */
    t->in_object = t->has_object = t->has_skipped = t->rewinding = false;
    t->base = 0;
    t->depth_stop = t->frames_cap;
    memset(t->slots, 0, sizeof t->slots);
    t->at.o = t->out;
    tarn_transcode_limit_set(t, ENVELOPE_BYTES_MAX);
}

void tarn_transcode_depth_stop_set(struct tarn_transcoder *t)
{
    uint32_t deepest = t->base + TARN_VALUE_DEPTH_MAX;

    t->depth_stop = t->frames_cap < deepest ? t->frames_cap : deepest;
}

/* ---- the interface --------------------------------------------------------------------------------- */

void tarn_transcoder_reset(struct tarn_transcoder *t)
{
    t->code = 0;
    t->fed = 0;
    t->skip_code = 0;
    t->state = ST_VALUE;
    tarn_transcode_document_begin(t);
    t->len = 0;
}

void tarn_transcoder_free(struct tarn_transcoder *t)
{
    if (!t)
        return;
    tarn_trie_release(&t->trie);
    tarn_buf_release(&t->number);
    tarn_buf_release(&t->skip_name);
    if (t->c_locale)
        freelocale(t->c_locale);
    free(t->frames);
    free(t->out);
    free(t);
}

static int options_check(const struct tarn_transcode_options *o, struct tarn_error *err)
{
    if (o->mode != TARN_TRANSCODE_OBJECT && o->mode != TARN_TRANSCODE_LIST && o->mode != TARN_TRANSCODE_WATCH)
        return tarn_error_set(err, TARN_E_INVAL, "mode %d is none of OBJECT, LIST and WATCH", (int)o->mode);
    if (o->max_object_bytes && (o->max_object_bytes < MIN_OBJECT_BYTES || o->max_object_bytes > TARN_OBJECT_BYTES_MAX))
        return tarn_error_set(err, TARN_E_INVAL, "max_object_bytes is %u; it must be from %u to %u", o->max_object_bytes,
                              MIN_OBJECT_BYTES, TARN_OBJECT_BYTES_MAX);
    return 0;
}

static int parts_make(struct tarn_transcoder *t)
{
    t->c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    t->frames = malloc(sizeof *t->frames * FRAMES_FIRST);
    t->frames_cap = FRAMES_FIRST;
    return t->c_locale && t->frames ? tarn_transcode_reserve(t, GAP_BYTES) : TARN_E_NOMEM;
}

int tarn_transcoder_new(const struct tarn_transcode_options *options, const struct tarn_transcode_sink *sink,
                        struct tarn_transcoder **ret, struct tarn_error *err)
{
    struct tarn_transcoder *t;
    int code = options_check(options, err);

    if (code)
        return code;
    t = calloc(1, sizeof *t);
    if (!t)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    *t = (struct tarn_transcoder){.sink = *sink, .mode = options->mode, .store_id = options->store_id,
                                  .lenient = options->lenient_utf8,
                                  .max_object_bytes = options->max_object_bytes ? options->max_object_bytes
                                                                                : DEFAULT_OBJECT_BYTES};
    code = tarn_trie_init(&t->trie, options, err);
    if (!code && parts_make(t))
        code = tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    if (code) {
        tarn_transcoder_free(t);
        return code;
    }
    tarn_transcoder_reset(t);
    *ret = t;
    return 0;
}

static int feed_slice(struct tarn_transcoder *t, const uint8_t *data, size_t n)
{
    if (tarn_transcode_reserve(t, n * OUT_PER_BYTE + 2 * GAP_BYTES + OUT_SLACK))
        return t->code = tarn_error_set(&t->error, TARN_E_NOMEM, "out of memory");
    t->slice = data;
    t->at = (struct run){.p = data, .end = data + n, .o = t->out + t->len};
    (void)tarn_transcode_run(t);
    t->len = out_off(t);
    t->fed += n;
    return t->code;
}

int tarn_transcoder_feed(struct tarn_transcoder *t, const void *data, size_t n, struct tarn_error *err)
{
    const uint8_t *p = data;

    if (t->code)
        return tarn_error_set(err, TARN_E_INVAL, "fed after an error: %.400s", t->error.message);
    while (n) {
        size_t slice = n < SLICE_BYTES ? n : SLICE_BYTES;

        if (feed_slice(t, p, slice)) {
            if (err)
                *err = t->error;
            return t->code;
        }
        p += slice;
        n -= slice;
    }
    return 0;
}

/* May the input end here: between documents, or, in mode WATCH only, before the first? */
static bool may_end(const struct tarn_transcoder *t)
{
    return t->state == ST_DONE || (t->mode == TARN_TRANSCODE_WATCH && t->state == ST_VALUE && t->depth == 1);
}

int tarn_transcoder_end(struct tarn_transcoder *t, struct tarn_error *err)
{
    int code = 0;

    if (!t->code && t->state == ST_NUMBER && t->depth == 1) /* only more input tells that a number is over */
        code = tarn_transcoder_feed(t, "\n", 1, err);
    if (code)
        return code;
    if (t->code)
        return tarn_error_set(err, TARN_E_INVAL, "ended after an error: %.400s", t->error.message);
    if (may_end(t))
        return 0;
    t->code = tarn_error_set(&t->error, TARN_E_SYNTAX, "byte %llu: the input ended inside a document",
                             (unsigned long long)t->fed);
    if (err)
        *err = t->error;
    return t->code;
}

size_t tarn_transcoder_memory(const struct tarn_transcoder *t)
{
    return sizeof *t + t->cap + t->frames_cap * sizeof *t->frames + t->number.cap + t->skip_name.cap;
}

/* ---- one document, one object ------------------------------------------------------------------------ */

struct one {
    const struct tarn_object *obj;
};

static int one_object(void *ctx, struct tarn_bytes type, const struct tarn_object *obj)
{
    struct one *one = ctx;

    (void)type;
    one->obj = tarn_object_ref(obj);
    return one->obj ? 0 : TARN_E_NOMEM;
}

int tarn_object_from_json(struct tarn_bytes json, const struct tarn_object **ret, struct tarn_error *err)
{
    struct one one = {0};
    struct tarn_transcode_options options = {.mode = TARN_TRANSCODE_OBJECT, .max_object_bytes = TARN_OBJECT_BYTES_MAX};
    struct tarn_transcode_sink sink = {.on_object = one_object, .ctx = &one};
    struct tarn_transcoder *t = NULL;
    int code = tarn_transcoder_new(&options, &sink, &t, err);

    if (code)
        return code;
    code = tarn_transcoder_feed(t, json.data, json.len, err);
    if (!code)
        code = tarn_transcoder_end(t, err);
    tarn_transcoder_free(t);
    if (code) {
        tarn_object_unref(one.obj);
        return code;
    }
    *ret = one.obj;
    return 0;
}
