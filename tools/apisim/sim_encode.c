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

/* ---- defaults ------------------------------------------------------------------------------------- */

static void set_missing(json_t *object, const char *key, json_t *value)
{
    if (json_object_get(object, key))
        json_decref(value);
    else
        (void)json_object_set_new(object, key, value);
}

/* The object under key, made if it is not there. Borrowed. */
static json_t *child(json_t *object, const char *key)
{
    set_missing(object, key, json_object());
    return json_object_get(object, key);
}

static void default_service(struct sim_world *w, json_t *v)
{
    json_t *spec = child(v, "spec");
    char ip[24];

    set_missing(spec, "type", json_string("ClusterIP"));
    (void)snprintf(ip, sizeof ip, "10.97.%u.%u", sim_random_below(&w->random, 256), sim_random_below(&w->random, 254) + 1);
    if (strcmp(sim_json_text(v, "spec.type"), "ExternalName") != 0)
        set_missing(spec, "clusterIP", json_string(ip));
    set_missing(v, "status", json_pack("{s:{}}", "loadBalancer"));
}

static void default_namespace(json_t *v)
{
    (void)json_object_set_new(child(child(v, "metadata"), "labels"), "kubernetes.io/metadata.name",
                              json_string(sim_json_text(v, "metadata.name")));
    set_missing(child(v, "spec"), "finalizers", json_pack("[s]", "kubernetes"));
    set_missing(child(v, "status"), "phase", json_string("Active"));
}

static void default_pod(json_t *v)
{
    json_t *spec = child(v, "spec");

    set_missing(spec, "restartPolicy", json_string("Always"));
    set_missing(spec, "terminationGracePeriodSeconds", json_integer(30));
    set_missing(spec, "dnsPolicy", json_string("ClusterFirst"));
    set_missing(spec, "schedulerName", json_string("default-scheduler"));
    set_missing(child(v, "status"), "phase", json_string("Pending"));
}

void sim_encode_defaults(struct sim_world *w, const struct sim_resource *r, json_t *v)
{
    json_t *metadata = child(v, "metadata");
    char text[40];

    sim_random_uuid(&w->random, text);
    set_missing(metadata, "uid", json_string(text));
    sim_rfc3339(sim_wall_ns(), text);
    set_missing(metadata, "creationTimestamp", json_string(text));
    if (json_is_null(json_object_get(metadata, "creationTimestamp")))
        (void)json_object_set_new(metadata, "creationTimestamp", json_string(text));
    if (r->kind.generation || r->kind.custom)
        set_missing(metadata, "generation", json_integer(1));
    if (r->kind.custom || *r->kind.group)
        return;
    if (strcmp(r->kind.kind, "Service") == 0)
        default_service(w, v);
    else if (strcmp(r->kind.kind, "Namespace") == 0)
        default_namespace(v);
    else if (strcmp(r->kind.kind, "Pod") == 0)
        default_pod(v);
}
