/* kubeconfig.c - a kubeconfig, or several merged, to one API server.
 *
 * Unknown keys are ignored, as kubectl does. Several files are merged as client-go's ClientConfigLoadingRules does: for each
 * name of cluster, user and context, and for current-context, the first file that says it wins; relative paths count
 * from the file they stand in.
 */
#include "api_server.h"
#include "base64.h"

#include <stdlib.h>
#include <unistd.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define FILES_MAX 32

/* In each of the three the name comes first: see find. */
struct cluster {
    const char *name, *server, *ca_file, *ca_data, *tls_server_name, *proxy_url, *exec_config;
    bool insecure;
    const char *file;
};

struct user {
    const char *name, *cert_file, *cert_data, *key_file, *key_data, *token, *token_file, *username, *password;
    const char *as, *as_uid;
    struct tarn_string_list as_groups, as_extra; /* the latter: header lines */
    struct tarn_exec_config exec;
    bool auth_provider; /* which we cannot run */
    const char *file;
};

struct context {
    const char *name, *cluster, *user;
};

/* Entries are appended as the files are read in order: lookups take the first of a name. */
struct merged {
    struct cluster *clusters;
    struct user *users;
    struct context *contexts;
    unsigned nclusters, nusers, ncontexts;
    const char *current;
    struct tarn_arena *arena;
    const char *file; /* being read */
};

static void *grow(struct tarn_arena *a, void *old, unsigned n, size_t size)
{
    void *v = tarn_arena_alloc(a, (n + 1) * size);

    if (v && n)
        memcpy(v, old, n * size);
    return v;
}

/* ---- one file ----------------------------------------------------------------------------------------- */

static int read_cluster_body(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    static const struct tarn_yaml_field fields[] = {
        {"server", tarn_yaml_string, offsetof(struct cluster, server)},
        {"certificate-authority", tarn_yaml_string, offsetof(struct cluster, ca_file)},
        {"certificate-authority-data", tarn_yaml_string, offsetof(struct cluster, ca_data)},
        {"tls-server-name", tarn_yaml_string, offsetof(struct cluster, tls_server_name)},
        {"proxy-url", tarn_yaml_string, offsetof(struct cluster, proxy_url)},
        {"insecure-skip-tls-verify", tarn_yaml_bool, offsetof(struct cluster, insecure)},
        {"extensions", tarn_exec_extension_read, offsetof(struct cluster, exec_config)},
    };

    return tarn_yaml_map(y, n, fields, COUNT(fields), out, err);
}

static int note_auth_provider(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    (void)y, (void)n, (void)err;
    *(bool *)out = true;
    return 0;
}

/* A key of as-user-extra inside a header's name: what may not stand there is percent-encoded (client-go: headerKeyEscape). */
static int escape_key(struct tarn_buf *out, const char *key)
{
    static const char legal[] = "!#$&'*+-.^_`|~";
    int rc = 0;

    for (; !rc && *key; key++) {
        unsigned char c = (unsigned char)*key;
        bool ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || strchr(legal, c);

        rc = ok ? tarn_buf_add(out, &c, 1) : tarn_buf_addf(out, "%%%02X", c);
    }
    return rc;
}

static int add_extra(struct tarn_yaml *y, const char *key, const struct tarn_string_list *values, struct tarn_string_list *lines)
{
    struct tarn_buf name = {0};
    int rc = escape_key(&name, key);

    for (unsigned i = 0; !rc && i < values->n; i++)
        rc = tarn_string_list_add(lines, y->arena, tarn_arena_printf(y->arena, "Impersonate-Extra-%.*s: %s", TARN_BYTES_ARG(tarn_buf_bytes(&name)), values->v[i]));
    tarn_buf_release(&name);
    return rc;
}

/* as-user-extra: {key: [values]} */
static int read_extra(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    int rc = 0;

    if (n->type != YAML_MAPPING_NODE)
        return tarn_yaml_error(y, n, err, "as-user-extra: expected a map of lists");
    for (yaml_node_pair_t *p = n->data.mapping.pairs.start; !rc && p < n->data.mapping.pairs.top; p++) {
        const char *key = tarn_yaml_text(yaml_document_get_node(&y->doc, p->key));
        struct tarn_string_list values = {0};

        rc = key && *key ? tarn_yaml_strings(y, yaml_document_get_node(&y->doc, p->value), &values, err) : tarn_yaml_error(y, n, err, "as-user-extra: a key must be a word");
        if (!rc && add_extra(y, key, &values, out))
            rc = tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    }
    return rc;
}

