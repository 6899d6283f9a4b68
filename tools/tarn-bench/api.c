/* api.c - the read API: LISTs of tarnd beside those of the server that it mirrors, by one client; and many watchers (api_watchers.c).
 *
 * The server is tarn-apisim, and a real kube-apiserver where tools/interop has built one (tests/interop/apiserver; else SKIPPED): it and tarnd
 * then hold the same pods with nothing dropped, and both answer over TLS, on one kept connection. A LIST is asked for at resourceVersion 0, which
 * is the fastest that a server has: from its memory. The best of some is told, since other programs may run meanwhile.
 */
#include "api.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define LISTS 9
#define LIST_PATH "/api/v1/pods?resourceVersion=0"
#define LIST_TEXT "LIST of pods"
#define PODS_FILE TARN_TEST_DATA "/protocol/pods.json"
#define INTEROP TARN_TEST_DATA "/../interop"

/* ---- the agent --------------------------------------------------------------------------------------- */

/* A port that is free now. */
static unsigned free_port(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) || getsockname(fd, (struct sockaddr *)&at, &len))
        at.sin_port = 0;
    if (fd >= 0)
        (void)close(fd);
    return ntohs(at.sin_port);
}

static int make_certificate(const char *dir)
{
    char command[4 * PATH_BYTES];

    (void)snprintf(command, sizeof command,
                   "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout '%s/api.key' -out '%s/api.crt' -subj /CN=bench "
                   "-addext subjectAltName=IP:127.0.0.1 >'%s/openssl' 2>&1",
                   dir, dir, dir);
    return system(command) ? -1 : 0;
}

static int write_config(struct api_pair *a, const char *drop)
{
    const char *dir = a->pair.dir;
    unsigned port = free_port();
    char path[PATH_BYTES];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/agent.yaml", dir);
    f = fopen(path, "w");
    if (!f || !port)
        return -1;
    fprintf(f, "socket: %s\nruntimeDir: %s\nstateDir: %s\nresources:\n  - {name: pods, drop: %s}\n", a->pair.socket, dir, dir, drop);
    fprintf(f, "api: {socket: %s, listen: \"127.0.0.1:%u\", certFile: %s/api.crt, keyFile: %s/api.key, maxConnections: 1024}\n", a->socket, port, dir, dir);
    (void)snprintf(a->url, sizeof a->url, "https://127.0.0.1:%u", port);
    return fclose(f) ? -1 : 0;
}

int api_mirror(struct api_pair *a, const char *kubeconfig, const char *drop)
{
    struct pair *p = &a->pair;
    char config[PATH_BYTES];

    (void)snprintf(a->socket, sizeof a->socket, "%s/api", p->dir);
    (void)snprintf(config, sizeof config, "%s/agent.yaml", p->dir);
    if (make_certificate(p->dir) || write_config(a, drop))
        return -1;
    p->agent = pair_start_program(p, "tarnd", (char *[]){"tarnd", "--config", config, kubeconfig ? "--kubeconfig" : "--server",
                                                         (char *)(kubeconfig ? kubeconfig : p->url), NULL});
    if (p->agent <= 0 || pair_wait_synced(p))
        return -1;
    for (unsigned tries = 0; access(a->socket, W_OK) && tries < 1000; tries++)
        bench_pause_ms(10);
    return access(a->socket, W_OK);
}

/* ---- LIST ------------------------------------------------------------------------------------------------ */

struct answer {
    uint64_t bytes;
    char last;
};

static size_t take(char *data, size_t size, size_t n, void *ctx)
{
    struct answer *a = ctx;

    (void)size;
    a->bytes += n;
    if (n)
        a->last = data[n - 1];
    return n;
}

