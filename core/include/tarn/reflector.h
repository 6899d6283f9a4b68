/* tarn/reflector.h - keeps a store equal to one resource of an API server: LIST, then WATCH, for ever.
 *
 * A state machine without I/O. It asks a `struct tarn_list_watch` for pages and watches, hears the
 * answers through its sink, writes into a `struct tarn_store` and tells by tarn_reflector_deadline_ms
 * when it wants tarn_reflector_on_timer. Requests are started only from on_timer, never from inside a
 * call of the sink; so a driver is:
 *
 *     tarn_reflector_new(&(struct tarn_reflector_options){.name = "pods", .list_watch = lw, .store = s, .rt = rt}, &r, &err);
 *     tarn_reflector_start(r);
 *     arm a timer for tarn_reflector_deadline_ms(r); at it call tarn_reflector_on_timer(r) and arm again;
 *     arm again too whenever on_change was called.
 *
 * or tarn_reflector_run(r) on a thread of the caller's. List items are streamed into replace_begin, _add, _commit
 * of the store: no list is ever held here, and a list that fails half-way leaves the store as it was.
 *
 * Two facts are kept apart: has_synced (a whole list was committed; never false again) and live (the watch is up).
 * Never a hot loop: every request but the next page follows a wait, or an event that can happen at most twice a minute.
 *
 * Threads: the sink, status, deadline_ms, relist, relist_afresh and, during tarn_reflector_run, stop may be called from any thread;
 * start, stop, on_timer and free from one at a time. A lock of the reflector's own is held during calls of the
 * store, of on_report and should_resync, and not during calls of the list_watch and of on_change.
 * Source: client-go tools/cache/reflector.go (ReflectorOptions, ListAndWatch, watchList, handleAnyWatch).
 */
#ifndef TARN_REFLECTOR_H
#define TARN_REFLECTOR_H

#include <tarn/backoff.h>
#include <tarn/list_watch.h>
#include <tarn/resource_version.h>
#include <tarn/runtime.h>
#include <tarn/store.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tarn_reflector;

/* Where we differ from client-go on purpose, and the bit that brings the original back (for replaying its traces). */
enum tarn_reflector_original {
    /* A watch that ends is opened again at once; a very short one (< 1 s, no event) leads to a relist.
     * Ours: open again after a backoff step (none if it lived 30 s); relist after 3 very short ones in a row. */
    TARN_ORIGINAL_REWATCH = 1,
    /* The backoff starts again every 2 min even in an outage. Ours: after 2 min without a wait. */
    TARN_ORIGINAL_BACKOFF_WINDOW = 2,
    /* 410 on a watch: wait a backoff step, then list. Ours: list at once (jitter 1 s), at most twice a minute. */
    TARN_ORIGINAL_GONE_WAITS = 4,
    /* A streaming list that closes early is tried again at once and for ever; 410 to RV "" too.
     * Ours: with backoff, and after 2 such ends, 60 s of silence, 400 or 422 use LIST for 10 min. */
    TARN_ORIGINAL_STREAMING_FOREVER = 8,
    /* An event with an older resourceVersion moves ours back silently, and a restored server, whose watches are silent, is
     * not noticed. Ours: counted, and all is listed again with RV ""; after a disturbed or silent watch, 90 s (doubt_ms) of silence are
     * answered by a LIST of one object at our version, which a server that lies behind it refuses. */
    TARN_ORIGINAL_RV_REWIND = 16,
    /* A store's refusal of an event is only reported; a refusal of one list item fails the list. Ours: an object the
     * store cannot take for its own sake (key, index, transform, size) is skipped and named; when the store is
     * full or memory is out, it is `behind` and all is listed again with backoff. */
    TARN_ORIGINAL_STORE_ERRORS = 32,
    TARN_ORIGINAL_ALL = 63,
};

enum tarn_reflector_phase {
    TARN_REFLECTOR_STOPPED,   /* not started, or stopped */
    TARN_REFLECTOR_WAITING,   /* between requests: see deadline and last_error */
    TARN_REFLECTOR_LISTING,   /* a page is under way */
    TARN_REFLECTOR_STREAMING, /* a streaming list is under way (sendInitialEvents) */
    TARN_REFLECTOR_OPENING,   /* a watch was asked for and has not answered */
    TARN_REFLECTOR_WATCHING,  /* the watch is up */
};

