/* api_status.h - answers of the read API that are no objects: Status bodies as kube-apiserver words them, and plain text.
 *
 * An answer is made first and sent later (api_answer_reply), or becomes the object of an ERROR event (api_answer_status).
 * Source of the words and of the order of fields: recorded exchanges with kube-apiserver v1.34.
 */
#ifndef TARN_AGENT_API_STATUS_H
#define TARN_AGENT_API_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include <tarn/bytes.h>
#include <tarn/status.h>

/* Zero is none. */
struct api_answer {
    unsigned code;
    const char *type;       /* "application/json", or "text/plain; charset=utf-8" */
    unsigned retry_after_s; /* 0: no such header */
    struct tarn_buf body;   /* a Status without a newline at its end, or text */
};

void api_answer_release(struct api_answer *a);
/* Append a Status of a failure with this code, reason ("" or NULL: none) and message, without a newline. 0 or TARN_E_NOMEM. */
TARN_MUST_CHECK int api_status_body(unsigned code, const char *reason, const char *message, struct tarn_buf *out);
/* The Status's JSON: borrowed, without a newline. Of a text answer: its text. */
static inline struct tarn_bytes api_answer_status(const struct api_answer *a)
{
    return tarn_buf_bytes(&a->body);
}

/*
 * Each makes *ret; when memory is out it has no body (and is sent so). Texts are borrowed during the call.
 */

/* Any Status; its code may be 0 for the reason's. */
void api_answer_of_status(const struct tarn_status *s, struct api_answer *ret);
/* A Status with nothing but a reason and a formatted message. */
void api_answer_failure(enum tarn_status_reason reason, struct api_answer *ret, const char *fmt, ...) TARN_PRINTF(3, 4);
/* 400 */
void api_answer_bad_request(struct api_answer *ret, const char *fmt, ...) TARN_PRINTF(2, 3);
/* 404: `pods "web-1" not found`, with details. */
void api_answer_not_found(struct tarn_bytes group, struct tarn_bytes resource, struct tarn_bytes name, struct api_answer *ret);
/* 404: the server could not find the requested resource. */
void api_answer_no_resource(struct api_answer *ret);
/* 404: "404 page not found", as text: what is below no group that is known. */
void api_answer_no_path(struct api_answer *ret);
/* 405 */
void api_answer_method_not_allowed(struct api_answer *ret);
/* 406: what there is, as a list for people: "application/json, application/json;stream=watch". */
void api_answer_not_acceptable(const char *available, struct api_answer *ret);
/* 410: an exact version, or a list that was held, is gone. cont: where an inconsistent list may go on; empty: none. */
void api_answer_expired(const char *message, struct tarn_bytes cont, struct api_answer *ret);
/* 422 of ListOptions: one cause for each of n. */
struct api_invalid {
    const char *field, *reason; /* "resourceVersionMatch", "FieldValueForbidden" */
    const char *detail;         /* "Forbidden: ..." */
};
void api_answer_invalid_options(const struct api_invalid *v, unsigned n, struct api_answer *ret);
/* 429, Retry-After 1: what is mirrored has not come yet. */
void api_answer_initializing(struct api_answer *ret);
/* 504, Retry-After 1, cause ResourceVersionTooLarge. */
void api_answer_future(uint64_t wanted, uint64_t current, struct api_answer *ret);
/* 500 with this message and no reason, as a watch from a resourceVersion that is no number gets. */
void api_answer_internal(struct api_answer *ret, const char *fmt, ...) TARN_PRINTF(2, 3);

#endif
