/* ingest_impl.h - what ingest.c (the loop), ingest_change.c (hand-over, reload) and ingest_facts.c (what it says of itself) share. */
#ifndef TARN_AGENT_INGEST_IMPL_H
#define TARN_AGENT_INGEST_IMPL_H

#include <stdlib.h>

#include <tarn/writer.h>

#include "driver.h"
#include "ingest.h"
#include "realm.h"
#include "saver.h"

/* How the newest reload went. */
struct reload_state {
    uint64_t tried, applied, refused; /* since the agent started */
    uint64_t at_ms;                   /* of the newest; 0: never */
    bool waiting;                     /* it is tried again */
    struct tarn_error error;          /* code 0: it was applied */
};

struct tarn_ingest {
    const struct tarn_config *config; /* in force */
    struct tarn_api_server *server;
    uint64_t server_moves; /* of server->moves: as far as the drivers know */
    struct tarn_runtime *rt;
    uv_loop_t loop;
    uv_thread_t thread;
    struct tarn_pulse pulse;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_timer_t beat, retry;
    uv_idle_t busy; /* active while a collector has more to do, or a list is being applied */
    struct tarn_handoff questions;
    struct tarn_http *http;
    struct tarn_discovery *discovery;
    struct tarn_saver *saver;
    struct tarn_kept *kept; /* at the start only */
    unsigned nkept;
    struct realm **realms; /* as config->realms */
    unsigned nrealms;
    struct tarn_driver **drivers;
    unsigned ndrivers;
    struct reload_state reload;
    struct tarn_refusals refusals;
    struct api_counters api;
    struct tarn_ask *stop; /* the question that ended it */
    uint64_t started_ms, collected_ms, generation_base;
    bool more; /* a collector has more to do at once */
    /* how long the loop was busy between two waits */
    uint64_t turn_wall_ns, turn_idle_ns, turn_cpu_ns, longest_turn_us, longest_turn_cpu_us, turns;
    struct tarn_histogram turn_time, event_lag;
};

/* All there is to tell of the agent and of the realms that reader may read (NULL: of all), as a copy; NULL when memory is out. */
struct tarn_facts *ingest_facts(struct tarn_ingest *in, const struct tarn_peer *reader);

/* ingest.c */
/* seed, adopt: what an earlier agent left; NULL: nothing. */
int ingest_make_realm(struct tarn_ingest *in, const struct tarn_config *config, unsigned i, struct tarn_writer *seed, struct realm **ret, struct tarn_error *err);
int ingest_make_driver(struct tarn_ingest *in, const struct tarn_config *config, unsigned i, struct realm *r, struct tarn_driver_adopt *adopt,
                       struct tarn_driver **ret, struct tarn_error *err);
struct realm *ingest_realm(const struct tarn_ingest *in, const char *name);
/* The configuration in force says what the API server is spared. */
void ingest_limit_requests(struct tarn_ingest *in);
/* The loop stood still for a hand-over: that is counted for itself. */
void ingest_forget_turn(struct tarn_ingest *in);

/* ingest_warm.c */
/* Realms and drivers, going on with what an earlier agent left. */
int ingest_make_all(struct tarn_ingest *in, struct tarn_error *err);
/* The service manager keeps the newest generations, and nothing else of ours. */
void ingest_keep_regions(struct tarn_ingest *in);

/* ingest_change.c */
/* Hand over where the ladder or a full region asks for it. */
void ingest_make_room(struct tarn_ingest *in);
/* The difference between the configuration in force and `to`: all of it or nothing. TARN_E_AGAIN: later (err says why). */
int ingest_reload(struct tarn_ingest *in, const struct tarn_config *to, struct tarn_error *err);
/* Realms or their generations have changed: whoever looks after what comes after this agent is told (its next number, the checkpoints,
 * the service manager). */
void ingest_note_generations(struct tarn_ingest *in);

#endif
