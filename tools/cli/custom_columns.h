/* -o custom-columns=NAME:.metadata.name,IMAGE:.spec.containers[*].image */
#ifndef TARN_CLI_CUSTOM_COLUMNS_H
#define TARN_CLI_CUSTOM_COLUMNS_H

#include "jsonpath.h"

struct table;

struct custom_columns {
    size_t n;
    char **headers;
    struct jsonpath **paths;
};

/* 0, or TARN_E_INVAL: which column does not parse, and where. */
int custom_columns_parse(const char *spec, struct custom_columns **ret, struct tarn_error *err);
/* The same from the two lines of a template file: headers, and below them paths, parted by blanks. */
int custom_columns_parse_file(const char *text, struct custom_columns **ret, struct tarn_error *err);
void custom_columns_free(struct custom_columns *c);
/* One cell per column for the value: what its path finds, joined by commas; "<none>" if nothing. 0 or the path's error. */
int custom_columns_row(const struct custom_columns *c, const struct tarn_value *root, struct table *t, struct tarn_error *err);

#endif
