/* Tests of agent/api/api_pass.c: a real server in front, a server of exact bytes behind, requests over real sockets. Every token is made up. */
/* tarn-test: threads */
#include "tarn_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "api_pass.h"
#include "byte_server.h"
#include "logger.h"

static char dir[] = "/tmp/tarn-api-pass-XXXXXX";

struct front {
    uv_loop_t loop; /* this thread's, for `stopped` */
    uv_async_t stopped;
    struct tarn_http_server *server;
    struct tarn_config_server config;
    bool on;
    char path[64];
    struct api_pass *pass; /* the server's thread's */
};

static void handle(void *ctx, struct tarn_http_exchange *x)
{
    api_pass_serve(((struct front *)ctx)->pass, x);
}

static int on_start(void *ctx, uv_loop_t *loop)
{
    struct front *f = ctx;

    return api_pass_new(loop, &f->config, f->on, &f->pass, NULL) ? UV_EINVAL : 0;
}

static void on_stop(void *ctx)
{
    api_pass_stop(((struct front *)ctx)->pass);
}

static void on_ended(void *ctx)
{
    api_pass_close(((struct front *)ctx)->pass);
}

static void on_stopped(uv_async_t *async)
{
    uv_close((uv_handle_t *)async, NULL);
}

static void front_start(struct front *f, const char *url, bool on)
{
    static const struct tarn_http_route routes[] = {{"/", true, handle}, {0}};
    struct tarn_error err;
    char *token;

    if (strstr(dir, "XXXXXX") && !mkdtemp(dir))
        abort();
    *f = (struct front){.on = on};
    (void)snprintf(f->path, sizeof f->path, "%s/api.sock", dir);
    token = malloc(128);
    (void)snprintf(token, 128, "%s/token", dir);
    FILE *file = fopen(token, "w");
    CU_ASSERT_FATAL(file && fputs("made-up-agent", file) >= 0 && fclose(file) == 0);
    f->config = (struct tarn_config_server){.url = url, .token_file = token};
    CU_ASSERT_FATAL(uv_loop_init(&f->loop) == 0 && uv_async_init(&f->loop, &f->stopped, on_stopped) == 0);
    tarn_logger_init(TARN_LOG_TEXT, TARN_LOG_ERROR, 2, "");
    CU_ASSERT_FATAL(tarn_http_server_start(
                        &(struct tarn_http_server_options){
                            .name = "read API",
                            .section = "api",
                            .socket_path = f->path,
                            .socket_gid = -1,
                            .max_connections = 512,
                            .any_method = true,
                            .max_body = 3u << 20,
                            .max_bodies = 32u << 20,
                            .routes = routes,
                            .ctx = f,
                            .on_start = on_start,
                            .on_stop = on_stop,
                            .on_ended = on_ended,
                            .stopped = &f->stopped,
                        },
                        &f->server, &err) == 0);
}

static void front_stop(struct front *f)
{
    tarn_http_server_stop(f->server);
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    tarn_http_server_join(f->server);
    CU_ASSERT_EQUAL(uv_loop_close(&f->loop), 0);
    (void)unlink(f->config.token_file);
    free((char *)f->config.token_file);
}

/* ---- a caller ---------------------------------------------------------------------------------------------------------- */

static int call(const struct front *f, const char *request, size_t n)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(a.sun_path, sizeof a.sun_path, "%s", f->path);
    CU_ASSERT_FATAL(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0);
    while (n) {
        ssize_t put = send(fd, request, n, MSG_NOSIGNAL);

        CU_ASSERT_FATAL(put > 0);
        request += put;
        n -= (size_t)put;
    }
    return fd;
}

/* Read to the end of the connection; fd is closed. The answer is a text. */
static struct tarn_buf rest(int fd)
{
    struct tarn_buf b = {0};
    char piece[65536];
    ssize_t n;

    while ((n = recv(fd, piece, sizeof piece, 0)) > 0)
        CU_ASSERT_FATAL(tarn_buf_add(&b, piece, (size_t)n) == 0);
    CU_ASSERT_FATAL(tarn_buf_add(&b, "", 1) == 0);
    (void)close(fd);
    return b;
}

