/* sim_control.h - /sim/...: how a test looks into the simulator and makes it misbehave. */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

#include "sim_api.h"

void sim_control_serve(struct sim_api *api, struct sim_request *req, const char *what);

#endif
