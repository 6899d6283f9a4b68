/* Tests of agent/http.c: exact bytes from a server of our own, over real sockets. */
/* tarn-test: threads */
#include "tarn_test.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent_loop.h"
#include "byte_server.h"

struct got {
    bool done;
    int heads, status;
    uint32_t retry_after_ms;
    char content_type[64];
    struct tarn_buf body;
    uint64_t bytes;
    enum tarn_http_end_kind kind;
    int code;
    char error[600];
    int give_up_at_head, give_up_at_body;
    struct tarn_http_transfer *transfer;
    bool cancel_in_body, keep;
    struct tarn_buf headers; /* "name=value;" */
    struct agent_loop *loop;
};

static int on_header(void *ctx, struct tarn_bytes name, struct tarn_bytes value)
{
    struct got *g = ctx;

    CU_ASSERT_EQUAL(g->heads, 0);
    return tarn_buf_addf(&g->headers, "%.*s=%.*s;", TARN_BYTES_ARG(name), TARN_BYTES_ARG(value));
}

static int on_head(void *ctx, const struct tarn_http_head *h)
{
    struct got *g = ctx;

    g->heads++;
    g->status = h->status;
    g->retry_after_ms = h->retry_after_ms;
    (void)snprintf(g->content_type, sizeof g->content_type, "%.*s", TARN_BYTES_ARG(h->content_type));
    return g->give_up_at_head;
}

static int on_body(void *ctx, const char *data, size_t n)
{
    struct got *g = ctx;

    CU_ASSERT(n <= 16384);
    g->bytes += n;
    if (g->keep)
        CU_ASSERT(tarn_buf_add(&g->body, data, n) == 0);
    if (g->cancel_in_body) {
        tarn_http_cancel(g->transfer);
        g->done = true;
    }
    return g->give_up_at_body;
}

static void on_end(void *ctx, const struct tarn_http_end *e)
{
    struct got *g = ctx;

    CU_ASSERT_FALSE(g->done);
    g->done = true;
    g->kind = e->kind;
    g->code = e->code;
    (void)snprintf(g->error, sizeof g->error, "%s", e->error ? e->error->message : "");
}

static const struct tarn_http_sink sink = {.on_head = on_head, .on_body = on_body, .on_end = on_end};

static void get(struct agent_loop *l, struct got *g, const char *path, enum tarn_http_class cls)
{
    g->keep = true;
    CU_ASSERT_FATAL(tarn_http_start(l->http, &(struct tarn_http_request){.cls = cls, .path = path, .sink = &sink, .ctx = g}, &g->transfer) == 0);
}

static void fetch(struct agent_loop *l, struct got *g, const char *path)
{
    get(l, g, path, TARN_HTTP_SHORT);
    CU_ASSERT(agent_loop_run(l, &g->done));
}

static void a_response_comes_whole_however_it_is_cut(void)
{
    for (size_t piece = 1; piece <= 4096; piece *= 8) {
        size_t n;
        char *bytes = test_data("list-plain.resp.http", &n);
        struct byte_answer answers[] = {{.bytes = bytes, .len = n, .piece = piece, .after = 1}};
        struct byte_server *s = byte_server_start(answers, 1);
        struct agent_loop l;
        struct got g = {0};
        char request[1024];

        agent_loop_init(&l, byte_server_url(s));
        fetch(&l, &g, "/api/v1/pods?limit=2");
        CU_ASSERT_EQUAL(g.kind, TARN_HTTP_DONE);
        CU_ASSERT_EQUAL(g.status, 200);
        CU_ASSERT_EQUAL(g.heads, 1);
        CU_ASSERT_STRING_EQUAL(g.content_type, "application/json");
        CU_ASSERT(g.body.len > 1000 && g.body.data[0] == '{' && memcmp(g.body.data + g.body.len - 2, "}\n", 2) == 0);
        byte_server_request(s, 0, request, sizeof request);
        CU_ASSERT(strstr(request, "GET /api/v1/pods?limit=2 HTTP/1.1\r\n") == request);
        CU_ASSERT(strstr(request, "User-Agent: tarnd/") && strstr(request, "Accept: application/json\r\n"));
        CU_ASSERT_FALSE(strstr(request, "Accept-Encoding") != NULL);
        tarn_buf_release(&g.body);
        agent_loop_release(&l);
        byte_server_stop(s);
        free(bytes);
    }
}

