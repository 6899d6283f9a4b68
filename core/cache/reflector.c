/* reflector.c - the reflector's life: when it does what, on whose thread.
 *
 * on_timer is the only place that starts or drops requests (and stop, which drops). It takes the lock, does
 * the steps that are due, and gives the lock back around each call of the list_watch, so that a source may
 * answer at once, from any thread, or wait in cancel for a call that is under way. The phase is always set before
 * such a call: an answer that does not fit the phase is refused.
 */
#include <stdlib.h>

#include "reflector_state.h"

/* ---- small things that all files use ------------------------------------------------------- */

bool tarn_rfl_is_original(const struct tarn_reflector *r, enum tarn_reflector_original bit)
{
    return (r->o.original & bit) != 0;
}

uint64_t tarn_rfl_now_of(const struct tarn_reflector *r)
{
    return tarn_now_ms(r->o.rt);
}

uint64_t tarn_rfl_random_below(struct tarn_reflector *r, uint32_t n)
{
    return (tarn_random(r->o.rt) >> 32) * n >> 32;
}

void tarn_rfl_wait_for(struct tarn_reflector *r, enum step next, uint64_t delay_ms)
{
    r->st.phase = TARN_REFLECTOR_WAITING;
    r->next = next;
    r->due_ms = tarn_rfl_now_of(r) + delay_ms;
    r->changed = true;
}

void tarn_rfl_wait_backoff(struct tarn_reflector *r, enum step next, uint32_t floor_ms)
{
    uint64_t delay = tarn_backoff_next(&r->backoff, tarn_rfl_now_of(r), tarn_random(r->o.rt));

    if (floor_ms > RETRY_AFTER_MAX_MS)
        floor_ms = RETRY_AFTER_MAX_MS;
    if (delay < floor_ms)
        delay = floor_ms;
    r->st.counters.waits++;
    r->st.counters.wait_ms += delay;
    tarn_rfl_wait_for(r, next, delay);
}

void tarn_rfl_wait_little(struct tarn_reflector *r, enum step next)
{
    uint64_t now = tarn_rfl_now_of(r);

    if (r->at_once_ms && now - r->at_once_ms < SETTLED_MS) {
        tarn_rfl_wait_backoff(r, next, 0);
        return;
    }
    r->at_once_ms = now ? now : 1;
    tarn_rfl_wait_for(r, next, tarn_rfl_random_below(r, GONE_JITTER_MS));
}

void tarn_rfl_set_live(struct tarn_reflector *r, bool live)
{
    if (r->st.live == live)
        return;
    r->st.live = live;
    r->st.live_changed_ms = tarn_rfl_now_of(r);
    r->changed = true;
}

void tarn_rfl_abort_staging(struct tarn_reflector *r)
{
    if (!r->staged)
        return;
    r->staged = false;
    r->o.store->ops->replace_abort(r->o.store);
}

/* ---- the lock -------------------------------------------------------------------------------- */

void tarn_rfl_enter(struct tarn_reflector *r)
{
    tarn_mutex_lock(&r->lock);
}

void tarn_rfl_unlock(struct tarn_reflector *r)
{
    tarn_mutex_unlock(&r->lock);
}

/* Give the lock back for good, and only then tell of changes, so that on_change may call in. */
static void leave(struct tarn_reflector *r)
{
    bool changed = r->changed;

    r->changed = false;
    if (changed && r->running)
        tarn_cond_signal(&r->wake);
    tarn_mutex_unlock(&r->lock);
    if (changed && r->o.on_change)
        r->o.on_change(r->o.ctx, r);
}

/* ---- the sink: lock, and leave to the phase whose answer it is ----------------------------------- */

static struct tarn_reflector *of(struct tarn_list_watch_sink *s)
{
    return (struct tarn_reflector *)s;
}

