/* reflector_watch.c - WATCH: what each event does to the store, and what each way to end leads to.
 *
 *     ends normally, cut, overdue      watch again from our version; a step of backoff unless it lived 30 s
 *     refused, 429                     a step of backoff, watch again
 *     410                              list almost at once
 *     undecodable, InternalError       list after a step of backoff, or watch again for a while
 *     anything else                    list after a step of backoff
 */
#include "reflector_state.h"

/* ---- opening -------------------------------------------------------------------------------------- */

/* 8.2: uniform in [m, 2m), m at least 300 s. */
static uint32_t choose_timeout_s(struct tarn_reflector *r)
{
    uint32_t m = r->o.min_watch_timeout_s > WATCH_TIMEOUT_MIN_S ? r->o.min_watch_timeout_s : WATCH_TIMEOUT_MIN_S;

    return m + (uint32_t)tarn_rfl_random_below(r, m);
}

void tarn_rfl_arm_periods(struct tarn_reflector *r)
{
    uint64_t now = tarn_rfl_now_of(r), relist = r->o.relist_period_ms, jitter = relist / 10;

    if (r->resync_ms == NEVER && r->o.resync_period_ms)
        r->resync_ms = now + r->o.resync_period_ms;
    if (r->relist_ms == NEVER && relist)
        r->relist_ms = now + relist + tarn_rfl_random_below(r, jitter < UINT32_MAX ? (uint32_t)jitter : UINT32_MAX);
}

uint32_t tarn_rfl_begin_stream(struct tarn_reflector *r, const struct tarn_rv *rv)
{
    uint32_t timeout_s = choose_timeout_s(r);

    r->asked = *rv;
    r->only_added = tarn_rv_is_open(rv);
    r->events = 0;
    r->open = false;
    r->request_ms = tarn_rfl_now_of(r); /* before the request, since proxies delay the headers */
    r->watch_deadline_ms = r->request_ms + timeout_s * 1000ull + WATCH_GRACE_MS;
    return timeout_s;
}

void tarn_rfl_request_watch(struct tarn_reflector *r)
{
    struct tarn_watch_options o = {.allow_bookmarks = true};
    struct tarn_error err;
    int rc;

    o.timeout_s = tarn_rfl_begin_stream(r, &r->st.resource_version);
    o.resource_version = tarn_rv_bytes(&r->asked);
    tarn_rfl_arm_periods(r);
    r->st.counters.watches++;
    r->st.phase = TARN_REFLECTOR_OPENING;
    r->changed = true;
    tarn_rfl_unlock(r);
    rc = r->o.list_watch->ops->watch(r->o.list_watch, &o, &r->sink);
    tarn_rfl_enter(r);
    if (rc == 0 || r->st.phase != TARN_REFLECTOR_OPENING)
        return;
    (void)tarn_error_set(&err, rc, "the request could not be started: %s", tarn_strerror(rc));
    tarn_rfl_on_watch_ended(r, false, &(struct tarn_end){.reason = TARN_END_ERROR, .error = &err});
}

void tarn_rfl_on_watch_opened(struct tarn_reflector *r)
{
    if (r->st.phase == TARN_REFLECTOR_STREAMING)
        r->open = true;
    if (r->st.phase != TARN_REFLECTOR_OPENING)
        return;
    r->open = true;
    r->st.phase = TARN_REFLECTOR_WATCHING;
    r->st.counters.watches_open++;
    tarn_rfl_recovered(r);
    tarn_rfl_set_live(r, true);
}

/* ---- events ------------------------------------------------------------------------------------------ */

static struct tarn_bytes field(const struct tarn_object *obj, const char *path)
{
    struct tarn_bytes ret = {0};

    (void)tarn_object_get_string(obj, path, &ret); /* absent or of another type: empty */
    return ret;
}

static bool is_table(struct tarn_bytes api_version, struct tarn_bytes kind)
{
    return tarn_bytes_equal(kind, TARN_BYTES("Table")) && api_version.len >= 11 &&
           memcmp(api_version.data, "meta.k8s.io", 11) == 0;
}

