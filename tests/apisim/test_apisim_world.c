/* test_apisim_world.c - versions and history (T-9), and a generated cluster that stays consistent through its churn. */
#include <stdio.h>
#include <stdlib.h>

#include "sim_generate.h"
#include "sim_json.h"
#include "tarn_test.h"

/* ---- history --------------------------------------------------------------------------------- */

struct fixture {
    struct sim_world w;
    struct sim_resource *r;
    struct sim_template *t;
};

static void setup(struct fixture *f, uint64_t events)
{
    struct sim_builder b = {0};

    sim_world_init(&f->w, &(struct sim_world_options){.history_events = events, .seed = 1});
    f->r = sim_world_find_name(&f->w, "configmaps");
    sim_puts(&b.text, "{\"v\":");
    sim_builder_hole(&b, SIM_RV);
    sim_puts(&b.text, "}");
    f->t = sim_builder_finish(&b);
}

static void teardown(struct fixture *f)
{
    sim_template_unref(f->t);
    sim_world_release(&f->w);
}

static void put(struct fixture *f, const char *name)
{
    struct tarn_bytes values[SIM_VALUES_MAX] = {{0}};
    struct sim_object *o = sim_object_new(f->t, TARN_BYTES("ns"), tarn_bytes_of(name), sim_world_next_rv(&f->w), values);

    sim_world_store(&f->w, f->r, o);
    sim_object_unref(o);
}

static void any_version_in_the_history_can_be_seen_again(void)
{
    enum { STEPS = 400 };
    struct sim_random r = {.state = 3};
    struct sim_tree then[STEPS + 1];
    uint64_t rv[STEPS + 1];
    struct fixture f;
    int reached = 0;

    setup(&f, 100);
    for (int i = 0; i <= STEPS; i++) {
        char name[8], key[16];

        then[i] = sim_tree_snapshot(&f.r->tree);
        rv[i] = f.w.rv;
        snprintf(name, sizeof name, "c%u", sim_random_below(&r, 20));
        snprintf(key, sizeof key, "ns/%s", name);
        if (sim_random_below(&r, 3) || !sim_world_delete(&f.w, f.r, tarn_bytes_of(key)))
            put(&f, name);
    }
    for (int i = 0; i <= STEPS; i++) {
        struct sim_tree t;

        if (!sim_resource_at(f.r, rv[i], &t)) {
            CU_ASSERT(STEPS + 1 - i > 100); /* only what fell out of the ring is gone */
            continue;
        }
        reached++;
        CU_ASSERT_EQUAL(sim_tree_count(&t), sim_tree_count(&then[i]));
        for (uint32_t k = 0; k < sim_tree_count(&t); k++)
            CU_ASSERT_PTR_EQUAL(sim_tree_at(&t, k), sim_tree_at(&then[i], k));
        sim_tree_release(&t);
    }
    CU_ASSERT(reached >= 100);
    for (int i = 0; i <= STEPS; i++)
        sim_tree_release(&then[i]);
    teardown(&f);
}

static void a_rewound_world_is_what_it_was_and_goes_on_from_there(void)
{
    struct sim_tree before;
    struct fixture f;
    uint64_t rv;

    setup(&f, 100);
    put(&f, "a");
    put(&f, "b");
    before = sim_tree_snapshot(&f.r->tree);
    rv = f.w.rv;
    put(&f, "b");
    put(&f, "c");
    CU_ASSERT(sim_world_delete(&f.w, f.r, TARN_BYTES("ns/a")));
    CU_ASSERT(sim_world_rewind(&f.w, rv));
    CU_ASSERT_EQUAL(f.w.rv, rv);
    CU_ASSERT_EQUAL(sim_tree_count(&f.r->tree), 2);
    CU_ASSERT_PTR_EQUAL(sim_tree_at(&f.r->tree, 1), sim_tree_at(&before, 1));
    put(&f, "d");
    CU_ASSERT_EQUAL(f.w.rv, rv + 1);
    CU_ASSERT_FALSE(sim_world_rewind(&f.w, 1)); /* the history was dropped with what it told */
    sim_tree_release(&before);
    teardown(&f);
}

static void a_compacted_resource_forgets_its_past_and_keeps_its_present(void)
{
    struct sim_tree t;
    struct fixture f;
    uint64_t rv;

    setup(&f, 100);
    put(&f, "a");
    rv = f.w.rv;
    put(&f, "a");
    sim_world_compact(&f.w, f.r);
    CU_ASSERT_FALSE(sim_resource_at(f.r, rv, &t));
    CU_ASSERT_EQUAL(sim_tree_count(&f.r->tree), 1);
    CU_ASSERT_EQUAL(f.r->window_rv, f.w.rv);
    teardown(&f);
}

