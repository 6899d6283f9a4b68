/* Tests of agent/discovery.c against recorded discovery documents. */
/* tarn-test: threads */
#include "tarn_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent_loop.h"
#include "byte_server.h"
#include "discovery.h"

#define AGG_API "disc-aggregated-api.resp.http"
#define AGG_APIS "disc-aggregated-apis.resp.http"
#define NOT_FOUND "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 19\r\n\r\n404 page not found\n"
#define CORE "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"]}"
#define GROUPS(list) "{\"kind\":\"APIGroupList\",\"groups\":[" list "]}"
#define AGGREGATED(items) "{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/v2beta1\",\"items\":[" items "]}"
#define RESOURCE(plural, verbs) "{\"resource\":\"" plural "\",\"responseKind\":{\"kind\":\"Thing\"},\"scope\":\"Cluster\",\"singularResource\":\"thing\",\"verbs\":[" verbs "]}"
#define GROUP(g, v) "{\"name\":\"" g "\",\"versions\":[{\"groupVersion\":\"" g "/v1beta1\"},{\"groupVersion\":\"" g "/" v "\"}],\"preferredVersion\":{\"groupVersion\":\"" g "/" v "\"}}"

struct answer_got {
    bool done;
    int code;
    char text[600];
};

static void on_found(void *ctx, const struct tarn_discovered *f, const struct tarn_error *error)
{
    struct answer_got *g = ctx;

    CU_ASSERT_FALSE(g->done);
    g->done = true;
    if (f)
        (void)snprintf(g->text, sizeof g->text, "%s|%s|%s|%s|%s|%s|%s", f->plural, f->group, f->api_version, f->kind, f->singular,
                       f->namespaced ? "namespaced" : "cluster", f->short_names.n ? f->short_names.v[0] : "");
    else
        (void)snprintf(g->text, sizeof g->text, "%s", error->message);
    g->code = f ? 0 : error->code;
}

/* An answer is a recorded file, a JSON body, NULL for 404, or a whole response that begins with HTTP. */
static struct byte_answer make_answer(const char *what, char **ret_owned)
{
    struct byte_answer a = {.after = 1};

    *ret_owned = NULL;
    if (!what)
        a.bytes = NOT_FOUND;
    else if (strncmp(what, "HTTP", 4) == 0)
        a.bytes = what;
    else if (*what == '{')
        a.bytes = *ret_owned = json_answer(200, what, &a.len);
    else
        a.bytes = *ret_owned = test_data(what, &a.len);
    return a;
}

