/* Generations: a new region from an old one, with another budget, other indexes, or after the agent died; followers of the
 * change log go over without losing or repeating anything. */
#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tarn/takeover.h>

#include "fault.h"
#include "region_fixture.h"

#define KEYS 400u

static const struct tarn_index_func indexes[] = {{"label:app", fixture_app, NULL}, {"spec.tags[*]", fixture_tags, NULL}};
static const char *const slots[] = {"spec.v"}, *const other_slots[] = {"spec.check"};
static const struct tarn_writer_resource widgets = {.name = "widgets", .api_version = "test/v1", .kind = "Widget", .namespaced = true,
                                                    .indexes = indexes, .nindex = 2, .slots = slots, .nslot = 1};

static void churn(struct fixture *f, uint64_t *seed, unsigned ops, unsigned *version)
{
    for (unsigned i = 0; i < ops; i++) {
        unsigned k = (unsigned)(fixture_rand(seed) >> 9) % KEYS;

        if (fixture_rand(seed) % 3) {
            CU_ASSERT_EQUAL(fixture_put(f, &(struct fixture_object){.k = k, .v = ++*version, .app = 1 + k % 4, .tags = k % 16}), 0);
        } else {
            CU_ASSERT_EQUAL(fixture_delete(f, k), 0);
        }
    }
    CU_ASSERT_EQUAL(tarn_writer_commit(f->w, NULL), 0);
    f->rt.now_ms += 20;
    (void)tarn_writer_collect(f->w);
}

/* Put the new writer in f's place, as the agent does: new store, same clients attach again. */
static void move_to(struct fixture *f, struct tarn_writer *w, uint16_t store)
{
    tarn_store_free(f->store);
    tarn_writer_free(f->w);
    f->w = w;
    f->id = store;
    CU_ASSERT_EQUAL(tarn_pin_page_new_private(0, &f->page), 0);
    CU_ASSERT_EQUAL(tarn_writer_client_add(w, f->page, -1, &f->client), 0);
    CU_ASSERT_EQUAL(tarn_region_store_new(w, store, &f->store, NULL), 0);
}

static unsigned same_objects(const struct tarn_reader *a, uint16_t store_a, const struct tarn_reader *b, uint16_t store_b)
{
    const struct tarn_object *x, *y;
    struct tarn_reader_iter it;
    unsigned n = 0;

    CU_ASSERT_EQUAL(tarn_reader_list(a, store_a, &it), 0);
    while (tarn_reader_next(&it, &x) == 1) {
        CU_ASSERT_EQUAL_FATAL(tarn_reader_get(b, store_b, tarn_object_key(x), &y), 0);
        CU_ASSERT_EQUAL(fixture_uint(x, "spec.v"), fixture_uint(y, "spec.v"));
        CU_ASSERT_EQUAL(((const struct tarn_link *)x - 1)->oid, ((const struct tarn_link *)y - 1)->oid);
        n++;
    }
    return n;
}

