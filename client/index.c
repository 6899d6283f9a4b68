/* Indexes as such: the keys under a value, and the values there are. Copies, sorted. */
#include "internal.h"

int tarn_query_keys(struct tarn_snapshot *s, const char *resource, const struct tarn_query *query, struct tarn_keys *ret,
                    struct tarn_error *err)
{
    const struct tarn_object *obj;
    struct tarn_iter it;
    int r = tarn_list(s, resource, query, &it, err);

    if (r != 0)
        return r;
    while (r == 0 && (obj = tarn_iter_next(&it)))
        r = tarn_keys_add(ret, tarn_object_key(obj));
    if (r == 0)
        r = tarn_iter_error(&it);
    if (r == 0)
        r = tarn_snapshot_check(s); /* the keys were copied before this: they count */
    if (r != 0)
        return tarn_error_set(err, r, "cannot list the keys of %s: %s", resource, tarn_strerror(r));
    tarn_keys_sort(ret);
    return 0;
}

int tarn_index_keys(struct tarn_snapshot *s, const char *resource, const char *index, const char *value,
                    struct tarn_keys *ret, struct tarn_error *err)
{
    return tarn_query_keys(s, resource, &(struct tarn_query){.index = index, .value = value}, ret, err);
}

static int values_take(struct tarn_reader_values *it, struct tarn_keys *ret)
{
    struct tarn_bytes value;
    int r;

    while ((r = tarn_reader_values_next(it, &value)) == 1) {
        r = tarn_keys_add(ret, value);
        if (r != 0)
            return r;
    }
    return r;
}

int tarn_list_index_values(struct tarn_snapshot *s, const char *resource, const char *index, struct tarn_keys *ret,
                           struct tarn_error *err)
{
    const struct tarn_resource_info *i;
    struct tarn_reader_values it;
    struct tarn_iter probe;
    int r = tarn_by_index(s, resource, index, "", &probe, err); /* the errors of a name that is none are told there */

    if (r != 0)
        return r;
    r = tarn_snapshot_resource(s, resource, &i, err);
    if (r == 0)
        r = tarn_reader_index_values(&s->r, i, (unsigned)tarn_resource_index(i, tarn_bytes_of(index)), &it);
    if (r != 0)
        return tarn_snapshot_note(s, r);
    r = values_take(&it, ret);
    tarn_reader_values_release(&it);
    if (r == 0)
        r = tarn_snapshot_check(s);
    if (r == 0)
        tarn_keys_sort(ret);
    return tarn_snapshot_note(s, r);
}
