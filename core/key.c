/* key.c - keys of objects. The key stands in each object; what is left is to say who may use it. */
#include <tarn/key.h>

static bool has(const struct tarn_object *obj, uint8_t flag)
{
    return tarn_object_flags(obj) & flag;
}

int tarn_meta_namespace_key(void *ctx, const struct tarn_object *obj, struct tarn_buf *scratch, struct tarn_bytes *ret)
{
    (void)ctx;
    (void)scratch;
    if (has(obj, TARN_OBJECT_NO_META | TARN_OBJECT_TOMBSTONE))
        return TARN_E_NO_META;
    *ret = tarn_object_key(obj);
    return 0;
}

int tarn_deletion_handling_key(void *ctx, const struct tarn_object *obj, struct tarn_buf *scratch, struct tarn_bytes *ret)
{
    (void)ctx;
    (void)scratch;
    if (has(obj, TARN_OBJECT_NO_META))
        return TARN_E_NO_META;
    *ret = tarn_object_key(obj);
    return 0;
}

static int key_from_index(void *ctx, const struct tarn_object *obj, struct tarn_buf *scratch, struct tarn_bytes *ret)
{
    const struct tarn_index_func *f = ctx;
    struct tarn_index_values values = {0};
    int err = f->fn(f->ctx, obj, &values);

    if (!err && values.n != 1)
        err = values.n ? TARN_E_TOO_MANY_KEYS : TARN_E_NO_INDEX_KEYS;
    if (!err) {
        tarn_buf_clear(scratch);
        err = tarn_buf_add(scratch, values.v[0].data, values.v[0].len);
    }
    if (!err)
        *ret = tarn_buf_bytes(scratch);
    tarn_index_values_release(&values);
    return err;
}

struct tarn_key_func tarn_key_func_from_index(const struct tarn_index_func *f)
{
    return (struct tarn_key_func){.fn = key_from_index, .ctx = (void *)(uintptr_t)f};
}

/* The keys that objects carry were checked when they were made. */
static bool is_own_key(const struct tarn_key_func *f)
{
    return f->fn == tarn_meta_namespace_key || f->fn == tarn_deletion_handling_key;
}

/* What an error message calls the object, cut to a line. */
static struct tarn_bytes shown(const struct tarn_object *obj)
{
    struct tarn_bytes key = tarn_object_key(obj);

    if (key.len > 200)
        key.len = 200;
    return key.len ? key : TARN_BYTES("without name");
}

int tarn_key_of(const struct tarn_key_func *f, const struct tarn_object *obj, struct tarn_buf *scratch,
                struct tarn_bytes *ret, struct tarn_error *err)
{
    struct tarn_bytes key, name;
    int code;

    if (f->fn == tarn_meta_namespace_key && !has(obj, TARN_OBJECT_NO_META | TARN_OBJECT_TOMBSTONE)) { /* almost always */
        *ret = tarn_object_key(obj);
        return 0;
    }
    code = f->fn(f->ctx, obj, scratch, &key);
    if (!code && !is_own_key(f) && key.len && memchr(key.data, 0, key.len))
        return tarn_error_set(err, TARN_E_KEY, "couldn't create key for object: the key has a NUL in it");
    if (code == TARN_E_NOMEM)
        return tarn_error_set(err, code, "%s", tarn_strerror(code));
    if (code) {
        name = shown(obj);
        return tarn_error_set(err, TARN_E_KEY, "couldn't create key for object %.*s: %s", TARN_BYTES_ARG(name),
                              tarn_strerror(code));
    }
    *ret = key;
    return 0;
}

int tarn_key_split(struct tarn_bytes key, struct tarn_object_name *ret, struct tarn_error *err)
{
    const char *slash = key.len ? memchr(key.data, '/', key.len) : NULL;
    size_t nslen;

    if (!slash) {
        *ret = (struct tarn_object_name){.name = key};
        return 0;
    }
    nslen = (size_t)(slash - key.data);
    if (memchr(slash + 1, '/', key.len - nslen - 1))
        return tarn_error_set(err, TARN_E_KEY_FORMAT, "unexpected key format: \"%.*s\"",
                              (int)(key.len < 400 ? key.len : 400), key.data);
    *ret = (struct tarn_object_name){.namespace_ = {key.data, nslen}, .name = {slash + 1, key.len - nslen - 1}};
    return 0;
}

int tarn_key_join(const struct tarn_object_name *n, struct tarn_buf *out)
{
    size_t before = out->len;
    int err = tarn_buf_reserve(out, n->namespace_.len + 1 + n->name.len);

    if (!err && n->namespace_.len) {
        err = tarn_buf_add(out, n->namespace_.data, n->namespace_.len);
        if (!err)
            err = tarn_buf_add(out, "/", 1);
    }
    if (!err)
        err = tarn_buf_add(out, n->name.data, n->name.len);
    if (err)
        out->len = before;
    return err;
}

int tarn_object_to_name(const struct tarn_object *obj, struct tarn_object_name *ret, struct tarn_error *err)
{
    if (has(obj, TARN_OBJECT_NO_META | TARN_OBJECT_TOMBSTONE | TARN_OBJECT_EXPLICIT_KEY))
        return tarn_error_set(err, TARN_E_NO_META, "object has no meta: it is a %s",
                              has(obj, TARN_OBJECT_NO_META) ? "value without metadata" : "bare key");
    *ret = (struct tarn_object_name){.namespace_ = tarn_object_namespace(obj), .name = tarn_object_name(obj)};
    return 0;
}

int tarn_deletion_handling_object_to_name(const struct tarn_object *obj, struct tarn_object_name *ret,
                                          struct tarn_error *err)
{
    if (has(obj, TARN_OBJECT_TOMBSTONE))
        return tarn_key_split(tarn_object_key(obj), ret, err);
    return tarn_object_to_name(obj, ret, err);
}
