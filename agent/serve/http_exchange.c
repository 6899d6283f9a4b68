/* http_exchange.c - requests and their answers; see http_server.h.
 *
 * A kept exchange's connection is suspended, and so is a stream's whose source has nothing; what comes next resumes it, which is work the daemon
 * learns of only when it is run again (kick). libmicrohttpd does not see a suspended connection's peer go away: an epoll descriptor of ours does.
 */
#include "http_server_impl.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "peer.h"

#define HEADER_BYTES_MAX (24u << 10) /* less than libmicrohttpd's own bound, so that the refusal is ours */
#define HTTP_1_0_BLOCK 2048
#define METHOD_MAX 15

/* What is known of a connection beyond its requests. */
struct connection {
    struct tarn_peer peer;
    enum { NOT_ASKED, KNOWN, UNKNOWN } asked;
};

struct extra_header {
    struct extra_header *next;
    char *name, *value; /* one allocation with this */
};

struct tarn_http_exchange {
    struct tarn_http_exchange *next; /* the keeper's */
    TAILQ_ENTRY(tarn_http_exchange) link; /* in s->streams */
    struct http_listener *l;
    struct MHD_Connection *connection;
    const struct tarn_http_route *route;
    char *target, *path;
    char method[METHOD_MAX + 1];
    struct tarn_buf body;
    struct extra_header *headers;
    uint64_t since_ms;
    struct MHD_Response *response;
    unsigned status; /* 0: not answered yet */
    const struct tarn_http_source *source; /* NULL: no stream */
    void *ctx;
    bool begun, suspended;
    unsigned bad_body; /* the status that refuses it */
    bool woken;     /* since read was called last */
    bool watched;   /* its descriptor is in s->hangups */
    bool peer_gone; /* or sends no more */
    bool cut;
};

static void count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

#define COUNT(l, what, n)                              \
    do {                                               \
        if ((l)->s->o.counters)                        \
            count(&(l)->s->o.counters->what, (uint64_t)(n)); \
    } while (0)

/* ---- the request ------------------------------------------------------------------------------------------ */

const char *tarn_http_exchange_method(const struct tarn_http_exchange *x)
{
    return x->method;
}

const char *tarn_http_exchange_path(const struct tarn_http_exchange *x)
{
    return x->path + strlen(x->route->path);
}

const char *tarn_http_exchange_target(const struct tarn_http_exchange *x)
{
    return x->target;
}

const char *tarn_http_exchange_query(const struct tarn_http_exchange *x, const char *name)
{
    const char *value = NULL;
    size_t n;

    if (MHD_lookup_connection_value_n(x->connection, MHD_GET_ARGUMENT_KIND, name, strlen(name), &value, &n) != MHD_YES)
        return NULL;
    return value ? value : "";
}

const char *tarn_http_exchange_header(const struct tarn_http_exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}

struct each_header {
    int (*fn)(void *ctx, const char *name, const char *value);
    void *ctx;
    int rc;
};

/* MHD_KeyValueIterator */
static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct each_header *e = cls;

    (void)kind;
    e->rc = e->fn(e->ctx, name, value ? value : "");
    return e->rc ? MHD_NO : MHD_YES;
}

int tarn_http_exchange_each_header(const struct tarn_http_exchange *x, int (*fn)(void *ctx, const char *name, const char *value), void *ctx)
{
    struct each_header e = {.fn = fn, .ctx = ctx};

    (void)MHD_get_connection_values(x->connection, MHD_HEADER_KIND, on_header, &e);
    return e.rc;
}

struct tarn_bytes tarn_http_exchange_body(const struct tarn_http_exchange *x)
{
    return (struct tarn_bytes){x->body.data, x->body.len};
}

bool tarn_http_exchange_is_local(const struct tarn_http_exchange *x)
{
    return x->l == &x->l->s->local;
}

