/* Printing what `tarn get` found: a table, JSON, YAML, names, or a template. See get.h. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "custom_columns.h"
#include "field.h"
#include "get.h"
#include "jsonpath.h"
#include "render.h"
#include "table.h"
#include "terminal.h"
#include "typed.h"

/* ---- tables ------------------------------------------------------------------------------------- */

static bool is_shown(const struct printer *p, const struct column *c)
{
    return c->priority == 0 || p->o->output == OUTPUT_WIDE;
}

static bool has_namespace_column(const struct printer *p)
{
    return p->o->all_namespaces && p->resource.namespaced;
}

/* A header; `bits` gets this column's bit. */
static void add_header(struct table *t, struct tarn_bytes text, uint64_t *bits)
{
    if (bits)
        *bits |= 1ull << t->ncells;
    table_cell(t, text);
}

/* The name in capitals. */
static void add_capitals(struct printer *p, const char *name, uint64_t *bits)
{
    tarn_buf_clear(&p->scratch);
    for (; *name; name++)
        cli_addf(&p->scratch, "%c", toupper((unsigned char)*name));
    add_header(p->table, tarn_buf_bytes(&p->scratch), bits);
}

/* "APP" for the label app, "NAME" for app.kubernetes.io/name. */
static void add_label_header(struct printer *p, const char *label)
{
    const char *slash = strrchr(label, '/');

    add_capitals(p, slash ? slash + 1 : label, NULL);
}

static bool is_name(const struct column *c)
{
    return strcmp(c->format, "name") == 0;
}

static void add_column_header(struct printer *p, const struct column *c)
{
    add_capitals(p, c->name, is_name(c) ? &p->table->whole : strcmp(c->name, "Status") == 0 ? &p->table->states : NULL);
}

static void add_headers(struct printer *p)
{
    struct table *t = p->table;

    if (p->event)
        add_header(t, TARN_BYTES("EVENT"), &t->states);
    if (has_namespace_column(p))
        add_header(t, TARN_BYTES("NAMESPACE"), &t->whole);
    for (size_t i = 0; i < p->shown.n; i++)
        if (is_shown(p, &p->shown.v[i]))
            add_column_header(p, &p->shown.v[i]);
    for (char **label = p->o->label_columns; label && *label; label++)
        add_label_header(p, *label);
    if (p->o->deleted)
        add_header(t, TARN_BYTES("DELETED"), NULL);
    if (p->o->show_labels)
        add_header(t, TARN_BYTES("LABELS"), NULL);
}

/* The row of headers tells how many columns there are; it stays only if it is wanted. */
static void table_begin(struct printer *p)
{
    struct table *t = p->table;

    if (p->o->output == OUTPUT_COLUMNS)
        for (size_t i = 0; i < p->o->columns->n; i++)
            add_header(t, tarn_bytes_of(p->o->columns->headers[i]), &t->whole);
    else
        add_headers(p);
    t->ncolumns = (unsigned)t->ncells;
    t->header = !p->o->no_headers;
    if (p->o->no_headers)
        t->ncells = 0;
    if (p->event)
        t->widths[0] = strlen("MODIFIED"); /* lines that come later line up with the first */
}

/* "pod/" and "deployment.apps/": the kind in lower case, and the group. */
static void add_kind(const struct printer *p, struct tarn_buf *out)
{
    struct tarn_bytes name = p->resource.name, kind = p->resource.kind;
    const char *group = memchr(name.data, '.', name.len);

    for (size_t i = 0; i < kind.len; i++)
        cli_addf(out, "%c", tolower((unsigned char)kind.data[i]));
    if (kind.len == 0)
        cli_add(out, (struct tarn_bytes){name.data, group ? (size_t)(group - name.data) : name.len});
    if (group)
        cli_add(out, (struct tarn_bytes){group, name.len - (size_t)(group - name.data)});
    cli_addf(out, "/");
}

static void made_cell(struct printer *p, struct row *r, const struct column *c)
{
    struct print_text text = cli_text(&p->scratch);

    tarn_buf_clear(&p->scratch);
    if (p->o->several_resources && is_name(c))
        add_kind(p, &p->scratch);
    (void)c->cell(r, c, &text);
    cli_text_end(&text);
    table_cell(p->table, tarn_buf_bytes(&p->scratch));
}

