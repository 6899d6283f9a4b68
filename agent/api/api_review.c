/* api_review.c - see api_review.h. */
#include "api_review.h"

#include <stdlib.h>

#include <tarn/object.h>
#include <tarn/status.h>

#include "json_text.h"
#include "logger.h"

#define ANSWER_BYTES_MAX (64u << 10) /* of a user with very many groups; a TokenReview comes back with its token */
#define ANSWER_MS 10000

struct kind {
    const char *name, *path, *verdict; /* verdict: the field of the status that says yes */
};
static const struct kind token_review = {"TokenReview", "/apis/authentication.k8s.io/v1/tokenreviews", "status.authenticated"};
static const struct kind access_review = {"SubjectAccessReview", "/apis/authorization.k8s.io/v1/subjectaccessreviews", "status.allowed"};

struct api_review {
    const struct kind *kind;
    api_review_done done;
    void *ctx;
    struct tarn_http_transfer *transfer;
    int status;
    bool is_text;
    struct tarn_buf body;
};

/* ---- memory that may hold a token ------------------------------------------------------------------------------- */

static void wipe(struct tarn_buf *b)
{
    if (b->cap)
        explicit_bzero(b->data, b->cap);
    tarn_buf_release(b);
}

/* tarn_buf_add would leave a copy behind where it grows. */
static int add_secret(struct tarn_buf *b, const char *data, size_t n)
{
    struct tarn_buf larger = {0};

    if (b->cap - b->len < n) {
        if (tarn_buf_reserve(&larger, 2 * (b->len + n)) || tarn_buf_add(&larger, b->data, b->len)) {
            tarn_buf_release(&larger);
            return TARN_E_NOMEM;
        }
        wipe(b);
        *b = larger;
    }
    return tarn_buf_add(b, data, n);
}

/* ---- the answer --------------------------------------------------------------------------------------------------- */

static bool is_true(const struct tarn_object *o, const char *path)
{
    struct tarn_value v;

    return tarn_object_get(o, path, &v) == 0 && v.type == TARN_BOOL && v.boolean;
}

/* "groups":["a","b"], as it came; what is not there is left out. */
static int add_member(const struct tarn_object *o, const char *name, enum tarn_value_type type, struct tarn_buf *out)
{
    struct tarn_value v;
    char path[64];
    int rc;

    (void)snprintf(path, sizeof path, "status.user.%s", name);
    if (tarn_object_get(o, path, &v) || v.type != type)
        return 0;
    rc = tarn_buf_addf(out, ",\"%s\":", name);
    return rc ? rc : tarn_value_to_json(&v, 0, out);
}

static int write_user(const struct tarn_object *o, struct tarn_bytes name, struct tarn_buf *out)
{
    int rc = tarn_buf_adds(out, "\"user\":");

    if (!rc)
        rc = tarn_json_quote(out, name);
    if (!rc)
        rc = add_member(o, "uid", TARN_STRING, out);
    if (!rc)
        rc = add_member(o, "groups", TARN_ARRAY, out);
    return rc ? rc : add_member(o, "extra", TARN_MAP, out);
}

/* A yes that is also a no, or one without a name, is none. */
static int read_verdict(const struct api_review *r, const struct tarn_object *o, struct tarn_buf *user, struct api_review_answer *ret)
{
    int rc = 0;

    ret->yes = is_true(o, r->kind->verdict) && !is_true(o, "status.denied");
    (void)tarn_object_get_string(o, "status.reason", &ret->reason);
    if (r->kind == &token_review && ret->yes) {
        ret->yes = tarn_object_get_string(o, "status.user.username", &ret->name) == 0 && ret->name.len;
        rc = ret->yes ? write_user(o, ret->name, user) : 0;
        ret->user = tarn_buf_bytes(user);
    }
    ret->answered = rc == 0;
    return rc;
}

static bool is_review(const struct api_review *r, const struct tarn_object *o)
{
    struct tarn_bytes kind = {0};
    struct tarn_value status;

    return tarn_object_get_string(o, "kind", &kind) == 0 && tarn_bytes_equal(kind, tarn_bytes_of(r->kind->name)) &&
           tarn_object_get(o, "status", &status) == 0 && status.type == TARN_MAP;
}

static void tell(const struct api_review *r, const char *problem)
{
    tarn_log(TARN_LOG_ERROR, "a caller of the read API cannot be checked", "review", r->kind->name, "error", problem, "goes_on", "it is refused", NULL);
}

/* A server that does not understand may quote what it was sent. */
static void tell_status(const struct api_review *r)
{
    struct tarn_status_response response = {.code = r->status, .method = TARN_BYTES("POST"), .body = tarn_buf_bytes(&r->body), .body_is_text = r->is_text};
    struct tarn_status s = {0};
    char text[600];

    if (r->status == 400 || r->status == 422 || r->status < 400 || tarn_status_from_response(&response, &s) != 1)
        (void)snprintf(text, sizeof text, "the server answered %d", r->status);
    else
        (void)snprintf(text, sizeof text, "%d: %.*s", r->status, TARN_BYTES_ARG(s.message));
    tarn_status_release(&s);
    tell(r, text);
}

static void finish(struct api_review *r, const struct api_review_answer *a)
{
    api_review_done done = r->done;
    void *ctx = r->ctx;

    wipe(&r->body);
    free(r);
    done(ctx, a);
}

