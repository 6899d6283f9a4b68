/* Tests of agent/list_watch_http.c and request_path.c: recorded answers of a real API server, replayed byte by byte. */
/* tarn-test: threads */
#include "tarn_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/status.h>

#include "agent_loop.h"
#include "byte_server.h"
#include "list_watch_http.h"

/* A sink that writes down what it hears. */
struct heard {
    struct tarn_list_watch_sink sink; /* first */
    char log[65536];
    size_t len;
    bool done;
    struct tarn_end end;
    char message[600];
    int status_code;
    uint32_t retry_after_ms;
    int stop_at; /* refuse the n-th item or event, 0: none */
    struct tarn_list_watch *next; /* and start the next list on this before */
    int seen;
    bool failed, opened, established;
    char rv[64], cont[400];
};

static struct heard *of(struct tarn_list_watch_sink *s)
{
    return (struct heard *)s;
}

static void note(struct heard *h, const char *word, struct tarn_bytes key)
{
    h->len += (size_t)snprintf(h->log + h->len, sizeof h->log - h->len, "%s%s:%.*s", h->len ? " " : "", word, TARN_BYTES_ARG(key));
}

static int count(struct heard *h)
{
    if (++h->seen != h->stop_at)
        return 0;
    h->done = true;
    if (h->next)
        CU_ASSERT(h->next->ops->list(h->next, &(struct tarn_list_options){.limit = 1}, &h->sink) == 0);
    h->next = NULL;
    return -99;
}

static int on_item(struct tarn_list_watch_sink *s, const struct tarn_object *obj)
{
    note(of(s), "item", tarn_object_key(obj));
    return count(of(s));
}

static void on_skipped(struct tarn_list_watch_sink *s, int code, struct tarn_bytes key)
{
    note(of(s), tarn_error_name(code), key);
}

static void on_page(struct tarn_list_watch_sink *s, const struct tarn_list_meta *meta)
{
    struct heard *h = of(s);

    (void)snprintf(h->rv, sizeof h->rv, "%.*s", TARN_BYTES_ARG(meta->resource_version));
    (void)snprintf(h->cont, sizeof h->cont, "%.*s", TARN_BYTES_ARG(meta->cont));
    CU_ASSERT_FALSE(h->done);
    h->done = true;
}

static void take_end(struct heard *h, const struct tarn_end *end)
{
    CU_ASSERT_FALSE(h->done);
    h->end = *end;
    h->done = true;
    h->retry_after_ms = end->retry_after_ms;
    if (end->status) {
        h->status_code = end->status->code;
        (void)snprintf(h->message, sizeof h->message, "%.*s", TARN_BYTES_ARG(end->status->message));
    } else if (end->error) {
        (void)snprintf(h->message, sizeof h->message, "%s", end->error->message);
    }
}

static void on_list_failed(struct tarn_list_watch_sink *s, const struct tarn_end *end)
{
    of(s)->failed = true;
    take_end(of(s), end);
}

static void on_watch_open(struct tarn_list_watch_sink *s)
{
    of(s)->opened = true;
}

static int on_event(struct tarn_list_watch_sink *s, enum tarn_watch_event_type type, const struct tarn_object *obj)
{
    static const char *const names[] = {"ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR", "UNKNOWN"};

    note(of(s), names[type], tarn_object_key(obj));
    return count(of(s));
}

static void on_watch_end(struct tarn_list_watch_sink *s, bool established, const struct tarn_end *end)
{
    of(s)->established = established;
    take_end(of(s), end);
}

static struct heard *new_heard(void)
{
    struct heard *h = calloc(1, sizeof *h);

    h->sink = (struct tarn_list_watch_sink){on_item, on_skipped, on_page, on_list_failed, on_watch_open, on_event, on_watch_end};
    return h;
}

/* One resource against one answer. */
struct rig {
    struct byte_server *server;
    struct agent_loop l;
    struct tarn_list_watch *lw;
    struct heard *h;
    char *bytes;
    struct byte_answer answer;
};

