/* One watch of an informer. See feed.h.
 *
 * The idea: `known` says what the consumer has, so every step is "make the consumer's state equal to the newer snapshot" and may
 * stop anywhere. The log says where to look; without it everything is looked at. The base snapshot only adds the old objects.
 * Over a planned hand-over (takeover.h) object numbers and log positions go on: the rest of the old region's log is read, then the
 * new one's.
 */
#include "feed.h"

#include <stdlib.h>
#include <string.h>

enum { RESYNC_MIN_MS = 1000 };

/* ---- life ------------------------------------------------------------------------------------------ */

static char *copy_text(const char *text)
{
    size_t n = text ? strlen(text) + 1 : 0;
    char *copy = n ? malloc(n) : NULL;

    return copy ? memcpy(copy, text, n) : NULL;
}

int feed_new(const struct tarn_informer_watch *w, unsigned id, struct feed **ret)
{
    struct feed *f = calloc(1, sizeof *f);

    if (!f)
        return TARN_E_NOMEM;
    f->id = id;
    f->watch = *w;
    f->watch.resource = copy_text(w->resource);
    f->watch.ns = copy_text(w->ns);
    if (w->resync_ms)
        f->watch.resync_ms = w->resync_ms < RESYNC_MIN_MS ? RESYNC_MIN_MS : w->resync_ms;
    if (!f->watch.resource || (w->ns && !f->watch.ns)) {
        feed_free(f);
        return TARN_E_NOMEM;
    }
    *ret = f;
    return 0;
}

void feed_free(struct feed *f)
{
    if (!f)
        return;
    (void)tarn_snapshot_close(f->base);
    known_release(&f->known);
    free((void *)(uintptr_t)f->watch.resource);
    free((void *)(uintptr_t)f->watch.ns);
    free(f);
}

/* ---- calls ------------------------------------------------------------------------------------------ */

static void counted(struct feed *f, uint64_t *counter, int returned)
{
    ++*counter;
    if (returned != 0)
        f->counters.handler_errors++;
}

static int call_add(struct feed *f, const struct tarn_object *obj, bool initial)
{
    int r = known_put(&f->known, obj);

    if (r == 0)
        counted(f, &f->counters.adds, tarn_event_handler_add(&f->watch.handler, obj, initial));
    return r;
}

/* old NULL: unknown, a bare key stands for it. */
static int call_update(struct feed *f, const struct tarn_object *old, const struct tarn_object *obj)
{
    const struct tarn_object *bare = NULL;
    int r = old ? 0 : tarn_object_new_explicit_key(tarn_object_key(obj), &bare);

    if (r == 0)
        r = known_put(&f->known, obj);
    if (r == 0)
        counted(f, &f->counters.updates, tarn_event_handler_update(&f->watch.handler, old ? old : bare, obj));
    tarn_object_unref(bare);
    return r;
}

/* missed: the delete was not seen, so that old (may be NULL) goes out in a tombstone. key may be part of the known entry. */
static int call_delete(struct feed *f, struct tarn_bytes key, const struct tarn_object *old, bool missed)
{
    const struct tarn_object *tombstone = NULL;
    int r = missed || !old ? tarn_object_new_tombstone(key, old, &tombstone) : 0;

    if (r != 0)
        return r;
    known_remove(&f->known, key);
    counted(f, &f->counters.deletes, tarn_event_handler_delete(&f->watch.handler, tombstone ? tombstone : old));
    tarn_object_unref(tombstone);
    return 0;
}

/* ---- from what the consumer has to what is there ------------------------------------------------------ */

/* One key: what was (NULL: unknown or not there) and what is (NULL: not there, or not wanted). */
struct change {
    struct tarn_bytes key;
    const struct tarn_object *old, *obj;
    bool missed; /* found by difference, not by the log */
};

static int deliver_known(struct feed *f, const struct known_entry *e, const struct change *c)
{
    int r;

    if (!c->obj)
        return call_delete(f, c->key, c->old, c->missed);
    if (known_same_uid(e, c->obj))
        return known_same_version(e, c->obj) ? 0 : call_update(f, c->old, c->obj);
    r = call_delete(f, c->key, c->old, c->missed); /* deleted and made again (I-6) */
    return r == 0 && !f->removed ? call_add(f, c->obj, false) : r;
}

static int deliver(struct feed *f, const struct change *c)
{
    const struct known_entry *e;

    if (f->removed)
        return 0;
    e = known_find(&f->known, c->key);
    if (e)
        return deliver_known(f, e, c);
    return c->obj ? call_add(f, c->obj, !f->synced) : 0;
}

