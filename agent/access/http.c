/* http.c - transfers: waiting, active, paused, ended.
 *
 * libcurl must not be re-entered, so every change of what it does (add, remove, resume) happens in
 * tarn_http_turn; callbacks and the public calls only mark. A turn resumes paused transfers in the order in which they
 * were paused, until the turn's budget is used up; what libcurl delivers while the loop polls counts against the same budget.
 */
#include "http_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define TICK_MS 1000
#define LISTS_MAX 2

/* ---- what libcurl calls ------------------------------------------------------------------------------ */

static bool over_budget(const struct tarn_http_transfer *t, size_t n)
{
    const struct tarn_http *h = t->http;
    uint32_t mine = t->turn == h->turn ? t->turn_bytes : 0;
    uint32_t most = TARN_HTTP_TURN_BUDGET_BYTES - (h->nlists && !t->listing ? TARN_HTTP_LISTS_SHARE_BYTES : 0);

    return (mine && mine + n > TARN_HTTP_STREAM_BUDGET_BYTES) || h->turn_bytes + n > most;
}

static void charge(struct tarn_http_transfer *t, size_t n)
{
    struct tarn_http *h = t->http;

    if (t->turn != h->turn) {
        t->turn = h->turn;
        t->turn_bytes = 0;
    }
    t->turn_bytes += (uint32_t)n;
    h->turn_bytes += (uint32_t)n;
    h->stats.bytes += n;
}

void http_mark(struct tarn_http_transfer *t, enum tarn_http_end_kind kind)
{
    if (!t->marked)
        t->kind = kind;
    t->marked = true;
    t->http->any_marked = true;
}

static size_t pause_it(struct tarn_http_transfer *t)
{
    struct tarn_http *h = t->http;

    if (!t->paused) {
        t->paused = true;
        TAILQ_INSERT_TAIL(&h->paused, t, paused_link);
        h->npaused++;
        h->stats.pauses++;
    }
    return CURL_WRITEFUNC_PAUSE;
}

size_t http_on_write(char *data, size_t one, size_t n, void *ctx)
{
    struct tarn_http_transfer *t = ctx;

    (void)one;
    t->progress_ms = uv_now(t->http->loop);
    if (t->cancelled || t->marked)
        return 0;
    if (t->held || (over_budget(t, n) && !t->http->server->http2)) /* libcurl's HTTP/2 breaks under pause: ../docs/access.md */
        return pause_it(t);
    charge(t, n);
    t->code = t->request.sink->on_body(t->request.ctx, data, n);
    if (!t->code)
        return n;
    if (!t->cancelled)
        http_mark(t, TARN_HTTP_GIVEN_UP);
    return 0;
}

static void connected(struct tarn_http_transfer *t)
{
    if (t->connecting)
        t->http->nconnecting--;
    t->connecting = false;
}

int http_on_connected(void *ctx, char *peer, char *local, int peer_port, int local_port)
{
    (void)peer, (void)local, (void)peer_port, (void)local_port;
    connected(ctx);
    return CURL_PREREQFUNC_OK;
}

/* ---- starting ------------------------------------------------------------------------------------------ */

static void activate(struct tarn_http_transfer *t)
{
    struct tarn_http *h = t->http;

    TAILQ_REMOVE(&h->waiting[t->request.cls], t, link);
    TAILQ_INSERT_TAIL(&h->active, t, link);
    h->nactive++;
    t->listing = t->request.cls == TARN_HTTP_LIST;
    h->nlists += t->listing;
    h->stats.requests++;
    t->started_ms = t->progress_ms = uv_now(h->loop);
    t->connecting = true;
    h->nconnecting++;
    if (http_easy_prepare(t) || curl_multi_add_handle(h->multi, t->easy) != CURLM_OK)
        http_mark(t, TARN_HTTP_FAILED);
}

static struct tarn_http_transfer *next_to_start(struct tarn_http *h)
{
    for (int c = 0; c < HTTP_CLASSES; c++) {
        struct tarn_http_transfer *t = TAILQ_FIRST(&h->waiting[c]);

        if (t && (c != TARN_HTTP_LIST || h->nlists < h->lists_max))
            return t;
    }
    return NULL;
}

