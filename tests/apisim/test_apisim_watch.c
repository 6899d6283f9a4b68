/* test_apisim_watch.c - watches, and the faults (recorded exchanges watch-*; semantics row T-9). */
/* tarn-test: threads */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "client.h"
#include "tarn_test.h"

#define CMS "/api/v1/namespaces/proto/configmaps"
#define STREAM "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"

/* ---- watches ------------------------------------------------------------------------------------------------ */

static void check_event(const json_t *lines, size_t i, const char *type, const char *name)
{
    const json_t *e = json_array_get(lines, i);

    CU_ASSERT_STRING_EQUAL(text_at(e, "type"), type);
    CU_ASSERT_STRING_EQUAL(text_at(e, "object.metadata.name"), name);
}

static json_t *watch_path(const struct sim_server *s, const char *path)
{
    struct sim_answer a = {0};
    json_t *lines;

    ask(s, &(struct sim_ask){.path = path}, &a);
    CU_ASSERT_EQUAL(a.code, 200);
    CU_ASSERT_EQUAL(a.curl, CURLE_OK);
    lines = lines_of(&a);
    answer_release(&a);
    return lines;
}

/* T-9: one change per version, a watch from a version replays. */
static void a_watch_tells_what_happened_since_its_version(void)
{
    unsigned long long rv, last = 0;
    struct sim_server s;
    char path[256];
    json_t *lines;

    server_start_small(&s);
    rv = current_rv(&s);
    CU_ASSERT_EQUAL(post(&s, CMS, "{\"metadata\":{\"name\":\"brief\",\"labels\":{\"app\":\"web\"}}}"), 201);
    CU_ASSERT_EQUAL(merge_patch(&s, CMS "/brief", "{\"data\":{\"v\":\"2\"}}"), 200);
    CU_ASSERT_EQUAL(merge_patch(&s, CMS "/brief", "{\"data\":{\"v\":\"2\"}}"), 200); /* no change, no event */
    CU_ASSERT_EQUAL(delete_path(&s, CMS "/brief"), 200);
    snprintf(path, sizeof path, CMS "?watch=1&resourceVersion=%llu&timeoutSeconds=1", rv);
    lines = watch_path(&s, path);
    CU_ASSERT_EQUAL(json_array_size(lines), 3);
    check_event(lines, 0, "ADDED", "brief");
    check_event(lines, 1, "MODIFIED", "brief");
    check_event(lines, 2, "DELETED", "brief");
    for (size_t i = 0; i < 3; i++) { /* each at its own version, the deletion too */
        unsigned long long v = strtoull(text_at(json_array_get(lines, i), "object.metadata.resourceVersion"), NULL, 10);

        CU_ASSERT(v > rv && v > last);
        last = v;
        CU_ASSERT_STRING_EQUAL(text_at(json_array_get(lines, i), "object.kind"), "ConfigMap");
    }
    json_decref(lines);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void a_watch_in_progress_hears_of_changes(void)
{
    struct sim_watching w;
    struct sim_server s;
    json_t *lines;
    char path[256];

    server_start_small(&s);
    snprintf(path, sizeof path, CMS "?watch=1&resourceVersion=%llu&timeoutSeconds=2", current_rv(&s));
    watch_begin(&w, &s, path);
    for (int i = 0; i < 50; i++) {
        char body[64];

        snprintf(body, sizeof body, "{\"data\":{\"v\":\"%d\"}}", i);
        CU_ASSERT_EQUAL(merge_patch(&s, CMS "/cm-1", body), 200);
    }
    lines = watch_end(&w);
    CU_ASSERT_EQUAL(json_array_size(lines), 50);
    for (size_t i = 0; i < json_array_size(lines); i++)
        CU_ASSERT_EQUAL(strtoul(text_at(json_array_get(lines, i), "object.data.v"), NULL, 10), i);
    json_decref(lines);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void leaving_a_selector_is_a_deletion_that_shows_the_old_labels(void)
{
    struct sim_server s;
    char path[256];
    json_t *lines;
    unsigned long long rv;

    server_start_small(&s);
    rv = current_rv(&s);
    CU_ASSERT_EQUAL(merge_patch(&s, CMS "/cm-0", "{\"metadata\":{\"labels\":{\"app\":\"b\"}}}"), 200);
    CU_ASSERT_EQUAL(merge_patch(&s, CMS "/cm-0", "{\"data\":{\"v\":\"unseen\"}}"), 200);
    CU_ASSERT_EQUAL(merge_patch(&s, CMS "/cm-0", "{\"metadata\":{\"labels\":{\"app\":\"a\"}}}"), 200);
    CU_ASSERT_EQUAL(merge_patch(&s, CMS "/cm-0", "{\"data\":{\"v\":\"seen\"}}"), 200);
    snprintf(path, sizeof path, CMS "?watch=1&resourceVersion=%llu&timeoutSeconds=1&labelSelector=app%%3Da", rv);
    lines = watch_path(&s, path);
    CU_ASSERT_EQUAL(json_array_size(lines), 3);
    check_event(lines, 0, "DELETED", "cm-0");
    CU_ASSERT_STRING_EQUAL(text_at(json_array_get(lines, 0), "object.metadata.labels.app"), "a");
    CU_ASSERT_EQUAL(strtoull(text_at(json_array_get(lines, 0), "object.metadata.resourceVersion"), NULL, 10), rv + 1);
    check_event(lines, 1, "ADDED", "cm-0");
    check_event(lines, 2, "MODIFIED", "cm-0");
    json_decref(lines);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void without_a_version_a_watch_begins_with_the_present_state(void)
{
    static const char *const rows[] = {CMS "?watch=1&timeoutSeconds=1", CMS "?watch=true&resourceVersion=0&timeoutSeconds=1",
                                       "/api/v1/watch/namespaces/proto/configmaps?resourceVersion=0&timeoutSeconds=1"};
    struct sim_server s;

    server_start_small(&s);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *lines = watch_path(&s, rows[i]);

        CU_ASSERT_EQUAL(json_array_size(lines), 5);
        check_event(lines, 0, "ADDED", "cm-0");
        check_event(lines, 4, "ADDED", "cm-4");
        json_decref(lines);
    }
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

/* T-9: what ResetWatch of the fake source does. */
static void a_version_that_is_gone_is_an_error_event(void)
{
    struct sim_server s;
    char path[256];
    json_t *lines;
    unsigned long long rv;

    server_start_small(&s);
    rv = current_rv(&s);
    CU_ASSERT_EQUAL(merge_patch(&s, CMS "/cm-0", "{\"data\":{\"v\":\"2\"}}"), 200);
    CU_ASSERT_EQUAL(post(&s, "/sim/compact", "{}"), 200);
    snprintf(path, sizeof path, CMS "?watch=1&resourceVersion=%llu&timeoutSeconds=2", rv);
    lines = watch_path(&s, path);
    CU_ASSERT_EQUAL(json_array_size(lines), 1);
    CU_ASSERT_STRING_EQUAL(text_at(json_array_get(lines, 0), "type"), "ERROR");
    CU_ASSERT_STRING_EQUAL(text_at(json_array_get(lines, 0), "object.reason"), "Expired");
    CU_ASSERT_EQUAL(strncmp(text_at(json_array_get(lines, 0), "object.message"), "too old resource version: ", 26), 0);
    json_decref(lines);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void a_streaming_list_ends_with_its_bookmark_and_goes_on(void)
{
    struct sim_watching w;
    struct sim_server s;
    json_t *lines;

    server_start_small(&s);
    watch_begin(&w, &s, CMS "?watch=1&allowWatchBookmarks=true&timeoutSeconds=1" STREAM);
    CU_ASSERT_EQUAL(merge_patch(&s, CMS "/cm-0", "{\"data\":{\"v\":\"2\"}}"), 200);
    lines = watch_end(&w);
    CU_ASSERT_EQUAL(json_array_size(lines), 7);
    check_event(lines, 4, "ADDED", "cm-4");
    CU_ASSERT_STRING_EQUAL(text_at(json_array_get(lines, 5), "type"), "BOOKMARK");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(
                               json_object_get(json_object_get(json_object_get(json_array_get(lines, 5), "object"), "metadata"), "annotations"),
                               "k8s.io/initial-events-end")), "true");
    check_event(lines, 6, "MODIFIED", "cm-0");
    json_decref(lines);
    lines = watch_path(&s, CMS "?watch=1&timeoutSeconds=1" STREAM); /* watch-list-no-bookmarks */
    CU_ASSERT_EQUAL(json_array_size(lines), 5);
    json_decref(lines);
    lines = watch_path(&s, "/api/v1/namespaces/nowhere/configmaps?watch=1&allowWatchBookmarks=true&timeoutSeconds=1" STREAM); /* watch-list-empty */
    CU_ASSERT_EQUAL(json_array_size(lines), 1);
    json_decref(lines);
    lines = watch_path(&s, CMS "?watch=1&allowWatchBookmarks=true&timeoutSeconds=1&resourceVersion=1000333" STREAM); /* watch-list-future */
    CU_ASSERT_EQUAL(json_array_size(lines), 1);
    CU_ASSERT_STRING_EQUAL(text_at(json_array_get(lines, 0), "object.reason"), "Timeout");
    json_decref(lines);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void bookmarks_come_before_the_end_if_there_is_something_newer(void)
{
    struct sim_server s;
    char path[256];
    json_t *lines;
    unsigned long long rv;

    server_start_small(&s);
    rv = current_rv(&s);
    snprintf(path, sizeof path, CMS "?watch=1&allowWatchBookmarks=true&timeoutSeconds=3&labelSelector=none%%3Dsuch&resourceVersion=%llu", rv);
    lines = watch_path(&s, path); /* watch-bookmarks-none */
    CU_ASSERT_EQUAL(json_array_size(lines), 0);
    json_decref(lines);
    CU_ASSERT_EQUAL(merge_patch(&s, CMS "/cm-0", "{\"data\":{\"v\":\"2\"}}"), 200);
    lines = watch_path(&s, path);
    CU_ASSERT_EQUAL(json_array_size(lines), 1);
    CU_ASSERT_STRING_EQUAL(text_at(json_array_get(lines, 0), "type"), "BOOKMARK");
    CU_ASSERT_STRING_EQUAL(text_at(json_array_get(lines, 0), "object.kind"), "ConfigMap");
    CU_ASSERT_EQUAL(strtoull(text_at(json_array_get(lines, 0), "object.metadata.resourceVersion"), NULL, 10), rv + 1);
    json_decref(lines);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void a_watch_from_the_future_is_silent_until_it_is_the_present(void)
{
    struct sim_server s;
    char path[256];
    struct sim_watching w;
    json_t *lines;

    server_start_small(&s);
    snprintf(path, sizeof path, CMS "?watch=1&timeoutSeconds=1&resourceVersion=%llu", current_rv(&s) + 2);
    watch_begin(&w, &s, path);
    for (int i = 0; i < 3; i++) {
        char body[64];

        snprintf(body, sizeof body, "{\"data\":{\"v\":\"%d\"}}", i);
        CU_ASSERT_EQUAL(merge_patch(&s, CMS "/cm-1", body), 200);
    }
    lines = watch_end(&w);
    CU_ASSERT_EQUAL(json_array_size(lines), 1);
    CU_ASSERT_STRING_EQUAL(text_at(json_array_get(lines, 0), "object.data.v"), "2");
    json_decref(lines);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void deleting_a_definition_deletes_its_objects_and_ends_their_watches(void)
{
    struct sim_watching w;
    struct sim_answer a = {0};
    struct sim_server s;
    json_t *lines;

    server_start_small(&s);
    CU_ASSERT_EQUAL(post(&s, "/apis/lab.example.com/v1/namespaces/proto/widgets",
                         "{\"apiVersion\":\"lab.example.com/v1\",\"kind\":\"Widget\",\"metadata\":{\"name\":\"w\"},\"spec\":{\"over\":9223372036854775808,\"max\":9223372036854775807}}"), 201);
    watch_begin(&w, &s, "/apis/lab.example.com/v1/widgets?watch=1&timeoutSeconds=8");
    CU_ASSERT_EQUAL(delete_path(&s, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.lab.example.com"), 200);
    lines = watch_end(&w);
    CU_ASSERT_EQUAL(json_array_size(lines), 2);
    check_event(lines, 0, "ADDED", "w");
    check_event(lines, 1, "DELETED", "w");
    json_decref(lines);
    ask(&s, &(struct sim_ask){.path = "/apis/lab.example.com/v1/widgets"}, &a);
    CU_ASSERT_EQUAL(a.code, 404);
    CU_ASSERT_STRING_EQUAL(a.body.data, "404 page not found\n");
    answer_release(&a);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void a_pod_on_a_node_is_deleted_gracefully(void)
{
    struct sim_watching w;
    struct sim_server s;
    json_t *lines;
    char path[256];

    server_start_small(&s);
    CU_ASSERT_EQUAL(post(&s, "/api/v1/namespaces/proto/pods",
                         "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"n\",\"containers\":[]}}"), 201);
    snprintf(path, sizeof path, "/api/v1/namespaces/proto/pods?watch=1&timeoutSeconds=2&resourceVersion=%llu", current_rv(&s));
    watch_begin(&w, &s, path);
    CU_ASSERT_EQUAL(delete_path(&s, "/api/v1/namespaces/proto/pods/p"), 200);
    lines = watch_end(&w);
    CU_ASSERT_EQUAL(json_array_size(lines), 2);
    check_event(lines, 0, "MODIFIED", "p");
    CU_ASSERT(*text_at(json_array_get(lines, 0), "object.metadata.deletionTimestamp") != 0);
    check_event(lines, 1, "DELETED", "p");
    json_decref(lines);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

/* ---- faults --------------------------------------------------------------------------------------------------- */

static void arm(const struct sim_server *s, const char *fault)
{
    CU_ASSERT_EQUAL(post(s, "/sim/fault", fault), 200);
}

static void faults_of_whole_requests(void)
{
    static const struct {
        const char *fault, *path;
        long code;
        const char *answer, *head; /* parts */
    } rows[] = {
        {"{\"kind\":\"status\",\"code\":429,\"retry-after\":2,\"shape\":\"text\",\"count\":1}", CMS, 429, "Too many requests", "Retry-After: 2"},
        {"{\"kind\":\"status\",\"code\":429,\"retry-after\":1,\"count\":1}", CMS, 429, "\"reason\":\"TooManyRequests\",\"details\":{\"retryAfterSeconds\":1},\"code\":429", "Retry-After: 1"},
        {"{\"kind\":\"status\",\"code\":500,\"count\":1}", CMS, 500, "\"reason\":\"InternalError\"", ""},
        {"{\"kind\":\"status\",\"code\":503,\"count\":1,\"verb\":\"list\"}", CMS, 503, "\"reason\":\"ServiceUnavailable\"", ""},
        {"{\"kind\":\"status\",\"code\":403,\"count\":1}", CMS "?watch=1", 403, "cannot watch resource \\\"configmaps\\\"", ""},
        {"{\"kind\":\"status\",\"code\":401,\"count\":1}", CMS, 401, "Unauthorized", ""},
        {"{\"kind\":\"status\",\"code\":410,\"count\":1,\"verb\":\"watch\"}", CMS "?watch=1", 410, "\"reason\":\"Expired\"", ""},
        {"{\"kind\":\"missing\",\"count\":1}", CMS, 404, "could not find the requested resource", ""},
        {"{\"kind\":\"missing\",\"count\":1,\"resource\":\"widgets.lab.example.com\"}", "/apis/lab.example.com/v1/widgets", 404, "404 page not found", ""},
        {"{\"kind\":\"no-streaming\",\"count\":1}", CMS "?watch=1&allowWatchBookmarks=true" STREAM, 422, "unless the WatchList feature gate is enabled", ""},
    };
    struct sim_answer a = {0};
    struct sim_server s;

    server_start_small(&s);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        arm(&s, rows[i].fault);
        ask(&s, &(struct sim_ask){.path = rows[i].path}, &a);
        CU_ASSERT_EQUAL(a.code, rows[i].code);
        CU_ASSERT_PTR_NOT_NULL(strstr(a.body.data, rows[i].answer));
        CU_ASSERT_PTR_NOT_NULL(strstr(a.head.data, rows[i].head));
        ask(&s, &(struct sim_ask){.path = CMS}, &a); /* used up */
        CU_ASSERT_EQUAL(a.code, 200);
    }
    answer_release(&a);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void faults_hit_only_what_they_name_until_they_are_removed(void)
{
    struct sim_answer a = {0};
    struct sim_server s;

    server_start_small(&s);
    arm(&s, "{\"kind\":\"status\",\"code\":500,\"resource\":\"pods\",\"verb\":\"list\"}");
    ask(&s, &(struct sim_ask){.path = CMS}, &a);
    CU_ASSERT_EQUAL(a.code, 200);
    ask(&s, &(struct sim_ask){.path = "/api/v1/pods?watch=1&timeoutSeconds=1&resourceVersion=0"}, &a);
    CU_ASSERT_EQUAL(a.code, 200);
    for (int i = 0; i < 5; i++) {
        ask(&s, &(struct sim_ask){.path = "/api/v1/pods"}, &a);
        CU_ASSERT_EQUAL(a.code, 500);
    }
    CU_ASSERT_EQUAL(delete_path(&s, "/sim/fault"), 200);
    ask(&s, &(struct sim_ask){.path = "/api/v1/pods"}, &a);
    CU_ASSERT_EQUAL(a.code, 200);
    answer_release(&a);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void bodies_are_cut_spoilt_slowed_or_withheld(void)
{
    struct sim_answer a = {0};
    struct sim_server s;
    json_t *v;

    server_start_small(&s);
    arm(&s, "{\"kind\":\"truncate\",\"bytes\":5000,\"count\":1}");
    ask(&s, &(struct sim_ask){.path = "/api/v1/pods"}, &a);
    CU_ASSERT_NOT_EQUAL(a.curl, CURLE_OK);
    CU_ASSERT_EQUAL(a.body.len, 5000);
    arm(&s, "{\"kind\":\"garble\",\"bytes\":5000,\"count\":1}");
    ask(&s, &(struct sim_ask){.path = "/api/v1/pods"}, &a);
    CU_ASSERT_EQUAL(a.curl, CURLE_OK);
    v = json_loads(a.body.data, 0, NULL);
    CU_ASSERT_PTR_NULL(v);
    json_decref(v);
    arm(&s, "{\"kind\":\"slow\",\"bytes\":2000,\"count\":1}");
    ask(&s, &(struct sim_ask){.path = "/api/v1/pods", .timeout_ms = 600}, &a);
    CU_ASSERT_EQUAL(a.curl, CURLE_OPERATION_TIMEDOUT);
    CU_ASSERT(a.body.len > 0 && a.body.len < 100000);
    arm(&s, "{\"kind\":\"stall\",\"count\":1}");
    ask(&s, &(struct sim_ask){.path = CMS "?watch=1", .timeout_ms = 500}, &a);
    CU_ASSERT_EQUAL(a.code, 200);
    CU_ASSERT_EQUAL(a.body.len, 0);
    arm(&s, "{\"kind\":\"close\",\"count\":1}");
    ask(&s, &(struct sim_ask){.path = CMS}, &a);
    CU_ASSERT_EQUAL(a.code, 0);
    arm(&s, "{\"kind\":\"delay\",\"ms\":300,\"count\":1}");
    ask(&s, &(struct sim_ask){.path = CMS}, &a);
    CU_ASSERT_EQUAL(a.code, 200);
    CU_ASSERT(a.seconds >= 0.29);
    answer_release(&a);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

/* T-9: with lost-event, a change that no watch is told (...DropWatch of the fake source). */
static void watches_fail_in_every_way_that_was_asked_for(void)
{
    struct sim_watching w;
    struct sim_server s;
    json_t *lines;
    char path[256];

    server_start_small(&s);
    arm(&s, "{\"kind\":\"watch-error\",\"events\":3,\"count\":1}");
    lines = watch_path(&s, CMS "?watch=1&timeoutSeconds=5");
    CU_ASSERT_EQUAL(json_array_size(lines), 4);
    CU_ASSERT_STRING_EQUAL(text_at(json_array_get(lines, 3), "type"), "ERROR");
    json_decref(lines);
    arm(&s, "{\"kind\":\"no-end-bookmark\",\"count\":1}");
    lines = watch_path(&s, CMS "?watch=1&allowWatchBookmarks=true&timeoutSeconds=1" STREAM);
    CU_ASSERT_EQUAL(json_array_size(lines), 5);
    json_decref(lines);
    arm(&s, "{\"kind\":\"short-watch\",\"ms\":0,\"count\":1}");
    lines = watch_path(&s, CMS "?watch=1&timeoutSeconds=8");
    CU_ASSERT_EQUAL(json_array_size(lines), 0);
    json_decref(lines);
    arm(&s, "{\"kind\":\"old-event\",\"by\":7,\"count\":1}");
    arm(&s, "{\"kind\":\"lost-event\",\"count\":1}");
    snprintf(path, sizeof path, CMS "?watch=1&timeoutSeconds=1&resourceVersion=%llu", current_rv(&s));
    watch_begin(&w, &s, path);
    CU_ASSERT_EQUAL(merge_patch(&s, CMS "/cm-0", "{\"data\":{\"v\":\"lost\"}}"), 200);
    CU_ASSERT_EQUAL(merge_patch(&s, CMS "/cm-0", "{\"data\":{\"v\":\"old\"}}"), 200);
    lines = watch_end(&w);
    CU_ASSERT_EQUAL(json_array_size(lines), 1);
    CU_ASSERT_STRING_EQUAL(text_at(json_array_get(lines, 0), "object.data.v"), "old");
    CU_ASSERT_EQUAL(strtoull(text_at(json_array_get(lines, 0), "object.metadata.resourceVersion"), NULL, 10), current_rv(&s) - 7);
    json_decref(lines);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void dropped_watches_end_cleanly_or_are_cut(void)
{
    static const struct {
        const char *how;
        int curl;
    } rows[] = {{"{\"how\":\"end\"}", CURLE_OK}, {"{\"how\":\"cut\"}", -1}, {"{\"resource\":\"configmaps\"}", CURLE_OK}};
    struct sim_watching w;
    struct sim_server s;

    server_start_small(&s);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        watch_begin(&w, &s, CMS "?watch=1&timeoutSeconds=9");
        CU_ASSERT_EQUAL(post(&s, "/sim/drop-watches", rows[i].how), 200);
        json_decref(watch_end(&w));
        CU_ASSERT(rows[i].curl < 0 ? w.answer.curl != CURLE_OK : w.answer.curl == rows[i].curl);
    }
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void a_restored_backup_shows_an_older_version_and_state(void)
{
    struct sim_server s;
    unsigned long long rv;
    json_t *v;

    server_start_small(&s);
    rv = current_rv(&s);
    CU_ASSERT_EQUAL(delete_path(&s, CMS "/cm-0"), 200);
    CU_ASSERT_EQUAL(post(&s, CMS, "{\"metadata\":{\"name\":\"later\"}}"), 201);
    CU_ASSERT_EQUAL(post(&s, "/sim/rewind", "{\"by\":2}"), 200);
    v = get_json(&s, CMS);
    CU_ASSERT_EQUAL(strtoull(text_at(v, "metadata.resourceVersion"), NULL, 10), rv);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(v, "items")), 5);
    json_decref(v);
    CU_ASSERT_EQUAL(post(&s, "/sim/rewind", "{\"by\":1}"), 400); /* that history is gone */
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

/* ---- load ----------------------------------------------------------------------------------------------------- */

/* What a mirror would hold: names and versions, from a list. */
static json_t *versions_of(const json_t *list)
{
    json_t *map = json_object(), *item;
    size_t i;

    json_array_foreach(json_object_get(list, "items"), i, item) {
        char key[512];

        snprintf(key, sizeof key, "%s/%s", text_at(item, "metadata.namespace"), text_at(item, "metadata.name"));
        json_object_set(map, key, json_object_get(json_object_get(item, "metadata"), "resourceVersion"));
    }
    return map;
}

static void apply(json_t *map, const json_t *event)
{
    char key[512];

    snprintf(key, sizeof key, "%s/%s", text_at(event, "object.metadata.namespace"), text_at(event, "object.metadata.name"));
    if (strcmp(text_at(event, "type"), "DELETED") == 0)
        json_object_del(map, key);
    else
        json_object_set(map, key, json_object_get(json_object_get(json_object_get(event, "object"), "metadata"), "resourceVersion"));
}

static void a_list_and_its_watch_add_up_to_the_later_list_under_churn(void)
{
    struct sim_watching w;
    struct sim_server s;
    json_t *list, *map, *lines, *later, *want;
    char path[256];

    server_start(&s, (const char *const[]){"--generate", "pods=500,nodes=10,services=20", "--churn", "2000", NULL});
    list = get_json(&s, "/api/v1/pods?limit=100000");
    map = versions_of(list);
    snprintf(path, sizeof path, "/api/v1/pods?watch=1&timeoutSeconds=8&resourceVersion=%s", text_at(list, "metadata.resourceVersion"));
    watch_begin(&w, &s, path); /* long enough for the slowest machine to stop the churn meanwhile */
    CU_ASSERT_EQUAL(post(&s, "/sim/quiesce", NULL), 200);
    later = get_json(&s, "/api/v1/pods");
    want = versions_of(later);
    lines = watch_end(&w);
    for (size_t i = 0; i < json_array_size(lines); i++)
        apply(map, json_array_get(lines, i));
    CU_ASSERT(json_array_size(lines) > 0);
    CU_ASSERT(json_equal(map, want));
    json_decref(list);
    json_decref(map);
    json_decref(lines);
    json_decref(later);
    json_decref(want);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static size_t swallow(char *data, size_t size, size_t n, void *to)
{
    (void)data;
    (void)to;
    return size * n;
}

/* Four changes over one connection that stays open until the caller cleans it up. */
static CURL *change_in_a_row(const struct sim_server *s)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/merge-patch+json");
    CURL *h = curl_easy_init();
    char url[256], body[64];

    snprintf(url, sizeof url, "%s" CMS "/cm-0", s->url);
    curl_easy_setopt(h, CURLOPT_URL, url);
    curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, "PATCH");
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, swallow);
    for (int i = 0; i < 4; i++) {
        snprintf(body, sizeof body, "{\"data\":{\"v\":\"%ld-%d\"}}", random(), i);
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, body);
        curl_easy_perform(h);
    }
    curl_slist_free_all(headers);
    return h;
}

/* A watch is woken by the write itself: nothing else happens on any connection afterwards. */
static void the_last_of_a_row_of_changes_is_not_lost(void)
{
    struct sim_watching w[8];
    struct sim_server s;
    CURL *writer;

    server_start_small(&s);
    for (int round = 0; round < 3; round++) {
        char path[128];

        snprintf(path, sizeof path, CMS "?watch=1&timeoutSeconds=1&resourceVersion=%llu", current_rv(&s));
        for (int i = 0; i < 8; i++)
            watch_begin(&w[i], &s, path);
        writer = change_in_a_row(&s);
        for (int i = 0; i < 8; i++) {
            json_t *lines = watch_end(&w[i]);

            CU_ASSERT_EQUAL(json_array_size(lines), 4);
            json_decref(lines);
        }
        curl_easy_cleanup(writer);
    }
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void clients_that_vanish_leave_no_watch_behind(void)
{
    struct sim_answer a = {0};
    struct sim_server s;
    json_t *v;

    server_start_small(&s);
    for (int i = 0; i < 20; i++)
        ask(&s, &(struct sim_ask){.path = CMS "?watch=1", .timeout_ms = 50}, &a);
    for (int i = 0; i < 100; i++) {
        json_int_t open;

        v = get_json(&s, "/sim/stats");
        open = json_integer_value(json_object_get(v, "openWatches"));
        json_decref(v);
        if (open == 0)
            break;
    }
    v = get_json(&s, "/sim/stats");
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(v, "openWatches")), 0);
    json_decref(v);
    answer_release(&a);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

TARN_TEST_MAIN("apisim_watch",
               TARN_TEST(a_pod_on_a_node_is_deleted_gracefully),
               TARN_TEST(a_watch_tells_what_happened_since_its_version),
               TARN_TEST(a_watch_in_progress_hears_of_changes),
               TARN_TEST(leaving_a_selector_is_a_deletion_that_shows_the_old_labels),
               TARN_TEST(without_a_version_a_watch_begins_with_the_present_state),
               TARN_TEST(a_version_that_is_gone_is_an_error_event),
               TARN_TEST(a_streaming_list_ends_with_its_bookmark_and_goes_on),
               TARN_TEST(bookmarks_come_before_the_end_if_there_is_something_newer),
               TARN_TEST(a_watch_from_the_future_is_silent_until_it_is_the_present),
               TARN_TEST(deleting_a_definition_deletes_its_objects_and_ends_their_watches),
               TARN_TEST(faults_of_whole_requests),
               TARN_TEST(faults_hit_only_what_they_name_until_they_are_removed),
               TARN_TEST(bodies_are_cut_spoilt_slowed_or_withheld),
               TARN_TEST(watches_fail_in_every_way_that_was_asked_for),
               TARN_TEST(dropped_watches_end_cleanly_or_are_cut),
               TARN_TEST(a_restored_backup_shows_an_older_version_and_state),
               TARN_TEST(a_list_and_its_watch_add_up_to_the_later_list_under_churn),
               TARN_TEST(the_last_of_a_row_of_changes_is_not_lost),
               TARN_TEST(clients_that_vanish_leave_no_watch_behind))
