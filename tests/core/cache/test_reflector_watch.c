/* The reflector's watch: rows ... and numbers of 8.2. */
#include "reflector_fixture.h"

#include <string.h>

#include "tarn_test.h"

/* ---- the request --------------------------------------------------------------------------- */

/* our version, bookmarks, no initial events */
static void a_watch_begins_at_our_version_with_bookmarks(void)
{
    struct fx *f = fx_new(NULL);

    fx_list(f, "a/x@3", "10");
    FX_LAST(f, "WATCH rv=10");
    CU_ASSERT(fake_last(&f->lw)->bookmarks);
    CU_ASSERT_FALSE(fake_last(&f->lw)->initial_events);
    CU_ASSERT_STRING_EQUAL(fake_last(&f->lw)->match, "");
    fx_free(f);
}

/* 8.2, TestWatchTimeout: whole seconds, uniform in [300, 600), or in [m, 2m) for m above 5 min */
static void the_watch_timeout_is_drawn_from_m_to_2m(void)
{
    static const struct {
        uint32_t min_s, low, high;
    } rows[] = {{0, 300, 599}, {1, 300, 599}, {299, 300, 599}, {1000, 1000, 1999}};

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fx *f = fx_new(&(struct tarn_reflector_options){.min_watch_timeout_s = rows[i].min_s});

        fx_list(f, "", "10");
        CU_ASSERT_EQUAL(fake_last(&f->lw)->timeout_s, rows[i].low);
        fake_open(&f->lw);
        f->rt.now_ms += 60000;
        fx_end(f);
        f->rt.fixed = UINT64_MAX;
        fx_go(f);
        CU_ASSERT_EQUAL(fake_last(&f->lw)->timeout_s, rows[i].high);
        fx_free(f);
    }
}

/* a watch that outlives its time by 30 s is cut and opened again; the clock starts before the request */
static void an_overdue_watch_is_cut_and_opened_again(void)
{
    struct fx *f = fx_new(NULL);

    fx_list(f, "", "10");
    f->rt.now_ms += 20000; /* a proxy holds the headers back */
    fake_open(&f->lw);
    CU_ASSERT_EQUAL(fx_wait(f), 300000 + 30000 - 20000);
    CU_ASSERT_EQUAL(fx_event(f, TARN_WATCH_ADDED, "a/x", 12), 0);
    (void)fx_next(f);
    CU_ASSERT_EQUAL(f->lw.cancels, 1);
    FX_LAST(f, "WATCH rv=12");
    CU_ASSERT_EQUAL(fx_status(f).counters.watch_ms, 330000);
    f->rt.now_ms += 1000;
    CU_ASSERT_EQUAL(fx_wait(f), 29000); /* the renewal is called live no longer */
    (void)fx_next(f);
    CU_ASSERT_EQUAL(fx_wait(f), 300000); /* never opened: cut as well */
    f->rt.now_ms += 300000;
    tarn_reflector_on_timer(f->r);
    CU_ASSERT_EQUAL(fx_next(f), 800);
    FX_LAST(f, "WATCH rv=12");
    CU_ASSERT_EQUAL(fx_status(f).counters.lists, 1);
    fx_free(f);
}

/* ---- events ------------------------------------------------------------------------------------- */

/* ADDED, MODIFIED, DELETED, BOOKMARK to the store; our version follows every event */
static void events_go_to_the_store_and_move_our_version(void)
{
    struct fx *f = fx_new(NULL);
    struct tarn_reflector_status s;

    fx_watch(f, "a/x@3 a/y@4", "10");
    f->store.log[0] = '\0';
    f->rt.now_ms += 77;
    CU_ASSERT_EQUAL(fx_event(f, TARN_WATCH_ADDED, "a/z", 11), 0);
    CU_ASSERT_STRING_EQUAL(fx_rv(f), "11");
    CU_ASSERT_EQUAL(fx_event(f, TARN_WATCH_MODIFIED, "a/x", 12), 0);
    CU_ASSERT_EQUAL(fx_event(f, TARN_WATCH_DELETED, "a/y", 13), 0);
    CU_ASSERT_STRING_EQUAL(f->store.log, "add:a/z@11 update:a/x@12 delete:a/y@13");
    FX_STORE(f, "a/x@12 a/z@11");
    CU_ASSERT_EQUAL(fx_bookmark(f, 20, false), 0);
    CU_ASSERT_STRING_EQUAL(fx_rv(f), "20");
    CU_ASSERT_STRING_EQUAL(f->store.rv, "20"); /* the store's optional hook */
    s = fx_status(f);
    CU_ASSERT(s.counters.added == 1 && s.counters.modified == 1 && s.counters.deleted == 1 && s.counters.bookmarks == 1);
    CU_ASSERT_EQUAL(s.last_event_ms, f->rt.now_ms);
    fx_free(f);
}

/* the hook is optional */
static void a_store_without_the_bookmark_hook_does(void)
{
    struct fx *f = fx_new(NULL);
    struct tarn_store_ops ops = *f->store.store.ops;

    ops.bookmark = NULL;
    f->store.store.ops = &ops;
    fx_watch(f, "", "10");
    CU_ASSERT_EQUAL(fx_bookmark(f, 20, false), 0);
    CU_ASSERT_STRING_EQUAL(fx_rv(f), "20");
    CU_ASSERT_EQUAL(fx_bookmark(f, 21, true), 0); /* the end mark of a streaming list means nothing here */
    CU_ASSERT_STRING_EQUAL(fx_rv(f), "21");
    fx_free(f);
}

/* an unknown type is told, and its version counts */
static void an_unknown_event_type_is_told(void)
{
    struct fx *f = fx_new(NULL);

    fx_watch(f, "", "10");
    CU_ASSERT_EQUAL(fx_event(f, TARN_WATCH_UNKNOWN, "a/x", 12), 0);
    CU_ASSERT_EQUAL(fx_status(f).counters.unknown_events, 1);
    CU_ASSERT_STRING_EQUAL(fx_rv(f), "12");
    FX_STORE(f, "");
    CU_ASSERT_EQUAL(f->levels[TARN_REPORT_WARNING], 1);
    fx_free(f);
}

