/* poller.c - poll, replace, wait, for ever. A round that fails changes nothing. */
#include <stdlib.h>

#include <tarn/poller.h>

#include "sync.h"

struct tarn_poller {
    struct tarn_poller_options o;
    struct tarn_backoff backoff;
    uint64_t due_ms; /* of the next poll; UINT64_MAX: one is under way. The driver's thread only. */
    bool staged;     /* a replace of the store is open. The driver's thread only. */

    struct tarn_mutex lock; /* protects what follows; taken inside of no other lock, and no other is taken inside */
    struct tarn_cond wake;
    bool running, stop_asked;
    struct tarn_poller_status st;
};

/* ---- an array as an enumerator ----------------------------------------------------------------- */

static size_t array_len(struct tarn_enumerator *e)
{
    return ((struct tarn_array_enumerator *)e)->n;
}

static const struct tarn_object *array_get(struct tarn_enumerator *e, size_t i)
{
    return ((struct tarn_array_enumerator *)e)->v[i];
}

struct tarn_array_enumerator tarn_array_enumerator_init(const struct tarn_object *const *v, size_t n)
{
    static const struct tarn_enumerator_ops ops = {.len = array_len, .get = array_get};

    return (struct tarn_array_enumerator){.e.ops = &ops, .v = v, .n = n};
}

static void abort_staging(struct tarn_poller *p)
{
    if (p->staged)
        p->o.store->ops->replace_abort(p->o.store);
    p->staged = false;
}

/* ---- life ----------------------------------------------------------------------------------------- */

int tarn_poller_new(const struct tarn_poller_options *options, struct tarn_poller **ret, struct tarn_error *err)
{
    struct tarn_poller *p;

    if (!options->store || !options->rt)
        return tarn_error_set(err, TARN_E_INVAL, "a poller needs a store and a runtime");
    p = calloc(1, sizeof *p);
    if (!p)
        return tarn_error_set(err, TARN_E_NOMEM, "no memory for a poller");
    p->o = *options;
    if (p->o.start_delay_ms)
        p->due_ms = tarn_now_ms(p->o.rt) + ((tarn_random(p->o.rt) >> 32) * p->o.start_delay_ms >> 32);
    tarn_backoff_init(&p->backoff, NULL);
    tarn_mutex_init(&p->lock);
    tarn_cond_init(&p->wake);
    *ret = p;
    return 0;
}

void tarn_poller_free(struct tarn_poller *p)
{
    if (!p)
        return;
    abort_staging(p);
    tarn_cond_release(&p->wake);
    tarn_mutex_release(&p->lock);
    free(p);
}

/* ---- the state machine ------------------------------------------------------------------------------ */

uint64_t tarn_poller_deadline_ms(struct tarn_poller *p)
{
    return p->due_ms;
}

bool tarn_poller_on_timer(struct tarn_poller *p)
{
    if (p->due_ms > tarn_now_ms(p->o.rt))
        return false;
    p->due_ms = UINT64_MAX;
    return true;
}

/* The round is over: note it, and wait. */
static void finish(struct tarn_poller *p, const struct tarn_error *err)
{
    uint64_t now = tarn_now_ms(p->o.rt), wait = p->o.period_ms;

    tarn_mutex_lock(&p->lock);
    p->st.polls++;
    p->st.failures += err->code != 0;
    p->st.last_error = *err;
    if (err->code == 0) {
        p->st.has_synced = true;
        p->st.last_ms = now;
    }
    tarn_mutex_unlock(&p->lock);
    wait += (tarn_random(p->o.rt) >> 32) * p->o.jitter_ms >> 32;
    if (err->code && p->o.backoff) {
        uint32_t backoff = tarn_backoff_next(&p->backoff, now, tarn_random(p->o.rt));

        wait = wait < backoff ? backoff : wait;
    }
    p->due_ms = now + wait;
    if (err->code && p->o.on_error)
        p->o.on_error(p->o.ctx, err);
}

static int begin_staging(struct tarn_poller *p, struct tarn_error *err)
{
    int rc = p->staged ? 0 : p->o.store->ops->replace_begin(p->o.store, err);

    p->staged = p->staged || rc >= 0;
    return rc < 0 ? rc : 0;
}

int tarn_poller_on_object(struct tarn_poller *p, const struct tarn_object *obj, struct tarn_error *err)
{
    int rc = begin_staging(p, err);

    return rc ? rc : p->o.store->ops->replace_add(p->o.store, obj, err);
}

void tarn_poller_on_failed(struct tarn_poller *p, const struct tarn_error *err)
{
    abort_staging(p);
    finish(p, err);
}

void tarn_poller_on_end(struct tarn_poller *p, struct tarn_bytes resource_version)
{
    struct tarn_error err = {0};

    err.code = begin_staging(p, &err); /* of a list without objects */
    if (!err.code) {
        p->staged = false; /* whatever commit says */
        err.code = p->o.store->ops->replace_commit(p->o.store, resource_version, &err);
    }
    finish(p, &err);
}

/* All of e replaces the store's content, or nothing happens. */
void tarn_poller_on_result(struct tarn_poller *p, struct tarn_enumerator *e)
{
    struct tarn_error err = {0};

    for (size_t i = 0, n = e->ops->len(e); i < n; i++) {
        err.code = tarn_poller_on_object(p, e->ops->get(e, i), &err);
        if (err.code < 0) {
            tarn_poller_on_failed(p, &err);
            return;
        }
    }
    tarn_poller_on_end(p, (struct tarn_bytes){0});
}

void tarn_poller_hasten(struct tarn_poller *p)
{
    if (p->due_ms != UINT64_MAX)
        p->due_ms = 0;
}

void tarn_poller_status(struct tarn_poller *p, struct tarn_poller_status *ret)
{
    tarn_mutex_lock(&p->lock);
    *ret = p->st;
    tarn_mutex_unlock(&p->lock);
}

/* ---- on a thread of the caller's ------------------------------------------------------------------------ */

static void poll_once(struct tarn_poller *p)
{
    struct tarn_enumerator *e = NULL;
    struct tarn_error err = {0};
    int rc = p->o.get(p->o.ctx, &e, &err);

    if (rc < 0) {
        err.code = rc;
        tarn_poller_on_failed(p, &err);
        return;
    }
    tarn_poller_on_result(p, e);
    if (e->ops->free)
        e->ops->free(e);
}

/* True: it is time to poll; false: stopped. The lock is held. */
static bool wait_until_due(struct tarn_poller *p)
{
    while (!p->stop_asked && !tarn_poller_on_timer(p))
        (void)tarn_cond_wait_for(&p->wake, &p->lock, p->due_ms - tarn_now_ms(p->o.rt));
    return !p->stop_asked;
}

int tarn_poller_run(struct tarn_poller *p)
{
    if (!p->o.get)
        return TARN_E_INVAL;
    tarn_mutex_lock(&p->lock);
    if (p->running) {
        tarn_mutex_unlock(&p->lock);
        return TARN_E_EXISTS;
    }
    p->running = true;
    while (wait_until_due(p)) {
        tarn_mutex_unlock(&p->lock);
        poll_once(p);
        tarn_mutex_lock(&p->lock);
    }
    p->running = p->stop_asked = false;
    tarn_mutex_unlock(&p->lock);
    return 0;
}

void tarn_poller_stop(struct tarn_poller *p)
{
    tarn_mutex_lock(&p->lock);
    p->stop_asked = true;
    tarn_cond_signal(&p->wake);
    tarn_mutex_unlock(&p->lock);
}
