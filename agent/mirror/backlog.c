/* backlog.c - see backlog.h.
 *
 * One queue. It is loose while it holds only single changes that the region has no room for: then each stands for its key (found through
 * `keys`) and another change of that key takes its place. Otherwise it is strict: a change waits behind all others.
 */
#include "backlog.h"

#include <search.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <uv.h>

enum kind { PUT, DELETE, BEGIN, STAGE, UNSTAGE, COMMIT };

struct change {
    TAILQ_ENTRY(change) link;
    enum kind kind;
    const struct tarn_object *obj; /* owned; NULL for BEGIN, COMMIT */
    struct tarn_bytes rv;          /* of COMMIT; behind the struct */
};
TAILQ_HEAD(changes, change);

struct tarn_backlog {
    struct tarn_store base; /* first: the store is the backlog */
    struct tarn_store *target;
    struct tarn_backlog_sink sink;
    struct changes changes;
    void *keys; /* of a loose queue: tsearch of changes by key */
    bool loose, paused;
    bool leave_out; /* of the Replace that is staged */
    uint64_t left_out;
    struct tarn_backlog_facts facts;
};

static struct tarn_backlog *of(struct tarn_store *s)
{
    return (struct tarn_backlog *)s;
}

/* ---- the queue ---------------------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
    struct tarn_bytes x = tarn_object_key(((const struct change *)a)->obj), y = tarn_object_key(((const struct change *)b)->obj);
    int order = memcmp(x.data, y.data, x.len < y.len ? x.len : y.len);

    return order ? order : x.len < y.len ? -1 : x.len > y.len;
}

static struct change *waiting_for(struct tarn_backlog *b, const struct tarn_object *obj)
{
    struct change like = {.obj = obj}, **at = b->loose ? tfind(&like, &b->keys, by_key) : NULL;

    return at ? *at : NULL;
}

static uint64_t bytes_of(const struct change *c)
{
    return sizeof *c + (c->obj ? tarn_object_size(c->obj) : 0);
}

static void drop(struct tarn_backlog *b, struct change *c)
{
    if (b->loose)
        (void)tdelete(c, &b->keys, by_key);
    TAILQ_REMOVE(&b->changes, c, link);
    b->facts.waiting--;
    b->facts.bytes -= bytes_of(c);
    tarn_object_unref(c->obj);
    free(c);
    b->loose &= !TAILQ_EMPTY(&b->changes);
}

static void drop_all(struct tarn_backlog *b)
{
    while (!TAILQ_EMPTY(&b->changes))
        drop(b, TAILQ_FIRST(&b->changes));
}

/* Strict: nobody looks for keys any more. */
static void be_strict(struct tarn_backlog *b)
{
    struct change *c;

    if (b->loose)
        TAILQ_FOREACH(c, &b->changes, link)
            (void)tdelete(c, &b->keys, by_key);
    b->loose = false;
}

/* Tell the owner when the stream has to wait, or no longer. */
static void settle(struct tarn_backlog *b)
{
    bool paused = !TAILQ_EMPTY(&b->changes) && !b->loose;

    if (paused == b->paused)
        return;
    b->paused = paused;
    b->sink.on_pause(b->sink.ctx, paused);
}

static struct change *make(enum kind kind, const struct tarn_object *obj, struct tarn_bytes rv)
{
    struct change *c = calloc(1, sizeof *c + rv.len);

    if (c && obj)
        c->obj = tarn_object_ref(obj);
    if (!c || (obj && !c->obj)) {
        free(c);
        return NULL;
    }
    c->kind = kind;
    c->rv = (struct tarn_bytes){.data = rv.len ? memcpy(c + 1, rv.data, rv.len) : "", .len = rv.len};
    return c;
}

