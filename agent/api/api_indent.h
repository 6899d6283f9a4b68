/* api_indent.h - JSON for people: compact text, in pieces of any size, with line ends and two spaces a level (Go's json.Indent). */
#ifndef TARN_AGENT_API_INDENT_H
#define TARN_AGENT_API_INDENT_H

#include <stdbool.h>

#include <tarn/bytes.h>

/* Between two pieces. {0} at the beginning. */
struct api_indent {
    unsigned depth;
    bool in_string, escaped, opened; /* opened: nothing followed the { or [ yet */
};

/* Append the next piece of a text, indented. 0 or TARN_E_NOMEM. */
TARN_MUST_CHECK int api_indent_add(struct api_indent *i, struct tarn_bytes piece, struct tarn_buf *out);
/* A whole text in its own buffer; on TARN_E_NOMEM it is not to be used. */
TARN_MUST_CHECK int api_indent_whole(struct tarn_buf *text);

#endif
