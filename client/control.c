/* Questions to the agent itself, on a connection of their own: the status document. */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

/* Wait for a packet and read it. Bytes, or an error. */
static ssize_t receive(int fd, char *packet, size_t room, uint64_t deadline_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    uint64_t now = tarn_clock_ms();
    ssize_t n;

    if (poll(&p, 1, now < deadline_ms ? (int)(deadline_ms - now) : 0) <= 0)
        return TARN_E_TIMEOUT;
    n = recv(fd, packet, room, MSG_DONTWAIT);
    return n > 0 ? n : TARN_E_NOAGENT;
}

/* One packet of the answer: 1 while more come, 0 after the last, or an error. */
static int reply_take(struct tarn_bytes packet, struct tarn_buf *ret, struct tarn_error *err)
{
    struct tarn_attach_message m;
    int r = tarn_attach_decode(packet, &m, err);

    if (r != 0)
        return r;
    if (m.type == TARN_ATTACH_REFUSED)
        return tarn_error_set(err, m.refused.code < 0 ? m.refused.code : TARN_E_PERM, "the agent refused: %.*s",
                              TARN_BYTES_ARG(m.refused.text));
    if (m.type != TARN_ATTACH_REPLY)
        return 1;
    if (m.reply.code < 0)
        return tarn_error_set(err, m.reply.code, "the agent says: %.*s", TARN_BYTES_ARG(m.reply.bytes));
    if (tarn_buf_add(ret, m.reply.bytes.data, m.reply.bytes.len) != 0)
        return TARN_E_NOMEM;
    return !m.reply.last;
}

static int reply_read(int fd, uint64_t deadline_ms, struct tarn_buf *ret, struct tarn_error *err)
{
    char packet[TARN_ATTACH_BYTES_MAX];
    ssize_t n;
    int r;

    do {
        n = receive(fd, packet, sizeof packet, deadline_ms);
        if (n < 0)
            return tarn_error_set(err, (int)n, "the agent does not answer the question for its status: %s", tarn_strerror((int)n));
        r = reply_take((struct tarn_bytes){packet, (size_t)n}, ret, err);
    } while (r == 1);
    return r;
}

int tarn_client_status_json(struct tarn_client *c, struct tarn_buf *ret, struct tarn_error *err)
{
    struct tarn_attach_message ask = {.type = TARN_ATTACH_CONTROL, .control.verb = TARN_BYTES("status")};
    size_t before = ret->len;
    int fd, r;

    if (client_forked(c))
        return tarn_error_set(err, TARN_E_FORKED, "%s", tarn_strerror(TARN_E_FORKED));
    r = tarn_socket_connect(c->path, &fd, err);
    if (r != 0)
        return r == TARN_E_AGAIN ? TARN_E_TIMEOUT : r;
    r = tarn_socket_send(fd, &ask, err);
    if (r == 0)
        r = reply_read(fd, tarn_clock_ms() + c->timeout_ms, ret, err);
    close(fd);
    if (r != 0)
        ret->len = before;
    return r;
}
