/* MessagePack put around MessagePack: headers only, bodies are copied as they are. See typed.h. */
#include "typed.h"

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

struct tarn_value typed_root(const struct tarn_object *obj, const struct tarn_resource *type, struct tarn_buf *scratch)
{
    struct tarn_value root = field_root(obj), typed;

    if (root.type != TARN_MAP || field_exists(&root, "kind") || !type->kind.len)
        return root.type == TARN_MAP ? root : nil;
    tarn_buf_clear(scratch);
    add_header(scratch, 0xdf, root.count + (size_t)2);
    add_string(scratch, TARN_BYTES("apiVersion"));
    add_string(scratch, type->api_version);
    add_string(scratch, TARN_BYTES("kind"));
    add_string(scratch, type->kind);
    cli_add(scratch, root.raw); /* a body ends with its last member */
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
