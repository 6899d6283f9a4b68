/* restart.c - what a restart costs: a checkpoint saved and restored, and a region of another run verified and taken over.
 *
 * Pods of 2.7 KB with two indexes, as tarnd holds them. Best of a few rounds, since it is the work that is asked for, not
 * what else the machine did; the thread's CPU time beside the time on the clock tells how much that was.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <tarn/check.h>
#include <tarn/checkpoint.h>
#include <tarn/region_store.h>
#include <tarn/takeover.h>

#define PART "restart"

struct subject {
    size_t n;
    struct tarn_index_func indexes[2];
    struct tarn_writer_resource pods;
    struct tarn_writer_options options;
    struct tarn_writer *w;
    char dir[64], path[96];
    int failures;
};

static const char pod[] =
    "{\"metadata\":{\"name\":\"web-%zu\",\"namespace\":\"team-%zu\",\"uid\":\"5f0c9a52-0000-4000-8000-%012zu\",\"resourceVersion\":\"%zu\","
    "\"labels\":{\"app\":\"app-%zu\",\"tier\":\"front\"},\"ownerReferences\":[{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"name\":\"web-%zu\","
    "\"uid\":\"0d1c9a52-0000-4000-8000-%012zu\",\"controller\":true}]},\"spec\":{\"nodeName\":\"node-%zu\",\"containers\":[";
static const char container[] =
    "{\"name\":\"c%u\",\"image\":\"registry.example/team-%zu/app@sha256:%016zx%016zx\",\"env\":[{\"name\":\"MODE\",\"value\":\"production-%zu\"},"
    "{\"name\":\"LEVEL\",\"value\":\"info\"}],\"ports\":[{\"name\":\"http\",\"containerPort\":8080,\"protocol\":\"TCP\"}],\"resources\":{\"limits\":"
    "{\"cpu\":\"500m\",\"memory\":\"256Mi\"}},\"volumeMounts\":[{\"name\":\"data\",\"mountPath\":\"/var/lib/data\"},{\"name\":\"config\","
    "\"mountPath\":\"/etc/config\",\"readOnly\":true}],\"livenessProbe\":{\"httpGet\":{\"path\":\"/livez\",\"port\":8080},\"periodSeconds\":10}}";

/* Digests do not shrink. */
static int pod_text(char *text, size_t size, size_t i)
{
    uint64_t seed = i + 1;
    int n = snprintf(text, size, pod, i, i % 50, i, i + 1, i % 200, i / 10, i / 10, i / 100);

    for (unsigned c = 0; c < 6; c++)
        n += snprintf(text + n, size - (size_t)n, "%s", c ? "," : ""),
            n += snprintf(text + n, size - (size_t)n, container, c, i % 50, bench_random(&seed), bench_random(&seed), i * 7919 % 100003);
    return n + snprintf(text + n, size - (size_t)n, "]},\"status\":{\"phase\":\"Running\",\"podIP\":\"10.%zu.%zu.%zu\"}}", i >> 16, i >> 8 & 255, i & 255);
}

static int add_pods(struct tarn_store *s, size_t n)
{
    int rc = 0;

    for (size_t i = 0; !rc && i < n; i++) {
        const struct tarn_object *obj;
        char text[8192];

        rc = tarn_object_from_json((struct tarn_bytes){text, (size_t)pod_text(text, sizeof text, i)}, &obj, NULL);
        if (!rc) {
            rc = tarn_store_add(s, obj, NULL);
            tarn_object_unref(obj);
        }
    }
    return rc;
}

static int begin(struct subject *s)
{
    const struct tarn_resource_state state = {.synced = true, .resource_version = TARN_BYTES("1"), .resume = TARN_BYTES("=1")};
    struct tarn_store *store;
    uint16_t id;
    int rc = tarn_index_func_builtin("spec.nodeName", &s->indexes[0], NULL);

    if (!rc)
        rc = tarn_index_func_builtin("owner", &s->indexes[1], NULL);
    s->pods = (struct tarn_writer_resource){.name = "pods", .api_version = "v1", .kind = "Pod", .namespaced = true, .indexes = s->indexes, .nindex = 2};
    s->options = (struct tarn_writer_options){.budget_bytes = (uint64_t)s->n * 8192 + (64u << 20)};
    if (!rc)
        rc = tarn_writer_new(&s->options, &s->w, NULL);
    if (!rc)
        rc = tarn_writer_add_resource(s->w, &s->pods, &id, NULL);
    if (!rc)
        rc = tarn_region_store_new(s->w, id, &store, NULL);
    if (rc)
        return rc;
    rc = add_pods(store, s->n);
    if (!rc)
        rc = tarn_writer_set_resource_state(s->w, id, &state, NULL);
    if (!rc)
        rc = tarn_writer_commit(s->w, NULL);
    tarn_store_free(store);
    return rc;
}

