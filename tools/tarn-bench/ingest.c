/* ingest.c - JSON to objects beside simdjson on the same bytes, and what reading a field of an object costs.
 *
 * Every variant runs once per round, round after round in one process, so that a noisy machine hurts all alike;
 * thread CPU time, median of the rounds, the first dropped. The pods are recorded from a real API server.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tarn/transcode.h>

#ifdef HAVE_SIMDJSON
#include "peer_simdjson.h"
#define PADDING PEER_SIMDJSON_PADDING
#define WITHOUT_SIMDJSON false
#else
#define PADDING 0
#define WITHOUT_SIMDJSON true
#endif

#define PART "ingest"
#define ROUNDS_MAX 101

struct input {
    const char *name;
    enum tarn_transcode_mode mode;
    double floor; /* times as fast as simdjson's DOM and emission */
    struct tarn_buf text;
    size_t objects;
};

/* One way to work on an input. "transcoded": to whole objects, head and table too, handed out in scratch. */
struct variant {
    const char *who, *what;
    size_t chunk; /* bytes per feed */
    bool drop;    /* managedFields */
    bool parse_only;
    bool keep; /* copied as into a region, with slots: the whole way of an object */
    int (*run)(const struct variant *v, const struct input *in);
    uint64_t ns[ROUNDS_MAX];
};

static struct tarn_buf kept; /* where objects are copied, as into a region */

/* ---- the data ------------------------------------------------------------------------------ */

static int read_file(const char *path, struct tarn_buf *out)
{
    FILE *f = fopen(path, "rb");
    size_t n = 1;
    int err = f ? 0 : TARN_E_IO;

    while (!err && n) {
        err = tarn_buf_reserve(out, 65536);
        n = err ? 0 : fread(out->data + out->len, 1, 65536, f);
        out->len += n;
    }
    if (f)
        (void)fclose(f);
    return err;
}

static int add_json(void *ctx, struct tarn_bytes type, const struct tarn_object *obj)
{
    struct tarn_buf *items = ctx;
    int err = items->len ? tarn_buf_adds(items, ",") : 0;

    (void)type;
    return err ? err : tarn_object_to_json(obj, items);
}

/* The items of a recorded list, as compact JSON with commas between. */
static int load_items(struct tarn_buf *items, const char *file)
{
    struct tarn_transcode_options options = {.mode = TARN_TRANSCODE_LIST};
    struct tarn_transcode_sink sink = {.on_object = add_json, .ctx = items};
    struct tarn_transcoder *t = NULL;
    struct tarn_buf text = {0};
    char path[512];
    int err;

    (void)snprintf(path, sizeof path, "%s/%s", TARN_TEST_DATA, file);
    err = read_file(path, &text);
    if (!err)
        err = tarn_transcoder_new(&options, &sink, &t, NULL);
    if (!err)
        err = tarn_transcoder_feed(t, text.data, text.len, NULL);
    tarn_transcoder_free(t);
    tarn_buf_release(&text);
    return err;
}

static int count_object(void *ctx, struct tarn_bytes type, const struct tarn_object *obj)
{
    (void)type;
    (void)obj;
    ++*(size_t *)ctx;
    return 0;
}

static int count_objects(struct input *in)
{
    struct tarn_transcode_options options = {.mode = in->mode};
    struct tarn_transcode_sink sink = {.on_object = count_object, .ctx = &in->objects};
    struct tarn_transcoder *t;
    int err = tarn_transcoder_new(&options, &sink, &t, NULL);

    if (err)
        return err;
    err = tarn_transcoder_feed(t, in->text.data, in->text.len, NULL);
    tarn_transcoder_free(t);
    return err;
}

static int finish_input(struct input *in)
{
    int err = tarn_buf_reserve(&in->text, PADDING);

    if (!err)
        memset(in->text.data + in->text.len, 0, PADDING);
    return err ? err : count_objects(in);
}

/* A list of the recorded items over and over, of at least `bytes`. */
static int make_list(struct input *in, const char *file, size_t bytes)
{
    struct tarn_buf items = {0};
    int err = load_items(&items, file);

    if (!err)
        err = tarn_buf_adds(&in->text, "{\"kind\":\"List\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[");
    while (!err && in->text.len < bytes) {
        err = tarn_buf_add(&in->text, items.data, items.len);
        if (!err)
            err = tarn_buf_adds(&in->text, in->text.len < bytes ? "," : "]}");
    }
    tarn_buf_release(&items);
    return err ? err : finish_input(in);
}

/* One ConfigMap whose value is JSON text of `bytes`: an escape every few bytes. */
static int make_escapes(struct input *in, size_t bytes)
{
    int err = tarn_buf_adds(&in->text, "{\"metadata\":{\"name\":\"dash\"},\"data\":{\"d.json\":\"{");

    for (unsigned i = 0; !err && in->text.len < bytes; i++)
        err = tarn_buf_addf(&in->text, "%s\\\"k%u\\\":{\\\"id\\\":%u,\\n\\\"t\\\":\\\"ab\\\"}", i ? "," : "", i % 97, i % 1000);
    if (!err)
        err = tarn_buf_adds(&in->text, "}\"}}");
    return err ? err : finish_input(in);
}

