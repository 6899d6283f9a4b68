/* informer_watcher.c - see tarn/informer_watcher.h. */
#include <tarn/informer_watcher.h>

#include <stdlib.h>

#include "sync.h"

struct tarn_informer_watcher {
    struct tarn_shared_informer *informer;
    struct tarn_event_sink sink;
};

/* ---- an informer as a watch ---------------------------------------------------------------------------- */

static int on_add(void *ctx, const struct tarn_object *obj, bool is_in_initial_list)
{
    struct tarn_informer_watcher *w = ctx;

    (void)is_in_initial_list;
    w->sink.on_event(w->sink.ctx, TARN_WATCH_ADDED, obj);
    return 0;
}

static int on_update(void *ctx, const struct tarn_object *old, const struct tarn_object *obj)
{
    struct tarn_informer_watcher *w = ctx;

    (void)old;
    w->sink.on_event(w->sink.ctx, TARN_WATCH_MODIFIED, obj);
    return 0;
}

static int tell_of_key(struct tarn_informer_watcher *w, const struct tarn_object *tombstone)
{
    const struct tarn_object *key;
    int rc = tarn_object_new_explicit_key(tarn_object_key(tombstone), &key);

    if (rc)
        return rc;
    w->sink.on_event(w->sink.ctx, TARN_WATCH_DELETED, key);
    tarn_object_unref(key);
    return 0;
}

static int on_delete(void *ctx, const struct tarn_object *obj)
{
    struct tarn_informer_watcher *w = ctx;
    bool tombstone = tarn_object_flags(obj) & TARN_OBJECT_TOMBSTONE;
    const struct tarn_object *last = tombstone ? tarn_object_final_state(obj) : obj;

    if (!last)
        return tell_of_key(w, obj);
    w->sink.on_event(w->sink.ctx, TARN_WATCH_DELETED, last);
    return 0;
}

int tarn_informer_watcher_new(const struct tarn_shared_informer_options *o, const struct tarn_event_sink *sink,
                              struct tarn_informer_watcher **ret, struct tarn_error *err)
{
    struct tarn_informer_watcher *w = calloc(1, sizeof *w);
    const struct tarn_event_handler h = {.on_add = on_add, .on_update = on_update, .on_delete = on_delete, .ctx = w};
    int rc;

    if (!w)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    w->sink = *sink;
    rc = tarn_shared_informer_new(o, &w->informer, err);
    if (!rc)
        rc = tarn_shared_informer_add_handler(w->informer, &h, NULL, NULL, err);
    if (rc)
        tarn_informer_watcher_free(w);
    else
        *ret = w;
    return rc;
}

struct tarn_shared_informer *tarn_informer_watcher_informer(struct tarn_informer_watcher *w)
{
    return w->informer;
}

void tarn_informer_watcher_free(struct tarn_informer_watcher *w)
{
    if (!w)
        return;
    tarn_shared_informer_free(w->informer);
    free(w);
}

/* ---- waiting for conditions ------------------------------------------------------------------------------- */

struct waiting {
    struct tarn_until *u;
    struct tarn_runtime *rt;
    struct tarn_informer_watcher *watcher;
    struct tarn_mutex lock; /* protects what follows, and u */
    struct tarn_cond changed;
    bool begun; /* the precondition was not enough: events count from here; before, they wait */
    bool over;
    int result;
    struct tarn_error run_error;
};

static void end(struct waiting *w, int result)
{
    w->over = true;
    w->result = result;
    tarn_cond_broadcast(&w->changed);
}

static void on_event(void *ctx, enum tarn_watch_event_type type, const struct tarn_object *obj)
{
    struct waiting *w = ctx;
    int rc;

    tarn_mutex_lock(&w->lock);
    while (!w->begun && !w->over)
        tarn_cond_wait(&w->changed, &w->lock);
    if (!w->over) {
        rc = tarn_until_on_event(w->u, type, obj);
        if (rc)
            end(w, rc > 0 ? 0 : rc);
    }
    tarn_mutex_unlock(&w->lock);
}

