/* What every test program shares: one table of tests, run by TARN_TEST_MAIN.
 *
 *     static void add_survives_any_failed_allocation(void) { ... CU_ASSERT(...) ... }
 *     TARN_TEST_MAIN("store", {"add_survives_any_failed_allocation", add_survives_any_failed_allocation}, ...)
 *
 * Or shorter, TARN_TEST(f) for {"f", f}. `test_store NAME...` runs only the tests of these names.
 * Prints "N passed, N failed" as its last line and exits non-zero if any failed.
 */
#ifndef TARN_TEST_H
#define TARN_TEST_H

#include <CUnit/CUnit.h>

struct tarn_test_case {
    const char *name;
    void (*fn)(void);
};

int tarn_test_run(const char *suite, const struct tarn_test_case *cases, int n, int argc, char **argv);

#define TARN_TEST(f) {#f, f}
#define TARN_TEST_MAIN(suite, ...)                                                              \
    int main(int argc, char **argv)                                                             \
    {                                                                                           \
        static const struct tarn_test_case cases[] = {__VA_ARGS__};                             \
        return tarn_test_run(suite, cases, (int)(sizeof cases / sizeof *cases), argc, argv);    \
    }

#endif
