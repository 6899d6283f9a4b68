/* histogram.c - see histogram.h. */
#include "histogram.h"

#define US 1000ull
#define MS (1000 * US)
#define S (1000 * MS)

static const uint64_t bounds[TARN_HISTOGRAM_BUCKETS] = {
    10 * US, 50 * US, 100 * US, 500 * US, 1 * MS, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS, 1 * S, 2500 * MS, 5 * S, 10 * S, 30 * S, 60 * S,
};

uint64_t tarn_histogram_bound_ns(unsigned i)
{
    return bounds[i];
}

void tarn_histogram_add(struct tarn_histogram *h, uint64_t ns, uint64_t n)
{
    unsigned i = 0;

    while (i < TARN_HISTOGRAM_BUCKETS && ns > bounds[i])
        i++;
    h->bucket[i] += n;
    h->sum_ns += ns * n;
}
