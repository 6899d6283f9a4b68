/* config_file.c - the YAML file's keys as tables. */
#include "config.h"
#include "yaml_file.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>

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
        return tarn_yaml_error(y, n, err, "log-format must be text or json");
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
    return tarn_yaml_error(y, n, err, "log-level must be debug, info, warn or error");
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

static int read_realm(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    static const struct tarn_yaml_field fields[] = {
        {"name", tarn_yaml_string, offsetof(struct tarn_config_realm, name)},
        {"budget", tarn_yaml_bytes, offsetof(struct tarn_config_realm, budget_bytes)},
        {"readers", read_readers, 0},
    };
    struct tarn_config *c = out;
    struct tarn_config_realm r = {0}, *at;
    int rc = tarn_yaml_map(y, n, fields, COUNT(fields), &r, err);

    if (rc)
        return rc;
    if (!r.name || !*r.name)
        return tarn_yaml_error(y, n, err, "a realm needs a name");
    if (tarn_config_realm(c, r.name))
        return tarn_yaml_error(y, n, err, "realm '%s' is given twice", r.name);
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

/* ---- resources ------------------------------------------------------------------------------- */

static int read_drop(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    struct tarn_config_resource *r = out;

    r->drop_given = true;
    return tarn_yaml_strings(y, n, &r->drop, err);
}

static int read_resource_map(struct tarn_yaml *y, yaml_node_t *n, struct tarn_config_resource *r, struct tarn_error *err)
{
    static const struct tarn_yaml_field fields[] = {
        {"name", tarn_yaml_string, offsetof(struct tarn_config_resource, name)},
        {"api-version", tarn_yaml_string, offsetof(struct tarn_config_resource, api_version)},
        {"realm", tarn_yaml_string, offsetof(struct tarn_config_resource, realm)},
        {"namespaces", tarn_yaml_strings, offsetof(struct tarn_config_resource, namespaces)},
        {"label-selector", tarn_yaml_string, offsetof(struct tarn_config_resource, label_selector)},
        {"field-selector", tarn_yaml_string, offsetof(struct tarn_config_resource, field_selector)},
        {"drop", read_drop, 0},
        {"keep", tarn_yaml_strings, offsetof(struct tarn_config_resource, keep)},
        {"slots", tarn_yaml_strings, offsetof(struct tarn_config_resource, slots)},
        {"indexes", tarn_yaml_strings, offsetof(struct tarn_config_resource, indexes)},
    };

    return tarn_yaml_map(y, n, fields, COUNT(fields), r, err);
}

/* An entry is a map, or just the name. */
static int read_resource(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    struct tarn_config_resource r = {.realm = TARN_REALM_DEFAULT}, *at;
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

/* ---- the root ---------------------------------------------------------------------------------- */

#define SERVER(member) offsetof(struct tarn_config, server.member)

static int read_server(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    static const struct tarn_yaml_field fields[] = {
        {"url", tarn_yaml_string, SERVER(url)},
        {"kubeconfig", tarn_yaml_string, SERVER(kubeconfig)},
        {"context", tarn_yaml_string, SERVER(context)},
        {"ca-file", tarn_yaml_string, SERVER(ca_file)},
        {"cert-file", tarn_yaml_string, SERVER(cert_file)},
        {"key-file", tarn_yaml_string, SERVER(key_file)},
        {"token-file", tarn_yaml_string, SERVER(token_file)},
        {"tls-server-name", tarn_yaml_string, SERVER(tls_server_name)},
        {"insecure-skip-tls-verify", tarn_yaml_bool, SERVER(insecure)},
        {"proxy-url", tarn_yaml_string, SERVER(proxy_url)},
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
        {"resources", read_resources, 0},
        {"realms", read_realms, 0},
        {"socket", tarn_yaml_string, offsetof(struct tarn_config, socket_path)},
        {"runtime-dir", tarn_yaml_string, offsetof(struct tarn_config, runtime_dir)},
        {"budget", tarn_yaml_bytes, offsetof(struct tarn_config, budget_bytes)},
        {"max-object-bytes", tarn_yaml_u32, offsetof(struct tarn_config, max_object_bytes)},
        {"page-size", tarn_yaml_u32, offsetof(struct tarn_config, page_size)},
        {"max-clients", tarn_yaml_u32, offsetof(struct tarn_config, max_clients)},
        {"streaming-lists", tarn_yaml_bool, offsetof(struct tarn_config, streaming_lists)},
        {"huge-pages", tarn_yaml_bool, offsetof(struct tarn_config, huge_pages)},
        {"log-format", read_log_format, offsetof(struct tarn_config, log_format)},
        {"log-level", read_log_level, offsetof(struct tarn_config, log_level)},
    };
    struct tarn_yaml y;
    int rc = tarn_yaml_load(&y, path, true, &c->arena, err);

    if (!rc && tarn_yaml_root(&y))
        rc = tarn_yaml_map(&y, tarn_yaml_root(&y), fields, COUNT(fields), c, err);
    tarn_yaml_release(&y);
    return rc;
}
