/* core.c - not measured yet. */
#include "bench.h"

int bench_core(const struct bench_options *o)
{
    (void)o;
    bench_note("core: not measured yet");
    return 0;
}