static int sink_item(struct tarn_list_watch_sink *s, const struct tarn_object *obj)
{
    struct tarn_reflector *r = of(s);
    int rc = TARN_E_CLOSED;

    tarn_rfl_enter(r);
    if (r->st.phase == TARN_REFLECTOR_LISTING)
        rc = r->probing ? tarn_rfl_on_probe_item(r) : tarn_rfl_stage(r, obj);
    leave(r);
    return rc;
}

static void sink_skipped(struct tarn_list_watch_sink *s, int code, struct tarn_bytes key)
{
    struct tarn_reflector *r = of(s);

    tarn_rfl_enter(r);
    if (r->st.phase > TARN_REFLECTOR_WAITING)
        tarn_rfl_count_skipped(r, code, key, tarn_strerror(code));
    leave(r);
}

static void sink_page(struct tarn_list_watch_sink *s, const struct tarn_list_meta *meta)
{
    struct tarn_reflector *r = of(s);

    tarn_rfl_enter(r);
    if (r->st.phase == TARN_REFLECTOR_LISTING && r->probing)
        tarn_rfl_on_probe_page(r, meta);
    else if (r->st.phase == TARN_REFLECTOR_LISTING)
        tarn_rfl_on_list_page(r, meta);
    leave(r);
}

static void sink_list_failed(struct tarn_list_watch_sink *s, const struct tarn_end *end)
{
    struct tarn_reflector *r = of(s);

    tarn_rfl_enter(r);
    if (r->st.phase == TARN_REFLECTOR_LISTING && r->probing)
        tarn_rfl_on_probe_failure(r, end);
    else if (r->st.phase == TARN_REFLECTOR_LISTING)
        tarn_rfl_on_list_failure(r, end);
    leave(r);
}

static void sink_watch_open(struct tarn_list_watch_sink *s)
{
    struct tarn_reflector *r = of(s);

    tarn_rfl_enter(r);
    tarn_rfl_on_watch_opened(r);
    leave(r);
}

static int sink_event(struct tarn_list_watch_sink *s, enum tarn_watch_event_type type, const struct tarn_object *obj)
{
    struct tarn_reflector *r = of(s);
    int rc = TARN_E_CLOSED;

    tarn_rfl_enter(r);
    tarn_rfl_on_watch_opened(r); /* a source that did not say so */
    if (r->st.phase == TARN_REFLECTOR_WATCHING)
        rc = tarn_rfl_on_watch_event(r, type, obj);
    else if (r->st.phase == TARN_REFLECTOR_STREAMING)
        rc = tarn_rfl_on_stream_event(r, type, obj);
    leave(r);
    return rc;
}

static void sink_watch_end(struct tarn_list_watch_sink *s, bool established, const struct tarn_end *end)
{
    struct tarn_reflector *r = of(s);

    tarn_rfl_enter(r);
    if (r->st.phase == TARN_REFLECTOR_STREAMING)
        tarn_rfl_on_stream_ended(r, established, end);
    else if (r->st.phase == TARN_REFLECTOR_OPENING || r->st.phase == TARN_REFLECTOR_WATCHING)
        tarn_rfl_on_watch_ended(r, established, end);
    leave(r);
}

/* ---- timers ------------------------------------------------------------------------------------ */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool is_watch_phase(const struct tarn_reflector *r)
{
    return r->st.phase == TARN_REFLECTOR_OPENING || r->st.phase == TARN_REFLECTOR_WATCHING ||
           (r->st.phase == TARN_REFLECTOR_WAITING && r->next == STEP_WATCH);
}

static uint64_t phase_deadline(const struct tarn_reflector *r)
{
    switch (r->st.phase) {
    case TARN_REFLECTOR_WAITING:
        return r->due_ms;
    case TARN_REFLECTOR_STREAMING:
        return least(r->watch_deadline_ms, least(r->stream_silence_ms, r->stream_warn_ms));
    case TARN_REFLECTOR_OPENING:
        return r->st.live ? least(r->watch_deadline_ms, r->request_ms + SETTLED_MS) : r->watch_deadline_ms;
    case TARN_REFLECTOR_WATCHING:
        return least(r->watch_deadline_ms, tarn_rfl_doubt_deadline(r));
    default: /* a list's time is the source's to limit */
        return NEVER;
    }
}

