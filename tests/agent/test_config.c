/* Tests of agent/config*.c and yaml_file.c. */
#include "tarn_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "config_keys.h"

static char dir[] = "/tmp/tarn-config-XXXXXX";

static const char *write_file(const char *name, const char *text)
{
    static char path[128];
    FILE *f;

    if (strstr(dir, "XXXXXX") && !mkdtemp(dir))
        abort();
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    for (char *p = path + strlen(dir) + 1; (p = strchr(p, '/')); p++) { /* and the directories on the way */
        *p = '\0';
        (void)mkdir(path, 0755);
        *p = '/';
    }
    f = fopen(path, "w");
    if (!f || fputs(text, f) < 0 || fclose(f))
        abort();
    return path;
}

static int load(struct tarn_config *c, const char *text, struct tarn_error *err)
{
    char *argv[] = {"tarnd", "--config", (char *)write_file("tarn.yaml", text), NULL};

    unsetenv("T_NONE");
    setenv("T_SET", "b", 1);
    return tarn_config_load(c, 3, argv, err);
}

static void each_mistake_in_a_file_is_named_with_its_place(void)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"resurces: [pods]\n", "tarn.yaml:1:1: unknown key 'resurces'; did you mean 'resources'?"},
        {"x: [pods]\n", "tarn.yaml:1:1: unknown key 'x'; known here: server, resources, realms, budget"},
        {"server: {cafile: a}\n", "tarn.yaml:1:10: unknown key 'cafile'; did you mean 'caFile'?"},
        {"server: {url.a: a}\n", "tarn.yaml:1:10: unknown key 'url.a'"},
        {"server.url: a\n", "tarn.yaml:1:1: unknown key 'server.url'"},
        {"realms:\n  - {name: a, readers: {user: [0]}}\n", "tarn.yaml:2:25: unknown key 'user'; did you mean 'users'?"},
        {"realms: [a]\n", "tarn.yaml:1:10: expected a map, found a value"},
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
        {"resources: [pods]\nlogFormat: xml\n", "tarn.yaml:2:12: expected auto, text or json, found xml"},
        {"resources: [pods]\nlogLevel: loud\n", "tarn.yaml:2:11: expected debug, info, warn or error, found loud"},
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
        {"resources:\n  - name: pods\n    namespaces: [a, b, a]\n", "tarn.yaml:3:17: 'pods': 'a' is given twice"},
        {"resources:\n  - name: pods\n    namespaces: [a, B]\n", "tarn.yaml:3:17: 'pods': 'B' is no namespace name"},
        {"resources:\n  - name: pods\n    namespaces: [\"\"]\n", "'' is no namespace name"},
        {"resources:\n  - name: pods\n    namespaces: [\"a/b\"]\n", "'a/b' is no namespace name"},
        {"resources:\n  - name: pods\n    fieldSelector: spec.nodeName=$(T_NONE)\n", "tarn.yaml:3:20: environment variable T_NONE is not set (byte 15 of 'spec.nodeName=$(T_NONE)')"},
        {"resources:\n  - name: pods\n    namespaces: [a, $(T_NONE)]\n", "tarn.yaml:3:21: environment variable T_NONE is not set"},
        {"resources:\n  - name: pods\n    labelSelector: a in b\n", "tarn.yaml:3:20: 'pods': "},
        {"resources:\n  - name: pods\n    fieldSelector: spec.nodeName\n", "tarn.yaml:3:20: 'pods': "},
        {"resources:\n  - name: pods\n    drop: [a..b]\n", "tarn.yaml:3:11: 'pods': "},
        {"resources:\n  - name: pods\n    keep: [\"a[x]\"]\n", "tarn.yaml:3:11: 'pods': "},
        {"resources:\n  - name: pods\n    slots: [a.]\n", "tarn.yaml:3:12: 'pods': "},
        {"resources:\n  - name: pods\n    indexes: [\"label:\"]\n", "tarn.yaml:3:14: 'pods': unknown index 'label:'"},
        {"resources:\n  - name: pods\n    metadataOnly: true\n    keep: [status]\n", "tarn.yaml:3:19: 'pods': metadataOnly keeps the metadata and nothing else"},
        {"resources:\n  - name: pods\n    metadataOnly: true\n    indexes: [owner, node]\n", "tarn.yaml:4:14: 'pods': 'node' is not in the metadata"},
        {"resources:\n  - name: pods\n    poll: 10\n", "tarn.yaml:3:11: expected a duration"},
        {"resources:\n  - name: pods\n    poll: 10ms\n", "tarn.yaml:3:11: 'pods': poll at most once a second"},
        {"resources:\n  - name: pods\n    relistPeriod: 10ms\n", "tarn.yaml:3:19: 'pods': list again at most once a second"},
        {"resources:\n  - name: pods\n    relistPeriod: 10m\n    poll: 10s\n", "'pods': what is polled is listed again anyway"},
        {"resources:\n  - name: pods\n    keepDeleted: {for: 1m, objects: 0}\n", "keepDeleted.objects 0: must be from 1"},
        {"resources:\n  - name: pods\n    keepDeleted: {bytes: 1KiB}\n", "keepDeleted.bytes 1024: must be at least 4096"},
        {"realms:\n  - name: s\n    resources:\n      - {name: secrets, keepDeleted: {for: 1m}}\n", "'secrets': a deleted Secret is gone"},
        {"realms:\n  - name: s\n    resources: [secrets, pods]\n", "tarn.yaml:3:26: 'pods': 's' is a realm with Secrets and other resources"},
        {"resources: [SECRETS]\n", "Secrets never go to realm cluster"},
        {"resources: [pods]\nmaxLists: 0\n", "maxLists 0: must be from 1 to 64"},
        {"resources: [pods]\nprobeAfter: 1ms\n", "probeAfter 1: must be at least 1000"},
        {"resources:\n  - name: pods\n    keep: [a]\n    drop: [b]\n", "give drop or keep, not both"},
        {"resources: [pods]\nrealms:\n  - budget: 64MiB\n", "tarn.yaml:3:5: a realm needs a name"},
        {"resources: [pods]\nrealms:\n  - name: a\n  - name: a\n", "tarn.yaml:4:5: realm 'a' is given twice, first at "},
        {"resources: [pods]\nrealms:\n  - name: a\n    budget: 1MiB\n", "tarn.yaml:4:13: budget 1048576: must be at least 8388608"},
        {"resources: [pods]\nrealms:\n  - name: a\n    readers: {users: [no-such-user-here]}\n", "tarn.yaml:4:23: no user 'no-such-user-here'"},
        {"resources: [pods]\nrealms:\n  - name: a\n    readers: {groups: [no-such-group-here]}\n", "no group 'no-such-group-here'"},
        {"resources: [pods]\nrealms:\n  - name: a\n    readers: [a]\n", "expected a map, found a list"},
        {"resources: [pods]\nbudget: 1048576GiB\n", "tarn.yaml:2:9: the budgets of all realms are"},
        {"resources: [pods]\nmaxObjectBytes: 10\n", "tarn.yaml:2:17: maxObjectBytes 10: must be from 4096 to 16777216"},
        {"resources: [pods]\nserver: {url: \"http://a\", kubeconfig: b}\n", "tarn.yaml:2:15: server.url contradicts server.kubeconfig ("},
        {"resources: [pods]\nserver: {certFile: b}\n", "tarn.yaml:2:20: a client certificate needs both certFile and keyFile"},
        {"resources: [pods]\nserver: {caFile: b, insecureSkipTlsVerify: true}\n", "server.insecureSkipTlsVerify contradicts server.caFile"},
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
                           "    fieldSelector: \"metadata.name!=\\\"\\\\\\\\\\\"\"\n    drop: [status]\n    slots: [spec.replicas]\n    indexes: [\"label:app\"]\n    relistPeriod: 10m\n    keepDeleted: {for: 90s, objects: 7, bytes: 1MiB}\n"
                           "  - {name: nodes, metadataOnly: true, poll: 1500ms, labelSelector: \"a=$(T_SET)\", fieldSelector: \"metadata.name=$$(X)\"}\n"
                           "realms:\n  - {name: secret, budget: 16MiB, readers: {users: [root, 12], groups: [0, 34]}, resources: [{name: secrets, keep: [metadata]}]}\n"
                           "budget: 64MiB\nsocket: /tmp/x.sock\nruntimeDir: /tmp/x\nmaxObjectBytes: 8388608\npageSize: 100\nmaxClients: 7\n"
                           "streamingLists: false\nhugePages: false\nlogFormat: json\nlogLevel: debug\n";

