/* Informers: an attachment of its own, a descriptor that says when to look, and the turn over all watches. See informer.h.
 *
 * The descriptor is an epoll set of three: the attach socket (doorbells; exchanged after attaching again), a timer (resync, the next step
 * of attaching, work left over) and an eventfd for stop.
 */
#include <tarn/informer.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "feed.h"

enum {
    AWAY_MS = 50,  /* between looks while the agent is away */
    RETRY_MS = 10, /* after a turn that ended half-way */
};

struct tarn_informer {
    struct tarn_client *client; /* nobody else's: its socket is read here */
    int epoll, timer, stop;
    uint64_t polled;   /* id of the session whose socket is in the set; 0: none */
    struct feed *feeds;
    unsigned last_id;
    bool turning; /* feeds are not freed now */
};

/* ---- life ---------------------------------------------------------------------------------------------- */

static int poll_add(const struct tarn_informer *inf, int fd)
{
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

    return epoll_ctl(inf->epoll, EPOLL_CTL_ADD, fd, &e);
}

static int descriptors_open(struct tarn_informer *inf)
{
    inf->epoll = epoll_create1(EPOLL_CLOEXEC);
    inf->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    inf->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (inf->epoll < 0 || inf->timer < 0 || inf->stop < 0)
        return TARN_E_IO;
    return poll_add(inf, inf->timer) == 0 && poll_add(inf, inf->stop) == 0 ? 0 : TARN_E_IO;
}

static void descriptor_close(int fd)
{
    if (fd >= 0)
        close(fd);
}

void tarn_informer_free(struct tarn_informer *inf)
{
    if (!inf)
        return;
    while (inf->feeds) {
        struct feed *next = inf->feeds->next;

        feed_free(inf->feeds);
        inf->feeds = next;
    }
    descriptor_close(inf->epoll);
    descriptor_close(inf->timer);
    descriptor_close(inf->stop);
    tarn_client_close(inf->client);
    free(inf);
}

int tarn_informer_new(const struct tarn_client_options *options, struct tarn_informer **ret, struct tarn_error *err)
{
    struct tarn_informer *inf = calloc(1, sizeof *inf);
    int r;

    if (!inf)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory while making an informer");
    inf->epoll = inf->timer = inf->stop = -1;
    r = tarn_client_open(options, &inf->client, err);
    if (r == 0 && descriptors_open(inf) != 0)
        r = tarn_error_set(err, TARN_E_IO, "cannot make the informer's descriptors (ulimit -n?)");
    if (r != 0) {
        tarn_informer_free(inf);
        return r;
    }
    *ret = inf;
    return 0;
}

int tarn_informer_watch(struct tarn_informer *inf, const struct tarn_informer_watch *watch, unsigned *ret_id,
                        struct tarn_error *err)
{
    struct feed **last = &inf->feeds;
    int r;

    if (!watch->resource || !*watch->resource)
        return tarn_error_set(err, TARN_E_INVAL, "a watch needs the name of a resource");
    while (*last)
        last = &(*last)->next;
    r = feed_new(watch, inf->last_id + 1, last);
    if (r != 0)
        return tarn_error_set(err, r, "out of memory while watching %s", watch->resource);
    inf->last_id++;
    if (ret_id)
        *ret_id = inf->last_id;
    return 0;
}

static struct feed *feed_find(const struct tarn_informer *inf, unsigned id)
{
    for (struct feed *f = inf->feeds; f; f = f->next)
        if (f->id == id && !f->removed)
            return f;
    return NULL;
}

static void free_removed(struct tarn_informer *inf)
{
    struct feed **at = &inf->feeds;

    while (*at) {
        struct feed *f = *at;

        if (f->removed) {
            *at = f->next;
            feed_free(f);
        } else {
            at = &f->next;
        }
    }
}

void tarn_informer_unwatch(struct tarn_informer *inf, unsigned id)
{
    struct feed *f = feed_find(inf, id);

    if (f)
        f->removed = true;
    if (!inf->turning)
        free_removed(inf);
}

/* ---- the descriptor --------------------------------------------------------------------------------------- */

static struct tarn_session *session_of(const struct tarn_informer *inf)
{
    return atomic_load_explicit(&inf->client->session, memory_order_relaxed);
}

/* Poll the current socket, as long as it is not at its end (then it would be readable for ever). */
static void socket_follow(struct tarn_informer *inf)
{
    struct tarn_session *s = session_of(inf);
    bool lost = atomic_load_explicit(&s->lost, memory_order_relaxed);

    if (inf->polled == s->id && lost) {
        (void)epoll_ctl(inf->epoll, EPOLL_CTL_DEL, s->fd, NULL);
        inf->polled = 0;
    } else if (inf->polled != s->id && !lost) {
        inf->polled = poll_add(inf, s->fd) == 0 || errno == EEXIST ? s->id : 0; /* the old socket left the set when it was closed */
    }
}

