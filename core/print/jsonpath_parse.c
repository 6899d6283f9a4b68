/* JSONPath templates: text to nodes, by recursive descent. See jsonpath.h. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "jsonpath_nodes.h"
#include "unquote.h"

enum { DEPTH_MAX = 32 }; /* filters in filters, ranges in ranges */

struct parser {
    struct jsonpath *j;
    struct print_text names; /* into j->bytes, which has room for all of them */
    const char *text;
    size_t len, pos;
    unsigned depth, filters; /* filters: how many filters we are in: operators and brackets end a name there */
    struct tarn_error *err;
};

static int fail(struct parser *p, size_t at, const char *what)
{
    return tarn_error_set(p->err, TARN_E_INVAL, "jsonpath, column %zu: %s: %.60s", at + 1, what, at < p->len ? p->text + at : "(the end)");
}

static struct jp_node *node_new(struct parser *p, enum jp_type type, size_t at, struct jp_node ***tail)
{
    struct jp_node *n = &p->j->all[p->j->nnodes++];

    n->type = type;
    n->column = (unsigned)at + 1;
    **tail = n;
    *tail = &n->next;
    return n;
}

/* What was added to the names since they were `before` long. */
static struct tarn_bytes name_since(const struct parser *p, size_t before)
{
    return (struct tarn_bytes){p->j->bytes.data + before, p->j->bytes.len - before};
}

static int peek(const struct parser *p)
{
    return p->pos < p->len ? (unsigned char)p->text[p->pos] : -1;
}

static bool looking_at(const struct parser *p, const char *prefix)
{
    size_t n = strlen(prefix);

    return p->len - p->pos >= n && memcmp(p->text + p->pos, prefix, n) == 0;
}

static bool is_line_end(int c)
{
    return c < 0 || c == '\n' || c == '\r';
}

/* Does c end a name? */
static bool ends_name(const struct parser *p, int c)
{
    return c < 0 || isspace(c) || strchr(".,[]$@{}", c) || (p->filters && strchr("!<>=)", c));
}

/* ---- the steps of a path ------------------------------------------------------------------ */

/* A name up to the next character that ends one; a backslash takes the next character as it is. `end`: nothing from there on. */
static struct tarn_bytes parse_name(struct parser *p, size_t end)
{
    size_t before = p->j->bytes.len;

    while (p->pos < end) {
        if (p->text[p->pos] == '\\' && p->pos + 1 < end)
            p->pos++;
        else if (ends_name(p, peek(p)))
            break;
        print_add(&p->names, (struct tarn_bytes){p->text + p->pos++, 1});
    }
    return name_since(p, before);
}

static void parse_field(struct parser *p, size_t end, struct jp_node ***tail)
{
    struct jp_node *n = node_new(p, JP_FIELD, p->pos, tail);

    n->name = parse_name(p, end);
    if (tarn_bytes_equal(n->name, TARN_BYTES("*")))
        n->type = JP_ALL;
}

static int parse_deep(struct parser *p, const struct jp_node *previous, struct jp_node ***tail)
{
    if (previous && previous->type == JP_DEEP)
        return fail(p, p->pos, "two recursive descents in a row");
    node_new(p, JP_DEEP, p->pos, tail);
    p->pos += 2;
    if (isalnum(peek(p)) || peek(p) == '_')
        parse_field(p, p->len, tail);
    return 0;
}

static void text_is(struct jp_node *n, enum tarn_value_type type)
{
    n->value.type = type;
    if (type == TARN_STRING)
        n->value.string = n->name;
}

static int parse_quoted(struct parser *p, struct jp_node ***tail)
{
    size_t start = p->pos, before = p->j->bytes.len;
    char quote = p->text[p->pos++];
    struct jp_node *n;

    while (!is_line_end(peek(p)) && peek(p) != quote)
        p->pos += p->text[p->pos] == '\\' && p->pos + 1 < p->len ? 2 : 1;
    if (is_line_end(peek(p)))
        return fail(p, start, "this quoted text has no end");
    n = node_new(p, JP_TEXT, start, tail);
    if (!unquote((struct tarn_bytes){p->text + start + 1, p->pos - start - 1}, quote, &p->names))
        return fail(p, start, "an escape in this quoted text is none of \\n \\t \\\\ \\\" \\' \\xHH \\uHHHH");
    n->name = name_since(p, before);
    text_is(n, TARN_STRING);
    p->pos++;
    return 0;
}

