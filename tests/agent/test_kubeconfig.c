/* Tests of agent/api_server.c and kubeconfig.c. Every token and key here is made up. */
#include "tarn_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api_server.h"
#include "scratch.h"

static void clean_environment(void)
{
    unsetenv("KUBECONFIG");
    unsetenv("KUBERNETES_SERVICE_HOST");
    unsetenv("KUBERNETES_SERVICE_PORT");
    setenv("HOME", scratch_path("nohome"), 1);
}

#define PEM "-----BEGIN CERTIFICATE-----\nTUlJQg==\n-----END CERTIFICATE-----\n"
#define PEM64 "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tClRVbEpRZz09Ci0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS0K"

static const char two_contexts[] = "apiVersion: v1\nkind: Config\ncurrent-context: one\nextra: {ignored: true}\n"
                                   "clusters:\n- name: c1\n  cluster: {server: 'https://10.0.0.1:6443/', certificate-authority-data: " PEM64 ", extension: 1}\n"
                                   "- name: c2\n  cluster: {server: 'https://[fd00::1]:6443/k8s/x/', insecure-skip-tls-verify: true, tls-server-name: api, proxy-url: 'http://proxy:3128'}\n"
                                   "users:\n- name: u1\n  user: {token: abc}\n"
                                   "- name: u2\n  user: {client-certificate-data: " PEM64 ", client-key-data: " PEM64 ", username: joe, password: '123', as: jane, as-uid: '42', as-groups: [a, b], as-user-extra: {example.com/scope%: [view, edit]}}\n"
                                   "contexts:\n- name: one\n  context: {cluster: c1, user: u1, namespace: x}\n- name: two\n  context: {cluster: c2, user: u2}\n";

#define USER(fields) \
    "current-context: a\ncontexts:\n- name: a\n  context: {cluster: c, user: u}\nclusters:\n- {name: c, cluster: {server: x}}\nusers:\n- {name: u, user: {" fields "}}\n"

static int open_with(struct tarn_api_server *s, struct tarn_config_server c, struct tarn_error *err)
{
    return tarn_api_server_open(s, &c, scratch_path("no-account"), err);
}

/* For requests that carry somebody else's credentials: whatever way ours would come, none of it is there. */
static void a_bare_server_has_none_of_our_credentials(void)
{
    const char *exec = USER("exec: {apiVersion: client.authentication.k8s.io/v1, command: /bin/false, interactiveMode: Never}");
    const char *const token = scratch_write("bare-token", 0600, "mine\n"), *const pem = scratch_write("bare.pem", 0600, PEM);
    const struct tarn_config_server rows[] = {
        {.kubeconfig = scratch_write("bare-two", 0600, two_contexts)},
        {.kubeconfig = scratch_write("bare-same", 0600, two_contexts), .context = "two"},
        {.kubeconfig = scratch_write("bare-exec", 0600, exec)},
        {.url = "https://10.0.0.1", .token_file = token, .cert_file = pem, .key_file = pem, .ca_file = pem, .http2 = true},
    };

    clean_environment();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tarn_api_server s, ours;
        struct tarn_error err = {0};

        CU_ASSERT_EQUAL(tarn_api_server_open_bare(&s, &rows[i], scratch_path("no-account"), &err), 0);
        CU_ASSERT_EQUAL(tarn_api_server_open(&ours, &rows[i], scratch_path("no-account"), &err), 0);
        CU_ASSERT(s.bare && !ours.bare);
        CU_ASSERT(!s.cert.len && !s.key.len && !s.username && !s.password && !s.impersonate.n && !s.exec.command);
        CU_ASSERT(tarn_api_server_token(&s, 1) == NULL);
        CU_ASSERT(tarn_api_server_refresh(&s, &err) == 0 && !s.key.len && !s.cert.len);
        CU_ASSERT(tarn_api_server_reopen(&s, &err) == 0 && s.bare && !s.http2);
        CU_ASSERT(!s.cert.len && !s.key.len && !s.username && !s.password && !s.impersonate.n && !s.exec.command && !tarn_api_server_token(&s, 1));
        CU_ASSERT(tarn_bytes_equal(s.ca, ours.ca) && strcmp(s.url, ours.url) == 0);
        tarn_api_server_release(&s);
        tarn_api_server_release(&ours);
    }
}

