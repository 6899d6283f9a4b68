/* test_apisim_tree.c - the persistent tree against a sorted array, with snapshots kept meanwhile. */
#include <stdio.h>
#include <stdlib.h>

#include "sim_tree.h"
#include "tarn_test.h"

enum { KEYS = 300, SNAPSHOTS = 8 };

/* The model: which version of each key is there; 0: none. */
struct model {
    uint64_t rv[KEYS];
};

static struct sim_template *empty_template(void)
{
    struct sim_builder b = {0};

    sim_builder_hole(&b, SIM_RV);
    return sim_builder_finish(&b);
}

static struct sim_object *object(struct sim_template *t, int key, uint64_t rv)
{
    struct tarn_bytes values[SIM_VALUES_MAX] = {{0}};
    char name[16];

    snprintf(name, sizeof name, "k%03d", key);
    return sim_object_new(t, TARN_BYTES("ns"), tarn_bytes_of(name), rv, values);
}

static void check_same(const struct sim_tree *t, const struct model *m)
{
    struct sim_walk w;
    uint32_t i = 0;

    sim_walk_begin(&w, t, (struct tarn_bytes){0});
    for (int k = 0; k < KEYS; k++) {
        char key[16];
        struct sim_object *o, *found;

        snprintf(key, sizeof key, "ns/k%03d", k);
        found = sim_tree_get(t, tarn_bytes_of(key));
        if (!m->rv[k]) {
            CU_ASSERT_PTR_NULL(found);
            continue;
        }
        o = sim_walk_next(&w);
        CU_ASSERT_PTR_NOT_NULL_FATAL(o);
        CU_ASSERT_PTR_EQUAL(o, found);
        CU_ASSERT_EQUAL(o->rv, m->rv[k]);
        CU_ASSERT_EQUAL(sim_tree_rank(t, tarn_bytes_of(key)), i);
        CU_ASSERT_PTR_EQUAL(sim_tree_at(t, i), o);
        i++;
    }
    CU_ASSERT_PTR_NULL(sim_walk_next(&w));
    CU_ASSERT_EQUAL(sim_tree_count(t), i);
}

static void change(struct sim_tree *t, struct model *m, struct sim_template *tmpl, struct sim_random *r, uint64_t rv)
{
    int k = (int)sim_random_below(r, KEYS);

    if (sim_random_below(r, 3)) {
        struct sim_object *o = object(tmpl, k, rv);

        sim_tree_set(t, o);
        sim_object_unref(o);
        m->rv[k] = rv;
    } else {
        char key[16];

        snprintf(key, sizeof key, "ns/k%03d", k);
        sim_tree_remove(t, tarn_bytes_of(key));
        m->rv[k] = 0;
    }
}

static void snapshots_keep_what_they_saw_through_random_changes(void)
{
    struct sim_random r = {.state = 7};
    struct sim_template *tmpl = empty_template();
    struct sim_tree t = {.salt = 5}, kept[SNAPSHOTS] = {{0}};
    struct model m = {{0}}, seen[SNAPSHOTS] = {{{0}}};

    for (uint64_t step = 1; step <= 20000; step++) {
        change(&t, &m, tmpl, &r, step);
        if (step % 1000)
            continue;
        for (int s = 0; s < SNAPSHOTS; s++)
            check_same(&kept[s], &seen[s]);
        check_same(&t, &m);
        sim_tree_release(&kept[step / 1000 % SNAPSHOTS]);
        kept[step / 1000 % SNAPSHOTS] = sim_tree_snapshot(&t);
        seen[step / 1000 % SNAPSHOTS] = m;
    }
    for (int s = 0; s < SNAPSHOTS; s++)
        sim_tree_release(&kept[s]);
    sim_tree_release(&t);
    CU_ASSERT_PTR_NULL(t.root);
    sim_template_unref(tmpl);
}

static void a_walk_begins_at_the_first_key_not_less(void)
{
    static const struct {
        const char *from, *first;
    } rows[] = {{"", "ns/k000"}, {"ns/k000", "ns/k000"}, {"ns/k0005", "ns/k001"}, {"ns/k009", "ns/k009"}, {"ns/k0099", NULL},
                {"ns/", "ns/k000"}, {"zz", NULL}};
    struct sim_template *tmpl = empty_template();
    struct sim_tree t = {.salt = 3};

    for (int k = 0; k < 10; k++) {
        struct sim_object *o = object(tmpl, k, 1);

        sim_tree_set(&t, o);
        sim_object_unref(o);
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sim_walk w;
        struct sim_object *o;

        sim_walk_begin(&w, &t, tarn_bytes_of(rows[i].from));
        o = sim_walk_next(&w);
        CU_ASSERT_EQUAL(o != NULL, rows[i].first != NULL);
        if (o && rows[i].first)
            CU_ASSERT(tarn_bytes_equal(sim_object_key(o), tarn_bytes_of(rows[i].first)));
    }
    sim_tree_release(&t);
    sim_template_unref(tmpl);
}

TARN_TEST_MAIN("apisim_tree", TARN_TEST(snapshots_keep_what_they_saw_through_random_changes),
               TARN_TEST(a_walk_begins_at_the_first_key_not_less))
