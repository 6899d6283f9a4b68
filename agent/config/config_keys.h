/* config_keys.h - the table of all configuration keys, and what the parts of config*.c share.
 *
 * One row says all there is to say about a key: its path in the file, the member it fills, how its value is written,
 * default and unit (as docs/configuration.md has them: tests/agent/test_config.c compares), flag and meaning. From the row come
 * the YAML key, the flag (--log-level), the environment variable (TARN_LOG_LEVEL), --print-config and --help. A new key is a
 * member, a row and a line in the documentation.
 */
#ifndef TARN_AGENT_CONFIG_KEYS_H
#define TARN_AGENT_CONFIG_KEYS_H

#include "config.h"
#include "yaml_file.h"

/* Where a key stands, which is also the struct that `offset` counts in. */
enum tarn_config_scope {
    TARN_CONFIG_TOP,      /* the file's root: struct tarn_config */
    TARN_CONFIG_REALM,    /* an entry of `realms`: struct tarn_config_realm */
    TARN_CONFIG_RESOURCE, /* an entry of `resources`: struct tarn_config_resource */
};

/* How a value is written, and the C type of the member. */
enum tarn_config_kind {
    TARN_CONFIG_STRING,    /* const char * */
    TARN_CONFIG_BOOL,      /* bool: true or false */
    TARN_CONFIG_NUMBER,    /* uint32_t */
    TARN_CONFIG_BYTES,     /* uint64_t: 268435456, 256MiB */
    TARN_CONFIG_DURATION,  /* uint32_t, ms: 500ms, 30s, 5m, 1h */
    TARN_CONFIG_WORD,      /* int (an enum): the index in `form`, "text|json" */
    TARN_CONFIG_GROUP,     /* int64_t: a group's name or number, -1: none */
    TARN_CONFIG_STRINGS,   /* struct tarn_string_list */
    TARN_CONFIG_USERS,     /* struct tarn_ids: names or numbers */
    TARN_CONFIG_GROUPS,    /* struct tarn_ids */
    TARN_CONFIG_RESOURCES, /* entries of config->resources; has no member */
    TARN_CONFIG_REALMS,    /* entries of config->realms; has no member */
};

struct tarn_config_key {
    const char *path; /* inside its scope; "server.url" stands in the map `server` */
    enum tarn_config_scope scope;
    enum tarn_config_kind kind;
    size_t offset;
    const char *form;  /* what a flag's value is called (URL, FILE); of a word: all words */
    const char *def;   /* the default as one would write it; NULL: the member's zero, or config_check.c computes it */
    const char *told;  /* the default as documentation tells it, where def does not say it; NULL: def, or "none" */
    const char *unit;  /* NULL: none */
    uint64_t min, max; /* of numbers, sizes and durations (ms); max 0: no bound but the type's */
    bool expand;       /* of texts: `$(NAME)` of the environment is put in */
    const char *flag;  /* NULL: the path with - for dots and capitals. Only keys at the top have flags */
    const char *help;
};

/* Row i, NULL behind the last. */
const struct tarn_config_key *tarn_config_key(size_t i);
/* The row of that scope and path, or NULL. */
const struct tarn_config_key *tarn_config_key_find(enum tarn_config_scope scope, const char *path);
/* Is there a map of that path, i.e. keys inside it? */
bool tarn_config_is_section(enum tarn_config_scope scope, const char *path);
/* The index of the row; where its origin stands in `from`. */
size_t tarn_config_key_index(const struct tarn_config_key *k);

#define TARN_CONFIG_NAME_BYTES 64
/* "log-level" and "TARN_LOG_LEVEL"; false: a key without flag and variable. */
bool tarn_config_flag_name(const struct tarn_config_key *k, char ret[TARN_CONFIG_NAME_BYTES]);
bool tarn_config_env_name(const struct tarn_config_key *k, char ret[TARN_CONFIG_NAME_BYTES]);
/* The default as documentation has it. */
const char *tarn_config_default_text(const struct tarn_config_key *k);

/* Where the key's value came from: "file:line:column", "--flag", "$VARIABLE", or NULL: the default. */
const char *tarn_config_from(const char *const *from, enum tarn_config_scope scope, const char *path);
/* Note it; list: behind what is there, as lists are appended to. 0 or TARN_E_NOMEM. */
int tarn_config_note_from(struct tarn_arena *a, const char **from, const struct tarn_config_key *k, const char *origin);

/* ---- config_value.c: one value ---------------------------------------------------------------- */

/*
 * Parse text into the member at `at` (lists: append). TARN_E_CONFIG with "expected ..., found ..." (without a place), or
 * TARN_E_NOMEM. Not for RESOURCES and REALMS.
 */
int tarn_config_parse(const struct tarn_config_key *k, struct tarn_arena *a, const char *text, void *at, struct tarn_error *err);
/* The same from a node, with its place in the message. */
int tarn_config_parse_node(const struct tarn_config_key *k, struct tarn_yaml *y, yaml_node_t *n, void *at, struct tarn_error *err);
/* Has the member at `at` anything to print? */
bool tarn_config_has_value(const struct tarn_config_key *k, const void *at, bool given);
/* Append the value as YAML on one line. */
int tarn_config_print_value(const struct tarn_config_key *k, const void *at, struct tarn_buf *out);
/* Append s as a double-quoted YAML scalar. */
int tarn_config_print_quoted(struct tarn_buf *out, const char *s);

/* ---- config_complete.c ------------------------------------------------------------------------- */

/* A flag that is no key: it says where the configuration is, or what to do instead of running. */
struct tarn_config_action {
    const char *name;
    size_t offset;
    const char *arg, *help; /* arg NULL: a bool */
};
/* Append what may stand for the last of the words on the command line, where argv is all behind the program's name. 0 or TARN_E_NOMEM. */
int tarn_config_offer(const struct tarn_config_action *actions, size_t nactions, int argc, char *const *argv, struct tarn_buf *out);

/* ---- config_file.c, config_check.c, config.c ----------------------------------------------------- */

/* Read the YAML file at path into c, over what is there: scalars win, lists grow. */
int tarn_config_read_file(struct tarn_config *c, const char *path, struct tarn_error *err);
/* Read dir's *.yaml in the order of their names in the same way. No such directory: none. */
int tarn_config_read_dir(struct tarn_config *c, const char *dir, struct tarn_error *err);
/* Fill computed defaults and check what the parts say together. */
int tarn_config_check(struct tarn_config *c, struct tarn_error *err);
/* config_resource.c: the entries of `resources`, each by itself and beside the others. */
int tarn_config_check_resources(struct tarn_config *c, struct tarn_error *err);
/* Does a name as one may write it mean the core group's Secrets? */
bool tarn_config_is_secrets(const char *name);
/* Give the members of a zeroed struct of that scope (NULL `from`) their defaults. 0 or TARN_E_NOMEM. */
int tarn_config_defaults(struct tarn_config *c, enum tarn_config_scope scope, void *base, const char ***from);
/* Append a resource entry of that name with the defaults; NULL when memory is out. */
struct tarn_config_resource *tarn_config_add_resource(struct tarn_config *c, const char *name);
/* Append a realm with the defaults; NULL when memory is out. */
struct tarn_config_realm *tarn_config_add_realm(struct tarn_config *c, const char *name);

#endif
