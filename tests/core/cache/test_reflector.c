/* The reflector's life, its lists and its timers: rows ... and numbers of 8.2.
 * The watch is in test_reflector_watch.c, streaming lists in test_watchlist.c, faults in test_reflector_random.c. */
#include "reflector_fixture.h"

#include <stdio.h>
#include <string.h>

#include "tarn_test.h"

/* ---- identity ------------------------------------------------------------------------ */

/* */
static void a_reflector_has_the_name_it_was_given_or_its_kind(void)
{
    static const struct {
        const char *name, *kind, *expected;
    } rows[] = {{"pods", "Pod", "pods"}, {NULL, "Pod", "Pod"}, {"", "Pod", "Pod"}, {NULL, NULL, "<unspecified>"}};

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fx *f = fx_new(NULL);
        struct tarn_reflector_options o = f->o;
        struct tarn_reflector *r;

        o.name = rows[i].name;
        o.expected_kind = rows[i].kind;
        CU_ASSERT_EQUAL_FATAL(tarn_reflector_new(&o, &r, NULL), 0);
        CU_ASSERT_STRING_EQUAL(tarn_reflector_name(r), rows[i].expected);
        tarn_reflector_free(r);
        fx_free(f);
    }
}

static void a_reflector_without_its_parts_is_refused(void)
{
    struct fx *f = fx_new(NULL);
    struct tarn_reflector *r = NULL;
    struct tarn_reflector_options o;
    struct tarn_error err;
    char version[TARN_RV_BYTES_MAX + 1];

    for (int part = 0; part < 3; part++) {
        o = f->o;
        if (part == 0)
            o.list_watch = NULL;
        else if (part == 1)
            o.store = NULL;
        else
            o.rt = NULL;
        CU_ASSERT_EQUAL(tarn_reflector_new(&o, &r, &err), TARN_E_INVAL);
    }
    memset(version, '1', sizeof version);
    o = f->o;
    o.resume_resource_version = (struct tarn_bytes){version, sizeof version};
    CU_ASSERT_EQUAL(tarn_reflector_new(&o, &r, &err), TARN_E_INVAL);
    CU_ASSERT_PTR_NULL(r);
    tarn_reflector_free(NULL);
    fx_free(f);
}

/* ---- what a list asks for -------------------------------------------------------------------- */

/* R-11, 8.2: no version yet: "0", and 500 a page */
static void the_first_list_asks_for_0_in_pages_of_500(void)
{
    struct fx *f = fx_started(NULL);

    FX_LAST(f, "LIST rv=0 limit=500");
    CU_ASSERT_STRING_EQUAL(fake_last(&f->lw)->match, "");
    fx_free(f);
}

/* afterwards "not older than ours", without limit so that the watch cache may answer */
static void a_relist_names_our_version_without_limit(void)
{
    struct fx *f = fx_new(NULL);

    fx_watch(f, "a/x@3", "10");
    CU_ASSERT_EQUAL(fx_error_event(f, 500, "InternalError"), TARN_E_STATUS);
    (void)fx_next(f);
    FX_LAST(f, "LIST rv=10 limit=0");
    CU_ASSERT_EQUAL(fx_status(f).counters.relists, 1);
    fx_free(f);
}

/* a page size of one's own holds for every list */
static void a_page_size_of_ones_own_is_used_always(void)
{
    struct fx *f = fx_new(&(struct tarn_reflector_options){.page_size = 3});

    fx_watch(f, "", "10");
    CU_ASSERT_EQUAL(f->lw.requests[0].limit, 3);
    (void)fx_error_event(f, 500, "InternalError");
    (void)fx_next(f);
    FX_LAST(f, "LIST rv=10 limit=3");
    fx_free(f);
}

/* "0" answered in pages: there is no watch cache, so page always */
static void pages_for_version_0_are_remembered(void)
{
    struct fx *f = fx_started(NULL);

    fx_page(f, "", "10", "T");
    FX_LAST(f, "LIST rv= limit=500 cont=T");
    fx_page(f, "", "10", "");
    fake_open(&f->lw);
    (void)fx_error_event(f, 500, "InternalError");
    (void)fx_next(f);
    FX_LAST(f, "LIST rv=10 limit=500");
    fx_free(f);
}

/* ---- L-7: pages and the store ------------------------------------------------------------- */

/* all pages are one Replace at the first page's version */
static void all_pages_become_visible_together(void)
{
    struct fx *f = fx_started(NULL);

    fx_page(f, "a/x@3 a/y@4", "10", "T");
    fx_items(f, "a/z@5");
    FX_STORE(f, "");
    CU_ASSERT_FALSE(fx_status(f).has_synced);
    fake_page_end(&f->lw, "11", "");
    FX_STORE(f, "a/x@3 a/y@4 a/z@5");
    CU_ASSERT_STRING_EQUAL(f->store.rv, "10");
    CU_ASSERT(fx_status(f).has_synced);
    CU_ASSERT_EQUAL(fx_status(f).counters.list_pages, 2);
    CU_ASSERT_EQUAL(fx_status(f).counters.lists, 1);
    CU_ASSERT_EQUAL(fx_status(f).counters.last_list_items, 3);
    CU_ASSERT_EQUAL(fx_status(f).counters.lists_ok, 1);
    CU_ASSERT_EQUAL(fx_status(f).counters.list_items, 3);
    CU_ASSERT_EQUAL(fx_status(f).last_list_ms, f->rt.now_ms);
    fx_go(f);
    FX_LAST(f, "WATCH rv=10");
    fx_free(f);
}

/* A list whose first page is here and whose second is asked for. */
static struct fx *second_page(void)
{
    struct fx *f = fx_started(NULL);

    fx_page(f, "a/x@3", "10", "T");
    FX_LAST(f, "LIST rv= limit=500 cont=T");
    return f;
}

