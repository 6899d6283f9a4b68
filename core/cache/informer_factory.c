/* informer_factory.c - the informers of a program, one for each resource.
 *
 * An informer is made under the lock and stays in the list until the end, so that what was once given out stays valid.
 */
#include <tarn/informer_factory.h>

#include <stdlib.h>

#include "sync.h"

struct member {
    struct tarn_shared_informer *informer;
    void *thread; /* NULL: not started */
    struct member *next;
    char resource[];
};

struct tarn_informer_factory {
    struct tarn_informer_factory_options options;
    struct tarn_mutex lock; /* protects what follows; taken before any lock of an informer */
    struct member *members;
    bool shut_down;
};

int tarn_informer_factory_new(const struct tarn_informer_factory_options *o, struct tarn_informer_factory **ret,
                              struct tarn_error *err)
{
    struct tarn_informer_factory *f;

    if (!o->rt || !o->configure)
        return tarn_error_set(err, TARN_E_INVAL, "an informer factory needs a runtime and a configure function");
    f = calloc(1, sizeof *f);
    if (!f)
        return tarn_error_set(err, TARN_E_NOMEM, "no memory for an informer factory");
    f->options = *o;
    tarn_mutex_init(&f->lock);
    *ret = f;
    return 0;
}

void tarn_informer_factory_free(struct tarn_informer_factory *f)
{
    if (!f)
        return;
    tarn_informer_factory_shut_down(f);
    while (f->members) {
        struct member *m = f->members;

        f->members = m->next;
        tarn_shared_informer_free(m->informer);
        free(m);
    }
    tarn_mutex_release(&f->lock);
    free(f);
}

static struct member *find(struct tarn_informer_factory *f, const char *resource)
{
    struct member *m = f->members;

    while (m && strcmp(m->resource, resource) != 0)
        m = m->next;
    return m;
}

/* Make the informer of resource. The lock is held. */
static int make(struct tarn_informer_factory *f, const char *resource, struct member **ret, struct tarn_error *err)
{
    size_t len = strlen(resource) + 1;
    struct member *m = calloc(1, sizeof *m + len);
    struct tarn_shared_informer_options o = {.reflector.rt = f->options.rt};
    int rc;

    if (!m)
        return tarn_error_set(err, TARN_E_NOMEM, "no memory for the informer of '%s'", resource);
    memcpy(m->resource, resource, len);
    o.reflector.name = m->resource;
    rc = f->options.configure(f->options.ctx, resource, &o, err);
    if (!rc)
        rc = tarn_shared_informer_new(&o, &m->informer, err);
    if (rc) {
        free(m);
        return rc;
    }
    m->next = f->members;
    f->members = m;
    *ret = m;
    return 0;
}

int tarn_informer_factory_informer(struct tarn_informer_factory *f, const char *resource, struct tarn_shared_informer **ret,
                                   struct tarn_error *err)
{
    struct member *m;
    int rc = 0;

    tarn_mutex_lock(&f->lock);
    m = find(f, resource);
    if (!m)
        rc = make(f, resource, &m, err);
    if (!rc)
        *ret = m->informer;
    tarn_mutex_unlock(&f->lock);
    return rc;
}

static void run(void *arg)
{
    (void)!tarn_shared_informer_run(arg, NULL); /* fails only where its user runs or stops it by himself */
}

int tarn_informer_factory_start(struct tarn_informer_factory *f, struct tarn_error *err)
{
    struct tarn_runtime *rt = f->options.rt;
    int rc = 0;

    tarn_mutex_lock(&f->lock);
    if (f->shut_down)
        rc = tarn_error_set(err, TARN_E_STOPPED, "the informer factory has been shut down");
    for (struct member *m = f->members; m && !rc; m = m->next) {
        if (m->thread)
            continue;
        rc = rt->ops->thread_start(rt, run, m->informer, &m->thread);
        if (rc)
            (void)tarn_error_set(err, rc, "cannot start a thread for the informer of '%s': %s", m->resource, tarn_strerror(rc));
    }
    tarn_mutex_unlock(&f->lock);
    return rc;
}

/* The checkers of all that run, in an array from malloc. */
static int checkers_of(struct tarn_informer_factory *f, struct tarn_done_checker **ret, size_t *ret_n)
{
    size_t n = 0, i = 0;
    struct tarn_done_checker *v;

    tarn_mutex_lock(&f->lock);
    for (struct member *m = f->members; m; m = m->next)
        n += m->thread != NULL;
    v = malloc((n + 1) * sizeof *v);
    for (struct member *m = f->members; v && m; m = m->next)
        if (m->thread)
            v[i++] = tarn_shared_informer_done_checker(m->informer);
    tarn_mutex_unlock(&f->lock);
    if (!v)
        return TARN_E_NOMEM;
    *ret = v;
    *ret_n = n;
    return 0;
}

int tarn_informer_factory_wait_synced(struct tarn_informer_factory *f, uint64_t timeout_ms, struct tarn_error *err)
{
    struct tarn_done_checker *checkers;
    size_t n;
    int rc = checkers_of(f, &checkers, &n);

    if (rc)
        return tarn_error_set(err, rc, "no memory to wait for informers");
    rc = tarn_wait_for(f->options.rt, "the caches", checkers, n, timeout_ms, err);
    free(checkers);
    return rc;
}

/* The thread of one that runs, which then counts as not running; NULL: none is left. */
static void *take_thread(struct tarn_informer_factory *f)
{
    void *thread = NULL;

    tarn_mutex_lock(&f->lock);
    for (struct member *m = f->members; m && !thread; m = m->next) {
        thread = m->thread;
        m->thread = NULL;
    }
    tarn_mutex_unlock(&f->lock);
    return thread;
}

void tarn_informer_factory_shut_down(struct tarn_informer_factory *f)
{
    struct tarn_runtime *rt = f->options.rt;
    void *thread;

    tarn_mutex_lock(&f->lock);
    f->shut_down = true;
    for (struct member *m = f->members; m; m = m->next)
        tarn_shared_informer_stop(m->informer);
    tarn_mutex_unlock(&f->lock);
    while ((thread = take_thread(f))) /* joined without the lock: a handler may be asking for an informer */
        rt->ops->thread_join(rt, thread);
}