static void the_new_generation_holds_what_the_old_one_held(void)
{
    const struct tarn_takeover t_first = {.resources = &widgets, .n = 1, .same_run = true};
    struct tarn_takeover t = t_first;
    const struct tarn_resource_state state = {.synced = true, .live = true, .resource_version = TARN_BYTES("77"), .resume = TARN_BYTES("=77 a=78 b-2=9")};
    struct tarn_resource_info info;
    struct tarn_error err = {0};
    struct tarn_region_facts old, new;
    struct tarn_reader a, b;
    struct tarn_writer *w;
    struct fixture f;
    uint64_t seed = 3;
    unsigned version = 0;
    uint16_t store;

    fixture_open(&f, 16u << 20);
    CU_ASSERT_EQUAL(tarn_writer_set_resource_state(f.w, f.id, &state, NULL), 0);
    for (int i = 0; i < 20; i++)
        churn(&f, &seed, 200, &version);
    t.from = tarn_writer_view(f.w);
    CU_ASSERT_EQUAL_FATAL(tarn_writer_takeover(&(struct tarn_writer_options){.budget_bytes = 32u << 20, .huge_pages = TARN_HUGE_PAGES_OFF, .rt = &f.rt.base}, &t, &store, &w, &err), 0);
    tarn_reader_begin(&a, tarn_writer_view(f.w), NULL);
    tarn_reader_begin(&b, tarn_writer_view(w), NULL);
    CU_ASSERT_EQUAL(same_objects(&a, f.id, &b, store), tarn_writer_count(f.w, f.id));
    CU_ASSERT_EQUAL(tarn_writer_count(w, store), tarn_writer_count(f.w, f.id));
    CU_ASSERT_EQUAL(tarn_reader_resource(&b, TARN_BYTES("widgets"), &info), 0);
    CU_ASSERT_TRUE(info.state.synced && !info.state.live);
    CU_ASSERT_TRUE(tarn_bytes_equal(info.state.resource_version, TARN_BYTES("77")));
    CU_ASSERT_TRUE(tarn_bytes_equal(tarn_resource_resume_at(&info, TARN_BYTES("")), TARN_BYTES("77")));
    CU_ASSERT_TRUE(tarn_bytes_equal(tarn_resource_resume_at(&info, TARN_BYTES("a")), TARN_BYTES("78")));
    CU_ASSERT_TRUE(tarn_bytes_equal(tarn_resource_resume_at(&info, TARN_BYTES("b-2")), TARN_BYTES("9")));
    CU_ASSERT_EQUAL(tarn_resource_resume_at(&info, TARN_BYTES("b")).len, 0);
    CU_ASSERT_EQUAL(tarn_check_region(&b, true, NULL, &err), 0);
    tarn_region_view_facts(tarn_writer_view(f.w), &old);
    tarn_region_view_facts(tarn_writer_view(w), &new);
    CU_ASSERT_EQUAL(new.generation, old.generation + 1);
    CU_ASSERT_EQUAL(new.log_head, old.log_head);
    CU_ASSERT_EQUAL(new.commit_seq, old.commit_seq + 1);
    CU_ASSERT_EQUAL(memcmp(new.instance, old.instance, 16), 0);
    CU_ASSERT_EQUAL(old.superseded, 0);
    tarn_writer_supersede(f.w, new.generation);
    tarn_region_view_facts(tarn_writer_view(f.w), &old);
    CU_ASSERT_EQUAL(old.superseded, new.generation);
    tarn_writer_free(w);
    fixture_close(&f);
}

