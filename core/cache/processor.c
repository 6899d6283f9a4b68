/* processor.c - the set of handlers of a shared informer. */
#include "processor.h"

#include <stdlib.h>

#include "delta_apply.h"

void tarn_processor_init(struct tarn_processor *p, bool raw)
{
    *p = (struct tarn_processor){.raw = raw};
    tarn_mutex_init(&p->lock);
}

void tarn_processor_release(struct tarn_processor *p)
{
    for (size_t i = 0; i < p->n; i++)
        tarn_listener_unref(p->members[i].listener);
    free(p->members);
    tarn_mutex_release(&p->lock);
}

/* What the check period makes of a wish: it cannot be met more often than one looks, nor where nobody looks (I-45). */
static uint64_t allowed_period(uint64_t requested_ms, uint64_t check_ms)
{
    if (requested_ms == 0 || check_ms == 0)
        return 0;
    return requested_ms < check_ms ? check_ms : requested_ms;
}

static int grow(struct tarn_processor *p)
{
    size_t cap = p->cap ? p->cap * 2 : 4;
    struct tarn_processor_member *more;

    if (p->n < p->cap)
        return 0;
    more = realloc(p->members, cap * sizeof *more);
    if (!more)
        return TARN_E_NOMEM;
    p->members = more;
    p->cap = cap;
    return 0;
}

int tarn_processor_add(struct tarn_processor *p, const struct tarn_processor_member *m, uint64_t check_ms, uint64_t now_ms)
{
    int err;

    tarn_mutex_lock(&p->lock);
    err = grow(p);
    if (!err) {
        struct tarn_processor_member *own = &p->members[p->n++];

        *own = *m;
        own->syncing = true; /* until the first check says otherwise */
        own->resync_ms = allowed_period(m->requested_ms, check_ms);
        own->next_ms = now_ms + own->resync_ms;
    }
    tarn_mutex_unlock(&p->lock);
    return err;
}

bool tarn_processor_remove(struct tarn_processor *p, const struct tarn_listener *l)
{
    struct tarn_listener *found = NULL;

    tarn_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->n && !found; i++)
        if (p->members[i].listener == l) {
            found = p->members[i].listener;
            memmove(&p->members[i], &p->members[i + 1], (p->n - i - 1) * sizeof *p->members);
            p->n--;
        }
    tarn_mutex_unlock(&p->lock);
    tarn_listener_unref(found);
    return found;
}

void tarn_processor_each(struct tarn_processor *p, void (*fn)(void *ctx, struct tarn_listener *l), void *ctx)
{
    tarn_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->n; i++)
        fn(ctx, p->members[i].listener);
    tarn_mutex_unlock(&p->lock);
}

int tarn_processor_reserve(struct tarn_processor *p, size_t n)
{
    int err = 0;

    tarn_mutex_lock(&p->lock);
    for (size_t i = 0; !err && i < p->n; i++)
        err = tarn_listener_reserve(p->members[i].listener, n);
    tarn_mutex_unlock(&p->lock);
    return err;
}

/* ---- telling --------------------------------------------------------------------------------------- */

void tarn_processor_on_add(struct tarn_processor *p, const struct tarn_object *obj, bool is_in_initial_list)
{
    tarn_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->n; i++)
        tarn_listener_push_add(p->members[i].listener, obj, is_in_initial_list);
    tarn_mutex_unlock(&p->lock);
}

void tarn_processor_on_delete(struct tarn_processor *p, const struct tarn_object *old, const struct tarn_object *obj)
{
    tarn_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->n; i++)
        tarn_listener_push_delete(p->members[i].listener, old, obj);
    tarn_mutex_unlock(&p->lock);
}

/*
 * Does m hear of an update? The original takes an equal resourceVersion for a resync, so that a relist reaches whoever is
 * syncing. Ours: a resync reaches who is syncing, a relist that changed nothing only who asked for it.
 */
static bool hears_update(const struct tarn_processor *p, const struct tarn_processor_member *m, bool same_version,
                         bool unchanged, bool resync)
{
    if (p->raw)
        return !same_version || m->syncing;
    if (resync)
        return m->syncing;
    return !unchanged || m->unchanged;
}

void tarn_processor_on_update(struct tarn_processor *p, const struct tarn_object *old, const struct tarn_object *obj, bool resync)
{
    bool unchanged = tarn_object_is_unchanged(old, obj);
    bool same_version =
        tarn_bytes_equal(tarn_object_resource_version_text(old), tarn_object_resource_version_text(obj));

    tarn_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->n; i++)
        if (hears_update(p, &p->members[i], same_version, unchanged, resync))
            tarn_listener_push_update(p->members[i].listener, old, obj, resync || unchanged);
    tarn_mutex_unlock(&p->lock);
}

/* ---- resync ---------------------------------------------------------------------------------------- */

void tarn_processor_check_period(struct tarn_processor *p, uint64_t check_ms)
{
    tarn_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->n; i++)
        p->members[i].resync_ms = allowed_period(p->members[i].requested_ms, check_ms);
    tarn_mutex_unlock(&p->lock);
}

bool tarn_processor_should_resync(struct tarn_processor *p, uint64_t now_ms)
{
    bool any = false;

    tarn_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->n; i++) {
        struct tarn_processor_member *m = &p->members[i];

        m->syncing = m->resync_ms && now_ms >= m->next_ms;
        if (m->syncing)
            m->next_ms = now_ms + m->resync_ms;
        any |= m->syncing;
    }
    tarn_mutex_unlock(&p->lock);
    return any;
}
