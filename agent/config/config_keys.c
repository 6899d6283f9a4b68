/* config_keys.c - the table. In the order in which --print-config and docs/configuration.md have it. */
#include "config_keys.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define TOP(member) .scope = TARN_CONFIG_TOP, .offset = offsetof(struct tarn_config, member)
#define REALM(member) .scope = TARN_CONFIG_REALM, .offset = offsetof(struct tarn_config_realm, member)
#define RESOURCE(member) .scope = TARN_CONFIG_RESOURCE, .offset = offsetof(struct tarn_config_resource, member)
#define TOP_LIST .scope = TARN_CONFIG_TOP /* a list of entries: has no member */
#define REALM_LIST .scope = TARN_CONFIG_REALM
/* KEY("path", KIND, TOP|REALM|RESOURCE(member), .more = ...) */
#define KEY(p, k, place, ...) {.path = (p), .kind = TARN_CONFIG_##k, place, __VA_ARGS__}

static const struct tarn_config_key keys[] = {
    KEY("server.url", STRING, TOP(server.url), .form = "URL", .flag = "server",
        .told = "`$KUBECONFIG`, in-cluster, `~/.kube/config`", .help = "API server, e.g. https://10.0.0.1:6443"),
    KEY("server.kubeconfig", STRING, TOP(server.kubeconfig), .form = "FILE", .flag = "kubeconfig",
        .told = "as `server.url`", .help = "kubeconfig; without it and server.url: $KUBECONFIG, in-cluster, ~/.kube/config"),
    KEY("server.context", STRING, TOP(server.context), .form = "NAME", .flag = "context",
        .told = "its current-context", .help = "context of the kubeconfig"),
    KEY("server.caFile", STRING, TOP(server.ca_file), .form = "FILE", .flag = "ca-file",
        .told = "the kubeconfig's, else the system's", .help = "PEM certificates that may sign the server's"),
    KEY("server.certFile", STRING, TOP(server.cert_file), .form = "FILE", .flag = "cert-file",
        .told = "the kubeconfig's", .help = "PEM client certificate"),
    KEY("server.keyFile", STRING, TOP(server.key_file), .form = "FILE", .flag = "key-file",
        .told = "the kubeconfig's", .help = "PEM key of the client certificate"),
    KEY("server.tokenFile", STRING, TOP(server.token_file), .form = "FILE", .flag = "token-file",
        .told = "the kubeconfig's", .help = "bearer token, read again as it changes"),
    KEY("server.tlsServerName", STRING, TOP(server.tls_server_name), .form = "NAME", .flag = "tls-server-name",
        .told = "the URL's host", .help = "name expected in the server's certificate"),
    KEY("server.insecureSkipTlsVerify", BOOL, TOP(server.insecure), .flag = "insecure-skip-tls-verify", .def = "false",
        .help = "do not check the server's certificate"),
    KEY("server.proxyUrl", STRING, TOP(server.proxy_url), .form = "URL", .flag = "proxy-url",
        .told = "`$https_proxy`", .help = "HTTP proxy to the API server"),
    KEY("server.execTimeoutSeconds", NUMBER, TOP(server.exec_timeout_s), .form = "N", .flag = "exec-timeout-seconds", .unit = "s", .def = "60", .min = 1, .max = 600,
        .help = "how long a credential plugin may run before it is killed"),
    KEY("server.gzip", BOOL, TOP(server.gzip), .flag = "gzip", .def = "false", .help = "ask for compressed lists: only worth it over a slow link"),
    KEY("server.http2", BOOL, TOP(server.http2), .flag = "http2", .def = "false", .help = "HTTP/2 over TLS: one connection for all, but no backpressure"),

    KEY("resources", RESOURCES, TOP_LIST, .form = "NAME", .flag = "resource", .help = "mirror this resource in realm cluster; may be repeated"),
    KEY("realms", REALMS, TOP_LIST, .told = "realm `cluster`", .help = "resources that share one set of readers"),

    KEY("name", STRING, REALM(name), .help = "of the realm, up to 23 bytes"),
    KEY("budget", BYTES, REALM(budget_bytes), .unit = "bytes", .told = "`budget`", .min = 8u << 20, .help = "size of the realm's region, hard"),
    KEY("checkpoint", BOOL, REALM(checkpoint), .def = "true", .help = "save its last state in stateDir; never if it holds Secrets"),
    KEY("readers.users", USERS, REALM(uids), .help = "names or numbers of who may read it"),
    KEY("readers.groups", GROUPS, REALM(gids), .help = "names or numbers of groups that may read it"),
    KEY("resources", RESOURCES, REALM_LIST, .help = "what the realm holds"),

    KEY("name", STRING, RESOURCE(name), .help = "plural, singular, kind or short name"),
    KEY("apiVersion", STRING, RESOURCE(api_version), .told = "what discovery prefers", .help = "v1, apps/v1"),
    KEY("namespaces", STRINGS, RESOURCE(namespaces), .told = "all", .expand = true, .help = "only these"),
    KEY("labelSelector", STRING, RESOURCE(label_selector), .expand = true, .help = "asked of the server"),
    KEY("fieldSelector", STRING, RESOURCE(field_selector), .expand = true, .help = "asked of the server"),
    KEY("metadataOnly", BOOL, RESOURCE(metadata_only), .def = "false", .help = "ask the server for the objects' metadata alone"),
    KEY("drop", STRINGS, RESOURCE(drop), .told = "`metadata.managedFields`", .help = "paths left out"),
    KEY("keep", STRINGS, RESOURCE(keep), .told = "everything", .help = "only these paths"),
    KEY("slots", STRINGS, RESOURCE(slots), .help = "paths that are read in a few nanoseconds"),
    KEY("indexes", STRINGS, RESOURCE(indexes), .told = "by resource, see below", .help = "what lists can be asked by"),
    KEY("poll", DURATION, RESOURCE(poll_ms), .unit = "time", .told = "none: watch; 30s where the server has no watch", .help = "list so often instead of watching"),
    KEY("relistPeriod", DURATION, RESOURCE(relist_ms), .unit = "time", .told = "never", .help = "list again so often although the watch is up"),
    KEY("keepDeleted.for", DURATION, RESOURCE(keep_deleted_ms), .unit = "time", .told = "not at all", .help = "deleted objects can be read for so long"),
    KEY("keepDeleted.objects", NUMBER, RESOURCE(keep_deleted_objects), .unit = "objects", .def = "1000", .min = 1, .max = 1000000, .help = "at most so many of them"),
    KEY("keepDeleted.bytes", BYTES, RESOURCE(keep_deleted_bytes), .unit = "bytes", .def = "16MiB", .min = 4096, .help = "at most so much of them"),

    KEY("budget", BYTES, TOP(budget_bytes), .form = "BYTES", .unit = "bytes", .told = "1GiB, at most 40 % of the memory limit", .min = 8u << 20,
        .help = "memory of a realm's region, e.g. 512MiB"),
    KEY("maxObjectBytes", NUMBER, TOP(max_object_bytes), .form = "BYTES", .unit = "bytes", .def = "2097152", .min = 4096, .max = 16u << 20,
        .help = "larger objects are skipped, named in the log and counted"),
    KEY("pageSize", NUMBER, TOP(page_size), .form = "OBJECTS", .unit = "objects", .def = "0", .help = "of a LIST; 0: 500 where paging is right"),
    KEY("maxLists", NUMBER, TOP(max_lists), .form = "LISTS", .unit = "lists", .def = "2", .min = 1, .max = 64, .help = "under way at a time, streaming ones too"),
    KEY("requestsPerSecond", NUMBER, TOP(requests_per_second), .form = "N", .unit = "requests", .def = "50", .min = 1, .max = 100000, .help = "to the API server, in the long run"),
    KEY("requestBurst", NUMBER, TOP(request_burst), .form = "N", .unit = "requests", .def = "100", .min = 1, .max = 100000, .help = "that may go out at once after a rest"),
    KEY("startSpread", DURATION, TOP(start_spread_ms), .form = "TIME", .unit = "time", .def = "200ms", .help = "first requests wait by chance up to so long"),
    KEY("probeAfter", DURATION, TOP(probe_ms), .form = "TIME", .unit = "time", .def = "90s", .min = 1000, .help = "of silence, ask whether the server was restored from a backup"),
    KEY("maxClients", NUMBER, TOP(max_clients), .form = "CLIENTS", .unit = "clients", .def = "1024", .min = 1, .max = 65536, .help = "attached at a time"),
    KEY("oldGenerations", NUMBER, TOP(old_generations), .form = "GENERATIONS", .unit = "generations", .def = "1", .max = 8,
        .told = "1, or 0 where the memory limit is too small for it", .help = "of a region, that clients may keep beside the current one"),
    KEY("streamingLists", BOOL, TOP(streaming_lists), .def = "true", .help = "use them where the server has them"),
    KEY("hugePages", BOOL, TOP(huge_pages), .def = "true", .help = "collapse the region's memory to large pages, best effort"),
    KEY("socket", STRING, TOP(socket_path), .form = "PATH", .told = "`RUNTIMEDIR/tarn.sock`", .help = "attach socket"),
    KEY("socketGroup", GROUP, TOP(socket_gid), .form = "GROUP", .def = "", .told = "none: everyone may try",
        .help = "only this group may connect to the socket"),
    KEY("runtimeDir", STRING, TOP(runtime_dir), .form = "DIR", .def = "/run/tarn", .help = "lock file and socket"),
    KEY("stateDir", STRING, TOP(state_dir), .form = "DIR", .told = "`$STATE_DIRECTORY`, else no checkpoint",
        .help = "checkpoints, one file for each realm"),
    KEY("checkpoint.interval", DURATION, TOP(checkpoint_interval_ms), .form = "TIME", .def = "60s", .min = 1000, .help = "between checkpoints of a realm"),
    KEY("http.listen", STRING, TOP(http.listen), .form = "ADDRESS", .told = "off",
        .help = "loopback address and port of the HTTP server, e.g. 127.0.0.1:9402; port 0: any"),
    KEY("http.socket", STRING, TOP(http.socket_path), .form = "PATH", .told = "off", .help = "Unix socket of the HTTP server"),
    KEY("http.maxConnections", NUMBER, TOP(http.max_connections), .form = "CONNECTIONS", .unit = "connections", .def = "32", .min = 1, .max = 1024,
        .help = "at a time, on each of the two; others wait"),
    KEY("api.socket", STRING, TOP(api.socket_path), .form = "PATH", .told = "off", .help = "Unix socket of the read API: whom a realm's readers name may read it there"),
    KEY("api.listen", STRING, TOP(api.listen), .form = "ADDRESS", .told = "off",
        .help = "address and port of the read API for callers with a bearer token, e.g. 127.0.0.1:9403; loopback only without a certificate"),
    KEY("api.certFile", STRING, TOP(api.cert_file), .form = "FILE", .told = "none: plain HTTP", .help = "PEM certificate (and chain) of api.listen"),
    KEY("api.keyFile", STRING, TOP(api.key_file), .form = "FILE", .help = "PEM key of the certificate"),
    KEY("api.maxConnections", NUMBER, TOP(api.max_connections), .form = "CONNECTIONS", .unit = "connections", .def = "2048", .min = 1, .max = 65536,
        .help = "at a time, on each of the two; others wait"),
    KEY("api.gzip", BOOL, TOP(api.gzip), .def = "false", .help = "compress long answers for who takes them so: only worth it where the socket is forwarded over a slow link"),
    KEY("api.passThrough", BOOL, TOP(api.pass_through), .def = "false",
        .help = "forward what is not served here (writes, logs, what is not mirrored) to the API server, with the caller's own credentials"),
    KEY("logFormat", WORD, TOP(log_format), .form = "auto|text|json", .def = "auto",
        .help = "form of the log on stderr; auto: fields to the journal where stderr leads there, else text"),
    KEY("logLevel", WORD, TOP(log_level), .form = "debug|info|warn|error", .def = "info", .help = "least level that is logged"),
};
#define NKEYS (sizeof keys / sizeof *keys)

