/* reader_sorted.c - key order: the pointers of a walk, merge-sorted by key in the caller's memory.
 *
 * A merge sort of our own, because the keys lie in memory that may be recycled when the snapshot expires while we sort: an
 * inconsistent order must end in a wrong order (which the check afterwards refuses), never outside the array.
 */
#include <tarn/reader.h>

#include <stdlib.h>
#include <string.h>

struct objects {
    const struct tarn_object **v;
    size_t n, cap;
};

static bool begins_with(const struct tarn_object *obj, struct tarn_bytes prefix)
{
    struct tarn_bytes key = tarn_object_key(obj);

    return key.len >= prefix.len && memcmp(key.data, prefix.data, prefix.len) == 0;
}

static int collect(struct tarn_reader_iter *it, struct tarn_bytes prefix, struct objects *o)
{
    const struct tarn_object *obj;
    int r;

    while ((r = tarn_reader_next(it, &obj)) == 1) {
        if (prefix.len && !begins_with(obj, prefix))
            continue;
        if (o->n == o->cap) {
            size_t cap = o->cap ? o->cap * 2 : 64;
            const struct tarn_object **v = realloc(o->v, cap * sizeof *v);

            if (!v)
                return TARN_E_NOMEM;
            o->v = v;
            o->cap = cap;
        }
        o->v[o->n++] = obj;
    }
    return r;
}

static bool after(const struct tarn_object *a, const struct tarn_object *b)
{
    return tarn_bytes_compare(tarn_object_key(a), tarn_object_key(b)) > 0;
}

/* Merge from[a..m) and from[m..b) into to[a..b). */
static void merge(const struct tarn_object **from, const struct tarn_object **to, size_t a, size_t m, size_t b)
{
    size_t l = a, r = m;

    for (size_t i = a; i < b; i++)
        to[i] = l < m && (r >= b || !after(from[l], from[r])) ? from[l++] : from[r++];
}

static int sort(struct objects *o)
{
    const struct tarn_object **from = o->v, **to, **swap;

    if (o->n < 2)
        return 0;
    to = malloc(o->n * sizeof *to);
    if (!to)
        return TARN_E_NOMEM;
    for (size_t width = 1; width < o->n; width *= 2) {
        for (size_t a = 0; a < o->n; a += 2 * width) {
            size_t m = a + width < o->n ? a + width : o->n;
            size_t b = a + 2 * width < o->n ? a + 2 * width : o->n;

            merge(from, to, a, m, b);
        }
        swap = from;
        from = to;
        to = swap;
    }
    o->v = from;
    free(to);
    return 0;
}

int tarn_reader_sorted(struct tarn_reader_iter *it, struct tarn_bytes prefix, const struct tarn_object ***ret, size_t *ret_n)
{
    struct objects o = {0};
    int r = collect(it, prefix, &o);

    if (r == 0)
        r = sort(&o);
    if (r == 0)
        r = tarn_reader_check(it->r);
    if (r != 0) {
        free(o.v);
        return r;
    }
    *ret = o.v;
    *ret_n = o.n;
    return 0;
}

size_t tarn_reader_sorted_from(const struct tarn_object *const *v, size_t n, struct tarn_bytes from, bool behind)
{
    size_t lo = 0, hi = n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = tarn_bytes_compare(tarn_object_key(v[mid]), from);

        if (c < 0 || (behind && c == 0))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}
