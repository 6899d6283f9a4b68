/* api_pass.c - see api_pass.h.
 *
 * A passage has two ends: the transfer from the server, and the exchange with the caller. Until the answer's head is there the exchange waits; then it is a
 * stream whose source is the passage. Whichever end is over first tells the other: the transfer's by an end or a cut of the stream, the stream's
 * (done: the caller has all, or is gone) by a cancelled transfer.
 */
#include "api_pass.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/queue.h>

#include "api_pass_head.h"
#include "api_status.h"
#include "api_upstream.h"
#include "logger.h"

#define HEAD_MS 90000u /* a server that has not begun to answer by then is taken as dead: its own limit is 60 s */

struct passage {
    LIST_ENTRY(passage) link;
    struct api_pass *pass;
    struct tarn_http_exchange *x;
    struct tarn_http_transfer *transfer; /* NULL: over */
    bool streaming, cut, held;           /* cut: the answer is not whole */
    char type[160];
    unsigned headers;
    struct tarn_buf buffer; /* what has come and was not taken yet: from at on */
    size_t at;
};

struct api_pass {
    struct api_upstream *upstream;
    bool on;
    unsigned n;
    LIST_HEAD(, passage) passages;
};

/* ---- what is not passed on ----------------------------------------------------------------------------------------- */

static void answer(struct tarn_http_exchange *x, struct api_answer *a)
{
    char seconds[16];

    (void)snprintf(seconds, sizeof seconds, "%u", a->retry_after_s);
    if (tarn_buf_adds(&a->body, "\n") || (a->retry_after_s && tarn_http_exchange_add_header(x, "Retry-After", seconds)))
        tarn_buf_release(&a->body); /* the status alone says it, too */
    tarn_http_exchange_reply(x, a->code, a->type, &a->body);
    api_answer_release(a);
}

static void refuse(struct tarn_http_exchange *x, unsigned code, enum tarn_status_reason reason, const char *message, unsigned retry_after_s)
{
    struct tarn_status s = tarn_status_failure(reason, tarn_bytes_of(message));
    struct api_answer a = {0};

    s.code = (int32_t)code;
    s.retry_after_s = retry_after_s;
    api_answer_of_status(&s, &a);
    answer(x, &a);
}

