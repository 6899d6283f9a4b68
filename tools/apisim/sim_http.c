/* sim_http.c - libmicrohttpd's epoll descriptor inside a libuv loop, and the life of each request.
 *
 * The daemon has no thread: its epoll descriptor is polled by the loop, and whenever it is readable, or one of our
 * own calls gave it work (a resumed connection), MHD_run is called until it asks for nothing more. A suspended
 * connection is out of the daemon's sight, so its descriptor is watched here for the peer's hang-up.
 */
#include "sim_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

struct sim_request {
    struct sim_http *http;
    struct sim_request *prev, *next;
    struct MHD_Connection *conn;
    char *method, *path;
    struct tarn_buf body; /* of the request */
    bool body_too_large;

    void (*again)(void *ctx, struct sim_request *req); /* see sim_request_later */
    void *again_ctx;
    uint64_t wake_ms; /* 0: no deadline */
    bool suspended, hung_up, answered, abort;
    uv_poll_t *hangup; /* watches a suspended connection */

    struct sim_stream *stream;
    struct tarn_buf out; /* made by the stream, not yet taken by the client */
    size_t out_at;
    bool out_end, out_break;
    struct sim_spoil spoil;
    uint64_t sent, send_began_ms;
};

struct sim_http {
    uv_loop_t *loop;
    struct MHD_Daemon *daemon;
    struct sim_http_options options;
    uint16_t port;
    uv_poll_t poll;
    uv_idle_t idle;
    uv_timer_t timer; /* the nearest deadline of a request, or the daemon's own */
    uint64_t timer_ms;
    struct sim_request requests; /* list head */
    unsigned nrequests;
    uint64_t sent;
    bool closing;
    bool kicked; /* the daemon got work since MHD_run was last entered */
};

/* ---- running the daemon ------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void kick(struct sim_http *h);

static void run(struct sim_http *h)
{
    MHD_UNSIGNED_LONG_LONG timeout;

    h->kicked = false;
    (void)MHD_run(h->daemon);
    /* A connection resumed by a handler inside MHD_run waits for the next one, and MHD_get_timeout does not tell. */
    if (h->kicked || (MHD_get_timeout(h->daemon, &timeout) == MHD_YES && timeout == 0))
        kick(h);
    else
        uv_idle_stop(&h->idle);
}

static void on_idle(uv_idle_t *idle)
{
    run(idle->data);
}

/* Run the daemon in this turn of the loop. */
static void kick(struct sim_http *h)
{
    h->kicked = true;
    if (!h->closing)
        uv_idle_start(&h->idle, on_idle);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    run(poll->data);
}

static void arm_timer(struct sim_http *h, uint64_t when_ms)
{
    uint64_t now = uv_now(h->loop);

    if (h->closing || (uv_is_active((uv_handle_t *)&h->timer) && h->timer_ms <= when_ms))
        return;
    h->timer_ms = when_ms;
    uv_timer_start(&h->timer, on_timer, when_ms > now ? when_ms - now : 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct sim_http *h = timer->data;
    uint64_t now = uv_now(h->loop), next = UINT64_MAX;

    for (struct sim_request *r = h->requests.next; r != &h->requests; r = r->next) {
        if (!r->wake_ms)
            continue;
        if (r->wake_ms <= now) {
            r->wake_ms = 0;
            sim_request_wake(r);
        } else if (r->wake_ms < next) {
            next = r->wake_ms;
        }
    }
    if (next != UINT64_MAX)
        arm_timer(h, next);
}

/* ---- suspended connections ----------------------------------------------------------------- */

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void hangup_stop(struct sim_request *req)
{
    if (req->hangup)
        uv_close((uv_handle_t *)req->hangup, free_handle);
    req->hangup = NULL;
}

static void on_hangup(uv_poll_t *poll, int status, int events)
{
    struct sim_request *req = poll->data;

    if (status == 0 && !(events & UV_DISCONNECT))
        return;
    req->hung_up = true;
    hangup_stop(req);
    sim_request_wake(req);
}

static void hangup_watch(struct sim_request *req)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(req->conn, MHD_CONNECTION_INFO_CONNECTION_FD);

    if (req->hangup || !info)
        return;
    req->hangup = sim_alloc(sizeof *req->hangup);
    if (uv_poll_init(req->http->loop, req->hangup, info->connect_fd)) {
        free(req->hangup);
        req->hangup = NULL;
        return;
    }
    req->hangup->data = req;
    (void)uv_poll_start(req->hangup, UV_DISCONNECT, on_hangup);
}

static void suspend(struct sim_request *req)
{
    MHD_suspend_connection(req->conn);
    req->suspended = true;
    hangup_watch(req);
}

