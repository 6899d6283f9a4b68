/* sim_apply_merge.c - merging a configuration into an object, and taking away what nobody wants any more. */
#include "sim_apply_merge.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim_fields.h"

/* ---- merging ------------------------------------------------------------------------------------- */

static json_t *merge_maps(const struct sim_schema *s, const json_t *live, const json_t *config)
{
    json_t *out = json_copy((json_t *)(uintptr_t)live), *v;
    const char *key;

    json_object_foreach((json_t *)(uintptr_t)config, key, v) {
        const struct sim_schema *field = sim_schema_at(s, key);

        if (field)
            (void)json_object_set_new(out, key, sim_apply_merge(field, json_object_get(live, key), v));
    }
    return out;
}

static size_t position(json_t *const *elements, size_t n, const char *element)
{
    size_t i = 0;

    while (i < n && strcmp(json_string_value(elements[i]), element) != 0)
        i++;
    return i;
}

/* The path elements of the items of a list, as strings; owned. */
static json_t **elements_of(const struct sim_schema *s, const json_t *list, size_t *ret_n)
{
    json_t **out = sim_alloc((json_array_size(list) + 1) * sizeof *out), *item;
    size_t i;

    *ret_n = json_array_size(list);
    json_array_foreach((json_t *)(uintptr_t)list, i, item) {
        char *element = sim_fields_item(s, item);

        out[i] = json_string(element ? element : "");
        free(element);
    }
    return out;
}

static void elements_free(json_t **elements, size_t n)
{
    for (size_t i = 0; i < n; i++)
        json_decref(elements[i]);
    free(elements);
}

struct sides {
    json_t **live, **config;
    size_t nlive, nconfig, l, c; /* l, c: how far each is done */
};

/* Is the item of live at l one that config has too, but wants later than another that both have? */
static bool comes_later(const struct sides *x)
{
    size_t next = x->c;

    while (next < x->nconfig && position(x->live, x->nlive, json_string_value(x->config[next])) == x->nlive)
        next++;
    return position(x->config, x->nconfig, json_string_value(x->live[x->l])) < x->nconfig && next < x->nconfig &&
           strcmp(json_string_value(x->config[next]), json_string_value(x->live[x->l])) != 0;
}

/* Which item is next: *ret_live and *ret_config say where it is in each (the end: not there). False: an item was passed over. */
static bool next_item(struct sides *x, size_t *ret_live, size_t *ret_config)
{
    bool both = x->l < x->nlive && x->c < x->nconfig;
    size_t at = x->l < x->nlive ? position(x->config, x->nconfig, json_string_value(x->live[x->l])) : x->nconfig;

    *ret_live = x->nlive;
    *ret_config = x->nconfig;
    if (both && at != x->c && comes_later(x)) {
        x->l++;
        return false;
    }
    if (x->l < x->nlive && at == x->nconfig) {
        *ret_live = x->l++;
        return true;
    }
    if (x->l < x->nlive && (at <= x->c || x->c == x->nconfig))
        x->l++; /* its turn is now, or was before */
    if (x->c == x->nconfig)
        return false;
    *ret_config = x->c++;
    *ret_live = position(x->live, x->nlive, json_string_value(x->config[*ret_config]));
    return true;
}

/* What config has comes in its order; items that only live has stay behind what they stood behind. */
static json_t *merge_lists(const struct sim_schema *s, const json_t *live, const json_t *config)
{
    struct sides x = {0};
    json_t *out = json_array();
    size_t l, c;

    x.live = elements_of(s, live, &x.nlive);
    x.config = elements_of(s, config, &x.nconfig);
    while (x.l < x.nlive || x.c < x.nconfig) {
        if (!next_item(&x, &l, &c))
            continue;
        if (c == x.nconfig)
            (void)json_array_append(out, json_array_get(live, l));
        else
            (void)json_array_append_new(out, sim_apply_merge(s->element, json_array_get(live, l), json_array_get(config, c)));
    }
    elements_free(x.live, x.nlive);
    elements_free(x.config, x.nconfig);
    return out;
}

json_t *sim_apply_merge(const struct sim_schema *s, const json_t *live, const json_t *config)
{
    if (json_is_object(live) && json_is_object(config) && sim_fields_granular_map(s, config))
        return merge_maps(s, live, config);
    if (json_is_array(live) && json_is_array(config) && sim_fields_granular_list(s))
        return merge_lists(s, live, config);
    return json_deep_copy(config);
}

/* ---- taking away ---------------------------------------------------------------------------------- */

static bool is_leaf(const json_t *set)
{
    return set && (json_object_size(set) == 0 || json_object_get(set, "."));
}

static json_t *list_without(const struct sim_schema *s, const json_t *v, const json_t *gone)
{
    json_t *out = json_array(), *item;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)v, i, item) {
        char *element = sim_fields_item(s, item);
        const json_t *below = element ? json_object_get(gone, element) : NULL;

        if (!is_leaf(below))
            (void)json_array_append_new(out, sim_apply_without(s->element, item, below));
        free(element);
    }
    return out;
}

static json_t *map_without(const struct sim_schema *s, const json_t *v, const json_t *gone)
{
    json_t *out = json_object(), *value;
    const char *key;

    json_object_foreach((json_t *)(uintptr_t)v, key, value) {
        char element[512];
        const json_t *below;

        (void)snprintf(element, sizeof element, "f:%s", key);
        below = json_object_get(gone, element);
        if (!is_leaf(below))
            (void)json_object_set_new(out, key, sim_apply_without(sim_schema_at(s, key), value, below));
    }
    return out;
}

json_t *sim_apply_without(const struct sim_schema *s, const json_t *v, const json_t *gone)
{
    if (gone && s && json_is_object(v) && sim_fields_granular_map(s, v))
        return map_without(s, v, gone);
    if (gone && s && json_is_array(v) && sim_fields_granular_list(s))
        return list_without(s, v, gone);
    return json_deep_copy(v);
}

json_t *sim_apply_empty(const struct sim_schema *s)
{
    unsigned n;
    const struct sim_schema *fields = sim_schema_fields(s, &n);
    json_t *out = json_object();

    for (unsigned i = 0; i < n; i++) {
        const struct sim_schema *f = &fields[i];

        if (f->default_text && f->shape == SIM_OF_STRUCT)
            (void)json_object_set_new(out, f->name, sim_apply_empty(f));
        else if (f->required && f->default_text)
            (void)json_object_set_new(out, f->name, sim_schema_default(f));
        else if (f->required)
            (void)json_object_set_new(out, f->name, json_null());
    }
    return out;
}
