/* api_watchers.c - 500 watchers of the read API through changes, beside a process' reader of the region.
 *
 * The watchers are connections of one thread that reads what comes and counts the events, as cheaply as can be: what is measured is what
 * tarnd can send. None may fall behind: at the end each must have all events, and be open. Some of them look at the time of its change that
 * the simulator writes into each object: the age of an event when its watcher has it. Meanwhile a thread reads the region by the library, as it
 * did before the watchers came.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <tarn/tarn.h>

#include "api.h"
#include "bench.h"

#define WATCHERS 500
#define LOOKED_AT 5 /* of them see ages */
#define RATE "1060" /* of all changes: some are of nodes */
#define READ_BYTES (256u << 10)
#define AGES_MAX 200000u
#define GETS_MAX 200000u
#define WRITTEN_AT "tarn.dev/written-at-ns\":\""
#define EVENT "{\"type\":\""
#define SETTLE_S 20

struct watcher {
    int fd;
    uint64_t events, bytes;
    unsigned head;   /* how much of the end of the head was seen */
    uint64_t chunk;  /* bytes that this chunk still has */
    uint64_t header; /* the size that is being read, in hexadecimal */
    bool looks, ended;
};

struct fleet {
    struct watcher w[WATCHERS];
    int epoll;
    uint64_t ages[AGES_MAX];
    size_t nages;
};

/* ---- a reader of the region ------------------------------------------------------------------------------ */

struct reader {
    const struct api_pair *pair;
    pthread_t thread;
    _Atomic bool stop; /* set by the main thread, seen by this one */
    uint64_t ns[GETS_MAX];
    size_t n;
    int failed;
};

/* A snapshot and a get from it, now and then: what a process does for a request of its own. */
static int read_once(struct reader *r, struct tarn_client *c, uint64_t *seed)
{
    const struct tarn_object *obj, *objs[64];
    struct tarn_snapshot *s;
    struct tarn_iter it;
    size_t n = 0;
    int rc = tarn_snapshot_open(c, &s, NULL);

    if (rc)
        return rc;
    rc = tarn_list(s, "pods", NULL, &it, NULL);
    while (!rc && n < sizeof objs / sizeof *objs && (obj = tarn_iter_next(&it)))
        objs[n++] = obj;
    for (unsigned i = 0; !rc && n && i < 64 && r->n < GETS_MAX; i++) {
        const char *key = tarn_object_key(objs[bench_random(seed) % n]).data;
        uint64_t begin = bench_now_ns();

        rc = tarn_get(s, "pods", key, &obj);
        r->ns[r->n++] = bench_now_ns() - begin;
    }
    return tarn_snapshot_close(s) ? -1 : rc;
}

static void *read_on(void *ctx)
{
    struct reader *r = ctx;
    uint64_t seed = 7;
    struct tarn_client *c;

    if (tarn_client_open(&(struct tarn_client_options){.socket = r->pair->pair.socket}, &c, NULL)) {
        r->failed = 1;
        return NULL;
    }
    while (!atomic_load_explicit(&r->stop, memory_order_relaxed) && !r->failed) {
        r->failed = read_once(r, c, &seed) != 0;
        bench_pause_ms(10);
    }
    tarn_client_close(c);
    return NULL;
}

static int begin_reading(struct reader *r)
{
    r->n = 0;
    atomic_store_explicit(&r->stop, false, memory_order_relaxed);
    return pthread_create(&r->thread, NULL, read_on, r);
}

static int end_reading(struct reader *r, const char *who)
{
    atomic_store_explicit(&r->stop, true, memory_order_relaxed);
    if (pthread_join(r->thread, NULL) || r->failed || !r->n)
        return 1;
    bench_report_percentiles(API_PART, who, "get of a reader of the region", WATCHERS, r->ns, r->n, 1, "ns");
    return 0;
}

/* ---- watchers ----------------------------------------------------------------------------------------------- */

/* The version that the read API has got to. */
static int64_t newest_version(const struct api_pair *a)
{
    char command[2 * PATH_BYTES];

    (void)snprintf(command, sizeof command, "curl -s --unix-socket '%s' -A tarn-bench 'http://localhost/api/v1/pods?limit=1'", a->socket);
    return pair_number(command, "metadata.resourceVersion");
}

