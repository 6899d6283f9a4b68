/* Streaming lists: rows W-1 ... W-9; the scenarios of client-go's TestWatchList and TestWatchListResourceVersion. */
#include "reflector_fixture.h"

#include <string.h>

#include "tarn_test.h"

static struct fx *streaming(uint32_t original)
{
    return fx_new(&(struct tarn_reflector_options){.streaming_list = true, .original = original});
}

/* A reflector whose streaming list is under way. */
static struct fx *started(uint32_t original)
{
    struct fx *f = streaming(original);

    tarn_reflector_start(f->r);
    fx_go(f);
    return f;
}

/* W-1: sendInitialEvents, NotOlderThan, bookmarks, a timeout, version "" and never "0" */
static void a_streaming_list_asks_as_the_protocol_wants(void)
{
    struct fx *f = started(0);
    const struct fake_request *q = fake_last(&f->lw);

    FX_LAST(f, "STREAM rv=");
    CU_ASSERT(q->initial_events && q->bookmarks);
    CU_ASSERT_STRING_EQUAL(q->match, "NotOlderThan");
    CU_ASSERT(q->timeout_s >= 300 && q->timeout_s < 600);
    CU_ASSERT_EQUAL(fx_status(f).phase, TARN_REFLECTOR_STREAMING);
    CU_ASSERT(fx_status(f).streaming);
    fx_free(f);
}

/* W-2: only where wanted and known to the source */
static void a_source_that_does_not_know_streaming_lists_is_listed(void)
{
    struct fx *f = streaming(0);

    f->lw.streaming = false;
    tarn_reflector_start(f->r);
    fx_go(f);
    FX_LAST(f, "LIST rv=0 limit=500");
    CU_ASSERT_FALSE(fx_status(f).streaming);
    fx_free(f);
    f = fx_new(NULL);
    tarn_reflector_start(f->r);
    fx_go(f);
    FX_LAST(f, "LIST rv=0 limit=500");
    fx_free(f);
}

/* W-3, W-4, W-5: nothing is visible before the end mark; then one Replace at its version; the same stream goes on */
static void the_end_mark_makes_the_list_visible_and_the_stream_goes_on(void)
{
    struct fx *f = started(0);

    fake_open(&f->lw);
    CU_ASSERT_FALSE(fx_status(f).live);
    (void)fx_event(f, TARN_WATCH_ADDED, "a/x", 30);
    (void)fx_event(f, TARN_WATCH_ADDED, "a/y", 4);
    f->rt.now_ms += 7;
    CU_ASSERT_EQUAL(fx_bookmark(f, 35, false), 0); /* not the end mark */
    FX_STORE(f, "");
    CU_ASSERT_STRING_EQUAL(fx_rv(f), "");
    CU_ASSERT_EQUAL(fx_bookmark(f, 40, true), 0);
    FX_STORE(f, "a/x@30 a/y@4");
    CU_ASSERT_STRING_EQUAL(f->store.rv, "40");
    CU_ASSERT_STRING_EQUAL(fx_rv(f), "40");
    CU_ASSERT(fx_status(f).has_synced && fx_status(f).live);
    CU_ASSERT_EQUAL(fx_status(f).counters.last_list_items, 2);
    CU_ASSERT_EQUAL(fx_status(f).counters.last_list_ms, 7);
    CU_ASSERT_EQUAL(fx_status(f).counters.watches, 1);
    CU_ASSERT_EQUAL(fx_status(f).counters.watches_open, 1);
    CU_ASSERT_EQUAL(f->lw.n, 1);
    (void)fx_event(f, TARN_WATCH_MODIFIED, "a/y", 41);
    FX_STORE(f, "a/x@30 a/y@41");
    f->rt.now_ms += 60000;
    fx_end(f);
    fx_go(f);
    FX_LAST(f, "WATCH rv=41"); /* no list */
    fx_free(f);
}

/* W-4: an empty list is a list */
static void an_empty_streaming_list_is_a_list(void)
{
    struct fx *f = started(0);

    CU_ASSERT_EQUAL(fx_bookmark(f, 7, true), 0);
    CU_ASSERT(fx_status(f).has_synced);
    CU_ASSERT_STRING_EQUAL(f->store.rv, "7");
    fx_free(f);
}

