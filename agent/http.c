/* http.c - transfers: waiting, active, paused, ended.
 *
 * libcurl must not be re-entered, so every change of what it does (add, remove, resume) happens in
 * tarn_http_turn; callbacks and the public calls only mark. A turn resumes paused transfers in the order in which they
 * were paused, until the turn's budget is used up; what libcurl delivers while the loop polls counts against the same budget.
 */
#include "http_internal.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECT_MS 15000
#define TICK_MS 1000
#define RETRY_AFTER_MS_MAX 3600000u

/* ---- what libcurl calls ------------------------------------------------------------------------------ */

static bool over_budget(const struct tarn_http_transfer *t, size_t n)
{
    const struct tarn_http *h = t->http;
    uint32_t mine = t->turn == h->turn ? t->turn_bytes : 0;

    return (mine && mine + n > TARN_HTTP_STREAM_BUDGET_BYTES) || h->turn_bytes + n > TARN_HTTP_TURN_BUDGET_BYTES;
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

static void mark(struct tarn_http_transfer *t, enum tarn_http_end_kind kind)
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

static size_t on_write(char *data, size_t one, size_t n, void *ctx)
{
    struct tarn_http_transfer *t = ctx;

    (void)one;
    t->progress_ms = uv_now(t->http->loop);
    if (t->cancelled || t->marked)
        return 0;
    if (over_budget(t, n))
        return pause_it(t);
    charge(t, n);
    t->code = t->request.sink->on_body(t->request.ctx, data, n);
    if (!t->code)
        return n;
    if (!t->cancelled)
        mark(t, TARN_HTTP_GIVEN_UP);
    return 0;
}

static bool header_is(struct tarn_bytes line, const char *name, struct tarn_bytes *ret)
{
    size_t n = strlen(name);

    if (line.len <= n || strncasecmp(line.data, name, n) != 0 || line.data[n] != ':')
        return false;
    for (n++; n < line.len && (line.data[n] == ' ' || line.data[n] == '\t'); n++)
        ;
    *ret = (struct tarn_bytes){.data = line.data + n, .len = line.len - n};
    return true;
}

uint32_t tarn_http_retry_after_ms(struct tarn_bytes value)
{
    uint64_t s = 0;

    if (!value.len)
        return 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return 0;
        s = s * 10 + (uint64_t)(value.data[i] - '0');
        if (s > RETRY_AFTER_MS_MAX / 1000)
            return RETRY_AFTER_MS_MAX;
    }
    return (uint32_t)s * 1000;
}

static int head_complete(struct tarn_http_transfer *t)
{
    long status = 0;

    (void)curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200)
        return 0; /* an interim answer; the real one follows */
    t->head_done = true;
    t->head.status = (int)status;
    t->head.content_type = tarn_bytes_of(t->content_type);
    if (status == 401)
        tarn_api_server_unauthorized(t->http->server);
    return t->cancelled ? -1 : t->request.sink->on_head(t->request.ctx, &t->head);
}

static size_t on_header(char *data, size_t one, size_t n, void *ctx)
{
    struct tarn_http_transfer *t = ctx;
    struct tarn_bytes line = {.data = data, .len = n}, value;

    (void)one;
    if (t->head_done)
        return n; /* trailers */
    t->progress_ms = uv_now(t->http->loop);
    while (line.len && strchr("\r\n", line.data[line.len - 1]))
        line.len--;
    if (header_is(line, "Content-Type", &value)) {
        (void)snprintf(t->content_type, sizeof t->content_type, "%.*s", TARN_BYTES_ARG(value));
    } else if (header_is(line, "Retry-After", &value)) {
        t->head.retry_after_ms = tarn_http_retry_after_ms(value);
    } else if (!line.len) {
        t->code = head_complete(t);
        if (t->code && !t->cancelled)
            mark(t, TARN_HTTP_GIVEN_UP);
        return t->code ? 0 : n;
    }
    return n;
}

