/* Shared informers, step by step on a fake clock. Rows I-1 ... I-16, I-30 ... I-46. Threads: test_shared_informer_threads.c. */
#include <stdio.h>
#include <stdlib.h>

#include <tarn/shared_informer.h>

#include "cache_fixture.h"
#include "fake_list_watch.h"
#include "fake_objects.h"
#include "fake_runtime.h"
#include "fault.h"
#include "heard.h"
#include "tarn_test.h"

/* An informer with one handler; fed by hand through q, or by the fake source lw where `fed` is set. */
struct fixture {
    struct fake_runtime rt;
    struct fake_list_watch lw;
    struct tarn_shared_informer *s;
    struct tarn_queue *queue;
    struct tarn_store *q, *store;
    struct heard h;
    struct tarn_registration *r;
};

static struct tarn_shared_informer_options plain;

static struct fixture *fixture_new(const struct tarn_shared_informer_options *options, bool fed,
                                   const struct tarn_registration_options *handler)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct tarn_shared_informer_options o = *options;
    struct tarn_event_handler h = heard_handler(&f->h);

    f->rt = fake_runtime_init();
    o.reflector.rt = &f->rt.rt;
    o.reflector.name = "pods";
    if (fed) {
        fake_list_watch_init(&f->lw, &f->rt.rt);
        o.reflector.list_watch = &f->lw.lw;
    }
    CU_ASSERT_EQUAL_FATAL(tarn_shared_informer_new(&o, &f->s, NULL), 0);
    f->queue = tarn_shared_informer_queue(f->s);
    f->q = &f->queue->store;
    f->store = &tarn_shared_informer_indexer(f->s)->store;
    CU_ASSERT_EQUAL_FATAL(tarn_shared_informer_add_handler(f->s, &h, handler, &f->r, NULL), 0);
    return f;
}

static struct fixture *started(const struct tarn_shared_informer_options *options)
{
    struct fixture *f = fixture_new(options, false, NULL);

    CU_ASSERT_EQUAL_FATAL(tarn_shared_informer_start(f->s, NULL), 0);
    return f;
}

static void fixture_free(struct fixture *f)
{
    CU_ASSERT_EQUAL(f->h.contradictions, 0);
    tarn_shared_informer_free(f->s);
    tarn_registration_unref(f->r);
    heard_release(&f->h);
    free(f);
}

static void step(struct fixture *f)
{
    tarn_shared_informer_step(f->s);
}

/* Everything the reflector wants to do now, then a step. */
static void turn(struct fixture *f)
{
    struct tarn_reflector *r = tarn_shared_informer_reflector(f->s);

    while (tarn_reflector_deadline_ms(r) <= f->rt.now_ms)
        tarn_reflector_on_timer(r);
    step(f);
}

static const enum tarn_informer_queue queues[] = {TARN_INFORMER_QUEUE_ATOMIC, TARN_INFORMER_QUEUE_IN_ORDER,
                                                  TARN_INFORMER_QUEUE_COMPRESSED};

/* ---- what handlers are told ------------------------------------------------------------------------------ */

/* I-2, I-3. Upstream: TestUpdate, Example. The same with each queue. */
static void i2_i3_changes_become_adds_updates_and_deletes(void)
{
    for (size_t i = 0; i < 3; i++) {
        struct fixture *f = started(&(struct tarn_shared_informer_options){.store.queue = queues[i]});

        add(f->q, "n1/a@1");
        step(f);
        HEARD(&f->h, "add n1/a@1");
        update(f->q, "n1/a@2");
        update(f->q, "n1/b@3"); /* an update of what was never added is an add */
        step(f);
        HEARD(&f->h, "update n1/a@1→2 · add n1/b@3");
        add(f->q, "n1/a@4"); /* and an add of what is there is an update */
        del(f->q, "n1/b@5");
        step(f);
        HEARD(&f->h, "update n1/a@2→4 · delete n1/b@5");
        CU_ASSERT_STRING_EQUAL_PRINTED(list_of(f->store), "n1/a@4");
        fixture_free(f);
    }
}

/* I-4, I-7. Upstream: TestReplaceEvents. */
static void i4_a_relist_is_told_as_its_difference(void)
{
    struct fixture *f = started(&plain);

    replace(f->q, "a@1 b@2 c@3");
    step(f);
    HEARD(&f->h, "add(initial) a@1 · add(initial) b@2 · add(initial) c@3");
    replace(f->q, "d@6 c@3 b@5"); /* a is missing, b is newer, c the same, d new */
    step(f);
    HEARD(&f->h, "delete tombstone:a:a@1 · add d@6 · update b@2→5");
    CU_ASSERT_STRING_EQUAL_PRINTED(list_of(f->store), "b@5 c@3 d@6");
    replace(f->q, "");
    step(f);
    CU_ASSERT_STRING_EQUAL_PRINTED(heard_view(&f->h), "");
    CU_ASSERT_EQUAL(f->h.deletes, 4);
    fixture_free(f);
}

/* The store is replaced before anybody hears of it. */
static void look_at_the_store(struct heard *h)
{
    struct fixture *f = h->ctx;

    CU_ASSERT_STRING_EQUAL_PRINTED(list_of(f->store), "b@2");
}

/* I-4, I-11. */
static void i4_i11_handlers_find_the_store_as_it_is_told(void)
{
    for (size_t i = 0; i < 3; i++) {
        struct fixture *f = started(&(struct tarn_shared_informer_options){.store.queue = queues[i]});

        replace(f->q, "a@1");
        step(f);
        replace(f->q, "b@2");
        f->h.meanwhile = look_at_the_store;
        f->h.ctx = f;
        step(f);
        CU_ASSERT_EQUAL(f->h.deletes, 1);
        CU_ASSERT_EQUAL(f->h.adds, 2);
        f->h.meanwhile = NULL;
        fixture_free(f);
    }
}

