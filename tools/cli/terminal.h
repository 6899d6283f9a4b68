/* What stands behind stdout and stderr, and the line of progress on it. */
#ifndef TARN_CLI_TERMINAL_H
#define TARN_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Characters a line of the terminal has that stdout is; 0: it is none. $COLUMNS where the terminal does not say. */
unsigned terminal_width(void);
/* Its lines; 24 where it does not say. */
unsigned terminal_height(void);
/* May stdout be coloured? Only a terminal, and neither with $NO_COLOR (no-color.org) nor TERM=dumb. */
bool terminal_colour(void);

/*
 * Show on stderr, if that is a terminal, that `what` (static text) goes on: from one second after begin, with what was counted so far,
 * until end. By a thread of its own, as the work may sit in one long call. Nothing at all for what is quicker.
 */
void progress_begin(const char *what);
void progress_count(size_t n);
void progress_end(void); /* any number of times */

#endif
