/* What `tarn get` was asked, and the printing of what it found. */
#ifndef TARN_CLI_GET_H
#define TARN_CLI_GET_H

#include "cli.h"
#include "columns.h"

struct table;
struct jsonpath;
struct custom_columns;

enum output { OUTPUT_TABLE, OUTPUT_WIDE, OUTPUT_JSON, OUTPUT_YAML, OUTPUT_NAME, OUTPUT_JSONPATH, OUTPUT_COLUMNS };

/* One thing asked for: an object, or all of a resource that match. */
struct target {
    const char *resource;
    const char *name; /* NULL: all */
};

struct get_options {
    struct cli_attach attach;
    const char *verb; /* get or events: in messages */
    struct target *targets;
    size_t ntargets;
    bool several_resources; /* the targets are not all of one */
    const char *ns; /* NULL with all_namespaces */
    bool all_namespaces, no_headers, show_labels, watch, watch_only, deleted;
    char **label_columns; /* -L, ended by NULL; NULL: none */
    char *index; /* index=value, cut in two */
    const char *value;
    const struct tarn_selector *labels;
    const struct tarn_field_selector *fields;
    enum output output;
    struct tarn_buf template;      /* of -o jsonpath and custom-columns: what the parsed ones borrow from */
    struct jsonpath *jsonpath;
    struct custom_columns *columns;
    struct jsonpath *sort_by;
    const char *sort_text; /* the same as it was given */
};

/* The command line into *ret, which get_options_release empties whatever came of it. CLI_OK or the exit code. (get_options.c) */
int get_options_parse(int argc, char **argv, struct get_options *ret);
void get_options_release(struct get_options *o);
/* -o FORMAT. CLI_OK or the exit code. (output_option.c) */
int output_option(const char *text, struct get_options *o);

/* ---- what was found (collect.c, sort_by.c) ---------------------------------------------------- */

struct found {
    const struct tarn_object *obj;
    const struct tarn_resource *resource;
    uint64_t deleted_ms; /* --deleted: when, Unix time in ms */
};

/* Everything found, in the order to print. {0} is empty. */
struct collection {
    struct found *v;
    size_t n, cap;
    struct tarn_resource *resources; /* one for each target */
};

/* Look for all targets. Objects not found are said on stderr, all but the last, whose error is returned. */
int collect(const struct get_options *o, struct tarn_snapshot *s, struct collection *ret, struct tarn_error *err);
void collection_release(struct collection *c);
/* Sort by what path finds in each object; those without it come first. TARN_E_INVAL if none has it. */
int sort_by(const struct jsonpath *path, const char *text, struct collection *c, struct tarn_error *err);

/* ---- printing --------------------------------------------------------------------------------- */

/* A printer is fed objects one by one and keeps nothing of them after end. */
struct printer {
    const struct get_options *o;
    struct tarn_resource resource; /* of the objects that come; change it with printer_resource */
    bool as_list; /* JSON, YAML, JSONPath: a List around the objects */
    const char *event; /* --watch: a column of its own; NULL: none */
    uint64_t deleted_ms; /* of the object that comes, with --deleted */
    size_t count;
    struct tarn_buf out, items, scratch; /* items: MessagePack, for JSONPath over a List */
    struct table *table;
    struct columns shown; /* of resource */
    int64_t now_s;
};

/* s: where a custom resource's definition may be; only looked at in the call. */
void printer_begin(struct printer *p, struct tarn_snapshot *s);
/* The objects that follow are of this resource: a table of its own. */
void printer_resource(struct printer *p, struct tarn_snapshot *s, const struct tarn_resource *resource);
/* 0 or the object's error. */
int printer_object(struct printer *p, const struct tarn_object *obj, struct tarn_error *err);
/* Print what is left; 0 or what JSONPath says. A table without rows prints nothing. */
int printer_end(struct printer *p, struct tarn_error *err);
/* Forget what was fed, printed or not, and free. */
void printer_release(struct printer *p);

/* Print the rows fed so far; the next ones line up with them. */
void printer_rows(struct printer *p);

/*
 * Print what is there, then what changes, until interrupted. every_change: each version, with a column EVENT; else each object's newest
 * state. (watch.c)
 */
int watch_print(const struct get_options *o, struct tarn_client *c, bool every_change);

#endif
