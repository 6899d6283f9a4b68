/* config.c - the flags, and the order in which the sources of configuration are laid over each other. */
#include "config.h"
#include "yaml_file.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum flag_kind { FLAG_STRING, FLAG_BOOL, FLAG_BYTES, FLAG_RESOURCE, FLAG_FORMAT, FLAG_LEVEL };

#define AT(member) offsetof(struct tarn_config, member)

static const struct flag {
    const char *name;
    enum flag_kind kind;
    size_t offset;
    const char *arg, *help;
} flags[] = {
    {"config", FLAG_STRING, AT(file), "FILE", "YAML configuration; flags win over it"},
    {"server", FLAG_STRING, AT(server.url), "URL", "API server, e.g. https://10.0.0.1:6443"},
    {"kubeconfig", FLAG_STRING, AT(server.kubeconfig), "FILE", "kubeconfig; without --server and this: $KUBECONFIG, in-cluster, ~/.kube/config"},
    {"context", FLAG_STRING, AT(server.context), "NAME", "context of the kubeconfig; default: its current-context"},
    {"resource", FLAG_RESOURCE, 0, "NAME", "mirror this resource in realm cluster; may be repeated"},
    {"socket", FLAG_STRING, AT(socket_path), "PATH", "attach socket; default $TARN_SOCKET, else RUNTIME-DIR/tarn.sock"},
    {"runtime-dir", FLAG_STRING, AT(runtime_dir), "DIR", "lock file and socket; default /run/tarn"},
    {"budget", FLAG_BYTES, AT(budget_bytes), "BYTES", "memory of a realm's region, e.g. 512MiB; default 1GiB, at most 40 % of what there is"},
    {"token-file", FLAG_STRING, AT(server.token_file), "FILE", "bearer token, read again as it changes"},
    {"ca-file", FLAG_STRING, AT(server.ca_file), "FILE", "PEM certificates that may sign the server's"},
    {"cert-file", FLAG_STRING, AT(server.cert_file), "FILE", "PEM client certificate"},
    {"key-file", FLAG_STRING, AT(server.key_file), "FILE", "PEM key of the client certificate"},
    {"tls-server-name", FLAG_STRING, AT(server.tls_server_name), "NAME", "name expected in the server's certificate"},
    {"insecure-skip-tls-verify", FLAG_BOOL, AT(server.insecure), NULL, "do not check the server's certificate"},
    {"log-format", FLAG_FORMAT, AT(log_format), "text|json", "form of the log on stderr; default text"},
    {"log-level", FLAG_LEVEL, AT(log_level), "debug|info|warn|error", "least level that is logged; default info"},
    {"check-config", FLAG_BOOL, AT(check_only), NULL, "check the configuration and exit"},
    {"print-config", FLAG_BOOL, AT(print_only), NULL, "print the effective configuration and exit"},
    {"version", FLAG_BOOL, AT(version_only), NULL, "print the version and exit"},
    {"help", FLAG_BOOL, AT(help_only), NULL, "print this and exit"},
};
#define NFLAGS (sizeof flags / sizeof *flags)

struct tarn_config_resource *tarn_config_add_resource(struct tarn_config *c, const char *name)
{
    struct tarn_config_resource *v = tarn_arena_alloc(&c->arena, (c->nresources + 1) * sizeof *v);

    if (!v)
        return NULL;
    if (c->nresources)
        memcpy(v, c->resources, c->nresources * sizeof *v);
    c->resources = v;
    v[c->nresources] = (struct tarn_config_resource){.name = name, .realm = TARN_REALM_DEFAULT};
    return &v[c->nresources++];
}

struct tarn_config_realm *tarn_config_add_realm(struct tarn_config *c, const char *name)
{
    struct tarn_config_realm *v = tarn_arena_alloc(&c->arena, (c->nrealms + 1) * sizeof *v);

    if (!v)
        return NULL;
    if (c->nrealms)
        memcpy(v, c->realms, c->nrealms * sizeof *v);
    c->realms = v;
    v[c->nrealms] = (struct tarn_config_realm){.name = name};
    return &v[c->nrealms++];
}

struct tarn_config_realm *tarn_config_realm(const struct tarn_config *c, const char *name)
{
    for (unsigned i = 0; i < c->nrealms; i++)
        if (strcmp(c->realms[i].name, name) == 0)
            return &c->realms[i];
    return NULL;
}

/* The index of text in names, or -1. */
static int word_of(const char *text, const char *const *names, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    return -1;
}

