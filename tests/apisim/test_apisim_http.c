/* test_apisim_http.c - requests, lists, forms and writes through HTTP: what a real server answers to the same (recorded
 * exchanges list-*, form-*, err-*, expire-*; semantics row W-10). */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "client.h"
#include "tarn_test.h"

#define CMS "/api/v1/namespaces/proto/configmaps"

/* ---- one question, one answer ------------------------------------------------------------------- */

#define STATUS(rest) "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\"," rest "\n"

/* W-10 among them: the rules of list options. */
static void answers_are_those_of_a_real_server(void)
{
    static const struct {
        const char *name, *method, *path, *type, *body;
        long code;
        const char *answer; /* the whole body, or with a leading * a part of it */
    } rows[] = {
        {"list-rv-garbage", NULL, CMS "?resourceVersion=abc", NULL, NULL, 400,
         STATUS("\"message\":\"invalid resource version: resourceVersion: Invalid value: \\\"abc\\\": strconv.ParseUint: parsing \\\"abc\\\": invalid syntax\",\"reason\":\"BadRequest\",\"code\":400}")},
        {"list-match-without-rv", NULL, CMS "?resourceVersionMatch=NotOlderThan", NULL, NULL, 422,
         STATUS("\"message\":\"ListOptions.meta.k8s.io \\\"\\\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided\",\"reason\":\"Invalid\",\"details\":{\"group\":\"meta.k8s.io\",\"kind\":\"ListOptions\",\"causes\":[{\"reason\":\"FieldValueForbidden\",\"message\":\"Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided\",\"field\":\"resourceVersionMatch\"}]},\"code\":422}")},
        {"W-10 exact 0", NULL, CMS "?resourceVersionMatch=Exact&resourceVersion=0", NULL, NULL, 422, "*is forbidden for resourceVersion"},
        {"W-10 match with continue", NULL, CMS "?resourceVersionMatch=NotOlderThan&resourceVersion=1&continue=x", NULL, NULL, 422, "*forbidden when continue"},
        {"W-10 unknown match", NULL, CMS "?resourceVersionMatch=Newest&resourceVersion=1", NULL, NULL, 422, "*Unsupported value"},
        {"list-continue-with-rv", NULL, CMS "?limit=2&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MjEzLCJzdGFydCI6Ii93ZWItM1x1MDAwMCJ9&resourceVersion=213", NULL, NULL, 400,
         STATUS("\"message\":\"specifying resource version is not allowed when using continue\",\"reason\":\"BadRequest\",\"code\":400}")},
        {"list-continue-garbage", NULL, CMS "?limit=2&continue=garbage", NULL, NULL, 400, "*invalid continue token: continue key is not valid"},
        {"list-fieldselector-unsupported", NULL, "/api/v1/namespaces/proto/pods?fieldSelector=spec.hostname%3Dx", NULL, NULL, 400,
         STATUS("\"message\":\"field label not supported: spec.hostname\",\"reason\":\"BadRequest\",\"code\":400}")},
        {"list-labelselector-garbage", NULL, CMS "?labelSelector=a%3D%3D%3Db", NULL, NULL, 400, "*unable to parse requirement"},
        {"list-empty", NULL, CMS "?labelSelector=none%3Dsuch", NULL, NULL, 200, "*\"items\":[]}"},
        {"err-404-namespace", NULL, "/api/v1/namespaces/nowhere/configmaps", NULL, NULL, 200, "*\"items\":[]}"},
        {"list-head", "HEAD", CMS, NULL, NULL, 405, ""},
        {"watch-rv-garbage", NULL, CMS "?watch=1&resourceVersion=abc", NULL, NULL, 500,
         STATUS("\"message\":\"resourceVersion: Invalid value: \\\"abc\\\": strconv.ParseUint: parsing \\\"abc\\\": invalid syntax\",\"code\":500}")},
        {"watch-list-no-match", NULL, CMS "?watch=1&sendInitialEvents=true&allowWatchBookmarks=true", NULL, NULL, 422,
         STATUS("\"message\":\"ListOptions.meta.k8s.io \\\"\\\" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan\",\"reason\":\"Invalid\",\"details\":{\"group\":\"meta.k8s.io\",\"kind\":\"ListOptions\",\"causes\":[{\"reason\":\"FieldValueForbidden\",\"message\":\"Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan\",\"field\":\"resourceVersionMatch\"}]},\"code\":422}")},
        {"W-10 initial events without watch", NULL, CMS "?sendInitialEvents=true&resourceVersionMatch=NotOlderThan", NULL, NULL, 422, "*sendInitialEvents is forbidden for list"},
        {"W-10 match on a plain watch", NULL, CMS "?watch=1&resourceVersionMatch=NotOlderThan&resourceVersion=1", NULL, NULL, 422, "*forbidden for watch unless sendInitialEvents"},
        {"err-404-object", NULL, "/api/v1/namespaces/proto/pods/nobody", NULL, NULL, 404,
         STATUS("\"message\":\"pods \\\"nobody\\\" not found\",\"reason\":\"NotFound\",\"details\":{\"name\":\"nobody\",\"kind\":\"pods\"},\"code\":404}")},
        {"err-404-resource", NULL, "/api/v1/namespaces/proto/gadgets", NULL, NULL, 404,
         STATUS("\"message\":\"the server could not find the requested resource\",\"reason\":\"NotFound\",\"details\":{},\"code\":404}")},
        {"err-404-group", NULL, "/apis/no.such.group/v1/gadgets", NULL, NULL, 404, "404 page not found\n"},
        {"err-404-watch", NULL, "/apis/lab.example.com/v1/gadgets?watch=1", NULL, NULL, 404, "404 page not found\n"},
        {"err-405", "POST", "/api/v1/pods", "application/json", "{}", 405,
         STATUS("\"message\":\"the server does not allow this method on the requested resource\",\"reason\":\"MethodNotAllowed\",\"details\":{},\"code\":405}")},
        {"err-409-exists", "POST", CMS, "application/json", "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"cm-0\"}}", 409,
         STATUS("\"message\":\"configmaps \\\"cm-0\\\" already exists\",\"reason\":\"AlreadyExists\",\"details\":{\"name\":\"cm-0\",\"kind\":\"configmaps\"},\"code\":409}")},
        {"err-409-conflict", "PUT", CMS "/cm-0", "application/json", "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"cm-0\",\"resourceVersion\":\"1\"}}", 409,
         STATUS("\"message\":\"Operation cannot be fulfilled on configmaps \\\"cm-0\\\": the object has been modified; please apply your changes to the latest version and try again\",\"reason\":\"Conflict\",\"details\":{\"name\":\"cm-0\",\"kind\":\"configmaps\"},\"code\":409}")},
        {"err-415", "POST", CMS, "text/csv", "x", 415, "*the body of the request was in an unknown format"},
        {"err-415 patch", "PATCH", CMS "/cm-0", "text/csv", "x", 415, "*415: Unsupported Media Type"},
        {"err-422", "POST", CMS, "application/json", "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"Not_Valid\"}}", 422,
         STATUS("\"message\":\"ConfigMap \\\"Not_Valid\\\" is invalid: metadata.name: Invalid value: \\\"Not_Valid\\\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')\",\"reason\":\"Invalid\",\"details\":{\"name\":\"Not_Valid\",\"kind\":\"ConfigMap\",\"causes\":[{\"reason\":\"FieldValueInvalid\",\"message\":\"Invalid value: \\\"Not_Valid\\\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')\",\"field\":\"metadata.name\"}]},\"code\":422}")},
        {"no name", "POST", CMS, "application/json", "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{}}", 422, "*name or generateName is required"},
        {"err-400-json", "POST", CMS, "application/json", "{oops", 400, "*the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error"},
        {"wrong kind", "POST", CMS, "application/json", "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\"}}", 400, "*does not match the expected API version"},
        {"wrong namespace", "POST", CMS, "application/json", "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"x\",\"namespace\":\"other\"}}", 400, "*the namespace of the provided object does not match"},
        {"no such namespace", "POST", "/api/v1/namespaces/nowhere/configmaps", "application/json", "{\"metadata\":{\"name\":\"x\"}}", 404, "*namespaces \\\"nowhere\\\" not found"},
        {"version on create", "POST", CMS, "application/json", "{\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"5\"}}", 500, "*should not be set on objects to be created"},
        {"other name in the body", "PUT", CMS "/cm-0", "application/json", "{\"metadata\":{\"name\":\"cm-1\"}}", 400, "*does not match the name on the URL"},
        {"update of nothing", "PUT", CMS "/nope", "application/json", "{\"metadata\":{\"name\":\"nope\"}}", 404, "*configmaps \\\"nope\\\" not found"},
        {"delete of nothing", "DELETE", CMS "/nope", NULL, NULL, 404, "*configmaps \\\"nope\\\" not found"},
        {"disc-readyz", NULL, "/readyz", NULL, NULL, 200, "ok"},
        {"unknown path", NULL, "/nothing/here", NULL, NULL, 404, "404 page not found\n"},
        {"long path", NULL, "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p", NULL, NULL, 404, "404 page not found\n"},
        {"unknown control", NULL, "/sim/nothing", NULL, NULL, 404, "404 page not found\n"},
        {"control by GET", NULL, "/sim/compact", NULL, NULL, 405, "*MethodNotAllowed"},
        {"control with rubbish", "POST", "/sim/fault", "application/json", "{", 400, "*the body is no JSON"},
        {"unknown fault", "POST", "/sim/fault", "application/json", "{\"kind\":\"gremlin\"}", 400, "*no kind 'gremlin'"},
        {"unknown fault key", "POST", "/sim/fault", "application/json", "{\"kind\":\"close\",\"colour\":3}", 400, "*no key 'colour'"},
        {"drop of an unknown resource", "POST", "/sim/drop-watches", "application/json", "{\"resource\":\"cats\"}", 400, "*no resource 'cats'"},
    };
    struct sim_answer a = {0};
    struct sim_server s;
    char type[128];

    server_start_small(&s);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(type, sizeof type, "Content-Type: %s", rows[i].type ? rows[i].type : "");
        ask(&s, &(struct sim_ask){.method = rows[i].method, .path = rows[i].path, .body = rows[i].body,
                                  .headers = {rows[i].type ? type : NULL}}, &a);
        CU_ASSERT_EQUAL(a.code, rows[i].code);
        if (rows[i].answer[0] == '*')
            CU_ASSERT_PTR_NOT_NULL(strstr(a.body.data, rows[i].answer + 1))
        else
            CU_ASSERT_STRING_EQUAL(a.body.data, rows[i].answer);
        if (a.code != rows[i].code || (rows[i].answer[0] == '*' ? !strstr(a.body.data, rows[i].answer + 1)
                                                                : strcmp(a.body.data, rows[i].answer) != 0))
            printf("\n  %s: %ld %s\n", rows[i].name, a.code, a.body.data);
    }
    answer_release(&a);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void a_body_over_three_mebibytes_is_refused(void)
{
    char *body = malloc(3145728 + 200);
    struct sim_answer a = {0};
    struct sim_server s;
    int n;

    server_start_small(&s);
    n = sprintf(body, "{\"metadata\":{\"name\":\"big\"},\"data\":{\"v\":\"");
    memset(body + n, 'x', 3145728);
    strcpy(body + n + 3145728, "\"}}");
    ask(&s, &(struct sim_ask){.method = "POST", .path = CMS, .body = body, .headers = {"Content-Type: application/json"}}, &a);
    CU_ASSERT_EQUAL(a.code, 413);
    CU_ASSERT_PTR_NOT_NULL(strstr(a.body.data, "Request entity too large: limit is 3145728"));
    answer_release(&a);
    free(body);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

/* ---- lists ------------------------------------------------------------------------------------------- */

static json_t *names_of(const json_t *list)
{
    json_t *names = json_array(), *item;
    size_t i;

    json_array_foreach(json_object_get(list, "items"), i, item)
        json_array_append_new(names, json_string(text_at(item, "metadata.name")));
    return names;
}

/* Read every page of path with this limit; appends the names. Checks that all pages show one version. */
static json_t *read_pages(const struct sim_server *s, const char *path, int limit, void (*between)(const struct sim_server *s))
{
    json_t *all = json_array();
    char cont[1024] = "", rv[32] = "", url[2048];

    do {
        json_t *page, *names;

        snprintf(url, sizeof url, "%s?limit=%d%s%s", path, limit, *cont ? "&continue=" : "", cont);
        page = get_json(s, url);
        names = names_of(page);
        if (*rv)
            CU_ASSERT_STRING_EQUAL(text_at(page, "metadata.resourceVersion"), rv);
        snprintf(rv, sizeof rv, "%s", text_at(page, "metadata.resourceVersion"));
        snprintf(cont, sizeof cont, "%s", text_at(page, "metadata.continue"));
        CU_ASSERT(json_array_size(names) == (size_t)limit || !*cont);
        json_array_extend(all, names);
        json_decref(names);
        json_decref(page);
        if (between)
            between(s);
    } while (*cont);
    return all;
}

static void change_all_configmaps(const struct sim_server *s)
{
    static int n;
    char body[128];

    snprintf(body, sizeof body, "{\"metadata\":{\"name\":\"new-%d\"}}", n++);
    CU_ASSERT_EQUAL(post(s, CMS, body), 201);
    (void)delete_path(s, CMS "/cm-4");
    CU_ASSERT_EQUAL(merge_patch(s, CMS "/cm-3", "{\"metadata\":{\"labels\":{\"seen\":\"later\"}}}"), 200);
}

static void pages_show_one_version_whatever_happens_between_them(void)
{
    struct sim_server s;
    json_t *names;

    server_start_small(&s);
    names = read_pages(&s, CMS, 2, change_all_configmaps);
    CU_ASSERT_EQUAL(json_array_size(names), 5);
    for (size_t i = 0; i < json_array_size(names); i++) {
        char want[32];

        snprintf(want, sizeof want, "cm-%zu", i);
        CU_ASSERT_STRING_EQUAL(json_string_value(json_array_get(names, i)), want);
    }
    json_decref(names);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void pages_of_any_size_add_up_to_the_whole(void)
{
    struct sim_server s;
    json_t *whole_list, *whole;

    server_start_small(&s);
    whole_list = get_json(&s, "/api/v1/pods");
    whole = names_of(whole_list);
    CU_ASSERT_EQUAL(json_array_size(whole), 54);
    for (int limit = 1; limit <= 60; limit += 7) {
        json_t *names = read_pages(&s, "/api/v1/pods", limit, NULL);

        CU_ASSERT(json_equal(names, whole));
        json_decref(names);
    }
    json_decref(whole);
    json_decref(whole_list);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void the_first_page_says_how_many_remain_but_not_with_a_selector(void)
{
    struct sim_server s;
    json_t *v;

    server_start_small(&s);
    v = get_json(&s, CMS "?limit=2");
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(json_object_get(v, "metadata"), "remainingItemCount")), 3);
    json_decref(v);
    v = get_json(&s, CMS "?limit=1&labelSelector=app%3Db");
    CU_ASSERT_PTR_NULL(json_object_get(json_object_get(v, "metadata"), "remainingItemCount"));
    CU_ASSERT(*text_at(v, "metadata.continue") != 0);
    json_decref(v);
    v = get_json(&s, CMS "?limit=2&resourceVersion=0"); /* list-rv0-limit: the cache ignores the limit */
    CU_ASSERT_EQUAL(json_array_size(json_object_get(v, "items")), 5);
    json_decref(v);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void an_exact_version_shows_that_state_and_an_expired_one_is_410(void)
{
    struct sim_answer a = {0};
    unsigned long long rv;
    struct sim_server s;
    char path[256];
    json_t *v;

    server_start_small(&s);
    rv = current_rv(&s);
    CU_ASSERT_EQUAL(delete_path(&s, CMS "/cm-0"), 200);
    snprintf(path, sizeof path, CMS "?resourceVersion=%llu&resourceVersionMatch=Exact", rv);
    v = get_json(&s, path);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(v, "items")), 5);
    CU_ASSERT_EQUAL(strtoull(text_at(v, "metadata.resourceVersion"), NULL, 10), rv);
    json_decref(v);
    CU_ASSERT_EQUAL(post(&s, "/sim/compact", "{}"), 200);
    ask(&s, &(struct sim_ask){.path = path}, &a);
    CU_ASSERT_EQUAL(a.code, 410);
    CU_ASSERT_STRING_EQUAL(a.body.data, STATUS("\"message\":\"The resourceVersion for the provided list is too old.\",\"reason\":\"Expired\",\"code\":410}"));
    snprintf(path, sizeof path, CMS "?resourceVersion=%llu&resourceVersionMatch=NotOlderThan", rv); /* expire-list-notolder */
    ask(&s, &(struct sim_ask){.path = path}, &a);
    CU_ASSERT_EQUAL(a.code, 200);
    answer_release(&a);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void an_expired_continue_token_comes_with_one_that_goes_on_inconsistently(void)
{
    struct sim_answer a = {0};
    struct sim_server s;
    char path[2048];
    json_t *v, *names;

    server_start_small(&s);
    v = get_json(&s, CMS "?limit=2");
    CU_ASSERT_EQUAL(delete_path(&s, CMS "/cm-2"), 200);
    CU_ASSERT_EQUAL(post(&s, "/sim/compact", "{\"resource\":\"configmaps\"}"), 200);
    snprintf(path, sizeof path, CMS "?limit=2&continue=%s", text_at(v, "metadata.continue"));
    json_decref(v);
    ask(&s, &(struct sim_ask){.path = path}, &a);
    CU_ASSERT_EQUAL(a.code, 410);
    v = json_loads(a.body.data, 0, NULL);
    CU_ASSERT_STRING_EQUAL(text_at(v, "reason"), "Expired");
    snprintf(path, sizeof path, CMS "?limit=2&continue=%s", text_at(v, "metadata.continue"));
    json_decref(v);
    v = get_json(&s, path);
    names = names_of(v);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_array_get(names, 0)), "cm-3");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_array_get(names, 1)), "cm-4");
    json_decref(names);
    json_decref(v);
    answer_release(&a);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void a_list_from_the_future_is_504_after_a_while(void)
{
    struct sim_answer a = {0};
    struct sim_server s;

    server_start_small(&s);
    ask(&s, &(struct sim_ask){.path = CMS "?resourceVersion=1000213"}, &a);
    CU_ASSERT_EQUAL(a.code, 504);
    CU_ASSERT_PTR_NOT_NULL(strstr(a.body.data, "\"details\":{\"causes\":[{\"reason\":\"ResourceVersionTooLarge\",\"message\":\"Too large resource version\"}],\"retryAfterSeconds\":1},\"code\":504}"));
    CU_ASSERT_PTR_NOT_NULL(strstr(a.head.data, "Retry-After: 1\r\n"));
    answer_release(&a);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void selectors_choose_by_labels_and_fields(void)
{
    static const struct {
        const char *query;
        size_t n;
    } rows[] = {{"labelSelector=app%3Da", 2}, {"labelSelector=app%20in%20(a,b)", 5}, {"labelSelector=!app", 0},
                {"labelSelector=app!%3Da", 3}, {"fieldSelector=metadata.name%3Dcm-3", 1},
                {"fieldSelector=metadata.name!%3Dcm-3", 4}, {"labelSelector=app%3Da&fieldSelector=metadata.name%3Dcm-3", 0}};
    struct sim_server s;
    char path[512];
    json_t *v;

    server_start_small(&s);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(path, sizeof path, CMS "?%s", rows[i].query);
        v = get_json(&s, path);
        CU_ASSERT_EQUAL(json_array_size(json_object_get(v, "items")), rows[i].n);
        json_decref(v);
    }
    v = get_json(&s, "/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-0001,status.phase!%3DFailed");
    CU_ASSERT(json_array_size(json_object_get(v, "items")) > 0);
    for (size_t i = 0; i < json_array_size(json_object_get(v, "items")); i++)
        CU_ASSERT_STRING_EQUAL(text_at(json_array_get(json_object_get(v, "items"), i), "spec.nodeName"), "node-0001");
    json_decref(v);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

/* ---- forms ---------------------------------------------------------------------------------------------- */

static void answers_take_the_form_that_is_accepted(void)
{
    static const struct {
        const char *path, *accept;
        long code;
        const char *answer;
    } rows[] = {
        {CMS, "Accept: application/vnd.kubernetes.protobuf,application/json", 200, "{\"kind\":\"ConfigMapList\""},
        {CMS, "Accept: */*", 200, "{\"kind\":\"ConfigMapList\""},
        {CMS, "Accept:", 200, "{\"kind\":\"ConfigMapList\""},
        {CMS, "Accept: text/csv", 406, "{\"kind\":\"Status\""},
        {CMS, "Accept: application/vnd.kubernetes.protobuf", 406, "{\"kind\":\"Status\""},
        {CMS, "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json", 200, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\""},
        {CMS, "Accept: application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", 200, "{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/v1\""},
        {CMS "/cm-0", "Accept: application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", 200, "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{\"name\":\"cm-0\""},
        {"/apis", "Accept: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json", 200, "{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/v2\""},
        {"/apis", "Accept: application/json", 200, "{\"kind\":\"APIGroupList\""},
        {"/apis/apps/v1", "Accept: application/json", 200, "{\"kind\":\"APIResourceList\",\"apiVersion\":\"v1\",\"groupVersion\":\"apps/v1\""},
    };
    struct sim_answer a = {0};
    struct sim_server s;

    server_start_small(&s);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ask(&s, &(struct sim_ask){.path = rows[i].path, .headers = {rows[i].accept}}, &a);
        CU_ASSERT_EQUAL(a.code, rows[i].code);
        CU_ASSERT(strncmp(a.body.data, rows[i].answer, strlen(rows[i].answer)) == 0);
        if (strncmp(a.body.data, rows[i].answer, strlen(rows[i].answer)) != 0)
            printf("\n  %s %s: %ld %.200s\n", rows[i].path, rows[i].accept, a.code, a.body.data);
    }
    answer_release(&a);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void partial_objects_have_all_of_the_metadata_and_nothing_else(void)
{
    struct sim_answer a = {0};
    struct sim_server s;
    json_t *full, *partial;

    server_start_small(&s);
    full = get_json(&s, "/api/v1/pods");
    ask(&s, &(struct sim_ask){.path = "/api/v1/pods", .headers = {"Accept: application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}}, &a);
    partial = json_loads(a.body.data, 0, NULL);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(partial, "items")), 54);
    for (size_t i = 0; i < json_array_size(json_object_get(partial, "items")); i++) {
        json_t *p = json_array_get(json_object_get(partial, "items"), i), *f = json_array_get(json_object_get(full, "items"), i);

        CU_ASSERT_EQUAL(json_object_size(p), 3);
        CU_ASSERT(json_equal(json_object_get(p, "metadata"), json_object_get(f, "metadata")));
    }
    json_decref(full);
    json_decref(partial);
    answer_release(&a);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void loaded_objects_come_out_as_they_went_in(void)
{
    struct sim_server s;
    json_t *in = json_load_file(TARN_TEST_DATA "/protocol/pods.json", 0, NULL), *out;

    server_start_small(&s);
    out = get_json(&s, "/api/v1/pods");
    CU_ASSERT_EQUAL(json_array_size(json_object_get(in, "items")), json_array_size(json_object_get(out, "items")));
    for (size_t i = 0; i < json_array_size(json_object_get(in, "items")); i++) {
        json_t *a = json_array_get(json_object_get(in, "items"), i), *b = json_array_get(json_object_get(out, "items"), i);

        json_object_del(json_object_get(a, "metadata"), "resourceVersion"); /* the only thing that is the server's own */
        json_object_del(json_object_get(b, "metadata"), "resourceVersion");
        CU_ASSERT(json_equal(a, b));
    }
    json_decref(in);
    json_decref(out);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void people_get_indented_text_and_long_lists_gzip(void)
{
    struct sim_answer a = {0};
    struct sim_server s;
    json_t *plain, *pretty;

    server_start_small(&s);
    plain = get_json(&s, "/api/v1/pods");
    ask(&s, &(struct sim_ask){.path = "/api/v1/pods?pretty=true"}, &a);
    CU_ASSERT(strncmp(a.body.data, "{\n  \"kind\": \"PodList\",\n  \"apiVersion\": \"v1\",\n  \"metadata\": {\n    \"resourceVersion\": ", 80) == 0);
    pretty = json_loads(a.body.data, 0, NULL);
    CU_ASSERT(json_equal(plain, pretty));
    json_decref(pretty);
    ask(&s, &(struct sim_ask){.path = "/api/v1/pods", .headers = {"Accept-Encoding: gzip"}}, &a);
    CU_ASSERT_PTR_NOT_NULL(strstr(a.head.data, "Content-Encoding: gzip\r\n"));
    CU_ASSERT((unsigned char)a.body.data[0] == 0x1f && (unsigned char)a.body.data[1] == 0x8b);
    CU_ASSERT(a.body.len < 200000);
    ask(&s, &(struct sim_ask){.path = CMS, .headers = {"Accept-Encoding: gzip"}}, &a); /* form-gzip-small: sent plain */
    CU_ASSERT_PTR_NULL(strstr(a.head.data, "Content-Encoding"));
    json_decref(plain);
    answer_release(&a);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

/* ---- writes --------------------------------------------------------------------------------------------------- */

static void an_object_with_finalizers_waits_for_them(void)
{
    struct sim_server s;
    json_t *v;

    server_start_small(&s);
    CU_ASSERT_EQUAL(merge_patch(&s, CMS "/cm-0", "{\"metadata\":{\"finalizers\":[\"x/y\"]}}"), 200);
    CU_ASSERT_EQUAL(delete_path(&s, CMS "/cm-0"), 200);
    v = get_json(&s, CMS "/cm-0");
    CU_ASSERT(*text_at(v, "metadata.deletionTimestamp") != 0);
    json_decref(v);
    CU_ASSERT_EQUAL(merge_patch(&s, CMS "/cm-0", "{\"metadata\":{\"finalizers\":null}}"), 200);
    v = get_json(&s, CMS "/cm-0");
    CU_ASSERT_STRING_EQUAL(text_at(v, "reason"), "NotFound");
    json_decref(v);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void status_and_spec_are_written_apart(void)
{
    static const char base[] = "/apis/apps/v1/namespaces/proto/deployments";
    struct sim_server s;
    char path[256];
    json_t *v;

    server_start_small(&s);
    snprintf(path, sizeof path, "%s/d", base);
    CU_ASSERT_EQUAL(post(&s, base, "{\"metadata\":{\"name\":\"d\"},\"spec\":{\"replicas\":1}}"), 201);
    CU_ASSERT_EQUAL(merge_patch(&s, path, "{\"spec\":{\"replicas\":2},\"status\":{\"replicas\":7}}"), 200);
    v = get_json(&s, path);
    CU_ASSERT(json_object_size(json_object_get(v, "status")) == 0);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(json_object_get(v, "metadata"), "generation")), 2);
    json_decref(v);
    snprintf(path, sizeof path, "%s/d/status", base);
    CU_ASSERT_EQUAL(merge_patch(&s, path, "{\"spec\":{\"replicas\":9},\"status\":{\"replicas\":7}}"), 200);
    v = get_json(&s, path);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(json_object_get(v, "status"), "replicas")), 7);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(json_object_get(v, "spec"), "replicas")), 2);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(json_object_get(v, "metadata"), "generation")), 2);
    json_decref(v);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void generated_names_and_collections(void)
{
    struct sim_server s;
    json_t *v;

    server_start_small(&s);
    for (int i = 0; i < 20; i++)
        CU_ASSERT_EQUAL(post(&s, CMS, "{\"metadata\":{\"generateName\":\"gen-\",\"labels\":{\"gen\":\"yes\"}}}"), 201);
    v = get_json(&s, CMS "?labelSelector=gen");
    CU_ASSERT_EQUAL(json_array_size(json_object_get(v, "items")), 20);
    json_decref(v);
    CU_ASSERT_EQUAL(delete_path(&s, CMS "?labelSelector=gen%3Dyes"), 200);
    v = get_json(&s, CMS);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(v, "items")), 5);
    json_decref(v);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

