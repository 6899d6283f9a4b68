/* Tests of agent/credentials.c with exec_plugin.c, exec_credential.c, exec_config.c and secret memory: real processes, real sockets.
 * The plugins are scripts; every token and key is made up. */
/* tarn-test: threads */
#include "tarn_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent_loop.h"
#include "base64.h"
#include "byte_server.h"
#include "credentials.h"
#include "scratch.h"
#include "smaps.h"

#define V1 "client.authentication.k8s.io/v1"
#define V1BETA1 "client.authentication.k8s.io/v1beta1"

static void read_back(const char *name, char *out, size_t size)
{
    FILE *f = fopen(scratch_path(name), "r");
    size_t n = f ? fread(out, 1, size - 1, f) : 0;

    out[n] = '\0';
    if (f)
        (void)fclose(f);
}

/* A kubeconfig whose user runs ./plugin; more: further lines of the exec map, cluster: further fields of the cluster. */
static const char *kubeconfig(const char *url, const char *version, const char *more, const char *cluster)
{
    char text[2048];

    (void)snprintf(text, sizeof text,
                   "current-context: a\nclusters: [{name: c, cluster: {server: '%s'%s}}]\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n"
                   "users:\n- name: u\n  user:\n    exec:\n      apiVersion: %s\n      command: ./plugin\n      interactiveMode: Never\n%s",
                   url, cluster, version, more);
    (void)scratch_write("config", 0600, text);
    return scratch_path("config");
}

/* A plugin that counts its runs in ./runs and prints the credential. */
static void plugin(const char *version, const char *status)
{
    char text[2048];

    (void)unlink(scratch_path("runs"));
    (void)snprintf(text, sizeof text,
                   "#!/bin/sh\necho run >>%s\nn=$(wc -l <%s)\nprintf '%%s' \"$KUBERNETES_EXEC_INFO\" >%s\necho \"$1|$2|$COLOR|$HOME\" >%s\nls -l /proc/$$/fd >%s\n"
                   "echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"%s\",\"status\":{%s}}' | sed \"s/RUN/$n/\"\n",
                   scratch_path("runs"), scratch_path("runs"), scratch_path("info"), scratch_path("saw"), scratch_path("fds"), version, status);
    (void)scratch_write("plugin", 0700, text);
}

static unsigned runs(void)
{
    char text[4096];
    unsigned n = 0;

    read_back("runs", text, sizeof text);
    for (const char *p = text; *p; p++)
        n += *p == '\n';
    return n;
}

static unsigned count(const char *text, const char *word)
{
    unsigned n = 0;

    while ((text = strstr(text, word))) {
        n++;
        text++;
    }
    return n;
}

struct got {
    bool done;
    int status;
    enum tarn_http_end_kind kind;
    char error[600];
};

static int on_head(void *ctx, const struct tarn_http_head *h)
{
    ((struct got *)ctx)->status = h->status;
    return 0;
}

static int on_body(void *ctx, const char *data, size_t n)
{
    (void)ctx, (void)data, (void)n;
    return 0;
}

static void on_end(void *ctx, const struct tarn_http_end *e)
{
    struct got *g = ctx;

    g->done = true;
    g->kind = e->kind;
    (void)snprintf(g->error, sizeof g->error, "%s", e->error ? e->error->message : "");
}

static const struct tarn_http_sink sink = {.on_head = on_head, .on_body = on_body, .on_end = on_end};

static struct tarn_http_transfer *ask(struct agent_loop *l, struct got *g, enum tarn_http_class cls)
{
    struct tarn_http_transfer *t;

    *g = (struct got){0};
    CU_ASSERT_FATAL(tarn_http_start(l->http, &(struct tarn_http_request){.cls = cls, .path = "/api", .sink = &sink, .ctx = g}, &t) == 0);
    return t;
}