/* Nothing can start: all that wait now hear why. */
static void fail_waiting(struct tarn_http *h, const char *what, const char *problem)
{
    for (int c = 0; c < HTTP_CLASSES; c++) {
        struct tarn_http_transfer *t;

        while ((t = TAILQ_FIRST(&h->waiting[c]))) {
            TAILQ_REMOVE(&h->waiting[c], t, link);
            TAILQ_INSERT_TAIL(&h->active, t, link);
            h->nactive++;
            (void)snprintf(t->problem, sizeof t->problem, "%s%s", what, problem);
            http_mark(t, TARN_HTTP_FAILED);
        }
    }
}

static void on_token(uv_timer_t *timer)
{
    (void)timer; /* the turn that follows starts what waits */
}

/* Is there a token? Else the loop is woken when there is. */
static bool may_request(struct tarn_http *h)
{
    uint64_t now = uv_now(h->loop);

    if (tarn_rate_take(&h->rate, now))
        return true;
    (void)uv_timer_start(&h->rate_timer, on_token, tarn_rate_wait_ms(&h->rate, now), 0);
    return false;
}

static void start_waiting(struct tarn_http *h)
{
    const char *problem = NULL;
    char what[300];
    struct tarn_http_transfer *t = next_to_start(h);

    if (!t || !http_names_ready(h, &problem))
        return;
    if (problem) {
        (void)snprintf(what, sizeof what, "cannot resolve %s: ", h->server->host);
        fail_waiting(h, what, problem);
        return;
    }
    switch (tarn_credentials_ready(h->credentials, &problem)) {
    case TARN_CREDENTIALS_READY:
        break;
    case TARN_CREDENTIALS_FAILED:
        fail_waiting(h, "no credentials: ", problem);
        return;
    case TARN_CREDENTIALS_WAIT:
        return;
    }
    for (; t && h->nconnecting < TARN_HTTP_CONNECTING_MAX && may_request(h); t = next_to_start(h))
        activate(t);
}

/* ---- ending ------------------------------------------------------------------------------------------------ */

/* A token may be among them. */
static void free_headers(struct curl_slist *list)
{
    for (struct curl_slist *i = list; i; i = i->next)
        explicit_bzero(i->data, strlen(i->data));
    curl_slist_free_all(list);
}

static void release_easy(struct tarn_http_transfer *t)
{
    curl_easy_cleanup(t->easy);
    free_headers(t->headers);
    curl_slist_free_all(t->resolve);
    curl_slist_free_all(t->connect_to);
    t->easy = NULL;
    t->headers = t->resolve = t->connect_to = NULL;
}

static void free_transfer(struct tarn_http_transfer *t)
{
    release_easy(t);
    free_headers(t->given);
    if (t->request.body.len)
        explicit_bzero((char *)t->request.body.data, t->request.body.len);
    free((char *)t->request.body.data);
    free((char *)t->request.method);
    free((char *)t->request.path);
    free((char *)t->request.accept);
    free(t);
}

/* Take an active transfer out of libcurl and of every list. */
static void detach(struct tarn_http_transfer *t)
{
    struct tarn_http *h = t->http;

    if (t->easy)
        (void)curl_multi_remove_handle(h->multi, t->easy);
    if (t->paused) {
        TAILQ_REMOVE(&h->paused, t, paused_link);
        h->npaused--;
    }
    t->paused = false;
    connected(t);
    TAILQ_REMOVE(&h->active, t, link);
    h->nactive--;
    tarn_http_list_is_over(t);
}

static enum tarn_http_end_kind kind_of(struct tarn_http_transfer *t)
{
    long os = 0;

    switch (t->result) {
    case CURLE_OK:
        return TARN_HTTP_DONE;
    case CURLE_COULDNT_CONNECT:
        (void)curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &os);
        http_names_stale(t->http);
        return os == ECONNREFUSED ? TARN_HTTP_REFUSED : TARN_HTTP_FAILED;
    case CURLE_OPERATION_TIMEDOUT:
        http_names_stale(t->http);
        return TARN_HTTP_FAILED;
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return TARN_HTTP_BROKEN;
    default:
        return TARN_HTTP_FAILED;
    }
}

