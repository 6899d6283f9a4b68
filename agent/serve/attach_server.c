/* attach_server.c - connections and their states.
 *
 *   NEW --HELLO--> ASKED --answer--> ATTACHED --end--> LEAVING --answer--> (closed)
 *    \--CONTROL, deadline, end--> (closed)
 *
 * A connection has one struct tarn_ask, so at most one question under way; while it is (`asking`) the connection
 * is not freed: an end is noted (`over`) and acted on when the answer is back.
 */
#include "attach_server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tarn/attach.h>

#include "peer.h"

#define UID_CLIENTS_MAX 256 /* of one uid other than root and our own */
#define UNATTACHED_MAX 64
#define ACCEPTS_PER_TURN 32
#define TICK_MS 500

enum state { NEW, ASKED, ATTACHED, LEAVING };

struct connection {
    struct tarn_ask ask; /* first: an ask is its connection */
    TAILQ_ENTRY(connection) link;
    struct tarn_attach_server *s;
    enum state state;
    bool asking, over, closing;
    bool told_corrupt; /* said so already */
    bool answering; /* a control question's answer is on its way: the rest of it */
    int answer_code;
    struct tarn_bytes answer;
    struct tarn_buf text; /* where it lies */
    int fd, page_fd;
    struct tarn_peer peer;
    uv_poll_t poll, pid_poll;
    unsigned handles; /* open uv handles; memory goes with the last */
    uint64_t since_ms;
};
TAILQ_HEAD(connections, connection);

struct tarn_attach_server {
    struct tarn_attach_server_options o;
    struct tarn_handoff answers;
    uv_poll_t listen_poll;
    uv_timer_t tick;
    unsigned handles;
    struct connections connections;
    unsigned nconnections, nattached;
    bool closing, accept_failing;
    void (*on_closed)(void *ctx);
    void *ctx;
};

static void on_readable(uv_poll_t *poll, int status, int events);

/* ---- sending ------------------------------------------------------------------------------------------------ */

/* False: the peer's buffer is full or it is gone; either way it is not worth waiting for. */
static bool send_packet(struct connection *c, const struct tarn_attach_message *m, const int *fds, unsigned nfds)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * TARN_ATTACH_FDS)];
    } control = {0};
    struct tarn_buf b = {0};
    struct iovec iov;
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n = -1;

    if (tarn_attach_encode(m, &b) == 0) {
        iov = (struct iovec){.iov_base = b.data, .iov_len = b.len};
        if (nfds) {
            msg.msg_control = control.bytes;
            msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
            *CMSG_FIRSTHDR(&msg) = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int) * nfds)};
            memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), fds, sizeof(int) * nfds);
        }
        n = sendmsg(c->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    tarn_buf_release(&b);
    return n >= 0;
}

static void refuse(struct connection *c, int code, uint32_t retry_after_ms, const char *text)
{
    struct tarn_attach_message m = {.type = TARN_ATTACH_REFUSED,
                                    .refused = {.code = code, .text = tarn_bytes_of(text), .retry_after_ms = retry_after_ms}};
    struct tarn_refusals *n = c->s->o.refusals;

    /* relaxed: numbers by themselves */
    atomic_fetch_add_explicit(code == TARN_E_LIMIT ? &n->limit : code == TARN_E_PERM ? &n->permission : &n->other, 1, memory_order_relaxed);
    tarn_log(TARN_LOG_WARN, "client refused", "reason", text, "code", tarn_error_name(code), "uid", TARN_LOG_U64(c->peer.uid), "gid",
             TARN_LOG_U64(c->peer.gid), "pid", TARN_LOG_U64(c->peer.pid), NULL);
    (void)send_packet(c, &m, NULL, 0);
    c->over = true;
}