static uint64_t deadline(const struct tarn_reflector *r)
{
    if (r->st.phase == TARN_REFLECTOR_STOPPED)
        return NEVER;
    if (r->relist_asked)
        return 0;
    if (!is_watch_phase(r))
        return phase_deadline(r);
    return least(phase_deadline(r), least(r->resync_ms, r->relist_ms));
}

/* Drop what is under way. The next phase is set first, so that what still comes is refused. */
static void drop_request(struct tarn_reflector *r, enum step next)
{
    bool asked = r->st.phase > TARN_REFLECTOR_WAITING;

    r->probing = false;
    tarn_rfl_abort_staging(r);
    tarn_rfl_wait_for(r, next, 0);
    if (!asked)
        return;
    tarn_rfl_unlock(r);
    r->o.list_watch->ops->cancel(r->o.list_watch);
    tarn_rfl_enter(r);
}

/* List again, whatever is under way. */
static void relist(struct tarn_reflector *r)
{
    r->relist_asked = false;
    if (r->st.phase == TARN_REFLECTOR_WATCHING)
        tarn_rfl_count_life(r);
    drop_request(r, STEP_ROUND);
}

/* Take a step whose time has come. */
static void take_step(struct tarn_reflector *r)
{
    switch (r->next) {
    case STEP_ROUND:
        tarn_rfl_begin_round(r);
        break;
    case STEP_LIST:
        tarn_rfl_begin_list(r);
        break;
    case STEP_PAGE:
        tarn_rfl_request_page(r);
        break;
    case STEP_STREAM:
        tarn_rfl_request_stream(r);
        break;
    case STEP_WATCH:
        tarn_rfl_request_watch(r);
        break;
    case STEP_PROBE:
        tarn_rfl_request_probe(r);
        break;
    }
}

/* purely local. A refusal ends the watch and leads to a relist. */
static void resync(struct tarn_reflector *r, uint64_t now)
{
    struct tarn_error err = {0};
    int rc;

    r->resync_ms = now + r->o.resync_period_ms;
    r->changed = true;
    if (r->o.should_resync && !r->o.should_resync(r->o.ctx))
        return;
    rc = tarn_store_resync(r->o.store, &err);
    r->st.counters.resyncs++;
    if (rc == 0)
        return;
    err.code = rc;
    relist(r);
    tarn_rfl_store_failed(r, "failed to resync", &err);
}

/* A stream that is overdue is dropped and taken as one that ended. */
static void end_overdue(struct tarn_reflector *r)
{
    bool streaming = r->st.phase == TARN_REFLECTOR_STREAMING;

    drop_request(r, STEP_WATCH);
    if (streaming)
        tarn_rfl_on_stream_closed(r);
    else
        tarn_rfl_on_watch_cut(r);
}

/* Cut a watch that may be deaf, to ask the server. */
static void probe(struct tarn_reflector *r)
{
    tarn_rfl_count_life(r);
    drop_request(r, STEP_PROBE);
}

static void do_due(struct tarn_reflector *r, uint64_t now)
{
    if (r->relist_asked || (is_watch_phase(r) && now >= r->relist_ms)) {
        relist(r);
    } else if (is_watch_phase(r) && now >= r->resync_ms) {
        resync(r, now);
    } else if (r->st.phase == TARN_REFLECTOR_WAITING) {
        take_step(r);
    } else if (now >= r->watch_deadline_ms) {
        end_overdue(r);
    } else if (r->st.phase == TARN_REFLECTOR_OPENING) {
        tarn_rfl_set_live(r, false); /* the renewal takes too long to go on calling it live */
    } else if (r->st.phase == TARN_REFLECTOR_WATCHING) {
        probe(r);
    } else if (now >= r->stream_silence_ms) {
        drop_request(r, STEP_ROUND);
        tarn_rfl_on_stream_silent(r);
    } else {
        tarn_rfl_warn_of_silence(r);
    }
}

