/* selector_field.c - field selectors: `path=value` terms, evaluated here over any path of an object.
 *
 * A compiled one is one block: its terms, sorted, and behind them the paths (with a NUL, for
 * tarn_object_get) and the unescaped values. Source: k8s.io/apimachinery pkg/fields; row Z-9.
 */
#include <tarn/selector.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "field.h"

struct term {
    const char *path;
    struct tarn_field field; /* of path */
    struct tarn_bytes value;
    bool negated;
};

struct tarn_field_selector {
    size_t n;
    struct term terms[];
};

static const struct tarn_field_selector everything = {.n = 0};

/* ---- parsing --------------------------------------------------------------------------- */

static int problem(struct tarn_error *err, struct tarn_bytes term, const char *what)
{
    return tarn_error_set(err, TARN_E_SELECTOR, "invalid field selector at '%.*s': %s",
                          term.len > 200 ? 200 : (int)term.len, term.data, what);
}

/* Cut the first term, up to a comma that no backslash precedes, off text. */
static struct tarn_bytes next_term(struct tarn_bytes *text)
{
    struct tarn_bytes term = {.data = text->data};
    size_t i = 0;

    while (i < text->len && text->data[i] != ',')
        i += text->data[i] == '\\' && i + 1 < text->len ? 2 : 1;
    term.len = i;
    i += i < text->len; /* the comma */
    text->data += i;
    text->len -= i;
    return term;
}

/* By what a term means, not by how it was written: `a==b` and `a=b` are the same term. */
static int compare_terms(const void *a, const void *b)
{
    const struct term *x = a, *y = b;
    int c = strcmp(x->path, y->path);

    if (!c)
        c = (int)y->negated - (int)x->negated;
    return c ? c : tarn_bytes_compare(x->value, y->value);
}

static bool is_escapable(char c)
{
    return c == '\\' || c == ',' || c == '=';
}

/* Append the unescaped value to text; what is wrong with it in *ret_problem. */
static size_t unescape(struct tarn_bytes value, char *out, const char **ret_problem)
{
    size_t n = 0;

    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] == ',' || value.data[i] == '=')
            *ret_problem = "',' and '=' in a value must be escaped with '\\'";
        else if (value.data[i] == '\\' && (++i == value.len || !is_escapable(value.data[i])))
            *ret_problem = "'\\' may stand only before ',', '=' and '\\'";
        if (*ret_problem)
            return 0;
        out[n++] = value.data[i];
    }
    return n;
}

/* Where the operator stands and how long it is: the first of !=, ==, =. 0: there is none. */
static size_t find_operator(struct tarn_bytes term, size_t *ret_at)
{
    for (size_t i = 0; i < term.len; i++) {
        bool two = i + 1 < term.len && term.data[i + 1] == '=';

        *ret_at = i;
        if (term.data[i] == '=')
            return two ? 2 : 1;
        if (term.data[i] == '!' && two)
            return 2;
    }
    return 0;
}

static bool path_is_valid(const char *path)
{
    static const struct tarn_value no_fields = {.type = TARN_MAP, .count = 0};
    struct tarn_value v;

    return *path && tarn_value_get(&no_fields, path, &v) != TARN_E_INVAL;
}

/* Compile one term; its text goes to *at. */
static int compile(struct tarn_bytes text, struct term *t, char **at, struct tarn_error *err)
{
    const char *what = NULL;
    size_t operator_at = 0, operator_len = find_operator(text, &operator_at);
    struct tarn_bytes value = {.data = text.data + operator_at + operator_len,
                               .len = text.len - operator_at - operator_len};

    if (!operator_len)
        return problem(err, text, "expected path=value, path==value or path!=value");
    t->negated = text.data[operator_at] == '!';
    t->path = *at;
    memcpy(*at, text.data, operator_at);
    (*at)[operator_at] = '\0';
    if (memchr(text.data, '\0', operator_at) || !path_is_valid(t->path))
        return problem(err, text, "the path does not parse; it has the forms a.b, a[0].b, a['key.with/dots']");
    t->field = tarn_field_of(t->path);
    *at += operator_at + 1;
    t->value.data = *at;
    t->value.len = unescape(value, *at, &what);
    *at += t->value.len;
    return what ? problem(err, text, what) : 0;
}

static size_t count_terms(struct tarn_bytes text)
{
    size_t n = 0;

    while (text.len)
        n += next_term(&text).len > 0;
    return n;
}

