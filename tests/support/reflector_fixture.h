/* reflector_fixture.h - a reflector between a fake source and a fake store, on a fake clock. */
#ifndef REFLECTOR_FIXTURE_H
#define REFLECTOR_FIXTURE_H

#include "fake_list_watch.h"
#include "fake_objects.h"
#include "fake_runtime.h"
#include "fake_store.h"

#include <tarn/reflector.h>

struct fx {
    struct fake_runtime rt;
    struct fake_list_watch lw;
    struct fake_store store;
    struct tarn_reflector_options o; /* what fx_new made it of */
    struct tarn_reflector *r;
    struct tarn_reflector_report last; /* the newest report; its key is cut off */
    unsigned reports, round_ends, changes;
    unsigned levels[TARN_REPORT_ERROR + 1]; /* reports by level */
};

/* A reflector named "pods" at rest. o: settings on top (list_watch, store, rt, callbacks are filled in); NULL: none. */
struct fx *fx_new(const struct tarn_reflector_options *o);
/* The same, started: its first request is made. */
struct fx *fx_started(const struct tarn_reflector_options *o);
/* Free all; asserts that the store was never misused and no request overlapped another. */
void fx_free(struct fx *f);

/* Milliseconds until the deadline; 0: due; UINT64_MAX: none. */
uint64_t fx_wait(struct fx *f);
/* Do all that is due now. */
void fx_go(struct fx *f);
/* Move the clock to the deadline and do what is due. Returns the milliseconds passed. */
uint64_t fx_next(struct fx *f);
/* Let ms pass, doing what becomes due meanwhile. */
void fx_sleep(struct fx *f, uint64_t ms);
struct tarn_reflector_status fx_status(struct fx *f);
/* The status' resourceVersion; static buffer. */
const char *fx_rv(struct fx *f);

/* Start and list: the store holds what the JSON-free text says, e.g. "a/x@3 a/y@4", at version rv. The watch is asked for. */
void fx_list(struct fx *f, const char *objects, const char *rv);
/* fx_list, and the watch is up. */
void fx_watch(struct fx *f, const char *objects, const char *rv);
/* An event with a pod. */
int fx_event(struct fx *f, enum tarn_watch_event_type type, const char *key, unsigned long rv);
int fx_bookmark(struct fx *f, unsigned long rv, bool end_mark);
int fx_error_event(struct fx *f, int code, const char *reason);
/* The watch ends by itself or is cut. */
void fx_end(struct fx *f);
/* Refused: the server does not listen. */
void fx_refused(struct fx *f);
void fx_items(struct fx *f, const char *objects);
/* The page that was asked for: its items, its end with version rv, more behind cont; and what is due then. */
void fx_page(struct fx *f, const char *objects, const char *rv, const char *cont);

#define FX_LAST(f, text) CU_ASSERT_STRING_EQUAL(fake_last_text(&(f)->lw), text)
#define FX_STORE(f, text) CU_ASSERT_STRING_EQUAL(fake_store_text(&(f)->store), text)

#endif