/* The whole queue goes: a list must bring it again. */
static void lose(struct tarn_backlog *b, const char *why)
{
    struct tarn_error err;

    (void)tarn_error_set(&err, TARN_E_FULL, "%llu changes have no room in the region; %s", (unsigned long long)b->facts.waiting, why);
    drop_all(b);
    b->sink.on_lost(b->sink.ctx, &err);
}

static int hold(struct tarn_backlog *b, enum kind kind, const struct tarn_object *obj, struct tarn_bytes rv, int why)
{
    struct change *c = make(kind, obj, rv);
    bool single = kind == PUT || kind == DELETE;

    if (!c)
        return TARN_E_NOMEM;
    if (TAILQ_EMPTY(&b->changes)) {
        b->loose = single && why == TARN_E_FULL;
        b->facts.held++;
        b->facts.full += why == TARN_E_FULL;
    } else if (!single || why != TARN_E_FULL) {
        be_strict(b);
    }
    TAILQ_INSERT_TAIL(&b->changes, c, link);
    b->facts.waiting++;
    b->facts.bytes += bytes_of(c);
    if (b->loose && !tsearch(c, &b->keys, by_key))
        b->loose = false; /* no memory: in order then */
    if (b->loose && b->facts.bytes > TARN_BACKLOG_BYTES_MAX)
        lose(b, "that is more than is kept: they are listed again when there is room");
    settle(b);
    return 0;
}

/* ---- trying ------------------------------------------------------------------------------------------------------ */

static bool is_passing(int rc)
{
    return rc == TARN_E_FULL || rc == TARN_E_AGAIN;
}

static int stage(struct tarn_backlog *b, const struct tarn_object *obj, struct tarn_error *err)
{
    int rc = b->target->ops->replace_add(b->target, obj, err);

    if (rc != TARN_E_FULL || !b->leave_out)
        return rc;
    b->left_out++;
    return tarn_region_store_replace_keep(b->target, obj, err);
}

static int try_it(struct tarn_backlog *b, enum kind kind, const struct tarn_object *obj, struct tarn_error *err)
{
    const struct tarn_store_ops *ops = b->target->ops;

    if (kind == PUT || kind == DELETE)
        tarn_region_store_keep_apart(b->target, tarn_object_key(obj));
    switch (kind) {
    case PUT:
        return ops->add(b->target, obj, err);
    case DELETE:
        return ops->del(b->target, obj, err);
    case BEGIN:
        b->leave_out = false;
        b->left_out = 0;
        return ops->replace_begin(b->target, err);
    case STAGE:
        return stage(b, obj, err);
    default:
        return ops->replace_remove(b->target, obj, err);
    }
}

/* Of a key that waits or while others do: puts wait without a try, deletes pass. */
static int loosely(struct tarn_backlog *b, enum kind kind, const struct tarn_object *obj, struct tarn_error *err)
{
    struct change *before = waiting_for(b, obj);
    int rc = TARN_E_FULL;

    if (before)
        drop(b, before);
    if (kind == DELETE)
        rc = try_it(b, kind, obj, err);
    if (is_passing(rc)) {
        b->facts.held -= TAILQ_EMPTY(&b->changes); /* it goes on waiting */
        b->facts.full -= TAILQ_EMPTY(&b->changes);
        return hold(b, kind, obj, (struct tarn_bytes){0}, rc);
    }
    settle(b);
    return rc;
}

/* Now if nothing waits and the region can; else later. */
static int now_or_later(struct tarn_backlog *b, enum kind kind, const struct tarn_object *obj, struct tarn_error *err)
{
    int rc = TARN_E_AGAIN;

    if (b->loose && (kind == PUT || kind == DELETE))
        return loosely(b, kind, obj, err);
    if (TAILQ_EMPTY(&b->changes))
        rc = try_it(b, kind, obj, err);
    return is_passing(rc) ? hold(b, kind, obj, (struct tarn_bytes){0}, rc) : rc;
}

/* ---- the store ------------------------------------------------------------------------------------------------ */

