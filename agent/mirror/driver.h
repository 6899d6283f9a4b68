/* driver.h - keeps one configured resource mirrored: finds it, then runs its reflector on the loop's clock.
 *
 * A resource is in its region from the start, so that readers see it and why it has nothing yet: first as a
 * placeholder under the configured name, then, once the server says what it is, under its own (`pods`,
 * `deployments.apps`) with kind, short names, indexes and slots. A resource that does not exist yet is looked for with backoff, for ever.
 *
 * Everything on the ingest thread. Changes go into the writer's open transaction; the ingest loop commits.
 */
#ifndef TARN_AGENT_DRIVER_H
#define TARN_AGENT_DRIVER_H

#include <uv.h>

#include <tarn/reflector.h>
#include <tarn/writer.h>

#include "config.h"
#include "discovery.h"
#include "feeds.h"
#include "histogram.h"

struct tarn_driver;

/* What the region holds of the resource from an earlier agent. */
struct tarn_driver_adopt {
    const char *name;             /* canonical; NULL: nothing */
    struct tarn_index_func *indexes; /* of the region's entry; the driver's once it is made */
    unsigned nindexes;
    const char *from;             /* "kept region" or "checkpoint": for messages, static */
    uint64_t age_ms;              /* of that state at the start */
};

struct tarn_driver_options {
    uv_loop_t *loop;
    struct tarn_http *http;
    struct tarn_discovery *discovery;
    struct tarn_writer *writer;
    struct tarn_runtime *rt;
    const struct tarn_config *config;
    const struct tarn_config_resource *resource; /* one of config's */
    const struct tarn_api_server *server;        /* whose URL is part of what the objects are of */
    struct tarn_driver_adopt *adopt; /* read by tarn_driver_new only; NULL, or no name: nothing */
};

/*
 * All pointers are borrowed and outlive it. With something to adopt it is what the server said it is to the earlier agent, and goes on with a
 * WATCH; else the placeholder is added and the search begins with tarn_driver_start.
 */
int tarn_driver_new(const struct tarn_driver_options *o, struct tarn_driver **ret, struct tarn_error *err);
void tarn_driver_start(struct tarn_driver *d);
/* Stop: no request, no call of the writer after this. Before the http and the writer go. */
void tarn_driver_stop(struct tarn_driver *d);
/* After stop; frees when the loop has closed the timer. The store goes at once, so that the writer may be freed. NULL is allowed. */
void tarn_driver_close(struct tarn_driver *d);

/* Take it out of the region; after stop. (close leaves it there: what readers have is the last state.) */
void tarn_driver_leave(struct tarn_driver *d);
/* The name of its realm. */
const char *tarn_driver_realm(const struct tarn_driver *d);

/* Before a commit: write the resource's state into the open transaction if it changed. */
void tarn_driver_publish(struct tarn_driver *d);

/* List it again now, or look for it now. */
void tarn_driver_relist(struct tarn_driver *d);

/* The server is another one, or another way to it. What is served stays, not live, until the new one's list is in place. */
void tarn_driver_server_moved(struct tarn_driver *d);

/* Once a turn, before publish: apply what the region could not take at once. At most about 8 ms. */
enum tarn_feeds_wait tarn_driver_turn(struct tarn_driver *d);
/* The region may have room now: try at once. */
void tarn_driver_relieved(struct tarn_driver *d);

/* ---- another configuration, another generation ------------------------------------------------------------- */

/* Make ready for `to`, which outlives the driver or the next change. 0, TARN_E_INVAL, TARN_E_NOMEM: nothing has changed. */
int tarn_driver_prepare(struct tarn_driver *d, const struct tarn_config *config, const struct tarn_config_resource *to, struct tarn_error *err);
/* Does what was prepared change the region's format (indexes, slots, projection)? */
bool tarn_driver_wants_generation(const struct tarn_driver *d);
/* Is it another resource now (namespaces, apiVersion, realm differ), that a new driver must mirror? */
bool tarn_driver_must_go(const struct tarn_driver *d, const struct tarn_config_resource *to);
/* Is resource number `store` of w this driver's? */
bool tarn_driver_owns(const struct tarn_driver *d, const struct tarn_writer *w, uint16_t store);
/* Make spec, of its entry, what it is to be in the next generation. Borrowed until the change is settled. */
void tarn_driver_spec(const struct tarn_driver *d, struct tarn_writer_resource *spec);
/* An object as the next generation has it; borrowed until the next call. */
int tarn_driver_convert(struct tarn_driver *d, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err);
/* The resource is now number `store` of w, which took the old region over. */
void tarn_driver_moved(struct tarn_driver *d, struct tarn_writer *w, uint16_t store);
/* What was prepared is in force from now on (the watch goes on; only what was never asked for is listed), or forgotten. */
void tarn_driver_settle(struct tarn_driver *d, bool in_force);

/* For status and logs. */
struct tarn_driver_facts {
    const char *name;        /* canonical once found; borrowed until the next turn */
    const char *wanted;      /* as configured */
    const char *realm;
    const char *api_version, *kind; /* "" until found */
    bool found;
    struct tarn_kept_facts deleted;
    uint32_t poll_ms;        /* listed so often; 0: watched */
    struct tarn_feeds *feeds; /* for the state of each namespace; NULL until found */
    uint64_t objects;
    size_t heap_bytes;       /* transcoders and buffers */
    struct tarn_histogram list_time;
    struct tarn_feeds_held held;
    struct tarn_reflector_status status; /* before found: only last_error and failures */
};
void tarn_driver_facts(struct tarn_driver *d, struct tarn_driver_facts *ret);

#endif
