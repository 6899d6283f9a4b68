/* sim_watch.c - a watch is a cursor in its resource's history.
 *
 * It has up to three phases: the initial state (from a snapshot) when no version was given or a streaming list was asked
 * for, the streaming list's end bookmark, then the events. A watch that falls out of the history is ended, as the
 * real server ends one whose buffer is full.
 */
#include "sim_watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim_fault.h"
#include "sim_get.h"
#include "sim_list.h"
#include "sim_select.h"
#include "sim_status.h"

enum { BOOKMARK_EVERY_MS = 60000, BOOKMARK_BEFORE_END_MS = 2000 };

struct watch {
    struct sim_stream stream;
    struct sim_listener listener; /* of resource */
    struct sim_api *api;
    struct sim_resource *resource;
    struct sim_selection selection;
    struct sim_shape shape;

    struct sim_tree snapshot; /* the initial state, until it was sent */
    struct sim_walk walk;
    struct sim_range range;
    bool initial, end_bookmark; /* still to be sent */

    uint64_t cursor;   /* sequence number of the next event to look at */
    uint64_t start_rv; /* what the watch began at: a bookmark must be newer */
    bool bookmarks, last_bookmark_sent;
    uint64_t next_bookmark_ms, deadline_ms;
    char *error; /* a line to be sent, then the end; owned */

    /* what faults make of it */
    bool no_end_bookmark, drop, cut;
    bool error_waits;     /* `error` is due only behind events_left more events */
    uint64_t events_left;
};

/* ---- lines ------------------------------------------------------------------------------ */

static void put_event(struct watch *w, const char *type, const struct sim_object *o, struct tarn_buf *out)
{
    sim_puts(out, "{\"type\":\"");
    sim_puts(out, type);
    sim_puts(out, "\",\"object\":");
    sim_object_render_as(w->resource, &w->shape, o, out);
    w->shape.continued = true;
    sim_puts(out, "}\n");
    w->api->counters.watch_events++;
    w->events_left -= w->events_left > 0;
    if (w->events_left == 0)
        w->error_waits = false;
}

static void put_bookmark(const struct watch *w, uint64_t rv, bool initial_end, struct tarn_buf *out)
{
    const struct sim_kind *k = &w->resource->kind;

    if (w->shape.as == SIM_AS_PARTIAL)
        sim_puts(out, "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\","
                      "\"metadata\":{");
    else
        sim_putf(out, "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"%s\",\"apiVersion\":\"%s%s%s\",\"metadata\":{", k->kind,
                 k->group, *k->group ? "/" : "", k->version);
    sim_putf(out, "\"resourceVersion\":\"%" PRIu64 "\"", rv);
    if (initial_end)
        sim_puts(out, ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}");
    sim_puts(out, "}}}\n");
}

/* ---- phases -------------------------------------------------------------------------------- */

/* Is the error's turn now? */
static bool error_due(const struct watch *w)
{
    return w->error && !w->error_waits;
}

static void send_initial(struct watch *w, struct tarn_buf *out, size_t want)
{
    while (out->len < want && !error_due(w)) {
        struct sim_object *o = sim_walk_next(&w->walk);

        if (!o || (*w->range.to && tarn_bytes_compare(sim_object_key(o), tarn_bytes_of(w->range.to)) >= 0)) {
            w->initial = false;
            sim_tree_release(&w->snapshot);
            break;
        }
        if (sim_selection_matches(&w->selection, o))
            put_event(w, "ADDED", o, out);
    }
    if (!w->initial && w->end_bookmark) {
        if (!w->no_end_bookmark)
            put_bookmark(w, w->start_rv, true, out);
        w->end_bookmark = false;
    }
}

/* Show o, or (a fault) what looks like an older version of it. */
static void put_change(struct watch *w, const char *type, struct sim_object *o, struct tarn_buf *out)
{
    const struct sim_fault *f = sim_faults_hit(w->api->faults, SIM_FAULT_OLD_EVENT, w->resource->name, "watch");
    struct sim_object *shown = f ? sim_object_at(o, o->rv > f->by ? o->rv - f->by : 1) : sim_object_ref(o);

    put_event(w, type, shown, out);
    sim_object_unref(shown);
}

/* What a change means to somebody who sees only what the selection lets through. */
static void send_event(struct watch *w, const struct sim_event *e, struct tarn_buf *out)
{
    bool now = e->type != SIM_DELETED && sim_selection_matches(&w->selection, e->obj);
    bool before = e->prev && sim_selection_matches(&w->selection, e->prev);

    if (now) {
        put_change(w, before ? "MODIFIED" : "ADDED", e->obj, out);
    } else if (before) {
        struct sim_object *last = sim_object_at(e->prev, e->rv); /* its last matching state at the new version */

        put_change(w, "DELETED", last, out);
        sim_object_unref(last);
    }
}