static bool wanted(const struct feed *f, const struct tarn_object *obj)
{
    const struct tarn_informer_watch *w = &f->watch;

    return (!w->ns || !*w->ns || tarn_bytes_equal(tarn_object_namespace(obj), tarn_bytes_of(w->ns))) &&
           tarn_selector_matches(w->labels, obj) && tarn_field_selector_matches(w->fields, obj);
}

/* In copying mode: the copies of one call are not wanted after it. */
static void drop_copies(struct tarn_snapshot *s)
{
    if (s && s->copies.n)
        tarn_objects_release(&s->copies);
}

static struct tarn_query query_of(const struct feed *f)
{
    return (struct tarn_query){.ns = f->watch.ns, .labels = f->watch.labels, .fields = f->watch.fields};
}

/* ---- by difference -------------------------------------------------------------------------------------- */

/* The object as the consumer has it, from the base if that still stands. */
static const struct tarn_object *old_of(struct feed *f, struct tarn_bytes key)
{
    const struct tarn_object *old = NULL;

    if (!f->base || tarn_get_many(f->base, f->watch.resource, &key, 1, &old) != 0)
        return NULL;
    return old;
}

static int meet(struct feed *f, const struct tarn_object *obj)
{
    struct tarn_bytes key = tarn_object_key(obj);
    struct known_entry *e = known_find(&f->known, key);
    struct change c = {.key = key, .obj = obj, .missed = true};

    if (e) {
        e->mark = f->known.mark;
        if (known_same_version(e, obj))
            return 0;
        c.old = old_of(f, key);
    }
    return deliver(f, &c);
}

/* Delete what the walk did not meet. */
static int delete_unmet(struct feed *f)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < f->known.cap; i++)
        while (r == 0 && !f->removed && f->known.slot[i] && f->known.slot[i]->mark != f->known.mark) {
            struct tarn_bytes key = {f->known.slot[i]->key, f->known.slot[i]->klen};

            r = deliver(f, &(struct change){.key = key, .old = old_of(f, key), .missed = true}); /* moves another into slot[i] */
            drop_copies(f->base);
        }
    return r;
}

static void note_gap(struct feed *f)
{
    f->counters.gaps++;
    if (f->watch.on_gap)
        f->watch.on_gap(f->watch.handler.ctx);
}

/* A difference after the first list is a gap in the versions. */
static void count_difference(struct feed *f)
{
    if (!f->synced)
        return;
    f->counters.differences++;
    if (f->watch.every_change)
        note_gap(f);
}

/* Compare all that is there with all that the consumer has. The first list is the difference from nothing. */
static int difference(struct feed *f, struct tarn_snapshot *to)
{
    struct tarn_query q = query_of(f);
    const struct tarn_object *obj;
    struct tarn_iter it;
    int r = tarn_list(to, f->watch.resource, &q, &it, NULL);

    if (r != 0)
        return r;
    count_difference(f);
    f->known.mark++;
    while (r == 0 && !f->removed && (obj = tarn_iter_next(&it))) {
        r = meet(f, obj);
        drop_copies(f->base);
        drop_copies(to);
    }
    if (r == 0)
        r = tarn_iter_error(&it);
    return r == 0 ? delete_unmet(f) : r;
}

/* ---- by the log ------------------------------------------------------------------------------------------- */

/* Changes of one store in (base, to]. */
struct batch {
    struct tarn_log_changes changes;
    size_t nold; /* the first ones happened in base's region, the others in to's */
};

static int batch_read(struct batch *b, const struct tarn_reader *until, uint16_t store, struct tarn_log_cursor *cursor)
{
    struct tarn_log_change c;
    int r;

    while ((r = tarn_log_next(until, cursor, &c)) == 1) {
        if (c.store != store)
            continue;
        r = tarn_log_changes_add(&b->changes, &c);
        if (r != 0)
            return r;
    }
    return r;
}

/* The object of number oid at s; NULL if there is none. */
static int at(struct tarn_snapshot *s, const struct tarn_reader *r, uint32_t oid, const struct tarn_object **ret)
{
    int got = tarn_reader_by_oid(r, oid, ret);

    if (got == TARN_E_NOTFOUND) {
        *ret = NULL;
        return 0;
    }
    return got == 0 ? tarn_snapshot_deliver(s, ret) : tarn_snapshot_note(s, got);
}