static int parse_number(struct parser *p, struct jp_node ***tail)
{
    size_t start = p->pos, before = p->j->bytes.len;
    struct jp_node *n = node_new(p, JP_TEXT, start, tail);
    char *end;

    if (peek(p) == '-' || peek(p) == '+')
        p->pos++;
    while (isdigit(peek(p)) || peek(p) == '.')
        p->pos++;
    print_add(&p->names, (struct tarn_bytes){p->text + start, p->pos - start});
    print_add(&p->names, (struct tarn_bytes){"", 1}); /* its NUL */
    n->name = name_since(p, before);
    errno = 0;
    text_is(n, TARN_INT);
    n->value.i = strtoll(n->name.data, &end, 10);
    if (!*end && end > n->name.data && !errno)
        return 0;
    text_is(n, TARN_DOUBLE);
    n->value.d = strtod(n->name.data, &end);
    return *end || end == n->name.data ? fail(p, start, "not a number") : 0;
}

/* A bare word inside an action: true, false, or range and end where these may stand. */
static int parse_word(struct parser *p, struct jp_node ***tail)
{
    size_t start = p->pos;
    struct tarn_bytes word = parse_name(p, p->len);
    bool is_true = tarn_bytes_equal(word, TARN_BYTES("true"));

    if (is_true || tarn_bytes_equal(word, TARN_BYTES("false"))) {
        struct jp_node *n = node_new(p, JP_TEXT, start, tail);

        text_is(n, TARN_BOOL);
        n->value.boolean = is_true;
        return 0;
    }
    return fail(p, start, "unrecognized word; a path begins with '.', text stands in quotes, range and end stand alone");
}

/* ---- [brackets] ----------------------------------------------------------------------------- */

static int parse_list(struct parser *p, struct jp_node **ret);

static int parse_operator(struct parser *p, enum jp_operator *ret)
{
    static const struct {
        const char *text;
        enum jp_operator op;
    } operators[] = {{"==", JP_EQUAL}, {"!=", JP_NOT_EQUAL}, {"<=", JP_LESS_EQUAL}, {">=", JP_GREATER_EQUAL}, {"<", JP_LESS}, {">", JP_GREATER}};

    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (looking_at(p, operators[i].text)) {
            p->pos += strlen(operators[i].text);
            *ret = operators[i].op;
            return 0;
        }
    return fail(p, p->pos, "unrecognized filter operator; there are == != < <= > >=");
}

/* [?(LEFT)] or [?(LEFT OP RIGHT)] */
static int parse_filter(struct parser *p, struct jp_node ***tail)
{
    size_t start = p->pos;
    struct jp_node *n = node_new(p, JP_FILTER, start, tail);
    int r;

    if (++p->depth > DEPTH_MAX)
        return fail(p, start, "nested too deep");
    p->pos += strlen("[?(");
    p->filters++;
    r = parse_list(p, &n->left);
    if (r == 0 && peek(p) != ')' && peek(p) >= 0)
        r = parse_operator(p, &n->op);
    if (r == 0 && n->op != JP_EXISTS)
        r = parse_list(p, &n->right);
    p->filters--;
    p->depth--;
    if (r != 0)
        return r;
    if (!looking_at(p, ")]"))
        return fail(p, start, "unterminated filter: it ends with ')]'");
    if (!n->left || (n->op != JP_EXISTS && !n->right))
        return fail(p, start, "a side of this filter is empty");
    p->pos += 2;
    return 0;
}

/* A number up to ':' or end. False: none stands there. */
static bool parse_bound(struct parser *p, size_t end, bool *ret_has, long *ret)
{
    char *stop;

    if (p->pos >= end || p->text[p->pos] == ':')
        return true;
    if (p->text[p->pos] != '-' && !isdigit((unsigned char)p->text[p->pos]))
        return false;
    errno = 0;
    *ret = strtol(p->text + p->pos, &stop, 10);
    *ret_has = true;
    p->pos = (size_t)(stop - p->text);
    return !errno && p->pos <= end && isdigit((unsigned char)stop[-1]);
}

