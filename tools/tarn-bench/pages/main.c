/* tarn-pages - an API server that hands out what it encoded before, as fast as its client takes it, over TLS if wanted.
 *
 *     tarn-pages --pods FILE --port-file FILE [--objects N] [--resources N] [--events] [--tls-cert FILE --tls-key FILE]
 *
 * It serves v1 resources pods, pods1, pods2 ... (all of real pods): LIST in pages, and WATCH, which with --events never stops
 * sending changes and else is silent. Only what a mirroring agent asks is answered. A thread for each connection.
 */
#include <getopt.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pods.h"

#define PAGE 500
#define LAP 256
#define BLOCK (256u << 10)
#define FIRST_RV 1000000000u

static struct {
    const char *pods_file, *port_file;
    uint64_t objects;
    unsigned resources;
    bool events;
    char *cert, *key;
    struct pods pods;
    struct run page, lap;
} server = {.objects = 10000, .resources = 1};

/* ---- answers --------------------------------------------------------------------------------------- */

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, char *text, size_t len)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
    enum MHD_Result rc;

    if (!r)
        return MHD_NO;
    (void)MHD_add_response_header(r, "Content-Type", "application/json");
    rc = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return rc;
}

static enum MHD_Result answer_status(struct MHD_Connection *c, unsigned code, const char *reason)
{
    char *text = NULL;
    int n = asprintf(&text, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":\"%s\",\"reason\":\"%s\",\"code\":%u}", reason, reason, code);

    return n < 0 ? MHD_NO : answer(c, code, text, (size_t)n);
}

static enum MHD_Result answer_resources(struct MHD_Connection *c)
{
    size_t room = 256 + (size_t)server.resources * 160, n;
    char *text = malloc(room);

    if (!text)
        return MHD_NO;
    n = (size_t)sprintf(text, "{\"kind\":\"APIResourceList\",\"groupVersion\":\"v1\",\"resources\":[");
    for (unsigned i = 0; i < server.resources; i++) {
        char number[16] = "";

        if (i)
            (void)snprintf(number, sizeof number, "%u", i);
        n += (size_t)sprintf(text + n, "%s{\"name\":\"pods%s\",\"singularName\":\"\",\"namespaced\":true,\"kind\":\"Pod\",\"verbs\":[\"list\",\"watch\"]}", i ? "," : "", number);
    }
    n += (size_t)sprintf(text + n, "]}");
    return answer(c, 200, text, n);
}

static enum MHD_Result answer_page(struct MHD_Connection *c, uint64_t first)
{
    uint64_t left = server.objects - first, next = first + PAGE;
    size_t n = left < PAGE ? (size_t)left : PAGE, items, len;
    char *text = malloc(server.page.len + 512);
    char *at = text;

    if (!text)
        return MHD_NO;
    at += sprintf(at, "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"%u\"", FIRST_RV);
    if (next < server.objects)
        at += sprintf(at, ",\"continue\":\"%llu\",\"remainingItemCount\":%llu", (unsigned long long)next, (unsigned long long)(server.objects - next));
    at += sprintf(at, "},\"items\":[");
    /* up to the comma before the next pod, or the end */
    items = n < PAGE ? server.page.name_at[n] - (server.page.name_at[0] + 1) : server.page.len;
    memcpy(at, server.page.text, items);
    for (size_t i = 0; i < n; i++)
        run_number(&server.page, at, i, first + i, FIRST_RV - server.objects + first + i);
    len = (size_t)(at - text) + items;
    memcpy(text + len, "]}", 2);
    return answer(c, 200, text, len + 2);
}

/* ---- watches ------------------------------------------------------------------------------------------ */

struct watch {
    char *text; /* a copy of the lap */
    size_t at;
    uint64_t rv;
};

static void next_lap(struct watch *w)
{
    for (size_t i = 0; i < LAP; i++, w->rv++)
        run_number(&server.lap, w->text, i, w->rv % server.objects, w->rv);
    w->at = 0;
}

