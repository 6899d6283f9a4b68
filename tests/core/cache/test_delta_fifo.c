/* DeltaFIFO: D-1 ... D-17. */
#include <tarn/delta_fifo.h>

#include <stdio.h>
#include <string.h>

#include <tarn/cache.h>
#include <tarn/key.h>

#include "cache_fixture.h"
#include "fake_objects.h"
#include "fault.h"
#include "tarn_test.h"

struct fifo {
    struct tarn_delta_fifo *f;
    struct tarn_queue *q;
    struct tarn_store *s;
    struct tarn_store *known; /* or NULL */
};

/* words: the known objects, or NULL for none at all. */
static struct fifo fifo_with(struct tarn_delta_fifo_options o, const char *words)
{
    struct tarn_cache_options co = {.key = tarn_key_func_deletion_handling()};
    struct tarn_indexer *x = NULL;
    struct fifo f = {0};

    if (words) {
        CU_ASSERT_EQUAL_FATAL(tarn_cache_new(&co, &x, NULL), 0);
        f.known = &x->store;
        CU_ASSERT_EQUAL(replace(f.known, words), 0);
        o.known = tarn_known_objects_of(f.known);
    }
    CU_ASSERT_EQUAL_FATAL(tarn_delta_fifo_new(&o, &f.f, NULL), 0);
    f.q = tarn_delta_fifo_queue(f.f);
    f.s = &f.q->store;
    return f;
}

static struct fifo fifo(const char *known)
{
    return fifo_with((struct tarn_delta_fifo_options){0}, known);
}

static void fifo_free(struct fifo *f)
{
    tarn_store_free(f->s);
    tarn_store_free(f->known);
}

/* TestDeltaFIFO_basic, D-2, D-3, D-11 */
static void the_deltas_of_a_key_come_out_together_oldest_first(void)
{
    struct fifo f = fifo(NULL);

    CU_ASSERT_EQUAL(add(f.s, "a@1"), 0);
    CU_ASSERT_EQUAL(add(f.s, "b@1"), 0);
    CU_ASSERT_EQUAL(update(f.s, "a@2"), 0);
    CU_ASSERT_EQUAL(del(f.s, "a@3"), 0);
    CU_ASSERT_STRING_EQUAL(keys_in_order_of(f.s), "a b");
    CU_ASSERT_STRING_EQUAL(list_of(f.s), "a@3 b@1"); /* D-13: the newest of each */
    CU_ASSERT_STRING_EQUAL(got(f.s, "a"), "a@3");
    CU_ASSERT_STRING_EQUAL(pops(f.q, 2), "Added a@1, Updated a@2, Deleted a@3; Added b@1");
    CU_ASSERT_STRING_EQUAL(keys_in_order_of(f.s), "");
    fifo_free(&f);
}

/* TestDeltaFIFO_addUpdate, D-3 */
static void updates_of_a_waiting_key_gather_under_it(void)
{
    struct fifo f = fifo(NULL);

    CU_ASSERT_EQUAL(add(f.s, "foo@10"), 0);
    CU_ASSERT_EQUAL(update(f.s, "foo@12"), 0);
    CU_ASSERT_EQUAL(del(f.s, "foo@15"), 0);
    CU_ASSERT_STRING_EQUAL(list_of(f.s), "foo@15");
    CU_ASSERT_STRING_EQUAL(pop(f.q), "Added foo@10, Updated foo@12, Deleted foo@15");
    CU_ASSERT_STRING_EQUAL(got(f.s, "foo"), "none");
    fifo_free(&f);
}

