/* RealFIFO, the in-order queue: Q-1 ... Q-14. */
#include <tarn/the_real_fifo.h>

#include <stdio.h>
#include <string.h>

#include <tarn/cache.h>
#include <tarn/key.h>

#include "cache_fixture.h"
#include "fake_objects.h"
#include "fake_runtime.h"
#include "fault.h"
#include "tarn_test.h"

struct fifo {
    struct tarn_real_fifo *f;
    struct tarn_queue *q;
    struct tarn_store *s;
    struct tarn_store *known; /* or NULL */
};

/* words: the known objects, or NULL for an atomic queue. */
static struct fifo fifo_with(struct tarn_real_fifo_options o, const char *words)
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
    o.atomic = !words;
    CU_ASSERT_EQUAL_FATAL(tarn_real_fifo_new(&o, &f.f, NULL), 0);
    f.q = tarn_real_fifo_queue(f.f);
    f.s = &f.q->store;
    return f;
}

static struct fifo fifo(const char *known)
{
    return fifo_with((struct tarn_real_fifo_options){0}, known);
}

static void fifo_free(struct fifo *f)
{
    tarn_store_free(f->s);
    tarn_store_free(f->known);
}

static const char *pop_all(struct fifo *f)
{
    return pops(f->q, tarn_real_fifo_count(f->f));
}

/* TestRealFIFO_basic, TestRealFIFO_addUpdate, Q-1, Q-6, Q-10 */
static void every_change_comes_out_alone_in_the_order_it_came_in(void)
{
    struct fifo f = fifo("");

    CU_ASSERT_EQUAL(add(f.s, "a@1"), 0);
    CU_ASSERT_EQUAL(add(f.s, "b@2"), 0);
    CU_ASSERT_EQUAL(update(f.s, "a@3"), 0);
    CU_ASSERT_EQUAL(del(f.s, "a@4"), 0);
    CU_ASSERT_EQUAL(tarn_real_fifo_count(f.f), 4);
    CU_ASSERT_STRING_EQUAL(pop_all(&f), "Added a@1; Added b@2; Updated a@3; Deleted a@4");
    fifo_free(&f);
}

/* TestRealFIFO_enqueueingNoLister, TestRealFIFO_enqueueingWithLister, TestRealFIFO_DeleteExistingNonPropagated, Q-1 */
static void deletes_of_unknown_keys_and_repeated_ones_are_delivered(void)
{
    struct fifo f = fifo("known@1");

    CU_ASSERT_EQUAL(del(f.s, "unknown@1"), 0);
    CU_ASSERT_EQUAL(del(f.s, "unknown@2"), 0);
    CU_ASSERT_EQUAL(del(f.s, "known@3"), 0);
    CU_ASSERT_STRING_EQUAL(pop_all(&f), "Deleted unknown@1; Deleted unknown@2; Deleted known@3");
    fifo_free(&f);
}

/* TestRealFIFO_detectLineJumpers, Q-10 */
static void no_update_moves_another(void)
{
    struct fifo f = fifo("");

    CU_ASSERT_EQUAL(add(f.s, "foo@10"), 0);
    CU_ASSERT_EQUAL(add(f.s, "bar@1"), 0);
    CU_ASSERT_EQUAL(add(f.s, "foo@11"), 0);
    CU_ASSERT_EQUAL(add(f.s, "foo@13"), 0);
    CU_ASSERT_STRING_EQUAL(pop(f.q), "Added foo@10");
    CU_ASSERT_EQUAL(add(f.s, "foo@14"), 0);
    CU_ASSERT_STRING_EQUAL(pop_all(&f), "Added bar@1; Added foo@11; Added foo@13; Added foo@14");
    fifo_free(&f);
}

/* TestRealFIFO_ReplaceMakesDeletions, TestRealFIFO_ReplaceMakesDeletionsReplaced, TestRealFIFO_replaceWithDeleteDeltaIn,
 * TestRealFIFOW_ReplaceMakesDeletionsForObjectsOnlyInQueue, Q-2 */
