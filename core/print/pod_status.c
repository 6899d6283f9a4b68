/* The status line of a pod. The rules are kubectl's: k8s.io/kubernetes pkg/printers/internalversion printPod. */
#include "pod_status.h"

#include <stdio.h>

#include "cells.h"
#include "field.h"
#include "when.h"

enum { CONTAINERS_MAX = 256 }; /* far more than a pod may have; the rest is not looked at */

static void word_set(struct pod_status *s, const char *prefix, struct tarn_bytes word)
{
    snprintf(s->word, sizeof s->word, "%s%.*s", prefix, TARN_BYTES_ARG(word));
}

/* "ExitCode:1" or "Signal:9" for a container that ended without a reason. */
static void word_set_ended(struct pod_status *s, const char *prefix, const struct tarn_value *terminated)
{
    int64_t signal = field_int(terminated, "signal");

    if (signal)
        snprintf(s->word, sizeof s->word, "%sSignal:%lld", prefix, (long long)signal);
    else
        snprintf(s->word, sizeof s->word, "%sExitCode:%lld", prefix, (long long)field_int(terminated, "exitCode"));
}

/* Is the init container of this name one that stays beside the others (a sidecar)? */
static bool is_sidecar(const struct tarn_object *pod, struct tarn_bytes name)
{
    struct tarn_value it = object_at(pod, "spec.initContainers"), c;

    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &c) == 1)
        if (tarn_bytes_equal(field_string(&c, "name"), name))
            return tarn_bytes_equal(field_string(&c, "restartPolicy"), TARN_BYTES("Always"));
    return false;
}

static unsigned count_sidecars(const struct tarn_object *pod)
{
    struct tarn_value it = object_at(pod, "spec.initContainers"), c;
    unsigned n = 0;

    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &c) == 1)
        n += tarn_bytes_equal(field_string(&c, "restartPolicy"), TARN_BYTES("Always"));
    return n;
}

/* Restarts, and when the last one was. */
struct restarts {
    int64_t n, last_s;
};

static void count_restarts(struct restarts *all, const struct tarn_value *container)
{
    int64_t at = when_parse(field_string(container, "lastState.terminated.finishedAt"));

    all->n += field_int(container, "restartCount");
    if (at > all->last_s)
        all->last_s = at;
}

/* One init container's part; true while the pod is still initialising because of it. */
static bool read_init(const struct tarn_object *pod, const struct tarn_value *c, unsigned i, struct pod_status *s)
{
    struct tarn_value ended = field_at(c, "state.terminated");
    struct tarn_bytes waits = field_string(c, "state.waiting.reason"), why = field_string(&ended, "reason");

    if (ended.type == TARN_MAP && field_int(&ended, "exitCode") == 0)
        return false;
    if (is_sidecar(pod, field_string(c, "name")) && field_true(c, "started")) {
        s->ready += field_true(c, "ready");
        return false;
    }
    if (ended.type == TARN_MAP && why.len)
        word_set(s, "Init:", why);
    else if (ended.type == TARN_MAP)
        word_set_ended(s, "Init:", &ended);
    else if (waits.len && !tarn_bytes_equal(waits, TARN_BYTES("PodInitializing")))
        word_set(s, "Init:", waits);
    else
        snprintf(s->word, sizeof s->word, "Init:%u/%u", i, object_count(pod, "spec.initContainers"));
    return true;
}

/* Walk the init containers; true while the pod is still initialising. sidecars: restarts of those that stay. */
static bool read_inits(const struct tarn_object *pod, struct pod_status *s, struct restarts *all, struct restarts *sidecars)
{
    struct tarn_value it = object_at(pod, "status.initContainerStatuses"), c;

    for (unsigned i = 0; it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &c) == 1; i++) {
        count_restarts(all, &c);
        if (is_sidecar(pod, field_string(&c, "name")))
            count_restarts(sidecars, &c);
        if (read_init(pod, &c, i, s))
            return true;
    }
    return false;
}

/* One ordinary container's part; true if it runs and is ready. */
static bool read_container(const struct tarn_value *c, struct pod_status *s)
{
    struct tarn_value ended = field_at(c, "state.terminated");
    struct tarn_bytes waits = field_string(c, "state.waiting.reason"), why = field_string(&ended, "reason");

    if (waits.len) {
        word_set(s, "", waits);
    } else if (ended.type == TARN_MAP && why.len) {
        word_set(s, "", why);
    } else if (ended.type == TARN_MAP) {
        word_set_ended(s, "", &ended);
    } else if (field_true(c, "ready") && field_exists(c, "state.running")) {
        s->ready++;
        return true;
    }
    return false;
}

/* The containers, last first: the first one has the last word. */
static void read_containers(const struct tarn_object *pod, struct pod_status *s, struct restarts *all)
{
    struct tarn_value it = object_at(pod, "status.containerStatuses"), each[CONTAINERS_MAX];
    unsigned n = 0;
    bool running = false;

    while (it.type == TARN_ARRAY && n < CONTAINERS_MAX && tarn_value_next(&it, NULL, &each[n]) == 1)
        n++;
    while (n-- > 0) {
        count_restarts(all, &each[n]);
        running |= read_container(&each[n], s);
    }
    if (running && strcmp(s->word, "Completed") == 0)
        word_set(s, "", cells_condition(pod, TARN_BYTES("Ready")) ? TARN_BYTES("Running") : TARN_BYTES("NotReady"));
}

static bool is_gated(const struct tarn_object *pod)
{
    struct tarn_value it = object_at(pod, "status.conditions"), c;

    while (it.type == TARN_ARRAY && tarn_value_next(&it, NULL, &c) == 1)
        if (tarn_bytes_equal(field_string(&c, "type"), TARN_BYTES("PodScheduled")) &&
            tarn_bytes_equal(field_string(&c, "reason"), TARN_BYTES("SchedulingGated")))
            return true;
    return false;
}

static void read_deletion(const struct tarn_object *pod, struct pod_status *s)
{
    struct tarn_bytes phase = object_string(pod, "status.phase");

    if (!object_exists(pod, "metadata.deletionTimestamp"))
        return;
    if (tarn_bytes_equal(object_string(pod, "status.reason"), TARN_BYTES("NodeLost")))
        word_set(s, "", TARN_BYTES("Unknown"));
    else if (!tarn_bytes_equal(phase, TARN_BYTES("Succeeded")) && !tarn_bytes_equal(phase, TARN_BYTES("Failed")))
        word_set(s, "", TARN_BYTES("Terminating"));
}

void pod_status_read(const struct tarn_object *pod, struct pod_status *ret)
{
    struct tarn_bytes reason = object_string(pod, "status.reason");
    struct restarts all = {0, -1}, sidecars = {0, -1};
    bool initialising;

    *ret = (struct pod_status){.containers = object_count(pod, "spec.containers") + count_sidecars(pod)};
    word_set(ret, "", reason.len ? reason : object_string(pod, "status.phase"));
    if (is_gated(pod))
        word_set(ret, "", TARN_BYTES("SchedulingGated"));
    initialising = read_inits(pod, ret, &all, &sidecars);
    if (!initialising || cells_condition(pod, TARN_BYTES("Initialized"))) {
        all = sidecars;
        read_containers(pod, ret, &all);
    }
    ret->restarts = all.n;
    ret->last_restart_s = all.last_s;
    read_deletion(pod, ret);
}
