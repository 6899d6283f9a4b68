/* main.c - tarnd: parse, wire, run.
 *
 * This thread has the second loop: attach server and signals. The ingest thread has the first.
 * Exit codes: 0 ended as asked, 1 could not run, 2 the configuration is wrong.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api.h"
#include "attach_server.h"
#include "host_limits.h"
#include "notify.h"
#include "reload.h"
#include "runtime_dir.h"
#include "service.h"
#include "web.h"

#define DRAIN_MS 5000

struct agent {
    struct tarn_config config;
    struct tarn_api_server server; /* the ingest thread's, once it runs */
    const char *server_url, *server_from; /* as found at the start */
    struct tarn_runtime_dir dir;
    struct tarn_ingest *ingest;
    struct tarn_attach_server *attach;
    struct tarn_service service;
    struct tarn_web *web;     /* NULL: none is wanted */
    struct api *api;          /* the read API; NULL: none is wanted, or it has stopped */
    unsigned parts;           /* that ask the ingest thread and must have stopped before it does */
    uv_loop_t loop;
    uv_signal_t terminate, interrupt, hang_up, user;
    uv_timer_t patience;
    struct tarn_handoff answers;
    struct tarn_ask ask; /* this thread's own questions: refresh, stop */
    bool asking, stopping;
    int argc;
    char **argv;
    struct tarn_reload reload;
};

/* ---- what is done instead of running ----------------------------------------------------------------------------- */

static int print(struct tarn_buf *b, int rc)
{
    if (!rc && b->len)
        (void)fwrite(b->data, 1, b->len, stdout);
    tarn_buf_release(b);
    return rc ? 1 : 0;
}

static int say_it(const struct tarn_config *c)
{
    struct tarn_buf b = {0};

    if (c->help_only)
        return print(&b, tarn_config_help(&b));
    if (c->version_only)
        return print(&b, tarn_buf_adds(&b, "tarnd " TARN_VERSION "\n"));
    if (c->print_only)
        return print(&b, tarn_config_print(c, &b));
    return print(&b, tarn_buf_adds(&b, "configuration ok\n"));
}

static int fail(const struct tarn_error *err)
{
    bool config = err->code == TARN_E_CONFIG || err->code == TARN_E_UNSUPPORTED;

    tarn_log(TARN_LOG_ERROR, err->message, "code", tarn_error_name(err->code), NULL);
    return config ? 2 : 1;
}

/* ---- the end -------------------------------------------------------------------------------------------------------- */

static void on_patience_over(uv_timer_t *timer)
{
    (void)timer;
    tarn_log(TARN_LOG_ERROR, "draining took longer than 5 s; leaving as it is", NULL);
    _exit(1); /* readers keep what they have; the lock goes with the process */
}

static void ask(struct agent *a, enum tarn_ask_verb verb)
{
    a->ask.verb = verb;
    a->ask.back = &a->answers;
    a->asking = tarn_handoff_put(tarn_ingest_handoff(a->ingest), &a->ask.node);
}

/* Attach server, service, web and read API: when the last has no question under way, the ingest thread may go. */
static void on_part_stopped(void *ctx)
{
    struct agent *a = ctx;

    if (--a->parts == 0 && !a->asking)
        ask(a, TARN_ASK_STOP);
}

static void on_api_stopped(void *ctx)
{
    struct agent *a = ctx;

    a->api = NULL;
    on_part_stopped(a);
}

static void stop(struct agent *a, const char *why)
{
    if (a->stopping)
        return;
    a->stopping = true;
    tarn_log(TARN_LOG_INFO, "tarnd stopping", "why", why, NULL);
    (void)tarn_notify("STOPPING=1");
    tarn_runtime_dir_unlisten(&a->dir);
    (void)uv_timer_start(&a->patience, on_patience_over, DRAIN_MS, 0);
    a->parts = 2 + (a->web != NULL) + (a->api != NULL);
    tarn_attach_server_close(a->attach, on_part_stopped, a);
    tarn_service_stop(&a->service, on_part_stopped, a);
    if (a->web)
        tarn_web_stop(a->web, on_part_stopped, a);
    if (a->api)
        api_stop(a->api, on_api_stopped, a);
}

static void close_handles(struct agent *a)
{
    uv_close((uv_handle_t *)&a->terminate, NULL);
    uv_close((uv_handle_t *)&a->interrupt, NULL);
    uv_close((uv_handle_t *)&a->hang_up, NULL);
    uv_close((uv_handle_t *)&a->user, NULL);
    uv_close((uv_handle_t *)&a->patience, NULL);
    tarn_reload_close(&a->reload);
    tarn_handoff_close(&a->answers, NULL);
}

