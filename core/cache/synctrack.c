/* synctrack.c - the tracker for work done in any order, and waiting for several things by name. */
#include <tarn/synctrack.h>

#include <stdlib.h>

#include <tarn/runtime.h>

#include "map.h"
#include "sync.h"

/* ---- work in any order -------------------------------------------------------------------------- */

struct tarn_async_tracker {
    struct tarn_synctrack_upstream upstream;
    struct tarn_mutex lock;
    struct tarn_map under_way; /* under lock: the key of an item is its address, as bytes */
};

static struct tarn_bytes address_of(const void *ctx, const struct tarn_map_slot *s)
{
    (void)ctx;
    return (struct tarn_bytes){.data = (const char *)&s->p, .len = sizeof s->p};
}

static struct tarn_map_slot *find(struct tarn_async_tracker *t, const void *const *item)
{
    struct tarn_bytes key = {.data = (const char *)item, .len = sizeof *item};

    return tarn_map_find(&t->under_way, tarn_map_hash(&t->under_way, key), key, (struct tarn_map_keys){.key_of = address_of});
}

int tarn_async_tracker_new(const struct tarn_synctrack_upstream *upstream, struct tarn_async_tracker **ret)
{
    struct tarn_async_tracker *t = calloc(1, sizeof *t);

    if (!t)
        return TARN_E_NOMEM;
    t->upstream = *upstream;
    tarn_mutex_init(&t->lock);
    *ret = t;
    return 0;
}

void tarn_async_tracker_free(struct tarn_async_tracker *t)
{
    if (!t)
        return;
    tarn_map_release(&t->under_way);
    tarn_mutex_release(&t->lock);
    free(t);
}

int tarn_async_tracker_start(struct tarn_async_tracker *t, const void *item)
{
    struct tarn_bytes key = {.data = (const char *)&item, .len = sizeof item};
    int err;

    tarn_mutex_lock(&t->lock);
    err = tarn_map_reserve(&t->under_way, t->under_way.n + 1);
    if (!err && !find(t, &item))
        tarn_map_put(&t->under_way, tarn_map_hash(&t->under_way, key), item, 0);
    tarn_mutex_unlock(&t->lock);
    return err;
}

void tarn_async_tracker_finish(struct tarn_async_tracker *t, const void *item)
{
    struct tarn_map_slot *s;

    tarn_mutex_lock(&t->lock);
    s = find(t, &item);
    if (s)
        tarn_map_remove(&t->under_way, s);
    tarn_mutex_unlock(&t->lock);
}

bool tarn_async_tracker_has_synced(struct tarn_async_tracker *t)
{
    bool idle;

    if (!t->upstream.has_synced(t->upstream.ctx)) /* first: see the other tracker */
        return false;
    tarn_mutex_lock(&t->lock);
    idle = t->under_way.n == 0;
    tarn_mutex_unlock(&t->lock);
    return idle;
}

/* ---- waiting ------------------------------------------------------------------------------------- */

static int name_the_laggards(const char *what, const struct tarn_done_checker *checkers, size_t n, struct tarn_error *err)
{
    struct tarn_buf names = {0};
    bool whole = true;

    for (size_t i = 0; i < n; i++)
        if (!checkers[i].done(checkers[i].ctx))
            whole = tarn_buf_addf(&names, "%s%s", names.len ? ", " : "", checkers[i].name) == 0 && whole;
    (void)tarn_error_set(err, TARN_E_TIMEOUT, "timed out waiting for %s: not done: %.*s%s", what,
                         TARN_BYTES_ARG(tarn_buf_bytes(&names)), whole ? "" : " and others");
    tarn_buf_release(&names);
    return TARN_E_TIMEOUT;
}

int tarn_wait_for(struct tarn_runtime *rt, const char *what, const struct tarn_done_checker *checkers, size_t n,
                  uint64_t timeout_ms, struct tarn_error *err)
{
    uint64_t began = tarn_now_ms(rt);

    for (size_t i = 0; i < n; i++) { /* one after the other: all must be done, and what is done stays done */
        uint64_t passed = tarn_now_ms(rt) - began;
        uint64_t left = timeout_ms == UINT64_MAX ? UINT64_MAX : passed < timeout_ms ? timeout_ms - passed : 0;

        if (!checkers[i].wait(checkers[i].ctx, left))
            return name_the_laggards(what, checkers, n, err);
    }
    return 0;
}
