/* undelta_store.c - UndeltaStore: a cache, and a push of its list after each change.
 *
 * Pushes are serialised by a lock of their own, under which the list is taken: so each push is at least as new as the one before (U-3).
 */
#include <tarn/undelta_store.h>

#include <stdlib.h>

#include <tarn/cache.h>

#include "sync.h"

struct undelta {
    struct tarn_store base; /* first */
    struct tarn_store *actual;
    struct tarn_push_func push;
    struct tarn_mutex push_lock; /* held from listing to the end of the push */
};

static struct undelta *of(struct tarn_store *s)
{
    return (struct undelta *)s;
}

/* Tell of a change that came out with code. */
static int push_after(struct undelta *u, int code, struct tarn_error *err)
{
    struct tarn_objects objs = {0};

    if (code)
        return code;
    tarn_mutex_lock(&u->push_lock);
    code = tarn_store_list(u->actual, &objs);
    if (!code)
        u->push.fn(u->push.ctx, &objs);
    tarn_mutex_unlock(&u->push_lock);
    tarn_objects_release(&objs);
    return code ? tarn_error_set(err, code, "the change is done, but not pushed: %s", tarn_strerror(code)) : 0;
}

static int undelta_add(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    return push_after(of(s), tarn_store_add(of(s)->actual, obj, err), err);
}

static int undelta_update(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    return push_after(of(s), tarn_store_update(of(s)->actual, obj, err), err);
}

static int undelta_del(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    return push_after(of(s), tarn_store_delete(of(s)->actual, obj, err), err); /* U-4: also of an unknown key */
}

static int undelta_get(struct tarn_store *s, const struct tarn_object *obj, const struct tarn_object **ret,
                       struct tarn_error *err)
{
    return tarn_store_get(of(s)->actual, obj, ret, err);
}

static int undelta_get_by_key(struct tarn_store *s, struct tarn_bytes key, const struct tarn_object **ret,
                              struct tarn_error *err)
{
    return tarn_store_get_by_key(of(s)->actual, key, ret, err);
}

static int undelta_list(struct tarn_store *s, struct tarn_objects *ret)
{
    return tarn_store_list(of(s)->actual, ret);
}

static int undelta_list_keys(struct tarn_store *s, struct tarn_keys *ret)
{
    return tarn_store_list_keys(of(s)->actual, ret);
}

static int undelta_replace_begin(struct tarn_store *s, struct tarn_error *err)
{
    return of(s)->actual->ops->replace_begin(of(s)->actual, err);
}

static int undelta_replace_add(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    return of(s)->actual->ops->replace_add(of(s)->actual, obj, err);
}

static int undelta_replace_remove(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    return of(s)->actual->ops->replace_remove(of(s)->actual, obj, err);
}

static int undelta_replace_commit(struct tarn_store *s, struct tarn_bytes resource_version, struct tarn_error *err)
{
    return push_after(of(s), of(s)->actual->ops->replace_commit(of(s)->actual, resource_version, err), err);
}

static void undelta_replace_abort(struct tarn_store *s)
{
    of(s)->actual->ops->replace_abort(of(s)->actual);
}

static int undelta_resync(struct tarn_store *s, struct tarn_error *err)
{
    return tarn_store_resync(of(s)->actual, err);
}

static int undelta_bookmark(struct tarn_store *s, struct tarn_bytes resource_version)
{
    return of(s)->actual->ops->bookmark(of(s)->actual, resource_version);
}

static int undelta_last_resource_version(struct tarn_store *s, struct tarn_buf *ret)
{
    return of(s)->actual->ops->last_resource_version(of(s)->actual, ret);
}

static void undelta_free(struct tarn_store *s)
{
    struct undelta *u = of(s);

    tarn_store_free(u->actual);
    tarn_mutex_release(&u->push_lock);
    free(u);
}

static const struct tarn_store_ops store_ops = {
    .add = undelta_add,
    .update = undelta_update,
    .del = undelta_del,
    .get = undelta_get,
    .get_by_key = undelta_get_by_key,
    .list = undelta_list,
    .list_keys = undelta_list_keys,
    .replace_begin = undelta_replace_begin,
    .replace_add = undelta_replace_add,
    .replace_commit = undelta_replace_commit,
    .replace_abort = undelta_replace_abort,
    .replace_remove = undelta_replace_remove,
    .resync = undelta_resync,
    .bookmark = undelta_bookmark,
    .last_resource_version = undelta_last_resource_version,
    .free = undelta_free,
};

int tarn_undelta_store_new(struct tarn_push_func push, struct tarn_key_func key, struct tarn_store **ret,
                           struct tarn_error *err)
{
    struct undelta *u = calloc(1, sizeof *u);
    struct tarn_indexer *actual;
    int code;

    if (!u)
        return tarn_error_set(err, TARN_E_NOMEM, "no memory for a store");
    code = tarn_cache_new(&(struct tarn_cache_options){.key = key}, &actual, err);
    if (code) {
        free(u);
        return code;
    }
    u->base.ops = &store_ops;
    u->actual = &actual->store;
    u->push = push;
    tarn_mutex_init(&u->push_lock);
    *ret = &u->base;
    return 0;
}
