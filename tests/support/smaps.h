/* smaps.h - what the kernel says of the mapping that holds an address (/proc/self/smaps). */
#ifndef TARN_TEST_SMAPS_H
#define TARN_TEST_SMAPS_H

#include <stdbool.h>

/* Is the mapping that holds p left out of core dumps (MADV_DONTDUMP, the flag dd)? False also where there is none. */
bool tarn_test_is_not_dumped(const void *p);

#endif
