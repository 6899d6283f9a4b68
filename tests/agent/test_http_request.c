/* Tests of what agent/serve/http_server.c makes of requests: methods, headers, bodies, peers, and what is too large or makes no sense. */
/* tarn-test: threads */
#include "tarn_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_fixture.h"
#include "peer.h"

#define MAX_BODY 1000

/* ---- the server ---------------------------------------------------------------------------------------------- */

static int add_told(void *ctx, const char *name, const char *value)
{
    return strcmp(name, "X-Told") == 0 ? tarn_buf_addf(ctx, " %s=%s", name, value) : 0;
}

/* All that a handler can know of a request. */
static void tell(void *ctx, struct tarn_http_exchange *x)
{
    struct tarn_bytes body = tarn_http_exchange_body(x);
    struct tarn_buf b = {0};

    (void)ctx;
    if (tarn_buf_addf(&b, "%s %s [%s] [%.*s]%s", tarn_http_exchange_method(x), tarn_http_exchange_target(x), tarn_http_exchange_path(x), TARN_BYTES_ARG(body),
                      tarn_http_exchange_is_local(x) ? " local" : ""))
        abort();
    if (tarn_http_exchange_each_header(x, add_told, &b))
        abort();
    tarn_http_exchange_reply(x, 200, "text/plain", &b);
}

static void peer(void *ctx, struct tarn_http_exchange *x)
{
    const struct tarn_peer *p = tarn_http_exchange_peer(x);
    struct tarn_buf b = {0};

    (void)ctx;
    if (tarn_buf_addf(&b, "%u %u %d", (unsigned)p->uid, (unsigned)p->gid, (int)p->pid))
        abort();
    tarn_http_exchange_reply(x, 200, "text/plain", &b);
}

static int refusal(void *ctx, unsigned status, const char *message, struct tarn_buf *body, const char **ret_type)
{
    (void)ctx;
    *ret_type = "application/json";
    return tarn_buf_addf(body, "{\"code\":%u,\"message\":\"%s\"}", status, message);
}

#define MAX_BODY 1000

static int on_start(void *ctx, uv_loop_t *loop)
{
    (void)ctx, (void)loop;
    return 0;
}

/* all: it takes all methods and bodies, and refuses in its own words */
static void begin(struct http_fixture *f, bool all)
{
    static const struct tarn_http_route routes[] = {{"/tell", true, tell}, {"/peer", false, peer}, {0}};
    static const struct tarn_http_header headers[] = {{"X-Every", "one"}, {0}};

    http_fixture_begin(f, &(struct tarn_http_server_options){
                              .max_connections = 8,
                              .any_method = all,
                              .max_body = all ? MAX_BODY : 0,
                              .max_bodies = 5 * MAX_BODY,
                              .headers = headers,
                              .refusal = all ? refusal : NULL,
                              .routes = routes,
                              .on_start = on_start,
                          });
}

/* ---- requests -------------------------------------------------------------------------------------------------- */

/* Send text and what follows (NULL: nothing), each in a packet of its own; the answer's text in `text`. */
static struct http_answer ask(const struct http_fixture *f, const char *request, const char *more)
{
    static char text[64 << 10];
    struct http_answer a;
    int fd = http_fixture_send(f, request);

    if (more) {
        usleep(1000);
        (void)send(fd, more, strlen(more), MSG_NOSIGNAL);
    }
    http_fixture_parse(text, http_fixture_read(fd, text, sizeof text - 1), &a);
    (void)close(fd);
    return a;
}

static bool says(const struct http_answer *a, unsigned status, const char *body)
{
    if (a->status == status && a->body.len == strlen(body) && memcmp(a->body.data, body, a->body.len) == 0)
        return true;
    printf("%u %.*s, not %u %s\n", a->status, (int)a->body.len, a->body.data, status, body);
    return false;
}

#define CLOSE "Host: x\r\nConnection: close\r\n"

static void a_handler_sees_all_of_the_request(void)
{
    static const struct {
        const char *request, *more, *body;
    } rows[] = {
        {"GET /tell/a%20b?x=%2F&x=2 HTTP/1.1\r\n" CLOSE "\r\n", NULL, "GET /tell/a%20b?x=%2F&x=2 [/a b] [] local"},
        {"OPTIONS /tell HTTP/1.1\r\n" CLOSE "Content-Length: 5\r\n\r\n", "hello", "OPTIONS /tell [] [hello] local"},
        {"PATCH /tell HTTP/1.1\r\n" CLOSE "Transfer-Encoding: chunked\r\n\r\n", "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "PATCH /tell [] [abcde] local"},
        {"DELETE /tell HTTP/1.1\r\n" CLOSE "X-Told: 1\r\nX-Told: 2\r\nx-other: 3\r\n\r\n", NULL, "DELETE /tell [] [] local X-Told=1 X-Told=2"},
    };
    struct http_fixture f;

    begin(&f, true);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_answer a = ask(&f, rows[i].request, rows[i].more);

        CU_ASSERT(says(&a, 200, rows[i].body));
        CU_ASSERT_PTR_NOT_NULL(strstr(a.headers, "X-Every: one"));
    }
    http_fixture_end(&f);
}

