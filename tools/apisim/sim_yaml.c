/* sim_yaml.c - libyaml's events folded into jansson values; collections under construction are a stack. */
#include "sim_yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <yaml.h>

enum { DEPTH_MAX = 200 };

struct builder {
    json_t *documents; /* finished ones */
    struct {
        json_t *value;
        char *key; /* in a mapping: the key whose value comes next */
    } stack[DEPTH_MAX];
    unsigned depth;
    struct tarn_error *err;
};

static json_t *plain_scalar(const char *s)
{
    char *end;
    long long n;
    double d;

    if (!*s || strcmp(s, "~") == 0 || strcmp(s, "null") == 0 || strcmp(s, "Null") == 0 || strcmp(s, "NULL") == 0)
        return json_null();
    if (strcmp(s, "true") == 0 || strcmp(s, "True") == 0 || strcmp(s, "TRUE") == 0)
        return json_true();
    if (strcmp(s, "false") == 0 || strcmp(s, "False") == 0 || strcmp(s, "FALSE") == 0)
        return json_false();
    if (!strchr("+-.0123456789", *s))
        return json_string(s);
    errno = 0;
    n = strtoll(s, &end, 10);
    if (!*end && end != s && errno == 0)
        return json_integer(n);
    if (strspn(s, "+-.0123456789eE") != strlen(s))
        return json_string(s);
    d = strtod(s, &end);
    return *end || end == s ? json_string(s) : json_real(d);
}

static int fail(struct builder *b, const yaml_event_t *e, const char *what)
{
    return tarn_error_set(b->err, TARN_E_SYNTAX, "line %zu: %s", e->start_mark.line + 1, what);
}

/* Put a finished or just opened value where it belongs. Takes v. */
static int place(struct builder *b, const yaml_event_t *e, json_t *v)
{
    json_t *top;
    char **key;

    if (!v)
        return fail(b, e, "invalid text");
    if (b->depth == 0)
        return json_array_append_new(b->documents, v) ? fail(b, e, "invalid text") : 0;
    top = b->stack[b->depth - 1].value;
    key = &b->stack[b->depth - 1].key;
    if (json_is_array(top))
        return json_array_append_new(top, v);
    if (*key) {
        int rc = json_object_set_new(top, *key, v);

        free(*key);
        *key = NULL;
        return rc ? fail(b, e, "invalid text") : 0;
    }
    json_decref(v);
    return fail(b, e, "a mapping's key must be a scalar");
}

static int scalar(struct builder *b, const yaml_event_t *e)
{
    const char *text = (const char *)e->data.scalar.value;
    bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && e->data.scalar.plain_implicit;

    if (b->depth && json_is_object(b->stack[b->depth - 1].value) && !b->stack[b->depth - 1].key) {
        b->stack[b->depth - 1].key = strcpy(sim_alloc(strlen(text) + 1), text);
        return 0;
    }
    return place(b, e, plain ? plain_scalar(text) : json_stringn(text, e->data.scalar.length));
}

static int open_collection(struct builder *b, const yaml_event_t *e, json_t *v)
{
    int rc;

    if (b->depth == DEPTH_MAX) {
        json_decref(v);
        return fail(b, e, "nested too deep");
    }
    rc = place(b, e, json_incref(v));
    b->stack[b->depth].value = v; /* kept alive by its parent; our reference goes when it closes */
    b->stack[b->depth++].key = NULL;
    return rc;
}

static int close_collection(struct builder *b)
{
    b->depth--;
    free(b->stack[b->depth].key);
    json_decref(b->stack[b->depth].value);
    return 0;
}

static int take(struct builder *b, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        return scalar(b, e);
    case YAML_MAPPING_START_EVENT:
        return open_collection(b, e, json_object());
    case YAML_SEQUENCE_START_EVENT:
        return open_collection(b, e, json_array());
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        return close_collection(b);
    case YAML_ALIAS_EVENT:
        return fail(b, e, "aliases are not supported");
    default:
        return 0;
    }
}

json_t *sim_yaml_parse_all(struct tarn_bytes text, struct tarn_error *err)
{
    struct builder b = {.documents = json_array(), .err = err};
    yaml_parser_t parser;
    yaml_event_t e;
    bool end = false;
    int rc = 0;

    if (!yaml_parser_initialize(&parser))
        return NULL;
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.data ? text.data : ""), text.len);
    while (!end && rc == 0) {
        if (!yaml_parser_parse(&parser, &e)) {
            rc = tarn_error_set(err, TARN_E_SYNTAX, "line %zu: %s", parser.problem_mark.line + 1,
                                parser.problem ? parser.problem : "not YAML");
            break;
        }
        end = e.type == YAML_STREAM_END_EVENT;
        rc = take(&b, &e);
        yaml_event_delete(&e);
    }
    while (b.depth)
        (void)close_collection(&b);
    yaml_parser_delete(&parser);
    if (rc == 0)
        return b.documents;
    json_decref(b.documents);
    return NULL;
}

json_t *sim_yaml_parse(struct tarn_bytes text, struct tarn_error *err)
{
    json_t *all = sim_yaml_parse_all(text, err), *first = json_incref(json_array_get(all, 0));

    if (all && !first)
        (void)tarn_error_set(err, TARN_E_SYNTAX, "no document");
    json_decref(all);
    return first;
}