/* ---- who may ask, and how ------------------------------------------------------------------------------------- */

static void a_token_is_asked_for_if_there_is_one(void)
{
    struct sim_answer a = {0};
    struct sim_server s;

    server_start(&s, (const char *const[]){"--token", "secret", NULL});
    ask(&s, &(struct sim_ask){.path = "/api/v1/pods"}, &a);
    CU_ASSERT_EQUAL(a.code, 403);
    CU_ASSERT_STRING_EQUAL(a.body.data, STATUS("\"message\":\"pods is forbidden: User \\\"system:anonymous\\\" cannot list resource \\\"pods\\\" in API group \\\"\\\" at the cluster scope\",\"reason\":\"Forbidden\",\"details\":{\"kind\":\"pods\"},\"code\":403}"));
    ask(&s, &(struct sim_ask){.path = "/api/v1/pods", .headers = {"Authorization: Bearer wrong"}}, &a);
    CU_ASSERT_EQUAL(a.code, 401);
    CU_ASSERT_STRING_EQUAL(a.body.data, STATUS("\"message\":\"Unauthorized\",\"reason\":\"Unauthorized\",\"code\":401}"));
    ask(&s, &(struct sim_ask){.path = "/api/v1/pods", .headers = {"Authorization: Bearer secret"}}, &a);
    CU_ASSERT_EQUAL(a.code, 200);
    ask(&s, &(struct sim_ask){.path = "/apis"}, &a);
    CU_ASSERT_EQUAL(a.code, 403);
    ask(&s, &(struct sim_ask){.path = "/version"}, &a);
    CU_ASSERT_EQUAL(a.code, 200);
    answer_release(&a);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void https_is_spoken_with_a_certificate(void)
{
    char dir[] = "/tmp/apisim-test-XXXXXX", cert[64], key[64], command[512];
    struct sim_answer a = {0};
    struct sim_server s;

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    snprintf(cert, sizeof cert, "%s/cert.pem", dir);
    snprintf(key, sizeof key, "%s/key.pem", dir);
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -keyout %s -out %s 2>/dev/null",
             key, cert);
    CU_ASSERT_EQUAL_FATAL(system(command), 0);
    server_start(&s, (const char *const[]){"--tls-cert", cert, "--tls-key", key, "--generate", "pods=200", NULL});
    CU_ASSERT_EQUAL(strncmp(s.url, "https://", 8), 0);
    ask(&s, &(struct sim_ask){.path = "/api/v1/pods"}, &a);
    CU_ASSERT_EQUAL(a.code, 200);
    CU_ASSERT(a.body.len > 1000000);
    ask(&s, &(struct sim_ask){.path = "/api/v1/pods?watch=1&timeoutSeconds=1"}, &a);
    CU_ASSERT_EQUAL(a.curl, CURLE_OK);
    answer_release(&a);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
    snprintf(command, sizeof command, "rm -r %s", dir);
    CU_ASSERT_EQUAL(system(command), 0);
}

