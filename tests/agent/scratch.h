/* scratch.h - a folder of the test program's own, made at its first use and removed with all in it when the program ends. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <sys/types.h>

/* The path of name in it. Valid for the next fifteen calls. */
const char *scratch_path(const char *name);
/* Write text to that file; returns scratch_path. Ends the program if it cannot. */
const char *scratch_write(const char *name, mode_t mode, const char *text);

#endif
