/* region_peers.c - LMDB with a kept read transaction, Redis and memcached over a Unix socket, and a bare probe. */
#include "region.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
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

int region_probe_open(struct region_peer *peer, const struct region_case *c)
{
    struct probe *p = calloc(1, sizeof *p);

    *peer = (struct region_peer){.name = "bare probe", .local = true, .ctx = p, .get = probe_get, .put = probe_put, .list = probe_list, .close = probe_close};
    p->mask = 1;
    while (p->mask < 2 * c->n)
        p->mask *= 2;
    p->slot = calloc(p->mask--, sizeof *p->slot);
    p->len = c->object_bytes;
    p->stride = (p->len + 32 + 63) & ~(uint64_t)63;
    p->values = aligned_alloc(2u << 20, (c->n * p->stride + (2u << 20)) & ~(uint64_t)((2u << 20) - 1));
    (void)madvise(p->values, c->n * p->stride, MADV_HUGEPAGE);
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
static int lmdb_enter(void *ctx)
{
    struct lmdb *l = ctx;

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
    *p = (struct region_peer){.name = "lmdb", .local = true, .ctx = l, .get = lmdb_get, .put = lmdb_put, .commit = lmdb_commit, .list = lmdb_list, .enter = lmdb_enter, .close = lmdb_close};
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

/* ---- servers over a Unix socket ------------------------------------------------------------------------------ */

struct server {
    pid_t pid;
    int fd;
    char path[64];
    unsigned char *buf;
    size_t cap;
    char request[128];
};

static int connect_to(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const struct timespec pause = {.tv_nsec = 20 * 1000000};

    strncpy(a.sun_path, path, sizeof a.sun_path - 1);
    for (int i = 0; i < 150; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (!connect(fd, (struct sockaddr *)&a, sizeof a))
            return fd;
        (void)close(fd);
        (void)nanosleep(&pause, NULL);
    }
    return -1;
}

static void server_close(void *ctx)
{
    struct server *s = ctx;

    if (s->fd >= 0)
        (void)close(s->fd);
    if (s->pid > 0) {
        (void)kill(s->pid, SIGTERM);
        (void)waitpid(s->pid, NULL, 0);
    }
    (void)unlink(s->path);
    free(s->buf);
    free(s);
}

/* Start argv (with the socket's path in it already) and connect. */
static struct server *server_start(const char *path, char *const *argv)
{
    struct server *s = calloc(1, sizeof *s);

    s->cap = 1 << 20;
    s->buf = malloc(s->cap);
    (void)snprintf(s->path, sizeof s->path, "%s", path);
    s->pid = fork();
    if (!s->pid) {
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
            _exit(126);
        execvp(argv[0], argv);
        _exit(127);
    }
    s->fd = connect_to(path);
    if (s->fd >= 0)
        return s;
    bench_note("region: SKIPPED %s: it does not start", argv[0]);
    server_close(s);
    return NULL;
}

/* In a forked child: a connection of its own. */
static int server_enter(void *ctx)
{
    struct server *s = ctx;

    (void)close(s->fd);
    s->fd = connect_to(s->path);
    return s->fd < 0 ? -1 : 0;
}

static int send_all(int fd, const void *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t k = send(fd, (const char *)p + at, n - at, MSG_NOSIGNAL);

        if (k <= 0)
            return -1;
        at += (size_t)k;
    }
    return 0;
}

/* Read until `want` bytes are there; want may grow as the head of the answer becomes known. */
static ssize_t receive(struct server *s, size_t have, size_t want)
{
    while (have < want) {
        ssize_t k = recv(s->fd, s->buf + have, s->cap - have, 0);

        if (k <= 0)
            return -1;
        have += (size_t)k;
    }
    return (ssize_t)have;
}

/* An answer "<head>LEN\r\n<value>...": the value's place. */
static int receive_value(struct server *s, const char *head, size_t len_at_word, size_t tail, const unsigned char **ret, size_t *ret_len)
{
    ssize_t have = 0;
    char *eol = NULL, *word;
    size_t len;

    while (!eol) {
        have = receive(s, (size_t)have, (size_t)have + 1);
        if (have < 0 || (size_t)have >= s->cap)
            return -1;
        eol = memchr(s->buf, '\n', (size_t)have);
    }
    if (strncmp((char *)s->buf, head, strlen(head)))
        return -1;
    word = (char *)s->buf;
    for (size_t i = 0; i < len_at_word; i++)
        word = strchr(word, ' ') + 1;
    len = strtoul(len_at_word ? word : word + 1, NULL, 10);
    *ret = (unsigned char *)eol + 1;
    *ret_len = len;
    return receive(s, (size_t)have, (size_t)(eol + 1 - (char *)s->buf) + len + tail) < 0 ? -1 : 0;
}

static int redis_get(void *ctx, const char *key, const unsigned char **ret, size_t *ret_len)
{
    struct server *s = ctx;
    int n = snprintf(s->request, sizeof s->request, "*2\r\n$3\r\nGET\r\n$%u\r\n%.*s\r\n", REGION_KEY_BYTES, (int)REGION_KEY_BYTES, key);

    return send_all(s->fd, s->request, (size_t)n) ? -1 : receive_value(s, "$", 0, 2, ret, ret_len);
}

static int redis_put(void *ctx, const char *key, const void *value, size_t len)
{
    struct server *s = ctx;
    int n = snprintf(s->request, sizeof s->request, "*3\r\n$3\r\nSET\r\n$%u\r\n%.*s\r\n$%zu\r\n", REGION_KEY_BYTES, (int)REGION_KEY_BYTES, key, len);

    if (send_all(s->fd, s->request, (size_t)n) || send_all(s->fd, value, len) || send_all(s->fd, "\r\n", 2))
        return -1;
    return receive(s, 0, 5) < 0 || memcmp(s->buf, "+OK", 3) ? -1 : 0;
}

static int memcached_get(void *ctx, const char *key, const unsigned char **ret, size_t *ret_len)
{
    struct server *s = ctx;
    int n = snprintf(s->request, sizeof s->request, "get %.*s\r\n", (int)REGION_KEY_BYTES, key);

    return send_all(s->fd, s->request, (size_t)n) ? -1 : receive_value(s, "VALUE ", 3, 7, ret, ret_len);
}

static int memcached_put(void *ctx, const char *key, const void *value, size_t len)
{
    struct server *s = ctx;
    int n = snprintf(s->request, sizeof s->request, "set %.*s 0 0 %zu\r\n", (int)REGION_KEY_BYTES, key, len);

    if (send_all(s->fd, s->request, (size_t)n) || send_all(s->fd, value, len) || send_all(s->fd, "\r\n", 2))
        return -1;
    return receive(s, 0, 8) < 0 || memcmp(s->buf, "STORED", 6) ? -1 : 0;
}

int region_redis_open(struct region_peer *p, const struct region_case *c)
{
    char path[64];
    char *argv[] = {"redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no", NULL};
    struct server *s;

    (void)c;
    (void)snprintf(path, sizeof path, "/tmp/tarn-bench-redis-%d", (int)getpid());
    s = server_start(path, argv);
    *p = (struct region_peer){.name = "redis", .ctx = s, .get = redis_get, .put = redis_put, .enter = server_enter, .close = server_close};
    return s ? 0 : -1;
}

int region_memcached_open(struct region_peer *p, const struct region_case *c)
{
    char path[64], mb[16];
    char *argv[] = {"memcached", "-u", "root", "-s", path, "-m", mb, "-t", "2", NULL};
    struct server *s;

    (void)snprintf(path, sizeof path, "/tmp/tarn-bench-mcd-%d", (int)getpid());
    (void)snprintf(mb, sizeof mb, "%llu", (unsigned long long)(c->n * (c->object_bytes + 300) / 1000000 * 3 / 2 + 128));
    s = server_start(path, argv);
    *p = (struct region_peer){.name = "memcached", .ctx = s, .get = memcached_get, .put = memcached_put, .enter = server_enter, .close = server_close};
    return s ? 0 : -1;
}
