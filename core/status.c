/* status.c - the API Status: read, written, made from an HTTP response, and classified.
 *
 * Its one idea: a status is first described by borrowed strings, wherever they stand, and becomes owned by one
 * copy into one block (tarn_status_copy): the causes first, the text of all strings behind them.
 */
#include <tarn/status.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

#include <tarn/object.h>

/* ---- reasons and codes ----------------------------------------------------------------- */

enum rule { REASON_OR_CODE, REASON, ALWAYS_CODE };

static const struct {
    const char *text;
    int code;
    enum rule rule;
} reasons[] = {
    [TARN_REASON_UNKNOWN] = {"", 500, REASON},
#define X(name, verb, text, code, rule) [TARN_REASON_##name] = {text, code, rule},
    TARN_STATUS_REASON_MAP(X)
#undef X
};

/* The reasons of the first API (2014) that were spelt otherwise. */
static const struct {
    const char *text;
    enum tarn_status_reason reason;
} seed_reasons[] = {
    {"not_found", TARN_REASON_NOT_FOUND},
    {"already_exists", TARN_REASON_ALREADY_EXISTS},
    {"conflict", TARN_REASON_CONFLICT},
    {"invalid", TARN_REASON_INVALID},
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Append b as a JSON string. */
static int add_string(struct tarn_buf *out, struct tarn_bytes b)
{
    return tarn_value_to_json(&(struct tarn_value){.type = TARN_STRING, .string = b}, 0, out);
}

static bool is_text(struct tarn_bytes b, const char *text)
{
    return tarn_bytes_equal(b, tarn_bytes_of(text));
}

const char *tarn_status_reason_text(enum tarn_status_reason reason)
{
    return (size_t)reason < COUNT(reasons) ? reasons[reason].text : "";
}

int tarn_status_reason_code(enum tarn_status_reason reason)
{
    return (size_t)reason < COUNT(reasons) ? reasons[reason].code : 500;
}

enum tarn_status_reason tarn_status_reason_parse(struct tarn_bytes text)
{
    for (size_t i = 1; i < COUNT(reasons); i++)
        if (is_text(text, reasons[i].text))
            return (enum tarn_status_reason)i;
    for (size_t i = 0; i < COUNT(seed_reasons); i++)
        if (is_text(text, seed_reasons[i].text))
            return seed_reasons[i].reason;
    return TARN_REASON_UNKNOWN;
}

/* ---- copying --------------------------------------------------------------------------- */

/* The strings of a status, so that a copy treats all alike. */
static const size_t string_members[] = {
    offsetof(struct tarn_status, reason_text), offsetof(struct tarn_status, message),
    offsetof(struct tarn_status, name),        offsetof(struct tarn_status, group),
    offsetof(struct tarn_status, kind),        offsetof(struct tarn_status, uid),
    offsetof(struct tarn_status, resource_version), offsetof(struct tarn_status, cont),
};

static struct tarn_bytes *string_member(struct tarn_status *s, size_t i)
{
    return (struct tarn_bytes *)((char *)s + string_members[i]);
}

static size_t text_bytes(const struct tarn_status *s)
{
    struct tarn_status view = *s;
    size_t n = 0;

    for (size_t i = 0; i < COUNT(string_members); i++)
        n += string_member(&view, i)->len;
    for (size_t i = 0; i < s->ncauses; i++)
        n += s->causes[i].reason.len + s->causes[i].message.len + s->causes[i].field.len;
    return n;
}

/* Move what b shows to *at, and *at on. */
static void move_text(struct tarn_bytes *b, char **at)
{
    if (b->len)
        memcpy(*at, b->data, b->len);
    b->data = *at;
    *at += b->len;
}

int tarn_status_copy(const struct tarn_status *s, struct tarn_status *ret)
{
    size_t ncauses_bytes = s->ncauses * sizeof *s->causes;
    struct tarn_status copy = *s;
    struct tarn_status_cause *causes = malloc(ncauses_bytes + text_bytes(s) + 1);
    char *text;

    if (!causes)
        return TARN_E_NOMEM;
    text = (char *)causes + ncauses_bytes;
    for (size_t i = 0; i < COUNT(string_members); i++)
        move_text(string_member(&copy, i), &text);
    for (size_t i = 0; i < s->ncauses; i++) {
        causes[i] = s->causes[i];
        move_text(&causes[i].reason, &text);
        move_text(&causes[i].message, &text);
        move_text(&causes[i].field, &text);
    }
    copy.causes = causes;
    copy.owned = causes;
    *ret = copy;
    return 0;
}

void tarn_status_release(struct tarn_status *s)
{
    if (!s)
        return;
    free(s->owned);
    *s = (struct tarn_status){0};
}

/* ---- making ---------------------------------------------------------------------------- */

struct tarn_status tarn_status_failure(enum tarn_status_reason reason, struct tarn_bytes message)
{
    return (struct tarn_status){
        .reason = reason,
        .reason_text = tarn_bytes_of(tarn_status_reason_text(reason)),
        .message = message,
        .code = tarn_status_reason_code(reason),
    };
}

/* `pods`, or `deployments.apps`. */
static int add_resource(struct tarn_buf *out, struct tarn_bytes group, struct tarn_bytes resource)
{
    return tarn_buf_addf(out, "%.*s%s%.*s", TARN_BYTES_ARG(resource), group.len ? "." : "", TARN_BYTES_ARG(group));
}

int tarn_status_not_found(struct tarn_bytes group, struct tarn_bytes resource, struct tarn_bytes name,
                          struct tarn_status *ret)
{
    struct tarn_buf message = {0};
    struct tarn_status s;
    int err;

    if ((err = add_resource(&message, group, resource)))
        goto out;
    if ((err = tarn_buf_addf(&message, " \"%.*s\" not found", TARN_BYTES_ARG(name))))
        goto out;
    s = tarn_status_failure(TARN_REASON_NOT_FOUND, tarn_buf_bytes(&message));
    s.group = group;
    s.kind = resource;
    s.name = name;
    err = tarn_status_copy(&s, ret);
out:
    tarn_buf_release(&message);
    return err;
}

/* ---- reading --------------------------------------------------------------------------- */

/* The string at path, or no bytes. */
static struct tarn_bytes string_at(const struct tarn_value *v, const char *path)
{
    struct tarn_value s;

    if (tarn_value_get(v, path, &s) || s.type != TARN_STRING)
        return (struct tarn_bytes){0};
    return s.string;
}

/* The integer at path clamped to 0 ... INT32_MAX, or 0. */
static int32_t int_at(const struct tarn_value *v, const char *path)
{
    struct tarn_value i;

    if (tarn_value_get(v, path, &i) || i.type != TARN_INT || i.i < 0)
        return 0;
    return i.i > INT32_MAX ? INT32_MAX : (int32_t)i.i;
}

/* Is b this text, which is in lower case, whatever the case of b? */
static bool is_text_of_any_case(struct tarn_bytes b, const char *lower)
{
    size_t n = strlen(lower);

    for (size_t i = 0; i < n && b.len == n; i++)
        if (tolower((unsigned char)b.data[i]) != lower[i])
            return false;
    return b.len == n;
}

static enum tarn_status_outcome outcome_parse(struct tarn_bytes text)
{
    if (is_text_of_any_case(text, "success"))
        return TARN_STATUS_SUCCESS;
    return is_text_of_any_case(text, "working") ? TARN_STATUS_WORKING : TARN_STATUS_FAILURE;
}

/* Read details.causes into a new array. Elements that are no map are passed over. */
static int causes_read(const struct tarn_value *root, struct tarn_status_cause **ret, size_t *ret_n)
{
    struct tarn_value it, cause;
    struct tarn_status_cause *causes;
    size_t n = 0;

    if (tarn_value_get(root, "details.causes", &it) || it.type != TARN_ARRAY || it.count == 0)
        return 0;
    if (it.count > it.raw.len) /* each element has at least one byte: a count above that lies */
        return TARN_E_CORRUPT;
    causes = malloc(it.count * sizeof *causes);
    if (!causes)
        return TARN_E_NOMEM;
    while (tarn_value_next(&it, NULL, &cause) > 0)
        if (cause.type == TARN_MAP)
            causes[n++] = (struct tarn_status_cause){.reason = string_at(&cause, "reason"),
                                                     .message = string_at(&cause, "message"),
                                                     .field = string_at(&cause, "field")};
    *ret = causes;
    *ret_n = n;
    return 0;
}

/* All but the causes, borrowed from root. */
static void members_read(const struct tarn_value *root, struct tarn_status *s)
{
    s->outcome = outcome_parse(string_at(root, "status"));
    s->reason_text = string_at(root, "reason");
    s->reason = tarn_status_reason_parse(s->reason_text);
    s->message = string_at(root, "message");
    s->code = int_at(root, "code");
    s->retry_after_s = (uint32_t)int_at(root, "details.retryAfterSeconds");
    s->name = string_at(root, "details.name");
    if (!s->name.len)
        s->name = string_at(root, "details.id"); /* 2014 */
    s->group = string_at(root, "details.group");
    s->kind = string_at(root, "details.kind");
    s->uid = string_at(root, "details.uid");
    s->resource_version = string_at(root, "metadata.resourceVersion");
    s->cont = string_at(root, "metadata.continue");
}

static bool is_status(const struct tarn_value *root)
{
    static const char *const versions[] = {"v1", "meta.k8s.io/v1", "v1beta1", "v1beta2", "v1beta3"};
    struct tarn_bytes version = string_at(root, "apiVersion");

    if (!is_text(string_at(root, "kind"), "Status"))
        return false;
    for (size_t i = 0; i < COUNT(versions); i++)
        if (is_text(version, versions[i]))
            return true;
    return false;
}

static int unexpected_object(const struct tarn_value *root, struct tarn_error *err)
{
    struct tarn_bytes kind = string_at(root, "kind"), version = string_at(root, "apiVersion");

    return tarn_error_set(err, TARN_E_TYPE, "unexpected object: kind '%.*s', apiVersion '%.*s' is no v1 Status",
                          TARN_BYTES_ARG(kind), TARN_BYTES_ARG(version));
}

int tarn_status_from_object(const struct tarn_object *obj, struct tarn_status *ret, struct tarn_error *err)
{
    struct tarn_status_cause *causes = NULL;
    struct tarn_status borrowed = {0};
    struct tarn_value root;
    int rc;

    if (tarn_value_parse(tarn_object_body(obj), &root) || root.type != TARN_MAP)
        return tarn_error_set(err, TARN_E_TYPE, "unexpected object: not a map, so no Status");
    if (!is_status(&root))
        return unexpected_object(&root, err);
    members_read(&root, &borrowed);
    rc = causes_read(&root, &causes, &borrowed.ncauses);
    borrowed.causes = causes;
    if (!rc)
        rc = tarn_status_copy(&borrowed, ret);
    free(causes);
    return rc ? tarn_error_set(err, rc, "cannot read a Status: %s", tarn_strerror(rc)) : 0;
}

int tarn_status_from_json(struct tarn_bytes json, struct tarn_status *ret, struct tarn_error *err)
{
    const struct tarn_object *obj;
    int rc = tarn_object_from_json(json, &obj, err);

    if (rc)
        return rc;
    rc = tarn_status_from_object(obj, ret, err);
    tarn_object_unref(obj);
    return rc;
}

/* ---- from an HTTP response --------------------------------------------------------------- */

enum message_kind { FIXED, SERVER_TEXT, SERVER_TEXT_OR_FIXED };

/* What a code means when the body does not say it (errors.NewGenericServerResponse). */
static const struct {
    int code;
    enum tarn_status_reason reason;
    enum message_kind kind;
    const char *message;
} by_code[] = {
    {400, TARN_REASON_BAD_REQUEST, FIXED, "the server rejected our request for an unknown reason"},
    {401, TARN_REASON_UNAUTHORIZED, FIXED, "the server has asked for the client to provide credentials"},
    /* who tried to do what to what: only the server knows */
    {403, TARN_REASON_FORBIDDEN, SERVER_TEXT, ""},
    {404, TARN_REASON_NOT_FOUND, FIXED, "the server could not find the requested resource"},
    {405, TARN_REASON_METHOD_NOT_ALLOWED, FIXED, "the server does not allow this method on the requested resource"},
    {406, TARN_REASON_NOT_ACCEPTABLE, SERVER_TEXT_OR_FIXED,
     "the server was unable to respond with a content type that the client supports"},
    {409, TARN_REASON_CONFLICT, FIXED, "the server reported a conflict"},
    {415, TARN_REASON_UNSUPPORTED_MEDIA_TYPE, SERVER_TEXT, ""},
    {422, TARN_REASON_INVALID, FIXED, "the server rejected our request due to an error in our request"},
    {429, TARN_REASON_TOO_MANY_REQUESTS, FIXED,
     "the server has received too many requests and has asked us to try again later"},
    {503, TARN_REASON_SERVICE_UNAVAILABLE, FIXED, "the server is currently unable to handle the request"},
    {504, TARN_REASON_TIMEOUT, FIXED,
     "the server was unable to return a response in the time allotted, but may still be processing the request"},
};

static struct tarn_bytes trimmed(struct tarn_bytes b)
{
    while (b.len && isspace((unsigned char)b.data[0])) {
        b.data++;
        b.len--;
    }
    while (b.len && isspace((unsigned char)b.data[b.len - 1]))
        b.len--;
    return b;
}

/* What the server wrote, if it is text for people. */
static struct tarn_bytes server_text(const struct tarn_status_response *r)
{
    return r->body_is_text ? trimmed(r->body) : TARN_BYTES("unknown");
}

static int add_fixed_or_server_text(size_t row, struct tarn_bytes text, struct tarn_buf *out)
{
    bool known = text.len && !is_text(text, "unknown");

    if (by_code[row].kind == SERVER_TEXT || (by_code[row].kind == SERVER_TEXT_OR_FIXED && known))
        return tarn_buf_add(out, text.data, text.len);
    return tarn_buf_adds(out, by_code[row].message);
}

/* The reason of a code, and its sentence appended to message. */
static int reason_from_code(const struct tarn_status_response *r, struct tarn_buf *message,
                            enum tarn_status_reason *ret)
{
    struct tarn_bytes text = server_text(r);
    int err;

    for (size_t i = 0; i < COUNT(by_code); i++) {
        if (by_code[i].code != r->code)
            continue;
        *ret = r->code == 409 && is_text(r->method, "POST") ? TARN_REASON_ALREADY_EXISTS : by_code[i].reason;
        return add_fixed_or_server_text(i, text, message);
    }
    if (r->code < 500) {
        *ret = TARN_REASON_UNKNOWN;
        return tarn_buf_addf(message,
                             "the server responded with the status code %d but did not return more information",
                             r->code);
    }
    *ret = TARN_REASON_INTERNAL_ERROR;
    if ((err = tarn_buf_adds(message, "an error on the server (")) || (err = add_string(message, text)))
        return err;
    return tarn_buf_adds(message, ") has prevented the request from succeeding");
}

static int add_lower(struct tarn_buf *out, struct tarn_bytes b)
{
    int err = tarn_buf_reserve(out, b.len);

    for (size_t i = 0; !err && i < b.len; i++)
        out->data[out->len++] = (char)tolower((unsigned char)b.data[i]);
    return err;
}

/* ` (get pods web-1)`, if it is known what was asked for. */
static int add_request(const struct tarn_status_response *r, struct tarn_buf *message)
{
    int err;

    if (!r->group.len && !r->resource.len)
        return 0;
    if ((err = tarn_buf_adds(message, " (")) || (err = add_lower(message, r->method)) ||
        (err = tarn_buf_adds(message, " ")) || (err = add_resource(message, r->group, r->resource)))
        return err;
    return tarn_buf_addf(message, "%s%.*s)", r->name.len ? " " : "", TARN_BYTES_ARG(r->name));
}

static int from_code(const struct tarn_status_response *r, struct tarn_status *ret)
{
    struct tarn_status_cause cause = {.reason = TARN_CAUSE_UNEXPECTED_SERVER_RESPONSE, .message = server_text(r)};
    struct tarn_buf message = {0};
    enum tarn_status_reason reason;
    struct tarn_status s;
    int err = reason_from_code(r, &message, &reason);

    if (!err)
        err = add_request(r, &message);
    if (err)
        goto out;
    s = tarn_status_failure(reason, tarn_buf_bytes(&message));
    s.code = r->code;
    s.group = r->group;
    s.kind = r->resource;
    s.name = r->name;
    s.retry_after_s = r->retry_after_s;
    s.causes = &cause;
    s.ncauses = 1;
    err = tarn_status_copy(&s, ret);
out:
    tarn_buf_release(&message);
    return err ? err : 1;
}

int tarn_status_from_response(const struct tarn_status_response *r, struct tarn_status *ret)
{
    bool ok = r->code >= 200 && r->code < 300;
    struct tarn_status s;
    int err = tarn_status_from_json(r->body, &s, NULL);

    if (err == TARN_E_NOMEM)
        return err;
    if (!err && s.outcome == TARN_STATUS_FAILURE) {
        if (!s.retry_after_s)
            s.retry_after_s = r->retry_after_s;
        *ret = s;
        return 1;
    }
    if (!err)
        tarn_status_release(&s);
    return ok ? 0 : from_code(r, ret);
}

/* ---- writing --------------------------------------------------------------------------- */

/* Append `,"name":"value"` unless value is empty; without the comma for the first member. */
static int add_member(struct tarn_buf *out, const char *name, struct tarn_bytes value)
{
    int err;

    if (!value.len)
        return 0;
    if ((err = tarn_buf_addf(out, "%s\"%s\":", out->data[out->len - 1] == '{' ? "" : ",", name)))
        return err;
    return add_string(out, value);
}

static int add_number(struct tarn_buf *out, const char *name, uint32_t value)
{
    if (!value)
        return 0;
    return tarn_buf_addf(out, "%s\"%s\":%" PRIu32, out->data[out->len - 1] == '{' ? "" : ",", name, value);
}

static int add_cause(struct tarn_buf *out, const struct tarn_status_cause *c)
{
    int err;

    if ((err = tarn_buf_adds(out, out->data[out->len - 1] == '[' ? "{" : ",{")) ||
        (err = add_member(out, "reason", c->reason)) || (err = add_member(out, "message", c->message)) ||
        (err = add_member(out, "field", c->field)))
        return err;
    return tarn_buf_adds(out, "}");
}

static int add_causes(struct tarn_buf *out, const struct tarn_status *s)
{
    int err = 0;

    if (!s->ncauses)
        return 0;
    if ((err = tarn_buf_addf(out, "%s\"causes\":[", out->data[out->len - 1] == '{' ? "" : ",")))
        return err;
    for (size_t i = 0; !err && i < s->ncauses; i++)
        err = add_cause(out, &s->causes[i]);
    return err ? err : tarn_buf_adds(out, "]");
}

static bool has_details(const struct tarn_status *s)
{
    return s->details || s->name.len || s->group.len || s->kind.len || s->uid.len || s->ncauses || s->retry_after_s;
}

static int add_details(struct tarn_buf *out, const struct tarn_status *s)
{
    int err;

    if (!has_details(s))
        return 0;
    if ((err = tarn_buf_adds(out, ",\"details\":{")) || (err = add_member(out, "name", s->name)) ||
        (err = add_member(out, "group", s->group)) || (err = add_member(out, "kind", s->kind)) ||
        (err = add_member(out, "uid", s->uid)) || (err = add_causes(out, s)) ||
        (err = add_number(out, "retryAfterSeconds", s->retry_after_s)))
        return err;
    return tarn_buf_adds(out, "}");
}

/* The reason's text: the canonical one where it is known, so that the forms of 2014 are not written again. */
static struct tarn_bytes reason_for_writing(const struct tarn_status *s)
{
    return s->reason == TARN_REASON_UNKNOWN ? s->reason_text : tarn_bytes_of(tarn_status_reason_text(s->reason));
}

static uint32_t code_for_writing(const struct tarn_status *s)
{
    if (s->code > 0)
        return (uint32_t)s->code;
    return s->outcome == TARN_STATUS_FAILURE ? (uint32_t)tarn_status_reason_code(s->reason) : 0;
}

static int add_status(struct tarn_buf *out, const struct tarn_status *s)
{
    bool success = s->outcome == TARN_STATUS_SUCCESS;
    int err;

    if ((err = tarn_buf_adds(out, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{")) ||
        (err = add_member(out, "resourceVersion", s->resource_version)) || (err = add_member(out, "continue", s->cont)) ||
        (err = tarn_buf_addf(out, "},\"status\":\"%s\"", success ? "Success" : "Failure")) ||
        (err = add_member(out, "message", s->message)) || (err = add_member(out, "reason", reason_for_writing(s))) ||
        (err = add_details(out, s)) || (err = add_number(out, "code", code_for_writing(s))))
        return err;
    return tarn_buf_adds(out, "}");
}

int tarn_status_to_json(const struct tarn_status *s, struct tarn_buf *out)
{
    size_t before = out->len;
    int err;

    if (s->outcome == TARN_STATUS_WORKING)
        return TARN_E_INVAL;
    err = add_status(out, s);
    if (err)
        out->len = before;
    return err;
}

/* ---- classification ---------------------------------------------------------------------- */

bool tarn_status_is(const struct tarn_status *s, enum tarn_status_reason reason)
{
    if (!s || s->outcome != TARN_STATUS_FAILURE || reason == TARN_REASON_UNKNOWN || (size_t)reason >= COUNT(reasons))
        return false;
    if (s->reason == reason)
        return true;
    switch (reasons[reason].rule) {
    case REASON:
        return false;
    case REASON_OR_CODE:
        return s->reason == TARN_REASON_UNKNOWN && s->code == reasons[reason].code;
    case ALWAYS_CODE:
        return s->code == reasons[reason].code;
    }
    return false;
}

const struct tarn_status_cause *tarn_status_cause(const struct tarn_status *s, struct tarn_bytes reason)
{
    for (size_t i = 0; s && i < s->ncauses; i++)
        if (tarn_bytes_equal(s->causes[i].reason, reason))
            return &s->causes[i];
    return NULL;
}

bool tarn_status_is_resource_version_too_large(const struct tarn_status *s)
{
    if (tarn_status_cause(s, TARN_CAUSE_RESOURCE_VERSION_TOO_LARGE))
        return true;
    if (!tarn_status_is_timeout(s))
        return false;
    for (size_t i = 0; i < s->ncauses; i++) /* servers 1.17.0 - 1.18.5 gave only this sentence */
        if (is_text(s->causes[i].message, "Too large resource version"))
            return true;
    return false;
}

bool tarn_status_suggests_delay(const struct tarn_status *s, uint32_t *ret_s)
{
    if (!s || (s->reason != TARN_REASON_SERVER_TIMEOUT && !s->retry_after_s))
        return false;
    if (ret_s)
        *ret_s = s->retry_after_s;
    return true;
}
