/* listener.c - the buffer in front of one handler: a ring of notifications, or folded changes (see listener.h). */
#include "listener.h"

#include <stdlib.h>

#include "delta_apply.h"
#include "map.h"
#include "ring.h"
#include "sync.h"

enum kind { ADD, UPDATE, DELETE };

/* One event; owns its objects. */
struct notification {
    const struct tarn_object *old, *obj; /* old: the state before; NULL for ADD */
    enum kind kind;
    bool initial; /* ADD: counted by the tracker */
    bool resync;  /* UPDATE */
};

/* What happened to one key since the handler last heard of it; owns its objects. */
struct change {
    const struct tarn_object *named; /* an object of this key: the map reads the key here */
    const struct tarn_object *seen;  /* what the handler saw last; NULL: it knows of none */
    const struct tarn_object *now;   /* NULL: gone */
    const struct tarn_object *gone;  /* the object of the newest delete, where it is gone */
    uint32_t initial;                /* initial adds in it */
    bool resync;
};

struct tarn_listener {
    struct tarn_event_handler handler;
    size_t limit;
    void (*idle)(void *ctx);
    void *ctx;
    struct tarn_single_file_tracker tracker;
    _Atomic unsigned refs; /* release on the way down, acquire at zero: the last one sees all that others did */

    struct tarn_mutex lock; /* protects what follows; innermost but for the heap */
    struct tarn_cond filled;
    bool closed;
    struct tarn_ring ring;    /* struct notification, used while `changes` is empty */
    struct tarn_ring changes; /* struct change, oldest first */
    struct tarn_map by_key;   /* key → number of its change, counted from `first` */
    uint32_t first;           /* number of the change at the head; wraps */
    struct tarn_listener_counters counters;
};

int tarn_listener_new(const struct tarn_listener_options *o, struct tarn_listener **ret)
{
    struct tarn_listener *l = calloc(1, sizeof *l);

    if (!l)
        return TARN_E_NOMEM;
    l->handler = o->handler;
    l->limit = o->limit;
    l->idle = o->idle;
    l->ctx = o->ctx;
    l->tracker.upstream = o->upstream;
    l->refs = 1;
    l->ring.size = sizeof(struct notification);
    l->changes.size = sizeof(struct change);
    tarn_mutex_init(&l->lock);
    tarn_cond_init(&l->filled);
    *ret = l;
    return 0;
}

void tarn_listener_ref(struct tarn_listener *l)
{
    (void)atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed); /* the caller has one: it cannot be zero */
}

static void notification_release(struct notification *n)
{
    tarn_object_unref(n->old);
    tarn_object_unref(n->obj);
}

static void change_release(struct change *c)
{
    tarn_object_unref(c->named);
    tarn_object_unref(c->seen);
    tarn_object_unref(c->now);
    tarn_object_unref(c->gone);
}

/* Release what waits. The lock is held, or l ends. */
static void drop_all(struct tarn_listener *l)
{
    for (size_t i = 0; i < l->ring.n; i++)
        notification_release(tarn_ring_at(&l->ring, i));
    for (size_t i = 0; i < l->changes.n; i++)
        change_release(tarn_ring_at(&l->changes, i));
    tarn_ring_release(&l->ring);
    tarn_ring_release(&l->changes);
    tarn_map_release(&l->by_key);
}

void tarn_listener_unref(struct tarn_listener *l)
{
    /* acq_rel: the last one sees all that the others did before they left. */
    if (!l || atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) != 1)
        return;
    drop_all(l);
    tarn_cond_release(&l->filled);
    tarn_mutex_release(&l->lock);
    free(l);
}

/* ---- folding --------------------------------------------------------------------------------------- */

static struct tarn_bytes change_key(const void *ctx, const struct tarn_map_slot *s)
{
    const struct tarn_listener *l = ctx;
    const struct change *c = tarn_ring_at(&l->changes, s->id - l->first);

    return tarn_object_key(c->named);
}

static struct tarn_map_slot *find_slot(struct tarn_listener *l, struct tarn_bytes key)
{
    return tarn_map_find(&l->by_key, tarn_map_hash(&l->by_key, key), key,
                         (struct tarn_map_keys){.key_of = change_key, .ctx = l});
}

