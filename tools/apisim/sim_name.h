/* sim_name.h - what objects may be called. */
#ifndef SIM_NAME_H
#define SIM_NAME_H

#include "sim_api.h"

/* Is it an RFC 1123 subdomain: labels of [a-z0-9-] that begin and end alphanumeric, joined by dots? */
bool sim_name_is_valid(const char *name);
/* Answer that it is not (422). */
void sim_name_refuse(struct sim_call *c, const char *name);

#endif
