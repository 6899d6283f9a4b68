/* list_watch_http.c - requests, and what their answers become.
 *
 * A transcoder may not be reset while it is feeding, and a cancel may come from inside its callbacks: so it is reset when
 * the next response's head arrives, which is never inside a feed.
 */
#include "list_watch_http.h"

#include <stdio.h>
#include <stdlib.h>

#include <tarn/status.h>
#include <tarn/transcode.h>

#define ERROR_BODY_MAX (64u << 10)
#define LIST_DEADLINE_MS 600000u    /* a slow link may take long over a long list */
#define LIST_SILENCE_MS 90000u      /* the server itself gives a request up after 60 s */
#define WATCH_GRACE_MS 20000u       /* beyond the timeoutSeconds that were asked for */
#define WATCH_OPEN_MS 90000u        /* until the head of a watch comes */
#define BOOKMARK_SILENCE_MS 180000u /* on a stream that has sent bookmarks */

enum request { REQUEST_NONE, REQUEST_LIST, REQUEST_WATCH };

#define AS_METADATA(kind) "application/json;as=" kind ";g=meta.k8s.io;v=v1"

struct list_watch {
    struct tarn_list_watch base;
    struct tarn_http *http;
    char *api_version, *plural, *namespace, *label_selector, *field_selector;
    bool streaming_lists, metadata_only;
    struct tarn_transcoder *lister, *watcher;

    enum request request; /* under way */
    uint32_t serial;      /* of the request: counts up whenever one begins or is over */
    struct tarn_http_transfer *transfer;
    struct tarn_list_watch_sink *sink;
    bool open;          /* a 2xx of JSON: the body goes to the transcoder */
    bool complete;      /* the list closed */
    bool refused;       /* the sink ended the request */
    bool paused;        /* nothing is taken from any request */
    bool touched;       /* bytes came since the last tarn_list_watch_http_take_touched */
    bool bookmarks;     /* the stream has sent one */
    int http_status;
    bool body_is_text;
    uint32_t retry_after_ms;
    struct tarn_buf body;    /* of an error */
    struct tarn_error error; /* of the transcoder, or of a response that is no JSON */
    struct tarn_list_meta meta;
    struct tarn_buf meta_text; /* what meta's strings point to */
};

static struct list_watch *of(struct tarn_list_watch *lw)
{
    return (struct list_watch *)lw;
}

/* The request under way is over; what comes from it is ignored from here. */
static struct tarn_list_watch_sink *close_request(struct list_watch *l)
{
    struct tarn_list_watch_sink *sink = l->sink;

    l->request = REQUEST_NONE;
    l->serial++;
    l->transfer = NULL;
    l->sink = NULL;
    return sink;
}

/* ---- what the transcoder finds ---------------------------------------------------------------------------- */

/* The sink wants no more of request `serial`, or something cancelled it meanwhile: non-zero ends the feed. The sink may have
 * started the next request inside its call: that one is not refused. */
static int refused(struct list_watch *l, uint32_t serial, int rc)
{
    if (l->serial != serial)
        return TARN_E_STOPPED;
    l->refused |= rc != 0;
    return rc;
}

static int on_list_object(void *ctx, struct tarn_bytes type, const struct tarn_object *obj)
{
    struct list_watch *l = ctx;
    struct tarn_list_watch_sink *sink = l->sink;
    uint32_t serial = l->serial;

    (void)type;
    return refused(l, serial, sink ? sink->on_item(sink, obj) : TARN_E_STOPPED);
}

static int copy_text(struct tarn_buf *to, struct tarn_bytes b)
{
    int rc = tarn_buf_add(to, b.data, b.len);

    return rc ? rc : tarn_buf_add(to, "", 1);
}

/* The page is told when its response ended; so its strings are copied. */
static int on_list_end(void *ctx, const struct tarn_list_meta *meta)
{
    struct list_watch *l = ctx;
    const struct tarn_bytes in[] = {meta->api_version, meta->kind, meta->resource_version, meta->cont};
    struct tarn_bytes *out[] = {&l->meta.api_version, &l->meta.kind, &l->meta.resource_version, &l->meta.cont};
    const char *at;
    int rc = 0;

    tarn_buf_clear(&l->meta_text);
    for (size_t i = 0; !rc && i < 4; i++)
        rc = copy_text(&l->meta_text, in[i]);
    if (rc)
        return rc;
    l->meta.remaining_item_count = meta->remaining_item_count;
    at = l->meta_text.data;
    for (size_t i = 0; i < 4; i++) {
        *out[i] = (struct tarn_bytes){.data = at, .len = in[i].len};
        at += in[i].len + 1;
    }
    l->complete = true;
    return 0;
}