bool tarn_rfl_is_expected(struct tarn_reflector *r, const struct tarn_object *obj)
{
    struct tarn_bytes v = field(obj, "apiVersion"), k = field(obj, "kind");
    bool fits =
        (!r->api_version.len || tarn_bytes_equal(v, r->api_version)) && (!r->kind.len || tarn_bytes_equal(k, r->kind));

    if (fits && !is_table(v, k))
        return true;
    r->st.counters.mismatches++;
    if (tarn_rfl_may_tell_of_object(r))
        tarn_rfl_report(r, TARN_REPORT_WARNING, TARN_E_TYPE, tarn_object_key(obj),
                        "expected %s %.*s %.*s, but the watch event is a %.*s %.*s", r->name, TARN_BYTES_ARG(r->api_version),
                        TARN_BYTES_ARG(r->kind), TARN_BYTES_ARG(v), TARN_BYTES_ARG(k));
    return false;
}

static int apply(struct tarn_reflector *r, enum tarn_watch_event_type type, const struct tarn_object *obj,
                 struct tarn_error *err)
{
    struct tarn_store *s = r->o.store;

    switch (type) {
    case TARN_WATCH_ADDED:
        return tarn_store_add(s, obj, err);
    case TARN_WATCH_MODIFIED:
        return tarn_store_update(s, obj, err);
    case TARN_WATCH_DELETED:
        return tarn_store_delete(s, obj, err);
    case TARN_WATCH_BOOKMARK:
        if (s->ops->bookmark && s->ops->bookmark(s, tarn_object_resource_version_text(obj)) < 0)
            r->st.counters.store_errors++; /* nothing is lost by it */
        return 0;
    default:
        if (tarn_rfl_may_tell_of_object(r))
            tarn_rfl_report(r, TARN_REPORT_WARNING, TARN_E_UNSUPPORTED, tarn_object_key(obj),
                            "the watch of %s sent an event of unknown type", r->name);
        return 0;
    }
}

static void count_event(struct tarn_reflector *r, enum tarn_watch_event_type type)
{
    struct tarn_reflector_counters *c = &r->st.counters;

    c->added += type == TARN_WATCH_ADDED;
    c->modified += type == TARN_WATCH_MODIFIED;
    c->deleted += type == TARN_WATCH_DELETED;
    c->bookmarks += type == TARN_WATCH_BOOKMARK;
    c->unknown_events += type == TARN_WATCH_UNKNOWN;
}

/* The store refused an event. 0: go on, only this object suffers. */
static int event_refused(struct tarn_reflector *r, int rc, const struct tarn_object *obj, const struct tarn_error *err)
{
    struct tarn_error e = *err;

    e.code = rc;
    if (tarn_rfl_is_objects_fault(rc) || tarn_rfl_is_original(r, TARN_ORIGINAL_STORE_ERRORS)) {
        r->st.counters.store_errors++;
        tarn_rfl_count_skipped(r, rc, tarn_object_key(obj), e.message[0] ? e.message : tarn_strerror(rc));
        return 0;
    }
    tarn_rfl_count_life(r);
    r->st.behind = true; /* our version stays before this event, so the next list brings it */
    tarn_rfl_store_failed(r, "the store could not take an event of", &e);
    return rc;
}

/* R-20 as ours: a version that goes back means that the server forgot what we know. */
int tarn_rfl_went_back(struct tarn_reflector *r, const struct tarn_rv *rv)
{
    r->st.counters.rv_rewinds += !r->rewound;
    r->rewound = r->unavailable = true;
    tarn_rfl_fail(r,
                  &(struct failure){.what = "the server knows only an older state (was it restored?), listing anew:",
                                    .code = TARN_E_GONE,
                                    .level = TARN_REPORT_WARNING,
                                    .text = rv ? tarn_rv_bytes(rv) : TARN_BYTES("too large resource version")},
                  true);
    tarn_rfl_wait_little(r, STEP_ROUND);
    return TARN_E_GONE;
}

/* a stream from ""/"0" first tells all there is, in any order. */
static void advance(struct tarn_reflector *r, enum tarn_watch_event_type type, const struct tarn_rv *rv)
{
    r->only_added = r->only_added && type == TARN_WATCH_ADDED;
    if (!r->only_added && rv->len)
        r->st.resource_version = *rv;
    r->events++;
    r->doubt = false;
    r->st.last_event_ms = tarn_rfl_now_of(r);
}