static struct tarn_buf ask(const struct front *f, const char *request)
{
    return rest(call(f, request, strlen(request)));
}

static bool has(const struct tarn_buf *b, const char *text)
{
    return strstr(b->data, text) != NULL;
}

/* Ask, and be answered with this status and a text that holds this. */
static void expect(const struct front *f, const char *request, const char *status, const char *text)
{
    struct tarn_buf b = ask(f, request);

    if (strncmp(b.data + 9, status, 3) != 0 || !has(&b, text))
        printf("asked %.60s\nexpected %s %s, got %s\n", request, status, text, b.data);
    CU_ASSERT(b.len > 12 && strncmp(b.data + 9, status, 3) == 0 && has(&b, text));
    tarn_buf_release(&b);
}

/* ---- refused ----------------------------------------------------------------------------------------------------------------- */

#define END "Host: x\r\nConnection: close\r\n\r\n"

static void what_is_not_served_says_where_to_ask(void)
{
    struct front f;

    front_start(&f, "https://api.test:6443/prefix", false);
    expect(&f, "GET /api/v1/namespaces/a/pods/b/log HTTP/1.1\r\n" END, "404", "https://api.test:6443/prefix\",\"reason\":\"NotFound\"");
    expect(&f, "POST /api/v1/pods HTTP/1.1\r\nContent-Length: 2\r\n" END "{}", "405", "write to the API server, https://api.test:6443/prefix\",\"reason\":\"MethodNotAllowed\"");
    expect(&f, "DELETE /api/v1/pods HTTP/1.1\r\n" END, "405", "\"kind\":\"Status\"");
    expect(&f, "GET /api/v1/namespaces/a/pods/b/exec HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n", "501", "port-forward");
    front_stop(&f);
}

/* Websockets and SPDY, whether it is on or off; nothing of it reaches the server. */
static void upgrades_do_not_go_through(void)
{
    struct byte_answer answer = {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .after = 1};
    struct byte_server *s = byte_server_start(&answer, 1);
    struct front f;

    front_start(&f, byte_server_url(s), true);
    expect(&f, "GET /x HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n\r\n", "501", "do not go through tarn");
    expect(&f, "POST /x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: SPDY/3.1\r\nContent-Length: 0\r\n\r\n", "501", "do not go through tarn");
    CU_ASSERT_EQUAL(byte_server_requests(s), 0);
    front_stop(&f);
    byte_server_stop(s);
}

/* ---- passed on ------------------------------------------------------------------------------------------------------------------ */

