/* An ingress worker: for each request it needs a service and the addresses behind it, now, not as of a second ago.
 *
 * Without tarn each of N workers decodes the same services and endpointslices into a copy of its own, again and again.
 * Here they read the one region. A change is noticed at once (an informer's doorbell); every 100 ms all services and the endpoints
 * behind them are looked up anew, from one snapshot, as a worker that rebuilds its routes would.
 *
 *     example-ingress-worker [--seconds N]
 *
 * One JSON line a second on stdout: lookups (a service by key and its endpoint slices by index) and lookups_per_s while it is busy with
 * them, objects, changes_per_s, and how old changes are when they get here (delay_p50_ms, delay_p99_ms): objects of the
 * simulator carry the time they were written.
 */
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <tarn/informer.h>
#include <tarn/tarn.h>

#define WRITTEN_AT "metadata.annotations['tarn.dev/written-at-ns']"
#define SERVICE_INDEX "label:kubernetes.io/service-name"

enum { REBUILD_MS = 100, DELAYS_MAX = 1 << 16 };

struct worker {
    struct tarn_informer *informer;
    struct tarn_client *client;
    bool indexed; /* endpoint slices can be asked for by service name */
    uint64_t lookups, endpoints, changes, busy_ns;
    double delays_ms[DELAYS_MAX]; /* of this second */
    size_t ndelays;
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
    (void)sig;
    stop = 1;
}

static uint64_t now_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- what changed ------------------------------------------------------------------------------------- */

static void note_delay(struct worker *w, const struct tarn_object *obj)
{
    struct tarn_bytes text;
    uint64_t written = 0, now = now_ns(CLOCK_REALTIME);

    if (tarn_object_get_string(obj, WRITTEN_AT, &text) != 0)
        return;
    for (size_t i = 0; i < text.len && text.data[i] >= '0' && text.data[i] <= '9'; i++)
        written = written * 10 + (uint64_t)(text.data[i] - '0');
    if (written && written <= now && w->ndelays < DELAYS_MAX)
        w->delays_ms[w->ndelays++] = (double)(now - written) / 1e6;
}

static int on_add(void *ctx, const struct tarn_object *obj, bool is_in_initial_list)
{
    struct worker *w = ctx;

    if (is_in_initial_list)
        return 0;
    w->changes++;
    note_delay(w, obj);
    return 0;
}

static int on_update(void *ctx, const struct tarn_object *old, const struct tarn_object *obj)
{
    struct worker *w = ctx;

    (void)old;
    w->changes++;
    note_delay(w, obj);
    return 0;
}

static int on_delete(void *ctx, const struct tarn_object *obj)
{
    (void)obj;
    ((struct worker *)ctx)->changes++;
    return 0;
}

/* ---- requests -------------------------------------------------------------------------------------------- */

/* Is it a slice of the service of this name? */
static bool is_behind(const struct tarn_object *slice, struct tarn_bytes service)
{
    struct tarn_bytes label;

    return tarn_object_label(slice, TARN_BYTES("kubernetes.io/service-name"), &label) == 0 && tarn_bytes_equal(label, service);
}

/* The addresses behind a service: the slices that its name is indexed under, else those of its namespace with its label. */
static int endpoints_of(struct worker *w, struct tarn_snapshot *s, const struct tarn_object *service)
{
    const struct tarn_object *slice;
    struct tarn_value addresses;
    struct tarn_iter it;
    char name[256], ns[256];
    int r;

    snprintf(name, sizeof name, "%.*s", TARN_BYTES_ARG(tarn_object_name(service)));
    snprintf(ns, sizeof ns, "%.*s", TARN_BYTES_ARG(tarn_object_namespace(service)));
    r = tarn_list(s, "endpointslices", &(struct tarn_query){.ns = ns, .index = w->indexed ? SERVICE_INDEX : NULL, .value = w->indexed ? name : NULL}, &it,
                  NULL);
    while (r == 0 && (slice = tarn_iter_next(&it)))
        if (is_behind(slice, tarn_object_name(service)) && tarn_object_get(slice, "endpoints", &addresses) == 0 && addresses.type == TARN_ARRAY)
            w->endpoints += addresses.count;
    return r == 0 ? tarn_iter_error(&it) : r;
}

/* One request: the service of a host name, then its endpoints. */
static int serve(struct worker *w, struct tarn_snapshot *s, struct tarn_bytes key)
{
    const struct tarn_object *service = NULL;
    int r = tarn_get_many(s, "services", &key, 1, &service);

    if (r == 0 && service)
        r = endpoints_of(w, s, service);
    w->lookups++;
    return r;
}

/* The names of all routes. */
static int service_keys(struct worker *w, struct tarn_snapshot *s, struct tarn_keys *ret)
{
    const struct tarn_object *obj;
    struct tarn_iter it;
    int r = tarn_list(s, "services", NULL, &it, NULL);

    while (r == 0 && (obj = tarn_iter_next(&it)))
        r = tarn_keys_add(ret, tarn_object_key(obj));
    w->indexed = tarn_by_index(s, "endpointslices", SERVICE_INDEX, "", &it, NULL) == 0;
    return r == 0 ? tarn_iter_error(&it) : r;
}

/* All routes from one snapshot, then the check that everything read was covered. */
static int rebuild(struct worker *w)
{
    struct tarn_keys services = {0};
    struct tarn_snapshot *s;
    uint64_t begin;
    int r = tarn_snapshot_open(w->client, &s, NULL), closed;

    if (r != 0)
        return r;
    r = service_keys(w, s, &services);
    begin = now_ns(CLOCK_MONOTONIC);
    for (size_t i = 0; r == 0 && i < services.n; i++)
        r = serve(w, s, services.v[i]);
    w->busy_ns += now_ns(CLOCK_MONOTONIC) - begin;
    closed = tarn_snapshot_close(s);
    tarn_keys_release(&services);
    return r == 0 ? closed : r;
}

