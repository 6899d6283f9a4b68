/* sim_body.h - the object that a request brings: its format, its kind, and whether its fields exist. */
#ifndef SIM_BODY_H
#define SIM_BODY_H

#include "sim_api.h"
#include "sim_schema.h"

/* Is the Content-Type this one? */
bool sim_body_is(const struct sim_call *c, const char *type);
/* The object (or patch) in the body, JSON or YAML, owned; NULL: answered. */
json_t *sim_body_read(struct sim_call *c);
/* Does v say the kind and version of the resource it was sent to? False: answered. */
bool sim_body_fits(struct sim_call *c, const json_t *v);
/* Take away fields that the kind does not have, with a warning unless fieldValidation=Ignore; with fieldValidation=Strict they are refused, and so is always a value of
 * another type than its field's. False: answered. */
bool sim_body_known(struct sim_call *c, json_t *v);
/* The same for a configuration that is applied: no field may be unknown. */
bool sim_body_declared(struct sim_call *c, json_t *v);

#endif