static void the_current_context_is_used_unless_another_is_named(void)
{
    struct tarn_api_server s;
    struct tarn_error err = {0};
    const char *file = scratch_write("two", 0600, two_contexts);

    clean_environment();
    CU_ASSERT_EQUAL(open_with(&s, (struct tarn_config_server){.kubeconfig = file}, &err), 0);
    CU_ASSERT_STRING_EQUAL(s.url, "https://10.0.0.1:6443");
    CU_ASSERT(s.tls && s.port == 6443 && strcmp(s.host, "10.0.0.1") == 0);
    CU_ASSERT(s.ca.len == sizeof PEM - 1 && memcmp(s.ca.data, PEM, s.ca.len) == 0);
    CU_ASSERT_STRING_EQUAL(tarn_api_server_token(&s, 1), "abc");
    tarn_api_server_release(&s);

    CU_ASSERT_EQUAL(open_with(&s, (struct tarn_config_server){.kubeconfig = file, .context = "two"}, &err), 0);
    CU_ASSERT_STRING_EQUAL(s.url, "https://[fd00::1]:6443/k8s/x");
    CU_ASSERT_STRING_EQUAL(s.host, "fd00::1");
    CU_ASSERT_STRING_EQUAL(s.tls_server_name, "api");
    CU_ASSERT_STRING_EQUAL(s.proxy_url, "http://proxy:3128");
    CU_ASSERT(s.insecure && s.cert.len && s.key.len && !s.ca.len);
    CU_ASSERT(strcmp(s.username, "joe") == 0 && strcmp(s.password, "123") == 0);
    CU_ASSERT_FATAL(s.impersonate.n == 6);
    CU_ASSERT_STRING_EQUAL(s.impersonate.v[0], "Impersonate-User: jane");
    CU_ASSERT_STRING_EQUAL(s.impersonate.v[1], "Impersonate-Uid: 42");
    CU_ASSERT_STRING_EQUAL(s.impersonate.v[3], "Impersonate-Group: b");
    CU_ASSERT_STRING_EQUAL(s.impersonate.v[4], "Impersonate-Extra-example.com%2Fscope%25: view");
    CU_ASSERT_STRING_EQUAL(s.impersonate.v[5], "Impersonate-Extra-example.com%2Fscope%25: edit");
    CU_ASSERT(tarn_api_server_token(&s, 1) == NULL);
    tarn_api_server_release(&s);
}

static void several_files_are_merged_first_wins_and_paths_count_from_their_file(void)
{
    struct tarn_api_server s;
    struct tarn_error err = {0};
    char list[600];

    clean_environment();
    (void)mkdir(scratch_path("sub"), 0700);
    (void)scratch_write("sub/ca.pem", 0600, PEM);
    (void)scratch_write("sub/tok", 0600, "from-file\n");
    (void)scratch_write("sub/b", 0600, "current-context: ctx\nclusters:\n- name: c\n  cluster: {server: 'https://b', certificate-authority: ca.pem}\nusers:\n- name: u\n  user: {tokenFile: tok, token: ignored}\n");
    (void)scratch_write("a", 0600, "contexts:\n- name: ctx\n  context: {cluster: c, user: u}\n");
    (void)scratch_write("z", 0600, "current-context: other\nclusters:\n- name: c\n  cluster: {server: 'https://z'}\n");
    (void)snprintf(list, sizeof list, "%s:%s:%s:%s", scratch_path("missing"), scratch_path("a"), scratch_path("sub/b"), scratch_path("z"));
    setenv("KUBECONFIG", list, 1);
    CU_ASSERT_EQUAL(open_with(&s, (struct tarn_config_server){0}, &err), 0);
    CU_ASSERT_STRING_EQUAL(s.url, "https://b:443");
    CU_ASSERT_EQUAL(s.ca.len, sizeof PEM - 1);
    CU_ASSERT_STRING_EQUAL(tarn_api_server_token(&s, 1), "from-file");
    (void)scratch_write("sub/tok", 0600, "rotated\n");
    CU_ASSERT_STRING_EQUAL(tarn_api_server_token(&s, 5000), "from-file");
    CU_ASSERT_STRING_EQUAL(tarn_api_server_token(&s, 10001), "rotated");
    (void)unlink(scratch_path("sub/tok"));
    tarn_api_server_unauthorized(&s);
    CU_ASSERT_STRING_EQUAL(tarn_api_server_token(&s, 10002), "rotated");
    tarn_api_server_release(&s);
    clean_environment();
}

