/* Deleted objects that are kept: what gets on the list, what leaves it and when, and that a snapshot shows an object alive or
 * deleted, never both. */
#include <unistd.h>

#include <tarn/checkpoint.h>
#include <tarn/takeover.h>

#include "region_fixture.h"

enum { KEEP_MS = 60000 };

static uint16_t list_id(struct fixture *f)
{
    struct tarn_resource_info info;
    struct tarn_reader r;
    int rc;

    fixture_begin(f, &r);
    rc = tarn_reader_resource(&r, TARN_BYTES("widgets/deleted"), &info);
    fixture_end(f, &r);
    return rc ? 0 : info.store;
}

static void open_keeping(struct fixture *f, uint64_t objects, uint64_t bytes)
{
    const struct tarn_keep_deleted keep = {.keep_ms = KEEP_MS, .objects_max = objects, .bytes_max = bytes};

    fixture_open(f, 32u << 20);
    CU_ASSERT_EQUAL_FATAL(tarn_writer_keep_deleted(f->w, f->id, &keep, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_writer_commit(f->w, NULL), 0);
    CU_ASSERT_NOT_EQUAL_FATAL(list_id(f), 0);
}

static void commit(struct fixture *f)
{
    CU_ASSERT_EQUAL(tarn_writer_commit(f->w, NULL), 0);
}

/* The kept ones of object k: how many, and the version of the newest. */
static unsigned kept(struct fixture *f, unsigned k, unsigned *ret_v)
{
    struct tarn_resource_info info;
    struct tarn_reader_iter it;
    const struct tarn_object *obj;
    struct tarn_reader r;
    uint64_t newest = 0;
    char key[64];
    unsigned n = 0;

    fixture_begin(f, &r);
    CU_ASSERT_EQUAL_FATAL(tarn_reader_resource(&r, TARN_BYTES("widgets/deleted"), &info), 0);
    CU_ASSERT_EQUAL(tarn_reader_by_index(&r, &info, (unsigned)tarn_resource_index(&info, TARN_BYTES(TARN_DELETED_BY_KEY)), fixture_key_bytes(key, k), &it), 0);
    while (tarn_reader_next(&it, &obj) == 1) {
        CU_ASSERT(tarn_object_deleted_ms(obj) > 1500000000000u);
        if (tarn_object_deleted_ms(obj) >= newest)
            *ret_v = fixture_uint(tarn_object_final_state(obj), "spec.v");
        newest = tarn_object_deleted_ms(obj);
        n++;
    }
    fixture_end(f, &r);
    return n;
}

/* When the newest of object k was deleted. */
static uint64_t deleted_ms(struct fixture *f, unsigned k)
{
    struct tarn_resource_info info;
    struct tarn_reader_iter it;
    const struct tarn_object *obj;
    struct tarn_reader r;
    uint64_t newest = 0;
    char key[64];

    fixture_begin(f, &r);
    CU_ASSERT_EQUAL_FATAL(tarn_reader_resource(&r, TARN_BYTES("widgets/deleted"), &info), 0);
    CU_ASSERT_EQUAL(tarn_reader_by_index(&r, &info, (unsigned)tarn_resource_index(&info, TARN_BYTES(TARN_DELETED_BY_KEY)), fixture_key_bytes(key, k), &it), 0);
    while (tarn_reader_next(&it, &obj) == 1)
        newest = tarn_object_deleted_ms(obj);
    fixture_end(f, &r);
    return newest;
}

static bool is_kept(struct fixture *f, unsigned k)
{
    unsigned v;

    return kept(f, k, &v) > 0;
}

static bool is_alive(struct fixture *f, unsigned k)
{
    const struct tarn_object *obj;
    struct tarn_reader r;
    char key[64];
    int rc;

    fixture_begin(f, &r);
    rc = tarn_reader_get(&r, f->id, fixture_key_bytes(key, k), &obj);
    fixture_end(f, &r);
    return rc == 0;
}

static struct tarn_kept_facts facts(struct fixture *f)
{
    struct tarn_keep_deleted o;
    struct tarn_kept_facts ret;

    tarn_writer_kept_deleted(f->w, f->id, &o, &ret);
    return ret;
}

static void pass_ms(struct fixture *f, uint64_t ms)
{
    f->rt.now_ms += ms;
    (void)tarn_writer_collect(f->w);
    commit(f);
}

static void verify(struct fixture *f)
{
    struct tarn_check_report report;
    struct tarn_error err = {0};
    struct tarn_reader r;
    int rc;

    fixture_begin(f, &r);
    rc = tarn_check_region(&r, true, &report, &err);
    if (rc)
        printf("%s\n", err.message);
    CU_ASSERT_EQUAL(rc, 0);
    fixture_end(f, &r);
}

static void a_deleted_object_is_kept_for_its_time_and_apart(void)
{
    struct fixture f;
    unsigned v = 0;

    open_keeping(&f, 100, 1 << 20);
    CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 1, .v = 5, .app = 1}), 0);
    CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 2, .v = 6}), 0);
    commit(&f);
    CU_ASSERT_EQUAL(facts(&f).objects, 0);
    CU_ASSERT_EQUAL(fixture_delete(&f, 1), 0);
    CU_ASSERT(is_alive(&f, 1) && !is_kept(&f, 1)); /* until the commit */
    commit(&f);
    CU_ASSERT(!is_alive(&f, 1) && kept(&f, 1, &v) == 1 && v == 5);
    CU_ASSERT(is_alive(&f, 2) && !is_kept(&f, 2));
    CU_ASSERT_EQUAL(tarn_writer_count(f.w, f.id), 1); /* not counted with the living */
    verify(&f);
    pass_ms(&f, KEEP_MS - 1);
    CU_ASSERT(is_kept(&f, 1));
    pass_ms(&f, 1);
    CU_ASSERT(!is_kept(&f, 1) && facts(&f).expired == 1 && facts(&f).objects == 0);
    verify(&f);
    fixture_close(&f);
}

