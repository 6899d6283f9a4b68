/* core.c - the stores and queues of core/cache, beside client-go's on the same objects in the same run.
 *
 * The counterpart is tests/interop/cachebench (Go), built and run here for each size; without Go only our own figures are told. Both
 * sides take the same pods in the same random order, and both hold typed or decoded objects as their users do: client-go a *v1.Pod, we
 * a tarn_object. "get" asks by an object, so both make its key; "get by key" has the key; what is found is looked at (its
 * uid), as a get is for. Each figure, on both sides, is the
 * best of several passes: what other work on the machine adds is not the subject.
 */
#include "bench.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/cache.h>
#include <tarn/delta_fifo.h>
#include <tarn/fifo.h>
#include <tarn/the_real_fifo.h>

#define PART "core"
#define PASSES 10u
#define ROUNDS 100000u /* random operations in a pass */
#define MEMORY_PODS 20000u
#define PODS_FILE TARN_TEST_DATA "/protocol/pods.json"
#define PEER_SOURCE TARN_TEST_DATA "/../interop/cachebench"

/* The shared recipe of a modest pod; cachebench has the same text. */
static const char recipe[] =
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"web-%zu\",\"namespace\":\"team-%zu\",\"uid\":\"5f0c9a52-0000-4000-8000-%012zu\","
    "\"resourceVersion\":\"%zu\",\"creationTimestamp\":\"2026-01-05T10:00:00Z\",\"labels\":{\"app\":\"app-%zu\",\"tier\":\"front\",\"pod-template-hash\":\"6b7f6d9c5f\"},"
    "\"ownerReferences\":[{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"name\":\"web-6b7f6d9c5f\",\"uid\":\"0d1c9a52-0000-4000-8000-000000000001\",\"controller\":true}]},"
    "\"spec\":{\"nodeName\":\"node-%zu\",\"serviceAccountName\":\"default\",\"restartPolicy\":\"Always\",\"containers\":[{\"name\":\"main\","
    "\"image\":\"registry.example/team/app:1.%zu\",\"env\":[{\"name\":\"MODE\",\"value\":\"production\"},{\"name\":\"LEVEL\",\"value\":\"info\"}],"
    "\"ports\":[{\"name\":\"http\",\"containerPort\":8080,\"protocol\":\"TCP\"}],\"resources\":{\"limits\":{\"cpu\":\"500m\",\"memory\":\"256Mi\"}}}]},"
    "\"status\":{\"phase\":\"Running\",\"podIP\":\"10.0.%zu.%zu\",\"hostIP\":\"10.1.0.7\",\"qosClass\":\"Burstable\",\"conditions\":["
    "{\"type\":\"Ready\",\"status\":\"True\",\"lastTransitionTime\":\"2026-01-05T10:00:09Z\"},"
    "{\"type\":\"PodScheduled\",\"status\":\"True\",\"lastTransitionTime\":\"2026-01-05T10:00:00Z\"}]}}";

struct subject {
    size_t size;
    const struct tarn_object **objs, **newer; /* [size], owned */
    size_t *at;                               /* [PASSES * ROUNDS], a random order */
    struct tarn_index_func funcs[2];
    size_t failures;
};

/* Every call must succeed: a failure is counted, not measured away. */
static void must(struct subject *s, int code)
{
    s->failures += code != 0;
}

static const struct tarn_object *pod(size_t i, size_t version)
{
    const struct tarn_object *obj = NULL;
    char text[2048];
    int n = snprintf(text, sizeof text, recipe, i, i % 50, i, version, i % 200, i / 100, i % 30, i / 250 % 250, i % 250);

    return tarn_object_from_json((struct tarn_bytes){text, (size_t)n}, &obj, NULL) ? NULL : obj;
}

/* Passes that fill and empty something of this size. */
static size_t fills(size_t size)
{
    return 3 + 20000 / size;
}

/* The best pass of a measurement. */
struct best {
    uint64_t started_ns;
    double ns; /* for one operation; 0: none yet */
};

static void best_start(struct best *b)
{
    b->started_ns = bench_now_ns();
}

