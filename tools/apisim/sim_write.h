/* sim_write.h - create, update, patch and apply (sim_delete.h: delete). */
#ifndef SIM_WRITE_H
#define SIM_WRITE_H

#include "sim_api.h"
#include "sim_json.h"

/* Serve a call of one of these verbs. */
void sim_write_serve(struct sim_call *c);

/* Create v (a whole object, borrowed) without a client, as --load does: what is missing is made up, what is there
 * stays, also its uid and times. Replaces an object of the same name. 0, or TARN_E_INVAL with what is wrong. */
int sim_write_load(struct sim_world *w, const json_t *v, struct tarn_error *err);

#endif