/* TestDeltaFIFO_addUpdate, TestDeltaFIFO_DeleteExistingNonPropagated, D-4: the truth table of object and tombstone */
static void of_two_deletes_in_a_row_one_stays(void)
{
    static const struct {
        bool first_is_tombstone, second_is_tombstone;
        const char *popped;
    } rows[] = {
        {false, false, "Added a@1, Deleted a@2"},
        {false, true, "Added a@1, Deleted a@2"},
        {true, false, "Added a@1, Deleted a@3"},
        {true, true, "Added a@1, Deleted tombstone:a:a@3"},
    };

    for (size_t i = 0; i < 4; i++) {
        struct fifo f = fifo(NULL);

        CU_ASSERT_EQUAL(add(f.s, "a@1"), 0);
        CU_ASSERT_EQUAL(
            with(f.s, f.s->ops->del, rows[i].first_is_tombstone ? thing_tombstone("a", "a@2") : thing("a@2")), 0);
        CU_ASSERT_EQUAL(
            with(f.s, f.s->ops->del, rows[i].second_is_tombstone ? thing_tombstone("a", "a@3") : thing("a@3")), 0);
        CU_ASSERT_STRING_EQUAL(pop(f.q), rows[i].popped);
        fifo_free(&f);
    }
}

/* D-4: only the last two are looked at */
static void deletes_with_something_between_them_both_stay(void)
{
    struct fifo f = fifo(NULL);

    CU_ASSERT_EQUAL(add(f.s, "a@1"), 0);
    CU_ASSERT_EQUAL(del(f.s, "a@2"), 0);
    CU_ASSERT_EQUAL(add(f.s, "a@3"), 0);
    CU_ASSERT_EQUAL(del(f.s, "a@4"), 0);
    CU_ASSERT_EQUAL(update(f.s, "a@5"), 0);
    CU_ASSERT_EQUAL(update(f.s, "a@6"), 0);
    CU_ASSERT_STRING_EQUAL(pop(f.q), "Added a@1, Deleted a@2, Added a@3, Deleted a@4, Updated a@5, Updated a@6");
    fifo_free(&f);
}

/* TestDeltaFIFO_enqueueingNoLister, D-5 */
static void without_known_objects_a_delete_of_what_does_not_wait_is_dropped(void)
{
    struct fifo f = fifo(NULL);

    CU_ASSERT_EQUAL(add(f.s, "a@10"), 0);
    CU_ASSERT_EQUAL(del(f.s, "b@1"), 0);
    CU_ASSERT_STRING_EQUAL(keys_in_order_of(f.s), "a");
    CU_ASSERT_EQUAL(del(f.s, "a@11"), 0);
    CU_ASSERT_STRING_EQUAL(pop(f.q), "Added a@10, Deleted a@11");
    CU_ASSERT_EQUAL(del(f.s, "a@12"), 0);
    CU_ASSERT_STRING_EQUAL(keys_in_order_of(f.s), "");
    fifo_free(&f);
}

/* TestDeltaFIFO_enqueueingWithLister, D-5 */
static void with_known_objects_a_delete_of_a_known_key_is_queued(void)
{
    struct fifo f = fifo("foo@5 bar@6 baz@7");

    CU_ASSERT_EQUAL(del(f.s, "baz@10"), 0);
    CU_ASSERT_EQUAL(del(f.s, "unknown@10"), 0);
    CU_ASSERT_STRING_EQUAL(keys_in_order_of(f.s), "baz");
    CU_ASSERT_STRING_EQUAL(pop(f.q), "Deleted baz@10");
    fifo_free(&f);
}

static int lookup_fails(void *ctx, struct tarn_bytes key, const struct tarn_object **ret)
{
    (void)ctx;
    (void)key;
    (void)ret;
    return TARN_E_IO;
}

static int list_none(void *ctx, struct tarn_keys *ret)
{
    (void)ctx;
    (void)ret;
    return 0;
}

/* D-5, last part */
static void a_lookup_that_fails_counts_as_known(void)
{
    struct fifo f = fifo_with(
        (struct tarn_delta_fifo_options){.known = {.list_keys = list_none, .get_by_key = lookup_fails}}, NULL);

    CU_ASSERT_EQUAL(del(f.s, "a@1"), 0);
    CU_ASSERT_STRING_EQUAL(pop(f.q), "Deleted a@1");
    fifo_free(&f);
}

