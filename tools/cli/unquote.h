/* Escapes in quoted text, as Go's string literals have them. */
#ifndef TARN_CLI_UNQUOTE_H
#define TARN_CLI_UNQUOTE_H

#include <tarn/bytes.h>

/* Append the meaning of text (between two `quote`s) to out. False: an escape is none. */
bool unquote(struct tarn_bytes text, char quote, struct tarn_buf *out);

#endif