/* a throttled page is asked for again when the server said, ten times at most; what came before is kept */
static void a_throttled_page_is_asked_for_again(void)
{
    static const struct {
        enum tarn_status_reason reason;
        int code;
    } rows[] = {{TARN_REASON_TOO_MANY_REQUESTS, 429}, {TARN_REASON_SERVICE_UNAVAILABLE, 503}};

    for (unsigned i = 0; i < 2; i++) {
        struct tarn_status s = tarn_status_failure(rows[i].reason, TARN_BYTES("slow down"));
        struct tarn_end end = {.reason = TARN_END_STATUS, .status = &s, .retry_after_ms = 2000};
        struct fx *f = second_page();

        for (int n = 0; n < 10; n++) {
            fake_list_failed(&f->lw, &end);
            CU_ASSERT_EQUAL(fx_status(f).last_http_code, (uint32_t)rows[i].code);
            CU_ASSERT_EQUAL(fx_next(f), 2000);
            FX_LAST(f, "LIST rv= limit=500 cont=T");
        }
        CU_ASSERT_EQUAL(f->store.aborts, 0);
        CU_ASSERT_EQUAL(f->round_ends, 0);
        if (i) { /* one too many */
            fake_list_failed(&f->lw, &end);
            CU_ASSERT_EQUAL(f->store.aborts, 1);
            CU_ASSERT_EQUAL(fx_next(f), 2000);
            FX_LAST(f, "LIST rv=0 limit=500");
        } else {
            fx_items(f, "a/y@4");
            fake_page_end(&f->lw, "10", "");
            FX_STORE(f, "a/x@3 a/y@4");
            CU_ASSERT_EQUAL(fx_status(f).counters.lists, 1);
        }
        fx_free(f);
    }
}

/* a page cut in the middle is asked for again after a second; its items come twice and count once */
static void a_cut_page_is_asked_for_again(void)
{
    struct tarn_error err = {.code = TARN_E_IO, .message = "connection reset by peer"};

    for (int normal = 0; normal < 2; normal++) {
        struct fx *f = second_page();

        fx_items(f, "a/y@4");
        fake_list_failed(&f->lw, &(struct tarn_end){.reason = normal ? TARN_END_NORMAL : TARN_END_ERROR, .error = &err});
        CU_ASSERT_EQUAL(fx_next(f), 1000);
        FX_LAST(f, "LIST rv= limit=500 cont=T");
        fx_items(f, "a/y@4 a/z@5");
        fake_page_end(&f->lw, "10", "");
        FX_STORE(f, "a/x@3 a/y@4 a/z@5");
        CU_ASSERT_EQUAL(fx_status(f).counters.last_list_items, 3);
        fx_free(f);
    }
}

/* not when the server wants a long wait, refuses, or sends what cannot be read */
static void other_failures_of_a_page_begin_the_list_anew(void)
{
    struct tarn_status s = tarn_status_failure(TARN_REASON_TOO_MANY_REQUESTS, TARN_BYTES("slow down"));
    struct tarn_error err = {.code = TARN_E_IO, .message = "x"};
    const struct tarn_end rows[] = {{.reason = TARN_END_STATUS, .status = &s, .retry_after_ms = 60001},
                                    {.reason = TARN_END_STATUS, .status = &s},
                                    {.reason = TARN_END_REFUSED, .error = &err},
                                    {.reason = TARN_END_UNDECODABLE, .error = &err}};

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fx *f = second_page();

        fake_list_failed(&f->lw, &rows[i]);
        CU_ASSERT_EQUAL(f->store.aborts, 1);
        (void)fx_next(f);
        FX_LAST(f, "LIST rv=0 limit=500");
        fx_free(f);
    }
}

/* L-7: an error of a later page is never a partial Replace */
static void a_failed_page_leaves_the_store_as_it_was(void)
{
    struct fx *f = fx_started(NULL);

    fx_page(f, "a/x@3", "10", "T");
    fake_list_status(&f->lw, 503, "ServiceUnavailable");
    FX_STORE(f, "");
    CU_ASSERT_EQUAL(f->store.aborts, 1);
    CU_ASSERT_FALSE(fx_status(f).has_synced);
    CU_ASSERT_EQUAL(fx_next(f), 800);
    FX_LAST(f, "LIST rv=0 limit=500");
    fx_free(f);
}

/* an expired token: what came is void, one full list at the version first asked for */
static void an_expired_page_is_followed_by_a_full_list(void)
{
    struct fx *f = fx_started(NULL);

    fx_page(f, "a/old@3", "10", "T");
    fake_list_status(&f->lw, 410, "Expired");
    CU_ASSERT_EQUAL(fx_wait(f), 0);
    fx_go(f);
    FX_LAST(f, "LIST rv=0 limit=0");
    fx_items(f, "a/new@20");
    fake_page_end(&f->lw, "21", "");
    FX_STORE(f, "a/new@20");
    CU_ASSERT_STRING_EQUAL(fx_rv(f), "21");
    CU_ASSERT_EQUAL(fx_status(f).counters.last_list_items, 1);
    fx_free(f);
}

/* R-12 then R-13: the full list expired as well: list again with "" and the page size the round began with */
static void an_expired_full_list_is_followed_by_one_without_version(void)
{
    struct fx *f = fx_started(NULL);

    fx_page(f, "", "10", "T");
    fake_list_status(&f->lw, 410, "Expired");
    fx_go(f);
    fake_list_status(&f->lw, 410, "Expired");
    fx_go(f);
    FX_LAST(f, "LIST rv= limit=500");
    fx_free(f);
}

/* ---- our version cannot be had --------------------------------------------------------- */

