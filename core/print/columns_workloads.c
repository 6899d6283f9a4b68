/* The columns of what runs pods: deployments, sets, jobs, autoscalers. Source: k8s.io/kubernetes pkg/printers/internalversion. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#include "cells.h"
#include "field.h"
#include "when.h"

static const struct column deployments[] = {
    COLUMN_NAME,
    COLUMN("Ready", cell_ratio, "status.readyReplicas spec.replicas", "pods that are ready, of those wanted"),
    COLUMN("Up-to-date", cell_number, "status.updatedReplicas", "pods of the template as it is now"),
    COLUMN("Available", cell_number, "status.availableReplicas", "pods that have been ready for long enough"),
    COLUMN_AGE,
    COLUMNS_OF_CONTAINERS("spec.template.spec.containers"),
    COLUMN_WIDE("Selector", cell_selector, "spec.selector", "labels of its pods"),
    COLUMNS_END,
};

static const struct column replicasets[] = {
    COLUMN_NAME,
    COLUMN_OF("integer", "Desired", cell_number, "spec.replicas", "pods wanted"),
    COLUMN_OF("integer", "Current", cell_number, "status.replicas", "pods there are"),
    COLUMN_OF("integer", "Ready", cell_number, "status.readyReplicas", "pods that are ready"),
    COLUMN_AGE,
    COLUMNS_OF_CONTAINERS("spec.template.spec.containers"),
    COLUMN_WIDE("Selector", cell_selector, "spec.selector", "labels of its pods"),
    COLUMNS_END,
};

static const struct column replicationcontrollers[] = {
    COLUMN_NAME,
    COLUMN_OF("integer", "Desired", cell_number, "spec.replicas", "pods wanted"),
    COLUMN_OF("integer", "Current", cell_number, "status.replicas", "pods there are"),
    COLUMN_OF("integer", "Ready", cell_number, "status.readyReplicas", "pods that are ready"),
    COLUMN_AGE,
    COLUMNS_OF_CONTAINERS("spec.template.spec.containers"),
    COLUMN_WIDE("Selector", cell_labels, "spec.selector", "labels of its pods"),
    COLUMNS_END,
};

static const struct column statefulsets[] = {
    COLUMN_NAME,
    COLUMN("Ready", cell_ratio, "status.readyReplicas spec.replicas", "pods that are ready, of those wanted"),
    COLUMN_AGE,
    COLUMNS_OF_CONTAINERS("spec.template.spec.containers"),
    COLUMNS_END,
};

static const struct column daemonsets[] = {
    COLUMN_NAME,
    COLUMN_OF("integer", "Desired", cell_number, "status.desiredNumberScheduled", "nodes that should run its pod"),
    COLUMN_OF("integer", "Current", cell_number, "status.currentNumberScheduled", "nodes that run one, of those that should"),
    COLUMN_OF("integer", "Ready", cell_number, "status.numberReady", "nodes where it is ready"),
    COLUMN_OF("integer", "Up-to-date", cell_number, "status.updatedNumberScheduled", "nodes that run the template as it is now"),
    COLUMN_OF("integer", "Available", cell_number, "status.numberAvailable", "nodes where it has been ready for long enough"),
    COLUMN("Node Selector", cell_labels, "spec.template.spec.nodeSelector", "labels of the nodes that should run it"),
    COLUMN_AGE,
    COLUMNS_OF_CONTAINERS("spec.template.spec.containers"),
    COLUMN_WIDE("Selector", cell_selector, "spec.selector", "labels of its pods"),
    COLUMNS_END,
};

static CELL(cell_revision_owner)
{
    struct tarn_value it = object_at(r->obj, "metadata.ownerReferences"), owner;
    size_t before = out->out->len;

    (void)c;
    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &owner) == 1) {
        struct tarn_bytes kind = field_string(&owner, "kind"), version = field_string(&owner, "apiVersion");
        const char *slash = version.len ? memchr(version.data, '/', version.len) : NULL;

        if (!field_true(&owner, "controller"))
            continue;
        for (size_t i = 0; i < kind.len; i++)
            print_addf(out, "%c", tolower((unsigned char)kind.data[i]));
        if (slash)
            print_addf(out, ".%.*s", (int)(slash - version.data), version.data);
        print_addf(out, "/%.*s", TARN_BYTES_ARG(field_string(&owner, "name")));
        break;
    }
    print_or(out, before, "<none>");
    return CELL_TEXT;
}

static const struct column controllerrevisions[] = {
    COLUMN_NAME,
    COLUMN("Controller", cell_revision_owner, NULL, "the set that it belongs to"),
    COLUMN("Revision", cell_number, "revision", "its number"),
    COLUMN_AGE,
    COLUMNS_END,
};

/* ---- jobs ----------------------------------------------------------------------------------------- */

