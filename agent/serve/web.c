/* web.c - see web.h. */
#include "web.h"

#include <stdlib.h>
#include <string.h>

#include "http_server.h"
#include "ingest.h"
#include "page.h"
#include "told.h"

#define SAMPLE_MS 2000
#define SAMPLES 150 /* five minutes */
#define PATIENCE_MS 5000

#define TEXT "text/plain; charset=utf-8"
#define JSON "application/json"

struct sample {
    uint64_t events, received_bytes, objects, live_bytes, clients;
};

struct tarn_web {
    struct tarn_web_options o;
    struct tarn_http_server *server;
    uv_async_t stopped; /* on the caller's loop */
    void (*on_stopped)(void *ctx);
    void *ctx;
    /* the server's thread */
    struct tarn_handoff answers;
    uv_timer_t tick;
    struct tarn_ask ask;
    bool started, asking, closing, sample_due;
    struct tarn_http_exchange *waiting;
    struct sample samples[SAMPLES];
    unsigned nsamples, next_sample;
};

/* ---- what needs no facts ------------------------------------------------------------------------------ */

/* Whatever went wrong while the body was made: nobody gets half of it. */
static void reply(struct tarn_http_exchange *x, int rc, unsigned status, const char *type, struct tarn_buf *body)
{
    if (rc)
        tarn_buf_release(body);
    tarn_http_exchange_reply(x, rc ? 503 : status, type, body);
}

static void page(void *ctx, struct tarn_http_exchange *x)
{
    struct tarn_buf b = {0};
    struct tarn_bytes html = tarn_page();

    (void)ctx;
    reply(x, tarn_buf_add(&b, html.data, html.len), 200, "text/html; charset=utf-8", &b);
}

/* Lines as API servers have them, for who asks `verbose` and when something is not well. */
struct checks {
    struct tarn_buf text;
    int rc;
    bool failed;
};

/* why NULL: it is well */
static void add_check(struct checks *c, const char *name, const char *why)
{
    c->failed |= why != NULL;
    if (!c->rc)
        c->rc = why ? tarn_buf_addf(&c->text, "[-]%s failed: %s\n", name, why) : tarn_buf_addf(&c->text, "[+]%s ok\n", name);
}

static void reply_checks(struct tarn_http_exchange *x, const char *name, struct checks *c)
{
    if (!c->failed && !tarn_http_exchange_query(x, "verbose")) {
        tarn_buf_clear(&c->text);
        c->rc = tarn_buf_adds(&c->text, "ok");
    } else if (!c->rc) {
        c->rc = tarn_buf_addf(&c->text, "%s check %s\n", name, c->failed ? "failed" : "passed");
    }
    reply(x, c->rc, c->failed ? 503 : 200, TEXT, &c->text);
}

static void add_pulse(struct checks *c, const char *name, const struct tarn_pulse *p)
{
    uint64_t age = tarn_pulse_age_ms(p);
    char why[64];

    (void)snprintf(why, sizeof why, "no turn for %llu s", (unsigned long long)(age / 1000));
    add_check(c, name, age > TARN_PULSE_LATE_MS ? why : NULL);
}

/* Do the agent's threads turn? The API server does not matter here: to restart an agent does not bring that back. */
static void livez(void *ctx, struct tarn_http_exchange *x)
{
    struct tarn_web *w = ctx;
    struct checks c = {0};

    add_pulse(&c, "ingest", w->o.ingest_pulse);
    add_pulse(&c, "attach", w->o.main_pulse);
    if (tarn_pulse_has_beaten(w->o.api_pulse))
        add_pulse(&c, "api", w->o.api_pulse);
    reply_checks(x, "livez", &c);
}

/* ---- what is made of facts ------------------------------------------------------------------------------- */

static void metrics(struct tarn_http_exchange *x, const struct tarn_facts *f)
{
    struct tarn_buf b = {0};

    reply(x, tarn_facts_metrics(f, &b), 200, "text/plain; version=0.0.4; charset=utf-8", &b);
}

static void status_json(struct tarn_http_exchange *x, const struct tarn_facts *f)
{
    struct tarn_facts part;
    struct tarn_buf b = {0};
    int rc = tarn_told_part(f, tarn_http_exchange_peer(x), &part);

    if (!rc)
        rc = tarn_facts_json(&part, &b);
    tarn_arena_release(&part.arena);
    reply(x, rc, 200, JSON, &b);
}

static void reason_not_ready(const struct tarn_facts_resource *r, bool told, char *ret, size_t size)
{
    const char *error = told ? r->last_error : "";

    (void)snprintf(ret, size, "%s%s%s", r->found ? "not listed yet" : "not found at the API server yet", *error ? ": " : "", error);
}

