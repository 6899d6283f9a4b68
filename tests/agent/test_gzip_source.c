/* Tests of agent/serve/gzip_source.c over a Unix socket: zlib, the stock library, takes apart what comes. */
/* tarn-test: threads */
#include "tarn_test.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "gzip_source.h"
#include "http_fixture.h"

/* bytes=N in all, each=N at most by one read, wait=N: nothing now once after N bytes, cut=1: ends by a cut */
struct stream {
    struct tarn_http_exchange *x;
    uint64_t bytes, each, wait, sent;
    bool cut, waits;
};

static struct {
    uv_timer_t timer;
    struct stream *waiting;
    _Atomic uint64_t done;
} server;

static uint64_t number(struct tarn_http_exchange *x, const char *name, uint64_t otherwise)
{
    const char *v = tarn_http_exchange_query(x, name);

    return v ? strtoull(v, NULL, 10) : otherwise;
}

/* Compresses, but not to nothing. */
static char letter(uint64_t at)
{
    return (char)('a' + (at * 2654435761u >> 13) % (at % 64 < 48 ? 2 : 26));
}

static ssize_t read_stream(void *ctx, char *to, size_t n)
{
    struct stream *s = ctx;

    if (s->sent == s->bytes)
        return s->cut ? TARN_HTTP_CUT : TARN_HTTP_END;
    if (s->waits && s->sent >= s->wait) {
        s->waits = false;
        server.waiting = s;
        return 0;
    }
    n = n < s->each ? n : s->each;
    n = n < s->bytes - s->sent ? n : s->bytes - s->sent;
    for (size_t i = 0; i < n; i++)
        to[i] = letter(s->sent++);
    return (ssize_t)n;
}

static void done(void *ctx)
{
    if (server.waiting == ctx)
        server.waiting = NULL;
    free(ctx);
    atomic_fetch_add(&server.done, 1);
}

static void stream(void *ctx, struct tarn_http_exchange *x)
{
    static const struct tarn_http_source source = {read_stream, done};
    struct stream *s = calloc(1, sizeof *s);

    (void)ctx;
    *s = (struct stream){
        .x = x,
        .bytes = number(x, "bytes", 0),
        .each = number(x, "each", UINT64_MAX),
        .wait = number(x, "wait", 0),
        .waits = tarn_http_exchange_query(x, "wait") != NULL,
        .cut = number(x, "cut", 0),
    };
    tarn_gzip_stream(x, 200, "application/json", &source, s);
}

static void on_timer(uv_timer_t *t)
{
    (void)t;
    if (server.waiting)
        tarn_http_exchange_wake(server.waiting->x);
    server.waiting = NULL;
}

static int on_start(void *ctx, uv_loop_t *loop)
{
    (void)ctx;
    (void)uv_timer_init(loop, &server.timer);
    return uv_timer_start(&server.timer, on_timer, 2, 2);
}

static void on_ended(void *ctx)
{
    (void)ctx;
    uv_close((uv_handle_t *)&server.timer, NULL);
}

static const struct tarn_http_route routes[] = {{"/stream", false, stream}, {0}};

static void begin(struct http_fixture *f)
{
    memset(&server, 0, sizeof server);
    http_fixture_begin(f, &(struct tarn_http_server_options){.max_connections = 100, .routes = routes, .on_start = on_start, .on_ended = on_ended});
}

static int ask(const struct http_fixture *f, const char *query)
{
    char text[256];

    (void)snprintf(text, sizeof text, "GET /stream?%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", query);
    return http_fixture_send(f, text);
}

static char answer[8 << 20], plain[8 << 20];

/* The text of a gzip file; *ret_whole: its end and checksum are there and right. */
static size_t inflate_all(const char *data, size_t n, bool *ret_whole)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)n, .next_out = (Bytef *)plain, .avail_out = sizeof plain};

    CU_ASSERT_EQUAL_FATAL(inflateInit2(&z, 15 + 16), Z_OK);
    *ret_whole = inflate(&z, Z_FINISH) == Z_STREAM_END && z.avail_in == 0;
    (void)inflateEnd(&z);
    return z.total_out;
}

static bool is_right(const char *body, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (body[i] != letter(i))
            return false;
    return true;
}

