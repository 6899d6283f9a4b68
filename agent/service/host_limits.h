/* host_limits.h - what the system allows this process, made the most of and compared with what the configuration wants. */
#ifndef TARN_AGENT_LIMITS_H
#define TARN_AGENT_LIMITS_H

#include "config.h"

/*
 * Raise the limit of open files to what is allowed; where that is less than maxClients need, say so in the log and go on: who comes later
 * is refused. A limit of file sizes is left to who makes a file: it gets an error, not a signal.
 * 0, or TARN_E_LIMIT: too few files to run at all.
 */
int tarn_limits_take(const struct tarn_config *c, struct tarn_error *err);

#endif