/* Expired, Gone or a bare 410: at once and once again with "", page size kept */
static void an_expired_version_is_listed_again_at_once_without_it(void)
{
    static const struct {
        int code;
        const char *reason;
    } rows[] = {{410, "Expired"}, {410, "Gone"}, {410, ""}, {410, "SomethingNew"}};

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fx *f = fx_new(NULL);

        fx_watch(f, "", "10");
        (void)fx_error_event(f, 500, "InternalError");
        (void)fx_next(f);
        fake_list_status(&f->lw, rows[i].code, rows[i].reason);
        CU_ASSERT_EQUAL(fx_wait(f), 0);
        fx_go(f);
        FX_LAST(f, "LIST rv= limit=0"); /* unlimited, because the list at 10 was */
        CU_ASSERT_EQUAL(fx_status(f).counters.expired, 1);
        fx_page(f, "", "30", "");
        FX_LAST(f, "WATCH rv=30");
        fx_free(f);
    }
}

static void fail_with_cause(struct fx *f, const char *reason, const char *cause, const char *message)
{
    struct tarn_status_cause c = {.reason = tarn_bytes_of(cause), .message = tarn_bytes_of(message)};
    struct tarn_status s = {.code = 504,
                            .reason = tarn_status_reason_parse(tarn_bytes_of(reason)),
                            .reason_text = tarn_bytes_of(reason),
                            .message = tarn_bytes_of("Too large resource version"),
                            .causes = &c,
                            .ncauses = 1,
                            .retry_after_s = 1};

    fake_list_failed(&f->lw, &(struct tarn_end){.reason = TARN_END_STATUS, .status = &s});
}

/* by cause, or as servers 1.17.0 - 1.18.5 say it; another Timeout is an ordinary error */
static void a_version_in_the_servers_future_is_listed_again_at_once_without_it(void)
{
    static const struct {
        const char *reason, *cause, *message;
        bool at_once;
    } rows[] = {{"Timeout", "ResourceVersionTooLarge", "Too large resource version", true},
                {"Timeout", "", "Too large resource version", true},
                {"Timeout", "", "etcd is slow", false}};

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fx *f = fx_new(NULL);

        fx_watch(f, "", "10");
        (void)fx_error_event(f, 500, "InternalError");
        (void)fx_next(f);
        fail_with_cause(f, rows[i].reason, rows[i].cause, rows[i].message);
        CU_ASSERT_EQUAL(fx_wait(f) == 0, rows[i].at_once);
        CU_ASSERT_EQUAL(fx_status(f).counters.too_large, rows[i].at_once);
        (void)fx_next(f);
        CU_ASSERT_STRING_EQUAL(fake_last(&f->lw)->rv, rows[i].at_once ? "" : "10");
        fx_free(f);
    }
}

/* success clears the flag, failure leaves it, so that the next round begins with "" */
static void the_unavailable_flag_stays_until_a_list_succeeds(void)
{
    struct fx *f = fx_new(NULL);

    fx_watch(f, "", "10");
    (void)fx_error_event(f, 500, "InternalError");
    (void)fx_next(f);
    fake_list_status(&f->lw, 410, "Expired");
    fx_go(f);
    fake_list_status(&f->lw, 503, "ServiceUnavailable");
    CU_ASSERT(fx_wait(f) >= 800);
    (void)fx_next(f);
    FX_LAST(f, "LIST rv= limit=500");
    fake_list_status(&f->lw, 410, "Expired"); /* to "" already: no reason to ask at once again */
    CU_ASSERT(fx_wait(f) >= 800);
    (void)fx_next(f);
    FX_LAST(f, "LIST rv= limit=500");
    fx_page(f, "", "30", "");
    fake_open(&f->lw);
    (void)fx_error_event(f, 500, "InternalError");
    (void)fx_next(f);
    FX_LAST(f, "LIST rv=30 limit=0");
    fx_free(f);
}

/* R-20 [D], kubernetes#107457: a list that shows an older state is taken and counted: the server was restored */
static void a_list_at_an_older_version_is_taken_and_counted(void)
{
    struct fx *f = fx_new(NULL);

    fx_watch(f, "a/x@90", "100");
    (void)fx_error_event(f, 500, "InternalError");
    (void)fx_next(f);
    fail_with_cause(f, "Timeout", "ResourceVersionTooLarge", "Too large resource version");
    fx_go(f);
    fx_items(f, "a/y@40");
    fake_page_end(&f->lw, "50", "");
    FX_STORE(f, "a/y@40");
    CU_ASSERT_STRING_EQUAL(fx_rv(f), "50");
    CU_ASSERT_EQUAL(fx_status(f).counters.rv_rewinds, 1);
    fx_free(f);
}

/* ---- other list errors ------------------------------------------------------------------------ */

/* 8.2: told, waited for, tried for ever; after a restart none of these is final */
static void every_other_list_error_is_waited_for_and_tried_again(void)
{
    static const struct {
        int code;
        const char *reason;
    } rows[] = {{403, "Forbidden"}, {404, "NotFound"},      {401, "Unauthorized"},        {429, "TooManyRequests"},
                {400, "BadRequest"}, {500, "InternalError"}, {503, "ServiceUnavailable"}, {406, "NotAcceptable"}};
    static const uint64_t waits[] = {800, 1600, 3200, 6400, 12800, 25600, 30000, 30000};

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fx *f = fx_started(NULL);

        for (unsigned n = 0; n < 8; n++) {
            fake_list_status(&f->lw, rows[i].code, rows[i].reason);
            CU_ASSERT_EQUAL(fx_status(f).phase, TARN_REFLECTOR_WAITING);
            CU_ASSERT_EQUAL(fx_status(f).failures, n + 1);
            CU_ASSERT_EQUAL(fx_status(f).last_http_code, (uint32_t)rows[i].code);
            CU_ASSERT_EQUAL(f->round_ends, n + 1);
            CU_ASSERT_EQUAL(fx_status(f).counters.list_errors, n + 1);
            CU_ASSERT_EQUAL(f->last.level, TARN_REPORT_ERROR);
            CU_ASSERT_PTR_NOT_NULL(strstr(f->last.error.message, "failed to list pods"));
            CU_ASSERT_EQUAL(fx_next(f), waits[n]);
            FX_LAST(f, "LIST rv=0 limit=500");
        }
        fx_page(f, "", "5", "");
        fake_open(&f->lw);
        CU_ASSERT_EQUAL(fx_status(f).last_error.code, 0);
        CU_ASSERT_EQUAL(fx_status(f).failures, 0);
        fx_free(f);
    }
}

