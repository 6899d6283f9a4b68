/* region_servers.c - Redis and memcached over a Unix socket: started here, asked in their own words. */
#include "region.h"

#include <glob.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

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
static int server_enter(void *ctx, unsigned me)
{
    struct server *s = ctx;

    (void)me;
    (void)close(s->fd);
    s->fd = connect_to(s->path);
    return s->fd < 0 ? -1 : 0;
}

/* All threads of a process (0: this one) on the first core, or on any. */
static int place(pid_t pid, bool first_only)
{
    char pattern[64];
    cpu_set_t cores;
    glob_t tasks;
    int bad = 0;

    CPU_ZERO(&cores);
    for (int i = 0; i < (first_only ? 1 : CPU_SETSIZE); i++)
        CPU_SET(i, &cores);
    (void)snprintf(pattern, sizeof pattern, "/proc/%d/task/*", (int)(pid ? pid : getpid()));
    if (glob(pattern, 0, NULL, &tasks))
        return -1;
    for (size_t i = 0; i < tasks.gl_pathc; i++)
        bad |= sched_setaffinity((pid_t)strtol(strrchr(tasks.gl_pathv[i], '/') + 1, NULL, 10), sizeof cores, &cores);
    globfree(&tasks);
    return bad;
}

static int server_one_core(void *ctx, bool on)
{
    struct server *s = ctx;

    return place(s->pid, on) | place(0, on);
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
    *p = (struct region_peer){.name = "redis", .ctx = s, .get = redis_get, .put = redis_put, .enter = server_enter, .one_core = server_one_core, .close = server_close};
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
    *p = (struct region_peer){.name = "memcached", .ctx = s, .get = memcached_get, .put = memcached_put, .enter = server_enter, .one_core = server_one_core, .close = server_close};
    return s ? 0 : -1;
}
