/* region_peers.c - LMDB with a kept read transaction, and a bare probe. */
#include "region.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

uint64_t region_hash(const char *key)
{
    uint64_t h = 0x9e3779b97f4a7c15ull, w;

    for (size_t i = 0; i + 8 <= REGION_KEY_BYTES; i += 8) {
        memcpy(&w, key + i, 8);
        h = (h ^ w) * 0xff51afd7ed558ccdull;
        h ^= h >> 32;
    }
    memcpy(&w, key + REGION_KEY_BYTES - 8, 8);
    h = (h ^ w) * 0xc4ceb9fe1a85ec53ull;
    return h ^ h >> 33;
}

/* ---- the bare probe -------------------------------------------------------------------------------- */

struct probe {
    uint64_t *slot; /* hash tag << 32 | value number + 1 */
    unsigned char *values;
    uint64_t mask, n, stride;
    size_t len;
};

static int probe_get(void *ctx, const char *key, const unsigned char **ret, size_t *ret_len)
{
    struct probe *p = ctx;
    uint64_t h = region_hash(key), tag = h >> 32 << 32;

    for (uint64_t i = h & p->mask; p->slot[i]; i = (i + 1) & p->mask) {
        unsigned char *v = p->values + ((uint32_t)p->slot[i] - 1) * p->stride;

        if ((p->slot[i] ^ tag) >> 32 == 0 && !memcmp(v, key, REGION_KEY_BYTES)) {
            *ret = v + 32;
            *ret_len = p->len;
            return 0;
        }
    }
    return -1;
}

static int probe_put(void *ctx, const char *key, const void *value, size_t len)
{
    struct probe *p = ctx;
    const unsigned char *old;
    uint64_t h = region_hash(key), i = h & p->mask;
    size_t old_len;
    unsigned char *v;

    if (!probe_get(ctx, key, &old, &old_len)) {
        memcpy((unsigned char *)(uintptr_t)old, value, len < p->len ? len : p->len);
        return 0;
    }
    while (p->slot[i])
        i = (i + 1) & p->mask;
    v = p->values + p->n * p->stride;
    memcpy(v, key, REGION_KEY_BYTES);
    memcpy(v + 32, value, len < p->len ? len : p->len);
    p->slot[i] = h >> 32 << 32 | ++p->n;
    return 0;
}

static uint64_t probe_list(void *ctx)
{
    struct probe *p = ctx;
    uint64_t n = 0;

    for (uint64_t i = 0; i < p->n; i++)
        n += ((volatile unsigned char *)p->values)[i * p->stride + 32] != 0 || 1;
    return n;
}

static void probe_close(void *ctx)
{
    struct probe *p = ctx;

    free(p->slot);
    free(p->values);
    free(p);
}

static void *large_pages(size_t bytes)
{
    const size_t page = (size_t)2 << 20;
    void *p = aligned_alloc(page, (bytes + page - 1) / page * page);

    if (p)
        (void)madvise(p, bytes, MADV_HUGEPAGE);
    return p;
}

int region_probe_open(struct region_peer *peer, const struct region_case *c)
{
    struct probe *p = calloc(1, sizeof *p);

    *peer = (struct region_peer){.name = "bare probe", .local = true, .ctx = p, .get = probe_get, .put = probe_put, .list = probe_list, .close = probe_close};
    p->mask = 1;
    while (p->mask < 2 * c->n)
        p->mask *= 2;
    p->slot = large_pages(p->mask * sizeof *p->slot);
    if (p->slot)
        memset(p->slot, 0, p->mask * sizeof *p->slot);
    p->mask--;
    p->len = c->object_bytes;
    p->stride = (p->len + 32 + 63) & ~(uint64_t)63;
    p->values = large_pages(c->n * p->stride);
    return p->slot && p->values ? 0 : -1;
}

/* ---- LMDB ---------------------------------------------------------------------------------------------- */

#ifdef HAVE_LMDB
#include <lmdb.h>

struct lmdb {
    MDB_env *env;
    MDB_dbi dbi;
    MDB_txn *read, *write;
    size_t mapsize;
    char dir[64];
};

