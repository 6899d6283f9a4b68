/* handoff.h - messages from one loop's thread to another's: a locked list and a uv_async.
 *
 * Each connection owns the one node it can have under way, so the queue is bounded by the number of connections and
 * putting never fails or waits.
 */
#ifndef TARN_AGENT_HANDOFF_H
#define TARN_AGENT_HANDOFF_H

#include <stdbool.h>
#include <sys/queue.h>
#include <uv.h>

struct tarn_handoff_node {
    TAILQ_ENTRY(tarn_handoff_node) link;
};
TAILQ_HEAD(tarn_handoff_nodes, tarn_handoff_node);

struct tarn_handoff {
    uv_mutex_t lock; /* protects nodes and open; nothing else is locked while it is held */
    struct tarn_handoff_nodes nodes;
    bool open;
    uv_async_t async;
    void (*on_node)(void *ctx, struct tarn_handoff_node *n);
    void *ctx;
};

/* On the receiving loop's thread (or before it runs). on_node is called there. 0 or a libuv error. */
int tarn_handoff_init(struct tarn_handoff *h, uv_loop_t *loop, void (*on_node)(void *ctx, struct tarn_handoff_node *n), void *ctx);
/* Any thread. The node belongs to the receiver until it comes back. False: the receiver has closed; the node stays the caller's. */
bool tarn_handoff_put(struct tarn_handoff *h, struct tarn_handoff_node *n);
/* On the receiving thread: take no more. What is queued is delivered first. The memory of h must last until on_closed
 * (NULL: nobody wants to know), whose handle's data is h. */
void tarn_handoff_close(struct tarn_handoff *h, uv_close_cb on_closed);
/* When it is closed and no thread uses it any more. */
void tarn_handoff_release(struct tarn_handoff *h);

#endif
