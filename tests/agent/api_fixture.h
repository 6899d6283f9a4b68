/* api_fixture.h - a realm with one resource that a test writes, and the read API's side of it, both on one loop.
 *
 * The writer, its region, attaching and hand-overs are the agent's own (mirror/realm.h); only the reflector is missing: the test puts and deletes
 * what a watch would have brought, and commits with the resourceVersion reached.
 */
#ifndef API_FIXTURE_H
#define API_FIXTURE_H

#include <tarn/region_store.h>

#include "api_hub.h"
#include "api_watch.h"
#include "realm.h"

/* The writer's clock: moved by hand. */
struct world_runtime {
    struct tarn_runtime base;
    uint64_t now_ms, seed;
};

struct api_world {
    struct world_runtime rt;
    uv_loop_t loop;
    struct tarn_config config;
    struct tarn_config_realm entry;
    struct realm *realm;
    struct tarn_handoff ingest;
    uint16_t store_id;
    struct tarn_store *store;
    struct api_realm *api;
    bool closing, closed, other_loop;
    unsigned attaches, detaches;
    bool refuse; /* answer ATTACH with an error */
};

struct api_world_options {
    uint64_t budget;           /* 0: 16 MiB */
    size_t history_bytes, queue_bytes;
    unsigned history_entries;
    const char *resource, *api_version, *kind; /* NULL: pods, v1, Pod */
    bool unsynced;
};

void world_open(struct api_world *w, const struct api_world_options *o);
/* ... with the writer's side on a loop of the caller, who closes w->ingest there before world_close. */
void world_open_on(struct api_world *w, const struct api_world_options *o, uv_loop_t *ingest_loop);
/* Closes the read API's side, without waiting. */
void world_begin_close(struct api_world *w);
/* Closes it and runs the loop until it has let go. */
void world_close(struct api_world *w);

/* A pod in "ns<ns>" called "pod-<n>". uid "" makes "uid-<n>". */
struct world_pod {
    unsigned ns, n;
    uint64_t rv;
    const char *app;   /* label; NULL: none */
    const char *phase; /* status.phase */
    const char *uid;
    unsigned pad;
};
const struct tarn_object *world_pod(const struct world_pod *p);
void world_put(struct api_world *w, const struct world_pod *p);
/* 0 or what the store says. */
int world_try_put(struct api_world *w, const struct world_pod *p);
void world_delete(struct api_world *w, const struct world_pod *p);
/* A whole list, as a relist brings it. */
void world_replace(struct api_world *w, const struct world_pod *pods, unsigned n, uint64_t rv);
/* Commit with this version. */
void world_commit(struct api_world *w, uint64_t rv);
void world_set_version(struct api_world *w, uint64_t rv, bool synced);
/* A planned hand-over; keep false: the resource is a new one there. */
void world_hand_over(struct api_world *w, bool keep);
/* Take the turns that are due. */
void world_run(struct api_world *w);
/* ... until the read API has attached. */
void world_attach(struct api_world *w);

/* ---- a caller ----------------------------------------------------------------------------------------------------- */

struct world_watch {
    struct api_request request;
    struct api_watch *w;
    struct tarn_buf text; /* read, not yet taken */
    size_t taken;
    unsigned woken;
    bool ended;
};
/* WATCH of "/api/v1/..."; 0 or what api_realm_hub or api_watch_new says. */
int world_watch(struct api_world *w, struct world_watch *c, const char *target);
void world_watch_free(struct world_watch *c);

struct world_event {
    char type[16], name[64], app[32], phase[32];
    uint64_t rv;
    int code;          /* of an ERROR */
    bool end_mark;     /* of a BOOKMARK */
    const struct tarn_object *whole; /* the caller's */
};
/* The next event, if there is one now. piece: bytes read at once; 0: many. */
bool world_next(struct world_watch *c, struct world_event *ret, size_t piece);
/* "ADDED pod-1@5 · MODIFIED pod-1@6": all there is now. */
const char *world_events(struct world_watch *c);

#endif
