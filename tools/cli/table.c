/* A table of text, printed when its widths are known. See table.h. */
#include "table.h"

#include <stdlib.h>

#include "cli.h"

enum { GAP = 3, CUT_LEAST = 8 }; /* a cell is not cut below so many characters */

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

void table_headers(struct table *t, const char *const *headers, size_t n)
{
    t->header = true;
    for (size_t i = 0; i < n; i++)
        table_cell(t, tarn_bytes_of(headers[i]));
}

/* Characters, not bytes: continuation bytes take no room. */
static size_t width(struct tarn_bytes text)
{
    size_t w = 0;

    for (size_t i = 0; i < text.len; i++)
        w += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return w;
}

static struct tarn_bytes cell_text(const struct table *t, size_t i)
{
    return (struct tarn_bytes){t->text.data + t->cells[i].off, t->cells[i].len};
}

static size_t column_width(const struct table *t, unsigned column)
{
    size_t max = 0;

    for (size_t i = column; i < t->ncells; i += t->ncolumns) {
        size_t w = width(cell_text(t, i));

        max = w > max ? w : max;
    }
    return max;
}

/* The widest column that may be cut; ncolumns: none is left. */
static unsigned widest(const struct table *t)
{
    unsigned best = t->ncolumns;

    for (unsigned k = 0; k < t->ncolumns; k++)
        if (!(t->whole >> k & 1) && t->widths[k] > CUT_LEAST && (best == t->ncolumns || t->widths[k] > t->widths[best]))
            best = k;
    return best;
}

/* Cut the widest, one character at a time, until a line fits. */
static void make_fit(struct table *t)
{
    size_t total = (t->ncolumns - 1) * (size_t)GAP;
    unsigned k;

    for (k = 0; k < t->ncolumns; k++)
        total += t->widths[k];
    for (; t->fit && total > t->fit && (k = widest(t)) < t->ncolumns; total--)
        t->widths[k]--;
}

/* The first w characters of text; all of it if it has no more. */
static struct tarn_bytes cut(struct tarn_bytes text, size_t w)
{
    size_t i = 0;

    while (i < text.len && (w > 0 || ((unsigned char)text.data[i] & 0xc0) == 0x80)) {
        w -= ((unsigned char)text.data[i] & 0xc0) != 0x80;
        i++;
    }
    return (struct tarn_bytes){text.data, i};
}

/* Is one of the words in text? They are separated by blanks. */
static bool has_word(struct tarn_bytes text, const char *words)
{
    while (*words) {
        size_t n = strcspn(words, " ");

        if (memmem(text.data, text.len, words, n))
            return true;
        words += n + (words[n] == ' ');
    }
    return false;
}

/* The escape sequence for a cell, "": none. */
static const char *colour_of(const struct table *t, unsigned column, bool header, struct tarn_bytes text)
{
    if (!t->colour)
        return "";
    if (header)
        return "\033[1m";
    if (!(t->states >> column & 1) || text.len == 0)
        return "";
    if (has_word(text, "NotReady Err Fail BackOff Evicted OOM Lost Unknown DELETED NO Unschedulable"))
        return "\033[31m";
    if (has_word(text, "SchedulingDisabled Pending Creating Terminating Init: Released MODIFIED Suspended listing"))
        return "\033[33m";
    if (has_word(text, "Running Ready Completed Complete Succeeded Active Bound Available ADDED yes"))
        return "\033[32m";
    return "";
}

static void print_cell(const struct table *t, size_t i, bool header, struct tarn_buf *out)
{
    unsigned k = (unsigned)(i % t->ncolumns);
    bool last = k + 1 == t->ncolumns;
    struct tarn_bytes text = cell_text(t, i);
    const char *colour = colour_of(t, k, header, text);
    bool cuts = width(text) > t->widths[k];
    struct tarn_bytes shown = cuts ? cut(text, t->widths[k] - 1) : text;

    cli_addf(out, "%s", colour);
    cli_add(out, shown);
    cli_addf(out, "%s%s", cuts ? "…" : "", *colour ? "\033[0m" : "");
    for (size_t w = width(shown) + cuts; !last && w < t->widths[k] + GAP; w++)
        cli_add(out, TARN_BYTES(" "));
    if (last)
        cli_add(out, TARN_BYTES("\n"));
}

void table_print(struct table *t, struct tarn_buf *out)
{
    for (unsigned k = 0; k < t->ncolumns; k++) {
        size_t w = column_width(t, k);

        t->widths[k] = w > t->widths[k] ? w : t->widths[k];
    }
    make_fit(t);
    for (size_t i = 0; i < t->ncells; i++)
        print_cell(t, i, t->header && i < t->ncolumns, out);
    t->header = t->header && t->ncells == 0;
    t->ncells = 0;
    tarn_buf_clear(&t->text);
}

void table_release(struct table *t)
{
    free(t->cells);
    tarn_buf_release(&t->text);
}
