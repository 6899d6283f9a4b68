/* The writer at its limits: a full region, refused objects, aborts, revoked pins, dead clients, doorbells, failing memory. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault.h"
#include "region_fixture.h"

static struct tarn_writer_stats stats(const struct fixture *f)
{
    struct tarn_writer_stats s;

    tarn_writer_stats(f->w, &s);
    return s;
}

static void commit(struct fixture *f)
{
    CU_ASSERT_EQUAL(tarn_writer_commit(f->w, NULL), 0);
}

static bool has(struct fixture *f, const struct tarn_reader *r, unsigned k, unsigned v)
{
    const struct tarn_object *obj;
    char key[64];

    return !tarn_reader_get(r, f->id, fixture_key_bytes(key, k), &obj) && fixture_uint(obj, "spec.v") == v && fixture_uint(obj, "spec.check") == v;
}

/* ---- options and resources ------------------------------------------------------------------------------- */

static void options_out_of_range_are_named(void)
{
    static const struct {
        struct tarn_writer_options o;
        const char *says;
    } rows[] = {
        {{.budget_bytes = 1 << 20}, "budget"},
        {{.budget_bytes = 1ull << 40}, "budget"},
        {{.budget_bytes = 8 << 20, .realm = "a-realm-name-of-24-bytes"}, "realm"},
        {{.budget_bytes = 8 << 20, .realm = ""}, "realm"},
        {{.budget_bytes = 8 << 20, .max_object_bytes = 64u << 20}, "object limit"},
        {{.budget_bytes = 4 << 20, .log_entries = 1 << 24}, "do not fit"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tarn_error err = {0};
        struct tarn_writer *w = NULL;

        CU_ASSERT_NOT_EQUAL(tarn_writer_new(&rows[i].o, &w, &err), 0);
        CU_ASSERT_PTR_NULL(w);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, rows[i].says));
    }
}

static void resources_are_described_in_the_snapshot(void)
{
    struct tarn_resource_info info;
    struct tarn_reader_iter it;
    struct tarn_reader r;
    struct fixture f;
    uint16_t id;
    int n = 0;

    fixture_open(&f, 8u << 20);
    CU_ASSERT_EQUAL(tarn_writer_add_resource(f.w, &(struct tarn_writer_resource){.name = "widgets"}, &id, NULL), TARN_E_EXISTS);
    CU_ASSERT_EQUAL(tarn_writer_add_resource(f.w, &(struct tarn_writer_resource){.name = "nodes", .api_version = "v1", .kind = "Node"}, &id, NULL), 0);
    fixture_begin(&f, &r);
    CU_ASSERT_EQUAL(tarn_reader_resource(&r, TARN_BYTES("nodes"), &info), TARN_E_NOTFOUND); /* not committed */
    fixture_end(&f, &r);
    commit(&f);
    fixture_begin(&f, &r);
    CU_ASSERT_EQUAL(tarn_reader_resource(&r, TARN_BYTES("widgets"), &info), 0);
    CU_ASSERT_EQUAL(info.store, f.id);
    CU_ASSERT_TRUE(info.namespaced);
    CU_ASSERT_TRUE(tarn_bytes_equal(info.kind, TARN_BYTES("Widget")));
    CU_ASSERT_TRUE(tarn_bytes_equal(info.api_version, TARN_BYTES("test/v1")));
    CU_ASSERT_TRUE(tarn_bytes_equal(info.singular, TARN_BYTES("widget")));
    CU_ASSERT_EQUAL(info.nindex, 3); /* namespace came by itself */
    CU_ASSERT_EQUAL(tarn_resource_index(&info, TARN_BYTES("namespace")), FIXTURE_INDEX_NAMESPACE);
    CU_ASSERT_EQUAL(tarn_resource_index(&info, TARN_BYTES("label:app")), FIXTURE_INDEX_APP);
    CU_ASSERT_EQUAL(tarn_resource_index(&info, TARN_BYTES("nope")), TARN_E_INDEX_MISSING);
    CU_ASSERT_TRUE(tarn_bytes_equal(tarn_resource_slot_path(&info, 0), TARN_BYTES("spec.v")));
    CU_ASSERT_TRUE(tarn_bytes_equal(tarn_resource_short_name(&info, 0), TARN_BYTES("wi")));
    CU_ASSERT_EQUAL(tarn_resource_short_name(&info, 1).len, 0);
    CU_ASSERT_EQUAL(tarn_reader_resources(&r, &it), 0);
    while (tarn_reader_next_resource(&it, &info) == 1)
        n++;
    CU_ASSERT_EQUAL(n, 2);
    fixture_end(&f, &r);
    fixture_close(&f);
}