/* I-5, I-14 [D] and decision E; with `unchanged` and with raw it is told. Upstream: TestReplaceEvents. */
static void i5_i14_a_relist_that_changes_nothing_is_told_only_to_who_asks(void)
{
    for (int raw = 0; raw < 2; raw++) {
        struct fixture *f = started(&(struct tarn_shared_informer_options){.store.raw = raw});
        struct heard asks = {0};
        struct tarn_event_handler h = heard_handler(&asks);

        CU_ASSERT_EQUAL(tarn_shared_informer_add_handler(f->s, &h, &(struct tarn_registration_options){.unchanged = true},
                                                         NULL, NULL), 0);
        replace(f->q, "a@1 b@2");
        step(f);
        (void)heard_text(&f->h);
        (void)heard_text(&asks);
        replace(f->q, "a@1 b@3");
        step(f);
        HEARD(&f->h, raw ? "update a@1→1 · update b@2→3" : "update b@2→3");
        HEARD(&asks, "update a@1→1 · update b@2→3");
        fixture_free(f);
        heard_release(&asks);
    }
}

/* I-3: [D] nothing is told of what was never told; the original does. Upstream: TestRealFIFO_DeleteExistingNonPropagated. */
static void i3_a_delete_of_an_unknown_object_is_told_only_in_raw_mode(void)
{
    for (int raw = 0; raw < 2; raw++) {
        struct fixture *f = started(&(struct tarn_shared_informer_options){.store.raw = raw});

        del(f->q, "n1/x@9");
        step(f);
        HEARD(&f->h, raw ? "delete n1/x@9" : "");
        f->h.contradictions = 0; /* that is what raw means */
        fixture_free(f);
    }
}

static void put(struct tarn_store *q, const char *key, const char *uid, unsigned long rv)
{
    const struct tarn_object *pod = fake_pod(key, uid, rv);
    const struct tarn_object *list[1] = {pod};

    CU_ASSERT_EQUAL(tarn_store_replace(q, list, 1, TARN_BYTES("1"), NULL), 0);
    tarn_object_unref(pod);
}

/* I-6, decision F. */
static void i6_an_object_made_again_is_one_update_or_on_demand_two_events(void)
{
    for (int split = 0; split < 2; split++) {
        struct fixture *f = started(&(struct tarn_shared_informer_options){.split_recreated = split});

        put(f->q, "n1/a", "u1", 1);
        step(f);
        (void)heard_text(&f->h);
        put(f->q, "n1/a", "u2", 7);
        step(f);
        HEARD(&f->h, split ? "delete tombstone:n1/a:n1/a@1 · add n1/a@7" : "update n1/a@1→7");
        put(f->q, "n1/a", "u3", 7); /* same version, another object: a change all the same */
        step(f);
        CU_ASSERT(f->h.updates + f->h.deletes == 2);
        fixture_free(f);
    }
}

/* I-8. Upstream: TestRealFIFO_ResyncAtomic. */
static void i8_a_resync_tells_of_every_object_again(void)
{
    for (size_t i = 0; i < 3; i++) {
        struct fixture *f = started(&(struct tarn_shared_informer_options){.store.queue = queues[i]});

        replace(f->q, "a@1 b@2");
        step(f);
        (void)heard_text(&f->h);
        CU_ASSERT_EQUAL(tarn_store_resync(f->q, NULL), 0);
        step(f);
        CU_ASSERT_EQUAL(f->h.updates, 2);
        CU_ASSERT_STRING_EQUAL_PRINTED(heard_view(&f->h), "a@1 b@2");
        fixture_free(f);
    }
}

static int odd_names_fail(void *ctx, const struct tarn_object *obj, struct tarn_index_values *out)
{
    (void)ctx;
    (void)out;
    return tarn_bytes_equal(tarn_object_name(obj), TARN_BYTES("odd")) ? TARN_E_INVAL : 0;
}

/* I-9, I-10. Upstream: TestProcessDeltasInBatch: what the store refuses is lost, what came with it is told. */
static void i9_i10_what_the_store_refuses_is_not_told_and_holds_nothing_up(void)
{
    struct tarn_index_func picky = {.name = "picky", .fn = odd_names_fail};
    struct fixture *f = started(&(struct tarn_shared_informer_options){.store = {.indexers = &picky, .indexer_count = 1}});

    add(f->q, "n1/a@1");
    add(f->q, "n1/odd@2");
    add(f->q, "n1/b@3");
    step(f);
    HEARD(&f->h, "add n1/a@1 · add n1/b@3");
    add(f->q, "n1/c@4");
    add(f->q, "n1/odd@5");
    del(f->q, "n1/a@6");
    update(f->q, "n1/b@7");
    step(f);
    HEARD(&f->h, "add n1/c@4 · delete n1/a@6 · update n1/b@3→7");
    CU_ASSERT_STRING_EQUAL_PRINTED(list_of(f->store), "n1/b@7 n1/c@4");
    fixture_free(f);
}

/* I-15. Upstream: TestEventPanics: the others hear all, delivery goes on, and the error is counted. */
static void i15_a_handler_that_fails_is_counted_and_told_on(void)
{
    struct fixture *f = started(&plain);
    struct tarn_registration_counters c;

    f->h.answer = -1;
    add(f->q, "a@1");
    update(f->q, "a@2");
    del(f->q, "a@3");
    step(f);
    HEARD(&f->h, "add a@1 · update a@1→2 · delete a@3");
    tarn_registration_counters(f->r, &c);
    CU_ASSERT_EQUAL(c.handler_errors, 3);
    CU_ASSERT_EQUAL(c.delivered, 3);
    fixture_free(f);
}

static int relabel(void *ctx, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err)
{
    unsigned *calls = ctx;

    (*calls)++;
    if (tarn_bytes_equal(tarn_object_name(obj), TARN_BYTES("bad")))
        return tarn_error_set(err, TARN_E_INVAL, "not this one");
    *ret = fake_object("{\"metadata\":{\"name\":\"%.*s\",\"namespace\":\"%.*s\",\"resourceVersion\":\"%.*s\",\"labels\":{\"t\":\"1\"}}}",
                       TARN_BYTES_ARG(tarn_object_name(obj)), TARN_BYTES_ARG(tarn_object_namespace(obj)),
                       TARN_BYTES_ARG(tarn_object_resource_version_text(obj)));
    return 0;
}