/* Ready: every resource has been listed once (or came from a checkpoint), so that readers find what there is, if an older state. */
static void readyz(struct tarn_http_exchange *x, const struct tarn_facts *f)
{
    struct checks c = {0};
    char name[300], why[1200];

    add_check(&c, "ingest", NULL);
    for (unsigned i = 0; i < f->nresources; i++) {
        const struct tarn_facts_resource *r = &f->resources[i];

        (void)snprintf(name, sizeof name, "resource/%s/%s", r->realm, r->name);
        reason_not_ready(r, tarn_told_realm(f, tarn_http_exchange_peer(x), r->realm), why, sizeof why);
        add_check(&c, name, r->synced ? NULL : why);
    }
    reply_checks(x, "readyz", &c);
}

static int add_curve(struct tarn_buf *out, const struct tarn_web *w, const char *name, size_t offset)
{
    int rc = tarn_buf_addf(out, ",\"%s\":[", name);

    for (unsigned i = 0; !rc && i < w->nsamples; i++) {
        const struct sample *s = &w->samples[(w->next_sample + SAMPLES - w->nsamples + i) % SAMPLES];

        rc = tarn_buf_addf(out, "%s%llu", i ? "," : "", (unsigned long long)*(const uint64_t *)((const char *)s + offset));
    }
    return rc ? rc : tarn_buf_adds(out, "]");
}

static void history_json(void *ctx, struct tarn_http_exchange *x)
{
    static const struct {
        const char *name;
        size_t offset;
    } curves[] = {{"events", offsetof(struct sample, events)},
                  {"received_bytes", offsetof(struct sample, received_bytes)},
                  {"objects", offsetof(struct sample, objects)},
                  {"live_bytes", offsetof(struct sample, live_bytes)},
                  {"clients", offsetof(struct sample, clients)}};
    struct tarn_buf b = {0};
    int rc = tarn_buf_addf(&b, "{\"interval_ms\":%d", SAMPLE_MS);

    for (size_t i = 0; !rc && i < sizeof curves / sizeof *curves; i++)
        rc = add_curve(&b, ctx, curves[i].name, curves[i].offset);
    if (!rc)
        rc = tarn_buf_adds(&b, "}\n");
    reply(x, rc, 200, JSON, &b);
}

/* ---- asking ------------------------------------------------------------------------------------------------- */

static void wait_for_facts(void *ctx, struct tarn_http_exchange *x);

static const struct tarn_http_route routes[] = {
    {"/", false, page},
    {"/livez", false, livez},
    {"/healthz", false, livez},
    {"/history.json", false, history_json},
    {"/metrics", false, wait_for_facts},
    {"/status.json", false, wait_for_facts},
    {"/readyz", false, wait_for_facts},
    {0},
};

/* The page loads nothing from elsewhere, and nobody shows it as a part of his. */
static const struct tarn_http_header headers[] = {
    {"Cache-Control", "no-store"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
                                "img-src data:; base-uri 'none'; frame-ancestors 'none'"},
    {0},
};

static void render(struct tarn_http_exchange *x, const struct tarn_facts *f)
{
    const char *path = tarn_http_exchange_route(x)->path;

    if (strcmp(path, "/metrics") == 0)
        metrics(x, f);
    else if (strcmp(path, "/status.json") == 0)
        status_json(x, f);
    else
        readyz(x, f);
}

static void refuse(struct tarn_http_exchange *x, const char *why)
{
    struct checks c = {0};

    add_check(&c, "ingest", why);
    reply(x, c.rc, 503, TEXT, &c.text);
}

static void ask(struct tarn_web *w)
{
    if (w->asking || w->closing)
        return;
    w->ask = (struct tarn_ask){.verb = TARN_ASK_STATUS, .back = &w->answers};
    w->asking = tarn_handoff_put(w->o.ingest, &w->ask.node);
}

static void wait_for_facts(void *ctx, struct tarn_http_exchange *x)
{
    struct tarn_web *w = ctx;

    ask(w);
    if (!w->asking) {
        refuse(x, "the agent is stopping");
        return;
    }
    *tarn_http_exchange_next(x) = w->waiting;
    w->waiting = x;
}

static struct tarn_http_exchange *take_waiting(struct tarn_web *w)
{
    struct tarn_http_exchange *x = w->waiting;

    if (x)
        w->waiting = *tarn_http_exchange_next(x);
    return x;
}

static void add_up(const struct tarn_facts *f, struct sample *s)
{
    *s = (struct sample){.received_bytes = f->bytes_received};
    for (unsigned i = 0; i < f->nresources; i++)
        s->events += f->resources[i].events;
    for (unsigned i = 0; i < f->nrealms; i++) {
        s->objects += f->realms[i].objects;
        s->live_bytes += f->realms[i].live_bytes;
        s->clients += f->realms[i].clients;
    }
}