/* a stream begun at "" first tells all there is, in any order: our version waits for something else */
static void a_stream_from_nowhere_does_not_move_our_version_by_added(void)
{
    struct fx *f = fx_new(NULL);

    fx_watch(f, "", "");
    CU_ASSERT_EQUAL(fx_event(f, TARN_WATCH_ADDED, "a/x", 12), 0);
    CU_ASSERT_EQUAL(fx_event(f, TARN_WATCH_ADDED, "a/y", 5), 0);
    CU_ASSERT_STRING_EQUAL(fx_rv(f), "");
    FX_STORE(f, "a/x@12 a/y@5");
    CU_ASSERT_EQUAL(fx_event(f, TARN_WATCH_MODIFIED, "a/x", 13), 0);
    CU_ASSERT_STRING_EQUAL(fx_rv(f), "13");
    CU_ASSERT_EQUAL(fx_event(f, TARN_WATCH_ADDED, "a/z", 14), 0);
    CU_ASSERT_STRING_EQUAL(fx_rv(f), "14");
    fx_free(f);
}

/* R-20 [D], section 15: an older version: counted, told, all listed again with "" */
static void a_version_that_goes_back_leads_to_a_list_without_version(void)
{
    struct fx *f = fx_new(NULL);

    fx_watch(f, "a/x@90", "100");
    CU_ASSERT(fx_event(f, TARN_WATCH_MODIFIED, "a/x", 50) < 0);
    FX_STORE(f, "a/x@90");
    CU_ASSERT_EQUAL(fx_status(f).counters.rv_rewinds, 1);
    CU_ASSERT_FALSE(fx_status(f).live);
    CU_ASSERT_EQUAL(f->last.level, TARN_REPORT_WARNING);
    CU_ASSERT_EQUAL(fx_next(f), 0);
    FX_LAST(f, "LIST rv= limit=500");
    fx_page(f, "a/x@50", "51", "");
    FX_STORE(f, "a/x@50");
    CU_ASSERT_EQUAL(fx_status(f).counters.rv_rewinds, 1); /* the same one, seen again */
    FX_LAST(f, "WATCH rv=51");
    fake_open(&f->lw);
    CU_ASSERT(fx_bookmark(f, 40, false) < 0); /* once more at once: a step of backoff now */
    CU_ASSERT_EQUAL(fx_wait(f), 800);
    CU_ASSERT_EQUAL(fx_status(f).counters.rv_rewinds, 2);
    fx_free(f);
}

static void the_same_version_twice_is_no_step_back(void)
{
    struct fx *f = fx_new(NULL);

    fx_watch(f, "", "100");
    CU_ASSERT_EQUAL(fx_bookmark(f, 100, false), 0);
    CU_ASSERT_EQUAL(fx_bookmark(f, 100, false), 0);
    CU_ASSERT_EQUAL(fx_status(f).counters.rv_rewinds, 0);
    fx_free(f);
}

/* decision H, R-20 [V]: the original moves back silently */
static void originally_a_version_may_go_back(void)
{
    struct fx *f = fx_new(&(struct tarn_reflector_options){.original = TARN_ORIGINAL_RV_REWIND});

    fx_watch(f, "a/x@90", "100");
    CU_ASSERT_EQUAL(fx_event(f, TARN_WATCH_MODIFIED, "a/x", 50), 0);
    CU_ASSERT_STRING_EQUAL(fx_rv(f), "50");
    FX_STORE(f, "a/x@50");
    fx_free(f);
}

/* R-20, ours: what one object does wrong is skipped and named; the rest goes on */
static void an_object_the_store_cannot_take_is_skipped_and_named(void)
{
    struct fx *f = fx_new(NULL);

    fx_watch(f, "", "10");
    f->store.refuse[FAKE_STORE_ADD] = TARN_E_INDEX;
    f->store.refuse_key = "a/bad";
    CU_ASSERT_EQUAL(fx_event(f, TARN_WATCH_ADDED, "a/bad", 11), 0);
    CU_ASSERT_EQUAL(fx_event(f, TARN_WATCH_ADDED, "a/x", 12), 0);
    FX_STORE(f, "a/x@12");
    CU_ASSERT_EQUAL(fx_status(f).counters.store_errors, 1);
    CU_ASSERT_EQUAL(fx_status(f).counters.skipped, 1);
    CU_ASSERT_STRING_EQUAL(fx_rv(f), "12");
    CU_ASSERT_PTR_NOT_NULL(strstr(f->last.error.message, "a/bad"));
    fx_free(f);
}

/* A full store must not lose an event silently: behind, a wait, and a list that brings it */
static void a_full_store_is_behind_until_the_next_list(void)
{
    static const enum fake_store_call calls[] = {FAKE_STORE_ADD, FAKE_STORE_UPDATE, FAKE_STORE_DELETE};

    for (unsigned i = 0; i < 3; i++) {
        struct fx *f = fx_new(NULL);

        fx_watch(f, "a/x@3", "10");
        f->store.refuse[calls[i]] = i ? TARN_E_NOMEM : TARN_E_FULL;
        f->store.refusals[calls[i]] = 1;
        CU_ASSERT(fx_event(f, (enum tarn_watch_event_type)(TARN_WATCH_ADDED + i), "a/x", 11) < 0);
        CU_ASSERT(fx_status(f).behind);
        CU_ASSERT_FALSE(fx_status(f).live);
        CU_ASSERT_EQUAL(fx_status(f).counters.store_errors, 1);
        CU_ASSERT_STRING_EQUAL(fx_rv(f), "10"); /* before the event that was refused */
        CU_ASSERT_EQUAL(f->last.level, TARN_REPORT_ERROR);
        CU_ASSERT_EQUAL(f->round_ends, 1);
        CU_ASSERT_EQUAL(fx_next(f), 800);
        FX_LAST(f, "LIST rv=10 limit=0");
        fx_items(f, "a/y@12");
        fake_page_end(&f->lw, "12", "");
        CU_ASSERT_FALSE(fx_status(f).behind);
        FX_STORE(f, "a/y@12");
        fx_free(f);
    }
}

/* Many bad objects: ten are named in a minute, the rest is counted, and how many they were is told later */
static void many_skipped_objects_do_not_flood_the_log(void)
{
    struct fx *f = fx_new(NULL);

    fx_watch(f, "", "10");
    f->store.refuse[FAKE_STORE_ADD] = TARN_E_INDEX;
    for (unsigned long i = 0; i < 30; i++)
        CU_ASSERT_EQUAL(fx_event(f, TARN_WATCH_ADDED, "a/bad", 11 + i), 0);
    CU_ASSERT_EQUAL(fx_status(f).counters.skipped, 30);
    CU_ASSERT_EQUAL(f->levels[TARN_REPORT_WARNING], 10);
    f->rt.now_ms += 60000;
    f->store.refuse[FAKE_STORE_ADD] = 0;
    CU_ASSERT_EQUAL(fake_event(&f->lw, TARN_WATCH_UNKNOWN, fake_pod("a/odd", "u", 50)), 0);
    CU_ASSERT_EQUAL(f->levels[TARN_REPORT_WARNING], 12); /* "20 more", and this one */
    fx_free(f);
}

