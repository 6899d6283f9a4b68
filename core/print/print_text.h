/* Text on its way into a buffer. What is added is not checked one by one: the first failure is remembered, and from then on nothing is added. */
#ifndef TARN_PRINT_TEXT_H
#define TARN_PRINT_TEXT_H

#include <tarn/bytes.h>

struct print_text {
    struct tarn_buf *out;
    int err; /* 0 or TARN_E_NOMEM */
};

void print_add(struct print_text *t, struct tarn_bytes bytes);
void print_adds(struct print_text *t, const char *s);
void print_addf(struct print_text *t, const char *fmt, ...) TARN_PRINTF(2, 3);
/* Add `none` if nothing came since the buffer was `before` long. */
void print_or(struct print_text *t, size_t before, const char *none);
/* bytes as a JSON string, with its quotes. */
void print_json_string(struct print_text *t, struct tarn_bytes bytes);

#endif
