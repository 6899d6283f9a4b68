/* main.c - tarn-apisim: read the command line, fill the world, serve until a signal. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim_api.h"
#include "sim_churn.h"
#include "sim_fault.h"
#include "sim_load.h"
#include "sim_delete.h"
#include "sim_write.h"

enum { MANY = 32 };

struct many {
    const char *v[MANY];
    unsigned n;
};

struct arguments {
    const char *listen, *port_file, *generate, *token, *access, *tls_cert, *tls_key;
    uint64_t seed, history_events, history_bytes, churn;
    struct many faults, loads;
    char host[256]; /* from listen */
    uint16_t port;
};

static const struct {
    const char *name;
    enum { TEXT, NUMBER, REPEATED } type;
    size_t at; /* in struct arguments */
    const char *help;
} options[] = {
    {"listen", TEXT, offsetof(struct arguments, listen), "ADDRESS:PORT  where; default 127.0.0.1:0 (any free port)"},
    {"port-file", TEXT, offsetof(struct arguments, port_file), "FILE  write the port there when ready"},
    {"generate", TEXT, offsetof(struct arguments, generate), "SPEC  pods=10000,nodes=500,services=1000,endpointslices=auto,...; default: nothing"},
    {"seed", NUMBER, offsetof(struct arguments, seed), "N  of everything generated; default 1"},
    {"load", REPEATED, offsetof(struct arguments, loads), "FILE|FOLDER  objects from JSON or YAML; may be given often"},
    {"churn", NUMBER, offsetof(struct arguments, churn), "N  changes a second over what was generated; default 0"},
    {"history", NUMBER, offsetof(struct arguments, history_events), "N  changes kept for watches, per resource; default 65536"},
    {"history-bytes", NUMBER, offsetof(struct arguments, history_bytes), "N  the same in bytes; default 134217728"},
    {"token", TEXT, offsetof(struct arguments, token), "TEXT  ask every client for this bearer token"},
    {"access", TEXT, offsetof(struct arguments, access), "FILE  users with their tokens, and what they may; JSON or YAML (docs/apisim.md)"},
    {"tls-cert", TEXT, offsetof(struct arguments, tls_cert), "FILE  serve HTTPS; PEM"},
    {"tls-key", TEXT, offsetof(struct arguments, tls_key), "FILE  the certificate's key; PEM"},
    {"fault", REPEATED, offsetof(struct arguments, faults), "SPEC  arm a fault: KIND[,KEY=VALUE ...]; may be given often"},
};

enum { OPTIONS = sizeof options / sizeof *options };

static const char help_control[] =
    "\n"
    "Control, while it runs:\n"
    "  GET  /sim/stats         counters and numbers of objects\n"
    "  GET  /sim/fault         the armed faults; POST arms one (JSON), DELETE [?id=N] disarms\n"
    "  POST /sim/churn         {\"perSecond\":N}\n"
    "  POST /sim/quiesce       stop changing; POST /sim/resume goes on; both tell the resourceVersion\n"
    "  POST /sim/change        {\"count\":N}: make so many changes now\n"
    "  POST /sim/drop-watches  {\"resource\":R, \"how\":\"end\" or \"cut\"}: end every open watch\n"
    "  POST /sim/compact       {\"resource\":R}: forget the history, so that older versions are 410\n"
    "  POST /sim/rewind        {\"by\":N}: go back N versions, as a restored backup does\n"
    "  POST /sim/access        {\"users\":[...], \"rules\":[...]}: other users and rules, at once\n"
    "\n"
    "A fault has a kind and: resource (\"pods\", \"deployments.apps\"), verb (list, watch, get, create ...), count\n"
    "(how often; default always), probability (0 to 1). Kinds, with the further keys they read:\n";

static const char help_end[] = "\nIt runs until SIGTERM or SIGINT. Exit codes: 0 stopped; 1 cannot run (a file, the address); 2 wrong arguments.\n";

static void print_help(void)
{
    struct tarn_buf kinds = {0};

    puts("tarn-apisim: an API server simulator for tests, demos and benchmarks\n");
    for (int i = 0; i < OPTIONS; i++)
        printf("  --%-14s %s\n", options[i].name, options[i].help);
    sim_faults_help(&kinds);
    printf("%s%.*s%s", help_control, (int)kinds.len, kinds.data, help_end);
    tarn_buf_release(&kinds);
}

