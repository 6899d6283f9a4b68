/* http_fixture.h - an HTTP server on a Unix socket of its own, for tests, and raw connections to it. */
#ifndef HTTP_FIXTURE_H
#define HTTP_FIXTURE_H

#include "http_server.h"

struct http_fixture {
    uv_loop_t loop; /* this thread's, for `stopped` */
    uv_async_t stopped;
    bool ended;
    struct tarn_http_server *server;
    char path[64];
    struct tarn_http_counters counters;
};

/* Serve with the options of o; its name, section, socket and `stopped` are filled in here. Ends the test program if it cannot be made. */
void http_fixture_begin(struct http_fixture *f, const struct tarn_http_server_options *o);
/* Stop and join: everything must be closed and the socket gone. */
void http_fixture_end(struct http_fixture *f);

/* A connection that has sent text. */
int http_fixture_send(const struct http_fixture *f, const char *text);
/* Read until the peer closes, or n bytes are there; returns how many. buf is ended by a NUL (n + 1 bytes). */
size_t http_fixture_read(int fd, char *buf, size_t n);

/* An answer of n bytes and a NUL, taken apart in place. */
struct http_answer {
    unsigned status;
    const char *headers;    /* a text */
    struct tarn_bytes body; /* without chunks */
    bool whole;             /* chunks: their end was told; else as long as Content-Length says */
};
void http_fixture_parse(char *text, size_t n, struct http_answer *ret);

/* Wait until *v is `want`, at most 20 s. */
bool http_fixture_wait(const _Atomic uint64_t *v, uint64_t want);

#endif
