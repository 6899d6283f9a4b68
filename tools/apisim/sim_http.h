/* sim_http.h - HTTP requests in, answers out: libmicrohttpd on a libuv loop, one thread.
 *
 * A handler gets each complete request and answers it with a body at once (sim_reply), with a stream that is asked
 * for more whenever the client can take more (sim_reply_stream), or later (sim_request_later). A stream with nothing to
 * say suspends its connection until sim_request_wake or its deadline; a peer that hangs up meanwhile is noticed.
 */
#ifndef SIM_HTTP_H
#define SIM_HTTP_H

#include <uv.h>

#include "sim_object.h"

struct sim_request;
struct sim_http;

enum sim_fill {
    SIM_FILL_MORE, /* something was appended, ask again */
    SIM_FILL_WAIT, /* nothing now: ask when woken */
    SIM_FILL_END,  /* that was all (bytes may have been appended) */
    SIM_FILL_BREAK /* cut the connection after what was appended */
};

/* The body of an answer, made piece by piece. The first member of what implements it. */
struct sim_stream {
    const struct sim_stream_ops *ops;
    struct sim_request *req; /* set by sim_reply_stream */
};

struct sim_stream_ops {
    /* Append about want bytes to out. Called when the client can take more, on the loop's thread. */
    enum sim_fill (*fill)(struct sim_stream *s, struct tarn_buf *out, size_t want);
    void (*free)(struct sim_stream *s);
};

/* What spoils an answer's body on purpose (sim_fault.h). All 0: nothing. */
struct sim_spoil {
    uint64_t truncate_after;   /* cut the connection behind so many bytes; 0: never */
    uint64_t garble_at;        /* replace the byte behind so many by something that is no JSON; 0: never */
    uint32_t bytes_per_second; /* send no faster; 0: no limit */
    bool silent;               /* headers come, the body never does */
};

struct sim_reply_head {
    int code;
    const char *content_type;    /* NULL: application/json */
    const char *header[8][2];    /* more headers, ended by NULL */
    bool close;                  /* Connection: close */
};

struct sim_http_options {
    const char *host; /* an address */
    uint16_t port;    /* 0: any */
    const char *tls_cert, *tls_key; /* PEM texts; both or none */
    void (*handle)(void *ctx, struct sim_request *req);
    void *ctx;
};

/* Listen on loop. 0 or TARN_E_IO with what is wrong. */
int sim_http_new(uv_loop_t *loop, const struct sim_http_options *options, struct sim_http **ret,
                 struct tarn_error *err);
/* Cut every connection and free. */
void sim_http_free(struct sim_http *h);
uint16_t sim_http_port(const struct sim_http *h);
uint64_t sim_http_now_ms(const struct sim_http *h); /* the loop's clock */
/* How many requests are being answered now. */
unsigned sim_http_open_requests(const struct sim_http *h);
uint64_t sim_http_sent_bytes(const struct sim_http *h); /* bodies, before TLS and chunk framing */

/* ---- the request; everything borrowed until it was answered ----------------------------- */
const char *sim_request_method(const struct sim_request *req);
const char *sim_request_path(const struct sim_request *req); /* percent-decoded, without the query */
const char *sim_request_query(const struct sim_request *req, const char *name);  /* decoded; NULL: absent */
const char *sim_request_header(const struct sim_request *req, const char *name); /* NULL: absent */
struct tarn_bytes sim_request_body(const struct sim_request *req);
bool sim_request_body_too_large(const struct sim_request *req); /* over SIM_BODY_MAX; what came was dropped */
#define SIM_BODY_MAX 3145728u

/* ---- answers --------------------------------------------------------------------------------- */
/* Answer with a body that is complete; body's memory is taken. */
void sim_reply(struct sim_request *req, const struct sim_reply_head *head, struct tarn_buf *body);
/* Answer with a stream (owned from here). */
void sim_reply_stream(struct sim_request *req, const struct sim_reply_head *head, struct sim_stream *s);
/* Call again(ctx, req) in ms instead of answering now. */
void sim_request_later(struct sim_request *req, uint64_t ms, void (*again)(void *ctx, struct sim_request *req),
                       void *ctx);
/* Cut the connection without an answer. */
void sim_request_abort(struct sim_request *req);
/* To be set before the answer. */
struct sim_spoil *sim_request_spoil(struct sim_request *req);

/* ---- streams that wait ------------------------------------------------------------------ */
/* The stream of req has something to say again. */
void sim_request_wake(struct sim_request *req);
/* Wake it at this time of the loop's clock (ms); replaces an earlier call. */
void sim_request_wake_at(struct sim_request *req, uint64_t when_ms);
uint64_t sim_request_now_ms(const struct sim_request *req);

#endif