static void what_is_found_by_an_index_is_found_when_deleted(void)
{
    static const struct {
        const char *index, *value;
        unsigned n;
    } rows[] = {{"label:app", "app-3", 1}, {"label:app", "app-1", 0}, {"spec.tags[*]", "t0", 1}, {"spec.tags[*]", "t2", 1}, {"spec.tags[*]", "t1", 0},
                {"namespace", "ns4", 1},   {"namespace", "ns1", 0},   {"key", "ns4/obj-4", 1},   {"uid", "uid-4", 1},       {"uid", "uid-5", 0}};
    struct tarn_resource_info info;
    struct tarn_reader r;
    struct fixture f;

    open_keeping(&f, 100, 1 << 20);
    CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 4, .v = 1, .app = 3, .tags = 5}), 0);
    CU_ASSERT_EQUAL(fixture_delete(&f, 4), 0);
    commit(&f);
    fixture_begin(&f, &r);
    CU_ASSERT_EQUAL_FATAL(tarn_reader_resource(&r, TARN_BYTES("widgets/deleted"), &info), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int index = tarn_resource_index(&info, tarn_bytes_of(rows[i].index));
        const struct tarn_object *obj;
        struct tarn_reader_iter it;
        unsigned n = 0;

        CU_ASSERT_FATAL(index >= 0);
        CU_ASSERT_EQUAL(tarn_reader_by_index(&r, &info, (unsigned)index, tarn_bytes_of(rows[i].value), &it), 0);
        while (tarn_reader_next(&it, &obj) == 1)
            n++;
        CU_ASSERT_EQUAL(n, rows[i].n);
    }
    fixture_end(&f, &r);
    fixture_close(&f);
}

static const struct tarn_object *other_uid(unsigned k, unsigned v, unsigned uid)
{
    const struct tarn_object *obj = NULL;
    char json[300];
    int n = sprintf(json, "{\"metadata\":{\"name\":\"obj-%u\",\"namespace\":\"ns%u\",\"uid\":\"other-%u\"},\"spec\":{\"v\":%u,\"check\":%u}}", k,
                    k % FIXTURE_NAMESPACES, uid, v, v);

    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json((struct tarn_bytes){.data = json, .len = (size_t)n}, &obj, NULL), 0);
    return obj;
}