static int refuse_bookmark(struct tarn_store *s, struct tarn_bytes rv)
{
    (void)s;
    (void)rv;
    return TARN_E_FULL;
}

/* a bookmark that the store cannot note loses nothing */
static void a_store_that_cannot_note_a_bookmark_is_not_behind(void)
{
    struct fx *f = fx_new(NULL);
    struct tarn_store_ops ops = *f->store.store.ops;

    ops.bookmark = refuse_bookmark;
    f->store.store.ops = &ops;
    fx_watch(f, "", "10");
    CU_ASSERT_EQUAL(fx_bookmark(f, 20, false), 0);
    CU_ASSERT_FALSE(fx_status(f).behind);
    CU_ASSERT_STRING_EQUAL(fx_rv(f), "20");
    CU_ASSERT_EQUAL(fx_status(f).counters.store_errors, 1);
    fx_free(f);
}

/* decision H: the original only tells */
static void originally_a_full_store_loses_the_event(void)
{
    struct fx *f = fx_new(&(struct tarn_reflector_options){.original = TARN_ORIGINAL_STORE_ERRORS});

    fx_watch(f, "", "10");
    f->store.refuse[FAKE_STORE_ADD] = TARN_E_FULL;
    CU_ASSERT_EQUAL(fx_event(f, TARN_WATCH_ADDED, "a/x", 11), 0);
    CU_ASSERT_STRING_EQUAL(fx_rv(f), "11");
    CU_ASSERT_EQUAL(fx_status(f).phase, TARN_REFLECTOR_WATCHING);
    fx_free(f);
}

/* ---- the expected type ----------------------------------------------------------------------- */

static const struct tarn_object *typed(const char *api_version, const char *kind)
{
    return fake_object("{\"apiVersion\":\"%s\",\"kind\":\"%s\",\"metadata\":{\"name\":\"x\",\"namespace\":\"a\",\"resourceVersion\":\"12\"}}",
                       api_version, kind);
}

/* another type is skipped: not stored, not counted, its version not recorded; bookmarks are checked too */
static void events_of_another_type_are_skipped(void)
{
    static const struct {
        const char *want_version, *want_kind, *version, *kind;
        bool taken;
    } rows[] = {{NULL, NULL, "v1", "Pod", true},
                {NULL, NULL, "anything/v9", "Thing", true},
                {NULL, NULL, "meta.k8s.io/v1", "Table", false},
                {NULL, NULL, "furniture.example/v1", "Table", true},
                {"v1", "Pod", "v1", "Pod", true},
                {"v1", "Pod", "v2", "Pod", false},
                {"v1", "Pod", "v1", "Service", false},
                {"apps/v1", NULL, "apps/v1", "Deployment", true},
                {"apps/v1", "", "apps/v2", "Deployment", false},
                {"", "Deployment", "apps/v2", "Deployment", true},
                {NULL, "Deployment", "apps/v1", "StatefulSet", false}};

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int bookmark = 0; bookmark < 2; bookmark++) {
            struct fx *f = fx_new(&(struct tarn_reflector_options){.expected_api_version = rows[i].want_version,
                                                                   .expected_kind = rows[i].want_kind});

            fx_watch(f, "", "10");
            CU_ASSERT_EQUAL(fake_event(&f->lw, bookmark ? TARN_WATCH_BOOKMARK : TARN_WATCH_ADDED,
                                       typed(rows[i].version, rows[i].kind)),
                            0);
            CU_ASSERT_STRING_EQUAL(fx_rv(f), rows[i].taken ? "12" : "10");
            CU_ASSERT_EQUAL(fx_status(f).counters.mismatches, !rows[i].taken);
            CU_ASSERT_EQUAL(f->levels[TARN_REPORT_WARNING], !rows[i].taken);
            CU_ASSERT_EQUAL(f->store.now.n, rows[i].taken && !bookmark);
            fx_end(f); /* skipped events do not count, so this one was very short */
            CU_ASSERT_EQUAL(fx_status(f).counters.short_watches, !rows[i].taken);
            fx_free(f);
        }
    }
}

/* the items of a list are not checked: they carry no type */
static void items_of_a_list_are_not_checked(void)
{
    struct fx *f = fx_new(&(struct tarn_reflector_options){.expected_kind = "Service"});

    fx_list(f, "a/x@3", "10");
    FX_STORE(f, "a/x@3");
    CU_ASSERT_EQUAL(fx_status(f).counters.mismatches, 0);
    fx_free(f);
}

/* ---- establishment -------------------------------------------------------------------------------------- */

/* refused or 429: a step of backoff, the same version, no list, for ever */
static void a_refused_watch_is_opened_again_without_a_list(void)
{
    static const uint64_t waits[] = {800, 1600, 3200, 6400, 12800, 25600, 30000};

    for (int throttled = 0; throttled < 2; throttled++) {
        struct fx *f = fx_new(NULL);

        fx_list(f, "a/x@3", "10");
        for (unsigned i = 0; i < 7; i++) {
            if (throttled)
                fake_watch_status(&f->lw, false, 429, i % 2 ? "TooManyRequests" : "SomethingElse");
            else
                fx_refused(f);
            CU_ASSERT_FALSE(fx_status(f).live);
            CU_ASSERT_EQUAL(f->round_ends, 0);
            CU_ASSERT_EQUAL(fx_next(f), waits[i]);
            FX_LAST(f, "WATCH rv=10");
        }
        CU_ASSERT_EQUAL(fx_status(f).counters.lists, 1);
        CU_ASSERT_EQUAL(fx_status(f).counters.watch_errors, 7);
        fx_free(f);
    }
}

