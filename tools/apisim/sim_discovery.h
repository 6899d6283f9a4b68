/* sim_discovery.h - what the server serves: /api, /apis, /version, health, OpenAPI. */
#ifndef SIM_DISCOVERY_H
#define SIM_DISCOVERY_H

#include "sim_api.h"

/* Answer a request for the path of n segments v, which is no resource's. */
void sim_discovery_serve(struct sim_api *api, struct sim_request *req, const char *const *v, unsigned n);

#endif