static void welcome(struct connection *c)
{
    const struct tarn_ask *a = &c->ask;
    int fds[TARN_ATTACH_FDS] = {a->region_fd, c->page_fd};
    struct tarn_attach_message m = {
        .type = TARN_ATTACH_WELCOME,
        .welcome =
            {
                .region_bytes = a->region_bytes,
                .generation = a->generation,
                .control_bytes = TARN_CONTROL_BYTES_DEFAULT,
                .lease_ms = TARN_LEASE_MS,
                .heartbeat_ms = TARN_HEARTBEAT_MS,
                .abi_major = TARN_REGION_ABI_MAJOR,
                .abi_minor = TARN_REGION_ABI_MINOR,
                .realm = tarn_bytes_of(c->ask.realm),
                .agent = TARN_BYTES(TARN_VERSION),
            },
    };

    memcpy(m.welcome.instance, a->instance, sizeof m.welcome.instance);
    c->over |= !send_packet(c, &m, fds, TARN_ATTACH_FDS);
    (void)close(c->page_fd);
    c->page_fd = -1;
    tarn_log(TARN_LOG_DEBUG, "client attached", "realm", c->ask.realm, "uid", TARN_LOG_U64(c->peer.uid), "pid",
             TARN_LOG_U64(c->peer.pid), "program", a->program[0] ? a->program : NULL, "clients", TARN_LOG_U64(c->s->nattached), NULL);
}

/*
 * Send what is left of the answer, in packets of the format's size. A full socket is gone on with when it has room:
 * until then nothing else is read from this client.
 */
static void reply_more(struct connection *c)
{
    const size_t most = TARN_ATTACH_BYTES_MAX - 512; /* the format allows 256 less than a packet */

    while (c->answering && !c->over) {
        size_t left = c->answer.len, n = left < most ? left : most;
        struct tarn_attach_message m = {
            .type = TARN_ATTACH_REPLY,
            .reply = {.code = c->answer_code, .last = n == left, .bytes = {.data = c->answer.data, .len = n}},
        };

        errno = 0;
        if (!send_packet(c, &m, NULL, 0)) {
            c->over = errno != EAGAIN;
            break;
        }
        c->answer.data += n;
        c->answer.len -= n;
        c->answering = !m.reply.last;
    }
    if (!c->over)
        (void)uv_poll_start(&c->poll, c->answering ? UV_WRITABLE | UV_DISCONNECT : UV_READABLE, on_readable);
    if (!c->answering && c->state == NEW) /* a question instead of HELLO: one, and good-bye */
        c->over = true;
}

/* text stays until the answer is sent. */
static void reply(struct connection *c, int code, struct tarn_bytes text)
{
    c->answering = true;
    c->answer_code = code;
    c->answer = text;
    reply_more(c);
}

/* ---- the end of a connection ----------------------------------------------------------------------------------- */

static void maybe_closed(struct tarn_attach_server *s)
{
    if (!s->closing || s->handles || !TAILQ_EMPTY(&s->connections))
        return;
    s->on_closed(s->ctx);
    tarn_handoff_release(&s->answers);
    free(s);
}

static void handle_closed(struct tarn_attach_server *s)
{
    s->handles--;
    maybe_closed(s);
}

static void on_server_handle_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

static void on_answers_closed(uv_handle_t *handle)
{
    struct tarn_handoff *h = handle->data;

    handle_closed(h->ctx);
}

/* The answers are closed when no connection is left to hear one. */
static void last_connection_gone(struct tarn_attach_server *s)
{
    if (s->closing && TAILQ_EMPTY(&s->connections))
        tarn_handoff_close(&s->answers, on_answers_closed);
}

static void free_connection(struct connection *c)
{
    struct tarn_attach_server *s = c->s;

    TAILQ_REMOVE(&s->connections, c, link);
    s->nconnections--;
    (void)close(c->fd);
    if (c->page_fd >= 0)
        (void)close(c->page_fd);
    tarn_pin_page_free(c->ask.page);
    tarn_facts_free(c->ask.facts);
    tarn_buf_release(&c->text);
    tarn_peer_release(&c->peer);
    free(c);
    last_connection_gone(s);
}