static int read_user_body(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    static const struct tarn_yaml_field fields[] = {
        {"client-certificate", tarn_yaml_string, offsetof(struct user, cert_file)},
        {"client-certificate-data", tarn_yaml_string, offsetof(struct user, cert_data)},
        {"client-key", tarn_yaml_string, offsetof(struct user, key_file)},
        {"client-key-data", tarn_yaml_string, offsetof(struct user, key_data)},
        {"token", tarn_yaml_string, offsetof(struct user, token)},
        {"tokenFile", tarn_yaml_string, offsetof(struct user, token_file)},
        {"username", tarn_yaml_string, offsetof(struct user, username)},
        {"password", tarn_yaml_string, offsetof(struct user, password)},
        {"as", tarn_yaml_string, offsetof(struct user, as)},
        {"as-uid", tarn_yaml_string, offsetof(struct user, as_uid)},
        {"as-groups", tarn_yaml_strings, offsetof(struct user, as_groups)},
        {"as-user-extra", read_extra, offsetof(struct user, as_extra)},
        {"exec", tarn_exec_config_read, offsetof(struct user, exec)},
        {"auth-provider", note_auth_provider, offsetof(struct user, auth_provider)},
    };

    return tarn_yaml_map(y, n, fields, COUNT(fields), out, err);
}

static int read_context_body(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    static const struct tarn_yaml_field fields[] = {
        {"cluster", tarn_yaml_string, offsetof(struct context, cluster)},
        {"user", tarn_yaml_string, offsetof(struct context, user)},
    };

    return tarn_yaml_map(y, n, fields, COUNT(fields), out, err);
}

/* Each list entry is {name, <what>: {...}}. */
static int read_cluster(struct tarn_yaml *y, yaml_node_t *n, void *ctx, struct tarn_error *err)
{
    static const struct tarn_yaml_field fields[] = {{"name", tarn_yaml_string, offsetof(struct cluster, name)},
                                                    {"cluster", read_cluster_body, 0}};
    struct merged *m = ctx;
    struct cluster *v = grow(m->arena, m->clusters, m->nclusters, sizeof *v);

    if (!v)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    m->clusters = v;
    v[m->nclusters].file = m->file;
    return tarn_yaml_map(y, n, fields, COUNT(fields), &v[m->nclusters++], err);
}

static int read_user(struct tarn_yaml *y, yaml_node_t *n, void *ctx, struct tarn_error *err)
{
    static const struct tarn_yaml_field fields[] = {{"name", tarn_yaml_string, offsetof(struct user, name)},
                                                    {"user", read_user_body, 0}};
    struct merged *m = ctx;
    struct user *v = grow(m->arena, m->users, m->nusers, sizeof *v);

    if (!v)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    m->users = v;
    v[m->nusers].file = m->file;
    return tarn_yaml_map(y, n, fields, COUNT(fields), &v[m->nusers++], err);
}

static int read_context(struct tarn_yaml *y, yaml_node_t *n, void *ctx, struct tarn_error *err)
{
    static const struct tarn_yaml_field fields[] = {{"name", tarn_yaml_string, offsetof(struct context, name)},
                                                    {"context", read_context_body, 0}};
    struct merged *m = ctx;
    struct context *v = grow(m->arena, m->contexts, m->ncontexts, sizeof *v);

    if (!v)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    m->contexts = v;
    return tarn_yaml_map(y, n, fields, COUNT(fields), &v[m->ncontexts++], err);
}

static int read_clusters(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    return tarn_yaml_each(y, n, read_cluster, out, err);
}
static int read_users(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    return tarn_yaml_each(y, n, read_user, out, err);
}
static int read_contexts(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    return tarn_yaml_each(y, n, read_context, out, err);
}
static int read_current(struct tarn_yaml *y, yaml_node_t *n, void *out, struct tarn_error *err)
{
    struct merged *m = out;
    const char *s = NULL;
    int rc = tarn_yaml_string(y, n, &s, err);

    if (!rc && s && *s && !m->current)
        m->current = s;
    return rc;
}

static int read_file(struct merged *m, const char *path, struct tarn_error *err)
{
    static const struct tarn_yaml_field fields[] = {
        {"clusters", read_clusters, 0}, {"users", read_users, 0}, {"contexts", read_contexts, 0}, {"current-context", read_current, 0}};
    struct tarn_yaml y;
    int rc;

    m->file = path;
    rc = tarn_yaml_load(&y, path, false, m->arena, err);
    if (!rc && tarn_yaml_root(&y))
        rc = tarn_yaml_map(&y, tarn_yaml_root(&y), fields, COUNT(fields), m, err);
    tarn_yaml_release(&y);
    return rc;
}

/* ---- several files -------------------------------------------------------------------------------------- */

