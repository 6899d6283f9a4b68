/* Heap: H-1 ... H-7. */
#include <tarn/heap.h>

#include <stdio.h>
#include <stdlib.h>

#include "cache_fixture.h"
#include "fake_runtime.h"
#include "fault.h"
#include "tarn_test.h"

/* The resourceVersion is the priority. */
static bool by_version(void *ctx, const struct tarn_object *a, const struct tarn_object *b)
{
    (void)ctx;
    return tarn_object_resource_version(a) < tarn_object_resource_version(b);
}

static struct tarn_heap *heap(void)
{
    struct tarn_heap *h = NULL;

    CU_ASSERT_EQUAL_FATAL(tarn_heap_new((struct tarn_key_func){0}, (struct tarn_less_func){.fn = by_version}, &h, NULL), 0);
    return h;
}

static int put(struct tarn_heap *h, int (*fn)(struct tarn_heap *, const struct tarn_object *, struct tarn_error *),
               const struct tarn_object *obj)
{
    int code = fn(h, obj, NULL);

    tarn_object_unref(obj);
    return code;
}

static int heap_add(struct tarn_heap *h, const char *word)
{
    return put(h, tarn_heap_add, thing(word));
}

static const char *heap_pop(struct tarn_heap *h)
{
    const struct tarn_object *obj = NULL;
    const char *word;
    int code = tarn_heap_pop(h, &obj, NULL);

    if (code)
        return tarn_error_name(code);
    word = word_of(obj);
    tarn_object_unref(obj);
    return word;
}

static const char *heap_list(struct tarn_heap *h)
{
    struct tarn_objects l = {0};

    CU_ASSERT_EQUAL(tarn_heap_list(h, &l), 0);
    return words_of(&l);
}

/* TestHeapBasic, TestHeap_Add, H-1, H-5 */
static void the_least_comes_out_first(void)
{
    struct tarn_heap *h = heap();

    CU_ASSERT_EQUAL(heap_add(h, "foo@10"), 0);
    CU_ASSERT_EQUAL(heap_add(h, "bar@1"), 0);
    CU_ASSERT_EQUAL(heap_add(h, "baz@11"), 0);
    CU_ASSERT_EQUAL(heap_add(h, "zab@30"), 0);
    CU_ASSERT_EQUAL(heap_add(h, "foo@13"), 0); /* in the place of foo@10 */
    CU_ASSERT_STRING_EQUAL(heap_pop(h), "bar@1");
    CU_ASSERT_STRING_EQUAL(heap_pop(h), "baz@11");
    CU_ASSERT_EQUAL(put(h, tarn_heap_delete, thing("baz")), TARN_E_NOTFOUND);
    CU_ASSERT_EQUAL(heap_add(h, "foo@14"), 0);
    CU_ASSERT_STRING_EQUAL(heap_pop(h), "foo@14");
    CU_ASSERT_STRING_EQUAL(heap_pop(h), "zab@30");
    tarn_heap_free(h);
}

/* TestHeap_Update, H-1 */
static void an_update_moves_its_object_either_way(void)
{
    struct tarn_heap *h = heap();

    CU_ASSERT_EQUAL(heap_add(h, "a@10"), 0);
    CU_ASSERT_EQUAL(heap_add(h, "b@20"), 0);
    CU_ASSERT_EQUAL(heap_add(h, "c@30"), 0);
    CU_ASSERT_EQUAL(heap_add(h, "c@1"), 0);
    CU_ASSERT_EQUAL(heap_add(h, "a@40"), 0);
    CU_ASSERT_STRING_EQUAL(heap_pop(h), "c@1");
    CU_ASSERT_STRING_EQUAL(heap_pop(h), "b@20");
    CU_ASSERT_STRING_EQUAL(heap_pop(h), "a@40");
    tarn_heap_free(h);
}

