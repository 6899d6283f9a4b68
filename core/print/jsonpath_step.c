/* JSONPath: the steps of a path. See jsonpath_parser.h. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "jsonpath_parser.h"
#include "unquote.h"

int jp_fail(struct jp_parser *p, size_t at, const char *what)
{
    return tarn_error_set(p->err, TARN_E_INVAL, "jsonpath, column %zu: %s: %.60s", at + 1, what, at < p->len ? p->text + at : "(the end)");
}

struct jp_node *jp_node_new(struct jp_parser *p, enum jp_type type, size_t at, struct jp_node ***tail)
{
    struct jp_node *n = &p->j->all[p->j->nnodes++];

    n->type = type;
    n->column = (unsigned)at + 1;
    **tail = n;
    *tail = &n->next;
    return n;
}

struct tarn_bytes jp_name_since(const struct jp_parser *p, size_t before)
{
    return (struct tarn_bytes){p->j->bytes.data + before, p->j->bytes.len - before};
}

int jp_peek(const struct jp_parser *p)
{
    return p->pos < p->len ? (unsigned char)p->text[p->pos] : -1;
}

bool jp_looking_at(const struct jp_parser *p, const char *prefix)
{
    size_t n = strlen(prefix);

    return p->len - p->pos >= n && memcmp(p->text + p->pos, prefix, n) == 0;
}

bool jp_is_line_end(int c)
{
    return c < 0 || c == '\n' || c == '\r';
}

bool jp_ends_name(const struct jp_parser *p, int c)
{
    return c < 0 || isspace(c) || strchr(".,[]$@{}", c) || (p->filters && strchr("!<>=)", c));
}

/* ---- the steps of a path ------------------------------------------------------------------ */

/* A name up to the next character that ends one; a backslash takes the next character as it is. `end`: nothing from there on. */
static struct tarn_bytes parse_name(struct jp_parser *p, size_t end)
{
    size_t before = p->j->bytes.len;

    while (p->pos < end) {
        if (p->text[p->pos] == '\\' && p->pos + 1 < end)
            p->pos++;
        else if (jp_ends_name(p, jp_peek(p)))
            break;
        print_add(&p->names, (struct tarn_bytes){p->text + p->pos++, 1});
    }
    return jp_name_since(p, before);
}

static void parse_field(struct jp_parser *p, size_t end, struct jp_node ***tail)
{
    struct jp_node *n = jp_node_new(p, JP_FIELD, p->pos, tail);

    n->name = parse_name(p, end);
    if (tarn_bytes_equal(n->name, TARN_BYTES("*")))
        n->type = JP_ALL;
}

static int parse_deep(struct jp_parser *p, const struct jp_node *previous, struct jp_node ***tail)
{
    if (previous && previous->type == JP_DEEP)
        return jp_fail(p, p->pos, "two recursive descents in a row");
    jp_node_new(p, JP_DEEP, p->pos, tail);
    p->pos += 2;
    if (isalnum(jp_peek(p)) || jp_peek(p) == '_')
        parse_field(p, p->len, tail);
    return 0;
}

void jp_text_is(struct jp_node *n, enum tarn_value_type type)
{
    n->value.type = type;
    if (type == TARN_STRING)
        n->value.string = n->name;
}

static int parse_quoted(struct jp_parser *p, struct jp_node ***tail)
{
    size_t start = p->pos, before = p->j->bytes.len;
    char quote = p->text[p->pos++];
    struct jp_node *n;

    while (!jp_is_line_end(jp_peek(p)) && jp_peek(p) != quote)
        p->pos += p->text[p->pos] == '\\' && p->pos + 1 < p->len ? 2 : 1;
    if (jp_is_line_end(jp_peek(p)))
        return jp_fail(p, start, "this quoted text has no end");
    n = jp_node_new(p, JP_TEXT, start, tail);
    if (!unquote((struct tarn_bytes){p->text + start + 1, p->pos - start - 1}, quote, &p->names))
        return jp_fail(p, start, "an escape in this quoted text is none of \\n \\t \\\\ \\\" \\' \\xHH \\uHHHH");
    n->name = jp_name_since(p, before);
    jp_text_is(n, TARN_STRING);
    p->pos++;
    return 0;
}

static int parse_number(struct jp_parser *p, struct jp_node ***tail)
{
    size_t start = p->pos, before = p->j->bytes.len;
    struct jp_node *n = jp_node_new(p, JP_TEXT, start, tail);
    char *end;

    if (jp_peek(p) == '-' || jp_peek(p) == '+')
        p->pos++;
    while (isdigit(jp_peek(p)) || jp_peek(p) == '.')
        p->pos++;
    print_add(&p->names, (struct tarn_bytes){p->text + start, p->pos - start});
    print_add(&p->names, (struct tarn_bytes){"", 1}); /* its NUL */
    n->name = jp_name_since(p, before);
    errno = 0;
    jp_text_is(n, TARN_INT);
    n->value.i = strtoll(n->name.data, &end, 10);
    if (!*end && end > n->name.data && !errno)
        return 0;
    jp_text_is(n, TARN_DOUBLE);
    n->value.d = strtod(n->name.data, &end);
    return *end || end == n->name.data ? jp_fail(p, start, "not a number") : 0;
}

