/* query.h against the simplest model there is: a sorted array of what was put, filtered by hand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/indexer.h>
#include <tarn/listers.h>
#include <tarn/tarn.h>

#include "agent_stub.h"
#include "fault.h"
#include "tarn_test.h"

/* ---- the model: pods ns-(i%3)/p-i of app-(i%5) on node-(i%7) -------------------------------------------------------- */

enum { PODS = 200 };

struct model_pod {
    char key[32], app[16], node[16], ns[16];
    unsigned rv; /* 0: not there */
};

struct fixture {
    struct agent a;
    struct tarn_client *c;
    struct tarn_snapshot *s;
    struct model_pod pods[PODS];
};

static uint32_t seed = 7;

static uint32_t chance(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

static void put(struct fixture *f, unsigned i, unsigned rv)
{
    struct model_pod *p = &f->pods[i];
    char name[16];

    snprintf(name, sizeof name, "p-%u", i);
    snprintf(p->ns, sizeof p->ns, "ns-%u", i % 3);
    snprintf(p->key, sizeof p->key, "ns-%u/%s", i % 3, name);
    snprintf(p->app, sizeof p->app, "app-%u", chance(5));
    snprintf(p->node, sizeof p->node, "node-%u", chance(7));
    p->rv = rv;
    CU_ASSERT(agent_put(&f->a, "pods", pod_json(p->ns, name, rv, p->node, p->app, NULL)));
}

static void begin(struct fixture *f, bool copy)
{
    memset(f, 0, sizeof *f);
    agent_start(&f->a, NULL);
    for (unsigned i = 0; i < PODS; i++)
        put(f, i, i + 1);
    for (unsigned i = 0; i < PODS; i += 9) {
        CU_ASSERT(agent_delete(&f->a, "pods", f->pods[i].key));
        f->pods[i].rv = 0;
    }
    for (unsigned i = 1; i < PODS; i += 9)
        put(f, i, 1000 + i); /* other labels, another node */
    CU_ASSERT(agent_put(&f->a, "nodes", "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"node-1\",\"resourceVersion\":\"1\"}}"));
    CU_ASSERT_EQUAL_FATAL(tarn_client_open(&(struct tarn_client_options){.socket = f->a.socket, .copy = copy}, &f->c, NULL), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_snapshot_open(f->c, &f->s, NULL), 0);
}

static void end(struct fixture *f)
{
    CU_ASSERT_EQUAL(tarn_snapshot_close(f->s), 0);
    tarn_client_close(f->c);
    agent_stop(&f->a);
}

static int compare_pods(const void *a, const void *b)
{
    return strcmp((*(const struct model_pod *const *)a)->key, (*(const struct model_pod *const *)b)->key);
}

/* What a query should give, in key order. */
struct expected {
    const struct model_pod *v[PODS];
    size_t n;
};

static struct expected expect(const struct fixture *f, const struct tarn_query *q, const char *app)
{
    struct expected e = {0};

    for (unsigned i = 0; i < PODS; i++) {
        const struct model_pod *p = &f->pods[i];
        const char *indexed = !q->index ? NULL : strcmp(q->index, "label:app") == 0 ? p->app : strcmp(q->index, "namespace") == 0 ? p->ns : p->node;

        if (p->rv && (!q->ns || strcmp(q->ns, p->ns) == 0) && (!indexed || strcmp(indexed, q->value) == 0) &&
            (!app || strcmp(app, p->app) == 0) && (!q->prefix.len || strncmp(p->key, q->prefix.data, q->prefix.len) == 0) &&
            (!q->after.len || tarn_bytes_compare(tarn_bytes_of(p->key), q->after) > 0))
            e.v[e.n++] = p;
    }
    qsort(e.v, e.n, sizeof *e.v, compare_pods);
    return e;
}

static bool is(const struct tarn_object *obj, const struct model_pod *p)
{
    return tarn_bytes_equal(tarn_object_key(obj), tarn_bytes_of(p->key)) && tarn_object_resource_version(obj) == p->rv;
}

static bool among(const struct tarn_object *obj, const struct expected *e)
{
    for (size_t i = 0; i < e->n; i++)
        if (is(obj, e->v[i]))
            return true;
    return false;
}

static void compare(struct fixture *f, const struct tarn_query *q, const char *app)
{
    struct expected e = expect(f, q, app);
    bool ordered = q->sorted || q->limit || q->prefix.len || q->after.len;
    size_t want = q->limit && q->limit < e.n ? q->limit : e.n, n = 0;
    const struct tarn_object *obj;
    struct tarn_iter it;

    CU_ASSERT_EQUAL_FATAL(tarn_list(f->s, "pods", q, &it, NULL), 0);
    for (; (obj = tarn_iter_next(&it)); n++)
        CU_ASSERT(ordered ? n < e.n && is(obj, e.v[n]) : among(obj, &e));
    CU_ASSERT_EQUAL(tarn_iter_error(&it), 0);
    CU_ASSERT_EQUAL(n, want);
    CU_ASSERT_EQUAL(tarn_iter_continue(&it).len > 0, want < e.n);
    CU_ASSERT_PTR_NULL(tarn_iter_next(&it)); /* stays at its end */
}

/* ---- lists ---------------------------------------------------------------------------------------------------------------- */

static void random_queries(bool copy)
{
    static const char *const indexes[] = {NULL, "label:app", "spec.nodeName", "namespace"};
    struct fixture f;

    begin(&f, copy);
    for (unsigned i = 0; i < 2000; i++) {
        char ns[16], value[16], app[16], text[32], prefix[16], after[32];
        const struct tarn_selector *labels = NULL;
        unsigned x = chance(4);
        struct tarn_query q = {.sorted = chance(3) == 0, .limit = chance(3) ? 0 : chance(30)};

        snprintf(ns, sizeof ns, "ns-%u", chance(4));
        snprintf(value, sizeof value, x == 1 ? "app-%u" : x == 2 ? "node-%u" : "ns-%u", chance(8));
        snprintf(app, sizeof app, "app-%u", chance(6));
        snprintf(text, sizeof text, "app=%s", app);
        snprintf(prefix, sizeof prefix, "ns-%u/p-%u", chance(3), chance(20));
        snprintf(after, sizeof after, "ns-%u/p-%u", chance(3), chance(PODS));
        q.ns = chance(2) ? ns : NULL;
        q.index = indexes[x];
        q.value = x ? value : NULL;
        q.prefix = chance(4) ? (struct tarn_bytes){0} : tarn_bytes_of(prefix);
        q.after = chance(4) ? (struct tarn_bytes){0} : tarn_bytes_of(after);
        if (chance(3) == 0) {
            CU_ASSERT_EQUAL(tarn_selector_parse(tarn_bytes_of(text), &labels, NULL), 0);
            q.labels = labels;
        }
        compare(&f, &q, labels ? app : NULL);
        tarn_selector_free(labels);
    }
    end(&f);
}

static void random_queries_give_what_a_model_gives(void)
{
    random_queries(false);
}

static void random_queries_of_copies_give_the_same(void)
{
    random_queries(true);
}

static void a_cursor_walks_everything_once_in_key_order(void)
{
    struct fixture f;
    struct tarn_query q = {.limit = 7};
    struct expected e;
    const struct tarn_object *obj;
    struct tarn_iter it;
    size_t n = 0, pages = 0;

    begin(&f, false);
    e = expect(&f, &(struct tarn_query){0}, NULL);
    do {
        CU_ASSERT_EQUAL_FATAL(tarn_list(f.s, "pods", &q, &it, NULL), 0);
        for (; (obj = tarn_iter_next(&it)); n++)
            CU_ASSERT(n < e.n && is(obj, e.v[n]));
        q.after = tarn_iter_continue(&it);
        pages++;
        CU_ASSERT(agent_put(&f.a, "pods", pod_json("ns-0", "late", (unsigned)(5000 + pages), "n", "a", NULL))); /* not in the snapshot */
    } while (q.after.len);
    CU_ASSERT_EQUAL(n, e.n);
    CU_ASSERT_EQUAL(pages, (e.n + 6) / 7);
    end(&f);
}

static void a_field_selector_reaches_any_path(void)
{
    const struct tarn_field_selector *fields;
    struct fixture f;
    struct tarn_iter it;
    struct expected e;
    size_t n = 0;

    begin(&f, false);
    CU_ASSERT_EQUAL(tarn_field_selector_parse(TARN_BYTES("spec.nodeName=node-3"), &fields, NULL), 0);
    e = expect(&f, &(struct tarn_query){.index = "spec.nodeName", .value = "node-3"}, NULL);
    CU_ASSERT_EQUAL(tarn_list(f.s, "pods", &(struct tarn_query){.fields = fields}, &it, NULL), 0);
    for (const struct tarn_object *obj; (obj = tarn_iter_next(&it)); n++)
        CU_ASSERT(among(obj, &e));
    CU_ASSERT_EQUAL(n, e.n);
    tarn_field_selector_free(fields);
    end(&f);
}

/* ---- single objects --------------------------------------------------------------------------------------------------------- */

static void get_and_its_twins_agree_with_the_model(void)
{
    const struct tarn_object *obj, *copy, *many[PODS], *copies[PODS];
    struct tarn_bytes keys[PODS];
    struct fixture f;

    begin(&f, false);
    for (unsigned i = 0; i < PODS; i++)
        keys[i] = tarn_bytes_of(f.pods[i].key);
    CU_ASSERT_EQUAL(tarn_get_many(f.s, "pods", keys, PODS, many), 0);
    CU_ASSERT_EQUAL(tarn_get_many_copy(f.s, "pods", keys, PODS, copies), 0);
    for (unsigned i = 0; i < PODS; i++) {
        int want = f.pods[i].rv ? 0 : TARN_E_NOTFOUND;

        CU_ASSERT_EQUAL(tarn_get(f.s, "pods", f.pods[i].key, &obj), want);
        CU_ASSERT_EQUAL(tarn_get_copy(f.s, "pods", f.pods[i].key, &copy), want);
        CU_ASSERT_EQUAL(many[i] != NULL, want == 0);
        CU_ASSERT_EQUAL(copies[i] != NULL, want == 0);
        if (want != 0)
            continue;
        CU_ASSERT(is(obj, &f.pods[i]) && is(copy, &f.pods[i]) && many[i] == obj && is(copies[i], &f.pods[i]));
        CU_ASSERT(copy != obj && (tarn_object_flags(copy) & TARN_OBJECT_HEAP));
        tarn_object_unref(copy);
        tarn_object_unref(copies[i]);
    }
    end(&f);
}

static void keys_and_names_that_cannot_be_are_told(void)
{
    static const struct {
        const char *resource, *key;
        int code;
    } rows[] = {
        {"pods", "ns-0/p-999", TARN_E_NOTFOUND}, {"pods", "p-1", TARN_E_KEY_FORMAT},   {"pods", "", TARN_E_KEY_FORMAT},
        {"pods", "a/b/c", TARN_E_KEY_FORMAT},    {"pods", "/b", TARN_E_KEY_FORMAT},    {"pods", "a/", TARN_E_KEY_FORMAT},
        {"nodes", "a/b", TARN_E_KEY_FORMAT},     {"nodes", "node-2", TARN_E_NOTFOUND}, {"nodes", "node-1", 0},
        {"Node", "node-1", 0},                   {"po", "ns-1/p-1", 0},                {"pod", "ns-1/p-1", 0},
        {"secrets", "a/b", TARN_E_RESOURCE},     {"", "a/b", TARN_E_RESOURCE},
    };
    const struct tarn_object *obj;
    struct tarn_error err = {0};
    struct tarn_iter it;
    struct fixture f;

    begin(&f, false);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        CU_ASSERT_EQUAL(tarn_get(f.s, rows[i].resource, rows[i].key, &obj), rows[i].code);
    CU_ASSERT_EQUAL(tarn_by_index(f.s, "pods", "spec.x", "1", &it, &err), TARN_E_INDEX_MISSING);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "label:app"));
    CU_ASSERT_EQUAL(tarn_list(f.s, "pods", &(struct tarn_query){.value = "1"}, &it, &err), TARN_E_INVAL);
    end(&f);
}