void tarn_reflector_on_timer(struct tarn_reflector *r)
{
    uint64_t now;

    tarn_rfl_enter(r);
    now = tarn_rfl_now_of(r);
    if (deadline(r) <= now)
        do_due(r, now);
    leave(r);
}

uint64_t tarn_reflector_deadline_ms(struct tarn_reflector *r)
{
    uint64_t ret;

    tarn_rfl_enter(r);
    ret = deadline(r);
    leave(r);
    return ret;
}

/* ---- life ---------------------------------------------------------------------------------------- */

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

/* Copy the strings of the options into one allocation. */
static int copy_strings(struct tarn_reflector *r)
{
    const char *name = r->o.name, *v = or_empty(r->o.expected_api_version), *k = or_empty(r->o.expected_kind);
    size_t nv = strlen(v) + 1, nk = strlen(k) + 1, nn;
    char *p;

    if (!name || !*name)
        name = *k ? k : "<unspecified>"; /* */
    nn = strlen(name) + 1;
    p = r->text = malloc(nv + nk + nn);
    if (!p)
        return TARN_E_NOMEM;
    r->name = memcpy(p, name, nn);
    r->api_version = (struct tarn_bytes){.data = memcpy(p + nn, v, nv), .len = nv - 1};
    r->kind = (struct tarn_bytes){.data = memcpy(p + nn + nv, k, nk), .len = nk - 1};
    r->o.name = r->o.expected_api_version = r->o.expected_kind = NULL;
    return 0;
}

static int check_options(const struct tarn_reflector_options *o, struct tarn_error *err)
{
    if (!o->list_watch || !o->store || !o->rt)
        return tarn_error_set(err, TARN_E_INVAL, "a reflector needs a list_watch, a store and a runtime");
    if (o->resume_resource_version.len > TARN_RV_BYTES_MAX)
        return tarn_error_set(err, TARN_E_INVAL, "resume_resource_version is longer than %d bytes", TARN_RV_BYTES_MAX);
    return 0;
}

static struct tarn_list_watch_sink sink_init(void)
{
    return (struct tarn_list_watch_sink){.on_item = sink_item,
                                         .on_skipped = sink_skipped,
                                         .on_page = sink_page,
                                         .on_list_failed = sink_list_failed,
                                         .on_watch_open = sink_watch_open,
                                         .on_event = sink_event,
                                         .on_watch_end = sink_watch_end};
}

static void resume_from(struct tarn_reflector *r, struct tarn_bytes rv)
{
    r->o.resume_resource_version = (struct tarn_bytes){0};
    if (rv.len == 0 || tarn_rv_set(&r->st.resource_version, rv) < 0)
        return;
    r->st.has_synced = r->doubt = true;
    r->next = STEP_WATCH;
}

int tarn_reflector_new(const struct tarn_reflector_options *options, struct tarn_reflector **ret, struct tarn_error *err)
{
    int rc = check_options(options, err);
    struct tarn_reflector *r;

    if (rc < 0)
        return rc;
    r = calloc(1, sizeof *r);
    if (!r)
        return tarn_error_set(err, TARN_E_NOMEM, "no memory for a reflector");
    r->o = *options;
    if (copy_strings(r) < 0) {
        free(r);
        return tarn_error_set(err, TARN_E_NOMEM, "no memory for a reflector");
    }
    r->sink = sink_init();
    tarn_mutex_init(&r->lock);
    tarn_cond_init(&r->wake);
    r->o.backoff.window |= tarn_rfl_is_original(r, TARN_ORIGINAL_BACKOFF_WINDOW);
    tarn_backoff_init(&r->backoff, &r->o.backoff);
    r->pager.full_list_if_expired = true;
    r->resync_ms = r->relist_ms = NEVER;
    resume_from(r, options->resume_resource_version);
    *ret = r;
    return 0;
}

