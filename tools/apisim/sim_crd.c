/* sim_crd.c - definitions. The schema is not enforced, versions are not converted: each served version is its own
 * resource, so a definition with several of them shows each object in the one it was written to. */
#include "sim_crd.h"

#include <stdio.h>

#include "sim_encode.h"
#include "sim_schema_custom.h"

static bool is_definition(const struct sim_resource *r)
{
    return strcmp(r->name, "customresourcedefinitions.apiextensions.k8s.io") == 0;
}

/* Kinds live as long as the program: strings of definitions are few and small. */
static const char *intern(struct sim_world *w, const char *s)
{
    struct sim_string *x;

    for (x = w->strings; x; x = x->next)
        if (strcmp(x->text, s) == 0)
            return x->text;
    x = sim_alloc(sizeof *x + strlen(s) + 1);
    x->next = w->strings;
    w->strings = x;
    return strcpy(x->text, s);
}

static void intern_list(struct sim_world *w, const json_t *list, const char **ret)
{
    json_t *item;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)list, i, item)
        if (i + 1 < SIM_KIND_LIST_MAX && json_is_string(item))
            ret[i] = intern(w, json_string_value(item));
}

/* The fields that `selectableFields` of a version names (".spec.color"). */
static void intern_fields(struct sim_world *w, const json_t *fields, struct sim_kind *k)
{
    json_t *item;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)fields, i, item) {
        const char *path = sim_json_text(item, "jsonPath");

        if (i + 1 < sizeof k->fields / sizeof *k->fields && *path == '.')
            k->fields[i] = intern(w, path + 1);
    }
}

static void serve_version(struct sim_world *w, const json_t *spec, const json_t *version)
{
    struct sim_kind k = {.custom = true};
    struct sim_resource *r;

    k.group = intern(w, sim_json_text(spec, "group"));
    k.version = intern(w, sim_json_text(version, "name"));
    k.kind = intern(w, sim_json_text(spec, "names.kind"));
    k.plural = intern(w, sim_json_text(spec, "names.plural"));
    k.singular = *sim_json_text(spec, "names.singular") ? intern(w, sim_json_text(spec, "names.singular")) : NULL;
    k.namespaced = strcmp(sim_json_text(spec, "scope"), "Namespaced") == 0;
    k.has_status = json_is_object(sim_json_at(version, "subresources.status"));
    intern_list(w, sim_json_at(spec, "names.shortNames"), k.short_names);
    intern_list(w, sim_json_at(spec, "names.categories"), k.categories);
    intern_fields(w, json_object_get(version, "selectableFields"), &k);
    if (!*k.kind || !*k.plural || !*k.group || !*k.version)
        return;
    r = sim_world_find(w, k.group, k.version, k.plural);
    if (!r)
        r = sim_world_add_resource(w, &k);
    r->kind.type = sim_schema_of_definition(sim_json_at(version, "schema.openAPIV3Schema"));
}

static void establish(struct sim_world *w, struct sim_resource *r, const json_t *v)
{
    json_t *copy = json_deep_copy(v), *status;
    const json_t *names = sim_json_at(v, "spec.names");
    struct sim_object *o;
    char now[32];

    sim_rfc3339(sim_wall_ns(), now);
    status = json_pack("{s:[{s:s,s:s,s:s,s:s,s:s},{s:s,s:s,s:s,s:s,s:s}],s:O,s:[]}", "conditions", "type", "NamesAccepted",
                       "status", "True", "lastTransitionTime", now, "reason", "NoConflicts", "message", "no conflicts found",
                       "type", "Established", "status", "True", "lastTransitionTime", now, "reason", "InitialNamesAccepted",
                       "message", "the initial names have been accepted", "acceptedNames", names, "storedVersions");
    (void)json_object_set_new(copy, "status", status);
    o = sim_encode(r, copy, sim_world_next_rv(w));
    sim_world_store(w, r, o);
    sim_object_unref(o);
    json_decref(copy);
}

void sim_crd_changed(struct sim_world *w, const struct sim_resource *r, const json_t *v)
{
    const json_t *versions = sim_json_at(v, "spec.versions"), *spec = json_object_get(v, "spec");
    json_t *version;
    size_t i;

    if (!is_definition(r) || !json_is_object(sim_json_at(v, "spec.names")))
        return;
    json_array_foreach((json_t *)(uintptr_t)versions, i, version)
        if (!json_is_false(json_object_get(version, "served")))
            serve_version(w, spec, version);
    if (!sim_json_at(v, "status.conditions"))
        establish(w, (struct sim_resource *)(uintptr_t)r, v);
}

void sim_crd_deleted(struct sim_world *w, const struct sim_resource *r, const json_t *v)
{
    const char *group = sim_json_text(v, "spec.group"), *plural = sim_json_text(v, "spec.names.plural");

    if (!is_definition(r))
        return;
    for (struct sim_resource *x = w->resources; x; x = x->next)
        if (!x->gone && x->kind.custom && strcmp(x->kind.group, group) == 0 && strcmp(x->kind.plural, plural) == 0)
            sim_world_end_resource(w, x);
}
