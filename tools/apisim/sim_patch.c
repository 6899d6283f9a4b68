/* sim_patch.c - RFC 7386, RFC 6902, and Kubernetes' strategic merge for the built-in kinds. */
#include "sim_patch.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- RFC 7386 -------------------------------------------------------------------------------- */

json_t *sim_patch_merge(json_t *target, const json_t *patch)
{
    const char *key;
    json_t *value;

    if (!json_is_object(patch)) {
        json_decref(target);
        return json_deep_copy(patch);
    }
    if (!json_is_object(target)) {
        json_decref(target);
        target = json_object();
    }
    json_object_foreach((json_t *)(uintptr_t)patch, key, value) {
        json_t *old = json_object_get(target, key);

        if (json_is_null(value))
            (void)json_object_del(target, key);
        else
            (void)json_object_set_new(target, key, sim_patch_merge(old ? json_incref(old) : json_object(), value));
    }
    return target;
}

/* ---- strategic ----------------------------------------------------------------------------------- */

/* The lists that merge, and by what; "" is a set of plain values. From the patchMergeKey tags of k8s.io/api. */
static const struct {
    const char *list, *key, *other_key; /* other_key: where the elements have no `key` */
} merging[] = {
    {"containers", "name", NULL},       {"initContainers", "name", NULL},  {"ephemeralContainers", "name", NULL},
    {"env", "name", NULL},              {"volumes", "name", NULL},         {"volumeMounts", "mountPath", NULL},
    {"volumeDevices", "devicePath", NULL}, {"ports", "containerPort", "port"}, {"imagePullSecrets", "name", NULL},
    {"conditions", "type", NULL},       {"ownerReferences", "uid", NULL},  {"hostAliases", "ip", NULL},
    {"secrets", "name", NULL},          {"addresses", "type", NULL},       {"topologySpreadConstraints", "topologyKey", NULL},
    {"podIPs", "ip", NULL},             {"hostIPs", "ip", NULL},           {"finalizers", "", NULL},
    {"podCIDRs", "", NULL},
};

static const char *merge_key(const char *list, const json_t *patch)
{
    for (size_t i = 0; i < sizeof merging / sizeof *merging; i++) {
        if (strcmp(merging[i].list, list) != 0)
            continue;
        if (merging[i].other_key && !json_object_get(json_array_get(patch, 0), merging[i].key))
            return merging[i].other_key;
        return merging[i].key;
    }
    return NULL;
}

static json_t *merge_objects(json_t *target, const json_t *patch);

static size_t find_element(const json_t *list, const char *key, const json_t *value)
{
    size_t i, n = json_array_size(list);

    for (i = 0; i < n; i++) {
        const json_t *e = json_array_get(list, i);

        if (json_equal(*key ? json_object_get(e, key) : e, value))
            break;
    }
    return i;
}

static void merge_element(json_t *list, const char *key, const json_t *element)
{
    const json_t *id = *key ? json_object_get(element, key) : element;
    const char *directive = json_string_value(json_object_get(element, "$patch"));
    size_t at = find_element(list, key, id);
    bool there = id && at < json_array_size(list);

    if (directive && strcmp(directive, "replace") == 0)
        return; /* of the whole list: see merge_lists */
    if (directive && strcmp(directive, "delete") == 0) {
        if (there)
            (void)json_array_remove(list, at);
    } else if (!there) {
        (void)json_array_append_new(list, *key ? merge_objects(json_object(), element) : json_deep_copy(element));
    } else if (*key) {
        (void)json_array_set_new(list, at, merge_objects(json_incref(json_array_get(list, at)), element));
    }
}

/* A list that merges, starts empty if the patch says $patch: replace. Takes target. */
static json_t *merge_lists(json_t *target, const char *key, const json_t *patch)
{
    json_t *list = json_is_array(target) ? json_deep_copy(target) : json_array(), *element;
    size_t i;

    json_decref(target);
    json_array_foreach((json_t *)(uintptr_t)patch, i, element) {
        const char *directive = json_string_value(json_object_get(element, "$patch"));

        if (directive && strcmp(directive, "replace") == 0)
            (void)json_array_clear(list);
    }
    json_array_foreach((json_t *)(uintptr_t)patch, i, element)
        merge_element(list, key, element);
    return list;
}

static void delete_from_primitive(json_t *target, const char *list_name, const json_t *values)
{
    json_t *list = json_object_get(target, list_name), *v;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)values, i, v) {
        size_t at = find_element(list, "", v);

        if (at < json_array_size(list))
            (void)json_array_remove(list, at);
    }
}

static void retain_keys(json_t *target, const json_t *keys)
{
    const char *key;
    json_t *value;
    void *tmp;

    json_object_foreach_safe(target, tmp, key, value) {
        json_t *name = json_string(key);

        if (find_element(keys, "", name) == json_array_size(keys))
            (void)json_object_del(target, key);
        json_decref(name);
    }
}

static void merge_member(json_t *target, const char *key, const json_t *value)
{
    json_t *old = json_object_get(target, key);
    const char *by = json_is_array(value) ? merge_key(key, value) : NULL;

    if (json_is_null(value))
        (void)json_object_del(target, key);
    else if (by)
        (void)json_object_set_new(target, key, merge_lists(json_incref(old), by, value));
    else if (json_is_object(value))
        (void)json_object_set_new(target, key, merge_objects(old ? json_incref(old) : json_object(), value));
    else
        (void)json_object_set_new(target, key, json_deep_copy(value));
}

