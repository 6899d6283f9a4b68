/* api_list.c - GET and LIST: which state answers, and whether it is there yet.
 *
 *     resourceVersion    match          limit   answered from
 *     none, "0"          any            any     the newest commit; with "0" a limit is ignored, as the server's cache does
 *     N                  NotOlderThan   any     the newest commit, once it has come to N
 *     N                  none           none    the same
 *     N                  Exact          any     the newest commit if it is at N, or a held list of N; else 410
 *     N                  none           yes     the same
 *     continue                                  the held list; else 410 with a token for the newest commit
 *
 * What has not come to N is waited for, at most API_WAIT_MS, then 504. Source: "API concepts" of Kubernetes' documentation, recorded
 * exchanges list-*, expire-*.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "api_fields.h"
#include "api_indent.h"
#include "api_page.h"

enum {
    API_WAIT_MS = 3000,
    TICK_MS = 100,   /* while somebody waits */
    SWEEP_MS = 1000, /* while lists are held */
    TRIES = 3,       /* a newest snapshot that expires before its first byte is sent */
};

/* A call that waits for its resourceVersion. */
struct waiting {
    struct api_commit_waiter commit; /* first: a waiter is its waiting */
    LIST_ENTRY(waiting) link;
    struct api_lists *lists;
    struct api_call *call;
    uint64_t until_ms, wanted, reached;
};

struct api_lists {
    struct api *api;
    struct api_views views;
    LIST_HEAD(, waiting) waiting;
    uv_timer_t timer;
    unsigned told_held; /* as counted */
    bool stopped;
};

/* The state that a call is answered from. */
struct moment {
    struct api_snapshot *snapshot; /* a reference */
    struct tarn_resource_info info;
    char name[TARN_REGION_NAME_MAX + 1];
    uint64_t reached; /* resourceVersion, as a number */
};

/* ---- answers ------------------------------------------------------------------------------------------------- */

static void answer(struct api_call *c, struct api_answer *a)
{
    api_call_answer(c, a);
}

static void answer_failure(struct api_call *c, int rc)
{
    struct api_answer a = {0};

    api_answer_failure(rc == TARN_E_NOMEM ? TARN_REASON_SERVICE_UNAVAILABLE : TARN_REASON_INTERNAL_ERROR, &a, "cannot read %.*s: %s",
                       TARN_BYTES_ARG(c->request.resource), tarn_strerror(rc));
    answer(c, &a);
}

/* There is no such thing here, in the shape that the server has for its own groups and for others. */
static void answer_no_resource(struct api_call *c)
{
    struct api_answer a = {0};

    if (api_group_is_built_in(c->request.group))
        api_answer_no_resource(&a);
    else
        api_answer_no_path(&a);
    answer(c, &a);
}

/* ---- the moment ------------------------------------------------------------------------------------------------ */

static uint64_t number_of(struct tarn_bytes text)
{
    uint64_t v = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return 0;
        v = v * 10 + (uint64_t)(text.data[i] - '0');
    }
    return v;
}

/* "apps/v1" of the request? */
static bool version_fits(const struct api_request *q, struct tarn_bytes api_version)
{
    size_t head = q->group.len ? q->group.len + 1 : 0;

    return api_version.len == head + q->version.len && (!head || api_version.data[head - 1] == '/') &&
           memcmp(api_version.data + head, q->version.data, q->version.len) == 0;
}

/* Is the path one that such a resource has? */
static bool scope_fits(const struct api_request *q, const struct tarn_resource_info *info)
{
    if (!info->namespaced)
        return q->ns.len == 0;
    return q->verb != API_GET || q->ns.len;
}

static void moment_release(struct moment *m)
{
    api_snapshot_unref(m->snapshot);
    m->snapshot = NULL;
}

