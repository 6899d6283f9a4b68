/* reload.h - SIGHUP: read the configuration again, and bring it into force while everything runs.
 *
 * The flags and files are those of the start. A configuration that is wrong is logged and shown in status, the one in force stays.
 * One that cannot be applied now (a list is being applied; old generations at their bound) is tried again until it can, or
 * until another SIGHUP brings a newer one. What needs a restart (the server, paths, logging) is named and left as it is.
 *
 * On the second loop's thread.
 */
#ifndef TARN_AGENT_RELOAD_H
#define TARN_AGENT_RELOAD_H

#include "api.h"
#include "attach_server.h"
#include "ingest.h"

struct tarn_reload {
    uv_loop_t *loop;
    int argc;
    char *const *argv;
    struct tarn_handoff *ingest;
    struct tarn_attach_server **attach; /* NULL there: it is closing */
    struct api **api;                   /* NULL there: none, or it has stopped */
    const struct tarn_config *first;    /* of the start; stays the caller's */
    void (*on_decided)(void *ctx);      /* a SIGHUP's configuration is in force, refused, or waits until it can be */
    void *ctx;
    struct tarn_config *in_force;       /* NULL: first is */
    struct tarn_config *wanted;         /* to be brought into force */
    struct tarn_config *old;            /* which the read API still uses; freed when `change` comes back */
    struct api_change change;
    struct tarn_handoff changed;
    struct tarn_handoff answers;
    struct tarn_ask ask;
    uv_timer_t again;
    bool asking, telling, anew; /* the ingest thread, the read API; anew: SIGHUP came while an answer was on its way */
};

/* The fields up to `ctx` are filled in by the caller and outlive r. 0 or a libuv error. */
int tarn_reload_init(struct tarn_reload *r);
/* SIGHUP. */
void tarn_reload_now(struct tarn_reload *r);
/* Close the handles: when the ingest thread answers no more. */
void tarn_reload_close(struct tarn_reload *r);
/* After the loop has ended. */
void tarn_reload_release(struct tarn_reload *r);

#endif