/* I-6: a delete that was missed, then one of the same name: the first is gone as much. */
static void one_that_takes_a_name_ends_the_one_before(void)
{
    struct fixture f;
    unsigned v = 0;

    open_keeping(&f, 100, 1 << 20);
    CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 1, .v = 5}), 0);
    CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 1, .v = 6}), 0); /* an update ends nothing */
    commit(&f);
    CU_ASSERT(!is_kept(&f, 1));
    for (unsigned i = 0; i < 3; i++) {
        const struct tarn_object *obj = other_uid(1, 10 + i, i);

        CU_ASSERT_EQUAL(tarn_store_update(f.store, obj, NULL), 0);
        tarn_object_unref(obj);
        commit(&f);
        CU_ASSERT_EQUAL(kept(&f, 1, &v), i + 1);
        CU_ASSERT(is_alive(&f, 1));
    }
    CU_ASSERT_EQUAL(fixture_delete(&f, 1), 0);
    commit(&f);
    CU_ASSERT(kept(&f, 1, &v) == 4 && !is_alive(&f, 1));
    verify(&f);
    fixture_close(&f);
}

static void the_state_told_with_the_deletion_is_the_one_kept(void)
{
    const struct tarn_object *final_state = fixture_make(&(struct fixture_object){.k = 1, .v = 77});
    struct fixture f;
    unsigned v = 0;

    open_keeping(&f, 100, 1 << 20);
    CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 1, .v = 5}), 0);
    commit(&f);
    CU_ASSERT_EQUAL(tarn_store_delete(f.store, final_state, NULL), 0);
    CU_ASSERT_EQUAL(tarn_store_delete(f.store, final_state, NULL), 0); /* told twice */
    commit(&f);
    CU_ASSERT(kept(&f, 1, &v) == 1 && v == 77 && facts(&f).kept == 1);
    tarn_object_unref(final_state);
    fixture_close(&f);
}

/* A Replace deletes what its list lacks: that is kept as well, and the list outlives it. */
static void a_relist_keeps_what_it_deletes_and_what_was_kept(void)
{
    struct fixture f;

    open_keeping(&f, 100, 1 << 20);
    for (unsigned k = 0; k < 10; k++)
        CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = k, .v = 1}), 0);
    CU_ASSERT_EQUAL(fixture_delete(&f, 9), 0);
    commit(&f);
    for (unsigned round = 0; round < 2; round++) {
        CU_ASSERT_EQUAL(f.store->ops->replace_begin(f.store, NULL), 0);
        for (unsigned k = 0; k < 5; k++) {
            const struct tarn_object *obj = fixture_make(&(struct fixture_object){.k = k, .v = 2});

            CU_ASSERT_EQUAL(f.store->ops->replace_add(f.store, obj, NULL), 0);
            tarn_object_unref(obj);
        }
        CU_ASSERT_EQUAL(f.store->ops->replace_commit(f.store, TARN_BYTES("7"), NULL), 0);
    }
    for (unsigned k = 0; k < 10; k++)
        CU_ASSERT(is_alive(&f, k) == (k < 5) && is_kept(&f, k) == (k >= 5));
    CU_ASSERT_EQUAL(facts(&f).kept, 5);
    verify(&f);
    fixture_close(&f);
}

static void it_is_bounded_by_number_and_bytes(void)
{
    struct fixture f;

    open_keeping(&f, 10, 1 << 20);
    for (unsigned k = 0; k < 100; k++) {
        CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = k, .v = 1}), 0);
        CU_ASSERT_EQUAL(fixture_delete(&f, k), 0);
        commit(&f);
        CU_ASSERT(facts(&f).objects <= 10);
        f.rt.now_ms++;
    }
    for (unsigned k = 0; k < 100; k++)
        CU_ASSERT_EQUAL(is_kept(&f, k), k >= 90);
    CU_ASSERT_EQUAL(tarn_writer_keep_deleted(f.w, f.id, &(struct tarn_keep_deleted){.keep_ms = KEEP_MS, .objects_max = 1000, .bytes_max = 8000}, NULL), 0);
    for (unsigned k = 100; k < 200; k++) {
        CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = k, .v = 1, .pad = 1000}), 0);
        CU_ASSERT_EQUAL(fixture_delete(&f, k), 0);
        commit(&f);
        CU_ASSERT(facts(&f).bytes <= 8000 && facts(&f).objects > 0);
    }
    CU_ASSERT(is_kept(&f, 199) && !is_kept(&f, 99));
    CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 300, .v = 1, .pad = 9000}), 0); /* larger than the whole list */
    CU_ASSERT_EQUAL(fixture_delete(&f, 300), 0);
    commit(&f);
    CU_ASSERT(!is_alive(&f, 300) && !is_kept(&f, 300) && facts(&f).refused == 1 && is_kept(&f, 199));
    verify(&f);
    fixture_close(&f);
}

