/* Tests of agent/api/api_access.c: against the simulator with users and rules, and against servers that answer nonsense. Every token is made up. */
#include "tarn_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api_access.h"
#include "byte_server.h"
#include "client.h"

/* ---- a loop with an access, and a question that is waited for ------------------------------------------------------ */

struct lab {
    uv_loop_t loop;
    uv_timer_t beat; /* so that the loop comes round */
    struct tarn_config_server config;
    struct api_access *access;
};

struct asked {
    bool done;
    int code; /* 200: yes */
    uint32_t retry_after_s;
    char message[400], details[300];
    struct api_decision *decision;
};

static void on_beat(uv_timer_t *t)
{
    (void)t;
}

static void lab_init(struct lab *l, const char *url, const char *token_file)
{
    struct tarn_error err;

    *l = (struct lab){.config = {.url = url, .token_file = token_file}};
    CU_ASSERT_FATAL(uv_loop_init(&l->loop) == 0 && api_access_new(&l->loop, &l->config, &l->access, &err) == 0);
    (void)uv_timer_init(&l->loop, &l->beat);
    (void)uv_timer_start(&l->beat, on_beat, 10, 10);
}

static void lab_release(struct lab *l)
{
    api_access_close(l->access);
    uv_close((uv_handle_t *)&l->beat, NULL);
    (void)uv_run(&l->loop, UV_RUN_DEFAULT);
    CU_ASSERT_EQUAL(uv_loop_close(&l->loop), 0);
}

static void on_decided(void *ctx, const struct tarn_status *refusal)
{
    struct asked *a = ctx;

    CU_ASSERT_FALSE(a->done);
    a->done = true;
    a->decision = NULL;
    a->code = refusal ? refusal->code : 200;
    if (!refusal)
        return;
    a->retry_after_s = refusal->retry_after_s;
    (void)snprintf(a->message, sizeof a->message, "%.*s", TARN_BYTES_ARG(refusal->message));
    (void)snprintf(a->details, sizeof a->details, "%.*s|%.*s|%.*s", TARN_BYTES_ARG(refusal->group), TARN_BYTES_ARG(refusal->kind), TARN_BYTES_ARG(refusal->name));
}

static struct api_attributes pods(const char *verb, const char *ns, const char *name)
{
    return (struct api_attributes){.verb = verb, .version = TARN_BYTES("v1"), .resource = TARN_BYTES("pods"), .ns = tarn_bytes_of(ns), .name = tarn_bytes_of(name)};
}

static void begin(struct lab *l, struct asked *a, const char *authorization, struct api_attributes what)
{
    *a = (struct asked){0};
    a->decision = api_access_decide(l->access, &(struct api_caller){.authorization = authorization}, &what, on_decided, a);
    CU_ASSERT_EQUAL(a->done, a->decision == NULL);
}

static void finish(struct lab *l, struct asked *a)
{
    for (int i = 0; !a->done && i < 100000; i++)
        (void)uv_run(&l->loop, UV_RUN_ONCE);
    CU_ASSERT_FATAL(a->done);
}

static struct asked decide(struct lab *l, const char *authorization, struct api_attributes what)
{
    struct asked a;

    begin(l, &a, authorization, what);
    finish(l, &a);
    return a;
}

static struct api_access_stats stats(struct lab *l)
{
    struct api_access_stats s;

    api_access_stats(l->access, &s);
    return s;
}

/* Ask until the answer is this one; it must come, however long it takes. */
static void until(struct lab *l, const char *authorization, struct api_attributes what, int code)
{
    int was = 0;

    for (int i = 0; i < 6000 && (was = decide(l, authorization, what).code) != code; i++)
        (void)uv_run(&l->loop, UV_RUN_ONCE);
    CU_ASSERT_EQUAL(was, code);
}

/* ---- the simulator with people ---------------------------------------------------------------------------------------- */

#define AGENT "{\"token\":\"made-up-agent\",\"name\":\"tarnd\"}"
#define READER "{\"token\":\"made-up-reader\",\"name\":\"reader\",\"uid\":\"u\",\"groups\":[\"readers\",\"a\\\"b\"],\"extra\":{\"k\":[\"v\"]}}"
#define MAY_REVIEW "{\"users\":[\"tarnd\"],\"verbs\":[\"create\"],\"apiGroups\":[\"authentication.k8s.io\",\"authorization.k8s.io\"],\"resources\":[\"tokenreviews\",\"subjectaccessreviews\"]}"
#define MAY_LIST "{\"groups\":[\"readers\"],\"verbs\":[\"list\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"namespaces\":[\"web\"]}"
#define PEOPLE(users, rules) "{\"users\":[" users "],\"rules\":[" rules "]}"

