/* Printing what `tarn get` found: a table, JSON, YAML or names. See get.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "columns.h"
#include "field.h"
#include "get.h"
#include "render.h"
#include "table.h"

static bool is_shown(const struct printer *p, const struct column *c)
{
    return !c->wide || p->o->output == OUTPUT_WIDE;
}

/* ---- tables ------------------------------------------------------------------------------------- */

static bool has_namespace_column(const struct printer *p)
{
    return p->o->all_namespaces && p->resource.namespaced;
}

static unsigned column_count(const struct printer *p)
{
    unsigned n = 1 + (p->event != NULL) + has_namespace_column(p) + p->o->show_labels;

    for (const struct column *c = columns_of(p->resource.name); c->header; c++)
        n += is_shown(p, c);
    return n;
}

static void header_row(struct printer *p)
{
    if (p->event)
        table_cell(p->table, TARN_BYTES("EVENT"));
    if (has_namespace_column(p))
        table_cell(p->table, TARN_BYTES("NAMESPACE"));
    table_cell(p->table, TARN_BYTES("NAME"));
    for (const struct column *c = columns_of(p->resource.name); c->header; c++)
        if (is_shown(p, c))
            table_cell(p->table, tarn_bytes_of(c->header));
    if (p->o->show_labels)
        table_cell(p->table, TARN_BYTES("LABELS"));
}

static void made_cell(struct printer *p, const struct row *r, const struct column *c, struct tarn_buf *scratch)
{
    tarn_buf_clear(scratch);
    c->cell(r, c->arg, scratch);
    table_cell(p->table, tarn_buf_bytes(scratch));
}

static void object_row(struct printer *p, const struct tarn_object *obj)
{
    static const struct column labels = {.cell = cell_labels};
    struct row r = {.obj = obj, .root = field_root(obj), .now_s = p->now_s};
    struct tarn_buf scratch = {0};

    if (p->count == 0 && !p->o->no_headers)
        header_row(p);
    if (p->event)
        table_cell(p->table, tarn_bytes_of(p->event));
    if (has_namespace_column(p))
        table_cell(p->table, tarn_object_namespace(obj));
    table_cell(p->table, tarn_object_name(obj));
    for (const struct column *c = columns_of(p->resource.name); c->header; c++)
        if (is_shown(p, c))
            made_cell(p, &r, c, &scratch);
    if (p->o->show_labels)
        made_cell(p, &r, &labels, &scratch);
    tarn_buf_release(&scratch);
}

/* ---- the other forms ------------------------------------------------------------------------------- */

static int object_json(struct printer *p, const struct tarn_object *obj)
{
    struct render_type type = {p->resource.api_version, p->resource.kind};
    int r;

    if (p->as_list)
        cli_addf(&p->out, p->count ? ",\n        " : "\n        ");
    else if (p->event)
        cli_addf(&p->out, "{\n    \"type\": \"%s\",\n    \"object\": ", p->event);
    r = render_json(obj, &type, p->as_list ? 2 : p->event ? 1 : 0, &p->out);
    if (!p->as_list)
        cli_addf(&p->out, p->event ? "\n}\n" : "\n");
    return r;
}

static int object_yaml(struct printer *p, const struct tarn_object *obj)
{
    struct render_type type = {p->resource.api_version, p->resource.kind};

    if (!p->as_list && p->count)
        cli_addf(&p->out, "---\n");
    return render_yaml(obj, &type, p->as_list, &p->out);
}

/* "pod/web-1", "deployment.apps/web": the kind in lower case, and the group. */
static int object_name(struct printer *p, const struct tarn_object *obj)
{
    struct tarn_bytes name = p->resource.name, kind = p->resource.kind;
    const char *group = memchr(name.data, '.', name.len);

    for (size_t i = 0; i < kind.len; i++)
        cli_addf(&p->out, "%c", kind.data[i] >= 'A' && kind.data[i] <= 'Z' ? kind.data[i] + ('a' - 'A') : kind.data[i]);
    if (kind.len == 0)
        cli_add(&p->out, (struct tarn_bytes){name.data, group ? (size_t)(group - name.data) : name.len});
    if (group)
        cli_add(&p->out, (struct tarn_bytes){group, name.len - (size_t)(group - name.data)});
    cli_addf(&p->out, "/%.*s\n", TARN_BYTES_ARG(tarn_object_name(obj)));
    return 0;
}

/* ---- the printer -------------------------------------------------------------------------------------- */

void printer_begin(struct printer *p)
{
    p->now_s = (int64_t)time(NULL);
    p->table = calloc(1, sizeof *p->table);
    if (!p->table)
        cli_out_of_memory();
    p->table->ncolumns = column_count(p);
    if (p->event)
        p->table->widths[0] = strlen("MODIFIED"); /* lines that come later line up with the first */
    if (p->as_list && p->o->output == OUTPUT_JSON)
        cli_addf(&p->out, "{\n    \"apiVersion\": \"v1\",\n    \"items\": [");
    if (p->as_list && p->o->output == OUTPUT_YAML)
        cli_addf(&p->out, "apiVersion: v1\nitems:\n");
}

int printer_object(struct printer *p, const struct tarn_object *obj)
{
    int r = 0;

    switch (p->o->output) {
    case OUTPUT_TABLE:
    case OUTPUT_WIDE:
        object_row(p, obj);
        break;
    case OUTPUT_JSON:
        r = object_json(p, obj);
        break;
    case OUTPUT_YAML:
        r = object_yaml(p, obj);
        break;
    case OUTPUT_NAME:
        r = object_name(p, obj);
        break;
    }
    p->count++;
    return r;
}

void printer_rows(struct printer *p)
{
    table_print(p->table, &p->out);
    cli_flush(&p->out);
}

void printer_end(struct printer *p)
{
    if (p->o->output == OUTPUT_TABLE || p->o->output == OUTPUT_WIDE)
        table_print(p->table, &p->out);
    if (p->as_list && p->o->output == OUTPUT_JSON)
        cli_addf(&p->out, "%s],\n    \"kind\": \"List\",\n    \"metadata\": {\n        \"resourceVersion\": \"%.*s\"\n    }\n}\n",
                 p->count ? "\n    " : "", TARN_BYTES_ARG(p->resource.resource_version));
    if (p->as_list && p->o->output == OUTPUT_YAML) {
        if (p->count == 0) /* "items:" alone would be null */
            p->out.data[p->out.len - 1] = ' ', cli_addf(&p->out, "[]\n");
        cli_addf(&p->out, "kind: List\nmetadata:\n  resourceVersion: \"%.*s\"\n", TARN_BYTES_ARG(p->resource.resource_version));
    }
    cli_flush(&p->out);
}

void printer_release(struct printer *p)
{
    if (p->table)
        table_release(p->table);
    free(p->table);
    tarn_buf_release(&p->out);
}