/* 1: *ret is it. 0: the call was answered. Or an error. */
static int moment_take(struct api_call *c, struct moment *ret)
{
    const struct api_request *q = &c->request;
    struct tarn_bytes name = api_resource_name(q->group, q->resource, ret->name);
    struct api_answer a = {0};
    int rc = TARN_E_NOTFOUND;

    ret->snapshot = api_realm_snapshot(c->realm);
    if (ret->snapshot) {
        tarn_reader_unpark(&ret->snapshot->r); /* a held list may have parked it */
        rc = name.len ? tarn_reader_resource(&ret->snapshot->r, name, &ret->info) : TARN_E_NOTFOUND;
    }
    if (ret->snapshot && rc == TARN_E_NOTFOUND) {
        answer_no_resource(c);
    } else if (ret->snapshot && rc) {
        moment_release(ret);
        return rc;
    } else if (!ret->snapshot || !ret->info.state.synced) {
        api_answer_initializing(&a);
        answer(c, &a);
    } else if (!version_fits(q, ret->info.api_version) || !scope_fits(q, &ret->info)) {
        answer_no_resource(c);
    } else {
        ret->reached = number_of(ret->info.state.resource_version);
        return 1;
    }
    moment_release(ret);
    return 0;
}

/* ---- GET ---------------------------------------------------------------------------------------------------------- */

static int object_write(const struct api_call *c, const struct moment *m, const struct tarn_object *obj, struct tarn_buf *out)
{
    struct api_writer *w = NULL;
    int rc = api_writer_new(&c->form, &m->snapshot->r, &m->info, &w);

    if (rc == 0)
        rc = api_write_object(w, obj, (int64_t)time(NULL), out);
    api_writer_free(w);
    if (tarn_reader_check(&m->snapshot->r))
        return TARN_E_EXPIRED;
    return rc;
}

static int get(struct api_call *c, const struct moment *m)
{
    const struct api_request *q = &c->request;
    struct tarn_buf key = {0}, body = {0};
    const struct tarn_object *obj;
    struct api_answer a = {0};
    int rc = tarn_buf_addf(&key, "%.*s%s%.*s", TARN_BYTES_ARG(q->ns), q->ns.len ? "/" : "", TARN_BYTES_ARG(q->name));

    if (rc == 0)
        rc = tarn_reader_get(&m->snapshot->r, m->info.store, tarn_buf_bytes(&key), &obj);
    tarn_buf_release(&key);
    if (rc == TARN_E_NOTFOUND || rc == TARN_E_INVAL) {
        api_answer_not_found(q->group, q->resource, q->name, &a);
        answer(c, &a);
        return 0;
    }
    if (rc == 0)
        rc = object_write(c, m, obj, &body);
    if (rc == 0)
        rc = c->form.pretty ? api_indent_whole(&body) : tarn_buf_adds(&body, "\n");
    if (rc == 0)
        api_call_reply(c, 200, "application/json", &body);
    tarn_buf_release(&body);
    return rc;
}

/* ---- LIST --------------------------------------------------------------------------------------------------------- */

/* view is taken. */
static int show(struct api_lists *l, struct api_call *c, struct api_view *view, struct tarn_bytes after, uint64_t limit)
{
    return api_page_begin(&(struct api_page_ask){
        .call = c, .views = &l->views, .view = view, .after = after, .limit = limit, .now_ms = uv_now(l->timer.loop), .now_s = (int64_t)time(NULL)});
}

static int show_newest(struct api_lists *l, struct api_call *c, const struct moment *m, struct tarn_bytes after, uint64_t limit)
{
    struct api_view *view;
    int rc = api_view_of(&l->views, c->realm, m->snapshot, &m->info, &c->request, &view);

    return rc ? rc : show(l, c, view, after, limit);
}

static void answer_expired(struct api_call *c, const struct api_continue *from)
{
    static const uint8_t newest[API_LIST_ID_BYTES];
    char cont[API_CONTINUE_TEXT_MAX] = "";
    struct api_answer a = {0};

    if (from && api_continue_print(newest, (struct tarn_bytes){from->key, from->key_len}, cont))
        api_answer_expired("The provided continue parameter is too old to display a consistent list result. You can start a new list without the "
                           "continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with "
                           "the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the "
                           "first chunk was returned and now may show up in the list.",
                           tarn_bytes_of(cont), &a);
    else
        api_answer_expired("The resourceVersion for the provided list is too old.", (struct tarn_bytes){0}, &a);
    answer(c, &a);
}