static void best_stop(struct best *b, size_t operations)
{
    double ns = (double)(bench_now_ns() - b->started_ns) / (double)operations;

    if (b->ns == 0 || ns < b->ns)
        b->ns = ns;
}

static void told(const struct subject *s, const char *what, const struct best *b)
{
    bench_report_best(PART, "tarn", what, s->size, b->ns, "ns");
}

/* Look at what was found, and give it back. */
static void use(struct subject *s, const struct tarn_object *found)
{
    s->failures += tarn_object_uid(found).data[0] != '5';
    tarn_object_unref(found);
}

static struct tarn_indexer *indexer(struct subject *s)
{
    struct tarn_indexer *x = NULL;

    must(s, tarn_cache_new(&(struct tarn_cache_options){.indexers = s->funcs, .indexer_count = 2}, &x, NULL));
    return x;
}

/* ---- stores --------------------------------------------------------------------------------------- */

static struct tarn_indexer *measure_add(struct subject *s)
{
    struct tarn_indexer *x = NULL;
    struct best b = {0};

    for (size_t r = 0; r < fills(s->size); r++) {
        if (x)
            tarn_store_free(&x->store);
        x = indexer(s);
        best_start(&b);
        for (size_t i = 0; i < s->size; i++)
            must(s, tarn_store_add(&x->store, s->objs[i], NULL));
        best_stop(&b, s->size);
    }
    told(s, "add", &b);
    return x;
}

static void measure_get(struct subject *s, struct tarn_store *store)
{
    const struct tarn_object *found;
    struct best b = {0};

    for (size_t p = 0; p < PASSES; p++) {
        const size_t *at = s->at + p * ROUNDS;

        best_start(&b);
        for (size_t k = 0; k < ROUNDS; k++) {
            must(s, tarn_store_get(store, s->objs[at[k]], &found, NULL));
            use(s, found);
        }
        best_stop(&b, ROUNDS);
    }
    told(s, "get", &b);
}

static void measure_get_by_key(struct subject *s, struct tarn_store *store)
{
    struct tarn_keys keys = {0};
    const struct tarn_object *found;
    struct best b = {0};

    for (size_t i = 0; i < s->size; i++)
        must(s, tarn_keys_add(&keys, tarn_object_key(s->objs[i])));
    for (size_t p = 0; p < PASSES; p++) {
        const size_t *at = s->at + p * ROUNDS;

        best_start(&b);
        for (size_t k = 0; k < ROUNDS; k++) {
            must(s, tarn_store_get_by_key(store, keys.v[at[k]], &found, NULL));
            use(s, found);
        }
        best_stop(&b, ROUNDS);
    }
    told(s, "get by key", &b);
    tarn_keys_release(&keys);
}

static void measure_list(struct subject *s, struct tarn_store *store)
{
    struct best b = {0};

    for (size_t p = 0; p < PASSES; p++) {
        struct tarn_objects l = {0};

        best_start(&b);
        must(s, tarn_store_list(store, &l));
        s->failures += l.n != s->size;
        tarn_objects_release(&l);
        best_stop(&b, s->size);
    }
    told(s, "list, an object", &b);
}

static void measure_by_index(struct subject *s, struct tarn_indexer *x)
{
    size_t nodes = (s->size + 99) / 100;
    struct best b = {0};

    for (size_t p = 0; p < PASSES; p++) {
        size_t found = 0;

        best_start(&b);
        for (size_t k = 0; k < ROUNDS / 50; k++) {
            struct tarn_objects l = {0};
            char node[32];
            int n = snprintf(node, sizeof node, "node-%zu", s->at[p * ROUNDS + k] % nodes);

            must(s, tarn_indexer_by_index(x, "spec.nodeName", (struct tarn_bytes){node, (size_t)n}, &l, NULL));
            found += l.n;
            tarn_objects_release(&l);
        }
        best_stop(&b, found);
    }
    told(s, "by index, an object", &b);
}

