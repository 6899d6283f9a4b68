/* api_watch.c - see api_watch.h. */
#include "api_watch.h"

#include <stdio.h>
#include <stdlib.h>

#include "api_behind.h"
#include "api_hub_impl.h"

#define BOOKMARK_MS 60000u       /* as the server's */
#define LAST_BOOKMARK_MS 2000u   /* before the timeout */
#define FRESH_MS 3000u           /* how long a streaming list waits for a version that has not come */
#define TIMEOUT_MIN_S 1800u      /* of a watch that names none: from once to twice as long */

/* WAITING: for a version; the others are those of the header. */
enum state { WAITING, BEHIND, LIVE, ENDING };

struct api_watch {
    LIST_ENTRY(api_watch) link;
    struct api_hub *h;
    struct api_watch_options o;
    enum state state;
    int form;
    uint64_t from; /* all up to here is known to the reader; 0: nothing is */
    uint64_t last; /* the newest version told */
    bool has_columns; /* a Table's came along */
    bool told;     /* in this turn */
    uint64_t events;
    bool expired, slow;
    uint64_t started_ms, deadline_ms, bookmark_ms;
    bool last_bookmark;
    struct api_behind behind;
    uint64_t state_version; /* of its snapshot */
    /* what is read next: an event made for this watch alone, then the queue */
    struct tarn_buf own;
    size_t own_sent;
    struct api_lines q;
};