static char token_file[] = "/tmp/tarn-access-XXXXXX";

static void start(struct sim_server *s, struct lab *l)
{
    int fd;

    strcpy(token_file + strlen(token_file) - 6, "XXXXXX");
    fd = mkstemp(token_file);
    CU_ASSERT_FATAL(fd >= 0 && write(fd, "made-up-agent", 13) == 13 && close(fd) == 0);
    server_start(s, (const char *const[]){NULL});
    CU_ASSERT_EQUAL(post(s, "/sim/access", PEOPLE(AGENT "," READER, MAY_REVIEW "," MAY_LIST)), 200);
    lab_init(l, s->url, token_file);
}

static void stop(struct sim_server *s, struct lab *l)
{
    lab_release(l);
    (void)unlink(token_file);
    CU_ASSERT_EQUAL(server_stop(s), 0);
}

static void a_token_may_what_the_server_says(void)
{
    static const struct {
        const char *authorization, *verb, *ns, *name;
        int code;
        const char *message;
    } rows[] = {
        {"Bearer made-up-reader", "list", "web", "", 200, ""},
        {"bearer   made-up-reader", "list", "web", "", 200, ""},
        {"Bearer made-up-reader", "list", "", "", 403, "pods is forbidden: User \"reader\" cannot list resource \"pods\" in API group \"\" at the cluster scope"},
        {"Bearer made-up-reader", "watch", "web", "", 403, "pods is forbidden: User \"reader\" cannot watch resource \"pods\" in API group \"\" in the namespace \"web\""},
        {"Bearer made-up-reader", "get", "web", "a\"b", 403, "pods \"a\\\"b\" is forbidden: User \"reader\" cannot get resource \"pods\" in API group \"\" in the namespace \"web\""},
        {"Bearer made-up-nobody", "list", "web", "", 401, "Unauthorized"},
        {"Bearer made-up-agent", "list", "web", "", 403, "pods is forbidden: User \"tarnd\" cannot list resource \"pods\" in API group \"\" in the namespace \"web\""},
    };
    struct sim_server s;
    struct lab l;

    start(&s, &l);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct asked a = decide(&l, rows[i].authorization, pods(rows[i].verb, rows[i].ns, rows[i].name));

        CU_ASSERT_EQUAL(a.code, rows[i].code);
        CU_ASSERT_STRING_EQUAL(a.message, rows[i].message);
    }
    CU_ASSERT_EQUAL(decide(&l, "Bearer made-up-reader", (struct api_attributes){.verb = "get", .path = TARN_BYTES("/apis")}).code, 200);
    CU_ASSERT_STRING_EQUAL(decide(&l, "Bearer made-up-reader", (struct api_attributes){.verb = "get", .path = TARN_BYTES("/metrics")}).message,
                           "forbidden: User \"reader\" cannot get path \"/metrics\"");
    stop(&s, &l);
}

/* None of these is worth a question. */
static void who_has_no_token_is_refused_at_once(void)
{
    static const char *const rows[] = {NULL, "", "Bearer", "Bearer ", "Bearer   ", "Basic am9lOng=", "Token x", "Bearer a b", "Bearer a\x01", "Bearer \xc3\xa9", "BearerX"};
    struct sim_server s;
    struct lab l;

    start(&s, &l);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct asked a;

        begin(&l, &a, rows[i], pods("list", "web", ""));
        CU_ASSERT(a.done && a.code == 401 && strcmp(a.message, "Unauthorized") == 0);
    }
    CU_ASSERT_EQUAL(stats(&l).token_reviews, 0);
    CU_ASSERT_EQUAL(stats(&l).unauthorized, sizeof rows / sizeof *rows);
    stop(&s, &l);
}

static void who_asks_as_another_is_refused(void)
{
    const struct tarn_peer root = {.uid = 0, .pidfd = -1};
    const struct tarn_config_realm realm = {.name = "cluster"}, *realms[] = {&realm};
    const struct api_caller callers[] = {{.peer = &root, .impersonates = true}, {.authorization = "Bearer made-up-reader", .impersonates = true}};
    struct api_attributes what = pods("list", "web", "");
    struct sim_server s;
    struct lab l;

    start(&s, &l);
    what.realms = realms;
    what.nrealms = 1;
    for (int i = 0; i < 2; i++) {
        struct asked a = {0};

        CU_ASSERT(api_access_decide(l.access, &callers[i], &what, on_decided, &a) == NULL && a.done && a.code == 403);
    }
    stop(&s, &l);
}