/* the store and our version are kept */
static void a_failed_relist_keeps_the_store_and_the_version(void)
{
    struct fx *f = fx_new(NULL);

    fx_watch(f, "a/x@3", "10");
    (void)fx_error_event(f, 500, "InternalError");
    (void)fx_next(f);
    fake_list_status(&f->lw, 403, "Forbidden");
    FX_STORE(f, "a/x@3");
    CU_ASSERT_STRING_EQUAL(fx_rv(f), "10");
    CU_ASSERT(fx_status(f).has_synced);
    CU_ASSERT_FALSE(fx_status(f).live);
    fx_free(f);
}

/* transport errors and a refusal to start are list errors like others */
static void transport_errors_of_a_list_are_waited_for(void)
{
    static const enum tarn_end_reason rows[] = {TARN_END_REFUSED, TARN_END_ERROR, TARN_END_UNDECODABLE, TARN_END_NORMAL};
    struct tarn_error err = {.code = TARN_E_IO, .message = "no route"};
    struct fx *f;

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        f = fx_new(NULL);
        tarn_reflector_start(f->r);
        fx_go(f);
        fake_list_failed(&f->lw, &(struct tarn_end){.reason = rows[i], .error = i == 3 ? NULL : &err});
        CU_ASSERT_EQUAL(fx_wait(f), 800);
        CU_ASSERT_NOT_EQUAL(fx_status(f).last_error.code, 0);
        fx_free(f);
    }
    f = fx_new(NULL);
    f->lw.refuse = TARN_E_NOMEM;
    tarn_reflector_start(f->r);
    fx_go(f);
    CU_ASSERT_EQUAL(fx_wait(f), 800);
    CU_ASSERT_EQUAL(fx_status(f).last_error.code, TARN_E_NOMEM);
    fx_free(f);
}

/* decision C, R-30: what the server asked for is the least we wait, up to five minutes */
static void retry_after_is_a_floor_of_the_wait(void)
{
    static const struct {
        uint32_t header_ms, details_s;
        uint64_t wait;
    } rows[] = {{0, 0, 800}, {5000, 0, 5000}, {0, 7, 7000}, {500, 0, 800}, {86400000, 0, 300000}, {0, UINT32_MAX, 300000}};

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tarn_status s = tarn_status_failure(TARN_REASON_TOO_MANY_REQUESTS, TARN_BYTES("slow down"));
        struct fx *f = fx_new(NULL);

        s.retry_after_s = rows[i].details_s;
        tarn_reflector_start(f->r);
        fx_go(f);
        fake_list_failed(&f->lw, &(struct tarn_end){.reason = TARN_END_STATUS, .status = &s, .retry_after_ms = rows[i].header_ms});
        CU_ASSERT_EQUAL(fx_wait(f), rows[i].wait);
        fx_free(f);
    }
}

/* what client-go's default handler would make of it */
static void reports_have_the_levels_of_the_default_watch_error_handler(void)
{
    struct tarn_error err = {.code = TARN_E_IO, .message = "unexpected EOF"};
    struct fx *f = fx_new(NULL);

    fx_watch(f, "", "10");
    (void)fx_error_event(f, 410, "Expired");
    CU_ASSERT_EQUAL(f->last.level, TARN_REPORT_DEBUG);
    CU_ASSERT(f->last.ends_round);
    (void)fx_next(f);
    fake_list_failed(&f->lw, &(struct tarn_end){.reason = TARN_END_NORMAL});
    CU_ASSERT_EQUAL(f->last.level, TARN_REPORT_QUIET);
    (void)fx_next(f);
    fake_list_failed(&f->lw, &(struct tarn_end){.reason = TARN_END_NORMAL, .error = &err});
    CU_ASSERT_EQUAL(f->last.level, TARN_REPORT_INFO);
    (void)fx_next(f);
    fake_list_failed(&f->lw, &(struct tarn_end){.reason = TARN_END_ERROR, .error = &err});
    CU_ASSERT_EQUAL(f->last.level, TARN_REPORT_ERROR);
    CU_ASSERT_PTR_NOT_NULL(strstr(f->last.error.message, "unexpected EOF"));
    fx_free(f);
}

/* ---- R-17 ---------------------------------------------------------------------------------------------------- */

/* an empty list version is accepted; the watch begins at "" and the next list at "0" */
static void an_empty_list_version_is_accepted(void)
{
    struct fx *f = fx_new(NULL);

    fx_watch(f, "a/x@3", "");
    FX_LAST(f, "WATCH rv=");
    FX_STORE(f, "a/x@3");
    (void)fx_error_event(f, 500, "InternalError");
    (void)fx_next(f);
    FX_LAST(f, "LIST rv=0 limit=500");
    fx_free(f);
}

/* "unable to sync list result": waited for and tried again; told that the store is behind */
static void a_store_that_refuses_the_commit_is_tried_again(void)
{
    struct fx *f = fx_new(NULL);

    f->store.refuse[FAKE_STORE_COMMIT] = TARN_E_FULL;
    f->store.refusals[FAKE_STORE_COMMIT] = 2;
    tarn_reflector_start(f->r);
    for (unsigned n = 0; n < 2; n++) {
        (void)fx_next(f);
        fx_items(f, "a/x@3");
        fake_page_end(&f->lw, "10", "");
        CU_ASSERT(fx_status(f).behind);
        CU_ASSERT_FALSE(fx_status(f).has_synced);
        CU_ASSERT_EQUAL(fx_status(f).last_error.code, TARN_E_FULL);
        CU_ASSERT_PTR_NOT_NULL(strstr(f->last.error.message, "unable to sync list result"));
        CU_ASSERT_EQUAL(fx_wait(f), n ? 1600 : 800);
    }
    (void)fx_next(f);
    fx_items(f, "a/x@3");
    fake_page_end(&f->lw, "10", "");
    CU_ASSERT_FALSE(fx_status(f).behind);
    FX_STORE(f, "a/x@3");
    CU_ASSERT_EQUAL(fx_status(f).counters.store_errors, 2);
    fx_free(f);
}

