/* What `tarn get` was asked, and the printing of what it found. */
#ifndef TARN_CLI_GET_H
#define TARN_CLI_GET_H

#include "cli.h"

struct table;

enum output { OUTPUT_TABLE, OUTPUT_WIDE, OUTPUT_JSON, OUTPUT_YAML, OUTPUT_NAME };

struct get_options {
    struct cli_attach attach;
    const char *verb; /* get or events: in messages */
    const char *resource;
    char **names; /* of objects; nnames 0: all that match */
    int nnames;
    const char *ns; /* NULL with all_namespaces */
    bool all_namespaces, no_headers, show_labels, watch, watch_only;
    char *index; /* index=value, cut in two */
    const char *value;
    const struct tarn_selector *labels;
    const struct tarn_field_selector *fields;
    enum output output;
};

/* A printer is fed objects one by one and keeps nothing of them after end. */
struct printer {
    const struct get_options *o;
    struct tarn_resource resource;
    bool as_list; /* JSON and YAML: a List around the objects */
    const char *event; /* --watch: a column of its own; NULL: none */
    size_t count;
    struct tarn_buf out;
    struct table *table;
    int64_t now_s;
};

void printer_begin(struct printer *p);
/* 0 or the object's error. */
int printer_object(struct printer *p, const struct tarn_object *obj);
/* Print what is left. A table without rows prints nothing. */
void printer_end(struct printer *p);
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