/* Of what anybody is told, so that the curves go on where the page's own begin. */
static void note_sample(struct tarn_web *w, const struct tarn_facts *f)
{
    struct tarn_facts part;
    int rc = tarn_told_part(f, NULL, &part);

    w->sample_due = false;
    if (!rc)
        add_up(&part, &w->samples[w->next_sample]);
    tarn_arena_release(&part.arena);
    if (rc)
        return;
    w->next_sample = (w->next_sample + 1) % SAMPLES;
    w->nsamples += w->nsamples < SAMPLES;
}

static void close_answers(struct tarn_web *w)
{
    tarn_handoff_close(&w->answers, NULL);
}

static void on_answer(void *ctx, struct tarn_handoff_node *node)
{
    struct tarn_web *w = ctx;
    struct tarn_facts *f = w->ask.facts;
    struct tarn_http_exchange *x;

    (void)node;
    w->asking = false;
    if (f && w->sample_due)
        note_sample(w, f);
    while ((x = take_waiting(w)))
        if (f)
            render(x, f);
        else
            refuse(x, "out of memory");
    w->ask.facts = NULL;
    tarn_facts_free(f);
    if (w->closing)
        close_answers(w);
}

/* Those that have waited too long; the others stay in their order. */
static void refuse_late(struct tarn_web *w)
{
    struct tarn_http_exchange **at = &w->waiting, *x;

    while ((x = *at)) {
        if (uv_now(w->tick.loop) - tarn_http_exchange_since_ms(x) < PATIENCE_MS) {
            at = tarn_http_exchange_next(x);
            continue;
        }
        *at = *tarn_http_exchange_next(x);
        refuse(x, "its thread does not answer");
    }
}

static void on_tick(uv_timer_t *tick)
{
    struct tarn_web *w = tick->data;

    refuse_late(w);
    w->sample_due = true;
    ask(w);
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

static int on_start(void *ctx, uv_loop_t *loop)
{
    struct tarn_web *w = ctx;
    int rc = tarn_handoff_init(&w->answers, loop, on_answer, w);

    if (rc < 0)
        return rc;
    w->started = true;
    (void)uv_timer_init(loop, &w->tick);
    w->tick.data = w;
    return uv_timer_start(&w->tick, on_tick, 0, SAMPLE_MS);
}

static void on_stop(void *ctx)
{
    struct tarn_web *w = ctx;
    struct tarn_http_exchange *x;

    w->closing = true;
    while ((x = take_waiting(w)))
        refuse(x, "the agent is stopping");
    if (!w->started)
        return;
    uv_close((uv_handle_t *)&w->tick, NULL);
    if (!w->asking)
        close_answers(w);
}

static void free_web(uv_handle_t *handle)
{
    struct tarn_web *w = handle->data;
    void (*on_stopped)(void *ctx) = w->on_stopped;
    void *stopped_ctx = w->ctx;

    if (w->started)
        tarn_handoff_release(&w->answers);
    free(w);
    if (on_stopped)
        on_stopped(stopped_ctx);
}

static void on_stopped(uv_async_t *async)
{
    struct tarn_web *w = async->data;

    tarn_http_server_join(w->server);
    uv_close((uv_handle_t *)async, free_web);
}

int tarn_web_start(const struct tarn_web_options *o, struct tarn_web **ret, struct tarn_error *err)
{
    const struct tarn_config *c = o->config;
    struct tarn_web *w;
    int rc;

    *ret = NULL;
    if (!c->http.listen && !c->http.socket_path)
        return 0;
    w = calloc(1, sizeof *w);
    if (!w)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    w->o = *o;
    rc = uv_async_init(o->loop, &w->stopped, on_stopped);
    if (rc < 0) {
        free(w);
        return tarn_error_set(err, TARN_E_IO, "event loop: %s", uv_strerror(rc));
    }
    w->stopped.data = w;
    rc = tarn_http_server_start(
        &(struct tarn_http_server_options){
            .name = "http server",
            .section = "http",
            .headers = headers,
            .listen = c->http.listen,
            .socket_path = c->http.socket_path,
            .socket_gid = c->socket_gid,
            .max_connections = c->http.max_connections,
            .routes = routes,
            .ctx = w,
            .on_start = on_start,
            .on_stop = on_stop,
            .stopped = &w->stopped,
        },
        &w->server, err);
    if (rc)
        uv_close((uv_handle_t *)&w->stopped, free_web);
    else
        *ret = w;
    return rc;
}

void tarn_web_stop(struct tarn_web *w, void (*stopped)(void *ctx), void *ctx)
{
    w->on_stopped = stopped;
    w->ctx = ctx;
    tarn_http_server_stop(w->server);
}