static void send_events(struct watch *w, struct tarn_buf *out, size_t want)
{
    while (w->cursor < w->resource->ring_next && out->len < want) {
        const struct sim_event *e = sim_resource_event(w->resource, w->cursor++);

        if (e->rv > w->start_rv && !e->lost)
            send_event(w, e, out);
        if (error_due(w))
            break;
    }
}

/* A bookmark, if it is time for one and there is something newer than the watch's beginning to tell. */
static void send_bookmark(struct watch *w, uint64_t now, struct tarn_buf *out)
{
    bool last = w->deadline_ms - now <= BOOKMARK_BEFORE_END_MS && !w->last_bookmark_sent;

    if (!w->bookmarks || (now < w->next_bookmark_ms && !last))
        return;
    if (w->resource->last_rv > w->start_rv)
        put_bookmark(w, w->resource->last_rv, false, out);
    w->last_bookmark_sent |= last;
    w->next_bookmark_ms = now + BOOKMARK_EVERY_MS;
}

static void set_alarm(struct watch *w)
{
    uint64_t at = w->deadline_ms, before = w->deadline_ms - BOOKMARK_BEFORE_END_MS;

    if (w->bookmarks && w->next_bookmark_ms < at)
        at = w->next_bookmark_ms;
    if (w->bookmarks && !w->last_bookmark_sent && before < at)
        at = before;
    sim_request_wake_at(w->stream.req, at);
}

static enum sim_fill watch_fill(struct sim_stream *s, struct tarn_buf *out, size_t want)
{
    struct watch *w = (struct watch *)s;
    uint64_t now = sim_request_now_ms(s->req);

    if (error_due(w)) {
        sim_puts(out, w->error);
        return SIM_FILL_END;
    }
    if (w->drop)
        return w->cut ? SIM_FILL_BREAK : SIM_FILL_END;
    if (now >= w->deadline_ms)
        return SIM_FILL_END;
    if (w->initial || w->end_bookmark)
        send_initial(w, out, want);
    if (!w->initial) {
        if (w->cursor < w->resource->ring_first && w->resource->window_rv > w->start_rv)
            return SIM_FILL_END; /* too slow: what it had to see is gone */
        send_events(w, out, want);
        if (w->cursor == w->resource->ring_next)
            send_bookmark(w, now, out);
    }
    if (out->len)
        return SIM_FILL_MORE;
    if (w->resource->gone)
        return SIM_FILL_END;
    set_alarm(w);
    return SIM_FILL_WAIT;
}

static void watch_free(struct sim_stream *s)
{
    struct watch *w = (struct watch *)s;

    w->api->counters.open_watches--;
    sim_listener_remove(&w->listener);
    sim_tree_release(&w->snapshot);
    sim_selection_release(&w->selection);
    free(w->error);
    free(w);
}

static struct watch *watch_of(struct sim_listener *l)
{
    return (struct watch *)((char *)l - offsetof(struct watch, listener));
}

static void on_change(struct sim_listener *l)
{
    sim_request_wake(watch_of(l)->stream.req);
}

/* ---- beginning --------------------------------------------------------------------------------- */

static void watch_error(struct watch *w, const struct sim_status *status)
{
    struct tarn_buf line = {0};

    sim_puts(&line, "{\"type\":\"ERROR\",\"object\":");
    sim_status_print(status, &line);
    sim_put(&line, "}\n", 3); /* with the NUL */
    w->error = line.data;
}

static void begin_initial(struct watch *w, bool streaming)
{
    w->initial = true;
    w->end_bookmark = streaming && w->bookmarks;
    w->snapshot = sim_tree_snapshot(&w->resource->tree);
    w->start_rv = w->api->world->rv;
    w->cursor = w->resource->ring_next;
    sim_walk_begin(&w->walk, &w->snapshot, tarn_bytes_of(w->range.from));
}

static void begin_from(struct watch *w, uint64_t rv)
{
    char message[160];

    if (rv < w->resource->window_rv) {
        (void)snprintf(message, sizeof message, "too old resource version: %" PRIu64 " (%" PRIu64 ")", rv,
                       w->resource->window_rv);
        watch_error(w, &(struct sim_status){.code = 410, .reason = "Expired", .message = message});
        return;
    }
    w->start_rv = rv;
    w->cursor = sim_resource_seek(w->resource, rv);
}

/* Ask the faults that concern a watch once, at its beginning. */
static void arm_faults(struct watch *w)
{
    const char *name = w->resource->name;
    struct sim_faults *faults = w->api->faults;
    const struct sim_fault *f;

    w->no_end_bookmark = w->end_bookmark && sim_faults_hit(faults, SIM_FAULT_NO_END_BOOKMARK, name, "watch");
    if ((f = sim_faults_hit(faults, SIM_FAULT_SHORT_WATCH, name, "watch")) != NULL)
        w->deadline_ms = sim_request_now_ms(w->stream.req) + f->ms;
    if (!w->error && (f = sim_faults_hit(faults, SIM_FAULT_WATCH_ERROR, name, "watch")) != NULL) {
        char message[512];

        (void)snprintf(message, sizeof message, "%s", *f->message ? f->message : "too old resource version: 1 (2)");
        watch_error(w, &(struct sim_status){.code = (int)f->code, .message = message,
                                            .reason = f->code == 410   ? "Expired"
                                                      : f->code == 504 ? "Timeout"
                                                      : f->code == 429 ? "TooManyRequests"
                                                                       : "InternalError",
                                            .retry_after_s = f->retry_after_s});
        w->events_left = f->events;
        w->error_waits = f->events > 0;
    }
}

