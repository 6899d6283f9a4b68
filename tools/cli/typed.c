/* MessagePack put around MessagePack: headers only, bodies are copied as they are. See typed.h. */
#include "typed.h"

#include <time.h>

#include "cli.h"
#include "field.h"

static const struct tarn_value nil = {.type = TARN_NIL};

/* A header with a 32-bit count: 0xdf map, 0xdd array, 0xdb string. */
static void add_header(struct tarn_buf *out, unsigned char what, size_t n)
{
    char b[5] = {(char)what, (char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n};

    cli_add(out, (struct tarn_bytes){b, sizeof b});
}

static void add_string(struct tarn_buf *out, struct tarn_bytes s)
{
    add_header(out, 0xdb, s.len);
    cli_add(out, s);
}

void typed_time(uint64_t unix_ms, char ret[TYPED_TIME_BYTES])
{
    time_t t = (time_t)(unix_ms / 1000);
    struct tm tm;

    ret[0] = '\0';
    if (gmtime_r(&t, &tm))
        (void)strftime(ret, TYPED_TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static void add_deleted(struct tarn_buf *out, uint64_t deleted_ms)
{
    char text[TYPED_TIME_BYTES];

    add_string(out, TARN_BYTES("deletedAt"));
    typed_time(deleted_ms, text);
    add_string(out, tarn_bytes_of(text));
}

struct tarn_value typed_root(const struct tarn_object *obj, const struct tarn_resource *type, uint64_t deleted_ms, struct tarn_buf *scratch)
{
    struct tarn_value root = field_root(obj), typed;
    bool is_typed = field_exists(&root, "kind") || !type->kind.len;

    if (root.type != TARN_MAP || (is_typed && !deleted_ms))
        return root.type == TARN_MAP ? root : nil;
    tarn_buf_clear(scratch);
    add_header(scratch, 0xdf, root.count + (is_typed ? (size_t)0 : (size_t)2) + (deleted_ms != 0));
    if (!is_typed) {
        add_string(scratch, TARN_BYTES("apiVersion"));
        add_string(scratch, type->api_version);
        add_string(scratch, TARN_BYTES("kind"));
        add_string(scratch, type->kind);
    }
    cli_add(scratch, root.raw); /* a body ends with its last member */
    if (deleted_ms)
        add_deleted(scratch, deleted_ms);
    return tarn_value_parse(tarn_buf_bytes(scratch), &typed) == 0 ? typed : nil;
}

void typed_list_add(struct tarn_buf *items, const struct tarn_value *root)
{
    add_header(items, 0xdf, root->count);
    cli_add(items, root->raw);
}

struct tarn_value typed_list_root(struct tarn_buf *items, size_t count, struct tarn_buf *scratch)
{
    struct tarn_value root;

    tarn_buf_clear(scratch);
    add_header(scratch, 0xdf, 4);
    add_string(scratch, TARN_BYTES("apiVersion"));
    add_string(scratch, TARN_BYTES("v1"));
    add_string(scratch, TARN_BYTES("kind"));
    add_string(scratch, TARN_BYTES("List"));
    add_string(scratch, TARN_BYTES("metadata"));
    add_header(scratch, 0xdf, 1);
    add_string(scratch, TARN_BYTES("resourceVersion"));
    add_string(scratch, TARN_BYTES(""));
    add_string(scratch, TARN_BYTES("items"));
    add_header(scratch, 0xdd, count);
    cli_add(scratch, tarn_buf_bytes(items));
    return tarn_value_parse(tarn_buf_bytes(scratch), &root) == 0 ? root : nil;
}
