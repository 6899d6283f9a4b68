/* service.h - the agent as a service of the host: its signs of life to the service manager, and one line of status there.
 *
 * WATCHDOG=1 goes out only while both loops turn, so that a manager restarts an agent whose ingest thread is stuck. Without a manager
 * ($NOTIFY_SOCKET, $WATCHDOG_USEC) nothing is sent; a stuck ingest thread is logged all the same. On the loop of main.c.
 */
#ifndef TARN_AGENT_SERVICE_H
#define TARN_AGENT_SERVICE_H

#include "ingest.h"
#include "pulse.h"

struct tarn_service {
    struct tarn_handoff *ingest;
    const struct tarn_pulse *ingest_pulse;
    struct tarn_pulse pulse; /* of the loop it runs on */
    uv_timer_t tick;
    struct tarn_handoff answers;
    struct tarn_ask ask;
    uint64_t watchdog_ms, asked_ms; /* watchdog_ms 0: none is wanted */
    bool asking, closing, stuck, tells;
    unsigned handles;
    char said[160]; /* the last STATUS */
    void (*on_stopped)(void *ctx);
    void *ctx;
};

/* s is zeroed. 0 or a libuv error. */
int tarn_service_start(struct tarn_service *s, uv_loop_t *loop, struct tarn_handoff *ingest, const struct tarn_pulse *ingest_pulse);
/* on_stopped comes from the loop when no question is under way and the handles are closed. */
void tarn_service_stop(struct tarn_service *s, void (*on_stopped)(void *ctx), void *ctx);
void tarn_service_release(struct tarn_service *s);

#endif
