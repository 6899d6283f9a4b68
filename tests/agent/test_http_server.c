/* Tests of agent/serve/http_server.c by requests over its Unix socket: routes, answers that come later, the connection budget, the end. */
/* tarn-test: threads */
#include "tarn_test.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_fixture.h"

struct fixture {
    struct http_fixture http;
    /* the server's thread */
    uv_timer_t timer;
    struct tarn_http_exchange *kept;
    unsigned answered_at_the_end;
    atomic_bool never_came; /* set there, read by the test */
};

static void reply(struct tarn_http_exchange *x, unsigned status, const char *text)
{
    struct tarn_buf b = {0};

    if (tarn_buf_adds(&b, text))
        abort();
    tarn_http_exchange_reply(x, status, "text/plain", &b);
}

static void echo(void *ctx, struct tarn_http_exchange *x)
{
    const char *q = tarn_http_exchange_query(x, "q");
    struct tarn_buf b = {0};

    (void)ctx;
    if (tarn_buf_addf(&b, "%s|%s|%s", tarn_http_exchange_route(x)->path, tarn_http_exchange_path(x), q ? q : "none"))
        abort();
    tarn_http_exchange_reply(x, 200, "text/plain", &b);
}

static void keep(void *ctx, struct tarn_http_exchange *x)
{
    struct fixture *f = ctx;

    *tarn_http_exchange_next(x) = f->kept;
    f->kept = x;
}

static unsigned answer_kept(struct fixture *f, unsigned status)
{
    unsigned n = 0;

    while (f->kept) {
        struct tarn_http_exchange *x = f->kept;

        f->kept = *tarn_http_exchange_next(x);
        reply(x, status, "kept");
        n++;
    }
    return n;
}

static void on_timer(uv_timer_t *t)
{
    (void)answer_kept(t->data, 200);
}

static void never(void *ctx, struct tarn_http_exchange *x)
{
    struct fixture *f = ctx;

    (void)uv_timer_stop(&f->timer); /* nobody answers from here on */
    keep(f, x);
    atomic_store(&f->never_came, true);
}

static const struct tarn_http_route routes[] = {{"/echo", true, echo}, {"/exact", false, echo}, {"/later", false, keep}, {"/never", false, never}, {0}};

static int on_start(void *ctx, uv_loop_t *loop)
{
    struct fixture *f = ctx;

    (void)uv_timer_init(loop, &f->timer);
    f->timer.data = f;
    return uv_timer_start(&f->timer, on_timer, 20, 20);
}

static void on_stop(void *ctx)
{
    struct fixture *f = ctx;

    f->answered_at_the_end = answer_kept(f, 503);
    uv_close((uv_handle_t *)&f->timer, NULL);
}

static void begin(struct fixture *f, unsigned max_connections)
{
    memset(f, 0, sizeof *f);
    http_fixture_begin(&f->http, &(struct tarn_http_server_options){
                                     .max_connections = max_connections,
                                     .routes = routes,
                                     .ctx = f,
                                     .on_start = on_start,
                                     .on_stop = on_stop,
                                 });
}

static void end(struct fixture *f)
{
    http_fixture_end(&f->http);
}

struct answer {
    long status;
    char body[256];
    size_t len;
};

static size_t on_body(char *data, size_t size, size_t n, void *ctx)
{
    struct answer *a = ctx;

    for (size_t i = 0; i < size * n && a->len < sizeof a->body - 1; i++)
        a->body[a->len++] = data[i];
    return size * n;
}

static struct answer get(const struct fixture *f, const char *what)
{
    CURL *c = curl_easy_init();
    char url[256];
    struct answer a = {0};

    (void)snprintf(url, sizeof url, "http://any%s", what);
    (void)curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, f->http.path);
    (void)curl_easy_setopt(c, CURLOPT_URL, url);
    (void)curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c, CURLOPT_TIMEOUT, 60L);
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, &a);
    if (curl_easy_perform(c) == CURLE_OK)
        (void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &a.status);
    curl_easy_cleanup(c);
    return a;
}