/* from, from:to, from:to:step; each may be left out. One number alone is one element, nothing at all the first. */
static int parse_slice(struct parser *p, size_t end, struct jp_node ***tail)
{
    size_t start = p->pos;
    struct jp_node *n = node_new(p, JP_SLICE, start, tail);
    bool colon, ok = parse_bound(p, end, &n->slice.has_from, &n->slice.from);

    colon = p->pos < end && p->text[p->pos] == ':';
    if (ok && colon) {
        p->pos++;
        ok = parse_bound(p, end, &n->slice.has_to, &n->slice.to);
    } else if (ok && n->slice.from != -1) { /* [-1] goes to the end */
        n->slice.has_to = true;
        n->slice.to = n->slice.from + 1;
    }
    if (ok && colon && p->pos < end && p->text[p->pos] == ':') {
        p->pos++;
        ok = parse_bound(p, end, &n->slice.has_step, &n->slice.step);
    }
    return ok && p->pos == end ? 0 : fail(p, start, "invalid array index: a number, from:to:step, *, ?(filter) or 'name'");
}

/* What stands between two commas: 'name', *, or a slice. */
static int parse_selection(struct parser *p, size_t end, struct jp_node ***tail)
{
    while (p->pos < end && p->text[p->pos] == ' ')
        p->pos++;
    while (end > p->pos && p->text[end - 1] == ' ')
        end--;
    if (end == p->pos + 1 && p->text[p->pos] == '*') {
        node_new(p, JP_SLICE, p->pos++, tail);
        return 0;
    }
    if (end < p->pos + 2 || p->text[p->pos] != '\'' || p->text[end - 1] != '\'')
        return parse_slice(p, end, tail);
    for (end--; p->pos < end;) { /* as kubectl: dots in the quotes part names, unless a backslash stands before them */
        p->pos++;
        parse_field(p, end, tail);
    }
    return 0;
}

/* The end of the selection at pos: the next comma or closing bracket outside quotes, len if there is none. */
static size_t selection_end(const struct parser *p, char *ret_what)
{
    bool quoted = false;

    for (size_t i = p->pos; i < p->len && p->text[i] != '\n'; i++) {
        if (p->text[i] == '\'')
            quoted = !quoted;
        if (!quoted && (p->text[i] == ',' || p->text[i] == ']')) {
            *ret_what = p->text[i];
            return i;
        }
    }
    *ret_what = 0;
    return p->len;
}

static int parse_bracket(struct parser *p, struct jp_node ***tail)
{
    size_t start = p->pos++, end;
    struct jp_node *unions = node_new(p, JP_UNION, start, tail), **branches = &unions->left;
    char what = ',';

    while (what == ',') {
        struct jp_node *branch, **steps;
        int r;

        end = selection_end(p, &what);
        if (!what)
            return fail(p, start, "unterminated array: '[' has no ']'");
        branch = node_new(p, JP_LIST, p->pos, &branches);
        steps = &branch->left;
        r = parse_selection(p, end, &steps);
        if (r != 0)
            return r;
        p->pos = end + 1;
    }
    return 0;
}

/* ---- actions ---------------------------------------------------------------------------------- */

static int parse_step(struct parser *p, const struct jp_node *previous, struct jp_node ***tail)
{
    int c = peek(p);

    if (looking_at(p, "[?("))
        return parse_filter(p, tail);
    if (looking_at(p, ".."))
        return parse_deep(p, previous, tail);
    if (c == '[')
        return parse_bracket(p, tail);
    if (c == '"' || c == '\'')
        return parse_quoted(p, tail);
    if (c == '+' || c == '-' || isdigit(c))
        return parse_number(p, tail);
    if (isalpha(c) || c == '_')
        return parse_word(p, tail);
    if (c != '.')
        return fail(p, p->pos, "unrecognized character in an action");
    p->pos++;
    parse_field(p, p->len, tail);
    return 0;
}

/* Steps up to '}', or to the operator or bracket that ends a filter's side. */
static int parse_list(struct parser *p, struct jp_node **ret)
{
    struct jp_node **tail = ret, *previous = NULL;

    for (;;) {
        struct jp_node **at = tail;
        int c = peek(p), r;

        if (c == '}' || (p->filters && c > 0 && strchr("!<>=)", c)))
            return 0;
        if (is_line_end(c))
            return fail(p, p->pos, "unclosed action: '{' has no '}'");
        if (c == ' ' || c == '@' || c == '$') {
            p->pos++;
            continue;
        }
        r = parse_step(p, previous, &tail);
        if (r != 0)
            return r;
        previous = *at;
        while (previous && previous->next)
            previous = previous->next;
    }
}

