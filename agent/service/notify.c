/* notify.c - see notify.h. */
#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

/* ---- telling -------------------------------------------------------------------------------------------------- */

/* The address of $NOTIFY_SOCKET. 0: it is not set; -1 with errno: it makes no sense; else the address's bytes. */
static int address(struct sockaddr_un *a)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t n = path ? strlen(path) : 0;

    if (!n)
        return 0;
    if ((*path != '/' && *path != '@') || n >= sizeof a->sun_path) {
        errno = EINVAL;
        return -1;
    }
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(a->sun_path, path, n);
    if (*path == '@')
        a->sun_path[0] = '\0'; /* the abstract namespace */
    return (int)(offsetof(struct sockaddr_un, sun_path) + n);
}

/* fd -1: none goes with it */
static int send_state(const char *state, int fd)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof fd)];
    } control = {.bytes = {0}};
    struct sockaddr_un a;
    struct iovec text = {.iov_base = (void *)(uintptr_t)state, .iov_len = strlen(state)};
    struct msghdr m = {.msg_name = &a, .msg_iov = &text, .msg_iovlen = 1};
    int n = address(&a), s;
    ssize_t sent;

    if (n <= 0)
        return n;
    m.msg_namelen = (socklen_t)n;
    if (fd >= 0) {
        m.msg_control = control.bytes;
        m.msg_controllen = sizeof control.bytes;
        control.head = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof fd)};
        memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
    }
    s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0)
        return -1;
    sent = sendmsg(s, &m, MSG_NOSIGNAL);
    (void)close(s);
    return sent < 0 ? -1 : 0;
}

int tarn_notify(const char *state)
{
    return send_state(state, -1);
}

int tarn_notify_keep(const char *name, int fd)
{
    char state[TARN_KEPT_NAME_BYTES + 64];

    (void)snprintf(state, sizeof state, "FDSTORE=1\nFDPOLL=0\nFDNAME=%s", name);
    return send_state(state, fd);
}

int tarn_notify_drop(const char *name)
{
    char state[TARN_KEPT_NAME_BYTES + 64];

    (void)snprintf(state, sizeof state, "FDSTOREREMOVE=1\nFDNAME=%s", name);
    return send_state(state, -1);
}

/* ---- getting back ----------------------------------------------------------------------------------------------- */

static long number_of(const char *variable)
{
    const char *text = getenv(variable);
    char *end;
    long v;

    if (!text || !*text)
        return -1;
    v = strtol(text, &end, 10);
    return *end ? -1 : v;
}

/* The next name of *list, "" when there is none. */
static void take_name(const char **list, char ret[TARN_KEPT_NAME_BYTES])
{
    size_t n = *list ? strcspn(*list, ":") : 0;

    (void)snprintf(ret, TARN_KEPT_NAME_BYTES, "%.*s", (int)n, *list ? *list : "");
    if (*list)
        *list = (*list)[n] ? *list + n + 1 : NULL;
}

unsigned tarn_notify_kept(struct tarn_kept *ret)
{
    long n = number_of("LISTEN_FDS");
    const char *names = getenv("LISTEN_FDNAMES");
    unsigned kept = 0;

    if (number_of("LISTEN_PID") != (long)getpid() || n <= 0 || n > TARN_KEPT_MAX)
        n = 0;
    for (int fd = FIRST_FD; fd < FIRST_FD + n; fd++) {
        take_name(&names, ret[kept].name);
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
            continue; /* not open: nothing was kept there */
        ret[kept++].fd = fd;
    }
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    return kept;
}
