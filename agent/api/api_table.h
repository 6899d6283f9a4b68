/* Tables (meta.k8s.io/v1 Table): what an API server prints for kubectl, cells computed here. Whoever answers puts the pieces together:
 *
 *     {"kind":"Table",...,"columnDefinitions":COLUMNS,"rows":[ROW OBJECT},ROW OBJECT}]}
 *
 * Source: k8s.io/apimachinery meta/v1 Table; the columns are core/print/'s.
 */
#ifndef TARN_API_TABLE_H
#define TARN_API_TABLE_H

#include <stdint.h>

#include <tarn/object.h>

/* The columns of one resource in one version: made once for a request, then only read. */
struct api_table;

/*
 * resource: its name in the region ("pods", "widgets.lab.dev"); version: "v1". definition: the object of that name among
 * customresourcedefinitions.apiextensions.k8s.io, or NULL (not mirrored, or no custom resource). It borrows nothing. 0 or TARN_E_NOMEM.
 */
int api_table_new(struct tarn_bytes resource, struct tarn_bytes version, const struct tarn_object *definition, struct api_table **ret);
void api_table_free(struct api_table *t);

/* Append the value of columnDefinitions. 0 or TARN_E_NOMEM; on error out is as before. */
int api_table_columns(const struct api_table *t, struct tarn_buf *out);
/*
 * Append a row up to its object: {"cells":[...],"object": - the caller appends null, the metadata or the whole object, and a }.
 * now_s: seconds since 1970, for ages. 0 or TARN_E_NOMEM; on error out is as before.
 */
int api_table_row(const struct api_table *t, const struct tarn_object *obj, int64_t now_s, struct tarn_buf *out);

#endif