/* A store that is full in the middle of a page: the list is given up at once, and tried again */
static void a_store_that_is_full_within_a_page_ends_the_list(void)
{
    struct fx *f = fx_new(NULL);

    f->store.refuse[FAKE_STORE_STAGE] = TARN_E_FULL;
    f->store.refuse_key = "a/y";
    tarn_reflector_start(f->r);
    fx_go(f);
    CU_ASSERT_EQUAL(fake_item(&f->lw, fake_pod("a/x", "u", 3)), 0);
    CU_ASSERT_EQUAL(fake_item(&f->lw, fake_pod("a/y", "u", 4)), TARN_E_FULL);
    CU_ASSERT_EQUAL(f->store.aborts, 1);
    CU_ASSERT(fx_status(f).behind);
    CU_ASSERT_EQUAL(fx_wait(f), 800);
    f->store.refuse[FAKE_STORE_STAGE] = 0;
    (void)fx_next(f);
    fx_items(f, "a/x@3 a/y@4");
    fake_page_end(&f->lw, "10", "");
    FX_STORE(f, "a/x@3 a/y@4");
    fx_free(f);
}

static void a_store_that_cannot_begin_a_list_is_tried_again(void)
{
    struct fx *f = fx_new(NULL);

    f->store.refuse[FAKE_STORE_BEGIN] = TARN_E_NOMEM;
    f->store.refusals[FAKE_STORE_BEGIN] = 1;
    tarn_reflector_start(f->r);
    fx_go(f);
    CU_ASSERT_EQUAL(f->lw.n, 0);
    CU_ASSERT_EQUAL(fx_status(f).counters.list_errors, 1);
    CU_ASSERT_EQUAL(fx_next(f), 800);
    FX_LAST(f, "LIST rv=0 limit=500");
    fx_free(f);
}

/* design 5: one object that the store cannot take for its own sake is that object's error */
static void one_bad_object_does_not_stop_a_list(void)
{
    static const int codes[] = {TARN_E_KEY, TARN_E_NO_META, TARN_E_INDEX, TARN_E_TRANSFORM, TARN_E_SIZE};

    for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct fx *f = fx_new(NULL);

        f->store.refuse[FAKE_STORE_STAGE] = codes[i];
        f->store.refuse_key = "a/bad";
        fx_list(f, "a/bad@2 a/x@3", "10");
        FX_STORE(f, "a/x@3");
        CU_ASSERT_EQUAL(fx_status(f).counters.skipped, 1);
        CU_ASSERT_EQUAL(fx_status(f).counters.store_errors, 1);
        CU_ASSERT_PTR_NOT_NULL(strstr(f->last.error.message, "a/bad"));
        CU_ASSERT_FALSE(fx_status(f).behind);
        fx_free(f);
    }
}

/* decision H: the original fails the whole list */
static void originally_one_bad_object_fails_the_list(void)
{
    struct fx *f = fx_new(&(struct tarn_reflector_options){.original = TARN_ORIGINAL_STORE_ERRORS});

    f->store.refuse[FAKE_STORE_STAGE] = TARN_E_INDEX;
    f->store.refuse_key = "a/bad";
    tarn_reflector_start(f->r);
    fx_go(f);
    CU_ASSERT_EQUAL(fake_item(&f->lw, fake_pod("a/bad", "u", 3)), TARN_E_INDEX);
    CU_ASSERT_EQUAL(fx_wait(f), 800);
    fx_free(f);
}

/* Objects the source had to skip are counted and named */
static void objects_the_source_skipped_are_counted_and_named(void)
{
    struct fx *f = fx_started(NULL);

    f->lw.sink->on_skipped(f->lw.sink, TARN_E_SIZE, TARN_BYTES("a/huge"));
    CU_ASSERT_EQUAL(fx_status(f).counters.skipped, 1);
    CU_ASSERT_EQUAL(f->last.error.code, TARN_E_SIZE);
    CU_ASSERT_PTR_NOT_NULL(strstr(f->last.error.message, "a/huge"));
    fx_free(f);
}

/* a list of kind Table */
static void a_table_is_no_list(void)
{
    struct fx *f = fx_new(NULL);
    struct tarn_list_watch_sink *s;

    tarn_reflector_start(f->r);
    fx_go(f);
    s = f->lw.sink;
    f->lw.sink = NULL;
    s->on_page(s, &(struct tarn_list_meta){.api_version = TARN_BYTES("meta.k8s.io/v1"),
                                           .kind = TARN_BYTES("Table"),
                                           .resource_version = TARN_BYTES("9")});
    CU_ASSERT_FALSE(fx_status(f).has_synced);
    CU_ASSERT_PTR_NOT_NULL(strstr(f->last.error.message, "unsupported list gvk"));
    CU_ASSERT_EQUAL(fx_wait(f), 800);
    fx_free(f);
}

/* A server that hands out the same continue token again would be asked for ever */
static void a_repeated_continue_token_fails_the_list(void)
{
    struct fx *f = fx_started(NULL);

    fx_page(f, "", "10", "T");
    fake_page_end(&f->lw, "10", "T");
    CU_ASSERT_EQUAL(fx_wait(f), 800);
    CU_ASSERT_PTR_NOT_NULL(strstr(f->last.error.message, "continue token"));
    fx_free(f);
}

