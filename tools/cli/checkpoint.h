/* What tarn verify --checkpoint does. */
#ifndef TARN_CLI_CHECKPOINT_H
#define TARN_CLI_CHECKPOINT_H

/* Print what the checkpoint at path holds; test every object of it. Returns the exit code. No agent is needed. */
int verify_checkpoint(const char *path);

#endif
