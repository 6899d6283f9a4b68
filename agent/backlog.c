/* backlog.c - see backlog.h. */
#include "backlog.h"

#include <stdlib.h>
#include <sys/queue.h>
#include <uv.h>

enum kind { PUT, DELETE, BEGIN, STAGE, UNSTAGE, COMMIT };

struct change {
    STAILQ_ENTRY(change) link;
    enum kind kind;
    const struct tarn_object *obj; /* owned; NULL for BEGIN, COMMIT */
    struct tarn_bytes rv;          /* of COMMIT; behind the struct */
};
STAILQ_HEAD(changes, change);

struct tarn_backlog {
    struct tarn_store base; /* first: the store is the backlog */
    struct tarn_store *target;
    struct tarn_backlog_sink sink;
    struct changes changes;
    struct tarn_backlog_facts facts;
};

static struct tarn_backlog *of(struct tarn_store *s)
{
    return (struct tarn_backlog *)s;
}

/* ---- waiting ------------------------------------------------------------------------------------------------ */

static int hold(struct tarn_backlog *b, enum kind kind, const struct tarn_object *obj, struct tarn_bytes rv, int why)
{
    struct change *c = calloc(1, sizeof *c + rv.len);

    if (c && obj)
        c->obj = tarn_object_ref(obj);
    if (!c || (obj && !c->obj)) {
        free(c);
        return TARN_E_NOMEM;
    }
    c->kind = kind;
    c->rv = (struct tarn_bytes){.data = rv.len ? memcpy(c + 1, rv.data, rv.len) : "", .len = rv.len};
    STAILQ_INSERT_TAIL(&b->changes, c, link);
    if (b->facts.waiting++ == 0) {
        b->facts.held++;
        b->facts.full += why == TARN_E_FULL;
        b->facts.reason = why;
        b->sink.on_held(b->sink.ctx, true);
    }
    return 0;
}

static void drop_first(struct tarn_backlog *b)
{
    struct change *c = STAILQ_FIRST(&b->changes);

    STAILQ_REMOVE_HEAD(&b->changes, link);
    tarn_object_unref(c->obj);
    free(c);
    if (--b->facts.waiting == 0)
        b->facts.reason = 0;
}

static bool is_passing(int rc)
{
    return rc == TARN_E_FULL || rc == TARN_E_AGAIN;
}

static int try_it(struct tarn_backlog *b, enum kind kind, const struct tarn_object *obj, struct tarn_error *err)
{
    const struct tarn_store_ops *ops = b->target->ops;

    switch (kind) {
    case PUT:
        return ops->add(b->target, obj, err);
    case DELETE:
        return ops->del(b->target, obj, err);
    case BEGIN:
        return ops->replace_begin(b->target, err);
    case STAGE:
        return ops->replace_add(b->target, obj, err);
    default:
        return ops->replace_remove(b->target, obj, err);
    }
}

