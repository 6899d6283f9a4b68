/* sim_churn.h - changes at a steady rate over what was generated. */
#ifndef SIM_CHURN_H
#define SIM_CHURN_H

#include <uv.h>

#include "sim_generate.h"

struct sim_churn;

/* Change g's objects on loop, per_second times a second; 0: paused until sim_churn_set_rate. */
struct sim_churn *sim_churn_new(uv_loop_t *loop, struct sim_generator *g, uint32_t per_second);
void sim_churn_free(struct sim_churn *c);
/* May be called at any time, also with a NULL churn (nothing was generated: no effect). */
void sim_churn_set_rate(struct sim_churn *c, uint32_t per_second);
/* Stop for a while, and go on at the rate from before. */
void sim_churn_pause(struct sim_churn *c);
void sim_churn_resume(struct sim_churn *c);
uint32_t sim_churn_rate(const struct sim_churn *c);
uint64_t sim_churn_done(const struct sim_churn *c); /* changes made */

#endif
