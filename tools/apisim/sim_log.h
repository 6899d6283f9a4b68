/* sim_log.h - GET of a pod's log: made-up lines, with follow=true one more every 100 ms until the client has had enough. */
#ifndef SIM_LOG_H
#define SIM_LOG_H

#include "sim_api.h"

void sim_log_serve(struct sim_call *c);

#endif