static void routes_are_exact_or_prefixes(void)
{
    static const struct {
        const char *path;
        long status;
        const char *body;
    } rows[] = {
        {"/echo", 200, "/echo||none"},       {"/echo/a/b?q=1", 200, "/echo|/a/b|1"}, {"/echo/?q", 200, "/echo|/|"},
        {"/echoes", 404, NULL},              {"/exact?x=1&q=%20y", 200, "/exact|| y"}, {"/exact/a", 404, NULL},
        {"/", 404, NULL},                    {"/echo%2Fa", 200, "/echo|/a|none"},
    };
    struct fixture f;

    begin(&f, 4);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct answer a = get(&f, rows[i].path);

        if (a.status != rows[i].status || (rows[i].body && strcmp(a.body, rows[i].body) != 0))
            printf("%s: %ld %s\n", rows[i].path, a.status, a.body);
        CU_ASSERT_EQUAL(a.status, rows[i].status);
        CU_ASSERT(!rows[i].body || strcmp(a.body, rows[i].body) == 0);
    }
    end(&f);
}

static void an_answer_may_come_later(void)
{
    struct fixture f;

    begin(&f, 4);
    for (int i = 0; i < 5; i++) {
        struct answer a = get(&f, "/later");

        CU_ASSERT(a.status == 200 && strcmp(a.body, "kept") == 0);
    }
    end(&f);
}

struct waiting {
    struct fixture *f;
    struct answer answer;
};

static void get_never(void *ctx)
{
    struct waiting *w = ctx;

    w->answer = get(w->f, "/never");
}

/* Who still waits when the server stops is told so. */
static void what_is_kept_is_answered_at_the_end(void)
{
    struct fixture f;
    struct waiting w = {.f = &f};
    uv_thread_t waiting;

    begin(&f, 4);
    (void)uv_thread_create(&waiting, get_never, &w);
    for (int i = 0; i < 3000 && !atomic_load(&f.never_came); i++)
        usleep(10000);
    end(&f);
    (void)uv_thread_join(&waiting);
    CU_ASSERT_EQUAL(w.answer.status, 503);
    CU_ASSERT_EQUAL(f.answered_at_the_end, 1);
}

static atomic_bool third_answered;

static void get_echo(void *ctx)
{
    struct waiting *w = ctx;

    w->answer = get(w->f, "/echo");
    atomic_store(&third_answered, true);
}

/* Connections over the budget wait, and are served when there is room. */
static void who_comes_over_the_budget_waits(void)
{
    struct fixture f;
    struct waiting w = {.f = &f};
    uv_thread_t third;
    int idle[2];

    begin(&f, 2);
    for (int i = 0; i < 2; i++)
        idle[i] = http_fixture_send(&f.http, "");
    (void)uv_thread_create(&third, get_echo, &w);
    usleep(200000); /* time to be served wrongly; however long, it must not be */
    CU_ASSERT(!atomic_load(&third_answered));
    (void)close(idle[0]);
    (void)uv_thread_join(&third);
    CU_ASSERT_EQUAL(w.answer.status, 200);
    (void)close(idle[1]);
    end(&f);
}

static void only_loopback_addresses_are_taken(void)
{
    static const struct {
        const char *listen, *message;
    } rows[] = {{"127.0.0.1:80", NULL},  {"[::1]:0", NULL},        {"localhost:65535", NULL},      {"127.9.9.9:1", NULL},          {"0.0.0.0:1", "not a loopback address"},
                {"[::]:1", "not a loopback"}, {"10.0.0.1:1", "not a loopback"}, {"localhost", "no port"}, {"127.0.0.1:", "no port"}, {"127.0.0.1:65536", "no port"},
                {"127.0.0.1:x", "no port"},   {"example.org:80", "not an address"}, {":80", "not an address"}, {"", "no port"}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tarn_error err = {0};

        CU_ASSERT_EQUAL(tarn_http_server_check_listen(rows[i].listen, false, &err), rows[i].message ? TARN_E_CONFIG : 0);
        if (rows[i].message && !strstr(err.message, rows[i].message))
            printf("%s: %s\n", rows[i].listen, err.message);
        CU_ASSERT(!rows[i].message || strstr(err.message, rows[i].message) != NULL);
    }
}

TARN_TEST_MAIN("http_server", TARN_TEST(routes_are_exact_or_prefixes), TARN_TEST(an_answer_may_come_later),
               TARN_TEST(what_is_kept_is_answered_at_the_end), TARN_TEST(who_comes_over_the_budget_waits), TARN_TEST(only_loopback_addresses_are_taken))