void sim_request_wake(struct sim_request *req)
{
    if (!req->suspended)
        return;
    req->suspended = false;
    MHD_resume_connection(req->conn);
    kick(req->http);
}

void sim_request_wake_at(struct sim_request *req, uint64_t when_ms)
{
    req->wake_ms = when_ms ? when_ms : 1;
    arm_timer(req->http, req->wake_ms);
}

uint64_t sim_request_now_ms(const struct sim_request *req)
{
    return uv_now(req->http->loop);
}

/* ---- the body on its way out --------------------------------------------------------------- */

/* How many bytes may go now, by the limit of speed; 0: wait (the deadline is set). */
static size_t throttle(struct sim_request *req, size_t max)
{
    uint64_t now = uv_now(req->http->loop), allowed;

    if (!req->spoil.bytes_per_second)
        return max;
    if (!req->send_began_ms)
        req->send_began_ms = now;
    allowed = (now - req->send_began_ms + 50) * req->spoil.bytes_per_second / 1000;
    if (allowed > req->sent)
        return allowed - req->sent < max ? (size_t)(allowed - req->sent) : max;
    sim_request_wake_at(req, now + 50);
    return 0;
}

/* Apply what spoils the body to n bytes about to go; returns how many really go. */
static size_t spoil(struct sim_request *req, char *buf, size_t n)
{
    const struct sim_spoil *s = &req->spoil;

    if (s->garble_at && req->sent <= s->garble_at && s->garble_at < req->sent + n)
        buf[s->garble_at - req->sent] = '\x01';
    if (s->truncate_after && req->sent + n >= s->truncate_after) {
        n = (size_t)(s->truncate_after - req->sent);
        req->out_break = true;
    }
    return n;
}

static ssize_t take(struct sim_request *req, char *buf, size_t max)
{
    size_t n = req->out.len - req->out_at;

    if (n > max)
        n = max;
    memcpy(buf, req->out.data + req->out_at, n);
    req->out_at += n;
    if (req->out_at == req->out.len) {
        req->out_at = 0;
        tarn_buf_clear(&req->out);
    }
    n = spoil(req, buf, n);
    req->sent += n;
    req->http->sent += n;
    if (n == 0)
        return req->out_break ? MHD_CONTENT_READER_END_WITH_ERROR : 0;
    return (ssize_t)n;
}

/* MHD_ContentReaderCallback */
static ssize_t read_body(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct sim_request *req = cls;

    (void)pos;
    if (req->hung_up || (req->out_break && req->out.len == req->out_at) || (req->out_break && req->spoil.truncate_after))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (req->spoil.silent || (max = throttle(req, max)) == 0) {
        suspend(req);
        return 0;
    }
    while (req->out.len == req->out_at) {
        enum sim_fill f;

        if (req->out_end)
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (req->out_break)
            return MHD_CONTENT_READER_END_WITH_ERROR;
        f = req->stream->ops->fill(req->stream, &req->out, max);
        req->out_end = f == SIM_FILL_END;
        req->out_break = f == SIM_FILL_BREAK;
        if (f == SIM_FILL_WAIT && req->out.len == req->out_at) {
            suspend(req);
            return 0;
        }
    }
    return take(req, buf, max);
}

/* ---- answers ----------------------------------------------------------------------------------- */

static void add_headers(struct sim_request *req, struct MHD_Response *r, const struct sim_reply_head *head)
{
    static struct sim_random audit = {.state = 42};
    char uuid[40];

    (void)req;
    sim_random_uuid(&audit, uuid);
    (void)MHD_add_response_header(r, "Audit-Id", uuid);
    (void)MHD_add_response_header(r, "Cache-Control", "no-cache, private");
    (void)MHD_add_response_header(r, "Content-Type", head->content_type ? head->content_type : "application/json");
    for (unsigned i = 0; i < sizeof head->header / sizeof *head->header && head->header[i][0]; i++) {
        if (strcmp(head->header[i][0], "Cache-Control") == 0)
            (void)MHD_del_response_header(r, "Cache-Control", "no-cache, private");
        (void)MHD_add_response_header(r, head->header[i][0], head->header[i][1]);
    }
    if (head->close)
        (void)MHD_add_response_header(r, "Connection", "close");
}

static void queue(struct sim_request *req, struct MHD_Response *r, const struct sim_reply_head *head)
{
    add_headers(req, r, head);
    req->answered = MHD_queue_response(req->conn, (unsigned)head->code, r) == MHD_YES;
    req->abort = !req->answered;
    MHD_destroy_response(r);
}

/* A complete body as a stream, for when it must be spoilt. */
struct whole {
    struct sim_stream stream;
    struct tarn_buf body;
};

static enum sim_fill whole_fill(struct sim_stream *s, struct tarn_buf *out, size_t want)
{
    struct whole *w = (struct whole *)s;

