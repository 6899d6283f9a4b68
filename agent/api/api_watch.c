/* api_watch.c - see api_watch.h. */
#include "api_watch.h"

#include <stdio.h>
#include <stdlib.h>

#include "api_hub_impl.h"

#define BOOKMARK_MS 60000u       /* as the server's */
#define LAST_BOOKMARK_MS 2000u   /* before the timeout */
#define FRESH_MS 3000u           /* how long a streaming list waits for a version that has not come */
#define TIMEOUT_MIN_S 1800u      /* of a watch that names none: from once to twice as long */

/* WAITING: for a version; the others are those of the header. */
enum state { WAITING, BEHIND, LIVE, ENDING };

/* Where the events of BEHIND come from. */
enum behind { FROM_NOTHING, FROM_STATE, FROM_ONE, FROM_HISTORY };

struct queue {
    struct api_line **v;
    size_t head, n, cap;
    size_t bytes;
    size_t sent; /* of the first */
};

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
    /* BEHIND */
    enum behind behind;
    struct api_snapshot *s;
    struct tarn_resource_info info; /* of s */
    struct tarn_reader_iter it;
    struct api_replay replay;
    size_t replayed;
    uint64_t state_version; /* of s */
    /* what is read next: an event made for this watch alone, then the queue */
    struct tarn_buf own;
    size_t own_sent;
    struct queue q;
};

/* ---- what the reader is to see ------------------------------------------------------------------------------- */

static bool in_scope(const struct api_watch *w, const struct tarn_object *obj)
{
    const struct api_request *r = w->o.request;

    return (!r->ns.len || tarn_bytes_equal(tarn_object_namespace(obj), r->ns)) && (!r->name.len || tarn_bytes_equal(tarn_object_name(obj), r->name));
}

static bool fits(const struct api_watch *w, const struct tarn_object *obj)
{
    return tarn_selector_matches(w->o.request->labels, obj) && tarn_field_selector_matches(w->o.request->fields, obj);
}

/* ---- the queue ------------------------------------------------------------------------------------------------- */

static int queue_push(struct queue *q, struct api_line *l)
{
    if (q->n == q->cap) {
        size_t cap = q->cap ? q->cap * 2 : 16;
        struct api_line **v = malloc(cap * sizeof *v);

        if (!v)
            return TARN_E_NOMEM;
        for (size_t i = 0; i < q->n; i++)
            v[i] = q->v[(q->head + i) & (q->cap - 1)];
        free(q->v);
        q->v = v;
        q->head = 0;
        q->cap = cap;
    }
    l->refs++;
    q->v[(q->head + q->n++) & (q->cap - 1)] = l;
    q->bytes += l->len;
    return 0;
}

static void queue_pop(struct queue *q)
{
    struct api_line *l = q->v[q->head];

    q->bytes -= l->len;
    q->head = (q->head + 1) & (q->cap - 1);
    q->n--;
    q->sent = 0;
    api_line_unref(l);
}

/* All but what is sent half. */
static void queue_clear(struct queue *q)
{
    while (q->n > (q->sent != 0)) {
        struct api_line *l = q->v[(q->head + --q->n) & (q->cap - 1)];

        q->bytes -= l->len;
        api_line_unref(l);
    }
}