static void run(void *arg)
{
    struct waiting *w = arg;
    int rc = tarn_shared_informer_run(tarn_informer_watcher_informer(w->watcher), &w->run_error);

    tarn_mutex_lock(&w->lock);
    if (!w->over)
        end(w, rc ? rc : TARN_E_STOPPED);
    tarn_mutex_unlock(&w->lock);
}

static uint64_t left_ms(const struct waiting *w, uint64_t began, uint64_t timeout_ms)
{
    uint64_t passed = tarn_now_ms(w->rt) - began;

    return timeout_ms == UINT64_MAX ? UINT64_MAX : passed < timeout_ms ? timeout_ms - passed : 0;
}

static void wait_for_events(struct waiting *w, uint64_t began, uint64_t timeout_ms, struct tarn_error *err)
{
    tarn_mutex_lock(&w->lock);
    w->begun = true;
    tarn_cond_broadcast(&w->changed);
    if (w->u->fulfilled == w->u->n && !w->over)
        end(w, 0);
    while (!w->over) {
        uint64_t left = left_ms(w, began, timeout_ms);

        if (left == 0)
            end(w, tarn_error_set(err, TARN_E_TIMEOUT, "timed out: %zu of %zu conditions have come true", w->u->fulfilled, w->u->n));
        else if (left == UINT64_MAX)
            tarn_cond_wait(&w->changed, &w->lock);
        else
            (void)tarn_cond_wait_for(&w->changed, &w->lock, left);
    }
    tarn_mutex_unlock(&w->lock);
}

static void end_now(struct waiting *w, int result)
{
    tarn_mutex_lock(&w->lock);
    if (!w->over)
        end(w, result);
    tarn_mutex_unlock(&w->lock);
}

static void wait_for_all(struct waiting *w, const struct tarn_precondition *pre, uint64_t timeout_ms, struct tarn_error *err)
{
    struct tarn_shared_informer *informer = tarn_informer_watcher_informer(w->watcher);
    uint64_t began = tarn_now_ms(w->rt);
    int rc = 0;

    if (!tarn_shared_informer_wait_synced(informer, timeout_ms)) {
        end_now(w, tarn_error_set(err, TARN_E_TIMEOUT, "timed out: the first list has not come"));
        return;
    }
    if (pre)
        rc = pre->fn(pre->ctx, tarn_shared_informer_indexer(informer));
    if (rc)
        end_now(w, rc > 0 ? 0 : rc);
    else
        wait_for_events(w, began, timeout_ms, err);
}

static int run_until(struct waiting *w, const struct tarn_precondition *pre, uint64_t timeout_ms, struct tarn_error *err)
{
    void *thread;
    int rc = w->rt->ops->thread_start(w->rt, run, w, &thread);

    if (rc)
        return tarn_error_set(err, rc, "no thread could be started");
    wait_for_all(w, pre, timeout_ms, err);
    tarn_shared_informer_stop(tarn_informer_watcher_informer(w->watcher));
    w->rt->ops->thread_join(w->rt, thread);
    if (w->result && err && !err->code)
        *err = w->run_error.code ? w->run_error : (struct tarn_error){.code = w->result};
    return w->result;
}

int tarn_until_with_sync(const struct tarn_shared_informer_options *o, const struct tarn_precondition *precondition, struct tarn_until *u,
                         uint64_t timeout_ms, struct tarn_error *err)
{
    struct waiting w = {.u = u, .rt = o->reflector.rt ? o->reflector.rt : tarn_runtime_posix()};
    const struct tarn_event_sink sink = {.on_event = on_event, .ctx = &w};
    int rc;

    if (err)
        err->code = 0;
    tarn_mutex_init(&w.lock);
    tarn_cond_init(&w.changed);
    rc = tarn_informer_watcher_new(o, &sink, &w.watcher, err);
    if (!rc)
        rc = run_until(&w, precondition, timeout_ms, err);
    tarn_informer_watcher_free(w.watcher);
    tarn_cond_release(&w.changed);
    tarn_mutex_release(&w.lock);
    return rc;
}