static void an_abort_takes_it_back(void)
{
    struct fixture f;

    open_keeping(&f, 100, 1 << 20);
    for (unsigned k = 0; k < 4; k++)
        CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = k, .v = 1}), 0);
    CU_ASSERT_EQUAL(fixture_delete(&f, 0), 0);
    commit(&f);
    CU_ASSERT_EQUAL(fixture_delete(&f, 1), 0);
    f.rt.now_ms += KEEP_MS;
    tarn_writer_abort(f.w);
    commit(&f);
    CU_ASSERT(is_alive(&f, 1) && !is_kept(&f, 1) && is_kept(&f, 0));
    CU_ASSERT_EQUAL(fixture_delete(&f, 1), 0);
    commit(&f);
    CU_ASSERT(is_kept(&f, 0) && is_kept(&f, 1));
    pass_ms(&f, KEEP_MS + 1);
    CU_ASSERT(!is_kept(&f, 0) && !is_kept(&f, 1));
    verify(&f);
    fixture_close(&f);
}

static void it_ends_when_it_is_not_wanted_or_its_resource_goes(void)
{
    struct fixture f;
    struct tarn_error err = {0};

    open_keeping(&f, 100, 1 << 20);
    CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 1, .v = 1}), 0);
    CU_ASSERT_EQUAL(fixture_delete(&f, 1), 0);
    commit(&f);
    CU_ASSERT_EQUAL(tarn_writer_keep_deleted(f.w, list_id(&f), &(struct tarn_keep_deleted){.keep_ms = 1}, &err), TARN_E_INVAL);
    CU_ASSERT_EQUAL(tarn_writer_keep_deleted(f.w, f.id, &(struct tarn_keep_deleted){0}, &err), 0);
    commit(&f);
    CU_ASSERT_EQUAL(list_id(&f), 0);
    CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 2, .v = 1}), 0);
    CU_ASSERT_EQUAL(fixture_delete(&f, 2), 0);
    CU_ASSERT_EQUAL(tarn_writer_keep_deleted(f.w, f.id, &(struct tarn_keep_deleted){.keep_ms = KEEP_MS, .objects_max = 5, .bytes_max = 1 << 20}, &err), 0);
    CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 3, .v = 1}), 0);
    commit(&f);
    tarn_store_free(f.store);
    f.store = NULL;
    CU_ASSERT_EQUAL(tarn_writer_remove_resource(f.w, f.id, &err), 0);
    commit(&f);
    CU_ASSERT_EQUAL(list_id(&f), 0);
    fixture_settle(&f);
    verify(&f);
    fixture_close(&f);
}

/* The rest of a fixture around a writer that goes on with another's state. */
static void go_on(struct fixture *g, uint16_t store)
{
    g->id = store;
    CU_ASSERT_EQUAL_FATAL(tarn_pin_page_new_private(0, &g->page), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_writer_client_add(g->w, g->page, -1, &g->client), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_region_store_new(g->w, store, &g->store, NULL), 0);
}

