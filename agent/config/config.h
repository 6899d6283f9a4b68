/* config.h - everything an operator may say to tarnd: flags over environment over files over defaults, checked as a whole.
 *
 * Each key is one row of the table in config_keys.c; docs/configuration.md describes them for people. Unknown keys,
 * wrong types, keys given twice and contradictions are errors that name file:line:column (or the flag or variable). After
 * tarn_config_load the struct is complete and only read; all strings live in its arena.
 */
#ifndef TARN_AGENT_CONFIG_H
#define TARN_AGENT_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "arena.h"
#include "logger.h"

#define TARN_REALM_DEFAULT "cluster"
#define TARN_CONFIG_FILE "/etc/tarn/tarn.yaml"

struct tarn_ids {
    uint32_t *v;
    unsigned n;
};

/* A realm: resources that share one set of permitted readers, one region each. */
struct tarn_config_realm {
    const char *name;
    uint64_t budget_bytes;    /* 0: the default budget */
    bool checkpoint;          /* save it, unless it holds Secrets */
    struct tarn_ids uids, gids; /* who may read; the agent's own uid and root always may */
    const char *where;        /* file:line:column for messages, NULL: from a flag or a default */
    const char **from;        /* by key, see tarn_config_from */
};

/* What to mirror: one entry of `resources`. */
struct tarn_config_resource {
    const char *name;        /* as written: pods, deployments.apps, po, Deployment ... */
    const char *api_version; /* "v1", "apps/v1"; NULL: what discovery prefers */
    const char *realm;       /* under which it stands; `resources` at the top: the default realm */
    struct tarn_string_list namespaces;  /* none: all; at most 64 */
    const char *label_selector, *field_selector;
    struct tarn_string_list drop, keep, slots, indexes; /* paths; index names as in <tarn/store.h> */
    bool metadata_only;       /* ask the server for metadata alone (PartialObjectMetadata) */
    uint32_t poll_ms;         /* list so often instead of watching; 0: watch, poll only what cannot be watched */
    uint32_t relist_ms;       /* list again so often although the watch is up; 0: never */
    uint32_t keep_deleted_ms; /* deleted objects can be read for so long; 0: not at all */
    uint32_t keep_deleted_objects; /* at most so many, and so many bytes of them */
    uint64_t keep_deleted_bytes;
    bool drop_given, indexes_given; /* else the defaults of the agent: managedFields; the indexes of driver.c */
    const char *where;
    const char **from;
};

/* How to reach the API server; what is NULL is looked for as api_server.h says. */
struct tarn_config_server {
    const char *url, *kubeconfig, *context;
    const char *ca_file, *cert_file, *key_file, *token_file, *tls_server_name, *proxy_url;
    bool insecure, gzip, http2;
    uint32_t exec_timeout_s; /* of an exec plugin's run; 0: the default */
};

/* The HTTP server of http_server.h; off without an address. */
struct tarn_config_http {
    const char *listen, *socket_path;
    uint32_t max_connections; /* on each of the two */
};

/* The read API of api.h; off without an address. */
struct tarn_config_api {
    const char *listen, *socket_path;
    const char *cert_file, *key_file; /* of the TCP listener; NULL: plain HTTP, on a loopback address alone */
    uint32_t max_connections;         /* on each of the two */
    bool gzip, pass_through;
};

struct tarn_config {
    struct tarn_config_server server;
    struct tarn_config_realm *realms;
    unsigned nrealms;
    struct tarn_config_resource *resources;
    unsigned nresources;
    struct tarn_config_http http;
    struct tarn_config_api api;
    const char *socket_path, *runtime_dir;
    const char *state_dir;            /* NULL: no checkpoints */
    uint32_t checkpoint_interval_ms;
    int64_t socket_gid;    /* who may connect to the socket; -1: everyone may try */
    uint64_t budget_bytes; /* of a realm that names none */
    uint32_t max_object_bytes, page_size, max_clients;
    uint32_t max_lists, requests_per_second, request_burst; /* what the API server is spared */
    uint32_t start_spread_ms; /* the first request of each resource waits by chance up to so long */
    uint32_t probe_ms;        /* a silent watch is doubted after so long (docs/reflector.md) */
    uint32_t old_generations; /* of a realm's region, that clients may keep beside the current one */
    bool streaming_lists, huge_pages;
    enum tarn_log_format log_format;
    enum tarn_log_level log_level;
    /* what to do instead of running */
    bool check_only, print_only, help_only, version_only;
    const char *file;     /* the YAML file, NULL: none */
    const char *conf_dir; /* of the snippets laid over it, NULL: none */
    const char **from;    /* by key, see tarn_config_from */
    struct tarn_arena arena;
};

/*
 * Read argv, the environment and the files, fill in defaults and check everything. Release c in every case.
 * 0, TARN_E_CONFIG (err says where and what), TARN_E_IO or TARN_E_NOMEM.
 */
int tarn_config_load(struct tarn_config *c, int argc, char *const *argv, struct tarn_error *err);
void tarn_config_release(struct tarn_config *c);

/*
 * Append the effective configuration as YAML that gives the same configuration again, each value with a comment
 * that tells where it came from. Holds no credentials, only file names.
 */
int tarn_config_print(const struct tarn_config *c, struct tarn_buf *out);
/* Append what may come next behind the words of a command line, for the shells: config_complete.c. argv: all behind "tarnd __complete". */
int tarn_config_complete(int argc, char *const *argv, struct tarn_buf *out);
/* Append the text of --help. */
int tarn_config_help(struct tarn_buf *out);

/* The realm of that name, or NULL. */
struct tarn_config_realm *tarn_config_realm(const struct tarn_config *c, const char *name);

/* Bytes of memory this process may use: the cgroup's limit, or the machine's memory if that is less. */
uint64_t tarn_memory_limit(void);

#endif