static void on_connection_handle_closed(uv_handle_t *handle)
{
    struct connection *c = handle->data;

    if (--c->handles == 0)
        free_connection(c);
}

/* The polls go before their descriptors are closed. */
static void close_connection(struct connection *c)
{
    if (c->closing)
        return;
    c->closing = true;
    uv_close((uv_handle_t *)&c->poll, on_connection_handle_closed);
    if (c->handles > 1)
        uv_close((uv_handle_t *)&c->pid_poll, on_connection_handle_closed);
}

static void put_question(struct connection *c, enum tarn_ask_verb verb)
{
    tarn_buf_release(&c->text); /* of the answer before */
    c->ask.verb = verb;
    c->ask.back = &c->s->answers;
    c->asking = tarn_handoff_put(c->s->o.ingest, &c->ask.node);
    c->over |= !c->asking;
}

static void leave(struct connection *c)
{
    tarn_log(TARN_LOG_DEBUG, "client gone", "realm", c->ask.realm, "uid", TARN_LOG_U64(c->peer.uid), "pid",
             TARN_LOG_U64(c->peer.pid), "program", c->ask.program[0] ? c->ask.program : NULL, NULL);
    c->s->nattached--;
    c->state = LEAVING;
    (void)uv_poll_stop(&c->poll);
    if (c->handles > 1)
        (void)uv_poll_stop(&c->pid_poll);
    put_question(c, TARN_ASK_DETACH);
}

/* After anything that may have ended the connection. */
static void go_on(struct connection *c)
{
    if (!c->over || c->asking)
        return;
    if (c->state == ATTACHED)
        leave(c);
    if (!c->asking)
        close_connection(c);
}

/* ---- answers from the ingest thread -------------------------------------------------------------------------------- */

static void attached_answer(struct connection *c)
{
    if (c->ask.error.code) {
        refuse(c, c->ask.error.code, 1000, c->ask.error.message);
        return;
    }
    c->ask.page = NULL; /* the writer's from here */
    c->state = ATTACHED;
    c->s->nattached++;
    if (!c->over)
        welcome(c);
}

/* Of a control question: what the ingest thread collected is written out here. */
static void control_answer(struct connection *c)
{
    int code = c->ask.error.code;

    if (!code && c->ask.facts)
        code = tarn_facts_json(c->ask.facts, &c->text);
    tarn_facts_free(c->ask.facts);
    c->ask.facts = NULL;
    reply(c, code, code ? tarn_bytes_of(tarn_strerror(code)) : tarn_buf_bytes(&c->text));
}

static void on_answer(void *ctx, struct tarn_handoff_node *node)
{
    struct connection *c = (struct connection *)node;

    (void)ctx;
    c->asking = false;
    if (c->ask.verb == TARN_ASK_ATTACH)
        attached_answer(c);
    else if (c->ask.verb == TARN_ASK_DETACH)
        c->over = true;
    else if (!c->over)
        control_answer(c);
    if (!c->over && !c->answering)
        (void)uv_poll_start(&c->poll, UV_READABLE, on_readable); /* a packet may wait */
    go_on(c);
}

/* ---- packets from the client ------------------------------------------------------------------------------------------ */

static const struct tarn_config_realm *realm_of(const struct tarn_config *config, struct tarn_bytes name)
{
    if (!name.len)
        name = TARN_BYTES(TARN_REALM_DEFAULT);
    for (unsigned i = 0; i < config->nrealms; i++)
        if (tarn_bytes_equal(tarn_bytes_of(config->realms[i].name), name))
            return &config->realms[i];
    return NULL;
}

static bool is_privileged(const struct tarn_peer *p)
{
    return p->uid == 0 || p->uid == geteuid();
}

static unsigned clients_of(const struct tarn_attach_server *s, uid_t uid)
{
    const struct connection *c;
    unsigned n = 0;

    TAILQ_FOREACH(c, &s->connections, link)
        n += c->peer.uid == uid && (c->state == ATTACHED || c->state == ASKED);
    return n;
}