/* A bare word inside an action: true, false, or range and end where these may stand. */
static int parse_word(struct jp_parser *p, struct jp_node ***tail)
{
    size_t start = p->pos;
    struct tarn_bytes word = parse_name(p, p->len);
    bool is_true = tarn_bytes_equal(word, TARN_BYTES("true"));

    if (is_true || tarn_bytes_equal(word, TARN_BYTES("false"))) {
        struct jp_node *n = jp_node_new(p, JP_TEXT, start, tail);

        jp_text_is(n, TARN_BOOL);
        n->value.boolean = is_true;
        return 0;
    }
    return jp_fail(p, start, "unrecognized word; a path begins with '.', text stands in quotes, range and end stand alone");
}

/* ---- [brackets] ----------------------------------------------------------------------------- */

static int parse_operator(struct jp_parser *p, enum jp_operator *ret)
{
    static const struct {
        const char *text;
        enum jp_operator op;
    } operators[] = {{"==", JP_EQUAL}, {"!=", JP_NOT_EQUAL}, {"<=", JP_LESS_EQUAL}, {">=", JP_GREATER_EQUAL}, {"<", JP_LESS}, {">", JP_GREATER}};

    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (jp_looking_at(p, operators[i].text)) {
            p->pos += strlen(operators[i].text);
            *ret = operators[i].op;
            return 0;
        }
    return jp_fail(p, p->pos, "unrecognized filter operator; there are == != < <= > >=");
}

/* [?(LEFT)] or [?(LEFT OP RIGHT)] */
static int parse_filter(struct jp_parser *p, struct jp_node ***tail)
{
    size_t start = p->pos;
    struct jp_node *n = jp_node_new(p, JP_FILTER, start, tail);
    int r;

    if (++p->depth > JP_DEPTH_MAX)
        return jp_fail(p, start, "nested too deep");
    p->pos += strlen("[?(");
    p->filters++;
    r = jp_parse_list(p, &n->left);
    if (r == 0 && jp_peek(p) != ')' && jp_peek(p) >= 0)
        r = parse_operator(p, &n->op);
    if (r == 0 && n->op != JP_EXISTS)
        r = jp_parse_list(p, &n->right);
    p->filters--;
    p->depth--;
    if (r != 0)
        return r;
    if (!jp_looking_at(p, ")]"))
        return jp_fail(p, start, "unterminated filter: it ends with ')]'");
    if (!n->left || (n->op != JP_EXISTS && !n->right))
        return jp_fail(p, start, "a side of this filter is empty");
    p->pos += 2;
    return 0;
}

/* A number up to ':' or end. False: none stands there. */
static bool parse_bound(struct jp_parser *p, size_t end, bool *ret_has, long *ret)
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
static int parse_slice(struct jp_parser *p, size_t end, struct jp_node ***tail)
{
    size_t start = p->pos;
    struct jp_node *n = jp_node_new(p, JP_SLICE, start, tail);
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
    return ok && p->pos == end ? 0 : jp_fail(p, start, "invalid array index: a number, from:to:step, *, ?(filter) or 'name'");
}

/* What stands between two commas: 'name', *, or a slice. */
static int parse_selection(struct jp_parser *p, size_t end, struct jp_node ***tail)
{
    while (p->pos < end && p->text[p->pos] == ' ')
        p->pos++;
    while (end > p->pos && p->text[end - 1] == ' ')
        end--;
    if (end == p->pos + 1 && p->text[p->pos] == '*') {
        jp_node_new(p, JP_SLICE, p->pos++, tail);
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
static size_t selection_end(const struct jp_parser *p, char *ret_what)
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

static int parse_bracket(struct jp_parser *p, struct jp_node ***tail)
{
    size_t start = p->pos++, end;
    struct jp_node *unions = jp_node_new(p, JP_UNION, start, tail), **branches = &unions->left;
    char what = ',';

    while (what == ',') {
        struct jp_node *branch, **steps;
        int r;

        end = selection_end(p, &what);
        if (!what)
            return jp_fail(p, start, "unterminated array: '[' has no ']'");
        branch = jp_node_new(p, JP_LIST, p->pos, &branches);
        steps = &branch->left;
        r = parse_selection(p, end, &steps);
        if (r != 0)
            return r;
        p->pos = end + 1;
    }
    return 0;
}

/* ---- one step ------------------------------------------------------------------------------------ */

int jp_parse_step(struct jp_parser *p, const struct jp_node *previous, struct jp_node ***tail)
{
    int c = jp_peek(p);

    if (jp_looking_at(p, "[?("))
        return parse_filter(p, tail);
    if (jp_looking_at(p, ".."))
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
        return jp_fail(p, p->pos, "unrecognized character in an action");
    p->pos++;
    parse_field(p, p->len, tail);
    return 0;
}
