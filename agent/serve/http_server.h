/* http_server.h - HTTP/1.1 for this host: libmicrohttpd on a libuv loop, on a thread of its own.
 *
 * It serves what its routes say, to a TCP address and/or a Unix socket, at most so many connections at a time on each; who else comes
 * waits in the listen queue. A handler answers at once, later, or by a stream whose bytes come as they are there; nothing it waits for holds
 * up another. An address that is taken is told in the log and tried again: the agent goes on without.
 *
 * Over TCP, requests by names that are not this host's (a page in a browser that had its name rebound) are refused, unless the listener has
 * a certificate: then the client has checked the name. Without one only loopback addresses are listened on.
 *
 * What a peer can make grow has a bound: headers (431), a body (413), all bodies (429), the time in which it takes or sends nothing (60 s). What is no HTTP at all is
 * answered by libmicrohttpd itself, in its own words.
 */
#ifndef TARN_AGENT_HTTP_SERVER_H
#define TARN_AGENT_HTTP_SERVER_H

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>

#include <tarn/bytes.h>
#include <tarn/error.h>

struct tarn_http_server;
struct tarn_http_exchange; /* one request and its answer */
struct tarn_peer;          /* peer.h */

struct tarn_http_route {
    const char *path;
    bool prefix; /* and everything below it */
    /* On the server's thread. Answer now, or keep x and answer later on that thread: x lives until it is answered. */
    void (*handle)(void *ctx, struct tarn_http_exchange *x);
};

struct tarn_http_header {
    const char *name, *value;
};

/* What it did since it started, for any thread. Each by itself: relaxed. */
struct tarn_http_counters {
    _Atomic uint64_t connections, streams; /* now */
    _Atomic uint64_t requests, refused;    /* refused: by the server itself, before any route */
    _Atomic uint64_t bytes_sent;           /* of bodies */
};

struct tarn_http_server_options {
    const char *name;        /* for the log: "http server" */
    const char *section;     /* of the configuration, for messages: "http" */
    const char *listen;      /* "127.0.0.1:9402", "[::1]:0", "localhost:80"; NULL: no TCP */
    const char *socket_path; /* NULL: no Unix socket */
    int64_t socket_gid;      /* as in unix_socket.h */
    const char *certificate, *key; /* PEM texts of the TCP listener; NULL: plain HTTP */
    unsigned max_connections;
    bool any_method;         /* else GET and HEAD alone */
    size_t max_body;         /* bytes of a request's body (413); 0: bodies are dropped */
    size_t max_bodies;       /* of all that are held at a time (429) */
    const struct tarn_http_header *headers; /* of every answer; ended by one without a name. NULL: none */
    /* Make the body of an answer that the server gives itself (403, 404, 405, 413, 429, 431, 503), and name its type. NULL: plain text. 0 or TARN_E_NOMEM. */
    int (*refusal)(void *ctx, unsigned status, const char *message, struct tarn_buf *body, const char **ret_type);
    const struct tarn_http_route *routes; /* the first that fits; ended by one without a path */
    struct tarn_http_counters *counters;  /* outlives the server; NULL: nobody counts */
    void *ctx;
    /* On the server's thread, before it serves: for handles on its loop. 0 or a libuv error. */
    int (*on_start)(void *ctx, uv_loop_t *loop);
    /* On the server's thread, when it stops: answer what is kept. Streams that are not at their end are cut afterwards. */
    void (*on_stop)(void *ctx);
    /* Every exchange and stream is done: close the handles. The thread ends when all are closed. NULL: on_stop has done it. */
    void (*on_ended)(void *ctx);
    uv_async_t *stopped; /* is sent as the thread's last act */
};

/* Parse "address:port": of a loopback address, or of any if `any`. TARN_E_CONFIG says what is wrong. */
int tarn_http_server_check_listen(const char *listen, bool any, struct tarn_error *err);

