/* The handshake, and what is checked before the first byte of a region is believed. See session.h. */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <tarn/layout.h>
#include <tarn/runtime.h>

enum { FDS_ROOM = 16 }; /* more than WELCOME carries, so that a surplus is seen and closed, not leaked */

/* ---- the socket ------------------------------------------------------------------------------ */

static int connect_error(const char *path, int e, struct tarn_error *err)
{
    switch (e) {
    case ENOENT:
        return tarn_error_set(err, TARN_E_NOAGENT,
                              "no agent answers at %s: there is no such socket; start tarnd, or name its socket with $" TARN_SOCKET_ENV,
                              path);
    case ECONNREFUSED:
        return tarn_error_set(err, TARN_E_NOAGENT,
                              "no agent answers at %s: nothing listens there (any more); start tarnd, or name its socket with $" TARN_SOCKET_ENV,
                              path);
    case EACCES:
    case EPERM:
        return tarn_error_set(err, TARN_E_PERM,
                              "not permitted to connect to %s: this user needs to be in the group that owns the socket (ls -l %s)",
                              path, path);
    case EAGAIN:
        return tarn_error_set(err, TARN_E_AGAIN, "the agent at %s is busy: its queue of new connections is full", path);
    case EPROTOTYPE:
        return tarn_error_set(err, TARN_E_NOAGENT, "%s is a socket of another kind, not an agent's; name the agent's with $" TARN_SOCKET_ENV,
                              path);
    default:
        return tarn_error_set(err, TARN_E_NOAGENT, "cannot connect to the agent at %s: %s", path, strerror(e));
    }
}

int tarn_socket_connect(const char *path, int *ret_fd, struct tarn_error *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd;

    if (!*path)
        return tarn_error_set(err, TARN_E_INVAL, "the path of the agent's socket is empty; leave it out for the default, or name the agent's socket");
    if (strlen(path) >= sizeof a.sun_path)
        return tarn_error_set(err, TARN_E_INVAL, "the path of the agent's socket is longer than %zu bytes: %s",
                              sizeof a.sun_path - 1, path);
    strcpy(a.sun_path, path);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return tarn_error_set(err, TARN_E_IO, "cannot make a socket: %s", strerror(errno));
    if (connect(fd, (const struct sockaddr *)&a, sizeof a) != 0) {
        int r = connect_error(path, errno, err);

        close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

int tarn_socket_send(int fd, const struct tarn_attach_message *m, struct tarn_error *err)
{
    struct tarn_buf packet = {0};
    int r = tarn_attach_encode(m, &packet);
    ssize_t n;

    if (r != 0) {
        tarn_error_set(err, r, "cannot make a message for the agent: %s", tarn_strerror(r));
        goto out;
    }
    n = send(fd, packet.data, packet.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        r = tarn_error_set(err, TARN_E_AGAIN, "the agent does not read its socket");
    else if (n < 0)
        r = tarn_error_set(err, TARN_E_NOAGENT, "the agent closed the connection: %s", strerror(errno));
out:
    tarn_buf_release(&packet);
    return r;
}

/* ---- the handshake -------------------------------------------------------------------------- */

/* The name of this program, for the agent's log. */
static struct tarn_bytes program_name(void)
{
    return tarn_bytes_of(program_invocation_short_name);
}

int tarn_handshake_begin(struct tarn_handshake *h, const char *path, const char *realm, uint64_t deadline_ms,
                         struct tarn_error *err)
{
    struct tarn_attach_message m = {
        .type = TARN_ATTACH_HELLO,
        .hello = {.abi_min = TARN_REGION_ABI_MAJOR,
                  .abi_max = TARN_REGION_ABI_MAJOR,
                  .realm = tarn_bytes_of(realm),
                  .program = program_name()},
    };
    int fd, r;

    if (strlen(realm) > TARN_REALM_MAX)
        return tarn_error_set(err, TARN_E_INVAL, "realm '%s' is longer than %u bytes", realm, TARN_REALM_MAX);
    r = tarn_socket_connect(path, &fd, err);
    if (r != 0)
        return r;
    r = tarn_socket_send(fd, &m, err);
    if (r != 0) {
        close(fd);
        return r;
    }
    *h = (struct tarn_handshake){.fd = fd, .deadline_ms = deadline_ms, .path = path};
    return 0;
}

void tarn_handshake_cancel(struct tarn_handshake *h)
{
    if (h->fd >= 0)
        close(h->fd);
    h->fd = -1;
}

/* One received packet with the descriptors that came along. */
struct packet {
    char data[TARN_ATTACH_BYTES_MAX];
    size_t len;
    int fds[FDS_ROOM];
    unsigned nfds;
    bool truncated;
};

static void packet_close_fds(struct packet *p)
{
    while (p->nfds > 0)
        close(p->fds[--p->nfds]);
}

static void packet_take_fds(struct packet *p, struct msghdr *h)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (p->nfds < FDS_ROOM)
                p->fds[p->nfds++] = fd;
            else
                close(fd);
        }
    }
}