static ssize_t on_read(void *ctx, uint64_t pos, char *buf, size_t max)
{
    struct watch *w = ctx;
    size_t n = server.lap.len - w->at;

    (void)pos;
    if (!server.events) {
        (void)sleep(3600); /* this connection's own thread */
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    n = n < max ? n : max;
    memcpy(buf, w->text + w->at, n);
    w->at += n;
    if (w->at == server.lap.len)
        next_lap(w);
    return (ssize_t)n;
}

static void on_free(void *ctx)
{
    struct watch *w = ctx;

    free(w->text);
    free(w);
}

static enum MHD_Result answer_watch(struct MHD_Connection *c)
{
    struct watch *w = calloc(1, sizeof *w);
    struct MHD_Response *r;
    enum MHD_Result rc;

    if (!w)
        return MHD_NO;
    w->text = malloc(server.lap.len);
    w->rv = FIRST_RV + 1;
    memcpy(w->text, server.lap.text, server.lap.len);
    next_lap(w);
    r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_read, w, on_free);
    if (!r)
        return MHD_NO;
    (void)MHD_add_response_header(r, "Content-Type", "application/json");
    rc = MHD_queue_response(c, 200, r);
    MHD_destroy_response(r);
    return rc;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method, const char *version, const char *body,
                                  size_t *body_len, void **state)
{
    const char *cont = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "continue");

    (void)ctx, (void)version, (void)body, (void)body_len, (void)state;
    if (strcmp(method, "GET") != 0)
        return answer_status(c, 405, "MethodNotAllowed");
    if (strcmp(url, "/api/v1") == 0)
        return answer_resources(c);
    if (strncmp(url, "/api/v1/pods", 12) != 0)
        return answer_status(c, 404, "NotFound");
    if (MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "sendInitialEvents"))
        return answer_status(c, 422, "Invalid");
    if (MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "watch"))
        return answer_watch(c);
    return answer_page(c, cont ? strtoull(cont, NULL, 10) % server.objects : 0);
}

/* ---- the program --------------------------------------------------------------------------------------- */

static char *read_text(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = calloc(1, 65536);

    if (!f || !text || !fread(text, 1, 65535, f)) {
        (void)fprintf(stderr, "tarn-pages: cannot read %s\n", path);
        exit(1);
    }
    (void)fclose(f);
    return text;
}

static int usage(void)
{
    (void)fprintf(stderr, "usage: tarn-pages --pods FILE --port-file FILE [--objects N] [--resources N] [--events] [--tls-cert FILE --tls-key FILE]\n");
    return 2;
}

static struct MHD_Daemon *listen_now(void)
{
    unsigned flags = MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | (server.cert ? MHD_USE_TLS : 0);
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, server.cert}, {MHD_OPTION_HTTPS_MEM_KEY, 0, server.key}, {MHD_OPTION_END, 0, NULL}};

    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, NULL, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(4 * BLOCK), MHD_OPTION_ARRAY,
                            server.cert ? tls : tls + 2, MHD_OPTION_END);
}

static int run(void)
{
    struct MHD_Daemon *d;
    FILE *f;
    sigset_t ends;
    int number;

    if (pods_load(&server.pods, server.pods_file) || run_make(&server.page, &server.pods, PAGE, "", ",", 0) ||
        run_make(&server.lap, &server.pods, LAP, "{\"type\":\"MODIFIED\",\"object\":", "}\n", 1))
        return 1;
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &ends, NULL);
    d = listen_now();
    if (!d) {
        (void)fprintf(stderr, "tarn-pages: cannot listen\n");
        return 1;
    }
    f = fopen(server.port_file, "w");
    if (!f || fprintf(f, "%u\n", MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT)->port) < 0 || fclose(f))
        return 1;
    (void)sigwait(&ends, &number);
    _exit(0); /* its threads may sit in watches */
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {{"pods", required_argument, NULL, 'p'},     {"port-file", required_argument, NULL, 'f'}, {"objects", required_argument, NULL, 'o'},
                                          {"resources", required_argument, NULL, 'r'}, {"events", no_argument, NULL, 'e'},        {"tls-cert", required_argument, NULL, 'c'},
                                          {"tls-key", required_argument, NULL, 'k'},   {0}};
    int c;

    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1)
        switch (c) {
        case 'p': server.pods_file = optarg; break;
        case 'f': server.port_file = optarg; break;
        case 'o': server.objects = strtoull(optarg, NULL, 10); break;
        case 'r': server.resources = (unsigned)strtoul(optarg, NULL, 10); break;
        case 'e': server.events = true; break;
        case 'c': server.cert = read_text(optarg); break;
        case 'k': server.key = read_text(optarg); break;
        default: return usage();
        }
    if (!server.pods_file || !server.port_file || !server.objects || !server.resources || !server.cert != !server.key)
        return usage();
    return run();
}