/* LISTs by c; who: whose row it is; pid: whose CPU it costs. *ret_bytes: of one. */
static int measure_lists(CURL *c, const char *who, uint64_t n, pid_t pid, uint64_t *ret_bytes)
{
    uint64_t best = UINT64_MAX;
    double cpu = 0;
    long status = 0;

    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 256L * 1024);
    (void)curl_easy_setopt(c, CURLOPT_USERAGENT, "tarn-bench"); /* kube-apiserver indents what goes to curl */
    for (unsigned i = 0; i < LISTS + 1; i++) {
        struct answer a = {0};
        uint64_t begin = bench_now_ns(), took;
        CURLcode rc;

        if (i == 1)
            cpu = pair_cpu_of(pid);
        (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, &a);
        rc = curl_easy_perform(c);
        took = bench_now_ns() - begin;
        (void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
        if (rc || status != 200 || (a.last != '}' && a.last != '\n')) {
            bench_note("api: LIST from %s: %s, status %ld", who, curl_easy_strerror(rc), status);
            return 1;
        }
        *ret_bytes = a.bytes;
        if (i && took < best) /* the first connects */
            best = took;
    }
    bench_report(API_PART, who, LIST_TEXT, n, (double)best / 1e6, "ms");
    bench_report(API_PART, who, LIST_TEXT ", server's CPU", n, (pair_cpu_of(pid) - cpu) * 1e3 / LISTS, "ms");
    bench_report(API_PART, who, LIST_TEXT ", bytes", n, (double)*ret_bytes / 1e6, "MB");
    return 0;
}

static CURL *lister(const char *base)
{
    CURL *c = curl_easy_init();
    char url[PATH_BYTES];

    (void)snprintf(url, sizeof url, "%s" LIST_PATH, base);
    if (c) {
        (void)curl_easy_setopt(c, CURLOPT_URL, url);
        (void)curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
        (void)curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        (void)curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
    }
    return c;
}

/* Of tarnd, on its socket and (with a token that the server knows) over TLS. */
static int tarn_lists(const struct api_pair *a, uint64_t n, const char *token, uint64_t server_bytes)
{
    struct curl_slist *headers = NULL;
    char line[2200];
    uint64_t bytes = 0;
    CURL *c = lister("http://localhost");
    int bad = !c || curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, a->socket) || measure_lists(c, "tarn, socket", n, a->pair.agent, &bytes);

    curl_easy_cleanup(c);
    if (!bad && (double)bytes < 0.98 * (double)server_bytes) {
        bench_note("api: tarn's LIST has %llu bytes, the server's %llu", (unsigned long long)bytes, (unsigned long long)server_bytes);
        bad = 1;
    }
    if (bad || !token)
        return bad;
    (void)snprintf(line, sizeof line, "Authorization: Bearer %s", token);
    headers = curl_slist_append(NULL, line);
    c = lister(a->url);
    bad = !c || !headers || curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers) || measure_lists(c, "tarn, TLS", n, a->pair.agent, &bytes);
    curl_easy_cleanup(c);
    curl_slist_free_all(headers);
    return bad;
}

static int beside_simulator(uint64_t n)
{
    struct api_pair a;
    char generate[64];
    uint64_t bytes = 0;
    CURL *c = NULL;
    int bad;

    (void)snprintf(generate, sizeof generate, "pods=%llu,nodes=500", (unsigned long long)n);
    bad = pair_start(&a.pair, generate, "0", false) || api_mirror(&a, NULL, "[]") || !(c = lister(a.pair.url)) ||
          measure_lists(c, "tarn-apisim", n, a.pair.server, &bytes) || tarn_lists(&a, n, NULL, bytes);
    curl_easy_cleanup(c);
    pair_stop(&a.pair);
    return bad;
}

/* ---- a real server ------------------------------------------------------------------------------------------ */

struct real_server {
    FILE *input; /* closed to end it */
    char dir[80], url[64], kubeconfig[128], token[2048];
    int apiserver; /* its pid */
};

