/* shared_informer.c - many handlers on one reflector and one store.
 *
 * Its one idea is the *deltas lock*: deltas are applied to the store and told to the handlers under it, and a handler that joins is given
 * the store's content under it. So what a new handler hears first and what it hears then meet without gap or overlap.
 *
 * Lock order: state → deltas → processor → listener, and queue → deltas (the processing loop). Under the deltas lock the queue is never
 * called; under the state lock neither the queue nor the reflector.
 */
#include <tarn/shared_informer.h>

#include <stdlib.h>

#include "informer_store.h"
#include "processor.h"
#include "registration.h"

#define RESYNC_MINIMUM_MS 1000

struct tarn_shared_informer {
    struct tarn_shared_informer_options options;
    struct tarn_informer_store store;
    struct tarn_processor processor;
    struct tarn_sync_hub *hub;
    struct tarn_mutex deltas; /* see above */

    struct tarn_mutex state; /* protects what follows */
    struct tarn_controller *controller; /* from the start on; ends with the informer */
    bool started, threads, stopped;
    uint64_t check_ms; /* how often is looked who is due for a resync; 0: never */
    struct tarn_registration **registrations; /* one reference each: handlers, and removed ones whose thread is to be joined */
    size_t n, cap;
};

/* ---- from the queue to the handlers ---------------------------------------------------------------------- */

/* A split update is two notifications. */
static int reserve(void *ctx, size_t n)
{
    struct tarn_shared_informer *s = ctx;

    return tarn_processor_reserve(&s->processor, s->options.split_recreated ? 2 * n : n);
}

static void tell_add(void *ctx, const struct tarn_object *obj, bool is_in_initial_list)
{
    struct tarn_shared_informer *s = ctx;

    tarn_processor_on_add(&s->processor, obj, is_in_initial_list);
}

static void tell_delete(void *ctx, const struct tarn_object *old, const struct tarn_object *obj)
{
    struct tarn_shared_informer *s = ctx;

    tarn_processor_on_delete(&s->processor, old, obj);
}

static bool is_another(const struct tarn_object *old, const struct tarn_object *obj)
{
    struct tarn_bytes a = tarn_object_uid(old), b = tarn_object_uid(obj);

    return a.len && b.len && !tarn_bytes_equal(a, b);
}

static void tell_update(void *ctx, const struct tarn_object *old, const struct tarn_object *obj, bool resync)
{
    struct tarn_shared_informer *s = ctx;
    const struct tarn_object *tombstone = NULL;

    if (s->options.split_recreated && is_another(old, obj) &&
        tarn_object_new_tombstone(tarn_object_key(old), old, &tombstone) == 0) {
        tarn_processor_on_delete(&s->processor, old, tombstone);
        tarn_processor_on_add(&s->processor, obj, false);
        tarn_object_unref(tombstone);
        return;
    }
    tarn_processor_on_update(&s->processor, old, obj, resync);
}

static int process(void *ctx, const struct tarn_deltas *deltas, bool in_initial_list, struct tarn_error *err)
{
    struct tarn_shared_informer *s = ctx;
    int rc;

    tarn_mutex_lock(&s->deltas);
    rc = tarn_delta_apply(&s->store.apply, deltas, in_initial_list, err);
    tarn_mutex_unlock(&s->deltas);
    return rc;
}

static int process_batch(void *ctx, const struct tarn_deltas *deltas, bool in_initial_list, struct tarn_error *err)
{
    struct tarn_shared_informer *s = ctx;
    int rc;

    tarn_mutex_lock(&s->deltas);
    rc = tarn_delta_apply_batch(&s->store.apply, deltas, in_initial_list, err);
    tarn_mutex_unlock(&s->deltas);
    return rc;
}

/* ---- what the reflector asks and tells --------------------------------------------------------------------- */

static bool should_resync(void *ctx)
{
    struct tarn_shared_informer *s = ctx;

    return tarn_processor_should_resync(&s->processor, tarn_now_ms(s->options.reflector.rt));
}

static void on_report(void *ctx, const struct tarn_reflector_report *report)
{
    struct tarn_shared_informer *s = ctx;

    if (s->options.reflector.on_report)
        s->options.reflector.on_report(s->options.reflector.ctx, report);
}