/* A dead peer is found within 45 s: by keepalive when nothing is sent, by the user timeout when something is. */
static int on_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
    static const struct {
        int level, name, value;
    } options[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},       {IPPROTO_TCP, TCP_KEEPIDLE, 15},          {IPPROTO_TCP, TCP_KEEPINTVL, 10},
        {IPPROTO_TCP, TCP_KEEPCNT, 3},       {IPPROTO_TCP, TCP_USER_TIMEOUT, 40000},
    };

    (void)ctx;
    if (purpose != CURLSOCKTYPE_IPCXN)
        return CURL_SOCKOPT_OK;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof options[i].value);
    return CURL_SOCKOPT_OK;
}

static void connected(struct tarn_http_transfer *t)
{
    if (t->connecting)
        t->http->nconnecting--;
    t->connecting = false;
}

static int on_connected(void *ctx, char *peer, char *local, int peer_port, int local_port)
{
    (void)peer, (void)local, (void)peer_port, (void)local_port;
    connected(ctx);
    return CURL_PREREQFUNC_OK;
}

/* ---- starting ------------------------------------------------------------------------------------------ */

static bool add_header(struct tarn_http_transfer *t, const char *fmt, const char *value)
{
    char *line = NULL;
    struct curl_slist *more;

    if (!value)
        return true;
    if (asprintf(&line, fmt, value) < 0) /* NOLINT: fmt is one of our own literals */
        return false;
    more = curl_slist_append(t->headers, line);
    explicit_bzero(line, strlen(line));
    free(line);
    if (more)
        t->headers = more;
    return more != NULL;
}

static bool add_headers(struct tarn_http_transfer *t)
{
    struct tarn_http *h = t->http;
    const struct tarn_api_server *s = h->server;
    bool ok = add_header(t, "Accept: %s", t->request.accept ? t->request.accept : "application/json") &&
              add_header(t, "Authorization: Bearer %s", tarn_api_server_token(h->server, uv_now(h->loop))) &&
              add_header(t, "Impersonate-User: %s", s->impersonate_user) && add_header(t, "Impersonate-Uid: %s", s->impersonate_uid);

    for (unsigned i = 0; ok && i < s->impersonate_groups.n; i++)
        ok = add_header(t, "Impersonate-Group: %s", s->impersonate_groups.v[i]);
    return ok;
}

/* The certificate is checked against the name in the URL; another name goes there and the connection elsewhere. */
static bool set_server_name(struct tarn_http_transfer *t, char **url)
{
    const struct tarn_api_server *s = t->http->server;
    bool v6 = strchr(s->host, ':') != NULL;
    char host[300], to[640];

    if (!s->tls || !s->tls_server_name)
        return asprintf(url, "%s%s", s->url, t->request.path) >= 0;
    (void)snprintf(host, sizeof host, v6 ? "[%s]:%u" : "%s:%u", s->host, s->port);
    (void)snprintf(to, sizeof to, "%s:%u:%s", s->tls_server_name, s->port, host);
    t->connect_to = curl_slist_append(NULL, to);
    if (!t->connect_to || !add_header(t, "Host: %s", host) || curl_easy_setopt(t->easy, CURLOPT_CONNECT_TO, t->connect_to))
        return false;
    /* the path prefix of the server's URL, behind scheme://host:port */
    return asprintf(url, "https://%s:%u%s%s", s->tls_server_name, s->port, strchr(strstr(s->url, "://") + 3, '/') ? strchr(strstr(s->url, "://") + 3, '/') : "",
                    t->request.path) >= 0;
}

static CURLcode set_blob(CURL *e, CURLoption option, struct tarn_bytes pem)
{
    struct curl_blob blob = {.data = (void *)pem.data, .len = pem.len, .flags = CURL_BLOB_COPY};

    return pem.len ? curl_easy_setopt(e, option, &blob) : CURLE_OK;
}

static CURLcode set_tls(CURL *e, const struct tarn_api_server *s)
{
    CURLcode rc = set_blob(e, CURLOPT_CAINFO_BLOB, s->ca);

    if (!rc)
        rc = set_blob(e, CURLOPT_SSLCERT_BLOB, s->cert);
    if (!rc)
        rc = set_blob(e, CURLOPT_SSLKEY_BLOB, s->key);
    if (!rc && s->insecure)
        rc = curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
    if (!rc && s->insecure)
        rc = curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
    return rc;
}