/* W-3: changes before the end mark are changes of what is staged */
static void changes_before_the_end_mark_count(void)
{
    struct fx *f = started(0);

    (void)fx_event(f, TARN_WATCH_ADDED, "a/x", 3);
    (void)fx_event(f, TARN_WATCH_ADDED, "a/y", 4);
    (void)fx_event(f, TARN_WATCH_MODIFIED, "a/x", 5);
    CU_ASSERT_EQUAL(fx_event(f, TARN_WATCH_DELETED, "a/y", 6), 0);
    CU_ASSERT_EQUAL(fx_event(f, TARN_WATCH_DELETED, "a/never-seen", 7), 0);
    CU_ASSERT_EQUAL(fx_event(f, TARN_WATCH_UNKNOWN, "a/odd", 8), 0);
    (void)fx_bookmark(f, 9, true);
    FX_STORE(f, "a/x@5");
    CU_ASSERT_EQUAL(fx_status(f).counters.unknown_events, 1);
    fx_free(f);
}

static int refuse_remove(struct tarn_store *s, const struct tarn_object *obj, struct tarn_error *err)
{
    (void)s;
    return tarn_error_set(err, tarn_bytes_equal(tarn_object_name(obj), TARN_BYTES("odd")) ? TARN_E_KEY : TARN_E_NOMEM, "refused");
}

/* W-3: what the store cannot take out: one object's fault is that object's, else the list has failed */
static void a_store_that_refuses_to_unstage_fails_the_list(void)
{
    struct fx *f = streaming(0);
    struct tarn_store_ops ops = *f->store.store.ops;

    ops.replace_remove = refuse_remove;
    f->store.store.ops = &ops;
    tarn_reflector_start(f->r);
    fx_go(f);
    f->rt.now_ms += 50;
    CU_ASSERT_EQUAL(fx_event(f, TARN_WATCH_DELETED, "a/odd", 6), 0);
    CU_ASSERT_EQUAL(fx_status(f).last_event_ms, f->rt.now_ms);
    CU_ASSERT_EQUAL(fx_event(f, TARN_WATCH_DELETED, "a/y", 7), TARN_E_NOMEM);
    CU_ASSERT(fx_status(f).behind);
    CU_ASSERT_EQUAL(f->round_ends, 1);
    CU_ASSERT_EQUAL(fx_next(f), 800);
    FX_LAST(f, "STREAM rv=");
    fx_free(f);
}

/* A store that cannot take a staged object out again lists in pages this round */
static void a_store_that_cannot_unstage_is_listed_in_pages(void)
{
    struct fx *f = streaming(0);

    fake_store_init(&f->store, true);
    tarn_reflector_start(f->r);
    fx_go(f);
    (void)fx_event(f, TARN_WATCH_ADDED, "a/y", 4);
    CU_ASSERT(fx_event(f, TARN_WATCH_DELETED, "a/y", 6) < 0);
    CU_ASSERT_EQUAL(fx_next(f), 0);
    FX_LAST(f, "LIST rv=0 limit=500");
    fx_items(f, "a/x@3");
    fake_page_end(&f->lw, "9", "");
    FX_STORE(f, "a/x@3");
    fx_free(f);
}

/* W-1, TestWatchListResourceVersion: our version afterwards; "" when it cannot be had */
static void a_later_streaming_list_names_our_version(void)
{
    struct fx *f = started(0);

    (void)fx_bookmark(f, 40, true);
    (void)fx_error_event(f, 500, "InternalError");
    (void)fx_next(f);
    FX_LAST(f, "STREAM rv=40");
    CU_ASSERT_EQUAL(fx_status(f).counters.relists, 1);
    CU_ASSERT_EQUAL(fx_error_event(f, 410, "Expired"), TARN_E_STATUS);
    CU_ASSERT_EQUAL(fx_next(f), 0); /* W-6: at once with "" */
    FX_LAST(f, "STREAM rv=");
    (void)fx_error_event(f, 410, "Expired");
    CU_ASSERT_EQUAL(f->round_ends, 1); /* the InternalError's */
    CU_ASSERT_EQUAL(fx_next(f), 1600); /* W-6, section 15: "" refused too: a step of backoff */
    FX_LAST(f, "STREAM rv=");
    (void)fx_bookmark(f, 50, true);
    (void)fx_error_event(f, 500, "InternalError");
    (void)fx_next(f);
    FX_LAST(f, "STREAM rv=50"); /* success cleared the flag */
    fx_free(f);
}