/* 1: a packet; 0: the end; TARN_E_AGAIN; TARN_E_IO. Descriptors are the caller's to close. */
static int packet_receive(int fd, struct packet *p)
{
    union {
        char bytes[CMSG_SPACE(FDS_ROOM * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = {.iov_base = p->data, .iov_len = sizeof p->data};
    struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t n;

    p->nfds = 0;
    do {
        n = recvmsg(fd, &h, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? TARN_E_AGAIN : TARN_E_IO;
    packet_take_fds(p, &h);
    p->len = (size_t)n;
    p->truncated = h.msg_flags & (MSG_TRUNC | MSG_CTRUNC);
    return n > 0;
}

static void session_free(struct tarn_session *s, bool in_child)
{
    struct stat st;

    if (s->fd >= 0 && fstat(s->fd, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_ino == s->inode)
        close(s->fd);
    /* The page was not inherited (MADV_DONTFORK): its addresses may be something else's in a child. */
    if (!in_child)
        tarn_pin_page_free(s->page);
    tarn_region_view_unmap(&s->view);
    free(s);
}

static int check_same_region(const struct tarn_session *s, const struct tarn_attach_welcome *w, struct tarn_error *err)
{
    if (s->view.size != w->region_bytes || s->view.generation != w->generation ||
        memcmp(s->view.instance, w->instance, sizeof w->instance) != 0)
        return tarn_error_set(err, TARN_E_CORRUPT, "the agent handed out another region than the one it announced");
    return 0;
}

/* Map what WELCOME brought. fds stay the caller's. */
static int session_map(struct tarn_session *s, const struct tarn_attach_welcome *w, const int *fds, struct tarn_error *err)
{
    int r = tarn_region_view_map(fds[0], &s->view, err);

    if (r != 0)
        return r;
    r = check_same_region(s, w, err);
    if (r != 0)
        return r;
    return tarn_pin_page_map(fds[1], w->control_bytes, &s->page, err);
}

/* A session of what WELCOME brought; takes fd over on success. */
static int session_new(int fd, const struct tarn_attach_welcome *w, const int *fds, struct tarn_session **ret,
                       struct tarn_error *err)
{
    static _Atomic uint64_t last_id;
    struct tarn_session *s = calloc(1, sizeof *s);
    struct stat st;
    int r;

    if (!s)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory while attaching");
    s->fd = -1;
    s->id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1; /* relaxed: only uniqueness counts */
    atomic_init(&s->refs, 1);
    s->heartbeat_ms = w->heartbeat_ms ? w->heartbeat_ms : 1000;
    s->lease_ms = w->lease_ms;
    memcpy(s->agent, w->agent.data, w->agent.len < sizeof s->agent - 1 ? w->agent.len : sizeof s->agent - 1);
    r = session_map(s, w, fds, err);
    if (r == 0 && fstat(fd, &st) != 0)
        r = tarn_error_set(err, TARN_E_IO, "cannot inspect the attach socket: %s", strerror(errno));
    if (r != 0) {
        session_free(s, false);
        return r;
    }
    s->inode = st.st_ino;
    s->fd = fd;
    *ret = s;
    return 0;
}

static int answer_refused(const struct tarn_handshake *h, const struct tarn_attach_refused *m, struct tarn_error *err)
{
    int code = m->code < 0 ? m->code : TARN_E_PERM;

    return tarn_error_set(err, code, "the agent at %s refused this client: %.*s", h->path, TARN_BYTES_ARG(m->text));
}

/* What the first packet means. */
static int answer_take(struct tarn_handshake *h, struct packet *p, struct tarn_session **ret, struct tarn_error *err)
{
    struct tarn_attach_message m;
    struct tarn_error why = {0};
    int r = p->truncated ? TARN_E_CORRUPT : tarn_attach_decode((struct tarn_bytes){p->data, p->len}, &m, &why);

    if (r != 0)
        return tarn_error_set(err, TARN_E_CORRUPT, "what answers at %s does not speak as an agent does%s%s", h->path,
                              why.message[0] ? ": " : "", why.message);
    if (m.type == TARN_ATTACH_SUPERSEDED)
        return TARN_E_AGAIN; /* it overtook WELCOME; the region's header says it too */
    if (m.type == TARN_ATTACH_REFUSED)
        return answer_refused(h, &m.refused, err);
    if (m.type != TARN_ATTACH_WELCOME || p->nfds != TARN_ATTACH_FDS)
        return tarn_error_set(err, TARN_E_CORRUPT, "what answers at %s does not speak as an agent does: message %d with %u descriptors",
                              h->path, (int)m.type, p->nfds);
    r = session_new(h->fd, &m.welcome, p->fds, ret, err);
    if (r == 0)
        h->fd = -1; /* owned by the session from here */
    return r;
}

int tarn_handshake_step(struct tarn_handshake *h, struct tarn_session **ret, struct tarn_error *err)
{
    struct packet p;
    int r = packet_receive(h->fd, &p);

    if (r == 1)
        r = answer_take(h, &p, ret, err);
    else if (r == 0)
        r = tarn_error_set(err, TARN_E_NOAGENT, "what listens at %s closed the connection without an answer; see its log", h->path);
    else if (r == TARN_E_AGAIN && tarn_now_ms(tarn_runtime_posix()) >= h->deadline_ms)
        r = tarn_error_set(err, TARN_E_TIMEOUT, "the agent at %s took the connection but does not answer", h->path);
    else if (r != TARN_E_AGAIN)
        r = tarn_error_set(err, TARN_E_NOAGENT, "the connection to the agent at %s broke", h->path);
    packet_close_fds(&p);
    if (r != TARN_E_AGAIN)
        tarn_handshake_cancel(h);
    return r;
}

/* ---- a session's life --------------------------------------------------------------------- */

struct tarn_session *tarn_session_ref(struct tarn_session *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void tarn_session_unref(struct tarn_session *s, bool in_child)
{
    /* acq_rel: what other holders did with the mapping comes before it is unmapped. */
    if (s && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
        session_free(s, in_child);
}

static bool socket_is_ours(const struct tarn_session *s)
{
    struct stat st;

    return fstat(s->fd, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_ino == s->inode;
}

bool tarn_session_drain(struct tarn_session *s)
{
    struct tarn_attach_message m;
    char packet[256];
    bool rang = false;
    ssize_t n;

    if (!socket_is_ours(s)) {
        atomic_store_explicit(&s->lost, true, memory_order_relaxed);
        return false;
    }
    while ((n = recv(s->fd, packet, sizeof packet, MSG_DONTWAIT)) > 0) {
        if (tarn_attach_decode((struct tarn_bytes){packet, (size_t)n}, &m, NULL) != 0)
            continue; /* nothing an agent says here is worth ending for */
        rang |= m.type == TARN_ATTACH_DOORBELL;
        if (m.type == TARN_ATTACH_SUPERSEDED)
            atomic_store_explicit(&s->superseded, true, memory_order_relaxed);
    }
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        atomic_store_explicit(&s->lost, true, memory_order_relaxed);
    return rang;
}

void tarn_session_suspect(struct tarn_session *s, uint64_t commit)
{
    char text[64];
    struct tarn_attach_message m = {.type = TARN_ATTACH_CONTROL, .control = {.verb = TARN_BYTES(TARN_ATTACH_VERB_CORRUPT)}};

    /* relaxed: it stands for itself; whoever sets it first tells. */
    if (atomic_exchange_explicit(&s->suspect, true, memory_order_relaxed) || !socket_is_ours(s))
        return;
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)commit);
    m.control.argument = tarn_bytes_of(text);
    (void)tarn_socket_send(s->fd, &m, NULL); /* an agent that does not hear it is none the worse */
}

bool tarn_session_stale(const struct tarn_session *s)
{
    const struct tarn_region_header *h = (const struct tarn_region_header *)(const void *)s->view.base;

    /* relaxed: a stale value only delays the next look by one snapshot. */
    return atomic_load_explicit(&h->superseded, memory_order_relaxed) != 0 ||
           atomic_load_explicit(&h->agent_state, memory_order_relaxed) == TARN_AGENT_STOPPED ||
           atomic_load_explicit(&s->lost, memory_order_relaxed) ||
           atomic_load_explicit(&s->superseded, memory_order_relaxed) ||
           atomic_load_explicit(&s->suspect, memory_order_relaxed);
}
