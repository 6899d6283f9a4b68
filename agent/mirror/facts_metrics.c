/* facts_metrics.c - /metrics: Prometheus' text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats).
 *
 * All samples of a metric stand together behind its HELP and TYPE, so each row is walked over all entities before the next.
 * Labels are realms and resources of the configuration and the fixed words of the tables: their number is bounded.
 */
#include "facts.h"

#include <inttypes.h>
#include <stdio.h>

/* The structs a table's rows apply to. */
struct entities {
    const struct tarn_fact_table *table;
    const void *base;
    size_t size;
    unsigned n;
    const char *(*realm)(const void *entity);    /* the label's value; NULL: no such label */
    const char *(*resource)(const void *entity);
};

static const char *realm_name(const void *entity)
{
    return ((const struct tarn_facts_realm *)entity)->name;
}

static const char *resource_realm(const void *entity)
{
    return ((const struct tarn_facts_resource *)entity)->realm;
}

static const char *resource_name(const void *entity)
{
    return ((const struct tarn_facts_resource *)entity)->name;
}

/* name="value", with a comma before all but the first; value escaped as the format asks. */
static int add_label(struct tarn_buf *out, const char *name, const char *value)
{
    int rc = tarn_buf_addf(out, "%s%s=\"", out->data[out->len - 1] == '{' ? "" : ",", name);

    for (; !rc && *value; value++) {
        if (*value == '\n')
            rc = tarn_buf_adds(out, "\\n");
        else if (*value == '"' || *value == '\\')
            rc = tarn_buf_addf(out, "\\%c", *value);
        else
            rc = tarn_buf_add(out, value, 1);
    }
    return rc ? rc : tarn_buf_adds(out, "\"");
}

/* metric suffix {labels, le} */
static int add_series(struct tarn_buf *out, const struct tarn_fact *row, const char *suffix, const struct entities *e, const void *entity, const char *le)
{
    int rc = tarn_buf_addf(out, "%s%s", row->metric, suffix);

    if (rc || !(e->realm || e->resource || row->label || le))
        return rc;
    rc = tarn_buf_adds(out, "{");
    if (!rc && e->realm)
        rc = add_label(out, "realm", e->realm(entity));
    if (!rc && e->resource)
        rc = add_label(out, "resource", e->resource(entity));
    if (!rc && row->label)
        rc = add_label(out, row->label, row->value);
    if (!rc && le)
        rc = add_label(out, "le", le);
    return rc ? rc : tarn_buf_adds(out, "}");
}

/* Nanoseconds as decimal seconds without trailing zeros: 0.0005, 2.5, 60. */
static void seconds(uint64_t ns, char ret[32])
{
    size_t n = (size_t)snprintf(ret, 32, "%" PRIu64 ".%09u", ns / 1000000000u, (unsigned)(ns % 1000000000u));

    while (ret[n - 1] == '0')
        ret[--n] = '\0';
    if (ret[n - 1] == '.')
        ret[n - 1] = '\0';
}

static int add_number(struct tarn_buf *out, const struct tarn_fact *row, const struct entities *e, const void *entity)
{
    uint64_t v = *(const uint64_t *)((const char *)entity + row->offset);
    int rc = add_series(out, row, "", e, entity, NULL);

    if (rc)
        return rc;
    return row->ms ? tarn_buf_addf(out, " %" PRIu64 ".%03u\n", v / 1000, (unsigned)(v % 1000)) : tarn_buf_addf(out, " %" PRIu64 "\n", v);
}

