/* keyset.c - see keyset.h. */
#include "keyset.h"

#include <stdlib.h>

static struct tarn_bytes slot_key(const void *ctx, const struct tarn_map_slot *s)
{
    const struct tarn_keyset *k = ctx;

    return k->keys.v[s->id];
}

void tarn_keyset_release(struct tarn_keyset *k)
{
    tarn_map_release(&k->map);
    tarn_keys_release(&k->keys);
    free(k->last);
    *k = (struct tarn_keyset){0};
}

int tarn_keyset_init(struct tarn_keyset *k, size_t n)
{
    int err;

    *k = (struct tarn_keyset){.last = malloc((n + 1) * sizeof *k->last)};
    err = k->last ? tarn_map_reserve(&k->map, n + 1) : TARN_E_NOMEM;
    if (!err)
        err = tarn_keys_reserve(&k->keys, n, n * 32);
    if (err)
        tarn_keyset_release(k);
    return err;
}

static const struct tarn_map_slot *find(const struct tarn_keyset *k, struct tarn_bytes key)
{
    return tarn_map_find(&k->map, tarn_map_hash(&k->map, key), key,
                         (struct tarn_map_keys){.key_of = slot_key, .ctx = k});
}

int tarn_keyset_add(struct tarn_keyset *k, struct tarn_bytes key, const struct tarn_delta *d, bool *ret_seen)
{
    const struct tarn_map_slot *s = find(k, key);
    int err;

    *ret_seen = s;
    if (s) {
        k->last[s->id] = d;
        return 0;
    }
    err = tarn_keys_add(&k->keys, key);
    if (err)
        return err;
    k->last[k->keys.n - 1] = d;
    tarn_map_put(&k->map, tarn_map_hash(&k->map, key), k, (uint32_t)k->keys.n - 1);
    return 0;
}

bool tarn_keyset_has(const struct tarn_keyset *k, struct tarn_bytes key)
{
    return find(k, key) != NULL;
}
