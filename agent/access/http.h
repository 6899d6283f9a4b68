/* http.h - HTTP/1.1 requests on a libuv loop, by libcurl's multi interface, all to one API server.
 *
 * One connection per transfer under way, kept alive between them. A transfer's bytes go to its sink as they
 * arrive; a budget per transfer and over all bounds what one turn of the loop takes, the rest waits in the kernel (the server
 * feels it), so no stream starves another and nothing is buffered without bound. At most so many LISTs (see tarn_http_limit) and four
 * handshakes at a time; watches start before lists. Host names are resolved outside libcurl, whose resolver would block.
 *
 * All functions and callbacks on the loop's thread. Callbacks may start and cancel transfers: both only mark; the work
 * is done in tarn_http_turn, since libcurl must not be re-entered.
 */
#ifndef TARN_AGENT_HTTP_H
#define TARN_AGENT_HTTP_H

#include <uv.h>

#include <tarn/bytes.h>
#include <tarn/error.h>

#include "api_server.h"

#define TARN_HTTP_STREAM_BUDGET_BYTES (256u << 10)
#define TARN_HTTP_TURN_BUDGET_BYTES (2u << 20)
#define TARN_HTTP_LISTS_SHARE_BYTES (1u << 20) /* of the turn's: what watches leave to lists, which have an end */
#define TARN_HTTP_CONNECTING_MAX 4

struct tarn_http;
struct tarn_http_transfer;

/* In the order in which waiting ones start. */
enum tarn_http_class { TARN_HTTP_SHORT, TARN_HTTP_WATCH, TARN_HTTP_LIST };

struct tarn_http_head {
    int status;
    struct tarn_bytes content_type; /* borrowed during the call */
    uint32_t retry_after_ms;        /* 0: none */
};

enum tarn_http_end_kind {
    TARN_HTTP_DONE,    /* the response came whole */
    TARN_HTTP_BROKEN,  /* the connection ended in the middle of it, or before it */
    TARN_HTTP_SILENT,  /* silence_ms passed without a byte */
    TARN_HTTP_LATE,    /* deadline_ms passed */
    TARN_HTTP_REFUSED, /* connection refused */
    TARN_HTTP_GIVEN_UP, /* on_head or on_body returned non-zero: see code */
    TARN_HTTP_FAILED,  /* name, TLS, proxy, memory ... */
};

struct tarn_http_end {
    enum tarn_http_end_kind kind;
    int code;                       /* what the sink returned */
    const struct tarn_error *error; /* for all but DONE: what, where; borrowed during the call */
};

/* Who receives. Each call comes from tarn_http_turn or the loop, never from inside start or cancel. */
struct tarn_http_sink {
    /* The response's head is complete. Non-zero: give up. */
    int (*on_head)(void *ctx, const struct tarn_http_head *head);
    /* The next bytes of the body, at most 16 KiB. Non-zero: give up. */
    int (*on_body)(void *ctx, const char *data, size_t n);
    /* The last call; the transfer is no more. */
    void (*on_end)(void *ctx, const struct tarn_http_end *end);
    /* NULL: not wanted. Each header of an answer, before on_head; not those of interim ones. Non-zero: give up. */
    int (*on_header)(void *ctx, struct tarn_bytes name, struct tarn_bytes value);
};

struct tarn_http_request {
    enum tarn_http_class cls;
    const char *path;     /* from the root, with the query; copied */
    const char *accept;   /* copied; NULL: application/json; "": headers has it, or nobody minds */
    const char *method;   /* copied; NULL: GET */
    struct tarn_bytes body; /* copied, and wiped at the end */
    const char *const *headers; /* more of them, "Name: value", ended by NULL; copied, and wiped at the end. NULL: none */
    /* Send it at most once. Without it a request is sent again on a new connection if a kept one ended before the first byte of an answer came: not for
     * what changes something, which the server may have done. Costs a connection of its own. */
    bool once;
    uint32_t deadline_ms; /* for all of it, from the start of the connection; 0: none */
    uint32_t silence_ms;  /* between bytes; 0: no limit. tarn_http_watch_silence changes it later */
    const struct tarn_http_sink *sink; /* borrowed until the end */
    void *ctx;
};

struct tarn_http_stats {
    uint64_t requests, failures, bytes, pauses; /* failures: ends that were not DONE */
    unsigned active, waiting, paused;
};

/* server is borrowed until tarn_http_close. 0, TARN_E_NOMEM or TARN_E_IO. */
int tarn_http_new(uv_loop_t *loop, struct tarn_api_server *server, struct tarn_http **ret, struct tarn_error *err);
/*
 * Drop every transfer without a call to its sink and close the loop's handles; the memory is freed while the loop
 * runs until it has no handle left. No other call afterwards.
 */
void tarn_http_close(struct tarn_http *h);

/* What the server is spared. */
struct tarn_http_limits {
    uint32_t lists;                         /* class LIST under way at a time */
    uint32_t requests_per_second, requests_burst; /* of all classes: a token bucket; 0: no limit */
};
/* Without this call: 2 lists, no bucket. May be called again at any time; what is under way stays. */
void tarn_http_limit(struct tarn_http *h, const struct tarn_http_limits *l);

/* Ask for it; on success the sink will hear of its end unless it is cancelled. 0 or TARN_E_NOMEM. */
int tarn_http_start(struct tarn_http *h, const struct tarn_http_request *r, struct tarn_http_transfer **ret);
/* The sink is not called any more, also if this comes from inside one of its calls. Not after on_end began. */
void tarn_http_cancel(struct tarn_http_transfer *t);
/* A request of class LIST goes on as a WATCH (a streaming list's end mark came): it counts as a list no more. */
void tarn_http_list_is_over(struct tarn_http_transfer *t);
/* From now on an end comes after so long without a byte. */
void tarn_http_watch_silence(struct tarn_http_transfer *t, uint32_t silence_ms);

/* Deliver no more of the body until it is let go (held: false). What libcurl has read waits there; the rest in the kernel. */
void tarn_http_hold(struct tarn_http_transfer *t, bool held);

/* Resume, end, start: once per loop turn, from a uv_prepare of the owner (before the loop waits). */
void tarn_http_turn(struct tarn_http *h);

void tarn_http_stats(const struct tarn_http *h, struct tarn_http_stats *ret);

/* The value of a Retry-After header (seconds; RFC 9110 also allows a date, which API servers do not send) in ms, at most an hour; 0: none. */
uint32_t tarn_http_retry_after_ms(struct tarn_bytes value);

#endif
