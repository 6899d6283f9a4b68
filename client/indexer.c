/* A snapshot as a read-only tarn_indexer, for code written against core/.
 *
 * References that it hands out are owned copies, as an indexer's are: they outlive the snapshot.
 */
#include <tarn/indexer.h>

#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct snapshot_indexer {
    struct tarn_indexer base; /* first */
    struct tarn_snapshot *s;
    char *resource;
};

static struct snapshot_indexer *of_store(struct tarn_store *s)
{
    return (struct snapshot_indexer *)(void *)s;
}

static struct snapshot_indexer *of_indexer(struct tarn_indexer *x)
{
    return (struct snapshot_indexer *)(void *)x;
}

/* ---- what a snapshot cannot do ---------------------------------------------------------------------- */

static int refuse(struct tarn_error *err)
{
    return tarn_error_set(err, TARN_E_UNSUPPORTED, "a snapshot is for reading only");
}

static int refuse_object(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    (void)s, (void)obj;
    return refuse(err);
}

static int refuse_begin(struct tarn_store *s, struct tarn_error *err)
{
    (void)s;
    return refuse(err);
}

static int refuse_commit(struct tarn_store *s, struct tarn_bytes resource_version, struct tarn_error *err)
{
    (void)s, (void)resource_version;
    return refuse(err);
}

static void abort_nothing(struct tarn_store *s)
{
    (void)s;
}

static int resync_nothing(struct tarn_store *s, struct tarn_error *err)
{
    (void)s, (void)err;
    return 0;
}

static int refuse_indexers(struct tarn_indexer *x, const struct tarn_index_func *funcs, size_t n, struct tarn_error *err)
{
    (void)x, (void)funcs, (void)n;
    return refuse(err);
}

/* ---- the store's questions -------------------------------------------------------------------------- */

static int get_by_key(struct tarn_store *st, struct tarn_bytes key, const struct tarn_object **ret, struct tarn_error *err)
{
    struct snapshot_indexer *x = of_store(st);
    const struct tarn_object *obj = NULL;
    int r = tarn_get_many_copy(x->s, x->resource, &key, 1, &obj);

    if (r != 0)
        return tarn_error_set(err, r, "cannot get '%.*s' of %s: %s", TARN_BYTES_ARG(key), x->resource, tarn_strerror(r));
    if (!obj)
        return TARN_E_NOTFOUND;
    *ret = obj;
    return 0;
}

static int get(struct tarn_store *st, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err)
{
    if (tarn_object_flags(obj) & TARN_OBJECT_NO_META)
        return tarn_error_set(err, TARN_E_KEY, "%s: %s", tarn_strerror(TARN_E_KEY), tarn_strerror(TARN_E_NO_META));
    return get_by_key(st, tarn_object_key(obj), ret, err);
}

static int list(struct tarn_store *st, struct tarn_objects *ret)
{
    struct snapshot_indexer *x = of_store(st);

    return tarn_list_copy(x->s, x->resource, NULL, ret, NULL);
}

static int list_keys(struct tarn_store *st, struct tarn_keys *ret)
{
    struct snapshot_indexer *x = of_store(st);

    return tarn_query_keys(x->s, x->resource, &(struct tarn_query){0}, ret, NULL);
}

static int last_resource_version(struct tarn_store *st, struct tarn_buf *ret)
{
    struct snapshot_indexer *x = of_store(st);
    const struct tarn_resource_info *i;
    int r = tarn_snapshot_resource(x->s, x->resource, &i, NULL);

    return r != 0 ? r : tarn_buf_add(ret, i->state.resource_version.data, i->state.resource_version.len);
}

static void indexer_free(struct tarn_store *st)
{
    struct snapshot_indexer *x = of_store(st);

    free(x->resource);
    free(x);
}

/* ---- the indexer's questions ------------------------------------------------------------------------- */

/* A value as a C string; one with a NUL inside is no object's (TARN_E_NOTFOUND). */
static int value_text(struct tarn_bytes value, char **ret)
{
    if (value.len && memchr(value.data, 0, value.len))
        return TARN_E_NOTFOUND;
    *ret = strndup(value.len ? value.data : "", value.len);
    return *ret ? 0 : TARN_E_NOMEM;
}

static int by_index(struct tarn_indexer *ix, const char *name, struct tarn_bytes value, struct tarn_objects *ret,
                    struct tarn_error *err)
{
    struct snapshot_indexer *x = of_indexer(ix);
    char *text;
    int r = value_text(value, &text);

    if (r != 0)
        return r == TARN_E_NOTFOUND ? 0 : r;
    r = tarn_list_copy(x->s, x->resource, &(struct tarn_query){.index = name, .value = text}, ret, err);
    free(text);
    return r;
}

