/* Listers. Rows G-1 ... G-9, G-20 ... G-24. */
#include <stdio.h>
#include <stdlib.h>

#include <tarn/cache.h>
#include <tarn/listers.h>

#include "cache_fixture.h"
#include "fake_objects.h"
#include "fault.h"
#include "heard.h"
#include "tarn_test.h"

static struct tarn_index_func by_namespace;

/* An indexer with these words; indexed by namespace, or by nothing. */
static struct tarn_indexer *indexer(const char *words, bool indexed)
{
    struct tarn_indexer *x = NULL;

    if (!by_namespace.fn)
        CU_ASSERT_EQUAL_FATAL(tarn_index_func_builtin("namespace", &by_namespace, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(
        tarn_cache_new(&(struct tarn_cache_options){.indexers = &by_namespace, .indexer_count = indexed}, &x, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(replace(&x->store, words), 0);
    return x;
}

/* An indexer with these JSON objects. */
static struct tarn_indexer *indexer_of(const char *const *jsons, size_t n)
{
    struct tarn_indexer *x = indexer("", true);

    for (size_t i = 0; i < n; i++)
        CU_ASSERT_EQUAL_FATAL(with(&x->store, x->store.ops->add, fake_object("%s", jsons[i])), 0);
    return x;
}

static const struct tarn_selector *sel(const char *text)
{
    const struct tarn_selector *s = NULL;

    CU_ASSERT_EQUAL_FATAL(tarn_selector_parse(tarn_bytes_of(text), &s, NULL), 0);
    return s;
}

struct visits {
    unsigned n, stop_at;
};

static int visit(void *ctx, const struct tarn_object *obj)
{
    struct visits *v = ctx;

    (void)obj;
    return ++v->n == v->stop_at ? TARN_E_LIMIT : 0;
}

#define THINGS "n1/a@1{app=web} n1/b@2{app=db} n2/a@3{app=web} c@4{app=web} n1/d@5"

/* G-20. Upstream: TestListAll. */
static void g20_list_all_visits_what_the_selector_matches(void)
{
    static const struct {
        const char *selector;
        unsigned n;
    } rows[] = {{"", 5}, {"app=web", 3}, {"app", 4}, {"!app", 1}, {"app in (db,web)", 4}, {"app=none", 0}};
    struct tarn_indexer *x = indexer(THINGS, true);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct tarn_selector *s = sel(rows[i].selector);
        struct visits v = {0};

        CU_ASSERT_EQUAL(tarn_list_all(&x->store, s, &(struct tarn_visitor){visit, &v}, NULL), 0);
        CU_ASSERT_EQUAL(v.n, rows[i].n);
        tarn_selector_free(s);
    }
    tarn_store_free(&x->store);
}

/* An indexer that counts how often it is asked. */
struct counting {
    struct tarn_indexer x; /* first */
    struct tarn_indexer *inner;
    unsigned lists, by_index;
    int fail;
};

static int counted_list(struct tarn_store *s, struct tarn_objects *ret)
{
    struct counting *c = (struct counting *)s;

    c->lists++;
    return c->fail ? c->fail : tarn_store_list(&c->inner->store, ret);
}

static int counted_by_index(struct tarn_indexer *x, const char *name, struct tarn_bytes value, struct tarn_objects *ret,
                            struct tarn_error *err)
{
    struct counting *c = (struct counting *)x;

    c->by_index++;
    return c->fail ? c->fail : tarn_indexer_by_index(c->inner, name, value, ret, err);
}

static int failing_get(struct tarn_store *s, struct tarn_bytes key, const struct tarn_object **ret, struct tarn_error *err)
{
    (void)key;
    (void)ret;
    return tarn_error_set(err, ((struct counting *)s)->fail, "the disk is on fire");
}

static const struct tarn_store_ops counted_store = {.list = counted_list, .get_by_key = failing_get};
static const struct tarn_indexer_ops counted_indexer = {.by_index = counted_by_index};

static struct counting counting(struct tarn_indexer *inner)
{
    return (struct counting){.x = {.store = {.ops = &counted_store}, .ops = &counted_indexer}, .inner = inner};
}

/* G-20. */
static void g20_nothing_scans_nothing_and_everything_reads_no_label(void)
{
    struct tarn_indexer *x = indexer(THINGS, true);
    struct counting c = counting(x);
    struct tarn_lister l = {.indexer = &c.x};
    struct tarn_objects objs = {0};
    struct visits v = {0};

    CU_ASSERT_EQUAL(tarn_list_all(&c.x.store, tarn_selector_nothing(), &(struct tarn_visitor){visit, &v}, NULL), 0);
    CU_ASSERT_EQUAL(tarn_list_all_by_namespace(&c.x, TARN_BYTES("n1"), tarn_selector_nothing(), &(struct tarn_visitor){visit, &v}, NULL), 0);
    CU_ASSERT_EQUAL(tarn_lister_list(&l, tarn_selector_nothing(), &objs, NULL), 0);
    CU_ASSERT_EQUAL(tarn_lister_list_namespace(&l, TARN_BYTES("n1"), tarn_selector_nothing(), &objs, NULL), 0);
    CU_ASSERT_EQUAL(tarn_pod_lister_list(&c.x, tarn_selector_nothing(), &objs, NULL), 0);
    CU_ASSERT_EQUAL(c.lists + c.by_index + v.n + objs.n, 0);
    tarn_store_free(&x->store);
}

static int any_key(void *ctx, const struct tarn_object *obj, struct tarn_buf *scratch, struct tarn_bytes *ret)
{
    (void)ctx;
    (void)scratch;
    *ret = tarn_object_flags(obj) & TARN_OBJECT_NO_META ? TARN_BYTES("zz") : tarn_object_key(obj);
    return 0;
}

/* G-20. */
static void g20_an_object_without_metadata_is_an_error_unless_all_are_wanted(void)
{
    struct tarn_cache_options o = {.key = {.fn = any_key}};
    const struct tarn_selector *s = sel("app=web");
    struct tarn_indexer *x = NULL;
    struct tarn_objects objs = {0};
    struct tarn_error err = {0};
    struct visits v = {0};

    CU_ASSERT_EQUAL_FATAL(tarn_cache_new(&o, &x, NULL), 0);
    CU_ASSERT_EQUAL(add(&x->store, "n1/a@1{app=web}"), 0);
    CU_ASSERT_EQUAL(with(&x->store, x->store.ops->add, thing_without_meta()), 0);
    CU_ASSERT_EQUAL(tarn_list_all(&x->store, NULL, &(struct tarn_visitor){visit, &v}, NULL), 0);
    CU_ASSERT_EQUAL(v.n, 2);
    CU_ASSERT_EQUAL(tarn_list_all(&x->store, s, &(struct tarn_visitor){visit, &v}, &err), TARN_E_NO_META);
    CU_ASSERT(v.n <= 3); /* visits made before stand */
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "object has no meta"));
    CU_ASSERT_EQUAL(tarn_lister_list(&(struct tarn_lister){.indexer = x}, s, &objs, &err), TARN_E_NO_META);
    CU_ASSERT_EQUAL(objs.n, 0);
    CU_ASSERT_EQUAL(tarn_list_all_by_namespace(x, TARN_BYTES("n1"), NULL, &(struct tarn_visitor){visit, &v}, &err), TARN_E_NO_META);
    tarn_selector_free(s);
    tarn_store_free(&x->store);
}

static void a_visitor_ends_the_walk_with_what_it_returns(void)
{
    struct tarn_indexer *x = indexer(THINGS, true);
    struct visits v = {.stop_at = 2};

    CU_ASSERT_EQUAL(tarn_list_all(&x->store, NULL, &(struct tarn_visitor){visit, &v}, NULL), TARN_E_LIMIT);
    CU_ASSERT_EQUAL(v.n, 2);
    tarn_store_free(&x->store);
}

/* G-2, G-21, G-22, G-24: with and without the index. Upstream: TestListAll (by namespace). */
static void g21_namespaces_are_listed_with_or_without_the_index(void)
{
    static const struct {
        const char *ns, *selector, *want;
    } rows[] = {
        {"n1", "", "n1/a@1 n1/b@2 n1/d@5"},
        {"n1", "app=web", "n1/a@1"},
        {"n2", "app", "n2/a@3"},
        {"n3", "", ""},
        {"", "", "c@4 n1/a@1 n1/b@2 n1/d@5 n2/a@3"},
        {"", "app=web", "c@4 n1/a@1 n2/a@3"},
    };

    for (int indexed = 0; indexed < 2; indexed++) {
        struct tarn_indexer *x = indexer(THINGS, indexed);
        struct counting c = counting(x);
        struct tarn_lister l = {.indexer = &c.x};

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            const struct tarn_selector *s = sel(rows[i].selector);
            struct tarn_objects objs = {0};

            c.lists = 0;
            CU_ASSERT_EQUAL(tarn_lister_list_namespace(&l, tarn_bytes_of(rows[i].ns), s, &objs, NULL), 0);
            tarn_objects_sort_by_key(&objs);
            for (size_t k = 1; k < objs.n; k++)
                CU_ASSERT(tarn_bytes_compare(tarn_object_key(objs.v[k - 1]), tarn_object_key(objs.v[k])) < 0);
            CU_ASSERT_STRING_EQUAL_PRINTED(words_of(&objs), rows[i].want);
            CU_ASSERT_EQUAL(c.lists, indexed && *rows[i].ns ? 0 : 1);
            tarn_selector_free(s);
        }
        tarn_store_free(&x->store);
    }
}

