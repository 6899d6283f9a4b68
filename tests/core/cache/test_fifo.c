/* FIFO: F-1 ... F-16. */
#include <tarn/fifo.h>

#include <stdio.h>

#include "cache_fixture.h"
#include "fake_runtime.h"
#include "fault.h"
#include "tarn_test.h"

struct fifo {
    struct tarn_fifo *f;
    struct tarn_queue *q;
    struct tarn_store *s;
};

static struct fifo fifo(const struct tarn_fifo_options *o)
{
    struct fifo f = {0};

    CU_ASSERT_EQUAL_FATAL(tarn_fifo_new(o, &f.f, NULL), 0);
    f.q = tarn_fifo_queue(f.f);
    f.s = &f.q->store;
    return f;
}

static int add_if_not_present(struct fifo *f, const char *word)
{
    const struct tarn_object *obj = thing(word);
    int code = tarn_fifo_add_if_not_present(f->f, obj, NULL);

    tarn_object_unref(obj);
    return code;
}

/* TestFIFO_basic, F-1, F-2, F-5, F-7 */
static void objects_come_out_in_the_order_their_keys_came_in(void)
{
    struct fifo f = fifo(NULL);

    CU_ASSERT_EQUAL(add(f.s, "a@1"), 0);
    CU_ASSERT_EQUAL(add(f.s, "b@2"), 0);
    CU_ASSERT_EQUAL(add(f.s, "c@3"), 0);
    CU_ASSERT_STRING_EQUAL(list_of(f.s), "a@1 b@2 c@3");
    CU_ASSERT_STRING_EQUAL(pops(f.q, 3), "Sync a@1; Sync b@2; Sync c@3");
    CU_ASSERT_STRING_EQUAL(list_of(f.s), ""); /* F-5: what is popped is gone */
    CU_ASSERT_STRING_EQUAL(got(f.s, "a"), "none");
    tarn_store_free(f.s);
}

/* TestFIFO_addUpdate, F-1 */
static void an_update_replaces_the_object_and_keeps_its_place(void)
{
    struct fifo f = fifo(NULL);

    CU_ASSERT_EQUAL(add(f.s, "a@1"), 0);
    CU_ASSERT_EQUAL(add(f.s, "b@1"), 0);
    CU_ASSERT_EQUAL(update(f.s, "a@15"), 0);
    CU_ASSERT_STRING_EQUAL(got(f.s, "a"), "a@15");
    CU_ASSERT_STRING_EQUAL(list_of(f.s), "a@15 b@1");
    CU_ASSERT_STRING_EQUAL(pops(f.q, 2), "Sync a@15; Sync b@1");
    CU_ASSERT_EQUAL(del(f.s, "a"), 0);
    CU_ASSERT_STRING_EQUAL(got(f.s, "a"), "none");
    tarn_store_free(f.s);
}

/* TestFIFO_addReplace, F-6 */
static void a_replace_puts_the_list_in_the_place_of_all_that_waits_in_its_order(void)
{
    struct fifo f = fifo(NULL);

    CU_ASSERT_EQUAL(add(f.s, "z@1"), 0);
    CU_ASSERT_EQUAL(replace(f.s, "c@2 a@2 b@2 a@3"), 0);
    CU_ASSERT_STRING_EQUAL(keys_of(f.s), "a b c");
    CU_ASSERT_STRING_EQUAL(pops(f.q, 3), "Sync c@2; Sync a@3; Sync b@2");
    CU_ASSERT_EQUAL(replace(f.s, "a@4 keyless"), TARN_E_KEY); /* all keys first */
    CU_ASSERT_STRING_EQUAL(list_of(f.s), "");
    tarn_store_free(f.s);
}

