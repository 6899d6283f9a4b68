/* The retry watcher and conditions on events: rows T-1, T-2, T-3; after TestRetryWatcher* and TestUntil*. */
#include <stdio.h>
#include <string.h>

#include <tarn/retry_watcher.h>

#include "fake_list_watch.h"
#include "fake_objects.h"
#include "fake_runtime.h"
#include "fault.h"
#include "tarn_test.h"

struct fixture {
    struct fake_runtime rt;
    struct fake_list_watch lw;
    struct tarn_retry_watcher *w;
    char log[512]; /* "added@11 error:410 end" */
    int refuse;    /* what on_event answers */
    bool stop;     /* stop from inside on_event */
};

static int on_event(void *ctx, enum tarn_watch_event_type type, const struct tarn_object *obj)
{
    static const char *const names[] = {"added", "modified", "deleted", "bookmark", "error", "unknown"};
    struct fixture *f = ctx;
    size_t used = strlen(f->log);
    struct tarn_status s;

    if (type == TARN_WATCH_ERROR && tarn_status_from_object(obj, &s, NULL) == 0) {
        (void)snprintf(f->log + used, sizeof f->log - used, "error:%d ", (int)s.code);
        tarn_status_release(&s);
    } else {
        (void)snprintf(f->log + used, sizeof f->log - used, "%s@%lu ", names[type],
                       (unsigned long)tarn_object_resource_version(obj));
    }
    if (f->stop)
        tarn_retry_watcher_stop(f->w);
    return f->refuse;
}

static void on_end(void *ctx)
{
    strcat(((struct fixture *)ctx)->log, "end ");
}

static struct fixture *make(void)
{
    static struct fixture f;

    memset(&f, 0, sizeof f);
    f.rt = fake_runtime_init();
    fake_list_watch_init(&f.lw, &f.rt.rt);
    CU_ASSERT_EQUAL_FATAL(tarn_retry_watcher_new(&(struct tarn_retry_watcher_options){.list_watch = &f.lw.lw,
                                                                                     .rt = &f.rt.rt,
                                                                                     .resource_version = TARN_BYTES("10"),
                                                                                     .on_event = on_event,
                                                                                     .on_end = on_end,
                                                                                     .ctx = &f},
                                                 &f.w, NULL),
                          0);
    tarn_retry_watcher_on_timer(f.w);
    return &f;
}

/* Milliseconds until the next start, which is then made. UINT64_MAX: none. */
static uint64_t next(struct fixture *f)
{
    uint64_t at = tarn_retry_watcher_deadline_ms(f->w), ms;

    if (at == UINT64_MAX)
        return at;
    ms = at > f->rt.now_ms ? at - f->rt.now_ms : 0;
    f->rt.now_ms += ms;
    tarn_retry_watcher_on_timer(f->w);
    return ms;
}

static void end(struct fixture *f)
{
    fake_watch_end(&f->lw, true, &(struct tarn_end){.reason = TARN_END_NORMAL});
}

