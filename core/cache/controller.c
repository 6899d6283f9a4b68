/* controller.c - the loop that pops a queue into a process function, beside the reflector that fills it.
 *
 * It owns when the two begin and end: both once. A stop closes the queue, which wakes a pop that waits.
 */
#include "controller_state.h"

#include <stdlib.h>

int tarn_controller_init(struct tarn_controller *c, const struct tarn_controller_options *o, struct tarn_error *err)
{
    struct tarn_reflector_options reflector = o->reflector;
    int rc;

    if (!o->queue || !o->reflector.rt || !o->process.fn)
        return tarn_error_set(err, TARN_E_INVAL, "a controller needs a queue, a process function and a runtime");
    c->rt = o->reflector.rt;
    c->queue = o->queue;
    c->process = o->process;
    c->process_batch = o->process_batch;
    reflector.store = &o->queue->store;
    if (reflector.list_watch && (rc = tarn_reflector_new(&reflector, &c->reflector, err)))
        return rc;
    tarn_mutex_init(&c->lock);
    return 0;
}

void tarn_controller_release(struct tarn_controller *c)
{
    tarn_reflector_free(c->reflector);
    tarn_mutex_release(&c->lock);
}

int tarn_controller_new(const struct tarn_controller_options *o, struct tarn_controller **ret, struct tarn_error *err)
{
    struct tarn_controller *c = calloc(1, sizeof *c);
    int rc;

    if (!c)
        return tarn_error_set(err, TARN_E_NOMEM, "no memory for a controller");
    if ((rc = tarn_controller_init(c, o, err))) {
        free(c);
        return rc;
    }
    *ret = c;
    return 0;
}

void tarn_controller_free(struct tarn_controller *c)
{
    if (!c)
        return;
    tarn_controller_stop(c);
    if (c->release) {
        c->release(c);
        return;
    }
    tarn_controller_release(c);
    free(c);
}

static bool is_stopped(struct tarn_controller *c)
{
    return atomic_load_explicit(&c->stopped, memory_order_relaxed); /* only asks: the queue's lock orders the rest */
}

/* Note that the one run has begun. */
static int begin(struct tarn_controller *c, struct tarn_error *err)
{
    int rc = 0;

    tarn_mutex_lock(&c->lock);
    if (is_stopped(c))
        rc = tarn_error_set(err, TARN_E_STOPPED, "the controller has stopped already; make a new one");
    else if (c->started)
        rc = tarn_error_set(err, TARN_E_EXISTS, "the controller has been started already");
    else
        c->started = true;
    tarn_mutex_unlock(&c->lock);
    return rc;
}

/* Count a call of the process function that began at this time. */
static void count(struct tarn_controller *c, uint64_t began_ms)
{
    static const uint32_t at_most_ms[TARN_PROCESS_BUCKETS] = {1, 5, 25, 100, 500, 2500};
    uint64_t ms = tarn_now_ms(c->rt) - began_ms;

    (void)atomic_fetch_add_explicit(&c->processed, 1, memory_order_relaxed);
    (void)atomic_fetch_add_explicit(&c->process_ms, ms, memory_order_relaxed);
    for (unsigned i = 0; i < TARN_PROCESS_BUCKETS; i++)
        if (ms <= at_most_ms[i])
            (void)atomic_fetch_add_explicit(&c->process_le[i], 1, memory_order_relaxed);
}

static int timed(struct tarn_controller *c, const struct tarn_process *p, const struct tarn_deltas *deltas, bool in_initial_list,
                 struct tarn_error *err)
{
    uint64_t began = tarn_now_ms(c->rt);
    int rc = p->fn(p->ctx, deltas, in_initial_list, err);

    count(c, began);
    return rc;
}

static int process(void *ctx, const struct tarn_deltas *deltas, bool in_initial_list, struct tarn_error *err)
{
    struct tarn_controller *c = ctx;

    return timed(c, &c->process, deltas, in_initial_list, err);
}

