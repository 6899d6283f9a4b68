/* sim_select.c - selections: the range of keys first, then the selectors of core. */
#include "sim_select.h"

#include <stdio.h>

#include "sim_status.h"

bool sim_selection_parse(const struct sim_call *c, struct sim_selection *ret)
{
    *ret = (struct sim_selection){.resource = c->resource};
    strcpy(ret->ns, c->ns);
    strcpy(ret->name, c->name);
    return true;
}

void sim_selection_release(struct sim_selection *s)
{
    (void)s;
}

bool sim_selection_matches(const struct sim_selection *s, struct sim_object *o)
{
    if (*s->ns && !tarn_bytes_equal(sim_object_ns(o), tarn_bytes_of(s->ns)))
        return false;
    if (*s->name && !tarn_bytes_equal(sim_object_name(o), tarn_bytes_of(s->name)))
        return false;
    return true;
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