TARN_TEST_MAIN("apisim_http",
               TARN_TEST(answers_are_those_of_a_real_server),
               TARN_TEST(a_body_over_three_mebibytes_is_refused),
               TARN_TEST(pages_show_one_version_whatever_happens_between_them),
               TARN_TEST(pages_of_any_size_add_up_to_the_whole),
               TARN_TEST(the_first_page_says_how_many_remain_but_not_with_a_selector),
               TARN_TEST(an_exact_version_shows_that_state_and_an_expired_one_is_410),
               TARN_TEST(an_expired_continue_token_comes_with_one_that_goes_on_inconsistently),
               TARN_TEST(a_list_from_the_future_is_504_after_a_while),
               TARN_TEST(selectors_choose_by_labels_and_fields),
               TARN_TEST(answers_take_the_form_that_is_accepted),
               TARN_TEST(partial_objects_have_all_of_the_metadata_and_nothing_else),
               TARN_TEST(loaded_objects_come_out_as_they_went_in),
               TARN_TEST(people_get_indented_text_and_long_lists_gzip),
               TARN_TEST(an_object_with_finalizers_waits_for_them),
               TARN_TEST(status_and_spec_are_written_apart),
               TARN_TEST(generated_names_and_collections),
               TARN_TEST(a_token_is_asked_for_if_there_is_one),
               TARN_TEST(https_is_spoken_with_a_certificate))
