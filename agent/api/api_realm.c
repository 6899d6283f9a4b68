/* api_realm.c - attaching and leaving, and snapshots. See api_realm.h; turns are in api_follow.c.
 *
 *   ASKED --answer--> CURRENT --a newer one is there--> OLD --its last snapshot is given back--> LEAVING --answer--> (freed)
 *
 * The control page is mapped here a second time, as a client does: so nothing of ours lies in memory that the writer frees.
 */
#include "api_realm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api_realm_impl.h"
#include "logger.h"

#define TICK_MS 500

static void look_closed(struct api_realm *r);
static void leave_if_unread(struct api_generation *g);

/* ---- generations: coming --------------------------------------------------------------------------------------- */

static void close_sockets(struct api_generation *g)
{
    if (g->fd >= 0)
        (void)close(g->fd);
    if (g->ask.socket_fd >= 0)
        (void)close(g->ask.socket_fd);
    g->fd = g->ask.socket_fd = -1;
}

static void generation_free(struct api_generation *g)
{
    struct api_realm *r = g->realm;

    LIST_REMOVE(g, link);
    close_sockets(g);
    tarn_pin_page_free(g->page);
    tarn_region_view_unmap(&g->view);
    free(g);
    look_closed(r);
}

static void on_poll_closed(uv_handle_t *h)
{
    generation_free(h->data);
}

static void generation_end(struct api_generation *g)
{
    if (g->polling)
        uv_close((uv_handle_t *)&g->poll, on_poll_closed);
    else
        generation_free(g);
}

static int make_page(struct api_generation *g, struct tarn_error *err)
{
    int fd, rc = tarn_pin_page_new(0, &g->ask.page, &fd, err);

    if (rc)
        return rc;
    rc = tarn_pin_page_map(fd, TARN_CONTROL_BYTES_DEFAULT, &g->page, err);
    (void)close(fd);
    return rc;
}

static int make_sockets(struct api_generation *g, struct tarn_error *err)
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds))
        return tarn_error_set(err, TARN_E_IO, "cannot make a socket pair: %s", strerror(errno));
    g->fd = fds[0];
    g->ask.socket_fd = fds[1];
    return 0;
}

static void say_once(struct api_realm *r, const struct tarn_error *err)
{
    if (r->failing)
        return;
    r->failing = true;
    tarn_log(TARN_LOG_WARN, "the read API cannot read a realm; it is tried again", "realm", r->name, "code", tarn_error_name(err->code), "error",
             err->message, NULL);
}

/* Ask to be taken in. What fails is tried again with the next tick. */
static void attach(struct api_realm *r)
{
    struct api_generation *g = calloc(1, sizeof *g);
    struct tarn_error err = {0};

    if (!g)
        return;
    g->realm = r;
    g->fd = g->ask.socket_fd = -1;
    LIST_INSERT_HEAD(&r->generations, g, link);
    g->ask.verb = TARN_ASK_ATTACH;
    g->ask.back = &r->answers;
    g->ask.uid = geteuid();
    g->ask.pid = getpid();
    (void)snprintf(g->ask.realm, sizeof g->ask.realm, "%s", r->name);
    (void)snprintf(g->ask.program, sizeof g->ask.program, "tarnd read API");
    if (make_page(g, &err) == 0 && make_sockets(g, &err) == 0 && tarn_handoff_put(r->o.ingest, &g->ask.node)) {
        r->asking = true;
        return;
    }
    if (err.code)
        say_once(r, &err);
    tarn_pin_page_free(g->ask.page);
    generation_free(g);
}

/* The packet that tells of a newer generation may not have fitted; the header says it too. */
static void follow_generation(struct api_realm *r)
{
    struct tarn_region_facts facts = {0};

    if (r->asking || r->closing)
        return;
    if (r->current)
        tarn_region_view_facts(&r->current->view, &facts);
    if (!r->current || r->current->superseded || facts.superseded)
        attach(r);
}

/* Packets of the writer: doorbells, and that it was superseded. */
static void on_packets(uv_poll_t *poll, int status, int events)
{
    struct api_generation *g = poll->data;
    struct tarn_attach_message m;
    char packet[256];
    ssize_t n;

    (void)status, (void)events;
    while ((n = recv(g->fd, packet, sizeof packet, MSG_DONTWAIT)) > 0)
        if (tarn_attach_decode((struct tarn_bytes){.data = packet, .len = (size_t)n}, &m, NULL) == 0 && m.type == TARN_ATTACH_SUPERSEDED)
            g->superseded = true;
    if (n == 0)
        (void)uv_poll_stop(poll);
    follow_generation(g->realm);
    api_realm_turn(g->realm);
}

