/* What a request of the read API asks for: paths, parameters, what is refused and in which words, and the Accept header. */
#include "tarn_test.h"

#include <stdio.h>
#include <string.h>

#include "api_fields.h"
#include "api_form.h"
#include "fault.h"

static struct api_request parse(const char *method, const char *target)
{
    struct api_request r;

    CU_ASSERT_EQUAL_FATAL(api_request_parse(tarn_bytes_of(method), tarn_bytes_of(target), &r), 0);
    return r;
}

static bool is(struct tarn_bytes b, const char *s)
{
    return tarn_bytes_equal(b, tarn_bytes_of(s));
}

/* ---- paths ------------------------------------------------------------------------------------ */

static void paths_are_read_as_the_server_reads_them(void)
{
    static const struct {
        const char *method, *target;
        enum api_place place;
        enum api_verb verb;
        const char *group, *version, *resource, *ns, *name, *sub;
    } rows[] = {
        {"GET", "/", API_AT_ROOT, API_GET, "", "", "", "", "", ""},
        {"GET", "/api", API_AT_CORE, API_GET, "", "", "", "", "", ""},
        {"GET", "/api/", API_AT_CORE, API_GET, "", "", "", "", "", ""},
        {"GET", "/api/v1", API_AT_GROUP_VERSION, API_GET, "", "v1", "", "", "", ""},
        {"GET", "/apis", API_AT_GROUPS, API_GET, "", "", "", "", "", ""},
        {"GET", "/apis/apps", API_AT_GROUP, API_GET, "apps", "", "", "", "", ""},
        {"GET", "/apis/apps/v1?x=y", API_AT_GROUP_VERSION, API_GET, "apps", "v1", "", "", "", ""},
        {"GET", "/version", API_AT_VERSION, API_GET, "", "", "", "", "", ""},
        {"GET", "/readyz/ping", API_AT_HEALTH, API_GET, "", "", "", "", "", ""},
        {"GET", "/openapi/v3", API_AT_OPENAPI, API_GET, "", "", "", "", "", ""},
        {"GET", "/metrics", API_AT_ELSEWHERE, API_GET, "", "", "", "", "", ""},
        {"GET", "", API_AT_ELSEWHERE, API_GET, "", "", "", "", "", ""},
        {"GET", "*", API_AT_ELSEWHERE, API_GET, "", "", "", "", "", ""},
        {"GET", "/api//v1", API_AT_ELSEWHERE, API_GET, "", "", "", "", "", ""},
        {"GET", "/api/v1/p%2", API_AT_ELSEWHERE, API_GET, "", "", "", "", "", ""},
        {"GET", "/api/v1/pods/a%00b", API_AT_ELSEWHERE, API_GET, "", "", "", "", "", ""},
        {"GET", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q", API_AT_ELSEWHERE, API_GET, "", "", "", "", "", ""},
        {"GET", "/api/v1/pods", API_AT_RESOURCE, API_LIST, "", "v1", "pods", "", "", ""},
        {"HEAD", "/api/v1/pods", API_AT_RESOURCE, API_LIST, "", "v1", "pods", "", "", ""},
        {"GET", "/api/v1/pods?watch=1", API_AT_RESOURCE, API_WATCH, "", "v1", "pods", "", "", ""},
        {"GET", "/api/v1/pods?watch", API_AT_RESOURCE, API_WATCH, "", "v1", "pods", "", "", ""},
        {"GET", "/api/v1/pods?watch=False", API_AT_RESOURCE, API_LIST, "", "v1", "pods", "", "", ""},
        {"GET", "/api/v1/pods?watch=0&watch=1", API_AT_RESOURCE, API_LIST, "", "v1", "pods", "", "", ""},
        {"GET", "/api/v1/namespaces/a/pods", API_AT_RESOURCE, API_LIST, "", "v1", "pods", "a", "", ""},
        {"GET", "/api/v1/namespaces/a/pods/web%2D1", API_AT_RESOURCE, API_GET, "", "v1", "pods", "a", "web-1", ""},
        {"GET", "/api/v1/namespaces/a/pods/web-1?watch=1", API_AT_RESOURCE, API_GET, "", "v1", "pods", "a", "web-1", ""},
        {"GET", "/api/v1/namespaces/a/pods/web-1/log", API_AT_RESOURCE, API_GET, "", "v1", "pods", "a", "web-1", "log"},
        {"GET", "/api/v1/namespaces/a/services/x/proxy/y/z", API_AT_RESOURCE, API_GET, "", "v1", "services", "a", "x", "proxy"},
        {"GET", "/api/v1/namespaces", API_AT_RESOURCE, API_LIST, "", "v1", "namespaces", "", "", ""},
        {"GET", "/api/v1/namespaces/a", API_AT_RESOURCE, API_GET, "", "v1", "namespaces", "", "a", ""},
        {"PUT", "/api/v1/namespaces/a/finalize", API_AT_RESOURCE, API_UPDATE, "", "v1", "namespaces", "", "a", "finalize"},
        {"GET", "/api/v1/nodes/n", API_AT_RESOURCE, API_GET, "", "v1", "nodes", "", "n", ""},
        {"GET", "/api/v1/watch/pods", API_AT_RESOURCE, API_WATCH, "", "v1", "pods", "", "", ""},
        {"GET", "/api/v1/watch/namespaces/a/pods/p", API_AT_RESOURCE, API_WATCH, "", "v1", "pods", "a", "p", ""},
        {"GET", "/api/v1/watch", API_AT_RESOURCE, API_LIST, "", "v1", "watch", "", "", ""},
        {"GET", "/apis/apps/v1/deployments", API_AT_RESOURCE, API_LIST, "apps", "v1", "deployments", "", "", ""},
        {"POST", "/apis/apps/v1/namespaces/a/deployments", API_AT_RESOURCE, API_CREATE, "apps", "v1", "deployments", "a", "", ""},
        {"PATCH", "/apis/apps/v1/namespaces/a/deployments/d/scale", API_AT_RESOURCE, API_PATCH, "apps", "v1", "deployments", "a", "d", "scale"},
        {"DELETE", "/api/v1/nodes/n", API_AT_RESOURCE, API_DELETE, "", "v1", "nodes", "", "n", ""},
        {"DELETE", "/api/v1/nodes?watch=1", API_AT_RESOURCE, API_DELETE_COLLECTION, "", "v1", "nodes", "", "", ""},
        {"BREW", "/api/v1/nodes", API_AT_RESOURCE, API_OTHER_VERB, "", "v1", "nodes", "", "", ""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct api_request r = parse(rows[i].method, rows[i].target);
        bool same = r.place == rows[i].place && r.verb == rows[i].verb && is(r.group, rows[i].group) && is(r.version, rows[i].version) &&
                    is(r.resource, rows[i].resource) && is(r.ns, rows[i].ns) && is(r.name, rows[i].name) && is(r.subresource, rows[i].sub);

        if (!same)
            (void)fprintf(stderr, "%s %s: place %d verb %d\n", rows[i].method, rows[i].target, r.place, r.verb);
        CU_ASSERT(same);
        CU_ASSERT_EQUAL(r.refusal.code, 0);
        CU_ASSERT_EQUAL(r.head, strcmp(rows[i].method, "HEAD") == 0);
        api_request_release(&r);
    }
}

static void a_namespace_is_read_in_its_own_namespace(void)
{
    struct api_request one = parse("GET", "/api/v1/namespaces/a"), all = parse("GET", "/api/v1/namespaces"), pod = parse("GET", "/api/v1/namespaces/b/pods/a");

    CU_ASSERT(is(api_request_access_namespace(&one), "a"));
    CU_ASSERT(is(api_request_access_namespace(&all), ""));
    CU_ASSERT(is(api_request_access_namespace(&pod), "b"));
    api_request_release(&one);
    api_request_release(&all);
    api_request_release(&pod);
}

/* ---- parameters ----------------------------------------------------------------------------------- */

static void parameters_are_decoded(void)
{
    struct api_request r = parse("GET", "/api/v1/namespaces/a/pods?limit=7&continue=a%2Bb+c&resourceVersion=0&pretty=true&includeObject=Object&unknown=1&"
                                        "labelSelector=app%3Dweb&fieldSelector=spec.nodeName%3Dn,metadata.name%3Dx&bad=%zz&timeoutSeconds=-3");
    struct api_request w = parse("GET", "/api/v1/pods?watch=true&resourceVersion=18446744073709551615&allowWatchBookmarks=true&sendInitialEvents=true&"
                                        "resourceVersionMatch=NotOlderThan&timeoutSeconds=99999999999&labelSelector=");

    CU_ASSERT_EQUAL(r.refusal.code, 0);
    CU_ASSERT_EQUAL(r.limit, 7);
    CU_ASSERT(is(r.cont, "a+b c"));
    CU_ASSERT_EQUAL(r.rv_ask, API_VERSION_ANY);
    CU_ASSERT_EQUAL(r.pretty, API_YES);
    CU_ASSERT_EQUAL(r.include, API_INCLUDE_OBJECT);
    CU_ASSERT(r.labels && r.fields && api_request_selects(&r));
    CU_ASSERT(is(r.name, "x"));
    CU_ASSERT_EQUAL(r.timeout_s, 0);
    api_request_release(&r);
    CU_ASSERT_EQUAL(w.refusal.code, 0);
    CU_ASSERT_EQUAL(w.verb, API_WATCH);
    CU_ASSERT_EQUAL(w.rv_ask, API_VERSION_NUMBER);
    CU_ASSERT_EQUAL(w.rv, UINT64_MAX);
    CU_ASSERT_EQUAL(w.match, API_MATCH_NOT_OLDER);
    CU_ASSERT_EQUAL(w.send_initial_events, API_YES);
    CU_ASSERT(w.bookmarks);
    CU_ASSERT_EQUAL(w.timeout_s, UINT32_MAX);
    CU_ASSERT_PTR_NULL(w.labels);
    api_request_release(&w);
}

/* The bodies are those of recorded exchanges with kube-apiserver (list-*, watch-*), byte for byte, where one was recorded. */
static void what_is_refused_is_refused_in_the_servers_words(void)
{
#define FAILURE(message, reason, code) \
    "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\",\"message\":\"" message "\"" reason ",\"code\":" code "}"
#define BAD(message) FAILURE(message, ",\"reason\":\"BadRequest\"", "400")
#define FORBIDDEN(field, text)                                                                                                                   \
    FAILURE("ListOptions.meta.k8s.io \\\"\\\" is invalid: " field ": Forbidden: " text,                                                          \
            ",\"reason\":\"Invalid\",\"details\":{\"group\":\"meta.k8s.io\",\"kind\":\"ListOptions\",\"causes\":[{\"reason\":\"FieldValueForbidden\"," \
            "\"message\":\"Forbidden: " text "\",\"field\":\"" field "\"}]}",                                                                     \
            "422")
    static const struct {
        const char *query;
        unsigned code;
        const char *body; /* NULL: not compared */
    } rows[] = {
        {"limit=2&continue=abc&resourceVersion=213", 400, BAD("specifying resource version is not allowed when using continue")},
        {"resourceVersionMatch=NotOlderThan", 422,
         FORBIDDEN("resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided")},
        {"resourceVersion=abc", 400,
         BAD("invalid resource version: resourceVersion: Invalid value: \\\"abc\\\": strconv.ParseUint: parsing \\\"abc\\\": invalid syntax")},
        {"resourceVersion=18446744073709551616", 400, NULL},
        {"fieldSelector=spec.hostname%3Dx", 400, BAD("field label not supported: spec.hostname")},
        {"labelSelector=a%3D%3D%3Db", 400, NULL}, /* in words of our own, which say where */
        {"watch=1&sendInitialEvents=true&allowWatchBookmarks=true&timeoutSeconds=2", 422,
         FORBIDDEN("resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")},
        {"watch=1&resourceVersion=abc&timeoutSeconds=2", 500,
         FAILURE("resourceVersion: Invalid value: \\\"abc\\\": strconv.ParseUint: parsing \\\"abc\\\": invalid syntax", "", "500")},
        {"limit=x", 400, BAD("strconv.ParseInt: parsing \\\"x\\\": invalid syntax")},
        {"timeoutSeconds=9223372036854775808", 400, BAD("strconv.ParseInt: parsing \\\"9223372036854775808\\\": value out of range")},
        {"sendInitialEvents=false", 422, FORBIDDEN("sendInitialEvents", "sendInitialEvents is forbidden for list")},
        {"resourceVersion=0&resourceVersionMatch=Exact", 422,
         FORBIDDEN("resourceVersionMatch", "resourceVersionMatch \\\"Exact\\\" is forbidden for resourceVersion \\\"0\\\"")},
        {"resourceVersion=5&resourceVersionMatch=Newest", 422, NULL},
        {"watch=1&resourceVersion=5&resourceVersionMatch=Exact", 422, NULL},
        {"resourceVersionMatch=x&continue=y&sendInitialEvents=1", 422, NULL},
        {"fieldSelector=spec.nodeName", 400, NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char target[256];
        struct api_request r;
        struct tarn_bytes body;

        (void)snprintf(target, sizeof target, "/api/v1/namespaces/proto/pods?%s", rows[i].query);
        r = parse("GET", target);
        body = api_answer_status(&r.refusal);
        CU_ASSERT_EQUAL(r.refusal.code, rows[i].code);
        if (rows[i].body && !is(body, rows[i].body))
            (void)fprintf(stderr, "%s:\n%.*s\n%s\n", rows[i].query, TARN_BYTES_ARG(body), rows[i].body);
        CU_ASSERT(!rows[i].body || is(body, rows[i].body));
        api_request_release(&r);
    }
}

static void several_broken_rules_are_several_causes(void)
{
    struct api_request r = parse("GET", "/api/v1/pods?resourceVersionMatch=x&continue=y&sendInitialEvents=1");
    struct tarn_status s;

    CU_ASSERT_EQUAL_FATAL(tarn_status_from_json(api_answer_status(&r.refusal), &s, NULL), 0);
    CU_ASSERT_EQUAL(s.ncauses, 4);
    CU_ASSERT(tarn_status_is_invalid(&s));
    tarn_status_release(&s);
    api_request_release(&r);
}

static void a_write_is_not_refused_for_its_parameters(void)
{
    struct api_request r = parse("POST", "/api/v1/namespaces/a/pods?limit=x&resourceVersion=y"), log = parse("GET", "/api/v1/namespaces/a/pods/p/log?resourceVersion=y");

    CU_ASSERT_EQUAL(r.refusal.code, 0);
    CU_ASSERT_EQUAL(log.refusal.code, 0);
    CU_ASSERT(!api_request_reads(&r));
    api_request_release(&r);
    api_request_release(&log);
}

/* ---- fields ------------------------------------------------------------------------------------------ */

static bool selects(const char *group, const char *resource, const char *selector, const char *json)
{
    const struct tarn_field_selector *s;
    const struct tarn_object *obj;
    struct api_answer refusal;
    bool yes;

    CU_ASSERT_EQUAL_FATAL(api_fields_compile(tarn_bytes_of(group), tarn_bytes_of(resource), tarn_bytes_of(selector), &s, &refusal), 0);
    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(tarn_bytes_of(json), &obj, NULL), 0);
    yes = tarn_field_selector_matches(s, obj);
    tarn_object_unref(obj);
    tarn_field_selector_free(s);
    return yes;
}

static void fields_that_are_absent_mean_what_they_mean_to_the_server(void)
{
    static const char plain[] = "{\"metadata\":{\"name\":\"n\"}}", cordoned[] = "{\"metadata\":{\"name\":\"n\"},\"spec\":{\"unschedulable\":true}}";
    static const char done[] = "{\"metadata\":{\"name\":\"j\"},\"status\":{\"succeeded\":1}}";

    CU_ASSERT(selects("", "nodes", "spec.unschedulable=false", plain));
    CU_ASSERT(!selects("", "nodes", "spec.unschedulable!=false", plain));
    CU_ASSERT(!selects("", "nodes", "spec.unschedulable=false", cordoned));
    CU_ASSERT(selects("", "nodes", "spec.unschedulable=true,metadata.name=n", cordoned));
    CU_ASSERT(selects("batch", "jobs", "status.successful=0", plain));
    CU_ASSERT(selects("batch", "jobs", "status.successful=1", done));
    CU_ASSERT(!selects("batch", "jobs", "status.successful!=1", done));
    CU_ASSERT(selects("", "namespaces", "name=n", plain));
    CU_ASSERT(selects("lab.example.com", "widgets", "spec.unschedulable=true", cordoned)); /* any path of a custom resource */
}

static void values_keep_their_escapes(void)
{
    CU_ASSERT(selects("", "secrets", "type=a\\,b\\=c\\\\d", "{\"metadata\":{\"name\":\"s\"},\"type\":\"a,b=c\\\\d\"}"));
}

static void the_paths_behind_labels_are_told(void)
{
    CU_ASSERT_STRING_EQUAL(api_fields_path(TARN_BYTES("batch"), TARN_BYTES("jobs"), 0), "status.succeeded");
    CU_ASSERT_PTR_NULL(api_fields_path(TARN_BYTES("batch"), TARN_BYTES("jobs"), 1));
    CU_ASSERT_PTR_NULL(api_fields_path(TARN_BYTES(""), TARN_BYTES("configmaps"), 0));
    CU_ASSERT(api_group_is_built_in(TARN_BYTES("")) && !api_group_is_built_in(TARN_BYTES("gateway.networking.k8s.io")));
}

/* ---- Accept -------------------------------------------------------------------------------------------- */

static void accept_decides_the_form(void)
{
    static const struct {
        const char *accept, *agent;
        bool discovery, watch;
        int rc;
        enum api_as as;
        bool beta, pretty;
    } rows[] = {
        {"", "", false, false, 0, API_AS_OBJECT, false, false},
        {"application/json", "", false, false, 0, API_AS_OBJECT, false, false},
        {"application/json", "curl/8.0", false, false, 0, API_AS_OBJECT, false, true},
        {"application/json;pretty=1", "", false, false, 0, API_AS_OBJECT, false, true},
        {"*/*", "kubectl", false, false, 0, API_AS_OBJECT, false, false},
        {"application/vnd.kubernetes.protobuf,application/json", "", false, false, 0, API_AS_OBJECT, false, false},
        {"application/vnd.kubernetes.protobuf, */*", "", false, false, 0, API_AS_OBJECT, false, false},
        {"application/vnd.kubernetes.protobuf", "", false, false, TARN_E_UNSUPPORTED, API_AS_OBJECT, false, false},
        {"application/json;stream=watch", "", false, true, 0, API_AS_OBJECT, false, false},
        {"application/json;stream=watch", "", false, false, TARN_E_UNSUPPORTED, API_AS_OBJECT, false, false},
        {"application/json;q=0", "", false, false, TARN_E_UNSUPPORTED, API_AS_OBJECT, false, false},
        {"application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", "", false, true, 0, API_AS_TABLE, false, false},
        {"application/json;as=Table;v=v1beta1;g=meta.k8s.io", "", false, false, 0, API_AS_TABLE, true, false},
        {"application/json;as=Table;v=v2;g=meta.k8s.io", "", false, false, TARN_E_UNSUPPORTED, API_AS_OBJECT, false, false},
        {"application/json;as=Table;v=v1", "", false, false, TARN_E_UNSUPPORTED, API_AS_OBJECT, false, false},
        {"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;q=0.9", "", false, false, 0, API_AS_PARTIAL, false, false},
        {"application/json;q=0.1, application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1;q=0.75", "", false, false, 0, API_AS_PARTIAL, false, false},
        {"*/*, application/json;as=Table;g=meta.k8s.io;v=v1", "", false, false, 0, API_AS_TABLE, false, false},
        {"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json", "", true,
         false, 0, API_AS_DISCOVERY, false, false},
        {"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json", "", false, false, 0, API_AS_OBJECT, false, false},
        {"application/json;as=Table;g=meta.k8s.io;v=v1,application/json", "", true, false, 0, API_AS_OBJECT, false, false},
        {",,;;=,application/json;as;g=;v", "", false, false, 0, API_AS_OBJECT, false, false},
        {"text/html;q=0.9, garbage", "", false, false, TARN_E_UNSUPPORTED, API_AS_OBJECT, false, false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct api_accept a = {.accept = tarn_bytes_of(rows[i].accept), .user_agent = tarn_bytes_of(rows[i].agent), .discovery = rows[i].discovery, .watch = rows[i].watch};
        struct api_answer refusal = {0};
        struct api_form form;
        int rc = api_form_negotiate(&a, &form, &refusal);
        bool same = rc == rows[i].rc && form.as == rows[i].as && form.beta == rows[i].beta && form.pretty == rows[i].pretty && refusal.code == (rc ? 406 : 0);

        if (!same)
            (void)fprintf(stderr, "%s: %d as %d beta %d pretty %d\n", rows[i].accept, rc, form.as, form.beta, form.pretty);
        CU_ASSERT(same);
        api_answer_release(&refusal);
    }
}

/* ---- memory ---------------------------------------------------------------------------------------------- */

static void no_memory_is_said_and_nothing_leaks(void)
{
    static const char target[] = "/apis/batch/v1/namespaces/a/jobs?labelSelector=a%3Db&fieldSelector=status.successful%3D0,metadata.name!%3Dx&resourceVersion=z";
    bool reached = true;

    for (long n = 0; reached; n++) {
        struct api_request r;
        int rc;

        tarn_fault_arm(n);
        rc = api_request_parse(TARN_BYTES("GET"), tarn_bytes_of(target), &r);
        reached = tarn_fault_disarm();
        CU_ASSERT(rc == TARN_E_NOMEM || r.refusal.code == 400);
        api_request_release(&r);
    }
}

TARN_TEST_MAIN("api_request", TARN_TEST(paths_are_read_as_the_server_reads_them),
               TARN_TEST(a_namespace_is_read_in_its_own_namespace),
               TARN_TEST(parameters_are_decoded),
               TARN_TEST(what_is_refused_is_refused_in_the_servers_words),
               TARN_TEST(several_broken_rules_are_several_causes),
               TARN_TEST(a_write_is_not_refused_for_its_parameters),
               TARN_TEST(fields_that_are_absent_mean_what_they_mean_to_the_server),
               TARN_TEST(values_keep_their_escapes),
               TARN_TEST(the_paths_behind_labels_are_told),
               TARN_TEST(accept_decides_the_form),
               TARN_TEST(no_memory_is_said_and_nothing_leaks))