static void on_answer(void *ctx, struct tarn_handoff_node *node)
{
    struct agent *a = ctx;

    (void)node;
    a->asking = false;
    if (a->ask.verb == TARN_ASK_STOP)
        close_handles(a);
    else if (a->ask.error.code)
        tarn_log(TARN_LOG_ERROR, a->ask.error.message, "kept", "the certificates read before", NULL);
    if (a->ask.verb != TARN_ASK_STOP && a->stopping && !a->parts)
        ask(a, TARN_ASK_STOP);
}

/* ---- signals ------------------------------------------------------------------------------------------------------------ */

static void on_stop_signal(uv_signal_t *handle, int number)
{
    stop(handle->data, number == SIGTERM ? "SIGTERM" : "SIGINT");
}

/* systemd wants to know when, so that it does not take an older READY for the answer. */
static void say_reloading(void)
{
    struct timespec now;
    char text[64];

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    (void)snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
    (void)tarn_notify(text);
}

static void on_reloaded(void *ctx)
{
    const struct agent *a = ctx;

    if (!a->stopping)
        (void)tarn_notify("READY=1");
}

static void on_hang_up(uv_signal_t *handle, int number)
{
    struct agent *a = handle->data;

    (void)number;
    if (a->stopping)
        return;
    tarn_log(TARN_LOG_INFO, "SIGHUP: configuration, certificates and token are read again", NULL);
    say_reloading();
    if (!a->asking)
        ask(a, TARN_ASK_REFRESH);
    tarn_reload_now(&a->reload);
}

static void on_user_signal(uv_signal_t *handle, int number)
{
    struct agent *a = handle->data;

    (void)number;
    if (!a->stopping && !a->asking) /* a question that is under way is answered at once: ask again */
        ask(a, TARN_ASK_CHECKPOINT);
}

static void start_signals(struct agent *a)
{
    (void)uv_signal_init(&a->loop, &a->terminate);
    (void)uv_signal_init(&a->loop, &a->interrupt);
    (void)uv_signal_init(&a->loop, &a->hang_up);
    (void)uv_signal_init(&a->loop, &a->user);
    (void)uv_timer_init(&a->loop, &a->patience);
    a->terminate.data = a->interrupt.data = a->hang_up.data = a->user.data = a;
    (void)uv_signal_start(&a->terminate, on_stop_signal, SIGTERM);
    (void)uv_signal_start(&a->interrupt, on_stop_signal, SIGINT);
    (void)uv_signal_start(&a->hang_up, on_hang_up, SIGHUP);
    (void)uv_signal_start(&a->user, on_user_signal, SIGUSR1);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a checkpoint that gets too large is an error of write */
}

/* ---- running ------------------------------------------------------------------------------------------------------------- */

static int init_loop(struct agent *a, struct tarn_error *err)
{
    int rc = uv_loop_init(&a->loop);

    if (rc == 0)
        rc = tarn_handoff_init(&a->answers, &a->loop, on_answer, a);
    return rc < 0 ? tarn_error_set(err, TARN_E_IO, "event loop: %s", uv_strerror(rc)) : 0;
}

static int make_attach(struct agent *a, struct tarn_error *err)
{
    return tarn_attach_server_new(
        &(struct tarn_attach_server_options){
            .loop = &a->loop,
            .config = &a->config,
            .ingest = tarn_ingest_handoff(a->ingest),
            .refusals = tarn_ingest_refusals(a->ingest),
            .listen_fd = a->dir.socket.fd,
        },
        &a->attach, err);
}

/* A page that cannot be served is no reason not to mirror. */
static void start_web(struct agent *a)
{
    struct tarn_error err;

    if (tarn_web_start(
            &(struct tarn_web_options){
                .config = &a->config,
                .ingest = tarn_ingest_handoff(a->ingest),
                .loop = &a->loop,
                .ingest_pulse = tarn_ingest_pulse(a->ingest),
                .main_pulse = &a->service.pulse,
                .api_pulse = &tarn_ingest_api_counters(a->ingest)->pulse,
            },
            &a->web, &err))
        tarn_log(TARN_LOG_ERROR, err.message, "code", tarn_error_name(err.code), "goes_on", "without HTTP", NULL);
}

/* Nor is a read API. */
static void start_api(struct agent *a)
{
    struct tarn_error err;

    if (api_start(
            &(struct api_options){
                .config = &a->config,
                .ingest = tarn_ingest_handoff(a->ingest),
                .loop = &a->loop,
                .counters = tarn_ingest_api_counters(a->ingest),
            },
            &a->api, &err))
        tarn_log(TARN_LOG_ERROR, err.message, "code", tarn_error_name(err.code), "goes_on", "without the read API", NULL);
}