static void fetch(struct agent_loop *l, struct got *g)
{
    (void)ask(l, g, TARN_HTTP_SHORT);
    CU_ASSERT(agent_loop_run(l, &g->done));
}

static struct byte_server *ok_server(char **ret_owned)
{
    static struct byte_answer a; /* the server borrows it; one at a time */

    a = (struct byte_answer){.after = 1};
    a.bytes = *ret_owned = json_answer(200, "{}", &a.len);
    return byte_server_start(&a, 1);
}

static bool sent(struct byte_server *s, unsigned i, const char *line)
{
    char request[4096];

    byte_server_request(s, i, request, sizeof request);
    return strstr(request, line) != NULL;
}

/* ---- what the plugin is told and gives ----------------------------------------------------------------- */

static void a_plugin_hears_of_the_cluster_and_its_token_is_used_until_it_expires(void)
{
    static const struct {
        const char *version, *more, *cluster, *expires, *info;
        unsigned runs;
    } rows[] = {
        {V1, "", "", "", "{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"spec\":{\"interactive\":false}}", 1},
        {V1BETA1, "      provideClusterInfo: false\n", "", ",\"expirationTimestamp\":\"2999-01-01T00:00:00Z\"", "{\"interactive\":false}}", 1},
        {V1, "      provideClusterInfo: true\n",
         ", tls-server-name: t, certificate-authority-data: LS0tLS1CRUdJTiB4, extensions: [{name: other, extension: 1}, {name: client.authentication.k8s.io/exec, extension: {a: [1, yes, 'no\"', true, ~, 012]}}]",
         ",\"expirationTimestamp\":\"2020-01-01T00:00:00.5+02:00\"",
         "/\",\"tls-server-name\":\"t\",\"certificate-authority-data\":\"LS0tLS1CRUdJTiB4\",\"config\":{\"a\":[1,\"yes\",\"no\\\"\",true,null,\"012\"]}}", 2},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *owned, status[200], info[2048], saw[512], fds[4096], url[128];
        struct byte_server *s = ok_server(&owned);
        time_t end = time(NULL) + 60;
        struct agent_loop l;
        struct got g;

        (void)setenv("COLOR", "red", 1);
        (void)snprintf(status, sizeof status, "\"token\":\"made-up-RUN\"%s", rows[i].expires);
        plugin(rows[i].version, status);
        (void)snprintf(url, sizeof url, "%s/", byte_server_url(s));
        agent_loop_init_config(&l, &(struct tarn_config_server){.kubeconfig = kubeconfig(url, rows[i].version, rows[i].more, rows[i].cluster)});
        fetch(&l, &g);
        CU_ASSERT_EQUAL(g.status, 200);
        CU_ASSERT(sent(s, 0, "Authorization: Bearer made-up-1\r\n"));
        do {
            fetch(&l, &g);
            (void)usleep(20000);
        } while (runs() < rows[i].runs && time(NULL) < end);
        CU_ASSERT_EQUAL(runs(), rows[i].runs);
        CU_ASSERT(sent(s, byte_server_requests(s) - 1, rows[i].runs == 2 ? "Bearer made-up-2\r\n" : "Bearer made-up-1\r\n"));
        read_back("info", info, sizeof info);
        if (!strstr(info, rows[i].info))
            printf("%s\n", info);
        CU_ASSERT(strstr(info, rows[i].info) != NULL);
        CU_ASSERT(strstr(info, "made-up") == NULL);
        read_back("saw", saw, sizeof saw);
        CU_ASSERT(strncmp(saw, "||red|", 6) == 0);
        read_back("fds", fds, sizeof fds);
        if (count(fds, "socket:") != 2)
            printf("%s", fds);
        CU_ASSERT(strstr(fds, "anon_inode") == NULL && count(fds, "socket:") == 2); /* the two it prints to, nothing else of ours */
        agent_loop_release(&l);
        byte_server_stop(s);
        free(owned);
    }
}

