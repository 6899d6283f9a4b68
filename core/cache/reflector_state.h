/* reflector_state.h - the state that the files of the reflector share, and what each calls of the others.
 *
 *     reflector.c        life, lock, timers, waiting, run       reflector_list.c    LIST by pages, what a committed list means
 *     reflector_watch.c  WATCH, events, how a watch ends         watch_list.c        streaming lists
 *     reflector_probe.c  was the server restored from a backup?  reflector_report.c  what went wrong, for status and reader
 *
 * The one idea: between requests the phase is WAITING with a `next` step and a time; everything that can happen
 * ends in tarn_rfl_wait_for(). All functions here are called with r->lock held.
 */
#ifndef TARN_REFLECTOR_STATE_H
#define TARN_REFLECTOR_STATE_H

#include <tarn/pager.h>
#include <tarn/reflector.h>

#include "sync.h"

enum {
    GONE_JITTER_MS = 1000,            /* so that the agents of a cluster do not all list in the same instant */
    SETTLED_MS = 30 * 1000,           /* a watch that lived so long was good; "at once" is once in this time */
    VERY_SHORT_MS = 1000,             /* */
    VERY_SHORT_IN_A_ROW = 3,          /* */
    WATCH_TIMEOUT_MIN_S = 300,        /* 8.2 */
    WATCH_GRACE_MS = 30 * 1000,       /* what the server may be late with ending a watch */
    RETRY_AFTER_MAX_MS = 300 * 1000,  /* no server may silence us longer */
    ON_TIME_MS = 10 * 1000,           /* a watch that ends so near its time ended as planned */
    DOUBT_MS = 90 * 1000,             /* bookmarks come about once a minute */
    PAGE_RETRIES = 10,                /* per list */
    PAGE_RETRY_MS = 1000,             /* after a cut */
    PAGE_RETRY_AFTER_MAX_MS = 60 * 1000, /* a list that must wait longer is begun anew */
    INTERNAL_ERROR_RESET_MS = 60 * 1000, /* */
    TELL_MS = 60 * 1000,              /* in this time ... */
    TELL_OBJECTS = 10,                /* so many objects are named that were skipped; the rest is counted */
    SLOW_LIST_MS = 10 * 1000,         /* 8.2: a list that took longer is reported */
    STREAM_WARN_MS = 10 * 1000,       /* 8.2: a streaming list without news is reported so often */
    STREAM_SILENCE_MS = 60 * 1000,    /* W-7 */
    STREAM_CLOSES = 2,                /* W-7 */
    STREAM_FORBIDDEN_MS = 600 * 1000, /* W-7 */
};

#define NEVER UINT64_MAX

enum step {
    STEP_ROUND, /* list by whatever way is best now */
    STEP_LIST,  /* the first page of a LIST */
    STEP_PAGE,  /* the page the pager wants */
    STEP_STREAM,
    STEP_WATCH,
    STEP_PROBE,
};

/* What went wrong, for the status and the report. */
struct failure {
    const char *what; /* "failed to list", "cannot watch" ... */
    int code;
    enum tarn_report_level level;
    uint32_t http_code;
    uint32_t retry_after_ms;
    struct tarn_bytes text;
};

struct tarn_reflector {
    struct tarn_list_watch_sink sink; /* first: the sink is the reflector */
    struct tarn_reflector_options o;  /* strings point to `text` below or, the resume version, are gone */
    char *text;                       /* name, apiVersion, kind */
    const char *name;
    struct tarn_bytes api_version, kind;

    struct tarn_mutex lock; /* protects all below; outer to every lock of the store */
    struct tarn_cond wake;  /* run waits here for a new deadline or the stop */
    bool running;           /* a thread is in tarn_reflector_run */
    bool stop_asked, relist_asked;
    bool changed;           /* on_change is due when the lock is given back */

    struct tarn_reflector_status st;
    struct tarn_backoff backoff;
    enum step next;  /* phase WAITING: what comes */
    uint64_t due_ms; /* phase WAITING: when */
    uint64_t at_once_ms; /* when an answer "at once" was last given; 0: never */

