/* generation.h - the last number that was given to a generation, in RUNTIME-DIR/generation: so that no restarted agent gives it again.
 *
 * Clients tell regions apart by the agent run's random instance id and this number together; the number alone shows people which
 * one is newer. The file goes with the runtime directory at a reboot, as every client does.
 */
#ifndef TARN_AGENT_GENERATION_H
#define TARN_AGENT_GENERATION_H

#include <stdint.h>

/* 0: none is known. */
uint64_t tarn_generation_last(const char *runtime_dir);
/* Remember n if it is larger. 0 or -1 (errno): it is not remembered, which costs only the order of the numbers. */
int tarn_generation_note(const char *runtime_dir, uint64_t n);

#endif