static CELL(cell_job_status)
{
    static const char *const before[] = {"Complete", "Failed"}, *const after[] = {"Suspended", "FailureTarget", "SuccessCriteriaMet"};
    const char *word = "Running";

    (void)c;
    for (size_t i = sizeof after / sizeof *after; i-- > 0;)
        if (cells_condition(r->obj, tarn_bytes_of(after[i])))
            word = after[i];
    if (object_exists(r->obj, "metadata.deletionTimestamp"))
        word = "Terminating";
    for (size_t i = sizeof before / sizeof *before; i-- > 0;)
        if (cells_condition(r->obj, tarn_bytes_of(before[i])))
            word = before[i];
    print_adds(out, word);
    return CELL_TEXT;
}

/* "1/3"; "2/1 of 4" where completions are left open and it works in parallel. */
static CELL(cell_job_completions)
{
    int64_t succeeded = object_int(r->obj, "status.succeeded"), parallel = object_int(r->obj, "spec.parallelism");

    (void)c;
    if (object_exists(r->obj, "spec.completions"))
        print_addf(out, "%" PRId64 "/%" PRId64, succeeded, object_int(r->obj, "spec.completions"));
    else if (parallel > 1)
        print_addf(out, "%" PRId64 "/1 of %" PRId64, succeeded, parallel);
    else
        print_addf(out, "%" PRId64 "/1", succeeded);
    return CELL_TEXT;
}

static CELL(cell_job_duration)
{
    int64_t start = when_parse(object_string(r->obj, "status.startTime"));
    int64_t end = when_parse(object_string(r->obj, "status.completionTime"));

    (void)c;
    if (start >= 0)
        when_span((end >= 0 ? end : r->now_s) - start, out);
    return CELL_TEXT;
}

static const struct column jobs[] = {
    COLUMN_NAME,
    COLUMN("Status", cell_job_status, NULL, "how far the job is, in a word"),
    COLUMN("Completions", cell_job_completions, NULL, "pods that succeeded, of those that have to"),
    COLUMN("Duration", cell_job_duration, NULL, "how long it took, or has taken so far"),
    COLUMN_AGE,
    COLUMNS_OF_CONTAINERS("spec.template.spec.containers"),
    COLUMN_WIDE("Selector", cell_selector, "spec.selector", "labels of its pods"),
    COLUMNS_END,
};

static CELL(cell_cron_suspend)
{
    struct tarn_value v = object_at(r->obj, c->arg);

    print_adds(out, v.type != TARN_BOOL ? "<unset>" : v.boolean ? "True" : "False");
    return CELL_TEXT;
}

static CELL(cell_cron_last)
{
    struct tarn_bytes last = object_string(r->obj, c->arg);

    if (last.len)
        when_age(last, r->now_s, out);
    else
        print_adds(out, "<none>");
    return CELL_TEXT;
}

static const struct column cronjobs[] = {
    COLUMN_NAME,
    COLUMN("Schedule", cell_plain, "spec.schedule", "when it runs, as cron has it"),
    COLUMN("Timezone", cell_field, "spec.timeZone", "the schedule's time zone"),
    COLUMN_OF("boolean", "Suspend", cell_cron_suspend, "spec.suspend", "whether it is held back"),
    COLUMN_OF("integer", "Active", cell_count, "status.active", "jobs that run now"),
    COLUMN("Last Schedule", cell_cron_last, "status.lastScheduleTime", "time since it last ran"),
    COLUMN_AGE,
    COLUMNS_OF_CONTAINERS("spec.jobTemplate.spec.template.spec.containers"),
    COLUMN_WIDE("Selector", cell_selector, "spec.jobTemplate.spec.selector", "labels of its pods"),
    COLUMNS_END,
};

/* ---- autoscalers, budgets ---------------------------------------------------------------------------- */

/* A metric of a kind lies in a member of its own, in spec.metrics and in status.currentMetrics. */
static const struct metric_kind {
    const char *type, *member;
    bool named;    /* "cpu: " stands in front */
    bool averages; /* the target may be an average, and then says "(avg)" */
} metric_kinds[] = {
    {"Resource", "resource", true, false},    {"ContainerResource", "containerResource", true, false},
    {"Pods", "pods", false, false},           {"Object", "object", false, true},
    {"External", "external", false, true},
};

/* "current/target" of one way of counting. */
static void add_metric(const struct tarn_value *spec, const struct tarn_value *current, const char *how, const char *unit, const char *no_target,
                       struct print_text *out)
{
    struct tarn_value is = field_at(current, how), wanted = field_at(spec, how);
    size_t before = out->out->len;