static void states_are_versioned_with_the_objects(void)
{
    const struct tarn_resource_state s = {.synced = true, .live = true, .resource_version = TARN_BYTES("4711"), .last_error = TARN_BYTES("boom"), .events = 9, .last_event_ms = 77};
    struct tarn_resource_info before, after;
    struct tarn_reader old, new;
    struct fixture f;

    fixture_open(&f, 8u << 20);
    fixture_begin(&f, &old);
    CU_ASSERT_EQUAL(tarn_writer_set_resource_state(f.w, f.id, &s, NULL), 0);
    CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 1, .v = 1}), 0);
    commit(&f);
    fixture_begin(&f, &new);
    CU_ASSERT_EQUAL(tarn_reader_resource(&old, TARN_BYTES("widgets"), &before), 0);
    CU_ASSERT_EQUAL(tarn_reader_resource(&new, TARN_BYTES("widgets"), &after), 0);
    CU_ASSERT_FALSE(before.state.synced);
    CU_ASSERT_EQUAL(before.objects, 0);
    CU_ASSERT_TRUE(after.state.synced && after.state.live);
    CU_ASSERT_EQUAL(after.objects, 1);
    CU_ASSERT_EQUAL(after.state.events, 9);
    CU_ASSERT_EQUAL(after.state.last_event_ms, 77);
    CU_ASSERT_TRUE(tarn_bytes_equal(after.state.resource_version, TARN_BYTES("4711")));
    CU_ASSERT_TRUE(tarn_bytes_equal(after.state.last_error, TARN_BYTES("boom")));
    CU_ASSERT_FALSE(tarn_writer_dirty(f.w));
    CU_ASSERT_EQUAL(tarn_writer_set_resource_state(f.w, f.id, &s, NULL), 0);
    CU_ASSERT_FALSE(tarn_writer_dirty(f.w)); /* nothing differs: nothing to commit */
    fixture_end(&f, &old);
    fixture_end(&f, &new);
    fixture_close(&f);
}

static void a_removed_resource_is_gone_and_its_memory_too(void)
{
    struct tarn_resource_info info;
    struct tarn_store *store;
    struct tarn_reader r;
    struct fixture f;
    uint64_t floor;
    uint16_t id;

    fixture_open(&f, 16u << 20);
    fixture_settle(&f);
    floor = stats(&f).live_bytes;
    fixture_add_resource(&f, "gadgets", &id, &store);
    for (unsigned k = 0; k < 2000; k++) {
        const struct tarn_object *obj = fixture_make(&(struct fixture_object){.k = k, .v = k, .app = 1 + k % 4});

        CU_ASSERT_EQUAL(tarn_store_add(store, obj, NULL), 0);
        tarn_object_unref(obj);
    }
    commit(&f);
    CU_ASSERT_EQUAL(tarn_writer_remove_resource(f.w, id, NULL), TARN_E_INVAL); /* its store is in use */
    tarn_store_free(store);
    CU_ASSERT_EQUAL(tarn_writer_remove_resource(f.w, id, NULL), 0);
    commit(&f);
    fixture_begin(&f, &r);
    CU_ASSERT_EQUAL(tarn_reader_resource(&r, TARN_BYTES("gadgets"), &info), TARN_E_NOTFOUND);
    CU_ASSERT_EQUAL(tarn_check_region(&r, true, NULL, NULL), 0);
    fixture_end(&f, &r);
    fixture_settle(&f);
    CU_ASSERT_TRUE(stats(&f).live_bytes < floor + 300000); /* tables and heads keep their size */
    CU_ASSERT_EQUAL(stats(&f).objects, 0);
    fixture_close(&f);
}

/* ---- limits ------------------------------------------------------------------------------------------------- */

static void a_full_region_refuses_keeps_what_was_there_and_recovers(void)
{
    struct tarn_region_facts facts;
    struct tarn_error err = {0};
    const struct tarn_object *obj;
    struct tarn_reader r;
    struct fixture f;
    unsigned n = 0;
    int rc;

    fixture_open(&f, 8u << 20);
    while (!(rc = fixture_put(&f, &(struct fixture_object){.k = n, .v = n, .app = 1 + n % 4, .pad = 500}))) {
        if (++n % 100 == 0)
            commit(&f);
    }
    CU_ASSERT_EQUAL(rc, TARN_E_FULL);
    CU_ASSERT_TRUE(n > 4000);
    commit(&f);
    tarn_region_view_facts(tarn_writer_view(f.w), &facts);
    CU_ASSERT_EQUAL(facts.over_budget, 1);
    CU_ASSERT_TRUE(stats(&f).refused_full >= 1);
    obj = fixture_make(&(struct fixture_object){.k = 0, .v = 99, .pad = 3000});
    CU_ASSERT_EQUAL(tarn_store_update(f.store, obj, &err), TARN_E_FULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "ns0/obj-0"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "budget"));
    tarn_object_unref(obj);
    fixture_begin(&f, &r);
    CU_ASSERT_TRUE(has(&f, &r, 0, 0)); /* the old state of what was refused */
    CU_ASSERT_TRUE(has(&f, &r, n - 1, n - 1));
    CU_ASSERT_EQUAL(tarn_check_region(&r, true, NULL, &err), 0);
    fixture_end(&f, &r);
    for (unsigned k = 0; k < n; k += 2) { /* deletes have a reserve */
        CU_ASSERT_EQUAL(fixture_delete(&f, k), 0);
        if (k % 1000 == 0) {
            commit(&f);
            f.rt.now_ms += 11;
            (void)tarn_writer_collect(f.w);
        }
    }
    commit(&f);
    fixture_settle(&f);
    for (unsigned k = 0; k < n / 3; k++)
        CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 100000 + k, .v = k, .pad = 500}), 0);
    commit(&f);
    fixture_settle(&f);
    tarn_region_view_facts(tarn_writer_view(f.w), &facts);
    CU_ASSERT_EQUAL(facts.over_budget, 0);
    fixture_close(&f);
}

