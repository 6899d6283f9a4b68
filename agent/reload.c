/* reload.c - see reload.h. */
#include "reload.h"

#include <stdio.h>
#include <stdlib.h>

#define AGAIN_MS 500

static void free_config(struct tarn_config *c)
{
    if (!c)
        return;
    tarn_config_release(c);
    free(c);
}

static const struct tarn_config *current(const struct tarn_reload *r)
{
    return r->in_force ? r->in_force : r->first;
}

/* ---- what a reload cannot change ------------------------------------------------------------------------------ */

static bool differ(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") != 0;
}

static bool other_server(const struct tarn_config_server *a, const struct tarn_config_server *b)
{
    return differ(a->url, b->url) || differ(a->kubeconfig, b->kubeconfig) || differ(a->context, b->context) || differ(a->ca_file, b->ca_file) ||
           differ(a->cert_file, b->cert_file) || differ(a->key_file, b->key_file) || differ(a->token_file, b->token_file) ||
           differ(a->tls_server_name, b->tls_server_name) || differ(a->proxy_url, b->proxy_url) || a->insecure != b->insecure || a->gzip != b->gzip;
}

static bool other_api(const struct tarn_config_api *a, const struct tarn_config_api *b)
{
    return differ(a->socket_path, b->socket_path) || differ(a->listen, b->listen) || differ(a->cert_file, b->cert_file) || differ(a->key_file, b->key_file) ||
           a->max_connections != b->max_connections;
}

static void name_what_needs_a_restart(const struct tarn_config *from, const struct tarn_config *to)
{
    const char *what = other_server(&from->server, &to->server)                                                  ? "server"
                       : differ(from->socket_path, to->socket_path) || differ(from->runtime_dir, to->runtime_dir) ? "socket, runtimeDir"
                       : differ(from->state_dir, to->state_dir) || from->checkpoint_interval_ms != to->checkpoint_interval_ms ? "stateDir, checkpoint.interval"
                       : other_api(&from->api, &to->api)                                                          ? "api.socket, api.listen, api.certFile, api.keyFile, api.maxConnections"
                       : from->log_format != to->log_format || from->log_level != to->log_level                  ? "logFormat, logLevel"
                                                                                                                 : NULL;

    if (what)
        tarn_log(TARN_LOG_WARN, "a change of these needs a restart; the rest is applied", "keys", what, NULL);
}

/* ---- asking the ingest thread ------------------------------------------------------------------------------------ */

static void ask(struct tarn_reload *r)
{
    r->ask.verb = TARN_ASK_RELOAD;
    r->ask.back = &r->answers;
    r->ask.config = r->wanted;
    if (r->wanted)
        r->ask.error.code = 0;
    r->asking = tarn_handoff_put(r->ingest, &r->ask.node);
}

static void on_again(uv_timer_t *timer)
{
    struct tarn_reload *r = timer->data;

    if (!r->asking && r->wanted)
        ask(r);
}

/* The read API's thread uses the old one until it says so; where it is stopping, until it has stopped. */
static void tell_api(struct tarn_reload *r, struct tarn_config *old)
{
    if (!*r->api) {
        free_config(old);
        return;
    }
    r->old = old;
    r->change = (struct api_change){.config = r->in_force, .back = &r->changed};
    r->telling = api_configure(*r->api, &r->change);
}

static void in_force(struct tarn_reload *r)
{
    struct tarn_config *old = r->in_force;

    r->in_force = r->wanted;
    r->wanted = NULL;
    if (*r->attach)
        tarn_attach_server_configure(*r->attach, r->in_force);
    tell_api(r, old);
    tarn_log(TARN_LOG_INFO, "configuration reloaded", "resources", TARN_LOG_U64(r->in_force->nresources), "realms", TARN_LOG_U64(r->in_force->nrealms), NULL);
}

static void refused(struct tarn_reload *r)
{
    tarn_log(TARN_LOG_ERROR, r->ask.error.message, "kept", "the configuration in force", NULL);
    free_config(r->wanted);
    r->wanted = NULL;
}

static void decided(struct tarn_reload *r)
{
    r->on_decided(r->ctx);
    if (r->anew)
        tarn_reload_now(r);
}

static void on_answer(void *ctx, struct tarn_handoff_node *node)
{
    struct tarn_reload *r = ctx;

    (void)node;
    r->asking = false;
    if (!r->wanted) { /* the error of a wrong configuration was taken to the ingest thread */
    } else if (r->ask.error.code == TARN_E_AGAIN) {
        if (!uv_is_active((uv_handle_t *)&r->again))
            tarn_log(TARN_LOG_INFO, "the new configuration waits", "why", r->ask.error.message, NULL);
        (void)uv_timer_start(&r->again, on_again, AGAIN_MS, 0);
    } else if (r->ask.error.code) {
        refused(r);
    } else {
        in_force(r);
    }
    if (!r->telling)
        decided(r);
}

static void on_changed(void *ctx, struct tarn_handoff_node *node)
{
    struct tarn_reload *r = ctx;

    (void)node;
    r->telling = false;
    free_config(r->old);
    r->old = NULL;
    decided(r);
}

void tarn_reload_now(struct tarn_reload *r)
{
    struct tarn_config *c;

    r->anew = r->asking || r->telling;
    if (r->anew)
        return;
    free_config(r->wanted);
    r->wanted = NULL;
    c = calloc(1, sizeof *c);
    r->ask.error = (struct tarn_error){0};
    if (!c || tarn_config_load(c, r->argc, r->argv, &r->ask.error)) {
        if (!c)
            (void)tarn_error_set(&r->ask.error, TARN_E_NOMEM, "out of memory");
        tarn_log(TARN_LOG_ERROR, r->ask.error.message, "kept", "the configuration in force", NULL);
        free_config(c);
    } else {
        name_what_needs_a_restart(current(r), c);
        r->wanted = c;
    }
    ask(r);
}

/* ---- life ---------------------------------------------------------------------------------------------------------- */

int tarn_reload_init(struct tarn_reload *r)
{
    int rc = tarn_handoff_init(&r->answers, r->loop, on_answer, r);

    if (rc >= 0)
        rc = tarn_handoff_init(&r->changed, r->loop, on_changed, r);
    if (rc < 0)
        return rc;
    (void)uv_timer_init(r->loop, &r->again);
    r->again.data = r;
    return 0;
}

void tarn_reload_close(struct tarn_reload *r)
{
    uv_close((uv_handle_t *)&r->again, NULL);
    tarn_handoff_close(&r->answers, NULL);
    tarn_handoff_close(&r->changed, NULL);
}

void tarn_reload_release(struct tarn_reload *r)
{
    tarn_handoff_release(&r->answers);
    tarn_handoff_release(&r->changed);
    free_config(r->old);
    free_config(r->wanted);
    free_config(r->in_force);
}
