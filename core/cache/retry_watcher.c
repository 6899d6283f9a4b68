/* retry_watcher.c - watch from a version; when the stream ends, watch again from the newest one, at most once a second.
 *
 * It gives up only when it is certain that it cannot go on: 410 in the stream, no permission, an event that does not say
 * where it stands. Rows T-1, T-2.
 */
#include <stdlib.h>

#include <tarn/retry_watcher.h>

enum { RESTART_MS = 1000 }; /* T-1: between two starts */

struct tarn_retry_watcher {
    struct tarn_list_watch_sink sink; /* first */
    struct tarn_retry_watcher_options o;
    struct tarn_rv rv;
    uint64_t started_ms, due_ms; /* due: UINT64_MAX while watching or when over */
    bool watching, over;
};

static struct tarn_retry_watcher *of(struct tarn_list_watch_sink *s)
{
    return (struct tarn_retry_watcher *)s;
}

/* ---- how it goes on -------------------------------------------------------------------------------- */

static void retry(struct tarn_retry_watcher *w, uint64_t delay_ms)
{
    uint64_t now = tarn_now_ms(w->o.rt), due = now + delay_ms;

    w->watching = false;
    w->due_ms = due < w->started_ms + RESTART_MS ? w->started_ms + RESTART_MS : due;
}

static void finish(struct tarn_retry_watcher *w)
{
    bool tell = !w->over && w->o.on_end;

    w->over = true;
    w->watching = false;
    w->due_ms = UINT64_MAX;
    if (tell)
        w->o.on_end(w->o.ctx);
}

/* The last event: an ERROR made of a Status. When memory is out, the end alone must tell. */
static void finish_with(struct tarn_retry_watcher *w, const struct tarn_status *s)
{
    struct tarn_buf json = {0};
    const struct tarn_object *obj = NULL;

    if (tarn_status_to_json(s, &json) == 0 && tarn_object_from_json(tarn_buf_bytes(&json), &obj, NULL) == 0)
        (void)w->o.on_event(w->o.ctx, TARN_WATCH_ERROR, obj);
    tarn_object_unref(obj);
    tarn_buf_release(&json);
    finish(w);
}

static void finish_with_text(struct tarn_retry_watcher *w, struct tarn_bytes text)
{
    struct tarn_status s = tarn_status_failure(TARN_REASON_INTERNAL_ERROR, text);

    finish_with(w, &s);
}

/* ---- events -------------------------------------------------------------------------------------------- */

static int on_error_event(struct tarn_retry_watcher *w, const struct tarn_object *obj)
{
    struct tarn_status s;

    if (tarn_status_from_object(obj, &s, NULL) < 0) {
        retry(w, 0);
        return TARN_E_STATUS;
    }
    if (s.code == 410) {
        (void)w->o.on_event(w->o.ctx, TARN_WATCH_ERROR, obj);
        finish(w);
    } else {
        retry(w, s.retry_after_s * 1000ull);
    }
    tarn_status_release(&s);
    return TARN_E_STATUS;
}

static int on_event(struct tarn_list_watch_sink *sink, enum tarn_watch_event_type type, const struct tarn_object *obj)
{
    struct tarn_retry_watcher *w = of(sink);
    struct tarn_rv rv = {0};

    if (!w->watching)
        return TARN_E_CLOSED;
    if (type == TARN_WATCH_ERROR)
        return on_error_event(w, obj);
    if (type == TARN_WATCH_UNKNOWN || tarn_rv_set_of(&rv, obj) < 0 || rv.len == 0) {
        finish_with_text(w, type == TARN_WATCH_UNKNOWN ? TARN_BYTES("retry watcher: unknown event type")
                                                       : TARN_BYTES("retry watcher: an event without resourceVersion"));
        return TARN_E_CLOSED;
    }
    if (type != TARN_WATCH_BOOKMARK && w->o.on_event(w->o.ctx, type, obj)) {
        finish(w);
        return TARN_E_CLOSED;
    }
    if (!w->watching) /* stopped from inside on_event */
        return TARN_E_CLOSED;
    w->rv = rv;
    return 0;
}

static void on_watch_end(struct tarn_list_watch_sink *sink, bool established, const struct tarn_end *end)
{
    struct tarn_retry_watcher *w = of(sink);
    const struct tarn_status *s = end->reason == TARN_END_STATUS ? end->status : NULL;

    if (!w->watching)
        return;
    if (!established && (tarn_status_is_forbidden(s) || tarn_status_is_unauthorized(s)))
        finish_with(w, s);
    else
        retry(w, end->retry_after_ms);
}

static void on_watch_open(struct tarn_list_watch_sink *sink)
{
    (void)sink;
}

static void on_skipped(struct tarn_list_watch_sink *sink, int code, struct tarn_bytes key)
{
    (void)sink;
    (void)code;
    (void)key;
}

/* ---- life -------------------------------------------------------------------------------------------------- */

int tarn_retry_watcher_new(const struct tarn_retry_watcher_options *o, struct tarn_retry_watcher **ret,
                           struct tarn_error *err)
{
    struct tarn_retry_watcher *w;
    struct tarn_rv rv = {0};

    if (!o->list_watch || !o->rt || !o->on_event)
        return tarn_error_set(err, TARN_E_INVAL, "a retry watcher needs a list_watch, a runtime and on_event");
    if (tarn_rv_set(&rv, o->resource_version) < 0 || tarn_rv_is_open(&rv))
        return tarn_error_set(err, TARN_E_INVAL,
                              "initial resourceVersion '%.*s' is not supported: a watch cannot be resumed from it",
                              TARN_BYTES_ARG(o->resource_version));
    w = calloc(1, sizeof *w);
    if (!w)
        return tarn_error_set(err, TARN_E_NOMEM, "no memory for a retry watcher");
    w->sink = (struct tarn_list_watch_sink){
        .on_event = on_event, .on_watch_end = on_watch_end, .on_watch_open = on_watch_open, .on_skipped = on_skipped};
    w->o = *o;
    w->o.resource_version = (struct tarn_bytes){0};
    w->rv = rv;
    *ret = w;
    return 0;
}

void tarn_retry_watcher_stop(struct tarn_retry_watcher *w)
{
    bool watching = w->watching;

    w->over = true;
    w->watching = false;
    w->due_ms = UINT64_MAX;
    if (watching)
        w->o.list_watch->ops->cancel(w->o.list_watch);
}

void tarn_retry_watcher_free(struct tarn_retry_watcher *w)
{
    if (!w)
        return;
    tarn_retry_watcher_stop(w);
    free(w);
}

uint64_t tarn_retry_watcher_deadline_ms(const struct tarn_retry_watcher *w)
{
    return w->due_ms;
}

void tarn_retry_watcher_on_timer(struct tarn_retry_watcher *w)
{
    struct tarn_rv rv = w->rv;
    struct tarn_watch_options o = {.resource_version = tarn_rv_bytes(&rv), .allow_bookmarks = true};
    uint64_t now = tarn_now_ms(w->o.rt);

    if (w->over || w->watching || now < w->due_ms)
        return;
    w->started_ms = now;
    w->due_ms = UINT64_MAX;
    w->watching = true;
    if (w->o.list_watch->ops->watch(w->o.list_watch, &o, &w->sink) < 0 && w->watching)
        retry(w, 0);
}

struct tarn_bytes tarn_retry_watcher_resource_version(const struct tarn_retry_watcher *w)
{
    return tarn_rv_bytes(&w->rv);
}
