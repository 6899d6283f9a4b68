#include "agent_loop.h"

#include <stdio.h>
#include <stdlib.h>

static void on_prepare(uv_prepare_t *p)
{
    struct agent_loop *l = p->data;

    tarn_http_turn(l->http);
    if (l->done && *l->done)
        uv_stop(p->loop); /* or the loop would wait for what comes next */
}

static void on_limit(uv_timer_t *t)
{
    struct agent_loop *l = t->data;

    l->late = true;
}

void agent_loop_init_config(struct agent_loop *l, const struct tarn_config_server *config)
{
    struct tarn_error err;

    *l = (struct agent_loop){0};
    (void)uv_loop_init(&l->loop);
    if (tarn_api_server_open(&l->server, config, "/nonexistent", &err) || tarn_http_new(&l->loop, &l->server, &l->http, &err)) {
        (void)fprintf(stderr, "%s\n", err.message);
        abort();
    }
    (void)uv_prepare_init(&l->loop, &l->prepare);
    (void)uv_timer_init(&l->loop, &l->limit);
    l->prepare.data = l->limit.data = l;
    (void)uv_prepare_start(&l->prepare, on_prepare);
}

void agent_loop_init(struct agent_loop *l, const char *url)
{
    agent_loop_init_config(l, &(struct tarn_config_server){.url = url});
}

bool agent_loop_run(struct agent_loop *l, const bool *done)
{
    l->late = false;
    l->done = done;
    (void)uv_timer_start(&l->limit, on_limit, 20000, 0);
    while (!*done && !l->late)
        (void)uv_run(&l->loop, UV_RUN_ONCE);
    (void)uv_timer_stop(&l->limit);
    l->done = NULL;
    return *done;
}

void agent_loop_release(struct agent_loop *l)
{
    tarn_http_close(l->http);
    uv_close((uv_handle_t *)&l->prepare, NULL);
    uv_close((uv_handle_t *)&l->limit, NULL);
    (void)uv_run(&l->loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&l->loop))
        abort(); /* a handle was left */
    tarn_api_server_release(&l->server);
}
