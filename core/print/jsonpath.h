/* kubectl's JSONPath: a template of text and {actions}, over one value.
 *
 *     {.items[*].metadata.name}                     fields, wildcards, slices [0] [-1] [1:3] [::2], unions ['a','b']
 *     {.items[?(@.status.phase=="Running")].spec}   filters: < <= == != >= >, or a path that must exist
 *     {..image}                                     recursive descent
 *     {range .items[*]}{.metadata.name}{"\n"}{end}  a block for each value; quoted text with escapes
 *
 * Source: Kubernetes' JSONPath template (kubernetes.io/docs/reference/kubectl/jsonpath). Differences: every error names its column; a
 * {range} without its {end} is an error; where the order of a map's members matters, it is that of their names.
 */
#ifndef TARN_PRINT_JSONPATH_H
#define TARN_PRINT_JSONPATH_H

#include <tarn/object.h>

#include "print_text.h"

struct jsonpath;

/* A list of values, borrowed from what they were found in. {0} is empty. */
enum { JSONPATH_VALUES_MAX = 1 << 20 }; /* a path such as ..a..b finds the same again and again */

struct jsonpath_values {
    struct tarn_value *v;
    size_t n, cap;
};

/* Parse a template. 0, TARN_E_NOMEM, or TARN_E_INVAL with the column in err. */
int jsonpath_parse(const char *text, struct jsonpath **ret, struct tarn_error *err);
/* The same for one path in kubectl's relaxed form: "{.a.b}", ".a.b", "a.b" (--sort-by, custom columns). Columns count in `text`. */
int jsonpath_parse_path(const char *text, struct jsonpath **ret, struct tarn_error *err);
void jsonpath_free(struct jsonpath *j);

/*
 * Append what the template makes of root. 0, TARN_E_NOMEM, TARN_E_LIMIT (more than JSONPATH_VALUES_MAX values), or TARN_E_INVAL with the
 * column: an index out of bounds, a filter over what is no array.
 */
int jsonpath_print(const struct jsonpath *j, const struct tarn_value *root, struct tarn_buf *out, struct tarn_error *err);
/* The values a single path finds in root, appended to ret. Errors as jsonpath_print. */
int jsonpath_find(const struct jsonpath *j, const struct tarn_value *root, struct jsonpath_values *ret, struct tarn_error *err);
void jsonpath_values_release(struct jsonpath_values *list);

/* A value as kubectl prints it behind a path: scalars as they are, containers as compact JSON with sorted members. */
void jsonpath_text(const struct tarn_value *v, struct print_text *out);
/* A value as kubectl prints it in a custom column: containers as map[k:v] and [a b]. */
void jsonpath_plain(const struct tarn_value *v, struct print_text *out);

#endif