/* TestDeltaFIFO_ReplaceMakesDeletions, TestDeltaFIFO_ReplaceMakesDeletionsReplaced, TestDeltaFIFO_ReplaceDeltaType, D-1, D-6 */
static void a_replace_queues_the_list_and_tombstones_of_what_is_missing(void)
{
    static const struct {
        bool replaced;
        const char *popped; /* D-4: the tombstone for foo is merged into the Deleted that waits */
    } rows[] = {
        {false, "Added foo@10, Deleted foo@11; Sync baz@9; Deleted tombstone:bar:bar@6"},
        {true, "Added foo@10, Deleted foo@11; Replaced baz@9; Deleted tombstone:bar:bar@6"},
    };

    for (size_t i = 0; i < 2; i++) {
        struct fifo f = fifo_with((struct tarn_delta_fifo_options){.emit_replaced = rows[i].replaced}, "foo@5 bar@6 baz@7");

        CU_ASSERT_EQUAL(add(f.s, "foo@10"), 0);
        CU_ASSERT_EQUAL(del(f.s, "foo@11"), 0);
        CU_ASSERT_EQUAL(replace(f.s, "baz@9"), 0);
        CU_ASSERT_STRING_EQUAL(pops(f.q, 3), rows[i].popped);
        fifo_free(&f);
    }
}

/* TestDeltaFIFOW_ReplaceMakesDeletionsForObjectsOnlyInQueue, D-6: what is only queued, in its six shapes */
static void objects_that_are_only_queued_get_their_deletion_too(void)
{
    static const struct {
        const char *ops, *list, *popped; /* A add a@5, U update a@6, D delete a@7, T delete by tombstone */
    } rows[] = {
        {"A", "", "Added a@5, Deleted tombstone:a:a@5"},
        {"AU", "", "Added a@5, Updated a@6, Deleted tombstone:a:a@6"},
        {"AD", "", "Added a@5, Deleted a@7"},
        {"AT", "", "Added a@5, Deleted tombstone:a:a@7"},
        {"A", "a@8", "Added a@5, Sync a@8"},
        {"AD", "a@8", "Added a@5, Deleted a@7, Sync a@8"}, /* D-7, TestDeltaFIFO_replaceWithDeleteDeltaIn */
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fifo f = fifo("");

        for (const char *op = rows[i].ops; *op; op++) {
            int code = *op == 'A'   ? add(f.s, "a@5")
                       : *op == 'U' ? update(f.s, "a@6")
                       : *op == 'D' ? del(f.s, "a@7")
                                    : with(f.s, f.s->ops->del, thing_tombstone("a", "a@7"));

            CU_ASSERT_EQUAL(code, 0);
        }
        CU_ASSERT_EQUAL(replace(f.s, rows[i].list), 0);
        CU_ASSERT_STRING_EQUAL(pop(f.q), rows[i].popped);
        fifo_free(&f);
    }
}

static int list_ghost(void *ctx, struct tarn_keys *ret)
{
    (void)ctx;
    return tarn_keys_add(ret, TARN_BYTES("ghost"));
}

/* D-6 (3): a known key whose object cannot be had; D-8: is skipped by a resync, TestDeltaFIFO_ResyncNonExisting */
static void a_known_key_without_object_is_deleted_by_an_empty_tombstone_and_not_resynced(void)
{
    struct fifo f = fifo_with(
        (struct tarn_delta_fifo_options){.known = {.list_keys = list_ghost, .get_by_key = lookup_fails}}, NULL);

    CU_ASSERT_EQUAL(tarn_store_resync(f.s, NULL), 0);
    CU_ASSERT_STRING_EQUAL(keys_in_order_of(f.s), "");
    CU_ASSERT_EQUAL(replace(f.s, "a@1"), 0);
    CU_ASSERT_STRING_EQUAL(pops(f.q, 2), "Sync a@1 (initial); Deleted tombstone:ghost:null (initial)");
    fifo_free(&f);
}