/* Put a new reference of obj (on the heap, so it cannot fail; or NULL) in *place. */
static void set(const struct tarn_object **place, const struct tarn_object *obj)
{
    const struct tarn_object *before = *place;

    *place = tarn_object_ref(obj);
    tarn_object_unref(before);
}

/* The change of the notification's key, made if it is new. Room is there. */
static struct change *change_of(struct tarn_listener *l, const struct notification *n)
{
    struct tarn_bytes key = tarn_object_key(n->obj);
    struct tarn_map_slot *s = find_slot(l, key);
    struct change c = {0};

    if (s)
        return tarn_ring_at(&l->changes, s->id - l->first);
    set(&c.named, n->obj);
    set(&c.seen, n->old);
    tarn_ring_push(&l->changes, &c);
    tarn_map_put(&l->by_key, tarn_map_hash(&l->by_key, key), l, l->first + (uint32_t)l->changes.n - 1);
    return tarn_ring_at(&l->changes, l->changes.n - 1);
}

static void fold(struct tarn_listener *l, const struct notification *n)
{
    struct change *c = change_of(l, n);

    set(&c->now, n->kind == DELETE ? NULL : n->obj);
    set(&c->gone, n->kind == DELETE ? n->obj : NULL);
    c->resync |= n->resync;
    c->initial += n->initial;
}

static int reserve_changes(struct tarn_listener *l, size_t n)
{
    int err = tarn_ring_reserve(&l->changes, n);

    return err ? err : tarn_map_reserve(&l->by_key, l->by_key.n + n);
}

/* Fold the whole ring, for which room was reserved. */
static void fold_ring(struct tarn_listener *l)
{
    for (size_t i = 0; i < l->ring.n; i++) {
        struct notification *n = tarn_ring_at(&l->ring, i);

        fold(l, n);
        notification_release(n);
    }
    tarn_ring_drop(&l->ring, l->ring.n);
    l->counters.folds++;
}

/* ---- pushing --------------------------------------------------------------------------------------- */

/*
 * Ring form: room for n there, if that is within the limit. Else, or if changes wait, the folded form. Room of the folded form is enough in
 * any case: when the last change has been delivered and pushes go to the ring again, they find its old room or are folded.
 */
int tarn_listener_reserve(struct tarn_listener *l, size_t n)
{
    int err = 0;

    tarn_mutex_lock(&l->lock);
    if (l->closed)
        goto out;
    if (l->changes.n == 0 && n <= l->limit && l->ring.n <= l->limit - n && tarn_ring_reserve(&l->ring, n) == 0)
        goto out;
    err = reserve_changes(l, l->ring.n + n);
    if (!err && l->ring.n)
        fold_ring(l);
out:
    tarn_mutex_unlock(&l->lock);
    return err;
}

/* Does the next notification go to the ring? Only there where room is: what was folded must stay in order before it. */
static bool goes_to_ring(const struct tarn_listener *l)
{
    return l->changes.n == 0 && l->ring.n < l->limit && l->ring.n < l->ring.cap;
}

static void push(struct tarn_listener *l, const struct notification *n)
{
    struct notification own = *n;

    tarn_mutex_lock(&l->lock);
    if (l->closed)
        goto out;
    if (n->initial)
        tarn_single_file_tracker_start(&l->tracker);
    if (goes_to_ring(l)) {
        own.old = tarn_object_ref(n->old); /* on the heap: only counted, cannot fail */
        own.obj = tarn_object_ref(n->obj);
        tarn_ring_push(&l->ring, &own);
    } else {
        if (l->ring.n)
            fold_ring(l);
        fold(l, n);
    }
    tarn_cond_signal(&l->filled);
out:
    tarn_mutex_unlock(&l->lock);
}

void tarn_listener_push_add(struct tarn_listener *l, const struct tarn_object *obj, bool is_in_initial_list)
{
    push(l, &(struct notification){.kind = ADD, .obj = obj, .initial = is_in_initial_list});
}

void tarn_listener_push_update(struct tarn_listener *l, const struct tarn_object *old, const struct tarn_object *obj,
                               bool resync)
{
    push(l, &(struct notification){.kind = UPDATE, .old = old, .obj = obj, .resync = resync});
}