/* What the answer names: mapped and tested as a client tests it. */
static int map_region(struct api_generation *g, struct tarn_error *err)
{
    int rc = tarn_region_view_map(g->ask.region_fd, &g->view, err);

    if (!rc && (g->view.size != g->ask.region_bytes || g->view.generation != g->ask.generation ||
                memcmp(g->view.instance, g->ask.instance, sizeof g->view.instance) != 0))
        rc = tarn_error_set(err, TARN_E_CORRUPT, "another region was handed out than was named");
    if (!rc && uv_poll_init(g->realm->o.loop, &g->poll, g->fd) < 0)
        rc = tarn_error_set(err, TARN_E_IO, "cannot watch a socket");
    if (rc)
        return rc;
    g->poll.data = g;
    g->polling = true;
    (void)uv_poll_start(&g->poll, UV_READABLE, on_packets);
    return 0;
}

/* ---- generations: going ----------------------------------------------------------------------------------------- */

static void leave(struct api_generation *g)
{
    g->state = API_LEAVING;
    g->ask.verb = TARN_ASK_DETACH;
    if (!tarn_handoff_put(g->realm->o.ingest, &g->ask.node))
        generation_end(g); /* there is no ingest thread any more */
}

static void leave_if_unread(struct api_generation *g)
{
    if (g->state == API_OLD && !g->snapshots)
        leave(g);
}

static void make_current(struct api_generation *g)
{
    struct api_realm *r = g->realm;
    struct api_generation *old = r->current;

    g->state = API_CURRENT;
    r->failing = false;
    r->current = g;
    r->counters.attached++;
    if (old) {
        old->state = API_OLD;
        leave_if_unread(old);
    }
    api_realm_turn(r); /* which lets go of the old one's base */
}

static void on_attached(struct api_generation *g)
{
    struct api_realm *r = g->realm;
    struct tarn_error err = g->ask.error;

    r->asking = false;
    if (err.code) {
        if (err.code != TARN_E_CLOSED && !r->closing)
            say_once(r, &err);
        tarn_pin_page_free(g->ask.page); /* not taken over */
        generation_end(g);
        return;
    }
    g->ask.page = NULL; /* the writer's */
    if (r->closing || map_region(g, &err)) {
        if (err.code)
            say_once(r, &err);
        leave(g);
        return;
    }
    make_current(g);
}

static void on_answer(void *ctx, struct tarn_handoff_node *node)
{
    struct api_generation *g = (struct api_generation *)(void *)node;

    (void)ctx;
    if (g->ask.verb == TARN_ASK_ATTACH)
        on_attached(g);
    else
        generation_end(g);
}

/* ---- snapshots --------------------------------------------------------------------------------------------------- */

static struct api_snapshot *snapshot_new(struct api_realm *r)
{
    struct api_generation *g = r->current;
    struct api_snapshot *s = calloc(1, sizeof *s);
    struct tarn_pin_line *line;

    if (!s || tarn_pin_claim(g->page, &line)) {
        free(s);
        return NULL;
    }
    tarn_reader_begin(&s->r, &g->view, line);
    s->g = g;
    s->refs = 1;
    g->snapshots++;
    r->newest = s;
    return s;
}

struct api_snapshot *api_realm_snapshot(struct api_realm *r)
{
    struct api_snapshot *s = r->newest;

    if (!r->current || r->closing)
        return NULL;
    if (s && s->g == r->current && s->r.seq == tarn_region_view_commit(&s->g->view) && tarn_reader_check(&s->r) == 0)
        return api_snapshot_ref(s);
    return snapshot_new(r);
}

struct api_snapshot *api_snapshot_ref(struct api_snapshot *s)
{
    s->refs++;
    return s;
}

void api_snapshot_unref(struct api_snapshot *s)
{
    struct api_generation *g;
    struct tarn_pin_line *line;

    if (!s || --s->refs)
        return;
    g = s->g;
    line = s->r.line;
    tarn_reader_end(&s->r);
    tarn_pin_release(g->page, line);
    if (g->realm->newest == s)
        g->realm->newest = NULL;
    free(s);
    g->snapshots--;
    leave_if_unread(g);
}

/* ---- questions --------------------------------------------------------------------------------------------------- */

const char *api_realm_name(const struct api_realm *r)
{
    return r->name;
}

bool api_realm_is_attached(const struct api_realm *r)
{
    return r->current != NULL;
}

