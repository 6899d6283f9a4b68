/* base64.h - RFC 4648 text and back, as kubeconfigs and credential plugins write certificates. Any thread. */
#ifndef TARN_AGENT_BASE64_H
#define TARN_AGENT_BASE64_H

#include <tarn/bytes.h>

/* Decode into out (at least 3/4 of the text); the length, or -1. White space is skipped, as YAML folds long lines. */
long tarn_base64_decode(const char *text, char *out);
/* Append b in base64 with its padding, on one line. 0 or TARN_E_NOMEM. */
TARN_MUST_CHECK int tarn_base64_encode(struct tarn_buf *out, struct tarn_bytes b);

#endif
