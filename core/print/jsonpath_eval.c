/* JSONPath: what a template finds in a value. See jsonpath.h. */
#include <stdlib.h>

#include "jsonpath_nodes.h"
#include "members.h"

static const char *const type_names[] = {
    [TARN_NIL] = "null",      [TARN_BOOL] = "a boolean",  [TARN_INT] = "an integer", [TARN_UINT] = "an integer",
    [TARN_DOUBLE] = "a float", [TARN_STRING] = "a string", [TARN_ARRAY] = "an array", [TARN_MAP] = "a map",
};

static int values_add(struct jsonpath_values *list, const struct tarn_value *v)
{
    if (list->n == JSONPATH_VALUES_MAX)
        return TARN_E_LIMIT;
    if (list->n == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 8;
        struct tarn_value *grown = realloc(list->v, cap * sizeof *grown);

        if (!grown)
            return TARN_E_NOMEM;
        list->v = grown;
        list->cap = cap;
    }
    list->v[list->n++] = *v;
    return 0;
}

void jsonpath_values_release(struct jsonpath_values *list)
{
    free(list->v);
    *list = (struct jsonpath_values){0};
}

static int eval_steps(const struct jp_node *n, const struct jsonpath_values *in, struct jsonpath_values *ret, struct tarn_error *err);
static int eval_list(const struct jp_node *n, const struct tarn_value *root, struct jsonpath_values *ret, struct tarn_error *err);

/* ---- members and elements ---------------------------------------------------------------------- */

static int eval_field(const struct jp_node *n, const struct tarn_value *in, struct jsonpath_values *ret)
{
    struct tarn_value it = *in, v;
    struct tarn_bytes key;

    while (it.type == TARN_MAP && tarn_value_next(&it, &key, &v) == 1)
        if (tarn_bytes_equal(key, n->name))
            return values_add(ret, &v);
    return 0;
}

/* Every element; every member, in the order of the names. */
static int eval_all(const struct tarn_value *in, struct jsonpath_values *ret)
{
    struct tarn_value it = *in, v;
    struct member *members;
    size_t n;
    int r = 0;

    while (r == 0 && in->type == TARN_ARRAY && tarn_value_next(&it, NULL, &v) == 1)
        r = values_add(ret, &v);
    if (in->type != TARN_MAP)
        return r;
    r = members_sorted(in, &members, &n);
    if (r != 0)
        return r;
    for (size_t i = 0; i < n && r == 0; i++)
        r = values_add(ret, &members[i].value);
    free(members);
    return r;
}

/* The value and all below it, without numbers, booleans, null and what is empty. */
static int eval_deep(const struct tarn_value *in, struct jsonpath_values *ret)
{
    struct jsonpath_values below = {0};
    int r;

    if (in->type == TARN_STRING ? in->string.len == 0 : (in->type != TARN_ARRAY && in->type != TARN_MAP) || in->count == 0)
        return 0;
    r = values_add(ret, in);
    if (r == 0)
        r = eval_all(in, &below);
    for (size_t i = 0; i < below.n && r == 0; i++)
        r = eval_deep(&below.v[i], ret);
    jsonpath_values_release(&below);
    return r;
}

static int eval_slice(const struct jp_node *n, const struct tarn_value *in, struct jsonpath_values *ret, struct tarn_error *err)
{
    long len = (long)in->count, from = n->slice.has_from ? n->slice.from : 0, to = n->slice.has_to ? n->slice.to : len;
    long step = n->slice.has_step ? n->slice.step : 1;
    struct tarn_value it = *in, v;
    int r = 0;

    if (in->type == TARN_NIL)
        return 0;
    if (in->type != TARN_ARRAY)
        return tarn_error_set(err, TARN_E_INVAL, "jsonpath, column %u: %s is no array", n->column, type_names[in->type]);
    from += from < 0 ? len : 0;
    to += to < 0 ? len : 0;
    if (from == to)
        return 0;
    if (from < 0 || from >= len || to < 0 || to > len)
        return tarn_error_set(err, TARN_E_INVAL, "jsonpath, column %u: array index out of bounds: index %ld, length %ld", n->column,
                              from < 0 || from >= len ? from : to - 1, len);
    if (from > to)
        return tarn_error_set(err, TARN_E_INVAL, "jsonpath, column %u: starting index %ld is greater than ending index %ld", n->column, from, to);
    if (step <= 0)
        return tarn_error_set(err, TARN_E_INVAL, "jsonpath, column %u: step must be > 0", n->column);
    for (long i = 0; i < to && r == 0 && tarn_value_next(&it, NULL, &v) == 1; i++)
        if (i >= from && (i - from) % step == 0)
            r = values_add(ret, &v);
    return r;
}

