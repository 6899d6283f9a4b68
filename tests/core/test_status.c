/* The API Status: read, written, made from responses, classified. Rows A-1 .... */
#include <stdio.h>
#include <stdlib.h>

#include <tarn/object.h>
#include <tarn/status.h>

#include "fault.h"
#include "tarn_test.h"

#define IS(bytes, text) CU_ASSERT(tarn_bytes_equal((bytes), tarn_bytes_of(text)))

static struct tarn_status parsed(const char *json)
{
    struct tarn_status s = {0};
    struct tarn_error err = {0};

    CU_ASSERT_EQUAL_FATAL(tarn_status_from_json(tarn_bytes_of(json), &s, &err), 0);
    return s;
}

static void written_is(const struct tarn_status *s, const char *want)
{
    struct tarn_buf out = {0};

    CU_ASSERT_EQUAL(tarn_status_to_json(s, &out), 0);
    if (!tarn_bytes_equal(tarn_buf_bytes(&out), tarn_bytes_of(want)))
        printf("\nwrote %.*s\nwant  %s\n", TARN_BYTES_ARG(tarn_buf_bytes(&out)), want);
    CU_ASSERT(tarn_bytes_equal(tarn_buf_bytes(&out), tarn_bytes_of(want)));
    tarn_buf_release(&out);
}

