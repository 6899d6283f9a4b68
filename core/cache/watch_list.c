/* watch_list.c - streaming lists: a WATCH that first sends all there is, then a bookmark, then goes on as the watch.
 *
 * Until the bookmark with the annotation k8s.io/initial-events-end everything goes into the staging of the store. What
 * the original does for ever (a stream that closes without the bookmark) we do twice, then use LIST for ten minutes.
 * Rows W-1 ... W-8.
 */
#include "reflector_state.h"

#define END_MARK "metadata.annotations['k8s.io/initial-events-end']"

static bool is_supported(const struct tarn_reflector *r)
{
    struct tarn_list_watch *lw = r->o.list_watch;

    return lw->ops->supports_streaming_list && lw->ops->supports_streaming_list(lw);
}

bool tarn_rfl_may_stream(const struct tarn_reflector *r)
{
    return r->o.streaming_list && tarn_rfl_now_of(r) >= r->stream_forbidden_ms && is_supported(r);
}

/* W-1: ours, or "" if there is none or it cannot be had; never "0". */
static struct tarn_rv stream_version(const struct tarn_reflector *r)
{
    if (r->unavailable || tarn_rv_is_open(&r->st.resource_version))
        return (struct tarn_rv){0};
    return r->st.resource_version;
}

static void arm_silence(struct tarn_reflector *r)
{
    uint64_t now = tarn_rfl_now_of(r);

    r->stream_warn_ms = now + STREAM_WARN_MS;
    r->stream_silence_ms = tarn_rfl_is_original(r, TARN_ORIGINAL_STREAMING_FOREVER) ? NEVER : now + STREAM_SILENCE_MS;
}

static void stream_failed(struct tarn_reflector *r, bool established, const struct tarn_end *end);

void tarn_rfl_request_stream(struct tarn_reflector *r)
{
    struct tarn_rv rv = stream_version(r);
    struct tarn_watch_options o = {
        .allow_bookmarks = true, .send_initial_events = true, .resource_version_match = TARN_BYTES("NotOlderThan")};
    struct tarn_error err;
    int rc;

    r->st.counters.streaming_lists++;
    r->st.counters.relists += r->st.has_synced;
    o.timeout_s = tarn_rfl_begin_stream(r, &rv);
    o.resource_version = tarn_rv_bytes(&r->asked);
    r->list_began_ms = r->request_ms;
    if (!tarn_rfl_begin_staging(r))
        return;
    arm_silence(r);
    r->st.phase = TARN_REFLECTOR_STREAMING;
    r->changed = true;
    tarn_rfl_unlock(r);
    rc = r->o.list_watch->ops->watch(r->o.list_watch, &o, &r->sink);
    tarn_rfl_enter(r);
    if (rc == 0 || r->st.phase != TARN_REFLECTOR_STREAMING)
        return;
    (void)tarn_error_set(&err, rc, "the request could not be started: %s", tarn_strerror(rc));
    stream_failed(r, false, &(struct tarn_end){.reason = TARN_END_ERROR, .error = &err});
}

/* ---- events ---------------------------------------------------------------------------------------- */

static bool is_end_mark(const struct tarn_object *obj)
{
    struct tarn_bytes value;

    return tarn_object_get_string(obj, END_MARK, &value) == 0 && tarn_bytes_equal(value, TARN_BYTES("true"));
}

/* This round lists in pages. */
static void fall_back(struct tarn_reflector *r)
{
    tarn_rfl_abort_staging(r);
    r->st.counters.streaming_fallbacks++;
    tarn_rfl_wait_for(r, STEP_LIST, 0);
}

/* W-4: the list is complete, the same stream goes on as the watch. */
static int complete(struct tarn_reflector *r, const struct tarn_object *obj)
{
    struct tarn_rv rv = {0};
    int rc;

    if (tarn_rv_set_of(&rv, obj) < 0) {
        fall_back(r);
        return TARN_E_SIZE;
    }
    rc = tarn_rfl_commit_list(r, &rv);
    if (rc < 0)
        return rc;
    tarn_rfl_arm_periods(r);
    r->st.counters.watches++;
    r->st.counters.watches_open++;
    r->stream_closes = 0;
    r->only_added = false;
    r->events++;
    r->st.phase = TARN_REFLECTOR_WATCHING;
    tarn_rfl_recovered(r);
    tarn_rfl_set_live(r, true);
    return 0;
}

/* An object told of is gone before the end mark came. */
static int unstage(struct tarn_reflector *r, const struct tarn_object *obj)
{
    struct tarn_error err = {0};

    if (!r->o.store->ops->replace_remove) { /* this store cannot forget: take a list that has no such events */
        fall_back(r);
        return TARN_E_UNSUPPORTED;
    }
    err.code = r->o.store->ops->replace_remove(r->o.store, obj, &err);
    if (err.code == 0 || tarn_rfl_is_objects_fault(err.code))
        return 0;
    r->st.behind = true;
    tarn_rfl_store_failed(r, "unable to take the list of", &err);
    return err.code;
}

static int on_stream_error(struct tarn_reflector *r, const struct tarn_object *obj)
{
    struct tarn_status s;

    r->st.counters.error_events++;
    if (tarn_status_from_object(obj, &s, NULL) < 0)
        s = tarn_status_failure(TARN_REASON_UNKNOWN, TARN_BYTES("an ERROR event without a Status"));
    stream_failed(r, true, &(struct tarn_end){.reason = TARN_END_STATUS, .status = &s});
    tarn_status_release(&s);
    return TARN_E_STATUS;
}