/* ---- filters ---------------------------------------------------------------------------------------- */

static int compare_numbers(double a, double b)
{
    return (a > b) - (a < b);
}

/* <0, 0, >0 in *ret; false: the two do not compare. */
static bool compare(const struct tarn_value *a, const struct tarn_value *b, int *ret)
{
    if (a->type == TARN_STRING && b->type == TARN_STRING)
        *ret = tarn_bytes_compare(a->string, b->string);
    else if (a->type == TARN_BOOL && b->type == TARN_BOOL)
        *ret = a->boolean - b->boolean;
    else if (a->type == TARN_INT && b->type == TARN_INT)
        *ret = (a->i > b->i) - (a->i < b->i);
    else if ((a->type == TARN_UINT || a->type == TARN_DOUBLE) && (b->type == TARN_UINT || b->type == TARN_DOUBLE))
        *ret = compare_numbers(a->type == TARN_UINT ? (double)a->u : a->d, b->type == TARN_UINT ? (double)b->u : b->d);
    else
        return false;
    return true;
}

static bool holds(enum jp_operator op, int order)
{
    switch (op) {
    case JP_EQUAL:
        return order == 0;
    case JP_NOT_EQUAL:
        return order != 0;
    case JP_LESS:
        return order < 0;
    case JP_LESS_EQUAL:
        return order <= 0;
    case JP_GREATER:
        return order > 0;
    default:
        return order >= 0;
    }
}

/* One side of a comparison: none (*ret_there false), or exactly one value. */
static int side(const struct jp_node *n, const struct jp_node *path, const struct tarn_value *of, struct tarn_value *ret, bool *ret_there,
                struct tarn_error *err)
{
    struct jsonpath_values found = {0};
    int r = eval_list(path, of, &found, err);

    *ret_there = r == 0 && found.n > 0;
    if (*ret_there)
        *ret = found.v[0];
    if (found.n > 1 && r == 0)
        r = tarn_error_set(err, TARN_E_INVAL, "jsonpath, column %u: a filter can only compare one element at a time", n->column);
    jsonpath_values_release(&found);
    return r;
}

static int passes(const struct jp_node *n, const struct tarn_value *v, bool *ret, struct tarn_error *err)
{
    struct tarn_value left, right;
    bool there;
    int order, r;

    *ret = false;
    if (n->op == JP_EXISTS) {
        struct jsonpath_values found = {0};

        (void)eval_list(n->left, v, &found, NULL); /* what fails does not exist */
        *ret = found.n > 0;
        jsonpath_values_release(&found);
        return 0;
    }
    r = side(n, n->left, v, &left, &there, err);
    if (r != 0 || !there)
        return r;
    r = side(n, n->right, v, &right, &there, err);
    if (r != 0 || !there)
        return r;
    if (!compare(&left, &right, &order))
        return tarn_error_set(err, TARN_E_INVAL, "jsonpath, column %u: this filter compares %s with %s", n->column, type_names[left.type],
                              type_names[right.type]);
    *ret = holds(n->op, order);
    return 0;
}

static int eval_filter(const struct jp_node *n, const struct tarn_value *in, struct jsonpath_values *ret, struct tarn_error *err)
{
    struct tarn_value it = *in, v;
    bool pass;
    int r = 0;

    if (in->type != TARN_ARRAY)
        return tarn_error_set(err, TARN_E_INVAL, "jsonpath, column %u: %s is no array and cannot be filtered", n->column, type_names[in->type]);
    while (r == 0 && tarn_value_next(&it, NULL, &v) == 1) {
        r = passes(n, &v, &pass, err);
        if (r == 0 && pass)
            r = values_add(ret, &v);
    }
    return r;
}

/* ---- steps ------------------------------------------------------------------------------------------- */

/* Branch after branch, each over all that came in. */
static int eval_union(const struct jp_node *n, const struct jsonpath_values *in, struct jsonpath_values *ret, struct tarn_error *err)
{
    int r = 0;

    for (const struct jp_node *branch = n->left; branch && r == 0; branch = branch->next)
        r = eval_steps(branch->left, in, ret, err);
    return r;
}

