/* agent_loop.h - a libuv loop with a struct tarn_http on it, for tests. */
#ifndef AGENT_LOOP_H
#define AGENT_LOOP_H

#include "http.h"

struct agent_loop {
    uv_loop_t loop;
    uv_prepare_t prepare;
    uv_timer_t limit;
    struct tarn_api_server server;
    struct tarn_http *http;
    const bool *done;
    bool late;
};

/* Ends the test program if it cannot be made. */
void agent_loop_init(struct agent_loop *l, const char *url);
void agent_loop_init_config(struct agent_loop *l, const struct tarn_config_server *config);
/* Run the loop until *done or 20 s have passed; true: done. */
bool agent_loop_run(struct agent_loop *l, const bool *done);
void agent_loop_release(struct agent_loop *l);

#endif
