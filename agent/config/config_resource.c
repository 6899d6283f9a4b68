/* config_resource.c - what an entry of `resources` must say by itself and beside the others. */
#include "config_keys.h"

#include <strings.h>

#include <tarn/selector.h>
#include <tarn/store.h>
#include <tarn/transcode.h>

#define RESOURCES_MAX 256
#define PATHS_MAX 32
#define NAMESPACES_MAX 64 /* a LIST and a WATCH each */
#define LEAST_PERIOD_MS 1000
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."

/* The message of an entry, before it the place of its key (NULL: of the whole entry) where it has one in a file. */
static int entry_error(const struct tarn_config_resource *r, const char *key, struct tarn_error *err, const char *what)
{
    const char *from = key && r->from ? tarn_config_from(r->from, TARN_CONFIG_RESOURCE, key) : NULL, *where = from ? from : r->where;

    return tarn_error_set(err, TARN_E_CONFIG, "%s%s'%s': %s", where ? where : "", where ? ": " : "", r->name, what);
}

static int entry_error_about(const struct tarn_config_resource *r, const char *key, struct tarn_error *err, const char *about, const char *what)
{
    struct tarn_error whole;

    (void)tarn_error_set(&whole, TARN_E_CONFIG, "'%s' %s", about, what);
    return entry_error(r, key, err, whole.message);
}

bool tarn_config_is_secrets(const char *name)
{
    size_t n = strcspn(name, ".");
    const char *group = name[n] ? name + n + 1 : "";

    if ((n != 6 && n != 7) || strncasecmp(name, "secrets", n) != 0)
        return false;
    return !*group || (*group == 'v' && !strchr(group, '.')); /* "secrets.v1" is the core group's, "secrets.example.com" is not */
}

/* ---- by itself --------------------------------------------------------------------------------- */

/* DNS labels, each once. */
static int check_namespaces(const struct tarn_config_resource *r, struct tarn_error *err)
{
    if (r->namespaces.n > NAMESPACES_MAX)
        return entry_error(r, "namespaces", err, "more than 64 namespaces; leave `namespaces` out to mirror all of them");
    for (unsigned i = 0; i < r->namespaces.n; i++) {
        const char *ns = r->namespaces.v[i];
        size_t n = strspn(ns, "abcdefghijklmnopqrstuvwxyz0123456789-");

        if (!n || ns[n] || n > 63 || *ns == '-' || ns[n - 1] == '-')
            return entry_error_about(r, "namespaces", err, ns, "is no namespace name (lower case letters, digits, '-'; at most 63)");
        for (unsigned j = 0; j < i; j++)
            if (strcmp(r->namespaces.v[j], ns) == 0)
                return entry_error_about(r, "namespaces", err, ns, "is given twice");
    }
    return 0;
}

static int check_selectors(const struct tarn_config_resource *r, struct tarn_error *err)
{
    const struct tarn_selector *labels = NULL;
    const struct tarn_field_selector *fields = NULL;
    struct tarn_error why = {0};

    if (r->label_selector && tarn_selector_parse(tarn_bytes_of(r->label_selector), &labels, &why))
        return entry_error(r, "labelSelector", err, why.message);
    tarn_selector_free(labels);
    if (r->field_selector && tarn_field_selector_parse(tarn_bytes_of(r->field_selector), &fields, &why))
        return entry_error(r, "fieldSelector", err, why.message);
    tarn_field_selector_free(fields);
    return 0;
}

/* Do the paths parse? The transcoder that will walk them says so. */
static int check_projection(const struct tarn_config_resource *r, struct tarn_error *err)
{
    const struct {
        const char *key;
        struct tarn_projection p;
    } parts[] = {{"drop", {.drop = r->drop.v, .ndrop = r->drop.n}}, {"keep", {.keep = r->keep.v, .nkeep = r->keep.n}}, {"slots", {.slots = r->slots.v, .nslots = r->slots.n}}};
    static const struct tarn_transcode_sink nobody;
    struct tarn_error why;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct tarn_transcoder *t = NULL;

        if (tarn_transcoder_new(&(struct tarn_transcode_options){.mode = TARN_TRANSCODE_OBJECT, .projection = parts[i].p}, &nobody, &t, &why))
            return entry_error(r, parts[i].key, err, why.message);
        tarn_transcoder_free(t);
    }
    return 0;
}

/* What an index of metadata alone can be of. */
static bool is_of_metadata(const char *index)
{
    return strcmp(index, "namespace") == 0 || strcmp(index, "owner") == 0 || strncmp(index, "label", 5) == 0 || strncmp(index, "metadata.", 9) == 0;
}

