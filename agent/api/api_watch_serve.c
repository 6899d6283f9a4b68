/* api_watch_serve.c - a WATCH as a request: the hub's watch driven by the HTTP server's stream. */
#include <stdlib.h>

#include "api_call.h"
#include "api_watch.h"

#define TYPE "application/json"

struct served {
    struct api_call *call;
    struct api_watch *watch;
    uint64_t counted; /* events of it that the counters have */
};

static void count(struct served *s)
{
    uint64_t told = api_watch_told(s->watch);

    api_count(&api_counters(s->call->api)->events, (int64_t)(told - s->counted));
    s->counted = told;
}

static void wake(void *ctx)
{
    const struct served *s = ctx;

    tarn_http_exchange_wake(s->call->x);
}

static ssize_t on_read(void *ctx, char *to, size_t n)
{
    struct served *s = ctx;
    ssize_t k = api_watch_read(s->watch, to, n);

    count(s);
    return k == API_WATCH_END ? TARN_HTTP_END : k;
}

static void on_done(void *ctx)
{
    struct served *s = ctx;
    struct api_counters *n = api_counters(s->call->api);

    count(s);
    api_count(&n->watches_now, -1);
    api_count(&n->slow, api_watch_was_slow(s->watch));
    api_count(&n->expired, api_watch_was_expired(s->watch));
    api_watch_free(s->watch);
    api_call_end(s->call);
    free(s);
}

static int begin(struct served *s)
{
    const struct api_request *q = &s->call->request;
    char text[TARN_REGION_NAME_MAX + 1];
    struct api_hub *h;
    int rc = api_realm_hub(s->call->realm, api_resource_name(q->group, q->resource, text), &h);

    return rc ? rc : api_watch_new(h, &(struct api_watch_options){.request = q, .form = s->call->form, .wake = wake, .ctx = s}, &s->watch);
}

static void refuse(struct api_call *c, int rc)
{
    struct api_answer a = {0};

    if (rc == TARN_E_RESOURCE)
        api_answer_no_resource(&a);
    else
        api_answer_initializing(&a);
    api_call_answer(c, &a);
}

void api_watch_serve(struct api_call *c)
{
    static const struct tarn_http_source source = {.read = on_read, .done = on_done};
    struct served *s = calloc(1, sizeof *s);
    int rc = TARN_E_NOMEM;

    if (s) {
        s->call = c;
        rc = begin(s);
    }
    if (rc) {
        free(s);
        refuse(c, rc);
        return;
    }
    api_count(&api_counters(c->api)->watches_now, 1);
    tarn_http_exchange_stream(c->x, 200, TYPE, &source, s);
}
