#include "tarn_test.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

static int selected(const char *name, int argc, char **argv)
{
    if (argc < 2)
        return 1;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return 1;
    return 0;
}

int tarn_test_run(const char *suite, const struct tarn_test_case *cases, int n, int argc, char **argv)
{
    unsigned failed, run;
    CU_pSuite s;

    if (CU_initialize_registry() != CUE_SUCCESS || !(s = CU_add_suite(suite, NULL, NULL)))
        return 2;
    for (int i = 0; i < n; i++)
        if (selected(cases[i].name, argc, argv) && !CU_add_test(s, cases[i].name, cases[i].fn))
            return 2;
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    run = CU_get_number_of_tests_run();
    failed = CU_get_number_of_tests_failed();
    CU_cleanup_registry();
    printf("%u passed, %u failed\n", run - failed, failed);
    return failed || !run;
}
