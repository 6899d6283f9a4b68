/* Tests of agent/config*.c and yaml_file.c. */
#include "tarn_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

static char dir[] = "/tmp/tarn-config-XXXXXX";

static const char *write_file(const char *name, const char *text)
{
    static char path[128];
    FILE *f;

    if (strstr(dir, "XXXXXX") && !mkdtemp(dir))
        abort();
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f))
        abort();
    return path;
}

static int load(struct tarn_config *c, const char *text, struct tarn_error *err)
{
    char *argv[] = {"tarnd", "--config", (char *)write_file("tarn.yaml", text), NULL};

    unsetenv("TARN_SOCKET");
    return tarn_config_load(c, 3, argv, err);
}

static void each_mistake_in_a_file_is_named_with_its_place(void)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"resurces: [pods]\n", "tarn.yaml:1:1: unknown key 'resurces'; known here: server, resources"},
        {"resources:\n  - name: pods\n    indices: [a]\n", "tarn.yaml:3:5: unknown key 'indices'"},
        {"resources: [pods]\nresources: [nodes]\n", "tarn.yaml:2:1: key 'resources' is given twice"},
        {"resources:\n  - name: pods\n    name: pods\n", "tarn.yaml:3:5: key 'name' is given twice"},
        {"resources: pods\n", "tarn.yaml:1:12: expected a list, found a value"},
        {"resources:\n  - name: [a]\n", "tarn.yaml:2:11: expected a string, found a list"},
        {"resources:\n  - name: 12\n", "tarn.yaml:2:11: expected a string; put '12' in quotes if it is one"},
        {"resources:\n  - name: true\n", "expected a string; put 'true' in quotes"},
        {"resources:\n  - name:\n", "expected a string, found nothing"},
        {"resources:\n  - drop: []\n", "tarn.yaml:2:5: a resource needs a name"},
        {"resources: [pods]\nbudget: lots\n", "tarn.yaml:2:9: expected a size such as 268435456, 256MiB or 1GiB, found lots"},
        {"resources: [pods]\nbudget: -1\n", "expected a size"},
        {"resources: [pods]\nbudget: 99999999999999999999GiB\n", "expected a size"},
        {"resources: [pods]\npageSize: 1.5\n", "tarn.yaml:2:11: expected a whole number"},
        {"resources: [pods]\npageSize: 4294967296\n", "expected a whole number"},
        {"resources: [pods]\nstreamingLists: maybe\n", "tarn.yaml:2:17: expected true or false, found maybe"},
        {"resources: [pods]\nlogFormat: xml\n", "logFormat must be text or json"},
        {"resources: [pods]\nlogLevel: loud\n", "logLevel must be"},
        {"resources: [pods\n", "tarn.yaml:2:1: "},
        {"resources: [pods]\n--- \nresources: [nodes]\n", "more than one YAML document"},
        {"- pods\n", "tarn.yaml:1:1: expected a map, found a list"},
        {"? [a]\n: b\n", "a key must be a plain word"},
        {"", "nothing to mirror"},
        {"resources: []\n", "nothing to mirror"},
        {"resources: [pods, pods]\n", "tarn.yaml:1:19: 'pods': given twice in one realm"},
        {"resources: [\"po ds\"]\n", "not a resource name"},
        {"resources: [\"pods!\"]\n", "not a resource name"},
        {"resources: [\"pods,services\"]\n", "not a resource name"},
        {"resources: [secrets]\n", "tarn.yaml:1:13: 'secrets': Secrets never go to realm cluster"},
        {"resources: [secrets.v1]\n", "Secrets never go to realm cluster"},
        {"resources: [Secret]\n", "Secrets never go to realm cluster"},
        {"realms:\n  - name: a-name-that-is-much-too-long\n", "tarn.yaml:2:5: realm name 'a-name-that-is-much-too-long' is longer than 23 bytes"},
        {"resources:\n  - name: pods\n    namespaces: [a, b, a]\n", "tarn.yaml:2:5: 'pods': a namespace is given twice"},
        {"resources:\n  - name: pods\n    namespaces: [a, B]\n", "tarn.yaml:2:5: 'pods': 'B' is no namespace name"},
        {"resources:\n  - name: pods\n    namespaces: [\"\"]\n", "'' is no namespace name"},
        {"resources:\n  - name: pods\n    namespaces: [\"a/b\"]\n", "'a/b' is no namespace name"},
        {"resources:\n  - name: pods\n    keep: [a]\n    drop: [b]\n", "give drop or keep, not both"},
        {"resources: [pods]\nrealms:\n  - budget: 64MiB\n", "tarn.yaml:3:5: a realm needs a name"},
        {"resources: [pods]\nrealms:\n  - name: a\n  - name: a\n", "tarn.yaml:4:5: realm 'a' is given twice"},
        {"resources: [pods]\nrealms:\n  - name: a\n    budget: 1MiB\n", "'a': a realm's budget is at least 8MiB"},
        {"resources: [pods]\nrealms:\n  - name: a\n    readers: {users: [no-such-user-here]}\n", "tarn.yaml:4:23: no user 'no-such-user-here'"},
        {"resources: [pods]\nrealms:\n  - name: a\n    readers: {groups: [no-such-group-here]}\n", "no group 'no-such-group-here'"},
        {"resources: [pods]\nrealms:\n  - name: a\n    readers: [a]\n", "expected a map, found a list"},
        {"resources: [pods]\nbudget: 1048576GiB\n", "more than the"},
        {"resources: [pods]\nmaxObjectBytes: 10\n", "maxObjectBytes 10: must be from"},
        {"resources: [pods]\nserver: {url: \"http://a\", kubeconfig: b}\n", "only one can say where the API server is"},
        {"resources: [pods]\nserver: {certFile: b}\n", "needs both certFile and keyFile"},
        {"resources: [pods]\nserver: {caFile: b, insecureSkipTlsVerify: true}\n", "contradict each other"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tarn_config c;
        struct tarn_error err = {0};
        int rc = load(&c, rows[i].text, &err);

        if (rc != TARN_E_CONFIG || !strstr(err.message, rows[i].message))
            printf("row %zu: %d: %s\n   not: %s\n", i, rc, err.message, rows[i].message);
        CU_ASSERT_EQUAL(rc, TARN_E_CONFIG);
        CU_ASSERT(strstr(err.message, rows[i].message) != NULL);
        tarn_config_release(&c);
    }
}