static int store_put(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    return now_or_later(of(s), PUT, obj, err);
}

static int store_delete(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    return now_or_later(of(s), DELETE, obj, err);
}

/* What waits for room must not keep a list from making some; the list has it too. */
static int store_replace_begin(struct tarn_store *s, struct tarn_error *err)
{
    if (of(s)->loose)
        lose(of(s), "the list that begins brings them again");
    return now_or_later(of(s), BEGIN, NULL, err);
}

static int store_replace_add(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    return now_or_later(of(s), STAGE, obj, err);
}

static int store_replace_remove(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    return now_or_later(of(s), UNSTAGE, obj, err);
}

static int store_replace_commit(struct tarn_store *s, struct tarn_bytes rv, struct tarn_error *err)
{
    int rc = hold(of(s), COMMIT, NULL, rv, TARN_E_AGAIN);

    return rc ? tarn_error_set(err, rc, "out of memory") : 0;
}

/* The last Replace of which something waits has no COMMIT: where it begins, or where its staging goes on. NULL: there is none. */
static struct change *open_replace(struct tarn_backlog *b)
{
    struct change *c, *at = NULL;

    TAILQ_FOREACH(c, &b->changes, link) {
        if (c->kind == BEGIN || (!at && (c->kind == STAGE || c->kind == UNSTAGE)))
            at = c;
        else if (c->kind == COMMIT)
            at = NULL;
    }
    return at;
}

static bool commit_waits(const struct tarn_backlog *b)
{
    struct change *c;

    TAILQ_FOREACH(c, &b->changes, link)
        if (c->kind == COMMIT)
            return true;
    return false;
}

/* One whose commit was asked for is no longer the caller's to abort. */
static void store_replace_abort(struct tarn_store *s)
{
    struct tarn_backlog *b = of(s);
    struct change *at = open_replace(b), *next;
    bool begun = at ? at->kind != BEGIN : true;

    for (; at; at = next) {
        next = TAILQ_NEXT(at, link);
        drop(b, at);
    }
    if (begun && !commit_waits(b))
        b->target->ops->replace_abort(b->target);
    settle(b);
}

static int store_get(struct tarn_store *s, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err)
{
    return of(s)->target->ops->get(of(s)->target, obj, ret, err);
}

static int store_get_by_key(struct tarn_store *s, struct tarn_bytes key, const struct tarn_object **ret, struct tarn_error *err)
{
    return of(s)->target->ops->get_by_key(of(s)->target, key, ret, err);
}

static int store_list(struct tarn_store *s, struct tarn_objects *ret)
{
    return of(s)->target->ops->list(of(s)->target, ret);
}

static int store_list_keys(struct tarn_store *s, struct tarn_keys *ret)
{
    return of(s)->target->ops->list_keys(of(s)->target, ret);
}

static int store_resync(struct tarn_store *s, struct tarn_error *err)
{
    return of(s)->target->ops->resync(of(s)->target, err);
}

static void store_free(struct tarn_store *s)
{
    drop_all(of(s));
    free(of(s));
}

static const struct tarn_store_ops ops = {
    .add = store_put,
    .update = store_put,
    .del = store_delete,
    .get = store_get,
    .get_by_key = store_get_by_key,
    .list = store_list,
    .list_keys = store_list_keys,
    .replace_begin = store_replace_begin,
    .replace_add = store_replace_add,
    .replace_commit = store_replace_commit,
    .replace_abort = store_replace_abort,
    .replace_remove = store_replace_remove,
    .resync = store_resync,
    .free = store_free,
};

/* ---- applying what waits ------------------------------------------------------------------------------------------ */