struct tarn_bytes api_resource_name(struct tarn_bytes group, struct tarn_bytes resource, char *buf)
{
    int n = snprintf(buf, TARN_REGION_NAME_MAX + 1, "%.*s%s%.*s", TARN_BYTES_ARG(resource), group.len ? "." : "", TARN_BYTES_ARG(group));

    return (struct tarn_bytes){.data = buf, .len = n > 0 && n <= (int)TARN_REGION_NAME_MAX ? (size_t)n : 0};
}

bool api_realm_has(struct api_realm *r, struct tarn_bytes group, struct tarn_bytes resource)
{
    char name[TARN_REGION_NAME_MAX + 1];
    struct tarn_bytes key = api_resource_name(group, resource, name);
    struct api_snapshot *s = key.len ? api_realm_snapshot(r) : NULL;
    struct tarn_resource_info info;
    bool has = s && tarn_reader_resource(&s->r, key, &info) == 0 && info.kind.len;

    api_snapshot_unref(s);
    return has;
}

void api_realm_wait(struct api_realm *r, struct api_commit_waiter *w)
{
    LIST_INSERT_HEAD(&r->waiters, w, link);
    w->waiting = true;
    api_follow_arm(r);
}

void api_realm_wait_end(struct api_commit_waiter *w)
{
    if (w->waiting)
        LIST_REMOVE(w, link);
    w->waiting = false;
}

uv_loop_t *api_realm_loop(const struct api_realm *r)
{
    return r->o.loop;
}

const struct api_realm_counters *api_realm_counters(const struct api_realm *r)
{
    return &r->counters;
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

static void on_answers_closed(uv_handle_t *h);

/* Memory goes with the last generation, the last watch and the last handle. */
static void look_closed(struct api_realm *r)
{
    if (!r->closing || !LIST_EMPTY(&r->generations) || r->watches)
        return;
    if (r->answers.open) {
        tarn_handoff_close(&r->answers, on_answers_closed);
        return;
    }
    if (r->handles)
        return;
    tarn_handoff_release(&r->answers);
    api_follow_free(r);
    if (r->closed)
        r->closed(r->ctx);
    free(r);
}

static void on_answers_closed(uv_handle_t *h)
{
    struct tarn_handoff *answers = h->data;
    struct api_realm *r = answers->ctx;

    r->handles--;
    look_closed(r);
}

void api_realm_hold(struct api_realm *r)
{
    r->watches++;
    api_follow_arm(r);
}

void api_realm_let_go(struct api_realm *r)
{
    r->watches--;
    look_closed(r);
}

static void on_handle_closed(uv_handle_t *h)
{
    struct api_realm *r = h->data;

    r->handles--;
    look_closed(r);
}

static void on_tick(uv_timer_t *tick)
{
    struct api_realm *r = tick->data;

    follow_generation(r);
    api_realm_turn(r);
    api_follow_tick(r, uv_now(r->o.loop));
}

int api_realm_new(const struct api_realm_options *o, struct api_realm **ret, struct tarn_error *err)
{
    struct api_realm *r = calloc(1, sizeof *r);
    int rc;

    if (!r)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    r->o = *o;
    r->o.history_bytes = o->history_bytes ? o->history_bytes : 8u << 20;
    r->o.history_entries = o->history_entries ? o->history_entries : 65536;
    r->o.queue_bytes = o->queue_bytes ? o->queue_bytes : 16u << 20;
    (void)snprintf(r->name, sizeof r->name, "%s", o->name);
    r->o.name = r->name;
    rc = tarn_handoff_init(&r->answers, o->loop, on_answer, r);
    if (rc < 0) {
        free(r);
        return tarn_error_set(err, TARN_E_IO, "event loop: %s", uv_strerror(rc));
    }
    (void)uv_timer_init(o->loop, &r->tick);
    (void)uv_idle_init(o->loop, &r->again);
    r->tick.data = r->again.data = r;
    r->handles = 3;
    (void)uv_timer_start(&r->tick, on_tick, TICK_MS, TICK_MS);
    attach(r);
    *ret = r;
    return 0;
}

void api_realm_close(struct api_realm *r, void (*closed)(void *ctx), void *ctx)
{
    r->closing = true;
    r->closed = closed;
    r->ctx = ctx;
    uv_close((uv_handle_t *)&r->tick, on_handle_closed);
    uv_close((uv_handle_t *)&r->again, on_handle_closed);
    while (!LIST_EMPTY(&r->waiters)) /* they give up by themselves, and must not look for r then */
        api_realm_wait_end(LIST_FIRST(&r->waiters));
    api_follow_end(r);
    if (r->current) {
        r->current->state = API_OLD;
        leave_if_unread(r->current);
        r->current = NULL;
    }
    look_closed(r);
}
