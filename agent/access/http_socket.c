/* http_socket.c - libcurl's multi interface on libuv: its sockets are uv_polls, its timeout is a uv_timer.
 *
 * libcurl may close a descriptor right after it asked for its removal and use the number again at once: so a poll is
 * stopped first, and its memory goes in the close callback. libcurl is never called from inside its own callbacks.
 */
#include "http_internal.h"

#include <stdlib.h>

struct socket_poll {
    uv_poll_t poll;
    struct tarn_http *http;
    curl_socket_t fd;
};

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_socket_ready(uv_poll_t *poll, int status, int events)
{
    struct socket_poll *s = poll->data;
    CURLM *multi = s->http->multi;
    int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) | (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0), running;

    if (status < 0)
        flags = CURL_CSELECT_ERR;
    /* afterwards s may be closing: not touched again */
    (void)curl_multi_socket_action(multi, s->fd, flags, &running);
}

static struct socket_poll *open_poll(struct tarn_http *h, curl_socket_t fd)
{
    struct socket_poll *s = calloc(1, sizeof *s);

    if (!s)
        return NULL;
    *s = (struct socket_poll){.http = h, .fd = fd};
    if (uv_poll_init_socket(h->loop, &s->poll, fd) < 0) {
        free(s);
        return NULL;
    }
    s->poll.data = s;
    return s;
}

static void close_poll(struct tarn_http *h, struct socket_poll *s)
{
    if (!s)
        return;
    (void)curl_multi_assign(h->multi, s->fd, NULL);
    (void)uv_poll_stop(&s->poll);
    uv_close((uv_handle_t *)&s->poll, on_poll_closed);
}

static int on_socket_wish(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
    struct tarn_http *h = ctx;
    struct socket_poll *s = socket_ctx;
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        close_poll(h, s);
        return 0;
    }
    if (!s) {
        s = open_poll(h, fd);
        if (!s)
            return -1; /* libcurl ends its transfers with an error */
        (void)curl_multi_assign(h->multi, fd, s);
    }
    return uv_poll_start(&s->poll, events, on_socket_ready) < 0 ? -1 : 0;
}

static void on_curl_timer(uv_timer_t *timer)
{
    struct tarn_http *h = timer->data;
    int running;

    (void)curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

static int on_timer_wish(CURLM *multi, long timeout_ms, void *ctx)
{
    struct tarn_http *h = ctx;

    (void)multi;
    if (h->closing)
        return 0;
    if (timeout_ms < 0)
        return uv_timer_stop(&h->curl_timer);
    uv_update_time(h->loop); /* a long parse makes the loop's clock old, and the timer would fire early */
    return uv_timer_start(&h->curl_timer, on_curl_timer, (uint64_t)timeout_ms, 0);
}

int http_socket_init(struct tarn_http *h)
{
    CURLMcode rc;

    h->multi = curl_multi_init();
    if (!h->multi)
        return TARN_E_NOMEM;
    rc = curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wish);
    if (!rc)
        rc = curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
    if (!rc)
        rc = curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, on_timer_wish);
    if (!rc)
        rc = curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
    return rc ? TARN_E_NOMEM : 0;
}
