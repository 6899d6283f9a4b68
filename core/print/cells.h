/* Cells that more than one resource has, and the tables of columns made of them (columns_*.c). */
#ifndef TARN_PRINT_CELLS_H
#define TARN_PRINT_CELLS_H

#include "columns.h"

#define CELL(name) enum cell_form name(struct row *r, const struct column *c, struct print_text *out)

CELL(cell_name);
CELL(cell_field);   /* the scalar at path arg; absent or empty: <none> */
CELL(cell_plain);   /* the same; absent: nothing */
CELL(cell_unset);   /* the same; absent: <unset> */
CELL(cell_unknown); /* the same; absent: <unknown> */
CELL(cell_number);  /* the number at path arg; absent: 0 */
CELL(cell_bool);    /* the boolean at path arg; absent: false */
CELL(cell_count);   /* how many elements stand at path arg */
CELL(cell_age);     /* how long ago the time at path arg was; absent: <unknown> */
CELL(cell_ratio);   /* "3/5": arg is two paths, separated by a blank */
CELL(cell_labels);  /* k=v,k=v of the map at path arg */
CELL(cell_selector); /* the LabelSelector at path arg */
CELL(cell_container_names);  /* of the list of containers at path arg, joined by commas */
CELL(cell_container_images);

/* The `member` of each element of the array at `path`, joined; a NULL member: the elements themselves. */
void cells_join(const struct tarn_object *obj, const char *path, const char *member, const char *separator, struct print_text *out);
/* Is there a condition of this type at status.conditions, and is its status True? */
bool cells_condition(const struct tarn_object *obj, struct tarn_bytes type);

/* A set of strings in order, as long as they are few. */
enum { CELL_WORDS_MAX = 32 };
struct cell_words {
    struct tarn_bytes v[CELL_WORDS_MAX];
    size_t n;
};
void cell_words_add(struct cell_words *words, struct tarn_bytes word); /* nothing if it is empty or there already */
void cell_words_print(const struct cell_words *words, struct print_text *out);
/* The addresses of a load balancer: status.loadBalancer.ingress. */
void cells_balancer(const struct tarn_object *obj, struct cell_words *ret);

/* ---- tables: lists of columns, ended by one without a name ------------------------------------- */

#define COLUMN(name, cell, arg, description) {name, cell, arg, description, "string", "", 0, NULL}
#define COLUMN_WIDE(name, cell, arg, description) {name, cell, arg, description, "string", "", 1, NULL}
#define COLUMN_OF(type, name, cell, arg, description) {name, cell, arg, description, type, "", 0, NULL}
#define COLUMN_NAME {"Name", cell_name, NULL, "name of the object", "string", "name", 0, NULL}
#define COLUMN_AGE COLUMN("Age", cell_age, "metadata.creationTimestamp", "time since the object was created")
#define COLUMNS_OF_CONTAINERS(path)                                                                  \
    COLUMN_WIDE("Containers", cell_container_names, path, "names of the containers in the template"), \
        COLUMN_WIDE("Images", cell_container_images, path, "images of the containers in the template")
#define COLUMNS_END {0}

struct table_of {
    const char *resource;
    const struct column *columns;
};

/* Ended by a NULL resource. */
extern const struct table_of columns_core[], columns_workloads[], columns_cluster[];

#endif
