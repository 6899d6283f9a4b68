/* config.c - flags and environment, and the order in which the sources of configuration are laid over each other:
 * defaults, the file, its snippets, the environment, flags.
 */
#include "config.h"
#include "config_keys.h"
#include "suggest.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct tarn_config_action actions[] = {
    {"config", offsetof(struct tarn_config, file), "FILE", "YAML file; default $TARN_CONFIG, else for users ~/.config/tarn/tarn.yaml, else " TARN_CONFIG_FILE},
    {"conf-dir", offsetof(struct tarn_config, conf_dir), "DIR", "snippets (*.yaml, by name) over the file; default $TARN_CONF_DIR, else conf.d beside the file"},
    {"check-config", offsetof(struct tarn_config, check_only), NULL, "check the configuration and exit"},
    {"print-config", offsetof(struct tarn_config, print_only), NULL, "print the effective configuration and exit"},
    {"version", offsetof(struct tarn_config, version_only), NULL, "print the version and exit"},
    {"help", offsetof(struct tarn_config, help_only), NULL, "print this and exit"},
};
#define NACTIONS (sizeof actions / sizeof *actions)
#define FLAGS_MAX 128

/* ---- entries ---------------------------------------------------------------------------------- */

struct tarn_config_resource *tarn_config_add_resource(struct tarn_config *c, const char *name)
{
    struct tarn_config_resource *v = tarn_arena_alloc(&c->arena, (c->nresources + 1) * sizeof *v);

    if (!v)
        return NULL;
    if (c->nresources)
        memcpy(v, c->resources, c->nresources * sizeof *v);
    c->resources = v;
    v[c->nresources] = (struct tarn_config_resource){.name = name, .realm = TARN_REALM_DEFAULT};
    if (tarn_config_defaults(c, TARN_CONFIG_RESOURCE, &v[c->nresources], &v[c->nresources].from))
        return NULL;
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
    if (tarn_config_defaults(c, TARN_CONFIG_REALM, &v[c->nrealms], &v[c->nrealms].from))
        return NULL;
    return &v[c->nrealms++];
}

struct tarn_config_realm *tarn_config_realm(const struct tarn_config *c, const char *name)
{
    for (unsigned i = 0; i < c->nrealms; i++)
        if (strcmp(c->realms[i].name, name) == 0)
            return &c->realms[i];
    return NULL;
}

/* ---- one value ----------------------------------------------------------------------------------- */

/* One more, unless the files have it already. */
static int add_resource(struct tarn_config *c, const char *name, const char *origin, struct tarn_error *err)
{
    struct tarn_config_resource *r;

    if (!*name)
        return tarn_error_set(err, TARN_E_CONFIG, "%s: must not be empty", origin);
    for (unsigned i = 0; i < c->nresources; i++)
        if (strcmp(c->resources[i].name, name) == 0)
            return 0;
    r = tarn_config_add_resource(c, name);
    if (!r || tarn_config_note_from(&c->arena, r->from, tarn_config_key_find(TARN_CONFIG_RESOURCE, "name"), origin))
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    return 0;
}

/* "pods,nodes" */
static int add_resources(struct tarn_config *c, const char *names, const char *origin, struct tarn_error *err)
{
    int rc = 0;

    do {
        size_t n = strcspn(names, ",");
        char *name = tarn_arena_copy(&c->arena, (struct tarn_bytes){.data = names, .len = n});

        rc = name ? add_resource(c, name, origin, err) : tarn_error_set(err, TARN_E_NOMEM, "out of memory");
        names += n + (names[n] == ',');
    } while (!rc && *names);
    return rc;
}

/* From a flag or a variable. */
static int set_key(struct tarn_config *c, const struct tarn_config_key *k, const char *text, const char *origin, struct tarn_error *err)
{
    struct tarn_error why = {0};
    int rc;

    if (k->kind == TARN_CONFIG_RESOURCES)
        return add_resources(c, text, origin, err);
    rc = tarn_config_parse(k, &c->arena, text, (char *)c + k->offset, &why);
    if (!rc)
        rc = tarn_config_note_from(&c->arena, c->from, k, origin);
    return rc == TARN_E_NOMEM ? tarn_error_set(err, rc, "out of memory") : rc ? tarn_error_set(err, rc, "%s: %s", origin, why.message) : 0;
}

/* ---- flags ------------------------------------------------------------------------------------------ */

/* getopt's table: actions first, then the keys; val is 1 + the index of either. */
struct flags {
    struct option options[FLAGS_MAX + 1];
    const struct tarn_config_key *keys[FLAGS_MAX];
    char names[FLAGS_MAX][TARN_CONFIG_NAME_BYTES];
};

