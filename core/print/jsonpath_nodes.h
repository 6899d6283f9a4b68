/* A parsed JSONPath template: what parse makes and eval walks. */
#ifndef TARN_PRINT_JSONPATH_NODES_H
#define TARN_PRINT_JSONPATH_NODES_H

#include "jsonpath.h"

enum jp_type {
    JP_TEXT,  /* literal text; also numbers and booleans: `value` */
    JP_FIELD, /* the member called `name` */
    JP_ALL,   /* .* */
    JP_DEEP,  /* .. */
    JP_SLICE, /* [from:to:step] */
    JP_UNION, /* [a,b]: each branch in turn */
    JP_FILTER,
    JP_LIST,  /* one {action} */
    JP_RANGE, /* {range PATH} BODY {end}: `left` the path, `right` the body */
};

enum jp_operator { JP_EXISTS, JP_EQUAL, JP_NOT_EQUAL, JP_LESS, JP_LESS_EQUAL, JP_GREATER, JP_GREATER_EQUAL };

struct jp_node {
    enum jp_type type;
    unsigned column; /* where it stands, from 1 */
    struct jp_node *next;
    struct jp_node *left, *right; /* UNION: left is the first branch (LISTs); FILTER: both sides; LIST: left is its content */
    enum jp_operator op;
    struct tarn_value value;      /* TEXT */
    struct tarn_bytes name;       /* FIELD, and the bytes of TEXT */
    struct {
        bool has_from, has_to, has_step;
        long from, to, step;
    } slice;
};

/*
 * One block of memory: no character of a template makes more than two nodes or two bytes of names, so that parsing, once begun, needs no
 * more.
 */
struct jsonpath {
    struct jp_node *nodes;    /* the first of the template's */
    size_t nnodes;            /* taken of all[] */
    struct tarn_buf bytes;    /* of names; reserved as a whole, so that it never moves */
    struct jp_node all[];
};

#endif
