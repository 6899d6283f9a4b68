/* GET and LIST of the read API over its socket: order, pages, selectors, resourceVersions, and what is refused; on a region that is written
 * meanwhile. */
/* tarn-test: threads */
#include "tarn_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api_service.h"

/* Pods 0 to n-1 in three namespaces, put in no order; pod-k has version 100+k, every third one is app=web. */
static void fill(struct api_service *s, unsigned n, unsigned pad)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned k = (i * 7 + 3) % n;

        world_put(&s->w, &(struct world_pod){.ns = k % 3, .n = k, .rv = 100 + k, .app = k % 3 == 0 ? "web" : "db", .pad = pad});
    }
    world_commit(&s->w, 100 + n);
}

static void expect(struct api_service *s, const char *target, unsigned status, const char *items)
{
    struct service_reply r;

    service_get(s, target, &r);
    CU_ASSERT_EQUAL(r.http.status, status);
    CU_ASSERT(r.http.whole);
    if (items && strcmp(service_items(&r), items) != 0)
        (void)fprintf(stderr, "%s:\n%s\n%s\n", target, service_items(&r), items);
    if (items)
        CU_ASSERT_STRING_EQUAL(service_items(&r), items);
    service_reply_release(&r);
}

/* ---- order and selection --------------------------------------------------------------------------------- */

static void a_list_is_in_the_order_of_keys(void)
{
    struct api_service s;
    struct service_reply r;

    service_open(&s, &(struct api_world_options){0});
    expect(&s, "/api/v1/pods", 200, "");
    fill(&s, 10, 0);
    service_get(&s, "/api/v1/pods", &r);
    CU_ASSERT_STRING_EQUAL(service_items(&r), "ns0/pod-0 ns0/pod-3 ns0/pod-6 ns0/pod-9 ns1/pod-1 ns1/pod-4 ns1/pod-7 ns2/pod-2 ns2/pod-5 ns2/pod-8");
    CU_ASSERT_STRING_EQUAL(service_text(&r, "kind"), "PodList");
    CU_ASSERT_STRING_EQUAL(service_text(&r, "metadata.resourceVersion"), "110");
    CU_ASSERT_STRING_EQUAL(service_text(&r, "metadata.continue"), "");
    CU_ASSERT_STRING_EQUAL(service_text(&r, "items[0].kind"), "");
    service_reply_release(&r);
    expect(&s, "/api/v1/namespaces/ns1/pods", 200, "ns1/pod-1 ns1/pod-4 ns1/pod-7");
    expect(&s, "/api/v1/namespaces/ns/pods", 200, "");
    expect(&s, "/api/v1/namespaces/ns11/pods", 200, "");
    expect(&s, "/api/v1/pods?labelSelector=app%3Dweb", 200, "ns0/pod-0 ns0/pod-3 ns0/pod-6 ns0/pod-9");
    expect(&s, "/api/v1/namespaces/ns1/pods?labelSelector=app+in+(web,none)", 200, "");
    expect(&s, "/api/v1/pods?fieldSelector=metadata.name%3Dpod-4", 200, "ns1/pod-4");
    expect(&s, "/api/v1/namespaces/ns1/pods?fieldSelector=metadata.name%3Dpod-4", 200, "ns1/pod-4");
    expect(&s, "/api/v1/namespaces/ns0/pods?fieldSelector=metadata.name%3Dpod-4", 200, "");
    expect(&s, "/api/v1/namespaces/ns1/pods?fieldSelector=metadata.name%3Dpod-4,status.phase!%3DRunning", 200, "");
    expect(&s, "/api/v1/pods?fieldSelector=status.phase%3DRunning,metadata.namespace!%3Dns0&labelSelector=app%3Ddb&limit=100", 200,
           "ns1/pod-1 ns1/pod-4 ns1/pod-7 ns2/pod-2 ns2/pod-5 ns2/pod-8");
    service_close(&s);
}

/* ---- pages -------------------------------------------------------------------------------------------------- */