static void labels_cell(struct printer *p, const struct row *r)
{
    struct print_text text = cli_text(&p->scratch);

    tarn_buf_clear(&p->scratch);
    columns_labels(r->obj, "metadata.labels", &text);
    cli_text_end(&text);
    table_cell(p->table, tarn_buf_bytes(&p->scratch));
}

/* "5m ago"; wide: the time itself. */
static void deleted_cell(struct printer *p)
{
    char text[TYPED_TIME_BYTES];

    tarn_buf_clear(&p->scratch);
    if (p->o->output == OUTPUT_WIDE) {
        typed_time(p->deleted_ms, text);
        cli_addf(&p->scratch, "%s", text);
    } else {
        cli_span(p->now_s - (int64_t)(p->deleted_ms / 1000), &p->scratch);
        cli_addf(&p->scratch, " ago");
    }
    table_cell(p->table, tarn_buf_bytes(&p->scratch));
}

static void object_row(struct printer *p, const struct tarn_object *obj)
{
    struct row r = {.obj = obj, .now_s = p->now_s};

    if (p->event)
        table_cell(p->table, tarn_bytes_of(p->event));
    if (has_namespace_column(p))
        table_cell(p->table, tarn_object_namespace(obj));
    for (size_t i = 0; i < p->shown.n; i++)
        if (is_shown(p, &p->shown.v[i]))
            made_cell(p, &r, &p->shown.v[i]);
    for (char **label = p->o->label_columns; label && *label; label++) {
        struct tarn_bytes value = {0};

        (void)tarn_object_label(obj, tarn_bytes_of(*label), &value);
        table_cell(p->table, value);
    }
    if (p->o->deleted)
        deleted_cell(p);
    if (p->o->show_labels)
        labels_cell(p, &r);
}

/* ---- the other forms ------------------------------------------------------------------------------- */

static int object_json(struct printer *p, const struct tarn_value *root)
{
    int r;

    if (p->as_list)
        cli_addf(&p->out, p->count ? ",\n        " : "\n        ");
    else if (p->event)
        cli_addf(&p->out, "{\n    \"type\": \"%s\",\n    \"object\": ", p->event);
    r = render_json(root, p->as_list ? 2 : p->event ? 1 : 0, &p->out);
    if (!p->as_list)
        cli_addf(&p->out, p->event ? "\n}\n" : "\n");
    return r;
}

static int object_yaml(struct printer *p, const struct tarn_value *root)
{
    if (!p->as_list && p->count)
        cli_addf(&p->out, "---\n");
    return render_yaml(root, p->as_list, &p->out);
}

static void object_name(struct printer *p, const struct tarn_object *obj)
{
    add_kind(p, &p->out);
    cli_addf(&p->out, "%.*s\n", TARN_BYTES_ARG(tarn_object_name(obj)));
}

/* The forms that read the object as a whole. */
static int object_value(struct printer *p, const struct tarn_object *obj, struct tarn_error *err)
{
    struct tarn_value root = typed_root(obj, &p->resource, p->o->deleted ? p->deleted_ms : 0, &p->scratch);
    int r = root.type == TARN_MAP ? 0 : TARN_E_CORRUPT;

    if (r == 0 && p->o->output == OUTPUT_JSON)
        r = object_json(p, &root);
    else if (r == 0 && p->o->output == OUTPUT_YAML)
        r = object_yaml(p, &root);
    else if (r == 0 && p->o->output == OUTPUT_COLUMNS)
        return custom_columns_row(p->o->columns, &root, p->table, err);
    else if (r == 0 && !p->as_list)
        return jsonpath_print(p->o->jsonpath, &root, &p->out, err);
    else if (r == 0)
        typed_list_add(&p->items, &root);
    return r == 0 ? 0 : tarn_error_set(err, r, "cannot print '%.*s': %s", TARN_BYTES_ARG(tarn_object_key(obj)), tarn_strerror(r));
}

/* ---- the printer -------------------------------------------------------------------------------------- */

static bool is_table(const struct printer *p)
{
    return p->o->output == OUTPUT_TABLE || p->o->output == OUTPUT_WIDE || p->o->output == OUTPUT_COLUMNS;
}