static void a_replace_that_does_not_fit_changes_nothing(void)
{
    struct fixture_object o = {.pad = 500};
    struct tarn_reader r;
    struct fixture f;
    uint64_t live;
    int rc = 0;

    fixture_open(&f, 8u << 20);
    for (unsigned k = 0; k < 3000; k++) {
        o.k = o.v = k;
        CU_ASSERT_EQUAL(fixture_put(&f, &o), 0);
    }
    commit(&f);
    fixture_settle(&f);
    live = stats(&f).live_bytes;
    CU_ASSERT_EQUAL(f.store->ops->replace_begin(f.store, NULL), 0);
    for (unsigned k = 0; k < 8000 && !rc; k++) {
        const struct tarn_object *obj;

        o.k = k;
        o.v = k + 1;
        obj = fixture_make(&o);
        rc = f.store->ops->replace_add(f.store, obj, NULL);
        tarn_object_unref(obj);
    }
    CU_ASSERT_EQUAL(rc, TARN_E_FULL);
    CU_ASSERT_TRUE(stats(&f).staged_bytes > 1000000);
    f.store->ops->replace_abort(f.store);
    CU_ASSERT_EQUAL(stats(&f).staged_bytes, 0);
    fixture_settle(&f);
    CU_ASSERT_TRUE(stats(&f).live_bytes <= live + 200000); /* values of indexes made meanwhile */
    fixture_begin(&f, &r);
    for (unsigned k = 0; k < 3000; k++)
        CU_ASSERT_TRUE(has(&f, &r, k, k));
    fixture_end(&f, &r);
    fixture_close(&f);
}

static void too_large_objects_and_bad_ones_are_that_objects_error(void)
{
    const struct tarn_object *obj;
    struct tarn_error err = {0};
    struct fixture f;

    fixture_open_options(&f, &(struct tarn_writer_options){.budget_bytes = 16u << 20, .huge_pages = TARN_HUGE_PAGES_OFF, .max_object_bytes = 2000});
    obj = fixture_make(&(struct fixture_object){.k = 1, .pad = 3000});
    CU_ASSERT_EQUAL(tarn_store_add(f.store, obj, &err), TARN_E_SIZE);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "2000"));
    tarn_object_unref(obj);
    CU_ASSERT_EQUAL(tarn_object_from_json(TARN_BYTES("{\"spec\":1}"), &obj, NULL), 0);
    CU_ASSERT_EQUAL(tarn_store_add(f.store, obj, &err), TARN_E_KEY);
    CU_ASSERT_EQUAL(tarn_store_delete(f.store, obj, &err), TARN_E_KEY);
    tarn_object_unref(obj);
    CU_ASSERT_EQUAL(stats(&f).refused_size, 1);
    CU_ASSERT_FALSE(tarn_writer_dirty(f.w));
    fixture_close(&f);
}

static int failing(void *ctx, const struct tarn_object *obj, struct tarn_index_values *out)
{
    (void)ctx;
    (void)out;
    return fixture_uint(obj, "spec.v") == 13 ? TARN_E_TYPE : 0;
}

static void a_failing_index_function_leaves_the_old_object(void)
{
    static const struct tarn_index_func bad = {"bad", failing, NULL};
    struct tarn_error err = {0};
    const struct tarn_object *good, *evil;
    struct tarn_store *store;
    struct tarn_reader r;
    struct fixture f;
    uint16_t id;
    char key[64];

    fixture_open(&f, 8u << 20);
    CU_ASSERT_EQUAL(tarn_writer_add_resource(f.w, &(struct tarn_writer_resource){.name = "bad", .indexes = &bad, .nindex = 1}, &id, &err), 0);
    CU_ASSERT_EQUAL(tarn_region_store_new(f.w, id, &store, &err), 0);
    good = fixture_make(&(struct fixture_object){.k = 1, .v = 12});
    evil = fixture_make(&(struct fixture_object){.k = 1, .v = 13});
    CU_ASSERT_EQUAL(tarn_store_add(store, good, NULL), 0);
    CU_ASSERT_EQUAL(tarn_store_update(store, evil, &err), TARN_E_INDEX);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "'bad'"));
    commit(&f);
    fixture_begin(&f, &r);
    tarn_object_unref(evil);
    CU_ASSERT_EQUAL(tarn_reader_get(&r, id, fixture_key_bytes(key, 1), &evil), 0);
    CU_ASSERT_EQUAL(fixture_uint(evil, "spec.v"), 12);
    fixture_end(&f, &r);
    tarn_object_unref(good);
    tarn_store_free(store);
    fixture_close(&f);
}