static int on_skipped(void *ctx, int code, struct tarn_bytes key)
{
    struct list_watch *l = ctx;
    uint32_t serial = l->serial;

    if (l->sink)
        l->sink->on_skipped(l->sink, code, key);
    return refused(l, serial, l->sink ? 0 : TARN_E_STOPPED);
}

static enum tarn_watch_event_type type_of(struct tarn_bytes type)
{
    static const struct {
        struct tarn_bytes name;
        enum tarn_watch_event_type type;
    } types[] = {
        {TARN_BYTES("ADDED"), TARN_WATCH_ADDED},       {TARN_BYTES("MODIFIED"), TARN_WATCH_MODIFIED},
        {TARN_BYTES("DELETED"), TARN_WATCH_DELETED},   {TARN_BYTES("BOOKMARK"), TARN_WATCH_BOOKMARK},
        {TARN_BYTES("ERROR"), TARN_WATCH_ERROR},
    };

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (tarn_bytes_equal(type, types[i].name))
            return types[i].type;
    return TARN_WATCH_UNKNOWN;
}

static int on_watch_object(void *ctx, struct tarn_bytes type, const struct tarn_object *obj)
{
    struct list_watch *l = ctx;
    enum tarn_watch_event_type t = type_of(type);
    struct tarn_list_watch_sink *sink = l->sink;
    uint32_t serial = l->serial;

    if (!sink)
        return refused(l, serial, TARN_E_STOPPED);
    if (t == TARN_WATCH_BOOKMARK && !l->bookmarks) {
        l->bookmarks = true;
        tarn_http_list_is_over(l->transfer); /* of a streaming list the first one is its end mark */
        tarn_http_watch_silence(l->transfer, BOOKMARK_SILENCE_MS);
    }
    return refused(l, serial, sink->on_event(sink, t, obj));
}

/* ---- what HTTP brings --------------------------------------------------------------------------------------- */

static bool starts_with(struct tarn_bytes b, const char *prefix)
{
    size_t n = strlen(prefix);

    return b.len >= n && strncasecmp(b.data, prefix, n) == 0;
}

static struct tarn_transcoder *transcoder(const struct list_watch *l)
{
    return l->request == REQUEST_LIST ? l->lister : l->watcher;
}

static int on_head(void *ctx, const struct tarn_http_head *head)
{
    struct list_watch *l = ctx;
    bool ok = head->status >= 200 && head->status < 300;

    l->http_status = head->status;
    l->retry_after_ms = head->retry_after_ms;
    l->body_is_text = starts_with(head->content_type, "text/");
    if (!ok)
        return 0; /* the body is the Status */
    if (!starts_with(head->content_type, "application/json"))
        return tarn_error_set(&l->error, TARN_E_SYNTAX, "%s: the server answered %d with '%.*s', not JSON; is it an API server?", l->plural,
                              head->status, TARN_BYTES_ARG(head->content_type));
    tarn_transcoder_reset(transcoder(l));
    l->open = true;
    if (l->request == REQUEST_WATCH) {
        tarn_http_watch_silence(l->transfer, 0); /* silence is health, until bookmarks say otherwise */
        l->sink->on_watch_open(l->sink);
    }
    return 0;
}

static int keep_error_body(struct list_watch *l, const char *data, size_t n)
{
    size_t room = ERROR_BODY_MAX - l->body.len;

    return tarn_buf_add(&l->body, data, n < room ? n : room);
}

/* 0, or non-zero to end the transfer; then either error tells why, or the sink wanted it. */
static int on_body(void *ctx, const char *data, size_t n)
{
    struct list_watch *l = ctx;
    struct tarn_error why = {0};
    uint32_t serial;
    int rc;

    if (!l->open)
        return keep_error_body(l, data, n);
    l->touched = true;
    serial = l->serial;
    rc = tarn_transcoder_feed(transcoder(l), data, n, &why);
    if (rc && !l->refused && l->serial == serial)
        (void)tarn_error_set(&l->error, rc, "%s: %s: %s", l->plural, l->request == REQUEST_LIST ? "list" : "watch", why.message);
    return rc;
}