/* W-6: too large as an ERROR event, and as an HTTP answer */
static void a_version_in_the_future_is_asked_for_without_it_at_once(void)
{
    struct tarn_status_cause c = {.reason = TARN_CAUSE_RESOURCE_VERSION_TOO_LARGE};
    struct tarn_status s = {.code = 504, .reason = TARN_REASON_TIMEOUT, .reason_text = TARN_BYTES("Timeout"), .causes = &c, .ncauses = 1};
    struct fx *f = started(0);

    (void)fx_bookmark(f, 40, true);
    (void)fx_error_event(f, 500, "InternalError");
    (void)fx_next(f);
    fake_watch_end(&f->lw, false, &(struct tarn_end){.reason = TARN_END_STATUS, .status = &s});
    CU_ASSERT_EQUAL(fx_next(f), 0);
    FX_LAST(f, "STREAM rv=");
    CU_ASSERT_EQUAL(fx_status(f).counters.too_large, 1);
    (void)fx_bookmark(f, 20, true);
    CU_ASSERT_STRING_EQUAL(fx_rv(f), "20");
    CU_ASSERT_EQUAL(fx_status(f).counters.rv_rewinds, 1);
    fx_free(f);
}

/* decision H, W-6: the original repeats "" at once */
static void originally_an_expired_empty_version_is_asked_for_at_once(void)
{
    struct fx *f = started(TARN_ORIGINAL_STREAMING_FOREVER);

    fake_watch_status(&f->lw, false, 410, "Expired");
    CU_ASSERT_EQUAL(fx_next(f), 0);
    FX_LAST(f, "STREAM rv=");
    fx_free(f);
}

/* W-6: 429 and refused connections: a step of backoff, the streaming list again */
static void a_refused_streaming_list_is_tried_again_after_a_wait(void)
{
    struct fx *f = started(0);

    fx_refused(f);
    CU_ASSERT_EQUAL(fx_next(f), 800);
    FX_LAST(f, "STREAM rv=");
    fake_watch_status(&f->lw, false, 429, "TooManyRequests");
    CU_ASSERT_EQUAL(fx_next(f), 1600);
    FX_LAST(f, "STREAM rv=");
    (void)fx_error_event(f, 429, "TooManyRequests");
    CU_ASSERT_EQUAL(fx_next(f), 3200);
    FX_LAST(f, "STREAM rv=");
    CU_ASSERT_EQUAL(fx_status(f).counters.lists, 0);
    fx_free(f);
}

/* W-6: anything else: a LIST at once in this round, a streaming list again in the next */
static void another_error_takes_a_list_in_this_round(void)
{
    static const struct {
        int code;
        const char *reason;
        bool established;
    } rows[] = {{500, "InternalError", true}, {503, "ServiceUnavailable", false}, {403, "Forbidden", false}};

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fx *f = started(0);

        (void)fx_event(f, TARN_WATCH_ADDED, "a/half", 3);
        fake_watch_status(&f->lw, rows[i].established, rows[i].code, rows[i].reason);
        CU_ASSERT_EQUAL(fx_next(f), 0);
        FX_LAST(f, "LIST rv=0 limit=500");
        CU_ASSERT_EQUAL(fx_status(f).counters.streaming_fallbacks, 1);
        CU_ASSERT_EQUAL(fx_status(f).counters.watch_errors, 1);
        fx_items(f, "a/x@5");
        fake_page_end(&f->lw, "9", "");
        FX_STORE(f, "a/x@5");
        fx_go(f);
        fake_open(&f->lw);
        (void)fx_error_event(f, 500, "InternalError");
        (void)fx_next(f);
        FX_LAST(f, "STREAM rv=9");
        fx_free(f);
    }
}