static void make_flags(struct flags *f)
{
    const struct tarn_config_key *k;
    size_t n = 0;

    memset(f, 0, sizeof *f);
    for (; n < NACTIONS; n++)
        f->options[n] = (struct option){.name = actions[n].name, .has_arg = actions[n].arg ? required_argument : no_argument, .val = (int)n + 1};
    for (size_t i = 0; (k = tarn_config_key(i)) && n < FLAGS_MAX; i++) {
        if (!tarn_config_flag_name(k, f->names[n]))
            continue;
        f->keys[n] = k;
        f->options[n] = (struct option){
            .name = f->names[n], .has_arg = k->kind == TARN_CONFIG_BOOL ? optional_argument : required_argument, .val = (int)n + 1};
        n++;
    }
}

static int take_action(struct tarn_config *c, const struct tarn_config_action *a, struct tarn_error *err)
{
    void *at = (char *)c + a->offset;

    if (!a->arg)
        *(bool *)at = true;
    else if (*optarg)
        *(const char **)at = optarg;
    else
        return tarn_error_set(err, TARN_E_CONFIG, "--%s: must not be empty", a->name);
    return 0;
}

static int take_flag(struct tarn_config *c, const struct flags *f, int i, bool only_actions, struct tarn_error *err)
{
    const char *origin;

    if (!f->keys[i])
        return only_actions ? take_action(c, &actions[i], err) : 0;
    if (only_actions)
        return 0;
    origin = tarn_arena_printf(&c->arena, "--%s", f->names[i]);
    return origin ? set_key(c, f->keys[i], optarg ? optarg : "true", origin, err) : tarn_error_set(err, TARN_E_NOMEM, "out of memory");
}

static int unknown_flag(const struct flags *f, const char *arg, struct tarn_error *err)
{
    char word[TARN_CONFIG_NAME_BYTES];
    struct tarn_suggest s = {.word = word};

    (void)snprintf(word, sizeof word, "%.*s", (int)strcspn(arg + strspn(arg, "-"), "="), arg + strspn(arg, "-"));
    for (const struct option *o = f->options; o->name; o++)
        tarn_suggest_offer(&s, o->name);
    return s.best ? tarn_error_set(err, TARN_E_CONFIG, "unknown flag %s; did you mean --%s?", arg, s.best)
                  : tarn_error_set(err, TARN_E_CONFIG, "unknown flag %s; tarnd --help lists them", arg);
}

/* Walk argv: the actions only, which say where the files are, or the keys only, which win over all else. */
static int read_flags(struct tarn_config *c, int argc, char *const *argv, bool only_actions, struct tarn_error *err)
{
    struct flags f;
    int v, rc = 0;

    make_flags(&f);
    optind = 0; /* GNU: start over, also inside the arguments of an earlier walk */
    while (!rc && (v = getopt_long(argc, argv, ":", f.options, NULL)) != -1) {
        if (v == '?')
            rc = unknown_flag(&f, argv[optind - 1], err);
        else if (v == ':')
            rc = tarn_error_set(err, TARN_E_CONFIG, "flag %s needs a value", argv[optind - 1]);
        else
            rc = take_flag(c, &f, v - 1, only_actions, err);
    }
    if (!rc && optind < argc)
        rc = tarn_error_set(err, TARN_E_CONFIG, "unexpected argument '%s'; tarnd takes only flags", argv[optind]);
    return rc;
}

/* ---- environment ---------------------------------------------------------------------------------------- */

/* Variables that begin with TARN_ and are no keys: where the files are, and libtarn's own (client.h), which may be set for who reads on this host. */
static const char *const other_variables[] = {"TARN_CONFIG", "TARN_CONF_DIR", "TARN_REALM", "TARN_COPY"};
#define NOTHER (sizeof other_variables / sizeof *other_variables)
#define PREFIX "TARN_"
#define PREFIX_BYTES (sizeof PREFIX - 1)

static bool is_name_of(const char *variable, const char *name)
{
    size_t n = strlen(name);

    return strncmp(variable, name, n) == 0 && variable[n] == '=';
}

/* What a pod gets of the services in its namespace: one that is named tarn-web gives it TARN_WEB_SERVICE_HOST, TARN_WEB_PORT=tcp://...,
 * TARN_WEB_PORT_80_TCP_ADDR ... Source: the kubelet's environment variables of services. */