static void history_is_bounded_by_events_and_by_bytes(void)
{
    struct sim_world_options o = {.history_events = 1000, .history_bytes = 20000, .seed = 1};
    struct fixture f;

    setup(&f, 10);
    for (int i = 0; i < 100; i++)
        put(&f, "a");
    CU_ASSERT_EQUAL(f.r->ring_next - f.r->ring_first, 10);
    f.w.options = o;
    for (int i = 0; i < 1000; i++)
        put(&f, "a");
    CU_ASSERT(f.r->ring_bytes <= 20000);
    CU_ASSERT(f.r->ring_next - f.r->ring_first > 10);
    teardown(&f);
}

/* ---- generated clusters ------------------------------------------------------------------------ */

static json_t *object_at(const struct sim_resource *r, uint32_t i)
{
    struct tarn_buf text = {0};
    json_t *v;

    sim_object_render_single(sim_tree_at(&r->tree, i), r, &text);
    v = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    tarn_buf_release(&text);
    return v;
}

/* Each endpoint of a slice is a pod that the service selects, as that pod now is; returns how many there are. */
static size_t check_slice(struct sim_world *w, const json_t *slice)
{
    struct sim_resource *pods = sim_world_find_name(w, "pods"), *services = sim_world_find_name(w, "services");
    const json_t *labels = sim_json_at(slice, "metadata.labels");
    const char *service = json_string_value(json_object_get(labels, "kubernetes.io/service-name"));
    json_t *endpoints = json_object_get(slice, "endpoints"), *e;
    char key[256];
    size_t i;

    snprintf(key, sizeof key, "%s/%s", sim_json_text(slice, "metadata.namespace"), service);
    CU_ASSERT_PTR_NOT_NULL(sim_tree_get(&services->tree, tarn_bytes_of(key)));
    CU_ASSERT(json_array_size(endpoints) <= 100);
    json_array_foreach(endpoints, i, e) {
        struct sim_object *o;
        json_t *pod;

        snprintf(key, sizeof key, "%s/%s", sim_json_text(e, "targetRef.namespace"), sim_json_text(e, "targetRef.name"));
        o = sim_tree_get(&pods->tree, tarn_bytes_of(key));
        CU_ASSERT_PTR_NOT_NULL_FATAL(o);
        pod = sim_json_of_object(o);
        CU_ASSERT_STRING_EQUAL(sim_json_text(pod, "metadata.labels.app"), service);
        CU_ASSERT_STRING_EQUAL(sim_json_text(pod, "metadata.uid"), sim_json_text(e, "targetRef.uid"));
        CU_ASSERT_STRING_EQUAL(sim_json_text(pod, "spec.nodeName"), sim_json_text(e, "nodeName"));
        CU_ASSERT_STRING_EQUAL(sim_json_text(pod, "status.podIP"),
                               json_string_value(json_array_get(json_object_get(e, "addresses"), 0)));
        CU_ASSERT_EQUAL(json_is_true(sim_json_at(e, "conditions.ready")),
                        strcmp(sim_json_text(json_array_get(sim_json_at(pod, "status.conditions"), 2), "status"), "True") == 0);
        json_decref(pod);
    }
    return json_array_size(endpoints);
}

static void check_cluster(struct sim_world *w)
{
    struct sim_resource *slices = sim_world_find_name(w, "endpointslices.discovery.k8s.io");
    struct sim_resource *pods = sim_world_find_name(w, "pods"), *services = sim_world_find_name(w, "services");
    size_t endpoints = 0, selected = 0;

    for (uint32_t i = 0; i < sim_tree_count(&slices->tree); i++) {
        json_t *v = object_at(slices, i);

        CU_ASSERT_PTR_NOT_NULL_FATAL(v);
        endpoints += check_slice(w, v);
        json_decref(v);
    }
    for (uint32_t i = 0; i < sim_tree_count(&pods->tree); i++) {
        json_t *v = object_at(pods, i);
        char key[256];

        CU_ASSERT_PTR_NOT_NULL_FATAL(v);
        snprintf(key, sizeof key, "%s/%s", sim_json_text(v, "metadata.namespace"), sim_json_text(v, "metadata.labels.app"));
        selected += sim_tree_get(&services->tree, tarn_bytes_of(key)) != NULL;
        json_decref(v);
    }
    CU_ASSERT_EQUAL(endpoints, selected); /* with the check above: exactly the services' pods */
}

static void every_pod_is_in_its_services_slices_through_churn(void)
{
    struct sim_generate_options o = {.seed = 11};
    struct tarn_error err;
    struct sim_generator *g;
    struct sim_world w;

    CU_ASSERT_EQUAL(sim_generate_parse("pods=900,nodes=20,services=30,configmaps=5", &o, &err), 0);
    sim_world_init(&w, &(struct sim_world_options){.history_events = 100, .seed = 11});
    g = sim_generator_new(&w, &o);
    check_cluster(&w);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 2000; i++)
            CU_ASSERT(sim_generator_change(g) > 0);
        check_cluster(&w);
    }
    sim_generator_free(g);
    sim_world_release(&w);
}

