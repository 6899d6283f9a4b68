/* JSONPath templates: text to nodes, by recursive descent. See jsonpath.h. */
#include <stdlib.h>
#include <string.h>

#include "jsonpath_parser.h"

int jp_parse_list(struct jp_parser *p, struct jp_node **ret)
{
    struct jp_node **tail = ret, *previous = NULL;

    for (;;) {
        struct jp_node **at = tail;
        int c = jp_peek(p), r;

        if (c == '}' || (p->filters && c > 0 && strchr("!<>=)", c)))
            return 0;
        if (jp_is_line_end(c))
            return jp_fail(p, p->pos, "unclosed action: '{' has no '}'");
        if (c == ' ' || c == '@' || c == '$') {
            p->pos++;
            continue;
        }
        r = jp_parse_step(p, previous, &tail);
        if (r != 0)
            return r;
        previous = *at;
        while (previous && previous->next)
            previous = previous->next;
    }
}

static void skip_blanks(struct jp_parser *p)
{
    while (jp_peek(p) == ' ')
        p->pos++;
}

/* Is this the word, standing alone? Then step over it. */
static bool take_word(struct jp_parser *p, const char *word)
{
    size_t n = strlen(word);

    if (!jp_looking_at(p, word) || (p->pos + n < p->len && !jp_ends_name(p, (unsigned char)p->text[p->pos + n])))
        return false;
    p->pos += n;
    skip_blanks(p);
    return true;
}

static int parse_template(struct jp_parser *p, size_t range_at, bool in_range, struct jp_node **ret);

static int close_action(struct jp_parser *p, size_t start)
{
    if (jp_peek(p) != '}')
        return jp_fail(p, start, "unclosed action: '{' has no '}'");
    p->pos++;
    return 0;
}

/* {...} at pos. *ret_end: it was {end}. */
static int parse_action(struct jp_parser *p, bool in_range, bool *ret_end, struct jp_node ***tail)
{
    size_t start = p->pos++;
    struct jp_node *n;
    int r;

    skip_blanks(p);
    if (take_word(p, "end")) {
        *ret_end = true;
        return in_range ? close_action(p, start) : jp_fail(p, start, "not in range, nothing to end");
    }
    if (!take_word(p, "range")) {
        n = jp_node_new(p, JP_LIST, start, tail);
        r = jp_parse_list(p, &n->left);
        return r != 0 ? r : close_action(p, start);
    }
    if (++p->depth > JP_DEPTH_MAX)
        return jp_fail(p, start, "nested too deep");
    n = jp_node_new(p, JP_RANGE, start, tail);
    r = jp_parse_list(p, &n->left);
    if (r == 0)
        r = close_action(p, start);
    if (r == 0)
        r = parse_template(p, start, true, &n->right);
    p->depth--;
    return r;
}

/* Text and actions up to {end} of the range, or the end. */
static int parse_template(struct jp_parser *p, size_t range_at, bool in_range, struct jp_node **ret)
{
    struct jp_node **tail = ret;
    bool ended = false;

    while (!ended && p->pos < p->len) {
        const char *brace = memchr(p->text + p->pos, '{', p->len - p->pos);
        size_t end = brace ? (size_t)(brace - p->text) : p->len;
        int r;

        if (end > p->pos) {
            struct jp_node *n = jp_node_new(p, JP_TEXT, p->pos, &tail);
            size_t before = p->j->bytes.len;

            print_add(&p->names, (struct tarn_bytes){p->text + p->pos, end - p->pos});
            n->name = jp_name_since(p, before);
            jp_text_is(n, TARN_STRING);
            p->pos = end;
            continue;
        }
        r = parse_action(p, in_range, &ended, &tail);
        if (r != 0)
            return r;
    }
    return in_range && !ended ? jp_fail(p, range_at, "this range has no {end}") : 0;
}

int jsonpath_parse(const char *text, struct jsonpath **ret, struct tarn_error *err)
{
    size_t len = strlen(text), most = 2 * len + 2;
    struct jsonpath *j = calloc(1, sizeof *j + most * sizeof *j->all);
    struct jp_parser p = {.j = j, .text = text, .len = len, .err = err};
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