static void table_renew(struct printer *p)
{
    if (p->table)
        table_release(p->table);
    free(p->table);
    p->table = calloc(1, sizeof *p->table);
    if (!p->table)
        cli_out_of_memory();
    p->table->colour = terminal_colour();
    p->table->fit = p->o->output == OUTPUT_TABLE ? terminal_width() : 0;
    table_begin(p);
}

/* The columns of p->resource, which its CustomResourceDefinition may describe where that is mirrored as well. */
static void columns_renew(struct printer *p, struct tarn_snapshot *s)
{
    struct tarn_bytes version = p->resource.api_version;
    const char *slash = version.len ? memchr(version.data, '/', version.len) : NULL;
    const struct tarn_object *definition = NULL;
    struct tarn_buf name = {0};

    if (slash)
        version = (struct tarn_bytes){slash + 1, version.len - (size_t)(slash + 1 - version.data)};
    cli_add(&name, p->resource.name);
    cli_add(&name, (struct tarn_bytes){"", 1});
    if (slash && tarn_get(s, "customresourcedefinitions.apiextensions.k8s.io", name.data, &definition) != 0)
        definition = NULL;
    tarn_buf_release(&name);
    columns_release(&p->shown);
    if (columns_open(p->resource.name, version, definition, &p->shown) != 0)
        cli_out_of_memory();
}

void printer_begin(struct printer *p, struct tarn_snapshot *s)
{
    p->now_s = (int64_t)time(NULL);
    columns_renew(p, s);
    if (is_table(p))
        table_renew(p);
    if (p->as_list && p->o->output == OUTPUT_JSON)
        cli_addf(&p->out, "{\n    \"apiVersion\": \"v1\",\n    \"items\": [");
    if (p->as_list && p->o->output == OUTPUT_YAML)
        cli_addf(&p->out, "apiVersion: v1\nitems:\n");
}

void printer_resource(struct printer *p, struct tarn_snapshot *s, const struct tarn_resource *resource)
{
    bool same = tarn_bytes_equal(p->resource.name, resource->name);

    p->resource = *resource;
    if (same || !p->table || p->o->output == OUTPUT_COLUMNS)
        return;
    if (p->count) {
        table_print(p->table, &p->out);
        cli_addf(&p->out, "\n");
    }
    columns_renew(p, s);
    table_renew(p);
}

int printer_object(struct printer *p, const struct tarn_object *obj, struct tarn_error *err)
{
    int r = 0;

    if (p->o->output == OUTPUT_TABLE || p->o->output == OUTPUT_WIDE)
        object_row(p, obj);
    else if (p->o->output == OUTPUT_NAME)
        object_name(p, obj);
    else
        r = object_value(p, obj, err);
    p->count++;
    return r;
}

void printer_rows(struct printer *p)
{
    if (p->table && p->table->ncells > (p->table->header ? p->table->ncolumns : 0))
        table_print(p->table, &p->out);
    cli_flush(&p->out);
}

static void end_list(struct printer *p)
{
    if (p->o->output == OUTPUT_JSON)
        cli_addf(&p->out, "%s],\n    \"kind\": \"List\",\n    \"metadata\": {\n        \"resourceVersion\": \"%.*s\"\n    }\n}\n",
                 p->count ? "\n    " : "", TARN_BYTES_ARG(p->resource.resource_version));
    if (p->o->output == OUTPUT_YAML) {
        if (p->count == 0) /* "items:" alone would be null */
            p->out.data[p->out.len - 1] = ' ', cli_addf(&p->out, "[]\n");
        cli_addf(&p->out, "kind: List\nmetadata:\n  resourceVersion: \"%.*s\"\n", TARN_BYTES_ARG(p->resource.resource_version));
    }
}

int printer_end(struct printer *p, struct tarn_error *err)
{
    int r = 0;

    if (p->as_list)
        end_list(p);
    if (p->as_list && p->o->output == OUTPUT_JSONPATH) {
        struct tarn_value list = typed_list_root(&p->items, p->count, &p->scratch);

        r = jsonpath_print(p->o->jsonpath, &list, &p->out, err);
    }
    if (r == 0)
        printer_rows(p);
    return r;
}

void printer_release(struct printer *p)
{
    if (p->table)
        table_release(p->table);
    free(p->table);
    columns_release(&p->shown);
    tarn_buf_release(&p->out);
    tarn_buf_release(&p->items);
    tarn_buf_release(&p->scratch);
}