/* W-6: a very short stream and an undecodable one likewise */
static void a_very_short_or_undecodable_stream_takes_a_list_in_this_round(void)
{
    struct tarn_error err = {.code = TARN_E_SYNTAX, .message = "bad"};

    for (int undecodable = 0; undecodable < 2; undecodable++) {
        struct fx *f = started(0);

        fake_open(&f->lw);
        f->rt.now_ms += 999;
        if (undecodable)
            fake_watch_end(&f->lw, true, &(struct tarn_end){.reason = TARN_END_UNDECODABLE, .error = &err});
        else
            fx_end(f);
        CU_ASSERT_EQUAL(fx_next(f), 0);
        FX_LAST(f, "LIST rv=0 limit=500");
        CU_ASSERT(fx_status(f).streaming);
        fx_free(f);
    }
}

/* Let the reflector list once and come to its next round; the kind of that round is what was remembered. */
static void to_next_round(struct fx *f)
{
    fx_page(f, "", "9", "");
    fake_open(&f->lw);
    (void)fx_error_event(f, 500, "InternalError");
    (void)fx_next(f);
}

/* W-7 [D]: 400 and 422: an old server; LIST, and remembered for ten minutes */
static void a_server_that_does_not_know_streaming_lists_is_remembered(void)
{
    static const struct {
        int code;
        const char *reason;
    } rows[] = {{422, "Invalid"}, {400, "BadRequest"}};

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fx *f = started(0);

        fake_watch_status(&f->lw, false, rows[i].code, rows[i].reason);
        CU_ASSERT_EQUAL(fx_next(f), 0);
        FX_LAST(f, "LIST rv=0 limit=500");
        CU_ASSERT_FALSE(fx_status(f).streaming);
        to_next_round(f);
        FX_LAST(f, "LIST rv=9 limit=0");
        f->rt.now_ms += 600000;
        to_next_round(f);
        FX_LAST(f, "STREAM rv=9");
        fx_free(f);
    }
}

/* W-7 [D]: closed without the end mark: a step of backoff; the second time LIST, remembered */
static void two_streams_without_an_end_mark_are_remembered(void)
{
    struct fx *f = started(0);

    (void)fx_event(f, TARN_WATCH_ADDED, "a/x", 3);
    fx_end(f);
    CU_ASSERT_EQUAL(f->store.aborts, 1);
    CU_ASSERT_EQUAL(fx_next(f), 800);
    FX_LAST(f, "STREAM rv=");
    f->rt.now_ms += 5000;
    fx_end(f);
    CU_ASSERT_EQUAL(fx_next(f), 0);
    FX_LAST(f, "LIST rv=0 limit=500");
    to_next_round(f);
    FX_LAST(f, "LIST rv=9 limit=0");
    FX_STORE(f, "");
    CU_ASSERT_EQUAL(fx_status(f).counters.streaming_lists, 2);
    f->rt.now_ms += 600000;
    to_next_round(f);
    FX_LAST(f, "STREAM rv=9"); /* ten minutes later, with both chances again */
    f->rt.now_ms += 5000;
    fx_end(f);
    (void)fx_next(f);
    FX_LAST(f, "STREAM rv=9");
    fx_free(f);
}

static void a_success_forgets_the_streams_that_closed_before(void)
{
    struct fx *f = started(0);

    for (int i = 0; i < 3; i++) {
        (void)fx_event(f, TARN_WATCH_ADDED, "a/x", 3);
        fx_end(f);
        (void)fx_next(f);
        CU_ASSERT(fake_last(&f->lw)->initial_events);
        (void)fx_bookmark(f, 40, true);
        (void)fx_error_event(f, 500, "InternalError");
        (void)fx_next(f);
        CU_ASSERT(fake_last(&f->lw)->initial_events);
    }
    fx_free(f);
}

/* W-7 [D], 8.2: 60 s without an event: LIST, remembered; a line every 10 s */
static void a_silent_stream_is_given_up_after_a_minute(void)
{
    struct fx *f = started(0);

    fake_open(&f->lw);
    fx_sleep(f, 30000);
    CU_ASSERT_EQUAL(f->levels[TARN_REPORT_WARNING], 3);
    (void)fx_event(f, TARN_WATCH_ADDED, "a/x", 3);
    fx_sleep(f, 59999);
    CU_ASSERT_EQUAL(f->lw.cancels, 0);
    CU_ASSERT_EQUAL(f->levels[TARN_REPORT_WARNING], 8);
    fx_sleep(f, 1);
    CU_ASSERT_EQUAL(f->lw.cancels, 1);
    FX_LAST(f, "LIST rv=0 limit=500");
    CU_ASSERT_FALSE(fx_status(f).streaming);
    fx_free(f);
}