/* ---- the variants --------------------------------------------------------------------------- */

static int keep_object(void *ctx, struct tarn_bytes type, const struct tarn_object *obj)
{
    uint32_t size = tarn_object_size(obj);

    (void)ctx;
    (void)type;
    if (kept.len + size > kept.cap)
        kept.len = 0;
    return tarn_buf_add(&kept, obj, size);
}

static int run_tarn(const struct variant *v, const struct input *in)
{
    static const char *const drop[] = {"metadata.managedFields"};
    static const char *const slots[] = {"spec.nodeName", "status.phase", "metadata.labels"};
    struct tarn_transcode_options options = {.mode = in->mode, .projection = {.drop = drop, .ndrop = v->drop, .slots = slots,
                                                                              .nslots = v->keep ? 3 : 0}};
    size_t seen = 0;
    struct tarn_transcode_sink sink = {.on_object = v->keep ? keep_object : count_object, .ctx = &seen};
    struct tarn_transcoder *t;
    int err = tarn_transcoder_new(&options, &sink, &t, NULL);

    for (size_t at = 0; !err && at < in->text.len; at += v->chunk) {
        size_t left = in->text.len - at;

        err = tarn_transcoder_feed(t, in->text.data + at, left < v->chunk ? left : v->chunk, NULL);
    }
    tarn_transcoder_free(t);
    return err;
}

#ifdef HAVE_SIMDJSON
static int run_simdjson(const struct variant *v, const struct input *in)
{
    static struct tarn_buf out;
    size_t len;

    if (v->parse_only)
        return peer_simdjson_parse(in->text.data, in->text.len);
    out.len = 0;
    if (tarn_buf_reserve(&out, 3 * in->text.len + 16))
        return TARN_E_NOMEM;
    return peer_simdjson_pack(in->text.data, in->text.len, (uint8_t *)out.data, &len);
}
#endif

static void measure(const struct input *in, struct variant *variants, size_t n, int rounds)
{
    for (int r = -1; r < rounds; r++)
        for (size_t i = 0; i < n; i++) {
            uint64_t before = bench_cpu_ns(), ns;

            if (variants[i].run(&variants[i], in))
                bench_note("ingest: %s %s failed on %s", variants[i].who, variants[i].what, in->name);
            ns = bench_cpu_ns() - before;
            if (r >= 0)
                variants[i].ns[r] = ns;
        }
}

static void report(const struct input *in, struct variant *variants, size_t n, int rounds)
{
    char what[64];

    for (size_t i = 0; i < n; i++) {
        double ns = (double)bench_percentile(variants[i].ns, (size_t)rounds, 0.5);

        (void)snprintf(what, sizeof what, "%s %s", in->name, variants[i].what);
        bench_report(PART, variants[i].who, what, in->text.len, (double)in->text.len / ns * 1e3, "MB/s");
        bench_report(PART, variants[i].who, what, in->objects, (double)in->objects / ns * 1e9, "objects/s");
    }
}

static void bench_input(const struct input *in, const struct bench_options *o)
{
    struct variant variants[] = {
        {.who = "tarn", .what = "transcoded", .chunk = 262144, .run = run_tarn},
        {.who = "tarn", .what = "transcoded, 16 KiB chunks", .chunk = 16384, .run = run_tarn},
        {.who = "tarn", .what = "transcoded, 1 KiB chunks", .chunk = 1024, .run = run_tarn},
        {.who = "tarn", .what = "stored", .chunk = 16384, .keep = true, .run = run_tarn},
        {.who = "tarn", .what = "stored, managedFields dropped", .chunk = 16384, .keep = true, .drop = true, .run = run_tarn},
#ifdef HAVE_SIMDJSON
        {.who = "simdjson", .what = "transcoded", .run = run_simdjson},
        {.who = "simdjson-parse", .what = "transcoded", .parse_only = true, .run = run_simdjson},
#endif
    };
    size_t n = sizeof variants / sizeof *variants;
    int rounds = o->quick ? 7 : 31;
    char what[64];

    measure(in, variants, n, rounds);
    report(in, variants, n, rounds);
    (void)snprintf(what, sizeof what, "%s transcoded", in->name);
    bench_ratio(PART, what, in->text.len, "tarn", "simdjson", in->floor);
    bench_ratio(PART, what, in->text.len, "tarn", "simdjson-parse", 0);
    if (!strcmp(in->name, "pods"))
        bench_limit(PART, "tarn", "pods stored, managedFields dropped", in->objects, 115000);
    if (!strcmp(in->name, "escapes"))
        bench_limit(PART, "tarn", "escapes transcoded", in->text.len, 800);
}

