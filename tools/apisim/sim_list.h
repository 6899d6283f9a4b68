/* sim_list.h - LIST, from a snapshot. */
#ifndef SIM_LIST_H
#define SIM_LIST_H

#include "sim_api.h"

void sim_list_serve(struct sim_call *c);

/* Read a resourceVersion. 0: fine (absent and "0" give 0), else the text of what is wrong is in message. */
int sim_parse_rv(const char *text, uint64_t *ret, char *message, size_t n);

#endif