static void on_change(void *ctx, struct tarn_reflector *r)
{
    struct tarn_shared_informer *s = ctx;

    if (s->options.reflector.on_change)
        s->options.reflector.on_change(s->options.reflector.ctx, r);
}

/* ---- life ------------------------------------------------------------------------------------------------- */

static int options_check(const struct tarn_shared_informer_options *o, struct tarn_error *err)
{
    if (!o->reflector.rt)
        return tarn_error_set(err, TARN_E_INVAL, "a shared informer needs a runtime");
    if (o->reflector.should_resync)
        return tarn_error_set(err, TARN_E_INVAL, "should_resync is the informer's own: give its handlers resync periods");
    return 0;
}

int tarn_shared_informer_new(const struct tarn_shared_informer_options *o, struct tarn_shared_informer **ret,
                             struct tarn_error *err)
{
    struct tarn_shared_informer *s;
    int rc = options_check(o, err);

    if (rc)
        return rc;
    s = calloc(1, sizeof *s);
    if (!s || tarn_sync_hub_new(o->reflector.rt, &s->hub)) {
        free(s);
        return tarn_error_set(err, TARN_E_NOMEM, "no memory for a shared informer");
    }
    rc = tarn_informer_store_init(
        &s->store, &o->store,
        &(struct tarn_delta_sink){
            .reserve = reserve, .on_add = tell_add, .on_update = tell_update, .on_delete = tell_delete, .ctx = s},
        &(struct tarn_queue_watch){.synced = tarn_sync_hub_notify, .ctx = s->hub}, err);
    if (rc) {
        tarn_sync_hub_unref(s->hub);
        free(s);
        return rc;
    }
    s->options = *o;
    s->check_ms = o->reflector.resync_period_ms;
    tarn_sync_hub_attach(s->hub, s->store.queue);
    tarn_processor_init(&s->processor, o->store.raw);
    tarn_mutex_init(&s->deltas);
    tarn_mutex_init(&s->state);
    *ret = s;
    return 0;
}

/* Close all listeners: what waits is still delivered, nothing new comes. */
static void close_one(void *ctx, struct tarn_listener *l)
{
    (void)ctx;
    tarn_listener_close(l, false);
}

void tarn_shared_informer_free(struct tarn_shared_informer *s)
{
    if (!s)
        return;
    tarn_shared_informer_stop(s);
    tarn_sync_hub_detach(s->hub);
    tarn_controller_free(s->controller);
    for (size_t i = 0; i < s->n; i++)
        tarn_registration_unref(s->registrations[i]);
    free(s->registrations);
    tarn_processor_release(&s->processor);
    tarn_informer_store_release(&s->store);
    tarn_sync_hub_unref(s->hub);
    tarn_mutex_release(&s->deltas);
    tarn_mutex_release(&s->state);
    free(s);
}

static int controller_new(struct tarn_shared_informer *s, struct tarn_error *err)
{
    struct tarn_controller_options o = {.reflector = s->options.reflector, .queue = s->store.queue, .process = {process, s}};

    o.reflector.resync_period_ms = s->check_ms;
    o.reflector.should_resync = should_resync;
    o.reflector.on_report = on_report;
    o.reflector.on_change = on_change;
    o.reflector.ctx = s;
    if (s->options.store.queue != TARN_INFORMER_QUEUE_COMPRESSED)
        o.process_batch = (struct tarn_process){process_batch, s};
    return tarn_controller_new(&o, &s->controller, err);
}

/* The state lock is held. */
static int begin(struct tarn_shared_informer *s, struct tarn_error *err)
{
    int rc;

    if (s->stopped)
        return tarn_error_set(err, TARN_E_STOPPED, "the informer has stopped already; make a new one");
    if (s->started)
        return tarn_error_set(err, TARN_E_EXISTS, "the informer has been started already");
    rc = controller_new(s, err);
    s->started = !rc;
    return rc;
}

/* Start the thread of r, where threads are used. The state lock is held. */
static int thread_start(struct tarn_shared_informer *s, struct tarn_registration *r, struct tarn_error *err)
{
    struct tarn_runtime *rt = s->options.reflector.rt;
    int rc;

    if (!s->threads)
        return 0;
    atomic_store_explicit(&r->ended, false, memory_order_relaxed); /* the start of the thread orders it */
    rc = rt->ops->thread_start(rt, tarn_registration_deliver, r, &r->thread);
    if (!rc)
        return 0;
    r->thread = NULL;
    atomic_store_explicit(&r->ended, true, memory_order_relaxed);
    return tarn_error_set(err, rc, "cannot start a handler's thread: %s", tarn_strerror(rc));
}