static void long_answers_are_compressed_and_short_ones_not(void)
{
    static const struct {
        const char *query;
        size_t bytes;
        bool compressed, whole;
    } rows[] = {
        {"bytes=0", 0, false, true},
        {"bytes=100", 100, false, true},
        {"bytes=131072", 131072, false, true},
        {"bytes=131073", 131073, true, true},
        {"bytes=6000000", 6000000, true, true},
        {"bytes=200000&each=7", 200000, true, true},
        {"bytes=2000000&wait=1000000", 2000000, true, true},
        {"bytes=2000000&wait=1000", 2000000, false, true}, /* waits while it is decided */
        {"bytes=100&wait=50", 100, false, true},
        {"bytes=100&cut=1", 100, false, false},
        {"bytes=3000000&cut=1", 3000000, true, false},
    };
    struct http_fixture f;

    begin(&f);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int fd = ask(&f, rows[i].query);
        struct http_answer a;
        bool whole;
        size_t n = http_fixture_read(fd, answer, sizeof answer - 1);

        (void)close(fd);
        http_fixture_parse(answer, n, &a);
        whole = a.whole;
        n = a.body.len;
        if (strstr(a.headers, "Content-Encoding: gzip"))
            n = inflate_all(a.body.data, a.body.len, &whole);
        else
            memcpy(plain, a.body.data, n);
        if (n != rows[i].bytes || whole != rows[i].whole)
            printf("%s: %zu bytes%s\n", rows[i].query, n, whole ? "" : ", not whole");
        CU_ASSERT_EQUAL(strstr(a.headers, "Content-Encoding: gzip") != NULL, rows[i].compressed);
        CU_ASSERT(rows[i].whole ? n == rows[i].bytes : n <= rows[i].bytes);
        CU_ASSERT_EQUAL(whole, rows[i].whole);
        CU_ASSERT(is_right(plain, n));
        CU_ASSERT(!rows[i].compressed || a.body.len < n);
    }
    http_fixture_end(&f);
    CU_ASSERT_EQUAL(atomic_load(&server.done), sizeof rows / sizeof *rows);
}

/* Memory of compressors is bounded: who comes over the bound gets it as it is. */
static void so_many_at_a_time(void)
{
    int fd[TARN_GZIP_STREAMS_MAX + 8];
    unsigned compressed = 0, n = sizeof fd / sizeof *fd;
    struct http_fixture f;

    begin(&f);
    for (unsigned i = 0; i < n; i++) /* nobody reads: all are under way at once, for the socket's buffer takes less */
        fd[i] = ask(&f, "bytes=7000000");
    CU_ASSERT(http_fixture_wait(&f.counters.streams, n));
    for (unsigned i = 0; i < n; i++) {
        size_t got = http_fixture_read(fd[i], answer, sizeof answer - 1);
        struct http_answer a;

        (void)close(fd[i]);
        http_fixture_parse(answer, got, &a);
        compressed += strstr(a.headers, "Content-Encoding: gzip") != NULL;
        CU_ASSERT(a.whole);
    }
    CU_ASSERT_EQUAL(compressed, TARN_GZIP_STREAMS_MAX);
    http_fixture_end(&f);
}

/* A peer that leaves in the middle: everything is given back (ASan looks). */
static void one_that_leaves_in_the_middle(void)
{
    struct http_fixture f;
    int fd;

    begin(&f);
    fd = ask(&f, "bytes=500000000");
    CU_ASSERT_EQUAL(http_fixture_read(fd, answer, 100000), 100000);
    (void)close(fd);
    CU_ASSERT(http_fixture_wait(&f.counters.streams, 0));
    http_fixture_end(&f);
    CU_ASSERT_EQUAL(atomic_load(&server.done), 1);
}

static void who_takes_gzip(void)
{
    static const struct {
        const char *accept;
        bool yes;
    } rows[] = {{NULL, false}, {"", false}, {"gzip", true}, {"GZIP", true}, {"deflate, gzip", true}, {"gzip;q=0", false}, {"gzip;q=0.000", false},
                {"gzip; q=0.5, br", true}, {"*", true}, {"*;q=0", false}, {"gzipped", false}, {"identity", false}, {"br;q=1.0,\tgzip;q=1", true}, {",,,", false}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (tarn_gzip_is_accepted(rows[i].accept) != rows[i].yes)
            printf("%s\n", rows[i].accept ? rows[i].accept : "none");
        CU_ASSERT_EQUAL(tarn_gzip_is_accepted(rows[i].accept), rows[i].yes);
    }
}

TARN_TEST_MAIN("gzip_source", TARN_TEST(long_answers_are_compressed_and_short_ones_not), TARN_TEST(so_many_at_a_time), TARN_TEST(one_that_leaves_in_the_middle),
               TARN_TEST(who_takes_gzip))
