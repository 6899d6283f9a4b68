/* The members of a map in the order of their names. */
#ifndef TARN_CLI_MEMBERS_H
#define TARN_CLI_MEMBERS_H

#include <tarn/object.h>

struct member {
    struct tarn_bytes key;
    struct tarn_value value;
};

/* Their number; *ret is the caller's to free(). Borrowed from the map. */
size_t members_sorted(const struct tarn_value *map, struct member **ret);

#endif