/* A table of 11.2, written again here so that a slip in the header's list shows. */
static const struct {
    enum tarn_status_reason reason;
    const char *text, *seed;
    int code;
} table[] = {
    {TARN_REASON_UNKNOWN, "", NULL, 500},
    {TARN_REASON_BAD_REQUEST, "BadRequest", NULL, 400},
    {TARN_REASON_UNAUTHORIZED, "Unauthorized", NULL, 401},
    {TARN_REASON_FORBIDDEN, "Forbidden", NULL, 403},
    {TARN_REASON_NOT_FOUND, "NotFound", "not_found", 404},
    {TARN_REASON_METHOD_NOT_ALLOWED, "MethodNotAllowed", NULL, 405},
    {TARN_REASON_NOT_ACCEPTABLE, "NotAcceptable", NULL, 406},
    {TARN_REASON_ALREADY_EXISTS, "AlreadyExists", "already_exists", 409},
    {TARN_REASON_CONFLICT, "Conflict", "conflict", 409},
    {TARN_REASON_GONE, "Gone", NULL, 410},
    {TARN_REASON_EXPIRED, "Expired", NULL, 410},
    {TARN_REASON_REQUEST_ENTITY_TOO_LARGE, "RequestEntityTooLarge", NULL, 413},
    {TARN_REASON_UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", NULL, 415},
    {TARN_REASON_INVALID, "Invalid", "invalid", 422},
    {TARN_REASON_TOO_MANY_REQUESTS, "TooManyRequests", NULL, 429},
    {TARN_REASON_INTERNAL_ERROR, "InternalError", NULL, 500},
    {TARN_REASON_SERVER_TIMEOUT, "ServerTimeout", NULL, 500},
    {TARN_REASON_STORAGE_READ_ERROR, "StorageReadError", NULL, 500},
    {TARN_REASON_SERVICE_UNAVAILABLE, "ServiceUnavailable", NULL, 503},
    {TARN_REASON_TIMEOUT, "Timeout", NULL, 504},
};
#define ROWS(a) (sizeof(a) / sizeof *(a))

/* */
static void a11_2_reasons_and_codes_belong_together(void)
{
    for (size_t i = 0; i < ROWS(table); i++) {
        CU_ASSERT_STRING_EQUAL(tarn_status_reason_text(table[i].reason), table[i].text);
        CU_ASSERT_EQUAL(tarn_status_reason_code(table[i].reason), table[i].code);
        CU_ASSERT_EQUAL(tarn_status_reason_parse(tarn_bytes_of(table[i].text)), table[i].reason);
        if (table[i].seed)
            CU_ASSERT_EQUAL(tarn_status_reason_parse(tarn_bytes_of(table[i].seed)), table[i].reason);
    }
    CU_ASSERT_EQUAL(tarn_status_reason_parse(TARN_BYTES("notfound")), TARN_REASON_UNKNOWN);
    CU_ASSERT_STRING_EQUAL(tarn_status_reason_text((enum tarn_status_reason)999), "");
    CU_ASSERT_EQUAL(tarn_status_reason_code((enum tarn_status_reason)999), 500);
}

/* */
static void a1_a3_a_status_reads_and_writes_back_the_same(void)
{
    static const char json[] =
        "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"17\"},\"status\":\"Failure\","
        "\"message\":\"Pod \\\"a\\\" is invalid: sp\xc3\xa4t\\n\",\"reason\":\"Invalid\",\"details\":{\"name\":\"a\",\"group\":"
        "\"apps\",\"kind\":\"pods\",\"uid\":\"u-1\",\"causes\":[{\"reason\":\"FieldValueRequired\",\"message\":\"Required "
        "value\",\"field\":\"spec.containers[0].name\"},{\"message\":\"second\"}],\"retryAfterSeconds\":3},\"code\":422}";
    struct tarn_status s = parsed(json), copy;

    CU_ASSERT_EQUAL(s.outcome, TARN_STATUS_FAILURE);
    CU_ASSERT_EQUAL(s.reason, TARN_REASON_INVALID);
    IS(s.reason_text, "Invalid");
    IS(s.message, "Pod \"a\" is invalid: sp\xc3\xa4t\n");
    CU_ASSERT_EQUAL(s.code, 422);
    CU_ASSERT_EQUAL(s.retry_after_s, 3);
    IS(s.name, "a");
    IS(s.group, "apps");
    IS(s.kind, "pods");
    IS(s.uid, "u-1");
    IS(s.resource_version, "17");
    CU_ASSERT_EQUAL_FATAL(s.ncauses, 2);
    IS(s.causes[0].reason, "FieldValueRequired");
    IS(s.causes[0].field, "spec.containers[0].name");
    IS(s.causes[1].message, "second");
    written_is(&s, json);
    CU_ASSERT_EQUAL_FATAL(tarn_status_copy(&s, &copy), 0);
    tarn_status_release(&s);
    written_is(&copy, json); /* a copy lives on its own */
    tarn_status_release(&copy);
    tarn_status_release(&copy);
    tarn_status_release(NULL);
}

/* Every reason, written by us and read again. */
static void a11_2_every_reason_survives_a_round_trip(void)
{
    for (size_t i = 1; i < ROWS(table); i++) {
        struct tarn_status s = tarn_status_failure(table[i].reason, TARN_BYTES("it went wrong")), back = {0};
        struct tarn_buf json = {0};

        CU_ASSERT_EQUAL(tarn_status_to_json(&s, &json), 0);
        CU_ASSERT_EQUAL_FATAL(tarn_status_from_json(tarn_buf_bytes(&json), &back, NULL), 0);
        CU_ASSERT_EQUAL(back.reason, table[i].reason);
        CU_ASSERT_EQUAL(back.code, table[i].code);
        IS(back.message, "it went wrong");
        CU_ASSERT(tarn_status_is(&back, table[i].reason));
        tarn_status_release(&back);
        tarn_buf_release(&json);
    }
}

/* */
static void a2_the_forms_of_2014_are_read_and_not_written(void)
{
    struct tarn_status s = parsed("{\"kind\":\"Status\",\"apiVersion\":\"v1beta1\",\"status\":\"failure\",\"reason\":\"not_found\","
                                  "\"message\":\"pod \\\"x\\\" not found\",\"details\":{\"id\":\"x\",\"kind\":\"pod\"},\"code\":404}");

    CU_ASSERT_EQUAL(s.outcome, TARN_STATUS_FAILURE);
    CU_ASSERT(tarn_status_is_not_found(&s));
    IS(s.reason_text, "not_found");
    IS(s.name, "x");
    written_is(&s, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":\"pod \\\"x\\\" not "
                   "found\",\"reason\":\"NotFound\",\"details\":{\"name\":\"x\",\"kind\":\"pod\"},\"code\":404}");
    tarn_status_release(&s);

    s = parsed("{\"kind\":\"Status\",\"apiVersion\":\"v1beta1\",\"status\":\"success\"}");
    CU_ASSERT_EQUAL(s.outcome, TARN_STATUS_SUCCESS);
    written_is(&s, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Success\"}");
    tarn_status_release(&s);
}

/* */
static void a2_working_is_neither_success_nor_error_and_never_written(void)
{
    struct tarn_status s = parsed("{\"kind\":\"Status\",\"apiVersion\":\"v1beta1\",\"status\":\"working\",\"reason\":\"working\","
                                  "\"details\":{\"id\":\"17\",\"kind\":\"operation\"},\"code\":202}");
    struct tarn_buf out = {0};

    CU_ASSERT_EQUAL(s.outcome, TARN_STATUS_WORKING);
    IS(s.name, "17");
    for (size_t i = 0; i < ROWS(table); i++)
        CU_ASSERT(!tarn_status_is(&s, table[i].reason));
    CU_ASSERT_EQUAL(tarn_status_to_json(&s, &out), TARN_E_INVAL);
    CU_ASSERT_EQUAL(out.len, 0);
    tarn_status_release(&s);
}

/* Upstream: TestFromObject. */
static void a7_only_a_status_is_read_as_one(void)
{
    static const struct {
        const char *json;
        int code;
    } rows[] = {
        {"{\"kind\":\"Status\",\"apiVersion\":\"v1\"}", 0},
        {"{\"kind\":\"Status\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{}}", 0},
        {"{\"kind\":\"Status\",\"apiVersion\":\"example.com/v1\"}", TARN_E_TYPE},
        {"{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\"}}", TARN_E_TYPE},
        {"{}", TARN_E_TYPE},
    };
    struct tarn_status s;

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tarn_error err = {0};

        CU_ASSERT_EQUAL(tarn_status_from_json(tarn_bytes_of(rows[i].json), &s, &err), rows[i].code);
        CU_ASSERT_EQUAL(err.code, rows[i].code);
        if (rows[i].code) {
            CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "unexpected object"));
        } else {
            tarn_status_release(&s);
        }
    }
    CU_ASSERT_EQUAL(tarn_status_from_json(TARN_BYTES("<html>"), &s, NULL), TARN_E_SYNTAX);
}

