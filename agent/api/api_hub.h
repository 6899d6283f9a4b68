/* api_hub.h - the changes of one resource of a realm: a history that watches start from, and the watches that are up to date.
 *
 * From turn to turn (api_realm.h) it is told each object that changed, as it was and as it is. Of each it remembers what a watch from before it would
 * have to be told: which object, what became of it, and at which resourceVersion. What was deleted, and what was changed in what
 * selectors look at, is kept as it was, within a bound of bytes; all else is read from the region when a watch starts.
 *
 * A resourceVersion stands for a state of the region: that which a list told it with, or that after the event which carried it. Events come in the order
 * of their versions where the server's did; a change whose version is not newer than what was told before (of several namespaces that are
 * watched each by itself; of an object that got room late) stands at the version reached and is told again to who starts there: a
 * second time is harmless, never would not be.
 *
 * What falls out of the history makes every version before it too old (410). So does a reset.
 */
#ifndef TARN_AGENT_API_HUB_H
#define TARN_AGENT_API_HUB_H

#include "api_history.h"
#include "api_realm.h"

struct api_watch;

/* ---- for api_realm.c --------------------------------------------------------------------------------------------- */

struct api_hub_options {
    struct api_realm *realm;
    struct tarn_bytes name; /* in regions; copied */
    size_t history_bytes, queue_bytes;
    unsigned history_entries;
};

/* It begins at snapshot s, which describes it as info. 0 or TARN_E_NOMEM. */
int api_hub_new(const struct api_hub_options *o, const struct api_snapshot *s, const struct tarn_resource_info *info, struct api_hub **ret);
/* Its watches must be gone. */
void api_hub_free(struct api_hub *h);
/* A change of this turn: one object, as it was before and as it is after a commit, NULL: not there. */
struct api_noted {
    uint64_t seq; /* of the commit; they do not fall */
    uint32_t oid;
    const struct tarn_object *old, *obj;
    uint64_t gone; /* resourceVersion of a deletion, 0: not known */
};
/* 0 or TARN_E_NOMEM. What is part of the state it began with is left out. */
int api_hub_note(struct api_hub *h, const struct api_noted *n);
/* The turn's changes are all noted: `to` is the state from here. Tells them to the watches, and the history. 0, or why all must begin again. */
int api_hub_turn(struct api_hub *h, const struct api_snapshot *from, const struct api_snapshot *to);
/* ... and `to` is the realm's base from here: wakes who was told something, begins what waited for a version. */
void api_hub_turned(struct api_hub *h);
/* Forget all, and begin again at s (NULL: the resource is not there any more). Every watch gets a 410. */
void api_hub_reset(struct api_hub *h, const struct api_snapshot *s);
/* The resource goes on under this number in another generation. */
void api_hub_move(struct api_hub *h, uint16_t store);
/* Once a second or so: bookmarks and timeouts that are due. */
void api_hub_tick(struct api_hub *h, uint64_t now_ms);
struct tarn_bytes api_hub_name(const struct api_hub *h);
/* 0: its resource is not there. */
uint16_t api_hub_store(const struct api_hub *h);
/* Is info the same resource, whatever its number is, and of the same history? Versions that went back are of another: a server that was
 * restored from a backup. */
bool api_hub_goes_on(const struct api_hub *h, const struct tarn_resource_info *info);

/* A watch of a hub of r lives: r does not go before it. In api_realm.c */
void api_realm_hold(struct api_realm *r);
void api_realm_let_go(struct api_realm *r);

/* ---- for whoever looks -------------------------------------------------------------------------------------------- */

struct api_hub_facts {
    unsigned watches;
    uint64_t version;         /* the newest resourceVersion */
    uint64_t floor;           /* the oldest that a watch can start from */
    size_t entries, bytes;    /* of the history */
    uint64_t events, lines;   /* told to watches; texts made for them */
    uint64_t resets, cut;     /* watches that were too slow */
};
void api_hub_facts(const struct api_hub *h, struct api_hub_facts *ret);

#endif
