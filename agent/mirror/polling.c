/* polling.c - see polling.h. */
#include "polling.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <tarn/pager.h>
#include <tarn/poller.h>
#include <tarn/status.h>

#define PAGE 500u
#define TOLD_MAX 10u /* skipped objects named, a poll */

struct tarn_polling {
    struct tarn_list_watch_sink sink; /* first: the sink is the polling */
    struct tarn_polling_options o;
    struct tarn_poller *poller;
    struct tarn_pager pager;
    bool running, asking; /* asking: a page is under way */
    bool next_page;       /* to be asked for at the next on_timer: never from inside a sink's call */
    bool unavailable;     /* our version cannot be served: ask for "" */
    uint64_t began_ms, items;
    uint32_t told;
    struct tarn_reflector_status st;
};

static struct tarn_polling *of(struct tarn_list_watch_sink *s)
{
    return (struct tarn_polling *)s;
}

static uint64_t now_of(const struct tarn_polling *p)
{
    return tarn_now_ms(p->o.rt);
}

/* ---- telling -------------------------------------------------------------------------------------------------- */

static void report(struct tarn_polling *p, enum tarn_report_level level, struct tarn_bytes key, const struct tarn_error *e)
{
    p->o.on_report(p->o.ctx, &(struct tarn_reflector_report){.level = level, .ends_round = level == TARN_REPORT_ERROR, .http_code = p->st.last_http_code, .error = *e, .key = key});
}

static void set_live(struct tarn_polling *p, bool live)
{
    if (p->st.live != live)
        p->st.live_changed_ms = now_of(p);
    p->st.live = live;
}

/* The poll is over; the poller knows how it went. */
static void finished(struct tarn_polling *p)
{
    struct tarn_reflector_counters *c = &p->st.counters;
    struct tarn_poller_status s;
    uint64_t now = now_of(p);

    tarn_poller_status(p->poller, &s);
    p->st.phase = TARN_REFLECTOR_WAITING;
    p->st.failures = s.last_error.code ? p->st.failures + 1 : 0;
    p->st.last_error = s.last_error;
    p->st.has_synced = s.has_synced;
    set_live(p, !s.last_error.code);
    if (s.last_error.code) {
        c->list_errors++;
        p->st.last_error_at_ms = now;
        report(p, TARN_REPORT_ERROR, (struct tarn_bytes){0}, &s.last_error);
    } else {
        p->st.last_http_code = 0;
        p->st.last_event_ms = p->st.last_list_ms = now;
        c->lists_ok++;
        c->list_items += p->items;
        c->last_list_items = p->items;
        c->last_list_ms = now - p->began_ms;
        c->list_ms += c->last_list_ms;
    }
    p->o.on_change(p->o.ctx);
}

static void fail(struct tarn_polling *p, int code, const char *fmt, ...) TARN_PRINTF(3, 4);
static void fail(struct tarn_polling *p, int code, const char *fmt, ...)
{
    struct tarn_error e;
    char text[TARN_ERROR_MESSAGE_BYTES];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    (void)tarn_error_set(&e, code, "failed to list %s: %s", p->o.name, text);
    p->asking = p->next_page = false;
    tarn_poller_on_failed(p->poller, &e);
    finished(p);
}

/* ---- pages --------------------------------------------------------------------------------------------------- */

static bool is_objects_fault(int code)
{
    return code == TARN_E_KEY || code == TARN_E_NO_META || code == TARN_E_INDEX || code == TARN_E_TRANSFORM || code == TARN_E_SIZE;
}

static void skip(struct tarn_polling *p, int code, struct tarn_bytes key, const char *why)
{
    struct tarn_error e;

    p->st.counters.skipped++;
    (void)tarn_error_set(&e, code, "an object of %s was skipped: %s", p->o.name, why);
    if (p->told++ < TOLD_MAX)
        report(p, TARN_REPORT_WARNING, key, &e);
}

static int on_item(struct tarn_list_watch_sink *s, const struct tarn_object *obj)
{
    struct tarn_polling *p = of(s);
    struct tarn_error e = {0};
    int rc = tarn_poller_on_object(p->poller, obj, &e);

    p->items++;
    if (rc >= 0)
        return 0;
    if (is_objects_fault(rc)) {
        skip(p, rc, tarn_object_key(obj), e.message[0] ? e.message : tarn_strerror(rc));
        return 0;
    }
    p->st.behind = true;
    fail(p, rc, "%s", e.message[0] ? e.message : tarn_strerror(rc));
    return rc;
}

static void on_skipped(struct tarn_list_watch_sink *s, int code, struct tarn_bytes key)
{
    skip(of(s), code, key, tarn_strerror(code));
}

/* The version went back, and it is not one we asked for: was the server restored? The list is the truth in any case. */
static void note_version(struct tarn_polling *p, const struct tarn_rv *rv)
{
    p->st.counters.rv_rewinds += tarn_rv_older(rv, &p->st.resource_version);
    p->st.resource_version = *rv;
}

static void on_page(struct tarn_list_watch_sink *s, const struct tarn_list_meta *meta)
{
    struct tarn_polling *p = of(s);
    int rc = tarn_pager_on_page(&p->pager, meta);

    p->asking = false;
    p->st.counters.list_pages++;
    if (rc == 1) {
        p->next_page = true;
        p->o.on_change(p->o.ctx);
        return;
    }
    if (rc < 0) {
        fail(p, rc, "%s", rc == TARN_E_CORRUPT ? "the server gave the same continue token twice" : tarn_strerror(rc));
        return;
    }
    note_version(p, &p->pager.result);
    p->unavailable = p->st.behind = false;
    tarn_poller_on_end(p->poller, tarn_rv_bytes(&p->pager.result));
    finished(p);
}

