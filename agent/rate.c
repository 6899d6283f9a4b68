/* rate.c - see rate.h. */
#include "rate.h"

#define TOKEN 1000u

static void fill(struct tarn_rate *r, uint64_t now_ms)
{
    uint64_t full = (uint64_t)(r->burst ? r->burst : 1) * TOKEN, passed = now_ms > r->filled_ms ? now_ms - r->filled_ms : 0;

    if (!r->begun || passed >= full) /* at one token a second it is full by then: no overflow below */
        r->tokens = full;
    else
        r->tokens += passed * r->per_second; /* per_second tokens in 1000 ms are per_second thousandths in one */
    if (r->tokens > full)
        r->tokens = full;
    r->filled_ms = r->begun && now_ms < r->filled_ms ? r->filled_ms : now_ms;
    r->begun = true;
}

uint32_t tarn_rate_wait_ms(struct tarn_rate *r, uint64_t now_ms)
{
    if (!r->per_second)
        return 0;
    fill(r, now_ms);
    return r->tokens >= TOKEN ? 0 : (uint32_t)((TOKEN - r->tokens + r->per_second - 1) / r->per_second);
}

bool tarn_rate_take(struct tarn_rate *r, uint64_t now_ms)
{
    if (tarn_rate_wait_ms(r, now_ms))
        return false;
    r->tokens -= r->per_second ? TOKEN : 0;
    return true;
}