static int set_word(const struct flag *f, void *at, const char *text, struct tarn_error *err)
{
    static const char *const formats[] = {"text", "json"}, *const levels[] = {"debug", "info", "warn", "error"};
    int i = f->kind == FLAG_FORMAT ? word_of(text, formats, 2) : word_of(text, levels, 4);

    if (i < 0)
        return tarn_error_set(err, TARN_E_CONFIG, "--%s %s: must be one of %s", f->name, text, f->arg);
    if (f->kind == FLAG_FORMAT)
        *(enum tarn_log_format *)at = (enum tarn_log_format)i;
    else
        *(enum tarn_log_level *)at = (enum tarn_log_level)i;
    return 0;
}

/* --resource: one more, unless the file has it already. */
static int set_resource(struct tarn_config *c, const char *name, struct tarn_error *err)
{
    for (unsigned i = 0; i < c->nresources; i++)
        if (strcmp(c->resources[i].name, name) == 0)
            return 0;
    return tarn_config_add_resource(c, name) ? 0 : tarn_error_set(err, TARN_E_NOMEM, "out of memory");
}

static int set_flag(struct tarn_config *c, const struct flag *f, const char *text, struct tarn_error *err)
{
    void *at = (char *)c + f->offset;

    switch (f->kind) {
    case FLAG_STRING:
        *(const char **)at = text;
        return *text ? 0 : tarn_error_set(err, TARN_E_CONFIG, "--%s: must not be empty", f->name);
    case FLAG_BOOL:
        *(bool *)at = true;
        return 0;
    case FLAG_BYTES:
        return tarn_parse_bytes(text, at) ? 0
                                          : tarn_error_set(err, TARN_E_CONFIG, "--%s %s: expected a size such as 268435456, 256MiB or 1GiB", f->name, text);
    case FLAG_RESOURCE:
        return set_resource(c, text, err);
    default:
        return set_word(f, at, text, err);
    }
}

static void make_options(struct option *o)
{
    for (size_t i = 0; i < NFLAGS; i++)
        o[i] = (struct option){.name = flags[i].name, .has_arg = flags[i].arg ? required_argument : no_argument, .val = (int)i + 1};
    o[NFLAGS] = (struct option){0};
}

/* Walk argv; with only_file set take just --config, so that the file comes under the flags. */
static int read_flags(struct tarn_config *c, int argc, char *const *argv, bool only_file, struct tarn_error *err)
{
    struct option options[NFLAGS + 1];
    int v, rc = 0;

    make_options(options);
    optind = 0; /* GNU: start over, also inside the arguments of an earlier walk */
    while (!rc && (v = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (v == '?')
            rc = tarn_error_set(err, TARN_E_CONFIG, "unknown flag %s; tarnd --help lists them", argv[optind - 1]);
        else if (v == ':')
            rc = tarn_error_set(err, TARN_E_CONFIG, "flag %s needs a value", argv[optind - 1]);
        else if (!only_file || v == 1)
            rc = set_flag(c, &flags[v - 1], optarg, err);
    }
    if (!rc && optind < argc)
        rc = tarn_error_set(err, TARN_E_CONFIG, "unexpected argument '%s'; tarnd takes only flags", argv[optind]);
    return rc;
}

int tarn_config_load(struct tarn_config *c, int argc, char *const *argv, struct tarn_error *err)
{
    int rc;

    *c = (struct tarn_config){.log_level = TARN_LOG_INFO, .streaming_lists = true, .huge_pages = true};
    rc = read_flags(c, argc, argv, true, err);
    if (!rc && c->file)
        rc = tarn_config_read_file(c, c->file, err);
    if (!rc)
        rc = read_flags(c, argc, argv, false, err);
    if (!rc && !c->help_only && !c->version_only)
        rc = tarn_config_check(c, err);
    return rc;
}

void tarn_config_release(struct tarn_config *c)
{
    tarn_arena_release(&c->arena);
}

int tarn_config_help(struct tarn_buf *out)
{
    int rc = tarn_buf_adds(out, "usage: tarnd [FLAGS]\nMirrors a Kubernetes cluster's state into shared memory for every process on this host.\n\n");

    for (size_t i = 0; !rc && i < NFLAGS; i++) {
        char left[64];

        (void)snprintf(left, sizeof left, "--%s %s", flags[i].name, flags[i].arg ? flags[i].arg : "");
        rc = tarn_buf_addf(out, "  %-34s %s\n", left, flags[i].help);
    }
    if (!rc)
        rc = tarn_buf_adds(out, "\nSIGTERM and SIGINT stop it; SIGHUP reads token and certificates again.\n"
                                "Exit codes: 0 stopped, or done; 1 cannot run (a file, the runtime directory, the socket, memory); 2 wrong flags or configuration.\n");
    return rc;
}
