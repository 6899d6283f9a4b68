/* config_check.c - defaults, and what the parts of a configuration must say together. */
#include "config_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "http_server.h"

#define DEFAULT_BUDGET_BYTES (1ull << 30)
#define RESOURCES_MAX 256
#define PATHS_MAX 32
#define NAMESPACES_MAX 64 /* a LIST and a WATCH each */

/* "file:1:2: " before the message where the entry has a place in a file. */
static int entry_error(const char *where, struct tarn_error *err, const char *what, const char *name)
{
    return tarn_error_set(err, TARN_E_CONFIG, "%s%s'%s': %s", where ? where : "", where ? ": " : "", name, what);
}

static bool is_secrets(const char *name)
{
    static const char *const names[] = {"secrets", "secret", "Secret", "Secrets"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n = strlen(names[i]);

        if (strncmp(name, names[i], n) == 0 && (!name[n] || name[n] == '.'))
            return true;
    }
    return false;
}

static int check_paths(const struct tarn_config_resource *r, struct tarn_error *err)
{
    if (r->drop.n > PATHS_MAX || r->keep.n > PATHS_MAX || r->slots.n > PATHS_MAX || r->indexes.n > PATHS_MAX)
        return entry_error(r->where, err, "at most 32 paths each in drop, keep, slots and indexes", r->name);
    if (r->drop.n && r->keep.n && r->drop_given)
        return entry_error(r->where, err, "give drop or keep, not both: what is not kept is dropped", r->name);
    return 0;
}

/* DNS labels, each once. */
static int check_namespaces(const struct tarn_config_resource *r, struct tarn_error *err)
{
    if (r->namespaces.n > NAMESPACES_MAX)
        return entry_error(r->where, err, "more than 64 namespaces; leave `namespaces` out to mirror all of them", r->name);
    for (unsigned i = 0; i < r->namespaces.n; i++) {
        const char *ns = r->namespaces.v[i];
        size_t n = strspn(ns, "abcdefghijklmnopqrstuvwxyz0123456789-");

        if (!n || ns[n] || n > 63 || *ns == '-' || ns[n - 1] == '-')
            return tarn_error_set(err, TARN_E_CONFIG, "%s%s'%s': '%s' is no namespace name (lower case letters, digits, '-'; at most 63)",
                                  r->where ? r->where : "", r->where ? ": " : "", r->name, ns);
        for (unsigned j = 0; j < i; j++)
            if (strcmp(r->namespaces.v[j], ns) == 0)
                return entry_error(r->where, err, "a namespace is given twice", r->name);
    }
    return 0;
}