static void connections_are_kept_for_the_next_request(void)
{
    size_t n;
    char *bytes = json_answer(200, "{}", &n);
    struct byte_answer answers[] = {{.bytes = bytes, .len = n, .after = 1}};
    struct byte_server *s = byte_server_start(answers, 1);
    struct agent_loop l;

    agent_loop_init(&l, byte_server_url(s));
    for (int i = 0; i < 10; i++) {
        struct got g = {0};

        fetch(&l, &g, "/api");
        CU_ASSERT_EQUAL(g.kind, TARN_HTTP_DONE);
        tarn_buf_release(&g.body);
    }
    CU_ASSERT_EQUAL(byte_server_requests(s), 10);
    CU_ASSERT_EQUAL(byte_server_connections(s), 1);
    agent_loop_release(&l);
    byte_server_stop(s);
    free(bytes);
}

static void each_end_has_its_kind(void)
{
    static const struct {
        const char *what;
        struct byte_answer answer;
        enum tarn_http_end_kind kind;
        int status;
    } rows[] = {
        {"an empty answer", {.bytes = NULL}, TARN_HTTP_BROKEN, 0},
        {"half a head", {.bytes = "HTTP/1.1 200 O"}, TARN_HTTP_BROKEN, 0},
        {"a chunked body cut", {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"}, TARN_HTTP_BROKEN, 200},
        {"a body shorter than announced", {.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"}, TARN_HTTP_BROKEN, 200},
        {"a body up to the close", {.bytes = "HTTP/1.1 200 OK\r\n\r\nabc"}, TARN_HTTP_DONE, 200},
        {"an error status", {.bytes = "HTTP/1.1 503 No\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n"}, TARN_HTTP_DONE, 503},
        {"a redirect, not followed", {.bytes = "HTTP/1.1 302 Found\r\nLocation: http://example.com/\r\nContent-Length: 0\r\n\r\n"}, TARN_HTTP_DONE, 302},
        {"an interim answer before the real one", {.bytes = "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No\r\n\r\n"}, TARN_HTTP_DONE, 204},
        {"not HTTP", {.bytes = "SSH-2.0-OpenSSH_9.2\r\n\r\n"}, TARN_HTTP_FAILED, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct byte_server *s = byte_server_start(&rows[i].answer, 1);
        struct agent_loop l;
        struct got g = {0};

        agent_loop_init(&l, byte_server_url(s));
        fetch(&l, &g, "/api");
        if (g.kind != rows[i].kind || g.status != rows[i].status)
            printf("%s: kind %d, status %d: %s\n", rows[i].what, g.kind, g.status, g.error);
        CU_ASSERT_EQUAL(g.kind, rows[i].kind);
        CU_ASSERT_EQUAL(g.status, rows[i].status);
        CU_ASSERT_EQUAL(g.kind == TARN_HTTP_DONE, g.error[0] == '\0');
        if (g.status == 503)
            CU_ASSERT_EQUAL(g.retry_after_ms, 5000);
        tarn_buf_release(&g.body);
        agent_loop_release(&l);
        byte_server_stop(s);
    }
}

/* ---- requests that are more than a GET ------------------------------------------------------------------------------ */

static void send_request(struct agent_loop *l, struct got *g, struct tarn_http_request r)
{
    static const struct tarn_http_sink all = {.on_head = on_head, .on_body = on_body, .on_end = on_end, .on_header = on_header};

    r.path = r.path ? r.path : "/x";
    r.sink = &all;
    r.ctx = g;
    CU_ASSERT_FATAL(tarn_http_start(l->http, &r, &g->transfer) == 0);
    CU_ASSERT(agent_loop_run(l, &g->done));
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static void methods_bodies_and_headers_go_out_as_given(void)
{
    static const char *const headers[] = {"Content-Type: application/json", "Authorization: Bearer made-up", "X-Two: a", "X-Two: b", NULL};
    static const struct {
        const char *method, *body, *length; /* length: the line that tells it; NULL: none */
    } rows[] = {
        {"POST", "{\"a\":1}", "\r\nContent-Length: 7\r\n"}, {"PUT", "x", "\r\nContent-Length: 1\r\n"}, {"PATCH", "[]", "\r\nContent-Length: 2\r\n"},
        {"DELETE", "{}", "\r\nContent-Length: 2\r\n"},      {"DELETE", "", NULL},                        {"POST", "", "\r\nContent-Length: 0\r\n"},
        {"GET", "", NULL},
    };
    size_t n;
    char *bytes = json_answer(201, "{}", &n), request[4096], line[64];
    struct byte_answer answers[] = {{.bytes = bytes, .len = n, .after = 1}};
    struct byte_server *s = byte_server_start(answers, 1);
    struct agent_loop l;

    agent_loop_init(&l, byte_server_url(s));
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct got g = {0};

        send_request(&l, &g, (struct tarn_http_request){.method = rows[i].method, .body = tarn_bytes_of(rows[i].body), .headers = headers});
        CU_ASSERT_EQUAL(g.kind, TARN_HTTP_DONE);
        CU_ASSERT_EQUAL(g.status, 201);
        byte_server_request(s, i, request, sizeof request);
        (void)snprintf(line, sizeof line, "%s /x HTTP/1.1\r\n", rows[i].method);
        CU_ASSERT(strncmp(request, line, strlen(line)) == 0);
        CU_ASSERT(rows[i].length ? strstr(request, rows[i].length) != NULL : !strstr(request, "Content-Length"));
        CU_ASSERT(strstr(request, "\r\nContent-Type: application/json\r\n") && strstr(request, "\r\nAuthorization: Bearer made-up\r\n"));
        CU_ASSERT(strstr(request, "\r\nX-Two: a\r\n") && strstr(request, "\r\nX-Two: b\r\n"));
        CU_ASSERT(ends_with(request, rows[i].body) && !strstr(request, "Expect:") && !strstr(request, "Transfer-Encoding"));
        tarn_buf_release(&g.headers);
    }
    CU_ASSERT_EQUAL(byte_server_connections(s), 1);
    agent_loop_release(&l);
    byte_server_stop(s);
    free(bytes);
}

/* Larger than any buffer on the way, and of no type: libcurl's own would be a form's. */
static void a_large_body_arrives_whole(void)
{
    size_t n, size = 3u << 20;
    char *bytes = json_answer(200, "{}", &n), *body = malloc(size), *request = malloc(size + 4096);
    struct byte_answer answers[] = {{.bytes = bytes, .len = n}};
    struct byte_server *s = byte_server_start(answers, 1);
    struct agent_loop l;
    struct got g = {0};
    char *end;

    CU_ASSERT_FATAL(body && request);
    for (size_t i = 0; i < size; i++)
        body[i] = (char)('a' + i % 23);
    agent_loop_init(&l, byte_server_url(s));
    send_request(&l, &g, (struct tarn_http_request){.method = "POST", .body = {.data = body, .len = size}, .once = true});
    CU_ASSERT_EQUAL(g.kind, TARN_HTTP_DONE);
    byte_server_request(s, 0, request, size + 4096);
    end = strstr(request, "\r\n\r\n");
    CU_ASSERT_FATAL(end != NULL);
    CU_ASSERT(strlen(end + 4) == size && memcmp(end + 4, body, size) == 0);
    *end = '\0';
    CU_ASSERT(!strstr(request, "Content-Type") && !strstr(request, "Expect"));
    tarn_buf_release(&g.headers);
    agent_loop_release(&l);
    byte_server_stop(s);
    free(request);
    free(body);
    free(bytes);
}

static void the_headers_of_the_answer_are_told_but_not_of_interim_ones(void)
{
    static const struct byte_answer answer = {.bytes = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nAudit-Id: 7\r\nWarning: 299 - \"x: y\"\r\n"
                                                       "Warning: 2\r\nX-Empty:\r\nContent-Length: 0\r\n\r\n"};
    struct byte_server *s = byte_server_start(&answer, 1);
    struct agent_loop l;
    struct got g = {0};

    agent_loop_init(&l, byte_server_url(s));
    send_request(&l, &g, (struct tarn_http_request){0});
    CU_ASSERT(tarn_buf_add(&g.headers, "", 1) == 0);
    CU_ASSERT_STRING_EQUAL(g.headers.data, "Audit-Id=7;Warning=299 - \"x: y\";Warning=2;X-Empty=;Content-Length=0;");
    CU_ASSERT_EQUAL(g.status, 200);
    tarn_buf_release(&g.headers);
    agent_loop_release(&l);
    byte_server_stop(s);
}

/* The server did something and went before it could say so: on a kept connection libcurl would send it again. */
static void what_changes_something_is_sent_once(void)
{
    size_t n;
    char *bytes = json_answer(200, "{}", &n);
    struct byte_answer answers[] = {{.bytes = bytes, .len = n, .after = 1}, {.bytes = NULL}, {.bytes = bytes, .len = n, .after = 1}};

    for (int once = 0; once < 2; once++) {
        struct byte_server *s = byte_server_start(answers, 3);
        struct agent_loop l;
        struct got first = {0}, second = {0};

        agent_loop_init(&l, byte_server_url(s));
        send_request(&l, &first, (struct tarn_http_request){0});
        send_request(&l, &second, (struct tarn_http_request){.method = "POST", .body = TARN_BYTES("{}"), .once = once});
        CU_ASSERT_EQUAL(second.kind, once ? TARN_HTTP_BROKEN : TARN_HTTP_DONE);
        CU_ASSERT_EQUAL(byte_server_requests(s), once ? 2 : 3);
        CU_ASSERT(!once || strncmp(second.error, "POST http://", 12) == 0);
        tarn_buf_release(&first.headers);
        tarn_buf_release(&second.headers);
        agent_loop_release(&l);
        byte_server_stop(s);
    }
    free(bytes);
}

static void a_refused_connection_is_told_as_such_and_names_the_url(void)
{
    char url[64];
    struct agent_loop l;
    struct got g = {0};

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", closed_port());
    agent_loop_init(&l, url);
    fetch(&l, &g, "/api/v1/pods");
    CU_ASSERT_EQUAL(g.kind, TARN_HTTP_REFUSED);
    CU_ASSERT(strstr(g.error, url) && strstr(g.error, "/api/v1/pods"));
    agent_loop_release(&l);
}

static void a_name_that_does_not_resolve_ends_all_that_wait(void)
{
    struct agent_loop l;
    struct got a = {0}, b = {0};

    agent_loop_init(&l, "http://no-such-host.invalid:1");
    get(&l, &a, "/a", TARN_HTTP_WATCH);
    get(&l, &b, "/b", TARN_HTTP_LIST);
    CU_ASSERT(agent_loop_run(&l, &a.done) && agent_loop_run(&l, &b.done));
    CU_ASSERT_EQUAL(a.kind, TARN_HTTP_FAILED);
    CU_ASSERT_EQUAL(b.kind, TARN_HTTP_FAILED);
    CU_ASSERT(strstr(a.error, "cannot resolve no-such-host.invalid") != NULL);
    agent_loop_release(&l);
}

/* A machine without /etc/hosts (a fresh chroot) and without a resolver knows no name at all. */
static bool localhost_is_known(void)
{
    struct addrinfo *found;
    bool known = getaddrinfo("localhost", NULL, NULL, &found) == 0;

    if (known)
        freeaddrinfo(found);
    return known;
}

static void a_name_is_resolved_without_libcurl(void)
{
    size_t n;
    char *bytes = json_answer(200, "{}", &n), url[64];
    struct byte_answer answers[] = {{.bytes = bytes, .len = n}};
    struct byte_server *s = byte_server_start(answers, 1);
    struct agent_loop l;
    struct got g = {0};

    if (!localhost_is_known()) {
        puts("SKIPPED: this machine cannot resolve localhost");
        goto out;
    }
    (void)snprintf(url, sizeof url, "http://localhost%s", strrchr(byte_server_url(s), ':'));
    agent_loop_init(&l, url);
    fetch(&l, &g, "/api");
    CU_ASSERT_EQUAL(g.kind, TARN_HTTP_DONE);
    tarn_buf_release(&g.body);
    agent_loop_release(&l);
out:
    byte_server_stop(s);
    free(bytes);
}

static void the_sink_may_give_up(void)
{
    size_t n;
    char *bytes = json_answer(200, "{}", &n);
    struct byte_answer answers[] = {{.bytes = bytes, .len = n}};
    struct byte_server *s = byte_server_start(answers, 1);
    struct agent_loop l;
    struct got head = {.give_up_at_head = -7}, body = {.give_up_at_body = -8};

    agent_loop_init(&l, byte_server_url(s));
    fetch(&l, &head, "/api");
    CU_ASSERT_EQUAL(head.kind, TARN_HTTP_GIVEN_UP);
    CU_ASSERT_EQUAL(head.code, -7);
    CU_ASSERT_EQUAL(head.bytes, 0);
    fetch(&l, &body, "/api");
    CU_ASSERT_EQUAL(body.kind, TARN_HTTP_GIVEN_UP);
    CU_ASSERT_EQUAL(body.code, -8);
    tarn_buf_release(&head.body);
    tarn_buf_release(&body.body);
    agent_loop_release(&l);
    byte_server_stop(s);
    free(bytes);
}

static void a_cancelled_transfer_calls_no_more_even_from_inside_its_own_call(void)
{
    struct byte_answer answers[] = {{.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", .after = 2}};
    struct byte_server *s = byte_server_start(answers, 1);
    struct agent_loop l;
    struct got inside = {.cancel_in_body = true}, waiting = {0}, after = {.cancel_in_body = true};

    agent_loop_init(&l, byte_server_url(s));
    get(&l, &waiting, "/w", TARN_HTTP_WATCH);
    tarn_http_cancel(waiting.transfer); /* libcurl never heard of it */
    fetch(&l, &inside, "/x");
    fetch(&l, &after, "/y"); /* a second round of the loop: inside.on_end would fail its own assertion */
    CU_ASSERT_EQUAL(inside.bytes, 3);
    CU_ASSERT_EQUAL(waiting.heads, 0);
    tarn_buf_release(&inside.body);
    tarn_buf_release(&after.body);
    agent_loop_release(&l);
    byte_server_stop(s);
}

/* a stream that fell silent is taken as dead. */
static void silence_and_deadlines_end_a_transfer(void)
{
    struct byte_answer answers[] = {{.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", .after = 2}};
    struct byte_server *s = byte_server_start(answers, 1);
    struct agent_loop l;
    struct got silent = {.keep = true}, late = {.keep = true};

    agent_loop_init(&l, byte_server_url(s));
    CU_ASSERT_FATAL(tarn_http_start(l.http, &(struct tarn_http_request){.cls = TARN_HTTP_WATCH, .path = "/a", .silence_ms = 500, .sink = &sink, .ctx = &silent}, &silent.transfer) == 0);
    CU_ASSERT_FATAL(tarn_http_start(l.http, &(struct tarn_http_request){.cls = TARN_HTTP_WATCH, .path = "/b", .deadline_ms = 500, .sink = &sink, .ctx = &late}, &late.transfer) == 0);
    CU_ASSERT(agent_loop_run(&l, &silent.done) && agent_loop_run(&l, &late.done));
    CU_ASSERT_EQUAL(silent.kind, TARN_HTTP_SILENT);
    CU_ASSERT_EQUAL(late.kind, TARN_HTTP_LATE);
    CU_ASSERT_EQUAL(silent.bytes, 3);
    tarn_buf_release(&silent.body);
    tarn_buf_release(&late.body);
    agent_loop_release(&l);
    byte_server_stop(s);
}

#define STREAMS 8

/* The server sends as fast as it can on eight connections: each must get on, and the budget must have paused them. */
static void no_stream_starves_another(void)
{
    static char block[65536];
    size_t head = (size_t)snprintf(block, sizeof block, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n");
    struct byte_answer answers[] = {{.bytes = block, .len = sizeof block, .repeat = 1 << 30}};
    struct byte_server *s;
    struct agent_loop l;
    struct got g[STREAMS] = {0};
    struct tarn_http_stats stats;
    uint64_t least = UINT64_MAX, most = 0;
    bool enough = false;

    memset(block + head, 'x', sizeof block - head);
    s = byte_server_start(answers, 1);
    agent_loop_init(&l, byte_server_url(s));
    for (int i = 0; i < STREAMS; i++) {
        get(&l, &g[i], "/watch", TARN_HTTP_WATCH);
        g[i].keep = false;
    }
    for (int turn = 0; turn < 200000 && !enough; turn++) {
        (void)uv_run(&l.loop, UV_RUN_ONCE);
        enough = true;
        for (int i = 0; i < STREAMS; i++)
            enough &= g[i].bytes > (4u << 20);
    }
    CU_ASSERT(enough);
    for (int i = 0; i < STREAMS; i++) {
        least = g[i].bytes < least ? g[i].bytes : least;
        most = g[i].bytes > most ? g[i].bytes : most;
    }
    CU_ASSERT(most < 10 * least);
    tarn_http_stats(l.http, &stats);
    CU_ASSERT(stats.pauses > 0);
    agent_loop_release(&l);
    byte_server_stop(s);
}

static void at_most_two_lists_run_and_watches_go_first(void)
{
    struct byte_answer answers[] = {{.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", .after = 2}};
    struct byte_server *s = byte_server_start(answers, 1);
    struct agent_loop l;
    struct got lists[4] = {0}, watch = {0};
    struct tarn_http_stats stats;

    agent_loop_init(&l, byte_server_url(s));
    for (int i = 0; i < 4; i++)
        get(&l, &lists[i], "/list", TARN_HTTP_LIST);
    get(&l, &watch, "/watch", TARN_HTTP_WATCH);
    while (!watch.bytes || !lists[0].bytes || !lists[1].bytes)
        (void)uv_run(&l.loop, UV_RUN_ONCE);
    tarn_http_stats(l.http, &stats);
    CU_ASSERT_EQUAL(stats.active, 3);
    CU_ASSERT_EQUAL(stats.waiting, 2);
    tarn_http_cancel(lists[0].transfer);
    while (!lists[2].bytes)
        (void)uv_run(&l.loop, UV_RUN_ONCE);
    tarn_http_stats(l.http, &stats);
    CU_ASSERT_EQUAL(stats.waiting, 1);
    for (int i = 0; i < 4; i++)
        tarn_buf_release(&lists[i].body);
    tarn_buf_release(&watch.body);
    agent_loop_release(&l);
    byte_server_stop(s);
}

static void gzip_is_asked_for_only_when_configured(void)
{
    size_t n;
    char *bytes = test_data("form-gzip-large.resp.http", &n), request[1024];
    struct byte_answer answers[] = {{.bytes = bytes, .len = n}};
    struct byte_server *s = byte_server_start(answers, 1);
    struct agent_loop l;
    struct got g = {0};

    agent_loop_init_config(&l, &(struct tarn_config_server){.url = byte_server_url(s), .gzip = true});
    get(&l, &g, "/api/v1/pods", TARN_HTTP_LIST);
    CU_ASSERT(agent_loop_run(&l, &g.done));
    byte_server_request(s, 0, request, sizeof request);
    CU_ASSERT(strstr(request, "Accept-Encoding: gzip\r\n") != NULL);
    CU_ASSERT_EQUAL(g.kind, TARN_HTTP_DONE);
    CU_ASSERT(g.bytes > 200000); /* 39 KB on the wire */
    tarn_buf_release(&g.body);
    agent_loop_release(&l);
    byte_server_stop(s);
    free(bytes);
}

static void retry_after_is_read_in_seconds(void)
{
    static const struct {
        const char *text;
        uint32_t ms;
    } rows[] = {{"1", 1000}, {"0", 0}, {"", 0}, {"5", 5000}, {"Wed, 21 Oct 2015 07:28:00 GMT", 0}, {"-1", 0}, {"99999999999999999999", 3600000}, {"3600", 3600000}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        CU_ASSERT_EQUAL(tarn_http_retry_after_ms(tarn_bytes_of(rows[i].text)), rows[i].ms);
}

static void a_bearer_token_goes_with_each_request_and_follows_its_file(void)
{
    size_t n, un;
    char *ok = json_answer(200, "{}", &n), *no = json_answer(401, "{}", &un), request[2048];
    struct byte_answer answers[] = {{.bytes = no, .len = un, .after = 1}, {.bytes = ok, .len = n, .after = 1}};
    struct byte_server *s = byte_server_start(answers, 2);
    struct agent_loop l;
    struct got a = {0}, b = {0};
    char path[] = "/tmp/tarn-token-XXXXXX";
    int fd = mkstemp(path);
    FILE *f;

    CU_ASSERT_FATAL(fd >= 0 && write(fd, "first\n", 6) == 6);
    agent_loop_init_config(&l, &(struct tarn_config_server){.url = byte_server_url(s), .token_file = path});
    fetch(&l, &a, "/api");
    CU_ASSERT_EQUAL(a.status, 401);
    f = fopen(path, "w");
    CU_ASSERT_FATAL(f && fputs("second", f) >= 0 && fclose(f) == 0);
    fetch(&l, &b, "/api"); /* after a 401 the file is read again at once */
    byte_server_request(s, 0, request, sizeof request);
    CU_ASSERT(strstr(request, "Authorization: Bearer first\r\n") != NULL);
    byte_server_request(s, 1, request, sizeof request);
    CU_ASSERT(strstr(request, "Authorization: Bearer second\r\n") != NULL);
    tarn_buf_release(&a.body);
    tarn_buf_release(&b.body);
    agent_loop_release(&l);
    byte_server_stop(s);
    (void)close(fd);
    (void)unlink(path);
    free(ok);
    free(no);
}

/* The descriptor of this process that is connected to port, -1: none. */
static int connection_to(unsigned port)
{
    for (int fd = 3; fd < 1024; fd++) {
        struct sockaddr_in a;
        socklen_t n = sizeof a;

        if (getpeername(fd, (struct sockaddr *)&a, &n) == 0 && a.sin_family == AF_INET && ntohs(a.sin_port) == port)
            return fd;
    }
    return -1;
}

/* What the kernel then does with a peer that is gone without a word: 15 + 3 * 10 s of silence, or 40 s unacknowledged. */
static void a_connection_finds_a_dead_peer_within_45_s_and_no_child_inherits_it(void)
{
    static const struct {
        int level, name, value;
    } rows[] = {{SOL_SOCKET, SO_KEEPALIVE, 1}, {IPPROTO_TCP, TCP_KEEPIDLE, 15}, {IPPROTO_TCP, TCP_KEEPINTVL, 10}, {IPPROTO_TCP, TCP_KEEPCNT, 3}, {IPPROTO_TCP, TCP_USER_TIMEOUT, 40000}};
    struct byte_answer a = {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", .after = 2};
    struct byte_server *s = byte_server_start(&a, 1);
    struct agent_loop l;
    struct got g = {0};
    int fd;

    agent_loop_init(&l, byte_server_url(s));
    get(&l, &g, "/watch", TARN_HTTP_WATCH);
    while (!g.bytes)
        (void)uv_run(&l.loop, UV_RUN_ONCE);
    fd = connection_to((unsigned)strtoul(strrchr(byte_server_url(s), ':') + 1, NULL, 10));
    CU_ASSERT_FATAL(fd >= 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int value = 0;
        socklen_t n = sizeof value;

        CU_ASSERT(getsockopt(fd, rows[i].level, rows[i].name, &value, &n) == 0 && value == rows[i].value);
    }
    CU_ASSERT(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    tarn_buf_release(&g.body);
    agent_loop_release(&l);
    byte_server_stop(s);
}

TARN_TEST_MAIN("http", TARN_TEST(a_connection_finds_a_dead_peer_within_45_s_and_no_child_inherits_it), TARN_TEST(a_response_comes_whole_however_it_is_cut), TARN_TEST(connections_are_kept_for_the_next_request),
               TARN_TEST(each_end_has_its_kind), TARN_TEST(a_refused_connection_is_told_as_such_and_names_the_url),
               TARN_TEST(a_name_that_does_not_resolve_ends_all_that_wait), TARN_TEST(a_name_is_resolved_without_libcurl),
               TARN_TEST(the_sink_may_give_up), TARN_TEST(a_cancelled_transfer_calls_no_more_even_from_inside_its_own_call),
               TARN_TEST(silence_and_deadlines_end_a_transfer), TARN_TEST(no_stream_starves_another),
               TARN_TEST(at_most_two_lists_run_and_watches_go_first), TARN_TEST(gzip_is_asked_for_only_when_configured),
               TARN_TEST(methods_bodies_and_headers_go_out_as_given),
               TARN_TEST(a_large_body_arrives_whole), TARN_TEST(the_headers_of_the_answer_are_told_but_not_of_interim_ones),
               TARN_TEST(what_changes_something_is_sent_once), TARN_TEST(retry_after_is_read_in_seconds), TARN_TEST(a_bearer_token_goes_with_each_request_and_follows_its_file))