static void resources_describe_themselves(void)
{
    struct tarn_resource r;
    struct tarn_bytes name;
    struct fixture f;

    begin(&f, false);
    CU_ASSERT_EQUAL(tarn_resource_find(f.s, "po", &r, NULL), 0);
    CU_ASSERT(tarn_bytes_equal(r.name, TARN_BYTES("pods")) && tarn_bytes_equal(r.kind, TARN_BYTES("Pod")));
    CU_ASSERT(r.namespaced && r.synced && r.live);
    CU_ASSERT_EQUAL(r.objects, expect(&f, &(struct tarn_query){0}, NULL).n);
    CU_ASSERT_EQUAL(r.nindexes, 3);
    CU_ASSERT_EQUAL(tarn_resource_index_at(f.s, "pods", 0, &name), 0);
    CU_ASSERT(tarn_bytes_equal(name, TARN_BYTES("spec.nodeName")));
    CU_ASSERT_EQUAL(tarn_resource_index_at(f.s, "pods", 3, &name), TARN_E_NOTFOUND);
    CU_ASSERT_EQUAL(tarn_resource_at(f.s, 1, &r), 0);
    CU_ASSERT(!r.namespaced);
    CU_ASSERT_EQUAL(tarn_resource_at(f.s, 2, &r), TARN_E_NOTFOUND);
    end(&f);
}