/* 8.2: a list that took more than 10 s is told */
static void a_slow_list_is_told(void)
{
    struct fx *f = fx_started(NULL);

    f->rt.now_ms += 10000;
    fake_page_end(&f->lw, "10", "");
    CU_ASSERT_EQUAL(f->levels[TARN_REPORT_INFO], 0);
    tarn_reflector_relist(f->r);
    fx_go(f);
    f->rt.now_ms += 10001;
    fake_page_end(&f->lw, "10", "");
    CU_ASSERT_EQUAL(f->levels[TARN_REPORT_INFO], 1);
    CU_ASSERT_EQUAL(fx_status(f).counters.last_list_ms, 10001);
    CU_ASSERT_EQUAL(fx_status(f).counters.list_ms, 20001);
    fx_free(f);
}

/* ---- resync; relist period -------------------------------------------------------------------------------- */

/* armed when watching, again and again, purely local */
static void resync_is_local_and_periodic(void)
{
    struct fx *f = fx_new(&(struct tarn_reflector_options){.resync_period_ms = 60000});
    size_t requests;

    tarn_reflector_start(f->r);
    fx_go(f);
    fx_sleep(f, 200000); /* a slow list: no resync */
    CU_ASSERT_EQUAL(f->store.calls[FAKE_STORE_RESYNC], 0);
    fx_page(f, "", "10", "");
    fake_open(&f->lw);
    requests = f->lw.n;
    fx_sleep(f, 59999);
    CU_ASSERT_EQUAL(f->store.calls[FAKE_STORE_RESYNC], 0);
    fx_sleep(f, 1);
    CU_ASSERT_EQUAL(f->store.calls[FAKE_STORE_RESYNC], 1);
    fx_sleep(f, 120000);
    CU_ASSERT_EQUAL(f->store.calls[FAKE_STORE_RESYNC], 3);
    CU_ASSERT_EQUAL(f->lw.n, requests);
    CU_ASSERT_EQUAL(fx_status(f).counters.resyncs, 3);
    fx_free(f);
}

/* a relist in between begins the period anew; re-opening the watch does not */
static void a_relist_begins_the_resync_period_anew(void)
{
    struct fx *f = fx_new(&(struct tarn_reflector_options){.resync_period_ms = 60000});

    fx_watch(f, "", "10");
    fx_sleep(f, 40000);
    fx_end(f);
    fx_go(f);
    CU_ASSERT_EQUAL(fx_bookmark(f, 10, false), 0);
    fx_sleep(f, 20000);
    CU_ASSERT_EQUAL(f->store.calls[FAKE_STORE_RESYNC], 1);
    fx_sleep(f, 40000);
    tarn_reflector_relist(f->r);
    fx_go(f);
    fx_page(f, "", "11", "");
    fake_open(&f->lw);
    fx_sleep(f, 59999);
    CU_ASSERT_EQUAL(f->store.calls[FAKE_STORE_RESYNC], 1);
    fx_sleep(f, 1);
    CU_ASSERT_EQUAL(f->store.calls[FAKE_STORE_RESYNC], 2);
    fx_free(f);
}

/* armed while watching only: not while a round waits, and not for a watch that is to be opened again it goes on */
static void resync_waits_for_the_watch(void)
{
    struct fx *f = fx_new(&(struct tarn_reflector_options){.resync_period_ms = 2000, .backoff = {.base_ms = 10000}});

    fx_watch(f, "", "10");
    f->rt.now_ms += 1000;
    (void)fx_error_event(f, 500, "InternalError");
    fx_sleep(f, 9999);
    CU_ASSERT_EQUAL(f->store.calls[FAKE_STORE_RESYNC], 0);
    fx_sleep(f, 1);
    fx_page(f, "", "11", "");
    fx_refused(f);
    fx_sleep(f, 2000);
    CU_ASSERT_EQUAL(f->store.calls[FAKE_STORE_RESYNC], 1); /* between two watches: the store is as good as it was */
    fx_free(f);
}

/* a resync that fails ends the watch; a wait; a list */
static void a_failed_resync_leads_to_a_relist(void)
{
    struct fx *f = fx_new(&(struct tarn_reflector_options){.resync_period_ms = 60000});

    fx_watch(f, "", "10");
    f->store.refuse[FAKE_STORE_RESYNC] = TARN_E_CLOSED;
    fx_sleep(f, 60000);
    CU_ASSERT_EQUAL(f->lw.cancels, 1);
    CU_ASSERT_EQUAL(fx_status(f).phase, TARN_REFLECTOR_WAITING);
    CU_ASSERT_EQUAL(fx_next(f), 800);
    FX_LAST(f, "LIST rv=10 limit=0");
    fx_free(f);
}

static bool never(void *ctx)
{
    (void)ctx;
    return false;
}

/* ShouldResync */
static void should_resync_may_say_no(void)
{
    struct fx *f = fx_new(&(struct tarn_reflector_options){.resync_period_ms = 60000, .should_resync = never});

    fx_watch(f, "", "10");
    fx_sleep(f, 250000);
    CU_ASSERT_EQUAL(f->store.calls[FAKE_STORE_RESYNC], 0);
    fx_free(f);
}

/* 8.5 [O]: the seed era's forced relist heals what nobody noticed */
static void the_relist_period_lists_again(void)
{
    struct fx *f = fx_new(&(struct tarn_reflector_options){.relist_period_ms = 100000});

    fx_watch(f, "a/x@3", "10");
    fx_sleep(f, 99999);
    FX_LAST(f, "WATCH rv=10");
    fx_sleep(f, 1);
    FX_LAST(f, "LIST rv=10 limit=0");
    CU_ASSERT_EQUAL(f->lw.cancels, 1);
    CU_ASSERT(fx_status(f).live);
    fx_page(f, "a/y@12", "13", "");
    FX_STORE(f, "a/y@12");
    fake_open(&f->lw);
    fx_sleep(f, 100000);
    FX_LAST(f, "LIST rv=13 limit=0");
    fx_free(f);
}

/* ---- stop and start ------------------------------------------------------------------------------------ */

