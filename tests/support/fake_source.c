#include "fake_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_OBJECTS 3 /* per turn of a list or a streaming list, so that faults fall in between */

static struct fake_source *of(struct tarn_list_watch *lw)
{
    return (struct fake_source *)lw;
}

static uint64_t below(struct fake_source *s, uint64_t n)
{
    return fake_random(&s->seed) % n;
}

/* ---- the state ------------------------------------------------------------------------------------ */

static void table_copy(struct fake_table *to, const struct fake_table *from)
{
    for (size_t i = 0; i < from->n; i++)
        to->v[i] = tarn_object_ref(from->v[i]);
    to->n = from->n;
}

static void forget_change(struct fake_source *s, unsigned long rv)
{
    tarn_object_unref(s->history[rv].obj);
    s->history[rv].obj = NULL;
    if (s->states[rv])
        fake_table_clear(s->states[rv]);
    free(s->states[rv]);
    s->states[rv] = NULL;
}

/* Enter the state after a change. Takes the reference of obj. */
static void enter_change(struct fake_source *s, enum tarn_watch_event_type type, const struct tarn_object *obj)
{
    if (s->rv + 1 >= FAKE_HISTORY_MAX)
        abort();
    s->rv++;
    forget_change(s, s->rv); /* of a branch that was given up by a restore */
    s->history[s->rv] = (struct fake_change){.type = type, .obj = obj};
    s->states[s->rv] = calloc(1, sizeof(struct fake_table));
    if (!s->states[s->rv])
        abort();
    table_copy(s->states[s->rv], &s->state);
}

static const struct tarn_object *object(const char *key, struct tarn_bytes uid, unsigned long rv)
{
    char text[64];

    (void)snprintf(text, sizeof text, "%.*s", TARN_BYTES_ARG(uid));
    return fake_pod(key, text, rv);
}

void fake_source_put(struct fake_source *s, const char *key)
{
    const struct tarn_object *was = fake_table_find(&s->state, tarn_bytes_of(key)), *obj;
    char uid[32];

    (void)snprintf(uid, sizeof uid, "uid-%u", ++s->uids);
    obj = object(key, was ? tarn_object_uid(was) : tarn_bytes_of(uid), s->rv + 1);
    fake_table_put(&s->state, obj);
    enter_change(s, was ? TARN_WATCH_MODIFIED : TARN_WATCH_ADDED, obj);
}

void fake_source_delete(struct fake_source *s, const char *key)
{
    const struct tarn_object *was = fake_table_find(&s->state, tarn_bytes_of(key)), *obj;

    if (!was)
        return;
    obj = object(key, tarn_object_uid(was), s->rv + 1);
    fake_table_remove(&s->state, tarn_bytes_of(key));
    enter_change(s, TARN_WATCH_DELETED, obj);
}

const struct fake_table *fake_source_state(const struct fake_source *s, unsigned long rv)
{
    return s->states[rv];
}


/* ---- ends ------------------------------------------------------------------------------------------- */

static bool is_list(const struct fake_source *s)
{
    return s->q.kind == FAKE_LIST;
}

static void end_request(struct fake_source *s, const struct tarn_end *end)
{
    struct tarn_list_watch_sink *sink = s->sink;
    bool open = s->open;

    s->sink = NULL;
    if (is_list(s))
        sink->on_list_failed(sink, end);
    else
        sink->on_watch_end(sink, open, end);
}

static void end_normally(struct fake_source *s)
{
    end_request(s, &(struct tarn_end){.reason = TARN_END_NORMAL});
}

static void end_by_error(struct fake_source *s, enum tarn_end_reason reason, const char *text)
{
    struct tarn_error err;

    (void)tarn_error_set(&err, TARN_E_IO, "%s", text);
    end_request(s, &(struct tarn_end){.reason = reason, .error = &err});
}