static void skip_blanks(struct parser *p)
{
    while (peek(p) == ' ')
        p->pos++;
}

/* Is this the word, standing alone? Then step over it. */
static bool take_word(struct parser *p, const char *word)
{
    size_t n = strlen(word);

    if (!looking_at(p, word) || (p->pos + n < p->len && !ends_name(p, (unsigned char)p->text[p->pos + n])))
        return false;
    p->pos += n;
    skip_blanks(p);
    return true;
}

static int parse_template(struct parser *p, size_t range_at, bool in_range, struct jp_node **ret);

static int close_action(struct parser *p, size_t start)
{
    if (peek(p) != '}')
        return fail(p, start, "unclosed action: '{' has no '}'");
    p->pos++;
    return 0;
}

/* {...} at pos. *ret_end: it was {end}. */
static int parse_action(struct parser *p, bool in_range, bool *ret_end, struct jp_node ***tail)
{
    size_t start = p->pos++;
    struct jp_node *n;
    int r;

    skip_blanks(p);
    if (take_word(p, "end")) {
        *ret_end = true;
        return in_range ? close_action(p, start) : fail(p, start, "not in range, nothing to end");
    }
    if (!take_word(p, "range")) {
        n = node_new(p, JP_LIST, start, tail);
        r = parse_list(p, &n->left);
        return r != 0 ? r : close_action(p, start);
    }
    if (++p->depth > DEPTH_MAX)
        return fail(p, start, "nested too deep");
    n = node_new(p, JP_RANGE, start, tail);
    r = parse_list(p, &n->left);
    if (r == 0)
        r = close_action(p, start);
    if (r == 0)
        r = parse_template(p, start, true, &n->right);
    p->depth--;
    return r;
}

/* Text and actions up to {end} of the range, or the end. */
static int parse_template(struct parser *p, size_t range_at, bool in_range, struct jp_node **ret)
{
    struct jp_node **tail = ret;
    bool ended = false;

    while (!ended && p->pos < p->len) {
        const char *brace = memchr(p->text + p->pos, '{', p->len - p->pos);
        size_t end = brace ? (size_t)(brace - p->text) : p->len;
        int r;

        if (end > p->pos) {
            struct jp_node *n = node_new(p, JP_TEXT, p->pos, &tail);
            size_t before = p->j->bytes.len;

            print_add(&p->names, (struct tarn_bytes){p->text + p->pos, end - p->pos});
            n->name = name_since(p, before);
            text_is(n, TARN_STRING);
            p->pos = end;
            continue;
        }
        r = parse_action(p, in_range, &ended, &tail);
        if (r != 0)
            return r;
    }
    return in_range && !ended ? fail(p, range_at, "this range has no {end}") : 0;
}

int jsonpath_parse(const char *text, struct jsonpath **ret, struct tarn_error *err)
{
    size_t len = strlen(text), most = 2 * len + 2;
    struct jsonpath *j = calloc(1, sizeof *j + most * sizeof *j->all);
    struct parser p = {.j = j, .text = text, .len = len, .err = err};
    int r;

    if (!j || tarn_buf_reserve(&j->bytes, most) != 0) {
        free(j);
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    }
    p.names.out = &j->bytes;
    r = parse_template(&p, 0, false, &j->nodes);
    if (r == 0)
        *ret = j;
    else
        jsonpath_free(j);
    return r;
}

int jsonpath_parse_path(const char *text, struct jsonpath **ret, struct tarn_error *err)
{
    struct tarn_buf whole = {0};
    size_t n = strlen(text);
    bool braced = n > 1 && text[0] == '{' && text[n - 1] == '}';
    const char *inner = braced ? text + 1 : text;
    size_t len = braced ? n - 2 : n;
    int r;

    if (len == 0 || memchr(inner, '{', len) || memchr(inner, '}', len))
        return tarn_error_set(err, TARN_E_INVAL, "unexpected path '%s': one path as in .metadata.name or {.metadata.name}", text);
    r = tarn_buf_addf(&whole, "{%s%.*s}", inner[0] == '.' || inner[0] == '[' ? "" : ".", (int)len, inner);
    r = r ? tarn_error_set(err, r, "out of memory") : jsonpath_parse(whole.data, ret, err);
    tarn_buf_release(&whole);
    return r;
}

void jsonpath_free(struct jsonpath *j)
{
    if (j)
        tarn_buf_release(&j->bytes);
    free(j);
}