/* May this client attach? 0, or the code of a refusal whose text is in `text`. */
static int check_hello(struct connection *c, const struct tarn_attach_hello *h, char *text, size_t size)
{
    const struct tarn_config *config = c->s->o.config;
    const struct tarn_config_realm *realm = realm_of(config, h->realm);

    if (h->abi_max < TARN_REGION_ABI_MAJOR || h->abi_min > TARN_REGION_ABI_MAJOR) {
        (void)snprintf(text, size, "this agent's region format is %d.%d, the client reads %u to %u; upgrade the older of the two",
                       TARN_REGION_ABI_MAJOR, TARN_REGION_ABI_MINOR, h->abi_min, h->abi_max);
        return TARN_E_ABI;
    }
    if (!realm) {
        (void)snprintf(text, size, "no realm '%.*s' here", TARN_BYTES_ARG(h->realm));
        return TARN_E_NOTFOUND;
    }
    if (!tarn_peer_may_read(&c->peer, realm)) {
        (void)snprintf(text, size, "uid %u (gid %u) is not among the readers of realm '%s'; the agent's configuration names them", c->peer.uid,
                       c->peer.gid, realm->name);
        return TARN_E_PERM;
    }
    if (c->s->nattached >= config->max_clients || (!is_privileged(&c->peer) && clients_of(c->s, c->peer.uid) >= UID_CLIENTS_MAX)) {
        (void)snprintf(text, size, "too many clients (at most %u, %u of one user)", config->max_clients, UID_CLIENTS_MAX);
        return TARN_E_LIMIT;
    }
    (void)snprintf(c->ask.realm, sizeof c->ask.realm, "%s", realm->name);
    return 0;
}

static void on_hello(struct connection *c, const struct tarn_attach_hello *h)
{
    struct tarn_error err;
    char text[320];
    int rc = check_hello(c, h, text, sizeof text);

    if (rc) {
        refuse(c, rc, rc == TARN_E_LIMIT ? 1000 : 0, text);
        return;
    }
    if (tarn_pin_page_new(0, &c->ask.page, &c->page_fd, &err)) {
        refuse(c, err.code, 1000, err.message);
        return;
    }
    (void)snprintf(c->ask.program, sizeof c->ask.program, "%.*s", TARN_BYTES_ARG(h->program));
    c->ask.socket_fd = c->fd;
    c->ask.uid = c->peer.uid;
    c->ask.pid = c->peer.pid;
    c->state = ASKED;
    put_question(c, TARN_ASK_ATTACH);
}

static bool may_read_any(const struct connection *c)
{
    const struct tarn_config *config = c->s->o.config;

    for (unsigned i = 0; i < config->nrealms; i++)
        if (tarn_peer_may_read(&c->peer, &config->realms[i]))
            return true;
    return false;
}

/* What a client says it has seen is told, once for each of them, and believed by nobody: it may be the client that is broken. */
static void on_corrupt(struct connection *c, struct tarn_bytes commit)
{
    char text[24];

    if (c->state != ATTACHED || c->told_corrupt)
        return;
    c->told_corrupt = true;
    (void)snprintf(text, sizeof text, "%.*s", TARN_BYTES_ARG(commit));
    /* relaxed: a number by itself */
    atomic_fetch_add_explicit(&c->s->o.refusals->corrupt, 1, memory_order_relaxed);
    tarn_log(TARN_LOG_ERROR, "a client says that the region breaks its format", "realm", c->ask.realm, "generation", TARN_LOG_U64(c->ask.generation), "commit", text,
             "program", c->ask.program, "pid", TARN_LOG_U64(c->peer.pid), "uid", TARN_LOG_U64(c->peer.uid), "do",
             "ask with `tarn verify`; if it says so too, restart the agent and report it", NULL);
}

