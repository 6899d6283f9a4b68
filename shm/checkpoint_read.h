/* checkpoint_read.h - an open checkpoint, as opening (checkpoint_open.c) leaves it and restoring (checkpoint_restore.c) uses it. */
#ifndef TARN_SHM_CHECKPOINT_READ_H
#define TARN_SHM_CHECKPOINT_READ_H

#include <tarn/checkpoint.h>

#include "checkpoint_format.h"

struct ckpt_resource {
    char *blob; /* of its record */
    struct tarn_resource_info info;
    uint64_t found; /* objects in whole blocks */
    bool damaged;
};

struct tarn_checkpoint {
    int fd;
    uint64_t file_bytes, at; /* at: where the next block is read */
    struct ckpt_header header;
    struct ckpt_resource *resources;
    unsigned nresources;
    uint64_t age_ms;
    bool age_sure;
    uint64_t now_ms; /* CLOCK_MONOTONIC of the opening */
    struct ckpt_end seen;
    uint32_t number;        /* of the next block */
    struct tarn_buf stored; /* payload of the last block */
    struct tarn_error damage;
};

/* The resource saved as number `store`, or NULL. */
struct ckpt_resource *ckpt_resource_of(const struct tarn_checkpoint *c, uint16_t store);
/* Are all objects of r there? */
static inline bool ckpt_is_whole(const struct ckpt_resource *r)
{
    return !r->damaged && r->found == r->info.objects;
}

/*
 * The next block: its head checked, its payload in c->stored. 0; 1: the payload's checksum differs, the file goes on behind it;
 * TARN_E_CORRUPT: it cannot go on, c->damage says why; TARN_E_IO, TARN_E_NOMEM.
 */
TARN_MUST_CHECK int ckpt_next_block(struct tarn_checkpoint *c, struct ckpt_block *ret);
/* Go back to the first block. */
void ckpt_rewind(struct tarn_checkpoint *c);

#endif