/* What the end of a transfer means, status aside. */
static void explain(const struct list_watch *l, const struct tarn_http_end *end, struct tarn_end *ret)
{
    *ret = (struct tarn_end){.retry_after_ms = l->retry_after_ms, .error = end->error};
    if (l->error.code) {
        bool input = l->error.code != TARN_E_NOMEM;

        ret->reason = input ? TARN_END_UNDECODABLE : TARN_END_ERROR;
        ret->error = &l->error;
    } else if (end->kind == TARN_HTTP_REFUSED) {
        ret->reason = TARN_END_REFUSED;
    } else {
        ret->reason = end->kind == TARN_HTTP_DONE ? TARN_END_NORMAL : TARN_END_ERROR;
    }
}

/* An error response is an error even if its body was cut. 1: *ret holds it. */
static int status_of(struct list_watch *l, struct tarn_status *ret)
{
    const char *slash = strchr(l->api_version, '/');
    struct tarn_status_response r = {
        .code = l->http_status,
        .method = TARN_BYTES("GET"),
        .group = {.data = l->api_version, .len = slash ? (size_t)(slash - l->api_version) : 0},
        .resource = tarn_bytes_of(l->plural),
        .body = tarn_buf_bytes(&l->body),
        .body_is_text = l->body_is_text,
        .retry_after_s = l->retry_after_ms / 1000,
    };

    return l->http_status && !l->open && !l->error.code ? tarn_status_from_response(&r, ret) : 0;
}

/* Did the page come whole? Else l->error says why, if the transfer itself does not. */
static bool is_whole(struct list_watch *l, const struct tarn_http_end *h)
{
    struct tarn_error why;

    if (h->kind != TARN_HTTP_DONE || l->error.code)
        return false;
    if (tarn_transcoder_end(l->lister, &why))
        (void)tarn_error_set(&l->error, TARN_E_SYNTAX, "%s: list: %s", l->plural, why.message);
    else if (!l->complete)
        (void)tarn_error_set(&l->error, TARN_E_SYNTAX, "%s: list: the answer is no list", l->plural);
    else if (tarn_bytes_equal(l->meta.kind, TARN_BYTES("Status"))) /* */
        (void)tarn_error_set(&l->error, TARN_E_STATUS, "%s: list: the server answered %d with a Status instead of a list", l->plural, l->http_status);
    return !l->error.code;
}

static void list_ended(struct list_watch *l, const struct tarn_http_end *h, struct tarn_end *end)
{
    bool whole = is_whole(l, h);
    struct tarn_list_watch_sink *sink;

    explain(l, h, end);
    sink = close_request(l);
    if (whole)
        sink->on_page(sink, &l->meta);
    else
        sink->on_list_failed(sink, end);
}

/* Cut, silent or late: the reflector sees no error, it watches again from where it was. */
static bool is_plain_end(enum tarn_http_end_kind kind)
{
    return kind == TARN_HTTP_DONE || kind == TARN_HTTP_BROKEN || kind == TARN_HTTP_SILENT || kind == TARN_HTTP_LATE;
}

static void watch_ended(struct list_watch *l, const struct tarn_http_end *h, struct tarn_end *end)
{
    bool established = l->open;
    struct tarn_list_watch_sink *sink = close_request(l);

    explain(l, h, end);
    if (end->reason == TARN_END_ERROR && !l->error.code && is_plain_end(h->kind))
        end->reason = TARN_END_NORMAL;
    sink->on_watch_end(sink, established, end);
}

static void on_end(void *ctx, const struct tarn_http_end *h)
{
    struct list_watch *l = ctx;
    struct tarn_status status;
    struct tarn_end end = {.reason = TARN_END_STATUS, .retry_after_ms = l->retry_after_ms, .status = &status};
    bool list = l->request == REQUEST_LIST;
    struct tarn_list_watch_sink *sink;

    if (l->refused) { /* the sink knows */
        (void)close_request(l);
        return;
    }
    if (status_of(l, &status) == 1) {
        sink = close_request(l);
        if (list)
            sink->on_list_failed(sink, &end);
        else
            sink->on_watch_end(sink, false, &end);
        tarn_status_release(&status);
        return;
    }
    if (list)
        list_ended(l, h, &end);
    else
        watch_ended(l, h, &end);
}

