/* tarn/status.h - the API Status: how an API server says what went wrong.
 *
 * One struct for both directions: parsed from what a server sent, or written by us (the simulator, the
 * listers) and printed as JSON. Classification (`tarn_status_is_not_found` ...) follows apimachinery's
 * api/errors: by reason, by code where the reason is not a known one.
 *
 * Ownership: a tarn_status is plain memory. One that you fill by hand borrows its strings. One that a function
 * of this header filled owns them (`owned`) until tarn_status_release. tarn_status_copy makes an owned one of any.
 * Not thread-safe for writing; any number of threads may read one.
 *
 * Sources: k8s.io/apimachinery pkg/apis/meta/v1 Status, pkg/api/errors; the first API of 2014 (lower case
 * status and reasons, `working`, `details.id`) is read too and never written. Rows A-1 ....
 */
#ifndef TARN_STATUS_H
#define TARN_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tarn/bytes.h>
#include <tarn/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_object;

/*
 * X(NAME, verb, text, HTTP code, rule): every known reason. rule says when tarn_status_is_<verb> holds:
 *   REASON_OR_CODE  the reason, or the code if the reason is not a known one
 *   REASON          the reason only
 *   ALWAYS_CODE     the reason or the code, whatever the reason
 */
#define TARN_STATUS_REASON_MAP(X)                                                                   \
    X(BAD_REQUEST, bad_request, "BadRequest", 400, REASON_OR_CODE)                                  \
    X(UNAUTHORIZED, unauthorized, "Unauthorized", 401, REASON_OR_CODE)                              \
    X(FORBIDDEN, forbidden, "Forbidden", 403, REASON_OR_CODE)                                       \
    X(NOT_FOUND, not_found, "NotFound", 404, REASON_OR_CODE)                                        \
    X(METHOD_NOT_ALLOWED, method_not_allowed, "MethodNotAllowed", 405, REASON_OR_CODE)              \
    X(NOT_ACCEPTABLE, not_acceptable, "NotAcceptable", 406, REASON_OR_CODE)                         \
    X(ALREADY_EXISTS, already_exists, "AlreadyExists", 409, REASON)                                 \
    X(CONFLICT, conflict, "Conflict", 409, REASON_OR_CODE)                                          \
    X(GONE, gone, "Gone", 410, REASON_OR_CODE)                                                      \
    X(EXPIRED, expired, "Expired", 410, REASON)                                                     \
    X(REQUEST_ENTITY_TOO_LARGE, request_entity_too_large, "RequestEntityTooLarge", 413, ALWAYS_CODE) \
    X(UNSUPPORTED_MEDIA_TYPE, unsupported_media_type, "UnsupportedMediaType", 415, REASON_OR_CODE)  \
    X(INVALID, invalid, "Invalid", 422, REASON_OR_CODE)                                             \
    X(TOO_MANY_REQUESTS, too_many_requests, "TooManyRequests", 429, ALWAYS_CODE)                    \
    X(INTERNAL_ERROR, internal_error, "InternalError", 500, REASON_OR_CODE)                         \
    X(SERVER_TIMEOUT, server_timeout, "ServerTimeout", 500, REASON)                                 \
    X(STORAGE_READ_ERROR, storage_read_error, "StorageReadError", 500, REASON)                      \
    X(SERVICE_UNAVAILABLE, service_unavailable, "ServiceUnavailable", 503, REASON_OR_CODE)          \
    X(TIMEOUT, timeout, "Timeout", 504, REASON_OR_CODE)

enum tarn_status_reason {
    TARN_REASON_UNKNOWN, /* none given, or one that this list does not know: see reason_text */
#define X(name, verb, text, code, rule) TARN_REASON_##name,
    TARN_STATUS_REASON_MAP(X)
#undef X
};

