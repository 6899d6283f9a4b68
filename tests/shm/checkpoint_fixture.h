/* What the tests of the checkpoint and its fuzzer share: files whose contents lie under checksums that are right. */
#ifndef CHECKPOINT_FIXTURE_H
#define CHECKPOINT_FIXTURE_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../shm/checkpoint_format.h"
#include "../../shm/crc32c.h"

static inline void checkpoint_write(const char *path, const char *p, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (fd < 0 || write(fd, p, n) != (ssize_t)n)
        abort();
    (void)close(fd);
}

/* Make every checksum and number right again, so that only the contents lie. */
static inline void checkpoint_seal(char *file, size_t n)
{
    struct ckpt_header *h = (struct ckpt_header *)(void *)file;
    uint32_t number = 0;

    h->crc = tarn_crc32c(h, offsetof(struct ckpt_header, crc));
    for (size_t at = sizeof *h; at + sizeof(struct ckpt_block) <= n;) {
        struct ckpt_block b;

        memcpy(&b, file + at, sizeof b);
        if (b.stored > n - at - sizeof b)
            return;
        b.file = h->crc;
        b.number = number++;
        b.payload_crc = tarn_crc32c(file + at + sizeof b, b.stored);
        b.crc = tarn_crc32c(&b, offsetof(struct ckpt_block, crc));
        memcpy(file + at, &b, sizeof b);
        at += sizeof b + b.stored;
    }
}

#endif