/* Its time is over: did the server never answer, or not to the end? */
static const char *problem_of_time(struct tarn_http_transfer *t)
{
    uint64_t since = t->kind == TARN_HTTP_LATE ? t->started_ms : t->progress_ms;
    unsigned long long s = (uv_now(t->http->loop) - since) / 1000;

    if (!t->head_done)
        (void)snprintf(t->problem, sizeof t->problem, "the server took the request but gave no answer within %llu s", s);
    else if (t->kind == TARN_HTTP_LATE)
        (void)snprintf(t->problem, sizeof t->problem, "the answer was not complete after %llu s", s);
    else
        (void)snprintf(t->problem, sizeof t->problem, "nothing came for %llu s; taken as dead", s);
    return t->problem;
}

static const char *problem_of(struct tarn_http_transfer *t)
{
    switch (t->kind) {
    case TARN_HTTP_SILENT:
    case TARN_HTTP_LATE:
        return problem_of_time(t);
    case TARN_HTTP_GIVEN_UP:
        return "given up";
    default:
        if (t->problem[0])
            return t->problem;
        if (t->marked && t->kind == TARN_HTTP_BROKEN)
            return "the certificates have changed, or the kubeconfig";
        return t->result ? curl_easy_strerror(t->result) : "failed";
    }
}

/* What the operator can do about it, "" where there is nothing to say. */
static const char *advice_of(const struct tarn_http_transfer *t)
{
    switch (t->result) {
    case CURLE_PEER_FAILED_VERIFICATION:
        return "; is it the right server, and does the CA file (--ca-file, caFile) hold the authority that signed its certificate?";
    case CURLE_SSL_CONNECT_ERROR:
        return "; does the server speak HTTPS there, and does it accept our client certificate?";
    case CURLE_SSL_CERTPROBLEM:
        return "; are the client certificate and its key PEM, and do they belong together?";
    case CURLE_COULDNT_CONNECT:
        return "; is the API server up, and is this its address?";
    default:
        return "";
    }
}

static void tell_end(struct tarn_http_transfer *t)
{
    static const int codes[] = {[TARN_HTTP_SILENT] = TARN_E_TIMEOUT, [TARN_HTTP_LATE] = TARN_E_TIMEOUT};
    int code = t->kind < sizeof codes / sizeof *codes && codes[t->kind] ? codes[t->kind] : TARN_E_IO;
    struct tarn_http_end end = {.kind = t->kind, .code = t->code};
    struct tarn_error error;

    if (t->kind != TARN_HTTP_DONE) {
        t->http->stats.failures++;
        (void)tarn_error_set(&error, code, "%s %s%s: %s%s", t->request.method, t->http->server->url, t->request.path, problem_of(t), advice_of(t));
        end.error = &error;
    }
    t->request.sink->on_end(t->request.ctx, &end);
}

/* It was refused for its credentials: once more, from the start, before all others of its class. */
static void start_again(struct tarn_http_transfer *t)
{
    release_easy(t);
    t->again = t->marked = t->head_done = false;
    t->retried = true;
    t->result = CURLE_OK;
    t->code = 0;
    t->head = (struct tarn_http_head){0};
    t->content_type[0] = t->problem[0] = '\0';
    t->started_ms = 0;
    TAILQ_INSERT_HEAD(&t->http->waiting[t->request.cls], t, link);
}

static void finish(struct tarn_http_transfer *t)
{
    if (!t->marked)
        t->kind = kind_of(t);
    detach(t);
    if (t->again && !t->cancelled) {
        start_again(t);
        return;
    }
    if (!t->cancelled)
        tell_end(t);
    free_transfer(t);
}

static struct tarn_http_transfer *next_marked(struct tarn_http *h)
{
    struct tarn_http_transfer *t;

    TAILQ_FOREACH(t, &h->active, link)
        if (t->marked || t->cancelled)
            return t;
    return NULL;
}

/* End what is marked, then what libcurl has finished. A sink called from here may mark and start more. */
static void reap(struct tarn_http *h)
{
    struct tarn_http_transfer *t;
    CURLMsg *msg;
    int left;

    while (h->any_marked) {
        h->any_marked = false;
        while ((t = next_marked(h)))
            finish(t);
    }
    while ((msg = curl_multi_info_read(h->multi, &left))) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        t = NULL;
        (void)curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        t->result = msg->data.result; /* msg dies with the handle */
        finish(t);
    }
}

/* ---- turns ---------------------------------------------------------------------------------------------------- */

