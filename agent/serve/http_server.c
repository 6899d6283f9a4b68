/* http_server.c - see http_server.h.
 *
 * libmicrohttpd is driven by its epoll descriptor and its timeout. A kept exchange's connection is suspended; its answer resumes it, which is work
 * the daemon learns of only when it is run again (`kick`).
 */
#include "http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "logger.h"
#include "unix_socket.h"

#define IDLE_S 60
#define CONNECTION_BYTES (32u << 10) /* headers of one request */
#define LISTEN_AGAIN_MS 5000

/* One address with its daemon. */
struct listener {
    struct tarn_http_server *s;
    const char *name; /* for messages; NULL: not wanted */
    struct MHD_Daemon *daemon;
    struct tarn_unix_socket socket; /* of the Unix one */
    uv_poll_t poll;
    uv_timer_t timer; /* the daemon's timeout; without a daemon: listen again */
    bool failing;     /* as last logged */
};

struct tarn_http_server {
    struct tarn_http_server_options o;
    uv_loop_t loop;
    uv_thread_t thread;
    uv_async_t stop;
    struct listener tcp, local;
    bool stopping;
};

struct tarn_http_exchange {
    struct tarn_http_exchange *next; /* the keeper's */
    struct listener *l;
    struct MHD_Connection *connection;
    const struct tarn_http_route *route;
    char *path;
    uint64_t since_ms;
    struct MHD_Response *response;
    unsigned status;
    bool suspended;
};

static void on_timer(uv_timer_t *timer);

/* ---- exchanges ----------------------------------------------------------------------------------- */

const char *tarn_http_exchange_path(const struct tarn_http_exchange *x)
{
    return x->path + strlen(x->route->path);
}

const char *tarn_http_exchange_query(const struct tarn_http_exchange *x, const char *name)
{
    const char *value = NULL;
    size_t n;

    if (MHD_lookup_connection_value_n(x->connection, MHD_GET_ARGUMENT_KIND, name, strlen(name), &value, &n) != MHD_YES)
        return NULL;
    return value ? value : "";
}

const struct tarn_http_route *tarn_http_exchange_route(const struct tarn_http_exchange *x)
{
    return x->route;
}

struct tarn_http_exchange **tarn_http_exchange_next(struct tarn_http_exchange *x)
{
    return &x->next;
}

uint64_t tarn_http_exchange_since_ms(const struct tarn_http_exchange *x)
{
    return x->since_ms;
}

/* The daemon has work that its descriptor does not tell of. */
static void kick(struct listener *l)
{
    (void)uv_timer_start(&l->timer, on_timer, 0, 0);
}

static struct MHD_Response *make_response(const char *type, struct tarn_buf *body)
{
    static const char *const headers[][2] = {
        {"Cache-Control", "no-store"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
                                    "img-src data:; base-uri 'none'; frame-ancestors 'none'"},
    };
    struct MHD_Response *r = MHD_create_response_from_buffer(body->len, body->len ? body->data : "",
                                                             body->len ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);

    if (!r)
        return NULL;
    *body = (struct tarn_buf){0};
    (void)MHD_add_response_header(r, "Content-Type", type);
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        (void)MHD_add_response_header(r, headers[i][0], headers[i][1]);
    return r;
}

void tarn_http_exchange_reply(struct tarn_http_exchange *x, unsigned status, const char *type, struct tarn_buf *body)
{
    x->response = make_response(type, body);
    x->status = status;
    tarn_buf_release(body); /* of an answer that could not be made: the connection is closed */
    if (!x->suspended)
        return;
    x->suspended = false;
    MHD_resume_connection(x->connection);
    kick(x->l);
}

static void reply_text(struct tarn_http_exchange *x, unsigned status, const char *text)
{
    struct tarn_buf b = {0};

    if (tarn_buf_adds(&b, text))
        status = MHD_HTTP_SERVICE_UNAVAILABLE;
    tarn_http_exchange_reply(x, status, "text/plain; charset=utf-8", &b);
}

/* ---- requests --------------------------------------------------------------------------------------- */