/* A moment to read at, the snapshot whose region it is in, and the watch's resource there. */
struct moment {
    struct tarn_snapshot *s;
    struct tarn_reader r;
    uint16_t store;
};

static struct moment moment(struct tarn_snapshot *s, uint64_t seq, uint16_t store)
{
    struct moment m = {s, s->r, store};

    m.r.seq = seq;
    return m;
}

static int tell(struct feed *f, const struct change *c)
{
    struct change told = *c;

    if (c->obj && !wanted(f, c->obj))
        told.obj = NULL;
    return deliver(f, &told);
}

/* old's number is no more, or another object's, as a new generation may give it away at once: but its key may have come again under another. */
static int deliver_left(struct feed *f, const struct tarn_object *old, const struct moment *until)
{
    struct change c = {.key = tarn_object_key(old), .old = old};
    int r = tarn_reader_get(&until->r, until->store, c.key, &c.obj);

    if (r == TARN_E_NOTFOUND) {
        c.obj = NULL;
        return tell(f, &c);
    }
    r = r == 0 ? tarn_snapshot_deliver(until->s, &c.obj) : tarn_snapshot_note(until->s, r);
    return r == 0 ? tell(f, &c) : r;
}

/* Deliver what became of oid between two moments. */
static int deliver_oid(struct feed *f, uint32_t oid, const struct moment *from, const struct moment *until)
{
    struct change c = {0};
    int r = at(from->s, &from->r, oid, &c.old);

    if (r == 0)
        r = at(until->s, &until->r, oid, &c.obj);
    if (r == 0 && c.old && (!c.obj || !tarn_bytes_equal(tarn_object_key(c.old), tarn_object_key(c.obj)))) {
        r = deliver_left(f, c.old, until);
        c.old = NULL;
    }
    if (r == 0 && c.obj) {
        c.key = tarn_object_key(c.obj);
        r = tell(f, &c);
    }
    drop_copies(from->s);
    drop_copies(until->s);
    return r;
}

/* A version in a region that took base's over, and that no pin of ours kept: from the old region's end to the newest state. */
static int deliver_taken_over(struct feed *f, const struct tarn_log_change *c, struct tarn_snapshot *to)
{
    struct moment from = moment(f->base, tarn_region_view_commit(&f->base->session->view), f->store), until = moment(to, to->r.seq, c->store);
    const struct tarn_object *obj;

    if (tarn_reader_by_oid(&to->r, c->oid, &obj) == 0 && tarn_reader_object_seq(obj) != c->seq)
        note_gap(f); /* this version was overwritten meanwhile */
    return deliver_oid(f, c->oid, &from, &until);
}

/* Each version: just before and just after its commit, in the region where it happened. base's pin keeps all since base in its own. */
static int deliver_version(struct feed *f, const struct batch *b, size_t i, struct tarn_snapshot *to)
{
    bool taken_over = i >= b->nold && f->base_session != to->session->id;
    struct moment from = moment(taken_over ? to : f->base, b->changes.v[i].seq - 1, b->changes.v[i].store), until = from;
    int r;

    until.r.seq = b->changes.v[i].seq;
    r = deliver_oid(f, b->changes.v[i].oid, &from, &until);
    return r == TARN_E_EXPIRED && taken_over ? deliver_taken_over(f, &b->changes.v[i], to) : r;
}

static int deliver_one(struct feed *f, const struct batch *b, size_t i, struct tarn_snapshot *to, uint16_t store)
{
    struct moment from = moment(f->base, f->base->r.seq, f->store), until = moment(to, to->r.seq, store);

    return f->watch.every_change ? deliver_version(f, b, i, to) : deliver_oid(f, b->changes.v[i].oid, &from, &until);
}

/* All changes since base: those of base's region to its end if `to` is of another, then those of to's. */
static int batch_fill(struct batch *b, const struct feed *f, const struct tarn_snapshot *to, uint16_t store,
                      struct tarn_log_cursor *cursor)
{
    int r = 0;

    if (f->base_session != to->session->id) {
        struct moment last = moment(f->base, tarn_region_view_commit(&f->base->session->view), f->store);

        r = batch_read(b, &last.r, f->store, cursor);
        b->nold = b->changes.n;
    }
    return r == 0 ? batch_read(b, &to->r, store, cursor) : r;
}