static void verify_walks_the_region(void)
{
    struct tarn_verify_report v = {0};
    struct tarn_error err = {0};
    struct fixture f;

    begin(&f, false);
    CU_ASSERT_EQUAL(tarn_snapshot_verify(f.s, &v, &err), 0);
    CU_ASSERT_EQUAL(v.objects, expect(&f, &(struct tarn_query){0}, NULL).n + 1);
    CU_ASSERT_EQUAL(v.resources, 2);
    end(&f);
}

/* ---- the snapshot as an indexer --------------------------------------------------------------------------------------------- */

/* S-7, G-23 */
static void a_snapshot_serves_as_a_read_only_indexer(void)
{
    struct tarn_lister lister = {.resource = TARN_BYTES("pods")};
    struct tarn_indexer *x;
    const struct tarn_object *obj;
    struct tarn_objects list = {0};
    struct tarn_keys keys = {0}, more = {0};
    struct fixture f;
    struct expected e;

    begin(&f, false);
    CU_ASSERT_EQUAL_FATAL(tarn_snapshot_indexer(f.s, "pods", &x, NULL), 0);
    e = expect(&f, &(struct tarn_query){.index = "label:app", .value = "app-2"}, NULL);
    CU_ASSERT_EQUAL(tarn_indexer_by_index(x, "label:app", TARN_BYTES("app-2"), &list, NULL), 0);
    CU_ASSERT_EQUAL(list.n, e.n);
    CU_ASSERT_EQUAL(tarn_indexer_index_keys(x, "label:app", TARN_BYTES("app-2"), &keys, NULL), 0);
    CU_ASSERT_EQUAL(keys.n, e.n);
    for (size_t i = 0; i < e.n; i++)
        CU_ASSERT(tarn_bytes_equal(keys.v[i], tarn_bytes_of(e.v[i]->key)));
    tarn_objects_release(&list);
    CU_ASSERT_EQUAL(tarn_store_get_by_key(&x->store, keys.v[0], &obj, NULL), 0);
    CU_ASSERT_EQUAL(tarn_indexer_index(x, "label:app", obj, &list, NULL), 0);
    CU_ASSERT_EQUAL(list.n, e.n);
    CU_ASSERT_EQUAL(tarn_store_add(&x->store, obj, NULL), TARN_E_UNSUPPORTED);
    CU_ASSERT_EQUAL(tarn_indexer_add_indexers(x, NULL, 0, NULL), TARN_E_UNSUPPORTED);
    CU_ASSERT_EQUAL(tarn_indexer_index(x, "no", obj, &list, NULL), TARN_E_INDEX_MISSING);
    CU_ASSERT_EQUAL(tarn_indexer_indexers(x, &more), 0);
    CU_ASSERT_EQUAL(more.n, 3);
    tarn_keys_release(&more);
    CU_ASSERT_EQUAL(tarn_indexer_list_index_values(x, "label:app", &more), 0);
    CU_ASSERT_EQUAL(more.n, 5);
    tarn_objects_release(&list);
    lister.indexer = x;
    e = expect(&f, &(struct tarn_query){.ns = "ns-2"}, NULL);
    CU_ASSERT_EQUAL(tarn_lister_list_namespace(&lister, TARN_BYTES("ns-2"), NULL, &list, NULL), 0);
    CU_ASSERT_EQUAL(list.n, e.n);
    tarn_object_unref(obj);
    tarn_objects_release(&list);
    tarn_keys_release(&keys);
    tarn_keys_release(&more);
    tarn_store_free(&x->store);
    end(&f);
}