/* Walk target page by page; what = the items of all pages, joined. between is called after the first page. Returns the pages. */
static unsigned walk(struct api_service *s, const char *target, void (*between)(struct api_service *s), char *what, size_t n, const char *version)
{
    char cont[2048] = "", url[2600];
    unsigned pages = 0;

    *what = 0;
    do {
        struct service_reply r;

        (void)snprintf(url, sizeof url, "%s%s%s", target, *cont ? "&continue=" : "", cont);
        service_get(s, url, &r);
        CU_ASSERT_EQUAL_FATAL(r.http.status, 200);
        CU_ASSERT_STRING_EQUAL(service_text(&r, "metadata.resourceVersion"), version);
        (void)snprintf(what + strlen(what), n - strlen(what), "%s%s", *what ? " " : "", service_items(&r));
        (void)snprintf(cont, sizeof cont, "%s", service_text(&r, "metadata.continue"));
        service_reply_release(&r);
        if (pages++ == 0 && between)
            between(s);
    } while (*cont && pages < 100);
    return pages;
}

static void change_everything(struct api_service *s)
{
    for (unsigned k = 0; k < 10; k++)
        world_delete(&s->w, &(struct world_pod){.ns = k % 3, .n = k, .rv = 200 + k});
    world_put(&s->w, &(struct world_pod){.ns = 1, .n = 99, .rv = 300});
    world_commit(&s->w, 300);
}

static void all_pages_show_the_state_of_the_first(void)
{
    struct api_service s;
    char what[4096];

    service_open(&s, &(struct api_world_options){0});
    fill(&s, 10, 0);
    CU_ASSERT_EQUAL(walk(&s, "/api/v1/pods?limit=3", change_everything, what, sizeof what, "110"), 4);
    CU_ASSERT_STRING_EQUAL(what, "ns0/pod-0 ns0/pod-3 ns0/pod-6 ns0/pod-9 ns1/pod-1 ns1/pod-4 ns1/pod-7 ns2/pod-2 ns2/pod-5 ns2/pod-8");
    CU_ASSERT_EQUAL(atomic_load(&s.counters.lists_held), 1);
    expect(&s, "/api/v1/pods", 200, "ns1/pod-99");
    service_close(&s);
}

static void pages_of_a_namespace_and_of_a_selection_end_where_they_end(void)
{
    struct api_service s;
    char what[4096];

    service_open(&s, &(struct api_world_options){0});
    fill(&s, 10, 0);
    CU_ASSERT_EQUAL(walk(&s, "/api/v1/namespaces/ns1/pods?limit=3", NULL, what, sizeof what, "110"), 1);
    CU_ASSERT_EQUAL(walk(&s, "/api/v1/namespaces/ns0/pods?limit=3", NULL, what, sizeof what, "110"), 2);
    CU_ASSERT_STRING_EQUAL(what, "ns0/pod-0 ns0/pod-3 ns0/pod-6 ns0/pod-9");
    CU_ASSERT_EQUAL(walk(&s, "/api/v1/pods?labelSelector=app%3Ddb&limit=2", NULL, what, sizeof what, "110"), 3);
    CU_ASSERT_STRING_EQUAL(what, "ns1/pod-1 ns1/pod-4 ns1/pod-7 ns2/pod-2 ns2/pod-5 ns2/pod-8");
    service_close(&s);
}

static void what_remains_is_told_without_selectors_only(void)
{
    static const struct {
        const char *target, *remaining;
        bool more;
    } rows[] = {
        {"/api/v1/pods?limit=4", "6", true},
        {"/api/v1/namespaces/ns0/pods?limit=1", "3", true},
        {"/api/v1/pods?limit=10", "", false},
        {"/api/v1/pods?limit=4&resourceVersion=0", "", false}, /* the server's cache ignores a limit there */
        {"/api/v1/pods?limit=2&labelSelector=app%3Dweb", "", true},
        {"/api/v1/pods?limit=4&labelSelector=app%3Dweb", "", false},
        {"/api/v1/pods?limit=-1", "", false},
    };
    struct api_service s;

    service_open(&s, &(struct api_world_options){0});
    fill(&s, 10, 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct service_reply r;

        service_get(&s, rows[i].target, &r);
        CU_ASSERT_STRING_EQUAL(service_text(&r, "metadata.remainingItemCount"), rows[i].remaining);
        CU_ASSERT_EQUAL(*service_text(&r, "metadata.continue") != 0, rows[i].more);
        service_reply_release(&r);
    }
    service_close(&s);
}

