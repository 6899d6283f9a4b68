/* realm.h - a realm: the generation of its region that is written, the older ones that clients still read, and who reads which.
 *
 * A hand-over copies what is there into a new region (another budget, other indexes, no fragmentation, memory that stuck readers
 * do not hold) and moves everything that writes to it. Clients are told and pass over by themselves; a region
 * lives until its last client has left it. So memory of old generations is bounded by their number (`oldGenerations`): at
 * the bound no hand-over is begun. What then happens to one that was asked for is the caller's to say; status names who holds it up.
 *
 * Everything on the ingest thread.
 */
#ifndef TARN_AGENT_REALM_H
#define TARN_AGENT_REALM_H

#include <tarn/takeover.h>

#include "config.h"
#include "histogram.h"
#include "ingest.h"

/* Why a hand-over happened. */
enum realm_reason {
    REALM_RELOAD,  /* another budget, indexes, slots or projections */
    REALM_READERS, /* clients that may not read it any more must not see what comes */
    REALM_STUCK,   /* the ladder: readers hold memory that is needed */
    REALM_COMPACT, /* room enough, but in pieces */
    REALM_REASONS,
};
extern const char *const realm_reason_names[REALM_REASONS];

/* A client as status names it; its writer knows it by id. */
struct client_note {
    struct client_note *next;
    struct tarn_writer *writer; /* of the generation it is attached to */
    uint32_t id, uid;
    int32_t pid;
    uint64_t since_ms;
    char program[64];
};

/* A generation that was superseded and still has clients. */
struct realm_generation {
    struct realm_generation *older;
    struct tarn_writer *writer;
    uint64_t superseded_ms;
};

/* Since the agent started. */
struct realm_counters {
    uint64_t handovers[REALM_REASONS];
    uint64_t handovers_failed, handovers_at_bound; /* did not fit, or another error; not begun because of the bound */
    uint64_t generations_freed;
    uint64_t last_handover_us, longest_handover_us; /* ingestion stood still so long */
    uint64_t last_handover_ms; /* when, runtime's clock; 0: never */
};

struct realm {
    const struct tarn_config *config; /* in force */
    const struct tarn_config_realm *entry;
    struct tarn_runtime *rt;
    void (*writer_goes)(void *ctx, const struct tarn_writer *w);
    void *ctx;
    struct tarn_writer *writer;
    uint64_t kept_generation; /* which the service manager keeps; 0: none */
    struct realm_generation *old; /* newest first */
    unsigned nold;
    struct client_note *clients;
    struct realm_counters counters;
    struct tarn_histogram commit_time;
    struct tarn_error last_error; /* of the newest hand-over that was wanted and did not happen */
    bool more;           /* the collector has more to do at once */
    bool commit_failing; /* as last logged */
    bool full;           /* something waits for room */
    bool pressed;        /* the ladder is above its first step */
    uint64_t full_since_ms, next_try_ms; /* a hand-over for room: not before */
    uint64_t compact_again_ms;           /* how long after a compaction */
    /* of a hand-over that is prepared */
    struct tarn_writer *next;
    struct realm_generation *place; /* for the old one */
    uint64_t next_began_us;
};

struct realm_options {
    struct tarn_runtime *rt;
    const struct tarn_config *config; /* borrowed until realm_configure names another */
    const struct tarn_config_realm *entry;
    uint64_t generation; /* number of its first one */
    struct tarn_writer *seed; /* filled by an earlier agent's state: the realm's from here, also on an error; NULL: begin empty */
    void (*writer_goes)(void *ctx, const struct tarn_writer *w); /* just before it is freed */
    void *ctx;
};

/* What the region of entry is made with. */
struct tarn_writer_options realm_writer_options(struct tarn_runtime *rt, const struct tarn_config *config, const struct tarn_config_realm *entry);

/* An empty region, or the seed. 0 or as tarn_writer_new. */
int realm_new(const struct realm_options *o, struct realm **ret, struct tarn_error *err);
/* Every generation is marked stopped; what clients have mapped stays theirs. NULL is allowed. */
void realm_free(struct realm *r);
/* Another configuration is in force. */
void realm_configure(struct realm *r, const struct tarn_config *config, const struct tarn_config_realm *entry);
uint64_t realm_generation_number(const struct realm *r);

/* ---- clients ----------------------------------------------------------------------------------------------- */

/* a->page is the realm's on success. The client reads the current generation. */
int realm_attach(struct realm *r, struct tarn_ask *a, uint64_t now_ms);
/* It has left; a generation that it was the last to read goes. */
void realm_detach(struct realm *r, uint64_t generation, uint32_t client_id);
/* Clients that read the generation of w. */
unsigned realm_clients_of(const struct realm *r, const struct tarn_writer *w);

/* ---- hand-over ------------------------------------------------------------------------------------------------ */

/* Is there room for one more old generation (or nobody reads the current one, so that none stays)? err says who holds it up. */
bool realm_may_hand_over(const struct realm *r, struct tarn_error *err);
/*
 * Copy into a new generation with the options of config and entry; t says which resources, `from` and same_run are filled in here.
 * Nothing else may happen to the realm until realm_switch or realm_discard. TARN_E_AGAIN (a list is being applied, or the bound of old
 * generations is reached), or as tarn_writer_takeover: then nothing has changed. ret_stores[t->n].
 */
int realm_prepare(struct realm *r, const struct tarn_config *config, const struct tarn_config_realm *entry, const struct tarn_takeover *t,
                  uint16_t *ret_stores, struct tarn_error *err);
/* What was prepared becomes the current generation; the old one is told to its clients and stays as long as they do. After the stores were moved. */
void realm_switch(struct realm *r, enum realm_reason why);
void realm_discard(struct realm *r);

/* ---- turns ---------------------------------------------------------------------------------------------------- */

/* True: readers can see something new. */
bool realm_commit(struct realm *r);
/* Collect; true: there is more to do at once. */
bool realm_collect(struct realm *r);
void realm_heartbeat(struct realm *r);
/* Something waits for room, and the ladder has come down: readers let go of what was needed. True once each time. */
bool realm_is_relieved(struct realm *r, const struct tarn_writer_stats *s);
/* Is a hand-over wanted by the ladder, or, something waiting for room, for compaction? *ret: why. */
bool realm_wants_handover(struct realm *r, const struct tarn_writer_stats *s, enum realm_reason *ret);

/* ---- facts ------------------------------------------------------------------------------------------------------ */

struct realm_facts {
    unsigned old_generations, old_generations_max;
    uint64_t old_bytes;   /* of memory that old generations hold */
    unsigned old_clients; /* who hold it */
    unsigned clients;     /* of all generations */
    bool full;
    uint64_t full_since_ms;
    struct realm_counters counters;
};
void realm_facts(const struct realm *r, struct realm_facts *ret);

#endif