static void rig_start(struct rig *r, char *bytes, size_t n, size_t piece)
{
    static const char *const drop[] = {"metadata.managedFields"};

    *r = (struct rig){.bytes = bytes, .answer = {.bytes = bytes, .len = n, .piece = piece}, .h = new_heard()};
    r->server = byte_server_start(&r->answer, 1);
    agent_loop_init(&r->l, byte_server_url(r->server));
    CU_ASSERT_FATAL(tarn_list_watch_http_new(
                        &(struct tarn_list_watch_http_options){
                            .http = r->l.http, .api_version = "v1", .plural = "pods", .projection = {.drop = drop, .ndrop = 1}, .streaming_lists = true},
                        &r->lw, NULL) == 0);
}

static void rig_end(struct rig *r)
{
    tarn_list_watch_http_free(r->lw);
    agent_loop_release(&r->l);
    byte_server_stop(r->server);
    free(r->bytes);
    free(r->h);
}

static void list(struct rig *r)
{
    CU_ASSERT_FATAL(r->lw->ops->list(r->lw, &(struct tarn_list_options){.limit = 500}, &r->h->sink) == 0);
    CU_ASSERT(agent_loop_run(&r->l, &r->h->done));
}

static void watch(struct rig *r)
{
    CU_ASSERT_FATAL(r->lw->ops->watch(r->lw, &(struct tarn_watch_options){.resource_version = TARN_BYTES("7"), .timeout_s = 300, .allow_bookmarks = true}, &r->h->sink) == 0);
    CU_ASSERT(agent_loop_run(&r->l, &r->h->done));
}

static void recorded(struct rig *r, const char *name, size_t piece)
{
    size_t n;
    char *bytes = test_data(name, &n);

    rig_start(r, bytes, n, piece);
}