static int lmdb_get(void *ctx, const char *key, const unsigned char **ret, size_t *ret_len)
{
    struct lmdb *l = ctx;
    MDB_val k = {REGION_KEY_BYTES, (void *)(uintptr_t)key}, v;

    if (!l->read && mdb_txn_begin(l->env, NULL, MDB_RDONLY, &l->read))
        return -1;
    if (mdb_get(l->read, l->dbi, &k, &v))
        return -1;
    *ret = v.mv_data;
    *ret_len = v.mv_size;
    return 0;
}

static int lmdb_put(void *ctx, const char *key, const void *value, size_t len)
{
    struct lmdb *l = ctx;
    MDB_val k = {REGION_KEY_BYTES, (void *)(uintptr_t)key}, v = {len, (void *)(uintptr_t)value};

    if (!l->write && mdb_txn_begin(l->env, NULL, 0, &l->write))
        return -1;
    return mdb_put(l->write, l->dbi, &k, &v, 0) ? -1 : 0;
}

static int lmdb_commit(void *ctx)
{
    struct lmdb *l = ctx;
    int rc = l->write ? mdb_txn_commit(l->write) : 0;

    l->write = NULL;
    return rc ? -1 : 0;
}

static uint64_t lmdb_list(void *ctx)
{
    struct lmdb *l = ctx;
    MDB_cursor *c;
    MDB_val k, v;
    uint64_t n = 0;

    if (!l->read && mdb_txn_begin(l->env, NULL, MDB_RDONLY, &l->read))
        return 0;
    if (mdb_cursor_open(l->read, l->dbi, &c))
        return 0;
    while (!mdb_cursor_get(c, &k, &v, MDB_NEXT))
        n += ((volatile unsigned char *)v.mv_data)[0] != 0 || 1;
    mdb_cursor_close(c);
    return n;
}

/* In a forked child: an environment of its own, as LMDB demands; the parent's is left alone. */
static int lmdb_enter(void *ctx, unsigned me)
{
    struct lmdb *l = ctx;

    (void)me;
    l->read = l->write = NULL;
    return mdb_env_create(&l->env) || mdb_env_set_mapsize(l->env, l->mapsize) || mdb_env_open(l->env, l->dir, MDB_RDONLY | MDB_NORDAHEAD | MDB_NOTLS, 0600) ||
                   mdb_txn_begin(l->env, NULL, MDB_RDONLY, &l->read) || mdb_dbi_open(l->read, NULL, 0, &l->dbi)
               ? -1
               : 0;
}

static void lmdb_close(void *ctx)
{
    struct lmdb *l = ctx;
    char path[96];

    if (l->read)
        mdb_txn_abort(l->read);
    mdb_env_close(l->env);
    (void)snprintf(path, sizeof path, "%s/data.mdb", l->dir);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/lock.mdb", l->dir);
    (void)unlink(path);
    (void)rmdir(l->dir);
    free(l);
}

int region_lmdb_open(struct region_peer *p, const struct region_case *c)
{
    struct lmdb *l = calloc(1, sizeof *l);
    MDB_txn *t;

    l->mapsize = c->n * (c->object_bytes + 1200) * 3 + (256u << 20);
    strcpy(l->dir, "/dev/shm/tarn-bench-XXXXXX");
    if (!mkdtemp(l->dir) || mdb_env_create(&l->env) || mdb_env_set_mapsize(l->env, l->mapsize) ||
        mdb_env_open(l->env, l->dir, MDB_NOSYNC | MDB_WRITEMAP | MDB_NOMEMINIT | MDB_NORDAHEAD | MDB_NOTLS, 0600) ||
        mdb_txn_begin(l->env, NULL, 0, &t) || mdb_dbi_open(t, NULL, 0, &l->dbi) || mdb_txn_commit(t)) {
        bench_note("region: LMDB could not be opened in /dev/shm");
        free(l);
        return -1;
    }
    *p = (struct region_peer){.name = "lmdb", .local = true, .takes_writes = true, .ctx = l, .get = lmdb_get, .put = lmdb_put, .commit = lmdb_commit, .list = lmdb_list, .enter = lmdb_enter, .close = lmdb_close};
    return 0;
}
#else
int region_lmdb_open(struct region_peer *p, const struct region_case *c)
{
    (void)p;
    (void)c;
    bench_note("region: SKIPPED LMDB: built without LMDB");
    return -1;
}
#endif
