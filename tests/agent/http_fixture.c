/* http_fixture.c - see http_fixture.h. */
#include "http_fixture.h"

#include <CUnit/CUnit.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "logger.h"

static void on_stopped(uv_async_t *async)
{
    ((struct http_fixture *)async->data)->ended = true;
    uv_close((uv_handle_t *)async, NULL);
}

static const char *folder(void)
{
    static char dir[] = "/tmp/tarn-http-server-XXXXXX";

    if (strstr(dir, "XXXXXX") && !mkdtemp(dir))
        abort();
    return dir;
}

void http_fixture_begin(struct http_fixture *f, const struct tarn_http_server_options *o)
{
    struct tarn_http_server_options all = *o;
    struct tarn_error err;

    memset(f, 0, sizeof *f);
    (void)snprintf(f->path, sizeof f->path, "%s/http.sock", folder());
    if (uv_loop_init(&f->loop) || uv_async_init(&f->loop, &f->stopped, on_stopped))
        abort();
    f->stopped.data = f;
    tarn_logger_init(TARN_LOG_TEXT, TARN_LOG_ERROR, 2, "");
    all.name = "http server";
    all.section = "http";
    all.socket_path = f->path;
    all.socket_gid = -1;
    all.counters = &f->counters;
    all.stopped = &f->stopped;
    if (tarn_http_server_start(&all, &f->server, &err))
        abort();
}

void http_fixture_end(struct http_fixture *f)
{
    tarn_http_server_stop(f->server);
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    CU_ASSERT(f->ended);
    tarn_http_server_join(f->server);
    CU_ASSERT_EQUAL(uv_loop_close(&f->loop), 0);
    CU_ASSERT_NOT_EQUAL(access(f->path, F_OK), 0);
    CU_ASSERT_EQUAL(atomic_load(&f->counters.streams), 0);
    CU_ASSERT_EQUAL(atomic_load(&f->counters.connections), 0);
}

int http_fixture_send(const struct http_fixture *f, const char *text)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 60};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memcpy(a.sun_path, f->path, strlen(f->path));
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) || connect(fd, (const struct sockaddr *)&a, sizeof a) < 0)
        abort();
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
        abort();
    return fd;
}

size_t http_fixture_read(int fd, char *buf, size_t n)
{
    size_t got = 0;
    ssize_t k;

    while (got < n && (k = recv(fd, buf + got, n - got, 0)) > 0)
        got += (size_t)k;
    buf[got] = '\0';
    return got;
}

/* The chunks in [in, end) behind each other: their length. The byte at end is a NUL. */
static size_t dechunk(char *in, const char *end, bool *ret_whole)
{
    char *begin = in, *out = in, *after;

    while (in < end) {
        size_t n = strtoul(in, &after, 16), left;

        if (after == in || strncmp(after, "\r\n", 2) != 0)
            break;
        in = after + 2;
        *ret_whole = n == 0;
        left = (size_t)(end - in);
        memmove(out, in, n < left ? n : left);
        out += n < left ? n : left;
        if (*ret_whole || left < n + 2)
            break;
        in += n + 2;
    }
    return (size_t)(out - begin);
}

void http_fixture_parse(char *text, size_t n, struct http_answer *ret)
{
    char *body = strstr(text, "\r\n\r\n");
    const char *length;

    *ret = (struct http_answer){.headers = text};
    if (sscanf(text, "HTTP/1.%*c %u", &ret->status) != 1 || !body)
        return;
    body[2] = '\0';
    body += 4;
    ret->body = (struct tarn_bytes){body, (size_t)(text + n - body)};
    length = strstr(text, "Content-Length: ");
    ret->whole = length && strtoul(length + 16, NULL, 10) == ret->body.len;
    if (strstr(text, "Transfer-Encoding: chunked"))
        ret->body.len = dechunk(body, text + n, &ret->whole);
}

bool http_fixture_wait(const _Atomic uint64_t *v, uint64_t want)
{
    for (int i = 0; i < 2000 && atomic_load(v) != want; i++)
        usleep(10000);
    return atomic_load(v) == want;
}