/* anything else ends the round: told, a wait, a list at our version; 403, 404, 503 are not final */
static void another_refusal_of_a_watch_leads_to_a_list_at_our_version(void)
{
    static const struct {
        int code;
        const char *reason;
    } rows[] = {{403, "Forbidden"}, {404, "NotFound"}, {500, "InternalError"}, {503, "ServiceUnavailable"}, {401, "Unauthorized"}};
    struct tarn_error err = {.code = TARN_E_IO, .message = "tls: bad certificate"};
    struct fx *f;

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        f = fx_new(NULL);
        fx_list(f, "a/x@3", "10");
        fake_watch_status(&f->lw, false, rows[i].code, rows[i].reason);
        CU_ASSERT_EQUAL(f->round_ends, 1);
        CU_ASSERT_EQUAL(fx_status(f).last_http_code, (uint32_t)rows[i].code);
        CU_ASSERT_EQUAL(fx_next(f), 800);
        FX_LAST(f, "LIST rv=10 limit=0");
        fx_free(f);
    }
    f = fx_new(NULL);
    fx_list(f, "a/x@3", "10");
    fake_watch_end(&f->lw, false, &(struct tarn_end){.reason = TARN_END_ERROR, .error = &err});
    CU_ASSERT_EQUAL(fx_next(f), 800);
    FX_LAST(f, "LIST rv=10 limit=0");
    fx_free(f);
}

/* 410 as an HTTP answer: a list at our version, almost at once (ours); `unavailable` is not set */
static void a_watch_answered_410_leads_to_a_list_at_our_version(void)
{
    struct fx *f = fx_new(NULL);

    fx_list(f, "a/x@3", "10");
    fake_watch_status(&f->lw, false, 410, "Expired");
    CU_ASSERT_EQUAL(fx_next(f), 0);
    FX_LAST(f, "LIST rv=10 limit=0");
    fx_free(f);
}

static void a_watch_that_cannot_be_started_leads_to_a_list(void)
{
    struct fx *f = fx_started(NULL);

    fake_page_end(&f->lw, "10", "");
    f->lw.refuse = TARN_E_NOMEM;
    fx_go(f);
    CU_ASSERT_EQUAL(fx_wait(f), 800);
    CU_ASSERT_EQUAL(fx_status(f).last_error.code, TARN_E_NOMEM);
    f->lw.refuse = 0;
    (void)fx_next(f);
    FX_LAST(f, "LIST rv=10 limit=0");
    fx_free(f);
}

/* the HTTP layer's retries used up by timeouts: an empty, closed watch, not an error */
static void a_watch_that_timed_out_unopened_is_an_ended_one(void)
{
    struct fx *f = fx_new(NULL);

    fx_list(f, "a/x@3", "10");
    f->rt.now_ms += 15000;
    fake_watch_end(&f->lw, false, &(struct tarn_end){.reason = TARN_END_NORMAL});
    CU_ASSERT_EQUAL(fx_next(f), 800);
    FX_LAST(f, "WATCH rv=10");
    CU_ASSERT_EQUAL(f->round_ends, 0);
    fx_free(f);
}

/* decision C: the server's Retry-After on a watch */
static void retry_after_holds_for_watches_too(void)
{
    struct tarn_status s = tarn_status_failure(TARN_REASON_TOO_MANY_REQUESTS, TARN_BYTES("slow down"));
    struct fx *f = fx_new(NULL);

    fx_list(f, "", "10");
    fake_watch_end(&f->lw, false, &(struct tarn_end){.reason = TARN_END_STATUS, .status = &s, .retry_after_ms = 9000});
    CU_ASSERT_EQUAL(fx_wait(f), 9000);
    fx_free(f);
}

/* ---- how a stream ends ---------------------------------------------------------------------------------- */

/* R-21 [D]: a stream that lived 30 s is opened again at once, a shorter one after a step of backoff; never a list */
static void an_ended_watch_is_opened_again_from_our_version(void)
{
    static const struct {
        uint64_t lived;
        bool event;
        uint64_t wait;
    } rows[] = {{30000, false, 0}, {30000, true, 0}, {29999, true, 800}, {1000, false, 800}, {0, true, 800}, {0, false, 800}};

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fx *f = fx_new(NULL);

        fx_watch(f, "", "10");
        f->rt.now_ms += rows[i].lived;
        if (rows[i].event)
            CU_ASSERT_EQUAL(fx_event(f, TARN_WATCH_ADDED, "a/x", 12), 0);
        fx_end(f);
        CU_ASSERT_EQUAL(fx_status(f).live, rows[i].wait == 0);
        CU_ASSERT_EQUAL(fx_next(f), rows[i].wait);
        FX_LAST(f, rows[i].event ? "WATCH rv=12" : "WATCH rv=10");
        CU_ASSERT_EQUAL(fx_status(f).counters.watch_ms, rows[i].lived);
        CU_ASSERT_EQUAL(f->round_ends, 0);
        fx_free(f);
    }
}

/* R-21 [D], 8.2: very short is below 1 s without an event; the third in a row leads to a list */
static void three_very_short_watches_in_a_row_lead_to_a_list(void)
{
    struct fx *f = fx_new(NULL);

    fx_list(f, "", "10");
    for (int i = 0; i < 3; i++) {
        FX_LAST(f, "WATCH rv=10");
        fake_open(&f->lw);
        f->rt.now_ms += 999;
        fx_end(f);
        (void)fx_next(f);
    }
    FX_LAST(f, "LIST rv=10 limit=0");
    CU_ASSERT_EQUAL(fx_status(f).counters.short_watches, 3);
    fx_free(f);
}

static void a_longer_watch_in_between_starts_the_count_again(void)
{
    struct fx *f = fx_new(NULL);

    fx_list(f, "", "10");
    for (int i = 0; i < 6; i++) {
        FX_LAST(f, "WATCH rv=10");
        fake_open(&f->lw);
        f->rt.now_ms += i % 3 == 2 ? 1000 : 999; /* every third is just long enough */
        fx_end(f);
        (void)fx_next(f);
    }
    FX_LAST(f, "WATCH rv=10");
    CU_ASSERT_EQUAL(fx_status(f).counters.short_watches, 4);
    CU_ASSERT_EQUAL(fx_status(f).counters.lists, 1);
    fx_free(f);
}

/* R-21 [X]: a server that sends one event and closes made 200,000 watches a second of the original */
static void a_server_that_closes_after_each_event_is_no_hot_loop(void)
{
    struct fx *f = fx_new(NULL);
    uint64_t end;
    unsigned long rv = 10;

    fx_list(f, "", "10");
    for (end = f->rt.now_ms + 3600 * 1000; f->rt.now_ms < end;) {
        fake_open(&f->lw);
        (void)fx_event(f, TARN_WATCH_ADDED, "a/x", ++rv);
        fx_end(f);
        (void)fx_next(f);
    }
    CU_ASSERT(f->lw.n < 140);
    CU_ASSERT(f->lw.n > 100); /* and it goes on */
    fx_free(f);
}