static void a_pod_uses_its_service_account(void)
{
    struct tarn_api_server s;
    struct tarn_error err = {0};

    clean_environment();
    (void)mkdir(scratch_path("account"), 0700);
    (void)scratch_write("account/token", 0600, "pod-token");
    (void)scratch_write("account/ca.crt", 0600, PEM);
    setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1", 1);
    setenv("KUBERNETES_SERVICE_PORT", "443", 1);
    CU_ASSERT_EQUAL(tarn_api_server_open(&s, &(struct tarn_config_server){0}, scratch_path("account"), &err), 0);
    CU_ASSERT_STRING_EQUAL(s.url, "https://10.96.0.1:443");
    CU_ASSERT_STRING_EQUAL(tarn_api_server_token(&s, 1), "pod-token");
    CU_ASSERT_EQUAL(s.ca.len, sizeof PEM - 1);
    /* the kubelet puts new ones in place by a link */
    (void)scratch_write("account/token.new", 0600, "pod-token-2\n");
    CU_ASSERT_EQUAL(rename(scratch_path("account/token.new"), scratch_path("account/token")), 0);
    CU_ASSERT_STRING_EQUAL(tarn_api_server_token(&s, 5000), "pod-token");
    CU_ASSERT_STRING_EQUAL(tarn_api_server_token(&s, 10001), "pod-token-2");
    CU_ASSERT_FALSE(tarn_api_server_files_changed(&s, false));
    (void)scratch_write("account/ca.new", 0600, PEM PEM);
    CU_ASSERT_EQUAL(rename(scratch_path("account/ca.new"), scratch_path("account/ca.crt")), 0);
    CU_ASSERT_FALSE(tarn_api_server_files_changed(&s, true)); /* it may be half of what is to come */
    CU_ASSERT(tarn_api_server_files_changed(&s, true));
    CU_ASSERT(tarn_api_server_files_changed(&s, false));
    CU_ASSERT_EQUAL(tarn_api_server_refresh(&s, &err), 0);
    CU_ASSERT_EQUAL(s.ca.len, 2 * (sizeof PEM - 1));
    CU_ASSERT_FALSE(tarn_api_server_files_changed(&s, false));
    tarn_api_server_release(&s);
    clean_environment();
}