/* TestFIFO_detectLineJumpers, F-3 */
static void a_key_deleted_and_added_again_is_served_at_its_old_place(void)
{
    struct fifo f = fifo(NULL);

    CU_ASSERT_EQUAL(add(f.s, "a@10"), 0);
    CU_ASSERT_EQUAL(add(f.s, "b@1"), 0);
    CU_ASSERT_EQUAL(add(f.s, "c@11"), 0);
    CU_ASSERT_EQUAL(update(f.s, "a@13"), 0);
    CU_ASSERT_STRING_EQUAL(pop(f.q), "Sync a@13");
    CU_ASSERT_EQUAL(add(f.s, "a@14"), 0); /* popped before: to the end of the line */
    CU_ASSERT_STRING_EQUAL(pop(f.q), "Sync b@1");
    CU_ASSERT_EQUAL(del(f.s, "c"), 0);
    CU_ASSERT_EQUAL(add(f.s, "c@30"), 0); /* never popped: the old place is still there */
    CU_ASSERT_STRING_EQUAL(pops(f.q, 2), "Sync c@30; Sync a@14");
    CU_ASSERT_EQUAL(add(f.s, "d@1"), 0); /* the second place of c is passed over */
    CU_ASSERT_STRING_EQUAL(pop(f.q), "Sync d@1");
    tarn_store_free(f.s);
}

/* TestFIFO_addIfNotPresent, F-4 */
static void add_if_not_present_leaves_what_waits(void)
{
    struct fifo f = fifo(NULL);

    CU_ASSERT_EQUAL(add(f.s, "a@1"), 0);
    CU_ASSERT_EQUAL(add_if_not_present(&f, "b@2"), 0);
    CU_ASSERT_EQUAL(add_if_not_present(&f, "a@9"), 0);
    CU_ASSERT_STRING_EQUAL(pops(f.q, 2), "Sync a@1; Sync b@2");
    tarn_store_free(f.s);
    f = fifo(NULL);
    CU_ASSERT_EQUAL(add_if_not_present(&f, "b@2"), 0); /* F-11: it populates */
    CU_ASSERT_TRUE(tarn_queue_has_synced(f.q));
    tarn_store_free(f.s);
}

/* TestFIFO_requeueOnPop, F-8 */
static void a_process_function_can_ask_for_its_object_to_be_queued_again(void)
{
    struct fifo f = fifo(NULL);
    int code;

    CU_ASSERT_EQUAL(add(f.s, "a@1"), 0);
    CU_ASSERT_STRING_EQUAL(pop_returning(f.q, TARN_E_REQUEUE, &code), "Sync a@1");
    CU_ASSERT_EQUAL(code, 0); /* no inner error */
    CU_ASSERT_STRING_EQUAL(got(f.s, "a"), "a@1");
    CU_ASSERT_STRING_EQUAL(pop_returning(f.q, TARN_E_IO, &code), "Sync a@1");
    CU_ASSERT_EQUAL(code, TARN_E_IO); /* its own error comes back, and the object is gone */
    CU_ASSERT_STRING_EQUAL(got(f.s, "a"), "none");
    tarn_store_free(f.s);
}

static int requeue_with_reason(void *ctx, const struct tarn_deltas *d, bool initial, struct tarn_error *err)
{
    (void)ctx;
    (void)d;
    (void)initial;
    (void)tarn_error_set(err, TARN_E_TIMEOUT, "later");
    return TARN_E_REQUEUE;
}

/* F-8: ErrRequeue's inner error */
static void the_inner_error_of_a_requeue_is_what_the_pop_returns(void)
{
    struct fifo f = fifo(NULL);
    struct tarn_process p = {.fn = requeue_with_reason};
    struct tarn_error err = {0};

    CU_ASSERT_EQUAL(add(f.s, "a@1"), 0);
    CU_ASSERT_EQUAL(tarn_queue_pop(f.q, &p, &err), TARN_E_TIMEOUT);
    CU_ASSERT_STRING_EQUAL(err.message, "later");
    CU_ASSERT_EQUAL(tarn_queue_pop(f.q, &p, NULL), TARN_E_TIMEOUT); /* also for a caller without err */
    CU_ASSERT_STRING_EQUAL(list_of(f.s), "a@1");
    tarn_store_free(f.s);
}

