/* sim_watch.h - WATCH: events as they happen, bookmarks, streaming lists. */
#ifndef SIM_WATCH_H
#define SIM_WATCH_H

#include "sim_api.h"

void sim_watch_serve(struct sim_call *c);

#endif
