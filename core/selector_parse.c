/* selector_parse.c - the text form of label selectors.
 *
 *     selector    := [ requirement { "," requirement } ]
 *     requirement := [ "!" ] key | key ( "=" | "==" | "!=" | ">" | "<" ) [ value ]
 *                  | key ( "in" | "notin" ) "(" [ [ value ] { "," [ value ] } ] ")"
 *
 * `in` and `notin` are words only where an operator stands; elsewhere they are keys and values. A lexer with one
 * token of look-ahead, as labels.Parser has it; each token knows its place for the messages.
 */
#include "selector_build.h"

#include <stdio.h>

enum kind { END, COMMA, OPEN, CLOSE, NOT, EQUALS, DOUBLE_EQUALS, NOT_EQUALS, GREATER, LESS, IN, NOT_IN, WORD };

struct token {
    enum kind kind;
    struct tarn_bytes text;
};

struct parser {
    struct tarn_bytes input;
    size_t at;          /* where the lexer goes on */
    struct token ahead; /* the token not yet taken */
    struct tarn_selector_builder *builder;
    struct tarn_error *err;
};

/* ---- tokens ---------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_special(char c)
{
    return c != '\0' && strchr("=!(),<>", c);
}

static struct token special(struct parser *p)
{
    static const struct {
        const char *text;
        enum kind kind;
    } symbols[] = {{"==", DOUBLE_EQUALS}, {"!=", NOT_EQUALS}, {"=", EQUALS}, {"!", NOT},  {"(", OPEN},
                   {")", CLOSE},          {",", COMMA},       {">", GREATER}, {"<", LESS}};
    size_t left = p->input.len - p->at, i = 0;
    struct token t;

    while (left < strlen(symbols[i].text) ||
           memcmp(p->input.data + p->at, symbols[i].text, strlen(symbols[i].text)) != 0)
        i++; /* ends: each special character is a symbol by itself */
    t = (struct token){symbols[i].kind, {.data = p->input.data + p->at, .len = strlen(symbols[i].text)}};
    p->at += t.text.len;
    return t;
}

static struct token word(struct parser *p)
{
    struct token t = {WORD, {.data = p->input.data + p->at}};

    while (p->at < p->input.len && !is_blank(p->input.data[p->at]) && !is_special(p->input.data[p->at]))
        p->at++;
    t.text.len = (size_t)(p->input.data + p->at - t.text.data);
    if (tarn_bytes_equal(t.text, TARN_BYTES("in")))
        t.kind = IN;
    else if (tarn_bytes_equal(t.text, TARN_BYTES("notin")))
        t.kind = NOT_IN;
    return t;
}

static struct token lex(struct parser *p)
{
    while (p->at < p->input.len && is_blank(p->input.data[p->at]))
        p->at++;
    if (p->at == p->input.len)
        return (struct token){END, {.data = p->input.data + p->at}};
    return is_special(p->input.data[p->at]) ? special(p) : word(p);
}

static struct token take(struct parser *p)
{
    struct token t = p->ahead;

    p->ahead = lex(p);
    return t;
}

/* Where a key or value may stand, the operators' words are words. */
static bool is_word(struct token t)
{
    return t.kind == WORD || t.kind == IN || t.kind == NOT_IN;
}

/* ---- messages -------------------------------------------------------------------------- */

static int problem_at(const struct parser *p, struct tarn_bytes where, const char *problem)
{
    int shown = p->input.len > 200 ? 200 : (int)p->input.len;
    size_t at = p->input.len ? (size_t)(where.data - p->input.data) : 0;

    return tarn_error_set(p->err, TARN_E_SELECTOR, "invalid label selector '%.*s'%s at byte %zu ('%.*s'): %s", shown,
                          shown ? p->input.data : "", p->input.len > 200 ? "..." : "", at,
                          where.len > 64 ? 64 : (int)where.len, where.len ? where.data : "", problem);
}

static int expected(const struct parser *p, struct token found, const char *what)
{
    char text[96];

    (void)snprintf(text, sizeof text, "expected %s", what);
    return problem_at(p, found.text, text);
}

/* ---- grammar --------------------------------------------------------------------------- */

static int add_value(struct parser *p, struct tarn_bytes value)
{
    const char *problem = tarn_label_value_problem(value);

    return problem ? problem_at(p, value, problem) : tarn_selector_builder_value(p->builder, value);
}

/* `=` and the like have one value, which may be empty: `k=` and `k=,other`. */
static int exact_value(struct parser *p)
{
    if (p->ahead.kind == END || p->ahead.kind == COMMA)
        return add_value(p, (struct tarn_bytes){.data = p->ahead.text.data});
    if (!is_word(p->ahead))
        return expected(p, p->ahead, "a value");
    return add_value(p, take(p).text);
}

