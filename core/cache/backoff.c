/* backoff.c - exponential waits with jitter; time and chance come as arguments. */
#include <tarn/backoff.h>

void tarn_backoff_init(struct tarn_backoff *b, const struct tarn_backoff_options *options)
{
    *b = (struct tarn_backoff){.options = options ? *options : (struct tarn_backoff_options){0}};
    if (!b->options.base_ms)
        b->options.base_ms = 800;
    if (!b->options.cap_ms)
        b->options.cap_ms = 30 * 1000;
    if (!b->options.reset_ms)
        b->options.reset_ms = 120 * 1000;
    b->next_ms = b->options.base_ms;
}

/* Start again after quiet, or with `window` when the window is over. */
static void reset_if_due(struct tarn_backoff *b, uint64_t now_ms)
{
    bool due = now_ms - b->mark_ms > b->options.reset_ms;

    if (due)
        b->next_ms = b->options.base_ms;
    if (due || !b->options.window)
        b->mark_ms = now_ms;
}

uint32_t tarn_backoff_next(struct tarn_backoff *b, uint64_t now_ms, uint64_t random)
{
    uint32_t d, cap = b->options.cap_ms;

    reset_if_due(b, now_ms);
    d = b->next_ms < cap ? b->next_ms : cap;
    b->next_ms = d > cap / 2 ? cap : 2 * d;
    return d + (uint32_t)((random >> 32) * d >> 32);
}