/* G-22. */
static void g22_get_finds_by_key_and_names_the_resource_when_it_does_not(void)
{
    struct tarn_indexer *x = indexer(THINGS, true);
    struct tarn_lister l = {.indexer = x, .group = TARN_BYTES("apps"), .resource = TARN_BYTES("deployments")};
    const struct tarn_object *obj = NULL;
    struct tarn_error err = {0};

    CU_ASSERT_EQUAL(tarn_lister_get(&l, TARN_BYTES("c"), &obj, &err), 0);
    CU_ASSERT_STRING_EQUAL(word_of(obj), "c@4");
    tarn_object_unref(obj);
    CU_ASSERT_EQUAL(tarn_lister_get_namespace(&l, TARN_BYTES("n2"), TARN_BYTES("a"), &obj, &err), 0);
    CU_ASSERT_STRING_EQUAL(word_of(obj), "n2/a@3");
    tarn_object_unref(obj);
    obj = NULL;
    CU_ASSERT_EQUAL(tarn_lister_get_namespace(&l, TARN_BYTES("n2"), TARN_BYTES("b"), &obj, &err), TARN_E_NOTFOUND);
    CU_ASSERT_STRING_EQUAL(err.message, "deployments.apps \"b\" not found");
    CU_ASSERT_EQUAL(tarn_lister_get_namespace(&l, TARN_BYTES(""), TARN_BYTES("c"), &obj, &err), TARN_E_NOTFOUND); /* key "/c" */
    l.group = TARN_BYTES("");
    l.resource = TARN_BYTES("pods");
    CU_ASSERT_EQUAL(tarn_lister_get(&l, TARN_BYTES("x"), &obj, &err), TARN_E_NOTFOUND);
    CU_ASSERT_STRING_EQUAL(err.message, "pods \"x\" not found");
    CU_ASSERT_PTR_NULL(obj);
    tarn_store_free(&x->store);
}

