/* type_of.h - the simulator's types by the name of their kind. For tests. */
#ifndef TYPE_OF_H
#define TYPE_OF_H

#include "sim_schema.h"

/* The type of a built-in kind ("Pod"); NULL: there is none. */
const struct sim_schema *type_of(const char *kind);

#endif
