/* The rival: a program as they are without tarn. It LISTs what it needs from the API server itself, decodes the JSON
 * into a tree of its own, holds that, and decodes services and endpointslices again every second.
 *
 *     example-own-copy --server http://127.0.0.1:8001 --resource pods --resource services
 *
 * Prints one JSON line when its copy is loaded and one per second; ends at SIGTERM. For comparing memory (PSS) and CPU.
 */
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>
#include <jansson.h>

enum { RESOURCES_MAX = 32, PAGE = 500, TEXT = 1024 };

struct resource {
    const char *name;
    char base[TEXT];  /* "/api/v1", "/apis/discovery.k8s.io/v1" */
    char plural[256]; /* "endpointslices" */
    json_t *items;    /* our copy: an array of trees */
};

struct rival {
    const char *server;
    CURL *curl;
    struct resource resources[RESOURCES_MAX];
    int nresources;
};

struct body {
    char *data;
    size_t len;
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
    (void)sig;
    stop = 1;
}

static size_t append(void *data, size_t size, size_t n, void *ctx)
{
    struct body *b = ctx;
    char *grown = realloc(b->data, b->len + size * n);

    if (!grown)
        return 0;
    b->data = grown;
    memcpy(b->data + b->len, data, size * n);
    b->len += size * n;
    return size * n;
}

/* GET path as a JSON tree; NULL after a message. */
static json_t *fetch(struct rival *r, const char *path)
{
    struct body body = {0};
    char url[2 * TEXT];
    json_error_t why;
    json_t *json = NULL;
    CURLcode code;
    long status = 0;

    snprintf(url, sizeof url, "%s%s", r->server, path);
    curl_easy_setopt(r->curl, CURLOPT_URL, url);
    curl_easy_setopt(r->curl, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(r->curl, CURLOPT_WRITEDATA, &body);
    code = curl_easy_perform(r->curl);
    curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK)
        fprintf(stderr, "GET %s: %s\n", url, curl_easy_strerror(code));
    else if (status != 200)
        fprintf(stderr, "GET %s: HTTP %ld: %.*s\n", url, status, (int)(body.len < 200 ? body.len : 200), body.data);
    else if (!(json = json_loadb(body.data, body.len, 0, &why)))
        fprintf(stderr, "GET %s: %s\n", url, why.text);
    free(body.data);
    return json;
}

/* Where the resource is served: groups have a preferred version. */
static int locate(struct rival *r, struct resource *res)
{
    const char *dot = strchr(res->name, '.');
    char path[TEXT];
    json_t *group;
    const char *version;

    snprintf(res->plural, sizeof res->plural, "%.*s", (int)strcspn(res->name, "."), res->name);
    snprintf(res->base, sizeof res->base, "/api/v1");
    if (!dot)
        return 0;
    snprintf(path, sizeof path, "/apis/%s", dot + 1);
    group = fetch(r, path);
    if (!group)
        return -1;
    version = json_string_value(json_object_get(json_object_get(group, "preferredVersion"), "groupVersion"));
    if (version)
        snprintf(res->base, sizeof res->base, "/apis/%s", version);
    json_decref(group);
    return version ? 0 : -1;
}

/* One page behind `cont`; its items join `items`. The next continue token goes to `cont`, empty at the end. */
static int load_page(struct rival *r, const struct resource *res, json_t *items, char *cont)
{
    char path[3 * TEXT], *escaped = curl_easy_escape(r->curl, cont, 0);
    json_t *page;
    const char *next;

    snprintf(path, sizeof path, "%s/%s?limit=%d%s%s", res->base, res->plural, PAGE, *cont ? "&continue=" : "", escaped ? escaped : "");
    curl_free(escaped);
    page = fetch(r, path);
    if (!page)
        return -1;
    json_array_extend(items, json_object_get(page, "items"));
    next = json_string_value(json_object_get(json_object_get(page, "metadata"), "continue"));
    snprintf(cont, TEXT, "%s", next ? next : "");
    json_decref(page);
    return 0;
}

/* LIST it all and take the new copy in place of the old one. */
static int load(struct rival *r, struct resource *res)
{
    json_t *items = json_array();
    char cont[TEXT] = "";

    do {
        if (!items || load_page(r, res, items, cont) != 0) {
            json_decref(items);
            return -1;
        }
    } while (*cont);
    json_decref(res->items);
    res->items = items;
    return 0;
}

static bool is_reloaded(const struct resource *res)
{
    return strcmp(res->plural, "services") == 0 || strcmp(res->plural, "endpointslices") == 0;
}

static void report(const struct rival *r, const char *what)
{
    size_t n = 0;

    for (int i = 0; i < r->nresources; i++)
        n += json_array_size(r->resources[i].items);
    printf("{\"event\":\"%s\",\"objects\":%zu,\"held_as\":\"JSON tree (jansson)\"}\n", what, n);
    fflush(stdout);
}

static int run(struct rival *r)
{
    for (int i = 0; i < r->nresources; i++)
        if (locate(r, &r->resources[i]) != 0 || load(r, &r->resources[i]) != 0)
            return 1;
    report(r, "loaded");
    while (!stop) {
        sleep(1);
        for (int i = 0; i < r->nresources && !stop; i++)
            if (is_reloaded(&r->resources[i]))
                (void)load(r, &r->resources[i]); /* the old copy stays if it fails, as an informer's would */
        report(r, "reloaded");
    }
    return 0;
}

static void usage(FILE *to)
{
    fputs("usage: example-own-copy --server URL --resource R [--resource R ...]\n"
          "Hold an own decoded copy of these resources, as a program without tarn does; one JSON line per second.\n"
          "  --server URL    the API server, plain HTTP or with a certificate that the system trusts\n"
          "  --resource R    pods, services, endpointslices.discovery.k8s.io ...\n",
          to);
}

static int parse(int argc, char **argv, struct rival *r)
{
    static const struct option options[] = {
        {"server", required_argument, 0, 's'}, {"resource", required_argument, 0, 'r'}, {"help", no_argument, 0, 'h'}, {0}};
    int opt;

    while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (opt == 'h') {
            usage(stdout);
            exit(0);
        } else if (opt == 's') {
            r->server = optarg;
        } else if (opt == 'r' && r->nresources < RESOURCES_MAX) {
            r->resources[r->nresources++].name = optarg;
        } else {
            return -1;
        }
    }
    return r->server && r->nresources && optind == argc ? 0 : -1;
}

int main(int argc, char **argv)
{
    static struct rival r;
    int code;

    if (parse(argc, argv, &r) != 0) {
        usage(stderr);
        return 2;
    }
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    r.curl = curl_easy_init();
    code = r.curl ? run(&r) : 1;
    for (int i = 0; i < r.nresources; i++)
        json_decref(r.resources[i].items);
    curl_easy_cleanup(r.curl);
    curl_global_cleanup();
    return code;
}