static int by_log(struct feed *f, struct tarn_snapshot *to, uint16_t store)
{
    struct tarn_log_cursor cursor = f->cursor;
    struct batch b = {0};
    int r = batch_fill(&b, f, to, store, &cursor);

    if (r == 0 && !f->watch.every_change)
        r = tarn_log_changes_coalesce(&b.changes);
    for (size_t i = 0; r == 0 && i < b.changes.n && !f->removed; i++)
        r = deliver_one(f, &b, i, to, store);
    free(b.changes.v);
    f->counters.batches += b.changes.n > 0;
    if (r == 0)
        f->cursor = cursor;
    return r;
}

/* ---- a turn ------------------------------------------------------------------------------------------------ */

/* `to` is the state delivered last from here. */
static int rebase(struct feed *f, struct tarn_snapshot *to, uint16_t store, bool cursor_stands)
{
    int r = cursor_stands ? 0 : tarn_log_cursor_at(&to->r, &f->cursor);

    if (r != 0)
        return r;
    (void)tarn_snapshot_close(f->base);
    f->base = to;
    f->base_session = to->session->id;
    f->base_broken = false;
    f->store = store;
    f->synced = true;
    return tarn_snapshot_park(to, true) == TARN_E_FORKED ? TARN_E_FORKED : 0; /* if it expired, the next turn sees it */
}

/* Did to's region take base's over, within one run of the agent, and this resource's objects with it? */
static bool goes_on(const struct feed *f, const struct tarn_snapshot *to, const struct tarn_resource_info *info)
{
    const struct tarn_region_view *old = &f->base->session->view, *new = &to->session->view;
    const struct tarn_resource_info *was;
    struct tarn_region_facts facts;

    tarn_region_view_facts(old, &facts);
    return facts.superseded == new->generation && memcmp(old->instance, new->instance, sizeof old->instance) == 0 &&
           tarn_snapshot_resource(f->base, f->watch.resource, &was, NULL) == 0 && was->incarnation == info->incarnation;
}

static bool log_reaches(const struct feed *f, const struct tarn_snapshot *to, const struct tarn_resource_info *info)
{
    if (!f->base || f->base_broken || tarn_snapshot_park(f->base, false) != 0)
        return false;
    return f->base_session == to->session->id ? f->store == info->store : goes_on(f, to, info);
}

/* Deliver everything up to `to`, which becomes the base on success. */
static int bring_to(struct feed *f, struct tarn_snapshot *to, const struct tarn_resource_info *info)
{
    bool logged = log_reaches(f, to, info);
    int r = logged ? by_log(f, to, info->store) : difference(f, to);

    if (logged && (r == TARN_E_GONE || r == TARN_E_EXPIRED)) {
        logged = false;
        r = difference(f, to);
    }
    if (r == 0)
        r = rebase(f, to, info->store, logged);
    if (r != 0)
        f->base_broken = true;
    return r;
}

static int resync(struct feed *f)
{
    struct tarn_query q = query_of(f);
    const struct tarn_object *obj;
    struct tarn_iter it;
    uint64_t now = tarn_clock_ms();

    if (!f->watch.resync_ms || !f->synced || f->base_broken)
        return 0;
    if (f->next_resync_ms == 0)
        f->next_resync_ms = now + f->watch.resync_ms;
    if (now < f->next_resync_ms)
        return 0;
    f->next_resync_ms = now + f->watch.resync_ms;
    if (tarn_list(f->base, f->watch.resource, &q, &it, NULL) != 0)
        return 0; /* the base is gone: a difference is due anyway */
    while (!f->removed && (obj = tarn_iter_next(&it))) {
        counted(f, &f->counters.resyncs, tarn_event_handler_update(&f->watch.handler, obj, obj));
        drop_copies(f->base);
    }
    return 0;
}

int feed_turn(struct feed *f, struct tarn_client *c)
{
    const struct tarn_resource_info *info;
    struct tarn_snapshot *to;
    bool newer;
    int r = tarn_snapshot_open(c, &to, NULL);

    if (r != 0)
        return r;
    newer = !f->base || f->base_broken || f->base_session != to->session->id || to->r.seq > f->base->r.seq;
    r = newer ? tarn_snapshot_resource(to, f->watch.resource, &info, NULL) : TARN_E_RESOURCE;
    if (r == 0 && info->state.synced)
        r = bring_to(f, to, info);
    if (f->base != to)
        (void)tarn_snapshot_close(to);
    f->counters.objects = f->known.n;
    if (r == TARN_E_RESOURCE) /* nothing newer, or not mirrored (yet) */
        r = 0;
    return r == 0 ? resync(f) : r == TARN_E_EXPIRED ? 0 : r; /* expired: the next turn starts from a newer snapshot */
}