static int connect_watcher(struct watcher *w, const char *path, long long version)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char request[256];
    int n = snprintf(request, sizeof request, "GET /api/v1/pods?watch=1&allowWatchBookmarks=true&resourceVersion=%lld HTTP/1.1\r\n"
                                              "Host: localhost\r\nUser-Agent: tarn-bench\r\nAccept: application/json\r\n\r\n", version);

    if (strlen(path) >= sizeof at.sun_path)
        return -1;
    (void)memcpy(at.sun_path, path, strlen(path));
    w->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (w->fd < 0)
        return -1;
    return connect(w->fd, (struct sockaddr *)&at, sizeof at) || write(w->fd, request, (size_t)n) != n;
}

static int open_watchers(struct fleet *f, const struct api_pair *a, long long version)
{
    struct rlimit files;
    int bad = 0;

    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    f->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i < WATCHERS && !bad; i++) {
        struct watcher *w = &f->w[i];

        *w = (struct watcher){.looks = i % (WATCHERS / LOOKED_AT) == 0};
        bad = connect_watcher(w, a->socket, version) || epoll_ctl(f->epoll, EPOLL_CTL_ADD, w->fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = w});
    }
    return bad || f->epoll < 0;
}

static void close_watchers(struct fleet *f)
{
    for (unsigned i = 0; i < WATCHERS; i++)
        if (f->w[i].fd > 0)
            (void)close(f->w[i].fd);
    (void)close(f->epoll);
}

/* The ages of the changes whose events are whole in here; one that is cut in two is left out. */
static void look(struct fleet *f, const char *data, size_t n)
{
    const char *at = data;
    struct timespec t;
    uint64_t now;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    now = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    while (f->nages < AGES_MAX && (at = memmem(at, n - (size_t)(at - data), WRITTEN_AT, sizeof WRITTEN_AT - 1))) {
        const char *before = memrchr(data, '\n', (size_t)(at - data)), *event = before ? before + 1 : data;
        bool change = !strncmp(event, EVENT "MODIFIED", sizeof EVENT + 7); /* a deleted object has the time of the change before */
        uint64_t written = 0;
        unsigned digits = 0;

        for (at += sizeof WRITTEN_AT - 1; at < data + n && *at >= '0' && *at <= '9'; at++, digits++)
            written = written * 10 + (uint64_t)(*at - '0');
        if (change && digits == 19 && written < now)
            f->ages[f->nages++] = now - written;
    }
}

/* The events in what came: each ends with a newline, but for those of the head and of the chunks' sizes. */
static void count(struct watcher *w, const char *data, size_t n)
{
    for (const char *at = data, *end = data + n; at < end;) {
        const char *until = w->chunk && w->chunk < (size_t)(end - at) ? at + w->chunk : end;

        if (w->head < 4) {
            w->head = *at == "\r\n\r\n"[w->head] ? w->head + 1 : *at == '\r';
            at++;
            continue;
        }
        if (!w->chunk) {
            if (*at == '\n') {
                w->chunk = w->header;
                w->header = 0;
            } else if (*at != '\r') {
                w->header = w->header * 16 + (uint64_t)(*at <= '9' ? *at - '0' : (*at | 0x20) - 'a' + 10);
            }
            at++;
            continue;
        }
        w->chunk -= (uint64_t)(until - at);
        for (const char *line = at; line < until && (line = memchr(line, '\n', (size_t)(until - line))); line++)
            w->events++;
        at = until;
    }
}

static void drain(struct fleet *f, struct watcher *w)
{
    static char data[READ_BYTES];
    ssize_t n = recv(w->fd, data, sizeof data, MSG_DONTWAIT);

    if (n <= 0) {
        w->ended = true;
        (void)epoll_ctl(f->epoll, EPOLL_CTL_DEL, w->fd, NULL);
        return;
    }
    w->bytes += (uint64_t)n;
    count(w, data, (size_t)n);
    if (w->looks)
        look(f, data, (size_t)n);
}

/* Read what comes for so long, or until nothing came for a second. */
static void follow(struct fleet *f, uint64_t ms, bool until_quiet)
{
    struct epoll_event ready[WATCHERS];
    uint64_t now = bench_now_ns(), end = now + ms * UINT64_C(1000000), last = now;

    while (now < end && (!until_quiet || now - last < UINT64_C(1000000000))) {
        int n = epoll_wait(f->epoll, ready, WATCHERS, 100);

        for (int i = 0; i < n; i++)
            drain(f, ready[i].data.ptr);
        now = bench_now_ns();
        if (n > 0)
            last = now;
    }
}

