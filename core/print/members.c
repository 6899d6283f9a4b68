/* See members.h. */
#include "members.h"

#include <stdlib.h>

static int by_key(const void *a, const void *b)
{
    return tarn_bytes_compare(((const struct member *)a)->key, ((const struct member *)b)->key);
}

int members_sorted(const struct tarn_value *map, struct member **ret, size_t *ret_n)
{
    /* Each member takes two bytes at least: a count that lies asks for no more memory than the map could fill. */
    size_t most = map->count < map->raw.len / 2 ? map->count : map->raw.len / 2, n = 0;
    struct tarn_value it = *map;

    *ret = calloc(most + 1, sizeof **ret);
    if (!*ret)
        return TARN_E_NOMEM;
    while (n < most && tarn_value_next(&it, &(*ret)[n].key, &(*ret)[n].value) == 1)
        n++;
    qsort(*ret, n, sizeof **ret, by_key);
    *ret_n = n;
    return 0;
}
