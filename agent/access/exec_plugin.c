/* exec_plugin.c - spawn, collect, wait, tell.
 *
 * A run is over when the process has exited and both of its pipes are at their end, or when its time is. Then `done` is
 * told and the handles close; the memory goes with the last of them.
 */
#include "exec_plugin.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEXT_BYTES_MAX (256u << 10)
#define WORDS_BYTES 4096u /* of stderr, the last of it */
#define SHOWN_BYTES 240   /* of that, in a message */
#define INFO "KUBERNETES_EXEC_INFO"

extern char **environ;

struct tarn_exec_run {
    const struct tarn_exec_config *e; /* only until the process was spawned; and command and hint for messages */
    uv_process_t process;
    uv_pipe_t out, words;
    uv_timer_t timer;
    unsigned open_handles;
    bool exited, out_ended, words_ended, over;
    bool too_slow, too_long;
    int64_t exit_status;
    int signal;
    char *text; /* TEXT_BYTES_MAX + 1 of the arena */
    size_t text_len, words_len;
    char words_text[WORDS_BYTES];
    char scrap[4096]; /* what comes after the text became too long */
    char **args, **env;
    struct tarn_arena arena;
    tarn_exec_done done;
    void *ctx;
};

/* ---- the end ------------------------------------------------------------------------------------ */

static void on_closed(uv_handle_t *handle)
{
    struct tarn_exec_run *r = handle->data;

    if (--r->open_handles)
        return;
    tarn_arena_release(&r->arena);
    free(r);
}

static void close_all(struct tarn_exec_run *r)
{
    uv_handle_t *const handles[] = {(uv_handle_t *)&r->process, (uv_handle_t *)&r->out, (uv_handle_t *)&r->words, (uv_handle_t *)&r->timer};

    r->over = true;
    for (size_t i = 0; i < sizeof handles / sizeof *handles; i++)
        uv_close(handles[i], on_closed);
}

/* The whole group; not after it was reaped, when the number may be another's. */
static void kill_it(struct tarn_exec_run *r)
{
    if (!r->exited)
        (void)kill(-r->process.pid, SIGKILL);
}

/* The last of what it said, on one line. */
static const char *last_words(struct tarn_exec_run *r)
{
    char *from, *at;

    while (r->words_len && strchr(" \t\r\n", r->words_text[r->words_len - 1]))
        r->words_len--;
    r->words_text[r->words_len] = '\0';
    from = r->words_text + (r->words_len > SHOWN_BYTES ? r->words_len - SHOWN_BYTES : 0);
    for (at = from; *at; at++)
        if ((unsigned char)*at < 0x20)
            *at = ' ';
    return from;
}

static void describe(struct tarn_exec_run *r, uint64_t timeout_ms, struct tarn_error *err)
{
    const char *words = last_words(r), *says = *words ? "; it says: " : "";

    if (r->too_slow)
        (void)tarn_error_set(err, TARN_E_TIMEOUT, "exec plugin '%s' did not end within %llu s and was killed%s%s", r->e->command,
                             (unsigned long long)timeout_ms / 1000, says, words);
    else if (r->too_long)
        (void)tarn_error_set(err, TARN_E_SIZE, "exec plugin '%s' printed more than %u KiB and was killed%s%s", r->e->command, TEXT_BYTES_MAX >> 10, says, words);
    else if (r->signal)
        (void)tarn_error_set(err, TARN_E_IO, "exec plugin '%s' was killed by signal %d%s%s", r->e->command, r->signal, says, words);
    else
        (void)tarn_error_set(err, TARN_E_IO, "exec plugin '%s' failed with exit status %lld%s%s", r->e->command, (long long)r->exit_status, says, words);
}

static void finish(struct tarn_exec_run *r)
{
    struct tarn_error err = {0};

    if (r->too_slow || r->too_long || r->signal || r->exit_status)
        describe(r, uv_timer_get_repeat(&r->timer), &err);
    r->text[r->text_len] = '\0';
    close_all(r);
    r->done(r->ctx, (struct tarn_bytes){.data = r->text, .len = r->text_len}, err.code ? &err : NULL);
}

static void maybe_finish(struct tarn_exec_run *r)
{
    if (!r->over && r->exited && ((r->out_ended && r->words_ended) || r->too_slow || r->too_long))
        finish(r);
}

static void on_exited(uv_process_t *process, int64_t status, int signal)
{
    struct tarn_exec_run *r = process->data;

    r->exited = true;
    r->exit_status = status;
    r->signal = signal;
    maybe_finish(r);
}

/* The exit of what is killed here ends the run; if it has exited, something else of its holds the pipes. */
static void on_timeout(uv_timer_t *timer)
{
    struct tarn_exec_run *r = timer->data;

    r->too_slow = true;
    kill_it(r);
    (void)uv_timer_stop(timer);
    maybe_finish(r);
}

/* ---- what it prints ------------------------------------------------------------------------------- */

static void out_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    struct tarn_exec_run *r = handle->data;

    (void)suggested;
    *ret = r->text_len < TEXT_BYTES_MAX ? uv_buf_init(r->text + r->text_len, (unsigned)(TEXT_BYTES_MAX - r->text_len))
                                        : uv_buf_init(r->scrap, sizeof r->scrap);
}

static void on_out(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct tarn_exec_run *r = stream->data;

    if (n < 0) {
        r->out_ended = true;
        (void)uv_read_stop(stream);
        maybe_finish(r);
    } else if (buf->base == r->scrap && n > 0) {
        r->too_long = true;
        kill_it(r);
    } else {
        r->text_len += (size_t)n;
    }
}