static int check_resource(const struct tarn_config_resource *r, struct tarn_error *err)
{
    if (!*r->name || r->name[strspn(r->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.")])
        return entry_error(r->where, err, "not a resource name; expected the form pods, deployments.apps or deployments.v1.apps", r->name);
    if (is_secrets(r->name) && strcmp(r->realm, TARN_REALM_DEFAULT) == 0)
        return entry_error(r->where, err, "Secrets never go to realm cluster; list them under a realm of their own, with its readers", r->name);
    return check_namespaces(r, err) ? TARN_E_CONFIG : check_paths(r, err);
}

static bool same_resource(const struct tarn_config_resource *a, const struct tarn_config_resource *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->realm, b->realm) == 0;
}

static int check_resources(const struct tarn_config *c, struct tarn_error *err)
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
            if (same_resource(&c->resources[i], &c->resources[j]))
                rc = entry_error(c->resources[i].where, err, "given twice in one realm", c->resources[i].name);
    }
    return rc;
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

/* 1 GiB, but at most 40 % of what this process may use, in whole 2 MiB. */
static uint64_t default_budget(void)
{
    uint64_t most = tarn_memory_limit() / 10 * 4;
    uint64_t b = most < DEFAULT_BUDGET_BYTES ? most : DEFAULT_BUDGET_BYTES;

    return b & ~((2ull << 20) - 1);
}

static int too_much(const struct tarn_config *c, uint64_t sum, uint64_t limit, struct tarn_error *err)
{
    const char *from = tarn_config_from(c->from, TARN_CONFIG_TOP, sum > limit ? "budget" : "oldGenerations");

    if (sum > limit)
        return tarn_error_set(err, TARN_E_CONFIG,
                              "%s%sthe budgets of all realms are %llu MiB together, more than the %llu MiB this process may use; "
                              "lower `budget` or raise the memory limit",
                              from ? from : "", from ? ": " : "", (unsigned long long)(sum >> 20), (unsigned long long)(limit >> 20));
    return tarn_error_set(err, TARN_E_CONFIG,
                          "%s%soldGenerations %u: with that many beside the current ones the realms' budgets are %llu MiB together, more than the "
                          "%llu MiB this process may use; lower it or `budget`",
                          from ? from : "", from ? ": " : "", c->old_generations, (unsigned long long)((sum * (1 + c->old_generations)) >> 20),
                          (unsigned long long)(limit >> 20));
}

static int check_budgets(struct tarn_config *c, struct tarn_error *err)
{
    uint64_t sum = 0, limit = tarn_memory_limit();
    bool given = tarn_config_from(c->from, TARN_CONFIG_TOP, "oldGenerations") != NULL;

    if (!c->budget_bytes)
        c->budget_bytes = default_budget();
    for (unsigned i = 0; i < c->nrealms; i++) {
        struct tarn_config_realm *r = &c->realms[i];

        if (!r->budget_bytes)
            r->budget_bytes = c->budget_bytes;
        sum += r->budget_bytes;
    }
    while (!given && c->old_generations && sum * (1 + c->old_generations) > limit)
        c->old_generations--;
    return sum > limit || sum * (1 + c->old_generations) > limit ? too_much(c, sum, limit, err) : 0;
}

static int check_paths_of_files(struct tarn_config *c, struct tarn_error *err)
{
    const char *systemd = getenv("STATE_DIRECTORY");
    struct sockaddr_un sun;

    if (!c->socket_path)
        c->socket_path = tarn_arena_printf(&c->arena, "%s/tarn.sock", c->runtime_dir);
    if (!c->socket_path)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    if (!c->state_dir && systemd && *systemd == '/') /* it may name several: the first */
        c->state_dir = tarn_arena_printf(&c->arena, "%.*s", (int)strcspn(systemd, ":"), systemd);
    if (c->state_dir && *c->state_dir != '/')
        return tarn_error_set(err, TARN_E_CONFIG, "state directory %s: an absolute path is needed", c->state_dir);
    if (strlen(c->socket_path) >= sizeof sun.sun_path)
        return tarn_error_set(err, TARN_E_CONFIG, "socket path %s is longer than the %zu bytes a Unix socket may have", c->socket_path,
                              sizeof sun.sun_path - 1);
    return 0;
}

/* Two keys of the top that do not go together, each with where it was said. */
static int contradiction(const struct tarn_config *c, const char *a, const char *b, const char *why, struct tarn_error *err)
{
    const char *from_a = tarn_config_from(c->from, TARN_CONFIG_TOP, a), *from_b = tarn_config_from(c->from, TARN_CONFIG_TOP, b);

    return tarn_error_set(err, TARN_E_CONFIG, "%s: %s contradicts %s (%s): %s", from_a ? from_a : "default", a, b, from_b ? from_b : "default", why);
}

static int check_server(const struct tarn_config *c, struct tarn_error *err)
{
    const struct tarn_config_server *s = &c->server;

    if (s->url && s->kubeconfig)
        return contradiction(c, "server.url", "server.kubeconfig", "only one can say where the API server is", err);
    if (s->context && s->url)
        return contradiction(c, "server.context", "server.url", "with a URL no kubeconfig is read", err);
    if (!s->cert_file != !s->key_file)
        return tarn_error_set(err, TARN_E_CONFIG, "%s: a client certificate needs both certFile and keyFile",
                              tarn_config_from(c->from, TARN_CONFIG_TOP, s->cert_file ? "server.certFile" : "server.keyFile"));
    if (s->insecure && s->ca_file)
        return contradiction(c, "server.insecureSkipTlsVerify", "server.caFile", "certificates that are not checked need no authority", err);
    return 0;
}

static int check_http(const struct tarn_config *c, struct tarn_error *err)
{
    const char *from = tarn_config_from(c->from, TARN_CONFIG_TOP, "http.listen");
    struct tarn_error why;

    if (c->http.listen && tarn_http_server_check_listen(c->http.listen, &why))
        return tarn_error_set(err, TARN_E_CONFIG, "%s: http.listen %s", from ? from : "default", why.message);
    if (c->http.socket_path && strcmp(c->http.socket_path, c->socket_path) == 0)
        return contradiction(c, "http.socket", "socket", "they are two sockets", err);
    return 0;
}

int tarn_config_check(struct tarn_config *c, struct tarn_error *err)
{
    int rc = 0;

    if (!tarn_config_realm(c, TARN_REALM_DEFAULT) && !tarn_config_add_realm(c, TARN_REALM_DEFAULT))
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    rc = check_server(c, err);
    if (!rc)
        rc = check_resources(c, err);
    if (!rc)
        rc = default_drop(c, err);
    if (!rc)
        rc = check_budgets(c, err);
    if (!rc)
        rc = check_paths_of_files(c, err);
    return rc ? rc : check_http(c, err);
}

/* ---- how much memory there is ------------------------------------------------------------------ */

/* The number in a file of one line; UINT64_MAX for "max", an absent file or anything else. */
static uint64_t number_in(const char *path)
{
    char line[64] = "";
    FILE *f = fopen(path, "re");
    unsigned long long v;

    if (!f)
        return UINT64_MAX;
    if (!fgets(line, sizeof line, f))
        line[0] = '\0';
    (void)fclose(f);
    return sscanf(line, "%llu", &v) == 1 ? v : UINT64_MAX;
}

/* The path of this process in the unified hierarchy, "" if there is none. */
static void own_cgroup(char *ret, size_t n)
{
    FILE *f = fopen("/proc/self/cgroup", "re");
    char line[1024];

    *ret = '\0';
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "0::", 3) == 0)
            (void)snprintf(ret, n, "%.*s", (int)strcspn(line + 3, "\n"), line + 3);
    if (f)
        (void)fclose(f);
}

/* The least memory.max from our own cgroup up to the root (cgroup v2), or v1's own limit. */
static uint64_t cgroup_limit(void)
{
    char group[1024], path[1200], *slash;
    uint64_t least = number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes");

    own_cgroup(group, sizeof group);
    for (;;) {
        uint64_t v;

        (void)snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", strcmp(group, "/") == 0 ? "" : group);
        v = number_in(path);
        least = v < least ? v : least;
        slash = strrchr(group, '/');
        if (!slash)
            return least;
        *slash = '\0';
    }
}

uint64_t tarn_memory_limit(void)
{
    uint64_t ram = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t group = cgroup_limit();

    return group < ram ? group : ram;
}