static int go_on(struct api_lists *l, struct api_call *c, const struct moment *m)
{
    const struct api_request *q = &c->request;
    struct api_continue from;
    struct api_answer a = {0};
    struct tarn_bytes after;
    struct api_view *view;
    int rc;

    if (api_continue_parse(q->cont, &from)) {
        api_answer_bad_request(&a, "invalid continue token: continue key is not valid: it was not issued by this server");
        answer(c, &a);
        return 0;
    }
    after = (struct tarn_bytes){from.key, from.key_len};
    if (api_continue_is_inconsistent(&from))
        return show_newest(l, c, m, after, q->limit);
    view = api_views_find(&l->views, &(struct api_held_ask){.realm = c->realm, .resource = m->name, .q = q, .id = from.list});
    rc = view ? show(l, c, view, after, q->limit) : TARN_E_EXPIRED;
    if (rc != TARN_E_EXPIRED)
        return rc;
    answer_expired(c, &from);
    return 0;
}

/* Of exactly the version that is asked for, which is not the newest. TARN_E_AGAIN: it may come. */
static int list_at(struct api_lists *l, struct api_call *c, const struct moment *m)
{
    const struct api_request *q = &c->request;
    struct api_view *view = api_views_find(&l->views, &(struct api_held_ask){.realm = c->realm, .resource = m->name, .q = q, .version = q->rv_text});
    int rc = view ? show(l, c, view, (struct tarn_bytes){0}, q->limit) : TARN_E_EXPIRED;

    if (rc != TARN_E_EXPIRED)
        return rc;
    if (q->rv > m->reached)
        return TARN_E_AGAIN;
    answer_expired(c, NULL);
    return 0;
}

static int list(struct api_lists *l, struct api_call *c, const struct moment *m)
{
    const struct api_request *q = &c->request;
    bool numbered = q->rv_ask == API_VERSION_NUMBER;
    bool exact = q->match == API_MATCH_EXACT || (q->match == API_MATCH_NONE && q->limit && numbered);

    if (q->cont.len)
        return go_on(l, c, m);
    if (exact && q->rv != m->reached)
        return list_at(l, c, m);
    if (numbered && q->rv > m->reached)
        return TARN_E_AGAIN;
    return show_newest(l, c, m, (struct tarn_bytes){0}, q->rv_ask == API_VERSION_ANY ? 0 : q->limit);
}

/* ---- serving ------------------------------------------------------------------------------------------------------- */

/* From a LIST's version on, changes are remembered for the WATCH that follows it: before the snapshot is taken. */
static void history_begin(const struct api_call *c)
{
    char room[TARN_REGION_NAME_MAX + 1];
    struct tarn_bytes name = api_resource_name(c->request.group, c->request.resource, room);
    struct api_hub *hub;

    if (c->request.verb == API_LIST && name.len)
        (void)!api_realm_hub(c->realm, name, &hub);
}

/* 0: answered. TARN_E_AGAIN: its version has not come (*ret_reached has). Else an error, and not answered. */
static int serve_once(struct api_lists *l, struct api_call *c, uint64_t *ret_reached)
{
    struct moment m;
    int rc = moment_take(c, &m);

    if (rc <= 0)
        return rc;
    *ret_reached = m.reached;
    if (c->request.verb == API_LIST)
        rc = list(l, c, &m);
    else
        rc = c->request.rv_ask == API_VERSION_NUMBER && c->request.rv > m.reached ? TARN_E_AGAIN : get(c, &m);
    moment_release(&m);
    return rc;
}

static void held_tell(struct api_lists *l)
{
    api_count(&api_counters(l->api)->lists_held, (int64_t)l->views.nheld - (int64_t)l->told_held);
    l->told_held = l->views.nheld;
}

static void timer_set(struct api_lists *l);

/* 0, or TARN_E_AGAIN. */
static int serve(struct api_lists *l, struct api_call *c, uint64_t *ret_reached)
{
    int rc = TARN_E_EXPIRED;

    for (int i = 0; i < TRIES && rc == TARN_E_EXPIRED; i++)
        rc = serve_once(l, c, ret_reached);
    if (rc && rc != TARN_E_AGAIN) {
        answer_failure(c, rc);
        rc = 0;
    }
    held_tell(l);
    return rc;
}

/* ---- waiting --------------------------------------------------------------------------------------------------------- */