static void the_request_goes_on_with_what_is_the_callers_and_nothing_of_ours(void)
{
    struct byte_answer answer = {.bytes = "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nWarning: 299 - \"w\"\r\nAudit-Id: 7\r\nConnection: keep-alive\r\n"
                                          "Keep-Alive: timeout=5\r\nContent-Length: 8\r\n\r\n{\"a\":1}\n",
                                 .after = 1};
    struct byte_server *s = byte_server_start(&answer, 1);
    struct tarn_buf got;
    char sent[4096];
    struct front f;

    front_start(&f, byte_server_url(s), true);
    got = ask(&f, "PATCH /apis/apps/v1/namespaces/a/deployments/b%2Fc?fieldManager=x%20y&dryRun=All HTTP/1.1\r\nHost: tarn\r\nAuthorization: Bearer made-up-caller\r\n"
                  "Impersonate-Group: g1\r\nImpersonate-Group: g2\r\nUser-Agent: kubectl/v1\r\nAccept: application/json\r\nContent-Type: application/merge-patch+json\r\n"
                  "Accept-Encoding: gzip\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nExpect: 100-continue\r\nContent-Length: 7\r\n\r\n{\"b\":2}");
    CU_ASSERT(strncmp(got.data, "HTTP/1.1 100", 12) == 0 || strncmp(got.data, "HTTP/1.1 201", 12) == 0);
    CU_ASSERT(has(&got, "HTTP/1.1 201 Created\r\n") && has(&got, "\r\nContent-Type: application/json\r\n") && has(&got, "\r\nWarning: 299 - \"w\"\r\n") && has(&got, "\r\nAudit-Id: 7\r\n"));
    CU_ASSERT(has(&got, "{\"a\":1}\n") && !has(&got, "Keep-Alive: timeout"));
    byte_server_request(s, 0, sent, sizeof sent);
    CU_ASSERT(strncmp(sent, "PATCH /apis/apps/v1/namespaces/a/deployments/b%2Fc?fieldManager=x%20y&dryRun=All HTTP/1.1\r\n", 86) == 0);
    CU_ASSERT(strstr(sent, "\r\nAuthorization: Bearer made-up-caller\r\n") && strstr(sent, "\r\nImpersonate-Group: g1\r\n") && strstr(sent, "\r\nImpersonate-Group: g2\r\n"));
    CU_ASSERT(strstr(sent, "\r\nUser-Agent: kubectl/v1\r\n") && strstr(sent, "\r\nAccept: application/json\r\n") && strstr(sent, "\r\nAccept-Encoding: gzip\r\n"));
    CU_ASSERT(strstr(sent, "\r\nContent-Type: application/merge-patch+json\r\n") && strstr(sent, "\r\nContent-Length: 7\r\n") && strstr(sent, "\r\n\r\n{\"b\":2}"));
    CU_ASSERT(!strstr(sent, "made-up-agent") && !strstr(sent, "X-Hop") && !strstr(sent, "TE:") && !strstr(sent, "Expect") && !strstr(sent, "Host: tarn"));
    tarn_buf_release(&got);
    /* who brings no credentials has none */
    expect(&f, "GET /api/v1/nodes HTTP/1.1\r\n" END, "201", "{\"a\":1}");
    byte_server_request(s, 1, sent, sizeof sent);
    CU_ASSERT(strncmp(sent, "GET /api/v1/nodes HTTP/1.1\r\n", 28) == 0 && !strstr(sent, "Authorization"));
    /* a path stays as it is: the server alone says what it means */
    expect(&f, "GET /a/../b//c HTTP/1.1\r\n" END, "201", "{\"a\":1}");
    byte_server_request(s, 2, sent, sizeof sent);
    CU_ASSERT(strncmp(sent, "GET /a/../b//c HTTP/1.1\r\n", 25) == 0);
    front_stop(&f);
    byte_server_stop(s);
}

