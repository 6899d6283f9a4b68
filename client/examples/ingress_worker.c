/* An ingress worker: for each request it needs a service and the addresses behind it, now, not as of a second ago.
 *
 * Without tarn each of N workers decodes the same services and endpointslices into a copy of its own, again and again.
 * Here they read the one region: a snapshot for every round of lookups, and an informer that tells what changed.
 *
 *     example-ingress-worker [--seconds N]
 *
 * One JSON line a second on stdout: lookups_per_s (a service by key and its endpoint slices by index), objects, changes_per_s, and how
 * old changes are when they get here (delay_p50_ms, delay_p99_ms): objects of the simulator carry the time they were written.
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

enum { ROUND = 256, DELAYS_MAX = 1 << 16 };

struct worker {
    struct tarn_informer *informer;
    struct tarn_client *client;
    bool indexed; /* endpoint slices can be asked for by service name */
    uint64_t lookups, endpoints, changes;
    double delays_ms[DELAYS_MAX]; /* of this second */
    size_t ndelays;
    uint64_t random;
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

static size_t pick(struct worker *w, size_t n)
{
    w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)((w->random >> 33) % n);
}

/* The addresses behind a service: the slices that its name is indexed under, in its namespace. */
static int endpoints_of(struct worker *w, struct tarn_snapshot *s, const struct tarn_object *service)
{
    const struct tarn_object *slice;
    struct tarn_value addresses;
    struct tarn_iter it;
    char name[256], ns[256];
    int r;

    if (!w->indexed)
        return 0;
    snprintf(name, sizeof name, "%.*s", TARN_BYTES_ARG(tarn_object_name(service)));
    snprintf(ns, sizeof ns, "%.*s", TARN_BYTES_ARG(tarn_object_namespace(service)));
    r = tarn_list(s, "endpointslices", &(struct tarn_query){.ns = ns, .index = SERVICE_INDEX, .value = name}, &it, NULL);
    while (r == 0 && (slice = tarn_iter_next(&it)))
        if (tarn_object_get(slice, "endpoints", &addresses) == 0 && addresses.type == TARN_ARRAY)
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

/* Some requests on one snapshot, then the check that everything read was covered. */
static int serve_round(struct worker *w, const struct tarn_keys *services)
{
    struct tarn_snapshot *s;
    int r = tarn_snapshot_open(w->client, &s, NULL), closed;

    if (r != 0)
        return r;
    for (int i = 0; r == 0 && i < ROUND && services->n; i++)
        r = serve(w, s, services->v[pick(w, services->n)]);
    closed = tarn_snapshot_close(s);
    return r == 0 ? closed : r;
}

/* The names that requests ask for. */
static int service_keys(struct worker *w, struct tarn_keys *ret)
{
    const struct tarn_object *obj;
    struct tarn_snapshot *s;
    struct tarn_iter it;
    int r = tarn_snapshot_open(w->client, &s, NULL);

    if (r != 0)
        return r;
    r = tarn_list(s, "services", NULL, &it, NULL);
    while (r == 0 && (obj = tarn_iter_next(&it)))
        r = tarn_keys_add(ret, tarn_object_key(obj));
    w->indexed = tarn_by_index(s, "endpointslices", SERVICE_INDEX, "", &it, NULL) == 0;
    (void)tarn_snapshot_close(s);
    return r;
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
    printf("{\"objects\":%" PRIu64 ",\"changes_per_s\":%.0f,\"lookups_per_s\":%.0f,\"endpoints_per_s\":%.0f,\"delay_p50_ms\":%.2f,"
           "\"delay_p99_ms\":%.2f,\"agent_alive\":%s,\"commit\":%" PRIu64 "}\n",
           info.objects, (double)w->changes / seconds, (double)w->lookups / seconds, (double)w->endpoints / seconds,
           percentile(w, 0.50), percentile(w, 0.99), info.agent_alive ? "true" : "false", info.commit);
    fflush(stdout);
    w->lookups = w->endpoints = w->changes = 0;
    w->ndelays = 0;
}

/* Work until `until_ns`: requests, and what the informer has to say. */
static int work(struct worker *w, const struct tarn_keys *services, uint64_t until_ns)
{
    struct pollfd p = {.fd = tarn_informer_fd(w->informer), .events = POLLIN};
    int r = 0;

    while (!stop && r == 0 && now_ns(CLOCK_MONOTONIC) < until_ns) {
        r = serve_round(w, services);
        if (poll(&p, 1, 0) == 1)
            r = tarn_informer_process(w->informer, NULL) < 0 ? TARN_E_IO : r;
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
        struct tarn_keys services = {0};

        r = service_keys(w, &services);
        if (r == 0)
            r = work(w, &services, begin + 1000000000);
        tarn_keys_release(&services);
        report(w, (double)(now_ns(CLOCK_MONOTONIC) - begin) / 1e9);
    }
    return r;
}

static void usage(FILE *to)
{
    fputs("usage: example-ingress-worker [--seconds N]\n"
          "Look services and their endpoints up in shared memory, continuously; one JSON line per second.\n"
          "  --seconds N   end after N seconds (default: at SIGTERM)\n"
          "The agent's socket is $TARN_SOCKET, else " TARN_CLIENT_SOCKET_DEFAULT ".\n",
          to);
}

static int parse(int argc, char **argv, long *ret_seconds)
{
    static const struct option options[] = {{"seconds", required_argument, 0, 's'}, {"help", no_argument, 0, 'h'}, {0}};
    int opt;

    while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (opt == 'h') {
            usage(stdout);
            exit(0);
        }
        if (opt != 's')
            return -1;
        *ret_seconds = strtol(optarg, NULL, 10);
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
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    w.random = now_ns(CLOCK_REALTIME);
    if (tarn_informer_new(NULL, &w.informer, &err) != 0 || tarn_client_open(NULL, &w.client, &err) != 0 ||
        tarn_wait_synced(w.client, NULL, TARN_WAIT_FOREVER, &err) != 0) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    r = run(&w, seconds);
    if (r != 0)
        fprintf(stderr, "example-ingress-worker: %s\n", tarn_strerror(r));
    tarn_informer_free(w.informer);
    tarn_client_close(w.client);
    return r != 0;
}
