/* sim_status.c - Status bodies as kube-apiserver v1.34 writes them (recorded exchanges err-*, list-*, watch-*). */
#include "sim_status.h"

#include <stdarg.h>
#include <stdio.h>

#include "sim_access.h"
#include "sim_json.h"

static void put_field(struct tarn_buf *out, const char *name, const char *value, bool *first)
{
    if (!value)
        return;
    sim_putf(out, "%s\"%s\":", *first ? "" : ",", name);
    sim_json_put_string(out, tarn_bytes_of(value));
    *first = false;
}

static void put_causes(struct tarn_buf *out, const struct sim_cause *c)
{
    sim_puts(out, "\"causes\":[");
    for (unsigned i = 0; i < 4 && c[i].message; i++) {
        bool first = true;

        sim_puts(out, i ? ",{" : "{");
        put_field(out, "reason", c[i].reason, &first);
        put_field(out, "message", c[i].message, &first);
        put_field(out, "field", c[i].field, &first);
        sim_puts(out, "}");
    }
    sim_puts(out, "]");
}

static void put_details(struct tarn_buf *out, const struct sim_status *s)
{
    bool first = true;

    if (!s->details && !s->name && !s->group && !s->kind && !s->causes[0].message && !s->retry_after_s)
        return;
    sim_puts(out, ",\"details\":{");
    put_field(out, "name", s->name, &first);
    put_field(out, "group", s->group && *s->group ? s->group : NULL, &first);
    put_field(out, "kind", s->kind && *s->kind ? s->kind : NULL, &first);
    if (s->causes[0].message) {
        sim_puts(out, first ? "" : ",");
        put_causes(out, s->causes);
        first = false;
    }
    if (s->retry_after_s)
        sim_putf(out, "%s\"retryAfterSeconds\":%u", first ? "" : ",", s->retry_after_s);
    sim_puts(out, "}");
}

void sim_status_print(const struct sim_status *s, struct tarn_buf *out)
{
    bool first = true;

    sim_puts(out, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{");
    put_field(out, "continue", s->cont, &first);
    sim_putf(out, "},\"status\":\"%s\"", s->code < 400 ? "Success" : "Failure");
    first = false;
    put_field(out, "message", s->message, &first);
    put_field(out, "reason", s->reason, &first);
    put_details(out, s);
    if (s->code >= 400)
        sim_putf(out, ",\"code\":%d", s->code);
    sim_puts(out, "}");
}

void sim_status_reply(struct sim_request *req, const struct sim_status *s)
{
    struct sim_reply_head head = {.code = s->code};
    struct tarn_buf body = {0};
    char seconds[12];

    if (s->retry_after_s) {
        (void)snprintf(seconds, sizeof seconds, "%u", s->retry_after_s);
        head.header[0][0] = "Retry-After";
        head.header[0][1] = seconds;
    }
    sim_status_print(s, &body);
    sim_puts(&body, "\n");
    sim_reply(req, &head, &body);
}

void sim_text_reply(struct sim_request *req, int code, const char *text, unsigned retry_after_s)
{
    struct sim_reply_head head = {.code = code, .content_type = "text/plain; charset=utf-8",
                                  .header = {{"X-Content-Type-Options", "nosniff"}}};
    struct tarn_buf body = {0};
    char seconds[12];

    if (retry_after_s) {
        (void)snprintf(seconds, sizeof seconds, "%u", retry_after_s);
        head.header[1][0] = "Retry-After";
        head.header[1][1] = seconds;
    }
    sim_puts(&body, text);
    sim_reply(req, &head, &body);
}

void sim_reply_bad_request(struct sim_request *req, const char *fmt, ...)
{
    char message[2048];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    sim_status_reply(req, &(struct sim_status){.code = 400, .reason = "BadRequest", .message = message});
}

void sim_reply_not_found(struct sim_request *req, const struct sim_kind *kind, const char *name)
{
    char resource[160], message[512];

    sim_kind_resource_name(kind, resource, sizeof resource);
    (void)snprintf(message, sizeof message, "%s \"%s\" not found", resource, name);
    sim_status_reply(req, &(struct sim_status){.code = 404, .reason = "NotFound", .message = message, .name = name,
                                               .group = kind->group, .kind = kind->plural});
}

void sim_reply_no_resource(struct sim_request *req)
{
    sim_status_reply(req, &(struct sim_status){.code = 404, .reason = "NotFound", .details = true,
                                               .message = "the server could not find the requested resource"});
}

void sim_reply_no_path(struct sim_request *req)
{
    sim_text_reply(req, 404, "404 page not found\n", 0);
}

void sim_reply_method_not_allowed(struct sim_request *req)
{
    sim_status_reply(req, &(struct sim_status){.code = 405, .reason = "MethodNotAllowed", .details = true,
                                               .message = "the server does not allow this method on the requested resource"});
}

static void put_forbidden_resource(struct tarn_buf *m, const char *user, const struct sim_attempt *w)
{
    sim_putf(m, "%s%s%s", w->resource, *w->group ? "." : "", w->group);
    if (*w->name)
        sim_putf(m, " \"%s\"", w->name);
    sim_putf(m, " is forbidden: User \"%s\" cannot %s resource \"%s%s%s\" in API group \"%s\" ", user, w->verb, w->resource, *w->subresource ? "/" : "",
             w->subresource, w->group);
    if (*w->ns)
        sim_putf(m, "in the namespace \"%s\"", w->ns);
    else
        sim_puts(m, "at the cluster scope");
}

void sim_reply_forbidden(struct sim_request *req, const char *user, const struct sim_attempt *w)
{
    struct sim_status s = {.code = 403, .reason = "Forbidden", .details = true};
    struct tarn_buf m = {0};

    if (w->path) {
        sim_putf(&m, "forbidden: User \"%s\" cannot %s path \"%.1024s\"", user, w->verb, w->path);
    } else {
        put_forbidden_resource(&m, user, w);
        s.group = w->group;
        s.kind = w->resource;
        s.name = *w->name ? w->name : NULL;
    }
    sim_put(&m, "", 1);
    s.message = m.data;
    sim_status_reply(req, &s);
    tarn_buf_release(&m);
}

void sim_reply_invalid(struct sim_request *req, const struct sim_invalid *i)
{
    struct tarn_buf message = {0};

    sim_putf(&message, "%s%s%s \"%s\" is invalid: %s: %s", i->kind, i->group && *i->group ? "." : "",
             i->group ? i->group : "", i->name ? i->name : "", i->field, i->detail);
    sim_put(&message, "", 1);
    sim_status_reply(req, &(struct sim_status){.code = 422, .reason = "Invalid", .message = message.data,
                                               .name = i->name, .group = i->group, .kind = i->kind,
                                               .causes = {{i->cause_reason, i->detail, i->field}}});
    tarn_buf_release(&message);
}

void sim_reply_forbidden_option(struct sim_request *req, const char *field, const char *detail)
{
    sim_reply_invalid(req, &(struct sim_invalid){.group = "meta.k8s.io", .kind = "ListOptions", .field = field,
                                                 .cause_reason = "FieldValueForbidden", .detail = detail});
}

struct sim_status sim_status_future_rv(uint64_t wanted, uint64_t current, char *message, size_t n)
{
    (void)snprintf(message, n, "Timeout: Too large resource version: %llu, current: %llu", (unsigned long long)wanted,
                   (unsigned long long)current);
    return (struct sim_status){.code = 504, .reason = "Timeout", .message = message, .retry_after_s = 1,
                               .causes = {{"ResourceVersionTooLarge", "Too large resource version", NULL}}};
}