static void what_a_server_does_not_take_it_refuses(void)
{
    struct http_answer a;
    struct http_fixture f;

    begin(&f, false);
    a = ask(&f, "POST /tell HTTP/1.1\r\n" CLOSE "Content-Length: 5\r\n\r\n", "hello");
    CU_ASSERT(says(&a, 405, "only GET and HEAD\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(a.headers, "Allow: GET, HEAD"));
    a = ask(&f, "GET /tell HTTP/1.1\r\n" CLOSE "Content-Length: 5\r\n\r\n", "hello"); /* dropped */
    CU_ASSERT(says(&a, 200, "GET /tell [] [] local"));
    http_fixture_end(&f);
}

static void the_kernel_says_who_asks(void)
{
    struct http_answer a;
    char want[64];
    struct http_fixture f;

    begin(&f, false);
    a = ask(&f, "GET /peer HTTP/1.1\r\n" CLOSE "\r\n", NULL);
    (void)snprintf(want, sizeof want, "%u %u %d", (unsigned)getuid(), (unsigned)getgid(), (int)getpid());
    CU_ASSERT(says(&a, 200, want));
    http_fixture_end(&f);
}

/* The end of a body of n bytes. */
static char *body_of(size_t n)
{
    static char text[100 * MAX_BODY + 1];

    memset(text, 'b', n);
    text[n] = '\0';
    return text;
}

static void bodies_are_bounded(void)
{
    static const struct {
        size_t n;
        unsigned status;
    } rows[] = {{0, 200}, {MAX_BODY, 200}, {MAX_BODY + 1, 413}, {100 * MAX_BODY, 413}};
    char request[200];
    struct http_fixture f;

    begin(&f, true);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_answer a;

        (void)snprintf(request, sizeof request, "PUT /tell HTTP/1.1\r\n" CLOSE "Content-Length: %zu\r\n\r\n", rows[i].n);
        a = ask(&f, request, body_of(rows[i].n));
        CU_ASSERT_EQUAL(a.status, rows[i].status);
        CU_ASSERT(a.status != 413 || says(&a, 413, "{\"code\":413,\"message\":\"the request's body is too large\"}"));
    }
    http_fixture_end(&f);
}

/* Many bodies that are not whole hold only so much memory. */
static void all_bodies_together_are_bounded(void)
{
    static const char head[] = "PUT /tell HTTP/1.1\r\n" CLOSE "Content-Length: 1000\r\n\r\n";
    char text[4096];
    struct http_answer a;
    struct http_fixture f;
    int fd[5];

    begin(&f, true);
    for (int i = 0; i < 5; i++) {
        fd[i] = http_fixture_send(&f, head);
        (void)send(fd[i], body_of(999), 999, MSG_NOSIGNAL);
    }
    CU_ASSERT(http_fixture_wait(&f.counters.requests, 5));
    do /* until all of the bodies have come in */
        a = ask(&f, head, body_of(1000));
    while (a.status == 200);
    CU_ASSERT_EQUAL(a.status, 429);
    CU_ASSERT_PTR_NOT_NULL(strstr(a.headers, "Retry-After: 1"));
    for (int i = 0; i < 5; i++) {
        (void)send(fd[i], "b", 1, MSG_NOSIGNAL);
        http_fixture_parse(text, http_fixture_read(fd[i], text, sizeof text - 1), &a);
        CU_ASSERT_EQUAL(a.status, 200);
        (void)close(fd[i]);
    }
    a = ask(&f, head, body_of(1000)); /* there is room again */
    CU_ASSERT_EQUAL(a.status, 200);
    http_fixture_end(&f);
}

static void what_is_not_to_be_understood_is_refused(void)
{
    static char huge[200 << 10];
    static const struct {
        size_t header;
        const char *request; /* NULL: one with a header of that size */
        unsigned least, most;
    } rows[] = {
        {20 << 10, NULL, 200, 200}, {26 << 10, NULL, 431, 431}, {60 << 10, NULL, 431, 431}, {190 << 10, NULL, 431, 431},
        {0, "nonsense\r\n\r\n", 0, 400}, /* closed without a word */
        {0, "GET /tell HTTP/1.1\r\nHost x\r\n\r\n", 400, 400},
        {0, "PUT /tell HTTP/1.1\r\nContent-Length: many\r\n\r\n", 400, 400},
        {0, "PUT /tell HTTP/1.1\r\n" CLOSE "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, 400},
    };
    struct http_answer a;
    struct http_fixture f;

    begin(&f, true);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!rows[i].request) {
            int n = snprintf(huge, sizeof huge, "GET /tell HTTP/1.1\r\n" CLOSE "X-Huge: ");

            memset(huge + n, 'h', rows[i].header);
            (void)strcpy(huge + n + rows[i].header, "\r\n\r\n");
        }
        a = ask(&f, rows[i].request ? rows[i].request : huge, NULL);
        if (a.status < rows[i].least || a.status > rows[i].most)
            printf("row %zu: %u\n", i, a.status);
        CU_ASSERT(a.status >= rows[i].least && a.status <= rows[i].most);
    }
    a = ask(&f, "GET /tell HTTP/1.1\r\n" CLOSE "\r\n", NULL); /* and it serves on */
    CU_ASSERT_EQUAL(a.status, 200);
    http_fixture_end(&f);
}

TARN_TEST_MAIN("http_request", TARN_TEST(a_handler_sees_all_of_the_request), TARN_TEST(what_a_server_does_not_take_it_refuses), TARN_TEST(the_kernel_says_who_asks),
               TARN_TEST(bodies_are_bounded), TARN_TEST(all_bodies_together_are_bounded), TARN_TEST(what_is_not_to_be_understood_is_refused))
