/* The rival: a program as they are without tarn. It LISTs what it needs from the API server itself, decodes it, holds a
 * copy of its own, and decodes services and endpointslices again every second.
 *
 *     example-own-copy --server http://127.0.0.1:8001 --resource pods --resource services
 *
 * It is a strong rival: pages are decoded as they arrive, by the library's own transcoder, into its compact objects with
 * managedFields dropped, as the agent does it. (client-go's typed objects take about 20 KB a pod, JSON trees 50 KB and more.)
 * Prints one JSON line when its copy is loaded and one per second; ends at SIGTERM. For comparing memory (PSS) and CPU.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <curl/curl.h>

#include <tarn/cache.h>
#include <tarn/tarn.h>
#include <tarn/transcode.h>

enum { RESOURCES_MAX = 32, PAGE = 500, TEXT = 1024 };

struct resource {
    const char *name;
    char base[TEXT];  /* "/api/v1", "/apis/discovery.k8s.io/v1" */
    char plural[256]; /* "endpointslices" */
    struct tarn_indexer *copy;
};

struct rival {
    const char *server;
    CURL *curl;
    struct resource resources[RESOURCES_MAX];
    int nresources;
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
    (void)sig;
    stop = 1;
}

/* ---- HTTP ------------------------------------------------------------------------------------------------ */

/* GET path; each piece of the body goes to take(data, 1, n, ctx), which returns n. 0 or -1 after a message. */
static int fetch(struct rival *r, const char *path, curl_write_callback take, void *ctx)
{
    char url[4 * TEXT];
    CURLcode code;
    long status = 0;

    snprintf(url, sizeof url, "%s%s", r->server, path);
    curl_easy_setopt(r->curl, CURLOPT_URL, url);
    curl_easy_setopt(r->curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(r->curl, CURLOPT_WRITEDATA, ctx);
    curl_easy_setopt(r->curl, CURLOPT_FAILONERROR, 1L);
    code = curl_easy_perform(r->curl);
    curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK)
        return 0;
    fprintf(stderr, "GET %s: HTTP %ld: %s\n", url, status, curl_easy_strerror(code));
    return -1;
}

static size_t take_text(char *data, size_t size, size_t n, void *ctx)
{
    return tarn_buf_add(ctx, data, size * n) == 0 ? size * n : 0;
}

static size_t take_list(char *data, size_t size, size_t n, void *ctx)
{
    struct tarn_error err = {0};

    if (tarn_transcoder_feed(ctx, data, size * n, &err) == 0)
        return size * n;
    fprintf(stderr, "%s\n", err.message);
    return 0;
}

/* ---- discovery: groups have a preferred version -------------------------------------------------------------- */

static int preferred_version(struct rival *r, const char *group, char *ret, size_t room)
{
    const struct tarn_object *doc = NULL;
    struct tarn_buf body = {0};
    struct tarn_value v;
    char path[TEXT];
    int ok = -1;

    snprintf(path, sizeof path, "/apis/%s", group);
    if (fetch(r, path, take_text, &body) == 0 && tarn_object_from_json(tarn_buf_bytes(&body), &doc, NULL) == 0 &&
        tarn_value_parse(tarn_object_body(doc), &v) == 0 && tarn_value_get(&v, "preferredVersion.groupVersion", &v) == 0 &&
        v.type == TARN_STRING) {
        snprintf(ret, room, "/apis/%.*s", TARN_BYTES_ARG(v.string));
        ok = 0;
    }
    tarn_object_unref(doc);
    tarn_buf_release(&body);
    return ok;
}

static int locate(struct rival *r, struct resource *res)
{
    const char *dot = strchr(res->name, '.');

    snprintf(res->plural, sizeof res->plural, "%.*s", (int)strcspn(res->name, "."), res->name);
    snprintf(res->base, sizeof res->base, "/api/v1");
    return dot ? preferred_version(r, dot + 1, res->base, sizeof res->base) : 0;
}

/* ---- the copy -------------------------------------------------------------------------------------------------- */

struct page {
    struct tarn_store *store;
    char cont[TEXT]; /* of the next page; empty at the end */
    char version[64];
};

static int on_object(void *ctx, struct tarn_bytes type, const struct tarn_object *obj)
{
    struct page *p = ctx;

    (void)type;
    return p->store->ops->replace_add(p->store, obj, NULL);
}

static int on_list_end(void *ctx, const struct tarn_list_meta *meta)
{
    struct page *p = ctx;

    snprintf(p->cont, sizeof p->cont, "%.*s", TARN_BYTES_ARG(meta->cont));
    snprintf(p->version, sizeof p->version, "%.*s", TARN_BYTES_ARG(meta->resource_version));
    return 0;
}

/* One page into the store. */
static int load_page(struct rival *r, const struct resource *res, struct tarn_transcoder *t, struct page *p)
{
    char path[3 * TEXT], *escaped = curl_easy_escape(r->curl, p->cont, 0);

    snprintf(path, sizeof path, "%s/%s?limit=%d%s%s", res->base, res->plural, PAGE, *p->cont ? "&continue=" : "", escaped ? escaped : "");
    curl_free(escaped);
    p->cont[0] = 0;
    tarn_transcoder_reset(t);
    return fetch(r, path, take_list, t) == 0 && tarn_transcoder_end(t, NULL) == 0 ? 0 : -1;
}

/* LIST it all, then take the new copy in place of the old one. */
static int load(struct rival *r, struct resource *res)
{
    static const char *const drop[] = {"metadata.managedFields"};
    struct page p = {.store = &res->copy->store};
    struct tarn_transcode_sink sink = {.on_object = on_object, .on_list_end = on_list_end, .ctx = &p};
    struct tarn_transcode_options o = {.mode = TARN_TRANSCODE_LIST, .projection = {.drop = drop, .ndrop = 1}};
    struct tarn_transcoder *t;
    int code;

    if (tarn_transcoder_new(&o, &sink, &t, NULL) != 0 || p.store->ops->replace_begin(p.store, NULL) != 0)
        return -1;
    do
        code = load_page(r, res, t, &p);
    while (code == 0 && *p.cont);
    if (code == 0)
        code = p.store->ops->replace_commit(p.store, tarn_bytes_of(p.version), NULL);
    else
        p.store->ops->replace_abort(p.store);
    tarn_transcoder_free(t);
    return code;
}

static bool is_reloaded(const struct resource *res)
{
    return strcmp(res->plural, "services") == 0 || strcmp(res->plural, "endpointslices") == 0;
}

static void report(const struct rival *r, const char *what)
{
    size_t n = 0;

    for (int i = 0; i < r->nresources; i++)
        n += tarn_cache_count(r->resources[i].copy);
    printf("{\"event\":\"%s\",\"objects\":%zu,\"held_as\":\"compact objects of an own cache, managedFields dropped\"}\n", what, n);
    fflush(stdout);
}

static int start(struct rival *r)
{
    struct tarn_error err = {0};

    for (int i = 0; i < r->nresources; i++) {
        struct resource *res = &r->resources[i];

        if (tarn_cache_new(&(struct tarn_cache_options){0}, &res->copy, &err) != 0) {
            fprintf(stderr, "%s\n", err.message);
            return -1;
        }
        if (locate(r, res) != 0 || load(r, res) != 0)
            return -1;
    }
    report(r, "loaded");
    return 0;
}

static int run(struct rival *r)
{
    if (start(r) != 0)
        return 1;
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
        if (r.resources[i].copy)
            tarn_store_free(&r.resources[i].copy->store);
    curl_easy_cleanup(r.curl);
    curl_global_cleanup();
    return code;
}