    field_text(&is, out);
    print_adds(out, out->out->len > before ? unit : "<unknown>");
    print_adds(out, "/");
    before = out->out->len;
    field_text(&wanted, out);
    print_adds(out, out->out->len > before ? unit : no_target);
}

static void metric(const struct metric_kind *k, const struct tarn_value *spec, const struct tarn_value *status, struct print_text *out)
{
    struct tarn_value s = field_at(spec, k->member), now = field_at(status, k->member), target = field_at(&s, "target"), current = field_at(&now, "current");
    bool average = field_exists(&target, "averageValue");

    if (k->named)
        print_addf(out, "%.*s: ", TARN_BYTES_ARG(field_string(&s, "name")));
    if (average || (!k->named && !k->averages))
        add_metric(&target, &current, "averageValue", "", "<unknown>", out);
    else if (k->named)
        add_metric(&target, &current, "averageUtilization", "%", "<auto>", out);
    else
        add_metric(&target, &current, "value", "", "<unknown>", out);
    print_adds(out, average && k->averages ? " (avg)" : "");
}

/* The status of the metric with the same number; TARN_NIL: none yet. */
static struct tarn_value status_at(const struct tarn_object *obj, unsigned i)
{
    char path[48];

    snprintf(path, sizeof path, "status.currentMetrics[%u]", i);
    return object_at(obj, path);
}

static CELL(cell_scaler_targets)
{
    enum { METRICS_SHOWN = 2 };
    struct tarn_value it = object_at(r->obj, c->arg), spec;
    unsigned n = 0;

    for (; it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &spec) == 1; n++) {
        struct tarn_value status = status_at(r->obj, n);
        size_t k = 0;

        if (n >= METRICS_SHOWN)
            continue;
        print_adds(out, n ? ", " : "");
        while (k < sizeof metric_kinds / sizeof *metric_kinds && !tarn_bytes_equal(field_string(&spec, "type"), tarn_bytes_of(metric_kinds[k].type)))
            k++;
        if (k < sizeof metric_kinds / sizeof *metric_kinds)
            metric(&metric_kinds[k], &spec, &status, out);
        else
            print_adds(out, "<unknown type>");
    }
    if (n > METRICS_SHOWN)
        print_addf(out, " + %u more...", n - METRICS_SHOWN);
    print_adds(out, n ? "" : "<none>");
    return CELL_TEXT;
}

static CELL(cell_scaler_reference)
{
    (void)c;
    print_addf(out, "%.*s/%.*s", TARN_BYTES_ARG(object_string(r->obj, "spec.scaleTargetRef.kind")),
               TARN_BYTES_ARG(object_string(r->obj, "spec.scaleTargetRef.name")));
    return CELL_TEXT;
}

static const struct column autoscalers[] = {
    COLUMN_NAME,
    COLUMN("Reference", cell_scaler_reference, NULL, "what it scales"),
    COLUMN("Targets", cell_scaler_targets, "spec.metrics", "what is measured, and what it should be"),
    COLUMN("MinPods", cell_unset, "spec.minReplicas", "fewest pods"),
    COLUMN("MaxPods", cell_number, "spec.maxReplicas", "most pods"),
    COLUMN("Replicas", cell_number, "status.currentReplicas", "pods there are"),
    COLUMN_AGE,
    COLUMNS_END,
};

static CELL(cell_budget_bound)
{
    struct tarn_value v = object_at(r->obj, c->arg);
    size_t before = out->out->len;

    field_text(&v, out);
    print_or(out, before, "N/A");
    return CELL_TEXT;
}

static const struct column budgets[] = {
    COLUMN_NAME,
    COLUMN("Min Available", cell_budget_bound, "spec.minAvailable", "fewest pods that have to stay"),
    COLUMN("Max Unavailable", cell_budget_bound, "spec.maxUnavailable", "most pods that may be away"),
    COLUMN_OF("integer", "Allowed Disruptions", cell_number, "status.disruptionsAllowed", "pods that may be taken away now"),
    COLUMN_AGE,
    COLUMNS_END,
};

const struct table_of columns_workloads[] = {
    {"deployments.apps", deployments},
    {"replicasets.apps", replicasets},
    {"replicationcontrollers", replicationcontrollers},
    {"statefulsets.apps", statefulsets},
    {"daemonsets.apps", daemonsets},
    {"controllerrevisions.apps", controllerrevisions},
    {"jobs.batch", jobs},
    {"cronjobs.batch", cronjobs},
    {"horizontalpodautoscalers.autoscaling", autoscalers},
    {"poddisruptionbudgets.policy", budgets},
    {0},
};