static bool only_reads(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static void refuse_all(const struct api_pass *p, struct tarn_http_exchange *x)
{
    const char *url = p->upstream->server.url;
    char text[700];

    if (only_reads(tarn_http_exchange_method(x))) {
        (void)snprintf(text, sizeof text, "the server could not find the requested resource: tarn does not mirror it; ask the API server, %s", url);
        refuse(x, 404, TARN_REASON_NOT_FOUND, text, 0);
    } else {
        (void)snprintf(text, sizeof text, "tarn is a mirror for reading; write to the API server, %s", url);
        refuse(x, 405, TARN_REASON_METHOD_NOT_ALLOWED, text, 0);
    }
}

static void refuse_upgrade(const struct api_pass *p, struct tarn_http_exchange *x)
{
    char text[700];

    (void)snprintf(text, sizeof text, "exec, attach, port-forward and other upgrades do not go through tarn; ask the API server, %s", p->upstream->server.url);
    refuse(x, 501, TARN_REASON_UNKNOWN, text, 0);
}

/* ---- the caller's end ---------------------------------------------------------------------------------------------------- */

static void passage_free(struct passage *q)
{
    LIST_REMOVE(q, link);
    q->pass->n--;
    if (q->buffer.cap)
        explicit_bzero(q->buffer.data, q->buffer.cap); /* it may be a Secret */
    tarn_buf_release(&q->buffer);
    free(q);
}

static ssize_t take(void *ctx, char *to, size_t n)
{
    struct passage *q = ctx;
    size_t there = q->buffer.len - q->at;

    n = there < n ? there : n;
    if (n) {
        memcpy(to, q->buffer.data + q->at, n);
        q->at += n;
    }
    if (q->at == q->buffer.len) {
        tarn_buf_clear(&q->buffer);
        q->at = 0;
    }
    if (q->held && q->buffer.len - q->at < API_PASS_BUFFER_BYTES / 2) {
        q->held = false;
        tarn_http_hold(q->transfer, false);
    }
    if (n || q->transfer)
        return (ssize_t)n;
    return q->cut ? TARN_HTTP_CUT : TARN_HTTP_END;
}

static void on_stream_done(void *ctx)
{
    struct passage *q = ctx;

    if (q->transfer)
        tarn_http_cancel(q->transfer);
    passage_free(q);
}

/* ---- the server's end -------------------------------------------------------------------------------------------------------- */

static int on_header(void *ctx, struct tarn_bytes name, struct tarn_bytes value)
{
    struct passage *q = ctx;
    char *n, *v;
    int rc = TARN_E_NOMEM;

    if (!api_pass_goes_back(name))
        return 0;
    if (++q->headers > API_PASS_HEADERS_MAX)
        return TARN_E_LIMIT;
    n = strndup(name.data, name.len);
    v = strndup(value.len ? value.data : "", value.len);
    if (n && v)
        rc = tarn_http_exchange_add_header(q->x, n, v);
    free(n);
    free(v);
    return rc;
}

static int on_head(void *ctx, const struct tarn_http_head *head)
{
    static const struct tarn_http_source source = {.read = take, .done = on_stream_done};
    struct passage *q = ctx;

    (void)snprintf(q->type, sizeof q->type, "%.*s", TARN_BYTES_ARG(head->content_type));
    tarn_http_watch_silence(q->transfer, 0); /* a log may have nothing to tell for long */
    q->streaming = true;
    tarn_http_exchange_stream(q->x, (unsigned)head->status, *q->type ? q->type : "application/octet-stream", &source, q);
    return 0;
}

/* What has been taken makes room first, so that no more is kept than is not taken. */
static int keep(struct passage *q, const char *data, size_t n)
{
    if (q->at) {
        memmove(q->buffer.data, q->buffer.data + q->at, q->buffer.len - q->at);
        q->buffer.len -= q->at;
        q->at = 0;
    }
    return tarn_buf_add(&q->buffer, data, n);
}

static int on_body(void *ctx, const char *data, size_t n)
{
    struct passage *q = ctx;
    int rc = keep(q, data, n);

    if (rc)
        return rc;
    if (!q->held && q->buffer.len >= API_PASS_BUFFER_BYTES) {
        q->held = true;
        tarn_http_hold(q->transfer, true);
    }
    tarn_http_exchange_wake(q->x);
    return 0;
}

/* The answer never began. What a transfer's error says is for the log: it may name what the caller need not know. */
static void refuse_failed(struct passage *q, const struct tarn_http_end *end)
{
    const char *why = end->code == TARN_E_LIMIT ? "more than 100 headers in its answer" : end->error->message;

    tarn_log(TARN_LOG_WARN, "a request could not be passed on to the API server", "error", why, NULL);
    if (end->kind == TARN_HTTP_SILENT)
        refuse(q->x, 504, TARN_REASON_TIMEOUT, "the API server took the request and gave no answer", 0);
    else
        refuse(q->x, 503, TARN_REASON_SERVICE_UNAVAILABLE, "the API server cannot be reached, or went away before it answered; tarnd's log says more", 0);
}

static void on_end(void *ctx, const struct tarn_http_end *end)
{
    struct passage *q = ctx;

    q->transfer = NULL;
    q->held = false;
    q->cut = end->kind != TARN_HTTP_DONE;
    if (q->streaming) {
        tarn_http_exchange_wake(q->x);
        return;
    }
    refuse_failed(q, end);
    passage_free(q);
}

/* ---- passing on ------------------------------------------------------------------------------------------------------------------- */

static int begin(struct passage *q, const struct api_pass_lines *lines)
{
    static const struct tarn_http_sink sink = {.on_head = on_head, .on_body = on_body, .on_end = on_end, .on_header = on_header};
    struct tarn_http_exchange *x = q->x;

    return tarn_http_start(q->pass->upstream->http,
                           &(struct tarn_http_request){
                               .cls = TARN_HTTP_SHORT,
                               .method = tarn_http_exchange_method(x),
                               .path = tarn_http_exchange_target(x),
                               .accept = "", /* it is among the headers */
                               .headers = (const char *const *)lines->v,
                               .body = tarn_http_exchange_body(x),
                               .once = !only_reads(tarn_http_exchange_method(x)),
                               .silence_ms = HEAD_MS,
                               .sink = &sink,
                               .ctx = q,
                           },
                           &q->transfer);
}

static void pass_on(struct api_pass *p, struct tarn_http_exchange *x)
{
    struct passage *q = calloc(1, sizeof *q);
    struct api_pass_lines lines = {0};
    int rc = q ? api_pass_lines_of(x, &lines) : TARN_E_NOMEM;

    if (q) {
        q->pass = p;
        q->x = x;
        LIST_INSERT_HEAD(&p->passages, q, link);
        p->n++;
    }
    if (!rc)
        rc = begin(q, &lines);
    api_pass_lines_release(&lines);
    if (!rc)
        return;
    if (q)
        passage_free(q);
    if (rc == TARN_E_LIMIT)
        refuse(x, 431, TARN_REASON_UNKNOWN, "more than 100 headers", 0);
    else
        refuse(x, 503, TARN_REASON_SERVICE_UNAVAILABLE, "out of memory", 1);
}

void api_pass_serve(struct api_pass *p, struct tarn_http_exchange *x)
{
    if (api_pass_is_upgrade(x))
        refuse_upgrade(p, x);
    else if (!p->on)
        refuse_all(p, x);
    else if (tarn_http_exchange_target(x)[0] != '/') /* "%2F@elsewhere/" decodes to a path, but behind the server's address it leads elsewhere */
        refuse(x, 400, TARN_REASON_BAD_REQUEST, "the request's target is no path", 0);
    else if (p->n >= API_PASS_MAX)
        refuse(x, 429, TARN_REASON_TOO_MANY_REQUESTS, "too many requests are being passed on to the API server; try again", 1);
    else
        pass_on(p, x);
}

/* ---- life ------------------------------------------------------------------------------------------------------------------------------- */

void api_pass_set(struct api_pass *p, bool on)
{
    p->on = on;
}

bool api_pass_is_on(const struct api_pass *p)
{
    return p->on;
}

int api_pass_new(uv_loop_t *loop, const struct tarn_config_server *server, bool on, struct api_pass **ret, struct tarn_error *err)
{
    struct api_pass *p = calloc(1, sizeof *p);
    int rc;

    if (!p)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    rc = api_upstream_new(loop, server, true, &p->upstream, err);
    if (rc) {
        free(p);
        return rc;
    }
    p->on = on;
    LIST_INIT(&p->passages);
    *ret = p;
    return 0;
}

void api_pass_stop(struct api_pass *p)
{
    struct passage *q, *next;

    for (q = LIST_FIRST(&p->passages); q; q = next) {
        next = LIST_NEXT(q, link);
        if (q->streaming)
            continue;
        tarn_http_cancel(q->transfer);
        refuse(q->x, 503, TARN_REASON_SERVICE_UNAVAILABLE, "the agent is stopping", 1);
        passage_free(q);
    }
}

void api_pass_close(struct api_pass *p)
{
    if (!p)
        return;
    api_upstream_close(p->upstream);
    free(p);
}