/* ---- pods, nodes ------------------------------------------------------------------------------------------ */

static const char *const pods[] = {
    "{\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"n1\",\"name\":\"a\",\"resourceVersion\":\"1\",\"labels\":{\"app\":\"web\"}}}",
    "{\"metadata\":{\"namespace\":\"n1\",\"name\":\"b\",\"resourceVersion\":\"2\",\"labels\":{\"app\":\"web\"}}}",
    "{\"kind\":\"Service\",\"metadata\":{\"namespace\":\"n1\",\"name\":\"s\",\"resourceVersion\":\"3\",\"labels\":{\"app\":\"web\"}}}",
    "{\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"n2\",\"name\":\"c\",\"resourceVersion\":\"4\"}}",
};

/* G-1, G-7. */
static void g1_the_pod_lister_passes_over_what_is_no_pod(void)
{
    struct tarn_indexer *x = indexer_of(pods, 4);
    const struct tarn_selector *s = sel("app=web");
    struct tarn_objects objs = {0};

    CU_ASSERT_EQUAL(tarn_pod_lister_list(x, NULL, &objs, NULL), 0);
    CU_ASSERT_STRING_EQUAL_PRINTED(words_of(&objs), "n1/a@1 n1/b@2 n2/c@4");
    CU_ASSERT_EQUAL(tarn_pod_lister_list(x, s, &objs, NULL), 0);
    CU_ASSERT_STRING_EQUAL_PRINTED(words_of(&objs), "n1/a@1 n1/b@2");
    CU_ASSERT_EQUAL(tarn_service_lister_list(x, NULL, &objs, NULL), 0);
    CU_ASSERT_STRING_EQUAL_PRINTED(words_of(&objs), "n1/b@2 n1/s@3"); /* without a kind it may be anything */
    tarn_selector_free(s);
    tarn_store_free(&x->store);
}