static void odd_members_are_passed_over(void)
{
    struct tarn_status s = parsed("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":7,\"message\":null,\"code\":\"404\",\"reason\":[],"
                                  "\"details\":{\"retryAfterSeconds\":-5,\"causes\":[1,null,{\"reason\":3,\"message\":\"m\"}]}}");

    CU_ASSERT_EQUAL(s.outcome, TARN_STATUS_FAILURE);
    CU_ASSERT_EQUAL(s.reason, TARN_REASON_UNKNOWN);
    CU_ASSERT_EQUAL(s.code, 0);
    CU_ASSERT_EQUAL(s.retry_after_s, 0);
    CU_ASSERT_EQUAL_FATAL(s.ncauses, 1);
    IS(s.causes[0].message, "m");
    IS(s.causes[0].reason, "");
    tarn_status_release(&s);
}

/* ---- classification: A-20 ... A-22 ------------------------------------------------------ */

/* Upstream: TestIsErrorTypesByReasonAndCode, in full: every predicate on every (reason, code). */
static void a20_to_a22_predicates_follow_reason_and_code(void)
{
    static const int codes[] = {0, 200, 400, 401, 403, 404, 405, 406, 409, 410, 413, 415, 422, 429, 500, 503, 504};

    for (size_t p = 1; p < ROWS(table); p++) {
        enum tarn_status_reason x = table[p].reason;
        bool by_reason_only = x == TARN_REASON_ALREADY_EXISTS || x == TARN_REASON_EXPIRED ||
                              x == TARN_REASON_SERVER_TIMEOUT || x == TARN_REASON_STORAGE_READ_ERROR;
        bool by_code_always = x == TARN_REASON_TOO_MANY_REQUESTS || x == TARN_REASON_REQUEST_ENTITY_TOO_LARGE;

        for (size_t r = 0; r < ROWS(table); r++)
            for (size_t c = 0; c < ROWS(codes); c++) {
                struct tarn_status s = {.reason = table[r].reason, .code = codes[c]};
                bool code_fits = codes[c] == table[p].code;
                bool want = x == table[r].reason || (code_fits && by_code_always) ||
                            (code_fits && !by_reason_only && table[r].reason == TARN_REASON_UNKNOWN);

                CU_ASSERT_EQUAL(tarn_status_is(&s, x), want);
            }
    }
    CU_ASSERT(!tarn_status_is(NULL, TARN_REASON_NOT_FOUND));
    CU_ASSERT(!tarn_status_is(&(struct tarn_status){.code = 500}, TARN_REASON_UNKNOWN));
}

