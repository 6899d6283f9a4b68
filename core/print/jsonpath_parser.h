/* Parsing a JSONPath template: what its two halves share. jsonpath_parse.c has templates and actions, jsonpath_step.c the steps of a path. */
#ifndef TARN_PRINT_JSONPATH_PARSER_H
#define TARN_PRINT_JSONPATH_PARSER_H

#include "jsonpath_nodes.h"

enum { JP_DEPTH_MAX = 32 }; /* filters in filters, ranges in ranges */

struct jp_parser {
    struct jsonpath *j;
    struct print_text names; /* into j->bytes, which has room for all of them */
    const char *text;
    size_t len, pos;
    unsigned depth, filters; /* filters: how many filters we are in: operators and brackets end a name there */
    struct tarn_error *err;
};

/* Set the parser's error: `what` is wrong at `at`. TARN_E_INVAL. */
int jp_fail(struct jp_parser *p, size_t at, const char *what);
/* The next node of a list, from the block that was made for all of them. */
struct jp_node *jp_node_new(struct jp_parser *p, enum jp_type type, size_t at, struct jp_node ***tail);
/* What was added to the names since they were `before` long. */
struct tarn_bytes jp_name_since(const struct jp_parser *p, size_t before);
void jp_text_is(struct jp_node *n, enum tarn_value_type type);

int jp_peek(const struct jp_parser *p); /* the character at pos; -1 at the end */
bool jp_looking_at(const struct jp_parser *p, const char *prefix);
bool jp_is_line_end(int c);
/* Does c end a name? */
bool jp_ends_name(const struct jp_parser *p, int c);

/* One step of a path at pos. */
int jp_parse_step(struct jp_parser *p, const struct jp_node *previous, struct jp_node ***tail);
/* Steps up to '}', or to the operator or bracket that ends a filter's side. */
int jp_parse_list(struct jp_parser *p, struct jp_node **ret);

#endif