static const char full[] = "server:\n  url: \"http://127.0.0.1:1\"\n  gzip: true\n"
                           "resources:\n"
                           "  - pods\n"
                           "  - name: deployments.apps\n    apiVersion: apps/v1\n    namespaces: [kube-system]\n    labelSelector: \"app=x\"\n"
                           "    fieldSelector: \"metadata.name!=\\\"\\\\\\\"\"\n    drop: [status]\n    slots: [spec.replicas]\n    indexes: [\"label:app\"]\n"
                           "realms:\n  - {name: secret, budget: 16MiB, readers: {users: [root, 12], groups: [0, 34]}, resources: [{name: secrets, keep: [metadata]}]}\n"
                           "budget: 64MiB\nsocket: /tmp/x.sock\nruntimeDir: /tmp/x\nmaxObjectBytes: 8388608\npageSize: 100\nmaxClients: 7\n"
                           "streamingLists: false\nhugePages: false\nlogFormat: json\nlogLevel: debug\n";

static void a_full_file_is_read(void)
{
    struct tarn_config c;
    struct tarn_error err = {0};
    const struct tarn_config_resource *r;
    const struct tarn_config_realm *realm;

    CU_ASSERT_EQUAL_FATAL(load(&c, full, &err), 0);
    CU_ASSERT_STRING_EQUAL(c.server.url, "http://127.0.0.1:1");
    CU_ASSERT(c.server.gzip && !c.streaming_lists && !c.huge_pages);
    CU_ASSERT_EQUAL(c.nresources, 3);
    r = &c.resources[0];
    CU_ASSERT(strcmp(r->name, "pods") == 0 && r->drop.n == 1 && strcmp(r->drop.v[0], "metadata.managedFields") == 0);
    r = &c.resources[1];
    CU_ASSERT_STRING_EQUAL(r->api_version, "apps/v1");
    CU_ASSERT_STRING_EQUAL(r->namespaces.v[0], "kube-system");
    CU_ASSERT_STRING_EQUAL(r->label_selector, "app=x");
    CU_ASSERT(r->drop.n == 1 && strcmp(r->drop.v[0], "status") == 0 && r->indexes.n == 1 && r->slots.n == 1);
    r = &c.resources[2];
    CU_ASSERT(strcmp(r->realm, "secret") == 0 && r->keep.n == 1 && r->drop.n == 0);
    CU_ASSERT_EQUAL(c.nrealms, 2);
    realm = tarn_config_realm(&c, "secret");
    CU_ASSERT_FATAL(realm != NULL);
    CU_ASSERT(realm->budget_bytes == 16u << 20 && realm->uids.n == 2 && realm->uids.v[0] == 0 && realm->uids.v[1] == 12);
    CU_ASSERT(realm->gids.n == 2 && realm->gids.v[1] == 34);
    CU_ASSERT_EQUAL(tarn_config_realm(&c, "cluster")->budget_bytes, 64u << 20);
    CU_ASSERT(c.max_clients == 7 && c.page_size == 100 && c.log_format == TARN_LOG_JSON && c.log_level == TARN_LOG_DEBUG);
    tarn_config_release(&c);
}

