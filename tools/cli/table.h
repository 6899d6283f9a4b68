/* A table of text: columns as wide as their widest cell, three blanks between them, as kubectl prints. */
#ifndef TARN_CLI_TABLE_H
#define TARN_CLI_TABLE_H

#include <tarn/bytes.h>

enum { TABLE_COLUMNS_MAX = 64 };

struct table {
    unsigned ncolumns; /* at most TABLE_COLUMNS_MAX */
    unsigned fit;      /* characters of a line that it has to fit in: the widest cells are cut, and end with '…'; 0: any */
    bool colour;       /* headers bold, words of state in `states` coloured */
    uint64_t whole;    /* columns (a bit each) that are never cut: names that people copy */
    uint64_t states;   /* columns that hold a word of state */
    bool header;       /* the next row printed is one of headers */
    size_t widths[TABLE_COLUMNS_MAX]; /* of what was printed; they only grow, so that later rows line up */
    size_t ncells, cap;
    struct cell {
        size_t off, len;
    } *cells; /* row by row; offsets into text */
    struct tarn_buf text;
};

/* Append a cell; rows fill up from the left. Control characters and invalid UTF-8 become '?': the terminal is not the cluster's. */
void table_cell(struct table *t, struct tarn_bytes text);
/* The same for n headers: the next row. */
void table_headers(struct table *t, const char *const *headers, size_t n);
/* Append the rows to out, lines without trailing blanks, and empty the table. */
void table_print(struct table *t, struct tarn_buf *out);
void table_release(struct table *t);

#endif
