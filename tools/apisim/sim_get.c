/* sim_get.c - one object, in the form that is asked for. */
#include "sim_get.h"

#include <stdio.h>

#include "sim_status.h"

struct sim_shape sim_shape_of(const struct sim_call *c, const struct sim_form *form)
{
    const char *v = sim_request_query(c->req, "includeObject");

    return (struct sim_shape){.as = form->as, .include = v && strcmp(v, "None") == 0     ? SIM_INCLUDE_NONE
                                                         : v && strcmp(v, "Object") == 0 ? SIM_INCLUDE_OBJECT
                                                                                         : SIM_INCLUDE_METADATA};
}

void sim_object_reply(struct sim_call *c, int code, struct sim_object *o)
{
    struct sim_reply_head head = {.code = code};
    struct tarn_buf body = {0};
    struct sim_shape shape;
    struct sim_form form;

    if (!sim_form_parse(c->req, SIM_FORMS_OF_OBJECTS, &form))
        return;
    shape = sim_shape_of(c, &form);
    sim_object_render_as(c->resource, &shape, o, &body);
    sim_puts(&body, "\n");
    for (size_t i = 0; i < sizeof c->warnings / sizeof *c->warnings && *c->warnings[i]; i++) {
        head.header[i][0] = "Warning";
        head.header[i][1] = c->warnings[i];
    }
    sim_form_reply(c->req, &form, &head, &body);
}

void sim_get_serve(struct sim_call *c)
{
    char key[520];
    struct sim_object *o;

    if (*c->subresource && strcmp(c->subresource, "status") != 0) {
        sim_reply_no_resource(c->req);
        return;
    }
    (void)snprintf(key, sizeof key, "%s%s%s", c->ns, *c->ns ? "/" : "", c->name);
    o = sim_tree_get(&c->resource->tree, tarn_bytes_of(key));
    if (o)
        sim_object_reply(c, 200, o);
    else
        sim_reply_not_found(c->req, &c->resource->kind, c->name);
}
