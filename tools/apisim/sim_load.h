/* sim_load.h - objects from files: JSON or YAML, single objects or lists, many documents, whole folders. */
#ifndef SIM_LOAD_H
#define SIM_LOAD_H

#include "sim_world.h"

/* Load path: a file, or a folder's *.json, *.yaml and *.yml in order of their names. The namespaces that objects are
 * in are made too. 0, or an error that names the file; what was loaded before it stays. */
int sim_load(struct sim_world *w, const char *path, struct tarn_error *err);

#endif
