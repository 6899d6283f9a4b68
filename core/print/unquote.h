/* Escapes in quoted text, as Go's string literals have them. */
#ifndef TARN_PRINT_UNQUOTE_H
#define TARN_PRINT_UNQUOTE_H

#include <stdbool.h>

#include "print_text.h"

/* Append the meaning of text (between two `quote`s) to out. False: an escape is none. */
bool unquote(struct tarn_bytes text, char quote, struct print_text *out);

#endif