static void what_is_wrong_is_named_and_no_credential_is_shown(void)
{
    static const struct {
        const char *text, *context, *message;
        int code;
    } rows[] = {
        {"contexts: []\n", NULL, "no current-context; choose one with --context", TARN_E_CONFIG},
        {"current-context: a\n", NULL, "no context 'a'", TARN_E_CONFIG},
        {two_contexts, "three", "no context 'three'", TARN_E_CONFIG},
        {"current-context: a\ncontexts:\n- name: a\n  context: {cluster: c}\n", NULL, "context 'a' names cluster 'c', which is not there", TARN_E_CONFIG},
        {"current-context: a\ncontexts:\n- name: a\n  context: {cluster: c, user: u}\nclusters:\n- {name: c, cluster: {server: x}}\n", NULL, "names user 'u', which is not there", TARN_E_CONFIG},
        {"current-context: a\ncontexts:\n- {name: a, context: {cluster: c}}\nclusters:\n- {name: c, cluster: {}}\n", NULL, "cluster 'c' has no server", TARN_E_CONFIG},
        {"current-context: a\ncontexts:\n- {name: a, context: {cluster: c}}\nclusters:\n- {name: c, cluster: {server: 'ftp://x'}}\n", NULL, "'ftp://x' is no API server address", TARN_E_CONFIG},
        {"current-context: a\ncontexts:\n- {name: a, context: {cluster: c}}\nclusters:\n- {name: c, cluster: {server: x, certificate-authority-data: '!!'}}\n", NULL, "certificate-authority-data is not base64", TARN_E_CONFIG},
        {"current-context: a\ncontexts:\n- {name: a, context: {cluster: c}}\nclusters:\n- {name: c, cluster: {server: x, certificate-authority: nofile}}\n", NULL, "cannot read CA file", TARN_E_IO},
        {USER("exec: {command: aws}"), NULL, "exec needs apiVersion client.authentication.k8s.io/v1 or", TARN_E_CONFIG},
        {USER("exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: aws}"), NULL, "not 'client.authentication.k8s.io/v1alpha1'", TARN_E_CONFIG},
        {USER("exec: {apiVersion: client.authentication.k8s.io/v1, command: aws}"), NULL, "needs interactiveMode", TARN_E_CONFIG},
        {USER("exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, interactiveMode: Maybe}"), NULL, "interactiveMode 'Maybe' is not", TARN_E_CONFIG},
        {USER("exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, interactiveMode: Always}"), NULL, "wants a terminal", TARN_E_UNSUPPORTED},
        {USER("exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never}"), NULL, "exec has no command", TARN_E_CONFIG},
        {USER("exec: {command: x, env: [{name: A=B, value: c}]}"), NULL, "env entry needs a name without '='", TARN_E_CONFIG},
        {USER("as-groups: [a]"), NULL, "without 'as'", TARN_E_CONFIG},
        {USER("as-user-extra: {a: [b]}"), NULL, "without 'as'", TARN_E_CONFIG},
        {USER("as-user-extra: [b]"), NULL, "expected a map of lists", TARN_E_CONFIG},
        {USER("as: \"a\\nSECRET: b\""), NULL, "has a line break", TARN_E_CONFIG},
        {"current-context: a\ncontexts:\n- {name: a, context: {cluster: c, user: u}}\nclusters:\n- {name: c, cluster: {server: x}}\nusers:\n- {name: u, user: {auth-provider: {name: gcp}}}\n", NULL, "auth-provider plugin", TARN_E_UNSUPPORTED},
        {"current-context: a\ncontexts:\n- {name: a, context: {cluster: c, user: u}}\nclusters:\n- {name: c, cluster: {server: x}}\nusers:\n- {name: u, user: {client-certificate-data: " PEM64 "}}\n", NULL, "has a client certificate but no client key", TARN_E_CONFIG},
        {"current-context: a\ncontexts:\n- {name: a, context: {cluster: c, user: u}}\nclusters:\n- {name: c, cluster: {server: x}}\nusers:\n- {name: u, user: {token: \"SECRET\\r\\nX: y\"}}\n", NULL, "has a line break", TARN_E_CONFIG},
        {"clusters: {a: b}\n", NULL, ":1:11: expected a list", TARN_E_CONFIG},
        {"clusters: [\n", NULL, ":2:1: ", TARN_E_CONFIG},
    };

    clean_environment();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tarn_api_server s;
        struct tarn_error err = {0};
        const char *file = scratch_write("bad", 0600, rows[i].text);
        int rc = open_with(&s, (struct tarn_config_server){.kubeconfig = file, .context = rows[i].context}, &err);

        if (rc != rows[i].code || !strstr(err.message, rows[i].message))
            printf("%d: %s\n  not: %s\n", rc, err.message, rows[i].message);
        CU_ASSERT_EQUAL(rc, rows[i].code);
        CU_ASSERT(strstr(err.message, rows[i].message) != NULL);
        CU_ASSERT(strstr(err.message, "SECRET") == NULL);
        tarn_api_server_release(&s);
    }
}

