/* region_locked.c - what people write first: a hash table in shared memory under a lock that every process takes for every look.
 *
 * Because the writer may change a value as soon as the lock is free, a get copies it out. flock is one file and two system calls a
 * look; the rwlock is pthread's, shared between processes.
 */
#include "region.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

/* In memory that forked children share: this head, the slots, the values. */
struct shared {
    pthread_rwlock_t lock;
    uint64_t mask, n;
};

struct locked {
    struct shared *s;
    uint64_t *slot; /* hash tag << 32 | value number + 1 */
    unsigned char *values, *copy;
    size_t bytes, stride, len;
    int fd; /* of the lock file; -1: the rwlock */
    char path[64];
};

static int lock(struct locked *l, bool write)
{
    if (l->fd >= 0)
        return flock(l->fd, write ? LOCK_EX : LOCK_SH);
    return write ? pthread_rwlock_wrlock(&l->s->lock) : pthread_rwlock_rdlock(&l->s->lock);
}

static void unlock(struct locked *l)
{
    if (l->fd >= 0)
        (void)flock(l->fd, LOCK_UN);
    else
        (void)pthread_rwlock_unlock(&l->s->lock);
}

/* The place of key's value, or NULL; the slot where the search ended. */
static unsigned char *find(const struct locked *l, const char *key, uint64_t *ret_slot)
{
    uint64_t h = region_hash(key), i = h & l->s->mask;

    for (; l->slot[i]; i = (i + 1) & l->s->mask) {
        unsigned char *v = l->values + ((uint32_t)l->slot[i] - 1) * l->stride;

        if (l->slot[i] >> 32 == h >> 32 && !memcmp(v, key, REGION_KEY_BYTES))
            return v;
    }
    *ret_slot = i;
    return NULL;
}

static int locked_get(void *ctx, const char *key, const unsigned char **ret, size_t *ret_len)
{
    struct locked *l = ctx;
    unsigned char *v;
    uint64_t slot;

    if (lock(l, false))
        return -1;
    v = find(l, key, &slot);
    if (v)
        memcpy(l->copy, v + 32, l->len);
    unlock(l);
    *ret = l->copy;
    *ret_len = l->len;
    return v ? 0 : -1;
}

static int locked_put(void *ctx, const char *key, const void *value, size_t len)
{
    struct locked *l = ctx;
    unsigned char *v;
    uint64_t slot;

    if (lock(l, true))
        return -1;
    v = find(l, key, &slot);
    if (!v) {
        v = l->values + l->s->n * l->stride;
        memcpy(v, key, REGION_KEY_BYTES);
        l->slot[slot] = region_hash(key) >> 32 << 32 | ++l->s->n;
    }
    memcpy(v + 32, value, len < l->len ? len : l->len);
    unlock(l);
    return 0;
}

/* A lock file is locked by the open file: a child opens it anew. */
static int locked_enter(void *ctx, unsigned me)
{
    struct locked *l = ctx;

    (void)me;
    if (l->fd < 0)
        return 0;
    (void)close(l->fd);
    l->fd = open(l->path, O_RDWR | O_CLOEXEC);
    return l->fd < 0 ? -1 : 0;
}

static void locked_close(void *ctx)
{
    struct locked *l = ctx;

    if (l->fd >= 0) {
        (void)close(l->fd);
        (void)unlink(l->path);
    }
    if (l->s)
        (void)munmap(l->s, l->bytes);
    free(l->copy);
    free(l);
}

/* The lock of the table: a file's, or an rwlock that processes share. */
static int lock_make(struct locked *l, bool file)
{
    pthread_rwlockattr_t a;

    l->fd = -1;
    if (file) {
        strcpy(l->path, "/dev/shm/tarn-bench-lock-XXXXXX");
        l->fd = mkostemp(l->path, O_CLOEXEC);
        return l->fd < 0 ? -1 : 0;
    }
    return pthread_rwlockattr_init(&a) || pthread_rwlockattr_setpshared(&a, PTHREAD_PROCESS_SHARED) || pthread_rwlock_init(&l->s->lock, &a) ? -1 : 0;
}

static int locked_open(struct region_peer *p, const struct region_case *c, bool file)
{
    struct locked *l = calloc(1, sizeof *l);
    uint64_t slots = 1;

    while (slots < 2 * c->n)
        slots *= 2;
    l->len = c->object_bytes;
    l->stride = (l->len + 32 + 63) & ~(size_t)63;
    l->bytes = 4096 + slots * sizeof *l->slot + c->n * l->stride;
    l->copy = malloc(l->len);
    l->s = mmap(NULL, l->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (l->s == MAP_FAILED)
        l->s = NULL;
    if (!l->s || !l->copy || lock_make(l, file)) {
        bench_note("region: SKIPPED the locked table: no memory or no lock");
        locked_close(l);
        return -1;
    }
    l->s->mask = slots - 1;
    l->slot = (uint64_t *)(void *)((char *)l->s + 4096);
    l->values = (unsigned char *)(l->slot + slots);
    *p = (struct region_peer){.name = file ? "flock table" : "rwlock table", .local = true, .ctx = l, .get = locked_get, .put = locked_put, .enter = locked_enter, .close = locked_close};
    return 0;
}

int region_flock_open(struct region_peer *p, const struct region_case *c)
{
    return locked_open(p, c, true);
}

int region_rwlock_open(struct region_peer *p, const struct region_case *c)
{
    return locked_open(p, c, false);
}
