/* config_check.c - defaults, and what the parts of a configuration must say together. */
#include "config_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "http_server.h"

#define DEFAULT_BUDGET_BYTES (1ull << 30)

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

static int check_listen(const struct tarn_config *c, const char *key, const char *listen, bool any, struct tarn_error *err)
{
    const char *from = tarn_config_from(c->from, TARN_CONFIG_TOP, key);
    struct tarn_error why;

    if (!listen || !tarn_http_server_check_listen(listen, any, &why))
        return 0;
    return tarn_error_set(err, TARN_E_CONFIG, "%s: %s %s", from ? from : "default", key, why.message);
}

static bool same(const char *a, const char *b)
{
    return a && b && strcmp(a, b) == 0;
}

/* What is listened on; port 0 is another one each time. */
static int check_addresses(const struct tarn_config *c, struct tarn_error *err)
{
    int rc = check_listen(c, "http.listen", c->http.listen, false, err);

    if (!rc)
        rc = check_listen(c, "api.listen", c->api.listen, c->api.cert_file != NULL, err);
    if (rc)
        return rc;
    if (!c->api.cert_file != !c->api.key_file)
        return tarn_error_set(err, TARN_E_CONFIG, "%s: a certificate needs both certFile and keyFile",
                              tarn_config_from(c->from, TARN_CONFIG_TOP, c->api.cert_file ? "api.certFile" : "api.keyFile"));
    if (same(c->http.socket_path, c->socket_path))
        return contradiction(c, "http.socket", "socket", "they are two sockets", err);
    if (same(c->api.socket_path, c->socket_path))
        return contradiction(c, "api.socket", "socket", "they are two sockets", err);
    if (same(c->api.socket_path, c->http.socket_path))
        return contradiction(c, "api.socket", "http.socket", "they are two sockets", err);
    if (same(c->api.listen, c->http.listen) && strcmp(strrchr(c->api.listen, ':'), ":0") != 0)
        return contradiction(c, "api.listen", "http.listen", "they are two servers", err);
    return 0;
}

int tarn_config_check(struct tarn_config *c, struct tarn_error *err)
{
    int rc = 0;

    if (!tarn_config_realm(c, TARN_REALM_DEFAULT) && !tarn_config_add_realm(c, TARN_REALM_DEFAULT))
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    rc = check_server(c, err);
    if (!rc)
        rc = tarn_config_check_resources(c, err);
    if (!rc)
        rc = check_budgets(c, err);
    if (!rc)
        rc = check_paths_of_files(c, err);
    return rc ? rc : check_addresses(c, err);
}
