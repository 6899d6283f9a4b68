/* Columns of the user's own making. See custom_columns.h. */
#include "custom_columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "table.h"

static char *copy(const char *text, size_t n)
{
    char *s = strndup(text, n);

    if (!s)
        cli_out_of_memory();
    return s;
}

static struct custom_columns *columns_new(void)
{
    struct custom_columns *c = calloc(1, sizeof *c);

    if (!c || !(c->headers = calloc(TABLE_COLUMNS_MAX, sizeof *c->headers)) || !(c->paths = calloc(TABLE_COLUMNS_MAX, sizeof *c->paths)))
        cli_out_of_memory();
    return c;
}

void custom_columns_free(struct custom_columns *c)
{
    for (size_t i = 0; c && i < c->n; i++) {
        free(c->headers[i]);
        jsonpath_free(c->paths[i]);
    }
    if (c) {
        free(c->headers);
        free(c->paths);
    }
    free(c);
}

static int add_column(struct custom_columns *c, const char *header, size_t header_len, const char *path, size_t path_len,
                      struct tarn_error *err)
{
    struct tarn_error why = {0};
    char *path_text;
    int r;

    if (c->n == TABLE_COLUMNS_MAX)
        return tarn_error_set(err, TARN_E_INVAL, "custom-columns: at most %d columns", TABLE_COLUMNS_MAX);
    path_text = copy(path, path_len);
    r = jsonpath_parse_path(path_text, &c->paths[c->n], &why);
    free(path_text);
    if (r != 0)
        return tarn_error_set(err, r, "custom-columns, column %zu (%.*s): %.300s", c->n + 1, (int)header_len, header, why.message);
    c->headers[c->n++] = copy(header, header_len);
    return 0;
}

/* The end of HEADER:PATH: the next comma outside brackets and quotes. */
static size_t column_end(const char *text)
{
    unsigned depth = 0;
    size_t i;

    for (i = 0; text[i] && (text[i] != ',' || depth); i++) {
        depth += text[i] == '[';
        depth -= text[i] == ']' && depth;
    }
    return i;
}

int custom_columns_parse(const char *spec, struct custom_columns **ret, struct tarn_error *err)
{
    struct custom_columns *c = columns_new();
    int r = *spec ? 0 : tarn_error_set(err, TARN_E_INVAL, "custom-columns format specified but no custom columns given");

    while (r == 0 && *spec) {
        size_t n = column_end(spec);
        const char *colon = memchr(spec, ':', n);

        if (!colon)
            r = tarn_error_set(err, TARN_E_INVAL, "custom-columns, column %zu: '%.*s' is not HEADER:PATH, as in NAME:.metadata.name", c->n + 1,
                               (int)n, spec);
        else
            r = add_column(c, spec, (size_t)(colon - spec), colon + 1, n - (size_t)(colon + 1 - spec), err);
        spec += n + (spec[n] == ',');
    }
    if (r == 0)
        *ret = c;
    else
        custom_columns_free(c);
    return r;
}

/* The next word of a line; len 0 at its end. */
static struct tarn_bytes next_word(const char **at)
{
    struct tarn_bytes word;

    *at += strspn(*at, " \t\r");
    word = (struct tarn_bytes){*at, strcspn(*at, " \t\r\n")};
    *at += word.len;
    return word;
}

int custom_columns_parse_file(const char *text, struct custom_columns **ret, struct tarn_error *err)
{
    const char *headers = text, *paths = strchr(text, '\n');
    struct custom_columns *c;
    int r = 0;

    if (!paths)
        return tarn_error_set(err, TARN_E_INVAL, "custom-columns-file: two lines are needed, the headers and their paths");
    c = columns_new();
    for (paths++; r == 0;) {
        struct tarn_bytes header = next_word(&headers), path = next_word(&paths);

        if (header.len == 0 && path.len == 0)
            break;
        if (header.len == 0 || path.len == 0)
            r = tarn_error_set(err, TARN_E_INVAL, "custom-columns-file: column %zu has no %s", c->n + 1, header.len ? "path" : "header");
        else
            r = add_column(c, header.data, header.len, path.data, path.len, err);
    }
    if (r == 0 && c->n == 0)
        r = tarn_error_set(err, TARN_E_INVAL, "custom-columns-file: no columns");
    if (r == 0)
        *ret = c;
    else
        custom_columns_free(c);
    return r;
}

int custom_columns_row(const struct custom_columns *c, const struct tarn_value *root, struct table *t, struct tarn_error *err)
{
    struct tarn_buf buf = {0};
    struct print_text text = cli_text(&buf);
    int r = 0;

    for (size_t i = 0; i < c->n && r == 0; i++) {
        struct jsonpath_values found = {0};

        tarn_buf_clear(&buf);
        r = jsonpath_find(c->paths[i], root, &found, err);
        for (size_t k = 0; k < found.n; k++) {
            print_adds(&text, k ? "," : "");
            if (found.v[k].type == TARN_NIL)
                print_adds(&text, "<none>");
            else
                jsonpath_plain(&found.v[k], &text);
        }
        cli_text_end(&text);
        table_cell(t, found.n ? tarn_buf_bytes(&buf) : TARN_BYTES("<none>"));
        jsonpath_values_release(&found);
    }
    tarn_buf_release(&buf);
    return r;
}