/* With the lock held; gives it back for a moment. The source is told even when no request is under way: the call that
 * ended the last one may not have returned yet, and after this it has. */
static void stop(struct tarn_reflector *r)
{
    if (r->st.phase == TARN_REFLECTOR_STOPPED)
        return;
    r->relist_asked = r->probing = false;
    tarn_rfl_abort_staging(r);
    tarn_rfl_set_live(r, false);
    r->changed = true;
    r->st.phase = TARN_REFLECTOR_STOPPED;
    r->next = STEP_ROUND;
    tarn_rfl_unlock(r);
    r->o.list_watch->ops->cancel(r->o.list_watch);
    tarn_rfl_enter(r);
}

void tarn_reflector_free(struct tarn_reflector *r)
{
    if (!r)
        return;
    tarn_reflector_stop(r);
    tarn_pager_release(&r->pager);
    tarn_cond_release(&r->wake);
    tarn_mutex_release(&r->lock);
    free(r->text);
    free(r);
}

static void start(struct tarn_reflector *r)
{
    if (r->st.phase == TARN_REFLECTOR_STOPPED)
        tarn_rfl_wait_for(r, r->next, tarn_rfl_random_below(r, r->o.start_delay_ms));
}

void tarn_reflector_start(struct tarn_reflector *r)
{
    tarn_rfl_enter(r);
    r->stop_asked = false;
    start(r);
    leave(r);
}

void tarn_reflector_stop(struct tarn_reflector *r)
{
    tarn_rfl_enter(r);
    r->stop_asked = true;
    if (r->running)
        tarn_cond_signal(&r->wake);
    else
        stop(r);
    leave(r);
}

void tarn_reflector_relist(struct tarn_reflector *r)
{
    tarn_rfl_enter(r);
    r->relist_asked = r->changed = r->st.phase != TARN_REFLECTOR_STOPPED;
    leave(r);
}

void tarn_reflector_relist_afresh(struct tarn_reflector *r)
{
    tarn_rfl_enter(r);
    r->unavailable = true;
    r->st.resource_version = (struct tarn_rv){.len = 0};
    r->relist_asked = r->changed = r->st.phase != TARN_REFLECTOR_STOPPED;
    leave(r);
}

void tarn_reflector_status(struct tarn_reflector *r, struct tarn_reflector_status *ret)
{
    tarn_rfl_enter(r);
    *ret = r->st;
    ret->next_ms = r->st.phase == TARN_REFLECTOR_WAITING ? r->due_ms : 0;
    ret->streaming = tarn_rfl_may_stream(r);
    leave(r);
}

const char *tarn_reflector_name(const struct tarn_reflector *r)
{
    return r->name;
}

/* ---- in-process use --------------------------------------------------------------------------------- */

/* Sleep until the deadline, a change or the stop. */
static void run_wait(struct tarn_reflector *r)
{
    uint64_t at = deadline(r), now = tarn_rfl_now_of(r);

    if (at == NEVER)
        tarn_cond_wait(&r->wake, &r->lock);
    else if (at > now)
        (void)tarn_cond_wait_for(&r->wake, &r->lock, at - now);
}

static void run_until_stopped(struct tarn_reflector *r)
{
    while (!r->stop_asked) {
        uint64_t now = tarn_rfl_now_of(r);

        if (deadline(r) > now) {
            run_wait(r);
            continue;
        }
        do_due(r, now);
        leave(r); /* on_change is called, and others get their turn */
        tarn_rfl_enter(r);
    }
}

int tarn_reflector_run(struct tarn_reflector *r)
{
    tarn_rfl_enter(r);
    if (r->running) {
        leave(r);
        return TARN_E_EXISTS;
    }
    r->running = true;
    if (!r->stop_asked)
        start(r);
    run_until_stopped(r);
    stop(r);
    r->running = r->stop_asked = false;
    leave(r);
    return 0;
}
