/* sim_select.c - selections: the range of keys first, then the selectors of core. */
#include "sim_select.h"

#include <stdio.h>

#include "sim_status.h"

/* The path a term of a field selector begins with, up to `=` or `!=`; text moves behind the term. */
static bool next_term(const char **text, char *ret, size_t n)
{
    size_t len = strcspn(*text, "=!");

    if (**text == 0)
        return false;
    (void)snprintf(ret, n, "%.*s", (int)len, *text);
    for (*text += len; **text && **text != ','; (*text)++)
        if (**text == '\\' && (*text)[1])
            (*text)++;
    *text += **text == ',';
    return true;
}

static bool parse_fields(const struct sim_call *c, const char *text, struct sim_selection *s)
{
    char path[256];
    const char *p = text;
    struct tarn_error err;

    if (tarn_field_selector_parse(tarn_bytes_of(text), &s->fields, &err)) {
        sim_reply_bad_request(c->req, "%s", err.message);
        return false;
    }
    while (next_term(&p, path, sizeof path))
        if (!sim_kind_selectable(&c->resource->kind, path)) {
            sim_reply_bad_request(c->req, "field label not supported: %s", path);
            return false;
        }
    return true;
}

bool sim_selection_parse(const struct sim_call *c, struct sim_selection *ret)
{
    const char *labels = sim_request_query(c->req, "labelSelector"), *fields = sim_request_query(c->req, "fieldSelector");
    struct tarn_error err;
    bool ok = true;

    *ret = (struct sim_selection){.resource = c->resource};
    strcpy(ret->ns, c->ns);
    strcpy(ret->name, c->name);
    if (labels && *labels && tarn_selector_parse(tarn_bytes_of(labels), &ret->labels, &err)) {
        sim_reply_bad_request(c->req, "unable to parse requirement: %s", err.message);
        ok = false;
    }
    ok = ok && (!fields || !*fields || parse_fields(c, fields, ret));
    if (!ok)
        sim_selection_release(ret);
    return ok;
}

void sim_selection_release(struct sim_selection *s)
{
    tarn_selector_free(s->labels);
    tarn_field_selector_free(s->fields);
    s->labels = NULL;
    s->fields = NULL;
}

bool sim_selection_matches(const struct sim_selection *s, struct sim_object *o)
{
    const struct tarn_object *facts;

    if (*s->ns && !tarn_bytes_equal(sim_object_ns(o), tarn_bytes_of(s->ns)))
        return false;
    if (*s->name && !tarn_bytes_equal(sim_object_name(o), tarn_bytes_of(s->name)))
        return false;
    if (!s->labels && !s->fields)
        return true;
    facts = sim_resource_facts(s->resource, o);
    return facts && tarn_selector_matches(s->labels, facts) && tarn_field_selector_matches(s->fields, facts);
}

bool sim_selection_filters(const struct sim_selection *s)
{
    return *s->name || s->labels || s->fields;
}

void sim_selection_range(const struct sim_selection *s, struct sim_range *ret)
{
    *ret = (struct sim_range){{0}, {0}};
    if (!*s->ns)
        return;
    (void)snprintf(ret->from, sizeof ret->from, "%s/", s->ns);
    (void)snprintf(ret->to, sizeof ret->to, "%s0", s->ns); /* '0' follows '/' */
}
