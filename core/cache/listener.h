/* listener.h - private: one handler and what waits for it.
 *
 * The notifier pushes, one thread delivers; a slow handler delays only itself. What waits is bounded (I-12 [D]): a ring of
 * single notifications up to `limit`; when that is full, everything waiting is folded into one *change* per key, from what
 * the handler last saw to what is true now:
 *
 *     ring   add a@1 · update a@1→a@2 · delete b@7 · add c@3 · ...      every event, in order
 *     folded {a: never seen → a@2}  {b: seen → gone}  {c: ...}           one change per key, oldest first
 *
 * So a handler that falls behind is told less often, never wrongly: no delete is lost, none of what it knows is added
 * twice. Memory is then bounded by the keys that changed. When all changes are delivered the ring is used again.
 */
#ifndef TARN_LISTENER_H
#define TARN_LISTENER_H

#include <tarn/handler.h>
#include <tarn/synctrack.h>

struct tarn_listener;

struct tarn_listener_options {
    struct tarn_event_handler handler;
    size_t limit;                            /* notifications that may wait one by one; SIZE_MAX: as many as come (raw) */
    struct tarn_synctrack_upstream upstream; /* has the informer handed over its initial list? */
    void (*idle)(void *ctx);                 /* all initial adds have been handled; no lock is held; may be NULL */
    void *ctx;
};

struct tarn_listener_counters {
    uint64_t delivered; /* notifications and changes worked off */
    uint64_t handler_errors;
    uint64_t folds; /* times the ring was full */
    size_t waiting;
};

/* Counted: the processor and the registration hold one reference each. */
TARN_MUST_CHECK int tarn_listener_new(const struct tarn_listener_options *o, struct tarn_listener **ret);
void tarn_listener_ref(struct tarn_listener *l);
void tarn_listener_unref(struct tarn_listener *l);

/* Room for n pushes, folding what waits if it must. 0 or TARN_E_NOMEM. The next n pushes then cannot fail, whatever is delivered meanwhile. */
TARN_MUST_CHECK int tarn_listener_reserve(struct tarn_listener *l, size_t n);
/* Queue one notification, for which room was reserved; the objects are referenced. Any thread; the reservations and pushes of
 * one listener come from one at a time. */
void tarn_listener_push_add(struct tarn_listener *l, const struct tarn_object *obj, bool is_in_initial_list);
/* resync: to be told even if nothing changed. */
void tarn_listener_push_update(struct tarn_listener *l, const struct tarn_object *old, const struct tarn_object *obj,
                               bool resync);
/* old: the state before, as in an update; NULL is allowed only without a limit. */
void tarn_listener_push_delete(struct tarn_listener *l, const struct tarn_object *old, const struct tarn_object *obj);

/* Deliver what waits now, on this thread; how many calls were made. Not while tarn_listener_run is in progress. */
size_t tarn_listener_drain(struct tarn_listener *l);
/* Deliver until closed. */
void tarn_listener_run(struct tarn_listener *l);
/* No more pushes are taken. drop: what waits is dropped; else it is still delivered. Wakes tarn_listener_run. */
void tarn_listener_close(struct tarn_listener *l, bool drop);

/* I-39: the upstream has synced and every initial add pushed has been handled. */
bool tarn_listener_has_synced(struct tarn_listener *l);
void tarn_listener_counters(struct tarn_listener *l, struct tarn_listener_counters *ret);

#endif