/* Now if nothing waits and the region can; else later. */
static int now_or_later(struct tarn_backlog *b, enum kind kind, const struct tarn_object *obj, struct tarn_error *err)
{
    int rc = STAILQ_EMPTY(&b->changes) ? try_it(b, kind, obj, err) : TARN_E_AGAIN;

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

static int store_replace_begin(struct tarn_store *s, struct tarn_error *err)
{
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

    STAILQ_FOREACH(c, &b->changes, link) {
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

    STAILQ_FOREACH(c, &b->changes, link)
        if (c->kind == COMMIT)
            return true;
    return false;
}

/* Changes from `from` on, which is among them. */
static void drop_from(struct tarn_backlog *b, const struct change *from)
{
    struct changes kept = STAILQ_HEAD_INITIALIZER(kept);
    struct change *c;

    while ((c = STAILQ_FIRST(&b->changes)) != from) {
        STAILQ_REMOVE_HEAD(&b->changes, link);
        STAILQ_INSERT_TAIL(&kept, c, link);
    }
    while (!STAILQ_EMPTY(&b->changes))
        drop_first(b);
    STAILQ_CONCAT(&b->changes, &kept);
}

/* One whose commit was asked for is no longer the caller's to abort. */
static void store_replace_abort(struct tarn_store *s)
{
    struct tarn_backlog *b = of(s);
    struct change *at = open_replace(b);
    bool begun = at ? at->kind != BEGIN : !commit_waits(b);

    if (at)
        drop_from(b, at);
    if (begun && !commit_waits(b))
        b->target->ops->replace_abort(b->target);
    if (at && STAILQ_EMPTY(&b->changes))
        b->sink.on_held(b->sink.ctx, false);
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
    struct tarn_backlog *b = of(s);

    while (!STAILQ_EMPTY(&b->changes))
        drop_first(b);
    free(b);
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

/* 0: applied, or lost for good; 1: more of it; passing: later. */
static int apply_commit(struct tarn_backlog *b, const struct change *c, uint32_t slice_us, struct tarn_error *err)
{
    struct tarn_resource_state state;
    int rc;

    b->sink.state(b->sink.ctx, c->rv, &state);
    rc = tarn_region_store_replace_apply(b->target, c->rv, &state, slice_us, err);
    b->facts.applying = rc == 1;
    if (rc == 1 || rc == TARN_E_AGAIN || rc == 0) /* a Replace that does not fit is undone by then: lost */
        return rc;
    b->sink.on_lost(b->sink.ctx, err);
    return 0;
}

static int apply_first(struct tarn_backlog *b, uint32_t slice_us, struct tarn_error *err)
{
    struct change *c = STAILQ_FIRST(&b->changes);
    int rc = c->kind == COMMIT ? apply_commit(b, c, slice_us, err) : try_it(b, c->kind, c->obj, err);

    if (rc == 1 || is_passing(rc) || rc == TARN_E_NOMEM) {
        b->facts.reason = rc == TARN_E_FULL ? rc : TARN_E_AGAIN;
        return rc;
    }
    if (rc)
        b->sink.on_skipped(b->sink.ctx, c->obj ? tarn_object_key(c->obj) : (struct tarn_bytes){0}, err);
    b->facts.applied++;
    drop_first(b);
    return 0;
}

int tarn_backlog_run(struct tarn_backlog *b, uint32_t slice_us, struct tarn_error *err)
{
    uint64_t end = uv_hrtime() + (uint64_t)slice_us * 1000;
    int rc = 0;

    if (STAILQ_EMPTY(&b->changes))
        return 0;
    while (!rc && !STAILQ_EMPTY(&b->changes)) {
        rc = apply_first(b, slice_us, err);
        if (!rc && uv_hrtime() >= end)
            rc = 1;
    }
    if (!STAILQ_EMPTY(&b->changes))
        return rc;
    b->sink.on_held(b->sink.ctx, false);
    return 0;
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
    STAILQ_INIT(&b->changes);
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

void tarn_backlog_drop(struct tarn_backlog *b)
{
    bool held = !STAILQ_EMPTY(&b->changes);

    while (!STAILQ_EMPTY(&b->changes))
        drop_first(b);
    b->target->ops->replace_abort(b->target);
    b->facts.applying = false;
    if (held)
        b->sink.on_held(b->sink.ctx, false);
}

bool tarn_backlog_waits(const struct tarn_backlog *b)
{
    return !STAILQ_EMPTY(&b->changes);
}

int tarn_backlog_convert(struct tarn_backlog *b, int (*fn)(void *ctx, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err),
                         void *ctx, struct tarn_error *err)
{
    struct change *c;

    STAILQ_FOREACH(c, &b->changes, link) {
        const struct tarn_object *made, *kept;
        int rc = c->obj ? fn(ctx, c->obj, &made, err) : 0;

        if (rc)
            return rc;
        if (!c->obj || made == c->obj)
            continue;
        kept = tarn_object_ref(made);
        if (!kept)
            return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
        tarn_object_unref(c->obj);
        c->obj = kept;
    }
    return 0;
}

void tarn_backlog_facts(const struct tarn_backlog *b, struct tarn_backlog_facts *ret)
{
    *ret = b->facts;
}