/* I-16. Upstream: TestTransformingInformer, TestSharedInformerTransformer. */
static void i16_objects_are_transformed_before_the_store_and_tombstones_are_not(void)
{
    unsigned calls = 0;
    struct fixture *f = started(&(struct tarn_shared_informer_options){.store.transform = {relabel, &calls}});
    const struct tarn_object *stored = NULL;
    struct tarn_bytes label;

    replace(f->q, "n1/a@1");
    add(f->q, "n1/b@2");
    CU_ASSERT_NOT_EQUAL(add(f->q, "n1/bad@3"), 0); /* its event is lost */
    step(f);
    CU_ASSERT_EQUAL(calls, 3);
    HEARD(&f->h, "add(initial) n1/a@1 · add n1/b@2");
    CU_ASSERT_EQUAL_FATAL(tarn_store_get_by_key(f->store, TARN_BYTES("n1/a"), &stored, NULL), 0);
    CU_ASSERT_EQUAL(tarn_object_label(stored, TARN_BYTES("t"), &label), 0);
    tarn_object_unref(stored);
    CU_ASSERT_NOT_EQUAL(replace(f->q, "n1/bad@4"), 0); /* a relist fails as a whole */
    with(f->q, f->q->ops->del, thing_tombstone("n1/b", "n1/b@2"));
    step(f);
    HEARD(&f->h, "delete tombstone:n1/b:n1/b@2");
    CU_ASSERT_EQUAL(calls, 4);
    fixture_free(f);
}

/* ---- has synced ------------------------------------------------------------------------------------------- */

/* I-38, I-39. Upstream: TestSharedInformerRemoveHandler's HasSynced checks, synctrack TestSingleFile. */
static void i38_i39_synced_means_processed_and_for_a_handler_handled(void)
{
    for (size_t i = 0; i < 3; i++) {
        struct fixture *f = started(&(struct tarn_shared_informer_options){.store.queue = queues[i]});

        CU_ASSERT(!tarn_shared_informer_has_synced(f->s));
        CU_ASSERT(!tarn_registration_has_synced(f->r));
        replace(f->q, "a@1 b@2");
        CU_ASSERT(!tarn_shared_informer_has_synced(f->s));
        CU_ASSERT(tarn_shared_informer_process(f->s) > 0);
        CU_ASSERT(tarn_shared_informer_has_synced(f->s)); /* the store has it */
        CU_ASSERT(!tarn_registration_has_synced(f->r));   /* the handler has not heard yet */
        CU_ASSERT_EQUAL(tarn_shared_informer_deliver(f->s), 2);
        CU_ASSERT(tarn_registration_has_synced(f->r));
        CU_ASSERT(tarn_registration_wait_synced(f->r, 0));
        replace(f->q, "c@3"); /* a later list changes nothing about it */
        CU_ASSERT(tarn_shared_informer_has_synced(f->s));
        CU_ASSERT(tarn_registration_has_synced(f->r));
        fixture_free(f);
    }
}

/* I-38. */
static void i38_an_empty_first_list_syncs(void)
{
    struct fixture *f = started(&plain);

    replace(f->q, "");
    step(f);
    CU_ASSERT(tarn_shared_informer_has_synced(f->s));
    CU_ASSERT(tarn_registration_has_synced(f->r));
    CU_ASSERT_EQUAL(f->h.adds, 0);
    fixture_free(f);
}

/* I-40. Upstream: TestWaitFor. */
static void i40_waiting_names_who_is_not_done(void)
{
    struct fixture *f = started(&plain), *g = started(&plain);
    struct tarn_done_checker checkers[] = {tarn_shared_informer_done_checker(f->s), tarn_registration_done_checker(g->r)};
    struct tarn_error err = {0};

    replace(f->q, "a@1");
    step(f);
    CU_ASSERT_EQUAL(tarn_wait_for(&f->rt.rt, "the cache", checkers, 2, 0, &err), TARN_E_TIMEOUT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "the cache: not done: handler"));
    CU_ASSERT_PTR_NULL(strstr(err.message, "pods"));
    replace(g->q, "");
    step(g);
    CU_ASSERT_EQUAL(tarn_wait_for(&f->rt.rt, "the cache", checkers, 2, 0, &err), 0);
    CU_ASSERT_EQUAL(tarn_wait_for(&f->rt.rt, "nothing", NULL, 0, 0, NULL), 0);
    CU_ASSERT_STRING_EQUAL(checkers[0].name, "pods");
    fixture_free(f);
    fixture_free(g);
}

/* ---- handlers that come and go ----------------------------------------------------------------------------- */

/* I-34. Upstream: TestAddWhileActive. */
static void i34_a_handler_that_joins_hears_all_there_is_and_then_what_follows(void)
{
    struct fixture *f = started(&plain);
    struct heard late = {0};
    struct tarn_event_handler h = heard_handler(&late);
    struct tarn_registration *r = NULL;

    replace(f->q, "a@1");
    add(f->q, "b@2");
    step(f);
    add(f->q, "c@3"); /* not yet processed when it joins */
    CU_ASSERT_EQUAL(tarn_shared_informer_add_handler(f->s, &h, NULL, &r, NULL), 0);
    CU_ASSERT(!tarn_registration_has_synced(r));
    step(f);
    CU_ASSERT(tarn_registration_has_synced(r));
    CU_ASSERT_EQUAL(late.initial_adds, 2);
    CU_ASSERT_EQUAL(late.adds, 3);
    CU_ASSERT_STRING_EQUAL_PRINTED(heard_view(&late), "a@1 b@2 c@3");
    CU_ASSERT_EQUAL(late.contradictions, 0);
    fixture_free(f);
    CU_ASSERT(tarn_registration_has_synced(r)); /* a registration outlives its informer */
    CU_ASSERT(tarn_registration_wait_synced(r, 1000));
    tarn_registration_unref(r);
    heard_release(&late);
}