/* T-1: "" and "0" name no place to go on from */
static void an_open_version_is_refused(void)
{
    static const char *const rows[] = {"", "0"};
    struct fixture *f = make();
    struct tarn_retry_watcher *w = NULL;

    for (unsigned i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(tarn_retry_watcher_new(&(struct tarn_retry_watcher_options){.list_watch = &f->lw.lw,
                                                                                   .rt = &f->rt.rt,
                                                                                   .resource_version = tarn_bytes_of(rows[i]),
                                                                                   .on_event = on_event},
                                               &w, NULL),
                        TARN_E_INVAL);
    CU_ASSERT_EQUAL(tarn_retry_watcher_new(&(struct tarn_retry_watcher_options){.resource_version = TARN_BYTES("1")}, &w, NULL),
                    TARN_E_INVAL);
    tarn_fault_arm(0);
    CU_ASSERT_EQUAL(tarn_retry_watcher_new(&(struct tarn_retry_watcher_options){.list_watch = &f->lw.lw,
                                                                               .rt = &f->rt.rt,
                                                                               .resource_version = TARN_BYTES("7"),
                                                                               .on_event = on_event},
                                           &w, NULL),
                    TARN_E_NOMEM);
    CU_ASSERT(tarn_fault_disarm());
    tarn_retry_watcher_free(NULL);
    tarn_retry_watcher_free(f->w);
}

/* T-1: from the last version, at least 1 s between starts; bookmarks move it and are kept back */
static void an_ended_stream_goes_on_from_the_last_version(void)
{
    struct fixture *f = make();

    CU_ASSERT_STRING_EQUAL(fake_last_text(&f->lw), "WATCH rv=10");
    CU_ASSERT(fake_last(&f->lw)->bookmarks);
    (void)fake_event(&f->lw, TARN_WATCH_ADDED, fake_pod("a/x", "u", 11));
    (void)fake_event(&f->lw, TARN_WATCH_BOOKMARK, fake_bookmark(15, false));
    f->rt.now_ms += 400;
    end(f);
    CU_ASSERT_EQUAL(next(f), 600);
    CU_ASSERT_STRING_EQUAL(fake_last_text(&f->lw), "WATCH rv=15");
    (void)fake_event(&f->lw, TARN_WATCH_DELETED, fake_pod("a/x", "u", 16));
    f->rt.now_ms += 5000;
    end(f);
    CU_ASSERT_EQUAL(next(f), 0);
    CU_ASSERT_STRING_EQUAL(fake_last_text(&f->lw), "WATCH rv=16");
    CU_ASSERT(tarn_bytes_equal(tarn_retry_watcher_resource_version(f->w), TARN_BYTES("16")));
    CU_ASSERT_STRING_EQUAL(f->log, "added@11 deleted@16 ");
    tarn_retry_watcher_free(f->w);
    CU_ASSERT_EQUAL(f->lw.cancels, 1);
}

/* T-2: ERROR 410 in the stream is forwarded, and the end */
static void an_expired_version_ends_it(void)
{
    struct fixture *f = make();

    CU_ASSERT(fake_event(&f->lw, TARN_WATCH_ERROR, fake_status(410, "Expired", "too old", 0)) < 0);
    CU_ASSERT_STRING_EQUAL(f->log, "error:410 end ");
    CU_ASSERT_EQUAL(next(f), UINT64_MAX);
    tarn_retry_watcher_free(f->w);
}

/* T-2: 403 and 401 at establishment are sent as ERROR, and the end; everything else there is tried again, 410 too */
static void only_a_lack_of_permission_ends_it_at_establishment(void)
{
    static const struct {
        int code;
        const char *reason, *log;
    } rows[] = {{403, "Forbidden", "error:403 end "}, {401, "Unauthorized", "error:401 end "}, {410, "Expired", ""},
                {500, "InternalError", ""},           {503, "ServiceUnavailable", ""},         {404, "NotFound", ""}};

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fixture *f = make();

        fake_watch_status(&f->lw, false, rows[i].code, rows[i].reason);
        CU_ASSERT_STRING_EQUAL(f->log, rows[i].log);
        CU_ASSERT_EQUAL(next(f), rows[i].log[0] ? UINT64_MAX : 1000);
        tarn_retry_watcher_free(f->w);
    }
}

/* T-2: ERROR 500 and 504 are tried again after retryAfterSeconds; any other too */
static void other_error_events_are_tried_again(void)
{
    static const struct {
        int code;
        unsigned seconds;
        uint64_t wait;
    } rows[] = {{500, 0, 1000}, {504, 7, 7000}, {500, 3, 3000}, {429, 0, 1000}, {503, 0, 1000}};
    struct fixture *f;

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        f = make();
        (void)fake_event(&f->lw, TARN_WATCH_ERROR, fake_status(rows[i].code, "", "x", rows[i].seconds));
        CU_ASSERT_STRING_EQUAL(f->log, "");
        CU_ASSERT_EQUAL(next(f), rows[i].wait);
        CU_ASSERT_STRING_EQUAL(fake_last_text(&f->lw), "WATCH rv=10");
        tarn_retry_watcher_free(f->w);
    }
    f = make();
    (void)fake_event(&f->lw, TARN_WATCH_ERROR, fake_pod("a/x", "u", 3)); /* no Status at all */
    CU_ASSERT_EQUAL(next(f), 1000);
    tarn_retry_watcher_free(f->w);
}

/* T-2: an event that does not say where it stands: an InternalError, and the end */
static void an_event_without_version_ends_it(void)
{
    struct fixture *f = make();

    (void)fake_event(&f->lw, TARN_WATCH_ADDED, fake_object("{\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\"}}"));
    CU_ASSERT_STRING_EQUAL(f->log, "error:500 end ");
    tarn_retry_watcher_free(f->w);
    f = make();
    (void)fake_event(&f->lw, TARN_WATCH_UNKNOWN, fake_pod("a/x", "u", 3));
    CU_ASSERT_STRING_EQUAL(f->log, "error:500 end ");
    tarn_retry_watcher_free(f->w);
}