/* Each since tarn_reflector_new. */
struct tarn_reflector_counters {
    uint64_t lists;                  /* LISTs begun (a paged one counts once) */
    uint64_t relists;                /* of those and the streaming ones: begun after the first sync */
    uint64_t list_pages;             /* pages received */
    uint64_t lists_ok;               /* lists (streaming too) committed to the store */
    uint64_t list_items;             /* items in committed lists */
    uint64_t list_ms;                /* sum of the durations of committed lists */
    uint64_t last_list_items;        /* of the newest committed list */
    uint64_t last_list_ms;
    uint64_t list_errors;            /* lists that failed */
    uint64_t expired;                /* 410 answers and ERROR events */
    uint64_t too_large;              /* "too large resource version" answers */
    uint64_t streaming_lists;        /* streaming lists begun */
    uint64_t streaming_fallbacks;    /* rounds that took LIST after a streaming list failed */
    uint64_t watches;                /* watches asked for */
    uint64_t watches_open;           /* of those: established */
    uint64_t short_watches;          /* lived < 1 s without an event */
    uint64_t watch_ms;               /* sum of the lives of ended watches */
    uint64_t watch_errors;           /* not established, or ended by an ERROR event or an undecodable one */
    uint64_t added, modified, deleted, bookmarks; /* events applied */
    uint64_t error_events;           /* ERROR events */
    uint64_t unknown_events;         /* of an unknown type, skipped */
    uint64_t mismatches;             /* events of another apiVersion or kind, or Tables: skipped */
    uint64_t skipped;                /* objects that could not be taken: too large, bad key, index or transform failed */
    uint64_t store_errors;           /* refusals of the store of any kind */
    uint64_t rv_rewinds;             /* resourceVersions that went back */
    uint64_t probes;                 /* lists of one object, to learn whether a silent server was restored from a backup */
    uint64_t resyncs;
    uint64_t waits;                  /* backoff steps taken */
    uint64_t wait_ms;                /* their sum */
};

struct tarn_reflector_status {
    enum tarn_reflector_phase phase;
    bool has_synced;           /* a list was committed (or a checkpoint resumed); once true, always true */
    bool live;                 /* the watch is up, or is being renewed after a normal end */
    bool behind;               /* the store refused something (full, no memory): it lacks changes until the next list */
    bool streaming;            /* streaming lists are in use (wanted, supported, not remembered as failing) */
    struct tarn_rv resource_version; /* the newest the store reflects */
    uint64_t last_event_ms;    /* runtime's clock: last event, bookmark or committed list; 0: none yet */
    uint64_t last_list_ms;     /* runtime's clock: last committed list; 0: none yet */
    uint64_t live_changed_ms;  /* runtime's clock: since when `live` is what it is */
    uint64_t next_ms;          /* phase WAITING: when the next request starts, runtime's clock; else 0 */
    uint32_t failures;         /* failures in a row since the last success */
    uint32_t last_http_code;   /* of last_error, 0: none */
    uint64_t last_error_at_ms; /* runtime's clock */
    struct tarn_error last_error; /* what stands in the way now; code 0 after recovery (the watch is open again) */
    struct tarn_reflector_counters counters;
};

enum tarn_report_level {
    TARN_REPORT_QUIET, /* the usual: an end of stream */
    TARN_REPORT_DEBUG,
    TARN_REPORT_INFO,
    TARN_REPORT_WARNING,
    TARN_REPORT_ERROR,
};

/* Something a person may want to read; the library does not log. */
struct tarn_reflector_report {
    enum tarn_report_level level; /* by the rules of client-go's DefaultWatchErrorHandler where it ends the round */
    bool ends_round;              /* a list or watch ended by it and a wait follows: what client-go's WatchErrorHandler gets */
    uint32_t http_code;           /* 0: none */
    struct tarn_error error;      /* code and text, e.g. "failed to list pods: ..." */
    struct tarn_bytes key;        /* the object it is about, or empty; borrowed during the call */
};

