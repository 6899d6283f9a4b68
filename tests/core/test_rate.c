/* Tests of rate.c: the token bucket on a clock moved by hand. */
#include "tarn_test.h"

#include <tarn/rate.h>

/* How many of `tries`, one each `step_ms`, get a token. */
static unsigned takes(struct tarn_rate *r, uint64_t *now, unsigned tries, unsigned step_ms)
{
    unsigned n = 0;

    for (unsigned i = 0; i < tries; i++, *now += step_ms)
        n += tarn_rate_take(r, *now);
    return n;
}

static void a_burst_then_so_many_a_second(void)
{
    static const struct {
        uint32_t per_second, burst;
    } rows[] = {{1, 1}, {3, 1}, {10, 20}, {50, 100}, {1000, 7}, {100000, 5}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tarn_rate r = {.per_second = rows[i].per_second, .burst = rows[i].burst};
        uint64_t now = 123456;
        unsigned n;

        CU_ASSERT_EQUAL(takes(&r, &now, 1000, 0), rows[i].burst); /* all at once */
        CU_ASSERT(tarn_rate_wait_ms(&r, now) > 0);
        n = takes(&r, &now, 100000, 1); /* 100 s of trying each ms */
        CU_ASSERT(n <= 100 * rows[i].per_second + rows[i].burst);
        CU_ASSERT(n >= (rows[i].per_second < 1000 ? 100 * rows[i].per_second - 1 : 99000));
        now += 3600 * 1000;
        CU_ASSERT_EQUAL(takes(&r, &now, 1000, 0), rows[i].burst); /* a rest gives a burst, not more */
    }
}

static void the_wait_is_as_long_as_it_says(void)
{
    struct tarn_rate r = {.per_second = 3, .burst = 1};
    uint64_t now = 0;

    CU_ASSERT(tarn_rate_take(&r, now));
    for (unsigned i = 0; i < 100; i++) {
        uint32_t wait = tarn_rate_wait_ms(&r, now);

        CU_ASSERT(wait == 333 || wait == 334);
        CU_ASSERT(!tarn_rate_take(&r, now + wait - 1));
        now += wait;
        CU_ASSERT(tarn_rate_take(&r, now));
    }
}

static void none_is_no_limit_and_a_clock_that_goes_back_gives_nothing(void)
{
    struct tarn_rate none = {0}, r = {.per_second = 1, .burst = 0};
    uint64_t now = 1000000;

    CU_ASSERT_EQUAL(takes(&none, &now, 1000, 0), 1000);
    CU_ASSERT(tarn_rate_take(&r, now)); /* a burst of 0 is one */
    CU_ASSERT(!tarn_rate_take(&r, now - 500000));
    CU_ASSERT(!tarn_rate_take(&r, now + 999));
    CU_ASSERT(tarn_rate_take(&r, now + 1000));
}

TARN_TEST_MAIN("rate", TARN_TEST(a_burst_then_so_many_a_second), TARN_TEST(the_wait_is_as_long_as_it_says),
               TARN_TEST(none_is_no_limit_and_a_clock_that_goes_back_gives_nothing))
