/* indexer_ops.c - the questions to an indexer, for every type that has one. */
#include "subject.h"

/* The names and values of a query; -1 if one is missing. */
static int query(const json_t *in, const char **ret_name, struct tarn_bytes *ret_value)
{
    *ret_name = json_string_value(json_object_get(in, "index"));
    return *ret_name ? replay_string(in, "value", ret_value) : -1;
}

/* The answer to a query that gives a list. */
static int listed(json_t *answer, int code, struct tarn_objects *objs)
{
    answer_error(answer, code);
    if (code == 0)
        answer_refs(answer, "list", objs);
    tarn_objects_release(objs);
    return 0;
}

int replay_index(struct tarn_indexer *x, const json_t *in, json_t *answer)
{
    const char *name = json_string_value(json_object_get(in, "index"));
    const struct tarn_object *obj;
    struct tarn_objects objs = {0};
    int code;

    if (!name || replay_object_member(in, "obj", &obj))
        return -1;
    code = tarn_indexer_index(x, name, obj, &objs, NULL);
    tarn_object_unref(obj);
    return listed(answer, code, &objs);
}

int replay_by_index(struct tarn_indexer *x, const json_t *in, json_t *answer)
{
    struct tarn_objects objs = {0};
    struct tarn_bytes value;
    const char *name;

    if (query(in, &name, &value))
        return -1;
    return listed(answer, tarn_indexer_by_index(x, name, value, &objs, NULL), &objs);
}

int replay_index_keys(struct tarn_indexer *x, const json_t *in, json_t *answer)
{
    struct tarn_keys keys = {0};
    struct tarn_bytes value;
    const char *name;
    int code;

    if (query(in, &name, &value))
        return -1;
    code = tarn_indexer_index_keys(x, name, value, &keys, NULL);
    answer_error(answer, code);
    if (code == 0)
        answer_keys(answer, "keys", &keys); /* the library sorts them */
    tarn_keys_release(&keys);
    return 0;
}

int replay_list_values(struct tarn_indexer *x, const json_t *in, json_t *answer)
{
    const char *name = json_string_value(json_object_get(in, "index"));
    struct tarn_keys values = {0};

    if (!name)
        return -1;
    if (tarn_indexer_list_index_values(x, name, &values) == 0) {
        tarn_keys_sort(&values);
        answer_keys(answer, "values", &values);
    }
    tarn_keys_release(&values);
    return 0;
}

int replay_add_indexers(struct tarn_indexer *x, const json_t *in, json_t *answer)
{
    struct tarn_index_func funcs[REPLAY_INDEXERS_MAX];
    size_t n = 0;

    if (replay_index_funcs(json_object_get(in, "indexers"), funcs, REPLAY_INDEXERS_MAX, &n))
        return -1;
    answer_error(answer, tarn_indexer_add_indexers(x, funcs, n, NULL));
    return 0;
}

int replay_get_indexers(struct tarn_indexer *x, json_t *answer)
{
    struct tarn_keys names = {0};

    if (tarn_indexer_indexers(x, &names) == 0) {
        tarn_keys_sort(&names);
        answer_keys(answer, "names", &names);
    }
    tarn_keys_release(&names);
    return 0;
}

/* {VALUE: [KEYS]} of one index. */
static json_t *index_json(struct tarn_indexer *x, const char *name)
{
    json_t *index = json_object();
    struct tarn_keys values = {0};

    if (tarn_indexer_list_index_values(x, name, &values))
        return index;
    for (size_t i = 0; i < values.n; i++) {
        struct tarn_keys keys = {0};
        json_t *value = json_object();

        if (tarn_indexer_index_keys(x, name, values.v[i], &keys, NULL) == 0)
            answer_keys(value, "keys", &keys);
        json_object_setn(index, values.v[i].data, values.v[i].len, json_object_get(value, "keys"));
        json_decref(value);
        tarn_keys_release(&keys);
    }
    tarn_keys_release(&values);
    return index;
}

int replay_index_state(struct tarn_indexer *x, json_t *answer)
{
    struct tarn_keys names = {0};
    json_t *indices = json_object();

    answer_list_keys(answer, &x->store);
    answer_list(answer, &x->store);
    if (tarn_indexer_indexers(x, &names) == 0)
        for (size_t i = 0; i < names.n; i++)
            json_object_set_new(indices, names.v[i].data, index_json(x, names.v[i].data));
    json_object_set_new(answer, "indices", indices);
    tarn_keys_release(&names);
    return 0;
}