    struct tarn_pager pager;
    uint32_t limit; /* the page size this round began with */
    uint64_t list_began_ms, list_items;
    uint64_t page_began_items; /* list_items when the page under way was asked for */
    uint32_t page_retries;     /* in this list */
    bool staged;         /* a replace of the store is open */
    bool unavailable;    /* our resourceVersion cannot be served; ask for "" */
    bool retried;        /* this round has already listed again at once */
    bool paginated;      /* the server answers "0" in pages: it has no watch cache */

    struct tarn_rv asked;           /* the version the watch began at */
    uint64_t request_ms;            /* when the watch or streaming list was asked for */
    uint64_t watch_deadline_ms;     /* when it is overdue */
    uint64_t events;                /* it brought, bookmarks included */
    bool open;                      /* its response has begun */
    bool only_added;                /* begun at ""/"0" and nothing but ADDED so far */
    uint32_t short_in_a_row;
    uint64_t first_internal_ms, last_internal_ms; /* R-23; 0: none */

    bool rewound;         /* that the server went back has been counted; the list that shows it is to come */
    bool doubt;           /* the server may be behind us: a watch was disturbed and nothing has come since */
    bool probing;         /* the list under way is the probe */
    uint32_t probe_items;

    uint64_t tell_ms;           /* the begin of the time in which objects are told of; 0: none yet */
    uint32_t told, left_untold; /* in it */

    uint64_t resync_ms, relist_ms; /* when due; NEVER: not armed */

    uint32_t stream_closes;        /* W-7: in a row */
    uint64_t stream_forbidden_ms;  /* no streaming list before this */
    uint64_t stream_silence_ms, stream_warn_ms;
};

/* ---- reflector.c ------------------------------------------------------------------------- */

bool tarn_rfl_is_original(const struct tarn_reflector *r, enum tarn_reflector_original bit);
uint64_t tarn_rfl_now_of(const struct tarn_reflector *r);
/* Uniform in [0, n). */
uint64_t tarn_rfl_random_below(struct tarn_reflector *r, uint32_t n);
void tarn_rfl_wait_for(struct tarn_reflector *r, enum step next, uint64_t delay_ms);
/* Wait one backoff step, at least floor_ms. */
void tarn_rfl_wait_backoff(struct tarn_reflector *r, enum step next, uint32_t floor_ms);
/* Wait next to nothing, if that was not done within SETTLED_MS; else one backoff step. */
void tarn_rfl_wait_little(struct tarn_reflector *r, enum step next);
void tarn_rfl_set_live(struct tarn_reflector *r, bool live);
void tarn_rfl_abort_staging(struct tarn_reflector *r);
void tarn_rfl_enter(struct tarn_reflector *r);
/* Give the lock back during a call of the list_watch; enter takes it again. */
void tarn_rfl_unlock(struct tarn_reflector *r);

/* ---- reflector_report.c ------------------------------------------------------------------ */

/* Remember and report a failure. ends_round: as in struct tarn_reflector_report. */
void tarn_rfl_fail(struct tarn_reflector *r, const struct failure *f, bool ends_round);
/* Tell without consequence for the status. */
void tarn_rfl_report(struct tarn_reflector *r, enum tarn_report_level level, int code, struct tarn_bytes key,
                     const char *fmt, ...) TARN_PRINTF(5, 6);
/* May another object be named in a report now? Thousands of bad ones must not flood a log. */
bool tarn_rfl_may_tell_of_object(struct tarn_reflector *r);
struct failure tarn_rfl_failure_of_end(const char *what, const struct tarn_end *end);
struct failure tarn_rfl_failure_of_status(const char *what, const struct tarn_status *status);
/* What stood in the way is over. */
void tarn_rfl_recovered(struct tarn_reflector *r);

/* ---- reflector_list.c -------------------------------------------------------------------- */

