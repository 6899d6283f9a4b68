/* config_file.c - the YAML file's keys as tables. */
#include "config.h"
#include "yaml_file.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>

#define REALM_NAME_MAX 23 /* as in the region's header */
#define COUNT(a) (sizeof(a) / sizeof *(a))

static int no_memory(struct tarn_yaml *y, struct tarn_error *err)
{
    return tarn_error_set(err, TARN_E_NOMEM, "%s: out of memory", y->path);
}

static const char *where(struct tarn_yaml *y, const yaml_node_t *n)
{
    return tarn_arena_printf(y->arena, "%s:%zu:%zu", y->path, n->start_mark.line + 1, n->start_mark.column + 1);
}

static int read_log_format(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    const char *s = tarn_yaml_text(n);

    if (!s || (strcmp(s, "text") != 0 && strcmp(s, "json") != 0))
        return tarn_yaml_error(y, n, err, "logFormat must be text or json");
    *(enum tarn_log_format *)out = *s == 'j' ? TARN_LOG_JSON : TARN_LOG_TEXT;
    return 0;
}

static int read_log_level(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    const char *s = tarn_yaml_text(n);

    for (int i = 0; s && i < 4; i++)
        if (strcmp(s, names[i]) == 0) {
            *(enum tarn_log_level *)out = (enum tarn_log_level)i;
            return 0;
        }
    return tarn_yaml_error(y, n, err, "logLevel must be debug, info, warn or error");
}

/* ---- who may read a realm ------------------------------------------------------------------ */

static int add_id(struct tarn_yaml *y, struct tarn_ids *ids, uint32_t id, struct tarn_error *err)
{
    uint32_t *v = tarn_arena_alloc(y->arena, (ids->n + 1) * sizeof *v);

    if (!v)
        return no_memory(y, err);
    if (ids->n)
        memcpy(v, ids->v, ids->n * sizeof *v);
    v[ids->n++] = id;
    ids->v = v;
    return 0;
}

static bool is_numeric(const yaml_node_t *n)
{
    const char *s = tarn_yaml_text(n);

    return s && *s >= '0' && *s <= '9';
}

static int read_uid(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    const char *name = tarn_yaml_text(n);
    uint32_t id = 0;
    struct passwd *p;
    int rc;

    if (is_numeric(n)) {
        rc = tarn_yaml_u32(y, n, &id, err);
        return rc ? rc : add_id(y, out, id, err);
    }
    p = name ? getpwnam(name) : NULL;
    if (!p)
        return tarn_yaml_error(y, n, err, "no user '%s' on this host; give its number", name ? name : "");
    return add_id(y, out, p->pw_uid, err);
}

static int read_gid(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    const char *name = tarn_yaml_text(n);
    uint32_t id = 0;
    struct group *g;
    int rc;

    if (is_numeric(n)) {
        rc = tarn_yaml_u32(y, n, &id, err);
        return rc ? rc : add_id(y, out, id, err);
    }
    g = name ? getgrnam(name) : NULL;
    if (!g)
        return tarn_yaml_error(y, n, err, "no group '%s' on this host; give its number", name ? name : "");
    return add_id(y, out, g->gr_gid, err);
}

static int read_uids(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    return tarn_yaml_each(y, n, read_uid, out, err);
}

static int read_gids(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    return tarn_yaml_each(y, n, read_gid, out, err);
}

static int read_readers(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    static const struct tarn_yaml_field fields[] = {
        {"users", read_uids, offsetof(struct tarn_config_realm, uids)},
        {"groups", read_gids, offsetof(struct tarn_config_realm, gids)},
    };

    return tarn_yaml_map(y, n, fields, COUNT(fields), out, err);
}

/* ---- resources ------------------------------------------------------------------------------- */

static int read_drop(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    struct tarn_config_resource *r = out;

    r->drop_given = true;
    return tarn_yaml_strings(y, n, &r->drop, err);
}

static int read_indexes(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    struct tarn_config_resource *r = out;

    r->indexes_given = true;
    return tarn_yaml_strings(y, n, &r->indexes, err);
}

static int read_resource_map(struct tarn_yaml *y, yaml_node_t *n, struct tarn_config_resource *r, struct tarn_error *err)
{
    static const struct tarn_yaml_field fields[] = {
        {"name", tarn_yaml_string, offsetof(struct tarn_config_resource, name)},
        {"apiVersion", tarn_yaml_string, offsetof(struct tarn_config_resource, api_version)},
        {"namespaces", tarn_yaml_strings, offsetof(struct tarn_config_resource, namespaces)},
        {"labelSelector", tarn_yaml_string, offsetof(struct tarn_config_resource, label_selector)},
        {"fieldSelector", tarn_yaml_string, offsetof(struct tarn_config_resource, field_selector)},
        {"drop", read_drop, 0},
        {"keep", tarn_yaml_strings, offsetof(struct tarn_config_resource, keep)},
        {"slots", tarn_yaml_strings, offsetof(struct tarn_config_resource, slots)},
        {"indexes", read_indexes, 0},
    };

    return tarn_yaml_map(y, n, fields, COUNT(fields), r, err);
}

/* An entry is a map, or just the name. Its realm is filled in when the realm's name is known. */
static int read_resource(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    struct tarn_config_resource r = {.realm = NULL}, *at;
    int rc = n->type == YAML_SCALAR_NODE ? tarn_yaml_string(y, n, &r.name, err) : read_resource_map(y, n, &r, err);

    if (rc)
        return rc;
    if (!r.name || !*r.name)
        return tarn_yaml_error(y, n, err, "a resource needs a name, e.g. pods or deployments.apps");
    r.where = where(y, n);
    at = r.where ? tarn_config_add_resource(out, r.name) : NULL;
    if (!at)
        return no_memory(y, err);
    *at = r;
    return 0;
}

