/* lazy.c - see tarn/lazy.h. */
#include <tarn/lazy.h>

#include <stdlib.h>

#include "sync.h"

/* The value of one notification. */
struct tarn_lazy_value {
    struct tarn_lazy_options o;
    /* Owners: the lazy while it is its newest, and whoever asked. Relaxed up, acq_rel down: the last sees what all did with the value. */
    _Atomic unsigned refs;
    struct tarn_mutex lock; /* held while it is computed; protects what follows until ready, which never changes back */
    bool ready;
    void *value;
};

struct tarn_lazy {
    struct tarn_lazy_options o;
    struct tarn_mutex lock; /* protects newest; never held together with a value's */
    struct tarn_lazy_value *newest; /* NULL: nobody has asked since the last notification */
};

int tarn_lazy_new(const struct tarn_lazy_options *o, struct tarn_lazy **ret)
{
    struct tarn_lazy *l = calloc(1, sizeof *l);

    if (!l)
        return TARN_E_NOMEM;
    l->o = *o;
    tarn_mutex_init(&l->lock);
    *ret = l;
    return 0;
}

void tarn_lazy_free(struct tarn_lazy *l)
{
    if (!l)
        return;
    tarn_lazy_put(l->newest);
    tarn_mutex_release(&l->lock);
    free(l);
}

void tarn_lazy_notify(struct tarn_lazy *l)
{
    struct tarn_lazy_value *old;

    tarn_mutex_lock(&l->lock);
    old = l->newest;
    l->newest = NULL;
    tarn_mutex_unlock(&l->lock);
    tarn_lazy_put(old);
}

/* A reference to the newest, made if nobody has asked yet; NULL: no memory. */
static struct tarn_lazy_value *newest(struct tarn_lazy *l)
{
    struct tarn_lazy_value *v;

    tarn_mutex_lock(&l->lock);
    if (!l->newest && (l->newest = calloc(1, sizeof *l->newest))) {
        l->newest->o = l->o;
        atomic_init(&l->newest->refs, 1);
        tarn_mutex_init(&l->newest->lock);
    }
    v = l->newest;
    if (v)
        atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed); /* relaxed: the lazy's own reference is there */
    tarn_mutex_unlock(&l->lock);
    return v;
}

int tarn_lazy_get(struct tarn_lazy *l, struct tarn_lazy_value **ret, struct tarn_error *err)
{
    struct tarn_lazy_value *v = newest(l);
    int rc = 0;

    if (!v)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    tarn_mutex_lock(&v->lock);
    if (!v->ready) {
        rc = v->o.evaluate(v->o.ctx, &v->value, err);
        v->ready = rc == 0;
    }
    tarn_mutex_unlock(&v->lock);
    if (rc)
        tarn_lazy_put(v);
    else
        *ret = v;
    return rc;
}

void *tarn_lazy_value(const struct tarn_lazy_value *v)
{
    return v->value;
}

void tarn_lazy_put(struct tarn_lazy_value *v)
{
    /* acq_rel: what others did with the value comes before it is released. */
    if (!v || atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (v->ready && v->o.release)
        v->o.release(v->o.ctx, v->value);
    tarn_mutex_release(&v->lock);
    free(v);
}
