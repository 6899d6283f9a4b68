/* store.c - what all stores share: Replace from a list, and lists of objects and of keys. */
#include <tarn/store.h>

#include <stdlib.h>

int tarn_store_replace(struct tarn_store *s, const struct tarn_object *const *objs, size_t n,
                       struct tarn_bytes resource_version, struct tarn_error *err)
{
    int code = s->ops->replace_begin(s, err);

    if (code)
        return code;
    for (size_t i = 0; i < n; i++) {
        code = s->ops->replace_add(s, objs[i], err);
        if (code) {
            s->ops->replace_abort(s);
            return code;
        }
    }
    return s->ops->replace_commit(s, resource_version, err);
}

void tarn_objects_release(struct tarn_objects *l)
{
    struct tarn_lease *lease = l->lease;

    if (lease)
        lease->release(lease);
    else
        for (size_t i = 0; i < l->n; i++)
            tarn_object_unref(l->v[i]);
    free(l->v);
    *l = (struct tarn_objects){0};
}

int tarn_objects_add(struct tarn_objects *l, const struct tarn_object *obj)
{
    const struct tarn_object **v;
    size_t cap;

    if (l->n == l->cap) {
        cap = l->cap ? l->cap * 2 : 16;
        v = realloc(l->v, cap * sizeof *v);
        if (!v)
            return TARN_E_NOMEM;
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = obj;
    return 0;
}

void tarn_keys_release(struct tarn_keys *l)
{
    free(l->v);
    tarn_buf_release(&l->text);
    *l = (struct tarn_keys){0};
}

/* The text may move when it grows: what points into it moves with it. */
static int text_reserve(struct tarn_buf *text, size_t bytes, struct tarn_bytes *v, size_t n)
{
    uintptr_t from = (uintptr_t)text->data, end = from + text->len;
    int err = tarn_buf_reserve(text, bytes);

    if (err || (uintptr_t)text->data == from)
        return err;
    for (size_t i = 0; i < n; i++) {
        uintptr_t p = (uintptr_t)v[i].data;

        if (from && p >= from && p < end)
            v[i].data = text->data + (p - from);
    }
    return 0;
}

static int bytes_reserve(struct tarn_bytes **v, size_t *cap, size_t want)
{
    size_t n = *cap ? *cap : 8;
    struct tarn_bytes *p;

    if (want <= *cap)
        return 0;
    while (n < want)
        n *= 2;
    p = realloc(*v, n * sizeof *p);
    if (!p)
        return TARN_E_NOMEM;
    *v = p;
    *cap = n;
    return 0;
}

int tarn_keys_reserve(struct tarn_keys *l, size_t n, size_t bytes)
{
    int err = bytes_reserve(&l->v, &l->cap, l->n + n);

    return err ? err : text_reserve(&l->text, bytes + n, l->v, l->n);
}

int tarn_keys_add(struct tarn_keys *l, struct tarn_bytes key)
{
    int err = tarn_keys_reserve(l, 1, key.len);
    char *at;

    if (err)
        return err;
    at = l->text.data + l->text.len;
    if (key.len)
        memcpy(at, key.data, key.len);
    at[key.len] = 0; /* so that each key has an address of its own, and prints in a debugger */
    l->text.len += key.len + 1;
    l->v[l->n++] = (struct tarn_bytes){.data = at, .len = key.len};
    return 0;
}

static int compare(const void *a, const void *b)
{
    return tarn_bytes_compare(*(const struct tarn_bytes *)a, *(const struct tarn_bytes *)b);
}

void tarn_keys_sort(struct tarn_keys *l)
{
    if (l->n)
        qsort(l->v, l->n, sizeof *l->v, compare);
}

size_t tarn_keys_find(const struct tarn_keys *l, struct tarn_bytes key)
{
    size_t low = 0, high = l->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = tarn_bytes_compare(l->v[mid], key);

        if (c == 0)
            return mid;
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return l->n;
}

int tarn_index_values_add(struct tarn_index_values *out, struct tarn_bytes value)
{
    int err = bytes_reserve(&out->v, &out->cap, out->n + 1);

    if (!err)
        out->v[out->n++] = value;
    return err;
}

int tarn_index_values_add_joined(struct tarn_index_values *out, struct tarn_bytes a, const char *sep,
                                 struct tarn_bytes b)
{
    size_t seplen = strlen(sep), len = a.len + seplen + b.len;
    int err = bytes_reserve(&out->v, &out->cap, out->n + 1);
    char *at;

    if (!err)
        err = text_reserve(&out->text, len + 1, out->v, out->n);
    if (err)
        return err;
    at = out->text.data + out->text.len;
    if (a.len)
        memcpy(at, a.data, a.len);
    memcpy(at + a.len, sep, seplen);
    if (b.len)
        memcpy(at + a.len + seplen, b.data, b.len);
    at[len] = 0;
    out->text.len += len + 1;
    out->v[out->n++] = (struct tarn_bytes){.data = at, .len = len};
    return 0;
}

void tarn_index_values_release(struct tarn_index_values *out)
{
    free(out->v);
    tarn_buf_release(&out->text);
    *out = (struct tarn_index_values){0};
}