static void arguments_and_environment_are_the_configured_ones(void)
{
    char *owned, saw[512];
    struct byte_server *s = ok_server(&owned);
    struct agent_loop l;
    struct got g;

    (void)setenv("COLOR", "red", 1);
    plugin(V1, "\"token\":\"t\"");
    agent_loop_init_config(&l, &(struct tarn_config_server){.kubeconfig = kubeconfig(byte_server_url(s), V1, "      args: [get, 'a token']\n      env: [{name: COLOR, value: blue}]\n", "")});
    fetch(&l, &g);
    read_back("saw", saw, sizeof saw);
    CU_ASSERT(strncmp(saw, "get|a token|blue|/", 18) == 0);
    agent_loop_release(&l);
    byte_server_stop(s);
    free(owned);
}

/* ---- 401 -------------------------------------------------------------------------------------------------- */

static void after_a_401_the_plugin_runs_again_and_the_request_is_made_once_more(void)
{
    struct byte_answer answers[4] = {{.after = 1}, {.after = 1}, {.after = 1}, {.after = 1}};
    char *owned[4];
    struct byte_server *s;
    struct agent_loop l;
    struct got g;
    static const int codes[] = {401, 200, 401, 401};

    for (int i = 0; i < 4; i++)
        answers[i].bytes = owned[i] = json_answer(codes[i], "{}", &answers[i].len);
    s = byte_server_start(answers, 4);
    plugin(V1, "\"token\":\"made-up-RUN\"");
    agent_loop_init_config(&l, &(struct tarn_config_server){.kubeconfig = kubeconfig(byte_server_url(s), V1, "", "")});
    fetch(&l, &g);
    CU_ASSERT(g.status == 200 && g.kind == TARN_HTTP_DONE);
    CU_ASSERT(sent(s, 0, "Bearer made-up-1\r\n") && sent(s, 1, "Bearer made-up-2\r\n"));
    fetch(&l, &g); /* refused twice: it is told */
    CU_ASSERT(g.status == 401 && g.kind == TARN_HTTP_DONE);
    CU_ASSERT(sent(s, 2, "Bearer made-up-2\r\n") && sent(s, 3, "Bearer made-up-3\r\n"));
    CU_ASSERT_EQUAL(runs(), 3);
    agent_loop_release(&l);
    byte_server_stop(s);
    for (int i = 0; i < 4; i++)
        free(owned[i]);
}

static void requests_that_wait_share_one_run(void)
{
    char *owned;
    struct byte_server *s = ok_server(&owned);
    struct agent_loop l;
    struct got g[20];
    bool all = false;

    plugin(V1, "\"token\":\"made-up-RUN\"");
    agent_loop_init_config(&l, &(struct tarn_config_server){.kubeconfig = kubeconfig(byte_server_url(s), V1, "", "")});
    for (int i = 0; i < 20; i++)
        (void)ask(&l, &g[i], i % 2 ? TARN_HTTP_WATCH : TARN_HTTP_LIST);
    for (int i = 0; i < 20; i++)
        CU_ASSERT(agent_loop_run(&l, &g[i].done));
    for (int i = 0; i < 20; i++)
        all = (i == 0 || all) && g[i].status == 200;
    CU_ASSERT(all);
    CU_ASSERT_EQUAL(runs(), 1);
    agent_loop_release(&l);
    byte_server_stop(s);
    free(owned);
}

/* ---- what goes wrong ---------------------------------------------------------------------------------------- */

