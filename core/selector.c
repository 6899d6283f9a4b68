/* selector.c - the compiled label selector: built once, then matched and printed.
 *
 * A selector is one block of memory: its requirements sorted by key, the sorted values of each behind them, and the
 * text of all behind that. Matching looks up one label for each requirement and allocates nothing.
 */
#include "selector_build.h"

#include <stdlib.h>

#include "path.h"
#include "value.h"

struct tarn_selector {
    bool nothing;
    size_t n;
    struct tarn_requirement requirements[];
};

static const struct tarn_selector everything = {.n = 0};
static const struct tarn_selector nothing = {.nothing = true};

const struct tarn_selector *tarn_selector_everything(void)
{
    return &everything;
}

const struct tarn_selector *tarn_selector_nothing(void)
{
    return &nothing;
}

bool tarn_selector_is_everything(const struct tarn_selector *s)
{
    return !s || (!s->nothing && s->n == 0);
}

bool tarn_selector_is_nothing(const struct tarn_selector *s)
{
    return s && s->nothing;
}

void tarn_selector_free(const struct tarn_selector *s)
{
    if (s != &everything && s != &nothing)
        free((void *)s);
}

/* ---- validity (Z-8) -------------------------------------------------------------------- */

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* [A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])? */
static bool is_label_text(struct tarn_bytes b)
{
    if (!b.len || !is_alphanumeric(b.data[0]) || !is_alphanumeric(b.data[b.len - 1]))
        return false;
    for (size_t i = 0; i < b.len; i++)
        if (!is_alphanumeric(b.data[i]) && b.data[i] != '-' && b.data[i] != '_' && b.data[i] != '.')
            return false;
    return true;
}

static bool is_lower_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
}

/* RFC 1123 subdomain: labels of lower case letters, digits and inner dashes, joined by dots. */
static bool is_dns_subdomain(struct tarn_bytes b)
{
    bool inside = false; /* the character before is a letter or digit */

    for (size_t i = 0; i < b.len; i++) {
        char c = b.data[i];
        bool starts = i == 0 || b.data[i - 1] == '.';

        if (!is_lower_alphanumeric(c) && (c == '.' ? !inside : (c != '-' || starts)))
            return false;
        inside = is_lower_alphanumeric(c);
    }
    return inside;
}

static const char *prefix_problem(struct tarn_bytes prefix)
{
    if (!prefix.len)
        return "the key's prefix before '/' is empty";
    if (prefix.len > 253)
        return "the key's prefix is longer than 253 characters";
    return is_dns_subdomain(prefix) ? NULL : "the key's prefix must be a lower case DNS name such as example.com";
}

static const char *name_problem(struct tarn_bytes name)
{
    if (!name.len)
        return "the key's name is empty";
    if (name.len > 63)
        return "the key's name is longer than 63 characters";
    if (memchr(name.data, '/', name.len))
        return "the key has more than one '/'";
    return is_label_text(name) ? NULL
                               : "the key's name must be of letters, digits, '-', '_' and '.', and begin and end with "
                                 "a letter or digit";
}

const char *tarn_label_key_problem(struct tarn_bytes key)
{
    const char *slash = key.len ? memchr(key.data, '/', key.len) : NULL;
    struct tarn_bytes prefix = {.data = key.data}, name = key;
    const char *problem = NULL;

    if (slash) {
        prefix.len = (size_t)(slash - key.data);
        name = (struct tarn_bytes){.data = slash + 1, .len = key.len - prefix.len - 1};
        problem = prefix_problem(prefix);
    }
    return problem ? problem : name_problem(name);
}

const char *tarn_label_value_problem(struct tarn_bytes value)
{
    if (value.len > 63)
        return "the value is longer than 63 characters";
    return !value.len || is_label_text(value) ? NULL
                                              : "the value must be of letters, digits, '-', '_' and '.', and begin and "
                                                "end with a letter or digit";
}

/* strconv.ParseInt(b, 10, 64): an optional sign and digits, nothing else. */
static bool int64_parse(struct tarn_bytes b, int64_t *ret)
{
    bool negative = b.len && b.data[0] == '-';
    size_t i = negative || (b.len && b.data[0] == '+');
    int64_t n = 0; /* counted downwards: INT64_MIN has no positive twin */

    if (i == b.len)
        return false;
    for (; i < b.len; i++)
        if (b.data[i] < '0' || b.data[i] > '9' || __builtin_mul_overflow(n, 10, &n) ||
            __builtin_sub_overflow(n, b.data[i] - '0', &n))
            return false;
    if (!negative && n == INT64_MIN)
        return false;
    *ret = negative ? n : -n;
    return true;
}

/* ---- building -------------------------------------------------------------------------- */

/* Room for one more element of size bytes in *array. */
static int grow(void *array, size_t n, size_t *cap, size_t size)
{
    void **p = array;
    void *more;

    if (n < *cap)
        return 0;
    more = realloc(*p, (*cap ? *cap * 2 : 4) * size);
    if (!more)
        return TARN_E_NOMEM;
    *p = more;
    *cap = *cap ? *cap * 2 : 4;
    return 0;
}

