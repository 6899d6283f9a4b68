/* Cells of more than one resource. See cells.h. Source: k8s.io/kubernetes pkg/printers/internalversion. */
#include "cells.h"

#include <inttypes.h>

#include <tarn/selector.h>

#include "field.h"
#include "when.h"

CELL(cell_name)
{
    (void)c;
    print_add(out, tarn_object_name(r->obj));
    return CELL_TEXT;
}

static enum cell_form field_or(const struct row *r, const char *path, const char *none, struct print_text *out)
{
    struct tarn_value v = object_at(r->obj, path);
    size_t before = out->out->len;

    field_text(&v, out);
    print_or(out, before, none);
    return CELL_TEXT;
}

CELL(cell_field)
{
    return field_or(r, c->arg, "<none>", out);
}

CELL(cell_plain)
{
    return field_or(r, c->arg, "", out);
}

CELL(cell_unset)
{
    return field_or(r, c->arg, "<unset>", out);
}

CELL(cell_unknown)
{
    return field_or(r, c->arg, "<unknown>", out);
}

CELL(cell_number)
{
    print_addf(out, "%" PRId64, object_int(r->obj, c->arg));
    return CELL_JSON;
}

CELL(cell_bool)
{
    print_adds(out, object_true(r->obj, c->arg) ? "true" : "false");
    return CELL_JSON;
}

CELL(cell_count)
{
    print_addf(out, "%u", object_count(r->obj, c->arg));
    return CELL_JSON;
}

CELL(cell_age)
{
    when_age(object_string(r->obj, c->arg), r->now_s, out);
    return CELL_TEXT;
}

CELL(cell_ratio)
{
    char first[128];
    const char *second = strchr(c->arg, ' ') + 1;
    size_t n = (size_t)(second - c->arg) - 1;

    memcpy(first, c->arg, n);
    first[n] = 0;
    print_addf(out, "%" PRId64 "/%" PRId64, object_int(r->obj, first), object_int(r->obj, second));
    return CELL_TEXT;
}

void columns_labels(const struct tarn_object *obj, const char *path, struct print_text *out)
{
    struct tarn_value it = object_at(obj, path), v;
    struct tarn_bytes k;
    const char *separator = "";
    size_t before = out->out->len;

    while (it.type == TARN_MAP && tarn_value_next(&it, &k, &v) == 1) {
        print_adds(out, separator);
        print_add(out, k);
        print_adds(out, "=");
        field_text(&v, out);
        separator = ",";
    }
    print_or(out, before, "<none>");
}

CELL(cell_labels)
{
    columns_labels(r->obj, c->arg, out);
    return CELL_TEXT;
}

CELL(cell_selector)
{
    struct tarn_value v = object_at(r->obj, c->arg);
    const struct tarn_selector *s;
    size_t before = out->out->len;
    int err = tarn_selector_from_label_selector(&v, &s, NULL);

    if (err == TARN_E_NOMEM)
        out->err = err;
    else if (err)
        print_adds(out, "<error>");
    else {
        if (!out->err)
            out->err = tarn_selector_print(s, out->out);
        tarn_selector_free(s);
    }
    print_or(out, before, "<none>");
    return CELL_TEXT;
}

void cells_join(const struct tarn_object *obj, const char *path, const char *member, const char *separator, struct print_text *out)
{
    struct tarn_value it = object_at(obj, path), v;
    const char *between = "";

    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &v) == 1) {
        struct tarn_value m = member ? field_at(&v, member) : v;

        print_adds(out, between);
        field_text(&m, out);
        between = separator;
    }
}

CELL(cell_container_names)
{
    cells_join(r->obj, c->arg, "name", ",", out);
    return CELL_TEXT;
}

CELL(cell_container_images)
{
    cells_join(r->obj, c->arg, "image", ",", out);
    return CELL_TEXT;
}

bool cells_condition(const struct tarn_object *obj, struct tarn_bytes type)
{
    struct tarn_value it = object_at(obj, "status.conditions"), c;

    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &c) == 1)
        if (tarn_bytes_equal(field_string(&c, "type"), type))
            return tarn_bytes_equal(field_string(&c, "status"), TARN_BYTES("True"));
    return false;
}

void cell_words_add(struct cell_words *words, struct tarn_bytes word)
{
    size_t i = 0;

    while (i < words->n && tarn_bytes_compare(words->v[i], word) < 0)
        i++;
    if (word.len == 0 || words->n == CELL_WORDS_MAX || (i < words->n && tarn_bytes_equal(words->v[i], word)))
        return;
    memmove(words->v + i + 1, words->v + i, (words->n - i) * sizeof *words->v);
    words->v[i] = word;
    words->n++;
}

void cell_words_print(const struct cell_words *words, struct print_text *out)
{
    for (size_t i = 0; i < words->n; i++) {
        print_adds(out, i ? "," : "");
        print_add(out, words->v[i]);
    }
}

void cells_balancer(const struct tarn_object *obj, struct cell_words *ret)
{
    struct tarn_value it = object_at(obj, "status.loadBalancer.ingress"), v;

    ret->n = 0;
    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &v) == 1) {
        struct tarn_bytes ip = field_string(&v, "ip");

        cell_words_add(ret, ip.len ? ip : field_string(&v, "hostname"));
    }
}
