/* functions.c - the index functions and transformers that traces name (FORMAT section 5). */
#include "replay.h"

#include <stdlib.h>
#include <string.h>

static bool has_meta(const struct tarn_object *obj)
{
    return !(tarn_object_flags(obj) & (TARN_OBJECT_NO_META | TARN_OBJECT_TOMBSTONE | TARN_OBJECT_EXPLICIT_KEY));
}

/* namespace and label:NAME are the library's own; so is labels, but for the order, which FORMAT fixes. */
static int by_builtin(void *ctx, const struct tarn_object *obj, struct tarn_index_values *out)
{
    struct tarn_index_func f;
    int err = tarn_index_func_builtin(ctx, &f, NULL);

    if (err)
        return err;
    err = f.fn(f.ctx, obj, out);
    tarn_index_func_release(&f);
    return err;
}

static int compare_values(const void *a, const void *b)
{
    return tarn_bytes_compare(*(const struct tarn_bytes *)a, *(const struct tarn_bytes *)b);
}

static int by_labels(void *ctx, const struct tarn_object *obj, struct tarn_index_values *out)
{
    int err = by_builtin(ctx, obj, out);

    if (!err && out->n)
        qsort(out->v, out->n, sizeof *out->v, compare_values);
    return err;
}

static int by_node(void *ctx, const struct tarn_object *obj, struct tarn_index_values *out)
{
    struct tarn_bytes node;

    (void)ctx;
    if (!has_meta(obj))
        return TARN_E_NO_META;
    if (tarn_object_get_string(obj, "spec.nodeName", &node) || node.len == 0)
        return 0;
    return tarn_index_values_add(out, node);
}

static int by_words(void *ctx, const struct tarn_object *obj, struct tarn_index_values *out)
{
    struct tarn_value words, word;
    int err = 0;

    (void)ctx;
    if (!has_meta(obj))
        return TARN_E_NO_META;
    if (tarn_object_get(obj, "spec.words", &words) || words.type != TARN_ARRAY)
        return 0;
    while (!err && tarn_value_next(&words, NULL, &word) == 1)
        if (word.type == TARN_STRING)
            err = tarn_index_values_add(out, word.string);
    return err;
}

/* label:NAME functions met so far: kept to the program's end, since stores borrow them. */
static struct tarn_index_func *label_func(const char *name)
{
    static struct tarn_index_func *known[REPLAY_INDEXERS_MAX];
    size_t n = 0;

    for (; n < REPLAY_INDEXERS_MAX && known[n]; n++)
        if (strcmp(known[n]->name, name) == 0)
            return known[n];
    if (n == REPLAY_INDEXERS_MAX || !(known[n] = calloc(1, sizeof *known[n])))
        return NULL;
    known[n]->name = strdup(name);
    known[n]->fn = by_builtin;
    known[n]->ctx = (void *)(uintptr_t)known[n]->name;
    return known[n];
}

const struct tarn_index_func *replay_index_func(const char *name)
{
    static const struct tarn_index_func fixed[] = {
        {.name = "namespace", .fn = by_builtin, .ctx = "namespace"},
        {.name = "labels", .fn = by_labels, .ctx = "labels"},
        {.name = "node", .fn = by_node},
        {.name = "words", .fn = by_words},
    };

    if (!name)
        return NULL;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (strcmp(fixed[i].name, name) == 0)
            return &fixed[i];
    return strncmp(name, "label:", 6) == 0 && name[6] ? label_func(name) : NULL;
}

int replay_index_funcs(const json_t *array, struct tarn_index_func *v, size_t max, size_t *ret_n)
{
    size_t n = json_array_size(array);

    if (n > max)
        return -1;
    for (size_t i = 0; i < n; i++) {
        const struct tarn_index_func *f = replay_index_func(json_string_value(json_array_get(array, i)));

        if (!f)
            return -1;
        v[i] = *f;
    }
    *ret_n = n;
    return 0;
}

/* ---- transformers ---------------------------------------------------------------------------- */

static bool passes_on(const struct tarn_object *obj)
{
    return tarn_object_flags(obj) & (TARN_OBJECT_TOMBSTONE | TARN_OBJECT_EXPLICIT_KEY | TARN_OBJECT_NO_META);
}

/* The object that change makes of a JSON copy of obj. */
static int changed(const struct tarn_object *obj, void (*change)(json_t *), const struct tarn_object **ret)
{
    json_t *v = replay_object_json(obj);
    const struct tarn_object *made;

    if (!v)
        return TARN_E_NOMEM;
    change(v);
    made = replay_object(v);
    json_decref(v);
    if (!made)
        return TARN_E_NOMEM;
    *ret = made;
    return 0;
}

static void strip_json(json_t *v)
{
    json_t *metadata = json_object_get(v, "metadata");

    json_object_del(metadata, "managedFields");
    json_object_del(metadata, "annotations");
}

static void count_json(json_t *v)
{
    json_t *spec = json_object_get(v, "spec");

    if (!json_is_object(spec)) {
        spec = json_object();
        json_object_set_new(v, "spec", spec);
    }
    json_object_set_new(spec, "transformed",
                        json_integer(json_integer_value(json_object_get(spec, "transformed")) + 1));
}

static int transform(const struct tarn_object *obj, void (*change)(json_t *), const struct tarn_object **ret)
{
    if (!passes_on(obj))
        return changed(obj, change, ret);
    *ret = tarn_object_ref(obj);
    return *ret ? 0 : TARN_E_NOMEM;
}

static int strip(void *ctx, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err)
{
    (void)ctx;
    (void)err;
    return transform(obj, strip_json, ret);
}

static int count(void *ctx, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err)
{
    (void)ctx;
    (void)err;
    return transform(obj, count_json, ret);
}

static int refuse(void *ctx, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err)
{
    struct tarn_bytes bad;

    (void)ctx;
    if (tarn_object_label(obj, TARN_BYTES("bad"), &bad) == 0 && tarn_bytes_equal(bad, TARN_BYTES("true")))
        return tarn_error_set(err, TARN_E_INVAL, "the label bad is true");
    *ret = tarn_object_ref(obj);
    return *ret ? 0 : TARN_E_NOMEM;
}

int replay_transform(const json_t *name, struct tarn_transform *ret)
{
    static const struct {
        const char *name;
        struct tarn_transform transform;
    } known[] = {{"none", {0}}, {"strip", {.fn = strip}}, {"count", {.fn = count}}, {"refuse", {.fn = refuse}}};
    const char *s = name ? json_string_value(name) : "none";

    for (size_t i = 0; s && i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, s) == 0) {
            *ret = known[i].transform;
            return 0;
        }
    return -1;
}