/* G-3. */
static void g3_exists_asks_by_key_and_returns_key_errors(void)
{
    struct tarn_indexer *x = indexer_of(pods, 4);
    const struct tarn_object *there = thing("n1/a"), *not_there = thing("n1/z"), *keyless = thing_without_meta();
    bool exists = false;

    CU_ASSERT_EQUAL(tarn_pod_lister_exists(x, there, &exists, NULL), 0);
    CU_ASSERT(exists);
    CU_ASSERT_EQUAL(tarn_pod_lister_exists(x, not_there, &exists, NULL), 0);
    CU_ASSERT(!exists);
    CU_ASSERT_EQUAL(tarn_pod_lister_exists(x, keyless, &exists, NULL), TARN_E_KEY);
    tarn_object_unref(there);
    tarn_object_unref(not_there);
    tarn_object_unref(keyless);
    tarn_store_free(&x->store);
}

static bool is_ready(void *ctx, const struct tarn_object *node)
{
    struct tarn_bytes ready;

    (void)ctx;
    return tarn_object_get_string(node, "status.conditions[0].status", &ready) == 0 && tarn_bytes_equal(ready, TARN_BYTES("True"));
}

/* G-4, G-5, G-6. */
static void g4_g5_g6_nodes_are_listed_found_and_chosen(void)
{
    static const char *const nodes[] = {
        "{\"kind\":\"Node\",\"metadata\":{\"name\":\"node-1\",\"resourceVersion\":\"1\"},\"status\":{\"conditions\":[{\"status\":\"True\"}]}}",
        "{\"kind\":\"Node\",\"metadata\":{\"name\":\"node-2\",\"resourceVersion\":\"2\"},\"status\":{\"conditions\":[{\"status\":\"False\"}]}}",
        "{\"kind\":\"Node\",\"metadata\":{\"name\":\"node-3\",\"resourceVersion\":\"3\"}}",
    };
    struct tarn_indexer *x = indexer_of(nodes, 3);
    struct counting broken = counting(x);
    const struct tarn_object *node = NULL;
    struct tarn_objects objs = {0};
    struct tarn_error err = {0};

    CU_ASSERT_EQUAL(tarn_node_lister_list(x, &objs, NULL), 0);
    CU_ASSERT_STRING_EQUAL_PRINTED(words_of(&objs), "node-1@1 node-2@2 node-3@3");
    CU_ASSERT_EQUAL(tarn_node_lister_list_condition(x, is_ready, NULL, &objs, NULL), 0);
    CU_ASSERT_STRING_EQUAL_PRINTED(words_of(&objs), "node-1@1");
    CU_ASSERT_EQUAL(tarn_node_lister_get_node_info(x, TARN_BYTES("node-2"), &node, NULL), 0);
    CU_ASSERT_STRING_EQUAL(word_of(node), "node-2@2");
    tarn_object_unref(node);
    CU_ASSERT_EQUAL(tarn_node_lister_get_node_info(x, TARN_BYTES("node-9"), &node, &err), TARN_E_NOTFOUND);
    CU_ASSERT_STRING_EQUAL(err.message, "node 'node-9' is not in cache");
    broken.fail = TARN_E_IO;
    CU_ASSERT_EQUAL(tarn_node_lister_get_node_info(&broken.x, TARN_BYTES("node-9"), &node, &err), TARN_E_IO);
    CU_ASSERT_STRING_EQUAL(err.message, "error retrieving node 'node-9' from cache: the disk is on fire");
    tarn_store_free(&x->store);
}

