/* Section 8.2 of the contract: base, factor, cap, jitter and both reset rules. */
#include <tarn/backoff.h>

#include "fake_runtime.h"
#include "tarn_test.h"

/* 8.2: 0.8 1.6 3.2 6.4 12.8 25.6 30 30 ... */
static void waits_double_from_800_ms_to_30_s(void)
{
    static const uint32_t expected[] = {800, 1600, 3200, 6400, 12800, 25600, 30000, 30000, 30000};
    struct tarn_backoff b;

    tarn_backoff_init(&b, NULL);
    for (unsigned i = 0; i < sizeof expected / sizeof *expected; i++)
        CU_ASSERT_EQUAL(tarn_backoff_next(&b, 1000, 0), expected[i]);
}

/* 8.2: jitter factor 1.0: uniform in [d, 2d) */
static void jitter_adds_up_to_but_not_the_same_again(void)
{
    struct tarn_backoff b;
    uint64_t seed = 1, sum = 0;

    tarn_backoff_init(&b, NULL);
    CU_ASSERT_EQUAL(tarn_backoff_next(&b, 0, UINT64_MAX), 1599);
    for (int i = 0; i < 10000; i++) {
        uint32_t ms;

        tarn_backoff_init(&b, &(struct tarn_backoff_options){.base_ms = 1000});
        ms = tarn_backoff_next(&b, 0, fake_random(&seed));
        CU_ASSERT(ms >= 1000 && ms < 2000);
        sum += ms;
    }
    CU_ASSERT(sum > 14800000 && sum < 15200000);
}

/* 8.2 [D]: start again only after 2 min in which nobody asked */
static void two_quiet_minutes_start_the_sequence_again(void)
{
    struct tarn_backoff b;

    tarn_backoff_init(&b, NULL);
    CU_ASSERT_EQUAL(tarn_backoff_next(&b, 0, 0), 800);
    CU_ASSERT_EQUAL(tarn_backoff_next(&b, 120000, 0), 1600); /* exactly 2 min is not more than 2 min */
    CU_ASSERT_EQUAL(tarn_backoff_next(&b, 239999, 0), 3200);
    CU_ASSERT_EQUAL(tarn_backoff_next(&b, 360000, 0), 800);
}

/* 8.2 [O]: the window rule of 1.36: again every 2 min, whatever happens */
static void the_window_rule_starts_again_in_an_outage(void)
{
    struct tarn_backoff b;

    tarn_backoff_init(&b, &(struct tarn_backoff_options){.window = true});
    b.mark_ms = 0;
    CU_ASSERT_EQUAL(tarn_backoff_next(&b, 100000, 0), 800);
    CU_ASSERT_EQUAL(tarn_backoff_next(&b, 110000, 0), 1600);
    CU_ASSERT_EQUAL(tarn_backoff_next(&b, 120001, 0), 800);
    CU_ASSERT_EQUAL(tarn_backoff_next(&b, 240001, 0), 1600);
    CU_ASSERT_EQUAL(tarn_backoff_next(&b, 240002, 0), 800);
}

/* Attempts in an outage of an hour that fails at once, with jitter: 85 against 192 in the original (8.2). */
static unsigned attempts_in_an_hour(bool window)
{
    struct tarn_backoff b;
    uint64_t seed = 7, now = 0;
    unsigned n = 0;

    tarn_backoff_init(&b, &(struct tarn_backoff_options){.window = window});
    for (; now < 3600 * 1000; n++)
        now += tarn_backoff_next(&b, now, fake_random(&seed));
    return n;
}

static void the_window_rule_doubles_the_load_of_a_long_outage(void)
{
    unsigned idle = attempts_in_an_hour(false), window = attempts_in_an_hour(true);

    CU_ASSERT(idle >= 75 && idle <= 95);
    CU_ASSERT(window >= 170 && window <= 215);
}

static void own_numbers_are_used(void)
{
    struct tarn_backoff b;

    tarn_backoff_init(&b, &(struct tarn_backoff_options){.base_ms = 100, .cap_ms = 250, .reset_ms = 1000});
    CU_ASSERT_EQUAL(tarn_backoff_next(&b, 0, 0), 100);
    CU_ASSERT_EQUAL(tarn_backoff_next(&b, 0, 0), 200);
    CU_ASSERT_EQUAL(tarn_backoff_next(&b, 0, 0), 250);
    CU_ASSERT_EQUAL(tarn_backoff_next(&b, 1001, 0), 100);
}

static void a_cap_below_the_base_wins(void)
{
    struct tarn_backoff b;

    tarn_backoff_init(&b, &(struct tarn_backoff_options){.base_ms = 100, .cap_ms = 1});
    CU_ASSERT_EQUAL(tarn_backoff_next(&b, 0, 0), 1);
    CU_ASSERT_EQUAL(tarn_backoff_next(&b, 0, UINT64_MAX), 1);
}

TARN_TEST_MAIN("backoff", TARN_TEST(waits_double_from_800_ms_to_30_s), TARN_TEST(jitter_adds_up_to_but_not_the_same_again),
               TARN_TEST(two_quiet_minutes_start_the_sequence_again), TARN_TEST(the_window_rule_starts_again_in_an_outage),
               TARN_TEST(the_window_rule_doubles_the_load_of_a_long_outage), TARN_TEST(own_numbers_are_used),
               TARN_TEST(a_cap_below_the_base_wins))
