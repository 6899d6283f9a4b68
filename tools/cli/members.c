/* See members.h. */
#include "members.h"

#include <stdlib.h>

#include "cli.h"

static int by_key(const void *a, const void *b)
{
    return tarn_bytes_compare(((const struct member *)a)->key, ((const struct member *)b)->key);
}

size_t members_sorted(const struct tarn_value *map, struct member **ret)
{
    struct tarn_value it = *map;
    size_t n = 0;

    *ret = calloc(map->count + (size_t)1, sizeof **ret);
    if (!*ret)
        cli_out_of_memory();
    while (n < map->count && tarn_value_next(&it, &(*ret)[n].key, &(*ret)[n].value) == 1)
        n++;
    qsort(*ret, n, sizeof **ret, by_key);
    return n;
}
