/* config_file.c - YAML files laid over each other: scalars of a later one win, lists grow, entries of one name must agree.
 *
 * A map is walked by the table of keys (config_keys.c): its path and scope say which row a key is. `resources` and
 * `realms` are lists of entries, each a struct of its own. A realm named in two files is one realm; a resource named in
 * two files with the same words is one resource, and with others a contradiction that names both places.
 */
#include "config_keys.h"
#include "suggest.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REALM_NAME_MAX 23 /* as in the region's header */
#define SNIPPETS_MAX 256
#define PATH_BYTES 128

/* A map that is being read: the struct it fills, and where in the table its keys are. */
struct reading {
    struct tarn_config *config;
    enum tarn_config_scope scope;
    const char *prefix; /* "", or "server." inside the map `server` */
    void *base;
    const char **from;
};

static int read_map(struct tarn_yaml *y, yaml_node_t *n, struct reading *r, struct tarn_error *err);

static int no_memory(const struct tarn_yaml *y, struct tarn_error *err)
{
    return tarn_error_set(err, TARN_E_NOMEM, "%s: out of memory", y->path);
}

static const char *where(struct tarn_yaml *y, const yaml_node_t *n)
{
    return tarn_arena_printf(y->arena, "%s:%zu:%zu", y->path, n->start_mark.line + 1, n->start_mark.column + 1);
}

/* Is where ("file:1:2") a place in this file? */
static bool is_in(const char *place, const char *path)
{
    size_t n = strlen(path);

    return place && strncmp(place, path, n) == 0 && place[n] == ':';
}

/* ---- unknown keys -------------------------------------------------------------------------------- */

/* The name a key has in the map of that prefix: "url" of "server.url"; false: it is of another map. */
static bool name_in(const struct tarn_config_key *k, const struct reading *r, char ret[PATH_BYTES])
{
    size_t n = strlen(r->prefix);

    if (k->scope != r->scope || strncmp(k->path, r->prefix, n) != 0)
        return false;
    (void)snprintf(ret, PATH_BYTES, "%.*s", (int)strcspn(k->path + n, "."), k->path + n);
    return true;
}

static int unknown_key(struct tarn_yaml *y, const yaml_node_t *n, const struct reading *r, const char *key, struct tarn_error *err)
{
    char name[PATH_BYTES], last[PATH_BYTES] = "", best[PATH_BYTES] = "", known[360] = "";
    struct tarn_suggest s = {.word = key};
    const struct tarn_config_key *k;
    size_t len = 0;

    for (size_t i = 0; (k = tarn_config_key(i)); i++) {
        if (!name_in(k, r, name) || strcmp(name, last) == 0)
            continue;
        tarn_suggest_offer(&s, name);
        if (s.best == name) {
            memcpy(best, name, sizeof best);
            s.best = best;
        }
        memcpy(last, name, sizeof last);
        if (len + sizeof ", " < sizeof known)
            len += (size_t)snprintf(known + len, sizeof known - len, "%s%s", len ? ", " : "", name);
    }
    return s.best ? tarn_yaml_error(y, n, err, "unknown key '%s'; did you mean '%s'?", key, best)
                  : tarn_yaml_error(y, n, err, "unknown key '%s'; known here: %s", key, known);
}

/* ---- resources -------------------------------------------------------------------------------------- */

/* Resource entries of one list, and the realm they belong to (NULL: its name is not read yet). */
struct entries {
    struct tarn_config *config;
    const char *realm;
};

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_list(const struct tarn_string_list *a, const struct tarn_string_list *b)
{
    for (unsigned i = 0; i < a->n && i < b->n; i++)
        if (strcmp(a->v[i], b->v[i]) != 0)
            return false;
    return a->n == b->n;
}

static bool same_value(const struct tarn_config_key *k, const void *a, const void *b, struct tarn_buf *text)
{
    size_t n;

    if (k->kind == TARN_CONFIG_STRING)
        return same_text(*(const char *const *)a, *(const char *const *)b);
    if (k->kind == TARN_CONFIG_STRINGS)
        return same_list(a, b);
    tarn_buf_clear(text);
    if (tarn_config_print_value(k, a, text))
        return false;
    n = text->len;
    return tarn_config_print_value(k, b, text) == 0 && text->len == 2 * n && memcmp(text->data, text->data + n, n) == 0;
}

/* The first key in which two entries differ, NULL: they say the same. */
static const struct tarn_config_key *difference(const struct tarn_config_resource *a, const struct tarn_config_resource *b)
{
    const struct tarn_config_key *k, *found = NULL;
    struct tarn_buf text = {0};

    for (size_t i = 0; !found && (k = tarn_config_key(i)); i++)
        if (k->scope == TARN_CONFIG_RESOURCE &&
            ((!a->from[i] != !b->from[i]) || !same_value(k, (const char *)a + k->offset, (const char *)b + k->offset, &text)))
            found = k;
    tarn_buf_release(&text);
    return found;
}