/* I-35. Upstream: TestSharedInformerMultipleRegistration. */
static void i35_the_same_handler_twice_is_two_registrations(void)
{
    struct fixture *f = started(&plain);
    struct heard h = {0};
    struct tarn_event_handler handler = heard_handler(&h);
    struct tarn_registration *r[2];

    for (int i = 0; i < 2; i++)
        CU_ASSERT_EQUAL(tarn_shared_informer_add_handler(f->s, &handler, NULL, &r[i], NULL), 0);
    add(f->q, "a@1");
    step(f);
    CU_ASSERT_EQUAL(h.adds, 2);
    tarn_shared_informer_remove_handler(f->s, r[0]);
    add(f->q, "b@2");
    step(f);
    CU_ASSERT_EQUAL(h.adds, 3);
    tarn_shared_informer_remove_handler(f->s, r[1]);
    add(f->q, "c@3");
    step(f);
    CU_ASSERT_EQUAL(h.adds, 3);
    fixture_free(f);
    tarn_registration_unref(r[0]);
    tarn_registration_unref(r[1]);
    heard_release(&h);
}

/* I-36. Upstream: TestSharedInformerRemoveHandler, TestSharedInformerRemoveForeignHandler, TestRemovingRemovedSharedInformer,
 * TestRemoveOnStoppedSharedInformer. */
static void i36_removing_is_harmless_whatever_the_registration(void)
{
    struct fixture *f = started(&plain), *g = started(&plain);

    tarn_shared_informer_remove_handler(f->s, g->r); /* foreign */
    tarn_shared_informer_shut_down_handler(f->s, g->r);
    add(g->q, "a@1");
    step(g);
    HEARD(&g->h, "add a@1");
    add(f->q, "a@1");
    CU_ASSERT(tarn_shared_informer_process(f->s) > 0);
    tarn_shared_informer_remove_handler(f->s, f->r); /* what waited is dropped */
    tarn_shared_informer_remove_handler(f->s, f->r); /* twice */
    add(f->q, "b@2");
    step(f);
    HEARD(&f->h, "");
    tarn_shared_informer_stop(g->s);
    tarn_shared_informer_remove_handler(g->s, g->r); /* after the stop */
    tarn_shared_informer_remove_handler(g->s, g->r);
    fixture_free(f);
    fixture_free(g);
}

static void remove_itself(struct heard *h)
{
    struct fixture *f = h->ctx;

    tarn_shared_informer_remove_handler(f->s, f->r);
}

/* I-36. */
static void i36_a_handler_may_remove_itself(void)
{
    struct fixture *f = started(&plain);

    f->h.meanwhile = remove_itself;
    f->h.ctx = f;
    add(f->q, "a@1");
    add(f->q, "b@2");
    step(f);
    HEARD(&f->h, "add a@1");
    fixture_free(f);
}

/* I-33, I-34. Upstream: TestAddOnStoppedSharedInformer, TestStateSharedInformer, TestSharedInformerStartRace. */
static void i33_a_stopped_informer_takes_nobody_in_and_is_not_started_again(void)
{
    struct fixture *f = started(&plain);
    struct tarn_event_handler h = heard_handler(&f->h);
    struct tarn_registration *untouched = NULL;
    struct tarn_error err = {0};
    struct tarn_index_func ns;

    CU_ASSERT(!tarn_shared_informer_is_stopped(f->s));
    CU_ASSERT_EQUAL(tarn_shared_informer_start(f->s, &err), TARN_E_EXISTS);
    CU_ASSERT_EQUAL(tarn_shared_informer_run(f->s, &err), TARN_E_EXISTS);
    tarn_shared_informer_stop(f->s);
    tarn_shared_informer_stop(f->s);
    CU_ASSERT(tarn_shared_informer_is_stopped(f->s));
    CU_ASSERT_EQUAL(tarn_shared_informer_start(f->s, &err), TARN_E_STOPPED);
    CU_ASSERT_EQUAL(tarn_shared_informer_run(f->s, NULL), TARN_E_STOPPED);
    CU_ASSERT_EQUAL(tarn_shared_informer_add_handler(f->s, &h, NULL, &untouched, &err), TARN_E_STOPPED);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "was not added to shared informer because it has stopped already"));
    CU_ASSERT_PTR_NULL(untouched);
    CU_ASSERT_EQUAL_FATAL(tarn_index_func_builtin("namespace", &ns, NULL), 0);
    CU_ASSERT_EQUAL(tarn_shared_informer_add_indexers(f->s, &ns, 1, &err), TARN_E_STOPPED);
    tarn_index_func_release(&ns);
    CU_ASSERT(!tarn_shared_informer_wait_synced(f->s, UINT64_MAX)); /* it never will: no endless wait */
    fixture_free(f);
}

/* I-48: what is queued at the stop is dropped, what waits for handlers is delivered. Upstream: TestShutdown. */
static void i48_a_stop_drops_the_queue_and_delivers_what_was_processed(void)
{
    struct fixture *f = started(&plain);

    add(f->q, "a@1");
    CU_ASSERT(tarn_shared_informer_process(f->s) > 0);
    add(f->q, "b@2");
    tarn_shared_informer_stop(f->s);
    step(f);
    HEARD(&f->h, "add a@1");
    CU_ASSERT_STRING_EQUAL_PRINTED(list_of(f->store), "a@1");
    fixture_free(f);
}

