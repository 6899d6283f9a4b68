/* index_func.c - the built-in index functions: namespace, labels, owners, a pod's node, addresses and containers, field paths. */
#include <tarn/store.h>

#include <stdlib.h>

#include "field.h"
#include "path.h"

/* Names that stand for paths of the API's own types: each value that is at one of them. */
static const struct ready {
    const char *name, *paths[3];
    bool plain_too; /* "containerd://ID" also as "ID" */
} readies[] = {
    {.name = "owner", .paths = {"metadata.ownerReferences[*].uid"}},
    {.name = "node", .paths = {"spec.nodeName"}},
    {.name = "podIP", .paths = {"status.podIPs[*].ip", "status.podIP"}},
    {.name = "containerID",
     .paths = {"status.containerStatuses[*].containerID", "status.initContainerStatuses[*].containerID", "status.ephemeralContainerStatuses[*].containerID"},
     .plain_too = true},
};

/* What a built-in function of one name needs: its name, and the part behind "label:" or the path. */
struct builtin {
    const char *argument;
    bool branches; /* a path with [*] */
    const struct ready *ready; /* NULL: none of those */
    struct tarn_field field;   /* the path, where it is of two plain keys */
    char name[];
};

static bool has_meta(const struct tarn_object *obj)
{
    return !(tarn_object_flags(obj) & (TARN_OBJECT_NO_META | TARN_OBJECT_TOMBSTONE | TARN_OBJECT_EXPLICIT_KEY));
}

static int by_namespace(void *ctx, const struct tarn_object *obj, struct tarn_index_values *out)
{
    (void)ctx;
    return has_meta(obj) ? tarn_index_values_add(out, tarn_object_namespace(obj)) : TARN_E_NO_META;
}

static int by_label(void *ctx, const struct tarn_object *obj, struct tarn_index_values *out)
{
    const struct builtin *b = ctx;
    struct tarn_bytes value;

    if (!has_meta(obj))
        return TARN_E_NO_META;
    return tarn_object_label(obj, tarn_bytes_of(b->argument), &value) ? 0 : tarn_index_values_add(out, value);
}

static int by_labels(void *ctx, const struct tarn_object *obj, struct tarn_index_values *out)
{
    struct tarn_value labels, value;
    struct tarn_bytes key;
    int err = 0;

    (void)ctx;
    if (!has_meta(obj))
        return TARN_E_NO_META;
    if (tarn_object_get(obj, "metadata.labels", &labels) || labels.type != TARN_MAP)
        return 0;
    while (!err && tarn_value_next(&labels, &key, &value) == 1)
        if (value.type == TARN_STRING)
            err = tarn_index_values_add_joined(out, key, "=", value.string);
    return err;
}

static int number_add(struct tarn_index_values *out, const struct tarn_value *v)
{
    struct tarn_buf text = {0};
    int err = tarn_value_to_json(v, 0, &text);

    if (!err)
        err = tarn_index_values_add_joined(out, tarn_buf_bytes(&text), "", (struct tarn_bytes){0});
    tarn_buf_release(&text);
    return err;
}

static int value_add(void *ctx, const struct tarn_value *v)
{
    struct tarn_index_values *out = ctx;

    switch (v->type) {
    case TARN_STRING:
        return tarn_index_values_add(out, v->string);
    case TARN_BOOL:
        return tarn_index_values_add(out, v->boolean ? TARN_BYTES("true") : TARN_BYTES("false"));
    case TARN_INT:
    case TARN_UINT:
    case TARN_DOUBLE:
        return number_add(out, v);
    default:
        return 0;
    }
}

static int by_path(void *ctx, const struct tarn_object *obj, struct tarn_index_values *out)
{
    const struct builtin *b = ctx;
    struct tarn_value v;
    int err;

    if (!has_meta(obj))
        return TARN_E_NO_META;
    if (!b->branches) {
        err = tarn_object_field(obj, &b->field, &v);
        return err == TARN_E_NOTFOUND ? 0 : err ? err : value_add(out, &v);
    }
    return tarn_object_each(obj, b->argument, value_add, out);
}