static int begin_with_threads(struct tarn_shared_informer *s, struct tarn_error *err)
{
    int rc;

    tarn_mutex_lock(&s->state);
    rc = begin(s, err);
    s->threads = s->threads || !rc;
    for (size_t i = 0; !rc && i < s->n; i++)
        if (!s->registrations[i]->removed)
            rc = thread_start(s, s->registrations[i], err);
    tarn_mutex_unlock(&s->state);
    return rc;
}

/* Nothing is queued for handlers any more; when this returns all their threads have ended. */
static void end_handlers(struct tarn_shared_informer *s)
{
    struct tarn_runtime *rt = s->options.reflector.rt;

    tarn_mutex_lock(&s->state);
    s->stopped = true; /* no handler joins from here on */
    tarn_mutex_unlock(&s->state);
    tarn_processor_each(&s->processor, close_one, NULL);
    for (size_t i = 0; i < s->n; i++) { /* nobody else changes the list now: add is refused, remove leaves it */
        if (s->registrations[i]->thread)
            rt->ops->thread_join(rt, s->registrations[i]->thread);
        s->registrations[i]->thread = NULL;
    }
    tarn_sync_hub_stop(s->hub);
}

int tarn_shared_informer_run(struct tarn_shared_informer *s, struct tarn_error *err)
{
    int rc = begin_with_threads(s, err);

    if (rc == TARN_E_EXISTS || rc == TARN_E_STOPPED)
        return rc;
    if (!rc)
        rc = tarn_controller_run(s->controller, err);
    end_handlers(s);
    return rc == TARN_E_STOPPED ? 0 : rc; /* a stop between begin and run */
}

int tarn_shared_informer_start(struct tarn_shared_informer *s, struct tarn_error *err)
{
    int rc;

    tarn_mutex_lock(&s->state);
    rc = begin(s, err);
    tarn_mutex_unlock(&s->state);
    return rc ? rc : tarn_controller_start(s->controller, err);
}

void tarn_shared_informer_stop(struct tarn_shared_informer *s)
{
    struct tarn_controller *controller;
    bool threads;

    tarn_mutex_lock(&s->state);
    s->stopped = true;
    controller = s->controller;
    threads = s->threads;
    tarn_mutex_unlock(&s->state);
    if (controller)
        tarn_controller_stop(controller);
    if (!threads) { /* else tarn_shared_informer_run ends the handlers, once the loop has ended */
        tarn_processor_each(&s->processor, close_one, NULL);
        tarn_sync_hub_stop(s->hub);
    }
}

bool tarn_shared_informer_is_stopped(struct tarn_shared_informer *s)
{
    bool stopped;

    tarn_mutex_lock(&s->state);
    stopped = s->stopped;
    tarn_mutex_unlock(&s->state);
    return stopped;
}

/* ---- the event loop ------------------------------------------------------------------------------------------- */

/* Looks the list up anew each time, since handlers may add and remove handlers. */
size_t tarn_shared_informer_deliver(struct tarn_shared_informer *s)
{
    size_t calls = 0;

    for (size_t i = 0;; i++) {
        struct tarn_registration *r = NULL;

        tarn_mutex_lock(&s->state);
        if (i < s->n) {
            r = s->registrations[i];
            tarn_registration_ref(r);
        }
        tarn_mutex_unlock(&s->state);
        if (!r)
            return calls;
        calls += tarn_listener_drain(r->listener);
        tarn_registration_unref(r);
    }
}

size_t tarn_shared_informer_process(struct tarn_shared_informer *s)
{
    return s->controller ? tarn_controller_step(s->controller) : 0;
}

void tarn_shared_informer_step(struct tarn_shared_informer *s)
{
    while (tarn_shared_informer_process(s) || tarn_shared_informer_deliver(s))
        ;
}

/* NULL before it is started. */
static struct tarn_controller *controller_of(struct tarn_shared_informer *s)
{
    struct tarn_controller *controller;

