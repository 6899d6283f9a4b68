/* lease.c - see lease.h. */
#include "lease.h"

#include <stdlib.h>

struct lease {
    struct tarn_lease base; /* first: what a list points to */
    struct tarn_leases *all;
    struct lease *newer;
    size_t holders;
    const struct tarn_object **kept; /* owned references */
    size_t n, cap;
};

struct tarn_leases {
    struct tarn_mutex lock; /* protects all but `out` */
    /*
     * Lists that are out. Counted up under the store's read lock, read under its write lock, so a writer cannot miss one. Counted
     * down with release, read with acquire (tarn_leases_retire): what the list's owner read is over before the object is freed.
     */
    _Atomic size_t out;
    struct lease *oldest, *current;
    const struct tarn_object **orphans; /* what the store held at its end */
    size_t orphan_count;
    bool closed;
};

static void lease_release(struct tarn_lease *base);

static struct lease *lease_new(struct tarn_leases *all)
{
    struct lease *l = calloc(1, sizeof *l);

    if (l) {
        l->base.release = lease_release;
        l->all = all;
    }
    return l;
}

static void unref_all(const struct tarn_object **v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tarn_object_unref(v[i]);
    free(v);
}

static void lease_free(struct lease *l)
{
    unref_all(l->kept, l->n);
    free(l);
}

int tarn_leases_new(struct tarn_leases **ret)
{
    struct tarn_leases *l = calloc(1, sizeof *l);

    if (!l)
        return TARN_E_NOMEM;
    l->current = l->oldest = lease_new(l);
    if (!l->current) {
        free(l);
        return TARN_E_NOMEM;
    }
    tarn_mutex_init(&l->lock);
    *ret = l;
    return 0;
}

static void leases_free(struct tarn_leases *l)
{
    for (struct lease *i = l->oldest, *next; i; i = next) {
        next = i->newer;
        lease_free(i);
    }
    unref_all(l->orphans, l->orphan_count);
    tarn_mutex_release(&l->lock);
    free(l);
}

void tarn_leases_close(struct tarn_leases *l, const struct tarn_object **objs, size_t n)
{
    bool unused;

    tarn_mutex_lock(&l->lock);
    l->orphans = objs;
    l->orphan_count = n;
    l->closed = true;
    unused = atomic_load_explicit(&l->out, memory_order_acquire) == 0; /* acquire: see `out`; under the lock, so one of us frees */
    tarn_mutex_unlock(&l->lock);
    if (unused)
        leases_free(l);
}

struct tarn_lease *tarn_leases_take(struct tarn_leases *l)
{
    struct lease *current;

    tarn_mutex_lock(&l->lock);
    current = l->current;
    current->holders++;
    atomic_fetch_add_explicit(&l->out, 1, memory_order_relaxed); /* the store's lock orders it before any retire */
    tarn_mutex_unlock(&l->lock);
    return &current->base;
}

/* Cut off the leases at the old end that nobody holds; what they keep is empty of readers. The current one stays. */
static struct lease *cut_free_ones(struct tarn_leases *l)
{
    struct lease *first = l->oldest, **end = &first;

    while (l->oldest != l->current && l->oldest->holders == 0) {
        end = &l->oldest->newer;
        l->oldest = l->oldest->newer;
    }
    if (end == &first)
        return NULL;
    *end = NULL;
    return first;
}

/* What the current lease keeps, if nobody can see it any more. */
static struct tarn_objects cut_current(struct tarn_leases *l)
{
    struct lease *c = l->current;
    struct tarn_objects kept = {0};

    if (l->oldest == c && c->holders == 0) {
        kept = (struct tarn_objects){.v = c->kept, .n = c->n};
        c->kept = NULL;
        c->n = c->cap = 0;
    }
    return kept;
}

static void lease_release(struct tarn_lease *base)
{
    struct lease *l = (struct lease *)base, *unheld;
    struct tarn_leases *all = l->all;
    struct tarn_objects kept;
    bool last;

    tarn_mutex_lock(&all->lock);
    l->holders--;
    unheld = cut_free_ones(all);
    kept = cut_current(all);
    /* release: pairs with the acquire in tarn_leases_retire; what the list's owner read is over. */
    last = atomic_fetch_sub_explicit(&all->out, 1, memory_order_release) == 1 && all->closed;
    tarn_mutex_unlock(&all->lock);
    for (struct lease *next; unheld; unheld = next) {
        next = unheld->newer;
        lease_free(unheld);
    }
    unref_all(kept.v, kept.n);
    if (last)
        leases_free(all);
}

static int keep_reserve(struct lease *l, size_t n)
{
    size_t cap = l->cap ? l->cap : 16;
    const struct tarn_object **v;

    while (cap < l->n + n)
        cap *= 2;
    if (cap == l->cap)
        return 0;
    v = realloc(l->kept, cap * sizeof *v);
    if (!v)
        return TARN_E_NOMEM;
    l->kept = v;
    l->cap = cap;
    return 0;
}

/* Later lists need not hold what left before they were made. */
static int turn(struct tarn_leases *l)
{
    struct lease *next;

    if (l->current->holders == 0 || l->current->n == 0)
        return 0;
    next = lease_new(l);
    if (!next)
        return TARN_E_NOMEM;
    l->current->newer = next;
    l->current = next;
    return 0;
}

int tarn_leases_reserve(struct tarn_leases *l, size_t n)
{
    int err;

    /* acquire: see `out`. A list released after this look costs a reserve for nothing; none can be taken meanwhile. */
    if (atomic_load_explicit(&l->out, memory_order_acquire) == 0)
        return 0;
    tarn_mutex_lock(&l->lock);
    err = turn(l);
    if (!err)
        err = keep_reserve(l->current, n);
    tarn_mutex_unlock(&l->lock);
    return err;
}

bool tarn_leases_retire(struct tarn_leases *l, const struct tarn_object *obj)
{
    bool kept = false;

    /* acquire: pairs with the release in lease_release: no list is left, and what they read is over. */
    if (atomic_load_explicit(&l->out, memory_order_acquire) == 0)
        return false;
    tarn_mutex_lock(&l->lock);
    if (l->oldest != l->current || l->current->holders > 0) {
        l->current->kept[l->current->n++] = obj;
        kept = true;
    }
    tarn_mutex_unlock(&l->lock);
    return kept;
}
