/* The client: attach, notice that the agent is gone or newer, attach again without disturbing anyone. See client.h.
 *
 * The idea: nobody waits for the agent after tarn_client_open. Whoever opens a snapshot when a look is due reads the
 * socket and takes one step of a handshake that goes on over several calls; until a new session is there the old
 * one serves. Snapshots hold a reference to the session they were opened on.
 */
#include "internal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <tarn/runtime.h>

enum {
    TIMEOUT_MS = 5000,
    LOOK_MS = 200,       /* how often an opening snapshot looks after the agent */
    LOOK_AGAIN_MS = 10,  /* ... while a handshake is under way */
    BACKOFF_MIN_MS = 100,
    BACKOFF_MAX_MS = 2000,
    BUSY_WAIT_MS = 10, /* between tries while the agent's queue is full */
};

static uint64_t clock_read(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t tarn_clock_ms(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

uint64_t tarn_clock_coarse_ms(void)
{
    return clock_read(CLOCK_MONOTONIC_COARSE);
}

/* ---- open and close ---------------------------------------------------------------------------- */

/* An option, or the environment's value, or the default. */
static char *setting(const char *option, const char *variable, const char *otherwise)
{
    const char *env = option ? NULL : secure_getenv(variable);

    return strdup(option ? option : env && *env ? env : otherwise);
}

static bool copying_asked(const struct tarn_client_options *o)
{
    const char *env = secure_getenv("TARN_COPY");

    return o->copy || (env && strcmp(env, "1") == 0);
}

static void client_free(struct tarn_client *c)
{
    if (!c)
        return;
    pthread_cond_destroy(&c->woken);
    pthread_mutex_destroy(&c->lock);
    free(c->path);
    free(c->realm);
    free(c);
}

static struct tarn_client *client_new(const struct tarn_client_options *o)
{
    static _Atomic uint64_t last_id;
    struct tarn_client *c = calloc(1, sizeof *c);
    pthread_condattr_t monotonic;

    if (!c)
        return NULL;
    /* relaxed: only uniqueness counts. */
    c->id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
    c->fork_count = atomic_load_explicit(&tarn_fork_count, memory_order_relaxed);
    c->timeout_ms = o->timeout_ms ? o->timeout_ms : TIMEOUT_MS;
    c->copy = copying_asked(o);
    c->handshake.fd = -1;
    c->backoff_ms = BACKOFF_MIN_MS;
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&c->woken, &monotonic);
    pthread_condattr_destroy(&monotonic);
    c->path = setting(o->socket, TARN_SOCKET_ENV, TARN_CLIENT_SOCKET_DEFAULT);
    c->realm = setting(o->realm, "TARN_REALM", TARN_CLIENT_REALM_DEFAULT);
    if (!c->path || !c->realm) {
        client_free(c);
        return NULL;
    }
    return c;
}

/* Begin until the agent's queue has room. */
static int begin_within(struct tarn_client *c, uint64_t deadline_ms, struct tarn_error *err)
{
    int r;

    while ((r = tarn_handshake_begin(&c->handshake, c->path, c->realm, deadline_ms, err)) == TARN_E_AGAIN) {
        if (tarn_clock_ms() >= deadline_ms)
            return tarn_error_set(err, TARN_E_TIMEOUT, "the agent at %s is busy: its queue of new connections stays full", c->path);
        (void)poll(NULL, 0, BUSY_WAIT_MS);
    }
    return r;
}

/* The whole handshake, waiting. */
static int attach_within(struct tarn_client *c, uint64_t deadline_ms, struct tarn_session **ret, struct tarn_error *err)
{
    int r = begin_within(c, deadline_ms, err);

    if (r != 0)
        return r;
    while ((r = tarn_handshake_step(&c->handshake, ret, err)) == TARN_E_AGAIN) {
        struct pollfd p = {.fd = c->handshake.fd, .events = POLLIN};
        uint64_t now = tarn_clock_ms();

        (void)poll(&p, 1, now < deadline_ms ? (int)(deadline_ms - now) : 0);
    }
    return r;
}

int tarn_client_open(const struct tarn_client_options *options, struct tarn_client **ret, struct tarn_error *err)
{
    static const struct tarn_client_options defaults;
    const struct tarn_client_options *o = options ? options : &defaults;
    struct tarn_session *session = NULL;
    struct tarn_client *c;
    int r;

    tarn_fork_watch();
    c = client_new(o);
    if (!c)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory while attaching");
    r = attach_within(c, tarn_clock_ms() + c->timeout_ms, &session, err);
    if (r != 0) {
        client_free(c);
        return r;
    }
    atomic_init(&c->session, session);
    atomic_init(&c->next_look_ms, tarn_clock_coarse_ms() + LOOK_MS);
    c->attachments = 1;
    *ret = c;
    return 0;
}

static void client_dispose(struct tarn_client *c)
{
    struct tarn_snapshot *s = c->snapshots;

    while (s) {
        struct tarn_snapshot *next = s->next;

        tarn_snapshot_free(s);
        s = next;
    }
    client_free(c);
}

void tarn_client_unlock_last(struct tarn_client *c)
{
    bool last = c->closed && c->nbound == 0;

    pthread_mutex_unlock(&c->lock);
    if (last)
        client_dispose(c);
}

/* A child's copy: nothing of it is the child's but memory and a descriptor. */
static void close_in_child(struct tarn_client *c)
{
    struct tarn_session *session = atomic_load_explicit(&c->session, memory_order_relaxed);

    while (c->snapshots) {
        struct tarn_snapshot *next = c->snapshots->next;

        if (c->snapshots->session)
            tarn_session_unref(c->snapshots->session, true);
        tarn_snapshot_free(c->snapshots);
        c->snapshots = next;
    }
    tarn_session_unref(session, true);
    tarn_session_unref(c->successor, true);
    tarn_handshake_cancel(&c->handshake);
    free(c->path);
    free(c->realm);
    free(c); /* lock and condition may be in any state: not destroyed */
}

void tarn_client_close(struct tarn_client *c)
{
    if (!c)
        return;
    if (client_forked(c)) {
        close_in_child(c);
        return;
    }
    pthread_mutex_lock(&c->lock);
    c->closed = true;
    tarn_handshake_cancel(&c->handshake);
    tarn_client_sweep(c, true);
    tarn_session_unref(c->successor, false);
    tarn_session_unref(atomic_exchange_explicit(&c->session, NULL, memory_order_relaxed), false);
    tarn_client_unlock_last(c);
}

/* ---- looking after the agent -------------------------------------------------------------------- */

static void attempt_failed(struct tarn_client *c, const struct tarn_error *err)
{
    c->last_error = *err;
    c->next_attempt_ms = tarn_clock_ms() + c->backoff_ms;
    c->backoff_ms = c->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : c->backoff_ms * 2;
}

/* Is it the same region that we have? Then the agent has nothing newer for us yet. */
static bool same_region(const struct tarn_session *a, const struct tarn_session *b)
{
    return a->view.generation == b->view.generation && memcmp(a->view.instance, b->view.instance, sizeof a->view.instance) == 0;
}

static void session_switch(struct tarn_client *c, struct tarn_session *fresh)
{
    struct tarn_session *old = atomic_load_explicit(&c->session, memory_order_relaxed);

    /* release: a snapshot that compares equal has its own reference; the store itself needs no partner. */
    atomic_store_explicit(&c->session, fresh, memory_order_release);
    c->attachments++;
    c->backoff_ms = BACKOFF_MIN_MS;
    c->last_error = (struct tarn_error){0};
    c->successor = NULL;
    tarn_client_sweep(c, false);
    tarn_session_unref(old, false);
    pthread_cond_broadcast(&c->woken);
}

/* Take the new region's place as soon as that is due; true while it waits. */
static bool successor_go_on(struct tarn_client *c)
{
    struct tarn_session *old = atomic_load_explicit(&c->session, memory_order_relaxed), *fresh = c->successor;

    (void)tarn_session_drain(fresh);
    if (tarn_session_stale(fresh)) { /* another one will come */
        c->successor = NULL;
        tarn_session_unref(fresh, false);
        return false;
    }
    if (same_region(old, fresh) || tarn_successor_is_due(old, fresh, tarn_clock_ms() - c->successor_since_ms)) {
        session_switch(c, fresh);
        return false;
    }
    tarn_error_set(&c->last_error, TARN_E_AGAIN, "the agent at %s has started again and not caught up yet; the state before is shown", c->path);
    return true;
}

/* One step of a handshake; true when it goes on. */
static bool handshake_go_on(struct tarn_client *c)
{
    struct tarn_session *old = atomic_load_explicit(&c->session, memory_order_relaxed), *fresh = NULL;
    struct tarn_error err = {0};
    int r = tarn_handshake_step(&c->handshake, &fresh, &err);

    if (r == TARN_E_AGAIN)
        return true;
    if (r == 0 && same_region(old, fresh) && !atomic_load_explicit(&old->lost, memory_order_relaxed)) {
        tarn_session_unref(fresh, false);
        r = tarn_error_set(&err, TARN_E_AGAIN, "the agent at %s still serves the region we have", c->path);
    }
    if (r != 0) {
        attempt_failed(c, &err);
        return false;
    }
    c->successor = fresh;
    c->successor_since_ms = tarn_clock_ms();
    return successor_go_on(c);
}

static bool handshake_start(struct tarn_client *c)
{
    struct tarn_error err = {0};
    uint64_t now = tarn_clock_ms();

    if (now < c->next_attempt_ms)
        return false;
    if (tarn_handshake_begin(&c->handshake, c->path, c->realm, now + c->timeout_ms, &err) != 0) {
        attempt_failed(c, &err);
        return false;
    }
    return handshake_go_on(c);
}

void tarn_client_look(struct tarn_client *c)
{
    struct tarn_session *s = atomic_load_explicit(&c->session, memory_order_relaxed);
    bool going_on = false;

    if (!c->leading)
        (void)tarn_session_drain(s); /* a leader reads the socket itself, and may not miss a doorbell */
    if (c->successor)
        going_on = successor_go_on(c);
    else if (c->handshake.fd >= 0)
        going_on = handshake_go_on(c);
    else if (tarn_session_stale(s))
        going_on = handshake_start(c);
    /* relaxed: any thread may look early or late. */
    atomic_store_explicit(&c->next_look_ms, tarn_clock_coarse_ms() + (going_on ? LOOK_AGAIN_MS : LOOK_MS), memory_order_relaxed);
}

/* ---- facts ---------------------------------------------------------------------------------------- */

static uint64_t age_ms(uint64_t then_ns)
{
    uint64_t now = tarn_clock_ms(), then = then_ns / 1000000;

    return then_ns == 0 ? UINT64_MAX : now > then ? now - then : 0;
}

static void info_fill(const struct tarn_client *c, const struct tarn_session *s, struct tarn_client_info *ret)
{
    struct tarn_region_facts f;

    tarn_region_view_facts(&s->view, &f);
    *ret = (struct tarn_client_info){
        .agent_alive = !atomic_load_explicit(&s->lost, memory_order_relaxed),
        .agent_stopped = f.agent_state == TARN_AGENT_STOPPED,
        .superseded = f.superseded != 0 || atomic_load_explicit(&s->superseded, memory_order_relaxed),
        .heartbeat_age_ms = age_ms(f.heartbeat_ns),
        .commit_age_ms = age_ms(f.commit_ns),
        .commit = f.commit_seq,
        .horizon = f.horizon,
        .generation = f.generation,
        .created_ns = f.created_ns,
        .region_bytes = f.size,
        .live_bytes = f.live_bytes,
        .free_bytes = f.free_bytes,
        .retired_bytes = f.retired_bytes,
        .objects = f.objects,
        .log_head = f.log_head,
        .log_floor = f.log_floor,
        .revocations = f.revocations,
        .refused_writes = f.refused,
        .over_budget = f.over_budget != 0,
        .abi_major = f.abi_major,
        .abi_minor = f.abi_minor,
        .attachments = c->attachments,
        .last_error = c->last_error.code,
    };
    memcpy(ret->instance, f.instance, sizeof ret->instance);
    snprintf(ret->socket, sizeof ret->socket, "%s", c->path);
    snprintf(ret->realm, sizeof ret->realm, "%s", c->realm);
    snprintf(ret->agent, sizeof ret->agent, "%s", s->agent);
    snprintf(ret->last_error_message, sizeof ret->last_error_message, "%.255s", c->last_error.message);
}

int tarn_client_info(struct tarn_client *c, struct tarn_client_info *ret)
{
    if (client_forked(c))
        return TARN_E_FORKED;
    pthread_mutex_lock(&c->lock);
    tarn_client_look(c);
    info_fill(c, atomic_load_explicit(&c->session, memory_order_relaxed), ret);
    pthread_mutex_unlock(&c->lock);
    return 0;
}