static void every_status_comes_back(void)
{
    static const struct {
        const char *bytes, *status, *text;
    } rows[] = {
        {"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: x\r\nContent-Length: 2\r\n\r\n{}", "401", "WWW-Authenticate: x"},
        {"HTTP/1.1 409 Conflict\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", "409", "{}"},
        {"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n", "429", "Retry-After: 3"},
        {"HTTP/1.1 500 No\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nnope", "500", "nope"},
        {"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", "302", "Location: /elsewhere"},
        {"HTTP/1.1 204 No Content\r\n\r\n", "204", ""},
        {"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", "304", "ETag: \"x\""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "200", "abc"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct byte_answer answer = {.bytes = rows[i].bytes, .after = 1};
        struct byte_server *s = byte_server_start(&answer, 1);
        struct front f;

        front_start(&f, byte_server_url(s), true);
        expect(&f, "DELETE /x HTTP/1.1\r\nAuthorization: Bearer made-up-caller\r\n" END, rows[i].status, rows[i].text);
        CU_ASSERT_EQUAL(byte_server_requests(s), 1); /* a 401 is not ours to mend */
        front_stop(&f);
        byte_server_stop(s);
    }
}

static void a_large_body_goes_on_whole(void)
{
    struct byte_answer answer = {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .after = 1};
    struct byte_server *s = byte_server_start(&answer, 1);
    size_t size = 3u << 20, head;
    char *request = malloc(size + 200), *sent = malloc(size + 4096);
    struct tarn_buf got;
    struct front f;

    CU_ASSERT_FATAL(request && sent);
    head = (size_t)snprintf(request, 200, "PUT /x HTTP/1.1\r\nContent-Length: %zu\r\n" END, size);
    for (size_t i = 0; i < size; i++)
        request[head + i] = (char)('a' + i % 25);
    front_start(&f, byte_server_url(s), true);
    got = rest(call(&f, request, head + size));
    CU_ASSERT(has(&got, "HTTP/1.1 200 OK"));
    byte_server_request(s, 0, sent, size + 4096);
    CU_ASSERT(strstr(sent, "\r\n\r\n") && strlen(strstr(sent, "\r\n\r\n") + 4) == size && memcmp(strstr(sent, "\r\n\r\n") + 4, request + head, size) == 0);
    tarn_buf_release(&got);
    front_stop(&f);
    byte_server_stop(s);
    free(request);
    free(sent);
}

/* ---- streams ----------------------------------------------------------------------------------------------------------------------- */

#define PIECE (1u << 20)
#define PIECES 64u

/* Bytes the server could send while the caller reads nothing: until no more go. */
static uint64_t sent_at_rest(struct byte_server *s)
{
    uint64_t before = 0, now = 1;

    while (now != before) {
        before = byte_server_sent(s);
        (void)usleep(300000);
        now = byte_server_sent(s);
    }
    return now;
}

static void a_slow_caller_slows_the_server(void)
{
    char *bytes = malloc(PIECE + 1), piece[65536];
    struct byte_answer answer = {.bytes = bytes, .len = PIECE, .repeat = PIECES - 1};
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n", request[] = "GET /log HTTP/1.1\r\n" END;
    struct byte_server *s;
    struct front f;
    uint64_t n = 0;
    ssize_t got;
    int fd;

    CU_ASSERT_FATAL(bytes != NULL);
    memset(bytes, 'x', PIECE);
    memcpy(bytes, head, sizeof head - 1); /* of the first; of the others it is a part of the body */
    s = byte_server_start(&answer, 1);
    front_start(&f, byte_server_url(s), true);
    fd = call(&f, request, sizeof request - 1);
    CU_ASSERT(sent_at_rest(s) < (uint64_t)PIECE * PIECES / 2); /* the kernel's buffers, and ours */
    while ((got = recv(fd, piece, sizeof piece, 0)) > 0)
        n += (uint64_t)got;
    CU_ASSERT(n > (uint64_t)PIECE * PIECES - sizeof head && byte_server_sent(s) == (uint64_t)PIECE * PIECES);
    (void)close(fd);
    front_stop(&f);
    byte_server_stop(s);
    free(bytes);
}

/* Chunks without an end: the caller must see that it is not whole. */
static void an_answer_that_is_cut_is_cut_for_the_caller(void)
{
    struct byte_answer answer = {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"};
    struct byte_server *s = byte_server_start(&answer, 1);
    struct tarn_buf got;
    struct front f;

    front_start(&f, byte_server_url(s), true);
    got = ask(&f, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
    CU_ASSERT(has(&got, "HTTP/1.1 200 OK") && has(&got, "2\r\nab\r\n") && !has(&got, "0\r\n\r\n"));
    tarn_buf_release(&got);
    front_stop(&f);
    byte_server_stop(s);
}

static void what_comes_is_told_at_once(void)
{
    struct byte_answer answer = {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n", .after = 2};
    struct byte_server *s = byte_server_start(&answer, 1);
    static const char follow[] = "GET /log?follow=true HTTP/1.1\r\nHost: x\r\n\r\n";
    struct tarn_buf got = {0};
    char piece[4096];
    struct front f;
    int fd;

    front_start(&f, byte_server_url(s), true);
    fd = call(&f, follow, sizeof follow - 1);
    do {
        ssize_t n = recv(fd, piece, sizeof piece, 0);

        CU_ASSERT_FATAL(n > 0 && tarn_buf_add(&got, piece, (size_t)n) == 0 && tarn_buf_add(&got, "", 1) == 0);
        got.len--;
    } while (!has(&got, "first"));
    /* the caller goes; the next one is served, and the end of everything finds nothing left */
    (void)close(fd);
    tarn_buf_release(&got);
    fd = call(&f, follow, sizeof follow - 1);
    CU_ASSERT(recv(fd, piece, sizeof piece, 0) > 0);
    front_stop(&f);
    (void)close(fd);
    byte_server_stop(s);
}

/* ---- trouble ---------------------------------------------------------------------------------------------------------------------------- */

static void a_server_that_is_away_is_told(void)
{
    char url[64];
    struct front f;

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", closed_port());
    front_start(&f, url, true);
    expect(&f, "GET /x HTTP/1.1\r\n" END, "503", "\"reason\":\"ServiceUnavailable\"");
    front_stop(&f);
}

/* It may have done it: only the caller can know what to do then. */
static void a_write_without_an_answer_is_not_repeated(void)
{
    struct byte_answer answers[] = {{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .after = 1}, {.bytes = NULL}, {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .after = 1}};
    struct byte_server *s = byte_server_start(answers, 3);
    struct front f;

    front_start(&f, byte_server_url(s), true);
    expect(&f, "GET /x HTTP/1.1\r\n" END, "200", "");
    expect(&f, "POST /x HTTP/1.1\r\nContent-Length: 0\r\n" END, "503", "went away before it answered");
    CU_ASSERT_EQUAL(byte_server_requests(s), 2);
    front_stop(&f);
    byte_server_stop(s);
}

static void too_many_at_a_time_are_told_to_come_again(void)
{
    struct byte_answer silent = {.bytes = "HTTP/1.1 100 Continue\r\n\r\n", .after = 2};
    struct byte_server *s = byte_server_start(&silent, 1);
    static const char request[] = "GET /x HTTP/1.1\r\nHost: x\r\n\r\n";
    static int fds[API_PASS_MAX];
    struct tarn_buf got;
    struct front f;

    front_start(&f, byte_server_url(s), true);
    for (unsigned i = 0; i < API_PASS_MAX; i++)
        fds[i] = call(&f, request, sizeof request - 1);
    while (byte_server_requests(s) < API_PASS_MAX)
        (void)usleep(10000);
    expect(&f, "GET /x HTTP/1.1\r\n" END, "429", "Retry-After: 1");
    /* the agent ends: who waits is told */
    front_stop(&f);
    for (unsigned i = 0; i < API_PASS_MAX; i++) {
        got = rest(fds[i]);
        CU_ASSERT(has(&got, "HTTP/1.1 503") && has(&got, "the agent is stopping"));
        tarn_buf_release(&got);
    }
    byte_server_stop(s);
}

static void what_is_no_request_is_no_passage(void)
{
    struct byte_answer answer = {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", .after = 1};
    struct byte_server *s = byte_server_start(&answer, 1);
    struct tarn_buf many = {0}, got;
    struct front f;

    front_start(&f, byte_server_url(s), true);
    expect(&f, "GET http://127.0.0.1:1/api HTTP/1.1\r\n" END, "404", "");
    expect(&f, "GET %2f@127.0.0.1:1/api HTTP/1.1\r\n" END, "400", "no path"); /* behind the server's address that would be another server */
    CU_ASSERT(tarn_buf_adds(&many, "GET /x HTTP/1.1\r\n") == 0);
    for (int i = 0; i < 120; i++)
        CU_ASSERT(tarn_buf_addf(&many, "X-%d: y\r\n", i) == 0);
    CU_ASSERT(tarn_buf_adds(&many, END) == 0);
    got = rest(call(&f, many.data, many.len));
    CU_ASSERT(has(&got, "HTTP/1.1 431") && has(&got, "more than 100 headers"));
    CU_ASSERT_EQUAL(byte_server_requests(s), 0);
    tarn_buf_release(&got);
    tarn_buf_release(&many);
    front_stop(&f);
    byte_server_stop(s);
}

TARN_TEST_MAIN("api_pass", TARN_TEST(what_is_not_served_says_where_to_ask), TARN_TEST(upgrades_do_not_go_through),
               TARN_TEST(the_request_goes_on_with_what_is_the_callers_and_nothing_of_ours), TARN_TEST(every_status_comes_back), TARN_TEST(a_large_body_goes_on_whole),
               TARN_TEST(a_slow_caller_slows_the_server), TARN_TEST(an_answer_that_is_cut_is_cut_for_the_caller), TARN_TEST(what_comes_is_told_at_once),
               TARN_TEST(a_server_that_is_away_is_told), TARN_TEST(a_write_without_an_answer_is_not_repeated), TARN_TEST(too_many_at_a_time_are_told_to_come_again),
               TARN_TEST(what_is_no_request_is_no_passage))
