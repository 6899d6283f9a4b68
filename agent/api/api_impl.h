/* api_impl.h - what api.c (life, realms, configuration) and api_route.c (a request's way) share. On the API thread. */
#ifndef TARN_AGENT_API_IMPL_H
#define TARN_AGENT_API_IMPL_H

#include "api.h"
#include "api_call.h"
#include "api_pass.h"

LIST_HEAD(api_calls, api_call);

/* A realm of the configuration in force. */
struct api_place_of_realm {
    struct api_realm *realm;
    const struct tarn_config_realm *entry;
};

struct api {
    struct api_options o;
    struct tarn_http_server *server;
    uv_async_t stopped; /* on the caller's loop */
    void (*on_stopped)(void *ctx);
    void *ctx;
    char *certificate, *key; /* PEM */
    /* the API thread's */
    uv_loop_t *loop;
    struct tarn_handoff changes;
    uv_timer_t beat;
    const struct tarn_config *config; /* in force */
    struct api_place_of_realm *realms;
    unsigned nrealms;
    struct api_calls calls;
    struct api_access *access;
    struct api_pass *pass;
    struct api_lists *lists;
    bool changes_open;
};

/* The place of r; NULL: it is closing. */
const struct api_place_of_realm *api_place(const struct api *a, const struct api_realm *r);
/* http_server.h's handler of all paths. */
void api_route(void *ctx, struct tarn_http_exchange *x);
/* The server stops: who waits for a decision is told so. */
void api_route_stop(struct api *a);

#endif
