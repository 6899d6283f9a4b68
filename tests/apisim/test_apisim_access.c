/* Users, rules and reviews of tarn-apisim. What is expected was recorded from kube-apiserver v1.34.3, less the managedFields of what came. */
#include "tarn_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"

#define TOKENS "/apis/authentication.k8s.io/v1/tokenreviews"
#define ACCESS "/apis/authorization.k8s.io/v1/subjectaccessreviews"
#define SELF_ACCESS "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

static const char people[] = "users:\n"
                             "- {token: t-agent, name: agent}\n"
                             "- {token: t-reader, name: 'system:serviceaccount:alpha:reader', uid: u-1, groups: ['system:serviceaccounts'], extra: {k: [v]}}\n"
                             "- {token: t-boss, name: boss, groups: ['system:masters']}\n"
                             "rules:\n"
                             "- {users: [agent], verbs: [create], apiGroups: [authentication.k8s.io, authorization.k8s.io], resources: ['*']}\n"
                             "- {users: ['system:serviceaccount:alpha:reader'], verbs: [list, watch], apiGroups: [''], resources: [pods], namespaces: [proto]}\n"
                             "- {groups: ['system:serviceaccounts'], verbs: [get], apiGroups: [''], resources: [configmaps], resourceNames: [cm-1]}\n"
                             "- {users: ['system:serviceaccount:alpha:reader'], verbs: [get], apiGroups: [''], resources: [pods/log]}\n"
                             "- {groups: ['system:authenticated'], verbs: [get], nonResourceURLs: [/metrics, '/debug/*']}\n";

static char file[] = "/tmp/apisim-access-XXXXXX";

static void start(struct sim_server *s)
{
    int fd;

    strcpy(file + strlen(file) - 6, "XXXXXX");
    fd = mkstemp(file);
    CU_ASSERT_FATAL(fd >= 0 && write(fd, people, sizeof people - 1) == (ssize_t)sizeof people - 1 && close(fd) == 0);
    server_start(s, (const char *const[]){"--access", file, "--generate", "pods=3", "--load", TARN_TEST_DATA "/protocol/configmaps.json", NULL});
    (void)unlink(file);
}

static long code_as(const struct sim_server *s, const char *token, const char *method, const char *path, const char *body)
{
    struct sim_answer a = {0};
    char header[128];
    long code;

    (void)snprintf(header, sizeof header, "Authorization: Bearer %s", token);
    ask(s, &(struct sim_ask){.method = method, .path = path, .body = body, .headers = {header, body ? "Content-Type: application/json" : NULL}}, &a);
    code = a.code;
    answer_release(&a);
    return code;
}

static void rules_decide_as_rbac_does(void)
{
    static const struct {
        const char *token, *method, *path;
        long code;
    } rows[] = {
        {"t-reader", "GET", "/api/v1/namespaces/proto/pods", 200},
        {"t-reader", "GET", "/api/v1/namespaces/proto/pods/x", 403},
        {"t-reader", "GET", "/api/v1/pods", 403},
        {"t-reader", "GET", "/api/v1/namespaces/other/pods", 403},
        {"t-reader", "DELETE", "/api/v1/namespaces/proto/pods/x", 403},
        {"t-reader", "GET", "/api/v1/namespaces/proto/configmaps/cm-1", 404},
        {"t-reader", "GET", "/api/v1/namespaces/proto/configmaps/cm-2", 403},
        {"t-reader", "GET", "/api/v1/namespaces/proto/pods/x/log", 404},
        {"t-reader", "GET", "/api/v1/nodes", 403},
        {"t-reader", "GET", "/apis", 200},
        {"t-reader", "GET", "/api/v1", 200},
        {"t-reader", "GET", "/metrics", 404},
        {"t-reader", "GET", "/debug/x", 404},
        {"t-reader", "GET", "/logs", 403},
        {"t-boss", "GET", "/api/v1/nodes", 200},
        {"t-boss", "GET", "/logs", 404},
        {"t-agent", "GET", "/api/v1/pods", 403},
        {"nobody", "GET", "/api/v1/pods", 401},
        {"nobody", "GET", "/version", 401},
    };
    struct sim_server s;

    start(&s);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        long code = code_as(&s, rows[i].token, rows[i].method, rows[i].path, NULL);

        if (code != rows[i].code)
            printf("%s %s as %s: %ld\n", rows[i].method, rows[i].path, rows[i].token, code);
        CU_ASSERT_EQUAL(code, rows[i].code);
    }
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void review(const struct sim_server *s, const char *token, const char *path, const char *body, long code, const char *expected)
{
    struct sim_answer a = {0};
    char header[128];

    (void)snprintf(header, sizeof header, "Authorization: Bearer %s", token);
    ask(s, &(struct sim_ask){.method = "POST", .path = path, .body = body, .headers = {header, "Content-Type: application/json"}}, &a);
    CU_ASSERT_EQUAL(a.code, code);
    if (a.code != code || strcmp(a.body.data, expected) != 0)
        printf("%s\n  got      %s  expected %s", path, a.body.data, expected);
    CU_ASSERT_STRING_EQUAL(a.body.data, expected);
    answer_release(&a);
}