static int make_service(struct agent *a, struct tarn_error *err)
{
    int rc = tarn_service_start(&a->service, &a->loop, tarn_ingest_handoff(a->ingest), tarn_ingest_pulse(a->ingest));

    return rc < 0 ? tarn_error_set(err, TARN_E_IO, "event loop: %s", uv_strerror(rc)) : 0;
}

static int make_reload(struct agent *a, struct tarn_error *err)
{
    int rc;

    a->reload = (struct tarn_reload){
        .loop = &a->loop,
        .argc = a->argc,
        .argv = a->argv,
        .ingest = tarn_ingest_handoff(a->ingest),
        .attach = &a->attach,
        .api = &a->api,
        .first = &a->config,
        .on_decided = on_reloaded,
        .ctx = a,
    };
    rc = tarn_reload_init(&a->reload);
    return rc < 0 ? tarn_error_set(err, TARN_E_IO, "event loop: %s", uv_strerror(rc)) : 0;
}

static void say_ready(const struct agent *a)
{
    tarn_log(TARN_LOG_INFO, "tarnd ready", "socket", a->config.socket_path, "server", a->server_url, "from", a->server_from, "resources",
             TARN_LOG_U64(a->config.nresources), "realms", TARN_LOG_U64(a->config.nrealms), "version", TARN_VERSION, NULL);
    if (tarn_notify("READY=1"))
        tarn_log(TARN_LOG_WARN, "the service manager could not be told", "error", strerror(errno), NULL);
}

/* After this the ingest thread runs: what fails later ends by stop. */
static int wire(struct agent *a, struct tarn_error *err)
{
    static struct tarn_kept kept[TARN_KEPT_MAX];
    int rc = tarn_runtime_dir_open(&a->dir, a->config.runtime_dir, a->config.socket_path, a->config.socket_gid, err);

    if (!rc)
        rc = init_loop(a, err);
    if (!rc)
        rc = tarn_ingest_start(&a->config, &a->server, kept, tarn_notify_kept(kept), &a->ingest, err);
    if (!rc)
        rc = make_attach(a, err);
    if (!rc)
        rc = make_reload(a, err);
    return rc ? rc : make_service(a, err);
}

static int run(struct agent *a)
{
    struct tarn_error err;

    a->server_url = tarn_arena_copy(&a->config.arena, tarn_bytes_of(a->server.url));
    a->server_from = tarn_arena_copy(&a->config.arena, tarn_bytes_of(a->server.source));
    if (tarn_limits_take(&a->config, &err))
        return fail(&err);
    if (wire(a, &err)) {
        int rc = fail(&err);

        tarn_runtime_dir_close(&a->dir);
        if (a->ingest)
            _exit(rc); /* its thread runs: what is half made goes with the process */
        return rc;
    }
    start_signals(a);
    start_web(a);
    start_api(a);
    say_ready(a);
    (void)uv_run(&a->loop, UV_RUN_DEFAULT);
    tarn_ingest_join(a->ingest);
    tarn_reload_release(&a->reload);
    tarn_handoff_release(&a->answers);
    tarn_service_release(&a->service);
    (void)uv_loop_close(&a->loop);
    tarn_runtime_dir_close(&a->dir);
    tarn_log(TARN_LOG_INFO, "tarnd stopped", NULL);
    return 0;
}

static int complete(int argc, char **argv)
{
    struct tarn_buf b = {0};

    return print(&b, tarn_config_complete(argc, argv, &b));
}

int main(int argc, char **argv)
{
    static struct agent a;
    struct tarn_error err = {0};
    int rc;

    if (argc > 1 && strcmp(argv[1], "__complete") == 0) /* for completion scripts, which know it by this name */
        return complete(argc - 2, argv + 2);
    rc = tarn_config_load(&a.config, argc, argv, &err);

    a.argc = argc;
    a.argv = argv;

    tarn_logger_init(a.config.log_format, a.config.log_level, STDERR_FILENO, TARN_JOURNAL_SOCKET);
    if (!rc && (a.config.help_only || a.config.version_only || a.config.print_only)) {
        rc = say_it(&a.config);
    } else {
        if (!rc)
            rc = tarn_api_server_open(&a.server, &a.config.server, TARN_SERVICE_ACCOUNT_DIR, &err);
        rc = rc ? fail(&err) : a.config.check_only ? say_it(&a.config) : run(&a);
        tarn_api_server_release(&a.server);
    }
    tarn_config_release(&a.config);
    return rc;
}
