/* Tests of agent/facts*.c and histogram.c: the status JSON, /metrics, and docs/metrics.md. */
#include "tarn_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/object.h>

#include "facts.h"

static struct tarn_facts_realm realm = {.name = "cluster", .objects = 7, .oldest_pin_age_ms = 1500};
static struct tarn_facts_resource resource = {.name = "pods", .wanted = "po", .realm = "cluster", .api_version = "v1", .kind = "Pod", .resource_version = "42",
                                              .last_error = "a \"quoted\"\nline \\", .synced = true, .list_errors = 3, .added = 5};
static struct tarn_facts_client client = {.program = "web\t", .realm = "cluster", .pid = -1, .uid = 12};

static const struct tarn_facts facts = {
    .version = "1.0", .server = "http://a", .server_from = "--server", .turns = 9, .realms = &realm, .resources = &resource, .clients = &client,
    .nrealms = 1, .nresources = 1, .nclients = 1,
};

/* NUL-terminated; the caller frees it. */
static char *rendered(int (*render)(const struct tarn_facts *f, struct tarn_buf *out), const struct tarn_facts *f)
{
    struct tarn_buf b = {0};

    if (render(f, &b) || tarn_buf_add(&b, "", 1))
        abort();
    return b.data;
}

static void the_status_is_json_with_every_number(void)
{
    char *json = rendered(tarn_facts_json, &facts), key[80];
    const struct tarn_fact_table *const tables[] = {&tarn_facts_of_agent, &tarn_facts_of_realm, &tarn_facts_of_memory, &tarn_facts_of_resource, &tarn_facts_of_client};

    CU_ASSERT(strstr(json, "\"last_error\":\"a \\\"quoted\\\"\\u000aline \\\\\"") != NULL);
    CU_ASSERT(strstr(json, "\"comm\":\"web\\u0009\",\"realm\":\"cluster\",\"pid\":-1,\"uid\":12") != NULL);
    CU_ASSERT(strstr(json, "\"synced\":true,\"live\":false") != NULL);
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
        for (size_t i = 0; i < tables[t]->n; i++) {
            if (!tables[t]->rows[i].name)
                continue;
            (void)snprintf(key, sizeof key, "\"%s\":", tables[t]->rows[i].name);
            CU_ASSERT(strstr(json, key) != NULL);
        }
    free(json);
    json = rendered(tarn_facts_json, &(struct tarn_facts){.version = "", .server = "", .server_from = ""});
    CU_ASSERT(strstr(json, "\"realms\":[],\"resources\":[],\"clients\":[]}\n") != NULL);
    free(json);
}

static void metrics_are_written_as_prometheus_reads_them(void)
{
    struct tarn_facts f = facts;
    char *text;

    tarn_histogram_add(&f.turn_time, 10000, 2);    /* on the first bound: inside */
    tarn_histogram_add(&f.turn_time, 10001, 1);
    tarn_histogram_add(&f.turn_time, 61000000000, 1); /* over all */
    text = rendered(tarn_facts_metrics, &f);
    CU_ASSERT(strstr(text, "# HELP tarn_errors_total What went wrong, by reason.\n# TYPE tarn_errors_total counter\n"
                           "tarn_errors_total{realm=\"cluster\",resource=\"pods\",reason=\"list\"} 3\n") != NULL);
    CU_ASSERT(strstr(text, "\ntarn_oldest_pin_age_seconds{realm=\"cluster\"} 1.500\n") != NULL);
    CU_ASSERT(strstr(text, "\ntarn_loop_turns_total 9\n") != NULL);
    CU_ASSERT(strstr(text, "\ntarn_loop_turn_seconds_bucket{le=\"0.00001\"} 2\ntarn_loop_turn_seconds_bucket{le=\"0.00005\"} 3\n") != NULL);
    CU_ASSERT(strstr(text, "{le=\"60\"} 3\ntarn_loop_turn_seconds_bucket{le=\"+Inf\"} 4\ntarn_loop_turn_seconds_sum 61.000030001\ntarn_loop_turn_seconds_count 4\n") != NULL);
    CU_ASSERT(strstr(text, "\ntarn_resource_state{realm=\"cluster\",resource=\"pods\",state=\"synced\"} 1\n") != NULL);
    free(text);
}

static void label_values_are_escaped(void)
{
    struct tarn_facts_realm odd = {.name = "a\"b\\c\nd"};
    struct tarn_facts f = facts;
    char *text;

    f.realms = &odd;
    text = rendered(tarn_facts_metrics, &f);
    CU_ASSERT(strstr(text, "tarn_objects{realm=\"a\\\"b\\\\c\\nd\"} 0\n") != NULL);
    free(text);
}

static bool stands_in(const char *text, const char *metric, const char *type)
{
    char line[256];

    (void)snprintf(line, sizeof line, "\n| `%s` | %s |", metric, type);
    return strstr(text, line) != NULL;
}

static char *documentation(void)
{
    FILE *f = fopen(TARN_TEST_DATA "/../../docs/metrics.md", "r");
    char *text = calloc(1, 65536);

    if (!f || !text || fread(text, 1, 65535, f) == 0)
        abort();
    (void)fclose(f);
    return text;
}

/* Each "# TYPE name type" of /metrics is a row of docs/metrics.md with the same HELP, and no other row is there. */
static void every_metric_is_documented_and_no_other(void)
{
    char *text = rendered(tarn_facts_metrics, &facts), *doc = documentation(), name[128], type[32], help[512], cell[640];
    unsigned metrics = 0, rows = 0;

    for (char *p = text; (p = strstr(p, "# HELP ")); p += 7) {
        CU_ASSERT_EQUAL(sscanf(p, "# HELP %127s %511[^\n]\n# TYPE %*s %31s", name, help, type), 3);
        if (!stands_in(doc, name, type))
            printf("docs/metrics.md lacks | `%s` | %s |\n", name, type);
        CU_ASSERT(stands_in(doc, name, type));
        (void)snprintf(cell, sizeof cell, "| %s |\n", help);
        CU_ASSERT(strstr(doc, cell) != NULL);
        metrics++;
    }
    for (char *p = doc; (p = strstr(p, "\n| `tarn_")); p++)
        rows++;
    CU_ASSERT(metrics > 40);
    CU_ASSERT_EQUAL(rows, metrics);
    free(text);
    free(doc);
}

TARN_TEST_MAIN("facts", TARN_TEST(the_status_is_json_with_every_number), TARN_TEST(metrics_are_written_as_prometheus_reads_them),
               TARN_TEST(label_values_are_escaped), TARN_TEST(every_metric_is_documented_and_no_other))
