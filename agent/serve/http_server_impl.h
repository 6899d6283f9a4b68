/* http_server_impl.h - what the parts of the HTTP server share: http_server.c (listeners, life), http_exchange.c (requests and answers),
 * http_listen.c (addresses). All on the server's thread.
 */
#ifndef TARN_AGENT_HTTP_SERVER_IMPL_H
#define TARN_AGENT_HTTP_SERVER_IMPL_H

#include <microhttpd.h>
#include <sys/queue.h>

#include "http_server.h"
#include "unix_socket.h"

/* One address with its daemon. */
struct http_listener {
    struct tarn_http_server *s;
    const char *name; /* for messages; NULL: not wanted */
    struct MHD_Daemon *daemon;
    struct tarn_unix_socket socket; /* of the Unix one */
    uv_poll_t poll;
    uv_timer_t timer; /* the daemon's timeout; without a daemon: listen again */
    bool failing;     /* as last logged */
};

TAILQ_HEAD(http_streams, tarn_http_exchange);

struct tarn_http_server {
    struct tarn_http_server_options o;
    uv_loop_t loop;
    uv_thread_t thread;
    uv_async_t stop;
    struct http_listener tcp, local;
    struct http_streams streams; /* answers whose source has not been told `done` */
    int hangups;                 /* an epoll descriptor: peers of streams that go away */
    uv_poll_t hangup_poll;
    size_t bodies;               /* bytes of requests' bodies held */
    bool stopping;
};

/* The daemon of l has work that its descriptor does not tell of. */
void http_listener_kick(struct http_listener *l);

/* ---- http_listen.c ---------------------------------------------------------------------------------------- */

/* "host:port", "[::1]:80" or "host" without its port. */
void http_strip_port(const char *host, char *ret, size_t size);
/* A listening descriptor, or an error. */
int http_listen_tcp(const struct http_listener *l, struct tarn_error *err);
int http_listen_local(struct http_listener *l, struct tarn_error *err);

/* ---- http_exchange.c ----------------------------------------------------------------------------------------- */

/* What libmicrohttpd calls; cls is the listener. */
void *http_on_uri(void *cls, const char *uri, struct MHD_Connection *connection);
enum MHD_Result http_on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method, const char *version, const char *data,
                                size_t *size, void **con_cls);
void http_on_completed(void *cls, struct MHD_Connection *connection, void **con_cls, enum MHD_RequestTerminationCode why);
void http_on_connection(void *cls, struct MHD_Connection *connection, void **socket_context, enum MHD_ConnectionNotificationCode code);

/* The peers of streams are watched for their going away. 0 or a libuv error; http_hangups_close in every case. */
int http_hangups_open(struct tarn_http_server *s);
void http_hangups_close(struct tarn_http_server *s);
/* Every stream ends by being cut. */
void http_cut_streams(struct tarn_http_server *s);

#endif
