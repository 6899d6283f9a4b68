/* sim_fields.c - field sets are tries of JSON objects; every operation is one walk over two of them. */
#include "sim_fields.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- sets ---------------------------------------------------------------------------------------- */

static bool is_member(const json_t *set)
{
    return set && (json_object_size(set) == 0 || json_object_get(set, "."));
}

/* A set's node from its parts; children is taken. NULL: nothing is left. */
static json_t *node(bool member, json_t *children)
{
    if (json_object_size(children) == 0) {
        if (member)
            return children;
        json_decref(children);
        return NULL;
    }
    if (member) {
        json_t *n = json_pack("{s:{}}", ".");

        (void)json_object_update(n, children);
        json_decref(children);
        return n;
    }
    return children;
}

enum operation { UNION, BOTH, MINUS };

static json_t *combine(const json_t *a, const json_t *b, enum operation op)
{
    bool x = is_member(a), y = is_member(b);
    json_t *children = json_object(), *v;
    const char *key;

    json_object_foreach((json_t *)(uintptr_t)a, key, v) {
        json_t *child = strcmp(key, ".") == 0 ? NULL : combine(v, json_object_get(b, key), op);

        if (child)
            (void)json_object_set_new(children, key, child);
    }
    if (op == UNION)
        json_object_foreach((json_t *)(uintptr_t)b, key, v)
            if (strcmp(key, ".") != 0 && !json_object_get(a, key))
                (void)json_object_set_new(children, key, json_deep_copy(v));
    return node(op == UNION ? x || y : op == BOTH ? x && y : x && !y, children);
}

json_t *sim_fields_union(const json_t *a, const json_t *b)
{
    return combine(a, b, UNION);
}

json_t *sim_fields_both(const json_t *a, const json_t *b)
{
    return combine(a, b, BOTH);
}

json_t *sim_fields_minus(const json_t *a, const json_t *b)
{
    return combine(a, b, MINUS);
}

json_t *sim_fields_outside(const json_t *a, const json_t *b)
{
    json_t *children = json_object(), *v;
    const char *key;

    if (is_member(b)) {
        json_decref(children);
        return NULL;
    }
    json_object_foreach((json_t *)(uintptr_t)a, key, v) {
        json_t *child = strcmp(key, ".") == 0 ? NULL : sim_fields_outside(v, json_object_get(b, key));

        if (child)
            (void)json_object_set_new(children, key, child);
    }
    return node(is_member(a), children);
}

static json_t *with_parents(const json_t *a, bool self)
{
    json_t *children = json_object(), *v;
    const char *key;

    json_object_foreach((json_t *)(uintptr_t)a, key, v)
        if (strcmp(key, ".") != 0)
            (void)json_object_set_new(children, key, with_parents(v, is_member(v) || *key == 'f'));
    return node(self, children);
}

json_t *sim_fields_with_parents(const json_t *a)
{
    return a ? with_parents(a, is_member(a)) : NULL;
}

/* Add a child to a set under construction. child is taken; NULL adds nothing. */
static void add_child(json_t *set, const char *element, json_t *child)
{
    if (child)
        (void)json_object_set_new(set, element, child);
}

/* ---- path elements ------------------------------------------------------------------------------- */

bool sim_fields_granular_list(const struct sim_schema *s)
{
    return s->shape == SIM_OF_LIST && !s->atomic && (s->set || s->keys[0]);
}

bool sim_fields_granular_map(const struct sim_schema *s, const json_t *v)
{
    return !s->atomic && (s->shape == SIM_OF_STRUCT || s->shape == SIM_OF_MAP || (s->shape == SIM_OF_ANY && json_is_object(v)));
}

/* The keys that identify item, those it leaves out by their defaults. Owned; NULL: one is missing. */
static json_t *keys_of(const struct sim_schema *list, const json_t *item)
{
    json_t *id = json_object();
    bool any = false;

    for (unsigned i = 0; i < SIM_SCHEMA_KEYS && list->keys[i]; i++) {
        json_t *v = json_object_get(item, list->keys[i]);
        const struct sim_schema *field = sim_schema_at(list->element, list->keys[i]);

        any = any || v;
        if (v)
            (void)json_object_set(id, list->keys[i], v);
        else if (field && field->default_text)
            (void)json_object_set_new(id, list->keys[i], sim_schema_default(field));
    }
    if (any)
        return id;
    json_decref(id);
    return NULL;
}

static char *element_text(const char *prefix, const json_t *v)
{
    struct tarn_buf text = {0};

    sim_puts(&text, prefix);
    sim_json_dump(v, true, &text);
    sim_put(&text, "", 1);
    return text.data;
}

char *sim_fields_item(const struct sim_schema *list, const json_t *item)
{
    json_t *id;
    char *text;

    if (list->set)
        return element_text("v:", item);
    id = keys_of(list, item);
    text = id ? element_text("k:", id) : NULL;
    json_decref(id);
    return text;
}

static void field_element(const char *key, char *ret, size_t n)
{
    (void)snprintf(ret, n, "f:%s", key);
}

/* ---- what a value says ---------------------------------------------------------------------------- */

/* The set (taken) with the place itself. */
static json_t *with_self(json_t *set)
{
    return set && json_object_size(set) ? node(true, set) : set ? set : json_object();
}

/* The items of a list by their path elements, owned. */
static json_t *items_by_element(const struct sim_schema *s, const json_t *list)
{
    json_t *map = json_object(), *item;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)list, i, item) {
        char *element = sim_fields_item(s, item);

        if (element)
            (void)json_object_set(map, element, item);
        free(element);
    }
    return map;
}

