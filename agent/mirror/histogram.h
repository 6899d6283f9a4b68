/* histogram.h - how often something took how long, in buckets that do not change: what a Prometheus histogram shows.
 *
 * One writer; copied as a whole for readers on other threads.
 */
#ifndef TARN_AGENT_HISTOGRAM_H
#define TARN_AGENT_HISTOGRAM_H

#include <stdint.h>

#define TARN_HISTOGRAM_BUCKETS 18

struct tarn_histogram {
    uint64_t bucket[TARN_HISTOGRAM_BUCKETS + 1]; /* each counts its own; the last: longer than every bound */
    uint64_t sum_ns;
};

/* The upper bound of bucket i in nanoseconds, inclusive. */
uint64_t tarn_histogram_bound_ns(unsigned i);
/* n things took so long each. */
void tarn_histogram_add(struct tarn_histogram *h, uint64_t ns, uint64_t n);

#endif