static void on_error_status(struct tarn_reflector *r, const struct tarn_status *s);

/* An ERROR event ends the watch. */
static int on_error_event(struct tarn_reflector *r, const struct tarn_object *obj)
{
    struct tarn_status s;

    r->st.counters.error_events++;
    if (tarn_status_from_object(obj, &s, NULL) < 0)
        s = tarn_status_failure(TARN_REASON_UNKNOWN, TARN_BYTES("an ERROR event without a Status"));
    on_error_status(r, &s);
    tarn_status_release(&s);
    return TARN_E_STATUS;
}

int tarn_rfl_on_watch_event(struct tarn_reflector *r, enum tarn_watch_event_type type, const struct tarn_object *obj)
{
    struct tarn_error err = {0};
    struct tarn_rv rv = {0};
    int rc;

    if (type == TARN_WATCH_ERROR)
        return on_error_event(r, obj);
    if (!tarn_rfl_is_expected(r, obj)) /* neither counted nor its version recorded */
        return 0;
    if (tarn_rv_set_of(&rv, obj) < 0) {
        tarn_rfl_count_skipped(r, TARN_E_SIZE, tarn_object_key(obj), "its resourceVersion is too long");
        return 0;
    }
    if (tarn_rv_older(&rv, &r->st.resource_version) && !r->only_added && !tarn_rfl_is_original(r, TARN_ORIGINAL_RV_REWIND)) {
        tarn_rfl_count_life(r);
        return tarn_rfl_went_back(r, &rv);
    }
    rc = apply(r, type, obj, &err);
    if (rc == 0)
        count_event(r, type);
    else
        rc = event_refused(r, rc, obj, &err);
    if (rc == 0)
        advance(r, type, &rv);
    return rc;
}

/* ---- ends ---------------------------------------------------------------------------------------------- */

bool tarn_rfl_is_very_short(const struct tarn_reflector *r)
{
    return r->events == 0 && tarn_rfl_now_of(r) - r->request_ms < VERY_SHORT_MS;
}

void tarn_rfl_count_life(struct tarn_reflector *r)
{
    r->st.counters.watch_ms += tarn_rfl_now_of(r) - r->request_ms;
    r->st.counters.short_watches += tarn_rfl_is_very_short(r);
}

/* an InternalError may be answered by the same watch, for a while. */
static bool may_retry_internal(struct tarn_reflector *r)
{
    uint64_t now = tarn_rfl_now_of(r);
    bool fresh = r->last_internal_ms == 0 || now - r->last_internal_ms >= INTERNAL_ERROR_RESET_MS;

    if (r->o.internal_error_retry_ms == 0)
        return false;
    if (fresh)
        r->first_internal_ms = now;
    r->last_internal_ms = now ? now : 1;
    return now - r->first_internal_ms <= r->o.internal_error_retry_ms;
}

static void retry_internal(struct tarn_reflector *r)
{
    if (tarn_rfl_is_original(r, TARN_ORIGINAL_REWATCH))
        tarn_rfl_wait_for(r, STEP_WATCH, 0);
    else
        tarn_rfl_wait_backoff(r, STEP_WATCH, 0);
}

/* our version is too old to watch from. */
static void on_gone(struct tarn_reflector *r, const struct failure *f)
{
    r->st.counters.expired++;
    tarn_rfl_fail(r, f, true);
    if (tarn_rfl_is_original(r, TARN_ORIGINAL_GONE_WAITS))
        tarn_rfl_wait_backoff(r, STEP_ROUND, f->retry_after_ms);
    else
        tarn_rfl_wait_little(r, STEP_ROUND);
}

