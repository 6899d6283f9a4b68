/* Waiting: until a commit, a sync, a resourceVersion.
 *
 * The idea: the doorbell is one byte on the one socket, so one thread leads: it arms, polls and reads for all; the
 * others wait for its broadcast and then look at their own condition. While the agent is away, the leader's sleep ends
 * early enough to go on with attaching again.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#include "internal.h"

enum { AWAY_MS = 50 }; /* longest sleep while the session is stale: a handshake wants its next step */

static const struct tarn_region_header *header_of(const struct tarn_session *s)
{
    return (const struct tarn_region_header *)(const void *)s->view.base;
}

static uint64_t deadline_of(uint32_t timeout_ms)
{
    return timeout_ms == TARN_WAIT_FOREVER ? UINT64_MAX : tarn_clock_ms() + timeout_ms;
}

static int poll_ms(uint64_t deadline_ms, bool stale)
{
    uint64_t now = tarn_clock_ms(), left = deadline_ms > now ? deadline_ms - now : 0;

    if (stale && left > AWAY_MS)
        left = AWAY_MS;
    return left > INT_MAX ? INT_MAX : (int)left;
}

/* The leader's sleep; no lock held, s is referenced. */
static void sleep_leading(struct tarn_session *s, uint64_t seen, uint64_t deadline_ms)
{
    bool stale = tarn_session_stale(s);
    struct pollfd p = {.fd = s->fd, .events = POLLIN};

    if (tarn_pin_arm(s->page, &header_of(s)->commit_seq) > seen && !stale)
        return;
    /* A lost socket is readable for ever: then only time is waited for. */
    if (poll(&p, atomic_load_explicit(&s->lost, memory_order_relaxed) ? 0 : 1, poll_ms(deadline_ms, stale)) > 0)
        (void)tarn_session_drain(s);
}

static void sleep_following(struct tarn_client *c, uint64_t deadline_ms)
{
    struct timespec t = {.tv_sec = (time_t)(deadline_ms / 1000), .tv_nsec = (long)(deadline_ms % 1000) * 1000000};

    if (deadline_ms == UINT64_MAX)
        (void)pthread_cond_wait(&c->woken, &c->lock);
    else
        (void)pthread_cond_timedwait(&c->woken, &c->lock, &t);
}

void tarn_client_sleep(struct tarn_client *c, uint64_t seen, uint64_t deadline_ms)
{
    struct tarn_session *s;

    if (c->leading) {
        sleep_following(c, deadline_ms);
        return;
    }
    c->leading = true;
    s = tarn_session_ref(atomic_load_explicit(&c->session, memory_order_relaxed));
    pthread_mutex_unlock(&c->lock);
    sleep_leading(s, seen, deadline_ms);
    tarn_session_unref(s, false);
    pthread_mutex_lock(&c->lock);
    c->leading = false;
    pthread_cond_broadcast(&c->woken);
    tarn_client_look(c);
}

/* Until something newer than commit `seen` of session `id` is there. */
static int wait_past(struct tarn_client *c, uint64_t id, uint64_t seen, uint64_t deadline_ms)
{
    int r = TARN_E_AGAIN;

    pthread_mutex_lock(&c->lock);
    while (r == TARN_E_AGAIN) {
        struct tarn_session *now = atomic_load_explicit(&c->session, memory_order_relaxed);

        if (now->id != id || tarn_region_view_commit(&now->view) > seen)
            r = 0;
        else if (tarn_clock_ms() >= deadline_ms)
            r = TARN_E_TIMEOUT;
        else
            tarn_client_sleep(c, seen, deadline_ms);
    }
    pthread_mutex_unlock(&c->lock);
    return r;
}

int tarn_wait_commit(struct tarn_client *c, uint64_t commit, uint32_t timeout_ms)
{
    uint64_t id;

    if (client_forked(c))
        return TARN_E_FORKED;
    pthread_mutex_lock(&c->lock);
    id = atomic_load_explicit(&c->session, memory_order_relaxed)->id;
    pthread_mutex_unlock(&c->lock);
    return wait_past(c, id, commit, deadline_of(timeout_ms));
}

/* ---- conditions on a snapshot --------------------------------------------------------------------- */

/* What is waited for. holds: 0: it does; TARN_E_AGAIN: not yet (err: what to say at a timeout); else it cannot. */
struct wait {
    int (*holds)(const struct wait *w, struct tarn_snapshot *s, struct tarn_error *err);
    const char *resource; /* NULL: every one */
    uint64_t rv;
};

