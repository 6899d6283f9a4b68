/* ingest.c - see ingest.h.
 *
 * The order inside a turn of the loop: timers (reflectors that want something), prepare (resumed and ended transfers,
 * commit), poll (bytes from sockets, questions), check (commit). So what came in one poll is visible before the loop waits again.
 */
#include "ingest_impl.h"

#include "generation.h"

#define COLLECT_EVERY_MS 5
#define LAST_SAVE_MS 3000 /* of the 5 s that an end may take */
#define RETRY_MS 20 /* while something waits for room */

/* ---- turns ------------------------------------------------------------------------------------------------- */

static void on_busy(uv_idle_t *idle)
{
    (void)idle; /* being active is all: the loop does not wait */
}

/* A few times in a second if nothing happens, at most every COLLECT_EVERY_MS while much does. */
static void collect(struct tarn_ingest *in)
{
    uint64_t now = uv_now(&in->loop);

    if (!in->more && now - in->collected_ms < COLLECT_EVERY_MS)
        return;
    in->collected_ms = now;
    in->more = false;
    for (unsigned i = 0; i < in->nrealms; i++)
        in->more |= realm_collect(in->realms[i]);
}

static void on_retry(uv_timer_t *retry)
{
    (void)retry; /* the turn itself is all */
}

/* What could not be taken at once. True: a list is being applied, so that the loop must not wait. */
static bool apply_waiting(struct tarn_ingest *in)
{
    bool busy = false, full = false;

    for (unsigned i = 0; i < in->nrealms; i++)
        in->realms[i]->full = false;
    for (unsigned i = 0; i < in->ndrivers; i++) {
        enum tarn_feeds_wait w = tarn_driver_turn(in->drivers[i]);

        busy |= w == TARN_FEEDS_BUSY;
        if (w == TARN_FEEDS_FULL)
            full = ingest_realm(in, tarn_driver_realm(in->drivers[i]))->full = true;
    }
    if (full && !uv_is_active((uv_handle_t *)&in->retry))
        (void)uv_timer_start(&in->retry, on_retry, RETRY_MS, RETRY_MS);
    else if (!full)
        (void)uv_timer_stop(&in->retry);
    return busy;
}

/* True: readers can see something new. */
static bool publish(struct tarn_ingest *in)
{
    bool busy = apply_waiting(in), new = false;

    for (unsigned i = 0; i < in->ndrivers; i++)
        tarn_driver_publish(in->drivers[i]);
    for (unsigned i = 0; i < in->nrealms; i++)
        new |= realm_commit(in->realms[i]);
    collect(in);
    ingest_make_room(in);
    if (busy || in->more)
        (void)uv_idle_start(&in->busy, on_busy);
    else
        (void)uv_idle_stop(&in->busy);
    return new;
}

/* Busy time since the turn began = what passed, less what libuv waited. */
static uint64_t busy_ns(const struct tarn_ingest *in, uint64_t wall, uint64_t idle)
{
    return wall - in->turn_wall_ns - (idle - in->turn_idle_ns);
}

/* Of this thread; what a busy machine takes away is not in it. */
static uint64_t cpu_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void measure_cpu(struct tarn_ingest *in)
{
    uint64_t now = cpu_ns(), us = in->turns ? (now - in->turn_cpu_ns) / 1000 : 0;

    if (us > in->longest_turn_cpu_us)
        in->longest_turn_cpu_us = us;
    in->turn_cpu_ns = now;
}

static void measure_turn(struct tarn_ingest *in)
{
    uint64_t wall = uv_hrtime(), idle = uv_metrics_idle_time(&in->loop);
    uint64_t ns = in->turns ? busy_ns(in, wall, idle) : 0;

    measure_cpu(in);
    if (ns / 1000 > in->longest_turn_us)
        in->longest_turn_us = ns / 1000;
    if (in->turns)
        tarn_histogram_add(&in->turn_time, ns, 1);
    in->turns++;
    in->turn_wall_ns = wall;
    in->turn_idle_ns = idle;
}