int tarn_rfl_on_stream_event(struct tarn_reflector *r, enum tarn_watch_event_type type, const struct tarn_object *obj)
{
    if (type == TARN_WATCH_ERROR)
        return on_stream_error(r, obj);
    if (!tarn_rfl_is_expected(r, obj))
        return 0;
    r->events++;
    r->st.last_event_ms = tarn_rfl_now_of(r);
    arm_silence(r);
    switch (type) {
    case TARN_WATCH_ADDED:
    case TARN_WATCH_MODIFIED:
        return tarn_rfl_stage(r, obj);
    case TARN_WATCH_DELETED:
        return unstage(r, obj);
    case TARN_WATCH_BOOKMARK:
        return is_end_mark(obj) ? complete(r, obj) : 0;
    default:
        r->st.counters.unknown_events++;
        return 0;
    }
}

/* ---- ends -------------------------------------------------------------------------------------------- */

/* W-7: no streaming list for a while. */
static void forbid(struct tarn_reflector *r, const char *why)
{
    if (tarn_rfl_is_original(r, TARN_ORIGINAL_STREAMING_FOREVER))
        return;
    r->stream_closes = 0;
    r->stream_forbidden_ms = tarn_rfl_now_of(r) + STREAM_FORBIDDEN_MS;
    tarn_rfl_report(r, TARN_REPORT_WARNING, TARN_E_UNSUPPORTED, (struct tarn_bytes){0},
                    "%s: %s; listing in pages for the next 10 minutes", r->name, why);
}

void tarn_rfl_on_stream_closed(struct tarn_reflector *r)
{
    bool very_short = tarn_rfl_is_very_short(r);

    tarn_rfl_count_life(r);
    tarn_rfl_abort_staging(r);
    if (very_short) { /* W-6 */
        fall_back(r);
    } else if (tarn_rfl_is_original(r, TARN_ORIGINAL_STREAMING_FOREVER)) {
        tarn_rfl_wait_for(r, STEP_STREAM, 0);
    } else if (++r->stream_closes < STREAM_CLOSES) {
        tarn_rfl_set_live(r, false);
        tarn_rfl_wait_backoff(r, STEP_STREAM, 0);
    } else {
        forbid(r, "streaming lists end without their end mark");
        fall_back(r);
    }
}

void tarn_rfl_on_stream_silent(struct tarn_reflector *r)
{
    forbid(r, "a streaming list was silent for a minute");
    fall_back(r);
}

void tarn_rfl_warn_of_silence(struct tarn_reflector *r)
{
    r->stream_warn_ms = tarn_rfl_now_of(r) + STREAM_WARN_MS;
    r->changed = true;
    tarn_rfl_report(r, TARN_REPORT_WARNING, TARN_E_TIMEOUT, (struct tarn_bytes){0},
                    "%s: the streaming list has sent no event for a while and its end mark is awaited", r->name);
}

/* W-6: our version is expired or in the future; ask for any. */
static void stream_without_version(struct tarn_reflector *r, const struct failure *f, const struct tarn_status *s)
{
    bool again = r->asked.len == 0 && !tarn_rfl_is_original(r, TARN_ORIGINAL_STREAMING_FOREVER);

    r->st.counters.expired += tarn_rfl_is_expired(s);
    r->st.counters.too_large += tarn_status_is_resource_version_too_large(s);
    r->unavailable = true;
    tarn_rfl_abort_staging(r);
    if (again) {
        tarn_rfl_fail(r, f, false);
        tarn_rfl_wait_backoff(r, STEP_STREAM, f->retry_after_ms);
    } else {
        tarn_rfl_wait_for(r, STEP_STREAM, 0);
    }
}

static void stream_failed(struct tarn_reflector *r, bool established, const struct tarn_end *end)
{
    const struct tarn_status *s = end->reason == TARN_END_STATUS ? end->status : NULL;
    struct failure f = tarn_rfl_failure_of_end("no streaming list of", end);

    tarn_rfl_count_life(r);
    tarn_rfl_abort_staging(r);
    r->st.counters.watch_errors++;
    if (s && (tarn_rfl_is_expired(s) || tarn_status_is_resource_version_too_large(s))) {
        stream_without_version(r, &f, s);
    } else if ((end->reason == TARN_END_REFUSED && !established) || tarn_status_is_too_many_requests(s)) {
        tarn_rfl_fail(r, &f, false);
        tarn_rfl_wait_backoff(r, STEP_STREAM, f.retry_after_ms);
    } else {
        if (tarn_status_is_invalid(s) || tarn_status_is_bad_request(s))
            forbid(r, "the server does not know streaming lists");
        tarn_rfl_report(r, TARN_REPORT_WARNING, f.code, (struct tarn_bytes){0},
                        "no streaming list of %s, listing in pages: %.*s", r->name, TARN_BYTES_ARG(f.text));
        fall_back(r);
    }
}

void tarn_rfl_on_stream_ended(struct tarn_reflector *r, bool established, const struct tarn_end *end)
{
    bool cut = established && (end->reason == TARN_END_ERROR || end->reason == TARN_END_REFUSED);

    if (end->reason == TARN_END_NORMAL || cut)
        tarn_rfl_on_stream_closed(r);
    else
        stream_failed(r, established, end);
}
