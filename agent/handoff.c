/* handoff.c - see handoff.h. */
#include "handoff.h"

static struct tarn_handoff_node *take(struct tarn_handoff *h)
{
    struct tarn_handoff_node *n;

    uv_mutex_lock(&h->lock);
    n = TAILQ_FIRST(&h->nodes);
    if (n)
        TAILQ_REMOVE(&h->nodes, n, link);
    uv_mutex_unlock(&h->lock);
    return n;
}

static void deliver(struct tarn_handoff *h)
{
    struct tarn_handoff_node *n;

    while ((n = take(h)))
        h->on_node(h->ctx, n);
}

static void on_async(uv_async_t *async)
{
    deliver(async->data);
}

int tarn_handoff_init(struct tarn_handoff *h, uv_loop_t *loop, void (*on_node)(void *ctx, struct tarn_handoff_node *n), void *ctx)
{
    int rc = uv_mutex_init(&h->lock);

    if (rc < 0)
        return rc;
    TAILQ_INIT(&h->nodes);
    h->on_node = on_node;
    h->ctx = ctx;
    rc = uv_async_init(loop, &h->async, on_async);
    h->async.data = h;
    h->open = rc == 0;
    if (rc < 0)
        uv_mutex_destroy(&h->lock);
    return rc;
}

bool tarn_handoff_put(struct tarn_handoff *h, struct tarn_handoff_node *n)
{
    bool open;

    uv_mutex_lock(&h->lock);
    open = h->open;
    if (open) {
        TAILQ_INSERT_TAIL(&h->nodes, n, link);
        (void)uv_async_send(&h->async); /* under the lock, so that it is not closed meanwhile */
    }
    uv_mutex_unlock(&h->lock);
    return open;
}

void tarn_handoff_close(struct tarn_handoff *h, uv_close_cb on_closed)
{
    uv_mutex_lock(&h->lock);
    h->open = false;
    uv_mutex_unlock(&h->lock);
    deliver(h);
    uv_close((uv_handle_t *)&h->async, on_closed);
}

void tarn_handoff_release(struct tarn_handoff *h)
{
    uv_mutex_destroy(&h->lock);
}