/* TestDeltaFIFO_addReplace, D-6 */
static void a_replaced_object_follows_what_waits_for_its_key(void)
{
    struct fifo f = fifo(NULL);

    CU_ASSERT_EQUAL(add(f.s, "foo@10"), 0);
    CU_ASSERT_EQUAL(replace(f.s, "foo@15"), 0);
    CU_ASSERT_STRING_EQUAL(got(f.s, "foo"), "foo@15");
    CU_ASSERT_STRING_EQUAL(pop(f.q), "Added foo@10, Sync foo@15");
    CU_ASSERT_STRING_EQUAL(got(f.s, "foo"), "none");
    fifo_free(&f);
}

/* D-6: a key error midway; edge 18 of the traces */
static void a_replace_that_fails_midway_leaves_what_came_before_and_deletes_nothing(void)
{
    struct fifo f = fifo("z@1");

    CU_ASSERT_EQUAL(replace(f.s, "a@1 keyless c@1"), TARN_E_KEY);
    CU_ASSERT_STRING_EQUAL(keys_in_order_of(f.s), "a");
    CU_ASSERT_FALSE(tarn_queue_has_synced(f.q));
    CU_ASSERT_EQUAL(replace(f.s, "c@1"), 0);
    CU_ASSERT_STRING_EQUAL(pops(f.q, 3), "Sync a@1, Deleted tombstone:a:a@1 (initial); Sync c@1 (initial); "
                                         "Deleted tombstone:z:z@1 (initial)");
    CU_ASSERT_TRUE(tarn_queue_has_synced(f.q));
    fifo_free(&f);
}

/* A streamed replace that its source gives up leaves nothing, unlike one that met a bad object */
static void an_aborted_replace_leaves_nothing(void)
{
    struct fifo f = fifo("z@1");

    CU_ASSERT_EQUAL(f.s->ops->replace_begin(f.s, NULL), 0);
    CU_ASSERT_EQUAL(with(f.s, f.s->ops->replace_add, thing("a@1")), 0);
    f.s->ops->replace_abort(f.s);
    CU_ASSERT_STRING_EQUAL(keys_in_order_of(f.s), "");
    CU_ASSERT_EQUAL(replace(f.s, "b@1 z@2"), 0);
    CU_ASSERT_STRING_EQUAL(pops(f.q, 2), "Sync b@1 (initial); Sync z@2 (initial)");
    fifo_free(&f);
}

/* TestDeltaFIFO_Resync, TestDeltaFIFO_UpdateResyncRace, D-8 */
static void a_resync_queues_the_known_objects_of_idle_keys(void)
{
    struct fifo f = fifo("a@1 b@1");
    struct fifo none = fifo(NULL);

    CU_ASSERT_EQUAL(update(f.s, "a@5"), 0);
    CU_ASSERT_EQUAL(tarn_store_resync(f.s, NULL), 0);
    CU_ASSERT_STRING_EQUAL(pops(f.q, 2), "Updated a@5; Sync b@1");
    CU_ASSERT_EQUAL(tarn_store_resync(none.s, NULL), 0); /* no known objects: nothing */
    CU_ASSERT_FALSE(tarn_queue_has_synced(none.q));
    fifo_free(&f);
    fifo_free(&none);
}

