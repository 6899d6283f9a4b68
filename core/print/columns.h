/* The columns of a resource's table, as an API server prints them for kubectl: `tarn get` shows them, the read API answers with them. */
#ifndef TARN_PRINT_COLUMNS_H
#define TARN_PRINT_COLUMNS_H

#include <stdint.h>

#include <tarn/object.h>

#include "pod_status.h"
#include "print_text.h"

struct jsonpath;

/* One object on its way into a row. */
struct row {
    const struct tarn_object *obj;
    int64_t now_s; /* ages are as of then; seconds since 1970 */
    struct pod_status pod; /* read by the first cell that asks for it (pod_read) */
    bool pod_read;
};

/* What a cell's text is: a string, the JSON text of a number or boolean, or nothing at all (JSON's null). */
enum cell_form { CELL_TEXT, CELL_JSON, CELL_NULL };

struct column {
    const char *name; /* "Nominated Node"; `tarn get` shows it in capitals */
    enum cell_form (*cell)(struct row *r, const struct column *c, struct print_text *out);
    const char *arg; /* for the cell function, mostly a path */
    const char *description;
    const char *type, *format; /* as the API declares the column: a cell may be of another type, as with kube-apiserver */
    int priority;              /* above 0: only where there is room, -o wide */
    const struct jsonpath *path; /* a custom resource's column */
};

struct columns {
    const struct column *v;
    size_t n;
    struct columns_own *own; /* what v borrows from where a definition made it; else NULL */
};

/*
 * The columns of a resource ("pods", "widgets.lab.dev") in a version. A resource of its own is described by its
 * CustomResourceDefinition: `definition`, or NULL if it is not known. Without any description there are Name and Age. *ret borrows
 * nothing of the arguments. 0 or TARN_E_NOMEM.
 */
int columns_open(struct tarn_bytes resource, struct tarn_bytes version, const struct tarn_object *definition, struct columns *ret);
void columns_release(struct columns *c);

/* k=v,k=v of the map at `path`, "<none>" if it is empty. */
void columns_labels(const struct tarn_object *obj, const char *path, struct print_text *out);

#endif
