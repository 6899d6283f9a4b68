/* ingest_impl.h - what ingest.c (the loop) and ingest_facts.c (what it says of itself) share. */
#ifndef TARN_AGENT_INGEST_IMPL_H
#define TARN_AGENT_INGEST_IMPL_H

#include <tarn/writer.h>

#include "driver.h"
#include "ingest.h"

/* A client as status names it; the writer knows it by id. */
struct client_note {
    struct client_note *next;
    uint32_t id, uid;
    int32_t pid;
    uint64_t since_ms;
    char program[64];
};

struct realm {
    const struct tarn_config_realm *config;
    struct tarn_writer *writer;
    struct client_note *clients;
    bool more;           /* the collector has more to do at once */
    bool commit_failing; /* as last logged */
    struct tarn_histogram commit_time;
};

struct tarn_ingest {
    const struct tarn_config *config;
    struct tarn_api_server *server;
    struct tarn_runtime *rt;
    uv_loop_t loop;
    uv_thread_t thread;
    struct tarn_pulse pulse;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_timer_t beat;
    uv_idle_t busy; /* active while a collector has more to do */
    struct tarn_handoff questions;
    struct tarn_http *http;
    struct tarn_discovery *discovery;
    struct realm *realms; /* as config->realms */
    unsigned nrealms;
    struct tarn_driver **drivers;
    unsigned ndrivers;
    struct tarn_ask *stop; /* the question that ended it */
    uint64_t started_ms, collected_ms;
    /* how long the loop was busy between two waits */
    uint64_t turn_wall_ns, turn_idle_ns, longest_turn_us, turns;
    struct tarn_histogram turn_time, event_lag;
};

/* All there is to tell of the agent and of the realms that reader may read (NULL: of all), as a copy; NULL when memory is out. */
struct tarn_facts *ingest_facts(struct tarn_ingest *in, const struct tarn_peer *reader);

#endif