/* ---- transactions ------------------------------------------------------------------------------------------------ */

static void nothing_shows_before_the_commit_and_an_abort_undoes_all(void)
{
    struct tarn_error err = {0};
    struct tarn_reader r;
    struct fixture f;

    fixture_open(&f, 8u << 20);
    for (unsigned k = 0; k < 50; k++)
        CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = k, .v = 1, .app = 1, .tags = 3}), 0);
    commit(&f);
    for (unsigned k = 0; k < 80; k++)
        CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = k, .v = 2, .app = 2, .tags = 12}), 0);
    for (unsigned k = 0; k < 50; k += 5)
        CU_ASSERT_EQUAL(fixture_delete(&f, k), 0);
    fixture_begin(&f, &r);
    CU_ASSERT_TRUE(has(&f, &r, 0, 1) && has(&f, &r, 49, 1) && !has(&f, &r, 60, 2));
    tarn_writer_abort(f.w);
    CU_ASSERT_EQUAL(tarn_writer_count(f.w, f.id), 50);
    CU_ASSERT_TRUE(has(&f, &r, 0, 1) && has(&f, &r, 49, 1) && !has(&f, &r, 60, 2));
    CU_ASSERT_EQUAL(tarn_check_region(&r, true, NULL, &err), 0);
    fixture_end(&f, &r);
    CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 60, .v = 3}), 0);
    commit(&f);
    fixture_begin(&f, &r);
    CU_ASSERT_TRUE(has(&f, &r, 0, 1) && has(&f, &r, 60, 3));
    CU_ASSERT_EQUAL(tarn_check_region(&r, true, NULL, &err), 0);
    fixture_end(&f, &r);
    fixture_close(&f);
}

static void an_unchanged_object_costs_no_commit(void)
{
    struct fixture_object o = {.k = 1, .v = 1, .rv = 5};
    struct fixture f;

    fixture_open(&f, 8u << 20);
    CU_ASSERT_EQUAL(fixture_put(&f, &o), 0);
    commit(&f);
    CU_ASSERT_EQUAL(fixture_put(&f, &o), 0);
    CU_ASSERT_FALSE(tarn_writer_dirty(f.w));
    CU_ASSERT_EQUAL(stats(&f).unchanged, 1);
    fixture_close(&f);
}

static void while_one_replace_is_applied_others_are_told_to_wait(void)
{
    struct tarn_error err = {0};
    struct tarn_store *other;
    struct fixture f;
    uint16_t id;
    int rc, slices = 0;

    fixture_open(&f, 16u << 20);
    fixture_add_resource(&f, "gadgets", &id, &other);
    commit(&f);
    CU_ASSERT_EQUAL(f.store->ops->replace_begin(f.store, NULL), 0);
    for (unsigned k = 0; k < 3000; k++) {
        const struct tarn_object *obj = fixture_make(&(struct fixture_object){.k = k, .v = k});

        CU_ASSERT_EQUAL(f.store->ops->replace_add(f.store, obj, NULL), 0);
        if (k == 100) /* staging blocks nobody else */
            CU_ASSERT_EQUAL(tarn_store_add(other, obj, NULL), 0);
        tarn_object_unref(obj);
    }
    commit(&f);
    while ((rc = tarn_region_store_replace_apply(f.store, TARN_BYTES("1"), NULL, 1, &err)) == 1) {
        const struct tarn_object *obj = fixture_make(&(struct fixture_object){.k = 1, .v = 1});

        slices++;
        CU_ASSERT_EQUAL(tarn_store_add(other, obj, &err), TARN_E_AGAIN);
        CU_ASSERT_EQUAL(tarn_writer_commit(f.w, &err), TARN_E_AGAIN);
        CU_ASSERT_EQUAL(tarn_reader_check(&(struct tarn_reader){.view = tarn_writer_view(f.w), .seq = tarn_writer_commit_seq(f.w)}), 0);
        (void)tarn_writer_collect(f.w);
        tarn_object_unref(obj);
    }
    CU_ASSERT_EQUAL(rc, 0);
    CU_ASSERT_TRUE(slices > 3);
    CU_ASSERT_EQUAL(tarn_writer_count(f.w, f.id), 3000);
    tarn_store_free(other);
    fixture_close(&f);
}

/* ---- pins, ladder, clients ------------------------------------------------------------------------------------------ */

/* Rewrite k objects over and over, collecting, until `until` says so or the patience ends. */
static bool churn_until(struct fixture *f, bool (*until)(struct fixture *, void *), void *arg)
{
    for (unsigned round = 1; round < 400; round++) {
        for (unsigned k = 0; k < 200; k++)
            (void)fixture_put(f, &(struct fixture_object){.k = k, .v = round, .pad = 500});
        CU_ASSERT_TRUE(tarn_writer_commit(f->w, NULL) == 0 || stats(f).refused_full);
        f->rt.now_ms += 100;
        (void)tarn_writer_collect(f->w);
        if (until(f, arg))
            return true;
    }
    return false;
}