    tarn_mutex_lock(&s->state);
    controller = s->controller;
    tarn_mutex_unlock(&s->state);
    return controller;
}

struct tarn_reflector *tarn_shared_informer_reflector(struct tarn_shared_informer *s)
{
    struct tarn_controller *controller = controller_of(s);

    return controller ? tarn_controller_reflector(controller) : NULL;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

struct tarn_indexer *tarn_shared_informer_indexer(struct tarn_shared_informer *s)
{
    return s->store.indexer;
}

struct tarn_queue *tarn_shared_informer_queue(struct tarn_shared_informer *s)
{
    return s->store.queue;
}

int tarn_shared_informer_add_indexers(struct tarn_shared_informer *s, const struct tarn_index_func *funcs, size_t n,
                                      struct tarn_error *err)
{
    if (tarn_shared_informer_is_stopped(s))
        return tarn_error_set(err, TARN_E_STOPPED, "indexers were not added: the informer has stopped already");
    return tarn_indexer_add_indexers(s->store.indexer, funcs, n, err);
}

bool tarn_shared_informer_has_synced(struct tarn_shared_informer *s)
{
    return tarn_sync_hub_has_synced(s->hub);
}

static bool has_synced(void *ctx)
{
    return tarn_shared_informer_has_synced(ctx);
}

bool tarn_shared_informer_wait_synced(struct tarn_shared_informer *s, uint64_t timeout_ms)
{
    return tarn_sync_hub_wait(s->hub, has_synced, s, timeout_ms);
}

static bool wait_synced(void *ctx, uint64_t timeout_ms)
{
    return tarn_shared_informer_wait_synced(ctx, timeout_ms);
}

static const char *name_of(const struct tarn_shared_informer *s)
{
    if (s->options.reflector.name)
        return s->options.reflector.name;
    return s->options.reflector.expected_kind ? s->options.reflector.expected_kind : "informer";
}

struct tarn_done_checker tarn_shared_informer_done_checker(struct tarn_shared_informer *s)
{
    return (struct tarn_done_checker){.name = name_of(s), .done = has_synced, .wait = wait_synced, .ctx = s};
}

void tarn_shared_informer_last_resource_version(struct tarn_shared_informer *s, struct tarn_rv *ret)
{
    struct tarn_controller *controller = controller_of(s);

    *ret = (struct tarn_rv){0};
    if (controller)
        tarn_controller_last_resource_version(controller, ret);
}

void tarn_shared_informer_metrics(struct tarn_shared_informer *s, struct tarn_controller_metrics *ret)
{
    struct tarn_controller *controller = controller_of(s);

    *ret = (struct tarn_controller_metrics){0};
    if (controller)
        tarn_controller_metrics(controller, ret);
}

/* ---- handlers --------------------------------------------------------------------------------------------------- */

/* The period a handler is taken in with, and what it does to the informer's own (I-45). The state lock is held. */
static uint64_t resync_period(struct tarn_shared_informer *s, uint64_t asked_ms)
{
    uint64_t ms = asked_ms ? asked_ms : s->options.reflector.resync_period_ms;

    if (ms == TARN_RESYNC_NEVER || ms == 0)
        return 0;
    if (ms < RESYNC_MINIMUM_MS)
        ms = RESYNC_MINIMUM_MS;
    if (ms >= s->check_ms)
        return ms;
    if (s->started)
        return s->check_ms;
    s->check_ms = ms;
    tarn_processor_check_period(&s->processor, ms);
    return ms;
}

/* Join the threads of removed handlers that have ended, and forget them. The state lock is held. */
static void reap(struct tarn_shared_informer *s)
{
    struct tarn_runtime *rt = s->options.reflector.rt;
    size_t kept = 0;

    for (size_t i = 0; i < s->n; i++) {
        struct tarn_registration *r = s->registrations[i];

        if (!r->removed || !tarn_registration_has_ended(r)) {
            s->registrations[kept++] = r;
            continue;
        }
        if (r->thread)
            rt->ops->thread_join(rt, r->thread); /* it makes no more calls: at most a moment */
        r->thread = NULL;
        tarn_registration_unref(r);
    }
    s->n = kept;
}

static int grow(struct tarn_shared_informer *s)
{
    size_t cap = s->cap ? s->cap * 2 : 4;
    struct tarn_registration **more;

    if (s->n < s->cap)
        return 0;
    more = realloc(s->registrations, cap * sizeof *more);
    if (!more)
        return TARN_E_NOMEM;
    s->registrations = more;
    s->cap = cap;
    return 0;
}

/* Let r hear of everything there is, and then of everything that follows. Under the deltas lock the store stands still. */
static int join_deltas(struct tarn_shared_informer *s, struct tarn_registration *r, const struct tarn_processor_member *m)
{
    struct tarn_objects all = {0};
    int rc;

    tarn_mutex_lock(&s->deltas);
    rc = tarn_store_list(&s->store.indexer->store, &all);
    if (!rc)
        rc = tarn_listener_reserve(r->listener, all.n);
    if (!rc)
        rc = tarn_processor_add(&s->processor, m, s->check_ms, tarn_now_ms(s->options.reflector.rt));
    for (size_t i = 0; !rc && i < all.n; i++)
        tarn_listener_push_add(r->listener, all.v[i], true);
    tarn_mutex_unlock(&s->deltas);
    tarn_objects_release(&all);
    return rc;
}

/* The state lock is held. */
static int join(struct tarn_shared_informer *s, struct tarn_registration *r, const struct tarn_registration_options *o,
                struct tarn_error *err)
{
    struct tarn_processor_member m = {.listener = r->listener, .unchanged = o->unchanged};
    int rc;