/* Of many who ask the same at one time one question is asked; of one who asks again none. */
static void the_same_is_asked_once(void)
{
    struct asked many[100];
    struct sim_server s;
    struct lab l;

    start(&s, &l);
    for (int i = 0; i < 100; i++)
        begin(&l, &many[i], "Bearer made-up-reader", i % 2 ? pods("list", "web", "") : pods("get", "web", "x"));
    for (int i = 0; i < 100; i++) {
        finish(&l, &many[i]);
        CU_ASSERT_EQUAL(many[i].code, i % 2 ? 200 : 403);
    }
    CU_ASSERT(stats(&l).token_reviews == 1 && stats(&l).access_reviews == 2);
    for (int i = 0; i < 100; i++) {
        begin(&l, &many[0], "Bearer made-up-reader", pods("list", "web", ""));
        CU_ASSERT(many[0].done && many[0].code == 200);
    }
    CU_ASSERT(stats(&l).token_reviews == 1 && stats(&l).access_reviews == 2 && stats(&l).cached >= 200);
    /* no part of a question runs into the next */
    CU_ASSERT_EQUAL(decide(&l, "Bearer made-up-reader", pods("list", "we", "b")).code, 403);
    CU_ASSERT_EQUAL(stats(&l).access_reviews, 3);
    stop(&s, &l);
}

static void what_is_revoked_ends_what_is_granted_begins(void)
{
    struct sim_server s;
    struct lab l;

    start(&s, &l);
    CU_ASSERT_EQUAL(decide(&l, "Bearer made-up-reader", pods("list", "web", "")).code, 200);
    CU_ASSERT_EQUAL(decide(&l, "Bearer made-up-new", pods("list", "web", "")).code, 401);
    /* the role goes; a token comes */
    CU_ASSERT_EQUAL(post(&s, "/sim/access", PEOPLE(AGENT "," READER ",{\"token\":\"made-up-new\",\"name\":\"new\",\"groups\":[\"system:masters\"]}", MAY_REVIEW)), 200);
    until(&l, "Bearer made-up-new", pods("list", "web", ""), 200);
    until(&l, "Bearer made-up-reader", pods("list", "web", ""), 403);
    /* a token goes */
    CU_ASSERT_EQUAL(post(&s, "/sim/access", PEOPLE(AGENT "," READER, MAY_REVIEW)), 200);
    until(&l, "Bearer made-up-new", pods("list", "web", ""), 401);
    stop(&s, &l);
}

static void without_the_server_answers_hold_to_their_end_and_nobody_new_gets_in(void)
{
    struct sim_server s;
    struct lab l;
    struct asked a;

    start(&s, &l);
    CU_ASSERT_EQUAL(decide(&l, "Bearer made-up-reader", pods("list", "web", "")).code, 200);
    CU_ASSERT_EQUAL(server_stop(&s), 0);
    a = decide(&l, "Bearer made-up-other", pods("list", "web", ""));
    CU_ASSERT(a.code == 503 && a.retry_after_s == 1 && strstr(a.message, "its log says why"));
    until(&l, "Bearer made-up-reader", pods("list", "web", ""), 503);
    CU_ASSERT(stats(&l).failures >= 2);
    lab_release(&l);
    (void)unlink(token_file);
}

static void no_flood_of_tokens_grows_without_bound(void)
{
    struct sim_server s;
    struct lab l;
    char authorization[64];

    start(&s, &l);
    for (unsigned i = 0; i < API_ACCESS_TOKENS + 200; i++) {
        (void)snprintf(authorization, sizeof authorization, "Bearer made-up-%u", i);
        CU_ASSERT_EQUAL(decide(&l, authorization, pods("list", "web", "")).code, 401);
    }
    CU_ASSERT_EQUAL(stats(&l).tokens, API_ACCESS_TOKENS);
    CU_ASSERT_EQUAL(decide(&l, "Bearer made-up-reader", pods("list", "web", "")).code, 200);
    stop(&s, &l);
}