/* decision H, R-21 as the original: again at once; very short: a wait and a list */
static void originally_an_ended_watch_is_opened_at_once(void)
{
    struct fx *f = fx_new(&(struct tarn_reflector_options){.original = TARN_ORIGINAL_REWATCH});

    fx_watch(f, "", "10");
    (void)fx_event(f, TARN_WATCH_ADDED, "a/x", 11);
    fx_end(f);
    CU_ASSERT_EQUAL(fx_next(f), 0);
    FX_LAST(f, "WATCH rv=11");
    fake_open(&f->lw);
    f->rt.now_ms += 1000;
    fx_end(f);
    CU_ASSERT_EQUAL(fx_next(f), 0);
    FX_LAST(f, "WATCH rv=11");
    fake_open(&f->lw);
    f->rt.now_ms += 999;
    fx_end(f);
    CU_ASSERT_EQUAL(fx_next(f), 800);
    FX_LAST(f, "LIST rv=11 limit=0");
    fx_free(f);
}

/* cut in mid-air is a normal end, but what cut it stays visible */
static void a_cut_stream_is_an_ended_one(void)
{
    struct tarn_error err = {.code = TARN_E_IO, .message = "connection reset by peer"};
    struct fx *f = fx_new(NULL);

    fx_watch(f, "", "10");
    f->rt.now_ms += 60000;
    (void)fx_event(f, TARN_WATCH_ADDED, "a/x", 11);
    fake_watch_end(&f->lw, true, &(struct tarn_end){.reason = TARN_END_ERROR, .error = &err});
    CU_ASSERT_PTR_NOT_NULL(strstr(fx_status(f).last_error.message, "reset by peer"));
    CU_ASSERT_EQUAL(f->round_ends, 0);
    CU_ASSERT_EQUAL(fx_next(f), 0);
    FX_LAST(f, "WATCH rv=11");
    fake_open(&f->lw);
    CU_ASSERT_EQUAL(fx_status(f).last_error.code, 0);
    fx_free(f);
}

/* R-32 [D]: what the HTTP layer's watchdog cut comes as a normal end */
static void a_stream_cut_by_the_watchdog_is_an_ended_one(void)
{
    struct fx *f = fx_new(NULL);

    fx_watch(f, "", "10");
    CU_ASSERT_EQUAL(fx_bookmark(f, 15, false), 0);
    f->rt.now_ms += 180000;
    fx_end(f);
    CU_ASSERT_EQUAL(fx_next(f), 0);
    FX_LAST(f, "WATCH rv=15");
    fx_free(f);
}

/* ---- R-22 ...: ERROR events -------------------------------------------------------------------------------- */

/* R-22 [D]: 410: a list at our version almost at once; a second one soon after takes a step of backoff */
static void an_expired_watch_leads_to_a_list_almost_at_once(void)
{
    struct fx *f = fx_new(NULL);

    f->rt.fixed = UINT64_MAX;
    fx_watch(f, "", "10");
    CU_ASSERT_EQUAL(fx_error_event(f, 410, "Expired"), TARN_E_STATUS);
    CU_ASSERT_FALSE(fx_status(f).live);
    CU_ASSERT_EQUAL(fx_status(f).counters.expired, 1);
    CU_ASSERT_EQUAL(fx_next(f), 999); /* jitter */
    FX_LAST(f, "LIST rv=10 limit=0");
    fx_page(f, "", "20", "");
    fake_open(&f->lw);
    (void)fx_error_event(f, 410, "Gone");
    CU_ASSERT_EQUAL(fx_wait(f), 1599); /* backoff */
    (void)fx_next(f);
    fx_page(f, "", "30", "");
    fake_open(&f->lw);
    f->rt.now_ms += 40000;
    (void)fx_error_event(f, 410, "Expired");
    CU_ASSERT_EQUAL(fx_wait(f), 999); /* at once again */
    fx_free(f);
}

/* decision H, R-22: the original waits first */
static void originally_an_expired_watch_waits_first(void)
{
    struct fx *f = fx_new(&(struct tarn_reflector_options){.original = TARN_ORIGINAL_GONE_WAITS});

    fx_watch(f, "", "10");
    (void)fx_error_event(f, 410, "Expired");
    CU_ASSERT_EQUAL(fx_next(f), 800);
    FX_LAST(f, "LIST rv=10 limit=0");
    fx_free(f);
}

/* 429: a step of backoff, the same watch, no list; the Status says how long at least */
static void an_error_event_429_is_waited_for_without_a_list(void)
{
    struct fx *f = fx_new(NULL);

    fx_watch(f, "", "10");
    (void)fx_error_event(f, 429, "TooManyRequests");
    CU_ASSERT_EQUAL(fx_status(f).last_http_code, 429);
    CU_ASSERT_EQUAL(fx_status(f).counters.watch_errors, 1);
    CU_ASSERT_FALSE(fx_status(f).live);
    CU_ASSERT_EQUAL(f->round_ends, 0);
    CU_ASSERT_EQUAL(fx_next(f), 800);
    FX_LAST(f, "WATCH rv=10");
    fake_open(&f->lw);
    (void)fake_event(&f->lw, TARN_WATCH_ERROR, fake_status(429, "TooManyRequests", "slow", 5));
    CU_ASSERT_EQUAL(fx_next(f), 5000);
    FX_LAST(f, "WATCH rv=10");
    CU_ASSERT_EQUAL(fx_status(f).counters.lists, 1);
    fx_free(f);
}

/* any other ERROR: a wait and a list, which removes what cannot be told of otherwise */
static void another_error_event_leads_to_a_list(void)
{
    struct fx *f = fx_new(NULL);

    fx_watch(f, "a/corrupt@3 a/x@4", "10");
    (void)fx_error_event(f, 500, "StorageReadError");
    CU_ASSERT_EQUAL(fx_status(f).counters.error_events, 1);
    CU_ASSERT_EQUAL(f->last.level, TARN_REPORT_WARNING);
    CU_ASSERT_EQUAL(fx_next(f), 800);
    FX_LAST(f, "LIST rv=10 limit=0");
    fx_items(f, "a/x@4");
    fake_page_end(&f->lw, "12", "");
    FX_STORE(f, "a/x@4");
    fx_free(f);
}

