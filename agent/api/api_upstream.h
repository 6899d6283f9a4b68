/* api_upstream.h - the API server as the read API's thread reaches it: an HTTP client of its own on that thread's loop.
 *
 * A struct tarn_http belongs to one loop, and its credentials are read and renewed there; so this thread does not share the ingest thread's.
 * There are two: with the agent's credentials (reviews), and bare (pass-through, which carries the caller's own). They share no connection.
 */
#ifndef TARN_AGENT_API_UPSTREAM_H
#define TARN_AGENT_API_UPSTREAM_H

#include "http.h"

struct api_upstream {
    struct tarn_api_server server;
    struct tarn_http *http;
    uv_loop_t *loop;
    /* private */
    uv_prepare_t turn;
    uv_timer_t look;
    unsigned open_handles;
};

/* config is borrowed until the close. Errors as those of tarn_api_server_open. */
int api_upstream_new(uv_loop_t *loop, const struct tarn_config_server *config, bool bare, struct api_upstream **ret, struct tarn_error *err);
/* Transfers are dropped without a call; the memory goes while the loop runs. NULL is allowed. */
void api_upstream_close(struct api_upstream *u);

#endif