/* T-2: a stop, from outside or from inside, and a consumer that has enough */
static void a_stop_or_a_consumer_that_has_enough_ends_it(void)
{
    struct fixture *f = make();

    tarn_retry_watcher_stop(f->w);
    tarn_retry_watcher_stop(f->w);
    CU_ASSERT_EQUAL(f->lw.cancels, 1);
    CU_ASSERT_EQUAL(next(f), UINT64_MAX);
    CU_ASSERT_STRING_EQUAL(f->log, "");
    tarn_retry_watcher_free(f->w);
    f = make();
    f->refuse = 1;
    CU_ASSERT(fake_event(&f->lw, TARN_WATCH_ADDED, fake_pod("a/x", "u", 11)) < 0);
    CU_ASSERT_STRING_EQUAL(f->log, "added@11 end ");
    tarn_retry_watcher_free(f->w);
    f = make();
    f->stop = true;
    CU_ASSERT(fake_event(&f->lw, TARN_WATCH_ADDED, fake_pod("a/x", "u", 11)) < 0);
    CU_ASSERT_STRING_EQUAL(f->log, "added@11 ");
    tarn_retry_watcher_free(f->w);
}

static void a_watch_that_cannot_be_started_is_tried_again(void)
{
    struct fixture *f = make();

    end(f);
    f->lw.refuse = TARN_E_NOMEM;
    CU_ASSERT_EQUAL(next(f), 1000);
    f->lw.refuse = 0;
    CU_ASSERT_EQUAL(next(f), 1000);
    CU_ASSERT_PTR_NOT_NULL(f->lw.sink);
    tarn_retry_watcher_free(f->w);
}

/* ---- T-3 --------------------------------------------------------------------------------------------------- */

static int is_type(void *ctx, enum tarn_watch_event_type type, const struct tarn_object *obj)
{
    (void)obj;
    if (type == TARN_WATCH_ERROR)
        return TARN_E_STATUS;
    return type == *(enum tarn_watch_event_type *)ctx;
}

static enum tarn_watch_event_type added = TARN_WATCH_ADDED, deleted = TARN_WATCH_DELETED;

static int offer(struct tarn_until *u, enum tarn_watch_event_type type)
{
    const struct tarn_object *pod = fake_pod("a/x", "u", 3);
    int rc = tarn_until_on_event(u, type, pod);

    tarn_object_unref(pod);
    return rc;
}

/* T-3, TestUntil, TestUntilMultipleConditions: one after the other; one event may fulfil several */
static void conditions_must_come_true_in_turn(void)
{
    const struct tarn_condition conditions[] = {{is_type, &added}, {is_type, &added}, {is_type, &deleted}};
    struct tarn_until u = tarn_until_init(conditions, 3);

    CU_ASSERT_EQUAL(tarn_until_on_closed(&u), TARN_E_CLOSED);
    CU_ASSERT_EQUAL(offer(&u, TARN_WATCH_DELETED), 0); /* not its turn */
    CU_ASSERT_EQUAL(u.fulfilled, 0);
    CU_ASSERT_EQUAL(offer(&u, TARN_WATCH_ADDED), 0);
    CU_ASSERT_EQUAL(u.fulfilled, 2);
    CU_ASSERT_EQUAL(offer(&u, TARN_WATCH_DELETED), 1);
    CU_ASSERT_EQUAL(u.last_type, TARN_WATCH_DELETED);
    CU_ASSERT(tarn_bytes_equal(tarn_object_key(u.last), TARN_BYTES("a/x")));
    CU_ASSERT_EQUAL(tarn_until_on_closed(&u), 0);
    tarn_until_release(&u);
}

/* T-3, TestUntilErrorCondition, TestUntilMultipleConditionsFail */
static void a_condition_may_give_up_and_a_closed_stream_does(void)
{
    const struct tarn_condition conditions[] = {{is_type, &added}, {is_type, &deleted}};
    struct tarn_until u = tarn_until_init(conditions, 2);

    CU_ASSERT_EQUAL(offer(&u, TARN_WATCH_ADDED), 0);
    CU_ASSERT_EQUAL(offer(&u, TARN_WATCH_ERROR), TARN_E_STATUS);
    CU_ASSERT_EQUAL(u.last_type, TARN_WATCH_ERROR);
    CU_ASSERT_EQUAL(tarn_until_on_closed(&u), TARN_E_CLOSED);
    tarn_until_release(&u);
    u = tarn_until_init(NULL, 0);
    CU_ASSERT_EQUAL(tarn_until_on_closed(&u), 0);
    tarn_until_release(&u);
}

TARN_TEST_MAIN("retrywatch", TARN_TEST(an_open_version_is_refused), TARN_TEST(an_ended_stream_goes_on_from_the_last_version),
               TARN_TEST(an_expired_version_ends_it), TARN_TEST(only_a_lack_of_permission_ends_it_at_establishment),
               TARN_TEST(other_error_events_are_tried_again), TARN_TEST(an_event_without_version_ends_it),
               TARN_TEST(a_stop_or_a_consumer_that_has_enough_ends_it), TARN_TEST(a_watch_that_cannot_be_started_is_tried_again),
               TARN_TEST(conditions_must_come_true_in_turn), TARN_TEST(a_condition_may_give_up_and_a_closed_stream_does))