/* The newer half is kept when there is no more room. */
static void words_room(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    struct tarn_exec_run *r = handle->data;

    (void)suggested;
    if (r->words_len > WORDS_BYTES / 2) {
        r->words_len -= WORDS_BYTES / 4;
        memmove(r->words_text, r->words_text + WORDS_BYTES / 4, r->words_len);
    }
    *ret = uv_buf_init(r->words_text + r->words_len, (unsigned)(WORDS_BYTES - 1 - r->words_len));
}

static void on_words(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct tarn_exec_run *r = stream->data;

    (void)buf;
    if (n >= 0) {
        r->words_len += (size_t)n;
        return;
    }
    r->words_ended = true;
    (void)uv_read_stop(stream);
    maybe_finish(r);
}

/* ---- the start ------------------------------------------------------------------------------------- */

static bool names(const char *entry, const char *variable)
{
    size_t n = strcspn(entry, "=");

    return strlen(variable) == n && strncmp(entry, variable, n) == 0;
}

/* Is a variable of our environment given anew? */
static bool is_overridden(const struct tarn_exec_config *e, const char *variable)
{
    char name[256];

    if (names(variable, INFO))
        return true;
    (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(variable, "="), variable);
    for (unsigned i = 0; i < e->env.n; i++)
        if (names(e->env.v[i], name))
            return true;
    return false;
}

static char **make_env(struct tarn_exec_run *r, const char *info)
{
    const struct tarn_exec_config *e = r->e;
    size_t n = 0, have = 0;
    char **env;

    while (environ[have])
        have++;
    env = tarn_arena_alloc(&r->arena, (have + e->env.n + 2) * sizeof *env);
    if (!env)
        return NULL;
    for (size_t i = 0; i < have; i++)
        if (!is_overridden(e, environ[i]))
            env[n++] = environ[i];
    for (unsigned i = 0; i < e->env.n; i++)
        env[n++] = (char *)e->env.v[i];
    env[n] = tarn_arena_printf(&r->arena, INFO "=%s", info);
    return env[n] ? env : NULL;
}

static char **make_args(struct tarn_exec_run *r)
{
    const struct tarn_exec_config *e = r->e;
    char **args = tarn_arena_alloc(&r->arena, (e->args.n + 2) * sizeof *args);

    if (!args)
        return NULL;
    args[0] = (char *)e->command;
    for (unsigned i = 0; i < e->args.n; i++)
        args[i + 1] = (char *)e->args.v[i];
    return args;
}

/* libcurl's sockets and whatever this process inherited would go on into the plugin: from here nothing above stderr does. */
static int spawn(uv_loop_t *loop, struct tarn_exec_run *r)
{
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&r->out},
        {.flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&r->words},
    };
    uv_process_options_t o = {.file = r->e->command, .args = r->args, .env = r->env, .exit_cb = on_exited,
                              .flags = UV_PROCESS_DETACHED, .stdio = stdio, .stdio_count = 3};

    (void)close_range(3, ~0u, CLOSE_RANGE_CLOEXEC); /* Linux 5.11; before that ours are marked already, libcurl's are not */
    return uv_spawn(loop, &r->process, &o);
}

static struct tarn_exec_run *make(uv_loop_t *loop, const struct tarn_exec_config *e, const char *info)
{
    struct tarn_exec_run *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->e = e;
    r->arena.secret = true;
    r->text = tarn_arena_alloc(&r->arena, TEXT_BYTES_MAX + 1);
    r->args = make_args(r);
    r->env = make_env(r, info);
    if (!r->text || !r->args || !r->env) {
        tarn_arena_release(&r->arena);
        free(r);
        return NULL;
    }
    (void)uv_pipe_init(loop, &r->out, 0);
    (void)uv_pipe_init(loop, &r->words, 0);
    (void)uv_timer_init(loop, &r->timer);
    r->process.data = r->out.data = r->words.data = r->timer.data = r;
    r->open_handles = 4;
    return r;
}

static int cannot_start(const struct tarn_exec_config *e, int uv, struct tarn_error *err)
{
    return tarn_error_set(err, TARN_E_IO, "exec plugin '%s' cannot be started: %s%s%s", e->command, uv_strerror(uv), e->install_hint ? "; " : "",
                          e->install_hint ? e->install_hint : "");
}

int tarn_exec_start(uv_loop_t *loop, const struct tarn_exec_config *e, const char *info, uint32_t timeout_ms, tarn_exec_done done, void *ctx,
                    struct tarn_exec_run **ret, struct tarn_error *err)
{
    struct tarn_exec_run *r = make(loop, e, info);
    int rc;

    if (!r)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    r->done = done;
    r->ctx = ctx;
    rc = spawn(loop, r);
    if (rc < 0) {
        close_all(r);
        return cannot_start(e, rc, err);
    }
    (void)uv_read_start((uv_stream_t *)&r->out, out_room, on_out);
    (void)uv_read_start((uv_stream_t *)&r->words, words_room, on_words);
    (void)uv_timer_start(&r->timer, on_timeout, timeout_ms, timeout_ms); /* its repeat is where the time is kept */
    *ret = r;
    return 0;
}

void tarn_exec_cancel(struct tarn_exec_run *r)
{
    kill_it(r);
    close_all(r);
}