static void without_any_source_the_error_says_what_was_tried(void)
{
    struct tarn_api_server s;
    struct tarn_error err = {0};

    clean_environment();
    CU_ASSERT_EQUAL(open_with(&s, (struct tarn_config_server){0}, &err), TARN_E_CONFIG);
    CU_ASSERT(strstr(err.message, "--server URL or --kubeconfig FILE") && strstr(err.message, ".kube/config"));
    tarn_api_server_release(&s);
    setenv("KUBECONFIG", scratch_path("nowhere"), 1);
    CU_ASSERT_EQUAL(open_with(&s, (struct tarn_config_server){0}, &err), TARN_E_IO);
    CU_ASSERT(strstr(err.message, "nowhere") != NULL);
    tarn_api_server_release(&s);
    clean_environment();
}

static void flags_are_laid_over_the_kubeconfig(void)
{
    struct tarn_api_server s;
    struct tarn_error err = {0};
    const char *file = scratch_write("two", 0600, two_contexts), *tok = scratch_write("tok2", 0600, "flag-token\n");

    clean_environment();
    CU_ASSERT_EQUAL(open_with(&s, (struct tarn_config_server){.kubeconfig = file, .token_file = tok, .insecure = true, .tls_server_name = "n"}, &err), 0);
    CU_ASSERT_STRING_EQUAL(tarn_api_server_token(&s, 1), "flag-token");
    CU_ASSERT(s.insecure && !s.ca.len && strcmp(s.tls_server_name, "n") == 0);
    tarn_api_server_release(&s);
    CU_ASSERT_EQUAL(open_with(&s, (struct tarn_config_server){.url = "https://x", .token_file = scratch_path("gone")}, &err), TARN_E_IO);
    tarn_api_server_release(&s);
    CU_ASSERT_EQUAL(open_with(&s, (struct tarn_config_server){.url = "https://x", .ca_file = tok}, &err), TARN_E_CONFIG);
    CU_ASSERT(strstr(err.message, "holds no PEM") != NULL);
    tarn_api_server_release(&s);
}

static void addresses_have_many_forms(void)
{
    static const struct {
        const char *url, *full, *host;
        unsigned port;
    } rows[] = {
        {"http://127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1", 8080},
        {"https://example.com", "https://example.com:443", "example.com", 443},
        {"localhost:8001", "http://localhost:8001", "localhost", 8001},
        {"https://[::1]:6443/", "https://[::1]:6443", "::1", 6443},
        {"https://h/a/b/", "https://h:443/a/b", "h", 443},
        {"https://", NULL, NULL, 0},
        {"ws://h", NULL, NULL, 0},
        {"https://h:99999", NULL, NULL, 0},
        {"http://a b", NULL, NULL, 0},
    };

    clean_environment();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tarn_api_server s;
        struct tarn_error err = {0};
        int rc = open_with(&s, (struct tarn_config_server){.url = rows[i].url}, &err);

        CU_ASSERT_EQUAL(rc, rows[i].full ? 0 : TARN_E_CONFIG);
        if (!rc && rows[i].full) {
            CU_ASSERT_STRING_EQUAL(s.url, rows[i].full);
            CU_ASSERT_STRING_EQUAL(s.host, rows[i].host);
            CU_ASSERT_EQUAL(s.port, rows[i].port);
        }
        tarn_api_server_release(&s);
    }
}

TARN_TEST_MAIN("kubeconfig", TARN_TEST(a_bare_server_has_none_of_our_credentials), TARN_TEST(the_current_context_is_used_unless_another_is_named),
               TARN_TEST(several_files_are_merged_first_wins_and_paths_count_from_their_file), TARN_TEST(a_pod_uses_its_service_account),
               TARN_TEST(what_is_wrong_is_named_and_no_credential_is_shown), TARN_TEST(without_any_source_the_error_says_what_was_tried),
               TARN_TEST(flags_are_laid_over_the_kubeconfig), TARN_TEST(addresses_have_many_forms))