/* ---- requests ------------------------------------------------------------------------------------------------ */

static void lw_cancel(struct tarn_list_watch *lw)
{
    struct list_watch *l = of(lw);

    if (l->transfer)
        tarn_http_cancel(l->transfer);
    (void)close_request(l);
}

/* How the objects are asked for; NULL: whole. */
static const char *accept_of(const struct list_watch *l, enum request kind)
{
    if (!l->metadata_only)
        return NULL;
    return kind == REQUEST_LIST ? AS_METADATA("PartialObjectMetadataList") : AS_METADATA("PartialObjectMetadata");
}

/* listing: a LIST, or a WATCH that begins with one. */
static int start(struct list_watch *l, enum request kind, bool listing, const char *path, uint32_t deadline_ms, struct tarn_list_watch_sink *sink)
{
    static const struct tarn_http_sink http_sink = {.on_head = on_head, .on_body = on_body, .on_end = on_end};
    struct tarn_http_request r = {
        .cls = listing ? TARN_HTTP_LIST : TARN_HTTP_WATCH,
        .path = path,
        .accept = accept_of(l, kind),
        .deadline_ms = deadline_ms,
        .silence_ms = kind == REQUEST_LIST ? LIST_SILENCE_MS : WATCH_OPEN_MS,
        .sink = &http_sink,
        .ctx = l,
    };
    int rc;

    if (l->request != REQUEST_NONE) /* the sink has ended it, and does not wait until its transfer has */
        lw_cancel(&l->base);
    l->open = l->complete = l->bookmarks = l->refused = l->body_is_text = false;
    l->http_status = 0;
    l->retry_after_ms = 0;
    l->error.code = 0;
    tarn_buf_clear(&l->body);
    rc = tarn_http_start(l->http, &r, &l->transfer);
    if (rc)
        return rc;
    l->request = kind;
    l->sink = sink;
    tarn_http_hold(l->transfer, l->paused);
    return 0;
}

/* The configured selector and the request's, both of which must match. */
static int both(struct tarn_buf *b, const char *mine, struct tarn_bytes theirs, struct tarn_bytes *ret)
{
    int rc = 0;

    if (!mine || !*mine) {
        *ret = theirs;
        return 0;
    }
    tarn_buf_clear(b);
    rc = tarn_buf_adds(b, mine);
    if (!rc && theirs.len)
        rc = tarn_buf_adds(b, ",");
    if (!rc)
        rc = tarn_buf_add(b, theirs.data, theirs.len);
    *ret = tarn_buf_bytes(b);
    return rc;
}

/* A request's path and query while they are built. */
struct query {
    bool listing; /* a LIST, or a WATCH that begins with one */
    struct tarn_buf path, labels, fields;
};

/* The resource's path; the request's selectors become those that count together with the configured ones, borrowed from q. */
static int query_begin(const struct list_watch *l, struct query *q, struct tarn_bytes *labels, struct tarn_bytes *fields)
{
    int rc = both(&q->labels, l->label_selector, *labels, labels);

    if (!rc)
        rc = both(&q->fields, l->field_selector, *fields, fields);
    return rc ? rc : tarn_resource_path(&q->path, l->api_version, l->namespace, l->plural);
}

/* Start it unless rc says that building failed; q is released in every case. */
static int query_send(struct list_watch *l, struct query *q, int rc, enum request kind, uint32_t deadline_ms, struct tarn_list_watch_sink *sink)
{
    if (!rc)
        rc = tarn_buf_add(&q->path, "", 1);
    if (!rc)
        rc = start(l, kind, q->listing, q->path.data, deadline_ms, sink);
    tarn_buf_release(&q->path);
    tarn_buf_release(&q->labels);
    tarn_buf_release(&q->fields);
    return rc;
}

static int lw_list(struct tarn_list_watch *lw, const struct tarn_list_options *o, struct tarn_list_watch_sink *sink)
{
    struct list_watch *l = of(lw);
    struct tarn_list_options mine = *o;
    struct query q = {.listing = true};
    int rc = query_begin(l, &q, &mine.label_selector, &mine.field_selector);

    if (!rc)
        rc = tarn_list_query(&q.path, &mine);
    return query_send(l, &q, rc, REQUEST_LIST, LIST_DEADLINE_MS, sink);
}