/* ---- who selects? ------------------------------------------------------------------------------------------- */

#define SERVICE(ns, name, selector) \
    "{\"metadata\":{\"namespace\":\"" ns "\",\"name\":\"" name "\",\"resourceVersion\":\"1\"},\"spec\":{" selector "}}"

static const char *const services[] = {
    SERVICE("n1", "web", "\"selector\":{\"app\":\"web\"}"),
    SERVICE("n1", "front", "\"selector\":{\"app\":\"web\",\"tier\":\"front\"}"),
    SERVICE("n1", "back", "\"selector\":{\"app\":\"web\",\"tier\":\"back\"}"),
    SERVICE("n1", "empty", "\"selector\":{}"),
    SERVICE("n1", "none", "\"ports\":[]"),
    SERVICE("n1", "null", "\"selector\":null"),
    SERVICE("n2", "web", "\"selector\":{\"app\":\"web\"}"),
};

/* G-8. Upstream (2015): TestStoreToServiceLister GetPodServices; today's TestGetPodServices..., TestGetPodServicesEmpty. */
static void g8_the_services_of_a_pod_are_those_that_select_its_labels(void)
{
    static const struct {
        const char *pod, *want; /* want NULL: none, an error */
    } rows[] = {
        {"n1/p@1{app=web,tier=front}", "n1/front@1 n1/web@1"}, {"n1/p@1{app=web}", "n1/web@1"},
        {"n2/p@1{app=web,tier=front}", "n2/web@1"},            {"n3/p@1{app=web}", NULL},
        {"n1/p@1{app=db,tier=front}", NULL},                   {"n1/p@1", NULL},
    };
    struct tarn_indexer *x = indexer_of(services, sizeof services / sizeof *services);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct tarn_object *pod = thing(rows[i].pod);
        struct tarn_objects objs = {0};
        struct tarn_error err = {0};
        int rc = tarn_service_lister_get_pod_services(x, pod, &objs, &err);

        CU_ASSERT_EQUAL(rc, rows[i].want ? 0 : TARN_E_NOTFOUND);
        CU_ASSERT_STRING_EQUAL_PRINTED(words_of(&objs), rows[i].want ? rows[i].want : "");
        if (i == 4)
            CU_ASSERT_STRING_EQUAL_PRINTED(err.message,
                                           "could not find service for pod p in namespace n1 with labels: map[app:db tier:front]");
        tarn_object_unref(pod);
    }
    tarn_store_free(&x->store);
}

/* G-9: whatever has a LabelSelector. Upstream (2015, 2016): GetPodReplicaSets, GetPodDaemonSets, GetPodJobs, GetDeploymentsForPod. */
static void g9_objects_with_label_selectors_select_too(void)
{
    static const char *const sets[] = {
        SERVICE("n1", "all-web", "\"selector\":{\"matchLabels\":{\"app\":\"web\"}}"),
        SERVICE("n1", "not-back", "\"selector\":{\"matchExpressions\":[{\"key\":\"tier\",\"operator\":\"NotIn\",\"values\":[\"back\"]}]}"),
        SERVICE("n1", "both", "\"selector\":{\"matchLabels\":{\"app\":\"web\"},\"matchExpressions\":[{\"key\":\"tier\",\"operator\":\"Exists\"}]}"),
        SERVICE("n1", "empty", "\"selector\":{\"matchLabels\":{}}"),
        SERVICE("n1", "invalid", "\"selector\":{\"matchExpressions\":[{\"key\":\"tier\",\"operator\":\"Near\"}]}"),
        SERVICE("n1", "odd", "\"selector\":[\"app\"]"),
    };
    struct tarn_indexer *x = indexer_of(sets, sizeof sets / sizeof *sets);
    const struct tarn_object *pod = thing("n1/p@1{app=web,tier=front}");
    struct tarn_value labels;
    struct tarn_selecting q = {.ns = TARN_BYTES("n1"), .selector_path = "spec.selector", .labels = &labels};
    struct tarn_objects objs = {0};

    CU_ASSERT_EQUAL_FATAL(tarn_object_get(pod, "metadata.labels", &labels), 0);
    CU_ASSERT_EQUAL(tarn_list_selecting(x, &q, &objs, NULL), 0);
    CU_ASSERT_STRING_EQUAL_PRINTED(words_of(&objs), "n1/all-web@1 n1/both@1 n1/not-back@1");
    q.labels = NULL;
    CU_ASSERT_EQUAL(tarn_list_selecting(x, &q, &objs, NULL), 0);
    CU_ASSERT_STRING_EQUAL_PRINTED(words_of(&objs), "n1/not-back@1"); /* NotIn holds of a missing label */
    q.ns = TARN_BYTES("n2");
    CU_ASSERT_EQUAL(tarn_list_selecting(x, &q, &objs, NULL), 0);
    CU_ASSERT_STRING_EQUAL_PRINTED(words_of(&objs), "");
    tarn_object_unref(pod);
    tarn_store_free(&x->store);
}

