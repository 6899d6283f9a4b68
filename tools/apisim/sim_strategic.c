/* sim_strategic.c - Kubernetes' strategic merge patch. Which lists merge and by what stands in the types (sim_schema.h). */
#include <stdlib.h>

#include "sim_patch.h"

#define ORDER "$setElementOrder/"
#define DELETE "$deleteFromPrimitiveList/"

static json_t *merge_objects(const struct sim_schema *s, const json_t *target, const json_t *patch, struct tarn_error *err);

static const char *directive(const json_t *v)
{
    const char *d = json_string_value(json_object_get(v, "$patch"));

    return d ? d : "";
}

/* Where in list is the element that is identified as e is? Its size: nowhere. */
static size_t find_element(const json_t *list, const char *key, const json_t *e)
{
    const json_t *id = key ? json_object_get(e, key) : e;
    size_t i, n = json_array_size(list);

    for (i = 0; i < n; i++) {
        const json_t *other = json_array_get(list, i);

        if (id && json_equal(key ? json_object_get(other, key) : other, id))
            break;
    }
    return i;
}

static bool has_element(const json_t *list, const char *key, const json_t *e)
{
    return find_element(list, key, e) < json_array_size(list);
}

/* ---- order --------------------------------------------------------------------------------------------- */

/* Does e, which only the server has, stand before other in the list as it was? */
static bool was_before(const json_t *was, const char *key, const json_t *e, const json_t *other)
{
    size_t i = find_element(was, key, e), j = find_element(was, key, other);

    return i < json_array_size(was) && j < json_array_size(was) && i < j;
}

/* list (taken) in the order the client names; what only the server has keeps its place before what it stood before. */
static json_t *ordered(json_t *list, const char *key, const json_t *order, const json_t *was)
{
    json_t *named = json_array(), *others = json_array(), *out = json_array(), *e;
    size_t i, j = 0;

    json_array_foreach((json_t *)(uintptr_t)order, i, e)
        if (has_element(list, key, e))
            (void)json_array_append(named, json_array_get(list, find_element(list, key, e)));
    json_array_foreach(list, i, e)
        if (!has_element(order, key, e))
            (void)json_array_append(others, e);
    json_array_foreach(named, i, e) {
        for (; j < json_array_size(others) && was_before(was, key, json_array_get(others, j), e); j++)
            (void)json_array_append(out, json_array_get(others, j));
        (void)json_array_append(out, e);
    }
    for (; j < json_array_size(others); j++)
        (void)json_array_append(out, json_array_get(others, j));
    json_decref(named);
    json_decref(others);
    json_decref(list);
    return out;
}

/* ---- lists ---------------------------------------------------------------------------------------------- */

/* Put one element of the patch into list. False: it does not say which one it is. */
static bool merge_element(const struct sim_schema *s, json_t *list, const json_t *e, struct tarn_error *err)
{
    const char *key = s->merge_key;
    size_t at = find_element(list, key, e);
    bool there = at < json_array_size(list);

    if (!key) {
        if (!there)
            (void)json_array_append(list, (json_t *)(uintptr_t)e);
        return true;
    }
    if (!json_object_get(e, key)) {
        (void)tarn_error_set(err, TARN_E_INVAL, "map does not contain declared merge key: %s", key);
        return false;
    }
    if (strcmp(directive(e), "delete") == 0) {
        if (there)
            (void)json_array_remove(list, at);
        return true;
    }
    e = merge_objects(s->element, there ? json_array_get(list, at) : NULL, e, err);
    if (!e)
        return false;
    return (there ? json_array_set_new(list, at, (json_t *)(uintptr_t)e) : json_array_append_new(list, (json_t *)(uintptr_t)e)) == 0;
}

static bool is_replaced(const json_t *patch)
{
    json_t *e;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)patch, i, e)
        if (strcmp(directive(e), "replace") == 0)
            return true;
    return false;
}

/* A list that merges; NULL: the patch is wrong. */
static json_t *merge_lists(const struct sim_schema *s, const json_t *target, const json_t *patch, struct tarn_error *err)
{
    bool fresh = is_replaced(patch) || !json_is_array(target);
    json_t *list = fresh ? json_array() : json_copy((json_t *)(uintptr_t)target), *e;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)patch, i, e) {
        if (strcmp(directive(e), "replace") == 0)
            continue;
        if (!merge_element(s, list, e, err)) {
            json_decref(list);
            return NULL;
        }
    }
    return ordered(list, s->merge_key, patch, target);
}

/* ---- objects ----------------------------------------------------------------------------------------------- */