static int lw_watch(struct tarn_list_watch *lw, const struct tarn_watch_options *o, struct tarn_list_watch_sink *sink)
{
    struct list_watch *l = of(lw);
    struct tarn_watch_options mine = *o;
    struct query q = {.listing = o->send_initial_events};
    int rc = query_begin(l, &q, &mine.label_selector, &mine.field_selector);

    if (!rc)
        rc = tarn_watch_query(&q.path, &mine);
    return query_send(l, &q, rc, REQUEST_WATCH, o->timeout_s * 1000 + WATCH_GRACE_MS, sink);
}

static bool lw_supports_streaming_list(struct tarn_list_watch *lw)
{
    return of(lw)->streaming_lists;
}

/* ---- life ---------------------------------------------------------------------------------------------------- */

static int copy_string(const char *s, char **ret)
{
    if (!s)
        return 0;
    *ret = strdup(s);
    return *ret ? 0 : TARN_E_NOMEM;
}

static int copy_strings(struct list_watch *l, const struct tarn_list_watch_http_options *o)
{
    int rc = copy_string(o->api_version, &l->api_version);

    if (!rc)
        rc = copy_string(o->plural, &l->plural);
    if (!rc)
        rc = copy_string(o->namespace, &l->namespace);
    if (!rc)
        rc = copy_string(o->label_selector, &l->label_selector);
    return rc ? rc : copy_string(o->field_selector, &l->field_selector);
}

static int make_transcoders(struct list_watch *l, const struct tarn_list_watch_http_options *o, struct tarn_error *err)
{
    const struct tarn_transcode_sink lister = {on_list_object, on_list_end, on_skipped, l}, watcher = {on_watch_object, NULL, on_skipped, l};
    struct tarn_transcode_options t = {
        .mode = TARN_TRANSCODE_LIST,
        .projection = o->projection,
        .max_object_bytes = o->max_object_bytes,
        .store_id = o->store_id,
        .lenient_utf8 = true,
    };
    int rc = tarn_transcoder_new(&t, &lister, &l->lister, err);

    t.mode = TARN_TRANSCODE_WATCH;
    return rc ? rc : tarn_transcoder_new(&t, &watcher, &l->watcher, err);
}

int tarn_list_watch_http_new(const struct tarn_list_watch_http_options *o, struct tarn_list_watch **ret, struct tarn_error *err)
{
    static const struct tarn_list_watch_ops ops = {lw_list, lw_watch, lw_cancel, lw_supports_streaming_list};
    struct list_watch *l = calloc(1, sizeof *l);
    int rc;

    if (!l)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    l->base.ops = &ops;
    l->http = o->http;
    l->streaming_lists = o->streaming_lists;
    l->metadata_only = o->metadata_only;
    rc = copy_strings(l, o);
    if (rc)
        (void)tarn_error_set(err, rc, "out of memory");
    else
        rc = make_transcoders(l, o, err);
    if (rc)
        tarn_list_watch_http_free(&l->base);
    else
        *ret = &l->base;
    return rc;
}

void tarn_list_watch_http_free(struct tarn_list_watch *lw)
{
    struct list_watch *l = lw ? of(lw) : NULL;

    if (!l)
        return;
    lw_cancel(lw);
    tarn_transcoder_free(l->lister);
    tarn_transcoder_free(l->watcher);
    tarn_buf_release(&l->body);
    tarn_buf_release(&l->meta_text);
    free(l->api_version);
    free(l->plural);
    free(l->namespace);
    free(l->label_selector);
    free(l->field_selector);
    free(l);
}

void tarn_list_watch_http_pause(struct tarn_list_watch *lw, bool paused)
{
    struct list_watch *l = of(lw);

    l->paused = paused;
    if (l->transfer)
        tarn_http_hold(l->transfer, paused);
}

bool tarn_list_watch_http_take_touched(struct tarn_list_watch *lw)
{
    struct list_watch *l = of(lw);
    bool touched = l->touched;

    l->touched = false;
    return touched;
}

size_t tarn_list_watch_http_memory(const struct tarn_list_watch *lw)
{
    const struct list_watch *l = (const struct list_watch *)lw;

    return sizeof *l + tarn_transcoder_memory(l->lister) + tarn_transcoder_memory(l->watcher) + l->body.cap + l->meta_text.cap;
}