static void resume_paused(struct tarn_http *h)
{
    for (unsigned n = h->npaused; n && h->turn_bytes < TARN_HTTP_TURN_BUDGET_BYTES; n--) {
        struct tarn_http_transfer *t = TAILQ_FIRST(&h->paused);

        TAILQ_REMOVE(&h->paused, t, paused_link);
        h->npaused--;
        if (t->held && !t->marked && !t->cancelled) { /* stays */
            TAILQ_INSERT_TAIL(&h->paused, t, paused_link);
            h->npaused++;
            continue;
        }
        t->paused = false; /* before the call: it delivers, and may pause again */
        if (!t->marked && !t->cancelled)
            (void)curl_easy_pause(t->easy, CURLPAUSE_CONT);
    }
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* its being active is what keeps the loop from waiting */
}

static bool any_to_resume(const struct tarn_http *h)
{
    const struct tarn_http_transfer *t;

    TAILQ_FOREACH(t, &h->paused, paused_link)
        if (!t->held)
            return true;
    return false;
}

static void keep_awake(struct tarn_http *h)
{
    if (h->any_marked || any_to_resume(h))
        (void)uv_idle_start(&h->idle, on_idle);
    else
        (void)uv_idle_stop(&h->idle);
}

static void on_tick(uv_timer_t *tick)
{
    struct tarn_http *h = tick->data;
    uint64_t now = uv_now(h->loop);
    struct tarn_http_transfer *t;

    TAILQ_FOREACH(t, &h->active, link) {
        if (t->request.deadline_ms && now - t->started_ms > t->request.deadline_ms)
            http_mark(t, TARN_HTTP_LATE);
        else if (t->request.silence_ms && !t->paused && now - t->progress_ms > t->request.silence_ms)
            http_mark(t, TARN_HTTP_SILENT);
    }
}

/* What runs was let in by the old certificate, or was trusted by the old authorities: watches go on over new connections. */
static void cut_watches(struct tarn_http *h)
{
    struct tarn_http_transfer *t;

    TAILQ_FOREACH(t, &h->active, link)
        if (t->request.cls != TARN_HTTP_SHORT && !t->listing)
            http_mark(t, TARN_HTTP_BROKEN);
}

void tarn_http_turn(struct tarn_http *h)
{
    h->turn++;
    h->turn_bytes = 0;
    if (tarn_credentials_rotated(h->credentials))
        cut_watches(h);
    resume_paused(h);
    reap(h);
    start_waiting(h);
    if (h->any_marked) /* could not be started */
        reap(h);
    if (h->nactive && !uv_is_active((uv_handle_t *)&h->tick))
        (void)uv_timer_start(&h->tick, on_tick, TICK_MS, TICK_MS);
    else if (!h->nactive)
        (void)uv_timer_stop(&h->tick);
    keep_awake(h);
}

/* ---- the public calls --------------------------------------------------------------------------------------------- */

static int copy_headers(struct tarn_http_transfer *t, const char *const *headers)
{
    for (size_t i = 0; headers && headers[i]; i++) {
        struct curl_slist *more = curl_slist_append(t->given, headers[i]);

        if (!more)
            return TARN_E_NOMEM;
        t->given = more;
    }
    return 0;
}

static int copy_body(struct tarn_http_transfer *t, struct tarn_bytes body)
{
    char *copy = body.len ? malloc(body.len) : NULL;

    if (copy)
        t->request.body = (struct tarn_bytes){.data = memcpy(copy, body.data, body.len), .len = body.len};
    return copy || !body.len ? 0 : TARN_E_NOMEM;
}

int tarn_http_start(struct tarn_http *h, const struct tarn_http_request *r, struct tarn_http_transfer **ret)
{
    struct tarn_http_transfer *t = calloc(1, sizeof *t);

    if (!t)
        return TARN_E_NOMEM;
    t->http = h;
    t->request = *r;
    t->request.method = strdup(r->method ? r->method : "GET");
    t->request.path = strdup(r->path);
    t->request.accept = r->accept ? strdup(r->accept) : NULL;
    t->request.body = (struct tarn_bytes){0};
    if (!t->request.method || !t->request.path || (r->accept && !t->request.accept) || copy_headers(t, r->headers) || copy_body(t, r->body)) {
        free_transfer(t);
        return TARN_E_NOMEM;
    }
    TAILQ_INSERT_TAIL(&h->waiting[r->cls], t, link);
    *ret = t;
    return 0;
}

