#include "fake_list_watch.h"

#include <stdio.h>
#include <stdlib.h>

static struct fake_list_watch *of(struct tarn_list_watch *lw)
{
    return (struct fake_list_watch *)lw;
}

#define COPY(to, from) (void)snprintf(to, sizeof to, "%.*s", TARN_BYTES_ARG(from))

static int begin(struct fake_list_watch *f, struct fake_request q, struct tarn_list_watch_sink *sink)
{
    q.at_ms = tarn_now_ms(f->rt);
    if (f->n < FAKE_REQUESTS_MAX)
        f->requests[f->n] = q;
    f->n++;
    if (f->refuse)
        return f->refuse;
    f->overlaps += f->sink != NULL;
    f->sink = sink;
    return 0;
}

static int list(struct tarn_list_watch *lw, const struct tarn_list_options *o, struct tarn_list_watch_sink *sink)
{
    struct fake_request q = {.kind = FAKE_LIST, .limit = o->limit};

    COPY(q.rv, o->resource_version);
    COPY(q.match, o->resource_version_match);
    COPY(q.cont, o->cont);
    COPY(q.label_selector, o->label_selector);
    COPY(q.field_selector, o->field_selector);
    return begin(of(lw), q, sink);
}

static int watch(struct tarn_list_watch *lw, const struct tarn_watch_options *o, struct tarn_list_watch_sink *sink)
{
    struct fake_request q = {.kind = FAKE_WATCH,
                             .timeout_s = o->timeout_s,
                             .bookmarks = o->allow_bookmarks,
                             .initial_events = o->send_initial_events};

    COPY(q.rv, o->resource_version);
    COPY(q.match, o->resource_version_match);
    COPY(q.label_selector, o->label_selector);
    COPY(q.field_selector, o->field_selector);
    return begin(of(lw), q, sink);
}

static void cancel(struct tarn_list_watch *lw)
{
    of(lw)->cancels++;
    of(lw)->sink = NULL;
}

static bool supports_streaming_list(struct tarn_list_watch *lw)
{
    return of(lw)->streaming;
}

void fake_list_watch_init(struct fake_list_watch *f, struct tarn_runtime *rt)
{
    static const struct tarn_list_watch_ops ops = {
        .list = list, .watch = watch, .cancel = cancel, .supports_streaming_list = supports_streaming_list};

    *f = (struct fake_list_watch){.lw.ops = &ops, .rt = rt};
}

const struct fake_request *fake_last(const struct fake_list_watch *f)
{
    static const struct fake_request none;

    return f->n && f->n <= FAKE_REQUESTS_MAX ? &f->requests[f->n - 1] : &none;
}

const char *fake_last_text(const struct fake_list_watch *f)
{
    static char text[600];
    const struct fake_request *q = fake_last(f);

    if (q->kind == FAKE_WATCH)
        (void)snprintf(text, sizeof text, "%s rv=%s", q->initial_events ? "STREAM" : "WATCH", q->rv);
    else
        (void)snprintf(text, sizeof text, "LIST rv=%s limit=%u%s%s", q->rv, q->limit, q->cont[0] ? " cont=" : "", q->cont);
    return text;
}

/* The sink of the request under way; none is a mistake of the test. */
static struct tarn_list_watch_sink *sink_of(struct fake_list_watch *f)
{
    if (!f->sink) {
        fprintf(stderr, "fake_list_watch: an answer, but no request is under way (last: %s)\n", fake_last_text(f));
        abort();
    }
    return f->sink;
}

static struct tarn_list_watch_sink *end_request(struct fake_list_watch *f)
{
    struct tarn_list_watch_sink *s = sink_of(f);

    f->sink = NULL;
    return s;
}

int fake_item(struct fake_list_watch *f, const struct tarn_object *obj)
{
    struct tarn_list_watch_sink *s = sink_of(f);
    int rc = s->on_item(s, obj);

    tarn_object_unref(obj);
    if (rc)
        f->sink = NULL;
    return rc;
}

void fake_page_end(struct fake_list_watch *f, const char *rv, const char *cont)
{
    struct tarn_list_watch_sink *s = end_request(f);

    s->on_page(s, &(struct tarn_list_meta){.api_version = TARN_BYTES("v1"),
                                           .kind = TARN_BYTES("PodList"),
                                           .resource_version = tarn_bytes_of(rv),
                                           .cont = tarn_bytes_of(cont),
                                           .remaining_item_count = -1});
}

void fake_list_failed(struct fake_list_watch *f, const struct tarn_end *end)
{
    struct tarn_list_watch_sink *s = end_request(f);

    s->on_list_failed(s, end);
}

static struct tarn_status status_of(int code, const char *reason)
{
    return (struct tarn_status){.code = code,
                                .reason = tarn_status_reason_parse(tarn_bytes_of(reason)),
                                .reason_text = tarn_bytes_of(reason),
                                .message = tarn_bytes_of(reason)};
}

void fake_list_status(struct fake_list_watch *f, int code, const char *reason)
{
    struct tarn_status s = status_of(code, reason);

    fake_list_failed(f, &(struct tarn_end){.reason = TARN_END_STATUS, .status = &s});
}

void fake_open(struct fake_list_watch *f)
{
    struct tarn_list_watch_sink *s = sink_of(f);

    s->on_watch_open(s);
}

int fake_event(struct fake_list_watch *f, enum tarn_watch_event_type type, const struct tarn_object *obj)
{
    struct tarn_list_watch_sink *s = sink_of(f);
    int rc = s->on_event(s, type, obj);

    tarn_object_unref(obj);
    if (rc)
        f->sink = NULL;
    return rc;
}

void fake_watch_end(struct fake_list_watch *f, bool established, const struct tarn_end *end)
{
    struct tarn_list_watch_sink *s = end_request(f);

    s->on_watch_end(s, established, end);
}

void fake_watch_status(struct fake_list_watch *f, bool established, int code, const char *reason)
{
    struct tarn_status s = status_of(code, reason);

    fake_watch_end(f, established, &(struct tarn_end){.reason = TARN_END_STATUS, .status = &s});
}