/* W-7 [X], decision H: the original tries again at once and for ever, and waits for ever */
static void originally_a_stream_without_end_mark_is_tried_for_ever(void)
{
    struct fx *f = started(TARN_ORIGINAL_STREAMING_FOREVER);

    for (int i = 0; i < 10; i++) {
        (void)fx_event(f, TARN_WATCH_ADDED, "a/x", 3);
        fx_end(f);
        CU_ASSERT_EQUAL(fx_next(f), 0);
        FX_LAST(f, "STREAM rv=");
    }
    fx_sleep(f, 200000);
    CU_ASSERT_EQUAL(f->lw.cancels, 0);
    fake_watch_status(&f->lw, false, 422, "Invalid"); /* W-6: this round only */
    fx_go(f);
    FX_LAST(f, "LIST rv=0 limit=500");
    to_next_round(f);
    FX_LAST(f, "STREAM rv=9");
    fx_free(f);
}

/* W-7: a relist by stream that closes early: what was live is live no more */
static void a_streaming_relist_that_closes_early_is_not_live(void)
{
    struct fx *f = started(0);

    (void)fx_bookmark(f, 40, true);
    tarn_reflector_relist(f->r);
    fx_go(f);
    FX_LAST(f, "STREAM rv=40");
    CU_ASSERT(fx_status(f).live);
    (void)fx_event(f, TARN_WATCH_ADDED, "a/x", 3);
    fx_end(f);
    CU_ASSERT_FALSE(fx_status(f).live);
    CU_ASSERT(fx_status(f).has_synced);
    fx_free(f);
}

/* A stream that trickles but never ends is cut when its time is over */
static void an_endless_streaming_list_is_cut_when_overdue(void)
{
    struct fx *f = started(0);

    for (int i = 0; i < 11; i++) {
        fx_sleep(f, 30000);
        if (f->lw.sink)
            (void)fx_event(f, TARN_WATCH_ADDED, "a/x", 3);
    }
    CU_ASSERT_EQUAL(f->lw.cancels, 1);
    CU_ASSERT_FALSE(f->store.staged);
    fx_free(f);
}

/* R-3 in a streaming list: another type is skipped */
static void streamed_items_of_another_type_are_skipped(void)
{
    struct fx *f = fx_started(&(struct tarn_reflector_options){.streaming_list = true, .expected_kind = "Pod"});

    (void)fake_event(&f->lw, TARN_WATCH_ADDED, fake_object("{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"n\"}}"));
    (void)fx_event(f, TARN_WATCH_ADDED, "a/x", 3);
    (void)fx_bookmark(f, 9, true);
    FX_STORE(f, "a/x@3");
    CU_ASSERT_EQUAL(fx_status(f).counters.mismatches, 1);
    fx_free(f);
}

/* The store refuses: as in a LIST */
static void a_store_that_refuses_a_streaming_list_is_tried_again(void)
{
    for (int commit = 0; commit < 2; commit++) {
        enum fake_store_call call = commit ? FAKE_STORE_COMMIT : FAKE_STORE_STAGE;
        struct fx *f = streaming(0);
        int rc;

        f->store.refuse[call] = TARN_E_FULL;
        f->store.refusals[call] = 1;
        tarn_reflector_start(f->r);
        fx_go(f);
        rc = fx_event(f, TARN_WATCH_ADDED, "a/x", 3);
        if (commit) {
            CU_ASSERT_EQUAL(rc, 0);
            rc = fx_bookmark(f, 9, true);
        }
        CU_ASSERT(rc < 0);
        CU_ASSERT(fx_status(f).behind);
        CU_ASSERT_FALSE(fx_status(f).has_synced);
        CU_ASSERT_EQUAL(fx_next(f), 800);
        FX_LAST(f, "STREAM rv=");
        (void)fx_event(f, TARN_WATCH_ADDED, "a/x", 3);
        (void)fx_bookmark(f, 9, true);
        FX_STORE(f, "a/x@3");
        CU_ASSERT_FALSE(fx_status(f).behind);
        fx_free(f);
    }
}