/* ---- memory and leases ------------------------------------------------------------------------------------------ */

/* G-23: a list stays good when what it lists is replaced meanwhile. */
static void a_filtered_list_outlives_the_changes_that_follow(void)
{
    struct tarn_indexer *x = indexer(THINGS, true);
    const struct tarn_selector *s = sel("app=web");
    struct tarn_objects objs = {0};

    CU_ASSERT_EQUAL(tarn_lister_list(&(struct tarn_lister){.indexer = x}, s, &objs, NULL), 0);
    CU_ASSERT_EQUAL(replace(&x->store, "z@9"), 0);
    CU_ASSERT_STRING_EQUAL_PRINTED(words_of(&objs), "c@4 n1/a@1 n2/a@3");
    tarn_selector_free(s);
    tarn_store_free(&x->store);
}

static void listing_survives_any_failed_allocation(void)
{
    struct tarn_indexer *x = indexer_of(services, sizeof services / sizeof *services);
    const struct tarn_object *pod = thing("n1/p@1{app=web}");
    struct tarn_lister l = {.indexer = x, .resource = TARN_BYTES("services")};
    bool failed = true;

    for (long n = 0; failed; n++) {
        struct tarn_objects a = {0}, b = {0};
        const struct tarn_object *obj = NULL;
        long before = tarn_fault_blocks();
        int rc;

        tarn_fault_arm(n);
        rc = tarn_lister_list(&l, NULL, &a, NULL);
        if (!rc)
            rc = tarn_service_lister_get_pod_services(x, pod, &b, NULL);
        if (!rc)
            rc = tarn_lister_get_namespace(&l, TARN_BYTES("n1"), TARN_BYTES("web"), &obj, NULL);
        failed = tarn_fault_disarm();
        CU_ASSERT_EQUAL(rc, failed ? TARN_E_NOMEM : 0);
        tarn_object_unref(obj);
        tarn_objects_release(&a);
        tarn_objects_release(&b);
        CU_ASSERT_EQUAL_FATAL(tarn_fault_blocks(), before);
    }
    tarn_object_unref(pod);
    tarn_store_free(&x->store);
}

TARN_TEST_MAIN("listers", TARN_TEST(g20_list_all_visits_what_the_selector_matches),
               TARN_TEST(g20_nothing_scans_nothing_and_everything_reads_no_label),
               TARN_TEST(g20_an_object_without_metadata_is_an_error_unless_all_are_wanted),
               TARN_TEST(a_visitor_ends_the_walk_with_what_it_returns),
               TARN_TEST(g21_namespaces_are_listed_with_or_without_the_index),
               TARN_TEST(g22_get_finds_by_key_and_names_the_resource_when_it_does_not),
               TARN_TEST(g1_the_pod_lister_passes_over_what_is_no_pod), TARN_TEST(g3_exists_asks_by_key_and_returns_key_errors),
               TARN_TEST(g4_g5_g6_nodes_are_listed_found_and_chosen),
               TARN_TEST(g8_the_services_of_a_pod_are_those_that_select_its_labels),
               TARN_TEST(g9_objects_with_label_selectors_select_too),
               TARN_TEST(a_filtered_list_outlives_the_changes_that_follow), TARN_TEST(listing_survives_any_failed_allocation))
