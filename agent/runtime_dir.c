/* runtime_dir.c - see runtime_dir.h. */
#include "runtime_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* flag: what chooses another place */
static int io_error(struct tarn_error *err, const char *what, const char *path, const char *flag)
{
    int e = errno;

    return tarn_error_set(err, e == EACCES || e == EPERM ? TARN_E_PERM : TARN_E_IO, "%s %s: %s; %s names another place", what, path, strerror(e), flag);
}

/* ---- the lock ---------------------------------------------------------------------------------------------- */

static int held_by_another(int fd, const char *path, struct tarn_error *err)
{
    char pid[32] = "";
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);

    pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
    return tarn_error_set(err, TARN_E_EXISTS, "another tarnd (pid %s) is running: it holds %s; stop it, or give this one its own --runtime-dir and --socket",
                          *pid ? pid : "unknown", path);
}

static int write_pid(int fd)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%d\n", (int)getpid());

    return ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n ? -1 : 0;
}

static int take_lock(struct tarn_runtime_dir *r, const char *dir, struct tarn_error *err)
{
    char path[4096];

    (void)snprintf(path, sizeof path, "%s/tarnd.lock", dir);
    if (mkdir(dir, 0755) < 0 && errno != EEXIST)
        return io_error(err, "cannot make the runtime directory", dir, "--runtime-dir");
    r->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (r->lock_fd < 0)
        return io_error(err, "cannot open the lock file", path, "--runtime-dir");
    if (flock(r->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? held_by_another(r->lock_fd, path, err) : io_error(err, "cannot lock", path, "--runtime-dir");
    return write_pid(r->lock_fd) ? io_error(err, "cannot write", path, "--runtime-dir") : 0;
}

/* ---- the socket ---------------------------------------------------------------------------------------------- */

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    memcpy(a.sun_path, path, strnlen(path, sizeof a.sun_path - 1));
    return a;
}

/* Does someone listen there? */
static bool is_served(const char *path)
{
    struct sockaddr_un a = address_of(path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), rc;

    if (fd < 0)
        return false;
    rc = connect(fd, (const struct sockaddr *)&a, sizeof a);
    rc = rc == 0 || errno == EAGAIN;
    (void)close(fd);
    return rc;
}

/* What stands at the path may be replaced if it is a socket that nobody serves. */
static int check_place(const char *path, struct tarn_error *err)
{
    struct stat st;

    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : io_error(err, "cannot look at", path, "--socket");
    if (!S_ISSOCK(st.st_mode))
        return tarn_error_set(err, TARN_E_EXISTS, "%s exists and is no socket; move it away or choose another --socket", path);
    if (is_served(path))
        return tarn_error_set(err, TARN_E_EXISTS, "another tarnd listens on %s; stop it or choose another --socket", path);
    return 0;
}

static int note_inode(struct tarn_runtime_dir *r, const char *path)
{
    struct stat st;

    if (lstat(path, &st) < 0)
        return -1;
    r->socket_device = st.st_dev;
    r->socket_inode = st.st_ino;
    return 0;
}

/*
 * Whether a peer may connect is decided by the agent, which can say why not: so the file's mode lets everyone try, unless the
 * operator names the group that may.
 */
static int set_mode(const char *path, int64_t gid, struct tarn_error *err)
{
    if (gid >= 0 && chown(path, (uid_t)-1, (gid_t)gid) < 0)
        return tarn_error_set(err, TARN_E_PERM,
                              "cannot give %s to group %lld: %s; uid %u must be in that group (SupplementaryGroups= of the unit), or socketGroup another",
                              path, (long long)gid, strerror(errno), (unsigned)geteuid());
    return chmod(path, gid >= 0 ? 0660 : 0666) < 0 ? io_error(err, "cannot set the mode of", path, "--socket") : 0;
}

static int listen_at(struct tarn_runtime_dir *r, const char *temporary, struct tarn_error *err)
{
    struct sockaddr_un a = address_of(temporary);
    int rc;

    (void)unlink(temporary);
    r->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (r->listen_fd < 0 || bind(r->listen_fd, (const struct sockaddr *)&a, sizeof a) < 0)
        return io_error(err, "cannot bind", temporary, "--socket");
    rc = set_mode(temporary, r->socket_gid, err);
    if (rc)
        return rc;
    if (listen(r->listen_fd, 128) < 0 || note_inode(r, temporary) < 0)
        return io_error(err, "cannot listen on", temporary, "--socket");
    return rename(temporary, r->socket_path) < 0 ? io_error(err, "cannot put the socket in place at", r->socket_path, "--socket") : 0;
}

static int start_listening(struct tarn_runtime_dir *r, struct tarn_error *err)
{
    char temporary[sizeof((struct sockaddr_un){0}).sun_path];
    int n = snprintf(temporary, sizeof temporary, "%s.new", r->socket_path), rc = check_place(r->socket_path, err);

    if (rc)
        return rc;
    if (n < 0 || (size_t)n >= sizeof temporary)
        return tarn_error_set(err, TARN_E_CONFIG, "socket path %s is too long (with .new behind it)", r->socket_path);
    rc = listen_at(r, temporary, err);
    if (rc)
        (void)unlink(temporary);
    return rc;
}

int tarn_runtime_dir_open(struct tarn_runtime_dir *r, const char *dir, const char *socket_path, int64_t socket_gid, struct tarn_error *err)
{
    int rc;

    *r = (struct tarn_runtime_dir){.lock_fd = -1, .listen_fd = -1, .socket_path = socket_path, .socket_gid = socket_gid};
    rc = take_lock(r, dir, err);
    return rc ? rc : start_listening(r, err);
}

void tarn_runtime_dir_unlisten(struct tarn_runtime_dir *r)
{
    struct stat st;

    if (r->listen_fd >= 0)
        (void)close(r->listen_fd);
    r->listen_fd = -1;
    if (r->socket_inode && lstat(r->socket_path, &st) == 0 && st.st_ino == r->socket_inode && st.st_dev == r->socket_device)
        (void)unlink(r->socket_path);
    r->socket_inode = 0;
}

void tarn_runtime_dir_close(struct tarn_runtime_dir *r)
{
    tarn_runtime_dir_unlisten(r);
    if (r->lock_fd >= 0)
        (void)close(r->lock_fd);
    r->lock_fd = -1;
}