/* ---- reading fields ---------------------------------------------------------------------------- */

struct objects {
    const struct tarn_object **v;
    size_t n, cap;
};

static int collect(void *ctx, struct tarn_bytes type, const struct tarn_object *obj)
{
    struct objects *all = ctx;

    (void)type;
    if (all->n == all->cap)
        return 0;
    all->v[all->n] = tarn_object_ref(obj);
    return all->v[all->n++] ? 0 : TARN_E_NOMEM;
}

/* A field, and how it is read; each adds what it found, so that nothing is optimised away. */
struct field {
    const char *path;
    unsigned slot;
};

static size_t by_slot(const struct tarn_object *obj, const struct field *f)
{
    struct tarn_value v;

    return tarn_object_slot(obj, f->slot, &v) || v.type != TARN_STRING ? 0 : v.string.len;
}

static size_t by_table(const struct tarn_object *obj, const struct field *f)
{
    struct tarn_value v;

    return tarn_object_get(obj, f->path, &v) || v.type != TARN_STRING ? 0 : v.string.len;
}

static size_t by_scan(const struct tarn_object *obj, const struct field *f)
{
    struct tarn_value root, v;

    return tarn_value_parse(tarn_object_body(obj), &root) || tarn_value_get(&root, f->path, &v) || v.type != TARN_STRING
               ? 0
               : v.string.len;
}

static const struct way {
    const char *name;
    size_t (*read)(const struct tarn_object *obj, const struct field *f);
    size_t rounds;
    double limit_ns;
} ways[] = {{"slot", by_slot, 4000000, 10}, {"table", by_table, 2000000, 100}, {"scan", by_scan, 200000, 2500}};

static void bench_field(const struct objects *all, const struct way *way, const struct field *f, bool hot)
{
    uint64_t state = 88172645463325252u, before;
    size_t sum = 0;
    char what[48];

    before = bench_cpu_ns();
    for (size_t i = 0; i < way->rounds; i++)
        sum += way->read(all->v[hot ? 0 : bench_random(&state) % all->n], f);
    (void)snprintf(what, sizeof what, "%s by %s%s", f->path, way->name, hot ? ", hot" : "");
    bench_report(PART, "tarn", what, all->n, (double)(bench_cpu_ns() - before) / (double)way->rounds, "ns");
    if (hot) /* 2,000 pods are 16 MB: of any of them, the miss is what is measured */
        bench_limit(PART, "tarn", what, all->n, way->limit_ns);
    if (!sum)
        bench_note("ingest: %s was found nowhere", f->path);
}

static int bench_fields(const struct input *in)
{
    static const char *const slots[] = {"spec.nodeName", "status.phase"};
    struct objects all = {.cap = 2000, .v = calloc(2000, sizeof *all.v)};
    struct tarn_transcode_options options = {.mode = TARN_TRANSCODE_LIST, .projection = {.slots = slots, .nslots = 2}};
    struct tarn_transcode_sink sink = {.on_object = collect, .ctx = &all};
    struct tarn_transcoder *t = NULL;
    int err = all.v ? tarn_transcoder_new(&options, &sink, &t, NULL) : TARN_E_NOMEM;

    if (!err)
        err = tarn_transcoder_feed(t, in->text.data, in->text.len, NULL);
    for (unsigned i = 0; !err && i < 2 * 2 * 3; i++)
        bench_field(&all, &ways[i % 3], &(struct field){slots[i / 3 % 2], i / 3 % 2}, i / 6);
    for (size_t i = 0; i < all.n; i++)
        tarn_object_unref(all.v[i]);
    free(all.v);
    tarn_transcoder_free(t);
    return err;
}

int bench_ingest(const struct bench_options *o)
{
    struct input inputs[] = {
        {.name = "pods", .mode = TARN_TRANSCODE_LIST, .floor = 1.5},
        {.name = "leases", .mode = TARN_TRANSCODE_LIST},
        {.name = "escapes", .mode = TARN_TRANSCODE_OBJECT},
    };
    int err = make_list(&inputs[0], "protocol/pods.json", 16u << 20);

    if (WITHOUT_SIMDJSON)
        bench_note("ingest: SKIPPED simdjson: built without it");
    if (!err)
        err = make_list(&inputs[1], "protocol/leases.json", 4u << 20);
    if (!err)
        err = make_escapes(&inputs[2], 1u << 20);
    if (!err)
        err = tarn_buf_reserve(&kept, 32u << 20);
    for (size_t i = 0; !err && i < sizeof inputs / sizeof *inputs; i++)
        bench_input(&inputs[i], o);
    if (!err)
        err = bench_fields(&inputs[0]);
    if (err)
        bench_note("ingest: cannot run: %s (data in %s)", tarn_strerror(err), TARN_TEST_DATA);
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++)
        tarn_buf_release(&inputs[i].text);
    tarn_buf_release(&kept);
    return err ? 1 : 0;
}