static void an_error_event_that_is_no_status_leads_to_a_list(void)
{
    struct fx *f = fx_new(NULL);

    fx_watch(f, "", "10");
    CU_ASSERT_EQUAL(fake_event(&f->lw, TARN_WATCH_ERROR, fake_pod("a/x", "u", 5)), TARN_E_STATUS);
    CU_ASSERT_EQUAL(fx_next(f), 800);
    FX_LAST(f, "LIST rv=10 limit=0");
    fx_free(f);
}

/* A watch that was up and ends with an HTTP-level Status is treated by that Status */
static void an_established_watch_may_end_with_a_status(void)
{
    struct fx *f = fx_new(NULL);

    fx_watch(f, "", "10");
    fake_watch_status(&f->lw, true, 410, "Expired");
    CU_ASSERT_EQUAL(fx_next(f), 0);
    FX_LAST(f, "LIST rv=10 limit=0");
    fx_free(f);
}

/* InternalError: with a limit set, the same watch again until the limit has passed; an error a minute later starts anew */
static void internal_errors_may_be_retried_for_a_while(void)
{
    struct fx *f = fx_new(&(struct tarn_reflector_options){.internal_error_retry_ms = 2000});

    fx_watch(f, "", "10");
    (void)fx_error_event(f, 500, "InternalError"); /* first: at 0 */
    CU_ASSERT_EQUAL(fx_next(f), 800);
    FX_LAST(f, "WATCH rv=10");
    fake_open(&f->lw);
    (void)fx_error_event(f, 500, "InternalError"); /* at 800 <= 2000 */
    CU_ASSERT_EQUAL(fx_next(f), 1600);
    FX_LAST(f, "WATCH rv=10");
    fake_open(&f->lw);
    (void)fx_error_event(f, 500, "InternalError"); /* at 2400 > 2000 */
    (void)fx_next(f);
    FX_LAST(f, "LIST rv=10 limit=0");
    fx_page(f, "", "20", "");
    fake_open(&f->lw);
    f->rt.now_ms += 60000; /* a minute after the error before */
    (void)fx_error_event(f, 500, "InternalError");
    (void)fx_next(f);
    FX_LAST(f, "WATCH rv=20");
    fx_free(f);
}

/* R-23, TestRetryInternalError: off by default; decision H: the original does it at once */
static void internal_errors_originally_are_retried_at_once(void)
{
    struct fx *f = fx_new(&(struct tarn_reflector_options){.internal_error_retry_ms = 2000, .original = TARN_ORIGINAL_REWATCH});

    fx_watch(f, "", "10");
    (void)fx_error_event(f, 500, "InternalError");
    CU_ASSERT_EQUAL(fx_next(f), 0);
    FX_LAST(f, "WATCH rv=10");
    fx_free(f);
    f = fx_new(NULL);
    fx_watch(f, "", "10");
    (void)fx_error_event(f, 500, "InternalError");
    CU_ASSERT_EQUAL(fx_next(f), 800);
    FX_LAST(f, "LIST rv=10 limit=0");
    fx_free(f);
}

/* an undecodable frame is an InternalError */
static void an_undecodable_event_is_an_internal_error(void)
{
    struct tarn_error err = {.code = TARN_E_SYNTAX, .message = "unexpected '}' at byte 17"};

    for (int retry = 0; retry < 2; retry++) {
        struct fx *f = fx_new(&(struct tarn_reflector_options){.internal_error_retry_ms = retry ? 2000 : 0});

        fx_watch(f, "", "10");
        fake_watch_end(&f->lw, true, &(struct tarn_end){.reason = TARN_END_UNDECODABLE, .error = &err});
        CU_ASSERT_PTR_NOT_NULL(strstr(fx_status(f).last_error.message, "byte 17"));
        CU_ASSERT_EQUAL(fx_status(f).last_http_code, 500);
        CU_ASSERT_EQUAL(fx_next(f), 800);
        FX_LAST(f, retry ? "WATCH rv=10" : "LIST rv=10 limit=0");
        fx_free(f);
    }
}

/* 8.2: one backoff state serves the outer loop, 429 and refused connections */
static void all_reasons_to_wait_share_one_backoff(void)
{
    struct fx *f = fx_started(NULL);

    fake_list_status(&f->lw, 503, "ServiceUnavailable");
    CU_ASSERT_EQUAL(fx_next(f), 800);
    fx_page(f, "", "10", "");
    fx_refused(f);
    CU_ASSERT_EQUAL(fx_next(f), 1600);
    fake_open(&f->lw);
    (void)fx_error_event(f, 429, "TooManyRequests");
    CU_ASSERT_EQUAL(fx_next(f), 3200);
    fake_open(&f->lw);
    fx_end(f);
    CU_ASSERT_EQUAL(fx_next(f), 6400);
    CU_ASSERT_EQUAL(fx_status(f).counters.waits, 4);
    CU_ASSERT_EQUAL(fx_status(f).counters.wait_ms, 12000);
    fx_free(f);
}

/* 8.2 [O]: the window rule, as the original's bit or as an option of the backoff */
static void the_backoff_window_of_the_original_is_an_option(void)
{
    struct fx *f = fx_new(&(struct tarn_reflector_options){.original = TARN_ORIGINAL_BACKOFF_WINDOW});
    unsigned first = 0;

    fx_list(f, "", "10");
    for (uint64_t end = f->rt.now_ms + 600 * 1000; f->rt.now_ms < end;) {
        fx_refused(f);
        first += fx_next(f) == 800;
    }
    CU_ASSERT(first >= 4);
    fx_free(f);
}

/* An event on a stream whose opening was not told, and one that was skipped by the source */
static void an_event_opens_the_watch_as_well(void)
{
    struct fx *f = fx_new(NULL);

    fx_list(f, "", "10");
    CU_ASSERT_EQUAL(fx_event(f, TARN_WATCH_ADDED, "a/x", 12), 0);
    CU_ASSERT(fx_status(f).live);
    CU_ASSERT_EQUAL(fx_status(f).counters.watches_open, 1);
    f->lw.sink->on_skipped(f->lw.sink, TARN_E_SIZE, TARN_BYTES("a/huge"));
    CU_ASSERT_EQUAL(fx_status(f).counters.skipped, 1);
    fx_free(f);
}

