/* Questions to a snapshot: get, and walks with conditions.
 *
 * The idea of a walk: one thing drives it (an index value, the namespace index, or the whole resource), the other
 * conditions filter what comes by. Key order walks the same drive, sorted once (sorted.c).
 */
#include <stdlib.h>

#include <tarn/selector.h>

#include "internal.h"
#include "sorted.h"

/* ---- one object ---------------------------------------------------------------------------------- */

/* A key that was not found: does it have the shape of this resource's keys at all? */
static int key_missing(const struct tarn_resource_info *i, struct tarn_bytes key)
{
    const char *slash = memchr(key.data, '/', key.len);
    bool second = slash && memchr(slash + 1, '/', key.len - (size_t)(slash + 1 - key.data));

    if (key.len == 0 || second || (i->namespaced && (!slash || slash == key.data || slash + 1 == key.data + key.len)) ||
        (!i->namespaced && slash))
        return TARN_E_KEY_FORMAT;
    return TARN_E_NOTFOUND;
}

/* As tarn_get, without the copying mode. */
static int get(struct tarn_snapshot *s, const char *resource, const char *key, const struct tarn_object **ret)
{
    const struct tarn_resource_info *i;
    struct tarn_bytes k = tarn_bytes_of(key);
    int r = tarn_snapshot_resource(s, resource, &i, NULL);

    if (r == 0)
        r = tarn_reader_get(&s->r, i->store, k, ret);
    if (r == TARN_E_NOTFOUND || r == TARN_E_INVAL)
        return key_missing(i, k);
    return r == 0 ? 0 : tarn_snapshot_note(s, r);
}

int tarn_get(struct tarn_snapshot *s, const char *resource, const char *key, const struct tarn_object **ret)
{
    const struct tarn_object *obj;
    int r;

    SNAPSHOT_ENTER(s);
    r = get(s, resource, key, &obj);
    if (r == 0)
        r = tarn_snapshot_deliver(s, &obj);
    if (r == 0)
        *ret = obj;
    return r;
}

int tarn_get_copy(struct tarn_snapshot *s, const char *resource, const char *key, const struct tarn_object **ret)
{
    const struct tarn_object *obj;
    int r;

    SNAPSHOT_ENTER(s);
    r = get(s, resource, key, &obj);
    if (r == 0)
        r = tarn_snapshot_note(s, tarn_reader_copy(&s->r, obj, ret));
    return r;
}

static int get_many(struct tarn_snapshot *s, const char *resource, const struct tarn_bytes *keys, size_t n,
                    const struct tarn_object **ret)
{
    enum { AT_ONCE = 1 << 20 }; /* the reader counts in unsigned */
    const struct tarn_resource_info *i;
    int r = tarn_snapshot_resource(s, resource, &i, NULL);

    if (r == 0 && n == 1) { /* the bindings' get: nothing to wait for side by side */
        r = tarn_reader_get(&s->r, i->store, keys[0], ret);
        if (r == TARN_E_NOTFOUND)
            *ret = NULL;
        return r == TARN_E_NOTFOUND ? 0 : tarn_snapshot_note(s, r);
    }
    for (size_t at = 0; r >= 0 && at < n; at += AT_ONCE)
        r = tarn_reader_get_many(&s->r, i->store, keys + at, (unsigned)(n - at < AT_ONCE ? n - at : AT_ONCE), ret + at);
    return r < 0 ? tarn_snapshot_note(s, r) : 0;
}

int tarn_get_many(struct tarn_snapshot *s, const char *resource, const struct tarn_bytes *keys, size_t n,
                  const struct tarn_object **ret)
{
    int r;

    SNAPSHOT_ENTER(s);
    r = get_many(s, resource, keys, n, ret);
    for (size_t k = 0; r == 0 && s->copy && k < n; k++)
        if (ret[k])
            r = tarn_snapshot_deliver(s, &ret[k]);
    return r;
}

int tarn_get_many_copy(struct tarn_snapshot *s, const char *resource, const struct tarn_bytes *keys, size_t n,
                       const struct tarn_object **ret)
{
    size_t done = 0;
    int r;

    SNAPSHOT_ENTER(s);
    r = get_many(s, resource, keys, n, ret);
    for (; r == 0 && done < n; done++)
        if (ret[done])
            r = tarn_snapshot_note(s, tarn_reader_copy(&s->r, ret[done], &ret[done]));
    if (r != 0 && done > 0) {
        for (size_t k = 0; k + 1 < done; k++) /* the last one failed and is not ours */
            tarn_object_unref(ret[k]);
    }
    return r;
}

/* ---- walks ------------------------------------------------------------------------------------------ */

#define SELECTOR_READS 512u /* bytes of an object: its table, its metadata; measured to be the best of 64 to 1024 */

