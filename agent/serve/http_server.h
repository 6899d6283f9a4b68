/* http_server.h - HTTP/1.1 for this host: libmicrohttpd on a libuv loop, on a thread of its own.
 *
 * It serves what its routes say, to a loopback address and/or a Unix socket, at most so many connections at a time on each; who else comes
 * waits in the listen queue. A handler answers at once or later; nothing it waits for holds up another. An address that is taken is told
 * in the log and tried again: the agent goes on without.
 *
 * Requests by names that are not this host's (a page in a browser that had its name rebound) are refused. GET and HEAD only; a request's body
 * is read and dropped.
 */
#ifndef TARN_AGENT_HTTP_SERVER_H
#define TARN_AGENT_HTTP_SERVER_H

#include <stdbool.h>
#include <uv.h>

#include <tarn/bytes.h>
#include <tarn/error.h>

struct tarn_http_server;
struct tarn_http_exchange; /* one request and its answer */

struct tarn_http_route {
    const char *path;
    bool prefix; /* and everything below it */
    /* On the server's thread. Answer now, or keep x and answer later on that thread: x lives until it is answered. */
    void (*handle)(void *ctx, struct tarn_http_exchange *x);
};

struct tarn_http_server_options {
    const char *listen;      /* "127.0.0.1:9402", "[::1]:0", "localhost:80"; NULL: no TCP */
    const char *socket_path; /* NULL: no Unix socket */
    int64_t socket_gid;      /* as in unix_socket.h */
    unsigned max_connections;
    const struct tarn_http_route *routes; /* the first that fits; ended by one without a path */
    void *ctx;
    /* On the server's thread, before it serves: for handles on its loop. 0 or a libuv error. */
    int (*on_start)(void *ctx, uv_loop_t *loop);
    /* On the server's thread, when it stops: answer what is kept, close the handles. The loop ends when all are closed. */
    void (*on_stop)(void *ctx);
    uv_async_t *stopped; /* is sent as the thread's last act */
};

/* Parse "address:port" of a loopback address. TARN_E_CONFIG says what is wrong. */
int tarn_http_server_check_listen(const char *listen, struct tarn_error *err);

/* The options' pointers are borrowed until the join. TARN_E_NOMEM or TARN_E_IO (no thread): an address that is taken is no error here. */
int tarn_http_server_start(const struct tarn_http_server_options *o, struct tarn_http_server **ret, struct tarn_error *err);
/* Any thread: stop serving. `stopped` is sent when it is done; then join. */
void tarn_http_server_stop(struct tarn_http_server *s);
void tarn_http_server_join(struct tarn_http_server *s);

/* ---- on the server's thread ---------------------------------------------------------------------- */

/* The path below the route, "" at the route itself. Borrowed as long as x. */
const char *tarn_http_exchange_path(const struct tarn_http_exchange *x);
/* The value of a query argument: NULL: not given, "" without a value. */
const char *tarn_http_exchange_query(const struct tarn_http_exchange *x, const char *name);
/* The route it came by. */
const struct tarn_http_route *tarn_http_exchange_route(const struct tarn_http_exchange *x);

/* Answer: x is gone for the caller afterwards. body is taken, and empty after. type is a constant. */
void tarn_http_exchange_reply(struct tarn_http_exchange *x, unsigned status, const char *type, struct tarn_buf *body);

/* For who keeps them: one list a keeper. */
struct tarn_http_exchange **tarn_http_exchange_next(struct tarn_http_exchange *x);
uint64_t tarn_http_exchange_since_ms(const struct tarn_http_exchange *x); /* the loop's clock */

#endif
