/* api_service.c - see api_service.h. */
#include "api_service.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "logger.h"
#include "tarn_test.h"

static void give_up(const char *what)
{
    perror(what);
    abort();
}

static void on_stopped(void *ctx)
{
    ((struct api_service *)ctx)->stopped = true;
}

void service_open(struct api_service *s, const struct api_world_options *o)
{
    struct service_reply r;
    struct tarn_error err;
    unsigned status = 429;

    memset(s, 0, sizeof *s);
    (void)snprintf(s->dir, sizeof s->dir, "/dev/shm/tarn-api-test-XXXXXX");
    if (!mkdtemp(s->dir))
        give_up("mkdtemp");
    (void)snprintf(s->path, sizeof s->path, "%s/api.sock", s->dir);
    tarn_logger_init(TARN_LOG_TEXT, TARN_LOG_ERROR, 2, "");
    world_open(&s->w, o);
    s->w.config.realms = &s->w.entry;
    s->w.config.nrealms = 1;
    s->w.config.socket_gid = -1;
    s->w.config.server.url = "http://127.0.0.1:1"; /* nobody is there, and peers of the socket need nobody */
    s->w.config.api = (struct tarn_config_api){.socket_path = s->path, .max_connections = 64};
    if (api_start(&(struct api_options){.config = &s->w.config, .ingest = &s->w.ingest, .loop = &s->w.loop, .counters = &s->counters}, &s->api, &err)) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    while (status == 429) { /* it attaches */
        service_get(s, "/api", &r);
        status = r.http.status;
        service_reply_release(&r);
    }
}

void service_close(struct api_service *s)
{
    api_stop(s->api, on_stopped, s);
    while (!s->stopped)
        (void)uv_run(&s->w.loop, UV_RUN_ONCE);
    CU_ASSERT_EQUAL(atomic_load(&s->counters.lists_held), 0);
    world_close(&s->w);
    CU_ASSERT_EQUAL(rmdir(s->dir), 0);
}

/* The listener comes up on its own thread. */
static int connect_to(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(a.sun_path, path);
    for (int i = 0; i < 1000; i++) {
        if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof a) == 0)
            return fd;
        usleep(10000);
    }
    give_up("connect");
    return -1;
}

int service_send(struct api_service *s, const char *method, const char *target, const char *headers)
{
    struct tarn_buf text = {0};
    int fd = connect_to(s->path);

    if (fd < 0 || tarn_buf_addf(&text, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n", method, target, headers) ||
        send(fd, text.data, text.len, MSG_NOSIGNAL) != (ssize_t)text.len)
        give_up("send");
    tarn_buf_release(&text);
    return fd;
}

void service_read(struct api_service *s, int fd, struct service_reply *ret)
{
    struct tarn_buf text = {0};
    ssize_t n = 1;

    *ret = (struct service_reply){0};
    while (n) {
        struct pollfd p = {.fd = fd, .events = POLLIN};

        (void)uv_run(&s->w.loop, UV_RUN_NOWAIT);
        if (poll(&p, 1, 5) <= 0)
            continue;
        if (tarn_buf_reserve(&text, 65537))
            give_up("memory");
        n = recv(fd, text.data + text.len, 65536, 0);
        text.len += n > 0 ? (size_t)n : 0;
        n = n > 0;
    }
    (void)close(fd);
    if (!text.data)
        return;
    text.data[text.len] = 0;
    ret->text = text.data;
    http_fixture_parse(ret->text, text.len, &ret->http);
    if (tarn_object_from_json(ret->http.body, &ret->json, NULL))
        ret->json = NULL;
}

void service_ask(struct api_service *s, const char *method, const char *target, const char *headers, struct service_reply *ret)
{
    service_read(s, service_send(s, method, target, headers), ret);
}

void service_get(struct api_service *s, const char *target, struct service_reply *ret)
{
    service_ask(s, "GET", target, "", ret);
}

void service_reply_release(struct service_reply *r)
{
    tarn_object_unref(r->json);
    free(r->text);
    *r = (struct service_reply){0};
}

const char *service_text(const struct service_reply *r, const char *path)
{
    static char text[2048];
    struct tarn_value v;

    *text = 0;
    if (!r->json || tarn_object_get(r->json, path, &v))
        return text;
    if (v.type == TARN_STRING)
        (void)snprintf(text, sizeof text, "%.*s", TARN_BYTES_ARG(v.string));
    else if (v.type == TARN_INT)
        (void)snprintf(text, sizeof text, "%lld", (long long)v.i);
    return text;
}

const char *service_items(const struct service_reply *r)
{
    static char text[65536];
    struct tarn_value items, item, ns, name;
    size_t n = 0;

    *text = 0;
    if (!r->json || tarn_object_get(r->json, "items", &items))
        return "no list";
    while (tarn_value_next(&items, NULL, &item) == 1 && n < sizeof text - 600)
        if (tarn_value_get(&item, "metadata.namespace", &ns) == 0 && tarn_value_get(&item, "metadata.name", &name) == 0)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%.*s/%.*s", n ? " " : "", TARN_BYTES_ARG(ns.string), TARN_BYTES_ARG(name.string));
    return text;
}