static int usage(const char *problem, const char *what)
{
    fprintf(stderr, "tarn-apisim: %s%s%s\nSee tarn-apisim --help.\n", problem, what ? " " : "", what ? what : "");
    return 2;
}

static int parse_listen(struct arguments *a)
{
    const char *colon = a->listen ? strrchr(a->listen, ':') : NULL;
    size_t n = colon ? (size_t)(colon - a->listen) : 0;
    unsigned long port;
    char *end;

    strcpy(a->host, "127.0.0.1");
    if (!a->listen)
        return 0;
    port = colon ? strtoul(colon + 1, &end, 10) : 0;
    if (!colon || n >= sizeof a->host || *end || colon[1] == 0 || port > 65535)
        return usage("--listen wants ADDRESS:PORT, not", a->listen);
    if (n > 1 && a->listen[0] == '[' && colon[-1] == ']') /* an IPv6 address */
        (void)snprintf(a->host, sizeof a->host, "%.*s", (int)n - 2, a->listen + 1);
    else if (n)
        (void)snprintf(a->host, sizeof a->host, "%.*s", (int)n, a->listen);
    a->port = (uint16_t)port;
    return 0;
}

static int take_option(struct arguments *a, int i, const char *value)
{
    void *at = (char *)a + options[i].at;
    struct many *many = at;
    char *end;

    if (options[i].type == TEXT) {
        *(const char **)at = value;
    } else if (options[i].type == NUMBER) {
        *(uint64_t *)at = strtoull(value, &end, 10);
        if (*value < '0' || *value > '9' || *end) {
            fprintf(stderr, "tarn-apisim: --%s wants a number, not '%s'\nSee tarn-apisim --help.\n", options[i].name, value);
            return 2;
        }
    } else {
        if (many->n == MANY)
            return usage("given too often: --", options[i].name);
        many->v[many->n++] = value;
    }
    return 0;
}

/* getopt_long has said what is wrong. */
static int usage_told(void)
{
    fputs("See tarn-apisim --help.\n", stderr);
    return 2;
}

/* 0, an exit code, or -1: the help was asked for and printed. */
static int parse_arguments(int argc, char **argv, struct arguments *a)
{
    struct option names[OPTIONS + 2] = {[OPTIONS] = {"help", no_argument, NULL, 'H'}};
    int rc = 0, at;

    argv[0] = "tarn-apisim"; /* getopt_long begins its messages with it */
    for (int i = 0; i < OPTIONS; i++)
        names[i] = (struct option){options[i].name, required_argument, NULL, 'o'};
    for (int o; rc == 0 && (o = getopt_long(argc, argv, "", names, &at)) != -1;) {
        if (o == 'H') {
            print_help();
            return -1;
        }
        rc = o == 'o' ? take_option(a, at, optarg) : usage_told();
    }
    if (rc)
        return rc;
    if (optind < argc)
        return usage("unexpected argument", argv[optind]);
    if (!a->tls_cert != !a->tls_key)
        return usage("give both --tls-cert and --tls-key", NULL);
    return parse_listen(a);
}

static void on_signal(uv_signal_t *s, int signum)
{
    (void)signum;
    uv_stop(s->loop);
}

static int write_port_file(const char *path, uint16_t port)
{
    char temporary[4096];
    FILE *f;

    (void)snprintf(temporary, sizeof temporary, "%s.new", path);
    f = fopen(temporary, "w");
    if (!f || fprintf(f, "%u\n", port) < 0 || fclose(f) || rename(temporary, path)) {
        fprintf(stderr, "tarn-apisim: cannot write the port file %s: %s\n", path, strerror(errno));
        return -1;
    }
    return 0;
}