static int compile_all(struct tarn_field_selector *s, const struct tarn_bytes *terms, struct tarn_error *err)
{
    char *at = (char *)(s->terms + s->n);
    int rc = 0;

    for (size_t i = 0; !rc && i < s->n; i++)
        rc = compile(terms[i], &s->terms[i], &at, err);
    return rc;
}

int tarn_field_selector_parse(struct tarn_bytes text, const struct tarn_field_selector **ret, struct tarn_error *err)
{
    size_t n = count_terms(text), i = 0;
    struct tarn_field_selector *s;
    struct tarn_bytes *terms;
    int rc;

    if (n == 0) {
        *ret = &everything;
        return 0;
    }
    terms = malloc(n * sizeof *terms);
    s = malloc(sizeof *s + n * sizeof *s->terms + text.len + n); /* a NUL for each path; values only shrink */
    rc = terms && s ? 0 : tarn_error_set(err, TARN_E_NOMEM, "no memory to compile a field selector");
    if (rc)
        goto out;
    while (i < n)
        i += (terms[i] = next_term(&text)).len > 0;
    s->n = n;
    rc = compile_all(s, terms, err);
    if (!rc) {
        qsort(s->terms, n, sizeof *s->terms, compare_terms);
        *ret = s;
        s = NULL; /* the caller's from here */
    }
out:
    free(s);
    free(terms);
    return rc;
}

void tarn_field_selector_free(const struct tarn_field_selector *s)
{
    if (s != &everything)
        free((void *)s);
}

bool tarn_field_selector_is_everything(const struct tarn_field_selector *s)
{
    return !s || s->n == 0;
}

bool tarn_field_selector_term(const struct tarn_field_selector *s, size_t n, struct tarn_field_term *ret)
{
    if (!s || n >= s->n)
        return false;
    *ret = (struct tarn_field_term){.path = tarn_bytes_of(s->terms[n].path), .value = s->terms[n].value, .negated = s->terms[n].negated};
    return true;
}

/* ---- matching -------------------------------------------------------------------------- */

/* The text a value compares as; numbers are printed into room. */
static struct tarn_bytes text_of(const struct tarn_value *v, char *room, size_t n)
{
    int len = 0;

    switch (v->type) {
    case TARN_STRING:
        return v->string;
    case TARN_BOOL:
        return tarn_bytes_of(v->boolean ? "true" : "false");
    case TARN_INT:
        len = snprintf(room, n, "%" PRId64, v->i);
        break;
    case TARN_UINT:
        len = snprintf(room, n, "%" PRIu64, v->u);
        break;
    case TARN_DOUBLE:
        for (int digits = 15; digits <= 17; digits++) { /* the shortest that reads back the same */
            len = snprintf(room, n, "%.*g", digits, v->d);
            if (strtod(room, NULL) == v->d)
                break;
        }
        break;
    case TARN_NIL:
    case TARN_ARRAY:
    case TARN_MAP:
        break;
    }
    return (struct tarn_bytes){.data = room, .len = (size_t)len};
}

bool tarn_field_selector_matches(const struct tarn_field_selector *s, const struct tarn_object *obj)
{
    for (size_t i = 0; s && i < s->n; i++) {
        struct tarn_bytes text = {0};
        struct tarn_value v;
        char room[32];

        if (tarn_object_field(obj, &s->terms[i].field, &v) == 0)
            text = text_of(&v, room, sizeof room);
        if (tarn_bytes_equal(text, s->terms[i].value) == s->terms[i].negated)
            return false;
    }
    return true;
}

/* ---- printing -------------------------------------------------------------------------- */

static int print_escaped(struct tarn_bytes value, struct tarn_buf *out)
{
    int err = 0;

    for (size_t i = 0; !err && i < value.len; i++) {
        if (is_escapable(value.data[i]))
            err = tarn_buf_adds(out, "\\");
        if (!err)
            err = tarn_buf_add(out, &value.data[i], 1);
    }
    return err;
}

int tarn_field_selector_print(const struct tarn_field_selector *s, struct tarn_buf *out)
{
    size_t before = out->len;
    int err = 0;

    for (size_t i = 0; s && !err && i < s->n; i++) {
        err = tarn_buf_addf(out, "%s%s%s", i ? "," : "", s->terms[i].path, s->terms[i].negated ? "!=" : "=");
        if (!err)
            err = print_escaped(s->terms[i].value, out);
    }
    if (err)
        out->len = before;
    return err;
}