static void a_full_file_is_read(void)
{
    struct tarn_config c;
    struct tarn_error err = {0};
    const struct tarn_config_resource *r;
    const struct tarn_config_realm *realm;

    if (load(&c, full, &err))
        CU_FAIL_FATAL(err.message);
    CU_ASSERT_STRING_EQUAL(c.server.url, "http://127.0.0.1:1");
    CU_ASSERT(c.server.gzip && !c.streaming_lists && !c.huge_pages);
    CU_ASSERT_EQUAL(c.nresources, 4);
    r = &c.resources[0];
    CU_ASSERT(strcmp(r->name, "pods") == 0 && r->drop.n == 1 && strcmp(r->drop.v[0], "metadata.managedFields") == 0);
    r = &c.resources[1];
    CU_ASSERT_STRING_EQUAL(r->api_version, "apps/v1");
    CU_ASSERT_STRING_EQUAL(r->namespaces.v[0], "kube-system");
    CU_ASSERT_STRING_EQUAL(r->label_selector, "app=x");
    CU_ASSERT(r->drop.n == 1 && strcmp(r->drop.v[0], "status") == 0 && r->indexes.n == 1 && r->slots.n == 1);
    CU_ASSERT(r->relist_ms == 600000 && r->keep_deleted_ms == 90000 && r->keep_deleted_objects == 7 && r->keep_deleted_bytes == 1u << 20);
    r = &c.resources[2];
    CU_ASSERT(r->metadata_only && r->poll_ms == 1500 && r->keep_deleted_ms == 0 && r->keep_deleted_objects == 1000);
    CU_ASSERT_STRING_EQUAL(r->label_selector, "a=b");
    CU_ASSERT_STRING_EQUAL(r->field_selector, "metadata.name=$(X)");
    r = &c.resources[3];
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

/* The origins differ, of course. */
static void strip_comments(char *text)
{
    char *out = text;

    for (char *line = text; *line;) {
        size_t n = strcspn(line, "\n"), keep = n, next = n + (line[n] == '\n');
        char *comment = strstr(line, " # ");

        if (comment && comment < line + n)
            keep = (size_t)(comment - line);
        if (*line != '#') {
            memmove(out, line, keep);
            out[keep] = '\n';
            out += keep + 1;
        }
        line += next;
    }
    *out = '\0';
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
    strip_comments(first.data);
    strip_comments(second.data);
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
        {{"tarnd", "--resurce", "pods"}, "unknown flag --resurce; did you mean --resource?"},
        {{"tarnd", "--xyzzy"}, "unknown flag --xyzzy; tarnd --help lists them"},
        {{"tarnd", "--resource"}, "flag --resource needs a value"},
        {{"tarnd", "pods"}, "unexpected argument 'pods'"},
        {{"tarnd", "--budget", "x"}, "--budget: expected a size"},
        {{"tarnd", "--log-level", "x"}, "--log-level: expected debug, info, warn or error, found x"},
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

/* Those of libtarn, of Kubernetes, and what is set to nothing do no harm. */
static void a_mistyped_variable_is_named(void)
{
    static const struct {
        const char *name, *value, *message; /* NULL: it may be there */
    } rows[] = {
        {"TARN_LOG_LEVL", "debug", "unknown environment variable $TARN_LOG_LEVL; did you mean $TARN_LOG_LEVEL?"},
        {"TARN_log_level", "debug", "unknown environment variable $TARN_log_level; did you mean $TARN_LOG_LEVEL?"},
        {"TARN_CONFG", "/a", "unknown environment variable $TARN_CONFG; did you mean $TARN_CONFIG?"},
        {"TARN_XYZZY", "1", "unknown environment variable $TARN_XYZZY: what begins with TARN_ is tarn's own"},
        {"TARN_", "1", "unknown environment variable $TARN_: "},
        {"TARN_HELP", "1", "unknown environment variable $TARN_HELP"},
        {"TARN_HTTP_PORT", "9464", "unknown environment variable $TARN_HTTP_PORT"},
        {"TARN_LOG_LEVL", "", NULL},
        {"TARNISHED", "1", NULL},
        {"TARN_REALM", "nodes", NULL},
        {"TARN_COPY", "1", NULL},
        {"TARN_CONF_DIR", "/", NULL},
        {"TARN_SERVICE_HOST", "10.0.0.1", NULL}, /* of services named tarn and tarn-web */
        {"TARN_WEB_SERVICE_PORT_HTTP", "80", NULL},
        {"TARN_WEB_PORT", "tcp://10.0.0.1:80", NULL},
        {"TARN_WEB_PORT_80_TCP_ADDR", "10.0.0.1", NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tarn_config c;
        struct tarn_error err = {0};
        int rc;

        setenv(rows[i].name, rows[i].value, 1);
        rc = load(&c, "resources: [pods]\n", &err);
        unsetenv(rows[i].name);
        if (rc != (rows[i].message ? TARN_E_CONFIG : 0) || (rc && !strstr(err.message, rows[i].message)))
            printf("%s: %d %s\n", rows[i].name, rc, err.message);
        CU_ASSERT_EQUAL(rc, rows[i].message ? TARN_E_CONFIG : 0);
        CU_ASSERT(!rc || strstr(err.message, rows[i].message));
        tarn_config_release(&c);
    }
}

static void defaults_are_what_the_documentation_says(void)
{
    struct tarn_config c;
    struct tarn_error err = {0};
    char *argv[] = {"tarnd", "--resource", "pods", NULL};

    unsetenv("TARN_SOCKET");
    unsetenv("STATE_DIRECTORY");
    setenv("TARN_CONFIG", "/dev/null", 1);
    CU_ASSERT_EQUAL_FATAL(tarn_config_load(&c, 3, argv, &err), 0);
    CU_ASSERT_STRING_EQUAL(c.socket_path, "/run/tarn/tarn.sock");
    CU_ASSERT_STRING_EQUAL(c.runtime_dir, "/run/tarn");
    CU_ASSERT(c.budget_bytes <= 1u << 30 && c.budget_bytes % (2u << 20) == 0 && c.budget_bytes <= tarn_memory_limit() / 10 * 4);
    CU_ASSERT(c.nrealms == 1 && strcmp(c.realms[0].name, "cluster") == 0);
    CU_ASSERT(c.streaming_lists && c.max_object_bytes == 2u << 20);
    CU_ASSERT(!c.state_dir && c.checkpoint_interval_ms == 60000 && c.realms[0].checkpoint);
    tarn_config_release(&c);
    setenv("STATE_DIRECTORY", "/var/lib/tarn:/var/lib/other", 1); /* systemd's */
    CU_ASSERT_EQUAL_FATAL(tarn_config_load(&c, 3, argv, &err), 0);
    CU_ASSERT_STRING_EQUAL(c.state_dir, "/var/lib/tarn");
    unsetenv("STATE_DIRECTORY");
    tarn_config_release(&c);
    setenv("TARN_SOCKET", "/tmp/env.sock", 1);
    CU_ASSERT_EQUAL_FATAL(tarn_config_load(&c, 3, argv, &err), 0);
    CU_ASSERT_STRING_EQUAL(c.socket_path, "/tmp/env.sock");
    unsetenv("TARN_SOCKET");
    tarn_config_release(&c);
}

static const char *from_of(const struct tarn_config *c, const char *path)
{
    const char *from = tarn_config_from(c->from, TARN_CONFIG_TOP, path);

    return from ? from : "default";
}

/* Each layer over the one below, and each value knows whose it is. */
static void flags_win_over_the_environment_over_snippets_over_the_file(void)
{
    char main_file[128], *argv[] = {"tarnd", "--max-clients", "5", NULL};
    struct tarn_config c;
    struct tarn_error err = {0};
    struct tarn_buf text = {0};

    (void)snprintf(main_file, sizeof main_file, "%s",
                   write_file("layers/tarn.yaml", "resources: [pods]\nmaxClients: 1\npageSize: 1\nmaxObjectBytes: 5001\nsocket: /tmp/a.sock\n"));
    (void)write_file("layers/conf.d/20-b.yaml", "pageSize: 3\nresources: [nodes, pods]\n");
    (void)write_file("layers/conf.d/10-a.yaml", "maxClients: 2\npageSize: 2\nmaxObjectBytes: 5002\n");
    (void)write_file("layers/conf.d/99.txt", "not read\n");
    (void)write_file("layers/conf.d/.hidden.yaml", "not read\n");
    setenv("TARN_CONFIG", main_file, 1);
    setenv("TARN_MAX_CLIENTS", "4", 1);
    setenv("TARN_PAGE_SIZE", "4", 1);
    setenv("TARN_RESOURCE", "nodes,services", 1);
    CU_ASSERT_EQUAL(tarn_config_load(&c, 3, argv, &err), 0);
    CU_ASSERT(c.max_clients == 5 && c.page_size == 4 && c.max_object_bytes == 5002);
    CU_ASSERT_STRING_EQUAL(from_of(&c, "maxClients"), "--max-clients");
    CU_ASSERT_STRING_EQUAL(from_of(&c, "pageSize"), "$TARN_PAGE_SIZE");
    CU_ASSERT(strstr(from_of(&c, "maxObjectBytes"), "conf.d/10-a.yaml:3:17") != NULL);
    CU_ASSERT(strstr(from_of(&c, "socket"), "layers/tarn.yaml:5:9") != NULL);
    CU_ASSERT_STRING_EQUAL(from_of(&c, "logLevel"), "default");
    CU_ASSERT(c.nresources == 3 && strcmp(c.resources[1].name, "nodes") == 0 && strcmp(c.resources[2].name, "services") == 0);
    CU_ASSERT(tarn_config_print(&c, &text) == 0 && tarn_buf_add(&text, "", 1) == 0);
    CU_ASSERT(strstr(text.data, "maxClients: 5 # --max-clients\n") && strstr(text.data, "pageSize: 4 # $TARN_PAGE_SIZE\n"));
    tarn_buf_release(&text);
    tarn_config_release(&c);
    unsetenv("TARN_MAX_CLIENTS");
    setenv("TARN_PAGE_SIZE", "many", 1);
    CU_ASSERT_EQUAL(tarn_config_load(&c, 3, argv, &err), TARN_E_CONFIG);
    CU_ASSERT_STRING_EQUAL(err.message, "$TARN_PAGE_SIZE: expected a whole number from 0 to 4294967295, found many");
    tarn_config_release(&c);
    unsetenv("TARN_PAGE_SIZE");
    unsetenv("TARN_RESOURCE");
    setenv("TARN_CONFIG", "/dev/null", 1);
}

/* Two snippets; the error they give, or "" */
static const char *snippets_say(const char *first, const char *second)
{
    static struct tarn_error err;
    char conf_dir[128], *argv[] = {"tarnd", "--conf-dir", conf_dir, NULL};
    struct tarn_config c;

    (void)write_file("snippets/a.yaml", first);
    (void)snprintf(conf_dir, sizeof conf_dir, "%s", write_file("snippets/b.yaml", second));
    *strrchr(conf_dir, '/') = '\0';
    err = (struct tarn_error){0};
    if (tarn_config_load(&c, 3, argv, &err) == 0)
        err.message[0] = '\0';
    tarn_config_release(&c);
    return err.message;
}

static void snippets_that_contradict_each_other_are_named_both(void)
{
    const char *m = snippets_say("resources: [{name: pods, slots: [a]}]\n", "resources: [{name: pods, slots: [b]}]\n");

    CU_ASSERT(strstr(m, "b.yaml:1:13: 'pods' contradicts ") && strstr(m, "a.yaml:1:13: they differ in 'slots'"));
    CU_ASSERT_STRING_EQUAL(snippets_say("resources: [{name: pods, slots: [a]}]\n", "resources: [{name: pods, slots: [a]}]\n"), "");
    CU_ASSERT(strstr(snippets_say("resources: [pods]\n", "resources: [{name: pods, drop: []}]\n"), "they differ in 'drop'") != NULL);
    CU_ASSERT(strstr(snippets_say("resources: [pods]\n", "resources: [nodes, nodes]\n"), "given twice in one realm") != NULL);
    m = snippets_say("server: {url: \"http://a\"}\nresources: [pods]\n", "server: {kubeconfig: b}\n");
    CU_ASSERT(strstr(m, "a.yaml:1:15: server.url contradicts server.kubeconfig (") && strstr(m, "b.yaml:1:22)"));
    CU_ASSERT(strstr(snippets_say("resources: [pods]\n", "bugdet: 1GiB\n"), "b.yaml:1:1: unknown key 'bugdet'; did you mean 'budget'?") != NULL);
}

static void a_realm_in_two_files_is_one_realm(void)
{
    char conf_dir[128], *argv[] = {"tarnd", "--conf-dir", conf_dir, NULL};
    struct tarn_config c;
    struct tarn_error err = {0};
    const struct tarn_config_realm *r;

    (void)write_file("realms/a.yaml", "realms: [{name: x, budget: 16MiB, readers: {users: [1]}, resources: [pods]}]\n");
    (void)snprintf(conf_dir, sizeof conf_dir, "%s", write_file("realms/b.yaml", "realms: [{name: x, budget: 32MiB, readers: {users: [2]}, resources: [nodes]}]\n"));
    *strrchr(conf_dir, '/') = '\0';
    CU_ASSERT_EQUAL_FATAL(tarn_config_load(&c, 3, argv, &err), 0);
    r = tarn_config_realm(&c, "x");
    CU_ASSERT_FATAL(r != NULL && c.nrealms == 2 && c.nresources == 2);
    CU_ASSERT(r->budget_bytes == 32u << 20 && r->uids.n == 2 && r->uids.v[0] == 1 && r->uids.v[1] == 2);
    CU_ASSERT(strstr(tarn_config_from(r->from, TARN_CONFIG_REALM, "readers.users"), "a.yaml:1:52, ") != NULL);
    tarn_config_release(&c);
}

static void flags_take_yes_no_durations_and_groups(void)
{
    struct tarn_config c;
    struct tarn_error err = {0};
    char *argv[] = {"tarnd", "--resource", "pods", "--gzip", "--huge-pages=false", "--socket-group", "0", NULL};
    static const struct tarn_config_key duration = {.path = "t", .kind = TARN_CONFIG_DURATION, .min = 5};
    static const struct {
        const char *text;
        int rc;
        uint32_t ms;
    } rows[] = {{"500ms", 0, 500}, {"30s", 0, 30000}, {"5m", 0, 300000}, {"1h", 0, 3600000}, {"5", TARN_E_CONFIG, 0}, {"4ms", TARN_E_CONFIG, 0},
                {"", TARN_E_CONFIG, 0}, {"-5s", TARN_E_CONFIG, 0}, {"1.5s", TARN_E_CONFIG, 0}, {"2000h", TARN_E_CONFIG, 0}, {"5sec", TARN_E_CONFIG, 0}};

    CU_ASSERT_EQUAL_FATAL(tarn_config_load(&c, 7, argv, &err), 0);
    CU_ASSERT(c.server.gzip && !c.huge_pages && c.socket_gid == 0);
    tarn_config_release(&c);
    argv[6] = "no-such-group-here";
    CU_ASSERT_EQUAL(tarn_config_load(&c, 7, argv, &err), TARN_E_CONFIG);
    CU_ASSERT(strstr(err.message, "--socket-group: no group 'no-such-group-here' on this host") != NULL);
    tarn_config_release(&c);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tarn_arena arena = {0};
        uint32_t ms = 0;

        CU_ASSERT_EQUAL(tarn_config_parse(&duration, &arena, rows[i].text, &ms, &err), rows[i].rc);
        CU_ASSERT_EQUAL(ms, rows[i].ms);
        tarn_arena_release(&arena);
    }
}

/* ---- the documentation ---------------------------------------------------------------------------- */

/* Column i (from 0) of a table's line, without spaces around. */
static void cell(const char *line, int i, char *ret, size_t size)
{
    size_t n;

    for (; i >= 0 && line; i--) {
        line = strchr(line, '|');
        line = line ? line + 1 : NULL;
    }
    *ret = '\0';
    if (!line)
        return;
    line += strspn(line, " ");
    n = strcspn(line, "|\n");
    while (n && line[n - 1] == ' ')
        n--;
    (void)snprintf(ret, size, "%.*s", (int)n, line);
}

static void documented_key(const struct tarn_config_key *k, char *ret, size_t size)
{
    static const char *const scopes[] = {"", "realms[].", "resources[]."};

    (void)snprintf(ret, size, "`%s%s`", scopes[k->scope], k->path);
}

static const struct tarn_config_key *key_documented_as(const char *name, size_t *ret_i)
{
    const struct tarn_config_key *k;
    char documented[160];

    for (size_t i = 0; (k = tarn_config_key(i)); i++) {
        documented_key(k, documented, sizeof documented);
        *ret_i = i;
        if (strcmp(name, documented) == 0)
            return k;
    }
    return NULL;
}

/* The key's line in docs/configuration.md says what the table of keys says. */
static bool line_agrees(const struct tarn_config_key *k, const char *line)
{
    char flag[TARN_CONFIG_NAME_BYTES], want[TARN_CONFIG_NAME_BYTES + 8] = "", have[256];

    if (tarn_config_flag_name(k, flag))
        (void)snprintf(want, sizeof want, "`--%s`", flag);
    cell(line, 1, have, sizeof have);
    if (strcmp(have, want) != 0)
        return false;
    cell(line, 2, have, sizeof have);
    if (strcmp(have, tarn_config_default_text(k)) != 0)
        return false;
    cell(line, 3, have, sizeof have);
    if (strcmp(have, k->unit ? k->unit : "") != 0)
        return false;
    cell(line, 4, have, sizeof have);
    return *have;
}

static void check_line(const char *line, bool seen[256])
{
    char name[160];
    size_t i = 0;
    const struct tarn_config_key *k;
    bool agrees;

    cell(line, 0, name, sizeof name);
    if (*name != '`')
        return;
    k = key_documented_as(name, &i);
    if (!k)
        printf("docs/configuration.md has %s, which is no key\n", name);
    CU_ASSERT_FATAL(k != NULL && !seen[i]);
    seen[i] = true;
    agrees = line_agrees(k, line);
    if (!agrees)
        printf("docs/configuration.md: flag, default ('%s'), unit ('%s') or meaning of %s is not that\n", tarn_config_default_text(k), k->unit ? k->unit : "", name);
    CU_ASSERT(agrees);
}

static void every_key_is_documented_with_flag_default_and_unit_and_no_other(void)
{
    FILE *f = fopen(TARN_TEST_DATA "/../../docs/configuration.md", "r");
    bool seen[256] = {0}, in_table = false;
    const struct tarn_config_key *k;
    char line[2048];

    CU_ASSERT_FATAL(f != NULL);
    while (fgets(line, sizeof line, f)) {
        in_table = strncmp(line, "| key |", 7) == 0 || (in_table && *line == '|');
        if (in_table)
            check_line(line, seen);
    }
    (void)fclose(f);
    for (size_t i = 0; (k = tarn_config_key(i)); i++) {
        if (!seen[i])
            printf("docs/configuration.md lacks %s\n", k->path);
        CU_ASSERT(seen[i]);
    }
}

/* Every key of the table is read from a file and refused with a wrong type. */
static void no_key_takes_a_map_for_a_value(void)
{
    const struct tarn_config_key *k;

    for (size_t i = 0; (k = tarn_config_key(i)); i++) {
        char text[256];
        const char *dot = strchr(k->path, '.');
        struct tarn_config c;
        struct tarn_error err = {0};

        if (k->scope != TARN_CONFIG_TOP)
            continue;
        if (dot)
            (void)snprintf(text, sizeof text, "%.*s: {%s: {a: b}}\n", (int)(dot - k->path), k->path, dot + 1);
        else
            (void)snprintf(text, sizeof text, "%s: {a: b}\n", k->path);
        CU_ASSERT_EQUAL(load(&c, text, &err), TARN_E_CONFIG);
        if (!strstr(err.message, "found a map"))
            printf("%s: %s\n", k->path, err.message);
        CU_ASSERT(strstr(err.message, "found a map") != NULL);
        tarn_config_release(&c);
    }
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

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t v = 0;

        CU_ASSERT_EQUAL(tarn_parse_bytes(rows[i].text, &v), rows[i].ok);
        CU_ASSERT_EQUAL(v, rows[i].v);
    }
}

TARN_TEST_MAIN("config", TARN_TEST(each_mistake_in_a_file_is_named_with_its_place), TARN_TEST(a_full_file_is_read),
               TARN_TEST(what_print_config_prints_is_the_same_configuration_again), TARN_TEST(flags_win_over_the_file_and_add_resources),
               TARN_TEST(wrong_flags_are_named), TARN_TEST(a_mistyped_variable_is_named), TARN_TEST(defaults_are_what_the_documentation_says),
               TARN_TEST(flags_win_over_the_environment_over_snippets_over_the_file), TARN_TEST(snippets_that_contradict_each_other_are_named_both),
               TARN_TEST(a_realm_in_two_files_is_one_realm), TARN_TEST(flags_take_yes_no_durations_and_groups),
               TARN_TEST(every_key_is_documented_with_flag_default_and_unit_and_no_other), TARN_TEST(no_key_takes_a_map_for_a_value),
               TARN_TEST(every_prefix_of_a_file_is_read_or_refused), TARN_TEST(sizes_are_parsed_exactly))