static void other_indexes_are_computed_without_a_list(void)
{
    static const struct tarn_index_func only_tags[] = {{"spec.tags[*]", fixture_tags, NULL}};
    struct tarn_writer_resource changed[2] = {widgets, {.name = "nodes"}};
    struct tarn_takeover t = {.resources = changed, .n = 2};
    struct tarn_resource_info info;
    const struct tarn_object *obj;
    struct tarn_reader_iter it;
    struct tarn_error err = {0};
    struct tarn_reader r;
    struct tarn_writer *w;
    struct fixture f;
    uint64_t seed = 4;
    unsigned version = 0, n = 0;
    uint16_t stores[2];

    fixture_open(&f, 16u << 20);
    churn(&f, &seed, 2000, &version);
    changed[0].indexes = only_tags;
    changed[0].nindex = 1;
    t.from = tarn_writer_view(f.w);
    CU_ASSERT_EQUAL_FATAL(tarn_writer_takeover(&(struct tarn_writer_options){.budget_bytes = 16u << 20, .rt = &f.rt.base}, &t, stores, &w, &err), 0);
    tarn_reader_begin(&r, tarn_writer_view(w), NULL);
    CU_ASSERT_EQUAL(tarn_reader_resource(&r, TARN_BYTES("widgets"), &info), 0);
    CU_ASSERT_EQUAL(tarn_resource_index(&info, TARN_BYTES("label:app")), TARN_E_INDEX_MISSING);
    CU_ASSERT_EQUAL(tarn_reader_by_index(&r, &info, 0, TARN_BYTES("t1"), &it), 0);
    while (tarn_reader_next(&it, &obj) == 1)
        n++;
    CU_ASSERT_TRUE(n > 50);
    CU_ASSERT_EQUAL(tarn_check_region(&r, true, NULL, &err), 0);
    CU_ASSERT_EQUAL(tarn_reader_resource(&r, TARN_BYTES("nodes"), &info), 0);
    CU_ASSERT_EQUAL(info.objects, 0);
    tarn_writer_free(w);
    changed[0].source = "https://other"; /* another agent that is told to mirror something else */
    CU_ASSERT_EQUAL_FATAL(tarn_writer_takeover(&(struct tarn_writer_options){.budget_bytes = 16u << 20, .rt = &f.rt.base}, &t, stores, &w, &err), 0);
    CU_ASSERT_EQUAL(tarn_writer_count(w, stores[0]), 0);
    tarn_reader_begin(&r, tarn_writer_view(w), NULL);
    CU_ASSERT_EQUAL(tarn_reader_resource(&r, TARN_BYTES("widgets"), &info), 0);
    CU_ASSERT_TRUE(tarn_bytes_equal(tarn_resource_source(&info), TARN_BYTES("https://other")));
    CU_ASSERT_TRUE(tarn_bytes_equal(tarn_resource_slot_path(&info, 0), TARN_BYTES("spec.v")));
    tarn_writer_free(w);
    t.same_run = true; /* within one agent the agent decides */
    CU_ASSERT_EQUAL_FATAL(tarn_writer_takeover(&(struct tarn_writer_options){.budget_bytes = 16u << 20, .rt = &f.rt.base}, &t, stores, &w, &err), 0);
    CU_ASSERT_EQUAL(tarn_writer_count(w, stores[0]), tarn_writer_count(f.w, f.id));
    tarn_writer_free(w);
    changed[0].slots = other_slots; /* fields that the objects were not transcoded for: this one needs a list */
    CU_ASSERT_EQUAL_FATAL(tarn_writer_takeover(&(struct tarn_writer_options){.budget_bytes = 16u << 20, .rt = &f.rt.base}, &t, stores, &w, &err), 0);
    CU_ASSERT_EQUAL(tarn_writer_count(w, stores[0]), 0);
    tarn_writer_free(w);
    fixture_close(&f);
}

static void a_budget_too_small_or_a_broken_region_changes_nothing(void)
{
    struct tarn_takeover t = {.resources = &widgets, .n = 1};
    struct tarn_error err = {0};
    struct tarn_region_view broken;
    struct tarn_writer *w = NULL;
    struct fixture f;
    char *copy = calloc(1, (16u << 20) + TARN_OBJECT_BYTES_MAX);

    fixture_open(&f, 16u << 20);
    for (unsigned k = 0; k < 3000; k++)
        CU_ASSERT_EQUAL(fixture_put(&f, &(struct fixture_object){.k = k, .v = k, .pad = 2000}), 0);
    CU_ASSERT_EQUAL(tarn_writer_commit(f.w, NULL), 0);
    t.from = tarn_writer_view(f.w);
    CU_ASSERT_EQUAL(tarn_writer_takeover(&(struct tarn_writer_options){.budget_bytes = 4u << 20, .rt = &f.rt.base}, &t, NULL, &w, &err), TARN_E_FULL);
    CU_ASSERT_PTR_NULL(w);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "old generation goes on"));
    memcpy(copy, t.from->base, 16u << 20);
    CU_ASSERT_EQUAL(tarn_region_view_of(copy, 16u << 20, &broken, NULL), 0);
    for (size_t at = 1u << 20; at < 4u << 20; at += 512)
        copy[at] ^= 1;
    t.from = &broken;
    CU_ASSERT_EQUAL(tarn_writer_takeover(&(struct tarn_writer_options){.budget_bytes = 16u << 20, .rt = &f.rt.base}, &t, NULL, &w, &err), TARN_E_CORRUPT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "rule"));
    CU_ASSERT_EQUAL(tarn_writer_count(f.w, f.id), 3000);
    fixture_close(&f);
    free(copy);
}

/* A follower (see test_reader.c) that goes over: it drains the old region's log, then reads on at the same position in the new one;
 * the old state of an object is asked of the old region by the same object number. */
