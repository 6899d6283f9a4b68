/* credentials.c - see credentials.h. */
#include "credentials.h"

#include <stdlib.h>
#include <time.h>

#include "exec_plugin.h"
#include "logger.h"

#define FILES_EVERY_MS 2000
#define LEAST_LIFE_MS 1000
#define AGAIN_LEAST_MS 1000u
#define AGAIN_MOST_MS 30000u

struct tarn_credentials {
    uv_loop_t *loop;
    struct tarn_api_server *server;
    uint64_t generation;
    bool rotated;
    uint64_t files_looked_ms;
    /* the plugin */
    struct tarn_exec_run *run; /* under way */
    bool have, refused;
    int64_t expires_s; /* Unix time, 0: never */
    uint64_t got_ms;
    unsigned failures; /* in a row */
    uint64_t again_ms; /* not before */
    struct tarn_error problem;
    struct tarn_arena arena; /* what it gave */
};

/* ---- the plugin ---------------------------------------------------------------------------------- */

static void take(struct tarn_credentials *c, const struct tarn_exec_credential *got, struct tarn_arena *arena)
{
    struct tarn_api_server *s = c->server;

    c->rotated |= c->have && !(tarn_bytes_equal(got->cert, s->cert) && tarn_bytes_equal(got->key, s->key));
    s->token = got->token;
    s->cert = got->cert;
    s->key = got->key;
    tarn_arena_release(&c->arena);
    c->arena = *arena;
    c->expires_s = got->expires_s;
    c->have = true;
    c->refused = false;
    c->failures = 0;
    c->got_ms = uv_now(c->loop);
    c->generation++;
}

static void log_taken(const struct tarn_credentials *c)
{
    char until[32] = "";
    time_t t = (time_t)c->expires_s;
    struct tm tm;

    if (t && gmtime_r(&t, &tm))
        (void)strftime(until, sizeof until, "%Y-%m-%dT%H:%M:%SZ", &tm);
    tarn_log(TARN_LOG_INFO, "credentials from the exec plugin", "command", c->server->exec.command, "until", *until ? until : NULL, NULL);
}

static void failed(struct tarn_credentials *c, const struct tarn_error *error)
{
    unsigned doublings = c->failures < 5 ? c->failures : 5;
    uint32_t ms = AGAIN_LEAST_MS << doublings;

    ms = ms < AGAIN_MOST_MS ? ms : AGAIN_MOST_MS;
    c->failures++;
    c->again_ms = uv_now(c->loop) + ms;
    if (error != &c->problem)
        c->problem = *error;
    tarn_log(TARN_LOG_WARN, c->problem.message, "again_in_ms", TARN_LOG_U64(ms), NULL);
}

static void on_done(void *ctx, struct tarn_bytes text, const struct tarn_error *error)
{
    struct tarn_credentials *c = ctx;
    struct tarn_arena arena = {.secret = true};
    struct tarn_exec_credential got;

    c->run = NULL;
    if (!error && tarn_exec_credential_read(&c->server->exec, text, &arena, &got, &c->problem) == 0) {
        take(c, &got, &arena);
        log_taken(c);
        return;
    }
    tarn_arena_release(&arena);
    failed(c, error ? error : &c->problem);
}

static void run(struct tarn_credentials *c)
{
    struct tarn_buf info = {0};
    int rc = tarn_exec_info(&c->server->exec, c->server, &info);

    if (!rc)
        rc = tarn_buf_add(&info, "", 1);
    if (!rc)
        rc = tarn_exec_start(c->loop, &c->server->exec, info.data, c->server->exec_timeout_ms, on_done, c, &c->run, &c->problem);
    else
        (void)tarn_error_set(&c->problem, rc, "out of memory");
    tarn_buf_release(&info);
    if (rc)
        failed(c, &c->problem);
}

static bool is_good(const struct tarn_credentials *c)
{
    bool fresh = uv_now(c->loop) - c->got_ms < LEAST_LIFE_MS; /* even if it says to have expired: our clock may be wrong */

    return c->have && !c->refused && (fresh || !c->expires_s || (int64_t)time(NULL) < c->expires_s);
}