int tarn_selector_builder_open(struct tarn_selector_builder *b, struct tarn_bytes key, enum tarn_selector_op op)
{
    int err = grow(&b->requirements, b->n, &b->cap, sizeof *b->requirements);

    if (err)
        return err;
    b->requirements[b->n] = (struct tarn_requirement){.key = key, .op = op, .order = b->n, .values_at = b->nvalues};
    b->n++;
    return 0;
}

int tarn_selector_builder_value(struct tarn_selector_builder *b, struct tarn_bytes value)
{
    int err = grow(&b->values, b->nvalues, &b->values_cap, sizeof *b->values);

    if (err)
        return err;
    b->values[b->nvalues++] = value;
    b->requirements[b->n - 1].nvalues++;
    return 0;
}

void tarn_selector_builder_release(struct tarn_selector_builder *b)
{
    free(b->requirements);
    free(b->values);
    *b = (struct tarn_selector_builder){0};
}

static const char *count_problem(const struct tarn_requirement *r)
{
    switch (r->op) {
    case TARN_SELECT_IN:
    case TARN_SELECT_NOT_IN:
        return r->nvalues ? NULL : "for 'in', 'notin' operators, values set can't be empty";
    case TARN_SELECT_EXISTS:
    case TARN_SELECT_DOES_NOT_EXIST:
        return r->nvalues ? "values set must be empty for exists and does not exist" : NULL;
    default:
        return r->nvalues == 1 ? NULL : "exact-match compatibility requires one single value";
    }
}

const char *tarn_selector_builder_problem(const struct tarn_selector_builder *b)
{
    const struct tarn_requirement *r = &b->requirements[b->n - 1];
    const struct tarn_bytes *values = r->nvalues ? b->values + r->values_at : NULL;
    const char *problem = tarn_label_key_problem(r->key);
    int64_t number;

    if (!problem)
        problem = count_problem(r);
    if (problem)
        return problem;
    if ((r->op == TARN_SELECT_GREATER_THAN || r->op == TARN_SELECT_LESS_THAN) && !int64_parse(values[0], &number))
        return "for '>', '<' operators, the value must be an integer";
    for (size_t i = 0; i < r->nvalues && !problem; i++)
        problem = tarn_label_value_problem(values[i]);
    return problem;
}

static int compare_requirements(const void *a, const void *b)
{
    const struct tarn_requirement *x = a, *y = b;
    int c = tarn_bytes_compare(x->key, y->key);

    return c ? c : (x->order > y->order) - (x->order < y->order);
}

static int compare_values(const void *a, const void *b)
{
    return tarn_bytes_compare(*(const struct tarn_bytes *)a, *(const struct tarn_bytes *)b);
}

static size_t text_bytes(const struct tarn_selector_builder *b)
{
    size_t n = 0;

    for (size_t i = 0; i < b->n; i++)
        n += b->requirements[i].key.len;
    for (size_t i = 0; i < b->nvalues; i++)
        n += b->values[i].len;
    return n;
}

static void move_text(struct tarn_bytes *b, char **at)
{
    if (b->len)
        memcpy(*at, b->data, b->len);
    b->data = *at;
    *at += b->len;
}

/* Sort v and keep each value once; how many are left. */
static size_t sort_unique(struct tarn_bytes *v, size_t n)
{
    size_t kept = 0;

    if (n)
        qsort(v, n, sizeof *v, compare_values);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || !tarn_bytes_equal(v[kept - 1], v[i]))
            v[kept++] = v[i];
    return kept;
}

/* Give r, copied from the builder, values of its own at *values and text at *text. */
static void compile(struct tarn_requirement *r, const struct tarn_bytes *from, struct tarn_bytes **values, char **text)
{
    struct tarn_bytes *own = *values;

    move_text(&r->key, text);
    for (size_t i = 0; i < r->nvalues; i++) {
        own[i] = from[r->values_at + i];
        move_text(&own[i], text);
    }
    *values += r->nvalues;
    r->nvalues = sort_unique(own, r->nvalues);
    r->values = own;
    if (r->op == TARN_SELECT_GREATER_THAN || r->op == TARN_SELECT_LESS_THAN)
        (void)int64_parse(own[0], &r->number);
}

int tarn_selector_builder_finish(const struct tarn_selector_builder *b, const struct tarn_selector **ret)
{
    struct tarn_selector *s;
    struct tarn_bytes *values;
    char *text;

    if (b->n == 0) {
        *ret = &everything;
        return 0;
    }
    s = malloc(sizeof *s + b->n * sizeof *s->requirements + b->nvalues * sizeof *values + text_bytes(b));
    if (!s)
        return TARN_E_NOMEM;
    *s = (struct tarn_selector){.n = b->n};
    memcpy(s->requirements, b->requirements, b->n * sizeof *s->requirements);
    values = (struct tarn_bytes *)(s->requirements + b->n);
    text = (char *)(values + b->nvalues);
    qsort(s->requirements, s->n, sizeof *s->requirements, compare_requirements);
    for (size_t i = 0; i < s->n; i++)
        compile(&s->requirements[i], b->values, &values, &text);
    *ret = s;
    return 0;
}

