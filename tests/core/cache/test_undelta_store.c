/* UndeltaStore: U-1 ... U-4. */
#include <tarn/undelta_store.h>

#include <stdio.h>
#include <string.h>

#include "cache_fixture.h"
#include "fault.h"
#include "tarn_test.h"

struct pushes {
    size_t calls;
    char last[256];
};

static void push(void *ctx, const struct tarn_objects *objs)
{
    struct pushes *p = ctx;
    size_t n = 0;

    p->calls++;
    p->last[0] = 0;
    for (size_t i = 0; i < objs->n; i++) /* in the store's order: that of insertion here */
        n += (size_t)snprintf(p->last + n, sizeof p->last - n, "%s%s", i ? " " : "", word_of(objs->v[i]));
}

static struct tarn_store *undelta(struct pushes *p)
{
    struct tarn_store *s = NULL;

    CU_ASSERT_EQUAL_FATAL(
        tarn_undelta_store_new((struct tarn_push_func){.fn = push, .ctx = p}, (struct tarn_key_func){0}, &s, NULL), 0);
    return s;
}

/* TestUpdateCallsPush, TestDeleteCallsPush, TestReplaceCallsPush, TestUndeltaStore, U-1, U-4 */
static void every_change_pushes_the_complete_state(void)
{
    struct pushes p = {0};
    struct tarn_store *s = undelta(&p);

    CU_ASSERT_EQUAL(add(s, "a@1"), 0);
    CU_ASSERT_STRING_EQUAL(p.last, "a@1");
    CU_ASSERT_EQUAL(update(s, "b@2"), 0);
    CU_ASSERT_STRING_EQUAL(p.last, "a@1 b@2");
    CU_ASSERT_EQUAL(update(s, "a@3"), 0);
    CU_ASSERT_STRING_EQUAL(p.last, "a@3 b@2");
    CU_ASSERT_EQUAL(del(s, "a"), 0);
    CU_ASSERT_STRING_EQUAL(p.last, "b@2");
    CU_ASSERT_EQUAL(del(s, "unknown"), 0); /* U-4 */
    CU_ASSERT_EQUAL(p.calls, 5);
    CU_ASSERT_EQUAL(replace(s, "c@4 d@4"), 0);
    CU_ASSERT_STRING_EQUAL(p.last, "c@4 d@4");
    CU_ASSERT_EQUAL(replace(s, ""), 0);
    CU_ASSERT_STRING_EQUAL(p.last, "");
    CU_ASSERT_EQUAL(p.calls, 7);
    tarn_store_free(s);
}

/* TestReadsDoNotCallPush, U-2 */
static void reads_do_not_push(void)
{
    struct pushes p = {0};
    struct tarn_store *s = undelta(&p);
    const struct tarn_object *stub = thing("a"), *found = NULL;

    CU_ASSERT_EQUAL(add(s, "a@1"), 0);
    CU_ASSERT_STRING_EQUAL(got(s, "a"), "a@1");
    CU_ASSERT_EQUAL(tarn_store_get(s, stub, &found, NULL), 0);
    tarn_object_unref(found);
    CU_ASSERT_STRING_EQUAL(list_of(s), "a@1");
    CU_ASSERT_STRING_EQUAL(keys_of(s), "a");
    CU_ASSERT_EQUAL(tarn_store_resync(s, NULL), 0);
    CU_ASSERT_EQUAL(p.calls, 1);
    tarn_object_unref(stub);
    tarn_store_free(s);
}

/* U-1: an operation that fails pushes nothing */
static void a_change_that_fails_pushes_nothing(void)
{
    struct pushes p = {0};
    struct tarn_store *s = undelta(&p);

    CU_ASSERT_EQUAL(with(s, s->ops->add, thing_without_meta()), TARN_E_KEY);
    CU_ASSERT_EQUAL(with(s, s->ops->del, thing_without_meta()), TARN_E_KEY);
    CU_ASSERT_EQUAL(replace(s, "a@1 keyless"), TARN_E_KEY);
    CU_ASSERT_EQUAL(p.calls, 0);
    tarn_store_free(s);
}

/* The resourceVersion is the actual store's, S-12 */
static void bookmarks_reach_the_actual_store_and_push_nothing(void)
{
    struct pushes p = {0};
    struct tarn_store *s = undelta(&p);

    CU_ASSERT_EQUAL(s->ops->bookmark(s, TARN_BYTES("8")), 0);
    CU_ASSERT_STRING_EQUAL(rv_of(s), "8");
    CU_ASSERT_EQUAL(p.calls, 0);
    tarn_store_free(s);
}

static void making_one_survives_any_failed_allocation(void)
{
    long blocks = tarn_fault_blocks();
    bool failed = true;

    for (long n = 0; failed; n++) {
        struct tarn_store *s = NULL;
        int code;

        tarn_fault_arm(n);
        code = tarn_undelta_store_new((struct tarn_push_func){.fn = push}, (struct tarn_key_func){0}, &s, NULL);
        failed = tarn_fault_disarm();
        CU_ASSERT_EQUAL(code, failed ? TARN_E_NOMEM : 0);
        tarn_store_free(s);
    }
    CU_ASSERT_EQUAL(tarn_fault_blocks(), blocks);
}

/* The header's word: a change whose list cannot be made stays done and says so */
static void a_change_whose_list_cannot_be_made_is_done_and_not_pushed(void)
{
    struct pushes p = {0};
    struct tarn_store *s = undelta(&p);
    const struct tarn_object *b = thing("b@1");
    bool failed = true, seen = false;

    CU_ASSERT_EQUAL(add(s, "a@1"), 0);
    for (long n = 0; failed; n++) {
        int code;

        tarn_fault_arm(n);
        code = tarn_store_add(s, b, NULL);
        failed = tarn_fault_disarm();
        CU_ASSERT_EQUAL(code, failed ? TARN_E_NOMEM : 0);
        seen |= failed && strcmp(got(s, "b"), "b@1") == 0;
    }
    CU_ASSERT_TRUE(seen);
    CU_ASSERT_EQUAL(p.calls, 2); /* the first add, and the one that went through */
    tarn_object_unref(b);
    tarn_store_free(s);
}

TARN_TEST_MAIN("undelta_store", TARN_TEST(every_change_pushes_the_complete_state), TARN_TEST(reads_do_not_push),
               TARN_TEST(a_change_that_fails_pushes_nothing),
               TARN_TEST(bookmarks_reach_the_actual_store_and_push_nothing),
               TARN_TEST(making_one_survives_any_failed_allocation),
               TARN_TEST(a_change_whose_list_cannot_be_made_is_done_and_not_pushed))