static CURLcode set_numbers(struct tarn_http_transfer *t)
{
    const struct {
        CURLoption option;
        long value;
    } options[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
        {CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS},
        /* large reads for lists; watches get small ones, so that a pause leaves little inside libcurl */
        {CURLOPT_BUFFERSIZE, t->request.cls == TARN_HTTP_LIST ? 65536 : 16384},
        {CURLOPT_TCP_NODELAY, 1},
    };
    CURLcode rc = CURLE_OK;

    for (size_t i = 0; !rc && i < sizeof options / sizeof *options; i++)
        rc = curl_easy_setopt(t->easy, options[i].option, options[i].value);
    return rc;
}

static CURLcode set_callbacks(struct tarn_http_transfer *t)
{
    CURL *e = t->easy;
    CURLcode rc = curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_write);

    if (!rc)
        rc = curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    if (!rc)
        rc = curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    if (!rc)
        rc = curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
    if (!rc)
        rc = curl_easy_setopt(e, CURLOPT_SOCKOPTFUNCTION, on_socket);
    if (!rc)
        rc = curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_connected);
    if (!rc)
        rc = curl_easy_setopt(e, CURLOPT_PREREQDATA, t);
    return rc;
}

static CURLcode set_strings(struct tarn_http_transfer *t, const char *url)
{
    const struct tarn_api_server *s = t->http->server;
    const struct {
        CURLoption option;
        const void *value;
    } options[] = {
        {CURLOPT_URL, url},
        {CURLOPT_PROTOCOLS_STR, "http,https"},
        {CURLOPT_USERAGENT, "tarnd/" TARN_VERSION},
        {CURLOPT_HTTPHEADER, t->headers},
        {CURLOPT_RESOLVE, t->resolve},
        {CURLOPT_PROXY, s->proxy_url},
        {CURLOPT_USERNAME, s->username},
        {CURLOPT_PASSWORD, s->password},
        {CURLOPT_ACCEPT_ENCODING, s->gzip && t->request.cls == TARN_HTTP_LIST ? "gzip" : NULL},
        {CURLOPT_ERRORBUFFER, t->problem},
        {CURLOPT_PRIVATE, t},
    };
    CURLcode rc = CURLE_OK;

    for (size_t i = 0; !rc && i < sizeof options / sizeof *options; i++)
        if (options[i].value)
            rc = curl_easy_setopt(t->easy, options[i].option, options[i].value);
    return rc;
}

/* Everything libcurl is told about a transfer. */
static int prepare(struct tarn_http_transfer *t)
{
    char *url = NULL;
    CURLcode rc = CURLE_OUT_OF_MEMORY;

    t->easy = curl_easy_init();
    t->resolve = http_names_list(t->http);
    if (t->easy && add_headers(t) && set_server_name(t, &url))
        rc = set_strings(t, url);
    if (!rc)
        rc = set_numbers(t);
    if (!rc)
        rc = set_callbacks(t);
    if (!rc)
        rc = set_tls(t->easy, t->http->server);
    free(url);
    if (rc)
        (void)snprintf(t->problem, sizeof t->problem, "%s", curl_easy_strerror(rc));
    return rc ? TARN_E_NOMEM : 0;
}

static void activate(struct tarn_http_transfer *t)
{
    struct tarn_http *h = t->http;

    TAILQ_REMOVE(&h->waiting[t->request.cls], t, link);
    TAILQ_INSERT_TAIL(&h->active, t, link);
    h->nactive++;
    h->nlists += t->request.cls == TARN_HTTP_LIST;
    h->stats.requests++;
    t->started_ms = t->progress_ms = uv_now(h->loop);
    t->connecting = true;
    h->nconnecting++;
    if (prepare(t) || curl_multi_add_handle(h->multi, t->easy) != CURLM_OK)
        mark(t, TARN_HTTP_FAILED);
}

static struct tarn_http_transfer *next_to_start(struct tarn_http *h)
{
    for (int c = 0; c < HTTP_CLASSES; c++) {
        struct tarn_http_transfer *t = TAILQ_FIRST(&h->waiting[c]);

        if (t && (c != TARN_HTTP_LIST || h->nlists < TARN_HTTP_LISTS_MAX))
            return t;
    }
    return NULL;
}