static void a_follower_goes_over_without_loss_or_repetition(void)
{
    struct tarn_takeover t = {.resources = &widgets, .n = 1, .same_run = true};
    static unsigned seen[KEYS], model[KEYS];
    struct tarn_log_cursor cursor;
    struct tarn_log_change c;
    struct tarn_reader at, next;
    struct tarn_writer *w;
    struct fixture f, old;
    uint64_t seed = 5, events = 0;
    unsigned version = 0;
    uint16_t store;

    memset(seen, 0, sizeof seen);
    fixture_open(&f, 16u << 20);
    for (int i = 0; i < 5; i++)
        churn(&f, &seed, 300, &version);
    t.from = tarn_writer_view(f.w);
    fixture_begin(&f, &at);
    CU_ASSERT_EQUAL(tarn_log_cursor_at(&at, &cursor), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_writer_takeover(&(struct tarn_writer_options){.budget_bytes = 32u << 20, .huge_pages = TARN_HUGE_PAGES_OFF, .rt = &f.rt.base}, &t, &store, &w, NULL), 0);
    old = f;
    f.w = w;
    f.id = store;
    CU_ASSERT_EQUAL(tarn_pin_page_new_private(0, &f.page), 0);
    CU_ASSERT_EQUAL(tarn_writer_client_add(w, f.page, -1, &f.client), 0);
    CU_ASSERT_EQUAL(tarn_region_store_new(w, store, &f.store, NULL), 0);
    { /* what the follower knows: the old region's last commit */
        const struct tarn_object *obj;
        struct tarn_reader_iter it;

        CU_ASSERT_EQUAL(tarn_reader_list(&at, old.id, &it), 0);
        while (tarn_reader_next(&it, &obj) == 1)
            seen[strtoul(strrchr(tarn_object_key(obj).data, '-') + 1, NULL, 10)] = fixture_uint(obj, "spec.v");
    }
    CU_ASSERT_EQUAL(tarn_log_next(&at, &cursor, &c), 0); /* drained */
    churn(&f, &seed, 500, &version);
    fixture_begin(&f, &next);
    while (tarn_log_next(&next, &cursor, &c) == 1) {
        const struct tarn_object *before, *after;

        events++;
        if (c.store != f.id)
            continue;
        if (!tarn_reader_by_oid(&at, c.oid, &before))
            seen[strtoul(strrchr(tarn_object_key(before).data, '-') + 1, NULL, 10)] = 0;
        if (!tarn_reader_by_oid(&next, c.oid, &after))
            seen[strtoul(strrchr(tarn_object_key(after).data, '-') + 1, NULL, 10)] = fixture_uint(after, "spec.v");
    }
    CU_ASSERT_TRUE(events > 100 && events <= 500);
    memset(model, 0, sizeof model);
    {
        const struct tarn_object *obj;
        struct tarn_reader_iter it;

        CU_ASSERT_EQUAL(tarn_reader_list(&next, f.id, &it), 0);
        while (tarn_reader_next(&it, &obj) == 1)
            model[strtoul(strrchr(tarn_object_key(obj).data, '-') + 1, NULL, 10)] = fixture_uint(obj, "spec.v");
    }
    CU_ASSERT_EQUAL(memcmp(seen, model, sizeof seen), 0);
    fixture_end(&old, &at);
    fixture_end(&f, &next);
    fixture_close(&old);
    fixture_close(&f);
}

/* The agent is killed in the middle of its work; a new one takes the region over from the descriptor. */
static void a_killed_agents_region_is_taken_over(void)
{
    for (unsigned round = 0; round < 6; round++) {
        struct tarn_takeover t = {.resources = &widgets, .n = 1};
        struct tarn_region_view v;
        struct tarn_reader r;
        struct tarn_writer *w;
        struct tarn_error err = {0};
        struct fixture f;
        uint64_t seed = 6 + round, begin;
        unsigned version = 0;
        uint16_t store;
        pid_t pid;

        fixture_open(&f, 16u << 20);
        begin = tarn_writer_commit_seq(f.w);
        CU_ASSERT_EQUAL_FATAL(tarn_region_view_map(tarn_writer_fd(f.w), &v, NULL), 0);
        pid = fork();
        if (!pid)
            for (;;)
                churn(&f, &seed, 40, &version);
        while (tarn_region_view_commit(&v) < begin + 10 + round * 7)
            ;
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        t.from = &v;
        CU_ASSERT_EQUAL_FATAL(tarn_writer_takeover(&(struct tarn_writer_options){.budget_bytes = 16u << 20, .huge_pages = TARN_HUGE_PAGES_OFF, .rt = &f.rt.base}, &t, &store, &w, &err), 0);
        tarn_reader_begin(&r, &v, NULL);
        {
            struct tarn_reader n;

            tarn_reader_begin(&n, tarn_writer_view(w), NULL);
            CU_ASSERT_EQUAL(same_objects(&r, f.id, &n, store), tarn_writer_count(w, store));
            CU_ASSERT_EQUAL(tarn_check_region(&n, true, NULL, &err), 0);
        }
        tarn_region_view_unmap(&v);
        move_to(&f, w, store); /* and it can be written on */
        churn(&f, &seed, 200, &version);
        fixture_close(&f);
    }
}

