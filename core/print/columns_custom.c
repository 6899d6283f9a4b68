/* The columns of custom resources: additionalPrinterColumns. Source: k8s.io/apiextensions-apiserver registry/customresource/tableconvertor. */
#include "columns_custom.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cells.h"
#include "field.h"
#include "jsonpath.h"
#include "when.h"

/* The most columns that anybody reads, and the longest texts: a definition may be a megabyte. */
enum { COLUMNS_MAX = 24, PATH_MAX_BYTES = 4096, TEXT_MAX_BYTES = 4096 };

/* What the columns of a definition borrow from: they outlive the object that described them. */
struct columns_own {
    size_t n;
    struct jsonpath *paths[COLUMNS_MAX];
    char *texts[COLUMNS_MAX]; /* name, description, type, format, each with its NUL */
    struct column v[COLUMNS_MAX + 1];
};

/* A float without a point is an integer's text, as Go prints it. */
static enum cell_form number(const struct tarn_value *v, struct print_text *out)
{
    if (v->type != TARN_INT && v->type != TARN_UINT && v->type != TARN_DOUBLE)
        return CELL_NULL;
    jsonpath_text(v, out);
    return CELL_JSON;
}

static enum cell_form integer(const struct tarn_value *v, struct print_text *out)
{
    if (v->type == TARN_DOUBLE && v->d > -9.2e18 && v->d < 9.2e18)
        print_addf(out, "%" PRId64, (int64_t)v->d);
    else if (v->type == TARN_INT)
        print_addf(out, "%" PRId64, v->i);
    else
        return CELL_NULL;
    return CELL_JSON;
}

static enum cell_form date(const struct row *r, const struct tarn_value *v, struct print_text *out)
{
    if (v->type != TARN_STRING)
        return CELL_NULL;
    if (when_parse(v->string) < 0)
        print_adds(out, "<invalid>");
    else
        when_age(v->string, r->now_s, out);
    return CELL_TEXT;
}

static enum cell_form typed(const struct row *r, const struct column *c, const struct tarn_value *v, struct print_text *out)
{
    if (strcmp(c->type, "string") == 0) {
        jsonpath_text(v, out);
        return CELL_TEXT;
    }
    if (strcmp(c->type, "integer") == 0)
        return integer(v, out);
    if (strcmp(c->type, "number") == 0)
        return number(v, out);
    if (strcmp(c->type, "date") == 0)
        return date(r, v, out);
    if (strcmp(c->type, "boolean") != 0 || v->type != TARN_BOOL)
        return CELL_NULL;
    print_adds(out, v->boolean ? "true" : "false");
    return CELL_JSON;
}

/* The first value that the path finds; null where it finds none, or what it finds is of another type. */
static CELL(cell_path)
{
    struct jsonpath_values found = {0};
    enum cell_form form = CELL_NULL;
    struct tarn_value root = field_root(r->obj);
    int err = c->path ? jsonpath_find(c->path, &root, &found, NULL) : TARN_E_INVAL;

    if (err == TARN_E_NOMEM)
        out->err = err;
    else if (err == 0 && found.n > 0)
        form = typed(r, c, &found.v[0], out);
    jsonpath_values_release(&found);
    return form;
}

/* Append text and a NUL, cut where it is too long for a header. Returns where it begins. */
static size_t add_text(struct print_text *out, struct tarn_bytes text)
{
    size_t at = out->out->len;

    print_add(out, (struct tarn_bytes){text.data, text.len > TEXT_MAX_BYTES ? TEXT_MAX_BYTES : text.len});
    print_add(out, (struct tarn_bytes){"", 1});
    return at;
}

/* A path that does not parse, or is longer than anybody writes: no cell has a value. */
static int parse_path(const struct tarn_value *definition, struct jsonpath **ret)
{
    struct tarn_bytes path = field_string(definition, "jsonPath");
    struct tarn_buf text = {0};
    int err;

    *ret = NULL;
    if (path.len == 0 || path.len > PATH_MAX_BYTES || memchr(path.data, 0, path.len))
        return 0;
    err = tarn_buf_addf(&text, "{%.*s}", TARN_BYTES_ARG(path));
    if (!err)
        err = jsonpath_parse(text.data, ret, NULL);
    tarn_buf_release(&text);
    return err == TARN_E_NOMEM ? err : 0;
}

static int add_column(struct columns_own *own, const struct tarn_value *definition)
{
    struct tarn_buf buf = {0};
    struct print_text out = {&buf, 0};
    struct tarn_bytes description = field_string(definition, "description");
    int64_t priority = field_int(definition, "priority");
    size_t name = add_text(&out, field_string(definition, "name")), type = add_text(&out, field_string(definition, "type")),
           format = add_text(&out, field_string(definition, "format")),
           says = add_text(&out, description.len ? description : field_string(definition, "jsonPath"));

    if (!out.err)
        out.err = parse_path(definition, &own->paths[own->n]);
    if (out.err) {
        tarn_buf_release(&buf);
        return out.err;
    }
    own->texts[own->n] = buf.data;
    own->v[1 + own->n] = (struct column){buf.data + name, cell_path, NULL, buf.data + says, buf.data + type, buf.data + format,
                                         priority > INT32_MAX ? INT32_MAX : (int)priority, own->paths[own->n]};
    own->n++;
    return 0;
}

/* spec.versions[name == version].additionalPrinterColumns; TARN_NIL: none. */
static struct tarn_value listed(struct tarn_bytes version, const struct tarn_object *definition)
{
    struct tarn_value root = field_root(definition), it = field_at(&root, "spec.versions"), v;

    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &v) == 1)
        if (tarn_bytes_equal(field_string(&v, "name"), version))
            return field_at(&v, "additionalPrinterColumns");
    return (struct tarn_value){.type = TARN_NIL};
}

int columns_custom(struct tarn_bytes version, const struct tarn_object *definition, struct columns *ret)
{
    struct tarn_value it = listed(version, definition), v;
    struct columns_own *own;
    int err = 0;

    if (it.type != TARN_ARRAY || it.count == 0)
        return TARN_E_NOTFOUND;
    own = calloc(1, sizeof *own);
    if (!own)
        return TARN_E_NOMEM;
    own->v[0] = (struct column)COLUMN_NAME;
    while (!err && own->n < COLUMNS_MAX - 1 && tarn_value_next(&it, NULL, &v) == 1)
        err = add_column(own, &v);
    if (err) {
        columns_custom_free(own);
        return err;
    }
    *ret = (struct columns){.v = own->v, .n = own->n + 1, .own = own};
    return 0;
}

void columns_custom_free(struct columns_own *own)
{
    for (size_t i = 0; own && i < own->n; i++) {
        jsonpath_free(own->paths[i]);
        free(own->texts[i]);
    }
    free(own);
}