static bool expired(struct fixture *f, void *r)
{
    (void)f;
    return tarn_reader_check(r) == TARN_E_EXPIRED;
}
static void a_parked_pin_goes_first_and_says_so(void)
{
    struct tarn_reader parked;
    const struct tarn_object *obj;
    struct tarn_reader_iter it;
    struct fixture f;
    char key[64];

    fixture_open(&f, 8u << 20);
    CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 1, .v = 1}), 0);
    commit(&f);
    fixture_begin(&f, &parked);
    CU_ASSERT_EQUAL(tarn_reader_list(&parked, f.id, &it), 0);
    tarn_reader_park(&parked);
    CU_ASSERT_TRUE(churn_until(&f, expired, &parked));
    CU_ASSERT_EQUAL(tarn_reader_get(&parked, f.id, fixture_key_bytes(key, 1), &obj), TARN_E_EXPIRED);
    CU_ASSERT_EQUAL(tarn_reader_get(&parked, f.id, fixture_key_bytes(key, 9999), &obj), TARN_E_EXPIRED);
    CU_ASSERT_EQUAL(tarn_reader_next(&it, &obj), TARN_E_EXPIRED);
    CU_ASSERT_TRUE(stats(&f).revoked_parked >= 1);
    CU_ASSERT_EQUAL(stats(&f).revoked_lease, 0);
    CU_ASSERT_EQUAL(stats(&f).refused_full, 0); /* it never came to that */
    fixture_end(&f, &parked);
    fixture_close(&f);
}

static void an_active_pin_is_kept_until_its_lease_then_revoked(void)
{
    struct tarn_reader r;
    struct fixture f;
    uint64_t begin;

    fixture_open(&f, 8u << 20);
    CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 7, .v = 1}), 0);
    commit(&f);
    fixture_begin(&f, &r);
    (void)tarn_writer_collect(f.w); /* the agent sees the pin first */
    begin = f.rt.now_ms;
    CU_ASSERT_TRUE(churn_until(&f, expired, &r));
    CU_ASSERT_TRUE(f.rt.now_ms - begin >= 30000);
    CU_ASSERT_TRUE(stats(&f).revoked_lease >= 1);
    CU_ASSERT_TRUE(stats(&f).refused_full > 0); /* writes were refused rather than a fresh pin broken */
    fixture_end(&f, &r);
    fixture_settle(&f);
    CU_ASSERT_EQUAL(stats(&f).pressure, TARN_PRESSURE_NONE);
    CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 7, .v = 2}), 0);
    fixture_close(&f);
}

/* No reader: pins of commits long past, in other lines with other values at each scan. True when twice a lease has passed. */
struct restless {
    uint64_t begin_ms, turn;
};

static bool restless(struct fixture *f, void *arg)
{
    struct restless *r = arg;
    struct tarn_control_page *page = f->page->page;

    atomic_store(&page->high, 8);
    r->turn++;
    for (uint64_t i = 0; i < 8; i++)
        atomic_store(&page->line[i].pin, i % 3 == r->turn % 3 ? 1 + r->turn % 5 : 0);
    return f->rt.now_ms - r->begin_ms > 70000;
}

static void pins_that_change_all_the_time_hold_memory_no_longer_than_a_lease(void)
{
    struct restless r = {0};
    struct fixture f;
    uint64_t horizon, refused;

    fixture_open(&f, 8u << 20);
    CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 7, .v = 1}), 0);
    commit(&f);
    (void)tarn_writer_collect(f.w);
    horizon = stats(&f).horizon;
    r.begin_ms = f.rt.now_ms;
    (void)restless(&f, &r);
    CU_ASSERT_FALSE(churn_until(&f, restless, &r)); /* 40 s */
    CU_ASSERT_TRUE(stats(&f).horizon > horizon + 100);
    CU_ASSERT_TRUE(stats(&f).revoked_lease >= 1);
    refused = stats(&f).refused_full;
    CU_ASSERT_TRUE(churn_until(&f, restless, &r));
    CU_ASSERT_TRUE(stats(&f).refused_full - refused < 2000); /* of 80,000 */
    fixture_close(&f);
}

/* A reader that is slow between R1 and R2 pins less than the horizon; its snapshot is newer, and must be protected. */
static bool asked(struct fixture *f, void *arg)
{
    (void)arg;
    return stats(f).generation_requests > 0;
}

/* Between parked pins and the lease: the agent is asked for a second generation, if it may make one. */
static void a_second_generation_is_asked_for_before_a_lease_is_broken(void)
{
    struct tarn_reader r;
    struct fixture f;

    fixture_open_options(&f, &(struct tarn_writer_options){.budget_bytes = 8u << 20, .huge_pages = TARN_HUGE_PAGES_OFF, .generations = true});
    CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 7, .v = 1}), 0);
    commit(&f);
    fixture_begin(&f, &r);
    CU_ASSERT_TRUE(churn_until(&f, asked, NULL));
    CU_ASSERT_EQUAL(stats(&f).pressure, TARN_PRESSURE_GENERATION);
    CU_ASSERT_EQUAL(tarn_reader_check(&r), 0);
    CU_ASSERT_TRUE(churn_until(&f, expired, &r)); /* nobody made one: the lease decides */
    CU_ASSERT_TRUE(stats(&f).revoked_lease >= 1);
    fixture_end(&f, &r);
    fixture_close(&f);
}

