/* sim_crd.h - custom resources: a CustomResourceDefinition makes a resource appear, its deletion makes it go. */
#ifndef SIM_CRD_H
#define SIM_CRD_H

#include "sim_json.h"
#include "sim_world.h"

/* v was stored in r. If it is a definition, serve what it defines (and mark it Established). */
void sim_crd_changed(struct sim_world *w, const struct sim_resource *r, const json_t *v);
/* v is about to be deleted from r. If it is a definition: delete its objects, then stop serving them. */
void sim_crd_deleted(struct sim_world *w, const struct sim_resource *r, const json_t *v);

#endif
