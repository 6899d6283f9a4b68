/* api_call.c - how a call is answered and ended; see api_call.h. */
#include "api_impl.h"

#include <stdio.h>
#include <stdlib.h>

#include "api_indent.h"
#include "gzip_source.h"

void api_call_end(struct api_call *c)
{
    LIST_REMOVE(c, link);
    api_request_release(&c->request);
    free(c);
}

void api_call_reply(struct api_call *c, unsigned status, const char *type, struct tarn_buf *body)
{
    tarn_http_exchange_reply(c->x, status, type, body);
    api_call_end(c);
}

/* As kube-apiserver: a Status for people is indented, one for programs ends with a line. */
static int finish(const struct api_call *c, struct api_answer *a)
{
    struct tarn_buf out = {0};
    struct api_indent indent = {0};
    int rc;

    if (strcmp(a->type, "application/json") != 0)
        return 0;
    if (c->form.pretty) {
        rc = api_indent_add(&indent, tarn_buf_bytes(&a->body), &out);
        if (rc) {
            tarn_buf_release(&out);
            return rc;
        }
        tarn_buf_release(&a->body);
        a->body = out;
        return 0;
    }
    return tarn_buf_adds(&a->body, "\n");
}

void api_call_answer(struct api_call *c, struct api_answer *a)
{
    char seconds[16];

    (void)snprintf(seconds, sizeof seconds, "%u", a->retry_after_s);
    if (finish(c, a) || (a->retry_after_s && tarn_http_exchange_add_header(c->x, "Retry-After", seconds)))
        tarn_buf_release(&a->body); /* the status alone says it, too */
    if (a->code == 410)
        api_count(&api_counters(c->api)->expired, 1);
    api_call_reply(c, a->code, a->type, &a->body);
    api_answer_release(a);
}

void api_call_stream(struct api_call *c, unsigned status, const char *type, const struct tarn_http_source *source, void *ctx)
{
    bool compress = c->api->config->api.gzip && tarn_gzip_is_accepted(tarn_http_exchange_header(c->x, "Accept-Encoding"));

    (compress ? tarn_gzip_stream : tarn_http_exchange_stream)(c->x, status, type, source, ctx);
}

bool api_call_may_read(const struct api_call *c, const struct api_realm *r)
{
    const struct api_place_of_realm *p = api_place(c->api, r);

    return p && api_access_may_read(&c->caller, p->entry);
}
