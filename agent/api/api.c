/* api.c - the read API's life: its server, its realms, another configuration; see api.h. */
#include "api_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_BODY (3u << 20) /* kube-apiserver's own */
#define MAX_BODIES (32u << 20)
#define PEM_MAX (1u << 20)
#define BEAT_MS 1000

/* ---- what the parts ask ---------------------------------------------------------------------------------- */

uv_loop_t *api_loop(struct api *a)
{
    return a->loop;
}

struct api_counters *api_counters(struct api *a)
{
    return a->o.counters;
}

struct api_lists *api_lists(struct api *a)
{
    return a->lists;
}

const struct tarn_config *api_config(const struct api *a)
{
    return a->config;
}

struct api_realm *api_realm_at(struct api *a, unsigned n)
{
    return n < a->nrealms ? a->realms[n].realm : NULL;
}

const struct api_place_of_realm *api_place(const struct api *a, const struct api_realm *r)
{
    for (unsigned i = 0; i < a->nrealms; i++)
        if (a->realms[i].realm == r)
            return &a->realms[i];
    return NULL;
}

/* ---- realms --------------------------------------------------------------------------------------------------- */

static struct api_realm *take_realm(struct api_place_of_realm *v, unsigned n, const char *name)
{
    for (unsigned i = 0; i < n; i++) {
        struct api_realm *r = v[i].realm;

        if (r && strcmp(api_realm_name(r), name) == 0) {
            v[i].realm = NULL;
            return r;
        }
    }
    return NULL;
}

/* The loop runs until all are. */
static void on_realm_closed(void *ctx)
{
    (void)ctx;
}

static struct api_realm *make_realm(struct api *a, const char *name)
{
    struct api_realm *r = NULL;
    struct tarn_error err;

    if (api_realm_new(&(struct api_realm_options){.loop = a->loop, .ingest = a->o.ingest, .name = name}, &r, &err))
        tarn_log(TARN_LOG_ERROR, err.message, "code", tarn_error_name(err.code), "realm", name, "goes_on", "without it in the read API", NULL);
    return r;
}

/* Those that config has, too; the others close. */
static void keep_realms(struct api *a, const struct tarn_config *config)
{
    unsigned n = 0;

    for (unsigned i = 0; i < a->nrealms; i++) {
        struct api_realm *r = a->realms[i].realm;
        const struct tarn_config_realm *entry = tarn_config_realm(config, api_realm_name(r));

        if (entry)
            a->realms[n++] = (struct api_place_of_realm){.realm = r, .entry = entry};
        else
            api_realm_close(r, on_realm_closed, NULL);
    }
    a->nrealms = n;
    a->config = config;
}

/* The realms of config in its order: those that are there stay, others come and go. TARN_E_NOMEM: none came. */
static int take_realms(struct api *a, const struct tarn_config *config)
{
    struct api_place_of_realm *v = calloc(config->nrealms, sizeof *v);
    unsigned n = 0;

    keep_realms(a, config);
    if (!v)
        return TARN_E_NOMEM;
    for (unsigned i = 0; i < config->nrealms; i++) {
        const struct tarn_config_realm *entry = &config->realms[i];
        struct api_realm *r = take_realm(a->realms, a->nrealms, entry->name);

        if (!r)
            r = make_realm(a, entry->name);
        if (r)
            v[n++] = (struct api_place_of_realm){.realm = r, .entry = entry};
    }
    free(a->realms);
    a->realms = v;
    a->nrealms = n;
    return 0;
}

/* ---- another configuration -------------------------------------------------------------------------------------- */

/* Who may not read a realm any more gets no more of it. Of callers by TCP the API server says so, to each new request. */
static void cut_who_may_not_read(struct api *a)
{
    struct api_call *c;

    LIST_FOREACH(c, &a->calls, link)
    {
        if (c->realm && api_place(a, c->realm) && !api_call_may_read(c, c->realm))
            tarn_http_exchange_cut(c->x);
    }
}

static void on_change(void *ctx, struct tarn_handoff_node *node)
{
    struct api *a = ctx;
    struct api_change *change = (struct api_change *)node;

    if (take_realms(a, change->config))
        tarn_log(TARN_LOG_ERROR, "out of memory", "goes_on", "without new realms in the read API", NULL);
    cut_who_may_not_read(a);
    api_pass_set(a->pass, a->config->api.pass_through);
    (void)tarn_handoff_put(change->back, &change->node);
}

bool api_configure(struct api *a, struct api_change *c)
{
    return tarn_handoff_put(&a->changes, &c->node);
}

/* ---- the server ---------------------------------------------------------------------------------------------------- */

static const char *reason_of(unsigned status)
{
    switch (status) {
    case 403:
        return "Forbidden";
    case 404:
        return "NotFound";
    case 405:
        return "MethodNotAllowed";
    case 413:
        return "RequestEntityTooLarge";
    case 429:
        return "TooManyRequests";
    case 503:
        return "ServiceUnavailable";
    default:
        return "";
    }
}

static int refusal(void *ctx, unsigned status, const char *message, struct tarn_buf *body, const char **ret_type)
{
    (void)ctx;
    *ret_type = "application/json";
    return api_status_body(status, reason_of(status), message, body);
}

static int make_parts(struct api *a)
{
    const struct tarn_config *c = a->o.config;
    struct tarn_error err = {0};
    int rc = api_access_new(a->loop, &c->server, &a->access, &err);

    if (!rc)
        rc = api_pass_new(a->loop, &c->server, c->api.pass_through, &a->pass, &err);
    if (!rc)
        rc = api_lists_new(a, &a->lists);
    if (!rc)
        rc = take_realms(a, c);
    if (rc)
        tarn_log(TARN_LOG_ERROR, err.code ? err.message : "out of memory", "code", tarn_error_name(rc), NULL);
    return rc ? UV_ENOMEM : 0;
}

