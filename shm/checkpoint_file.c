/* checkpoint_file.c - see checkpoint_file.h. */
#include "checkpoint_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASIDE ".XXXXXX"

static int system_create(char *name)
{
    return mkostemp(name, O_CLOEXEC);
}

static const struct tarn_checkpoint_io system_io = {.create = system_create, .write = write, .sync = fsync, .rename = rename};

/* What to do about it, by errno. */
static const char *advice(int e)
{
    switch (e) {
    case ENOSPC:
    case EDQUOT:
        return "; make room there, or choose another state directory";
    case EFBIG:
        return "; raise the limit of the size of files (LimitFSIZE, ulimit -f)";
    case EACCES:
    case EPERM:
    case EROFS:
        return "; the agent's user must be able to write there, or choose another state directory";
    case ENOENT:
    case ENOTDIR:
        return "; create the state directory";
    default:
        return "";
    }
}

static int failed(struct tarn_error *err, const char *what, const char *path)
{
    int e = errno;
    bool perm = e == EACCES || e == EPERM || e == EROFS;

    return tarn_error_set(err, perm ? TARN_E_PERM : TARN_E_IO, "cannot %s %s: %s%s", what, path, strerror(e), advice(e));
}

int ckpt_file_create(struct ckpt_file *f, const char *path, const struct tarn_checkpoint_io *io, struct tarn_error *err)
{
    *f = (struct ckpt_file){.io = io ? io : &system_io, .path = path, .fd = -1};
    if (strlen(path) + sizeof ASIDE > sizeof f->aside) {
        errno = ENAMETOOLONG;
        return failed(err, "create", path);
    }
    (void)snprintf(f->aside, sizeof f->aside, "%s" ASIDE, path);
    f->fd = f->io->create(f->aside);
    return f->fd < 0 ? failed(err, "create", f->path) : 0;
}

int ckpt_file_write(struct ckpt_file *f, const void *data, size_t n, struct tarn_error *err)
{
    const char *p = data;

    while (n) {
        ssize_t written = f->io->write(f->fd, p, n);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            errno = written < 0 ? errno : ENOSPC;
            return failed(err, "write", f->path);
        }
        p += written;
        n -= (size_t)written;
        f->bytes += (uint64_t)written;
    }
    return 0;
}

/* The directory of path, open: so that the new name survives a loss of power. */
static int open_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char dir[PATH_MAX];

    if (!slash)
        return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)snprintf(dir, sizeof dir, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int sync_directory(struct ckpt_file *f, struct tarn_error *err)
{
    int fd = open_directory(f->path), rc;

    rc = fd < 0 || f->io->sync(fd) ? failed(err, "sync the directory of", f->path) : 0;
    if (fd >= 0)
        (void)close(fd);
    return rc;
}

int ckpt_file_publish(struct ckpt_file *f, struct tarn_error *err)
{
    if (f->io->sync(f->fd))
        return failed(err, "sync", f->path);
    if (f->io->rename(f->aside, f->path))
        return failed(err, "put in place", f->path);
    f->aside[0] = '\0';
    return sync_directory(f, err);
}

void ckpt_file_close(struct ckpt_file *f)
{
    if (f->fd < 0)
        return;
    (void)close(f->fd);
    if (f->aside[0])
        (void)unlink(f->aside);
    f->fd = -1;
}

/* ---- what killed agents have left ----------------------------------------------------------------------------------- */

static bool is_aside(const char *name, const char *base)
{
    size_t n = strlen(base);

    return strncmp(name, base, n) == 0 && strlen(name + n) == sizeof ASIDE - 1 && name[n] == '.' && !strchr(name + n + 1, '.');
}

unsigned tarn_checkpoint_sweep(const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    int fd = open_directory(path);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    unsigned n = 0;

    while (d && (e = readdir(d)))
        if (is_aside(e->d_name, base))
            n += unlinkat(dirfd(d), e->d_name, 0) == 0;
    if (d)
        (void)closedir(d);
    else if (fd >= 0)
        (void)close(fd);
    return n;
}
