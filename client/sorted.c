/* Key order: each walk is sorted once per snapshot, and kept until it is closed. */
#include "sorted.h"

#include <stdlib.h>
#include <string.h>

static bool same(const struct snapshot_sorted *o, const struct sorted_key *k)
{
    return o->store == k->store && o->index == k->index &&
           tarn_bytes_equal((struct tarn_bytes){o->value, o->value_len}, k->value);
}

static void sorted_free(struct snapshot_sorted *o)
{
    if (!o)
        return;
    free(o->v);
    free(o->value);
    free(o);
}

static int sorted_new(const struct sorted_key *key, struct tarn_reader_iter *drive, struct snapshot_sorted **ret)
{
    struct snapshot_sorted *o = calloc(1, sizeof *o);
    int r;

    if (!o)
        return TARN_E_NOMEM;
    *o = (struct snapshot_sorted){.store = key->store, .index = key->index, .value = malloc(key->value.len + 1), .value_len = key->value.len};
    r = o->value ? tarn_reader_sorted(drive, (struct tarn_bytes){0}, &o->v, &o->n) : TARN_E_NOMEM;
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
        r = sorted_new(key, drive, &o);
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
    return tarn_reader_sorted_from(o->v, o->n, from, behind);
}

void tarn_sorted_free_all(struct tarn_snapshot *s)
{
    while (s->sorted) {
        struct snapshot_sorted *next = s->sorted->next;

        sorted_free(s->sorted);
        s->sorted = next;
    }
}
