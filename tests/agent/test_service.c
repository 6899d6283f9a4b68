/* Tests of agent/service.c against a service manager and an ingest thread of our own: the watchdog is fed only while both loops turn. */
#include "tarn_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "service.h"

static char dir[] = "/tmp/tarn-service-XXXXXX", said[512];
static struct tarn_facts_resource resources[] = {{.name = "pods", .synced = true, .live = true, .objects = 7}, {.name = "nodes"}};

struct fixture {
    uv_loop_t loop;
    int manager;
    struct tarn_handoff ingest;
    struct tarn_pulse ingest_pulse;
    struct tarn_service service;
    bool beating, stopped, mute; /* mute: the ingest thread does not answer */
    struct tarn_ask *kept;
    uv_timer_t beat;
};

static void on_beat(uv_timer_t *t)
{
    struct fixture *f = t->data;

    if (f->beating)
        tarn_pulse_beat(&f->ingest_pulse);
}

static void answer(struct tarn_ask *a)
{
    a->facts = calloc(1, sizeof *a->facts);
    a->facts->resources = resources;
    a->facts->nresources = 2;
    (void)tarn_handoff_put(a->back, &a->node);
}

static void on_question(void *ctx, struct tarn_handoff_node *node)
{
    struct fixture *f = ctx;

    if (f->mute)
        f->kept = (struct tarn_ask *)node;
    else
        answer((struct tarn_ask *)node);
}

static void open_manager(struct fixture *f)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    if (strstr(dir, "XXXXXX") && !mkdtemp(dir))
        abort();
    (void)snprintf(a.sun_path, sizeof a.sun_path, "%s/notify", dir);
    (void)unlink(a.sun_path);
    f->manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (f->manager < 0 || bind(f->manager, (const struct sockaddr *)&a, sizeof a) < 0)
        abort();
    setenv("NOTIFY_SOCKET", a.sun_path, 1);
}

static void begin(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    open_manager(f);
    setenv("WATCHDOG_USEC", "400000", 1);
    f->beating = true;
    if (uv_loop_init(&f->loop) || tarn_handoff_init(&f->ingest, &f->loop, on_question, f) || uv_timer_init(&f->loop, &f->beat))
        abort();
    f->beat.data = f;
    tarn_pulse_beat(&f->ingest_pulse);
    (void)uv_timer_start(&f->beat, on_beat, 10, 10);
    CU_ASSERT_EQUAL(tarn_service_start(&f->service, &f->loop, &f->ingest, &f->ingest_pulse), 0);
}

static void on_stopped(void *ctx)
{
    ((struct fixture *)ctx)->stopped = true;
}

static void end(struct fixture *f)
{
    tarn_service_stop(&f->service, on_stopped, f);
    if (f->kept)
        answer(f->kept);
    while (!f->stopped)
        (void)uv_run(&f->loop, UV_RUN_ONCE);
    tarn_handoff_close(&f->ingest, NULL);
    uv_close((uv_handle_t *)&f->beat, NULL);
    (void)uv_run(&f->loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(uv_loop_close(&f->loop), 0);
    tarn_service_release(&f->service);
    tarn_handoff_release(&f->ingest);
    (void)close(f->manager);
    unsetenv("WATCHDOG_USEC");
    unsetenv("NOTIFY_SOCKET");
}

/* Was text among what is in the manager's socket? Takes all of it. */
static bool heard(struct fixture *f, const char *text)
{
    bool found = false;
    ssize_t n;

    while ((n = recv(f->manager, said, sizeof said - 1, 0)) >= 0) {
        said[n] = '\0';
        found |= strcmp(said, text) == 0;
    }
    return found;
}

static bool hears(struct fixture *f, const char *text)
{
    for (int i = 0; i < 5000; i++) {
        if (heard(f, text))
            return true;
        (void)uv_run(&f->loop, UV_RUN_ONCE);
    }
    return false;
}

static void the_watchdog_is_fed_only_while_the_ingest_thread_turns(void)
{
    struct fixture f;

    begin(&f);
    CU_ASSERT(hears(&f, "WATCHDOG=1"));
    f.beating = false;
    for (int i = 0; i < 5000 && !f.service.stuck; i++)
        (void)uv_run(&f.loop, UV_RUN_ONCE);
    CU_ASSERT(f.service.stuck);
    (void)heard(&f, "");
    for (int i = 0; i < 50; i++) /* some ticks */
        (void)uv_run(&f.loop, UV_RUN_ONCE);
    CU_ASSERT(!heard(&f, "WATCHDOG=1"));
    f.beating = true;
    CU_ASSERT(hears(&f, "WATCHDOG=1"));
    CU_ASSERT(!f.service.stuck);
    end(&f);
}

static void status_says_what_there_is(void)
{
    struct fixture f;

    begin(&f);
    CU_ASSERT(hears(&f, "STATUS=1 of 2 resources synced, 1 live; 7 objects, 0 clients"));
    CU_ASSERT(tarn_pulse_age_ms(&f.service.pulse) < 30000);
    end(&f);
}

/* A question that is under way when it stops is waited for. */
static void it_stops_when_its_question_is_back(void)
{
    struct fixture f;

    begin(&f);
    f.mute = true;
    for (int i = 0; i < 5000 && !f.kept; i++)
        (void)uv_run(&f.loop, UV_RUN_ONCE);
    CU_ASSERT_FATAL(f.kept != NULL);
    tarn_service_stop(&f.service, on_stopped, &f);
    for (int i = 0; i < 20; i++)
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    CU_ASSERT(!f.stopped);
    answer(f.kept);
    f.kept = NULL;
    while (!f.stopped)
        (void)uv_run(&f.loop, UV_RUN_ONCE);
    CU_ASSERT(!heard(&f, "STATUS=1 of 2 resources synced, 1 live; 7 objects, 0 clients"));
    tarn_handoff_close(&f.ingest, NULL);
    uv_close((uv_handle_t *)&f.beat, NULL);
    (void)uv_run(&f.loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&f.loop);
    tarn_service_release(&f.service);
    tarn_handoff_release(&f.ingest);
    (void)close(f.manager);
}

TARN_TEST_MAIN("service", TARN_TEST(the_watchdog_is_fed_only_while_the_ingest_thread_turns), TARN_TEST(status_says_what_there_is),
               TARN_TEST(it_stops_when_its_question_is_back))