/* TestFIFO_HasSynced, F-10, F-11; F-12 is void (decision H), so the stuck corner is the original's */
static void synced_is_reckoned_from_the_first_operation(void)
{
    static const struct {
        const char *ops; /* A add, U update, D delete b, R replace a b, E replace nothing, P pop, X delete a */
        bool synced;
    } rows[] = {
        {"", false},  {"A", true},   {"U", true},    {"D", true},    {"E", true},   {"R", false},  {"RP", false},
        {"RPP", true}, {"RPPR", true}, {"AR", true},  {"RXP", true}, {"RX", false}, {"RXD", false}, {"RD", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fifo f = fifo(NULL);

        for (const char *op = rows[i].ops; *op; op++)
            switch (*op) {
            case 'A': CU_ASSERT_EQUAL(add(f.s, "a@1"), 0); break;
            case 'U': CU_ASSERT_EQUAL(update(f.s, "a@1"), 0); break;
            case 'D': CU_ASSERT_EQUAL(del(f.s, "b"), 0); break;
            case 'X': CU_ASSERT_EQUAL(del(f.s, "a"), 0); break;
            case 'R': CU_ASSERT_EQUAL(replace(f.s, "a@1 b@1"), 0); break;
            case 'E': CU_ASSERT_EQUAL(replace(f.s, ""), 0); break;
            default: (void)pop(f.q);
            }
        CU_ASSERT_EQUAL(tarn_queue_has_synced(f.q), rows[i].synced);
        tarn_store_free(f.s);
    }
}

/* F-10 */
static void what_the_first_replace_brought_is_flagged_as_initial(void)
{
    struct fifo f = fifo(NULL);

    CU_ASSERT_EQUAL(replace(f.s, "a@1 b@1"), 0);
    CU_ASSERT_EQUAL(add(f.s, "c@1"), 0);
    CU_ASSERT_STRING_EQUAL(pops(f.q, 3), "Sync a@1 (initial); Sync b@1 (initial); Sync c@1");
    tarn_store_free(f.s);
}

static void count_call(void *ctx)
{
    ++*(int *)ctx;
}

static int check_not_told(void *ctx, const struct tarn_deltas *d, bool initial, struct tarn_error *err)
{
    (void)d;
    (void)initial;
    (void)err;
    CU_ASSERT_EQUAL(*(int *)ctx, 0);
    return 0;
}

/* F-16 */
static void the_synced_callback_comes_once_after_the_process_call_that_made_it_so(void)
{
    int told = 0;
    struct fifo f = fifo(&(struct tarn_fifo_options){.watch = {.synced = count_call, .ctx = &told}});

    CU_ASSERT_EQUAL(replace(f.s, "a@1"), 0);
    CU_ASSERT_EQUAL(told, 0);
    CU_ASSERT_EQUAL(tarn_queue_pop(f.q, &(struct tarn_process){.fn = check_not_told, .ctx = &told}, NULL), 0);
    CU_ASSERT_EQUAL(told, 1);
    CU_ASSERT_EQUAL(add(f.s, "b@1"), 0);
    CU_ASSERT_EQUAL(told, 1);
    tarn_store_free(f.s);
}

/* TestFIFO_PopShouldUnblockWhenClosed (with waiters: test_queue_threads.c), F-13 */
static void a_closed_queue_is_drained_and_still_takes_more(void)
{
    struct fifo f = fifo(NULL);
    const struct tarn_object *obj = NULL;
    struct tarn_error err = {0};

    CU_ASSERT_EQUAL(add(f.s, "a@1"), 0);
    CU_ASSERT_FALSE(tarn_queue_is_closed(f.q));
    tarn_queue_close(f.q);
    tarn_queue_close(f.q);
    CU_ASSERT_TRUE(tarn_queue_is_closed(f.q));
    CU_ASSERT_STRING_EQUAL(pops(f.q, 2), "Sync a@1; closed");
    CU_ASSERT_EQUAL(add(f.s, "b@1"), 0);
    CU_ASSERT_STRING_EQUAL(pops(f.q, 2), "Sync b@1; closed");
    CU_ASSERT_EQUAL(tarn_fifo_pop(f.f, &obj, &err), TARN_E_CLOSED);
    CU_ASSERT_STRING_EQUAL(err.message, "manipulating with closed queue");
    CU_ASSERT_PTR_NULL(obj);
    tarn_store_free(f.s);
}

/* F-9, F-15 */
static void the_simple_pop_gives_the_object(void)
{
    struct fifo f = fifo(NULL);
    const struct tarn_object *obj = NULL;

    CU_ASSERT_EQUAL(replace(f.s, "a@1"), 0);
    CU_ASSERT_EQUAL(tarn_fifo_pop(f.f, &obj, NULL), 0);
    CU_ASSERT_STRING_EQUAL(word_of(obj), "a@1");
    CU_ASSERT_TRUE(tarn_queue_has_synced(f.q));
    CU_ASSERT_EQUAL(add(f.s, "b@1"), 0);
    CU_ASSERT_EQUAL(tarn_queue_pop(f.q, NULL, NULL), 0); /* without a process function: dropped */
    CU_ASSERT_STRING_EQUAL(list_of(f.s), "");
    tarn_object_unref(obj);
    tarn_store_free(f.s);
}

/* F-14: every object has a place, so there is nothing to queue */
static void resync_changes_nothing(void)
{
    struct fifo f = fifo(NULL);

    CU_ASSERT_EQUAL(tarn_store_resync(f.s, NULL), 0);
    CU_ASSERT_FALSE(tarn_queue_has_synced(f.q));
    CU_ASSERT_EQUAL(add(f.s, "a@1"), 0);
    CU_ASSERT_EQUAL(tarn_store_resync(f.s, NULL), 0);
    CU_ASSERT_STRING_EQUAL(pop(f.q), "Sync a@1");
    tarn_store_free(f.s);
}

/* K-7 in a queue: nothing changes, not even synced (edge 17) */
static void an_object_without_key_changes_nothing(void)
{
    struct fifo f = fifo(NULL);

    CU_ASSERT_EQUAL(with(f.s, f.s->ops->add, thing_without_meta()), TARN_E_KEY);
    CU_ASSERT_EQUAL(with(f.s, f.s->ops->del, thing_without_meta()), TARN_E_KEY);
    CU_ASSERT_EQUAL(with(f.s, f.s->ops->add, thing_tombstone("a", NULL)), TARN_E_KEY);
    CU_ASSERT_FALSE(tarn_queue_has_synced(f.q));
    tarn_store_free(f.s);
}

struct slow {
    struct fake_runtime rt;
    int calls;
    size_t depth;
    uint64_t took_ms;
};

static void note_slow(void *ctx, struct tarn_bytes key, size_t depth, uint64_t took_ms)
{
    struct slow *s = ctx;

    CU_ASSERT(key.len > 0);
    s->calls++;
    s->depth = depth;
    s->took_ms = took_ms;
}

static int take_time(void *ctx, const struct tarn_deltas *d, bool initial, struct tarn_error *err)
{
    (void)d;
    (void)initial;
    (void)err;
    ((struct slow *)ctx)->rt.now_ms += ((struct slow *)ctx)->took_ms;
    return 0;
}

/* D-11's figures, Y-3 */
static void a_slow_pop_of_a_deep_queue_is_told(void)
{
    static const struct {
        int queued;
        uint64_t took_ms;
        int calls;
    } rows[] = {{12, 101, 1}, {12, 100, 0}, {11, 500, 0}, {1, 500, 0}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct slow slow = {.rt = fake_runtime_init(), .took_ms = rows[i].took_ms};
        struct fifo f =
            fifo(&(struct tarn_fifo_options){.watch = {.slow_pop = note_slow, .ctx = &slow, .rt = &slow.rt.rt}});
        char word[16];

        for (int k = 0; k < rows[i].queued; k++) {
            snprintf(word, sizeof word, "o%d@1", k);
            CU_ASSERT_EQUAL(add(f.s, word), 0);
        }
        CU_ASSERT_EQUAL(tarn_queue_pop(f.q, &(struct tarn_process){.fn = take_time, .ctx = &slow}, NULL), 0);
        CU_ASSERT_EQUAL(slow.calls, rows[i].calls);
        if (slow.calls)
            CU_ASSERT(slow.depth == 11 && slow.took_ms == 101);
        tarn_store_free(f.s);
    }
}

/* F-2, F-3: ever new keys beside one that stays and one that is deleted and added again: popped keys make room and come back. */
static void keys_that_went_make_room_for_others_and_can_come_again(void)
{
    struct fifo f = fifo(NULL);
    long blocks = 0;

    for (unsigned round = 0; round < 400; round++) {
        char words[3][32], expect[128];

        if (round == 200)
            blocks = tarn_fault_blocks();
        snprintf(words[0], sizeof words[0], "new%u@%u", round, round + 1);
        snprintf(words[1], sizeof words[1], "often@%u", round + 1);
        snprintf(words[2], sizeof words[2], "new%u@%u", round / 2, round + 1);
        CU_ASSERT_EQUAL(add(f.s, "gone@1"), 0);
        CU_ASSERT_EQUAL(del(f.s, "gone"), 0);
        for (size_t i = 0; i < 2; i++)
            CU_ASSERT_EQUAL(add(f.s, words[i]), 0);
        CU_ASSERT_STRING_EQUAL(got(f.s, "gone"), "none");
        snprintf(expect, sizeof expect, "Sync %s; Sync %s", words[0], words[1]);
        CU_ASSERT_STRING_EQUAL(pops(f.q, 2), expect);
        CU_ASSERT_EQUAL(add(f.s, words[2]), 0); /* a key that was here once */
        CU_ASSERT_STRING_EQUAL(list_of(f.s), words[2]);
        CU_ASSERT_EQUAL(tarn_queue_count(f.q), 1);
        snprintf(expect, sizeof expect, "Sync %s", words[2]);
        CU_ASSERT_STRING_EQUAL(pops(f.q, 1), expect);
    }
    CU_ASSERT(tarn_fault_blocks() < blocks + 16); /* what went does not pile up */
    CU_ASSERT_STRING_EQUAL(list_of(f.s), "");
    tarn_store_free(f.s);
}

static void changes_survive_any_failed_allocation(void)
{
    static const char *const words[] = {"a@2", "new@2"};
    long blocks = tarn_fault_blocks();

    for (size_t kind = 0; kind < 3; kind++) {
        bool failed = true;

        for (long n = 0; failed; n++) {
            struct fifo f = fifo(NULL);
            const struct tarn_object *obj = thing(words[kind % 2]);
            const struct tarn_object *two[] = {obj, obj};
            int code;

            CU_ASSERT_EQUAL(replace(f.s, "a@1 b@1"), 0);
            tarn_fault_arm(n);
            code = kind < 2 ? tarn_store_add(f.s, obj, NULL) : tarn_store_replace(f.s, two, 2, TARN_BYTES("2"), NULL);
            failed = tarn_fault_disarm();
            CU_ASSERT_EQUAL(code, failed ? TARN_E_NOMEM : 0);
            if (failed)
                CU_ASSERT_STRING_EQUAL(list_of(f.s), "a@1 b@1");
            tarn_object_unref(obj);
            tarn_store_free(f.s);
        }
    }
    CU_ASSERT_EQUAL(tarn_fault_blocks(), blocks);
}

TARN_TEST_MAIN("fifo", TARN_TEST(objects_come_out_in_the_order_their_keys_came_in),
               TARN_TEST(an_update_replaces_the_object_and_keeps_its_place),
               TARN_TEST(a_replace_puts_the_list_in_the_place_of_all_that_waits_in_its_order),
               TARN_TEST(a_key_deleted_and_added_again_is_served_at_its_old_place),
               TARN_TEST(add_if_not_present_leaves_what_waits),
               TARN_TEST(a_process_function_can_ask_for_its_object_to_be_queued_again),
               TARN_TEST(the_inner_error_of_a_requeue_is_what_the_pop_returns),
               TARN_TEST(synced_is_reckoned_from_the_first_operation),
               TARN_TEST(what_the_first_replace_brought_is_flagged_as_initial),
               TARN_TEST(the_synced_callback_comes_once_after_the_process_call_that_made_it_so),
               TARN_TEST(a_closed_queue_is_drained_and_still_takes_more), TARN_TEST(the_simple_pop_gives_the_object),
               TARN_TEST(resync_changes_nothing), TARN_TEST(an_object_without_key_changes_nothing),
               TARN_TEST(a_slow_pop_of_a_deep_queue_is_told),
               TARN_TEST(keys_that_went_make_room_for_others_and_can_come_again),
               TARN_TEST(changes_survive_any_failed_allocation))