/* A list that is being staged goes over; what it does not name is deleted in the new generation. */
/* A list of 100 others is in the making: 20 to 49 unchanged, 50 to 99 changed, the rest new. */
static void stage(struct tarn_store *s)
{
    struct tarn_error err = {0};

    CU_ASSERT_EQUAL(s->ops->replace_begin(s, &err), 0);
    for (unsigned k = 20; k < 120; k++) {
        const struct tarn_object *obj = fixture_make(&(struct fixture_object){.k = k, .v = k < 50 ? 1 : 2, .rv = k < 50 ? 1 + k : 1000 + k, .app = 2});

        CU_ASSERT_EQUAL(s->ops->replace_add(s, obj, &err), 0);
        tarn_object_unref(obj);
    }
}

static void open_and_stage(struct fixture *f)
{
    fixture_open(f, 16u << 20);
    for (unsigned k = 0; k < 100; k++)
        CU_ASSERT_EQUAL(fixture_put(f, &(struct fixture_object){.k = k, .v = 1, .rv = 1 + k, .app = 1}), 0);
    CU_ASSERT_EQUAL(tarn_writer_commit(f->w, NULL), 0);
    stage(f->store);
}

static void a_staged_list_goes_over(void)
{
    struct tarn_takeover t = {.resources = &widgets, .n = 1, .same_run = true};
    struct tarn_error err = {0};
    struct tarn_writer *w, *old;
    struct tarn_reader r;
    struct fixture f;
    uint16_t store;

    open_and_stage(&f);
    t.from = tarn_writer_view(f.w);
    CU_ASSERT_EQUAL_FATAL(tarn_writer_takeover(&(struct tarn_writer_options){.budget_bytes = 16u << 20, .rt = &f.rt.base}, &t, &store, &w, &err), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_region_store_move(f.store, w, store, &err), 0);
    CU_ASSERT_TRUE(tarn_region_store_replacing(f.store));
    old = f.w;
    tarn_writer_supersede(old, tarn_writer_view(w)->generation);
    CU_ASSERT_EQUAL(f.store->ops->replace_commit(f.store, TARN_BYTES("2000"), &err), 0);
    CU_ASSERT_EQUAL(tarn_writer_count(w, store), 100);
    tarn_reader_begin(&r, tarn_writer_view(w), NULL);
    CU_ASSERT_EQUAL(tarn_check_region(&r, true, NULL, &err), 0);
    for (unsigned k = 0; k < 120; k++) {
        const struct tarn_object *obj;
        char key[64];
        int rc = tarn_reader_get(&r, store, fixture_key_bytes(key, k), &obj);

        CU_ASSERT_EQUAL(rc, k < 20 ? TARN_E_NOTFOUND : 0);
        CU_ASSERT_TRUE(rc || fixture_uint(obj, "spec.v") == (k < 50 ? 1 : 2));
    }
    CU_ASSERT_EQUAL(tarn_writer_count(old, f.id), 100); /* the old region is as it was */
    tarn_store_free(f.store);
    tarn_writer_client_remove(old, f.client);
    tarn_writer_free(old);
    tarn_writer_free(w);
}

struct conversion {
    const struct tarn_object *made;
    unsigned calls;
};