static const struct tarn_http_route *route_of(const struct tarn_http_server *s, const char *path)
{
    for (const struct tarn_http_route *r = s->o.routes; r->path; r++) {
        size_t n = strlen(r->path);

        if (strncmp(path, r->path, n) == 0 && (!path[n] || (r->prefix && (path[n] == '/' || path[n - 1] == '/'))))
            return r;
    }
    return NULL;
}

/* "host:port", "[::1]:80" or "host" without its port. */
static void strip_port(const char *host, char *ret, size_t size)
{
    size_t n = *host == '[' ? strcspn(host, "]") : strcspn(host, ":");

    (void)snprintf(ret, size, "%.*s", (int)(*host == '[' ? n - 1 : n), *host == '[' ? host + 1 : host);
}

/* Is it a name of this host alone? Names that others give can be made to lead here. */
static bool is_own_name(const char *host)
{
    char name[256];
    size_t n;

    strip_port(host, name, sizeof name);
    n = strlen(name);
    if (strncmp(name, "127.", 4) == 0 && name[strspn(name, "0123456789.")] == '\0')
        return true;
    return strcmp(name, "::1") == 0 || strcasecmp(name, "localhost") == 0 || (n > 10 && strcasecmp(name + n - 10, ".localhost") == 0);
}

static bool is_addressed_to_us(const struct tarn_http_exchange *x)
{
    const char *host = MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "Host");

    return x->l == &x->l->s->local || !host || is_own_name(host);
}