/* Buckets are cumulative; the last, +Inf, is the count. */
static int add_histogram(struct tarn_buf *out, const struct tarn_fact *row, const struct entities *e, const void *entity)
{
    const struct tarn_histogram *h = (const struct tarn_histogram *)((const char *)entity + row->offset);
    uint64_t sum = 0;
    char text[32];
    int rc = 0;

    for (unsigned i = 0; !rc && i <= TARN_HISTOGRAM_BUCKETS; i++) {
        sum += h->bucket[i];
        if (i < TARN_HISTOGRAM_BUCKETS)
            seconds(tarn_histogram_bound_ns(i), text);
        rc = add_series(out, row, "_bucket", e, entity, i < TARN_HISTOGRAM_BUCKETS ? text : "+Inf");
        if (!rc)
            rc = tarn_buf_addf(out, " %" PRIu64 "\n", sum);
    }
    seconds(h->sum_ns, text);
    if (!rc)
        rc = add_series(out, row, "_sum", e, entity, NULL);
    if (!rc)
        rc = tarn_buf_addf(out, " %s\n", text);
    if (!rc)
        rc = add_series(out, row, "_count", e, entity, NULL);
    return rc ? rc : tarn_buf_addf(out, " %" PRIu64 "\n", sum);
}

static int add_head(struct tarn_buf *out, const char *metric, const char *help, const char *type)
{
    return tarn_buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", metric, help, metric, type);
}

static int add_row(struct tarn_buf *out, const struct tarn_fact *row, const struct entities *e)
{
    static const char *const types[] = {[TARN_FACT_COUNTER] = "counter", [TARN_FACT_GAUGE] = "gauge", [TARN_FACT_HISTOGRAM] = "histogram"};
    int rc = row->help ? add_head(out, row->metric, row->help, types[row->type]) : 0;

    for (unsigned i = 0; !rc && i < e->n; i++) {
        const void *entity = (const char *)e->base + i * e->size;

        rc = row->type == TARN_FACT_HISTOGRAM ? add_histogram(out, row, e, entity) : add_number(out, row, e, entity);
    }
    return rc;
}

static int add_rows(struct tarn_buf *out, const struct entities *e)
{
    int rc = 0;

    for (size_t i = 0; !rc && e->n && i < e->table->n; i++)
        if (e->table->rows[i].metric)
            rc = add_row(out, &e->table->rows[i], e);
    return rc;
}

/* What is yes or no about a resource. */
static int add_states(struct tarn_buf *out, const struct tarn_facts *f)
{
    static const char *const states[] = {"found", "synced", "live", "behind"};
    int rc = f->nresources ? add_head(out, "tarn_resource_state",
                                      "1 if the resource is: found at the server, synced (listed once), live (its watch is up), behind (the region lacks changes).", "gauge")
                           : 0;

    for (unsigned i = 0; !rc && i < f->nresources * 4; i++) {
        const struct tarn_facts_resource *r = &f->resources[i / 4];
        const bool values[] = {r->found, r->synced, r->live, r->behind};
        struct tarn_fact row = {.metric = "tarn_resource_state", .label = "state", .value = states[i % 4]};

        rc = add_series(out, &row, "", &(struct entities){.realm = resource_realm, .resource = resource_name}, r, NULL);
        if (!rc)
            rc = tarn_buf_addf(out, " %d\n", values[i % 4]);
    }
    return rc;
}

static int add_build_info(struct tarn_buf *out, const struct tarn_facts *f)
{
    struct tarn_fact row = {.metric = "tarn_build_info", .label = "version", .value = f->version};
    int rc = add_head(out, row.metric, "1; the label tells the version.", "gauge");

    if (!rc)
        rc = add_series(out, &row, "", &(struct entities){0}, NULL, NULL);
    return rc ? rc : tarn_buf_adds(out, " 1\n");
}

int tarn_facts_metrics(const struct tarn_facts *f, struct tarn_buf *out)
{
    const struct entities all[] = {
        {.table = &tarn_facts_of_agent, .base = f, .n = 1},
        {.table = &tarn_facts_of_realm, .base = f->realms, .size = sizeof *f->realms, .n = f->nrealms, .realm = realm_name},
        {.table = &tarn_facts_of_memory, .base = f->realms, .size = sizeof *f->realms, .n = f->nrealms, .realm = realm_name},
        {.table = &tarn_facts_of_resource, .base = f->resources, .size = sizeof *f->resources, .n = f->nresources, .realm = resource_realm,
         .resource = resource_name},
    };
    int rc = add_build_info(out, f);

    for (size_t i = 0; !rc && i < sizeof all / sizeof *all; i++)
        rc = add_rows(out, &all[i]);
    return rc ? rc : add_states(out, f);
}
