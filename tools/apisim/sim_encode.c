/* sim_encode.c - canonical text of stored objects. The version is a hole in it: a deletion shows the object's last
 * state at another version without parsing anything. */
#include "sim_encode.h"

#include <stdio.h>

/* Stands for the version while the text is printed; nobody else can know it. */
static const char *version_mark(void)
{
    static char mark[64];

    if (!*mark) {
        struct sim_random r = {.state = sim_wall_ns()};
        char uuid[37];

        sim_random_uuid(&r, uuid);
        (void)snprintf(mark, sizeof mark, "version-%s", uuid);
    }
    return mark;
}

static const char *const metadata_order[] = {
    "name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp",
    "deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers",
    "managedFields",
};

/* metadata with its fields in order and the mark for a version. Owned. */
static json_t *ordered_metadata(const json_t *metadata)
{
    json_t *m = json_object(), *copy = json_copy((json_t *)(uintptr_t)metadata);

    (void)json_object_set_new(copy, "resourceVersion", json_string(version_mark()));
    for (size_t i = 0; i < sizeof metadata_order / sizeof *metadata_order; i++) {
        json_t *v = json_object_get(copy, metadata_order[i]);

        if (v)
            (void)json_object_set(m, metadata_order[i], v);
        (void)json_object_del(copy, metadata_order[i]);
    }
    (void)json_object_update(m, copy);
    json_decref(copy);
    return m;
}

static json_t *arranged(const struct sim_resource *r, const json_t *v)
{
    json_t *rest = json_copy((json_t *)(uintptr_t)v), *o = json_object();
    char api_version[160];

    if (r->kind.custom) {
        (void)snprintf(api_version, sizeof api_version, "%s/%s", r->kind.group, r->kind.version);
        (void)json_object_set_new(o, "apiVersion", json_string(api_version));
        (void)json_object_set_new(o, "kind", json_string(r->kind.kind));
    }
    (void)json_object_set_new(o, "metadata", ordered_metadata(json_object_get(v, "metadata")));
    (void)json_object_del(rest, "metadata");
    (void)json_object_del(rest, "kind");
    (void)json_object_del(rest, "apiVersion");
    (void)json_object_update(o, rest);
    json_decref(rest);
    return o;
}

static struct sim_template *template_of(const struct tarn_buf *text)
{
    const char *mark = version_mark();
    size_t n = strlen(mark);
    char *at = memmem(text->data, text->len, mark, n);
    struct sim_builder b = {0};

    if (at) {
        sim_put(&b.text, text->data, (size_t)(at - text->data));
        sim_builder_hole(&b, SIM_RV);
        sim_put(&b.text, at + n, text->len - (size_t)(at - text->data) - n);
    } else {
        sim_put(&b.text, text->data, text->len);
    }
    return sim_builder_finish(&b);
}

struct sim_object *sim_encode(const struct sim_resource *r, const json_t *v, uint64_t rv)
{
    struct tarn_bytes values[SIM_VALUES_MAX] = {{0}};
    json_t *o = arranged(r, v);
    struct tarn_buf text = {0};
    struct sim_template *t;
    struct sim_object *obj;

    sim_json_dump(o, r->kind.custom, &text);
    t = template_of(&text);
    obj = sim_object_new(t, tarn_bytes_of(r->kind.namespaced ? sim_json_text(v, "metadata.namespace") : ""),
                         tarn_bytes_of(sim_json_text(v, "metadata.name")), rv, values);
    sim_template_unref(t);
    tarn_buf_release(&text);
    json_decref(o);
    return obj;
}

json_t *sim_decode(const struct sim_resource *r, const struct sim_object *o)
{
    struct tarn_buf text = {0};
    json_t *v;

    sim_object_render_single(o, r, &text);
    v = sim_json_parse(tarn_buf_bytes(&text), NULL);
    tarn_buf_release(&text);
    return v ? v : json_object();
}