void tarn_rfl_begin_round(struct tarn_reflector *r);
void tarn_rfl_begin_list(struct tarn_reflector *r);
void tarn_rfl_request_page(struct tarn_reflector *r);
/* Open the staging of the store. False: the failure is dealt with. */
bool tarn_rfl_begin_staging(struct tarn_reflector *r);
/* Put one object of a list into the staging. Non-zero: the list has failed and that is dealt with. */
int tarn_rfl_stage(struct tarn_reflector *r, const struct tarn_object *obj);
/* Commit the staging as the state of rv. Non-zero: failed, dealt with. */
int tarn_rfl_commit_list(struct tarn_reflector *r, const struct tarn_rv *rv);
void tarn_rfl_store_failed(struct tarn_reflector *r, const char *what, const struct tarn_error *err);
/* Is it the object's own fault, so that another object may be taken? */
bool tarn_rfl_is_objects_fault(int code);
void tarn_rfl_count_skipped(struct tarn_reflector *r, int code, struct tarn_bytes key, const char *why);
bool tarn_rfl_is_expired(const struct tarn_status *s);
void tarn_rfl_on_list_page(struct tarn_reflector *r, const struct tarn_list_meta *meta);
void tarn_rfl_on_list_failure(struct tarn_reflector *r, const struct tarn_end *end);

/* ---- reflector_watch.c ------------------------------------------------------------------- */

void tarn_rfl_request_watch(struct tarn_reflector *r);
/* Arm what is to happen again and again while watching, unless it is armed. */
void tarn_rfl_arm_periods(struct tarn_reflector *r);
/* Note begin, deadline and timeoutSeconds of a watch or streaming list that starts at rv. */
uint32_t tarn_rfl_begin_stream(struct tarn_reflector *r, const struct tarn_rv *rv);
int tarn_rfl_on_watch_event(struct tarn_reflector *r, enum tarn_watch_event_type type, const struct tarn_object *obj);
void tarn_rfl_on_watch_opened(struct tarn_reflector *r);
void tarn_rfl_on_watch_ended(struct tarn_reflector *r, bool established, const struct tarn_end *end);
/* The stream is over as if it had ended by itself. */
void tarn_rfl_on_watch_cut(struct tarn_reflector *r);
/* Is obj of the expected type? If not it is counted and told. */
bool tarn_rfl_is_expected(struct tarn_reflector *r, const struct tarn_object *obj);
/* Did the stream live so short, without an event? */
bool tarn_rfl_is_very_short(const struct tarn_reflector *r);
/* Count the life of the watch that is over. */
void tarn_rfl_count_life(struct tarn_reflector *r);

/* Our version went back (to rv, or NULL: unknown): list anew. Returns TARN_E_GONE. */
int tarn_rfl_went_back(struct tarn_reflector *r, const struct tarn_rv *rv);

/* ---- reflector_probe.c ------------------------------------------------------------------- */

void tarn_rfl_doubt_if_disturbed(struct tarn_reflector *r);
uint64_t tarn_rfl_doubt_deadline(const struct tarn_reflector *r);
void tarn_rfl_request_probe(struct tarn_reflector *r);
int tarn_rfl_on_probe_item(struct tarn_reflector *r);
void tarn_rfl_on_probe_page(struct tarn_reflector *r, const struct tarn_list_meta *meta);
void tarn_rfl_on_probe_failure(struct tarn_reflector *r, const struct tarn_end *end);

/* ---- watch_list.c ------------------------------------------------------------------------ */

bool tarn_rfl_may_stream(const struct tarn_reflector *r);
void tarn_rfl_request_stream(struct tarn_reflector *r);
int tarn_rfl_on_stream_event(struct tarn_reflector *r, enum tarn_watch_event_type type, const struct tarn_object *obj);
void tarn_rfl_on_stream_ended(struct tarn_reflector *r, bool established, const struct tarn_end *end);
/* Closed without the end mark, by the server or by us. */
void tarn_rfl_on_stream_closed(struct tarn_reflector *r);
void tarn_rfl_on_stream_silent(struct tarn_reflector *r);
void tarn_rfl_warn_of_silence(struct tarn_reflector *r);

#endif