/* I-44. Upstream: TestIndexer, TestSharedInformer...AddIndexers. */
static void i44_indexes_may_be_added_before_and_while_it_runs(void)
{
    struct fixture *f = fixture_new(&plain, false, NULL);
    struct tarn_indexer *x = tarn_shared_informer_indexer(f->s);
    struct tarn_index_func ns, app;

    CU_ASSERT_EQUAL_FATAL(tarn_index_func_builtin("namespace", &ns, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_index_func_builtin("label:app", &app, NULL), 0);
    CU_ASSERT_EQUAL(tarn_shared_informer_add_indexers(f->s, &ns, 1, NULL), 0);
    CU_ASSERT_EQUAL(tarn_shared_informer_start(f->s, NULL), 0);
    add(f->q, "n1/a@1{app=web}");
    step(f);
    CU_ASSERT_STRING_EQUAL_PRINTED(by_index(x, "namespace", "n1"), "n1/a@1");
    CU_ASSERT_EQUAL(tarn_shared_informer_add_indexers(f->s, &app, 1, NULL), 0);
    CU_ASSERT_STRING_EQUAL_PRINTED(by_index(x, "label:app", "web"), "n1/a@1");
    CU_ASSERT_EQUAL(tarn_shared_informer_add_indexers(f->s, &app, 1, NULL), TARN_E_INDEX_CONFLICT);
    fixture_free(f);
    tarn_index_func_release(&ns);
    tarn_index_func_release(&app);
}

/* ---- filters -------------------------------------------------------------------------------------------------- */

static bool is_web(void *ctx, const struct tarn_object *obj)
{
    const struct tarn_object *state = tarn_object_final_state(obj);
    struct tarn_bytes app;

    (*(unsigned *)ctx)++;
    return tarn_object_label(state ? state : obj, TARN_BYTES("app"), &app) == 0 && tarn_bytes_equal(app, TARN_BYTES("web"));
}

/* I-42. Upstream: TestTypedFilteringResourceEventHandler. */
static void i42_a_filter_turns_updates_into_what_they_mean_behind_it(void)
{
    struct fixture *f = started(&plain);
    struct heard h = {0};
    unsigned asked = 0;
    struct tarn_event_filter filter = {.keep = is_web, .ctx = &asked, .handler = heard_handler(&h)};
    struct tarn_event_handler handler = tarn_event_filter_handler(&filter);

    CU_ASSERT_EQUAL(tarn_shared_informer_add_handler(f->s, &handler, NULL, NULL, NULL), 0);
    add(f->q, "a@1{app=db}");
    add(f->q, "b@2{app=web}");
    step(f);
    HEARD(&h, "add b@2");
    update(f->q, "a@3{app=web}"); /* comes in: never of the initial list */
    update(f->q, "b@4{app=web}");
    step(f);
    HEARD(&h, "add a@3 · update b@2→4");
    update(f->q, "b@5{app=db}"); /* goes out: the old state, no tombstone */
    update(f->q, "b@6{app=db}");
    step(f);
    HEARD(&h, "delete b@4");
    replace(f->q, ""); /* the filter sees tombstones */
    step(f);
    HEARD(&h, "delete tombstone:a:a@3");
    CU_ASSERT_EQUAL(h.contradictions, 0);
    CU_ASSERT(asked > 0);
    fixture_free(f);
    heard_release(&h);
}

/* I-41. Upstream: TestTypedResourceEventHandlerFuncs. */
static void i41_members_that_are_missing_are_skipped(void)
{
    struct fixture *f = started(&plain);
    struct heard h = {0};
    struct tarn_event_handler only_delete = {.on_delete = heard_handler(&h).on_delete, .ctx = &h}, none = {0};

    CU_ASSERT_EQUAL(tarn_shared_informer_add_handler(f->s, &only_delete, NULL, NULL, NULL), 0);
    CU_ASSERT_EQUAL(tarn_shared_informer_add_handler(f->s, &none, NULL, NULL, NULL), 0);
    add(f->q, "a@1");
    update(f->q, "a@2");
    del(f->q, "a@3");
    step(f);
    HEARD(&h, "delete a@3");
    fixture_free(f);
    heard_release(&h);
}

/* ---- the bounded buffer ------------------------------------------------------------------------------------------ */

static struct fixture *bounded(size_t buffer)
{
    struct fixture *f = fixture_new(&plain, false, &(struct tarn_registration_options){.buffer = buffer});

    CU_ASSERT_EQUAL_FATAL(tarn_shared_informer_start(f->s, NULL), 0);
    return f;
}

static void process_only(struct fixture *f)
{
    while (tarn_shared_informer_process(f->s))
        ;
}

/* I-12 [D]: a full buffer is folded into one change per key. */
static void i12_a_handler_that_falls_behind_is_told_one_change_per_key(void)
{
    struct fixture *f = bounded(4);
    struct tarn_registration_counters c;

    add(f->q, "keep@1");
    add(f->q, "gone@2");
    add(f->q, "same@3");
    step(f);
    (void)heard_text(&f->h);
    update(f->q, "keep@4");
    update(f->q, "keep@5");
    del(f->q, "gone@6");
    add(f->q, "new@7");
    process_only(f);
    update(f->q, "keep@8"); /* the fifth: folded */
    update(f->q, "new@9");
    add(f->q, "brief@10"); /* comes and goes: never heard of */
    del(f->q, "brief@11");
    update(f->q, "same@3");
    process_only(f);
    tarn_registration_counters(f->r, &c);
    CU_ASSERT_EQUAL(c.folds, 1);
    CU_ASSERT_EQUAL(c.waiting, 4); /* keep, gone, new, brief */
    (void)tarn_shared_informer_deliver(f->s);
    HEARD(&f->h, "update keep@1→8 · delete gone@6 · add new@9");
    update(f->q, "keep@12"); /* one by one again */
    update(f->q, "keep@13");
    step(f);
    HEARD(&f->h, "update keep@8→12 · update keep@12→13");
    fixture_free(f);
}

/* I-12. Decision E: no second add, no lost delete, whatever happened meanwhile. */
static void i12_an_object_deleted_and_made_again_meanwhile_is_an_update(void)
{
    struct fixture *f = bounded(1);

    add(f->q, "a@1");
    step(f);
    (void)heard_text(&f->h);
    del(f->q, "a@2");
    process_only(f);
    add(f->q, "a@3");
    del(f->q, "b@4");
    process_only(f);
    (void)tarn_shared_informer_deliver(f->s);
    HEARD(&f->h, "update a@1→3");
    replace(f->q, "b@5");
    add(f->q, "a@6");
    process_only(f);
    del(f->q, "a@7");
    process_only(f);
    (void)tarn_shared_informer_deliver(f->s);
    HEARD(&f->h, "delete a@7 · add b@5");
    fixture_free(f);
}

/* I-12, I-39. */
static void i12_i39_folded_initial_adds_still_count_as_handled(void)
{
    struct fixture *f = bounded(2);

    replace(f->q, "a@1 b@2 c@3 d@4");
    process_only(f);
    del(f->q, "b@5");
    update(f->q, "c@6");
    process_only(f);
    CU_ASSERT(tarn_shared_informer_has_synced(f->s));
    CU_ASSERT(!tarn_registration_has_synced(f->r));
    (void)tarn_shared_informer_deliver(f->s);
    HEARD(&f->h, "add(initial) a@1 · add(initial) c@6 · add(initial) d@4");
    CU_ASSERT(tarn_registration_has_synced(f->r));
    fixture_free(f);
}

/* I-12. */
static void i12_a_resync_is_not_folded_away(void)
{
    struct fixture *f = bounded(1);

    replace(f->q, "a@1 b@2");
    step(f);
    (void)heard_text(&f->h);
    CU_ASSERT_EQUAL(tarn_store_resync(f->q, NULL), 0);
    step(f);
    CU_ASSERT_EQUAL(f->h.updates, 2);
    fixture_free(f);
}

static uint64_t seed = 7;

static unsigned pick(unsigned n)
{
    return (unsigned)(fake_random(&seed) % n);
}

static void random_change(struct fixture *f, unsigned long rv)
{
    char word[64], list[400] = "";

    (void)snprintf(word, sizeof word, "n%u/k%u@%lu", pick(2), pick(4), rv);
    switch (pick(8)) {
    case 0:
    case 1:
        add(f->q, word);
        return;
    case 2:
    case 3:
        update(f->q, word);
        return;
    case 4:
    case 5:
        del(f->q, word);
        return;
    case 6:
        CU_ASSERT_EQUAL(tarn_store_resync(f->q, NULL), 0);
        return;
    default:
        for (unsigned k = 0; k < 8; k++)
            if (pick(2))
                (void)snprintf(list + strlen(list), sizeof list - strlen(list), "%sn%u/k%u@%lu", *list ? " " : "", k & 1, k >> 1,
                               pick(2) ? rv : 1 + k);
        replace(f->q, list);
    }
}

/*
 * Random histories through every queue and buffers of every size, handlers joining and leaving meanwhile: nobody is ever told
 * something that contradicts what it was told before, and in the end each believes exactly what is in the store.
 */
static void random_histories_never_contradict_themselves(void)
{
    for (int round = 0; round < 600; round++) {
        struct tarn_registration_options buffer = {.buffer = 1 + pick(12), .unchanged = pick(2)};
        struct fixture *f = fixture_new(&(struct tarn_shared_informer_options){.store.queue = queues[pick(3)]}, false, &buffer);
        struct heard late = {0};
        struct tarn_event_handler h = heard_handler(&late);
        struct tarn_registration *r = NULL;
        unsigned joins = pick(60), leaves = joins + pick(60);
        char store[2048];

        CU_ASSERT_EQUAL_FATAL(tarn_shared_informer_start(f->s, NULL), 0);
        for (unsigned i = 0; i < 80; i++) {
            random_change(f, 100 + i);
            if (i == joins)
                CU_ASSERT_EQUAL(tarn_shared_informer_add_handler(f->s, &h, &buffer, &r, NULL), 0);
            if (pick(3) == 0)
                process_only(f);
            if (pick(6) == 0)
                (void)tarn_shared_informer_deliver(f->s);
            if (i == leaves)
                tarn_shared_informer_remove_handler(f->s, r);
        }
        step(f);
        (void)snprintf(store, sizeof store, "%s", list_of(f->store));
        CU_ASSERT_STRING_EQUAL_PRINTED(heard_view(&f->h), store);
        CU_ASSERT_EQUAL(late.contradictions, 0);
        if (r && leaves >= 80)
            CU_ASSERT_STRING_EQUAL_PRINTED(heard_view(&late), store);
        tarn_registration_unref(r);
        fixture_free(f);
        heard_release(&late);
    }
}

/* ---- with a reflector ------------------------------------------------------------------------------------------- */

static struct fixture *watching(const struct tarn_shared_informer_options *o, const struct tarn_registration_options *handler)
{
    struct fixture *f = fixture_new(o, true, handler);

    CU_ASSERT_EQUAL_FATAL(tarn_shared_informer_start(f->s, NULL), 0);
    turn(f);
    fake_item(&f->lw, fake_pod("n1/a", "u1", 1));
    fake_item(&f->lw, fake_pod("n1/b", "u2", 2));
    fake_page_end(&f->lw, "5", "");
    turn(f);
    fake_open(&f->lw);
    turn(f);
    return f;
}

/* Upstream: TestHammerController in short; I-1. */
static void i1_source_reflector_queue_store_and_handler_work_together(void)
{
    struct fixture *f = watching(&plain, NULL);
    struct tarn_rv rv;

    HEARD(&f->h, "add(initial) n1/a@1 · add(initial) n1/b@2");
    CU_ASSERT(tarn_shared_informer_has_synced(f->s));
    fake_event(&f->lw, TARN_WATCH_MODIFIED, fake_pod("n1/a", "u1", 6));
    fake_event(&f->lw, TARN_WATCH_DELETED, fake_pod("n1/b", "u2", 7));
    turn(f);
    HEARD(&f->h, "update n1/a@1→6 · delete n1/b@7");
    tarn_shared_informer_last_resource_version(f->s, &rv);
    CU_ASSERT_STRING_EQUAL(rv.text, "7");
    fixture_free(f);
}

/* I-46. Upstream: TestStoreResourceVersion: the store's version follows events and bookmarks. */
static void i46_the_stores_resource_version_follows_events_and_bookmarks(void)
{
    struct fixture *f = fixture_new(&plain, true, NULL);
    struct tarn_rv rv;

    tarn_shared_informer_last_resource_version(f->s, &rv);
    CU_ASSERT_EQUAL(rv.len, 0);
    fixture_free(f);
    f = watching(&plain, NULL);
    CU_ASSERT_STRING_EQUAL(rv_of(f->store), "5");
    fake_event(&f->lw, TARN_WATCH_MODIFIED, fake_pod("n1/a", "u1", 6));
    turn(f);
    CU_ASSERT_STRING_EQUAL(rv_of(f->store), "6");
    fake_event(&f->lw, TARN_WATCH_BOOKMARK, fake_bookmark(9, false));
    turn(f);
    CU_ASSERT_STRING_EQUAL(rv_of(f->store), "9");
    fixture_free(f);
}

struct reports {
    unsigned n;
    char text[300];
};

static void on_report(void *ctx, const struct tarn_reflector_report *report)
{
    struct reports *r = ctx;

    r->n++;
    (void)snprintf(r->text, sizeof r->text, "%.200s", report->error.message);
}

/* I-43. Upstream: TestSharedInformerErrorHandling. */
static void i43_errors_of_list_and_watch_reach_the_callers_handler(void)
{
    struct reports reports = {0};
    struct fixture *f = fixture_new(
        &(struct tarn_shared_informer_options){.reflector = {.on_report = on_report, .ctx = &reports}}, true, NULL);

    CU_ASSERT_EQUAL(tarn_shared_informer_start(f->s, NULL), 0);
    turn(f);
    fake_list_status(&f->lw, 403, "Forbidden");
    CU_ASSERT(reports.n >= 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(reports.text, "pods"));
    fixture_free(f);
}

static bool never(void *ctx)
{
    (void)ctx;
    return false;
}

static void options_that_do_not_fit_are_refused(void)
{
    struct fake_runtime rt = fake_runtime_init();
    struct tarn_shared_informer *s = NULL;
    struct tarn_index_func twice[2];
    struct tarn_error err = {0};

    CU_ASSERT_EQUAL(tarn_shared_informer_new(&plain, &s, &err), TARN_E_INVAL);
    CU_ASSERT_EQUAL(tarn_shared_informer_new(
                        &(struct tarn_shared_informer_options){.reflector = {.rt = &rt.rt, .should_resync = never}}, &s, &err),
                    TARN_E_INVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "should_resync"));
    CU_ASSERT_EQUAL_FATAL(tarn_index_func_builtin("namespace", &twice[0], NULL), 0);
    twice[1] = twice[0];
    CU_ASSERT_EQUAL(tarn_shared_informer_new(&(struct tarn_shared_informer_options){.reflector = {.rt = &rt.rt},
                                                                                   .store = {.indexers = twice, .indexer_count = 2}},
                                             &s, &err),
                    TARN_E_INDEX_CONFLICT);
    CU_ASSERT_PTR_NULL(s);
    tarn_index_func_release(&twice[0]);
    tarn_shared_informer_free(NULL);
}