static void measure_update(struct subject *s, struct tarn_store *store)
{
    struct best b = {0};

    for (size_t p = 0; p < PASSES; p++) {
        const size_t *at = s->at + p * ROUNDS;

        best_start(&b);
        for (size_t k = 0; k < ROUNDS; k++)
            must(s, tarn_store_update(store, k % 2 ? s->objs[at[k]] : s->newer[at[k]], NULL));
        best_stop(&b, ROUNDS);
    }
    told(s, "update", &b);
}

static void measure_store(struct subject *s)
{
    struct tarn_indexer *x = measure_add(s);

    measure_get(s, &x->store);
    measure_get_by_key(s, &x->store);
    measure_list(s, &x->store);
    measure_by_index(s, x);
    measure_update(s, &x->store);
    tarn_store_free(&x->store);
}

/* ---- queues ----------------------------------------------------------------------------------------- */

static int nothing(void *ctx, const struct tarn_deltas *deltas, bool in_initial_list, struct tarn_error *err)
{
    (void)ctx;
    (void)deltas;
    (void)in_initial_list;
    (void)err;
    return 0;
}

static void measure_queue(struct subject *s, const char *what, struct tarn_queue *q)
{
    const struct tarn_process process = {.fn = nothing};
    struct best b = {0};

    for (size_t r = 0; r < fills(s->size); r++) {
        for (size_t i = 0; i < s->size; i++)
            must(s, tarn_store_add(&q->store, s->objs[i], NULL));
        best_start(&b);
        for (size_t i = 0; i < s->size; i++)
            must(s, tarn_queue_pop(q, &process, NULL));
        best_stop(&b, s->size);
    }
    told(s, what, &b);
    tarn_store_free(&q->store);
}

static void measure_queues(struct subject *s)
{
    struct tarn_fifo *fifo;
    struct tarn_delta_fifo *delta;
    struct tarn_real_fifo *real;

    if (tarn_fifo_new(NULL, &fifo, NULL) == 0)
        measure_queue(s, "pop, FIFO", tarn_fifo_queue(fifo));
    if (tarn_delta_fifo_new(NULL, &delta, NULL) == 0)
        measure_queue(s, "pop, DeltaFIFO", tarn_delta_fifo_queue(delta));
    if (tarn_real_fifo_new(&(struct tarn_real_fifo_options){.atomic = true}, &real, NULL) == 0)
        measure_queue(s, "pop, RealFIFO", tarn_real_fifo_queue(real));
}

/* ---- memory ------------------------------------------------------------------------------------------ */

static size_t live(void)
{
    struct mallinfo2 m = mallinfo2();

    return m.uordblks + m.hblkhd;
}

static int read_file(const char *path, struct tarn_buf *out)
{
    FILE *f = fopen(path, "r");
    char piece[1 << 16];
    size_t n;
    int err = f ? 0 : TARN_E_IO;

    while (!err && (n = fread(piece, 1, sizeof piece, f)) > 0)
        err = tarn_buf_add(out, piece, n);
    if (f)
        (void)fclose(f);
    return err;
}

/* Append a map's JSON; the member `skip` is left out, and `name`, if given, stands for the string of the member "name". */
static int map_json(struct tarn_value map, const char *skip, const char *name, struct tarn_buf *out)
{
    struct tarn_value v;
    struct tarn_bytes key;
    int err = tarn_buf_adds(out, "{"), n = 0;

    while (!err && tarn_value_next(&map, &key, &v) == 1) {
        if (skip && tarn_bytes_equal(key, tarn_bytes_of(skip)))
            continue;
        err = tarn_buf_addf(out, "%s\"%.*s\":", n++ ? "," : "", TARN_BYTES_ARG(key));
        if (!err && name && tarn_bytes_equal(key, TARN_BYTES("name")))
            err = tarn_buf_addf(out, "\"%s\"", name);
        else if (!err)
            err = tarn_value_to_json(&v, 0, out);
    }
    return err ? err : tarn_buf_adds(out, "}");
}