static int read_files(struct merged *m, const char *files, struct tarn_error *err)
{
    bool several = strchr(files, ':') != NULL;
    unsigned read = 0, seen = 0;
    int rc = 0;

    while (!rc && *files) {
        size_t n = strcspn(files, ":");
        const char *path = tarn_arena_copy(m->arena, (struct tarn_bytes){.data = files, .len = n});

        if (!path)
            return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
        files += n + (files[n] == ':');
        if (!n || (several && access(path, F_OK) != 0))
            continue;
        if (++seen > FILES_MAX)
            return tarn_error_set(err, TARN_E_CONFIG, "more than %d kubeconfig files", FILES_MAX);
        rc = read_file(m, path, err);
        read += !rc;
    }
    if (!rc && !read)
        rc = tarn_error_set(err, TARN_E_CONFIG, "none of the kubeconfig files exists");
    return rc;
}

/* ---- choosing -------------------------------------------------------------------------------------------------- */

static int take_data(struct tarn_api_server *s, const char *file, const char *what, const char *data, struct tarn_bytes *ret,
                     struct tarn_error *err)
{
    char *out;
    long n;

    if (!data || !*data)
        return 0;
    out = tarn_arena_alloc(&s->arena, strlen(data) + 1);
    if (!out)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    n = tarn_base64_decode(data, out);
    if (n < 0)
        return tarn_error_set(err, TARN_E_CONFIG, "%s: %s is not base64", file, what);
    *ret = (struct tarn_bytes){.data = out, .len = (size_t)n};
    return 0;
}

/* path, from the folder of the kubeconfig it stands in. */
static const char *from_file(struct tarn_api_server *s, const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');

    if (!path || !*path)
        return NULL;
    if (*path == '/' || !slash)
        return path;
    path += strncmp(path, "./", 2) == 0 ? 2 : 0;
    return tarn_arena_printf(&s->arena, "%.*s/%s", (int)(slash - file), file, path);
}

static int take_cluster(struct tarn_api_server *s, const struct cluster *c, struct tarn_error *err)
{
    if (!c->server || !*c->server)
        return tarn_error_set(err, TARN_E_CONFIG, "%s: cluster '%s' has no server", c->file, c->name);
    if (c->insecure && (c->ca_file || c->ca_data))
        return tarn_error_set(err, TARN_E_CONFIG, "%s: cluster '%s': insecure-skip-tls-verify and a certificate authority contradict each other",
                              c->file, c->name);
    s->url = c->server;
    s->insecure = c->insecure;
    s->tls_server_name = c->tls_server_name && *c->tls_server_name ? c->tls_server_name : NULL;
    s->proxy_url = c->proxy_url && *c->proxy_url ? c->proxy_url : NULL;
    s->exec.cluster_config = c->exec_config;
    if (!c->ca_data)
        s->ca_file = from_file(s, c->file, c->ca_file);
    return take_data(s, c->file, "certificate-authority-data", c->ca_data, &s->ca, err);
}

static int add_line(struct tarn_api_server *s, const char *name, const char *value)
{
    return value && *value ? tarn_string_list_add(&s->impersonate, &s->arena, tarn_arena_printf(&s->arena, "%s: %s", name, value)) : 0;
}

static int take_impersonation(struct tarn_api_server *s, const struct user *u, struct tarn_error *err)
{
    int rc = add_line(s, "Impersonate-User", u->as);

    if (!s->impersonate.n && ((u->as_uid && *u->as_uid) || u->as_groups.n || u->as_extra.n))
        return tarn_error_set(err, TARN_E_CONFIG, "%s: user '%s' has as-uid, as-groups or as-user-extra without 'as'", u->file, u->name);
    if (!rc)
        rc = add_line(s, "Impersonate-Uid", u->as_uid);
    for (unsigned i = 0; !rc && i < u->as_groups.n; i++)
        rc = add_line(s, "Impersonate-Group", u->as_groups.v[i]);
    for (unsigned i = 0; !rc && i < u->as_extra.n; i++)
        rc = tarn_string_list_add(&s->impersonate, &s->arena, u->as_extra.v[i]);
    for (unsigned i = 0; !rc && i < s->impersonate.n; i++)
        if (strpbrk(s->impersonate.v[i], "\r\n"))
            return tarn_error_set(err, TARN_E_CONFIG, "%s: what user '%s' impersonates has a line break in it", u->file, u->name);
    return rc ? tarn_error_set(err, TARN_E_NOMEM, "out of memory") : 0;
}

