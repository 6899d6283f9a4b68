/* fake_source.h - a small API server in memory with history and faults, as a list_watch (row T-9; after client-go's
 * FakeControllerSource).
 *
 * One change per resourceVersion. LIST shows the state at its version, page by page; WATCH from a version replays what came
 * after it; what is forgotten is answered by 410, what lies in the future by 504 (LIST) or silence (WATCH). Nothing is
 * answered before fake_source_pump, and each answer may be one of the faults, drawn from `seed`.
 */
#ifndef FAKE_SOURCE_H
#define FAKE_SOURCE_H

#include "fake_list_watch.h"
#include "fake_objects.h"
#include "fake_runtime.h"
#include "fake_store.h"

enum fake_fault {
    FAULT_REFUSED,       /* connection refused */
    FAULT_STATUS,        /* 403, 404, 429, 500, 503 or 401 */
    FAULT_CUT,           /* the transfer ends in the middle */
    FAULT_ERROR,         /* another transport error */
    FAULT_UNDECODABLE,   /* a page or event does not parse */
    FAULT_EXPIRED,       /* 410 though we know the version; of a continue token too */
    FAULT_TOO_LARGE,     /* 504 ResourceVersionTooLarge */
    FAULT_SHORT,         /* a watch that ends at once, without an event */
    FAULT_ERROR_EVENT,   /* an ERROR event 410, 429, 500 or 503 */
    FAULT_SILENT,        /* no answer for now; the request stays open */
    FAULT_NO_END_MARK,   /* a streaming list that closes without its mark */
    FAULT_UNSTREAMABLE,  /* 422 to a streaming list */
    FAULT_BAD_START,     /* list() or watch() returns an error */
    FAULTS,
};

#define FAKE_HISTORY_MAX 8192

struct fake_change {
    enum tarn_watch_event_type type;
    const struct tarn_object *obj; /* as it was after the change, or for DELETED before it with the new version */
};

struct fake_source {
    struct tarn_list_watch lw; /* first */
    struct tarn_runtime *rt;
    struct fake_table state;
    unsigned long rv;      /* of the newest change */
    unsigned long floor;   /* changes up to this one are forgotten: a watch from below is 410 */
    struct fake_change history[FAKE_HISTORY_MAX]; /* [rv] */
    struct fake_table *states[FAKE_HISTORY_MAX];  /* [rv]: the state then */
    unsigned uids;
    bool streaming;
    uint64_t seed;
    unsigned fault_per_mille; /* 0: a perfect server */
    unsigned faults[FAULTS];  /* how often each happened */

    struct fake_request q; /* the request under way, while sink is set */
    struct tarn_list_watch_sink *sink;
    bool open, silent;
    unsigned long sent;             /* a watch: told up to this version */
    const struct fake_table *pages; /* what the list under way shows, */
    unsigned long pages_rv;         /* at this version, */
    unsigned pages_id, ids;         /* under this token; 0: tokens are void */
    unsigned requests, first_pages, cancels, overlaps;
};

/* In place; about 130 KiB, so not on the stack. */
void fake_source_init(struct fake_source *s, struct tarn_runtime *rt, uint64_t seed);
void fake_source_release(struct fake_source *s);

/* Change the state: a new or newer object of key; no object of key any more. */
void fake_source_put(struct fake_source *s, const char *key);
void fake_source_delete(struct fake_source *s, const char *key);
/* End the watch and forget the history (T-9 ResetWatch): who watches from an older version gets 410. */
void fake_source_reset_watch(struct fake_source *s);
/* Delete without telling the watch under way (T-9 DeleteDropWatch). */
void fake_source_delete_drop_watch(struct fake_source *s, const char *key);
/* The server is replaced by its own backup of version rv; everything under way is cut. */
void fake_source_restore(struct fake_source *s, unsigned long rv);
/* Answer what is under way as far as one turn goes. Returns false when nothing was done. */
bool fake_source_pump(struct fake_source *s);
/* The state at version rv. */
const struct fake_table *fake_source_state(const struct fake_source *s, unsigned long rv);

#endif