static char *read_text(const char *path)
{
    FILE *f = fopen(path, "r");
    struct tarn_buf b = {0};
    char chunk[4096];

    for (size_t n; f && (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        sim_put(&b, chunk, n);
    if (!f || ferror(f)) {
        fprintf(stderr, "tarn-apisim: cannot read %s: %s\n", path, strerror(errno));
        tarn_buf_release(&b);
    } else {
        sim_put(&b, "", 1);
    }
    if (f)
        (void)fclose(f);
    return b.data;
}

static int load_access(struct sim_access *access, const struct arguments *a)
{
    struct tarn_error err;

    if (!a->access || sim_access_load(access, a->access, &err) == 0)
        return 0;
    fprintf(stderr, "tarn-apisim: --access: %s\n", err.message);
    return 1;
}

static bool loses(void *ctx, const struct sim_resource *r)
{
    return sim_faults_hit(ctx, SIM_FAULT_LOST_EVENT, r->name, "watch") != NULL;
}

static int arm_faults(struct sim_api *api, const struct arguments *a)
{
    struct tarn_error err;
    unsigned id;

    api->faults = sim_faults_new(a->seed);
    api->world->loses = loses;
    api->world->loses_ctx = api->faults;
    for (unsigned i = 0; i < a->faults.n; i++)
        if (sim_faults_add(api->faults, a->faults.v[i], &id, &err))
            return usage(err.message, NULL);
    return 0;
}

static int load_all(struct sim_world *w, const struct arguments *a)
{
    struct tarn_error err;

    for (unsigned i = 0; i < a->loads.n; i++)
        if (sim_load(w, a->loads.v[i], &err)) {
            fprintf(stderr, "tarn-apisim: cannot load %s\n", err.message);
            return 1;
        }
    return 0;
}

static void on_reap(uv_timer_t *timer)
{
    sim_delete_reap(timer->data);
}

/* Run the loop until a signal. */
static void run(uv_loop_t *loop, struct sim_api *api)
{
    uv_timer_t reaper = {.data = api};
    uv_signal_t signals[2];

    for (int i = 0; i < 2; i++) {
        (void)uv_signal_init(loop, &signals[i]);
        (void)uv_signal_start(&signals[i], on_signal, i ? SIGINT : SIGTERM);
    }
    (void)uv_timer_init(loop, &reaper);
    (void)uv_timer_start(&reaper, on_reap, 100, 100);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&reaper, NULL);
    for (int i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&signals[i], NULL);
    sim_http_free(api->http);
    sim_churn_free(api->churn);
    uv_run(loop, UV_RUN_DEFAULT); /* until everything is closed */
}

static int serve(uv_loop_t *loop, const struct arguments *a, struct sim_api *api)
{
    char *cert = a->tls_cert ? read_text(a->tls_cert) : NULL, *key = a->tls_key ? read_text(a->tls_key) : NULL;
    struct sim_http_options o = {.host = a->host, .port = a->port, .tls_cert = cert, .tls_key = key,
                                 .handle = sim_api_handle, .ctx = api};
    struct tarn_error err = {0};
    int rc = 1;

    if ((a->tls_cert && !cert) || (a->tls_key && !key)) {
        /* told */
    } else if (sim_http_new(loop, &o, &api->http, &err)) {
        fprintf(stderr, "tarn-apisim: %s\n", err.message);
    } else {
        rc = a->port_file ? -write_port_file(a->port_file, sim_http_port(api->http)) : 0;
        if (rc == 0) {
            printf("listening on http%s://%s:%u\n", cert ? "s" : "", a->host, sim_http_port(api->http));
            fflush(stdout);
            if (api->generator)
                api->churn = sim_churn_new(loop, api->generator, (uint32_t)a->churn);
        } else {
            uv_stop(loop);
        }
        run(loop, api);
    }
    free(cert);
    free(key);
    return rc;
}

int main(int argc, char **argv)
{
    struct arguments a = {.seed = 1};
    struct sim_generate_options g = {0};
    struct sim_world world;
    struct sim_api api = {.world = &world};
    struct tarn_error err;
    uv_loop_t loop;
    int rc = parse_arguments(argc, argv, &a);

    if (rc)
        return rc < 0 ? 0 : rc;
    g.seed = a.seed;
    if (a.generate && sim_generate_parse(a.generate, &g, &err))
        return usage(err.message, NULL);
    signal(SIGPIPE, SIG_IGN);
    sim_world_init(&world, &(struct sim_world_options){.history_events = a.history_events,
                                                       .history_bytes = a.history_bytes, .seed = a.seed});
    sim_generate_basics(&world);
    uv_loop_init(&loop);
    if (a.generate) {
        api.generator = sim_generator_new(&world, &g);
        sim_world_compact(&world, NULL); /* a server that just started remembers nothing */
    }
    if (a.token)
        sim_access_add_admin(&api.access, a.token);
    rc = load_access(&api.access, &a);
    if (rc == 0)
        rc = load_all(&world, &a);
    if (rc == 0)
        rc = arm_faults(&api, &a);
    if (rc == 0)
        rc = serve(&loop, &a, &api);
    sim_delete_release(&api);
    sim_faults_free(api.faults);
    sim_generator_free(api.generator);
    sim_world_release(&world);
    sim_access_release(&api.access);
    uv_loop_close(&loop);
    return rc;
}