static bool is_of_a_service(const char *variable)
{
    const char *port = strstr(variable, "_PORT");

    return strstr(variable, "_SERVICE_HOST=") || strstr(variable, "_SERVICE_PORT") ||
           (port && (strncmp(port, "_PORT=tcp://", 12) == 0 || strncmp(port, "_PORT=udp://", 12) == 0 || (port[5] == '_' && port[6] >= '0' && port[6] <= '9')));
}

static bool is_known_variable(const char *variable)
{
    char name[TARN_CONFIG_NAME_BYTES];
    const struct tarn_config_key *k;

    for (size_t i = 0; i < NOTHER; i++)
        if (is_name_of(variable, other_variables[i]))
            return true;
    for (size_t i = 0; (k = tarn_config_key(i)); i++)
        if (tarn_config_env_name(k, name) && is_name_of(variable, name))
            return true;
    return is_of_a_service(variable);
}

/* What they have in common is no likeness: it is left out of the comparison. */
static int unknown_variable(const char *variable, struct tarn_error *err)
{
    char word[TARN_CONFIG_NAME_BYTES], name[TARN_CONFIG_NAME_BYTES], best[TARN_CONFIG_NAME_BYTES];
    struct tarn_suggest s = {.word = word};
    const struct tarn_config_key *k;

    (void)snprintf(word, sizeof word, "%.*s", (int)strcspn(variable + PREFIX_BYTES, "="), variable + PREFIX_BYTES);
    for (size_t i = 0; i < NOTHER; i++)
        tarn_suggest_offer(&s, other_variables[i] + PREFIX_BYTES);
    for (size_t i = 0; (k = tarn_config_key(i)); i++) {
        if (!tarn_config_env_name(k, name))
            continue;
        tarn_suggest_offer(&s, name + PREFIX_BYTES);
        if (s.best == name + PREFIX_BYTES)
            s.best = strcpy(best, name + PREFIX_BYTES);
    }
    return s.best ? tarn_error_set(err, TARN_E_CONFIG, "unknown environment variable $" PREFIX "%s; did you mean $" PREFIX "%s?", word, s.best)
                  : tarn_error_set(err, TARN_E_CONFIG,
                                   "unknown environment variable $" PREFIX "%s: what begins with " PREFIX " is tarn's own; tarnd --help lists the flags, each of which has a variable",
                                   word);
}

/* One that is set to nothing is not set. */
static int check_variables(struct tarn_error *err)
{
    for (char **v = environ; *v; v++) {
        const char *value = strchr(*v, '=');

        if (strncmp(*v, PREFIX, PREFIX_BYTES) == 0 && value && value[1] && !is_known_variable(*v))
            return unknown_variable(*v, err);
    }
    return 0;
}

static int read_environment(struct tarn_config *c, struct tarn_error *err)
{
    const struct tarn_config_key *k;
    char name[TARN_CONFIG_NAME_BYTES];
    int rc = check_variables(err);

    for (size_t i = 0; !rc && (k = tarn_config_key(i)); i++) {
        const char *value = tarn_config_env_name(k, name) ? getenv(name) : NULL, *origin;

        if (!value || !*value)
            continue;
        origin = tarn_arena_printf(&c->arena, "$%s", name);
        rc = origin ? set_key(c, k, value, origin, err) : tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    }
    return rc;
}

/* ---- files --------------------------------------------------------------------------------------------------- */

static const char *environment(const char *name)
{
    const char *v = getenv(name);

    return v && *v ? v : NULL;
}

/* Of a user who is not root: $XDG_CONFIG_HOME/tarn/tarn.yaml, if it is there. */
static const char *user_file(struct tarn_arena *a)
{
    const char *xdg = environment("XDG_CONFIG_HOME"), *home = environment("HOME"), *path;

    if (geteuid() == 0 || (!xdg && !home))
        return NULL;
    path = xdg ? tarn_arena_printf(a, "%s/tarn/tarn.yaml", xdg) : tarn_arena_printf(a, "%s/.config/tarn/tarn.yaml", home);
    return path && access(path, F_OK) == 0 ? path : NULL;
}

/* A file that is named must be there; one of the default places may be. The snippets' directory lies beside it. */
static int find_files(struct tarn_config *c, struct tarn_error *err)
{
    const char *beside, *slash;

    if (!c->file)
        c->file = environment("TARN_CONFIG");
    if (!c->file)
        c->file = user_file(&c->arena);
    beside = c->file ? c->file : TARN_CONFIG_FILE;
    if (!c->file && access(TARN_CONFIG_FILE, F_OK) == 0)
        c->file = TARN_CONFIG_FILE;
    if (!c->conf_dir)
        c->conf_dir = environment("TARN_CONF_DIR");
    if (c->conf_dir)
        return access(c->conf_dir, F_OK) == 0 ? 0 : tarn_error_set(err, TARN_E_IO, "cannot read %s: no such directory", c->conf_dir);
    slash = strrchr(beside, '/');
    c->conf_dir = slash ? tarn_arena_printf(&c->arena, "%.*s/conf.d", (int)(slash - beside), beside) : "conf.d";
    return c->conf_dir ? 0 : tarn_error_set(err, TARN_E_NOMEM, "out of memory");
}

