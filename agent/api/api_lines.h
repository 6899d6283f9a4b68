/* api_lines.h - texts of events, shared by the queues of all watches that are told them, and such a queue. */
#ifndef TARN_AGENT_API_LINES_H
#define TARN_AGENT_API_LINES_H

#include <tarn/bytes.h>

/* One event's text; counted by its queues and by who made it. */
struct api_line {
    unsigned refs;
    size_t len;
    char text[];
};
/* A copy of text with one reference, or NULL. */
struct api_line *api_line_new(struct tarn_bytes text);
/* NULL is allowed. */
void api_line_unref(struct api_line *l);

/* {0} is empty. */
struct api_lines {
    struct api_line **v; /* ring of cap, a power of two */
    size_t head, n, cap;
    size_t bytes;
    size_t sent; /* of the first */
};
/* Takes a reference of its own. 0 or TARN_E_NOMEM. */
int api_lines_push(struct api_lines *q, struct api_line *l);
/* Up to n bytes from the first line that is there. */
size_t api_lines_take(struct api_lines *q, char *to, size_t n);
/* All but what is sent half. */
void api_lines_clear(struct api_lines *q);
void api_lines_release(struct api_lines *q);

#endif