static void end_by_status(struct fake_source *s, int code, enum tarn_status_reason reason, struct tarn_bytes cause)
{
    struct tarn_status_cause c = {.reason = cause};
    struct tarn_status status = tarn_status_failure(reason, TARN_BYTES("made up"));

    status.code = code;
    status.causes = &c;
    status.ncauses = cause.len != 0;
    end_request(s, &(struct tarn_end){.reason = TARN_END_STATUS, .status = &status});
}

static void cut(struct fake_source *s)
{
    if (s->sink && is_list(s))
        end_by_error(s, TARN_END_ERROR, "cut in the middle of a page");
    else if (s->sink)
        end_normally(s);
}

void fake_source_reset_watch(struct fake_source *s)
{
    s->floor = s->rv;
    s->pages_id = 0;
    cut(s);
}

void fake_source_delete_drop_watch(struct fake_source *s, const char *key)
{
    fake_source_delete(s, key);
    s->sent = s->rv;
}

void fake_source_restore(struct fake_source *s, unsigned long rv)
{
    s->rv = rv;
    if (s->floor > rv)
        s->floor = rv;
    fake_table_clear(&s->state);
    table_copy(&s->state, s->states[rv]);
    s->pages_id = 0;
    cut(s);
}

/* ---- requests ---------------------------------------------------------------------------------------- */

static bool strikes(struct fake_source *s, enum fake_fault fault)
{
    bool yes = below(s, 1000) < s->fault_per_mille / 8;

    s->faults[fault] += yes;
    return yes;
}

static int begin(struct fake_source *s, struct fake_request q, struct tarn_list_watch_sink *sink)
{
    s->requests++;
    s->first_pages += q.cont[0] == '\0';
    s->overlaps += s->sink != NULL;
    if (strikes(s, FAULT_BAD_START))
        return TARN_E_NOMEM;
    q.at_ms = tarn_now_ms(s->rt);
    s->q = q;
    s->sink = sink;
    s->open = false;
    s->silent = strikes(s, FAULT_SILENT);
    return 0;
}

#define COPY(to, from) (void)snprintf(to, sizeof to, "%.*s", TARN_BYTES_ARG(from))

static int list(struct tarn_list_watch *lw, const struct tarn_list_options *o, struct tarn_list_watch_sink *sink)
{
    struct fake_request q = {.kind = FAKE_LIST, .limit = o->limit};

    COPY(q.rv, o->resource_version);
    COPY(q.cont, o->cont);
    return begin(of(lw), q, sink);
}

