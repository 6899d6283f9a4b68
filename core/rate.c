/* rate.c - see tarn/rate.h. */
#include <tarn/rate.h>

#define TOKEN INT64_C(1000)

static void fill(struct tarn_rate *r, uint64_t now_ms)
{
    int64_t full = (r->burst ? r->burst : 1) * TOKEN;
    uint64_t passed = now_ms > r->filled_ms ? now_ms - r->filled_ms : 0;
    uint64_t missing = (uint64_t)(full - r->tokens);

    /* per_second tokens in 1000 ms are per_second thousandths in one */
    if (!r->begun || passed > missing / r->per_second)
        r->tokens = full;
    else
        r->tokens += (int64_t)(passed * r->per_second);
    r->filled_ms = r->begun && now_ms < r->filled_ms ? r->filled_ms : now_ms;
    r->begun = true;
}

uint64_t tarn_rate_wait_ms(struct tarn_rate *r, uint64_t now_ms)
{
    if (!r->per_second)
        return 0;
    fill(r, now_ms);
    return r->tokens >= TOKEN ? 0 : (uint64_t)(TOKEN - r->tokens + r->per_second - 1) / r->per_second;
}

bool tarn_rate_take(struct tarn_rate *r, uint64_t now_ms)
{
    if (tarn_rate_wait_ms(r, now_ms))
        return false;
    r->tokens -= r->per_second ? TOKEN : 0;
    return true;
}

uint64_t tarn_rate_reserve(struct tarn_rate *r, uint64_t now_ms)
{
    uint64_t wait = tarn_rate_wait_ms(r, now_ms);

    r->tokens -= r->per_second ? TOKEN : 0;
    return wait;
}