static const char *text_of(const struct tarn_end *end, char *buf, size_t size)
{
    if (end->reason == TARN_END_STATUS)
        (void)snprintf(buf, size, "%.*s", TARN_BYTES_ARG(end->status->message));
    else
        (void)snprintf(buf, size, "%s", end->error && end->error->message[0] ? end->error->message : end->reason == TARN_END_REFUSED ? "connection refused" : "the answer was cut");
    return buf;
}

static void on_list_failed(struct tarn_list_watch_sink *s, const struct tarn_end *end)
{
    struct tarn_polling *p = of(s);
    const struct tarn_status *status = end->reason == TARN_END_STATUS ? end->status : NULL;
    char buf[TARN_ERROR_MESSAGE_BYTES];

    p->asking = false;
    p->st.last_http_code = status ? (uint32_t)status->code : 0;
    if (status && (tarn_status_is_gone(status) || tarn_status_is_expired(status) || tarn_status_is_resource_version_too_large(status)))
        p->unavailable = true; /* the next poll asks for whatever there is */
    fail(p, status ? TARN_E_STATUS : TARN_E_IO, "%s", text_of(end, buf, sizeof buf));
}

static void ask_page(struct tarn_polling *p)
{
    struct tarn_list_options o = tarn_pager_request(&p->pager);
    int rc;

    p->next_page = false;
    p->asking = true;
    p->st.phase = TARN_REFLECTOR_LISTING;
    rc = p->o.list_watch->ops->list(p->o.list_watch, &o, &p->sink);
    if (rc)
        fail(p, rc, "the request could not be started: %s", tarn_strerror(rc));
}

/* As a reflector's LIST: not older than what we have, from the server's cache if it likes. */
static void begin(struct tarn_polling *p)
{
    static const struct tarn_rv any = {.len = 1, .text = "0"}, newest;
    struct tarn_rv rv = p->unavailable ? newest : p->st.resource_version.len ? p->st.resource_version : any;

    tarn_pager_start(&p->pager, &rv, p->o.page_size ? p->o.page_size : tarn_rv_is_open(&rv) ? PAGE : 0);
    p->began_ms = now_of(p);
    p->items = p->told = 0;
    p->st.counters.lists++;
    p->st.counters.relists += p->st.has_synced;
    ask_page(p);
    p->o.on_change(p->o.ctx);
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

uint64_t tarn_polling_deadline_ms(struct tarn_polling *p)
{
    if (!p->running)
        return UINT64_MAX;
    return p->next_page ? 0 : tarn_poller_deadline_ms(p->poller);
}

void tarn_polling_on_timer(struct tarn_polling *p)
{
    if (!p->running || p->asking)
        return;
    if (p->next_page)
        ask_page(p);
    else if (tarn_poller_on_timer(p->poller))
        begin(p);
}

void tarn_polling_start(struct tarn_polling *p)
{
    p->running = true;
    if (p->st.phase == TARN_REFLECTOR_STOPPED)
        p->st.phase = TARN_REFLECTOR_WAITING;
}

void tarn_polling_stop(struct tarn_polling *p)
{
    static const struct tarn_error stopped = {.code = TARN_E_STOPPED, .message = "stopped"};

    if (!p->running)
        return;
    p->running = false;
    p->o.list_watch->ops->cancel(p->o.list_watch);
    if (tarn_poller_deadline_ms(p->poller) == UINT64_MAX)
        tarn_poller_on_failed(p->poller, &stopped); /* drops what it brought so far */
    p->asking = p->next_page = false;
    p->st.phase = TARN_REFLECTOR_STOPPED;
    set_live(p, false);
}

void tarn_polling_relist(struct tarn_polling *p)
{
    tarn_poller_hasten(p->poller);
    p->o.on_change(p->o.ctx);
}

void tarn_polling_relist_afresh(struct tarn_polling *p)
{
    bool was_running = p->running;

    tarn_polling_stop(p);
    p->unavailable = true;
    p->st.resource_version = (struct tarn_rv){.len = 0};
    if (was_running)
        tarn_polling_start(p);
    tarn_polling_relist(p);
}

void tarn_polling_status(struct tarn_polling *p, struct tarn_reflector_status *ret)
{
    uint64_t due = tarn_poller_deadline_ms(p->poller);

    *ret = p->st;
    ret->next_ms = p->running && !p->asking && due != UINT64_MAX ? due : 0;
}

int tarn_polling_new(const struct tarn_polling_options *o, struct tarn_polling **ret, struct tarn_error *err)
{
    const struct tarn_poller_options po = {
        .period_ms = o->period_ms, .jitter_ms = o->period_ms / 10, .start_delay_ms = o->start_delay_ms, .backoff = true, .store = o->store, .rt = o->rt};
    struct tarn_polling *p = calloc(1, sizeof *p);
    int rc;

    if (!p)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    p->sink = (struct tarn_list_watch_sink){.on_item = on_item, .on_skipped = on_skipped, .on_page = on_page, .on_list_failed = on_list_failed};
    p->o = *o;
    p->pager.full_list_if_expired = false; /* the next poll comes anyway */
    rc = tarn_poller_new(&po, &p->poller, err);
    if (rc)
        free(p);
    else
        *ret = p;
    return rc;
}

void tarn_polling_free(struct tarn_polling *p)
{
    if (!p)
        return;
    tarn_polling_stop(p);
    tarn_poller_free(p->poller);
    tarn_pager_release(&p->pager);
    free(p);
}