/* "containerd://0a1b" -> "0a1b" */
static struct tarn_bytes behind_scheme(struct tarn_bytes id)
{
    const char *at = memmem(id.data, id.len, "://", 3);

    return at ? (struct tarn_bytes){.data = at + 3, .len = id.len - (size_t)(at + 3 - id.data)} : (struct tarn_bytes){0};
}

/* A status that is not there yet has empty texts: no value. */
static int id_add(void *ctx, const struct tarn_value *v)
{
    struct tarn_bytes plain;
    int err;

    if (v->type != TARN_STRING || !v->string.len)
        return 0;
    err = tarn_index_values_add(ctx, v->string);
    plain = behind_scheme(v->string);
    return err || !plain.len ? err : tarn_index_values_add(ctx, plain);
}

static int text_add(void *ctx, const struct tarn_value *v)
{
    return v->type == TARN_STRING && v->string.len ? tarn_index_values_add(ctx, v->string) : 0;
}

static int by_ready(void *ctx, const struct tarn_object *obj, struct tarn_index_values *out)
{
    const struct ready *r = ((const struct builtin *)ctx)->ready;
    int err = 0;

    if (!has_meta(obj))
        return TARN_E_NO_META;
    for (size_t i = 0; !err && i < sizeof r->paths / sizeof *r->paths && r->paths[i]; i++)
        err = tarn_object_each(obj, r->paths[i], r->plain_too ? id_add : text_add, out);
    return err;
}

static const struct ready *ready_of(const char *name)
{
    for (size_t i = 0; i < sizeof readies / sizeof *readies; i++)
        if (strcmp(name, readies[i].name) == 0)
            return &readies[i];
    return NULL;
}

/* Whether path has the form a.b[0]['c'][*]. */
static bool path_parses(const char *path)
{
    struct tarn_path p = tarn_path_start(path);
    struct tarn_step step;

    do {
        if (tarn_path_next(&p, &step))
            return false;
    } while (step.kind != TARN_STEP_END);
    return true;
}

/* The function of a name, and where its argument begins in it; NULL: there is none. */
static int (*function_of(const char *name, size_t *ret_argument))(void *, const struct tarn_object *, struct tarn_index_values *)
{
    *ret_argument = 0;
    if (strcmp(name, "namespace") == 0)
        return by_namespace;
    if (strcmp(name, "labels") == 0)
        return by_labels;
    if (ready_of(name))
        return by_ready;
    if (strncmp(name, "label:", 6) == 0) {
        *ret_argument = 6;
        return name[6] ? by_label : NULL;
    }
    return path_parses(name) ? by_path : NULL;
}

int tarn_index_func_builtin(const char *name, struct tarn_index_func *ret, struct tarn_error *err)
{
    size_t len = strlen(name) + 1, argument;
    int (*fn)(void *, const struct tarn_object *, struct tarn_index_values *) = function_of(name, &argument);
    struct builtin *b;

    if (!fn)
        return tarn_error_set(err, TARN_E_INVAL,
                              "unknown index '%s': use namespace, labels, label:KEY, owner, node, podIP, containerID or a field path such as spec.nodeName",
                              name);
    b = malloc(sizeof *b + len);
    if (!b)
        return tarn_error_set(err, TARN_E_NOMEM, "no memory for index '%s'", name);
    memcpy(b->name, name, len);
    b->ready = ready_of(name);
    b->argument = b->name + argument;
    b->field = tarn_field_of(b->argument);
    b->branches = strchr(b->argument, '*') != NULL; /* a quoted key may have one too: it only costs the longer way */
    *ret = (struct tarn_index_func){.name = b->name, .fn = fn, .ctx = b};
    return 0;
}

void tarn_index_func_release(struct tarn_index_func *f)
{
    free(f->ctx);
    *f = (struct tarn_index_func){0};
}