/* ---- R-20, section 15, kubernetes#107457: a server restored from a backup -------------------------------------------------- */

/* A watch that was cut after a minute, and one that is up again and silent. */
static struct fx *disturbed(uint32_t original)
{
    struct fx *f = fx_new(&(struct tarn_reflector_options){.original = original});

    fx_watch(f, "a/x@3", "10");
    f->rt.now_ms += 60000;
    fx_end(f);
    fx_go(f);
    fake_open(&f->lw);
    return f;
}

/* 90 s of silence after a disturbance: one object is listed at our version; an answer ends the doubt */
static void silence_after_a_disturbance_is_probed_once(void)
{
    struct fx *f = disturbed(0);

    CU_ASSERT_EQUAL(fx_next(f), 90000);
    FX_LAST(f, "LIST rv=10 limit=1");
    CU_ASSERT_EQUAL(f->lw.cancels, 1);
    CU_ASSERT(fx_status(f).live);
    CU_ASSERT_EQUAL(fake_item(&f->lw, fake_pod("a/other", "u", 9)), 0);
    fake_page_end(&f->lw, "12", "more");
    FX_STORE(f, "a/x@3"); /* it is no list */
    CU_ASSERT_EQUAL(fx_next(f), 0);
    FX_LAST(f, "WATCH rv=10");
    fake_open(&f->lw);
    CU_ASSERT_EQUAL(fx_wait(f), 330000); /* the watch's own time: no more doubt */
    CU_ASSERT_EQUAL(fx_status(f).counters.probes, 1);
    CU_ASSERT_EQUAL(fx_status(f).counters.lists, 1);
    fx_free(f);
}

/* How long silence is trusted can be chosen. */
static void the_probe_comes_as_soon_as_it_is_wanted(void)
{
    struct fx *f = fx_new(&(struct tarn_reflector_options){.doubt_ms = 2000});

    fx_watch(f, "a/x@3", "10");
    f->rt.now_ms += 60000;
    fx_end(f);
    fx_go(f);
    fake_open(&f->lw);
    CU_ASSERT_EQUAL(fx_next(f), 2000);
    FX_LAST(f, "LIST rv=10 limit=1");
    fx_free(f);
}

/* A machine that was asleep for hours: the watch is overdue, is cut and opened again where it was, once; no list, no storm. */
static void a_clock_that_jumps_far_ahead_costs_one_watch(void)
{
    struct fx *f = fx_new(&(struct tarn_reflector_options){0});

    fx_watch(f, "a/x@3", "10");
    for (int day = 0; day < 3; day++) {
        uint64_t lists = fx_status(f).counters.lists, watches = fx_status(f).counters.watches;

        f->rt.now_ms += 86400000;
        for (int i = 0; i < 10 && tarn_reflector_deadline_ms(f->r) <= f->rt.now_ms; i++)
            tarn_reflector_on_timer(f->r);
        FX_LAST(f, "WATCH rv=10");
        CU_ASSERT_EQUAL(fx_status(f).counters.watches, watches + 1);
        CU_ASSERT_EQUAL(fx_status(f).counters.lists, lists);
        FX_STORE(f, "a/x@3");
        fake_open(&f->lw);
        CU_ASSERT(fx_status(f).live);
    }
    fx_free(f);
}

/* The server says that our version is in its future, or shows an older one: restored */
static void a_restored_server_is_found_by_the_probe(void)
{
    for (int shown = 0; shown < 2; shown++) {
        struct tarn_status_cause c = {.reason = TARN_CAUSE_RESOURCE_VERSION_TOO_LARGE};
        struct tarn_status s = {.code = 504, .reason = TARN_REASON_TIMEOUT, .causes = &c, .ncauses = 1};
        struct fx *f = disturbed(0);

        (void)fx_next(f);
        if (shown)
            fake_page_end(&f->lw, "5", "");
        else
            fake_list_failed(&f->lw, &(struct tarn_end){.reason = TARN_END_STATUS, .status = &s});
        CU_ASSERT_EQUAL(fx_status(f).counters.rv_rewinds, 1);
        CU_ASSERT_FALSE(fx_status(f).live);
        CU_ASSERT_PTR_NOT_NULL(strstr(f->last.error.message, "restored"));
        CU_ASSERT_EQUAL(fx_status(f).counters.too_large, !shown);
        CU_ASSERT_EQUAL(fx_next(f), 0);
        FX_LAST(f, "LIST rv= limit=500");
        fx_items(f, "a/y@4"); /* this one is a list, and ends the doubt */
        fake_page_end(&f->lw, "5", "");
        FX_STORE(f, "a/y@4");
        fx_go(f);
        fake_open(&f->lw);
        CU_ASSERT_EQUAL(fx_wait(f), 330000);
        fx_free(f);
    }
}

static void a_probe_that_fails_otherwise_is_tried_again_later(void)
{
    struct fx *f = disturbed(0);

    (void)fx_next(f);
    fake_list_status(&f->lw, 503, "ServiceUnavailable");
    CU_ASSERT_EQUAL(fx_next(f), 800);
    FX_LAST(f, "WATCH rv=10");
    fake_open(&f->lw);
    CU_ASSERT_EQUAL(fx_next(f), 90000);
    FX_LAST(f, "LIST rv=10 limit=1");
    tarn_reflector_stop(f->r);
    tarn_reflector_start(f->r); /* the probe is forgotten: this is a list */
    fx_go(f);
    FX_LAST(f, "LIST rv=10 limit=0");
    fx_items(f, "a/y@11");
    fake_page_end(&f->lw, "12", "");
    FX_STORE(f, "a/y@11");
    fx_free(f);
}

/* A server that ignores the limit is not read to the end */
static void a_probe_wants_one_object_only(void)
{
    struct fx *f = disturbed(0);

    (void)fx_next(f);
    CU_ASSERT_EQUAL(fake_item(&f->lw, fake_pod("a/1", "u", 9)), 0);
    CU_ASSERT(fake_item(&f->lw, fake_pod("a/2", "u", 9)) < 0);
    CU_ASSERT_EQUAL(fx_next(f), 0);
    FX_LAST(f, "WATCH rv=10");
    fx_free(f);
}

static void news_ends_the_doubt(void)
{
    struct fx *f = disturbed(0);

    CU_ASSERT_EQUAL(fx_bookmark(f, 10, false), 0);
    CU_ASSERT_EQUAL(fx_wait(f), 330000);
    fx_free(f);
}