struct watch_request {
    const char *rv_text, *match;
    bool streaming, initial_given;
    uint64_t rv;
};

static bool parse_request(const struct sim_call *c, struct watch_request *ret)
{
    const char *initial = sim_request_query(c->req, "sendInitialEvents");
    char message[1024];

    ret->rv_text = sim_request_query(c->req, "resourceVersion");
    ret->match = sim_request_query(c->req, "resourceVersionMatch");
    ret->initial_given = initial != NULL;
    ret->streaming = initial && (strcmp(initial, "true") == 0 || strcmp(initial, "1") == 0);
    if (ret->initial_given && (!ret->match || strcmp(ret->match, "NotOlderThan") != 0)) {
        sim_reply_forbidden_option(c->req, "resourceVersionMatch",
                         "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
        return false;
    }
    if (ret->initial_given && sim_faults_hit(c->api->faults, SIM_FAULT_NO_STREAMING, c->resource->name, "watch")) {
        sim_reply_forbidden_option(c->req, "sendInitialEvents",
                         "Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled");
        return false;
    }
    if (!ret->initial_given && ret->match && *ret->match) {
        sim_reply_forbidden_option(c->req, "resourceVersionMatch",
                         "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
        return false;
    }
    if (sim_parse_rv(ret->rv_text, &ret->rv, message, sizeof message)) {
        sim_status_reply(c->req, &(struct sim_status){.code = 500, .message = message}); /* no reason, as recorded */
        return false;
    }
    return true;
}

static uint64_t timeout_ms(const struct sim_call *c)
{
    const char *t = sim_request_query(c->req, "timeoutSeconds");
    uint64_t s = t ? strtoull(t, NULL, 10) : 0;

    if (s == 0) /* the server's own choice: 30 to 60 minutes */
        return 1800000 + sim_random_below(&c->api->world->random, 1800000);
    return s > 86400 ? 86400000 : s * 1000;
}

static struct watch *watch_new(struct sim_call *c, const struct sim_selection *s, const struct sim_form *form)
{
    static const struct sim_stream_ops ops = {watch_fill, watch_free};
    struct watch *w = sim_alloc(sizeof *w);
    const char *bookmarks = sim_request_query(c->req, "allowWatchBookmarks");
    uint64_t now = sim_request_now_ms(c->req);

    memset(w, 0, sizeof *w);
    w->stream.ops = &ops;
    w->api = c->api;
    w->resource = c->resource;
    w->selection = *s;
    w->shape = sim_shape_of(c, form);
    sim_selection_range(s, &w->range);
    w->bookmarks = bookmarks && (strcmp(bookmarks, "true") == 0 || strcmp(bookmarks, "1") == 0);
    w->next_bookmark_ms = now + BOOKMARK_EVERY_MS;
    w->deadline_ms = now + timeout_ms(c);
    w->listener.changed = on_change;
    sim_resource_listen(w->resource, &w->listener);
    c->api->counters.open_watches++;
    return w;
}

void sim_watch_serve(struct sim_call *c)
{
    struct sim_selection s;
    struct watch_request q = {0};
    struct sim_form form;
    struct watch *w;
    char message[128];

    if (!sim_form_parse(c->req, SIM_FORMS_OF_OBJECTS, &form) || !sim_selection_parse(c, &s))
        return;
    if (!parse_request(c, &q)) {
        sim_selection_release(&s);
        return;
    }
    w = watch_new(c, &s, &form);
    if (q.streaming && q.rv > c->api->world->rv) {
        struct sim_status st = sim_status_future_rv(q.rv, c->api->world->rv, message, sizeof message);

        watch_error(w, &st);
    } else if (q.streaming || (q.rv == 0 && !q.initial_given)) {
        begin_initial(w, q.streaming);
    } else {
        begin_from(w, q.rv ? q.rv : c->api->world->rv);
    }
    w->stream.req = c->req;
    arm_faults(w);
    sim_reply_stream(c->req, &(struct sim_reply_head){.code = 200}, &w->stream);
}

unsigned sim_watch_drop(struct sim_world *world, const struct sim_resource *only, bool cut)
{
    unsigned n = 0;

    for (struct sim_resource *r = world->resources; r; r = r->next) {
        if (only && r != only)
            continue;
        for (struct sim_listener *l = r->listeners.next; l != &r->listeners; l = l->next) {
            struct watch *w = watch_of(l);

            w->drop = true;
            w->cut = cut;
            sim_request_wake(w->stream.req);
            n++;
        }
    }
    return n;
}