/* An event of this watch alone, behind all others. */
static int queue_text(struct api_watch *w, struct tarn_buf *text)
{
    struct api_line *l = api_line_new(tarn_buf_bytes(text));
    int rc = l ? api_lines_push(&w->q, l) : TARN_E_NOMEM;

    api_line_unref(l);
    tarn_buf_release(text);
    return rc;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static void set_state(struct api_watch *w, enum state state)
{
    w->h->nwaiting += state == WAITING;
    w->h->nwaiting -= w->state == WAITING;
    w->state = state;
    if (state != BEHIND)
        api_behind_end(&w->behind);
}

/* What was not sent is not sent any more; then this Status. */
static void end_by(struct api_watch *w, struct api_answer *a)
{
    struct tarn_buf text = {0};

    if (w->state == ENDING) {
        api_answer_release(a);
        return;
    }
    if (!w->own_sent)
        tarn_buf_clear(&w->own);
    api_lines_clear(&w->q);
    set_state(w, ENDING);
    if (api_write_error(api_answer_status(a), &text) == 0)
        (void)queue_text(w, &text); /* without memory it ends without a word: the reader begins anew all the same */
    tarn_buf_release(&text);
    api_answer_release(a);
    w->told = true;
}

static void end_expired(struct api_watch *w, const char *message)
{
    struct api_answer a = {0};

    w->expired |= w->state != ENDING;
    api_answer_expired(message, (struct tarn_bytes){0}, &a);
    end_by(w, &a);
}

/* As the server words it: what was asked for, and the oldest there is. */
static void end_too_old(struct api_watch *w, uint64_t version)
{
    char text[96];

    (void)snprintf(text, sizeof text, "too old resource version: %llu (%llu)", (unsigned long long)version,
                   (unsigned long long)(w->h->store ? w->h->history.floor : 0));
    end_expired(w, text);
}

static void end_too_new(struct api_watch *w)
{
    struct api_answer a = {0};

    api_answer_future(w->o.request->rv, api_hub_version(w->h), &a);
    end_by(w, &a);
}

void api_watch_lose(struct api_watch *w)
{
    end_too_old(w, w->last ? w->last : w->from);
    api_watch_turned(w);
}

/* ---- beginning ----------------------------------------------------------------------------------------------------- */

static bool wants_state(const struct api_request *r)
{
    if (r->send_initial_events != API_UNSET)
        return r->send_initial_events == API_YES;
    return r->rv_ask == API_VERSION_NONE || r->rv_ask == API_VERSION_ANY;
}

static int begin_history(struct api_watch *w)
{
    if (w->from < w->h->history.floor) {
        end_too_old(w, w->from);
        return 0;
    }
    return api_behind_history(&w->behind, &w->h->history, w->from);
}

/* The hub is at its base: what comes from now on is queued. */
static int begin(struct api_watch *w)
{
    const struct api_request *r = w->o.request;
    int rc = api_behind_begin(&w->behind, api_realm_base(w->h->o.realm), api_hub_name(w->h), r);

    if (rc)
        return rc;
    set_state(w, BEHIND);
    w->state_version = api_hub_version(w->h);
    if (wants_state(r)) {
        w->from = w->last = w->state_version;
        return api_behind_state(&w->behind);
    }
    w->from = w->last = r->rv_ask == API_VERSION_NUMBER ? r->rv : w->state_version;
    return r->rv_ask == API_VERSION_NUMBER ? begin_history(w) : 0;
}

static bool must_wait(const struct api_watch *w)
{
    const struct api_request *r = w->o.request;

    return wants_state(r) && r->rv_ask == API_VERSION_NUMBER && r->rv > api_hub_version(w->h);
}

/* Lost between two turns: as any other loss. */
static void begin_or_end(struct api_watch *w)
{
    if (must_wait(w))
        set_state(w, WAITING);
    else if (begin(w) && w->state != ENDING)
        end_expired(w, "the state to begin with was taken away");
}

static uint64_t random_below(uint64_t n)
{
    uint64_t x = uv_hrtime() * UINT64_C(0x9e3779b97f4a7c15);

    return (x >> 32) % n;
}

static void set_times(struct api_watch *w)
{
    uint64_t s = w->o.request->timeout_s;

    w->started_ms = uv_now(api_realm_loop(w->h->o.realm));
    if (!s)
        s = TIMEOUT_MIN_S + random_below(TIMEOUT_MIN_S);
    w->deadline_ms = w->started_ms + 1000 * s;
    w->bookmark_ms = w->started_ms + BOOKMARK_MS;
}

int api_watch_new(struct api_hub *h, const struct api_watch_options *o, struct api_watch **ret)
{
    struct api_snapshot *base = api_realm_base(h->o.realm);
    struct tarn_resource_info info;
    struct api_watch *w;
    int rc = base && h->store ? tarn_reader_resource(&base->r, api_hub_name(h), &info) : TARN_E_AGAIN;

    if (rc)
        return rc == TARN_E_NOMEM ? rc : TARN_E_AGAIN;
    w = calloc(1, sizeof *w);
    if (!w)
        return TARN_E_NOMEM;
    *w = (struct api_watch){.h = h, .o = *o, .state = BEHIND};
    w->form = api_hub_take_form(h, &o->form, base, &info);
    if (w->form < 0) {
        rc = w->form;
        free(w);
        return rc == TARN_E_NOMEM ? rc : TARN_E_AGAIN;
    }
    set_times(w);
    LIST_INSERT_HEAD(&h->watches, w, link);
    h->nwatches++;
    api_realm_hold(h->o.realm);
    api_hub_see(h, &info);
    begin_or_end(w);
    w->told = false;
    *ret = w;
    return 0;
}

void api_watch_free(struct api_watch *w)
{
    struct api_realm *r;

    if (!w)
        return;
    r = w->h->o.realm;
    set_state(w, ENDING);
    LIST_REMOVE(w, link);
    w->h->nwatches--;
    api_hub_give_form(w->h, (unsigned)w->form);
    api_lines_release(&w->q);
    tarn_buf_release(&w->own);
    free(w);
    api_realm_let_go(r);
}

uint64_t api_watch_told(const struct api_watch *w)
{
    return w->events;
}

bool api_watch_was_expired(const struct api_watch *w)
{
    return w->expired;
}

bool api_watch_was_slow(const struct api_watch *w)
{
    return w->slow;
}

/* ---- what happens anew ----------------------------------------------------------------------------------------------- */

/* Events of before a Table's columns came are all told with them: which of them is read first is not known yet. */
static bool is_first(const struct api_watch *w)
{
    return w->o.form.as == API_AS_TABLE && !w->has_columns;
}

int api_watch_tell(struct api_watch *w, const struct api_change *c)
{
    enum api_change_type type = c->entry.type;
    struct api_line *l;
    bool was, is;

    if (w->state == WAITING || w->state == ENDING || !api_entry_concerns(&c->entry, w->from) || !api_request_covers(w->o.request, c->obj))
        return 0;
    was = c->old && api_request_fits(w->o.request, c->old);
    is = type != API_DELETED && api_request_fits(w->o.request, c->obj);
    if (!was && !is)
        return 0;
    l = api_hub_line(w->h, (unsigned)w->form, c, is ? was ? API_MODIFIED : API_ADDED : API_DELETED, is_first(w));
    if (!l || api_lines_push(&w->q, l))
        return TARN_E_NOMEM;
    w->h->facts.events++;
    w->events++;
    if (c->entry.version > w->last)
        w->last = c->entry.version;
    w->has_columns |= w->state == LIVE;
    w->told = true;
    if (w->q.bytes > w->h->o.queue_bytes) {
        w->h->facts.cut++;
        w->slow = true;
        end_expired(w, "too old resource version: this watch is read too slowly");
    }
    return 0;
}

void api_watch_turned(struct api_watch *w)
{
    if (w->state == WAITING && !must_wait(w)) {
        begin_or_end(w);
        w->told = true;
    }
    if (!w->told)
        return;
    w->told = false;
    w->o.wake(w->o.ctx);
}

/* ---- in the course of time --------------------------------------------------------------------------------------------- */

static void bookmark(struct api_watch *w)
{
    struct tarn_buf text = {0};
    char version[24];

    if (w->h->told <= w->last)
        return;
    if (api_write_bookmark(w->h->forms[w->form].writer, api_version_text(w->h->told, version), false, is_first(w), &text) || queue_text(w, &text)) {
        tarn_buf_release(&text);
        return; /* none need come */
    }
    w->has_columns |= w->state == LIVE;
    w->last = w->h->told;
    w->told = true;
}

static void tick_bookmarks(struct api_watch *w, uint64_t now)
{
    bool last = !w->last_bookmark && now + LAST_BOOKMARK_MS >= w->deadline_ms;

    if (!w->o.request->bookmarks || (now < w->bookmark_ms && !last))
        return;
    w->bookmark_ms = now + BOOKMARK_MS;
    w->last_bookmark |= last;
    bookmark(w);
}

/* What is queued is still read; what is behind is not. */
static void end_in_time(struct api_watch *w)
{
    if (w->state != LIVE)
        api_lines_clear(&w->q);
    set_state(w, ENDING);
    w->told = true;
}

void api_watch_tick(struct api_watch *w, uint64_t now)
{
    if (w->state == WAITING && must_wait(w) && now >= w->started_ms + FRESH_MS)
        end_too_new(w);
    if (w->state == LIVE || w->state == BEHIND)
        tick_bookmarks(w, now);
    if (w->state != ENDING && now >= w->deadline_ms)
        end_in_time(w);
    api_watch_turned(w);
}

struct api_watch *api_watch_next(struct api_watch *w)
{
    return LIST_NEXT(w, link);
}

/* ---- behind --------------------------------------------------------------------------------------------------------------- */

static int write_event(struct api_watch *w, struct api_event *e, uint64_t version)
{
    int rc;

    e->first = is_first(w);
    rc = api_write_event(w->h->forms[w->form].writer, e, api_wall_s(), &w->own);
    if (rc)
        return rc;
    w->has_columns = true;
    w->h->facts.events++;
    w->events++;
    w->last = version > w->last ? version : w->last;
    return 0;
}

/* The end of the initial events, if it is to be told. */
static int write_end(struct api_watch *w)
{
    const struct api_request *r = w->o.request;
    char text[24];
    int rc;

    if (r->send_initial_events != API_YES || !r->bookmarks)
        return 0;
    rc = api_write_bookmark(w->h->forms[w->form].writer, api_version_text(w->state_version, text), true, is_first(w), &w->own);
    w->has_columns |= !rc;
    return rc;
}

/* The next event of BEHIND into `own`, or the end of it. What was written is kept only if the snapshot still stood. */
static void go_on(struct api_watch *w)
{
    bool over = false;
    struct api_event e;
    uint64_t version;
    int rc = api_behind_next(&w->behind, &e, &version);

    if (rc == 1) {
        rc = write_event(w, &e, version);
    } else if (!rc) {
        rc = write_end(w);
        over = true;
    }
    if (!rc)
        rc = tarn_reader_check(&w->behind.s->r);
    if (!rc && over)
        set_state(w, LIVE);
    if (rc < 0)
        end_expired(w, "too old resource version: the state to begin with was taken away");
}

/* ---- reading ------------------------------------------------------------------------------------------------------------------ */

static size_t take_own(struct api_watch *w, char *to, size_t n)
{
    size_t k = w->own.len - w->own_sent < n ? w->own.len - w->own_sent : n;

    memcpy(to, w->own.data + w->own_sent, k);
    w->own_sent += k;
    if (w->own_sent == w->own.len) {
        tarn_buf_clear(&w->own);
        w->own_sent = 0;
    }
    return k;
}

ssize_t api_watch_read(struct api_watch *w, char *to, size_t n)
{
    size_t at = 0;

    while (at < n) {
        if (w->own.len)
            at += take_own(w, to + at, n - at);
        else if (w->state == BEHIND)
            go_on(w);
        else if (w->state != WAITING && w->q.n)
            at += api_lines_take(&w->q, to + at, n - at);
        else
            break;
    }
    return at || w->state != ENDING ? (ssize_t)at : API_WATCH_END;
}