static int index_keys(struct tarn_indexer *ix, const char *name, struct tarn_bytes value, struct tarn_keys *ret,
                      struct tarn_error *err)
{
    struct snapshot_indexer *x = of_indexer(ix);
    char *text;
    int r = value_text(value, &text);

    if (r != 0)
        return r == TARN_E_NOTFOUND ? 0 : r;
    r = tarn_index_keys(x->s, x->resource, name, text, ret, err);
    free(text);
    return r;
}

static int list_index_values(struct tarn_indexer *ix, const char *name, struct tarn_keys *ret)
{
    struct snapshot_indexer *x = of_indexer(ix);
    int r = tarn_list_index_values(x->s, x->resource, name, ret, NULL);

    return r == TARN_E_INDEX_MISSING ? 0 : r; /* */
}

static int indexers(struct tarn_indexer *ix, struct tarn_keys *ret)
{
    struct snapshot_indexer *x = of_indexer(ix);
    struct tarn_bytes name;
    int r = 0;

    for (unsigned n = 0; r == 0 && tarn_resource_index_at(x->s, x->resource, n, &name) == 0; n++)
        r = tarn_keys_add(ret, name);
    return r;
}

/* Does obj have one of the first n values? Then it was listed under that one. 1, 0 or an error. */
static int has_earlier(const struct tarn_index_func *f, const struct tarn_object *obj, const struct tarn_index_values *values,
                       size_t n)
{
    struct tarn_index_values own = {0};
    int r = n ? f->fn(f->ctx, obj, &own) : 0;

    for (size_t i = 0; r == 0 && i < own.n; i++)
        for (size_t k = 0; k < n; k++)
            if (tarn_bytes_equal(own.v[i], values->v[k]))
                r = 1;
    tarn_index_values_release(&own);
    return r;
}

/* Append the objects under values[n] that no earlier value has. */
static int add_value(struct snapshot_indexer *x, const struct tarn_index_func *f, const struct tarn_index_values *values,
                     size_t n, struct tarn_objects *ret)
{
    struct tarn_objects more = {0};
    int r = by_index(&x->base, f->name, values->v[n], &more, NULL);

    for (size_t i = 0; r == 0 && i < more.n; i++) {
        r = has_earlier(f, more.v[i], values, n);
        if (r == 0)
            r = tarn_objects_add(ret, tarn_object_ref(more.v[i]));
        else if (r == 1)
            r = 0;
    }
    tarn_objects_release(&more);
    return r;
}

static int index_of_object(struct tarn_indexer *ix, const char *name, const struct tarn_object *obj,
                           struct tarn_objects *ret, struct tarn_error *err)
{
    struct snapshot_indexer *x = of_indexer(ix);
    struct tarn_index_values values = {0};
    struct tarn_index_func f;
    struct tarn_iter missing;
    int r = tarn_by_index(x->s, x->resource, name, "", &missing, err);

    if (r != 0)
        return r;
    r = tarn_index_func_builtin(name, &f, err); /* the agent makes its indexes by name, so this is the same function */
    if (r != 0)
        return r;
    r = f.fn(f.ctx, obj, &values);
    for (size_t n = 0; r == 0 && n < values.n; n++)
        r = add_value(x, &f, &values, n, ret);
    tarn_index_values_release(&values);
    tarn_index_func_release(&f);
    return r;
}

static const struct tarn_store_ops store_ops = {
    .add = refuse_object,
    .update = refuse_object,
    .del = refuse_object,
    .get = get,
    .get_by_key = get_by_key,
    .list = list,
    .list_keys = list_keys,
    .replace_begin = refuse_begin,
    .replace_add = refuse_object,
    .replace_commit = refuse_commit,
    .replace_abort = abort_nothing,
    .resync = resync_nothing,
    .last_resource_version = last_resource_version,
    .free = indexer_free,
};

static const struct tarn_indexer_ops indexer_ops = {
    .index = index_of_object,
    .index_keys = index_keys,
    .by_index = by_index,
    .list_index_values = list_index_values,
    .indexers = indexers,
    .add_indexers = refuse_indexers,
};

int tarn_snapshot_indexer(struct tarn_snapshot *s, const char *resource, struct tarn_indexer **ret, struct tarn_error *err)
{
    const struct tarn_resource_info *i;
    struct snapshot_indexer *x;
    int r;

    SNAPSHOT_ENTER(s);
    r = tarn_snapshot_resource(s, resource, &i, err);
    if (r != 0)
        return r;
    x = calloc(1, sizeof *x);
    if (!x || !(x->resource = strdup(resource))) {
        free(x);
        return tarn_error_set(err, TARN_E_NOMEM, "%s", tarn_strerror(TARN_E_NOMEM));
    }
    x->base = (struct tarn_indexer){.store = {.ops = &store_ops}, .ops = &indexer_ops};
    x->s = s;
    *ret = &x->base;
    return 0;
}
