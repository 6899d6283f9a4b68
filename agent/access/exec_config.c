/* exec_config.c - see exec_config.h. */
#include "exec_config.h"

#include "api_server.h"
#include "base64.h"
#include "json_text.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define EXTENSION "client.authentication.k8s.io/exec"

/* ---- reading ------------------------------------------------------------------------------------- */

struct env_entry {
    const char *name, *value;
};

static int read_env_entry(struct tarn_yaml *y, yaml_node_t *n, void *ctx, struct tarn_error *err)
{
    static const struct tarn_yaml_field fields[] = {{"name", tarn_yaml_string, offsetof(struct env_entry, name)},
                                                    {"value", tarn_yaml_string, offsetof(struct env_entry, value)}};
    struct env_entry e = {0};
    int rc = tarn_yaml_map(y, n, fields, COUNT(fields), &e, err);

    if (rc)
        return rc;
    if (!e.name || !*e.name || strchr(e.name, '='))
        return tarn_yaml_error(y, n, err, "an exec plugin's env entry needs a name without '='");
    if (tarn_string_list_add(ctx, y->arena, tarn_arena_printf(y->arena, "%s=%s", e.name, e.value ? e.value : "")))
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    return 0;
}

static int read_env(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    return tarn_yaml_each(y, n, read_env_entry, out, err);
}

int tarn_exec_config_read(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    static const struct tarn_yaml_field fields[] = {
        {"command", tarn_yaml_string, offsetof(struct tarn_exec_config, command)},
        {"args", tarn_yaml_strings, offsetof(struct tarn_exec_config, args)},
        {"env", read_env, offsetof(struct tarn_exec_config, env)},
        {"apiVersion", tarn_yaml_string, offsetof(struct tarn_exec_config, api_version)},
        {"installHint", tarn_yaml_string, offsetof(struct tarn_exec_config, install_hint)},
        {"interactiveMode", tarn_yaml_string, offsetof(struct tarn_exec_config, interactive_mode)},
        {"provideClusterInfo", tarn_yaml_bool, offsetof(struct tarn_exec_config, provide_cluster_info)},
    };
    struct tarn_exec_config *e = out;
    int rc = tarn_yaml_map(y, n, fields, COUNT(fields), e, err);

    if (!rc && !e->command)
        e->command = ""; /* the section is there: see the check */
    return rc;
}

struct extension {
    const char *name;
    yaml_node_t *value;
};

static int keep_node(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    (void)y, (void)err;
    *(yaml_node_t **)out = n;
    return 0;
}

static int read_extension(struct tarn_yaml *y, yaml_node_t *n, void *ctx, struct tarn_error *err)
{
    static const struct tarn_yaml_field fields[] = {{"name", tarn_yaml_string, offsetof(struct extension, name)},
                                                    {"extension", keep_node, offsetof(struct extension, value)}};
    struct extension e = {0};
    struct tarn_buf json = {0};
    int rc = tarn_yaml_map(y, n, fields, COUNT(fields), &e, err);

    if (rc || !e.name || !e.value || strcmp(e.name, EXTENSION) != 0)
        return rc;
    rc = tarn_yaml_to_json(y, e.value, &json);
    if (rc == TARN_E_LIMIT)
        rc = tarn_yaml_error(y, n, err, "extension %s is deeper than 32 levels or larger than 64 KiB", EXTENSION);
    else if (!rc && !(*(const char **)ctx = tarn_arena_copy(y->arena, tarn_buf_bytes(&json))))
        rc = tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    tarn_buf_release(&json);
    return rc;
}

int tarn_exec_extension_read(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    return tarn_yaml_each(y, n, read_extension, out, err);
}

/* ---- checking ------------------------------------------------------------------------------------- */

static bool is_one_of(const char *s, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(s, words[i]) == 0)
            return true;
    return false;
}

int tarn_exec_config_check(const struct tarn_exec_config *e, const char *file, const char *user, struct tarn_error *err)
{
    static const char *const versions[] = {TARN_EXEC_API_V1, TARN_EXEC_API_V1BETA1}, *const modes[] = {"Never", "IfAvailable", "Always"};
    const char *mode = e->interactive_mode;

    if (!*e->command)
        return tarn_error_set(err, TARN_E_CONFIG, "%s: user '%s': exec has no command", file, user);
    if (!e->api_version || !is_one_of(e->api_version, versions, COUNT(versions)))
        return tarn_error_set(err, TARN_E_CONFIG, "%s: user '%s': exec needs apiVersion %s or %s, not '%s'", file, user, versions[0], versions[1],
                              e->api_version ? e->api_version : "");
    if (!mode && strcmp(e->api_version, TARN_EXEC_API_V1) == 0)
        return tarn_error_set(err, TARN_E_CONFIG, "%s: user '%s': exec of %s needs interactiveMode: Never or IfAvailable", file, user, TARN_EXEC_API_V1);
    if (mode && !is_one_of(mode, modes, COUNT(modes)))
        return tarn_error_set(err, TARN_E_CONFIG, "%s: user '%s': exec: interactiveMode '%s' is not Never, IfAvailable or Always", file, user, mode);
    if (mode && strcmp(mode, "Always") == 0)
        return tarn_error_set(err, TARN_E_UNSUPPORTED, "%s: user '%s': its exec plugin wants a terminal (interactiveMode: Always), which a service has not",
                              file, user);
    return 0;
}

/* ---- telling --------------------------------------------------------------------------------------- */

static int add_text(struct tarn_buf *out, const char *name, const char *value)
{
    int rc;

    if (!value)
        return 0;
    rc = tarn_buf_addf(out, ",\"%s\":", name);
    return rc ? rc : tarn_json_quote(out, tarn_bytes_of(value));
}

static int add_ca(struct tarn_buf *out, struct tarn_bytes pem)
{
    int rc;

    if (!pem.len)
        return 0;
    rc = tarn_buf_adds(out, ",\"certificate-authority-data\":\"");
    if (!rc)
        rc = tarn_base64_encode(out, pem);
    return rc ? rc : tarn_buf_adds(out, "\"");
}

static int add_cluster(const struct tarn_exec_config *e, const struct tarn_api_server *s, struct tarn_buf *out)
{
    int rc = tarn_buf_adds(out, ",\"cluster\":{\"server\":");

    if (!rc)
        rc = tarn_json_quote(out, tarn_bytes_of(s->written_url));
    if (!rc)
        rc = add_text(out, "tls-server-name", s->tls_server_name);
    if (!rc && s->insecure)
        rc = tarn_buf_adds(out, ",\"insecure-skip-tls-verify\":true");
    if (!rc)
        rc = add_ca(out, s->ca);
    if (!rc)
        rc = add_text(out, "proxy-url", s->proxy_url);
    if (!rc)
        rc = tarn_buf_addf(out, ",\"config\":%s}", e->cluster_config ? e->cluster_config : "null");
    return rc;
}

int tarn_exec_info(const struct tarn_exec_config *e, const struct tarn_api_server *s, struct tarn_buf *out)
{
    int rc = tarn_buf_addf(out, "{\"kind\":\"ExecCredential\",\"apiVersion\":\"%s\",\"spec\":{\"interactive\":false", e->api_version);

    if (!rc && e->provide_cluster_info)
        rc = add_cluster(e, s, out);
    return rc ? rc : tarn_buf_adds(out, "}}");
}