/* A step that looks at one value at a time. */
static int eval_value(const struct jp_node *n, const struct tarn_value *in, struct jsonpath_values *ret, struct tarn_error *err)
{
    switch (n->type) {
    case JP_TEXT:
        return values_add(ret, &n->value);
    case JP_FIELD:
        return eval_field(n, in, ret);
    case JP_ALL:
        return eval_all(in, ret);
    case JP_DEEP:
        return eval_deep(in, ret);
    case JP_SLICE:
        return eval_slice(n, in, ret, err);
    default:
        return eval_filter(n, in, ret, err);
    }
}

static int eval_step(const struct jp_node *n, const struct jsonpath_values *in, struct jsonpath_values *ret, struct tarn_error *err)
{
    int r = 0;

    if (n->type == JP_UNION)
        return eval_union(n, in, ret, err);
    if (n->type == JP_TEXT && n->value.type == TARN_STRING) /* text says itself once, whatever there is to its left */
        return values_add(ret, &n->value);
    for (size_t i = 0; i < in->n && r == 0; i++)
        r = eval_value(n, &in->v[i], ret, err);
    return r;
}

/* Step after step: each sees what the one before found. */
static int eval_steps(const struct jp_node *n, const struct jsonpath_values *in, struct jsonpath_values *ret, struct tarn_error *err)
{
    struct jsonpath_values now = {0}, next = {0};
    int r = 0;

    for (size_t i = 0; i < in->n && r == 0; i++)
        r = values_add(&now, &in->v[i]);
    for (; n && r == 0; n = n->next) {
        struct jsonpath_values spare = now;

        r = eval_step(n, &now, &next, err);
        now = next;
        next = spare;
        next.n = 0;
    }
    for (size_t i = 0; i < now.n && r == 0; i++)
        r = values_add(ret, &now.v[i]);
    jsonpath_values_release(&now);
    jsonpath_values_release(&next);
    return r;
}

static int eval_list(const struct jp_node *n, const struct tarn_value *root, struct jsonpath_values *ret, struct tarn_error *err)
{
    struct tarn_value value = *root;
    struct jsonpath_values in = {.v = &value, .n = 1};

    return eval_steps(n, &in, ret, err);
}

/* ---- templates ------------------------------------------------------------------------------------------ */

static int print_nodes(const struct jp_node *n, const struct tarn_value *root, struct print_text *out, struct tarn_error *err);

static int print_range(const struct jp_node *n, const struct tarn_value *root, struct print_text *out, struct tarn_error *err)
{
    struct jsonpath_values found = {0};
    int r = eval_list(n->left, root, &found, err);

    for (size_t i = 0; i < found.n && r == 0; i++)
        r = print_nodes(n->right, &found.v[i], out, err);
    jsonpath_values_release(&found);
    return r;
}

/* What one action found, with a blank between two values. */
static int print_list(const struct jp_node *n, const struct tarn_value *root, struct print_text *out, struct tarn_error *err)
{
    struct jsonpath_values found = {0};
    int r = eval_list(n->left, root, &found, err);

    for (size_t i = 0; i < found.n && r == 0; i++) {
        if (i > 0)
            print_adds(out, " ");
        jsonpath_text(&found.v[i], out);
    }
    jsonpath_values_release(&found);
    return r ? r : out->err;
}

static int print_nodes(const struct jp_node *n, const struct tarn_value *root, struct print_text *out, struct tarn_error *err)
{
    int r = 0;

    for (; n && r == 0; n = n->next) {
        if (n->type == JP_RANGE)
            r = print_range(n, root, out, err);
        else if (n->type == JP_TEXT)
            print_add(out, n->value.string);
        else
            r = print_list(n, root, out, err);
    }
    return r;
}

/* What went wrong in words, where the place itself had none. */
static int say(int r, struct tarn_error *err)
{
    if (r == TARN_E_LIMIT)
        return tarn_error_set(err, r, "jsonpath: it finds more than %d values", JSONPATH_VALUES_MAX);
    return r == TARN_E_NOMEM ? tarn_error_set(err, r, "out of memory") : r;
}

int jsonpath_print(const struct jsonpath *j, const struct tarn_value *root, struct tarn_buf *out, struct tarn_error *err)
{
    struct print_text text = {out, 0};
    int r = print_nodes(j->nodes, root, &text, err);

    return say(r ? r : text.err, err);
}

int jsonpath_find(const struct jsonpath *j, const struct tarn_value *root, struct jsonpath_values *ret, struct tarn_error *err)
{
    int r = 0;

    for (const struct jp_node *n = j->nodes; n && r == 0; n = n->next)
        r = eval_list(n->left, root, ret, err);
    return say(r, err);
}
