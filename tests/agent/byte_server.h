/* byte_server.h - a server on loopback that answers with exact bytes, whatever is asked.
 *
 * It parses nothing but Content-Length: a request is what comes up to an empty line, and its body. The n-th request gets the n-th answer, the
 * last answer serves all further ones. Each connection has a thread of its own.
 */
#ifndef BYTE_SERVER_H
#define BYTE_SERVER_H

#include <stddef.h>
#include <stdint.h>

struct byte_answer {
    const char *bytes; /* NULL: close without an answer */
    size_t len;        /* 0: strlen */
    size_t piece;      /* bytes per write, 0: all at once */
    size_t repeat;     /* send `bytes` that many times more */
    int after;         /* 0: close, 1: keep the connection for the next request, 2: keep it and say nothing more */
};

struct byte_server;

struct byte_server *byte_server_start(const struct byte_answer *answers, size_t n);
const char *byte_server_url(const struct byte_server *s); /* http://127.0.0.1:PORT */
unsigned byte_server_requests(struct byte_server *s);
unsigned byte_server_connections(struct byte_server *s);
/* Bytes of bodies written so far, as far as the kernel took them. */
uint64_t byte_server_sent(struct byte_server *s);
/* The i-th request, head and body, copied to out. */
void byte_server_request(struct byte_server *s, unsigned i, char *out, size_t size);
void byte_server_stop(struct byte_server *s);

/* A file below tests/data/agent whole; ends the test program if it cannot be read. Freed by free. */
char *test_data(const char *name, size_t *ret_len);
/* "HTTP/1.1 200 OK ... \r\n\r\nbody"; freed by free. */
char *json_answer(int status, const char *body, size_t *ret_len);

/* A port of 127.0.0.1 where nobody listens. */
unsigned closed_port(void);

#endif