static void a_pin_below_the_horizon_protects_the_horizon(void)
{
    struct tarn_pin_line *line;
    struct tarn_reader r;
    struct fixture f;

    fixture_open(&f, 8u << 20);
    for (unsigned v = 0; v < 5; v++) {
        CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 1, .v = v}), 0);
        commit(&f);
    }
    (void)tarn_writer_collect(f.w);
    CU_ASSERT_EQUAL_FATAL(tarn_pin_claim(f.page, &line), 0);
    tarn_reader_begin(&r, tarn_writer_view(f.w), line);
    atomic_store(&line->pin, 2); /* what it had loaded long ago */
    for (unsigned v = 5; v < 50; v++) {
        CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 1, .v = v}), 0);
        commit(&f);
        f.rt.now_ms += 20;
        (void)tarn_writer_collect(f.w);
    }
    CU_ASSERT_TRUE(has(&f, &r, 1, 4));
    CU_ASSERT_EQUAL(tarn_reader_check(&r), 0);
    tarn_reader_end(&r);
    tarn_pin_release(f.page, line);
    fixture_settle(&f);
    CU_ASSERT_EQUAL(stats(&f).horizon, tarn_writer_commit_seq(f.w));
    fixture_close(&f);
}

static void a_held_snapshot_reads_the_same_after_much_churn(void)
{
    struct tarn_reader r;
    struct fixture f;

    fixture_open(&f, 64u << 20);
    for (unsigned k = 0; k < 200; k++)
        CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = k, .v = 7, .app = 1 + k % 4, .pad = 500}), 0);
    commit(&f);
    fixture_begin(&f, &r);
    for (int i = 0; i < 3; i++)
        for (unsigned k = 0; k < 200; k++) {
            (void)fixture_put(&f, &(struct fixture_object){.k = k, .v = 100 + k, .app = 2, .pad = 100});
            if (k % 3 == 0)
                (void)fixture_delete(&f, k);
            commit(&f);
            f.rt.now_ms += 50;
            (void)tarn_writer_collect(f.w);
        }
    for (unsigned k = 0; k < 200; k++)
        CU_ASSERT_TRUE(has(&f, &r, k, 7));
    CU_ASSERT_EQUAL(tarn_check_region(&r, false, NULL, NULL), 0);
    CU_ASSERT_EQUAL(tarn_reader_check(&r), 0);
    fixture_end(&f, &r);
    fixture_close(&f);
}

static void a_rogue_control_page_harms_only_its_client(void)
{
    struct tarn_pin_page *rogue;
    uint32_t id;
    struct tarn_reader r;
    struct fixture f;
    uint64_t seed = 3;

    fixture_open(&f, 8u << 20);
    CU_ASSERT_EQUAL(tarn_pin_page_new_private(65536, &rogue), 0);
    CU_ASSERT_EQUAL(tarn_writer_client_add(f.w, rogue, -1, &id), 0);
    CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 5000, .v = 1}), 0);
    commit(&f);
    fixture_begin(&f, &r);
    for (int round = 0; round < 50; round++) {
        uint64_t *words = (uint64_t *)rogue->page;

        for (size_t i = 0; i < 65536 / 8; i++)
            words[i] = fixture_rand(&seed) >> (fixture_rand(&seed) % 64);
        for (unsigned k = 0; k < 20; k++)
            (void)fixture_put(&f, &(struct fixture_object){.k = k, .v = (unsigned)round});
        commit(&f);
        f.rt.now_ms += 20;
        (void)tarn_writer_collect(f.w);
    }
    CU_ASSERT_TRUE(has(&f, &r, 5000, 1));
    CU_ASSERT_EQUAL(tarn_reader_check(&r), 0);
    fixture_end(&f, &r);
    tarn_writer_client_remove(f.w, id); /* and with it all its pins */
    fixture_settle(&f);
    CU_ASSERT_EQUAL(stats(&f).pins, 0);
    CU_ASSERT_TRUE(stats(&f).retired_bytes < 100000);
    fixture_close(&f);
}

