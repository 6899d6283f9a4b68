/* service.c - see service.h. */
#include "service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "notify.h"

#define TICK_MS 1000
#define STATUS_MS 5000

/* $WATCHDOG_USEC in ms, if it is meant for this process. */
static uint64_t watchdog_ms(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

    if (!usec || (pid && strtoll(pid, NULL, 10) != getpid()))
        return 0;
    return strtoull(usec, NULL, 10) / 1000;
}

/* ---- status ---------------------------------------------------------------------------------------- */

static void say_status(struct tarn_service *s, const struct tarn_facts *f)
{
    char text[sizeof s->said];
    unsigned synced = 0, live = 0;
    uint64_t objects = 0;

    for (unsigned i = 0; i < f->nresources; i++) {
        synced += f->resources[i].synced;
        live += f->resources[i].live;
        objects += f->resources[i].objects;
    }
    (void)snprintf(text, sizeof text, "STATUS=%u of %u resources synced, %u live; %llu objects, %u clients", synced, f->nresources, live,
                   (unsigned long long)objects, f->nclients);
    if (strcmp(text, s->said) != 0)
        (void)tarn_notify(text);
    memcpy(s->said, text, sizeof text);
}

static void close_answers(struct tarn_service *s);

static void on_answer(void *ctx, struct tarn_handoff_node *node)
{
    struct tarn_service *s = ctx;

    (void)node;
    s->asking = false;
    if (s->ask.facts && !s->closing)
        say_status(s, s->ask.facts);
    tarn_facts_free(s->ask.facts);
    s->ask.facts = NULL;
    if (s->closing)
        close_answers(s);
}

static void ask(struct tarn_service *s)
{
    uint64_t now = uv_now(s->tick.loop);

    if (s->asking || !s->tells || (s->asked_ms && now - s->asked_ms < STATUS_MS))
        return;
    s->asked_ms = now;
    s->ask = (struct tarn_ask){.verb = TARN_ASK_STATUS, .back = &s->answers};
    s->asking = tarn_handoff_put(s->ingest, &s->ask.node);
}

/* ---- signs of life --------------------------------------------------------------------------------------- */

static void look_at_ingest(struct tarn_service *s)
{
    uint64_t age = tarn_pulse_age_ms(s->ingest_pulse), most = s->watchdog_ms ? s->watchdog_ms / 2 : TARN_PULSE_LATE_MS;

    if (age <= most) {
        if (s->stuck)
            tarn_log(TARN_LOG_WARN, "the ingest thread turns again", NULL);
        s->stuck = false;
        if (s->watchdog_ms)
            (void)tarn_notify("WATCHDOG=1");
        return;
    }
    if (!s->stuck)
        tarn_log(TARN_LOG_ERROR, "the ingest thread does not turn; readers keep the state it left", "for_ms", TARN_LOG_U64(age), NULL);
    s->stuck = true;
}

static void on_tick(uv_timer_t *tick)
{
    struct tarn_service *s = tick->data;

    tarn_pulse_beat(&s->pulse);
    look_at_ingest(s);
    ask(s);
    tarn_logger_tick();
}

/* ---- life ---------------------------------------------------------------------------------------------------- */

static void handle_closed(struct tarn_service *s)
{
    if (--s->handles == 0)
        s->on_stopped(s->ctx);
}

static void on_tick_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

static void on_answers_closed(uv_handle_t *handle)
{
    struct tarn_handoff *h = handle->data;

    handle_closed(h->ctx);
}

static void close_answers(struct tarn_service *s)
{
    tarn_handoff_close(&s->answers, on_answers_closed);
}

int tarn_service_start(struct tarn_service *s, uv_loop_t *loop, struct tarn_handoff *ingest, const struct tarn_pulse *ingest_pulse)
{
    int rc = tarn_handoff_init(&s->answers, loop, on_answer, s);

    if (rc < 0)
        return rc;
    s->ingest = ingest;
    s->ingest_pulse = ingest_pulse;
    s->watchdog_ms = watchdog_ms();
    s->tells = getenv("NOTIFY_SOCKET") != NULL;
    s->handles = 2;
    tarn_pulse_beat(&s->pulse);
    (void)uv_timer_init(loop, &s->tick);
    s->tick.data = s;
    return uv_timer_start(&s->tick, on_tick, 0, s->watchdog_ms && s->watchdog_ms / 4 < TICK_MS ? s->watchdog_ms / 4 + 1 : TICK_MS);
}

void tarn_service_stop(struct tarn_service *s, void (*on_stopped)(void *ctx), void *ctx)
{
    s->closing = true;
    s->on_stopped = on_stopped;
    s->ctx = ctx;
    uv_close((uv_handle_t *)&s->tick, on_tick_closed);
    if (!s->asking)
        close_answers(s);
}

void tarn_service_release(struct tarn_service *s)
{
    tarn_handoff_release(&s->answers);
}