static int take_credentials(struct tarn_api_server *s, const struct user *u, struct tarn_error *err)
{
    int rc = take_data(s, u->file, "client-certificate-data", u->cert_data, &s->cert, err);

    if (!rc)
        rc = take_data(s, u->file, "client-key-data", u->key_data, &s->key, err);
    if (rc)
        return rc;
    if (!u->cert_data)
        s->cert_file = from_file(s, u->file, u->cert_file);
    if (!u->key_data)
        s->key_file = from_file(s, u->file, u->key_file);
    s->token_file = from_file(s, u->file, u->token_file);
    s->token = s->token_file || !u->token || !*u->token ? NULL : u->token; /* client-go: the file wins */
    s->username = u->username;
    s->password = u->password;
    return take_impersonation(s, u, err);
}

/* client-go: a command with a slash in it counts from the kubeconfig's folder, one without is looked for in $PATH. */
static int take_exec(struct tarn_api_server *s, const struct user *u, struct tarn_error *err)
{
    const char *cluster_config = s->exec.cluster_config;
    int rc = u->exec.command ? tarn_exec_config_check(&u->exec, u->file, u->name, err) : 0;

    if (rc || !u->exec.command)
        return rc;
    s->exec = u->exec;
    s->exec.cluster_config = cluster_config;
    if (strchr(u->exec.command, '/'))
        s->exec.command = from_file(s, u->file, u->exec.command);
    return s->exec.command ? 0 : tarn_error_set(err, TARN_E_NOMEM, "out of memory");
}

static int take_user(struct tarn_api_server *s, const struct user *u, struct tarn_error *err)
{
    bool cert = u->cert_file || u->cert_data, key = u->key_file || u->key_data;
    int rc;

    if (u->auth_provider)
        return tarn_error_set(err, TARN_E_UNSUPPORTED,
                              "%s: user '%s' gets its credentials from an auth-provider plugin, which Kubernetes 1.26 removed; use an exec plugin, a token, tokenFile or client certificate",
                              u->file, u->name);
    if (cert != key)
        return tarn_error_set(err, TARN_E_CONFIG, "%s: user '%s' has a client %s but no client %s", u->file, u->name,
                              cert ? "certificate" : "key", cert ? "key" : "certificate");
    if (u->token && strpbrk(u->token, "\r\n"))
        return tarn_error_set(err, TARN_E_CONFIG, "%s: the token of user '%s' has a line break in it", u->file, u->name);
    rc = take_exec(s, u, err);
    return rc ? rc : take_credentials(s, u, err);
}

/* The first of n entries of `size` bytes whose first member, the name, is the wanted one. */
static const void *find(const void *entries, unsigned n, size_t size, const char *wanted)
{
    for (unsigned i = 0; i < n; i++) {
        const char *const *entry = (const void *)((const char *)entries + i * size);

        if (*entry && strcmp(*entry, wanted) == 0)
            return entry;
    }
    return NULL;
}

static int choose(struct tarn_api_server *s, const struct merged *m, const char *files, const char *wanted, struct tarn_error *err)
{
    const char *name = wanted ? wanted : m->current;
    const struct context *c;
    const struct cluster *cluster;
    const struct user *user;
    int rc;

    if (!name)
        return tarn_error_set(err, TARN_E_CONFIG, "%s: no current-context; choose one with --context", files);
    c = find(m->contexts, m->ncontexts, sizeof *c, name);
    if (!c)
        return tarn_error_set(err, TARN_E_CONFIG, "%s: no context '%s'", files, name);
    cluster = c->cluster ? find(m->clusters, m->nclusters, sizeof *cluster, c->cluster) : NULL;
    if (!cluster)
        return tarn_error_set(err, TARN_E_CONFIG, "%s: context '%s' names cluster '%s', which is not there", files, name, c->cluster ? c->cluster : "");
    user = c->user && *c->user ? find(m->users, m->nusers, sizeof *user, c->user) : NULL;
    if (c->user && *c->user && !user)
        return tarn_error_set(err, TARN_E_CONFIG, "%s: context '%s' names user '%s', which is not there", files, name, c->user);
    rc = take_cluster(s, cluster, err);
    if (!rc && user)
        rc = take_user(s, user, err);
    s->source = tarn_arena_printf(&s->arena, "kubeconfig %s, context %s", files, name);
    s->config.context = tarn_arena_copy(&s->config_arena, tarn_bytes_of(name));
    return rc ? rc : s->source && s->config.context ? 0 : tarn_error_set(err, TARN_E_NOMEM, "out of memory");
}

int tarn_kubeconfig_read(struct tarn_api_server *s, const char *files, const char *context, struct tarn_error *err)
{
    struct merged m = {.arena = &s->arena};
    int rc = read_files(&m, files, err);

    return rc ? rc : choose(s, &m, files, context, err);
}
