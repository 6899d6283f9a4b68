/* api.h - the read API: Kubernetes' GET, LIST and WATCH, discovery and version, served from the regions to unmodified clients.
 *
 * It has a thread and a loop of its own, driven by an HTTP server (http_server.h) on a Unix socket and/or a TCP address, and reads the regions as any
 * client does (api_realm.h): it never touches a writer, and what it does costs the ingest thread no more than a client does. How a request goes its
 * way, and which file serves it, stands in api_call.h.
 */
#ifndef TARN_AGENT_API_H
#define TARN_AGENT_API_H

#include "config.h"
#include "handoff.h"

struct api;
struct api_counters;

struct api_options {
    const struct tarn_config *config; /* until api_configure names another; its `api` and `server` are used to the end */
    struct tarn_handoff *ingest;      /* where questions go */
    uv_loop_t *loop;                  /* the caller's */
    struct api_counters *counters;
};

/* Serve what the configuration's `api` says, if it says anything: else *ret is NULL. Pointers are borrowed until on_stopped. 0, TARN_E_CONFIG (a
 * certificate that cannot be read), TARN_E_NOMEM or TARN_E_IO. */
int api_start(const struct api_options *o, struct api **ret, struct tarn_error *err);
/* On the caller's loop: nothing is under way any more when on_stopped comes there, and a is free. The ingest thread must answer until then. */
void api_stop(struct api *a, void (*on_stopped)(void *ctx), void *ctx);

/* Another configuration is in force: realms come and go, who may not read on is sent away. */
struct api_change {
    struct tarn_handoff_node node; /* first: a node is its change */
    const struct tarn_config *config;
    struct tarn_handoff *back; /* where it is put when the configuration before is not used any more */
};
/* c is the callee's until it comes back. False: it is stopping, and still uses what it has until it has stopped. */
bool api_configure(struct api *a, struct api_change *c);

#endif