/*
 * The inside of `(a,b)`. Nothing before, between or behind commas is the empty value: `(,a)`, `(a,)`, `(a,,b)`.
 * Commas are read in pairs as the original does, so that an odd end such as `(a,,)` is as wrong here as there.
 */
static int listed_values(struct parser *p)
{
    for (;;) {
        struct token t = take(p);
        int err = is_word(t) ? add_value(p, t.text) : 0;

        if (err)
            return err;
        if (is_word(t)) {
            if (p->ahead.kind == CLOSE)
                return 0;
            if (p->ahead.kind != COMMA)
                return expected(p, p->ahead, "',' or ')'");
            continue;
        }
        if (t.kind != COMMA)
            return expected(p, t, "',' or a value");
        if (is_word(p->ahead) && p->builder->requirements[p->builder->n - 1].nvalues)
            continue;
        if ((err = add_value(p, (struct tarn_bytes){.data = t.text.data})) || p->ahead.kind == CLOSE)
            return err;
        if (p->ahead.kind == COMMA)
            (void)take(p);
    }
}

static int value_list(struct parser *p)
{
    int err;

    if (p->ahead.kind != OPEN)
        return expected(p, p->ahead, "'('");
    (void)take(p);
    if (p->ahead.kind == CLOSE)
        err = add_value(p, (struct tarn_bytes){.data = p->ahead.text.data}); /* `()` is the empty value */
    else
        err = listed_values(p);
    (void)take(p);
    return err;
}

/* The operator behind a key; END and COMMA mean that the key stands alone. */
static int operator_of(struct parser *p, enum tarn_selector_op *ret)
{
    switch (p->ahead.kind) {
    case END:
    case COMMA:
        *ret = TARN_SELECT_EXISTS;
        return 0;
    case EQUALS:
        *ret = TARN_SELECT_EQUALS;
        break;
    case DOUBLE_EQUALS:
        *ret = TARN_SELECT_DOUBLE_EQUALS;
        break;
    case NOT_EQUALS:
        *ret = TARN_SELECT_NOT_EQUALS;
        break;
    case GREATER:
        *ret = TARN_SELECT_GREATER_THAN;
        break;
    case LESS:
        *ret = TARN_SELECT_LESS_THAN;
        break;
    case IN:
        *ret = TARN_SELECT_IN;
        break;
    case NOT_IN:
        *ret = TARN_SELECT_NOT_IN;
        break;
    default:
        return expected(p, p->ahead, "one of =, ==, !=, in, notin, >, <");
    }
    (void)take(p);
    return 0;
}

static int values_of(struct parser *p, enum tarn_selector_op op)
{
    if (op == TARN_SELECT_EXISTS || op == TARN_SELECT_DOES_NOT_EXIST)
        return 0;
    return op == TARN_SELECT_IN || op == TARN_SELECT_NOT_IN ? value_list(p) : exact_value(p);
}

static int requirement(struct parser *p)
{
    bool negated = p->ahead.kind == NOT;
    enum tarn_selector_op op = TARN_SELECT_DOES_NOT_EXIST;
    const char *problem;
    struct token key;
    int err;

    if (negated)
        (void)take(p);
    if (!is_word(p->ahead))
        return expected(p, p->ahead, "a key");
    key = take(p);
    if ((problem = tarn_label_key_problem(key.text)))
        return problem_at(p, key.text, problem);
    if (!negated && (err = operator_of(p, &op)))
        return err;
    if ((err = tarn_selector_builder_open(p->builder, key.text, op)) || (err = values_of(p, op)))
        return err;
    problem = tarn_selector_builder_problem(p->builder);
    return problem ? problem_at(p, key.text, problem) : 0;
}

static int requirements(struct parser *p)
{
    int err;

    if (p->ahead.kind == END)
        return 0;
    for (;;) {
        if ((err = requirement(p)))
            return err;
        if (p->ahead.kind == END)
            return 0;
        if (p->ahead.kind != COMMA)
            return expected(p, p->ahead, "',' or the end");
        (void)take(p);
    }
}

int tarn_selector_parse(struct tarn_bytes text, const struct tarn_selector **ret, struct tarn_error *err)
{
    struct tarn_selector_builder builder = {0};
    struct parser p = {.input = text, .builder = &builder, .err = err};
    int rc;

    if (!text.len)
        p.input.data = "";
    p.ahead = lex(&p);
    rc = requirements(&p);
    if (!rc)
        rc = tarn_selector_builder_finish(&builder, ret);
    if (rc == TARN_E_NOMEM)
        (void)tarn_error_set(err, rc, "no memory to compile a label selector");
    tarn_selector_builder_release(&builder);
    return rc;
}
