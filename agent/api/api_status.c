/* api_status.c - the words of kube-apiserver's errors; core's tarn_status writes them. */
#include "api_status.h"

#include <stdarg.h>
#include <stdio.h>

static const char json[] = "application/json";
static const char text[] = "text/plain; charset=utf-8";

void api_answer_release(struct api_answer *a)
{
    tarn_buf_release(&a->body);
    *a = (struct api_answer){0};
}

int api_status_body(unsigned code, const char *reason, const char *message, struct tarn_buf *out)
{
    struct tarn_status s = {.code = (int32_t)code, .reason_text = tarn_bytes_of(reason), .message = tarn_bytes_of(message)};

    return tarn_status_to_json(&s, out);
}

void api_answer_of_status(const struct tarn_status *s, struct api_answer *ret)
{
    *ret = (struct api_answer){.code = s->code > 0 ? (unsigned)s->code : (unsigned)tarn_status_reason_code(s->reason),
                               .type = json, .retry_after_s = s->retry_after_s};
    if (tarn_status_to_json(s, &ret->body))
        tarn_buf_clear(&ret->body); /* no memory: the code has to do */
}

static void failure(enum tarn_status_reason reason, struct api_answer *ret, const char *fmt, va_list ap) TARN_PRINTF(3, 0);

/* With a reason (TARN_REASON_UNKNOWN: none, 500) and this message alone. */
static void failure(enum tarn_status_reason reason, struct api_answer *ret, const char *fmt, va_list ap)
{
    char message[2048]; /* what is quoted in it comes from the caller: cut */
    struct tarn_status s;

    (void)vsnprintf(message, sizeof message, fmt, ap);
    s = tarn_status_failure(reason, tarn_bytes_of(message));
    api_answer_of_status(&s, ret);
}

void api_answer_failure(enum tarn_status_reason reason, struct api_answer *ret, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    failure(reason, ret, fmt, ap);
    va_end(ap);
}

void api_answer_bad_request(struct api_answer *ret, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    failure(TARN_REASON_BAD_REQUEST, ret, fmt, ap);
    va_end(ap);
}

void api_answer_internal(struct api_answer *ret, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    failure(TARN_REASON_UNKNOWN, ret, fmt, ap);
    va_end(ap);
}

void api_answer_not_found(struct tarn_bytes group, struct tarn_bytes resource, struct tarn_bytes name, struct api_answer *ret)
{
    struct tarn_status s;

    if (tarn_status_not_found(group, resource, name, &s)) {
        *ret = (struct api_answer){.code = 404, .type = json};
        return;
    }
    api_answer_of_status(&s, ret);
    tarn_status_release(&s);
}

/* A fixed message, and details with nothing in them. */
static void fixed(enum tarn_status_reason reason, const char *message, struct api_answer *ret)
{
    struct tarn_status s = tarn_status_failure(reason, tarn_bytes_of(message));

    s.details = true;
    api_answer_of_status(&s, ret);
}

void api_answer_no_resource(struct api_answer *ret)
{
    fixed(TARN_REASON_NOT_FOUND, "the server could not find the requested resource", ret);
}

void api_answer_method_not_allowed(struct api_answer *ret)
{
    fixed(TARN_REASON_METHOD_NOT_ALLOWED, "the server does not allow this method on the requested resource", ret);
}

void api_answer_no_path(struct api_answer *ret)
{
    *ret = (struct api_answer){.code = 404, .type = text};
    if (tarn_buf_adds(&ret->body, "404 page not found\n"))
        tarn_buf_clear(&ret->body);
}

void api_answer_not_acceptable(const char *available, struct api_answer *ret)
{
    char message[512];

    (void)snprintf(message, sizeof message, "406: Not Acceptable\n\nAvailable representations: %s", available);
    fixed(TARN_REASON_NOT_ACCEPTABLE, message, ret);
}

void api_answer_expired(const char *message, struct tarn_bytes cont, struct api_answer *ret)
{
    struct tarn_status s = tarn_status_failure(TARN_REASON_EXPIRED, tarn_bytes_of(message));

    s.cont = cont;
    api_answer_of_status(&s, ret);
}

void api_answer_invalid_options(const struct api_invalid *v, unsigned n, struct api_answer *ret)
{
    enum { CAUSES_MAX = 8 };
    struct tarn_status_cause causes[CAUSES_MAX];
    char message[2048];
    struct tarn_status s;
    size_t len = 0;

    n = n < CAUSES_MAX ? n : CAUSES_MAX;
    len = (size_t)snprintf(message, sizeof message, "ListOptions.meta.k8s.io \"\" is invalid: %s", n > 1 ? "[" : "");
    for (unsigned i = 0; i < n; i++) {
        causes[i] = (struct tarn_status_cause){.reason = tarn_bytes_of(v[i].reason), .message = tarn_bytes_of(v[i].detail), .field = tarn_bytes_of(v[i].field)};
        if (len < sizeof message)
            len += (size_t)snprintf(message + len, sizeof message - len, "%s%s: %s", i ? ", " : "", v[i].field, v[i].detail);
    }
    if (n > 1 && len < sizeof message)
        (void)snprintf(message + len, sizeof message - len, "]");
    s = tarn_status_failure(TARN_REASON_INVALID, tarn_bytes_of(message));
    s.group = TARN_BYTES("meta.k8s.io");
    s.kind = TARN_BYTES("ListOptions");
    s.causes = causes;
    s.ncauses = n;
    api_answer_of_status(&s, ret);
}

void api_answer_initializing(struct api_answer *ret)
{
    struct tarn_status s = tarn_status_failure(TARN_REASON_TOO_MANY_REQUESTS, TARN_BYTES("storage is (re)initializing"));

    s.retry_after_s = 1;
    api_answer_of_status(&s, ret);
}

void api_answer_future(uint64_t wanted, uint64_t current, struct api_answer *ret)
{
    static const struct tarn_status_cause cause = {.reason = {"ResourceVersionTooLarge", 23}, .message = {"Too large resource version", 26}};
    struct tarn_status s;
    char message[128];

    (void)snprintf(message, sizeof message, "Timeout: Too large resource version: %llu, current: %llu", (unsigned long long)wanted, (unsigned long long)current);
    s = tarn_status_failure(TARN_REASON_TIMEOUT, tarn_bytes_of(message));
    s.causes = &cause;
    s.ncauses = 1;
    s.retry_after_s = 1;
    api_answer_of_status(&s, ret);
}