/* Milliseconds until something is due without a doorbell; UINT64_MAX: nothing. */
static uint64_t due_in(const struct tarn_informer *inf)
{
    uint64_t now = tarn_clock_ms(), due = UINT64_MAX;

    if (tarn_session_stale(session_of(inf)) || inf->client->handshake.fd >= 0)
        due = AWAY_MS;
    for (const struct feed *f = inf->feeds; f; f = f->next) {
        uint64_t left = f->next_resync_ms > now ? f->next_resync_ms - now : 0;

        if (f->base_broken)
            due = due < RETRY_MS ? due : RETRY_MS;
        if (f->next_resync_ms && left < due)
            due = left;
    }
    return due;
}

/* now: more is to do at once. */
static void timer_set(struct tarn_informer *inf, bool now)
{
    uint64_t ms = now ? 0 : due_in(inf);
    struct itimerspec t = {0};

    if (ms != UINT64_MAX) {
        t.it_value.tv_sec = (time_t)(ms / 1000);
        t.it_value.tv_nsec = (long)(ms % 1000) * 1000000 + 1; /* 0 would disarm it */
    }
    (void)timerfd_settime(inf->timer, 0, &t, NULL);
}

int tarn_informer_fd(const struct tarn_informer *inf)
{
    return inf->epoll;
}

/* ---- a turn --------------------------------------------------------------------------------------------------- */

/* Read the socket, take a step of attaching, and forget that the timer rang. */
static void look(struct tarn_informer *inf)
{
    uint64_t rang;

    (void)!read(inf->timer, &rang, sizeof rang);
    pthread_mutex_lock(&inf->client->lock);
    tarn_client_look(inf->client);
    pthread_mutex_unlock(&inf->client->lock);
    socket_follow(inf);
}

static uint64_t calls(const struct tarn_informer *inf)
{
    uint64_t n = 0;

    for (const struct feed *f = inf->feeds; f; f = f->next)
        n += f->counters.adds + f->counters.updates + f->counters.deletes + f->counters.resyncs;
    return n;
}

/* Every watch once. The first error; the others have had their turn. */
static int turn(struct tarn_informer *inf)
{
    int r = 0;

    inf->turning = true;
    for (struct feed *f = inf->feeds; f; f = f->next) {
        int one = f->removed ? 0 : feed_turn(f, inf->client);

        r = r ? r : one;
    }
    inf->turning = false;
    return r;
}

int tarn_informer_process(struct tarn_informer *inf, struct tarn_error *err)
{
    uint64_t before, seen, made;
    struct tarn_session *s;
    int r;

    if (client_forked(inf->client))
        return tarn_error_set(err, TARN_E_FORKED, "this informer belongs to the parent process; make one in the child");
    look(inf);
    before = calls(inf);
    s = session_of(inf);
    seen = tarn_region_view_commit(&s->view); /* the turn's snapshots are at least as new */
    r = turn(inf);
    made = calls(inf) - before;
    free_removed(inf);
    s = session_of(inf);
    socket_follow(inf);
    timer_set(inf, tarn_pin_arm(s->page, &((const struct tarn_region_header *)(const void *)s->view.base)->commit_seq) > seen);
    if (r != 0)
        return tarn_error_set(err, r, "an informer cannot go on: %s", tarn_strerror(r));
    return made > INT32_MAX ? INT32_MAX : (int)made;
}

static bool stopped(struct tarn_informer *inf)
{
    uint64_t n;

    return read(inf->stop, &n, sizeof n) == sizeof n;
}

int tarn_informer_run(struct tarn_informer *inf, struct tarn_error *err)
{
    struct pollfd p = {.fd = inf->epoll, .events = POLLIN};
    int r = 0;

    while (!stopped(inf)) {
        r = tarn_informer_process(inf, err);
        if (r < 0)
            return r;
        (void)poll(&p, 1, -1);
    }
    return 0;
}

void tarn_informer_stop(struct tarn_informer *inf)
{
    uint64_t one = 1;

    (void)!write(inf->stop, &one, sizeof one);
}

/* ---- facts ------------------------------------------------------------------------------------------------------ */

bool tarn_informer_has_synced(const struct tarn_informer *inf, unsigned id)
{
    const struct feed *f = feed_find(inf, id);

    return f && f->synced;
}

int tarn_informer_counters(const struct tarn_informer *inf, unsigned id, struct tarn_informer_counters *ret)
{
    const struct feed *f = feed_find(inf, id);

    if (!f)
        return TARN_E_NOTFOUND;
    *ret = f->counters;
    return 0;
}

struct tarn_client *tarn_informer_client(struct tarn_informer *inf)
{
    return inf->client;
}
