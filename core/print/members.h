/* The members of a map in the order of their names. */
#ifndef TARN_PRINT_MEMBERS_H
#define TARN_PRINT_MEMBERS_H

#include <tarn/object.h>

struct member {
    struct tarn_bytes key;
    struct tarn_value value;
};

/* *ret is the caller's to free(), and has *ret_n members, borrowed from the map. 0 or TARN_E_NOMEM. */
int members_sorted(const struct tarn_value *map, struct member **ret, size_t *ret_n);

#endif