/* The options' pointers are borrowed until the join. TARN_E_NOMEM or TARN_E_IO (no thread): an address that is taken is no error here. */
int tarn_http_server_start(const struct tarn_http_server_options *o, struct tarn_http_server **ret, struct tarn_error *err);
/* Any thread: stop serving. `stopped` is sent when it is done; then join. */
void tarn_http_server_stop(struct tarn_http_server *s);
void tarn_http_server_join(struct tarn_http_server *s);

/* ---- on the server's thread: the request ---------------------------------------------------------------- */

/* All that is returned here is borrowed as long as x. */

const char *tarn_http_exchange_method(const struct tarn_http_exchange *x);
/* The path below the route, decoded; "" at the route itself. */
const char *tarn_http_exchange_path(const struct tarn_http_exchange *x);
/* Path and query as they were sent. */
const char *tarn_http_exchange_target(const struct tarn_http_exchange *x);
/* The value of a query argument: NULL: not given, "" without a value. */
const char *tarn_http_exchange_query(const struct tarn_http_exchange *x, const char *name);
/* The value of a header; NULL: not given. Of one that came several times: the first. */
const char *tarn_http_exchange_header(const struct tarn_http_exchange *x, const char *name);
/* Call fn for each header of the request, until it returns other than 0, which is returned. */
int tarn_http_exchange_each_header(const struct tarn_http_exchange *x, int (*fn)(void *ctx, const char *name, const char *value), void *ctx);
/* The whole body; empty: none, or max_body is 0. */
struct tarn_bytes tarn_http_exchange_body(const struct tarn_http_exchange *x);
/* Did it come by the Unix socket? */
bool tarn_http_exchange_is_local(const struct tarn_http_exchange *x);
/* Who is at the other end of the Unix socket, as it was when they connected; NULL: TCP, or the kernel does not say. Without a pidfd. */
const struct tarn_peer *tarn_http_exchange_peer(const struct tarn_http_exchange *x);
/* The route it came by. */
const struct tarn_http_route *tarn_http_exchange_route(const struct tarn_http_exchange *x);

/* ---- on the server's thread: the answer -------------------------------------------------------------------- */

/* One more header of the answer that follows; both are copied. 0 or TARN_E_NOMEM. */
int tarn_http_exchange_add_header(struct tarn_http_exchange *x, const char *name, const char *value);
/* Answer: x is gone for the caller afterwards. body is taken, and empty after. type is a constant. */
void tarn_http_exchange_reply(struct tarn_http_exchange *x, unsigned status, const char *type, struct tarn_buf *body);

#define TARN_HTTP_END (-1) /* all has been read */
#define TARN_HTTP_CUT (-2) /* there will be no more, though it is not whole: the connection is closed, so that the peer sees it */

/* Where the bytes of an answer come from. */
struct tarn_http_source {
    /* Up to n bytes; 0: nothing now, tarn_http_exchange_wake tells when there is more; TARN_HTTP_END; TARN_HTTP_CUT. After the last two it is not called again. */
    ssize_t (*read)(void *ctx, char *to, size_t n);
    /* The last call, however it ended: x is gone. */
    void (*done)(void *ctx);
};

/*
 * Answer with what the source gives, as it gives it. x may be used for tarn_http_exchange_wake and what is said of the request, until done is called.
 * A peer that has gone, or sends no more (shutdown), is let go as soon as the source has nothing for it. Neither read nor done is called
 * from inside these two.
 */
void tarn_http_exchange_stream(struct tarn_http_exchange *x, unsigned status, const char *type, const struct tarn_http_source *source, void *ctx);
/* There is more to read, or an end to be told. As often as one likes; read follows in the loop's next turn. */
void tarn_http_exchange_wake(struct tarn_http_exchange *x);

/* Let a stream end by a cut, whatever its source still has. What is no stream yet is answered as if this had not been said. */
void tarn_http_exchange_cut(struct tarn_http_exchange *x);

/* For who keeps them: one list a keeper. */
struct tarn_http_exchange **tarn_http_exchange_next(struct tarn_http_exchange *x);
uint64_t tarn_http_exchange_since_ms(const struct tarn_http_exchange *x); /* the loop's clock */

#endif
