/* ingest.c - not measured yet. */
#include "bench.h"

int bench_ingest(const struct bench_options *o)
{
    (void)o;
    bench_note("ingest: not measured yet");
    return 0;
}