static void a_name_is_found_in_whatever_form_it_is_given(void)
{
    static const struct {
        const char *name, *api_version;
        const char *answers[4];
        unsigned nanswers;
        int code;
        const char *text, *last_request;
    } rows[] = {
        /* aggregated: two answers have everything */
        {"pods", NULL, {AGG_API}, 1, 0, "pods||v1|Pod|pod|namespaced|po", "GET /api "},
        {"po", NULL, {AGG_API}, 1, 0, "pods||v1|Pod|pod|namespaced|po", "GET /api "},
        {"Node", NULL, {AGG_API}, 1, 0, "nodes||v1|Node|node|cluster|no", "GET /api "},
        {"service", NULL, {AGG_API}, 1, 0, "services||v1|Service|service|namespaced|svc", "GET /api "},
        {"deployments", NULL, {AGG_API, AGG_APIS}, 2, 0, "deployments|apps|apps/v1|Deployment|deployment|namespaced|deploy", "GET /apis "},
        {"Deployment", NULL, {AGG_API, AGG_APIS}, 2, 0, "deployments|apps|apps/v1|Deployment|deployment|namespaced|deploy", "GET /apis "},
        {"deploy.apps", NULL, {AGG_APIS}, 1, 0, "deployments|apps|apps/v1|Deployment|deployment|namespaced|deploy", "GET /apis "},
        {"wd", NULL, {AGG_API, AGG_APIS}, 2, 0, "widgets|lab.example.com|lab.example.com/v1|Widget|widget|namespaced|wd", "GET /apis "},
        {"events.events.k8s.io", NULL, {AGG_APIS}, 1, 0, "events|events.k8s.io|events.k8s.io/v1|Event|event|namespaced|ev", "GET /apis "},
        {"events", NULL, {AGG_API}, 1, 0, "events||v1|Event|event|namespaced|ev", "GET /api "},
        {"things.a.b", NULL, {AGGREGATED("{\"metadata\":{\"name\":\"x\"},\"versions\":[{\"version\":\"v3\",\"resources\":[" RESOURCE("things", "\"list\",\"watch\"") "]}]},{\"metadata\":{\"name\":\"a.b\"},\"versions\":[{\"version\":\"v2\",\"freshness\":\"Stale\"},{\"version\":\"v1\",\"resources\":[" RESOURCE("things", "\"list\",\"watch\"") "]}]}")}, 1, 0, "things|a.b|a.b/v1|Thing|thing|cluster|", "GET /apis "},
        {"things.x", NULL, {AGGREGATED("{\"metadata\":{\"name\":\"x\"},\"versions\":[{\"version\":\"v1\",\"resources\":[" RESOURCE("things", "\"create\"") "]}]}")}, 1, TARN_E_UNSUPPORTED, "cannot be listed", "GET /apis "},
        {"gadgets.lab.example.com", NULL, {AGG_APIS}, 1, TARN_E_NOTFOUND, "resource 'gadgets.lab.example.com': the server has no such resource (404 ", "GET /apis "},
        /* plain: versions and groups lead to lists of resources */
        {"pods", NULL, {CORE, "disc-core.resp.http"}, 2, 0, "pods||v1|Pod|pod|namespaced|po", "GET /api/v1 "},
        {"po", NULL, {CORE, "disc-core.resp.http"}, 2, 0, "pods||v1|Pod|pod|namespaced|po", "GET /api/v1 "},
        {"pods.v1", NULL, {"disc-core.resp.http"}, 1, 0, "pods||v1|Pod|pod|namespaced|po", "GET /api/v1 "},
        {"deployments.apps", NULL, {GROUPS(GROUP("batch", "v1") "," GROUP("apps", "v1")), "disc-apps.resp.http"}, 2, 0, "deployments|apps|apps/v1|Deployment|deployment|namespaced|deploy", "GET /apis/apps/v1 "},
        {"deploy.v1.apps", NULL, {"disc-apps.resp.http"}, 1, 0, "deployments|apps|apps/v1|Deployment|deployment|namespaced|deploy", "GET /apis/apps/v1 "},
        {"deployments", "apps/v1", {"disc-apps.resp.http"}, 1, 0, "deployments|apps|apps/v1|Deployment|deployment|namespaced|deploy", "GET /apis/apps/v1 "},
        {"widgets.lab.example.com", NULL, {GROUPS(GROUP("lab.example.com", "v1")), "disc-lab.resp.http"}, 2, 0, "widgets|lab.example.com|lab.example.com/v1|Widget|widget|namespaced|wd", "GET /apis/lab.example.com/v1 "},
        {"deployments.apps", NULL, {GROUPS(GROUP("apps", "v2")), NULL, "disc-apps.resp.http"}, 3, 0, "deployments|apps|apps/v1|Deployment|deployment|namespaced|deploy", "GET /apis/apps/v1beta1 "},
        {"gadgets.lab.example.com", NULL, {GROUPS(GROUP("apps", "v1"))}, 1, TARN_E_NOTFOUND, "the server has no such resource (404 ", "GET /apis "},
        {"gadgets.v1.x", NULL, {NULL, NULL}, 2, TARN_E_NOTFOUND, "the server has no such resource (404 ", "GET /apis "},
        {"bindings", NULL, {CORE, "disc-core.resp.http", GROUPS("")}, 3, TARN_E_UNSUPPORTED, "cannot be listed", "GET /apis "},
        {"status", NULL, {CORE, "disc-core.resp.http", GROUPS("")}, 3, TARN_E_NOTFOUND, "no such resource", "GET /apis "},
        {"pods", NULL, {"err-403.resp.http"}, 1, TARN_E_STATUS, "(403 Forbidden)", "GET /api "},
        {"pods", NULL, {"{\"resources\":[}"}, 1, TARN_E_SYNTAX, "resource 'pods'", "GET /api "},
        {"pods", NULL, {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"}, 1, TARN_E_IO, "GET http://", "GET /api "},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct byte_answer answers[4];
        char *owned[4] = {0}, request[1024];
        struct byte_server *s;
        struct agent_loop l;
        struct tarn_discovery *d;
        struct tarn_lookup *lookup;
        struct answer_got g = {0};

        for (unsigned j = 0; j < rows[i].nanswers; j++)
            answers[j] = make_answer(rows[i].answers[j], &owned[j]);
        if (rows[i].code == TARN_E_IO)
            answers[0].after = 0;
        s = byte_server_start(answers, rows[i].nanswers);
        agent_loop_init(&l, byte_server_url(s));
        CU_ASSERT_FATAL(tarn_discovery_new(l.http, &d) == 0);
        CU_ASSERT(tarn_discovery_find(d, rows[i].name, rows[i].api_version, &(struct tarn_lookup_sink){on_found, &g}, &lookup) == 0);
        CU_ASSERT(agent_loop_run(&l, &g.done));
        if (g.code != rows[i].code || !strstr(g.text, rows[i].text))
            printf("%s: %d: %s\n", rows[i].name, g.code, g.text);
        CU_ASSERT_EQUAL(g.code, rows[i].code);
        CU_ASSERT(strstr(g.text, rows[i].text) != NULL);
        byte_server_request(s, byte_server_requests(s) - 1, request, sizeof request);
        CU_ASSERT(strstr(request, rows[i].last_request) == request);
        CU_ASSERT_EQUAL(byte_server_requests(s), rows[i].nanswers);
        byte_server_request(s, 0, request, sizeof request);
        CU_ASSERT_EQUAL(strstr(request, ";as=APIGroupDiscoveryList,") != NULL, strstr(request, "GET /api ") || strstr(request, "GET /apis "));
        tarn_discovery_free(d);
        agent_loop_release(&l);
        byte_server_stop(s);
        for (unsigned j = 0; j < 4; j++)
            free(owned[j]);
    }
}

static void a_name_without_group_is_looked_for_in_every_group(void)
{
    size_t n, lab;
    char *core = test_data("disc-core.resp.http", &n), *custom = test_data("disc-lab.resp.http", &lab), *groups, *versions;
    struct byte_answer answers[] = {{.after = 1}, {.bytes = core, .len = n, .after = 1}, {.after = 1}, {.bytes = NOT_FOUND, .after = 1}, {.bytes = custom, .len = lab, .after = 1}};
    struct byte_server *s;
    struct agent_loop l;
    struct tarn_discovery *d;
    struct tarn_lookup *lookup;
    struct answer_got g = {0};

    versions = json_answer(200, CORE, &answers[0].len);
    answers[0].bytes = versions;
    groups = json_answer(200, GROUPS(GROUP("apps", "v1") "," GROUP("lab.example.com", "v1")), &answers[2].len);
    answers[2].bytes = groups;
    s = byte_server_start(answers, 5);
    agent_loop_init(&l, byte_server_url(s));
    CU_ASSERT_FATAL(tarn_discovery_new(l.http, &d) == 0);
    CU_ASSERT(tarn_discovery_find(d, "widgets", NULL, &(struct tarn_lookup_sink){on_found, &g}, &lookup) == 0);
    CU_ASSERT(agent_loop_run(&l, &g.done));
    CU_ASSERT_STRING_EQUAL(g.text, "widgets|lab.example.com|lab.example.com/v1|Widget|widget|namespaced|wd");
    tarn_discovery_free(d);
    agent_loop_release(&l);
    byte_server_stop(s);
    free(core);
    free(custom);
    free(groups);
    free(versions);
}

static void lookups_of_one_burst_share_their_documents_and_may_be_cancelled(void)
{
    size_t n;
    char *core = test_data(AGG_API, &n);
    struct byte_answer answers[] = {{.bytes = core, .len = n, .after = 1}};
    struct byte_server *s = byte_server_start(answers, 1);
    static const char *const names[] = {"pods", "nodes", "services", "configmaps"};
    struct agent_loop l;
    struct tarn_discovery *d;
    struct tarn_lookup *lookups[4];
    struct answer_got g[4] = {0};

    agent_loop_init(&l, byte_server_url(s));
    CU_ASSERT_FATAL(tarn_discovery_new(l.http, &d) == 0);
    for (int i = 0; i < 4; i++)
        CU_ASSERT(tarn_discovery_find(d, names[i], NULL, &(struct tarn_lookup_sink){on_found, &g[i]}, &lookups[i]) == 0);
    tarn_discovery_cancel(lookups[0]);
    tarn_discovery_cancel(lookups[2]);
    CU_ASSERT(agent_loop_run(&l, &g[3].done));
    CU_ASSERT(!g[0].done && g[1].done && !g[2].done);
    CU_ASSERT_EQUAL(byte_server_requests(s), 1);
    tarn_discovery_free(d);
    agent_loop_release(&l);
    byte_server_stop(s);
    free(core);
}

TARN_TEST_MAIN("discovery", TARN_TEST(a_name_is_found_in_whatever_form_it_is_given), TARN_TEST(a_name_without_group_is_looked_for_in_every_group),
               TARN_TEST(lookups_of_one_burst_share_their_documents_and_may_be_cancelled))