/* 0: applied, or lost for good; 1: more of it; passing: later. A Replace that does not fit is undone by then: lost. */
static int apply_commit(struct tarn_backlog *b, const struct change *c, uint32_t slice_us, struct tarn_error *err)
{
    struct tarn_resource_state state;
    int rc;

    b->sink.state(b->sink.ctx, c->rv, !b->left_out, &state);
    rc = tarn_region_store_replace_apply(b->target, c->rv, &state, slice_us, err);
    b->facts.applying = rc == 1;
    if (rc == 1 || rc == TARN_E_AGAIN)
        return rc;
    if (rc)
        b->sink.on_lost(b->sink.ctx, err);
    else
        b->sink.on_listed(b->sink.ctx, b->left_out);
    return 0;
}

static int apply_first(struct tarn_backlog *b, uint32_t slice_us, struct tarn_error *err)
{
    struct change *c = TAILQ_FIRST(&b->changes);
    int rc = c->kind == COMMIT ? apply_commit(b, c, slice_us, err) : try_it(b, c->kind, c->obj, err);

    if (rc == 1 || is_passing(rc) || rc == TARN_E_NOMEM)
        return rc;
    if (rc)
        b->sink.on_skipped(b->sink.ctx, c->obj ? tarn_object_key(c->obj) : (struct tarn_bytes){0}, err);
    b->facts.applied++;
    drop(b, c);
    return 0;
}

int tarn_backlog_run(struct tarn_backlog *b, uint32_t slice_us, struct tarn_error *err)
{
    uint64_t end = uv_hrtime() + (uint64_t)slice_us * 1000;
    int rc = 0;

    while (!rc && !TAILQ_EMPTY(&b->changes)) {
        rc = apply_first(b, slice_us, err);
        if (!rc && uv_hrtime() >= end)
            rc = 1;
    }
    settle(b);
    return TAILQ_EMPTY(&b->changes) ? 0 : rc;
}

void tarn_backlog_leave_out(struct tarn_backlog *b)
{
    b->leave_out = true;
}

/* ---- the rest -------------------------------------------------------------------------------------------------------- */

int tarn_backlog_new(struct tarn_store *target, const struct tarn_backlog_sink *sink, struct tarn_backlog **ret)
{
    struct tarn_backlog *b = calloc(1, sizeof *b);

    if (!b)
        return TARN_E_NOMEM;
    b->base.ops = &ops;
    b->target = target;
    b->sink = *sink;
    TAILQ_INIT(&b->changes);
    *ret = b;
    return 0;
}

void tarn_backlog_free(struct tarn_backlog *b)
{
    if (b)
        store_free(&b->base);
}

struct tarn_store *tarn_backlog_store(struct tarn_backlog *b)
{
    return &b->base;
}

bool tarn_backlog_waits(const struct tarn_backlog *b)
{
    return !TAILQ_EMPTY(&b->changes);
}

bool tarn_backlog_paused(const struct tarn_backlog *b)
{
    return b->paused;
}

static int convert_one(struct tarn_backlog *b, struct change *c, const struct tarn_object *made)
{
    const struct tarn_object *kept = tarn_object_ref(made);

    if (!kept)
        return TARN_E_NOMEM;
    b->facts.bytes += tarn_object_size(kept);
    b->facts.bytes -= tarn_object_size(c->obj);
    tarn_object_unref(c->obj);
    c->obj = kept; /* of the same key */
    return 0;
}

int tarn_backlog_convert(struct tarn_backlog *b, int (*fn)(void *ctx, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err),
                         void *ctx, struct tarn_error *err)
{
    struct change *c;

    TAILQ_FOREACH(c, &b->changes, link) {
        const struct tarn_object *made;
        int rc = c->obj ? fn(ctx, c->obj, &made, err) : 0;

        if (!rc && c->obj && made != c->obj && convert_one(b, c, made))
            rc = tarn_error_set(err, TARN_E_NOMEM, "out of memory");
        if (rc)
            return rc;
    }
    return 0;
}

void tarn_backlog_facts(const struct tarn_backlog *b, struct tarn_backlog_facts *ret)
{
    *ret = b->facts;
}
