/* sim_patch.c - RFC 7386 and RFC 6902. */
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
