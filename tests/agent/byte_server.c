#include "byte_server.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUESTS 256
#define CONNECTIONS 256
#define REQUEST_BYTES (4u << 20)

struct byte_server {
    const struct byte_answer *answers;
    size_t nanswers;
    int fd;
    char url[64];
    pthread_t thread;
    pthread_mutex_t lock; /* all below */
    char *requests[REQUESTS];
    unsigned nrequests;
    int fds[CONNECTIONS];
    pthread_t threads[CONNECTIONS];
    unsigned nconnections;
    uint64_t sent;
    bool stopping;
};

struct serving {
    struct byte_server *s;
    int fd;
};

/* Is all of it there: the head, and the body that it announces? */
static bool is_whole(const char *buf, size_t n)
{
    const char *end = strstr(buf, "\r\n\r\n"), *length = strcasestr(buf, "\r\nContent-Length:");

    return end && n >= (size_t)(end + 4 - buf) + (length && length < end ? strtoul(length + 17, NULL, 10) : 0);
}

static ssize_t read_request(int fd, char *buf, size_t size)
{
    size_t n = 0;

    while (n + 1 < size) {
        ssize_t got = recv(fd, buf + n, size - 1 - n, 0);

        if (got <= 0)
            return -1;
        n += (size_t)got;
        buf[n] = '\0';
        if (is_whole(buf, n))
            return (ssize_t)n;
    }
    return -1;
}

static const struct byte_answer *note(struct byte_server *s, const char *request)
{
    const struct byte_answer *a;

    pthread_mutex_lock(&s->lock);
    a = &s->answers[s->nrequests < s->nanswers ? s->nrequests : s->nanswers - 1];
    if (s->nrequests < REQUESTS)
        s->requests[s->nrequests] = strdup(request);
    s->nrequests++;
    pthread_mutex_unlock(&s->lock);
    return a;
}

static bool write_all(struct byte_server *s, int fd, const char *p, size_t n, size_t piece)
{
    while (n) {
        size_t want = piece && piece < n ? piece : n;
        ssize_t put = send(fd, p, want, MSG_NOSIGNAL);

        if (put <= 0)
            return false;
        p += put;
        n -= (size_t)put;
        pthread_mutex_lock(&s->lock);
        s->sent += (uint64_t)put;
        pthread_mutex_unlock(&s->lock);
    }
    return true;
}

static bool answer(struct byte_server *s, int fd, const struct byte_answer *a)
{
    size_t n = a->bytes ? a->len ? a->len : strlen(a->bytes) : 0;
    bool ok = a->bytes && write_all(s, fd, a->bytes, n, a->piece);

    for (size_t i = 0; ok && i < a->repeat; i++)
        ok = write_all(s, fd, a->bytes, n, a->piece);
    return ok && a->after;
}

static void *serve(void *arg)
{
    struct serving *v = arg;
    struct byte_server *s = v->s;
    int fd = v->fd;
    char *buf = malloc(REQUEST_BYTES);
    bool more = buf != NULL;

    free(v);
    while (more && read_request(fd, buf, REQUEST_BYTES) > 0)
        more = answer(s, fd, note(s, buf));
    free(buf);
    (void)shutdown(fd, SHUT_RDWR);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct byte_server *s = arg;
    int fd;

    while ((fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        struct serving *v = malloc(sizeof *v);
        int one = 1;

        (void)setsockopt(fd, 6 /* TCP */, 1 /* NODELAY */, &one, sizeof one);
        *v = (struct serving){s, fd};
        pthread_mutex_lock(&s->lock);
        if (s->nconnections == CONNECTIONS)
            abort();
        s->fds[s->nconnections] = fd;
        if (pthread_create(&s->threads[s->nconnections], NULL, serve, v))
            abort();
        s->nconnections++;
        pthread_mutex_unlock(&s->lock);
    }
    return NULL;
}

static int listen_on_loopback(unsigned *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) || getsockname(fd, (struct sockaddr *)&a, &len))
        abort();
    *ret_port = ntohs(a.sin_port);
    return fd;
}

struct byte_server *byte_server_start(const struct byte_answer *answers, size_t n)
{
    struct byte_server *s = calloc(1, sizeof *s);
    unsigned port;

    s->answers = answers;
    s->nanswers = n;
    s->fd = listen_on_loopback(&port);
    (void)snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u", port);
    (void)pthread_mutex_init(&s->lock, NULL);
    if (listen(s->fd, 128) || pthread_create(&s->thread, NULL, accept_all, s))
        abort();
    return s;
}

const char *byte_server_url(const struct byte_server *s)
{
    return s->url;
}

unsigned byte_server_requests(struct byte_server *s)
{
    unsigned n;

    pthread_mutex_lock(&s->lock);
    n = s->nrequests;
    pthread_mutex_unlock(&s->lock);
    return n;
}

unsigned byte_server_connections(struct byte_server *s)
{
    unsigned n;

    pthread_mutex_lock(&s->lock);
    n = s->nconnections;
    pthread_mutex_unlock(&s->lock);
    return n;
}

uint64_t byte_server_sent(struct byte_server *s)
{
    uint64_t n;

    pthread_mutex_lock(&s->lock);
    n = s->sent;
    pthread_mutex_unlock(&s->lock);
    return n;
}

void byte_server_request(struct byte_server *s, unsigned i, char *out, size_t size)
{
    pthread_mutex_lock(&s->lock);
    (void)snprintf(out, size, "%s", i < s->nrequests && i < REQUESTS ? s->requests[i] : "");
    pthread_mutex_unlock(&s->lock);
}

void byte_server_stop(struct byte_server *s)
{
    (void)shutdown(s->fd, SHUT_RDWR);
    (void)pthread_join(s->thread, NULL);
    for (unsigned i = 0; i < s->nconnections; i++) {
        (void)shutdown(s->fds[i], SHUT_RDWR);
        (void)pthread_join(s->threads[i], NULL);
        (void)close(s->fds[i]);
    }
    (void)close(s->fd);
    for (unsigned i = 0; i < s->nrequests && i < REQUESTS; i++)
        free(s->requests[i]);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

char *test_data(const char *name, size_t *ret_len)
{
    char path[512];
    FILE *f;
    char *text = malloc(1 << 20);

    (void)snprintf(path, sizeof path, "%s/agent/%s", TARN_TEST_DATA, name);
    f = fopen(path, "rb");
    if (!f || !text) {
        perror(path);
        abort();
    }
    *ret_len = fread(text, 1, 1 << 20, f);
    (void)fclose(f);
    return text;
}

char *json_answer(int status, const char *body, size_t *ret_len)
{
    char *text = NULL;
    int n = asprintf(&text, "HTTP/1.1 %d Whatever\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body);

    if (n < 0)
        abort();
    *ret_len = (size_t)n;
    return text;
}

unsigned closed_port(void)
{
    unsigned port;

    (void)close(listen_on_loopback(&port));
    return port;
}
