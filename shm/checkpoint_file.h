/* checkpoint_file.h - a file that appears whole or not at all: written aside, synced, renamed, its directory synced. */
#ifndef TARN_SHM_CHECKPOINT_FILE_H
#define TARN_SHM_CHECKPOINT_FILE_H

#include <limits.h>

#include <tarn/checkpoint.h>

struct ckpt_file {
    const struct tarn_checkpoint_io *io;
    const char *path; /* borrowed */
    char aside[PATH_MAX];
    int fd; /* -1: none */
    uint64_t bytes;
};

/* Create the file aside, mode 0600. io NULL: the system's. On an error nothing is left. */
TARN_MUST_CHECK int ckpt_file_create(struct ckpt_file *f, const char *path, const struct tarn_checkpoint_io *io, struct tarn_error *err);
TARN_MUST_CHECK int ckpt_file_write(struct ckpt_file *f, const void *data, size_t n, struct tarn_error *err);
/* Put it in place. On an error the file at path is as before, or the new one whole. */
TARN_MUST_CHECK int ckpt_file_publish(struct ckpt_file *f, struct tarn_error *err);
/* Close; what was not published is removed. */
void ckpt_file_close(struct ckpt_file *f);

#endif
