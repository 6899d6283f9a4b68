/* sim_discovery.c - discovery and health. */
#include "sim_discovery.h"

#include "sim_status.h"

void sim_discovery_serve(struct sim_api *api, struct sim_request *req, const char *const *v, unsigned n)
{
    (void)api;
    (void)v;
    (void)n;
    sim_reply_no_path(req);
}
