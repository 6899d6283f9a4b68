/* saver.c - see saver.h. */
#include "saver.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <tarn/checkpoint.h>

#include "logger.h"

#define FIRST_MS 10000   /* after the start, if the interval is longer */
#define AGAIN_MS 5000    /* after a failure, or when nothing was synced yet, if the interval is longer */
#define PAUSE_FACTOR 20  /* the pause is at least so many times what the save took */
#define NICENESS 10

struct realm {
    struct realm *next;
    char *name;
    struct tarn_buf path; /* NUL-terminated */
    struct tarn_writer *writer; /* NULL: it is not saved now */
    uint64_t due_ms, began_ms;
    uint64_t saved_commit; /* what the file holds, if this agent wrote it */
    uint64_t saved_generation;
    char told[TARN_ERROR_MESSAGE_BYTES]; /* the failure as last logged */
    struct tarn_saver_facts facts;
};

/* What the thread gets and gives back; its own while it runs. */
struct job {
    struct realm *realm; /* NULL: no job */
    struct tarn_writer *writer; /* NULL: it has been freed meanwhile */
    uint32_t client;
    uint64_t generation;
    struct tarn_region_view view;
    struct tarn_pin_page *page;
    bool nice;
    int rc;
    struct tarn_error error;
    struct tarn_checkpoint_saved saved;
};

struct tarn_saver {
    struct tarn_saver_options o;
    uv_timer_t timer;
    uv_async_t ended; /* sent by the job's thread as its last act */
    unsigned open;    /* handles */
    struct realm *realms;
    struct job job;
    uv_thread_t thread;
    _Atomic bool stop; /* tells the thread to give up; alone, so relaxed is enough */
    bool finishing, closed;
    uint64_t deadline_ms; /* finishing: then it is given up */
    void (*done)(void *ctx);
    void *ctx;
};

static void next_job(struct tarn_saver *s);

/* ---- the thread --------------------------------------------------------------------------------------------- */

static int save_pinned(struct job *j, const _Atomic bool *stop)
{
    struct tarn_pin_line *line;
    struct tarn_reader r;
    int rc = tarn_pin_claim(j->page, &line);

    if (rc)
        return tarn_error_set(&j->error, rc, "checkpoint: no pin");
    tarn_reader_begin(&r, &j->view, line);
    rc = tarn_checkpoint_save(&(struct tarn_checkpoint_save){.reader = &r, .path = j->realm->path.data, .stop = stop}, &j->saved, &j->error);
    tarn_reader_end(&r);
    tarn_pin_release(j->page, line);
    return rc;
}

static void run(void *arg)
{
    struct tarn_saver *s = arg;

    if (s->job.nice) /* of this thread alone, as Linux has it */
        (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICENESS);
    s->job.rc = save_pinned(&s->job, &s->stop);
    (void)uv_async_send(&s->ended);
}

/* ---- beginning a save ------------------------------------------------------------------------------------------ */

/* As a client attaches: a page of the agent's, and mappings of its own, so that the writer may go at any time. */
static int attach(struct job *j, struct tarn_writer *w)
{
    struct tarn_pin_page *agents;
    int fd, rc = tarn_pin_page_new(4096, &agents, &fd, &j->error);

    if (rc)
        return rc;
    rc = tarn_pin_page_map(fd, 4096, &j->page, &j->error);
    (void)close(fd);
    if (!rc)
        rc = tarn_region_view_map(tarn_writer_fd(w), &j->view, &j->error);
    if (!rc)
        rc = tarn_writer_client_add(w, agents, -1, &j->client);
    if (rc) {
        tarn_pin_page_free(agents);
        return rc == TARN_E_NOMEM ? tarn_error_set(&j->error, rc, "checkpoint: out of memory") : rc;
    }
    j->writer = w;
    j->generation = j->view.generation;
    return 0;
}

static void detach(struct job *j)
{
    if (j->writer)
        tarn_writer_client_remove(j->writer, j->client);
    tarn_region_view_unmap(&j->view);
    tarn_pin_page_free(j->page);
    *j = (struct job){0};
}

static bool holds_secrets(const struct tarn_writer *w)
{
    struct tarn_resource_info info;
    struct tarn_reader r;

    tarn_reader_begin(&r, tarn_writer_view(w), NULL);
    return tarn_reader_resource(&r, TARN_BYTES("secrets"), &info) == 0;
}

static void note_failure(struct tarn_saver *s, struct realm *r, const struct tarn_error *e)
{
    uint64_t again = s->o.interval_ms < AGAIN_MS ? s->o.interval_ms : AGAIN_MS;

    r->due_ms = uv_now(s->o.loop) + again;
    if (e->code == TARN_E_AGAIN)
        return;
    r->facts.failures++;
    if (strcmp(r->told, e->message) == 0)
        return;
    (void)snprintf(r->told, sizeof r->told, "%s", e->message);
    tarn_log(TARN_LOG_ERROR, e->message, "realm", r->name, "code", tarn_error_name(e->code), "kept", "the last good checkpoint, if there is one; service goes on",
             NULL);
}