/* TestHeap_BulkAdd, H-2 */
static void a_bulk_add_stops_at_the_first_bad_object_and_keeps_those_before(void)
{
    struct tarn_heap *h = heap();
    const struct tarn_object *objs[] = {thing("a@3"), thing("b@1"), thing_without_meta(), thing("c@2")};

    CU_ASSERT_EQUAL(tarn_heap_bulk_add(h, objs, 4, NULL), TARN_E_KEY);
    CU_ASSERT_STRING_EQUAL(heap_list(h), "a@3 b@1");
    CU_ASSERT_EQUAL(tarn_heap_bulk_add(h, &objs[3], 1, NULL), 0);
    CU_ASSERT_STRING_EQUAL(heap_pop(h), "b@1");
    for (size_t i = 0; i < 4; i++)
        tarn_object_unref(objs[i]);
    tarn_heap_free(h);
}

/* TestHeap_AddIfNotPresent, H-3 */
static void add_if_not_present_leaves_what_is_there(void)
{
    struct tarn_heap *h = heap();

    CU_ASSERT_EQUAL(heap_add(h, "a@5"), 0);
    CU_ASSERT_EQUAL(put(h, tarn_heap_add_if_not_present, thing("a@1")), 0);
    CU_ASSERT_EQUAL(put(h, tarn_heap_add_if_not_present, thing("b@7")), 0);
    CU_ASSERT_STRING_EQUAL(heap_list(h), "a@5 b@7");
    tarn_heap_free(h);
}