static int process_batch(void *ctx, const struct tarn_deltas *deltas, bool in_initial_list, struct tarn_error *err)
{
    struct tarn_controller *c = ctx;

    return timed(c, &c->process_batch, deltas, in_initial_list, err);
}

/* Pop one element, or a batch. False: the queue is closed and empty. */
static bool pop(struct tarn_controller *c)
{
    const struct tarn_process one = {process, c}, batch = {process_batch, c};
    struct tarn_error err = {0};
    int rc = c->process_batch.fn ? tarn_queue_pop_batch(c->queue, &batch, &one, &err) : tarn_queue_pop(c->queue, &one, &err);

    if (rc == TARN_E_CLOSED)
        return false;
    if (rc)
        (void)atomic_fetch_add_explicit(&c->process_errors, 1, memory_order_relaxed); /* a count for people */
    if (rc == TARN_E_NOMEM && c->reflector) /* a change is lost; the source still has it */
        tarn_reflector_relist(c->reflector);
    return true;
}

static void reflect(void *arg)
{
    struct tarn_controller *c = arg;

    c->reflect_code = tarn_reflector_run(c->reflector);
}

int tarn_controller_run(struct tarn_controller *c, struct tarn_error *err)
{
    void *thread = NULL;
    int rc = begin(c, err);

    if (rc)
        return rc;
    if (c->reflector && (rc = c->rt->ops->thread_start(c->rt, reflect, c, &thread)))
        return tarn_error_set(err, rc, "cannot start the reflector's thread: %s", tarn_strerror(rc));
    while (!is_stopped(c) && pop(c))
        ;
    tarn_controller_stop(c); /* where the queue was closed from outside */
    if (thread)
        c->rt->ops->thread_join(c->rt, thread);
    return c->reflect_code ? tarn_error_set(err, c->reflect_code, "the reflector is driven by someone else") : 0;
}

void tarn_controller_stop(struct tarn_controller *c)
{
    atomic_store_explicit(&c->stopped, true, memory_order_relaxed); /* seen at the latest after the queue's close */
    if (c->reflector)
        tarn_reflector_stop(c->reflector);
    tarn_queue_close(c->queue);
}

int tarn_controller_start(struct tarn_controller *c, struct tarn_error *err)
{
    int rc = begin(c, err);

    if (!rc && c->reflector)
        tarn_reflector_start(c->reflector);
    return rc;
}

size_t tarn_controller_step(struct tarn_controller *c)
{
    size_t n = 0;

    while (!is_stopped(c) && tarn_queue_count(c->queue) && pop(c))
        n++;
    return n;
}

struct tarn_reflector *tarn_controller_reflector(struct tarn_controller *c)
{
    return c->reflector;
}

struct tarn_queue *tarn_controller_queue(struct tarn_controller *c)
{
    return c->queue;
}

bool tarn_controller_has_synced(struct tarn_controller *c)
{
    return tarn_queue_has_synced(c->queue);
}

void tarn_controller_last_resource_version(struct tarn_controller *c, struct tarn_rv *ret)
{
    struct tarn_reflector_status status;

    *ret = (struct tarn_rv){0};
    if (!c->reflector)
        return;
    tarn_reflector_status(c->reflector, &status);
    *ret = status.resource_version;
}

uint64_t tarn_controller_process_errors(struct tarn_controller *c)
{
    return atomic_load_explicit(&c->process_errors, memory_order_relaxed); /* a count for people */
}

static uint64_t read_count(_Atomic uint64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

void tarn_controller_metrics(struct tarn_controller *c, struct tarn_controller_metrics *ret)
{
    struct tarn_rv rv;

    tarn_controller_last_resource_version(c, &rv);
    *ret = (struct tarn_controller_metrics){
        .queued = tarn_queue_count(c->queue),
        .processed = read_count(&c->processed),
        .process_ms = read_count(&c->process_ms),
        .store_resource_version = rv.number % UINT64_C(1000000000000000),
    };
    for (unsigned i = 0; i < TARN_PROCESS_BUCKETS; i++)
        ret->process_le[i] = read_count(&c->process_le[i]);
}