const struct tarn_config_key *tarn_config_key(size_t i)
{
    return i < NKEYS ? &keys[i] : NULL;
}

size_t tarn_config_key_index(const struct tarn_config_key *k)
{
    return (size_t)(k - keys);
}

const struct tarn_config_key *tarn_config_key_find(enum tarn_config_scope scope, const char *path)
{
    for (size_t i = 0; i < NKEYS; i++)
        if (keys[i].scope == scope && strcmp(keys[i].path, path) == 0)
            return &keys[i];
    return NULL;
}

bool tarn_config_is_section(enum tarn_config_scope scope, const char *path)
{
    size_t n = strlen(path);

    for (size_t i = 0; i < NKEYS; i++)
        if (keys[i].scope == scope && strncmp(keys[i].path, path, n) == 0 && keys[i].path[n] == '.')
            return true;
    return false;
}

/* maxObjectBytes -> max-object-bytes, http.listen -> http-listen */
static void kebab(const char *path, char ret[TARN_CONFIG_NAME_BYTES])
{
    size_t n = 0;

    for (; *path && n + 2 < TARN_CONFIG_NAME_BYTES; path++) {
        if (isupper((unsigned char)*path))
            ret[n++] = '-';
        ret[n++] = *path == '.' ? '-' : (char)tolower((unsigned char)*path);
    }
    ret[n] = '\0';
}

