/* config.h - everything an operator may say to tarnd: flags over the YAML file over defaults, checked as a whole.
 *
 * The file is described in docs/configuration.md. Unknown keys, wrong types, keys given twice and
 * contradictions are errors that name file:line:column. After tarn_config_load the struct is complete and only
 * read; all strings live in its arena.
 */
#ifndef TARN_AGENT_CONFIG_H
#define TARN_AGENT_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "arena.h"
#include "logger.h"

#define TARN_REALM_DEFAULT "cluster"

struct tarn_ids {
    uint32_t *v;
    unsigned n;
};

/* A realm: resources that share one set of permitted readers, one region each. */
struct tarn_config_realm {
    const char *name;
    uint64_t budget_bytes;    /* 0: the default budget */
    struct tarn_ids uids, gids; /* who may read; the agent's own uid and root always may */
    const char *where;        /* file:line:column for messages, NULL: from a flag or a default */
};

/* What to mirror: one entry of `resources`. */
struct tarn_config_resource {
    const char *name;        /* as written: pods, deployments.apps, po, Deployment ... */
    const char *api_version; /* "v1", "apps/v1"; NULL: what discovery prefers */
    const char *realm;       /* under which it stands; `resources` at the top: the default realm */
    struct tarn_string_list namespaces;  /* none: all; at most 64 */
    const char *label_selector, *field_selector;
    struct tarn_string_list drop, keep, slots, indexes; /* paths; index names as in <tarn/store.h> */
    bool drop_given, indexes_given; /* else the defaults of the agent: managedFields; the indexes of driver.c */
    const char *where;
};

/* How to reach the API server; what is NULL is looked for as api_server.h says. */
struct tarn_config_server {
    const char *url, *kubeconfig, *context;
    const char *ca_file, *cert_file, *key_file, *token_file, *tls_server_name, *proxy_url;
    bool insecure, gzip;
};

struct tarn_config {
    struct tarn_config_server server;
    struct tarn_config_realm *realms;
    unsigned nrealms;
    struct tarn_config_resource *resources;
    unsigned nresources;
    const char *socket_path, *runtime_dir;
    uint64_t budget_bytes; /* of a realm that names none */
    uint32_t max_object_bytes, page_size, max_clients;
    bool streaming_lists, huge_pages;
    enum tarn_log_format log_format;
    enum tarn_log_level log_level;
    /* what to do instead of running */
    bool check_only, print_only, help_only, version_only;
    const char *file; /* the YAML file, NULL: none */
    struct tarn_arena arena;
};

/*
 * Read argv and the file it names, fill in defaults and check everything. Release c in every case.
 * 0, TARN_E_CONFIG (err says where and what), TARN_E_IO or TARN_E_NOMEM.
 */
int tarn_config_load(struct tarn_config *c, int argc, char *const *argv, struct tarn_error *err);
void tarn_config_release(struct tarn_config *c);

/* Append the effective configuration as YAML that gives the same configuration again. Holds no credentials, only file names. */
int tarn_config_print(const struct tarn_config *c, struct tarn_buf *out);
/* Append the text of --help. */
int tarn_config_help(struct tarn_buf *out);

/* The realm of that name, or NULL. */
struct tarn_config_realm *tarn_config_realm(const struct tarn_config *c, const char *name);

/* ---- parts of config.c, each in a file of its own -------------------------------------------- */

/* config_file.c: read the YAML file at path into c, over what is there. */
int tarn_config_read_file(struct tarn_config *c, const char *path, struct tarn_error *err);
/* config_check.c: fill defaults and check what the parts say together. */
int tarn_config_check(struct tarn_config *c, struct tarn_error *err);
/* Append a resource entry of that name with the defaults; NULL when memory is out. */
struct tarn_config_resource *tarn_config_add_resource(struct tarn_config *c, const char *name);
/* Append a realm with the defaults; NULL when memory is out. */
struct tarn_config_realm *tarn_config_add_realm(struct tarn_config *c, const char *name);

/* Bytes of memory this process may use: the cgroup's limit, or the machine's memory if that is less. */
uint64_t tarn_memory_limit(void);

#endif