static struct tarn_config_resource *earlier_entry(const struct tarn_config *c, const char *name, const char *realm)
{
    for (unsigned i = 0; i < c->nresources; i++)
        if (c->resources[i].realm && strcmp(c->resources[i].name, name) == 0 && strcmp(c->resources[i].realm, realm) == 0)
            return &c->resources[i];
    return NULL;
}

/* r is given, and an earlier file has one of its name: may it be left out (true), or must it stay and be an error of config_check.c? */
static int is_repeated(struct tarn_yaml *y, yaml_node_t *n, const struct entries *e, const struct tarn_config_resource *r, bool *ret,
                       struct tarn_error *err)
{
    const struct tarn_config_resource *before = e->realm ? earlier_entry(e->config, r->name, e->realm) : NULL;
    const struct tarn_config_key *k;

    *ret = false;
    if (!before || is_in(before->where, y->path))
        return 0;
    k = difference(before, r);
    if (k)
        return tarn_yaml_error(y, n, err, "'%s' contradicts %s: they differ in '%s'; say it in one place", r->name, before->where, k->path);
    *ret = true;
    return 0;
}

static int read_entry(struct tarn_yaml *y, yaml_node_t *n, const struct entries *e, struct tarn_config_resource *r, struct tarn_error *err)
{
    const struct tarn_config_key *name = tarn_config_key_find(TARN_CONFIG_RESOURCE, "name");
    struct reading reading = {.config = e->config, .scope = TARN_CONFIG_RESOURCE, .prefix = "", .base = r, .from = r->from};
    int rc = n->type == YAML_SCALAR_NODE ? tarn_config_parse_node(name, y, n, &r->name, err) : read_map(y, n, &reading, err);

    if (rc)
        return rc;
    if (!r->name)
        return tarn_yaml_error(y, n, err, "a resource needs a name, e.g. pods or deployments.apps");
    r->where = where(y, n);
    if (!r->where || tarn_config_note_from(y->arena, r->from, name, r->where))
        return no_memory(y, err);
    r->drop_given = tarn_config_from(r->from, TARN_CONFIG_RESOURCE, "drop") != NULL;
    r->indexes_given = tarn_config_from(r->from, TARN_CONFIG_RESOURCE, "indexes") != NULL;
    return 0;
}

/* An entry is a map, or just the name. */
static int read_resource(struct tarn_yaml *y, yaml_node_t *n, void *ctx, struct tarn_error *err)
{
    const struct entries *e = ctx;
    struct tarn_config_resource r = {.realm = e->realm}, *at;
    bool repeated = false;
    int rc = tarn_config_defaults(e->config, TARN_CONFIG_RESOURCE, &r, &r.from);

    if (!rc)
        rc = read_entry(y, n, e, &r, err);
    else
        return no_memory(y, err);
    if (!rc)
        rc = is_repeated(y, n, e, &r, &repeated, err);
    if (rc || repeated)
        return rc;
    at = tarn_config_add_resource(e->config, r.name);
    if (!at)
        return no_memory(y, err);
    *at = r;
    return 0;
}

/* ---- realms ------------------------------------------------------------------------------------------- */

/* The text of the entry's `name`, NULL: it has none (which reading it will say). */
static const char *name_of(struct tarn_yaml *y, const yaml_node_t *n)
{
    if (n->type != YAML_MAPPING_NODE)
        return NULL;
    for (const yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++) {
        const char *key = tarn_yaml_text(yaml_document_get_node(&y->doc, p->key));

        if (key && strcmp(key, "name") == 0)
            return tarn_yaml_text(yaml_document_get_node(&y->doc, p->value));
    }
    return NULL;
}

static int check_realm_name(struct tarn_yaml *y, yaml_node_t *n, const char *name, const struct tarn_config_realm *before,
                            struct tarn_error *err)
{
    if (!name || !*name)
        return tarn_yaml_error(y, n, err, "a realm needs a name");
    if (strlen(name) > REALM_NAME_MAX)
        return tarn_yaml_error(y, n, err, "realm name '%s' is longer than %d bytes", name, REALM_NAME_MAX);
    if (before && is_in(before->where, y->path))
        return tarn_yaml_error(y, n, err, "realm '%s' is given twice, first at %s", name, before->where);
    return 0;
}

/* Into a copy, since its resources may move the array of realms' neighbours; the copy is stored when all is read. */
static int read_realm(struct tarn_yaml *y, yaml_node_t *n, void *ctx, struct tarn_error *err)
{
    struct tarn_config *c = ctx;
    const char *name = name_of(y, n);
    struct tarn_config_realm *at = name ? tarn_config_realm(c, name) : NULL, r;
    int rc = n->type == YAML_MAPPING_NODE ? check_realm_name(y, n, name, at, err)
                                          : tarn_yaml_error(y, n, err, "expected a map, found %s", tarn_yaml_kind(n));

    if (rc)
        return rc;
    name = tarn_arena_copy(y->arena, tarn_bytes_of(name));
    at = at || !name ? at : tarn_config_add_realm(c, name);
    if (!at)
        return no_memory(y, err);
    r = *at;
    r.name = name;
    r.where = where(y, n);
    rc = r.where ? read_map(y, n, &(struct reading){.config = c, .scope = TARN_CONFIG_REALM, .prefix = "", .base = &r, .from = r.from}, err)
                 : no_memory(y, err);
    if (!rc)
        *tarn_config_realm(c, name) = r;
    return rc;
}