static int check_indexes(const struct tarn_config_resource *r, struct tarn_error *err)
{
    struct tarn_index_func f;
    struct tarn_error why;

    for (unsigned i = 0; i < r->indexes.n; i++) {
        if (tarn_index_func_builtin(r->indexes.v[i], &f, &why))
            return entry_error(r, "indexes", err, why.message);
        tarn_index_func_release(&f);
        if (r->metadata_only && !is_of_metadata(r->indexes.v[i]))
            return entry_error_about(r, "indexes", err, r->indexes.v[i], "is not in the metadata, and metadataOnly leaves nothing else; drop one of the two");
    }
    return 0;
}

static int check_paths(const struct tarn_config_resource *r, struct tarn_error *err)
{
    int rc;

    if (r->drop.n > PATHS_MAX || r->keep.n > PATHS_MAX || r->slots.n > PATHS_MAX || r->indexes.n > PATHS_MAX)
        return entry_error(r, NULL, err, "at most 32 paths each in drop, keep, slots and indexes");
    if (r->drop.n && r->keep.n && r->drop_given)
        return entry_error(r, "drop", err, "give drop or keep, not both: what is not kept is dropped");
    if (r->metadata_only && r->keep.n)
        return entry_error(r, "metadataOnly", err, "metadataOnly keeps the metadata and nothing else; leave `keep` out, or metadataOnly");
    rc = check_projection(r, err);
    return rc ? rc : check_indexes(r, err);
}

static int check_times(const struct tarn_config_resource *r, struct tarn_error *err)
{
    if (r->poll_ms && r->poll_ms < LEAST_PERIOD_MS)
        return entry_error(r, "poll", err, "poll at most once a second");
    if (r->relist_ms && r->relist_ms < LEAST_PERIOD_MS)
        return entry_error(r, "relistPeriod", err, "list again at most once a second");
    if (r->poll_ms && r->relist_ms)
        return entry_error(r, "relistPeriod", err, "what is polled is listed again anyway; leave relistPeriod out");
    if (r->keep_deleted_ms && tarn_config_is_secrets(r->name))
        return entry_error(r, "keepDeleted.for", err, "a deleted Secret is gone; leave keepDeleted out");
    return 0;
}

static int check_resource(const struct tarn_config_resource *r, struct tarn_error *err)
{
    int rc;

    if (!*r->name || r->name[strspn(r->name, NAME_CHARS)])
        return entry_error(r, NULL, err, "not a resource name; expected the form pods, deployments.apps or deployments.v1.apps");
    if (tarn_config_is_secrets(r->name) && strcmp(r->realm, TARN_REALM_DEFAULT) == 0)
        return entry_error(r, NULL, err, "Secrets never go to realm cluster; list them under a realm of their own, with its readers");
    rc = check_namespaces(r, err);
    if (!rc)
        rc = check_selectors(r, err);
    if (!rc)
        rc = check_paths(r, err);
    return rc ? rc : check_times(r, err);
}

/* ---- beside the others --------------------------------------------------------------------------- */

static int check_pair(const struct tarn_config_resource *a, const struct tarn_config_resource *b, struct tarn_error *err)
{
    if (strcmp(a->realm, b->realm) != 0)
        return 0;
    if (strcmp(a->name, b->name) == 0)
        return entry_error(a, NULL, err, "given twice in one realm");
    if (tarn_config_is_secrets(a->name) != tarn_config_is_secrets(b->name))
        return entry_error_about(a, NULL, err, a->realm, "is a realm with Secrets and other resources: who may read these could read the Secrets; move one of them to another realm");
    return 0;
}

static int default_drop(struct tarn_config *c, struct tarn_error *err)
{
    for (unsigned i = 0; i < c->nresources; i++) {
        struct tarn_config_resource *r = &c->resources[i];

        if (!r->drop_given && !r->keep.n && tarn_string_list_add(&r->drop, &c->arena, "metadata.managedFields"))
            return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    }
    return 0;
}

int tarn_config_check_resources(struct tarn_config *c, struct tarn_error *err)
{
    int rc = 0;

    if (!c->nresources)
        return tarn_error_set(err, TARN_E_CONFIG, "%s: nothing to mirror; name resources by --resource pods or `resources:` in the file",
                              c->file ? c->file : c->conf_dir ? c->conf_dir : "tarnd");
    if (c->nresources > RESOURCES_MAX)
        return tarn_error_set(err, TARN_E_CONFIG, "%u resources; at most %d are possible", c->nresources, RESOURCES_MAX);
    for (unsigned i = 0; !rc && i < c->nresources; i++) {
        rc = check_resource(&c->resources[i], err);
        for (unsigned j = 0; !rc && j < i; j++)
            rc = check_pair(&c->resources[i], &c->resources[j], err);
    }
    return rc ? rc : default_drop(c, err);
}