static void serve(struct tarn_http_exchange *x, const char *method)
{
    struct tarn_http_server *s = x->l->s;

    x->route = route_of(s, x->path);
    if (!is_addressed_to_us(x))
        reply_text(x, MHD_HTTP_FORBIDDEN, "this server is asked by localhost or its loopback address only\n");
    else if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        reply_text(x, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    else if (!x->route)
        reply_text(x, MHD_HTTP_NOT_FOUND, "not found; there are /, /metrics, /livez, /readyz, /healthz and /status.json\n");
    else
        x->route->handle(s->o.ctx, x);
    if (x->response || x->status)
        return;
    x->suspended = true;
    MHD_suspend_connection(x->connection);
}

static enum MHD_Result send_response(struct tarn_http_exchange *x)
{
    struct MHD_Response *r = x->response;
    enum MHD_Result rc;

    if (!r)
        return MHD_NO;
    if (x->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        (void)MHD_add_response_header(r, "Allow", "GET, HEAD");
    rc = MHD_queue_response(x->connection, x->status, r);
    MHD_destroy_response(r);
    x->response = NULL;
    return rc;
}

static struct tarn_http_exchange *exchange_new(struct listener *l, struct MHD_Connection *connection, const char *path)
{
    struct tarn_http_exchange *x = calloc(1, sizeof *x);

    if (x)
        x->path = strdup(path);
    if (!x || !x->path) {
        free(x);
        return NULL;
    }
    x->l = l;
    x->connection = connection;
    x->since_ms = uv_now(&l->s->loop);
    return x;
}

/* MHD_AccessHandlerCallback: once with the headers, for each piece of a body, then to answer, and again when resumed. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *data,
                                  size_t *size, void **con_cls)
{
    struct tarn_http_exchange *x = *con_cls;

    (void)version, (void)data;
    if (!x) {
        *con_cls = x = exchange_new(cls, connection, url);
        return x ? MHD_YES : MHD_NO;
    }
    if (*size) {
        *size = 0;
        return MHD_YES;
    }
    if (!x->status)
        serve(x, method);
    return x->suspended ? MHD_YES : send_response(x);
}

/* MHD_RequestCompletedCallback */
static void on_completed(void *cls, struct MHD_Connection *connection, void **con_cls, enum MHD_RequestTerminationCode why)
{
    struct tarn_http_exchange *x = *con_cls;

    (void)cls, (void)connection, (void)why;
    if (!x)
        return;
    if (x->response)
        MHD_destroy_response(x->response);
    free(x->path);
    free(x);
    *con_cls = NULL;
}

/* ---- listening ------------------------------------------------------------------------------------------ */

static int bad_listen(struct tarn_error *err, const char *listen, const char *why)
{
    return tarn_error_set(err, TARN_E_CONFIG, "'%s': %s; expected the form 127.0.0.1:9402, [::1]:9402 or localhost:9402", listen, why);
}

static bool is_loopback(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == 127;
    return a->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
}

/* No name but localhost is looked up: the answer could change between the check and the bind. */
static int parse_listen(const char *listen, struct sockaddr_storage *ret, socklen_t *ret_len, struct tarn_error *err)
{
    const char *colon = strrchr(listen, ':');
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *found;
    char host[64];

    if (!colon || !colon[1] || strlen(colon) > 6 || colon[1 + strspn(colon + 1, "0123456789")] || atoi(colon + 1) > 65535)
        return bad_listen(err, listen, "no port from 0 to 65535");
    strip_port(listen, host, sizeof host);
    if (getaddrinfo(strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, colon + 1, &hints, &found))
        return bad_listen(err, listen, "not an address");
    memcpy(ret, found->ai_addr, found->ai_addrlen);
    *ret_len = found->ai_addrlen;
    freeaddrinfo(found);
    return is_loopback((const struct sockaddr *)ret)
               ? 0
               : bad_listen(err, listen, "not a loopback address: the server asks nobody who he is, so it serves this host only");
}

int tarn_http_server_check_listen(const char *listen, struct tarn_error *err)
{
    struct sockaddr_storage a;
    socklen_t n;

    return parse_listen(listen, &a, &n, err);
}

static int listen_tcp(const char *listen_text, struct tarn_error *err)
{
    struct sockaddr_storage a = {0};
    socklen_t n = 0;
    int rc = parse_listen(listen_text, &a, &n, err), fd, on = 1;

    if (rc)
        return rc;
    fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 && bind(fd, (const struct sockaddr *)&a, n) == 0 && listen(fd, 128) == 0)
        return fd;
    rc = tarn_error_set(err, TARN_E_IO, "cannot listen on %s: %s; `http.listen` names another address", listen_text, strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

static int listen_local(struct listener *l, struct tarn_error *err)
{
    struct tarn_unix_socket_options o = {.path = l->name, .type = SOCK_STREAM, .gid = l->s->o.socket_gid, .flag = "`http.socket`"};
    int rc = tarn_unix_socket_listen(&l->socket, &o, err);

    if (!rc)
        return l->socket.fd;
    tarn_unix_socket_close(&l->socket);
    return rc;
}

static void log_nothing(void *cls, const char *fmt, va_list ap)
{
    (void)cls, (void)fmt, (void)ap;
}

static struct MHD_Daemon *start_daemon(struct listener *l, int fd)
{
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, l,
                            MHD_OPTION_EXTERNAL_LOGGER, log_nothing, NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
                            NULL, MHD_OPTION_CONNECTION_LIMIT, l->s->o.max_connections, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_END);
}

static bool is_full(const struct listener *l)
{
    return MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections >= l->s->o.max_connections;
}

/* A full daemon does not listen; that there is room again it sees only when it is run once more. */
static void run_daemon(struct listener *l)
{
    MHD_UNSIGNED_LONG_LONG timeout;
    bool full = is_full(l);

    (void)MHD_run(l->daemon);
    if (full && !is_full(l))
        kick(l);
    else if (MHD_get_timeout(l->daemon, &timeout) == MHD_YES)
        (void)uv_timer_start(&l->timer, on_timer, timeout, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    run_daemon(poll->data);
}

static void say_listening(const struct listener *l, int fd)
{
    struct sockaddr_in6 a = {0};
    socklen_t n = sizeof a;

    if (l == &l->s->local)
        tarn_log(TARN_LOG_INFO, "http server listening", "socket", l->name, NULL);
    else if (getsockname(fd, (struct sockaddr *)&a, &n) == 0) /* the port stands at the same place in both families */
        tarn_log(TARN_LOG_INFO, "http server listening", "address", l->name, "port", TARN_LOG_U64(ntohs(a.sin6_port)), NULL);
}

static void try_to_listen(struct listener *l)
{
    struct tarn_error err = {0};
    int fd = l == &l->s->local ? listen_local(l, &err) : listen_tcp(l->name, &err);

    if (fd >= 0) {
        l->daemon = start_daemon(l, fd);
        if (!l->daemon) {
            (void)tarn_error_set(&err, TARN_E_IO, "the HTTP server for %s does not start", l->name);
            (void)close(fd);
            l->socket.fd = -1;
        }
    }
    if (!l->daemon) {
        if (!l->failing)
            tarn_log(TARN_LOG_ERROR, err.message, "code", tarn_error_name(err.code), "goes_on", "without HTTP there; it is tried again every 5 s", NULL);
        l->failing = true;
        (void)uv_timer_start(&l->timer, on_timer, LISTEN_AGAIN_MS, 0);
        return;
    }
    l->failing = false;
    (void)uv_poll_init(&l->s->loop, &l->poll, MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd);
    l->poll.data = l;
    (void)uv_poll_start(&l->poll, UV_READABLE, on_poll);
    say_listening(l, fd);
}

static void on_timer(uv_timer_t *timer)
{
    struct listener *l = timer->data;

    if (l->daemon)
        run_daemon(l);
    else
        try_to_listen(l);
}

/* ---- life --------------------------------------------------------------------------------------------------- */

/* Every kept exchange has been answered: what can be sent at once is sent. */
static void close_listener(struct listener *l)
{
    if (l->daemon) {
        (void)MHD_run(l->daemon);
        uv_close((uv_handle_t *)&l->poll, NULL);
        l->socket.fd = -1; /* the daemon's */
        MHD_stop_daemon(l->daemon);
    }
    tarn_unix_socket_close(&l->socket);
    uv_close((uv_handle_t *)&l->timer, NULL);
}

static void on_stop(uv_async_t *async)
{
    struct tarn_http_server *s = async->data;

    if (s->stopping)
        return;
    s->stopping = true;
    s->o.on_stop(s->o.ctx);
    close_listener(&s->tcp);
    close_listener(&s->local);
    uv_close((uv_handle_t *)&s->stop, NULL);
}

static void run(void *arg)
{
    struct tarn_http_server *s = arg;

    (void)uv_run(&s->loop, UV_RUN_DEFAULT);
    (void)uv_async_send(s->o.stopped);
}

static void init_listener(struct listener *l, struct tarn_http_server *s, const char *name)
{
    *l = (struct listener){.s = s, .name = name, .socket.fd = -1};
    (void)uv_timer_init(&s->loop, &l->timer);
    l->timer.data = l;
    if (name)
        try_to_listen(l);
}

int tarn_http_server_start(const struct tarn_http_server_options *o, struct tarn_http_server **ret, struct tarn_error *err)
{
    struct tarn_http_server *s = calloc(1, sizeof *s);
    int rc = s ? uv_loop_init(&s->loop) : UV_ENOMEM;

    if (rc < 0) {
        free(s);
        return tarn_error_set(err, TARN_E_IO, "http server: event loop: %s", uv_strerror(rc));
    }
    s->o = *o;
    (void)uv_async_init(&s->loop, &s->stop, on_stop);
    s->stop.data = s;
    init_listener(&s->tcp, s, o->listen);
    init_listener(&s->local, s, o->socket_path);
    rc = o->on_start(o->ctx, &s->loop);
    if (!rc)
        rc = uv_thread_create(&s->thread, run, s);
    if (!rc) {
        *ret = s;
        return 0;
    }
    on_stop(&s->stop);
    (void)uv_run(&s->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&s->loop);
    free(s);
    return tarn_error_set(err, TARN_E_IO, "http server: cannot start its thread: %s", uv_strerror(rc));
}

void tarn_http_server_stop(struct tarn_http_server *s)
{
    (void)uv_async_send(&s->stop);
}

void tarn_http_server_join(struct tarn_http_server *s)
{
    (void)uv_thread_join(&s->thread);
    (void)uv_loop_close(&s->loop);
    free(s);
}