/* TestHeap_Delete, H-4 */
static void a_delete_takes_its_object_from_any_place_and_tells_of_a_missing_one(void)
{
    struct tarn_heap *h = heap();
    const struct tarn_object *missing = thing("missing");
    struct tarn_error err = {0};

    for (int i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(heap_add(h, ((const char *[]){"a@1", "b@2", "c@3", "d@4", "e@5"})[i]), 0);
    CU_ASSERT_EQUAL(put(h, tarn_heap_delete, thing("b")), 0);
    CU_ASSERT_EQUAL(put(h, tarn_heap_delete, thing("a")), 0);
    CU_ASSERT_EQUAL(put(h, tarn_heap_delete, thing("e")), 0);
    CU_ASSERT_EQUAL(tarn_heap_delete(h, missing, &err), TARN_E_NOTFOUND);
    CU_ASSERT_STRING_EQUAL(err.message, "object not found");
    CU_ASSERT_STRING_EQUAL(heap_pop(h), "c@3");
    CU_ASSERT_STRING_EQUAL(heap_pop(h), "d@4");
    tarn_object_unref(missing);
    tarn_heap_free(h);
}

/* TestHeap_Get, TestHeap_GetByKey, TestHeap_List, TestHeap_ListKeys, H-7 */
static void a_heap_can_be_asked_like_a_store(void)
{
    struct tarn_heap *h = heap();
    const struct tarn_object *stub = thing("n1/a"), *found = NULL;
    struct tarn_keys keys = {0};

    CU_ASSERT_STRING_EQUAL(heap_list(h), "");
    CU_ASSERT_EQUAL(heap_add(h, "n1/a@4"), 0);
    CU_ASSERT_EQUAL(tarn_heap_get(h, stub, &found, NULL), 0);
    CU_ASSERT_STRING_EQUAL(word_of(found), "n1/a@4");
    tarn_object_unref(found);
    CU_ASSERT_EQUAL(tarn_heap_get_by_key(h, TARN_BYTES("none"), &found), TARN_E_NOTFOUND);
    CU_ASSERT_EQUAL(tarn_heap_list_keys(h, &keys), 0);
    CU_ASSERT(keys.n == 1 && tarn_bytes_equal(keys.v[0], TARN_BYTES("n1/a")));
    tarn_keys_release(&keys);
    tarn_object_unref(stub);
    tarn_heap_free(h);
}

/* TestHeap_Close, TestHeapAddAfterClose, TestHeapEmptyPop (with waiters: test_queue_threads.c), H-5, H-6 */
static void a_closed_heap_is_drained_and_takes_no_more(void)
{
    struct tarn_heap *h = heap();
    const struct tarn_object *obj = thing("b@1");
    struct tarn_error err = {0};

    CU_ASSERT_EQUAL(heap_add(h, "a@1"), 0);
    CU_ASSERT_FALSE(tarn_heap_is_closed(h));
    tarn_heap_close(h);
    CU_ASSERT_TRUE(tarn_heap_is_closed(h));
    CU_ASSERT_EQUAL(tarn_heap_add(h, obj, &err), TARN_E_CLOSED);
    CU_ASSERT_STRING_EQUAL(err.message, "heap is closed");
    CU_ASSERT_EQUAL(tarn_heap_add_if_not_present(h, obj, NULL), TARN_E_CLOSED);
    CU_ASSERT_EQUAL(tarn_heap_bulk_add(h, &obj, 1, NULL), TARN_E_CLOSED);
    CU_ASSERT_EQUAL(put(h, tarn_heap_add, thing_without_meta()), TARN_E_KEY);
    CU_ASSERT_STRING_EQUAL(heap_pop(h), "a@1");
    CU_ASSERT_STRING_EQUAL(heap_pop(h), "TARN_E_CLOSED");
    tarn_object_unref(obj);
    tarn_heap_free(h);
}

/* Against the simplest model: an array searched for its least element. */
static void random_operations_agree_with_a_plain_array(void)
{
    struct tarn_heap *h = heap();
    int model[50]; /* priority by name; 0: not there */
    uint64_t seed = 7;
    char word[32];

    for (int i = 0; i < 50; i++)
        model[i] = 0;
    for (int step = 0; step < 20000; step++) {
        int name = (int)(fake_random(&seed) % 50), least = -1;

        switch (fake_random(&seed) % 4) {
        case 0:
        case 1: /* priorities are all different, so the order is total */
            model[name] = (int)(fake_random(&seed) % 1000) * 50 + name + 1;
            snprintf(word, sizeof word, "k%d@%d", name, model[name]);
            CU_ASSERT_EQUAL(heap_add(h, word), 0);
            break;
        case 2:
            snprintf(word, sizeof word, "k%d", name);
            CU_ASSERT_EQUAL(put(h, tarn_heap_delete, thing(word)), model[name] ? 0 : TARN_E_NOTFOUND);
            model[name] = 0;
            break;
        default:
            for (int i = 0; i < 50; i++)
                if (model[i] && (least < 0 || model[i] < model[least]))
                    least = i;
            if (least < 0)
                break;
            snprintf(word, sizeof word, "k%d@%d", least, model[least]);
            CU_ASSERT_STRING_EQUAL(heap_pop(h), word);
            model[least] = 0;
        }
    }
    tarn_heap_free(h);
}

static void an_add_survives_any_failed_allocation(void)
{
    long blocks = tarn_fault_blocks();
    bool failed = true;

    for (long n = 0; failed; n++) {
        struct tarn_heap *h = heap();
        const struct tarn_object *obj = thing("new@1"), *found = NULL;
        int code;

        for (int i = 0; i < 16; i++) /* the array is full */
            CU_ASSERT_EQUAL(heap_add(h, ((const char *[]){"a@2", "b@2", "c@2", "d@2", "e@2", "f@2", "g@2", "h@2", "i@2", "j@2",
                                                          "k@2", "l@2", "m@2", "n@2", "o@2", "p@2"})[i]),
                            0);
        tarn_fault_arm(n);
        code = tarn_heap_add(h, obj, NULL);
        failed = tarn_fault_disarm();
        CU_ASSERT_EQUAL(code, failed ? TARN_E_NOMEM : 0);
        CU_ASSERT_EQUAL(tarn_heap_get_by_key(h, TARN_BYTES("new"), &found), failed ? TARN_E_NOTFOUND : 0);
        tarn_object_unref(found);
        tarn_object_unref(obj);
        tarn_heap_free(h);
    }
    CU_ASSERT_EQUAL(tarn_fault_blocks(), blocks);
}

TARN_TEST_MAIN("heap", TARN_TEST(the_least_comes_out_first), TARN_TEST(an_update_moves_its_object_either_way),
               TARN_TEST(a_bulk_add_stops_at_the_first_bad_object_and_keeps_those_before),
               TARN_TEST(add_if_not_present_leaves_what_is_there),
               TARN_TEST(a_delete_takes_its_object_from_any_place_and_tells_of_a_missing_one),
               TARN_TEST(a_heap_can_be_asked_like_a_store), TARN_TEST(a_closed_heap_is_drained_and_takes_no_more),
               TARN_TEST(random_operations_agree_with_a_plain_array),
               TARN_TEST(an_add_survives_any_failed_allocation))
