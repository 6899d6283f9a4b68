/* fault.h - lets the n-th allocation fail, so that a test can try every place where memory may run out.
 *
 *     for (long n = 0; n >= 0; n++) {
 *         tarn_fault_arm(n);
 *         err = tarn_store_add(s, obj, NULL);
 *         if (!tarn_fault_disarm()) { ... it went through: err must be 0 ...; break; }
 *         CU_ASSERT_EQUAL(err, TARN_E_NOMEM);
 *     }
 *
 * All tests are linked with -Wl,--wrap=malloc and so on (tests/CMakeLists.txt), so code under test calls malloc,
 * calloc, realloc and free as usual. What libc allocates inside itself (strdup, asprintf, getline) is not seen.
 */
#ifndef TARN_TEST_FAULT_H
#define TARN_TEST_FAULT_H

#include <stdbool.h>

/* The allocation after the next n ones (any thread) returns NULL; only that one. */
void tarn_fault_arm(long n);
/* No allocation fails any more. Did one fail since tarn_fault_arm? */
bool tarn_fault_disarm(void);
/* Blocks allocated and not freed since the program began, by code that is linked with the wrappers. */
long tarn_fault_blocks(void);

#endif