/* TestDeltaFIFO_KeyOf, D-9, D-17 */
static void the_key_of_deltas_is_that_of_the_newest(void)
{
    struct fifo f = fifo(NULL);
    const struct tarn_object *objs[] = {thing("n1/a@1"), thing_key("n1/b"), thing_tombstone("n1/c", NULL), thing_without_meta()};
    const char *const keys[] = {"n1/a", "n1/b", "n1/c", NULL};
    struct tarn_deltas none = {0};
    struct tarn_buf scratch = {0};
    struct tarn_bytes key;
    struct tarn_error err = {0};

    for (size_t i = 0; i < 4; i++) {
        struct tarn_delta two[] = {{.type = TARN_DELTA_ADDED, .obj = objs[0]}, {.type = TARN_DELTA_DELETED, .obj = objs[i]}};
        struct tarn_deltas d = {.v = two, .n = 2};
        int code = tarn_delta_fifo_key_of_deltas(f.f, &d, &scratch, &key, NULL);

        CU_ASSERT_EQUAL(code, keys[i] ? 0 : TARN_E_KEY);
        if (keys[i])
            CU_ASSERT(tarn_bytes_equal(key, tarn_bytes_of(keys[i])));
        CU_ASSERT_PTR_EQUAL(tarn_deltas_oldest(&d), &two[0]);
        CU_ASSERT_PTR_EQUAL(tarn_deltas_newest(&d), &two[1]);
    }
    CU_ASSERT_EQUAL(tarn_delta_fifo_key_of_deltas(f.f, &none, &scratch, &key, &err), TARN_E_KEY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "0 length Deltas object"));
    CU_ASSERT_PTR_NULL(tarn_deltas_oldest(&none));
    CU_ASSERT_PTR_NULL(tarn_deltas_newest(&none));
    for (size_t i = 0; i < 4; i++)
        tarn_object_unref(objs[i]);
    tarn_buf_release(&scratch);
    fifo_free(&f);
}

/* Adds 1000 to the version; refuses 666. */
static int mark(void *ctx, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err)
{
    uint64_t rv = tarn_object_resource_version(obj);

    (void)ctx;
    if (rv == 666)
        return tarn_error_set(err, TARN_E_INVAL, "no");
    *ret = fake_object("{\"metadata\":{\"name\":\"%.*s\",\"resourceVersion\":\"%d\"}}", TARN_BYTES_ARG(tarn_object_name(obj)),
                       (int)rv + 1000);
    return 0;
}

/* TestDeltaFIFO_transformer, D-10 */
static void the_transformer_runs_on_what_is_queued_but_not_on_tombstones_and_resyncs(void)
{
    struct fifo f = fifo_with((struct tarn_delta_fifo_options){.transform = {.fn = mark}}, "k@1");

    CU_ASSERT_EQUAL(add(f.s, "a@1"), 0);
    CU_ASSERT_EQUAL(update(f.s, "a@2"), 0);
    CU_ASSERT_EQUAL(del(f.s, "a@3"), 0);
    CU_ASSERT_EQUAL(add(f.s, "a@666"), TARN_E_TRANSFORM);
    CU_ASSERT_STRING_EQUAL(pop(f.q), "Added a@1001, Updated a@1002, Deleted a@1003");
    CU_ASSERT_EQUAL(tarn_store_resync(f.s, NULL), 0);
    CU_ASSERT_STRING_EQUAL(pop(f.q), "Sync k@1");
    CU_ASSERT_EQUAL(add(f.s, "t@1"), 0);
    CU_ASSERT_EQUAL(with(f.s, f.s->ops->del, thing_tombstone("t", "t@2")), 0);
    CU_ASSERT_EQUAL(replace(f.s, "b@4"), 0); /* also typed Sync */
    CU_ASSERT_STRING_EQUAL(pops(f.q, 3), "Added t@1001, Deleted tombstone:t:t@2; Sync b@1004; Deleted tombstone:k:k@1");
    fifo_free(&f);
}

/* TestDeltaFIFO_detectLineJumpers, D-11 */
static void a_key_popped_and_queued_again_goes_to_the_end(void)
{
    struct fifo f = fifo(NULL);

    CU_ASSERT_EQUAL(add(f.s, "foo@10"), 0);
    CU_ASSERT_EQUAL(add(f.s, "bar@1"), 0);
    CU_ASSERT_EQUAL(add(f.s, "foo@11"), 0);
    CU_ASSERT_EQUAL(add(f.s, "foo@13"), 0);
    CU_ASSERT_EQUAL(add(f.s, "zab@30"), 0);
    CU_ASSERT_STRING_EQUAL(pop(f.q), "Added foo@10, Added foo@11, Added foo@13");
    CU_ASSERT_EQUAL(add(f.s, "foo@14"), 0);
    CU_ASSERT_STRING_EQUAL(pops(f.q, 3), "Added bar@1; Added zab@30; Added foo@14");
    fifo_free(&f);
}