    if (s->stopped)
        return tarn_error_set(err, TARN_E_STOPPED,
                              "handler was not added to shared informer because it has stopped already");
    reap(s);
    if ((rc = grow(s)))
        return tarn_error_set(err, rc, "no memory for a handler; it was not added");
    m.requested_ms = resync_period(s, o->resync_period_ms);
    if ((rc = thread_start(s, r, err)))
        return rc;
    tarn_registration_ref(r);
    s->registrations[s->n++] = r;
    tarn_listener_ref(r->listener);
    rc = join_deltas(s, r, &m);
    if (!rc)
        return 0;
    tarn_listener_unref(r->listener);
    r->removed = true;
    tarn_listener_close(r->listener, true); /* its thread ends; it is joined as any removed one */
    return tarn_error_set(err, rc, "no memory for a handler; it was not added");
}

int tarn_shared_informer_add_handler(struct tarn_shared_informer *s, const struct tarn_event_handler *h,
                                     const struct tarn_registration_options *o, struct tarn_registration **ret,
                                     struct tarn_error *err)
{
    static const struct tarn_registration_options defaults = {0};
    struct tarn_registration *r;
    size_t buffer;
    int rc;

    o = o ? o : &defaults;
    buffer = o->buffer ? o->buffer : TARN_HANDLER_BUFFER;
    rc = tarn_registration_new(h, s->options.store.raw ? SIZE_MAX : buffer, s->hub, &r);
    if (rc)
        return tarn_error_set(err, rc, "no memory for a handler; it was not added");
    tarn_mutex_lock(&s->state);
    rc = join(s, r, o, err);
    tarn_mutex_unlock(&s->state);
    if (!rc && ret)
        *ret = r;
    else
        tarn_registration_unref(r);
    return rc;
}

void tarn_shared_informer_remove_handler(struct tarn_shared_informer *s, struct tarn_registration *r)
{
    tarn_mutex_lock(&s->state);
    if (tarn_processor_remove(&s->processor, r->listener)) {
        r->removed = true;
        tarn_listener_close(r->listener, true);
    }
    if (!s->stopped) /* after it the list belongs to the end of run */
        reap(s);
    tarn_mutex_unlock(&s->state);
}

static bool is_ours(struct tarn_shared_informer *s, const struct tarn_registration *r)
{
    bool found = false;

    tarn_mutex_lock(&s->state);
    for (size_t i = 0; i < s->n; i++)
        found |= s->registrations[i] == r;
    tarn_mutex_unlock(&s->state);
    return found;
}

void tarn_shared_informer_shut_down_handler(struct tarn_shared_informer *s, struct tarn_registration *r)
{
    tarn_shared_informer_remove_handler(s, r);
    if (is_ours(s, r)) /* else it never was, or has ended and is forgotten */
        (void)tarn_sync_hub_wait(r->hub, tarn_registration_has_ended, r, UINT64_MAX);
}
