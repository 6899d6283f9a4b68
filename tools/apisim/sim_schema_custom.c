/* sim_schema_custom.c - structural schemas as types: properties, additionalProperties, items, and how lists and maps merge. */
#include "sim_schema_custom.h"

#include <stdlib.h>

/* Those that were made, by their text. */
static struct known {
    struct known *next;
    json_t *schema;
    struct sim_schema root;
} *all_known;

static void convert(const json_t *v, const char *name, struct sim_schema *ret);

static char *text_of(const char *s)
{
    return strcpy(sim_alloc(strlen(s) + 1), s);
}

static const struct sim_schema *element_of(const json_t *v)
{
    struct sim_schema *element = sim_alloc(sizeof *element);

    convert(v, "", element);
    return element;
}

static bool says(const json_t *v, const char *key, const char *value)
{
    return strcmp(sim_json_text(v, key), value) == 0;
}

static void convert_list(const json_t *v, struct sim_schema *ret)
{
    const json_t *keys = json_object_get(v, "x-kubernetes-list-map-keys");
    bool keyed = says(v, "x-kubernetes-list-type", "map");

    ret->shape = SIM_OF_LIST;
    ret->element = element_of(json_object_get(v, "items"));
    ret->set = says(v, "x-kubernetes-list-type", "set");
    ret->atomic = !ret->set && !keyed;
    for (size_t i = 0; keyed && i < json_array_size(keys) && i + 1 < SIM_SCHEMA_KEYS; i++)
        ret->keys[i] = text_of(json_string_value(json_array_get(keys, i)));
}

/* A struct of the n fields at `fields` and those of properties, for which there is room behind them. A name that is there stays. */
static void make_struct(struct sim_schema *fields, unsigned n, const json_t *properties, struct sim_schema *ret)
{
    struct sim_type *type = sim_alloc(sizeof *type);
    const unsigned common = n;
    const char *name;
    json_t *p;

    json_object_foreach((json_t *)(uintptr_t)properties, name, p) {
        unsigned same = 0;

        while (same < common && strcmp(fields[same].name, name) != 0)
            same++;
        if (same == common)
            convert(p, text_of(name), &fields[n++]);
    }
    *type = (struct sim_type){.name = "", .fields = fields, .n = n, .open = true};
    ret->shape = SIM_OF_STRUCT;
    ret->type = type;
}

static void convert_struct(const json_t *properties, struct sim_schema *ret)
{
    make_struct(sim_alloc((json_object_size(properties) + 1) * sizeof(struct sim_schema)), 0, properties, ret);
}

static void convert_scalar(const json_t *v, struct sim_schema *ret)
{
    const char *type = sim_json_text(v, "type");

    ret->shape = *type ? SIM_OF_SCALAR : SIM_OF_ANY;
    ret->primitive = *type ? text_of(type) : NULL;
}

static void convert(const json_t *v, const char *name, struct sim_schema *ret)
{
    const json_t *properties = json_object_get(v, "properties"), *more = json_object_get(v, "additionalProperties");
    json_t *standard = json_object_get(v, "default");
    struct tarn_buf text = {0};

    *ret = (struct sim_schema){.name = name, .atomic = says(v, "x-kubernetes-map-type", "atomic")};
    if (standard) {
        sim_json_dump(standard, false, &text);
        sim_put(&text, "", 1);
        ret->default_text = text.data;
    }
    if (says(v, "type", "array")) {
        convert_list(v, ret);
    } else if (json_object_size(properties)) {
        convert_struct(properties, ret);
    } else if (json_is_object(more)) {
        ret->shape = SIM_OF_MAP;
        ret->element = element_of(more);
    } else if (says(v, "type", "object")) {
        ret->shape = SIM_OF_ANY;
    } else {
        convert_scalar(v, ret);
    }
}

/* The root has the fields of every custom resource, which are what they are, then those of the schema. */
static void convert_root(const json_t *schema, struct sim_schema *ret)
{
    const json_t *properties = json_object_get(schema, "properties");
    unsigned common;
    const struct sim_schema *first = sim_schema_fields(sim_schema_custom(), &common);
    struct sim_schema *fields = sim_alloc((common + json_object_size(properties)) * sizeof *fields);

    memcpy(fields, first, common * sizeof *fields);
    *ret = (struct sim_schema){.name = ""};
    make_struct(fields, common, properties, ret);
}

const struct sim_schema *sim_schema_of_definition(const json_t *schema)
{
    struct known *k;

    if (!json_object_size(json_object_get(schema, "properties")))
        return sim_schema_custom();
    for (k = all_known; k; k = k->next)
        if (json_equal(k->schema, schema))
            return &k->root;
    k = sim_alloc(sizeof *k);
    *k = (struct known){.next = all_known, .schema = json_deep_copy(schema)};
    convert_root(schema, &k->root);
    all_known = k;
    return &k->root;
}