static int descriptor_of(const struct tarn_http_exchange *x)
{
    return MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

const struct tarn_peer *tarn_http_exchange_peer(const struct tarn_http_exchange *x)
{
    struct connection *c = MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;

    if (!c || !tarn_http_exchange_is_local(x))
        return NULL;
    if (c->asked == NOT_ASKED)
        c->asked = tarn_peer_of(descriptor_of(x), &c->peer, NULL) == 0 ? KNOWN : UNKNOWN;
    if (c->peer.pidfd >= 0) { /* a connection is to cost one descriptor, and its end is seen by the socket */
        (void)close(c->peer.pidfd);
        c->peer.pidfd = -1;
    }
    return c->asked == KNOWN ? &c->peer : NULL;
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

/* ---- the answer -------------------------------------------------------------------------------------------- */

int tarn_http_exchange_add_header(struct tarn_http_exchange *x, const char *name, const char *value)
{
    size_t n = strlen(name) + 1, m = strlen(value) + 1;
    struct extra_header *h = malloc(sizeof *h + n + m);

    if (!h)
        return TARN_E_NOMEM;
    *h = (struct extra_header){.next = x->headers, .name = (char *)(h + 1), .value = (char *)(h + 1) + n};
    memcpy(h->name, name, n);
    memcpy(h->value, value, m);
    x->headers = h;
    return 0;
}

static void add_headers(struct tarn_http_exchange *x, const char *type)
{
    (void)MHD_add_response_header(x->response, "Content-Type", type);
    for (const struct tarn_http_header *h = x->l->s->o.headers; h && h->name; h++)
        (void)MHD_add_response_header(x->response, h->name, h->value);
    for (const struct extra_header *h = x->headers; h; h = h->next)
        (void)MHD_add_response_header(x->response, h->name, h->value);
}

static void resume(struct tarn_http_exchange *x)
{
    x->suspended = false;
    MHD_resume_connection(x->connection);
    http_listener_kick(x->l);
}

/* The response is made, or could not be: then the connection is closed. */
static void answer(struct tarn_http_exchange *x, unsigned status, const char *type)
{
    x->status = status;
    if (x->response)
        add_headers(x, type);
    if (x->suspended)
        resume(x);
}

void tarn_http_exchange_reply(struct tarn_http_exchange *x, unsigned status, const char *type, struct tarn_buf *body)
{
    x->response = MHD_create_response_from_buffer(body->len, body->len ? body->data : "", body->len ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (x->response && body->len) {
        COUNT(x->l, bytes_sent, body->len);
        *body = (struct tarn_buf){0};
    }
    tarn_buf_release(body);
    answer(x, status, type);
}

static void watch_for_hangup(struct tarn_http_exchange *x)
{
    struct epoll_event e = {.events = EPOLLRDHUP | EPOLLET, .data.ptr = x};

    x->watched = epoll_ctl(x->l->s->hangups, EPOLL_CTL_ADD, descriptor_of(x), &e) == 0;
}

static void suspend(struct tarn_http_exchange *x)
{
    x->suspended = true;
    MHD_suspend_connection(x->connection);
    if (x->source && !x->watched)
        watch_for_hangup(x);
}

/* MHD_ContentReaderCallback */
static ssize_t on_read(void *cls, uint64_t pos, char *to, size_t max)
{
    struct tarn_http_exchange *x = cls;
    ssize_t n;

    (void)pos;
    if (x->cut)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    x->woken = false;
    n = x->source->read(x->ctx, to, max);
    if (n > 0)
        COUNT(x->l, bytes_sent, n);
    else if (n == TARN_HTTP_END)
        return MHD_CONTENT_READER_END_OF_STREAM;
    else if (n < 0 || x->peer_gone)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    else if (!x->woken)
        suspend(x);
    return n;
}

void tarn_http_exchange_stream(struct tarn_http_exchange *x, unsigned status, const char *type, const struct tarn_http_source *source, void *ctx)
{
    x->source = source;
    x->ctx = ctx;
    TAILQ_INSERT_TAIL(&x->l->s->streams, x, link);
    COUNT(x->l, streams, 1);
    if (strcmp(x->method, "HEAD") == 0) /* this libmicrohttpd would send the end of chunks that were not begun */
        x->response = MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
    else
        x->response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, HTTP_1_0_BLOCK, on_read, x, NULL);
    answer(x, status, type);
}

void tarn_http_exchange_wake(struct tarn_http_exchange *x)
{
    x->woken = true;
    if (x->suspended)
        resume(x);
}

void tarn_http_exchange_cut(struct tarn_http_exchange *x)
{
    if (!x->source)
        return;
    x->cut = true;
    tarn_http_exchange_wake(x);
}

/* ---- peers that go away --------------------------------------------------------------------------------------- */

/* Nothing is freed here: a stream that is resumed ends in the daemon's turn. */
static void on_hangups(uv_poll_t *poll, int status, int events)
{
    struct tarn_http_server *s = poll->data;
    struct epoll_event v[64];
    int n;

    (void)status, (void)events;
    while ((n = epoll_wait(s->hangups, v, sizeof v / sizeof *v, 0)) > 0) {
        for (int i = 0; i < n; i++) {
            struct tarn_http_exchange *x = v[i].data.ptr;

            x->peer_gone = true;
            tarn_http_exchange_wake(x);
        }
    }
}

int http_hangups_open(struct tarn_http_server *s)
{
    int rc;

    s->hangups = epoll_create1(EPOLL_CLOEXEC);
    if (s->hangups < 0)
        return UV_EMFILE;
    rc = uv_poll_init(&s->loop, &s->hangup_poll, s->hangups);
    if (rc < 0) {
        (void)close(s->hangups);
        s->hangups = -1;
        return rc;
    }
    s->hangup_poll.data = s;
    return uv_poll_start(&s->hangup_poll, UV_READABLE, on_hangups);
}

static void close_hangups(uv_handle_t *handle)
{
    struct tarn_http_server *s = handle->data;

    (void)close(s->hangups);
}

void http_hangups_close(struct tarn_http_server *s)
{
    if (s->hangups >= 0)
        uv_close((uv_handle_t *)&s->hangup_poll, close_hangups);
}

void http_cut_streams(struct tarn_http_server *s)
{
    struct tarn_http_exchange *x;

    TAILQ_FOREACH(x, &s->streams, link)
    tarn_http_exchange_cut(x);
}

/* ---- what the server answers itself ------------------------------------------------------------------------------ */

static void refuse(struct tarn_http_exchange *x, unsigned status, const char *message)
{
    const struct tarn_http_server_options *o = &x->l->s->o;
    const char *type = "text/plain; charset=utf-8";
    struct tarn_buf b = {0};

    COUNT(x->l, refused, 1);
    if (o->refusal ? o->refusal(o->ctx, status, message, &b, &type) : tarn_buf_addf(&b, "%s\n", message)) {
        tarn_buf_release(&b);
        status = MHD_HTTP_SERVICE_UNAVAILABLE;
    }
    tarn_http_exchange_reply(x, status, type, &b);
}

static const struct tarn_http_route *route_of(const struct tarn_http_server *s, const char *path)
{
    for (const struct tarn_http_route *r = s->o.routes; r->path; r++) {
        size_t n = strlen(r->path);

        if (strncmp(path, r->path, n) == 0 && (!path[n] || (r->prefix && (path[n] == '/' || path[n - 1] == '/'))))
            return r;
    }
    return NULL;
}

/* Is it a name of this host alone? Names that others give can be made to lead here. */
static bool is_own_name(const char *host)
{
    char name[256];
    size_t n;

    http_strip_port(host, name, sizeof name);
    n = strlen(name);
    if (strncmp(name, "127.", 4) == 0 && name[strspn(name, "0123456789.")] == '\0')
        return true;
    return strcmp(name, "::1") == 0 || strcasecmp(name, "localhost") == 0 || (n > 10 && strcasecmp(name + n - 10, ".localhost") == 0);
}

static bool is_addressed_to_us(const struct tarn_http_exchange *x)
{
    const char *host = tarn_http_exchange_header(x, "Host");

    return tarn_http_exchange_is_local(x) || x->l->s->o.certificate || !host || is_own_name(host);
}

static bool takes_method(const struct tarn_http_exchange *x)
{
    return x->l->s->o.any_method || strcmp(x->method, "GET") == 0 || strcmp(x->method, "HEAD") == 0;
}

static void refuse_body(struct tarn_http_exchange *x)
{
    if (x->bad_body == MHD_HTTP_TOO_MANY_REQUESTS)
        (void)tarn_http_exchange_add_header(x, "Retry-After", "1");
    refuse(x, x->bad_body, x->bad_body == MHD_HTTP_TOO_MANY_REQUESTS ? "too many requests with bodies at once, please try again later" : "the request's body is too large");
}

static void serve(struct tarn_http_exchange *x)
{
    struct tarn_http_server *s = x->l->s;

    x->route = route_of(s, x->path);
    if (s->stopping) { /* nothing may be kept any more */
        refuse(x, MHD_HTTP_SERVICE_UNAVAILABLE, "the agent is stopping");
    } else if (!is_addressed_to_us(x)) {
        refuse(x, MHD_HTTP_FORBIDDEN, "this server is asked by localhost or its loopback address only");
    } else if (!takes_method(x)) {
        (void)tarn_http_exchange_add_header(x, "Allow", "GET, HEAD");
        refuse(x, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD");
    } else if (x->bad_body) {
        refuse_body(x);
    } else if (!x->route) {
        refuse(x, MHD_HTTP_NOT_FOUND, "nothing is served under this path");
    } else {
        x->route->handle(s->o.ctx, x);
    }
    if (!x->status)
        suspend(x);
}

/* ---- libmicrohttpd's calls --------------------------------------------------------------------------------------------- */

void *http_on_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct http_listener *l = cls;
    struct tarn_http_exchange *x = calloc(1, sizeof *x);

    if (x)
        x->target = strdup(uri ? uri : "");
    if (!x || !x->target) {
        free(x);
        return NULL;
    }
    x->l = l;
    x->connection = connection;
    x->since_ms = uv_now(&l->s->loop);
    COUNT(l, requests, 1);
    return x;
}

static size_t header_bytes(const struct tarn_http_exchange *x)
{
    return MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)->header_size;
}

/* With the headers; MHD_NO: memory is out. */
static enum MHD_Result begin(struct tarn_http_exchange *x, const char *url, const char *method)
{
    x->begun = true;
    x->path = strdup(url);
    (void)snprintf(x->method, sizeof x->method, "%s", method);
    if (x->path && header_bytes(x) > HEADER_BYTES_MAX)
        refuse(x, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, "the request's headers are too large");
    return x->path ? MHD_YES : MHD_NO;
}

/* What was sent may be a secret. */
static void drop_body(struct tarn_http_exchange *x)
{
    x->l->s->bodies -= x->body.len;
    if (x->body.len)
        explicit_bzero(x->body.data, x->body.len);
    tarn_buf_release(&x->body);
}

/* One that is not taken is read to its end all the same: a peer that still sends does not listen. */
static void take_body(struct tarn_http_exchange *x, const char *data, size_t n)
{
    struct tarn_http_server *s = x->l->s;

    if (!s->o.max_body || x->bad_body)
        return;
    if (n > s->o.max_body - x->body.len)
        x->bad_body = MHD_HTTP_CONTENT_TOO_LARGE;
    else if (n > s->o.max_bodies - s->bodies || tarn_buf_add(&x->body, data, n))
        x->bad_body = MHD_HTTP_TOO_MANY_REQUESTS;
    else
        s->bodies += n;
    if (x->bad_body)
        drop_body(x);
}

static enum MHD_Result send_response(struct tarn_http_exchange *x)
{
    struct MHD_Response *r = x->response;
    enum MHD_Result rc;

    if (!r)
        return MHD_NO;
    rc = MHD_queue_response(x->connection, x->status, r);
    MHD_destroy_response(r);
    x->response = NULL;
    return rc;
}

/* MHD_AccessHandlerCallback: once with the headers, for each piece of a body, then to answer, and again when resumed. */
enum MHD_Result http_on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *data,
                                size_t *size, void **con_cls)
{
    struct tarn_http_exchange *x = *con_cls;

    (void)cls, (void)connection, (void)version;
    if (!x)
        return MHD_NO;
    if (!x->begun)
        return begin(x, url, method);
    if (*size) {
        take_body(x, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (!x->status)
        serve(x);
    return x->suspended ? MHD_YES : send_response(x);
}

static void end_stream(struct tarn_http_exchange *x)
{
    TAILQ_REMOVE(&x->l->s->streams, x, link);
    COUNT(x->l, streams, -1);
    if (x->watched)
        (void)epoll_ctl(x->l->s->hangups, EPOLL_CTL_DEL, descriptor_of(x), NULL);
    x->source->done(x->ctx);
}

/* MHD_RequestCompletedCallback; also of a request that was never answered. */
void http_on_completed(void *cls, struct MHD_Connection *connection, void **con_cls, enum MHD_RequestTerminationCode why)
{
    struct tarn_http_exchange *x = *con_cls;
    struct extra_header *h;

    (void)cls, (void)connection, (void)why;
    if (!x)
        return;
    if (x->source)
        end_stream(x);
    if (x->response)
        MHD_destroy_response(x->response);
    while ((h = x->headers)) {
        x->headers = h->next;
        free(h);
    }
    drop_body(x);
    free(x->target);
    free(x->path);
    free(x);
    *con_cls = NULL;
}

/* MHD_NotifyConnectionCallback */
void http_on_connection(void *cls, struct MHD_Connection *connection, void **socket_context, enum MHD_ConnectionNotificationCode code)
{
    struct http_listener *l = cls;
    struct connection *c = *socket_context;

    (void)connection;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        COUNT(l, connections, 1);
        c = calloc(1, sizeof *c); /* without one its peer is not known */
        if (c)
            c->peer.pidfd = -1;
        *socket_context = c;
        return;
    }
    COUNT(l, connections, -1);
    if (c)
        tarn_peer_release(&c->peer);
    free(c);
    *socket_context = NULL;
}