static int read_files(struct tarn_config *c, struct tarn_error *err)
{
    int rc = find_files(c, err);

    if (!rc && c->file)
        rc = tarn_config_read_file(c, c->file, err);
    if (!rc)
        rc = tarn_config_read_dir(c, c->conf_dir, err);
    if (access(c->conf_dir ? c->conf_dir : "", F_OK) < 0)
        c->conf_dir = NULL;
    return rc;
}

/* ---- all ------------------------------------------------------------------------------------------------------- */

int tarn_config_load(struct tarn_config *c, int argc, char *const *argv, struct tarn_error *err)
{
    int rc;

    *c = (struct tarn_config){0};
    if (tarn_config_defaults(c, TARN_CONFIG_TOP, c, &c->from))
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    rc = read_flags(c, argc, argv, true, err);
    if (rc || c->help_only || c->version_only)
        return rc;
    rc = read_files(c, err);
    if (!rc)
        rc = read_environment(c, err);
    if (!rc)
        rc = read_flags(c, argc, argv, false, err);
    return rc ? rc : tarn_config_check(c, err);
}

void tarn_config_release(struct tarn_config *c)
{
    tarn_arena_release(&c->arena);
}

int tarn_config_complete(int argc, char *const *argv, struct tarn_buf *out)
{
    return tarn_config_offer(actions, NACTIONS, argc, argv, out);
}

/* ---- help -------------------------------------------------------------------------------------------------------- */

static int help_line(struct tarn_buf *out, const char *name, const char *arg, const char *help, const char *def)
{
    char left[80];
    int rc;

    (void)snprintf(left, sizeof left, "--%s%s%s", name, arg ? " " : "", arg ? arg : "");
    rc = tarn_buf_addf(out, "  %-34s %s%s", left, help, def ? "; default " : "\n");
    for (; !rc && def && *def; def++) /* written for documentation: without its marks */
        rc = *def == '`' ? 0 : tarn_buf_add(out, def, 1);
    return rc || !def ? rc : tarn_buf_adds(out, "\n");
}

static int help_key(struct tarn_buf *out, const struct tarn_config_key *k)
{
    char name[TARN_CONFIG_NAME_BYTES];
    const char *form = k->kind == TARN_CONFIG_BOOL ? "[=true|false]" : k->form;

    if (!tarn_config_flag_name(k, name))
        return 0;
    if (k->kind == TARN_CONFIG_BOOL) /* getopt takes an optional value only with = */
        (void)strncat(name, form, sizeof name - strlen(name) - 1);
    return help_line(out, name, k->kind == TARN_CONFIG_BOOL ? NULL : form, k->help, k->def && *k->def ? k->def : k->told);
}

int tarn_config_help(struct tarn_buf *out)
{
    const struct tarn_config_key *k;
    int rc = tarn_buf_adds(out, "usage: tarnd [FLAGS]\n"
                                "Mirrors a Kubernetes cluster's state into shared memory for every process on this host.\n\n"
                                "FLAGS WIN OVER THE ENVIRONMENT, THE ENVIRONMENT OVER conf.d SNIPPETS, SNIPPETS OVER THE FILE, THE FILE OVER DEFAULTS.\n"
                                "Each flag --a-b below is also the variable TARN_A_B. tarnd --print-config shows what came from where.\n\n");

    for (size_t i = 0; !rc && i < NACTIONS; i++)
        rc = help_line(out, actions[i].name, actions[i].arg, actions[i].help, NULL);
    rc = rc ? rc : tarn_buf_adds(out, "\n");
    for (size_t i = 0; !rc && (k = tarn_config_key(i)); i++)
        rc = help_key(out, k);
    return rc ? rc
              : tarn_buf_adds(out, "\nSIGTERM and SIGINT stop it; SIGHUP reads configuration, token and certificates again; SIGUSR1 saves checkpoints.\n"
                                   "Exit codes: 0 stopped, or done; 1 cannot run (a file, the runtime directory, the socket, memory); 2 wrong flags or configuration.\n");
}
