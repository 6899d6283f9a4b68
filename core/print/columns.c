/* Which columns a resource has: known ones by name, others by their definition. See columns.h. */
#include "columns.h"

#include <stdlib.h>

#include "cells.h"
#include "columns_custom.h"

static const struct column anything[] = {COLUMN_NAME, COLUMN_AGE, COLUMNS_END};

static const struct column *known(struct tarn_bytes resource)
{
    static const struct table_of *const tables[] = {columns_core, columns_workloads, columns_cluster};

    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const struct table_of *t = tables[i]; t->resource; t++)
            if (tarn_bytes_equal(resource, tarn_bytes_of(t->resource)))
                return t->columns;
    return NULL;
}

int columns_open(struct tarn_bytes resource, struct tarn_bytes version, const struct tarn_object *definition, struct columns *ret)
{
    const struct column *v = known(resource);

    if (!v && definition) {
        int err = columns_custom(version, definition, ret);

        if (err != TARN_E_NOTFOUND)
            return err;
    }
    *ret = (struct columns){.v = v ? v : anything};
    while (ret->v[ret->n].name)
        ret->n++;
    return 0;
}

void columns_release(struct columns *c)
{
    columns_custom_free(c->own);
    *c = (struct columns){0};
}