static void delete_from_primitive(json_t *target, const char *name, const json_t *values)
{
    json_t *list = json_copy(json_object_get(target, name)), *v;
    size_t i;

    if (!json_is_array(list)) {
        json_decref(list);
        return;
    }
    json_array_foreach((json_t *)(uintptr_t)values, i, v)
        if (has_element(list, NULL, v))
            (void)json_array_remove(list, find_element(list, NULL, v));
    (void)json_object_set_new(target, name, list);
}

static void retain_keys(json_t *target, const json_t *keys)
{
    const char *key;
    json_t *value;
    void *tmp;

    json_object_foreach_safe(target, tmp, key, value) {
        json_t *name = json_string(key);

        if (!has_element(keys, NULL, name))
            (void)json_object_del(target, key);
        json_decref(name);
    }
}

/* false: the patch is wrong */
static bool merge_member(const struct sim_schema *s, json_t *target, const char *key, const json_t *value, struct tarn_error *err)
{
    json_t *old = json_object_get(target, key), *result;

    if (json_is_null(value)) {
        (void)json_object_del(target, key);
        return true;
    }
    if (s && s->merges && json_is_array(value))
        result = merge_lists(s, old, value, err);
    else if (json_is_object(value))
        result = merge_objects(s, old, value, err);
    else
        result = json_deep_copy(value);
    return result && json_object_set_new(target, key, result) == 0;
}

static bool apply_member(const struct sim_schema *s, json_t *result, const char *key, const json_t *value, struct tarn_error *err)
{
    if (strncmp(key, DELETE, strlen(DELETE)) == 0) {
        delete_from_primitive(result, key + strlen(DELETE), value);
        return true;
    }
    return *key == '$' || merge_member(s ? sim_schema_at(s, key) : NULL, result, key, value, err);
}

/* Does the patch's own list keep the order that it asks for? */
static bool is_in_order(const json_t *list, const char *key, const json_t *order, struct tarn_error *err)
{
    size_t i, next = 0;
    json_t *e;

    json_array_foreach((json_t *)(uintptr_t)list, i, e) {
        size_t at = find_element(order, key, e);

        if (*directive(e))
            continue;
        if (at < next || at == json_array_size(order)) {
            (void)tarn_error_set(err, TARN_E_INVAL, "The order in patch list doesn't match $setElementOrder list");
            return false;
        }
        next = at + 1;
    }
    return true;
}

/* False: the patch is wrong. */
static bool apply_orders(const struct sim_schema *s, json_t *result, const json_t *target, const json_t *patch, struct tarn_error *err)
{
    const char *key;
    json_t *order;

    json_object_foreach((json_t *)(uintptr_t)patch, key, order) {
        const char *name = key + strlen(ORDER);
        const struct sim_schema *list = strncmp(key, ORDER, strlen(ORDER)) == 0 && s ? sim_schema_at(s, name) : NULL;
        json_t *now = list ? json_object_get(result, name) : NULL;

        if (list && !is_in_order(json_object_get(patch, name), list->merge_key, order, err))
            return false;
        if (json_is_array(now))
            (void)json_object_set_new(result, name,
                                      ordered(json_incref(now), list->merge_key, order, json_object_get(target, name)));
    }
    return true;
}

static bool known_directive(const char *d, struct tarn_error *err)
{
    if (!*d || strcmp(d, "merge") == 0 || strcmp(d, "replace") == 0 || strcmp(d, "delete") == 0)
        return true;
    (void)tarn_error_set(err, TARN_E_INVAL, "unknown patch type found: %s", d);
    return false;
}

/* target stays as it is: the result is a copy. NULL: the patch is wrong. */
static json_t *merge_objects(const struct sim_schema *s, const json_t *target, const json_t *patch, struct tarn_error *err)
{
    const char *how = directive(patch), *key;
    bool fresh = *how && strcmp(how, "merge") != 0;
    json_t *result = json_is_object(target) && !fresh ? json_copy((json_t *)(uintptr_t)target) : json_object(), *value;
    bool fine = known_directive(how, err);

    if (strcmp(how, "delete") == 0)
        return result;
    if (json_object_get(patch, "$retainKeys"))
        retain_keys(result, json_object_get(patch, "$retainKeys"));
    json_object_foreach((json_t *)(uintptr_t)patch, key, value)
        fine = fine && apply_member(s, result, key, value, err);
    if (fine && apply_orders(s, result, target, patch, err))
        return result;
    json_decref(result);
    return NULL;
}

json_t *sim_patch_strategic(const struct sim_schema *s, json_t *target, const json_t *patch, struct tarn_error *err)
{
    json_t *result = merge_objects(s, target, patch, err), *own = json_deep_copy(result);

    json_decref(result);
    json_decref(target);
    return own;
}
