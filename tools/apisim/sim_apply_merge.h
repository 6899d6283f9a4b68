/* sim_apply_merge.h - the two steps of server-side apply that change an object. */
#ifndef SIM_APPLY_MERGE_H
#define SIM_APPLY_MERGE_H

#include "sim_schema.h"

/* live with what config says put in: structs, maps and keyed lists merge, everything else is replaced. Owned. */
json_t *sim_apply_merge(const struct sim_schema *s, const json_t *live, const json_t *config);
/* v without the places in gone (a set, sim_fields.h). Owned. */
json_t *sim_apply_without(const struct sim_schema *s, const json_t *v, const json_t *gone);

/* The object of this type as a server creates it before it looks at what came: structs that are always there. Owned. */
json_t *sim_apply_empty(const struct sim_schema *s);

#endif
