/* sim_get.h - GET of one object, and answers that show one. */
#ifndef SIM_GET_H
#define SIM_GET_H

#include "sim_api.h"
#include "sim_form.h"
#include "sim_table.h"

void sim_get_serve(struct sim_call *c);

/* Answer with one object in the form the client accepts. o is borrowed. */
void sim_object_reply(struct sim_call *c, int code, struct sim_object *o);

/* The forms in which objects can be had, for sim_form_parse. */
#define SIM_FORMS_OF_OBJECTS (1u << SIM_AS_TABLE | 1u << SIM_AS_PARTIAL)
/* In which shape c wants its objects. */
struct sim_shape sim_shape_of(const struct sim_call *c, const struct sim_form *form);

#endif