/* ---- resync periods ------------------------------------------------------------------------------------------------ */

/* Let s seconds pass, doing what becomes due each. */
static void seconds(struct fixture *f, unsigned s)
{
    while (s--) {
        f->rt.now_ms += 1000;
        turn(f);
    }
}

/* I-14, I-45. Upstream: TestListenerResyncPeriods. */
static void i14_i45_each_handler_is_resynced_in_its_own_period(void)
{
    static const uint64_t periods_s[] = {2, 3, 0 /* never */};
    struct fixture *f = fixture_new(&(struct tarn_shared_informer_options){.reflector.resync_period_ms = 1000}, true, NULL);
    struct heard h[3] = {0};

    for (int i = 0; i < 3; i++) {
        struct tarn_event_handler handler = heard_handler(&h[i]);
        struct tarn_registration_options o = {.resync_period_ms = periods_s[i] ? periods_s[i] * 1000 : TARN_RESYNC_NEVER};

        CU_ASSERT_EQUAL(tarn_shared_informer_add_handler(f->s, &handler, &o, NULL, NULL), 0);
    }
    CU_ASSERT_EQUAL_FATAL(tarn_shared_informer_start(f->s, NULL), 0);
    turn(f);
    fake_item(&f->lw, fake_pod("n1/a", "u1", 1));
    fake_page_end(&f->lw, "5", "");
    turn(f);
    fake_open(&f->lw);
    turn(f);
    seconds(f, 1);
    CU_ASSERT_EQUAL(h[0].updates, 0);
    seconds(f, 1); /* 2 s */
    CU_ASSERT_EQUAL(h[0].updates, 1);
    CU_ASSERT_EQUAL(h[1].updates, 0);
    seconds(f, 1); /* 3 s */
    CU_ASSERT_EQUAL(h[0].updates, 1);
    CU_ASSERT_EQUAL(h[1].updates, 1);
    seconds(f, 9); /* 12 s: every 2, every 3, and the informer's own handler every 1 s */
    CU_ASSERT_EQUAL(h[0].updates, 6);
    CU_ASSERT_EQUAL(h[1].updates, 4);
    CU_ASSERT_EQUAL(h[2].updates, 0);
    CU_ASSERT_EQUAL(f->h.updates, 12);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(h[i].contradictions, 0);
        heard_release(&h[i]);
    }
    fixture_free(f);
}