static void a_replace_queues_its_deletions_first_and_then_the_list(void)
{
    static const struct {
        const char *known, *ops, *list, *popped; /* A add a@2, U update b@3, D delete a@4 */
    } rows[] = {
        {"foo@5", "", "baz@9", "Deleted tombstone:foo:foo@5 (initial); Replaced baz@9 (initial)"},
        {"", "A", "", "Added a@2; Deleted tombstone:a:a@2"},
        {"", "AD", "", "Added a@2; Deleted a@4"},                  /* deleted already: no second */
        {"", "AD", "a@9", "Added a@2; Deleted a@4; Replaced a@9"}, /* another object of the name */
        {"", "AUA", "", "Added a@2; Updated b@3; Added a@2; Deleted tombstone:a:a@2; Deleted tombstone:b:b@3"},
        {"a@1 k@1", "A", "z@9", "Added a@2; Deleted tombstone:a:a@2; Deleted tombstone:k:k@1; Replaced z@9"},
        {"a@1", "AD", "z@9", "Added a@2; Deleted a@4; Replaced z@9"}, /* known, but what waits decides */
        {"a@1", "", "b@9 a@9 b@8", "Replaced b@9 (initial); Replaced a@9 (initial); Replaced b@8 (initial)"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fifo f = fifo(rows[i].known);

        for (const char *op = rows[i].ops; *op; op++)
            CU_ASSERT_EQUAL(*op == 'A' ? add(f.s, "a@2") : *op == 'U' ? update(f.s, "b@3") : del(f.s, "a@4"), 0);
        CU_ASSERT_EQUAL(replace(f.s, rows[i].list), 0);
        CU_ASSERT_STRING_EQUAL(pop_all(&f), rows[i].popped);
        fifo_free(&f);
    }
}

static int refuse_666(void *ctx, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err)
{
    uint64_t rv = tarn_object_resource_version(obj);

    (void)ctx;
    if (rv == 666)
        return tarn_error_set(err, TARN_E_INVAL, "no");
    *ret = fake_object("{\"metadata\":{\"name\":\"%.*s\",\"resourceVersion\":\"%d\"}}", TARN_BYTES_ARG(tarn_object_name(obj)),
                       (int)rv + 1000);
    return 0;
}

/* TestRealFIFO_transformer, Q-8 */
static void the_transformer_runs_on_what_is_queued_but_not_on_tombstones_and_resyncs(void)
{
    struct fifo f = fifo_with((struct tarn_real_fifo_options){.transform = {.fn = refuse_666}}, "k@1");

    CU_ASSERT_EQUAL(add(f.s, "a@1"), 0);
    CU_ASSERT_EQUAL(del(f.s, "a@3"), 0);
    CU_ASSERT_EQUAL(add(f.s, "a@666"), TARN_E_TRANSFORM);
    CU_ASSERT_EQUAL(with(f.s, f.s->ops->del, thing_tombstone("t", "t@2")), 0);
    CU_ASSERT_EQUAL(tarn_store_resync(f.s, NULL), 0);
    CU_ASSERT_STRING_EQUAL(pop_all(&f), "Added a@1001; Deleted a@1003; Deleted tombstone:t:t@2; Sync k@1");
    CU_ASSERT_EQUAL(replace(f.s, "b@4"), 0);
    CU_ASSERT_STRING_EQUAL(pop_all(&f), "Deleted tombstone:k:k@1; Replaced b@1004");
    fifo_free(&f);
}

/* Q-14: keys and transforms come first, so a bad list changes nothing; original_replace: as the original */
static void a_replace_with_a_bad_object_changes_nothing_unless_the_original_is_asked_for(void)
{
    struct tarn_real_fifo_options o = {.transform = {.fn = refuse_666}};
    struct fifo ours = fifo_with(o, "k@1"), original;

    o.original_replace = true;
    original = fifo_with(o, "k@1");
    CU_ASSERT_EQUAL(replace(ours.s, "a@1 b@666 c@1"), TARN_E_TRANSFORM);
    CU_ASSERT_EQUAL(tarn_real_fifo_count(ours.f), 0);
    CU_ASSERT_EQUAL(replace(original.s, "a@1 b@666 c@1"), TARN_E_TRANSFORM);
    CU_ASSERT_STRING_EQUAL(pop_all(&original), "Deleted tombstone:k:k@1 (initial); Replaced a@1001 (initial)");
    CU_ASSERT_EQUAL(replace(ours.s, "a@1 keyless"), TARN_E_KEY);
    CU_ASSERT_EQUAL(replace(original.s, "a@1 keyless"), TARN_E_KEY);
    CU_ASSERT_EQUAL(tarn_real_fifo_count(ours.f) + tarn_real_fifo_count(original.f), 0);
    CU_ASSERT_FALSE(tarn_queue_has_synced(ours.q));
    fifo_free(&ours);
    fifo_free(&original);
}

/* TestRealFIFO_Resync, TestRealFIFO_ResyncNonExisting, TestRealFIFO_UpdateResyncRace, Q-4 */
static void a_resync_queues_known_objects_of_which_nothing_waits(void)
{
    struct fifo f = fifo("a@1 b@1");

    CU_ASSERT_EQUAL(update(f.s, "a@5"), 0);
    CU_ASSERT_EQUAL(tarn_store_resync(f.s, NULL), 0);
    CU_ASSERT_STRING_EQUAL(pop_all(&f), "Updated a@5; Sync b@1");
    CU_ASSERT_EQUAL(del(f.known, "a"), 0);
    CU_ASSERT_EQUAL(tarn_store_resync(f.s, NULL), 0);
    CU_ASSERT_STRING_EQUAL(pop_all(&f), "Sync b@1");
    fifo_free(&f);
}

struct all {
    char text[256];
};

static int note_all(void *ctx, const struct tarn_deltas *d, bool initial, struct tarn_error *err)
{
    struct all *a = ctx;
    size_t n = strlen(a->text);

    (void)err;
    n += (size_t)snprintf(a->text + n, sizeof a->text - n, "%s%s", n ? "; " : "", tarn_delta_type_name(d->v[0].type));
    if (d->v[0].all) {
        n += (size_t)snprintf(a->text + n, sizeof a->text - n, "(%.*s)", TARN_BYTES_ARG(d->v[0].all->resource_version));
        for (size_t i = 0; i < d->v[0].all->n; i++)
            n += (size_t)snprintf(a->text + n, sizeof a->text - n, " %s", word_of(d->v[0].all->objs[i]));
    }
    if (d->v[0].obj)
        n += (size_t)snprintf(a->text + n, sizeof a->text - n, " %s", word_of(d->v[0].obj));
    snprintf(a->text + n, sizeof a->text - n, "%s", initial ? " (initial)" : "");
    return 0;
}

/* TestRealFIFO_ReplaceAtomic, TestRealFIFO_ReplaceAtomicPop, TestRealFIFO_ResyncAtomic, TestStoreResourceVersion, Q-3, Q-4, Q-5 */
static void an_atomic_queue_gives_a_relist_and_a_resync_as_one_and_bookmarks_in_their_place(void)
{
    struct fifo f = fifo_with((struct tarn_real_fifo_options){.emit_bookmark = true}, NULL);
    struct all all = {0};

    CU_ASSERT_EQUAL(replace(f.s, "b@2 a@1"), 0);
    CU_ASSERT_FALSE(tarn_queue_has_synced(f.q));
    CU_ASSERT_EQUAL(tarn_store_resync(f.s, NULL), 0);
    CU_ASSERT_EQUAL(add(f.s, "c@3"), 0);
    CU_ASSERT_EQUAL(tarn_store_resync(f.s, NULL), 0); /* one waits already */
    CU_ASSERT_EQUAL(f.s->ops->bookmark(f.s, TARN_BYTES("77")), 0);
    while (tarn_real_fifo_count(f.f))
        CU_ASSERT_EQUAL(tarn_queue_pop(f.q, &(struct tarn_process){.fn = note_all, .ctx = &all}, NULL), 0);
    CU_ASSERT_STRING_EQUAL(all.text, "ReplacedAll(1) b@2 a@1 (initial); SyncAll; Added c@3; Bookmark(77)");
    CU_ASSERT_TRUE(tarn_queue_has_synced(f.q));
    CU_ASSERT_EQUAL(tarn_store_resync(f.s, NULL), 0); /* none waits any more */
    CU_ASSERT_EQUAL(tarn_real_fifo_count(f.f), 1);
    fifo_free(&f);
}

/* Q-3, Q-14 */
static void an_atomic_replace_with_a_bad_object_fails_as_a_whole_and_one_taken_out_is_not_in_it(void)
{
    struct fifo f = fifo(NULL);
    struct all all = {0};

    CU_ASSERT_EQUAL(replace(f.s, "a@1 keyless"), TARN_E_KEY);
    CU_ASSERT_EQUAL(tarn_real_fifo_count(f.f), 0);
    CU_ASSERT_EQUAL(f.s->ops->replace_begin(f.s, NULL), 0);
    CU_ASSERT_EQUAL(with(f.s, f.s->ops->replace_add, thing("a@1")), 0);
    CU_ASSERT_EQUAL(with(f.s, f.s->ops->replace_add, thing("b@1")), 0);
    CU_ASSERT_EQUAL(with(f.s, f.s->ops->replace_add, thing("c@1")), 0);
    CU_ASSERT_EQUAL(with(f.s, f.s->ops->replace_remove, thing("b@2")), 0);
    CU_ASSERT_EQUAL(f.s->ops->replace_commit(f.s, TARN_BYTES("5"), NULL), 0);
    CU_ASSERT_EQUAL(tarn_queue_pop(f.q, &(struct tarn_process){.fn = note_all, .ctx = &all}, NULL), 0);
    CU_ASSERT_STRING_EQUAL(all.text, "ReplacedAll(5) a@1 c@1 (initial)");
    CU_ASSERT_EQUAL(f.s->ops->bookmark(f.s, TARN_BYTES("6")), 0); /* without emit_bookmark: nothing */
    CU_ASSERT_EQUAL(tarn_real_fifo_count(f.f), 0);
    fifo_free(&f);
}

static void options_that_do_not_fit_together_are_refused(void)
{
    struct fifo f = fifo("");
    struct tarn_known_objects known = tarn_known_objects_of(f.known);
    const struct tarn_real_fifo_options rows[] = {
        {.atomic = false}, {.atomic = true, .known = known}, {.known = known, .emit_bookmark = true},
        {.known = known, .unlock_while_processing = true}, {.known = {.list_keys = known.list_keys}},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tarn_real_fifo *q = NULL;
        struct tarn_error err = {0};

        CU_ASSERT_EQUAL(tarn_real_fifo_new(&rows[i], &q, &err), TARN_E_INVAL);
        CU_ASSERT(err.message[0] && !q);
    }
    fifo_free(&f);
}

/* TestRealFIFO_HasSynced, TestRealFIFO_HasSyncedCorrectOnDeletion, F-11, Q-6, Q-9 */
static void synced_counts_all_that_the_first_replace_left_queued(void)
{
    static const struct {
        const char *known, *ops; /* R replace a b, E replace nothing, P pop, X delete a, A add c, K add keyless, Y resync */
        bool synced;
    } rows[] = {
        {"", "", false},   {"", "A", true},    {"", "X", true},    {"", "K", true},      {"", "E", true},       {"", "R", false},
        {"", "RP", false}, {"", "RPP", true},  {"", "RXPP", true}, {"z@1", "RPP", false}, {"z@1", "RPPP", true}, {"", "RPPR", true},
        {"z@1", "Y", false}, {"z@1", "YE", false}, {"z@1", "YEPP", true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fifo f = fifo(rows[i].known);

        for (const char *op = rows[i].ops; *op; op++)
            switch (*op) {
            case 'R': CU_ASSERT_EQUAL(replace(f.s, "a@1 b@1"), 0); break;
            case 'E': CU_ASSERT_EQUAL(replace(f.s, ""), 0); break;
            case 'X': CU_ASSERT_EQUAL(del(f.s, "a@2"), 0); break;
            case 'A': CU_ASSERT_EQUAL(add(f.s, "c@1"), 0); break;
            case 'K': CU_ASSERT_EQUAL(with(f.s, f.s->ops->add, thing_without_meta()), TARN_E_KEY); break;
            case 'Y': CU_ASSERT_EQUAL(tarn_store_resync(f.s, NULL), 0); break;
            default: (void)pop(f.q);
            }
        CU_ASSERT_EQUAL(tarn_queue_has_synced(f.q), rows[i].synced);
        fifo_free(&f);
    }
}

struct synced {
    struct tarn_queue *q;
    int told, told_during;
};

static void count_call(void *ctx)
{
    ((struct synced *)ctx)->told++;
}

static int note_told(void *ctx, const struct tarn_deltas *d, bool initial, struct tarn_error *err)
{
    (void)d;
    (void)initial;
    (void)err;
    ((struct synced *)ctx)->told_during = ((struct synced *)ctx)->told;
    return 0;
}

/* F-16, Q-6 */
static void the_synced_callback_comes_after_the_process_call(void)
{
    struct synced s = {0};
    struct fifo f = fifo_with((struct tarn_real_fifo_options){.watch = {.synced = count_call, .ctx = &s}}, "");

    CU_ASSERT_EQUAL(replace(f.s, "a@1"), 0);
    CU_ASSERT_EQUAL(tarn_queue_pop(f.q, &(struct tarn_process){.fn = note_told, .ctx = &s}, NULL), 0);
    CU_ASSERT(s.told == 1 && s.told_during == 0);
    fifo_free(&f);
}

/* TestRealFIFO_KeyOf, Q-9: nothing without a key gets in */
static void an_object_without_key_is_not_queued(void)
{
    struct fifo f = fifo("");

    CU_ASSERT_EQUAL(with(f.s, f.s->ops->add, thing_without_meta()), TARN_E_KEY);
    CU_ASSERT_EQUAL(with(f.s, f.s->ops->add, thing_key("n1/b")), 0);
    CU_ASSERT_EQUAL(with(f.s, f.s->ops->del, thing_tombstone("n1/c", NULL)), 0);
    CU_ASSERT_STRING_EQUAL(pop_all(&f), "Added key:n1/b; Deleted tombstone:n1/c:null");
    fifo_free(&f);
}

/* TestRealFIFO_PopShouldUnblockWhenClosed (with waiters: test_queue_threads.c), Q-9 */
static void a_closed_queue_is_drained_and_still_takes_more(void)
{
    struct fifo f = fifo("");

    CU_ASSERT_EQUAL(add(f.s, "a@1"), 0);
    tarn_queue_close(f.q);
    CU_ASSERT_TRUE(tarn_queue_is_closed(f.q));
    CU_ASSERT_STRING_EQUAL(pops(f.q, 2), "Added a@1; closed");
    CU_ASSERT_EQUAL(add(f.s, "b@1"), 0);
    CU_ASSERT_STRING_EQUAL(pops(f.q, 2), "Added b@1; closed");
    CU_ASSERT_EQUAL(tarn_queue_pop_batch(f.q, NULL, NULL, NULL), TARN_E_CLOSED);
    fifo_free(&f);
}

/* ---- batches ------------------------------------------------------------------------------------ */

struct batches {
    char text[512];
};

static void note_batch(struct batches *b, const char *kind, const struct tarn_deltas *d, bool initial)
{
    size_t n = strlen(b->text);

    n += (size_t)snprintf(b->text + n, sizeof b->text - n, "%s%s", n ? " " : "", kind);
    for (size_t i = 0; i < d->n && i < 6; i++)
        n += (size_t)snprintf(b->text + n, sizeof b->text - n, "%s%s", i ? "," : ":",
                              d->v[i].obj ? word_of(d->v[i].obj) : tarn_delta_type_name(d->v[i].type));
    snprintf(b->text + n, sizeof b->text - n, "%s", initial ? "*" : "");
}

static int batch_fn(void *ctx, const struct tarn_deltas *d, bool initial, struct tarn_error *err)
{
    (void)err;
    note_batch(ctx, "batch", d, initial);
    return 0;
}

static int single_fn(void *ctx, const struct tarn_deltas *d, bool initial, struct tarn_error *err)
{
    (void)err;
    note_batch(ctx, "single", d, initial);
    return 0;
}

static void pop_batches(struct fifo *f, struct batches *b)
{
    const struct tarn_process batch = {.fn = batch_fn, .ctx = b}, single = {.fn = single_fn, .ctx = b};

    while (tarn_real_fifo_count(f->f))
        CU_ASSERT_EQUAL(tarn_queue_pop_batch(f->q, &batch, &single, NULL), 0);
}

/* TestRealFIFO_PopMultipleDeltaInBatch, Q-7: its eight cases */
static void a_batch_takes_different_keys_up_to_what_cannot_be_batched(void)
{
    static const struct {
        bool atomic;
        const char *ops; /* a b c add, A update a, x delete a, R replace p q, r replace p, Y resync */
        const char *batches;
    } rows[] = {
        {true, "a", "single:a@1"},
        {true, "abc", "batch:a@1,b@1,c@1"},
        {true, "abA", "batch:a@1,b@1 single:a@2"},
        {true, "abAc", "batch:a@1,b@1 batch:a@2,c@1"},
        {true, "abx", "batch:a@1,b@1 single:a@3"},
        {true, "Rab", "single:ReplacedAll* batch:a@1,b@1"},
        {true, "abYc", "batch:a@1,b@1 single:SyncAll single:c@1"},
        {false, "Rab", "batch:p@1,q@1* batch:a@1,b@1"}, /* never across the end of the initial list */
        {false, "rab", "single:p@1* batch:a@1,b@1"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fifo f = fifo(rows[i].atomic ? NULL : "");
        struct batches b = {0};

        for (const char *op = rows[i].ops; *op; op++)
            switch (*op) {
            case 'a': CU_ASSERT_EQUAL(add(f.s, "a@1"), 0); break;
            case 'b': CU_ASSERT_EQUAL(add(f.s, "b@1"), 0); break;
            case 'c': CU_ASSERT_EQUAL(add(f.s, "c@1"), 0); break;
            case 'A': CU_ASSERT_EQUAL(update(f.s, "a@2"), 0); break;
            case 'x': CU_ASSERT_EQUAL(del(f.s, "a@3"), 0); break;
            case 'R': CU_ASSERT_EQUAL(replace(f.s, "p@1 q@1"), 0); break;
            case 'r': CU_ASSERT_EQUAL(replace(f.s, "p@1"), 0); break;
            default: CU_ASSERT_EQUAL(tarn_store_resync(f.s, NULL), 0);
            }
        pop_batches(&f, &b);
        CU_ASSERT_STRING_EQUAL(b.text, rows[i].batches);
        CU_ASSERT_TRUE(tarn_queue_has_synced(f.q));
        fifo_free(&f);
    }
}

static int count_batch(void *ctx, const struct tarn_deltas *d, bool initial, struct tarn_error *err)
{
    (void)initial;
    (void)err;
    *(size_t *)ctx = d->n;
    return 0;
}

/* Q-7: at most 1000 */
static void a_batch_has_at_most_a_thousand(void)
{
    struct fifo f = fifo(NULL);
    size_t n = 0;
    const struct tarn_process p = {.fn = count_batch, .ctx = &n};
    char word[16];

    for (int i = 0; i < 1500; i++) {
        snprintf(word, sizeof word, "o%d@1", i);
        CU_ASSERT_EQUAL(add(f.s, word), 0);
    }
    CU_ASSERT_EQUAL(tarn_queue_pop_batch(f.q, &p, &p, NULL), 0);
    CU_ASSERT_EQUAL(n, 1000);
    CU_ASSERT_EQUAL(tarn_queue_pop_batch(f.q, &p, &p, NULL), 0);
    CU_ASSERT_EQUAL(n, 500);
    fifo_free(&f);
}

/* Gives every object a key once, when it is queued, and none to "broken" later. */
static int fickle_key(void *ctx, const struct tarn_object *obj, struct tarn_buf *scratch, struct tarn_bytes *ret)
{
    (void)scratch;
    if (*(bool *)ctx && tarn_bytes_equal(tarn_object_name(obj), TARN_BYTES("broken")))
        return TARN_E_NO_META;
    *ret = tarn_object_key(obj);
    return 0;
}

/* TestRealFIFO_PopBrokenItemsInBatch, Q-7 */
static void a_delta_whose_key_cannot_be_made_goes_along_and_ends_the_batch(void)
{
    bool broken = false;
    struct fifo f = fifo_with((struct tarn_real_fifo_options){.key = {.fn = fickle_key, .ctx = &broken}}, NULL);
    struct batches b = {0};

    CU_ASSERT_EQUAL(add(f.s, "a@1"), 0);
    CU_ASSERT_EQUAL(add(f.s, "broken@1"), 0);
    CU_ASSERT_EQUAL(add(f.s, "c@1"), 0);
    CU_ASSERT_EQUAL(add(f.s, "broken@2"), 0);
    broken = true;
    pop_batches(&f, &b);
    CU_ASSERT_STRING_EQUAL(b.text, "batch:a@1,broken@1 batch:c@1,broken@2");
    fifo_free(&f);
}

static int add_inside(void *ctx, const struct tarn_deltas *d, bool initial, struct tarn_error *err)
{
    struct fifo *f = ctx;

    (void)initial;
    (void)err;
    if (tarn_object_resource_version(d->v[0].obj) == 1)
        return add(f->s, "inside@2");
    return 0;
}

/* §5 table: lock during process; unlock_while_processing */
static void the_lock_can_be_free_while_processing(void)
{
    struct fifo f = fifo_with((struct tarn_real_fifo_options){.unlock_while_processing = true}, NULL);
    const struct tarn_process p = {.fn = add_inside, .ctx = &f};

    CU_ASSERT_EQUAL(add(f.s, "a@1"), 0);
    CU_ASSERT_EQUAL(tarn_queue_pop(f.q, &p, NULL), 0); /* would wait for itself otherwise */
    CU_ASSERT_STRING_EQUAL(pop_all(&f), "Added inside@2");
    fifo_free(&f);
}

/* F-8 is not for this queue: nothing comes back, and the caller is told */
static void a_request_to_queue_again_is_an_error_here(void)
{
    struct fifo f = fifo("");
    int code;

    CU_ASSERT_EQUAL(add(f.s, "a@1"), 0);
    CU_ASSERT_STRING_EQUAL(pop_returning(f.q, TARN_E_REQUEUE, &code), "Added a@1");
    CU_ASSERT_EQUAL(code, TARN_E_REQUEUE);
    CU_ASSERT_EQUAL(tarn_real_fifo_count(f.f), 0);
    fifo_free(&f);
}

struct slow {
    struct fake_runtime rt;
    int calls;
};

static void note_slow(void *ctx, struct tarn_bytes key, size_t depth, uint64_t took_ms)
{
    (void)key;
    (void)depth;
    (void)took_ms;
    ((struct slow *)ctx)->calls++;
}

static int take_900_ms(void *ctx, const struct tarn_deltas *d, bool initial, struct tarn_error *err)
{
    (void)d;
    (void)initial;
    (void)err;
    ((struct slow *)ctx)->rt.now_ms += 900;
    return 0;
}

/* Q-11: a batch is slow after 100 ms for each of its deltas, at most 1 s */
static void a_batch_may_take_longer_before_it_is_called_slow(void)
{
    struct slow slow = {.rt = fake_runtime_init()};
    struct fifo f = fifo_with(
        (struct tarn_real_fifo_options){.watch = {.slow_pop = note_slow, .ctx = &slow, .rt = &slow.rt.rt}}, NULL);
    const struct tarn_process p = {.fn = take_900_ms, .ctx = &slow};
    char word[16];

    for (int i = 0; i < 10; i++) { /* ten different keys: one batch, slow after 1 s */
        snprintf(word, sizeof word, "o%d@1", i);
        CU_ASSERT_EQUAL(add(f.s, word), 0);
    }
    for (int i = 0; i < 12; i++) /* one key again and again: each alone, slow after 100 ms */
        CU_ASSERT_EQUAL(add(f.s, "o9@2"), 0);
    CU_ASSERT_EQUAL(tarn_queue_pop_batch(f.q, &p, &p, NULL), 0);
    CU_ASSERT_EQUAL(slow.calls, 0);
    CU_ASSERT_EQUAL(tarn_queue_pop_batch(f.q, &p, &p, NULL), 0);
    CU_ASSERT_EQUAL(slow.calls, 1);
    fifo_free(&f);
}

/* A queue that moved its head often, and grew when its content lay over the ring's end */
static void order_survives_growth_at_any_place_of_the_ring(void)
{
    struct fifo f = fifo("");
    unsigned long in = 1, out = 1;
    char word[32], expected[64];

    for (int round = 0; round < 200; round++) {
        for (int i = 0; i < round % 37; i++) {
            snprintf(word, sizeof word, "a@%lu", in++);
            CU_ASSERT_EQUAL(add(f.s, word), 0);
        }
        for (int i = 0; i < round % 23 && tarn_real_fifo_count(f.f); i++) {
            snprintf(expected, sizeof expected, "Added a@%lu", out++);
            CU_ASSERT_STRING_EQUAL(pop(f.q), expected);
        }
    }
    CU_ASSERT_EQUAL(tarn_real_fifo_count(f.f), in - out);
    fifo_free(&f);
}

static int change(struct fifo *f, int kind, const struct tarn_object *obj)
{
    const struct tarn_object *two[] = {obj, obj};

    switch (kind) {
    case 0: return tarn_store_add(f->s, obj, NULL);
    case 1: return tarn_store_replace(f->s, two, 2, TARN_BYTES("1"), NULL);
    case 2: return tarn_store_resync(f->s, NULL);
    default: return f->s->ops->bookmark(f->s, TARN_BYTES("5"));
    }
}

static void changes_survive_any_failed_allocation(void)
{
    long blocks = tarn_fault_blocks();

    for (int kind = 0; kind < 8; kind++) {
        bool failed = true;

        for (long n = 0; failed; n++) {
            struct fifo f = kind < 4 ? fifo("k@1 l@1") : fifo_with((struct tarn_real_fifo_options){.emit_bookmark = true}, NULL);
            const struct tarn_object *obj = thing("a@9");
            int code;

            for (int i = 0; i < 16; i++) /* the ring is full */
                CU_ASSERT_EQUAL(add(f.s, "a@1"), 0);
            tarn_fault_arm(n);
            code = change(&f, kind % 4, obj);
            failed = tarn_fault_disarm();
            CU_ASSERT_EQUAL(code, failed ? TARN_E_NOMEM : 0);
            if (failed)
                CU_ASSERT_EQUAL(tarn_real_fifo_count(f.f), 16);
            if (!failed && kind != 3)
                CU_ASSERT(tarn_real_fifo_count(f.f) > 16);
            tarn_object_unref(obj);
            fifo_free(&f);
        }
    }
    CU_ASSERT_EQUAL(tarn_fault_blocks(), blocks);
}

TARN_TEST_MAIN("the_real_fifo", TARN_TEST(every_change_comes_out_alone_in_the_order_it_came_in),
               TARN_TEST(deletes_of_unknown_keys_and_repeated_ones_are_delivered), TARN_TEST(no_update_moves_another),
               TARN_TEST(a_replace_queues_its_deletions_first_and_then_the_list),
               TARN_TEST(the_transformer_runs_on_what_is_queued_but_not_on_tombstones_and_resyncs),
               TARN_TEST(a_replace_with_a_bad_object_changes_nothing_unless_the_original_is_asked_for),
               TARN_TEST(a_resync_queues_known_objects_of_which_nothing_waits),
               TARN_TEST(an_atomic_queue_gives_a_relist_and_a_resync_as_one_and_bookmarks_in_their_place),
               TARN_TEST(an_atomic_replace_with_a_bad_object_fails_as_a_whole_and_one_taken_out_is_not_in_it),
               TARN_TEST(options_that_do_not_fit_together_are_refused),
               TARN_TEST(synced_counts_all_that_the_first_replace_left_queued),
               TARN_TEST(the_synced_callback_comes_after_the_process_call), TARN_TEST(an_object_without_key_is_not_queued),
               TARN_TEST(a_closed_queue_is_drained_and_still_takes_more),
               TARN_TEST(a_batch_takes_different_keys_up_to_what_cannot_be_batched), TARN_TEST(a_batch_has_at_most_a_thousand),
               TARN_TEST(a_delta_whose_key_cannot_be_made_goes_along_and_ends_the_batch),
               TARN_TEST(the_lock_can_be_free_while_processing), TARN_TEST(a_request_to_queue_again_is_an_error_here),
               TARN_TEST(a_batch_may_take_longer_before_it_is_called_slow),
               TARN_TEST(order_survives_growth_at_any_place_of_the_ring), TARN_TEST(changes_survive_any_failed_allocation))