/* What is behind struct tarn_iter. */
struct walk {
    struct tarn_snapshot *s;
    struct tarn_reader_iter drive;
    const struct snapshot_sorted *sorted; /* key order: instead of drive */
    size_t at;                            /* in sorted */
    struct tarn_bytes ns, prefix;         /* conditions; empty: none */
    const struct tarn_selector *labels;
    const struct tarn_field_selector *fields;
    const struct tarn_object *pending; /* found behind the limit: there is more */
    struct tarn_bytes last;            /* key of the last one given out */
    size_t left;
    bool limited;
    bool deleted; /* over a list of deleted objects: conditions are about the final state */
    int error;
};
_Static_assert(sizeof(struct walk) <= sizeof(struct tarn_iter) && _Alignof(struct walk) <= _Alignof(struct tarn_iter), "struct tarn_iter has room for a walk");

static struct walk *walk_of(struct tarn_iter *it)
{
    return (struct walk *)(void *)it->u.opaque;
}

static int index_missing(const struct tarn_resource_info *i, const char *index, struct tarn_error *err)
{
    struct tarn_buf names = {0};

    for (unsigned n = 0; err && n < i->nindex; n++)
        if (tarn_buf_addf(&names, "%s%.*s", names.len ? ", " : "", TARN_BYTES_ARG(tarn_resource_index_name(i, n))) != 0)
            break;
    tarn_error_set(err, TARN_E_INDEX_MISSING, "%.*s have no index '%s'; indexes: %.*s", TARN_BYTES_ARG(i->name), index,
                   TARN_BYTES_ARG(names.len ? tarn_buf_bytes(&names) : TARN_BYTES("none")));
    tarn_buf_release(&names);
    return TARN_E_INDEX_MISSING;
}

/* Which index drives: its number, -1 for the whole resource, or an error. *ret_value is what it is asked for. */
static int driving_index(const struct tarn_resource_info *i, const struct tarn_query *q, struct tarn_bytes *ret_value,
                         struct tarn_error *err)
{
    int n;

    if (q->index) {
        n = tarn_resource_index(i, tarn_bytes_of(q->index));
        *ret_value = tarn_bytes_of(q->value);
        return n < 0 ? index_missing(i, q->index, err) : n;
    }
    if (q->value)
        return tarn_error_set(err, TARN_E_INVAL, "the query has a value but no index");
    if (!q->ns || !*q->ns)
        return -1;
    n = tarn_resource_index(i, TARN_BYTES("namespace"));
    *ret_value = tarn_bytes_of(q->ns);
    return n < 0 ? -1 : n;
}

static bool wants_order(const struct tarn_query *q)
{
    return q->sorted || q->limit || q->prefix.len || q->after.len;
}

static int drive_start(struct walk *w, const struct tarn_resource_info *i, int index, struct tarn_bytes value)
{
    if (index < 0)
        return tarn_reader_list(&w->s->r, i->store, &w->drive);
    return tarn_reader_by_index(&w->s->r, i, (unsigned)index, value, &w->drive);
}

/* Sort what the drive gives, and find where to begin. */
static int order_start(struct walk *w, const struct sorted_key *key, const struct tarn_query *q)
{
    int r = tarn_sorted_find(w->s, key, &w->drive, &w->sorted);

    if (r != 0)
        return r;
    w->at = 0;
    if (q->prefix.len)
        w->at = tarn_sorted_from(w->sorted, q->prefix, false);
    if (q->after.len) {
        size_t behind = tarn_sorted_from(w->sorted, q->after, true);

        w->at = behind > w->at ? behind : w->at;
    }
    return tarn_reader_check(&w->s->r);
}

static int walk_start(struct walk *w, const struct tarn_resource_info *i, const struct tarn_query *q, struct tarn_error *err)
{
    struct tarn_bytes value = {0};
    int index = driving_index(i, q, &value, err);
    int r = index < -1 ? index : drive_start(w, i, index, value);

    if (r == 0 && (w->labels || w->fields))
        tarn_reader_expect(&w->drive, SELECTOR_READS);
    if (r == 0 && wants_order(q))
        r = order_start(w, &(struct sorted_key){.store = i->store, .index = index, .value = value}, q);
    return r;
}

int tarn_list(struct tarn_snapshot *s, const char *resource, const struct tarn_query *query, struct tarn_iter *ret,
              struct tarn_error *err)
{
    static const struct tarn_query everything;
    const struct tarn_query *q = query ? query : &everything;
    const struct tarn_resource_info *i;
    struct walk w = {
        .s = s,
        .labels = tarn_selector_is_everything(q->labels) ? NULL : q->labels,
        .fields = q->fields,
        .ns = tarn_bytes_of(q->ns),
        .prefix = q->prefix,
        .left = q->limit,
        .limited = q->limit != 0,
    };
    int r;

    SNAPSHOT_ENTER(s);
    r = tarn_snapshot_resource(s, resource, &i, err);
    if (r != 0)
        return r;
    w.deleted = tarn_resource_lists_deleted(i->name, NULL);
    r = walk_start(&w, i, q, err);
    if (r == 0)
        *walk_of(ret) = w;
    else if (r != TARN_E_INDEX_MISSING && r != TARN_E_INVAL)
        tarn_error_set(err, r, "cannot list %s: %s", resource, tarn_strerror(r));
    return tarn_snapshot_note(s, r);
}

