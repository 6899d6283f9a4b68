/* http_internal.h - what http.c (transfers), http_easy.c (one transfer for libcurl), http_head.c (heads of answers), http_socket.c (curl on libuv) and
 * http_name.c (host names) share. */
#ifndef TARN_AGENT_HTTP_INTERNAL_H
#define TARN_AGENT_HTTP_INTERNAL_H

#include <curl/curl.h>
#include <sys/queue.h>

#include "credentials.h"
#include "http.h"
#include <tarn/rate.h>

#define HTTP_CLASSES 3
#define HTTP_NAMES 2 /* the server's, the proxy's */

enum name_state { NAME_UNKNOWN, NAME_ASKED, NAME_KNOWN, NAME_FAILED };

/* A host name that connections need, resolved by libuv's thread pool and given to libcurl as CURLOPT_RESOLVE. */
struct name {
    struct tarn_http *http;
    char host[256];
    char port[8];
    bool used;     /* an address needs no lookup */
    enum name_state state;
    bool stale;    /* look it up again when the next connection is wanted */
    uint64_t known_ms;
    char entry[1024]; /* "host:port:address,address" */
    char problem[256];
    uv_getaddrinfo_t req;
};

TAILQ_HEAD(transfers, tarn_http_transfer);

struct tarn_http_transfer {
    TAILQ_ENTRY(tarn_http_transfer) link;        /* in waiting[cls] or active */
    TAILQ_ENTRY(tarn_http_transfer) paused_link; /* in paused, if `paused` */
    struct tarn_http *http;
    CURL *easy; /* NULL while waiting */
    struct curl_slist *headers, *resolve, *connect_to;
    struct curl_slist *given; /* our copy of the request's headers */
    struct tarn_http_request request; /* its texts and body are our copies; headers is not used */
    bool paused, connecting, head_done;
    bool interim; /* the head that comes is that of an interim answer */
    bool listing;   /* counts in nlists */
    bool held;      /* the sink wants nothing now: stays paused */
    bool cancelled; /* the sink wants no more calls */
    uint64_t generation; /* of the credentials it was made with */
    bool retried;   /* after a 401 */
    bool again;     /* ... which is to be done when it ended */
    bool marked;    /* the turn is to end it, by `kind` unless libcurl's result came first */
    enum tarn_http_end_kind kind;
    CURLcode result;
    int code;
    struct tarn_http_head head;
    char content_type[128];
    uint64_t turn;       /* of turn_bytes */
    uint32_t turn_bytes;
    uint64_t started_ms, progress_ms;
    char problem[CURL_ERROR_SIZE];
};

struct tarn_http {
    uv_loop_t *loop;
    struct tarn_api_server *server;
    struct tarn_credentials *credentials;
    CURLM *multi;
    uv_timer_t curl_timer; /* when libcurl wants to be called */
    uv_timer_t tick;       /* looks at deadlines once a second */
    uv_timer_t rate_timer; /* wakes the loop when there is a token for what waits */
    uv_idle_t idle;        /* active while something is paused, for a paused transfer holds no handle */
    unsigned open_handles; /* of the four; memory goes with the last */
    bool closing;
    struct transfers waiting[HTTP_CLASSES], active, paused;
    unsigned nactive, nlists, nconnecting, npaused;
    bool any_marked;
    struct tarn_rate rate;
    unsigned lists_max;
    uint64_t turn;
    uint32_t turn_bytes;
    struct name names[HTTP_NAMES];
    uint64_t names_reading; /* of the server that they are of: api_server.h */
    struct tarn_http_stats stats;
};

/* http_socket.c: connect libcurl's multi handle to the loop. */
int http_socket_init(struct tarn_http *h);

/* http_easy.c: make t->easy and tell it everything. 0 or TARN_E_NOMEM with t->problem. */
int http_easy_prepare(struct tarn_http_transfer *t);
/* http.c: the turn is to end it, by this kind unless another came before. */
void http_mark(struct tarn_http_transfer *t, enum tarn_http_end_kind kind);
/* http.c, http_head.c: what libcurl calls. */
size_t http_on_write(char *data, size_t one, size_t n, void *ctx);
size_t http_on_header(char *data, size_t one, size_t n, void *ctx);
int http_on_connected(void *ctx, char *peer, char *local, int peer_port, int local_port);

/* http_name.c */
void http_names_init(struct tarn_http *h);
/* Are all names known that a new connection needs? Asks for what is not. *ret_problem: set when the server's name cannot be resolved. */
bool http_names_ready(struct tarn_http *h, const char **ret_problem);
/* A list for CURLOPT_RESOLVE, NULL: none needed (or no memory). */
struct curl_slist *http_names_list(struct tarn_http *h);
/* A connection failed: the addresses may be old. */
void http_names_stale(struct tarn_http *h);
/* True when no lookup is under way; a close waits for that. */
bool http_names_idle(const struct tarn_http *h);

/* http.c: free h when it is closing and nothing refers to it any more. */
void http_maybe_free(struct tarn_http *h);

#endif
