/* json_text.h - writing strings into JSON that the agent makes itself (status, credential plugins). Any thread. */
#ifndef TARN_AGENT_JSON_TEXT_H
#define TARN_AGENT_JSON_TEXT_H

#include <tarn/bytes.h>

/* Append b as a JSON string, with its quotes. 0 or TARN_E_NOMEM. */
TARN_MUST_CHECK int tarn_json_quote(struct tarn_buf *out, struct tarn_bytes b);

#endif