    (void)want;
    sim_put(out, w->body.data, w->body.len);
    return SIM_FILL_END;
}

static void whole_free(struct sim_stream *s)
{
    tarn_buf_release(&((struct whole *)s)->body);
    free(s);
}

static bool spoilt(const struct sim_spoil *s)
{
    return s->truncate_after || s->garble_at || s->bytes_per_second || s->silent;
}

void sim_reply(struct sim_request *req, const struct sim_reply_head *head, struct tarn_buf *body)
{
    static const struct sim_stream_ops ops = {whole_fill, whole_free};
    struct MHD_Response *r;
    struct whole *w;

    if (!spoilt(&req->spoil)) {
        req->http->sent += body->len;
        r = MHD_create_response_from_buffer(body->len, body->len ? (void *)body->data : (void *)"",
                                            body->len ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
        if (body->len == 0)
            tarn_buf_release(body);
        *body = (struct tarn_buf){0};
        queue(req, r, head);
        return;
    }
    w = sim_alloc(sizeof *w);
    *w = (struct whole){.stream.ops = &ops, .body = *body};
    *body = (struct tarn_buf){0};
    sim_reply_stream(req, head, &w->stream);
}

void sim_reply_stream(struct sim_request *req, const struct sim_reply_head *head, struct sim_stream *s)
{
    struct MHD_Response *r;

    s->req = req;
    req->stream = s;
    r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 64 * 1024, read_body, req, NULL);
    queue(req, r, head);
}

void sim_request_later(struct sim_request *req, uint64_t ms, void (*again)(void *, struct sim_request *), void *ctx)
{
    req->again = again;
    req->again_ctx = ctx;
    suspend(req);
    sim_request_wake_at(req, uv_now(req->http->loop) + ms);
}

void sim_request_abort(struct sim_request *req)
{
    req->abort = true;
}

struct sim_spoil *sim_request_spoil(struct sim_request *req)
{
    return &req->spoil;
}

/* ---- requests in ---------------------------------------------------------------------------- */

static struct sim_request *request_new(struct sim_http *h, struct MHD_Connection *conn, const char *url,
                                       const char *method)
{
    struct sim_request *req = sim_alloc(sizeof *req);

    *req = (struct sim_request){.http = h, .conn = conn};
    req->path = strcpy(sim_alloc(strlen(url) + 1), url);
    req->method = strcpy(sim_alloc(strlen(method) + 1), method);
    req->prev = h->requests.prev;
    req->next = &h->requests;
    req->prev->next = req;
    h->requests.prev = req;
    h->nrequests++;
    return req;
}

static void take_body(struct sim_request *req, const char *data, size_t n)
{
    if (req->body.len + n > SIM_BODY_MAX) {
        req->body_too_large = true;
        tarn_buf_release(&req->body);
        return;
    }
    if (!req->body_too_large)
        sim_put(&req->body, data, n);
}

/* MHD_AccessHandlerCallback: once with the headers, then for each piece of body, then to answer. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **con_cls)
{
    struct sim_http *h = cls;
    struct sim_request *req = *con_cls;

    (void)version;
    if (!req) {
        *con_cls = request_new(h, conn, url, method);
        return MHD_YES;
    }
    if (*upload_size) {
        take_body(req, upload, *upload_size);
        *upload_size = 0;
        return MHD_YES;
    }
    if (req->hung_up || req->answered)
        return req->answered ? MHD_YES : MHD_NO;
    if (req->again) {
        void (*again)(void *, struct sim_request *) = req->again;

        req->again = NULL;
        again(req->again_ctx, req);
    } else {
        h->options.handle(h->options.ctx, req);
    }
    return req->abort ? MHD_NO : MHD_YES;
}

/* MHD_RequestCompletedCallback */
static void on_completed(void *cls, struct MHD_Connection *conn, void **con_cls, enum MHD_RequestTerminationCode toe)
{
    struct sim_request *req = *con_cls;

    (void)cls;
    (void)conn;
    (void)toe;
    if (!req)
        return;
    hangup_stop(req);
    if (req->stream)
        req->stream->ops->free(req->stream);
    tarn_buf_release(&req->body);
    tarn_buf_release(&req->out);
    req->prev->next = req->next;
    req->next->prev = req->prev;
    req->http->nrequests--;
    free(req->path);
    free(req->method);
    free(req);
    *con_cls = NULL;
}

const char *sim_request_method(const struct sim_request *req)
{
    return req->method;
}

const char *sim_request_path(const struct sim_request *req)
{
    return req->path;
}

const char *sim_request_query(const struct sim_request *req, const char *name)
{
    const char *v = NULL;
    size_t n;

    if (MHD_lookup_connection_value_n(req->conn, MHD_GET_ARGUMENT_KIND, name, strlen(name), &v, &n) != MHD_YES)
        return NULL;
    return v ? v : "";
}