/* The server's name cannot be resolved: all that wait now hear of it. */
static void fail_waiting(struct tarn_http *h, const char *problem)
{
    for (int c = 0; c < HTTP_CLASSES; c++) {
        struct tarn_http_transfer *t;

        while ((t = TAILQ_FIRST(&h->waiting[c]))) {
            TAILQ_REMOVE(&h->waiting[c], t, link);
            TAILQ_INSERT_TAIL(&h->active, t, link);
            h->nactive++;
            h->nlists += c == TARN_HTTP_LIST;
            (void)snprintf(t->problem, sizeof t->problem, "cannot resolve %s: %s", h->server->host, problem);
            mark(t, TARN_HTTP_FAILED);
        }
    }
}

static void start_waiting(struct tarn_http *h)
{
    const char *problem = NULL;
    struct tarn_http_transfer *t = next_to_start(h);

    if (!t || !http_names_ready(h, &problem))
        return;
    if (problem) {
        fail_waiting(h, problem);
        return;
    }
    for (; t && h->nconnecting < TARN_HTTP_CONNECTING_MAX; t = next_to_start(h))
        activate(t);
}

/* ---- ending ------------------------------------------------------------------------------------------------ */

static void free_transfer(struct tarn_http_transfer *t)
{
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    curl_slist_free_all(t->resolve);
    curl_slist_free_all(t->connect_to);
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
    h->nlists -= t->request.cls == TARN_HTTP_LIST;
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
        return TARN_HTTP_CUT;
    default:
        return TARN_HTTP_FAILED;
    }
}

static const char *problem_of(const struct tarn_http_transfer *t)
{
    switch (t->kind) {
    case TARN_HTTP_SILENT:
        return "nothing came for too long; taken as dead";
    case TARN_HTTP_LATE:
        return "not finished by its deadline";
    case TARN_HTTP_GIVEN_UP:
        return "given up";
    default:
        if (t->problem[0])
            return t->problem;
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
        (void)tarn_error_set(&error, code, "GET %s%s: %s%s", t->http->server->url, t->request.path, problem_of(t),
                             advice_of(t));
        end.error = &error;
    }
    t->request.sink->on_end(t->request.ctx, &end);
}

static void finish(struct tarn_http_transfer *t)
{
    if (!t->marked)
        t->kind = kind_of(t);
    detach(t);
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
        t->paused = false; /* before the call: it delivers, and may pause again */
        if (!t->marked && !t->cancelled)
            (void)curl_easy_pause(t->easy, CURLPAUSE_CONT);
    }
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* its being active is what keeps the loop from waiting */
}

static void keep_awake(struct tarn_http *h)
{
    if (h->npaused || h->any_marked)
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
            mark(t, TARN_HTTP_LATE);
        else if (t->request.silence_ms && !t->paused && now - t->progress_ms > t->request.silence_ms)
            mark(t, TARN_HTTP_SILENT);
    }
}

void tarn_http_turn(struct tarn_http *h)
{
    h->turn++;
    h->turn_bytes = 0;
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

int tarn_http_start(struct tarn_http *h, const struct tarn_http_request *r, struct tarn_http_transfer **ret)
{
    struct tarn_http_transfer *t = calloc(1, sizeof *t);

    if (!t)
        return TARN_E_NOMEM;
    t->http = h;
    t->request = *r;
    t->request.path = strdup(r->path);
    t->request.accept = r->accept ? strdup(r->accept) : NULL;
    if (!t->request.path || (r->accept && !t->request.accept)) {
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

void tarn_http_watch_silence(struct tarn_http_transfer *t, uint32_t silence_ms)
{
    t->request.silence_ms = silence_ms;
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
    (void)uv_idle_init(h->loop, &h->idle);
    h->curl_timer.data = h->tick.data = h->idle.data = h;
    h->open_handles = 3;
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
    for (int c = 0; c < HTTP_CLASSES; c++)
        TAILQ_INIT(&h->waiting[c]);
    TAILQ_INIT(&h->active);
    TAILQ_INIT(&h->paused);
    http_names_init(h);
    rc = http_socket_init(h);
    if (rc) {
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
    uv_close((uv_handle_t *)&h->curl_timer, on_closed);
    uv_close((uv_handle_t *)&h->tick, on_closed);
    uv_close((uv_handle_t *)&h->idle, on_closed);
}