static void on_control(struct connection *c, const struct tarn_attach_control *q)
{
    if (tarn_bytes_equal(q->verb, TARN_BYTES(TARN_ATTACH_VERB_CORRUPT)))
        on_corrupt(c, q->argument);
    else if (!may_read_any(c))
        refuse(c, TARN_E_PERM, 0, "only who may read a realm may ask the agent");
    else if (tarn_bytes_equal(q->verb, TARN_BYTES("status")))
        c->ask.reader = &c->peer, put_question(c, TARN_ASK_STATUS);
    else if (!tarn_bytes_equal(q->verb, TARN_BYTES("relist")))
        reply(c, TARN_E_UNSUPPORTED, TARN_BYTES("unknown verb; known: status, relist"));
    else if (!is_privileged(&c->peer))
        reply(c, TARN_E_PERM, TARN_BYTES("only root and the agent's own user may ask for a relist"));
    else
        put_question(c, TARN_ASK_RELIST);
}

static void on_packet(struct connection *c, struct tarn_bytes packet)
{
    struct tarn_attach_message m;
    struct tarn_error err;

    if (tarn_attach_decode(packet, &m, &err))
        refuse(c, TARN_E_CORRUPT, 0, err.message);
    else if (m.type == TARN_ATTACH_HELLO && c->state == NEW)
        on_hello(c, &m.hello);
    else if (m.type == TARN_ATTACH_CONTROL && (c->state == NEW || c->state == ATTACHED))
        on_control(c, &m.control);
    else
        refuse(c, TARN_E_CORRUPT, 0, "a message out of turn");
}

/* Descriptors that a client sends along are never wanted: MSG_CTRUNC closes them in the kernel. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct connection *c = poll->data;
    char packet[TARN_ATTACH_BYTES_MAX + 1];
    ssize_t n;

    if (c->answering && !(events & UV_DISCONNECT) && status == 0) {
        reply_more(c);
        go_on(c);
        return;
    }
    if (c->asking) { /* one question at a time; the packet waits in the socket, which the answer opens again */
        (void)uv_poll_stop(poll);
        return;
    }
    n = status < 0 || c->answering ? 0 : recv(c->fd, packet, sizeof packet, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        c->over = true;
    else
        on_packet(c, (struct tarn_bytes){.data = packet, .len = (size_t)n});
    go_on(c);
}

/* The process has ended; a forked child may still hold its socket. */
static void on_process_end(uv_poll_t *poll, int status, int events)
{
    struct connection *c = poll->data;

    (void)status, (void)events;
    (void)uv_poll_stop(poll);
    c->over = true;
    go_on(c);
}

/* ---- accepting ------------------------------------------------------------------------------------------------------------ */

static void watch_process(struct connection *c)
{
    if (c->peer.pidfd < 0 || uv_poll_init(c->s->o.loop, &c->pid_poll, c->peer.pidfd) < 0)
        return; /* then the socket's end alone tells */
    c->pid_poll.data = c;
    c->handles++;
    (void)uv_poll_start(&c->pid_poll, UV_READABLE, on_process_end);
}

static void take_in(struct tarn_attach_server *s, int fd)
{
    struct connection *c = calloc(1, sizeof *c);
    struct tarn_error err;

    if (!c || uv_poll_init(s->o.loop, &c->poll, fd) < 0) {
        free(c);
        (void)close(fd);
        return;
    }
    c->s = s;
    c->fd = fd;
    c->page_fd = -1;
    c->handles = 1;
    c->poll.data = c;
    c->since_ms = uv_now(s->o.loop);
    TAILQ_INSERT_TAIL(&s->connections, c, link);
    s->nconnections++;
    if (tarn_peer_of(fd, &c->peer, &err))
        refuse(c, err.code, 0, err.message);
    else if (s->nconnections > s->o.config->max_clients + UNATTACHED_MAX)
        refuse(c, TARN_E_LIMIT, 1000, "too many connections");
    watch_process(c);
    (void)uv_poll_start(&c->poll, UV_READABLE, on_readable);
    go_on(c);
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
    struct tarn_attach_server *s = poll->data;

    (void)status, (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(s->o.listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
            s->accept_failing = false;
            take_in(s, fd);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno == EAGAIN)
            return;
        if (!s->accept_failing)
            tarn_log(TARN_LOG_ERROR, "cannot accept clients", "error", strerror(errno), NULL);
        s->accept_failing = true;
        (void)uv_poll_stop(&s->listen_poll); /* out of descriptors: the tick tries again */
        return;
    }
}

