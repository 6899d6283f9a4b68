/* sim_world.h - the state of the simulated cluster: resources, their objects, one version counter, and history.
 *
 * Every change takes the next resourceVersion and leaves one event in its resource's ring, with the state before
 * it. The ring is what watches read, and, walked backwards from the present, it is any recent state: a LIST at an
 * exact version or the second page of a paged one needs nothing kept for it. What falls out of the ring is "too old".
 * One thread.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "sim_kind.h"
#include "sim_tree.h"

enum sim_event_type { SIM_ADDED, SIM_MODIFIED, SIM_DELETED };

struct sim_event {
    uint64_t rv;
    enum sim_event_type type;
    bool lost;               /* a fault: no watch may hear of it */
    uint32_t bytes;          /* what it counts for in the ring's budget */
    struct sim_object *obj;  /* the new state; for SIM_DELETED the last one, at the version of the deletion */
    struct sim_object *prev; /* the state before, NULL for SIM_ADDED */
};

/* Somebody who wants to know that a resource has new events (a watch). Lives in its owner. */
struct sim_listener {
    struct sim_listener *prev, *next;
    void (*changed)(struct sim_listener *l);
};

struct sim_resource {
    struct sim_kind kind;
    char name[160];   /* "deployments.apps" */
    char prefix[192]; /* what a single object's text begins with behind the brace: "kind":"Pod","apiVersion":"v1", */
    bool gone;        /* its definition was deleted; kept because watches still point here */
    struct sim_tree tree;
    uint64_t last_rv;   /* of its newest event */
    uint64_t window_rv; /* a watch can begin at this version or later */
    struct sim_event *ring;
    uint64_t ring_cap;        /* a power of two */
    uint64_t ring_first, ring_next; /* sequence numbers: events [first, next) are there, at seq & (cap - 1) */
    uint64_t ring_bytes;
    struct sim_listener listeners; /* list head */
    struct tarn_transcoder *facts_maker; /* made when first needed */
    const struct tarn_object **facts_target; /* where the object that it reads goes */
    struct sim_resource *next;
};

/* A string that lives as long as the world. */
struct sim_string {
    struct sim_string *next;
    char text[];
};

struct sim_world_options {
    uint64_t history_events; /* per resource; 0: 65536 */
    uint64_t history_bytes;  /* per resource; 0: 128 MiB */
    uint64_t seed;
};

struct sim_world {
    struct sim_world_options options;
    struct sim_resource *resources, **resources_tail; /* built-in kinds first */
    uint64_t rv;
    uint64_t changes; /* events ever made */
    uint64_t discovery_generation; /* counts changes of the set of resources */
    bool (*loses)(void *ctx, const struct sim_resource *r); /* is the event being made lost? NULL: never */
    void *loses_ctx;
    struct sim_random random;
    struct sim_string *strings;
};

void sim_world_init(struct sim_world *w, const struct sim_world_options *options);
void sim_world_release(struct sim_world *w);

/* A new resource; kind's strings must outlive it. */
struct sim_resource *sim_world_add_resource(struct sim_world *w, const struct sim_kind *kind);
/* Delete every object of r and serve it no more; r itself stays for the watches that end now. */
void sim_world_end_resource(struct sim_world *w, struct sim_resource *r);
/* By group, version and plural; NULL if there is none (or it is gone). */
struct sim_resource *sim_world_find(struct sim_world *w, const char *group, const char *version, const char *plural);
/* By "pods" or "deployments.apps". */
struct sim_resource *sim_world_find_name(struct sim_world *w, const char *name);
/* By apiVersion and kind, as they stand in an object. */
struct sim_resource *sim_world_find_kind(struct sim_world *w, const char *api_version, const char *kind);

/* Is group served at all, and is it one of custom resources? */
bool sim_world_known_group(struct sim_world *w, const char *group, bool *ret_custom);

/* Take the next version. The change must follow before another version is taken. */
uint64_t sim_world_next_rv(struct sim_world *w);
/* Make o (at the version just taken; the caller keeps its reference) the state under its key, and tell watches. */
void sim_world_store(struct sim_world *w, struct sim_resource *r, struct sim_object *o);
/* Delete key: takes a version by itself. False if there was none. */
bool sim_world_delete(struct sim_world *w, struct sim_resource *r, struct tarn_bytes key);

/* The event at sequence number seq, which must be inside the ring. */
const struct sim_event *sim_resource_event(const struct sim_resource *r, uint64_t seq);
/* The sequence number of the first event newer than rv. O(log ring). */
uint64_t sim_resource_seek(const struct sim_resource *r, uint64_t rv);
/* The state at rv, to be released. False if history does not reach back to it. */
bool sim_resource_at(const struct sim_resource *r, uint64_t rv, struct sim_tree *ret);

/* Forget the history of r (NULL: of all): older watches, exact lists and continue tokens are too old from now on. */
void sim_world_compact(struct sim_world *w, struct sim_resource *r);
/* Go back to an earlier version, as a restored backup does: changes since then never happened, no event tells it.
 * False if the history does not reach back that far; nothing changed then. */
bool sim_world_rewind(struct sim_world *w, uint64_t rv);

/* Append o as a single object stands: with kind and apiVersion. */
void sim_object_render_single(const struct sim_object *o, const struct sim_resource *r, struct tarn_buf *out);

/* What selectors may look at of o: its names, labels and selectable fields. Made once, then kept with o. Borrowed.
 * NULL: o's text cannot be read (it never matches then). */
const struct tarn_object *sim_resource_facts(struct sim_resource *r, struct sim_object *o);

void sim_resource_listen(struct sim_resource *r, struct sim_listener *l);
void sim_listener_remove(struct sim_listener *l);

#endif
