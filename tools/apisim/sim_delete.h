/* sim_delete.h - delete and deletecollection. */
#ifndef SIM_DELETE_H
#define SIM_DELETE_H

#include "sim_api.h"

/* Serve a call of one of these verbs. */
void sim_delete_serve(struct sim_call *c);
void sim_delete_collection_serve(struct sim_call *c);

/* Finish deletions that were put off (pods within their grace period). Called now and then. */
void sim_delete_reap(struct sim_api *api);
/* Forget those that are still put off. */
void sim_delete_release(struct sim_api *api);

#endif