/* An event of this watch alone, behind all others. */
static int queue_text(struct api_watch *w, struct tarn_buf *text)
{
    struct api_line *l = api_line_new(tarn_buf_bytes(text));
    int rc = l ? queue_push(&w->q, l) : TARN_E_NOMEM;

    api_line_unref(l);
    tarn_buf_release(text);
    return rc;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static void leave_behind(struct api_watch *w)
{
    api_snapshot_unref(w->s);
    w->s = NULL;
    api_replay_release(&w->replay);
}

static void set_state(struct api_watch *w, enum state state)
{
    w->h->nwaiting += state == WAITING;
    w->h->nwaiting -= w->state == WAITING;
    w->state = state;
    if (state != BEHIND)
        leave_behind(w);
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
    queue_clear(&w->q);
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

/* The state as ADDED events, out of s. */
static int begin_state(struct api_watch *w)
{
    const struct api_request *r = w->o.request;
    int index = r->ns.len && !r->name.len ? tarn_resource_index(&w->info, TARN_BYTES("namespace")) : TARN_E_INDEX_MISSING;

    if (r->name.len) {
        w->behind = FROM_ONE;
        return 0;
    }
    w->behind = FROM_STATE;
    return index >= 0 ? tarn_reader_by_index(&w->s->r, &w->info, (unsigned)index, r->ns, &w->it) : tarn_reader_list(&w->s->r, w->info.store, &w->it);
}

static int begin_history(struct api_watch *w)
{
    if (w->from < w->h->history.floor) {
        end_too_old(w, w->from);
        return 0;
    }
    w->behind = FROM_HISTORY;
    return api_history_since(&w->h->history, w->from, &w->replay);
}

/* The hub is at its base: what comes from now on is queued. */
static int begin(struct api_watch *w)
{
    const struct api_request *r = w->o.request;
    struct api_snapshot *base = api_realm_base(w->h->o.realm);
    int rc;

    w->s = api_snapshot_ref(base);
    rc = tarn_reader_resource(&w->s->r, api_hub_name(w->h), &w->info);
    if (rc)
        return rc;
    set_state(w, BEHIND);
    w->state_version = api_hub_version(w->h);
    if (wants_state(r)) {
        w->from = w->last = w->state_version;
        return begin_state(w);
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
    w->q.sent = 0;
    queue_clear(&w->q);
    free(w->q.v);
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

    if (w->state == WAITING || w->state == ENDING || !api_entry_concerns(&c->entry, w->from) || !in_scope(w, c->obj))
        return 0;
    was = c->old && fits(w, c->old);
    is = type != API_DELETED && fits(w, c->obj);
    if (!was && !is)
        return 0;
    l = api_hub_line(w->h, (unsigned)w->form, c, is ? was ? API_MODIFIED : API_ADDED : API_DELETED, is_first(w));
    if (!l || queue_push(&w->q, l))
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
        queue_clear(&w->q);
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

/* Write one event of this watch alone. 1, or an error. */
static int write_own(struct api_watch *w, const char *type, const struct tarn_object *obj, uint64_t version)
{
    char text[24];
    struct api_event e = {.type = type, .obj = obj, .first = is_first(w)};
    int rc;

    if (version)
        e.resource_version = api_version_text(version, text);
    rc = api_write_event(w->h->forms[w->form].writer, &e, api_wall_s(), &w->own);
    w->has_columns |= !rc;
    w->h->facts.events += !rc;
    w->events += !rc;
    return rc ? rc : 1;
}

static int next_of_state(struct api_watch *w)
{
    const struct tarn_object *obj;
    int rc;

    while ((rc = tarn_reader_next(&w->it, &obj)) == 1)
        if (in_scope(w, obj) && fits(w, obj))
            return write_own(w, "ADDED", obj, 0);
    return rc;
}

static int next_of_one(struct api_watch *w)
{
    const struct api_request *r = w->o.request;
    const struct tarn_object *obj;
    struct tarn_buf key = {0};
    int rc = tarn_buf_addf(&key, "%.*s%s%.*s", TARN_BYTES_ARG(r->ns), r->ns.len ? "/" : "", TARN_BYTES_ARG(r->name));

    w->behind = FROM_NOTHING;
    if (!rc)
        rc = tarn_reader_get(&w->s->r, w->info.store, tarn_buf_bytes(&key), &obj);
    tarn_buf_release(&key);
    if (rc)
        return rc == TARN_E_NOTFOUND ? 0 : rc;
    return fits(w, obj) ? write_own(w, "ADDED", obj, 0) : 0;
}

/* 1: an event was written; 0: there is nothing to tell of it. */
static int tell_missed(struct api_watch *w, const struct api_missed *m)
{
    const struct tarn_object *now = m->final, *before;
    bool was, is;
    int rc = m->deleted ? 0 : tarn_reader_by_oid(&w->s->r, m->oid, &now);

    if (rc)
        return rc;
    if (!in_scope(w, now))
        return 0;
    before = m->before ? m->before : now;
    is = !m->deleted && fits(w, now);
    was = m->was_there && (m->unsure || fits(w, before));
    if (!was && !is)
        return 0;
    if (is)
        return write_own(w, was ? "MODIFIED" : "ADDED", now, 0);
    return write_own(w, "DELETED", m->deleted && fits(w, now) ? now : before, m->version);
}

static int next_of_history(struct api_watch *w)
{
    int rc = 0;

    while (!rc && w->replayed < w->replay.n) {
        const struct api_missed *m = &w->replay.v[w->replayed++];

        rc = tell_missed(w, m);
        if (rc == 1 && m->version > w->last)
            w->last = m->version;
    }
    return rc;
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
    int rc = w->behind == FROM_STATE     ? next_of_state(w)
             : w->behind == FROM_ONE     ? next_of_one(w)
             : w->behind == FROM_HISTORY ? next_of_history(w)
                                         : 0;

    if (rc >= 0 && tarn_reader_check(&w->s->r))
        rc = TARN_E_EXPIRED;
    if (!rc) {
        rc = write_end(w);
        set_state(w, LIVE);
    }
    if (rc < 0)
        end_expired(w, "too old resource version: the state to begin with was taken away");
}

/* ---- reading ------------------------------------------------------------------------------------------------------------------ */

static size_t take(const char *from, size_t len, size_t *sent, char *to, size_t n)
{
    size_t k = len - *sent < n ? len - *sent : n;

    memcpy(to, from + *sent, k);
    *sent += k;
    return k;
}

static size_t take_own(struct api_watch *w, char *to, size_t n)
{
    size_t k = take(w->own.data, w->own.len, &w->own_sent, to, n);

    if (w->own_sent == w->own.len) {
        tarn_buf_clear(&w->own);
        w->own_sent = 0;
    }
    return k;
}

static size_t take_queued(struct api_watch *w, char *to, size_t n)
{
    const struct api_line *l = w->q.v[w->q.head];
    size_t k = take(l->text, l->len, &w->q.sent, to, n);

    if (w->q.sent == l->len)
        queue_pop(&w->q);
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
            at += take_queued(w, to + at, n - at);
        else
            break;
    }
    return at || w->state != ENDING ? (ssize_t)at : API_WATCH_END;
}
