/* Key order: the pointers of a walk, merge-sorted by key in the caller's memory.
 *
 * A merge sort of our own, because the keys lie in memory that may be recycled when the snapshot expires while we sort: an
 * inconsistent order must end in a wrong order (which the check afterwards refuses), never outside the array.
 */
#include "sorted.h"

#include <stdlib.h>
#include <string.h>

static bool same(const struct snapshot_sorted *o, const struct sorted_key *k)
{
    return o->store == k->store && o->index == k->index &&
           tarn_bytes_equal((struct tarn_bytes){o->value, o->value_len}, k->value);
}

static int collect(struct snapshot_sorted *o, struct tarn_reader_iter *drive)
{
    const struct tarn_object *obj;
    size_t cap = 0;
    int r;

    while ((r = tarn_reader_next(drive, &obj)) == 1) {
        if (o->n == cap) {
            const struct tarn_object **v = realloc(o->v, (cap = cap ? cap * 2 : 64) * sizeof *v);

            if (!v)
                return TARN_E_NOMEM;
            o->v = v;
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

static int sort(struct snapshot_sorted *o)
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

static void sorted_free(struct snapshot_sorted *o)
{
    if (!o)
        return;
    free(o->v);
    free(o->value);
    free(o);
}

static int sorted_new(struct tarn_snapshot *s, const struct sorted_key *key, struct tarn_reader_iter *drive,
                      struct snapshot_sorted **ret)
{
    struct snapshot_sorted *o = calloc(1, sizeof *o);
    int r;

    if (!o)
        return TARN_E_NOMEM;
    *o = (struct snapshot_sorted){.store = key->store, .index = key->index, .value = malloc(key->value.len + 1), .value_len = key->value.len};
    r = o->value ? collect(o, drive) : TARN_E_NOMEM;
    if (r == 0)
        r = sort(o);
    if (r == 0)
        r = tarn_reader_check(&s->r);
    if (r != 0) {
        sorted_free(o);
        return r;
    }
    if (key->value.len)
        memcpy(o->value, key->value.data, key->value.len);
    *ret = o;
    return 0;
}

int tarn_sorted_find(struct tarn_snapshot *s, const struct sorted_key *key, struct tarn_reader_iter *drive,
                     const struct snapshot_sorted **ret)
{
    struct snapshot_sorted *o = s->sorted;
    int r;

    while (o && !same(o, key))
        o = o->next;
    if (!o) {
        r = sorted_new(s, key, drive, &o);
        if (r != 0)
            return r;
        o->next = s->sorted;
        s->sorted = o;
    }
    *ret = o;
    return 0;
}

size_t tarn_sorted_from(const struct snapshot_sorted *o, struct tarn_bytes from, bool behind)
{
    size_t lo = 0, hi = o->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = tarn_bytes_compare(tarn_object_key(o->v[mid]), from);

        if (c < 0 || (behind && c == 0))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void tarn_sorted_free_all(struct tarn_snapshot *s)
{
    while (s->sorted) {
        struct snapshot_sorted *next = s->sorted->next;

        sorted_free(s->sorted);
        s->sorted = next;
    }
}