/* w is gone, its call the caller's. */
static struct api_call *waiting_end(struct waiting *w)
{
    struct api_call *c = w->call;

    api_realm_wait_end(&w->commit);
    LIST_REMOVE(w, link);
    free(w);
    return c;
}

static void on_commit(struct api_commit_waiter *commit)
{
    struct waiting *w = (struct waiting *)(void *)commit;

    if (serve(w->lists, w->call, &w->reached) == 0) {
        struct api_lists *l = w->lists;

        (void)waiting_end(w);
        timer_set(l);
    }
}

static void give_up(struct waiting *w)
{
    struct api_answer a = {0};

    api_answer_future(w->wanted, w->reached, &a);
    answer(waiting_end(w), &a);
}

static void wait_for_version(struct api_lists *l, struct api_call *c, uint64_t reached)
{
    struct waiting *w = calloc(1, sizeof *w);

    if (!w) {
        answer_failure(c, TARN_E_NOMEM);
        return;
    }
    *w = (struct waiting){.commit.fn = on_commit, .lists = l, .call = c, .until_ms = uv_now(l->timer.loop) + API_WAIT_MS, .wanted = c->request.rv, .reached = reached};
    LIST_INSERT_HEAD(&l->waiting, w, link);
    api_realm_wait(c->realm, &w->commit);
}

void api_list_serve(struct api_call *c)
{
    struct api_lists *l = api_lists(c->api);
    struct api_answer a = {0};
    uint64_t reached = 0;

    if (c->request.head) { /* as the server, which knows HEAD for no resource */
        api_answer_method_not_allowed(&a);
        answer(c, &a);
    } else if (l->stopped) {
        answer_failure(c, TARN_E_STOPPED);
    } else {
        history_begin(c);
        if (serve(l, c, &reached) == TARN_E_AGAIN)
            wait_for_version(l, c, reached);
    }
    timer_set(l);
}

/* ---- life ---------------------------------------------------------------------------------------------------------------- */

static bool is_configured(void *ctx, const struct api_realm *realm)
{
    struct api_realm *r;

    for (unsigned n = 0; (r = api_realm_at(ctx, n)) != NULL; n++)
        if (r == realm)
            return true;
    return false;
}

static void on_timer(uv_timer_t *t)
{
    struct api_lists *l = t->data;
    struct waiting *w, *next;

    for (w = LIST_FIRST(&l->waiting); w; w = next) {
        next = LIST_NEXT(w, link);
        if (uv_now(t->loop) >= w->until_ms)
            give_up(w);
    }
    api_views_sweep(&l->views, uv_now(t->loop), is_configured, l->api);
    held_tell(l);
    timer_set(l);
}

/* It ticks only while there is something to look at. */
static void timer_set(struct api_lists *l)
{
    uint64_t every = !LIST_EMPTY(&l->waiting) ? TICK_MS : l->views.nheld ? SWEEP_MS : 0;

    if (l->stopped)
        return;
    if (!every)
        (void)uv_timer_stop(&l->timer);
    else if (!uv_is_active((uv_handle_t *)&l->timer) || uv_timer_get_repeat(&l->timer) != every)
        (void)uv_timer_start(&l->timer, on_timer, every, every);
}

int api_lists_new(struct api *a, struct api_lists **ret)
{
    struct api_lists *l = calloc(1, sizeof *l);

    if (!l)
        return TARN_E_NOMEM;
    l->api = a;
    api_views_init(&l->views);
    LIST_INIT(&l->waiting);
    (void)uv_timer_init(api_loop(a), &l->timer); /* never fails */
    l->timer.data = l;
    *ret = l;
    return 0;
}

void api_lists_stop(struct api_lists *l)
{
    struct api_answer a = {0};

    if (!l || l->stopped)
        return;
    l->stopped = true;
    while (!LIST_EMPTY(&l->waiting)) {
        api_answer_failure(TARN_REASON_SERVICE_UNAVAILABLE, &a, "the agent is stopping");
        answer(waiting_end(LIST_FIRST(&l->waiting)), &a);
    }
    api_views_drop_all(&l->views);
    held_tell(l);
    uv_close((uv_handle_t *)&l->timer, NULL);
}

void api_lists_free(struct api_lists *l)
{
    free(l);
}