void ingest_forget_turn(struct tarn_ingest *in)
{
    in->turn_wall_ns = uv_hrtime();
    in->turn_idle_ns = uv_metrics_idle_time(&in->loop);
}

/* The kubeconfig may name another server by now (credentials.h); no byte of that one has come before this. */
static void follow_server(struct tarn_ingest *in)
{
    if (in->server_moves == in->server->moves)
        return;
    in->server_moves = in->server->moves;
    tarn_log(TARN_LOG_WARN, "the API server is another one: all is listed anew", "server", in->server->url, NULL);
    for (unsigned i = 0; i < in->ndrivers; i++)
        tarn_driver_server_moved(in->drivers[i]);
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct tarn_ingest *in = prepare->data;

    tarn_http_turn(in->http);
    follow_server(in);
    (void)publish(in);
    measure_turn(in);
}

/* The turn was measured before the loop waited: what is busy since then is the time from the bytes' arrival to here. */
static void on_check(uv_check_t *check)
{
    struct tarn_ingest *in = check->data;

    if (publish(in))
        tarn_histogram_add(&in->event_lag, busy_ns(in, uv_hrtime(), uv_metrics_idle_time(&in->loop)), 1);
}

static void on_beat(uv_timer_t *beat)
{
    struct tarn_ingest *in = beat->data;

    tarn_pulse_beat(&in->pulse);
    for (unsigned i = 0; i < in->nrealms; i++)
        realm_heartbeat(in->realms[i]);
}

/* ---- questions ----------------------------------------------------------------------------------------------- */

struct realm *ingest_realm(const struct tarn_ingest *in, const char *name)
{
    for (unsigned i = 0; i < in->nrealms; i++)
        if (strcmp(in->realms[i]->entry->name, name) == 0)
            return in->realms[i];
    return NULL;
}

static void attach(struct tarn_ingest *in, struct tarn_ask *a)
{
    struct realm *r = ingest_realm(in, a->realm);

    if (!r)
        (void)tarn_error_set(&a->error, TARN_E_NOTFOUND, "no realm '%s' here", a->realm);
    else
        (void)realm_attach(r, a, uv_now(&in->loop));
}

static void detach(struct tarn_ingest *in, const struct tarn_ask *a)
{
    struct realm *r = ingest_realm(in, a->realm);

    if (r)
        realm_detach(r, a->generation, a->client_id);
}

/* Certificates and the token are read again in any case. */
static void reload(struct tarn_ingest *in, struct tarn_ask *a)
{
    struct reload_state *s = &in->reload;

    s->tried++;
    s->at_ms = tarn_now_ms(in->rt);
    if (a->config)
        (void)ingest_reload(in, a->config, &a->error);
    s->error = a->error;
    s->waiting = a->error.code == TARN_E_AGAIN;
    s->applied += !a->error.code;
    s->refused += a->error.code && !s->waiting;
}

static void stop(struct tarn_ingest *in, struct tarn_ask *a);