static void a_client_that_never_reads_its_doorbells_costs_nothing(void)
{
    struct tarn_pin_page *page;
    struct tarn_writer_client facts;
    struct fixture f;
    uint32_t id;
    int sv[2];
    char byte;

    fixture_open(&f, 8u << 20);
    CU_ASSERT_EQUAL(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv), 0);
    CU_ASSERT_EQUAL(tarn_pin_page_new_private(4096, &page), 0);
    CU_ASSERT_EQUAL(tarn_writer_client_add(f.w, page, sv[0], &id), 0);
    CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 1, .v = 1}), 0);
    commit(&f);
    CU_ASSERT_EQUAL(recv(sv[1], &byte, 1, MSG_DONTWAIT), -1); /* not armed: not rung */
    for (unsigned i = 0; i < 3000; i++) {
        (void)tarn_pin_arm(page, &((const struct tarn_region_header *)tarn_writer_view(f.w)->base)->commit_seq);
        CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 1, .v = i}), 0);
        commit(&f);
        CU_ASSERT_EQUAL(atomic_load(&page->page->armed), 0);
        (void)tarn_writer_collect(f.w);
    }
    CU_ASSERT_TRUE(tarn_writer_client_at(f.w, 1, &facts));
    CU_ASSERT_TRUE(facts.doorbells > 0 && facts.doorbells_full > 0);
    CU_ASSERT_EQUAL(recv(sv[1], &byte, 1, MSG_DONTWAIT), 1);
    CU_ASSERT_EQUAL(byte, 0);
    tarn_writer_client_remove(f.w, id);
    (void)close(sv[0]);
    (void)close(sv[1]);
    fixture_close(&f);
}

static int open_fds(void)
{
    int n = 0;

    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void a_thousand_attached_and_lost_clients_leak_nothing(void)
{
    struct fixture f;
    uint64_t private_bytes;
    int fds;

    fixture_open(&f, 8u << 20);
    fds = open_fds();
    private_bytes = stats(&f).private_bytes;
    for (unsigned i = 0; i < 1000; i++) {
        struct tarn_pin_page *agent, *client;
        struct tarn_region_view v;
        struct tarn_pin_line *line;
        struct tarn_reader r;
        uint32_t id;
        int fd;

        CU_ASSERT_EQUAL_FATAL(tarn_pin_page_new(0, &agent, &fd, NULL), 0);
        CU_ASSERT_EQUAL_FATAL(tarn_writer_client_add(f.w, agent, -1, &id), 0);
        CU_ASSERT_EQUAL_FATAL(tarn_pin_page_map(fd, TARN_CONTROL_BYTES_DEFAULT, &client, NULL), 0);
        (void)close(fd);
        CU_ASSERT_EQUAL_FATAL(tarn_region_view_map(tarn_writer_fd(f.w), &v, NULL), 0);
        CU_ASSERT_EQUAL(tarn_pin_claim(client, &line), 0);
        tarn_reader_begin(&r, &v, line); /* and dies with the pin held */
        CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = i % 50, .v = i}), 0);
        commit(&f);
        tarn_region_view_unmap(&v);
        tarn_pin_page_free(client);
        tarn_writer_client_remove(f.w, id);
        f.rt.now_ms += 11;
        (void)tarn_writer_collect(f.w);
    }
    fixture_settle(&f);
    CU_ASSERT_EQUAL(open_fds(), fds);
    CU_ASSERT_EQUAL(stats(&f).pins, 0);
    CU_ASSERT_EQUAL(stats(&f).clients, 1);
    CU_ASSERT_TRUE(stats(&f).private_bytes < private_bytes + 100000);
    CU_ASSERT_TRUE(stats(&f).retired_bytes < 10000);
    fixture_close(&f);
}

/* ---- memory ------------------------------------------------------------------------------------------------------------ */

static void live_memory_returns_to_its_floor(void)
{
    struct fixture f;
    uint64_t floor = 0;

    fixture_open(&f, 32u << 20);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned k = 0; k < 5000; k++)
            CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = k + round * 10000, .v = k, .app = 1 + k % 4, .tags = k % 16, .pad = k % 700}), 0);
        commit(&f);
        for (unsigned k = 0; k < 5000; k++)
            CU_ASSERT_EQUAL(fixture_delete(&f, k + round * 10000), 0);
        commit(&f);
        fixture_settle(&f);
        if (!round)
            floor = stats(&f).live_bytes; /* with table and heads as large as they must be */
    }
    CU_ASSERT_TRUE(stats(&f).live_bytes <= floor + 4096);
    CU_ASSERT_TRUE(stats(&f).retired_bytes < 300000);
    CU_ASSERT_EQUAL(stats(&f).objects, 0);
    fixture_close(&f);
}

/* The kernel refuses the n-th chunk: a clean error, and everything else goes on. */
static void each_refused_chunk_is_an_error_and_nothing_is_lost(void)
{
    for (uint32_t at = 1; at < 8; at++) {
        struct tarn_writer_options o = {.budget_bytes = 16u << 20, .huge_pages = TARN_HUGE_PAGES_OFF, .fault_populate_at = at};
        struct tarn_error err = {0};
        struct tarn_writer *w = NULL;
        struct tarn_reader r;
        struct fixture f;
        unsigned bad = 0;

        if (tarn_writer_new(&o, &w, &err)) {
            CU_ASSERT_EQUAL(err.code, TARN_E_FULL);
            continue;
        }
        tarn_writer_free(w);
        fixture_open_options(&f, &o);
        for (unsigned k = 0; k < 7000; k++)
            bad += fixture_put(&f, &(struct fixture_object){.k = k, .v = k, .pad = 800}) == TARN_E_FULL;
        CU_ASSERT_TRUE(bad < 3);
        CU_ASSERT_EQUAL(tarn_writer_count(f.w, f.id), 7000 - bad);
        commit(&f);
        fixture_begin(&f, &r);
        CU_ASSERT_EQUAL(tarn_check_region(&r, true, NULL, &err), 0);
        fixture_end(&f, &r);
        fixture_close(&f);
    }
}