static bool start_job(struct tarn_saver *s, struct realm *r)
{
    struct job *j = &s->job;
    int rc = attach(j, r->writer);

    if (!rc) {
        j->realm = r;
        j->nice = !s->finishing;
        rc = uv_thread_create(&s->thread, run, s) < 0 ? tarn_error_set(&j->error, TARN_E_IO, "checkpoint: cannot start a thread") : 0;
    }
    if (rc) {
        note_failure(s, r, &j->error);
        detach(j);
        return false;
    }
    r->began_ms = uv_now(s->o.loop);
    r->facts.saving = true;
    return true;
}

/* ---- its end ------------------------------------------------------------------------------------------------------- */

/* Until the next one. What was not synced yet and is missing in this one is waited for a shorter time. */
static uint64_t pause_ms(const struct tarn_saver *s, const struct realm *r, const struct job *j, uint64_t took_ms)
{
    uint64_t interval = s->o.interval_ms, least = took_ms * PAUSE_FACTOR;
    struct tarn_writer_stats st = {0};

    if (r->writer)
        tarn_writer_stats(r->writer, &st);
    if (st.resources > j->saved.resources && interval > FIRST_MS)
        interval = FIRST_MS;
    return interval > least ? interval : least;
}

static void note_success(struct tarn_saver *s, struct realm *r, const struct job *j)
{
    uint64_t now = uv_now(s->o.loop), took = now - r->began_ms;
    enum tarn_log_level level = !r->facts.saves || r->told[0] || s->finishing ? TARN_LOG_INFO : TARN_LOG_DEBUG;

    r->due_ms = now + pause_ms(s, r, j, took);
    r->saved_commit = j->saved.commit;
    r->saved_generation = j->generation;
    r->told[0] = '\0';
    r->facts.saves++;
    r->facts.saved_ms = now;
    r->facts.took_ms = took;
    r->facts.file_bytes = j->saved.file_bytes;
    r->facts.objects = j->saved.objects;
    r->facts.commit = j->saved.commit;
    tarn_log(level, "checkpoint saved", "realm", r->name, "file", r->path.data, "objects", TARN_LOG_U64(j->saved.objects), "bytes",
             TARN_LOG_U64(j->saved.file_bytes), "ms", TARN_LOG_U64(took), "commit", TARN_LOG_U64(j->saved.commit), NULL);
}

static void on_ended(uv_async_t *async)
{
    struct tarn_saver *s = async->data;
    struct realm *r = s->job.realm;
    bool was_last = !s->job.nice; /* begun when it was finishing already */

    if (!r)
        return;
    (void)uv_thread_join(&s->thread);
    uv_update_time(s->o.loop);
    r->facts.saving = false;
    if (s->job.rc)
        note_failure(s, r, &s->job.error);
    else
        note_success(s, r, &s->job);
    if (s->finishing)
        r->due_ms = was_last ? UINT64_MAX : 0;
    detach(&s->job);
    next_job(s);
}

/* ---- which comes next --------------------------------------------------------------------------------------------------- */

static bool has_changed(struct realm *r)
{
    const struct tarn_region_view *v = tarn_writer_view(r->writer);

    r->facts.secret = holds_secrets(r->writer);
    return !r->facts.secret && (v->generation != r->saved_generation || tarn_writer_commit_seq(r->writer) != r->saved_commit);
}

static void on_timer(uv_timer_t *timer)
{
    struct tarn_saver *s = timer->data;

    if (s->finishing) /* out of patience */
        atomic_store_explicit(&s->stop, true, memory_order_relaxed);
    else if (!s->job.realm)
        next_job(s);
}

/* Start what is due, or wait for it. */
static void next_due(struct tarn_saver *s)
{
    uint64_t now = uv_now(s->o.loop), wait = UINT64_MAX;

    for (struct realm *r = s->realms; r; r = r->next) {
        if (!r->writer)
            continue;
        if (r->due_ms <= now && !has_changed(r))
            r->due_ms = now + s->o.interval_ms;
        if (r->due_ms <= now && start_job(s, r))
            return;
        if (r->due_ms - now < wait)
            wait = r->due_ms - now;
    }
    if (wait != UINT64_MAX)
        (void)uv_timer_start(&s->timer, on_timer, wait, 0);
}

/* Each realm once more, then done. due_ms UINT64_MAX: that one is through. */
static void next_last(struct tarn_saver *s)
{
    for (struct realm *r = s->realms; r; r = r->next) {
        bool due = r->writer && r->due_ms != UINT64_MAX && uv_now(s->o.loop) < s->deadline_ms && has_changed(r);

        r->due_ms = UINT64_MAX;
        if (due && start_job(s, r))
            return;
    }
    (void)uv_timer_stop(&s->timer);
    if (s->done)
        s->done(s->ctx);
    s->done = NULL;
}

static void next_job(struct tarn_saver *s)
{
    if (s->finishing)
        next_last(s);
    else if (s->o.dir)
        next_due(s);
}

void tarn_saver_save_now(struct tarn_saver *s)
{
    if (!s->o.dir || s->finishing) {
        tarn_log(TARN_LOG_WARN, "no checkpoint is saved", "why", s->o.dir ? "the agent is stopping" : "no state directory is configured (stateDir)", NULL);
        return;
    }
    for (struct realm *r = s->realms; r; r = r->next)
        r->due_ms = 0;
    if (!s->job.realm)
        next_job(s);
}

