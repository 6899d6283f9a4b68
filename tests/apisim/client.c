/* client.c - fork, exec, libcurl. */
#include "client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim_json.h"

static void die(const char *what)
{
    fprintf(stderr, "tests/apisim: %s\n", what);
    exit(3);
}

static void run_child(const char *const *args, int out)
{
    const char *argv[64] = {"tarn-apisim", "--listen", "127.0.0.1:0"};
    int n = 3;

    while (*args && n < 63)
        argv[n++] = *args++;
    dup2(out, 1);
    execv(TARN_BIN_DIR "/tarn-apisim", (char *const *)(uintptr_t)argv);
    _exit(127);
}

void server_start(struct sim_server *s, const char *const *args)
{
    char line[256];
    int fds[2];
    FILE *f;

    if (pipe(fds))
        die("pipe");
    s->pid = fork();
    if (s->pid == 0) {
        close(fds[0]);
        run_child(args, fds[1]);
    }
    close(fds[1]);
    f = fdopen(fds[0], "r");
    if (!f || !fgets(line, sizeof line, f) || sscanf(line, "listening on %63s", s->url) != 1)
        die("the simulator does not start");
    fclose(f);
}

int server_stop(struct sim_server *s)
{
    int status;

    kill(s->pid, SIGTERM);
    waitpid(s->pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static size_t take(char *data, size_t size, size_t n, void *to)
{
    sim_put(to, data, size * n);
    return size * n;
}

void ask(const struct sim_server *s, const struct sim_ask *q, struct sim_answer *ret)
{
    CURL *h = curl_easy_init();
    struct curl_slist *headers = curl_slist_append(NULL, "User-Agent: apisim-test");
    char url[4096];

    tarn_buf_clear(&ret->head);
    tarn_buf_clear(&ret->body);
    ret->code = 0;
    snprintf(url, sizeof url, "%s%s", s->url, q->path);
    for (int i = 0; i < 6 && q->headers[i]; i++)
        headers = curl_slist_append(headers, q->headers[i]);
    curl_easy_setopt(h, CURLOPT_URL, url);
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, &ret->body);
    curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, take);
    curl_easy_setopt(h, CURLOPT_HEADERDATA, &ret->head);
    curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, q->timeout_ms ? q->timeout_ms : 10000L);
    curl_easy_setopt(h, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(h, CURLOPT_SSL_VERIFYHOST, 0L);
    if (q->body) {
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, q->body);
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE, (long)strlen(q->body));
    }
    if (q->method && strcmp(q->method, "HEAD") == 0)
        curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
    else if (q->method)
        curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, q->method);
    ret->curl = curl_easy_perform(h);
    curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &ret->code);
    curl_easy_getinfo(h, CURLINFO_TOTAL_TIME, &ret->seconds);
    sim_put(&ret->head, "", 1);
    sim_put(&ret->body, "", 1);
    ret->body.len--;
    curl_slist_free_all(headers);
    curl_easy_cleanup(h);
}

void answer_release(struct sim_answer *a)
{
    tarn_buf_release(&a->head);
    tarn_buf_release(&a->body);
}

json_t *get_json(const struct sim_server *s, const char *path)
{
    struct sim_answer a = {0};
    json_t *v;

    ask(s, &(struct sim_ask){.path = path}, &a);
    v = sim_json_parse(tarn_buf_bytes(&a.body), NULL);
    answer_release(&a);
    return v;
}

long post(const struct sim_server *s, const char *path, const char *body)
{
    struct sim_answer a = {0};
    long code;

    ask(s, &(struct sim_ask){.method = "POST", .path = path, .body = body, .headers = {"Content-Type: application/json"}}, &a);
    code = a.code;
    answer_release(&a);
    return code;
}

unsigned long long current_rv(const struct sim_server *s)
{
    json_t *v = get_json(s, "/sim/stats");
    unsigned long long rv = strtoull(text_at(v, "resourceVersion"), NULL, 10);

    json_decref(v);
    return rv;
}

json_t *lines_of(const struct sim_answer *a)
{
    json_t *lines = json_array();
    const char *p = a->body.data, *end;

    while (p && (end = strchr(p, '\n')) != NULL) {
        json_t *v = sim_json_parse((struct tarn_bytes){p, (size_t)(end - p)}, NULL);

        if (!v)
            break;
        json_array_append_new(lines, v);
        p = end + 1;
    }
    return lines;
}

const char *text_at(const json_t *v, const char *path)
{
    return sim_json_text(v, path);
}

static void *watch_run(void *arg)
{
    struct sim_watching *w = arg;

    ask(w->server, &w->ask, &w->answer);
    return NULL;
}

/* The simulator counts a watch once it is open: then changes may begin. */
static void wait_for_watches(const struct sim_server *s, json_int_t more_than)
{
    for (int i = 0; i < 500; i++) {
        json_t *v = get_json(s, "/sim/stats");
        json_int_t n = json_integer_value(json_object_get(v, "openWatches"));

        json_decref(v);
        if (n > more_than)
            return;
        usleep(10000);
    }
}

static json_int_t open_watches(const struct sim_server *s)
{
    json_t *v = get_json(s, "/sim/stats");
    json_int_t n = json_integer_value(json_object_get(v, "openWatches"));

    json_decref(v);
    return n;
}

void watch_begin(struct sim_watching *w, const struct sim_server *s, const char *path)
{
    json_int_t before = open_watches(s);
    pthread_t t;

    *w = (struct sim_watching){.server = s, .ask = {.path = path}};
    if (pthread_create(&t, NULL, watch_run, w))
        die("thread");
    w->thread = (unsigned long)t;
    wait_for_watches(s, before);
}

json_t *watch_end(struct sim_watching *w)
{
    json_t *lines;

    pthread_join((pthread_t)w->thread, NULL);
    lines = lines_of(&w->answer);
    answer_release(&w->answer);
    return lines;
}

static void expect_created(long code)
{
    if (code != 201)
        die("the objects of the small server cannot be made");
}

/* A server with a few small objects: configmaps cm-0 ... cm-4 in proto. */
void server_start_small(struct sim_server *s)
{
    char body[256];

    server_start(s, (const char *const[]){"--load", TARN_TEST_DATA "/protocol/pods.json", "--load",
                                          TARN_TEST_DATA "/protocol/crd.json", NULL});
    expect_created(post(s, "/api/v1/namespaces", "{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"proto\"}}"));
    for (int i = 0; i < 5; i++) {
        snprintf(body, sizeof body, "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"cm-%d\",\"labels\":{\"app\":"
                 "\"%s\"}},\"data\":{\"v\":\"x\"}}", i, i < 2 ? "a" : "b");
        expect_created(post(s, "/api/v1/namespaces/proto/configmaps", body));
    }
}

long merge_patch(const struct sim_server *s, const char *path, const char *body)
{
    struct sim_answer a = {0};
    long code;

    ask(s, &(struct sim_ask){.method = "PATCH", .path = path, .body = body, .headers = {"Content-Type: application/merge-patch+json"}}, &a);
    code = a.code;
    answer_release(&a);
    return code;
}

long delete_path(const struct sim_server *s, const char *path)
{
    struct sim_answer a = {0};
    long code;

    ask(s, &(struct sim_ask){.method = "DELETE", .path = path}, &a);
    code = a.code;
    answer_release(&a);
    return code;
}
