/* --sort-by: as kubectl orders what a path finds. See get.h.
 *
 * Numbers by value, false before true, quantities (100m, 2Gi) by amount, other text bytewise. Objects without the field come first; those
 * that are equal keep their order.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "field.h"
#include "get.h"
#include "jsonpath.h"
#include "terminal.h"

struct entry {
    struct found found;
    struct tarn_value key;
    bool has_key;
    size_t place; /* before sorting */
};

/* ---- quantities -------------------------------------------------------------------------------- */

/* The factor a suffix stands for; 0: it is none. */
static double factor(const char *suffix, size_t n)
{
    static const struct {
        const char *suffix;
        double factor;
    } factors[] = {{"", 1},     {"n", 1e-9}, {"u", 1e-6}, {"m", 1e-3}, {"k", 1e3},  {"M", 1e6},   {"G", 1e9},   {"T", 1e12},  {"P", 1e15},
                   {"E", 1e18}, {"Ki", 0x1p10}, {"Mi", 0x1p20}, {"Gi", 0x1p30}, {"Ti", 0x1p40}, {"Pi", 0x1p50}, {"Ei", 0x1p60}};

    for (size_t i = 0; i < sizeof factors / sizeof *factors; i++)
        if (strlen(factors[i].suffix) == n && memcmp(factors[i].suffix, suffix, n) == 0)
            return factors[i].factor;
    return 0;
}

static bool quantity(struct tarn_bytes s, double *ret)
{
    char text[64];
    char *end;
    double by;

    if (s.len == 0 || s.len >= sizeof text || !(isdigit((unsigned char)s.data[0]) || strchr("+-.", s.data[0])))
        return false;
    memcpy(text, s.data, s.len);
    text[s.len] = 0;
    if (memchr(text, 'x', s.len) || memchr(text, 'X', s.len)) /* strtod's hexadecimals */
        return false;
    *ret = strtod(text, &end);
    by = end > text ? factor(end, strlen(end)) : 0;
    *ret *= by;
    return by != 0;
}

/* ---- the order ---------------------------------------------------------------------------------------- */

static bool number(const struct tarn_value *v, double *ret)
{
    *ret = v->type == TARN_INT ? (double)v->i : v->type == TARN_UINT ? (double)v->u : v->type == TARN_DOUBLE ? v->d : v->type == TARN_BOOL && v->boolean;
    return v->type == TARN_INT || v->type == TARN_UINT || v->type == TARN_DOUBLE || v->type == TARN_BOOL;
}

static int compare_values(const struct tarn_value *a, const struct tarn_value *b)
{
    double x, y;

    if (a->type == TARN_STRING && b->type == TARN_STRING) {
        if (quantity(a->string, &x) && quantity(b->string, &y))
            return (x > y) - (x < y);
        return tarn_bytes_compare(a->string, b->string);
    }
    if (number(a, &x) && number(b, &y))
        return (x > y) - (x < y);
    return (int)a->type - (int)b->type;
}

static int compare_entries(const void *pa, const void *pb)
{
    const struct entry *a = pa, *b = pb;
    int order = a->has_key && b->has_key ? compare_values(&a->key, &b->key) : a->has_key - b->has_key;

    return order ? order : (a->place > b->place) - (a->place < b->place);
}

/* What path finds first in the object. */
static int entry_fill(const struct jsonpath *path, struct entry *e, struct tarn_error *err)
{
    struct tarn_value root = field_root(e->found.obj);
    struct jsonpath_values found = {0};
    int r = jsonpath_find(path, &root, &found, err);

    e->has_key = r == 0 && found.n > 0 && found.v[0].type != TARN_NIL;
    if (e->has_key)
        e->key = found.v[0];
    if (e->has_key && (e->key.type == TARN_MAP || e->key.type == TARN_ARRAY))
        r = tarn_error_set(err, TARN_E_INVAL, "--sort-by: '%.*s' has a %s there, which has no order", TARN_BYTES_ARG(tarn_object_key(e->found.obj)),
                           e->key.type == TARN_MAP ? "map" : "list");
    jsonpath_values_release(&found);
    return r;
}

int sort_by(const struct jsonpath *path, const char *text, struct collection *c, struct tarn_error *err)
{
    struct entry *entries = calloc(c->n + 1, sizeof *entries);
    bool any = false;
    int r = 0;

    if (!entries)
        cli_out_of_memory();
    progress_begin("sorting");
    for (size_t i = 0; i < c->n && r == 0; i++) {
        entries[i] = (struct entry){.found = c->v[i], .place = i};
        r = entry_fill(path, &entries[i], err);
        any = any || entries[i].has_key;
    }
    if (r == 0 && c->n && !any)
        r = tarn_error_set(err, TARN_E_INVAL, "--sort-by: no object has the field '%s'", text);
    if (r == 0)
        qsort(entries, c->n, sizeof *entries, compare_entries);
    for (size_t i = 0; i < c->n && r == 0; i++)
        c->v[i] = entries[i].found;
    progress_end();
    free(entries);
    return r;
}
