/* api_upstream.c - see api_upstream.h. */
#include "api_upstream.h"

#include <stdlib.h>

#define LOOK_MS 2000 /* certificate files are looked at so often: credentials.h wants two looks before it takes others */

static void on_turn(uv_prepare_t *turn)
{
    tarn_http_turn(((struct api_upstream *)turn->data)->http);
}

static void on_look(uv_timer_t *look)
{
    (void)look; /* the turn that follows looks */
}

static int open_server(struct api_upstream *u, const struct tarn_config_server *config, bool bare, struct tarn_error *err)
{
    int rc = bare ? tarn_api_server_open_bare(&u->server, config, TARN_SERVICE_ACCOUNT_DIR, err)
                  : tarn_api_server_open(&u->server, config, TARN_SERVICE_ACCOUNT_DIR, err);

    return rc ? rc : tarn_http_new(u->loop, &u->server, &u->http, err);
}

int api_upstream_new(uv_loop_t *loop, const struct tarn_config_server *config, bool bare, struct api_upstream **ret, struct tarn_error *err)
{
    struct api_upstream *u = calloc(1, sizeof *u);
    int rc;

    if (!u)
        return tarn_error_set(err, TARN_E_NOMEM, "out of memory");
    u->loop = loop;
    rc = open_server(u, config, bare, err);
    if (rc) {
        tarn_api_server_release(&u->server);
        free(u);
        return rc;
    }
    (void)uv_prepare_init(loop, &u->turn);
    (void)uv_timer_init(loop, &u->look);
    u->turn.data = u->look.data = u;
    u->open_handles = 2;
    (void)uv_prepare_start(&u->turn, on_turn);
    (void)uv_timer_start(&u->look, on_look, LOOK_MS, LOOK_MS);
    *ret = u;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct api_upstream *u = handle->data;

    if (--u->open_handles == 0)
        free(u);
}

void api_upstream_close(struct api_upstream *u)
{
    if (!u)
        return;
    tarn_http_close(u->http);
    tarn_api_server_release(&u->server);
    uv_close((uv_handle_t *)&u->turn, on_closed);
    uv_close((uv_handle_t *)&u->look, on_closed);
}