/* Leaves out spec.check: other bytes of the same key. */
static int convert(void *ctx, unsigned i, const struct tarn_object *obj, const struct tarn_object **ret, struct tarn_error *err)
{
    struct conversion *c = ctx;
    char json[200];
    int n = snprintf(json, sizeof json, "{\"metadata\":{\"name\":\"%.*s\",\"namespace\":\"%.*s\"},\"spec\":{\"v\":%u}}",
                     TARN_BYTES_ARG(tarn_object_name(obj)), TARN_BYTES_ARG(tarn_object_namespace(obj)), fixture_uint(obj, "spec.v"));

    CU_ASSERT_EQUAL(i, 1);
    c->calls++;
    tarn_object_unref(c->made);
    c->made = NULL;
    if (tarn_object_from_json((struct tarn_bytes){json, (size_t)n}, &c->made, err))
        return TARN_E_CORRUPT;
    *ret = c->made;
    return 0;
}

static void objects_are_converted_and_keep_their_numbers(void)
{
    const struct tarn_writer_resource resources[2] = {{.name = "gadgets"}, widgets};
    struct conversion c = {0};
    struct tarn_takeover t = {.resources = resources, .n = 2, .same_run = true, .convert = convert, .ctx = &c};
    struct tarn_resource_info was, is;
    struct tarn_error err = {0};
    struct tarn_reader a, b;
    struct tarn_writer *w;
    struct fixture f;
    uint64_t seed = 11;
    unsigned version = 0;
    uint16_t stores[2];

    fixture_open(&f, 16u << 20);
    churn(&f, &seed, 1000, &version);
    t.from = tarn_writer_view(f.w);
    CU_ASSERT_EQUAL_FATAL(tarn_writer_takeover(&(struct tarn_writer_options){.budget_bytes = 16u << 20, .rt = &f.rt.base}, &t, stores, &w, &err), 0);
    CU_ASSERT_EQUAL(c.calls, tarn_writer_count(f.w, f.id));
    tarn_reader_begin(&a, tarn_writer_view(f.w), NULL);
    tarn_reader_begin(&b, tarn_writer_view(w), NULL);
    CU_ASSERT_EQUAL(same_objects(&a, f.id, &b, stores[1]), tarn_writer_count(f.w, f.id));
    CU_ASSERT_EQUAL(tarn_reader_resource(&a, TARN_BYTES("widgets"), &was), 0);
    CU_ASSERT_EQUAL(tarn_reader_resource(&b, TARN_BYTES("widgets"), &is), 0);
    CU_ASSERT_TRUE(was.incarnation != 0 && was.incarnation == is.incarnation); /* followers of its log go over */
    CU_ASSERT_TRUE(is.bytes < was.bytes);
    CU_ASSERT_EQUAL(tarn_check_region(&b, true, NULL, &err), 0);
    tarn_object_unref(c.made);
    tarn_writer_free(w);
    fixture_close(&f);
}

/* ---- memory that runs out ------------------------------------------------------------------------------------------------ */

static unsigned open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;

    while (d && readdir(d))
        n++;
    if (d)
        (void)closedir(d);
    return n;
}

static void check_sound(struct tarn_writer *w)
{
    struct tarn_error err = {0};
    struct tarn_reader r;

    tarn_reader_begin(&r, tarn_writer_view(w), NULL);
    CU_ASSERT_EQUAL(tarn_check_region(&r, true, NULL, &err), 0);
}

/* One try with its n-th allocation failing. False: it had fewer, and went through. (What leaks is found by the sanitized build.) */
static bool try_takeover(struct fixture *f, const struct tarn_takeover *t, long n)
{
    unsigned descriptors = open_descriptors();
    struct tarn_writer *w = NULL;
    struct tarn_reader a, b;
    struct tarn_error err = {0};
    uint16_t store;
    bool failed;
    int rc;

    tarn_fault_arm(n);
    rc = tarn_writer_takeover(&(struct tarn_writer_options){.budget_bytes = 16u << 20, .rt = &f->rt.base}, t, &store, &w, &err);
    failed = tarn_fault_disarm();
    CU_ASSERT_EQUAL(rc, failed ? TARN_E_NOMEM : 0);
    if (!rc) {
        tarn_reader_begin(&a, tarn_writer_view(f->w), NULL);
        tarn_reader_begin(&b, tarn_writer_view(w), NULL);
        CU_ASSERT_EQUAL(same_objects(&a, f->id, &b, store), tarn_writer_count(f->w, f->id));
        check_sound(w);
        tarn_writer_free(w);
    }
    CU_ASSERT_EQUAL(open_descriptors(), descriptors);
    return failed;
}