void tarn_listener_push_delete(struct tarn_listener *l, const struct tarn_object *old, const struct tarn_object *obj)
{
    push(l, &(struct notification){.kind = DELETE, .old = old, .obj = obj});
}

/* ---- delivering -------------------------------------------------------------------------------------- */

/* One thing taken out: a notification or a change. */
struct taken {
    bool folded;
    struct notification n;
    struct change c;
};

/* Take the oldest. False: nothing waits. The lock is held. */
static bool take(struct tarn_listener *l, struct taken *t)
{
    if (l->ring.n) {
        *t = (struct taken){.n = *(struct notification *)tarn_ring_at(&l->ring, 0)};
        tarn_ring_drop(&l->ring, 1);
        return true;
    }
    if (!l->changes.n)
        return false;
    *t = (struct taken){.folded = true, .c = *(struct change *)tarn_ring_at(&l->changes, 0)};
    tarn_map_remove(&l->by_key, find_slot(l, tarn_object_key(t->c.named)));
    tarn_ring_drop(&l->changes, 1);
    l->first++;
    return true;
}

static int deliver_notification(struct tarn_listener *l, const struct notification *n)
{
    switch (n->kind) {
    case ADD:
        return tarn_event_handler_add(&l->handler, n->obj, n->initial);
    case UPDATE:
        return tarn_event_handler_update(&l->handler, n->old, n->obj);
    case DELETE:
        return tarn_event_handler_delete(&l->handler, n->obj);
    }
    return 0;
}

static int deliver_change(struct tarn_listener *l, const struct change *c)
{
    if (c->seen && !c->now)
        return tarn_event_handler_delete(&l->handler, c->gone);
    if (!c->now) /* came and went while the handler slept: it never knew */
        return 0;
    if (!c->seen)
        return tarn_event_handler_add(&l->handler, c->now, c->initial > 0);
    if (!c->resync && tarn_object_is_unchanged(c->seen, c->now))
        return 0;
    return tarn_event_handler_update(&l->handler, c->seen, c->now);
}

/* Deliver what was taken, with no lock held; release it. */
static int deliver(struct tarn_listener *l, struct taken *t)
{
    uint32_t initial = t->folded ? t->c.initial : t->n.initial;
    int rc = t->folded ? deliver_change(l, &t->c) : deliver_notification(l, &t->n);
    bool last = false;

    if (t->folded)
        change_release(&t->c);
    else
        notification_release(&t->n);
    for (; initial; initial--)
        last = tarn_single_file_tracker_finish(&l->tracker);
    if (last && l->idle)
        l->idle(l->ctx);
    return rc;
}

/* Deliver one; the lock is held before and after. */
static bool deliver_one(struct tarn_listener *l)
{
    struct taken t;
    int rc;

    if (!take(l, &t))
        return false;
    tarn_mutex_unlock(&l->lock);
    rc = deliver(l, &t);
    tarn_mutex_lock(&l->lock);
    l->counters.delivered++;
    l->counters.handler_errors += rc != 0;
    return true;
}

size_t tarn_listener_drain(struct tarn_listener *l)
{
    size_t n = 0;

    tarn_mutex_lock(&l->lock);
    while (deliver_one(l))
        n++;
    tarn_mutex_unlock(&l->lock);
    return n;
}

void tarn_listener_run(struct tarn_listener *l)
{
    tarn_mutex_lock(&l->lock);
    for (;;) {
        if (deliver_one(l))
            continue;
        if (l->closed)
            break;
        tarn_cond_wait(&l->filled, &l->lock);
    }
    tarn_mutex_unlock(&l->lock);
}

void tarn_listener_close(struct tarn_listener *l, bool drop)
{
    tarn_mutex_lock(&l->lock);
    l->closed = true;
    if (drop)
        drop_all(l);
    tarn_cond_broadcast(&l->filled);
    tarn_mutex_unlock(&l->lock);
}

bool tarn_listener_has_synced(struct tarn_listener *l)
{
    return tarn_single_file_tracker_has_synced(&l->tracker);
}

void tarn_listener_counters(struct tarn_listener *l, struct tarn_listener_counters *ret)
{
    tarn_mutex_lock(&l->lock);
    *ret = l->counters;
    ret->waiting = l->ring.n + l->changes.n;
    tarn_mutex_unlock(&l->lock);
}
