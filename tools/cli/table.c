/* A table of text, printed when its widths are known. See table.h. */
#include "table.h"

#include <stdlib.h>

#include "cli.h"

enum { GAP = 3 };

static void room_for_cell(struct table *t)
{
    size_t cap = t->cap ? t->cap * 2 : 256;
    struct cell *cells;

    if (t->ncells < t->cap)
        return;
    cells = realloc(t->cells, cap * sizeof *cells);
    if (!cells)
        cli_out_of_memory();
    t->cells = cells;
    t->cap = cap;
}

/* Bytes of the UTF-8 character at p; 0 if it is none that may be printed. */
static size_t printable(const unsigned char *p, size_t n)
{
    size_t len = *p < 0x80 ? 1 : *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;

    if (*p < 0x20 || *p == 0x7f || (*p >= 0x80 && *p < 0xc2) || *p > 0xf4 || len > n)
        return 0;
    if (*p == 0xc2 && p[1] < 0xa0) /* C1 controls */
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

void table_cell(struct table *t, struct tarn_bytes text)
{
    struct cell c = {.off = t->text.len};
    size_t i = 0;

    room_for_cell(t);
    while (i < text.len) {
        size_t n = printable((const unsigned char *)text.data + i, text.len - i);

        cli_add(&t->text, n ? (struct tarn_bytes){text.data + i, n} : TARN_BYTES("?"));
        i += n ? n : 1;
    }
    c.len = t->text.len - c.off;
    t->cells[t->ncells++] = c;
}

/* Characters, not bytes: continuation bytes take no room. */
static size_t width(const struct table *t, const struct cell *c)
{
    size_t w = 0;

    for (size_t i = 0; i < c->len; i++)
        w += ((unsigned char)t->text.data[c->off + i] & 0xc0) != 0x80;
    return w;
}

static size_t column_width(const struct table *t, unsigned column)
{
    size_t max = 0;

    for (size_t i = column; i < t->ncells; i += t->ncolumns) {
        size_t w = width(t, &t->cells[i]);

        max = w > max ? w : max;
    }
    return max;
}

static void print_cell(const struct table *t, const struct cell *c, size_t pad_to, struct tarn_buf *out)
{
    cli_add(out, (struct tarn_bytes){t->text.data + c->off, c->len});
    for (size_t w = width(t, c); w < pad_to; w++)
        cli_add(out, TARN_BYTES(" "));
}

void table_print(struct table *t, struct tarn_buf *out)
{
    for (unsigned k = 0; k < t->ncolumns; k++) {
        size_t w = column_width(t, k);

        t->widths[k] = w > t->widths[k] ? w : t->widths[k];
    }
    for (size_t i = 0; i < t->ncells; i++) {
        unsigned k = (unsigned)(i % t->ncolumns);
        bool last = k + 1 == t->ncolumns;

        print_cell(t, &t->cells[i], last ? 0 : t->widths[k] + GAP, out);
        if (last)
            cli_add(out, TARN_BYTES("\n"));
    }
    t->ncells = 0;
    tarn_buf_clear(&t->text);
}

void table_release(struct table *t)
{
    free(t->cells);
    tarn_buf_release(&t->text);
}
