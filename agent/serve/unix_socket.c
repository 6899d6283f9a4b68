/* unix_socket.c - see unix_socket.h. */
#include "unix_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int io_error(struct tarn_error *err, const char *what, const char *path, const char *flag)
{
    int e = errno;

    return tarn_error_set(err, e == EACCES || e == EPERM ? TARN_E_PERM : TARN_E_IO, "%s %s: %s; %s names another place", what, path, strerror(e), flag);
}

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    memcpy(a.sun_path, path, strnlen(path, sizeof a.sun_path - 1));
    return a;
}

/* Does someone listen there? */
static bool is_served(const struct tarn_unix_socket_options *o)
{
    struct sockaddr_un a = address_of(o->path);
    int fd = socket(AF_UNIX, o->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), rc;

    if (fd < 0)
        return false;
    rc = connect(fd, (const struct sockaddr *)&a, sizeof a);
    rc = rc == 0 || errno == EAGAIN || errno == EPROTOTYPE;
    (void)close(fd);
    return rc;
}

/* What stands at the path may be replaced if it is a socket that nobody serves. */
static int check_place(const struct tarn_unix_socket_options *o, struct tarn_error *err)
{
    struct stat st;

    if (lstat(o->path, &st) < 0)
        return errno == ENOENT ? 0 : io_error(err, "cannot look at", o->path, o->flag);
    if (!S_ISSOCK(st.st_mode))
        return tarn_error_set(err, TARN_E_EXISTS, "%s exists and is no socket; move it away or choose another %s", o->path, o->flag);
    if (is_served(o))
        return tarn_error_set(err, TARN_E_EXISTS, "another tarnd listens on %s; stop it or choose another %s", o->path, o->flag);
    return 0;
}

static int note_inode(struct tarn_unix_socket *s, const char *path)
{
    struct stat st;

    if (lstat(path, &st) < 0)
        return -1;
    s->device = st.st_dev;
    s->inode = st.st_ino;
    return 0;
}

/*
 * Whether a peer may be served is decided by the agent, which can say why not: so the file's mode lets everyone try, unless the
 * operator names the group that may.
 */
static int set_mode(const char *path, const struct tarn_unix_socket_options *o, struct tarn_error *err)
{
    if (o->gid >= 0 && chown(path, (uid_t)-1, (gid_t)o->gid) < 0)
        return tarn_error_set(err, TARN_E_PERM,
                              "cannot give %s to group %lld: %s; uid %u must be in that group (SupplementaryGroups= of the unit), or socketGroup another",
                              o->path, (long long)o->gid, strerror(errno), (unsigned)geteuid());
    return chmod(path, o->gid >= 0 ? 0660 : 0666) < 0 ? io_error(err, "cannot set the mode of", path, o->flag) : 0;
}

static int listen_at(struct tarn_unix_socket *s, const struct tarn_unix_socket_options *o, const char *temporary, struct tarn_error *err)
{
    struct sockaddr_un a = address_of(temporary);
    int rc;

    (void)unlink(temporary);
    s->fd = socket(AF_UNIX, o->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0 || bind(s->fd, (const struct sockaddr *)&a, sizeof a) < 0)
        return io_error(err, "cannot bind", temporary, o->flag);
    rc = set_mode(temporary, o, err);
    if (rc)
        return rc;
    if (listen(s->fd, TARN_LISTEN_BACKLOG) < 0 || note_inode(s, temporary) < 0)
        return io_error(err, "cannot listen on", temporary, o->flag);
    return rename(temporary, o->path) < 0 ? io_error(err, "cannot put the socket in place at", o->path, o->flag) : 0;
}

int tarn_unix_socket_listen(struct tarn_unix_socket *s, const struct tarn_unix_socket_options *o, struct tarn_error *err)
{
    char temporary[sizeof((struct sockaddr_un){0}).sun_path];
    int n = snprintf(temporary, sizeof temporary, "%s.new", o->path), rc;

    *s = (struct tarn_unix_socket){.fd = -1, .path = o->path};
    if (n < 0 || (size_t)n >= sizeof temporary)
        return tarn_error_set(err, TARN_E_CONFIG, "socket path %s is too long (with .new behind it)", o->path);
    rc = check_place(o, err);
    if (rc)
        return rc;
    rc = listen_at(s, o, temporary, err);
    if (rc)
        (void)unlink(temporary);
    return rc;
}

void tarn_unix_socket_close(struct tarn_unix_socket *s)
{
    struct stat st;

    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
    if (s->inode && lstat(s->path, &st) == 0 && st.st_ino == s->inode && st.st_dev == s->device)
        (void)unlink(s->path);
    s->inode = 0;
}