static int watch(struct tarn_list_watch *lw, const struct tarn_watch_options *o, struct tarn_list_watch_sink *sink)
{
    struct fake_request q = {.kind = FAKE_WATCH, .timeout_s = o->timeout_s, .initial_events = o->send_initial_events};

    COPY(q.rv, o->resource_version);
    COPY(q.match, o->resource_version_match);
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

void fake_source_init(struct fake_source *s, struct tarn_runtime *rt, uint64_t seed)
{
    static const struct tarn_list_watch_ops ops = {
        .list = list, .watch = watch, .cancel = cancel, .supports_streaming_list = supports_streaming_list};

    memset(s, 0, sizeof *s);
    s->lw.ops = &ops;
    s->rt = rt;
    s->seed = seed;
    s->states[0] = calloc(1, sizeof(struct fake_table));
}

void fake_source_release(struct fake_source *s)
{
    for (unsigned long rv = 0; rv < FAKE_HISTORY_MAX; rv++)
        forget_change(s, rv);
    fake_table_clear(&s->state);
}

/* ---- faults -------------------------------------------------------------------------------------------- */

static void some_status(struct fake_source *s)
{
    static const struct {
        int code;
        enum tarn_status_reason reason;
    } rows[] = {{403, TARN_REASON_FORBIDDEN},           {404, TARN_REASON_NOT_FOUND}, {429, TARN_REASON_TOO_MANY_REQUESTS},
                {503, TARN_REASON_SERVICE_UNAVAILABLE}, {401, TARN_REASON_UNAUTHORIZED}, {500, TARN_REASON_INTERNAL_ERROR}};
    unsigned i = (unsigned)below(s, sizeof rows / sizeof *rows);

    end_by_status(s, rows[i].code, rows[i].reason, (struct tarn_bytes){0});
}

/* Instead of an answer; before anything came. True: it struck. */
static bool refuse(struct fake_source *s)
{
    if (strikes(s, FAULT_REFUSED))
        end_by_error(s, TARN_END_REFUSED, "connection refused");
    else if (strikes(s, FAULT_STATUS))
        some_status(s);
    else if (strikes(s, FAULT_ERROR))
        end_by_error(s, TARN_END_ERROR, "no route to host");
    else if (strikes(s, FAULT_EXPIRED))
        end_by_status(s, 410, below(s, 2) ? TARN_REASON_EXPIRED : TARN_REASON_GONE, (struct tarn_bytes){0});
    else if (strikes(s, FAULT_TOO_LARGE))
        end_by_status(s, 504, TARN_REASON_TIMEOUT, TARN_CAUSE_RESOURCE_VERSION_TOO_LARGE);
    else if (!is_list(s) && s->q.initial_events && strikes(s, FAULT_UNSTREAMABLE))
        end_by_status(s, 422, TARN_REASON_INVALID, (struct tarn_bytes){0});
    else
        return false;
    return true;
}

/* In the middle of an answer. True: it struck. */
static bool disturb(struct fake_source *s)
{
    if (strikes(s, FAULT_CUT))
        cut(s);
    else if (strikes(s, FAULT_UNDECODABLE))
        end_by_error(s, TARN_END_UNDECODABLE, "unexpected byte");
    else
        return false;
    return true;
}

/* ---- LIST -------------------------------------------------------------------------------------------------- */

/* Send objects [from, to). False: the sink has ended the request, or a fault has. */
static bool send_items(struct fake_source *s, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if ((i - from) % PAGE_OBJECTS == PAGE_OBJECTS - 1 && disturb(s))
            return false;
        if (s->sink->on_item(s->sink, s->pages->v[i])) {
            s->sink = NULL;
            return false;
        }
    }
    return true;
}

static void send_page(struct fake_source *s, size_t from)
{
    struct tarn_list_watch_sink *sink = s->sink;
    size_t to = s->pages->n;
    char rv[32], cont[48] = "";

    if (s->q.limit && s->q.limit < to - from)
        to = from + s->q.limit;
    if (!send_items(s, from, to))
        return;
    (void)snprintf(rv, sizeof rv, "%lu", s->pages_rv);
    if (to < s->pages->n)
        (void)snprintf(cont, sizeof cont, "%u:%zu", s->pages_id, to);
    s->sink = NULL;
    sink->on_page(sink, &(struct tarn_list_meta){.kind = TARN_BYTES("PodList"),
                                                 .resource_version = tarn_bytes_of(rv),
                                                 .cont = tarn_bytes_of(cont),
                                                 .remaining_item_count = -1});
}

static void continue_list(struct fake_source *s)
{
    unsigned id = 0;
    size_t from = 0;

    if (sscanf(s->q.cont, "%u:%zu", &id, &from) != 2 || id != s->pages_id)
        end_by_status(s, 410, TARN_REASON_EXPIRED, (struct tarn_bytes){0});
    else
        send_page(s, from);
}

/* Without a version the newest; else any that is not older, as a watch cache may be behind. */
static unsigned long list_version(struct fake_source *s, unsigned long asked)
{
    unsigned long least = asked ? asked : 1;

    if (!s->q.rv[0] || s->rv <= least || below(s, 2))
        return s->rv;
    return s->rv - below(s, s->rv - least + 1);
}

static void answer_list(struct fake_source *s)
{
    unsigned long asked = strtoul(s->q.rv, NULL, 10);

    if (refuse(s))
        return;
    if (s->q.cont[0]) {
        continue_list(s);
    } else if (asked > s->rv) {
        end_by_status(s, 504, TARN_REASON_TIMEOUT, TARN_CAUSE_RESOURCE_VERSION_TOO_LARGE);
    } else {
        if (strcmp(s->q.rv, "0") == 0)
            s->q.limit = 0; /* the watch cache ignores it */
        s->pages_rv = list_version(s, asked);
        s->pages = s->states[s->pages_rv];
        s->pages_id = ++s->ids;
        send_page(s, 0);
    }
}