/* The `reason` texts of causes. */
#define TARN_CAUSE_FIELD_VALUE_NOT_FOUND TARN_BYTES("FieldValueNotFound")
#define TARN_CAUSE_FIELD_VALUE_REQUIRED TARN_BYTES("FieldValueRequired")
#define TARN_CAUSE_FIELD_VALUE_DUPLICATE TARN_BYTES("FieldValueDuplicate")
#define TARN_CAUSE_FIELD_VALUE_INVALID TARN_BYTES("FieldValueInvalid")
#define TARN_CAUSE_FIELD_VALUE_NOT_SUPPORTED TARN_BYTES("FieldValueNotSupported")
#define TARN_CAUSE_FIELD_VALUE_FORBIDDEN TARN_BYTES("FieldValueForbidden")
#define TARN_CAUSE_FIELD_VALUE_TOO_LONG TARN_BYTES("FieldValueTooLong")
#define TARN_CAUSE_FIELD_VALUE_TOO_MANY TARN_BYTES("FieldValueTooMany")
#define TARN_CAUSE_FIELD_VALUE_TYPE_INVALID TARN_BYTES("FieldValueTypeInvalid")
#define TARN_CAUSE_INTERNAL_ERROR TARN_BYTES("InternalError")
#define TARN_CAUSE_UNEXPECTED_SERVER_RESPONSE TARN_BYTES("UnexpectedServerResponse")
#define TARN_CAUSE_FIELD_MANAGER_CONFLICT TARN_BYTES("FieldManagerConflict")
#define TARN_CAUSE_RESOURCE_VERSION_TOO_LARGE TARN_BYTES("ResourceVersionTooLarge")

enum tarn_status_outcome {
    TARN_STATUS_FAILURE, /* also when `status` is missing or unknown */
    TARN_STATUS_SUCCESS,
    TARN_STATUS_WORKING, /* 2014: HTTP 202, a long operation named by details.name; never written */
};

struct tarn_status_cause {
    struct tarn_bytes reason, message, field;
};

struct tarn_status {
    enum tarn_status_outcome outcome;
    enum tarn_status_reason reason;
    struct tarn_bytes reason_text; /* as sent; may be left empty when reason is a known one */
    struct tarn_bytes message;     /* as sent: the text of the error */
    int32_t code;                  /* the HTTP code; 0: not told */
    uint32_t retry_after_s;        /* details.retryAfterSeconds; 0: none */
    struct tarn_bytes name, group, kind, uid; /* details; kind is really the resource, lower case */
    const struct tarn_status_cause *causes;
    size_t ncauses;
    struct tarn_bytes resource_version; /* metadata.resourceVersion, mostly empty */
    struct tarn_bytes cont;             /* metadata.continue: where a list that expired may go on inconsistently; mostly empty */
    bool details;                       /* writing: `details` stands there even if nothing is in it */
    void *owned;                        /* memory behind the strings and causes; NULL: all borrowed */
};

/* ---- reasons and codes ----------------------------------------------------------------- */

/* "NotFound"; "" for TARN_REASON_UNKNOWN. Static. */
TARN_API const char *tarn_status_reason_text(enum tarn_status_reason reason);
/* 404; 500 for TARN_REASON_UNKNOWN. */
TARN_API int tarn_status_reason_code(enum tarn_status_reason reason);
/* The reason of a text, also of the 2014 texts (`not_found` ...); TARN_REASON_UNKNOWN if none. */
TARN_API enum tarn_status_reason tarn_status_reason_parse(struct tarn_bytes text);

/* ---- making ------------------------------------------------------------------------------ */

/* A failure with this reason, its code and a borrowed message; fill in more details as you like. */
TARN_API struct tarn_status tarn_status_failure(enum tarn_status_reason reason, struct tarn_bytes message);

/*
 * NotFound for name of resource (`pods`) in group (may be empty): message `pods "web-1" not found`, or
 * `deployments.apps "web" not found`. Owned. 0 or TARN_E_NOMEM. Source: errors.NewNotFound.
 */
