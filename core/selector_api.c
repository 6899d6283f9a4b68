/* selector_api.c - the LabelSelector of API objects (`spec.selector` of a ReplicaSet ...) as a selector.
 *
 *     {matchLabels: {k: v}, matchExpressions: [{key, operator: In|NotIn|Exists|DoesNotExist, values: [v]}]}
 *
 * Null selects nothing, an empty one everything (Z-6). Source: metav1.LabelSelectorAsSelector.
 */
#include "selector_build.h"

struct reader {
    struct tarn_selector_builder builder;
    struct tarn_error *err;
};

static int problem_in(struct reader *r, const char *part, struct tarn_bytes key, const char *problem)
{
    return tarn_error_set(r->err, TARN_E_SELECTOR, "invalid LabelSelector: %s, key '%.*s': %s", part,
                          key.len > 300 ? 300 : (int)key.len, key.len ? key.data : "", problem);
}

static int check_last(struct reader *r, const char *part, struct tarn_bytes key)
{
    const char *problem = tarn_selector_builder_problem(&r->builder);

    return problem ? problem_in(r, part, key, problem) : 0;
}

static int match_label(struct reader *r, struct tarn_bytes key, const struct tarn_value *value)
{
    int err;

    if (value->type != TARN_STRING)
        return problem_in(r, "matchLabels", key, "the value must be a string");
    if ((err = tarn_selector_builder_open(&r->builder, key, TARN_SELECT_EQUALS)) ||
        (err = tarn_selector_builder_value(&r->builder, value->string)))
        return err;
    return check_last(r, "matchLabels", key);
}

static int match_labels(struct reader *r, const struct tarn_value *label_selector)
{
    struct tarn_value it, value;
    struct tarn_bytes key;
    int err = 0;

    if (tarn_value_get(label_selector, "matchLabels", &it) || it.type == TARN_NIL)
        return 0;
    if (it.type != TARN_MAP)
        return problem_in(r, "matchLabels", (struct tarn_bytes){0}, "must be a map");
    while (!err && tarn_value_next(&it, &key, &value) > 0)
        err = match_label(r, key, &value);
    return err;
}

static int operator_parse(struct tarn_bytes text, enum tarn_selector_op *ret)
{
    static const struct {
        const char *text;
        enum tarn_selector_op op;
    } operators[] = {{"In", TARN_SELECT_IN},
                     {"NotIn", TARN_SELECT_NOT_IN},
                     {"Exists", TARN_SELECT_EXISTS},
                     {"DoesNotExist", TARN_SELECT_DOES_NOT_EXIST}};

    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (tarn_bytes_equal(text, tarn_bytes_of(operators[i].text))) {
            *ret = operators[i].op;
            return 0;
        }
    return TARN_E_SELECTOR;
}

static struct tarn_bytes string_at(const struct tarn_value *v, const char *path)
{
    struct tarn_value s;

    if (tarn_value_get(v, path, &s) || s.type != TARN_STRING)
        return (struct tarn_bytes){0};
    return s.string;
}

static int expression_values(struct reader *r, const struct tarn_value *expression, struct tarn_bytes key)
{
    struct tarn_value it, value;
    int err = 0;

    if (tarn_value_get(expression, "values", &it) || it.type != TARN_ARRAY)
        return 0;
    while (!err && tarn_value_next(&it, NULL, &value) > 0) {
        if (value.type != TARN_STRING)
            return problem_in(r, "matchExpressions", key, "each of the values must be a string");
        err = tarn_selector_builder_value(&r->builder, value.string);
    }
    return err;
}

static int match_expression(struct reader *r, const struct tarn_value *expression)
{
    struct tarn_bytes key = string_at(expression, "key");
    enum tarn_selector_op op;
    int err;

    if (operator_parse(string_at(expression, "operator"), &op))
        return problem_in(r, "matchExpressions", key, "the operator must be In, NotIn, Exists or DoesNotExist");
    if ((err = tarn_selector_builder_open(&r->builder, key, op)) || (err = expression_values(r, expression, key)))
        return err;
    return check_last(r, "matchExpressions", key);
}

static int match_expressions(struct reader *r, const struct tarn_value *label_selector)
{
    struct tarn_value it, expression;
    int err = 0;

    if (tarn_value_get(label_selector, "matchExpressions", &it) || it.type == TARN_NIL)
        return 0;
    if (it.type != TARN_ARRAY)
        return problem_in(r, "matchExpressions", (struct tarn_bytes){0}, "must be a list");
    while (!err && tarn_value_next(&it, NULL, &expression) > 0)
        err = match_expression(r, &expression);
    return err;
}

int tarn_selector_from_label_selector(const struct tarn_value *label_selector, const struct tarn_selector **ret,
                                      struct tarn_error *err)
{
    struct reader r = {.err = err};
    int rc;

    if (!label_selector || label_selector->type == TARN_NIL) {
        *ret = tarn_selector_nothing();
        return 0;
    }
    if (label_selector->type != TARN_MAP)
        return tarn_error_set(err, TARN_E_SELECTOR, "invalid LabelSelector: it must be a map");
    if (!(rc = match_labels(&r, label_selector)) && !(rc = match_expressions(&r, label_selector)))
        rc = tarn_selector_builder_finish(&r.builder, ret);
    if (rc == TARN_E_NOMEM)
        (void)tarn_error_set(err, rc, "no memory to compile a LabelSelector");
    tarn_selector_builder_release(&r.builder);
    return rc;
}
