/* http_server.c - the listeners and the life of http_server.h.
 *
 * libmicrohttpd is driven by its epoll descriptor and its timeout.
 */
#include "http_server_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "logger.h"

#define IDLE_S 60
#define CONNECTION_BYTES (32u << 10) /* headers of one request, and the chunk of a stream that is on its way */
#define LISTEN_AGAIN_MS 5000

static void on_timer(uv_timer_t *timer);

/* ---- the daemon's turns -------------------------------------------------------------------------------- */

void http_listener_kick(struct http_listener *l)
{
    (void)uv_timer_start(&l->timer, on_timer, 0, 0);
}

static bool is_full(const struct http_listener *l)
{
    return MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)->num_connections >= l->s->o.max_connections;
}

/* A full daemon does not listen; that there is room again it sees only when it is run once more. */
static void run_daemon(struct http_listener *l)
{
    MHD_UNSIGNED_LONG_LONG timeout;
    bool full = is_full(l);

    (void)MHD_run(l->daemon);
    if (full && !is_full(l))
        http_listener_kick(l);
    else if (MHD_get_timeout(l->daemon, &timeout) == MHD_YES)
        (void)uv_timer_start(&l->timer, on_timer, timeout, 0);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    run_daemon(poll->data);
}

/* ---- listening ------------------------------------------------------------------------------------------ */

static void log_nothing(void *cls, const char *fmt, va_list ap)
{
    (void)cls, (void)fmt, (void)ap;
}

static struct MHD_Daemon *start_daemon(struct http_listener *l, int fd)
{
    const struct tarn_http_server_options *o = &l->s->o;
    bool tls = o->certificate && l == &l->s->tcp;
    struct MHD_OptionItem certificate[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)o->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)o->key},
        {MHD_OPTION_END, 0, NULL},
    };

    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (tls ? MHD_USE_TLS : 0), 0, NULL, NULL, http_on_request, l,
                            MHD_OPTION_EXTERNAL_LOGGER, log_nothing, NULL, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, http_on_uri, l,
                            MHD_OPTION_NOTIFY_COMPLETED, http_on_completed, l, MHD_OPTION_NOTIFY_CONNECTION, http_on_connection, l,
                            MHD_OPTION_CONNECTION_LIMIT, o->max_connections, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_ARRAY, tls ? certificate : certificate + 2,
                            MHD_OPTION_END);
}

static void say_listening(const struct http_listener *l, int fd)
{
    const char *name = l->s->o.name;
    struct sockaddr_in6 a = {0};
    socklen_t n = sizeof a;
    char text[64];

    (void)snprintf(text, sizeof text, "%s listening", name);
    if (l == &l->s->local)
        tarn_log(TARN_LOG_INFO, text, "socket", l->name, NULL);
    else if (getsockname(fd, (struct sockaddr *)&a, &n) == 0) /* the port stands at the same place in both families */
        tarn_log(TARN_LOG_INFO, text, "address", l->name, "port", TARN_LOG_U64(ntohs(a.sin6_port)), NULL);
}

static void try_again_later(struct http_listener *l, const struct tarn_error *err)
{
    char text[64];

    (void)snprintf(text, sizeof text, "without %s there; it is tried again every 5 s", l->s->o.name);
    if (!l->failing)
        tarn_log(TARN_LOG_ERROR, err->message, "code", tarn_error_name(err->code), "goes_on", text, NULL);
    l->failing = true;
    (void)uv_timer_start(&l->timer, on_timer, LISTEN_AGAIN_MS, 0);
}

static void try_to_listen(struct http_listener *l)
{
    struct tarn_error err = {0};
    int fd = l == &l->s->local ? http_listen_local(l, &err) : http_listen_tcp(l, &err);

    if (fd >= 0) {
        l->daemon = start_daemon(l, fd);
        if (!l->daemon) {
            (void)tarn_error_set(&err, TARN_E_IO, "%s for %s does not start%s", l->s->o.name, l->name,
                                 l->s->o.certificate ? ": are certificate and key good PEM, and do they belong together?" : "");
            (void)close(fd);
            l->socket.fd = -1;
        }
    }
    if (!l->daemon) {
        try_again_later(l, &err);
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
    struct http_listener *l = timer->data;

    if (l->daemon)
        run_daemon(l);
    else
        try_to_listen(l);
}

/* ---- life --------------------------------------------------------------------------------------------------- */

/* Every kept exchange has been answered, every stream cut: what can be sent at once is sent. */
static void close_listener(struct http_listener *l)
{
    if (l->daemon) {
        (void)MHD_run(l->daemon); /* what was resumed is made ready, */
        (void)MHD_run(l->daemon); /* and sent */
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
    if (s->o.on_stop)
        s->o.on_stop(s->o.ctx);
    http_cut_streams(s);
    close_listener(&s->tcp);
    close_listener(&s->local);
    http_hangups_close(s);
    uv_close((uv_handle_t *)&s->stop, NULL);
    if (s->o.on_ended)
        s->o.on_ended(s->o.ctx);
}

static void run(void *arg)
{
    struct tarn_http_server *s = arg;

    (void)uv_run(&s->loop, UV_RUN_DEFAULT);
    (void)uv_async_send(s->o.stopped);
}

static void init_listener(struct http_listener *l, struct tarn_http_server *s, const char *name)
{
    *l = (struct http_listener){.s = s, .name = name, .socket.fd = -1};
    (void)uv_timer_init(&s->loop, &l->timer);
    l->timer.data = l;
    if (name)
        try_to_listen(l);
}

static int begin(struct tarn_http_server *s)
{
    int rc;

    (void)uv_async_init(&s->loop, &s->stop, on_stop);
    s->stop.data = s;
    TAILQ_INIT(&s->streams);
    rc = http_hangups_open(s);
    init_listener(&s->tcp, s, rc ? NULL : s->o.listen);
    init_listener(&s->local, s, rc ? NULL : s->o.socket_path);
    if (!rc)
        rc = s->o.on_start(s->o.ctx, &s->loop);
    return rc ? rc : uv_thread_create(&s->thread, run, s);
}

int tarn_http_server_start(const struct tarn_http_server_options *o, struct tarn_http_server **ret, struct tarn_error *err)
{
    struct tarn_http_server *s = calloc(1, sizeof *s);
    int rc = s ? uv_loop_init(&s->loop) : UV_ENOMEM;

    if (rc < 0) {
        free(s);
        return tarn_error_set(err, TARN_E_IO, "%s: event loop: %s", o->name, uv_strerror(rc));
    }
    s->o = *o;
    rc = begin(s);
    if (!rc) {
        *ret = s;
        return 0;
    }
    on_stop(&s->stop);
    (void)uv_run(&s->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&s->loop);
    free(s);
    return tarn_error_set(err, TARN_E_IO, "%s: cannot start its thread: %s", o->name, uv_strerror(rc));
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
