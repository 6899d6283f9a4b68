/* api_view.h - the objects that a LIST is about, in key order, at one snapshot; and the lists that are held to be gone on with.
 *
 * A view is the walk of what holds them together (one key, an index value, a namespace, the whole resource), sorted once. LISTs of the same
 * snapshot share one. A view that a page was given of is held under a random id, for as long as its snapshot is honoured, at most API_HOLD_MS, and
 * only so many at a time, of so many objects: the oldest go. While nobody reads it, its snapshot is parked: memory that is short comes from it first.
 *
 * Everything on the API thread.
 */
#ifndef TARN_AGENT_API_VIEW_H
#define TARN_AGENT_API_VIEW_H

#include <sys/queue.h>

#include "api_continue.h"
#include "api_realm.h"
#include "api_request.h"

#define API_HOLD_MS 300000u
#define API_HELD_MAX 128u             /* each keeps a pin */
#define API_HELD_OBJECTS_MAX 4000000u /* of all together: 8 bytes each */

struct api_view {
    LIST_ENTRY(api_view) link;
    struct api_realm *realm;
    struct api_snapshot *snapshot; /* a reference */
    const struct tarn_object **v;  /* sorted by key */
    size_t n;
    char resource[TARN_REGION_NAME_MAX + 1];
    uint16_t store;
    int index;                     /* that drove it; -1: none, it holds the whole resource; -2: one key; -3: a namespace without an index */
    char path[TARN_REGION_NAME_MAX + 1]; /* the index's name: "namespace", "spec.nodeName" */
    struct tarn_buf value;
    struct tarn_buf version; /* resourceVersion of the resource at the snapshot */
    unsigned refs;
};

LIST_HEAD(api_view_list, api_view);

struct api_hold {
    TAILQ_ENTRY(api_hold) link;
    struct api_view *view; /* a reference */
    uint8_t id[API_LIST_ID_BYTES];
    uint64_t since_ms;
};

struct api_views {
    struct api_view_list all;
    TAILQ_HEAD(, api_hold) held; /* the oldest first */
    unsigned nheld;
    size_t held_objects;
};

void api_views_init(struct api_views *s);

/*
 * The view of snapshot (its reference stays the caller's) that q needs: found, or made. One reference for the caller. 0, TARN_E_NOMEM, or as
 * tarn_reader_next.
 */
TARN_MUST_CHECK int api_view_of(struct api_views *s, struct api_realm *realm, struct api_snapshot *snapshot, const struct tarn_resource_info *info,
                                const struct api_request *q, struct api_view **ret);
void api_view_unref(struct api_view *v);

/* ---- held ones --------------------------------------------------------------------------------------------- */

/* Hold v (again): its hold, which has an id. NULL: no memory, or no random numbers. */
const struct api_hold *api_views_hold(struct api_views *s, struct api_view *v, uint64_t now_ms);
/*
 * A held view that serves q in this realm and resource, and whose snapshot is still good: that of this id, or (id NULL) one of exactly this
 * resourceVersion. A reference for the caller, or NULL.
 */
struct api_held_ask {
    const struct api_realm *realm;
    const char *resource;
    const struct api_request *q;
    const uint8_t *id;
    struct tarn_bytes version;
};
struct api_view *api_views_find(struct api_views *s, const struct api_held_ask *a);
/* Let go what is too old, what is no longer honoured, and what is of a realm that `keep` does not want; park the others that nobody reads. */
void api_views_sweep(struct api_views *s, uint64_t now_ms, bool (*keep)(void *ctx, const struct api_realm *realm), void *ctx);
void api_views_drop_all(struct api_views *s);

#endif
