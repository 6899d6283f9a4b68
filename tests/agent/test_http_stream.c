/* Tests of the streamed answers of agent/serve/http_server.c: bytes as they come, wake, ends of all kinds, peers that are slow or go away, many at a time. */
/* tarn-test: threads */
#include "tarn_test.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_fixture.h"

/* What a stream does is said in its query: bytes=N in all, each=N at most by one read, pause=N: nothing now after every N bytes (a timer wakes),
 * cut=1: ends by a cut, never=1: after its bytes nothing comes any more. */
struct stream {
    struct stream *next;
    struct tarn_http_exchange *x;
    uint64_t bytes, each, pause, sent, paused_at;
    bool cut, never;
};

static struct {
    uv_timer_t timer;
    struct stream *streams;
    _Atomic uint64_t done, begun;
} server;

static uint64_t number(struct tarn_http_exchange *x, const char *name, uint64_t otherwise)
{
    const char *v = tarn_http_exchange_query(x, name);

    return v ? strtoull(v, NULL, 10) : otherwise;
}

static char letter(uint64_t at)
{
    return (char)('a' + at % 23);
}

static ssize_t read_stream(void *ctx, char *to, size_t n)
{
    struct stream *s = ctx;

    if (s->sent == s->bytes)
        return s->never ? 0 : s->cut ? TARN_HTTP_CUT : TARN_HTTP_END;
    if (s->pause && s->sent - s->paused_at >= s->pause) {
        s->paused_at = s->sent;
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
    struct stream *s = ctx, **at = &server.streams;

    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    free(s);
    atomic_fetch_add(&server.done, 1);
}

static const struct tarn_http_source source = {read_stream, done};

static void stream(void *ctx, struct tarn_http_exchange *x)
{
    struct stream *s = calloc(1, sizeof *s);

    (void)ctx;
    *s = (struct stream){
        .next = server.streams,
        .x = x,
        .bytes = number(x, "bytes", 0),
        .each = number(x, "each", UINT64_MAX),
        .pause = number(x, "pause", 0),
        .cut = number(x, "cut", 0),
        .never = number(x, "never", 0),
    };
    server.streams = s;
    atomic_fetch_add(&server.begun, 1);
    if (tarn_http_exchange_add_header(x, "X-Extra", "1") || tarn_http_exchange_add_header(x, "X-Extra", "2"))
        abort();
    tarn_http_exchange_stream(x, 200, "text/plain", &source, s);
}

static const struct tarn_http_route routes[] = {{"/stream", false, stream}, {0}};

static void on_timer(uv_timer_t *t)
{
    (void)t;
    for (struct stream *s = server.streams; s; s = s->next)
        tarn_http_exchange_wake(s->x);
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
    CU_ASSERT_PTR_NULL(server.streams); /* all are done */
    uv_close((uv_handle_t *)&server.timer, NULL);
}

static void begin(struct http_fixture *f, unsigned max_connections)
{
    memset(&server, 0, sizeof server);
    http_fixture_begin(f, &(struct tarn_http_server_options){.max_connections = max_connections, .routes = routes, .on_start = on_start, .on_ended = on_ended});
}

static int ask(const struct http_fixture *f, const char *query)
{
    char text[256];

    (void)snprintf(text, sizeof text, "GET /stream?%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", query);
    return http_fixture_send(f, text);
}

/* The length of the answer's body, which is moved to its begin; *ret_whole: its end was told. */
static size_t dechunk(char *text, size_t n, bool *ret_whole)
{
    struct http_answer a;

    http_fixture_parse(text, n, &a);
    *ret_whole = a.whole;
    memmove(text, a.body.data, a.body.len);
    return a.body.len;
}

static bool is_right(const char *body, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (body[i] != letter(i))
            return false;
    return true;
}

static char answer[4 << 20];

static void bytes_come_as_the_source_gives_them(void)
{
    static const struct {
        const char *query;
        size_t bytes;
        bool whole;
    } rows[] = {
        {"bytes=0", 0, true},
        {"bytes=1", 1, true},
        {"bytes=3000000", 3000000, true},
        {"bytes=5000&each=1", 5000, true},
        {"bytes=100000&each=100&pause=9000", 100000, true},
        {"bytes=20&each=1&pause=1", 20, true},
        {"bytes=0&cut=1", 0, false},
        {"bytes=100000&cut=1", 100000, false},
        {"bytes=100&pause=50&cut=1", 100, false},
    };
    struct http_fixture f;

    begin(&f, 4);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int fd = ask(&f, rows[i].query);
        bool whole;
        size_t n;

        n = http_fixture_read(fd, answer, sizeof answer - 1);
        CU_ASSERT_PTR_NOT_NULL(strstr(answer, "X-Extra: 1\r\n"));
        CU_ASSERT_PTR_NOT_NULL(strstr(answer, "X-Extra: 2\r\n"));
        n = dechunk(answer, n, &whole);
        if (n != rows[i].bytes || whole != rows[i].whole)
            printf("%s: %zu bytes%s\n", rows[i].query, n, whole ? "" : ", cut");
        CU_ASSERT_EQUAL(n, rows[i].bytes);
        CU_ASSERT_EQUAL(whole, rows[i].whole);
        CU_ASSERT(is_right(answer, n));
        (void)close(fd);
    }
    http_fixture_end(&f);
    CU_ASSERT_EQUAL(atomic_load(&server.done), sizeof rows / sizeof *rows);
}