/* TestDeltaFIFO_requeueOnPop (<= 1.32), F-8, edge 10 */
static void deltas_can_be_asked_for_again(void)
{
    struct fifo f = fifo(NULL);
    int code;

    CU_ASSERT_EQUAL(add(f.s, "a@1"), 0);
    CU_ASSERT_EQUAL(update(f.s, "a@2"), 0);
    CU_ASSERT_EQUAL(add(f.s, "b@1"), 0);
    CU_ASSERT_STRING_EQUAL(pop_returning(f.q, TARN_E_REQUEUE, &code), "Added a@1, Updated a@2");
    CU_ASSERT_EQUAL(code, 0);
    CU_ASSERT_STRING_EQUAL(pop_returning(f.q, TARN_E_PROCESS, &code), "Added b@1");
    CU_ASSERT_EQUAL(code, TARN_E_PROCESS);
    CU_ASSERT_EQUAL(update(f.s, "a@3"), 0);
    CU_ASSERT_STRING_EQUAL(pop(f.q), "Added a@1, Updated a@2, Updated a@3");
    fifo_free(&f);
}

/* TestDeltaFIFO_addIfNotPresent (<= 1.32), D-14, edge 11 */
static void deltas_are_put_back_unless_their_key_waits(void)
{
    struct fifo f = fifo(NULL);
    const struct tarn_object *a = thing("a@1"), *b = thing("b@1");
    struct tarn_delta a_deltas[] = {{.type = TARN_DELTA_ADDED, .obj = a}}, all[] = {{.type = TARN_DELTA_SYNC_ALL}};
    struct tarn_delta b_deltas[] = {{.type = TARN_DELTA_SYNC, .obj = b}, {.type = TARN_DELTA_DELETED, .obj = b},
                                    {.type = TARN_DELTA_DELETED, .obj = b}};
    struct tarn_deltas none = {0};

    CU_ASSERT_EQUAL(tarn_delta_fifo_add_if_not_present(f.f, &none, NULL), TARN_E_KEY);
    CU_ASSERT_EQUAL(tarn_delta_fifo_add_if_not_present(f.f, &(struct tarn_deltas){all, 1}, NULL), TARN_E_NOT_DELTAS);
    CU_ASSERT_FALSE(tarn_queue_has_synced(f.q)); /* errors do not populate */
    CU_ASSERT_EQUAL(update(f.s, "a@9"), 0);
    CU_ASSERT_EQUAL(tarn_delta_fifo_add_if_not_present(f.f, &(struct tarn_deltas){a_deltas, 1}, NULL), 0);
    CU_ASSERT_EQUAL(tarn_delta_fifo_add_if_not_present(f.f, &(struct tarn_deltas){b_deltas, 3}, NULL), 0);
    CU_ASSERT_STRING_EQUAL(pops(f.q, 2), "Updated a@9; Sync b@1, Deleted b@1, Deleted b@1"); /* as they were: not merged */
    tarn_object_unref(a);
    tarn_object_unref(b);
    fifo_free(&f);
}