/* Takes target, which may be shared: the result is a copy. */
static json_t *merge_objects(json_t *target, const json_t *patch)
{
    const char *directive = json_string_value(json_object_get(patch, "$patch")), *key;
    json_t *result = json_is_object(target) ? json_copy(target) : json_object(), *value;

    json_decref(target);
    if (directive && strcmp(directive, "delete") == 0) {
        (void)json_object_clear(result);
        return result;
    }
    if (directive && strcmp(directive, "replace") == 0)
        (void)json_object_clear(result);
    if (json_object_get(patch, "$retainKeys"))
        retain_keys(result, json_object_get(patch, "$retainKeys"));
    json_object_foreach((json_t *)(uintptr_t)patch, key, value) {
        if (strncmp(key, "$deleteFromPrimitiveList/", 25) == 0)
            delete_from_primitive(result, key + 25, value);
        else if (*key != '$')
            merge_member(result, key, value);
    }
    return result;
}

json_t *sim_patch_strategic(json_t *target, const json_t *patch)
{
    return merge_objects(target, patch);
}

/* ---- RFC 6902 --------------------------------------------------------------------------------------- */

/* The next reference token of a JSON pointer, unescaped; *p moves on. */
static bool next_token(const char **p, char *ret, size_t n)
{
    size_t i = 0;

    if (**p != '/')
        return false;
    for ((*p)++; **p && **p != '/' && i < n - 1; (*p)++) {
        char c = **p;

        if (c == '~' && ((*p)[1] == '0' || (*p)[1] == '1'))
            c = *++*p == '0' ? '~' : '/';
        ret[i++] = c;
    }
    ret[i] = 0;
    return true;
}

static json_t *step(const json_t *at, const char *token)
{
    char *end;
    unsigned long i;

    if (json_is_object(at))
        return json_object_get(at, token);
    i = strtoul(token, &end, 10);
    return json_is_array(at) && *token && !*end ? json_array_get(at, i) : NULL;
}

/* The parent of what pointer names, and the last token. NULL: there is none. "" names the document: no parent. */
static json_t *parent_of(json_t *doc, const char *pointer, char *ret_last, size_t n)
{
    json_t *at = doc;

    if (!next_token(&pointer, ret_last, n))
        return NULL;
    while (*pointer && at) {
        at = step(at, ret_last);
        if (!next_token(&pointer, ret_last, n))
            return NULL;
    }
    return at;
}

static json_t *resolve(json_t *doc, const char *pointer)
{
    char last[256];
    json_t *parent;

    if (!*pointer)
        return doc;
    parent = parent_of(doc, pointer, last, sizeof last);
    return parent ? step(parent, last) : NULL;
}

/* Takes value. */
static int add(json_t *doc, const char *pointer, json_t *value)
{
    char last[256], *end;
    json_t *parent = parent_of(doc, pointer, last, sizeof last);
    unsigned long i;

    if (json_is_object(parent))
        return json_object_set_new(parent, last, value);
    i = strtoul(last, &end, 10);
    if (json_is_array(parent) && strcmp(last, "-") == 0)
        return json_array_append_new(parent, value);
    if (json_is_array(parent) && *last && !*end && i <= json_array_size(parent))
        return json_array_insert_new(parent, i, value);
    json_decref(value);
    return -1;
}

static int delete_at(json_t *doc, const char *pointer)
{
    char last[256], *end;
    json_t *parent = parent_of(doc, pointer, last, sizeof last);
    unsigned long i;

    if (json_is_object(parent))
        return json_object_del(parent, last);
    i = strtoul(last, &end, 10);
    return json_is_array(parent) && *last && !*end ? json_array_remove(parent, i) : -1;
}

static int replace(json_t *doc, const char *pointer, const json_t *value)
{
    char last[256];
    json_t *parent = parent_of(doc, pointer, last, sizeof last);

    if (!value || !parent || !step(parent, last))
        return -1;
    if (json_is_object(parent))
        return json_object_set_new(parent, last, json_deep_copy(value));
    return json_array_set_new(parent, strtoul(last, NULL, 10), json_deep_copy(value));
}

static int apply(json_t *doc, const json_t *op)
{
    const char *name = sim_json_text(op, "op"), *path = sim_json_text(op, "path"), *from = sim_json_text(op, "from");
    const json_t *value = json_object_get(op, "value");
    json_t *moved;

    if (strcmp(name, "add") == 0)
        return value ? add(doc, path, json_deep_copy(value)) : -1;
    if (strcmp(name, "remove") == 0)
        return delete_at(doc, path);
    if (strcmp(name, "replace") == 0)
        return replace(doc, path, value);
    if (strcmp(name, "test") == 0)
        return value && json_equal(resolve(doc, path), value) ? 0 : -1;
    moved = json_deep_copy(resolve(doc, from));
    if (!moved)
        return -1;
    if (strcmp(name, "copy") == 0)
        return add(doc, path, moved);
    if (strcmp(name, "move") == 0 && delete_at(doc, from) == 0)
        return add(doc, path, moved);
    json_decref(moved);
    return -1;
}

json_t *sim_patch_json(json_t *target, const json_t *patch, struct tarn_error *err)
{
    json_t *doc = json_deep_copy(target), *op;
    size_t i;

    json_decref(target);
    if (!json_is_array(patch)) {
        (void)tarn_error_set(err, TARN_E_INVAL, "a JSON patch is an array of operations");
        json_decref(doc);
        return NULL;
    }
    json_array_foreach((json_t *)(uintptr_t)patch, i, op) {
        if (apply(doc, op) == 0)
            continue;
        (void)tarn_error_set(err, TARN_E_INVAL, "the server rejected our request due to an error in our request: operation "
                             "%zu (%s %s) does not apply", i, sim_json_text(op, "op"), sim_json_text(op, "path"));
        json_decref(doc);
        return NULL;
    }
    return doc;
}