static void what_print_config_prints_is_the_same_configuration_again(void)
{
    struct tarn_config a, b;
    struct tarn_error err = {0};
    struct tarn_buf first = {0}, second = {0};

    CU_ASSERT_EQUAL_FATAL(load(&a, full, &err), 0);
    CU_ASSERT(tarn_config_print(&a, &first) == 0 && tarn_buf_add(&first, "", 1) == 0);
    if (load(&b, first.data, &err))
        printf("%s\n%s\n", err.message, first.data);
    CU_ASSERT(tarn_config_print(&b, &second) == 0 && tarn_buf_add(&second, "", 1) == 0);
    CU_ASSERT_STRING_EQUAL(first.data, second.data);
    tarn_config_release(&a);
    tarn_config_release(&b);
    tarn_buf_release(&first);
    tarn_buf_release(&second);
}

static void flags_win_over_the_file_and_add_resources(void)
{
    struct tarn_config c;
    struct tarn_error err = {0};
    char *argv[] = {"tarnd", "--budget", "32MiB", "--resource", "nodes", "--config", NULL, "--resource", "pods", "--socket", "/tmp/y.sock", "--log-format", "json", NULL};

    argv[6] = (char *)write_file("tarn.yaml", "resources: [pods]\nbudget: 64MiB\nsocket: /tmp/x.sock\n");
    CU_ASSERT_EQUAL_FATAL(tarn_config_load(&c, 13, argv, &err), 0);
    CU_ASSERT_EQUAL(c.budget_bytes, 32u << 20);
    CU_ASSERT_STRING_EQUAL(c.socket_path, "/tmp/y.sock");
    CU_ASSERT(c.nresources == 2 && strcmp(c.resources[1].name, "nodes") == 0);
    CU_ASSERT_EQUAL(c.log_format, TARN_LOG_JSON);
    tarn_config_release(&c);
}

