/* Tables as the API has them. See api_table.h. */
#include "api_table.h"

#include <stdlib.h>

#include "columns.h"
#include "field.h"

struct api_table {
    struct columns columns;
    bool pods; /* rows say when a pod has ended */
};

int api_table_new(struct tarn_bytes resource, struct tarn_bytes version, const struct tarn_object *definition, struct api_table **ret)
{
    struct api_table *t = calloc(1, sizeof *t);

    if (!t || columns_open(resource, version, definition, &t->columns) != 0) {
        free(t);
        return TARN_E_NOMEM;
    }
    t->pods = tarn_bytes_equal(resource, TARN_BYTES("pods"));
    *ret = t;
    return 0;
}

void api_table_free(struct api_table *t)
{
    if (t)
        columns_release(&t->columns);
    free(t);
}

/* 0, or the error and out as it was. */
static int finish(const struct print_text *text, size_t before)
{
    if (text->err)
        text->out->len = before;
    return text->err;
}

static void add_member(struct print_text *out, const char *before, const char *value)
{
    print_adds(out, before);
    print_json_string(out, tarn_bytes_of(value));
}

int api_table_columns(const struct api_table *t, struct tarn_buf *out)
{
    struct print_text text = {out, 0};
    size_t before = out->len;

    print_adds(&text, "[");
    for (size_t i = 0; i < t->columns.n; i++) {
        const struct column *c = &t->columns.v[i];

        add_member(&text, i ? ",{\"name\":" : "{\"name\":", c->name);
        add_member(&text, ",\"type\":", c->type);
        add_member(&text, ",\"format\":", c->format);
        add_member(&text, ",\"description\":", c->description);
        print_addf(&text, ",\"priority\":%d}", c->priority);
    }
    print_adds(&text, "]");
    return finish(&text, before);
}

/* The cell's text is made in a buffer of its own: only then it is known what it is. */
static void add_cell(const struct column *c, struct row *r, struct print_text *cell, struct print_text *out)
{
    enum cell_form form;

    tarn_buf_clear(cell->out);
    form = c->cell(r, c, cell);
    if (cell->err)
        out->err = cell->err;
    else if (form == CELL_NULL)
        print_adds(out, "null");
    else if (form == CELL_JSON)
        print_add(out, tarn_buf_bytes(cell->out));
    else
        print_json_string(out, tarn_buf_bytes(cell->out));
}

/* A pod that has ended is a row that has: clients show it apart. */
static void add_ended(const struct tarn_object *pod, struct print_text *out)
{
    struct tarn_bytes phase = object_string(pod, "status.phase");
    bool succeeded = tarn_bytes_equal(phase, TARN_BYTES("Succeeded"));

    if (!succeeded && !tarn_bytes_equal(phase, TARN_BYTES("Failed")))
        return;
    print_adds(out, ",\"conditions\":[{\"type\":\"Completed\",\"status\":\"True\",\"reason\":\"");
    print_adds(out, succeeded ? "Succeeded\",\"message\":\"The pod has ended well.\"}]" : "Failed\",\"message\":\"The pod has failed.\"}]");
}

int api_table_row(const struct api_table *t, const struct tarn_object *obj, int64_t now_s, struct tarn_buf *out)
{
    struct row r = {.obj = obj, .now_s = now_s};
    struct print_text text = {out, 0};
    struct tarn_buf buf = {0};
    struct print_text cell = {&buf, 0};
    size_t before = out->len;

    print_adds(&text, "{\"cells\":[");
    for (size_t i = 0; i < t->columns.n; i++) {
        print_adds(&text, i ? "," : "");
        add_cell(&t->columns.v[i], &r, &cell, &text);
    }
    print_adds(&text, "]");
    if (t->pods)
        add_ended(obj, &text);
    print_adds(&text, ",\"object\":");
    tarn_buf_release(&buf);
    return finish(&text, before);
}
