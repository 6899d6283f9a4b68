/* fuzz_object.c - an object whose bytes lie: every accessor, between pages that must not be touched.
 *
 * The input lies at the start of a mapping of TARN_OBJECT_BYTES_MAX bytes with a guard page behind it, as an object
 * at the end of a region would; and its body once more in a block of its exact size for the cursor and the writer.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <tarn/object.h>

#define PAGE 4096

static char *room(void)
{
    static char *blob;
    char *all;

    if (blob)
        return blob;
    all = mmap(NULL, TARN_OBJECT_BYTES_MAX + 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (all == MAP_FAILED || mprotect(all + PAGE, TARN_OBJECT_BYTES_MAX + PAGE, PROT_READ | PROT_WRITE))
        abort();
    return blob = all + 2 * PAGE;
}

static unsigned sum;

static void touch(struct tarn_bytes b)
{
    if (b.len)
        sum += (unsigned)b.data[0] + (unsigned)b.data[b.len - 1];
}

static int touch_value(void *ctx, const struct tarn_value *v)
{
    (void)ctx;
    if (v->type == TARN_STRING)
        touch(v->string);
    return 0;
}

static void read_header(const struct tarn_object *o)
{
    touch(tarn_object_key(o));
    touch(tarn_object_namespace(o));
    touch(tarn_object_name(o));
    touch(tarn_object_uid(o));
    touch(tarn_object_body(o));
    touch(tarn_object_resource_version_text(o));
    sum += tarn_object_size(o) + tarn_object_flags(o) + (unsigned)tarn_object_resource_version(o);
}

static void read_object(const struct tarn_object *o)
{
    static const char *const paths[] = {"metadata.name", "metadata.labels.app", "a[1].b", "spec.nodeName", "x"};
    struct tarn_value v;
    struct tarn_bytes s;

    read_header(o);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (!tarn_object_get(o, paths[i], &v))
            (void)touch_value(NULL, &v);
    for (unsigned i = 0; i < 3; i++)
        if (!tarn_object_slot(o, i, &v))
            (void)touch_value(NULL, &v);
    if (!tarn_object_label(o, TARN_BYTES("app"), &s))
        touch(s);
    (void)tarn_object_each(o, "a[*].b[*]", touch_value, NULL);
}

static void read_body(struct tarn_bytes body)
{
    char *copy = malloc(body.len ? body.len : 1);
    struct tarn_value it, v;
    struct tarn_buf out = {0};
    struct tarn_bytes key;

    if (body.len)
        memcpy(copy, body.data, body.len);
    if (!tarn_value_parse((struct tarn_bytes){copy, body.len}, &it)) {
        int err = tarn_value_to_json(&it, (int)(body.len % 3), &out);

        if (err && out.len)
            abort(); /* half a text */
        while (tarn_value_next(&it, &key, &v) == 1)
            (void)touch_value(NULL, &v);
    }
    tarn_buf_release(&out);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *blob = room();
    const struct tarn_object *o = (const struct tarn_object *)blob, *copy;
    static size_t used;

    if (size > TARN_OBJECT_BYTES_MAX)
        return 0;
    memset(blob, 0, used);
    memcpy(blob, data, size);
    used = size;
    read_object(o);
    if (tarn_object_final_state(o))
        read_header(tarn_object_final_state(o));
    if (tarn_object_size(o) < 65536) { /* larger ones only cost time */
        copy = tarn_object_ref(o);
        read_object(copy);
        tarn_object_unref(copy);
    }
    read_body((struct tarn_bytes){(const char *)data, size});
    return 0;
}