/* TestDeltaFIFO_HasSynced, TestDeltaFIFO_HasSyncedCorrectOnDeletion, D-12 */
static void synced_counts_the_first_replace_and_its_deletions(void)
{
    static const struct {
        const char *known, *ops; /* R replace a b, S replace a, E replace nothing, P pop, X delete a, A add c, D delete unknown,
                                    K add keyless, L delete keyless, Y resync */
        bool synced;
    } rows[] = {
        {"", "", false},     {"", "A", true},      {"", "D", true},      {"", "K", true},     {"", "L", false},
        {"", "E", true},     {"", "R", false},     {"", "RP", false},    {"", "RPP", true},   {"", "SXP", true},
        {"", "SX", false},   {"z@1", "SP", false}, {"z@1", "SPP", true}, {"", "RPPS", true},  {"z@1", "Y", false},
        {"z@1", "ES", false}, {"z@1", "EP", true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fifo f = fifo(rows[i].known);

        for (const char *op = rows[i].ops; *op; op++)
            switch (*op) {
            case 'R': CU_ASSERT_EQUAL(replace(f.s, "a@1 b@1"), 0); break;
            case 'S': CU_ASSERT_EQUAL(replace(f.s, "a@1"), 0); break;
            case 'E': CU_ASSERT_EQUAL(replace(f.s, ""), 0); break;
            case 'X': CU_ASSERT_EQUAL(del(f.s, "a@2"), 0); break;
            case 'A': CU_ASSERT_EQUAL(add(f.s, "c@1"), 0); break;
            case 'D': CU_ASSERT_EQUAL(del(f.s, "unknown"), 0); break;
            case 'K': CU_ASSERT_EQUAL(with(f.s, f.s->ops->add, thing_without_meta()), TARN_E_KEY); break;
            case 'L': CU_ASSERT_EQUAL(with(f.s, f.s->ops->del, thing_without_meta()), TARN_E_KEY); break;
            case 'Y': CU_ASSERT_EQUAL(tarn_store_resync(f.s, NULL), 0); break;
            default: (void)pop(f.q);
            }
        CU_ASSERT_EQUAL(tarn_queue_has_synced(f.q), rows[i].synced);
        fifo_free(&f);
    }
}

static void count_call(void *ctx)
{
    ++*(int *)ctx;
}

static int check_told(void *ctx, const struct tarn_deltas *d, bool initial, struct tarn_error *err)
{
    (void)d;
    (void)initial;
    (void)err;
    CU_ASSERT_EQUAL(*(int *)ctx, 1);
    return 0;
}

/* F-16: DeltaFIFO tells before the process call */
static void the_synced_callback_comes_before_the_process_call_that_makes_it_so(void)
{
    int told = 0;
    struct fifo f =
        fifo_with((struct tarn_delta_fifo_options){.watch = {.synced = count_call, .ctx = &told}}, NULL);

    CU_ASSERT_EQUAL(replace(f.s, "a@1"), 0);
    CU_ASSERT_EQUAL(told, 0);
    CU_ASSERT_EQUAL(tarn_queue_pop(f.q, &(struct tarn_process){.fn = check_told, .ctx = &told}, NULL), 0);
    CU_ASSERT_EQUAL(told, 1);
    fifo_free(&f);
}

/* TestDeltaFIFO_PopShouldUnblockWhenClosed (with waiters: test_queue_threads.c), D-15 */
static void a_closed_queue_is_drained_and_still_takes_more(void)
{
    struct fifo f = fifo(NULL);

    CU_ASSERT_EQUAL(add(f.s, "a@1"), 0);
    tarn_queue_close(f.q);
    CU_ASSERT_TRUE(tarn_queue_is_closed(f.q));
    CU_ASSERT_STRING_EQUAL(pops(f.q, 2), "Added a@1; closed");
    CU_ASSERT_EQUAL(add(f.s, "b@1"), 0);
    CU_ASSERT_STRING_EQUAL(pops(f.q, 2), "Added b@1; closed");
    fifo_free(&f);
}

/* D-13: pending deltas are told as copies */
static void pending_deltas_can_be_looked_at_and_kept(void)
{
    struct fifo f = fifo(NULL);
    struct tarn_delta_list l = {0};
    const struct tarn_object *tombstone = thing_tombstone("a", NULL);

    CU_ASSERT_EQUAL(tarn_delta_fifo_get_by_key(f.f, TARN_BYTES("a"), &l), TARN_E_NOTFOUND);
    CU_ASSERT_EQUAL(add(f.s, "a@1"), 0);
    CU_ASSERT_EQUAL(update(f.s, "a@2"), 0);
    CU_ASSERT_EQUAL(tarn_delta_fifo_get(f.f, tombstone, &l, NULL), 0);
    (void)pop(f.q);
    CU_ASSERT_EQUAL(l.n, 2);
    CU_ASSERT_STRING_EQUAL(word_of(l.v[1].obj), "a@2");
    tarn_delta_list_release(&l);
    tarn_object_unref(tombstone);
    fifo_free(&f);
}

static int change(struct fifo *f, int kind, const struct tarn_object *obj)
{
    const struct tarn_object *two[] = {obj, obj};

    switch (kind) {
    case 0: return tarn_store_add(f->s, obj, NULL);
    case 1: return tarn_store_delete(f->s, obj, NULL);
    case 2: return tarn_store_replace(f->s, two, 2, TARN_BYTES("1"), NULL);
    default: return tarn_store_resync(f->s, NULL);
    }
}

static void changes_survive_any_failed_allocation(void)
{
    long blocks = tarn_fault_blocks();

    for (int kind = 0; kind < 4; kind++) {
        bool failed = true;

        for (long n = 0; failed; n++) {
            struct fifo f = fifo("k@1 l@1 m@1");
            const struct tarn_object *obj = thing("a@9");
            char before[256];
            int code;

            CU_ASSERT_EQUAL(add(f.s, "a@1"), 0);
            CU_ASSERT_EQUAL(update(f.s, "a@2"), 0);
            CU_ASSERT_EQUAL(add(f.s, "b@1"), 0);
            snprintf(before, sizeof before, "%s", list_of(f.s));
            tarn_fault_arm(n);
            code = change(&f, kind, obj);
            failed = tarn_fault_disarm();
            CU_ASSERT_EQUAL(code, failed ? TARN_E_NOMEM : 0);
            if (failed) {
                CU_ASSERT_STRING_EQUAL(list_of(f.s), before);
                CU_ASSERT_STRING_EQUAL(keys_in_order_of(f.s), "a b");
                CU_ASSERT_STRING_EQUAL(pops(f.q, 2), "Added a@1, Updated a@2; Added b@1");
            } else {
                CU_ASSERT_STRING_NOT_EQUAL(list_of(f.s), before);
            }
            tarn_object_unref(obj);
            fifo_free(&f);
        }
    }
    CU_ASSERT_EQUAL(tarn_fault_blocks(), blocks);
}

TARN_TEST_MAIN("delta_fifo", TARN_TEST(the_deltas_of_a_key_come_out_together_oldest_first),
               TARN_TEST(updates_of_a_waiting_key_gather_under_it), TARN_TEST(of_two_deletes_in_a_row_one_stays),
               TARN_TEST(deletes_with_something_between_them_both_stay),
               TARN_TEST(without_known_objects_a_delete_of_what_does_not_wait_is_dropped),
               TARN_TEST(with_known_objects_a_delete_of_a_known_key_is_queued),
               TARN_TEST(a_lookup_that_fails_counts_as_known),
               TARN_TEST(a_replace_queues_the_list_and_tombstones_of_what_is_missing),
               TARN_TEST(objects_that_are_only_queued_get_their_deletion_too),
               TARN_TEST(a_known_key_without_object_is_deleted_by_an_empty_tombstone_and_not_resynced),
               TARN_TEST(a_replaced_object_follows_what_waits_for_its_key),
               TARN_TEST(a_replace_that_fails_midway_leaves_what_came_before_and_deletes_nothing),
               TARN_TEST(an_aborted_replace_leaves_nothing), TARN_TEST(a_resync_queues_the_known_objects_of_idle_keys),
               TARN_TEST(the_key_of_deltas_is_that_of_the_newest),
               TARN_TEST(the_transformer_runs_on_what_is_queued_but_not_on_tombstones_and_resyncs),
               TARN_TEST(a_key_popped_and_queued_again_goes_to_the_end), TARN_TEST(deltas_can_be_asked_for_again),
               TARN_TEST(deltas_are_put_back_unless_their_key_waits),
               TARN_TEST(synced_counts_the_first_replace_and_its_deletions),
               TARN_TEST(the_synced_callback_comes_before_the_process_call_that_makes_it_so),
               TARN_TEST(a_closed_queue_is_drained_and_still_takes_more),
               TARN_TEST(pending_deltas_can_be_looked_at_and_kept), TARN_TEST(changes_survive_any_failed_allocation))
