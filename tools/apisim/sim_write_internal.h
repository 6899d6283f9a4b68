/* sim_write_internal.h - what the files of writing share. */
#ifndef SIM_WRITE_INTERNAL_H
#define SIM_WRITE_INTERNAL_H

#include "sim_apply.h"
#include "sim_write.h"

/* Who changes something with this call. Borrowed from c, which it fills in. */
struct sim_manager sim_write_manager(struct sim_call *c);
/* Put the namespace of the path into v; one that says another is refused. False: answered. */
bool sim_write_place(struct sim_call *c, json_t *v);
/* Is there such a subresource? False: answered. */
bool sim_write_known_subresource(struct sim_call *c);
/* Create v (taken), answer. managed: its managedFields are right already. */
void sim_write_create(struct sim_call *c, json_t *v, bool managed);
/* Make v (taken) the state of the existing object old, answer. managed: as above. */
void sim_write_replace(struct sim_call *c, json_t *v, struct sim_object *old, bool managed);
/* Patch or apply. */
void sim_write_patch(struct sim_call *c);

#endif