static void more_than_can_be_asked_at_once_are_told_to_come_again(void)
{
    struct byte_answer silent = {.bytes = "HTTP/1.1 100 Continue\r\n\r\n", .after = 2};
    struct byte_server *server = byte_server_start(&silent, 1);
    struct asked *all = calloc(API_ACCESS_TOKENS + 1, sizeof *all);
    struct lab l;
    char authorization[64];

    lab_init(&l, byte_server_url(server), NULL);
    for (unsigned i = 0; i <= API_ACCESS_TOKENS; i++) {
        (void)snprintf(authorization, sizeof authorization, "Bearer made-up-%u", i);
        begin(&l, &all[i], authorization, pods("list", "web", ""));
        CU_ASSERT_EQUAL(all[i].done, i == API_ACCESS_TOKENS);
    }
    CU_ASSERT(all[API_ACCESS_TOKENS].code == 429 && all[API_ACCESS_TOKENS].retry_after_s == 1);
    /* some go before they know; the rest when the access closes: none is called */
    for (unsigned i = 0; i < 10; i++)
        api_access_cancel(all[i].decision);
    lab_release(&l);
    CU_ASSERT_FALSE(all[0].done || all[20].done);
    byte_server_stop(server);
    free(all);
}

/* ---- servers that answer something else --------------------------------------------------------------------------------------- */

#define YES_TOKEN "{\"kind\":\"TokenReview\",\"spec\":{\"token\":\"made-up-secret\"},\"status\":{\"authenticated\":true,\"user\":{\"username\":\"joe\"}}}"
#define TOKEN(status) "{\"kind\":\"TokenReview\",\"status\":" status "}"
#define ACCESS(status) "{\"kind\":\"SubjectAccessReview\",\"status\":" status "}"