/* I-45. Upstream: TestResyncCheckPeriod, and the minimum of a second. */
static void i45_the_informer_looks_as_often_as_the_shortest_early_period(void)
{
    struct fixture *f = fixture_new(&(struct tarn_shared_informer_options){.reflector.resync_period_ms = 12 * 3600 * 1000}, true, NULL);
    struct heard soon = {0}, sooner = {0};
    struct tarn_event_handler a = heard_handler(&soon), b = heard_handler(&sooner);

    /* half a second is raised to one, which the informer then looks at */
    CU_ASSERT_EQUAL(tarn_shared_informer_add_handler(f->s, &a, &(struct tarn_registration_options){.resync_period_ms = 500}, NULL, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_shared_informer_start(f->s, NULL), 0);
    turn(f);
    fake_item(&f->lw, fake_pod("n1/a", "u1", 1));
    fake_page_end(&f->lw, "5", "");
    turn(f);
    fake_open(&f->lw);
    seconds(f, 10);
    CU_ASSERT_EQUAL(soon.updates, 10);
    CU_ASSERT_EQUAL(f->h.updates, 0);
    /* after the start nobody can make it look more often; a longer period is kept */
    CU_ASSERT_EQUAL(tarn_shared_informer_add_handler(f->s, &b, &(struct tarn_registration_options){.resync_period_ms = 5000}, NULL, NULL), 0);
    seconds(f, 10);
    CU_ASSERT_EQUAL(sooner.updates, 2);
    heard_release(&soon);
    heard_release(&sooner);
    fixture_free(f);
}

/* I-45. */
static void i45_where_the_informer_never_looks_nobody_is_resynced(void)
{
    struct fixture *f = watching(&plain, &(struct tarn_registration_options){.resync_period_ms = 2000});

    seconds(f, 60);
    CU_ASSERT_EQUAL(f->h.updates, 0);
    fixture_free(f);
}

/* I-45. A late, faster wish is raised to the informer's period. */
static void i45_after_the_start_a_shorter_period_is_raised(void)
{
    struct fixture *f = watching(&(struct tarn_shared_informer_options){.reflector.resync_period_ms = 10000}, NULL);
    struct heard late = {0};
    struct tarn_event_handler h = heard_handler(&late);

    CU_ASSERT_EQUAL(tarn_shared_informer_add_handler(f->s, &h, &(struct tarn_registration_options){.resync_period_ms = 1000}, NULL, NULL), 0);
    step(f);
    seconds(f, 40);
    CU_ASSERT_EQUAL(late.updates, f->h.updates);
    CU_ASSERT_EQUAL(late.updates, 8); /* two objects, every 10 s */
    heard_release(&late);
    fixture_free(f);
}

/* ---- memory ---------------------------------------------------------------------------------------------------------- */

static void making_and_joining_survive_any_failed_allocation(void)
{
    struct fake_runtime rt = fake_runtime_init();
    long before = tarn_fault_blocks();
    bool failed = true;

    for (long n = 0; failed; n++) {
        struct tarn_shared_informer_options o = {.reflector.rt = &rt.rt};
        struct tarn_shared_informer *s = NULL;
        struct tarn_registration *r = NULL;
        struct heard h = {0};
        struct tarn_event_handler handler = heard_handler(&h);
        int rc;

        tarn_fault_arm(n);
        rc = tarn_shared_informer_new(&o, &s, NULL);
        if (!rc)
            rc = tarn_shared_informer_add_handler(s, &handler, NULL, &r, NULL);
        if (!rc)
            rc = tarn_shared_informer_start(s, NULL);
        failed = tarn_fault_disarm();
        CU_ASSERT_EQUAL(rc, failed ? TARN_E_NOMEM : 0);
        tarn_shared_informer_free(s);
        tarn_registration_unref(r);
        CU_ASSERT_EQUAL_FATAL(tarn_fault_blocks(), before);
    }
}

/* Whatever allocation fails while changes are processed: what the store takes is told, and what it does not take is not. */
static void processing_survives_any_failed_allocation(void)
{
    bool failed = true;

    for (long n = 0; failed; n++) {
        struct fixture *f = bounded(2);
        char store[200];

        replace(f->q, "a@1 b@2");
        add(f->q, "c@3");
        update(f->q, "a@4");
        del(f->q, "b@5");
        replace(f->q, "a@4 d@6 e@7");
        tarn_fault_arm(n);
        process_only(f);
        failed = tarn_fault_disarm();
        step(f);
        (void)snprintf(store, sizeof store, "%s", list_of(f->store));
        CU_ASSERT_STRING_EQUAL_PRINTED(heard_view(&f->h), store);
        if (!failed)
            CU_ASSERT_STRING_EQUAL_PRINTED(store, "a@4 d@6 e@7");
        fixture_free(f);
    }
}

TARN_TEST_MAIN("shared_informer", TARN_TEST(i2_i3_changes_become_adds_updates_and_deletes),
               TARN_TEST(i4_a_relist_is_told_as_its_difference), TARN_TEST(i4_i11_handlers_find_the_store_as_it_is_told),
               TARN_TEST(i5_i14_a_relist_that_changes_nothing_is_told_only_to_who_asks),
               TARN_TEST(i3_a_delete_of_an_unknown_object_is_told_only_in_raw_mode),
               TARN_TEST(i6_an_object_made_again_is_one_update_or_on_demand_two_events),
               TARN_TEST(i8_a_resync_tells_of_every_object_again),
               TARN_TEST(i9_i10_what_the_store_refuses_is_not_told_and_holds_nothing_up),
               TARN_TEST(i15_a_handler_that_fails_is_counted_and_told_on),
               TARN_TEST(i16_objects_are_transformed_before_the_store_and_tombstones_are_not),
               TARN_TEST(i38_i39_synced_means_processed_and_for_a_handler_handled), TARN_TEST(i38_an_empty_first_list_syncs),
               TARN_TEST(i40_waiting_names_who_is_not_done),
               TARN_TEST(i34_a_handler_that_joins_hears_all_there_is_and_then_what_follows),
               TARN_TEST(i35_the_same_handler_twice_is_two_registrations),
               TARN_TEST(i36_removing_is_harmless_whatever_the_registration), TARN_TEST(i36_a_handler_may_remove_itself),
               TARN_TEST(i33_a_stopped_informer_takes_nobody_in_and_is_not_started_again),
               TARN_TEST(i48_a_stop_drops_the_queue_and_delivers_what_was_processed),
               TARN_TEST(i44_indexes_may_be_added_before_and_while_it_runs),
               TARN_TEST(i42_a_filter_turns_updates_into_what_they_mean_behind_it),
               TARN_TEST(i41_members_that_are_missing_are_skipped),
               TARN_TEST(i12_a_handler_that_falls_behind_is_told_one_change_per_key),
               TARN_TEST(i12_an_object_deleted_and_made_again_meanwhile_is_an_update),
               TARN_TEST(i12_i39_folded_initial_adds_still_count_as_handled), TARN_TEST(i12_a_resync_is_not_folded_away),
               TARN_TEST(random_histories_never_contradict_themselves),
               TARN_TEST(i1_source_reflector_queue_store_and_handler_work_together),
               TARN_TEST(i46_the_stores_resource_version_follows_events_and_bookmarks),
               TARN_TEST(i43_errors_of_list_and_watch_reach_the_callers_handler), TARN_TEST(options_that_do_not_fit_are_refused),
               TARN_TEST(i14_i45_each_handler_is_resynced_in_its_own_period),
               TARN_TEST(i45_the_informer_looks_as_often_as_the_shortest_early_period),
               TARN_TEST(i45_where_the_informer_never_looks_nobody_is_resynced),
               TARN_TEST(i45_after_the_start_a_shorter_period_is_raised),
               TARN_TEST(making_and_joining_survive_any_failed_allocation), TARN_TEST(processing_survives_any_failed_allocation))