enum tarn_credentials_state tarn_credentials_ready(struct tarn_credentials *c, const char **ret_problem)
{
    if (!c->server->exec.command || is_good(c))
        return TARN_CREDENTIALS_READY;
    if (!c->run && (!c->failures || uv_now(c->loop) >= c->again_ms))
        run(c);
    if (c->run)
        return TARN_CREDENTIALS_WAIT;
    *ret_problem = c->problem.message;
    return TARN_CREDENTIALS_FAILED;
}

uint64_t tarn_credentials_generation(const struct tarn_credentials *c)
{
    return c->generation;
}

/* ---- files --------------------------------------------------------------------------------------- */

/* What it gave was for another user, or server. */
static void forget_plugin(struct tarn_credentials *c)
{
    tarn_arena_release(&c->arena);
    c->have = c->refused = false;
    c->failures = 0;
    c->expires_s = 0;
}

static void look_at_kubeconfig(struct tarn_credentials *c, bool settled)
{
    struct tarn_error err;

    if (!tarn_api_server_kubeconfig_changed(c->server, settled))
        return;
    if (c->run) /* it borrows what is read anew; if that fails it runs once more */
        tarn_exec_cancel(c->run);
    c->run = NULL;
    if (tarn_api_server_reopen(c->server, &err)) {
        tarn_log(TARN_LOG_ERROR, err.message, "kept", "the server and credentials read before", NULL);
        return;
    }
    forget_plugin(c);
    tarn_log(TARN_LOG_INFO, "kubeconfig read again: it has changed", "server", c->server->url, "from", c->server->source, NULL);
    c->rotated = true;
    c->generation++;
}

static void look_at_files(struct tarn_credentials *c, bool settled)
{
    struct tarn_error err;

    c->files_looked_ms = uv_now(c->loop);
    look_at_kubeconfig(c, settled);
    if (!tarn_api_server_files_changed(c->server, settled))
        return;
    if (tarn_api_server_refresh(c->server, &err)) {
        tarn_log(TARN_LOG_ERROR, err.message, "kept", "the certificates read before", NULL);
        return;
    }
    tarn_log(TARN_LOG_INFO, "certificates read again: their files have changed", NULL);
    c->rotated = true;
    c->generation++;
}

bool tarn_credentials_rotated(struct tarn_credentials *c)
{
    bool rotated;

    if (uv_now(c->loop) - c->files_looked_ms >= FILES_EVERY_MS)
        look_at_files(c, true);
    rotated = c->rotated;
    c->rotated = false;
    return rotated;
}

/* ---- refused ------------------------------------------------------------------------------------- */

/* A token file may hold another token by now. */
static bool reread_token(struct tarn_credentials *c)
{
    const char *now, *before = tarn_api_server_token(c->server, uv_now(c->loop));
    struct tarn_buf old = {0};
    bool other;

    if (!c->server->token_file || tarn_buf_adds(&old, before ? before : ""))
        return false;
    tarn_api_server_unauthorized(c->server);
    now = tarn_api_server_token(c->server, uv_now(c->loop));
    other = now && !tarn_bytes_equal(tarn_bytes_of(now), tarn_buf_bytes(&old));
    explicit_bzero(old.data, old.len);
    tarn_buf_release(&old);
    c->generation += other;
    if (!other)
        tarn_api_server_unauthorized(c->server); /* the next request reads it once more */
    return other;
}

bool tarn_credentials_refused(struct tarn_credentials *c, uint64_t generation)
{
    if (c->server->bare) /* what was refused is not ours */
        return false;
    if (generation != c->generation)
        return true;
    if (c->server->exec.command) {
        c->refused = true; /* in any case: the next request runs it */
        return true;
    }
    look_at_files(c, false);
    return reread_token(c) || generation != c->generation;
}

/* ---- life ------------------------------------------------------------------------------------------ */

struct tarn_credentials *tarn_credentials_new(uv_loop_t *loop, struct tarn_api_server *server)
{
    struct tarn_credentials *c = calloc(1, sizeof *c);

    if (c)
        *c = (struct tarn_credentials){.loop = loop, .server = server, .generation = 1, .arena.secret = true, .files_looked_ms = uv_now(loop)};
    return c;
}

void tarn_credentials_free(struct tarn_credentials *c)
{
    if (!c)
        return;
    if (c->run)
        tarn_exec_cancel(c->run);
    tarn_arena_release(&c->arena);
    free(c);
}
