/* gzip_source.c - see gzip_source.h. */
#include "gzip_source.h"

#include <isa-l/igzip_lib.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define INPUT_BYTES (64u << 10)
#define TURN_BYTES (256u << 10) /* at most so much is taken in by one read, so that a turn of the loop is short */

/* On the threads of several servers; relaxed: a bound that may be missed by one. */
static _Atomic unsigned compressing;

struct gzip {
    struct tarn_http_exchange *x;
    const struct tarn_http_source *source;
    void *ctx;
    struct tarn_buf head; /* what was read to decide */
    size_t head_at;
    ssize_t ended; /* of source: 0: not yet, TARN_HTTP_END, TARN_HTTP_CUT */
    bool compress;
    struct isal_zstream z;
    uint64_t given; /* bytes to the compressor */
    uint8_t *level, *input;
};

/* ---- Accept-Encoding ------------------------------------------------------------------------------------ */

/* "gzip;q=0.5": its quality is not 0 */
static bool has_quality(const char *parameters, size_t n)
{
    for (size_t i = 0; i + 2 < n; i++)
        if (strncasecmp(parameters + i, "q=", 2) == 0)
            return strspn(parameters + i + 2, "0.") < strcspn(parameters + i + 2, ", \t");
    return true;
}

bool tarn_gzip_is_accepted(const char *accept_encoding)
{
    for (const char *p = accept_encoding; p && *p; p += strcspn(p, ","), p += *p == ',') {
        size_t n;

        p += strspn(p, " \t");
        n = strcspn(p, ",; \t");
        if ((n == 4 && strncasecmp(p, "gzip", 4) == 0) || (n == 1 && *p == '*'))
            return has_quality(p + n, strcspn(p, ",") - n);
    }
    return false;
}

/* ---- reading --------------------------------------------------------------------------------------------- */

/* The next bytes of what is to be sent, the head first. As a source's read; n at least 1. */
static ssize_t take(struct gzip *g, char *to, size_t n)
{
    size_t left = g->head.len - g->head_at;
    ssize_t k;

    if (left) {
        n = n < left ? n : left;
        memcpy(to, g->head.data + g->head_at, n);
        g->head_at += n;
        return (ssize_t)n;
    }
    tarn_buf_release(&g->head);
    g->head_at = 0;
    if (g->ended)
        return g->ended;
    k = g->source->read(g->ctx, to, n);
    if (k < 0)
        g->ended = k;
    return k;
}

/* Give the compressor something if it has nothing. 0: nothing now; 1: it has, or knows that all was given; TARN_HTTP_CUT. */
static ssize_t feed(struct gzip *g)
{
    ssize_t n;

    if (g->z.avail_in || g->z.end_of_stream)
        return 1;
    n = take(g, (char *)g->input, INPUT_BYTES);
    if (n == 0 || n == TARN_HTTP_CUT)
        return n;
    g->z.next_in = g->input;
    g->z.avail_in = n > 0 ? (uint32_t)n : 0;
    g->given += g->z.avail_in;
    g->z.end_of_stream = n == TARN_HTTP_END;
    return 1;
}

static ssize_t read_compressed(struct gzip *g, char *to, size_t n)
{
    uint64_t until = g->given + TURN_BYTES;
    ssize_t fed = 1;

    if (g->z.internal_state.state == ZSTATE_END)
        return TARN_HTTP_END;
    g->z.next_out = (uint8_t *)to;
    g->z.avail_out = (uint32_t)n;
    while (g->z.avail_out && g->z.internal_state.state != ZSTATE_END && g->given < until && (fed = feed(g)) == 1)
        if (isal_deflate(&g->z) != COMP_OK)
            return TARN_HTTP_CUT;
    if (g->z.avail_out < n)
        return (ssize_t)(n - g->z.avail_out);
    if (fed == 1) /* it has swallowed a turn's share and given nothing */
        tarn_http_exchange_wake(g->x);
    return fed == TARN_HTTP_CUT ? fed : 0;
}

static ssize_t on_read(void *ctx, char *to, size_t n)
{
    struct gzip *g = ctx;

    return g->compress ? read_compressed(g, to, n) : take(g, to, n);
}

static void release(struct gzip *g)
{
    if (g->compress)
        atomic_fetch_sub_explicit(&compressing, 1, memory_order_relaxed);
    tarn_buf_release(&g->head);
    free(g->level);
    free(g->input);
    free(g);
}

static void on_done(void *ctx)
{
    struct gzip *g = ctx;
    const struct tarn_http_source *source = g->source;
    void *source_ctx = g->ctx;

    release(g);
    source->done(source_ctx);
}

static const struct tarn_http_source gzip_source = {on_read, on_done};

/* ---- deciding ----------------------------------------------------------------------------------------------- */

/* Read what decides: g->head is longer than TARN_GZIP_LEAST, or holds all there is now. 0 or TARN_E_NOMEM. */
static int read_head(struct gzip *g)
{
    ssize_t n = 1;

    while (g->head.len <= TARN_GZIP_LEAST && n > 0) {
        int rc = tarn_buf_reserve(&g->head, INPUT_BYTES);

        if (rc)
            return rc;
        n = g->source->read(g->ctx, g->head.data + g->head.len, INPUT_BYTES);
        if (n > 0)
            g->head.len += (size_t)n;
    }
    g->ended = n < 0 ? n : 0;
    return 0;
}

/* False: it is sent as it is. */
static bool begin_to_compress(struct gzip *g)
{
    if (g->head.len <= TARN_GZIP_LEAST || atomic_load_explicit(&compressing, memory_order_relaxed) >= TARN_GZIP_STREAMS_MAX)
        return false;
    g->level = malloc(ISAL_DEF_LVL1_DEFAULT);
    g->input = malloc(INPUT_BYTES);
    if (!g->level || !g->input || tarn_http_exchange_add_header(g->x, "Vary", "Accept-Encoding") ||
        tarn_http_exchange_add_header(g->x, "Content-Encoding", "gzip"))
        return false;
    isal_deflate_init(&g->z);
    g->z.level = 1;
    g->z.level_buf = g->level;
    g->z.level_buf_size = ISAL_DEF_LVL1_DEFAULT;
    g->z.gzip_flag = IGZIP_GZIP;
    g->compress = true;
    atomic_fetch_add_explicit(&compressing, 1, memory_order_relaxed);
    return true;
}

void tarn_gzip_stream(struct tarn_http_exchange *x, unsigned status, const char *type, const struct tarn_http_source *source, void *ctx)
{
    struct gzip *g = calloc(1, sizeof *g);

    if (!g) {
        tarn_http_exchange_stream(x, status, type, source, ctx);
        return;
    }
    *g = (struct gzip){.x = x, .source = source, .ctx = ctx};
    if (read_head(g))
        g->ended = TARN_HTTP_CUT;
    if (g->ended == TARN_HTTP_END && g->head.len <= TARN_GZIP_LEAST) {
        tarn_http_exchange_reply(x, status, type, &g->head);
        on_done(g);
        return;
    }
    (void)begin_to_compress(g);
    tarn_http_exchange_stream(x, status, type, &gzip_source, g);
}
