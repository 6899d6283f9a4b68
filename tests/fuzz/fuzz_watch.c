/* fuzz_watch.c - a watch stream cut into pieces at any boundary gives the same events as in one piece.
 *
 * Short inputs are cut at every single byte, longer ones at places that their own first bytes choose. Events are read as the agent
 * reads them: the type, the key, the version; of an ERROR its Status. A transcoder that stumbled reads the next stream as a new one does.
 */
#include <stdint.h>
#include <stdlib.h>

#include <tarn/status.h>
#include <tarn/transcode.h>

enum { CUT_EVERYWHERE = 160, CUTS = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct outcome {
    uint64_t hash;
    unsigned events;
    int code;
};

static void must(int ok)
{
    if (!ok)
        abort();
}

static void fold(struct outcome *o, struct tarn_bytes b)
{
    for (size_t i = 0; i < b.len; i++)
        o->hash = (o->hash ^ (uint8_t)b.data[i]) * 1099511628211u;
    o->hash = (o->hash ^ b.len) * 1099511628211u;
}

static int on_event(void *ctx, struct tarn_bytes type, const struct tarn_object *obj)
{
    struct outcome *o = ctx;
    struct tarn_status s;

    o->events++;
    fold(o, type);
    fold(o, tarn_object_key(obj));
    fold(o, tarn_object_body(obj));
    if (tarn_bytes_equal(type, tarn_bytes_of("ERROR")) && tarn_status_from_object(obj, &s, NULL) == 0) {
        o->hash ^= (uint64_t)(unsigned)s.code;
        tarn_status_release(&s);
    }
    return 0;
}

static int on_skipped(void *ctx, int code, struct tarn_bytes key)
{
    struct outcome *o = ctx;

    o->hash ^= (uint64_t)(unsigned)code << 32;
    fold(o, key);
    return 0;
}

/* The next piece as memory of its exact size, so that a sanitizer sees a read behind it. */
static int feed(struct tarn_transcoder *t, const uint8_t *data, size_t n)
{
    uint8_t *piece = malloc(n ? n : 1);
    int rc;

    must(piece != NULL);
    if (n)
        memcpy(piece, data, n);
    rc = tarn_transcoder_feed(t, piece, n, NULL);
    free(piece);
    return rc;
}

/* Read data, cut at cuts (ascending). ctx of the transcoder is *o. */
static void run(struct tarn_transcoder *t, struct outcome *o, const uint8_t *data, size_t n, const size_t *cuts, size_t ncuts)
{
    size_t at = 0;

    *o = (struct outcome){.hash = 14695981039346656037u};
    tarn_transcoder_reset(t);
    for (size_t i = 0; i < ncuts && !o->code; at = cuts[i++])
        o->code = feed(t, data + at, cuts[i] - at);
    if (!o->code)
        o->code = feed(t, data + at, n - at);
    if (!o->code)
        o->code = tarn_transcoder_end(t, NULL);
}

static void must_agree(const struct outcome *whole, const struct outcome *cut)
{
    must(whole->code == cut->code && whole->events == cut->events && whole->hash == cut->hash);
}

static int by_size(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;

    return (x > y) - (x < y);
}

/* Places that the input itself chooses. */
static void choose(size_t *cuts, const uint8_t *data, size_t n)
{
    uint64_t state = 88172645463325252u;

    for (size_t i = 0; i < CUTS; i++) {
        state = state * 6364136223846793005u + data[i % n] + 1442695040888963407u;
        cuts[i] = (size_t)((state >> 33) % n);
    }
    qsort(cuts, CUTS, sizeof *cuts, by_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct tarn_transcoder *t;
    static struct outcome now;
    struct tarn_transcode_sink sink = {.on_object = on_event, .on_skipped = on_skipped, .ctx = &now};
    struct outcome whole;
    size_t cuts[CUTS];

    if (!t)
        must(tarn_transcoder_new(&(struct tarn_transcode_options){.mode = TARN_TRANSCODE_WATCH, .max_object_bytes = 4096}, &sink, &t, NULL) == 0);
    run(t, &now, data, n, NULL, 0);
    whole = now;
    for (size_t i = 1; n <= CUT_EVERYWHERE && i < n; i++) {
        run(t, &now, data, n, &i, 1);
        must_agree(&whole, &now);
    }
    if (n > 1) {
        choose(cuts, data, n);
        run(t, &now, data, n, cuts, CUTS);
        must_agree(&whole, &now);
    }
    return 0;
}