/* */
static void a20_the_named_predicates_are_the_right_ones(void)
{
    struct tarn_status custom = {.reason_text = TARN_BYTES("QuotaOnFire"), .code = 404};

    CU_ASSERT(tarn_status_is_not_found(&custom)); /* an unknown reason: the code decides */
    custom.reason = TARN_REASON_CONFLICT;
    CU_ASSERT(!tarn_status_is_not_found(&custom));
    CU_ASSERT(tarn_status_is_conflict(&custom));
    CU_ASSERT(tarn_status_is_expired(&(struct tarn_status){.reason = TARN_REASON_EXPIRED}));
    CU_ASSERT(!tarn_status_is_expired(&(struct tarn_status){.code = 410}));
    CU_ASSERT(tarn_status_is_gone(&(struct tarn_status){.code = 410}));
    CU_ASSERT(!tarn_status_is_gone(&(struct tarn_status){.reason = TARN_REASON_EXPIRED, .code = 410}));
    CU_ASSERT(tarn_status_is_too_many_requests(&(struct tarn_status){.reason = TARN_REASON_TIMEOUT, .code = 429}));
    CU_ASSERT(!tarn_status_is_internal_error(&(struct tarn_status){.outcome = TARN_STATUS_SUCCESS, .code = 500}));
}

/* Upstream: TestErrorNew, TestHasStatusCause, TestStatusCauseSupportsWrappedErrors. */
static void a9_causes_are_found_by_reason(void)
{
    const struct tarn_status_cause causes[] = {{.reason = TARN_BYTES("A"), .message = TARN_BYTES("1")},
                                               {.reason = TARN_CAUSE_FIELD_MANAGER_CONFLICT, .message = TARN_BYTES("2")},
                                               {.reason = TARN_CAUSE_FIELD_MANAGER_CONFLICT, .message = TARN_BYTES("3")}};
    struct tarn_status s = {.causes = causes, .ncauses = 3};

    CU_ASSERT_PTR_EQUAL(tarn_status_cause(&s, TARN_CAUSE_FIELD_MANAGER_CONFLICT), &causes[1]);
    CU_ASSERT_PTR_NULL(tarn_status_cause(&s, TARN_CAUSE_INTERNAL_ERROR));
    CU_ASSERT_PTR_NULL(tarn_status_cause(NULL, TARN_CAUSE_INTERNAL_ERROR));
}

/* */
static void r14_a_resource_version_in_the_future_is_recognised(void)
{
    const struct tarn_status_cause by_reason = {.reason = TARN_CAUSE_RESOURCE_VERSION_TOO_LARGE};
    const struct tarn_status_cause by_message = {.message = TARN_BYTES("Too large resource version")};
    const struct tarn_status_cause other = {.message = TARN_BYTES("too large")};
    const struct {
        enum tarn_status_reason reason;
        int code;
        const struct tarn_status_cause *cause;
        bool want;
    } rows[] = {
        {TARN_REASON_TIMEOUT, 504, &by_reason, true},
        {TARN_REASON_UNKNOWN, 0, &by_reason, true},
        {TARN_REASON_TIMEOUT, 504, &by_message, true},
        {TARN_REASON_UNKNOWN, 504, &by_message, true},
        {TARN_REASON_INTERNAL_ERROR, 500, &by_message, false},
        {TARN_REASON_TIMEOUT, 504, &other, false},
        {TARN_REASON_TIMEOUT, 504, NULL, false},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tarn_status s = {.reason = rows[i].reason, .code = rows[i].code, .causes = rows[i].cause, .ncauses = rows[i].cause != NULL};

        CU_ASSERT_EQUAL(tarn_status_is_resource_version_too_large(&s), rows[i].want);
    }
    CU_ASSERT(!tarn_status_is_resource_version_too_large(NULL));
}

