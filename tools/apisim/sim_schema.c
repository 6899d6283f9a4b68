/* sim_schema.c - reading the table of types, once. */
#include "sim_schema.h"

#include <stdio.h>
#include <stdlib.h>

extern const char sim_schema_text[]; /* schema.txt, made a C array by CMake */

struct kind_name {
    const char *gvk, *type; /* "apps/v1/Deployment" */
};

static struct {
    struct sim_type *types;
    unsigned ntypes;
    struct kind_name *kinds;
    unsigned nkinds;
    struct sim_schema *roots; /* one a kind */
} table;

static const struct sim_schema any = {.name = "", .shape = SIM_OF_ANY};

static struct sim_type *find_type(const char *name)
{
    unsigned low = 0, high = table.ntypes;

    while (low < high) {
        unsigned mid = (low + high) / 2;
        int order = strcmp(table.types[mid].name, name);

        if (order == 0)
            return &table.types[mid];
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

/* ---- a position ---------------------------------------------------------------------------------- */

static void read_keys(struct sim_schema *s, char *list)
{
    unsigned n = 0;

    for (char *save = NULL, *k = strtok_r(list, ",", &save); k && n + 1 < SIM_SCHEMA_KEYS; k = strtok_r(NULL, ",", &save))
        s->keys[n++] = k;
}

static void read_attribute(struct sim_schema *s, char *a)
{
    if (strcmp(a, "atomic") == 0)
        s->atomic = true;
    else if (strcmp(a, "set") == 0)
        s->set = true;
    else if (strcmp(a, "retainKeys") == 0)
        s->retain_keys = true;
    else if (strncmp(a, "map=", 4) == 0)
        read_keys(s, a + 4);
    else if (strncmp(a, "default=", 8) == 0)
        s->default_text = a + 8;
    else if (strncmp(a, "merge", 5) == 0) {
        s->merges = true;
        s->merge_key = a[5] == '=' ? a + 6 : NULL;
    }
}

static void read_type(struct sim_schema *s, char *text)
{
    bool list = strncmp(text, "[]", 2) == 0, map = strncmp(text, "{}", 2) == 0;
    char *format = strchr(text, ':');

    if (list || map) {
        struct sim_schema *element = sim_alloc(sizeof *element);

        *element = (struct sim_schema){.name = ""};
        read_type(element, text + 2);
        s->shape = list ? SIM_OF_LIST : SIM_OF_MAP;
        s->element = element;
    } else if (*text == '@') {
        s->type = find_type(text + 1); /* its shape is known when all lines are read */
    } else if (strcmp(text, "any") == 0 || strcmp(text, "object") == 0) {
        s->shape = SIM_OF_ANY;
        s->primitive = strcmp(text, "any") == 0 ? NULL : text;
    } else {
        s->shape = SIM_OF_SCALAR;
        s->primitive = text;
        s->format = format ? format + 1 : NULL;
        if (format)
            *format = 0;
    }
}

/* TYPE[;ATTRIBUTE...] */
static void read_position(struct sim_schema *s, char *text)
{
    char *save = NULL, *type = strtok_r(text, ";", &save);

    for (char *a = strtok_r(NULL, ";", &save); a; a = strtok_r(NULL, ";", &save))
        read_attribute(s, a);
    read_type(s, type);
}

/* ---- a line -------------------------------------------------------------------------------------- */

static unsigned count(const char *s, char c)
{
    unsigned n = 0;

    for (; *s; s++)
        n += *s == c;
    return n;
}

static void read_field(struct sim_schema *s, char *token)
{
    char *colon = strchr(token, ':');

    *colon = 0;
    *s = (struct sim_schema){.name = token, .required = colon[-1] == '!'};
    if (s->required)
        colon[-1] = 0;
    read_position(s, colon + 1);
}

/* What stands behind the name of a type. */
static void read_fields(struct sim_type *t, char *text)
{
    struct sim_schema *fields = sim_alloc((count(text, ' ') + 1) * sizeof *fields);

    t->fields = fields;
    for (char *save = NULL, *f = strtok_r(text, " ", &save); f; f = strtok_r(NULL, " ", &save)) {
        if (*f == '=') {
            fields[0] = (struct sim_schema){.name = ""};
            read_position(&fields[0], f + 1);
            t->alias = &fields[0];
            return;
        }
        read_field(&fields[t->n++], f);
    }
}

static void add_kind(char *line)
{
    char *space = strchr(line, ' ');

    *space = 0;
    table.kinds = sim_realloc(table.kinds, (table.nkinds + 1) * sizeof *table.kinds);
    table.kinds[table.nkinds++] = (struct kind_name){line, space + 1};
}

/* The name of a type: the rest of the line waits in rest[]. */
static char *add_type(char *line)
{
    char *space = strchr(line, ' '), *attribute;

    *space = 0;
    attribute = strchr(line, ';');
    if (attribute)
        *attribute = 0;
    table.types[table.ntypes++] = (struct sim_type){.name = line, .atomic = attribute != NULL};
    return space + 1;
}

static enum sim_layout shape_of(const struct sim_type *t)
{
    return t->alias ? t->alias->shape : SIM_OF_STRUCT;
}

/* A position that refers to a type takes over what the type says. */
static void take_over(struct sim_schema *s)
{
    if (s->element)
        take_over((struct sim_schema *)(uintptr_t)s->element);
    if (!s->type)
        return;
    s->shape = shape_of(s->type);
    s->atomic = s->atomic || s->type->atomic;
    if (s->type->alias) {
        s->primitive = s->type->alias->primitive;
        s->format = s->type->alias->format;
    }
}

static void resolve(void)
{
    for (unsigned i = 0; i < table.ntypes; i++)
        for (unsigned f = 0; f < table.types[i].n; f++)
            take_over((struct sim_schema *)(uintptr_t)&table.types[i].fields[f]);
    table.roots = sim_alloc(table.nkinds * sizeof *table.roots);
    for (unsigned i = 0; i < table.nkinds; i++) {
        table.roots[i] = (struct sim_schema){.name = "", .type = find_type(table.kinds[i].type)};
        take_over(&table.roots[i]);
    }
}

static void load(void)
{
    unsigned lines = count(sim_schema_text, '\n');
    char **rest = sim_alloc(lines * sizeof *rest), *text = sim_alloc(strlen(sim_schema_text) + 1);

    table.types = sim_alloc(lines * sizeof *table.types);
    strcpy(text, sim_schema_text);
    for (char *save = NULL, *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        if (strncmp(line, "kind ", 5) == 0) {
            add_kind(line + 5);
        } else {
            char *fields = add_type(line);

            rest[table.ntypes - 1] = fields;
        }
    }
    for (unsigned i = 0; i < table.ntypes; i++)
        read_fields(&table.types[i], rest[i]);
    free(rest);
    resolve();
}

/* ---- asking ---------------------------------------------------------------------------------------- */

const struct sim_type *sim_schema_types(unsigned *ret_n)
{
    if (!table.types)
        load();
    *ret_n = table.ntypes;
    return table.types;
}

const struct sim_schema *sim_schema_custom(void)
{
    unsigned n;

    static struct sim_schema fields[3], root;
    static struct sim_type type = {.name = "", .fields = fields, .n = 3, .open = true};

    (void)sim_schema_types(&n);
    if (!root.type) {
        fields[0] = fields[1] = (struct sim_schema){.shape = SIM_OF_SCALAR, .primitive = "string"};
        fields[0].name = "apiVersion";
        fields[1].name = "kind";
        fields[2] = (struct sim_schema){.name = "metadata", .default_text = "{}",
                                        .type = find_type("apimachinery.pkg.apis.meta.v1.ObjectMeta")};
        take_over(&fields[2]);
        root = (struct sim_schema){.name = "", .shape = SIM_OF_STRUCT, .type = &type};
    }
    return &root;
}

const struct sim_schema *sim_schema_of(const struct sim_kind *kind)
{
    char gvk[400];
    unsigned n;

    (void)sim_schema_types(&n);
    (void)snprintf(gvk, sizeof gvk, "%s/%s/%s", kind->group ? kind->group : "", kind->version, kind->kind);
    for (unsigned i = 0; i < table.nkinds && !kind->custom; i++)
        if (strcmp(table.kinds[i].gvk, gvk) == 0)
            return &table.roots[i];
    return kind->type ? kind->type : sim_schema_custom();
}

const struct sim_schema *sim_schema_fields(const struct sim_schema *s, unsigned *ret_n)
{
    *ret_n = s->shape == SIM_OF_STRUCT ? s->type->n : 0;
    return s->shape == SIM_OF_STRUCT ? s->type->fields : NULL;
}

const struct sim_schema *sim_schema_at(const struct sim_schema *s, const char *key)
{
    unsigned n;
    const struct sim_schema *fields = sim_schema_fields(s, &n);

    if (s->shape == SIM_OF_MAP)
        return s->element;
    if (s->shape == SIM_OF_ANY)
        return &any;
    for (unsigned i = 0; i < n; i++)
        if (strcmp(fields[i].name, key) == 0)
            return &fields[i];
    return s->shape == SIM_OF_STRUCT && s->type->open ? &any : NULL;
}

json_t *sim_schema_default(const struct sim_schema *s)
{
    return s->default_text ? json_loads(s->default_text, JSON_DECODE_ANY, NULL) : NULL;
}
