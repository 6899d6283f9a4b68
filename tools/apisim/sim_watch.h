/* sim_watch.h - WATCH: events as they happen, bookmarks, streaming lists. */
#ifndef SIM_WATCH_H
#define SIM_WATCH_H

#include "sim_api.h"

void sim_watch_serve(struct sim_call *c);
/* End every open watch of r (NULL: of all) now, cleanly or by cutting its connection. Returns how many. */
unsigned sim_watch_drop(struct sim_world *w, const struct sim_resource *r, bool cut);

#endif