static int read_resources(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    return tarn_yaml_each(y, n, read_resource, out, err);
}

/* The entries read since `from` are this realm's. */
static void give_realm(struct tarn_config *c, unsigned from, const char *realm)
{
    for (unsigned i = from; i < c->nresources; i++)
        c->resources[i].realm = realm;
}

static int read_default_resources(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    struct tarn_config *c = out;
    unsigned from = c->nresources;
    int rc = read_resources(y, n, c, err);

    give_realm(c, from, TARN_REALM_DEFAULT);
    return rc;
}

/* ---- realms ------------------------------------------------------------------------------------- */

/* A realm while it is read: its resources go to the configuration, wherever its name stands. */
struct realm_reading {
    struct tarn_config_realm realm;
    struct tarn_config *config;
};

static int read_realm_resources(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    return read_resources(y, n, ((struct realm_reading *)out)->config, err);
}

static int check_name(struct tarn_yaml *y, yaml_node_t *n, const struct tarn_config *c, const char *name, struct tarn_error *err)
{
    if (!name || !*name)
        return tarn_yaml_error(y, n, err, "a realm needs a name");
    if (strlen(name) > REALM_NAME_MAX)
        return tarn_yaml_error(y, n, err, "realm name '%s' is longer than %d bytes", name, REALM_NAME_MAX);
    return tarn_config_realm(c, name) ? tarn_yaml_error(y, n, err, "realm '%s' is given twice", name) : 0;
}

static int read_realm(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    static const struct tarn_yaml_field fields[] = {
        {"name", tarn_yaml_string, offsetof(struct realm_reading, realm.name)},
        {"budget", tarn_yaml_bytes, offsetof(struct realm_reading, realm.budget_bytes)},
        {"readers", read_readers, offsetof(struct realm_reading, realm)},
        {"resources", read_realm_resources, 0},
    };
    struct tarn_config *c = out;
    struct realm_reading reading = {.config = c};
    struct tarn_config_realm r, *at;
    unsigned from = c->nresources;
    int rc = tarn_yaml_map(y, n, fields, COUNT(fields), &reading, err);

    r = reading.realm;
    if (!rc)
        rc = check_name(y, n, c, r.name, err);
    if (rc)
        return rc;
    give_realm(c, from, r.name);
    r.where = where(y, n);
    at = r.where ? tarn_config_add_realm(c, r.name) : NULL;
    if (!at)
        return no_memory(y, err);
    *at = r;
    return 0;
}

static int read_realms(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    return tarn_yaml_each(y, n, read_realm, out, err);
}

/* ---- the root ---------------------------------------------------------------------------------- */

#define SERVER(member) offsetof(struct tarn_config, server.member)

static int read_server(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    static const struct tarn_yaml_field fields[] = {
        {"url", tarn_yaml_string, SERVER(url)},
        {"kubeconfig", tarn_yaml_string, SERVER(kubeconfig)},
        {"context", tarn_yaml_string, SERVER(context)},
        {"caFile", tarn_yaml_string, SERVER(ca_file)},
        {"certFile", tarn_yaml_string, SERVER(cert_file)},
        {"keyFile", tarn_yaml_string, SERVER(key_file)},
        {"tokenFile", tarn_yaml_string, SERVER(token_file)},
        {"tlsServerName", tarn_yaml_string, SERVER(tls_server_name)},
        {"insecureSkipTlsVerify", tarn_yaml_bool, SERVER(insecure)},
        {"proxyUrl", tarn_yaml_string, SERVER(proxy_url)},
        {"gzip", tarn_yaml_bool, SERVER(gzip)},
    };

    if (n->type == YAML_SCALAR_NODE)
        return tarn_yaml_string(y, n, &((struct tarn_config *)out)->server.url, err);
    return tarn_yaml_map(y, n, fields, COUNT(fields), out, err);
}

int tarn_config_read_file(struct tarn_config *c, const char *path, struct tarn_error *err)
{
    static const struct tarn_yaml_field fields[] = {
        {"server", read_server, 0},
        {"resources", read_default_resources, 0},
        {"realms", read_realms, 0},
        {"socket", tarn_yaml_string, offsetof(struct tarn_config, socket_path)},
        {"runtimeDir", tarn_yaml_string, offsetof(struct tarn_config, runtime_dir)},
        {"budget", tarn_yaml_bytes, offsetof(struct tarn_config, budget_bytes)},
        {"maxObjectBytes", tarn_yaml_u32, offsetof(struct tarn_config, max_object_bytes)},
        {"pageSize", tarn_yaml_u32, offsetof(struct tarn_config, page_size)},
        {"maxClients", tarn_yaml_u32, offsetof(struct tarn_config, max_clients)},
        {"streamingLists", tarn_yaml_bool, offsetof(struct tarn_config, streaming_lists)},
        {"hugePages", tarn_yaml_bool, offsetof(struct tarn_config, huge_pages)},
        {"logFormat", read_log_format, offsetof(struct tarn_config, log_format)},
        {"logLevel", read_log_level, offsetof(struct tarn_config, log_level)},
    };
    struct tarn_yaml y;
    int rc = tarn_yaml_load(&y, path, true, &c->arena, err);

    if (!rc && tarn_yaml_root(&y))
        rc = tarn_yaml_map(&y, tarn_yaml_root(&y), fields, COUNT(fields), c, err);
    tarn_yaml_release(&y);
    return rc;
}
