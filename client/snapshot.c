/* Snapshots: open and close in a few nanoseconds, from a pool.
 *
 * The idea: a snapshot stays bound to its session and pin line after it was closed, at the hand of the thread that closed
 * it. Opening takes it with one exchange, stores the pin, and is done. The slow path (another thread, a second
 * snapshot, another session) takes the client's lock, never waits for the agent.
 */
#include "internal.h"

#include <stdlib.h>

enum {
    AT_HAND = 4,      /* clients per thread whose idle snapshot is found without the lock */
    STEAL_ABOVE = 32, /* bound snapshots from which on idle ones of other threads are taken over */
};

/* A thread's idle snapshots. The pointer is good only while a client of that id exists and says so. */
struct at_hand {
    uint64_t client;
    struct tarn_snapshot *s;
};
static _Thread_local struct at_hand at_hand[AT_HAND] __attribute__((tls_model("initial-exec")));

static struct at_hand *hand_of(const struct tarn_client *c)
{
    return &at_hand[c->id % AT_HAND];
}

/* IDLE -> OPEN; false if someone else was faster. acquire: see tarn_snapshot.state. */
static bool take(struct tarn_snapshot *s)
{
    int idle = SNAPSHOT_IDLE;

    return atomic_compare_exchange_strong_explicit(&s->state, &idle, SNAPSHOT_OPEN, memory_order_acquire,
                                                   memory_order_relaxed);
}

void tarn_snapshot_free(struct tarn_snapshot *s)
{
    tarn_snapshot_forget(s);
    while (s->resources) {
        struct snapshot_resource *next = s->resources->next;

        free(s->resources->alias);
        free(s->resources);
        s->resources = next;
    }
    free(s);
}

/* ---- binding, under the client's lock -------------------------------------------------------------- */

static void unbind(struct tarn_client *c, struct tarn_snapshot *s)
{
    tarn_pin_release(s->session->page, s->line);
    tarn_session_unref(s->session, false);
    s->session = NULL;
    s->line = NULL;
    for (struct snapshot_resource *e = s->resources; e; e = e->next)
        e->seq = 0;
    c->nbound--;
    atomic_store_explicit(&s->state, SNAPSHOT_FREE, memory_order_relaxed);
    s->next_free = c->free;
    c->free = s;
}

void tarn_client_sweep(struct tarn_client *c, bool all)
{
    struct tarn_session *current = atomic_load_explicit(&c->session, memory_order_relaxed);

    for (struct tarn_snapshot *s = c->snapshots; s; s = s->next)
        if (take(s)) {
            if (all || s->session != current) {
                tarn_snapshot_forget(s);
                unbind(c, s);
            } else {
                atomic_store_explicit(&s->state, SNAPSHOT_IDLE, memory_order_release);
            }
        }
}

static struct tarn_snapshot *steal(struct tarn_client *c)
{
    struct tarn_session *current = atomic_load_explicit(&c->session, memory_order_relaxed);

    for (struct tarn_snapshot *s = c->snapshots; s; s = s->next)
        if (take(s)) {
            if (s->session == current)
                return s;
            unbind(c, s);
        }
    return NULL;
}

static struct tarn_snapshot *pool_take(struct tarn_client *c)
{
    struct tarn_snapshot *s = c->free;

    if (s) {
        c->free = s->next_free;
        return s;
    }
    s = aligned_alloc(64, (sizeof *s + 63) / 64 * 64);
    if (!s)
        return NULL;
    *s = (struct tarn_snapshot){.client = c, .fork_count = c->fork_count, .copy = c->copy, .next = c->snapshots};
    atomic_init(&s->state, SNAPSHOT_FREE);
    c->snapshots = s;
    c->nsnapshots++;
    return s;
}

/* Bind a free one to the current session. */
static int bind(struct tarn_client *c, struct tarn_snapshot **ret)
{
    struct tarn_session *session = atomic_load_explicit(&c->session, memory_order_relaxed);
    struct tarn_pin_line *line;
    struct tarn_snapshot *s;
    int r = tarn_pin_claim(session->page, &line);

    if (r != 0)
        return r;
    s = pool_take(c);
    if (!s) {
        tarn_pin_release(session->page, line);
        return TARN_E_NOMEM;
    }
    s->session = tarn_session_ref(session);
    s->line = line;
    c->nbound++;
    atomic_store_explicit(&s->state, SNAPSHOT_OPEN, memory_order_relaxed);
    *ret = s;
    return 0;
}

