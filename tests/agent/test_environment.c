/* Tests of agent/environment.c. */
#include "tarn_test.h"

#include <stdlib.h>
#include <string.h>

#include "environment.h"

static void variables_are_put_in_as_a_manifest_has_them(void)
{
    static const struct {
        const char *text, *expanded;
    } rows[] = {
        {"", ""},
        {"app=web", "app=web"},
        {"spec.nodeName=$(T_NODE)", "spec.nodeName=node-7"},
        {"$(T_NODE)$(T_EMPTY)$(T_NODE)", "node-7node-7"},
        {"$$(T_NODE)", "$(T_NODE)"},
        {"$$(T_NONE)", "$(T_NONE)"},
        {"$$$(T_NODE)", "$node-7"},
        {"$", "$"},
        {"$$", "$"},
        {"a$b$(", "a$b$("},
        {"$()", "$()"},
        {"$(T_NODE", "$(T_NODE"},
        {"$(A B)", "$(A B)"},
        {"${T_NODE}", "${T_NODE}"},
        {"$(T_DEEP)", "$(T_NODE)"}, /* a value is not looked into again */
    };
    struct tarn_arena arena = {0};

    setenv("T_NODE", "node-7", 1);
    setenv("T_EMPTY", "", 1);
    setenv("T_DEEP", "$(T_NODE)", 1);
    unsetenv("T_NONE");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *out = NULL;
        struct tarn_error err = {0};

        CU_ASSERT_EQUAL_FATAL(tarn_environment_expand(&arena, rows[i].text, &out, &err), 0);
        CU_ASSERT_STRING_EQUAL(out, rows[i].expanded);
    }
    tarn_arena_release(&arena);
}

static void one_that_is_not_set_is_named(void)
{
    struct tarn_arena arena = {0};
    const char *out = NULL;
    struct tarn_error err = {0};
    char longest[300] = "$(";

    unsetenv("T_NONE");
    CU_ASSERT_EQUAL(tarn_environment_expand(&arena, "a=$(T_NONE)", &out, &err), TARN_E_CONFIG);
    CU_ASSERT_STRING_EQUAL(err.message, "environment variable T_NONE is not set (byte 3 of 'a=$(T_NONE)'); set it, or write "
                                        "$$(T_NONE) if the text itself is meant");
    CU_ASSERT_PTR_NULL(out);
    memset(longest + 2, 'A', 256); /* longer than a name may be: no reference */
    strcpy(longest + 258, ")");
    CU_ASSERT_EQUAL(tarn_environment_expand(&arena, longest, &out, &err), 0);
    CU_ASSERT_STRING_EQUAL(out, longest);
    tarn_arena_release(&arena);
}

TARN_TEST_MAIN("environment", TARN_TEST(variables_are_put_in_as_a_manifest_has_them), TARN_TEST(one_that_is_not_set_is_named))
