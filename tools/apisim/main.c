/* main.c - tarn-apisim: read the command line, fill the world, serve until a signal. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sim_api.h"
#include "sim_churn.h"
#include "sim_fault.h"
#include "sim_load.h"
#include "sim_write.h"

struct arguments {
    const char *host, *port_file, *generate, *token, *tls_cert, *tls_key;
    uint16_t port;
    uint64_t seed, history_events, history_bytes;
    uint32_t churn;
    const char *faults[32], *loads[32];
    unsigned nfaults, nloads;
};

static const char help[] =
    "tarn-apisim: an API server simulator for tests, demos and benchmarks\n"
    "\n"
    "  --listen ADDRESS:PORT   default 127.0.0.1:0 (any free port)\n"
    "  --port-file FILE        write the port there when ready\n"
    "  --generate SPEC         pods=10000,nodes=500,services=1000,endpointslices=auto,...\n"
    "  --seed N                of everything generated (default 1)\n"
    "  --load FILE|FOLDER      objects from JSON or YAML (lists, single objects, many documents); may be given often\n"
    "  --churn N               changes a second over what was generated\n"
    "  --history N             changes kept for watches, per resource (default 65536)\n"
    "  --history-bytes N       the same in bytes (default 134217728)\n"
    "  --token TEXT            ask every client for this bearer token\n"
    "  --tls-cert FILE --tls-key FILE   serve HTTPS\n"
    "  --fault SPEC            arm a fault: KIND[,KEY=VALUE ...]; may be given often\n"
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
    "\n"
    "A fault has a kind and: resource (\"pods\", \"deployments.apps\"), verb (list, watch, get, create ...), count\n"
    "(how often; default always), probability (0 to 1). Kinds, with the further keys they read:\n";

static void print_help(void)
{
    struct tarn_buf kinds = {0};

    sim_faults_help(&kinds);
    printf("%s%.*s", help, (int)kinds.len, kinds.data);
    tarn_buf_release(&kinds);
}

static int usage(const char *problem, const char *what)
{
    fprintf(stderr, "tarn-apisim: %s%s%s\nSee tarn-apisim --help.\n", problem, what ? " " : "", what ? what : "");
    return 2;
}

static int parse_listen(const char *text, struct arguments *a)
{
    static char host[256];
    const char *colon = strrchr(text, ':');
    char *end;
    unsigned long port;

    if (!colon || (size_t)(colon - text) >= sizeof host)
        return -1;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = 0;
    port = strtoul(colon + 1, &end, 10);
    if (*end || colon[1] == 0 || port > 65535)
        return -1;
    if (host[0] == '[' && host[strlen(host) - 1] == ']') {
        memmove(host, host + 1, strlen(host));
        host[strlen(host) - 1] = 0;
    }
    a->host = *host ? host : "127.0.0.1";
    a->port = (uint16_t)port;
    return 0;
}

static int parse_arguments(int argc, char **argv, struct arguments *a)
{
    static const struct option options[] = {
        {"listen", required_argument, NULL, 'l'}, {"port-file", required_argument, NULL, 'p'},
        {"generate", required_argument, NULL, 'g'}, {"seed", required_argument, NULL, 's'},
        {"churn", required_argument, NULL, 'c'}, {"history", required_argument, NULL, 'h'},
        {"history-bytes", required_argument, NULL, 'b'}, {"token", required_argument, NULL, 't'},
        {"tls-cert", required_argument, NULL, 'C'}, {"tls-key", required_argument, NULL, 'K'},
        {"fault", required_argument, NULL, 'f'}, {"load", required_argument, NULL, 'L'},
        {"help", no_argument, NULL, 'H'}, {0},
    };

    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (o) {
        case 'l':
            if (parse_listen(optarg, a))
                return usage("--listen wants ADDRESS:PORT, not", optarg);
            break;
        case 'p': a->port_file = optarg; break;
        case 'g': a->generate = optarg; break;
        case 's': a->seed = strtoull(optarg, NULL, 10); break;
        case 'c': a->churn = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'h': a->history_events = strtoull(optarg, NULL, 10); break;
        case 'b': a->history_bytes = strtoull(optarg, NULL, 10); break;
        case 't': a->token = optarg; break;
        case 'f':
            if (a->nfaults == sizeof a->faults / sizeof *a->faults)
                return usage("too many --fault", NULL);
            a->faults[a->nfaults++] = optarg;
            break;
        case 'L':
            if (a->nloads == sizeof a->loads / sizeof *a->loads)
                return usage("too many --load", NULL);
            a->loads[a->nloads++] = optarg;
            break;
        case 'C': a->tls_cert = optarg; break;
        case 'K': a->tls_key = optarg; break;
        case 'H': print_help(); return -1;
        default: return usage("see above", NULL);
        }
    }
    if (!a->tls_cert != !a->tls_key)
        return usage("give both --tls-cert and --tls-key", NULL);
    return optind < argc ? usage("unexpected argument", argv[optind]) : 0;
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
        perror(path);
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
        perror(path);
        tarn_buf_release(&b);
    } else {
        sim_put(&b, "", 1);
    }
    if (f)
        (void)fclose(f);
    return b.data;
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
    for (unsigned i = 0; i < a->nfaults; i++)
        if (sim_faults_add(api->faults, a->faults[i], &id, &err))
            return usage(err.message, NULL);
    return 0;
}

static int load_all(struct sim_world *w, const struct arguments *a)
{
    struct tarn_error err;

    for (unsigned i = 0; i < a->nloads; i++)
        if (sim_load(w, a->loads[i], &err)) {
            fprintf(stderr, "tarn-apisim: cannot load %s\n", err.message);
            return 1;
        }
    return 0;
}

static void on_reap(uv_timer_t *timer)
{
    sim_write_reap(timer->data);
}

static int serve(uv_loop_t *loop, const struct arguments *a, struct sim_api *api)
{
    struct sim_http_options o = {.host = a->host, .port = a->port, .handle = sim_api_handle, .ctx = api};
    uv_signal_t signals[2];
    uv_timer_t reaper = {.data = api};
    char *cert = a->tls_cert ? read_text(a->tls_cert) : NULL, *key = a->tls_key ? read_text(a->tls_key) : NULL;
    struct tarn_error err;

    if ((a->tls_cert && !cert) || (a->tls_key && !key))
        return 1;
    o.tls_cert = cert;
    o.tls_key = key;
    if (sim_http_new(loop, &o, &api->http, &err)) {
        fprintf(stderr, "tarn-apisim: %s\n", err.message);
        return 1;
    }
    if (a->port_file && write_port_file(a->port_file, sim_http_port(api->http)))
        return 1;
    printf("listening on http%s://%s:%u\n", cert ? "s" : "", a->host, sim_http_port(api->http));
    fflush(stdout);
    for (int i = 0; i < 2; i++) {
        (void)uv_signal_init(loop, &signals[i]);
        (void)uv_signal_start(&signals[i], on_signal, i ? SIGINT : SIGTERM);
    }
    if (api->generator)
        api->churn = sim_churn_new(loop, api->generator, a->churn);
    (void)uv_timer_init(loop, &reaper);
    (void)uv_timer_start(&reaper, on_reap, 100, 100);
    uv_run(loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&reaper, NULL);
    for (int i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&signals[i], NULL);
    sim_http_free(api->http);
    sim_churn_free(api->churn);
    uv_run(loop, UV_RUN_DEFAULT);
    free(cert);
    free(key);
    return 0;
}

int main(int argc, char **argv)
{
    struct arguments a = {.host = "127.0.0.1", .seed = 1};
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
    api.token = a.token;
    rc = load_all(&world, &a);
    if (rc == 0)
        rc = arm_faults(&api, &a);
    if (rc == 0)
        rc = serve(&loop, &a, &api);
    sim_faults_free(api.faults);
    sim_generator_free(api.generator);
    sim_world_release(&world);
    uv_loop_close(&loop);
    return rc;
}
