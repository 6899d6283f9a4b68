/* api_history.h - what happened to the objects of one resource, change by change, within a bound: from it a watch learns what it missed.
 *
 * An entry says which object, what became of it and at which resourceVersion; that is enough, as the object itself is in the region. Only what is
 * not there any more is kept as it was: a deleted object, and a state before a change of something that selectors look at. When these take too
 * many bytes, the states before changes go first (then it is not known whether a selector fitted), then whole entries, the oldest first.
 * The versions before a lost entry are too old.
 *
 * Pure memory. Owns its copies (heap objects).
 */
#ifndef TARN_AGENT_API_HISTORY_H
#define TARN_AGENT_API_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tarn/object.h>

enum api_change_type { API_ADDED, API_MODIFIED, API_DELETED };

struct api_entry {
    uint64_t reached; /* the resourceVersion that is reached with it; it does not fall from entry to entry */
    uint64_t version; /* of the event; not above `reached` */
    uint32_t oid;
    uint8_t type;     /* enum api_change_type */
    bool late;        /* its version was not newer than what had been reached: a watch from exactly there may lack it */
    bool touched;     /* MODIFIED: something that selectors look at is not as it was */
    const struct tarn_object *was; /* DELETED: its final state; touched: the state before, NULL: not kept any more */
};

struct api_history {
    struct api_entry *v; /* ring of cap entries, a power of two */
    size_t cap;
    uint64_t first, next; /* positions */
    uint64_t thin;        /* before it no states before changes are kept */
    size_t bytes, bytes_max, entries_max;
    uint64_t floor; /* the oldest version that a watch can start from */
};

/* Nothing has happened since version floor. */
void api_history_reset(struct api_history *h, uint64_t floor);
void api_history_release(struct api_history *h);
/* Append; e->was is taken in any case. 0 or TARN_E_NOMEM. */
int api_history_add(struct api_history *h, const struct api_entry *e);
/* Must who has seen all up to `version` be told of e? */
static inline bool api_entry_concerns(const struct api_entry *e, uint64_t version)
{
    return e->late ? e->reached >= version : e->reached > version;
}

/*
 * What was missed, object by object, in the order of the history. Of an object that is there now only the last change is told, at its place (LAST). But
 * what may take it out of a selector stands where it happened (TOUCHED, GONE): so who stops anywhere and comes back with the version seen last lacks
 * nothing.
 */
enum api_missed_kind {
    API_MISSED_TOUCHED, /* what selectors see changed */
    API_MISSED_GONE,    /* deleted */
    API_MISSED_LAST,    /* it is there now; this was its last change */
};
struct api_missed {
    uint64_t position; /* in the history */
    uint64_t version;
    uint32_t oid;
    uint32_t object;   /* its place in `there` */
    enum api_missed_kind kind;
    size_t next;       /* the next of the same object, which says what it was after this one; 0: none (LAST, or GONE for good) */
    const struct tarn_object *before; /* TOUCHED: as selectors saw it before, NULL: not known any more; GONE: the final state */
};
struct api_replay {
    struct api_missed *v; /* owns the objects */
    size_t n, cap;
    bool *there;          /* of each object: was it there before the first? */
    size_t nobjects;
};
/* What happened after `version`, which is not below the floor. 0 or TARN_E_NOMEM (then *ret is empty). */
int api_history_since(const struct api_history *h, uint64_t version, struct api_replay *ret);
void api_replay_release(struct api_replay *r);

#endif