/* ---- WATCH -------------------------------------------------------------------------------------------------- */

/* One event. False: the sink has ended the request. */
static bool send_event(struct fake_source *s, enum tarn_watch_event_type type, const struct tarn_object *obj)
{
    if (s->sink->on_event(s->sink, type, obj) == 0)
        return true;
    s->sink = NULL;
    return false;
}

/* An event made for the occasion. Takes the reference. */
static bool send_made(struct fake_source *s, enum tarn_watch_event_type type, const struct tarn_object *obj)
{
    bool on = send_event(s, type, obj);

    tarn_object_unref(obj);
    return on;
}

static void error_event(struct fake_source *s)
{
    static const struct {
        int code;
        const char *reason;
    } rows[] = {{410, "Expired"}, {429, "TooManyRequests"}, {500, "InternalError"}, {503, "ServiceUnavailable"}};
    unsigned i = (unsigned)below(s, 4);

    (void)send_made(s, TARN_WATCH_ERROR, fake_status(rows[i].code, rows[i].reason, "made up", 0));
    s->sink = NULL; /* whatever the sink says, the stream is over */
}

/* Tell all there is, then the mark. */
static void stream_list(struct fake_source *s)
{
    const struct fake_table *t = s->states[s->rv];

    for (size_t i = 0; i < t->n; i++) {
        if (i % PAGE_OBJECTS == PAGE_OBJECTS - 1 && disturb(s))
            return;
        if (!send_event(s, TARN_WATCH_ADDED, t->v[i]))
            return;
    }
    if (strikes(s, FAULT_NO_END_MARK)) {
        end_normally(s);
        return;
    }
    s->sent = s->rv;
    if (send_made(s, TARN_WATCH_BOOKMARK, fake_bookmark(s->rv, true)))
        s->q.initial_events = false;
}

/* The first turn of a watch. False: it is over. */
static bool open_watch(struct fake_source *s)
{
    unsigned long asked = strtoul(s->q.rv, NULL, 10);

    if (refuse(s))
        return false;
    s->open = true;
    s->sent = asked;
    s->sink->on_watch_open(s->sink);
    if (strikes(s, FAULT_SHORT)) {
        end_normally(s);
        return false;
    }
    if (!s->q.initial_events && asked < s->floor) {
        (void)send_made(s, TARN_WATCH_ERROR, fake_status(410, "Expired", "too old resource version", 0));
        s->sink = NULL;
        return false;
    }
    if (s->q.initial_events)
        stream_list(s);
    return s->sink != NULL;
}

/* Tell what has happened since. */
static void send_news(struct fake_source *s)
{
    while (s->sink && s->sent < s->rv) {
        if (disturb(s))
            return;
        s->sent++;
        if (!send_event(s, s->history[s->sent].type, s->history[s->sent].obj))
            return;
    }
    if (s->sink && s->sent == s->rv && below(s, 4) == 0)
        (void)send_made(s, TARN_WATCH_BOOKMARK, fake_bookmark(s->rv, false));
    if (s->sink && strikes(s, FAULT_ERROR_EVENT))
        error_event(s);
}

static bool is_overdue(const struct fake_source *s)
{
    return tarn_now_ms(s->rt) >= s->q.at_ms + (is_list(s) ? 60000 : s->q.timeout_s * 1000ull);
}

bool fake_source_pump(struct fake_source *s)
{
    if (!s->sink)
        return false;
    if (s->silent && !is_overdue(s))
        return false;
    if (s->silent || (!is_list(s) && is_overdue(s))) {
        cut(s); /* the HTTP layer gives a silent list up, the server a watch */
        return true;
    }
    if (is_list(s))
        answer_list(s);
    else if (s->open || open_watch(s))
        send_news(s);
    return s->sink == NULL;
}
