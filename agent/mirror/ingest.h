/* ingest.h - the ingest loop: the one thread that talks to the API server and alone writes the regions.
 *
 * Each turn of its loop takes what the network brought (within http.h's budget), and then commits: so a snapshot never shows
 * half a turn, and events that came together appear together. Collections, doorbells and clients' pins are looked at here and
 * nowhere else. Everything from outside comes as a question through one handoff.
 */
#ifndef TARN_AGENT_INGEST_H
#define TARN_AGENT_INGEST_H

#include <tarn/attach.h>
#include <tarn/pin.h>

#include "api_counters.h"
#include "api_server.h"
#include "config.h"
#include "facts.h"
#include "handoff.h"
#include "notify.h"
#include "pulse.h"

struct tarn_ingest;
struct tarn_peer;

enum tarn_ask_verb {
    TARN_ASK_ATTACH, /* a client of `realm` with `page` and `socket_fd`: client_id, region_fd ... or error */
    TARN_ASK_DETACH, /* client_id has gone */
    TARN_ASK_STATUS, /* facts, of what `reader` may read */
    TARN_ASK_RELIST, /* list every resource again */
    TARN_ASK_REFRESH, /* read certificates and the token again */
    TARN_ASK_RELOAD, /* config is to be in force (NULL: it was wrong, error says how): error.code 0: it is; TARN_E_AGAIN: ask again later; else nothing has changed */
    TARN_ASK_CHECKPOINT, /* save checkpoints of what has changed now */
    TARN_ASK_STOP,   /* end the loop; answered as the last thing */
};

/* A question and its answer. The asker owns it again when it comes back through `back`. */
struct tarn_ask {
    struct tarn_handoff_node node; /* first: a node is its ask */
    struct tarn_handoff *back;
    enum tarn_ask_verb verb;
    char realm[TARN_REALM_MAX + 1]; /* ATTACH, DETACH: its name */
    const struct tarn_config *config; /* RELOAD: outlives the agent or the next one in force; the one before is not used any more then */
    /* ATTACH */
    struct tarn_pin_page *page; /* the region's writer owns it when error.code is 0 */
    int socket_fd;              /* stays the asker's; open until DETACH is answered */
    uint32_t uid;
    int32_t pid;
    char program[64];
    /* STATUS */
    const struct tarn_peer *reader; /* the asker's, until it is answered; NULL: who may read all */
    /* answers */
    uint32_t client_id;
    int region_fd; /* the writer's: valid until DETACH */
    uint64_t region_bytes, generation;
    uint8_t instance[16];
    struct tarn_facts *facts; /* STATUS: the asker frees them */
    struct tarn_error error;
};

/* Clients turned away, by reason, and those that said that the region is broken: counted by the attach server's thread, told by the ingest thread. Each by itself: relaxed. */
struct tarn_refusals {
    _Atomic uint64_t limit, permission, other, corrupt;
};

#define TARN_HEARTBEAT_MS 250
#define TARN_LEASE_MS 30000 /* how long a held snapshot is safe when memory is short */

/*
 * Make the regions, the reflectors and the thread. config and server outlive it and are only read, but server, which is
 * the thread's own from here. kept[nkept]: what the service manager kept for us; the descriptors are the callee's.
 * What an earlier agent left is served at once (warm.h). TARN_E_* with what could not be made.
 */
int tarn_ingest_start(const struct tarn_config *config, struct tarn_api_server *server, struct tarn_kept *kept, unsigned nkept, struct tarn_ingest **ret,
                      struct tarn_error *err);
/* Where questions go; any thread. */
struct tarn_handoff *tarn_ingest_handoff(struct tarn_ingest *in);
/* The thread's sign of life, a few times in a second. Any thread, until the join. */
const struct tarn_pulse *tarn_ingest_pulse(const struct tarn_ingest *in);
/* Where they are counted; any thread, until join. */
struct tarn_refusals *tarn_ingest_refusals(struct tarn_ingest *in);
/* Where the read API counts; any thread, until join. */
struct api_counters *tarn_ingest_api_counters(struct tarn_ingest *in);
/* After the answer to TARN_ASK_STOP: wait for the thread and free all. */
void tarn_ingest_join(struct tarn_ingest *in);

#endif