/* The pod `item` under another name, with or without its managedFields, as JSON. */
static int pod_json(struct tarn_value item, const char *name, bool managed_fields, struct tarn_buf *out)
{
    struct tarn_value v;
    struct tarn_bytes key;
    int err = tarn_buf_adds(out, "{"), n = 0;

    while (!err && tarn_value_next(&item, &key, &v) == 1) {
        err = tarn_buf_addf(out, "%s\"%.*s\":", n++ ? "," : "", TARN_BYTES_ARG(key));
        if (err)
            break;
        if (tarn_bytes_equal(key, TARN_BYTES("metadata")))
            err = map_json(v, managed_fields ? NULL : "managedFields", name, out);
        else
            err = tarn_value_to_json(&v, 0, out);
    }
    return err ? err : tarn_buf_adds(out, "}");
}

/* Keep n pods made of the list's items in turn. */
static int keep(struct tarn_store *store, const struct tarn_value *items, size_t n, bool managed_fields)
{
    struct tarn_value walk = *items, item;
    struct tarn_buf text = {0};
    int err = 0;

    for (size_t i = 0; !err && i < n; i++) {
        const struct tarn_object *obj;
        char name[32];

        if (tarn_value_next(&walk, NULL, &item) != 1) {
            walk = *items;
            (void)tarn_value_next(&walk, NULL, &item);
        }
        snprintf(name, sizeof name, "web-%zu", i);
        tarn_buf_clear(&text);
        err = pod_json(item, name, managed_fields, &text);
        if (!err)
            err = tarn_object_from_json(tarn_buf_bytes(&text), &obj, NULL);
        if (!err) {
            err = tarn_store_add(store, obj, NULL);
            tarn_object_unref(obj);
        }
    }
    tarn_buf_release(&text);
    return err;
}

static void measure_memory(struct subject *s, const struct tarn_object *list, bool managed_fields)
{
    const char *what = managed_fields ? "memory, a pod" : "memory, a pod without managedFields";
    struct tarn_value items;
    size_t before = live();
    struct tarn_indexer *x = indexer(s);

    must(s, tarn_object_get(list, "items", &items));
    must(s, keep(&x->store, &items, MEMORY_PODS, managed_fields));
    s->failures += tarn_cache_count(x) != MEMORY_PODS;
    bench_report(PART, "tarn", what, MEMORY_PODS, (double)(live() - before) / MEMORY_PODS, "bytes");
    tarn_store_free(&x->store);
}

static void memory(struct subject *s)
{
    struct tarn_buf text = {0};
    const struct tarn_object *list = NULL;

    must(s, read_file(PODS_FILE, &text));
    must(s, tarn_object_from_json(tarn_buf_bytes(&text), &list, NULL));
    tarn_buf_release(&text);
    if (list) {
        measure_memory(s, list, true);
        measure_memory(s, list, false);
    }
    tarn_object_unref(list);
}

/* ---- the peer ------------------------------------------------------------------------------------------- */

/* Build cachebench into a temporary folder; false, with the reason told, where that cannot be. */
static bool peer_build(char *path, size_t room)
{
    char folder[] = "/tmp/tarn-cachebench-XXXXXX", command[1024];

    if (!mkdtemp(folder))
        return false;
    snprintf(path, room, "%s/cachebench", folder);
    snprintf(command, sizeof command, "cd '%s' && go build -o '%s' . >'%s.log' 2>&1", PEER_SOURCE, path, path);
    if (system(command) == 0)
        return true;
    bench_note("core: SKIPPED client-go: `go build` in %s failed, see %s.log", PEER_SOURCE, path);
    return false;
}

static void peer_drop(const char *path)
{
    char command[1024];

    snprintf(command, sizeof command, "rm -f '%s' '%s.log' && rmdir \"$(dirname '%s')\"", path, path, path);
    (void)!system(command);
}

/* Run it and report its figures as those of client-go at n. */
static void peer_run(const char *path, const char *arguments, size_t n)
{
    char command[1024], line[256], what[64], unit[16];
    double value;
    FILE *out;

    snprintf(command, sizeof command, "'%s' %s", path, arguments);
    out = popen(command, "r");
    while (out && fgets(line, sizeof line, out))
        if (sscanf(line, "%63[^\t]\t%lf\t%15s", what, &value, unit) == 3)
            bench_report_best(PART, "client-go", what, n, value, unit);
    if (out && pclose(out))
        bench_note("core: cachebench %s failed", arguments);
}