void tarn_http_cancel(struct tarn_http_transfer *t)
{
    if (!t->started_ms && !t->marked && !t->easy) { /* still waiting: libcurl does not know of it */
        TAILQ_REMOVE(&t->http->waiting[t->request.cls], t, link);
        free_transfer(t);
        return;
    }
    t->cancelled = true;
    t->http->any_marked = true;
}

void tarn_http_list_is_over(struct tarn_http_transfer *t)
{
    t->http->nlists -= t->listing;
    t->listing = false;
}

void tarn_http_limit(struct tarn_http *h, const struct tarn_http_limits *l)
{
    h->lists_max = l->lists;
    h->rate.per_second = l->requests_per_second;
    h->rate.burst = l->requests_burst;
}

void tarn_http_watch_silence(struct tarn_http_transfer *t, uint32_t silence_ms)
{
    t->request.silence_ms = silence_ms;
}

void tarn_http_hold(struct tarn_http_transfer *t, bool held)
{
    t->held = held;
}

void tarn_http_stats(const struct tarn_http *h, struct tarn_http_stats *ret)
{
    const struct tarn_http_transfer *t;

    *ret = h->stats;
    ret->active = h->nactive;
    ret->paused = h->npaused;
    for (int c = 0; c < HTTP_CLASSES; c++)
        TAILQ_FOREACH(t, &h->waiting[c], link)
            ret->waiting++;
}

static void init_handles(struct tarn_http *h)
{
    (void)uv_timer_init(h->loop, &h->curl_timer);
    (void)uv_timer_init(h->loop, &h->tick);
    (void)uv_timer_init(h->loop, &h->rate_timer);
    (void)uv_idle_init(h->loop, &h->idle);
    h->curl_timer.data = h->tick.data = h->rate_timer.data = h->idle.data = h;
    h->open_handles = 4;
}

int tarn_http_new(uv_loop_t *loop, struct tarn_api_server *server, struct tarn_http **ret, struct tarn_error *err)
{
    struct tarn_http *h;
    int rc;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return tarn_error_set(err, TARN_E_IO, "libcurl cannot be initialised");
    h = calloc(1, sizeof *h);
    if (!h)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    h->loop = loop;
    h->server = server;
    h->lists_max = LISTS_MAX;
    for (int c = 0; c < HTTP_CLASSES; c++)
        TAILQ_INIT(&h->waiting[c]);
    TAILQ_INIT(&h->active);
    TAILQ_INIT(&h->paused);
    http_names_init(h);
    h->credentials = tarn_credentials_new(loop, server);
    rc = h->credentials ? http_socket_init(h) : TARN_E_NOMEM;
    if (rc) {
        tarn_credentials_free(h->credentials);
        curl_multi_cleanup(h->multi);
        free(h);
        return tarn_error_set(err, rc, "libcurl's multi handle cannot be set up");
    }
    init_handles(h);
    *ret = h;
    return 0;
}

void http_maybe_free(struct tarn_http *h)
{
    if (h->closing && !h->open_handles && http_names_idle(h))
        free(h);
}

static void on_closed(uv_handle_t *handle)
{
    struct tarn_http *h = handle->data;

    h->open_handles--;
    http_maybe_free(h);
}

void tarn_http_close(struct tarn_http *h)
{
    struct tarn_http_transfer *t;

    h->closing = true;
    for (int c = 0; c < HTTP_CLASSES; c++)
        while ((t = TAILQ_FIRST(&h->waiting[c]))) {
            TAILQ_REMOVE(&h->waiting[c], t, link);
            free_transfer(t);
        }
    while ((t = TAILQ_FIRST(&h->active))) {
        detach(t);
        free_transfer(t);
    }
    (void)curl_multi_cleanup(h->multi);
    tarn_credentials_free(h->credentials);
    uv_close((uv_handle_t *)&h->curl_timer, on_closed);
    uv_close((uv_handle_t *)&h->tick, on_closed);
    uv_close((uv_handle_t *)&h->rate_timer, on_closed);
    uv_close((uv_handle_t *)&h->idle, on_closed);
}
