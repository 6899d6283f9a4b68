/* The columns of `tarn get`, per resource, as kubectl shows them. */
#ifndef TARN_CLI_COLUMNS_H
#define TARN_CLI_COLUMNS_H

#include <stdint.h>

#include <tarn/object.h>

/* One object on its way into a row. */
struct row {
    const struct tarn_object *obj;
    struct tarn_value root;
    int64_t now_s;
};

struct column {
    const char *header;
    void (*cell)(const struct row *r, const char *arg, struct tarn_buf *out);
    const char *arg; /* for the cell function, mostly a path */
    bool wide;       /* only with -o wide */
};

/* The columns of a resource ("pods", "deployments.apps") behind NAME, ended by header NULL. Unknown ones have AGE. */
const struct column *columns_of(struct tarn_bytes resource);

void cell_labels(const struct row *r, const char *arg, struct tarn_buf *out);

#endif
