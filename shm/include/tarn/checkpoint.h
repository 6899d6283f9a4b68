/* tarn/checkpoint.h - the last state of a realm in a file, so that a restarted agent serves it at once and asks for no LIST.
 *
 * Saving reads an ordinary pinned snapshot on a thread of its own: the writer of the region is not touched and does not wait. The
 * file is written under another name, synced, renamed into place, and the directory synced: whatever happens, there is the old
 * file or the new one, whole. Every byte is under a checksum. Opening believes nothing: it reads the whole file, checks it, and tells
 * which resources are whole; only these can be restored. docs/checkpoint.md describes every byte.
 *
 * Not here: when to save and where (the agent), which resource may go on with what (tarn_resource_source, takeover.h).
 * Private to the agent and the tools, never in libtarn. A handle belongs to one thread at a time.
 */
#ifndef TARN_CHECKPOINT_H
#define TARN_CHECKPOINT_H

#include <sys/types.h>

#include <tarn/reader.h>
#include <tarn/writer.h>

/* ---- time: a file outlives the clock that a region's times are of ---------------------------------------------- */

struct tarn_checkpoint_clock {
    uint64_t real_ns;      /* CLOCK_REALTIME */
    uint64_t monotonic_ms; /* CLOCK_MONOTONIC */
    uint8_t boot[16];      /* names the run of the kernel that monotonic_ms is of; zeros: unknown */
};
/* The three clocks, now. */
void tarn_checkpoint_clock_now(struct tarn_checkpoint_clock *ret);
/*
 * Milliseconds from `then` to `now`: by the monotonic clock within one run of the kernel. Else by the real one, but at least since
 * the boot; *ret_sure is false when that clock was set back, so that the true age is not known (ret_sure may be NULL).
 */
uint64_t tarn_checkpoint_age_ms(const struct tarn_checkpoint_clock *then, const struct tarn_checkpoint_clock *now, bool *ret_sure);

/* ---- saving ----------------------------------------------------------------------------------------------------- */

/* The system calls of saving, so that a test can let each of them fail. As the functions of the same names, errno and all. */
struct tarn_checkpoint_io {
    int (*create)(char *name); /* mkostemp: the X at the end of name are replaced; mode 0600 */
    ssize_t (*write)(int fd, const void *data, size_t n);
    int (*sync)(int fd);       /* the file's, and the directory's */
    int (*rename)(const char *from, const char *to);
};

struct tarn_checkpoint_save {
    const struct tarn_reader *reader; /* an open, pinned snapshot; stays the caller's */
    const char *path;                 /* of the file; "PATH.XXXXXX" is used meanwhile */
    /* Is this synced resource to be saved? NULL: each. */
    bool (*wanted)(void *ctx, const struct tarn_resource_info *info);
    void *ctx;
    const struct tarn_checkpoint_clock *clock; /* NULL: now */
    const _Atomic bool *stop;         /* set it from another thread to give up soon; NULL: never */
    const struct tarn_checkpoint_io *io; /* NULL: the system's */
};

struct tarn_checkpoint_saved {
    uint64_t commit, objects, raw_bytes, file_bytes;
    unsigned resources;
};

/*
 * Save what is synced. Any thread; takes about as long as zstd's fastest level needs for the objects (docs/benchmarks.md).
 * 0; TARN_E_AGAIN: nothing is synced yet, nothing was written; TARN_E_STOPPED: asked to stop; TARN_E_EXPIRED: the snapshot was
 * taken away; TARN_E_CORRUPT: the region breaks its format; TARN_E_PERM, TARN_E_IO (a full disk too): err says which
 * file and what to do; TARN_E_NOMEM. On any error the file at path is as before. ret may be NULL.
 */
TARN_MUST_CHECK int tarn_checkpoint_save(const struct tarn_checkpoint_save *s, struct tarn_checkpoint_saved *ret, struct tarn_error *err);
/* Remove what a killed agent's save has left beside path. Returns the number of files removed. */
unsigned tarn_checkpoint_sweep(const char *path);

/* ---- opening ------------------------------------------------------------------------------------------------------ */

struct tarn_checkpoint;

struct tarn_checkpoint_facts {
    char realm[25];
    uint8_t instance[16];      /* of the agent's run that saved it */
    uint64_t generation, commit;
    struct tarn_checkpoint_clock saved;
    uint64_t age_ms;           /* at the opening */
    bool age_sure;             /* false: the clock was set back, and the age is at least that */
    uint16_t major, minor;
    unsigned resources, whole; /* in the file; of these undamaged */
    uint64_t objects;          /* of the undamaged ones */
    uint64_t file_bytes, raw_bytes;
    const char *damage;        /* what is wrong with it, "": nothing; valid as long as the checkpoint */
};

/*
 * Open and check the file at path; every byte is read once. now: NULL: asked of the system.
 * 0: at least one resource is whole; TARN_E_NOTFOUND: there is no such file; TARN_E_PERM: it cannot be read, or others than this
 * user and root could have written it; TARN_E_CORRUPT, TARN_E_ABI: err says what is wrong and where; TARN_E_IO, TARN_E_NOMEM.
 */
TARN_MUST_CHECK int tarn_checkpoint_open(const char *path, const struct tarn_checkpoint_clock *now, struct tarn_checkpoint **ret, struct tarn_error *err);
/* NULL is allowed. */
void tarn_checkpoint_close(struct tarn_checkpoint *c);
/* What is known of the file; strings are borrowed as long as c. */
void tarn_checkpoint_facts(const struct tarn_checkpoint *c, struct tarn_checkpoint_facts *ret);
/*
 * The n-th resource as it was saved, its times moved to this run's CLOCK_MONOTONIC. Borrowed as long as c. 0; TARN_E_NOTFOUND behind the
 * last one; TARN_E_CORRUPT: its objects are damaged, *ret tells which resource that is.
 */
int tarn_checkpoint_resource(const struct tarn_checkpoint *c, unsigned n, struct tarn_resource_info *ret);

/*
 * As tarn_writer_takeover, from the file: a new region with the resources named, filled with what is whole and has the same slots
 * and source. Commit numbers go on; object numbers and the change log begin anew, so informers resync by difference.
 * o->generation 0: the file's plus 1. ret_stores[n] (may be NULL) gets each resource's number.
 * TARN_E_FULL: it does not fit the budget; TARN_E_CORRUPT; and what tarn_writer_new returns. On an error nothing is made.
 */
TARN_MUST_CHECK int tarn_checkpoint_restore(struct tarn_checkpoint *c, const struct tarn_writer_options *o, const struct tarn_writer_resource *resources,
                                            unsigned n, uint16_t *ret_stores, struct tarn_writer **ret, struct tarn_error *err);
/* Unpack and test every object of the whole resources, for `tarn verify`. 0, or TARN_E_CORRUPT with the first thing that is wrong. */
TARN_MUST_CHECK int tarn_checkpoint_verify(struct tarn_checkpoint *c, struct tarn_error *err);

#endif
