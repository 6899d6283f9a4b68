/* Times as kubectl shows them. */
#ifndef TARN_PRINT_WHEN_H
#define TARN_PRINT_WHEN_H

#include <stdint.h>

#include "print_text.h"

/* "2026-11-24T09:00:00Z" as seconds since 1970; -1 if it is no such time. */
int64_t when_parse(struct tarn_bytes rfc3339);
/* A span of seconds as apimachinery's duration.HumanDuration: 45s, 2m5s, 3h, 5d4h, 2y10d. */
void when_span(int64_t seconds, struct print_text *out);
/* The age of an RFC 3339 time at now_s; "<unknown>" if there is none. */
void when_age(struct tarn_bytes rfc3339, int64_t now_s, struct print_text *out);

#endif