/* R-27 within a streaming list */
static void a_stop_within_a_streaming_list_aborts_it(void)
{
    struct fx *f = started(0);

    (void)fx_event(f, TARN_WATCH_ADDED, "a/x", 3);
    tarn_reflector_stop(f->r);
    CU_ASSERT_FALSE(f->store.staged);
    CU_ASSERT_EQUAL(f->lw.cancels, 1);
    fx_free(f);
}

/* W-8 [D]: each object is given to the store once: ours transforms once */
static void each_object_is_given_to_the_store_once(void)
{
    struct fx *f = started(0);

    for (unsigned long i = 1; i <= 3; i++) {
        char key[8] = "a/0";

        key[2] = (char)('0' + i);
        (void)fx_event(f, TARN_WATCH_ADDED, key, i);
    }
    (void)fx_bookmark(f, 9, true);
    CU_ASSERT_EQUAL(f->store.calls[FAKE_STORE_STAGE], 3);
    CU_ASSERT_EQUAL(f->store.calls[FAKE_STORE_ADD], 0);
    fx_free(f);
}

static void a_streaming_list_that_cannot_be_started_takes_a_list(void)
{
    struct fx *f = streaming(0);

    f->lw.refuse = TARN_E_NOMEM;
    tarn_reflector_start(f->r);
    tarn_reflector_on_timer(f->r);
    f->lw.refuse = 0;
    fx_go(f);
    FX_LAST(f, "LIST rv=0 limit=500");
    fx_free(f);
}

static void an_end_mark_with_an_absurd_version_takes_a_list(void)
{
    struct fx *f = started(0);
    char rv[TARN_RV_BYTES_MAX + 2];

    memset(rv, '7', sizeof rv - 1);
    rv[sizeof rv - 1] = '\0';
    CU_ASSERT(fake_event(&f->lw, TARN_WATCH_BOOKMARK,
                         fake_object("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":\"%s\","
                                     "\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}",
                                     rv)) < 0);
    fx_go(f);
    FX_LAST(f, "LIST rv=0 limit=500");
    fx_free(f);
}

TARN_TEST_MAIN("watchlist", TARN_TEST(a_streaming_list_asks_as_the_protocol_wants),
               TARN_TEST(a_source_that_does_not_know_streaming_lists_is_listed),
               TARN_TEST(the_end_mark_makes_the_list_visible_and_the_stream_goes_on), TARN_TEST(an_empty_streaming_list_is_a_list),
               TARN_TEST(changes_before_the_end_mark_count), TARN_TEST(a_store_that_cannot_unstage_is_listed_in_pages), TARN_TEST(a_store_that_refuses_to_unstage_fails_the_list),
               TARN_TEST(a_later_streaming_list_names_our_version),
               TARN_TEST(a_version_in_the_future_is_asked_for_without_it_at_once),
               TARN_TEST(originally_an_expired_empty_version_is_asked_for_at_once),
               TARN_TEST(a_refused_streaming_list_is_tried_again_after_a_wait), TARN_TEST(another_error_takes_a_list_in_this_round),
               TARN_TEST(a_very_short_or_undecodable_stream_takes_a_list_in_this_round),
               TARN_TEST(a_server_that_does_not_know_streaming_lists_is_remembered),
               TARN_TEST(two_streams_without_an_end_mark_are_remembered),
               TARN_TEST(a_success_forgets_the_streams_that_closed_before), TARN_TEST(a_silent_stream_is_given_up_after_a_minute),
               TARN_TEST(originally_a_stream_without_end_mark_is_tried_for_ever),
               TARN_TEST(an_endless_streaming_list_is_cut_when_overdue), TARN_TEST(a_streaming_relist_that_closes_early_is_not_live), TARN_TEST(streamed_items_of_another_type_are_skipped),
               TARN_TEST(a_store_that_refuses_a_streaming_list_is_tried_again), TARN_TEST(a_stop_within_a_streaming_list_aborts_it),
               TARN_TEST(each_object_is_given_to_the_store_once), TARN_TEST(a_streaming_list_that_cannot_be_started_takes_a_list),
               TARN_TEST(an_end_mark_with_an_absurd_version_takes_a_list))
