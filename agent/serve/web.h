/* web.h - what the agent tells over HTTP: /metrics, /livez, /readyz, /healthz, /status.json, /history.json and a page for people at /.
 *
 * Runs on the HTTP server's thread. Facts are asked of the ingest thread by one question at a time, which answers all who wait; who waits
 * longer than 5 s is told that the ingest thread does not answer. Every 2 s a sample of the totals is kept, for the page's curves.
 */
#ifndef TARN_AGENT_WEB_H
#define TARN_AGENT_WEB_H

#include "config.h"
#include "handoff.h"
#include "pulse.h"

struct tarn_web;

struct tarn_web_options {
    const struct tarn_config *config;
    struct tarn_handoff *ingest; /* where questions go */
    uv_loop_t *loop;             /* the caller's */
    const struct tarn_pulse *ingest_pulse, *main_pulse;
    const struct tarn_pulse *api_pulse; /* of the read API; one that never beat: there is none */
};

/* Serve what the configuration's `http` says, if it says anything: else *ret is NULL. Pointers are borrowed until on_stopped. 0, TARN_E_NOMEM or TARN_E_IO. */
int tarn_web_start(const struct tarn_web_options *o, struct tarn_web **ret, struct tarn_error *err);
/* On the caller's loop: no question is under way any more when on_stopped comes there, and w is free. */
void tarn_web_stop(struct tarn_web *w, void (*on_stopped)(void *ctx), void *ctx);

#endif