bool tarn_config_flag_name(const struct tarn_config_key *k, char ret[TARN_CONFIG_NAME_BYTES])
{
    if (k->scope != TARN_CONFIG_TOP || k->kind == TARN_CONFIG_REALMS)
        return false;
    kebab(k->flag ? k->flag : k->path, ret);
    return true;
}

bool tarn_config_env_name(const struct tarn_config_key *k, char ret[TARN_CONFIG_NAME_BYTES])
{
    char flag[TARN_CONFIG_NAME_BYTES];

    if (!tarn_config_flag_name(k, flag))
        return false;
    (void)snprintf(ret, TARN_CONFIG_NAME_BYTES, "TARN_%.*s", TARN_CONFIG_NAME_BYTES - 6, flag);
    for (char *p = ret; *p; p++)
        *p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
    return true;
}

const char *tarn_config_default_text(const struct tarn_config_key *k)
{
    if (k->told)
        return k->told;
    return k->def ? k->def : "none";
}

const char *tarn_config_from(const char *const *from, enum tarn_config_scope scope, const char *path)
{
    const struct tarn_config_key *k = tarn_config_key_find(scope, path);

    return from && k ? from[k - keys] : NULL;
}

static bool is_list(enum tarn_config_kind kind)
{
    return kind == TARN_CONFIG_STRINGS || kind == TARN_CONFIG_USERS || kind == TARN_CONFIG_GROUPS;
}

int tarn_config_note_from(struct tarn_arena *a, const char **from, const struct tarn_config_key *k, const char *origin)
{
    const char **at = &from[k - keys];

    *at = *at && is_list(k->kind) ? tarn_arena_printf(a, "%s, %s", *at, origin) : origin;
    return *at ? 0 : TARN_E_NOMEM;
}

int tarn_config_defaults(struct tarn_config *c, enum tarn_config_scope scope, void *base, const char ***from)
{
    int rc = 0;

    *from = tarn_arena_alloc(&c->arena, NKEYS * sizeof **from);
    if (!*from)
        return TARN_E_NOMEM;
    for (size_t i = 0; !rc && i < NKEYS; i++)
        if (keys[i].scope == scope && keys[i].def)
            rc = tarn_config_parse(&keys[i], &c->arena, keys[i].def, (char *)base + keys[i].offset, NULL);
    return rc;
}
