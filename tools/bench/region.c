/* region.c - not measured yet. */
#include "bench.h"

int bench_region(const struct bench_options *o)
{
    (void)o;
    bench_note("region: not measured yet");
    return 0;
}
