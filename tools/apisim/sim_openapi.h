/* sim_openapi.h - /openapi/v2 (JSON and protobuf) and /openapi/v3: what kubectl validates, explains and applies by.
 *
 * The documents are made from the types (sim_schema.h) and, for custom resources, from their definitions. They hold no descriptions.
 */
#ifndef SIM_OPENAPI_H
#define SIM_OPENAPI_H

#include "sim_api.h"

/* Answer a request for the path /openapi/... of n segments v. */
void sim_openapi_serve(struct sim_api *api, struct sim_request *req, const char *const *v, unsigned n);

#endif
