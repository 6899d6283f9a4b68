/* sim_default.h - what a server fills in where a client says nothing. */
#ifndef SIM_DEFAULT_H
#define SIM_DEFAULT_H

#include "sim_json.h"
#include "sim_world.h"

/* What the types and kinds declare, as if the client had said it (who writes the object manages these fields too): structs
 * that are always there, restartPolicy and its like. */
void sim_default_declared(const struct sim_resource *r, json_t *v);
/* What the server decides: uid, creationTimestamp, generation, addresses, the first status. v may have them already. */
void sim_default_assigned(struct sim_world *w, const struct sim_resource *r, json_t *v);

#endif