/* A pod deleted by somebody else must not stay in a slice, nor come back. */
static void the_generator_notices_what_others_delete(void)
{
    struct sim_generate_options o = {.seed = 5};
    struct sim_generator *g;
    struct sim_world w;
    struct sim_resource *pods;

    CU_ASSERT_EQUAL(sim_generate_parse("pods=50,nodes=2,services=3", &o, NULL), 0);
    sim_world_init(&w, &(struct sim_world_options){.seed = 5});
    g = sim_generator_new(&w, &o);
    pods = sim_world_find_name(&w, "pods");
    for (int i = 0; i < 20; i++)
        CU_ASSERT(sim_world_delete(&w, pods, sim_object_key(sim_tree_at(&pods->tree, (uint32_t)i))));
    for (int i = 0; i < 5000; i++)
        (void)sim_generator_change(g);
    check_cluster(&w);
    sim_generator_free(g);
    sim_world_release(&w);
}

static void the_same_seed_makes_the_same_cluster(void)
{
    struct sim_world w[2];
    struct sim_generator *g[2];

    for (int i = 0; i < 2; i++) {
        struct sim_generate_options o = {.seed = 42};

        CU_ASSERT_EQUAL(sim_generate_parse("pods=200,nodes=5,services=10", &o, NULL), 0);
        sim_world_init(&w[i], &(struct sim_world_options){.seed = 42});
        g[i] = sim_generator_new(&w[i], &o);
    }
    for (struct sim_resource *a = w[0].resources, *b = w[1].resources; a; a = a->next, b = b->next) {
        CU_ASSERT_EQUAL(sim_tree_count(&a->tree), sim_tree_count(&b->tree));
        for (uint32_t i = 0; i < sim_tree_count(&a->tree); i++)
            CU_ASSERT(tarn_bytes_equal(sim_object_key(sim_tree_at(&a->tree, i)), sim_object_key(sim_tree_at(&b->tree, i))));
    }
    for (int i = 0; i < 2; i++) {
        sim_generator_free(g[i]);
        sim_world_release(&w[i]);
    }
}

static void generated_pods_look_like_real_ones(void)
{
    struct sim_generate_options o = {.seed = 9};
    size_t bytes = 0, managed = 0;
    struct sim_generator *g;
    struct sim_world w;
    struct sim_resource *pods;

    CU_ASSERT_EQUAL(sim_generate_parse("pods=300,nodes=5,services=30", &o, NULL), 0);
    sim_world_init(&w, &(struct sim_world_options){.seed = 9});
    g = sim_generator_new(&w, &o);
    pods = sim_world_find_name(&w, "pods");
    for (uint32_t i = 0; i < 300; i++) {
        json_t *v = object_at(pods, i);
        char *text = json_dumps(sim_json_at(v, "metadata.managedFields"), JSON_COMPACT);

        bytes += sim_tree_at(&pods->tree, i)->size;
        managed += strlen(text);
        CU_ASSERT(sim_tree_at(&pods->tree, i)->size > 5000 && sim_tree_at(&pods->tree, i)->size < 9000);
        free(text);
        json_decref(v);
    }
    CU_ASSERT(managed * 100 / bytes >= 40 && managed * 100 / bytes <= 50);
    sim_generator_free(g);
    sim_world_release(&w);
}

static void specifications_that_make_no_sense_are_refused(void)
{
    static const char *const rows[] = {"pods", "pods=", "pods=x", "cats=3", "pods=99999999", "pods=10,,x"};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sim_generate_options o = {0};
        struct tarn_error err = {0};

        CU_ASSERT_EQUAL(sim_generate_parse(rows[i], &o, &err), TARN_E_CONFIG);
        CU_ASSERT(err.message[0] != 0);
    }
}

TARN_TEST_MAIN("apisim_world", TARN_TEST(any_version_in_the_history_can_be_seen_again),
               TARN_TEST(a_rewound_world_is_what_it_was_and_goes_on_from_there),
               TARN_TEST(a_compacted_resource_forgets_its_past_and_keeps_its_present),
               TARN_TEST(history_is_bounded_by_events_and_by_bytes),
               TARN_TEST(every_pod_is_in_its_services_slices_through_churn),
               TARN_TEST(the_generator_notices_what_others_delete), TARN_TEST(the_same_seed_makes_the_same_cluster),
               TARN_TEST(generated_pods_look_like_real_ones), TARN_TEST(specifications_that_make_no_sense_are_refused))