/* A watch that was up ended with an error Status (R-22 ... ). */
static void on_error_status(struct tarn_reflector *r, const struct tarn_status *s)
{
    struct failure f = tarn_rfl_failure_of_status("the watch ended with an error for", s);

    tarn_rfl_count_life(r);
    r->st.counters.watch_errors++;
    r->doubt = true;
    if (tarn_rfl_is_expired(s)) {
        on_gone(r, &f);
    } else if (tarn_status_is_too_many_requests(s)) {
        tarn_rfl_fail(r, &f, false);
        tarn_rfl_wait_backoff(r, STEP_WATCH, f.retry_after_ms);
    } else if (tarn_status_is_internal_error(s) && may_retry_internal(r)) {
        tarn_rfl_fail(r, &f, false);
        retry_internal(r);
    } else {
        f.level = TARN_REPORT_WARNING;
        tarn_rfl_fail(r, &f, true);
        tarn_rfl_wait_backoff(r, STEP_ROUND, f.retry_after_ms);
    }
}

/* client-go's decoder makes such a Status of it. */
static void on_undecodable(struct tarn_reflector *r, const struct tarn_end *end)
{
    const char *text =
        end->error && end->error->message[0] ? end->error->message : "unable to decode an event from the watch stream";
    struct tarn_status s = tarn_status_failure(TARN_REASON_INTERNAL_ERROR, tarn_bytes_of(text));

    on_error_status(r, &s);
}

/* R-21 of the original: at once, or a relist after a wait. */
static void rewatch_originally(struct tarn_reflector *r, bool very_short)
{
    if (very_short)
        tarn_rfl_wait_backoff(r, STEP_ROUND, 0);
    else
        tarn_rfl_wait_for(r, STEP_WATCH, 0);
}

void tarn_rfl_on_watch_cut(struct tarn_reflector *r)
{
    bool very_short = tarn_rfl_is_very_short(r), settled = r->open && tarn_rfl_now_of(r) - r->request_ms >= SETTLED_MS;

    tarn_rfl_count_life(r);
    tarn_rfl_doubt_if_disturbed(r);
    if (tarn_rfl_is_original(r, TARN_ORIGINAL_REWATCH)) {
        rewatch_originally(r, very_short);
        return;
    }
    r->short_in_a_row = very_short ? r->short_in_a_row + 1 : 0;
    if (settled) {
        tarn_rfl_wait_for(r, STEP_WATCH, 0);
        return;
    }
    tarn_rfl_set_live(r, false);
    tarn_rfl_wait_backoff(r, r->short_in_a_row >= VERY_SHORT_IN_A_ROW ? STEP_ROUND : STEP_WATCH, 0);
    if (r->short_in_a_row >= VERY_SHORT_IN_A_ROW)
        r->short_in_a_row = 0;
}

/* A watch that never came up. */
static void on_not_established(struct tarn_reflector *r, const struct tarn_end *end)
{
    const struct tarn_status *s = end->reason == TARN_END_STATUS ? end->status : NULL;
    struct failure f = tarn_rfl_failure_of_end("cannot watch", end);

    r->st.counters.watch_errors++;
    r->doubt = true;
    if (end->reason == TARN_END_REFUSED || tarn_status_is_too_many_requests(s)) {
        tarn_rfl_fail(r, &f, false);
        tarn_rfl_wait_backoff(r, STEP_WATCH, f.retry_after_ms);
    } else if (s && tarn_rfl_is_expired(s)) {
        on_gone(r, &f);
    } else {
        tarn_rfl_fail(r, &f, true);
        tarn_rfl_wait_backoff(r, STEP_ROUND, f.retry_after_ms);
    }
}

/* a stream cut in mid-air lost nothing, but say why it was. */
static void note_cut(struct tarn_reflector *r, const struct tarn_end *end)
{
    struct failure f = tarn_rfl_failure_of_end("the watch was cut for", end);

    f.level = TARN_REPORT_INFO;
    tarn_rfl_fail(r, &f, false);
}

void tarn_rfl_on_watch_ended(struct tarn_reflector *r, bool established, const struct tarn_end *end)
{
    if (end->reason == TARN_END_NORMAL) {
        if (!established && end->error) /* only the time ran out, or the retries did */
            note_cut(r, end);
        tarn_rfl_on_watch_cut(r);
    } else if (!established) {
        on_not_established(r, end);
    } else if (end->reason == TARN_END_STATUS && end->status) {
        on_error_status(r, end->status);
    } else if (end->reason == TARN_END_UNDECODABLE) {
        on_undecodable(r, end);
    } else {
        note_cut(r, end);
        tarn_rfl_on_watch_cut(r);
    }
}