static void tokens_that_are_none_of_ours_are_refused(void)
{
    static const char *const bad[] = {"garbage", "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MjEzLCJzdGFydCI6Ii93ZWItMVx1MDAwMCJ9", "A", "%00", "AAAA", "Zm9v"};
    struct api_service s;
    struct service_reply r;
    char url[1600];

    service_open(&s, &(struct api_world_options){0});
    fill(&s, 10, 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        (void)snprintf(url, sizeof url, "/api/v1/pods?limit=2&continue=%s", bad[i]);
        service_get(&s, url, &r);
        CU_ASSERT_EQUAL(r.http.status, 400);
        CU_ASSERT_STRING_EQUAL(service_text(&r, "reason"), "BadRequest");
        service_reply_release(&r);
    }
    (void)snprintf(url, sizeof url, "/api/v1/pods?continue=AQ%.1450s", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    expect(&s, url, 200, NULL); /* the newest state, behind a key of zeros */
    service_close(&s);
}

/* A token whose list is gone (here: an id that never was) is 410, with a token that goes on in the newest state. */
static void a_list_that_is_gone_goes_on_inconsistently(void)
{
    struct api_service s;
    struct service_reply r;
    char cont[600], url[1024];

    service_open(&s, &(struct api_world_options){0});
    fill(&s, 10, 0);
    service_get(&s, "/api/v1/pods?limit=5", &r);
    (void)snprintf(cont, sizeof cont, "%s", service_text(&r, "metadata.continue"));
    service_reply_release(&r);
    CU_ASSERT_FATAL(strlen(cont) > 20);
    cont[5] = cont[5] == 'x' ? 'y' : 'x';
    (void)snprintf(url, sizeof url, "/api/v1/pods?limit=5&continue=%s", cont);
    service_get(&s, url, &r);
    CU_ASSERT_EQUAL(r.http.status, 410);
    CU_ASSERT_STRING_EQUAL(service_text(&r, "reason"), "Expired");
    (void)snprintf(url, sizeof url, "/api/v1/pods?limit=3&continue=%s", service_text(&r, "metadata.continue"));
    service_reply_release(&r);
    world_put(&s.w, &(struct world_pod){.ns = 1, .n = 5, .rv = 200});
    world_commit(&s.w, 200);
    service_get(&s, url, &r);
    CU_ASSERT_EQUAL(r.http.status, 200);
    CU_ASSERT_STRING_EQUAL(service_text(&r, "metadata.resourceVersion"), "200");
    CU_ASSERT_STRING_EQUAL(service_items(&r), "ns1/pod-4 ns1/pod-5 ns1/pod-7");
    service_reply_release(&r);
    service_close(&s);
}

/* Of another place it is not: a token opens its own list only. */
static void a_token_goes_on_in_its_own_list_only(void)
{
    struct api_service s;
    struct service_reply r;
    char url[1024], filtered[1024];

    service_open(&s, &(struct api_world_options){0});
    fill(&s, 10, 0);
    service_get(&s, "/api/v1/pods?limit=2", &r);
    (void)snprintf(url, sizeof url, "/api/v1/namespaces/ns1/pods?limit=2&continue=%s", service_text(&r, "metadata.continue"));
    (void)snprintf(filtered, sizeof filtered, "/api/v1/pods?labelSelector=app%%3Dweb&continue=%s", service_text(&r, "metadata.continue"));
    service_reply_release(&r);
    expect(&s, url, 200, "ns1/pod-1 ns1/pod-4"); /* all of the resource is held, so a namespace of it is there */
    expect(&s, filtered, 200, "ns0/pod-6 ns0/pod-9");
    service_close(&s);
}

static void held_lists_are_bounded(void)
{
    struct api_service s;
    struct service_reply r;
    char first[600] = "", url[1024];

    service_open(&s, &(struct api_world_options){0});
    fill(&s, 10, 0);
    for (unsigned i = 0; i < 140; i++) {
        world_put(&s.w, &(struct world_pod){.ns = 0, .n = 0, .rv = 1000 + i});
        world_commit(&s.w, 1000 + i);
        service_get(&s, "/api/v1/pods?limit=1", &r);
        CU_ASSERT_EQUAL_FATAL(r.http.status, 200);
        if (i == 0)
            (void)snprintf(first, sizeof first, "%s", service_text(&r, "metadata.continue"));
        service_reply_release(&r);
    }
    CU_ASSERT_EQUAL(atomic_load(&s.counters.lists_held), 128);
    (void)snprintf(url, sizeof url, "/api/v1/pods?limit=1&continue=%s", first);
    expect(&s, url, 410, NULL);
    service_close(&s);
}

/* Write n pods of 1 kB anew, as far as there is room. */
static void write_anew(struct api_service *s, unsigned n, uint64_t rv)
{
    struct tarn_error err;
    int rc = 0;

    for (unsigned k = 0; rc == 0 && k < n; k++) {
        const struct tarn_object *obj = world_pod(&(struct world_pod){.ns = k % 3, .n = k, .rv = rv + k, .pad = 1000});

        rc = tarn_store_update(s->w.store, obj, &err);
        tarn_object_unref(obj);
    }
    world_commit(&s->w, rv + n);
    (void)realm_collect(s->w.realm);
    world_run(&s->w);
}

/* Memory that is short comes from held lists that nobody reads: what was held is 410 then, and never wrong bytes. */
static void held_lists_give_way_when_memory_is_short(void)
{
    char cont[600], url[1024];
    struct api_service s;
    struct service_reply r;
    unsigned status = 200, round = 0;

    service_open(&s, &(struct api_world_options){.budget = 8u << 20});
    fill(&s, 500, 1000);
    service_get(&s, "/api/v1/pods?limit=5", &r);
    (void)snprintf(cont, sizeof cont, "%s", service_text(&r, "metadata.continue"));
    service_reply_release(&r);
    (void)snprintf(url, sizeof url, "/api/v1/pods?limit=5&continue=%s", cont);
    while (status == 200 && round++ < 40) {
        for (unsigned i = 0; i < 60; i++) {
            write_anew(&s, 500, 1000 * (60 * round + i + 1));
            usleep(20000);
        }
        service_get(&s, url, &r);
        status = r.http.status;
        CU_ASSERT_STRING_EQUAL(service_text(&r, "items[0].metadata.name"), status == 200 ? "pod-111" : "");
        CU_ASSERT_STRING_EQUAL(service_text(&r, "metadata.resourceVersion"), status == 200 ? "600" : "");
        service_reply_release(&r);
    }
    CU_ASSERT_EQUAL(status, 410);
    expect(&s, "/api/v1/namespaces/ns0/pods?limit=1", 200, "ns0/pod-0");
    service_close(&s);
}

/* ---- resourceVersions ----------------------------------------------------------------------------------------- */

static void versions_decide_which_state_answers(void)
{
    static const struct {
        const char *query;
        unsigned status;
        bool all;
    } rows[] = {
        {"", 200, true},
        {"?resourceVersion=0", 200, true},
        {"?resourceVersion=0&resourceVersionMatch=NotOlderThan", 200, true},
        {"?resourceVersion=5", 200, true},
        {"?resourceVersion=110", 200, true},
        {"?resourceVersion=5&resourceVersionMatch=NotOlderThan", 200, true},
        {"?resourceVersion=5&resourceVersionMatch=NotOlderThan&limit=2", 200, false},
        {"?resourceVersion=5&resourceVersionMatch=Exact", 410, false},
        {"?resourceVersion=110&resourceVersionMatch=Exact", 200, true},
        {"?resourceVersion=5&limit=2", 410, false},
        {"?resourceVersion=110&limit=2", 200, false},
        {"?resourceVersion=abc", 400, false},
        {"?resourceVersionMatch=Exact", 422, false},
        {"?resourceVersion=0&resourceVersionMatch=Exact", 422, false},
    };
    struct api_service s;

    service_open(&s, &(struct api_world_options){0});
    fill(&s, 10, 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct service_reply r;
        struct tarn_value items;
        char url[200];

        (void)snprintf(url, sizeof url, "/api/v1/pods%s", rows[i].query);
        service_get(&s, url, &r);
        if (r.http.status != rows[i].status)
            (void)fprintf(stderr, "%s: %u\n", url, r.http.status);
        CU_ASSERT_EQUAL(r.http.status, rows[i].status);
        if (r.http.status == 200)
            CU_ASSERT(r.json && tarn_object_get(r.json, "items", &items) == 0 && (items.count == 10) == rows[i].all);
        service_reply_release(&r);
    }
    service_close(&s);
}

static void an_exact_version_that_is_held_answers(void)
{
    struct api_service s;
    struct service_reply r;

    service_open(&s, &(struct api_world_options){0});
    fill(&s, 10, 0);
    expect(&s, "/api/v1/pods?limit=2", 200, "ns0/pod-0 ns0/pod-3");
    change_everything(&s);
    service_get(&s, "/api/v1/namespaces/ns2/pods?resourceVersion=110&resourceVersionMatch=Exact", &r);
    CU_ASSERT_EQUAL(r.http.status, 200);
    CU_ASSERT_STRING_EQUAL(service_text(&r, "metadata.resourceVersion"), "110");
    CU_ASSERT_STRING_EQUAL(service_items(&r), "ns2/pod-2 ns2/pod-5 ns2/pod-8");
    service_reply_release(&r);
    service_close(&s);
}

static void a_version_that_comes_is_waited_for(void)
{
    struct api_service s;
    struct service_reply r[3];
    int fd[3];

    service_open(&s, &(struct api_world_options){0});
    fill(&s, 4, 0);
    fd[0] = service_send(&s, "GET", "/api/v1/namespaces/ns0/pods?resourceVersion=500", "");
    fd[1] = service_send(&s, "GET", "/api/v1/namespaces/ns2/pods/late?resourceVersion=500", "");
    fd[2] = service_send(&s, "GET", "/api/v1/namespaces/ns0/pods?resourceVersion=499&limit=1&resourceVersionMatch=NotOlderThan", "");
    for (int i = 0; i < 5; i++) {
        world_run(&s.w);
        usleep(20000);
    }
    world_put(&s.w, &(struct world_pod){.ns = 0, .n = 7, .rv = 500});
    world_commit(&s.w, 500);
    for (int i = 0; i < 3; i++)
        service_read(&s, fd[i], &r[i]);
    CU_ASSERT_STRING_EQUAL(service_items(&r[0]), "ns0/pod-0 ns0/pod-3 ns0/pod-7");
    CU_ASSERT_EQUAL(r[1].http.status, 404);
    CU_ASSERT_STRING_EQUAL(service_items(&r[2]), "ns0/pod-0");
    for (int i = 0; i < 3; i++)
        service_reply_release(&r[i]);
    service_close(&s);
}

static void a_version_that_does_not_come_is_504(void)
{
    struct api_service s;
    struct service_reply r;

    service_open(&s, &(struct api_world_options){0});
    fill(&s, 4, 0);
    service_get(&s, "/api/v1/pods?resourceVersion=1000213", &r);
    CU_ASSERT_EQUAL(r.http.status, 504);
    CU_ASSERT(tarn_bytes_equal(r.http.body, TARN_BYTES("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":\"Timeout: Too large resource "
                                                       "version: 1000213, current: 104\",\"reason\":\"Timeout\",\"details\":{\"causes\":[{\"reason\":"
                                                       "\"ResourceVersionTooLarge\",\"message\":\"Too large resource version\"}],\"retryAfterSeconds\":1},\"code\":504}\n")));
    CU_ASSERT_PTR_NOT_NULL(strstr(r.http.headers, "Retry-After: 1"));
    service_reply_release(&r);
    service_close(&s);
}

static void who_waits_is_told_that_it_stops(void)
{
    struct api_service s;
    struct service_reply r;
    int fd;

    service_open(&s, &(struct api_world_options){0});
    fill(&s, 4, 0);
    fd = service_send(&s, "GET", "/api/v1/pods?resourceVersion=1000213", "");
    while (atomic_load(&s.counters.lists) == 0)
        world_run(&s.w);
    service_close(&s);
    service_open(&s, &(struct api_world_options){0});
    service_read(&s, fd, &r);
    CU_ASSERT_EQUAL(r.http.status, 503);
    service_reply_release(&r);
    service_close(&s);
}

/* ---- one object --------------------------------------------------------------------------------------------------- */

static void an_object_is_got_or_not_found(void)
{
    struct api_service s;
    struct service_reply r;

    service_open(&s, &(struct api_world_options){0});
    fill(&s, 4, 0);
    service_get(&s, "/api/v1/namespaces/ns1/pods/pod-1", &r);
    CU_ASSERT_EQUAL(r.http.status, 200);
    CU_ASSERT_EQUAL(r.http.body.data[r.http.body.len - 1], '\n');
    CU_ASSERT_STRING_EQUAL(service_text(&r, "kind"), "Pod");
    CU_ASSERT_STRING_EQUAL(service_text(&r, "apiVersion"), "v1");
    CU_ASSERT_STRING_EQUAL(service_text(&r, "metadata.resourceVersion"), "101");
    service_reply_release(&r);
    service_get(&s, "/api/v1/namespaces/ns1/pods/nobody", &r);
    CU_ASSERT_EQUAL(r.http.status, 404);
    CU_ASSERT(tarn_bytes_equal(r.http.body, TARN_BYTES("{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":\"pods \\\"nobody\\\" not "
                                                       "found\",\"reason\":\"NotFound\",\"details\":{\"name\":\"nobody\",\"kind\":\"pods\"},\"code\":404}\n")));
    service_reply_release(&r);
    service_ask(&s, "GET", "/api/v1/namespaces/ns1/pods/pod-1", "Accept: application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1\r\n", &r);
    CU_ASSERT_STRING_EQUAL(service_text(&r, "kind"), "PartialObjectMetadata");
    CU_ASSERT_STRING_EQUAL(service_text(&r, "spec.pad"), "");
    service_reply_release(&r);
    service_ask(&s, "GET", "/api/v1/namespaces/ns1/pods/pod-1", "User-Agent: curl/8.0\r\n", &r);
    CU_ASSERT(r.http.body.len > 20 && memcmp(r.http.body.data, "{\n  \"kind\": \"Pod\",\n", 19) == 0);
    service_reply_release(&r);
    service_close(&s);
}

static void what_is_no_such_path_is_not_found(void)
{
    static const struct {
        const char *method, *target;
        unsigned status;
    } rows[] = {
        {"GET", "/api/v1/pods/pod-1", 404},                      /* in no namespace */
        {"GET", "/api/v2/namespaces/ns1/pods/pod-1", 404},       /* another version */
        {"GET", "/api/v2/pods", 404},
        {"HEAD", "/api/v1/pods", 405},
        {"HEAD", "/api/v1/namespaces/ns1/pods/pod-1", 405},
    };
    struct api_service s;

    service_open(&s, &(struct api_world_options){0});
    fill(&s, 4, 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct service_reply r;

        service_ask(&s, rows[i].method, rows[i].target, "", &r);
        CU_ASSERT_EQUAL(r.http.status, rows[i].status);
        service_reply_release(&r);
    }
    service_close(&s);
}

static void what_has_not_synced_is_asked_for_again(void)
{
    struct api_service s;
    struct service_reply r;

    service_open(&s, &(struct api_world_options){.unsynced = true});
    service_get(&s, "/api/v1/pods", &r);
    CU_ASSERT_EQUAL(r.http.status, 429);
    CU_ASSERT_PTR_NOT_NULL(strstr(r.http.headers, "Retry-After: 1"));
    CU_ASSERT_STRING_EQUAL(service_text(&r, "message"), "storage is (re)initializing");
    service_reply_release(&r);
    service_close(&s);
}

/* ---- large answers ----------------------------------------------------------------------------------------------------- */

static void a_large_list_streams_whole_from_one_moment(void)
{
    struct api_service s;
    struct service_reply r[4];
    int fd[4];

    service_open(&s, &(struct api_world_options){.budget = 64u << 20});
    fill(&s, 3000, 700);
    for (int i = 0; i < 4; i++)
        fd[i] = service_send(&s, "GET", i == 3 ? "/api/v1/pods?pretty=1" : "/api/v1/pods", "");
    for (unsigned k = 0; k < 200; k++) { /* it goes on meanwhile */
        world_put(&s.w, &(struct world_pod){.ns = 0, .n = 5000 + k, .rv = 5000 + k});
        world_commit(&s.w, 5000 + k);
    }
    for (int i = 0; i < 4; i++) {
        struct tarn_value items;
        unsigned version;

        service_read(&s, fd[i], &r[i]);
        CU_ASSERT(r[i].http.whole);
        CU_ASSERT(r[i].json && tarn_object_get(r[i].json, "items", &items) == 0);
        version = (unsigned)strtoul(service_text(&r[i], "metadata.resourceVersion"), NULL, 10);
        CU_ASSERT_EQUAL(items.count, version < 5000 ? 3000 : 3000 + version - 4999);
        service_reply_release(&r[i]);
    }
    service_close(&s);
}

/* Nothing matches for long: the loop is given to others between, and the answer is whole. */
static void a_selector_that_matches_little_is_answered_whole(void)
{
    struct api_service s;

    service_open(&s, &(struct api_world_options){.budget = 64u << 20});
    fill(&s, 45000, 0);
    expect(&s, "/api/v1/pods?labelSelector=app%3Dnone", 200, "");
    expect(&s, "/api/v1/pods?fieldSelector=metadata.name%3Dpod-44999", 200, "ns2/pod-44999");
    service_close(&s);
}

/* A peer that takes nothing holds a snapshot and a bounded buffer, and nobody up. */
static void a_peer_that_does_not_read_is_no_hindrance(void)
{
    struct api_service s;
    int fd;

    service_open(&s, &(struct api_world_options){.budget = 64u << 20});
    fill(&s, 6000, 1000);
    fd = service_send(&s, "GET", "/api/v1/pods", "");
    expect(&s, "/api/v1/namespaces/ns0/pods?limit=1", 200, "ns0/pod-0");
    change_everything(&s);
    expect(&s, "/api/v1/namespaces/ns1/pods?limit=1", 200, "ns1/pod-10");
    service_close(&s); /* cuts it */
    (void)close(fd);
}

TARN_TEST_MAIN("api_list", TARN_TEST(a_list_is_in_the_order_of_keys),
               TARN_TEST(all_pages_show_the_state_of_the_first),
               TARN_TEST(pages_of_a_namespace_and_of_a_selection_end_where_they_end),
               TARN_TEST(what_remains_is_told_without_selectors_only),
               TARN_TEST(tokens_that_are_none_of_ours_are_refused),
               TARN_TEST(a_list_that_is_gone_goes_on_inconsistently),
               TARN_TEST(a_token_goes_on_in_its_own_list_only),
               TARN_TEST(held_lists_are_bounded),
               TARN_TEST(held_lists_give_way_when_memory_is_short),
               TARN_TEST(versions_decide_which_state_answers),
               TARN_TEST(an_exact_version_that_is_held_answers),
               TARN_TEST(a_version_that_comes_is_waited_for),
               TARN_TEST(a_version_that_does_not_come_is_504),
               TARN_TEST(who_waits_is_told_that_it_stops),
               TARN_TEST(an_object_is_got_or_not_found),
               TARN_TEST(what_is_no_such_path_is_not_found),
               TARN_TEST(what_has_not_synced_is_asked_for_again),
               TARN_TEST(a_large_list_streams_whole_from_one_moment),
               TARN_TEST(a_selector_that_matches_little_is_answered_whole),
               TARN_TEST(a_peer_that_does_not_read_is_no_hindrance))