/* ---- memory that runs out --------------------------------------------------------------------------------------------------- */

static int every_allocating_query(struct fixture *f)
{
    struct tarn_objects objects = {0};
    struct tarn_keys keys = {0};
    const struct tarn_object *obj = NULL;
    struct tarn_iter it;
    int r = tarn_list(f->s, "pods", &(struct tarn_query){.sorted = true, .ns = "ns-1"}, &it, NULL);

    if (r == 0)
        r = tarn_list_copy(f->s, "pods", &(struct tarn_query){.index = "label:app", .value = "app-1"}, &objects, NULL);
    if (r == 0)
        r = tarn_get_copy(f->s, "pods", "ns-1/p-1", &obj);
    if (r == 0)
        r = tarn_list_index_values(f->s, "pods", "spec.nodeName", &keys, NULL);
    tarn_object_unref(obj);
    tarn_objects_release(&objects);
    tarn_keys_release(&keys);
    return r;
}

static void queries_survive_any_failed_allocation(void)
{
    struct fixture f;
    bool failed = true;

    begin(&f, false);
    for (long n = 0; failed && n < 10000; n++) {
        int r;

        CU_ASSERT_EQUAL(tarn_snapshot_close(f.s), 0); /* a fresh one, without what was sorted before */
        CU_ASSERT_EQUAL_FATAL(tarn_snapshot_open(f.c, &f.s, NULL), 0);
        tarn_fault_arm(n);
        r = every_allocating_query(&f);
        failed = tarn_fault_disarm();
        CU_ASSERT_EQUAL(r, failed ? TARN_E_NOMEM : 0);
    }
    CU_ASSERT(!failed);
    end(&f);
}

TARN_TEST_MAIN("query", TARN_TEST(random_queries_give_what_a_model_gives), TARN_TEST(random_queries_of_copies_give_the_same),
               TARN_TEST(a_cursor_walks_everything_once_in_key_order), TARN_TEST(a_field_selector_reaches_any_path),
               TARN_TEST(get_and_its_twins_agree_with_the_model), TARN_TEST(keys_and_names_that_cannot_be_are_told),
               TARN_TEST(resources_describe_themselves), TARN_TEST(verify_walks_the_region),
               TARN_TEST(a_snapshot_serves_as_a_read_only_indexer), TARN_TEST(queries_survive_any_failed_allocation))
