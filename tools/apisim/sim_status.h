/* sim_status.h - the error answers of an API server, in its own words and field order. */
#ifndef SIM_STATUS_H
#define SIM_STATUS_H

#include "sim_http.h"
#include "sim_kind.h"

struct sim_cause {
    const char *reason, *message, *field; /* NULL: left out */
};

struct sim_status {
    int code;
    const char *reason; /* NULL: left out */
    const char *message;
    const char *cont;    /* metadata.continue; NULL: none */
    bool details;        /* write details even when it is empty */
    const char *name, *group, *kind; /* of details; NULL: left out */
    struct sim_cause causes[4];      /* ended by one without a message */
    unsigned retry_after_s;
};

/* Append s as JSON, without a newline. */
void sim_status_print(const struct sim_status *s, struct tarn_buf *out);
/* Answer req with s (and Retry-After, if any). */
void sim_status_reply(struct sim_request *req, const struct sim_status *s);
/* Answer with a text/plain body, as the server's outer layers do. retry_after_s 0: no such header. */
void sim_text_reply(struct sim_request *req, int code, const char *text, unsigned retry_after_s);

/* The answers that come up everywhere. message is formatted. */
void sim_reply_bad_request(struct sim_request *req, const char *fmt, ...) TARN_PRINTF(2, 3);
void sim_reply_not_found(struct sim_request *req, const struct sim_kind *kind, const char *name);
void sim_reply_no_resource(struct sim_request *req); /* the Status shape */
void sim_reply_no_path(struct sim_request *req);     /* 404 page not found */
void sim_reply_method_not_allowed(struct sim_request *req);
/* 422 on one field. kind_group and kind name what is invalid ("meta.k8s.io", "ListOptions"). */
struct sim_invalid {
    const char *group, *kind, *name;
    const char *cause_reason; /* "FieldValueForbidden" */
    const char *field, *detail; /* detail: "Forbidden: ..." */
};
void sim_reply_invalid(struct sim_request *req, const struct sim_invalid *invalid);
struct sim_attempt;
/* 403: this user may not do that. */
void sim_reply_forbidden(struct sim_request *req, const char *user, const struct sim_attempt *what);
/* 422: this list option may not be given like that. */
void sim_reply_forbidden_option(struct sim_request *req, const char *field, const char *detail);
/* "Timeout: Too large resource version: 1000213, current: 214" */
struct sim_status sim_status_future_rv(uint64_t wanted, uint64_t current, char *message, size_t n);

#endif