#define TOKEN_REVIEW(spec) "{\"kind\":\"TokenReview\",\"apiVersion\":\"authentication.k8s.io/v1\",\"metadata\":{},\"spec\":{" spec "}"
#define ACCESS_REVIEW(spec) "{\"kind\":\"SubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/v1\",\"metadata\":{},\"spec\":{" spec "}"
#define FAILURE "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","

static void tokens_are_reviewed(void)
{
    struct sim_server s;

    start(&s);
    review(&s, "t-agent", TOKENS, TOKEN_REVIEW("\"token\":\"t-reader\"") "}", 201,
           TOKEN_REVIEW("\"token\":\"t-reader\"") ",\"status\":{\"authenticated\":true,\"user\":{\"username\":\"system:serviceaccount:alpha:reader\",\"uid\":\"u-1\","
                                                  "\"groups\":[\"system:serviceaccounts\",\"system:authenticated\"],\"extra\":{\"k\":[\"v\"]}},\"audiences\":[\"https://kubernetes.default.svc\"]}}\n");
    review(&s, "t-agent", TOKENS, TOKEN_REVIEW("\"token\":\"bogus\"") "}", 201,
           TOKEN_REVIEW("\"token\":\"bogus\"") ",\"status\":{\"user\":{},\"error\":\"invalid bearer token\"}}\n");
    review(&s, "t-agent", TOKENS, TOKEN_REVIEW("\"token\":\"\"") "}", 400,
           FAILURE "\"message\":\"token is required for TokenReview in authentication\",\"reason\":\"BadRequest\",\"code\":400}\n");
    review(&s, "t-reader", TOKENS, TOKEN_REVIEW("\"token\":\"t-boss\"") "}", 403,
           FAILURE "\"message\":\"tokenreviews.authentication.k8s.io is forbidden: User \\\"system:serviceaccount:alpha:reader\\\" cannot create resource \\\"tokenreviews\\\" in API group "
                   "\\\"authentication.k8s.io\\\" at the cluster scope\",\"reason\":\"Forbidden\",\"details\":{\"group\":\"authentication.k8s.io\",\"kind\":\"tokenreviews\"},\"code\":403}\n");
    CU_ASSERT_EQUAL(code_as(&s, "t-agent", "GET", TOKENS, NULL), 405);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void accesses_are_reviewed(void)
{
    static const char pods[] = "\"resourceAttributes\":{\"verb\":\"list\",\"version\":\"v1\",\"resource\":\"pods\",\"namespace\":\"proto\"}";
    char body[512];
    struct sim_server s;

    start(&s);
    (void)snprintf(body, sizeof body, ACCESS_REVIEW("%s,\"user\":\"system:serviceaccount:alpha:reader\"") "}", pods);
    review(&s, "t-agent", ACCESS, body, 201,
           ACCESS_REVIEW("\"resourceAttributes\":{\"verb\":\"list\",\"version\":\"v1\",\"resource\":\"pods\",\"namespace\":\"proto\"},\"user\":\"system:serviceaccount:alpha:reader\"")
           ",\"status\":{\"allowed\":true,\"reason\":\"allowed by a rule of the simulator\"}}\n");
    review(&s, "t-agent", ACCESS, ACCESS_REVIEW("\"resourceAttributes\":{\"verb\":\"list\",\"resource\":\"pods\"},\"user\":\"system:serviceaccount:alpha:reader\"") "}", 201,
           ACCESS_REVIEW("\"resourceAttributes\":{\"verb\":\"list\",\"resource\":\"pods\"},\"user\":\"system:serviceaccount:alpha:reader\"") ",\"status\":{\"allowed\":false}}\n");
    review(&s, "t-agent", ACCESS, ACCESS_REVIEW("\"user\":\"x\"") "}", 422,
           FAILURE "\"message\":\".authorization.k8s.io \\\"\\\" is invalid: spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be "
                   "specified\",\"reason\":\"Invalid\",\"details\":{\"group\":\"authorization.k8s.io\",\"causes\":[{\"reason\":\"FieldValueInvalid\",\"message\":\"Invalid value: null: exactly one "
                   "of nonResourceAttributes or resourceAttributes must be specified\",\"field\":\"spec.resourceAttributes\"}]},\"code\":422}\n");
    (void)snprintf(body, sizeof body, "{\"kind\":\"SelfSubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/v1\",\"metadata\":{},\"spec\":{%s}}", pods);
    CU_ASSERT_EQUAL(code_as(&s, "t-reader", "POST", SELF_ACCESS, body), 201);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void other_users_and_rules_hold_at_once(void)
{
    struct sim_server s;

    start(&s);
    CU_ASSERT_EQUAL(code_as(&s, "t-reader", "GET", "/api/v1/namespaces/proto/pods", NULL), 200);
    CU_ASSERT_EQUAL(post(&s, "/sim/access", "{\"users\":[{\"name\":\"no token\"}]}"), 400);
    CU_ASSERT_EQUAL(code_as(&s, "t-reader", "GET", "/api/v1/namespaces/proto/pods", NULL), 200);
    CU_ASSERT_EQUAL(post(&s, "/sim/access", "{\"users\":[{\"token\":\"t-reader\",\"name\":\"r\"},{\"token\":\"t-new\",\"name\":\"boss\",\"groups\":[\"system:masters\"]}]}"), 200);
    CU_ASSERT_EQUAL(code_as(&s, "t-reader", "GET", "/api/v1/namespaces/proto/pods", NULL), 403);
    CU_ASSERT_EQUAL(code_as(&s, "t-boss", "GET", "/api/v1/pods", NULL), 401);
    CU_ASSERT_EQUAL(code_as(&s, "t-new", "GET", "/api/v1/pods", NULL), 200);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

static void a_pod_has_a_log(void)
{
    struct sim_server s;
    struct sim_answer a = {0};
    json_t *pods;
    char path[600];

    server_start(&s, (const char *const[]){"--generate", "pods=1", NULL});
    pods = get_json(&s, "/api/v1/pods");
    (void)snprintf(path, sizeof path, "/api/v1/namespaces/%s/pods/%s/log", json_string_value(json_object_get(json_object_get(json_array_get(json_object_get(pods, "items"), 0), "metadata"), "namespace")),
                   json_string_value(json_object_get(json_object_get(json_array_get(json_object_get(pods, "items"), 0), "metadata"), "name")));
    ask(&s, &(struct sim_ask){.path = path}, &a);
    CU_ASSERT(a.code == 200 && strstr(a.body.data, ": line 20\n") && !strstr(a.body.data, ": line 21\n"));
    (void)strcat(path, "?follow=true");
    ask(&s, &(struct sim_ask){.path = path, .timeout_ms = 3000}, &a);
    CU_ASSERT(a.code == 200 && strstr(a.body.data, ": line 21\n"));
    json_decref(pods);
    answer_release(&a);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
}

TARN_TEST_MAIN("apisim access", TARN_TEST(rules_decide_as_rbac_does), TARN_TEST(tokens_are_reviewed), TARN_TEST(accesses_are_reviewed),
               TARN_TEST(other_users_and_rules_hold_at_once), TARN_TEST(a_pod_has_a_log))
