/* peer.c - see peer.h. */
#include "peer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

static int read_groups(int fd, struct tarn_peer *p)
{
    socklen_t len = 0;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0)
        return 0; /* none */
    if (errno != ERANGE)
        return errno == ENOPROTOOPT ? 0 : TARN_E_IO;
    p->groups = malloc(len);
    if (!p->groups)
        return TARN_E_NOMEM;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, p->groups, &len) < 0)
        return TARN_E_IO;
    p->ngroups = (unsigned)(len / sizeof(gid_t));
    return 0;
}

/* Older kernels: by pid, which may have been used again between connect and here; then the socket's end alone counts. */
static int pidfd_of(int fd, pid_t pid)
{
    int pidfd = -1;
    socklen_t len = sizeof pidfd;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) == 0)
        return pidfd;
    return pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
}

int tarn_peer_of(int socket_fd, struct tarn_peer *ret, struct tarn_error *err)
{
    struct ucred c;
    socklen_t len = sizeof c;
    int rc;

    *ret = (struct tarn_peer){.pidfd = -1};
    if (getsockopt(socket_fd, SOL_SOCKET, SO_PEERCRED, &c, &len) < 0)
        return tarn_error_set(err, TARN_E_IO, "cannot tell who connects: %s", strerror(errno));
    ret->uid = c.uid;
    ret->gid = c.gid;
    ret->pid = c.pid;
    rc = read_groups(socket_fd, ret);
    if (rc)
        return tarn_error_set(err, rc, "cannot read the groups of who connects: %s", strerror(errno));
    ret->pidfd = pidfd_of(socket_fd, c.pid);
    return 0;
}

void tarn_peer_release(struct tarn_peer *p)
{
    free(p->groups);
    if (p->pidfd >= 0)
        (void)close(p->pidfd);
    *p = (struct tarn_peer){.pidfd = -1};
}

static bool has(const struct tarn_ids *ids, uint32_t id)
{
    for (unsigned i = 0; i < ids->n; i++)
        if (ids->v[i] == id)
            return true;
    return false;
}

bool tarn_peer_may_read(const struct tarn_peer *p, const struct tarn_config_realm *r)
{
    if (p->uid == 0 || p->uid == geteuid() || has(&r->uids, p->uid) || has(&r->gids, p->gid))
        return true;
    for (unsigned i = 0; i < p->ngroups; i++)
        if (has(&r->gids, p->groups[i]))
            return true;
    return false;
}