static void on_beat(uv_timer_t *beat)
{
    tarn_pulse_beat(&((struct api *)beat->data)->o.counters->pulse);
}

static int on_start(void *ctx, uv_loop_t *loop)
{
    struct api *a = ctx;
    int rc;

    a->loop = loop;
    rc = tarn_handoff_init(&a->changes, loop, on_change, a);
    if (rc < 0)
        return rc;
    a->changes_open = true;
    (void)uv_timer_init(loop, &a->beat);
    a->beat.data = a;
    (void)uv_timer_start(&a->beat, on_beat, 0, BEAT_MS);
    return make_parts(a);
}

static void on_stop(void *ctx)
{
    struct api *a = ctx;

    api_route_stop(a);
    if (a->pass)
        api_pass_stop(a->pass);
    if (a->lists)
        api_lists_stop(a->lists);
}

static void on_ended(void *ctx)
{
    struct api *a = ctx;

    for (unsigned i = 0; i < a->nrealms; i++)
        api_realm_close(a->realms[i].realm, on_realm_closed, NULL);
    a->nrealms = 0;
    if (a->access)
        api_access_close(a->access);
    if (a->pass)
        api_pass_close(a->pass);
    if (a->changes_open) {
        tarn_handoff_close(&a->changes, NULL);
        uv_close((uv_handle_t *)&a->beat, NULL);
    }
}

/* ---- life ------------------------------------------------------------------------------------------------------------ */

/* A whole file as a text; errno says what went wrong. */
static char *read_pem(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), e;
    char *text = NULL;
    struct stat st;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0) {
        errno = EFBIG;
        text = st.st_size <= (off_t)PEM_MAX ? calloc(1, (size_t)st.st_size + 1) : NULL;
    }
    if (text && read(fd, text, (size_t)st.st_size) != (ssize_t)st.st_size) {
        errno = EIO;
        free(text);
        text = NULL;
    }
    e = errno;
    (void)close(fd);
    errno = e;
    return text;
}

static int read_certificate(struct api *a, struct tarn_error *err)
{
    const struct tarn_config_api *c = &a->o.config->api;

    if (!c->cert_file)
        return 0;
    a->certificate = read_pem(c->cert_file);
    if (!a->certificate)
        return tarn_error_set(err, TARN_E_CONFIG, "api.certFile: cannot read %s: %s", c->cert_file, strerror(errno));
    a->key = read_pem(c->key_file);
    return a->key ? 0 : tarn_error_set(err, TARN_E_CONFIG, "api.keyFile: cannot read %s: %s", c->key_file, strerror(errno));
}

static void free_api(struct api *a)
{
    if (a->changes_open)
        tarn_handoff_release(&a->changes);
    if (a->lists)
        api_lists_free(a->lists);
    if (a->key)
        explicit_bzero(a->key, strlen(a->key));
    free(a->key);
    free(a->certificate);
    free(a->realms);
    free(a);
}

static void on_async_closed(uv_handle_t *handle)
{
    struct api *a = handle->data;
    void (*on_stopped)(void *ctx) = a->on_stopped;
    void *stopped_ctx = a->ctx;

    free_api(a);
    if (on_stopped)
        on_stopped(stopped_ctx);
}

static void on_stopped(uv_async_t *async)
{
    struct api *a = async->data;

    tarn_http_server_join(a->server);
    uv_close((uv_handle_t *)async, on_async_closed);
}

static int serve(struct api *a, struct tarn_error *err)
{
    static const struct tarn_http_header headers[] = {{"Cache-Control", "no-cache, private"}, {"X-Content-Type-Options", "nosniff"}, {0}};
    static const struct tarn_http_route routes[] = {{"/", true, api_route}, {0}};
    const struct tarn_config *c = a->o.config;

    return tarn_http_server_start(
        &(struct tarn_http_server_options){
            .name = "read API",
            .section = "api",
            .listen = c->api.listen,
            .socket_path = c->api.socket_path,
            .socket_gid = c->socket_gid,
            .certificate = a->certificate,
            .key = a->key,
            .max_connections = c->api.max_connections,
            .any_method = true,
            .max_body = MAX_BODY,
            .max_bodies = MAX_BODIES,
            .headers = headers,
            .refusal = refusal,
            .routes = routes,
            .counters = &a->o.counters->http,
            .ctx = a,
            .on_start = on_start,
            .on_stop = on_stop,
            .on_ended = on_ended,
            .stopped = &a->stopped,
        },
        &a->server, err);
}

int api_start(const struct api_options *o, struct api **ret, struct tarn_error *err)
{
    struct api *a;
    int rc;

    *ret = NULL;
    if (!o->config->api.listen && !o->config->api.socket_path)
        return 0;
    a = calloc(1, sizeof *a);
    if (!a)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    a->o = *o;
    LIST_INIT(&a->calls);
    rc = read_certificate(a, err);
    if (rc) {
        free_api(a);
        return rc;
    }
    rc = uv_async_init(o->loop, &a->stopped, on_stopped);
    if (rc < 0) {
        free_api(a);
        return tarn_error_set(err, TARN_E_IO, "event loop: %s", uv_strerror(rc));
    }
    a->stopped.data = a;
    rc = serve(a, err);
    if (rc)
        uv_close((uv_handle_t *)&a->stopped, on_async_closed);
    else
        *ret = a;
    return rc;
}

void api_stop(struct api *a, void (*on_stopped_fn)(void *ctx), void *ctx)
{
    a->on_stopped = on_stopped_fn;
    a->ctx = ctx;
    tarn_http_server_stop(a->server);
}