TARN_API TARN_MUST_CHECK int tarn_status_not_found(struct tarn_bytes group, struct tarn_bytes resource,
                                                   struct tarn_bytes name, struct tarn_status *ret);

/* An owned copy. 0 or TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_status_copy(const struct tarn_status *s, struct tarn_status *ret);

/* Free what s owns and make it zero. NULL and {0} are fine. */
TARN_API void tarn_status_release(struct tarn_status *s);

/*
 * Read an object of kind Status, apiVersion v1 or meta.k8s.io/v1 (or the first API's v1beta1-3). Owned, so obj
 * may be scratch. TARN_E_TYPE if obj is something else (client-go: UnexpectedObjectError), TARN_E_NOMEM.
 * Source: errors.FromObject.
 */
TARN_API TARN_MUST_CHECK int tarn_status_from_object(const struct tarn_object *obj, struct tarn_status *ret,
                                                     struct tarn_error *err);

/* As tarn_status_from_object for JSON text; the errors of tarn_object_from_json too. */
TARN_API TARN_MUST_CHECK int tarn_status_from_json(struct tarn_bytes json, struct tarn_status *ret,
                                                   struct tarn_error *err);

/* An HTTP response as the client saw it, and what was asked. Everything is borrowed. */
struct tarn_status_response {
    int code;
    struct tarn_bytes method;                /* "GET", "POST" ...: 409 on POST is AlreadyExists */
    struct tarn_bytes group, resource, name; /* what the request was about; may be empty */
    struct tarn_bytes body;
    bool body_is_text;      /* the content type is text/...: the body's text is worth keeping */
    uint32_t retry_after_s; /* the Retry-After header in seconds, 0: none */
};

/*
 * The error a response means. Returns 1 with *ret filled (owned), 0 when the response is no error (2xx whose
 * body is not a Status that failed; *ret untouched), or TARN_E_NOMEM. A body that is a Status counts as it is;
 * without one the status is made from the code. Source: rest.Request.transformResponse,
 * errors.NewGenericServerResponse.
 */
TARN_API TARN_MUST_CHECK int tarn_status_from_response(const struct tarn_status_response *r, struct tarn_status *ret);

/*
 * Append s as JSON. An empty reason_text is written from reason; a code of 0 from the reason of a failure.
 * 0, TARN_E_NOMEM, or TARN_E_INVAL for a `working` one: that form is read only.
 */
TARN_API TARN_MUST_CHECK int tarn_status_to_json(const struct tarn_status *s, struct tarn_buf *out);

/* ---- classification ------------------------------------------------------------------------ */

/* Is s (may be NULL: no) an error of this reason, by the reason's rule in TARN_STATUS_REASON_MAP? */
TARN_API bool tarn_status_is(const struct tarn_status *s, enum tarn_status_reason reason);

/* tarn_status_is_not_found(s), tarn_status_is_expired(s) ...: one for each known reason. */
#define X(name, verb, text, code, rule)                               \
    static inline bool tarn_status_is_##verb(const struct tarn_status *s) \
    {                                                                 \
        return tarn_status_is(s, TARN_REASON_##name);                 \
    }
TARN_STATUS_REASON_MAP(X)
#undef X

/* The first cause with this reason text, or NULL (A-9: HasStatusCause, StatusCause). */
TARN_API const struct tarn_status_cause *tarn_status_cause(const struct tarn_status *s, struct tarn_bytes reason);

/* The resourceVersion asked for lies in the server's future; also as servers 1.17.0 - 1.18.5 say it. */
TARN_API bool tarn_status_is_resource_version_too_large(const struct tarn_status *s);

/*
 * Should the client wait before it asks again? True with the seconds (maybe 0) for ServerTimeout, or when
 * retryAfterSeconds is given. ret_s may be NULL. Source: errors.SuggestsClientDelay.
 */
TARN_API bool tarn_status_suggests_delay(const struct tarn_status *s, uint32_t *ret_s);

#ifdef __cplusplus
}
#endif
#endif