static void each_failing_allocation_leaves_the_old_generation_as_it_was(void)
{
    const struct tarn_keep_deleted keep = {.keep_ms = 60000, .objects_max = 100, .bytes_max = 1 << 20};
    struct tarn_index_func described[TARN_REGION_INDEXES_MAX];
    struct tarn_writer_resource spec;
    struct fixture f;
    uint64_t seed = 5, commit;
    unsigned version = 0;
    long tries[2] = {0};

    fixture_open(&f, 16u << 20);
    CU_ASSERT_EQUAL_FATAL(tarn_writer_keep_deleted(f.w, f.id, &keep, NULL), 0);
    churn(&f, &seed, 600, &version);
    CU_ASSERT_FATAL(tarn_writer_describe(f.w, f.id, &spec, described));
    commit = tarn_writer_commit_seq(f.w);
    for (unsigned same_run = 0; same_run < 2; same_run++) {
        const struct tarn_takeover t = {.from = tarn_writer_view(f.w), .resources = &spec, .n = 1, .same_run = same_run};

        while (try_takeover(&f, &t, tries[same_run]))
            tries[same_run]++;
        CU_ASSERT(tries[same_run] > 20);
    }
    CU_ASSERT_EQUAL(tarn_writer_commit_seq(f.w), commit);
    check_sound(f.w);
    churn(&f, &seed, 50, &version); /* and it goes on */
    check_sound(f.w);
    fixture_close(&f);
}

/* A list that was in the making goes over, or is dropped and can be made again; never half of it. */
static bool try_move(long n)
{
    struct tarn_takeover t = {.resources = &widgets, .n = 1, .same_run = true};
    struct tarn_writer *w, *old;
    struct tarn_error err = {0};
    struct fixture f;
    uint16_t store;
    bool failed;
    int rc;

    open_and_stage(&f);
    t.from = tarn_writer_view(f.w);
    CU_ASSERT_EQUAL_FATAL(tarn_writer_takeover(&(struct tarn_writer_options){.budget_bytes = 16u << 20, .rt = &f.rt.base}, &t, &store, &w, &err), 0);
    old = f.w;
    tarn_fault_arm(n);
    rc = tarn_region_store_move(f.store, w, store, &err);
    failed = tarn_fault_disarm();
    CU_ASSERT(!rc || failed);
    CU_ASSERT_EQUAL(tarn_region_store_replacing(f.store), rc == 0);
    CU_ASSERT_EQUAL(tarn_writer_count(w, store), 100);
    if (rc)
        stage(f.store);
    CU_ASSERT_EQUAL(f.store->ops->replace_commit(f.store, TARN_BYTES("2000"), &err), 0);
    CU_ASSERT_EQUAL(tarn_writer_count(w, store), 100);
    check_sound(w);
    check_sound(old);
    tarn_store_free(f.store);
    tarn_writer_client_remove(old, f.client);
    tarn_writer_free(old);
    tarn_writer_free(w);
    return failed;
}

static void each_failing_allocation_of_a_move_keeps_the_list_whole(void)
{
    for (long n = 0; try_move(n); n++)
        ;
}

TARN_TEST_MAIN("takeover", TARN_TEST(the_new_generation_holds_what_the_old_one_held), TARN_TEST(other_indexes_are_computed_without_a_list),
               TARN_TEST(a_budget_too_small_or_a_broken_region_changes_nothing), TARN_TEST(a_follower_goes_over_without_loss_or_repetition),
               TARN_TEST(a_killed_agents_region_is_taken_over), TARN_TEST(a_staged_list_goes_over),
               TARN_TEST(objects_are_converted_and_keep_their_numbers),
               TARN_TEST(each_failing_allocation_leaves_the_old_generation_as_it_was), TARN_TEST(each_failing_allocation_of_a_move_keeps_the_list_whole))