void tarn_saver_finish(struct tarn_saver *s, uint64_t patience_ms, void (*done)(void *ctx), void *ctx)
{
    s->finishing = true;
    s->done = done;
    s->ctx = ctx;
    uv_update_time(s->o.loop);
    s->deadline_ms = uv_now(s->o.loop) + patience_ms;
    for (struct realm *r = s->realms; r; r = r->next)
        r->due_ms = 0;
    (void)uv_timer_start(&s->timer, on_timer, patience_ms, 0);
    if (!s->job.realm)
        next_job(s);
}

/* ---- realms ------------------------------------------------------------------------------------------------------------- */

int tarn_saver_path(const char *dir, const char *realm, struct tarn_buf *out)
{
    tarn_buf_clear(out);
    return tarn_buf_addf(out, "%s/%s.ckpt%c", dir, realm, '\0');
}

static struct realm *realm_of(const struct tarn_saver *s, const char *name)
{
    struct realm *r = s->realms;

    while (r && strcmp(r->name, name) != 0)
        r = r->next;
    return r;
}

static void free_realm(struct realm *r)
{
    tarn_buf_release(&r->path);
    free(r->name);
    free(r);
}

static struct realm *new_realm(struct tarn_saver *s, const char *name)
{
    struct realm *r = calloc(1, sizeof *r);

    if (!r)
        return NULL;
    r->name = strdup(name);
    if (!r->name || tarn_saver_path(s->o.dir, name, &r->path)) {
        free_realm(r);
        return NULL;
    }
    r->next = s->realms;
    s->realms = r;
    (void)tarn_checkpoint_sweep(r->path.data);
    return r;
}

int tarn_saver_realm(struct tarn_saver *s, const char *name, struct tarn_writer *w)
{
    uint64_t first = s->o.interval_ms < FIRST_MS ? s->o.interval_ms : FIRST_MS;
    struct realm *r;

    if (!s->o.dir)
        return 0;
    r = realm_of(s, name);
    r = r ? r : new_realm(s, name);
    if (!r)
        return TARN_E_NOMEM;
    if (!r->writer)
        r->due_ms = uv_now(s->o.loop) + first;
    r->writer = w;
    if (!s->job.realm)
        next_job(s);
    return 0;
}

void tarn_saver_leave(struct tarn_saver *s, const char *name)
{
    struct realm *r = realm_of(s, name);

    if (r)
        r->writer = NULL;
}

void tarn_saver_forget(struct tarn_saver *s, const struct tarn_writer *w)
{
    if (s->job.writer == w)
        s->job.writer = NULL; /* its clients go with it */
    for (struct realm *r = s->realms; r; r = r->next)
        if (r->writer == w)
            r->writer = NULL;
}

bool tarn_saver_facts(const struct tarn_saver *s, const char *realm, struct tarn_saver_facts *ret)
{
    const struct realm *r = realm_of(s, realm);

    if (!r || !r->writer)
        return false;
    *ret = r->facts;
    ret->error = r->told;
    return true;
}

/* ---- life ------------------------------------------------------------------------------------------------------------------ */

static void prepare_dir(const char *dir)
{
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        tarn_log(TARN_LOG_ERROR, "cannot make the state directory: no checkpoint can be saved", "dir", dir, "error", strerror(errno), "do",
                 "create it for the agent's user, or name another with stateDir", NULL);
    else if (access(dir, W_OK | X_OK) < 0)
        tarn_log(TARN_LOG_ERROR, "cannot write to the state directory: no checkpoint can be saved", "dir", dir, "error", strerror(errno), "do",
                 "make it writable for the agent's user, or name another with stateDir", NULL);
}

static void on_closed(uv_handle_t *handle)
{
    struct tarn_saver *s = handle->data;

    if (--s->open)
        return;
    while (s->realms) {
        struct realm *r = s->realms;

        s->realms = r->next;
        free_realm(r);
    }
    free(s);
}

int tarn_saver_new(const struct tarn_saver_options *o, struct tarn_saver **ret, struct tarn_error *err)
{
    struct tarn_saver *s = calloc(1, sizeof *s);

    if (!s)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    s->o = *o;
    (void)uv_timer_init(o->loop, &s->timer);
    s->timer.data = s->ended.data = s;
    s->open = 1;
    if (uv_async_init(o->loop, &s->ended, on_ended) < 0) {
        uv_close((uv_handle_t *)&s->timer, on_closed);
        return tarn_error_set(err, TARN_E_IO, "event loop: no descriptor for the checkpoints' thread");
    }
    s->open = 2;
    if (o->dir)
        prepare_dir(o->dir);
    *ret = s;
    return 0;
}

void tarn_saver_close(struct tarn_saver *s)
{
    if (!s || s->closed)
        return;
    s->closed = true;
    uv_close((uv_handle_t *)&s->timer, on_closed);
    uv_close((uv_handle_t *)&s->ended, on_closed);
}