/* What the next test does to a region of 60 objects; objs are made before, so that only the writer allocates. */
static int every_kind_of_change(struct fixture *f, const struct tarn_object *const *objs, unsigned n)
{
    int rc = 0;

    for (unsigned i = 0; !rc && i < n / 2; i++)
        rc = i % 5 == 4 ? tarn_store_delete(f->store, objs[i], NULL) : tarn_store_add(f->store, objs[i], NULL);
    if (!rc)
        rc = tarn_writer_commit(f->w, NULL);
    (void)tarn_writer_collect(f->w);
    if (!rc)
        rc = f->store->ops->replace_begin(f->store, NULL);
    for (unsigned i = n / 4; !rc && i < n; i++)
        rc = f->store->ops->replace_add(f->store, objs[i], NULL);
    if (!rc)
        rc = f->store->ops->replace_commit(f->store, TARN_BYTES("9"), NULL);
    else
        f->store->ops->replace_abort(f->store);
    return rc;
}

/* The n-th allocation fails, until none is left to fail: each time an error, and a region that keeps all its rules. */
static void each_failing_allocation_leaves_a_whole_region(void)
{
    const struct tarn_object *objs[200];
    bool reached = true;
    long n;

    for (unsigned k = 0; k < 200; k++)
        objs[k] = fixture_make(&(struct fixture_object){.k = k, .v = 1000 + k, .app = k % 5, .tags = k % 16});
    for (n = 0; reached; n++) {
        struct tarn_error err = {0};
        struct tarn_reader r;
        struct fixture f;
        int rc;

        fixture_open(&f, 8u << 20);
        for (unsigned k = 0; k < 60; k++)
            CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = k, .v = k, .app = 1}), 0);
        commit(&f);
        tarn_fault_arm(n);
        rc = every_kind_of_change(&f, objs, 200);
        reached = tarn_fault_disarm();
        CU_ASSERT_TRUE(rc == 0 || (reached && rc == TARN_E_NOMEM));
        CU_ASSERT_EQUAL(tarn_writer_commit(f.w, NULL), 0); /* what was open is still good */
        fixture_begin(&f, &r);
        CU_ASSERT_EQUAL(tarn_check_region(&r, true, NULL, &err), 0);
        if (err.code)
            fprintf(stderr, "allocation %ld: %s\n", n, err.message);
        fixture_end(&f, &r);
        CU_ASSERT_EQUAL(every_kind_of_change(&f, objs, 200), 0); /* and with memory it goes on */
        fixture_settle(&f);
        fixture_close(&f);
    }
    CU_ASSERT_TRUE(n > 10);
    for (unsigned k = 0; k < 200; k++)
        tarn_object_unref(objs[k]);
}

TARN_TEST_MAIN("writer", TARN_TEST(options_out_of_range_are_named), TARN_TEST(resources_are_described_in_the_snapshot),
               TARN_TEST(states_are_versioned_with_the_objects), TARN_TEST(a_removed_resource_is_gone_and_its_memory_too),
               TARN_TEST(a_full_region_refuses_keeps_what_was_there_and_recovers), TARN_TEST(a_replace_that_does_not_fit_changes_nothing),
               TARN_TEST(too_large_objects_and_bad_ones_are_that_objects_error), TARN_TEST(a_failing_index_function_leaves_the_old_object),
               TARN_TEST(nothing_shows_before_the_commit_and_an_abort_undoes_all), TARN_TEST(an_unchanged_object_costs_no_commit),
               TARN_TEST(while_one_replace_is_applied_others_are_told_to_wait), TARN_TEST(a_parked_pin_goes_first_and_says_so),
               TARN_TEST(an_active_pin_is_kept_until_its_lease_then_revoked),
               TARN_TEST(pins_that_change_all_the_time_hold_memory_no_longer_than_a_lease), TARN_TEST(a_held_snapshot_reads_the_same_after_much_churn),
               TARN_TEST(a_pin_below_the_horizon_protects_the_horizon), TARN_TEST(a_second_generation_is_asked_for_before_a_lease_is_broken),
               TARN_TEST(a_rogue_control_page_harms_only_its_client), TARN_TEST(a_client_that_never_reads_its_doorbells_costs_nothing),
               TARN_TEST(a_thousand_attached_and_lost_clients_leak_nothing), TARN_TEST(live_memory_returns_to_its_floor),
               TARN_TEST(each_refused_chunk_is_an_error_and_nothing_is_lost),
               TARN_TEST(each_failing_allocation_leaves_a_whole_region))