/* at any point: what is under way is cancelled, the staging aborted, the store not called any more */
static void a_stop_ends_whatever_is_under_way(void)
{
    for (int at = 0; at < 6; at++) {
        struct fx *f = fx_new(NULL);
        unsigned calls;

        tarn_reflector_start(f->r);
        if (at > 0)
            fx_go(f); /* 1: the list is asked for */
        if (at > 1)
            fx_items(f, "a/x@3"); /* 2: within a page */
        if (at > 2)
            fake_page_end(&f->lw, "10", at == 3 ? "T" : ""); /* 3: between pages */
        if (at > 3)
            fx_go(f); /* 4: the watch is asked for */
        if (at > 4)
            fake_open(&f->lw); /* 5: watching */
        calls = f->store.calls[FAKE_STORE_COMMIT];
        tarn_reflector_stop(f->r);
        CU_ASSERT_EQUAL(fx_status(f).phase, TARN_REFLECTOR_STOPPED);
        CU_ASSERT_EQUAL(tarn_reflector_deadline_ms(f->r), UINT64_MAX);
        CU_ASSERT_FALSE(f->store.staged);
        CU_ASSERT_FALSE(fx_status(f).live);
        CU_ASSERT_PTR_NULL(f->lw.sink);
        f->rt.now_ms += 1000000;
        tarn_reflector_on_timer(f->r);
        tarn_reflector_relist(f->r);
        tarn_reflector_on_timer(f->r);
        CU_ASSERT_EQUAL(f->store.calls[FAKE_STORE_COMMIT], calls);
        CU_ASSERT_PTR_NULL(f->lw.sink);
        tarn_reflector_stop(f->r);
        fx_free(f);
    }
}

/* answers that come all the same find no reflector */
static void late_answers_are_refused(void)
{
    struct fx *f = fx_new(NULL);
    struct tarn_list_watch_sink *s;
    const struct tarn_object *pod = fake_pod("a/x", "u", 11);

    fx_watch(f, "", "10");
    s = f->lw.sink;
    tarn_reflector_stop(f->r);
    CU_ASSERT(s->on_event(s, TARN_WATCH_ADDED, pod) < 0);
    CU_ASSERT(s->on_item(s, pod) < 0);
    s->on_page(s, &(struct tarn_list_meta){.resource_version = TARN_BYTES("99")});
    s->on_list_failed(s, &(struct tarn_end){.reason = TARN_END_NORMAL});
    s->on_watch_open(s);
    s->on_watch_end(s, true, &(struct tarn_end){.reason = TARN_END_NORMAL});
    s->on_skipped(s, TARN_E_SIZE, TARN_BYTES("x"));
    CU_ASSERT_EQUAL(fx_status(f).phase, TARN_REFLECTOR_STOPPED);
    CU_ASSERT_STRING_EQUAL(fx_rv(f), "10");
    FX_STORE(f, "");
    tarn_object_unref(pod);
    fx_free(f);
}

/* starting a stopped reflector is legal; it lists at the version it has */
static void a_stopped_reflector_may_be_started_again(void)
{
    struct fx *f = fx_new(NULL);

    fx_watch(f, "a/x@3", "10");
    tarn_reflector_stop(f->r);
    CU_ASSERT(fx_status(f).has_synced);
    tarn_reflector_start(f->r);
    fx_go(f);
    FX_LAST(f, "LIST rv=10 limit=0");
    fx_items(f, "a/y@12");
    fake_page_end(&f->lw, "13", "");
    FX_STORE(f, "a/y@12");
    tarn_reflector_start(f->r); /* while running: nothing */
    CU_ASSERT_EQUAL(fx_status(f).counters.lists, 2);
    fx_free(f);
}

/* A stop from inside a call of the sink, by way of on_change */
static void stop_in_on_change(void *ctx, struct tarn_reflector *r)
{
    struct fx *f = ctx;
    struct tarn_reflector_status s;

    tarn_reflector_status(r, &s);
    if (s.live)
        tarn_reflector_stop(r);
    f->changes++;
}

static void a_stop_from_on_change_is_possible(void)
{
    struct fx *f = fx_new(NULL);
    struct tarn_reflector_options o = f->o;

    tarn_reflector_free(f->r);
    o.on_change = stop_in_on_change;
    CU_ASSERT_EQUAL_FATAL(tarn_reflector_new(&o, &f->r, NULL), 0);
    fx_watch(f, "a/x@1", "10");
    CU_ASSERT_EQUAL(fx_status(f).phase, TARN_REFLECTOR_STOPPED);
    CU_ASSERT_PTR_NULL(f->lw.sink);
    fx_free(f);
}

/* Many reflectors start spread over the delay they were given */
static void the_start_delay_spreads_the_first_requests(void)
{
    uint64_t seed = 3, least = UINT64_MAX, most = 0;

    for (int i = 0; i < 200; i++) {
        struct fx *f = fx_new(&(struct tarn_reflector_options){.start_delay_ms = 10000});
        uint64_t wait;

        f->rt.fixed = fake_random(&seed);
        tarn_reflector_start(f->r);
        wait = fx_wait(f);
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
        CU_ASSERT_EQUAL(f->lw.n, 0);
        fx_free(f);
    }
    CU_ASSERT(least < 500 && most > 9500 && most < 10000);
}

/* Warm restart: the store holds the state of a version already: watch from there, list only when that is too old */
static void a_resumed_reflector_begins_with_a_watch(void)
{
    struct fx *f = fx_new(&(struct tarn_reflector_options){.resume_resource_version = TARN_BYTES("70"), .resync_period_ms = 5000});

    CU_ASSERT(fx_status(f).has_synced);
    CU_ASSERT_FALSE(fx_status(f).live);
    tarn_reflector_start(f->r);
    fx_go(f);
    FX_LAST(f, "WATCH rv=70");
    fake_open(&f->lw);
    CU_ASSERT(fx_status(f).live);
    CU_ASSERT_EQUAL(fx_event(f, TARN_WATCH_ADDED, "a/x", 71), 0);
    CU_ASSERT_EQUAL(fx_status(f).counters.lists, 0);
    fx_sleep(f, 5000);
    CU_ASSERT_EQUAL(f->store.calls[FAKE_STORE_RESYNC], 1);
    (void)fx_error_event(f, 410, "Expired");
    (void)fx_next(f);
    FX_LAST(f, "LIST rv=71 limit=0");
    fx_free(f);
}