/* The next generation has it with what it held and the time that is left. */
static void it_goes_on_in_the_next_generation(void)
{
    struct tarn_index_func indexes[TARN_REGION_INDEXES_MAX];
    struct tarn_writer_resource spec;
    struct fixture f, g;
    uint16_t store;
    unsigned v = 0;

    open_keeping(&f, 100, 1 << 20);
    CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 1, .v = 5, .app = 2}), 0);
    CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 2, .v = 6}), 0);
    CU_ASSERT_EQUAL(fixture_delete(&f, 1), 0);
    commit(&f);
    CU_ASSERT(!tarn_writer_describe(f.w, list_id(&f), &spec, indexes)); /* it is made with its resource */
    CU_ASSERT_FATAL(tarn_writer_describe(f.w, f.id, &spec, indexes));
    CU_ASSERT_EQUAL(spec.keep_deleted.keep_ms, KEEP_MS);
    memset(&g, 0, sizeof g);
    g.rt = fixture_runtime(8);
    CU_ASSERT_EQUAL_FATAL(tarn_writer_takeover(&(struct tarn_writer_options){.budget_bytes = 32u << 20, .huge_pages = TARN_HUGE_PAGES_OFF, .rt = &g.rt.base},
                                               &(struct tarn_takeover){.from = tarn_writer_view(f.w), .resources = &spec, .n = 1, .same_run = true},
                                               &store, &g.w, NULL), 0);
    go_on(&g, store);
    fixture_close(&f);
    CU_ASSERT(kept(&g, 1, &v) == 1 && v == 5 && is_alive(&g, 2));
    CU_ASSERT_EQUAL(fixture_delete(&g, 2), 0);
    commit(&g);
    CU_ASSERT(is_kept(&g, 1) && is_kept(&g, 2));
    verify(&g);
    pass_ms(&g, KEEP_MS);
    CU_ASSERT(!is_kept(&g, 1) && !is_kept(&g, 2));
    fixture_close(&g);
}

static int save_and_open(struct fixture *f, const char *path, struct tarn_checkpoint **ret)
{
    struct tarn_checkpoint_saved saved;
    struct tarn_error err = {0};
    struct tarn_reader r;
    int rc;

    fixture_begin(f, &r);
    rc = tarn_checkpoint_save(&(struct tarn_checkpoint_save){.reader = &r, .path = path}, &saved, &err);
    fixture_end(f, &r);
    CU_ASSERT(rc || (saved.resources == 2 && saved.objects == 4));
    if (!rc)
        rc = tarn_checkpoint_open(path, NULL, ret, &err);
    if (!rc)
        rc = tarn_checkpoint_verify(*ret, &err);
    return rc;
}

/* A later agent has it from the file: the same deletions, at the same times; and where it keeps none, only what lives. */
static void it_goes_through_a_checkpoint(void)
{
    struct tarn_index_func indexes[TARN_REGION_INDEXES_MAX];
    const struct tarn_writer_options options = {.budget_bytes = 16u << 20, .huge_pages = TARN_HUGE_PAGES_OFF};
    struct tarn_writer_options o = options;
    char path[] = "/tmp/tarn-grace-XXXXXX";
    struct tarn_checkpoint *c = NULL;
    struct tarn_writer_resource spec;
    struct fixture f, g;
    struct tarn_error err = {0};
    uint16_t store;
    unsigned v = 0;

    open_keeping(&f, 100, 1 << 20);
    for (unsigned k = 1; k < 4; k++)
        CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = k, .v = 4 + k, .app = k}), 0);
    CU_ASSERT_EQUAL(fixture_delete(&f, 1), 0);
    CU_ASSERT_EQUAL(fixture_delete(&f, 2), 0);
    CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = 4, .v = 8}), 0);
    CU_ASSERT_EQUAL(tarn_writer_set_resource_state(f.w, f.id, &(struct tarn_resource_state){.synced = true, .resource_version = TARN_BYTES("9")}, NULL), 0);
    commit(&f);
    CU_ASSERT_FATAL(tarn_writer_describe(f.w, f.id, &spec, indexes));
    CU_ASSERT_FATAL(close(mkstemp(path)) == 0);
    CU_ASSERT_EQUAL_FATAL(save_and_open(&f, path, &c), 0);
    memset(&g, 0, sizeof g);
    g.rt = fixture_runtime(8);
    o.rt = &g.rt.base;
    CU_ASSERT_EQUAL_FATAL(tarn_checkpoint_restore(c, &o, &spec, 1, &store, &g.w, &err), 0);
    go_on(&g, store);
    CU_ASSERT(kept(&g, 1, &v) == 1 && v == 5 && kept(&g, 2, &v) == 1 && v == 6);
    CU_ASSERT(!is_alive(&g, 1) && !is_alive(&g, 2) && is_alive(&g, 3) && is_alive(&g, 4) && !is_kept(&g, 3));
    CU_ASSERT_EQUAL(deleted_ms(&g, 1), deleted_ms(&f, 1));
    CU_ASSERT_EQUAL(fixture_delete(&g, 3), 0);
    commit(&g);
    CU_ASSERT(is_kept(&g, 1) && is_kept(&g, 3));
    verify(&g);
    pass_ms(&g, KEEP_MS);
    CU_ASSERT(!is_kept(&g, 1) && !is_kept(&g, 2) && !is_kept(&g, 3));
    fixture_close(&g);

    spec.keep_deleted.keep_ms = 0;
    memset(&g, 0, sizeof g);
    g.rt = fixture_runtime(8);
    CU_ASSERT_EQUAL_FATAL(tarn_checkpoint_restore(c, &o, &spec, 1, &store, &g.w, &err), 0);
    go_on(&g, store);
    CU_ASSERT(list_id(&g) == 0 && !is_alive(&g, 1) && is_alive(&g, 3));
    verify(&g);
    fixture_close(&g);
    tarn_checkpoint_close(c);
    (void)unlink(path);
    fixture_close(&f);
}