int tarn_by_index(struct tarn_snapshot *s, const char *resource, const char *index, const char *value,
                  struct tarn_iter *ret, struct tarn_error *err)
{
    return tarn_list(s, resource, &(struct tarn_query){.index = index, .value = value}, ret, err);
}

static bool has_prefix(struct tarn_bytes text, struct tarn_bytes prefix)
{
    return text.len >= prefix.len && memcmp(text.data, prefix.data, prefix.len) == 0;
}

static bool keep(const struct walk *w, const struct tarn_object *obj)
{
    const struct tarn_object *state = w->deleted ? tarn_object_final_state(obj) : NULL;

    obj = state ? state : obj;
    return (w->ns.len == 0 || tarn_bytes_equal(tarn_object_namespace(obj), w->ns)) &&
           (!w->labels || tarn_selector_matches(w->labels, obj)) &&
           (!w->fields || tarn_field_selector_matches(w->fields, obj));
}

/* The next one of the drive: 1, 0 at the end, or an error. */
static int step(struct walk *w, const struct tarn_object **ret)
{
    if (!w->sorted)
        return tarn_reader_next(&w->drive, ret);
    if (w->at >= w->sorted->n)
        return 0;
    *ret = w->sorted->v[w->at++];
    if (w->prefix.len && !has_prefix(tarn_object_key(*ret), w->prefix))
        return tarn_reader_check(&w->s->r); /* sorted: none behind it has the prefix */
    return tarn_reader_check(&w->s->r) == 0 ? 1 : TARN_E_EXPIRED;
}

/* The next one that all conditions hold for. */
static const struct tarn_object *next_kept(struct walk *w)
{
    const struct tarn_object *obj;
    int r;

    while ((r = step(w, &obj)) == 1)
        if (keep(w, obj))
            return obj;
    w->error = tarn_snapshot_note(w->s, r);
    return NULL;
}

const struct tarn_object *tarn_iter_next(struct tarn_iter *it)
{
    struct walk *w = walk_of(it);
    const struct tarn_object *obj;

    if (snapshot_forked(w->s)) {
        w->error = TARN_E_FORKED;
        return NULL;
    }
    if (w->error || (w->limited && w->left == 0))
        return NULL;
    obj = w->pending ? w->pending : next_kept(w);
    w->pending = NULL;
    if (!obj)
        return NULL;
    w->error = tarn_snapshot_deliver(w->s, &obj);
    if (w->error)
        return NULL;
    if (w->limited) {
        w->last = tarn_object_key(obj);
        if (--w->left == 0)
            w->pending = next_kept(w);
    }
    return obj;
}

int tarn_iter_error(const struct tarn_iter *it)
{
    return ((const struct walk *)(const void *)it->u.opaque)->error;
}

struct tarn_bytes tarn_iter_continue(const struct tarn_iter *it)
{
    const struct walk *w = (const struct walk *)(const void *)it->u.opaque;

    return w->pending ? w->last : (struct tarn_bytes){0};
}

/* ---- copies of a whole walk -------------------------------------------------------------------------- */

int tarn_snapshot_copy_into(struct tarn_snapshot *s, const struct tarn_object *obj, struct tarn_objects *ret)
{
    const struct tarn_object *copy;
    int r = tarn_reader_copy(&s->r, obj, &copy);

    if (r != 0)
        return tarn_snapshot_note(s, r);
    r = tarn_objects_add(ret, copy);
    if (r != 0)
        tarn_object_unref(copy);
    return r;
}

int tarn_list_copy(struct tarn_snapshot *s, const char *resource, const struct tarn_query *query, struct tarn_objects *ret,
                   struct tarn_error *err)
{
    const struct tarn_object *obj;
    size_t before = ret->n;
    struct tarn_iter it;
    bool copying = s->copy;
    int r = tarn_list(s, resource, query, &it, err);

    if (r != 0)
        return r;
    s->copy = false; /* one copy of each is enough */
    while (r == 0 && (obj = tarn_iter_next(&it)))
        r = tarn_snapshot_copy_into(s, obj, ret);
    s->copy = copying;
    if (r == 0)
        r = tarn_iter_error(&it);
    if (r == 0)
        return 0;
    while (ret->n > before)
        tarn_object_unref(ret->v[--ret->n]);
    return tarn_error_set(err, r, "cannot copy the list of %s: %s", resource, tarn_strerror(r));
}

int tarn_snapshot_deliver(struct tarn_snapshot *s, const struct tarn_object **obj)
{
    int r;

    if (!s->copy)
        return 0;
    r = tarn_snapshot_copy_into(s, *obj, &s->copies);
    if (r == 0)
        *obj = s->copies.v[s->copies.n - 1];
    return r;
}

void tarn_snapshot_forget(struct tarn_snapshot *s)
{
    if (s->copies.n)
        tarn_objects_release(&s->copies);
    if (s->sorted)
        tarn_sorted_free_all(s);
}