static json_t *list_set(const struct sim_schema *s, const json_t *v)
{
    json_t *set = json_object(), *items = items_by_element(s, v), *item;
    const char *element;

    json_object_foreach(items, element, item)
        add_child(set, element, s->set ? json_object() : with_self(sim_fields_of(s->element, item)));
    json_decref(items);
    return node(false, set);
}

static json_t *map_set(const struct sim_schema *s, const json_t *v)
{
    json_t *set = json_object(), *value;
    const char *key;
    char element[512];

    json_object_foreach((json_t *)(uintptr_t)v, key, value) {
        const struct sim_schema *field = sim_schema_at(s, key);

        field_element(key, element, sizeof element);
        if (field)
            add_child(set, element, *field->name ? sim_fields_of(field, value) : with_self(sim_fields_of(field, value)));
    }
    return node(false, set);
}

json_t *sim_fields_of(const struct sim_schema *s, const json_t *v)
{
    if (sim_fields_granular_list(s) && json_array_size(v))
        return list_set(s, v);
    if (sim_fields_granular_map(s, v) && json_object_size(v))
        return map_set(s, v);
    return json_object();
}

/* ---- what differs --------------------------------------------------------------------------------- */

static void compare(const struct sim_schema *s, const json_t *a, const json_t *b, struct sim_fields_change *ret);

/* The change of one child, put under its element into that of its parent. Either side may be missing. */
static void compare_child(const struct sim_schema *s, const char *element, const json_t *a, const json_t *b,
                          struct sim_fields_change *parent)
{
    struct sim_fields_change c = {0};

    compare(s, a, b, &c);
    add_child(parent->added, element, c.added);
    add_child(parent->modified, element, c.modified);
    add_child(parent->removed, element, c.removed);
}

static void compare_maps(const struct sim_schema *s, const json_t *a, const json_t *b, struct sim_fields_change *parent)
{
    json_t *value;
    const char *key;
    char element[512];

    json_object_foreach((json_t *)(uintptr_t)b, key, value) {
        const struct sim_schema *field = sim_schema_at(s, key);

        field_element(key, element, sizeof element);
        if (field)
            compare_child(field, element, json_object_get(a, key), value, parent);
    }
    json_object_foreach((json_t *)(uintptr_t)a, key, value) {
        const struct sim_schema *field = sim_schema_at(s, key);

        field_element(key, element, sizeof element);
        if (field && !json_object_get(b, key))
            compare_child(field, element, value, NULL, parent);
    }
}

static void compare_lists(const struct sim_schema *s, const json_t *a, const json_t *b, struct sim_fields_change *parent)
{
    json_t *x = items_by_element(s, a), *y = items_by_element(s, b), *item;
    const char *element;

    json_object_foreach(y, element, item)
        compare_child(s->element, element, json_object_get(x, element), item, parent);
    json_object_foreach(x, element, item)
        if (!json_object_get(y, element))
            compare_child(s->element, element, item, NULL, parent);
    json_decref(x);
    json_decref(y);
}

static bool is_filled(const json_t *v)
{
    return json_object_size(v) || json_array_size(v);
}

static void compare(const struct sim_schema *s, const json_t *a, const json_t *b, struct sim_fields_change *ret)
{
    struct sim_fields_change c = {json_object(), json_object(), json_object()};
    bool inner = is_filled(a) || is_filled(b), list = inner && sim_fields_granular_list(s);
    bool map = inner && (sim_fields_granular_map(s, a) || sim_fields_granular_map(s, b));

    if (list)
        compare_lists(s, a, b, &c);
    else if (map)
        compare_maps(s, a, b, &c);
    ret->added = node(!a && b, c.added);
    ret->removed = node(a && !b, c.removed);
    ret->modified = node(!list && !map && a && b && !json_equal(a, b), c.modified);
}

void sim_fields_compare(const struct sim_schema *s, const json_t *before, const json_t *after, struct sim_fields_change *ret)
{
    compare(s, before, after, ret);
}

void sim_fields_change_release(struct sim_fields_change *c)
{
    json_decref(c->added);
    json_decref(c->modified);
    json_decref(c->removed);
    *c = (struct sim_fields_change){0};
}

/* ---- members, one by one --------------------------------------------------------------------------- */

struct walk {
    void (*each)(void *ctx, const char *path);
    void *ctx;
};

/* Append a path element as messages show it: .name, [name="c"], [="v"]. */
static void put_element(struct tarn_buf *path, const char *element)
{
    json_t *id = *element == 'f' ? NULL : json_loads(element + 2, JSON_DECODE_ANY, NULL), *v;
    const char *key;
    bool first = true;

    if (*element == 'f') {
        sim_putf(path, ".%s", element + 2);
    } else if (*element == 'v') {
        sim_putf(path, "[=%s]", element + 2);
    } else {
        sim_puts(path, "[");
        json_object_foreach(id, key, v) {
            sim_putf(path, "%s%s=", first ? "" : ",", key);
            sim_json_dump(v, true, path);
            first = false;
        }
        sim_puts(path, "]");
    }
    json_decref(id);
}

static void walk_members(const struct walk *w, const json_t *set, struct tarn_buf *path)
{
    size_t len = path->len, n;
    const char **elements = sim_json_keys(set, &n);

    if (is_member(set) && len) {
        sim_put(path, "", 1);
        w->each(w->ctx, path->data);
        path->len = len;
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(elements[i], ".") == 0)
            continue;
        put_element(path, elements[i]);
        walk_members(w, json_object_get(set, elements[i]), path);
        path->len = len;
    }
    free(elements);
}

void sim_fields_each(const json_t *set, void (*each)(void *ctx, const char *path), void *ctx)
{
    struct walk w = {each, ctx};
    struct tarn_buf path = {0};

    if (set)
        walk_members(&w, set, &path);
    tarn_buf_release(&path);
}