/* The object is ours alone: nobody else reads what is overwritten. */
static void wipe_object(const struct tarn_object *o)
{
    struct tarn_bytes body = tarn_object_body(o);

    explicit_bzero((char *)body.data, body.len);
    tarn_object_unref(o);
}

static void read_answer(struct api_review *r)
{
    struct api_review_answer a = {0};
    struct tarn_buf user = {0};
    const struct tarn_object *o = NULL;

    if (r->status != 200 && r->status != 201) {
        tell_status(r);
    } else if (tarn_object_from_json(tarn_buf_bytes(&r->body), &o, NULL) || !is_review(r, o)) {
        tell(r, "the server's answer is no such review");
    } else if (read_verdict(r, o, &user, &a)) {
        tell(r, "out of memory");
    }
    finish(r, &a);
    tarn_buf_release(&user);
    if (o)
        wipe_object(o);
}

/* ---- the transfer --------------------------------------------------------------------------------------------------- */

static int on_head(void *ctx, const struct tarn_http_head *head)
{
    struct api_review *r = ctx;

    r->status = head->status;
    r->is_text = head->content_type.len > 5 && strncasecmp(head->content_type.data, "text/", 5) == 0;
    return 0;
}

static int on_body(void *ctx, const char *data, size_t n)
{
    struct api_review *r = ctx;

    return r->body.len + n > ANSWER_BYTES_MAX ? TARN_E_SIZE : add_secret(&r->body, data, n);
}

static void on_end(void *ctx, const struct tarn_http_end *end)
{
    struct api_review *r = ctx;

    if (end->kind == TARN_HTTP_DONE) {
        read_answer(r);
        return;
    }
    tell(r, end->code == TARN_E_SIZE ? "the server's answer is larger than 64 KiB" : end->error->message);
    finish(r, &(struct api_review_answer){0});
}

/* body is wiped in every case. */
static int ask(struct api_upstream *u, const struct kind *kind, struct tarn_buf *body, api_review_done done, void *ctx, struct api_review **ret)
{
    static const struct tarn_http_sink sink = {.on_head = on_head, .on_body = on_body, .on_end = on_end};
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    struct api_review *r = calloc(1, sizeof *r);
    int rc = TARN_E_NOMEM;

    if (r) {
        *r = (struct api_review){.kind = kind, .done = done, .ctx = ctx};
        rc = tarn_http_start(u->http,
                             &(struct tarn_http_request){
                                 .cls = TARN_HTTP_SHORT,
                                 .method = "POST",
                                 .path = kind->path,
                                 .headers = headers,
                                 .body = tarn_buf_bytes(body),
                                 .deadline_ms = ANSWER_MS,
                                 .sink = &sink,
                                 .ctx = r,
                             },
                             &r->transfer);
    }
    wipe(body);
    if (rc)
        free(r);
    else
        *ret = r;
    return rc;
}

int api_review_token(struct api_upstream *u, struct tarn_bytes token, api_review_done done, void *ctx, struct api_review **ret)
{
    struct tarn_buf b = {0};
    int rc = tarn_buf_reserve(&b, 6 * token.len + 128); /* at once: a buffer that grows leaves copies */

    if (!rc)
        rc = tarn_buf_adds(&b, "{\"kind\":\"TokenReview\",\"apiVersion\":\"authentication.k8s.io/v1\",\"spec\":{\"token\":");
    if (!rc)
        rc = tarn_json_quote(&b, token);
    if (!rc)
        rc = tarn_buf_adds(&b, "}}");
    if (!rc)
        return ask(u, &token_review, &b, done, ctx, ret);
    wipe(&b);
    return rc;
}

static int add_attribute(struct tarn_buf *b, const char *name, struct tarn_bytes value)
{
    int rc;

    if (!value.len)
        return 0;
    rc = tarn_buf_addf(b, ",\"%s\":", name);
    return rc ? rc : tarn_json_quote(b, value);
}

static int add_attributes(struct tarn_buf *b, const struct api_attributes *w)
{
    const struct {
        const char *name;
        struct tarn_bytes value;
    } rows[] = {{"path", w->path}, {"group", w->group}, {"version", w->version}, {"resource", w->resource}, {"namespace", w->ns}, {"name", w->name}};
    int rc = tarn_buf_addf(b, "\"%s\":{\"verb\":\"%s\"", w->path.len ? "nonResourceAttributes" : "resourceAttributes", w->verb);

    for (size_t i = 0; !rc && i < (w->path.len ? 1 : sizeof rows / sizeof *rows); i++)
        rc = add_attribute(b, rows[i].name, rows[i].value);
    return rc ? rc : tarn_buf_adds(b, "},");
}

int api_review_access(struct api_upstream *u, struct tarn_bytes user, const struct api_attributes *what, api_review_done done, void *ctx,
                      struct api_review **ret)
{
    struct tarn_buf b = {0};
    int rc = tarn_buf_adds(&b, "{\"kind\":\"SubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/v1\",\"spec\":{");

    if (!rc)
        rc = add_attributes(&b, what);
    if (!rc)
        rc = tarn_buf_add(&b, user.data, user.len);
    if (!rc)
        rc = tarn_buf_adds(&b, "}}");
    if (!rc)
        return ask(u, &access_review, &b, done, ctx, ret);
    wipe(&b);
    return rc;
}

void api_review_cancel(struct api_review *r)
{
    tarn_http_cancel(r->transfer);
    wipe(&r->body);
    free(r);
}
