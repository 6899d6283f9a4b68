/* fuzz_transcode.c - whatever comes in, and however it is cut: the same objects, the same error, no fault.
 *
 * The first byte chooses mode and projection, the second how the rest is cut. What a run hands out is folded into
 * a hash; the run over the whole and the run over pieces must agree. Objects are read through all accessors, and
 * what a strict run takes in must survive the way to JSON and back byte for byte.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <tarn/transcode.h>

struct outcome {
    uint64_t hash;
    int code;
    unsigned objects;
};

static void fold(struct outcome *o, const void *data, size_t n)
{
    const uint8_t *p = data;

    for (size_t i = 0; i < n; i++)
        o->hash = (o->hash ^ p[i]) * 1099511628211u;
}

static void require(int good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "fuzz_transcode: %s\n", what);
    abort();
}

static void fold_bytes(struct outcome *o, struct tarn_bytes b)
{
    fold(o, &b.len, sizeof b.len);
    fold(o, b.data, b.len);
}

/* The object's JSON, read again, must be the object (its body at least: a slot's path is not in the JSON). */
static void there_and_back(const struct tarn_object *obj)
{
    const struct tarn_object *again;
    struct tarn_buf json = {0};
    int err;

    require(!tarn_object_to_json(obj, &json), "an object cannot be written as JSON");
    err = tarn_object_from_json(tarn_buf_bytes(&json), &again, NULL);
    require(!err, "an object's JSON is refused");
    require(tarn_bytes_equal(tarn_object_body(obj), tarn_object_body(again)), "JSON and back is another body");
    require(tarn_bytes_equal(tarn_object_key(obj), tarn_object_key(again)), "JSON and back is another key");
    tarn_object_unref(again);
    tarn_buf_release(&json);
}

/* By the table and by scanning, the same. */
static void read_path(const struct tarn_object *obj, const char *path)
{
    struct tarn_value a = {0}, b = {0}, root;
    int x = tarn_object_get(obj, path, &a), y;

    require(!tarn_value_parse(tarn_object_body(obj), &root), "a body is no MessagePack");
    y = tarn_value_get(&root, path, &b);
    require(x == y && a.type == b.type && a.raw.data == b.raw.data, "the table and a scan differ");
}

static int on_object(void *ctx, struct tarn_bytes type, const struct tarn_object *obj)
{
    struct outcome *o = ctx;
    struct tarn_value v;

    o->objects++;
    fold_bytes(o, type);
    fold(o, obj, tarn_object_size(obj));
    read_path(obj, "metadata.name");
    read_path(obj, "spec.nodeName");
    read_path(obj, "a.b[0].c");
    for (unsigned i = 0; i < 4; i++)
        require(tarn_object_slot(obj, i, &v) != TARN_E_CORRUPT, "a slot points nowhere");
    if (o->objects < 4)
        there_and_back(obj);
    return 0;
}

static int on_list_end(void *ctx, const struct tarn_list_meta *m)
{
    fold_bytes(ctx, m->resource_version);
    fold_bytes(ctx, m->cont);
    fold_bytes(ctx, m->kind);
    fold_bytes(ctx, m->api_version);
    fold(ctx, &m->remaining_item_count, sizeof m->remaining_item_count);
    return 0;
}

static int on_skipped(void *ctx, int code, struct tarn_bytes key)
{
    fold(ctx, &code, sizeof code);
    fold_bytes(ctx, key);
    return 0;
}

static struct tarn_transcode_options options_of(uint8_t b)
{
    static const char *const drop[] = {"metadata.managedFields", "a[*].b", "s"};
    static const char *const keep[] = {"spec", "a[0].c", "metadata.labels"};
    static const char *const slots[] = {"spec.nodeName", "a[*].c", "a[1].c", "metadata.labels"};

    return (struct tarn_transcode_options){
        .mode = (enum tarn_transcode_mode)(b % 3),
        .lenient_utf8 = b & 4,
        .max_object_bytes = b & 8 ? 256 : 0,
        .projection = {.drop = drop, .ndrop = b & 16 ? 3 : 0, .keep = keep, .nkeep = b & 32 ? 3 : 0, .slots = slots,
                       .nslots = b & 64 ? 4 : 0},
    };
}

static struct outcome run(const struct tarn_transcode_options *options, const uint8_t *data, size_t size, size_t step)
{
    struct outcome o = {.hash = 14695981039346656037u};
    struct tarn_transcode_sink sink = {.on_object = on_object, .on_list_end = on_list_end, .on_skipped = on_skipped, .ctx = &o};
    struct tarn_transcoder *t;

    require(!tarn_transcoder_new(options, &sink, &t, NULL), "no transcoder");
    for (size_t at = 0; at < size && !o.code; at += step) {
        size_t n = size - at < step ? size - at : step;
        uint8_t *piece = malloc(n); /* exact size, so that AddressSanitizer sees a read behind it */

        memcpy(piece, data + at, n);
        o.code = tarn_transcoder_feed(t, piece, n, NULL);
        free(piece);
    }
    if (!o.code)
        o.code = tarn_transcoder_end(t, NULL);
    tarn_transcoder_free(t);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tarn_transcode_options options;
    struct outcome whole, pieces;

    if (size < 2)
        return 0;
    options = options_of(data[0]);
    whole = run(&options, data + 2, size - 2, SIZE_MAX / 2);
    pieces = run(&options, data + 2, size - 2, 1 + data[1] % 71);
    require(whole.code == pieces.code, "a cut changes the error");
    require(whole.objects == pieces.objects && whole.hash == pieces.hash, "a cut changes what comes out");
    return 0;
}