/* ---- a line a second ------------------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double percentile(const struct worker *w, double p)
{
    return w->ndelays ? w->delays_ms[(size_t)((double)(w->ndelays - 1) * p)] : 0;
}

static void report(struct worker *w, double seconds)
{
    struct tarn_client_info info = {0};

    (void)tarn_client_info(w->client, &info);
    qsort(w->delays_ms, w->ndelays, sizeof *w->delays_ms, compare);
    printf("{\"objects\":%" PRIu64 ",\"changes_per_s\":%.0f,\"lookups\":%" PRIu64 ",\"lookups_per_s\":%.0f,\"endpoints\":%" PRIu64
           ",\"delay_p50_ms\":%.2f,\"delay_p99_ms\":%.2f,\"agent_alive\":%s,\"commit\":%" PRIu64 "}\n",
           info.objects, (double)w->changes / seconds, w->lookups, w->busy_ns ? (double)w->lookups * 1e9 / (double)w->busy_ns : 0,
           w->endpoints, percentile(w, 0.50), percentile(w, 0.99), info.agent_alive ? "true" : "false", info.commit);
    fflush(stdout);
    w->lookups = w->endpoints = w->changes = w->busy_ns = 0;
    w->ndelays = 0;
}

/* Work until `until_ns`: changes as they come, all routes every REBUILD_MS. */
static int work(struct worker *w, uint64_t until_ns)
{
    struct pollfd p = {.fd = tarn_informer_fd(w->informer), .events = POLLIN};
    uint64_t now = now_ns(CLOCK_MONOTONIC), next = now;
    int r = 0;

    for (; !stop && r == 0 && now < until_ns; now = now_ns(CLOCK_MONOTONIC)) {
        if (now >= next) {
            r = rebuild(w);
            next = now + REBUILD_MS * UINT64_C(1000000);
            continue;
        }
        if (poll(&p, 1, (int)((next - now) / 1000000) + 1) == 1 && tarn_informer_process(w->informer, NULL) < 0)
            r = TARN_E_IO;
    }
    return r == TARN_E_EXPIRED ? 0 : r; /* those requests were not answered; the next ones are */
}

static int watch(struct worker *w, const char *resource)
{
    struct tarn_informer_watch watch = {
        .resource = resource,
        .handler = {.on_add = on_add, .on_update = on_update, .on_delete = on_delete, .ctx = w},
    };

    return tarn_informer_watch(w->informer, &watch, NULL, NULL);
}

/* Every resource of the region: the worker serves from services, and sees how fresh all of it is. */
static int watch_all(struct worker *w)
{
    struct tarn_resource res;
    struct tarn_snapshot *s;
    char name[256];
    int r = tarn_snapshot_open(w->client, &s, NULL);

    if (r != 0)
        return r;
    for (unsigned n = 0; r == 0 && tarn_resource_at(s, n, &res) == 0; n++) {
        snprintf(name, sizeof name, "%.*s", TARN_BYTES_ARG(res.name));
        r = watch(w, name);
    }
    (void)tarn_snapshot_close(s);
    return r == 0 && tarn_informer_process(w->informer, NULL) < 0 ? TARN_E_IO : r;
}

static int run(struct worker *w, long seconds)
{
    int r = watch_all(w);

    for (long n = 0; r == 0 && !stop && (seconds == 0 || n < seconds); n++) {
        uint64_t begin = now_ns(CLOCK_MONOTONIC);

        r = work(w, begin + 1000000000);
        report(w, (double)(now_ns(CLOCK_MONOTONIC) - begin) / 1e9);
    }
    return r;
}

static void usage(FILE *to)
{
    fputs("usage: example-ingress-worker [--seconds N]\n"
          "Look all services and their endpoints up in shared memory, ten times a second; one JSON line per second.\n"
          "  --seconds N   end after N seconds (default: at SIGTERM)\n"
          "The agent's socket is $TARN_SOCKET, else " TARN_CLIENT_SOCKET_DEFAULT ".\n",
          to);
}

static int parse(int argc, char **argv, long *ret_seconds)
{
    static const struct option options[] = {{"seconds", required_argument, 0, 's'}, {"help", no_argument, 0, 'h'}, {0}};
    char *end;
    int opt;

    while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (opt == 'h') {
            usage(stdout);
            exit(0);
        }
        if (opt != 's')
            return -1;
        *ret_seconds = strtol(optarg, &end, 10);
        if (end == optarg || *end)
            return -1;
    }
    return optind == argc && *ret_seconds >= 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
    static struct worker w;
    struct tarn_error err = {0};
    long seconds = 0;
    int r;

    if (parse(argc, argv, &seconds) != 0) {
        usage(stderr);
        return 2;
    }
    if (tarn_informer_new(NULL, &w.informer, &err) != 0 || tarn_client_open(NULL, &w.client, &err) != 0 ||
        tarn_wait_synced(w.client, "services", TARN_WAIT_FOREVER, &err) != 0 ||
        tarn_wait_synced(w.client, "endpointslices", TARN_WAIT_FOREVER, &err) != 0) {
        fprintf(stderr, "example-ingress-worker: %s\n", err.message);
        return 1;
    }
    signal(SIGTERM, on_signal); /* not before: a wait is not ended by a flag */
    signal(SIGINT, on_signal);
    r = run(&w, seconds);
    if (r != 0)
        fprintf(stderr, "example-ingress-worker: %s\n", tarn_strerror(r));
    tarn_informer_free(w.informer);
    tarn_client_close(w.client);
    return r != 0;
}
