/* environment.h - "spec.nodeName=$(NODE_NAME)": environment variables in texts of the configuration, written as in a pod's manifest. */
#ifndef TARN_AGENT_ENVIRONMENT_H
#define TARN_AGENT_ENVIRONMENT_H

#include "arena.h"

/*
 * Put the value of each `$(NAME)` of text into a copy in the arena; `$$` becomes `$`, so `$$(NAME)` is the text `$(NAME)`; any other
 * `$` stays. As the kubelet does for a container's command, but a name that is not set is an error here: a selector would ask for something else.
 * 0; TARN_E_CONFIG (err names the variable and the byte of text, from 1); TARN_E_NOMEM.
 */
int tarn_environment_expand(struct tarn_arena *arena, const char *text, const char **ret, struct tarn_error *err);

#endif