/* Two facts, kept apart: has_synced stays, live goes and comes */
static void has_synced_stays_true_and_live_does_not(void)
{
    struct fx *f = fx_new(NULL);
    uint64_t since;

    fx_list(f, "a/x@3", "10");
    CU_ASSERT(fx_status(f).has_synced);
    CU_ASSERT_FALSE(fx_status(f).live);
    f->rt.now_ms += 5;
    fake_open(&f->lw);
    since = f->rt.now_ms;
    CU_ASSERT(fx_status(f).live);
    CU_ASSERT_EQUAL(fx_status(f).live_changed_ms, since);
    fx_sleep(f, 60000);
    fx_end(f);
    fx_go(f);
    CU_ASSERT(fx_status(f).live); /* a normal renewal */
    fx_sleep(f, 29999);
    CU_ASSERT(fx_status(f).live);
    fx_sleep(f, 1); /* that takes too long */
    CU_ASSERT_FALSE(fx_status(f).live);
    CU_ASSERT_EQUAL(fx_bookmark(f, 10, false), 0);
    CU_ASSERT(fx_status(f).live);
    fx_sleep(f, 60000);
    fx_end(f);
    fx_go(f);
    fx_refused(f);
    CU_ASSERT_FALSE(fx_status(f).live);
    CU_ASSERT(fx_status(f).has_synced);
    CU_ASSERT_NOT_EQUAL(fx_status(f).last_error.code, 0);
    fx_free(f);
}

/* The last error stays until the watch is up again, not only until a list succeeded */
static void the_last_error_stays_until_recovery(void)
{
    struct fx *f = fx_started(NULL);

    fake_list_status(&f->lw, 403, "Forbidden");
    CU_ASSERT_EQUAL(fx_status(f).last_http_code, 403);
    CU_ASSERT_EQUAL(fx_status(f).last_error_at_ms, f->rt.now_ms);
    CU_ASSERT_NOT_EQUAL(fx_status(f).next_ms, 0);
    (void)fx_next(f);
    fake_page_end(&f->lw, "10", "");
    CU_ASSERT_EQUAL(fx_status(f).last_http_code, 403);
    fx_go(f);
    fake_open(&f->lw);
    CU_ASSERT_EQUAL(fx_status(f).last_error.code, 0);
    CU_ASSERT_EQUAL(fx_status(f).last_http_code, 0);
    CU_ASSERT_EQUAL(fx_status(f).next_ms, 0);
    fx_free(f);
}

TARN_TEST_MAIN(
    "reflector", TARN_TEST(a_reflector_has_the_name_it_was_given_or_its_kind), TARN_TEST(a_reflector_without_its_parts_is_refused),
    TARN_TEST(the_first_list_asks_for_0_in_pages_of_500), TARN_TEST(a_relist_names_our_version_without_limit),
    TARN_TEST(a_page_size_of_ones_own_is_used_always), TARN_TEST(pages_for_version_0_are_remembered),
    TARN_TEST(all_pages_become_visible_together), TARN_TEST(a_throttled_page_is_asked_for_again),
    TARN_TEST(a_cut_page_is_asked_for_again), TARN_TEST(other_failures_of_a_page_begin_the_list_anew), TARN_TEST(a_failed_page_leaves_the_store_as_it_was),
    TARN_TEST(an_expired_page_is_followed_by_a_full_list), TARN_TEST(an_expired_full_list_is_followed_by_one_without_version),
    TARN_TEST(an_expired_version_is_listed_again_at_once_without_it),
    TARN_TEST(a_version_in_the_servers_future_is_listed_again_at_once_without_it),
    TARN_TEST(the_unavailable_flag_stays_until_a_list_succeeds), TARN_TEST(a_list_at_an_older_version_is_taken_and_counted),
    TARN_TEST(every_other_list_error_is_waited_for_and_tried_again), TARN_TEST(a_failed_relist_keeps_the_store_and_the_version),
    TARN_TEST(transport_errors_of_a_list_are_waited_for), TARN_TEST(retry_after_is_a_floor_of_the_wait),
    TARN_TEST(reports_have_the_levels_of_the_default_watch_error_handler), TARN_TEST(an_empty_list_version_is_accepted),
    TARN_TEST(a_store_that_refuses_the_commit_is_tried_again), TARN_TEST(a_store_that_is_full_within_a_page_ends_the_list),
    TARN_TEST(a_store_that_cannot_begin_a_list_is_tried_again), TARN_TEST(one_bad_object_does_not_stop_a_list),
    TARN_TEST(originally_one_bad_object_fails_the_list), TARN_TEST(objects_the_source_skipped_are_counted_and_named),
    TARN_TEST(a_table_is_no_list), TARN_TEST(a_repeated_continue_token_fails_the_list), TARN_TEST(a_slow_list_is_told),
    TARN_TEST(resync_is_local_and_periodic), TARN_TEST(resync_waits_for_the_watch), TARN_TEST(a_relist_begins_the_resync_period_anew),
    TARN_TEST(a_failed_resync_leads_to_a_relist), TARN_TEST(should_resync_may_say_no), TARN_TEST(the_relist_period_lists_again),
    TARN_TEST(a_stop_ends_whatever_is_under_way), TARN_TEST(late_answers_are_refused),
    TARN_TEST(a_stopped_reflector_may_be_started_again), TARN_TEST(a_stop_from_on_change_is_possible),
    TARN_TEST(the_start_delay_spreads_the_first_requests), TARN_TEST(a_resumed_reflector_begins_with_a_watch),
    TARN_TEST(has_synced_stays_true_and_live_does_not), TARN_TEST(the_last_error_stays_until_recovery))