static int wait_for(struct tarn_client *c, const struct wait *w, uint32_t timeout_ms, struct tarn_error *err)
{
    uint64_t deadline_ms = deadline_of(timeout_ms), seen, id;
    struct tarn_error why = {0};
    struct tarn_snapshot *s;
    int r;

    do {
        r = tarn_snapshot_open(c, &s, &why);
        if (r != 0)
            break;
        r = w->holds(w, s, &why);
        seen = tarn_snapshot_commit(s);
        id = s->session->id;
        (void)tarn_snapshot_close(s);
        if (r != TARN_E_AGAIN)
            break;
        r = wait_past(c, id, seen, deadline_ms);
    } while (r == 0);
    return r == 0 ? 0 : tarn_error_set(err, r, "%s", why.message[0] ? why.message : tarn_strerror(r));
}

/* ---- synced ------------------------------------------------------------------------------------------ */

/* Does the agent's last error say that asking again will not help? Its text carries the HTTP code of the Status: "... (403 Forbidden)". */
static bool is_refusal(struct tarn_bytes text)
{
    static const char *const codes[] = {"(401 ", "(403 ", "(404 ", "(405 "};

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (text.len && memmem(text.data, text.len, codes[i], strlen(codes[i])))
            return true;
    return false;
}

static int one_synced(const struct tarn_resource *res, struct tarn_error *err)
{
    if (res->synced)
        return 0;
    if (is_refusal(res->last_error))
        return tarn_error_set(err, TARN_E_STATUS, "%.*s cannot sync: %.*s", TARN_BYTES_ARG(res->name),
                              TARN_BYTES_ARG(res->last_error));
    if (res->last_error.len)
        tarn_error_set(err, TARN_E_TIMEOUT, "%.*s have not synced yet; the agent's last error: %.*s", TARN_BYTES_ARG(res->name),
                       TARN_BYTES_ARG(res->last_error));
    else
        tarn_error_set(err, TARN_E_TIMEOUT, "%.*s have not synced yet; the agent is still fetching the first list",
                       TARN_BYTES_ARG(res->name));
    return TARN_E_AGAIN;
}

static int all_synced(struct tarn_snapshot *s, struct tarn_error *err)
{
    struct tarn_resource res;
    int r = 0, got;

    for (unsigned n = 0; (got = tarn_resource_at(s, n, &res)) == 0; n++) {
        int one = one_synced(&res, err);

        if (one != 0 && one != TARN_E_AGAIN)
            return one;
        r = one ? one : r;
    }
    return got == TARN_E_NOTFOUND ? r : got;
}

static int is_synced(const struct wait *w, struct tarn_snapshot *s, struct tarn_error *err)
{
    struct tarn_resource res;
    int r;

    if (!w->resource)
        return all_synced(s, err);
    r = tarn_resource_find(s, w->resource, &res, err);
    return r == 0 ? one_synced(&res, err) : r;
}

int tarn_wait_synced(struct tarn_client *c, const char *resource, uint32_t timeout_ms, struct tarn_error *err)
{
    return wait_for(c, &(struct wait){.holds = is_synced, .resource = resource}, timeout_ms, err);
}

/* ---- a resourceVersion -------------------------------------------------------------------------------- */

static bool parse_rv(struct tarn_bytes text, uint64_t *ret)
{
    uint64_t v = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || v > (UINT64_MAX - 9) / 10)
            return false;
        v = v * 10 + (uint64_t)(text.data[i] - '0');
    }
    *ret = v;
    return text.len > 0;
}

static int has_reached(const struct wait *w, struct tarn_snapshot *s, struct tarn_error *err)
{
    struct tarn_resource res;
    uint64_t have;
    int r = tarn_resource_find(s, w->resource, &res, err);

    if (r != 0)
        return r;
    if (parse_rv(res.resource_version, &have) && have >= w->rv)
        return 0;
    tarn_error_set(err, TARN_E_TIMEOUT, "%.*s are at resourceVersion '%.*s', not yet at %llu", TARN_BYTES_ARG(res.name),
                   TARN_BYTES_ARG(res.resource_version), (unsigned long long)w->rv);
    return TARN_E_AGAIN;
}

int tarn_wait_rv(struct tarn_client *c, const char *resource, const char *resource_version, uint32_t timeout_ms,
                 struct tarn_error *err)
{
    struct wait w = {.holds = has_reached, .resource = resource};

    if (!parse_rv(tarn_bytes_of(resource_version), &w.rv))
        return tarn_error_set(err, TARN_E_INVAL, "resourceVersion '%s' is not a number that can be compared", resource_version);
    return wait_for(c, &w, timeout_ms, err);
}