/* The first line of what a command prints, false: none. */
static bool text_of(const char *command, char *text, int size)
{
    FILE *f = popen(command, "r");
    bool there = f && fgets(text, size, f);

    if (f)
        (void)pclose(f);
    if (there)
        text[strcspn(text, "\n")] = 0;
    return there;
}

/* Start it and load it: tests/interop/apiserver says when it is ready. */
static int start_real_server(struct real_server *s, const struct pair *p, uint64_t n)
{
    char command[4 * PATH_BYTES], said[128];

    (void)snprintf(s->dir, sizeof s->dir, "%s/real", p->dir);
    (void)snprintf(s->kubeconfig, sizeof s->kubeconfig, "%s/admin.kubeconfig", s->dir);
    (void)snprintf(command, sizeof command, "'" INTEROP "/apiserver' '%s' >'%s/said' 2>&1", s->dir, p->dir);
    s->input = popen(command, "w");
    (void)snprintf(command, sizeof command, "for i in $(seq 1200); do grep ^ready '%s/said' && break; sleep 0.1; done", p->dir);
    if (!s->input || !text_of(command, said, sizeof said) || sscanf(said, "ready %63s %d", s->url, &s->apiserver) != 2)
        return -1;
    (void)snprintf(command, sizeof command, "'%s/../interop/interop-client' -kubeconfig '%s' load -pods %llu -list '" PODS_FILE "'", p->bin, s->kubeconfig,
                   (unsigned long long)n);
    if (system(command))
        return -1;
    (void)snprintf(command, sizeof command, "cat '%s/reader.token'", s->dir);
    return text_of(command, s->token, sizeof s->token) ? 0 : -1;
}

static int beside_real_server(uint64_t n)
{
    struct real_server s = {0};
    struct api_pair a = {.pair = {.dir = "/tmp/tarn-bench-XXXXXX"}};
    char file[PATH_BYTES];
    uint64_t bytes = 0;
    CURL *c = NULL;
    int bad;

    if (pair_find_programs(&a.pair) || !mkdtemp(a.pair.dir))
        return 1;
    (void)snprintf(file, sizeof file, "%s/../interop/kube-apiserver", a.pair.bin);
    if (access(file, X_OK)) {
        bench_note("api: SKIPPED kube-apiserver: %s is not there (tools/interop builds it where Go is)", file);
        pair_stop(&a.pair);
        return 0;
    }
    (void)snprintf(a.pair.socket, sizeof a.pair.socket, "%s/sock", a.pair.dir);
    bad = start_real_server(&s, &a.pair, n) || api_mirror(&a, s.kubeconfig, "[]") || !(c = lister(s.url));
    if (!bad) {
        (void)snprintf(file, sizeof file, "%s/admin.crt", s.dir);
        (void)curl_easy_setopt(c, CURLOPT_SSLCERT, file);
        (void)snprintf(file, sizeof file, "%s/admin.key", s.dir);
        (void)curl_easy_setopt(c, CURLOPT_SSLKEY, file);
        bad = measure_lists(c, "kube-apiserver", n, s.apiserver, &bytes) || tarn_lists(&a, n, s.token, bytes);
        bench_ratio(API_PART, LIST_TEXT, n, "tarn, TLS", "kube-apiserver", 5);
        bench_ratio(API_PART, LIST_TEXT, n, "tarn, socket", "kube-apiserver", 5);
    }
    curl_easy_cleanup(c);
    pair_stop_agent(&a.pair);
    if (s.input)
        (void)pclose(s.input);
    pair_stop(&a.pair);
    return bad;
}

int bench_api(const struct bench_options *o)
{
    uint64_t n = o->quick ? 2000 : 10000;
    int bad;

    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    bad = beside_simulator(n);
    if (bad)
        bench_note("api: the read API could not be asked");
    if (beside_real_server(n)) {
        bench_note("api: beside kube-apiserver it could not be asked");
        bad++;
    }
    return bad + api_watchers(o->quick);
}