static void ratios(size_t n)
{
    static const char *const whats[] = {"add",    "update",    "list, an object", "by index, an object",
                                        "pop, FIFO", "pop, DeltaFIFO", "pop, RealFIFO"};

    bench_ratio(PART, "get", n, "tarn", "client-go", n <= 1000 ? 1.2 : n < 100000 ? 0 : 3);
    bench_ratio(PART, "get by key", n, "tarn", "client-go", 0);
    for (size_t i = 0; i < sizeof whats / sizeof *whats; i++)
        bench_ratio(PART, whats[i], n, "tarn", "client-go", 3);
}

/* ---- all -------------------------------------------------------------------------------------------------- */

static bool subject_make(struct subject *s, size_t size)
{
    uint64_t seed = 88172645463325252u;

    s->size = size;
    s->objs = calloc(size, sizeof *s->objs);
    s->newer = calloc(size, sizeof *s->newer);
    s->at = calloc(PASSES * ROUNDS, sizeof *s->at);
    if (!s->objs || !s->newer || !s->at)
        return false;
    for (size_t i = 0; i < size; i++) {
        s->objs[i] = pod(i, i + 1);
        s->newer[i] = pod(i, i + 2);
        if (!s->objs[i] || !s->newer[i])
            return false;
    }
    for (size_t k = 0; k < PASSES * ROUNDS; k++)
        s->at[k] = bench_random(&seed) % size;
    return true;
}

static void subject_drop(struct subject *s)
{
    for (size_t i = 0; i < s->size; i++) {
        tarn_object_unref(s->objs ? s->objs[i] : NULL);
        tarn_object_unref(s->newer ? s->newer[i] : NULL);
    }
    free(s->objs);
    free(s->newer);
    free(s->at);
}

/* Theirs, ours, theirs, ours. */
static size_t at_size(size_t size, unsigned turns, const struct tarn_index_func *funcs, const char *peer)
{
    struct subject s = {.funcs = {funcs[0], funcs[1]}};
    char arguments[64];

    if (!subject_make(&s, size)) {
        s.failures++;
        bench_note("core: no memory for %zu objects", size);
    }
    for (unsigned turn = 0; !s.failures && turn < turns; turn++) {
        snprintf(arguments, sizeof arguments, "-size %zu", size);
        if (peer)
            peer_run(peer, arguments, size);
        measure_store(&s);
        measure_queues(&s);
    }
    subject_drop(&s);
    if (peer)
        ratios(size);
    return s.failures;
}

static size_t memory_beside(const struct tarn_index_func *funcs, const char *peer)
{
    struct subject s = {.funcs = {funcs[0], funcs[1]}};
    char arguments[1024];

    memory(&s);
    if (peer) {
        snprintf(arguments, sizeof arguments, "-memory %u -pods '%s'", MEMORY_PODS, PODS_FILE);
        peer_run(peer, arguments, MEMORY_PODS);
        bench_ratio(PART, "memory, a pod", MEMORY_PODS, "tarn", "client-go", 2);
        bench_ratio(PART, "memory, a pod without managedFields", MEMORY_PODS, "tarn", "client-go", 3);
    }
    return s.failures;
}

int bench_core(const struct bench_options *o)
{
    static const size_t sizes[] = {1000, 10000, 100000, 1000000};
    struct tarn_index_func funcs[2] = {{0}};
    size_t failures = 0;
    char path[256];
    bool peer = peer_build(path, sizeof path);

    if (tarn_index_func_builtin("namespace", &funcs[0], NULL) || tarn_index_func_builtin("spec.nodeName", &funcs[1], NULL))
        return 1;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes - (o->quick ? 1 : 0); i++)
        failures += at_size(sizes[i], o->quick || sizes[i] > 100000 ? 1 : 2, funcs, peer ? path : NULL); /* a million takes client-go over a minute */
    failures += memory_beside(funcs, peer ? path : NULL);
    if (peer)
        peer_drop(path);
    tarn_index_func_release(&funcs[0]);
    tarn_index_func_release(&funcs[1]);
    if (failures)
        bench_note("core: %zu operations failed", failures);
    return (int)failures;
}