/* HTTP/1.0 has no chunks: the end of the connection is the end of the body. */
static void an_old_client_gets_it_without_chunks(void)
{
    struct http_fixture f;
    size_t n;
    char *body;
    int fd;

    begin(&f, 4);
    fd = http_fixture_send(&f, "GET /stream?bytes=50000&pause=7000 HTTP/1.0\r\n\r\n");
    n = http_fixture_read(fd, answer, sizeof answer - 1);
    body = strstr(answer, "\r\n\r\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(body);
    CU_ASSERT_EQUAL(n - (size_t)(body + 4 - answer), 50000);
    CU_ASSERT(is_right(body + 4, 50000));
    (void)close(fd);
    http_fixture_end(&f);
}

static void who_asks_for_the_head_gets_no_more(void)
{
    struct http_fixture f;
    int fd;

    begin(&f, 4);
    fd = http_fixture_send(&f, "HEAD /stream?bytes=50000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    (void)http_fixture_read(fd, answer, sizeof answer - 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(answer, "200 OK"));
    CU_ASSERT_STRING_EQUAL(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    (void)close(fd);
    http_fixture_end(&f);
    CU_ASSERT_EQUAL(atomic_load(&server.done), 1);
}

/* A stream that waits learns that its peer has closed, or only its sending side: both are gone for a watch. */
static void who_leaves_a_waiting_stream_is_noticed(void)
{
    struct http_fixture f;

    begin(&f, 4);
    for (int half = 0; half < 2; half++) {
        int fd = ask(&f, "bytes=10&never=1");

        CU_ASSERT(http_fixture_read(fd, answer, 100) == 100);
        CU_ASSERT(http_fixture_wait(&f.counters.streams, 1));
        if (half)
            (void)shutdown(fd, SHUT_WR);
        else
            (void)close(fd);
        CU_ASSERT(http_fixture_wait(&f.counters.streams, 0));
        if (half)
            (void)close(fd);
    }
    CU_ASSERT(http_fixture_wait(&f.counters.connections, 0));
    http_fixture_end(&f);
}

/* What a half-closed peer asked for it gets whole. */
static void who_has_said_all_gets_his_answer(void)
{
    struct http_fixture f;
    bool whole;
    size_t n;
    int fd;

    begin(&f, 4);
    fd = ask(&f, "bytes=2000000");
    (void)shutdown(fd, SHUT_WR);
    n = http_fixture_read(fd, answer, sizeof answer - 1);
    CU_ASSERT_EQUAL(dechunk(answer, n, &whole), 2000000);
    CU_ASSERT(whole);
    (void)close(fd);
    http_fixture_end(&f);
}

/* A peer that takes nothing holds up nobody, and what is read for it is bounded. */
static void a_slow_reader_waits_alone(void)
{
    struct http_fixture f;
    int slow, fd;
    bool whole;
    size_t n;

    begin(&f, 4);
    slow = ask(&f, "bytes=4000000");
    CU_ASSERT(http_fixture_wait(&f.counters.streams, 1));
    for (int i = 0; i < 20; i++) {
        fd = ask(&f, "bytes=100000");
        n = http_fixture_read(fd, answer, sizeof answer - 1);
        CU_ASSERT_EQUAL(dechunk(answer, n, &whole), 100000);
        (void)close(fd);
    }
    CU_ASSERT(atomic_load(&f.counters.bytes_sent) < 2000000 + 1500000);
    n = http_fixture_read(slow, answer, sizeof answer - 1);
    CU_ASSERT_EQUAL(dechunk(answer, n, &whole), 4000000);
    CU_ASSERT(whole);
    (void)close(slow);
    http_fixture_end(&f);
}

/* When the server stops, streams that wait and streams whose peer takes nothing are cut. */
static void what_streams_is_cut_at_the_end(void)
{
    struct http_fixture f;
    int waiting, slow;
    bool whole;
    size_t n;

    begin(&f, 4);
    waiting = ask(&f, "bytes=10&never=1");
    slow = ask(&f, "bytes=100000000");
    CU_ASSERT(http_fixture_wait(&server.begun, 2));
    http_fixture_end(&f);
    CU_ASSERT_EQUAL(atomic_load(&server.done), 2);
    n = http_fixture_read(waiting, answer, sizeof answer - 1);
    CU_ASSERT_EQUAL(dechunk(answer, n, &whole), 10);
    CU_ASSERT_FALSE(whole);
    (void)close(waiting);
    (void)close(slow);
}

/* One connection serves one answer after the other, streams too. */
static void a_connection_is_used_again(void)
{
    static const char one[] = "GET /stream?bytes=100&pause=30 HTTP/1.1\r\nHost: x\r\n\r\n", last[] = "GET /stream?bytes=100 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    struct http_fixture f;
    char text[512];
    unsigned n = 0;
    int fd;

    begin(&f, 4);
    (void)snprintf(text, sizeof text, "%s%s%s", one, one, last);
    fd = http_fixture_send(&f, text);
    (void)http_fixture_read(fd, answer, sizeof answer - 1);
    for (const char *p = answer; (p = strstr(p, "HTTP/1.1 200 OK")); p++)
        n++;
    CU_ASSERT_EQUAL(n, 3);
    CU_ASSERT_EQUAL(atomic_load(&f.counters.requests), 3);
    (void)close(fd);
    http_fixture_end(&f);
    CU_ASSERT_EQUAL(atomic_load(&server.done), 3);
}

#define MANY 1000

/* All wait at once, all get their bytes, all are noticed as they leave. */
static void a_thousand_streams_at_a_time(void)
{
    static int fd[MANY];
    struct rlimit l = {.rlim_cur = 4 * MANY, .rlim_max = 4 * MANY};
    struct http_fixture f;

    if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < 4 * MANY) {
        l.rlim_cur = l.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &l);
    }
    begin(&f, MANY + 1);
    for (int i = 0; i < MANY; i++)
        fd[i] = ask(&f, "bytes=3000&pause=1000&never=1");
    CU_ASSERT(http_fixture_wait(&f.counters.bytes_sent, 3000u * MANY));
    CU_ASSERT_EQUAL(atomic_load(&f.counters.streams), MANY);
    for (int i = 0; i < MANY; i++)
        CU_ASSERT_EQUAL(http_fixture_read(fd[i], answer, 3000), 3000);
    for (int i = 0; i < MANY; i++)
        (void)close(fd[i]);
    CU_ASSERT(http_fixture_wait(&f.counters.streams, 0));
    CU_ASSERT(http_fixture_wait(&f.counters.connections, 0));
    http_fixture_end(&f);
}

TARN_TEST_MAIN("http_stream", TARN_TEST(bytes_come_as_the_source_gives_them), TARN_TEST(an_old_client_gets_it_without_chunks),
               TARN_TEST(who_asks_for_the_head_gets_no_more), TARN_TEST(who_leaves_a_waiting_stream_is_noticed), TARN_TEST(who_has_said_all_gets_his_answer),
               TARN_TEST(a_slow_reader_waits_alone), TARN_TEST(what_streams_is_cut_at_the_end), TARN_TEST(a_connection_is_used_again),
               TARN_TEST(a_thousand_streams_at_a_time))