static void a_watch_that_ends_in_time_raises_doubt_only_if_it_was_silent(void)
{
    for (int silent = 0; silent < 2; silent++) {
        struct fx *f = fx_new(NULL);

        fx_watch(f, "", "10");
        if (!silent)
            CU_ASSERT_EQUAL(fx_bookmark(f, 10, false), 0);
        f->rt.now_ms += 292000; /* of 300 s */
        fx_end(f);
        fx_go(f);
        fake_open(&f->lw);
        CU_ASSERT_EQUAL(fx_wait(f), silent ? 90000 : 330000);
        fx_free(f);
    }
}

static void refused_and_resumed_watches_and_errors_raise_doubt(void)
{
    struct fx *f = fx_started(&(struct tarn_reflector_options){.resume_resource_version = TARN_BYTES("70")});

    fake_open(&f->lw);
    CU_ASSERT_EQUAL(fx_next(f), 90000);
    FX_LAST(f, "LIST rv=70 limit=1");
    fx_free(f);
    f = fx_new(NULL);
    fx_list(f, "", "10");
    fx_refused(f);
    (void)fx_next(f);
    fake_open(&f->lw);
    CU_ASSERT_EQUAL(fx_next(f), 90000);
    FX_LAST(f, "LIST rv=10 limit=1");
    fx_free(f);
    f = fx_new(NULL);
    fx_watch(f, "", "10");
    (void)fx_error_event(f, 429, "TooManyRequests");
    (void)fx_next(f);
    fake_open(&f->lw);
    CU_ASSERT_EQUAL(fx_next(f), 90000);
    FX_LAST(f, "LIST rv=10 limit=1");
    fx_free(f);
}

/* decision H: the original never notices */
static void originally_silence_is_not_probed(void)
{
    struct fx *f = disturbed(TARN_ORIGINAL_RV_REWIND);

    CU_ASSERT_EQUAL(fx_wait(f), 330000);
    fx_free(f);
}

static void a_probe_that_cannot_be_started_is_tried_later(void)
{
    struct fx *f = disturbed(0);

    f->lw.refuse = TARN_E_NOMEM;
    f->rt.now_ms += 90000;
    tarn_reflector_on_timer(f->r);
    tarn_reflector_on_timer(f->r);
    f->lw.refuse = 0;
    CU_ASSERT_EQUAL(fx_next(f), 800);
    FX_LAST(f, "WATCH rv=10");
    fx_free(f);
}

TARN_TEST_MAIN(
    "reflector_watch", TARN_TEST(silence_after_a_disturbance_is_probed_once), TARN_TEST(the_probe_comes_as_soon_as_it_is_wanted), TARN_TEST(a_clock_that_jumps_far_ahead_costs_one_watch), TARN_TEST(a_restored_server_is_found_by_the_probe),
    TARN_TEST(a_probe_that_fails_otherwise_is_tried_again_later), TARN_TEST(a_probe_wants_one_object_only),
    TARN_TEST(news_ends_the_doubt), TARN_TEST(a_watch_that_ends_in_time_raises_doubt_only_if_it_was_silent),
    TARN_TEST(refused_and_resumed_watches_and_errors_raise_doubt), TARN_TEST(originally_silence_is_not_probed),
    TARN_TEST(a_probe_that_cannot_be_started_is_tried_later), TARN_TEST(a_watch_begins_at_our_version_with_bookmarks), TARN_TEST(the_watch_timeout_is_drawn_from_m_to_2m),
    TARN_TEST(an_overdue_watch_is_cut_and_opened_again), TARN_TEST(events_go_to_the_store_and_move_our_version),
    TARN_TEST(a_store_without_the_bookmark_hook_does), TARN_TEST(an_unknown_event_type_is_told),
    TARN_TEST(a_stream_from_nowhere_does_not_move_our_version_by_added),
    TARN_TEST(a_version_that_goes_back_leads_to_a_list_without_version), TARN_TEST(the_same_version_twice_is_no_step_back),
    TARN_TEST(originally_a_version_may_go_back), TARN_TEST(an_object_the_store_cannot_take_is_skipped_and_named),
    TARN_TEST(a_full_store_is_behind_until_the_next_list), TARN_TEST(originally_a_full_store_loses_the_event),
    TARN_TEST(many_skipped_objects_do_not_flood_the_log), TARN_TEST(a_store_that_cannot_note_a_bookmark_is_not_behind),
    TARN_TEST(events_of_another_type_are_skipped), TARN_TEST(items_of_a_list_are_not_checked),
    TARN_TEST(a_refused_watch_is_opened_again_without_a_list), TARN_TEST(another_refusal_of_a_watch_leads_to_a_list_at_our_version),
    TARN_TEST(a_watch_answered_410_leads_to_a_list_at_our_version), TARN_TEST(a_watch_that_cannot_be_started_leads_to_a_list),
    TARN_TEST(a_watch_that_timed_out_unopened_is_an_ended_one), TARN_TEST(retry_after_holds_for_watches_too),
    TARN_TEST(an_ended_watch_is_opened_again_from_our_version), TARN_TEST(three_very_short_watches_in_a_row_lead_to_a_list),
    TARN_TEST(a_longer_watch_in_between_starts_the_count_again), TARN_TEST(a_server_that_closes_after_each_event_is_no_hot_loop),
    TARN_TEST(originally_an_ended_watch_is_opened_at_once), TARN_TEST(a_cut_stream_is_an_ended_one),
    TARN_TEST(a_stream_cut_by_the_watchdog_is_an_ended_one), TARN_TEST(an_expired_watch_leads_to_a_list_almost_at_once),
    TARN_TEST(originally_an_expired_watch_waits_first), TARN_TEST(an_error_event_429_is_waited_for_without_a_list),
    TARN_TEST(another_error_event_leads_to_a_list), TARN_TEST(an_error_event_that_is_no_status_leads_to_a_list),
    TARN_TEST(an_established_watch_may_end_with_a_status), TARN_TEST(internal_errors_may_be_retried_for_a_while),
    TARN_TEST(internal_errors_originally_are_retried_at_once), TARN_TEST(an_undecodable_event_is_an_internal_error),
    TARN_TEST(all_reasons_to_wait_share_one_backoff), TARN_TEST(the_backoff_window_of_the_original_is_an_option),
    TARN_TEST(an_event_opens_the_watch_as_well))
