/* type_heap.c - Heap: FORMAT section 5.3. */
#include "subject.h"

#include <tarn/heap.h>

static int64_t priority(const struct tarn_object *obj)
{
    struct tarn_value v;

    return tarn_object_get(obj, "spec.priority", &v) == 0 && v.type == TARN_INT ? v.i : 0;
}

static bool less(void *ctx, const struct tarn_object *a, const struct tarn_object *b)
{
    int64_t x = priority(a), y = priority(b);

    (void)ctx;
    return x != y ? x < y : tarn_bytes_compare(tarn_object_key(a), tarn_object_key(b)) < 0;
}

static void *make(const json_t *options)
{
    struct tarn_heap *h;

    (void)options;
    return tarn_heap_new((struct tarn_key_func){0}, (struct tarn_less_func){.fn = less}, &h, NULL) ? NULL : h;
}

static void drop(void *h)
{
    tarn_heap_free(h);
}

static size_t count(struct tarn_heap *h)
{
    struct tarn_keys keys = {0};
    size_t n = tarn_heap_list_keys(h, &keys) ? 0 : keys.n;

    tarn_keys_release(&keys);
    return n;
}

static int changed(struct tarn_heap *h, int code, json_t *answer)
{
    answer_error(answer, code);
    answer_int(answer, "n", count(h));
    return 0;
}

static int with_object(struct tarn_heap *h, const json_t *in, json_t *answer,
                       int (*change)(struct tarn_heap *, const struct tarn_object *, struct tarn_error *))
{
    const struct tarn_object *obj;
    int code;

    if (replay_object_member(in, "obj", &obj))
        return -1;
    code = change(h, obj, NULL);
    tarn_object_unref(obj);
    return changed(h, code, answer);
}

static int op_add(void *h, const json_t *in, json_t *answer)
{
    return with_object(h, in, answer, tarn_heap_add);
}

static int op_add_if_not_present(void *h, const json_t *in, json_t *answer)
{
    return with_object(h, in, answer, tarn_heap_add_if_not_present);
}

static int op_delete(void *h, const json_t *in, json_t *answer)
{
    return with_object(h, in, answer, tarn_heap_delete);
}

static int op_bulk_add(void *h, const json_t *in, json_t *answer)
{
    struct tarn_objects objs = {0};
    int code;

    if (replay_objects(json_object_get(in, "objs"), &objs))
        return -1;
    code = tarn_heap_bulk_add(h, objs.v, objs.n, NULL);
    tarn_objects_release(&objs);
    return changed(h, code, answer);
}

static int op_get(void *h, const json_t *in, json_t *answer)
{
    const struct tarn_object *obj, *found = NULL;
    int code;

    if (replay_object_member(in, "obj", &obj))
        return -1;
    code = tarn_heap_get(h, obj, &found, NULL);
    tarn_object_unref(obj);
    return answer_found(answer, code, found);
}

static int op_get_by_key(void *h, const json_t *in, json_t *answer)
{
    const struct tarn_object *found = NULL;
    struct tarn_bytes key;
    int code;

    if (replay_string(in, "key", &key))
        return -1;
    code = tarn_heap_get_by_key(h, key, &found);
    return answer_found(answer, code, found);
}

static int op_list(void *h, const json_t *in, json_t *answer)
{
    struct tarn_objects objs = {0};

    (void)in;
    if (tarn_heap_list(h, &objs) == 0)
        answer_refs(answer, "list", &objs);
    tarn_objects_release(&objs);
    return 0;
}

static int op_list_keys(void *h, const json_t *in, json_t *answer)
{
    struct tarn_keys keys = {0};

    (void)in;
    if (tarn_heap_list_keys(h, &keys) == 0) {
        tarn_keys_sort(&keys);
        answer_keys(answer, "keys", &keys);
    }
    tarn_keys_release(&keys);
    return 0;
}

static int op_pop(void *h, const json_t *in, json_t *answer)
{
    const struct tarn_object *obj = NULL;
    int code;

    (void)in;
    if (count(h) == 0 && !tarn_heap_is_closed(h)) {
        json_object_set_new(answer, "err", json_string("the pop would block: the heap is empty"));
        return 0;
    }
    code = tarn_heap_pop(h, &obj, NULL);
    if (code == 0)
        answer_object(answer, "obj", obj);
    tarn_object_unref(obj);
    return changed(h, code, answer);
}

static int op_is_closed(void *h, const json_t *in, json_t *answer)
{
    (void)in;
    answer_bool(answer, "closed", tarn_heap_is_closed(h));
    return 0;
}

static int op_close(void *h, const json_t *in, json_t *answer)
{
    tarn_heap_close(h);
    return op_is_closed(h, in, answer);
}

static const struct replay_op ops[] = {
    {"add", op_add},           {"update", op_add},            {"addIfNotPresent", op_add_if_not_present},
    {"delete", op_delete},     {"bulkAdd", op_bulk_add},      {"get", op_get},
    {"getByKey", op_get_by_key}, {"list", op_list},           {"listKeys", op_list_keys},
    {"pop", op_pop},           {"close", op_close},           {"isClosed", op_is_closed},
    {0},
};

const struct replay_type replay_heap = {"heap", make, drop, {ops}};