static void on_tick(uv_timer_t *tick)
{
    struct tarn_attach_server *s = tick->data;
    uint64_t now = uv_now(s->o.loop);
    struct connection *c, *next;

    for (c = TAILQ_FIRST(&s->connections); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->state == NEW && !c->over && now - c->since_ms > TARN_ATTACH_HANDSHAKE_MS) {
            refuse(c, TARN_E_TIMEOUT, 0, "no HELLO came in time");
            go_on(c);
        }
    }
    if (!s->closing && s->accept_failing)
        (void)uv_poll_start(&s->listen_poll, UV_READABLE, on_connection);
}

/* ---- life -------------------------------------------------------------------------------------------------------------------- */

int tarn_attach_server_new(const struct tarn_attach_server_options *o, struct tarn_attach_server **ret, struct tarn_error *err)
{
    struct tarn_attach_server *s = calloc(1, sizeof *s);
    int rc;

    if (!s)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    s->o = *o;
    TAILQ_INIT(&s->connections);
    rc = tarn_handoff_init(&s->answers, o->loop, on_answer, s);
    if (rc < 0) {
        free(s);
        return tarn_error_set(err, TARN_E_IO, "event loop: %s", uv_strerror(rc));
    }
    (void)uv_timer_init(o->loop, &s->tick);
    (void)uv_poll_init(o->loop, &s->listen_poll, o->listen_fd);
    s->listen_poll.data = s->tick.data = s;
    s->handles = 3;
    (void)uv_poll_start(&s->listen_poll, UV_READABLE, on_connection);
    (void)uv_timer_start(&s->tick, on_tick, TICK_MS, TICK_MS);
    *ret = s;
    return 0;
}

void tarn_attach_server_close(struct tarn_attach_server *s, void (*on_closed)(void *ctx), void *ctx)
{
    struct connection *c, *next;

    s->closing = true;
    s->on_closed = on_closed;
    s->ctx = ctx;
    uv_close((uv_handle_t *)&s->listen_poll, on_server_handle_closed);
    uv_close((uv_handle_t *)&s->tick, on_server_handle_closed);
    for (c = TAILQ_FIRST(&s->connections); c; c = next) {
        next = TAILQ_NEXT(c, link);
        c->over = true;
        go_on(c);
    }
    last_connection_gone(s);
}

/* Of a realm that is no more, or of which it is no reader any more. */
static bool must_go(const struct connection *c)
{
    const struct tarn_config_realm *realm = realm_of(c->s->o.config, tarn_bytes_of(c->ask.realm));

    return (c->state == ASKED || c->state == ATTACHED) && !(realm && tarn_peer_may_read(&c->peer, realm));
}

void tarn_attach_server_configure(struct tarn_attach_server *s, const struct tarn_config *config)
{
    struct connection *c, *next;

    s->o.config = config;
    for (c = TAILQ_FIRST(&s->connections); c; c = next) {
        next = TAILQ_NEXT(c, link);
        if (!must_go(c))
            continue;
        tarn_log(TARN_LOG_INFO, "client sent away: the configuration no longer lets it read", "realm", c->ask.realm, "uid",
                 TARN_LOG_U64(c->peer.uid), "pid", TARN_LOG_U64(c->peer.pid), NULL);
        c->over = true;
        go_on(c);
    }
}

unsigned tarn_attach_server_clients(const struct tarn_attach_server *s)
{
    return s->nattached;
}