/* Upstream: TestSuggestsClientDelay. */
static void a8_a_delay_is_suggested_by_reason_or_seconds(void)
{
    uint32_t s = 99;

    CU_ASSERT(tarn_status_suggests_delay(&(struct tarn_status){.reason = TARN_REASON_SERVER_TIMEOUT}, &s));
    CU_ASSERT_EQUAL(s, 0);
    CU_ASSERT(tarn_status_suggests_delay(&(struct tarn_status){.reason = TARN_REASON_TOO_MANY_REQUESTS, .retry_after_s = 7}, &s));
    CU_ASSERT_EQUAL(s, 7);
    CU_ASSERT(tarn_status_suggests_delay(&(struct tarn_status){.retry_after_s = 1}, NULL));
    s = 99;
    CU_ASSERT(!tarn_status_suggests_delay(&(struct tarn_status){.reason = TARN_REASON_TIMEOUT}, &s));
    CU_ASSERT(!tarn_status_suggests_delay(NULL, &s));
    CU_ASSERT_EQUAL(s, 99);
}

/* ---- from responses: A-23, A-24 --------------------------------------------------------- */

/* Upstream: errors TestNewGenericServerResponse..., rest TestTransformResponse, TestTransformUnstructuredError. */
static void a23_a_response_without_a_status_is_judged_by_its_code(void)
{
    static const struct {
        int code;
        const char *method, *body;
        bool text;
        enum tarn_status_reason reason;
        const char *message;
    } rows[] = {
        {409, "POST", "", true, TARN_REASON_ALREADY_EXISTS, "the server reported a conflict (post pods.g web-1)"},
        {409, "GET", "", true, TARN_REASON_CONFLICT, "the server reported a conflict (get pods.g web-1)"},
        {404, "GET", "404 page not found\n", true, TARN_REASON_NOT_FOUND,
         "the server could not find the requested resource (get pods.g web-1)"},
        {401, "GET", "aaaaa", true, TARN_REASON_UNAUTHORIZED,
         "the server has asked for the client to provide credentials (get pods.g web-1)"},
        {403, "GET", " user x cannot list pods \n", true, TARN_REASON_FORBIDDEN, "user x cannot list pods (get pods.g web-1)"},
        {400, "GET", "", true, TARN_REASON_BAD_REQUEST,
         "the server rejected our request for an unknown reason (get pods.g web-1)"},
        {405, "GET", "", true, TARN_REASON_METHOD_NOT_ALLOWED,
         "the server does not allow this method on the requested resource (get pods.g web-1)"},
        {406, "GET", "", true, TARN_REASON_NOT_ACCEPTABLE,
         "the server was unable to respond with a content type that the client supports (get pods.g web-1)"},
        {406, "GET", "only json", true, TARN_REASON_NOT_ACCEPTABLE, "only json (get pods.g web-1)"},
        {406, "GET", "only json", false, TARN_REASON_NOT_ACCEPTABLE,
         "the server was unable to respond with a content type that the client supports (get pods.g web-1)"},
        {415, "POST", "what is it", true, TARN_REASON_UNSUPPORTED_MEDIA_TYPE, "what is it (post pods.g web-1)"},
        {422, "POST", "", true, TARN_REASON_INVALID,
         "the server rejected our request due to an error in our request (post pods.g web-1)"},
        {429, "GET", "slow down", true, TARN_REASON_TOO_MANY_REQUESTS,
         "the server has received too many requests and has asked us to try again later (get pods.g web-1)"},
        {503, "GET", "", true, TARN_REASON_SERVICE_UNAVAILABLE,
         "the server is currently unable to handle the request (get pods.g web-1)"},
        {504, "GET", "", true, TARN_REASON_TIMEOUT,
         "the server was unable to return a response in the time allotted, but may still be processing the request (get pods.g web-1)"},
        {500, "GET", "boom \"x\"", true, TARN_REASON_INTERNAL_ERROR,
         "an error on the server (\"boom \\\"x\\\"\") has prevented the request from succeeding (get pods.g web-1)"},
        {502, "GET", "{}", false, TARN_REASON_INTERNAL_ERROR,
         "an error on the server (\"unknown\") has prevented the request from succeeding (get pods.g web-1)"},
        {418, "GET", "", true, TARN_REASON_UNKNOWN,
         "the server responded with the status code 418 but did not return more information (get pods.g web-1)"},
        {302, "GET", "", true, TARN_REASON_UNKNOWN,
         "the server responded with the status code 302 but did not return more information (get pods.g web-1)"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tarn_status_response r = {.code = rows[i].code,
                                         .method = tarn_bytes_of(rows[i].method),
                                         .group = TARN_BYTES("g"),
                                         .resource = TARN_BYTES("pods"),
                                         .name = TARN_BYTES("web-1"),
                                         .body = tarn_bytes_of(rows[i].body),
                                         .body_is_text = rows[i].text,
                                         .retry_after_s = 4};
        struct tarn_status s = {0};

        CU_ASSERT_EQUAL_FATAL(tarn_status_from_response(&r, &s), 1);
        CU_ASSERT_EQUAL(s.outcome, TARN_STATUS_FAILURE);
        CU_ASSERT_EQUAL(s.code, rows[i].code);
        CU_ASSERT_EQUAL(s.reason, rows[i].reason);
        CU_ASSERT_EQUAL(s.retry_after_s, 4);
        IS(s.message, rows[i].message);
        CU_ASSERT_PTR_NOT_NULL(tarn_status_cause(&s, TARN_CAUSE_UNEXPECTED_SERVER_RESPONSE));
        tarn_status_release(&s);
    }
}

/* */
static void a23_without_a_resource_the_request_is_not_named(void)
{
    struct tarn_status_response r = {.code = 404, .method = TARN_BYTES("GET")};
    struct tarn_status s = {0};

    CU_ASSERT_EQUAL_FATAL(tarn_status_from_response(&r, &s), 1);
    IS(s.message, "the server could not find the requested resource");
    tarn_status_release(&s);
    r.resource = TARN_BYTES("pods");
    CU_ASSERT_EQUAL_FATAL(tarn_status_from_response(&r, &s), 1);
    IS(s.message, "the server could not find the requested resource (get pods)");
    tarn_status_release(&s);
}

/* Upstream: TestDoRequestSuccess..., TestTransformResponse ("Status 2xx that failed"). */
static void a24_a_status_in_the_body_counts_whatever_the_code(void)
{
#define STATUS(rest) "{\"kind\":\"Status\",\"apiVersion\":\"v1\"," rest "}"
    static const struct {
        int code;
        const char *body;
        int want;
        enum tarn_status_reason reason;
        uint32_t retry_after_s;
    } rows[] = {
        {200, STATUS("\"status\":\"Failure\",\"reason\":\"Expired\",\"code\":410"), 1, TARN_REASON_EXPIRED, 2},
        {200, STATUS("\"status\":\"Success\""), 0, 0, 0},
        {202, STATUS("\"status\":\"working\""), 0, 0, 0},
        {200, "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{},\"items\":[]}", 0, 0, 0},
        {200, "", 0, 0, 0},
        {404, STATUS("\"status\":\"Failure\",\"reason\":\"NotFound\",\"code\":404"), 1, TARN_REASON_NOT_FOUND, 2},
        {429, STATUS("\"status\":\"Failure\",\"reason\":\"TooManyRequests\",\"details\":{\"retryAfterSeconds\":9},\"code\":429"), 1,
         TARN_REASON_TOO_MANY_REQUESTS, 9},
        {500, STATUS("\"status\":\"Success\""), 1, TARN_REASON_INTERNAL_ERROR, 2},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct tarn_status_response r = {
            .code = rows[i].code, .method = TARN_BYTES("GET"), .body = tarn_bytes_of(rows[i].body), .retry_after_s = 2};
        struct tarn_status s = {.code = -7};

        CU_ASSERT_EQUAL(tarn_status_from_response(&r, &s), rows[i].want);
        if (!rows[i].want) {
            CU_ASSERT_EQUAL(s.code, -7); /* untouched */
            continue;
        }
        CU_ASSERT_EQUAL(s.reason, rows[i].reason);
        CU_ASSERT_EQUAL(s.retry_after_s, rows[i].retry_after_s);
        tarn_status_release(&s);
    }
}

/* G-22. Upstream: errors.NewNotFound. */
static void not_found_names_resource_and_group(void)
{
    struct tarn_status s = {0};

    CU_ASSERT_EQUAL_FATAL(tarn_status_not_found(TARN_BYTES(""), TARN_BYTES("pods"), TARN_BYTES("web-1"), &s), 0);
    IS(s.message, "pods \"web-1\" not found");
    CU_ASSERT(tarn_status_is_not_found(&s));
    CU_ASSERT_EQUAL(s.code, 404);
    tarn_status_release(&s);
    CU_ASSERT_EQUAL_FATAL(tarn_status_not_found(TARN_BYTES("apps"), TARN_BYTES("deployments"), TARN_BYTES("web"), &s), 0);
    IS(s.message, "deployments.apps \"web\" not found");
    IS(s.group, "apps");
    IS(s.kind, "deployments");
    IS(s.name, "web");
    tarn_status_release(&s);
}

static void a_custom_reason_is_kept_and_written(void)
{
    struct tarn_status s = parsed("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"reason\":\"QuotaOnFire\"}");

    CU_ASSERT_EQUAL(s.reason, TARN_REASON_UNKNOWN);
    written_is(&s, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"reason\":\"QuotaOnFire\",\"code\":500}");
    tarn_status_release(&s);
}

static int make(int kind, struct tarn_status *ret)
{
    static const char json[] = "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"reason\":\"Invalid\","
                               "\"details\":{\"causes\":[{\"message\":\"m\"}]}}";
    struct tarn_status_response r = {.code = 500, .resource = TARN_BYTES("pods"), .body = TARN_BYTES("\"x\""), .body_is_text = true};

    switch (kind) {
    case 0:
        return tarn_status_from_json(TARN_BYTES(json), ret, NULL);
    case 1:
        return tarn_status_from_response(&r, ret) == 1 ? 0 : TARN_E_NOMEM;
    default:
        return tarn_status_not_found(TARN_BYTES("apps"), TARN_BYTES("deployments"), TARN_BYTES("web"), ret);
    }
}

static void statuses_survive_any_failed_allocation(void)
{
    long before = tarn_fault_blocks();

    for (int kind = 0; kind < 3; kind++) {
        bool failed = true;

        for (long n = 0; failed; n++) {
            struct tarn_status s = {0};
            struct tarn_buf out = {0};
            int rc;

            tarn_fault_arm(n);
            rc = make(kind, &s);
            if (!rc)
                rc = tarn_status_to_json(&s, &out);
            failed = tarn_fault_disarm();
            CU_ASSERT_EQUAL(rc, failed ? TARN_E_NOMEM : 0);
            tarn_status_release(&s);
            tarn_buf_release(&out);
            CU_ASSERT_EQUAL_FATAL(tarn_fault_blocks(), before);
        }
    }
}

TARN_TEST_MAIN("status", TARN_TEST(a11_2_reasons_and_codes_belong_together),
               TARN_TEST(a1_a3_a_status_reads_and_writes_back_the_same), TARN_TEST(a11_2_every_reason_survives_a_round_trip),
               TARN_TEST(a2_the_forms_of_2014_are_read_and_not_written),
               TARN_TEST(a2_working_is_neither_success_nor_error_and_never_written),
               TARN_TEST(a7_only_a_status_is_read_as_one), TARN_TEST(odd_members_are_passed_over),
               TARN_TEST(a20_to_a22_predicates_follow_reason_and_code), TARN_TEST(a20_the_named_predicates_are_the_right_ones),
               TARN_TEST(a9_causes_are_found_by_reason), TARN_TEST(r14_a_resource_version_in_the_future_is_recognised),
               TARN_TEST(a8_a_delay_is_suggested_by_reason_or_seconds),
               TARN_TEST(a23_a_response_without_a_status_is_judged_by_its_code),
               TARN_TEST(a23_without_a_resource_the_request_is_not_named),
               TARN_TEST(a24_a_status_in_the_body_counts_whatever_the_code), TARN_TEST(not_found_names_resource_and_group),
               TARN_TEST(a_custom_reason_is_kept_and_written),
               TARN_TEST(statuses_survive_any_failed_allocation))
