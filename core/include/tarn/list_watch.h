/* tarn/list_watch.h - the interface to a source of objects: one LIST page or one WATCH at a time.
 *
 * As client-go's ListerWatcher, but without blocking: list and watch start a request and return; what
 * comes back goes to the sink, in order, one call at a time, until the request ended or cancel was called. A
 * source has at most one request under way. The agent implements it over HTTP, tests with a fake, a user's
 * program with whatever it has.
 *
 * A request ends by on_page or on_list_failed, or by on_watch_end; or, if the sink returned non-zero, by that:
 * the source then drops the request and calls nothing more for it. A reflector never starts or
 * cancels a request from inside a call of its sink. Source: client-go tools/cache/listwatch.go.
 */
#ifndef TARN_LIST_WATCH_H
#define TARN_LIST_WATCH_H

#include <tarn/object.h>
#include <tarn/status.h>
#include <tarn/transcode.h>

#ifdef __cplusplus
extern "C" {
#endif

enum tarn_watch_event_type {
    TARN_WATCH_ADDED,
    TARN_WATCH_MODIFIED,
    TARN_WATCH_DELETED,
    TARN_WATCH_BOOKMARK,
    TARN_WATCH_ERROR,
    TARN_WATCH_UNKNOWN,
};

/* What a LIST page and a WATCH ask for (metav1.ListOptions). Empty strings are left out of the request. */
struct tarn_list_options {
    struct tarn_bytes resource_version, resource_version_match, cont;
    struct tarn_bytes label_selector, field_selector; /* set by a modifier or the source, never by the reflector */
    uint32_t limit;                                   /* 0: none */
};

struct tarn_watch_options {
    struct tarn_bytes resource_version, resource_version_match;
    struct tarn_bytes label_selector, field_selector;
    uint32_t timeout_s; /* timeoutSeconds of the request */
    bool allow_bookmarks, send_initial_events;
};

/* How a request failed or a watch ended, below or beside HTTP. */
enum tarn_end_reason {
    TARN_END_NORMAL,       /* the response ended as it should, or was cut mid-stream or by a watchdog */
    TARN_END_REFUSED,      /* connection refused */
    TARN_END_STATUS,       /* an error Status: see status */
    TARN_END_UNDECODABLE,  /* a page or an event did not parse */
    TARN_END_ERROR,        /* any other: DNS, TLS, timeout, memory ...: see error */
};

struct tarn_end {
    enum tarn_end_reason reason;
    const struct tarn_status *status; /* TARN_END_STATUS: borrowed during the call */
    const struct tarn_error *error;   /* else what happened; may be NULL for NORMAL */
    uint32_t retry_after_ms;          /* the server's Retry-After, 0: none */
};

/* The receiving side: a reflector. Calls come one at a time. */
struct tarn_list_watch_sink {
    /* An item of the page under way; scratch, valid during the call. Non-zero: the request is over. */
    int (*on_item)(struct tarn_list_watch_sink *s, const struct tarn_object *obj);
    /* An item or event that had to be skipped (too large, bad key): counted and named, the request goes on. */
    void (*on_skipped)(struct tarn_list_watch_sink *s, int code, struct tarn_bytes key);
    /* The page is complete. */
    void (*on_page)(struct tarn_list_watch_sink *s, const struct tarn_list_meta *meta);
    void (*on_list_failed)(struct tarn_list_watch_sink *s, const struct tarn_end *end);
    /* The watch is established: response headers with a 2xx came. */
    void (*on_watch_open)(struct tarn_list_watch_sink *s);
    /* An event; for TARN_WATCH_ERROR obj is the Status. Scratch. Non-zero: the request is over. */
    int (*on_event)(struct tarn_list_watch_sink *s, enum tarn_watch_event_type type, const struct tarn_object *obj);
    /* The watch is over or could not be established (established says which). */
    void (*on_watch_end)(struct tarn_list_watch_sink *s, bool established, const struct tarn_end *end);
};

struct tarn_list_watch;

struct tarn_list_watch_ops {
    /* Start one LIST page; 0 (the sink will hear of it, or has heard already) or a negative error (it will not).
     * o and what it points to are borrowed until the sink is called or list returns. */
    int (*list)(struct tarn_list_watch *lw, const struct tarn_list_options *o, struct tarn_list_watch_sink *sink);
    int (*watch)(struct tarn_list_watch *lw, const struct tarn_watch_options *o, struct tarn_list_watch_sink *sink);
    /* Drop what is under way, if anything; when this returns no call comes any more. May be called from inside a sink's call. */
    void (*cancel)(struct tarn_list_watch *lw);
    /* Optional: does this source know streaming lists (sendInitialEvents)? NULL: no. A quick answer, no call into the sink. */
    bool (*supports_streaming_list)(struct tarn_list_watch *lw);
};

struct tarn_list_watch {
    const struct tarn_list_watch_ops *ops;
};

/* ---- a source from functions, and one that changes another's requests ---------------------- */

/* As client-go's ListWatch{ListFunc, WatchFunc}. Each member as in tarn_list_watch_ops. */
struct tarn_list_watch_funcs {
    int (*list)(void *ctx, const struct tarn_list_options *o, struct tarn_list_watch_sink *sink);
    int (*watch)(void *ctx, const struct tarn_watch_options *o, struct tarn_list_watch_sink *sink);
    void (*cancel)(void *ctx);
    bool streaming_list; /* the source knows sendInitialEvents */
    void *ctx;
};

/* Caller's memory, used as &x.lw; nothing to release. */
struct tarn_func_list_watch {
    struct tarn_list_watch lw; /* first */
    struct tarn_list_watch_funcs funcs;
};

/* A list_watch over funcs, which are copied; their ctx is borrowed as long as it is used. */
TARN_API struct tarn_func_list_watch tarn_func_list_watch_init(const struct tarn_list_watch_funcs *funcs);

/*
 * Every request of `inner` with selectors, or with whatever modify changes. Source: client-go NewListWatchFromClient (the
 * field selector), NewFilteredListWatchFromClient (the modifier). Resource and namespace are the inner source's. Caller's
 * memory, used as &x.lw; what its members point to is borrowed as long as it is used.
 */
struct tarn_filtered_list_watch {
    struct tarn_list_watch lw; /* first; by tarn_filtered_list_watch_init */
    struct tarn_list_watch *inner;
    struct tarn_bytes label_selector, field_selector; /* empty: as the request has them */
    /* Sees and may change the options of each request, selectors included; one of list and watch is NULL. NULL: none. */
    void (*modify)(void *ctx, struct tarn_list_options *list, struct tarn_watch_options *watch);
    void *ctx;
};

/* One over inner (borrowed) that changes nothing yet: set its selectors or modify. */
TARN_API struct tarn_filtered_list_watch tarn_filtered_list_watch_init(struct tarn_list_watch *inner);

#ifdef __cplusplus
}
#endif
#endif
