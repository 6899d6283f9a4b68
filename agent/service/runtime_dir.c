/* runtime_dir.c - see runtime_dir.h. */
#include "runtime_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

int tarn_runtime_dir_open(struct tarn_runtime_dir *r, const char *dir, const char *socket_path, int64_t socket_gid, struct tarn_error *err)
{
    int rc;

    *r = (struct tarn_runtime_dir){.lock_fd = -1, .socket.fd = -1};
    rc = take_lock(r, dir, err);
    return rc ? rc
              : tarn_unix_socket_listen(&r->socket, &(struct tarn_unix_socket_options){.path = socket_path, .type = SOCK_SEQPACKET, .gid = socket_gid, .flag = "--socket"},
                                        err);
}

void tarn_runtime_dir_unlisten(struct tarn_runtime_dir *r)
{
    tarn_unix_socket_close(&r->socket);
}

void tarn_runtime_dir_close(struct tarn_runtime_dir *r)
{
    tarn_runtime_dir_unlisten(r);
    if (r->lock_fd >= 0)
        (void)close(r->lock_fd);
    r->lock_fd = -1;
}
