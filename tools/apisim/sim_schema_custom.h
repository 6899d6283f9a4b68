/* sim_schema_custom.h - the types of custom resources, from the schemas of their definitions. */
#ifndef SIM_SCHEMA_CUSTOM_H
#define SIM_SCHEMA_CUSTOM_H

#include "sim_schema.h"

/* The type that openAPIV3Schema (may be NULL) declares, with apiVersion, kind and metadata; fields that it does not name may
 * come all the same. It lives as long as the program; an equal schema gives the same type again. */
const struct sim_schema *sim_schema_of_definition(const json_t *schema);

#endif