static void wrong_flags_are_named(void)
{
    static const struct {
        char *argv[6];
        const char *message;
    } rows[] = {
        {{"tarnd", "--resurce", "pods"}, "unknown flag --resurce"},
        {{"tarnd", "--resource"}, "flag --resource needs a value"},
        {{"tarnd", "pods"}, "unexpected argument 'pods'"},
        {{"tarnd", "--budget", "x"}, "--budget x: expected a size"},
        {{"tarnd", "--log-level", "x"}, "--log-level x: must be one of debug|info|warn|error"},
        {{"tarnd", "--socket", ""}, "--socket: must not be empty"},
        {{"tarnd", "--config", "/nonexistent/tarn.yaml"}, "cannot read /nonexistent/tarn.yaml: No such file"},
        {{"tarnd"}, "nothing to mirror"},
        {{"tarnd", "--resource", "secrets"}, "Secrets never go to realm cluster"},
        {{"tarnd", "--resource", "pods", "--socket", "/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789/0123456789"}, "longer than the"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tarn_config c;
        struct tarn_error err = {0};
        int argc = 0;

        while (argc < 6 && rows[i].argv[argc])
            argc++;
        CU_ASSERT_NOT_EQUAL(tarn_config_load(&c, argc, rows[i].argv, &err), 0);
        if (!strstr(err.message, rows[i].message))
            printf("%s\n   not: %s\n", err.message, rows[i].message);
        CU_ASSERT(strstr(err.message, rows[i].message) != NULL);
        tarn_config_release(&c);
    }
}

static void defaults_are_what_the_documentation_says(void)
{
    struct tarn_config c;
    struct tarn_error err = {0};
    char *argv[] = {"tarnd", "--resource", "pods", NULL};

    unsetenv("TARN_SOCKET");
    CU_ASSERT_EQUAL_FATAL(tarn_config_load(&c, 3, argv, &err), 0);
    CU_ASSERT_STRING_EQUAL(c.socket_path, "/run/tarn/tarn.sock");
    CU_ASSERT_STRING_EQUAL(c.runtime_dir, "/run/tarn");
    CU_ASSERT(c.budget_bytes <= 1u << 30 && c.budget_bytes % (2u << 20) == 0 && c.budget_bytes <= tarn_memory_limit() / 10 * 4);
    CU_ASSERT(c.nrealms == 1 && strcmp(c.realms[0].name, "cluster") == 0);
    CU_ASSERT(c.streaming_lists && c.max_object_bytes == 2u << 20);
    tarn_config_release(&c);
    setenv("TARN_SOCKET", "/tmp/env.sock", 1);
    CU_ASSERT_EQUAL_FATAL(tarn_config_load(&c, 3, argv, &err), 0);
    CU_ASSERT_STRING_EQUAL(c.socket_path, "/tmp/env.sock");
    unsetenv("TARN_SOCKET");
    tarn_config_release(&c);
}

/* Any cut of a good file is either good or a clear error: no crash, no half-read state (run under the sanitizers). */
static void every_prefix_of_a_file_is_read_or_refused(void)
{
    for (size_t n = 0; n < sizeof full; n += 7) {
        char text[sizeof full];
        struct tarn_config c;
        struct tarn_error err = {0};
        int rc;

        memcpy(text, full, n);
        text[n] = '\0';
        rc = load(&c, text, &err);
        CU_ASSERT(rc == 0 || (rc == TARN_E_CONFIG && err.message[0]));
        tarn_config_release(&c);
    }
}

static void sizes_are_parsed_exactly(void)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t v;
    } rows[] = {{"0", true, 0}, {"1", true, 1}, {"1KiB", true, 1024}, {"3MiB", true, 3u << 20}, {"2GiB", true, 2ull << 30}, {"17179869183GiB", true, 17179869183ull << 30}, {"17179869184GiB", false, 0}, {"1MB", false, 0}, {"1 MiB", false, 0}, {"", false, 0}, {"-1", false, 0}, {"1MiBx", false, 0}, {"18446744073709551616", false, 0}};
    extern bool tarn_parse_bytes(const char *text, uint64_t *ret);

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t v = 0;

        CU_ASSERT_EQUAL(tarn_parse_bytes(rows[i].text, &v), rows[i].ok);
        CU_ASSERT_EQUAL(v, rows[i].v);
    }
}

TARN_TEST_MAIN("config", TARN_TEST(each_mistake_in_a_file_is_named_with_its_place), TARN_TEST(a_full_file_is_read),
               TARN_TEST(what_print_config_prints_is_the_same_configuration_again), TARN_TEST(flags_win_over_the_file_and_add_resources),
               TARN_TEST(wrong_flags_are_named), TARN_TEST(defaults_are_what_the_documentation_says),
               TARN_TEST(every_prefix_of_a_file_is_read_or_refused), TARN_TEST(sizes_are_parsed_exactly))