static void each_failure_says_what_to_do_and_shows_no_secret(void)
{
    static const struct {
        const char *what, *script, *more, *message;
    } rows[] = {
        {"it fails", "#!/bin/sh\necho SECRET\necho 'please log in' >&2\necho 'with: mytool login' >&2\nexit 3\n", "", "no credentials: exec plugin '/"},
        {"its words are shown", "#!/bin/sh\necho SECRET\necho 'please log in' >&2\necho 'with: mytool login' >&2\nexit 3\n", "", "failed with exit status 3; it says: please log in with: mytool login"},
        {"it is killed", "#!/bin/sh\nkill -9 $$\n", "", "was killed by signal 9"},
        {"it is not there", NULL, "      installHint: get it from example.com\n", "cannot be started: no such file or directory; get it from example.com"},
        {"no JSON", "#!/bin/sh\necho SECRET\n", "", "printed something that is not JSON"},
        {"another object", "#!/bin/sh\necho '{\"kind\":\"Pod\",\"apiVersion\":\"v1\"}'\n", "", "printed no ExecCredential"},
        {"another version", "#!/bin/sh\necho '{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1BETA1 "\",\"status\":{\"token\":\"SECRET\"}}'\n", "", "printed apiVersion '" V1BETA1 "', but the kubeconfig says " V1},
        {"no status", "#!/bin/sh\necho '{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\"}'\n", "", "without status"},
        {"nothing in it", "#!/bin/sh\necho '{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"status\":{}}'\n", "", "neither a token nor a client certificate"},
        {"half a pair", "#!/bin/sh\necho '{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"status\":{\"clientKeyData\":\"SECRET\"}}'\n", "", "a client key but no client certificate"},
        {"a forged header", "#!/bin/sh\nprintf '%s' '{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"status\":{\"token\":\"a\\nSECRET\"}}'\n", "", "a token with a line break"},
        {"a time that is none", "#!/bin/sh\necho '{\"kind\":\"ExecCredential\",\"apiVersion\":\"" V1 "\",\"status\":{\"token\":\"SECRET\",\"expirationTimestamp\":\"soon\"}}'\n", "", "no RFC 3339 time"},
        {"too much", "#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\0' x\nsleep 1000\n", "", "printed more than 256 KiB and was killed"},
        {"too slow", "#!/bin/sh\necho 'still waiting' >&2\nsleep 1000 & sleep 1000\n", "", "did not end within 1 s and was killed; it says: still waiting"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *owned;
        struct byte_server *s = ok_server(&owned);
        struct agent_loop l;
        struct got g;

        (void)unlink(scratch_path("plugin"));
        if (rows[i].script)
            (void)scratch_write("plugin", 0700, rows[i].script);
        agent_loop_init_config(&l, &(struct tarn_config_server){.kubeconfig = kubeconfig(byte_server_url(s), V1, rows[i].more, ""), .exec_timeout_s = 1});
        fetch(&l, &g);
        CU_ASSERT_EQUAL(g.kind, TARN_HTTP_FAILED);
        if (!strstr(g.error, rows[i].message))
            printf("%s: %s\n", rows[i].what, g.error);
        CU_ASSERT(strstr(g.error, rows[i].message) != NULL);
        CU_ASSERT(strstr(g.error, "SECRET") == NULL);
        CU_ASSERT_EQUAL(byte_server_requests(s), 0);
        agent_loop_release(&l);
        byte_server_stop(s);
        free(owned);
    }
}

static void a_failed_plugin_is_not_run_for_every_request_and_heals(void)
{
    char *owned;
    struct byte_server *s = ok_server(&owned);
    struct agent_loop l;
    struct got g;
    time_t end = time(NULL) + 60;

    (void)unlink(scratch_path("runs"));
    {
        char script[400];

        (void)snprintf(script, sizeof script, "#!/bin/sh\necho run >>%s\nexit 1\n", scratch_path("runs"));
        (void)scratch_write("plugin", 0700, script);
    }
    agent_loop_init_config(&l, &(struct tarn_config_server){.kubeconfig = kubeconfig(byte_server_url(s), V1, "", "")});
    for (int i = 0; i < 5; i++) {
        fetch(&l, &g);
        CU_ASSERT_EQUAL(g.kind, TARN_HTTP_FAILED);
    }
    CU_ASSERT(runs() < 5); /* the first failure is told to those that ask at once */
    plugin(V1, "\"token\":\"healed\"");
    do
        fetch(&l, &g);
    while (g.status != 200 && time(NULL) < end);
    CU_ASSERT_EQUAL(g.status, 200);
    agent_loop_release(&l);
    byte_server_stop(s);
    free(owned);
}

static void a_plugin_under_way_dies_with_the_agent(void)
{
    char *owned, script[400], text[64];
    struct byte_server *s = ok_server(&owned);
    struct agent_loop l;
    struct got g, quick = {0};
    time_t end = time(NULL) + 60;
    long pid;

    (void)unlink(scratch_path("runs"));
    (void)snprintf(script, sizeof script, "#!/bin/sh\necho $$ >>%s\nexec sleep 1000\n", scratch_path("runs"));
    (void)scratch_write("plugin", 0700, script);
    agent_loop_init_config(&l, &(struct tarn_config_server){.kubeconfig = kubeconfig(byte_server_url(s), V1, "", "")});
    (void)ask(&l, &g, TARN_HTTP_SHORT);
    while (!runs() && time(NULL) < end) {
        (void)uv_run(&l.loop, UV_RUN_NOWAIT);
        (void)usleep(1000);
    }
    read_back("runs", text, sizeof text);
    pid = strtol(text, NULL, 10);
    CU_ASSERT_FATAL(pid > 0 && !quick.done);
    agent_loop_release(&l);
    /* a zombie of ours at most: its state is Z or X, or it is gone */
    for (char state = 'S'; state == 'S' || state == 'R' || state == 'D';) {
        char path[64], line[256] = "";
        FILE *f;

        (void)snprintf(path, sizeof path, "/proc/%ld/stat", pid);
        f = fopen(path, "r");
        if (f && !fgets(line, sizeof line, f))
            line[0] = '\0';
        if (f)
            (void)fclose(f);
        state = strrchr(line, ')') ? strrchr(line, ')')[2] : 'X';
        CU_ASSERT_FATAL(time(NULL) < end);
    }
    byte_server_stop(s);
    free(owned);
}

/* ---- basic authentication, impersonation ----------------------------------------------------------------------- */

static void a_name_and_password_and_whom_to_impersonate_go_with_each_request(void)
{
    char *owned, text[1024];
    struct byte_server *s = ok_server(&owned);
    struct agent_loop l;
    struct got g;

    (void)snprintf(text, sizeof text,
                   "current-context: a\nclusters: [{name: c, cluster: {server: '%s'}}]\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n"
                   "users: [{name: u, user: {username: joe, password: 'made up', as: jane, as-uid: '7', as-groups: [dev, ops], as-user-extra: {a/b: [c]}}}]\n",
                   byte_server_url(s));
    (void)scratch_write("config", 0600, text);
    agent_loop_init_config(&l, &(struct tarn_config_server){.kubeconfig = scratch_path("config")});
    fetch(&l, &g);
    CU_ASSERT(sent(s, 0, "Authorization: Basic am9lOm1hZGUgdXA=\r\n")); /* joe:made up */
    CU_ASSERT(sent(s, 0, "Impersonate-User: jane\r\n") && sent(s, 0, "Impersonate-Uid: 7\r\n"));
    CU_ASSERT(sent(s, 0, "Impersonate-Group: dev\r\n") && sent(s, 0, "Impersonate-Group: ops\r\n"));
    CU_ASSERT(sent(s, 0, "Impersonate-Extra-a%2Fb: c\r\n"));
    agent_loop_release(&l);
    byte_server_stop(s);
    free(owned);
}

/* ---- files --------------------------------------------------------------------------------------------------------- */

#define PEM(x) "-----BEGIN CERTIFICATE-----\n" x "\n-----END CERTIFICATE-----\n"

static void certificates_are_read_again_when_their_files_change_and_watches_move_over(void)
{
    struct byte_answer a = {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", .after = 2};
    struct byte_server *s = byte_server_start(&a, 1);
    struct agent_loop l;
    struct got g;

    (void)scratch_write("ca.pem", 0600, PEM("one"));
    agent_loop_init_config(&l, &(struct tarn_config_server){.url = byte_server_url(s), .ca_file = scratch_path("ca.pem")});
    (void)ask(&l, &g, TARN_HTTP_WATCH);
    while (!g.status)
        (void)uv_run(&l.loop, UV_RUN_ONCE);
    (void)scratch_write("new.pem", 0600, "half written");
    CU_ASSERT(rename(scratch_path("new.pem"), scratch_path("ca.pem")) == 0);
    CU_ASSERT(tarn_api_server_files_changed(&l.server, false));
    while (tarn_api_server_files_changed(&l.server, false)) /* it looks, and keeps what it has */
        (void)uv_run(&l.loop, UV_RUN_ONCE);
    CU_ASSERT(!g.done && strstr(l.server.ca.data, "one") != NULL);
    (void)scratch_write("new.pem", 0600, PEM("two"));
    CU_ASSERT(rename(scratch_path("new.pem"), scratch_path("ca.pem")) == 0);
    CU_ASSERT(agent_loop_run(&l, &g.done));
    CU_ASSERT(g.kind == TARN_HTTP_BROKEN && strstr(g.error, "certificates have changed") != NULL);
    CU_ASSERT(strstr(l.server.ca.data, "two") != NULL);
    agent_loop_release(&l);
    byte_server_stop(s);
}

static void write_kubeconfig(const char *url, const char *user)
{
    char text[1024];

    (void)snprintf(text, sizeof text,
                   "current-context: a\nclusters: [{name: c, cluster: {server: '%s'}}]\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nusers: [{name: u, user: %s}]\n", url,
                   user);
    (void)scratch_write("config.new", 0600, text);
    if (rename(scratch_path("config.new"), scratch_path("config")))
        abort();
}

/* Another user, then another server, without a word from anybody; in between a file that cannot be read as one. */
static void a_kubeconfig_is_read_again_when_it_changes_and_requests_go_where_it_says(void)
{
    struct byte_answer watch = {.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", .after = 2};
    struct byte_server *one = byte_server_start(&watch, 1), *two = byte_server_start(&watch, 1);
    struct agent_loop l;
    struct got g;

    write_kubeconfig(byte_server_url(one), "{token: made-up-1}");
    agent_loop_init_config(&l, &(struct tarn_config_server){.kubeconfig = scratch_path("config")});
    (void)ask(&l, &g, TARN_HTTP_WATCH);
    while (!g.status)
        (void)uv_run(&l.loop, UV_RUN_ONCE);
    (void)scratch_write("config", 0600, "users: [half writ");
    while (tarn_api_server_kubeconfig_changed(&l.server, false)) /* it looks, and keeps what it has */
        (void)uv_run(&l.loop, UV_RUN_ONCE);
    CU_ASSERT(!g.done && l.server.readings == 0);
    write_kubeconfig(byte_server_url(one), "{token: made-up-2}");
    CU_ASSERT(agent_loop_run(&l, &g.done));
    CU_ASSERT(g.kind == TARN_HTTP_BROKEN && l.server.moves == 0);
    (void)ask(&l, &g, TARN_HTTP_WATCH);
    while (!g.status)
        (void)uv_run(&l.loop, UV_RUN_ONCE);
    CU_ASSERT(sent(one, 1, "Bearer made-up-2"));
    write_kubeconfig(byte_server_url(two), "{exec: {apiVersion: " V1 ", command: ./plugin, interactiveMode: Never}}");
    plugin(V1, "\"token\":\"made-up-3\"");
    CU_ASSERT(agent_loop_run(&l, &g.done));
    CU_ASSERT(g.kind == TARN_HTTP_BROKEN && l.server.moves == 1);
    (void)ask(&l, &g, TARN_HTTP_WATCH);
    while (!g.status)
        (void)uv_run(&l.loop, UV_RUN_ONCE);
    CU_ASSERT(sent(two, 0, "Bearer made-up-3"));
    CU_ASSERT(byte_server_requests(one) == 2 && byte_server_requests(two) == 1);
    agent_loop_release(&l);
    byte_server_stop(one);
    byte_server_stop(two);
}

/* ---- secret memory ---------------------------------------------------------------------------------------------------- */

static void credentials_lie_in_memory_that_is_not_dumped(void)
{
    char *owned, *plain = malloc(8);
    struct byte_server *s = ok_server(&owned);
    struct tarn_arena a = {.secret = true};
    struct agent_loop l;
    struct got g;
    char *p = tarn_arena_copy(&a, TARN_BYTES("made up")), *large = tarn_arena_alloc(&a, 200000), *next = tarn_arena_alloc(&a, 100);

    CU_ASSERT(!tarn_test_is_not_dumped(plain)); /* so the test can tell */
    CU_ASSERT_FATAL(p && large && next);
    CU_ASSERT(tarn_test_is_not_dumped(p) && tarn_test_is_not_dumped(large) && tarn_test_is_not_dumped(large + 199999) && tarn_test_is_not_dumped(next));
    memset(large, 1, 200000);
    CU_ASSERT(strcmp(p, "made up") == 0 && !next[0] && !next[99]);
    tarn_arena_release(&a);
    CU_ASSERT(a.secret && !a.n);

    plugin(V1, "\"token\":\"made-up\"");
    agent_loop_init_config(&l, &(struct tarn_config_server){.kubeconfig = kubeconfig(byte_server_url(s), V1, "", "")});
    fetch(&l, &g);
    CU_ASSERT(tarn_test_is_not_dumped(tarn_api_server_token(&l.server, 1)));
    CU_ASSERT(tarn_test_is_not_dumped(l.server.exec.command));
    agent_loop_release(&l);
    byte_server_stop(s);
    free(owned);
    free(plain);
}

/* ---- base64 ----------------------------------------------------------------------------------------------------------------- */

static void base64_goes_both_ways(void)
{
    static const char *const rows[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\377\376\375", "//79"}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tarn_buf b = {0};
        char out[16];

        CU_ASSERT_EQUAL(tarn_base64_encode(&b, tarn_bytes_of(rows[i][0])), 0);
        CU_ASSERT(tarn_bytes_equal(tarn_buf_bytes(&b), tarn_bytes_of(rows[i][1])));
        CU_ASSERT_EQUAL(tarn_base64_decode(rows[i][1], out), (long)strlen(rows[i][0]));
        CU_ASSERT(memcmp(out, rows[i][0], strlen(rows[i][0])) == 0);
        tarn_buf_release(&b);
    }
}

TARN_TEST_MAIN("credentials", TARN_TEST(a_plugin_hears_of_the_cluster_and_its_token_is_used_until_it_expires),
               TARN_TEST(arguments_and_environment_are_the_configured_ones),
               TARN_TEST(after_a_401_the_plugin_runs_again_and_the_request_is_made_once_more), TARN_TEST(requests_that_wait_share_one_run),
               TARN_TEST(each_failure_says_what_to_do_and_shows_no_secret), TARN_TEST(a_failed_plugin_is_not_run_for_every_request_and_heals),
               TARN_TEST(a_plugin_under_way_dies_with_the_agent), TARN_TEST(a_name_and_password_and_whom_to_impersonate_go_with_each_request),
               TARN_TEST(certificates_are_read_again_when_their_files_change_and_watches_move_over),
               TARN_TEST(a_kubeconfig_is_read_again_when_it_changes_and_requests_go_where_it_says),
               TARN_TEST(credentials_lie_in_memory_that_is_not_dumped), TARN_TEST(base64_goes_both_ways))