/* Wait until each has the head of its answer: what happens before is told as it then is, not change by change. */
static int until_begun(struct fleet *f)
{
    unsigned begun = 0;

    for (unsigned tries = 0; tries < 100 && begun < WATCHERS; tries++) {
        follow(f, 100, false);
        begun = 0;
        for (unsigned i = 0; i < WATCHERS; i++)
            begun += f->w[i].head == 4;
    }
    return begun < WATCHERS;
}

/* How many have ended or lack events that another has. */
static unsigned behind(const struct fleet *f)
{
    uint64_t most = 0;
    unsigned n = 0;

    for (unsigned i = 0; i < WATCHERS; i++)
        most = f->w[i].events > most ? f->w[i].events : most;
    for (unsigned i = 0; i < WATCHERS; i++)
        n += f->w[i].ended || f->w[i].events < most;
    return n;
}

static int tell(struct fleet *f, const struct api_pair *a, double seconds, double agent_cpu, double client_cpu)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < WATCHERS; i++)
        bytes += f->w[i].bytes;
    bench_report(API_PART, "tarn", "changes to each watcher", WATCHERS, (double)f->w[0].events / seconds, "changes/s");
    bench_report(API_PART, "tarn", "events to all watchers", WATCHERS, (double)f->w[0].events * WATCHERS / seconds, "events/s");
    bench_report(API_PART, "tarn", "bytes to all watchers", WATCHERS, (double)bytes / 1e6 / seconds, "MB/s");
    bench_report(API_PART, "tarn", "watchers that fell behind", WATCHERS, behind(f), "");
    bench_limit(API_PART, "tarn", "watchers that fell behind", WATCHERS, 0);
    bench_report(API_PART, "tarn", "agent's CPU", WATCHERS, agent_cpu * 100 / seconds, "%");
    bench_report(API_PART, "tarn", "watchers' own CPU", WATCHERS, client_cpu * 100 / seconds, "%");
    bench_report(API_PART, "tarn", "agent's private memory", WATCHERS, pair_private_mb(a->pair.agent), "MiB");
    if (f->nages)
        bench_report_percentiles(API_PART, "tarn", "server's write to watcher", WATCHERS, f->ages, f->nages, 1e-6, "ms");
    return !f->nages;
}

/* Changes for so long, to the watchers and to the reader. */
static int run(struct fleet *f, struct reader *r, struct api_pair *a, unsigned ms)
{
    double agent = pair_cpu_of(a->pair.agent), seconds;
    uint64_t begin = bench_now_ns(), cpu = bench_cpu_ns();
    int bad = begin_reading(r);

    (void)pair_server(&a->pair, "/sim/churn", "{\"perSecond\":" RATE "}", "perSecond");
    follow(f, ms, false);
    (void)pair_server(&a->pair, "/sim/churn", "{\"perSecond\":0}", "perSecond");
    seconds = (double)(bench_now_ns() - begin) / 1e9;
    follow(f, SETTLE_S * 1000, true);
    return bad || end_reading(r, "tarn, watched") || tell(f, a, seconds, pair_cpu_of(a->pair.agent) - agent, (double)(bench_cpu_ns() - cpu) / 1e9);
}

/* The reader alone: the same changes, no watcher. */
static int run_alone(struct reader *r, const struct api_pair *a, unsigned ms)
{
    int bad = begin_reading(r);

    (void)pair_server(&a->pair, "/sim/churn", "{\"perSecond\":" RATE "}", "perSecond");
    bench_pause_ms(ms);
    (void)pair_server(&a->pair, "/sim/churn", "{\"perSecond\":0}", "perSecond");
    return bad || end_reading(r, "tarn");
}

int api_watchers(bool quick)
{
    static struct fleet f;
    static struct reader r;
    struct api_pair a;
    int64_t version = -1;
    int bad;

    f = (struct fleet){.epoll = -1};
    r = (struct reader){.pair = &a};
    bad = pair_start(&a.pair, "pods=2000", "0", false) || api_mirror(&a, NULL, "[metadata.managedFields]") || run_alone(&r, &a, quick ? 2000 : 5000);
    bench_pause_ms(500); /* the last changes are there */
    bad = bad || (version = newest_version(&a)) < 0 || open_watchers(&f, &a, version) || until_begun(&f) || run(&f, &r, &a, quick ? 5000 : 30000);
    close_watchers(&f);
    pair_stop(&a.pair);
    if (bad)
        bench_note("api: %d watchers could not be measured", WATCHERS);
    return bad != 0;
}