struct tarn_reflector_options {
    struct tarn_list_watch *list_watch; /* borrowed until free */
    struct tarn_store *store;           /* borrowed until free */
    struct tarn_runtime *rt;            /* borrowed until free */
    const char *name;                   /* the resource, for messages: "pods"; NULL: the expected kind or "<unspecified>" */
    const char *expected_api_version;   /* "apps/v1"; NULL or "": any. Watch events of another are skipped. */
    const char *expected_kind;          /* "Deployment"; NULL or "": any */
    uint32_t page_size;                 /* 0: 500, but no limit where a list names a resourceVersion, so that the server's cache may answer */
    bool streaming_list;                /* use streaming lists where the list_watch supports them */
    uint32_t start_delay_ms;            /* the first request waits uniform in [0, this); for many reflectors at once */
    uint32_t min_watch_timeout_s;       /* timeoutSeconds is uniform in [m, 2m); below 300: 300 */
    uint64_t resync_period_ms;          /* call store.resync so often while watching; 0: never */
    uint64_t relist_period_ms;          /* list again so often (jitter 10 %), to heal what nobody noticed; 0: never */
    uint32_t doubt_ms;                  /* of silence after a disturbed or silent watch, ask the server whether it was restored from a backup; 0: 90 s */
    uint64_t internal_error_retry_ms;   /* after an InternalError on the watch open it again, without a list, for so long; 0: list */
    struct tarn_backoff_options backoff;
    uint32_t original;                  /* enum tarn_reflector_original bits */
    /* Warm restart: the store already holds the state of this resourceVersion; begin with a WATCH from it. Empty: LIST. */
    struct tarn_bytes resume_resource_version;

    bool (*should_resync)(void *ctx); /* NULL: yes. Called with the lock held. */
    /* Something to tell; quick, no call into the reflector from here. Of skipped objects ten a minute are told of, the
     * rest is counted. NULL: nobody listens. */
    void (*on_report)(void *ctx, const struct tarn_reflector_report *report);
    /* The deadline or the status may have changed (not called for each event). Any call into the
     * reflector but free is allowed from here. NULL: none. */
    void (*on_change)(void *ctx, struct tarn_reflector *r);
    void *ctx;
};

/*
 * A reflector at rest. Strings are copied. Returns 0, TARN_E_INVAL (a required pointer is missing, a version too
 * long) or TARN_E_NOMEM.
 */
TARN_API TARN_MUST_CHECK int tarn_reflector_new(const struct tarn_reflector_options *options, struct tarn_reflector **ret,
                                                struct tarn_error *err);
/* Stop and free. NULL is allowed. Not while tarn_reflector_run is in progress and not from inside a sink's call. */
TARN_API void tarn_reflector_free(struct tarn_reflector *r);

/* Begin: the deadline is now, or after the start delay. Without effect while running. After a stop it
 * continues with what it had (resourceVersion, has_synced): a list at that version comes first. */
TARN_API void tarn_reflector_start(struct tarn_reflector *r);
/*
 * End at any point: what is under way is cancelled, an unfinished list aborted, the store not called any more when this
 * returns. While tarn_reflector_run is in progress it only asks, and run returns soon.
 */
TARN_API void tarn_reflector_stop(struct tarn_reflector *r);

/* When on_timer is wanted, on the runtime's clock: UINT64_MAX: not at all; <= now: at once. */
TARN_API uint64_t tarn_reflector_deadline_ms(struct tarn_reflector *r);
/* Do what is due; harmless before the deadline. One thread at a time. */
TARN_API void tarn_reflector_on_timer(struct tarn_reflector *r);

/* List again now instead of trusting the watch (a reload, an operator's wish): cancels what is under way. Takes effect at the next on_timer. */
TARN_API void tarn_reflector_relist(struct tarn_reflector *r);

/* As relist, for a server that is another one now: our resourceVersion means nothing to it, so its newest state is asked for, and is the truth. */
TARN_API void tarn_reflector_relist_afresh(struct tarn_reflector *r);

/* Its state and counters now. Any thread. */
TARN_API void tarn_reflector_status(struct tarn_reflector *r, struct tarn_reflector_status *ret);
/* The name in messages; valid as long as r. */
TARN_API const char *tarn_reflector_name(const struct tarn_reflector *r);

/*
 * Start, and do on_timer whenever it is due, on this thread, until tarn_reflector_stop. The list_watch's answers
 * may come on any thread. A stop that came before it began ends it at once. Returns 0 or TARN_E_EXISTS (another
 * thread runs it). Source: Reflector.Run.
 */
TARN_API TARN_MUST_CHECK int tarn_reflector_run(struct tarn_reflector *r);

#ifdef __cplusplus
}
#endif
#endif
