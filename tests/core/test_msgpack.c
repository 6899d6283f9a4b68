/* Our MessagePack beside msgpack-c's: what the transcoder writes, the stock library reads, and the other way round. */
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>

#include <tarn/object.h>

#include "tarn_test.h"

static bool same(const msgpack_object *m, const struct tarn_value *v);

static bool same_string(const msgpack_object *m, struct tarn_bytes s)
{
    return m->type == MSGPACK_OBJECT_STR && tarn_bytes_equal((struct tarn_bytes){m->via.str.ptr, m->via.str.size}, s);
}

static bool same_array(const msgpack_object *m, struct tarn_value it)
{
    struct tarn_value e;
    uint32_t n = 0;

    if (m->type != MSGPACK_OBJECT_ARRAY || m->via.array.size != it.count)
        return false;
    while (tarn_value_next(&it, NULL, &e) == 1)
        if (!same(&m->via.array.ptr[n++], &e))
            return false;
    return n == m->via.array.size;
}

static bool same_map(const msgpack_object *m, struct tarn_value it)
{
    struct tarn_bytes key;
    struct tarn_value e;
    uint32_t n = 0;

    if (m->type != MSGPACK_OBJECT_MAP || m->via.map.size != it.count)
        return false;
    while (tarn_value_next(&it, &key, &e) == 1) {
        const msgpack_object_kv *kv = &m->via.map.ptr[n++];

        if (!same_string(&kv->key, key) || !same(&kv->val, &e))
            return false;
    }
    return n == m->via.map.size;
}

static bool same_number(const msgpack_object *m, const struct tarn_value *v)
{
    switch (m->type) {
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        return v->type == TARN_UINT ? m->via.u64 == v->u : v->type == TARN_INT && v->i >= 0 && m->via.u64 == (uint64_t)v->i;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return v->type == TARN_INT && m->via.i64 == v->i;
    case MSGPACK_OBJECT_FLOAT64:
        return v->type == TARN_DOUBLE && m->via.f64 == v->d;
    default:
        return false;
    }
}

static bool same(const msgpack_object *m, const struct tarn_value *v)
{
    switch (v->type) {
    case TARN_NIL:
        return m->type == MSGPACK_OBJECT_NIL;
    case TARN_BOOL:
        return m->type == MSGPACK_OBJECT_BOOLEAN && m->via.boolean == v->boolean;
    case TARN_STRING:
        return same_string(m, v->string);
    case TARN_ARRAY:
        return same_array(m, *v);
    case TARN_MAP:
        return same_map(m, *v);
    default:
        return same_number(m, v);
    }
}

/* The body of this JSON text, read by both. */
static void both_read(struct tarn_bytes json)
{
    const struct tarn_object *obj = NULL;
    msgpack_unpacked unpacked;
    struct tarn_value root;
    struct tarn_bytes body;
    size_t off = 0;

    CU_ASSERT_EQUAL_FATAL(tarn_object_from_json(json, &obj, NULL), 0);
    body = tarn_object_body(obj);
    msgpack_unpacked_init(&unpacked);
    CU_ASSERT_EQUAL_FATAL(msgpack_unpack_next(&unpacked, body.data, body.len, &off), MSGPACK_UNPACK_SUCCESS);
    CU_ASSERT_EQUAL(off, body.len);
    CU_ASSERT_EQUAL_FATAL(tarn_value_parse(body, &root), 0);
    CU_ASSERT_TRUE(same(&unpacked.data, &root));
    msgpack_unpacked_destroy(&unpacked);
    tarn_object_unref(obj);
}

static void what_we_write_msgpack_c_reads(void)
{
    both_read(TARN_BYTES("{\"metadata\":{\"name\":\"a\"},\"n\":[0,127,128,255,256,65535,65536,4294967295,4294967296,"
                         "9223372036854775807,18446744073709551615,-1,-32,-33,-128,-129,-32768,-32769,-2147483649],"
                         "\"d\":[0.5,-0.0,1e300,18446744073709552000],\"s\":[\"\",\"\\u00e4\\u0000\\ud83d\\ude00\"],"
                         "\"x\":[null,true,false,{},[]]}"));
}

static void recorded_lists_of_a_real_server_are_read_alike(void)
{
    static const char *const files[] = {"pods.json", "services.json", "deployments.json", "endpointslices.json"};
    unsigned seen = 0;

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct tarn_buf text = {0};
        char path[512];
        FILE *f;

        (void)snprintf(path, sizeof path, "%s/protocol/%s", TARN_TEST_DATA, files[i]);
        f = fopen(path, "r");
        if (!f)
            continue;
        CU_ASSERT_EQUAL_FATAL(tarn_buf_reserve(&text, 1 << 20), 0);
        text.len = fread(text.data, 1, text.cap, f);
        (void)fclose(f);
        both_read(tarn_buf_bytes(&text));
        tarn_buf_release(&text);
        seen++;
    }
    CU_ASSERT_TRUE(seen > 0);
}

/* Forms that our transcoder never writes but other writers do: wide headers, float32. */
static void what_msgpack_c_packs_we_read(void)
{
    msgpack_sbuffer b;
    msgpack_packer p;
    struct tarn_value root, v;

    msgpack_sbuffer_init(&b);
    msgpack_packer_init(&p, &b, msgpack_sbuffer_write);
    msgpack_pack_map(&p, 2);
    msgpack_pack_str_with_body(&p, "array", 5);
    msgpack_pack_array(&p, 3);
    msgpack_pack_fix_int64(&p, 5);
    msgpack_pack_float(&p, 0.25f);
    msgpack_pack_fix_uint32(&p, 7);
    msgpack_pack_str_with_body(&p, "text", 4);
    msgpack_pack_str_with_body(&p, "here", 4);
    CU_ASSERT_EQUAL_FATAL(tarn_value_parse((struct tarn_bytes){b.data, b.size}, &root), 0);
    CU_ASSERT_EQUAL(tarn_value_get(&root, "array[0]", &v), 0);
    CU_ASSERT_TRUE(v.type == TARN_INT && v.i == 5);
    CU_ASSERT_EQUAL(tarn_value_get(&root, "array[1]", &v), 0);
    CU_ASSERT_TRUE(v.type == TARN_DOUBLE && v.d == 0.25);
    CU_ASSERT_EQUAL(tarn_value_get(&root, "array[2]", &v), 0);
    CU_ASSERT_TRUE(v.type == TARN_INT && v.i == 7);
    CU_ASSERT_EQUAL(tarn_value_get(&root, "text", &v), 0);
    CU_ASSERT_TRUE(v.type == TARN_STRING && tarn_bytes_equal(v.string, TARN_BYTES("here")));
    msgpack_sbuffer_destroy(&b);
}

TARN_TEST_MAIN("msgpack", TARN_TEST(what_we_write_msgpack_c_reads), TARN_TEST(recorded_lists_of_a_real_server_are_read_alike),
               TARN_TEST(what_msgpack_c_packs_we_read))
