/* fake_runtime.h - a struct tarn_runtime whose clock moves by hand and whose chance is scripted. No threads. */
#ifndef FAKE_RUNTIME_H
#define FAKE_RUNTIME_H

#include <stdbool.h>
#include <tarn/runtime.h>

struct fake_runtime {
    struct tarn_runtime rt; /* first */
    uint64_t now_ms;        /* set it freely, forwards */
    bool seeded;            /* false: every draw is `fixed`; true: a reproducible sequence from `seed` */
    uint64_t fixed, seed;
};

/* A clock at 1,000,000 ms; every random draw is 0, which is the low end of every jitter. */
struct fake_runtime fake_runtime_init(void);
/* The next number of the sequence behind *seed (splitmix64); also for the tests themselves. */
uint64_t fake_random(uint64_t *seed);

#endif