static void recorded_pages_become_items_however_they_are_cut(void)
{
    static const struct {
        const char *file, *log, *rv;
        bool more;
    } rows[] = {
        {"list-page-1.resp.http", "item:proto/web-0 item:proto/web-1", "213", true},
        {"list-page-2.resp.http", "item:proto/web-2 item:proto/web-3", "213", true},
        {"list-plain.resp.http", "item:proto/web-0 item:proto/web-1 item:proto/web-2 item:proto/web-3 item:proto/web-4", "213", false},
        {"list-empty.resp.http", "", "214", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t piece = 7; piece < 5000; piece *= 19) {
            struct rig r;

            recorded(&r, rows[i].file, piece);
            list(&r);
            CU_ASSERT_FALSE(r.h->failed);
            CU_ASSERT_STRING_EQUAL(r.h->log, rows[i].log);
            CU_ASSERT_STRING_EQUAL(r.h->rv, rows[i].rv);
            CU_ASSERT_EQUAL(r.h->cont[0] != '\0', rows[i].more);
            rig_end(&r);
        }
}

static void a_custom_resource_list_has_its_metadata_last(void)
{
    struct rig r;

    recorded(&r, "form-protobuf-fallback.resp.http", 11);
    list(&r);
    CU_ASSERT_FALSE(r.h->failed);
    CU_ASSERT(strstr(r.h->log, "item:") != NULL);
    CU_ASSERT(r.h->rv[0] != '\0');
    rig_end(&r);
}

/* R-20's input: what the server sent, in order. */
static void recorded_watches_become_events(void)
{
    static const struct {
        const char *file, *log;
    } rows[] = {
        {"watch-changes.resp.http", "ADDED:proto/brief MODIFIED:proto/brief MODIFIED:proto/brief MODIFIED:proto/brief DELETED:proto/brief"},
        {"watch-timeout.resp.http", ""},
        {"expire-watch.resp.http", "ERROR:"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t piece = 1; piece < 5000; piece *= 41) {
            struct rig r;

            recorded(&r, rows[i].file, piece);
            watch(&r);
            CU_ASSERT(r.h->opened && r.h->established);
            CU_ASSERT_EQUAL(r.h->end.reason, TARN_END_NORMAL);
            if (strcmp(r.h->log, rows[i].log) != 0)
                printf("%s: %s\n", rows[i].file, r.h->log);
            CU_ASSERT_STRING_EQUAL(r.h->log, rows[i].log);
            rig_end(&r);
        }
}

/* a connection cut mid-stream is a normal end; what came before it counts. */
static void a_watch_cut_off_ends_normally(void)
{
    struct rig r;

    recorded(&r, "stop-sigkill-watch.resp.http", 0);
    watch(&r);
    CU_ASSERT(r.h->established);
    CU_ASSERT_EQUAL(r.h->end.reason, TARN_END_NORMAL);
    CU_ASSERT(strstr(r.h->log, "MODIFIED:") == r.h->log);
    rig_end(&r);
}

static void a_streaming_list_ends_with_its_bookmark(void)
{
    struct rig r;

    recorded(&r, "watch-list.resp.http", 100);
    watch(&r);
    CU_ASSERT(strstr(r.h->log, "ADDED:") == r.h->log && strstr(r.h->log, "BOOKMARK:") != NULL);
    CU_ASSERT(r.lw->ops->supports_streaming_list(r.lw));
    rig_end(&r);
}

/* an error answer is a Status, whatever its form. */
static void error_answers_become_a_status(void)
{
    static const struct {
        const char *file;
        int code;
        uint32_t retry_after_ms;
        const char *text;
    } rows[] = {
        {"err-401.resp.http", 401, 0, "Unauthorized"},
        {"err-403.resp.http", 403, 0, "forbidden"},
        {"err-404-resource.resp.http", 404, 0, "could not find the requested resource"},
        {"err-404-group.resp.http", 404, 0, "could not find the requested resource (get pods)"},
        {"cr-after-crd-deleted.resp.http", 404, 0, "could not find"},
        {"expire-continue.resp.http", 410, 0, "too old"},
        {"throttle-inflight.resp.http", 429, 1000, "oo many requests"},
        {"start-cr-429.resp.http", 429, 1000, "initializ"},
        {"start-cr-503.resp.http", 503, 5000, ""},
        {"nofeature-watch-list.resp.http", 422, 0, "sendInitialEvents"},
        {"list-rv-too-large.resp.http", 504, 1000, "Too large resource version"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int watching = 0; watching < 2; watching++) {
            struct rig r;

            recorded(&r, rows[i].file, 13);
            if (watching)
                watch(&r);
            else
                list(&r);
            CU_ASSERT_EQUAL(r.h->end.reason, TARN_END_STATUS);
            CU_ASSERT_EQUAL(r.h->status_code, rows[i].code);
            CU_ASSERT_EQUAL(r.h->retry_after_ms, rows[i].retry_after_ms);
            CU_ASSERT_FALSE(r.h->established || r.h->opened);
            if (!strstr(r.h->message, rows[i].text))
                printf("%s: %s\n", rows[i].file, r.h->message);
            CU_ASSERT(strstr(r.h->message, rows[i].text) != NULL);
            rig_end(&r);
        }
}

/* R-24 and the bad input: named, with the place. */
static void what_does_not_parse_is_undecodable_and_named(void)
{
    static const struct {
        const char *what, *body;
        bool watching;
        int items;
    } rows[] = {
        {"broken JSON in a page", "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[{\"metadata\":{\"name\":\"a\"}},{\"metadata\":{\"name\":]}", false, 1},
        {"a page that ends in the middle", "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[{\"metadata\":{\"name\":\"a\"}}", false, 1},
        {"nothing at all", "", false, 0},
        {"broken JSON in a watch line", "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}\n{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":}}\n", true, 1},
        {"text in a watch", "hello\n", true, 0},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rig r;
        size_t n;
        char *bytes = json_answer(200, rows[i].body, &n);

        rig_start(&r, bytes, n, 3);
        if (rows[i].watching)
            watch(&r);
        else
            list(&r);
        CU_ASSERT_EQUAL(r.h->end.reason, TARN_END_UNDECODABLE);
        CU_ASSERT_EQUAL(r.h->seen, rows[i].items);
        if (!strstr(r.h->message, "pods"))
            printf("%s: %s\n", rows[i].what, r.h->message);
        CU_ASSERT(strstr(r.h->message, "pods") != NULL);
        rig_end(&r);
    }
}

static void a_page_in_html_is_no_api_server(void)
{
    struct rig r;
    char *bytes = strdup("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>");

    rig_start(&r, bytes, strlen(bytes), 0);
    list(&r);
    CU_ASSERT_EQUAL(r.h->end.reason, TARN_END_UNDECODABLE);
    CU_ASSERT(strstr(r.h->message, "text/html") && strstr(r.h->message, "API server"));
    rig_end(&r);
}

/* */
static void a_status_in_place_of_a_list_is_an_error(void)
{
    struct rig r;
    size_t n;
    char *bytes = json_answer(200, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":\"no\",\"code\":500}", &n);

    rig_start(&r, bytes, n, 0);
    list(&r);
    CU_ASSERT(r.h->failed);
    rig_end(&r);
}

static void a_list_cut_off_is_an_error_and_a_refused_watch_is_told(void)
{
    struct rig r;
    char url[64];
    char *bytes = strdup("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"ite");

    rig_start(&r, bytes, strlen(bytes), 0);
    list(&r);
    CU_ASSERT(r.h->failed);
    CU_ASSERT_NOT_EQUAL(r.h->end.reason, TARN_END_NORMAL);
    rig_end(&r);

    /* */
    bytes = strdup("");
    rig_start(&r, bytes, 0, 0);
    r.answer.bytes = NULL;
    watch(&r);
    CU_ASSERT_EQUAL(r.h->end.reason, TARN_END_NORMAL);
    CU_ASSERT_FALSE(r.h->established);
    rig_end(&r);

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u", closed_port());
    r = (struct rig){.h = new_heard()};
    agent_loop_init(&r.l, url);
    CU_ASSERT_FATAL(tarn_list_watch_http_new(&(struct tarn_list_watch_http_options){.http = r.l.http, .api_version = "v1", .plural = "pods"}, &r.lw, NULL) == 0);
    watch(&r);
    CU_ASSERT_EQUAL(r.h->end.reason, TARN_END_REFUSED);
    tarn_list_watch_http_free(r.lw);
    agent_loop_release(&r.l);
    free(r.h);
}

/* A non-zero answer of the sink ends the request, and nothing more is said about it. */
static void the_sink_may_end_a_request(void)
{
    struct rig r;

    recorded(&r, "list-plain.resp.http", 5);
    r.h->stop_at = 2;
    list(&r);
    CU_ASSERT_EQUAL(r.h->seen, 2);
    CU_ASSERT_FALSE(r.h->failed);
    /* the next request works on the same object */
    r.h->done = false;
    r.h->stop_at = 0;
    r.h->len = 0;
    CU_ASSERT(r.lw->ops->list(r.lw, &(struct tarn_list_options){.limit = 1}, &r.h->sink) == 0); /* though the first transfer may still be there */
    CU_ASSERT(agent_loop_run(&r.l, &r.h->done));
    CU_ASSERT_STRING_EQUAL(r.h->rv, "213");
    rig_end(&r);
}

/* As a reflector falls back on a list when an ERROR event ends its stream. */
static void the_sink_may_start_the_next_request_from_inside_its_call(void)
{
    struct rig r;

    recorded(&r, "list-plain.resp.http", 5);
    r.h->stop_at = 2;
    r.h->next = r.lw;
    list(&r);
    CU_ASSERT_EQUAL(r.h->seen, 2);
    r.h->done = false;
    r.h->stop_at = 0;
    r.h->len = 0;
    CU_ASSERT(agent_loop_run(&r.l, &r.h->done));
    CU_ASSERT_STRING_EQUAL(r.h->log, "item:proto/web-0 item:proto/web-1 item:proto/web-2 item:proto/web-3 item:proto/web-4");
    CU_ASSERT_STRING_EQUAL(r.h->rv, "213");
    CU_ASSERT_FALSE(r.h->failed);
    rig_end(&r);
}

static void cancel_drops_what_is_under_way(void)
{
    struct rig r;
    char *bytes = strdup("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"ite\r\n");

    rig_start(&r, bytes, strlen(bytes), 0);
    r.answer.after = 2;
    CU_ASSERT(r.lw->ops->list(r.lw, &(struct tarn_list_options){0}, &r.h->sink) == 0);
    while (byte_server_sent(r.server) < strlen(bytes))
        (void)uv_run(&r.l.loop, UV_RUN_NOWAIT);
    r.lw->ops->cancel(r.lw);
    r.lw->ops->cancel(r.lw);
    for (int i = 0; i < 20; i++)
        (void)uv_run(&r.l.loop, UV_RUN_NOWAIT);
    CU_ASSERT_FALSE(r.h->done);
    rig_end(&r);
}

static void paths_and_queries_are_escaped(void)
{
    struct tarn_buf b = {0};

    CU_ASSERT(tarn_resource_path(&b, "v1", NULL, "pods") == 0);
    CU_ASSERT(tarn_list_query(&b, &(struct tarn_list_options){.limit = 500, .resource_version = TARN_BYTES("0"), .label_selector = TARN_BYTES("app in (a,b),x!=ä&y")}) == 0);
    CU_ASSERT(tarn_buf_add(&b, "", 1) == 0);
    CU_ASSERT_STRING_EQUAL(b.data, "/api/v1/pods?limit=500&resourceVersion=0&labelSelector=app%20in%20%28a%2Cb%29%2Cx%21%3D%C3%A4%26y");
    tarn_buf_clear(&b);
    CU_ASSERT(tarn_resource_path(&b, "apps/v1", "kube-system", "deployments") == 0);
    CU_ASSERT(tarn_watch_query(&b, &(struct tarn_watch_options){.resource_version = TARN_BYTES("12"), .timeout_s = 301, .allow_bookmarks = true,
                                                                .send_initial_events = true, .resource_version_match = TARN_BYTES("NotOlderThan")}) == 0);
    CU_ASSERT(tarn_buf_add(&b, "", 1) == 0);
    CU_ASSERT_STRING_EQUAL(b.data, "/apis/apps/v1/namespaces/kube-system/deployments?watch=true&allowWatchBookmarks=true&sendInitialEvents=true"
                                   "&resourceVersion=12&resourceVersionMatch=NotOlderThan&timeoutSeconds=301");
    tarn_buf_release(&b);
}

/* L-3, L-4: the configured selectors stand in every request, beside the request's own. */
static void configured_selectors_go_with_list_and_watch(void)
{
    struct rig r;
    char request[1024];

    recorded(&r, "list-empty.resp.http", 0);
    tarn_list_watch_http_free(r.lw);
    CU_ASSERT_FATAL(tarn_list_watch_http_new(
                        &(struct tarn_list_watch_http_options){
                            .http = r.l.http, .api_version = "v1", .plural = "pods", .namespace = "a", .label_selector = "app=x", .field_selector = "spec.nodeName=n1"},
                        &r.lw, NULL) == 0);
    CU_ASSERT(r.lw->ops->list(r.lw, &(struct tarn_list_options){.label_selector = TARN_BYTES("tier")}, &r.h->sink) == 0);
    CU_ASSERT(agent_loop_run(&r.l, &r.h->done));
    byte_server_request(r.server, 0, request, sizeof request);
    CU_ASSERT(strstr(request, "GET /api/v1/namespaces/a/pods?labelSelector=app%3Dx%2Ctier&fieldSelector=spec.nodeName%3Dn1 HTTP/1.1") == request);
    rig_end(&r);
}

TARN_TEST_MAIN("list_watch_http", TARN_TEST(recorded_pages_become_items_however_they_are_cut), TARN_TEST(a_custom_resource_list_has_its_metadata_last),
               TARN_TEST(recorded_watches_become_events), TARN_TEST(a_watch_cut_off_ends_normally),
               TARN_TEST(a_streaming_list_ends_with_its_bookmark), TARN_TEST(error_answers_become_a_status),
               TARN_TEST(what_does_not_parse_is_undecodable_and_named), TARN_TEST(a_page_in_html_is_no_api_server),
               TARN_TEST(a_status_in_place_of_a_list_is_an_error), TARN_TEST(a_list_cut_off_is_an_error_and_a_refused_watch_is_told),
               TARN_TEST(the_sink_may_end_a_request), TARN_TEST(the_sink_may_start_the_next_request_from_inside_its_call), TARN_TEST(cancel_drops_what_is_under_way), TARN_TEST(paths_and_queries_are_escaped),
               TARN_TEST(configured_selectors_go_with_list_and_watch))