static int open_slowly(struct tarn_client *c, struct tarn_snapshot **ret)
{
    struct tarn_snapshot *s = NULL;
    int r = 0;

    pthread_mutex_lock(&c->lock);
    if (tarn_clock_coarse_ms() >= atomic_load_explicit(&c->next_look_ms, memory_order_relaxed))
        tarn_client_look(c);
    if (c->nbound > STEAL_ABOVE)
        s = steal(c);
    if (!s)
        r = bind(c, &s);
    if (r == TARN_E_LIMIT && (s = steal(c)))
        r = 0;
    pthread_mutex_unlock(&c->lock);
    *ret = s;
    return r;
}

/* ---- open and close ---------------------------------------------------------------------------- */

/* The snapshot at this thread's hand, if it is idle and nothing needs a look. */
static struct tarn_snapshot *open_fast(struct tarn_client *c)
{
    struct at_hand *h = hand_of(c);
    struct tarn_snapshot *s = h->client == c->id ? h->s : NULL;

    if (!s || tarn_clock_coarse_ms() >= atomic_load_explicit(&c->next_look_ms, memory_order_relaxed) || !take(s))
        return NULL;
    /* relaxed: only the pointer is compared; s has a reference of its own to what it points to. */
    if (s->session == atomic_load_explicit(&c->session, memory_order_relaxed) && !tarn_session_stale(s->session))
        return s;
    atomic_store_explicit(&s->state, SNAPSHOT_IDLE, memory_order_release);
    return NULL;
}

int tarn_snapshot_open(struct tarn_client *c, struct tarn_snapshot **ret, struct tarn_error *err)
{
    struct tarn_snapshot *s;
    int r;

    if (client_forked(c))
        return tarn_error_set(err, TARN_E_FORKED, "this client belongs to the parent process; open one in the child");
    s = open_fast(c);
    if (!s && (r = open_slowly(c, &s)) != 0)
        return tarn_error_set(err, r, "cannot open a snapshot: %s",
                              r == TARN_E_LIMIT ? "every pin line of this client is in use; close snapshots" : tarn_strerror(r));
    tarn_reader_begin(&s->r, &s->session->view, s->line);
    *ret = s;
    return 0;
}

static void close_slowly(struct tarn_client *c, struct tarn_snapshot *s)
{
    pthread_mutex_lock(&c->lock);
    unbind(c, s);
    tarn_client_unlock_last(c);
}

/* Leave s at this thread's hand, unless another one is there already or it belongs to the past. */
static bool keep_at_hand(struct tarn_client *c, struct tarn_snapshot *s)
{
    struct at_hand *h = hand_of(c);
    bool other = h->client == c->id && h->s != s &&
                 atomic_load_explicit(&h->s->state, memory_order_relaxed) == SNAPSHOT_IDLE;

    if (other || s->session != atomic_load_explicit(&c->session, memory_order_relaxed))
        return false;
    *h = (struct at_hand){c->id, s};
    atomic_store_explicit(&s->state, SNAPSHOT_IDLE, memory_order_release);
    return true;
}

int tarn_snapshot_close(struct tarn_snapshot *s)
{
    int r;

    if (!s)
        return 0;
    if (snapshot_forked(s)) /* the pin is the parent's; its memory goes with tarn_client_close */
        return TARN_E_FORKED;
    r = tarn_reader_check(&s->r);
    tarn_snapshot_forget(s);
    tarn_reader_end(&s->r);
    if (!keep_at_hand(s->client, s))
        close_slowly(s->client, s);
    return r;
}

/* ---- facts and states ---------------------------------------------------------------------------- */

int tarn_snapshot_check(const struct tarn_snapshot *s)
{
    SNAPSHOT_ENTER(s);
    return tarn_reader_check(&s->r);
}

int tarn_snapshot_park(struct tarn_snapshot *s, bool parked)
{
    SNAPSHOT_ENTER(s);
    if (parked)
        tarn_reader_park(&s->r);
    else
        tarn_reader_unpark(&s->r);
    return tarn_reader_check(&s->r);
}

uint64_t tarn_snapshot_commit(const struct tarn_snapshot *s)
{
    return s->r.seq;
}

uint64_t tarn_snapshot_generation(const struct tarn_snapshot *s)
{
    return s->session->view.generation;
}

int tarn_snapshot_note(struct tarn_snapshot *s, int code)
{
    if (code == TARN_E_CORRUPT) {
        tarn_session_suspect(s->session, s->r.seq);
        atomic_store_explicit(&s->client->next_look_ms, 0, memory_order_relaxed);
    }
    return code;
}