/* Against the simplest model: a list of (object, time). */
static void random_histories_agree_with_a_model(void)
{
    enum { KEYS = 40, MOST = 12 };
    struct {
        unsigned k, v;
        uint64_t until;
    } list[4000];
    unsigned n = 0, first = 0, live[KEYS] = {0}, version = 0;
    uint64_t seed = 99;
    struct fixture f;

    open_keeping(&f, MOST, 1 << 20);
    for (unsigned i = 0; i < 3000; i++) {
        unsigned k = (unsigned)(fixture_rand(&seed) >> 11) % KEYS, what = (unsigned)(fixture_rand(&seed) >> 11) % 10, v;

        if (what < 5) {
            CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = k, .v = ++version, .app = k % 3}), 0);
            live[k] = version;
        } else if (what < 8) {
            CU_ASSERT_EQUAL(fixture_delete(&f, k), 0);
            for (unsigned j = first; live[k] && j < n; j++)
                if (list[j].k == k) /* the same uid: the newer deletion takes its place */
                    list[j].k = KEYS;
            if (live[k]) {
                list[n].k = k;
                list[n].v = live[k];
                list[n++].until = f.rt.now_ms + KEEP_MS;
            }
            live[k] = 0;
        } else {
            f.rt.now_ms += (fixture_rand(&seed) >> 11) % (KEEP_MS / 4);
        }
        (void)tarn_writer_collect(f.w);
        commit(&f);
        for (; first < n && (list[first].until <= f.rt.now_ms || list[first].k == KEYS); first++)
            ;
        for (unsigned j = first, count = 0; j < n; j++)
            count += list[j].k != KEYS, first = count > MOST ? first + 1 : first;
        if (i % 10)
            continue;
        for (k = 0; k < KEYS; k++) {
            bool expected = false;

            for (unsigned j = first; j < n; j++)
                expected |= list[j].k == k;
            CU_ASSERT_EQUAL(is_alive(&f, k), live[k] != 0);
            if (kept(&f, k, &v) != (expected ? 1u : 0u))
                CU_FAIL("another list");
        }
        verify(&f);
    }
    CU_ASSERT(facts(&f).expired > 50 && facts(&f).evicted > 50);
    fixture_close(&f);
}

TARN_TEST_MAIN("grace", TARN_TEST(a_deleted_object_is_kept_for_its_time_and_apart), TARN_TEST(what_is_found_by_an_index_is_found_when_deleted),
               TARN_TEST(one_that_takes_a_name_ends_the_one_before), TARN_TEST(the_state_told_with_the_deletion_is_the_one_kept),
               TARN_TEST(a_relist_keeps_what_it_deletes_and_what_was_kept), TARN_TEST(it_is_bounded_by_number_and_bytes), TARN_TEST(an_abort_takes_it_back),
               TARN_TEST(it_ends_when_it_is_not_wanted_or_its_resource_goes), TARN_TEST(it_goes_on_in_the_next_generation), TARN_TEST(it_goes_through_a_checkpoint),
               TARN_TEST(random_histories_agree_with_a_model))
