/* tarn/retry_watcher.h - one watch that goes on over the ends of its streams, and waiting for conditions on events.
 *
 * No list, no store: events from a version on, in order, each once. A state machine without I/O, driven as a reflector is
 * (deadline, on_timer). One thread at a time, no lock. Source: client-go tools/watch (NewRetryWatcher, UntilWithoutRetry).
 */
#ifndef TARN_RETRY_WATCHER_H
#define TARN_RETRY_WATCHER_H

#include <tarn/list_watch.h>
#include <tarn/resource_version.h>
#include <tarn/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_retry_watcher;

struct tarn_retry_watcher_options {
    struct tarn_list_watch *list_watch; /* borrowed until free; only watch and cancel are used */
    struct tarn_runtime *rt;            /* borrowed until free */
    struct tarn_bytes resource_version; /* begin after this one */
    /* An event: ADDED, MODIFIED, DELETED, or as the last one ERROR with a Status. obj is scratch. Bookmarks are kept back.
     * Non-zero: the watcher ends. No call into the watcher but stop from here. */
    int (*on_event)(void *ctx, enum tarn_watch_event_type type, const struct tarn_object *obj);
    /* It has ended by itself: no further event. Once. May be NULL. */
    void (*on_end)(void *ctx);
    void *ctx;
};

/* TARN_E_INVAL: a part is missing, or resource_version is "" or "0", from where nothing can be resumed. TARN_E_NOMEM. */
TARN_API TARN_MUST_CHECK int tarn_retry_watcher_new(const struct tarn_retry_watcher_options *options,
                                                    struct tarn_retry_watcher **ret, struct tarn_error *err);
/* Stop and free. NULL is allowed. Not from inside on_event. */
TARN_API void tarn_retry_watcher_free(struct tarn_retry_watcher *w);
/* When on_timer is wanted, on the runtime's clock; the first time at once. UINT64_MAX: a watch is up, or it is over. */
TARN_API uint64_t tarn_retry_watcher_deadline_ms(const struct tarn_retry_watcher *w);
/* Do what is due: open the watch, or open it again. Harmless before the deadline. One thread at a time. */
TARN_API void tarn_retry_watcher_on_timer(struct tarn_retry_watcher *w);
/* No further event, no on_end. */
TARN_API void tarn_retry_watcher_stop(struct tarn_retry_watcher *w);
/* The version of the newest event or bookmark. */
TARN_API struct tarn_bytes tarn_retry_watcher_resource_version(const struct tarn_retry_watcher *w);

/* ---- conditions that must come true one after the other ------------------------------------------------- */

/* Returns 1: fulfilled; 0: not yet; negative: give up with this error. */
struct tarn_condition {
    int (*fn)(void *ctx, enum tarn_watch_event_type type, const struct tarn_object *obj);
    void *ctx;
};

/* Caller's memory; release it. */
struct tarn_until {
    const struct tarn_condition *conditions; /* borrowed */
    size_t n, fulfilled;
    enum tarn_watch_event_type last_type;
    const struct tarn_object *last; /* the newest event's object, owned; NULL: none came */
};

/* Wait for the n conditions (borrowed) one after the other; none: fulfilled by the first event. */
TARN_API struct tarn_until tarn_until_init(const struct tarn_condition *conditions, size_t n);
/* Give its last object back. {0} is allowed. */
TARN_API void tarn_until_release(struct tarn_until *u);
/*
 * Offer an event to the condition whose turn it is, and as long as they are fulfilled to the next. Returns 1: all are
 * fulfilled; 0: wait for more; a condition's error; TARN_E_NOMEM.
 */
TARN_API TARN_MUST_CHECK int tarn_until_on_event(struct tarn_until *u, enum tarn_watch_event_type type, const struct tarn_object *obj);
/* The stream is closed: 0 if all are fulfilled, else TARN_E_CLOSED (client-go's ErrWatchClosed). */
TARN_API int tarn_until_on_closed(const struct tarn_until *u);

#ifdef __cplusplus
}
#endif
#endif