static void on_question(void *ctx, struct tarn_handoff_node *node)
{
    struct tarn_ingest *in = ctx;
    struct tarn_ask *a = (struct tarn_ask *)node;

    if (a->verb != TARN_ASK_RELOAD)
        a->error.code = 0;
    if (in->stop) { /* it came behind the last question: there is nothing left to look at */
        (void)tarn_error_set(&a->error, TARN_E_CLOSED, "the agent is stopping");
        (void)tarn_handoff_put(a->back, &a->node);
        return;
    }
    switch (a->verb) {
    case TARN_ASK_ATTACH:
        attach(in, a);
        break;
    case TARN_ASK_DETACH:
        detach(in, a);
        break;
    case TARN_ASK_STATUS:
        a->facts = ingest_facts(in, a->reader);
        a->error.code = a->facts ? 0 : TARN_E_NOMEM;
        break;
    case TARN_ASK_RELIST:
        for (unsigned i = 0; i < in->ndrivers; i++)
            tarn_driver_relist(in->drivers[i]);
        break;
    case TARN_ASK_REFRESH:
        (void)tarn_api_server_refresh(in->server, &a->error);
        tarn_api_server_unauthorized(in->server);
        break;
    case TARN_ASK_RELOAD:
        reload(in, a);
        break;
    case TARN_ASK_CHECKPOINT:
        tarn_saver_save_now(in->saver);
        break;
    case TARN_ASK_STOP:
        stop(in, a);
        return; /* answered when the thread ends */
    }
    (void)tarn_handoff_put(a->back, &a->node);
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

/* Readers keep what they have; the region says that its agent has stopped. */
static void close_parts(struct tarn_ingest *in)
{
    for (unsigned i = 0; i < in->ndrivers; i++)
        tarn_driver_close(in->drivers[i]);
    tarn_discovery_free(in->discovery);
    for (unsigned i = 0; i < in->nrealms; i++)
        realm_free(in->realms[i]);
    tarn_saver_close(in->saver);
    if (in->http)
        tarn_http_close(in->http);
    uv_close((uv_handle_t *)&in->prepare, NULL);
    uv_close((uv_handle_t *)&in->check, NULL);
    uv_close((uv_handle_t *)&in->beat, NULL);
    uv_close((uv_handle_t *)&in->retry, NULL);
    uv_close((uv_handle_t *)&in->busy, NULL);
    tarn_handoff_close(&in->questions, NULL);
}

static void on_saved(void *ctx)
{
    close_parts(ctx);
}

static void stop(struct tarn_ingest *in, struct tarn_ask *a)
{
    in->stop = a;
    for (unsigned i = 0; i < in->ndrivers; i++)
        tarn_driver_stop(in->drivers[i]);
    (void)publish(in);
    tarn_saver_finish(in->saver, LAST_SAVE_MS, on_saved, in);
}

static void run(void *arg)
{
    struct tarn_ingest *in = arg;

    (void)uv_run(&in->loop, UV_RUN_DEFAULT);
    (void)tarn_handoff_put(in->stop->back, &in->stop->node);
}

static void writer_goes(void *ctx, const struct tarn_writer *w)
{
    tarn_saver_forget(((struct tarn_ingest *)ctx)->saver, w);
}

int ingest_make_realm(struct tarn_ingest *in, const struct tarn_config *config, unsigned i, struct tarn_writer *seed, struct realm **ret, struct tarn_error *err)
{
    return realm_new(
        &(struct realm_options){
            .rt = in->rt,
            .config = config,
            .entry = &config->realms[i],
            .generation = in->generation_base + 1,
            .seed = seed,
            .writer_goes = writer_goes,
            .ctx = in,
        },
        ret, err);
}

int ingest_make_driver(struct tarn_ingest *in, const struct tarn_config *config, unsigned i, struct realm *r, struct tarn_driver_adopt *adopt,
                       struct tarn_driver **ret, struct tarn_error *err)
{
    return tarn_driver_new(
        &(struct tarn_driver_options){
            .loop = &in->loop,
            .http = in->http,
            .discovery = in->discovery,
            .writer = r->writer,
            .rt = in->rt,
            .config = config,
            .resource = &config->resources[i],
            .server = in->server,
            .adopt = adopt,
        },
        ret, err);
}

static int init_loop(struct tarn_ingest *in, struct tarn_error *err)
{
    int rc = uv_loop_init(&in->loop);

    if (rc < 0)
        return tarn_error_set(err, TARN_E_IO, "event loop: %s", uv_strerror(rc));
    (void)uv_loop_configure(&in->loop, UV_METRICS_IDLE_TIME);
    rc = tarn_handoff_init(&in->questions, &in->loop, on_question, in);
    if (rc < 0) {
        (void)uv_loop_close(&in->loop);
        return tarn_error_set(err, TARN_E_IO, "event loop: %s", uv_strerror(rc));
    }
    (void)uv_prepare_init(&in->loop, &in->prepare);
    (void)uv_check_init(&in->loop, &in->check);
    (void)uv_timer_init(&in->loop, &in->beat);
    (void)uv_timer_init(&in->loop, &in->retry);
    (void)uv_idle_init(&in->loop, &in->busy);
    in->prepare.data = in->check.data = in->beat.data = in;
    return 0;
}

void ingest_limit_requests(struct tarn_ingest *in)
{
    const struct tarn_http_limits limits = {in->config->max_lists, in->config->requests_per_second, in->config->request_burst};

    tarn_http_limit(in->http, &limits);
}

static int make_parts(struct tarn_ingest *in, struct tarn_error *err)
{
    int rc = tarn_http_new(&in->loop, in->server, &in->http, err);

    if (!rc)
        ingest_limit_requests(in);
    if (!rc && tarn_discovery_new(in->http, &in->discovery))
        rc = tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    return rc ? rc : ingest_make_all(in, err);
}

static void free_memory(struct tarn_ingest *in)
{
    tarn_handoff_release(&in->questions);
    free(in->realms);
    free(in->drivers);
    free(in);
}

/* Making it failed half-way, or its thread could not start: no thread runs the loop. */
static void unmake(struct tarn_ingest *in)
{
    for (unsigned i = 0; i < in->ndrivers; i++)
        tarn_driver_stop(in->drivers[i]);
    close_parts(in);
    (void)uv_run(&in->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&in->loop);
    free_memory(in);
}

static int begin(struct tarn_ingest *in, struct tarn_error *err)
{
    int rc;

    tarn_pulse_beat(&in->pulse);
    (void)uv_prepare_start(&in->prepare, on_prepare);
    (void)uv_check_start(&in->check, on_check);
    (void)uv_timer_start(&in->beat, on_beat, TARN_HEARTBEAT_MS, TARN_HEARTBEAT_MS);
    for (unsigned i = 0; i < in->ndrivers; i++)
        tarn_driver_start(in->drivers[i]);
    for (unsigned i = 0; i < in->nrealms; i++)
        tarn_writer_set_agent_state(in->realms[i]->writer, TARN_AGENT_LIVE);
    (void)publish(in); /* the resources are there before the first client is */
    rc = uv_thread_create(&in->thread, run, in);
    return rc < 0 ? tarn_error_set(err, TARN_E_IO, "cannot start the ingest thread: %s", uv_strerror(rc)) : 0;
}

static struct tarn_ingest *allocate(const struct tarn_config *config)
{
    struct tarn_ingest *in = calloc(1, sizeof *in);

    if (!in)
        return NULL;
    in->realms = calloc(config->nrealms, sizeof(struct realm *));
    in->drivers = calloc(config->nresources, sizeof(struct tarn_driver *));
    if (in->realms && in->drivers)
        return in;
    free(in->realms);
    free(in->drivers);
    free(in);
    return NULL;
}

int tarn_ingest_start(const struct tarn_config *config, struct tarn_api_server *server, struct tarn_kept *kept, unsigned nkept, struct tarn_ingest **ret,
                      struct tarn_error *err)
{
    struct tarn_ingest *in = allocate(config);
    int rc;

    if (!in)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    in->config = config;
    in->server = server;
    in->kept = kept;
    in->nkept = nkept;
    in->rt = tarn_runtime_posix();
    in->started_ms = tarn_now_ms(in->rt);
    in->generation_base = tarn_generation_last(config->runtime_dir);
    rc = init_loop(in, err);
    if (rc) {
        free(in->realms);
        free(in->drivers);
        free(in);
        return rc;
    }
    rc = make_parts(in, err);
    if (!rc)
        rc = begin(in, err);
    if (rc)
        unmake(in);
    else
        *ret = in;
    return rc;
}

struct tarn_handoff *tarn_ingest_handoff(struct tarn_ingest *in)
{
    return &in->questions;
}

const struct tarn_pulse *tarn_ingest_pulse(const struct tarn_ingest *in)
{
    return &in->pulse;
}

struct tarn_refusals *tarn_ingest_refusals(struct tarn_ingest *in)
{
    return &in->refusals;
}

struct api_counters *tarn_ingest_api_counters(struct tarn_ingest *in)
{
    return &in->api;
}

void tarn_ingest_join(struct tarn_ingest *in)
{
    (void)uv_thread_join(&in->thread);
    (void)uv_loop_close(&in->loop);
    free_memory(in);
}
