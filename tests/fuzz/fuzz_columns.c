/* fuzz_columns.c - two lines: a CustomResourceDefinition and an object, from which every table makes its row.
 *
 * Cells that say they are JSON read as JSON; a definition's columns are read whatever it says, its JSONPaths run over the object.
 */
#include <stdint.h>
#include <stdlib.h>

#include "cells.h"

static void must(int ok)
{
    if (!ok)
        abort();
}

static void cell_is_what_it_says(const struct column *c, struct row *r)
{
    const struct tarn_object *read;
    struct tarn_buf cell = {0}, json = {0};
    struct print_text text = {&cell, 0};
    enum cell_form form = c->cell(r, c, &text);

    must(text.err == 0);
    if (form == CELL_JSON) {
        must(tarn_buf_addf(&json, "{\"cell\":%.*s}", TARN_BYTES_ARG(tarn_buf_bytes(&cell))) == 0);
        must(tarn_object_from_json(tarn_buf_bytes(&json), &read, NULL) == 0);
        tarn_object_unref(read);
    }
    tarn_buf_release(&cell);
    tarn_buf_release(&json);
}

static void table(const char *resource, const struct tarn_object *definition, const struct tarn_object *obj)
{
    struct row r = {.obj = obj, .now_s = 1767225600};
    struct columns c;

    must(columns_open(tarn_bytes_of(resource), TARN_BYTES("v1"), definition, &c) == 0);
    for (size_t i = 0; i < c.n; i++)
        cell_is_what_it_says(&c.v[i], &r);
    columns_release(&c);
}

static void every_table(const struct tarn_object *definition, const struct tarn_object *obj)
{
    static const struct table_of *const tables[] = {columns_core, columns_workloads, columns_cluster};

    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const struct table_of *t = tables[i]; t->resource; t++)
            table(t->resource, NULL, obj);
    table("widgets.lab.dev", definition, obj);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const uint8_t *line = n ? memchr(data, '\n', n) : NULL;
    const struct tarn_object *definition = NULL, *obj = NULL;
    size_t first = line ? (size_t)(line - data) : 0;

    if (!line)
        return 0;
    if (tarn_object_from_json((struct tarn_bytes){(const char *)data, first}, &definition, NULL) == 0 &&
        tarn_object_from_json((struct tarn_bytes){(const char *)line + 1, n - first - 1}, &obj, NULL) == 0)
        every_table(definition, obj);
    tarn_object_unref(definition);
    tarn_object_unref(obj);
    return 0;
}