/* ---- what is measured ------------------------------------------------------------------------------------------------ */

static int save(struct subject *s)
{
    struct tarn_checkpoint_saved saved;
    struct tarn_reader r;
    int rc;

    tarn_reader_begin(&r, tarn_writer_view(s->w), NULL); /* nothing is collected meanwhile */
    rc = tarn_checkpoint_save(&(struct tarn_checkpoint_save){.reader = &r, .path = s->path}, &saved, NULL);
    tarn_reader_end(&r);
    return rc;
}

static int open_only(struct subject *s)
{
    struct tarn_checkpoint *c;
    int rc = tarn_checkpoint_open(s->path, NULL, &c, NULL);

    if (!rc)
        tarn_checkpoint_close(c);
    return rc;
}

static int restore(struct subject *s)
{
    struct tarn_checkpoint *c;
    struct tarn_writer *w = NULL;
    int rc = tarn_checkpoint_open(s->path, NULL, &c, NULL);

    if (rc)
        return rc;
    rc = tarn_checkpoint_restore(c, &s->options, &s->pods, 1, NULL, &w, NULL);
    tarn_writer_free(w);
    tarn_checkpoint_close(c);
    return rc;
}

static int verify(struct subject *s)
{
    struct tarn_reader r;

    tarn_reader_begin(&r, tarn_writer_view(s->w), NULL);
    return tarn_check_region(&r, false, NULL, NULL);
}

static int take_over(struct subject *s)
{
    const struct tarn_takeover t = {.from = tarn_writer_view(s->w), .resources = &s->pods, .n = 1};
    struct tarn_writer *w = NULL;
    int rc = tarn_writer_takeover(&s->options, &t, NULL, &w, NULL);

    tarn_writer_free(w);
    return rc;
}

static void measure(struct subject *s, const char *what, unsigned rounds, int (*run)(struct subject *s))
{
    double best = 0, cpu = 0;
    char name[64];

    for (unsigned i = 0; i < rounds; i++) {
        uint64_t began = bench_now_ns(), began_cpu = bench_cpu_ns();
        double ns, ns_cpu;

        s->failures += run(s) != 0;
        ns = (double)(bench_now_ns() - began);
        ns_cpu = (double)(bench_cpu_ns() - began_cpu);
        best = i && best < ns ? best : ns;
        cpu = i && cpu < ns_cpu ? cpu : ns_cpu;
    }
    bench_report(PART, "tarn", what, s->n, best / 1e6, "ms");
    (void)snprintf(name, sizeof name, "%s, CPU", what);
    bench_report(PART, "tarn", name, s->n, cpu / 1e6, "ms");
}

static void report_sizes(const struct subject *s)
{
    struct tarn_checkpoint_facts f;
    struct tarn_checkpoint *c;

    if (tarn_checkpoint_open(s->path, NULL, &c, NULL))
        return;
    tarn_checkpoint_facts(c, &f);
    bench_report(PART, "tarn", "checkpoint, an object", s->n, (double)f.file_bytes / (double)s->n, "bytes");
    bench_report(PART, "tarn", "object unpacked", s->n, (double)f.raw_bytes / (double)s->n, "bytes");
    tarn_checkpoint_close(c);
}

static int measure_size(size_t n, unsigned rounds)
{
    struct subject s = {.n = n};

    (void)snprintf(s.dir, sizeof s.dir, "/tmp/tarn-bench-XXXXXX");
    if (!mkdtemp(s.dir) || begin(&s)) {
        bench_note("restart: could not be set up with %zu objects", n);
        return 1;
    }
    (void)snprintf(s.path, sizeof s.path, "%s/cluster.ckpt", s.dir);
    measure(&s, "save a checkpoint", rounds, save);
    report_sizes(&s);
    measure(&s, "open and check it", rounds, open_only);
    measure(&s, "restore it", rounds, restore);
    measure(&s, "verify a kept region", rounds, verify);
    measure(&s, "verify and take it over", rounds, take_over);
    if (n <= 100000) { /* the targets are of that size */
        bench_limit(PART, "tarn", "restore it", s.n, 2000);
        bench_limit(PART, "tarn", "verify and take it over", s.n, 1000);
    }
    tarn_writer_free(s.w);
    tarn_index_func_release(&s.indexes[0]);
    tarn_index_func_release(&s.indexes[1]);
    (void)unlink(s.path);
    (void)rmdir(s.dir);
    return s.failures;
}

int bench_restart(const struct bench_options *o)
{
    int bad = measure_size(1000, 5) + measure_size(10000, 5);

    return o->quick ? bad : bad + measure_size(100000, 5) + measure_size(1000000, 1);
}