/* ---- matching -------------------------------------------------------------------------- */

static bool has_value(const struct tarn_requirement *r, struct tarn_bytes value)
{
    size_t low = 0, high = r->nvalues;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = tarn_bytes_compare(value, r->values[mid]);

        if (c == 0)
            return true;
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return false;
}

static bool number_fits(const struct tarn_requirement *r, struct tarn_bytes value)
{
    int64_t n;

    if (!int64_parse(value, &n))
        return false;
    return r->op == TARN_SELECT_GREATER_THAN ? n > r->number : n < r->number;
}

/* Does the label of r's key, there or not, fulfil r (Z-1 ... Z-4)? */
static bool holds(const struct tarn_requirement *r, bool there, struct tarn_bytes value)
{
    switch (r->op) {
    case TARN_SELECT_EQUALS:
    case TARN_SELECT_DOUBLE_EQUALS:
    case TARN_SELECT_IN:
        return there && has_value(r, value);
    case TARN_SELECT_NOT_EQUALS:
    case TARN_SELECT_NOT_IN:
        return !there || !has_value(r, value);
    case TARN_SELECT_EXISTS:
        return there;
    case TARN_SELECT_DOES_NOT_EXIST:
        return !there;
    case TARN_SELECT_GREATER_THAN:
    case TARN_SELECT_LESS_THAN:
        return there && number_fits(r, value);
    }
    return false;
}

bool tarn_label_in(const struct tarn_value *labels, struct tarn_bytes key, struct tarn_bytes *ret)
{
    struct tarn_value v;

    if (!labels || tarn_value_step(labels, &(struct tarn_step){.kind = TARN_STEP_KEY, .key = key}, &v) || v.type != TARN_STRING)
        return false;
    *ret = v.string;
    return true;
}

bool tarn_selector_matches(const struct tarn_selector *s, const struct tarn_object *obj)
{
    struct tarn_value labels;

    if (!s || s->n == 0)
        return !s || !s->nothing;
    if (s->n == 1) { /* the usual */
        struct tarn_bytes value = {0};
        bool there = tarn_object_label(obj, s->requirements[0].key, &value) == 0;

        return holds(&s->requirements[0], there, value);
    }
    return tarn_selector_matches_labels(s, tarn_object_get(obj, "metadata.labels", &labels) ? NULL : &labels);
}

bool tarn_selector_matches_labels(const struct tarn_selector *s, const struct tarn_value *labels)
{
    if (!s)
        return true;
    for (size_t i = 0; i < s->n; i++) {
        struct tarn_bytes value = {0};
        bool there = tarn_label_in(labels, s->requirements[i].key, &value);

        if (!holds(&s->requirements[i], there, value))
            return false;
    }
    return !s->nothing;
}

/* ---- printing -------------------------------------------------------------------------- */

static const char *const op_text[] = {
    [TARN_SELECT_EQUALS] = "=",         [TARN_SELECT_DOUBLE_EQUALS] = "==", [TARN_SELECT_NOT_EQUALS] = "!=",
    [TARN_SELECT_IN] = " in (",         [TARN_SELECT_NOT_IN] = " notin (",  [TARN_SELECT_EXISTS] = "",
    [TARN_SELECT_DOES_NOT_EXIST] = "",  [TARN_SELECT_GREATER_THAN] = ">",   [TARN_SELECT_LESS_THAN] = "<",
};

static int print_requirement(const struct tarn_requirement *r, struct tarn_buf *out)
{
    const char *not = r->op == TARN_SELECT_DOES_NOT_EXIST ? "!" : "";
    bool list = r->op == TARN_SELECT_IN || r->op == TARN_SELECT_NOT_IN;
    int err = tarn_buf_addf(out, "%s%.*s%s", not, TARN_BYTES_ARG(r->key), op_text[r->op]);

    for (size_t i = 0; !err && i < r->nvalues; i++)
        err = tarn_buf_addf(out, "%s%.*s", i ? "," : "", TARN_BYTES_ARG(r->values[i]));
    return err || !list ? err : tarn_buf_adds(out, ")");
}

int tarn_selector_print(const struct tarn_selector *s, struct tarn_buf *out)
{
    size_t before = out->len;
    int err = 0;

    for (size_t i = 0; s && !err && i < s->n; i++) {
        if (i)
            err = tarn_buf_adds(out, ",");
        if (!err)
            err = print_requirement(&s->requirements[i], out);
    }
    if (err)
        out->len = before;
    return err;
}