/* ---- maps ------------------------------------------------------------------------------------------------ */

static int read_list(struct tarn_yaml *y, yaml_node_t *v, const struct reading *r, const struct tarn_config_key *k, struct tarn_error *err)
{
    struct entries e = {.config = r->config, .realm = TARN_REALM_DEFAULT};

    if (k->kind == TARN_CONFIG_REALMS)
        return tarn_yaml_each(y, v, read_realm, r->config, err);
    if (r->scope == TARN_CONFIG_REALM)
        e.realm = ((const struct tarn_config_realm *)r->base)->name;
    return tarn_yaml_each(y, v, read_resource, &e, err);
}

static int read_value(struct tarn_yaml *y, yaml_node_t *v, const struct reading *r, const struct tarn_config_key *k, struct tarn_error *err)
{
    const char *origin = where(y, v);
    int rc;

    if (k->kind == TARN_CONFIG_RESOURCES || k->kind == TARN_CONFIG_REALMS)
        return read_list(y, v, r, k, err);
    rc = tarn_config_parse_node(k, y, v, (char *)r->base + k->offset, err);
    if (rc)
        return rc;
    return origin && tarn_config_note_from(y->arena, r->from, k, origin) == 0 ? 0 : no_memory(y, err);
}

/* `server: URL` is short for server.url. */
static const struct tarn_config_key *short_form(const struct reading *r, const char *path)
{
    return r->scope == TARN_CONFIG_TOP && strcmp(path, "server") == 0 ? tarn_config_key_find(TARN_CONFIG_TOP, "server.url") : NULL;
}

static int read_pair(struct tarn_yaml *y, yaml_node_t *n, const char *key, yaml_node_t *v, void *ctx, struct tarn_error *err)
{
    struct reading *r = ctx;
    char path[PATH_BYTES], prefix[PATH_BYTES + 1];
    const struct tarn_config_key *k;

    if (strchr(key, '.') || snprintf(path, sizeof path, "%s%s", r->prefix, key) >= (int)sizeof path)
        return unknown_key(y, n, r, key, err);
    k = tarn_config_key_find(r->scope, path);
    if (!k && v->type == YAML_SCALAR_NODE)
        k = short_form(r, path);
    if (k)
        return read_value(y, v, r, k, err);
    if (!tarn_config_is_section(r->scope, path))
        return unknown_key(y, n, r, key, err);
    (void)snprintf(prefix, sizeof prefix, "%s.", path);
    return read_map(y, v, &(struct reading){.config = r->config, .scope = r->scope, .prefix = prefix, .base = r->base, .from = r->from}, err);
}

static int read_map(struct tarn_yaml *y, yaml_node_t *n, struct reading *r, struct tarn_error *err)
{
    return tarn_yaml_pairs(y, n, read_pair, r, err);
}

/* ---- files ------------------------------------------------------------------------------------------------- */

int tarn_config_read_file(struct tarn_config *c, const char *path, struct tarn_error *err)
{
    struct tarn_yaml y;
    int rc = tarn_yaml_load(&y, path, true, &c->arena, err);

    if (!rc && tarn_yaml_root(&y))
        rc = read_map(&y, tarn_yaml_root(&y),
                      &(struct reading){.config = c, .scope = TARN_CONFIG_TOP, .prefix = "", .base = c, .from = c->from}, err);
    tarn_yaml_release(&y);
    return rc;
}

static int is_snippet(const struct dirent *d)
{
    size_t n = strlen(d->d_name);

    return d->d_name[0] != '.' && n > 5 && strcmp(d->d_name + n - 5, ".yaml") == 0;
}

/* By bytes, whatever the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int read_snippets(struct tarn_config *c, const char *dir, struct dirent **names, int n, struct tarn_error *err)
{
    int rc = n > SNIPPETS_MAX ? tarn_error_set(err, TARN_E_CONFIG, "%s: %d files; at most %d are read", dir, n, SNIPPETS_MAX) : 0;

    for (int i = 0; !rc && i < n; i++) {
        const char *path = tarn_arena_printf(&c->arena, "%s/%s", dir, names[i]->d_name); /* origins refer to it */

        rc = path ? tarn_config_read_file(c, path, err) : tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    }
    return rc;
}

int tarn_config_read_dir(struct tarn_config *c, const char *dir, struct tarn_error *err)
{
    struct dirent **names = NULL;
    int n = scandir(dir, &names, is_snippet, by_name), rc;

    if (n < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : tarn_error_set(err, TARN_E_IO, "cannot read %s: %s", dir, strerror(errno));
    rc = read_snippets(c, dir, names, n, err);
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
    return rc;
}