/* Whatever is not a clear yes, twice, is no. */
static void nothing_but_yes_lets_in(void)
{
    static const struct {
        int status, code;
        const char *token, *access; /* bodies */
    } rows[] = {
        {201, 200, YES_TOKEN, ACCESS("{\"allowed\":true}")},
        {200, 200, YES_TOKEN, ACCESS("{\"allowed\":true}")},
        {201, 401, TOKEN("{}"), NULL},
        {201, 401, TOKEN("{\"authenticated\":\"true\",\"user\":{\"username\":\"joe\"}}"), NULL},
        {201, 401, TOKEN("{\"authenticated\":true}"), NULL},
        {201, 401, TOKEN("{\"authenticated\":true,\"user\":{\"username\":\"\"}}"), NULL},
        {201, 401, TOKEN("{\"authenticated\":true,\"user\":{\"username\":7}}"), NULL},
        {201, 503, TOKEN("null"), NULL},
        {201, 503, "{\"kind\":\"SubjectAccessReview\",\"status\":{\"allowed\":true,\"authenticated\":true,\"user\":{\"username\":\"joe\"}}}", NULL},
        {201, 503, "<html>made-up-secret</html>", NULL},
        {201, 503, "{\"kind\":\"TokenReview\",\"status\":{\"authenticated\":true", NULL},
        {201, 503, "", NULL},
        {202, 503, YES_TOKEN, NULL},
        {302, 503, YES_TOKEN, NULL},
        {400, 503, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":\"cannot read made-up-secret\",\"code\":400}", NULL},
        {403, 503, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":\"tokenreviews is forbidden\",\"reason\":\"Forbidden\",\"code\":403}", NULL},
        {500, 503, "made-up-secret", NULL},
        {201, 403, YES_TOKEN, ACCESS("{\"allowed\":false}")},
        {201, 403, YES_TOKEN, ACCESS("{}")},
        {201, 403, YES_TOKEN, ACCESS("{\"allowed\":1}")},
        {201, 403, YES_TOKEN, ACCESS("{\"allowed\":true,\"denied\":true}")},
        {201, 503, YES_TOKEN, YES_TOKEN},
        {201, 503, YES_TOKEN, ACCESS("[]")},
        {201, 503, YES_TOKEN, "allowed"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *token = json_answer(rows[i].status, rows[i].token, &(size_t){0}), *access = json_answer(rows[i].status, rows[i].access ? rows[i].access : "", &(size_t){0});
        struct byte_answer answers[] = {{.bytes = token, .after = 1}, {.bytes = access, .after = 1}};
        struct byte_server *server = byte_server_start(answers, 2);
        struct asked a;
        struct lab l;

        lab_init(&l, byte_server_url(server), NULL);
        a = decide(&l, "Bearer made-up-secret", pods("list", "web", ""));
        if (a.code != rows[i].code)
            printf("row %zu: %d %s\n", i, a.code, a.message);
        CU_ASSERT_EQUAL(a.code, rows[i].code);
        CU_ASSERT_EQUAL(byte_server_requests(server), rows[i].access ? 2 : 1);
        lab_release(&l);
        byte_server_stop(server);
        free(token);
        free(access);
    }
}

static void an_answer_that_is_too_large_or_cut_is_none(void)
{
    struct byte_answer rows[] = {{.bytes = "HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"kind\":"}, {.bytes = NULL}, {.bytes = NULL, .after = 1}};
    char *large = malloc(80001), *whole;

    memset(large, ' ', 80000);
    large[80000] = '\0';
    memcpy(large, YES_TOKEN, sizeof YES_TOKEN - 1);
    whole = json_answer(201, large, &(size_t){0});
    rows[2].bytes = whole;
    for (int i = 0; i < 3; i++) {
        struct byte_server *server = byte_server_start(&rows[i], 1);
        struct lab l;

        lab_init(&l, byte_server_url(server), NULL);
        CU_ASSERT_EQUAL(decide(&l, "Bearer made-up-secret", pods("list", "web", "")).code, 503);
        lab_release(&l);
        byte_server_stop(server);
    }
    free(whole);
    free(large);
}

static const char *body_of(struct byte_server *s, unsigned i, char *buf, size_t size)
{
    const char *end;

    byte_server_request(s, i, buf, size);
    end = strstr(buf, "\r\n\r\n");
    return end ? end + 4 : "";
}

static void the_questions_say_what_the_api_wants(void)
{
    char *token = json_answer(201, TOKEN("{\"authenticated\":true,\"user\":{\"username\":\"a \\\"b\\\"\",\"groups\":[\"x\",\"y\"],\"uid\":\"7\",\"extra\":{\"k\":[\"v\"]}}}"), &(size_t){0});
    char *access = json_answer(201, ACCESS("{\"allowed\":false,\"reason\":\"it is \\\"so\\\"\"}"), &(size_t){0}), buf[4096];
    struct byte_answer answers[] = {{.bytes = token, .after = 1}, {.bytes = access, .after = 1}};
    struct byte_server *server = byte_server_start(answers, 2);
    struct lab l;
    struct asked a;

    lab_init(&l, byte_server_url(server), NULL);
    a = decide(&l, "Bearer made-up-secret", (struct api_attributes){.verb = "get", .group = TARN_BYTES("apps"), .version = TARN_BYTES("v1"), .resource = TARN_BYTES("deployments"), .ns = TARN_BYTES("web"), .name = TARN_BYTES("n")});
    CU_ASSERT_STRING_EQUAL(a.message, "deployments.apps \"n\" is forbidden: User \"a \\\"b\\\"\" cannot get resource \"deployments\" in API group \"apps\" in the namespace \"web\": it is \"so\"");
    CU_ASSERT_STRING_EQUAL(a.details, "apps|deployments|n");
    CU_ASSERT_STRING_EQUAL(body_of(server, 0, buf, sizeof buf), "{\"kind\":\"TokenReview\",\"apiVersion\":\"authentication.k8s.io/v1\",\"spec\":{\"token\":\"made-up-secret\"}}");
    CU_ASSERT(strncmp(buf, "POST /apis/authentication.k8s.io/v1/tokenreviews HTTP/1.1\r\n", 58) == 0 && strstr(buf, "\r\nContent-Type: application/json\r\n"));
    CU_ASSERT_STRING_EQUAL(body_of(server, 1, buf, sizeof buf),
                           "{\"kind\":\"SubjectAccessReview\",\"apiVersion\":\"authorization.k8s.io/v1\",\"spec\":{\"resourceAttributes\":{\"verb\":\"get\",\"group\":\"apps\",\"version\":\"v1\",\"resource\":"
                           "\"deployments\",\"namespace\":\"web\",\"name\":\"n\"},\"user\":\"a \\\"b\\\"\",\"uid\":\"7\",\"groups\":[\"x\",\"y\"],\"extra\":{\"k\":[\"v\"]}}}");
    (void)decide(&l, "Bearer made-up-secret", (struct api_attributes){.verb = "get", .path = TARN_BYTES("/apis")});
    CU_ASSERT(strstr(body_of(server, 2, buf, sizeof buf), "\"spec\":{\"nonResourceAttributes\":{\"verb\":\"get\",\"path\":\"/apis\"},\"user\":") != NULL);
    lab_release(&l);
    byte_server_stop(server);
    free(token);
    free(access);
}

/* ---- peers -------------------------------------------------------------------------------------------------------------------------- */

static int decide_peer(struct lab *l, const struct tarn_peer *p, const struct tarn_config_realm *const *realms, unsigned n, struct asked *ret)
{
    struct api_attributes what = pods("list", "", "");

    what.realms = realms;
    what.nrealms = n;
    *ret = (struct asked){0};
    CU_ASSERT(api_access_decide(l->access, &(struct api_caller){.peer = p, .authorization = "Bearer made-up-reader"}, &what, on_decided, ret) == NULL && ret->done);
    return ret->code;
}

/* The kernel says who it is; a token counts for nothing there. */
static void a_peer_may_what_the_readers_of_a_realm_say(void)
{
    const struct tarn_config_realm by_user = {.name = "u", .uids = {(uint32_t[]){1001}, 1}}, by_group = {.name = "g", .gids = {(uint32_t[]){2001}, 1}}, none = {.name = "n"};
    const struct tarn_config_realm *both[] = {&by_user, &by_group}, *closed[] = {&none}, *user[] = {&by_user};
    const struct tarn_peer one = {.uid = 1001, .gid = 9, .pidfd = -1}, primary = {.uid = 1002, .gid = 2001, .pidfd = -1},
                           member = {.uid = 1003, .gid = 9, .groups = (gid_t[]){5, 2001}, .ngroups = 2, .pidfd = -1}, stranger = {.uid = 1004, .gid = 9, .pidfd = -1}, root = {.pidfd = -1};
    struct sim_server s;
    struct asked a;
    struct lab l;

    start(&s, &l);
    CU_ASSERT(decide_peer(&l, &one, both, 2, &a) == 200 && decide_peer(&l, &primary, both, 2, &a) == 200 && decide_peer(&l, &member, both, 2, &a) == 200);
    CU_ASSERT(decide_peer(&l, &primary, user, 1, &a) == 403 && decide_peer(&l, &one, closed, 1, &a) == 403 && decide_peer(&l, &one, NULL, 0, &a) == 403);
    CU_ASSERT(decide_peer(&l, &root, closed, 1, &a) == 200);
    CU_ASSERT_EQUAL(decide_peer(&l, &stranger, both, 2, &a), 403);
    CU_ASSERT_STRING_EQUAL(a.message, "pods is forbidden: User \"uid:1004\" cannot list resource \"pods\" in API group \"\" at the cluster scope: it is not among the readers of the realm");
    CU_ASSERT(api_access_may_read(&(struct api_caller){.peer = &one}, &by_user) && !api_access_may_read(&(struct api_caller){.peer = &one}, &by_group));
    CU_ASSERT(api_access_may_read(&(struct api_caller){.authorization = "x"}, &none));
    CU_ASSERT_EQUAL(stats(&l).token_reviews, 0);
    stop(&s, &l);
}

/* ---- nothing is told of a token --------------------------------------------------------------------------------------------------------- */

static void the_log_has_the_reason_and_no_token(void)
{
    char log[65536];
    int fds[2];
    ssize_t n;

    CU_ASSERT_FATAL(pipe(fds) == 0);
    tarn_logger_init(TARN_LOG_TEXT, TARN_LOG_DEBUG, fds[1], "/nonexistent");
    nothing_but_yes_lets_in();
    without_the_server_answers_hold_to_their_end_and_nobody_new_gets_in();
    tarn_logger_init(TARN_LOG_TEXT, TARN_LOG_WARN, STDERR_FILENO, "/nonexistent");
    (void)close(fds[1]);
    n = read(fds[0], log, sizeof log - 1);
    CU_ASSERT_FATAL(n > 0);
    log[n] = '\0';
    CU_ASSERT(strstr(log, "a caller of the read API cannot be checked") && strstr(log, "403: tokenreviews is forbidden"));
    CU_ASSERT(strstr(log, "made-up") == NULL);
    (void)close(fds[0]);
}

TARN_TEST_MAIN("api_access", TARN_TEST(a_token_may_what_the_server_says), TARN_TEST(who_has_no_token_is_refused_at_once), TARN_TEST(who_asks_as_another_is_refused),
               TARN_TEST(the_same_is_asked_once), TARN_TEST(what_is_revoked_ends_what_is_granted_begins), TARN_TEST(no_flood_of_tokens_grows_without_bound),
               TARN_TEST(more_than_can_be_asked_at_once_are_told_to_come_again), TARN_TEST(an_answer_that_is_too_large_or_cut_is_none),
               TARN_TEST(the_questions_say_what_the_api_wants), TARN_TEST(a_peer_may_what_the_readers_of_a_realm_say), TARN_TEST(the_log_has_the_reason_and_no_token))
