/* Looking for what `tarn get` was asked, in one snapshot. See get.h. */
#include <stdlib.h>

#include "get.h"
#include "terminal.h"

static void add_found(struct collection *c, const struct tarn_object *obj, const struct tarn_resource *resource, uint64_t deleted_ms)
{
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 64;
        struct found *v = realloc(c->v, cap * sizeof *v);

        if (!v)
            cli_out_of_memory();
        c->v = v;
        c->cap = cap;
    }
    c->v[c->n++] = (struct found){obj, resource, deleted_ms};
    progress_count(c->n);
}

static int collect_all(const struct get_options *o, struct tarn_snapshot *s, const struct tarn_resource *resource, const char *name,
                       struct collection *c, struct tarn_error *err)
{
    struct tarn_query q = {
        .ns = resource->namespaced ? o->ns : NULL,
        .index = o->index,
        .value = o->value,
        .labels = o->labels,
        .fields = o->fields,
        .sorted = true,
    };
    const struct tarn_object *obj;
    struct tarn_deleted gone;
    struct tarn_iter it;
    int r = o->deleted ? tarn_list_deleted(s, name, &q, &it, err) : tarn_list(s, name, &q, &it, err);

    if (r != 0)
        return r;
    while (o->deleted && tarn_deleted_next(&it, &gone))
        add_found(c, gone.object, resource, gone.deleted_ms);
    while (!o->deleted && (obj = tarn_iter_next(&it)))
        add_found(c, obj, resource, 0);
    r = tarn_iter_error(&it);
    return r == 0 ? 0 : tarn_error_set(err, r, "cannot list %s: %s", name, tarn_strerror(r));
}

static int collect_one(const struct get_options *o, struct tarn_snapshot *s, const struct tarn_resource *resource, const struct target *t,
                       struct collection *c, struct tarn_error *err)
{
    const struct tarn_object *obj;
    struct tarn_deleted gone = {0};
    struct tarn_buf key = {0};
    int r;

    if (resource->namespaced)
        cli_addf(&key, "%s/", o->ns);
    cli_add(&key, tarn_bytes_of(t->name));
    cli_add(&key, (struct tarn_bytes){"", 1});
    r = o->deleted ? tarn_get_deleted(s, t->resource, key.data, &gone, err) : tarn_get(s, t->resource, key.data, &obj);
    if (r == 0)
        add_found(c, o->deleted ? gone.object : obj, resource, gone.deleted_ms);
    else if (o->deleted)
        ; /* it was said there */
    else if (r == TARN_E_NOTFOUND)
        tarn_error_set(err, r, "%.*s \"%s\" not found in the mirror", TARN_BYTES_ARG(resource->name), key.data);
    else if (r == TARN_E_KEY_FORMAT)
        tarn_error_set(err, r, "'%s' cannot be the name of one of %.*s", t->name, TARN_BYTES_ARG(resource->name));
    else
        tarn_error_set(err, r, "cannot get \"%s\": %s", key.data, tarn_strerror(r));
    tarn_buf_release(&key);
    return r;
}

static int collect_target(const struct get_options *o, struct tarn_snapshot *s, size_t i, struct collection *c, struct tarn_error *err)
{
    const struct target *t = &o->targets[i];
    int r = tarn_resource_find(s, t->resource, &c->resources[i], err);

    if (r != 0)
        return r;
    return t->name ? collect_one(o, s, &c->resources[i], t, c, err) : collect_all(o, s, &c->resources[i], t->resource, c, err);
}

int collect(const struct get_options *o, struct tarn_snapshot *s, struct collection *c, struct tarn_error *err)
{
    int r = 0;

    c->resources = calloc(o->ntargets, sizeof *c->resources);
    if (!c->resources)
        cli_out_of_memory();
    progress_begin("listing");
    for (size_t i = 0; i < o->ntargets && (r == 0 || r == TARN_E_NOTFOUND || r == TARN_E_KEY_FORMAT); i++) {
        struct tarn_error one = {0};

        if (collect_target(o, s, i, c, &one) == 0)
            continue;
        if (r != 0)
            cli_say("%s", err->message);
        r = one.code;
        *err = one;
    }
    progress_end();
    return r;
}

void collection_release(struct collection *c)
{
    free(c->v);
    free(c->resources);
    *c = (struct collection){0};
}
