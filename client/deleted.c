/* Deleted objects: the list of a resource is a resource of its own in the region (layout.h), whose tombstones are unwrapped here. */
#include <stdio.h>

#include <tarn/deleted.h>

#include "internal.h"

/* The list's name, of whatever name the resource was asked by. */
static int name_of_list(struct tarn_snapshot *s, const char *resource, char *ret, size_t size, struct tarn_error *err)
{
    const struct tarn_resource_info *i;
    struct tarn_resource_info list;
    int r = tarn_snapshot_resource(s, resource, &i, err);

    if (r != 0)
        return r;
    (void)snprintf(ret, size, "%.*s%s", TARN_BYTES_ARG(i->name), TARN_DELETED_SUFFIX);
    r = tarn_reader_resource(&s->r, tarn_bytes_of(ret), &list);
    if (r == TARN_E_NOTFOUND)
        return tarn_error_set(err, TARN_E_RESOURCE, "deleted %.*s are not kept; set keepDeleted of the resource in the agent's configuration",
                              TARN_BYTES_ARG(i->name));
    return tarn_snapshot_note(s, r);
}

int tarn_list_deleted(struct tarn_snapshot *s, const char *resource, const struct tarn_query *query, struct tarn_iter *ret, struct tarn_error *err)
{
    char name[TARN_REGION_NAME_MAX + sizeof TARN_DELETED_SUFFIX];
    int r;

    SNAPSHOT_ENTER(s);
    r = name_of_list(s, resource, name, sizeof name, err);
    return r ? r : tarn_list(s, name, query, ret, err);
}

bool tarn_deleted_next(struct tarn_iter *it, struct tarn_deleted *ret)
{
    const struct tarn_object *obj, *state;

    while ((obj = tarn_iter_next(it))) {
        state = tarn_object_final_state(obj);
        if (!state)
            continue; /* only in a region that breaks its format, or whose bytes are gone: the check tells */
        *ret = (struct tarn_deleted){.object = state, .deleted_ms = tarn_object_deleted_ms(obj)};
        return true;
    }
    return false;
}

int tarn_get_deleted(struct tarn_snapshot *s, const char *resource, const char *key, struct tarn_deleted *ret, struct tarn_error *err)
{
    const struct tarn_query q = {.index = TARN_DELETED_BY_KEY, .value = key};
    struct tarn_deleted one, newest = {0};
    struct tarn_iter it;
    int r = tarn_list_deleted(s, resource, &q, &it, err);

    if (r != 0)
        return r;
    while (tarn_deleted_next(&it, &one))
        if (!newest.object || one.deleted_ms >= newest.deleted_ms)
            newest = one;
    r = tarn_iter_error(&it);
    if (r == 0 && !newest.object)
        r = TARN_E_NOTFOUND;
    if (r != 0)
        return tarn_error_set(err, r, "deleted %s \"%s\": %s", resource, key, r == TARN_E_NOTFOUND ? "none is kept" : tarn_strerror(r));
    *ret = newest;
    return 0;
}