const char *sim_request_header(const struct sim_request *req, const char *name)
{
    return MHD_lookup_connection_value(req->conn, MHD_HEADER_KIND, name);
}

struct tarn_bytes sim_request_body(const struct sim_request *req)
{
    return tarn_buf_bytes(&req->body);
}

bool sim_request_body_too_large(const struct sim_request *req)
{
    return req->body_too_large;
}

/* ---- the server ---------------------------------------------------------------------------- */

static int listen_on(const struct sim_http_options *o, uint16_t *ret_port, struct tarn_error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_PASSIVE}, *ai;
    struct sockaddr_storage bound;
    socklen_t len = sizeof bound;
    char service[8];
    int fd = -1, one = 1, rc;

    (void)snprintf(service, sizeof service, "%u", o->port);
    rc = getaddrinfo(o->host, service, &hints, &ai);
    if (rc)
        return tarn_error_set(err, TARN_E_INVAL, "cannot listen on '%s': %s; give an address such as 127.0.0.1", o->host,
                              gai_strerror(rc));
    fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, 1024) ||
        getsockname(fd, (struct sockaddr *)&bound, &len)) {
        rc = tarn_error_set(err, TARN_E_IO, "cannot listen on %s port %u: %s", o->host, o->port, strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        freeaddrinfo(ai);
        return rc;
    }
    freeaddrinfo(ai);
    *ret_port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                  : ((struct sockaddr_in *)&bound)->sin_port);
    return fd;
}

/* Each watch is a connection. */
static unsigned raise_file_limit(void)
{
    struct rlimit l;

    if (getrlimit(RLIMIT_NOFILE, &l))
        return 1000;
    l.rlim_cur = l.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &l);
    return l.rlim_cur > 20100 ? 20000 : (unsigned)l.rlim_cur - 100;
}

static void log_quietly(void *cls, const char *fmt, va_list ap)
{
    if (getenv("APISIM_DEBUG"))
        (void)vfprintf(stderr, fmt, ap);
    (void)cls;
}

static struct MHD_Daemon *daemon_start(struct sim_http *h, int fd)
{
    const struct sim_http_options *o = &h->options;
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (o->tls_cert ? MHD_USE_TLS : 0);
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)o->tls_cert},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)o->tls_key},
        {MHD_OPTION_END, 0, NULL},
    };

    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, log_quietly, NULL,
                            MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
                            MHD_OPTION_CONNECTION_LIMIT, raise_file_limit(), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t)256 * 1024, MHD_OPTION_ARRAY, o->tls_cert ? tls : tls + 2, MHD_OPTION_END);
}

int sim_http_new(uv_loop_t *loop, const struct sim_http_options *options, struct sim_http **ret, struct tarn_error *err)
{
    struct sim_http *h = sim_alloc(sizeof *h);
    int fd;

    *h = (struct sim_http){.loop = loop, .options = *options};
    h->requests.prev = h->requests.next = &h->requests;
    fd = listen_on(options, &h->port, err);
    if (fd < 0) {
        free(h);
        return fd;
    }
    h->daemon = daemon_start(h, fd);
    if (!h->daemon) {
        (void)close(fd);
        free(h);
        return tarn_error_set(err, TARN_E_IO, "the HTTP server does not start%s",
                              options->tls_cert ? ": look at the certificate and key" : "");
    }
    (void)uv_poll_init(loop, &h->poll, MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd);
    (void)uv_idle_init(loop, &h->idle);
    (void)uv_timer_init(loop, &h->timer);
    h->poll.data = h->idle.data = h->timer.data = h;
    (void)uv_poll_start(&h->poll, UV_READABLE, on_poll);
    *ret = h;
    return 0;
}

/* All handles are closed by one turn of the loop, then the memory goes. */
static void on_timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void sim_http_free(struct sim_http *h)
{
    if (!h)
        return;
    h->closing = true;
    for (struct sim_request *r = h->requests.next; r != &h->requests; r = r->next) {
        r->hung_up = true;
        sim_request_wake(r);
    }
    (void)MHD_run(h->daemon);
    uv_close((uv_handle_t *)&h->poll, NULL);
    uv_close((uv_handle_t *)&h->idle, NULL);
    MHD_stop_daemon(h->daemon);
    uv_close((uv_handle_t *)&h->timer, on_timer_closed);
}

uint16_t sim_http_port(const struct sim_http *h)
{
    return h->port;
}

uint64_t sim_http_now_ms(const struct sim_http *h)
{
    return uv_now(h->loop);
}

unsigned sim_http_open_requests(const struct sim_http *h)
{
    return h->nrequests;
}

uint64_t sim_http_sent_bytes(const struct sim_http *h)
{
    return h->sent;
}
